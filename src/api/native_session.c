/* Signing in and out; who is here, and where. */
#include "api/api_int.h"

#include <math.h>

static void write_account(struct call *c)
{
	const struct who *who = &c->who;
	struct jw *w = &c->w;

	jw_key(w, "account");
	jw_object(w);
	jw_kstr(w, "login", who->login);
	jw_kstr(w, "name", who->name);
	jw_kstr(w, "org", who->org);
	jw_key(w, "roles");
	jw_array(w);
	for (unsigned bit = ROLE_VIEWER; bit <= ROLE_DEVICE; bit <<= 1)
		if (who->roles & bit)
			jw_cstr(w, role_name((enum role)bit));
	jw_array_end(w);
	jw_kint(w, "clearance", who->scope.clearance);
	jw_ktime(w, "raised", who->raised);
	jw_kbool(
	        w, "may_raise", (who->roles & c->site->accounts.break_glass_roles) && who->own.clearance < 4);
	jw_kstr(w, "must",
	        who->must == MUST_PASSWORD        ? "password"
	        : who->must == MUST_SECOND_FACTOR ? "second_factor"
	                                          : "");
	jw_object_end(w);
	jw_kstr(w, "csrf", who->csrf);
}

static void set_cookie(struct call *c, const char *token, int64_t age_s)
{
	http_set_header(c->r, "Set-Cookie",
	        arena_printf(c->a, "heming_session=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
	                token, (long long)age_s, http_secure(c->r) ? "; Secure" : ""));
}

void session_cookie(struct call *c, const char *token)
{
	set_cookie(c, token, 7 * US_DAY / US_SECOND);
}

int session_post(struct call *c, struct err *e)
{
	const struct sign_in in = {.login = body_text(c, "login"),
	        .password = body_text(c, "password"),
	        .code = body_text(c, "code"),
	        .remote = http_remote(c->r)};
	char token[SESSION_TOKEN];
	int rc = session_open(c->site->store, &c->site->accounts, &in, token, e);

	if (rc == 0)
		rc = auth_token(c->site, token, c->a, &c->who, e);
	if (rc < 0)
		return rc;
	session_cookie(c, token);
	jw_object(&c->w);
	write_account(c);
	jw_kstr(&c->w, "token", token);
	jw_object_end(&c->w);
	return 0;
}

int session_get(struct call *c, struct err *e)
{
	const struct base_map *map = &c->site->base_map;
	const struct catalog *k = c->site->catalog;
	struct jw *w = &c->w;

	(void)e;
	jw_object(w);
	write_account(c);
	jw_ktime(w, "now", clock_now(c->site->clock));
	jw_key(w, "city");
	jw_object(w);
	jw_kstr(w, "name", k->city);
	jw_kstr(w, "name_en", k->city_en);
	jw_kstr(w, "region", k->region);
	jw_key(w, "box");
	jw_array(w);
	jw_double(w, k->box.w);
	jw_double(w, k->box.s);
	jw_double(w, k->box.e);
	jw_double(w, k->box.n);
	jw_array_end(w);
	jw_kstr(w, "zone", zone_name(k->zone));
	jw_object_end(w);
	jw_key(w, "map");
	jw_object(w);
	jw_kstr(w, "tiles", map->tiles != NULL ? map->tiles : "");
	jw_kstr(w, "crs", geo_crs_name(map->crs));
	jw_kstr(w, "credit", map->credit != NULL ? map->credit : "");
	jw_object_end(w);
	jw_kbool(w, "demo", c->site->demo);
	jw_kstr(w, "version", c->s->version);
	jw_object_end(w);
	return 0;
}

int session_delete(struct call *c, struct err *e)
{
	int rc = session_close(c->site->store, c->token, e);

	if (rc < 0)
		return rc;
	streams_end_session(c->s->streams, c->token);
	set_cookie(c, "", 0);
	return 0;
}

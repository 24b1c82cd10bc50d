/* Who calls, and whether that one may. Handlers come after this and cannot forget it. */
#include "api/api_int.h"

#include <strings.h>

bool auth_from_here(const struct http_req *r)
{
	/* What proxies add: behind one on this machine everybody seems to be here, also where nobody told us
	 * of it. */
	static const char *const marks[] = {
	        "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-IP", "Forwarded", "Via"};
	const char *remote = http_remote(r);

	if (http_proxied(r))
		return false;
	for (size_t i = 0; i < ARRAY_LEN(marks); i++)
		if (http_header(r, marks[i]) != NULL)
			return false;
	return strncmp(remote, "127.", 4) == 0 || strcmp(remote, "::1") == 0 ||
	       strncmp(remote, "::ffff:127.", 11) == 0;
}

/* The token of a session or of a program: from Authorization: Bearer, else from the cookie. */
static const char *token_of(struct call *c, struct err *e)
{
	const char *header = http_header(c->r, "Authorization"), *cookie;

	if (header != NULL && strncasecmp(header, "Bearer ", 7) == 0) {
		struct str s = str_trim(str_of(header + 7));

		return arena_strndup(c->a, s.p, s.n);
	}
	cookie = http_cookie(c->r, "heming_session");
	if (cookie != NULL && *cookie != '\0') {
		c->by_cookie = true;
		return cookie;
	}
	err_set(e, ERR_UNAUTH,
	        header != NULL ? "sign in with POST /api/v1/session and send Authorization: Bearer TOKEN"
	                       : "sign in first");
	return NULL;
}

int auth_token(struct site *s, const char *token, struct arena *a, struct who *out, struct err *e)
{
	const struct snapshot *now;
	int rc;

	if (strncmp(token, API_TOKEN_PREFIX, sizeof(API_TOKEN_PREFIX) - 1) == 0)
		rc = api_token_find(s->store, token, a, out, e);
	else
		rc = session_find(s->store, &s->accounts, token, a, out, e);
	if (rc < 0)
		return rc;
	now = registry_hold(s->registry);
	who_widen(now, a, out);
	registry_release(s->registry, now);
	return 0;
}

int auth_find(struct call *c, struct err *e)
{
	unsigned access = c->route->access;
	const char *token;
	int rc;

	if (access == OPEN_TO_ALL || (access & LOOPBACK && auth_from_here(c->r)))
		return 0;
	token = token_of(c, e);
	if (token == NULL)
		return ERR_UNAUTH;
	rc = auth_token(c->site, token, c->a, &c->who, e);
	if (rc == 0)
		c->token = token;
	return rc;
}

/* In a time that does not tell how much of it fits. */
static bool same_secret(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned char differ = (unsigned char)(n != m);

	for (size_t i = 0; i < n && m > 0; i++)
		differ |= (unsigned char)(a[i] ^ b[i % m]);
	return differ == 0;
}

static const char *roles_text(struct arena *a, unsigned access)
{
	const char *out = "";

	for (unsigned bit = ROLE_VIEWER; bit <= ROLE_DEVICE; bit <<= 1)
		if (access & bit)
			out = arena_printf(
			        a, "%s%s%s", out, *out != '\0' ? ", " : "", role_name((enum role)bit));
	return out;
}

/* What a session or token of this state may not do, whatever its roles. */
static int check_state(const struct call *c, struct err *e)
{
	const struct who *w = &c->who;

	if (w->must != MUST_NOTHING && !(c->route->flags & ROUTE_ALWAYS)) {
		if (w->must == MUST_PASSWORD)
			err_set(e, ERR_DENIED, "the password must be changed first: PUT /api/v1/me/password");
		else
			err_set(e, ERR_DENIED,
			        "this account needs a second factor first: POST /api/v1/me/second-factor");
		err_at(e, NULL, 0, 0, w->must == MUST_PASSWORD ? "password" : "second_factor");
		return ERR_DENIED;
	}
	if (w->by_token && c->route->flags & ROUTE_SESSION)
		return err_set(e, ERR_DENIED, "this is for a person who signs in, not for an API token");
	if (w->read_only && c->route->flags & ROUTE_CSRF)
		return err_set(e, ERR_DENIED, "this token may only read");
	return 0;
}

int auth_check(struct call *c, struct err *e)
{
	unsigned access = c->route->access;
	const char *csrf;
	int rc;

	if (c->token == NULL)
		return 0; /* open to all, or from this machine: so the stage before said */
	rc = check_state(c, e);
	if (rc < 0)
		return rc;
	if (!(access & SIGNED_IN) && (access & c->who.roles) == 0) {
		const char *roles = roles_text(c->a, access);

		return *roles != '\0'
		               ? err_set(e, ERR_DENIED, "this needs one of the roles: %s", roles)
		               : err_set(e, ERR_DENIED, "this is open on the server's own machine only");
	}
	if (!(c->route->flags & ROUTE_CSRF) || !c->by_cookie)
		return 0;
	csrf = http_header(c->r, "X-CSRF-Token");
	if (csrf == NULL || !same_secret(csrf, c->who.csrf)) {
		err_set(e, ERR_DENIED,
		        "the header X-CSRF-Token must be the csrf that GET /api/v1/session tells");
		return err_at(e, NULL, 0, 0, "X-CSRF-Token");
	}
	return 0;
}

/* What a person does to the own account: password, sessions, API tokens, second factor, delegations,
 * break-glass. */
#include "api/api_int.h"
#include "city/delegation.h"

int me_password_put(struct call *c, struct err *e)
{
	return session_new_password(c->site->store, &c->site->accounts, &c->who, c->token,
	        body_text(c, "old"), body_text(c, "password"), http_remote(c->r), e);
}

int me_sessions_get(struct call *c, struct err *e)
{
	struct session_row *row = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = session_list(c->tx, c->a, &c->who, c->token, &row, &n, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_ktime(w, "created", row[i].created);
		jw_ktime(w, "seen", row[i].seen);
		jw_kstr(w, "remote", row[i].remote);
		jw_kbool(w, "current", row[i].current);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int me_sessions_delete(struct call *c, struct err *e)
{
	return session_close_others(c->site->store, &c->who, c->token, e);
}

/* ---- API tokens ---- */

int me_tokens_get(struct call *c, struct err *e)
{
	struct api_token_row *row = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = api_token_list(c->tx, c->a, &c->who, &row, &n, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kid(w, "id", row[i].id);
		jw_kstr(w, "name", row[i].name);
		write_codes(w, "roles", row[i].roles);
		jw_kbool(w, "read_only", row[i].read_only);
		jw_ktime(w, "created", row[i].created);
		jw_ktime(w, "expires", row[i].expires);
		jw_ktime(w, "used", row[i].used);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int me_tokens_post(struct call *c, struct err *e)
{
	struct api_token_in in = {.name = body_text(c, "name"),
	        .read_only = doc_bool(c->body, "read_only", false),
	        .days = doc_int(c->body, "days", 0)};
	char token[API_TOKEN];
	int64_t id = 0;
	int rc = body_words(c, "roles", &in.roles, e);

	if (rc == 0)
		rc = api_token_add(c->site->store, &c->who, &in, &id, token, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	jw_object(&c->w);
	jw_kid(&c->w, "id", id);
	jw_kstr(&c->w, "token", token);
	jw_object_end(&c->w);
	return 0;
}

int me_token_delete(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : api_token_drop(c->site->store, &c->who, id, e);
}

/* ---- the second factor ---- */

int me_factor_get(struct call *c, struct err *e)
{
	struct factor_state f;
	int rc = factor_get(c->tx, &c->who, &f, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kbool(&c->w, "on", f.on);
	jw_kbool(&c->w, "required", (c->who.roles & c->site->accounts.totp_roles) != 0);
	jw_kint(&c->w, "recovery_left", f.recovery_left);
	jw_object_end(&c->w);
	return 0;
}

/* The form that apps agreed on: https://github.com/google/google-authenticator/wiki/Key-Uri-Format */
static void write_uri(struct call *c, const char *secret)
{
	const char *city = c->site->catalog->city_en;
	struct sb b = SB_INIT;

	sb_puts(&b, "otpauth://totp/Heming%20");
	url_escape(&b, city);
	sb_putc(&b, ':');
	url_escape(&b, c->who.login);
	sb_printf(&b, "?secret=%s&issuer=Heming%%20", secret);
	url_escape(&b, city);
	sb_puts(&b, "&algorithm=SHA1&digits=6&period=30");
	jw_kstr(&c->w, "uri", b.p);
	sb_fini(&b);
}

int me_factor_post(struct call *c, struct err *e)
{
	char secret[40];
	int rc = factor_begin(c->site->store, &c->site->accounts, &c->who, body_text(c, "password"),
	        http_remote(c->r), secret, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "secret", secret);
	write_uri(c, secret);
	jw_object_end(&c->w);
	return 0;
}

int me_factor_confirm(struct call *c, struct err *e)
{
	char recovery[RECOVERY_CODES][PASSWORD_MADE];
	int rc = factor_confirm(
	        c->site->store, &c->site->accounts, &c->who, body_text(c, "code"), recovery, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "codes");
	jw_array(&c->w);
	for (int i = 0; i < RECOVERY_CODES; i++)
		jw_cstr(&c->w, arena_printf(c->a, "%.4s-%.4s-%.4s-%.4s", recovery[i], recovery[i] + 4,
		                       recovery[i] + 8, recovery[i] + 12));
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

int me_factor_remove(struct call *c, struct err *e)
{
	return factor_remove(
	        c->site->store, &c->site->accounts, &c->who, body_text(c, "password"), http_remote(c->r), e);
}

/* ---- acting for one another ---- */

int me_delegations_get(struct call *c, struct err *e)
{
	struct delegation *row = NULL;
	struct jw *w = &c->w;
	int n = 0, rc = delegation_list(c->tx, c->a, &c->who, &row, &n, e);

	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kid(w, "id", row[i].id);
		jw_kstr(w, "from_login", row[i].from_login);
		jw_kstr(w, "from_name", row[i].from_name);
		jw_kstr(w, "to_login", row[i].to_login);
		jw_kstr(w, "to_name", row[i].to_name);
		jw_ktime(w, "begins", row[i].begins);
		jw_ktime(w, "ends", row[i].ends);
		jw_kstr(w, "reason", row[i].reason);
		jw_kbool(w, "given", row[i].given);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

int me_delegations_post(struct call *c, struct err *e)
{
	struct delegation_in in = {
	        .to = body_text(c, "to"), .reason = body_text(c, "reason"), .from = TIME_NONE, .until = 0};
	const char *from = body_text(c, "from");
	int64_t id = 0;
	int rc;

	/* The schema's check has read them as times already. */
	must(time_parse(str_of(body_text(c, "until")), NULL, &in.until));
	if (*from != '\0')
		must(time_parse(str_of(from), NULL, &in.from));
	rc = delegation_add(c->site->store, &c->who, &in, &id, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	jw_object(&c->w);
	jw_kid(&c->w, "id", id);
	jw_object_end(&c->w);
	return 0;
}

int me_delegation_delete(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : delegation_end(c->site->store, &c->who, id, e);
}

/* ---- break-glass ---- */

int me_break_glass_post(struct call *c, struct err *e)
{
	time_us until = TIME_NONE;
	int rc = session_raise(c->site->store, &c->site->accounts, &c->who, c->token, body_text(c, "reason"),
	        doc_int(c->body, "minutes", 0), &until, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_ktime(&c->w, "until", until);
	jw_object_end(&c->w);
	return 0;
}

int me_break_glass_delete(struct call *c, struct err *e)
{
	return session_lower(c->site->store, &c->who, c->token, e);
}

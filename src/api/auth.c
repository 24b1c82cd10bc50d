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

/* A session's token: from Authorization: Bearer, else from the cookie. */
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
	rc = session_find(c->site->store, token, c->a, &c->who, e);
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

int auth_check(struct call *c, struct err *e)
{
	unsigned access = c->route->access;
	const char *csrf;

	if (c->token == NULL)
		return 0; /* open to all, or from this machine: so the stage before said */
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

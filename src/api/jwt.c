#include "api/jwt.h"
#include "base/signature.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void base64url_encode(const void *bytes, size_t n, char *out)
{
	const uint8_t *p = bytes;
	uint32_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 6; have -= 6)
			*out++ = letters[bits >> (have - 6) & 63];
	}
	if (have > 0)
		*out++ = letters[bits << (6 - have) & 63];
	*out = '\0';
}

struct str base64url_decode(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.n + 1);
	uint32_t bits = 0;
	int have = 0;
	size_t n = 0;

	if (out == NULL || s.n % 4 == 1)
		return STR_NULL;
	for (size_t i = 0; i < s.n; i++) {
		const char *at = s.p[i] != '\0' ? strchr(letters, s.p[i]) : NULL;

		if (at == NULL)
			return STR_NULL;
		bits = bits << 6 | (uint32_t)(at - letters);
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[n++] = (char)(bits >> have);
		}
	}
	return (struct str){out, n};
}

/* ---- tokens ---- */

/* The key that the token names; one without a name is taken where it is the only one of its type. */
static const struct doc *find_key(const struct doc *jwks, const char *type, const char *kid)
{
	const struct doc *found = NULL;

	DOC_EACH(k, doc_get(jwks, "keys"))
	{
		const char *use = doc_str(k, "use", "sig");

		if (strcmp(doc_str(k, "kty", ""), type) != 0 || strcmp(use, "sig") != 0)
			continue;
		if (*kid != '\0' && strcmp(doc_str(k, "kid", ""), kid) == 0)
			return k;
		if (*kid == '\0' && found != NULL)
			return NULL;
		if (*kid == '\0')
			found = k;
	}
	return found;
}

static struct str number(struct arena *a, const struct doc *jwk, const char *name)
{
	return base64url_decode(a, str_of(doc_str(jwk, name, "")));
}

static int part(struct arena *a, struct str text, struct doc **out, struct err *e)
{
	struct str json = base64url_decode(a, text);

	if (json.p == NULL || doc_parse_json(a, json, "token", out, e) < 0 || (*out)->type != DOC_MAP)
		return err_set(e, ERR_UNAUTH, "the token is no signed token");
	return 0;
}

int jwt_verify(
        struct arena *a, struct str token, const struct doc *jwks, const struct doc **claims, struct err *e)
{
	struct str rest = token, head = str_cut(&rest, '.'), body = str_cut(&rest, '.'),
	           text = {token.p, head.n + 1 + body.n}, sig;
	struct doc *h = NULL, *c = NULL;
	const struct doc *jwk;
	const char *alg;
	bool ec, ok;
	int rc;

	if (rest.p == NULL || memchr(rest.p, '.', rest.n) != NULL)
		return err_set(e, ERR_UNAUTH, "the token is no signed token");
	rc = part(a, head, &h, e);
	if (rc == 0)
		rc = part(a, body, &c, e);
	if (rc < 0)
		return rc;
	alg = doc_str(h, "alg", "");
	ec = strcmp(alg, "ES256") == 0;
	/* "none" and HS256 with the public key as secret are the classic forgeries. */
	if ((!ec && strcmp(alg, "RS256") != 0) || doc_get(h, "crit") != NULL)
		return err_set(
		        e, ERR_UNAUTH, "the token is signed in a way that is not taken; RS256 and ES256 are");
	jwk = find_key(jwks, ec ? "EC" : "RSA", doc_str(h, "kid", ""));
	if (jwk == NULL)
		return err_set(e, ERR_NOTFOUND, "the token was signed with a key that is not known");
	sig = base64url_decode(a, rest);
	ok = sig.p != NULL &&
	     (ec ? strcmp(doc_str(jwk, "crv", ""), "P-256") == 0 &&
	                             signature_p256(number(a, jwk, "x"), number(a, jwk, "y"), text, sig)
	         : signature_rsa(number(a, jwk, "n"), number(a, jwk, "e"), text, sig));
	if (!ok)
		return err_set(e, ERR_UNAUTH, "the token's signature is not right");
	*claims = c;
	return 0;
}

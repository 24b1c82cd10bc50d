#include "api/api_int.h"
#include "api/jwt.h"

/* A line of an Idempotency-Key, one of a token, the rest its server's keys. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct str rest = {(const char *)p, n}, once = str_cut(&rest, '\n'), token = str_cut(&rest, '\n'),
	           key, raw;
	const struct doc *claims = NULL;
	struct err e = ERR_INIT;
	struct doc *jwks = NULL;

	if (idempotency_key(a, arena_strndup(a, once.n > 0 ? once.p : "", once.n), &key, &e) == 0)
		must(key.n > 0 && key.n <= once.n && memchr(key.p, ' ', key.n) == NULL);
	raw = base64url_decode(a, token);
	if (raw.p != NULL) {
		char *back = arena_alloc(a, (4 * raw.n + 2) / 3 + 1);

		base64url_encode(raw.p, raw.n, back);
		must(strlen(back) == token.n);
		must(token.n == 0 || memcmp(back, token.p, token.n - 1) == 0); /* but for bits past the end */
	}
	if (doc_parse_json(a, rest, "keys", &jwks, &e) == 0 && jwt_verify(a, token, jwks, &claims, &e) == 0)
		must(claims != NULL && claims->type == DOC_MAP);
	arena_free(&a);
	return 0;
}

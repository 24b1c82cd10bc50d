#include "base/signature.h"

/* Keys and signatures of strangers: four numbers, each behind its length in two bytes. Nothing verifies what
 * it did not sign, and no number of any length breaks OpenSSL's door. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct str next(const uint8_t **p, size_t *n)
{
	size_t want = *n >= 2 ? (size_t)((*p)[0] << 8 | (*p)[1]) : 0, skip = *n >= 2 ? 2 : *n;
	struct str s = {(const char *)*p + skip, want < *n - skip ? want : *n - skip};

	*n -= skip + s.n;
	*p += skip + s.n;
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str a = next(&p, &n), b = next(&p, &n), text = next(&p, &n), sig = next(&p, &n);

	(void)signature_rsa(a, b, text, sig);
	must(!signature_p256(a, b, text, sig) ||
	        (a.n == P256_LEN && b.n == P256_LEN && sig.n == 2 * P256_LEN));
	must(!signature_rsa(a, b, text, STR_NULL));
	must(!signature_p256(a, b, text, STR_NULL));
	return 0;
}

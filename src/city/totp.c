#include "city/totp.h"
#include "base/digest.h"

#define STEP (30 * US_SECOND)

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

unsigned totp_code(const uint8_t *key, size_t n, uint64_t step, int digits)
{
	uint8_t counter[8], h[HMAC_SHA1_LEN];
	unsigned v, limit = 1;
	int at;

	for (int i = 7; i >= 0; i--, step >>= 8)
		counter[i] = (uint8_t)step;
	hmac_sha1(key, n, counter, sizeof(counter), h);
	at = h[HMAC_SHA1_LEN - 1] & 15; /* RFC 4226, 5.3: dynamic truncation */
	v = (h[at] & 0x7fU) << 24 | (unsigned)h[at + 1] << 16 | (unsigned)h[at + 2] << 8 | h[at + 3];
	for (int i = 0; i < digits; i++)
		limit *= 10;
	return v % limit;
}

int64_t totp_find(const uint8_t *key, size_t n, struct str digits, time_us now, int64_t last)
{
	int64_t middle = now / STEP;
	unsigned v = 0;

	if (digits.n != 6)
		return -1;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9')
			return -1;
		v = v * 10 + (unsigned)(digits.p[i] - '0');
	}
	for (int64_t step = middle - 1; step <= middle + 1; step++)
		if (step > last && step >= 0 && totp_code(key, n, (uint64_t)step, 6) == v)
			return step;
	return -1;
}

void base32_encode(const uint8_t *p, size_t n, char *out)
{
	uint64_t bits = 0;
	int have = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 5; have -= 5)
			*out++ = alphabet[bits >> (have - 5) & 31];
	}
	if (have > 0)
		*out++ = alphabet[bits << (5 - have) & 31];
	*out = '\0';
}

int base32_decode(struct str s, uint8_t *out, size_t cap)
{
	uint32_t bits = 0;
	int have = 0;
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		char c = (char)(s.p[i] >= 'a' && s.p[i] <= 'z' ? s.p[i] - 32 : s.p[i]);
		const char *at = c != '\0' ? strchr(alphabet, c) : NULL;

		if (at == NULL)
			return -1;
		bits = bits << 5 | (uint32_t)(at - alphabet);
		have += 5;
		if (have >= 8) {
			if (n == cap)
				return -1;
			have -= 8;
			out[n++] = (uint8_t)(bits >> have);
		}
	}
	return (int)n;
}

#include "base/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <xxhash.h>

static const struct {
	const char *name, *openssl;
} kinds[] = {
        [DIGEST_SHA256] = {"sha256", "SHA256"},
        [DIGEST_SM3] = {"sm3", "SM3"},
};

/* Fetched once: a fetch searches the providers under a lock, every time. Lives as long as the process. */
static EVP_MD *fetched[ARRAY_LEN(kinds)];
static pthread_once_t fetched_once = PTHREAD_ONCE_INIT;

static void fetch(void)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		fetched[i] = EVP_MD_fetch(NULL, kinds[i].openssl, NULL);
		if (fetched[i] == NULL)
			panic(__FILE__, __LINE__, "this OpenSSL has no %s", kinds[i].openssl);
	}
}

#define DIGEST_MAGIC 0xd19e5701u

struct digest_ctx {
	uint32_t magic;
	EVP_MD_CTX *evp;
};

struct digest_ctx *digest_begin(enum digest_kind k)
{
	struct digest_ctx *d = xcalloc(1, sizeof(*d));
	pthread_once(&fetched_once, fetch);
	d->magic = DIGEST_MAGIC;
	d->evp = EVP_MD_CTX_new();
	must(d->evp != NULL);
	must(EVP_DigestInit_ex2(d->evp, fetched[k], NULL) == 1);
	return d;
}

void digest_add(struct digest_ctx *d, const void *p, size_t n)
{
	OBJ_CHECK(d, DIGEST_MAGIC);
	must(EVP_DigestUpdate(d->evp, p, n) == 1);
}

void digest_add_field(struct digest_ctx *d, const void *p, size_t n)
{
	uint8_t length[8];
	uint64_t v = n;
	for (int i = 7; i >= 0; i--, v >>= 8)
		length[i] = (uint8_t)v;
	digest_add(d, length, sizeof(length));
	digest_add(d, p, n);
}

void digest_end(struct digest_ctx **dp, uint8_t out[DIGEST_LEN])
{
	struct digest_ctx *d = *dp;
	OBJ_CHECK(d, DIGEST_MAGIC);
	*dp = NULL;
	unsigned n = 0;
	must(EVP_DigestFinal_ex(d->evp, out, &n) == 1 && n == DIGEST_LEN);
	EVP_MD_CTX_free(d->evp);
	d->magic = 0;
	free(d);
}

void digest_once(enum digest_kind k, const void *p, size_t n, uint8_t out[DIGEST_LEN])
{
	unsigned len = 0;
	pthread_once(&fetched_once, fetch);
	must(EVP_Digest(p, n, out, &len, fetched[k], NULL) == 1 && len == DIGEST_LEN);
}

void hmac_sha1(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[HMAC_SHA1_LEN])
{
	unsigned len = 0;

	must(HMAC(EVP_sha1(), key, (int)key_n, p, n, out, &len) != NULL && len == HMAC_SHA1_LEN);
}

bool digest_kind_parse(const char *s, enum digest_kind *k)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(s, kinds[i].name) == 0) {
			*k = (enum digest_kind)i;
			return true;
		}
	}
	return false;
}

const char *digest_kind_name(enum digest_kind k)
{
	return kinds[k].name;
}

void hex_encode(const void *p, size_t n, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *b = p;
	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[b[i] >> 4];
		out[2 * i + 1] = digits[b[i] & 15];
	}
	out[2 * n] = '\0';
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hex_decode(struct str s, uint8_t *out, size_t n)
{
	if (s.n / 2 != n || s.n % 2 != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

uint64_t hash64(const void *p, size_t n, uint64_t seed)
{
	return XXH64(p, n, seed);
}

/* Eight tables: table[k][b] is the effect of byte b followed by k zero bytes ("slicing by 8"). */
static uint32_t table[8][256];
static uint32_t (*crc_best)(uint32_t crc, const uint8_t *p, size_t n);
static pthread_once_t crc_once = PTHREAD_ONCE_INIT;

#define CASTAGNOLI 0x82f63b78u /* bits reversed */

static uint32_t crc_sliced(uint32_t crc, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
		                             (uint32_t)p[3] << 24);
		crc = table[7][low & 255] ^ table[6][low >> 8 & 255] ^ table[5][low >> 16 & 255] ^
		      table[4][low >> 24] ^ table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^ table[0][p[7]];
	}
	for (; n > 0; p++, n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p) & 255];
	return crc;
}

#ifdef __x86_64__
#include <nmmintrin.h>

static __attribute__((target("sse4.2"))) uint32_t crc_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
	uint64_t c = crc;
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t w;
		memcpy(&w, p, 8);
		c = _mm_crc32_u64(c, w);
	}
	crc = (uint32_t)c;
	for (; n > 0; p++, n--)
		crc = _mm_crc32_u8(crc, *p);
	return crc;
}
#endif

static void crc_choose(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t c = b;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? CASTAGNOLI : 0);
		table[0][b] = c;
	}
	for (int k = 1; k < 8; k++) {
		for (int b = 0; b < 256; b++)
			table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 255];
	}
	crc_best = crc_sliced;
#ifdef __x86_64__
	if (__builtin_cpu_supports("sse4.2"))
		crc_best = crc_sse42;
#endif
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	pthread_once(&crc_once, crc_choose);
	return ~crc_best(~crc, p, n);
}

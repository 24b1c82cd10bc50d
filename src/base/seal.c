#include "base/seal.h"
#include "base/digest.h"
#include "base/id.h"

#define ERR_STATE openssl_err_state /* a type of theirs; ours is a failure */
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#undef ERR_STATE

#define MARK "sealed:1:"
#define BLOCK 16
#define SM4_KEY 16

static const char *const cipher_names[] = {[SEAL_AES] = "aes", [SEAL_SM4] = "sm4"};

/* ---- SM4-GCM: OpenSSL before 3.1 has SM4 in counter mode, but not GCM around it ---- */

struct gf {
	uint64_t high, low;
};

static struct gf gf_read(const uint8_t p[BLOCK])
{
	struct gf x = {0, 0};

	for (int i = 0; i < 8; i++) {
		x.high = x.high << 8 | p[i];
		x.low = x.low << 8 | p[8 + i];
	}
	return x;
}

/* SP 800-38D, 6.3; without branches or tables that depend on secrets. */
static struct gf gf_mul(struct gf x, struct gf y)
{
	struct gf z = {0, 0};

	for (int i = 0; i < 128; i++) {
		uint64_t bit = i < 64 ? x.high >> (63 - i) & 1 : x.low >> (127 - i) & 1, carry = y.low & 1;

		z.high ^= y.high & (0 - bit);
		z.low ^= y.low & (0 - bit);
		y.low = y.low >> 1 | y.high << 63;
		y.high = (y.high >> 1) ^ (UINT64_C(0xe1) << 56 & (0 - carry));
	}
	return z;
}

static struct gf hash_part(struct gf sum, struct gf h, const uint8_t *p, size_t n)
{
	for (size_t at = 0; at < n; at += BLOCK) {
		uint8_t block[BLOCK] = {0};
		struct gf x;

		memcpy(block, p + at, n - at < BLOCK ? n - at : BLOCK);
		x = gf_read(block);
		sum = gf_mul((struct gf){sum.high ^ x.high, sum.low ^ x.low}, h);
	}
	return sum;
}

/* In counter mode, which is its own inverse. counter 1 belongs to the tag, the text begins with 2. */
static void sm4_counter(const uint8_t *key, const uint8_t nonce[SEAL_NONCE], uint8_t counter,
        const uint8_t *p, size_t n, uint8_t *out)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t iv[BLOCK] = {0};
	int got = 0;

	memcpy(iv, nonce, SEAL_NONCE);
	iv[BLOCK - 1] = counter;
	must(c != NULL && EVP_EncryptInit_ex2(c, EVP_sm4_ctr(), key, iv, NULL) == 1);
	must(EVP_EncryptUpdate(c, out, &got, p, (int)n) == 1 && got == (int)n);
	EVP_CIPHER_CTX_free(c);
}

static void sm4_tag(const uint8_t *key, const uint8_t nonce[SEAL_NONCE], struct str ad, const uint8_t *text,
        size_t n, uint8_t tag[SEAL_TAG])
{
	static const uint8_t zero[BLOCK];
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	uint8_t block[BLOCK];
	struct gf h, sum = {0, 0};
	int got = 0;

	must(c != NULL && EVP_EncryptInit_ex2(c, EVP_sm4_ecb(), key, NULL, NULL) == 1);
	must(EVP_EncryptUpdate(c, block, &got, zero, BLOCK) == 1 && got == BLOCK);
	EVP_CIPHER_CTX_free(c);
	h = gf_read(block);
	sum = hash_part(sum, h, (const uint8_t *)ad.p, ad.n);
	sum = hash_part(sum, h, text, n);
	sum = gf_mul((struct gf){sum.high ^ (uint64_t)ad.n * 8, sum.low ^ (uint64_t)n * 8}, h);
	for (int i = 7; i >= 0; i--, sum.high >>= 8, sum.low >>= 8) {
		block[i] = (uint8_t)sum.high;
		block[8 + i] = (uint8_t)sum.low;
	}
	sm4_counter(key, nonce, 1, block, BLOCK, tag);
}

/* ---- AES-GCM ---- */

static EVP_CIPHER_CTX *aes(const uint8_t *key, const uint8_t nonce[SEAL_NONCE], struct str ad, bool close)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	int got;

	must(c != NULL && EVP_CipherInit_ex2(c, EVP_aes_256_gcm(), key, nonce, close, NULL) == 1);
	if (ad.n > 0)
		must(EVP_CipherUpdate(c, NULL, &got, (const uint8_t *)ad.p, (int)ad.n) == 1);
	return c;
}

void seal__gcm_close(enum seal_cipher k, const uint8_t *key, const uint8_t nonce[SEAL_NONCE], struct str ad,
        struct str plain, uint8_t *out, uint8_t tag[SEAL_TAG])
{
	const uint8_t *p = (const uint8_t *)plain.p;
	EVP_CIPHER_CTX *c;
	int got;

	if (k == SEAL_SM4) {
		sm4_counter(key, nonce, 2, p, plain.n, out);
		sm4_tag(key, nonce, ad, out, plain.n, tag);
		return;
	}
	c = aes(key, nonce, ad, true);
	must(EVP_CipherUpdate(c, out, &got, p, (int)plain.n) == 1);
	must(EVP_CipherFinal_ex(c, out + got, &got) == 1);
	must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, tag) == 1);
	EVP_CIPHER_CTX_free(c);
}

bool seal__gcm_open(enum seal_cipher k, const uint8_t *key, const uint8_t nonce[SEAL_NONCE], struct str ad,
        struct str text, const uint8_t tag[SEAL_TAG], uint8_t *out)
{
	const uint8_t *p = (const uint8_t *)text.p;
	uint8_t want[SEAL_TAG];
	EVP_CIPHER_CTX *c;
	bool fits;
	int got;

	if (k == SEAL_SM4) {
		sm4_tag(key, nonce, ad, p, text.n, want);
		fits = CRYPTO_memcmp(want, tag, SEAL_TAG) == 0;
		if (fits)
			sm4_counter(key, nonce, 2, p, text.n, out);
		return fits;
	}
	memcpy(want, tag, SEAL_TAG);
	c = aes(key, nonce, ad, false);
	must(EVP_CipherUpdate(c, out, &got, p, (int)text.n) == 1);
	must(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, want) == 1);
	fits = EVP_CipherFinal_ex(c, out + got, &got) == 1;
	EVP_CIPHER_CTX_free(c);
	return fits;
}

/* ---- keys ---- */

int seal_ring_parse(struct str text, struct seal_ring *r, struct err *e)
{
	int line = 0;

	r->n = 0;
	while (text.p != NULL && text.n > 0) {
		struct str row = str_cut(&text, '\n'), words = str_cut(&row, '#');

		line++;
		for (size_t i = 0; i < words.n;) {
			size_t n = 0;

			if (strchr(" \t\r,", words.p[i]) != NULL) {
				i++;
				continue;
			}
			while (i + n < words.n && strchr(" \t\r,", words.p[i + n]) == NULL)
				n++;
			if (r->n == SEAL_KEYS_MAX ||
			        !hex_decode((struct str){words.p + i, n}, r->key[r->n], SEAL_KEY)) {
				err_set(e, ERR_INVALID,
				        "a key of secrets has 64 hexadecimal digits, and there are at "
				        "most %d of them",
				        SEAL_KEYS_MAX);
				return err_at(e, NULL, line, 0, NULL);
			}
			r->n++;
			i += n;
		}
	}
	return 0;
}

void seal_key_name(const uint8_t key[SEAL_KEY], char out[SEAL_NAME])
{
	static const char label[] = "heming name of a key";
	struct digest_ctx *d = digest_begin(DIGEST_SHA256);
	uint8_t sum[DIGEST_LEN];

	digest_add(d, label, sizeof(label));
	digest_add(d, key, SEAL_KEY);
	digest_end(&d, sum);
	hex_encode(sum, (SEAL_NAME - 1) / 2, out);
}

static void derive(const uint8_t key[SEAL_KEY], enum seal_cipher c, uint8_t *out, size_t n)
{
	static const char *const info[] = {[SEAL_AES] = "heming aes-256-gcm", [SEAL_SM4] = "heming sm4-gcm"};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *x = kdf != NULL ? EVP_KDF_CTX_new(kdf) : NULL;
	char digest[8] = "SHA256";
	OSSL_PARAM p[4];

	if (c == SEAL_SM4)
		memcpy(digest, "SM3", 4);
	p[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0);
	p[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)key, SEAL_KEY);
	p[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)info[c], strlen(info[c]));
	p[3] = OSSL_PARAM_construct_end();
	must(x != NULL && EVP_KDF_derive(x, out, n, p) == 1);
	EVP_KDF_CTX_free(x);
	EVP_KDF_free(kdf);
}

static void key_of(const struct seal_ring *r, int i, enum seal_cipher c, uint8_t out[SEAL_KEY])
{
	derive(r->key[i], c, out, c == SEAL_SM4 ? SM4_KEY : SEAL_KEY);
}

/* ---- sealing ---- */

bool seal_is_sealed(struct str text)
{
	return str_starts(text, MARK);
}

static void head_of(const struct seal_ring *r, char out[64])
{
	char name[SEAL_NAME];

	seal_key_name(r->key[0], name);
	snprintf(out, 64, MARK "%s:%s:", name, cipher_names[r->cipher]);
}

bool seal_is_current(const struct seal_ring *r, struct str sealed)
{
	char head[64];

	if (r->n == 0)
		return false;
	head_of(r, head);
	return str_starts(sealed, head);
}

static int no_key(const char *name, struct err *e)
{
	return err_set(e, ERR_STATE,
	        "the key of secrets%s%s is not here; put it back into the file that key-file names, or into "
	        "HEMING_SEAL_KEY",
	        *name ? " " : "", name);
}

int seal_close(const struct seal_ring *r, struct str plain, struct str place, struct sb *out, struct err *e)
{
	uint8_t key[SEAL_KEY], *bytes;
	size_t n = SEAL_NONCE + plain.n + SEAL_TAG;
	char head[64], *hex;

	if (r->n == 0)
		return no_key("", e);
	bytes = xcalloc(1, n);
	hex = xcalloc(2, n + 1);
	key_of(r, 0, r->cipher, key);
	random_bytes(bytes, SEAL_NONCE);
	seal__gcm_close(
	        r->cipher, key, bytes, place, plain, bytes + SEAL_NONCE, bytes + SEAL_NONCE + plain.n);
	head_of(r, head);
	hex_encode(bytes, n, hex);
	sb_printf(out, "%s%s", head, hex);
	OPENSSL_cleanse(key, sizeof(key));
	free(hex);
	free(bytes);
	return 0;
}

int seal_open(const struct seal_ring *r, struct str sealed, struct str place, struct arena *a,
        struct str *plain, struct err *e)
{
	struct str rest = {sealed.p + strlen(MARK), sealed.n - strlen(MARK)}, name, cipher;
	enum seal_cipher c = SEAL_AES;
	uint8_t key[SEAL_KEY], *bytes, *out;
	char mine[SEAL_NAME], shown[SEAL_NAME] = "";
	int i;
	size_t n;
	bool fits;

	if (!seal_is_sealed(sealed))
		return err_set(e, ERR_CORRUPT, "this is not sealed");
	name = str_cut(&rest, ':');
	cipher = str_cut(&rest, ':');
	n = rest.n / 2;
	if (str_is(cipher, cipher_names[SEAL_SM4]))
		c = SEAL_SM4;
	else if (!str_is(cipher, cipher_names[SEAL_AES]))
		return err_set(e, ERR_UNSUPPORTED, "sealed by a cipher that this program does not know");
	if (rest.p == NULL || n < SEAL_NONCE + SEAL_TAG || rest.n > (1 << 20))
		return err_set(e, ERR_CORRUPT, "a sealed secret is cut off");
	for (i = 0; i < r->n; i++) {
		seal_key_name(r->key[i], mine);
		if (str_is(name, mine))
			break;
	}
	if (i == r->n) {
		snprintf(shown, sizeof(shown), STR_FMT, STR_ARG(name));
		return no_key(shown, e);
	}
	bytes = arena_alloc(a, n);
	out = arena_alloc(a, n);
	if (bytes == NULL || out == NULL)
		return err_set(e, ERR_NOMEM, "a sealed secret is too large");
	key_of(r, i, c, key);
	fits = hex_decode(rest, bytes, n) &&
	       seal__gcm_open(c, key, bytes, place,
	               (struct str){(const char *)bytes + SEAL_NONCE, n - SEAL_NONCE - SEAL_TAG},
	               bytes + n - SEAL_TAG, out);
	OPENSSL_cleanse(key, sizeof(key));
	if (!fits)
		return err_set(e, ERR_CORRUPT, "a sealed secret was changed, or belongs to another place");
	*plain = (struct str){(const char *)out, n - SEAL_NONCE - SEAL_TAG};
	return 0;
}

#include "base/signature.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#define RSA_BITS_MIN 2048
#define RSA_LEN_MAX 1024
#define EXPONENT_LEN_MAX 8

static EVP_PKEY *key_from(const char *type, OSSL_PARAM_BLD *b)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	EVP_PKEY *key = NULL;

	if (ctx == NULL || params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
	        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		key = NULL;
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static BIGNUM *number(struct str s)
{
	return BN_bin2bn((const uint8_t *)s.p, (int)s.n, NULL);
}

static bool signed_by(EVP_PKEY *key, struct str text, const void *sig, size_t n)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok = ctx != NULL && key != NULL &&
	          EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	          EVP_DigestVerify(ctx, sig, n, (const uint8_t *)text.p, text.n) == 1;

	EVP_MD_CTX_free(ctx);
	return ok;
}

bool signature_rsa(struct str n, struct str e, struct str text, struct str sig)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	BIGNUM *modulus = NULL, *exponent = NULL;
	EVP_PKEY *key = NULL;
	bool ok;

	if (b != NULL && n.n <= RSA_LEN_MAX && e.n > 0 && e.n <= EXPONENT_LEN_MAX) {
		modulus = number(n);
		exponent = number(e);
	}
	if (modulus != NULL && exponent != NULL && BN_num_bits(modulus) >= RSA_BITS_MIN &&
	        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) == 1 &&
	        OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, exponent) == 1)
		key = key_from("RSA", b);
	ok = signed_by(key, text, sig.p, sig.n);
	EVP_PKEY_free(key);
	BN_free(modulus);
	BN_free(exponent);
	OSSL_PARAM_BLD_free(b);
	return ok;
}

static EVP_PKEY *p256_key(struct str x, struct str y)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	uint8_t point[1 + 2 * P256_LEN] = {4}; /* SEC 1, 2.3.3: not compressed */
	EVP_PKEY *key = NULL;

	memcpy(point + 1, x.p, P256_LEN);
	memcpy(point + 1 + P256_LEN, y.p, P256_LEN);
	if (b != NULL &&
	        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)) == 1)
		key = key_from("EC", b);
	OSSL_PARAM_BLD_free(b);
	return key;
}

bool signature_p256(struct str x, struct str y, struct str text, struct str sig)
{
	ECDSA_SIG *pair;
	EVP_PKEY *key;
	uint8_t *der = NULL;
	int n;
	bool ok;

	if (x.n != P256_LEN || y.n != P256_LEN || sig.n != (size_t)2 * P256_LEN)
		return false;
	key = p256_key(x, y);
	pair = ECDSA_SIG_new();
	must(pair != NULL && ECDSA_SIG_set0(pair, number((struct str){sig.p, P256_LEN}),
	                             number((struct str){sig.p + P256_LEN, P256_LEN})) == 1);
	n = i2d_ECDSA_SIG(pair, &der); /* OpenSSL wants the halves in DER */
	ok = n > 0 && signed_by(key, text, der, (size_t)n);
	OPENSSL_free(der);
	ECDSA_SIG_free(pair);
	EVP_PKEY_free(key);
	return ok;
}

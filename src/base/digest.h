/*
 * digest - hashes and their text forms: SHA-256 (FIPS 180-4) and SM3 (GB/T 32905) by OpenSSL.
 */
#ifndef HEMING_DIGEST_H
#define HEMING_DIGEST_H

#include "base/sb.h"

enum digest_kind { DIGEST_SHA256, DIGEST_SM3 };
#define DIGEST_LEN 32
#define HMAC_SHA1_LEN 20

struct digest_ctx; /* incremental */
struct digest_ctx *digest_begin(enum digest_kind k);
void digest_add(struct digest_ctx *d, const void *p, size_t n);
/* As digest_add, preceded by the length in 8 big-endian bytes: fields cannot run into one another. */
void digest_add_field(struct digest_ctx *d, const void *p, size_t n);
void digest_end(struct digest_ctx **d, uint8_t out[DIGEST_LEN]);
void digest_once(enum digest_kind k, const void *p, size_t n, uint8_t out[DIGEST_LEN]);
bool digest_kind_parse(const char *s, enum digest_kind *k); /* "sha256", "sm3" */
const char *digest_kind_name(enum digest_kind k);

/* RFC 2104 over SHA-1, which is what authenticator apps speak (RFC 6238); for nothing else. */
void hmac_sha1(const void *key, size_t key_n, const void *p, size_t n, uint8_t out[HMAC_SHA1_LEN]);

void hex_encode(const void *p, size_t n, char *out);            /* out holds 2n+1 */
MUST_USE bool hex_decode(struct str s, uint8_t *out, size_t n); /* exactly n bytes */

/* XXH64-quality 64-bit hash for tables and checksums of blocks; not for secrets. */
uint64_t hash64(const void *p, size_t n, uint64_t seed);
uint32_t crc32c(uint32_t crc, const void *p, size_t n); /* Castagnoli, RFC 3720 */

#endif

/*
 * seal - small secrets, so that who reads them without the key learns nothing, and who changes or moves them
 * is found out. AES-256-GCM (NIST SP 800-38D) or SM4-GCM (GB/T 32907 in the mode of RFC 8998), by OpenSSL;
 * the key of each cipher is derived from the ring's by HKDF (RFC 5869, with SHA-256 or SM3).
 *
 *   sealed:1:KEY:CIPHER:hex(12 bytes nonce, text, 16 bytes tag)
 *
 * KEY names the key by 8 digits of its hash, so that several may be in use while one takes the place of
 * another. `place` is what the secret belongs to; it is part of the tag, and not kept.
 *
 * Pure but for the nonces. Any thread.
 */
#ifndef HEMING_SEAL_H
#define HEMING_SEAL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

#define SEAL_KEY 32 /* bytes */
#define SEAL_KEYS_MAX 16
#define SEAL_NAME 9

enum seal_cipher { SEAL_AES, SEAL_SM4 };
struct seal_ring {
	int n;                                /* 0: nothing can be sealed or opened */
	uint8_t key[SEAL_KEYS_MAX][SEAL_KEY]; /* the first seals, all of them open */
	enum seal_cipher cipher;
};

/* Keys of 64 hexadecimal digits, by white space or commas; # begins a comment. ERR_INVALID. */
MUST_USE int seal_ring_parse(struct str text, struct seal_ring *out, struct err *e);
void seal_key_name(const uint8_t key[SEAL_KEY], char out[SEAL_NAME]);

bool seal_is_sealed(struct str text);
/* Whether it was sealed by the ring's first key and its cipher. */
bool seal_is_current(const struct seal_ring *r, struct str sealed);
/* Appended to out. ERR_STATE without a key. */
MUST_USE int seal_close(
        const struct seal_ring *r, struct str plain, struct str place, struct sb *out, struct err *e);
/* Into the arena. ERR_STATE: its key is not in the ring. ERR_CORRUPT: changed, or of another place. */
MUST_USE int seal_open(const struct seal_ring *r, struct str sealed, struct str place, struct arena *a,
        struct str *plain, struct err *e);

/* The ciphers alone; key of 32 bytes for AES, 16 for SM4. open: false if the tag does not fit. */
#define SEAL_NONCE 12
#define SEAL_TAG 16
void seal__gcm_close(enum seal_cipher c, const uint8_t *key, const uint8_t nonce[SEAL_NONCE], struct str ad,
        struct str plain, uint8_t *out, uint8_t tag[SEAL_TAG]);
MUST_USE bool seal__gcm_open(enum seal_cipher c, const uint8_t *key, const uint8_t nonce[SEAL_NONCE],
        struct str ad, struct str text, const uint8_t tag[SEAL_TAG], uint8_t *out);

#endif

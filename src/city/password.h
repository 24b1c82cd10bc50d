/*
 * password - what may be one, and what the store keeps of it.
 *
 * Rules as NIST SP 800-63B has them: long enough, nothing that everybody guesses first, no composition, no
 * rotation by itself. Hashes are Argon2id (libsodium, RFC 9106) with the cost in their text, so that the cost
 * may grow later.
 */
#ifndef HEMING_CITY_PASSWORD_H
#define HEMING_CITY_PASSWORD_H

#include "base/err.h"

#define PASSWORD_MIN 10
#define PASSWORD_HASH_LEN 128 /* with NUL */
#define PASSWORD_MADE 17

/* Argon2id's cost; {0}: what a city uses, 2 passes over 64 MiB. */
struct password_cost {
	uint64_t passes;
	size_t memory_b;
};
/* The least that Argon2id takes: for tests, where hundreds of passwords mean nothing. */
extern const struct password_cost password_cost_test;

/* ERR_INVALID at `field` for what may not be a password of this account. */
MUST_USE int password_check(
        const char *password, const char *login, const char *name, const char *field, struct err *e);
MUST_USE int password_hash(
        const struct password_cost *cost, const char *password, char out[PASSWORD_HASH_LEN], struct err *e);
/* hash NULL: nobody's. The same work is done, so that time does not tell who exists. */
bool password_verify(const struct password_cost *cost, const char *hash, const char *password);
/* 16 characters that nobody confuses: 80 bits. */
void password_make(char out[PASSWORD_MADE]);

#endif

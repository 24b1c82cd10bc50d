/*
 * secret - the key under which the store's secrets are sealed (base/seal.h), and that they are.
 *
 * Sealed are what must be read again and whose loss would let somebody in: the keys of second factors.
 * Passwords, tokens and the secrets of devices are hashes and need no key.
 *
 * The key lies in a file outside of the store, or in the environment; neither backup nor standby holds it.
 * The store remembers the name of the key, so that a missing or another one is noticed before anything is
 * sealed by it. All copies of the program on one store need the same.
 */
#ifndef HEMING_CITY_SECRET_H
#define HEMING_CITY_SECRET_H

#include "base/seal.h"
#include "store/store.h"

struct secret_key {
	const char *file; /* its mode must be 0600 or less; may not be there yet */
	const char *env;  /* the keys themselves; NULL: they are in the file */
	enum seal_cipher cipher;
};
/* No key is no failure: then the ring is empty. */
MUST_USE int secret_ring(const struct secret_key *k, struct seal_ring *out, struct err *e);
/*
 * Makes a key where the store has none, and seals what is plain or under an older key or another cipher.
 * *missing: the store's key is not in the ring, which is emptied then, so that nothing is sealed that later
 * cannot be opened.
 */
MUST_USE int secret_sync(
        struct store *st, const struct secret_key *k, struct seal_ring *r, bool *missing, struct err *e);
/* A new key in front of the file's; the old ones stay there for backups of before. */
MUST_USE int secret_rotate(
        struct store *st, const struct secret_key *k, struct seal_ring *r, int *sealed, struct err *e);

/* As sealed for an account; plain where the ring is NULL. */
MUST_USE int secret_close_factor(
        const struct seal_ring *r, int64_t account, const char *plain, struct sb *out, struct err *e);
/* ERR_STATE: its key is missing. */
MUST_USE int secret_open_factor(const struct seal_ring *r, int64_t account, struct str kept, struct arena *a,
        struct str *plain, struct err *e);

#endif

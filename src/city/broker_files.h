/*
 * broker_files - brokers.yaml and the files that it names, in backups and standbys.
 *
 * Passwords and keys of certificates are sealed there (base/seal.h) and stay so when they come back: whoever
 * reads one opens it by the site's key. Files outside of the site's folder are left where they are. Any
 * thread.
 */
#ifndef HEMING_CITY_BROKER_FILES_H
#define HEMING_CITY_BROKER_FILES_H

#include "base/seal.h"

#define BROKERS_FILE "brokers.yaml"

/* From one folder into the other, which is there; nothing when there is no such file. ring NULL: all as it
 * stands. left_out (may be NULL): names of secrets that no key is there to seal, by ", ". A brokers.yaml that
 * cannot be read is copied alone. */
MUST_USE int broker_files_copy(
        const char *from, const char *to, const struct seal_ring *ring, struct sb *left_out, struct err *e);
/* A password or a key, sealed or not. ERR_STATE: its key is missing. */
MUST_USE int broker_files_read(const struct seal_ring *ring, struct arena *a, const char *path, size_t most_b,
        struct str *out, struct err *e);

#endif

/*
 * file - files that records hold: licences, plans, photographs. Kept in the record store by their SHA-256, so
 * that every copy of the store has them, and a file that comes twice is kept once.
 *
 * A file is sent first, by itself; a record then names it in a field of type file. One that no record has
 * named within a day is dropped. Whoever may see the field may have the file: there is no other way to it,
 * its hash included. Nothing is believed of its type but what the first bytes show; the door sends it as an
 * attachment.
 *
 * Threads: any.
 */
#ifndef HEMING_CITY_FILE_H
#define HEMING_CITY_FILE_H

#include "base/digest.h"
#include "city/record.h"

#define FILE_MAX ((size_t)16 << 20)

struct file_ref {
	char hash[2 * DIGEST_LEN + 1];
	int64_t size;
	const char *type; /* static text: what its first bytes show */
};
/* ERR_TOOBIG past FILE_MAX, ERR_INVALID for an empty one. Also drops what nobody has named for a day. */
MUST_USE int file_keep(
        struct store *st, const struct who *by, struct str bytes, struct file_ref *out, struct err *e);
/* The nth file (from 0) of a field of a record that `who` may see; ERR_NOTFOUND. Text and bytes in the
 * transaction's arena. */
MUST_USE int file_of_record(struct store_tx *tx, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, const char *field, int nth, const char **name, const char **type,
        struct str *bytes, struct err *e);
/* A record names it for the first time: from now on it stays. ERR_INVALID when `by` has sent none of this
 * hash, size and type within a day: to know the hash of a file is not to have it. */
MUST_USE int file_named(struct store_tx *tx, const struct who *by, const char *hash, int64_t size,
        const char *type, struct err *e);

#endif

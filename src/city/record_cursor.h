/*
 * record_cursor - where a page of a list of records ended, as its reader carries it to the next page.
 *
 * A list walks over records that its reader does not see, and may have to stop at one. So the place, order
 * key and record, is sealed (base/seal.h): a cursor tells nothing, not even whether it names a record that is
 * seen, and none can be made up to find out where a hidden one stands. It holds for one account, kind and
 * order.
 *
 * The key lies among the store's settings, so that all copies of the program on it, and a restored site, read
 * each other's cursors. Threads: those of the transaction.
 */
#ifndef HEMING_CITY_RECORD_CURSOR_H
#define HEMING_CITY_RECORD_CURSOR_H

#include "city/record.h"

/* In the order of a list; equal keys by id. */
struct record_place {
	struct str key;
	int64_t id;
};

/* Makes the store's key unless it has one. */
MUST_USE int record_cursor_key(struct store *st, struct err *e);
/* Into the arena. ERR_STATE: the store has no key. */
MUST_USE int record_cursor_write(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *q, const struct record_place *p, const char **out, struct err *e);
/* Of q->cursor. ERR_INVALID at "cursor" for what this reader was not given for this list. */
MUST_USE int record_cursor_read(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *q, struct record_place *out, struct err *e);

#endif

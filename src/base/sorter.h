/*
 * sorter - more pairs than memory holds, in order of their keys.
 *
 * Pairs are taken until they fill the memory given, are then sorted and written to a temporary file; at the
 * end these runs are merged. What fits in memory never sees the disk. The file lies in TMPDIR, else in
 * /var/tmp, and has no name: it goes with the sorter or the process.
 *
 * Order: bytewise; equal keys in any order. Threads: one at a time. Errors: ERR_FULL, ERR_IO of the file.
 */
#ifndef HEMING_SORTER_H
#define HEMING_SORTER_H

#include "base/err.h"
#include "base/sb.h"

struct sorter;

/* memory_b: of pairs together; merging takes as much again at most. */
struct sorter *sorter_new(size_t memory_b);
void sorter_free(struct sorter **s);
/* Key and value are copied. Not after the first sorter_next. */
MUST_USE int sorter_add(struct sorter *s, struct str key, struct str value, struct err *e);
/* The next pair, valid until the next call: 1, 0 at the end, ERR_*. */
MUST_USE int sorter_next(struct sorter *s, struct str *key, struct str *value, struct err *e);

#endif

/*
 * seen - texts that named a series before: the hot path looks a series up by the bytes that the device sent,
 * without taking them apart. Bounded; forgetting costs only time. Any thread.
 */
#ifndef HEMING_INGEST_SEEN_H
#define HEMING_INGEST_SEEN_H

#include "series/series.h"

struct seen;

struct seen *seen_new(size_t limit);
void seen_free(struct seen **s);
/* The key is the pair of texts. */
bool seen_find(struct seen *s, struct str a, struct str b, series_id *out);
/* The same in two steps: between them the memory has time to bring what the second one needs. */
uint64_t seen_key(struct seen *s, struct str a, struct str b);
bool seen_find_keyed(struct seen *s, uint64_t key, struct str a, struct str b, series_id *out);
void seen_put(struct seen *s, struct str a, struct str b, series_id id);
void seen_forget(struct seen *s); /* all of them */

#endif

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
/* Forgets all: an id has turned out to be no longer valid. */
void seen_clear(struct seen *s);
void seen_put(struct seen *s, struct str a, struct str b, series_id id);

#endif

/*
 * metric_words - what senders say of their metrics (kind, help, unit), kept in memory for who asks.
 *
 * Senders say it again every minute or so: nothing is lost by a start. Bounded; past the limit what is new
 * is not kept. Any thread.
 */
#ifndef HEMING_INGEST_METRIC_WORDS_H
#define HEMING_INGEST_METRIC_WORDS_H

#include "base/arena.h"
#include "base/prompb.h"

struct metric_words;

struct metric_words *metric_words_new(size_t limit);
void metric_words_free(struct metric_words **w);
/* The last said counts. A metric without a name is passed over; long texts are cut. */
void metric_words_put(struct metric_words *w, const struct prompb_metadata *m);
/* All of them in the arena, in order of name. */
size_t metric_words_list(struct metric_words *w, struct arena *a, struct prompb_metadata **out);

#endif

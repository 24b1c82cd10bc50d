/*
 * prompb - the protobuf messages by which Prometheus and its like hand on samples, read and written.
 *
 *   PROMPB_WRITE_1  prometheus.WriteRequest of remote write 1.0
 *   PROMPB_WRITE_2  io.prometheus.write.v2.Request of remote write 2.0: texts stand in a table
 *
 * A message is read in place, series after series, without allocation but for the table of 2.0. What the
 * messages hold besides (exemplars, native histograms) is counted. Whether labels are good is the caller's
 * affair; they come in the order of the message. Pure; one thread at a time.
 * Reference: prometheus.io, "Prometheus Remote-Write 1.0" and "2.0".
 */
#ifndef HEMING_PROMPB_H
#define HEMING_PROMPB_H

#include "base/labels.h"
#include "base/protobuf.h"

#define PROMPB_LABELS 128

enum prompb_form { PROMPB_WRITE_1, PROMPB_WRITE_2 };

/* What is known of a metric. */
struct prompb_metadata {
	struct str metric, help, unit;
	uint32_t type; /* prompb_type_name */
};

struct prompb_series {
	struct label label[PROMPB_LABELS];
	struct labels labels; /* views into the message */
	struct str
	        head; /* 1.0: the bytes of its labels; STR_NULL where these do not stand first and together */
	struct protobuf body; /* for prompb_sample */
	uint64_t samples, histograms, exemplars;
	bool known; /* 2.0: the message says something of its metric */
	struct prompb_metadata metadata;
	const char *bad; /* why its labels cannot be read; the rest of the message can. NULL: they can */
};

struct prompb_reader {
	enum prompb_form form;
	struct protobuf body;
	struct str *symbol; /* 2.0 */
	size_t symbols;
	const char *bad; /* after -1 */
};

/* The table of 2.0 goes into the arena. Negative: no message of this form, or more texts than the arena may
 * hold; *bad says why. */
int prompb_reader_init(struct prompb_reader *r, enum prompb_form form, struct str message, struct arena *a);
/* 1 and a series, 0 at the end, -1 where the message is damaged (r->bad). */
int prompb_next(struct prompb_reader *r, struct prompb_series *out);
/* Whether the next series of a message of 1.0 has these bytes for its labels, as `head` had them before, and
 * then nothing but samples: takes it, without its labels. False: nothing was taken. */
bool prompb_next_known(struct prompb_reader *r, struct str head, struct prompb_series *out);
/* The next sample of the series, time in ms; false at the end. Never bad: prompb_next has looked. */
bool prompb_sample(struct prompb_series *s, int64_t *t_ms, double *v);
/* The next metadata of a message of 1.0, by a reader of its own; as prompb_next. */
int prompb_next_metadata(struct prompb_reader *r, struct prompb_metadata *out);
/* "counter", "gauge", …; "unknown" for a type that is not known. */
const char *prompb_type_name(uint32_t type);

/* ---- remote read: one query out, and from what comes back the series as a message of 1.0 ---- */

void prompb_query_put(struct sb *b, const struct matcher *m, int n, int64_t from_ms, int64_t to_ms);
/* False where the message is damaged. */
MUST_USE bool prompb_result(struct str message, struct str *series);

/* ---- writing 1.0: for each series begin, its samples, end ---- */

size_t prompb_series_begin(struct sb *b, const struct labels *ls);
void prompb_sample_put(struct sb *b, int64_t t_ms, double v);
void prompb_series_end(struct sb *b, size_t at);

#endif

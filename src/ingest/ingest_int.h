/* ingest_int - shared by the files of ingest only. */
#ifndef HEMING_INGEST_INT_H
#define HEMING_INGEST_INT_H

#include "base/metric.h"
#include "city/account.h"
#include "ingest/ingest.h"
#include "ingest/line.h"
#include "ingest/metric_words.h"
#include "ingest/rights.h"
#include "ingest/seen.h"
#include "mqtt/mqtt.h"
#include "net/cert.h"

#include <pthread.h>

struct ingest {
	struct site *site;
	struct seen *seen;
	struct metric_words *words;
	struct mqtt_server *mqtt;
	struct cert *cert; /* of MQTT over TLS; NULL: none */
	struct exchange exchange;
	bool mqtt_open;
	struct post *post; /* of the messages that came last; the MQTT loop's (mqtt.c) */
	pthread_mutex_t commands_lock;
	struct waiter *waiters; /* for answers to commands; by commands_lock */
	dur_us future;
};

enum refusal {
	REFUSED_SYNTAX,
	REFUSED_VALUE,
	REFUSED_FUTURE,
	REFUSED_NAME,
	REFUSED_RIGHT,
	REFUSED_HISTOGRAM
};
/* Counts one, and logs it (sampled by device). */
void ingest__refuse(const char *device, enum refusal why, int line, const char *words);

/* Points collected from one message or body, in an arena. */
struct points {
	struct series_point *p;
	size_t n, cap;
	int refused;
	struct ingest_bad *bad; /* the first 100 */
	int bads;
};
void ingest__bad_line(struct arena *a, struct points *out, const char *device, enum refusal why, int line,
        const char *words);
/* All lines of a text for one device. Negative only when series cannot be made at all. */
MUST_USE int ingest__lines(struct ingest *in, const struct device *d, struct str text, enum line_unit unit,
        struct arena *a, struct points *out, struct err *e);

/* What the doors over HTTP share (write.c): the device that the request names by its headers, and refusals
 * as JSON; p, if any, tells of the lines. */
MUST_USE int ingest__device(struct ingest *in, struct http_req *r, struct device *d, struct err *e);
void ingest__reply_error(
        struct http_req *r, int status, const char *code, const char *words, const struct points *p);
void ingest__reply_err(struct http_req *r, const struct err *e);

/* An answer to a command has come (command.c); any thread. */
void ingest__answered(struct ingest *in, struct str thing, struct str id, struct str payload);
void ingest__commands_init(struct ingest *in);
void ingest__commands_fini(struct ingest *in);

MUST_USE int ingest__mqtt_start(struct ingest *in, const struct ingest_options *o, struct err *e);

#endif

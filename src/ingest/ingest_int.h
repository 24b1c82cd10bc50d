/* ingest_int - shared by the files of ingest only. */
#ifndef HEMING_INGEST_INT_H
#define HEMING_INGEST_INT_H

#include "base/metric.h"
#include "city/account.h"
#include "ingest/bridge.h"
#include "ingest/ingest.h"
#include "ingest/line.h"
#include "ingest/metric_words.h"
#include "ingest/payload.h"
#include "ingest/rights.h"
#include "ingest/seen.h"
#include "ingest/state.h"
#include "mqtt/mqtt.h"
#include "net/cert.h"

#include <pthread.h>
#include <sys/stat.h>

struct ingest {
	struct site *site;
	struct seen *seen;
	struct metric_words *words;
	struct states *states;
	struct refusals *refusals;
	struct mqtt_server *mqtt;
	_Atomic(struct bridges *) bridges; /* NULL: there can be none */
	const char *brokers;               /* their file */
	pthread_mutex_t brokers_lock;      /* while it is read again */
	struct stat brokers_seen;
	dur_us brokers_looked;
	struct cert *cert; /* of MQTT over TLS; NULL: none */
	struct exchange exchange;
	bool mqtt_open;
	struct post *post; /* of the messages that came last; the MQTT loop's (mqtt.c) */
	pthread_mutex_t commands_lock;
	struct waiter *waiters; /* for answers to commands; by commands_lock */
	uint32_t numbers;       /* of commands; by commands_lock */
	dur_us future, past;    /* past 0: any age */
};

/* What was collected from one message or body, in an arena. */
struct points {
	struct series_point *p;
	size_t n, cap;
	size_t taken;         /* readings; a text is one, and several points */
	size_t old;           /* of them more than a year old */
	struct arena *keep;   /* where p lies, where that is not the arena of what was read; or NULL */
	bool any_age;         /* reading-past does not count, and old ones are not counted */
	const char *protocol; /* by which it came, for the quarantine; NULL: by its form */
	bool dry; /* nothing is to be stored: neither points nor series are made, and no refusal is counted */
	int refused;
	struct ingest_bad *bad; /* the first 100 */
	int bads;
};
/* Whether readings with these labels are kept (unknown.c), and as whose: the label `thing` of a merged device
 * becomes its thing's. NULL, or words why not. */
enum admission {
	ADMITTED,           /* the answer lasts */
	ADMITTED_UNDECIDED, /* it is good until ingest__decisions() is another number */
	ADMITTED_NOW,       /* ask again */
};
const char *ingest__admit(struct ingest *in, const struct device *d, const char *protocol, struct labels *ls,
        enum admission *as, enum refusal *why);
/* Not 0; another one after each decision about unknown devices, and each change of things. */
uint32_t ingest__decisions(struct ingest *in);
/* Counts, logs and keeps one for the answer. */
void ingest__bad(struct ingest *in, struct arena *a, struct points *out, const char *device, enum refusal why,
        int line, const char *words);
/* Words when the time lies too far ahead or back; old ones that are taken are counted. */
const char *ingest__time(
        const struct ingest *in, time_us t, time_us now, struct points *out, enum refusal *why);
/* A name as devices have it ("PM2.5", "wind-speed") as one of a metric or label: other printable characters
 * of ASCII become _. STR_NULL when that does not make it one. */
struct str ingest__name(struct arena *a, struct str name, bool metric);
/* Collects a number, or a text under these labels (sorted). add: false when the arena has no room. state:
 * NULL, or words why it is none, "" and e when nothing more can be taken. */
MUST_USE bool ingest__add(struct arena *a, struct points *out, struct series_point p);
const char *ingest__add_state(struct ingest *in, struct arena *a, struct points *out,
        const struct labels *base, struct str text, time_us t, enum refusal *why, struct err *e);
/* They are durable: counts them. */
void ingest__stored(const struct points *p);
/* A batch came back with rc: when series have ended meanwhile, they are looked up anew from now on. */
void ingest__failed(struct ingest *in, int rc);

/* Room for n points more; false when the arena has none. */
MUST_USE bool ingest__room(struct arena *a, struct points *out, size_t n);

/* All lines of a text for one device. Negative only when nothing more can be taken. */
MUST_USE int ingest__lines(struct ingest *in, const struct device *d, struct str text, enum line_unit unit,
        struct arena *a, struct points *out, struct err *e);
/* ctx is the struct ingest: the zone that a thing's times are in when they say none; of a device that stands
 * for another, that one's. */
const struct zone *ingest__zone_of(void *ctx, struct str thing);
/* The same for JSON (payload.h), in which only `things` and `metric` of the shape are read; thing: STR_NULL
 * when the payload names things. *readable: false when nothing could be read from it at all. */
MUST_USE int ingest__payload(struct ingest *in, const struct device *d, struct str text,
        const struct payload_shape *shape, struct str thing, struct arena *a, struct points *out,
        bool *readable, struct err *e);
/* What a parser has read, for one device; thing: of those that name none. */
MUST_USE int ingest__readings(struct ingest *in, const struct device *d, const struct readings *read,
        struct str thing, struct arena *a, struct points *out, struct err *e);
/* An answer to a command has come (command.c), by its id or its number; any thread. */
void ingest__answered(struct ingest *in, struct str thing, struct str id, struct str payload);
/* It goes to a device now; id STR_NULL: of the thing's one, whatever its number. */
void ingest__command_heard(struct ingest *in, struct str thing, struct str id);
void ingest__commands_init(struct ingest *in);
void ingest__commands_fini(struct ingest *in);

/* The file of other brokers (brokers.c). */
MUST_USE int ingest__brokers_read(struct ingest *in, const char *path, struct err *e);
void ingest__brokers_start(struct ingest *in);
void ingest__brokers_free(struct ingest *in); /* after mqtt_close */
void ingest__brokers_look(struct ingest *in); /* reads it again if it has changed; the MQTT loop's */
/* What the messages of another broker come with: the rights of a device (mqtt.c). */
void *ingest__user_of_broker(void *ctx, struct arena *a, const struct device *d);

MUST_USE int ingest__mqtt_start(struct ingest *in, const struct ingest_options *o, struct err *e);

#endif

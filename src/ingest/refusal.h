/*
 * refusal - what was not taken, by device and reason, since the program started.
 *
 * Every refusal is counted three times: by reason (base/metric.h), by device and reason in /metrics, where
 * only the worst devices have lines of their own and all others share one, and in a ledger of each device
 * with the last words, for GET /api/v1/ingest/refusals. All are bounded, whoever knocks. Log lines are
 * sampled by device. Any thread.
 */
#ifndef HEMING_INGEST_REFUSAL_H
#define HEMING_INGEST_REFUSAL_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/sb.h"

enum refusal {
	REFUSED_SYNTAX, /* it cannot be read: torn, or of no known shape */
	REFUSED_VALUE,  /* a value that is none: NaN, a text where numbers were */
	REFUSED_STATE,  /* a text that is too long for a state, or one too many */
	REFUSED_FUTURE, /* the device's clock is ahead */
	REFUSED_PAST,   /* older than the setting reading-past */
	REFUSED_NAME,   /* no name of a metric, a label or a topic */
	REFUSED_UTF8,
	REFUSED_RIGHT,     /* not the device's thing */
	REFUSED_KEY,       /* a wrong name or secret */
	REFUSED_BUSY,      /* more came at once than can wait to be written; to be sent again */
	REFUSED_FLOOD,     /* sent faster than mqtt-rate: not refused, but read more slowly */
	REFUSED_BODY,      /* too large, or its compression is damaged */
	REFUSED_HISTOGRAM, /* native histograms of remote write */
	REFUSED_LIMIT,     /* MQTT: more at once than was offered, or what waits for it is not read */
	REFUSALS
};
const char *refusal_name(enum refusal why);

#define REFUSAL_DEVICES 4096 /* with a ledger of their own */
#define REFUSAL_SHOWN 32     /* with lines of their own in /metrics */
#define REFUSAL_OTHERS "others"

struct refusals;
struct refusals *refusals_new(const struct clock *clock);
void refusals_free(struct refusals **r);
/* line: 1-based place in the text or the list, 0 for none. Texts are copied. */
void refusals_add(struct refusals *r, const char *device, enum refusal why, int line, const char *words);

struct refused {
	const char *device;
	int64_t n[REFUSALS], total;
	time_us first, last;
	enum refusal why; /* of the last one, as the two below */
	int line;
	const char *words;
};
/* The devices with most refusals first; device NULL: all, else at most that one. Returns how many are in
 * *out, which lies in the arena. */
int refusals_list(struct refusals *r, const char *device, int limit, struct arena *a, struct refused **out);
/* heming_ingest_device_refused_total in the exposition format; its lines never go back, and add up to
 * heming_ingest_refused_total. */
void refusals_write(struct refusals *r, struct sb *b);

#endif

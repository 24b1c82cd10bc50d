/*
 * payload - what devices send as JSON, or as a bare word: the shapes of field gateways and of ThingsBoard.
 * Pure.
 *
 *   23.5   open                                    one value, where the topic names the metric
 *   {"v": 2.5, "t": "2026-07-14T08:00:00+08:00"}   the same with its time
 *   {"ch4_lel": 25, "env": {"temp": 19.5}, "door": "open", "ts": 1783987200}
 *                                                  a reading for each member: ch4_lel, env_temp, door
 *   {"ts": 1783987200000, "values": {"ch4_lel": 25}}
 *   {"thing": "YC-GAS-0001", "ch4_lel": 25}        where nothing else says of which thing
 *   [ …, … ]                                       several of these objects
 *   {"YC-GAS-0001": [ …, … ], "YC-GAS-0002": …}    a gateway's: by thing
 *
 * Times are called ts, t, time or timestamp: RFC 3339 (a text without offset is in the zone given), or a
 * number since 1970 in s, ms, us or ns, told apart by its size (below 10^11, 10^14, 10^17). Numbers in quotes
 * are numbers, true and false are 1 and 0, other texts are states; null and "" are no reading. Lists inside
 * are refused. A payload that is no JSON is refused as a whole, else each member for itself.
 */
#ifndef HEMING_INGEST_PAYLOAD_H
#define HEMING_INGEST_PAYLOAD_H

#include "base/time.h"
#include "ingest/refusal.h"

enum payload_things {
	PAYLOAD_ONE,     /* all is of one thing, which the caller knows */
	PAYLOAD_NAMED,   /* objects say `thing` (or are a gateway's by thing) */
	PAYLOAD_GATEWAY, /* an object by thing */
};
struct payload_shape {
	enum payload_things things;
	struct str metric;                                          /* STR_NULL: the payload names it */
	const struct zone *zone;                                    /* of times that say none */
	const struct zone *(*zone_of)(void *ctx, struct str thing); /* NULL: all of it is in `zone` */
	void *ctx;
	struct str thing; /* of what names none, for zone_of; STR_NULL: not known */
};

struct reading {
	struct str thing, metric; /* in the payload or the arena; thing STR_NULL: not said */
	time_us t;                /* TIME_NONE: not said, so arrival */
	double v;
	struct str text; /* p not NULL: a state in place of v */
	int at;          /* place of its object in the payload, from 1 */
};
struct payload_bad {
	int at;
	enum refusal why;
	const char *words;
};
#define PAYLOAD_READINGS 1000000
#define PAYLOAD_BADS 10000 /* after which the rest is not looked at */
struct readings {
	struct reading *r;
	int n;
	size_t cap;
	struct payload_bad *bad;
	int bads;
	size_t bad_cap;
};
/* False when nothing at all could be read: `bad` says why. An empty list is true, with no reading. */
MUST_USE bool payload_parse(
        struct arena *a, struct str payload, const struct payload_shape *shape, struct readings *out);

/* A word that stands for a value, as JSON texts and sheets have it: a number, true or false, or a text, which
 * is left in r->text. False for NaN and infinities. */
MUST_USE bool reading_of_word(struct str word, struct reading *r);
/* Epoch time as whole or decimal number, its unit told by its size. */
MUST_USE bool time_of_number(struct str s, time_us *t);

#endif

/*
 * payload - what devices send over MQTT: a bare number, or JSON in the shapes that field gateways use. Pure.
 *
 *   23.5                                        one value, for a topic that names the metric
 *   {"v": 2.5, "t": "2026-07-14T08:00:00+08:00"}  the same with its time (also epoch milliseconds)
 *   {"ch4_lel": 25, "temp": 19.5, "ts": 1783987200000}   a flat object, one reading for each member
 *   {"ts": 1783987200000, "values": {"ch4_lel": 25}}      ThingsBoard telemetry
 *   [ … ]                                       several of these objects
 */
#ifndef HEMING_INGEST_PAYLOAD_H
#define HEMING_INGEST_PAYLOAD_H

#include "base/arena.h"
#include "base/time.h"

struct reading {
	struct str metric; /* unescaped; in the payload or the arena */
	time_us t;         /* TIME_NONE: not said, so arrival */
	double v;
};
struct readings {
	struct reading *r;
	int n;
	size_t cap;
	int refused;     /* members that are no numbers */
	const char *why; /* words for the first of them, or for the whole; NULL if all is well */
};
/* metric STR_NULL: the topic names none, so the payload must. False when nothing can be read from it: see
 * why. */
MUST_USE bool payload_parse(struct arena *a, struct str payload, struct str metric, struct readings *out);

#endif

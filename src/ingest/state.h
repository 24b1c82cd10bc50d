/*
 * state - texts kept as states: a series of 0 and 1 for each text that a metric has had.
 *
 *   door of GATE-1 is "open"   door{thing="GATE-1",state="open"} 1, door{thing="GATE-1",state="closed"} 0
 *
 * With every reading all known states get their point, so that rules and averages need nothing special. A
 * metric of a thing has at most STATES_MAX of them: what says something new each time (a log line, a serial
 * number) is no state. Where a number was stored under the same labels first, texts are refused: they are the
 * words of a broken sensor. What states there are is asked of the series engine, once. docs/decisions/0002.
 * Any thread.
 */
#ifndef HEMING_INGEST_STATE_H
#define HEMING_INGEST_STATE_H

#include "ingest/refusal.h"
#include "series/series.h"

#define STATE_LABEL "state"
#define STATES_MAX 64
#define STATE_BYTES 128

struct states;
struct states *states_new(void);
void states_free(struct states **s);
void states_forget(struct states *s); /* asks the engine again */

struct state_set {
	series_id id[STATES_MAX];
	int n, on; /* on: the place of the text asked for */
};
/* base: sorted, without the label `state`. Returns NULL, or why the text is no state of it; "" and e when the
 * engine takes no more series. */
const char *states_find(struct states *s, struct series_db *db, const struct labels *base, struct str text,
        struct state_set *out, enum refusal *why, struct err *e);

#endif

/*
 * ship - a second folder of readings, kept a moment behind the first.
 *
 * The log of readings is only ever written at its end, so its new bytes are put behind those of the copy.
 * When the first folder has made a checkpoint, the copy gets the block files that changed, then the
 * checkpoint, then loses the logs before it: the order in which the engine itself does it, so that at each
 * moment the copy is a folder as a crash could have left one, and is opened like that.
 *
 * With a remote engine the copy has the queue too: logs that the engine is still to get or may have to get
 * again, how far it is, and what was deleted. It goes on sending from there.
 *
 * Threads: one at a time, none of the engine's; the engine never waits for the copy's disk. Failure: step
 * again.
 */
#ifndef HEMING_SERIES_SHIP_H
#define HEMING_SERIES_SHIP_H

#include "series/series.h"

struct series_ship;
/* `dir` is made; what lies in it from before and still fits is kept. */
MUST_USE int series_ship_open(struct series_db *db, const char *dir, struct series_ship **out, struct err *e);
/* After it the copy has all that was durable before the call. */
MUST_USE int series_ship_step(struct series_ship *s, struct err *e);
/* Bytes of the log that the copy has not; at least that many. Any thread. */
int64_t series_ship_behind(const struct series_ship *s);
void series_ship_close(struct series_ship **s);
/* What was deleted where there is a remote engine, from a folder of readings to a snapshot that was made of
 * it, without which the engine's readings would come back. One that is gone meanwhile: ERR_NOTFOUND. */
MUST_USE int series_copy_deletions(const char *from, const char *to, struct err *e);

#endif

/*
 * ship - a second file of records, kept a moment behind the first (SQLite; PostgreSQL replicates by itself).
 *
 * The writer hands over the pages of each commit as it finds them in its own log; ship_step() puts all that
 * wait behind the copy as one transaction in a log of SQLite's own form
 * (sqlite.org/fileformat2.html#walformat) and syncs it. So the copy is at any moment a whole database as it
 * stood after some commit: what was written in part is no frame with a sound checksum, and is not looked at.
 * Now and then the log is folded into the file.
 *
 * A copy begins with an image of everything; so does it again when the writer ran further ahead than
 * SHIP_AHEAD_B, or when somebody took the copy away. Until the new image is whole the old one stays.
 *
 * Threads: one at a time, not the writer. The writer never waits for the copy's disk.
 * Failure: a step that failed has put nothing behind the copy that does not belong there; step again.
 */
#ifndef HEMING_STORE_SHIP_H
#define HEMING_STORE_SHIP_H

#include "store/store.h"

#define SHIP_AHEAD_B (64 << 20)

struct store_ship;
/* A copy at `path`, which may be there from before. ERR_UNSUPPORTED where the store is no file. */
MUST_USE int store_ship_open(struct store *st, const char *path, struct store_ship **out, struct err *e);
/* After it the copy has all that was committed before the call. */
MUST_USE int store_ship_step(struct store_ship *s, struct err *e);
int64_t store_ship_behind(struct store_ship *s);       /* bytes that wait; any thread */
int64_t store_ship_images(const struct store_ship *s); /* how often it began with an image */
void store_ship_close(struct store_ship **s);

#endif

/*
 * ahead - the records of a log or a checkpoint, read, checked and decoded by a thread of their own ahead of
 * whoever takes them in, so that coming back keeps two processors busy.
 *
 * Ownership: a record is the taker's until record_free(). Threads: one taker.
 * Failure: damage is a record of its own, in its place; only a file that cannot be opened is an error.
 */
#ifndef HEMING_SERIES_AHEAD_H
#define HEMING_SERIES_AHEAD_H

#include "series/series_int.h"

/* A series as a checkpoint has it. */
struct saved_series {
	uint32_t id;
	bool idle;
	const uint8_t *labels; /* as in the log; in the record's bytes, and sound */
	struct point last;     /* t TIME_NONE: none */
	struct head head;      /* the taker may move it out, and `late` */
	struct late *late;
};

struct record {
	struct record *next;
	bool lost;      /* no frame: f.at and f.n tell which bytes of the file are none */
	bool torn;      /* of lost ones: they may be a frame that was never finished */
	bool sound;     /* of FRAME_POINTS and FRAME_HEADS: all of it could be decoded */
	struct frame f; /* p: as long as the record; not of FRAME_POINTS, which are decoded */
	size_t size;    /* that it takes in memory */
	struct series_point *points;
	size_t points_n, points_cap;
	struct saved_series *series;
	size_t series_n, series_cap;
};
void record_free(struct record **r);

struct ahead;
MUST_USE int ahead_open(struct ahead **out, const char *path, struct err *e);
void ahead_close(struct ahead **a);
/* NULL: the end. */
struct record *ahead_next(struct ahead *a);
uint64_t ahead_size(const struct ahead *a); /* of the file */
/* Bytes of the file for the quarantine, at most n; returns how many. */
size_t ahead_raw(struct ahead *a, uint64_t at, uint8_t *p, size_t n);

#endif

/*
 * block - sealed points of one series, and the SQLite files that keep them, one per span of time.
 *
 * Blocks of one series do not overlap within a file; a later file of the same span (there is one
 * only after damage) overrides an earlier one. A block never reaches over the end of its file's span.
 *
 * Ownership: struct block is the caller's. Threads: writing and expiry on one thread; views on any.
 */
#ifndef HEMING_SERIES_BLOCK_H
#define HEMING_SERIES_BLOCK_H

#include "base/err.h"
#include "series/head.h"
#include "series/window.h"

#include <pthread.h>

#define BLOCK_MAX_B (CODEC_MAX_B + WINDOW_LIST_B + 64)
#define BLOCK_STEP (5 * US_MINUTE) /* of the windows that a block keeps */
#define BLOCK_DENSE 12             /* points of a window, on average, for which they are kept … */
#define BLOCK_PACKED_DENSE 120     /* … in a packed file, where they are to cost next to nothing */
#define BLOCK_WINDOWS (HEAD_POINTS / BLOCK_DENSE)

struct block {
	struct block *next;    /* in the queue for the files */
	struct block *younger; /* of the same series */
	uint32_t series, len;
	int n;
	bool raw;          /* data are the bytes of a head … */
	uint8_t unit, exp; /* … with these; block_encoded makes a block for the files of it */
	time_us t0, t1;
	uint8_t data[];
};

/* 1 <= n <= CODEC_POINTS, times ascending and unique. dense: BLOCK_DENSE or BLOCK_PACKED_DENSE. */
struct block *block_new(uint32_t series, const time_us *t, const double *v, int n, int dense);
/* A full head as it is: encoding it costs ten times as much, and is not for whoever appends. */
struct block *block_of_head(uint32_t series, const struct head *h);
struct block *block_encoded(const struct block *raw);
/* Of either kind, in memory and so sound: b->n points. t and v: CODEC_POINTS each. */
void block_points(const struct block *b, time_us *t, double *v);
/* Checks everything; the number of points, or -1. t and v: CODEC_POINTS each. */
int block_decode(uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t, double *v);
/* The windows that a block keeps, and its last instant, without a look at its points. 0: it keeps none;
 * -1: it is damaged. */
int block_windows(uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t1,
        struct series_window w[BLOCK_WINDOWS]);
/* Whether what a block says of its points (windows or a summary) is what they are. */
bool block_summary_true(uint32_t series, time_us t0, const uint8_t *p, size_t len);

/*
 * Roll-ups: windows of 5 minutes or 1 hour in the place of the points they were made of. To block_decode they
 * are one point a window, to grid_block all that their windows say.
 */
bool block_is_rollup(const uint8_t *p, size_t len);
/* 1 <= n <= WINDOW_LIST_MAX windows side by side, none empty; t1: the last instant that one of them has. */
struct block *rollup_new(uint32_t series, dur_us step, const struct series_window *w, int n, time_us t1);
/* Points that stand no closer than windows of that length would are their own roll-ups. */
bool rollup_in_vain(dur_us step, const time_us *t, int n);
/* The number of windows, or -1. */
int rollup_windows(uint32_t series, time_us t0, const uint8_t *p, size_t len, dur_us *step, time_us *t1,
        struct series_window w[WINDOW_LIST_MAX]);

/* Windows that are filled side by side: the first one ends at `first`. */
struct grid {
	time_us first;
	dur_us step; /* a multiple of BLOCK_STEP */
	size_t n;
	struct window *w;
};
/* Points ascending, and later than all before that fell into the grid; those beside it are passed over. */
void grid_points(struct grid *g, const time_us *t, const double *v, size_t n);
/* A block's points, by the windows that it keeps if it does. False: it is damaged. */
bool grid_block(struct grid *g, uint32_t series, time_us t0, const uint8_t *p, size_t len, time_us *t1);

/* Merges two ascending rows; of one instant b's value stays. out has room for na + nb. Returns n. */
size_t points_merge(const time_us *ta, const double *va, size_t na, const time_us *tb, const double *vb,
        size_t nb, time_us *t, double *v);

/* ---- files ---- */

struct partition;
struct packer;
struct block_files {
	char *dir;
	dur_us span;
	bool sync; /* each commit */
	pthread_mutex_t lock;
	struct partition **part; /* lock; by start, then generation */
	size_t n, cap;           /* lock */
	uint32_t generation;     /* lock; greatest ever used */
	struct packer *packer;   /* writing thread; NULL: no file is being packed */
	/* A damaged row or file; called on the writing thread. */
	void (*damaged)(void *ctx, const char *what, int64_t at, const void *p, size_t n);
	void *ctx;
};
/* What the sealer knows of a series' newest block in a file, so that most blocks need no look-up. */
struct block_tail {
	time_us last; /* INT64_MAX: not known; TIME_NONE: there is none */
	int n;
};
struct block_item {
	struct block *b; /* encoded */
	bool made;       /* for the item, whose it is */
	struct block_tail *tail;
	size_t order; /* of sealing; set by files_write */
};

MUST_USE int files_open(struct block_files *f, const char *dir, dur_us span, bool sync, struct err *e);
void files_close(struct block_files *f);
/* Writes into open transactions, which then are committed or rolled back. Sorts the items. */
MUST_USE int files_write(struct block_files *f, struct block_item *item, size_t n, struct err *e);
MUST_USE int files_commit(struct block_files *f, struct err *e);
void files_rollback(struct block_files *f, struct block_item *item, size_t n);
/* Files that end before t are gone for new views at once, and from the disk when no view has them. */
void files_expire(struct block_files *f, time_us t);
/* Checks one row again and removes it, through damaged(), if it is broken. */
MUST_USE int files_remove_broken(
        struct block_files *f, const char *name, uint32_t series, time_us t0, struct err *e);
/* Greatest series id in any file that is not damaged, for when the catalogue is. */
MUST_USE int files_max_id(struct block_files *f, uint32_t *max, struct err *e);
/* Newest point of a series, looked up: 1, or 0 if there is none. */
MUST_USE int files_latest(struct block_files *f, uint32_t series, time_us *t, double *v, struct err *e);
/* Packs a file that ends before that time, is not larger than most_b, and was not packed since it was last
 * written: a thread makes another one, which takes its place at a later call. Returns PACK_MORE while it is
 * at that (`wait`: after a moment), PACK_DONE when one is packed, 0 when there is none to pack or to wait
 * for. */
enum { PACK_DONE = 1, PACK_MORE };
MUST_USE int files_pack(struct block_files *f, time_us before, int64_t most_b, bool wait, struct err *e);
/* Leaves the file as it is. */
void files_pack_stop(struct block_files *f);
/* What was taken out: points, of which `rolled` live on in windows; bytes of blocks, less what took their
 * place. */
struct thinned {
	uint64_t points, rolled;
	int64_t bytes;
};
/* Of the next file (from *at on) takes the points of [from, to] out of the series, in an open transaction; of
 * roll-ups every window that has some of that time. Counts the files that could not be changed because they
 * are damaged. 1, or 0 at the end. tell(ctx, done, files) as each is through; may be NULL. */
struct thinning {
	const uint32_t *id; /* ascending */
	size_t n;
	time_us from, to;
	void (*tell)(void *ctx, size_t done, size_t files);
	void *ctx;
};
MUST_USE int files_delete(struct block_files *f, const struct thinning *x, size_t *at, struct thinned *out,
        int *unreadable, struct err *e);
/* Of the next file (from *at on) that ends before x->to and has points of the series that stand closer than
 * `step` asks for: makes roll-ups of them, in an open transaction. 1, or 0 at the end. */
MUST_USE int files_roll(struct block_files *f, const struct thinning *x, dur_us step, size_t *at,
        struct thinned *out, struct err *e);
void files_stats(struct block_files *f, uint64_t *blocks, uint64_t *bytes);
/* One file, also while it is written; `to` must not be there. */
MUST_USE int file_image(const char *path, const char *to, struct err *e);
/* cancel: polled between two of them; may be NULL. */
MUST_USE int files_copy(struct block_files *f, const char *dir, const bool *cancel, struct err *e);
bool files_begin_before(struct block_files *f, time_us t); /* any of them */
/* The last instant of the span that t lies in. */
time_us files_span_last(struct block_files *f, time_us t);

/* A view stands still from its opening on. Damaged files are left out of it; one that cannot be read just now
 * (no descriptor, no memory, locked) is a failure, for else its readings would seem to be gone. */
struct files_view {
	struct view_part *part;
	size_t n;
};
MUST_USE int files_view_open(
        struct block_files *f, time_us from, time_us to, struct files_view *v, struct err *e);
void files_view_close(struct block_files *f, struct files_view *v);
/* Blocks of one series in part i that may hold points of [from, to], ascending. */
void files_view_seek(struct files_view *v, size_t i, uint32_t series, time_us from, time_us to);
/* 1 and *p (valid until the next step), 0 at the end, ERR_CORRUPT if the file is damaged from here on;
 * another failure passes. */
MUST_USE int files_view_step(
        struct files_view *v, size_t i, time_us *t0, const uint8_t **p, size_t *len, struct err *e);
/* Roll-ups of an hour (see hours.h) that begin in [from, to]; false: the file has none. Then as above. */
bool files_view_seek_hours(struct files_view *v, size_t i, uint32_t series, time_us from, time_us to);
MUST_USE int files_view_step_hours(
        struct files_view *v, size_t i, time_us *start, const uint8_t **p, size_t *len, struct err *e);
void files_view_span(const struct files_view *v, size_t i, time_us *start, time_us *last);
const char *files_view_name(const struct files_view *v, size_t i);

/* One file, for verify: tell(ctx, text) a finding; the number of damaged places. */
int file_verify(const char *path, void (*tell)(void *ctx, const char *text), void *ctx);
bool file_is_old(const char *path); /* of a format before today's */
/* Saves what can be read of a file into a new one in its place, with roll-ups and in today's format. Nobody
 * else has the folder. `greatest`: no id is above it. */
MUST_USE int file_repair(const char *dir, const char *name, uint32_t greatest,
        void (*tell)(void *ctx, const char *text), void *ctx, struct err *e);
bool file_name_parse(const char *name, time_us *start, time_us *last, uint32_t *generation);

#endif

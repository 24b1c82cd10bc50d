/*
 * files_int - what the parts of the block files share: files.c (the list, connections that write),
 * files_read.c (connections that read, views), files_write.c (blocks and roll-ups in step), files_pack.c
 * (long blocks, full pages), files_thin.c (taking points out), files_care.c (verify, salvage). Nobody else
 * includes it.
 */
#ifndef HEMING_SERIES_FILES_INT_H
#define HEMING_SERIES_FILES_INT_H

#include "series/block.h"
#include "series/hours.h"

#include <sqlite3.h>
#include <stdatomic.h>

/* Programs of before cannot read what is newer than theirs. */
enum {
	BLOCK_FILE_FIRST = 1,    /* without hours, blocks of format 1 */
	BLOCK_FILE_SHORT,        /* blocks of format 2 … */
	BLOCK_FILE_SHORT_ROLLED, /* … and roll-ups among them */
	BLOCK_FILE_FORMAT,       /* today's: blocks of format 4 … */
	BLOCK_FILE_ROLLED,       /* … and roll-ups among them */
};

/* Blocks of a series that may hold points of [?2, ?3]. */
#define RANGE_SQL                                                                                            \
	"SELECT t0, data FROM block WHERE series=?1 AND t0<=?3 AND t0>=coalesce("                            \
	"(SELECT max(t0) FROM block WHERE series=?1 AND t0<=?2), ?2) ORDER BY t0"

enum {
	W_BEGIN,
	W_COMMIT,
	W_ROLLBACK,
	W_BEFORE,
	W_AFTER,
	W_RANGE,
	W_DELETE,
	W_INSERT,
	W_HOUR,
	W_HOUR_PUT,
	W_HOUR_DROP,
	W_LOOSEN,
	W_ALL
};
enum { R_BEGIN, R_TOUCH, R_END, R_RANGE, R_HOURS, R_ALL };

struct reader {
	struct reader *next;
	sqlite3 *db;
	sqlite3_stmt *st[R_ALL]; /* R_HOURS: NULL in a file that has no roll-ups */
};

struct partition {
	time_us start, last;
	uint32_t generation;
	char *name, *path;
	int refs;             /* files lock */
	bool dead, damaged;   /* files lock */
	int idle_n;           /* files lock */
	struct reader *idle;  /* files lock */
	_Atomic int64_t rows; /* -1: not counted yet */
	sqlite3 *db;          /* writing thread, as the rest */
	sqlite3_stmt *st[W_ALL];
	bool writing;
	int packed; /* 1: its pages are full, nothing was written since; -1: not known */
	/* Known once it was opened for writing: it is of format BLOCK_FILE_ROLLED; table `done` is there. */
	bool rolled, marked;
};

struct view_part {
	struct partition *p;
	struct reader *r;
};

int files__sql_err(struct err *e, sqlite3 *db, const struct partition *p, const char *what);
/* Why reading gave rc. ERR_CORRUPT: the bytes of the file are wrong, and will be. Anything else passes, and
 * is no reason to leave the file: what was asked fails, and may be asked again. */
int files__read_err(struct err *e, sqlite3 *db, const struct partition *p, int rc);
/* The file to write t into: the youngest sound one of its span, else a new one in the gap. */
struct partition *files__for(struct block_files *f, time_us t);
bool files__is_newest(struct block_files *f, const struct partition *p);
void files__mark_damaged(struct block_files *f, struct partition *p, const char *why);
void files__unref(struct block_files *f, struct partition *p); /* the last one frees it */
void files__close_reader(struct reader *r);
MUST_USE int files__open_writer(struct block_files *f, struct partition *p, struct err *e);
void files__close_writer(struct partition *p);
/* `fresh` becomes the file of that span, as its next generation; the old one goes when no view has it. */
MUST_USE int files__replace(struct block_files *f, struct partition *old, const char *fresh, struct err *e);
/* files_pack.c: it is written to, or gone; what is made of it is of no use. */
void files__packing_lost(struct block_files *f, const struct partition *p);
#define PACKING_PART ".pack" /* what is made of it, long blocks in pages of which some room is left … */
#define PACKING_WHOLE ".new" /* … and in full ones */
/* 1, 0, negative as files__read_err. */
MUST_USE int files__is_packed(const struct partition *p, struct err *e);
/* files_write.c: in the file's transaction, which files__begin begins. `fresh`: points come that were not
 * there before, so that what was done to the file as a whole is not done any more. */
MUST_USE int files__begin(struct block_files *f, struct partition *p, bool fresh, struct err *e);
int files__step(struct partition *p, int which);
MUST_USE int files__insert(
        struct partition *p, uint32_t series, time_us t0, const uint8_t *data, size_t n, struct err *e);
MUST_USE int files__delete_row(struct partition *p, uint32_t series, time_us t0, struct err *e);
/* The block at or before t; a broken one is set aside, and the one before it taken. */
struct found_block {
	time_us t[CODEC_POINTS], t0;
	double v[CODEC_POINTS];
	int n; /* 0: there is none */
	bool rollup;
	size_t len; /* bytes; of a roll-up they are in `data`, which has room for any */
	uint8_t data[WINDOW_LIST_B + 64];
};
MUST_USE int files__block_before(struct block_files *f, struct partition *p, uint32_t series, time_us before,
        struct found_block *out, struct err *e);
#define ROW_MOST_B 4000 /* longer ones would take a page of their own, most of it empty */
/* *bytes and *last_n: of all blocks, and points of the last one. */
MUST_USE int files__insert_points(struct partition *p, uint32_t series, const time_us *t, const double *v,
        int n, size_t *bytes, int *last_n, struct err *e);
/* Something between t0 and t1 is not what it was. `make`: rows that are not there are made. */
MUST_USE int files__hours_changed(
        struct partition *p, uint32_t series, time_us t0, time_us t1, bool make, struct err *e);

/* Makes the tables of a new file, or brings an older one to today's format. `rolled`: it has roll-ups. */
MUST_USE int files__make_tables(sqlite3 *db, bool rolled);
/* Makes it one that has roll-ups, in a transaction. */
MUST_USE int files__make_rolled(sqlite3 *db);

#endif

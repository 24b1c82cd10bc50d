/*
 * files_int - what the parts of the block files share: files.c (the list, connections, views),
 * files_write.c (blocks and roll-ups in step), files_care.c (verify, salvage). Nobody else includes it.
 */
#ifndef HEMING_SERIES_FILES_INT_H
#define HEMING_SERIES_FILES_INT_H

#include "series/block.h"
#include "series/hours.h"

#include <sqlite3.h>
#include <stdatomic.h>

#define BLOCK_FILE_FORMAT 2 /* 1: without roll-ups, blocks of format 1 */

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
};

struct view_part {
	struct partition *p;
	struct reader *r;
};

int files__sql_err(struct err *e, sqlite3 *db, const struct partition *p, const char *what);
/* The file to write t into: the youngest sound one of its span, else a new one in the gap. */
struct partition *files__for(struct block_files *f, time_us t);
bool files__is_newest(struct block_files *f, const struct partition *p);
void files__mark_damaged(struct block_files *f, struct partition *p, const char *why);
MUST_USE int files__open_writer(struct block_files *f, struct partition *p, struct err *e);
void files__close_writer(struct partition *p);
bool files__is_packed(const struct partition *p);
/* Makes the tables of a new file, or brings an older one to today's format. */
MUST_USE int files__make_tables(sqlite3 *db);

#endif

/* remote_int - shared by the files of the remote engine: remote.c (sending), remote_read.c, remote_export.c.
 */
#ifndef HEMING_SERIES_REMOTE_INT_H
#define HEMING_SERIES_REMOTE_INT_H

#include "series/remote.h"
#include "series/series_int.h"

#define QUEUE_DIR "queue"
#define REMOTE_MARKS 24

struct place {
	uint32_t log;
	uint64_t at; /* offset in it */
};
struct mark { /* what was sent by then */
	dur_us when;
	struct place place;
};

struct series_remote {
	struct series_db *db;
	const struct clock *clock;
	struct series_engine engine;
	dur_us window, keep;
	uint64_t queue_b;
	pthread_t thread;

	/* the thread's alone */
	struct place sent; /* everything before it has been taken once */
	struct place safe; /* … for longer than the window, or before this program began: durable */
	struct mark mark[REMOTE_MARKS];
	int marks;
	bool owns;    /* the folder has readings of before the engine: it keeps all it has */
	double began; /* when the engine was started, as it says; 0: not known */
	bool failed;  /* since the last that went well */
	bool took;    /* the engine has taken something */
	dur_us wait, idle_since, expired, asked;
	struct series_point *p, *frame; /* of a message; of a record of the log */
	size_t n, cap, frame_cap;

	_Atomic int64_t whole_since;
	_Atomic int64_t unheard; /* monotonic: when a question of a reader had no answer; 0: it had */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool stopping;                    /* lock */
	struct series_remote_state state; /* lock */
};

/* remote_export.c: the answer of /api/v1/export, a JSON object a line, series after series. */
struct remote_series {
	struct labels labels; /* sorted; in the arena */
	time_us *t;
	double *v;
	size_t n;
};
/* 1 and a series, 0 at the end, negative where a line cannot be read. Points are sorted, one an instant.
 * *left: points that may still be taken; ERR_TOOBIG past it. */
MUST_USE int remote_export_next(
        struct str *text, struct arena *a, size_t *left, struct remote_series *out, struct err *e);

#endif

/* remote_int - shared by the files of the remote engine: remote.c (sending), remote_read.c, remote_ask.c,
 * remote_export.c, remote_labels.c.
 */
#ifndef HEMING_SERIES_REMOTE_INT_H
#define HEMING_SERIES_REMOTE_INT_H

#include "base/prompb.h"
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
	struct arena *a;
	struct labels outer; /* in it */
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
	_Atomic bool reads;      /* the engine has /api/v1/read and no /api/v1/export */
	_Atomic int64_t unheard; /* monotonic: when a question of a reader had no answer; 0: it had */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool stopping;                    /* lock */
	struct series_remote_state state; /* lock */
};

struct virtual_labels {
	const struct series_virtual *v;
	int n;
};
struct remote_series {
	struct labels labels; /* sorted; in the arena */
	time_us *t;
	double *v;
	size_t n;
};

/* remote_ask.c: raw series from the engine, in either of two forms. The answer lies in the arena. */
struct remote_answer {
	bool read;       /* by remote read; else by export */
	struct str text; /* what is left of an export */
	struct prompb_reader series;
};
/* Points between the query's beginning and `to`, of series that fit the matchers but those on virtual labels.
 * ERR_UNAVAILABLE says what to do. */
MUST_USE int remote_ask(struct series_remote *r, const struct series_query *q,
        const struct virtual_labels *virt, time_us to, struct arena *a, struct remote_answer *out,
        struct err *e);
/* 1 and a series, 0 at the end, negative where it cannot be read. Points are in order, one an instant, the
 * last. *left: points that may still be taken; ERR_TOOBIG past it. */
MUST_USE int remote_answer_next(
        struct remote_answer *in, struct arena *a, size_t *left, struct remote_series *out, struct err *e);

/* remote_labels.c. False when the arena is full. */
MUST_USE bool remote_labels_out(const struct labels *outer, struct labels *ls, struct arena *a);
/* In place. False: another site's series, or one without these labels. */
MUST_USE bool remote_labels_in(const struct labels *outer, struct labels *ls);
/* What the engine is asked for: without the matchers on virtual labels, which are tried on what comes. At
 * least one does not match the empty value. NULL when the arena is full. */
struct matcher *remote_matchers(struct series_remote *r, const struct series_query *q,
        const struct virtual_labels *virt, struct arena *a, int *n);
bool remote_is_virtual(const struct virtual_labels *virt, struct str name);

/* remote_export.c: the same of the lines of /api/v1/export; points as they come. */
MUST_USE int remote_export_next(
        struct str *text, struct arena *a, size_t *left, struct remote_series *out, struct err *e);
/* Sorts points by time; of one instant the last stays. */
void remote_put_in_order(struct remote_series *s);

#endif

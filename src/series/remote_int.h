/* remote_int - shared by the files of the remote engine. Who calls what: remote.c (sending) remote_queue.c
 * and remote_message.c, remote_read.c (reading) remote_ask.c, remote_export.c and remote_labels.c; both know
 * of deletions by remote_gone.c. remote_delete.c and remote_retain.c ask for these, remote_erase.c tells the
 * engine.
 *
 * Locks: gone_lock is taken inside of commit_lock (series_int.h), and no other inside of it.
 */
#ifndef HEMING_SERIES_REMOTE_INT_H
#define HEMING_SERIES_REMOTE_INT_H

#include "base/json.h"
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

/*
 * Readings that were deleted: of its series, those of [from, to], to the engine's millisecond, that were
 * written before `place` of the log. They are not sent any more. What is written for this time after it goes
 * out with the label AFTER and the number, by which a reader tells it from what was there before: the engine
 * may have both.
 */
#define AFTER "heming_after"
enum gone_state {
	GONE_WAITS, /* the engine is to be told when the sender comes to the place */
	GONE_TOLD,  /* it does it */
	GONE_KEPT   /* it will not */
};
struct gone {
	struct gone *next; /* ascending by number, and so by place */
	uint32_t number;
	time_us from, to;
	struct place place;
	bool whole;  /* it is everything that its series had */
	bool aged;   /* it is older than its class allows, and hidden for that as well */
	bool sure;   /* the engine has nothing of it any more, once that is durable there */
	bool sealed; /* the log has the folder's part: the sender may come to it */
	bool passed; /* the sender has been there */
	enum gone_state state;
	struct arena *a;
	struct matcher *m; /* on labels as they are stored; or, where n is 0, … */
	int n;
	struct labels *set; /* … of these label sets, ascending */
	size_t sets;
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
	struct place sent;    /* everything before it has been taken once */
	struct place safe;    /* … for longer than the window, or before this program began: durable */
	struct place expired; /* how far sending was when readings last left the folder */
	struct mark mark[REMOTE_MARKS];
	int marks;
	bool owns;     /* the folder has readings of before the engine: it keeps all it has */
	double *began; /* when each part of the engine was started, as it says; 0: not known */
	bool first;    /* there was no file of places: a new folder, or one of a backup */
	bool failed;   /* since the last that went well */
	bool took;     /* the engine has taken something */
	bool more;     /* something waits that can be sent now */
	dur_us wait, idle_since, expired_when, asked;
	struct series_point *p, *frame; /* of a message; of a record of the log */
	size_t n, cap, frame_cap;

	_Atomic int64_t whole_since;
	_Atomic bool reads;      /* the engine has /api/v1/read and no /api/v1/export */
	_Atomic int64_t unheard; /* monotonic: when a question of a reader had no answer; 0: it had */
	pthread_rwlock_t gone_lock;
	struct gone *gone;                /* gone; the list is changed by whoever, `state` by the thread */
	_Atomic uint32_t gone_last;       /* the greatest number that was ever given: none is given twice */
	const struct series_class *class; /* gone */
	int classes;                      /* gone */
	_Atomic bool refuses;             /* the engine deletes nothing at all */

	pthread_mutex_t lock;
	pthread_cond_t cond, stepped;
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
	uint32_t after; /* number of the deletion behind which it was written; 0: none */
};

/* remote_queue.c: how far sending is, and the logs. */
int remote_place_cmp(struct place a, struct place b);
MUST_USE int remote_place_save(struct series_remote *r, struct err *e);
/* Of before, or of a first start. */
MUST_USE int remote_place_load(struct series_remote *r, struct err *e);
/* Of a log, which is in the folder or was moved to the queue meanwhile; NULL if it is in neither. Heap. */
char *remote_log_path(const struct series_remote *r, uint32_t number, uint64_t *size);
/* Numbers of the logs from `least` on that are there, ascending; and the durable end of all. */
struct place remote_logs(struct series_remote *r, uint32_t least, struct ids *out);
/* Where the log ended before this start. */
struct place remote_log_end(struct series_remote *r);
/* 1: something was written or deleted at or behind a place of it; 0, negative. Nobody writes yet. */
MUST_USE int remote_log_behind(struct series_remote *r, struct place at, struct err *e);
uint64_t remote_waiting(struct series_remote *r, const struct ids *logs, struct place end);
/* Points of the log from r->sent on, as many as make a message, into r->p; *next is behind them. */
MUST_USE int remote_log_read(
        struct series_remote *r, const char *path, uint64_t size, uint64_t *next, struct err *e);
/* Logs that the engine has had for long. */
void remote_logs_drop(struct series_remote *r);

/* remote_message.c: sends r->p. 0: the engine has it, or will never have it. *fresh: by a new connection. */
MUST_USE int remote_send(struct series_remote *r, bool *fresh, struct err *e);
int64_t remote_ms(time_us t);

/* remote_gone.c: what was deleted. */
struct hidden {
	int64_t from, to; /* ms */
	uint32_t number;
	bool passed; /* by the sender */
};
MUST_USE int remote_gone_load(struct series_remote *r, struct err *e);
void remote_gone_fini(struct series_remote *r);
struct gone *remote_gone_new(void);
/* Gets its number and place, the log's end; commit held. Durable, and true from now on. On
 * failure it is still the caller's. */
MUST_USE int remote_gone_add(struct series_remote *r, struct gone *g, struct err *e);
/* To the log's end; before there is a sender, commit held. */
MUST_USE int remote_gone_move(struct series_remote *r, struct gone *g, struct err *e);
/* The log has the folder's part, or there is none; or, not logged, it was never meant and goes. */
void remote_gone_seal(struct series_remote *r, struct gone *g, bool logged);
void remote_gone_free(struct gone *g);
bool remote_gone_has(const struct gone *g, const struct labels *stored);
/* Deletions that a series may have readings of; in the arena. NULL when it is full. */
struct hidden *remote_hidden(struct series_remote *r, const struct labels *stored, struct arena *a, int *n);
/* Takes points out that the engine has of before. stored: labels, without AFTER. False when the arena is
 * full. */
MUST_USE bool remote_hide(
        struct series_remote *r, const struct labels *stored, struct remote_series *s, struct arena *a);
/* The first that waits and whose place is at or before `at`; NULL: none does. The thread's. */
struct gone *remote_gone_due(struct series_remote *r, struct place at);
/* Where the thread must stop for one in the log that it reads; UINT64_MAX: nowhere. */
uint64_t remote_gone_next(struct series_remote *r, struct place at);
void remote_gone_told(struct series_remote *r, struct gone *g, enum gone_state state);
/* From `safe` on everything is done again. */
void remote_gone_again(struct series_remote *r);
/* What needs no mask any more: the engine did it, and had time to make it durable. */
void remote_gone_drop(struct series_remote *r);
/* GONE_TOLD too where it is not there any more. */
enum gone_state remote_gone_state(struct series_remote *r, uint32_t number);
void remote_gone_count(struct series_remote *r, uint64_t *waits, uint64_t *kept);

/* remote_erase.c: tells the engine. Negative: to be tried again. */
MUST_USE int remote_erase(struct series_remote *r, struct gone *g, struct err *e);
/* Labels as they are stored here of the engine's series that match and have something of the time, or lie
 * near it: ascending, each once, in the arena. */
MUST_USE int remote_list(struct series_remote *r, const struct matcher *m, int n, time_us from, time_us to,
        struct arena *a, struct labels **out, size_t *sets, struct err *e);

/* remote_delete.c */
/* Finishes deletions that a crash left between the file and the log. Nobody writes yet. */
MUST_USE int remote_delete_finish(struct series_remote *r, struct err *e);

/* remote_retain.c: before it nothing of the series is answered; INT64_MIN: everything is. With virtual
 * labels. */
time_us remote_horizon(struct series_remote *r, const struct labels *ls, time_us now);

/* remote_read.c */
struct virtual_labels remote_virtual(struct series_db *db);
/* False when the arena is full. */
MUST_USE bool remote_add_virtual(const struct virtual_labels *virt, struct labels *ls, struct arena *a);

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

/* Selector and times of a form. */
void remote_put_selector(struct sb *form, const struct matcher *m, int n);
void remote_put_times(struct sb *form, time_us from, time_us to);
#define REMOTE_ANSWER_MAX_B ((size_t)256 << 20)
/* A form by POST. *status, or negative where no answer came. */
MUST_USE int remote_post(struct series_remote *r, enum series_address to, const char *path,
        const struct sb *form, struct arena *a, int *status, struct str *text, struct err *e);
/* r->reads, found out. */
MUST_USE int remote_probe(struct series_remote *r, struct err *e);

/* remote_labels.c. after: 0, or the number for AFTER. False when the arena is full. */
MUST_USE bool remote_labels_out(
        const struct labels *outer, struct labels *ls, uint32_t after, struct arena *a);
/* In place. False: another site's series, or one without these labels. */
MUST_USE bool remote_labels_in(const struct labels *outer, struct labels *ls, uint32_t *after);
/* What the engine is asked for: without the matchers on virtual labels, which are tried on what comes. At
 * least one does not match the empty value. There is room for one more. NULL when the arena is full. */
struct matcher *remote_matchers(struct series_remote *r, const struct series_query *q,
        const struct virtual_labels *virt, struct arena *a, int *n);
bool remote_is_virtual(const struct virtual_labels *virt, struct str name);

/* remote_export.c: an object of texts. 1; 0 where it is none, negative when the arena is full. The brace is
 * the next token. */
MUST_USE int remote_read_labels(struct json *j, struct arena *a, struct labels *out);
/* The same of the lines of /api/v1/export; points as they come. */
MUST_USE int remote_export_next(
        struct str *text, struct arena *a, size_t *left, struct remote_series *out, struct err *e);
/* Sorts points by time; of one instant the last stays. */
void remote_put_in_order(struct remote_series *s);

#endif

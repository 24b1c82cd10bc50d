/*
 * series_int - what the files of this folder share. Nobody else includes it, but for white-box tests.
 *
 * Locks, taken in this order and released at once:
 *   commit   mutex   the log, from the first byte of a group to its points being in the heads
 *   seal     rwlock  written while blocks move from memory to their files: a reader holds it until
 *                    its view of the files stands, so that no block is in neither
 *   index    rwlock  labels, ids, postings
 *   data     rwlock  heads, late points, sealed blocks that still wait in memory, newest points
 *   columns  mutex   decoded points that are kept
 *   files    mutex   the list of block files and their idle connections
 *   jobs     mutex   wishes to the sealer, its state
 *   spare    mutex   room for the next cursor
 * Fields say which lock guards them.
 */
#ifndef HEMING_SERIES_INT_H
#define HEMING_SERIES_INT_H

#include "series/block.h"
#include "series/column.h"
#include "series/frame.h"
#include "series/head.h"
#include "series/index.h"
#include "series/selection.h"
#include "series/series.h"

#include <pthread.h>
#include <stdatomic.h>

#define LATE_POINTS 256     /* late points of one series that wait in memory */
#define HEADS_FRAME_B 16384 /* a damaged frame of a checkpoint costs no more than this */
#define POINTS_FRAME 65536  /* points in one frame of the log */
#define FIFO_MAX_B (UINT64_C(256) << 20)
#define FIFO_WAKE 512                    /* blocks that are worth a transaction */
#define LOG_LEAST_B (UINT64_C(64) << 20) /* of a log for whose length a checkpoint is made */

struct late {
	uint32_t n, cap;
	struct point p[]; /* in the order of writing */
};

/* One series. With a full head and its labels it stays at about 1 KiB. */
struct series {
	struct index_entry index; /* index */
	bool logged;              /* committer; its labels are in the log */
	bool logging;             /* committer; … in the group being written */
	_Atomic bool idle;        /* had no point at the last expiry, and nobody asked for it since */
	struct head head;         /* data; its points are newer than all that came before them */
	struct point *last;       /* data; its newest point, see series__last(). t TIME_NONE: there is none */
	struct late *late;        /* data; overlays the head, which overlays what is sealed */
	struct block *sealed, *newest; /* data; blocks without a file yet, oldest first */
	time_us filed;                 /* data; no later point has gone into a file since the start */
	uint32_t settled;              /* data; counts what was changed but by appending */
	struct column *column;         /* columns */
	struct block_tail tail;        /* sealer */
};

/*
 * Points of [from, to] to be taken out of series, as far as they were written before it. It stands between
 * the sealed blocks: those before it are in their files when it is carried out, those behind it are not.
 */
/* Who waits for a deletion. */
struct deleting {
	struct series_care *care; /* or NULL */
	const bool *cancel;       /* or NULL */
	bool stopped;             /* data; output: not everything was done */
};
/* What is to happen at the place of the log where a deletion stands; both with commit held. */
struct deletion_hook {
	int (*before)(void *ctx, struct err *e); /* negative: it is not logged */
	void (*after)(void *ctx, bool logged);   /* not called when before() failed */
	void *ctx;
};
struct deletion {
	struct deletion *next;
	struct ids ids; /* ascending */
	time_us *last;  /* newest point of each, as it was */
	time_us from, to;
	uint64_t upto;       /* blocks that were sealed before it */
	struct deleting *by; /* data; NULL: nobody waits for it */
};

enum job_kind { JOB_FLUSH, JOB_EXPIRE, JOB_SNAPSHOT, JOB_DELETE, JOB_ROLL };
struct job {
	struct job *next;
	enum job_kind kind;
	time_us t;
	const char *dir;
	const struct ids *ids; /* JOB_ROLL, to windows of `step` */
	dur_us step;
	struct series_care *care; /* or NULL */
	const bool *cancel;       /* polled, or NULL */
	int rc;
	struct err err;
	bool done;
};

/* A row that a reader found broken. */
struct broken {
	struct broken *next;
	uint32_t series;
	time_us t0;
	char file[];
};

/* Arrays that grow, of points in order of time. */
struct points {
	time_us *t;
	double *v;
	size_t n, t_cap, v_cap;
};

struct series_db {
	uint32_t magic;
	char *dir;
	int lock_fd;
	const struct clock *clock;
	enum series_durability durability;
	size_t queue_points;
	dur_us head_age;
	bool keep_logs;
	_Atomic bool full; /* the remote engine is too far behind: no more is taken */
	series_observe_f *observe;
	void *observe_ctx;

	pthread_rwlock_t index_lock;
	struct index index;                /* index */
	const struct series_virtual *virt; /* index; NULL: none */
	struct selections selections;      /* with a lock of its own, under which no other is taken */

	pthread_rwlock_t data_lock;
	struct block *fifo, *fifo_tail; /* data; all sealed blocks without a file, oldest first */
	_Atomic uint64_t fifo_n, fifo_b, sealed_n, written_n;
	struct deletion *deletions; /* data; oldest first */
	int unreadable;             /* sealer; files that the last deletion could not change */
	bool stopped;               /* sealer; a deletion was, and the log says it as a whole */

	pthread_rwlock_t seal_lock;
	struct block_files files;
	struct columns columns;

	pthread_mutex_t commit_lock;
	struct wal wal;     /* commit */
	struct buf out;     /* committer; frames of the group */
	struct ids fresh;   /* committer; series named in the group for the first time */
	char refusing[512]; /* commit; why no write is taken any more, "" if they are */
	_Atomic uint64_t log_b, commits, quarantined;
	_Atomic int64_t last_sync_us;
	_Atomic size_t waiting; /* points in the queue */
	struct queue *queue;
	pthread_t committer, sealer;

	pthread_mutex_t spare_lock;
	struct points
	        spare; /* spare; of a cursor that ended: fresh pages cost more than the decoding into them */

	pthread_mutex_t job_lock;
	pthread_cond_t job_cond;  /* something to do for the sealer */
	pthread_cond_t done_cond; /* a job is done, or blocks have found their file */
	struct job *jobs;         /* jobs */
	struct broken *broken;    /* jobs */
	bool stopping, wake;      /* jobs */
	char seal_error[512];     /* jobs; why the last attempt failed, "" if it did not */
	dur_us packed_at;         /* sealer; monotonic */
	bool checkpoint_now;      /* sealer */
	uint64_t checkpoint_b;    /* sealer; size of the last checkpoint */
	uint32_t checkpoint;      /* sealer; its number: the first log that it does not cover. 0: none */
};

#define SERIES_MAGIC 0x5e41e501u

static inline struct series *series__at(const struct series_db *db, uint32_t id)
{
	return CONTAINER_OF(index_entry(&db->index, id), struct series, index);
}
/* The newest points lie side by side, so that asking for all of them is one walk; guarded by data. */
static inline struct point *series__last(const struct series_db *db, uint32_t id)
{
	return index_beside(&db->index, id);
}
/* Without points since an expiry: not shown any more. */
static inline bool series__hidden(const struct series *s)
{
	return s->last->t == TIME_NONE && atomic_load_explicit(&s->idle, memory_order_relaxed);
}

/* series.c */
/* One process at a time; the lock goes with the process however it ends. *fd: -1, or the caller's. */
MUST_USE int series__lock(const char *dir, int *fd, struct err *e);
/* What only the sealer may do; waits until it is done. */
MUST_USE int series__job(struct series_db *db, struct job *j, struct err *e);

/* apply.c: points into heads, heads into blocks. data held for writing. */
void series__apply_all(struct series_db *db, const struct series_point *p, size_t n);
void series__seal(struct series_db *db, uint32_t id);
/* Late points sorted, of one instant the last. out has room for l->n. */
size_t series__late_sorted(const struct late *l, time_us *t, double *v);

/* commit.c */
void *series__commit_run(void *db);
/* After a failed write or sync: cuts the log back, or refuses from now on. commit held. */
void series__give_up(struct series_db *db, struct err *e);
/* A label set as logs and checkpoints write it, and back (views into p; l has room for LABELS_MAX). */
void series__labels_put(struct buf *b, const struct label *l, int n);
bool series__labels_get(const uint8_t **p, const uint8_t *end, struct label *l, int *n);
/* The points of a FRAME_POINTS record, into a heap array that grows; false where it is damaged, with those
 * before the damage. */
bool series__points_get(const uint8_t *p, size_t len, struct series_point **out, size_t *cap, size_t *n);

/* seal.c: the other thread */
void *series__seal_run(void *db);
void series__seal_wake(struct series_db *db);
MUST_USE int series__drain(struct series_db *db, uint64_t upto, struct err *e);
/* … until no deletion waits that did so at the call. */
MUST_USE int series__drain_deletions(struct series_db *db, struct err *e);

/* delete.c */
/* Ids that match, ascending. */
MUST_USE int series__match_ids(
        struct series_db *db, const struct matcher *m, int n, struct ids *ids, struct err *e);
/* Logs a deletion, and waits until it is carried out. hook may be NULL. */
MUST_USE int series__delete_ids(struct series_db *db, struct ids *ids, time_us from, time_us to,
        struct series_care *care, const bool *cancel, const struct deletion_hook *hook, struct err *e);
/* retain.c: series_retain, also where logs are kept. */
MUST_USE int series__retain(struct series_db *db, const struct series_class *class, int n, time_us now,
        struct series_care *care, const bool *cancel, struct err *e);
/* How old anything of a class may be; SERIES_FOREVER: as it likes. */
dur_us series__longest(const struct series_class *c);
/* index held, data held for writing; or nobody else there yet. */
void series__deletion_add(
        struct series_db *db, struct ids *ids, time_us from, time_us to, struct deleting *by);
/* Carries the oldest one out. Sealer, or nobody else there yet. */
MUST_USE int series__deletion_run(struct series_db *db, struct err *e);
/* Readings of files whose time is over into roll-ups. Sealer; all blocks have their files. */
MUST_USE int series__roll(struct series_db *db, const struct job *j, struct err *e);
void series__deletion_free(struct deletion *d);
/* A FRAME_DELETE record; ids are the caller's. False where it is damaged. */
MUST_USE bool series__deletion_get(const uint8_t *p, size_t n, struct ids *ids, time_us *from, time_us *to);

/* recover.c */
MUST_USE int series__recover(struct series_db *db, struct err *e);

/* checkpoint.c */
enum { SAVED_POINT = 1, SAVED_IDLE = 2 }; /* flags of a series in a checkpoint */
/* gently: nobody waits for it. */
MUST_USE int series__checkpoint(struct series_db *db, bool gently, struct err *e);
/* Whether a file is called log-NNNNNNNN, say, and its number. */
bool series__numbered(const char *name, const char *what, uint32_t *number);
void series__quarantine(struct series_db *db, const char *what, int64_t at, const void *p, size_t n);
void series__damaged(void *db, const char *what, int64_t at, const void *p, size_t n); /* the same */

/* verify.c; the sealer calls it, so that nothing moves meanwhile. */
MUST_USE int series__snapshot(struct series_db *db, const char *dir, const bool *cancel, struct err *e);

#endif

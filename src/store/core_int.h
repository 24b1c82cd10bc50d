/* core_int - a store and its transactions from within, for the files that make them: store.c, tx.c, writer.c.
 */
#ifndef HEMING_STORE_CORE_INT_H
#define HEMING_STORE_CORE_INT_H

#include "base/intern.h"
#include "store/store_int.h"

#include <pthread.h>
#include <stdatomic.h>

#include "store/journal.h"

#define STORE_MAGIC 0x5707e001u
#define TX_MAGIC 0x5707e002u
#define GROUP_MAX 256 /* writes in one commit */

/* A write of the present group with its result. */
struct slot {
	struct store_job *job;
	int rc;
	struct err e;
};

struct store_tx {
	uint32_t magic;
	struct store *st;
	struct store_conn *conn;
	struct arena *arena;
	const char *purpose;
	time_us now;
	dur_us began;
	bool write;
	int appended;     /* entries of the journal in this transaction */
	struct err first; /* the first failed statement: nothing may follow it */
	struct store_rows *open;
	bool later;          /* writes need not be waited for: store_later */
	struct intern asked; /* ahead.c: statements with their parameters */
	void **answer;       /* of each: its row, NULL for none */
	size_t answers_cap;
	struct store_tx *next_free; /* in the pool of readers */
};

struct store_rows {
	struct store_tx *tx;
	struct store_cursor *cursor;
	struct store_rows **prev, *next; /* open walks of the transaction */
};

MUST_USE int store__may_run(
        struct store_tx *tx, const struct store_statement *s, const void *in, struct err *e);
/* ahead.c. 1 and the row, 0 if there is none, -1 if it was not asked ahead. */
int store__ahead_find(struct store_tx *tx, const struct store_statement *s, const void *in, void *row);
void store__ahead_end(struct store_tx *tx);
/* tx.c: text and blobs of a row, copied into the transaction's arena. */
MUST_USE int store__keep_texts(
        struct store_tx *tx, const struct store_statement *s, void *row, struct err *e);

struct journal_watch {
	void (*f)(void *ctx, int64_t seq);
	void *ctx;
	struct journal_watch *next;
};

struct store {
	uint32_t magic;
	struct store_options o;
	struct store_target target;
	const struct store_ops *ops;
	char *address;
	char holder[33]; /* of leases: this open store */
	int version;
	enum digest_kind digest;

	/* the writer's */
	pthread_t thread;
	bool started;
	struct queue *queue;
	struct store_conn *conn; /* NULL while the database is away */
	struct store_tx tx;
	struct slot *slots;
	dur_us sequencer_until; /* monotonic; we hold the lease before it */
	dur_us looked;          /* monotonic; last tick */
	time_us forgot;         /* last clean-up of group marks */
	int64_t last, told;     /* seq of the last entry known here; that watchers know */
	atomic_bool closing;

	/* other copies */
	pthread_t listener;
	bool listening;
	int wake_fd; /* ends the listener's wait */
	struct store_job notice;
	atomic_bool notice_queued;

	pthread_mutex_t watch_lock; /* held while a watcher runs */
	struct journal_watch *watches;

	pthread_mutex_t read_lock;
	pthread_cond_t read_free;
	struct store_tx *free_readers;
	int readers; /* made */
};

/* store.c */
/* A connection with the trace around it, if that is wanted. */
MUST_USE int store__connect(struct store *st, bool writer, struct store_conn **out, struct err *e);
void store__disconnect(struct store_conn **c);
void store__tell_fault(struct store *st, const struct err *e);
/* Says so when it took longer than the store's option allows. */
void store__tell_slow(struct store *st, const char *what, const char *purpose, dur_us took);

/* tx.c */
void store__tx_reset(struct store_tx *tx, const char *purpose);
void store__close_walks(struct store_tx *tx);
/* Remembers the transaction's first failure; after it PostgreSQL would take no more, so nobody does. */
int store__failed(struct store_tx *tx, int rc, const struct err *e);
void store__reader_free(struct store_tx *tx);

/* writer.c */
void store__writer_start(struct store *st);
/* Carries out what waits, ends the threads. */
void store__writer_stop(struct store *st);
/* Runs f as a write of the store's own: on the writer's thread, or before it runs. */
int store__run_own(struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e);

#endif

/*
 * store - the one door to records: transactions, statements by id, group commit, journal, backup.
 *
 * Behind it stand SQLite (WAL, in the site folder) and PostgreSQL, each a struct of functions; a third
 * of the same kind traces every call. Callers name statements (sql_* functions generated from
 * src/store/sql/NAME.sql into "store/sql.h") and see no dialect. Every statement is prepared at open: a typo
 * stops the start.
 *
 * Writing: one writer thread per store. A write is a function that runs inside a savepoint of the
 * group's transaction; all writes that wait are committed together, then each completion is called.
 * Because a group may be run again after a conflict or a lost connection, a write function changes
 * nothing outside the transaction and its own argument (which it must set, not add to).
 * Reading: any thread, on a connection that cannot write, in one snapshot.
 *
 * Threads: store_write and store_post from any thread but the writer; completions run on the writer.
 * Failure: a write whose completion got 0 is durable. ERR_UNAVAILABLE: the database is away; the door
 * reconnects by itself. ERR_FULL: the disk is full. Nothing is retried that may have been committed:
 * a commit whose outcome is not known is looked up by its group id.
 */
#ifndef HEMING_STORE_H
#define HEMING_STORE_H

#include "base/clock.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/queue.h"

struct store;
struct store_tx;

struct store_options {
	/* "sqlite:" + path of the database file, or "postgres:" + libpq connection string. */
	const char *address;
	const struct clock *clock;
	struct id_source *ids;   /* borrowed; raised past the ids found at open */
	enum digest_kind digest; /* of the journal's chain; a chain once begun keeps its own */
	int readers;             /* most read connections; 0: 8 */
	size_t queue;            /* most writes that may wait; 0: 10,000 */
	bool trace;              /* log every call with its time at DEBUG */
	bool create;             /* make and migrate; without it a missing store is ERR_NOTFOUND */
	bool migrate;            /* bring an older one up to date; with neither it is ERR_STATE */
	dur_us slow;             /* STORE_SLOW is logged past this; 0: 500 ms */
};
/* Applies missing migrations, each in one transaction with its stamp. ERR_NEWER when the store was
 * written by a newer program. */
MUST_USE int store_open(const struct store_options *o, struct store **out, struct err *e);
void store_close(struct store **st);               /* runs what waits */
const char *store_backend(const struct store *st); /* "sqlite", "postgres" */
int store_schema_version(const struct store *st);
int64_t store_new_id(struct store *st);
const struct clock *store_clock(const struct store *st);

/* ---- transactions ---- */

/* A failure returned by the function rolls back to its own start and goes to its own completion only. */
typedef int store_write_f(struct store_tx *tx, void *arg, struct err *e);
/* Runs f and waits until it is durable. `purpose` is for logs and messages, static text. */
MUST_USE int store_write(struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e);
/* The same for very much that nobody else writes or reads meanwhile, as an index that is made anew: in a
 * transaction of its own, which does not ask PostgreSQL to watch all that it has touched. */
MUST_USE int store_write_bulk(
        struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e);
/* Until it is called with NULL: behind every function that this thread gives to store_write, f runs in the
 * same transaction; its failure undoes both. */
void store_also(store_write_f *f, void *arg);
struct store_job {
	struct queue_node node; /* first */
	const char *purpose;
	store_write_f *write;
	void *arg;
	void (*done)(struct store_job *j, int rc, const struct err *e); /* on the writer, after the commit */
	bool bulk;                                                      /* see store_write_bulk */
};
/* ERR_BUSY when too many wait, ERR_UNAVAILABLE when closing: done is not called then. */
MUST_USE int store_post(struct store *st, struct store_job *j, struct err *e);

/* A read transaction; tx belongs to the calling thread until store_read_end. */
MUST_USE int store_read_begin(struct store *st, const char *purpose, struct store_tx **tx, struct err *e);
void store_read_end(struct store_tx **tx);

/* Memory that lives as long as the transaction: text of sql_* `first` results lies here. */
struct arena *store_arena(struct store_tx *tx);
time_us store_now(const struct store_tx *tx); /* one instant for the whole transaction */
int64_t store_tx_id(struct store_tx *tx);     /* a fresh id */

/* ---- statements ---- */

/*
 * After a failed statement nothing more runs in that transaction (ERR_STATE), and its write fails: where
 * a conflict is to be expected, say ON CONFLICT DO NOTHING and look at *changed.
 * Text must be UTF-8 without NUL, and a parameter that may not be NULL must not be: ERR_INVALID.
 * In the structs generated for parameters and columns: int -> int64_t, real -> double, text and blob ->
 * struct str, bool -> bool. A type with "?" may be NULL, which is TIME_NONE, NaN and STR_NULL.
 * What the functions here take is what the generated sql_* wrappers give them; call those.
 */
struct store_statement; /* a row of the generated table */
struct store_rows;

/* Runs; *changed (may be NULL) is the number of rows changed. Broken uniqueness is ERR_CONFLICT with the
 * constraint's table in `field`. */
MUST_USE int store_do(struct store_tx *tx, const struct store_statement *s, const void *in, int64_t *changed,
        struct err *e);
/* n rows of `size` bytes: `times` of them by one statement as long as there are so many, the rest by the one
 * that takes a row. */
MUST_USE int store_do_many(struct store_tx *tx, const struct store_statement *one,
        const struct store_statement *many, size_t times, const void *in, size_t size, size_t n,
        struct err *e);
/* 1 and the first row, 0 if there is none. */
MUST_USE int store_first(
        struct store_tx *tx, const struct store_statement *s, const void *in, void *row, struct err *e);
/*
 * For many rows that come in at once, where the database is a round trip away (PostgreSQL; SQLite does as
 * ever). Both hold until the write function has returned.
 *
 * store_ahead asks a statement of one row n times at once; store_first then has those answers. It is the
 * caller's that nothing which he writes meanwhile would change them.
 * From store_later on, writes whose *changed nobody asks for are not waited for: their failure is told by a
 * later statement, or at the end of the function, which then has failed.
 */
MUST_USE int store_ahead(struct store_tx *tx, const struct store_statement *s, const void *in, size_t size,
        size_t n, struct err *e);
void store_later(struct store_tx *tx);
bool store_is_far(const struct store_tx *tx); /* whether they do anything */
/* All rows: store_rows_next gives 1, 0 at the end; text in *row is valid until the next call. */
MUST_USE int store_rows_open(struct store_tx *tx, const struct store_statement *s, const void *in,
        struct store_rows **out, struct err *e);
MUST_USE int store_rows_next(struct store_rows *r, void *row, struct err *e);
/* The end of the transaction closes what is still open then. */
void store_rows_close(struct store_rows **r);

/* ---- care ---- */

/* A consistent copy while writing goes on: SQLite's online backup, or COPY of every table in one
 * snapshot. `path` must not exist. tell (may be NULL) gets done and total units. */
MUST_USE int store_backup(struct store *st, const char *path,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e);
/* Into an empty store. The two backends read each other's backup only if both say so in their header. */
MUST_USE int store_restore(const struct store_options *o, const char *path, struct err *e);
/* Backend's own check of its files: 0 findings, or their number with one sentence each. */
MUST_USE int store_check(
        struct store *st, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e);

/* A lease by name for `ttl`, renewed by its holder: true if this process holds it now. Leases keep
 * rules, timers and the sequencer on one copy. Clock: the database's. */
MUST_USE int store_lease(struct store *st, const char *name, dur_us ttl, bool *held, struct err *e);

#endif

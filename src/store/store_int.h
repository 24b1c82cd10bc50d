/*
 * store_int - what the files of src/store share: statements as data, and the door to one backend.
 *
 * A backend is a struct store_ops over connections. writer.c uses one connection to write, on the writer
 * thread only, and a pool of them to read, each on one thread at a time; so a backend needs no locks.
 */
#ifndef HEMING_STORE_INT_H
#define HEMING_STORE_INT_H

#include "base/arena.h"
#include "store/store.h"

/* ---- statements and migrations, as tools/sqlgen.py writes them ---- */

enum store_type { STORE_INT, STORE_REAL, STORE_TEXT, STORE_BLOB, STORE_BOOL };
enum store_kind { STORE_DO, STORE_ONE, STORE_MANY };
enum store_dialect { STORE_SQLITE, STORE_POSTGRES, STORE_DIALECTS };

struct store_field {
	const char *name;
	enum store_type type;
	bool null;     /* may be NULL */
	size_t offset; /* in the struct of parameters or columns */
};

struct store_statement {
	const char *name;
	const char *where; /* "case.sql:12" */
	enum store_kind kind;
	int index; /* place in a connection's cache; -1: prepared for one use */
	const char *text[STORE_DIALECTS];
	const struct store_field *in, *out;
	int ins, outs;
	size_t row_size;
};
#define STORE_MAX_FIELDS 256 /* parameters of one statement */

struct store_migration {
	int version;
	const char *name;
	const char *hash; /* SHA-256 of the words of its file, comments aside */
	const char *text[STORE_DIALECTS];
};

struct store_schema {
	int first; /* index of its first statement */
	const struct store_statement *const *statements;
	int statements_n;
	const struct store_migration *migrations; /* ascending */
	int migrations_n;
};
extern const struct store_schema store_schema; /* the program's own */

/* As store_open, with statements and migrations of a test beside the program's own. `more` may be NULL. */
MUST_USE int store__open(
        const struct store_options *o, const struct store_schema *more, struct store **out, struct err *e);

MUST_USE int store__restore(
        const struct store_options *o, const struct store_schema *more, const char *path, struct err *e);

/* ---- one backend ---- */

/* What has become of the transaction after a failure. */
enum store_state {
	STORE_SOUND, /* the failed statement has no effect; the rest stands */
	STORE_GONE,  /* the database has undone all of it (full disk, no memory) */
	STORE_AGAIN, /* in conflict with another copy: the same may go well if run again */
	STORE_LOST,  /* the connection broke */
};

struct store_ops;
struct store_conn { /* first in each backend's own struct */
	const struct store_ops *ops;
	enum store_state state; /* of the transaction; set by the backend, cleared by begin */
	bool writer;
	bool bulk; /* the next transaction need not be safe against others' writes */
	bool in_tx;
};
struct store_cursor; /* a running statement */

/* What a connection is made from; all borrowed and outliving it. */
struct store_target {
	const char *address; /* without the backend's name */
	const struct store_schema *schema[2];
	bool create;           /* make what is missing */
	bool migrate;          /* bring what is older up to date; `create` does, too */
	const char *who;       /* this open store among the copies */
	struct store_tap *tap; /* hears of the writer's commits; NULL: nobody does */
};

/* A connection's calls return 0 or ERR_* and say in conn->state what became of the transaction. */
struct store_ops {
	const char *name;
	enum store_dialect dialect;
	bool shared; /* several copies may write at once: the journal is sequenced under a lease */

	MUST_USE int (*open)(
	        const struct store_target *t, bool writer, struct store_conn **out, struct err *e);
	void (*close)(struct store_conn **c);
	/* Prepares every statement; a wrong one is named. */
	MUST_USE int (*prepare)(struct store_conn *c, struct err *e);

	/* group: id of a group of writes, 0 for none. 1 if the mark of this id is there: then no
	 * transaction is open. A reader's transaction sees what is committed now, and no later change. */
	MUST_USE int (*begin)(struct store_conn *c, int64_t group, time_us now, struct err *e);
	/* On failure with STORE_LOST the outcome is not known; otherwise nothing was committed. */
	MUST_USE int (*commit)(struct store_conn *c, struct err *e);
	void (*rollback)(struct store_conn *c);
	MUST_USE int (*savepoint)(struct store_conn *c, struct err *e);
	MUST_USE int (*release)(
	        struct store_conn *c, bool keep, struct err *e); /* or back to the savepoint */

	/* Words without parameters or rows: migrations. */
	MUST_USE int (*script)(struct store_conn *c, const char *sql, struct err *e);
	MUST_USE int (*run)(struct store_conn *c, const struct store_statement *s, const void *in,
	        int64_t *changed, struct err *e);
	/* The same without waiting: what fails is told by the next call, and by `settle` at the latest. May
	 * be NULL; so may those two. */
	MUST_USE int (*run_later)(
	        struct store_conn *c, const struct store_statement *s, const void *in, struct err *e);
	MUST_USE int (*settle)(struct store_conn *c, struct err *e);
	/* A statement of one row n times at once, parameters `size` bytes apart: got() in their order, with
	 * the row, or NULL where there is none. Text in it lives as long as got(). */
	MUST_USE int (*first_many)(struct store_conn *c, const struct store_statement *s, const void *in,
	        size_t size, size_t n, int (*got)(void *ctx, size_t i, void *row, struct err *e), void *ctx,
	        struct err *e);
	MUST_USE int (*open_rows)(struct store_conn *c, const struct store_statement *s, const void *in,
	        struct store_cursor **out, struct err *e);
	/* 1, 0. Text in row lives until the next call; `last`: no call but close_rows follows. */
	MUST_USE int (*next_row)(struct store_cursor *r, void *row, struct err *e);
	void (*close_rows)(struct store_cursor **r);

	/* 1 if the store holds a table of that name. */
	MUST_USE int (*has_table)(struct store_conn *c, const char *table, struct err *e);
	/* Keeps other copies from migrating at the same time. May be NULL. */
	MUST_USE int (*migrating)(struct store_conn *c, bool on, struct err *e);
	/* Between groups, after the answers left: the writer's housekeeping. */
	void (*idle)(struct store_conn *c, bool closing);

	/* Inside a transaction: wakes other copies with its commit. NULL where copies are not shared. */
	MUST_USE int (*tell)(struct store_conn *c, struct err *e);
	/* Waits up to `wait`, or until wake_fd can be read, for word from another copy; 1 if there was some.
	 * NULL where copies are not shared. */
	MUST_USE int (*listen)(struct store_conn *c, int wake_fd, dur_us wait, struct err *e);

	MUST_USE int (*backup)(const struct store_target *t, const char *path,
	        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e);
	MUST_USE int (*restore)(const struct store_target *t, const char *path, struct err *e);
	MUST_USE int (*check)(const struct store_target *t, void (*tell)(void *ctx, const char *text),
	        void *ctx, struct err *e);
};
extern const struct store_ops store__sqlite, store__postgres;

/* Parses "sqlite:…" and "postgres:…". */
MUST_USE int store__backend(
        const char *address, const struct store_ops **ops, const char **rest, struct err *e);
int store__slots(const struct store_target *t); /* length of a connection's cache of statements */

/* trace.c: a connection that does as `inner` (taken over) and logs every call with its time. */
struct store_conn *store__trace(struct store_conn *inner);

/* ---- struct fields, for the backends ---- */

static inline int64_t store__int(const void *in, const struct store_field *f)
{
	return *(const int64_t *)(const void *)((const char *)in + f->offset);
}
static inline double store__real(const void *in, const struct store_field *f)
{
	return *(const double *)(const void *)((const char *)in + f->offset);
}
static inline struct str store__str(const void *in, const struct store_field *f)
{
	return *(const struct str *)(const void *)((const char *)in + f->offset);
}
static inline bool store__bool(const void *in, const struct store_field *f)
{
	return *(const bool *)(const void *)((const char *)in + f->offset);
}
bool store__is_null(const void *in, const struct store_field *f);
void store__set_null(void *row, const struct store_field *f);
/* The value of a column is not what the statement's header says. Returns ERR_CORRUPT. */
int store__bad_column(
        const struct store_statement *s, const struct store_field *f, const char *what, struct err *e);

enum store_dialect store__dialect(const struct store_tx *tx);
const struct store_target *store__target(const struct store *st);

/* ---- ship.c: what SQLite's writer tells it ---- */

struct store_tap *store__tap_new(const char *path);
void store__tap_free(struct store_tap **t);
/* Around a commit; inside it, how many pages the log has then. */
void store__tap_lock(struct store_tap *t);
void store__tap_unlock(struct store_tap *t);
void store__tap_commit(struct store_tap *t, int pages);
/* sqlite.c: all of what the connection's open transaction sees, page by page, into a new file. */
MUST_USE int store__sqlite_image(struct store_conn *c, const char *path, struct err *e);

/* sqlite_words.c: makes the tokenizer "heming" known to a connection's FTS5. */
struct sqlite3;
MUST_USE int sqlite__words(struct sqlite3 *db, struct err *e);

/* ---- migrate.c ---- */

/* Brings the store to the newest schema, or to `until` if that is not 0; *version is what it has then. */
MUST_USE int store__migrate(struct store_conn *c, const struct store_target *t, int until, time_us now,
        int *version, struct err *e);
int store__newest(const struct store_target *t);

/* ---- journal.c ---- */

/* Gives at most `limit` committed or own entries their place; *n of them, *last is the head after. */
MUST_USE int journal__sequence(
        struct store_tx *tx, enum digest_kind k, int limit, int *n, int64_t *last, struct err *e);
/* The chain's own kind of digest, kept since it began. */
MUST_USE int journal__digest(struct store_tx *tx, enum digest_kind *k, struct err *e);
/* store.c, tx.c: what journal.c needs of a transaction and a store. */
void store__appended(struct store_tx *tx);
enum digest_kind store__digest(const struct store *st);
struct store *store__of(struct store_tx *tx);
struct journal_watch *store__watch(struct store *st, void (*f)(void *ctx, int64_t seq), void *ctx);
void store__unwatch(struct store *st, struct journal_watch **w);

#endif

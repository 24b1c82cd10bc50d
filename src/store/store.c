#include "store/store_int.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/journal.h"
#include "store/sql.h"

#define STORE_MAGIC 0x5707e001u
#define TX_MAGIC 0x5707e002u
#define GROUP_MAX 256        /* writes in one commit */
#define TRIES 12             /* of one group in conflict with other copies */
#define TICK (1 * US_SECOND) /* the writer looks around when nothing comes */
#define LEASE_TTL (5 * US_SECOND)
#define SEQUENCE_MAX 10000        /* entries given their place in one transaction */
#define PATIENCE (30 * US_SECOND) /* for the outcome of a commit that the connection did not survive */
#define READER_WAIT_S 10
#define GROUPS_KEPT US_DAY /* marks of committed groups */

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
	struct store_tx *next_free; /* in the pool of readers */
};

struct store_rows {
	struct store_tx *tx;
	struct store_cursor *cursor;
	struct store_rows **prev, *next; /* open walks of the transaction */
};

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

/* ---- small helpers ---- */

bool store__is_null(const void *in, const struct store_field *f)
{
	switch (f->type) {
	case STORE_INT: return store__int(in, f) == TIME_NONE;
	case STORE_REAL: return isnan(store__real(in, f));
	case STORE_TEXT:
	case STORE_BLOB: return store__str(in, f).p == NULL;
	case STORE_BOOL: return false;
	}
	wrong("a field has one of five types");
}

void store__set_null(void *row, const struct store_field *f)
{
	void *at = (char *)row + f->offset;
	switch (f->type) {
	case STORE_INT: *(int64_t *)at = TIME_NONE; break;
	case STORE_REAL: *(double *)at = NAN; break;
	case STORE_TEXT:
	case STORE_BLOB: *(struct str *)at = STR_NULL; break;
	case STORE_BOOL: *(bool *)at = false; break;
	}
}

int store__bad_column(
        const struct store_statement *s, const struct store_field *f, const char *what, struct err *e)
{
	static const char *const types[] = {"an integer", "a real number", "text", "a blob", "a bool"};
	err_set(e, ERR_CORRUPT, "%s: column \"%s\" is %s, its header says %s", s->name, f->name, what,
	        types[f->type]);
	err_at(e, s->where, 0, 0, f->name);
	return ERR_CORRUPT;
}

int store__slots(const struct store_target *t)
{
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(t->schema); i++)
		n += t->schema[i] ? t->schema[i]->statements_n : 0;
	return n;
}

int store__backend(const char *address, const struct store_ops **ops, const char **rest, struct err *e)
{
	static const struct store_ops *const all[] = {&store__sqlite, &store__postgres};
	for (size_t i = 0; address && i < ARRAY_LEN(all); i++) {
		size_t n = strlen(all[i]->name);
		if (strncmp(address, all[i]->name, n) == 0 && address[n] == ':') {
			*ops = all[i];
			*rest = address + n + 1;
			return 0;
		}
	}
	return err_set(e, ERR_INVALID,
	        "the address of the record store begins with \"sqlite:\" and a path, or \"postgres:\" and a "
	        "connection string");
}

/* A connection with the trace around it, if that is wanted. */
static int connect_to(struct store *st, bool writer, struct store_conn **out, struct err *e)
{
	int rc = st->ops->open(&st->target, writer, out, e);
	if (rc == 0 && st->o.trace)
		*out = store__trace(*out);
	return rc;
}

static void disconnect(struct store_conn **c)
{
	if (*c)
		(*c)->ops->close(c);
}

static void tx_reset(struct store_tx *tx, const char *purpose)
{
	must(tx->open == NULL);
	tx->magic = TX_MAGIC;
	tx->purpose = purpose;
	tx->appended = 0;
	tx->first.code = 0;
}

static void close_walks(struct store_tx *tx)
{
	while (tx->open) {
		struct store_rows *r = tx->open;
		store_rows_close(&r);
	}
}

static void tell_fault(struct store *st, const struct err *e)
{
	char text[800];
	metric_add(METRIC_STORE_FAULTS, 1);
	LOG(STORE_FAULT, log_s("backend", st->ops->name), log_s("what", err_str(e, text, sizeof(text))));
}

static void tell_slow(struct store *st, const char *what, const char *purpose, dur_us took)
{
	if (took > st->o.slow)
		LOG(STORE_SLOW, log_s("what", what), log_s("purpose", purpose),
		        log_d("ms", (double)took / 1e3));
}

/* ---- statements ---- */

/* What both databases must refuse alike is refused here. */
static int check_in(const struct store_statement *s, const void *in, struct err *e)
{
	must(s->ins == 0 || in != NULL);
	for (int i = 0; i < s->ins; i++) {
		const struct store_field *f = &s->in[i];
		if (store__is_null(in, f)) {
			if (f->null)
				continue;
			err_set(e, ERR_INVALID, "%s: \"%s\" must have a value", s->name, f->name);
			err_at(e, s->where, 0, 0, f->name);
			return ERR_INVALID;
		}
		if (f->type != STORE_TEXT)
			continue;
		struct str v = store__str(in, f);
		if (memchr(v.p, 0, v.n) != NULL || !utf8_valid(v)) {
			err_set(e, ERR_INVALID, "%s: \"%s\" is not valid UTF-8 text, or has a NUL in it",
			        s->name, f->name);
			err_at(e, s->where, 0, 0, f->name);
			return ERR_INVALID;
		}
	}
	return 0;
}

/* Remembers the transaction's first failure; after it PostgreSQL would take no more, so nobody does. */
static int failed(struct store_tx *tx, int rc, const struct err *e)
{
	if (tx->first.code == 0) {
		tx->first = *e;
		tx->first.code = rc;
	}
	return rc;
}

static int may_run(struct store_tx *tx, const struct store_statement *s, const void *in, struct err *e)
{
	OBJ_CHECK(tx, TX_MAGIC);
	if (tx->first.code != 0)
		return err_set(e, ERR_STATE, "%s: an earlier statement of this transaction (%s) failed: %s",
		        s->name, tx->purpose, tx->first.text);
	if (fault(FAULT_STORE_STEP))
		return err_set(e, ERR_IO, "%s: failed by a fault point", s->name);
	return check_in(s, in, e);
}

int store_do(
        struct store_tx *tx, const struct store_statement *s, const void *in, int64_t *changed, struct err *e)
{
	struct err own = ERR_INIT;
	int64_t n = 0;
	struct err *to = e ? e : &own;
	int rc = may_run(tx, s, in, to);
	if (rc == 0 && !tx->write)
		rc = err_set(
		        to, ERR_BUG, "%s: writes, in a transaction for reading (%s)", s->name, tx->purpose);
	dur_us began = clock_monotonic();
	if (rc == 0)
		rc = tx->conn->ops->run(tx->conn, s, in, &n, to);
	if (rc < 0)
		return failed(tx, rc, to);
	tell_slow(tx->st, s->name, tx->purpose, clock_monotonic() - began);
	if (changed)
		*changed = n;
	return 0;
}

int store_rows_open(struct store_tx *tx, const struct store_statement *s, const void *in,
        struct store_rows **out, struct err *e)
{
	struct err own = ERR_INIT;
	struct err *to = e ? e : &own;
	struct store_cursor *cursor = NULL;
	dur_us began = clock_monotonic();
	int rc = may_run(tx, s, in, to);
	if (rc == 0)
		rc = tx->conn->ops->open_rows(tx->conn, s, in, &cursor, to);
	if (rc < 0)
		return failed(tx, rc, to);
	tell_slow(tx->st, s->name, tx->purpose, clock_monotonic() - began);
	struct store_rows *r = xcalloc(1, sizeof(*r));
	r->tx = tx;
	r->cursor = cursor;
	r->next = tx->open;
	r->prev = &tx->open;
	if (r->next)
		r->next->prev = &r->next;
	tx->open = r;
	*out = r;
	return 0;
}

int store_rows_next(struct store_rows *r, void *row, struct err *e)
{
	struct err own = ERR_INIT;
	struct err *to = e ? e : &own;
	int rc = r->tx->conn->ops->next_row(r->cursor, row, to);
	return rc < 0 ? failed(r->tx, rc, to) : rc;
}

void store_rows_close(struct store_rows **rp)
{
	struct store_rows *r = *rp;
	if (r == NULL)
		return;
	*rp = NULL;
	*r->prev = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->tx->conn->ops->close_rows(&r->cursor);
	free(r);
}

int store_first(
        struct store_tx *tx, const struct store_statement *s, const void *in, void *row, struct err *e)
{
	struct store_rows *r = NULL;
	int rc = store_rows_open(tx, s, in, &r, e);
	if (rc < 0)
		return rc;
	rc = store_rows_next(r, row, e);
	for (int i = 0; rc == 1 && i < s->outs; i++) {
		const struct store_field *f = &s->out[i];
		if (f->type != STORE_TEXT && f->type != STORE_BLOB)
			continue;
		struct str *v = (struct str *)(void *)((char *)row + f->offset);
		if (v->p == NULL)
			continue;
		char *kept = arena_alloc(tx->arena, v->n + 1); /* text ends in a NUL, for C's sake */
		if (kept)
			memcpy(kept, v->p, v->n);
		v->p = kept;
		if (kept == NULL)
			rc = err_set(e, ERR_NOMEM, "%s: over the memory limit of this transaction", s->name);
	}
	store_rows_close(&r);
	return rc;
}

enum store_dialect store__dialect(const struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->conn->ops->dialect;
}

struct arena *store_arena(struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->arena;
}

time_us store_now(const struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->now;
}

int64_t store_tx_id(struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return id_next(tx->st->o.ids);
}

void store__appended(struct store_tx *tx)
{
	tx->appended++;
}

struct store *store__of(struct store_tx *tx)
{
	return tx->st;
}

enum digest_kind store__digest(const struct store *st)
{
	return st->digest;
}

const struct store_target *store__target(const struct store *st)
{
	return &st->target;
}

/* ---- the writer: groups ---- */

/* What one try of a group came to. */
enum outcome {
	DONE,    /* committed, or all failed by themselves: every slot has its result */
	SINGLY,  /* the group cannot be kept together: each write for itself */
	AGAIN,   /* in conflict with another copy */
	LOST,    /* the connection broke before the commit */
	UNKNOWN, /* it broke in the commit */
	FAILED,  /* none was committed, for the reason in e */
};

static bool sequences_here(struct store *st)
{
	return !st->ops->shared || clock_monotonic() < st->sequencer_until;
}

/* One write inside its savepoint, if it shares the transaction with others. */
static int run_one(struct store *st, struct slot *s, bool alone, struct err *e)
{
	struct store_tx *tx = &st->tx;
	struct store_conn *c = st->conn;
	int appended = tx->appended;
	int rc = alone ? 0 : c->ops->savepoint(c, e);
	if (rc < 0)
		return rc;
	s->e = (struct err)ERR_INIT;
	tx->purpose = s->job->purpose;
	tx->first.code = 0;
	s->rc = s->job->write(tx, s->job->arg, &s->e);
	close_walks(tx);
	if (s->rc >= 0 && tx->first.code != 0) {
		/* It went on after a failed statement, of which nothing can be known. */
		s->rc = tx->first.code;
		s->e = tx->first;
	}
	if (s->rc > 0)
		s->rc = 0;
	if (s->rc < 0 && s->e.code == 0)
		err_set(&s->e, s->rc, "%s: %s", s->job->purpose, err_text(s->rc));
	tx->first.code = 0;
	if (c->state != STORE_SOUND) {
		*e = s->e;
		return s->rc;
	}
	if (s->rc < 0)
		tx->appended = appended;
	return alone ? 0 : c->ops->release(c, s->rc == 0, e);
}

static enum outcome broken(struct store_conn *c, int n)
{
	switch (c->state) {
	case STORE_AGAIN: return AGAIN;
	case STORE_LOST: return LOST;
	case STORE_GONE: return n > 1 ? SINGLY : FAILED;
	case STORE_SOUND: break;
	}
	return FAILED;
}

/* Entries of the group get their place in its own transaction, where nobody else could take it. */
static int sequence_here(struct store *st, int64_t *last, struct err *e)
{
	int n = 0;
	int rc = 0;
	if (st->tx.appended > 0 && sequences_here(st))
		rc = journal__sequence(&st->tx, st->digest, SEQUENCE_MAX, &n, last, e);
	if (rc == 0 && st->tx.appended > 0 && st->conn->ops->tell)
		rc = st->conn->ops->tell(st->conn, e);
	return rc;
}

/* *unknown: an earlier commit of this group has an outcome that is not known. */
static enum outcome try_group(
        struct store *st, struct slot *s, int n, int64_t group, bool *unknown, struct err *e)
{
	struct store_conn *c = st->conn;
	int64_t last = 0;
	int good = 0, rc;

	if (fault(FAULT_STORE_BEGIN)) {
		err_set(e, ERR_UNAVAILABLE, "a transaction cannot begin, by a fault point");
		return FAILED;
	}
	c->bulk = n == 1 && s[0].job->bulk;
	rc = c->ops->begin(c, group, st->tx.now, e);
	if (rc == 1) /* the slots hold the results of the try that was committed after all */
		return *unknown ? DONE : AGAIN;
	if (rc < 0)
		return broken(c, 1);
	*unknown = false;
	arena_reset(st->tx.arena);
	tx_reset(&st->tx, "group");
	st->tx.conn = c;
	for (int i = 0; i < n; i++) {
		rc = run_one(st, &s[i], n == 1, e);
		if (rc < 0 || c->state != STORE_SOUND)
			goto undo;
		good += s[i].rc == 0;
	}
	if (good == 0) {
		c->ops->rollback(c);
		return DONE;
	}
	rc = sequence_here(st, &last, e);
	if (rc < 0)
		goto undo;
	if (fault(FAULT_STORE_COMMIT)) {
		rc = err_set(e, ERR_IO, "the commit failed, by a fault point");
		goto undo;
	}
	rc = c->ops->commit(c, e);
	if (rc < 0 && c->state == STORE_LOST) {
		*unknown = true;
		return UNKNOWN;
	}
	if (rc < 0) {
		/* One write's deferred constraint must not cost the others theirs. */
		bool constraint = rc == ERR_CONFLICT || rc == ERR_INVALID;
		enum outcome o = broken(c, n);
		c->ops->rollback(c);
		return o == FAILED && constraint && n > 1 ? SINGLY : o;
	}
	if (fault(FAULT_CRASH_COMMIT))
		kill(getpid(), SIGKILL);
	if (last > 0)
		st->last = last;
	return DONE;
undo:
	close_walks(&st->tx);
	enum outcome o = broken(c, n);
	c->ops->rollback(c);
	return o;
}

static bool reconnect(struct store *st, struct err *e)
{
	disconnect(&st->conn);
	st->sequencer_until = 0;
	st->looked = clock_monotonic() - TICK; /* see to the lease after this group */
	return connect_to(st, true, &st->conn, e) == 0;
}

/* The outcome of a commit decides about an acknowledgement: wait for the database, but not for ever. */
static bool reconnect_patiently(struct store *st, struct err *e)
{
	dur_us until = clock_monotonic() + PATIENCE;
	useconds_t pause = 10000;
	while (!reconnect(st, e)) {
		if (atomic_load(&st->closing) || clock_monotonic() > until)
			return false;
		usleep(pause);
		pause = pause < 500000 ? 2 * pause : pause;
	}
	return true;
}

static void fail_all(struct slot *s, int n, const struct err *e)
{
	for (int i = 0; i < n; i++) {
		s[i].rc = e->code;
		s[i].e = *e;
	}
}

/* Runs writes in one transaction until they have their results. `own`: the store's own, which may run twice.
 */
static void run_group(struct store *st, struct slot *s, int n, bool own)
{
	struct err e = ERR_INIT;
	int64_t group = 0;
	enum outcome o = FAILED;
	bool unknown = false;

	st->tx.now = clock_now(st->o.clock);
	st->tx.began = clock_monotonic();
	for (int try = 0; try < TRIES; try++) {
		if (st->conn == NULL && !reconnect(st, &e)) {
			o = FAILED;
			break;
		}
		/*
		 * The mark tells whether a commit went through that the connection did not survive. It is
		 * kept only while that is the question: a mark that is there on a first try is another
		 * group's, whose id came again because a clock went back.
		 */
		if (st->ops->shared && !own && !unknown)
			group = id_next(st->o.ids);
		o = try_group(st, s, n, group, &unknown, &e);
		if (o == AGAIN) {
			usleep((useconds_t)(500 << (try < 6 ? try : 6)));
		} else if (o == LOST || o == UNKNOWN) {
			tell_fault(st, &e);
			if (unknown ? !reconnect_patiently(st, &e) : !reconnect(st, &e))
				break;
		} else {
			break;
		}
	}
	if (o == SINGLY) {
		for (int i = 0; i < n; i++)
			run_group(st, &s[i], 1, own);
		return;
	}
	if (o == DONE) {
		tell_slow(st, "group of writes", s[0].job->purpose, clock_monotonic() - st->tx.began);
		return;
	}
	if (o == AGAIN)
		err_set(&e, ERR_BUSY, "in conflict with another copy of the program each time; try again");
	else if (unknown)
		err_set(&e, ERR_UNAVAILABLE,
		        "the database went away during the commit; it is not known whether this was stored");
	else if (o == LOST)
		e.code = ERR_UNAVAILABLE;
	tell_fault(st, &e);
	fail_all(s, n, &e);
}

/* ---- the writer: looking around ---- */

/* Runs f as a write of the store's own. */
static int run_own(struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e)
{
	struct store_job job = {.purpose = purpose, .write = f, .arg = arg};
	struct slot s = {.job = &job};
	run_group(st, &s, 1, true);
	if (s.rc < 0)
		*e = s.e;
	return s.rc;
}

struct lease_arg {
	const char *name, *holder;
	dur_us ttl;
	bool held;
};

static int lease_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct lease_arg *a = arg;
	struct sql_lease_take_in in = {str_of(a->name), str_of(a->holder), a->ttl};
	int64_t changed = 0;
	int rc = sql_lease_take(tx, &in, &changed, e);
	a->held = rc == 0 && changed > 0;
	return rc;
}

static int lease_drop_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct sql_lease_drop_in in = {str_of(arg)};
	return sql_lease_drop(tx, &in, NULL, e);
}

static int sequence_write(struct store_tx *tx, void *arg, struct err *e)
{
	int64_t last = 0;
	int *n = arg;
	int rc = journal__sequence(tx, tx->st->digest, SEQUENCE_MAX, n, &last, e);
	if (rc == 0 && *n > 0 && tx->conn->ops->tell)
		rc = tx->conn->ops->tell(tx->conn, e);
	if (rc == 0 && last > 0)
		tx->st->last = last;
	return rc;
}

static int last_write(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return journal_last(tx, &tx->st->last, e);
}

/* Calls the watchers if there are entries that they do not know of. */
static void tell_watchers(struct store *st)
{
	if (st->last <= st->told)
		return;
	st->told = st->last;
	metric_set(METRIC_JOURNAL_SEQ, st->last);
	pthread_mutex_lock(&st->watch_lock);
	for (struct journal_watch *w = st->watches; w; w = w->next)
		w->f(w->ctx, st->last);
	pthread_mutex_unlock(&st->watch_lock);
}

static int forget_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct sql_write_group_forget_in in = {store_now(tx) - GROUPS_KEPT};
	(void)arg;
	return sql_write_group_forget(tx, &in, NULL, e);
}

/* Gives other copies' entries their place, if that is this copy's task. */
static int sequence_all(struct store *st, struct err *e)
{
	int n = SEQUENCE_MAX, rc = 0;
	while (rc == 0 && n == SEQUENCE_MAX && sequences_here(st))
		rc = run_own(st, "sequence the journal", sequence_write, &n, e);
	return rc;
}

static int keep_sequencer(struct store *st, struct err *e)
{
	struct lease_arg a = {"sequencer", st->holder, LEASE_TTL, false};
	dur_us asked = clock_monotonic();
	time_us now = clock_now(st->o.clock);
	int rc = run_own(st, "lease of the sequencer", lease_write, &a, e);
	/* Counted from before the question: the lease never ends earlier in the database than here. */
	st->sequencer_until = rc == 0 && a.held ? asked + LEASE_TTL - US_SECOND : 0;
	if (rc == 0 && a.held && now - st->forgot > US_HOUR) {
		st->forgot = now;
		rc = run_own(st, "forget old groups", forget_write, NULL, e);
	}
	return rc;
}

/* What other copies wrote, and at each tick the lease. */
static void look_around(struct store *st, bool tick)
{
	struct err e = ERR_INIT;
	int rc = 0;

	if (tick)
		st->looked = clock_monotonic();
	if (tick && st->ops->shared)
		rc = keep_sequencer(st, &e);
	if (rc == 0 && st->ops->shared)
		rc = sequence_all(st, &e);
	if (rc == 0)
		rc = run_own(st, "look for entries of the journal", last_write, NULL, &e);
	if (rc == 0)
		tell_watchers(st);
}

/* Completions, and the count of what was committed. */
static void answer(struct store *st, int n)
{
	int good = 0;
	for (int i = 0; i < n; i++) {
		struct slot *s = &st->slots[i];
		good += s->rc == 0;
		s->job->done(s->job, s->rc, &s->e); /* the job may be gone after this */
	}
	metric_add(METRIC_STORE_COMMITS, good > 0);
	metric_add(METRIC_STORE_WRITES, good);
	arena_reset(st->tx.arena);
}

static void *writer_main(void *arg)
{
	struct store *st = arg;
	look_around(st, true);
	for (;;) {
		struct queue_node *list = queue_take_all(st->queue, TICK);
		bool wrote = false, noticed = false;
		if (list == NULL && atomic_load(&st->closing) && queue_length(st->queue) == 0)
			break;
		while (list) {
			int n = 0;
			while (list && n < GROUP_MAX) {
				struct store_job *j = (struct store_job *)(void *)list;
				if (j->bulk && n > 0)
					break;
				list = list->next;
				if (j == &st->notice) {
					noticed = true;
					atomic_store(&st->notice_queued, false);
				} else {
					st->slots[n++] = (struct slot){.job = j};
				}
				if (j->bulk)
					break;
			}
			if (n == 0)
				continue;
			run_group(st, st->slots, n, false);
			wrote = true;
			answer(st, n);
		}
		bool tick = clock_monotonic() - st->looked >= TICK;
		if (noticed || tick)
			look_around(st, tick);
		else if (wrote)
			tell_watchers(st);
		if (st->conn)
			st->conn->ops->idle(st->conn, false);
	}
	if (st->conn) {
		struct err e = ERR_INIT;
		(void)run_own(st, "give back leases", lease_drop_write, st->holder, &e);
	}
	if (st->conn)
		st->conn->ops->idle(st->conn, true);
	disconnect(&st->conn);
	return NULL;
}

/* A connection that only waits for word from other copies; without it the writer's tick still finds all. */
static void *listener_main(void *arg)
{
	struct store *st = arg;
	struct store_conn *c = NULL;
	struct err e;
	while (!atomic_load(&st->closing)) {
		if (c == NULL && st->ops->open(&st->target, false, &c, &e) < 0) {
			usleep(200000);
			continue;
		}
		int rc = st->ops->listen(c, st->wake_fd, 2 * US_SECOND, &e);
		if (rc < 0) {
			st->ops->close(&c);
			usleep(50000);
		} else if (rc > 0 && !atomic_exchange(&st->notice_queued, true) &&
		           !queue_push(st->queue, &st->notice.node)) {
			atomic_store(&st->notice_queued, false);
		}
	}
	if (c)
		st->ops->close(&c);
	return NULL;
}

/* ---- writing ---- */

int store_post(struct store *st, struct store_job *j, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	must(j->write && j->done && j->purpose);
	if (queue_push(st->queue, &j->node))
		return 0;
	if (atomic_load(&st->closing))
		return err_set(e, ERR_UNAVAILABLE, "%s: the record store is closing", j->purpose);
	return err_set(e, ERR_BUSY, "%s: too many writes wait; try again in a moment", j->purpose);
}

struct waiter {
	struct store_job job; /* first */
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	int rc;
	struct err e;
};

static void wake(struct store_job *j, int rc, const struct err *e)
{
	struct waiter *w = (struct waiter *)(void *)j;
	pthread_mutex_lock(&w->lock);
	w->rc = rc;
	if (rc < 0)
		w->e = *e;
	w->done = true;
	/* Under the lock: the waiter's frame is gone as soon as it can see `done`. */
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

/* Two functions as one write. */
struct pair {
	store_write_f *first, *second;
	void *first_arg, *second_arg;
};

static int write_pair(struct store_tx *tx, void *arg, struct err *e)
{
	const struct pair *p = arg;
	int rc = p->first(tx, p->first_arg, e);

	return rc < 0 ? rc : p->second(tx, p->second_arg, e);
}

static _Thread_local store_write_f *also;
static _Thread_local void *also_arg;

void store_also(store_write_f *f, void *arg)
{
	also = f;
	also_arg = arg;
}

static int write_and_wait(
        struct store *st, const char *purpose, store_write_f *f, void *arg, bool bulk, struct err *e)
{
	struct pair both = {f, also, arg, also_arg};
	struct waiter w = {.job = {.purpose = purpose, .write = f, .arg = arg, .done = wake, .bulk = bulk}};
	if (also != NULL) {
		w.job.write = write_pair;
		w.job.arg = &both;
	}
	OBJ_CHECK(st, STORE_MAGIC);
	must(!pthread_equal(pthread_self(), st->thread)); /* it would wait for itself */
	must(pthread_mutex_init(&w.lock, NULL) == 0 && pthread_cond_init(&w.cond, NULL) == 0);
	int rc = store_post(st, &w.job, e);
	if (rc == 0) {
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.cond, &w.lock);
		pthread_mutex_unlock(&w.lock);
		rc = w.rc;
		if (rc < 0 && e)
			*e = w.e;
	}
	pthread_cond_destroy(&w.cond);
	pthread_mutex_destroy(&w.lock);
	return rc;
}

int store_write(struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e)
{
	return write_and_wait(st, purpose, f, arg, false, e);
}

int store_write_bulk(struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e)
{
	return write_and_wait(st, purpose, f, arg, true, e);
}

int store_lease(struct store *st, const char *name, dur_us ttl, bool *held, struct err *e)
{
	struct lease_arg a = {name, st->holder, ttl, false};
	int rc = store_write(st, "lease", lease_write, &a, e);
	*held = rc == 0 && a.held;
	return rc;
}

/* ---- reading ---- */

static struct store_tx *reader_new(struct store *st)
{
	struct store_tx *tx = xcalloc(1, sizeof(*tx));
	tx->magic = TX_MAGIC;
	tx->st = st;
	tx->arena = arena_new(0);
	return tx;
}

static void reader_free(struct store_tx *tx)
{
	disconnect(&tx->conn);
	arena_free(&tx->arena);
	tx->magic = 0;
	free(tx);
}

static void reader_give(struct store_tx *tx)
{
	struct store *st = tx->st;
	pthread_mutex_lock(&st->read_lock);
	tx->next_free = st->free_readers;
	st->free_readers = tx;
	pthread_cond_signal(&st->read_free);
	pthread_mutex_unlock(&st->read_lock);
}

static struct store_tx *reader_take(struct store *st)
{
	struct store_tx *tx = NULL;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += READER_WAIT_S;
	pthread_mutex_lock(&st->read_lock);
	while (st->free_readers == NULL && st->readers >= st->o.readers)
		if (pthread_cond_timedwait(&st->read_free, &st->read_lock, &until) != 0)
			break;
	if (st->free_readers) {
		tx = st->free_readers;
		st->free_readers = tx->next_free;
	} else if (st->readers < st->o.readers) {
		st->readers++;
		tx = reader_new(st);
	}
	pthread_mutex_unlock(&st->read_lock);
	return tx;
}

int store_read_begin(struct store *st, const char *purpose, struct store_tx **out, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	struct store_tx *tx = reader_take(st);
	if (tx == NULL)
		return err_set(
		        e, ERR_BUSY, "%s: all %d connections for reading are in use", purpose, st->o.readers);
	tx_reset(tx, purpose);
	tx->now = clock_now(st->o.clock);
	tx->began = clock_monotonic();
	int rc = fault(FAULT_STORE_BEGIN)
	                 ? err_set(e, ERR_UNAVAILABLE, "a transaction cannot begin, by a fault point")
	                 : 0;
	bool fresh = tx->conn == NULL;
	if (rc == 0 && fresh)
		rc = connect_to(st, false, &tx->conn, e);
	if (rc == 0)
		rc = tx->conn->ops->begin(tx->conn, 0, tx->now, e);
	if (rc < 0 && !fresh && tx->conn && tx->conn->state == STORE_LOST) {
		/* The database may have been restarted since this connection was used last. */
		disconnect(&tx->conn);
		rc = connect_to(st, false, &tx->conn, e);
		if (rc == 0)
			rc = tx->conn->ops->begin(tx->conn, 0, tx->now, e);
	}
	if (rc < 0) {
		if (tx->conn && tx->conn->state == STORE_LOST)
			disconnect(&tx->conn);
		reader_give(tx);
		err_prefix(e, "%s", purpose);
		return rc;
	}
	*out = tx;
	return 0;
}

void store_read_end(struct store_tx **txp)
{
	struct store_tx *tx = *txp;
	if (tx == NULL)
		return;
	OBJ_CHECK(tx, TX_MAGIC);
	*txp = NULL;
	close_walks(tx);
	tx->conn->ops->rollback(tx->conn);
	tell_slow(tx->st, "read transaction", tx->purpose, clock_monotonic() - tx->began);
	if (tx->conn->state == STORE_LOST)
		disconnect(&tx->conn);
	arena_reset(tx->arena);
	reader_give(tx);
}

/* ---- opening and closing ---- */

static int settle_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct store *st = tx->st;
	struct sql_journal_max_id_row row;
	struct sql_write_group_max_id_row group;
	struct sql_record_max_id_row record;
	(void)arg;
	int rc = sql_journal_max_id(tx, &row, e);
	if (rc < 0)
		return rc;
	if (row.id != TIME_NONE)
		id_source_raise(st->o.ids, row.id);
	rc = sql_write_group_max_id(tx, &group, e);
	if (rc < 0)
		return rc;
	if (group.id != TIME_NONE)
		id_source_raise(st->o.ids, group.id);
	rc = sql_record_max_id(tx, &record, e); /* a change set writes one entry for all its records */
	if (rc < 0)
		return rc;
	if (record.id != TIME_NONE)
		id_source_raise(st->o.ids, record.id);
	st->digest = st->o.digest;
	return journal__digest(tx, &st->digest, e);
}

static void store_free(struct store *st)
{
	while (st->free_readers) {
		struct store_tx *tx = st->free_readers;
		st->free_readers = tx->next_free;
		st->readers--;
		reader_free(tx);
	}
	must(st->readers == 0); /* else a read transaction is still open */
	must(st->watches == NULL);
	disconnect(&st->conn);
	arena_free(&st->tx.arena);
	queue_free(&st->queue);
	pthread_mutex_destroy(&st->watch_lock);
	pthread_mutex_destroy(&st->read_lock);
	pthread_cond_destroy(&st->read_free);
	store__tap_free(&st->target.tap);
	free(st->slots);
	free(st->address);
	st->magic = 0;
	free(st);
}

int store__open(
        const struct store_options *o, const struct store_schema *more, struct store **out, struct err *e)
{
	const struct store_ops *ops;
	const char *rest;
	struct store *st;
	int rc = store__backend(o->address, &ops, &rest, e);
	if (rc < 0)
		return rc;
	st = xcalloc(1, sizeof(*st));
	st->magic = STORE_MAGIC;
	st->o = *o;
	st->o.readers = o->readers > 0 ? o->readers : 8;
	st->o.queue = o->queue > 0 ? o->queue : 10000;
	st->o.slow = o->slow > 0 ? o->slow : 500 * US_MS;
	st->ops = ops;
	st->address = xstrdup(rest);
	random_hex(16, st->holder);
	st->target = (struct store_target){st->address, {&store_schema, more}, o->create, st->holder, NULL};
	if (ops == &store__sqlite)
		st->target.tap = store__tap_new(st->address);
	st->queue = queue_new(st->o.queue);
	st->slots = xcalloc(GROUP_MAX, sizeof(*st->slots));
	st->tx = (struct store_tx){.magic = TX_MAGIC, .st = st, .arena = arena_new(0), .write = true};
	must(pthread_mutex_init(&st->watch_lock, NULL) == 0);
	must(pthread_mutex_init(&st->read_lock, NULL) == 0);
	must(pthread_cond_init(&st->read_free, NULL) == 0);

	rc = connect_to(st, true, &st->conn, e);
	if (rc == 0)
		rc = store__migrate(st->conn, &st->target, 0, clock_now(o->clock), &st->version, e);
	if (rc == 0)
		rc = st->conn->ops->prepare(st->conn, e);
	if (rc == 0) {
		struct err own = ERR_INIT;
		rc = run_own(st, "open the journal", settle_write, NULL, &own);
		if (rc < 0 && e)
			*e = own;
	}
	if (rc < 0) {
		store_free(st);
		return rc;
	}
	must(pthread_create(&st->thread, NULL, writer_main, st) == 0);
	st->started = true;
	if (ops->listen) {
		st->wake_fd = eventfd(0, EFD_CLOEXEC);
		must(st->wake_fd >= 0);
		must(pthread_create(&st->listener, NULL, listener_main, st) == 0);
		st->listening = true;
	}
	LOG(STORE_OPEN, log_s("backend", ops->name), log_i("schema", st->version),
	        log_s("digest", digest_kind_name(st->digest)));
	*out = st;
	return 0;
}

int store_open(const struct store_options *o, struct store **out, struct err *e)
{
	return store__open(o, NULL, out, e);
}

void store_close(struct store **sp)
{
	struct store *st = *sp;
	if (st == NULL)
		return;
	OBJ_CHECK(st, STORE_MAGIC);
	*sp = NULL;
	atomic_store(&st->closing, true);
	if (st->listening) {
		must(eventfd_write(st->wake_fd, 1) == 0);
		pthread_join(st->listener, NULL);
		close(st->wake_fd);
	}
	queue_close(st->queue);
	if (st->started)
		pthread_join(st->thread, NULL);
	store_free(st);
}

const char *store_backend(const struct store *st)
{
	return st->ops->name;
}

int store_schema_version(const struct store *st)
{
	return st->version;
}

int64_t store_new_id(struct store *st)
{
	return id_next(st->o.ids);
}

const struct clock *store_clock(const struct store *st)
{
	return st->o.clock;
}

/* ---- watching ---- */

struct journal_watch *store__watch(struct store *st, void (*f)(void *ctx, int64_t seq), void *ctx)
{
	struct journal_watch *w = xcalloc(1, sizeof(*w));
	w->f = f;
	w->ctx = ctx;
	pthread_mutex_lock(&st->watch_lock);
	w->next = st->watches;
	st->watches = w;
	pthread_mutex_unlock(&st->watch_lock);
	return w;
}

void store__unwatch(struct store *st, struct journal_watch **wp)
{
	struct journal_watch *w = *wp;
	if (w == NULL)
		return;
	*wp = NULL;
	must(!pthread_equal(pthread_self(), st->thread)); /* it would wait for itself */
	pthread_mutex_lock(&st->watch_lock);
	struct journal_watch **at = &st->watches;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	pthread_mutex_unlock(&st->watch_lock);
	free(w);
}

/* ---- care ---- */

int store_backup(struct store *st, const char *path, void (*tell)(void *ctx, int64_t done, int64_t total),
        void *ctx, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	if (access(path, F_OK) == 0) {
		err_set(e, ERR_CONFLICT, "a backup is not written over a file that is there");
		err_at(e, path, 0, 0, NULL);
		return ERR_CONFLICT;
	}
	return st->ops->backup(&st->target, path, tell, ctx, e);
}

int store__restore(
        const struct store_options *o, const struct store_schema *more, const char *path, struct err *e)
{
	const struct store_ops *ops;
	struct store_target t = {.schema = {&store_schema, more}, .create = true, .who = "restore"};
	int rc = store__backend(o->address, &ops, &t.address, e);
	return rc < 0 ? rc : ops->restore(&t, path, e);
}

int store_restore(const struct store_options *o, const char *path, struct err *e)
{
	return store__restore(o, NULL, path, e);
}

int store_check(struct store *st, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	return st->ops->check(&st->target, tell, ctx, e);
}

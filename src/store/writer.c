/* The one writer: groups of writes in one commit, their answers, other copies' entries, leases. */
#include "store/core_int.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

#define TRIES 12             /* of one group in conflict with other copies */
#define TICK (1 * US_SECOND) /* the writer looks around when nothing comes */
#define LEASE_TTL (5 * US_SECOND)
#define SEQUENCE_MAX 10000        /* entries given their place in one transaction */
#define PATIENCE (30 * US_SECOND) /* for the outcome of a commit that the connection did not survive */
#define GROUPS_KEPT US_DAY        /* marks of committed groups */

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
	store__close_walks(tx);
	store__ahead_end(tx);
	if (tx->later && s->rc >= 0 && tx->first.code == 0 && c->ops->settle != NULL) {
		rc = c->ops->settle(c, &s->e);
		s->rc = rc < 0 ? rc : s->rc;
	}
	tx->later = false;
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
	store__tx_reset(&st->tx, "group");
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
	store__close_walks(&st->tx);
	enum outcome o = broken(c, n);
	c->ops->rollback(c);
	return o;
}

static bool reconnect(struct store *st, struct err *e)
{
	store__disconnect(&st->conn);
	st->sequencer_until = 0;
	st->looked = clock_monotonic() - TICK; /* see to the lease after this group */
	return store__connect(st, true, &st->conn, e) == 0;
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
			store__tell_fault(st, &e);
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
		store__tell_slow(st, "group of writes", s[0].job->purpose, clock_monotonic() - st->tx.began);
		return;
	}
	if (o == AGAIN)
		err_set(&e, ERR_BUSY, "in conflict with another copy of the program each time; try again");
	else if (unknown)
		err_set(&e, ERR_UNAVAILABLE,
		        "the database went away during the commit; it is not known whether this was stored");
	else if (o == LOST)
		e.code = ERR_UNAVAILABLE;
	store__tell_fault(st, &e);
	fail_all(s, n, &e);
}

/* ---- the writer: looking around ---- */

/* Runs f as a write of the store's own. */
int store__run_own(struct store *st, const char *purpose, store_write_f *f, void *arg, struct err *e)
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
		rc = store__run_own(st, "sequence the journal", sequence_write, &n, e);
	return rc;
}

static int keep_sequencer(struct store *st, struct err *e)
{
	struct lease_arg a = {"sequencer", st->holder, LEASE_TTL, false};
	dur_us asked = clock_monotonic();
	time_us now = clock_now(st->o.clock);
	int rc = store__run_own(st, "lease of the sequencer", lease_write, &a, e);
	/* Counted from before the question: the lease never ends earlier in the database than here. */
	st->sequencer_until = rc == 0 && a.held ? asked + LEASE_TTL - US_SECOND : 0;
	if (rc == 0 && a.held && now - st->forgot > US_HOUR) {
		st->forgot = now;
		rc = store__run_own(st, "forget old groups", forget_write, NULL, e);
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
		rc = store__run_own(st, "look for entries of the journal", last_write, NULL, &e);
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
		(void)store__run_own(st, "give back leases", lease_drop_write, st->holder, &e);
	}
	if (st->conn)
		st->conn->ops->idle(st->conn, true);
	store__disconnect(&st->conn);
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

/* ---- the threads ---- */

void store__writer_start(struct store *st)
{
	must(pthread_create(&st->thread, NULL, writer_main, st) == 0);
	st->started = true;
	if (st->ops->listen) {
		st->wake_fd = eventfd(0, EFD_CLOEXEC);
		must(st->wake_fd >= 0);
		must(pthread_create(&st->listener, NULL, listener_main, st) == 0);
		st->listening = true;
	}
}

void store__writer_stop(struct store *st)
{
	atomic_store(&st->closing, true);
	if (st->listening) {
		must(eventfd_write(st->wake_fd, 1) == 0);
		pthread_join(st->listener, NULL);
		close(st->wake_fd);
	}
	queue_close(st->queue);
	if (st->started)
		pthread_join(st->thread, NULL);
}

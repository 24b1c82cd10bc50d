#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "promql/promql_int.h"

/* Series that wait for the same work, and the threads that do it. */

#define WORTH_THREADS 50000 /* samples and steps; fewer are done before a thread has begun */
#define SHARE 8             /* rows that a thread takes at once */
#define FIRST_B 1024        /* of the next row that are asked for before it is worked on */

bool rows_add(struct eval *ev, struct rows *rows, const struct samples *in, size_t steps)
{
	struct row *grown = arena_grow(ev->a, rows->row, &rows->cap, rows->n + 1, sizeof *grown);

	if (grown == NULL) {
		ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take; ask for fewer series");
		return false;
	}
	rows->row = grown;
	if (rows->spare == NULL && ev_count(ev, steps))
		rows->spare = ev_array(ev, steps, sizeof *rows->spare);
	if (rows->spare == NULL)
		return false;
	rows->row[rows->n++] = (struct row){.in = *in, .v = rows->spare};
	rows->spare = NULL;
	rows->work += in->n + steps;
	if (in->lasting && !rows->serial)
		return true;
	/* The samples are there until the next ones only. */
	grown += rows->n - 1;
	rows->one(rows->ctx, grown, 0);
	grown->done = true;
	rows->work -= in->n + steps;
	if (!grown->any) {
		rows->spare = grown->v;
		rows->n--;
	}
	return true;
}

/*
 * The caller works, too, and waits for what others have begun, not for the threads: one that comes late on a
 * busy machine finds nothing to do. The crew goes with the last of them.
 */
struct crew {
	void (*one)(void *ctx, size_t i, int thread);
	void *ctx;
	size_t n, share;
	const bool *cancel;
	_Atomic size_t next, done;
	_Atomic int hands; /* that know the crew */
	_Atomic int thread;
	pthread_mutex_t lock;
	pthread_cond_t all_done;
};

static void leave(struct crew *c)
{
	if (atomic_fetch_sub(&c->hands, 1) > 1)
		return;
	pthread_mutex_destroy(&c->lock);
	pthread_cond_destroy(&c->all_done);
	free(c);
}

static void take(struct crew *c, int thread)
{
	size_t from;

	while ((from = atomic_fetch_add(&c->next, c->share)) < c->n) {
		size_t to = from + c->share < c->n ? from + c->share : c->n;

		if (c->cancel == NULL || !__atomic_load_n(c->cancel, __ATOMIC_RELAXED))
			for (size_t i = from; i < to; i++)
				c->one(c->ctx, i, thread);
		if (atomic_fetch_add(&c->done, to - from) + to - from < c->n)
			continue;
		pthread_mutex_lock(&c->lock);
		pthread_cond_signal(&c->all_done);
		pthread_mutex_unlock(&c->lock);
	}
}

static void *help(void *arg)
{
	struct crew *c = arg;

	take(c, atomic_fetch_add(&c->thread, 1));
	leave(c);
	return NULL;
}

static void call_hands(struct crew *c, int hands)
{
	pthread_attr_t attr;
	pthread_t id;

	if (pthread_attr_init(&attr) != 0)
		return;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	for (int i = 0; i < hands; i++) {
		atomic_fetch_add(&c->hands, 1);
		if (pthread_create(&id, &attr, help, c) != 0) {
			atomic_fetch_sub(&c->hands, 1);
			break; /* the others do it */
		}
	}
	pthread_attr_destroy(&attr);
}

void ev_spread(struct eval *ev, size_t n, size_t share, size_t work,
        void (*one)(void *ctx, size_t i, int thread), void *ctx)
{
	struct crew *c;

	if (ev_failed(ev) || n == 0)
		return;
	c = xcalloc(1, sizeof *c);
	*c = (struct crew){.one = one, .ctx = ctx, .n = n, .share = share, .cancel = ev->cancel, .hands = 1};
	atomic_store(&c->thread, 1);
	must(pthread_mutex_init(&c->lock, NULL) == 0 && pthread_cond_init(&c->all_done, NULL) == 0);
	if (work >= WORTH_THREADS && n > share)
		call_hands(c, ev->threads - 1);
	take(c, 0);
	pthread_mutex_lock(&c->lock);
	while (atomic_load(&c->done) < n)
		pthread_cond_wait(&c->all_done, &c->lock);
	pthread_mutex_unlock(&c->lock);
	leave(c);
	ev_failed(ev);
}

static void work_on(void *ctx, size_t i, int thread)
{
	const struct rows *rows = ctx;

	for (size_t k = 0; i + 1 < rows->n && k < FIRST_B; k += 64)
		__builtin_prefetch((const char *)rows->row[i + 1].in.v + k);
	if (!rows->row[i].done)
		rows->one(rows->ctx, &rows->row[i], thread);
}

void rows_work(struct eval *ev, struct rows *rows)
{
	ev_spread(ev, rows->n, SHARE, rows->work, work_on, rows);
}

#include <pthread.h>
#include <stdatomic.h>

#include "promql/promql_int.h"

/* Series that wait for the same work, and the threads that do it. */

#define WORTH_THREADS 50000 /* samples and steps; fewer are done before a thread has begun */
#define SHARE 8             /* rows that a thread takes at once */

bool rows_add(struct eval *ev, struct rows *rows, const struct samples *in, size_t steps)
{
	struct row *grown = arena_grow(ev->a, rows->row, &rows->cap, rows->n + 1, sizeof *grown);

	if (grown == NULL) {
		ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take; ask for fewer series");
		return false;
	}
	rows->row = grown;
	if (rows->spare == NULL)
		rows->spare = ev_column(ev, steps);
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

struct crew {
	void (*one)(void *ctx, size_t i, int thread);
	void *ctx;
	size_t n, share;
	const bool *cancel;
	_Atomic size_t next;
};
struct hand {
	struct crew *crew;
	int thread;
	pthread_t id;
};

static void *take(void *arg)
{
	struct hand *h = arg;
	struct crew *c = h->crew;
	size_t from;

	while ((from = atomic_fetch_add(&c->next, c->share)) < c->n) {
		if (c->cancel != NULL && __atomic_load_n(c->cancel, __ATOMIC_RELAXED))
			break;
		for (size_t i = from; i < from + c->share && i < c->n; i++)
			c->one(c->ctx, i, h->thread);
	}
	return NULL;
}

void ev_spread(struct eval *ev, size_t n, size_t share, size_t work,
        void (*one)(void *ctx, size_t i, int thread), void *ctx)
{
	struct crew crew = {.one = one, .ctx = ctx, .n = n, .share = share, .cancel = ev->cancel};
	struct hand hand[THREADS_MAX];
	int threads = work < WORTH_THREADS || n <= share ? 1 : ev->threads, begun = 1;

	if (ev_failed(ev))
		return;
	for (; begun < threads; begun++) {
		hand[begun] = (struct hand){.crew = &crew, .thread = begun};
		if (pthread_create(&hand[begun].id, NULL, take, &hand[begun]) != 0)
			break; /* the others do it */
	}
	hand[0] = (struct hand){.crew = &crew};
	take(&hand[0]);
	for (int i = 1; i < begun; i++)
		pthread_join(hand[i].id, NULL);
	ev_failed(ev);
}

static void work_on(void *ctx, size_t i, int thread)
{
	const struct rows *rows = ctx;

	if (!rows->row[i].done)
		rows->one(rows->ctx, &rows->row[i], thread);
}

void rows_work(struct eval *ev, struct rows *rows)
{
	ev_spread(ev, rows->n, SHARE, rows->work, work_on, rows);
}

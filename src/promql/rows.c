#include "promql/promql_int.h"

/* Series that wait for the same work, which the crew may share. */

#define SHARE 8        /* rows that are taken at once */
#define FIRST_LINES 16 /* of the next row that are asked for before it is worked on */

bool rows_add(struct eval *ev, struct rows *rows, const struct samples *in, size_t steps)
{
	struct row *grown = arena_grow(ev->a, rows->row, &rows->cap, rows->n + 1, sizeof *grown);

	if (grown == NULL) {
		ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take; ask for fewer series");
		return false;
	}
	rows->row = grown;
	if (rows->spare == NULL)
		rows->spare = ev_raw(ev, steps);
	if (rows->spare == NULL)
		return false;
	rows->row[rows->n++] = (struct row){.in = *in, .v = rows->spare};
	rows->spare = NULL;
	rows->work += in->n + steps;
	if (rows->work >= ev->crew_from && !rows->called) {
		crew_call(ev->crew);
		rows->called = true;
	}
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

void ev_spread(struct eval *ev, size_t n, size_t share, size_t work,
        void (*one)(void *ctx, size_t i, int hand), void *ctx)
{
	if (ev_failed(ev))
		return;
	crew_run(work >= ev->crew_from ? ev->crew : NULL, n, share, ev->cancel, one, ctx);
	ev_failed(ev);
}

/* The first values that will be looked at: those of an even series lie a stride apart. */
static void ask_ahead(const struct rows *rows, const struct samples *s)
{
	size_t line = 64 / sizeof *s->v, stride = s->period > 0 ? (size_t)(rows->step / s->period) : 0;

	stride = stride < line ? line : stride;
	for (size_t k = 0; k < FIRST_LINES && k * stride < s->n; k++)
		__builtin_prefetch(s->v + k * stride);
}

static void work_on(void *ctx, size_t i, int hand)
{
	const struct rows *rows = ctx;

	if (i + 1 < rows->n)
		ask_ahead(rows, &rows->row[i + 1].in);
	if (!rows->row[i].done)
		rows->one(rows->ctx, &rows->row[i], hand);
}

void rows_work(struct eval *ev, struct rows *rows)
{
	ev_spread(ev, rows->n, SHARE, rows->work, work_on, rows);
}

#include "promql/promql_int.h"

/* Series that wait for the same work, which the crew may share. */

#define SHARE 8        /* rows that are taken at once */
#define FIRST_LINES 16 /* of the next row that are asked for before it is worked on */

bool rows_add(struct eval *ev, struct rows *rows, const struct samples *in)
{
	struct row *grown = arena_grow(ev->a, rows->row, &rows->cap, rows->n + 1, sizeof *grown);
	bool waits = in->lasting && !rows->serial;

	if (grown == NULL) {
		ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take; ask for fewer series");
		return false;
	}
	rows->row = grown;
	rows->row[rows->n++] = (struct row){.in = *in};
	if (waits) {
		rows->work += in->n + rows->steps;
		if (rows->work >= ev->crew_from && !rows->called) {
			crew_call(ev->crew);
			rows->called = true;
		}
		return ev_count(ev, rows->steps);
	}
	/* The samples are there until the next ones only. */
	if (rows->spare == NULL)
		rows->spare = ev_raw(ev, rows->steps);
	if (rows->spare == NULL)
		return false;
	grown += rows->n - 1;
	grown->v = rows->spare;
	rows->spare = NULL;
	rows->one(rows->ctx, grown, 0);
	grown->done = true;
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

/* Those of an even series lie a stride apart. */
void rows_ahead(const struct rows *rows, const struct row *r)
{
	const struct samples *s = &r->in;
	size_t stride = s->period > 0 ? (size_t)(rows->step / s->period) : 0, line;

	if (s->n == 0)
		return;
	line = 64 / (s->v != NULL ? sizeof *s->v : (size_t)s->scaled.width);
	stride = stride < line ? line : stride;
	for (size_t k = 0; k < FIRST_LINES && k * stride < s->n; k++)
		sample_ahead(s, k * stride);
	if (s->n < FIRST_LINES * stride)
		sample_ahead(s, s->n - 1);
}

size_t rows_reach(const struct rows *rows)
{
	size_t lines = rows->work * sizeof(int16_t) / 64 / (rows->n + 1) + 1;

	return lines < FIRST_LINES / 2 ? FIRST_LINES / 2 / lines : 1;
}

static void work_on(void *ctx, size_t i, int hand)
{
	const struct rows *rows = ctx;

	if (i + rows->reach < rows->n)
		rows_ahead(rows, &rows->row[i + rows->reach]);
	if (!rows->row[i].done)
		rows->one(rows->ctx, &rows->row[i], hand);
}

/* Of what rows_add counted already. */
static bool make_columns(struct eval *ev, const struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++) {
		struct row *r = &rows->row[i];

		if (r->v == NULL && (r->v = arena_array_raw(ev->a, rows->steps, sizeof *r->v)) == NULL)
			ev_fail(ev, ERR_NOMEM,
			        "the query needs more memory than it may take; ask for fewer series or "
			        "steps");
	}
	return ev->rc == 0;
}

void rows_work(struct eval *ev, struct rows *rows)
{
	rows->reach = rows_reach(rows);
	if (make_columns(ev, rows))
		ev_spread(ev, rows->n, SHARE, rows->work, work_on, rows);
}

bool rows_taken(struct eval *ev, struct rows *rows, struct fold *fold)
{
	if (fold != NULL && ev->rc == 0)
		fold->taken = fold->take(fold, ev, rows);
	if (fold != NULL && fold->taken)
		return true;
	rows_work(ev, rows);
	return false;
}

#include <math.h>
#include <stdlib.h>

#include "base/wide.h"
#include "promql/aggregate_int.h"

/*
 * Sum, avg and their like: column by column into the group's.
 *
 * Where the operand is a selector, or a function of one's ranges, the column of a series is never kept: it is
 * worked out, added to its group's, and the next one takes its place in the processor's cache. What is added
 * to what, and when, is the same.
 */

/* The running state of one group at every step. */
struct state {
	double *v, *c, *n, *mean;
	double full;   /* columns that had a sample at every step; n is of the others */
	bool stepwise; /* some mean has taken over */
	bool odd;      /* not all columns were tame */
};

/* Whether all of them are numbers, none absent, and of a size that two can be added. Bits of doubles are in
 * the order of what they stand for. */
static ALWAYS_INLINE bool tame(const double *v, size_t n)
{
	const uint64_t most = double_bits(0x1p1000), top = UINT64_C(1) << 63;
	uint64_t over = 0;

	for (size_t k = 0; k < n; k++)
		over |= (double_bits(v[k]) & (top - 1)) + (top - most);
	return over < top;
}

static WIDE bool tame_wide(const double *v, size_t n)
{
	return tame(v, n);
}

static bool all_tame(const double *v, size_t n)
{
	return wide_here() ? tame_wide(v, n) : tame(v, n);
}

/* kahan_add of whole columns. Knuth's sum of two finds the same loss, without a branch. */
static ALWAYS_INLINE void add_two(double *restrict v, double *restrict c, const double *restrict in, size_t n)
{
	for (size_t k = 0; k < n; k++) {
		double s = v[k] + in[k], part = s - v[k];

		c[k] += (v[k] - (s - part)) + (in[k] - part);
		v[k] = s;
	}
}

static WIDE void add_two_wide(double *restrict v, double *restrict c, const double *restrict in, size_t n)
{
	add_two(v, c, in, n);
}

static void add_tame(struct state *st, const double *in, size_t steps)
{
	if (wide_here())
		add_two_wide(st->v, st->c, in, steps);
	else
		add_two(st->v, st->c, in, steps);
	st->full++;
}

/* So few tame columns do not add up to what is not. */
#define FEW (1 << 20)

static bool can_add(struct state *st, const double *in, size_t steps)
{
	if (!all_tame(in, steps)) {
		st->odd = true;
		return false;
	}
	return (!st->odd && st->full < FEW) || all_tame(st->v, steps);
}

static void add_sum(struct state *st, const double *in, size_t steps)
{
	if (can_add(st, in, steps)) {
		add_tame(st, in, steps);
		return;
	}
	for (size_t k = 0; k < steps; k++)
		if (!is_absent(in[k])) {
			kahan_add(in[k], &st->v[k], &st->c[k]);
			st->n[k]++;
		}
}

/* st->mean is absent while the plain sum serves; it takes over once that would overflow. */
static void add_avg(struct state *st, const double *in, size_t steps)
{
	if (!st->stepwise && can_add(st, in, steps)) {
		add_tame(st, in, steps);
		return;
	}
	for (size_t k = 0; k < steps; k++) {
		double n, q, s, c;

		if (is_absent(in[k]))
			continue;
		n = ++st->n[k] + st->full;
		if (is_absent(st->mean[k])) {
			s = st->v[k];
			c = st->c[k];
			kahan_add(in[k], &s, &c);
			if (n == 1 || !isinf(s)) {
				st->v[k] = s;
				st->c[k] = c;
				continue;
			}
			st->stepwise = true;
			st->mean[k] = st->v[k] / (n - 1);
			st->c[k] /= n - 1;
		}
		q = (n - 1) / n;
		st->mean[k] *= q;
		st->c[k] *= q;
		kahan_add(in[k] / n, &st->mean[k], &st->c[k]);
	}
}

static void add_variance(struct state *st, const double *in, size_t steps)
{
	for (size_t k = 0; k < steps; k++) {
		double delta;

		if (is_absent(in[k]))
			continue;
		if (++st->n[k] == 1) {
			st->mean[k] = in[k];
			st->v[k] = isnan(in[k]) || isinf(in[k]) ? NAN : 0;
			continue;
		}
		delta = in[k] - st->mean[k];
		st->mean[k] += delta / st->n[k];
		st->v[k] += delta * (in[k] - st->mean[k]);
	}
}

static void add_extreme(struct state *st, const double *in, size_t steps, bool min)
{
	for (size_t k = 0; k < steps; k++) {
		if (is_absent(in[k]))
			continue;
		if (st->n[k]++ == 0 || isnan(st->v[k]) || (min ? in[k] < st->v[k] : in[k] > st->v[k]))
			st->v[k] = in[k];
	}
}

static void add_count(struct state *st, const double *in, size_t steps)
{
	for (size_t k = 0; k < steps; k++)
		st->n[k] += !is_absent(in[k]);
}

static double finish(enum aggregate agg, const struct state *st, size_t k)
{
	double n = st->n[k] + st->full;

	if (n == 0)
		return absent();
	switch (agg) {
	case AGG_SUM: return isinf(st->v[k]) ? st->v[k] : st->v[k] + st->c[k];
	case AGG_AVG: return is_absent(st->mean[k]) ? st->v[k] / n + st->c[k] / n : st->mean[k] + st->c[k];
	case AGG_STDVAR: return st->v[k] / n;
	case AGG_STDDEV: return sqrt(st->v[k] / n);
	case AGG_COUNT: return n;
	case AGG_GROUP: return 1;
	default: return st->v[k];
	}
}

static void begin(struct state *st, size_t steps)
{
	for (size_t k = 0; k < steps; k++) {
		st->v[k] = st->c[k] = st->n[k] = 0;
		st->mean[k] = absent();
	}
}

static void add(enum aggregate agg, struct state *st, const double *in, size_t steps)
{
	switch (agg) {
	case AGG_SUM: add_sum(st, in, steps); break;
	case AGG_AVG: add_avg(st, in, steps); break;
	case AGG_STDDEV:
	case AGG_STDVAR: add_variance(st, in, steps); break;
	case AGG_MIN:
	case AGG_MAX: add_extreme(st, in, steps, agg == AGG_MIN); break;
	default: add_count(st, in, steps); break;
	}
}

static void end(enum aggregate agg, struct state *st, size_t steps)
{
	for (size_t k = 0; k < steps; k++)
		st->v[k] = finish(agg, st, k);
}

/* ---- columns that are there: slices of steps, which the crew may share ---- */

#define SLICE 64 /* steps that are taken at once */

struct slices {
	enum aggregate agg;
	const struct groups *gr;
	size_t steps;
	const struct series *out; /* by group */
	struct state st;
};

static void ask_ahead(const double *v, size_t n)
{
	for (size_t k = 0; k < n; k += 64 / sizeof *v)
		__builtin_prefetch(v + k);
}

/* All groups at the steps of one slice. */
static void tally_slice(void *ctx, size_t slice, int hand)
{
	const struct slices *a = ctx;
	const struct groups *gr = a->gr;
	size_t from = slice * SLICE, steps = a->steps - from < SLICE ? a->steps - from : SLICE;

	(void)hand;
	for (size_t i = 0; i < gr->n; i++) {
		struct state st = {.v = a->out[i].v + from,
		        .c = a->st.c + from,
		        .n = a->st.n + from,
		        .mean = a->st.mean + from};

		begin(&st, steps);
		for (size_t m = gr->first[i]; m < gr->first[i + 1]; m++) {
			if (m + 1 < gr->members)
				ask_ahead(member_column(gr, m + 1) + from, steps);
			add(a->agg, &st, member_column(gr, m) + from, steps);
		}
		end(a->agg, &st, steps);
	}
}

void tally_groups(
        struct eval *ev, enum aggregate agg, const struct grid *g, const struct groups *gr, struct vec *out)
{
	struct slices a = {.agg = agg, .gr = gr, .steps = g->n};

	a.st.c = ev_array(ev, g->n, sizeof *a.st.c);
	a.st.n = ev_array(ev, g->n, sizeof *a.st.n);
	a.st.mean = ev_array(ev, g->n, sizeof *a.st.mean);
	for (size_t i = 0; i < gr->n && !ev_failed(ev); i++) {
		struct series *s = vec_add(ev, out);

		if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
			return;
		s->labels = gr->labels[i];
		s->drop_name = gr->drop_name[i];
	}
	a.out = out->s;
	ev_spread(ev, (g->n + SLICE - 1) / SLICE, 1, gr->members * g->n, tally_slice, &a);
}

/* ---- rows that wait: group by group, which the crew may share ---- */

#define FEW_GROUPS 4 /* the crew has more to share where columns are kept */

struct folding {
	struct fold fold;
	const struct node *x;
	size_t steps;
	struct rows *rows;
	struct groups gr;
	double **column;         /* by group */
	double *room[CREW_MOST]; /* a column at work, and what a state needs */
	size_t room_cap[CREW_MOST];
	struct vec *out;
};

static void fold_group(void *ctx, size_t i, int hand)
{
	struct folding *f = ctx;
	const struct groups *gr = &f->gr;
	size_t steps = f->steps;
	double *room = f->room[hand] = xgrow(f->room[hand], &f->room_cap[hand], 4 * steps, sizeof *room);
	struct state st = {.v = f->column[i], .c = room, .n = room + steps, .mean = room + 2 * steps};

	begin(&st, steps);
	for (size_t m = gr->first[i]; m < gr->first[i + 1]; m++) {
		struct row *r = &f->rows->row[gr->member[m]];

		if (m + f->rows->reach < gr->members)
			rows_ahead(f->rows, &f->rows->row[gr->member[m + f->rows->reach]]);
		r->v = room + 3 * steps;
		f->rows->one(f->rows->ctx, r, hand);
		if (r->any)
			add(f->x->agg, &st, r->v, steps);
	}
	end(f->x->agg, &st, steps);
}

/* Whether all wait, in the order of their labels, which is that of adding. */
static bool in_order(const struct rows *rows)
{
	for (size_t i = 0; i < rows->n; i++)
		if (rows->row[i].done ||
		        (i > 0 && labels_cmp(&rows->row[i - 1].in.labels, &rows->row[i].in.labels) > 0))
			return false;
	return true;
}

static bool group_rows(struct eval *ev, struct folding *f, const struct rows *rows)
{
	struct member *in = ev_array(ev, rows->n, sizeof *in);

	for (size_t i = 0; in != NULL && i < rows->n; i++)
		in[i] = (struct member){
		        &rows->row[i].in.labels, rows->row[i].in.drop_name || rows->drop_name};
	return in != NULL && groups_make(ev, f->x, in, rows->n, &f->gr);
}

/* Groups that have a value, in the order of the series that brings it. */
static void fold_end(struct eval *ev, struct folding *f)
{
	for (size_t i = 0; i < f->rows->n && !ev_failed(ev); i++) {
		size_t g = f->gr.of[i];
		struct series *s = f->rows->row[i].any && f->column[g] != NULL ? vec_add(ev, f->out) : NULL;

		if (s == NULL)
			continue;
		*s = (struct series){f->gr.labels[g], f->gr.drop_name[g], f->column[g]};
		f->column[g] = NULL;
	}
}

static bool fold_take(struct fold *fold, struct eval *ev, struct rows *rows)
{
	struct folding *f = (struct folding *)fold;
	bool shared = rows->called && ev->crew != NULL;

	if (rows->n == 0 || rows->n > ev->max_series || (shared && f->x->group == GROUP_NONE) ||
	        !in_order(rows))
		return false;
	if (!group_rows(ev, f, rows))
		return true;
	if (shared && f->gr.n < FEW_GROUPS)
		return false;
	f->rows = rows;
	rows->reach = rows_reach(rows);
	f->column = ev_array(ev, f->gr.n, sizeof *f->column);
	for (size_t i = 0; i < f->gr.n && ev->rc == 0; i++)
		f->column[i] = ev_raw(ev, f->steps);
	ev_spread(ev, f->gr.n, 1, rows->work, fold_group, f);
	for (int i = 0; i < CREW_MOST; i++)
		free(f->room[i]);
	fold_end(ev, f);
	return true;
}

bool tally_operand(
        struct eval *ev, const struct node *x, const struct grid *g, struct vec *in, struct vec *out)
{
	const struct node *arg = node_bare(x->arg[0]);
	struct folding f = {.fold = {.take = fold_take}, .x = x, .steps = g->n, .out = out};
	struct value v = {.type = PROMQL_VECTOR};

	if (ev_failed(ev))
		return true;
	if (arg->kind == N_SELECTOR)
		select_instant(ev, arg, g, TELL_VALUES, &v.vec, &f.fold);
	else if (arg->kind == N_CALL && arg->fn->kind == FN_WINDOW)
		call_window(ev, arg, g, &v, &f.fold);
	else
		eval_vector(ev, arg, g, &v.vec);
	*in = v.vec;
	return f.fold.taken || ev->rc != 0;
}

#include <math.h>
#include <stdlib.h>
#include <strings.h>
#include <xxhash.h>

#include "base/num.h"
#include "promql/aggregate_int.h"

static const char *const names[] = {
        [AGG_SUM] = "sum",
        [AGG_AVG] = "avg",
        [AGG_MIN] = "min",
        [AGG_MAX] = "max",
        [AGG_COUNT] = "count",
        [AGG_GROUP] = "group",
        [AGG_STDDEV] = "stddev",
        [AGG_STDVAR] = "stdvar",
        [AGG_TOPK] = "topk",
        [AGG_BOTTOMK] = "bottomk",
        [AGG_QUANTILE] = "quantile",
        [AGG_COUNT_VALUES] = "count_values",
        [AGG_LIMITK] = "limitk",
        [AGG_LIMIT_RATIO] = "limit_ratio",
};

int aggregate_find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (name.n == strlen(names[i]) && strncasecmp(name.p, names[i], name.n) == 0)
			return (int)i;
	return -1;
}

const char *aggregate_name(enum aggregate g)
{
	return names[g];
}

static struct labels group_labels(struct eval *ev, const struct node *x, const struct labels *ls)
{
	if (x->group == GROUP_WITHOUT)
		return labels_without(ev, ls, x->label, x->n_label, true);
	if (x->group == GROUP_BY && x->n_label > 0)
		return labels_keep(ev, ls, x->label, x->n_label);
	return LABELS_NONE;
}

bool groups_make(struct eval *ev, const struct node *x, const struct member *in, size_t n, struct groups *gr)
{
	struct label_map map = {0};

	gr->of = ev_array(ev, n, sizeof *gr->of);
	gr->member = ev_array(ev, n, sizeof *gr->member);
	for (size_t i = 0; i < n && ev->rc == 0; i++) {
		struct labels key = group_labels(ev, x, in[i].labels);
		bool is_new;

		gr->of[i] = label_map_get(ev, &map, &key, &is_new);
	}
	gr->members = n;
	gr->n = map.n;
	gr->labels = map.key;
	gr->drop_name = ev_array(ev, gr->n, sizeof *gr->drop_name);
	gr->first = ev_array(ev, gr->n + 1, sizeof *gr->first);
	if (ev->rc != 0)
		return false;
	for (size_t i = 0; i < n; i++) {
		gr->first[gr->of[i] + 1]++;
		gr->drop_name[gr->of[i]] = gr->drop_name[gr->of[i]] || in[i].drop_name;
	}
	for (size_t i = 0; i < gr->n; i++)
		gr->first[i + 1] += gr->first[i];
	/* Members stay in the order of the input. */
	for (size_t i = n; i-- > 0;)
		gr->member[--gr->first[gr->of[i] + 1]] = i;
	/* The countdown left first[i + 1] where group i begins. */
	for (size_t i = 0; i < gr->n; i++)
		gr->first[i] = gr->first[i + 1];
	if (gr->n > 0)
		gr->first[gr->n] = n;
	return true;
}

/* Groups of the evaluated operand. */
static bool make_groups(struct eval *ev, const struct node *x, struct groups *gr)
{
	struct member *in = ev_array(ev, gr->in.n, sizeof *in);

	for (size_t i = 0; in != NULL && i < gr->in.n; i++)
		in[i] = (struct member){&gr->in.s[i].labels, gr->in.s[i].drop_name};
	return in != NULL && groups_make(ev, x, in, gr->in.n, gr);
}

/* ---- quantile ---- */

static void aggregate_quantile(struct eval *ev, const struct node *x, const struct grid *g, const double *q,
        const struct groups *gr, struct vec *out)
{
	double *buf = ev_array(ev, gr->in.n, sizeof *buf);

	for (size_t k = 0; k < g->n && ev->rc == 0; k++)
		if (!(q[k] >= 0 && q[k] <= 1)) {
			char text[400];

			format_g(q[k], text);
			ev_warn(ev, x->param, "quantile value should be between 0 and 1, got %s", text);
		}
	for (size_t i = 0; i < gr->n && !ev_failed(ev); i++) {
		struct series *s = vec_add(ev, out);

		if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
			return;
		s->labels = gr->labels[i];
		s->drop_name = gr->drop_name[i];
		for (size_t k = 0; k < g->n; k++) {
			size_t n = 0;

			for (size_t m = gr->first[i]; m < gr->first[i + 1]; m++)
				if (!is_absent(member_column(gr, m)[k]))
					buf[n++] = member_column(gr, m)[k];
			if (n > 0)
				s->v[k] = quantile_of(q[k], buf, n);
		}
	}
}

/* ---- count_values ---- */

static int value_cmp(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	if (isnan(x) || isnan(y))
		return (int)(isnan(x) != 0) - (int)(isnan(y) != 0);
	if (x == y)
		return (int)(signbit(x) == 0) - (int)(signbit(y) == 0);
	return x < y ? -1 : 1;
}

static void aggregate_count_values(
        struct eval *ev, const struct node *x, const struct grid *g, const struct groups *gr, struct vec *out)
{
	struct str label = node_bare(x->param)->string;
	double *buf = ev_array(ev, gr->in.n, sizeof *buf);
	struct label_map map = {0};
	bool is_new, kept = true;

	/* The label is set before the samples are grouped: `without` takes it away again. */
	if (x->group == GROUP_WITHOUT) {
		kept = !label_is_reserved(label);
		for (int i = 0; i < x->n_label; i++)
			kept = kept && !str_eq(x->label[i], label);
	}
	for (size_t i = 0; i < gr->n; i++) {
		for (size_t k = 0; k < g->n && !ev_failed(ev); k++) {
			size_t n = 0;

			for (size_t m = gr->first[i]; m < gr->first[i + 1]; m++)
				if (!is_absent(member_column(gr, m)[k]))
					buf[n++] = member_column(gr, m)[k];
			qsort(buf, n, sizeof *buf, value_cmp);
			for (size_t from = 0, to; from < n && ev->rc == 0; from = to) {
				char text[400];
				struct labels ls;
				struct str value = {NULL, 0};
				uint32_t at;

				for (to = from + 1; to < n && value_cmp(&buf[from], &buf[to]) == 0;)
					to++;
				value.n = num_format_plain(buf[from], text);
				value.p = arena_strndup(ev->a, text, value.n);
				ls = kept ? labels_with(ev, &gr->labels[i], label, value) : gr->labels[i];
				at = label_map_get(ev, &map, &ls, &is_new);
				if (ev->rc != 0)
					return;
				if (is_new) {
					struct series *s = vec_add(ev, out);

					if (s == NULL || (s->v = ev_column(ev, g->n)) == NULL)
						return;
					s->labels = ls;
					s->drop_name = gr->drop_name[i] && !label_is_reserved(label);
				}
				/* The label may have taken the place of one of the group's own. */
				out->s[at].v[k] = (is_absent(out->s[at].v[k]) ? 0 : out->s[at].v[k]) +
				                  (double)(to - from);
			}
		}
	}
}

/* ---- topk, bottomk, limitk, limit_ratio: some of the input, as it came ---- */

struct ranked {
	double v;
	size_t series;
};

static int rank_up(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (isnan(x->v) || isnan(y->v)) {
		int c = (int)(isnan(x->v) != 0) - (int)(isnan(y->v) != 0);

		if (c != 0)
			return c;
	} else if (x->v != y->v) {
		return x->v < y->v ? -1 : 1;
	}
	return (x->series > y->series) - (x->series < y->series);
}

static int rank_down(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (!isnan(x->v) && !isnan(y->v) && x->v != y->v)
		return x->v > y->v ? -1 : 1;
	return rank_up(a, b);
}

static void hash_text(XXH64_state_t *h, struct str s)
{
	/* A length is one byte, or 255 and three. */
	uint8_t size[4] = {
	        s.n < 255 ? (uint8_t)s.n : 255, (uint8_t)s.n, (uint8_t)(s.n >> 8), (uint8_t)(s.n >> 16)};

	XXH64_update(h, size, s.n < 255 ? 1 : 4);
	XXH64_update(h, s.p, s.n);
}

/*
 * Where in [0, 1] the hash puts a series: limit_ratio takes those below the ratio. Which ones is not
 * documented; this is the hash that Prometheus 3 takes of its label sets, so that both take the same.
 */
static double hash_place(XXH64_state_t *h, const struct labels *ls)
{
	XXH64_reset(h, 0);
	for (int i = 0; i < ls->n; i++) {
		hash_text(h, ls->l[i].name);
		hash_text(h, ls->l[i].value);
	}
	return (double)XXH64_digest(h) / (double)UINT64_MAX;
}

static double *hash_places(struct eval *ev, const struct vec *v)
{
	double *place = ev_array(ev, v->n, sizeof *place);
	XXH64_state_t *h = XXH64_createState();

	must(h != NULL);
	for (size_t i = 0; place != NULL && i < v->n; i++)
		place[i] = hash_place(h, &v->s[i].labels);
	XXH64_freeState(h);
	return place;
}

static bool in_ratio(double ratio, double place)
{
	return ratio >= 0 ? place < ratio : place >= 1 + ratio;
}

/* Fails or warns about parameters that make no sense; false if nothing can be selected. */
static bool check_limits(struct eval *ev, const struct node *x, const double *p, size_t n)
{
	bool some = false;

	for (size_t k = 0; k < n && ev->rc == 0; k++) {
		if (isnan(p[k]))
			ev_fail(ev, ERR_UNPROCESSED,
			        x->agg == AGG_LIMIT_RATIO ? "Ratio value is NaN" : "Parameter value is NaN");
		else if (x->agg != AGG_LIMIT_RATIO && p[k] >= 9223372036854775807.0)
			ev_fail(ev, ERR_UNPROCESSED, "Scalar value %g overflows int64", p[k]);
		else if (x->agg != AGG_LIMIT_RATIO && p[k] <= -9223372036854775808.0)
			ev_fail(ev, ERR_UNPROCESSED, "Scalar value %g underflows int64", p[k]);
		else if (x->agg == AGG_LIMIT_RATIO && (p[k] > 1 || p[k] < -1))
			ev_warn(ev, x->param, "ratio value should be between -1 and 1, got %g, capping to %d",
			        p[k], p[k] > 1 ? 1 : -1);
		some = some || (x->agg == AGG_LIMIT_RATIO ? p[k] != 0 : p[k] >= 1);
	}
	return some && ev->rc == 0;
}

/* In `column` of every series of the input only the chosen steps remain. */
static void choose_step(struct eval *ev, const struct node *x, double p, const struct groups *gr,
        size_t group, size_t k, const double *place, struct ranked *buf, double **column, struct vec *order)
{
	size_t n = 0, most;

	for (size_t m = gr->first[group]; m < gr->first[group + 1]; m++) {
		double v = member_column(gr, m)[k];

		if (is_absent(v))
			continue;
		if (place != NULL && !in_ratio(p, place[gr->member[m]]))
			continue;
		buf[n++] = (struct ranked){v, gr->member[m]};
	}
	if (x->agg == AGG_TOPK || x->agg == AGG_BOTTOMK)
		qsort(buf, n, sizeof *buf, x->agg == AGG_TOPK ? rank_down : rank_up);
	most = x->agg == AGG_LIMIT_RATIO ? n : p < 1 ? 0 : p > (double)n ? n : (size_t)p;
	for (size_t i = 0; i < most; i++) {
		column[buf[i].series][k] = buf[i].v;
		if (order != NULL) {
			struct series *s = vec_add(ev, order);

			if (s == NULL)
				return;
			*s = gr->in.s[buf[i].series];
			s->v = column[buf[i].series];
		}
	}
}

static void aggregate_choose(struct eval *ev, const struct node *x, const struct grid *g, const double *p,
        const struct groups *gr, struct vec *out)
{
	bool instant = g->n == 1 && ev->step == 0;
	struct ranked *buf = ev_array(ev, gr->in.n, sizeof *buf);
	double **column = ev_array(ev, gr->in.n, sizeof *column);
	double *place = x->agg == AGG_LIMIT_RATIO ? hash_places(ev, &gr->in) : NULL;

	for (size_t i = 0; i < gr->in.n && ev->rc == 0; i++)
		column[i] = ev_column(ev, g->n);
	for (size_t i = 0; i < gr->n; i++)
		for (size_t k = 0; k < g->n && !ev_failed(ev); k++)
			choose_step(ev, x, p[k], gr, i, k, place, buf, column, instant ? out : NULL);
	if (instant) {
		out->ordered = true;
		return;
	}
	for (size_t i = 0; i < gr->in.n && ev->rc == 0; i++) {
		struct series *s = vec_add(ev, out);

		if (s == NULL)
			return;
		*s = gr->in.s[i];
		s->v = column[i];
	}
	vec_compact(out, g->n);
}

void aggregate_eval(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	struct groups gr = {0};
	double *p = NULL;

	if (x->param != NULL && x->param->type == PROMQL_SCALAR)
		p = eval_scalar(ev, x->param, g);
	if (x->agg == AGG_COUNT_VALUES) {
		struct str label = node_bare(x->param)->string;

		if (label.n == 0 || !utf8_valid(label)) {
			struct sb b = SB_INIT;

			label_quote(&b, label);
			ev_fail(ev, ERR_UNPROCESSED, "invalid label name %s", b.p);
			sb_fini(&b);
		}
	}
	/* A tally may take the operand's series as they come, and is then done. */
	if (x->agg < AGG_TOPK) {
		if (tally_operand(ev, x, g, &gr.in, &out->vec))
			return;
	} else {
		eval_vector(ev, x->arg[0], g, &gr.in);
	}
	if (!make_groups(ev, x, &gr))
		return;
	switch (x->agg) {
	case AGG_TOPK:
	case AGG_BOTTOMK:
	case AGG_LIMITK:
	case AGG_LIMIT_RATIO:
		if (check_limits(ev, x, p, g->n))
			aggregate_choose(ev, x, g, p, &gr, &out->vec);
		break;
	case AGG_QUANTILE: aggregate_quantile(ev, x, g, p, &gr, &out->vec); break;
	case AGG_COUNT_VALUES: aggregate_count_values(ev, x, g, &gr, &out->vec); break;
	default: tally_groups(ev, x->agg, g, &gr, &out->vec); break;
	}
}

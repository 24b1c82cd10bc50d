#include "promql/promql_int.h"

/* info(): adds the data labels of info series (target_info by default) with the same job and instance. */

static const struct str identifying[] = {{"instance", 8}, {"job", 3}};

struct info {
	const struct node *call;
	struct vec base, series; /* info series, with values */
	struct vec stamp;        /* and with the times of their samples */
	struct label_map map;    /* of instance and job */
	uint32_t *base_sig, *info_sig;
	const struct matcher *data; /* what labels are wanted; NULL: all */
	int n_data;
	bool required; /* some matcher does not take a missing label */
};

static bool is_name(const struct matcher *m)
{
	return str_is(m->name, LABEL_NAME);
}

/* The selector of the info series: the given matchers, or those that must be added to them. */
static bool info_selector(struct eval *ev, const struct node *call, struct node *x)
{
	const struct node *given = call->n_arg > 1 ? call->arg[1] : NULL;
	int given_n = given != NULL ? given->n_m : 0, scope = given != NULL ? 0 : ev->x->n_scope;
	bool named = false, negated = false;
	struct err e = ERR_INIT;

	*x = (struct node){.kind = N_SELECTOR, .type = PROMQL_VECTOR, .pos = call->pos};
	if (given_n < 0) {
		ev_fail(ev, ERR_NOMEM, "out of memory while the query's scope was set");
		return false;
	}
	x->m = ev_array(ev, (size_t)(given_n + scope + 1), sizeof *x->m);
	if (x->m == NULL)
		return false;
	for (int i = 0; i < given_n; i++) {
		x->m[x->n_m++] = given->m[i];
		if (is_name(&given->m[i])) {
			bool positive = given->m[i].op == MATCH_EQ || given->m[i].op == MATCH_RE;

			named = named || positive;
			negated = negated || !positive;
		}
	}
	for (int i = 0; i < scope; i++)
		x->m[x->n_m++] = ev->x->scope[i];
	if (!named) {
		if (matcher_init(&x->m[x->n_m++], ev->a, negated ? MATCH_RE : MATCH_EQ, STR_LIT(LABEL_NAME),
		            negated ? STR_LIT(".+_info") : STR_LIT("target_info"), &e) != 0) {
			ev_fail(ev, ERR_NOMEM, "%s", e.text);
			return false;
		}
	}
	x->n_own = x->n_m;
	return true;
}

/* A base series that is itself one of the info series is left alone. */
static bool is_info(const struct node *x, const struct labels *ls)
{
	for (int i = 0; i < x->n_m; i++)
		if (is_name(&x->m[i]) && !matcher_matches(&x->m[i], labels_get(ls, LABEL_NAME)))
			return false;
	return labels_get(ls, LABEL_NAME).n > 0;
}

static bool wanted(const struct info *f, struct str label)
{
	if (label_is_reserved(label) || str_eq(label, identifying[0]) || str_eq(label, identifying[1]))
		return false;
	if (f->n_data == 0)
		return true;
	for (int i = 0; i < f->n_data; i++)
		if (!is_name(&f->data[i]) && str_eq(f->data[i].name, label))
			return true;
	return false;
}

static bool same_name(const struct info *f, size_t a, size_t b)
{
	return str_eq(labels_get(&f->series.s[a].labels, LABEL_NAME),
	        labels_get(&f->series.s[b].labels, LABEL_NAME));
}

/*
 * Whether another version of info series j, of the same name, job and instance, is newer at step k.
 * Two of one time contradict each other.
 */
static bool is_replaced(struct eval *ev, const struct info *f, size_t j, size_t k)
{
	for (size_t o = 0; o < f->series.n; o++) {
		if (o == j || f->info_sig[o] != f->info_sig[j] || is_absent(f->series.s[o].v[k]) ||
		        !same_name(f, j, o))
			continue;
		if (f->stamp.s[o].v[k] == f->stamp.s[j].v[k])
			ev_fail(ev, ERR_UNPROCESSED, "found duplicate series for info metric " STR_FMT,
			        STR_ARG(labels_get(&f->series.s[j].labels, LABEL_NAME)));
		if (f->stamp.s[o].v[k] >= f->stamp.s[j].v[k])
			return true;
	}
	return false;
}

/* Labels of base series i at step k; *found: an info series was there. */
static struct labels enrich(struct eval *ev, const struct info *f, size_t i, size_t k, bool *found)
{
	const struct labels *base = &f->base.s[i].labels;
	struct labels out = *base;

	*found = false;
	for (size_t j = 0; j < f->series.n && ev->rc == 0; j++) {
		const struct labels *ls = &f->series.s[j].labels;

		if (f->info_sig[j] != f->base_sig[i] || is_absent(f->series.s[j].v[k]))
			continue;
		if (is_replaced(ev, f, j, k))
			continue;
		*found = true;
		for (int l = 0; l < ls->n; l++) {
			struct str had = STR_NULL;
			bool own = false;

			if (!wanted(f, ls->l[l].name))
				continue;
			for (int b = 0; b < base->n; b++)
				own = own || str_eq(base->l[b].name, ls->l[l].name);
			if (own)
				continue;
			for (int b = 0; b < out.n; b++)
				if (str_eq(out.l[b].name, ls->l[l].name))
					had = out.l[b].value;
			if (had.n > 0 && !str_eq(had, ls->l[l].value)) {
				ev_fail(ev, ERR_UNPROCESSED, "conflicting label: " STR_FMT,
				        STR_ARG(ls->l[l].name));
				return out;
			}
			out = labels_with(ev, &out, ls->l[l].name, ls->l[l].value);
		}
	}
	return out;
}

static void put(struct eval *ev, struct label_map *map, struct vec *out, const struct series *from,
        const struct labels *ls, size_t k, size_t steps)
{
	bool is_new;
	uint32_t at = label_map_get(ev, map, ls, &is_new);

	if (ev->rc != 0)
		return;
	if (is_new) {
		struct series *s = vec_add(ev, out);

		if (s == NULL || (s->v = ev_column(ev, steps)) == NULL)
			return;
		s->labels = *ls;
		s->drop_name = from->drop_name;
	}
	if (!is_absent(out->s[at].v[k]))
		ev_fail(ev, ERR_UNPROCESSED, "vector cannot contain metrics with the same labelset");
	out->s[at].v[k] = from->v[k];
}

static uint32_t *sign(struct eval *ev, const struct vec *v, struct label_map *map)
{
	uint32_t *sig = ev_array(ev, v->n, sizeof *sig);
	bool is_new;

	for (size_t i = 0; i < v->n && ev->rc == 0; i++) {
		struct labels key = labels_keep(ev, &v->s[i].labels, identifying, ARRAY_LEN(identifying));

		sig[i] = label_map_get(ev, map, &key, &is_new);
	}
	return sig;
}

FN_RUN(fn_info)
{
	struct info f = {.call = x};
	struct node selector;
	struct label_map made = {0};

	eval_vector(ev, x->arg[0], g, &f.base);
	if (ev->rc != 0 || !info_selector(ev, x, &selector))
		return;
	if (x->n_arg > 1) {
		f.data = x->arg[1]->m;
		for (int i = 0; i < x->arg[1]->n_own; i++) {
			f.n_data += !is_name(&f.data[i]);
			f.required = f.required ||
			             (!is_name(&f.data[i]) && !matcher_matches(&f.data[i], STR_NULL));
		}
		f.n_data = f.n_data > 0 ? x->arg[1]->n_own : 0;
	}
	select_instant(ev, &selector, g, TELL_VALUES, &f.series, NULL);
	select_instant(ev, &selector, g, TELL_TIMES, &f.stamp, NULL);
	if (ev->rc == 0 && f.series.n != f.stamp.n)
		ev_fail(ev, ERR_UNPROCESSED, "the info series changed while they were read");
	f.base_sig = sign(ev, &f.base, &f.map);
	f.info_sig = sign(ev, &f.series, &f.map);
	for (size_t i = 0; i < f.base.n && !ev_failed(ev); i++) {
		const struct series *s = &f.base.s[i];
		bool plain = is_info(&selector, &s->labels);

		for (size_t k = 0; k < g->n && ev->rc == 0; k++) {
			bool found = false;
			struct labels ls = s->labels;

			if (is_absent(s->v[k]))
				continue;
			if (!plain) {
				ls = enrich(ev, &f, i, k, &found);
				if (!found && f.required)
					continue;
			}
			put(ev, &made, &out->vec, s, &ls, k, g->n);
		}
	}
}

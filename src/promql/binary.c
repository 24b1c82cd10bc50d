#include <math.h>

#include "promql/promql_int.h"

/* Operators between scalars and vectors: arithmetic, comparison, matching of series, sets. */

static bool compare(enum op op, double l, double r)
{
	switch (op) {
	case OP_EQ: return l == r;
	case OP_NE: return l != r;
	case OP_LE: return l <= r;
	case OP_LT: return l < r;
	case OP_GE: return l >= r;
	case OP_GT: return l > r;
	default: wrong("a comparison");
	}
}

static double compute(enum op op, double l, double r)
{
	switch (op) {
	case OP_ADD: return l + r;
	case OP_SUB: return l - r;
	case OP_MUL: return l * r;
	case OP_DIV: return l / r;
	case OP_MOD: return fmod(l, r);
	case OP_POW: return pow(l, r);
	case OP_ATAN2: return atan2(l, r);
	default: wrong("an arithmetic operator");
	}
}

static bool is_trim(enum op op)
{
	return op == OP_TRIM_UPPER || op == OP_TRIM_LOWER;
}

/* The operator between two samples. A comparison that does not hold gives ABSENT, unless `bool`. */
static double apply(const struct node *x, double l, double r, double kept)
{
	if (op_is_comparison(x->op)) {
		bool holds = compare(x->op, l, r);

		if (x->bool_mod)
			return holds ? 1 : 0;
		return holds ? kept : absent();
	}
	return compute(x->op, l, r);
}

static bool drops_name(const struct node *x)
{
	return x->bool_mod || !op_is_comparison(x->op);
}

static void refuse_trim(struct eval *ev, const struct node *x)
{
	ev_info(ev, x, "incompatible sample types encountered for binary operator \"%s\": float %s float",
	        op_text(x->op), op_text(x->op));
}

static void scalars(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	double *l = eval_scalar(ev, x->arg[0], g), *r = eval_scalar(ev, x->arg[1], g);

	if (ev->rc != 0)
		return;
	out->scalar = l;
	for (size_t k = 0; k < g->n; k++)
		l[k] = is_trim(x->op)            ? NAN
		       : op_is_comparison(x->op) ? compare(x->op, l[k], r[k])
		                                 : compute(x->op, l[k], r[k]);
}

static void vector_scalar(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	bool swapped = x->arg[0]->type == PROMQL_SCALAR;
	double *s = eval_scalar(ev, x->arg[swapped ? 0 : 1], g);
	struct vec *v = &out->vec;

	eval_vector(ev, x->arg[swapped ? 1 : 0], g, v);
	if (is_trim(x->op) && v->n > 0) {
		refuse_trim(ev, x);
		v->n = 0;
	}
	for (size_t i = 0; i < v->n && !ev_failed(ev); i++) {
		double *d = v->s[i].v;

		v->s[i].drop_name = v->s[i].drop_name || drops_name(x);
		for (size_t k = 0; k < g->n; k++)
			if (!is_absent(d[k]))
				d[k] = swapped ? apply(x, s[k], d[k], d[k]) : apply(x, d[k], s[k], d[k]);
	}
	if (drops_name(x))
		v->ordered = false;
}

/* ---- matching ---- */

/* The series of both sides by the labels they match on. */
struct sides {
	struct vec l, r;
	struct label_map map;
	uint32_t *l_sig, *r_sig; /* by series */
};

static struct labels signature(struct eval *ev, const struct node *x, const struct labels *ls)
{
	if (x->on)
		return labels_keep(ev, ls, x->label, x->n_label);
	return labels_without(ev, ls, x->label, x->n_label, true);
}

static uint32_t *sign(struct eval *ev, const struct node *x, const struct vec *v, struct label_map *map)
{
	uint32_t *sig = ev_array(ev, v->n, sizeof *sig);
	bool is_new;

	for (size_t i = 0; i < v->n && ev->rc == 0; i++) {
		struct labels key = signature(ev, x, &v->s[i].labels);

		sig[i] = label_map_get(ev, map, &key, &is_new);
	}
	return sig;
}

static bool match_sides(struct eval *ev, const struct node *x, const struct grid *g, struct sides *s)
{
	memset(s, 0, sizeof *s);
	eval_vector(ev, x->arg[0], g, &s->l);
	eval_vector(ev, x->arg[1], g, &s->r);
	s->l_sig = sign(ev, x, &s->l, &s->map);
	s->r_sig = sign(ev, x, &s->r, &s->map);
	return ev->rc == 0;
}

/* Chains the series of one side by signature: head[sig], then next[series]; in their order. */
struct chains {
	uint32_t *head, *next;
};
#define NONE UINT32_MAX

static bool chain(struct eval *ev, const uint32_t *sig, size_t n, size_t sigs, struct chains *c)
{
	c->head = ev_array(ev, sigs, sizeof *c->head);
	c->next = ev_array(ev, n, sizeof *c->next);
	if (ev->rc != 0)
		return false;
	for (size_t i = 0; i < sigs; i++)
		c->head[i] = NONE;
	for (size_t i = n; i-- > 0;) {
		c->next[i] = c->head[sig[i]];
		c->head[sig[i]] = (uint32_t)i;
	}
	return true;
}

/* ---- set operators ---- */

/* Where any series of a chain has a sample. */
static void cover(const struct vec *v, const struct chains *c, uint32_t sig, bool *any, size_t steps)
{
	memset(any, 0, steps);
	for (uint32_t i = c->head[sig]; i != NONE; i = c->next[i])
		for (size_t k = 0; k < steps; k++)
			any[k] = any[k] || !is_absent(v->s[i].v[k]);
}

/* Leaves in v only the steps at which the other side's chain has a sample (or has none). */
static void filter(struct eval *ev, struct vec *v, const uint32_t *sig, size_t sigs, const struct vec *other,
        const struct chains *c, size_t steps, bool keep_covered)
{
	bool *any = ev_array(ev, steps, sizeof *any);
	struct chains own;

	if (!chain(ev, sig, v->n, sigs, &own))
		return;
	for (size_t s = 0; s < sigs && !ev_failed(ev); s++) {
		if (own.head[s] == NONE)
			continue;
		cover(other, c, (uint32_t)s, any, steps);
		for (uint32_t i = own.head[s]; i != NONE; i = own.next[i])
			for (size_t k = 0; k < steps; k++)
				if (any[k] != keep_covered)
					v->s[i].v[k] = absent();
	}
}

/*
 * Adds the series of the right side of `or`. One with the same labels may stand at the left, with samples at
 * other steps: both are one series then, or a window over a subquery would see two.
 */
static void unite(struct eval *ev, struct vec *out, const struct vec *right, size_t steps)
{
	struct label_map left = {0};
	size_t n = right->n > 0 ? out->n : 0;
	uint32_t *series = ev_array(ev, n, sizeof *series); /* by number in the map */
	bool is_new;

	for (size_t i = 0; i < n && ev->rc == 0; i++) {
		uint32_t at = label_map_get(ev, &left, &out->s[i].labels, &is_new);

		if (is_new)
			series[at] = (uint32_t)i;
	}
	for (size_t r = 0; r < right->n && !ev_failed(ev); r++) {
		const struct series *from = &right->s[r];
		uint32_t at = label_map_find(&left, &from->labels);
		struct series *o = at != NONE ? &out->s[series[at]] : NULL;

		if (o != NULL && o->drop_name == from->drop_name) {
			for (size_t k = 0; k < steps; k++)
				if (!is_absent(from->v[k]))
					o->v[k] = from->v[k];
		} else if ((o = vec_add(ev, out)) != NULL) {
			*o = *from;
		}
	}
}

static void set_operator(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	struct sides s;
	struct chains c;

	if (!match_sides(ev, x, g, &s))
		return;
	if (x->op != OP_OR) {
		if (chain(ev, s.r_sig, s.r.n, s.map.n, &c))
			filter(ev, &s.l, s.l_sig, s.map.n, &s.r, &c, g->n, x->op == OP_AND);
		vec_compact(&s.l, g->n);
		out->vec = s.l;
		return;
	}
	if (!chain(ev, s.l_sig, s.l.n, s.map.n, &c))
		return;
	filter(ev, &s.r, s.r_sig, s.map.n, &s.l, &c, g->n, false);
	out->vec = s.l;
	unite(ev, &out->vec, &s.r, g->n);
	vec_compact(&out->vec, g->n);
	out->vec.ordered = false;
}

/* ---- one to one, many to one ---- */

struct match {
	const struct node *x;
	const struct grid *g;
	struct vec *many, *one; /* with one-to-one: left and right */
	const uint32_t *many_sig;
	struct chains many_chain, one_chain;
	struct labels *key; /* of a signature */
	bool swapped;       /* the many side is the right one */
	bool fill_many, fill_one;
	double fill_many_value, fill_one_value;
	bool *many_any; /* steps at which the many side has any sample at all */
	bool *one_here, *many_here;
	uint32_t *last, *before; /* room for check_unique: the many side's number each */
	struct vec *out;
	double *spare; /* a column not yet given to a series */
};

/* The labels of a result: the many side's, cut to what was matched on, with what is included. */
static struct labels result_labels(
        struct eval *ev, const struct match *m, const struct labels *many, const struct labels *one)
{
	const struct node *x = m->x;
	struct labels ls = *many;

	if (!op_is_comparison(x->op))
		ls = labels_unnamed(ev, &ls);
	if (x->card == CARD_ONE_TO_ONE)
		ls = x->on ? labels_keep(ev, &ls, x->label, x->n_label)
		           : labels_without(ev, &ls, x->label, x->n_label, false);
	for (int i = 0; i < x->n_include && one != NULL; i++) {
		struct str v = STR_NULL;

		for (int j = 0; j < one->n; j++)
			if (str_eq(one->l[j].name, x->include[i]))
				v = one->l[j].value;
		ls = labels_with(ev, &ls, x->include[i], v);
	}
	return ls;
}

static void fail_duplicate(struct eval *ev, const struct match *m, uint32_t sig, uint32_t a, uint32_t b)
{
	struct sb group = SB_INIT, one = SB_INIT, two = SB_INIT;

	labels_text(&group, &m->key[sig]);
	labels_text(&one, &m->one->s[a].labels);
	labels_text(&two, &m->one->s[b].labels);
	ev_fail(ev, ERR_UNPROCESSED,
	        "found duplicate series for the match group %s on the %s hand-side of the operation: [%s, %s]"
	        ";many-to-many matching not allowed: matching labels must be unique on one side",
	        group.p, m->swapped ? "left" : "right", one.p, two.p);
	sb_fini(&group);
	sb_fini(&one);
	sb_fini(&two);
}

/* At no step may two series of the `one` side share a signature, if there is anything to match them with. */
static bool check_one_side(struct eval *ev, const struct match *m, uint32_t sig)
{
	uint32_t first = m->one_chain.head[sig];

	if (first == NONE || m->one_chain.next[first] == NONE)
		return true;
	for (size_t k = 0; k < m->g->n; k++) {
		uint32_t seen = NONE;

		if (!m->many_any[k] && !m->fill_many)
			continue;
		for (uint32_t i = first; i != NONE; i = m->one_chain.next[i]) {
			if (is_absent(m->one->s[i].v[k]))
				continue;
			if (seen != NONE) {
				fail_duplicate(ev, m, sig, seen, i);
				return false;
			}
			seen = i;
		}
	}
	return true;
}

/* With one-to-one, nor may two of the left side that find a partner. */
static bool check_many_side(struct eval *ev, const struct match *m, uint32_t sig)
{
	uint32_t first = m->many_chain.head[sig];

	if (m->x->card != CARD_ONE_TO_ONE || first == NONE || m->many_chain.next[first] == NONE)
		return true;
	for (size_t k = 0; k < m->g->n; k++) {
		int n = 0;

		if (!m->one_here[k] && !m->fill_one)
			continue;
		for (uint32_t i = first; i != NONE; i = m->many_chain.next[i])
			n += !is_absent(m->many->s[i].v[k]);
		if (n > 1) {
			ev_fail(ev, ERR_UNPROCESSED,
			        "multiple matches for labels: many-to-one matching must be explicit "
			        "(group_left/group_right)");
			return false;
		}
	}
	return true;
}

/* Whether two series of the many side have a sample at one step where that of the one side has one. */
static bool meet(const struct match *m, uint32_t i, uint32_t j, uint32_t o)
{
	const double *a = m->many->s[i].v, *b = m->many->s[j].v, *c = m->one->s[o].v;

	for (size_t k = 0; k < m->g->n; k++)
		if (!is_absent(a[k]) && !is_absent(b[k]) && !is_absent(c[k]))
			return true;
	return false;
}

/* With grouping, results of one match group must differ in their labels before the filter acts. */
static bool check_unique(struct eval *ev, const struct match *m, uint32_t sig)
{
	const struct chains *c = &m->many_chain;
	uint32_t first = c->head[sig];

	if (m->x->card == CARD_ONE_TO_ONE || first == NONE || c->next[first] == NONE)
		return true;
	for (uint32_t o = m->one_chain.head[sig]; o != NONE; o = m->one_chain.next[o]) {
		struct label_map map = {0};

		/* last: of a result, before: of a series, who had the same labels. */
		for (uint32_t i = first; i != NONE; i = c->next[i]) {
			struct labels ls = result_labels(ev, m, &m->many->s[i].labels, &m->one->s[o].labels);
			bool is_new;
			uint32_t at = label_map_get(ev, &map, &ls, &is_new);

			if (ev_failed(ev))
				return false;
			m->before[i] = is_new ? NONE : m->last[at];
			m->last[at] = i;
			for (uint32_t j = m->before[i]; j != NONE; j = m->before[j])
				if (meet(m, i, j, o)) {
					ev_fail(ev, ERR_UNPROCESSED,
					        "multiple matches for labels: grouping labels must ensure "
					        "unique matches");
					return false;
				}
		}
	}
	return ev->rc == 0;
}

/* One pair of columns; a missing one is filled at the steps that `fill_at` tells. */
static void pair(struct eval *ev, struct match *m, const struct labels *labels, bool drop, const double *many,
        const double *one, double fill, const bool *not_at)
{
	double *v;
	bool any = false;
	struct series *s;

	if (m->spare == NULL && (m->spare = ev_column(ev, m->g->n)) == NULL)
		return;
	v = m->spare;
	for (size_t k = 0; k < m->g->n; k++) {
		double a = many != NULL ? many[k] : fill, b = one != NULL ? one[k] : fill, l, r;

		v[k] = absent();
		if (is_absent(a) || is_absent(b) || (not_at != NULL && not_at[k]))
			continue;
		l = m->swapped ? b : a;
		r = m->swapped ? a : b;
		v[k] = apply(m->x, l, r, l);
		any = any || !is_absent(v[k]);
	}
	if (!any || (s = vec_add(ev, m->out)) == NULL)
		return;
	s->labels = *labels;
	s->drop_name = drop;
	s->v = v;
	m->spare = NULL;
}

static void match_group(struct eval *ev, struct match *m, uint32_t sig)
{
	const struct node *x = m->x;
	const struct vec *many = m->many, *one = m->one;
	struct labels ls;

	cover(one, &m->one_chain, sig, m->one_here, m->g->n);
	if (!check_one_side(ev, m, sig) || !check_many_side(ev, m, sig) || !check_unique(ev, m, sig))
		return;
	for (uint32_t i = m->many_chain.head[sig]; i != NONE && !ev_failed(ev); i = m->many_chain.next[i]) {
		bool drop = many->s[i].drop_name || x->bool_mod;

		for (uint32_t o = m->one_chain.head[sig]; o != NONE && ev->rc == 0;
		        o = m->one_chain.next[o]) {
			ls = result_labels(ev, m, &many->s[i].labels, &one->s[o].labels);
			pair(ev, m, &ls, drop, many->s[i].v, one->s[o].v, 0, NULL);
		}
		if (m->fill_one) {
			ls = result_labels(ev, m, &many->s[i].labels, &m->key[sig]);
			pair(ev, m, &ls, drop, many->s[i].v, NULL, m->fill_one_value, m->one_here);
		}
	}
	if (!m->fill_many)
		return;
	cover(many, &m->many_chain, sig, m->many_here, m->g->n);
	for (uint32_t o = m->one_chain.head[sig]; o != NONE && ev->rc == 0; o = m->one_chain.next[o]) {
		ls = result_labels(ev, m, &m->key[sig], &one->s[o].labels);
		pair(ev, m, &ls, one->s[o].drop_name || x->bool_mod, NULL, one->s[o].v, m->fill_many_value,
		        m->many_here);
	}
}

static void vectors(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	struct sides s;
	struct match m = {.x = x, .g = g, .out = &out->vec};

	if (!match_sides(ev, x, g, &s))
		return;
	if (is_trim(x->op)) {
		if (s.l.n > 0 && s.r.n > 0)
			refuse_trim(ev, x);
		return;
	}
	m.swapped = x->card == CARD_ONE_TO_MANY;
	m.many = m.swapped ? &s.r : &s.l;
	m.one = m.swapped ? &s.l : &s.r;
	m.many_sig = m.swapped ? s.r_sig : s.l_sig;
	m.key = s.map.key;
	m.fill_many = m.swapped ? x->fill_r : x->fill_l;
	m.fill_one = m.swapped ? x->fill_l : x->fill_r;
	m.fill_many_value = m.swapped ? x->fill_r_value : x->fill_l_value;
	m.fill_one_value = m.swapped ? x->fill_l_value : x->fill_r_value;
	m.many_any = ev_array(ev, g->n, sizeof *m.many_any);
	m.one_here = ev_array(ev, g->n, sizeof *m.one_here);
	m.many_here = ev_array(ev, g->n, sizeof *m.many_here);
	m.last = ev_array(ev, m.many->n, sizeof *m.last);
	m.before = ev_array(ev, m.many->n, sizeof *m.before);
	if (!chain(ev, m.many_sig, m.many->n, s.map.n, &m.many_chain) ||
	        !chain(ev, m.swapped ? s.l_sig : s.r_sig, m.one->n, s.map.n, &m.one_chain) || ev->rc != 0)
		return;
	for (size_t i = 0; i < m.many->n; i++)
		for (size_t k = 0; k < g->n; k++)
			m.many_any[k] = m.many_any[k] || !is_absent(m.many->s[i].v[k]);
	/* In the order of the many side; groups that only the one side has come last, for the fill. */
	for (uint32_t sig = 0; sig < s.map.n && !ev_failed(ev); sig++)
		match_group(ev, &m, sig);
	vec_merge(ev, &out->vec, g->n);
}

void binary_eval(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
{
	bool l = x->arg[0]->type == PROMQL_SCALAR, r = x->arg[1]->type == PROMQL_SCALAR;

	if (l && r)
		scalars(ev, x, g, out);
	else if (l || r)
		vector_scalar(ev, x, g, out);
	else if (op_is_set(x->op))
		set_operator(ev, x, g, out);
	else
		vectors(ev, x, g, out);
}

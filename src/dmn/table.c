/* Decision tables: which rules fire, and what the hit policy makes of them (DMN 1.5, 8.2.8). */
#include "dmn/dmn_int.h"

/* Copies of a run share the result, so the room follows from the number: doubled at powers of two. */
static void fire(struct dmn__run *r, int row)
{
	struct dmn_result *x = r->result;

	if ((x->n & (x->n - 1)) == 0) {
		struct dmn_fired *more = arena_array(r->a, x->n > 0 ? (size_t)x->n * 2 : 1, sizeof(*more));

		if (more == NULL)
			return; /* sticky in the arena: the evaluation fails at its end */
		if (x->n > 0)
			memcpy(more, x->fired, (size_t)x->n * sizeof(*more));
		x->fired = more;
	}
	x->fired[x->n++] = (struct dmn_fired){r->decision, row + 1};
}

/* One rule's outputs: the value itself, or a context by the outputs' names. */
static int outputs(struct dmn__run *r, const struct box *b, const struct feel_expr *const *expr,
        const struct feel_scope *s, struct feel_value *out, struct err *e)
{
	struct feel_value context = {.type = FEEL_CONTEXT};

	for (int i = 0; i < b->outputs; i++) {
		struct feel_value v = FEEL_NULL_VALUE;
		int rc = expr[i] != NULL ? feel_eval(expr[i], s, r->a, &v, r->notes, e) : 0;

		if (rc < 0)
			return rc;
		if (b->output[i].type.n > 0 && v.type != FEEL_NULL &&
		        !dmn__conform(r->m, b->output[i].type, &v, s, r->a)) {
			feel_note(r->run, "an output is not of type " STR_FMT ", so it is null",
			        STR_ARG(b->output[i].type));
			v = FEEL_NULL_VALUE;
		}
		if (b->outputs == 1) {
			*out = v;
			return 0;
		}
		feel_put(r->a, &context, b->output[i].name, v);
	}
	*out = context;
	return 0;
}

static const struct feel_value *component(const struct box *b, const struct feel_value *v, int i)
{
	static const struct feel_value none = {.type = FEEL_NULL};

	if (b->outputs == 1)
		return v;
	return v->type == FEEL_CONTEXT && i < v->context.n ? v->context.entry[i].value : &none;
}

/* Place of an output's value in the list of its values: smaller is more important; past the end when it is
 * not in it. */
static int rank(struct dmn__run *r, const struct box *b, int i, const struct feel_value *v,
        const struct feel_scope *s)
{
	for (int k = 0; k < b->output[i].priorities; k++) {
		bool yes = false;

		if (feel_test(b->output[i].priority[k], s, v, r->a, &yes, NULL) == 0 && yes)
			return k;
	}
	return b->output[i].priorities;
}

/* Stable insertion sort: tables are small, and equal ranks keep the order of rules. */
static void sort_by_priority(
        struct dmn__run *r, const struct box *b, struct feel_value *v, int n, const struct feel_scope *s)
{
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0; k--) {
			int cmp = 0;

			for (int o = 0; o < b->outputs && cmp == 0; o++)
				cmp = rank(r, b, o, component(b, &v[k - 1], o), s) -
				      rank(r, b, o, component(b, &v[k], o), s);
			if (cmp <= 0)
				break;
			struct feel_value swap = v[k];

			v[k] = v[k - 1];
			v[k - 1] = swap;
		}
}

static void aggregate(
        struct dmn__run *r, const struct box *b, const struct feel_value *v, int n, struct feel_value *out)
{
	int order;

	*out = FEEL_NULL_VALUE;
	if (b->aggregation == AGG_COUNT) {
		*out = feel_int(n);
		return;
	}
	*out = v[0];
	for (int i = 0; i < n; i++) {
		bool ok;

		if (b->aggregation == AGG_SUM)
			ok = v[i].type == FEEL_NUMBER &&
			     (i == 0 || feel_number_add(out->number, v[i].number, &out->number));
		else
			ok = feel_compare(&v[i], out, &order) == 0;
		if (!ok) {
			feel_note(r->run,
			        "the outputs cannot be aggregated: they are of different or unfit types");
			*out = FEEL_NULL_VALUE;
			return;
		}
		if (b->aggregation != AGG_SUM && (b->aggregation == AGG_MIN ? order < 0 : order > 0))
			*out = v[i];
	}
}

static bool has_default(const struct box *b)
{
	for (int i = 0; i < b->outputs; i++)
		if (b->output[i].dflt != NULL)
			return true;
	return false;
}

static int defaults(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	const struct feel_expr **expr = arena_array(r->a, (size_t)b->outputs, sizeof(*expr));

	*out = FEEL_NULL_VALUE;
	if (expr == NULL)
		return err_set(e, ERR_NOMEM, "the decision needs more memory than it may have");
	for (int i = 0; i < b->outputs; i++)
		expr[i] = b->output[i].dflt;
	return has_default(b) ? outputs(r, b, expr, s, out, e) : 0;
}

struct hits { /* the rows that match, and their outputs */
	struct feel_value *v;
	int *row;
	size_t cap_v, cap_row;
	int n;
};

static int add_hit(struct dmn__run *r, struct hits *h, int row, const struct feel_value *v, struct err *e)
{
	h->v = arena_grow(r->a, h->v, &h->cap_v, (size_t)h->n + 1, sizeof(*h->v));
	h->row = arena_grow(r->a, h->row, &h->cap_row, (size_t)h->n + 1, sizeof(*h->row));
	if (h->v == NULL || h->row == NULL)
		return err_set(e, ERR_NOMEM, "the decision needs more memory than it may have");
	h->v[h->n] = *v;
	h->row[h->n++] = row;
	return 0;
}

static int find_hits(
        struct dmn__run *r, const struct box *b, const struct feel_scope *s, struct hits *h, struct err *e)
{
	struct feel_value *in = arena_array(r->a, (size_t)b->inputs, sizeof(*in));
	int rc = 0;

	if (in == NULL)
		return err_set(e, ERR_NOMEM, "the decision needs more memory than it may have");
	for (int i = 0; i < b->inputs && rc == 0; i++) {
		bool allowed = true;

		rc = feel_eval(b->input[i].expr, s, r->a, &in[i], r->notes, e);
		if (rc == 0 && b->input[i].type.n > 0 && in[i].type != FEEL_NULL &&
		        !dmn__conform(r->m, b->input[i].type, &in[i], s, r->a)) {
			feel_note(r->run, "the input " STR_FMT " is not of type " STR_FMT ", so it is null",
			        STR_ARG(b->input[i].text), STR_ARG(b->input[i].type));
			in[i] = FEEL_NULL_VALUE;
		}
		if (rc == 0 && b->input[i].values != NULL && in[i].type != FEEL_NULL)
			rc = feel_test(b->input[i].values, s, &in[i], r->a, &allowed, e);
		if (!allowed) {
			feel_note(r->run, "the input " STR_FMT " is not one of its allowed values",
			        STR_ARG(b->input[i].text));
			return 0; /* it matches no row, not even one of dashes */
		}
	}
	for (int k = 0; k < b->rules && rc == 0; k++) {
		struct feel_value v;
		bool hit = true;

		for (int i = 0; i < b->inputs && hit && rc == 0; i++)
			rc = feel_test(b->rule[k].in[i], s, &in[i], r->a, &hit, e);
		if (rc < 0 || !hit)
			continue;
		rc = outputs(r, b, b->rule[k].out, s, &v, e);
		if (rc == 0)
			rc = add_hit(r, h, k, &v, e);
		if (b->hit == HIT_FIRST)
			break;
	}
	return rc;
}

int dmn__table(struct dmn__run *r, const struct box *b, const struct feel_scope *s, struct feel_value *out,
        struct err *e)
{
	struct hits h = {.n = 0};
	int rc = find_hits(r, b, s, &h, e), n = h.n, *row = h.row;
	struct feel_value *v = h.v;

	if (rc < 0)
		return rc;
	for (int i = 0; i < n; i++)
		fire(r, row[i]);
	if (n == 0) {
		rc = defaults(r, b, s, out, e);
		if (b->hit == HIT_COLLECT && b->aggregation == AGG_COUNT && !has_default(b))
			*out = feel_int(0);
		return rc;
	}
	switch (b->hit) {
	case HIT_UNIQUE:
		*out = v[0];
		if (n > 1) {
			feel_note(r->run, "rows %d and %d both match, but the table is UNIQUE", row[0] + 1,
			        row[1] + 1);
			*out = FEEL_NULL_VALUE;
		}
		break;
	case HIT_ANY:
		*out = v[0];
		for (int i = 1; i < n; i++)
			if (feel_equal(&v[0], &v[i]) != 1) {
				feel_note(r->run, "rows %d and %d match and differ, but the table is ANY",
				        row[0] + 1, row[i] + 1);
				*out = FEEL_NULL_VALUE;
			}
		break;
	case HIT_FIRST: *out = v[0]; break;
	case HIT_PRIORITY:
		sort_by_priority(r, b, v, n, s);
		*out = v[0];
		break;
	case HIT_OUTPUT_ORDER:
	case HIT_RULE_ORDER:
	case HIT_COLLECT:
		if (b->hit == HIT_OUTPUT_ORDER)
			sort_by_priority(r, b, v, n, s);
		if (b->aggregation != AGG_NONE && b->hit == HIT_COLLECT)
			aggregate(r, b, v, n, out);
		else
			*out = (struct feel_value){.type = FEEL_LIST, .list = {v, n}};
		break;
	}
	return 0;
}

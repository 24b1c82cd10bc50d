/*
 * inspect - what an expression says without the values of a scope, for checks of what authors wrote.
 */
#include "feel/feel_int.h"

typedef struct feel_node node;
typedef struct feel_value value;

/* ---- literals ---- */

static bool makes_literals(struct str function)
{
	static const char *const names[] = {
	        "date", "time", "date and time", "duration", "years and months duration", "number"};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(function, names[i]))
			return true;
	return false;
}

static bool is_literal(const node *x)
{
	int first = 0;

	switch (x->kind) {
	case N_CONST: return true;
	case N_NEG:
	case N_LIST: break;
	case N_CALL:
		if (x->kid[0]->kind != N_NAME || !makes_literals(x->kid[0]->name))
			return false;
		first = 1;
		break;
	default: return false;
	}
	for (int i = first; i < x->n; i++)
		if (!is_literal(x->kid[i]))
			return false;
	return true;
}

static bool literal(const node *x, struct arena *a, value *out)
{
	struct feel_expr e = {.root = (node *)x};

	if (x->kind == N_CONST) {
		*out = x->value;
		return true;
	}
	return is_literal(x) && feel_eval(&e, NULL, a, out, NULL, NULL) == 0;
}

bool feel_read_literal(const struct feel_expr *x, struct arena *a, value *out)
{
	return !x->tests && literal(x->root, a, out);
}

/* ---- cells ---- */

struct reader {
	struct arena *a;
	struct feel_cell *cell;
	size_t cap;
};

static bool add(struct reader *r, struct feel_range part)
{
	struct feel_cell *c = r->cell;

	c->part = arena_grow(r->a, c->part, &r->cap, (size_t)c->n + 1, sizeof(*c->part));
	if (!c->part)
		return false;
	c->part[c->n++] = part;
	return true;
}

static bool add_value(struct reader *r, const value *v)
{
	value *kept;

	if (v->type == FEEL_NULL) {
		r->cell->null = true;
		return true;
	}
	kept = arena_memdup(r->a, v, sizeof(*v));
	return kept && add(r, (struct feel_range){kept, kept, true, true});
}

static bool add_range(struct reader *r, const node *x)
{
	value *end = arena_array(r->a, 2, sizeof(*end));
	bool half = x->op & RANGE_HALF;

	if (!end || !literal(x->kid[0], r->a, &end[0]) || !literal(x->kid[x->n - 1], r->a, &end[1]))
		return false;
	if (!half && (end[0].type == FEEL_NULL || end[1].type == FEEL_NULL))
		return false;
	return add(r, (struct feel_range){end[0].type == FEEL_NULL ? NULL : &end[0],
	                      end[1].type == FEEL_NULL ? NULL : &end[1], x->op & RANGE_LOW_IN,
	                      x->op & RANGE_HIGH_IN});
}

static bool add_expression(struct reader *r, const node *x)
{
	value v;

	if (x->kind == N_RANGE)
		return add_range(r, x);
	if (x->kind == N_LIST) {
		for (int i = 0; i < x->n; i++)
			if (x->kid[i]->kind == N_LIST || !add_expression(r, x->kid[i]))
				return false;
		return true;
	}
	return literal(x, r->a, &v) && add_value(r, &v);
}

static bool add_comparison(struct reader *r, const node *x)
{
	value *v = arena_alloc(r->a, sizeof(*v));

	if (!v || !literal(x->kid[0], r->a, v))
		return false;
	switch ((enum feel_compare)x->op) {
	case CMP_EQ: return add_value(r, v);
	case CMP_NE:
		return v->type != FEEL_NULL && add(r, (struct feel_range){NULL, v, false, false}) &&
		       add(r, (struct feel_range){v, NULL, false, false});
	case CMP_LT: return v->type != FEEL_NULL && add(r, (struct feel_range){NULL, v, false, false});
	case CMP_LE: return v->type != FEEL_NULL && add(r, (struct feel_range){NULL, v, false, true});
	case CMP_GT: return v->type != FEEL_NULL && add(r, (struct feel_range){v, NULL, false, false});
	case CMP_GE: return v->type != FEEL_NULL && add(r, (struct feel_range){v, NULL, true, false});
	}
	return false;
}

bool feel_read_cell(const struct feel_expr *tests, struct arena *a, struct feel_cell *out)
{
	struct reader r = {.a = a, .cell = out};
	const node *list = tests->root;

	*out = (struct feel_cell){0};
	if (list->kind == T_ANY) {
		out->any = true;
		return true;
	}
	if (list->kind == T_NOT) {
		out->negated = true;
		list = list->kid[0];
	}
	if (list->kind != T_LIST)
		return false;
	for (int i = 0; i < list->n; i++) {
		const node *test = list->kid[i];

		if (test->has_input)
			return false;
		if (!(test->kind == T_COMPARE ? add_comparison(&r, test) : add_expression(&r, test->kid[0])))
			return false;
	}
	return true;
}

/* ---- names ---- */

static void unknown_in(
        const node *x, void (*tell)(void *ctx, struct str name, int line, int column), void *ctx)
{
	if (x->kind == N_NAME && x->unknown)
		tell(ctx, x->name, x->line, x->column);
	if (x->kind == N_EXTERNAL) /* what stands in it names things outside */
		return;
	for (int i = 0; i < x->n; i++)
		unknown_in(x->kid[i], tell, ctx);
}

void feel_unknown_names(
        const struct feel_expr *x, void (*tell)(void *ctx, struct str name, int line, int column), void *ctx)
{
	unknown_in(x->root, tell, ctx);
}

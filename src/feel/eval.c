/*
 * eval - walks the tree of an expression: names, operators, unary tests, lists, contexts and ranges.
 */
#include "feel/eval_int.h"

#include "feel/builtin.h"

typedef struct feel_node node;
typedef struct feel_value value;

#define NULL_VALUE FEEL_NULL_VALUE

/* ---- names ---- */

static inline bool same(struct str a, struct str b)
{
	return a.n == b.n && (a.p == b.p || memcmp(a.p, b.p, a.n) == 0);
}

const value *feel__in_context(const value *c, struct str name)
{
	if (!c || c->type != FEEL_CONTEXT)
		return NULL;
	for (int i = 0; i < c->context.n; i++)
		if (same(c->context.entry[i].key, name))
			return c->context.entry[i].value;
	return NULL;
}

const value *feel__lookup(const struct feel_frame *f, struct str name)
{
	const value *v;

	for (; f; f = f->up) {
		if (f->scope) {
			for (const struct feel_scope *s = f->scope; s; s = s->up)
				if ((v = feel__in_context(s->context, name)))
					return v;
		} else if (f->name.p) {
			if (same(f->name, name))
				return f->value;
		} else if ((v = feel__in_context(f->value, name))) {
			return v;
		} else if (f->item && str_is(name, "item")) {
			return f->value;
		}
	}
	return NULL;
}

static value eval_name(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	const value *v = feel__lookup(f, x->name);
	const struct feel_builtin *b;

	if (v)
		return *v;
	b = feel__builtin(x->name, 0);
	if (b)
		return feel__builtin_value(r, b);
	return feel__fail(r, "%d:%d: there is no \"" STR_FMT "\"", x->line, x->column, STR_ARG(x->name));
}

/* ---- operators ---- */

static size_t steps_of_power(struct feel_number exponent)
{
	size_t steps = 0;
	int64_t n;

	if (!feel_number_to_int(exponent, &n))
		return 2 * FEEL__EXP_STEPS;
	for (; n != 0; n /= 2) /* it is squared so often */
		steps += 15;
	return steps;
}

static value arith_numbers(struct feel_run *r, const node *x, const value *a, const value *b)
{
	value v = {.type = FEEL_NUMBER};
	bool ok;

	switch (x->op) {
	case '+': ok = feel_number_add(a->number, b->number, &v.number); break;
	case '-': ok = feel_number_sub(a->number, b->number, &v.number); break;
	case '*': ok = feel_number_mul(a->number, b->number, &v.number); break;
	case '/': ok = feel_number_div(a->number, b->number, &v.number); break;
	default:
		if (!feel__work(r, steps_of_power(b->number)))
			return NULL_VALUE;
		ok = feel_number_pow(a->number, b->number, &v.number);
		break;
	}
	if (ok)
		return v;
	if (x->op == '/' && b->number.coefficient == 0)
		return feel__fail(r, "%d:%d: division by zero", x->line, x->column);
	return feel__fail(r, "%d:%d: the result is too large, or no real number", x->line, x->column);
}

static value eval_arith(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value a = feel__eval(r, x->kid[0], f), b = feel__eval(r, x->kid[1], f), v;

	if (a.type == FEEL_NUMBER && b.type == FEEL_NUMBER)
		return arith_numbers(r, x, &a, &b);
	if (a.type == FEEL_LIST && a.list.n == 1)
		a = a.list.item[0];
	if (b.type == FEEL_LIST && b.list.n == 1)
		b = b.list.item[0];
	if (a.type == FEEL_NUMBER && b.type == FEEL_NUMBER)
		return arith_numbers(r, x, &a, &b);
	if (a.type == FEEL_NULL || b.type == FEEL_NULL)
		return NULL_VALUE;
	if (x->op == '+' && a.type == FEEL_STRING && b.type == FEEL_STRING) {
		size_t n = a.string.n + b.string.n;
		char *p = arena_alloc(r->arena, n + 1);

		if (!p) {
			feel__nomem(r);
			return NULL_VALUE;
		}
		if (a.string.n)
			memcpy(p, a.string.p, a.string.n);
		if (b.string.n)
			memcpy(p + a.string.n, b.string.p, b.string.n);
		return feel_string((struct str){p, n});
	}
	if (feel__temporal_arith(r, (char)x->op, &a, &b, &v))
		return v;
	return feel__fail(r, "%d:%d: %s %s %s has no meaning", x->line, x->column, feel__type_name(a.type),
	        x->op == '^' ? "**" : (char[]){(char)x->op, 0}, feel__type_name(b.type));
}

/* A list of one is its element where only that fits. */
static const value *only_element(struct feel_run *r, const value *v)
{
	while (v->type == FEEL_LIST && v->list.n == 1 && step(r))
		v = &v->list.item[0];
	return v;
}

static int compare_equal(struct feel_run *r, const node *x, const value *a, const value *b)
{
	int equal = feel__equal(r, a, b);

	if (equal < 0 && (a->type == FEEL_LIST) != (b->type == FEEL_LIST))
		equal = feel__equal(r, only_element(r, a), only_element(r, b));
	if (equal < 0)
		feel_note(r, "%d:%d: %s and %s cannot be compared", x->line, x->column,
		        feel__type_name(a->type), feel__type_name(b->type));
	return equal;
}

/* 1, 0, -1: FEEL's comparison. */
static int compare(struct feel_run *r, const node *x, enum feel_compare op, const value *a, const value *b)
{
	int order;

	if (op == CMP_EQ || op == CMP_NE) {
		int equal = compare_equal(r, x, a, b);

		return equal < 0 || op == CMP_EQ ? equal : !equal;
	}
	if (feel_compare(a, b, &order) < 0 &&
	        feel_compare(only_element(r, a), only_element(r, b), &order) < 0) {
		if (a->type != FEEL_NULL && b->type != FEEL_NULL)
			feel_note(r, "%d:%d: %s and %s have no order", x->line, x->column,
			        feel__type_name(a->type), feel__type_name(b->type));
		return -1;
	}
	switch (op) {
	case CMP_LT: return order < 0;
	case CMP_LE: return order <= 0;
	case CMP_GT: return order > 0;
	default: return order >= 0;
	}
}

static value eval_logic(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	int decisive = x->kind == N_OR, result = !decisive;

	for (int i = 0; i < x->n; i++) {
		value v = feel__eval(r, x->kid[i], f);
		int t = truth(&v);

		if (t == decisive)
			return feel_bool(t);
		if (t < 0)
			result = -1;
	}
	return three(result);
}

static value eval_between(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v = feel__eval(r, x->kid[0], f), low = feel__eval(r, x->kid[1], f),
	      high = feel__eval(r, x->kid[2], f);
	int a = compare(r, x, CMP_GE, &v, &low), b = compare(r, x, CMP_LE, &v, &high);

	return three(a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1);
}

/* ---- unary tests ---- */

/* The value of a test without ?: equal, in the range, in the list; a boolean of its own decides. */
static int matches(struct feel_run *r, const value *input, const value *v)
{
	int any = 0, t;

	switch (v->type) {
	case FEEL_RANGE:
		return input->type == FEEL_RANGE ? feel__equal(r, input, v)
		                                 : feel__in_range(&v->range, input);
	case FEEL_LIST:
		if (input->type == FEEL_LIST && feel__equal(r, input, v) == 1)
			return 1;
		for (int i = 0; i < v->list.n; i++) {
			const value *item = &v->list.item[i];

			t = item->type == FEEL_RANGE && input->type != FEEL_RANGE
			            ? feel__in_range(&item->range, input)
			            : feel__equal(r, input, item);
			if (t == 1)
				return 1;
			if (t < 0 && input->type == FEEL_NULL)
				any = -1;
		}
		/* a list as input matches when it holds... only a list: see feel_equal above */
		return any < 0 ? 0 : any;
	case FEEL_BOOL:
		if (input->type != FEEL_BOOL)
			return v->boolean;
		return input->boolean == v->boolean;
	default:
		t = feel__equal(r, input, v);
		if (t < 0 && input->type == FEEL_LIST && input->list.n == 1)
			return feel__equal(r, &input->list.item[0], v);
		return t;
	}
}

/* As Table 55 has it: x >= low and x <= high. A range of ranges is compared as a value. */
static int in_written_range(struct feel_run *r, const node *x, const struct feel_frame *f, const value *input)
{
	value low = feel__eval(r, x->kid[0], f), high = feel__eval(r, x->kid[1], f);
	int a = compare(r, x, x->op & RANGE_LOW_IN ? CMP_GE : CMP_GT, input, &low);
	int b = compare(r, x, x->op & RANGE_HIGH_IN ? CMP_LE : CMP_LT, input, &high);

	return a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1;
}

static bool is_number(const node *x)
{
	return x->kind == N_CONST && x->value.type == FEEL_NUMBER;
}

static int number_test(const node *x, struct feel_number n)
{
	const node *e = x->kid[0];
	int order;

	if (x->kind == T_EXPR && e->kind == N_RANGE && e->n == 2 && is_number(e->kid[0]) &&
	        is_number(e->kid[1])) {
		order = feel_number_cmp(n, e->kid[0]->value.number);
		if (order < 0 || (order == 0 && !(e->op & RANGE_LOW_IN)))
			return 0;
		order = feel_number_cmp(n, e->kid[1]->value.number);
		return order < 0 || (order == 0 && e->op & RANGE_HIGH_IN);
	}
	if (!is_number(e))
		return -1;
	order = feel_number_cmp(n, e->value.number);
	if (x->kind == T_EXPR)
		return order == 0;
	switch ((enum feel_compare)x->op) {
	case CMP_EQ: return order == 0;
	case CMP_NE: return order != 0;
	case CMP_LT: return order < 0;
	case CMP_LE: return order <= 0;
	case CMP_GT: return order > 0;
	default: return order >= 0;
	}
}

int feel__literal_test(const node *x, const value *input)
{
	if (x->kind == T_ANY)
		return 1;
	if (x->kind != T_LIST)
		return -1;
	for (int i = 0; i < x->n; i++) {
		const node *test = x->kid[i], *e = test->kid[0];
		int t = -1;

		if (input->type == FEEL_NUMBER)
			t = number_test(test, input->number);
		else if (input->type == FEEL_STRING && test->kind == T_EXPR && e->kind == N_CONST &&
		         e->value.type == FEEL_STRING)
			t = same(e->value.string, input->string);
		if (t != 0)
			return t;
	}
	return x->n ? 0 : -1;
}

int feel__eval_test(struct feel_run *r, const node *x, const struct feel_frame *f, const value *input)
{
	struct feel_frame inner = {.up = f, .name = STR_LIT("?"), .value = input};
	int result = 0;

	if (!step(r))
		return -1;
	switch (x->kind) {
	case T_ANY: return 1;
	case T_LIST:
		for (int i = 0; i < x->n; i++) {
			int t = feel__eval_test(r, x->kid[i], f, input);

			if (t == 1)
				return 1;
			if (t < 0)
				result = -1;
		}
		return result;
	case T_NOT: result = feel__eval_test(r, x->kid[0], f, input); return result < 0 ? -1 : !result;
	case T_COMPARE: {
		const node *end = x->kid[0];
		value v;

		if (end->kind == N_CONST)
			return compare(r, x, x->op, input, &end->value);
		v = feel__eval(r, end, &inner);
		return compare(r, x, x->op, input, &v);
	}
	default: { /* T_EXPR */
		const node *e = x->kid[0];
		value v;

		/* true as a value is a value; true as the outcome of a condition takes whatever is asked */
		if (e->kind == N_CONST)
			return e->value.type == FEEL_BOOL ? compare_equal(r, x, input, &e->value)
			                                  : matches(r, input, &e->value);
		if (e->kind == N_RANGE && !(e->op & RANGE_HALF) && input->type != FEEL_RANGE)
			return in_written_range(r, e, &inner, input);
		v = feel__eval(r, e, &inner);
		if (x->has_input) {
			/* `?` alone and the like are values; a condition over ? is the answer itself */
			if (v.type == FEEL_BOOL || v.type == FEEL_NULL)
				return truth(&v);
		}
		return matches(r, input, &v);
	}
	}
}

/* ---- the walk ---- */

static value eval_context(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value *c = feel__alloc_items(r, 1);
	struct feel_frame inner = {.up = f, .value = c};

	if (!c)
		return NULL_VALUE;
	*c = (value){.type = FEEL_CONTEXT};
	for (int i = 0; i < x->n && r->rc == 0; i++) {
		feel_put(r->arena, c, x->names[i], feel__eval(r, x->kid[i], &inner));
		if (arena_failed(r->arena))
			feel__nomem(r);
	}
	return r->rc < 0 ? NULL_VALUE : *c;
}

static value eval_list(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value *item = feel__alloc_items(r, x->n);

	if (!item)
		return NULL_VALUE;
	for (int i = 0; i < x->n; i++)
		item[i] = feel__eval(r, x->kid[i], f);
	return feel__list(item, x->n);
}

static value eval_range(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value end[2], *v;
	int order;
	bool half = x->op & RANGE_HALF;

	end[0] = feel__eval(r, x->kid[0], f);
	end[1] = x->n == 1 ? end[0] : feel__eval(r, x->kid[1], f);
	if (half ? end[0].type == FEEL_NULL && end[1].type == FEEL_NULL
	         : end[0].type == FEEL_NULL || end[1].type == FEEL_NULL)
		return NULL_VALUE;
	if (end[0].type != FEEL_NULL && end[1].type != FEEL_NULL &&
	        feel_compare(&end[0], &end[1], &order) < 0)
		return feel__fail(r, "%d:%d: a range from %s to %s has no meaning", x->line, x->column,
		        feel__type_name(end[0].type), feel__type_name(end[1].type));
	v = feel__alloc_items(r, 2);
	if (!v)
		return NULL_VALUE;
	v[0] = end[0];
	v[1] = end[1];
	return (value){.type = FEEL_RANGE,
	        .range = {.low = v[0].type == FEEL_NULL ? NULL : &v[0],
	                .high = v[1].type == FEEL_NULL ? NULL : &v[1],
	                .low_in = x->op & RANGE_LOW_IN,
	                .high_in = x->op & RANGE_HIGH_IN}};
}

static value eval_negative(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v = feel__eval(r, x->kid[0], f);

	if (v.type == FEEL_LIST && v.list.n == 1)
		v = v.list.item[0];
	switch (v.type) {
	case FEEL_NUMBER:
		if (v.number.coefficient)
			v.number.negative = !v.number.negative;
		return v;
	case FEEL_DAYS: v.nanos = -v.nanos; return v;
	case FEEL_MONTHS:
		if (v.months == INT64_MIN)
			return feel__fail(r, "%d:%d: the duration is too long", x->line, x->column);
		v.months = -v.months;
		return v;
	case FEEL_NULL: return v;
	default:
		return feel__fail(
		        r, "%d:%d: a %s has no negative", x->line, x->column, feel__type_name(v.type));
	}
}

static value eval_compare(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value a = feel__eval(r, x->kid[0], f), b = feel__eval(r, x->kid[1], f);

	return three(compare(r, x, x->op, &a, &b));
}

static value eval_in(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v = feel__eval(r, x->kid[0], f);

	return three(feel__eval_test(r, x->kid[1], f, &v));
}

static value eval_path(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value of = feel__eval(r, x->kid[0], f);

	return feel__member(r, x, &of);
}

static value eval_instance(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v = feel__eval(r, x->kid[0], f);

	if (!feel__is_type(r, x->types[0]))
		return feel__fail(r, "%d:%d: \"" STR_FMT "\" is no type, or lacks the types of what it holds",
		        x->line, x->column, STR_ARG(x->types[0]->name));
	return three(feel__is_instance(r, x->types[0], &v));
}

static value dispatch(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v;

	switch ((enum feel_node_kind)x->kind) {
	case N_NEG: return eval_negative(r, x, f);
	case N_ARITH: return eval_arith(r, x, f);
	case N_COMPARE: return eval_compare(r, x, f);
	case N_AND:
	case N_OR: return eval_logic(r, x, f);
	case N_IF: v = feel__eval(r, x->kid[0], f); return feel__eval(r, x->kid[truth(&v) == 1 ? 1 : 2], f);
	case N_FOR:
	case N_SOME:
	case N_EVERY: return feel__eval_iteration(r, x, f);
	case N_FILTER: return feel__eval_filter(r, x, f);
	case N_PATH: return eval_path(r, x, f);
	case N_CALL:
	case N_CALL_NAMED: return feel__eval_call(r, x, f);
	case N_LIST: return eval_list(r, x, f);
	case N_CONTEXT: return eval_context(r, x, f);
	case N_RANGE: return eval_range(r, x, f);
	case N_FUNCTION:
	case N_EXTERNAL: return feel__eval_function(r, x, f);
	case N_BETWEEN: return eval_between(r, x, f);
	case N_IN: return eval_in(r, x, f);
	case N_INSTANCE: return eval_instance(r, x, f);
	case N_CONST:
	case N_NAME:
	case N_DOMAIN:
	case T_ANY:
	case T_LIST:
	case T_NOT:
	case T_COMPARE:
	case T_EXPR: break;
	}
	wrong("no expression");
}

value feel__eval(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v;

	if (x->kind == N_CONST)
		return x->value;
	if (!step(r))
		return NULL_VALUE;
	if (x->kind == N_NAME)
		return eval_name(r, x, f);
	if (!deeper(r))
		return NULL_VALUE;
	v = dispatch(r, x, f);
	r->depth--;
	return v;
}

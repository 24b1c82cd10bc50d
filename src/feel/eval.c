/*
 * eval - walks the tree of an expression. What FEEL calls an error is null and a note; only limits of
 * memory, steps and nesting end an evaluation, and then stick in the run.
 */
#include "feel/feel_int.h"

#include <stdarg.h>

#define STEPS_DEFAULT 10000000
#define NESTING_MAX 3000
#define NOTES_MAX 8

typedef struct feel_node node;
typedef struct feel_value value;

static value eval(struct feel_run *r, const node *x, const struct feel_frame *f);

#define NULL_VALUE FEEL_NULL_VALUE

/* ---- the run ---- */

void feel_note(struct feel_run *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->notes || r->notes_n >= NOTES_MAX)
		return;
	if (r->notes_n++)
		sb_puts(r->notes, "; ");
	va_start(ap, fmt);
	sb_vprintf(r->notes, fmt, ap);
	va_end(ap);
}

value feel__fail(struct feel_run *r, const char *fmt, ...)
{
	char words[300];
	va_list ap;

	if (r->notes && r->notes_n < NOTES_MAX) {
		va_start(ap, fmt);
		vsnprintf(words, sizeof(words), fmt, ap);
		va_end(ap);
		feel_note(r, "%s", words);
	}
	return NULL_VALUE;
}

static void past_limit(struct feel_run *r, int code, const char *words)
{
	if (r->rc < 0)
		return;
	r->rc = code;
	err_set(&r->err, code, "%s", words);
}

void feel__nomem(struct feel_run *r)
{
	past_limit(r, ERR_NOMEM, "the evaluation needs more memory than allowed");
}

value *feel__alloc_items(struct feel_run *r, int n)
{
	value *v = arena_array(r->arena, (size_t)n, sizeof(*v));

	if (!v)
		feel__nomem(r);
	return v;
}

static bool step(struct feel_run *r)
{
	if (r->rc < 0)
		return false;
	if (UNLIKELY(r->steps-- == 0)) {
		r->steps = 0;
		past_limit(r, ERR_UNPROCESSED, "the evaluation takes more steps than allowed");
		return false;
	}
	return true;
}

static bool deeper(struct feel_run *r)
{
	if (UNLIKELY(r->depth >= NESTING_MAX)) {
		past_limit(r, ERR_UNPROCESSED,
		        "the evaluation nests too deeply; does a function call itself without end?");
		return false;
	}
	r->depth++;
	return true;
}

int feel_run_enter(struct feel_run *r, struct err *e)
{
	if (step(r) && deeper(r))
		return 0;
	if (e)
		*e = r->err;
	return r->rc;
}

void feel_run_leave(struct feel_run *r)
{
	r->depth--;
}

struct arena *feel_run_arena(const struct feel_run *r)
{
	return r->arena;
}

static void run_init(struct feel_run *r, const struct feel_scope *s, struct arena *a, struct sb *notes)
{
	*r = (struct feel_run){
	        .arena = a,
	        .notes = notes,
	        .steps = s && s->max_steps ? s->max_steps : STEPS_DEFAULT,
	        .now = s ? s->now : 0,
	        .zone = s && s->zone ? s->zone : zone_utc(),
	        .scope = s,
	};
}

struct feel_run *feel_run_new(const struct feel_scope *s, struct arena *a, struct sb *notes)
{
	struct feel_run *r = arena_alloc(a, sizeof(*r));

	if (r)
		run_init(r, s, a, notes);
	return r;
}

/* ---- names ---- */

static inline bool same(struct str a, struct str b)
{
	return a.n == b.n && (a.p == b.p || memcmp(a.p, b.p, a.n) == 0);
}

static const value *in_context(const value *c, struct str name)
{
	if (!c || c->type != FEEL_CONTEXT)
		return NULL;
	for (int i = 0; i < c->context.n; i++)
		if (same(c->context.entry[i].key, name))
			return c->context.entry[i].value;
	return NULL;
}

static const value *lookup(const struct feel_frame *f, struct str name)
{
	const value *v;

	for (; f; f = f->up) {
		if (f->scope) {
			for (const struct feel_scope *s = f->scope; s; s = s->up)
				if ((v = in_context(s->context, name)))
					return v;
		} else if (f->name.p) {
			if (same(f->name, name))
				return f->value;
		} else if ((v = in_context(f->value, name))) {
			return v;
		} else if (f->item && str_is(name, "item")) {
			return f->value;
		}
	}
	return NULL;
}

static value builtin_value(struct feel_run *r, const struct feel_builtin *b)
{
	struct feel_function *fn = arena_alloc(r->arena, sizeof(*fn));

	if (!fn) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	fn->kind = FUNCTION_BUILTIN;
	fn->builtin = b;
	return (value){.type = FEEL_FUNCTION, .function = fn};
}

static value eval_name(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	const value *v = lookup(f, x->name);
	const struct feel_builtin *b;

	if (v)
		return *v;
	b = feel__builtin(x->name, 0);
	if (b)
		return builtin_value(r, b);
	return feel__fail(r, "%d:%d: there is no \"" STR_FMT "\"", x->line, x->column, STR_ARG(x->name));
}

/* ---- operators ---- */

static value arith_numbers(struct feel_run *r, const node *x, const value *a, const value *b)
{
	value v = {.type = FEEL_NUMBER};
	bool ok;

	switch (x->op) {
	case '+': ok = feel_number_add(a->number, b->number, &v.number); break;
	case '-': ok = feel_number_sub(a->number, b->number, &v.number); break;
	case '*': ok = feel_number_mul(a->number, b->number, &v.number); break;
	case '/': ok = feel_number_div(a->number, b->number, &v.number); break;
	default: ok = feel_number_pow(a->number, b->number, &v.number); break;
	}
	if (ok)
		return v;
	if (x->op == '/' && b->number.coefficient == 0)
		return feel__fail(r, "%d:%d: division by zero", x->line, x->column);
	return feel__fail(r, "%d:%d: the result is too large, or no real number", x->line, x->column);
}

static value eval_arith(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value a = eval(r, x->kid[0], f), b = eval(r, x->kid[1], f), v;

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

static value three(int truth)
{
	return truth < 0 ? NULL_VALUE : feel_bool(truth);
}

/* 1, 0, -1: FEEL's comparison. */
static int compare(struct feel_run *r, const node *x, enum feel_compare op, const value *a, const value *b)
{
	int order, equal;

	if (op == CMP_EQ || op == CMP_NE) {
		equal = feel_equal(a, b);
		if (equal < 0) {
			/* a list of one is its element where only that fits */
			if (a->type == FEEL_LIST && a->list.n == 1)
				return compare(r, x, op, &a->list.item[0], b);
			if (b->type == FEEL_LIST && b->list.n == 1)
				return compare(r, x, op, a, &b->list.item[0]);
			feel_note(r, "%d:%d: %s and %s cannot be compared", x->line, x->column,
			        feel__type_name(a->type), feel__type_name(b->type));
			return -1;
		}
		return op == CMP_EQ ? equal : !equal;
	}
	if (feel__compare(a, b, &order) < 0) {
		if (a->type == FEEL_LIST && a->list.n == 1)
			return compare(r, x, op, &a->list.item[0], b);
		if (b->type == FEEL_LIST && b->list.n == 1)
			return compare(r, x, op, a, &b->list.item[0]);
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

static int truth(const value *v)
{
	return v->type == FEEL_BOOL ? v->boolean : -1;
}

static value eval_logic(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	int decisive = x->kind == N_OR, result = !decisive;

	for (int i = 0; i < x->n; i++) {
		value v = eval(r, x->kid[i], f);
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
	value v = eval(r, x->kid[0], f), low = eval(r, x->kid[1], f), high = eval(r, x->kid[2], f);
	int a = compare(r, x, CMP_GE, &v, &low), b = compare(r, x, CMP_LE, &v, &high);

	return three(a == 0 || b == 0 ? 0 : a < 0 || b < 0 ? -1 : 1);
}

/* ---- unary tests ---- */

/* The value of a test without ?: equal, in the range, in the list; a boolean of its own decides. */
static int matches(const value *input, const value *v)
{
	int any = 0, t;

	switch (v->type) {
	case FEEL_RANGE:
		return input->type == FEEL_RANGE ? feel_equal(input, v) : feel__in_range(&v->range, input);
	case FEEL_LIST:
		if (input->type == FEEL_LIST && feel_equal(input, v) == 1)
			return 1;
		for (int i = 0; i < v->list.n; i++) {
			const value *item = &v->list.item[i];

			t = item->type == FEEL_RANGE && input->type != FEEL_RANGE
			            ? feel__in_range(&item->range, input)
			            : feel_equal(input, item);
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
		t = feel_equal(input, v);
		if (t < 0 && input->type == FEEL_LIST && input->list.n == 1)
			return feel_equal(&input->list.item[0], v);
		return t;
	}
}

static int eval_test(struct feel_run *r, const node *x, const struct feel_frame *f, const value *input)
{
	struct feel_frame inner = {.up = f, .name = STR_LIT("?"), .value = input};
	int result = 0;

	if (!step(r))
		return -1;
	switch (x->kind) {
	case T_ANY: return 1;
	case T_LIST:
		for (int i = 0; i < x->n; i++) {
			int t = eval_test(r, x->kid[i], f, input);

			if (t == 1)
				return 1;
			if (t < 0)
				result = -1;
		}
		return result;
	case T_NOT: result = eval_test(r, x->kid[0], f, input); return result < 0 ? -1 : !result;
	case T_COMPARE: {
		const node *end = x->kid[0];
		value v;

		if (end->kind == N_CONST)
			return compare(r, x, x->op, input, &end->value);
		v = eval(r, end, &inner);
		return compare(r, x, x->op, input, &v);
	}
	default: { /* T_EXPR */
		const node *e = x->kid[0];
		value v;

		if (e->kind == N_CONST)
			return matches(input, &e->value);
		v = eval(r, e, &inner);
		if (x->has_input) {
			/* `?` alone and the like are values; a condition over ? is the answer itself */
			if (v.type == FEEL_BOOL || v.type == FEEL_NULL)
				return truth(&v);
		}
		return matches(input, &v);
	}
	}
}

/* ---- paths and filters ---- */

static value member(struct feel_run *r, const node *x, const value *of)
{
	value v;
	bool found;

	switch (of->type) {
	case FEEL_NULL: return NULL_VALUE;
	case FEEL_CONTEXT:
		v = feel__get(of, x->name, &found);
		if (!found)
			return feel__fail(r, "%d:%d: the context has no entry \"" STR_FMT "\"", x->line,
			        x->column, STR_ARG(x->name));
		return v;
	case FEEL_LIST: {
		value *item = feel__alloc_items(r, of->list.n);

		for (int i = 0; item && i < of->list.n && step(r); i++)
			item[i] = member(r, x, &of->list.item[i]);
		return item && r->rc == 0 ? feel__list(item, of->list.n) : NULL_VALUE;
	}
	case FEEL_RANGE:
		if (str_is(x->name, "start"))
			return of->range.low ? *of->range.low : NULL_VALUE;
		if (str_is(x->name, "end"))
			return of->range.high ? *of->range.high : NULL_VALUE;
		if (str_is(x->name, "start included"))
			return feel_bool(of->range.low_in);
		if (str_is(x->name, "end included"))
			return feel_bool(of->range.high_in);
		break;
	default:
		if (feel__temporal_member(of, x->name, r->arena, &v))
			return v;
	}
	return feel__fail(r, "%d:%d: a %s has no \"" STR_FMT "\"", x->line, x->column,
	        feel__type_name(of->type), STR_ARG(x->name));
}

static value pick(struct feel_run *r, const node *x, const struct feel_list *list, const value *index)
{
	int64_t i;

	if (!feel_number_to_int(index->number, &i))
		return feel__fail(r, "%d:%d: an index must be a whole number", x->line, x->column);
	if (i > 0 && i <= list->n)
		return list->item[i - 1];
	if (i < 0 && i >= -(int64_t)list->n)
		return list->item[list->n + i];
	return feel__fail(r, "%d:%d: the list has no element %lld", x->line, x->column, (long long)i);
}

static value eval_filter(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value of = eval(r, x->kid[0], f);
	const node *condition = x->kid[1];
	struct feel_list list;
	value *kept = NULL;
	int n = 0;

	if (of.type == FEEL_LIST)
		list = of.list;
	else
		list = (struct feel_list){&of, of.type != FEEL_NULL};
	if (condition->kind == N_CONST && condition->value.type == FEEL_NUMBER) {
		if (of.type == FEEL_NULL)
			return NULL_VALUE;
		return pick(r, x, &list, &condition->value);
	}
	if (of.type == FEEL_NULL)
		return NULL_VALUE;
	if (list.n == 0) /* an index into nothing is null, a condition over nothing the empty list */
	{
		value v;

		if (condition->kind != N_NAME && condition->kind != N_ARITH && condition->kind != N_NEG &&
		        condition->kind != N_CALL && condition->kind != N_PATH)
			return feel__list(NULL, 0);
		v = eval(r, condition, f);
		return v.type == FEEL_NUMBER ? NULL_VALUE : feel__list(NULL, 0);
	}
	for (int i = 0; i < list.n && r->rc == 0; i++) {
		struct feel_frame inner = {.up = f, .value = &list.item[i], .item = true};
		value v = eval(r, condition, &inner);

		if (v.type == FEEL_NUMBER && i == 0) {
			/* An index; it may not depend on the element. */
			return pick(r, x, &list, &v);
		}
		if (v.type == FEEL_BOOL && v.boolean) {
			if (!kept)
				kept = feel__alloc_items(r, list.n - i);
			if (kept)
				kept[n++] = list.item[i];
		}
	}
	return r->rc < 0 ? NULL_VALUE : feel__list(kept, n);
}

/* ---- iterations ---- */

struct iteration {
	const node *x;
	struct feel_list done; /* results of `for`; also the variable partial */
	value partial;
	size_t cap;
	int result; /* of some and every */
};

static bool iterate(struct feel_run *r, struct iteration *it, int k, const struct feel_frame *f);

static bool one_turn(
        struct feel_run *r, struct iteration *it, int k, const struct feel_frame *f, const value *v)
{
	struct feel_frame inner = {.up = f, .name = it->x->names[k], .value = v};

	return step(r) && iterate(r, it, k + 1, &inner);
}

/* Whole numbers or dates from low to high, either way. */
static bool over_range(struct feel_run *r, struct iteration *it, int k, const struct feel_frame *f,
        const value *low, const value *high, bool skip_low, bool skip_high)
{
	int64_t a, b, way;

	if (low->type == FEEL_DATE && high->type == FEEL_DATE) {
		a = low->moment.days;
		b = high->moment.days;
	} else if (low->type != FEEL_NUMBER || high->type != FEEL_NUMBER ||
	           !feel_number_to_int(low->number, &a) || !feel_number_to_int(high->number, &b)) {
		feel_note(r, "%d:%d: an iteration goes over a list, whole numbers or dates", it->x->line,
		        it->x->column);
		it->result = -2;
		return false;
	}
	way = a <= b ? 1 : -1;
	if (skip_low) {
		if (a == b)
			return true;
		a += way;
	}
	if (skip_high) {
		if (a == b)
			return true;
		b -= way;
	}
	for (int64_t i = a;; i += way) {
		value v = feel_int(i);

		if (low->type == FEEL_DATE)
			v = (value){.type = FEEL_DATE, .moment = {.days = i}};
		if (!one_turn(r, it, k, f, &v))
			return false;
		if (i == b)
			return true;
	}
}

/* False: no more turns, the result stands (or a limit was passed). */
static bool iterate(struct feel_run *r, struct iteration *it, int k, const struct feel_frame *f)
{
	const node *x = it->x, *domain;
	value v;

	if (k == x->names_n) {
		v = eval(r, x->kid[k], f);
		if (r->rc < 0)
			return false;
		if (x->kind == N_FOR) {
			value *item = arena_grow(
			        r->arena, it->done.item, &it->cap, (size_t)it->done.n + 1, sizeof(*item));

			if (!item) {
				feel__nomem(r);
				return false;
			}
			item[it->done.n] = v;
			it->done.item = item;
			it->done.n++;
			it->partial = feel__list(it->done.item, it->done.n);
			return true;
		}
		if (truth(&v) < 0)
			it->result = -1;
		if (truth(&v) == (x->kind == N_SOME)) {
			it->result = x->kind == N_SOME;
			return false;
		}
		return true;
	}
	domain = x->kid[k];
	if (domain->kind == N_DOMAIN) {
		value low = eval(r, domain->kid[0], f), high = eval(r, domain->kid[1], f);

		return over_range(r, it, k, f, &low, &high, false, false);
	}
	v = eval(r, domain, f);
	if (v.type == FEEL_RANGE && v.range.low && v.range.high)
		return over_range(r, it, k, f, v.range.low, v.range.high, !v.range.low_in, !v.range.high_in);
	if (v.type == FEEL_NULL || v.type == FEEL_RANGE) {
		it->result = -2;
		return false;
	}
	if (v.type != FEEL_LIST)
		return one_turn(r, it, k, f, &v);
	for (int i = 0; i < v.list.n; i++)
		if (!one_turn(r, it, k, f, &v.list.item[i]))
			return false;
	return true;
}

static value eval_iteration(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	struct iteration it = {.x = x, .result = x->kind == N_EVERY, .partial = {.type = FEEL_LIST}};
	struct feel_frame partial = {.up = f, .name = STR_LIT("partial"), .value = &it.partial};

	(void)iterate(r, &it, 0, x->kind == N_FOR ? &partial : f);
	if (r->rc < 0 || it.result == -2)
		return NULL_VALUE;
	if (x->kind == N_FOR)
		return it.partial;
	return three(it.result);
}

/* ---- functions ---- */

/* Frames live on the stack of the evaluation; a function that outlives it takes them along. */
static const struct feel_frame *keep_frames(struct feel_run *r, const struct feel_frame *f)
{
	struct feel_frame *copy;
	value *v;

	if (!f)
		return NULL;
	copy = arena_alloc(r->arena, sizeof(*copy));
	if (!copy) {
		feel__nomem(r);
		return NULL;
	}
	*copy = *f;
	/* The entries of a context under construction stay where they are: its functions see later ones. */
	if (f->name.p || f->item) {
		v = feel__alloc_items(r, 1);
		if (!v)
			return NULL;
		*v = *f->value;
		copy->value = v;
	}
	copy->up = keep_frames(r, f->up);
	return copy;
}

static value eval_function(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	struct feel_function *fn = arena_alloc(r->arena, sizeof(*fn));

	if (!fn) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	fn->kind = x->kind == N_EXTERNAL ? FUNCTION_EXTERNAL : FUNCTION_LAMBDA;
	fn->lambda = x;
	fn->closure = keep_frames(r, f);
	return (value){.type = FEEL_FUNCTION, .function = fn};
}

struct feel_value feel_native_value(struct arena *a, const struct feel_native *f)
{
	struct feel_function *fn = arena_alloc(a, sizeof(*fn));

	if (!fn)
		return NULL_VALUE;
	fn->kind = FUNCTION_NATIVE;
	fn->native = *f;
	return (value){.type = FEEL_FUNCTION, .function = fn};
}

int feel_parameters(const struct feel_value *function, const struct str **names)
{
	const struct feel_function *fn = function->function;

	must(function->type == FEEL_FUNCTION);
	switch (fn->kind) {
	case FUNCTION_BUILTIN: return -1;
	case FUNCTION_NATIVE: *names = fn->native.parameter; return fn->native.n;
	case FUNCTION_LAMBDA:
	case FUNCTION_EXTERNAL: break;
	}
	*names = fn->lambda->names;
	return fn->lambda->names_n;
}

static value conform(struct feel_run *r, const struct feel_type_ref *t, const value *v)
{
	value list;

	if (!t || v->type == FEEL_NULL || feel__is_instance(r, t, v) == 1)
		return *v;
	if (v->type == FEEL_LIST && v->list.n == 1 && feel__is_instance(r, t, &v->list.item[0]) == 1)
		return v->list.item[0];
	list = (value){.type = FEEL_LIST, .list = {(value *)v, 1}};
	if (v->type != FEEL_LIST && feel__is_instance(r, t, &list) == 1) {
		value *item = feel__alloc_items(r, 1);

		if (!item)
			return NULL_VALUE;
		*item = *v;
		return feel__list(item, 1);
	}
	if (v->type == FEEL_DATE && str_is(t->name, "date and time"))
		return (value){.type = FEEL_DATETIME, .moment = {.days = v->moment.days, .has_zone = true}};
	return feel__fail(r, "a %s is no " STR_FMT, feel__type_name(v->type), STR_ARG(t->name));
}

static value call_lambda(struct feel_run *r, const struct feel_function *fn, const value *arg)
{
	const node *x = fn->lambda;
	const struct feel_frame *up = fn->closure;
	struct feel_frame *frame;
	value *v, result;

	frame = arena_array(r->arena, (size_t)x->names_n, sizeof(*frame));
	v = frame ? feel__alloc_items(r, x->names_n) : NULL;
	if (!v) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	for (int i = 0; i < x->names_n; i++) {
		v[i] = conform(r, x->types ? x->types[i] : NULL, &arg[i]);
		frame[i] = (struct feel_frame){.up = up, .name = x->names[i], .value = &v[i]};
		up = &frame[i];
	}
	result = eval(r, x->kid[0], up);
	return result;
}

static const struct feel_builtin *builtin_for(const struct feel_builtin *b, int n)
{
	const struct feel_builtin *row;
	struct str name = str_of(b->name);

	for (int i = 0; (row = feel__builtin(name, i)); i++)
		if (n >= row->least && (row->most < 0 || n <= row->most))
			return row;
	return NULL;
}

struct feel_value feel__invoke(struct feel_run *r, const value *function, const value *arg, int n)
{
	const struct feel_function *fn;
	value out = NULL_VALUE;

	if (function->type != FEEL_FUNCTION)
		return feel__fail(r, "a %s cannot be called", feel__type_name(function->type));
	fn = function->function;
	if (!step(r) || !deeper(r))
		return NULL_VALUE;
	switch (fn->kind) {
	case FUNCTION_BUILTIN: {
		const struct feel_builtin *b = builtin_for(fn->builtin, n);

		if (b)
			out = b->call(r, arg, n);
		else
			out = feel__fail(r, "%s does not take %d arguments", fn->builtin->name, n);
		break;
	}
	case FUNCTION_LAMBDA:
		if (n == fn->lambda->names_n)
			out = call_lambda(r, fn, arg);
		else
			out = feel__fail(
			        r, "the function takes %d arguments, not %d", fn->lambda->names_n, n);
		break;
	case FUNCTION_NATIVE:
		if (n != fn->native.n) {
			out = feel__fail(r, "the function takes %d arguments, not %d", fn->native.n, n);
		} else {
			int rc = fn->native.call(fn->native.arg, r, arg, &out, r->rc < 0 ? NULL : &r->err);

			if (rc < 0 && r->rc == 0)
				r->rc = rc;
		}
		break;
	case FUNCTION_EXTERNAL: out = feel__fail(r, "functions outside (Java, PMML) are not run"); break;
	}
	r->depth--;
	return r->rc < 0 ? NULL_VALUE : out;
}

/* The place of a parameter in "a,b,c", -1 if it is none. */
static int parameter_index(const char *parameters, struct str name)
{
	struct str rest = str_of(parameters);

	for (int i = 0; rest.p && rest.n; i++)
		if (str_eq(str_cut(&rest, ','), name))
			return i;
	return -1;
}

/* Arguments by name, put in the order of the parameters. Returns their number, -1 if they do not fit. */
static int place_named(const node *x, const struct feel_function *fn, const value *given, value *arg, int cap,
        const struct feel_builtin **chosen)
{
	const struct feel_builtin *row;
	int n = x->n - 1;

	if (fn->kind == FUNCTION_BUILTIN) {
		struct str name = str_of(fn->builtin->name);

		for (int i = 0; (row = feel__builtin(name, i)); i++) {
			int most = -1, k;

			for (k = 0; k < cap; k++)
				arg[k] = NULL_VALUE;
			for (k = 0; k < n; k++) {
				int at = parameter_index(row->parameters, x->names[k]);

				if (at < 0 || at >= cap)
					break;
				arg[at] = given[k];
				if (at > most)
					most = at;
			}
			if (k == n && most + 1 >= row->least) {
				*chosen = row;
				return most + 1;
			}
		}
		return -1;
	}
	{
		int want = fn->kind == FUNCTION_NATIVE ? fn->native.n : fn->lambda->names_n;
		const struct str *names =
		        fn->kind == FUNCTION_NATIVE ? fn->native.parameter : fn->lambda->names;

		if (n != want || n > cap)
			return -1;
		for (int i = 0; i < want; i++) {
			int k;

			for (k = 0; k < n && !str_eq(x->names[k], names[i]); k++)
				;
			if (k == n)
				return -1;
			arg[i] = given[k];
		}
		return want;
	}
}

static value __attribute__((noinline))
call_named(struct feel_run *r, const node *x, const value *function, const value *given)
{
	const struct feel_builtin *chosen = NULL;
	int cap = x->n + 7, n;
	value *arg = feel__alloc_items(r, cap);

	if (!arg)
		return NULL_VALUE;
	n = place_named(x, function->function, given, arg, cap, &chosen);
	if (n < 0)
		return feel__fail(r, "%d:%d: the function has no such parameters", x->line, x->column);
	if (chosen)
		return step(r) ? chosen->call(r, arg, n) : NULL_VALUE;
	return feel__invoke(r, function, arg, n);
}

static value eval_call(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	const node *callee = x->kid[0];
	int n = x->n - 1;
	value few[4], *arg = few, function = NULL_VALUE;
	const value *variable = NULL;
	const struct feel_builtin *b = NULL;

	if (n > 4 && !(arg = feel__alloc_items(r, n)))
		return NULL_VALUE;
	if (callee->kind == N_NAME) {
		variable = lookup(f, callee->name);
		if (!variable)
			b = feel__builtin(callee->name, 0);
	}
	for (int i = 0; i < n; i++)
		arg[i] = eval(r, x->kid[i + 1], f);
	if (r->rc < 0)
		return NULL_VALUE;
	if (b && x->kind == N_CALL) { /* without making a value of it */
		const struct feel_builtin *row = builtin_for(b, n);

		if (!row)
			return feel__fail(
			        r, "%d:%d: %s does not take %d arguments", x->line, x->column, b->name, n);
		return row->call(r, arg, n);
	}
	function = variable ? *variable : eval(r, callee, f);
	if (function.type != FEEL_FUNCTION)
		return feel__fail(r, "%d:%d: a %s cannot be called", x->line, x->column,
		        feel__type_name(function.type));
	if (x->kind == N_CALL_NAMED)
		return call_named(r, x, &function, arg);
	return feel__invoke(r, &function, arg, n);
}

/* ---- types ---- */

int feel__is_instance(struct feel_run *r, const struct feel_type_ref *t, const value *v)
{
	static const struct {
		const char *name;
		enum feel_type type;
	} table[] = {{"number", FEEL_NUMBER}, {"string", FEEL_STRING}, {"boolean", FEEL_BOOL},
	        {"date", FEEL_DATE}, {"time", FEEL_TIME}, {"date and time", FEEL_DATETIME},
	        {"dateTime", FEEL_DATETIME}, {"days and time duration", FEEL_DAYS},
	        {"dayTimeDuration", FEEL_DAYS}, {"years and months duration", FEEL_MONTHS},
	        {"yearMonthDuration", FEEL_MONTHS}, {"list", FEEL_LIST}, {"context", FEEL_CONTEXT},
	        {"range", FEEL_RANGE}, {"function", FEEL_FUNCTION}, {"null", FEEL_NULL}, {"Null", FEEL_NULL}};
	size_t i;

	if (str_is(t->name, "Any"))
		return v->type != FEEL_NULL;
	for (i = 0; i < ARRAY_LEN(table) && !str_is(t->name, table[i].name); i++)
		;
	if (i == ARRAY_LEN(table)) {
		const struct feel_scope *s = r->scope;

		return s && s->instance_of ? s->instance_of(s->types, t->name, v) : -1;
	}
	if (v->type != table[i].type)
		return 0;
	if (t->n == 0 && !t->result)
		return 1;
	switch (v->type) {
	case FEEL_LIST:
		for (int k = 0; k < v->list.n; k++)
			if (v->list.item[k].type != FEEL_NULL &&
			        feel__is_instance(r, t->arg, &v->list.item[k]) != 1)
				return 0;
		return 1;
	case FEEL_RANGE:
		if (v->range.low && feel__is_instance(r, t->arg, v->range.low) != 1)
			return 0;
		return !v->range.high || feel__is_instance(r, t->arg, v->range.high) == 1;
	case FEEL_CONTEXT:
		for (int k = 0; k < t->n; k++) {
			const value *m = in_context(v, t->member[k]);

			if (!m || (m->type != FEEL_NULL && feel__is_instance(r, &t->arg[k], m) != 1))
				return 0;
		}
		return 1;
	case FEEL_FUNCTION:
		switch (v->function->kind) {
		case FUNCTION_LAMBDA: return v->function->lambda->names_n == t->n;
		case FUNCTION_NATIVE: return v->function->native.n == t->n;
		default: return 1;
		}
	default: return 1;
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
		feel_put(r->arena, c, x->names[i], eval(r, x->kid[i], &inner));
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
		item[i] = eval(r, x->kid[i], f);
	return feel__list(item, x->n);
}

static value eval_range(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value end[2], *v;
	int order;
	bool half = x->op & RANGE_HALF;

	end[0] = eval(r, x->kid[0], f);
	end[1] = eval(r, x->kid[1], f);
	if (half ? end[0].type == FEEL_NULL && end[1].type == FEEL_NULL
	         : end[0].type == FEEL_NULL || end[1].type == FEEL_NULL)
		return NULL_VALUE;
	if (end[0].type != FEEL_NULL && end[1].type != FEEL_NULL &&
	        feel__compare(&end[0], &end[1], &order) < 0)
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
	value v = eval(r, x->kid[0], f);

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
	value a = eval(r, x->kid[0], f), b = eval(r, x->kid[1], f);

	return three(compare(r, x, x->op, &a, &b));
}

static value eval_in(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v = eval(r, x->kid[0], f);

	return three(eval_test(r, x->kid[1], f, &v));
}

static value eval_path(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value of = eval(r, x->kid[0], f);

	return member(r, x, &of);
}

static value eval_instance(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value v = eval(r, x->kid[0], f);

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
	case N_IF: v = eval(r, x->kid[0], f); return eval(r, x->kid[truth(&v) == 1 ? 1 : 2], f);
	case N_FOR:
	case N_SOME:
	case N_EVERY: return eval_iteration(r, x, f);
	case N_FILTER: return eval_filter(r, x, f);
	case N_PATH: return eval_path(r, x, f);
	case N_CALL:
	case N_CALL_NAMED: return eval_call(r, x, f);
	case N_LIST: return eval_list(r, x, f);
	case N_CONTEXT: return eval_context(r, x, f);
	case N_RANGE: return eval_range(r, x, f);
	case N_FUNCTION:
	case N_EXTERNAL: return eval_function(r, x, f);
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

static value eval(struct feel_run *r, const node *x, const struct feel_frame *f)
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

/* ---- the doors ---- */

static int finish(struct feel_run *r, const struct arena *a, struct err *e)
{
	if (r->rc == 0 && arena_failed(a))
		feel__nomem(r);
	if (r->rc < 0 && e)
		*e = r->err;
	return r->rc;
}

int feel_eval(const struct feel_expr *x, const struct feel_scope *s, struct arena *a, struct feel_value *out,
        struct sb *notes, struct err *e)
{
	struct feel_frame f = {.scope = s};
	struct feel_run own, *r = s ? s->run : NULL;
	const struct feel_scope *outer;
	value v;
	int rc;

	must(!x->tests);
	if (!r) {
		run_init(&own, s, a, notes);
		r = &own;
	}
	outer = r->scope;
	r->scope = s;
	v = eval(r, x->root, s ? &f : NULL);
	r->scope = outer;
	rc = finish(r, a, e);
	if (rc == 0)
		*out = v;
	return rc;
}

int feel_test(const struct feel_expr *x, const struct feel_scope *s, const struct feel_value *input,
        struct arena *a, bool *out, struct err *e)
{
	struct feel_frame f = {.scope = s};
	struct feel_run own, *r = s ? s->run : NULL;
	const struct feel_scope *outer;
	int rc, truth_of;

	must(x->tests);
	if (!r) {
		run_init(&own, s, a, NULL);
		r = &own;
	}
	outer = r->scope;
	r->scope = s;
	truth_of = eval_test(r, x->root, s ? &f : NULL, input);
	r->scope = outer;
	rc = finish(r, a, e);
	if (rc == 0)
		*out = truth_of == 1;
	return rc;
}

int feel_call(const struct feel_value *function, const struct feel_scope *s, const struct feel_value *args,
        int n, struct arena *a, struct feel_value *out, struct sb *notes, struct err *e)
{
	struct feel_run own, *r = s ? s->run : NULL;
	const struct feel_scope *outer;
	value v;
	int rc;

	if (!r) {
		run_init(&own, s, a, notes);
		r = &own;
	}
	outer = r->scope;
	r->scope = s;
	v = feel__invoke(r, function, args, n);
	r->scope = outer;
	rc = finish(r, a, e);
	if (rc == 0)
		*out = v;
	return rc;
}

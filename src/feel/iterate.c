/*
 * iterate - what goes over the elements of a list: paths, filters, for, some and every.
 */
#include "feel/eval_int.h"

#include "feel/builtin.h"

typedef struct feel_node node;
typedef struct feel_value value;

#define NULL_VALUE FEEL_NULL_VALUE

value feel__member(struct feel_run *r, const node *x, const value *of)
{
	value v;
	bool found;

	switch (of->type) {
	case FEEL_NULL: return NULL_VALUE;
	case FEEL_CONTEXT:
		if (of->context.n > 64 && !feel__work(r, (size_t)of->context.n / 64))
			return NULL_VALUE;
		v = feel__get(of, x->name, &found);
		if (!found)
			return feel__fail(r, "%d:%d: the context has no entry \"" STR_FMT "\"", x->line,
			        x->column, STR_ARG(x->name));
		return v;
	case FEEL_LIST: {
		value *item = feel__alloc_items(r, of->list.n);

		for (int i = 0; item && i < of->list.n && step(r); i++)
			item[i] = feel__member(r, x, &of->list.item[i]);
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
		if (feel__temporal_member(of, x->name, &v))
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

value feel__eval_filter(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	value of = feel__eval(r, x->kid[0], f);
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
		v = feel__eval(r, condition, f);
		return v.type == FEEL_NUMBER ? NULL_VALUE : feel__list(NULL, 0);
	}
	for (int i = 0; i < list.n && r->rc == 0; i++) {
		struct feel_frame inner = {.up = f, .value = &list.item[i], .item = true};
		value v = feel__eval(r, condition, &inner);

		if (v.type == FEEL_NUMBER && i == 0) {
			/* An index; it may not depend on the element. */
			return pick(r, x, &list, &v);
		}
		if (v.type != FEEL_BOOL && v.type != FEEL_NULL)
			return feel__fail(r, "%d:%d: a filter is a condition or an index, not a %s", x->line,
			        x->column, feel__type_name(v.type));
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
		v = feel__eval(r, x->kid[k], f);
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
		value low = feel__eval(r, domain->kid[0], f), high = feel__eval(r, domain->kid[1], f);

		return over_range(r, it, k, f, &low, &high, false, false);
	}
	v = feel__eval(r, domain, f);
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

value feel__eval_iteration(struct feel_run *r, const node *x, const struct feel_frame *f)
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

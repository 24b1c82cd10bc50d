/*
 * fn_list - built-in functions of lists and contexts.
 */
#include "feel/builtin.h"

typedef struct feel_value value;

/* Equality of elements: null equals null, what cannot be compared differs. */
static bool same(struct feel_run *r, const value *a, const value *b)
{
	return feel__work(r, 1) && feel__equal(r, a, b) == 1;
}

static bool holds(struct feel_run *r, const struct feel_list *l, const value *v)
{
	for (int i = 0; i < l->n; i++)
		if (same(r, &l->item[i], v))
			return true;
	return false;
}

static value fn_list_contains(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l))
		return NONE;
	return feel_bool(holds(r, &l, &arg[1]));
}

static value fn_count(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;

	return feel__arg_many(r, arg, n, &l) ? feel_int(l.n) : NONE;
}

static value extreme(struct feel_run *r, const value *arg, int n, int sign)
{
	struct feel_list l;
	value best;
	int order;

	if (!feel__arg_many(r, arg, n, &l) || l.n == 0)
		return NONE;
	best = l.item[0];
	if (feel_compare(&best, &best, &order) < 0)
		return feel__fail(r, "a %s has no order", feel__type_name(best.type));
	for (int i = 1; i < l.n && feel__work(r, 1); i++) {
		if (feel_compare(&l.item[i], &best, &order) < 0)
			return feel__fail(r, "%s and %s have no order", feel__type_name(l.item[i].type),
			        feel__type_name(best.type));
		if (order * sign > 0)
			best = l.item[i];
	}
	return best;
}

static value fn_min(struct feel_run *r, const value *arg, int n)
{
	return extreme(r, arg, n, -1);
}

static value fn_max(struct feel_run *r, const value *arg, int n)
{
	return extreme(r, arg, n, 1);
}

static bool numbers(struct feel_run *r, const value *arg, int n, struct feel_list *l)
{
	if (!feel__arg_many(r, arg, n, l))
		return false;
	for (int i = 0; i < l->n; i++) {
		if (l->item[i].type != FEEL_NUMBER) {
			feel_note(r, "a %s among the numbers of a list", feel__type_name(l->item[i].type));
			return false;
		}
	}
	return feel__work(r, (size_t)l->n);
}

static bool total(const struct feel_list *l, struct feel_number *sum)
{
	*sum = feel_number_int(0);
	for (int i = 0; i < l->n; i++)
		if (!feel_number_add(*sum, l->item[i].number, sum))
			return false;
	return true;
}

static value fn_sum(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value v = {.type = FEEL_NUMBER};

	if (!numbers(r, arg, n, &l) || l.n == 0 || !total(&l, &v.number))
		return NONE;
	return v;
}

static bool mean(const struct feel_list *l, struct feel_number *out)
{
	struct feel_number sum;

	return l->n && total(l, &sum) && feel_number_div(sum, feel_number_int(l->n), out);
}

static value fn_mean(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value v = {.type = FEEL_NUMBER};

	return numbers(r, arg, n, &l) && mean(&l, &v.number) ? v : NONE;
}

static value fn_product(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value v = {.type = FEEL_NUMBER, .number = {1, 0, false}};

	if (!numbers(r, arg, n, &l) || l.n == 0)
		return NONE;
	for (int i = 0; i < l.n; i++)
		if (!feel_number_mul(v.number, l.item[i].number, &v.number))
			return feel__fail(r, "the product is too large");
	return v;
}

static int by_number(const void *a, const void *b)
{
	const value *x = a, *y = b;

	return feel_number_cmp(x->number, y->number);
}

static value *sorted_numbers(struct feel_run *r, const struct feel_list *l)
{
	value *item = feel__alloc_items(r, l->n);

	if (!item)
		return NULL;
	if (l->n) {
		memcpy(item, l->item, (size_t)l->n * sizeof(*item));
		qsort(item, (size_t)l->n, sizeof(*item), by_number);
	}
	return item;
}

static value fn_median(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value *item, v = {.type = FEEL_NUMBER};

	if (!numbers(r, arg, n, &l) || l.n == 0 || !(item = sorted_numbers(r, &l)))
		return NONE;
	if (l.n % 2)
		return item[l.n / 2];
	if (!feel_number_add(item[l.n / 2 - 1].number, item[l.n / 2].number, &v.number) ||
	        !feel_number_div(v.number, feel_number_int(2), &v.number))
		return NONE;
	return v;
}

/* Of a sample: divided by n - 1. */
static value fn_stddev(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	struct feel_number m, d, sum = {0, 0, false};
	value v = {.type = FEEL_NUMBER};

	if (!numbers(r, arg, n, &l) || l.n < 2 || !mean(&l, &m))
		return NONE;
	for (int i = 0; i < l.n; i++)
		if (!feel_number_sub(l.item[i].number, m, &d) || !feel_number_mul(d, d, &d) ||
		        !feel_number_add(sum, d, &sum))
			return NONE;
	if (!feel_number_div(sum, feel_number_int(l.n - 1), &sum) || !feel_number_sqrt(sum, &v.number))
		return NONE;
	return v;
}

static value fn_mode(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value *item, *out;
	int best = 0, kept = 0;

	if (!numbers(r, arg, n, &l) || !(item = sorted_numbers(r, &l)) || !(out = feel__alloc_items(r, l.n)))
		return NONE;
	for (int i = 0, run; i < l.n; i += run) {
		for (run = 1; i + run < l.n && feel_number_cmp(item[i].number, item[i + run].number) == 0;
		        run++)
			;
		if (run > best) {
			best = run;
			kept = 0;
		}
		if (run == best)
			out[kept++] = item[i];
	}
	return feel__list(out, kept);
}

/* all: decisive false; any: decisive true. */
static value combine(struct feel_run *r, const value *arg, int n, bool decisive)
{
	struct feel_list l;
	value result = feel_bool(!decisive);

	if (n == 1 && arg[0].type == FEEL_NULL)
		return NONE;
	if (!feel__arg_many(r, arg, n, &l))
		return NONE;
	for (int i = 0; i < l.n && feel__work(r, 1); i++) {
		if (l.item[i].type != FEEL_BOOL)
			result = NONE;
		else if (l.item[i].boolean == decisive)
			return feel_bool(decisive);
	}
	return result;
}

static value fn_all(struct feel_run *r, const value *arg, int n)
{
	return combine(r, arg, n, false);
}

static value fn_any(struct feel_run *r, const value *arg, int n)
{
	return combine(r, arg, n, true);
}

static value slice(struct feel_run *r, const struct feel_list *l, int from, int n)
{
	value *item = feel__alloc_items(r, n);

	if (!item)
		return NONE;
	if (n)
		memcpy(item, l->item + from, (size_t)n * sizeof(*item));
	return feel__list(item, n);
}

/* A position 1 … n or -n … -1 as an index, -1 if there is none. */
static int index_of(struct feel_run *r, const value *v, int n)
{
	int i;

	if (!feel__arg_int(r, v, &i))
		return -1;
	if (i > 0 && i <= n)
		return i - 1;
	if (i < 0 && i >= -n)
		return n + i;
	feel_note(r, "the list has no element %d", i);
	return -1;
}

static value fn_sublist(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	int from, length;

	if (!feel__arg_list(r, &arg[0], &l) || (from = index_of(r, &arg[1], l.n)) < 0)
		return NONE;
	length = l.n - from;
	if (n > 2 && arg[2].type != FEEL_NULL) {
		int want;

		if (!feel__arg_int(r, &arg[2], &want))
			return NONE;
		if (want < 1 || want > length)
			return feel__fail(r, "sublist: there are no %d elements there", want);
		length = want;
	}
	return slice(r, &l, from, length);
}

static value join(struct feel_run *r, const struct feel_list *part, int n)
{
	struct feel_list all = {NULL, 0};
	int64_t total_n = 0;

	for (int i = 0; i < n; i++)
		total_n += part[i].n;
	if (total_n > INT32_MAX / 64 || !feel__work(r, (size_t)total_n))
		return NONE;
	all.item = feel__alloc_items(r, (int)total_n);
	if (!all.item)
		return NONE;
	for (int i = 0; i < n; i++) {
		if (part[i].n)
			memcpy(all.item + all.n, part[i].item, (size_t)part[i].n * sizeof(value));
		all.n += part[i].n;
	}
	return feel__list(all.item, all.n);
}

static value fn_append(struct feel_run *r, const value *arg, int n)
{
	struct feel_list part[2];

	if (!feel__arg_list(r, &arg[0], &part[0]))
		return NONE;
	part[1] = (struct feel_list){(value *)arg + 1, n - 1};
	return join(r, part, 2);
}

static struct feel_list *parts(struct feel_run *r, const value *arg, int n)
{
	struct feel_list *part = arena_array(r->arena, (size_t)n, sizeof(*part));

	if (!part) {
		feel__nomem(r);
		return NULL;
	}
	for (int i = 0; i < n; i++)
		if (!feel__arg_list(r, &arg[i], &part[i]))
			return NULL;
	return part;
}

static value fn_concatenate(struct feel_run *r, const value *arg, int n)
{
	struct feel_list *part = parts(r, arg, n);

	return part ? join(r, part, n) : NONE;
}

static value fn_insert_before(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l, part[3];
	int at = 0;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l) || (at = index_of(r, &arg[1], l.n)) < 0)
		return NONE;
	part[0] = (struct feel_list){l.item, at};
	part[1] = (struct feel_list){(value *)arg + 2, 1};
	part[2] = (struct feel_list){l.item + at, l.n - at};
	return join(r, part, 3);
}

static value fn_remove(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l, part[2];
	int at = 0;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l) || (at = index_of(r, &arg[1], l.n)) < 0)
		return NONE;
	part[0] = (struct feel_list){l.item, at};
	part[1] = (struct feel_list){l.item + at + 1, l.n - at - 1};
	return join(r, part, 2);
}

/* The second argument is a position, or a function (item, newItem) that says which to replace. */
static value fn_list_replace(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value v, pair[2];
	int at = 0;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l))
		return NONE;
	if (arg[1].type != FEEL_FUNCTION && (at = index_of(r, &arg[1], l.n)) < 0)
		return NONE;
	v = slice(r, &l, 0, l.n);
	if (v.type != FEEL_LIST)
		return NONE;
	if (arg[1].type != FEEL_FUNCTION) {
		v.list.item[at] = arg[2];
		return v;
	}
	for (int i = 0; i < l.n && r->rc == 0; i++) {
		value hit;

		pair[0] = l.item[i];
		pair[1] = arg[2];
		hit = feel__invoke(r, &arg[1], pair, 2);
		if (hit.type != FEEL_BOOL)
			return feel__fail(r, "list replace: the function must say true or false");
		if (hit.boolean)
			v.list.item[i] = arg[2];
	}
	return v;
}

static value fn_reverse(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value v;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l))
		return NONE;
	v = slice(r, &l, 0, l.n);
	for (int i = 0; v.type == FEEL_LIST && i < l.n; i++)
		v.list.item[i] = l.item[l.n - 1 - i];
	return v;
}

static value fn_index_of(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value *item;
	int k = 0;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l) || !(item = feel__alloc_items(r, l.n)))
		return NONE;
	for (int i = 0; i < l.n; i++)
		if (same(r, &l.item[i], &arg[1]))
			item[k++] = feel_int(i + 1);
	return feel__list(item, k);
}

static value distinct(struct feel_run *r, value v)
{
	struct feel_list kept = {NULL, 0};

	if (v.type != FEEL_LIST)
		return NONE;
	kept.item = feel__alloc_items(r, v.list.n);
	for (int i = 0; kept.item && i < v.list.n && r->rc == 0; i++)
		if (!holds(r, &kept, &v.list.item[i]))
			kept.item[kept.n++] = v.list.item[i];
	return feel__list(kept.item, kept.n);
}

static value fn_distinct(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;

	(void)n;
	return feel__arg_list(r, &arg[0], &l) ? distinct(r, feel__list(l.item, l.n)) : NONE;
}

static value fn_union(struct feel_run *r, const value *arg, int n)
{
	return distinct(r, fn_concatenate(r, arg, n));
}

static void flatten(
        struct feel_run *r, const struct feel_list *l, struct feel_list *out, size_t *cap, int depth)
{
	if (depth > FEEL__VALUE_DEPTH_MAX) {
		r->rc = err_set(&r->err, ERR_UNPROCESSED, "flatten: the lists nest too deeply");
		return;
	}
	for (int i = 0; i < l->n && feel__work(r, 1); i++) {
		if (l->item[i].type == FEEL_LIST) {
			flatten(r, &l->item[i].list, out, cap, depth + 1);
			continue;
		}
		{
			value *item = arena_grow(r->arena, out->item, cap, (size_t)out->n + 1, sizeof(*item));

			if (!item) {
				feel__nomem(r);
				return;
			}
			out->item = item;
			item[out->n++] = l->item[i];
		}
	}
}

static value fn_flatten(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l, out = {NULL, 0};
	size_t cap = 0;

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l))
		return NONE;
	flatten(r, &l, &out, &cap, 0);
	return feel__list(out.item, out.n);
}

/* Stable merge sort: `precedes` is the author's function and may be no order at all. */
static bool precedes(struct feel_run *r, const value *f, const value *a, const value *b, bool *failed)
{
	value pair[2] = {*a, *b}, v = feel__invoke(r, f, pair, 2);

	if (v.type != FEEL_BOOL)
		*failed = true;
	return v.type == FEEL_BOOL && v.boolean;
}

static void merge_sort(struct feel_run *r, const value *f, value *item, value *spare, int n, bool *failed)
{
	int half = n / 2, i = 0, j = half, k = 0;

	if (n < 2 || !feel__work(r, (size_t)n))
		return;
	merge_sort(r, f, item, spare, half, failed);
	merge_sort(r, f, item + half, spare, n - half, failed);
	while (i < half && j < n && r->rc == 0 && !*failed)
		spare[k++] = precedes(r, f, &item[j], &item[i], failed) ? item[j++] : item[i++];
	while (i < half)
		spare[k++] = item[i++];
	while (j < n)
		spare[k++] = item[j++];
	memcpy(item, spare, (size_t)n * sizeof(*item));
}

static value fn_sort(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value v, *spare;
	const value *f = feel__arg(r, &arg[1], FEEL_FUNCTION);
	bool failed = false;

	(void)n;
	if (!f || !feel__arg_list(r, &arg[0], &l))
		return NONE;
	v = slice(r, &l, 0, l.n);
	spare = feel__alloc_items(r, l.n);
	if (v.type != FEEL_LIST || !spare)
		return NONE;
	merge_sort(r, f, v.list.item, spare, l.n, &failed);
	return failed ? feel__fail(r, "sort: the function must say true or false of any two elements") : v;
}

/* ---- contexts ---- */

static value get_path(struct feel_run *r, const value *context, const struct feel_list *keys)
{
	value v = *context;
	bool found;

	if (keys->n == 0)
		return NONE;
	for (int i = 0; i < keys->n; i++) {
		if (keys->item[i].type != FEEL_STRING || v.type != FEEL_CONTEXT)
			return feel__fail(r, "get value: the keys are names of nested contexts");
		v = feel__get(&v, keys->item[i].string, &found);
	}
	return v;
}

static value fn_get_value(struct feel_run *r, const value *arg, int n)
{
	const value *c = feel__arg(r, &arg[0], FEEL_CONTEXT), *key;
	bool found;

	(void)n;
	if (!c)
		return NONE;
	if (arg[1].type == FEEL_LIST)
		return get_path(r, c, &arg[1].list);
	key = feel__arg(r, &arg[1], FEEL_STRING);
	return key ? feel__get(c, key->string, &found) : NONE;
}

static value fn_get_entries(struct feel_run *r, const value *arg, int n)
{
	const value *c = feel__arg(r, &arg[0], FEEL_CONTEXT);
	value *item;

	(void)n;
	if (!c || !(item = feel__alloc_items(r, c->context.n)))
		return NONE;
	for (int i = 0; i < c->context.n; i++) {
		item[i] = (value){.type = FEEL_CONTEXT};
		feel_put(r->arena, &item[i], STR_LIT("key"), feel_string(c->context.entry[i].key));
		feel_put(r->arena, &item[i], STR_LIT("value"), *c->context.entry[i].value);
	}
	return feel__list(item, c->context.n);
}

static value fn_context(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value out = {.type = FEEL_CONTEXT};

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l))
		return NONE;
	for (int i = 0; i < l.n && feel__work(r, (size_t)out.context.n + 1); i++) {
		const value *key = feel_get(&l.item[i], "key"), *v = feel_get(&l.item[i], "value");
		bool found;

		if (!key || key->type != FEEL_STRING || !v)
			return feel__fail(r, "context: each entry is {key: text, value: …}");
		(void)feel__get(&out, key->string, &found);
		if (found)
			return feel__fail(
			        r, "context: the key \"" STR_FMT "\" stands twice", STR_ARG(key->string));
		feel_put(r->arena, &out, key->string, *v);
	}
	return out;
}

/* A copy of the context whose entries may be replaced. */
static value shallow(struct feel_run *r, const value *c)
{
	value out = {.type = FEEL_CONTEXT};

	for (int i = 0; i < c->context.n && feel__work(r, 1); i++)
		feel_put(r->arena, &out, c->context.entry[i].key, *c->context.entry[i].value);
	return out;
}

static value put_path(struct feel_run *r, const value *c, const value *keys, int n, const value *v)
{
	value out, inner;
	bool found;

	if (c->type != FEEL_CONTEXT)
		return feel__fail(r, "context put: the keys are names of nested contexts");
	if (keys[0].type != FEEL_STRING)
		return feel__fail(r, "context put: a key is a text");
	out = shallow(r, c);
	if (n == 1) {
		feel_put(r->arena, &out, keys[0].string, *v);
		return out;
	}
	inner = feel__get(c, keys[0].string, &found);
	inner = put_path(r, &inner, keys + 1, n - 1, v);
	if (inner.type != FEEL_CONTEXT)
		return NONE;
	feel_put(r->arena, &out, keys[0].string, inner);
	return out;
}

static value fn_context_put(struct feel_run *r, const value *arg, int n)
{
	const value *c = feel__arg(r, &arg[0], FEEL_CONTEXT);

	(void)n;
	if (!c)
		return NONE;
	if (arg[1].type == FEEL_LIST) {
		if (arg[1].list.n == 0 || arg[1].list.n > 200)
			return feel__fail(r, "context put: between 1 and 200 keys");
		return put_path(r, c, arg[1].list.item, arg[1].list.n, &arg[2]);
	}
	return put_path(r, c, &arg[1], 1, &arg[2]);
}

static value fn_context_merge(struct feel_run *r, const value *arg, int n)
{
	struct feel_list l;
	value out = {.type = FEEL_CONTEXT};

	(void)n;
	if (!feel__arg_list(r, &arg[0], &l))
		return NONE;
	for (int i = 0; i < l.n; i++) {
		if (l.item[i].type != FEEL_CONTEXT)
			return feel__fail(
			        r, "context merge: a %s among the contexts", feel__type_name(l.item[i].type));
		for (int k = 0; k < l.item[i].context.n && feel__work(r, (size_t)out.context.n + 1); k++)
			feel_put(r->arena, &out, l.item[i].context.entry[k].key,
			        *l.item[i].context.entry[k].value);
	}
	return out;
}

const struct feel_builtin feel__lists[] = {
        {"list contains", "list,element", 2, 2, fn_list_contains},
        {"count", "list", 1, 1, fn_count},
        {"min", "list", 1, -1, fn_min},
        {"max", "list", 1, -1, fn_max},
        {"sum", "list", 1, -1, fn_sum},
        {"mean", "list", 1, -1, fn_mean},
        {"product", "list", 1, -1, fn_product},
        {"median", "list", 1, -1, fn_median},
        {"stddev", "list", 1, -1, fn_stddev},
        {"mode", "list", 1, -1, fn_mode},
        {"all", "list", 1, -1, fn_all},
        {"any", "list", 1, -1, fn_any},
        {"sublist", "list,start position,length", 2, 3, fn_sublist},
        {"append", "list,item", 2, -1, fn_append},
        {"concatenate", "list", 1, -1, fn_concatenate},
        {"insert before", "list,position,newItem", 3, 3, fn_insert_before},
        {"remove", "list,position", 2, 2, fn_remove},
        {"list replace", "list,position,newItem", 3, 3, fn_list_replace},
        {"list replace", "list,match,newItem", 3, 3, fn_list_replace},
        {"reverse", "list", 1, 1, fn_reverse},
        {"index of", "list,match", 2, 2, fn_index_of},
        {"union", "list", 1, -1, fn_union},
        {"distinct values", "list", 1, 1, fn_distinct},
        {"flatten", "list", 1, 1, fn_flatten},
        {"sort", "list,precedes", 2, 2, fn_sort},
        {"get value", "m,key", 2, 2, fn_get_value},
        {"get value", "context,keys", 2, 2, fn_get_value},
        {"get entries", "m", 1, 1, fn_get_entries},
        {"context", "entries", 1, 1, fn_context},
        {"context put", "context,key,value", 3, 3, fn_context_put},
        {"context put", "context,keys,value", 3, 3, fn_context_put},
        {"context merge", "contexts", 1, 1, fn_context_merge},
        {0},
};

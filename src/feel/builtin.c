#include "feel/builtin.h"

#include <pthread.h>

static const struct feel_builtin *const families[] = {
        feel__strings, feel__numbers, feel__lists, feel__times, feel__ranges};

#define NAMES_MAX 160

/* All names once, sorted; overloads lie side by side in `rows`. */
static struct str names[NAMES_MAX];
static const struct feel_builtin *rows[NAMES_MAX];
static int names_n, rows_n;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static int by_name(const void *a, const void *b)
{
	const struct feel_builtin *x = *(const struct feel_builtin *const *)a;
	const struct feel_builtin *y = *(const struct feel_builtin *const *)b;
	int c = str_cmp(str_of(x->name), str_of(y->name));

	return c ? c : x < y ? -1 : x > y; /* overloads in the order of their table */
}

static void collect(void)
{
	for (size_t i = 0; i < ARRAY_LEN(families); i++) {
		for (const struct feel_builtin *b = families[i]; b->name; b++) {
			must(rows_n < NAMES_MAX);
			rows[rows_n++] = b;
		}
	}
	qsort(rows, (size_t)rows_n, sizeof(rows[0]), by_name);
	for (int i = 0; i < rows_n; i++)
		if (i == 0 || strcmp(rows[i]->name, rows[i - 1]->name) != 0)
			names[names_n++] = str_of(rows[i]->name);
}

const struct str *feel__builtin_names(int *n)
{
	pthread_once(&once, collect);
	*n = names_n;
	return names;
}

const struct feel_builtin *feel__builtin(struct str name, int nth)
{
	int low = 0, high;

	pthread_once(&once, collect);
	high = rows_n;
	while (low < high) {
		int mid = (low + high) / 2;

		if (str_cmp(str_of(rows[mid]->name), name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	low += nth;
	return low < rows_n && str_is(name, rows[low]->name) ? rows[low] : NULL;
}

bool feel__work(struct feel_run *r, size_t steps)
{
	if (r->rc < 0)
		return false;
	if (r->steps <= steps) {
		r->steps = 0;
		r->rc = err_set(&r->err, ERR_UNPROCESSED, "the evaluation takes more steps than allowed");
		return false;
	}
	r->steps -= steps;
	return true;
}

const struct feel_value *feel__arg(struct feel_run *r, const struct feel_value *v, enum feel_type type)
{
	if (v->type == type)
		return v;
	if (v->type == FEEL_LIST && v->list.n == 1 && v->list.item[0].type == type)
		return &v->list.item[0];
	feel_note(r, "a function asks for a %s and was given a %s", feel__type_name(type),
	        feel__type_name(v->type));
	return NULL;
}

bool feel__arg_int(struct feel_run *r, const struct feel_value *v, int *out)
{
	int64_t i;

	v = feel__arg(r, v, FEEL_NUMBER);
	if (!v)
		return false;
	if (!feel_number_to_int(v->number, &i) || i > INT32_MAX || i < -INT32_MAX) {
		feel_note(r, "a function asks for a whole number");
		return false;
	}
	*out = (int)i;
	return true;
}

bool feel__arg_list(struct feel_run *r, const struct feel_value *v, struct feel_list *out)
{
	if (v->type == FEEL_LIST) {
		*out = v->list;
		return true;
	}
	if (v->type == FEEL_NULL) {
		feel_note(r, "a function asks for a list and was given null");
		return false;
	}
	out->item = feel__alloc_items(r, 1);
	if (!out->item)
		return false;
	out->item[0] = *v;
	out->n = 1;
	return true;
}

bool feel__arg_many(struct feel_run *r, const struct feel_value *arg, int n, struct feel_list *out)
{
	if (n == 1)
		return feel__arg_list(r, arg, out);
	out->item = feel__alloc_items(r, n);
	if (!out->item)
		return false;
	memcpy(out->item, arg, (size_t)n * sizeof(*arg));
	out->n = n;
	return true;
}

struct feel_value feel__text(struct feel_run *r, const char *p, size_t n)
{
	char *copy = arena_strndup(r->arena, p ? p : "", n);

	if (!copy) {
		feel__nomem(r);
		return NONE;
	}
	return feel_string((struct str){copy, n});
}

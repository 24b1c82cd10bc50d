/*
 * type - the types of `instance of` and of parameters: is a value one, and can it be made one?
 */
#include "feel/eval_int.h"

typedef struct feel_node node;
typedef struct feel_value value;

#define NULL_VALUE FEEL_NULL_VALUE

/* Whether whatever is of type a is of type b; what only an engine outside knows is taken to be. */
static bool conforms_to(const struct feel_type_ref *a, const struct feel_type_ref *b)
{
	if (!a || !b || str_is(b->name, "Any"))
		return true;
	if (!str_eq(a->name, b->name) || a->n < b->n)
		return false;
	for (int i = 0; i < b->n; i++) {
		int k = i;

		if (b->member) {
			for (k = 0; k < a->n && !str_eq(a->member[k], b->member[i]); k++)
				;
			if (k == a->n)
				return false;
		}
		if (!conforms_to(&a->arg[k], &b->arg[i]))
			return false;
	}
	return conforms_to(a->result, b->result);
}

/* A function is one of type t if it takes whatever t's arguments may be. What comes out is known after a call
 * only. */
static bool is_function(const struct feel_function *f, const struct feel_type_ref *t)
{
	const struct feel_builtin *row;

	switch (f->kind) {
	case FUNCTION_NATIVE: return f->native.n == t->n;
	case FUNCTION_BUILTIN:
		for (int i = 0; (row = feel__builtin(str_of(f->builtin->name), i)); i++)
			if (t->n >= row->least && (row->most < 0 || t->n <= row->most))
				return true;
		return false;
	case FUNCTION_LAMBDA:
	case FUNCTION_EXTERNAL: break;
	}
	if (f->lambda->names_n != t->n)
		return false;
	for (int i = 0; i < t->n; i++)
		if (!conforms_to(&t->arg[i], f->lambda->types[i]))
			return false;
	return true;
}

static const struct {
	const char *name;
	enum feel_type type;
} basic[] = {{"number", FEEL_NUMBER}, {"string", FEEL_STRING}, {"boolean", FEEL_BOOL}, {"date", FEEL_DATE},
        {"time", FEEL_TIME}, {"date and time", FEEL_DATETIME}, {"dateTime", FEEL_DATETIME},
        {"days and time duration", FEEL_DAYS}, {"dayTimeDuration", FEEL_DAYS},
        {"years and months duration", FEEL_MONTHS}, {"yearMonthDuration", FEEL_MONTHS}, {"list", FEEL_LIST},
        {"context", FEEL_CONTEXT}, {"range", FEEL_RANGE}, {"function", FEEL_FUNCTION}, {"null", FEEL_NULL},
        {"Null", FEEL_NULL}};

/* Its place among the basic types; their number if it is none. */
static size_t basic_type(struct str name)
{
	size_t i = 0;

	while (i < ARRAY_LEN(basic) && !str_is(name, basic[i].name))
		i++;
	return i;
}

/* A type that only the engine outside knows: 1, 0, or -1 if it knows it neither. */
static int is_outside(const struct feel_run *r, struct str name, const value *v)
{
	const struct feel_scope *s = r->scope;

	return s && s->instance_of ? s->instance_of(s->types, name, v) : -1;
}

/* Whether an expression of types means one. A list without the type of its elements, and the like, means
 * none (Table 61). */
bool feel__is_type(const struct feel_run *r, const struct feel_type_ref *t)
{
	size_t i = basic_type(t->name);

	for (int k = 0; k < t->n; k++)
		if (!feel__is_type(r, &t->arg[k]))
			return false;
	if (t->result && !feel__is_type(r, t->result))
		return false;
	if (i == ARRAY_LEN(basic))
		return str_is(t->name, "Any") || is_outside(r, t->name, &NULL_VALUE) >= 0;
	switch (basic[i].type) {
	case FEEL_LIST:
	case FEEL_CONTEXT:
	case FEEL_RANGE:
	case FEEL_FUNCTION: return t->n > 0 || t->result;
	default: return true;
	}
}

int feel__is_instance(struct feel_run *r, const struct feel_type_ref *t, const value *v)
{
	size_t i = basic_type(t->name);

	if (str_is(t->name, "Any"))
		return v->type != FEEL_NULL;
	if (i == ARRAY_LEN(basic))
		return is_outside(r, t->name, v);
	if (v->type != basic[i].type)
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
			const value *m = feel__in_context(v, t->member[k]);

			if (!m || (m->type != FEEL_NULL && feel__is_instance(r, &t->arg[k], m) != 1))
				return 0;
		}
		return 1;
	case FEEL_FUNCTION: return is_function(v->function, t);
	default: return 1;
	}
}

value feel__conform(struct feel_run *r, const struct feel_type_ref *t, const value *v)
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

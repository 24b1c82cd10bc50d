/* Item definitions: does a value conform to a type? */
#include "dmn/dmn_int.h"

#define DEPTH_MAX 64

struct conforming {
	const struct dmn_model *m;
	const struct feel_scope *s; /* for allowed values; NULL: none */
	struct arena *a;
	bool strict; /* no conversions */
	bool fill;   /* components that are missing become null; else such a value does not conform */
};

/* "tLoan", or "lib.tLoan" of the model that is imported as lib. */
const struct dmn_type *dmn__find_type(const struct dmn_model *m, struct str name)
{
	for (const struct dmn_type *t = m->type; t != NULL; t = t->next)
		if (str_eq(t->name, name))
			return t;
	for (int i = 0; i < m->imports; i++) {
		const struct dmn_type *t;
		struct str path = m->import[i].name, rest = name;

		if (path.n > 0) {
			if (name.n <= path.n + 1 || name.p[path.n] != '.' ||
			        memcmp(name.p, path.p, path.n) != 0)
				continue;
			rest = (struct str){name.p + path.n + 1, name.n - path.n - 1};
		}
		t = dmn__find_type(m->import[i].model, rest);
		if (t != NULL)
			return t;
	}
	return NULL;
}

/* 1, 0, or -1 if FEEL has no such type. */
static int is_basic(struct str name, const struct feel_value *v)
{
	static const struct {
		const char *name;
		enum feel_type type;
	} basic[] = {{"boolean", FEEL_BOOL}, {"number", FEEL_NUMBER}, {"string", FEEL_STRING},
	        {"date", FEEL_DATE}, {"time", FEEL_TIME}, {"date and time", FEEL_DATETIME},
	        {"dateTime", FEEL_DATETIME}, {"dayTimeDuration", FEEL_DAYS},
	        {"days and time duration", FEEL_DAYS}, {"yearMonthDuration", FEEL_MONTHS},
	        {"years and months duration", FEEL_MONTHS}, {"list", FEEL_LIST}, {"context", FEEL_CONTEXT},
	        {"function", FEEL_FUNCTION}, {"range", FEEL_RANGE}};

	if (str_is(name, "Any"))
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(basic); i++)
		if (str_is(name, basic[i].name))
			return v->type == basic[i].type;
	return -1;
}

enum feel_type dmn__basic_type(struct str name)
{
	if (str_is(name, "Any"))
		return FEEL_NULL;
	for (enum feel_type t = FEEL_BOOL; t <= FEEL_FUNCTION; t++)
		if (is_basic(name, &(struct feel_value){.type = t}) == 1)
			return t;
	return FEEL_NULL;
}

bool dmn__is_type(const struct dmn_model *m, struct str type)
{
	return dmn__find_type(m, type) != NULL || is_basic(type, &FEEL_NULL_VALUE) >= 0;
}

static bool passes(const struct conforming *c, const struct feel_expr *test, const struct feel_value *v)
{
	struct feel_scope none = {0};
	bool yes = true;

	if (test == NULL)
		return true;
	return feel_test(test, c->s != NULL ? c->s : &none, v, c->a, &yes, NULL) == 0 && yes;
}

static bool conform_name(const struct conforming *c, struct str name, struct feel_value *v, int depth);
static bool conform_type(
        const struct conforming *c, const struct dmn_type *t, struct feel_value *v, int depth);

static bool conform_context(
        const struct conforming *outer, const struct dmn_type *t, struct feel_value *v, int depth)
{
	struct feel_scope none = {0}, s = outer->s != NULL ? *outer->s : none;
	struct conforming inner = *outer, *c = &inner;

	/* The tests of a component may speak of those beside it. */
	s.up = outer->s;
	s.context = v;
	inner.s = &s;
	if (v->type == FEEL_LIST && v->list.n == 1 && !c->strict)
		*v = v->list.item[0];
	if (v->type != FEEL_CONTEXT)
		return false;
	for (int i = 0; i < t->components; i++) {
		bool found = false;

		for (int k = 0; k < v->context.n; k++) {
			if (!str_eq(v->context.entry[k].key, t->component[i].name))
				continue;
			found = true;
			if (!conform_type(c, &t->component[i], v->context.entry[k].value, depth + 1))
				return false;
		}
		if (!found && !c->fill)
			return false;
		if (!found)
			feel_put(c->a, v, t->component[i].name, FEEL_NULL_VALUE);
	}
	return true;
}

/* Whether the function has so many parameters; of those that take several numbers, any is right. */
static bool takes(const struct feel_value *function, int parameters)
{
	const struct str *names = NULL;
	int n = feel_parameters(function, &names);

	return n < 0 || n == parameters;
}

/* One value; for a collection each element in turn. */
static bool conform_one(const struct conforming *c, const struct dmn_type *t, struct feel_value *v, int depth)
{
	if (v->type == FEEL_NULL)
		return true;
	if (t->function)
		return v->type == FEEL_FUNCTION && takes(v, t->parameters);
	if (t->components > 0) {
		if (!conform_context(c, t, v, depth))
			return false;
	} else if (t->base.n > 0 && !conform_name(c, t->base, v, depth + 1)) {
		return false;
	}
	return passes(c, t->allowed, v);
}

static bool conform_type(
        const struct conforming *outer, const struct dmn_type *t, struct feel_value *v, int depth)
{
	struct conforming inner = *outer, *c = &inner;

	inner.m = t->model; /* its names are of the model that it stands in */
	if (depth > DEPTH_MAX)
		return false;
	if (v->type == FEEL_NULL)
		return true;
	if (!t->collection)
		return conform_one(c, t, v, depth) && passes(c, t->constraint, v);
	if (v->type != FEEL_LIST) {
		struct feel_value *item = c->strict ? NULL : arena_memdup(c->a, v, sizeof(*v));

		if (item == NULL)
			return false;
		*v = (struct feel_value){.type = FEEL_LIST, .list = {item, 1}};
	}
	for (int i = 0; i < v->list.n; i++)
		if (!conform_one(c, t, &v->list.item[i], depth))
			return false;
	return passes(c, t->constraint, v);
}

static bool conform_basic(const struct conforming *c, struct str name, struct feel_value *v)
{
	int basic = is_basic(name, v);

	if (basic != 0 || c->strict)
		return basic != 0; /* a type that the file does not define takes all */
	if (v->type == FEEL_LIST && v->list.n == 1) {
		*v = v->list.item[0];
		return v->type == FEEL_NULL || conform_basic(c, name, v);
	}
	if (str_is(name, "list")) {
		struct feel_value *item = arena_memdup(c->a, v, sizeof(*v));

		if (item == NULL)
			return false;
		*v = (struct feel_value){.type = FEEL_LIST, .list = {item, 1}};
		return true;
	}
	if (v->type == FEEL_DATE && is_basic(name, &(struct feel_value){.type = FEEL_DATETIME}) == 1) {
		v->type = FEEL_DATETIME; /* its midnight, UTC */
		v->moment.nanos = 0;
		v->moment.has_zone = true;
		return true;
	}
	return false;
}

static bool conform_name(const struct conforming *c, struct str name, struct feel_value *v, int depth)
{
	const struct dmn_type *t = dmn__find_type(c->m, name);

	if (v->type == FEEL_NULL)
		return true;
	return t != NULL ? conform_type(c, t, v, depth) : conform_basic(c, name, v);
}

static int conform(const struct conforming *c, struct str type, struct feel_value *v)
{
	struct feel_value copy;

	if (is_basic(type, v) == 1)
		return 1;
	/* Conversion changes in place, and inputs are the caller's. */
	copy = v->type == FEEL_LIST || v->type == FEEL_CONTEXT ? feel_copy(c->a, v) : *v;
	if (!conform_name(c, type, &copy, 0))
		return 0;
	*v = copy;
	return 1;
}

int dmn__conform(const struct dmn_model *m, struct str type, struct feel_value *v, const struct feel_scope *s,
        struct arena *a)
{
	struct conforming c = {.m = m, .s = s, .a = a};

	return conform(&c, type, v);
}

int dmn__conform_input(const struct dmn_model *m, struct str type, struct feel_value *v,
        const struct feel_scope *s, struct arena *a)
{
	struct conforming c = {.m = m, .s = s, .a = a, .fill = true};

	return conform(&c, type, v);
}

int dmn__conform_result(const struct dmn_model *m, struct str type, struct feel_value *v,
        const struct feel_scope *s, struct arena *a)
{
	const struct dmn_type *t = dmn__find_type(m, type);

	if (t == NULL || !t->function)
		return dmn__conform(m, type, v, s, a);
	return t->result.n == 0 || dmn__conform(t->model, t->result, v, s, a);
}

int dmn__instance_of(const void *model, struct str type, const struct feel_value *v)
{
	const struct dmn_model *m = model;
	const struct dmn_type *t = dmn__find_type(m, type);
	struct arena *a;
	struct conforming c = {.m = m, .strict = true};
	struct feel_value copy = *v;
	bool yes;

	if (t == NULL)
		return -1;
	if (v->type == FEEL_NULL)
		return 0;
	a = arena_new(0); /* for the tests of allowed values; strict: v itself is only read */
	c.a = a;
	yes = conform_type(&c, t, &copy, 0);
	arena_free(&a);
	return yes;
}

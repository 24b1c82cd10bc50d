/* Item definitions: does a value conform to a type? */
#include "dmn/dmn_int.h"

#define DEPTH_MAX 64

const struct dmn_type *dmn__type(const struct dmn_model *m, struct str name)
{
	for (const struct dmn_type *t = m->type; t != NULL; t = t->next)
		if (str_eq(t->name, name))
			return t;
	return NULL;
}

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

	for (size_t i = 0; i < ARRAY_LEN(basic); i++)
		if (str_is(name, basic[i].name))
			return v->type == basic[i].type;
	return -1;
}

static bool conform_name(const struct dmn_model *m, struct str name, struct feel_value *v,
        const struct feel_scope *s, struct arena *a, int depth);

static bool conform_one(const struct dmn_model *m, const struct dmn_type *t, struct feel_value *v,
        const struct feel_scope *s, struct arena *a, int depth)
{
	bool yes = true;

	if (v->type == FEEL_NULL)
		return true;
	if (t->components > 0) {
		if (v->type != FEEL_CONTEXT)
			return false;
		for (int i = 0; i < t->components; i++)
			for (int k = 0; k < v->context.n; k++)
				if (str_eq(v->context.entry[k].key, t->component[i].name)) {
					struct feel_value *x = v->context.entry[k].value;

					if (t->component[i].collection) {
						for (int q = 0; x->type == FEEL_LIST && q < x->list.n; q++)
							if (!conform_one(m, &t->component[i],
							            &x->list.item[q], s, a, depth + 1))
								return false;
					} else if (!conform_one(m, &t->component[i], x, s, a, depth + 1)) {
						return false;
					}
				}
	} else if (t->base.n > 0 && !conform_name(m, t->base, v, s, a, depth + 1)) {
		return false;
	}
	if (t->allowed != NULL && feel_test(t->allowed, s, v, a, &yes, NULL) < 0)
		return false;
	return yes;
}

static bool conform_name(const struct dmn_model *m, struct str name, struct feel_value *v,
        const struct feel_scope *s, struct arena *a, int depth)
{
	const struct dmn_type *t = dmn__type(m, name);
	int basic;

	if (depth > DEPTH_MAX || v->type == FEEL_NULL)
		return depth <= DEPTH_MAX;
	if (t == NULL) {
		basic = is_basic(name, v);
		if (basic == 0 && v->type == FEEL_LIST && v->list.n == 1 &&
		        is_basic(name, &v->list.item[0]) == 1) {
			*v = v->list.item[0]; /* [x] is taken for x: 10.3.2.9.4 */
			basic = 1;
		}
		return basic != 0; /* "Any", or a type that the file does not define, takes all */
	}
	if (t->collection) {
		if (v->type != FEEL_LIST) { /* and x for [x] */
			struct feel_value *item = arena_memdup(a, v, sizeof(*v));

			if (item == NULL)
				return false;
			*v = (struct feel_value){.type = FEEL_LIST, .list = {item, 1}};
		}
		for (int i = 0; i < v->list.n; i++)
			if (!conform_one(m, t, &v->list.item[i], s, a, depth + 1))
				return false;
		return true;
	}
	if (v->type == FEEL_LIST && v->list.n == 1 && t->components > 0)
		*v = v->list.item[0];
	return conform_one(m, t, v, s, a, depth);
}

int dmn__conform(const struct dmn_model *m, struct str type, struct feel_value *v, const struct feel_scope *s,
        struct arena *a)
{
	struct feel_value copy = feel_copy(a, v); /* coercion changes in place, and inputs are the caller's */

	if (!conform_name(m, type, &copy, s, a, 0))
		return 0;
	*v = copy;
	return 1;
}

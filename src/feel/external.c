/*
 * external - functions outside (10.3.2.13.3). The class path is one of our own: pure static methods of
 * java.lang, which are in the tables below. Arguments are converted as the method's signature says (Table
 * 47); one that cannot be, a result that is no number, a method that is not here, and PMML are null.
 */
#include "feel/eval_int.h"

#include "base/num.h"

#include <math.h>

typedef struct feel_value value;

#define NULL_VALUE FEEL_NULL_VALUE
#define ARGUMENTS_MAX 2

static double signum(double x)
{
	return x > 0 ? 1 : x < 0 ? -1 : x;
}

static double to_degrees(double x)
{
	return x * (180 / M_PI);
}

static double to_radians(double x)
{
	return x / 180 * M_PI;
}

static int64_t larger(int64_t x, int64_t y)
{
	return x > y ? x : y;
}

static int64_t smaller(int64_t x, int64_t y)
{
	return x < y ? x : y;
}

/* Of java.lang.Math. */
static const struct {
	const char *name;
	double (*call)(double);
} of_double[] = {{"abs", fabs}, {"acos", acos}, {"asin", asin}, {"atan", atan}, {"cbrt", cbrt},
        {"ceil", ceil}, {"cos", cos}, {"cosh", cosh}, {"exp", exp}, {"expm1", expm1}, {"floor", floor},
        {"log", log}, {"log10", log10}, {"log1p", log1p}, {"rint", rint}, {"signum", signum}, {"sin", sin},
        {"sinh", sinh}, {"sqrt", sqrt}, {"tan", tan}, {"tanh", tanh}, {"toDegrees", to_degrees},
        {"toRadians", to_radians}};
static const struct {
	const char *name;
	double (*call)(double, double);
} of_doubles[] = {{"atan2", atan2}, {"hypot", hypot}, {"max", fmax}, {"min", fmin}, {"pow", pow}};
/* Of java.lang.Math; max and min also of Integer and Long. */
static const struct {
	const char *name;
	int64_t (*call)(int64_t, int64_t);
} of_integers[] = {{"max", larger}, {"min", smaller}};
/* A number out of a text: class, method, and whether it is a whole one of at most so many bits. */
static const struct {
	const char *class, *name;
	int bits; /* 0: a double */
} of_string[] = {{"java.lang.Integer", "parseInt", 32}, {"java.lang.Integer", "valueOf", 32},
        {"java.lang.Long", "parseLong", 64}, {"java.lang.Long", "valueOf", 64},
        {"java.lang.Double", "parseDouble", 0}, {"java.lang.Double", "valueOf", 0}};

struct signature {
	struct str class, name;
	struct str type[ARGUMENTS_MAX];
	int n;
};

/* "max(double, double)" */
static bool read_signature(struct str text, struct signature *s)
{
	const char *open = text.n ? memchr(text.p, '(', text.n) : NULL;
	struct str list;

	text = str_trim(text);
	if (!open || text.p[text.n - 1] != ')')
		return false;
	s->name = str_trim((struct str){text.p, (size_t)(open - text.p)});
	list = (struct str){open + 1, (size_t)(text.p + text.n - open) - 2};
	if (!str_trim(list).n)
		return true;
	while (list.p && list.n) {
		if (s->n == ARGUMENTS_MAX)
			return false;
		s->type[s->n++] = str_trim(str_cut(&list, ','));
	}
	return true;
}

static bool all_of(const struct signature *s, const char *type, int n)
{
	for (int i = 0; i < s->n; i++)
		if (!str_is(s->type[i], type))
			return false;
	return s->n == n;
}

static value real(struct feel_run *r, double x)
{
	return isfinite(x) ? feel_double(x) : feel__fail(r, "the method gives no number");
}

static bool of_class(const struct signature *s, const char *class)
{
	return str_is(s->class, class);
}

static value call_doubles(struct feel_run *r, const struct signature *s, const value *arg)
{
	double x[ARGUMENTS_MAX];

	for (int i = 0; i < s->n; i++) {
		if (arg[i].type != FEEL_NUMBER)
			return feel__fail(r, "a %s is no double", feel__type_name(arg[i].type));
		x[i] = feel_number_to_double(arg[i].number);
	}
	for (size_t i = 0; s->n == 1 && i < ARRAY_LEN(of_double); i++)
		if (str_is(s->name, of_double[i].name))
			return real(r, of_double[i].call(x[0]));
	for (size_t i = 0; s->n == 2 && i < ARRAY_LEN(of_doubles); i++)
		if (str_is(s->name, of_doubles[i].name))
			return real(r, of_doubles[i].call(x[0], x[1]));
	return feel__fail(r, "there is no method " STR_FMT "." STR_FMT, STR_ARG(s->class), STR_ARG(s->name));
}

static value call_integers(struct feel_run *r, const struct signature *s, const value *arg)
{
	bool small = str_is(s->type[0], "int");
	int64_t x[ARGUMENTS_MAX];

	for (int i = 0; i < s->n; i++)
		if (arg[i].type != FEEL_NUMBER || !feel_number_to_int(arg[i].number, &x[i]) ||
		        (small && (x[i] > INT32_MAX || x[i] < INT32_MIN)))
			return feel__fail(r, "an argument is no " STR_FMT, STR_ARG(s->type[0]));
	if (s->n == 1 && str_is(s->name, "abs"))
		return feel_int(x[0] < 0 && x[0] > (small ? INT32_MIN : INT64_MIN) ? -x[0] : x[0]);
	for (size_t i = 0; s->n == 2 && i < ARRAY_LEN(of_integers); i++)
		if (str_is(s->name, of_integers[i].name))
			return feel_int(of_integers[i].call(x[0], x[1]));
	return feel__fail(r, "there is no method " STR_FMT "." STR_FMT, STR_ARG(s->class), STR_ARG(s->name));
}

static value call_string(struct feel_run *r, const struct signature *s, const value *arg)
{
	double x;
	int64_t n;

	if (arg->type != FEEL_STRING)
		return feel__fail(r, "a %s is no String", feel__type_name(arg->type));
	for (size_t i = 0; i < ARRAY_LEN(of_string); i++) {
		if (!of_class(s, of_string[i].class) || !str_is(s->name, of_string[i].name))
			continue;
		if (of_string[i].bits == 0)
			return num_double(str_trim(arg->string), false, &x) ? real(r, x) : NULL_VALUE;
		if (!num_int(arg->string, &n) ||
		        (of_string[i].bits == 32 && (n > INT32_MAX || n < INT32_MIN)))
			return NULL_VALUE;
		return feel_int(n);
	}
	return feel__fail(r, "there is no method " STR_FMT "." STR_FMT, STR_ARG(s->class), STR_ARG(s->name));
}

/* {java: {class: …, method signature: …}}, or what stands inside */
struct feel_value feel_external(struct feel_run *r, const value *mapping, const value *arg, int n)
{
	const value *java = feel_get(mapping, "java"), *class, *method;
	struct signature s = {.n = 0};

	if (!java)
		java = mapping;
	class = feel_get(java, "class");
	method = feel_get(java, "method signature");
	if (!class || class->type != FEEL_STRING || !method || method->type != FEEL_STRING)
		return feel__fail(
		        r, "of functions outside only those of Java are run, by class and method signature");
	if (!read_signature(method->string, &s))
		return feel__fail(r, "a method signature is like \"max(double, double)\"");
	if (s.n != n)
		return feel__fail(r, "the method takes %d arguments, not %d", s.n, n);
	s.class = str_trim(class->string);
	if (of_class(&s, "java.lang.Math") && all_of(&s, "double", n))
		return call_doubles(r, &s, arg);
	if ((of_class(&s, "java.lang.Math") || of_class(&s, "java.lang.Integer")) && all_of(&s, "int", n) &&
	        n > 0)
		return call_integers(r, &s, arg);
	if ((of_class(&s, "java.lang.Math") || of_class(&s, "java.lang.Long")) && all_of(&s, "long", n) &&
	        n > 0)
		return call_integers(r, &s, arg);
	if (all_of(&s, "java.lang.String", 1))
		return call_string(r, &s, arg);
	return feel__fail(
	        r, "there is no method " STR_FMT "." STR_FMT, STR_ARG(s.class), STR_ARG(method->string));
}

/*
 * fn_number - built-in functions of numbers and booleans.
 */
#include "feel/builtin.h"

typedef struct feel_value value;

static value number(struct feel_number n)
{
	return (value){.type = FEEL_NUMBER, .number = n};
}

static value rounded(struct feel_run *r, const value *arg, int n, enum feel_round mode)
{
	const value *v = feel__arg(r, &arg[0], FEEL_NUMBER);
	struct feel_number out;
	int scale = 0;

	if (!v || (n > 1 && !feel__arg_int(r, &arg[1], &scale)))
		return NONE;
	if (scale < -6111 || scale > 6176)
		return feel__fail(r, "a scale lies between -6111 and 6176");
	if (!feel_number_round(v->number, scale, mode, &out))
		return feel__fail(r, "the result is too large");
	return number(out);
}

static value fn_decimal(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_HALF_EVEN);
}

static value fn_floor(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_FLOOR);
}

static value fn_ceiling(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_CEILING);
}

static value fn_round_up(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_UP);
}

static value fn_round_down(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_DOWN);
}

static value fn_round_half_up(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_HALF_UP);
}

static value fn_round_half_down(struct feel_run *r, const value *arg, int n)
{
	return rounded(r, arg, n, FEEL_ROUND_HALF_DOWN);
}

static value fn_abs(struct feel_run *r, const value *arg, int n)
{
	value v = arg[0];

	(void)n;
	if (v.type == FEEL_LIST && v.list.n == 1)
		v = v.list.item[0];
	switch (v.type) {
	case FEEL_NUMBER: v.number.negative = false; return v;
	case FEEL_DAYS: v.nanos = v.nanos < 0 ? -v.nanos : v.nanos; return v;
	case FEEL_MONTHS:
		if (v.months == INT64_MIN)
			return NONE;
		v.months = v.months < 0 ? -v.months : v.months;
		return v;
	default: return feel__fail(r, "abs asks for a number or a duration");
	}
}

/* What is left of |a| after as many |b| as go into it, exactly; a quotient of 34 digits would lose it. */
static struct feel_number remainder_of(struct feel_number a, struct feel_number b)
{
	unsigned __int128 rest = a.coefficient, unit = b.coefficient; /* below 10^34: ten times fits */
	int k = a.exponent - b.exponent;

	if (k >= 0) {
		for (rest %= unit; k > 0 && rest; k--)
			rest = rest * 10 % unit;
		return (struct feel_number){rest, b.exponent, false};
	}
	for (; k < 0 && unit <= rest; k++)
		unit *= 10;
	return (struct feel_number){k < 0 ? rest : rest % unit, a.exponent, false};
}

/* dividend - divisor * floor(dividend / divisor): of the sign of the divisor */
static value fn_modulo(struct feel_run *r, const value *arg, int n)
{
	const value *a = feel__arg(r, &arg[0], FEEL_NUMBER), *b = feel__arg(r, &arg[1], FEEL_NUMBER);
	struct feel_number rest;

	(void)n;
	if (!a || !b)
		return NONE;
	if (b->number.coefficient == 0)
		return feel__fail(r, "modulo by zero");
	rest = remainder_of(a->number, b->number);
	rest.negative = rest.coefficient && a->number.negative;
	if (rest.coefficient && a->number.negative != b->number.negative &&
	        !feel_number_add(rest, b->number, &rest))
		return feel__fail(r, "the result is too large");
	return number(rest);
}

/* `steps`: what it takes, in steps of the evaluation. */
static value of_one(struct feel_run *r, const value *arg, size_t steps,
        bool (*f)(struct feel_number, struct feel_number *))
{
	const value *v = feel__arg(r, &arg[0], FEEL_NUMBER);
	struct feel_number out;

	if (!v || !feel__work(r, steps))
		return NONE;
	if (!f(v->number, &out))
		return feel__fail(r, "the result is too large, or no real number");
	return number(out);
}

static value fn_sqrt(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return of_one(r, arg, 10, feel_number_sqrt);
}

static value fn_log(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return of_one(r, arg, FEEL__EXP_STEPS, feel_number_ln);
}

static value fn_exp(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return of_one(r, arg, FEEL__EXP_STEPS, feel_number_exp);
}

static value parity(struct feel_run *r, const value *arg, bool odd)
{
	const value *v = feel__arg(r, &arg[0], FEEL_NUMBER);
	struct feel_number half, whole;

	if (!v)
		return NONE;
	if (!feel_number_is_integral(v->number))
		return feel__fail(r, "odd and even ask for a whole number");
	if (!feel_number_mul(v->number, (struct feel_number){5, -1, false}, &half) ||
	        !feel_number_round(half, 0, FEEL_ROUND_DOWN, &whole))
		return NONE;
	return feel_bool((feel_number_cmp(half, whole) != 0) == odd);
}

static value fn_odd(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return parity(r, arg, true);
}

static value fn_even(struct feel_run *r, const value *arg, int n)
{
	(void)n;
	return parity(r, arg, false);
}

static value fn_not(struct feel_run *r, const value *arg, int n)
{
	const value *v;

	(void)n;
	if (arg[0].type == FEEL_NULL)
		return NONE;
	v = feel__arg(r, &arg[0], FEEL_BOOL);
	return v ? feel_bool(!v->boolean) : NONE;
}

/* number(from, grouping separator, decimal separator) */
static value fn_number(struct feel_run *r, const value *arg, int n)
{
	const value *from = feel__arg(r, &arg[0], FEEL_STRING), *sep;
	char group = 0, point = '.';
	struct sb b = SB_INIT;
	value v = {.type = FEEL_NUMBER};
	bool ok;

	if (!from)
		return NONE;
	for (int i = 1; i < n; i++) {
		if (arg[i].type == FEEL_NULL)
			continue;
		sep = feel__arg(r, &arg[i], FEEL_STRING);
		if (!sep || sep->string.n != 1 || !strchr(i == 1 ? " ,." : ",.", *sep->string.p))
			return feel__fail(
			        r, "a separator of numbers is a comma, a point or (between groups) a space");
		if (i == 1)
			group = *sep->string.p;
		else
			point = *sep->string.p;
	}
	if (arg[2].type != FEEL_NULL && group == point)
		return feel__fail(r, "the separators of a number must differ");
	for (size_t i = 0; i < from->string.n; i++) {
		char c = from->string.p[i];

		if (group && c == group)
			continue;
		sb_putc(&b, c == point ? '.' : c == '.' ? '!' : c);
	}
	ok = feel_number_parse(sb_str(&b), &v.number) && b.n && *b.p != '+';
	sb_fini(&b);
	return ok ? v : feel__fail(r, "the text is no number");
}

const struct feel_builtin feel__numbers[] = {
        {"decimal", "n,scale", 2, 2, fn_decimal},
        {"floor", "n,scale", 1, 2, fn_floor},
        {"ceiling", "n,scale", 1, 2, fn_ceiling},
        {"round up", "n,scale", 2, 2, fn_round_up},
        {"round down", "n,scale", 2, 2, fn_round_down},
        {"round half up", "n,scale", 2, 2, fn_round_half_up},
        {"round half down", "n,scale", 2, 2, fn_round_half_down},
        {"abs", "n", 1, 1, fn_abs},
        {"abs", "number", 1, 1, fn_abs},
        {"modulo", "dividend,divisor", 2, 2, fn_modulo},
        {"sqrt", "number", 1, 1, fn_sqrt},
        {"log", "number", 1, 1, fn_log},
        {"exp", "number", 1, 1, fn_exp},
        {"odd", "number", 1, 1, fn_odd},
        {"even", "number", 1, 1, fn_even},
        {"not", "negand", 1, 1, fn_not},
        {"number", "from,grouping separator,decimal separator", 3, 3, fn_number},
        {0},
};

/*
 * fn_range - built-in functions that relate points and ranges (Allen's interval algebra).
 *
 * A point is taken as the range that holds it alone where both read the same. Ends are compared by
 * three small questions; an end that is missing lies at infinity.
 */
#include "feel/builtin.h"

typedef struct feel_value value;

struct pair {
	struct feel_range a, b;
	bool a_point, b_point;
	value store[2];
};

static bool as_range(struct feel_run *r, const value *v, value *store, struct feel_range *out, bool *point)
{
	int order;
	value *keep;

	*store = v->type == FEEL_LIST && v->list.n == 1 ? v->list.item[0] : *v;
	if (store->type == FEEL_RANGE) {
		*out = store->range;
		*point = false;
		return true;
	}
	if (feel_compare(store, store, &order) < 0) {
		feel_note(r, "a %s is neither point nor range", feel__type_name(store->type));
		return false;
	}
	keep = feel__alloc_items(r, 1);
	if (!keep)
		return false;
	*keep = *store;
	*out = (struct feel_range){keep, keep, true, true};
	*point = true;
	return true;
}

static const value *some_end(const struct feel_range *r)
{
	return r->low ? r->low : r->high;
}

/* False and a note when the arguments cannot be related. */
static bool pair_init(struct feel_run *r, const value *arg, struct pair *p)
{
	int order;

	if (!as_range(r, &arg[0], &p->store[0], &p->a, &p->a_point) ||
	        !as_range(r, &arg[1], &p->store[1], &p->b, &p->b_point))
		return false;
	if (feel_compare(some_end(&p->a), some_end(&p->b), &order) < 0) {
		feel_note(r, "the ranges have no common order");
		return false;
	}
	return true;
}

static int low_vs_low(const struct feel_range *a, const struct feel_range *b)
{
	int order = 0;

	if (!a->low || !b->low)
		return (a->low != NULL) - (b->low != NULL);
	(void)feel_compare(a->low, b->low, &order);
	return order;
}

static int high_vs_high(const struct feel_range *a, const struct feel_range *b)
{
	int order = 0;

	if (!a->high || !b->high)
		return (a->high == NULL) - (b->high == NULL);
	(void)feel_compare(a->high, b->high, &order);
	return order;
}

/* The end of a against the begin of b. */
static int high_vs_low(const struct feel_range *a, const struct feel_range *b)
{
	int order = 0;

	if (!a->high || !b->low)
		return 1;
	(void)feel_compare(a->high, b->low, &order);
	return order;
}

static bool before(const struct pair *p)
{
	int c = high_vs_low(&p->a, &p->b);

	return c < 0 || (c == 0 && (!p->a.high_in || !p->b.low_in));
}

static bool meets(const struct pair *p)
{
	return p->a.high && p->b.low && high_vs_low(&p->a, &p->b) == 0 && p->a.high_in && p->b.low_in;
}

static bool reaches(const struct feel_range *a, const struct feel_range *b)
{
	int c = high_vs_low(a, b);

	return c > 0 || (c == 0 && a->high_in && b->low_in);
}

static bool overlaps(const struct pair *p)
{
	return reaches(&p->a, &p->b) && reaches(&p->b, &p->a);
}

static bool overlaps_before(const struct pair *p)
{
	int low = low_vs_low(&p->a, &p->b), high = high_vs_high(&p->a, &p->b);

	return (low < 0 || (low == 0 && p->a.low_in && !p->b.low_in)) && reaches(&p->a, &p->b) &&
	       (high < 0 || (high == 0 && (!p->a.high_in || p->b.high_in)));
}

static bool finishes(const struct pair *p)
{
	int low = low_vs_low(&p->a, &p->b);

	if (high_vs_high(&p->a, &p->b) != 0 || p->a.high_in != p->b.high_in)
		return false;
	return p->a_point || low > 0 || (low == 0 && (!p->a.low_in || p->b.low_in));
}

static bool starts(const struct pair *p)
{
	int high = high_vs_high(&p->a, &p->b);

	if (low_vs_low(&p->a, &p->b) != 0 || p->a.low_in != p->b.low_in)
		return false;
	return p->a_point || high < 0 || (high == 0 && (!p->a.high_in || p->b.high_in));
}

static bool includes(const struct pair *p)
{
	int low = low_vs_low(&p->a, &p->b), high = high_vs_high(&p->a, &p->b);

	return (low < 0 || (low == 0 && (p->a.low_in || !p->b.low_in))) &&
	       (high > 0 || (high == 0 && (p->a.high_in || !p->b.high_in)));
}

static bool coincides(const struct pair *p)
{
	return low_vs_low(&p->a, &p->b) == 0 && high_vs_high(&p->a, &p->b) == 0 &&
	       p->a.low_in == p->b.low_in && p->a.high_in == p->b.high_in;
}

static value relate(struct feel_run *r, const value *arg, bool turned, bool a_range, bool b_range,
        bool (*f)(const struct pair *))
{
	value two[2] = {arg[turned], arg[!turned]};
	struct pair p;

	if (!pair_init(r, two, &p))
		return NONE;
	if ((a_range && p.a_point) || (b_range && p.b_point))
		return feel__fail(r, "the function asks for a range and was given a point");
	return feel_bool(f(&p));
}

#define RELATION(name, turned, a_range, b_range, f)                                                          \
	static value name(struct feel_run *r, const value *arg, int n)                                       \
	{                                                                                                    \
		(void)n;                                                                                     \
		return relate(r, arg, turned, a_range, b_range, f);                                          \
	}
RELATION(fn_before, false, false, false, before)
RELATION(fn_after, true, false, false, before)
RELATION(fn_meets, false, true, true, meets)
RELATION(fn_met_by, true, true, true, meets)
RELATION(fn_overlaps, false, true, true, overlaps)
RELATION(fn_overlaps_before, false, true, true, overlaps_before)
RELATION(fn_overlaps_after, true, true, true, overlaps_before)
RELATION(fn_finishes, false, false, true, finishes)
RELATION(fn_finished_by, true, false, true, finishes)
RELATION(fn_includes, false, true, false, includes)
RELATION(fn_during, true, true, false, includes)
RELATION(fn_starts, false, false, true, starts)
RELATION(fn_started_by, true, false, true, starts)

static value fn_coincides(struct feel_run *r, const value *arg, int n)
{
	struct pair p;

	(void)n;
	if (!pair_init(r, arg, &p))
		return NONE;
	if (p.a_point != p.b_point)
		return feel__fail(r, "coincides asks for two points or two ranges");
	return feel_bool(coincides(&p));
}

/* date("…"), time, date and time, duration: a literal by grammar rule 60. */
static bool makes_moment(const struct feel_node *x)
{
	static const char *const names[] = {"date", "time", "date and time", "duration"};

	if (x->kind != N_CALL || x->kid[0]->kind != N_NAME)
		return false;
	for (int i = 1; i < x->n; i++)
		if (x->kid[i]->kind != N_CONST)
			return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_is(x->kid[0]->name, names[i]))
			return true;
	return false;
}

/* An end of a range in text: a literal, or nothing. */
static bool end_value(struct feel_run *r, struct str text, value *out)
{
	struct feel_expr *x;
	struct feel_scope none = {.run = r, .zone = r->zone};

	if (str_trim(text).n == 0) {
		*out = NONE;
		return true;
	}
	if (feel_compile(r->arena, text, NULL, &x, NULL) < 0)
		return false;
	if (x->root->kind != N_CONST && !makes_moment(x->root))
		return false;
	return feel_eval(x, &none, r->arena, out, NULL, NULL) == 0 && out->type != FEEL_NULL;
}

/* "[1..10)" */
static value fn_range(struct feel_run *r, const value *arg, int n)
{
	const value *from = feel__arg(r, &arg[0], FEEL_STRING);
	struct feel_range range = {NULL, NULL, false, false};
	struct str s;
	value *end;
	size_t dots;
	bool quoted = false;
	int order;

	(void)n;
	if (!from)
		return NONE;
	s = str_trim(from->string);
	if (s.n < 4 || !strchr("[(]", s.p[0]) || !strchr("])[", s.p[s.n - 1]))
		return feel__fail(r, "a range in text is like \"[1..10)\"");
	range.low_in = s.p[0] == '[';
	range.high_in = s.p[s.n - 1] == ']';
	s = (struct str){s.p + 1, s.n - 2};
	for (dots = 0; dots + 1 < s.n; dots++) {
		if (s.p[dots] == '"')
			quoted = !quoted;
		if (!quoted && s.p[dots] == '.' && s.p[dots + 1] == '.')
			break;
	}
	end = feel__alloc_items(r, 2);
	if (!end || dots + 1 >= s.n || !end_value(r, (struct str){s.p, dots}, &end[0]) ||
	        !end_value(r, (struct str){s.p + dots + 2, s.n - dots - 2}, &end[1]))
		return feel__fail(r, "a range in text has literals for its ends, like \"[1..10)\"");
	range.low = end[0].type == FEEL_NULL ? NULL : &end[0];
	range.high = end[1].type == FEEL_NULL ? NULL : &end[1];
	if (!range.low && !range.high)
		return feel__fail(r, "a range has at least one end");
	if ((!range.low && range.low_in) || (!range.high && range.high_in))
		return feel__fail(r, "an open end of a range has a round bracket");
	if (range.low && range.high && (feel_compare(range.low, range.high, &order) < 0 || order > 0))
		return feel__fail(r, "the ends of a range have one type and stand in order");
	return (value){.type = FEEL_RANGE, .range = range};
}

const struct feel_builtin feel__ranges[] = {
        {"before", "point1,point2", 2, 2, fn_before},
        {"before", "point,range", 2, 2, fn_before},
        {"before", "range,point", 2, 2, fn_before},
        {"before", "range1,range2", 2, 2, fn_before},
        {"after", "point1,point2", 2, 2, fn_after},
        {"after", "point,range", 2, 2, fn_after},
        {"after", "range,point", 2, 2, fn_after},
        {"after", "range1,range2", 2, 2, fn_after},
        {"meets", "range1,range2", 2, 2, fn_meets},
        {"met by", "range1,range2", 2, 2, fn_met_by},
        {"overlaps", "range1,range2", 2, 2, fn_overlaps},
        {"overlaps before", "range1,range2", 2, 2, fn_overlaps_before},
        {"overlaps after", "range1,range2", 2, 2, fn_overlaps_after},
        {"finishes", "point,range", 2, 2, fn_finishes},
        {"finishes", "range1,range2", 2, 2, fn_finishes},
        {"finished by", "range,point", 2, 2, fn_finished_by},
        {"finished by", "range1,range2", 2, 2, fn_finished_by},
        {"includes", "range,point", 2, 2, fn_includes},
        {"includes", "range1,range2", 2, 2, fn_includes},
        {"during", "point,range", 2, 2, fn_during},
        {"during", "range1,range2", 2, 2, fn_during},
        {"starts", "point,range", 2, 2, fn_starts},
        {"starts", "range1,range2", 2, 2, fn_starts},
        {"started by", "range,point", 2, 2, fn_started_by},
        {"started by", "range1,range2", 2, 2, fn_started_by},
        {"coincides", "point1,point2", 2, 2, fn_coincides},
        {"coincides", "range1,range2", 2, 2, fn_coincides},
        {"range", "from", 1, 1, fn_range},
        {0},
};

/*
 * parse - FEEL text to a tree. By recursive descent straight from the characters: what is a name
 * depends on the names in scope, so there can be no lexer that does not know them. Here are the
 * operators, from the loosest to the tightest, and unary tests.
 */
#include "feel/parse_int.h"

#define TEXT_MAX (1 << 20)

typedef struct feel_node node;

static node *unary(struct parser *p);
static node *tests_list(struct parser *p, char close);

static node *arguments(struct parser *p, node *function, const char *at)
{
	node *x = feel__make2(p, N_CALL, at, function, NULL);
	bool saved = p->no_filter;

	p->no_filter = false;
	if (x && feel__peek(p) != ')') {
		bool named = feel__at_named_argument(p);

		if (named)
			x->kind = N_CALL_NAMED;
		do {
			if (named) {
				feel__add_name(p, x, feel__declared_name(p, ":", false));
				if (!feel__expect(p, ":", "after the name of an argument"))
					return NULL;
			}
			feel__add_kid(p, x, feel__expression(p));
		} while (p->rc == 0 && feel__take(p, ","));
	}
	(void)feel__expect(p, ")", "after the arguments");
	p->no_filter = saved;
	return p->rc < 0 ? NULL : x;
}

static node *filter(struct parser *p, node *list, const char *at)
{
	struct scope_name *saved = p->local;
	bool saved_filter = p->no_filter;
	node *condition;

	p->no_filter = false;
	p->in_filter++;
	feel__bind(p, &p->local, STR_LIT("item"));
	condition = feel__expression(p);
	p->in_filter--;
	p->local = saved;
	p->no_filter = saved_filter;
	(void)feel__expect(p, "]", "after the filter");
	return p->rc < 0 ? NULL : feel__make2(p, N_FILTER, at, list, condition);
}

static node *path(struct parser *p, node *of, const char *at)
{
	node *x = feel__make2(p, N_PATH, at, of, NULL);
	struct match m;
	char buf[40];

	if (!x)
		return NULL;
	feel__skip(p);
	m = feel__longest_member(p);
	x->name = STR_NULL;
	if (m.n > feel__word(p).n) {
		const char *start = p->p;
		struct str next;

		p->p += m.n;
		x->name = feel__kept(p, m.name);
		next = feel__word(p);
		if (next.n && !feel__is_keyword(next)) { /* only the begin of a longer name */
			p->p = start;
			x->name = STR_NULL;
		}
	}
	if (!x->name.p)
		x->name = feel__words_name(p);
	if (!x->name.n)
		return feel__fail_at(
		        p, p->p, "expected a name after the point, found %s", feel__here(p, buf));
	return x;
}

static node *postfix(struct parser *p)
{
	node *x = feel__primary(p);
	int steps = 0;

	while (x && p->rc == 0) {
		char c = feel__peek(p);
		const char *at = p->p;

		if (++steps > FEEL__DEPTH_MAX)
			return feel__fail_at(
			        p, at, "nested deeper than %d levels; split the expression", FEEL__DEPTH_MAX);
		if (c == '(') {
			/* only after what can be a function: 5 (3) is no call */
			if (x->kind == N_CONST)
				break;
			p->p++;
			x = arguments(p, x, at);
		} else if (c == '[' && !p->no_filter) {
			p->p++;
			x = filter(p, x, at);
		} else if (c == '.' && !feel__at_dots(p)) {
			p->p++;
			x = path(p, x, at);
		} else {
			break;
		}
	}
	return x;
}

static node *instance_of(struct parser *p)
{
	node *x = postfix(p);

	while (x && str_is(feel__word(p), "instance")) {
		const char *at = p->p;
		node *y;

		p->p += 8;
		if (!feel__take_word(p, "of"))
			return feel__fail_at(p, p->p, "expected \"of\" after \"instance\"");
		y = feel__make2(p, N_INSTANCE, at, x, NULL);
		if (!y)
			return NULL;
		y->types = arena_alloc(p->a, sizeof(struct feel_type_ref *));
		if (!y->types)
			return feel__no_memory(p);
		y->types[0] = feel__type(p);
		x = p->rc < 0 ? NULL : y;
	}
	return x;
}

static node *unary(struct parser *p)
{
	const char *at;
	node *x, *y;

	if (feel__peek(p) != '-')
		return instance_of(p);
	at = p->p++;
	if (!feel__enter(p))
		return NULL;
	x = unary(p);
	if (x && x->kind == N_CONST && x->value.type == FEEL_NUMBER) {
		if (x->value.number.coefficient)
			x->value.number.negative = !x->value.number.negative;
		return feel__leave(p, x);
	}
	y = x ? feel__make2(p, N_NEG, at, x, NULL) : NULL;
	return feel__leave(p, y);
}

static node *power(struct parser *p)
{
	node *x = unary(p);
	int steps = 0;

	while (x && feel__looking_at(p, "**")) {
		const char *at = p->p;
		node *y;

		p->p += 2;
		y = unary(p);
		if (++steps > FEEL__DEPTH_MAX)
			return feel__fail_at(
			        p, at, "nested deeper than %d levels; split the expression", FEEL__DEPTH_MAX);
		x = y ? feel__make2(p, N_ARITH, at, x, y) : NULL;
		if (x)
			x->op = '^';
	}
	return x;
}

static node *multiplicative(struct parser *p)
{
	node *x = power(p);
	int steps = 0;

	while (x) {
		char c = feel__peek(p);
		const char *at = p->p;
		node *y;

		if (c != '*' && c != '/')
			break;
		p->p++;
		y = power(p);
		if (++steps > FEEL__DEPTH_MAX)
			return feel__fail_at(p, at, "a chain of more than %d operators; split the expression",
			        FEEL__DEPTH_MAX);
		x = y ? feel__make2(p, N_ARITH, at, x, y) : NULL;
		if (x)
			x->op = (uint8_t)c;
	}
	return x;
}

node *feel__additive(struct parser *p)
{
	node *x;
	int steps = 0;

	if (!feel__enter(p))
		return NULL;
	x = multiplicative(p);
	while (x) {
		char c = feel__peek(p);
		const char *at = p->p;
		node *y;

		if (c != '+' && c != '-')
			break;
		p->p++;
		y = multiplicative(p);
		if (++steps > FEEL__DEPTH_MAX)
			return feel__fail_at(p, at, "a chain of more than %d operators; split the expression",
			        FEEL__DEPTH_MAX);
		x = y ? feel__make2(p, N_ARITH, at, x, y) : NULL;
		if (x)
			x->op = (uint8_t)c;
	}
	return feel__leave(p, x);
}

static int compare_operator(struct parser *p)
{
	static const struct {
		const char *text;
		enum feel_compare op;
	} table[] = {
	        {"<=", CMP_LE}, {">=", CMP_GE}, {"!=", CMP_NE}, {"<", CMP_LT}, {">", CMP_GT}, {"=", CMP_EQ}};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (feel__take(p, table[i].text))
			return (int)table[i].op;
	return -1;
}

static node *in_tests(struct parser *p)
{
	node *list;

	if (feel__peek(p) == '(') {
		const char *at = p->p++;
		bool saved = p->no_filter;

		p->no_filter = false;
		list = tests_list(p, ')');
		if (list && list->n == 1 && feel__at_dots(p) &&
		        list->kid[0]->kind == T_EXPR) { /* (1..5) is a range */
			node *range;

			p->p += 2;
			range = feel__range_rest(p, at, list->kid[0]->kid[0], false);
			if (range)
				list->kid[0]->kid[0] = range;
		} else {
			(void)feel__expect(p, ")", "after the tests");
		}
		p->no_filter = saved;
		return p->rc < 0 ? NULL : list;
	}
	list = feel__make(p, T_LIST, p->p);
	{
		const char *at = p->p;
		bool saved = p->saw_input;
		node *test, *x;
		int op;

		p->saw_input = false;
		op = compare_operator(p);
		x = feel__additive(p);
		test = x ? feel__make2(p, op >= 0 ? T_COMPARE : T_EXPR, at, x, NULL) : NULL;
		if (test) {
			test->op = (uint8_t)(op >= 0 ? op : 0);
			test->has_input = p->saw_input;
		}
		p->saw_input |= saved;
		feel__add_kid(p, list, test);
	}
	return p->rc < 0 ? NULL : list;
}

static node *comparison(struct parser *p)
{
	node *x = feel__additive(p);
	int steps = 0;

	while (x && p->rc == 0) {
		const char *at = (feel__skip(p), p->p);
		struct str w = feel__word(p);
		int op;

		if (++steps > FEEL__DEPTH_MAX)
			return feel__fail_at(p, at, "a chain of more than %d operators; split the expression",
			        FEEL__DEPTH_MAX);
		if (str_is(w, "between")) {
			node *low, *high, *y;

			p->p += w.n;
			low = feel__additive(p);
			if (!low)
				return NULL;
			if (!feel__take_word(p, "and"))
				return feel__fail_at(
				        p, p->p, "expected \"and\" after \"between\" and the lower bound");
			high = feel__additive(p);
			y = high ? feel__make2(p, N_BETWEEN, at, x, low) : NULL;
			feel__add_kid(p, y, high);
			x = y;
		} else if (str_is(w, "in")) {
			node *tests;

			p->p += w.n;
			tests = in_tests(p);
			x = tests ? feel__make2(p, N_IN, at, x, tests) : NULL;
		} else if ((op = compare_operator(p)) >= 0) {
			node *y = feel__additive(p);

			x = y ? feel__make2(p, N_COMPARE, at, x, y) : NULL;
			if (x)
				x->op = (uint8_t)op;
		} else {
			break;
		}
	}
	return p->rc < 0 ? NULL : x;
}

static node *logic(
        struct parser *p, const char *op, enum feel_node_kind kind, node *(*inner)(struct parser *))
{
	node *x = inner(p), *all = NULL;

	while (x && p->rc == 0 && str_is(feel__word(p), op)) {
		const char *at = p->p;
		node *y;

		p->p += strlen(op);
		y = inner(p);
		if (!all) {
			all = feel__make2(p, kind, at, x, y);
			x = all;
		} else {
			feel__add_kid(p, all, y);
		}
	}
	return p->rc < 0 ? NULL : x;
}

static node *conjunction(struct parser *p)
{
	return logic(p, "and", N_AND, comparison);
}

static node *if_expression(struct parser *p, const char *at)
{
	node *x = feel__make(p, N_IF, at);

	feel__add_kid(p, x, feel__expression(p));
	if (p->rc == 0 && !feel__take_word(p, "then"))
		return feel__fail_at(p, p->p, "expected \"then\"");
	feel__add_kid(p, x, feel__expression(p));
	if (p->rc == 0 && !feel__take_word(p, "else"))
		return feel__fail_at(p, p->p, "expected \"else\"");
	feel__add_kid(p, x, feel__expression(p));
	return p->rc < 0 ? NULL : x;
}

static node *iteration(struct parser *p, const char *at, enum feel_node_kind kind, const char *last)
{
	node *x = feel__make(p, kind, at);
	struct scope_name *saved = p->local;

	do {
		struct str variable = feel__declared_name(p, ",()[]", true);
		node *domain;
		const char *from;

		if (p->rc == 0 && !feel__take_word(p, "in"))
			return feel__fail_at(p, p->p, "expected \"in\" after the variable");
		feel__skip(p);
		from = p->p;
		domain = feel__expression(p);
		if (domain && feel__at_dots(p)) {
			p->p += 2;
			domain = feel__make2(p, N_DOMAIN, from, domain, feel__expression(p));
		}
		feel__add_kid(p, x, domain);
		feel__add_name(p, x, variable);
		feel__bind(p, &p->local, variable);
	} while (p->rc == 0 && feel__take(p, ","));
	if (p->rc == 0 && !feel__take_word(p, last))
		return feel__fail_at(p, p->p, "expected \"%s\"", last);
	if (kind == N_FOR)
		feel__bind(p, &p->local, STR_LIT("partial"));
	feel__add_kid(p, x, feel__expression(p));
	p->local = saved;
	return p->rc < 0 ? NULL : x;
}

node *feel__expression(struct parser *p)
{
	const char *at;
	struct str w;
	node *x;
	bool known;

	if (!feel__enter(p))
		return NULL;
	w = feel__word(p);
	at = p->p;
	known = feel__is_keyword(w) && feel__longest_name(p).n > w.n; /* a variable called "for rent" */
	if (known)
		w = STR_NULL;
	if (str_is(w, "if")) {
		p->p += w.n;
		x = if_expression(p, at);
	} else if (str_is(w, "for")) {
		p->p += w.n;
		x = iteration(p, at, N_FOR, "return");
	} else if (str_is(w, "some") || str_is(w, "every")) {
		p->p += w.n;
		x = iteration(p, at, *w.p == 's' ? N_SOME : N_EVERY, "satisfies");
	} else {
		x = logic(p, "or", N_OR, conjunction);
	}
	return feel__leave(p, x);
}

/* ---- unary tests ---- */

static node *one_test(struct parser *p)
{
	const char *at;
	bool saved = p->saw_input;
	node *x, *test;
	int op;

	feel__skip(p);
	at = p->p;
	p->saw_input = false;
	op = compare_operator(p);
	if (op >= 0) {
		x = feel__additive(p);
		test = x ? feel__make2(p, T_COMPARE, at, x, NULL) : NULL;
	} else {
		x = feel__expression(p);
		test = x ? feel__make2(p, T_EXPR, at, x, NULL) : NULL;
	}
	if (test) {
		test->op = (uint8_t)(op >= 0 ? op : 0);
		test->has_input = p->saw_input;
	}
	p->saw_input |= saved;
	return test;
}

static node *tests_list(struct parser *p, char close)
{
	node *list = feel__make(p, T_LIST, p->p);

	if (close && feel__peek(p) == close)
		return list;
	do
		feel__add_kid(p, list, one_test(p));
	while (p->rc == 0 && feel__take(p, ","));
	return p->rc < 0 ? NULL : list;
}

static node *unary_tests(struct parser *p)
{
	const char *from = (feel__skip(p), p->p);
	node *x;

	if (feel__peek(p) == '-' && (p->p++, feel__peek(p) == 0))
		return feel__make(p, T_ANY, from);
	p->p = from;
	if (str_is(feel__word(p), "not")) {
		p->p += 3;
		if (feel__take(p, "(")) {
			struct err *e = p->e;
			struct scope_name *local = p->local, *member = p->member;
			node *list;

			p->e = NULL;
			list = tests_list(p, 0);
			p->e = e;
			if (list && feel__take(p, ")") && feel__peek(p) == 0) {
				x = feel__make2(p, T_NOT, from, list, NULL);
				return x;
			}
			if (p->rc == ERR_NOMEM)
				return NULL;
			/* not(a) and b, or an error that the second reading tells better */
			p->rc = 0;
			p->depth = 0;
			p->in_filter = 0;
			p->no_filter = false;
			p->local = local;
			p->member = member;
		}
		p->p = from;
	}
	return tests_list(p, 0);
}

static int compile(struct arena *a, struct str text, const struct feel_names *names, bool tests,
        struct feel_expr **out, struct err *e)
{
	struct parser p = {
	        .a = a, .start = text.p, .p = text.p, .end = text.p + text.n, .names = names, .e = e};
	struct feel_expr *x;
	struct err none = ERR_INIT;
	node *root;
	char buf[40];

	if (text.n == 0) /* a NULL slice has no pointer to stand on */
		p.start = p.p = p.end = "";
	if (text.n > TEXT_MAX)
		return err_set(e, ERR_TOOBIG, "an expression of %zu bytes; at most %d", text.n, TEXT_MAX);
	if (!e)
		p.e = &none;
	if (!utf8_valid(text)) {
		return err_set(e, ERR_INVALID, "the expression is not UTF-8");
	}
	if (!feel__mark_places(&p))
		return err_set(e, ERR_NOMEM, "the expression needs more memory than allowed");
	if (tests)
		feel__bind(&p, &p.local, STR_LIT("?"));
	if (feel__peek(&p) == 0 && p.rc == 0)
		feel__fail_at(&p, p.p, "an expression is missing");
	root = p.rc < 0 ? NULL : tests ? unary_tests(&p) : feel__expression(&p);
	if (root && p.rc == 0 && feel__peek(&p) != 0)
		feel__fail_at(&p, p.p, "expected the end, found %s", feel__here(&p, buf));
	if (p.rc < 0)
		return p.rc;
	x = arena_alloc(a, sizeof(*x));
	if (!x || !root)
		return err_set(e, ERR_NOMEM, "the expression needs more memory than allowed");
	x->root = root;
	x->tests = tests;
	*out = x;
	return 0;
}

int feel_compile(struct arena *a, struct str text, const struct feel_names *names, struct feel_expr **out,
        struct err *e)
{
	return compile(a, text, names, false, out, e);
}

int feel_compile_tests(struct arena *a, struct str text, const struct feel_names *names,
        struct feel_expr **out, struct err *e)
{
	return compile(a, text, names, true, out, e);
}

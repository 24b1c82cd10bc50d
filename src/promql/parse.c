#include <strings.h>

#include "promql/parse_int.h"

/* ---- the stream of tokens ---- */

void parser_advance(struct parser *p)
{
	p->last_end = p->cur.end;
	if (p->rc != 0)
		return;
	p->cur = lex_next(&p->lex);
	if (p->cur.kind == TOK_BAD)
		p->rc = p->e->code;
}

int parser_fail(struct parser *p, size_t pos, const char *fmt, ...)
{
	char words[400];
	va_list ap;

	if (p->rc != 0)
		return p->rc;
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	p->rc = parse_fail(p->e, p->lex.text, pos, "%s", words);
	return p->rc;
}

void *parser_keep(struct parser *p, void *mem)
{
	if (mem == NULL && p->rc == 0)
		p->rc = err_set(p->e, ERR_NOMEM, "the query is too large");
	return mem;
}

static bool word_is(struct str s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

bool parser_at_word(const struct parser *p, const char *word)
{
	return p->rc == 0 && p->cur.kind == TOK_IDENT && word_is(p->cur.text, word);
}

struct token parser_peek(const struct parser *p)
{
	struct lexer l = p->lex;
	struct err e = ERR_INIT;

	l.e = &e;
	return lex_next(&l);
}

void parser_unexpected(struct parser *p, const char *where, const char *expected)
{
	static const char *const keywords[] = {"by", "without", "on", "ignoring", "group_left", "group_right",
	        "bool", "offset", "anchored", "smoothed"},
	                         *const operators[] = {"and", "or", "unless", "atan2"};
	char what[160];
	struct token t = p->cur;
	struct str raw = {p->lex.text.p + t.pos, t.end - t.pos};

	if (p->rc != 0)
		return;
	if (where == NULL && p->aggregations > 0)
		where = "aggregation";
	if (raw.n > 60)
		raw.n = 60;
	switch (t.kind) {
	case TOK_END: snprintf(what, sizeof what, "end of input"); break;
	case TOK_MATCH_RE:
	case TOK_MATCH_NRE:
	case TOK_OP: snprintf(what, sizeof what, "<op:" STR_FMT ">", STR_ARG(raw)); break;
	case TOK_NUMBER: snprintf(what, sizeof what, "number \"" STR_FMT "\"", STR_ARG(raw)); break;
	case TOK_DURATION: snprintf(what, sizeof what, "duration \"" STR_FMT "\"", STR_ARG(raw)); break;
	case TOK_STRING: {
		struct sb quoted = SB_INIT;

		label_quote(&quoted, raw);
		snprintf(what, sizeof what, "string %s", quoted.p);
		sb_fini(&quoted);
		break;
	}
	case TOK_IDENT:
		snprintf(what, sizeof what, "%sidentifier \"" STR_FMT "\"",
		        memchr(raw.p, ':', raw.n) != NULL ? "metric " : "", STR_ARG(raw));
		if (p->lex.braces)
			break; /* a label may be called as it likes */
		if (word_is(raw, "inf") || word_is(raw, "nan"))
			snprintf(what, sizeof what, "number \"" STR_FMT "\"", STR_ARG(raw));
		if (word_is(raw, "start") || word_is(raw, "end"))
			snprintf(what, sizeof what, "\"" STR_FMT "\"", STR_ARG(raw));
		for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
			if (word_is(raw, keywords[i]))
				snprintf(what, sizeof what, "<" STR_FMT ">", STR_ARG(raw));
		for (size_t i = 0; i < ARRAY_LEN(operators); i++)
			if (word_is(raw, operators[i]))
				snprintf(what, sizeof what, "<op:" STR_FMT ">", STR_ARG(raw));
		if (aggregate_find(raw) >= 0)
			snprintf(what, sizeof what, "<aggr:" STR_FMT ">", STR_ARG(raw));
		break;
	default: snprintf(what, sizeof what, "\"" STR_FMT "\"", STR_ARG(raw)); break;
	}
	parser_fail(p, t.pos, "unexpected %s%s%s%s%s", what, where ? " in " : "", where ? where : "",
	        expected ? ", expected " : "", expected ? expected : "");
}

bool parser_expect(struct parser *p, enum tok kind, const char *where, const char *expected)
{
	if (p->rc != 0)
		return false;
	if (p->cur.kind != kind) {
		parser_unexpected(p, where, expected);
		return false;
	}
	parser_advance(p);
	return p->rc == 0;
}

/* ---- nodes ---- */

struct node *node_new(struct parser *p, enum node_kind kind, enum promql_type type, size_t pos)
{
	struct node *x = parser_keep(p, arena_alloc(p->a, sizeof *x));

	if (x != NULL) {
		x->kind = kind;
		x->type = type;
		x->pos = pos;
		x->end = p->last_end;
		x->depth = 1;
	}
	return x;
}

bool node_push(struct parser *p, struct node *x, struct node *child)
{
	struct node **arg;

	if (p->rc != 0 || child == NULL)
		return false;
	arg = parser_keep(p, arena_array(p->a, (size_t)x->n_arg + 1, sizeof *arg));
	if (arg == NULL)
		return false;
	if (x->n_arg > 0)
		memcpy(arg, x->arg, (size_t)x->n_arg * sizeof *arg);
	arg[x->n_arg++] = child;
	x->arg = arg;
	if (child->depth >= x->depth)
		x->depth = child->depth + 1;
	if (x->depth > DEPTH_MAX) {
		parser_fail(p, x->pos, "the expression is nested deeper than %d levels", DEPTH_MAX);
		return false;
	}
	return true;
}
/* ---- calls and aggregations ---- */

/* Words that no expression begins with. */
static bool is_reserved(struct str word)
{
	static const char *const words[] = {"bool", "on", "ignoring", "group_left", "group_right", "atan2"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (word_is(word, words[i]))
			return true;
	return false;
}

static bool begins_expression(const struct token *t)
{
	switch (t->kind) {
	case TOK_IDENT: return !is_reserved(t->text);
	case TOK_NUMBER:
	case TOK_DURATION:
	case TOK_STRING:
	case TOK_LPAREN:
	case TOK_LBRACE: return true;
	case TOK_OP: return t->op == OP_ADD || t->op == OP_SUB;
	default: return false;
	}
}

/* Up to the closing bracket. */
static void parse_arguments(struct parser *p, struct node *x)
{
	bool is_info = x->kind == N_CALL && x->fn != NULL && x->fn->run == fn_info;

	while (p->rc == 0 && p->cur.kind != TOK_RPAREN) {
		bool matchers = is_info && x->n_arg == 1 && p->cur.kind == TOK_LBRACE;
		struct node *arg = matchers ? parse_selector(p, true) : parse_expr(p, 1);

		if (!node_push(p, x, arg))
			return;
		if (p->cur.kind == TOK_COMMA) {
			parser_advance(p);
			if (p->rc == 0 && !begins_expression(&p->cur))
				parser_fail(p, p->last_end - 1,
				        "trailing commas not allowed in function call args");
		} else if (p->cur.kind != TOK_RPAREN) {
			parser_unexpected(p, NULL, NULL);
		}
	}
}

static struct node *parse_call(struct parser *p)
{
	struct token name = p->cur;
	struct node *x = node_new(p, N_CALL, PROMQL_VECTOR, name.pos);

	if (x == NULL)
		return NULL;
	x->string = name.text;
	x->fn = function_find(name.text);
	if (x->fn != NULL)
		x->type = x->fn->result;
	parser_advance(p);
	parser_expect(p, TOK_LPAREN, NULL, NULL);
	parse_arguments(p, x);
	/* Before what follows is looked at. */
	if (p->rc == 0 && x->fn == NULL)
		parser_fail(p, name.pos, "unknown function with name \"" STR_FMT "\"", STR_ARG(name.text));
	parser_expect(p, TOK_RPAREN, NULL, NULL);
	x->end = p->last_end;
	return p->rc == 0 ? x : NULL;
}

static bool at_grouping(const struct parser *p)
{
	return parser_at_word(p, "by") || parser_at_word(p, "without");
}

static void parse_grouping(struct parser *p, struct node *x)
{
	x->group = parser_at_word(p, "by") ? GROUP_BY : GROUP_WITHOUT;
	parser_advance(p);
	parse_labels(p, &x->label, &x->n_label);
}

static void check_arguments(struct parser *p, const struct node *x)
{
	int want = aggregate_has_param(x->agg) ? 2 : 1;

	if (x->n_arg == 0)
		parser_fail(p, x->pos, "no arguments for aggregate expression provided");
	else if (x->n_arg != want)
		parser_fail(p, x->pos,
		        "wrong number of arguments for aggregate expression provided, expected %d, got %d",
		        want, x->n_arg);
}

static struct node *parse_aggregate(struct parser *p, int agg)
{
	struct node *x = node_new(p, N_AGGREGATE, PROMQL_VECTOR, p->cur.pos);

	if (x == NULL)
		return NULL;
	x->agg = (enum aggregate)agg;
	p->aggregations++;
	parser_advance(p);
	if (at_grouping(p))
		parse_grouping(p, x);
	if (!parser_expect(p, TOK_LPAREN, NULL, NULL))
		return NULL;
	parse_arguments(p, x);
	/* What follows may be its grouping, unless it has one. */
	if (x->group != GROUP_NONE)
		check_arguments(p, x);
	parser_expect(p, TOK_RPAREN, NULL, NULL);
	p->aggregations--;
	if (at_grouping(p)) {
		if (x->group != GROUP_NONE)
			parser_unexpected(p, NULL, NULL);
		else
			parse_grouping(p, x);
	}
	x->end = p->last_end;
	check_arguments(p, x);
	if (p->rc != 0)
		return NULL;
	if (x->n_arg == 2) {
		x->param = *x->arg++;
		x->n_arg = 1;
	}
	return x;
}

/* ---- expressions ---- */

static struct node *parse_number(struct parser *p, double v, bool is_duration)
{
	struct node *x = node_new(p, N_NUMBER, PROMQL_SCALAR, p->cur.pos);

	parser_advance(p);
	if (x != NULL) {
		x->number = v;
		x->is_duration = is_duration;
		x->end = p->last_end;
	}
	return x;
}

static struct node *parse_word(struct parser *p)
{
	static const char *const never_called[] = {"offset", "by", "without", "and", "or", "unless"};
	struct token next = parser_peek(p);
	int agg = aggregate_find(p->cur.text);
	bool called = next.kind == TOK_LPAREN && memchr(p->cur.text.p, ':', p->cur.text.n) == NULL;

	if (word_is(p->cur.text, "inf"))
		return parse_number(p, INFINITY, false);
	if (word_is(p->cur.text, "nan"))
		return parse_number(p, NAN, false);
	if (agg >= 0 && (next.kind == TOK_LPAREN ||
	                        (next.kind == TOK_IDENT &&
	                                (word_is(next.text, "by") || word_is(next.text, "without")))))
		return parse_aggregate(p, agg);
	if (is_reserved(p->cur.text)) {
		parser_unexpected(p, NULL, NULL);
		return NULL;
	}
	for (size_t i = 0; i < ARRAY_LEN(never_called); i++)
		called = called && !parser_at_word(p, never_called[i]);
	return called ? parse_call(p) : parse_selector(p, false);
}

static struct node *parse_primary(struct parser *p)
{
	struct node *x = NULL;
	size_t pos = p->cur.pos;

	if (p->rc != 0)
		return NULL;
	switch (p->cur.kind) {
	case TOK_NUMBER:
	case TOK_DURATION: x = parse_number(p, p->cur.number, p->cur.kind == TOK_DURATION); break;
	case TOK_STRING:
		x = node_new(p, N_STRING, PROMQL_STRING, pos);
		if (x != NULL)
			x->string = p->cur.text;
		parser_advance(p);
		if (x != NULL)
			x->end = p->last_end;
		break;
	case TOK_LPAREN: {
		struct node *inner;

		parser_advance(p);
		inner = parse_expr(p, 1);
		if (!parser_expect(p, TOK_RPAREN, NULL, NULL) || inner == NULL)
			return NULL;
		x = node_new(p, N_PAREN, inner->type, pos);
		if (x == NULL || !node_push(p, x, inner))
			return NULL;
		break;
	}
	case TOK_LBRACE: x = parse_selector(p, false); break;
	case TOK_IDENT: x = parse_word(p); break;
	case TOK_END:
		if (pos == 0 || p->last_end == 0)
			parser_fail(p, 0, "no expression found in input");
		else
			parser_unexpected(p, NULL, NULL);
		break;
	default: parser_unexpected(p, NULL, NULL); break;
	}
	return p->rc == 0 ? parse_suffixes(p, x) : NULL;
}

static struct node *parse_unary(struct parser *p)
{
	struct token t = p->cur;
	struct node *inner, *x;

	if (p->rc != 0 || t.kind != TOK_OP || (t.op != OP_SUB && t.op != OP_ADD))
		return parse_primary(p);
	parser_advance(p);
	/* The sign binds as multiplication does: -2^2 is -(2^2). */
	inner = parse_expr(p, precedence(OP_POW));
	if (inner == NULL)
		return NULL;
	if (inner->kind == N_NUMBER) {
		if (t.op == OP_SUB)
			inner->number = -inner->number;
		inner->pos = t.pos;
		return inner;
	}
	x = node_new(p, N_UNARY, inner->type, t.pos);
	if (x == NULL || !node_push(p, x, inner))
		return NULL;
	x->op = t.op;
	return x;
}

/* The operator that comes next, OP_NONE if none does. */
static enum op next_operator(const struct parser *p)
{
	if (p->rc != 0)
		return OP_NONE;
	if (p->cur.kind == TOK_OP)
		return p->cur.op;
	if (parser_at_word(p, "or"))
		return OP_OR;
	if (parser_at_word(p, "and"))
		return OP_AND;
	if (parser_at_word(p, "unless"))
		return OP_UNLESS;
	if (parser_at_word(p, "atan2"))
		return OP_ATAN2;
	return OP_NONE;
}

int precedence(enum op op)
{
	switch (op) {
	case OP_OR: return 1;
	case OP_AND:
	case OP_UNLESS: return 2;
	case OP_EQ:
	case OP_NE:
	case OP_LE:
	case OP_LT:
	case OP_GE:
	case OP_GT:
	case OP_TRIM_UPPER:
	case OP_TRIM_LOWER: return 3;
	case OP_ADD:
	case OP_SUB: return 4;
	case OP_MUL:
	case OP_DIV:
	case OP_MOD:
	case OP_ATAN2: return 5;
	case OP_POW: return 6;
	case OP_NONE: break;
	}
	return 0;
}

/* A metric may be called `fill`: it is the modifier only before a parenthesis. */
static bool at_fill(const struct parser *p)
{
	return (parser_at_word(p, "fill") || parser_at_word(p, "fill_left") ||
	               parser_at_word(p, "fill_right")) &&
	       parser_peek(p).kind == TOK_LPAREN;
}

static void parse_fill(struct parser *p, struct node *x)
{
	bool left = !parser_at_word(p, "fill_right"), right = !parser_at_word(p, "fill_left");
	double sign = 1, v = 0;

	if ((left && x->fill_l) || (right && x->fill_r)) {
		parser_unexpected(p, "fill modifiers", NULL);
		return;
	}
	parser_advance(p);
	parser_expect(p, TOK_LPAREN, "fill modifier", "\"(\"");
	if (p->rc == 0 && p->cur.kind == TOK_OP && (p->cur.op == OP_SUB || p->cur.op == OP_ADD)) {
		sign = p->cur.op == OP_SUB ? -1 : 1;
		parser_advance(p);
	}
	if (parser_at_word(p, "inf"))
		v = INFINITY;
	else if (parser_at_word(p, "nan"))
		v = NAN;
	else if (p->cur.kind == TOK_NUMBER || p->cur.kind == TOK_DURATION)
		v = p->cur.number;
	else
		parser_unexpected(p, "fill modifier", "number");
	parser_advance(p);
	parser_expect(p, TOK_RPAREN, "fill modifier", "\")\"");
	if (left) {
		x->fill_l = true;
		x->fill_l_value = sign * v;
	}
	if (right) {
		x->fill_r = true;
		x->fill_r_value = sign * v;
	}
}

static void parse_binary_modifiers(struct parser *p, struct node *x)
{
	if (parser_at_word(p, "bool")) {
		x->bool_mod = true;
		parser_advance(p);
	}
	if (parser_at_word(p, "on") || parser_at_word(p, "ignoring")) {
		x->on = parser_at_word(p, "on");
		x->ignoring = !x->on;
		parser_advance(p);
		parse_labels(p, &x->label, &x->n_label);
		if (parser_at_word(p, "group_left") || parser_at_word(p, "group_right")) {
			x->group_mod = true;
			x->card = parser_at_word(p, "group_left") ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
			parser_advance(p);
			/* `group_left (a + b)` cannot be told from a list by one token; Prometheus takes a
			 * list. */
			if (p->rc == 0 && (p->cur.kind == TOK_LPAREN || !begins_expression(&p->cur)))
				parse_labels(p, &x->include, &x->n_include);
		}
	}
	while (at_fill(p) && p->rc == 0)
		parse_fill(p, x);
}

struct node *parse_expr(struct parser *p, int min)
{
	struct node *l;
	enum op op;

	if (p->rc != 0)
		return NULL;
	if (++p->depth > DEPTH_MAX) {
		parser_fail(p, p->cur.pos, "the expression is nested deeper than %d levels", DEPTH_MAX);
		return NULL;
	}
	l = parse_unary(p);
	while (l != NULL && (op = next_operator(p)) != OP_NONE && precedence(op) >= min) {
		struct node *x = node_new(p, N_BINARY, PROMQL_VECTOR, l->pos);

		if (x == NULL)
			return NULL;
		x->op = op;
		x->op_pos = p->cur.pos;
		parser_advance(p);
		parse_binary_modifiers(p, x);
		struct node *r = parse_expr(p, op == OP_POW ? precedence(op) : precedence(op) + 1);

		if (r == NULL || !node_push(p, x, l) || !node_push(p, x, r))
			return NULL;
		if (l->type == PROMQL_SCALAR && r->type == PROMQL_SCALAR)
			x->type = PROMQL_SCALAR;
		x->end = p->last_end;
		l = x;
	}
	p->depth--;
	return p->rc == 0 ? l : NULL;
}

static struct node *parse_lone_selector(struct parser *p)
{
	if (p->rc == 0 && p->cur.kind != TOK_IDENT && p->cur.kind != TOK_LBRACE) {
		parser_unexpected(p, NULL, NULL);
		return NULL;
	}
	return p->rc == 0 ? parse_selector(p, false) : NULL;
}

static int parse_text(
        struct arena *a, struct str text, bool selector, struct promql_expr **out, struct err *e)
{
	struct err own = ERR_INIT;
	struct promql_expr *x;
	struct parser p = {.a = a, .e = e != NULL ? e : &own};

	if (text.n > PROMQL_TEXT_MAX)
		return err_set(e, ERR_INVALID, "the query is longer than %d bytes", PROMQL_TEXT_MAX);
	x = arena_alloc(a, sizeof *x);
	p.lex.text = (struct str){arena_memdup(a, text.p ? text.p : "", text.n), text.n};
	if (x == NULL || p.lex.text.p == NULL)
		return err_set(e, ERR_NOMEM, "the query is too large");
	p.lex.a = a;
	p.lex.e = p.e;
	if (!utf8_valid(p.lex.text))
		return err_set(e, ERR_INVALID, "the query is not valid UTF-8");
	parser_advance(&p);
	x->root = selector ? parse_lone_selector(&p) : parse_expr(&p, 1);
	if (p.rc == 0 && p.cur.kind != TOK_END)
		parser_unexpected(&p, NULL, NULL);
	if (p.rc == 0)
		check_types(&p, x->root);
	if (p.rc != 0)
		return p.rc;
	x->text = p.lex.text;
	*out = x;
	return 0;
}

int promql_parse(struct arena *a, struct str text, struct promql_expr **out, struct err *e)
{
	return parse_text(a, text, false, out, e);
}

int promql_parse_selector(struct arena *a, struct str text, struct promql_expr **out, struct err *e)
{
	return parse_text(a, text, true, out, e);
}

#include <math.h>
#include <strings.h>

#include "promql/parse_int.h"

#define DEPTH_MAX 200

/* ---- the stream of tokens ---- */

static void advance(struct parser *p)
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

static void *keep(struct parser *p, void *mem)
{
	if (mem == NULL && p->rc == 0)
		p->rc = err_set(p->e, ERR_NOMEM, "the query is too large");
	return mem;
}

static bool word_is(struct str s, const char *word)
{
	return s.n == strlen(word) && strncasecmp(s.p, word, s.n) == 0;
}

static bool at_word(const struct parser *p, const char *word)
{
	return p->rc == 0 && p->cur.kind == TOK_IDENT && word_is(p->cur.text, word);
}

/* The token after the present one. */
static struct token peek(const struct parser *p)
{
	struct lexer l = p->lex;
	struct err e = ERR_INIT;

	l.e = &e;
	return lex_next(&l);
}

static void unexpected(struct parser *p, const char *where, const char *expected)
{
	static const char *const keywords[] = {"by", "without", "on", "ignoring", "group_left", "group_right",
	        "bool", "offset", "start", "end", "anchored", "smoothed"};
	char what[160];
	struct token t = p->cur;
	struct str raw = {p->lex.text.p + t.pos, t.end - t.pos};

	if (p->rc != 0)
		return;
	if (raw.n > 60)
		raw.n = 60;
	switch (t.kind) {
	case TOK_END: snprintf(what, sizeof what, "end of input"); break;
	case TOK_OP: snprintf(what, sizeof what, "<op:" STR_FMT ">", STR_ARG(raw)); break;
	case TOK_NUMBER: snprintf(what, sizeof what, "number \"" STR_FMT "\"", STR_ARG(raw)); break;
	case TOK_DURATION: snprintf(what, sizeof what, "duration \"" STR_FMT "\"", STR_ARG(raw)); break;
	case TOK_STRING: snprintf(what, sizeof what, "string " STR_FMT, STR_ARG(raw)); break;
	case TOK_IDENT:
		snprintf(what, sizeof what, "identifier \"" STR_FMT "\"", STR_ARG(raw));
		for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
			if (word_is(raw, keywords[i]))
				snprintf(what, sizeof what, "<" STR_FMT ">", STR_ARG(raw));
		if (aggregate_find(raw) >= 0)
			snprintf(what, sizeof what, "<aggr:" STR_FMT ">", STR_ARG(raw));
		break;
	default: snprintf(what, sizeof what, "\"" STR_FMT "\"", STR_ARG(raw)); break;
	}
	parser_fail(p, t.pos, "unexpected %s%s%s%s%s", what, where ? " in " : "", where ? where : "",
	        expected ? ", expected " : "", expected ? expected : "");
}

static bool expect(struct parser *p, enum tok kind, const char *where, const char *expected)
{
	if (p->rc != 0)
		return false;
	if (p->cur.kind != kind) {
		unexpected(p, where, expected);
		return false;
	}
	advance(p);
	return p->rc == 0;
}

/* ---- nodes ---- */

static struct node *node_new(struct parser *p, enum node_kind kind, enum promql_type type, size_t pos)
{
	struct node *x = keep(p, arena_alloc(p->a, sizeof *x));

	if (x != NULL) {
		x->kind = kind;
		x->type = type;
		x->pos = pos;
		x->end = p->last_end;
		x->depth = 1;
	}
	return x;
}

static bool node_push(struct parser *p, struct node *x, struct node *child)
{
	struct node **arg;

	if (p->rc != 0 || child == NULL)
		return false;
	arg = keep(p, arena_array(p->a, (size_t)x->n_arg + 1, sizeof *arg));
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

/* ---- durations ---- */

static struct dur *dur_parse_expr(struct parser *p, int min);

static struct dur *dur_new(struct parser *p, enum dur_kind kind, size_t pos)
{
	struct dur *d = keep(p, arena_alloc(p->a, sizeof *d));

	if (d != NULL) {
		d->kind = kind;
		d->pos = pos;
	}
	return d;
}

static struct dur *dur_call(struct parser *p, size_t pos)
{
	struct dur *d = NULL;

	if (at_word(p, "step") || at_word(p, "range")) {
		d = dur_new(p, at_word(p, "step") ? DUR_STEP : DUR_RANGE, pos);
		advance(p);
		expect(p, TOK_LPAREN, "duration expression", "\"(\"");
	} else if (at_word(p, "min") || at_word(p, "max") || at_word(p, "min_of") || at_word(p, "max_of")) {
		d = dur_new(p, (p->cur.text.p[1] | 32) == 'i' ? DUR_MIN : DUR_MAX, pos);
		advance(p);
		expect(p, TOK_LPAREN, "duration expression", "\"(\"");
		if (d != NULL && p->rc == 0) {
			d->l = dur_parse_expr(p, 0);
			expect(p, TOK_COMMA, "duration expression", "\",\"");
			d->r = dur_parse_expr(p, 0);
		}
	} else {
		unexpected(p, "duration expression", NULL);
		return NULL;
	}
	expect(p, TOK_RPAREN, "duration expression", "\")\"");
	return p->rc == 0 ? d : NULL;
}

static struct dur *dur_primary(struct parser *p)
{
	struct dur *d = NULL;
	size_t pos = p->cur.pos;

	if (p->rc != 0)
		return NULL;
	if (++p->depth > DEPTH_MAX) {
		parser_fail(p, pos, "the expression is nested deeper than %d levels", DEPTH_MAX);
		return NULL;
	}
	switch (p->cur.kind) {
	case TOK_NUMBER:
	case TOK_DURATION:
		d = dur_new(p, p->cur.kind == TOK_NUMBER ? DUR_NUMBER : DUR_TIME, pos);
		if (d != NULL)
			d->seconds = p->cur.number;
		if (!isfinite(p->cur.number))
			parser_fail(p, pos, "duration out of range");
		advance(p);
		break;
	case TOK_OP:
		if (p->cur.op != OP_ADD && p->cur.op != OP_SUB) {
			unexpected(p, "duration expression", NULL);
			break;
		}
		d = dur_new(p, p->cur.op == OP_SUB ? DUR_NEG : DUR_POS, pos);
		advance(p);
		if (d != NULL)
			d->l = dur_parse_expr(p, 3);
		break;
	case TOK_LPAREN:
		advance(p);
		d = dur_parse_expr(p, 0);
		expect(p, TOK_RPAREN, "duration expression", "\")\"");
		if (d != NULL)
			d->paren = true;
		break;
	case TOK_IDENT: d = dur_call(p, pos); break;
	default: unexpected(p, "duration expression", "number, duration, step(), or range()"); break;
	}
	p->depth--;
	return p->rc == 0 ? d : NULL;
}

static int dur_precedence(const struct token *t)
{
	if (t->kind != TOK_OP)
		return 0;
	switch (t->op) {
	case OP_ADD:
	case OP_SUB: return 1;
	case OP_MUL:
	case OP_DIV:
	case OP_MOD: return 2;
	case OP_POW: return 3;
	default: return 0;
	}
}

/* Operators that bind at least as tightly as `min`; a sum of many terms may not grow without end. */
static struct dur *dur_parse_expr(struct parser *p, int min)
{
	struct dur *l = dur_primary(p);
	int prec, terms = 0;

	while (p->rc == 0 && l != NULL && (prec = dur_precedence(&p->cur)) > 0 && prec >= min) {
		struct dur *d = dur_new(p, DUR_BINARY, l->pos);

		if (++terms > DEPTH_MAX)
			parser_fail(
			        p, p->cur.pos, "the expression is nested deeper than %d levels", DEPTH_MAX);
		if (d == NULL || p->rc != 0)
			return NULL;
		d->op = p->cur.op;
		d->l = l;
		advance(p);
		d->r = dur_parse_expr(p, d->op == OP_POW ? prec : prec + 1);
		l = d;
	}
	return p->rc == 0 ? l : NULL;
}

/* What is known before the query runs is checked before it runs. */
static void dur_check(struct parser *p, const struct dur *d, bool positive)
{
	double s;
	const char *why = NULL;

	if (p->rc != 0 || d == NULL || dur_varies(d))
		return;
	s = dur_compute(d, 0, 0, &why);
	if (why != NULL)
		parser_fail(p, d->pos, "%s", why);
	else if (!(fabs(s) < 9.2e9))
		parser_fail(p, d->pos, "duration out of range");
	else if (positive && llround(s * 1e3) <= 0)
		parser_fail(p, d->pos, "duration must be greater than 0");
}

/* After `offset`: one signed term; more only in parentheses. */
static struct dur *dur_parse_offset(struct parser *p)
{
	struct dur *d = NULL, *inner;
	size_t pos = p->cur.pos;

	if (p->rc == 0 && p->cur.kind == TOK_OP && (p->cur.op == OP_ADD || p->cur.op == OP_SUB)) {
		d = dur_new(p, p->cur.op == OP_SUB ? DUR_NEG : DUR_POS, pos);
		advance(p);
	}
	if (p->rc == 0 && p->cur.kind == TOK_OP)
		unexpected(p, "offset", "number, duration, step(), or range()");
	inner = dur_primary(p);
	if (d == NULL)
		d = inner;
	else
		d->l = inner;
	if (inner != NULL)
		dur_check(p, d, false);
	return p->rc == 0 ? d : NULL;
}

/* ---- lists of labels, matchers ---- */

static bool parse_labels(struct parser *p, struct str **out, int *n)
{
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	if (!expect(p, TOK_LPAREN, "grouping opts", "\"(\""))
		return false;
	while (p->rc == 0 && p->cur.kind != TOK_RPAREN) {
		if (p->cur.kind != TOK_IDENT && p->cur.kind != TOK_STRING) {
			unexpected(p, "grouping opts", "label");
			return false;
		}
		if (p->cur.kind == TOK_IDENT ? !label_name_valid(p->cur.text)
		                             : p->cur.text.n == 0 || !utf8_valid(p->cur.text)) {
			parser_fail(p, p->cur.pos, "invalid label name for grouping: \"" STR_FMT "\"",
			        STR_ARG(p->cur.text));
			return false;
		}
		*out = keep(p, arena_grow(p->a, *out, &cap, (size_t)*n + 1, sizeof **out));
		if (*out == NULL)
			return false;
		(*out)[(*n)++] = p->cur.text;
		advance(p);
		if (p->cur.kind == TOK_COMMA)
			advance(p);
		else if (p->cur.kind != TOK_RPAREN)
			unexpected(p, "grouping opts", "\",\" or \")\"");
	}
	return expect(p, TOK_RPAREN, "grouping opts", "\")\"");
}

static bool add_matcher(struct parser *p, struct node *x, size_t *cap, enum match_op op, struct str name,
        struct str value, size_t pos)
{
	struct err e = ERR_INIT;
	int rc;

	x->m = keep(p, arena_grow(p->a, x->m, cap, (size_t)x->n_m + 1, sizeof *x->m));
	if (x->m == NULL)
		return false;
	rc = matcher_init(&x->m[x->n_m], p->a, op, name, value, &e);
	if (rc == ERR_NOMEM)
		p->rc = err_set(p->e, ERR_NOMEM, "the query is too large");
	else if (rc != 0)
		parser_fail(p, pos, "%s", e.text);
	x->n_own = ++x->n_m;
	return p->rc == 0;
}

/* { … }: matchers, and at most one quoted metric name. */
static bool parse_matchers(struct parser *p, struct node *x, size_t *cap)
{
	if (!expect(p, TOK_LBRACE, NULL, NULL))
		return false;
	while (p->rc == 0 && p->cur.kind != TOK_RBRACE) {
		struct token name = p->cur, op, value;
		enum match_op how;

		if (name.kind != TOK_IDENT && name.kind != TOK_STRING) {
			unexpected(p, "label matching", "identifier or \"}\"");
			return false;
		}
		advance(p);
		op = p->cur;
		if (op.kind == TOK_ASSIGN) {
			how = MATCH_EQ;
		} else if (op.kind == TOK_OP && op.op == OP_NE) {
			how = MATCH_NE;
		} else if (op.kind == TOK_MATCH_RE) {
			how = MATCH_RE;
		} else if (op.kind == TOK_MATCH_NRE) {
			how = MATCH_NRE;
		} else if (name.kind == TOK_STRING && (op.kind == TOK_COMMA || op.kind == TOK_RBRACE)) {
			if (x->name.p != NULL) {
				parser_fail(p, name.pos,
				        "metric name must not be set twice: \"" STR_FMT "\" or \"" STR_FMT
				        "\"",
				        STR_ARG(x->name), STR_ARG(name.text));
				return false;
			}
			x->name = name.text;
			if (!add_matcher(p, x, cap, MATCH_EQ, STR_LIT(LABEL_NAME), name.text, name.pos))
				return false;
			goto next;
		} else {
			unexpected(p, "label matching", "label matching operator");
			return false;
		}
		advance(p);
		value = p->cur;
		if (value.kind != TOK_STRING) {
			unexpected(p, "label matching", "string");
			return false;
		}
		if (name.kind == TOK_STRING && (name.text.n == 0 || !utf8_valid(name.text))) {
			parser_fail(p, name.pos, "invalid label name: \"" STR_FMT "\"", STR_ARG(name.text));
			return false;
		}
		advance(p);
		if (!add_matcher(p, x, cap, how, name.text, value.text, name.pos))
			return false;
	next:
		if (p->cur.kind == TOK_COMMA)
			advance(p);
		else if (p->cur.kind != TOK_RBRACE)
			unexpected(p, "label matching", "\",\" or \"}\"");
	}
	return expect(p, TOK_RBRACE, "label matching", NULL);
}

/* matchers_only: the second argument of info(), which names no series by itself. */
static struct node *parse_selector(struct parser *p, bool matchers_only)
{
	struct node *x = node_new(p, N_SELECTOR, PROMQL_VECTOR, p->cur.pos);
	size_t cap = 0;
	bool braces, any = false;

	if (x == NULL)
		return NULL;
	if (p->cur.kind == TOK_IDENT) {
		struct token t = p->cur;

		x->name = t.text;
		if (!add_matcher(p, x, &cap, MATCH_EQ, STR_LIT(LABEL_NAME), t.text, t.pos))
			return NULL;
		advance(p);
	}
	braces = p->rc == 0 && p->cur.kind == TOK_LBRACE;
	if (braces && !parse_matchers(p, x, &cap))
		return NULL;
	if (p->rc != 0)
		return NULL;
	for (int i = 0; i < x->n_m; i++) {
		if (x->name.p != NULL && i > 0 && x->m[i].op == MATCH_EQ &&
		        str_is(x->m[i].name, LABEL_NAME)) {
			parser_fail(p, x->pos,
			        "metric name must not be set twice: \"" STR_FMT "\" or \"" STR_FMT "\"",
			        STR_ARG(x->name), STR_ARG(x->m[i].value));
			return NULL;
		}
		any = any || !matcher_matches(&x->m[i], STR_NULL);
	}
	if (!any && !matchers_only) {
		parser_fail(p, x->pos, "vector selector must contain at least one non-empty matcher");
		return NULL;
	}
	x->end = p->last_end;
	return x;
}

/* ---- what may follow an operand: [5m], [1h:5m], offset, @, anchored, smoothed ---- */

static struct node *parse_brackets(struct parser *p, struct node *x)
{
	struct dur *range, *step = NULL;
	struct node *sub;
	size_t pos = p->cur.pos;

	advance(p);
	range = dur_parse_expr(p, 0);
	dur_check(p, range, true);
	if (p->rc == 0 && p->cur.kind == TOK_COLON) {
		advance(p);
		if (p->rc == 0 && p->cur.kind != TOK_RBRACKET) {
			step = dur_parse_expr(p, 0);
			dur_check(p, step, true);
		}
		if (!expect(p, TOK_RBRACKET, "subquery selector", "\"]\""))
			return NULL;
		if (x->type != PROMQL_VECTOR) {
			parser_fail(p, x->pos, "subquery is only allowed on instant vector, got %s instead",
			        x->type == PROMQL_MATRIX ? "matrix" : type_words(x->type));
			return NULL;
		}
		sub = node_new(p, N_SUBQUERY, PROMQL_MATRIX, x->pos);
		if (sub == NULL || !node_push(p, sub, x))
			return NULL;
		sub->range = range;
		sub->step = step;
		return sub;
	}
	if (!expect(p, TOK_RBRACKET, "matrix selector", "\"]\" or \":\""))
		return NULL;
	if (x->kind != N_SELECTOR || x->range != NULL) {
		parser_fail(p, pos, "ranges only allowed for vector selectors");
		return NULL;
	}
	if (x->offset != NULL || x->at != AT_NONE) {
		parser_fail(p, pos, "no %s modifiers allowed before range", x->offset ? "offset" : "@");
		return NULL;
	}
	x->range = range;
	x->type = PROMQL_MATRIX;
	x->end = p->last_end;
	return x;
}

static void parse_offset(struct parser *p, struct node *x)
{
	struct dur *d;

	advance(p);
	d = dur_parse_offset(p);

	if (p->rc != 0)
		return;
	if (x->kind != N_SELECTOR && x->kind != N_SUBQUERY)
		parser_fail(p, x->pos,
		        "offset modifier must be preceded by an instant vector selector or range vector "
		        "selector or a subquery");
	else if (x->offset != NULL)
		parser_fail(p, x->pos, "offset may not be set multiple times");
	x->offset = d;
	x->end = p->last_end;
}

static void parse_at(struct parser *p, struct node *x)
{
	double sign = 1, v = 0;
	enum at_kind kind = AT_TIME;

	advance(p);
	if (at_word(p, "start") || at_word(p, "end")) {
		kind = at_word(p, "start") ? AT_START : AT_END;
		advance(p);
		expect(p, TOK_LPAREN, "@", "\"(\"");
		expect(p, TOK_RPAREN, "@", "\")\"");
	} else {
		if (p->rc == 0 && p->cur.kind == TOK_OP && (p->cur.op == OP_SUB || p->cur.op == OP_ADD)) {
			sign = p->cur.op == OP_SUB ? -1 : 1;
			advance(p);
		}
		if (p->rc != 0)
			return;
		if (at_word(p, "inf") || at_word(p, "nan"))
			v = INFINITY;
		else if (p->cur.kind == TOK_NUMBER || p->cur.kind == TOK_DURATION)
			v = sign * p->cur.number;
		else
			unexpected(p, "@", "timestamp");
		if (p->rc == 0 && !(fabs(v) < 9.2e12))
			parser_fail(p, x->pos, "timestamp out of bounds for @ modifier: %f", v);
		advance(p);
	}
	if (p->rc != 0)
		return;
	if (x->kind != N_SELECTOR && x->kind != N_SUBQUERY)
		parser_fail(p, x->pos,
		        "@ modifier must be preceded by an instant vector selector or range vector selector "
		        "or a subquery");
	else if (x->at != AT_NONE)
		parser_fail(p, x->pos, "@ <timestamp> may not be set multiple times");
	x->at = kind;
	if (kind == AT_TIME)
		x->at_time = llround(v * 1e3) * US_MS;
	x->end = p->last_end;
}

static void parse_extended(struct parser *p, struct node *x)
{
	bool anchored = at_word(p, "anchored");
	size_t pos = p->cur.pos;

	advance(p);
	if (x->kind == N_SUBQUERY)
		parser_fail(p, pos, "%s modifier is not supported for subqueries",
		        anchored ? "anchored" : "smoothed");
	else if (x->kind != N_SELECTOR)
		parser_fail(p, pos, "%s modifier must be preceded by a vector selector",
		        anchored ? "anchored" : "smoothed");
	else if (anchored ? x->smoothed : x->anchored)
		parser_fail(p, pos, "anchored and smoothed modifiers cannot be used together");
	x->anchored = x->anchored || anchored;
	x->smoothed = x->smoothed || !anchored;
	x->end = p->last_end;
}

static struct node *parse_suffixes(struct parser *p, struct node *x)
{
	while (p->rc == 0 && x != NULL) {
		if (p->cur.kind == TOK_LBRACKET)
			x = parse_brackets(p, x);
		else if (at_word(p, "offset"))
			parse_offset(p, x);
		else if (p->cur.kind == TOK_AT)
			parse_at(p, x);
		else if (at_word(p, "anchored") || at_word(p, "smoothed"))
			parse_extended(p, x);
		else
			break;
		/* Each subquery is one more level. */
		if (x != NULL && x->depth > DEPTH_MAX)
			parser_fail(p, x->pos, "the expression is nested deeper than %d levels", DEPTH_MAX);
	}
	return p->rc == 0 ? x : NULL;
}

/* ---- calls and aggregations ---- */

static struct node *parse_call(struct parser *p)
{
	struct token name = p->cur;
	struct node *x = node_new(p, N_CALL, PROMQL_VECTOR, name.pos);

	if (x == NULL)
		return NULL;
	x->string = name.text;
	x->fn = function_find(name.text);
	if (x->fn == NULL) {
		parser_fail(p, name.pos, "unknown function with name \"" STR_FMT "\"", STR_ARG(name.text));
		return NULL;
	}
	x->type = x->fn->result;
	advance(p);
	expect(p, TOK_LPAREN, "function call", "\"(\"");
	while (p->rc == 0 && p->cur.kind != TOK_RPAREN) {
		bool matchers = x->fn->run == fn_info && x->n_arg == 1 && p->cur.kind == TOK_LBRACE;
		struct node *arg = matchers ? parse_selector(p, true) : parse_expr(p, 1);

		if (!node_push(p, x, arg))
			return NULL;
		if (p->cur.kind == TOK_COMMA) {
			advance(p);
			if (p->cur.kind == TOK_RPAREN && p->rc == 0)
				parser_fail(p, p->last_end - 1,
				        "trailing commas not allowed in function call args");
		} else if (p->cur.kind != TOK_RPAREN) {
			unexpected(p, "function call", "\",\" or \")\"");
		}
	}
	expect(p, TOK_RPAREN, "function call", "\")\"");
	x->end = p->last_end;
	check_call(p, x);
	return p->rc == 0 ? x : NULL;
}

static bool at_grouping(const struct parser *p)
{
	return at_word(p, "by") || at_word(p, "without");
}

static void parse_grouping(struct parser *p, struct node *x)
{
	x->group = at_word(p, "by") ? GROUP_BY : GROUP_WITHOUT;
	advance(p);
	parse_labels(p, &x->label, &x->n_label);
}

static struct node *parse_aggregate(struct parser *p, int agg)
{
	struct node *x = node_new(p, N_AGGREGATE, PROMQL_VECTOR, p->cur.pos);

	if (x == NULL)
		return NULL;
	x->agg = (enum aggregate)agg;
	advance(p);
	if (at_grouping(p))
		parse_grouping(p, x);
	if (!expect(p, TOK_LPAREN, "aggregation", "\"(\""))
		return NULL;
	while (p->rc == 0 && p->cur.kind != TOK_RPAREN) {
		if (!node_push(p, x, parse_expr(p, 1)))
			return NULL;
		if (p->cur.kind == TOK_COMMA)
			advance(p);
		else if (p->cur.kind != TOK_RPAREN)
			unexpected(p, "aggregation", "\",\" or \")\"");
	}
	expect(p, TOK_RPAREN, "aggregation", "\")\"");
	if (at_grouping(p)) {
		if (x->group != GROUP_NONE)
			unexpected(p, "aggregation", NULL);
		else
			parse_grouping(p, x);
	}
	x->end = p->last_end;
	check_aggregate(p, x);
	return p->rc == 0 ? x : NULL;
}

/* ---- expressions ---- */

static struct node *parse_number(struct parser *p, double v, bool is_duration)
{
	struct node *x = node_new(p, N_NUMBER, PROMQL_SCALAR, p->cur.pos);

	advance(p);
	if (x != NULL) {
		x->number = v;
		x->is_duration = is_duration;
		x->end = p->last_end;
	}
	return x;
}

static struct node *parse_word(struct parser *p)
{
	static const char *const reserved[] = {"bool", "on", "ignoring", "group_left", "group_right"};
	struct token next = peek(p);
	int agg = aggregate_find(p->cur.text);

	if (word_is(p->cur.text, "inf") && next.kind != TOK_LBRACE)
		return parse_number(p, INFINITY, false);
	if (word_is(p->cur.text, "nan") && next.kind != TOK_LBRACE)
		return parse_number(p, NAN, false);
	if (agg >= 0 && (next.kind == TOK_LPAREN ||
	                        (next.kind == TOK_IDENT &&
	                                (word_is(next.text, "by") || word_is(next.text, "without")))))
		return parse_aggregate(p, agg);
	for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
		if (word_is(p->cur.text, reserved[i])) {
			unexpected(p, NULL, NULL);
			return NULL;
		}
	if (next.kind == TOK_LPAREN && !at_word(p, "offset") && !at_grouping(p))
		return parse_call(p);
	return parse_selector(p, false);
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
		advance(p);
		if (x != NULL)
			x->end = p->last_end;
		break;
	case TOK_LPAREN: {
		struct node *inner;

		advance(p);
		inner = parse_expr(p, 1);
		if (!expect(p, TOK_RPAREN, "paren expression", "\")\"") || inner == NULL)
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
			parser_fail(p, pos, "no expression found in input");
		else
			unexpected(p, NULL, NULL);
		break;
	default: unexpected(p, NULL, NULL); break;
	}
	return p->rc == 0 ? parse_suffixes(p, x) : NULL;
}

static struct node *parse_unary(struct parser *p)
{
	struct token t = p->cur;
	struct node *inner, *x;

	if (p->rc != 0 || t.kind != TOK_OP || (t.op != OP_SUB && t.op != OP_ADD))
		return parse_primary(p);
	advance(p);
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
	if (inner->type != PROMQL_SCALAR && inner->type != PROMQL_VECTOR) {
		parser_fail(p, t.pos,
		        "unary expression only allowed on expressions of type scalar or instant vector, got "
		        "%s",
		        quoted_type(inner->type));
		return NULL;
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
	if (at_word(p, "or"))
		return OP_OR;
	if (at_word(p, "and"))
		return OP_AND;
	if (at_word(p, "unless"))
		return OP_UNLESS;
	if (at_word(p, "atan2"))
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
	return (at_word(p, "fill") || at_word(p, "fill_left") || at_word(p, "fill_right")) &&
	       peek(p).kind == TOK_LPAREN;
}

static void parse_fill(struct parser *p, struct node *x)
{
	bool left = !at_word(p, "fill_right"), right = !at_word(p, "fill_left");
	double sign = 1, v = 0;

	if ((left && x->fill_l) || (right && x->fill_r)) {
		unexpected(p, "fill modifiers", NULL);
		return;
	}
	advance(p);
	expect(p, TOK_LPAREN, "fill modifier", "\"(\"");
	if (p->rc == 0 && p->cur.kind == TOK_OP && (p->cur.op == OP_SUB || p->cur.op == OP_ADD)) {
		sign = p->cur.op == OP_SUB ? -1 : 1;
		advance(p);
	}
	if (at_word(p, "inf"))
		v = INFINITY;
	else if (at_word(p, "nan"))
		v = NAN;
	else if (p->cur.kind == TOK_NUMBER || p->cur.kind == TOK_DURATION)
		v = p->cur.number;
	else
		unexpected(p, "fill modifier", "number");
	advance(p);
	expect(p, TOK_RPAREN, "fill modifier", "\")\"");
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
	if (at_word(p, "bool")) {
		x->bool_mod = true;
		advance(p);
	}
	if (at_word(p, "on") || at_word(p, "ignoring")) {
		x->on = at_word(p, "on");
		x->ignoring = !x->on;
		advance(p);
		parse_labels(p, &x->label, &x->n_label);
		if (at_word(p, "group_left") || at_word(p, "group_right")) {
			x->group_mod = true;
			x->card = at_word(p, "group_left") ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
			advance(p);
			/* `group_left (a + b)` cannot be told from a list by one token; Prometheus takes a
			 * list. */
			if (p->rc == 0 && p->cur.kind == TOK_LPAREN)
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
		struct token t = p->cur;
		struct node *x = node_new(p, N_BINARY, PROMQL_VECTOR, l->pos);

		if (x == NULL)
			return NULL;
		x->op = op;
		advance(p);
		parse_binary_modifiers(p, x);
		struct node *r = parse_expr(p, op == OP_POW ? precedence(op) : precedence(op) + 1);

		if (r == NULL || !node_push(p, x, l) || !node_push(p, x, r))
			return NULL;
		x->end = p->last_end;
		check_binary(p, x, t.pos);
		l = x;
	}
	p->depth--;
	return p->rc == 0 ? l : NULL;
}

int promql_parse(struct arena *a, struct str text, struct promql_expr **out, struct err *e)
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
	advance(&p);
	x->root = parse_expr(&p, 1);
	if (p.rc == 0 && p.cur.kind != TOK_END)
		unexpected(&p, NULL, NULL);
	if (p.rc != 0)
		return p.rc;
	x->text = p.lex.text;
	*out = x;
	return 0;
}

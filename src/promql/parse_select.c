#include <math.h>

#include "promql/parse_int.h"

/* What is selected: durations, lists of labels, matchers, selectors, and what may follow an operand. */

/* ---- durations ---- */

static struct dur *dur_parse_expr(struct parser *p, int min);

static struct dur *dur_new(struct parser *p, enum dur_kind kind, size_t pos)
{
	struct dur *d = parser_keep(p, arena_alloc(p->a, sizeof *d));

	if (d != NULL) {
		d->kind = kind;
		d->pos = pos;
	}
	return d;
}

/* Words that begin a duration. */
static bool at_dur_word(const struct parser *p)
{
	static const char *const words[] = {"step", "range", "min", "max", "min_of", "max_of"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (parser_at_word(p, words[i]))
			return true;
	return false;
}

static struct dur *dur_call(struct parser *p, size_t pos)
{
	struct dur *d = NULL;

	if (parser_at_word(p, "step") || parser_at_word(p, "range")) {
		d = dur_new(p, parser_at_word(p, "step") ? DUR_STEP : DUR_RANGE, pos);
		parser_advance(p);
		parser_expect(p, TOK_LPAREN, "duration expression", "\"(\"");
	} else if (at_dur_word(p)) {
		d = dur_new(p, (p->cur.text.p[1] | 32) == 'i' ? DUR_MIN : DUR_MAX, pos);
		parser_advance(p);
		parser_expect(p, TOK_LPAREN, "duration expression", "\"(\"");
		if (d != NULL && p->rc == 0) {
			d->l = dur_parse_expr(p, 0);
			parser_expect(p, TOK_COMMA, "duration expression", "\",\"");
			d->r = dur_parse_expr(p, 0);
		}
	} else {
		parser_unexpected(p, "duration expression", NULL);
		return NULL;
	}
	parser_expect(p, TOK_RPAREN, "duration expression", "\")\"");
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
		parser_advance(p);
		break;
	case TOK_OP:
		if (p->cur.op != OP_ADD && p->cur.op != OP_SUB) {
			parser_unexpected(p, "duration expression", NULL);
			break;
		}
		d = dur_new(p, p->cur.op == OP_SUB ? DUR_NEG : DUR_POS, pos);
		parser_advance(p);
		if (d != NULL)
			d->l = dur_parse_expr(p, 3);
		break;
	case TOK_LPAREN:
		parser_advance(p);
		d = dur_parse_expr(p, 0);
		parser_expect(p, TOK_RPAREN, "duration expression", "\")\"");
		if (d != NULL)
			d->paren = true;
		break;
	case TOK_IDENT: d = dur_call(p, pos); break;
	default: parser_unexpected(p, "duration expression", "number, duration, step(), or range()"); break;
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
		parser_advance(p);
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
		parser_advance(p);
	}
	if (p->rc == 0 && p->cur.kind != TOK_NUMBER && p->cur.kind != TOK_DURATION &&
	        p->cur.kind != TOK_LPAREN && !at_dur_word(p))
		parser_unexpected(p, "offset", "number, duration, step(), or range()");
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

bool parse_labels(struct parser *p, struct str **out, int *n)
{
	size_t cap = 0;

	*out = NULL;
	*n = 0;
	if (!parser_expect(p, TOK_LPAREN, "grouping opts", "\"(\""))
		return false;
	while (p->rc == 0 && p->cur.kind != TOK_RPAREN) {
		if ((p->cur.kind != TOK_IDENT && p->cur.kind != TOK_STRING) || parser_at_word(p, "inf") ||
		        parser_at_word(p, "nan") ||
		        (p->cur.kind == TOK_IDENT && !label_name_valid(p->cur.text))) {
			parser_unexpected(p, "grouping opts", "label");
			return false;
		}
		if (p->cur.kind == TOK_STRING && (p->cur.text.n == 0 || !utf8_valid(p->cur.text))) {
			parser_fail(p, p->cur.pos, "invalid label name for grouping: \"" STR_FMT "\"",
			        STR_ARG(p->cur.text));
			return false;
		}
		*out = parser_keep(p, arena_grow(p->a, *out, &cap, (size_t)*n + 1, sizeof **out));
		if (*out == NULL)
			return false;
		(*out)[(*n)++] = p->cur.text;
		parser_advance(p);
		if (p->cur.kind == TOK_COMMA)
			parser_advance(p);
		else if (p->cur.kind != TOK_RPAREN)
			parser_unexpected(p, "grouping opts", "\",\" or \")\"");
	}
	return parser_expect(p, TOK_RPAREN, "grouping opts", "\")\"");
}

static bool add_matcher(struct parser *p, struct node *x, size_t *cap, enum match_op op, struct str name,
        struct str value, size_t pos)
{
	struct err e = ERR_INIT;
	int rc;

	x->m = parser_keep(p, arena_grow(p->a, x->m, cap, (size_t)x->n_m + 1, sizeof *x->m));
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
	if (!parser_expect(p, TOK_LBRACE, NULL, NULL))
		return false;
	while (p->rc == 0 && p->cur.kind != TOK_RBRACE) {
		struct token name = p->cur, op, value;
		enum match_op how;

		if (name.kind != TOK_IDENT && name.kind != TOK_STRING) {
			parser_unexpected(p, "label matching", "identifier or \"}\"");
			return false;
		}
		parser_advance(p);
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
			parser_unexpected(p, "label matching", "label matching operator");
			return false;
		}
		parser_advance(p);
		value = p->cur;
		if (value.kind != TOK_STRING) {
			parser_unexpected(p, "label matching", "string");
			return false;
		}
		if (name.kind == TOK_STRING && (name.text.n == 0 || !utf8_valid(name.text))) {
			parser_fail(p, name.pos, "invalid label name: \"" STR_FMT "\"", STR_ARG(name.text));
			return false;
		}
		parser_advance(p);
		if (!add_matcher(p, x, cap, how, name.text, value.text, name.pos))
			return false;
	next:
		if (p->cur.kind == TOK_COMMA)
			parser_advance(p);
		else if (p->cur.kind != TOK_RBRACE)
			parser_unexpected(p, "label matching", "\",\" or \"}\"");
	}
	return parser_expect(p, TOK_RBRACE, "label matching", NULL);
}

/* matchers_only: the second argument of info(), which names no series by itself. */
struct node *parse_selector(struct parser *p, bool matchers_only)
{
	struct node *x = node_new(p, N_SELECTOR, PROMQL_VECTOR, p->cur.pos);
	size_t cap = 0;
	bool braces;

	if (x == NULL)
		return NULL;
	x->matchers_only = matchers_only;
	x->name_before = p->cur.kind == TOK_IDENT;
	if (x->name_before) {
		struct token t = p->cur;

		x->name = t.text;
		if (!add_matcher(p, x, &cap, MATCH_EQ, STR_LIT(LABEL_NAME), t.text, t.pos))
			return NULL;
		parser_advance(p);
	}
	braces = p->rc == 0 && p->cur.kind == TOK_LBRACE;
	if (braces && !parse_matchers(p, x, &cap))
		return NULL;
	if (p->rc != 0)
		return NULL;
	x->end = p->last_end;
	return x;
}

/* ---- what may follow an operand: [5m], [1h:5m], offset, @, anchored, smoothed ---- */

static struct node *parse_brackets(struct parser *p, struct node *x)
{
	struct dur *range, *step = NULL;
	struct node *sub;
	size_t pos = p->cur.pos;

	parser_advance(p);
	range = dur_parse_expr(p, 0);
	dur_check(p, range, true);
	if (p->rc == 0 && p->cur.kind == TOK_COLON) {
		parser_advance(p);
		if (p->rc == 0 && p->cur.kind != TOK_RBRACKET) {
			step = dur_parse_expr(p, 0);
			dur_check(p, step, true);
		}
		if (!parser_expect(p, TOK_RBRACKET, "subquery selector", "\"]\""))
			return NULL;
		sub = node_new(p, N_SUBQUERY, PROMQL_MATRIX, x->pos);
		if (sub == NULL || !node_push(p, sub, x))
			return NULL;
		sub->range = range;
		sub->step = step;
		return sub;
	}
	if (p->rc != 0 || p->cur.kind != TOK_RBRACKET) {
		parser_unexpected(p, "subquery or range", "\":\" or \"]\"");
		return NULL;
	}
	/* Before what follows is looked at. */
	if (x->kind != N_SELECTOR || x->range != NULL)
		parser_fail(p, pos, "ranges only allowed for vector selectors");
	else if (x->offset != NULL || x->at != AT_NONE)
		parser_fail(p, pos, "no %s modifiers allowed before range", x->offset ? "offset" : "@");
	parser_advance(p);
	if (p->rc != 0)
		return NULL;
	x->range = range;
	x->type = PROMQL_MATRIX;
	x->end = p->last_end;
	return x;
}

static void parse_offset(struct parser *p, struct node *x)
{
	struct dur *d;

	parser_advance(p);
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

	parser_advance(p);
	if (parser_at_word(p, "start") || parser_at_word(p, "end")) {
		kind = parser_at_word(p, "start") ? AT_START : AT_END;
		parser_advance(p);
		parser_expect(p, TOK_LPAREN, "@", "timestamp");
		parser_expect(p, TOK_RPAREN, "@", "timestamp");
	} else {
		if (p->rc == 0 && p->cur.kind == TOK_OP && (p->cur.op == OP_SUB || p->cur.op == OP_ADD)) {
			sign = p->cur.op == OP_SUB ? -1 : 1;
			parser_advance(p);
		}
		if (p->rc != 0)
			return;
		if (parser_at_word(p, "inf") || parser_at_word(p, "nan"))
			v = parser_at_word(p, "inf") ? sign * INFINITY : NAN;
		else if (p->cur.kind == TOK_NUMBER || p->cur.kind == TOK_DURATION)
			v = sign * p->cur.number;
		else
			parser_unexpected(p, "@", "timestamp");
		if (p->rc == 0 && !isfinite(v))
			parser_fail(p, x->pos, "timestamp out of bounds for @ modifier: %s",
			        isnan(v) ? "NaN"
			        : v > 0  ? "+Inf"
			                 : "-Inf");
		else if (p->rc == 0 && !(fabs(v) < 9.2e12))
			parser_fail(p, x->pos, "timestamp out of bounds for @ modifier: %f", v);
		parser_advance(p);
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
	bool anchored = parser_at_word(p, "anchored");
	size_t pos = p->cur.pos;

	parser_advance(p);
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

struct node *parse_suffixes(struct parser *p, struct node *x)
{
	while (p->rc == 0 && x != NULL) {
		if (p->cur.kind == TOK_LBRACKET)
			x = parse_brackets(p, x);
		else if (parser_at_word(p, "offset"))
			parse_offset(p, x);
		else if (p->cur.kind == TOK_AT)
			parse_at(p, x);
		else if (parser_at_word(p, "anchored") || parser_at_word(p, "smoothed"))
			parse_extended(p, x);
		else
			break;
		/* Each subquery is one more level. */
		if (x != NULL && x->depth > DEPTH_MAX)
			parser_fail(p, x->pos, "the expression is nested deeper than %d levels", DEPTH_MAX);
	}
	return p->rc == 0 ? x : NULL;
}

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "promql/parse_int.h"

/* The tree as text again: one line, or broken where lines would be long. */

#define WIDE 100

static void put_labels(struct sb *b, const struct str *name, int n)
{
	sb_putc(b, '(');
	for (int i = 0; i < n; i++) {
		if (i > 0)
			sb_puts(b, ", ");
		if (label_name_valid(name[i]))
			sb_putstr(b, name[i]);
		else
			label_quote(b, name[i]);
	}
	sb_putc(b, ')');
}

static void put_number(struct sb *b, double v)
{
	char text[400];

	format_g(v, text);
	sb_puts(b, text);
}

/* 90061.5 s: 1d1h1m1s500ms. */
static void put_seconds(struct sb *b, double seconds)
{
	static const struct {
		int64_t ms;
		const char *unit;
		bool exact; /* years and weeks only where nothing is left over */
	} units[] = {{INT64_C(31536000000), "y", true}, {604800000, "w", true}, {86400000, "d", false},
	        {3600000, "h", false}, {60000, "m", false}, {1000, "s", false}, {1, "ms", false}};
	int64_t ms = llround(fabs(seconds) * 1000);

	if (ms == 0) {
		sb_puts(b, "0s");
		return;
	}
	if (seconds < 0)
		sb_putc(b, '-');
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		int64_t n = ms / units[i].ms;

		if (n == 0 || (units[i].exact && ms % units[i].ms != 0))
			continue;
		sb_printf(b, "%lld%s", (long long)n, units[i].unit);
		ms -= n * units[i].ms;
	}
}

/* A number alone is seconds and is written as a duration; within an expression it stays a number. */
static void put_dur(struct sb *b, const struct dur *d, bool alone)
{
	if (d->paren)
		sb_putc(b, '(');
	switch (d->kind) {
	case DUR_NUMBER:
	case DUR_TIME:
		if (alone || d->kind == DUR_TIME)
			put_seconds(b, d->seconds);
		else
			put_number(b, d->seconds);
		break;
	case DUR_STEP: sb_puts(b, "step()"); break;
	case DUR_RANGE: sb_puts(b, "range()"); break;
	case DUR_NEG:
	case DUR_POS:
		if (d->kind == DUR_NEG)
			sb_putc(b, '-');
		put_dur(b, d->l, alone);
		break;
	case DUR_MIN:
	case DUR_MAX:
		sb_puts(b, d->kind == DUR_MIN ? "min(" : "max(");
		put_dur(b, d->l, false);
		sb_puts(b, ", ");
		put_dur(b, d->r, false);
		sb_putc(b, ')');
		break;
	case DUR_BINARY:
		put_dur(b, d->l, false);
		sb_printf(b, " %s ", op_text(d->op));
		put_dur(b, d->r, false);
		break;
	}
	if (d->paren)
		sb_putc(b, ')');
}

/* The matcher that the selector's own name stands for. */
static bool is_name(const struct node *x, const struct matcher *m)
{
	return x->name.p != NULL && str_is(m->name, LABEL_NAME) && m->op == MATCH_EQ &&
	       str_eq(m->value, x->name);
}

static void put_matcher(struct sb *b, const struct node *x, const struct matcher *m)
{
	static const char *const ops[] = {"=", "!=", "=~", "!~"};

	if (is_name(x, m)) {
		label_quote(b, m->value);
		return;
	}
	if (label_name_valid(m->name))
		sb_putstr(b, m->name);
	else
		label_quote(b, m->name);
	sb_puts(b, ops[m->op]);
	label_quote(b, m->value);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The matchers in the order of their text. */
static void put_selector(struct sb *b, const struct node *x)
{
	bool plain = x->name.p != NULL && metric_name_valid(x->name);
	char **text = xcalloc((size_t)x->n_m + 1, sizeof *text);
	size_t n = 0;

	for (int i = 0; i < x->n_m; i++) {
		struct sb one = SB_INIT;
		size_t len;

		if (plain && is_name(x, &x->m[i]))
			continue;
		put_matcher(&one, x, &x->m[i]);
		text[n++] = sb_detach(&one, &len);
	}
	if (n > 1)
		qsort(text, n, sizeof *text, by_text);
	if (plain)
		sb_putstr(b, x->name);
	if (n > 0 || !plain)
		sb_putc(b, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			sb_putc(b, ',');
		sb_puts(b, text[i]);
		free(text[i]);
	}
	if (n > 0 || !plain)
		sb_putc(b, '}');
	free(text);
}

/* [5m], anchored, @, offset: what follows the selected. */
static void put_when(struct sb *b, const struct node *x)
{
	if (x->range != NULL) {
		sb_putc(b, '[');
		put_dur(b, x->range, true);
		if (x->kind == N_SUBQUERY) {
			sb_putc(b, ':');
			if (x->step != NULL)
				put_dur(b, x->step, true);
		}
		sb_putc(b, ']');
	}
	if (x->anchored)
		sb_puts(b, " anchored");
	if (x->smoothed)
		sb_puts(b, " smoothed");
	if (x->at == AT_TIME)
		sb_printf(b, " @ %.3f", (double)x->at_time / 1e6);
	else if (x->at != AT_NONE)
		sb_puts(b, x->at == AT_START ? " @ start()" : " @ end()");
	if (x->offset != NULL) {
		sb_puts(b, " offset ");
		put_dur(b, x->offset, true);
	}
}

static void put_aggregate_head(struct sb *b, const struct node *x)
{
	sb_puts(b, aggregate_name(x->agg));
	if (x->group == GROUP_WITHOUT || (x->group == GROUP_BY && x->n_label > 0)) {
		sb_puts(b, x->group == GROUP_BY ? " by " : " without ");
		put_labels(b, x->label, x->n_label);
		sb_putc(b, ' ');
	}
}

static void put_operator(struct sb *b, const struct node *x)
{
	sb_puts(b, op_text(x->op));
	if (x->bool_mod)
		sb_puts(b, " bool");
	if (x->on || (x->ignoring && x->n_label > 0) || x->group_mod) {
		sb_puts(b, x->on ? " on " : " ignoring ");
		put_labels(b, x->label, x->n_label);
	}
	if (x->group_mod) {
		sb_puts(b, x->card == CARD_MANY_TO_ONE ? " group_left " : " group_right ");
		put_labels(b, x->include, x->n_include);
	}
	if (x->fill_l && x->fill_r && double_bits(x->fill_l_value) == double_bits(x->fill_r_value)) {
		sb_puts(b, " fill (");
		put_number(b, x->fill_l_value);
		sb_putc(b, ')');
		return;
	}
	if (x->fill_l) {
		sb_puts(b, " fill_left (");
		put_number(b, x->fill_l_value);
		sb_putc(b, ')');
	}
	if (x->fill_r) {
		sb_puts(b, " fill_right (");
		put_number(b, x->fill_r_value);
		sb_putc(b, ')');
	}
}

static void put_node(struct sb *b, const struct node *x)
{
	switch (x->kind) {
	case N_NUMBER:
		if (x->is_duration)
			put_seconds(b, x->number);
		else
			put_number(b, x->number);
		break;
	case N_STRING: label_quote(b, x->string); break;
	case N_SELECTOR:
		put_selector(b, x);
		put_when(b, x);
		break;
	case N_SUBQUERY:
		put_node(b, x->arg[0]);
		put_when(b, x);
		break;
	case N_PAREN:
		sb_putc(b, '(');
		put_node(b, x->arg[0]);
		sb_putc(b, ')');
		break;
	case N_UNARY:
		sb_puts(b, op_text(x->op));
		put_node(b, x->arg[0]);
		break;
	case N_BINARY:
		/* "+Inf ^ 2" would be read as +(Inf ^ 2). */
		if (x->op == OP_POW && x->arg[0]->kind == N_NUMBER && isinf(x->arg[0]->number))
			sb_puts(b, "Inf");
		else
			put_node(b, x->arg[0]);
		sb_putc(b, ' ');
		put_operator(b, x);
		sb_putc(b, ' ');
		put_node(b, x->arg[1]);
		break;
	case N_CALL:
	case N_AGGREGATE:
		if (x->kind == N_CALL)
			sb_puts(b, x->fn->name);
		else
			put_aggregate_head(b, x);
		sb_putc(b, '(');
		if (x->param != NULL) {
			put_node(b, x->param);
			sb_puts(b, ", ");
		}
		for (int i = 0; i < x->n_arg; i++) {
			if (i > 0)
				sb_puts(b, ", ");
			put_node(b, x->arg[i]);
		}
		sb_putc(b, ')');
		break;
	}
}

void promql_format(const struct promql_expr *x, struct sb *b)
{
	put_node(b, x->root);
}

/* ---- over several lines ---- */

static void indent(struct sb *b, int level)
{
	for (int i = 0; i < level; i++)
		sb_puts(b, "  ");
}

static bool is_wide(const struct node *x)
{
	struct sb b = SB_INIT;
	bool wide;

	put_node(&b, x);
	wide = b.n > WIDE;
	sb_fini(&b);
	return wide;
}

static void pretty(struct sb *b, const struct node *x, int level);

static void pretty_args(struct sb *b, const struct node *x, int level)
{
	sb_puts(b, "(\n");
	if (x->param != NULL) {
		pretty(b, x->param, level + 1);
		sb_puts(b, ",\n");
	}
	for (int i = 0; i < x->n_arg; i++) {
		if (i > 0)
			sb_puts(b, ",\n");
		pretty(b, x->arg[i], level + 1);
	}
	sb_putc(b, '\n');
	indent(b, level);
	sb_putc(b, ')');
}

static void pretty(struct sb *b, const struct node *x, int level)
{
	if (!is_wide(x) || x->kind == N_SELECTOR || x->kind == N_NUMBER || x->kind == N_STRING) {
		indent(b, level);
		put_node(b, x);
		return;
	}
	switch (x->kind) {
	case N_BINARY:
		pretty(b, x->arg[0], level + 1);
		sb_putc(b, '\n');
		indent(b, level);
		put_operator(b, x);
		sb_putc(b, '\n');
		pretty(b, x->arg[1], level + 1);
		break;
	case N_PAREN:
	case N_CALL:
	case N_AGGREGATE:
		indent(b, level);
		if (x->kind == N_CALL)
			sb_puts(b, x->fn->name);
		else if (x->kind == N_AGGREGATE)
			put_aggregate_head(b, x);
		pretty_args(b, x, level);
		break;
	case N_SUBQUERY:
		pretty(b, x->arg[0], level);
		put_when(b, x);
		break;
	case N_UNARY: {
		struct sb inner = SB_INIT;

		pretty(&inner, x->arg[0], level);
		indent(b, level);
		sb_puts(b, op_text(x->op));
		/* The operand's first line begins where the sign stands. */
		sb_puts(b, inner.p + 2 * level);
		sb_fini(&inner);
		break;
	}
	default: wrong("a node that is never broken");
	}
}

void promql_format_pretty(const struct promql_expr *x, struct sb *b)
{
	pretty(b, x->root, 0);
}

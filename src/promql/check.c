#include <math.h>
#include <strings.h>

#include "promql/parse_int.h"

/* The rules of types: what a call, an aggregation and an operator take. And the tree's small questions. */

const char *type_words(enum promql_type t)
{
	static const char *const words[] = {"scalar", "string", "instant vector", "range vector"};

	return words[t];
}

const char *quoted_type(enum promql_type t)
{
	static const char *const words[] = {
	        "\"scalar\"", "\"string\"", "\"instant vector\"", "\"range vector\""};

	return words[t];
}

void check_call(struct parser *p, struct node *x)
{
	const struct function *f = x->fn;
	int least, most;

	if (p->rc != 0)
		return;
	least = f->variadic < 0 ? f->n_arg - 1 : f->n_arg - f->variadic;
	most = f->variadic < 0 ? INT32_MAX : f->n_arg;
	if (x->n_arg < least || x->n_arg > most) {
		if (f->variadic == 0)
			parser_fail(p, x->pos, "expected %d argument(s) in call to \"%s\", got %d", f->n_arg,
			        f->name, x->n_arg);
		else if (x->n_arg < least)
			parser_fail(p, x->pos, "expected at least %d argument(s) in call to \"%s\", got %d",
			        least, f->name, x->n_arg);
		else
			parser_fail(p, x->pos, "expected at most %d argument(s) in call to \"%s\", got %d",
			        most, f->name, x->n_arg);
		return;
	}
	for (int i = 0; i < x->n_arg; i++) {
		enum promql_type want = f->arg[i < f->n_arg ? i : f->n_arg - 1];

		if (x->arg[i]->type != want) {
			parser_fail(p, x->arg[i]->pos, "expected type %s in call to function \"%s\", got %s",
			        type_words(want), f->name, type_words(x->arg[i]->type));
			return;
		}
	}
	if (f->run == fn_info && x->n_arg == 2 && x->arg[1]->kind != N_SELECTOR)
		parser_fail(p, x->arg[1]->pos, "expected label selectors only");
	else if (f->run == fn_info && x->n_arg == 2 && x->arg[1]->name.p != NULL)
		parser_fail(p, x->arg[1]->pos, "expected label selectors only, got vector selector instead");
}

void check_aggregate(struct parser *p, struct node *x)
{
	int want = aggregate_has_param(x->agg) ? 2 : 1;
	enum promql_type param = x->agg == AGG_COUNT_VALUES ? PROMQL_STRING : PROMQL_SCALAR;

	if (p->rc != 0)
		return;
	if (x->n_arg == 0) {
		parser_fail(p, x->pos, "no arguments for aggregate expression provided");
	} else if (x->n_arg != want) {
		parser_fail(p, x->pos,
		        "wrong number of arguments for aggregate expression provided, expected %d, got %d",
		        want, x->n_arg);
	} else if (x->arg[want - 1]->type != PROMQL_VECTOR) {
		parser_fail(p, x->arg[want - 1]->pos,
		        "expected type instant vector in aggregation expression, got %s",
		        type_words(x->arg[want - 1]->type));
	} else if (want == 2 && x->arg[0]->type != param) {
		parser_fail(p, x->arg[0]->pos, "expected type %s in aggregation parameter, got %s",
		        type_words(param), type_words(x->arg[0]->type));
	} else if (want == 2) {
		x->param = x->arg[0];
		x->arg++;
		x->n_arg = 1;
	}
}

void check_binary(struct parser *p, struct node *x, size_t op_pos)
{
	enum promql_type l = x->arg[0]->type, r = x->arg[1]->type;
	bool scalars = l == PROMQL_SCALAR && r == PROMQL_SCALAR;
	bool matching = x->on || x->ignoring || x->group_mod;

	if (p->rc != 0)
		return;
	if ((l != PROMQL_SCALAR && l != PROMQL_VECTOR) || (r != PROMQL_SCALAR && r != PROMQL_VECTOR)) {
		parser_fail(p, (l != PROMQL_SCALAR && l != PROMQL_VECTOR ? x->arg[0] : x->arg[1])->pos,
		        "binary expression must contain only scalar and instant vector types");
		return;
	}
	if (x->bool_mod && !op_is_comparison(x->op))
		parser_fail(p, op_pos, "bool modifier can only be used on comparison operators");
	else if (op_is_comparison(x->op) && !x->bool_mod && scalars)
		parser_fail(p, op_pos, "comparisons between scalars must use BOOL modifier");
	else if (op_is_set(x->op) && (l == PROMQL_SCALAR || r == PROMQL_SCALAR))
		parser_fail(p, x->pos, "set operator \"%s\" not allowed in binary scalar expression",
		        op_text(x->op));
	else if (op_is_set(x->op) && x->group_mod)
		parser_fail(p, x->pos, "no grouping allowed for \"%s\" operation", op_text(x->op));
	else if (op_is_set(x->op) && (x->fill_l || x->fill_r))
		parser_fail(p, x->pos, "filling in missing series not allowed for set operators");
	else if ((l == PROMQL_SCALAR || r == PROMQL_SCALAR) && matching && x->n_label > 0)
		parser_fail(p, x->pos, "vector matching only allowed between instant vectors");
	else if ((l == PROMQL_SCALAR || r == PROMQL_SCALAR) && (x->fill_l || x->fill_r))
		parser_fail(p, x->pos, "filling in missing series only allowed between instant vectors");
	for (int i = 0; x->on && i < x->n_include; i++)
		for (int j = 0; j < x->n_label; j++)
			if (str_eq(x->include[i], x->label[j])) {
				parser_fail(p, op_pos,
				        "label \"" STR_FMT "\" must not occur in ON and GROUP clause at once",
				        STR_ARG(x->include[i]));
				return;
			}
	x->type = scalars ? PROMQL_SCALAR : PROMQL_VECTOR;
}

/* ---- durations ---- */

bool dur_varies(const struct dur *d)
{
	if (d == NULL)
		return false;
	return d->kind == DUR_STEP || d->kind == DUR_RANGE || dur_varies(d->l) || dur_varies(d->r);
}

double dur_compute(const struct dur *d, double step, double range, const char **why)
{
	double l, r;

	switch (d->kind) {
	case DUR_NUMBER:
	case DUR_TIME: return d->seconds;
	case DUR_STEP: return step;
	case DUR_RANGE: return range;
	case DUR_POS: return dur_compute(d->l, step, range, why);
	case DUR_NEG: return -dur_compute(d->l, step, range, why);
	case DUR_MIN: return fmin(dur_compute(d->l, step, range, why), dur_compute(d->r, step, range, why));
	case DUR_MAX: return fmax(dur_compute(d->l, step, range, why), dur_compute(d->r, step, range, why));
	case DUR_BINARY: break;
	}
	l = dur_compute(d->l, step, range, why);
	r = dur_compute(d->r, step, range, why);
	if (r == 0 && (d->op == OP_DIV || d->op == OP_MOD)) {
		*why = d->op == OP_DIV ? "division by zero" : "modulo by zero";
		return 0;
	}
	switch (d->op) {
	case OP_ADD: return l + r;
	case OP_SUB: return l - r;
	case OP_MUL: return l * r;
	case OP_DIV: return l / r;
	case OP_MOD: return fmod(l, r);
	case OP_POW: return pow(l, r);
	default: wrong("an operator of durations");
	}
}

/* ---- questions from outside ---- */

enum promql_type promql_type(const struct promql_expr *x)
{
	return x->root->type;
}

void promql_matchers(const struct promql_expr *x, const struct matcher **m, int *n)
{
	must(x->root->kind == N_SELECTOR);
	*m = x->root->m;
	*n = x->root->n_m;
}

static void add_to(struct arena *a, struct node *x, const struct matcher *m)
{
	if (x->kind == N_SELECTOR) {
		struct matcher *all = arena_array(a, (size_t)x->n_m + 1, sizeof *all);

		/* Without memory the selector must not stay open: it then selects nothing. */
		if (all == NULL) {
			x->n_m = -1;
			return;
		}
		if (x->n_m > 0)
			memcpy(all, x->m, (size_t)x->n_m * sizeof *all);
		all[x->n_m++] = *m;
		x->m = all;
	}
	for (int i = 0; i < x->n_arg; i++)
		add_to(a, x->arg[i], m);
	if (x->param != NULL)
		add_to(a, x->param, m);
}

void promql_add_matcher(struct arena *a, struct promql_expr *x, const struct matcher *m)
{
	struct matcher *all = arena_array(a, (size_t)x->n_scope + 1, sizeof *all);

	if (all == NULL) {
		x->n_scope = -1;
	} else if (x->n_scope >= 0) {
		if (x->n_scope > 0)
			memcpy(all, x->scope, (size_t)x->n_scope * sizeof *all);
		all[x->n_scope++] = *m;
		x->scope = all;
	}
	if (x->n_scope >= 0)
		add_to(a, x->root, m);
}

const struct node *node_bare(const struct node *x)
{
	while (x->kind == N_PAREN)
		x = x->arg[0];
	return x;
}

bool promql_plain_comparison(
        const struct promql_expr *x, const struct matcher **m, int *n, const char **op, double *threshold)
{
	const struct node *b = node_bare(x->root), *l, *r;
	enum op how;

	if (b->kind != N_BINARY || !op_is_comparison(b->op) || b->bool_mod)
		return false;
	l = node_bare(b->arg[0]);
	r = node_bare(b->arg[1]);
	how = b->op;
	if (l->kind == N_NUMBER) {
		const struct node *swap = l;

		l = r;
		r = swap;
		how = how == OP_LT   ? OP_GT
		      : how == OP_GT ? OP_LT
		      : how == OP_LE ? OP_GE
		      : how == OP_GE ? OP_LE
		                     : how;
	}
	if (l->kind != N_SELECTOR || r->kind != N_NUMBER || l->range != NULL || l->offset != NULL ||
	        l->at != AT_NONE || l->anchored || l->smoothed || l->n_m < 0)
		return false;
	*m = l->m;
	*n = l->n_m;
	*op = op_text(how);
	*threshold = r->number;
	return true;
}

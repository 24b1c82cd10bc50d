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

static void check_type(struct parser *p, const struct node *x, enum promql_type want, const char *where)
{
	check_types(p, x);
	if (x->type != want)
		parser_fail(p, x->pos, "expected type %s in %s, got %s", type_words(want), where,
		        type_words(x->type));
}

static void check_call(struct parser *p, const struct node *x)
{
	const struct function *f = x->fn;
	int least = f->variadic < 0 ? f->n_arg - 1 : f->n_arg - f->variadic;
	int most = f->variadic < 0 ? INT32_MAX : f->n_arg;
	char where[80];

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
	if (f->run == fn_info && x->n_arg == 2 && x->arg[1]->kind != N_SELECTOR)
		parser_fail(p, x->arg[1]->pos, "expected label selectors only");
	else if (f->run == fn_info && x->n_arg == 2 && x->arg[1]->name.p != NULL)
		parser_fail(p, x->arg[1]->pos, "expected label selectors only, got vector selector instead");
	snprintf(where, sizeof where, "call to function \"%s\"", f->name);
	for (int i = 0; i < x->n_arg; i++)
		check_type(p, x->arg[i], f->arg[i < f->n_arg ? i : f->n_arg - 1], where);
}

static void check_aggregate(struct parser *p, const struct node *x)
{
	check_type(p, x->arg[0], PROMQL_VECTOR, "aggregation expression");
	if (x->param != NULL)
		check_type(p, x->param, x->agg == AGG_COUNT_VALUES ? PROMQL_STRING : PROMQL_SCALAR,
		        "aggregation parameter");
}

static void check_binary(struct parser *p, const struct node *x)
{
	enum promql_type l = x->arg[0]->type, r = x->arg[1]->type;
	bool vectors = l == PROMQL_VECTOR && r == PROMQL_VECTOR;
	bool scalar = l == PROMQL_SCALAR || r == PROMQL_SCALAR;

	check_types(p, x->arg[0]);
	check_types(p, x->arg[1]);
	if (x->bool_mod && !op_is_comparison(x->op))
		parser_fail(p, x->op_pos, "bool modifier can only be used on comparison operators");
	if (op_is_comparison(x->op) && !x->bool_mod && l == PROMQL_SCALAR && r == PROMQL_SCALAR)
		parser_fail(p, x->op_pos, "comparisons between scalars must use BOOL modifier");
	for (int i = 0; x->on && i < x->n_include; i++)
		for (int j = 0; j < x->n_label; j++)
			if (str_eq(x->include[i], x->label[j]))
				parser_fail(p, x->op_pos,
				        "label \"" STR_FMT "\" must not occur in ON and GROUP clause at once",
				        STR_ARG(x->include[i]));
	for (int i = 0; i < 2; i++)
		if (x->arg[i]->type != PROMQL_SCALAR && x->arg[i]->type != PROMQL_VECTOR)
			parser_fail(p, x->arg[i]->pos,
			        "binary expression must contain only scalar and instant vector types");
	if (!vectors && (x->on || x->ignoring) && x->n_label > 0)
		parser_fail(p, x->pos, "vector matching only allowed between instant vectors");
	if (vectors && op_is_set(x->op) && x->group_mod)
		parser_fail(p, x->pos, "no grouping allowed for \"%s\" operation", op_text(x->op));
	if (scalar && op_is_set(x->op))
		parser_fail(p, x->pos, "set operator \"%s\" not allowed in binary scalar expression",
		        op_text(x->op));
	if ((x->fill_l || x->fill_r) && op_is_set(x->op))
		parser_fail(p, x->pos, "filling in missing series not allowed for set operators");
	if ((x->fill_l || x->fill_r) && scalar)
		parser_fail(p, x->pos, "filling in missing series only allowed between instant vectors");
}

/* A name before the braces allows no matcher of names in them; a quoted one among them, no other by equality.
 */
static void check_selector(struct parser *p, const struct node *x)
{
	const struct matcher *first = NULL;
	bool any = x->matchers_only;

	for (int i = 0; i < x->n_m; i++) {
		const struct matcher *m = &x->m[i];

		any = any || !matcher_matches(m, STR_NULL);
		if (x->name.p == NULL || !str_is(m->name, LABEL_NAME) ||
		        (!x->name_before && m->op != MATCH_EQ))
			continue;
		if (first != NULL)
			parser_fail(p, x->pos,
			        "metric name must not be set twice: \"" STR_FMT "\" or \"" STR_FMT "\"",
			        STR_ARG(first->value), STR_ARG(m->value));
		first = m;
	}
	if (!any)
		parser_fail(p, x->pos, "vector selector must contain at least one non-empty matcher");
}

void check_types(struct parser *p, const struct node *x)
{
	if (p->rc != 0)
		return;
	switch (x->kind) {
	case N_NUMBER:
	case N_STRING: break;
	case N_SELECTOR: check_selector(p, x); break;
	case N_SUBQUERY:
		check_types(p, x->arg[0]);
		if (x->arg[0]->type != PROMQL_VECTOR)
			parser_fail(p, x->arg[0]->pos,
			        "subquery is only allowed on instant vector, got %s instead",
			        x->arg[0]->type == PROMQL_MATRIX ? "matrix" : type_words(x->arg[0]->type));
		break;
	case N_CALL: check_call(p, x); break;
	case N_AGGREGATE: check_aggregate(p, x); break;
	case N_BINARY: check_binary(p, x); break;
	case N_UNARY:
		check_types(p, x->arg[0]);
		if (x->type != PROMQL_SCALAR && x->type != PROMQL_VECTOR)
			parser_fail(p, x->pos,
			        "unary expression only allowed on expressions of type scalar or instant "
			        "vector, got %s",
			        quoted_type(x->type));
		break;
	case N_PAREN: check_types(p, x->arg[0]); break;
	}
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

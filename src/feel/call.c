/*
 * call - functions: made where they are written, and called with arguments by place or by name.
 */
#include "feel/eval_int.h"

typedef struct feel_node node;
typedef struct feel_value value;

#define NULL_VALUE FEEL_NULL_VALUE
#define BUILTIN_PARAMETERS 8 /* more than any row of the table names */

/* Frames live on the stack of the evaluation; a function that outlives it takes them along. */
static const struct feel_frame *keep_frames(struct feel_run *r, const struct feel_frame *f)
{
	struct feel_frame *copy;
	value *v;

	if (!f)
		return NULL;
	copy = arena_alloc(r->arena, sizeof(*copy));
	if (!copy) {
		feel__nomem(r);
		return NULL;
	}
	*copy = *f;
	/* The entries of a context under construction stay where they are: its functions see later ones. */
	if (f->name.p || f->item) {
		v = feel__alloc_items(r, 1);
		if (!v)
			return NULL;
		*v = *f->value;
		copy->value = v;
	}
	copy->up = keep_frames(r, f->up);
	return copy;
}

value feel__eval_function(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	struct feel_function *fn = arena_alloc(r->arena, sizeof(*fn));

	if (!fn) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	fn->kind = x->kind == N_EXTERNAL ? FUNCTION_EXTERNAL : FUNCTION_LAMBDA;
	fn->lambda = x;
	fn->closure = keep_frames(r, f);
	return (value){.type = FEEL_FUNCTION, .function = fn};
}

value feel__builtin_value(struct feel_run *r, const struct feel_builtin *b)
{
	struct feel_function *fn = arena_alloc(r->arena, sizeof(*fn));

	if (!fn) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	fn->kind = FUNCTION_BUILTIN;
	fn->builtin = b;
	return (value){.type = FEEL_FUNCTION, .function = fn};
}

struct feel_value feel_native_value(struct arena *a, const struct feel_native *f)
{
	struct feel_function *fn = arena_alloc(a, sizeof(*fn));

	if (!fn)
		return NULL_VALUE;
	fn->kind = FUNCTION_NATIVE;
	fn->native = *f;
	return (value){.type = FEEL_FUNCTION, .function = fn};
}

int feel_parameters(const struct feel_value *function, const struct str **names)
{
	const struct feel_function *fn = function->function;

	must(function->type == FEEL_FUNCTION);
	switch (fn->kind) {
	case FUNCTION_BUILTIN: return -1;
	case FUNCTION_NATIVE: *names = fn->native.parameter; return fn->native.n;
	case FUNCTION_LAMBDA:
	case FUNCTION_EXTERNAL: break;
	}
	*names = fn->lambda->names;
	return fn->lambda->names_n;
}

/* The arguments as their parameters' types ask; NULL: they are not of them, or past the budget. */
static value *fit_arguments(struct feel_run *r, const node *x, const value *arg)
{
	value *v = feel__alloc_items(r, x->names_n);

	for (int i = 0; v && i < x->names_n; i++) {
		v[i] = feel__conform(r, x->types ? x->types[i] : NULL, &arg[i]);
		if (v[i].type == FEEL_NULL && arg[i].type != FEEL_NULL)
			return NULL;
	}
	return v;
}

static value call_lambda(struct feel_run *r, const struct feel_function *fn, const value *arg)
{
	const node *x = fn->lambda;
	const struct feel_frame *up = fn->closure;
	struct feel_frame *frame;
	value *v = fit_arguments(r, x, arg);

	if (!v)
		return NULL_VALUE;
	frame = arena_array(r->arena, (size_t)x->names_n, sizeof(*frame));
	if (!frame) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	for (int i = 0; i < x->names_n; i++) {
		frame[i] = (struct feel_frame){.up = up, .name = x->names[i], .value = &v[i]};
		up = &frame[i];
	}
	return feel__eval(r, x->kid[0], up);
}

static value call_external(struct feel_run *r, const struct feel_function *fn, const value *arg)
{
	const node *x = fn->lambda;
	value mapping = feel__eval(r, x->kid[0], fn->closure), *v = fit_arguments(r, x, arg);

	return v ? feel_external(r, &mapping, v, x->names_n) : NULL_VALUE;
}

static const struct feel_builtin *builtin_for(const struct feel_builtin *b, int n)
{
	const struct feel_builtin *row;
	struct str name = str_of(b->name);

	for (int i = 0; (row = feel__builtin(name, i)); i++)
		if (n >= row->least && (row->most < 0 || n <= row->most))
			return row;
	return NULL;
}

struct feel_value feel__invoke(struct feel_run *r, const value *function, const value *arg, int n)
{
	const struct feel_function *fn;
	value out = NULL_VALUE;

	if (function->type != FEEL_FUNCTION)
		return feel__fail(r, "a %s cannot be called", feel__type_name(function->type));
	fn = function->function;
	if (!step(r) || !deeper(r))
		return NULL_VALUE;
	switch (fn->kind) {
	case FUNCTION_BUILTIN: {
		const struct feel_builtin *b = builtin_for(fn->builtin, n);

		if (b)
			out = b->call(r, arg, n);
		else
			out = feel__fail(r, "%s does not take %d arguments", fn->builtin->name, n);
		break;
	}
	case FUNCTION_LAMBDA:
	case FUNCTION_EXTERNAL:
		if (n == fn->lambda->names_n)
			out = fn->kind == FUNCTION_LAMBDA ? call_lambda(r, fn, arg)
			                                  : call_external(r, fn, arg);
		else
			out = feel__fail(
			        r, "the function takes %d arguments, not %d", fn->lambda->names_n, n);
		break;
	case FUNCTION_NATIVE:
		if (n != fn->native.n) {
			out = feel__fail(r, "the function takes %d arguments, not %d", fn->native.n, n);
		} else {
			int rc = fn->native.call(fn->native.arg, r, arg, &out, r->rc < 0 ? NULL : &r->err);

			if (rc < 0 && r->rc == 0)
				r->rc = rc;
		}
		break;
	}
	r->depth--;
	return r->rc < 0 ? NULL_VALUE : out;
}

/* The place of a parameter in "a,b,c", -1 if it is none. */
static int parameter_index(const char *parameters, struct str name)
{
	struct str rest = str_of(parameters);

	for (int i = 0; i < BUILTIN_PARAMETERS && rest.p && rest.n; i++)
		if (str_eq(str_cut(&rest, ','), name))
			return i;
	return -1;
}

/* What is given to a parameter; -1 if the name is none, or was given before. */
static int claim(bool *taken, int at)
{
	if (at < 0 || taken[at])
		return -1;
	taken[at] = true;
	return at;
}

/* The arguments as a row of a built-in function takes them: their number, -1 if they do not fit. */
static int place_in_row(const struct feel_builtin *row, bool in_order, const struct str *names,
        const value *given, int n, value *arg)
{
	bool taken[BUILTIN_PARAMETERS] = {false};
	int most = -1;

	for (int k = 0; k < BUILTIN_PARAMETERS; k++)
		arg[k] = NULL_VALUE;
	for (int k = 0; k < n; k++) {
		int at = claim(taken, parameter_index(row->parameters, names[k]));

		if (at < 0 || (in_order && at <= most))
			return -1;
		arg[at] = given[k];
		if (at > most)
			most = at;
	}
	return most + 1 > row->least ? most + 1 : row->least;
}

static value call_builtin_named(
        struct feel_run *r, struct str name, const struct str *names, const value *given, int n)
{
	const struct feel_builtin *row;
	value arg[BUILTIN_PARAMETERS];

	/* before(point, range) and before(range, point) have the same names: the order tells */
	for (int in_order = 1; in_order >= 0; in_order--)
		for (int i = 0; (row = feel__builtin(name, i)); i++) {
			int placed = place_in_row(row, in_order, names, given, n, arg);

			if (placed >= 0)
				return step(r) ? row->call(r, arg, placed) : NULL_VALUE;
		}
	return feel__fail(r, STR_FMT " has no such parameters", STR_ARG(name));
}

/* A parameter that is not named is null. */
struct feel_value feel__invoke_named(
        struct feel_run *r, const value *function, const struct str *names, const value *given, int n)
{
	const struct str *parameter = NULL;
	value *arg;
	bool *taken;
	int want;

	if (function->type != FEEL_FUNCTION)
		return feel__fail(r, "a %s cannot be called", feel__type_name(function->type));
	want = feel_parameters(function, &parameter);
	if (want < 0)
		return call_builtin_named(r, str_of(function->function->builtin->name), names, given, n);
	arg = feel__alloc_items(r, want);
	taken = arena_array(r->arena, (size_t)want, sizeof(*taken));
	if (!arg || !taken) {
		feel__nomem(r);
		return NULL_VALUE;
	}
	for (int k = 0; k < n; k++) {
		int at = 0;

		while (at < want && !str_eq(parameter[at], names[k]))
			at++;
		if (claim(taken, at < want ? at : -1) < 0)
			return feel__fail(r,
			        "the function has no parameter \"" STR_FMT "\", or it is given twice",
			        STR_ARG(names[k]));
		arg[at] = given[k];
	}
	return feel__invoke(r, function, arg, want);
}

value feel__eval_call(struct feel_run *r, const node *x, const struct feel_frame *f)
{
	const node *callee = x->kid[0];
	int n = x->n - 1;
	value few[4] = {{0}}, *arg = few, function = NULL_VALUE;
	const value *variable = NULL;
	const struct feel_builtin *b = NULL;

	if (n > 4 && !(arg = feel__alloc_items(r, n)))
		return NULL_VALUE;
	if (callee->kind == N_NAME) {
		variable = feel__lookup(f, callee->name);
		/* an input called "date" hides no function: it cannot be called */
		if (!variable || variable->type != FEEL_FUNCTION)
			b = feel__builtin(callee->name, 0);
		if (b)
			variable = NULL;
	}
	for (int i = 0; i < n; i++)
		arg[i] = feel__eval(r, x->kid[i + 1], f);
	if (r->rc < 0)
		return NULL_VALUE;
	if (b && x->kind == N_CALL) { /* without making a value of it */
		const struct feel_builtin *row = builtin_for(b, n);

		if (!row)
			return feel__fail(
			        r, "%d:%d: %s does not take %d arguments", x->line, x->column, b->name, n);
		return row->call(r, arg, n);
	}
	function = variable ? *variable : feel__eval(r, callee, f);
	if (function.type != FEEL_FUNCTION)
		return feel__fail(r, "%d:%d: a %s cannot be called", x->line, x->column,
		        feel__type_name(function.type));
	if (x->kind == N_CALL_NAMED)
		return feel__invoke_named(r, &function, x->names, arg, n);
	return feel__invoke(r, &function, arg, n);
}

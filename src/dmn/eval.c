/*
 * eval - requirements and boxed expressions. An element is evaluated at most once; it sees what it requires,
 * and what comes by way of an import lies in a context by the import's name.
 */
#include "dmn/dmn_int.h"

/* Requirements upon requirements; beyond, the C stack would be the limit. */
#define CHAIN_MAX 500
#define DOMAIN_MAX 10000000

static int eval_box(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e);
static int eval_drg(struct dmn__run *r, const struct drg *d, const struct feel_scope *given, struct err *e);

static int nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "the decision needs more memory than it may have");
}

static void coerce(struct dmn__run *r, struct str type, struct feel_value *v, const struct feel_scope *s,
        const char *what, struct str whose)
{
	if (type.n == 0 || v->type == FEEL_NULL || dmn__conform(r->m, type, v, s, r->a))
		return;
	feel_note(r->run, "%s" STR_FMT " is not of type " STR_FMT ", so it is null", what, STR_ARG(whose),
	        STR_ARG(type));
	*v = FEEL_NULL_VALUE;
}

static void conform_input(
        struct dmn__run *r, const struct drg *d, struct feel_value *v, const struct feel_scope *s)
{
	if (d->type.n == 0 || v->type == FEEL_NULL || dmn__conform_input(r->m, d->type, v, s, r->a))
		return;
	feel_note(r->run, "the input " STR_FMT " is not of type " STR_FMT ", so it is null", STR_ARG(d->name),
	        STR_ARG(d->type));
	*v = FEEL_NULL_VALUE;
}

/* An argument that is not of its parameter's type makes the whole call null (Table 63): false. */
static bool fits(struct dmn__run *r, struct str type, struct feel_value *v, const struct feel_scope *s,
        struct str name)
{
	if (type.n == 0 || v->type == FEEL_NULL || dmn__conform(r->m, type, v, s, r->a))
		return true;
	feel_note(r->run, "the argument " STR_FMT " is not of type " STR_FMT ", so the call is null",
	        STR_ARG(name), STR_ARG(type));
	return false;
}

/*
 * A scope inside of s with an empty context for its names. Functions made inside remember the scope, so
 * both live in the arena.
 */
static struct feel_scope *inner_scope(
        struct dmn__run *r, const struct feel_scope *s, struct feel_value **context)
{
	struct feel_scope *inner = arena_memdup(r->a, s, sizeof(*s));
	struct feel_value *c = arena_alloc(r->a, sizeof(*c));

	if (inner == NULL || c == NULL)
		return NULL;
	*c = (struct feel_value){.type = FEEL_CONTEXT};
	inner->context = c;
	inner->up = s;
	*context = c;
	return inner;
}

/* ---- functions ---- */

struct closure { /* what a function value remembers */
	struct dmn__run *r;
	const struct box *box;
	const struct drg *service;
	const struct feel_scope *scope;
};

static int call(
        void *arg, struct feel_run *run, const struct feel_value *args, struct feel_value *out, struct err *e)
{
	const struct closure *c = arg;
	const struct box *b = c->box;
	struct feel_value *context, *v;
	struct feel_scope *s;
	int rc = feel_run_enter(run, e);

	if (rc < 0)
		return rc;
	*out = FEEL_NULL_VALUE;
	s = inner_scope(c->r, c->scope, &context);
	v = arena_array(c->r->a, (size_t)b->entries, sizeof(*v));
	if (s == NULL || v == NULL) {
		rc = nomem(e);
		goto out;
	}
	for (int i = 0; i < b->entries; i++) {
		v[i] = args[i];
		if (!fits(c->r, b->entry[i].type, &v[i], c->scope, b->entry[i].name))
			goto out;
		feel_put(c->r->a, context, b->entry[i].name, v[i]);
	}
	rc = eval_box(c->r, b->result, s, out, e);
	if (rc == 0 && b->external)
		*out = feel_external(run, out, v, b->entries);
	if (rc == 0 && b->type.n > 0 && out->type != FEEL_NULL &&
	        !dmn__conform_result(c->r->m, b->type, out, s, c->r->a)) {
		feel_note(run, "the result of a function is not of type " STR_FMT ", so it is null",
		        STR_ARG(b->type));
		*out = FEEL_NULL_VALUE;
	}
out:
	feel_run_leave(run);
	return rc;
}

static int function_value(struct dmn__run *r, struct closure c, int n, struct str *parameter,
        struct feel_value *out, struct err *e,
        int (*f)(void *, struct feel_run *, const struct feel_value *, struct feel_value *, struct err *))
{
	struct closure *kept = arena_memdup(r->a, &c, sizeof(c));
	struct dmn__run *run = arena_memdup(r->a, r, sizeof(*r));
	struct feel_native native;

	if (kept == NULL || run == NULL || parameter == NULL)
		return nomem(e);
	kept->r = run;
	native = (struct feel_native){.call = f, .arg = kept, .parameter = parameter, .n = n};
	*out = feel_native_value(r->a, &native);
	return 0;
}

static int make_function(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct str *parameter = arena_array(r->a, (size_t)b->entries, sizeof(*parameter));

	for (int i = 0; parameter != NULL && i < b->entries; i++)
		parameter[i] = b->entry[i].name;
	return function_value(r, (struct closure){.box = b, .scope = s}, b->entries, parameter, out, e, call);
}

/* ---- decision services ---- */

/* Evaluates the outputs of a service whose parameters have the given values. */
static int eval_service(struct dmn__run *r, const struct drg *d, const struct feel_value *args,
        const struct feel_scope *given, struct feel_value *out, struct err *e)
{
	struct dmn__run inner = *r;
	size_t n = r->top->places;
	int rc = 0;

	inner.done = arena_array(r->a, n, sizeof(*inner.done));
	inner.is_done = arena_array(r->a, n, sizeof(*inner.is_done));
	if (inner.done == NULL || inner.is_done == NULL)
		return nomem(e);
	for (int i = 0; i < d->parameters; i++) {
		const struct drg *parameter = d->parameter[i];

		inner.m = parameter->model;
		inner.done[parameter->place] = args[i];
		inner.is_done[parameter->place] = true;
		if (!fits(&inner, parameter->type, &inner.done[parameter->place], given, parameter->name)) {
			*out = FEEL_NULL_VALUE;
			return 0;
		}
	}
	for (int i = 0; i < d->outputs && rc == 0; i++)
		rc = eval_drg(&inner, d->output[i], given, e);
	if (rc < 0)
		return rc;
	if (d->outputs == 1) {
		*out = inner.done[d->output[0]->place];
	} else {
		*out = (struct feel_value){.type = FEEL_CONTEXT};
		for (int i = 0; i < d->outputs; i++)
			feel_put(r->a, out, d->output[i]->name, inner.done[d->output[i]->place]);
	}
	if (d->type.n > 0 && out->type != FEEL_NULL &&
	        !dmn__conform_result(d->model, d->type, out, given, r->a)) {
		feel_note(r->run, "the result of " STR_FMT " is not of type " STR_FMT ", so it is null",
		        STR_ARG(d->name), STR_ARG(d->type));
		*out = FEEL_NULL_VALUE;
	}
	return 0;
}

static int call_service(
        void *arg, struct feel_run *run, const struct feel_value *args, struct feel_value *out, struct err *e)
{
	const struct closure *c = arg;
	int rc = feel_run_enter(run, e);

	if (rc < 0)
		return rc;
	rc = eval_service(c->r, c->service, args, c->scope, out, e);
	feel_run_leave(run);
	return rc;
}

static int make_service(struct dmn__run *r, const struct drg *d, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct str *parameter = arena_array(r->a, (size_t)d->parameters, sizeof(*parameter));

	for (int i = 0; parameter != NULL && i < d->parameters; i++)
		parameter[i] = d->parameter[i]->name;
	return function_value(r, (struct closure){.service = d, .scope = s}, d->parameters, parameter, out, e,
	        call_service);
}

/* ---- boxes ---- */

static int eval_context(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value *context;
	/* entries see those before them; functions among them see all */
	struct feel_scope *inner = inner_scope(r, s, &context);
	int rc = 0;

	if (inner == NULL)
		return nomem(e);
	for (int i = 0; i < b->entries && rc == 0; i++) {
		struct feel_value v = FEEL_NULL_VALUE;

		rc = eval_box(r, b->entry[i].box, b->kind == BOX_ROW ? s : inner, &v, e);
		if (rc == 0) {
			coerce(r, b->entry[i].type, &v, s, "the entry ", b->entry[i].name);
			feel_put(r->a, context, b->entry[i].name, v);
		}
	}
	if (rc < 0)
		return rc;
	*out = *context;
	return b->result != NULL ? eval_box(r, b->result, inner, out, e) : 0;
}

static int eval_list(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value *item = arena_array(r->a, (size_t)b->entries, sizeof(*item));
	int rc = 0;

	if (item == NULL)
		return nomem(e);
	for (int i = 0; i < b->entries && rc == 0; i++)
		rc = eval_box(r, b->entry[i].box, s, &item[i], e);
	*out = (struct feel_value){.type = FEEL_LIST, .list = {item, b->entries}};
	return rc;
}

/* Bindings are by name, as those of a call that names its parameters. */
static int eval_invocation(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value function = FEEL_NULL_VALUE, *arg;
	struct str *names = arena_array(r->a, (size_t)b->entries, sizeof(*names));
	int rc = eval_box(r, b->result, s, &function, e);

	arg = arena_array(r->a, (size_t)b->entries, sizeof(*arg));
	if (names == NULL || arg == NULL)
		return nomem(e);
	for (int i = 0; i < b->entries && rc == 0; i++) {
		names[i] = b->entry[i].name;
		if (b->entry[i].box != NULL)
			rc = eval_box(r, b->entry[i].box, s, &arg[i], e);
	}
	if (rc < 0)
		return rc;
	*out = FEEL_NULL_VALUE;
	if (function.type != FEEL_FUNCTION) {
		feel_note(r->run, "the invocation on line %d names no function", b->line);
		return 0;
	}
	return feel_call(&function, s, names, arg, b->entries, r->a, out, r->notes, e);
}

static int eval_if(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value condition;
	int rc = eval_box(r, b->entry[0].box, s, &condition, e);

	if (rc < 0)
		return rc;
	return eval_box(r, b->entry[condition.type == FEEL_BOOL && condition.boolean ? 1 : 2].box, s, out, e);
}

/* The whole numbers or dates of a range, from its begin to its end, whichever is higher. 0 for null. */
static int elements_of(
        struct dmn__run *r, const struct feel_range *range, struct feel_list *out, struct err *e)
{
	int64_t low, high, way;
	bool dates;

	if (range->low == NULL || range->high == NULL)
		return 0;
	dates = range->low->type == FEEL_DATE && range->high->type == FEEL_DATE;
	if (dates) {
		low = range->low->moment.days;
		high = range->high->moment.days;
	} else if (range->low->type != FEEL_NUMBER || range->high->type != FEEL_NUMBER ||
	           !feel_number_to_int(range->low->number, &low) ||
	           !feel_number_to_int(range->high->number, &high)) {
		return 0;
	}
	way = low <= high ? 1 : -1;
	if ((way > 0 ? (uint64_t)high - (uint64_t)low : (uint64_t)low - (uint64_t)high) > DOMAIN_MAX)
		return err_set(e, ERR_UNPROCESSED, "an iteration over more than %d values", DOMAIN_MAX);
	out->item = arena_array(r->a, (size_t)((high - low) * way) + 1, sizeof(*out->item));
	if (out->item == NULL)
		return nomem(e);
	out->n = 0;
	for (int64_t i = low;; i += way) {
		if ((i != low || range->low_in) && (i != high || range->high_in))
			out->item[out->n++] =
			        dates ? (struct feel_value){.type = FEEL_DATE, .moment = {.days = i}}
			              : feel_int(i);
		if (i == high)
			break;
	}
	return 1;
}

/* What an iteration goes over: a list, a range, or one value. 0 for null. */
static int domain_of(struct dmn__run *r, struct feel_value *v, struct feel_list *out, struct err *e)
{
	switch (v->type) {
	case FEEL_NULL: return 0;
	case FEEL_LIST: *out = v->list; return 1;
	case FEEL_RANGE: return elements_of(r, &v->range, out, e);
	default: *out = (struct feel_list){v, 1}; return 1;
	}
}

/* A filter that is a number takes one element: from the begin, or, negative, from the end. */
static int element(struct dmn__run *r, const struct box *b, const struct feel_list *list,
        const struct feel_value *index, struct feel_value *out)
{
	int64_t i;

	if (feel_number_to_int(index->number, &i) && i != 0 && i <= list->n && i >= -(int64_t)list->n)
		*out = list->item[i > 0 ? i - 1 : list->n + i];
	else
		feel_note(r->run, "line %d: the list has no such element", b->line);
	return 0;
}

/* for, some, every, filter */
static int eval_iteration(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value in, v = FEEL_NULL_VALUE, *context, *item;
	struct feel_list domain = {NULL, 0};
	int rc = eval_box(r, b->entry[0].box, s, &in, e), kept = 0;
	bool unsure = false;

	*out = FEEL_NULL_VALUE;
	if (rc == 0)
		rc = domain_of(r, &in, &domain, e);
	if (rc <= 0)
		return rc;
	item = arena_array(r->a, (size_t)domain.n, sizeof(*item));
	if (item == NULL)
		return nomem(e);
	for (int i = 0; i < domain.n; i++) {
		struct feel_scope *inner = inner_scope(r, s, &context);

		if (inner == NULL)
			return nomem(e);
		feel_put(r->a, context, b->entry[0].name, domain.item[i]);
		if (b->kind == BOX_FOR)
			feel_put(r->a, context, STR_LIT("partial"),
			        (struct feel_value){.type = FEEL_LIST, .list = {item, kept}});
		if (b->kind == BOX_FILTER && domain.item[i].type == FEEL_CONTEXT) {
			inner = inner_scope(r, inner, &context);
			if (inner == NULL)
				return nomem(e);
			inner->context = &domain.item[i]; /* an element's entries are names of their own */
		}
		rc = feel_run_enter(r->run, e);
		if (rc == 0) {
			rc = eval_box(r, b->entry[1].box, inner, &v, e);
			feel_run_leave(r->run);
		}
		if (rc < 0)
			return rc;
		if (b->kind == BOX_FILTER && v.type == FEEL_NUMBER)
			return element(r, b, &domain, &v, out);
		if (b->kind == BOX_FILTER && v.type != FEEL_BOOL && v.type != FEEL_NULL) {
			feel_note(r->run, "line %d: a filter is a condition or an index", b->line);
			return 0;
		}
		if (b->kind == BOX_FOR) {
			item[kept++] = v;
		} else if (v.type != FEEL_BOOL) {
			unsure = true;
		} else if (b->kind == BOX_FILTER) {
			if (v.boolean)
				item[kept++] = domain.item[i];
		} else if (v.boolean == (b->kind == BOX_SOME)) {
			*out = feel_bool(v.boolean);
			return 0;
		}
	}
	if (b->kind == BOX_FOR || b->kind == BOX_FILTER)
		*out = (struct feel_value){.type = FEEL_LIST, .list = {item, kept}};
	else if (!unsure)
		*out = feel_bool(b->kind == BOX_EVERY);
	return 0;
}

static int eval_box(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	int rc = 0;

	*out = FEEL_NULL_VALUE;
	switch (b->kind) {
	case BOX_NONE: break;
	case BOX_LITERAL: rc = feel_eval(b->expr, s, r->a, out, r->notes, e); break;
	case BOX_TABLE: rc = dmn__table(r, b, s, out, e); break;
	case BOX_INVOCATION: rc = eval_invocation(r, b, s, out, e); break;
	case BOX_ROW:
	case BOX_CONTEXT: rc = eval_context(r, b, s, out, e); break;
	case BOX_RELATION:
	case BOX_LIST: rc = eval_list(r, b, s, out, e); break;
	case BOX_FUNCTION: return make_function(r, b, s, out, e);
	case BOX_IF: rc = eval_if(r, b, s, out, e); break;
	case BOX_FOR:
	case BOX_SOME:
	case BOX_EVERY:
	case BOX_FILTER: rc = eval_iteration(r, b, s, out, e); break;
	case BOX_BROKEN: feel_note(r->run, "line %d: %s", b->line, b->why); break;
	}
	if (rc == 0)
		coerce(r, b->type, out, s, "the result of an expression", STR_LIT(""));
	return rc;
}

/* ---- the graph ---- */

static const struct feel_value *entry(const struct feel_value *context, struct str name)
{
	if (context == NULL || context->type != FEEL_CONTEXT)
		return NULL;
	for (int i = 0; i < context->context.n; i++)
		if (context->context.entry[i].key.n == name.n && str_eq(context->context.entry[i].key, name))
			return context->context.entry[i].value;
	return NULL;
}

static const struct feel_value *input(const struct feel_scope *given, struct str name)
{
	const struct feel_value *v = NULL;

	for (const struct feel_scope *s = given; s != NULL && v == NULL; s = s->up)
		v = entry(s->context, name);
	return v;
}

/* In the contexts of the imports that lead to the model, outermost first. */
static const struct feel_value *input_in(
        const struct feel_scope *given, const struct dmn_model *m, struct str name)
{
	const struct feel_value *context;

	while (m != NULL && m->path.n == 0)
		m = m->up;
	if (m == NULL)
		return input(given, name);
	context = input_in(given, m->up, m->path);
	return entry(context, name);
}

/* An input of this very model: by the contexts of its imports, or by a name with points. */
static const struct feel_value *input_of(
        struct dmn__run *r, const struct feel_scope *given, const struct dmn_model *m, struct str name)
{
	const struct feel_value *v = input_in(given, m, name);
	struct str path = name;

	for (const struct dmn_model *x = m; v == NULL && x != NULL; x = x->up) {
		const char *longer;

		if (x->path.n == 0)
			continue;
		longer = arena_printf(r->a, STR_FMT "." STR_FMT, STR_ARG(x->path), STR_ARG(path));
		if (longer == NULL)
			return NULL;
		path = str_of(longer);
		v = input(given, path);
	}
	return v;
}

/* By whatever way the model was imported, it is the same input. */
static const struct feel_value *find_input(
        struct dmn__run *r, const struct feel_scope *given, const struct drg *d)
{
	const struct feel_value *v = input_of(r, given, d->model, d->name);

	for (int i = 0; d->model->up != NULL && v == NULL && i < r->top->alls; i++)
		if (strcmp(r->top->all[i]->file, d->model->file) == 0)
			v = input_of(r, given, r->top->all[i], d->name);
	return v;
}

/* Makes what an element requires known to it; what is imported, in a context by the import's name. */
static void make_known(struct dmn__run *r, const struct drg *d, int i, struct feel_value *context)
{
	const struct feel_value *old, *v = &r->done[d->need[i]->place];
	struct feel_value inner = {.type = FEEL_CONTEXT};

	if (d->need_import[i].n == 0) {
		feel_put(r->a, context, d->need[i]->name, *v);
		return;
	}
	old = entry(context, d->need_import[i]);
	if (old != NULL)
		inner = *old;
	feel_put(r->a, &inner, d->need[i]->name, *v);
	feel_put(r->a, context, d->need_import[i], inner);
}

static int eval_needs(struct dmn__run *r, const struct drg *d, const struct feel_scope *given, struct err *e)
{
	struct feel_value *context, *out = &r->done[d->place];
	struct feel_scope *s = inner_scope(r, given, &context);
	const struct dmn_model *outer_model = r->m;
	const char *outer = r->decision;
	int rc = 0;

	if (s == NULL)
		return nomem(e);
	s->up = NULL; /* a decision sees what it requires, nothing else */
	s->run = r->run;
	s->instance_of = dmn__instance_of;
	s->types = d->model;
	for (int i = 0; i < d->needs && rc == 0; i++) {
		rc = eval_drg(r, d->need[i], given, e);
		if (rc == 0)
			make_known(r, d, i, context);
	}
	if (rc < 0)
		return rc;
	r->decision = d->id;
	r->m = d->model;
	rc = eval_box(r, d->box, s, out, e);
	if (rc == 0 && d->kind == DRG_BKM)
		feel_put(r->a, context, d->name, *out); /* it may call itself */
	if (rc == 0 && d->kind == DRG_DECISION)
		coerce(r, d->type, out, s, "the result of ", d->name);
	r->decision = outer;
	r->m = outer_model;
	return rc;
}

static int eval_drg(struct dmn__run *r, const struct drg *d, const struct feel_scope *given, struct err *e)
{
	struct feel_value *out = &r->done[d->place];
	const struct dmn_model *outer = r->m;
	const struct feel_value *v;
	int rc;

	if (r->is_done[d->place])
		return 0;
	r->is_done[d->place] = true;
	*out = FEEL_NULL_VALUE;
	switch (d->kind) {
	case DRG_INPUT:
		v = find_input(r, given, d);
		if (v != NULL)
			*out = *v;
		r->m = d->model;
		conform_input(r, d, out, given);
		r->m = outer;
		return 0;
	case DRG_SERVICE: return make_service(r, d, given, out, e);
	case DRG_DECISION:
	case DRG_BKM: break;
	}
	if (r->depth >= CHAIN_MAX)
		return err_set(
		        e, ERR_UNPROCESSED, "more than %d decisions require each other in a row", CHAIN_MAX);
	r->depth++;
	rc = eval_needs(r, d, given, e);
	r->depth--;
	return rc;
}

static const struct drg *find(const struct dmn_model *m, const char *name)
{
	static const enum drg_kind order[] = {DRG_DECISION, DRG_SERVICE, DRG_BKM};

	for (size_t k = 0; k < ARRAY_LEN(order); k++)
		for (int i = 0; i < m->drgs; i++)
			if (m->drg[i].kind == order[k] &&
			        (strcmp(m->drg[i].id, name) == 0 || strcmp(m->drg[i].label, name) == 0))
				return &m->drg[i];
	for (int i = 0; i < m->imports; i++) {
		struct str path = m->import[i].name;
		const struct drg *d;

		if (path.n > 0 && (strncmp(name, path.p, path.n) != 0 || name[path.n] != '.'))
			continue;
		d = find(m->import[i].model, name + (path.n > 0 ? path.n + 1 : 0));
		if (d != NULL)
			return d;
	}
	return NULL;
}

/* Calls a service or a business knowledge model with what the context has under its parameters' names. */
static int call_by_names(struct dmn__run *r, const struct drg *d, const struct feel_scope *given,
        struct feel_value *v, struct err *e)
{
	struct feel_value function = *v, *arg;
	const struct str *names = NULL;
	int n = feel_parameters(&function, &names);

	must(n >= 0); /* ours: native */
	arg = arena_array(r->a, (size_t)n, sizeof(*arg));
	if (arg == NULL)
		return nomem(e);
	for (int i = 0; i < n; i++) {
		const struct feel_value *found = input(given, names[i]);

		if (found != NULL)
			arg[i] = *found;
		/* They come from outside; whether they fit at all, the call decides. */
		if (d->kind == DRG_SERVICE && d->parameter[i]->type.n > 0)
			(void)dmn__conform_input(
			        d->parameter[i]->model, d->parameter[i]->type, &arg[i], given, r->a);
	}
	return feel_call(&function, given, NULL, arg, n, r->a, v, r->notes, e);
}

static void free_notes(void *notes)
{
	sb_fini(notes);
}

int dmn_evaluate(const struct dmn_model *m, const char *decision, const struct feel_scope *scope,
        struct arena *a, struct dmn_result *out, struct err *e)
{
	struct sb *notes = arena_alloc(a, sizeof(*notes));
	struct dmn__run *r = arena_alloc(a, sizeof(*r));
	const struct drg *d = find(m, decision);
	struct feel_scope *given = arena_memdup(a, scope, sizeof(*scope));
	struct feel_value v;
	int rc;

	*out = (struct dmn_result){.value = FEEL_NULL_VALUE, .notes = STR_LIT("")};
	if (d == NULL)
		return err_set(e, ERR_NOTFOUND, "%s has no decision \"%s\"", m->file, decision);
	if (r == NULL || given == NULL || notes == NULL)
		return nomem(e);
	/* A function among the results remembers the run, so all of it lives as long as they do. */
	arena_cleanup(a, free_notes, notes);
	*r = (struct dmn__run){.top = m, .m = m, .a = a, .notes = notes, .result = out, .decision = ""};
	r->run = feel_run_new(scope, a, notes);
	r->done = arena_array(a, m->places, sizeof(*r->done));
	r->is_done = arena_array(a, m->places, sizeof(*r->is_done));
	if (r->run == NULL || r->done == NULL || r->is_done == NULL)
		return nomem(e);
	given->run = r->run;
	rc = eval_drg(r, d, given, e);
	v = r->done[d->place];
	if (rc == 0 && d->kind != DRG_DECISION)
		rc = call_by_names(r, d, given, &v, e);
	if (rc == 0 && arena_failed(a))
		rc = nomem(e);
	if (rc == 0) {
		out->value = v;
		if (notes->n > 0)
			out->notes = sb_str(notes);
	}
	return rc;
}

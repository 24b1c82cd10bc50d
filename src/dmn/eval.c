#include "dmn/dmn_int.h"

static int eval_box(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e);

static int nomem(struct err *e)
{
	return err_set(e, ERR_NOMEM, "the decision needs more memory than it may have");
}

static struct feel_value empty_context(void)
{
	return (struct feel_value){.type = FEEL_CONTEXT};
}

static void coerce(struct dmn__run *r, struct str type, struct feel_value *v, const struct feel_scope *s,
        const char *what)
{
	if (type.n == 0 || v->type == FEEL_NULL || dmn__conform(r->m, type, v, s, r->a))
		return;
	feel_note(r->run, "%s is not of type " STR_FMT ", so it is null", what, STR_ARG(type));
	*v = FEEL_NULL_VALUE;
}

/* ---- functions ---- */

struct closure { /* what a function value remembers */
	struct dmn__run *r;
	const struct box *box;
	const struct feel_scope *scope;
};

static int call(
        void *arg, struct feel_run *run, const struct feel_value *args, struct feel_value *out, struct err *e)
{
	const struct closure *c = arg;
	struct feel_value context = empty_context();
	struct feel_scope s = *c->scope;
	int rc = feel_run_enter(run, e);

	if (rc < 0)
		return rc;
	for (int i = 0; i < c->box->entries; i++) {
		struct feel_value v = args[i];

		coerce(c->r, c->box->entry[i].type, &v, c->scope, "an argument");
		feel_put(c->r->a, &context, c->box->entry[i].name, v);
	}
	s.context = &context;
	s.up = c->scope;
	rc = eval_box(c->r, c->box->result, &s, out, e);
	if (rc == 0)
		*out = feel_copy(c->r->a, out);
	feel_run_leave(run);
	return rc;
}

static int make_function(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct closure *c = arena_alloc(r->a, sizeof(*c));
	struct str *parameter = arena_array(r->a, (size_t)b->entries, sizeof(*parameter));
	struct feel_scope *kept = arena_memdup(r->a, s, sizeof(*s));
	struct feel_native f;

	if (c == NULL || parameter == NULL || kept == NULL)
		return nomem(e);
	*c = (struct closure){r, b, kept};
	for (int i = 0; i < b->entries; i++)
		parameter[i] = b->entry[i].name;
	f = (struct feel_native){.call = call, .arg = c, .parameter = parameter, .n = b->entries};
	*out = feel_native_value(r->a, &f);
	return 0;
}

/* ---- boxes ---- */

static int eval_context(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value *context = arena_alloc(r->a, sizeof(*context));
	struct feel_scope *inner = arena_memdup(r->a, s, sizeof(*s));
	int rc = 0;

	if (context == NULL || inner == NULL)
		return nomem(e);
	*context = empty_context();
	inner->context = context; /* entries see those before them; functions among them see all */
	inner->up = s;
	for (int i = 0; i < b->entries && rc == 0; i++) {
		struct feel_value v = FEEL_NULL_VALUE;

		rc = eval_box(r, b->entry[i].box, inner, &v, e);
		if (rc == 0) {
			coerce(r, b->entry[i].type, &v, s, "a context entry");
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

static int parameter_place(const struct box *function, struct str name)
{
	for (int i = 0; i < function->entries; i++)
		if (str_eq(function->entry[i].name, name))
			return i;
	return -1;
}

static int eval_invocation(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e)
{
	struct feel_value function = FEEL_NULL_VALUE, *arg;
	const struct box *callee = NULL;
	int rc = feel_eval(b->expr, s, r->a, &function, r->notes, e), n;

	if (rc < 0)
		return rc;
	if (function.type != FEEL_FUNCTION) {
		feel_note(r->run, "the invocation on line %d names no function", b->line);
		*out = FEEL_NULL_VALUE;
		return 0;
	}
	for (int i = 0; i < r->m->drgs; i++)
		if (r->m->drg[i].kind == DRG_BKM && str_eq(r->m->drg[i].name, b->function))
			callee = r->m->drg[i].box;
	n = callee != NULL ? callee->entries : b->entries;
	arg = arena_array(r->a, (size_t)n, sizeof(*arg));
	if (arg == NULL)
		return nomem(e);
	for (int i = 0; i < b->entries && rc == 0; i++) {
		/* bindings are by name; a parameter without one is null */
		int place = callee != NULL ? parameter_place(callee, b->entry[i].name) : i;

		if (place < 0)
			feel_note(r->run, STR_FMT " has no parameter " STR_FMT, STR_ARG(b->function),
			        STR_ARG(b->entry[i].name));
		else if (b->entry[i].box != NULL)
			rc = eval_box(r, b->entry[i].box, s, &arg[place], e);
	}
	return rc < 0 ? rc : feel_call(&function, s, arg, n, r->a, out, r->notes, e);
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
	case BOX_CONTEXT: rc = eval_context(r, b, s, out, e); break;
	case BOX_RELATION:
	case BOX_LIST: rc = eval_list(r, b, s, out, e); break;
	case BOX_FUNCTION: rc = make_function(r, b, s, out, e); break;
	}
	if (rc == 0)
		coerce(r, b->type, out, s, "the result of an expression");
	return rc;
}

/* ---- the graph ---- */

static int eval_drg(struct dmn__run *r, const struct drg *d, const struct feel_scope *given, struct err *e)
{
	size_t place = (size_t)(d - r->m->drg);
	struct feel_value *context, *out = &r->done[place];
	struct feel_scope *s;
	const char *outer = r->decision;
	int rc = 0;

	if (r->is_done[place])
		return 0;
	r->is_done[place] = true;
	*out = FEEL_NULL_VALUE;
	if (d->kind == DRG_INPUT) {
		const struct feel_value *v = NULL;

		if (given->context != NULL)
			v = feel_get(given->context, arena_strndup(r->a, d->name.p, d->name.n));
		if (v != NULL)
			*out = *v;
		coerce(r, d->type, out, given, arena_printf(r->a, "the input " STR_FMT, STR_ARG(d->name)));
		return 0;
	}
	context = arena_alloc(r->a, sizeof(*context));
	s = arena_alloc(r->a, sizeof(*s));
	if (context == NULL || s == NULL)
		return nomem(e);
	*context = empty_context();
	for (int i = 0; i < d->needs && rc == 0; i++) {
		rc = eval_drg(r, d->need[i], given, e);
		if (rc == 0)
			feel_put(r->a, context, d->need[i]->name, r->done[d->need[i] - r->m->drg]);
	}
	if (rc < 0)
		return rc;
	*s = (struct feel_scope){.context = context,
	        .now = given->now,
	        .zone = given->zone,
	        .max_steps = given->max_steps,
	        .run = r->run};
	r->decision = d->id;
	rc = eval_box(r, d->box, s, out, e);
	if (rc == 0 && d->kind == DRG_BKM)
		feel_put(r->a, context, d->name, *out); /* it may call itself */
	if (rc == 0 && d->kind == DRG_DECISION)
		coerce(r, d->type, out, s, arena_printf(r->a, "the result of " STR_FMT, STR_ARG(d->name)));
	r->decision = outer;
	return rc;
}

int dmn_evaluate(const struct dmn_model *m, const char *decision, const struct feel_scope *scope,
        struct arena *a, struct dmn_result *out, struct err *e)
{
	struct sb notes = SB_INIT;
	struct dmn__run r = {.m = m, .a = a, .notes = &notes, .result = out, .decision = ""};
	const struct drg *d = NULL;
	int rc;

	*out = (struct dmn_result){.value = FEEL_NULL_VALUE, .notes = STR_LIT("")};
	for (int i = 0; i < m->drgs && d == NULL; i++)
		if (m->drg[i].kind == DRG_DECISION &&
		        (strcmp(m->drg[i].id, decision) == 0 || strcmp(m->drg[i].label, decision) == 0))
			d = &m->drg[i];
	if (d == NULL)
		return err_set(e, ERR_NOTFOUND, "%s has no decision \"%s\"", m->file, decision);
	r.run = feel_run_new(scope, a, &notes);
	r.done = arena_array(a, (size_t)m->drgs, sizeof(*r.done));
	r.is_done = arena_array(a, (size_t)m->drgs, sizeof(*r.is_done));
	if (r.run == NULL || r.done == NULL || r.is_done == NULL)
		return nomem(e);
	rc = eval_drg(&r, d, scope, e);
	if (rc == 0) {
		out->value = r.done[d - m->drg];
		if (notes.n > 0)
			out->notes = (struct str){arena_strndup(a, notes.p, notes.n), notes.n};
	}
	sb_fini(&notes);
	return rc;
}

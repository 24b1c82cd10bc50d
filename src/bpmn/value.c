/*
 * Variables and expressions, as seen from a token. Most variables are those of the process; a token has some
 * of its own if its activity says so, if it is an instance of a repeated activity, or if a called process
 * runs in it, whose variables they are.
 */
#include "bpmn/run_int.h"

static const struct feel_value EMPTY = {.type = FEEL_CONTEXT};

/* The process of a token begins at the call around it: nothing further out is seen. */
static bool ends_at(const struct bpmn__token *t, bool inside)
{
	return t->doing == DOING_CALL && inside;
}

/* From outside, a call shows nothing of what runs in it. */
static const struct feel_value *own(const struct run *r, const struct bpmn__token *t, bool inside)
{
	const struct bpmn__local *l =
	        t->doing == DOING_CALL && !inside ? NULL : bpmn__local_find(&r->s, t->key);

	return l ? &l->vars : NULL;
}

const struct feel_scope *run__seen(struct run *r, uint32_t key, bool inside)
{
	const struct feel_scope *first = &r->scope;
	struct feel_scope *last = NULL, *x;

	r->scope.context = &r->s.vars;
	if (r->s.n_locals == 0 && r->s.n_calls == 0)
		return first;
	for (; key != 0; inside = true) {
		const struct bpmn__token *t = run__token(r, key);
		const struct feel_value *vars = own(r, t, inside);
		bool root = ends_at(t, inside);

		key = t->scope;
		if (vars == NULL && !root)
			continue;
		x = arena_memdup(r->a, &r->scope, sizeof *x);
		if (x == NULL) {
			run__no_memory(r);
			return &r->scope;
		}
		x->context = vars ? vars : &EMPTY;
		x->up = root ? NULL : &r->scope;
		if (last != NULL)
			last->up = x;
		else
			first = x;
		last = x;
		if (root)
			break;
	}
	return first;
}

const struct feel_value *run__value(const struct feel_scope *seen, struct str name)
{
	const struct feel_value *v = NULL;

	for (; seen != NULL && v == NULL; seen = seen->up)
		v = bpmn__entry(seen->context, name);
	return v;
}

struct feel_value run__variables(struct run *r, uint32_t key, bool inside)
{
	const struct feel_scope *seen = run__seen(r, key, inside);
	struct feel_value all = {.type = FEEL_CONTEXT};
	struct feel_context *c = &all.context;
	size_t n = 0;

	for (const struct feel_scope *s = seen; s != NULL; s = s->up)
		n += (size_t)s->context->context.n;
	c->entry = arena_array(r->a, n, sizeof *c->entry);
	if (c->entry == NULL) {
		run__no_memory(r);
		return all;
	}
	if (seen == &r->scope) { /* the usual case: nothing hides anything */
		c->n = (int)n;
		if (n > 0)
			memcpy(c->entry, seen->context->context.entry, n * sizeof *c->entry);
		return all;
	}
	for (const struct feel_scope *s = seen; s != NULL; s = s->up) {
		int nearer = c->n;

		for (int i = 0; i < s->context->context.n; i++) {
			const struct feel_entry *x = &s->context->context.entry[i];
			bool hidden = run__is_reserved(x->key);

			for (int k = 0; k < nearer && !hidden; k++)
				hidden = str_eq(c->entry[k].key, x->key);
			if (!hidden)
				c->entry[c->n++] = *x;
		}
	}
	return all;
}

bool run__eval(struct run *r, const struct feel_scope *scope, const struct feel_expr *x,
        struct feel_value *out, struct sb *notes, char *why, size_t n)
{
	struct err e = ERR_INIT;
	int rc;

	*out = FEEL_NULL_VALUE;
	if (r->rc < 0)
		return false;
	rc = feel_eval(x, scope, r->a, out, notes, &e);
	if (rc == ERR_NOMEM) {
		run__no_memory(r);
		return false;
	}
	if (rc < 0) {
		/* An expression without end costs as much as many steps: few of them end the loop they are
		 * in. */
		r->steps += BPMN__STEPS_MAX / 10;
		snprintf(why, n, "%.*s", (int)n - 1, e.text);
		return false;
	}
	return true;
}

bool run__true(struct run *r, const struct feel_scope *scope, const struct feel_expr *x, struct sb *notes)
{
	struct feel_value v;
	char why[300] = "";

	if (!run__eval(r, scope, x, &v, notes, why, sizeof why)) {
		if (notes != NULL)
			sb_puts(notes, why);
		return false;
	}
	return v.type == FEEL_BOOL && v.boolean;
}

int run__depth(const struct feel_value *v)
{
	int most = 0, d;

	if (v->type == FEEL_LIST)
		for (int i = 0; i < v->list.n && most < RUN__VALUE_DEPTH_MAX; i++) {
			d = run__depth(&v->list.item[i]);
			most = d > most ? d : most;
		}
	if (v->type == FEEL_CONTEXT)
		for (int i = 0; i < v->context.n && most < RUN__VALUE_DEPTH_MAX; i++) {
			d = run__depth(v->context.entry[i].value);
			most = d > most ? d : most;
		}
	return most + 1;
}

bool run__is_reserved(struct str name)
{
	static const char *const NAMES[] = {"loopCounter", "numberOfInstances", "numberOfActiveInstances",
	        "numberOfCompletedInstances", "numberOfTerminatedInstances"};

	if (name.n == 0 || (name.p[0] != '@' && name.p[0] != 'l' && name.p[0] != 'n'))
		return false;
	if (name.p[0] == '@')
		return true;
	for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
		if (str_is(name, NAMES[i]))
			return true;
	return false;
}

/* Whose the variable is: of the nearest token that has it, or else of the process. */
static uint32_t owner_of(struct run *r, uint32_t key, bool inside, struct str name)
{
	bool reserved = run__is_reserved(name);

	if (r->s.n_locals == 0 && r->s.n_calls == 0)
		return 0;
	for (; key != 0; inside = true) {
		const struct bpmn__token *t = run__token(r, key);
		const struct feel_value *vars = own(r, t, inside);

		if (ends_at(t, inside) || (vars != NULL && !reserved && bpmn__entry(vars, name) != NULL))
			return key;
		key = t->scope;
	}
	return 0;
}

void run__set(struct run *r, uint32_t key, bool inside, struct str name, const struct feel_value *v)
{
	if (r->rc == 0)
		run__emit(r, &(struct bpmn_event){.type = BPMN_VARIABLE,
		                     .scope = owner_of(r, key, inside, name),
		                     .text = name,
		                     .value = *v});
}

void run__set_own(struct run *r, uint32_t token, const char *name, struct feel_value v)
{
	run__emit(r, &(struct bpmn_event){
	                     .type = BPMN_VARIABLE, .scope = token, .text = str_of(name), .value = v});
}

void run__merge(struct run *r, uint32_t key, bool inside, const struct feel_value *variables)
{
	if (variables == NULL)
		return;
	for (int i = 0; i < variables->context.n; i++)
		run__set(r, key, inside, variables->context.entry[i].key, variables->context.entry[i].value);
}

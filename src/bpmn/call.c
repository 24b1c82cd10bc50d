/*
 * Call activities. The called process runs in the same state: its tokens lie in the scope of the token that
 * calls, its variables are those of that token. The version is the newest at the moment of the call, and
 * stays.
 */
#include "bpmn/run_int.h"

static int depth(const struct run *r, uint32_t scope)
{
	int n = 0;

	while (scope != 0) {
		const struct bpmn__token *t = run__token(r, scope);

		n += t->doing == DOING_CALL;
		scope = t->scope;
	}
	return n;
}

static int none_start(const struct bpmn_def *d)
{
	for (int i = 0; i < d->n_nodes; i++)
		if (d->node[i].kind == KIND_START && d->node[i].parent < 0 &&
		        d->node[i].trigger == TRIGGER_NONE)
			return i;
	return -1;
}

/* What the called process begins with; false after an incident. */
static bool given(struct run *r, uint32_t token, const struct bpmn__node *n, struct feel_value *out)
{
	const struct feel_scope *seen;
	char why[300] = "";

	if (n->n_give == 0) {
		*out = run__variables(r, token, false);
		return r->rc == 0;
	}
	*out = (struct feel_value){.type = FEEL_CONTEXT};
	seen = run__seen(r, token, false);
	for (int i = 0; i < n->n_give; i++) {
		struct feel_value v;

		if (!run__eval(r, seen, n->give[i].value, &v, NULL, why, sizeof why) ||
		        run__depth(&v) > RUN__VALUE_DEPTH_MAX) {
			if (r->rc == 0)
				run__incident(r, token, false, "what goes into the call as \"%.100s\": %s",
				        n->give[i].name, *why ? why : "it is nested too deeply");
			return false;
		}
		feel_put(r->a, out, str_of(n->give[i].name), v);
	}
	if (arena_failed(r->a))
		run__no_memory(r);
	return r->rc == 0;
}

void run__call(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *n = run__node(t);
	struct bpmn_event open = {.type = BPMN_CALLED,
	        .element = n->pub.id,
	        .node = t->node,
	        .def = t->def,
	        .key = token,
	        .scope = t->scope,
	        .text = str_of(n->pub.ref)};
	const struct bpmn_def *called;
	struct feel_value vars;
	int version = 0, start;

	if (depth(r, t->scope) >= RUN__CALLS_MAX) {
		run__incident(
		        r, token, false, "processes call one another more than %d deep", RUN__CALLS_MAX);
		return;
	}
	called = r->sv->called ? r->sv->called(r->sv->ctx, n->pub.ref, &version) : NULL;
	start = called ? none_start(called) : -1;
	if (start < 0) {
		run__incident(r, token, false,
		        called ? "the process \"%.100s\" has no start event without a trigger to call it by"
		               : "there is no process \"%.100s\" to call",
		        n->pub.ref);
		return;
	}
	if (!given(r, token, n, &vars))
		return;
	open.value = feel_int(version);
	if (!run__arm(r, token, &open, n->boundary, run__boundaries(r, t)))
		return;
	bpmn__call_find(&r->s, token)->def = called;
	for (int i = 0; i < vars.context.n; i++)
		run__emit(r, &(struct bpmn_event){.type = BPMN_VARIABLE,
		                     .scope = token,
		                     .text = vars.context.entry[i].key,
		                     .value = *vars.context.entry[i].value});
	run__put_moving(r, called, start, token, -1);
}

/* Variables that the token had before it called: those stay its own. */
static bool was_own(const struct bpmn__node *n, struct str name)
{
	if (run__is_reserved(name) || (n->loop != NULL && str_is(name, n->loop->item)))
		return true;
	for (int i = 0; i < n->n_locals; i++)
		if (str_is(name, n->locals[i]))
			return true;
	return false;
}

/* What comes back, by the mapping of the call: of each name a value. */
static struct feel_context given_back(struct run *r, uint32_t token, const struct bpmn__node *n)
{
	struct feel_value back = {.type = FEEL_CONTEXT};
	char why[300];

	for (int i = 0; i < n->n_back; i++) {
		struct feel_value v;

		if (!run__eval(r, run__seen(r, token, true), n->back[i].value, &v, NULL, why, sizeof why) ||
		        run__depth(&v) > RUN__VALUE_DEPTH_MAX)
			v = FEEL_NULL_VALUE;
		feel_put(r->a, &back, str_of(n->back[i].name), v);
	}
	if (arena_failed(r->a))
		run__no_memory(r);
	return back.context;
}

void run__call_done(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *n = run__node(t);
	const struct bpmn__local *l = bpmn__local_find(&r->s, token);
	const struct feel_scope *seen = NULL;
	struct feel_context back = {0};
	uint32_t scope = t->scope;

	if (n->n_back > 0)
		back = given_back(r, token, n);
	else if (l != NULL)
		back = l->vars.context;
	run__emit_at(r, BPMN_RETURNED, token, STR_NULL);
	for (int i = 0; i < back.n && r->rc == 0; i++) {
		const struct feel_entry *x = &back.entry[i];
		const struct feel_value *old;

		if (n->n_back == 0 && was_own(n, x->key))
			continue;
		if (seen == NULL)
			seen = run__seen(r, scope, true);
		old = run__value(seen, x->key);
		if (old != NULL && bpmn__same_value(old, x->value))
			continue;
		run__set(r, scope, true, x->key, x->value);
		seen = NULL; /* it may lie elsewhere now */
	}
	run__leave(r, token);
}

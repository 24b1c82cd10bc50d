/*
 * Another version of the definition under a running instance. Elements go by id, or by the new id that the
 * caller gives for an old one. What a token is doing must be possible on its new element; what it waits for
 * is kept where the new version waits for the same, and otherwise taken away or set anew, as the new version
 * says. A called process keeps the version that it was called with.
 */
#include "bpmn/run_int.h"

struct str bpmn__migrated_id(const struct feel_value *renamed, const char *id)
{
	const struct feel_value *v =
	        renamed != NULL && renamed->type == FEEL_CONTEXT ? bpmn__entry(renamed, str_of(id)) : NULL;

	return v != NULL && v->type == FEEL_STRING ? v->string : str_of(id);
}

/* A token at rest waits at a join, for an event, or for what is inside a sub-process; elsewhere nobody would
 * ever move it. */
static const char *idle(const struct bpmn_state *s, const struct bpmn__token *t)
{
	const struct bpmn__node *n = run__node(t);

	if (run__is_join(n) || n->kind == KIND_CATCH || n->kind == KIND_RECEIVE ||
	        n->kind == KIND_EVENT_GATEWAY)
		return NULL;
	for (size_t i = 0; i < s->n_tokens && n->kind == KIND_SUB; i++)
		if (s->token[i].scope == t->key)
			return NULL;
	return "nobody has begun it, and nobody would";
}

/* Why the token cannot go on on its new element. */
static const char *misfit(const struct bpmn_state *s, const struct bpmn__token *t,
        const struct feel_value *renamed, const struct bpmn__token *old)
{
	const struct bpmn__node *n = run__node(t);
	struct str flow = bpmn__migrated_id(renamed, old->flow);
	int via = flow.n > 0 ? bpmn__flow_find(t->def, flow) : -1;
	const char *why = bpmn__token_misfit(s, t);

	if (why != NULL)
		return why;
	if (run__is_join(n) && old->doing != DOING_STUCK && (via < 0 || t->def->flow[via].to != t->node))
		return "it waits at a join, having come by a sequence flow that does not lead there any more";
	return old->doing == DOING_REST ? idle(s, t) : NULL;
}

int bpmn_migration_check(const struct bpmn_def *d, const struct bpmn_state *state,
        const struct feel_value *renamed, void (*tell)(void *ctx, const char *element, const char *why),
        void *ctx)
{
	struct arena *a = arena_new(0);
	struct bpmn_state s;
	struct err e = ERR_INIT;
	int reasons = 0;

	OBJ_CHECK(d, BPMN__DEF_MAGIC);
	OBJ_CHECK(state, BPMN__STATE_MAGIC);
	if (bpmn__state_draft(&s, state, a, &e) < 0)
		wrong("an arena without a limit is full");
	for (size_t i = 0; i < s.n_tokens; i++) {
		struct bpmn__token *t = &s.token[i];
		const struct bpmn__token old = *t;
		const struct bpmn__token *scope = t->scope ? bpmn__token_find(&s, t->scope) : NULL;
		const char *why;

		if (bpmn__in_call(&s, t->scope))
			continue;
		t->def = d;
		t->via = -1;
		t->node = bpmn__node_find(d, bpmn__migrated_id(renamed, t->element));
		/* What lies in a scope that cannot go on is not told again. */
		if (scope != NULL && scope->node < 0) {
			t->node = -1;
			continue;
		}
		why = t->node < 0 ? "the new version has no such element" : misfit(&s, t, renamed, &old);
		if (why == NULL)
			continue;
		t->node = -1;
		reasons++;
		if (tell != NULL)
			tell(ctx, old.element, why);
	}
	arena_free(&a);
	return reasons;
}

/* ---- doing it ---- */

static void keep_first(void *ctx, const char *element, const char *why)
{
	char *first = ctx;

	if (*first == '\0')
		snprintf(first, 300, "\"%.100s\": %.180s", element, why);
}

/* Is there such an element in the old definition? Then what it waited for has happened or is still set. */
static bool was_there(const struct bpmn_input *in, const struct bpmn_def *d, int node)
{
	const struct bpmn_def *from = in->from;

	for (int i = 0; from != NULL && i < from->n_nodes; i++)
		if (str_is(bpmn__migrated_id(in->variables, from->node[i].pub.id), d->node[node].pub.id))
			return from->node[i].trigger == d->node[node].trigger &&
			       strcmp(from->node[i].pub.ref, d->node[node].pub.ref) == 0;
	return false;
}

static bool is_set(const struct run *r, uint32_t owner, int node)
{
	for (size_t i = 0; i < r->s.n_waits; i++)
		if (r->s.wait[i].owner == owner && r->s.wait[i].node == node && r->s.wait[i].def == r->d)
			return true;
	return false;
}

/* Events of `event` that the new version has and the old one had not. */
static void arm_new(
        struct run *r, const struct bpmn_input *in, uint32_t token, uint32_t owner, const int *event, int n)
{
	int *fresh = arena_array(r->a, (size_t)n, sizeof *fresh), k = 0;

	if (fresh == NULL) {
		run__no_memory(r);
		return;
	}
	for (int i = 0; i < n; i++)
		if (!is_set(r, owner, event[i]) && !was_there(in, r->d, event[i]))
			fresh[k++] = event[i];
	if (k > 0)
		run__arm(r, token, NULL, fresh, k);
}

static void arm_token(struct run *r, const struct bpmn_input *in, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *n = run__node(t);
	int node = t->node, *targets;

	if (t->doing == DOING_STUCK) /* done: it waits for nothing any more */
		return;
	if (n->kind == KIND_CATCH || n->kind == KIND_RECEIVE)
		arm_new(r, in, token, token, &node, 1);
	if (n->kind == KIND_EVENT_GATEWAY) {
		targets = arena_array(r->a, (size_t)n->n_out, sizeof *targets);
		for (int i = 0; targets != NULL && i < n->n_out; i++)
			targets[i] = r->d->flow[n->out[i]].to;
		if (targets != NULL)
			arm_new(r, in, token, token, targets, n->n_out);
	}
	if (bpmn__is_activity(n->kind) && !bpmn__is_instance(&r->s, run__token(r, token)))
		arm_new(r, in, token, token, n->boundary, n->n_boundary);
}

/* The first token of each scope of the instance's own speaks for what its event sub-processes wait for. */
static void arm_scopes(struct run *r, const struct bpmn_input *in, const uint32_t *keys, size_t n)
{
	for (size_t i = 0; i < n && r->rc == 0; i++) {
		const struct bpmn__token *t = bpmn__token_find(&r->s, keys[i]);
		bool first = t != NULL;
		int parent;

		for (size_t k = 0; k < i && first; k++) {
			const struct bpmn__token *before = bpmn__token_find(&r->s, keys[k]);

			first = before == NULL || before->scope != t->scope;
		}
		if (!first || bpmn__is_instance(&r->s, t))
			continue;
		parent = run__node(t)->parent;
		arm_new(r, in, t->key, t->scope, parent < 0 ? r->d->handlers : r->d->node[parent].handlers,
		        parent < 0 ? r->d->n_handlers : r->d->node[parent].n_handlers);
	}
}

int run__migrate(struct run *r, const struct bpmn_input *in)
{
	char why[300] = "";
	uint32_t *keys;
	size_t n = 0, i = 0;

	if (bpmn_migration_check(r->d, &r->s, in->variables, keep_first, why) > 0)
		return err_set(r->e, ERR_STATE, "the instance cannot go on with this version: %s", why);
	run__emit(r, &(struct bpmn_event){.type = BPMN_MIGRATED,
	                     .element = r->d->id,
	                     .value = in->variables ? *in->variables : FEEL_NULL_VALUE});
	while (i < r->s.n_waits && r->rc == 0) {
		const struct bpmn__wait *w = &r->s.wait[i];

		if (w->node < 0 && w->def == r->d)
			run__emit(r, &(struct bpmn_event){.type = BPMN_TIMER_GONE,
			                     .element = w->element,
			                     .key = w->key,
			                     .scope = w->owner});
		else
			i++;
	}
	if (r->rc == 0)
		r->rc = bpmn__state_bind(&r->s, r->d, r->sv, r->e);
	keys = arena_array(r->a, r->s.n_tokens, sizeof *keys);
	if (keys == NULL)
		run__no_memory(r);
	for (i = 0; i < r->s.n_tokens && r->rc == 0; i++)
		if (!bpmn__in_call(&r->s, r->s.token[i].scope))
			keys[n++] = r->s.token[i].key;
	for (i = 0; i < n && r->rc == 0; i++)
		arm_token(r, in, keys[i]);
	if (r->rc == 0)
		arm_scopes(r, in, keys, n);
	r->look = true;
	return 0;
}

/* Ways out of an element, and joins. */
#include "bpmn/run_int.h"

/* What it waited for is over: nothing may begin in it or interrupt it any more. */
static void no_way_out(struct run *r, uint32_t token, struct sb *notes)
{
	run__drop_waits(r, token);
	run__incident(r, token, true,
	        "no condition of its outgoing flows is true, and it has no default flow%s%.300s",
	        notes->n > 0 ? ": " : "", notes->n > 0 ? notes->p : "");
}

/*
 * Flows without condition are always taken; those with one if it is true (an exclusive gateway: the first
 * only); the default flow if no condition was. Returns how many.
 */
static int choose(struct run *r, const struct bpmn__token *t, int *taken, struct sb *notes)
{
	const struct bpmn__node *n = run__node(t);
	const struct feel_scope *seen = NULL;
	bool any_true = false, any_condition = false;
	int n_taken = 0;

	for (int i = 0; i < n->n_out; i++) {
		const struct feel_expr *cond = t->def->flow[n->out[i]].cond;

		if (n->out[i] == n->dflt)
			continue;
		if (cond != NULL) {
			if (seen == NULL)
				seen = run__seen(r, t->scope, true);
			any_condition = true;
			if (!run__true(r, seen, cond, notes))
				continue;
			any_true = true;
		}
		taken[n_taken++] = n->out[i];
		if (n->kind == KIND_XOR)
			break;
	}
	/* Beside unconditional flows the default is for the case that no condition is true. */
	if (n->dflt >= 0 && !any_true && (any_condition || n_taken == 0) &&
	        !(n->kind == KIND_XOR && n_taken > 0))
		taken[n_taken++] = n->dflt;
	return n_taken;
}

void run__leave(struct run *r, uint32_t token)
{
	const struct bpmn__token *t;
	const struct bpmn_def *d;
	struct sb notes = SB_INIT;
	uint32_t scope;
	int *taken, n;

	if (r->rc < 0)
		return;
	t = run__token(r, token);
	if (bpmn__is_instance(&r->s, t)) {
		run__instance_done(r, token);
		return;
	}
	d = t->def;
	scope = t->scope;
	taken = arena_array(r->a, (size_t)run__node(t)->n_out, sizeof *taken);
	if (taken == NULL) {
		run__no_memory(r);
		return;
	}
	n = choose(r, t, taken, &notes);
	if (n == 0)
		no_way_out(r, token, &notes);
	else {
		run__take(r, token);
		for (int i = 0; i < n; i++)
			run__put_moving(r, d, d->flow[taken[i]].to, scope, taken[i]);
	}
	sb_fini(&notes);
}

/* ---- joins ---- */

static bool waits_at(const struct bpmn__token *t, int node, uint32_t scope)
{
	return t->node == node && t->scope == scope && t->doing != DOING_STUCK;
}

bool run__is_join(const struct bpmn__node *n)
{
	return (n->kind == KIND_AND || n->kind == KIND_OR) && n->n_in > 1;
}

/* By incoming flow, the oldest token that waits at the gateway having come by it, 0 if none; NULL without
 * memory. *flows: by how many. */
static uint32_t *waiting(struct run *r, const struct bpmn_def *d, int node, uint32_t scope, int *flows)
{
	uint32_t *first = arena_array(r->a, (size_t)d->node[node].n_in, sizeof *first);

	*flows = 0;
	if (first == NULL) {
		run__no_memory(r);
		return NULL;
	}
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		const struct bpmn__token *t = &r->s.token[i];
		int at;

		if (t->via < 0 || !waits_at(t, node, scope))
			continue;
		at = t->def->flow[t->via].at;
		if (first[at] != 0)
			continue;
		first[at] = t->key;
		++*flows;
	}
	return first;
}

/* One token of each incoming flow that has any becomes one token, which goes on. */
static void pass_join(struct run *r, const uint32_t *first, int n)
{
	uint32_t kept = 0;

	for (int i = 0; i < n && r->rc == 0; i++) {
		if (first[i] == 0)
			continue;
		if (kept == 0)
			kept = first[i];
		else
			run__take(r, first[i]);
	}
	run__leave(r, kept);
}

void run__parallel_join(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	int n = run__node(t)->n_in, flows;
	uint32_t *first = waiting(r, t->def, t->node, t->scope, &flows);

	if (first != NULL && flows == n)
		pass_join(r, first, n);
}

void bpmn__mark_upstream(const struct bpmn_def *d, int gateway, int from, bool *seen, int *stack)
{
	int n = 0;

	if (from == gateway || seen[from])
		return;
	seen[from] = true;
	stack[n++] = from;
	while (n > 0) {
		const struct bpmn__node *x = &d->node[stack[--n]];

		for (int i = 0; i < x->n_in; i++) {
			int up = d->flow[x->in[i]].from;

			if (up != gateway && !seen[up]) {
				seen[up] = true;
				stack[n++] = up;
			}
		}
		if (x->host >= 0 && !seen[x->host]) {
			seen[x->host] = true;
			stack[n++] = x->host;
		}
	}
}

/*
 * The rule of the standard: the gateway goes on when some incoming flow has a token and each token that
 * could still reach an incoming flow without one could as well reach one that has (without passing
 * through the gateway itself).
 */
static bool inclusive_ready(
        struct run *r, const struct bpmn_def *d, int node, uint32_t scope, const uint32_t *first)
{
	const struct bpmn__node *n = &d->node[node];
	size_t all = (size_t)d->n_nodes;
	bool *to_empty = arena_array(r->a, all, sizeof *to_empty);
	bool *to_full = arena_array(r->a, all, sizeof *to_full);
	int *stack = arena_array(r->a, all, sizeof *stack);

	if (!to_empty || !to_full || !stack) {
		run__no_memory(r);
		return false;
	}
	/* Looking is work as well: what a hostile definition can ask for has an end. */
	r->steps += (int)(all / 256);
	for (int i = 0; i < n->n_in; i++)
		bpmn__mark_upstream(
		        d, node, d->flow[n->in[i]].from, first[i] != 0 ? to_full : to_empty, stack);
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		const struct bpmn__token *t = &r->s.token[i];

		if (t->scope == scope && t->node != node && to_empty[t->node] && !to_full[t->node])
			return false;
	}
	return true;
}

/* Nothing else moves: passes the first inclusive join that may. */
bool run__inclusive_joins(struct run *r)
{
	for (size_t i = 0; i < r->s.n_tokens && r->rc == 0; i++) {
		const struct bpmn__token *t = &r->s.token[i];
		const struct bpmn__node *n = run__node(t);
		bool looked = false;
		uint32_t *first;
		int flows;

		if (n->kind != KIND_OR || !run__is_join(n) || t->doing == DOING_STUCK)
			continue;
		for (size_t k = 0; k < i && !looked; k++)
			looked = waits_at(&r->s.token[k], t->node, t->scope);
		if (looked)
			continue;
		first = waiting(r, t->def, t->node, t->scope, &flows);
		if (first != NULL && inclusive_ready(r, t->def, t->node, t->scope, first)) {
			pass_join(r, first, n->n_in);
			return true;
		}
	}
	return false;
}

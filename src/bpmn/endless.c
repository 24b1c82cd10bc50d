/*
 * Loops that nobody stops: ways round that go past no person, no event, no service and no other process. Such
 * a loop ends only by its conditions, and nothing in it but a decision can change what they see.
 */
#include "bpmn/bpmn_int.h"

struct looker {
	const struct bpmn_def *d;
	bpmn__tell_f *tell;
	void *ctx;
	int errors;
	bool *waits;   /* by node: a token stays there until something happens; of a sub-process: inside it */
	bool *changes; /* by node: variables may be others afterwards */
};

/* What lies inside a sub-process counts for it; inner ones have higher numbers. */
static void look_inside(struct looker *l)
{
	for (int i = l->d->n_nodes - 1; i >= 0; i--) {
		const struct bpmn__node *n = &l->d->node[i];

		switch (n->kind) {
		case KIND_USER:
		case KIND_SERVICE:
		case KIND_RECEIVE:
		case KIND_CATCH:
		case KIND_EVENT_GATEWAY:
		case KIND_CALL: l->waits[i] = true; break;
		case KIND_RULE: l->changes[i] = true; break;
		default: break;
		}
		if (n->parent < 0 || l->d->node[n->parent].handler)
			continue;
		l->waits[n->parent] |= l->waits[i];
		l->changes[n->parent] |= l->changes[i];
	}
}

/* The next node of a loop among those that are left; -1: none. */
static int follow(const struct bpmn_def *d, const bool *left, int at)
{
	const struct bpmn__node *n = &d->node[at];

	for (int i = 0; i < n->n_out; i++)
		if (left[d->flow[n->out[i]].to])
			return d->flow[n->out[i]].to;
	for (int i = 0; i < n->n_boundary; i++)
		if (left[n->boundary[i]])
			return n->boundary[i];
	return -1;
}

/* Goes round from a node that is left until it comes back to where it was, and tells. */
static void tell_loop(struct looker *l, bool *left, int at)
{
	const struct bpmn_def *d = l->d;
	bool *seen = xcalloc((size_t)d->n_nodes, sizeof *seen), changes = false;
	struct sb b = SB_INIT;
	int first, told = 0;

	while (at >= 0 && !seen[at]) {
		seen[at] = true;
		at = follow(d, left, at);
	}
	first = at;
	while (at >= 0 && (told == 0 || at != first)) {
		changes |= l->changes[at];
		if (told++ < 8)
			sb_printf(&b, "%s\"%.60s\" (line %d)", told > 1 ? ", " : "", d->node[at].pub.id,
			        d->node[at].pub.line);
		at = follow(d, left, at);
	}
	/* One loop is told, not every way through the same nodes. */
	for (int i = 0; i < d->n_nodes; i++)
		left[i] = left[i] && !seen[i];
	if (told > 0 && l->tell != NULL) {
		char text[900];

		snprintf(text, sizeof text, "a loop without a person or an event: %s%s; %s", b.p,
		        told > 8 ? ", …" : "",
		        changes ? "only its decision can end it"
		                : "nothing in it can change a condition, so that it never ends once it is "
		                  "gone round");
		l->tell(l->ctx, !changes, d->node[first].pub.id, d->node[first].pub.line, text);
	}
	l->errors += told > 0 && !changes;
	free(seen);
	sb_fini(&b);
}

static void count_edges(const struct bpmn_def *d, const bool *left, int *in)
{
	for (int i = 0; i < d->n_nodes; i++) {
		in[i] = 0;
		for (int k = 0; k < d->node[i].n_in; k++)
			in[i] += left[d->flow[d->node[i].in[k]].from];
		in[i] += d->node[i].host >= 0 && left[d->node[i].host];
	}
}

/* Takes away, again and again, what nothing that is left leads to: loops are left, and what follows them. */
static void peel(const struct bpmn_def *d, bool *left, int *in, int *queue)
{
	int n = 0;

	count_edges(d, left, in);
	for (int i = 0; i < d->n_nodes; i++)
		if (left[i] && in[i] == 0)
			queue[n++] = i;
	for (int k = 0; k < n; k++) {
		const struct bpmn__node *x = &d->node[queue[k]];

		left[queue[k]] = false;
		for (int i = 0; i < x->n_out; i++) {
			int to = d->flow[x->out[i]].to;

			if (left[to] && --in[to] == 0)
				queue[n++] = to;
		}
		for (int i = 0; i < x->n_boundary; i++)
			if (left[x->boundary[i]] && --in[x->boundary[i]] == 0)
				queue[n++] = x->boundary[i];
	}
}

/* The same from behind: what leads to no loop. */
static void peel_back(const struct bpmn_def *d, bool *left)
{
	bool gone = true;

	for (int round = 0; gone && round < d->n_nodes; round++) {
		gone = false;
		for (int i = d->n_nodes - 1; i >= 0; i--)
			if (left[i] && follow(d, left, i) < 0) {
				left[i] = false;
				gone = true;
			}
	}
}

static void repeated(struct looker *l)
{
	for (int i = 0; i < l->d->n_nodes; i++) {
		const struct bpmn__node *n = &l->d->node[i];

		if (n->loop == NULL || !n->loop->standard || n->loop->most >= 0 || l->waits[i] ||
		        l->changes[i])
			continue;
		l->errors++;
		if (l->tell)
			l->tell(l->ctx, true, n->pub.id, n->pub.line,
			        "a loop without a person, an event or a loopMaximum: nothing in it can "
			        "change its "
			        "condition");
	}
}

int bpmn__endless(const struct bpmn_def *d, bpmn__tell_f *tell, void *ctx)
{
	size_t n = (size_t)d->n_nodes;
	struct looker l = {.d = d, .tell = tell, .ctx = ctx};
	bool *left = xcalloc(n, sizeof *left);
	int *in = xcalloc(n, sizeof *in), *queue = xcalloc(n, sizeof *queue);

	l.waits = xcalloc(n, sizeof *l.waits);
	l.changes = xcalloc(n, sizeof *l.changes);
	look_inside(&l);
	for (size_t i = 0; i < n; i++)
		left[i] = !l.waits[i];
	peel(d, left, in, queue);
	peel_back(d, left);
	for (int i = 0; i < d->n_nodes; i++)
		if (left[i])
			tell_loop(&l, left, i);
	repeated(&l);
	free(left);
	free(in);
	free(queue);
	free(l.waits);
	free(l.changes);
	return l.errors;
}

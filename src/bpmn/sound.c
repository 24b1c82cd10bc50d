/*
 * Soundness: would every instance come to an end? The tokens of each scope are played with conditions left
 * open, so that a gateway goes each way that it could. A sub-process, an event and a task are one step that
 * may end, or be left by one of its boundary events.
 *
 * Of the orders in which tokens could move one is played: the token furthest upstream first, joins last.
 * Which moves first makes no difference for where they end up; and when a token comes to where ways meet, all
 * that could still come there has come, so that two at once are seen.
 *
 * How much is looked at is bounded; where that is not all, a warning says that it is not decided.
 */
#include "bpmn/bpmn_int.h"

#include <limits.h>

#define MARKINGS_MAX 20000
#define SUBSETS_MAX 5 /* conditional ways out of one node that are tried in all combinations */
#define FINDINGS_MAX 20
#define CHOICES_TOLD 6
/* Of one definition; past it nothing more is said: a drawing that is that entangled is not told from an
 * attack. */
#define WORK_MAX 100000000
#define MEMORY_MAX (128u << 20)

struct marking {
	uint64_t *flow; /* a bit for each: a token lies on it */
	int from;       /* the marking it came of, -1 */
	int node;       /* what moved there, and by which way out, -1: no choice was made */
	int way;
};

struct play {
	const struct bpmn_def *d;
	bpmn__tell_f *tell;
	void *ctx;
	struct arena *a;
	int errors, findings;
	int64_t work; /* flows and nodes looked at */
	/* Of the scope that is looked at: */
	size_t words; /* of a set of flows */
	int *rank;    /* by node: how far downstream; -1: not reached */
	struct marking *m;
	int n;
	size_t cap;
	int *slot; /* hash of markings -> index + 1 */
	uint32_t n_slots;
	bool partly;        /* not all was looked at */
	bool full;          /* and there are too many markings to go on */
	bool *fired, *told; /* by node */
	uint64_t *tmp;      /* the marking that is being made */
	int at, choices;    /* the marking that is being played, and in how many ways it could go on */
};

static bool is_and_join(const struct bpmn__node *n)
{
	return n->kind == KIND_AND && n->n_in > 1;
}

static bool is_or_join(const struct bpmn__node *n)
{
	return n->kind == KIND_OR && n->n_in > 1;
}

static bool has(const uint64_t *set, int flow)
{
	return set[flow / 64] >> (flow % 64) & 1;
}

static void put(uint64_t *set, int flow)
{
	set[flow / 64] |= UINT64_C(1) << (flow % 64);
}

static void take(uint64_t *set, int flow)
{
	set[flow / 64] &= ~(UINT64_C(1) << (flow % 64));
}

/* ---- telling ---- */

static void add_way(struct play *p, struct sb *b, const struct marking *m)
{
	const struct bpmn__node *n = &p->d->node[m->node], *by = n;
	int flow = m->way;

	if (flow >= 0 && p->d->flow[flow].from != m->node)
		by = &p->d->node[p->d->flow[flow].from]; /* a boundary event of it */
	sb_printf(b, "%s\"%.60s\" (line %d)", b->n > 0 ? ", " : "", by->pub.id, by->pub.line);
	if (flow >= 0)
		sb_printf(b, " goes \"%.60s\"", p->d->flow[flow].id);
}

/* The choices on the way to a marking, the last few of them. */
static void path(struct play *p, int at, struct sb *out)
{
	int all = 0, skip, i = 0, *choice;

	for (int k = at; k >= 0; k = p->m[k].from)
		all += p->m[k].node >= 0;
	choice = arena_array(p->a, (size_t)all, sizeof *choice);
	for (int k = at; k >= 0; k = p->m[k].from)
		if (p->m[k].node >= 0)
			choice[all - ++i] = k;
	skip = all > CHOICES_TOLD ? all - CHOICES_TOLD : 0;
	for (i = skip; i < all; i++)
		add_way(p, out, &p->m[choice[i]]);
}

static void say(struct play *p, bool error, const struct bpmn__node *n, int at, const char *fmt, ...)
        PRINTF_LIKE(5, 6);
static void say(struct play *p, bool error, const struct bpmn__node *n, int at, const char *fmt, ...)
{
	struct sb ways = SB_INIT;
	char text[300], whole[900];
	va_list ap;

	if (p->findings++ >= FINDINGS_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (at >= 0)
		path(p, at, &ways);
	snprintf(whole, sizeof whole, "%s%s%s", text, ways.n > 0 ? ", when " : "", ways.n > 0 ? ways.p : "");
	sb_fini(&ways);
	p->errors += error;
	if (p->tell)
		p->tell(p->ctx, error, n->pub.id, n->pub.line, whole);
}

/* ---- markings ---- */

static uint32_t hash(const struct play *p, const uint64_t *set)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t i = 0; i < p->words; i++)
		h = (h ^ set[i]) * UINT64_C(1099511628211) + (h >> 29);
	return (uint32_t)(h ^ h >> 32);
}

/* Keeps the marking in tmp if it is new. */
static void reach(struct play *p, int node, int way)
{
	uint32_t i = hash(p, p->tmp) & (p->n_slots - 1);
	struct marking *m;

	while (p->slot[i] != 0) {
		if (memcmp(p->m[p->slot[i] - 1].flow, p->tmp, p->words * sizeof *p->tmp) == 0)
			return;
		i = (i + 1) & (p->n_slots - 1);
	}
	if (p->n >= MARKINGS_MAX) {
		p->full = true;
		return;
	}
	p->m = arena_grow(p->a, p->m, &p->cap, (size_t)p->n + 1, sizeof *p->m);
	m = &p->m[p->n++];
	*m = (struct marking){.flow = arena_memdup(p->a, p->tmp, p->words * sizeof *p->tmp),
	        .from = p->at,
	        .node = p->choices > 1 ? node : -1,
	        .way = way};
	p->slot[i] = p->n;
}

/* ---- ways out ---- */

/* From the marking `at`, without the flows that were taken up, to that with the flows of the subset. */
static void go(struct play *p, const uint64_t *base, int node, const int *flow, int n, int way)
{
	p->work += (int64_t)p->words + n;
	memcpy(p->tmp, base, p->words * sizeof *base);
	for (int i = 0; i < n; i++)
		put(p->tmp, flow[i]);
	reach(p, node, way);
}

struct ways {
	int *always, *maybe;
	int n_always, n_maybe;
};

/* beside: a boundary event that has fired without interrupting, NULL for none. */
static struct ways ways_of(struct play *p, const struct bpmn__node *n, const struct bpmn__node *beside)
{
	int extra = beside ? beside->n_out : 0;
	struct ways w = {.always = arena_array(p->a, (size_t)(n->n_out + extra) + 1, sizeof(int)),
	        .maybe = arena_array(p->a, (size_t)n->n_out, sizeof(int))};
	bool one = n->kind == KIND_XOR || n->kind == KIND_EVENT_GATEWAY;

	for (int i = 0; i < n->n_out; i++) {
		if (n->out[i] == n->dflt && !one)
			continue;
		if ((one && n->n_out > 1) || p->d->flow[n->out[i]].cond != NULL)
			w.maybe[w.n_maybe++] = n->out[i];
		else
			w.always[w.n_always++] = n->out[i];
	}
	for (int i = 0; i < extra; i++)
		w.always[w.n_always++] = beside->out[i];
	return w;
}

/* Every set of conditional ways that could be true; of many, each alone and all together. */
static void combinations(struct play *p, const uint64_t *base, int node, const struct ways *w, int way)
{
	int dflt = p->d->node[node].dflt, n = w->n_maybe;
	int *set = arena_array(p->a, (size_t)(w->n_always + n) + 1, sizeof *set);
	bool every = n <= SUBSETS_MAX;
	unsigned all = every ? 1u << n : (unsigned)n + 2;

	p->partly |= !every;
	for (unsigned s = 0; s < all && p->work <= WORK_MAX; s++) {
		int k = 0, first = way;

		p->work += n;
		for (int i = 0; i < w->n_always; i++)
			set[k++] = w->always[i];
		for (int i = 0; i < n; i++) {
			if (every ? !(s >> i & 1) : s != all - 1 && (int)s != i + 1)
				continue;
			set[k++] = w->maybe[i];
			first = first < 0 ? w->maybe[i] : first;
		}
		if (s == 0 && dflt >= 0) {
			set[k++] = dflt;
			first = first < 0 ? dflt : first;
		}
		if (k > 0)
			go(p, base, node, set, k, first);
	}
}

static void leave(struct play *p, const uint64_t *base, int node, const struct bpmn__node *beside)
{
	const struct bpmn__node *n = &p->d->node[node];
	struct ways w = ways_of(p, n, beside);
	int way = beside && beside->n_out > 0 ? beside->out[0] : -1;

	if (n->kind == KIND_XOR || n->kind == KIND_EVENT_GATEWAY) {
		if (w.n_always > 0)
			go(p, base, node, w.always, w.n_always, -1);
		for (int i = 0; i < w.n_maybe; i++)
			go(p, base, node, &w.maybe[i], 1, w.maybe[i]);
	} else if (w.n_maybe > 0)
		combinations(p, base, node, &w, way);
	else {
		if (n->dflt >= 0 && w.n_always == (beside ? beside->n_out : 0))
			w.always[w.n_always++] = n->dflt;
		go(p, base, node, w.always, w.n_always, way);
	}
}

/* ---- one step ---- */

/* Everything that follows when the node moves; its incoming flows are taken up in base. */
static void fire(struct play *p, const uint64_t *base, int node)
{
	const struct bpmn__node *n = &p->d->node[node];
	bool done_at_once = n->kind == KIND_PASS || n->kind == KIND_RULE || n->kind == KIND_SEND;

	p->fired[node] = true;
	p->choices = n->n_boundary + 1;
	for (int i = 0; i < n->n_out; i++)
		p->choices += p->d->flow[n->out[i]].cond != NULL;
	if ((n->kind == KIND_XOR || n->kind == KIND_EVENT_GATEWAY) && n->n_out > 1)
		p->choices = n->n_out;
	if (n->kind == KIND_END) {
		if (n->trigger == TRIGGER_TERMINATE || n->trigger == TRIGGER_ERROR) {
			memset(p->tmp, 0, p->words * sizeof *p->tmp);
			reach(p, node, -1);
		} else
			go(p, base, node, NULL, 0, -1);
		return;
	}
	leave(p, base, node, NULL);
	for (int i = 0; i < n->n_boundary; i++) {
		const struct bpmn__node *b = &p->d->node[n->boundary[i]];

		p->fired[n->boundary[i]] = true;
		if (done_at_once)
			continue;
		if (b->interrupting)
			go(p, base, node, b->out, b->n_out, b->n_out > 0 ? b->out[0] : -1);
		else
			leave(p, base, node, b);
	}
}

/* Two tokens where ways meet, and something to be done after it: it will be done twice. */
static void twice(struct play *p, int node, const int *flow, int n)
{
	const struct bpmn__node *x = &p->d->node[node], *to;

	if (n < 2 || p->told[node] || x->kind == KIND_END)
		return;
	to = x->n_out == 1 && bpmn__is_gateway(x->kind) ? &p->d->node[p->d->flow[x->out[0]].to] : NULL;
	if (to != NULL && to->kind == KIND_END)
		return;
	p->told[node] = true;
	say(p, false, x, p->at,
	        "what follows runs twice: tokens come by \"%.60s\" and by \"%.60s\" at the same time and are "
	        "not "
	        "joined",
	        p->d->flow[flow[0]].id, p->d->flow[flow[1]].id);
}

/* Where the token of the flow stands in line to move; INT_MAX: it waits at a join. */
static int turn(const struct play *p, const uint64_t *set, int flow)
{
	int to = p->d->flow[flow].to;
	const struct bpmn__node *n = &p->d->node[to];

	if (is_or_join(n))
		return INT_MAX;
	for (int i = 0; is_and_join(n) && i < n->n_in; i++)
		if (!has(set, n->in[i]))
			return INT_MAX;
	/* What it would end is looked at before. */
	return n->kind == KIND_END && n->trigger == TRIGGER_TERMINATE ? INT_MAX - 1 : p->rank[to];
}

/* The node whose turn it is; -1: all tokens wait at joins. */
static int next_node(struct play *p, const uint64_t *set)
{
	int best = -1, first = INT_MAX;

	for (size_t w = 0; w < p->words; w++)
		for (uint64_t rest = set[w]; rest != 0; rest &= rest - 1) {
			int flow = (int)w * 64 + __builtin_ctzll(rest), at = turn(p, set, flow);

			p->work += p->d->node[p->d->flow[flow].to].n_in;
			if (at >= first)
				continue;
			first = at;
			best = p->d->flow[flow].to;
		}
	return best;
}

/* The inclusive join that may go on when nothing else moves. */
static int next_or_join(struct play *p, const uint64_t *set)
{
	bool *to_empty = arena_array(p->a, (size_t)p->d->n_nodes, sizeof *to_empty);
	bool *to_full = arena_array(p->a, (size_t)p->d->n_nodes, sizeof *to_full);
	int *stack = arena_array(p->a, (size_t)p->d->n_nodes, sizeof *stack);

	for (int f = 0; f < p->d->n_flows; f++) {
		int to = p->d->flow[f].to;
		const struct bpmn__node *n = &p->d->node[to];
		bool ready = true;

		if (!has(set, f) || !is_or_join(n))
			continue;
		p->work += 4 * ((int64_t)p->d->n_nodes + p->d->n_flows);
		if (p->work > WORK_MAX)
			return -1;
		memset(to_empty, 0, (size_t)p->d->n_nodes * sizeof *to_empty);
		memset(to_full, 0, (size_t)p->d->n_nodes * sizeof *to_full);
		for (int i = 0; i < n->n_in; i++)
			bpmn__mark_upstream(p->d, to, p->d->flow[n->in[i]].from,
			        has(set, n->in[i]) ? to_full : to_empty, stack);
		for (int k = 0; k < p->d->n_flows && ready; k++) {
			int at = p->d->flow[k].to;

			ready = !has(set, k) || at == to || !to_empty[at] || to_full[at];
		}
		if (ready)
			return to;
	}
	return -1;
}

/* Tokens are left and nothing can move. */
static void deadlock(struct play *p, const uint64_t *set)
{
	for (int f = 0; f < p->d->n_flows; f++) {
		int to = p->d->flow[f].to, missing = -1;
		const struct bpmn__node *n = &p->d->node[to];

		if (!has(set, f) || p->told[to])
			continue;
		for (int i = 0; i < n->n_in && missing < 0; i++)
			if (!has(set, n->in[i]))
				missing = n->in[i];
		p->told[to] = true;
		say(p, false, n, p->at,
		        "it waits for ever: a token has come by \"%.60s\", and none can come by \"%.60s\"",
		        p->d->flow[f].id, missing >= 0 ? p->d->flow[missing].id : "");
	}
}

static void step(struct play *p)
{
	uint64_t *base = arena_memdup(p->a, p->m[p->at].flow, p->words * sizeof *base);
	int node = next_node(p, base), *came, n = 0;

	if (node < 0)
		node = next_or_join(p, base);
	if (node < 0) {
		if (p->work <= WORK_MAX)
			deadlock(p, base);
		return;
	}
	came = arena_array(p->a, (size_t)p->d->node[node].n_in, sizeof *came);
	for (int i = 0; i < p->d->node[node].n_in; i++)
		if (has(base, p->d->node[node].in[i]))
			came[n++] = p->d->node[node].in[i];
	if (!is_and_join(&p->d->node[node]) && !is_or_join(&p->d->node[node]))
		twice(p, node, came, n);
	/* Of several that are not joined one is as good as the other from here on. */
	for (int i = 0; i < n; i++)
		take(base, came[i]);
	fire(p, base, node);
}

/* ---- one scope ---- */

/* Reverse postorder of a walk along the flows: in a part without loops every node is after all that lead to
 * it. */
static void ranks(struct play *p, int start)
{
	size_t all = (size_t)p->d->n_nodes;
	int *stack = arena_array(p->a, all + 1, sizeof *stack), *next = arena_array(p->a, all, sizeof *next);
	int depth = 0, rank = p->d->n_nodes;

	for (size_t i = 0; i < all; i++)
		p->rank[i] = -1;
	p->rank[start] = 0;
	stack[depth++] = start;
	while (depth > 0) {
		const struct bpmn__node *n = &p->d->node[stack[depth - 1]];
		int k = next[stack[depth - 1]]++, to;

		if (k >= n->n_out + n->n_boundary) {
			p->rank[stack[--depth]] = rank--;
			continue;
		}
		to = k < n->n_out ? p->d->flow[n->out[k]].to : n->boundary[k - n->n_out];
		if (p->rank[to] >= 0)
			continue;
		p->rank[to] = 0;
		stack[depth++] = to;
	}
}

static bool done(const struct play *p, int at)
{
	for (size_t i = 0; i < p->words; i++)
		if (p->m[at].flow[i] != 0)
			return false;
	return true;
}

/* Plays every marking that can come of the start: near ones first, so that the ways told are short; or, if
 * there are too many for that, each to its end before the next. */
static void play_from(struct play *p, int start, bool deep)
{
	int *todo = NULL, open = 0, seen = 0, next = 0;
	size_t cap = 0;

	p->m = NULL;
	p->n = 0;
	p->cap = 0;
	p->full = false;
	memset(p->slot, 0, p->n_slots * sizeof *p->slot);
	p->work += p->n_slots / 16 + p->d->n_nodes + p->d->n_flows;
	p->at = -1;
	memset(p->tmp, 0, p->words * sizeof *p->tmp);
	fire(p, arena_memdup(p->a, p->tmp, p->words * sizeof *p->tmp), start);
	for (;;) {
		for (; deep && seen < p->n; seen++) {
			todo = arena_grow(p->a, todo, &cap, (size_t)open + 1, sizeof *todo);
			todo[open++] = seen;
		}
		if (deep ? open == 0 : next == p->n)
			break;
		p->at = deep ? todo[--open] : next++;
		if (!done(p, p->at))
			step(p);
		p->work += (int64_t)p->words;
		p->full |= p->work > WORK_MAX || arena_used(p->a) > MEMORY_MAX;
		if (p->full)
			break;
	}
	p->partly |= p->full;
}

/* What nothing has reached although flows lead there: a join that never passes, and what lies behind it. */
static void unreached(struct play *p, int parent)
{
	bool joins = false;

	for (int i = 0; i < p->d->n_nodes; i++) {
		const struct bpmn__node *n = &p->d->node[i];

		if (n->parent != parent || p->fired[i] || !p->told[i])
			continue;
		joins = true;
		say(p, true, n, -1,
		        "this join never passes, whatever way is gone: its flows exclude one another");
	}
	for (int i = 0; i < p->d->n_nodes && !joins; i++) {
		const struct bpmn__node *n = &p->d->node[i];

		if (n->parent == parent && !p->fired[i] && !n->handler)
			say(p, true, n, -1, "it is dead: no way of going through the process reaches it");
	}
}

/* Nobody should take silence for a yes. */
static void not_decided(struct play *p, int parent)
{
	const struct bpmn__node *n = parent >= 0 ? &p->d->node[parent] : NULL;

	if (p->tell)
		p->tell(p->ctx, false, n ? n->pub.id : p->d->id, n ? n->pub.line : p->d->line,
		        "not decided whether it always comes to an end: it has too many different "
		        "situations, "
		        "and only a part of them was looked at");
}

static void scope(struct play *p, int parent)
{
	const struct bpmn_def *d = p->d;

	if (p->work > WORK_MAX) {
		not_decided(p, parent);
		return;
	}
	p->a = arena_new(0);
	p->partly = false;
	p->words = (size_t)d->n_flows / 64 + 1;
	p->rank = arena_array(p->a, (size_t)d->n_nodes, sizeof *p->rank);
	p->fired = arena_array(p->a, (size_t)d->n_nodes, sizeof *p->fired);
	p->told = arena_array(p->a, (size_t)d->n_nodes, sizeof *p->told);
	p->tmp = arena_array(p->a, p->words, sizeof *p->tmp);
	p->n_slots = 1;
	while (p->n_slots < 2 * MARKINGS_MAX)
		p->n_slots *= 2;
	p->slot = arena_array(p->a, p->n_slots, sizeof *p->slot);
	for (int i = 0; i < d->n_nodes && p->work <= WORK_MAX; i++)
		if (d->node[i].kind == KIND_START && d->node[i].parent == parent) {
			ranks(p, i);
			play_from(p, i, false);
			if (p->full)
				play_from(p, i, true);
		}
	if (p->partly)
		not_decided(p, parent);
	else
		unreached(p, parent);
	arena_free(&p->a);
}

int bpmn__sound(const struct bpmn_def *d, bpmn__tell_f *tell, void *ctx)
{
	struct play p = {.d = d, .tell = tell, .ctx = ctx};

	scope(&p, -1);
	for (int i = 0; i < d->n_nodes && p.findings < FINDINGS_MAX; i++)
		if (d->node[i].kind == KIND_SUB)
			scope(&p, i);
	return p.errors;
}

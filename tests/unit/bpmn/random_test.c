/*
 * The engine against a slow interpreter of the token game that keeps to the words of the standard: tokens
 * lie on sequence flows, a node fires when its rule allows, an inclusive gateway follows paths flow by flow.
 * Both are given the same random process and the same random inputs; after each the same tasks and timers
 * must be open.
 */
#include "play.h"

#include "check.h"

enum { MODELS = 250, INPUTS = 40, NODES = 400, FLOWS = 600, VARS = 5 };

enum what { W_START, W_END, W_TASK, W_XOR, W_AND, W_OR, W_SUB, W_TIMER };

struct mnode {
	enum what what;
	int scope; /* sub-process it lies in, -1 */
	int host;  /* of a timer */
	bool interrupting;
};
struct mflow {
	int from, to;
	int var; /* condition: this variable is true; -1 none */
	bool dflt;
};
struct model {
	struct mnode node[NODES];
	struct mflow flow[FLOWS];
	int n, f;
	uint64_t seed;
};

static unsigned roll(struct model *m, unsigned n)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
	return n > 0 ? (unsigned)(m->seed >> 33) % n : 0;
}

/* ---- making a model ---- */

static int add(struct model *m, enum what what, int scope)
{
	must(m->n < NODES);
	m->node[m->n] = (struct mnode){.what = what, .scope = scope, .host = -1};
	return m->n++;
}

static void join(struct model *m, int from, int to, int var, bool dflt)
{
	must(m->f < FLOWS);
	m->flow[m->f++] = (struct mflow){from, to, var, dflt};
}

struct block {
	int in, out;
};
static struct block make(struct model *m, int depth, int scope);

static struct block make_task(struct model *m, int scope)
{
	int t = add(m, W_TASK, scope);
	struct block b = {t, t};

	if (roll(m, 4) == 0) {
		int timer = add(m, W_TIMER, scope), late = add(m, W_TASK, scope);

		m->node[timer].host = t;
		m->node[timer].interrupting = roll(m, 2);
		join(m, timer, late, -1, false);
		if (m->node[timer].interrupting) {
			b.out = add(m, W_XOR, scope);
			join(m, t, b.out, -1, false);
			join(m, late, b.out, -1, false);
		} else
			join(m, late, add(m, W_END, scope), -1, false);
	}
	return b;
}

static struct block make_split(struct model *m, enum what what, int depth, int scope)
{
	int split = add(m, what, scope), merge = add(m, what, scope), n = 2 + (int)roll(m, 2);

	for (int i = 0; i < n; i++) {
		struct block b = make(m, depth - 1, scope);
		bool last = i == n - 1;
		int from = split, var = what == W_AND || last ? -1 : (int)roll(m, VARS);
		bool dflt = what != W_AND && last;

		/* A way past the branch, straight to the join: it is no longer one token for each flow. */
		if (what == W_OR && roll(m, 3) == 0) {
			int skip = add(m, W_XOR, scope);

			join(m, split, skip, var, dflt);
			join(m, skip, merge, (int)roll(m, VARS), false);
			from = skip;
			var = -1;
			dflt = true;
		}
		join(m, from, b.in, var, dflt);
		join(m, b.out, merge, -1, false);
	}
	return (struct block){split, merge};
}

static struct block make_loop(struct model *m, int depth, int scope)
{
	int in = add(m, W_XOR, scope), out = add(m, W_XOR, scope);
	struct block t = make_task(m, scope), b = make(m, depth - 1, scope);

	join(m, in, t.in, -1, false);
	join(m, t.out, b.in, -1, false);
	join(m, b.out, out, -1, false);
	join(m, out, in, (int)roll(m, VARS), false);
	/* The way on is given by whoever takes this block; it is the default. */
	return (struct block){in, out};
}

static struct block make_sub(struct model *m, int depth, int scope)
{
	int sub = add(m, W_SUB, scope), start = add(m, W_START, sub), end = add(m, W_END, sub);
	struct block b = make(m, depth - 1, sub);

	join(m, start, b.in, -1, false);
	join(m, b.out, end, -1, false);
	return (struct block){sub, sub};
}

static struct block make(struct model *m, int depth, int scope)
{
	struct block a, b;

	if (depth == 0 || m->n > NODES / 2)
		return make_task(m, scope);
	switch (roll(m, 8)) {
	case 0: return make_split(m, W_XOR, depth, scope);
	case 1: return make_split(m, W_AND, depth, scope);
	case 2:
	case 3: return make_split(m, W_OR, depth, scope);
	case 4: return make_loop(m, depth, scope);
	case 5: return make_sub(m, depth, scope);
	case 6: return make_task(m, scope);
	default:
		a = make(m, depth - 1, scope);
		b = make(m, depth - 1, scope);
		join(m, a.out, b.in, -1, false);
		return (struct block){a.in, b.out};
	}
}

/* A gateway with a condition on one way out takes the other as its default. */
static void set_defaults(struct model *m)
{
	for (int i = 0; i < m->f; i++)
		for (int k = 0; k < m->f; k++)
			if (m->flow[k].from == m->flow[i].from && m->flow[k].var >= 0 && m->flow[i].var < 0 &&
			        (m->node[m->flow[i].from].what == W_XOR ||
			                m->node[m->flow[i].from].what == W_OR))
				m->flow[i].dflt = true;
}

static void write_scope(struct model *m, int scope, struct sb *b)
{
	for (int i = 0; i < m->n; i++) {
		static const char *const NAMES[] = {[W_START] = "startEvent",
		        [W_END] = "endEvent",
		        [W_TASK] = "userTask",
		        [W_XOR] = "exclusiveGateway",
		        [W_AND] = "parallelGateway",
		        [W_OR] = "inclusiveGateway",
		        [W_SUB] = "subProcess",
		        [W_TIMER] = "boundaryEvent"};
		const struct mnode *x = &m->node[i];

		if (x->scope != scope)
			continue;
		sb_printf(b, "<%s id='n%d'", NAMES[x->what], i);
		for (int k = 0; k < m->f; k++)
			if (m->flow[k].from == i && m->flow[k].dflt)
				sb_printf(b, " default='f%d'", k);
		if (x->what == W_TIMER)
			sb_printf(b, " attachedToRef='n%d' cancelActivity='%s'", x->host,
			        x->interrupting ? "true" : "false");
		sb_putc(b, '>');
		if (x->what == W_TIMER)
			sb_puts(b, "<timerEventDefinition><timeDuration>PT1H</timeDuration></"
			           "timerEventDefinition>");
		if (x->what == W_SUB)
			write_scope(m, i, b);
		sb_printf(b, "</%s>\n", NAMES[x->what]);
	}
	for (int k = 0; k < m->f; k++) {
		if (m->node[m->flow[k].from].scope != scope)
			continue;
		sb_printf(b, "<sequenceFlow id='f%d' sourceRef='n%d' targetRef='n%d'>", k, m->flow[k].from,
		        m->flow[k].to);
		if (m->flow[k].var >= 0)
			sb_printf(b, "<conditionExpression>v%d</conditionExpression>", m->flow[k].var);
		sb_puts(b, "</sequenceFlow>\n");
	}
}

/* ---- the slow interpreter ---- */

/* At most one instance of a sub-process runs at a time in these models, so that one marking does for all. */
struct marking {
	int token[FLOWS];
	int active[NODES]; /* instances of tasks and sub-processes */
	int armed[NODES];  /* timers that have not fired */
	bool var[VARS];
};

static bool scope_empty(const struct model *m, const struct marking *k, int scope)
{
	for (int i = 0; i < m->f; i++)
		if (m->node[m->flow[i].from].scope == scope && k->token[i] > 0)
			return false;
	for (int i = 0; i < m->n; i++)
		if (m->node[i].scope == scope && k->active[i] > 0)
			return false;
	return true;
}

static void produce(const struct model *m, struct marking *k, int node)
{
	int dflt = -1;
	bool any = false;

	for (int i = 0; i < m->f; i++) {
		const struct mflow *f = &m->flow[i];

		if (f->from != node)
			continue;
		if (f->dflt) {
			dflt = i;
			continue;
		}
		if (f->var >= 0 && !k->var[f->var])
			continue;
		if (any && m->node[node].what == W_XOR)
			continue;
		any = true;
		k->token[i]++;
	}
	if (!any && dflt >= 0)
		k->token[dflt]++;
}

/* Can a path that begins with flow f end with an incoming flow of the gateway that is (not) empty? */
static bool path(const struct model *m, const struct marking *k, int f, int gateway, bool empty, bool *seen)
{
	if (seen[f])
		return false;
	seen[f] = true;
	if (m->flow[f].to == gateway)
		return (k->token[f] == 0) == empty;
	for (int i = 0; i < m->f; i++) {
		int from = m->flow[i].from;
		bool on = from == m->flow[f].to ||
		          (m->node[from].what == W_TIMER && m->node[from].host == m->flow[f].to);

		if (on && path(m, k, i, gateway, empty, seen))
			return true;
	}
	return false;
}

/* Does a token here (on flow f, or f -1: in the activity) stand in the way of the gateway? */
static bool holds_up(const struct model *m, const struct marking *k, int f, int activity, int gateway)
{
	bool to_empty = false, to_full = false;

	for (int i = 0; i < m->f; i++) {
		bool seen[FLOWS] = {false}, seen2[FLOWS] = {false};
		int from = m->flow[i].from;
		bool begins = f >= 0 ? i == f
		                     : from == activity || (m->node[from].what == W_TIMER &&
		                                                   m->node[from].host == activity);

		if (!begins)
			continue;
		to_empty |= path(m, k, i, gateway, true, seen);
		to_full |= path(m, k, i, gateway, false, seen2);
	}
	return to_empty && !to_full;
}

static bool inclusive_may(const struct model *m, const struct marking *k, int gateway)
{
	for (int i = 0; i < m->f; i++)
		if (k->token[i] > 0 && holds_up(m, k, i, -1, gateway))
			return false;
	for (int i = 0; i < m->n; i++)
		if (k->active[i] > 0 && holds_up(m, k, -1, i, gateway))
			return false;
	return true;
}

static void consume(const struct model *m, struct marking *k, int node)
{
	for (int i = 0; i < m->f; i++)
		if (m->flow[i].to == node && k->token[i] > 0)
			k->token[i]--;
}

static void arm_timers(const struct model *m, struct marking *k, int host, int by)
{
	for (int i = 0; i < m->n; i++)
		if (m->node[i].what == W_TIMER && m->node[i].host == host)
			k->armed[i] += by;
}

/* One token of flow f moves into its target, if it may. */
static bool move(const struct model *m, struct marking *k, int f)
{
	int to = m->flow[f].to;

	switch (m->node[to].what) {
	case W_TASK:
	case W_SUB:
		k->token[f]--;
		k->active[to]++;
		arm_timers(m, k, to, 1);
		for (int i = 0; i < m->n && m->node[to].what == W_SUB; i++)
			if (m->node[i].scope == to && m->node[i].what == W_START)
				produce(m, k, i);
		return true;
	case W_END: k->token[f]--; return true;
	case W_XOR:
		k->token[f]--;
		produce(m, k, to);
		return true;
	case W_AND:
		for (int i = 0; i < m->f; i++)
			if (m->flow[i].to == to && k->token[i] == 0)
				return false;
		consume(m, k, to);
		produce(m, k, to);
		return true;
	case W_OR:
		if (!inclusive_may(m, k, to))
			return false;
		consume(m, k, to);
		produce(m, k, to);
		return true;
	default: wrong("a flow leads into a start or a timer");
	}
}

static void settle(const struct model *m, struct marking *k)
{
	bool moved = true;

	while (moved) {
		moved = false;
		for (int i = 0; i < m->f; i++)
			if (k->token[i] > 0)
				moved |= move(m, k, i);
		for (int i = 0; i < m->n; i++)
			if (m->node[i].what == W_SUB && k->active[i] > 0 && scope_empty(m, k, i)) {
				k->active[i]--;
				produce(m, k, i);
				moved = true;
			}
	}
}

/* ---- comparing ---- */

static int node_number(const char *id)
{
	return (int)strtol(id + 1, NULL, 10);
}

static bool same(struct play *p, const struct model *m, const struct marking *k)
{
	int open[NODES] = {0};
	struct bpmn_open *o;
	size_t n = bpmn_state_open(p->s, p->a, &o);
	bool ok = true;

	for (size_t i = 0; i < n; i++)
		open[node_number(o[i].element)]++;
	for (int i = 0; i < m->n; i++) {
		if (m->node[i].what == W_TASK)
			ok &= check_eq_i(open[i], k->active[i]);
		if (m->node[i].what == W_TIMER)
			ok &= check_eq_i(open[i], k->armed[i]);
	}
	return check_eq_i(bpmn_state_ended(p->s), scope_empty(m, k, -1)) && ok;
}

static struct feel_value *random_vars(struct play *p, struct model *m, struct marking *k)
{
	struct feel_value *v = arena_alloc(p->a, sizeof *v);

	v->type = FEEL_CONTEXT;
	for (int i = 0; i < VARS; i++) {
		k->var[i] = roll(m, 2);
		feel_put(p->a, v, str_of(arena_printf(p->a, "v%d", i)), feel_bool(k->var[i]));
	}
	return v;
}

static bool one_input(struct play *p, struct model *m, struct marking *k)
{
	struct bpmn_open *o;
	size_t n = bpmn_state_open(p->s, p->a, &o), pick;
	int node;

	if (!check(n > 0))
		return false;
	pick = roll(m, (unsigned)n);
	node = node_number(o[pick].element);
	if (o[pick].what == BPMN_OPEN_TASK) {
		struct feel_value *v = random_vars(p, m, k);
		/* A fired timer is not there to be taken away. */
		bool armed = false;

		for (size_t i = pick + 1; i < n && !armed; i++)
			armed = o[i].what == BPMN_OPEN_TIMER &&
			        m->node[node_number(o[i].element)].host == node;
		play_step(p, &(struct bpmn_input){.type = BPMN_COMPLETE, .key = o[pick].key, .variables = v});
		k->active[node]--;
		if (armed)
			arm_timers(m, k, node, -1);
		produce(m, k, node);
	} else {
		play_step(p, &(struct bpmn_input){.type = BPMN_TIMER, .key = o[pick].key});
		k->armed[node]--;
		if (m->node[node].interrupting)
			k->active[m->node[node].host]--;
		produce(m, k, node);
	}
	settle(m, k);
	return check_eq_i(p->rc, 0) && same(p, m, k);
}

static bool one_model(struct model *m, uint64_t seed)
{
	struct marking k = {0};
	struct sb b = SB_INIT;
	struct play p;
	struct block block;
	int start, end;
	bool ok;

	*m = (struct model){.seed = seed};
	start = add(m, W_START, -1);
	end = add(m, W_END, -1);
	block = make(m, 4, -1);
	join(m, start, block.in, -1, false);
	join(m, block.out, end, -1, false);
	set_defaults(m);
	write_scope(m, -1, &b);
	ok = play_begin(&p, b.p);
	if (ok) {
		play_step(&p, &(struct bpmn_input){.type = BPMN_START, .variables = random_vars(&p, m, &k)});
		produce(m, &k, start);
		settle(m, &k);
		ok = check_eq_i(p.rc, 0) && same(&p, m, &k);
	}
	for (int i = 0; i < INPUTS && ok && !bpmn_state_ended(p.s); i++)
		ok = one_input(&p, m, &k);
	if (!ok)
		check_fail("model %llu:\n%s\nstate after: %s", (unsigned long long)seed, b.p, play_open(&p));
	sb_fini(&b);
	play_end(&p);
	return ok;
}

TEST(engine_and_token_game_agree)
{
	struct model *m = xcalloc(1, sizeof *m);

	for (uint64_t seed = 1; seed <= MODELS; seed++)
		if (!one_model(m, seed))
			break;
	free(m);
}

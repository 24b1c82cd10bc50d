/* Random processes, made of blocks. */
#include "model.h"

#include "check.h"

unsigned model_roll(struct model *m, unsigned n)
{
	m->seed = m->seed * 6364136223846793005u + 1442695040888963407u;
	return n > 0 ? (unsigned)(m->seed >> 33) % n : 0;
}

static int add(struct model *m, enum what what, int scope)
{
	must(m->n < MODEL_NODES);
	m->node[m->n] = (struct mnode){.what = what, .scope = scope, .host = -1, .times = -1, .until = -1};
	return m->n++;
}

static void join(struct model *m, int from, int to, int var, bool dflt)
{
	must(m->f < MODEL_FLOWS);
	m->flow[m->f++] = (struct mflow){from, to, var, dflt};
}

struct block {
	int in, out;
};
static struct block make(struct model *m, int depth, int scope);
static void fill(struct model *m, int depth, int scope);

/* Now and then an activity is carried out several times. */
static void repeat(struct model *m, int activity)
{
	struct mnode *x = &m->node[activity];

	if (model_roll(m, 4) != 0)
		return;
	x->times = (int)model_roll(m, 4);
	x->sequential = model_roll(m, 2);
	if (model_roll(m, 3) == 0)
		x->until = (int)model_roll(m, MODEL_VARS);
}

/* What a boundary event leads to: one more task, and back to the way on if the activity was interrupted. */
static void way_of_boundary(struct model *m, int event, int scope, struct block *b)
{
	int late = add(m, W_TASK, scope), merge;

	join(m, event, late, -1, false);
	if (!m->node[event].interrupting) {
		join(m, late, add(m, W_END, scope), -1, false);
		return;
	}
	merge = add(m, W_XOR, scope);
	join(m, b->out, merge, -1, false);
	join(m, late, merge, -1, false);
	b->out = merge;
}

static struct block activity(struct model *m, enum what what, int scope)
{
	int a = add(m, what, scope);
	struct block b = {a, a};

	repeat(m, a);
	if (model_roll(m, 4) == 0) {
		int timer = add(m, W_TIMER, scope);

		m->node[timer].host = a;
		m->node[timer].interrupting = model_roll(m, 2);
		way_of_boundary(m, timer, scope, &b);
	}
	return b;
}

static struct block make_split(struct model *m, enum what what, int depth, int scope)
{
	int split = add(m, what, scope), merge = add(m, what, scope), n = 2 + (int)model_roll(m, 2);

	for (int i = 0; i < n; i++) {
		struct block b = make(m, depth - 1, scope);
		bool last = i == n - 1;
		int from = split, var = what == W_AND || last ? -1 : (int)model_roll(m, MODEL_VARS);
		bool dflt = what != W_AND && last;

		/* A way past the branch, straight to the join: it is no longer one token for each flow. */
		if (what == W_OR && model_roll(m, 3) == 0) {
			int skip = add(m, W_XOR, scope);

			join(m, split, skip, var, dflt);
			join(m, skip, merge, (int)model_roll(m, MODEL_VARS), false);
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
	int in = add(m, W_XOR, scope), out = add(m, W_XOR, scope), t = add(m, W_TASK, scope);
	struct block b = make(m, depth - 1, scope);

	join(m, in, t, -1, false);
	join(m, t, b.in, -1, false);
	join(m, b.out, out, -1, false);
	join(m, out, in, (int)model_roll(m, MODEL_VARS), false);
	/* The way on is given by whoever takes this block; it is the default. */
	return (struct block){in, out};
}

/* A task, and beside the way on one to a terminate event or an error that is caught. */
static void add_exit(struct model *m, int scope, int catcher, struct block *b)
{
	int task = add(m, W_TASK, scope), split = add(m, W_XOR, scope),
	    exit = add(m, catcher >= 0 ? W_ERROR : W_TERMINATE, scope);

	join(m, b->out, task, -1, false);
	join(m, task, split, -1, false);
	join(m, split, exit, (int)model_roll(m, MODEL_VARS), false);
	b->out = split;
}

/* The inside of a scope: start, block, end; an event sub-process now and then. */
static void fill_with(struct model *m, int depth, int scope, int catcher)
{
	int start = add(m, W_START, scope), end = add(m, W_END, scope), first = add(m, W_TASK, scope);
	struct block b = make(m, depth, scope);

	join(m, start, first, -1, false);
	join(m, first, b.in, -1, false);
	if (catcher >= 0 || model_roll(m, 4) == 0)
		add_exit(m, scope, catcher, &b);
	join(m, b.out, end, -1, false);
	if (model_roll(m, 3) == 0) {
		int h = add(m, W_HANDLER, scope), s = add(m, W_START, h), t = add(m, W_TASK, h),
		    e = add(m, W_END, h);

		m->node[h].interrupting = model_roll(m, 2);
		join(m, s, t, -1, false);
		join(m, t, e, -1, false);
	}
}

static void fill(struct model *m, int depth, int scope)
{
	fill_with(m, depth, scope, -1);
}

static struct block make_sub(struct model *m, int depth, int scope)
{
	struct block b = activity(m, W_SUB, scope);
	int catcher = -1;

	if (model_roll(m, 3) == 0) {
		catcher = add(m, W_CATCHES_ERROR, scope);
		m->node[catcher].host = b.in;
		m->node[catcher].interrupting = true;
		way_of_boundary(m, catcher, scope, &b);
	}
	fill_with(m, depth - 1, b.in, catcher);
	return b;
}

static struct block make_call(struct model *m, int depth, int scope)
{
	struct block b = activity(m, W_CALL, scope);
	int processes = 0;

	for (int i = 0; i < m->n; i++)
		processes += m->node[i].what == W_PROCESS;
	if (processes > 4) {
		m->node[b.in].what = W_TASK;
		return b;
	}
	m->node[b.in].called = add(m, W_PROCESS, -1);
	fill(m, depth - 1, m->node[b.in].called);
	return b;
}

static struct block make(struct model *m, int depth, int scope)
{
	struct block a, b;

	if (depth <= 0 || m->n > MODEL_NODES / 2)
		return activity(m, W_TASK, scope);
	switch (model_roll(m, 10)) {
	case 0: return make_split(m, W_XOR, depth, scope);
	case 1: return make_split(m, W_AND, depth, scope);
	case 2:
	case 3: return make_split(m, W_OR, depth, scope);
	case 4: return make_loop(m, depth, scope);
	case 5:
	case 6: return make_sub(m, depth, scope);
	case 7: return make_call(m, depth, scope);
	case 8: return activity(m, W_TASK, scope);
	default:
		a = make(m, depth - 1, scope);
		b = make(m, depth - 1, scope);
		join(m, a.out, b.in, -1, false);
		return (struct block){a.in, b.out};
	}
}

void model_make(struct model *m, uint64_t seed)
{
	*m = (struct model){.seed = seed};
	add(m, W_PROCESS, -1);
	fill(m, 4, 0);
	/* A gateway with a condition on one way out takes the other as its default. */
	for (int i = 0; i < m->f; i++)
		for (int k = 0; k < m->f; k++)
			if (m->flow[k].from == m->flow[i].from && m->flow[k].var >= 0 && m->flow[i].var < 0 &&
			        (m->node[m->flow[i].from].what == W_XOR ||
			                m->node[m->flow[i].from].what == W_OR))
				m->flow[i].dflt = true;
}

/* ---- as XML ---- */

static const char *const NAMES[] = {[W_START] = "startEvent",
        [W_END] = "endEvent",
        [W_TERMINATE] = "endEvent",
        [W_ERROR] = "endEvent",
        [W_TASK] = "userTask",
        [W_XOR] = "exclusiveGateway",
        [W_AND] = "parallelGateway",
        [W_OR] = "inclusiveGateway",
        [W_SUB] = "subProcess",
        [W_CALL] = "callActivity",
        [W_TIMER] = "boundaryEvent",
        [W_CATCHES_ERROR] = "boundaryEvent",
        [W_HANDLER] = "subProcess"};

static void write_attributes(const struct model *m, int i, struct sb *b)
{
	const struct mnode *x = &m->node[i];

	sb_printf(b, "<%s id='n%d'", NAMES[x->what], i);
	for (int k = 0; k < m->f; k++)
		if (m->flow[k].from == i && m->flow[k].dflt)
			sb_printf(b, " default='f%d'", k);
	if (x->host >= 0)
		sb_printf(b, " attachedToRef='n%d' cancelActivity='%s'", x->host,
		        x->interrupting ? "true" : "false");
	if (x->what == W_HANDLER)
		sb_puts(b, " triggeredByEvent='true'");
	if (x->what == W_START && m->node[x->scope].what == W_HANDLER && !m->node[x->scope].interrupting)
		sb_puts(b, " isInterrupting='false'");
	if (x->what == W_CALL)
		sb_printf(b, " calledElement='n%d'", x->called);
	sb_putc(b, '>');
}

static void write_inside(const struct model *m, int i, struct sb *b)
{
	const struct mnode *x = &m->node[i];

	if (x->times >= 0) {
		sb_printf(b,
		        "<multiInstanceLoopCharacteristics "
		        "isSequential='%s'><loopCardinality>%d</loopCardinality>",
		        x->sequential ? "true" : "false", x->times);
		if (x->until >= 0)
			sb_printf(b, "<completionCondition>v%d</completionCondition>", x->until);
		sb_puts(b, "</multiInstanceLoopCharacteristics>");
	}
	if (x->what == W_TIMER)
		sb_puts(b, "<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>");
	if (x->what == W_ERROR || x->what == W_CATCHES_ERROR)
		sb_puts(b, "<errorEventDefinition errorRef='x1'/>");
	if (x->what == W_TERMINATE)
		sb_puts(b, "<terminateEventDefinition/>");
	if (x->what == W_START && m->node[x->scope].what == W_HANDLER)
		sb_printf(b, "<messageEventDefinition messageRef='m%d'/>", x->scope);
}

static void write_scope(const struct model *m, int scope, struct sb *b)
{
	for (int i = 0; i < m->n; i++) {
		const struct mnode *x = &m->node[i];

		if (x->scope != scope)
			continue;
		write_attributes(m, i, b);
		write_inside(m, i, b);
		if (x->what == W_SUB || x->what == W_HANDLER)
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

void model_write(const struct model *m, struct sb *b)
{
	for (int i = 0; i < m->n; i++) {
		if (m->node[i].what != W_PROCESS)
			continue;
		if (i > 0)
			sb_printf(b, "</process>\n<process id='n%d' isExecutable='true'>\n", i);
		write_scope(m, i, b);
	}
	sb_puts(b, "</process>\n");
	for (int i = 0; i < m->n; i++)
		if (m->node[i].what == W_HANDLER)
			sb_printf(b, "<message id='m%d' name='n%d'/>\n", i, i);
	sb_puts(b, "<process id='unused'>");
}

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
	m->node[m->n] = (struct mnode){
	        .what = what, .scope = scope, .host = -1, .times = -1, .until = -1, .again = -1};
	return m->n++;
}

static void join(struct model *m, int from, int to, int var, bool dflt)
{
	must(m->f < MODEL_FLOWS);
	m->flow[m->f++] = (struct mflow){from, to, var, dflt};
}

int model_waiter(const struct model *m, int node)
{
	if (m->node[node].what == W_BOUNDARY)
		return m->node[node].host;
	for (int i = 0; i < m->f; i++)
		if (m->flow[i].to == node && m->node[m->flow[i].from].what == W_EVENT_GATE)
			return m->flow[i].from;
	return node;
}

/* error: somebody around catches one. */
struct inside {
	int scope;
	bool error;
};
struct block {
	int in, out;
};
static struct block make(struct model *m, int depth, struct inside in);
static void fill(struct model *m, int depth, struct inside in);

/* Now and then an activity is carried out several times. */
static void repeat(struct model *m, int activity)
{
	struct mnode *x = &m->node[activity];

	if (model_roll(m, 4) != 0)
		return;
	if (model_roll(m, 3) == 0) {
		x->standard = x->sequential = true;
		x->before = model_roll(m, 2);
		x->again = model_roll(m, 4) ? (int)model_roll(m, MODEL_VARS) : -1;
		x->times = x->again >= 0 && model_roll(m, 2) ? MODEL_NO_END : 1 + (int)model_roll(m, 3);
		return;
	}
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

static void add_boundary(struct model *m, int host, enum trig trig, bool interrupting, struct block *b)
{
	int scope = m->node[host].scope, event = add(m, W_BOUNDARY, scope);

	m->node[event].trig = trig;
	m->node[event].var = (int)model_roll(m, MODEL_VARS);
	m->node[event].host = host;
	m->node[event].interrupting = interrupting;
	way_of_boundary(m, event, scope, b);
}

static struct block activity(struct model *m, enum what what, int scope)
{
	static const enum trig TRIGS[] = {T_TIMER, T_TIMER, T_MESSAGE, T_SIGNAL, T_CONDITION};
	int a = add(m, what, scope);
	struct block b = {a, a};

	repeat(m, a);
	if (model_roll(m, 4) == 0)
		add_boundary(m, a, TRIGS[model_roll(m, ARRAY_LEN(TRIGS))], model_roll(m, 2), &b);
	return b;
}

/* Something to do: by a person, a service, or whoever sends the message. */
static struct block make_task(struct model *m, int scope)
{
	unsigned which = model_roll(m, 5);
	struct block b = activity(m, which == 0 ? W_SERVICE : which == 1 ? W_RECEIVE : W_TASK, scope);
	int a = b.in;

	if (which == 0 && model_roll(m, 2) == 0)
		add_boundary(m, a, T_ERROR, true, &b);
	if (which == 1)
		m->node[a].trig = T_MESSAGE;
	return b;
}

static int add_catch(struct model *m, int scope)
{
	static const enum trig TRIGS[] = {T_TIMER, T_MESSAGE, T_SIGNAL};
	int c = add(m, W_CATCH, scope);

	m->node[c].trig = TRIGS[model_roll(m, ARRAY_LEN(TRIGS))];
	return c;
}

static struct block make_catch(struct model *m, int scope)
{
	int gate, merge;

	if (model_roll(m, 2) == 0) {
		int c = add_catch(m, scope);

		return (struct block){c, c};
	}
	gate = add(m, W_EVENT_GATE, scope);
	merge = add(m, W_XOR, scope);
	for (unsigned n = 2 + model_roll(m, 2); n > 0; n--) {
		int c = add_catch(m, scope), t = add(m, W_TASK, scope);

		if (m->node[c].trig == T_MESSAGE && model_roll(m, 2) == 0)
			m->node[c].what = W_RECEIVE;
		join(m, gate, c, -1, false);
		join(m, c, t, -1, false);
		join(m, t, merge, -1, false);
	}
	return (struct block){gate, merge};
}

static struct block make_throw(struct model *m, int scope)
{
	int task = add(m, W_TASK, scope), t = add(m, W_THROW, scope);

	m->node[t].trig = model_roll(m, 2) ? T_SIGNAL : T_ESCALATION;
	join(m, task, t, -1, false);
	return (struct block){task, t};
}

static struct block make_split(struct model *m, enum what what, int depth, struct inside in)
{
	int scope = in.scope, split = add(m, what, scope), merge = add(m, what, scope),
	    n = 2 + (int)model_roll(m, 2);

	for (int i = 0; i < n; i++) {
		struct block b = make(m, depth - 1, in);
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

static struct block make_loop(struct model *m, int depth, struct inside in)
{
	int first = add(m, W_XOR, in.scope), last = add(m, W_XOR, in.scope), t = add(m, W_TASK, in.scope);
	struct block b = make(m, depth - 1, in);

	join(m, first, t, -1, false);
	join(m, t, b.in, -1, false);
	join(m, b.out, last, -1, false);
	join(m, last, first, (int)model_roll(m, MODEL_VARS), false);
	/* The way on is given by whoever takes this block; it is the default. */
	return (struct block){first, last};
}

/* A task, and beside the way on one to a terminate event or an error that is caught. */
static void add_exit(struct model *m, struct inside in, struct block *b)
{
	int task = add(m, W_TASK, in.scope), split = add(m, W_XOR, in.scope),
	    exit = add(m, in.error ? W_ERROR : W_TERMINATE, in.scope);

	join(m, b->out, task, -1, false);
	join(m, task, split, -1, false);
	join(m, split, exit, (int)model_roll(m, MODEL_VARS), false);
	b->out = split;
}

/* not: the trigger of another in the same scope, since two may not catch the same. in: what is around the
 * scope. */
static enum trig add_handler(struct model *m, struct inside in, enum trig not )
{
	static const enum trig TRIGS[] = {
	        T_TIMER, T_MESSAGE, T_MESSAGE, T_SIGNAL, T_CONDITION, T_ESCALATION, T_ERROR};
	int h = add(m, W_HANDLER, in.scope), s = add(m, W_START, h), t = add(m, W_TASK, h),
	    e = add(m, W_END, h);
	enum trig trig = TRIGS[model_roll(m, ARRAY_LEN(TRIGS))];
	struct block b = {t, t};

	m->node[h].trig = trig == not ? T_MESSAGE : trig;
	m->node[h].var = (int)model_roll(m, MODEL_VARS);
	m->node[h].interrupting = m->node[h].trig == T_ERROR || model_roll(m, 2);
	join(m, s, t, -1, false);
	if (model_roll(m, 4) == 0) {
		b.out = add(m, W_THROW, h);
		m->node[b.out].trig = T_ESCALATION;
		join(m, t, b.out, -1, false);
	}
	if (in.error && model_roll(m, 2) == 0)
		add_exit(m, (struct inside){h, true}, &b);
	join(m, b.out, e, -1, false);
	return m->node[h].trig;
}

/* The inside of a scope: start, block, end; an event sub-process now and then. */
static void fill(struct model *m, int depth, struct inside in)
{
	int start = add(m, W_START, in.scope), end = add(m, W_END, in.scope),
	    first = add(m, W_TASK, in.scope);
	const struct inside around = in;
	enum trig handler = T_NONE;
	struct block b;

	for (int i = 0; i < 2 && model_roll(m, 3) == 0; i++) {
		handler = add_handler(m, around, handler);
		in.error |= handler == T_ERROR;
	}
	b = make(m, depth, in);
	join(m, start, first, -1, false);
	join(m, first, b.in, -1, false);
	if (model_roll(m, in.error ? 2 : 4) == 0)
		add_exit(m, in, &b);
	join(m, b.out, end, -1, false);
}

/* What comes out of a sub-process or a call, and is caught at it. */
static bool add_catchers(struct model *m, int activity, struct block *b)
{
	bool error = model_roll(m, 3) == 0;

	if (error)
		add_boundary(m, activity, T_ERROR, true, b);
	if (model_roll(m, 3) == 0)
		add_boundary(m, activity, T_ESCALATION, model_roll(m, 2), b);
	return error;
}

static struct block make_sub(struct model *m, int depth, struct inside in)
{
	struct block b = activity(m, W_SUB, in.scope);
	int sub = b.in;
	bool error = add_catchers(m, sub, &b);

	fill(m, depth - 1, (struct inside){sub, in.error || error});
	return b;
}

static struct block make_call(struct model *m, int depth, struct inside in)
{
	struct block b = activity(m, W_CALL, in.scope);
	int processes = 0, call = b.in;
	bool error;

	for (int i = 0; i < m->n; i++)
		processes += m->node[i].what == W_PROCESS;
	if (processes > 4) {
		m->node[call].what = W_TASK;
		return b;
	}
	error = add_catchers(m, call, &b);
	m->node[call].called = add(m, W_PROCESS, -1);
	fill(m, depth - 1, (struct inside){m->node[call].called, in.error || error});
	return b;
}

static struct block make(struct model *m, int depth, struct inside in)
{
	struct block a, b;

	if (depth <= 0 || m->n > MODEL_NODES / 2)
		return make_task(m, in.scope);
	switch (model_roll(m, 13)) {
	case 0: return make_split(m, W_XOR, depth, in);
	case 1: return make_split(m, W_AND, depth, in);
	case 2:
	case 3: return make_split(m, W_OR, depth, in);
	case 4: return make_loop(m, depth, in);
	case 5:
	case 6: return make_sub(m, depth, in);
	case 7: return make_call(m, depth, in);
	case 8: return make_task(m, in.scope);
	case 9: return make_catch(m, in.scope);
	case 10: return make_throw(m, in.scope);
	default:
		a = make(m, depth - 1, in);
		b = make(m, depth - 1, in);
		join(m, a.out, b.in, -1, false);
		return (struct block){a.in, b.out};
	}
}

static bool in_first(const struct model *m, int node)
{
	while (m->node[node].scope >= 0)
		node = m->node[node].scope;
	return node == 0;
}

static bool is_activity(enum what what)
{
	return what == W_TASK || what == W_SERVICE || what == W_RECEIVE || what == W_SUB || what == W_CALL;
}

int model_add_timer(struct model *m)
{
	int host = (int)model_roll(m, (unsigned)m->n), event, end;

	/* What may run twice in one place: nobody could tell one timer from the other. */
	for (int s = m->node[host].scope; s >= 0; s = m->node[s].scope)
		if (m->node[s].what == W_HANDLER)
			return -1;
	for (int f = 0; f < m->f; f++)
		if (m->flow[f].to == host && m->node[m->flow[f].from].what == W_BOUNDARY &&
		        !m->node[m->flow[f].from].interrupting)
			return -1;
	/* What an event-based gateway leads to has no boundary events. */
	if (!is_activity(m->node[host].what) || !in_first(m, host) || model_waiter(m, host) != host ||
	        m->n + 2 > MODEL_NODES || m->f + 1 > MODEL_FLOWS)
		return -1;
	event = add(m, W_BOUNDARY, m->node[host].scope);
	end = add(m, W_END, m->node[host].scope);
	m->node[event].trig = T_TIMER;
	m->node[event].host = host;
	join(m, event, end, -1, false);
	return event;
}

void model_make(struct model *m, uint64_t seed)
{
	*m = (struct model){.seed = seed};
	add(m, W_PROCESS, -1);
	fill(m, 4, (struct inside){0});
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
        [W_SERVICE] = "serviceTask",
        [W_RECEIVE] = "receiveTask",
        [W_XOR] = "exclusiveGateway",
        [W_AND] = "parallelGateway",
        [W_OR] = "inclusiveGateway",
        [W_SUB] = "subProcess",
        [W_CALL] = "callActivity",
        [W_BOUNDARY] = "boundaryEvent",
        [W_HANDLER] = "subProcess",
        [W_CATCH] = "intermediateCatchEvent",
        [W_THROW] = "intermediateThrowEvent",
        [W_EVENT_GATE] = "eventBasedGateway"};

const char *model_node_id(const struct model *m, int node, char buf[16])
{
	snprintf(buf, 16, "%c%d", m->renamed && node > 0 && in_first(m, node) ? 'k' : 'n', node);
	return buf;
}

const char *model_flow_id(const struct model *m, int flow, char buf[16])
{
	snprintf(buf, 16, "%c%d", m->renamed && in_first(m, m->flow[flow].from) ? 'g' : 'f', flow);
	return buf;
}

static void write_attributes(const struct model *m, int i, struct sb *b)
{
	const struct mnode *x = &m->node[i];
	char id[16];

	sb_printf(b, "<%s id='%s'", NAMES[x->what], model_node_id(m, i, id));
	for (int k = 0; k < m->f; k++)
		if (m->flow[k].from == i && m->flow[k].dflt)
			sb_printf(b, " default='%s'", model_flow_id(m, k, id));
	if (x->host >= 0)
		sb_printf(b, " attachedToRef='%s' cancelActivity='%s'", model_node_id(m, x->host, id),
		        x->interrupting ? "true" : "false");
	if (x->what == W_SERVICE)
		sb_puts(b, " h:topic='t'");
	if (x->what == W_RECEIVE)
		sb_printf(b, " messageRef='m%d'", i);
	if (x->what == W_HANDLER)
		sb_puts(b, " triggeredByEvent='true'");
	if (x->what == W_START && m->node[x->scope].what == W_HANDLER && !m->node[x->scope].interrupting)
		sb_puts(b, " isInterrupting='false'");
	if (x->what == W_CALL)
		sb_printf(b, " calledElement='n%d'", x->called);
	sb_putc(b, '>');
}

static void write_trigger(const struct mnode *x, int id, struct sb *b)
{
	switch (x->trig) {
	case T_NONE: return;
	case T_TIMER:
		sb_puts(b, "<timerEventDefinition><timeDuration>PT1H</timeDuration></timerEventDefinition>");
		return;
	case T_MESSAGE: sb_printf(b, "<messageEventDefinition messageRef='m%d'/>", id); return;
	case T_SIGNAL: sb_puts(b, "<signalEventDefinition signalRef='g1'/>"); return;
	case T_CONDITION:
		sb_printf(b,
		        "<conditionalEventDefinition><condition>v%d</condition></conditionalEventDefinition>",
		        x->var);
		return;
	case T_ERROR: sb_puts(b, "<errorEventDefinition errorRef='x1'/>"); return;
	case T_ESCALATION: sb_puts(b, "<escalationEventDefinition escalationRef='c1'/>"); return;
	}
}

static void write_inside(const struct model *m, int i, struct sb *b)
{
	const struct mnode *x = &m->node[i];

	if (x->standard) {
		sb_printf(b, "<standardLoopCharacteristics testBefore='%s'", x->before ? "true" : "false");
		if (x->times < MODEL_NO_END)
			sb_printf(b, " loopMaximum='%d'", x->times);
		sb_putc(b, '>');
		if (x->again >= 0)
			sb_printf(b, "<loopCondition>v%d</loopCondition>", x->again);
		sb_puts(b, "</standardLoopCharacteristics>");
	} else if (x->times >= 0) {
		sb_printf(b,
		        "<multiInstanceLoopCharacteristics "
		        "isSequential='%s'><loopCardinality>%d</loopCardinality>",
		        x->sequential ? "true" : "false", x->times);
		if (x->until >= 0)
			sb_printf(b, "<completionCondition>v%d</completionCondition>", x->until);
		sb_puts(b, "</multiInstanceLoopCharacteristics>");
	}
	if (x->what == W_ERROR)
		sb_puts(b, "<errorEventDefinition errorRef='x1'/>");
	if (x->what == W_TERMINATE)
		sb_puts(b, "<terminateEventDefinition/>");
	if (x->what == W_START)
		write_trigger(&m->node[x->scope], x->scope, b);
	else if (x->what != W_HANDLER && x->what != W_RECEIVE)
		write_trigger(x, i, b);
}

static void write_scope(const struct model *m, int scope, struct sb *b)
{
	char id[16], from[16], to[16];

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
		sb_printf(b, "<sequenceFlow id='%s' sourceRef='%s' targetRef='%s'>", model_flow_id(m, k, id),
		        model_node_id(m, m->flow[k].from, from), model_node_id(m, m->flow[k].to, to));
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
		if (m->node[i].trig == T_MESSAGE)
			sb_printf(b, "<message id='m%d' name='n%d'/>\n", i, i);
	sb_puts(b, "<process id='unused'>");
}

/*
 * Static checks over a definition whose references are sound: ways in and out, starts, dead elements,
 * flows that need a condition. Errors would leave an instance stuck or ambiguous; warnings may be meant.
 */
#include "bpmn/bpmn_int.h"

struct checker {
	const struct bpmn_def *d;
	bpmn__tell_f *tell;
	void *ctx;
	int errors;
};

static void say(struct checker *c, bool error, const char *id, int line, const char *fmt, ...)
        PRINTF_LIKE(5, 6);
static void say(struct checker *c, bool error, const char *id, int line, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	c->errors += error;
	if (c->tell)
		c->tell(c->ctx, error, id, line, text);
}
#define ERROR(c, n, ...) say(c, true, (n)->pub.id, (n)->pub.line, __VA_ARGS__)
#define WARN(c, n, ...) say(c, false, (n)->pub.id, (n)->pub.line, __VA_ARGS__)

/* parent -1: the process itself. */
static void starts_of(struct checker *c, int parent)
{
	const struct bpmn_def *d = c->d;
	const char *id = parent < 0 ? d->id : d->node[parent].pub.id;
	bool handler = parent >= 0 && d->node[parent].handler;
	const char *what = parent < 0 ? "process" : handler ? "event sub-process" : "sub-process";
	int line = parent < 0 ? d->line : d->node[parent].pub.line, none = 0, all = 0;

	for (int i = 0; i < d->n_nodes; i++) {
		const struct bpmn__node *n = &d->node[i];

		if (n->parent != parent || n->kind != KIND_START)
			continue;
		all++;
		none += n->trigger == TRIGGER_NONE;
		if (parent >= 0 && !handler && n->trigger != TRIGGER_NONE)
			ERROR(c, n, "a sub-process begins with a start event without a trigger");
	}
	if (all == 0)
		say(c, true, id, line, "the %s has no start event", what);
	else if (handler && all > 1)
		say(c, true, id, line, "the event sub-process has %d start events; one is allowed", all);
	else if (none > 1)
		say(c, true, id, line, "the %s has %d start events without a trigger; one is allowed", what,
		        none);
}

/* Of the events that start an event sub-process, and of those at one activity, one for each error or
 * escalation. */
static void catches(struct checker *c, const int *event, int n)
{
	for (int i = 0; i < n; i++) {
		const struct bpmn__node *x = &c->d->node[event[i]];

		if (x->trigger != TRIGGER_ERROR && x->trigger != TRIGGER_ESCALATION)
			continue;
		for (int k = 0; k < i; k++) {
			const struct bpmn__node *y = &c->d->node[event[k]];

			if (y->trigger == x->trigger && strcmp(y->pub.ref, x->pub.ref) == 0) {
				ERROR(c, x, "\"%.100s\" catches the same in the same place", y->pub.id);
				break;
			}
		}
	}
}

static void ways(struct checker *c, const struct bpmn__node *n)
{
	bool no_in = n->kind == KIND_START || n->kind == KIND_BOUNDARY || n->handler;
	bool no_out = n->kind == KIND_END || n->handler;
	const char *what = n->handler              ? "an event sub-process"
	                   : n->kind == KIND_START ? "a start event"
	                   : n->kind == KIND_END   ? "an end event"
	                                           : "a boundary event";

	if (no_in && n->n_in > 0)
		ERROR(c, n, "no sequence flow may lead into %s", what);
	if (!no_in && n->n_in == 0)
		ERROR(c, n, "nothing leads to it: connect it by a sequence flow or remove it");
	if (no_out && n->n_out > 0)
		ERROR(c, n, "no sequence flow may leave %s", what);
	if (!no_out && n->n_out == 0)
		ERROR(c, n, "nothing leads on from it: connect it, at least to an end event");
	if (n->handler && n->n_boundary > 0)
		ERROR(c, n, "an event sub-process has no boundary events");
}

static void conditions(struct checker *c, const struct bpmn__node *n)
{
	const struct bpmn_def *d = c->d;
	bool conditional = n->kind == KIND_XOR || n->kind == KIND_OR || bpmn__is_activity(n->kind);
	int always = 0;

	for (int k = 0; k < n->n_out; k++) {
		const struct bpmn__flow *f = &d->flow[n->out[k]];
		bool dflt = n->out[k] == n->dflt;

		if (f->cond == NULL && !dflt)
			always++;
		if (f->cond != NULL && !conditional)
			say(c, true, f->id, f->line,
			        "it leaves %s \"%.100s\", where conditions are not looked at; remove the "
			        "condition",
			        n->kind == KIND_AND ? "the parallel gateway" : "the element", n->pub.id);
		if (f->cond != NULL && dflt)
			say(c, false, f->id, f->line,
			        "it is the default flow, so its condition is not looked at");
		if (n->kind == KIND_XOR && n->n_out > 1 && f->cond == NULL && !dflt)
			say(c, true, f->id, f->line,
			        "it leaves the exclusive gateway \"%.100s\" without a condition and is not "
			        "its "
			        "default flow",
			        n->pub.id);
	}
	if (n->dflt >= 0 && !conditional)
		ERROR(c, n, "only activities, exclusive and inclusive gateways can have a default flow");
	if (conditional && n->dflt < 0 && always == 0 && n->n_out > 0)
		WARN(c, n, "no default flow: it stops with an incident when no condition is true");
}

static void event_gateway(struct checker *c, const struct bpmn__node *n)
{
	const struct bpmn_def *d = c->d;

	for (int k = 0; k < n->n_out; k++) {
		const struct bpmn__node *to = &d->node[d->flow[n->out[k]].to];

		if (to->kind != KIND_CATCH && to->kind != KIND_RECEIVE)
			ERROR(c, to,
			        "the event-based gateway \"%.100s\" leads to it, but may lead only to "
			        "catching "
			        "events and receive tasks",
			        n->pub.id);
		else if (to->n_in > 1)
			ERROR(c, to, "after the event-based gateway \"%.100s\" it may have no other way in",
			        n->pub.id);
		else if (to->n_boundary > 0)
			ERROR(c, to,
			        "after the event-based gateway \"%.100s\" it may have no boundary events",
			        n->pub.id);
		else if (to->loop != NULL)
			ERROR(c, to, "after the event-based gateway \"%.100s\" it may not be repeated",
			        n->pub.id);
	}
	if (n->n_out == 1)
		WARN(c, n, "an event-based gateway with one way out decides nothing");
}

static void boundary(struct checker *c, const struct bpmn__node *n)
{
	const struct bpmn__node *host = &c->d->node[n->host];

	if (host->kind == KIND_PASS || host->kind == KIND_RULE || host->kind == KIND_SEND)
		WARN(c, n, "\"%.100s\" is done at once, so that this event never happens", host->pub.id);
}

/* Elements that no token can reach: parts of a ring that nothing leads into. */
static void dead(struct checker *c)
{
	const struct bpmn_def *d = c->d;
	int *queue = xcalloc((size_t)d->n_nodes + 1, sizeof *queue), n = 0;
	bool *seen = xcalloc((size_t)d->n_nodes + 1, sizeof *seen);

#define REACH(i)                                                                                             \
	do {                                                                                                 \
		int reached = (i);                                                                           \
		if (!seen[reached]) {                                                                        \
			seen[reached] = true;                                                                \
			queue[n++] = reached;                                                                \
		}                                                                                            \
	} while (0)

	for (int i = 0; i < d->n_nodes; i++)
		if (d->node[i].kind == KIND_START && d->node[i].parent < 0)
			REACH(i);
	for (int i = 0; i < d->n_handlers; i++)
		REACH(d->node[d->handlers[i]].parent);
	for (int at = 0; at < n; at++) {
		const struct bpmn__node *x = &d->node[queue[at]];

		for (int k = 0; k < x->n_out; k++)
			REACH(d->flow[x->out[k]].to);
		for (int k = 0; k < x->n_boundary; k++)
			REACH(x->boundary[k]);
		if (x->start >= 0)
			REACH(x->start);
		for (int k = 0; k < x->n_handlers; k++)
			REACH(d->node[x->handlers[k]].parent);
	}
#undef REACH
	for (int i = 0; i < d->n_nodes; i++)
		if (!seen[i])
			ERROR(c, &d->node[i], "no way from a start event leads to it");
	free(queue);
	free(seen);
}

int bpmn__check(const struct bpmn_def *d, bpmn__tell_f *tell, void *ctx)
{
	struct checker c = {.d = d, .tell = tell, .ctx = ctx};

	starts_of(&c, -1);
	catches(&c, d->handlers, d->n_handlers);
	for (int i = 0; i < d->n_nodes; i++) {
		const struct bpmn__node *n = &d->node[i];

		ways(&c, n);
		conditions(&c, n);
		if (n->kind == KIND_SUB)
			starts_of(&c, i);
		if (n->kind == KIND_EVENT_GATEWAY)
			event_gateway(&c, n);
		if (n->kind == KIND_BOUNDARY)
			boundary(&c, n);
		catches(&c, n->boundary, n->n_boundary);
		catches(&c, n->handlers, n->n_handlers);
		if (n->kind == KIND_USER && *n->pub.role == '\0')
			WARN(&c, n, "the task names no role: everybody who sees the case may do it");
	}
	/* Dead elements follow from what was told above; told alone they point at the ring itself. */
	if (c.errors == 0)
		dead(&c);
	return c.errors;
}

struct outside {
	void (*tell)(void *ctx, bool error, int line, const char *text);
	void *ctx;
};

static void tell_outside(void *ctx, bool error, const char *id, int line, const char *text)
{
	const struct outside *o = ctx;
	char buf[1100];

	snprintf(buf, sizeof buf, "%.150s: %s", id, text);
	o->tell(o->ctx, error, line, buf);
}

int bpmn_check(
        const struct bpmn_def *d, void (*tell)(void *ctx, bool error, int line, const char *text), void *ctx)
{
	struct outside o = {.tell = tell, .ctx = ctx};
	bpmn__tell_f *f = tell ? tell_outside : NULL;
	int errors;

	OBJ_CHECK(d, BPMN__DEF_MAGIC);
	errors = bpmn__check(d, f, &o);
	if (errors == 0)
		errors = bpmn__sound(d, f, &o) + bpmn__endless(d, f, &o);
	return errors;
}

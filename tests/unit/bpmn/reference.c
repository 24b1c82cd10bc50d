/* The slow interpreter: it looks everywhere for anything that may happen, until nothing may. */
#include "model.h"

#include "check.h"

/* ---- what runs ---- */

static struct inst *begin_inst(struct inst *up, int node, int counter)
{
	static unsigned ids;
	struct inst *i = xcalloc(1, sizeof *i);

	i->id = ++ids;
	i->node = node;
	i->counter = counter;
	i->up = up;
	if (up != NULL) {
		up->kid = xrealloc(up->kid, (size_t)(up->kids + 1) * sizeof(struct inst *));
		up->kid[up->kids++] = i;
	}
	return i;
}

void ref_free(struct inst *i)
{
	while (i->kids > 0)
		ref_free(i->kid[--i->kids]);
	free(i->kid);
	free(i);
}

static void end_inst(struct inst *i)
{
	struct inst *up = i->up;
	int at = 0;

	while (up->kid[at] != i)
		at++;
	for (up->kids--; at < up->kids; at++)
		up->kid[at] = up->kid[at + 1];
	ref_free(i);
}

static void clear(struct inst *scope)
{
	memset(scope->token, 0, sizeof scope->token);
	while (scope->kids > 0)
		ref_free(scope->kid[--scope->kids]);
}

static bool is_empty(const struct inst *scope)
{
	for (int f = 0; f < MODEL_FLOWS; f++)
		if (scope->token[f] > 0)
			return false;
	return scope->kids == 0;
}

static const bool *vars_of(const struct inst *i)
{
	while (!i->own_vars)
		i = i->up;
	return i->var;
}

bool ref_ended(const struct inst *root)
{
	return is_empty(root);
}

/* ---- flows ---- */

/* Tokens onto the flows that leave the node. */
static void produce(const struct model *m, struct inst *scope, int node)
{
	const bool *var = vars_of(scope);
	bool any = false;
	int dflt = -1;

	for (int i = 0; i < m->f; i++) {
		const struct mflow *f = &m->flow[i];

		if (f->from != node)
			continue;
		if (f->dflt) {
			dflt = i;
			continue;
		}
		if (f->var >= 0 && !var[f->var])
			continue;
		if (any && m->node[node].what == W_XOR)
			continue;
		any = true;
		scope->token[i]++;
	}
	if (!any && dflt >= 0)
		scope->token[dflt]++;
}

/* ---- activities ---- */

static bool waits(enum trig t)
{
	return t != T_NONE && t != T_ERROR && t != T_ESCALATION;
}

static void open_scope(const struct model *m, struct inst *i, int definition)
{
	i->scope = true;
	i->definition = definition;
	for (int k = 0; k < m->n; k++) {
		if (m->node[k].scope != definition)
			continue;
		if (m->node[k].what == W_START)
			produce(m, i, k);
		if (m->node[k].what == W_HANDLER)
			i->armed[k] = waits(m->node[k].trig);
	}
}

static struct inst *begin_one(const struct model *m, struct inst *up, int node, int counter)
{
	struct inst *i = begin_inst(up, node, counter);

	i->armed[node] = m->node[node].what == W_RECEIVE;
	if (m->node[node].what == W_CALL) {
		memcpy(i->var, vars_of(up), sizeof i->var);
		i->own_vars = true;
		open_scope(m, i, m->node[node].called);
	} else if (m->node[node].what == W_SUB)
		open_scope(m, i, node);
	return i;
}

static void arm_boundaries(const struct model *m, struct inst *i)
{
	for (int k = 0; k < m->n; k++)
		if (m->node[k].what == W_BOUNDARY && m->node[k].host == i->node) {
			i->armed[k] = waits(m->node[k].trig);
			i->was[k] = false;
		}
}

static void begin_activity(const struct model *m, struct inst *scope, int node)
{
	const struct mnode *x = &m->node[node];
	struct inst *i;

	if (x->times == 0 || (x->standard && x->before && x->again >= 0 && !vars_of(scope)[x->again])) {
		produce(m, scope, node);
		return;
	}
	if (x->times < 0)
		i = begin_one(m, scope, node, 0);
	else {
		i = begin_inst(scope, node, 0);
		i->body = true;
		while (i->begun < (x->sequential ? 1 : x->times))
			begin_one(m, i, node, ++i->begun);
	}
	arm_boundaries(m, i);
}

static void complete(const struct model *m, struct inst *i)
{
	struct inst *up = i->up;
	int node = i->node;
	const struct mnode *x = &m->node[node];
	bool handler = x->what == W_HANDLER, enough;
	bool vars[MODEL_VARS];

	if (i->own_vars) {
		struct inst *outer = up;

		memcpy(vars, i->var, sizeof vars);
		while (!outer->own_vars)
			outer = outer->up;
		memcpy(outer->var, vars, sizeof vars);
	}
	end_inst(i);
	if (handler)
		return;
	if (!up->body) {
		produce(m, up, node);
		return;
	}
	up->completed++;
	enough = x->standard ? x->again >= 0 && !vars_of(up)[x->again]
	                     : x->until >= 0 && vars_of(up)[x->until];
	if (!enough && x->sequential && up->begun < x->times)
		begin_one(m, up, node, ++up->begun);
	else if (enough || up->completed == x->times) {
		struct inst *scope = up->up;

		end_inst(up);
		produce(m, scope, node);
	}
}

/* ---- joins ---- */

/* Can a path that begins with flow f end with an incoming flow of the gateway that is (not) empty? */
static bool path(const struct model *m, const struct inst *s, int f, int gateway, bool empty, bool *seen)
{
	if (seen[f])
		return false;
	seen[f] = true;
	if (m->flow[f].to == gateway)
		return (s->token[f] == 0) == empty;
	for (int i = 0; i < m->f; i++) {
		int from = m->flow[i].from;
		bool on = from == m->flow[f].to ||
		          (m->node[from].host >= 0 && m->node[from].host == m->flow[f].to);

		if (on && path(m, s, i, gateway, empty, seen))
			return true;
	}
	return false;
}

/* Does a token here (on flow f, or f -1: in the activity) stand in the way of the gateway? */
static bool holds_up(const struct model *m, const struct inst *s, int f, int activity, int gateway)
{
	bool to_empty = false, to_full = false;

	for (int i = 0; i < m->f; i++) {
		bool seen[MODEL_FLOWS] = {false}, seen2[MODEL_FLOWS] = {false};
		int from = m->flow[i].from;
		bool begins = f >= 0 ? i == f
		                     : from == activity ||
		                               (m->node[from].host >= 0 && m->node[from].host == activity);

		if (!begins)
			continue;
		to_empty |= path(m, s, i, gateway, true, seen);
		to_full |= path(m, s, i, gateway, false, seen2);
	}
	return to_empty && !to_full;
}

static bool inclusive_may(const struct model *m, const struct inst *s, int gateway)
{
	for (int i = 0; i < m->f; i++)
		if (s->token[i] > 0 && holds_up(m, s, i, -1, gateway))
			return false;
	for (int i = 0; i < s->kids; i++)
		if (holds_up(m, s, -1, s->kid[i]->node, gateway))
			return false;
	return true;
}

static void consume(const struct model *m, struct inst *s, int node)
{
	for (int i = 0; i < m->f; i++)
		if (m->flow[i].to == node && s->token[i] > 0)
			s->token[i]--;
}

/* ---- events ---- */

static void fire(const struct model *m, struct inst *i, int event)
{
	const struct mnode *x = &m->node[event];
	struct inst *scope = i->up;

	if (x->trig == T_TIMER)
		i->armed[event] = false;
	if (x->what == W_HANDLER) {
		if (x->interrupting) {
			clear(i);
			i->interrupted = true;
			for (int k = 0; k < m->n; k++)
				i->armed[k] &= m->node[k].what != W_HANDLER;
		}
		open_scope(m, begin_inst(i, event, 0), event);
		return;
	}
	if (x->what == W_RECEIVE && i->node == event) {
		complete(m, i);
		return;
	}
	if (x->what == W_CATCH || x->what == W_RECEIVE || x->interrupting)
		end_inst(i);
	produce(m, scope, event);
}

/* Error or escalation from the scope outwards. */
static bool caught(const struct model *m, struct inst *scope, enum trig trig)
{
	int thrower = -1;

	for (;;) {
		struct inst *activity;

		for (int k = 0; k < m->n && !scope->interrupted; k++)
			if (m->node[k].what == W_HANDLER && m->node[k].trig == trig && k != thrower &&
			        m->node[k].scope == scope->definition) {
				fire(m, scope, k);
				return true;
			}
		if (scope->up == NULL)
			return false;
		thrower = m->node[scope->node].what == W_HANDLER ? scope->node : -1;
		activity = scope->up->body ? scope->up : scope;
		for (int k = 0; k < m->n; k++)
			if (m->node[k].what == W_BOUNDARY && m->node[k].trig == trig &&
			        m->node[k].host == activity->node) {
				fire(m, activity, k);
				return true;
			}
		scope = activity->up;
	}
}

static struct inst *by_id(struct inst *i, unsigned id)
{
	struct inst *found = i->id == id ? i : NULL;

	for (int k = 0; k < i->kids && found == NULL; k++)
		found = by_id(i->kid[k], id);
	return found;
}

static struct inst *root_of(struct inst *i)
{
	while (i->up != NULL)
		i = i->up;
	return i;
}

/* What waits for the kind of event, outer things first. */
struct waiting {
	unsigned id;
	int event;
};
struct all_waiting {
	struct waiting w[4000];
	int n;
};
static void collect(const struct model *m, const struct inst *i, enum trig trig, struct all_waiting *all)
{
	for (int what = 0; what < 2; what++) /* boundary events were there before handlers */
		for (int k = 0; k < m->n; k++)
			if (i->armed[k] && m->node[k].trig == trig &&
			        (m->node[k].what == W_HANDLER) == (what == 1)) {
				must(all->n < (int)ARRAY_LEN(all->w));
				all->w[all->n++] = (struct waiting){i->id, k};
			}
	for (int k = 0; k < i->kids; k++)
		collect(m, i->kid[k], trig, all);
}

static void broadcast(const struct model *m, struct inst *root)
{
	struct all_waiting *all = xcalloc(1, sizeof *all);

	collect(m, root, T_SIGNAL, all);
	for (int k = 0; k < all->n; k++) {
		struct inst *i = by_id(root, all->w[k].id);

		if (i != NULL && i->armed[all->w[k].event])
			fire(m, i, all->w[k].event);
	}
	free(all);
}

/* The first condition that has become true. */
static bool look(const struct model *m, struct inst *root)
{
	struct all_waiting *all = xcalloc(1, sizeof *all);
	bool fired = false;

	collect(m, root, T_CONDITION, all);
	for (int k = 0; k < all->n && !fired; k++) {
		struct inst *i = by_id(root, all->w[k].id);
		int event = all->w[k].event;
		bool now = vars_of(m->node[event].what == W_HANDLER ? i : i->up)[m->node[event].var];

		fired = now && !i->was[event];
		i->was[event] = now;
		if (fired)
			fire(m, i, event);
	}
	free(all);
	return fired;
}

/* A token of flow f comes to an event that throws, and goes on from it unless what it throws ends it. */
static void throws(const struct model *m, struct inst *s, int f)
{
	struct inst *root = root_of(s);
	unsigned id = s->id;

	if (m->node[m->flow[f].to].trig == T_SIGNAL)
		broadcast(m, root);
	else
		caught(m, s, T_ESCALATION);
	s = by_id(root, id);
	if (s == NULL || s->token[f] == 0)
		return;
	s->token[f]--;
	produce(m, s, m->flow[f].to);
}

static void wait_at(const struct model *m, struct inst *s, int node)
{
	struct inst *i = begin_inst(s, node, 0);

	for (int k = 0; k < m->n; k++)
		i->armed[k] = (m->node[k].what == W_CATCH || m->node[k].what == W_RECEIVE) &&
		              model_waiter(m, k) == node;
}

/* ---- moving ---- */

/* One token of flow f moves into its target, if it may. */
static bool move(const struct model *m, struct inst *s, int f)
{
	int to = m->flow[f].to;

	switch (m->node[to].what) {
	case W_TASK:
	case W_SERVICE:
	case W_RECEIVE:
	case W_SUB:
	case W_CALL:
		s->token[f]--;
		begin_activity(m, s, to);
		return true;
	case W_END: s->token[f]--; return true;
	case W_TERMINATE: clear(s); return true;
	case W_ERROR: must(caught(m, s, T_ERROR)); return true;
	case W_THROW: throws(m, s, f); return true;
	case W_CATCH:
	case W_EVENT_GATE:
		s->token[f]--;
		wait_at(m, s, to);
		return true;
	case W_XOR:
		s->token[f]--;
		produce(m, s, to);
		return true;
	case W_AND:
		for (int i = 0; i < m->f; i++)
			if (m->flow[i].to == to && s->token[i] == 0)
				return false;
		consume(m, s, to);
		produce(m, s, to);
		return true;
	case W_OR:
		if (!inclusive_may(m, s, to))
			return false;
		consume(m, s, to);
		produce(m, s, to);
		return true;
	default: wrong("a flow leads where none may");
	}
}

/* Anything that may happen in here, once; false: nothing. */
static bool once(const struct model *m, struct inst *i)
{
	for (int k = 0; k < i->kids; k++)
		if (once(m, i->kid[k]))
			return true;
	if (!i->scope)
		return false;
	for (int f = 0; f < m->f; f++)
		if (i->token[f] > 0 && move(m, i, f))
			return true;
	if (i->up == NULL || !is_empty(i))
		return false;
	complete(m, i);
	return true;
}

static void settle(const struct model *m, struct inst *i)
{
	i = root_of(i);
	do
		while (once(m, i))
			continue;
	while (!is_empty(i) && look(m, i));
}

/* ---- from outside ---- */

struct inst *ref_start(const struct model *m, const bool *vars)
{
	struct inst *root = begin_inst(NULL, 0, 0);

	memcpy(root->var, vars, sizeof root->var);
	root->own_vars = true;
	open_scope(m, root, 0);
	settle(m, root);
	return root;
}

void ref_complete(const struct model *m, struct inst *task, const bool *vars)
{
	struct inst *root = task;

	while (!root->own_vars)
		root = root->up;
	memcpy(root->var, vars, sizeof root->var);
	complete(m, task);
	settle(m, root);
}

void ref_happens(const struct model *m, struct inst *waiting, int event)
{
	struct inst *root = root_of(waiting);

	fire(m, waiting, event);
	settle(m, root);
}

void ref_signal(const struct model *m, struct inst *root)
{
	broadcast(m, root);
	settle(m, root);
}

void ref_arm(const struct model *m, struct inst *i, int boundary)
{
	if (i->node == m->node[boundary].host && (i->up == NULL || !i->up->body || i->up->node != i->node))
		i->armed[boundary] = true;
	for (int k = 0; k < i->kids; k++)
		ref_arm(m, i->kid[k], boundary);
}

static void begin_again(const struct model *m, struct inst *i)
{
	if (i->stuck && !i->up->body)
		arm_boundaries(m, i);
	i->stuck = false;
	for (int k = 0; k < i->kids; k++)
		begin_again(m, i->kid[k]);
}

void ref_set(const struct model *m, struct inst *root, const bool *vars)
{
	memcpy(root->var, vars, sizeof root->var);
	begin_again(m, root);
	settle(m, root);
}

void ref_fail(const struct model *m, struct inst *service, bool known)
{
	struct inst *root = root_of(service), *whole = service->up->body ? service->up : service;
	bool took = false;

	for (int k = 0; k < m->n && known && !took; k++)
		if (m->node[k].what == W_BOUNDARY && m->node[k].trig == T_ERROR &&
		        m->node[k].host == whole->node) {
			fire(m, whole, k);
			took = true;
		}
	if (!took && (!known || !caught(m, whole->up, T_ERROR)))
		service->stuck = true;
	settle(m, root);
}

int ref_stuck(const struct inst *root)
{
	int n = root->stuck;

	for (int k = 0; k < root->kids; k++)
		n += ref_stuck(root->kid[k]);
	return n;
}

/* ---- naming ---- */

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void name(const struct inst *i, struct sb *b)
{
	if (i->up == NULL)
		return;
	name(i->up, b);
	sb_printf(b, "n%d", i->node);
	if (i->counter > 0)
		sb_printf(b, "#%d", i->counter);
	sb_putc(b, '/');
}

struct lines {
	char *line[4000];
	int n;
};

static void line(struct lines *l, const struct inst *at, int node, const char *more)
{
	struct sb b = SB_INIT;

	must(l->n < (int)ARRAY_LEN(l->line));
	name(at, &b);
	if (node < 0)
		b.p[b.n - 1] = '\0'; /* itself, without the last "/" */
	else
		sb_printf(&b, "n%d%s", node, more);
	l->line[l->n++] = xstrdup(b.p);
	sb_fini(&b);
}

static void list(const struct model *m, const struct inst *i, struct lines *l)
{
	if ((m->node[i->node].what == W_TASK || m->node[i->node].what == W_SERVICE) && !i->body && !i->stuck)
		line(l, i, -1, "");
	for (int k = 0; k < m->n; k++) {
		if (!i->armed[k])
			continue;
		if (m->node[k].what == W_HANDLER)
			line(l, i, k, "!");
		else
			line(l, i->up, k, "");
	}
	for (int k = 0; k < i->kids; k++)
		list(m, i->kid[k], l);
}

void ref_open(const struct model *m, const struct inst *root, struct sb *b)
{
	struct lines l = {0};

	if (!ref_ended(root))
		list(m, root, &l);
	qsort(l.line, (size_t)l.n, sizeof *l.line, by_text);
	for (int i = 0; i < l.n; i++) {
		sb_printf(b, "%s\n", l.line[i]);
		free(l.line[i]);
	}
}

/* Several may have one name, as event sub-processes that run twice: the first that has the rest inside. An
 * instance that waits for a message has the name of what is waited for, without its number. */
struct inst *ref_find(struct inst *root, const char *path)
{
	struct inst *found = NULL;
	char *end;
	int node, counter = 0;

	if (*path == '\0')
		return root;
	node = (int)strtol(path + 1, &end, 10);
	if (*end == '#')
		counter = (int)strtol(end + 1, &end, 10);
	for (int i = 0; i < root->kids && found == NULL; i++)
		if (root->kid[i]->node == node &&
		        (root->kid[i]->counter == counter || (counter == 0 && root->kid[i]->armed[node])))
			found = ref_find(root->kid[i], *end == '/' ? end + 1 : end);
	return found;
}

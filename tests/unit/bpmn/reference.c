/* The slow interpreter: it looks everywhere for anything that may happen, until nothing may. */
#include "model.h"

#include "check.h"

/* ---- what runs ---- */

static struct inst *begin_inst(struct inst *up, int node, int counter)
{
	struct inst *i = xcalloc(1, sizeof *i);

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

static void open_scope(const struct model *m, struct inst *i, int definition)
{
	i->scope = true;
	for (int k = 0; k < m->n; k++)
		if (m->node[k].scope == definition && m->node[k].what == W_START)
			produce(m, i, k);
}

static struct inst *begin_one(const struct model *m, struct inst *up, int node, int counter)
{
	struct inst *i = begin_inst(up, node, counter);

	if (m->node[node].what == W_CALL) {
		memcpy(i->var, vars_of(up), sizeof i->var);
		i->own_vars = true;
		open_scope(m, i, m->node[node].called);
	} else if (m->node[node].what == W_SUB)
		open_scope(m, i, node);
	return i;
}

static void begin_activity(const struct model *m, struct inst *scope, int node)
{
	const struct mnode *x = &m->node[node];
	struct inst *i;

	if (x->times == 0) {
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
	for (int k = 0; k < m->n; k++)
		i->armed[k] = m->node[k].what == W_TIMER && m->node[k].host == node;
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
	enough = x->until >= 0 && vars_of(up)[x->until];
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

/* ---- moving ---- */

/* The activity that the scope is, or an instance of, ends; its boundary event takes over. */
static void throw_error(const struct model *m, struct inst *scope)
{
	struct inst *activity = scope->up->body ? scope->up : scope, *outer = activity->up;
	int node = activity->node;

	end_inst(activity);
	for (int i = 0; i < m->n; i++)
		if (m->node[i].what == W_CATCHES_ERROR && m->node[i].host == node)
			produce(m, outer, i);
}

/* One token of flow f moves into its target, if it may. *gone: the scope is. */
static bool move(const struct model *m, struct inst *s, int f, bool *gone)
{
	int to = m->flow[f].to;

	switch (m->node[to].what) {
	case W_TASK:
	case W_SUB:
	case W_CALL:
		s->token[f]--;
		begin_activity(m, s, to);
		return true;
	case W_END: s->token[f]--; return true;
	case W_TERMINATE: clear(s); return true;
	case W_ERROR:
		throw_error(m, s);
		*gone = true;
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
	bool gone = false;

	for (int k = 0; k < i->kids; k++)
		if (once(m, i->kid[k]))
			return true;
	if (!i->scope)
		return false;
	for (int f = 0; f < m->f; f++)
		if (i->token[f] > 0 && move(m, i, f, &gone))
			return true;
	if (i->up == NULL || !is_empty(i))
		return false;
	complete(m, i);
	return true;
}

static void settle(const struct model *m, struct inst *i)
{
	while (i->up != NULL)
		i = i->up;
	while (once(m, i))
		continue;
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
	while (root->up != NULL)
		root = root->up;
	settle(m, root);
}

void ref_timer(const struct model *m, struct inst *activity, int timer)
{
	struct inst *scope = activity->up;

	activity->armed[timer] = false;
	if (m->node[timer].interrupting)
		end_inst(activity);
	produce(m, scope, timer);
	settle(m, scope);
}

void ref_message(const struct model *m, struct inst *scope, int handler)
{
	if (m->node[handler].interrupting) {
		clear(scope);
		scope->interrupted = true;
	}
	open_scope(m, begin_inst(scope, handler, 0), handler);
	settle(m, scope);
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
	int definition = m->node[i->node].what == W_CALL ? m->node[i->node].called : i->node;

	if (m->node[i->node].what == W_TASK && !i->body)
		line(l, i, -1, "");
	for (int k = 0; k < m->n; k++) {
		if (i->armed[k])
			line(l, i->up, k, "");
		if (i->scope && !i->interrupted && m->node[k].what == W_HANDLER &&
		        m->node[k].scope == definition)
			line(l, i, k, "!");
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

struct inst *ref_find(struct inst *root, const char *path)
{
	while (root != NULL && *path != '\0') {
		struct inst *next = NULL;
		char *end;
		int node = (int)strtol(path + 1, &end, 10), counter = 0;

		if (*end == '#')
			counter = (int)strtol(end + 1, &end, 10);
		for (int i = 0; i < root->kids && next == NULL; i++)
			if (root->kid[i]->node == node && root->kid[i]->counter == counter)
				next = root->kid[i];
		root = next;
		path = *end == '/' ? end + 1 : end;
	}
	return root;
}

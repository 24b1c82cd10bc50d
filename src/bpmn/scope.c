/*
 * What holds tokens: how a scope ends, how an error or escalation looks for who catches it, how an event
 * sub-process begins.
 */
#include "bpmn/run_int.h"

void run__scope_done(struct run *r, uint32_t scope)
{
	const struct bpmn__token *t;
	uint32_t outer;

	if (r->rc < 0)
		return;
	for (size_t i = 0; i < r->s.n_tokens; i++)
		if (r->s.token[i].scope == scope)
			return;
	if (scope == 0) {
		run__end(r, STR_NULL);
		return;
	}
	t = run__token(r, scope);
	outer = t->scope;
	if (t->doing == DOING_CALL)
		run__call_done(r, scope);
	else if (run__node(t)->handler) {
		run__take(r, scope);
		run__scope_done(r, outer);
	} else
		run__leave(r, scope);
}

void run__boundary_fires(struct run *r, uint32_t host, int boundary)
{
	const struct bpmn__token *t = run__token(r, host);
	const struct bpmn_def *d = t->def;
	uint32_t scope = t->scope;

	if (d->node[boundary].interrupting)
		run__cancel(r, host);
	run__put_moving(r, d, boundary, scope, -1);
}

/* An interrupting event sub-process takes the place of all else in its scope, and nothing else can start one.
 */
void run__handler_fires(struct run *r, uint32_t scope, const struct bpmn_def *d, int start)
{
	if (d->node[start].interrupting) {
		run__cancel_scope(r, scope);
		run__drop_inner_waits(r, scope);
	}
	run__put_moving(r, d, d->node[start].parent, scope, -1);
}

/* Of the events that catch this: the one that names the code before one that takes any; -1 if none does.
 * thrower: the event sub-process that threw it, which does not catch it itself; -1: none. */
static int catcher(const struct bpmn_def *d, const int *event, int n, int thrower, enum bpmn__trigger trigger,
        struct str code)
{
	int any = -1;

	for (int i = 0; i < n; i++) {
		const struct bpmn__node *x = &d->node[event[i]];

		if (x->trigger != trigger || (thrower >= 0 && x->parent == thrower))
			continue;
		if (str_is(code, x->pub.ref))
			return event[i];
		if (*x->pub.ref == '\0')
			any = event[i];
	}
	return any;
}

/* An interrupting event sub-process runs there already. */
static bool interrupted(const struct run *r, uint32_t scope)
{
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		const struct bpmn__token *t = &r->s.token[i];

		if (t->scope == scope && run__node(t)->handler &&
		        t->def->node[run__node(t)->start].interrupting)
			return true;
	}
	return false;
}

static bool handler_catches(
        struct run *r, uint32_t scope, int thrower, enum bpmn__trigger trigger, struct str code)
{
	const struct bpmn__token *t = scope ? run__token(r, scope) : NULL;
	const struct bpmn_def *d = bpmn__def_inside(&r->s, r->d, scope);
	bool whole = t == NULL || t->doing == DOING_CALL;
	const int *event = whole ? d->handlers : d->node[t->node].handlers;
	int n = whole ? d->n_handlers : d->node[t->node].n_handlers;
	int start = n > 0 ? catcher(d, event, n, thrower, trigger, code) : -1;

	if (start < 0 || interrupted(r, scope))
		return false;
	run__handler_fires(r, scope, d, start);
	return true;
}

static bool catch_in(struct run *r, uint32_t scope, int thrower, enum bpmn__trigger trigger, struct str code);

/* Recursion: one level for each scope. */
bool run__catch_at(struct run *r, uint32_t token, enum bpmn__trigger trigger, struct str code)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *n;
	int b;

	if (bpmn__is_instance(&r->s, t))
		t = run__token(r, t->scope);
	n = run__node(t);
	b = catcher(t->def, n->boundary, n->n_boundary, -1, trigger, code);
	if (b < 0)
		return catch_in(r, t->scope, n->handler ? t->node : -1, trigger, code);
	run__boundary_fires(r, t->key, b);
	return true;
}

static bool catch_in(struct run *r, uint32_t scope, int thrower, enum bpmn__trigger trigger, struct str code)
{
	if (r->rc < 0)
		return false;
	if (handler_catches(r, scope, thrower, trigger, code))
		return true;
	return scope != 0 && run__catch_at(r, scope, trigger, code);
}

bool run__catch(struct run *r, uint32_t scope, enum bpmn__trigger trigger, struct str code)
{
	return catch_in(r, scope, -1, trigger, code);
}

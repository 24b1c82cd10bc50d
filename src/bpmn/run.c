/* Events and tokens of a run, and the loop that moves tokens until none can. */
#include "bpmn/run_int.h"

void run__fail(struct run *r, int rc)
{
	if (r->rc == 0)
		r->rc = rc;
}

void run__no_memory(struct run *r)
{
	if (r->rc == 0)
		r->rc = err_set(
		        r->e, ERR_NOMEM, "the step of the flow does not fit the memory of this request");
}

struct str run__keep(struct run *r, const char *p, size_t n)
{
	char *copy = arena_strndup(r->a, p, n);

	if (copy == NULL)
		run__no_memory(r);
	return (struct str){copy, copy ? n : 0};
}

struct bpmn__token *run__token(const struct run *r, uint32_t key)
{
	struct bpmn__token *t = bpmn__token_find(&r->s, key);

	must(t != NULL);
	return t;
}

const struct bpmn__node *run__node(const struct bpmn__token *t)
{
	return &t->def->node[t->node];
}

/* ---- events ---- */

void run__emit(struct run *r, const struct bpmn_event *ev)
{
	struct bpmn_events *out = r->out;
	struct bpmn_event *x;
	int rc;

	if (r->rc < 0)
		return;
	/* Most steps have no more than the first block holds. */
	x = arena_grow(r->a, out->e, &out->cap, out->n < 32 ? 32 : out->n + 1, sizeof *x);
	if (x == NULL) {
		run__no_memory(r);
		return;
	}
	out->e = x;
	x = &out->e[out->n];
	*x = *ev;
	if (x->type != BPMN_TIMER_SET)
		x->at = r->sv->now;
	if (x->def == NULL)
		x->def = r->d;
	rc = bpmn_apply(r->d, &r->s, x, r->e);
	if (rc < 0) {
		r->rc = rc;
		return;
	}
	out->n++;
	r->look |= x->type == BPMN_VARIABLE;
}

void run__emit_at(struct run *r, enum bpmn_event_type type, uint32_t token, struct str text)
{
	const struct bpmn__token *t;

	if (r->rc < 0)
		return;
	t = run__token(r, token);
	run__emit(r, &(struct bpmn_event){.type = type,
	                     .element = run__node(t)->pub.id,
	                     .node = t->node,
	                     .def = t->def,
	                     .key = token,
	                     .scope = t->scope,
	                     .text = text});
}

void run__incident(struct run *r, uint32_t token, bool passed, const char *fmt, ...)
{
	const struct bpmn__token *t;
	char text[700];
	va_list ap;

	if (r->rc < 0)
		return;
	t = run__token(r, token);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	run__emit(r, &(struct bpmn_event){.type = BPMN_INCIDENT,
	                     .element = t->element,
	                     .def = t->def,
	                     .key = token,
	                     .scope = t->scope,
	                     .text = run__keep(r, text, strlen(text)),
	                     .value = feel_bool(passed)});
}

/* ---- tokens ---- */

void run__push(struct run *r, uint32_t token)
{
	uint32_t *grown = arena_grow(r->a, r->queue, &r->q_cap, r->q_n + 1, sizeof *grown);

	if (grown == NULL) {
		run__no_memory(r);
		return;
	}
	r->queue = grown;
	r->queue[r->q_n++] = token;
}

uint32_t run__put(struct run *r, const struct bpmn_def *d, int node, uint32_t scope, int via)
{
	uint32_t key = r->s.next_key;

	if (via >= 0)
		run__emit(r, &(struct bpmn_event){.type = BPMN_FLOW_TAKEN,
		                     .element = d->flow[via].id,
		                     .def = d,
		                     .scope = scope});
	run__emit(r, &(struct bpmn_event){.type = BPMN_TOKEN,
	                     .element = d->node[node].pub.id,
	                     .node = node,
	                     .def = d,
	                     .key = key,
	                     .scope = scope,
	                     .text = via >= 0 ? str_of(d->flow[via].id) : STR_NULL,
	                     .flow = via});
	return key;
}

void run__put_moving(struct run *r, const struct bpmn_def *d, int node, uint32_t scope, int via)
{
	run__push(r, run__put(r, d, node, scope, via));
}

void run__take(struct run *r, uint32_t token)
{
	run__drop_timers(r, token);
	run__emit_at(r, BPMN_TOKEN_GONE, token, STR_NULL);
}

void run__cancel_scope(struct run *r, uint32_t scope)
{
	size_t i = 0;

	while (i < r->s.n_tokens && r->rc == 0) {
		if (r->s.token[i].scope != scope) {
			i++;
			continue;
		}
		run__cancel(r, r->s.token[i].key);
		/* What lay inside had later keys: nothing before i has moved. */
	}
}

/* Depth: that of sub-processes in the definitions, times that of calls. */
void run__cancel(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);
	enum bpmn__doing doing;

	if (t == NULL || r->rc < 0)
		return;
	doing = t->doing;
	if (run__node(t)->kind == KIND_SUB || doing == DOING_LOOP || doing == DOING_CALL)
		run__cancel_scope(r, token);
	if (doing == DOING_TASK || doing == DOING_SERVICE)
		run__emit_at(r, BPMN_TASK_CANCELLED, token, STR_NULL);
	run__take(r, token);
}

void run__end(struct run *r, struct str why)
{
	run__drop_timers(r, 0);
	run__emit(r, &(struct bpmn_event){.type = BPMN_ENDED, .element = r->d->id, .text = why});
	r->q_at = r->q_n;
}

/* ---- moving ---- */

/* What lies inside a scope begins by listening for the events of its event sub-processes. */
static void start_event(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	int parent = run__node(t)->parent;
	const int *handlers = parent < 0 ? t->def->handlers : t->def->node[parent].handlers;
	int n = parent < 0 ? t->def->n_handlers : t->def->node[parent].n_handlers;

	if (n == 0 || run__arm(r, token, NULL, handlers, n))
		run__leave(r, token);
}

static void enter(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);

	if (t == NULL || r->rc < 0)
		return;
	switch (run__node(t)->kind) {
	case KIND_START: start_event(r, token); return;
	case KIND_BOUNDARY:
	case KIND_XOR: run__leave(r, token); return;
	case KIND_THROW:
	case KIND_END: run__throw(r, token); return;
	case KIND_CATCH: run__catch_event(r, token); return;
	case KIND_USER:
	case KIND_PASS:
	case KIND_SERVICE:
	case KIND_RULE:
	case KIND_SEND:
	case KIND_RECEIVE:
	case KIND_SUB:
	case KIND_CALL: run__activity(r, token); return;
	case KIND_AND:
		if (run__is_join(run__node(t)))
			run__parallel_join(r, token);
		else
			run__leave(r, token);
		return;
	case KIND_OR:
		if (!run__is_join(run__node(t)))
			run__leave(r, token);
		return;
	case KIND_EVENT_GATEWAY: run__event_gateway(r, token); return;
	}
}

/* Tokens at joins when nothing is left that could ever move: nobody would find out otherwise. */
static void tell_stuck(struct run *r)
{
	if (r->rc < 0 || r->s.phase != PHASE_RUNNING || r->s.n_waits > 0)
		return;
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		enum bpmn__doing doing = r->s.token[i].doing;

		if (doing != DOING_REST && doing != DOING_LOOP && doing != DOING_CALL)
			return;
	}
	for (size_t i = 0; i < r->s.n_tokens && r->rc == 0; i++)
		if (run__is_join(run__node(&r->s.token[i])))
			run__incident(r, r->s.token[i].key, false,
			        "it waits for tokens on its other flows, but nothing can move any more");
}

static bool count_step(struct run *r)
{
	if (r->rc < 0)
		return false;
	if (++r->steps <= BPMN__STEPS_MAX)
		return true;
	run__fail(r, err_set(r->e, ERR_UNPROCESSED,
	                     "more than %d steps follow without a person or a timer between them: the flow "
	                     "\"%.100s\" goes round in a loop",
	                     BPMN__STEPS_MAX, r->d->id));
	return false;
}

void run__go(struct run *r)
{
	while (count_step(r)) {
		if (r->q_at < r->q_n) {
			enter(r, r->queue[r->q_at++]);
			continue;
		}
		if (r->s.phase != PHASE_RUNNING)
			break;
		if (!run__inclusive_joins(r) && !run__conditions(r))
			break;
	}
	tell_stuck(r);
}

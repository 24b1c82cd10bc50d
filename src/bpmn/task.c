/* Activities that are done once: tasks of all kinds, sub-processes. */
#include "bpmn/run_int.h"

int run__boundaries(const struct run *r, const struct bpmn__token *t)
{
	return bpmn__is_instance(&r->s, t) ? 0 : run__node(t)->n_boundary;
}

static struct bpmn_event at_token(
        const struct run *r, enum bpmn_event_type type, uint32_t token, struct str text)
{
	const struct bpmn__token *t = run__token(r, token);

	return (struct bpmn_event){.type = type,
	        .element = run__node(t)->pub.id,
	        .node = t->node,
	        .def = t->def,
	        .key = token,
	        .scope = t->scope,
	        .text = text};
}

static void open_task(struct run *r, uint32_t token, enum bpmn_event_type type, struct str text)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn_event open = at_token(r, type, token, text);

	run__arm(r, token, &open, run__node(t)->boundary, run__boundaries(r, t));
}

static void user_task(struct run *r, uint32_t token)
{
	const struct bpmn__node *n = run__node(run__token(r, token));
	struct str org = str_of(n->org);
	struct feel_value v;
	char why[300] = "it is null";

	if (n->expr != NULL) {
		if (!run__eval(r, run__seen(r, token, false), n->expr, &v, NULL, why, sizeof why) ||
		        v.type != FEEL_STRING || v.string.n == 0) {
			if (r->rc == 0)
				run__incident(r, token, false, "the org of the task is no text: %s",
				        v.type == FEEL_NULL ? why : "it is something else, or empty");
			return;
		}
		org = v.string;
	}
	open_task(r, token, BPMN_TASK_OPENED, org);
}

/* {"decision":"dispatch","rows":[{"decision":"dispatch","row":3}],"result":{…},"notes":"…"} */
static struct str explanation(struct run *r, const char *decision, const struct dmn_result *res)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str s;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "decision", decision);
	jw_key(&w, "rows");
	jw_array(&w);
	for (int i = 0; i < res->n; i++) {
		jw_object(&w);
		jw_kstr(&w, "decision", res->fired[i].decision);
		jw_kint(&w, "row", res->fired[i].row);
		jw_object_end(&w);
	}
	jw_array_end(&w);
	jw_key(&w, "result");
	feel_write_json(&res->value, &w);
	if (res->notes.n > 0) {
		jw_key(&w, "notes");
		jw_str(&w, res->notes);
	}
	jw_object_end(&w);
	s = run__keep(r, b.p, b.n);
	sb_fini(&b);
	return s;
}

/* A context joins what the variable held before if that was one too: a later run of the decision then
 * leaves what others have added. */
static struct feel_value join_contexts(
        struct run *r, const struct feel_value *old, const struct feel_value *v)
{
	struct feel_value joined = {.type = FEEL_CONTEXT};

	for (int i = 0; i < old->context.n; i++)
		feel_put(r->a, &joined, old->context.entry[i].key, *old->context.entry[i].value);
	for (int i = 0; i < v->context.n; i++)
		feel_put(r->a, &joined, v->context.entry[i].key, *v->context.entry[i].value);
	if (arena_failed(r->a))
		run__no_memory(r);
	return joined;
}

static void rule_task(struct run *r, uint32_t token)
{
	const struct bpmn__node *n = run__node(run__token(r, token));
	const struct dmn_model *m = r->sv->decision ? r->sv->decision(r->sv->ctx, n->pub.ref) : NULL;
	const struct feel_scope *seen = run__seen(r, token, false);
	const struct feel_value *old;
	struct dmn_result res = {0};
	struct bpmn_event ev;
	struct err e = ERR_INIT;
	int rc;

	if (m == NULL) {
		run__incident(r, token, false, "there is no decision \"%.100s\"", n->pub.ref);
		return;
	}
	rc = dmn_evaluate(m, n->pub.ref, seen, r->a, &res, &e);
	if (rc == ERR_NOMEM) {
		run__no_memory(r);
		return;
	}
	if (rc < 0) {
		run__incident(r, token, false, "the decision \"%.100s\": %s", n->pub.ref, e.text);
		return;
	}
	if (run__depth(&res.value) > RUN__VALUE_DEPTH_MAX) {
		run__incident(r, token, false, "the result of the decision \"%.100s\" is nested too deeply",
		        n->pub.ref);
		return;
	}
	ev = at_token(r, BPMN_DECIDED, token, explanation(r, n->pub.ref, &res));
	ev.value = res.value;
	run__emit(r, &ev);
	old = run__value(seen, str_of(n->result));
	if (old != NULL && old->type == FEEL_CONTEXT && res.value.type == FEEL_CONTEXT)
		res.value = join_contexts(r, old, &res.value);
	run__set(r, token, false, str_of(n->result), &res.value);
	run__leave(r, token);
}

static void sub_process(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn_def *d = t->def;
	const struct bpmn__node *n = run__node(t);

	if (run__arm(r, token, NULL, n->boundary, run__boundaries(r, t)))
		run__put_moving(r, d, n->start, token, -1);
}

void run__activity(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *n = run__node(t);

	if (n->loop != NULL && !bpmn__is_instance(&r->s, t)) {
		run__loop_begin(r, token);
		return;
	}
	for (int i = 0; i < n->n_locals; i++)
		run__set_own(r, token, n->locals[i], FEEL_NULL_VALUE);
	switch (n->kind) {
	case KIND_USER: user_task(r, token); return;
	case KIND_SERVICE: open_task(r, token, BPMN_SERVICE_CALLED, str_of(n->pub.ref)); return;
	case KIND_RULE: rule_task(r, token); return;
	case KIND_SEND: run__throw(r, token); return;
	case KIND_RECEIVE: run__catch_event(r, token); return;
	case KIND_SUB: sub_process(r, token); return;
	case KIND_CALL: run__call(r, token); return;
	default: run__leave(r, token); return;
	}
}

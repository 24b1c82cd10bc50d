/* Start events of a process, as who begins instances sees them. */
#include "bpmn/run_int.h"

bool bpmn_start_at(const struct bpmn_def *d, int i, struct bpmn_start *out)
{
	const struct bpmn__node *n = i >= 0 && i < d->n_nodes ? &d->node[i] : NULL;

	if (n == NULL || n->kind != KIND_START || n->parent >= 0)
		return false;
	*out = (struct bpmn_start){.element = &n->pub, .name = ""};
	switch (n->trigger) {
	case TRIGGER_TIMER: out->by = BPMN_BY_TIMER; break;
	case TRIGGER_MESSAGE: out->by = BPMN_BY_MESSAGE; break;
	case TRIGGER_SIGNAL: out->by = BPMN_BY_SIGNAL; break;
	case TRIGGER_CONDITION: out->by = BPMN_BY_CONDITION; break;
	default: return true;
	}
	out->name = n->trigger == TRIGGER_TIMER ? n->timer.text : n->pub.ref;
	return true;
}

static const struct bpmn__node *node_of(const struct bpmn_def *d, const struct bpmn_start *start)
{
	return &d->node[bpmn__node_find(d, str_of(start->element->id))];
}

const char *bpmn_start_text(const struct bpmn_def *d, const struct bpmn_start *start, const char *name)
{
	const struct bpmn__node *n = node_of(d, start);

	for (int i = 0; i < n->n_said; i++)
		if (strcmp(n->said[i].name, name) == 0)
			return n->said[i].text;
	return NULL;
}

/* A run without an instance: only to evaluate. */
static struct run looking(
        const struct bpmn_def *d, const struct bpmn_services *sv, struct arena *a, struct err *e)
{
	struct run r = {.d = d, .sv = sv, .zone = sv->zone ? sv->zone : zone_utc(), .a = a, .e = e};

	r.scope = (struct feel_scope){.now = sv->now, .zone = r.zone, .max_steps = RUN__EVALUATION_MAX};
	return r;
}

int bpmn_start_says(const struct bpmn_def *d, const struct bpmn_start *start,
        const struct feel_value *variables, const struct bpmn_services *sv, struct arena *a,
        struct feel_value *out, struct err *e)
{
	const struct feel_value none = {.type = FEEL_CONTEXT};
	const struct bpmn__node *n = node_of(d, start);
	struct run r = looking(d, sv, a, e);

	r.scope.context = variables != NULL ? variables : &none;
	*out = (struct feel_value){.type = FEEL_CONTEXT};
	for (int i = 0; i < n->n_said; i++) {
		const struct bpmn__map *m = &n->said[i];
		struct feel_value v = feel_string(str_of(m->text));
		char why[300];

		if (m->value != NULL && !run__eval(&r, &r.scope, m->value, &v, NULL, why, sizeof(why)))
			return r.rc < 0 ? r.rc
			                : err_set(e, ERR_UNPROCESSED,
			                          "the %s of the start event \"%.100s\": %s", m->name,
			                          n->pub.id, why);
		if (v.type != FEEL_NULL)
			feel_put(a, out, str_of(m->name), v);
	}
	return 0;
}

int bpmn_start_due(const struct bpmn_def *d, const struct bpmn_start *start, const struct bpmn_services *sv,
        struct arena *a, time_us *at, const char **left, struct err *e)
{
	const struct feel_value none = {.type = FEEL_CONTEXT};
	const struct bpmn__node *n = node_of(d, start);
	struct run r = looking(d, sv, a, e);
	struct run__due due = {.at = *at};
	const char *why = NULL;

	r.scope.context = &none;
	if (*left != NULL) {
		due.cycle = str_of(*left);
		if (!run__cycle_next(&r, n, &due))
			due = (struct run__due){.at = TIME_NONE};
	} else if (!run__timer_due(&r, &r.scope, n, &due, &why) && why != NULL)
		return r.rc < 0 ? r.rc
		                : err_set(e, ERR_UNPROCESSED, "the timer \"%.100s\": %s", n->pub.id, why);
	*at = due.at;
	*left = due.cycle.p != NULL ? due.cycle.p : "";
	return r.rc;
}

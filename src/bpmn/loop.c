/*
 * Activities that are carried out several times. The token that reached the activity stays on it as a whole:
 * it has the boundary events and the counts of the standard as variables of its own. Each instance is a token
 * on the same element in its scope, with loopCounter and the item as variables.
 *
 * For itself the engine keeps "@items", the collection as it was at the beginning, and "@results".
 */
#include "bpmn/run_int.h"

static int64_t number(const struct run *r, uint32_t token, const char *name)
{
	const struct bpmn__local *l = bpmn__local_find(&r->s, token);
	const struct feel_value *v = l ? bpmn__entry(&l->vars, str_of(name)) : NULL;
	int64_t n = 0;

	return v != NULL && v->type == FEEL_NUMBER && feel_number_to_int(v->number, &n) ? n : 0;
}

static const struct feel_value *list(const struct run *r, uint32_t token, const char *name)
{
	const struct bpmn__local *l = bpmn__local_find(&r->s, token);
	const struct feel_value *v = l ? bpmn__entry(&l->vars, str_of(name)) : NULL;

	return v != NULL && v->type == FEEL_LIST ? v : NULL;
}

static int64_t active(const struct run *r, uint32_t body)
{
	int64_t n = 0;

	for (size_t i = 0; i < r->s.n_tokens; i++)
		n += r->s.token[i].scope == body;
	return n;
}

/* Instance number `at`, from 0. */
static void add_instance(struct run *r, uint32_t body, int64_t at)
{
	const struct bpmn__token *t = run__token(r, body);
	const struct bpmn__loop *loop = run__node(t)->loop;
	const struct feel_value *items = list(r, body, "@items");
	uint32_t key = run__put(r, t->def, t->node, body, -1);

	run__set_own(r, key, "loopCounter", feel_int(at + 1));
	if (*loop->item != '\0')
		run__set_own(r, key, loop->item,
		        items != NULL && at < items->list.n ? items->list.item[at] : FEEL_NULL_VALUE);
	run__push(r, key);
}

static void finish(struct run *r, uint32_t body)
{
	const struct bpmn__token *t = run__token(r, body);
	const struct bpmn__loop *loop = run__node(t)->loop;
	const struct feel_value *results = list(r, body, "@results");

	if (results != NULL)
		run__set(r, t->scope, true, str_of(loop->results), results);
	run__leave(r, body);
}

/* How many instances there will be, and of what; false after an incident. */
static bool how_many(
        struct run *r, uint32_t token, const struct bpmn__loop *loop, int64_t *n, struct feel_value *items)
{
	char why[300] = "it is null";
	struct feel_value v;

	if (!run__eval(r, run__seen(r, token, false), loop->collection ? loop->collection : loop->count, &v,
	            NULL, why, sizeof why))
		v = FEEL_NULL_VALUE;
	if (loop->collection != NULL && v.type == FEEL_LIST) {
		*items = v;
		*n = v.list.n;
	} else if (loop->collection != NULL || v.type != FEEL_NUMBER || !feel_number_to_int(v.number, n) ||
	           *n < 0) {
		run__incident(r, token, false, "the %s: %s",
		        loop->collection ? "collection that it is repeated for is no list"
		                         : "number of times that it is repeated is no whole number from 0 up",
		        v.type == FEEL_NULL ? why : "it is something else");
		return false;
	}
	if (*n > RUN__INSTANCES_MAX) {
		run__incident(r, token, false, "it would be repeated %lld times; at most %d are possible",
		        (long long)*n, RUN__INSTANCES_MAX);
		return false;
	}
	if (run__depth(items) >= RUN__VALUE_DEPTH_MAX) {
		run__incident(r, token, false, "the collection that it is repeated for is nested too deeply");
		return false;
	}
	return r->rc == 0;
}

static void begin_standard(struct run *r, uint32_t token, const struct bpmn__loop *loop)
{
	if (loop->most == 0 || (loop->test_before && loop->again != NULL &&
	                               !run__true(r, run__seen(r, token, false), loop->again, NULL)))
		finish(r, token);
	else
		add_instance(r, token, 0);
}

void run__loop_begin(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *node = run__node(t);
	const struct bpmn__loop *loop = node->loop;
	const struct bpmn_event open = {.type = BPMN_LOOP,
	        .element = node->pub.id,
	        .node = t->node,
	        .def = t->def,
	        .key = token,
	        .scope = t->scope};
	struct feel_value items = FEEL_NULL_VALUE, results = {.type = FEEL_LIST};
	int64_t n = 0;

	if (!loop->standard && !how_many(r, token, loop, &n, &items))
		return;
	if (!run__arm(r, token, &open, node->boundary, node->n_boundary))
		return;
	if (loop->standard) {
		begin_standard(r, token, loop);
		return;
	}
	run__set_own(r, token, "numberOfInstances", feel_int(n));
	run__set_own(r, token, "numberOfActiveInstances", feel_int(loop->parallel ? n : n > 0));
	run__set_own(r, token, "numberOfCompletedInstances", feel_int(0));
	run__set_own(r, token, "numberOfTerminatedInstances", feel_int(0));
	if (items.type == FEEL_LIST && *loop->item != '\0')
		run__set_own(r, token, "@items", items);
	if (*loop->results != '\0') {
		results.list.n = (int)n;
		results.list.item = arena_array(r->a, (size_t)n, sizeof *results.list.item);
		if (results.list.item == NULL)
			run__no_memory(r);
		run__set_own(r, token, "@results", results);
	}
	for (int64_t i = 0; i < (loop->parallel ? n : n > 0) && r->rc == 0; i++)
		add_instance(r, token, i);
	if (n == 0 && r->rc == 0)
		finish(r, token);
}

/* Puts what the instance gives into its place of the list. */
static void keep_result(struct run *r, uint32_t token, uint32_t body, const struct bpmn__loop *loop)
{
	const struct feel_value *old = list(r, body, "@results");
	int64_t at = number(r, token, "loopCounter") - 1;
	struct feel_value all = {.type = FEEL_LIST}, v;
	char why[300];

	if (old == NULL || loop->result == NULL || at < 0 || at >= old->list.n)
		return;
	if (!run__eval(r, run__seen(r, token, false), loop->result, &v, NULL, why, sizeof why) ||
	        run__depth(&v) >= RUN__VALUE_DEPTH_MAX)
		v = FEEL_NULL_VALUE;
	all.list.n = old->list.n;
	all.list.item = arena_memdup(r->a, old->list.item, (size_t)old->list.n * sizeof v);
	if (all.list.item == NULL) {
		run__no_memory(r);
		return;
	}
	all.list.item[at] = v;
	run__set_own(r, body, "@results", all);
}

static void standard_goes_on(struct run *r, uint32_t body, int64_t at, const struct bpmn__loop *loop)
{
	if ((loop->most < 0 || at < loop->most) &&
	        (loop->again == NULL || run__true(r, run__seen(r, body, false), loop->again, NULL)))
		add_instance(r, body, at);
	else
		finish(r, body);
}

void run__instance_done(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__loop *loop = run__node(t)->loop;
	uint32_t body = t->scope;
	int64_t at = number(r, token, "loopCounter"), all = number(r, body, "numberOfInstances"), left;
	bool enough;

	if (loop->standard) {
		run__take(r, token);
		standard_goes_on(r, body, at, loop);
		return;
	}
	left = active(r, body) - 1;
	run__set_own(r, body, "numberOfActiveInstances", feel_int(left));
	run__set_own(r, body, "numberOfCompletedInstances",
	        feel_int(number(r, body, "numberOfCompletedInstances") + 1));
	keep_result(r, token, body, loop);
	enough = loop->until != NULL && run__true(r, run__seen(r, token, false), loop->until, NULL);
	run__take(r, token);
	if (r->rc < 0)
		return;
	if (enough) {
		run__cancel_scope(r, body);
		run__set_own(r, body, "numberOfActiveInstances", feel_int(0));
		run__set_own(r, body, "numberOfTerminatedInstances", feel_int(left));
		finish(r, body);
	} else if (!loop->parallel && at < all) {
		run__set_own(r, body, "numberOfActiveInstances", feel_int(1));
		add_instance(r, body, at);
	} else if (left == 0)
		finish(r, body);
}

/* Deciding: what an input sets going. run_int.h says how a run works. */
#include "bpmn/run_int.h"

static int refuse(struct run *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
static int refuse(struct run *r, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return err_set(r->e, ERR_STATE, "%s", text);
}

/* The start event of that name; without one, that without a trigger, or the first whose condition is true. */
static int find_start(struct run *r, const struct bpmn_input *in)
{
	const struct feel_value none_given = {.type = FEEL_CONTEXT};
	struct feel_scope seen = r->scope;
	int only = -1, all = 0;

	for (int i = 0; i < r->d->n_nodes; i++) {
		const struct bpmn__node *n = &r->d->node[i];

		if (n->kind != KIND_START || n->parent >= 0)
			continue;
		if (in->name.n > 0 ? str_is(in->name, n->pub.id) ||
		                             (n->trigger != TRIGGER_NONE && str_is(in->name, n->pub.ref))
		                   : n->trigger == TRIGGER_NONE)
			return i;
		only = i;
		all++;
	}
	seen.context = in->variables ? in->variables : &none_given;
	for (int i = 0; i < r->d->n_nodes && in->name.n == 0; i++) {
		const struct bpmn__node *n = &r->d->node[i];

		if (n->kind == KIND_START && n->parent < 0 && n->trigger == TRIGGER_CONDITION &&
		        run__true(r, &seen, n->expr, NULL))
			return i;
	}
	return in->name.n == 0 && all == 1 && r->d->node[only].trigger != TRIGGER_CONDITION ? only : -1;
}

static int input_start(struct run *r, const struct bpmn_input *in)
{
	int start;

	if (r->s.phase != PHASE_NEW)
		return refuse(r, "the instance is started already");
	start = find_start(r, in);
	if (start < 0)
		return err_set(r->e, ERR_INVALID,
		        in->name.n > 0
		                ? "the process \"%.100s\" has no start event for that name"
		                : "the process \"%.100s\" has no start event without a trigger, and no "
		                  "condition of another is true: name one",
		        r->d->id);
	run__emit(r, &(struct bpmn_event){.type = BPMN_STARTED, .element = r->d->id});
	run__merge(r, 0, true, in->variables);
	run__put_moving(r, r->d, start, 0, -1);
	return 0;
}

static bool is_outcome(const char *outcomes, struct str word)
{
	struct str rest = str_of(outcomes);

	while (rest.p)
		if (str_eq(str_cut(&rest, ' '), word))
			return true;
	return false;
}

/* The task or service call of that key, or NULL and words. */
static const struct bpmn__token *open_task(struct run *r, uint32_t key)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, key);

	if (t != NULL && (t->doing == DOING_TASK || t->doing == DOING_SERVICE))
		return t;
	refuse(r, "the task %u is not open (any more)", key);
	return NULL;
}

static int input_complete(struct run *r, const struct bpmn_input *in)
{
	const struct bpmn__token *t = open_task(r, in->key);
	const struct feel_value *outcome = in->variables ? feel_get(in->variables, "outcome") : NULL;
	const char *outcomes;
	struct str word = STR_NULL;

	if (t == NULL)
		return ERR_STATE;
	outcomes = run__node(t)->pub.outcomes;
	if (outcome != NULL && outcome->type == FEEL_STRING)
		word = outcome->string;
	if (*outcomes != '\0' && (word.n == 0 || !is_outcome(outcomes, word))) {
		err_set(r->e, ERR_INVALID, "the outcome of \"%.100s\" must be one of: %.200s", t->element,
		        outcomes);
		return err_at(r->e, NULL, 0, 0, "outcome");
	}
	run__emit_at(r, BPMN_TASK_DONE, in->key, word);
	run__merge(r, in->key, false, in->variables);
	run__leave(r, in->key);
	return 0;
}

static int input_timer(struct run *r, const struct bpmn_input *in)
{
	const struct bpmn__wait *found = bpmn__wait_find(&r->s, in->key);
	struct bpmn__wait w;

	if (found == NULL || found->what != WAIT_TIMER)
		return refuse(r, "the timer %u is not set (any more)", in->key);
	w = *found;
	run__merge(r, w.owner, w.inner, in->variables);
	run__timer_fires(r, &w);
	return 0;
}

static int input_message(struct run *r, const struct bpmn_input *in)
{
	for (size_t i = 0; i < r->s.n_waits; i++) {
		const struct bpmn__wait w = r->s.wait[i];

		if (w.def->node[w.node].trigger != TRIGGER_MESSAGE || !str_eq(w.text, in->name))
			continue;
		run__merge(r, w.owner, w.inner, in->variables);
		run__happens(r, &w);
		return 0;
	}
	return refuse(r, "nothing waits for the message \"" STR_FMT "\"",
	        (int)(in->name.n < 100 ? in->name.n : 100), in->name.p ? in->name.p : "");
}

static int input_error(struct run *r, const struct bpmn_input *in)
{
	if (open_task(r, in->key) == NULL)
		return ERR_STATE;
	run__merge(r, in->key, false, in->variables);
	if (run__catch_at(r, in->key, TRIGGER_ERROR, in->name) || r->rc < 0)
		return 0;
	run__emit_at(r, BPMN_TASK_CANCELLED, in->key, STR_NULL);
	run__incident(r, in->key, false, "nothing catches the error \"" STR_FMT "\"",
	        (int)(in->name.n < 200 ? in->name.n : 200), in->name.p ? in->name.p : "");
	return 0;
}

/* The token begins its element again under a new key, with the variables that it was given. */
static void again(struct run *r, uint32_t key)
{
	const struct bpmn__token t = *run__token(r, key);
	const struct bpmn__local *l = bpmn__local_find(&r->s, key);
	struct feel_context own = l ? l->vars.context : (struct feel_context){0};
	uint32_t now = r->s.next_key;

	run__take(r, key);
	run__emit(r, &(struct bpmn_event){.type = BPMN_TOKEN,
	                     .element = run__node(&t)->pub.id,
	                     .def = t.def,
	                     .key = now,
	                     .scope = t.scope,
	                     .text = t.via >= 0 ? str_of(t.def->flow[t.via].id) : STR_NULL});
	for (int i = 0; i < own.n; i++)
		run__emit(r, &(struct bpmn_event){.type = BPMN_VARIABLE,
		                     .scope = now,
		                     .text = own.entry[i].key,
		                     .value = *own.entry[i].value});
	run__push(r, now);
}

/* Tokens that could not go on try again: from the start of their element, or only its way out. */
static void retry_incidents(struct run *r)
{
	size_t n = 0;
	uint32_t *keys = arena_array(r->a, r->s.n_tokens, sizeof *keys);

	if (keys == NULL) {
		run__no_memory(r);
		return;
	}
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		const struct bpmn__token *t = &r->s.token[i];

		if (t->doing == DOING_STUCK || (t->doing == DOING_INCIDENT && !run__is_join(run__node(t))))
			keys[n++] = t->key;
	}
	for (size_t i = 0; i < n && r->rc == 0; i++) {
		const struct bpmn__token *t = bpmn__token_find(&r->s, keys[i]);

		if (t == NULL)
			continue;
		if (t->doing == DOING_STUCK)
			run__leave(r, t->key);
		else
			again(r, t->key);
	}
}

/* As seen from a token, if one is named. */
static int input_set(struct run *r, const struct bpmn_input *in)
{
	if (in->key != 0 && bpmn__token_find(&r->s, in->key) == NULL)
		return refuse(r, "there is no token %u (any more) whose variables could be set", in->key);
	run__merge(r, in->key, false, in->variables);
	r->look = true;
	retry_incidents(r);
	return 0;
}

static int input(struct run *r, const struct bpmn_input *in)
{
	if (in->variables != NULL && in->variables->type != FEEL_CONTEXT)
		return err_set(r->e, ERR_INVALID, "the variables must be a context of names and values");
	if (in->variables != NULL && run__depth(in->variables) > RUN__VALUE_DEPTH_MAX)
		return err_set(r->e, ERR_INVALID, "the variables are nested deeper than %d",
		        RUN__VALUE_DEPTH_MAX - 1);
	if (r->s.phase == PHASE_ENDED)
		return refuse(r, "the instance has ended");
	if (in->type == BPMN_START)
		return input_start(r, in);
	if (r->s.phase == PHASE_NEW)
		return refuse(r, "the instance is not started yet");
	switch (in->type) {
	case BPMN_COMPLETE: return input_complete(r, in);
	case BPMN_TIMER: return input_timer(r, in);
	case BPMN_MESSAGE: return input_message(r, in);
	case BPMN_SIGNAL:
		run__merge(r, 0, true, in->variables);
		run__broadcast(r, in->name);
		return 0;
	case BPMN_ERROR: return input_error(r, in);
	case BPMN_SET: return input_set(r, in);
	case BPMN_CANCEL:
		run__merge(r, 0, true, in->variables);
		run__cancel_scope(r, 0);
		run__end(r, STR_LIT("cancelled"));
		return 0;
	case BPMN_MIGRATE: return run__migrate(r, in);
	default: return err_set(r->e, ERR_INVALID, "an input of the unknown type %d", (int)in->type);
	}
}

int bpmn_decide(const struct bpmn_def *d, const struct bpmn_state *s, const struct bpmn_input *in,
        const struct bpmn_services *sv, struct arena *a, struct bpmn_events *out, struct err *e)
{
	struct run r = {
	        .d = d, .sv = sv, .zone = sv->zone ? sv->zone : zone_utc(), .a = a, .out = out, .e = e};
	int rc;

	OBJ_CHECK(d, BPMN__DEF_MAGIC);
	OBJ_CHECK(s, BPMN__STATE_MAGIC);
	*out = (struct bpmn_events){0};
	r.scope = (struct feel_scope){.now = sv->now, .zone = r.zone, .max_steps = RUN__EVALUATION_MAX};
	rc = bpmn__state_draft(&r.s, s, a, e);
	if (rc == 0 && in->type != BPMN_MIGRATE)
		rc = bpmn__state_bind(&r.s, d, sv, e);
	if (rc == 0)
		rc = input(&r, in);
	if (rc == 0)
		run__go(&r);
	if (rc == 0)
		rc = r.rc;
	if (rc < 0)
		*out = (struct bpmn_events){0};
	return rc;
}

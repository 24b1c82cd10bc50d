/*
 * Deciding: the token game of BPMN 2.0, chapter 13, over a draft of the state.
 *
 * Every event is applied to the draft as soon as it is decided, by the same function that the caller
 * uses, so that folding the events cannot give another state than the one decided upon.
 *
 * Tokens move first come, first served until none can; then inclusive joins are looked at (they depend
 * on where all the others are), then conditional events. When the first failure is kept in rc, all that
 * follows does nothing.
 */
#include "bpmn/bpmn_int.h"

/* Deeper values could not be read back from the JSON of the state. */
#define VALUE_DEPTH_MAX 24

struct run {
	const struct bpmn_def *d;
	struct bpmn_state s; /* the draft */
	const struct bpmn_services *sv;
	const struct zone *zone;
	struct feel_scope scope;
	struct arena *a;
	struct bpmn_events *out;
	struct err *e;
	int rc;
	int steps;
	bool look; /* variables changed or a condition was set: conditional events are to be looked at */
	uint32_t *queue; /* keys of tokens that are to move; one that is gone meanwhile is passed over */
	size_t q_at, q_n, q_cap;
};

static void fail(struct run *r, int rc)
{
	if (r->rc == 0)
		r->rc = rc;
}

static void no_memory(struct run *r)
{
	if (r->rc == 0)
		r->rc = err_set(
		        r->e, ERR_NOMEM, "the step of the flow does not fit the memory of this request");
}

static struct str keep(struct run *r, const char *p, size_t n)
{
	char *copy = arena_strndup(r->a, p, n);

	if (copy == NULL)
		no_memory(r);
	return (struct str){copy, copy ? n : 0};
}

static const struct bpmn__node *node_of(const struct run *r, uint32_t token)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);

	return t ? &r->d->node[t->node] : NULL;
}

static void emit(struct run *r, struct bpmn_event ev)
{
	struct bpmn_event *grown;
	int rc;

	if (r->rc < 0)
		return;
	if (ev.type != BPMN_TIMER_SET)
		ev.at = r->sv->now;
	rc = bpmn_apply(r->d, &r->s, &ev, r->e);
	if (rc < 0) {
		r->rc = rc;
		return;
	}
	grown = arena_grow(r->a, r->out->e, &r->out->cap, r->out->n + 1, sizeof *grown);
	if (grown == NULL) {
		no_memory(r);
		return;
	}
	r->out->e = grown;
	r->out->e[r->out->n++] = ev;
	r->look |= ev.type == BPMN_VARIABLE;
}

/* An event about the token itself. */
static void emit_at(struct run *r, enum bpmn_event_type type, uint32_t token, struct str text)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);

	if (r->rc < 0)
		return;
	must(t != NULL);
	emit(r, (struct bpmn_event){
	                .type = type, .element = t->element, .key = token, .scope = t->scope, .text = text});
}

static void incident(struct run *r, uint32_t token, bool passed, const char *fmt, ...) PRINTF_LIKE(4, 5);
static void incident(struct run *r, uint32_t token, bool passed, const char *fmt, ...)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);
	char text[700];
	va_list ap;

	if (r->rc < 0)
		return;
	must(t != NULL);
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	emit(r, (struct bpmn_event){.type = BPMN_INCIDENT,
	                .element = t->element,
	                .key = token,
	                .scope = t->scope,
	                .text = keep(r, text, strlen(text)),
	                .value = feel_bool(passed)});
}

static void push(struct run *r, uint32_t token)
{
	uint32_t *grown = arena_grow(r->a, r->queue, &r->q_cap, r->q_n + 1, sizeof *grown);

	if (grown == NULL) {
		no_memory(r);
		return;
	}
	r->queue = grown;
	r->queue[r->q_n++] = token;
}

/* A new token on a node, not yet moving. via -1: by no flow. Returns its key. */
static uint32_t put(struct run *r, int node, uint32_t scope, int via)
{
	uint32_t key = r->s.next_key;

	if (via >= 0)
		emit(r, (struct bpmn_event){
		                .type = BPMN_FLOW_TAKEN, .element = r->d->flow[via].id, .scope = scope});
	emit(r, (struct bpmn_event){.type = BPMN_TOKEN,
	                .element = r->d->node[node].pub.id,
	                .key = key,
	                .scope = scope,
	                .text = via >= 0 ? str_of(r->d->flow[via].id) : STR_NULL});
	return key;
}

static void put_moving(struct run *r, int node, uint32_t scope, int via)
{
	push(r, put(r, node, scope, via));
}

static void drop_timers(struct run *r, uint32_t token)
{
	size_t i = 0;

	while (i < r->s.n_waits && r->rc == 0) {
		const struct bpmn__wait *w = &r->s.wait[i];

		if (w->owner == token && w->what == WAIT_TIMER)
			emit(r, (struct bpmn_event){.type = BPMN_TIMER_GONE,
			                .element = w->element,
			                .key = w->key,
			                .scope = token});
		else
			i++;
	}
}

static void take(struct run *r, uint32_t token)
{
	drop_timers(r, token);
	emit_at(r, BPMN_TOKEN_GONE, token, STR_NULL);
}

/* Ends whatever the token does, and all inside it. Depth: that of sub-processes in the definition. */
static void cancel(struct run *r, uint32_t token);

static void cancel_scope(struct run *r, uint32_t scope)
{
	size_t i = 0;

	while (i < r->s.n_tokens && r->rc == 0) {
		if (r->s.token[i].scope != scope) {
			i++;
			continue;
		}
		cancel(r, r->s.token[i].key);
		/* What lay inside had later keys: nothing before i has moved. */
	}
}

static void cancel(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);

	if (t == NULL || r->rc < 0)
		return;
	if (r->d->node[t->node].kind == KIND_SUB)
		cancel_scope(r, token);
	t = bpmn__token_find(&r->s, token);
	if (t->doing == DOING_TASK || t->doing == DOING_SERVICE)
		emit_at(r, BPMN_TASK_CANCELLED, token, STR_NULL);
	take(r, token);
}

/* ---- FEEL ---- */

/* Limits of evaluation are an incident like any other; only memory ends the step. */
static bool evaluate(struct run *r, const struct feel_expr *x, struct feel_value *out, struct sb *notes,
        char *why, size_t n)
{
	struct err e = ERR_INIT;
	int rc;

	*out = FEEL_NULL_VALUE;
	if (r->rc < 0)
		return false;
	r->scope.context = &r->s.vars;
	rc = feel_eval(x, &r->scope, r->a, out, notes, &e);
	if (rc == ERR_NOMEM) {
		no_memory(r);
		return false;
	}
	if (rc < 0) {
		snprintf(why, n, "%.*s", (int)n - 1, e.text);
		return false;
	}
	return true;
}

static bool is_true(struct run *r, const struct feel_expr *x, struct sb *notes)
{
	struct feel_value v;
	char why[300] = "";

	if (!evaluate(r, x, &v, notes, why, sizeof why)) {
		sb_puts(notes, why);
		return false;
	}
	return v.type == FEEL_BOOL && v.boolean;
}

static int depth_of(const struct feel_value *v)
{
	int most = 0, d;

	if (v->type == FEEL_LIST)
		for (int i = 0; i < v->list.n && most < VALUE_DEPTH_MAX; i++) {
			d = depth_of(&v->list.item[i]);
			most = d > most ? d : most;
		}
	if (v->type == FEEL_CONTEXT)
		for (int i = 0; i < v->context.n && most < VALUE_DEPTH_MAX; i++) {
			d = depth_of(v->context.entry[i].value);
			most = d > most ? d : most;
		}
	return most + 1;
}

static void set_variable(struct run *r, struct str name, const struct feel_value *v)
{
	emit(r, (struct bpmn_event){.type = BPMN_VARIABLE, .text = name, .value = *v});
}

static void merge(struct run *r, const struct feel_value *variables)
{
	if (variables == NULL)
		return;
	for (int i = 0; i < variables->context.n; i++)
		set_variable(r, variables->context.entry[i].key, variables->context.entry[i].value);
}

/* ---- timers ---- */

struct due {
	time_us at;
	struct str cycle; /* what is left of a cycle after this firing; "" if nothing */
};

/* The instant a span from `from`. */
static bool span_end(struct run *r, const struct bpmn__timer *t, const struct bpmn__span *span, time_us from,
        time_us *at, const char **why)
{
	if (*t->calendar == '\0') {
		*at = time_add(r->zone, from, span->months, span->rest);
		return true;
	}
	if (span->months != 0) {
		*why = "working time cannot be counted in months";
		return false;
	}
	if (span->rest <= 0) {
		*at = from;
		return true;
	}
	*at = r->sv->working ? r->sv->working(r->sv->ctx, t->calendar, from, span->rest) : TIME_NONE;
	if (*at == TIME_NONE)
		*why = "there is no such calendar, or it has no working time";
	return *at != TIME_NONE;
}

/* The text of a cycle after one firing fewer; "" when that was the last. */
static struct str cycle_left(struct run *r, struct bpmn__span span)
{
	struct sb b = SB_INIT;
	struct str s;

	if (span.left == 1)
		return STR_NULL;
	if (span.left > 0)
		span.left--;
	bpmn__span_write(&span, &b);
	s = keep(r, b.p, b.n);
	sb_fini(&b);
	return s;
}

static bool value_span(struct run *r, const struct feel_value *v, struct bpmn__span *span, const char **why)
{
	const dur_us most = 1000 * 366 * US_DAY;

	*span = (struct bpmn__span){.left = -1};
	switch (v->type) {
	case FEEL_STRING: return bpmn__span_parse(v->string, r->zone, span, why);
	case FEEL_DAYS:
		span->what = SPAN_AFTER;
		if (v->nanos > (__int128)most * 1000 || v->nanos < -(__int128)most * 1000) {
			*why = "the duration is longer than a thousand years";
			return false;
		}
		span->rest = (dur_us)(v->nanos / 1000);
		return true;
	case FEEL_MONTHS:
		span->what = SPAN_AFTER;
		if (v->months > 12000 || v->months < -12000) {
			*why = "the duration is longer than a thousand years";
			return false;
		}
		span->months = (int)v->months;
		return true;
	default:
		span->what = SPAN_AT;
		span->at = feel_to_instant(v, r->zone);
		*why = "it gives neither a date and time nor a duration";
		return span->at != TIME_NONE;
	}
}

/* When the timer of a node is due. False: it cannot be said, because of *why; or the expression is null,
 * then *why is NULL. */
static bool timer_due(struct run *r, const struct bpmn__node *n, struct due *out, const char **why)
{
	struct bpmn__span span;
	struct feel_value v;
	char words[300];

	*out = (struct due){.at = TIME_NONE};
	if (n->timer.expr == NULL) {
		if (!bpmn__span_parse(str_of(n->timer.text), r->zone, &span, why))
			return false;
	} else {
		if (!evaluate(r, n->timer.expr, &v, NULL, words, sizeof words)) {
			*why = r->rc == 0 ? keep(r, words, strlen(words)).p : "";
			return false;
		}
		*why = NULL;
		if (v.type == FEEL_NULL || !value_span(r, &v, &span, why))
			return false;
	}
	if (span.what == SPAN_AT)
		out->at = span.at;
	else if (!span_end(r, &n->timer, &span, r->sv->now, &out->at, why))
		return false;
	if (span.what == SPAN_EVERY)
		out->cycle = cycle_left(r, span);
	return true;
}

static void set_timer(struct run *r, const struct bpmn__node *n, uint32_t owner, const struct due *due)
{
	emit(r, (struct bpmn_event){.type = BPMN_TIMER_SET,
	                .element = n->pub.id,
	                .key = r->s.next_key,
	                .scope = owner,
	                .at = due->at,
	                .text = due->cycle});
}

/* After a firing: the next one of a cycle. Those that were missed are passed over and count as fired. */
static void next_of_cycle(
        struct run *r, const struct bpmn__node *n, uint32_t owner, time_us fired_at, struct str cycle)
{
	struct bpmn__span span;
	struct due due = {.at = fired_at};
	const char *why;
	time_us before;

	if (cycle.n == 0 || !bpmn__span_parse(cycle, r->zone, &span, &why))
		return;
	for (int i = 0; i < 100000; i++) {
		before = due.at;
		if (!span_end(r, &n->timer, &span, before, &due.at, &why) || due.at <= before)
			return;
		if (due.at > r->sv->now)
			break;
		if (span.left > 0 && --span.left == 0)
			return;
	}
	if (due.at <= r->sv->now && !span_end(r, &n->timer, &span, r->sv->now, &due.at, &why))
		return;
	due.cycle = cycle_left(r, span);
	set_timer(r, n, owner, &due);
}

/* ---- waiting ---- */

static bool waits_by_itself(const struct bpmn__node *n)
{
	return n->trigger == TRIGGER_TIMER || n->trigger == TRIGGER_MESSAGE || n->trigger == TRIGGER_SIGNAL ||
	       n->trigger == TRIGGER_CONDITION;
}

static void set_wait(struct run *r, const struct bpmn__node *n, uint32_t owner)
{
	emit(r, (struct bpmn_event){.type = BPMN_WAITING,
	                .element = n->pub.id,
	                .key = r->s.next_key,
	                .scope = owner,
	                .text = str_of(n->pub.ref),
	                .value = n->trigger == TRIGGER_CONDITION ? feel_bool(false) : FEEL_NULL_VALUE});
	r->look |= n->trigger == TRIGGER_CONDITION;
}

/*
 * Opens an activity, if `open` is not NULL, and sets the timers and waits for the events `node` (n of them)
 * on behalf of its token: all, or an incident and none. A boundary timer whose expression is null is not
 * set: a case without a deadline has none.
 */
static bool arm(struct run *r, uint32_t token, const struct bpmn_event *open, const int *node, int n)
{
	struct due *due = arena_array(r->a, (size_t)n, sizeof *due);
	const char *why = NULL;

	if (due == NULL) {
		no_memory(r);
		return false;
	}
	for (int i = 0; i < n; i++) {
		const struct bpmn__node *x = &r->d->node[node[i]];

		if (x->trigger != TRIGGER_TIMER || timer_due(r, x, &due[i], &why))
			continue;
		if (why == NULL && x->kind == KIND_BOUNDARY)
			continue;
		incident(r, token, false, "the timer \"%.100s\": %s", x->pub.id,
		        why ? why : "its time is null");
		return false;
	}
	if (open != NULL)
		emit(r, *open);
	for (int i = 0; i < n; i++) {
		const struct bpmn__node *x = &r->d->node[node[i]];

		if (x->trigger != TRIGGER_TIMER) {
			if (waits_by_itself(x))
				set_wait(r, x, token);
		} else if (due[i].at != TIME_NONE)
			set_timer(r, x, token, &due[i]);
	}
	return r->rc == 0;
}

/* ---- leaving ---- */

static void scope_done(struct run *r, uint32_t scope);

static void no_way_out(struct run *r, uint32_t token, struct sb *notes)
{
	incident(r, token, true,
	        "no condition of its outgoing flows is true, and it has no default flow%s%.300s",
	        notes->n > 0 ? ": " : "", notes->n > 0 ? notes->p : "");
}

/*
 * Takes the token away and puts one on the target of each flow that is taken. Flows without condition
 * are always taken; those with one if it is true (an exclusive gateway: the first only); the default
 * flow if no condition was.
 */
static void leave(struct run *r, uint32_t token)
{
	const struct bpmn__node *n = node_of(r, token);
	struct sb notes = SB_INIT;
	uint32_t scope;
	int *taken, n_taken = 0;
	bool any_true = false, any_condition = false;

	if (r->rc < 0)
		return;
	must(n != NULL);
	scope = bpmn__token_find(&r->s, token)->scope;
	taken = arena_array(r->a, (size_t)n->n_out, sizeof *taken);
	if (taken == NULL) {
		no_memory(r);
		return;
	}
	for (int i = 0; i < n->n_out; i++) {
		const struct feel_expr *cond = r->d->flow[n->out[i]].cond;

		if (n->out[i] == n->dflt)
			continue;
		any_condition |= cond != NULL;
		if (cond != NULL && !is_true(r, cond, &notes))
			continue;
		any_true |= cond != NULL;
		taken[n_taken++] = n->out[i];
		if (n->kind == KIND_XOR)
			break;
	}
	/* Beside unconditional flows the default is for the case that no condition is true. */
	if (n->dflt >= 0 && !any_true && (any_condition || n_taken == 0) &&
	        !(n->kind == KIND_XOR && n_taken > 0))
		taken[n_taken++] = n->dflt;
	if (n_taken == 0)
		no_way_out(r, token, &notes);
	else {
		take(r, token);
		for (int i = 0; i < n_taken; i++)
			put_moving(r, r->d->flow[taken[i]].to, scope, taken[i]);
	}
	sb_fini(&notes);
}

static void end_instance(struct run *r, struct str why)
{
	emit(r, (struct bpmn_event){.type = BPMN_ENDED, .element = r->d->id, .text = why});
	r->q_at = r->q_n;
}

/* A sub-process or the instance is done when the last of its tokens is gone. */
static void scope_done(struct run *r, uint32_t scope)
{
	if (r->rc < 0)
		return;
	for (size_t i = 0; i < r->s.n_tokens; i++)
		if (r->s.token[i].scope == scope)
			return;
	if (scope != 0)
		leave(r, scope);
	else
		end_instance(r, STR_NULL);
}

/* ---- what happens to a waiting token ---- */

static void boundary_fires(struct run *r, uint32_t host, int boundary)
{
	uint32_t scope = bpmn__token_find(&r->s, host)->scope;

	if (r->d->node[boundary].interrupting)
		cancel(r, host);
	put_moving(r, boundary, scope, -1);
}

/* The event `node` happens, for which the token `owner` waits. */
static void happen(struct run *r, uint32_t owner, int node)
{
	const struct bpmn__node *n = &r->d->node[node], *at = node_of(r, owner);
	uint32_t scope, key;

	if (r->rc < 0)
		return;
	must(at != NULL);
	if (n->kind == KIND_BOUNDARY)
		boundary_fires(r, owner, node);
	else if (at->kind == KIND_EVENT_GATEWAY) {
		scope = bpmn__token_find(&r->s, owner)->scope;
		take(r, owner);
		key = put(r, node, scope, n->in[0]);
		leave(r, key);
	} else
		leave(r, owner);
}

static void broadcast(struct run *r, struct str name)
{
	size_t n = 0;
	uint32_t *keys = arena_array(r->a, r->s.n_waits, sizeof *keys);

	if (keys == NULL) {
		no_memory(r);
		return;
	}
	/* Only those that wait now: what the signal sets going waits for the next one. */
	for (size_t i = 0; i < r->s.n_waits; i++) {
		const struct bpmn__wait *w = &r->s.wait[i];

		if (r->d->node[w->node].trigger == TRIGGER_SIGNAL && str_eq(w->text, name))
			keys[n++] = w->key;
	}
	for (size_t i = 0; i < n && r->rc == 0; i++) {
		const struct bpmn__wait *w = bpmn__wait_find(&r->s, keys[i]);

		if (w != NULL)
			happen(r, w->owner, w->node);
	}
}

/* The boundary event of an activity that catches this code: one that names it before one that takes any. */
static int catcher(const struct run *r, int host, enum bpmn__trigger trigger, struct str code)
{
	const struct bpmn__node *n = &r->d->node[host];
	int any = -1;

	for (int i = 0; i < n->n_boundary; i++) {
		const struct bpmn__node *b = &r->d->node[n->boundary[i]];

		if (b->trigger != trigger)
			continue;
		if (str_is(code, b->pub.ref))
			return n->boundary[i];
		if (*b->pub.ref == '\0')
			any = n->boundary[i];
	}
	return any;
}

/* Looks outwards from a scope; true if it was caught. */
static bool catch_outwards(struct run *r, uint32_t scope, enum bpmn__trigger trigger, struct str code)
{
	while (scope != 0 && r->rc == 0) {
		const struct bpmn__token *t = bpmn__token_find(&r->s, scope);
		int b;

		must(t != NULL);
		b = catcher(r, t->node, trigger, code);
		if (b >= 0) {
			boundary_fires(r, scope, b);
			return true;
		}
		scope = t->scope;
	}
	return false;
}

static void throw_error(struct run *r, uint32_t token, struct str code)
{
	if (catch_outwards(r, bpmn__token_find(&r->s, token)->scope, TRIGGER_ERROR, code) || r->rc < 0)
		return;
	incident(r, token, false, "nothing catches the error \"" STR_FMT "\", so the instance ends",
	        (int)(code.n < 200 ? code.n : 200), code.p);
	cancel_scope(r, 0);
	end_instance(r, code);
}

/* What a throwing or end event sends out. The token may be gone afterwards. */
static void throw_event(struct run *r, uint32_t token, const struct bpmn__node *n)
{
	struct bpmn_event ev = {.element = n->pub.id, .key = token, .text = str_of(n->pub.ref)};
	struct feel_context *c = &ev.value.context;

	if (r->rc < 0)
		return;
	ev.scope = bpmn__token_find(&r->s, token)->scope;
	switch (n->trigger) {
	case TRIGGER_MESSAGE:
		ev.type = BPMN_MESSAGE_SENT;
		/* The draft's own list changes with the next variable. */
		ev.value.type = FEEL_CONTEXT;
		c->n = r->s.vars.context.n;
		c->entry = arena_array(r->a, (size_t)c->n, sizeof *c->entry);
		if (c->entry == NULL) {
			no_memory(r);
			return;
		}
		if (c->n > 0)
			memcpy(c->entry, r->s.vars.context.entry, (size_t)c->n * sizeof *c->entry);
		emit(r, ev);
		return;
	case TRIGGER_SIGNAL:
		ev.type = BPMN_SIGNAL_SENT;
		emit(r, ev);
		broadcast(r, ev.text);
		return;
	case TRIGGER_ESCALATION:
		ev.type = BPMN_ESCALATED;
		emit(r, ev);
		catch_outwards(r, ev.scope, TRIGGER_ESCALATION, ev.text);
		return;
	default: return;
	}
}

static void end_event(struct run *r, uint32_t token, const struct bpmn__node *n)
{
	uint32_t scope = bpmn__token_find(&r->s, token)->scope;

	if (n->trigger == TRIGGER_ERROR) {
		throw_error(r, token, str_of(n->pub.ref));
		return;
	}
	if (n->trigger == TRIGGER_TERMINATE) {
		take(r, token);
		cancel_scope(r, scope);
		scope_done(r, scope);
		return;
	}
	throw_event(r, token, n);
	if (r->rc < 0 || bpmn__token_find(&r->s, token) == NULL)
		return;
	take(r, token);
	scope_done(r, scope);
}

/* ---- activities ---- */

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
	s = keep(r, b.p, b.n);
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
		no_memory(r);
	return joined;
}

static void rule_task(struct run *r, uint32_t token, const struct bpmn__node *n)
{
	const struct dmn_model *m = r->sv->decision ? r->sv->decision(r->sv->ctx, n->pub.ref) : NULL;
	const struct feel_value *old = feel_get(&r->s.vars, n->result);
	struct dmn_result res = {0};
	struct err e = ERR_INIT;
	int rc;

	if (m == NULL) {
		incident(r, token, false, "there is no decision \"%.100s\"", n->pub.ref);
		return;
	}
	r->scope.context = &r->s.vars;
	rc = dmn_evaluate(m, n->pub.ref, &r->scope, r->a, &res, &e);
	if (rc == ERR_NOMEM) {
		no_memory(r);
		return;
	}
	if (rc < 0) {
		incident(r, token, false, "the decision \"%.100s\": %s", n->pub.ref, e.text);
		return;
	}
	if (depth_of(&res.value) > VALUE_DEPTH_MAX) {
		incident(r, token, false, "the result of the decision \"%.100s\" is nested too deeply",
		        n->pub.ref);
		return;
	}
	emit(r, (struct bpmn_event){.type = BPMN_DECIDED,
	                .element = n->pub.id,
	                .key = token,
	                .scope = bpmn__token_find(&r->s, token)->scope,
	                .text = explanation(r, n->pub.ref, &res),
	                .value = res.value});
	if (old != NULL && old->type == FEEL_CONTEXT && res.value.type == FEEL_CONTEXT)
		res.value = join_contexts(r, old, &res.value);
	set_variable(r, str_of(n->result), &res.value);
	leave(r, token);
}

static void open_activity(
        struct run *r, uint32_t token, enum bpmn_event_type type, const struct bpmn__node *n, struct str text)
{
	const struct bpmn_event open = {.type = type,
	        .element = n->pub.id,
	        .key = token,
	        .scope = bpmn__token_find(&r->s, token)->scope,
	        .text = text};

	arm(r, token, &open, n->boundary, n->n_boundary);
}

static void user_task(struct run *r, uint32_t token, const struct bpmn__node *n)
{
	struct str org = str_of(n->org);
	struct feel_value v;
	char why[300] = "it is null";

	if (n->expr != NULL) {
		if (!evaluate(r, n->expr, &v, NULL, why, sizeof why) || v.type != FEEL_STRING ||
		        v.string.n == 0) {
			if (r->rc == 0)
				incident(r, token, false, "the org of the task is no text: %s",
				        v.type == FEEL_NULL ? why : "it is something else, or empty");
			return;
		}
		org = v.string;
	}
	open_activity(r, token, BPMN_TASK_OPENED, n, org);
}

static void event_gateway(struct run *r, uint32_t token, const struct bpmn__node *n)
{
	int *targets = arena_array(r->a, (size_t)n->n_out, sizeof *targets);

	if (targets == NULL) {
		no_memory(r);
		return;
	}
	for (int i = 0; i < n->n_out; i++)
		targets[i] = r->d->flow[n->out[i]].to;
	arm(r, token, NULL, targets, n->n_out);
}

static void catch_event(struct run *r, uint32_t token, int node, const struct bpmn__node *n)
{
	int *all = arena_array(r->a, (size_t)n->n_boundary + 1, sizeof *all);

	if (all == NULL) {
		no_memory(r);
		return;
	}
	all[0] = node;
	for (int i = 0; i < n->n_boundary; i++)
		all[i + 1] = n->boundary[i];
	arm(r, token, NULL, all, n->n_boundary + 1);
}

/* ---- joins ---- */

static bool waits_at(const struct run *r, const struct bpmn__token *t, int node, uint32_t scope)
{
	(void)r;
	return t->node == node && t->scope == scope && t->doing != DOING_STUCK;
}

/* The oldest token that waits at the gateway having come by the flow; 0 if none. */
static uint32_t waiting_by(const struct run *r, int node, uint32_t scope, int flow)
{
	for (size_t i = 0; i < r->s.n_tokens; i++)
		if (r->s.token[i].via == flow && waits_at(r, &r->s.token[i], node, scope))
			return r->s.token[i].key;
	return 0;
}

/* One token of each incoming flow that has any becomes one token, which goes on. */
static void pass_join(struct run *r, int node, uint32_t scope)
{
	const struct bpmn__node *n = &r->d->node[node];
	uint32_t first = 0, key;

	for (int i = 0; i < n->n_in && r->rc == 0; i++) {
		key = waiting_by(r, node, scope, n->in[i]);
		if (key == 0)
			continue;
		if (first == 0)
			first = key;
		else
			take(r, key);
	}
	leave(r, first);
}

static void parallel_join(struct run *r, uint32_t token, int node)
{
	const struct bpmn__node *n = &r->d->node[node];
	uint32_t scope = bpmn__token_find(&r->s, token)->scope;

	for (int i = 0; i < n->n_in; i++)
		if (waiting_by(r, node, scope, n->in[i]) == 0)
			return;
	pass_join(r, node, scope);
}

/* Marks the nodes from which one of the flows can be reached without passing through the gateway. */
static void mark_upstream(const struct run *r, int gateway, int from, bool *seen, int *stack)
{
	int n = 0;

	if (from == gateway || seen[from])
		return;
	seen[from] = true;
	stack[n++] = from;
	while (n > 0) {
		const struct bpmn__node *x = &r->d->node[stack[--n]];

		for (int i = 0; i < x->n_in; i++) {
			int up = r->d->flow[x->in[i]].from;

			if (up != gateway && !seen[up]) {
				seen[up] = true;
				stack[n++] = up;
			}
		}
		if (x->host >= 0 && !seen[x->host]) {
			seen[x->host] = true;
			stack[n++] = x->host;
		}
	}
}

/*
 * The rule of the standard: the gateway goes on when some incoming flow has a token and each token that
 * could still reach an incoming flow without one could as well reach one that has (without passing
 * through the gateway itself).
 */
static bool inclusive_ready(struct run *r, int node, uint32_t scope)
{
	const struct bpmn__node *n = &r->d->node[node];
	size_t all = (size_t)r->d->n_nodes;
	bool *to_empty = arena_array(r->a, all, sizeof *to_empty);
	bool *to_full = arena_array(r->a, all, sizeof *to_full);
	int *stack = arena_array(r->a, all, sizeof *stack);

	if (!to_empty || !to_full || !stack) {
		no_memory(r);
		return false;
	}
	for (int i = 0; i < n->n_in; i++) {
		bool full = waiting_by(r, node, scope, n->in[i]) != 0;

		mark_upstream(r, node, r->d->flow[n->in[i]].from, full ? to_full : to_empty, stack);
	}
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		const struct bpmn__token *t = &r->s.token[i];

		if (t->scope == scope && t->node != node && to_empty[t->node] && !to_full[t->node])
			return false;
	}
	return true;
}

static bool is_join(const struct bpmn__node *n)
{
	return (n->kind == KIND_AND || n->kind == KIND_OR) && n->n_in > 1;
}

/* Nothing else moves: passes the first inclusive join that may. */
static bool inclusive_joins(struct run *r)
{
	for (size_t i = 0; i < r->s.n_tokens && r->rc == 0; i++) {
		const struct bpmn__token *t = &r->s.token[i];
		const struct bpmn__node *n = &r->d->node[t->node];
		bool looked = false;

		if (n->kind != KIND_OR || !is_join(n) || t->doing == DOING_STUCK)
			continue;
		for (size_t k = 0; k < i && !looked; k++)
			looked = waits_at(r, &r->s.token[k], t->node, t->scope);
		if (!looked && inclusive_ready(r, t->node, t->scope)) {
			pass_join(r, t->node, t->scope);
			return true;
		}
	}
	return false;
}

/* ---- moving ---- */

static void enter(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = bpmn__token_find(&r->s, token);
	const struct bpmn__node *n;
	int node;

	if (t == NULL || r->rc < 0)
		return;
	node = t->node;
	n = &r->d->node[node];
	switch (n->kind) {
	case KIND_START:
	case KIND_PASS:
	case KIND_BOUNDARY:
	case KIND_XOR: leave(r, token); return;
	case KIND_THROW:
		throw_event(r, token, n);
		if (r->rc == 0 && bpmn__token_find(&r->s, token))
			leave(r, token);
		return;
	case KIND_SEND:
		throw_event(r, token, n);
		leave(r, token);
		return;
	case KIND_END: end_event(r, token, n); return;
	case KIND_CATCH:
	case KIND_RECEIVE: catch_event(r, token, node, n); return;
	case KIND_USER: user_task(r, token, n); return;
	case KIND_SERVICE: open_activity(r, token, BPMN_SERVICE_CALLED, n, str_of(n->pub.ref)); return;
	case KIND_RULE: rule_task(r, token, n); return;
	case KIND_SUB:
		if (arm(r, token, NULL, n->boundary, n->n_boundary))
			put_moving(r, n->start, token, -1);
		return;
	case KIND_AND:
		if (is_join(n))
			parallel_join(r, token, node);
		else
			leave(r, token);
		return;
	case KIND_OR:
		if (!is_join(n))
			leave(r, token);
		return;
	case KIND_EVENT_GATEWAY: event_gateway(r, token, n); return;
	}
}

/* Conditional events fire when their condition becomes true. True if one did. */
static bool conditional_events(struct run *r)
{
	if (!r->look)
		return false;
	for (size_t i = 0; i < r->s.n_waits && r->rc == 0; i++) {
		const struct bpmn__wait w = r->s.wait[i];
		struct sb notes = SB_INIT;
		bool now;

		if (w.what != WAIT_CONDITION)
			continue;
		now = is_true(r, r->d->node[w.node].expr, &notes);
		sb_fini(&notes);
		if (now == w.was)
			continue;
		emit(r, (struct bpmn_event){.type = BPMN_WAITING,
		                .element = w.element,
		                .key = w.key,
		                .scope = w.owner,
		                .value = feel_bool(now)});
		if (now) {
			happen(r, w.owner, w.node);
			return true;
		}
	}
	r->look = false;
	return false;
}

/* Tokens at joins when nothing is left that could ever move: nobody would find out otherwise. */
static void tell_stuck(struct run *r)
{
	if (r->rc < 0 || r->s.phase != PHASE_RUNNING || r->s.n_waits > 0)
		return;
	for (size_t i = 0; i < r->s.n_tokens; i++)
		if (r->s.token[i].doing != DOING_REST)
			return;
	for (size_t i = 0; i < r->s.n_tokens && r->rc == 0; i++)
		if (is_join(&r->d->node[r->s.token[i].node]))
			incident(r, r->s.token[i].key, false,
			        "it waits for tokens on its other flows, but nothing can move any more");
}

static bool count_step(struct run *r)
{
	if (r->rc < 0)
		return false;
	if (++r->steps <= BPMN__STEPS_MAX)
		return true;
	fail(r, err_set(r->e, ERR_UNPROCESSED,
	                "more than %d steps follow without a person or a timer between them: the flow "
	                "\"%.100s\" "
	                "goes round in a loop",
	                BPMN__STEPS_MAX, r->d->id));
	return false;
}

static void run(struct run *r)
{
	while (count_step(r)) {
		if (r->q_at < r->q_n) {
			enter(r, r->queue[r->q_at++]);
			continue;
		}
		if (r->s.phase != PHASE_RUNNING)
			break;
		if (!inclusive_joins(r) && !conditional_events(r))
			break;
	}
	tell_stuck(r);
}

/* ---- inputs ---- */

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

static int find_start(struct run *r, struct str name)
{
	int none = -1, only = -1, all = 0;

	for (int i = 0; i < r->d->n_nodes; i++) {
		const struct bpmn__node *n = &r->d->node[i];

		if (n->kind != KIND_START || n->parent >= 0)
			continue;
		if (name.n > 0 &&
		        (str_is(name, n->pub.id) || (n->trigger != TRIGGER_NONE && str_is(name, n->pub.ref))))
			return i;
		if (n->trigger == TRIGGER_NONE)
			none = i;
		only = i;
		all++;
	}
	if (name.n > 0)
		return -1;
	return none >= 0 ? none : all == 1 ? only : -1;
}

static int input_start(struct run *r, const struct bpmn_input *in)
{
	int start;

	if (r->s.phase != PHASE_NEW)
		return refuse(r, "the instance is started already");
	start = find_start(r, in->name);
	if (start < 0)
		return err_set(r->e, ERR_INVALID,
		        in->name.n > 0 ? "the process \"%.100s\" has no start event for that name"
		                       : "the process \"%.100s\" has several start events: name one",
		        r->d->id);
	emit(r, (struct bpmn_event){.type = BPMN_STARTED, .element = r->d->id});
	merge(r, in->variables);
	put_moving(r, start, 0, -1);
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
	outcomes = r->d->node[t->node].pub.outcomes;
	if (outcome != NULL && outcome->type == FEEL_STRING)
		word = outcome->string;
	if (*outcomes != '\0' && (word.n == 0 || !is_outcome(outcomes, word))) {
		err_set(r->e, ERR_INVALID, "the outcome of \"%.100s\" must be one of: %.200s", t->element,
		        outcomes);
		return err_at(r->e, NULL, 0, 0, "outcome");
	}
	emit_at(r, BPMN_TASK_DONE, in->key, word);
	merge(r, in->variables);
	leave(r, in->key);
	return 0;
}

static int input_timer(struct run *r, const struct bpmn_input *in)
{
	const struct bpmn__wait *found = bpmn__wait_find(&r->s, in->key);
	struct bpmn__wait w;
	const struct bpmn__node *n;

	if (found == NULL || found->what != WAIT_TIMER)
		return refuse(r, "the timer %u is not set (any more)", in->key);
	w = *found;
	n = &r->d->node[w.node];
	emit(r, (struct bpmn_event){
	                .type = BPMN_TIMER_GONE, .element = n->pub.id, .key = w.key, .scope = w.owner});
	merge(r, in->variables);
	if (n->kind == KIND_BOUNDARY && !n->interrupting)
		next_of_cycle(r, n, w.owner, w.at, w.text);
	happen(r, w.owner, w.node);
	return 0;
}

static int input_message(struct run *r, const struct bpmn_input *in)
{
	for (size_t i = 0; i < r->s.n_waits; i++) {
		const struct bpmn__wait w = r->s.wait[i];

		if (r->d->node[w.node].trigger != TRIGGER_MESSAGE || !str_eq(w.text, in->name))
			continue;
		merge(r, in->variables);
		happen(r, w.owner, w.node);
		return 0;
	}
	return refuse(r, "nothing waits for the message \"" STR_FMT "\"",
	        (int)(in->name.n < 100 ? in->name.n : 100), in->name.p ? in->name.p : "");
}

static int input_error(struct run *r, const struct bpmn_input *in)
{
	const struct bpmn__token *t = open_task(r, in->key);
	int b;

	if (t == NULL)
		return ERR_STATE;
	merge(r, in->variables);
	b = catcher(r, t->node, TRIGGER_ERROR, in->name);
	if (b >= 0) {
		boundary_fires(r, in->key, b);
		return 0;
	}
	if (catch_outwards(r, t->scope, TRIGGER_ERROR, in->name) || r->rc < 0)
		return 0;
	emit_at(r, BPMN_TASK_CANCELLED, in->key, STR_NULL);
	incident(r, in->key, false, "nothing catches the error \"" STR_FMT "\"",
	        (int)(in->name.n < 200 ? in->name.n : 200), in->name.p ? in->name.p : "");
	return 0;
}

/* Tokens that could not go on try again: from the start of their element, or only its way out. */
static void retry_incidents(struct run *r)
{
	size_t n = 0;
	uint32_t *keys = arena_array(r->a, r->s.n_tokens, sizeof *keys);

	if (keys == NULL) {
		no_memory(r);
		return;
	}
	for (size_t i = 0; i < r->s.n_tokens; i++) {
		const struct bpmn__token *t = &r->s.token[i];

		if (t->doing == DOING_STUCK || (t->doing == DOING_INCIDENT && !is_join(&r->d->node[t->node])))
			keys[n++] = t->key;
	}
	for (size_t i = 0; i < n && r->rc == 0; i++) {
		const struct bpmn__token *found = bpmn__token_find(&r->s, keys[i]);
		struct bpmn__token t;

		if (found == NULL)
			continue;
		t = *found;
		if (t.doing == DOING_STUCK) {
			leave(r, t.key);
			continue;
		}
		take(r, t.key);
		emit(r, (struct bpmn_event){.type = BPMN_TOKEN,
		                .element = r->d->node[t.node].pub.id,
		                .key = r->s.next_key,
		                .scope = t.scope,
		                .text = t.via >= 0 ? str_of(r->d->flow[t.via].id) : STR_NULL});
		push(r, r->s.next_key - 1);
	}
}

static int input(struct run *r, const struct bpmn_input *in)
{
	if (in->variables != NULL && in->variables->type != FEEL_CONTEXT)
		return err_set(r->e, ERR_INVALID, "the variables must be a context of names and values");
	if (in->variables != NULL && depth_of(in->variables) > VALUE_DEPTH_MAX)
		return err_set(
		        r->e, ERR_INVALID, "the variables are nested deeper than %d", VALUE_DEPTH_MAX - 1);
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
		merge(r, in->variables);
		broadcast(r, in->name);
		return 0;
	case BPMN_ERROR: return input_error(r, in);
	case BPMN_SET:
		merge(r, in->variables);
		r->look = true;
		retry_incidents(r);
		return 0;
	case BPMN_CANCEL:
		merge(r, in->variables);
		cancel_scope(r, 0);
		end_instance(r, STR_LIT("cancelled"));
		return 0;
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
	r.scope = (struct feel_scope){.now = sv->now, .zone = r.zone};
	rc = bpmn__state_draft(&r.s, s, d, a, e);
	if (rc == 0)
		rc = input(&r, in);
	if (rc == 0)
		run(&r);
	if (rc == 0)
		rc = r.rc;
	if (rc < 0)
		*out = (struct bpmn_events){0};
	return rc;
}

/* Timers, waits, and what happens to who waits: events that are caught, and events that are thrown. */
#include "bpmn/run_int.h"

/* ---- timers ---- */

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

static struct str cycle_text(struct run *r, const struct bpmn__span *span)
{
	struct sb b = SB_INIT;
	struct str s;

	bpmn__span_write(span, &b);
	s = run__keep(r, b.p, b.n);
	sb_fini(&b);
	return s;
}

/* The text of a cycle after one firing fewer; "" when that was the last. */
static struct str cycle_left(struct run *r, struct bpmn__span span)
{
	if (span.left == 1)
		return STR_NULL;
	if (span.left > 0)
		span.left--;
	return cycle_text(r, &span);
}

/* The first firing later than `after` of a cycle whose first is said; at TIME_NONE when all are over. */
static bool grid_after(struct run *r, const struct bpmn__timer *t, struct bpmn__span span, time_us after,
        struct run__due *out, const char **why)
{
	/* No more than have surely passed: a month has at most 31 days, and clocks are moved by hours. */
	__int128 longest = (__int128)span.months * 31 * US_DAY + span.rest;
	int64_t k = *t->calendar == '\0' && after > span.at ? (int64_t)((after - span.at) / longest) : 0;
	time_us at = span.at;

	*out = (struct run__due){.at = TIME_NONE};
	k = k > 2 ? k - 2 : 0;
	if (k > 0)
		at = time_add(r->zone, span.at, (int)(span.months * k), span.rest * k);
	for (int i = 0; i < 100000 && at <= after; i++) {
		time_us before = at;

		if (++k, *t->calendar == '\0')
			at = time_add(r->zone, span.at, (int)(span.months * k), span.rest * k);
		else if (!span_end(r, t, &span, before, &at, why))
			return false;
		if (at <= before)
			return true;
	}
	if (at <= after || (span.left >= 0 && k >= span.left))
		return true;
	*out = (struct run__due){.at = at};
	if (span.left < 0 || k + 1 < span.left)
		out->cycle = cycle_text(r, &span);
	return true;
}

static bool value_span(struct run *r, const struct feel_value *v, struct bpmn__span *span, const char **why)
{
	const dur_us most = 1000 * 366 * US_DAY;

	*span = (struct bpmn__span){.at = TIME_NONE, .left = -1};
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

bool run__timer_due(struct run *r, const struct feel_scope *seen, const struct bpmn__node *n,
        struct run__due *out, const char **why)
{
	struct bpmn__span span;
	struct feel_value v;
	char words[300];

	*out = (struct run__due){.at = TIME_NONE};
	if (n->timer.expr == NULL) {
		if (!bpmn__span_parse(str_of(n->timer.text), r->zone, &span, why))
			return false;
	} else {
		if (!run__eval(r, seen, n->timer.expr, &v, NULL, words, sizeof words)) {
			*why = r->rc == 0 ? run__keep(r, words, strlen(words)).p : "";
			return false;
		}
		*why = NULL;
		if (v.type == FEEL_NULL || !value_span(r, &v, &span, why))
			return false;
	}
	if (span.what == SPAN_AT)
		out->at = span.at;
	else if (span.what == SPAN_EVERY && span.at != TIME_NONE)
		return grid_after(r, &n->timer, span, r->sv->now - 1, out, why);
	else if (!span_end(r, &n->timer, &span, r->sv->now, &out->at, why))
		return false;
	if (span.what == SPAN_EVERY)
		out->cycle = cycle_left(r, span);
	return true;
}

static void set_timer(struct run *r, const struct bpmn_def *d, const struct bpmn__node *n, uint32_t owner,
        const struct run__due *due)
{
	run__emit(r, &(struct bpmn_event){.type = BPMN_TIMER_SET,
	                     .element = n->pub.id,
	                     .node = (int)(n - d->node),
	                     .def = d,
	                     .key = r->s.next_key,
	                     .scope = owner,
	                     .at = due->at,
	                     .text = due->cycle});
}

bool run__cycle_next(struct run *r, const struct bpmn__node *n, struct run__due *due)
{
	struct bpmn__span span;
	const char *why;
	time_us before;

	if (due->cycle.n == 0 || !bpmn__span_parse(due->cycle, r->zone, &span, &why))
		return false;
	if (span.at != TIME_NONE)
		return grid_after(
		               r, &n->timer, span, due->at > r->sv->now ? due->at : r->sv->now, due, &why) &&
		       due->at != TIME_NONE;
	for (int i = 0; i < 100000; i++) {
		before = due->at;
		if (!span_end(r, &n->timer, &span, before, &due->at, &why) || due->at <= before)
			return false;
		if (due->at > r->sv->now)
			break;
		if (span.left > 0 && --span.left == 0)
			return false;
	}
	if (due->at <= r->sv->now && !span_end(r, &n->timer, &span, r->sv->now, &due->at, &why))
		return false;
	due->cycle = cycle_left(r, span);
	return true;
}

/* After a firing: the next one of a cycle. */
static void next_of_cycle(struct run *r, const struct bpmn__wait *w, const struct bpmn__node *n)
{
	struct run__due due = {.at = w->at, .cycle = w->text};

	if (run__cycle_next(r, n, &due))
		set_timer(r, w->def, n, w->owner, &due);
}

static void drop_wait(struct run *r, const struct bpmn__wait *w)
{
	run__emit(r, &(struct bpmn_event){.type = w->what == WAIT_TIMER ? BPMN_TIMER_GONE : BPMN_WAIT_GONE,
	                     .element = w->element,
	                     .def = w->def,
	                     .key = w->key,
	                     .scope = w->owner});
}

enum which { ALL, TIMERS, INNER };

static void drop_waits(struct run *r, uint32_t owner, enum which which)
{
	size_t i = bpmn__waits_after(&r->s, owner);

	while (i < r->s.n_waits && r->rc == 0) {
		const struct bpmn__wait *w = &r->s.wait[i];

		if (w->owner == owner &&
		        (which == ALL || (which == TIMERS ? w->what == WAIT_TIMER : w->inner)))
			drop_wait(r, w);
		else
			i++;
	}
}

void run__drop_timers(struct run *r, uint32_t token)
{
	drop_waits(r, token, TIMERS);
}

void run__drop_inner_waits(struct run *r, uint32_t scope)
{
	drop_waits(r, scope, INNER);
}

void run__drop_waits(struct run *r, uint32_t token)
{
	drop_waits(r, token, ALL);
}

void run__timer_fires(struct run *r, const struct bpmn__wait *w)
{
	const struct bpmn__node *n = &w->def->node[w->node];

	drop_wait(r, w);
	if ((n->kind == KIND_BOUNDARY || n->kind == KIND_START) && !n->interrupting)
		next_of_cycle(r, w, n);
	run__happens(r, w);
}

/* ---- waiting ---- */

static bool waits_by_itself(const struct bpmn__node *n)
{
	return n->trigger == TRIGGER_MESSAGE || n->trigger == TRIGGER_SIGNAL ||
	       n->trigger == TRIGGER_CONDITION;
}

static void set_wait(struct run *r, const struct bpmn_def *d, const struct bpmn__node *n, uint32_t owner)
{
	run__emit(r, &(struct bpmn_event){.type = BPMN_WAITING,
	                     .element = n->pub.id,
	                     .node = (int)(n - d->node),
	                     .def = d,
	                     .key = r->s.next_key,
	                     .scope = owner,
	                     .text = str_of(n->pub.ref),
	                     .value = n->trigger == TRIGGER_CONDITION ? feel_bool(false) : FEEL_NULL_VALUE});
	r->look |= n->trigger == TRIGGER_CONDITION;
}

/* Who waits: the token, but for the start of an event sub-process the scope that the token lies in. */
static uint32_t waiter(const struct run *r, const struct bpmn__node *n, uint32_t token)
{
	return n->kind == KIND_START ? run__token(r, token)->scope : token;
}

bool run__arm(struct run *r, uint32_t token, const struct bpmn_event *open, const int *node, int n)
{
	const struct bpmn_def *d = run__token(r, token)->def;
	struct run__due *due = arena_array(r->a, (size_t)n, sizeof *due);
	const char *why = NULL;

	if (due == NULL) {
		run__no_memory(r);
		return false;
	}
	for (int i = 0; i < n; i++) {
		const struct bpmn__node *x = &d->node[node[i]];

		if (x->trigger != TRIGGER_TIMER ||
		        run__timer_due(r, run__seen(r, token, false), x, &due[i], &why))
			continue;
		if (why == NULL && x->kind != KIND_CATCH)
			continue;
		run__incident(r, token, false, "the timer \"%.100s\": %s", x->pub.id,
		        why ? why : "its time is null");
		return false;
	}
	if (open != NULL)
		run__emit(r, open);
	for (int i = 0; i < n && r->rc == 0; i++) {
		const struct bpmn__node *x = &d->node[node[i]];

		if (x->trigger != TRIGGER_TIMER) {
			if (waits_by_itself(x))
				set_wait(r, d, x, waiter(r, x, token));
		} else if (due[i].at != TIME_NONE)
			set_timer(r, d, x, waiter(r, x, token), &due[i]);
	}
	return r->rc == 0;
}

void run__event_gateway(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	const struct bpmn__node *n = run__node(t);
	int *targets = arena_array(r->a, (size_t)n->n_out, sizeof *targets);

	if (targets == NULL) {
		run__no_memory(r);
		return;
	}
	for (int i = 0; i < n->n_out; i++)
		targets[i] = t->def->flow[n->out[i]].to;
	run__arm(r, token, NULL, targets, n->n_out);
}

void run__catch_event(struct run *r, uint32_t token)
{
	const struct bpmn__token *t = run__token(r, token);
	int n = run__boundaries(r, t), *all = arena_array(r->a, (size_t)n + 1, sizeof *all);

	if (all == NULL) {
		run__no_memory(r);
		return;
	}
	all[0] = t->node;
	for (int i = 0; i < n; i++)
		all[i + 1] = run__node(t)->boundary[i];
	run__arm(r, token, NULL, all, n + 1);
}

/* ---- what happens to who waits ---- */

void run__happens(struct run *r, const struct bpmn__wait *w)
{
	const struct bpmn_def *d = w->def;
	const struct bpmn__node *n = &d->node[w->node];
	const struct bpmn__token *t;
	uint32_t scope, key, owner = w->owner;
	int node = w->node;

	if (r->rc < 0)
		return;
	if (n->kind == KIND_START) {
		run__handler_fires(r, owner, d, node);
		return;
	}
	t = run__token(r, owner);
	if (n->kind == KIND_BOUNDARY)
		run__boundary_fires(r, owner, node);
	else if (run__node(t)->kind == KIND_EVENT_GATEWAY) {
		scope = t->scope;
		run__take(r, owner);
		key = run__put(r, d, node, scope, n->in[0]);
		if (r->rc == 0)
			run__leave(r, key);
	} else
		run__leave(r, owner);
}

void run__broadcast(struct run *r, struct str name)
{
	size_t n = 0;
	uint32_t *keys = arena_array(r->a, r->s.n_waits, sizeof *keys);

	if (keys == NULL) {
		run__no_memory(r);
		return;
	}
	/* Only those that wait now: what the signal sets going waits for the next one. */
	for (size_t i = 0; i < r->s.n_waits; i++) {
		const struct bpmn__wait *w = &r->s.wait[i];

		if (w->def->node[w->node].trigger == TRIGGER_SIGNAL && str_eq(w->text, name))
			keys[n++] = w->key;
	}
	for (size_t i = 0; i < n && r->rc == 0; i++) {
		const struct bpmn__wait *found = bpmn__wait_find(&r->s, keys[i]);

		if (found != NULL) {
			const struct bpmn__wait w = *found;

			run__happens(r, &w);
		}
	}
}

bool run__conditions(struct run *r)
{
	if (!r->look)
		return false;
	r->steps += (int)(r->s.n_waits / 256); /* looking is work as well */
	for (size_t i = 0; i < r->s.n_waits && r->rc == 0; i++) {
		const struct bpmn__wait w = r->s.wait[i];
		bool now;

		if (w.what != WAIT_CONDITION)
			continue;
		now = run__true(r, run__seen(r, w.owner, w.inner), w.def->node[w.node].expr, NULL);
		if (now == w.was)
			continue;
		run__emit(r, &(struct bpmn_event){.type = BPMN_WAITING,
		                     .element = w.element,
		                     .def = w.def,
		                     .key = w.key,
		                     .scope = w.owner,
		                     .value = feel_bool(now)});
		if (now) {
			run__happens(r, &w);
			return true;
		}
	}
	r->look = false;
	return false;
}

/* ---- throwing ---- */

static void throw_error(struct run *r, uint32_t token, struct str code)
{
	if (run__catch(r, run__token(r, token)->scope, TRIGGER_ERROR, code) || r->rc < 0)
		return;
	run__incident(r, token, false, "nothing catches the error \"" STR_FMT "\", so the instance ends",
	        (int)(code.n < 200 ? code.n : 200), code.p);
	run__cancel_scope(r, 0);
	run__end(r, code);
}

static void send(struct run *r, uint32_t token, enum bpmn__trigger trigger)
{
	const struct bpmn__token *t = run__token(r, token);
	struct bpmn_event ev = {.element = t->element,
	        .def = t->def,
	        .key = token,
	        .scope = t->scope,
	        .text = str_of(run__node(t)->pub.ref)};

	switch (trigger) {
	case TRIGGER_MESSAGE:
		ev.type = BPMN_MESSAGE_SENT;
		ev.value = run__variables(r, token, false);
		run__emit(r, &ev);
		return;
	case TRIGGER_SIGNAL:
		ev.type = BPMN_SIGNAL_SENT;
		run__emit(r, &ev);
		run__broadcast(r, ev.text);
		return;
	case TRIGGER_ESCALATION:
		ev.type = BPMN_ESCALATED;
		run__emit(r, &ev);
		run__catch(r, ev.scope, TRIGGER_ESCALATION, ev.text);
		return;
	default: return;
	}
}

void run__throw(struct run *r, uint32_t token)
{
	const struct bpmn__node *n = run__node(run__token(r, token));
	uint32_t scope = run__token(r, token)->scope;

	if (n->trigger == TRIGGER_ERROR) {
		throw_error(r, token, str_of(n->pub.ref));
		return;
	}
	if (n->trigger == TRIGGER_TERMINATE) {
		run__take(r, token);
		run__cancel_scope(r, scope);
		run__scope_done(r, scope);
		return;
	}
	send(r, token, n->trigger);
	if (r->rc < 0 || bpmn__token_find(&r->s, token) == NULL)
		return;
	if (n->kind != KIND_END) {
		run__leave(r, token);
		return;
	}
	run__take(r, token);
	run__scope_done(r, scope);
}

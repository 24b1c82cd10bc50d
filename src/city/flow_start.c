/* Start events of flows: which case they begin, and when. */
#include "city/flow_start.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/num.h"
#include "city/case_int.h"
#include "store/sql.h"

#include <math.h>

#define NEVER INT64_MAX
#define DEPTH_MAX 8 /* cases that begin one another without a person */
#define NAME_MAX 200
#define KEY_MAX 200

/* ---- start events ---- */

/* The next start event by that kind and name, from *i on; false: no more. */
static bool next_start(const struct flow_def *f, int *i, int by, struct str name, struct bpmn_start *out)
{
	while (*i < bpmn_elements(f->def))
		if (bpmn_start_at(f->def, (*i)++, out) && (int)out->by == by &&
		        (name.p == NULL || str_is(name, out->name)))
			return true;
	return false;
}

static bool find_start(const struct flow_def *f, struct str element, struct bpmn_start *out)
{
	for (int i = 0; i < bpmn_elements(f->def); i++)
		if (bpmn_start_at(f->def, i, out) && str_is(element, out->element->id))
			return true;
	return false;
}

static const struct flow_def *live_flow(const struct catalog *c, struct arena *a, struct str code)
{
	const struct flow_def *f = catalog_flow(c, arena_strndup(a, code.p, code.n), 0);

	return f != NULL && f->live ? f : NULL;
}

/* The one category whose cases take the flow; NULL and why. */
static const struct category *category_of(
        const struct catalog *c, const struct flow_def *f, struct arena *a, const char **why)
{
	const struct category *found = NULL;

	for (int i = 0; i < c->categories; i++) {
		if (strcmp(c->category[i].flow, f->code) != 0)
			continue;
		if (found != NULL) {
			*why = arena_printf(a,
			        "the categories %s and %s have the flow %s: let its start event say "
			        "heming:category",
			        found->code, c->category[i].code, f->code);
			return NULL;
		}
		found = &c->category[i];
	}
	if (found == NULL)
		*why = arena_printf(
		        a, "no category has the flow %s: let its start event say heming:category", f->code);
	return found;
}

const char *flow_start_lacks(
        const struct catalog *c, const struct flow_def *f, const struct bpmn_start *start, struct arena *a)
{
	const char *why = NULL, *code = bpmn_start_text(f->def, start, "category");
	const struct category *k;

	if (code == NULL)
		return category_of(c, f, a, &why) != NULL ? NULL : why;
	k = *code == '=' ? NULL : catalog_category(c, code);
	return *code == '=' || (k != NULL && *k->flow != '\0')
	               ? NULL
	               : arena_printf(a, "there is no category %s that could have a case", code);
}

static time_us add_working(void *ctx, const char *calendar, time_us from, dur_us d)
{
	const struct site *s = ctx;
	const struct calendar *c = catalog_calendar(s->catalog, calendar);

	return c != NULL ? calendar_add(c, from, d) : TIME_NONE;
}

static struct bpmn_services services(const struct site *s, time_us now)
{
	return (struct bpmn_services){
	        .ctx = (void *)(uintptr_t)s, .now = now, .zone = s->catalog->zone, .working = add_working};
}

/* ---- one case ---- */

struct beginning {
	struct store_tx *tx;
	struct site *s;
	const struct flow_def *flow;
	struct bpmn_start start;
	const struct feel_value *variables;
	const char *key;
	int depth;
	const struct who *by;
};

static const char *said(struct arena *a, const struct feel_value *all, const char *name)
{
	const struct feel_value *v = feel_get(all, name);

	return v != NULL && v->type == FEEL_STRING ? arena_strndup(a, v->string.p, v->string.n) : "";
}

/* A number, or a text that is one; 0 where it is not said. */
static int said_level(const struct feel_value *all, int *out, struct err *e)
{
	const struct feel_value *v = feel_get(all, "level");
	int64_t level = 0;
	bool good = v == NULL || (v->type == FEEL_NUMBER && feel_number_to_int(v->number, &level)) ||
	            (v->type == FEEL_STRING && num_int(v->string, &level));

	if (v != NULL && (!good || level < 1 || level > 4))
		return err_set(e, ERR_INVALID, "a level from 1 (red) to 4 (blue) is needed");
	*out = (int)level;
	return 0;
}

/* What it is called where it says nothing: as the event, else as the flow. */
static const char *title_of(const struct beginning *b, const char *title)
{
	if (*title != '\0')
		return title;
	return *b->start.element->name != '\0' ? b->start.element->name : bpmn_process_name(b->flow->def);
}

static const char *note_of(const struct beginning *b)
{
	if (b->start.by == BPMN_BY_TIMER || *b->start.name == '\0')
		return *b->start.element->name != '\0' ? b->start.element->name : b->start.element->id;
	return b->start.name;
}

static int begin(const struct beginning *b, int64_t *id, struct err *e)
{
	struct arena *a = store_arena(b->tx);
	const struct bpmn_services sv = services(b->s, store_now(b->tx));
	const struct case_event event = {.flow = b->flow,
	        .element = b->start.element->id,
	        .variables = b->variables,
	        .key = b->key,
	        .depth = b->depth,
	        .note = note_of(b)};
	struct case_open in = {.source = "flow",
	        .at = {NAN, NAN},
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE,
	        .event = &event};
	struct feel_value all;
	const char *why = NULL;
	int rc = bpmn_start_says(b->flow->def, &b->start, b->variables, &sv, a, &all, e);

	if (rc == 0)
		rc = said_level(&all, &in.level, e);
	if (rc < 0)
		return rc;
	in.category = said(a, &all, "category");
	in.title = title_of(b, said(a, &all, "title"));
	in.region = said(a, &all, "region");
	in.thing = said(a, &all, "thing");
	in.org = said(a, &all, "org");
	if (*in.category == '\0') {
		const struct category *k = category_of(b->s->catalog, b->flow, a, &why);

		if (k == NULL)
			return err_set(e, ERR_UNPROCESSED, "no case can begin: %s", why);
		in.category = k->code;
	}
	if (*in.region != '\0' && !who_sees(b->by, in.region, "", 1))
		return err_set(e, ERR_DENIED, "this region is not in your scope");
	return case_open_in(b->tx, b->s, &in, b->by, id, e);
}

/* ---- messages ---- */

struct messaging {
	struct site *s;
	const struct flow_sent *m;
	const struct who *by;
	struct arena *a; /* the caller's */
	struct flow_case *out;
	int n;
	bool closed;
};

static int check_sent(const struct flow_sent *m, const struct who *by, struct err *e)
{
	if ((by->roles & (ROLE_DESK | ROLE_ADMIN)) == 0)
		return err_set(e, ERR_DENIED, "this is for the desk");
	if (*m->name == '\0' || strlen(m->name) > NAME_MAX) {
		err_set(e, ERR_INVALID, "a name of 1 to 200 bytes is needed");
		return err_at(e, NULL, 0, 0, "name"), ERR_INVALID;
	}
	if (strlen(m->key) > KEY_MAX) {
		err_set(e, ERR_INVALID, "at most 200 bytes");
		return err_at(e, NULL, 0, 0, "key"), ERR_INVALID;
	}
	return 0;
}

/* Does the case wait for the message, in its own flow or in one that it calls? */
static bool waits_for(struct stepping *x, const char *name)
{
	struct bpmn_open *o = NULL;
	size_t n = bpmn_state_open(x->state, x->a, &o);

	for (size_t i = 0; i < n; i++) {
		const struct flow_def *f = *o[i].process == '\0'
		                                   ? x->flow
		                                   : catalog_flow(x->s->catalog, o[i].process, o[i].version);
		const struct bpmn_element *el = f != NULL ? bpmn_element(f->def, o[i].element) : NULL;

		if (o[i].what == BPMN_OPEN_WAIT && el != NULL && *el->signal == '\0' &&
		        strcmp(el->ref, name) == 0)
			return true;
	}
	return false;
}

/* One case of the key: 1 if it took the message. */
static int give(struct messaging *w, struct store_tx *tx, int64_t id, const struct feel_value *variables,
        struct err *e)
{
	struct stepping x;
	int rc = step__load(&x, tx, w->s, w->by, id, e);
	bool waits = rc == 0 && waits_for(&x, w->m->name);

	if (waits)
		rc = step__message(&x, w->m->name, variables, e);
	if (waits && rc == 0)
		rc = step__save(&x, false, e);
	w->closed = rc == 0 && x.closed_now;
	if (waits && rc == 0) {
		w->out = arena_array(w->a, 1, sizeof(*w->out));
		w->out[w->n++] = (struct flow_case){.id = id, .code = arena_strdup(w->a, x.c.code)};
	}
	step__end(&x);
	return rc < 0 ? rc : waits;
}

struct keyed {
	int64_t id;
	const char *flow, *code;
};

static int cases_of_key(struct store_tx *tx, const char *key, struct keyed **out, size_t *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_case_begun_open_row r;
	size_t cap = 0;
	int rc;

	*n = 0;
	if (*key == '\0')
		return 0;
	rc = sql_case_begun_open_open(tx, &(struct sql_case_begun_open_in){str_of(key)}, &rows, e);
	while (rc >= 0 && (rc = sql_case_begun_open_next(rows, &r, e)) > 0) {
		struct arena *a = store_arena(tx);

		*out = arena_grow(a, *out, &cap, *n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct keyed){r.case_id, arena_strndup(a, r.flow.p, r.flow.n),
		        arena_strndup(a, r.code.p, r.code.n)};
	}
	store_rows_close(&rows);
	return rc;
}

static int tell_begun(struct messaging *w, struct store_tx *tx, struct flow_case *out, struct err *e)
{
	struct sql_case_load_row r;
	int rc = sql_case_load(tx, &(struct sql_case_load_in){out->id}, &r, e);

	out->begun = true;
	out->code = rc > 0 ? arena_strndup(w->a, r.code.p, r.code.n) : "";
	return rc < 0 ? rc : 0;
}

/* Begins one of each flow that starts by it. */
static int begin_by_message(struct messaging *w, struct store_tx *tx, const struct feel_value *variables,
        const struct keyed *keyed, size_t n_keyed, struct err *e)
{
	const struct catalog *c = w->s->catalog;
	size_t cap = 0;
	int rc = 0;

	for (int i = 0; i < c->flows && rc == 0; i++) {
		struct beginning b = {.tx = tx,
		        .s = w->s,
		        .flow = &c->flow[i],
		        .variables = variables,
		        .key = w->m->key,
		        .by = w->by};
		int at = 0;

		if (!c->flow[i].live ||
		        !next_start(b.flow, &at, BPMN_BY_MESSAGE, str_of(w->m->name), &b.start))
			continue;
		for (size_t k = 0; k < n_keyed; k++)
			if (strcmp(keyed[k].flow, b.flow->code) == 0)
				return err_set(e, ERR_STATE,
				        "the case %s began by this key, is open, and does not wait for the "
				        "message",
				        keyed[k].code);
		w->out = arena_grow(w->a, w->out, &cap, (size_t)w->n + 1, sizeof(*w->out));
		rc = begin(&b, &w->out[w->n].id, e);
		if (rc == 0)
			rc = tell_begun(w, tx, &w->out[w->n++], e);
	}
	if (rc == 0 && w->n == 0)
		rc = err_set(e, ERR_NOTFOUND,
		        n_keyed > 0
		                ? "no case of this key waits for the message"
		                : "no flow starts by a message of this name, and no case of this key waits "
		                  "for it");
	return rc;
}

static int message_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct messaging *w = arg;
	const struct snapshot *snap = registry_hold(w->s->registry);
	struct feel_value variables;
	struct keyed *keyed = NULL;
	size_t n = 0;
	int rc;

	w->out = NULL;
	w->n = 0;
	rc = step__read_variables(store_arena(tx), snap, w->m->variables, &variables, e);

	registry_release(w->s->registry, snap);
	if (rc == 0)
		rc = cases_of_key(tx, w->m->key, &keyed, &n, e);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		rc = give(w, tx, keyed[i].id, &variables, e);
		if (rc == ERR_NOTFOUND) /* of others */
			rc = 0;
	}
	if (rc == 0)
		rc = begin_by_message(w, tx, &variables, keyed, n, e);
	return rc < 0 ? rc : 0;
}

int flow_message(struct site *s, const struct flow_sent *m, const struct who *by, struct arena *a,
        struct flow_case **out, int *n, struct err *e)
{
	struct messaging w = {.s = s, .m = m, .by = by, .a = a};
	int rc = check_sent(m, by, e);

	if (rc == 0)
		rc = store_write(s->store, "take a message", message_write, &w, e);
	if (rc < 0)
		return rc;
	if (w.closed) {
		metric_add(METRIC_CASES_CLOSED, 1);
		metric_add(METRIC_CASES_OPEN, -1);
	}
	*out = w.out;
	*n = w.n;
	return 0;
}

/* ---- what is sent and waits for its turn ---- */

static int put_sent(struct store_tx *tx, const struct catalog *c, bool signal, struct str name, int depth,
        struct str variables, int *n, struct err *e)
{
	int rc = 0;

	*n = 0;
	for (int i = 0; i < c->flows && rc == 0; i++) {
		struct bpmn_start start;
		int at = 0;

		if (!c->flow[i].live || !next_start(&c->flow[i], &at,
		                                signal ? BPMN_BY_SIGNAL : BPMN_BY_MESSAGE, name, &start))
			continue;
		rc = sql_flow_sent_add(tx,
		        &(struct sql_flow_sent_add_in){.id = store_tx_id(tx),
		                .flow = str_of(c->flow[i].code),
		                .element = str_of(start.element->id),
		                .depth = depth,
		                .variables = variables},
		        NULL, e);
		++*n;
	}
	return rc;
}

int step__begin_others(
        struct stepping *x, bool signal, struct str name, const struct feel_value *variables, struct err *e)
{
	struct sql_case_begun_get_row r = {0};
	struct sb b = SB_INIT;
	struct jw w;
	struct str given = STR_LIT("");
	int n, rc = sql_case_begun_get(x->tx, &(struct sql_case_begun_get_in){x->c.id}, &r, e);

	if (rc < 0)
		return rc;
	if (variables != NULL && variables->type == FEEL_CONTEXT) {
		jw_init(&w, &b);
		feel_write_json(variables, &w);
		given = sb_str(&b);
	}
	rc = put_sent(x->tx, x->s->catalog, signal, name, (int)r.depth + 1, given, &n, e);
	sb_fini(&b);
	return rc;
}

struct signalling {
	struct site *s;
	const struct flow_sent *m;
	const struct who *by;
	int waiting, starting;
};

static int signal_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct signalling *w = arg;
	const struct snapshot *snap = registry_hold(w->s->registry);
	struct str name = str_of(w->m->name), text = STR_LIT("");
	const char *region = "", *org = "";
	struct sb entry = SB_INIT;
	struct feel_value v;
	struct jw j;
	int rc = step__read_variables(store_arena(tx), snap, w->m->variables, &v, e);

	registry_release(w->s->registry, snap);
	if (rc == 0 && w->m->variables.n > 0)
		text = w->m->variables;
	if (rc == 0)
		rc = signal__send(tx, 0, name, store_now(tx), text, &w->waiting, e);
	if (rc == 0)
		rc = put_sent(tx, w->s->catalog, true, name, 0, text, &w->starting, e);
	if (rc < 0)
		return rc;
	who_reach(w->by, &region, &org); /* it counts cases of everywhere */
	jw_init(&j, &entry);
	jw_object(&j);
	jw_kstr(&j, "signal", w->m->name);
	jw_kint(&j, "waiting", w->waiting);
	jw_kint(&j, "starting", w->starting);
	jw_object_end(&j);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = STR_LIT("flow.signal"),
	                .subject = STR_LIT("flow"),
	                .subject_id = name,
	                .region = str_of(region),
	                .org = str_of(org),
	                .secrecy = 1,
	                .account = str_of(w->by->login),
	                .payload = sb_str(&entry)},
	        e);
	sb_fini(&entry);
	return rc;
}

int flow_signal(struct site *s, const struct flow_sent *m, const struct who *by, int *waiting, int *starting,
        struct err *e)
{
	struct signalling w = {.s = s, .m = m, .by = by};
	struct arena *a = arena_new(0);
	bool all = who_regions_json(by, a).p == NULL && who_orgs_json(by, a).p == NULL;
	int rc = check_sent(m, by, e);

	arena_free(&a);
	if (rc == 0 && !all)
		rc = err_set(e, ERR_DENIED, "a signal goes to all cases, and you do not see them all");
	if (rc == 0)
		rc = store_write(s->store, "send a signal", signal_write, &w, e);
	if (rc < 0)
		return rc;
	*waiting = w.waiting;
	*starting = w.starting;
	clock_poke(s->clock);
	return 0;
}

/* ---- the clock ---- */

static const char *timer_text(struct arena *a, const struct bpmn_start *start)
{
	return arena_printf(a, "%s %s", start->element->calendar, start->name);
}

/* The timer's row is right where the flow still says the same; another one begins anew, from now. A date that
 * has passed when it first comes begins nothing. */
static int set_timer(struct store_tx *tx, struct site *s, const struct flow_def *f,
        const struct bpmn_start *start, struct err *e)
{
	struct arena *a = store_arena(tx);
	time_us came = f->at < store_now(tx) ? f->at : store_now(tx);
	const struct bpmn_services sv = services(s, came);
	const char *text = timer_text(a, start), *left = NULL;
	struct sql_flow_timer_get_row r;
	struct err why = ERR_INIT;
	time_us at = TIME_NONE;
	int rc = sql_flow_timer_get(
	        tx, &(struct sql_flow_timer_get_in){str_of(f->code), str_of(start->element->id)}, &r, e);

	if (rc < 0 || (rc > 0 && str_is(r.timer, text)))
		return rc < 0 ? rc : 0;
	if (bpmn_start_due(f->def, start, &sv, a, &at, &left, &why) < 0) {
		LOG(RULE_FAULT, log_s("what", "start event"), log_s("flow", f->code), log_s("why", why.text));
		left = "";
	}
	return sql_flow_timer_put(tx,
	        &(struct sql_flow_timer_put_in){.flow = str_of(f->code),
	                .element = str_of(start->element->id),
	                .timer = str_of(text),
	                .at = at == TIME_NONE || at <= came ? NEVER : at,
	                .left_ = str_of(left)},
	        NULL, e);
}

struct due {
	const char *flow, *element;
	time_us at;
};

static int all_timers(struct store_tx *tx, struct arena *a, struct due **out, size_t *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_flow_timer_all_row r;
	size_t cap = 0;
	int rc = sql_flow_timer_all_open(tx, &rows, e);

	*n = 0;
	while (rc >= 0 && (rc = sql_flow_timer_all_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, *n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct due){arena_strndup(a, r.flow.p, r.flow.n),
		        arena_strndup(a, r.element.p, r.element.n), r.at};
	}
	store_rows_close(&rows);
	return rc;
}

static int set_timers(struct store_tx *tx, void *arg, struct err *e)
{
	struct site *s = arg;
	const struct catalog *c = s->catalog;
	struct due *had = NULL;
	size_t n = 0;
	int rc = all_timers(tx, store_arena(tx), &had, &n, e);

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct flow_def *f = live_flow(c, store_arena(tx), str_of(had[i].flow));
		struct bpmn_start start;

		if (f == NULL || !find_start(f, str_of(had[i].element), &start) || start.by != BPMN_BY_TIMER)
			rc = sql_flow_timer_drop(tx,
			        &(struct sql_flow_timer_drop_in){str_of(had[i].flow), str_of(had[i].element)},
			        NULL, e);
	}
	for (int i = 0; i < c->flows && rc == 0; i++) {
		struct bpmn_start start;
		int at = 0;

		while (rc == 0 && c->flow[i].live &&
		        next_start(&c->flow[i], &at, BPMN_BY_TIMER, STR_NULL, &start))
			rc = set_timer(tx, s, &c->flow[i], &start, e);
	}
	return rc;
}

int flow_timers_set(struct site *s, struct err *e)
{
	return store_write(s->store, "set the timers of flows", set_timers, s, e);
}

/* ---- what is due ---- */

/* One timer, or one of what was sent: its row is the truth. */
struct turn {
	struct site *s;
	const char *flow, *element; /* of a timer */
	int64_t sent;               /* else */
	const struct err *why;      /* it cannot be begun: only tell so */
	bool taken;                 /* begun, or told */
};

static int tell_refused(
        struct store_tx *tx, const struct turn *t, struct str flow, struct str element, struct err *e)
{
	const char *region = "", *org = "";
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	who_reach(&who_system, &region, &org);
	jw_init(&w, &b);
	jw_object(&w);
	jw_key(&w, "flow");
	jw_str(&w, flow);
	jw_key(&w, "element");
	jw_str(&w, element);
	jw_kstr(&w, "why", t->why->text);
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = STR_LIT("flow.refused"),
	                .subject = STR_LIT("flow"),
	                .subject_id = flow,
	                .region = str_of(region),
	                .org = str_of(org),
	                .secrecy = 1,
	                .account = str_of(who_system.login),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

static int begin_or_tell(struct store_tx *tx, struct turn *t, const struct flow_def *f,
        const struct bpmn_start *start, const struct feel_value *variables, int depth, struct err *e)
{
	const struct beginning b = {.tx = tx,
	        .s = t->s,
	        .flow = f,
	        .start = *start,
	        .variables = variables,
	        .key = "",
	        .depth = depth,
	        .by = &who_system};
	int64_t id;
	int rc;

	if (t->why != NULL) {
		t->taken = true;
		return tell_refused(tx, t, str_of(f->code), str_of(start->element->id), e);
	}
	if (depth > DEPTH_MAX)
		return err_set(e, ERR_UNPROCESSED,
		        "%d cases began one another before, without a person: the flows go round in a loop",
		        DEPTH_MAX);
	rc = begin(&b, &id, e);
	t->taken = rc == 0;
	return rc;
}

static int timer_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct turn *t = arg;
	struct arena *a = store_arena(tx);
	const struct bpmn_services sv = services(t->s, store_now(tx));
	const struct flow_def *f = live_flow(t->s->catalog, a, str_of(t->flow));
	const struct feel_value none = {.type = FEEL_CONTEXT};
	struct sql_flow_timer_put_in next = {.flow = str_of(t->flow), .element = str_of(t->element)};
	struct sql_flow_timer_get_row r;
	struct bpmn_start start;
	const char *left;
	int rc;

	t->taken = false;
	rc = sql_flow_timer_get(
	        tx, &(struct sql_flow_timer_get_in){str_of(t->flow), str_of(t->element)}, &r, e);
	if (rc <= 0 || r.at > store_now(tx))
		return rc < 0 ? rc : 0;
	if (f == NULL || !find_start(f, str_of(t->element), &start) || start.by != BPMN_BY_TIMER ||
	        !str_is(r.timer, timer_text(a, &start)))
		return 0;
	left = arena_strndup(a, r.left_.p, r.left_.n);
	next.timer = str_of(timer_text(a, &start));
	next.at = r.at;
	rc = bpmn_start_due(f->def, &start, &sv, a, &next.at, &left, e);
	if (rc < 0)
		return rc;
	next.left_ = str_of(left);
	if (next.at == TIME_NONE)
		next.at = NEVER;
	rc = sql_flow_timer_put(tx, &next, NULL, e);
	return rc < 0 ? rc : begin_or_tell(tx, t, f, &start, &none, 0, e);
}

static int sent_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct turn *t = arg;
	struct arena *a = store_arena(tx);
	struct feel_value variables = {.type = FEEL_CONTEXT};
	struct sql_flow_sent_get_row r;
	const struct flow_def *f;
	struct bpmn_start start;
	int rc;

	t->taken = false;
	rc = sql_flow_sent_get(tx, &(struct sql_flow_sent_get_in){t->sent}, &r, e);
	if (rc <= 0)
		return rc;
	f = live_flow(t->s->catalog, a, r.flow);
	if (f != NULL && !find_start(f, r.element, &start))
		f = NULL;
	if (r.variables.n > 0)
		rc = feel_read_json(a, r.variables, &variables, e);
	if (rc >= 0)
		rc = sql_flow_sent_drop(tx, &(struct sql_flow_sent_drop_in){t->sent}, NULL, e);
	/* A flow that has gone, or starts otherwise by now, begins nothing. */
	return rc < 0 || f == NULL ? rc : begin_or_tell(tx, t, f, &start, &variables, (int)r.depth, e);
}

static int take_turn(struct turn *t, int *begun, struct err *e)
{
	store_write_f *write = t->flow != NULL ? timer_write : sent_write;
	struct err why = ERR_INIT;
	int rc = store_write(t->s->store, "begin a case", write, t, &why);

	if (rc < 0 && !step__passes(rc)) {
		const struct err refused = why;

		LOG(RULE_FAULT, log_s("what", "start event"), log_s("why", why.text));
		t->why = &refused;
		rc = store_write(t->s->store, "tell that no case begins", write, t, &why);
		t->why = NULL;
	}
	if (rc < 0 && e != NULL)
		*e = why;
	*begun += rc == 0 && t->taken;
	return rc;
}

static int look(struct site *s, int limit, struct arena *a, struct due **due, size_t *n_due, int64_t **sent,
        size_t *n_sent, struct err *e)
{
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_flow_sent_first_row r;
	size_t cap = 0;
	int rc = store_read_begin(s->store, "look for start events", &tx, e);

	*n_sent = 0;
	if (rc < 0)
		return rc;
	rc = all_timers(tx, a, due, n_due, e);
	if (rc >= 0)
		rc = sql_flow_sent_first_open(tx, &(struct sql_flow_sent_first_in){limit}, &rows, e);
	while (rc >= 0 && (rc = sql_flow_sent_first_next(rows, &r, e)) > 0) {
		*sent = arena_grow(a, *sent, &cap, *n_sent + 1, sizeof(**sent));
		(*sent)[(*n_sent)++] = r.id;
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	return rc < 0 ? rc : 0;
}

int flow_begin(struct site *s, time_us now, int limit, int *begun, time_us *next, struct err *e)
{
	struct arena *a = arena_new(0);
	struct due *due = NULL;
	int64_t *sent = NULL;
	size_t n_due = 0, n_sent = 0;
	int rc = look(s, limit, a, &due, &n_due, &sent, &n_sent, e);

	*begun = 0;
	*next = TIME_NONE;
	for (size_t i = 0; i < n_sent && rc == 0; i++)
		rc = take_turn(&(struct turn){.s = s, .sent = sent[i]}, begun, e);
	for (size_t i = 0; i < n_due && rc == 0; i++) {
		if (due[i].at > now) {
			if (due[i].at != NEVER)
				*next = due[i].at;
			break;
		}
		rc = take_turn(
		        &(struct turn){.s = s, .flow = due[i].flow, .element = due[i].element}, begun, e);
	}
	arena_free(&a);
	return rc;
}

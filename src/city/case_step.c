/*
 * case_step - one step of one case: the flow's events become rows, history and journal entries of the
 * transaction that the step runs in.
 */
#include "base/log.h"
#include "city/case_int.h"
#include "store/sql.h"

/* What a desk can do about a flow that cannot go on. */
#define INCIDENT_STAGE "incident"
#define INCIDENT_OUTCOMES "retry void"
/* What it says of a service that the flow calls. */
#define SERVICE_OUTCOMES "done failed"

void step__begin(struct stepping *x, struct store_tx *tx, struct site *s, const struct who *by)
{
	*x = (struct stepping){.tx = tx,
	        .s = s,
	        .by = by,
	        .a = store_arena(tx),
	        .now = store_now(tx),
	        .snap = registry_hold(s->registry),
	        .owner = "",
	        .taken = "",
	        .outcome = ""};
}

void step__end(struct stepping *x)
{
	if (x->snap != NULL)
		registry_release(x->s->registry, x->snap);
	x->snap = NULL;
	bpmn_state_free(&x->state);
}

static const char *keep(struct stepping *x, struct str s)
{
	return arena_strndup(x->a, s.p != NULL ? s.p : "", s.n);
}

static int load_tasks(struct stepping *x, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_task_open_of_row r;
	int rc = sql_task_open_of_open(x->tx, &(struct sql_task_open_of_in){x->c.id}, &rows, e);

	if (rc < 0)
		return rc;
	while ((rc = sql_task_open_of_next(rows, &r, e)) > 0) {
		x->task = arena_grow(x->a, x->task, &x->tasks_cap, (size_t)x->tasks + 1, sizeof(*x->task));
		x->task[x->tasks++] = (struct case_task){.key = (uint32_t)r.key,
		        .element = keep(x, r.element),
		        .name = keep(x, r.name),
		        .role = keep(x, r.role),
		        .stage = keep(x, r.stage),
		        .outcomes = keep(x, r.outcomes),
		        .org = keep(x, r.org),
		        .assignee = keep(x, r.assignee)};
	}
	store_rows_close(&rows);
	return rc;
}

int step__load(struct stepping *x, struct store_tx *tx, struct site *s, const struct who *by, int64_t id,
        struct err *e)
{
	struct sql_case_load_row r;
	struct sql_case_flow_get_row f;
	int rc;

	step__begin(x, tx, s, by);
	rc = sql_case_load(tx, &(struct sql_case_load_in){id}, &r, e);
	if (rc < 0)
		return rc;
	if (rc > 0) {
		x->c = CASE_FROM_ROW(x->a, &r);
		x->owner = keep(x, r.owner);
	}
	if (rc == 0 || !(who_sees(by, x->c.region, x->c.org, 1) || who_sees(by, x->c.region, x->owner, 1)))
		return err_set(e, ERR_NOTFOUND, "there is no case with this number");
	x->flow = catalog_flow(s->catalog, x->c.flow, x->c.flow_version);
	if (x->flow == NULL)
		return err_set(e, ERR_STATE, "version %d of the flow %s is not loaded", x->c.flow_version,
		        x->c.flow);
	rc = sql_case_flow_get(tx, &(struct sql_case_flow_get_in){id}, &f, e);
	if (rc == 0)
		rc = err_set(e, ERR_CORRUPT, "the case %s has lost the state of its flow", x->c.code);
	if (rc < 0)
		return rc;
	x->taken = keep(x, f.taken);
	rc = bpmn_state_read(f.state, &x->state, e);
	if (rc < 0)
		return err_prefix(e, "the state of the case %s", x->c.code);
	x->listened = step__waits_for_signal(x);
	return load_tasks(x, e);
}

struct case_task *step__task(struct stepping *x, uint32_t key)
{
	for (int i = 0; i < x->tasks; i++)
		if (x->task[i].key == key)
			return &x->task[i];
	return NULL;
}

const struct bpmn_element *step__element(const struct stepping *x, const struct case_task *t)
{
	struct bpmn_open *o = NULL;
	size_t n = bpmn_state_open(x->state, x->a, &o);

	for (size_t i = 0; i < n; i++) {
		const struct flow_def *f = x->flow;

		if (o[i].key != t->key)
			continue;
		if (*o[i].process != '\0')
			f = catalog_flow(x->s->catalog, o[i].process, o[i].version);
		return f != NULL ? bpmn_element(f->def, o[i].element) : NULL;
	}
	return NULL;
}

/* ---- history and journal ---- */

int step__history(struct stepping *x, const char *action, const char *task, const char *outcome,
        const char *note, const char *element, struct err *e)
{
	return sql_step_add(x->tx,
	        &(struct sql_step_add_in){.id = store_tx_id(x->tx),
	                .case_id = x->c.id,
	                .at = x->now,
	                .action = str_of(action),
	                .account = str_of(x->by->login),
	                .name = str_of(x->by->name),
	                .org = str_of(x->by->org),
	                .task = str_of(task),
	                .outcome = str_of(outcome),
	                .note = str_of(note != NULL ? note : ""),
	                .element = str_of(element),
	                .for_account = str_of(x->as != NULL ? x->as->login : ""),
	                .for_name = str_of(x->as != NULL ? x->as->name : "")},
	        NULL, e);
}

void step__entry(struct stepping *x, struct step_entry *j)
{
	j->b = (struct sb)SB_INIT;
	jw_init(&j->w, &j->b);
	jw_object(&j->w);
	jw_kid(&j->w, "id", x->c.id);
	jw_kstr(&j->w, "code", x->c.code);
	if (x->as != NULL)
		jw_kstr(&j->w, "for", x->as->login);
}

int step__entry_end(struct stepping *x, struct step_entry *j, const char *kind, struct err *e)
{
	char id[24];
	int rc;

	jw_object_end(&j->w);
	snprintf(id, sizeof(id), "%lld", (long long)x->c.id);
	rc = journal_append(x->tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = STR_LIT("case"),
	                .subject_id = str_of(id),
	                .region = str_of(x->c.region),
	                .org = str_of(*x->owner != '\0' ? x->owner : x->c.org),
	                .secrecy = 1,
	                .account = str_of(x->by->login),
	                .payload = sb_str(&j->b)},
	        e);
	sb_fini(&j->b);
	return rc;
}

int step__count(struct stepping *x, const char *measure, time_us at, int64_t n, struct err *e)
{
	char day[16];

	return measure_add(x->tx, measure, measure_day(x->s->catalog, at, day), x->c.unit,
	        *x->owner != '\0' ? x->owner : x->c.org, x->c.category, n, e);
}

int step__mark_overdue(struct stepping *x, struct err *e)
{
	struct step_entry j;
	int rc;

	if (x->c.overdue || x->c.finished != TIME_NONE || strcmp(x->c.state, "open") != 0)
		return 0;
	x->c.overdue = x->overdue_now = true;
	rc = step__history(x, "overdue", x->c.task_name, "", "", "", e);
	if (rc == 0)
		rc = step__count(x, "overdue", x->now, 1, e);
	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_ktime(&j.w, "deadline", x->c.deadline);
	jw_kstr(&j.w, "title", x->c.title);
	jw_kint(&j.w, "level", x->c.level);
	return step__entry_end(x, &j, "case.overdue", e);
}

/* ---- events of the engine ---- */

static int add_task(struct stepping *x, const struct case_task *t, struct err *e)
{
	struct step_entry j;
	char key[16];
	int rc = sql_task_add(x->tx,
	        &(struct sql_task_add_in){.id = store_tx_id(x->tx),
	                .case_id = x->c.id,
	                .key = t->key,
	                .element = str_of(t->element),
	                .name = str_of(t->name),
	                .role = str_of(t->role),
	                .stage = str_of(t->stage),
	                .outcomes = str_of(t->outcomes),
	                .org = str_of(t->org),
	                .opened = x->now},
	        NULL, e);

	if (rc < 0)
		return rc;
	x->task = arena_grow(x->a, x->task, &x->tasks_cap, (size_t)x->tasks + 1, sizeof(*x->task));
	x->task[x->tasks++] = *t;
	if (strcmp(t->stage, "handle") == 0)
		x->owner = t->org;
	x->c.org = t->org;
	snprintf(key, sizeof(key), "%u", t->key);
	step__entry(x, &j);
	jw_kstr(&j.w, "task", key);
	jw_kstr(&j.w, "name", t->name);
	jw_kstr(&j.w, "element", t->element);
	jw_kstr(&j.w, "org", t->org);
	jw_kstr(&j.w, "stage", t->stage);
	return step__entry_end(x, &j, "case.task_opened", e);
}

/* An event is about the case's own flow or about one that it calls. */
static const char *element_name(struct stepping *x, const struct bpmn_event *ev)
{
	const struct bpmn_element *el = bpmn_element(ev->def, ev->element);

	return el != NULL && *el->name != '\0' ? el->name : arena_strdup(x->a, ev->element);
}

static int on_task(struct stepping *x, const struct bpmn_event *ev, struct err *e)
{
	const struct bpmn_element *el = bpmn_element(ev->def, ev->element);
	struct case_task t = {.key = ev->key,
	        .element = arena_strdup(x->a, ev->element),
	        .name = element_name(x, ev),
	        .role = el != NULL ? el->role : "",
	        .stage = el != NULL ? el->stage : "",
	        .outcomes = el != NULL ? el->outcomes : "",
	        .org = keep(x, ev->text),
	        .assignee = ""};

	if (snapshot_org(x->snap, t.org) == NULL) {
		int rc = step__history(x, "noted", t.name, "",
		        *t.org != '\0' ? arena_printf(x->a, "no org has the code %s", t.org)
		                       : "the flow names no org",
		        t.element, e);

		if (rc < 0)
			return rc;
		t.org = arena_strdup(x->a, dispatch__desk(x->snap));
	}
	return add_task(x, &t, e);
}

/* Nothing is lost where a flow cannot go on: the desk gets a task that says why. */
static int on_trouble(struct stepping *x, const struct bpmn_event *ev, bool incident, struct err *e)
{
	struct case_task t = {.key = ev->key,
	        .element = arena_strdup(x->a, ev->element),
	        .name = element_name(x, ev),
	        .role = "desk",
	        .stage = incident ? INCIDENT_STAGE : "service",
	        .outcomes = incident ? INCIDENT_OUTCOMES : SERVICE_OUTCOMES,
	        .org = arena_strdup(x->a, dispatch__desk(x->snap)),
	        .assignee = ""};
	int rc = step__history(
	        x, incident ? "incident" : "service", t.name, "", keep(x, ev->text), t.element, e);

	return rc < 0 ? rc : add_task(x, &t, e);
}

static int on_task_end(struct stepping *x, const struct bpmn_event *ev, const char *state, struct err *e)
{
	struct case_task *t = step__task(x, ev->key);
	int rc;

	if (t == NULL)
		return 0;
	if (strcmp(state, "done") == 0 && strcmp(t->stage, "handle") == 0)
		x->handled = true;
	rc = sql_task_end(x->tx,
	        &(struct sql_task_end_in){.case_id = x->c.id,
	                .key = ev->key,
	                .state = str_of(state),
	                .outcome = str_of(strcmp(state, "done") == 0 ? x->outcome : ""),
	                .assignee = str_of(t->assignee),
	                .at = x->now},
	        NULL, e);
	memmove(t, t + 1, (size_t)(x->task + x->tasks - t - 1) * sizeof(*t));
	x->tasks--;
	return rc;
}

static bool has_word(const char *words, const char *word)
{
	struct str s = str_of(words);

	while (s.p != NULL)
		if (str_is(str_cut(&s, ' '), word))
			return true;
	return false;
}

static int on_escalated(struct stepping *x, const struct bpmn_event *ev, struct err *e)
{
	struct step_entry j;
	int rc = step__history(x, "escalated", x->c.task_name, keep(x, ev->text), "", ev->element, e);

	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_key(&j.w, "escalation");
	jw_str(&j.w, ev->text);
	jw_kstr(&j.w, "title", x->c.title);
	jw_ktime(&j.w, "deadline", x->c.deadline);
	return step__entry_end(x, &j, "case.escalated", e);
}

/* Whoever reads the journal may carry it on. */
static int on_message(struct stepping *x, const struct bpmn_event *ev, struct err *e)
{
	struct step_entry j;
	int rc = step__history(x, "sent", "", "", keep(x, ev->text), ev->element, e);

	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_key(&j.w, "message");
	jw_str(&j.w, ev->text);
	return step__entry_end(x, &j, "case.sent", e);
}

static int on_signal(struct stepping *x, const struct bpmn_event *ev, struct err *e)
{
	int rc = on_message(x, ev, e);

	return rc < 0 ? rc : step__send_signal(x, ev->text, e);
}

static int on_event(struct stepping *x, const struct bpmn_event *ev, struct err *e)
{
	switch (ev->type) {
	case BPMN_TASK_OPENED: return on_task(x, ev, e);
	case BPMN_SERVICE_CALLED: return on_trouble(x, ev, false, e);
	case BPMN_INCIDENT: return on_trouble(x, ev, true, e);
	case BPMN_TASK_DONE: return on_task_end(x, ev, "done", e);
	case BPMN_TASK_CANCELLED: return on_task_end(x, ev, "cancelled", e);
	case BPMN_TIMER_SET:
		return sql_timer_put(x->tx,
		        &(struct sql_timer_put_in){.case_id = x->c.id,
		                .key = ev->key,
		                .element = str_of(ev->element),
		                .at = ev->at},
		        NULL, e);
	case BPMN_TIMER_GONE:
		return sql_timer_drop(x->tx, &(struct sql_timer_drop_in){x->c.id, ev->key}, NULL, e);
	case BPMN_FLOW_TAKEN:
		if (ev->def == x->flow->def && !has_word(x->taken, ev->element))
			x->taken = arena_printf(
			        x->a, "%s%s%s", x->taken, *x->taken != '\0' ? " " : "", ev->element);
		return 0;
	case BPMN_DECIDED:
		return step__history(
		        x, "decided", element_name(x, ev), "", keep(x, ev->text), ev->element, e);
	case BPMN_ESCALATED: return on_escalated(x, ev, e);
	case BPMN_MESSAGE_SENT: {
		int rc = on_message(x, ev, e);

		return rc < 0 ? rc : step__begin_others(x, false, ev->text, &ev->value, e);
	}
	case BPMN_SIGNAL_SENT: return on_signal(x, ev, e);
	case BPMN_ENDED: x->closed_now = true; return 0;
	case BPMN_STARTED:
	case BPMN_TOKEN:
	case BPMN_TOKEN_GONE:
	case BPMN_WAITING:
	case BPMN_WAIT_GONE:
	case BPMN_LOOP:
	case BPMN_CALLED:
	case BPMN_RETURNED:
	case BPMN_MIGRATED:
	case BPMN_VARIABLE: return 0;
	}
	return 0;
}

static const struct dmn_model *find_decision(void *ctx, const char *ref)
{
	const struct stepping *x = ctx;

	return catalog_decision(x->s->catalog, ref);
}

static time_us add_working(void *ctx, const char *calendar, time_us from, dur_us d)
{
	const struct stepping *x = ctx;
	const struct calendar *c = catalog_calendar(x->s->catalog, calendar);

	return c != NULL ? calendar_add(c, from, d) : TIME_NONE;
}

static const struct bpmn_def *find_flow(void *ctx, const char *process, int *version)
{
	const struct stepping *x = ctx;
	const struct flow_def *f = catalog_flow(x->s->catalog, process, *version);

	if (f == NULL)
		return NULL;
	*version = f->version;
	return f->def;
}

/* ---- what follows from the events ---- */

static bool open_stage(const struct stepping *x, const char *stage)
{
	for (int i = 0; i < x->tasks; i++)
		if (strcmp(x->task[i].stage, stage) == 0)
			return true;
	return false;
}

static bool was_on_time(const struct city_case *c)
{
	return !c->overdue && (c->deadline == TIME_NONE || c->finished <= c->deadline);
}

static int count_finished(struct stepping *x, int64_t n, struct err *e)
{
	int rc = step__count(x, "finished", x->c.finished, n, e);

	return rc == 0 && was_on_time(&x->c) ? step__count(x, "finished_on_time", x->c.finished, n, e) : rc;
}

/* Finished is what was handled and not taken up again. */
static int settle_finished(struct stepping *x, const char *owner_before, struct err *e)
{
	bool again = open_stage(x, "handle") || open_stage(x, "dispatch") || open_stage(x, INCIDENT_STAGE);
	int rc = 0;

	if (x->c.finished != TIME_NONE && again) {
		const char *owner = x->owner;

		x->owner = owner_before;
		rc = count_finished(x, -1, e);
		x->owner = owner;
		x->c.finished = TIME_NONE;
		if (rc == 0 && x->c.deadline != TIME_NONE && !x->c.overdue)
			rc = sql_timer_put(x->tx,
			        &(struct sql_timer_put_in){.case_id = x->c.id,
			                .key = 0,
			                .element = STR_LIT(""),
			                .at = x->c.deadline},
			        NULL, e);
	} else if (x->c.finished == TIME_NONE && x->handled && !again) {
		x->c.finished = x->now;
		rc = count_finished(x, 1, e);
		if (rc == 0)
			rc = sql_timer_drop(x->tx, &(struct sql_timer_drop_in){x->c.id, 0}, NULL, e);
	}
	return rc;
}

static int close_case(struct stepping *x, struct err *e)
{
	bool voided = strcmp(x->outcome, "void") == 0, on_time;
	struct step_entry j;
	int rc;

	/* A flow without a stage "handle" is finished when it ends. */
	if (!voided && x->c.finished == TIME_NONE) {
		x->c.finished = x->now;
		rc = count_finished(x, 1, e);
		if (rc < 0)
			return rc;
	}
	on_time = !voided && was_on_time(&x->c);
	x->c.state = voided ? "void" : "closed";
	x->c.closed = x->now;
	rc = sql_timer_drop_all(x->tx, &(struct sql_timer_drop_all_in){x->c.id}, NULL, e);
	if (rc == 0)
		rc = step__history(x, voided ? "voided" : "closed", "", "", "", "", e);
	if (rc == 0 && !voided)
		rc = step__count(x, "closed", x->c.closed, 1, e);
	if (rc == 0 && on_time)
		rc = step__count(x, "closed_on_time", x->c.closed, 1, e);
	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_kbool(&j.w, "on_time", on_time);
	jw_kbool(&j.w, "void", voided);
	jw_kstr(&j.w, "category", x->c.category);
	return step__entry_end(x, &j, "case.closed", e);
}

int step__run(struct stepping *x, const struct bpmn_input *in, struct err *e)
{
	const struct bpmn_services sv = {.ctx = x,
	        .now = x->now,
	        .zone = x->s->catalog->zone,
	        .decision = find_decision,
	        .working = add_working,
	        .called = find_flow};
	const char *owner = x->owner;
	struct bpmn_events events = {0};
	int rc = bpmn_decide(x->flow->def, x->state, in, &sv, x->a, &events, e);

	for (size_t i = 0; rc == 0 && i < events.n; i++) {
		rc = bpmn_apply(x->flow->def, x->state, &events.e[i], e);
		if (rc == 0)
			rc = on_event(x, &events.e[i], e);
	}
	if (rc == 0)
		rc = settle_finished(x, owner, e);
	if (rc == 0 && x->closed_now && strcmp(x->c.state, "open") == 0)
		rc = close_case(x, e);
	return rc;
}

/* ---- saving ---- */

static void repeat_task(struct stepping *x)
{
	const struct case_task *t = x->tasks > 0 ? &x->task[0] : NULL;

	for (int i = 1; i < x->tasks; i++)
		if (x->task[i].key < t->key)
			t = &x->task[i];
	x->c.task = t != NULL ? t->key : 0;
	x->c.task_name = t != NULL ? t->name : "";
	x->c.outcomes = t != NULL ? t->outcomes : "";
	x->c.assignee = t != NULL ? t->assignee : "";
	x->c.stage = t != NULL ? t->stage : "";
	if (t != NULL)
		x->c.org = t->org;
	else if (*x->owner != '\0')
		x->c.org = x->owner;
}

int step__save(struct stepping *x, bool fresh, struct err *e)
{
	struct sb state = SB_INIT;
	int rc;

	repeat_task(x);
	x->c.version++;
	rc = sql_case_set(x->tx,
	        &(struct sql_case_set_in){.id = x->c.id,
	                .state = str_of(x->c.state),
	                .stage = str_of(x->c.stage),
	                .level = x->c.level,
	                .org = str_of(x->c.org),
	                .owner = str_of(x->owner),
	                .task = x->c.task,
	                .task_name = str_of(x->c.task_name),
	                .outcomes = str_of(x->c.outcomes),
	                .assignee = str_of(x->c.assignee),
	                .finished = x->c.finished,
	                .closed = x->c.closed,
	                .overdue = x->c.overdue,
	                .merged = x->c.merged,
	                .version = x->c.version},
	        NULL, e);
	if (rc < 0)
		return rc;
	bpmn_state_write(x->state, &state);
	if (fresh)
		rc = sql_case_flow_add(x->tx,
		        &(struct sql_case_flow_add_in){
		                .case_id = x->c.id, .state = sb_str(&state), .taken = str_of(x->taken)},
		        NULL, e);
	else
		rc = sql_case_flow_set(x->tx,
		        &(struct sql_case_flow_set_in){
		                .case_id = x->c.id, .state = sb_str(&state), .taken = str_of(x->taken)},
		        NULL, e);
	sb_fini(&state);
	return rc < 0 ? rc : step__listen(x, e);
}

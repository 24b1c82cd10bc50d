/* What people do with the open task of a case: who may do what when stands in one table. */
#include "city/case_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

#define NOTE_MAX 2000

/* ---- the table of legal actions ---- */

enum action { ACT_CLAIM, ACT_RELEASE, ACT_HAND_OVER, ACT_COMPLETE, ACT_NOTE };

enum holder { /* who has the task */
	NOBODY = 1 << 0,
	SELF = 1 << 1,
	ANOTHER = 1 << 2,
	NO_TASK = 1 << 3, /* the case has no open task, or is closed */
};
enum part {                   /* what somebody is to a task */
	PART_WORKER = 1 << 0, /* handler of the task's org, and the task is a handler's */
	PART_DESK = 1 << 1,
	PART_READER = 1 << 2, /* leader or admin, or a handler of another task */
};

static const struct legal {
	enum action action;
	const char *name;
	unsigned by[3]; /* for worker, desk, reader: holders under which it may be done */
} legal[] = {
        {ACT_CLAIM, "claim", {NOBODY, NOBODY, 0}},
        {ACT_RELEASE, "release", {SELF, SELF | ANOTHER, 0}},
        {ACT_HAND_OVER, "hand_over", {NOBODY | SELF, NOBODY | SELF | ANOTHER, 0}},
        {ACT_COMPLETE, "complete", {NOBODY | SELF, NOBODY | SELF, 0}},
        {ACT_NOTE, "note",
                {NOBODY | SELF | ANOTHER | NO_TASK, NOBODY | SELF | ANOTHER | NO_TASK,
                        NOBODY | SELF | ANOTHER | NO_TASK}},
};

static unsigned parts_of(const struct who *who, const char *role, const char *org)
{
	unsigned parts = 0;

	if ((who->roles & ROLE_DESK) != 0)
		parts |= PART_DESK;
	if ((who->roles & ROLE_HANDLER) != 0 && strcmp(role, "desk") != 0 && org__related(who->org, org))
		parts |= PART_WORKER;
	if ((who->roles & (ROLE_LEADER | ROLE_ADMIN | ROLE_HANDLER)) != 0)
		parts |= PART_READER;
	return parts;
}

/* For whom `who` may work on a task of this org, which is not their own; NULL: for nobody. */
static const struct who_giver *giver_of(const struct who *who, const char *role, const char *org)
{
	if ((who->roles & ROLE_HANDLER) == 0 || strcmp(role, "desk") == 0)
		return NULL;
	for (int i = 0; i < who->givers; i++)
		if ((who->giver[i].roles & ROLE_HANDLER) != 0 && org__related(who->giver[i].org, org))
			return &who->giver[i];
	return NULL;
}

/* as: for whom they act, NULL for themselves; what that one has claimed is theirs to finish. */
static enum holder holder_of(
        const struct who *who, const struct who_giver *as, bool task, const char *assignee)
{
	if (!task)
		return NO_TASK;
	if (*assignee == '\0')
		return NOBODY;
	if (as != NULL && strcmp(assignee, as->login) == 0)
		return SELF;
	return strcmp(assignee, who->login) == 0 ? SELF : ANOTHER;
}

/* Holders under which `who` may do it. */
static unsigned allowed(enum action action, unsigned parts)
{
	unsigned holders = 0;

	for (int i = 0; i < 3; i++)
		if ((parts & (1U << i)) != 0)
			holders |= legal[action].by[i];
	return holders;
}

/* The role of the first task with this stage and these outcomes, in the flow or in one that it calls. */
static const char *task_role(
        const struct site *s, const struct flow_def *f, const struct city_case *c, int depth)
{
	for (int i = 0; f != NULL && i < bpmn_elements(f->def); i++) {
		const struct bpmn_element *el = bpmn_element_at(f->def, i);
		const char *role = NULL;

		if (el->type == BPMN_USER_TASK && strcmp(el->stage, c->stage) == 0 &&
		        strcmp(el->outcomes, c->outcomes) == 0)
			role = el->role;
		else if (el->type == BPMN_CALL_ACTIVITY && depth > 0)
			role = task_role(s, catalog_flow(s->catalog, el->ref, 0), c, depth - 1);
		if (role != NULL)
			return role;
	}
	return NULL;
}

/* Without the role of the task: a case's row knows its stage, and what the desk does is known by that. */
static const char *role_of(const struct site *s, const struct city_case *c)
{
	const char *role;

	if (strcmp(c->stage, "incident") == 0 || strcmp(c->stage, "service") == 0)
		return "desk";
	role = task_role(s, catalog_flow(s->catalog, c->flow, c->flow_version), c, 2);
	return role != NULL ? role : "desk";
}

const char *case_actions(struct arena *a, struct site *s, const struct city_case *c, const struct who *who)
{
	bool open = strcmp(c->state, "open") == 0 && c->task > 0;
	const char *role = open ? role_of(s, c) : "desk";
	const struct who_giver *as = giver_of(who, role, c->org);
	unsigned parts = parts_of(who, role, c->org), lent = as != NULL ? PART_WORKER : 0;
	enum holder holder = holder_of(who, NULL, open, c->assignee),
	            holder_as = holder_of(who, as, open, c->assignee);
	struct sb b = SB_INIT;
	const char *out;

	for (size_t i = 0; i < ARRAY_LEN(legal); i++) {
		if ((allowed(legal[i].action, parts) & holder) == 0 &&
		        (allowed(legal[i].action, lent) & holder_as) == 0)
			continue;
		if (b.n > 0)
			sb_putc(&b, ' ');
		sb_puts(&b, legal[i].action == ACT_COMPLETE ? c->outcomes : legal[i].name);
	}
	out = arena_strndup(a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

/* ---- what every action begins with ---- */

static int moved_on(struct stepping *x, uint32_t key, struct err *e)
{
	struct sql_task_ended_of_row r;
	char at[40];
	int rc = sql_task_ended_of(x->tx, &(struct sql_task_ended_of_in){x->c.id, key}, &r, e);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_STATE, "the case %s has no such task", x->c.code);
	time_format(r.ended, x->s->catalog->zone, at);
	if (str_is(r.state, "cancelled"))
		return err_set(e, ERR_STATE, "the task " STR_FMT " was cancelled at %s", STR_ARG(r.name), at);
	return err_set(e, ERR_STATE, "the task " STR_FMT " was done by " STR_FMT " at %s (" STR_FMT ")",
	        STR_ARG(r.name), STR_ARG(r.assignee), at, STR_ARG(r.outcome));
}

static int refuse(
        struct stepping *x, enum action action, const struct case_task *t, unsigned holders, struct err *e)
{
	if (holders == 0)
		return t == NULL                      ? err_set(e, ERR_DENIED, "this is for others")
		       : strcmp(t->role, "desk") == 0 ? err_set(e, ERR_DENIED, "this is for the desk")
		                                      : err_set(e, ERR_DENIED, "this is for %s", t->org);
	if (t == NULL)
		return strcmp(x->c.state, "open") == 0
		               ? err_set(e, ERR_STATE, "the case %s waits; there is no open task", x->c.code)
		               : err_set(e, ERR_STATE, "the case %s is %s", x->c.code, x->c.state);
	if (*t->assignee == '\0')
		return err_set(e, ERR_STATE, "nobody has claimed the task %s", t->name);
	if (strcmp(t->assignee, x->by->login) == 0)
		return err_set(e, ERR_STATE,
		        action == ACT_CLAIM ? "you have claimed the task already"
		                            : "you have the task already");
	return err_set(e, ERR_STATE, "%s has claimed the task %s", t->assignee, t->name);
}

static int begin(struct stepping *x, struct store_tx *tx, struct site *s, const struct case_act *act,
        enum action action, const struct who *by, struct case_task **task, struct err *e)
{
	const char *role, *org, *assignee;
	struct case_task *t = NULL;
	unsigned holders;
	int rc;

	rc = step__load(x, tx, s, by, act->id, e);
	if (rc < 0)
		return rc;
	if (act->note != NULL && utf8_length(str_of(act->note)) > NOTE_MAX) {
		err_set(e, ERR_INVALID, "at most %d characters", NOTE_MAX);
		return err_at(e, NULL, 0, 0, "note");
	}
	t = step__task(x, act->task != 0 ? act->task : (uint32_t)x->c.task);
	if (t == NULL && act->task != 0 && action != ACT_NOTE)
		return moved_on(x, act->task, e);
	if (act->version != 0 && act->version != x->c.version)
		return err_set(e, ERR_CONFLICT, "the case %s was changed since you looked at it; look again",
		        x->c.code);
	role = t != NULL ? t->role : "desk";
	org = t != NULL ? t->org : x->c.org;
	assignee = t != NULL ? t->assignee : "";
	holders = allowed(action, parts_of(by, role, org));
	if ((holders & holder_of(by, NULL, t != NULL, assignee)) == 0) {
		x->as = giver_of(by, role, org);
		if (x->as == NULL)
			return refuse(x, action, t, holders, e);
		holders = allowed(action, PART_WORKER);
		if ((holders & holder_of(by, x->as, t != NULL, assignee)) == 0)
			return refuse(x, action, t, holders, e);
	}
	*task = t;
	return 0;
}

static int assign(
        struct stepping *x, struct case_task *t, const char *assignee, const char *org, struct err *e)
{
	t->assignee = assignee;
	t->org = org;
	return sql_task_assign(x->tx,
	        &(struct sql_task_assign_in){
	                .case_id = x->c.id, .key = t->key, .assignee = str_of(assignee), .org = str_of(org)},
	        NULL, e);
}

static void entry_task(struct stepping *x, struct step_entry *j, const struct case_task *t)
{
	char key[16];

	snprintf(key, sizeof(key), "%u", t->key);
	step__entry(x, j);
	jw_kstr(&j->w, "task", key);
	jw_kstr(&j->w, "name", t->name);
}

/* ---- the actions ---- */

struct acting {
	struct site *s;
	const struct case_act *act;
	const struct who *by;
	const char *login, *org, *outcome, *message;
	struct str variables;
	bool closed;
};

static int claim(struct stepping *x, struct case_task *t, const char *note, struct err *e)
{
	struct step_entry j;
	int rc = assign(x, t, x->by->login, t->org, e);

	if (rc == 0)
		rc = step__history(x, "claimed", t->name, "", note, t->element, e);
	if (rc < 0)
		return rc;
	entry_task(x, &j, t);
	jw_kstr(&j.w, "assignee", x->by->login);
	return step__entry_end(x, &j, "case.claimed", e);
}

static int claim_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct acting *w = arg;
	struct case_task *t = NULL;
	struct stepping x;
	int rc = begin(&x, tx, w->s, w->act, ACT_CLAIM, w->by, &t, e);

	if (rc == 0)
		rc = claim(&x, t, w->act->note, e);
	if (rc == 0)
		rc = step__save(&x, false, e);
	step__end(&x);
	return rc;
}

static int release_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct acting *w = arg;
	struct case_task *t = NULL;
	struct step_entry j;
	struct stepping x;
	int rc = begin(&x, tx, w->s, w->act, ACT_RELEASE, w->by, &t, e);

	if (rc == 0)
		rc = assign(&x, t, "", t->org, e);
	if (rc == 0)
		rc = step__history(&x, "released", t->name, "", w->act->note, t->element, e);
	if (rc < 0)
		goto out;
	entry_task(&x, &j, t);
	rc = step__entry_end(&x, &j, "case.released", e);
	if (rc == 0)
		rc = step__save(&x, false, e);
out:
	step__end(&x);
	return rc;
}

static int note_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct acting *w = arg;
	struct case_task *t = NULL;
	struct step_entry j;
	struct stepping x;
	int rc = begin(&x, tx, w->s, w->act, ACT_NOTE, w->by, &t, e);

	if (rc == 0 && (w->act->note == NULL || *w->act->note == '\0')) {
		err_set(e, ERR_INVALID, "a note needs words");
		err_at(e, NULL, 0, 0, "note");
		rc = ERR_INVALID;
	}
	if (rc == 0)
		rc = step__history(&x, "noted", t != NULL ? t->name : "", "", w->act->note,
		        t != NULL ? t->element : "", e);
	if (rc < 0)
		goto out;
	step__entry(&x, &j);
	jw_kstr(&j.w, "note", w->act->note);
	rc = step__entry_end(&x, &j, "case.noted", e);
	if (rc == 0)
		rc = step__save(&x, false, e);
out:
	step__end(&x);
	return rc;
}

/* Rework goes to whom the task was handed: the flow's own variable says so. */
static int tell_flow(struct stepping *x, uint32_t task, const char *org, struct err *e)
{
	struct feel_value v = {.type = FEEL_CONTEXT};
	const struct bpmn_input in = {.type = BPMN_SET, .key = task, .name = STR_LIT(""), .variables = &v};

	feel_put(x->a, &v, STR_LIT("org"), feel_string(str_of(org)));
	return step__run(x, &in, e);
}

/* The person or org that takes over: known, and of the task's duty unless the desk says so. */
static int check_taker(struct stepping *x, const struct case_task *t, const struct acting *w,
        const char **login, const char **org, struct err *e)
{
	bool desk = (x->by->roles & ROLE_DESK) != 0;
	struct sql_task_person_row p;
	int rc;

	*login = "";
	*org = t->org;
	if (w->org != NULL && *w->org != '\0') {
		if (snapshot_org(x->snap, w->org) == NULL || (!desk && !org__same_duty(w->org, t->org))) {
			err_set(e, ERR_INVALID,
			        snapshot_org(x->snap, w->org) == NULL
			                ? "no org has this code"
			                : "another duty takes tasks from the desk only; return it");
			return err_at(e, NULL, 0, 0, "org"), ERR_INVALID;
		}
		*org = w->org;
	}
	if (w->login == NULL || *w->login == '\0') {
		if (w->org != NULL && *w->org != '\0')
			return 0;
		err_set(e, ERR_INVALID, "a person or an org to hand over to is needed");
		return err_at(e, NULL, 0, 0, "login"), ERR_INVALID;
	}
	rc = sql_task_person(x->tx, &(struct sql_task_person_in){str_of(w->login)}, &p, e);
	if (rc < 0)
		return rc;
	*login = w->login;
	if (rc > 0 && !p.disabled) {
		unsigned roles = roles_parse(p.roles);
		const char *theirs = arena_strndup(x->a, p.org.p, p.org.n);

		if ((roles & ROLE_DESK) != 0 ||
		        ((roles & ROLE_HANDLER) != 0 && strcmp(t->role, "desk") != 0 &&
		                org__related(theirs, *org)))
			return 0;
	}
	err_set(e, ERR_INVALID,
	        rc == 0 || p.disabled ? "nobody has this login" : "this person cannot work on this task");
	return err_at(e, NULL, 0, 0, "login"), ERR_INVALID;
}

static int hand_over_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct acting *w = arg;
	const char *login = "", *org = "", *to;
	struct case_task *t = NULL;
	struct step_entry j;
	struct stepping x;
	bool moved;
	int rc = begin(&x, tx, w->s, w->act, ACT_HAND_OVER, w->by, &t, e);

	if (rc == 0)
		rc = check_taker(&x, t, w, &login, &org, e);
	if (rc < 0)
		goto out;
	moved = strcmp(org, t->org) != 0;
	to = *login != '\0' ? login : org;
	rc = assign(&x, t, login, org, e);
	if (rc == 0)
		rc = step__history(&x, "handed_over", t->name, to, w->act->note, t->element, e);
	if (rc < 0)
		goto out;
	entry_task(&x, &j, t);
	jw_kstr(&j.w, "assignee", login);
	jw_kstr(&j.w, "org", org);
	rc = step__entry_end(&x, &j, "case.handed_over", e);
	if (rc == 0 && moved && strcmp(t->stage, "handle") == 0) {
		x.owner = org;
		rc = tell_flow(&x, t->key, org, e);
	}
	if (rc == 0)
		rc = step__save(&x, false, e);
out:
	step__end(&x);
	return rc;
}

static bool has_outcome(const char *outcomes, const char *outcome)
{
	struct str s = str_of(outcomes);

	while (s.p != NULL && s.n > 0)
		if (str_is(str_cut(&s, ' '), outcome))
			return *outcome != '\0';
	return false;
}

int step__read_variables(
        struct arena *a, const struct snapshot *snap, struct str json, struct feel_value *out, struct err *e)
{
	const struct feel_value *org;

	*out = (struct feel_value){.type = FEEL_CONTEXT};
	if (json.n > 0 && (feel_read_json(a, json, out, e) < 0 || out->type != FEEL_CONTEXT)) {
		err_set(e, ERR_INVALID, "a JSON object is needed");
		return err_at(e, NULL, 0, 0, "variables"), ERR_INVALID;
	}
	org = feel_get(out, "org");
	if (org != NULL && (org->type != FEEL_STRING || snapshot_org(snap, arena_strndup(a, org->string.p,
	                                                                           org->string.n)) == NULL)) {
		err_set(e, ERR_INVALID, "no org has this code");
		return err_at(e, NULL, 0, 0, "variables.org"), ERR_INVALID;
	}
	return 0;
}

/* The task is ours, not the flow's: what the flow hears of it does not end it. */
static int end_own(struct stepping *x, struct case_task *t, const char *outcome, struct err *e)
{
	int rc = sql_task_end(x->tx,
	        &(struct sql_task_end_in){.case_id = x->c.id,
	                .key = t->key,
	                .state = STR_LIT("done"),
	                .outcome = str_of(outcome),
	                .assignee = str_of(t->assignee),
	                .at = store_now(x->tx)},
	        NULL, e);

	memmove(t, t + 1, (size_t)(x->task + x->tasks - t - 1) * sizeof(*t));
	x->tasks--;
	return rc;
}

/* A service that could not be done: an error with the code that the variable `error` says, if any. */
static bool failed_service(struct stepping *x, const struct case_task *t, const char *outcome)
{
	const struct bpmn_element *el = strcmp(outcome, "failed") == 0 ? step__element(x, t) : NULL;

	return el != NULL && el->type == BPMN_SERVICE_TASK && strcmp(t->stage, "service") == 0;
}

static int complete(struct stepping *x, struct case_task *t, const struct acting *w, struct err *e)
{
	bool incident = strcmp(t->stage, "incident") == 0, failed = failed_service(x, t, w->outcome);
	struct bpmn_input in = {.type = BPMN_COMPLETE, .key = t->key, .name = STR_LIT("")};
	struct feel_value variables;
	struct step_entry j;
	const struct form_def *form = step__form(x, t);
	int rc = step__read_variables(x->a, x->snap, w->variables, &variables, e);

	if (rc == 0 && form != NULL)
		rc = step__fill_form(x, t, form, w->outcome, &variables, w->act, e);
	if (rc == 0)
		feel_put(x->a, &variables, STR_LIT("outcome"), feel_string(str_of(w->outcome)));
	if (rc == 0 && *t->assignee == '\0')
		rc = assign(x, t, x->by->login, t->org, e);
	if (rc == 0)
		rc = step__history(x, "completed", t->name, w->outcome, w->act->note, t->element, e);
	if (rc == 0 && strcmp(t->stage, "handle") == 0 && strcmp(w->outcome, "returned") == 0)
		rc = step__count(x, "returned", store_now(x->tx), 1, e);
	if (rc < 0)
		return rc;
	entry_task(x, &j, t);
	jw_kstr(&j.w, "outcome", w->outcome);
	jw_kstr(&j.w, "stage", t->stage);
	rc = step__entry_end(x, &j, "case.completed", e);
	if (rc < 0)
		return rc;
	x->outcome = w->outcome;
	in.variables = &variables;
	if (incident)
		in.type = strcmp(w->outcome, "void") == 0 ? BPMN_CANCEL : BPMN_SET;
	if (failed) {
		const struct feel_value *code = feel_get(&variables, "error");

		in.type = BPMN_ERROR;
		if (code != NULL && code->type == FEEL_STRING)
			in.name = code->string;
	}
	if (incident || failed)
		rc = end_own(x, t, w->outcome, e);
	return rc < 0 ? rc : step__run(x, &in, e);
}

static int complete_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct acting *w = arg;
	struct case_task *t = NULL;
	struct stepping x;
	int rc = begin(&x, tx, w->s, w->act, ACT_COMPLETE, w->by, &t, e);

	if (rc == 0 && !has_outcome(t->outcomes, w->outcome)) {
		err_set(e, ERR_INVALID, "the outcomes of the task %s are: %s", t->name, t->outcomes);
		err_at(e, NULL, 0, 0, "outcome");
		rc = ERR_INVALID;
	}
	if (rc == 0)
		rc = complete(&x, t, w, e);
	if (rc == 0)
		rc = step__save(&x, false, e);
	w->closed = rc == 0 && x.closed_now;
	step__end(&x);
	return rc;
}

int step__message(struct stepping *x, const char *name, const struct feel_value *variables, struct err *e)
{
	const struct bpmn_input in = {.type = BPMN_MESSAGE, .name = str_of(name), .variables = variables};
	struct step_entry j;
	int rc = step__history(x, "received", "", "", name, "", e);

	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_kstr(&j.w, "message", name);
	rc = step__entry_end(x, &j, "case.received", e);
	return rc < 0 ? rc : step__run(x, &in, e);
}

static int message_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct acting *w = arg;
	struct feel_value variables;
	struct stepping x;
	int rc = step__load(&x, tx, w->s, w->by, w->act->id, e);

	if (rc == 0 && strcmp(x.c.state, "open") != 0)
		rc = err_set(e, ERR_STATE, "the case %s is %s", x.c.code, x.c.state);
	if (rc == 0)
		rc = step__read_variables(x.a, x.snap, w->variables, &variables, e);
	if (rc == 0)
		rc = step__message(&x, w->message, &variables, e);
	if (rc == 0)
		rc = step__save(&x, false, e);
	w->closed = rc == 0 && x.closed_now;
	step__end(&x);
	return rc;
}

static int act(struct acting *w, const char *purpose, store_write_f *f, const char *what, struct err *e)
{
	int rc = store_write(w->s->store, purpose, f, w, e);

	if (rc < 0)
		return rc;
	metric_add(METRIC_FLOW_STEPS, 1);
	LOG(CASE_STEP, log_i("case", w->act->id), log_s("action", what), log_s("by", w->by->login));
	if (w->closed) {
		metric_add(METRIC_CASES_CLOSED, 1);
		metric_add(METRIC_CASES_OPEN, -1);
		LOG(CASE_CLOSED, log_i("case", w->act->id));
	}
	return 0;
}

int case_claim(struct site *s, const struct case_act *a, const struct who *by, struct err *e)
{
	struct acting w = {.s = s, .act = a, .by = by};

	return act(&w, "claim a task", claim_write, "claim", e);
}

int case_release(struct site *s, const struct case_act *a, const struct who *by, struct err *e)
{
	struct acting w = {.s = s, .act = a, .by = by};

	return act(&w, "release a task", release_write, "release", e);
}

int case_hand_over(struct site *s, const struct case_act *a, const char *login, const char *org,
        const struct who *by, struct err *e)
{
	struct acting w = {.s = s, .act = a, .by = by, .login = login, .org = org};

	return act(&w, "hand over a task", hand_over_write, "hand_over", e);
}

int case_complete(struct site *s, const struct case_act *a, const char *outcome, struct str variables,
        const struct who *by, struct err *e)
{
	struct acting w = {.s = s,
	        .act = a,
	        .by = by,
	        .outcome = outcome != NULL ? outcome : "",
	        .variables = variables};

	return act(&w, "complete a task", complete_write, w.outcome, e);
}

int case_note(struct site *s, const struct case_act *a, const struct who *by, struct err *e)
{
	struct acting w = {.s = s, .act = a, .by = by};

	return act(&w, "note on a case", note_write, "note", e);
}

int case_message(struct site *s, const struct case_act *a, const char *name, struct str variables,
        const struct who *by, struct err *e)
{
	struct acting w = {.s = s, .act = a, .by = by, .message = name, .variables = variables};

	return act(&w, "give a case a message", message_write, "message", e);
}

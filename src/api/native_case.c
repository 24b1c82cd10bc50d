/* Cases: lists, one, its history and its flow, and the steps that people take. */
#include "api/api_int.h"
#include "base/num.h"
#include "city/case.h"

#include <math.h>

struct names { /* of accounts, read once for a whole list */
	struct account_row *row;
	int n;
	bool read;
};

static const char *name_of(struct call *c, struct names *names, const char *login)
{
	struct err ignored = ERR_INIT;

	if (*login == '\0')
		return "";
	if (!names->read) {
		names->read = true;
		if (account_list(c->tx, c->a, &names->row, &names->n, &ignored) < 0)
			names->n = 0;
	}
	for (int i = 0; i < names->n; i++)
		if (strcmp(names->row[i].login, login) == 0)
			return names->row[i].name;
	return login;
}

/* Leaves the object open. */
static void write_case(struct call *c, const struct city_case *x, struct names *names)
{
	const struct snapshot *s = call_snapshot(c);
	const struct category *k = catalog_category(c->site->catalog, x->category);
	const struct region *r = snapshot_region(s, x->region);
	const struct org *o = snapshot_org(s, x->org);
	const struct thing *t = snapshot_thing(s, str_of(x->thing));
	struct jw *w = &c->w;

	jw_object(w);
	jw_kid(w, "id", x->id);
	jw_kstr(w, "code", x->code);
	jw_kstr(w, "category", x->category);
	jw_kstr(w, "category_name", k != NULL ? k->name : x->category);
	jw_kstr(w, "title", x->title);
	jw_kstr(w, "detail", x->detail);
	jw_kstr(w, "source", x->source);
	jw_kstr(w, "state", x->state);
	jw_kstr(w, "stage", x->stage);
	jw_kint(w, "level", x->level);
	jw_kstr(w, "region", x->region);
	jw_kstr(w, "region_name", r != NULL ? r->name : x->region);
	jw_kstr(w, "unit", x->unit);
	jw_kstr(w, "org", x->org);
	jw_kstr(w, "org_name", o != NULL ? o->name : x->org);
	jw_kstr(w, "thing", x->thing);
	jw_kstr(w, "thing_name", t != NULL ? t->name : "");
	jw_kid(w, "alarm", x->alarm);
	jw_kid(w, "task", x->task);
	jw_kstr(w, "task_name", x->task_name);
	write_codes(w, "outcomes", x->outcomes);
	jw_kstr(w, "assignee", x->assignee);
	jw_kstr(w, "assignee_name", name_of(c, names, x->assignee));
	jw_ktime(w, "opened", x->opened);
	jw_ktime(w, "deadline", x->deadline);
	jw_ktime(w, "finished", x->finished);
	jw_ktime(w, "closed", x->closed);
	jw_kbool(w, "overdue", x->overdue);
	jw_kint(w, "merged", x->merged);
	jw_kint(w, "version", x->version);
	jw_kstr(w, "flow", x->flow);
	jw_kint(w, "flow_version", x->flow_version);
	jw_kdouble(w, "lon", x->lon);
	jw_kdouble(w, "lat", x->lat);
	jw_kbool(w, "demo", x->demo);
}

/* ---- reading ---- */

/* Deadline and id of the last row of the page before: "1784000000000000.123". */
static int read_cursor(struct call *c, struct case_filter *f, struct err *e)
{
	const char *text = call_text(c, "cursor");
	struct str rest = str_of(text), first;

	f->after_deadline = TIME_NONE;
	if (text == NULL)
		return 0;
	first = str_cut(&rest, '.');
	if (num_int(first, &f->after_deadline) && num_int(rest, &f->after_id) && f->after_id > 0)
		return 0;
	err_set(e, ERR_INVALID, "a cursor is what `next` of the page before says");
	return err_at(e, NULL, 0, 0, "cursor");
}

int cases_get(struct call *c, struct err *e)
{
	struct case_filter f = {.state = call_text(c, "state"),
	        .stage = call_text(c, "stage"),
	        .region = call_text(c, "region"),
	        .org = call_text(c, "org"),
	        .category = call_text(c, "category"),
	        .thing = call_text(c, "thing"),
	        .assignee = call_text(c, "assignee"),
	        .q = call_text(c, "q"),
	        .overdue = call_flag(c, "overdue")};
	struct city_case *list = NULL;
	struct names names = {0};
	int64_t limit = 0, level = 0;
	int n = 0, rc = call_int(c, "limit", 100, 1, 500, &limit, e);

	if (rc == 0)
		rc = call_int(c, "level", 0, 1, 4, &level, e);
	if (rc == 0)
		rc = read_cursor(c, &f, e);
	if (rc < 0)
		return rc;
	if (f.state != NULL && strcmp(f.state, "open") != 0 && strcmp(f.state, "closed") != 0 &&
	        strcmp(f.state, "void") != 0) {
		err_set(e, ERR_INVALID, "state is one of open, closed, void");
		return err_at(e, NULL, 0, 0, "state");
	}
	if (f.assignee != NULL && strcmp(f.assignee, "me") == 0)
		f.assignee = c->who.login;
	f.limit = (int)limit;
	f.level = (int)level;
	rc = case_list(c->tx, c->site, &c->who, &f, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++) {
		write_case(c, &list[i], &names);
		jw_object_end(&c->w);
	}
	jw_array_end(&c->w);
	jw_kstr(&c->w, "next",
	        n == f.limit ? arena_printf(c->a, "%lld.%lld", (long long)list[n - 1].deadline,
	                               (long long)list[n - 1].id)
	                     : NULL);
	jw_object_end(&c->w);
	return 0;
}

/* The id of {id}, which may be a code. A case that the reader may not see is not there. */
static int find(struct call *c, int64_t *id, struct err *e)
{
	int rc = call_read(c, e);

	if (rc == 0)
		rc = case_find(c->tx, call_param(c, 0), id, e);
	if (rc < 0)
		return rc;
	/* In the words for one that lies elsewhere: which of the two it is would tell that it is there. */
	return *id > 0 ? 0 : err_set(e, ERR_NOTFOUND, "there is no case with this number");
}

static const struct alert_rule *rule_named(const struct catalog *k, const char *name)
{
	for (int i = 0; i < k->rules; i++)
		if (strcmp(k->rule[i].name, name) == 0)
			return &k->rule[i];
	return NULL;
}

static struct str metric_of(const struct alert_rule *r)
{
	for (int i = 0; r != NULL && i < r->matches; i++)
		if (r->match[i].op == MATCH_EQ && str_is(r->match[i].name, LABEL_NAME))
			return r->match[i].value;
	return STR_LIT("");
}

static void write_alarm_view(struct call *c, const struct city_case *x)
{
	const struct alert_rule *rule;
	struct err ignored = ERR_INIT;
	struct jw *w = &c->w;
	const char *unit = "";
	struct alarm a;
	struct str metric;

	jw_key(w, "alarm_view");
	if (x->alarm == 0 || alarm_get(c->tx, &c->who, x->alarm, &a, &ignored) < 0) {
		jw_null(w);
		return;
	}
	rule = rule_named(c->site->catalog, a.rule);
	metric = metric_of(rule);
	for (int k = 0; k < c->site->catalog->kinds; k++)
		for (int q = 0; q < c->site->catalog->kind[k].quantities; q++)
			if (str_is(metric, c->site->catalog->kind[k].quantity[q].metric))
				unit = c->site->catalog->kind[k].quantity[q].unit;
	jw_object(w);
	jw_kstr(w, "rule", a.rule);
	jw_kdouble(w, "value", a.value);
	jw_kdouble(w, "threshold", a.threshold);
	jw_kstr(w, "op", rule != NULL && rule->op != NULL ? rule->op : "");
	jw_kstr(w, "summary", a.summary);
	jw_kstr(w, "expr", rule != NULL ? rule->expr_text : "");
	jw_kstr(w, "state", alarm_state_name(a.state));
	jw_ktime(w, "since", a.since);
	jw_ktime(w, "fired", a.fired);
	jw_ktime(w, "resolved", a.resolved);
	jw_kstr(w, "unit", unit);
	jw_key(w, "metric");
	jw_str(w, metric);
	jw_object_end(w);
}

/* Working time was counted into a year whose holidays nobody had announced. */
static bool deadline_unsure(struct call *c, const struct city_case *x)
{
	const struct category *k = catalog_category(c->site->catalog, x->category);
	const struct calendar *cal = k != NULL ? catalog_calendar(c->site->catalog, k->calendar) : NULL;

	return cal != NULL && x->deadline != TIME_NONE && strcmp(x->state, "open") == 0 &&
	       (k->unit == LIMIT_WORK_HOUR || k->unit == LIMIT_WORK_DAY) &&
	       calendar_lacks(cal, x->opened, x->deadline) != 0;
}

static int reply_case(struct call *c, int64_t id, struct err *e)
{
	struct names names = {0};
	struct city_case x = {0};
	struct case_form form;
	int rc = call_read(c, e);

	if (rc == 0)
		rc = case_get(c->tx, c->site, &c->who, id, &x, e);
	if (rc < 0)
		return rc;
	call_etag(c, x.version);
	write_case(c, &x, &names);
	write_codes(&c->w, "actions", case_actions(c->a, c->site, &x, &c->who));
	write_alarm_view(c, &x);
	rc = case_form(c->tx, c->site, &c->who, id, &form, e);
	if (rc < 0)
		return rc;
	jw_kstr(&c->w, "form", form.id);
	jw_kbool(&c->w, "deadline_unsure", deadline_unsure(c, &x));
	jw_ktime(&c->w, "now", clock_now(c->site->clock));
	jw_object_end(&c->w);
	return 0;
}

int case_get_one(struct call *c, struct err *e)
{
	int64_t id = 0;
	int rc = find(c, &id, e);

	return rc < 0 ? rc : reply_case(c, id, e);
}

int case_history_get(struct call *c, struct err *e)
{
	struct case_step *step = NULL;
	struct jw *w = &c->w;
	int64_t id = 0;
	int n = 0, rc = find(c, &id, e);

	if (rc == 0)
		rc = case_history(c->tx, &c->who, id, &step, &n, e);
	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		jw_kid(w, "id", step[i].id);
		jw_ktime(w, "at", step[i].at);
		jw_kstr(w, "action", step[i].action);
		jw_kstr(w, "account", step[i].account);
		jw_kstr(w, "name", step[i].name);
		jw_kstr(w, "org", step[i].org);
		jw_kstr(w, "task", step[i].task);
		jw_kstr(w, "outcome", step[i].outcome);
		jw_kstr(w, "note", step[i].note);
		jw_kstr(w, "element", step[i].element);
		jw_kstr(w, "for_account", step[i].for_account);
		jw_kstr(w, "for_name", step[i].for_name);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

static void write_list(struct jw *w, const char *key, const char **list)
{
	jw_key(w, key);
	jw_array(w);
	for (; list != NULL && *list != NULL; list++)
		jw_cstr(w, *list);
	jw_array_end(w);
}

int case_flow_get(struct call *c, struct err *e)
{
	const char **open = NULL, **taken = NULL, *xml = "";
	int64_t id = 0;
	int rc = find(c, &id, e);

	if (rc == 0)
		rc = case_picture(c->tx, c->site, &c->who, id, &open, &taken, &xml, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kstr(&c->w, "xml", xml);
	write_list(&c->w, "open", open);
	write_list(&c->w, "taken", taken);
	jw_object_end(&c->w);
	return 0;
}

/* ---- steps ---- */

int cases_post(struct call *c, struct err *e)
{
	const char *source = body_text(c, "source");
	struct case_open in = {.category = body_text(c, "category"),
	        .title = body_text(c, "title"),
	        .detail = body_text(c, "detail"),
	        .source = *source != '\0' ? source : "manual",
	        .region = body_text(c, "region"),
	        .thing = body_text(c, "thing"),
	        .reporter = body_text(c, "reporter"),
	        .level = (int)doc_int(c->body, "level", 0),
	        .at = {doc_double(c->body, "lon", NAN), doc_double(c->body, "lat", NAN)},
	        .org = body_text(c, "org"),
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE};
	int64_t id = 0;
	int rc;

	if (strcmp(in.source, "hotline") != 0 && strcmp(in.source, "patrol") != 0 &&
	        strcmp(in.source, "manual") != 0) {
		err_set(e, ERR_INVALID, "source is one of hotline, patrol, manual");
		return err_at(e, NULL, 0, 0, "source");
	}
	if (in.level < 0 || in.level > 4) {
		err_set(e, ERR_INVALID, "level is from 1 (red) to 4 (blue)");
		return err_at(e, NULL, 0, 0, "level");
	}
	rc = case_open(c->site, &in, &c->who, &id, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	http_set_header(c->r, "Location", arena_printf(c->a, "/api/v1/cases/%lld", (long long)id));
	return reply_case(c, id, e);
}

int case_form_get(struct call *c, struct err *e)
{
	struct case_form form;
	int64_t id = 0;
	int rc = find(c, &id, e);

	if (rc == 0)
		rc = case_form(c->tx, c->site, &c->who, id, &form, e);
	if (rc < 0)
		return rc;
	if (*form.id == '\0')
		return err_set(e, ERR_NOTFOUND, "the open task of this case has no form");
	jw_object(&c->w);
	jw_kstr(&c->w, "id", form.id);
	jw_key(&c->w, "schema");
	jw_raw(&c->w, str_of(form.schema));
	jw_key(&c->w, "variables");
	jw_raw(&c->w, str_of(form.variables));
	jw_object_end(&c->w);
	return 0;
}

static int begin_step(struct call *c, struct case_act *a, struct err *e)
{
	struct city_case x;
	int rc;

	*a = (struct case_act){.note = body_text(c, "note")};
	rc = call_match(c, &a->version, e);
	a->version = a->version < 0 ? 0 : a->version;
	if (rc == 0)
		rc = find(c, &a->id, e);
	/* Nobody acts on what that one may not see. */
	if (rc == 0)
		rc = case_get(c->tx, c->site, &c->who, a->id, &x, e);
	/* What is read after the step must see it. */
	store_read_end(&c->tx);
	return rc;
}

static int end_step(struct call *c, const struct case_act *a, int rc, struct err *e)
{
	return rc < 0 ? rc : reply_case(c, a->id, e);
}

int case_claim_post(struct call *c, struct err *e)
{
	struct case_act a;
	int rc = begin_step(c, &a, e);

	return rc < 0 ? rc : end_step(c, &a, case_claim(c->site, &a, &c->who, e), e);
}

int case_release_post(struct call *c, struct err *e)
{
	struct case_act a;
	int rc = begin_step(c, &a, e);

	return rc < 0 ? rc : end_step(c, &a, case_release(c->site, &a, &c->who, e), e);
}

int case_handover_post(struct call *c, struct err *e)
{
	const char *login = body_text(c, "login"), *org = body_text(c, "org");
	struct case_act a;
	int rc;

	if (*login == '\0' && *org == '\0') {
		err_set(e, ERR_INVALID, "say to whom: login, org, or both");
		return err_at(e, NULL, 0, 0, "login");
	}
	rc = begin_step(c, &a, e);
	if (rc == 0)
		rc = case_hand_over(
		        c->site, &a, *login != '\0' ? login : NULL, *org != '\0' ? org : NULL, &c->who, e);
	if (rc < 0)
		return rc;
	/* It may have gone to where its giver sees it no more. */
	rc = reply_case(c, a.id, e);
	if (rc == ERR_NOTFOUND) {
		sb_reset(&c->out);
		rc = 0;
	}
	return rc;
}

int case_complete_post(struct call *c, struct err *e)
{
	struct sb faults = SB_INIT;
	struct case_act a;
	int rc = begin_step(c, &a, e);

	if (rc < 0)
		return rc;
	a.faults = &faults;
	a.chinese = problem_in_chinese(c->r);
	rc = case_complete(c->site, &a, body_text(c, "outcome"), body_variables(c), &c->who, e);
	if (faults.n > 0)
		c->faults = (struct str){arena_strndup(c->a, faults.p, faults.n), faults.n};
	sb_fini(&faults);
	return end_step(c, &a, rc, e);
}

int case_message_post(struct call *c, struct err *e)
{
	struct case_act a;
	int rc = begin_step(c, &a, e);

	if (rc == 0)
		rc = case_message(c->site, &a, body_text(c, "name"), body_variables(c), &c->who, e);
	return end_step(c, &a, rc, e);
}

int case_note_post(struct call *c, struct err *e)
{
	struct case_act a;
	int rc = begin_step(c, &a, e);

	if (rc < 0)
		return rc;
	if (*a.note == '\0') {
		err_set(e, ERR_INVALID, "a note needs words");
		return err_at(e, NULL, 0, 0, "note");
	}
	return end_step(c, &a, case_note(c->site, &a, &c->who, e), e);
}

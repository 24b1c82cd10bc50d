/* Opening a case, by hand or for an alarm, and the alarms that join one. */
#include "city/case_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

#include <math.h>

#define TITLE_MAX 200
#define DETAIL_MAX 4000

static int bad_field(struct err *e, const char *field, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, NULL, 0, 0, field);
}

static const char *text(const char *s)
{
	return s != NULL ? s : "";
}

/* ---- checks of what a person says ---- */

static int check_words(const struct case_open *in, struct err *e)
{
	static const char *const sources[] = {"alarm", "hotline", "patrol", "manual", "import", "flow"};
	bool known = false;

	if (*text(in->title) == '\0' || utf8_length(str_of(in->title)) > TITLE_MAX)
		return bad_field(e, "title", "a title of 1 to 200 characters is needed");
	if (utf8_length(str_of(text(in->detail))) > DETAIL_MAX)
		return bad_field(e, "detail", "at most 4000 characters");
	for (size_t i = 0; i < ARRAY_LEN(sources); i++)
		known = known || strcmp(text(in->source), sources[i]) == 0;
	if (!known)
		return bad_field(e, "source", "alarm, hotline, patrol, manual, import or flow is needed");
	if (in->level < 0 || in->level > 4)
		return bad_field(
		        e, "level", "a level from 1 (red) to 4 (blue) is needed, 0 for the category's");
	return 0;
}

static int check_codes(struct site *s, const struct snapshot *snap, const struct case_open *in,
        const struct who *by, struct err *e)
{
	const struct thing *t = *text(in->thing) != '\0' ? snapshot_thing(snap, str_of(in->thing)) : NULL;
	const struct category *k = catalog_category(s->catalog, in->category);

	if (*text(in->category) != '\0' && (k == NULL || *k->flow == '\0'))
		return bad_field(e, "category",
		        k == NULL ? "no category has this code"
		                  : "this category is a heading; take one below it");
	if (*text(in->thing) != '\0' && (t == NULL || !thing_seen(s->catalog, by, t)))
		return bad_field(e, "thing", "no thing has this code");
	if (*text(in->region) != '\0' && snapshot_region(snap, in->region) == NULL)
		return bad_field(e, "region", "no region has this code");
	if (*text(in->org) != '\0' && snapshot_org(snap, in->org) == NULL)
		return bad_field(e, "org", "no org has this code");
	if (isnan(in->at.lon) != isnan(in->at.lat) || fabs(in->at.lon) > 180 || fabs(in->at.lat) > 90)
		return bad_field(e, "lon", "a place needs lon from -180 to 180 and lat from -90 to 90");
	return 0;
}

/* ---- opening ---- */

static const char *place_of(const struct snapshot *snap, const struct case_open *in, const struct thing *t)
{
	const struct region *r;

	if (*text(in->region) != '\0')
		return in->region;
	if (t != NULL && *t->region != '\0')
		return t->region;
	r = snapshot_locate(snap, in->at);
	return r != NULL ? r->code : "";
}

static int next_code(struct store_tx *tx, const struct site *s, time_us opened, struct arena *a,
        const char **out, struct err *e)
{
	struct sql_case_day_get_row r = {0};
	struct civil c;
	const char *day;
	int rc;

	zone_civil(s->catalog->zone, opened, &c);
	day = arena_printf(a, "%04d%02d%02d", c.year, c.month, c.day);
	rc = sql_case_day_next(tx, &(struct sql_case_day_next_in){str_of(day)}, NULL, e);
	if (rc == 0)
		rc = sql_case_day_get(tx, &(struct sql_case_day_get_in){str_of(day)}, &r, e);
	if (rc < 0)
		return rc;
	*out = arena_printf(a, "AJ-%s-%04lld", day, (long long)r.n);
	return 0;
}

static const struct flow_def *flow_of(const struct site *s, const struct category *k)
{
	const struct flow_def *f = k != NULL ? catalog_flow(s->catalog, k->flow, 0) : NULL;

	return f != NULL ? f : s->catalog->flows > 0 ? &s->catalog->flow[0] : NULL;
}

static time_us deadline_of(const struct site *s, const struct category *k, time_us opened)
{
	const struct calendar *c = k != NULL ? catalog_calendar(s->catalog, k->calendar) : NULL;

	if (c == NULL || k->limit <= 0)
		return TIME_NONE;
	return calendar_deadline(c, opened, k->unit, k->limit);
}

static void put_text(struct arena *a, struct feel_value *v, const char *key, const char *value)
{
	feel_put(a, v, str_of(key), feel_string(str_of(arena_strdup(a, value))));
}

/* What a flow can ask for; docs/cases.md lists it. */
static struct feel_value start_variables(
        struct stepping *x, const struct case_open *in, const char *org, const struct thing *thing)
{
	struct arena *a = x->a;
	struct feel_value v = in->event != NULL ? feel_copy(a, in->event->variables)
	                                        : (struct feel_value){.type = FEEL_CONTEXT},
	                  desk = {.type = FEEL_CONTEXT};

	put_text(a, &desk, "org", dispatch__desk(x->snap));
	feel_put(a, &v, STR_LIT("alarm"),
	        in->alarm_context != NULL ? feel_copy(a, in->alarm_context) : FEEL_NULL_VALUE);
	feel_put(a, &v, STR_LIT("thing"), dispatch__thing(x->tx, thing));
	put_text(a, &v, "region", x->c.region);
	put_text(a, &v, "unit", x->c.unit);
	put_text(a, &v, "category", x->c.category);
	put_text(a, &v, "source", x->c.source);
	put_text(a, &v, "code", x->c.code);
	feel_put(a, &v, STR_LIT("level"), feel_int(x->c.level));
	feel_put(a, &v, STR_LIT("opened"), feel_instant(x->c.opened, x->s->catalog->zone));
	feel_put(a, &v, STR_LIT("deadline"),
	        x->c.deadline != TIME_NONE ? feel_instant(x->c.deadline, x->s->catalog->zone)
	                                   : FEEL_NULL_VALUE);
	feel_put(a, &v, STR_LIT("desk"), desk);
	feel_put(a, &v, STR_LIT("org"),
	        *org != '\0' ? feel_string(str_of(arena_strdup(a, org))) : FEEL_NULL_VALUE);
	return v;
}

static int write_row(struct stepping *x, const char *reporter, struct err *e)
{
	const struct city_case *c = &x->c;

	return sql_case_add(x->tx,
	        &(struct sql_case_add_in){.id = c->id,
	                .code = str_of(c->code),
	                .category = str_of(c->category),
	                .title = str_of(c->title),
	                .detail = str_of(c->detail),
	                .source = str_of(c->source),
	                .reporter = str_of(reporter),
	                .level = c->level,
	                .region = str_of(c->region),
	                .unit = str_of(c->unit),
	                .org = str_of(c->org),
	                .owner = str_of(x->owner),
	                .thing = str_of(c->thing),
	                .alarm = c->alarm,
	                .opened = c->opened,
	                .deadline = c->deadline,
	                .flow = str_of(c->flow),
	                .flow_version = c->flow_version,
	                .lon = c->lon,
	                .lat = c->lat,
	                .demo = c->demo},
	        NULL, e);
}

/* The key goes over to it from a case that is closed. */
static int write_event(struct stepping *x, const struct case_event *event, struct err *e)
{
	const struct str flow = str_of(event->flow->code), key = str_of(event->key);
	int rc = sql_case_begun_free(x->tx, &(struct sql_case_begun_free_in){flow, key}, NULL, e);

	return rc < 0 ? rc
	              : sql_case_begun_add(x->tx,
	                        &(struct sql_case_begun_add_in){.case_id = x->c.id,
	                                .flow = flow,
	                                .element = str_of(event->element),
	                                .key = key,
	                                .depth = event->depth},
	                        NULL, e);
}

static int begin_flow(struct stepping *x, const struct case_event *event, const struct feel_value *variables,
        const char *note, struct err *e)
{
	const char *element = event != NULL ? event->element : "";
	const struct bpmn_input start = {.type = BPMN_START, .name = str_of(element), .variables = variables};
	struct step_entry j;
	int rc;

	if (event != NULL)
		note = *note != '\0' ? arena_printf(x->a, "%s; %s", event->note, note) : event->note;
	rc = step__history(x, "opened", "", "", note, element, e);

	if (rc == 0)
		rc = step__count(x, "opened", x->c.opened, 1, e);
	if (rc < 0)
		return rc;
	step__entry(x, &j);
	jw_kstr(&j.w, "title", x->c.title);
	jw_kint(&j.w, "level", x->c.level);
	jw_kstr(&j.w, "category", x->c.category);
	jw_kstr(&j.w, "org", x->c.org);
	jw_kstr(&j.w, "source", x->c.source);
	jw_kstr(&j.w, "thing", x->c.thing);
	jw_kstr(&j.w, "unit", x->c.unit);
	jw_ktime(&j.w, "deadline", x->c.deadline);
	if (event != NULL)
		jw_kstr(&j.w, "event", event->note);
	rc = step__entry_end(x, &j, "case.opened", e);
	if (rc == 0 && x->c.deadline != TIME_NONE)
		rc = sql_timer_put(x->tx,
		        &(struct sql_timer_put_in){
		                .case_id = x->c.id, .key = 0, .element = STR_LIT(""), .at = x->c.deadline},
		        NULL, e);
	if (rc == 0)
		rc = step__run(x, &start, e);
	return rc < 0 ? rc : step__save(x, true, e);
}

int case__open(struct store_tx *tx, struct site *s, const struct snapshot *snap, const struct case_open *in,
        const struct dispatch *d, const struct who *by, int64_t *id, struct err *e)
{
	const struct thing *thing = *text(in->thing) != '\0' ? snapshot_thing(snap, str_of(in->thing)) : NULL;
	const char *category = *text(in->category) != '\0' ? in->category : d->category;
	const struct category *k = catalog_category(s->catalog, category);
	const char *org = *text(in->org) != '\0' ? in->org : d->org;
	struct feel_value variables;
	const struct region *unit;
	struct stepping x;
	int rc;

	step__begin(&x, tx, s, by);
	x.flow = in->event != NULL ? in->event->flow : flow_of(s, k);
	if (x.flow == NULL) {
		rc = err_set(e, ERR_UNPROCESSED, "no pack has a flow that a case could take");
		goto out;
	}
	x.c = (struct city_case){.id = store_tx_id(tx),
	        .category = category,
	        .title = in->title,
	        .detail = text(in->detail),
	        .source = text(in->source),
	        .state = "open",
	        .stage = "",
	        .level = in->level > 0  ? in->level
	                 : d->level > 0 ? d->level
	                 : k != NULL    ? k->level
	                                : 4,
	        .region = arena_strdup(x.a, place_of(snap, in, thing)),
	        .org = org,
	        .thing = text(in->thing),
	        .alarm = in->alarm,
	        .task_name = "",
	        .outcomes = "",
	        .assignee = "",
	        .opened = in->opened != TIME_NONE ? in->opened : store_now(tx),
	        .finished = TIME_NONE,
	        .closed = TIME_NONE,
	        .merged = 1,
	        .flow = x.flow->code,
	        .flow_version = x.flow->version,
	        .lon = isnan(in->at.lon) && thing != NULL ? thing->at.lon : in->at.lon,
	        .lat = isnan(in->at.lat) && thing != NULL ? thing->at.lat : in->at.lat,
	        .demo = thing != NULL && thing->demo};
	unit = snapshot_unit(snap, x.c.region);
	x.c.unit = unit != NULL ? unit->code : "";
	x.owner = org;
	x.c.deadline = in->deadline != TIME_NONE ? in->deadline : deadline_of(s, k, x.c.opened);
	rc = next_code(tx, s, x.c.opened, x.a, &x.c.code, e);
	if (rc == 0)
		rc = write_row(&x, text(in->reporter), e);
	if (rc == 0 && in->event != NULL)
		rc = write_event(&x, in->event, e);
	if (rc < 0)
		goto out;
	x.state = bpmn_state_new();
	variables = start_variables(&x, in, org, thing);
	rc = begin_flow(&x, in->event, &variables, d->note, e);
	if (rc < 0)
		goto out;
	*id = x.c.id;
	/* Told inside the write: one that is run again is told again, which a counter can bear. */
	metric_add(METRIC_CASES_OPENED, 1);
	metric_add(METRIC_CASES_OPEN, 1);
	LOG(CASE_OPENED, log_s("case", x.c.code), log_s("category", category), log_s("org", org),
	        log_s("by", by->login));
out:
	step__end(&x);
	return rc;
}

static void decide_for(struct store_tx *tx, struct site *s, const struct snapshot *snap,
        const struct case_open *in, struct dispatch *out)
{
	struct arena *a = store_arena(tx);
	const struct thing *thing = *text(in->thing) != '\0' ? snapshot_thing(snap, str_of(in->thing)) : NULL;
	const char *place = place_of(snap, in, thing);
	const struct region *unit = snapshot_unit(snap, place);
	struct feel_value v = {.type = FEEL_CONTEXT};

	feel_put(a, &v, STR_LIT("alarm"),
	        in->alarm_context != NULL ? feel_copy(a, in->alarm_context) : FEEL_NULL_VALUE);
	feel_put(a, &v, STR_LIT("thing"), dispatch__thing(tx, thing));
	put_text(a, &v, "region", place);
	if (*text(in->category) != '\0')
		put_text(a, &v, "category", in->category);
	else
		feel_put(a, &v, STR_LIT("category"), FEEL_NULL_VALUE);
	put_text(a, &v, "source", text(in->source));
	dispatch__decide(s, snap, a, store_now(tx), &v, unit != NULL ? unit->code : "", out);
}

int case_open_in(struct store_tx *tx, struct site *s, const struct case_open *in, const struct who *by,
        int64_t *id, struct err *e)
{
	const struct snapshot *snap = registry_hold(s->registry);
	struct dispatch d = {.category = "", .org = "", .note = ""};
	int rc = check_words(in, e);

	if (rc == 0)
		rc = check_codes(s, snap, in, by, e);
	if (rc == 0 && (*text(in->org) == '\0' || *text(in->category) == '\0'))
		decide_for(tx, s, snap, in, &d);
	if (rc == 0)
		rc = case__open(tx, s, snap, in, &d, by, id, e);
	registry_release(s->registry, snap);
	return rc;
}

struct opening {
	struct site *s;
	const struct case_open *in;
	const struct who *by;
	int64_t id;
};

static int open_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct opening *o = arg;

	return case_open_in(tx, o->s, o->in, o->by, &o->id, e);
}

int case_open(struct site *s, const struct case_open *in, const struct who *by, int64_t *id, struct err *e)
{
	struct opening o = {.s = s, .in = in, .by = by};
	int rc;

	if ((by->roles & ROLE_DESK) == 0)
		return err_set(e, ERR_DENIED, "only the desk opens cases");
	if (*text(in->region) != '\0' && !who_sees(by, in->region, "", 1))
		return err_set(e, ERR_DENIED, "this region is not in your scope");
	rc = store_write(s->store, "open a case", open_write, &o, e);
	if (rc < 0)
		return rc;
	*id = o.id;
	return 0;
}

/* ---- alarms of a case ---- */

int case__join(struct store_tx *tx, struct site *s, int64_t id, int64_t alarm, int level, const char *summary,
        struct err *e)
{
	struct step_entry j;
	struct stepping x;
	int rc = step__load(&x, tx, s, &who_system, id, e);

	if (rc < 0)
		goto out;
	x.c.merged++;
	if (level > 0 && level < x.c.level)
		x.c.level = level;
	rc = step__history(&x, "joined", "", "", summary, "", e);
	if (rc < 0)
		goto out;
	step__entry(&x, &j);
	jw_kid(&j.w, "alarm", alarm);
	jw_kint(&j.w, "merged", x.c.merged);
	jw_kint(&j.w, "level", x.c.level);
	jw_kstr(&j.w, "summary", summary);
	rc = step__entry_end(&x, &j, "case.joined", e);
	if (rc == 0)
		rc = step__save(&x, false, e);
out:
	step__end(&x);
	return rc;
}

int case__remark(
        struct store_tx *tx, struct site *s, int64_t id, const char *action, const char *note, struct err *e)
{
	struct stepping x;
	int rc = step__load(&x, tx, s, &who_system, id, e);

	if (rc == 0 && strcmp(x.c.state, "open") == 0)
		rc = step__history(&x, action, "", "", note, "", e);
	step__end(&x);
	return rc;
}

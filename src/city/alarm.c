#include "city/alarm.h"

#include "base/log.h"
#include "city/case_int.h"
#include "store/sql.h"

#include <math.h>

const char *alarm_state_name(enum alarm_state s)
{
	static const char *const names[] = {"pending", "firing", "resolved"};

	return names[s];
}

/* ---- taking a change of state ---- */

struct taking {
	struct store_tx *tx;
	struct site *s;
	const struct alarm_event *ev;
	struct arena *a;
	const struct snapshot *snap;
	const struct thing *thing; /* NULL if it is not about a known thing */
	const char *thing_code, *region, *unit, *org, *labels, *summary, *detail;
	int level; /* 0: the rule says nothing */
};

static const char *label(struct taking *t, const char *name)
{
	struct str v = labels_get(t->ev->labels, name);

	return v.p != NULL ? arena_strndup(t->a, v.p, v.n) : "";
}

const char *alarm__labels_json(struct arena *a, const struct labels *ls)
{
	struct sb b = SB_INIT;
	struct jw w;
	const char *out;

	jw_init(&w, &b);
	jw_object(&w);
	for (int i = 0; i < ls->n; i++) {
		jw_key(&w, arena_strndup(a, ls->l[i].name.p, ls->l[i].name.n));
		jw_str(&w, ls->l[i].value);
	}
	jw_object_end(&w);
	out = arena_strndup(a, b.p, b.n);
	sb_fini(&b);
	return out;
}

static const char *annotation(struct taking *t, const char *name)
{
	const struct alert_rule *r = t->ev->rule;
	const struct template_values v = {.labels = t->ev->labels,
	        .value = t->ev->value,
	        .thing = t->thing,
	        .region = *t->region != '\0' ? snapshot_region(t->snap, t->region) : NULL};

	for (int i = 0; i < r->annotations; i++)
		if (str_is(r->annotation[i].name, name))
			return template__expand(t->a,
			        arena_strndup(t->a, r->annotation[i].value.p, r->annotation[i].value.n), &v);
	return "";
}

static void look(struct taking *t)
{
	const struct region *unit;
	struct str severity = labels_get(t->ev->labels, "severity");

	t->thing_code = label(t, "thing");
	t->thing = *t->thing_code != '\0' ? snapshot_thing(t->snap, str_of(t->thing_code)) : NULL;
	t->region = t->thing != NULL ? arena_strdup(t->a, t->thing->region) : label(t, "region");
	t->org = t->thing != NULL ? arena_strdup(t->a, t->thing->org) : label(t, "org");
	unit = snapshot_unit(t->snap, t->region);
	t->unit = unit != NULL ? arena_strdup(t->a, unit->code) : "";
	t->labels = alarm__labels_json(t->a, t->ev->labels);
	t->summary = annotation(t, "summary");
	if (*t->summary == '\0')
		t->summary = t->thing != NULL ? arena_printf(t->a, "%s %s", t->ev->rule->name, t->thing->name)
		                              : t->ev->rule->name;
	t->detail = annotation(t, "description");
	if (severity.n == 1 && *severity.p >= '1' && *severity.p <= '4')
		t->level = *severity.p - '0';
}

static int journal(struct taking *t, int64_t id, const char *kind, int level, int64_t case_id, const char *by,
        struct err *e)
{
	struct sb b = SB_INIT;
	char text[24];
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kid(&w, "id", id);
	jw_kstr(&w, "rule", t->ev->rule->name);
	jw_kstr(&w, "thing", t->thing_code);
	jw_kint(&w, "level", level);
	jw_kstr(&w, "summary", t->summary);
	jw_kdouble(&w, "value", t->ev->value);
	jw_kid(&w, "case", case_id);
	jw_object_end(&w);
	snprintf(text, sizeof(text), "%lld", (long long)id);
	rc = journal_append(t->tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = STR_LIT("alarm"),
	                .subject_id = str_of(text),
	                .region = str_of(t->region),
	                .org = str_of(t->org),
	                .secrecy = 1,
	                .account = str_of(by),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

static int add_row(struct taking *t, int64_t id, enum alarm_state state, int level, struct err *e)
{
	return sql_alarm_add(t->tx,
	        &(struct sql_alarm_add_in){.id = id,
	                .rule = str_of(t->ev->rule->name),
	                .labels = str_of(t->labels),
	                .thing = str_of(t->thing_code),
	                .region = str_of(t->region),
	                .unit = str_of(t->unit),
	                .org = str_of(t->org),
	                .summary = str_of(t->summary),
	                .state = state,
	                .level = level,
	                .value = t->ev->value,
	                .threshold = t->ev->rule->threshold,
	                .since = t->ev->since,
	                .fired = state == ALARM_FIRING ? t->ev->at : TIME_NONE,
	                .seen = t->ev->at},
	        NULL, e);
}

static struct feel_value context_of(struct taking *t, int64_t id)
{
	struct arena *a = t->a;
	const struct labels *ls = t->ev->labels;
	struct feel_value v = {.type = FEEL_CONTEXT}, labels = {.type = FEEL_CONTEXT};

	for (int i = 0; i < ls->n; i++)
		feel_put(a, &labels,
		        (struct str){arena_strndup(a, ls->l[i].name.p, ls->l[i].name.n), ls->l[i].name.n},
		        feel_string((struct str){
		                arena_strndup(a, ls->l[i].value.p, ls->l[i].value.n), ls->l[i].value.n}));
	feel_put(a, &v, STR_LIT("id"), feel_string(str_of(arena_printf(a, "%lld", (long long)id))));
	feel_put(a, &v, STR_LIT("name"), feel_string(str_of(arena_strdup(a, t->ev->rule->name))));
	feel_put(a, &v, STR_LIT("level"), t->level > 0 ? feel_int(t->level) : FEEL_NULL_VALUE);
	feel_put(a, &v, STR_LIT("value"),
	        isfinite(t->ev->value) ? feel_double(t->ev->value) : FEEL_NULL_VALUE);
	feel_put(a, &v, STR_LIT("threshold"),
	        isfinite(t->ev->rule->threshold) ? feel_double(t->ev->rule->threshold) : FEEL_NULL_VALUE);
	feel_put(a, &v, STR_LIT("summary"), feel_string(str_of(t->summary)));
	feel_put(a, &v, STR_LIT("labels"), labels);
	return v;
}

static void decide(struct taking *t, const struct feel_value *alarm, struct dispatch *d)
{
	struct feel_value v = {.type = FEEL_CONTEXT};

	feel_put(t->a, &v, STR_LIT("alarm"), *alarm);
	feel_put(t->a, &v, STR_LIT("thing"), dispatch__thing(t->tx, t->thing));
	feel_put(t->a, &v, STR_LIT("region"), feel_string(str_of(t->region)));
	feel_put(t->a, &v, STR_LIT("category"), FEEL_NULL_VALUE);
	feel_put(t->a, &v, STR_LIT("source"), feel_string(STR_LIT("alarm")));
	dispatch__decide(t->s, t->snap, t->a, store_now(t->tx), &v, t->unit, d);
}

/* The open case that this alarm belongs to: of its thing and category, or of its own earlier firing. 0: none.
 */
static int find_case(struct taking *t, const char *category, int64_t *id, struct err *e)
{
	struct sql_case_of_thing_row r;
	struct sql_case_of_alarm_row own;
	int rc = 0;

	*id = 0;
	if (*t->thing_code != '\0') {
		rc = sql_case_of_thing(t->tx,
		        &(struct sql_case_of_thing_in){str_of(t->thing_code), str_of(category)}, &r, e);
		if (rc > 0)
			*id = r.id;
	} else {
		rc = sql_case_of_alarm(t->tx,
		        &(struct sql_case_of_alarm_in){str_of(t->ev->rule->name), str_of(t->labels)}, &own,
		        e);
		if (rc > 0)
			*id = own.id;
	}
	return rc < 0 ? rc : 0;
}

static int to_case(struct taking *t, int64_t id, const struct feel_value *alarm, const struct dispatch *d,
        int level, int64_t *case_id, struct err *e)
{
	struct case_open in = {.category = d->category,
	        .title = t->summary,
	        .detail = t->detail,
	        .source = "alarm",
	        .region = t->region,
	        .thing = t->thing != NULL ? t->thing_code : "",
	        .level = level,
	        .at = {NAN, NAN},
	        .alarm = id,
	        .alarm_context = alarm,
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE};
	int rc;

	*case_id = 0;
	if (!d->open_case)
		return 0;
	if (t->s->catalog->flows == 0) { /* a site that only watches */
		LOG(RULE_FAULT, log_s("what", "dispatch"), log_s("why", "no pack has a flow"));
		return 0;
	}
	rc = find_case(t, d->category, case_id, e);
	if (rc < 0)
		return rc;
	if (*case_id != 0)
		rc = case__join(t->tx, t->s, *case_id, id, level, t->summary, e);
	else
		rc = case__open(t->tx, t->s, t->snap, &in, d, &who_system, case_id, e);
	return rc < 0 ? rc
	              : sql_alarm_set_case(t->tx,
	                        &(struct sql_alarm_set_case_in){.id = id, .case_id = *case_id}, NULL, e);
}

static int fire(struct taking *t, int64_t pending, int64_t *id, struct err *e)
{
	struct feel_value context;
	const struct category *k;
	struct dispatch d;
	int64_t case_id = 0;
	char day[16];
	int level, rc;

	*id = pending != 0 ? pending : store_tx_id(t->tx);
	context = context_of(t, *id);
	decide(t, &context, &d);
	k = catalog_category(t->s->catalog, d.category);
	level = t->level > 0 ? t->level : d.level > 0 ? d.level : k != NULL ? k->level : 4;
	if (pending != 0)
		rc = sql_alarm_fire(t->tx,
		        &(struct sql_alarm_fire_in){.id = *id,
		                .value = t->ev->value,
		                .level = level,
		                .summary = str_of(t->summary),
		                .fired = t->ev->at,
		                .seen = t->ev->at},
		        NULL, e);
	else
		rc = add_row(t, *id, ALARM_FIRING, level, e);
	if (rc == 0)
		rc = measure_add(t->tx, "alarms", measure_day(t->s->catalog, t->ev->at, day), t->unit,
		        *d.org != '\0' ? d.org : t->org, d.category, 1, e);
	if (rc == 0)
		rc = to_case(t, *id, &context, &d, level, &case_id, e);
	return rc < 0 ? rc : journal(t, *id, "alarm.firing", level, case_id, who_system.login, e);
}

static int resolve(struct taking *t, const struct sql_alarm_find_open_row *open, struct err *e)
{
	int level = (int)open->level, rc;
	int64_t case_id = open->case_id;

	if (open->state == ALARM_PENDING)
		return sql_alarm_drop(t->tx, &(struct sql_alarm_drop_in){open->id}, NULL, e);
	rc = sql_alarm_resolve(t->tx, &(struct sql_alarm_resolve_in){open->id, t->ev->at}, NULL, e);
	if (rc == 0 && case_id != 0)
		rc = case__remark(t->tx, t->s, case_id, "alarm_resolved", t->summary, e);
	return rc < 0 ? rc : journal(t, open->id, "alarm.resolved", level, case_id, who_system.login, e);
}

static int take(struct taking *t, int64_t *id, struct err *e)
{
	const struct alarm_event *ev = t->ev;
	struct sql_alarm_find_open_row open;
	struct sql_alarm_find_last_row last;
	int found = sql_alarm_find_open(
	        t->tx, &(struct sql_alarm_find_open_in){str_of(ev->rule->name), str_of(t->labels)}, &open, e);
	int rc;

	if (found < 0)
		return found;
	*id = found > 0 ? open.id : 0;
	if (ev->state == ALARM_RESOLVED) {
		if (found > 0) /* what the words of the alarm were stays its words */
			t->summary = arena_strndup(t->a, open.summary.p, open.summary.n);
		return found > 0 ? resolve(t, &open, e) : 0;
	}
	if (found > 0 && (open.state == ALARM_FIRING || ev->state == ALARM_PENDING))
		return sql_alarm_refresh(
		        t->tx, &(struct sql_alarm_refresh_in){open.id, ev->value, ev->at}, NULL, e);
	if (found > 0)
		return fire(t, open.id, id, e);

	/* Told once more of one that came and went: a replay, or a write whose answer was lost. */
	rc = sql_alarm_find_last(
	        t->tx, &(struct sql_alarm_find_last_in){str_of(ev->rule->name), str_of(t->labels)}, &last, e);
	if (rc < 0)
		return rc;
	if (rc > 0 && last.since == ev->since) {
		*id = last.id;
		return 0;
	}
	if (ev->state == ALARM_FIRING)
		return fire(t, 0, id, e);
	*id = store_tx_id(t->tx);
	return add_row(t, *id, ALARM_PENDING, t->level > 0 ? t->level : 4, e);
}

int alarm_take(struct store_tx *tx, struct site *s, const struct alarm_event *ev, int64_t *id, struct err *e)
{
	struct taking t = {.tx = tx, .s = s, .ev = ev, .a = store_arena(tx)};
	int rc;

	t.snap = registry_hold(s->registry);
	look(&t);
	rc = take(&t, id, e);
	registry_release(s->registry, t.snap);
	return rc;
}

/* ---- reading ---- */

#define ALARM_FROM_ROW(a, r)                                                                                 \
	((struct alarm){.id = (r)->id,                                                                       \
	        .rule = arena_strndup((a), (r)->rule.p, (r)->rule.n),                                        \
	        .thing = arena_strndup((a), (r)->thing.p, (r)->thing.n),                                     \
	        .region = arena_strndup((a), (r)->region.p, (r)->region.n),                                  \
	        .org = arena_strndup((a), (r)->org.p, (r)->org.n),                                           \
	        .summary = arena_strndup((a), (r)->summary.p, (r)->summary.n),                               \
	        .labels = arena_strndup((a), (r)->labels.p, (r)->labels.n),                                  \
	        .state = (enum alarm_state)(r)->state,                                                       \
	        .level = (int)(r)->level,                                                                    \
	        .value = (r)->value,                                                                         \
	        .threshold = (r)->threshold,                                                                 \
	        .since = (r)->since,                                                                         \
	        .fired = (r)->fired,                                                                         \
	        .resolved = (r)->resolved,                                                                   \
	        .seen = (r)->seen,                                                                           \
	        .case_id = (r)->case_id,                                                                     \
	        .acked_by = (r)->acked_by,                                                                   \
	        .acked = (r)->acked})

static struct str maybe(const char *s)
{
	return s != NULL && *s != '\0' ? str_of(s) : STR_NULL;
}

static struct str within(struct arena *a, const char *region)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out;

	if (region == NULL || *region == '\0')
		return STR_NULL;
	jw_init(&w, &b);
	jw_array(&w);
	jw_cstr(&w, region);
	jw_array_end(&w);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

int alarm_list(struct store_tx *tx, const struct who *who, const struct alarm_filter *f, struct alarm **out,
        int *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	int limit = f->limit < 1 ? 50 : f->limit > 500 ? 500 : f->limit, rc;
	struct sql_alarm_list_in in = {.before = f->before > 0 ? f->before : INT64_MAX,
	        .thing = maybe(f->thing),
	        .rule = maybe(f->rule),
	        .unit = maybe(f->region),
	        .within = within(a, f->region),
	        .regions = who_regions_json(who, a),
	        .orgs = who_orgs_json(who, a),
	        .limit_ = limit};
	struct store_rows *rows = NULL;

	*n = 0;
	*out = arena_array(a, (size_t)limit, sizeof(**out));
	if (f->open) {
		struct sql_alarm_list_now_row r;

		rc = sql_alarm_list_now_open(tx,
		        &(struct sql_alarm_list_now_in){.before = in.before,
		                .thing = in.thing,
		                .rule = in.rule,
		                .unit = in.unit,
		                .within = in.within,
		                .regions = in.regions,
		                .orgs = in.orgs,
		                .limit_ = limit},
		        &rows, e);
		while (rc >= 0 && (rc = sql_alarm_list_now_next(rows, &r, e)) > 0)
			(*out)[(*n)++] = ALARM_FROM_ROW(a, &r);
	} else {
		struct sql_alarm_list_row r;

		rc = sql_alarm_list_open(tx, &in, &rows, e);
		while (rc >= 0 && (rc = sql_alarm_list_next(rows, &r, e)) > 0)
			(*out)[(*n)++] = ALARM_FROM_ROW(a, &r);
	}
	store_rows_close(&rows);
	return rc;
}

int alarm_get(struct store_tx *tx, const struct who *who, int64_t id, struct alarm *out, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sql_alarm_get_row r;
	int rc = sql_alarm_get(tx,
	        &(struct sql_alarm_get_in){
	                .id = id, .regions = who_regions_json(who, a), .orgs = who_orgs_json(who, a)},
	        &r, e);

	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "there is no alarm with this number");
	if (rc < 0)
		return rc;
	*out = ALARM_FROM_ROW(a, &r);
	return 0;
}

int alarm_hours(struct store_tx *tx, const struct who *who, int hours, int *count, struct err *e)
{
	struct arena *a = store_arena(tx);
	time_us from = store_now(tx) - hours * US_HOUR;
	struct sql_alarm_since_row r;
	struct store_rows *rows = NULL;
	int rc = sql_alarm_since_open(tx,
	        &(struct sql_alarm_since_in){
	                .since = from, .regions = who_regions_json(who, a), .orgs = who_orgs_json(who, a)},
	        &rows, e);

	memset(count, 0, (size_t)hours * 4 * sizeof(*count));
	while (rc >= 0 && (rc = sql_alarm_since_next(rows, &r, e)) > 0) {
		int64_t h = (r.fired - from - 1) / US_HOUR;

		if (h >= 0 && h < hours)
			count[h * 4 + r.level - 1]++;
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- taking note ---- */

struct acking {
	int64_t id;
	const struct who *by;
};

static int ack_write(struct store_tx *tx, void *arg, struct err *e)
{
	const struct acking *k = arg;
	const struct alert_rule rule = {.name = ""};
	const struct alarm_event ev = {.rule = &rule};
	struct taking t = {.tx = tx, .a = store_arena(tx)};
	struct alert_rule named = rule;
	struct alarm_event what = ev;
	struct alarm al;
	int64_t changed = 0;
	int rc = alarm_get(tx, k->by, k->id, &al, e);

	if (rc == 0)
		rc = sql_alarm_ack(tx,
		        &(struct sql_alarm_ack_in){.id = k->id, .by = k->by->account, .at = store_now(tx)},
		        &changed, e);
	if (rc < 0 || changed == 0) /* somebody did already: that is all that was wanted */
		return rc;
	named.name = al.rule;
	what = (struct alarm_event){.rule = &named, .value = al.value};
	t.ev = &what;
	t.thing_code = al.thing;
	t.region = al.region;
	t.org = al.org;
	t.summary = al.summary;
	return journal(&t, al.id, "alarm.acked", al.level, al.case_id, k->by->login, e);
}

int alarm_ack(struct site *s, int64_t id, const struct who *by, struct err *e)
{
	struct acking k = {.id = id, .by = by};

	if ((by->roles & (ROLE_DESK | ROLE_HANDLER)) == 0)
		return err_set(e, ERR_DENIED, "the desk and those who handle cases acknowledge alarms");
	return store_write(s->store, "acknowledge an alarm", ack_write, &k, e);
}

/* Cases as readers see them: lists by pages, one case, its history and drawing, and the numbers of what is
 * open. */
#include "city/case_int.h"

#include "base/num.h"
#include "store/sql.h"

#include <math.h>

static struct str maybe(const char *s)
{
	return s != NULL && *s != '\0' ? str_of(s) : STR_NULL;
}

/* One text as a JSON list, for @prefix. */
static struct str list_of(struct arena *a, const char *s)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out = STR_NULL;

	if (s == NULL || *s == '\0')
		return out;
	jw_init(&w, &b);
	jw_array(&w);
	jw_cstr(&w, s);
	jw_array_end(&w);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

/* "100%" is looked for as it stands. */
static struct str like(struct arena *a, const char *q)
{
	struct sb b = SB_INIT;
	struct str out;

	if (q == NULL || *q == '\0')
		return STR_NULL;
	sb_putc(&b, '%');
	for (; *q != '\0'; q++) {
		if (*q == '%' || *q == '_' || *q == '\\')
			sb_putc(&b, '\\');
		sb_putc(&b, *q);
	}
	sb_putc(&b, '%');
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

static int list_open(struct store_tx *tx, const struct who *who, const struct case_filter *f, int limit,
        struct city_case *out, int *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct sql_case_list_due_row r;
	int rc = sql_case_list_due_open(tx,
	        &(struct sql_case_list_due_in){.stage = maybe(f->stage),
	                .unit = maybe(f->region),
	                .within = list_of(a, f->region),
	                .org = maybe(f->org),
	                .within_org = list_of(a, f->org),
	                .category = maybe(f->category),
	                .thing = maybe(f->thing),
	                .assignee = maybe(f->assignee),
	                .q = like(a, f->q),
	                .level = f->level,
	                .overdue = f->overdue,
	                .regions = who_regions_json(who, a),
	                .orgs = who_orgs_json(who, a),
	                /* Past the last one with a deadline come those without. */
	                .after_deadline = f->after_id > 0 && f->after_deadline == TIME_NONE
	                                          ? INT64_MAX
	                                          : (f->after_id > 0 ? f->after_deadline : TIME_NONE),
	                .after_id = f->after_id,
	                .limit_ = limit},
	        &rows, e);

	while (rc >= 0 && (rc = sql_case_list_due_next(rows, &r, e)) > 0)
		out[(*n)++] = CASE_FROM_ROW(a, &r);
	store_rows_close(&rows);
	return rc;
}

static int list_newest(struct store_tx *tx, const struct who *who, const struct case_filter *f, int limit,
        struct city_case *out, int *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct sql_case_list_newest_row r;
	int rc = sql_case_list_newest_open(tx,
	        &(struct sql_case_list_newest_in){.state = maybe(f->state),
	                .stage = maybe(f->stage),
	                .unit = maybe(f->region),
	                .within = list_of(a, f->region),
	                .org = maybe(f->org),
	                .within_org = list_of(a, f->org),
	                .category = maybe(f->category),
	                .thing = maybe(f->thing),
	                .assignee = maybe(f->assignee),
	                .q = like(a, f->q),
	                .level = f->level,
	                .overdue = f->overdue,
	                .regions = who_regions_json(who, a),
	                .orgs = who_orgs_json(who, a),
	                .after_id = f->after_id > 0 ? f->after_id : INT64_MAX,
	                .limit_ = limit},
	        &rows, e);

	while (rc >= 0 && (rc = sql_case_list_newest_next(rows, &r, e)) > 0)
		out[(*n)++] = CASE_FROM_ROW(a, &r);
	store_rows_close(&rows);
	return rc;
}

int case_list(struct store_tx *tx, struct site *s, const struct who *who, const struct case_filter *f,
        struct city_case **out, int *n, struct err *e)
{
	int limit = f->limit < 1 ? 50 : f->limit > 500 ? 500 : f->limit;

	(void)s;
	*n = 0;
	if (f->state != NULL && strcmp(f->state, "open") != 0 && strcmp(f->state, "closed") != 0 &&
	        strcmp(f->state, "void") != 0) {
		err_set(e, ERR_INVALID, "open, closed or void is needed");
		return err_at(e, NULL, 0, 0, "state"), ERR_INVALID;
	}
	*out = arena_array(store_arena(tx), (size_t)limit, sizeof(**out));
	if (f->state != NULL && strcmp(f->state, "open") == 0)
		return list_open(tx, who, f, limit, *out, n, e);
	return list_newest(tx, who, f, limit, *out, n, e);
}

static int not_there(struct err *e)
{
	return err_set(e, ERR_NOTFOUND, "there is no case with this number");
}

int case_get(struct store_tx *tx, struct site *s, const struct who *who, int64_t id, struct city_case *out,
        struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sql_case_get_row r;
	int rc = sql_case_get(tx,
	        &(struct sql_case_get_in){
	                .id = id, .regions = who_regions_json(who, a), .orgs = who_orgs_json(who, a)},
	        &r, e);

	(void)s;
	if (rc == 0)
		return not_there(e);
	if (rc < 0)
		return rc;
	*out = CASE_FROM_ROW(a, &r);
	return 0;
}

int case_find(struct store_tx *tx, const char *code, int64_t *id, struct err *e)
{
	struct sql_case_by_code_row r;
	int rc;

	*id = 0;
	if (num_int(str_of(code), id))
		return 0;
	rc = sql_case_by_code(tx, &(struct sql_case_by_code_in){str_of(code)}, &r, e);
	if (rc > 0)
		*id = r.id;
	return rc < 0 ? rc : 0;
}

int case_history(
        struct store_tx *tx, const struct who *who, int64_t id, struct case_step **out, int *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct sql_step_of_row r;
	struct city_case c;
	size_t cap = 0;
	int rc;

	*n = 0;
	*out = NULL;
	rc = case_get(tx, NULL, who, id, &c, e);
	if (rc == 0)
		rc = sql_step_of_open(tx, &(struct sql_step_of_in){id}, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_step_of_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct case_step){.id = r.id,
		        .at = r.at,
		        .action = arena_strndup(a, r.action.p, r.action.n),
		        .account = arena_strndup(a, r.account.p, r.account.n),
		        .name = arena_strndup(a, r.name.p, r.name.n),
		        .org = arena_strndup(a, r.org.p, r.org.n),
		        .task = arena_strndup(a, r.task.p, r.task.n),
		        .outcome = arena_strndup(a, r.outcome.p, r.outcome.n),
		        .note = arena_strndup(a, r.note.p, r.note.n),
		        .element = arena_strndup(a, r.element.p, r.element.n),
		        .for_account = arena_strndup(a, r.for_account.p, r.for_account.n),
		        .for_name = arena_strndup(a, r.for_name.p, r.for_name.n)};
	}
	store_rows_close(&rows);
	return rc;
}

static const char **split(struct arena *a, struct str words)
{
	const char **out = NULL;
	size_t n = 0, cap = 0;

	out = arena_grow(a, out, &cap, 1, sizeof(*out));
	while (words.p != NULL && words.n > 0) {
		struct str w = str_cut(&words, ' ');

		out = arena_grow(a, out, &cap, n + 2, sizeof(*out));
		out[n++] = arena_strndup(a, w.p, w.n);
	}
	out[n] = NULL;
	return out;
}

int case_picture(struct store_tx *tx, struct site *s, const struct who *who, int64_t id, const char ***open,
        const char ***taken, const char **xml, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct bpmn_state *state = NULL;
	struct bpmn_open *o = NULL;
	struct sql_case_flow_get_row r;
	const struct flow_def *flow;
	struct city_case c;
	size_t count, n = 0;
	int rc = case_get(tx, s, who, id, &c, e);

	if (rc == 0)
		rc = sql_case_flow_get(tx, &(struct sql_case_flow_get_in){id}, &r, e);
	if (rc == 0)
		return not_there(e);
	if (rc > 0)
		rc = bpmn_state_read(r.state, &state, e);
	if (rc < 0)
		return rc;
	flow = catalog_flow(s->catalog, c.flow, c.flow_version);
	*xml = flow != NULL ? flow->xml : "";
	*taken = split(a, r.taken);
	count = bpmn_state_open(state, a, &o);
	*open = arena_array(a, count + 2, sizeof(**open));
	for (size_t i = 0; i < count; i++)
		if (o[i].what != BPMN_OPEN_TIMER)
			(*open)[n++] = arena_strdup(a, o[i].own);
	bpmn_state_free(&state);
	return 0;
}

/* ---- numbers ---- */

static int today(
        struct store_tx *tx, struct site *s, const struct who *who, struct case_counts *out, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct sql_measure_by_day_row r;
	char day[16];
	int rc;

	measure_day(s->catalog, store_now(tx), day);
	rc = sql_measure_by_day_open(tx,
	        &(struct sql_measure_by_day_in){.from_ = str_of(day),
	                .to_ = str_of(day),
	                .unit = STR_NULL,
	                .regions = who_regions_json(who, a),
	                .orgs = who_orgs_json(who, a)},
	        &rows, e);
	while (rc >= 0 && (rc = sql_measure_by_day_next(rows, &r, e)) > 0) {
		if (str_is(r.measure, "opened"))
			out->opened_today = r.n;
		else if (str_is(r.measure, "closed"))
			out->closed_today = r.n;
	}
	store_rows_close(&rows);
	return rc;
}

int case_counts(
        struct store_tx *tx, struct site *s, const struct who *who, struct case_counts *out, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sql_case_counts_row r = {0};
	int rc = sql_case_counts(tx,
	        &(struct sql_case_counts_in){.soon = store_now(tx) + US_HOUR,
	                .regions = who_regions_json(who, a),
	                .orgs = who_orgs_json(who, a)},
	        &r, e);

	if (rc < 0)
		return rc;
	*out = (struct case_counts){.open = r.open,
	        .overdue = r.overdue,
	        .by_level = {r.red, r.orange, r.yellow, r.blue},
	        .to_claim = r.to_claim,
	        .handling = r.handling,
	        .to_verify = r.to_verify,
	        .due_soon = r.due_soon};
	return today(tx, s, who, out, e);
}

struct units {
	struct unit_row *row;
	int n;
};

static struct unit_row *unit_of(const struct units *u, struct str code)
{
	for (int i = 0; i < u->n; i++)
		if (str_is(code, u->row[i].region))
			return &u->row[i];
	return NULL;
}

static int unit_cases(struct store_tx *tx, const struct who *who, const struct units *u, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct str regions = who_regions_json(who, a), orgs = who_orgs_json(who, a);
	struct store_rows *rows = NULL;
	struct sql_case_by_unit_row r;
	struct sql_alarm_by_unit_row al;
	struct unit_row *row;
	int rc = sql_case_by_unit_open(tx, &(struct sql_case_by_unit_in){regions, orgs}, &rows, e);

	while (rc >= 0 && (rc = sql_case_by_unit_next(rows, &r, e)) > 0)
		if ((row = unit_of(u, r.unit)) != NULL) {
			row->open = r.open;
			row->overdue = r.overdue;
		}
	store_rows_close(&rows);
	if (rc < 0)
		return rc;
	rc = sql_alarm_by_unit_open(tx, &(struct sql_alarm_by_unit_in){regions, orgs}, &rows, e);
	while (rc >= 0 && (rc = sql_alarm_by_unit_next(rows, &al, e)) > 0)
		if ((row = unit_of(u, al.unit)) != NULL)
			row->alarms = al.n;
	store_rows_close(&rows);
	return rc;
}

int case_units(struct store_tx *tx, struct site *s, const struct who *who, struct unit_row **out, int *n,
        struct err *e)
{
	struct arena *a = store_arena(tx);
	const struct snapshot *snap = registry_hold(s->registry);
	struct sql_measure_by_unit_row r;
	struct store_rows *rows = NULL;
	struct units u = {0};
	char from[16], to[16];
	int rc;

	u.row = arena_array(a, (size_t)snap->regions, sizeof(*u.row));
	for (int i = 0; i < snap->regions; i++)
		if (snap->region[i].unit && who_sees(who, snap->region[i].code, "", 1))
			u.row[u.n++].region = arena_strdup(a, snap->region[i].code);
	registry_release(s->registry, snap);
	rc = unit_cases(tx, who, &u, e);
	if (rc < 0)
		return rc;
	measure_day(s->catalog, store_now(tx), to);
	memcpy(from, to, sizeof(from));
	memcpy(from + 8, "01", 2);
	rc = sql_measure_by_unit_open(tx,
	        &(struct sql_measure_by_unit_in){.from_ = str_of(from),
	                .to_ = str_of(to),
	                .regions = who_regions_json(who, a),
	                .orgs = who_orgs_json(who, a)},
	        &rows, e);
	while (rc >= 0 && (rc = sql_measure_by_unit_next(rows, &r, e)) > 0) {
		struct unit_row *row = unit_of(&u, r.unit);

		if (row != NULL && str_is(r.measure, "closed"))
			row->closed = r.n;
		else if (row != NULL && str_is(r.measure, "closed_on_time"))
			row->closed_on_time = r.n;
	}
	store_rows_close(&rows);
	*out = u.row;
	*n = u.n;
	return rc;
}

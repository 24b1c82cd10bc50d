#include "city/indicator.h"
#include "city/view.h"
#include "store/sql.h"

#include <math.h>

static const char *const measures[] = {"opened", "finished", "finished_on_time", "closed", "closed_on_time",
        "overdue", "returned", "alarms"};

struct sums { /* of one period, unit or day */
	const char *day;
	int64_t n[ARRAY_LEN(measures)];
	bool any; /* something was counted */
};

static void add(struct sums *s, struct str measure, int64_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(measures); i++)
		if (str_is(measure, measures[i]))
			s->n[i] += n;
	s->any = true;
}

static bool parse_day(const char *text, int64_t *day)
{
	struct civil c;
	time_us t;

	if (text == NULL || strlen(text) != 10 || !time_parse(str_of(text), zone_utc(), &t))
		return false;
	civil_from_utc(t, &c);
	*day = civil_days(c.year, c.month, c.day);
	return true;
}

static const char *day_text(struct arena *a, int64_t day)
{
	struct civil c;

	civil_from_days(day, &c);
	return arena_printf(a, "%04d-%02d-%02d", c.year, c.month, c.day);
}

static int check_period(const char *from, const char *to, int64_t *first, int64_t *last, struct err *e)
{
	if (!parse_day(from, first)) {
		err_set(e, ERR_INVALID, "a date such as 2026-07-01 is needed");
		return err_at(e, NULL, 0, 0, "from");
	}
	if (!parse_day(to, last) || *last < *first || *last - *first > 3660) {
		err_set(e, ERR_INVALID, "a date from the first day on, at most ten years later, is needed");
		return err_at(e, NULL, 0, 0, "to");
	}
	return 0;
}

/* Sums by day, in order; only days on which something was counted. */
static int sums_by_day(struct store_tx *tx, const struct who *who, const char *unit, const char *from,
        const char *to, struct sums **out, size_t *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct sql_measure_by_day_row r;
	struct sums *s = NULL;
	size_t cap = 0;
	int rc;

	*n = 0;
	rc = sql_measure_by_day_open(tx,
	        &(struct sql_measure_by_day_in){.from_ = str_of(from),
	                .to_ = str_of(to),
	                .unit = unit != NULL && *unit != '\0' ? str_of(unit) : STR_NULL,
	                .regions = who_regions_json(who, a),
	                .orgs = who_orgs_json(who, a)},
	        &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_measure_by_day_next(rows, &r, e)) > 0) {
		if (*n == 0 || !str_is(r.day, s[*n - 1].day)) {
			s = arena_grow(a, s, &cap, *n + 1, sizeof(*s));
			s[(*n)++] = (struct sums){.day = arena_strndup(a, r.day.p, r.day.n)};
		}
		add(&s[*n - 1], r.measure, r.n);
	}
	store_rows_close(&rows);
	*out = s;
	return rc;
}

static double evaluate(
        struct site *s, struct arena *a, const struct indicator *def, const struct sums *v, time_us now)
{
	struct feel_value context = {.type = FEEL_CONTEXT}, out;
	const struct feel_scope scope = {
	        .context = &context, .now = now, .zone = s->catalog->zone, .max_steps = 100000};

	for (size_t i = 0; i < ARRAY_LEN(measures); i++)
		feel_put(a, &context, str_of(measures[i]), feel_int(v->n[i]));
	/* Division by zero gives null: nothing to compute from yet. */
	if (feel_eval(def->expr, &scope, a, &out, NULL, NULL) < 0 || out.type != FEEL_NUMBER)
		return NAN;
	return feel_number_to_double(out.number);
}

static int total(struct store_tx *tx, const struct who *who, const char *unit, const char *from,
        const char *to, struct sums *out, struct err *e)
{
	struct sums *day = NULL;
	size_t n;
	int rc = sums_by_day(tx, who, unit, from, to, &day, &n, e);

	*out = (struct sums){.any = n > 0};
	for (size_t i = 0; rc == 0 && i < n; i++)
		for (size_t k = 0; k < ARRAY_LEN(measures); k++)
			out->n[k] += day[i].n[k];
	return rc;
}

/* ---- in SQL ---- */

static const char *const params[] = {"from", "to", NULL};
static const struct view_limits question_limits = {
        .rows = 200000, .memory_b = (size_t)256 << 20, .within = 5 * US_SECOND};

int indicator_question(const struct catalog *c, const struct indicator *def, int *secrecy, struct err *e)
{
	return view_check(c, str_of(def->formula), params, secrecy, e);
}

static bool is_of_period(const struct view_query *q)
{
	return view_query_has_param(q, "from") || view_query_has_param(q, "to");
}

/* One row of one number, or of nothing. */
static int answer(struct view_query *q, const char *from, const char *to, double *out, struct err *e)
{
	const struct view_param p[] = {{"from", from}, {"to", to}};
	struct view_value v = {.type = VIEW_NULL}, more;
	int rc;

	*out = NAN;
	if (view_query_columns(q) != 1)
		return err_set(e, ERR_UNPROCESSED, "an indicator's question has one column");
	rc = view_query_run(q, p, (int)ARRAY_LEN(p), e);
	if (rc == 0)
		rc = view_query_next(q, &v, e);
	if (rc <= 0)
		return rc;
	if (v.type == VIEW_TEXT)
		return err_set(e, ERR_UNPROCESSED, "an indicator's question answers with a number");
	if (v.type != VIEW_NULL)
		*out = v.type == VIEW_INTEGER ? (double)v.integer : v.real;
	rc = view_query_next(q, &more, e);
	return rc <= 0 ? rc : err_set(e, ERR_UNPROCESSED, "an indicator's question answers with one row");
}

/* Whether a failure is the question's own; the store's are everybody's. */
static bool is_its_own(int rc)
{
	return rc == ERR_INVALID || rc == ERR_TOOBIG || rc == ERR_TIMEOUT || rc == ERR_UNPROCESSED;
}

static int open_question(struct store_tx *tx, struct site *s, const struct who *who, const char *unit,
        const struct indicator *def, struct view_query **q, struct err *e)
{
	const struct view_ask ask = {.sql = str_of(def->formula),
	        .params = params,
	        .who = who,
	        .unit = unit,
	        .limits = &question_limits};

	return view_ask(tx, s, &ask, store_arena(tx), q, NULL, e);
}

static int ask_value(struct store_tx *tx, struct site *s, const struct who *who,
        const struct indicator_value *before, struct indicator_value *v, struct err *e)
{
	struct view_query *q = NULL;
	struct err own = ERR_INIT;
	int rc = open_question(tx, s, who, v->unit, v->def, &q, &own);

	if (rc == 0)
		rc = answer(q, v->from, v->to, &v->value, &own);
	if (rc == 0 && is_of_period(q))
		rc = answer(q, before->from, before->to, &v->previous, &own);
	view_query_free(&q);
	if (rc == 0)
		return 0;
	v->value = v->previous = NAN;
	v->trouble = arena_memdup(store_arena(tx), &own, sizeof(own));
	if (is_its_own(rc))
		return 0;
	if (e != NULL)
		*e = own;
	return rc;
}

/* Days one after the other of a question that uses the period; of another only how things stand is known. */
static int ask_days(struct store_tx *tx, struct site *s, const struct who *who, struct indicator_value *v,
        int n, struct err *e)
{
	struct view_query *q = NULL;
	struct err own = ERR_INIT;
	int rc = open_question(tx, s, who, v->unit, v->def, &q, &own);

	for (int i = 0; i < n && rc == 0 && is_of_period(q); i++)
		rc = answer(q, v[i].from, v[i].to, &v[i].value, &own);
	view_query_free(&q);
	if (rc < 0 && !is_its_own(rc)) {
		if (e != NULL)
			*e = own;
		return rc;
	}
	/* Values of some days would pass for those of all. */
	for (int i = 0; i < n; i++) {
		v[i].value = rc < 0 ? NAN : v[i].value;
		v[i].previous = i > 0 ? v[i - 1].value : NAN;
		v[i].trouble = rc < 0 ? arena_memdup(store_arena(tx), &own, sizeof(own)) : NULL;
	}
	return 0;
}

/* ---- values ---- */

static bool is_known(const struct who *who, const struct indicator *def)
{
	return def->secrecy <= who->scope.clearance;
}

int indicator_values(struct store_tx *tx, struct site *s, const struct who *who, const char *code,
        const char *unit, const char *from, const char *to, struct indicator_value **out, int *n,
        struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sums now = {0}, past = {0};
	struct indicator_value before = {.def = NULL};
	int64_t first = 0, last = 0;
	int rc = check_period(from, to, &first, &last, e);

	*n = 0;
	if (rc < 0)
		return rc;
	before.from = day_text(a, first - (last - first + 1));
	before.to = day_text(a, first - 1);
	rc = total(tx, who, unit, from, to, &now, e);
	if (rc == 0)
		rc = total(tx, who, unit, before.from, before.to, &past, e);
	*out = arena_array(a, (size_t)s->catalog->indicators, sizeof(**out));
	for (int i = 0; i < s->catalog->indicators && rc == 0; i++) {
		const struct indicator *def = &s->catalog->indicator[i];
		struct indicator_value *v = &(*out)[*n];

		if (!is_known(who, def) || (code != NULL && strcmp(def->code, code) != 0))
			continue;
		++*n;
		*v = (struct indicator_value){.def = def,
		        .unit = arena_strdup(a, unit != NULL ? unit : ""),
		        .from = arena_strdup(a, from),
		        .to = arena_strdup(a, to),
		        .value = NAN,
		        .previous = NAN,
		        .as_of = store_now(tx)};
		if (def->expr == NULL) {
			rc = ask_value(tx, s, who, &before, v, e);
			continue;
		}
		v->value = evaluate(s, a, def, &now, store_now(tx));
		if (past.any)
			v->previous = evaluate(s, a, def, &past, store_now(tx));
	}
	return rc;
}

int indicator_days(struct store_tx *tx, struct site *s, const struct who *who, const char *code,
        const char *unit, const char *from, const char *to, struct indicator_value **out, int *n,
        struct err *e)
{
	struct arena *a = store_arena(tx);
	const struct indicator *def = catalog_indicator(s->catalog, code);
	struct sums *day = NULL;
	int64_t first = 0, last = 0;
	double previous = NAN;
	size_t days = 0, k = 0;
	int rc;

	*n = 0;
	if (def == NULL || !is_known(who, def)) {
		err_set(e, ERR_NOTFOUND, "no indicator has the code \"%s\"", code != NULL ? code : "");
		return err_at(e, NULL, 0, 0, "code");
	}
	rc = check_period(from, to, &first, &last, e);
	if (rc == 0)
		rc = sums_by_day(tx, who, unit, from, to, &day, &days, e);
	if (rc < 0)
		return rc;
	*out = arena_array(a, (size_t)(last - first + 1), sizeof(**out));
	for (int64_t d = first; d <= last; d++) {
		const char *text = day_text(a, d);
		const struct sums none = {.day = text};
		const struct sums *v = k < days && strcmp(day[k].day, text) == 0 ? &day[k++] : &none;
		double value = def->expr != NULL ? evaluate(s, a, def, v, store_now(tx)) : NAN;

		(*out)[(*n)++] = (struct indicator_value){.def = def,
		        .unit = arena_strdup(a, unit != NULL ? unit : ""),
		        .from = text,
		        .to = text,
		        .value = value,
		        .previous = previous,
		        .as_of = store_now(tx)};
		previous = value;
	}
	return def->expr != NULL ? 0 : ask_days(tx, s, who, *out, *n, e);
}

#include "city/indicator.h"
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

int indicator_values(struct store_tx *tx, struct site *s, const struct who *who, const char *unit,
        const char *from, const char *to, struct indicator_value **out, int *n, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct sums now = {0}, before = {0};
	int64_t first = 0, last = 0;
	int rc = check_period(from, to, &first, &last, e);

	*n = 0;
	if (rc == 0)
		rc = total(tx, who, unit, from, to, &now, e);
	if (rc == 0)
		rc = total(tx, who, unit, day_text(a, first - (last - first + 1)), day_text(a, first - 1),
		        &before, e);
	if (rc < 0)
		return rc;
	*out = arena_array(a, (size_t)s->catalog->indicators, sizeof(**out));
	for (int i = 0; i < s->catalog->indicators; i++) {
		const struct indicator *def = &s->catalog->indicator[i];

		(*out)[(*n)++] = (struct indicator_value){.def = def,
		        .unit = arena_strdup(a, unit != NULL ? unit : ""),
		        .from = arena_strdup(a, from),
		        .to = arena_strdup(a, to),
		        .value = evaluate(s, a, def, &now, store_now(tx)),
		        .previous = before.any ? evaluate(s, a, def, &before, store_now(tx)) : NAN,
		        .as_of = store_now(tx)};
	}
	return 0;
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
	if (def == NULL) {
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
		double value = evaluate(s, a, def, v, store_now(tx));

		(*out)[(*n)++] = (struct indicator_value){.def = def,
		        .unit = arena_strdup(a, unit != NULL ? unit : ""),
		        .from = text,
		        .to = text,
		        .value = value,
		        .previous = previous,
		        .as_of = store_now(tx)};
		previous = value;
	}
	return 0;
}

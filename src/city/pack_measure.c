/* What a pack says about time and numbers: working calendars and indicators. */
#include "base/num.h"
#include "city/pack_int.h"

#include <math.h>

/* ---- calendars ---- */

static void free_calendar(void *arg)
{
	struct calendar *c = arg;

	calendar_free(&c);
}

static bool read_clock(struct str s, int *min)
{
	int64_t h, m;
	struct str hour = str_cut(&s, ':');

	if (s.p == NULL || !num_int(hour, &h) || !num_int(s, &m) || h < 0 || m < 0 || m > 59 ||
	        h * 60 + m > 1440)
		return false;
	*min = (int)(h * 60 + m);
	return true;
}

static void read_weekdays(
        struct pack_data *d, const struct pack_file *f, const struct doc *map, struct calendar *c)
{
	static const char *const names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

	DOC_EACH(x, map)
	{
		struct calendar_period p[8];
		struct err e = ERR_INIT;
		int day = -1, n = 0;

		for (int i = 0; i < 7; i++)
			if (strcmp(names[i], x->key) == 0)
				day = i;
		if (day < 0) {
			pack__tell(d, true, f->path, x->line, x->column, x->key,
			        "weekdays are sun mon tue wed thu fri sat");
			continue;
		}
		DOC_EACH(v, x)
		{
			struct str to = {v->text, v->text_n},
			           from = v->text != NULL ? str_cut(&to, '-') : STR_NULL;

			if (n == 8 || from.p == NULL || to.p == NULL || !read_clock(from, &p[n].from_min) ||
			        !read_clock(to, &p[n].to_min)) {
				pack__tell(d, true, f->path, v->line, v->column, x->key,
				        "periods look like \"09:00-12:00\"");
				n = 0;
				break;
			}
			n++;
		}
		if (calendar_set_weekday(c, day, p, n, &e) < 0)
			pack__tell(d, true, f->path, x->line, x->column, x->key, "%s", e.text);
	}
}

static void read_days(struct pack_data *d, const struct pack_file *f, const struct doc *list,
        struct calendar *c, void (*add)(struct calendar *, int, int, int))
{
	DOC_EACH(x, list)
	{
		struct civil day;
		time_us t;

		if (x->text == NULL || x->text_n != 10 ||
		        !time_parse((struct str){x->text, 10}, zone_utc(), &t)) {
			pack__tell(d, true, f->path, x->line, x->column, NULL,
			        "a date such as 2026-10-01 is needed");
			continue;
		}
		civil_from_utc(t, &day);
		add(c, day.year, day.month, day.day);
	}
}

static const char *owner_of_calendar(const struct catalog *c, const char *code)
{
	for (int i = 0; i < c->calendars; i++)
		if (strcmp(c->calendar[i].code, code) == 0)
			return c->calendar[i].pack;
	return NULL;
}

void pack__read_calendars(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {
	        "code", "name", "name_en", "weekdays", "holidays", "workdays", NULL};
	struct catalog *c = d->catalog;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	DOC_EACH(x, doc_get(doc, "calendars"))
	{
		const char *code = doc_str(x, "code", "");
		struct calendar *k = calendar_new(c->zone);
		struct named_calendar *n;

		arena_cleanup(d->a, free_calendar, k);
		if (doc_only_keys(x, f->path, keys, &e) < 0)
			pack__tell_err(d, &e, f->path, x->line);
		read_weekdays(d, f, doc_get(x, "weekdays"), k);
		read_days(d, f, doc_get(x, "holidays"), k, calendar_add_holiday);
		read_days(d, f, doc_get(x, "workdays"), k, calendar_add_workday);
		if (pack__taken(d, f->path, x->line, "calendar", code, owner_of_calendar(c, code)))
			continue;
		if (*code == '\0' || catalog_calendar(c, code) != NULL) {
			pack__tell(d, true, f->path, x->line, x->column, "code",
			        "a calendar needs a code that no other has");
			continue;
		}
		n = PACK_PUSH(d, c->calendar, c->calendars, calendars_cap, struct named_calendar);
		*n = (struct named_calendar){.code = code, .pack = d->pack, .calendar = k};
	}
}

/* ---- indicators ---- */

void pack__read_indicators(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {"code", "name", "name_en", "unit", "formula", "sql", "direction",
	        "target", "decimals", "meaning", "meaning_en", "source", NULL};
	static const char *const measures[] = {"opened", "finished", "finished_on_time", "closed",
	        "closed_on_time", "overdue", "returned", "alarms"};
	struct str name[ARRAY_LEN(measures)];
	struct feel_names names = {.name = name, .n = (int)ARRAY_LEN(measures)};
	struct catalog *c = d->catalog;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;

	for (size_t i = 0; i < ARRAY_LEN(measures); i++)
		name[i] = str_of(measures[i]);
	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	DOC_EACH(x, doc_get(doc, "indicators"))
	{
		const char *code = doc_str(x, "code", ""), *direction = doc_str(x, "direction", "up");
		const struct doc *formula = doc_get(x, "formula"), *sql = doc_get(x, "sql");
		const struct indicator *old;
		struct feel_expr *expr = NULL;

		if (doc_only_keys(x, f->path, keys, &e) < 0)
			pack__tell_err(d, &e, f->path, x->line);
		old = catalog_indicator(c, code);
		if (pack__taken(d, f->path, x->line, "indicator", code, old != NULL ? old->pack : NULL))
			continue;
		if (*code == '\0' || old != NULL) {
			pack__tell(d, true, f->path, x->line, x->column, "code",
			        "an indicator needs a code that no other has");
			continue;
		}
		if (formula != NULL && sql != NULL) {
			pack__tell(d, true, f->path, sql->line, sql->column, code,
			        "an indicator has a formula or sql, not both");
			continue;
		}
		if (formula == NULL)
			formula = sql;
		if (formula == NULL || formula->text == NULL) {
			pack__tell(d, true, f->path, x->line, x->column, code,
			        "an indicator needs a formula, or sql");
			continue;
		}
		/* Whether SQL can be read is seen when all kinds are there: pack__check_references. */
		if (sql == NULL && feel_compile(d->a, (struct str){formula->text, formula->text_n}, &names,
		                           &expr, &e) < 0) {
			pack__tell(d, true, f->path, formula->line, e.column, code,
			        "the formula cannot be read: %s", e.text);
			continue;
		}
		if (strcmp(direction, "up") != 0 && strcmp(direction, "down") != 0)
			pack__tell(d, true, f->path, x->line, x->column, "direction", "up or down is needed");
		*PACK_PUSH(d, c->indicator, c->indicators, indicators_cap, struct indicator) =
		        (struct indicator){.code = code,
		                .pack = d->pack,
		                .name = doc_str(x, "name", code),
		                .name_en = doc_str(x, "name_en", ""),
		                .unit = doc_str(x, "unit", ""),
		                .formula = formula->text,
		                .expr = expr,
		                .line = formula->line,
		                .secrecy = 1,
		                .direction = direction,
		                .meaning = doc_str(x, "meaning", ""),
		                .source = doc_str(x, "source", ""),
		                .target = doc_double(x, "target", NAN),
		                .decimals = (int)doc_int(x, "decimals", 1)};
	}
}

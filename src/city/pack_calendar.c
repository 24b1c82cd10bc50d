/* What a pack says about time: working calendars, and the holidays of a year as they were announced. */
#include "base/num.h"
#include "city/pack_int.h"

static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

static int weekday_named(const char *name)
{
	for (int i = 0; i < 7; i++)
		if (strcmp(weekday_names[i], name) == 0)
			return i;
	return -1;
}

/* ---- shifts ---- */

static bool read_clock(struct str s, int *min)
{
	int64_t h, m;
	struct str hour = str_cut(&s, ':');

	if (s.p == NULL || hour.n != 2 || s.n != 2 || !num_int(hour, &h) || !num_int(s, &m) || h < 0 ||
	        m < 0 || m > 59 || h * 60 + m > 1440)
		return false;
	*min = (int)(h * 60 + m);
	return true;
}

/* "22:00-06:00" ends on the next day. */
static bool read_shift(struct str s, struct calendar_period *p)
{
	struct str from = str_cut(&s, '-');

	if (s.p == NULL || !read_clock(from, &p->from_min) || !read_clock(s, &p->to_min) ||
	        p->from_min == p->to_min || p->from_min == 1440)
		return false;
	if (p->to_min < p->from_min)
		p->to_min += 1440;
	return true;
}

static void read_weekday(
        struct pack_data *d, const struct pack_file *f, const struct doc *list, struct calendar *c)
{
	struct calendar_period p[CALENDAR_PERIODS_MAX + 1];
	int day = weekday_named(list->key), n = 0;
	struct err e = ERR_INIT;

	if (day < 0) {
		pack__tell(d, true, f->path, list->line, list->column, list->key,
		        "weekdays are sun mon tue wed thu fri sat");
		return;
	}
	if (list->type != DOC_LIST) {
		pack__tell(d, true, f->path, list->line, list->column, list->key,
		        "a list of shifts is needed, such as [\"09:00-12:00\", \"13:30-17:30\"]");
		return;
	}
	DOC_EACH(v, list)
	{
		if (v->text == NULL || n > CALENDAR_PERIODS_MAX ||
		        !read_shift((struct str){v->text, v->text_n}, &p[n])) {
			pack__tell(d, true, f->path, v->line, v->column, list->key,
			        "at most %d shifts are taken, each like \"09:00-12:00\", or \"22:00-06:00\" "
			        "for "
			        "one that ends the next day",
			        CALENDAR_PERIODS_MAX);
			return;
		}
		n++;
	}
	if (calendar_set_weekday(c, day, p, n, &e) < 0)
		pack__tell(d, true, f->path, list->line, list->column, list->key, "%s", e.text);
}

static void read_weekdays(
        struct pack_data *d, const struct pack_file *f, const struct doc *map, struct calendar *c)
{
	if (map != NULL && map->type != DOC_MAP && map->type != DOC_NULL)
		pack__tell(d, true, f->path, map->line, map->column, "weekdays",
		        "weekdays are a map, such as {mon: [\"09:00-12:00\"]}");
	DOC_EACH(list, map != NULL && map->type == DOC_MAP ? map : NULL)
	{
		read_weekday(d, f, list, c);
	}
}

/* ---- dates ---- */

static bool read_date(const struct doc *x, struct civil *out)
{
	time_us t;

	if (x == NULL || x->text == NULL || x->text_n != 10 ||
	        !time_parse((struct str){x->text, 10}, zone_utc(), &t))
		return false;
	civil_from_utc(t, out);
	return true;
}

static int64_t days_of(const struct civil *c)
{
	return civil_days(c->year, c->month, c->day);
}

struct dates { /* of one calendar or table, while they are read */
	struct pack_data *d;
	const struct pack_file *f;
	int year; /* 0: any */
	struct holiday *h;
	int n;
	size_t cap;
};

static void add_date(struct dates *x, const struct doc *at, int64_t day, int as, const char *name)
{
	struct civil c;

	civil_from_days(day, &c);
	/* The days around a New Year may stand in either notice; anything farther off is a slip of the pen.
	 */
	if (x->year != 0 && c.year != x->year && !(c.year == x->year - 1 && c.month == 12) &&
	        !(c.year == x->year + 1 && c.month == 1)) {
		pack__tell(x->d, true, x->f->path, at->line, at->column, NULL,
		        "%04d-%02d-%02d does not belong to the year %d", c.year, c.month, c.day, x->year);
		return;
	}
	for (int i = 0; i < x->n; i++)
		if (x->h[i].year == c.year && x->h[i].month == c.month && x->h[i].day == c.day) {
			pack__tell(x->d, true, x->f->path, at->line, at->column, NULL,
			        "%04d-%02d-%02d is there twice", c.year, c.month, c.day);
			return;
		}
	x->h = arena_grow(x->d->a, x->h, &x->cap, (size_t)x->n + 1, sizeof(*x->h));
	x->h[x->n++] = (struct holiday){c.year, c.month, c.day, as, name};
}

#define RUN_MAX 31 /* days of one holiday */

/* "2026-10-01", {name, date} or {name, from, to}; of make-up days "2026-10-10" or {name, date, as}. */
static void read_dates(struct dates *x, const struct doc *list, bool make_up)
{
	static const char *const of_holiday[] = {"name", "date", "from", "to", NULL};
	static const char *const of_make_up[] = {"name", "date", "as", NULL};
	struct err e = ERR_INIT;

	if (list != NULL && list->type != DOC_LIST)
		pack__tell(x->d, true, x->f->path, list->line, list->column, list->key,
		        "a list of dates is needed");
	DOC_EACH(v, list != NULL && list->type == DOC_LIST ? list : NULL)
	{
		const bool map = v->type == DOC_MAP;
		const char *as = map ? doc_str(v, "as", "mon") : "mon";
		struct civil from, to;
		bool ok;

		if (map && doc_only_keys(v, x->f->path, make_up ? of_make_up : of_holiday, &e) < 0) {
			pack__tell_err(x->d, &e, x->f->path, v->line);
			continue;
		}
		if (map && doc_get(v, "from") != NULL) {
			ok = read_date(doc_get(v, "from"), &from) && read_date(doc_get(v, "to"), &to) &&
			     days_of(&to) >= days_of(&from) && days_of(&to) - days_of(&from) < RUN_MAX;
		} else {
			ok = read_date(map ? doc_get(v, "date") : v, &from);
			to = from;
		}
		if (!ok) {
			pack__tell(x->d, true, x->f->path, v->line, v->column, NULL,
			        "a date such as 2026-10-01 is needed, or %s",
			        make_up ? "{date: \"2026-10-10\", as: fri}"
			                : "{name: …, from: \"2026-10-01\", to: \"2026-10-07\"}, at most "
			                  "31 days");
			continue;
		}
		if (weekday_named(as) < 0) {
			pack__tell(x->d, true, x->f->path, v->line, v->column, "as",
			        "weekdays are sun mon tue wed thu fri sat");
			continue;
		}
		for (int64_t day = days_of(&from); day <= days_of(&to); day++)
			add_date(x, v, day, make_up ? weekday_named(as) : -1,
			        map ? doc_str(v, "name", "") : "");
	}
}

static void read_both(struct dates *x, const struct doc *map)
{
	read_dates(x, doc_get(map, "holidays"), false);
	read_dates(x, doc_get(map, "workdays"), true);
}

/* ---- the files ---- */

static void free_calendar(void *arg)
{
	struct calendar *c = arg;

	calendar_free(&c);
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
	        "code", "name", "name_en", "weekdays", "table", "holidays", "workdays", NULL};
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
		struct dates own = {.d = d, .f = f};
		struct calendar *k = calendar_new(c->zone);

		arena_cleanup(d->a, free_calendar, k);
		if (doc_only_keys(x, f->path, keys, &e) < 0)
			pack__tell_err(d, &e, f->path, x->line);
		read_weekdays(d, f, doc_get(x, "weekdays"), k);
		read_both(&own, x);
		if (pack__taken(d, f->path, x->line, "calendar", code, owner_of_calendar(c, code)))
			continue;
		if (*code == '\0' || catalog_calendar(c, code) != NULL) {
			pack__tell(d, true, f->path, x->line, x->column, "code",
			        "a calendar needs a code that no other has");
			continue;
		}
		*PACK_PUSH(d, c->calendar, c->calendars, calendars_cap, struct named_calendar) =
		        (struct named_calendar){.code = code,
		                .name = doc_str(x, "name", code),
		                .name_en = doc_str(x, "name_en", ""),
		                .pack = d->pack,
		                .table = doc_str(x, "table", ""),
		                .line = x->line,
		                .calendar = k,
		                .own = own.h,
		                .owns = own.n};
	}
}

static const char *owner_of_table(const struct catalog *c, const char *code, int year)
{
	for (int i = 0; i < c->tables; i++)
		if (c->table[i].year == year && !c->table[i].amends && strcmp(c->table[i].code, code) == 0)
			return c->table[i].pack;
	return NULL;
}

void pack__read_holidays(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {
	        "code", "year", "source", "published", "amends", "holidays", "workdays", NULL};
	struct catalog *c = d->catalog;
	struct dates days = {.d = d, .f = f};
	const char *code, *owner;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;
	bool amends;
	int64_t year;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0 ||
	        doc_only_keys(doc, f->path, keys, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	code = doc_str(doc, "code", "");
	year = doc_int(doc, "year", 0);
	amends = doc_bool(doc, "amends", false);
	if (*code == '\0' || year < 1950 || year > 9998) {
		pack__tell(d, true, f->path, 1, 0, *code == '\0' ? "code" : "year",
		        "a table of holidays needs a code, such as cn, and its year");
		return;
	}
	if (*doc_str(doc, "source", "") == '\0')
		pack__tell(d, true, f->path, 1, 0, "source",
		        "say where the dates were announced, so that they can be checked");
	days.year = (int)year;
	read_both(&days, doc);
	owner = amends ? NULL : owner_of_table(c, code, days.year);
	if (owner != NULL) {
		pack__tell(d, true, f->path, 1, 0, "year",
		        "the pack %s has the table %s of %d already; a change of it says amends: true", owner,
		        code, days.year);
		return;
	}
	*PACK_PUSH(d, c->table, c->tables, tables_cap, struct holiday_table) =
	        (struct holiday_table){.code = code,
	                .pack = d->pack,
	                .source = doc_str(doc, "source", ""),
	                .published = doc_str(doc, "published", ""),
	                .year = days.year,
	                .amends = amends,
	                .holiday = days.h,
	                .holidays = days.n};
}

/* ---- tables into calendars ---- */

static void put_dates(struct calendar *k, const struct holiday *h, int n)
{
	for (int i = 0; i < n; i++) {
		if (h[i].as < 0)
			calendar_add_holiday(k, h[i].year, h[i].month, h[i].day, h[i].name);
		else
			calendar_add_workday(k, h[i].year, h[i].month, h[i].day, h[i].as, h[i].name);
	}
}

/* The later word holds: tables, what amends them, what the calendar says itself. */
void pack__join_calendars(struct pack_data *d)
{
	struct catalog *c = d->catalog;

	for (int i = 0; i < c->calendars; i++) {
		const struct named_calendar *k = &c->calendar[i];

		for (int amends = 0; amends < 2; amends++)
			for (int t = 0; t < c->tables; t++) {
				if (c->table[t].amends != (amends == 1) ||
				        strcmp(c->table[t].code, k->table) != 0)
					continue;
				put_dates(k->calendar, c->table[t].holiday, c->table[t].holidays);
				if (amends == 0)
					calendar_add_year(k->calendar, c->table[t].year);
			}
		put_dates(k->calendar, k->own, k->owns);
		calendar_ready(k->calendar);
	}
}

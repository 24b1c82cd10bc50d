#include "check.h"

#include "base/calendar.h"

static const struct zone *zone(const char *name)
{
	const struct zone *z = zone_utc();
	struct err e = ERR_INIT;

	check_ok(zone_load(name, &z, &e), &e);
	return z;
}

/* Monday to Friday with these periods. */
static struct calendar *week(const char *zone_text, const struct calendar_period *p, int n)
{
	struct calendar *c = calendar_new(zone(zone_text));
	struct err e = ERR_INIT;

	for (int d = 1; d <= 5; d++)
		check_ok(calendar_set_weekday(c, d, p, n, &e), &e);
	calendar_ready(c);
	return c;
}

static struct calendar *from_to(int from_hour, int to_hour)
{
	struct calendar_period p = {from_hour * 60, to_hour * 60};

	return week("Asia/Shanghai", &p, 1);
}

/* 08:00-12:00 and 14:00-18:00, with the holidays and the make-up day of the Qingming week 2026 made
 * up for the test: 04-06 (a Monday) is off, 04-12 (a Sunday) works. */
static struct calendar *china(void)
{
	static const struct calendar_period p[] = {{480, 720}, {840, 1080}};
	struct calendar *c = week("Asia/Shanghai", p, 2);

	calendar_add_holiday(c, 2026, 4, 6, "");
	calendar_add_workday(c, 2026, 4, 12, 1, "");
	calendar_ready(c);
	return c;
}

/* "2026-04-03 17:00" in Shanghai. */
static time_us at(const char *text)
{
	time_us t = TIME_NONE;
	char full[32];

	snprintf(full, sizeof(full), "%s:00", text);
	if (!time_parse(str_of(full), zone("Asia/Shanghai"), &t))
		check_fail("not a time: %s", text);
	return t;
}

static const char *shown(time_us t)
{
	static char buf[4][40];
	static int i;

	i = (i + 1) % 4;
	return t == TIME_NONE ? "none" : time_format(t, zone("Asia/Shanghai"), buf[i]);
}

#define check_time(t, text) check_eq_s(shown(t), shown(at(text)))

/* Deadlines that other systems got wrong, from their issue threads. 2026-07-13 is a Monday. */
TEST(golden_glpi_and_osticket)
{
	struct calendar *c = from_to(8, 18);

	/* glpi pull 22678, case 1: 4 h from Monday 10:00, escalate one hour before. */
	check_time(calendar_add(c, at("2026-07-13 10:00"), 4 * US_HOUR), "2026-07-13 14:00");
	check_time(calendar_add(c, at("2026-07-13 10:00"), 3 * US_HOUR), "2026-07-13 13:00");
	/* case 2: over the night. */
	check_time(calendar_add(c, at("2026-07-13 17:00"), 4 * US_HOUR), "2026-07-14 11:00");
	check_time(calendar_add(c, at("2026-07-13 17:00"), 3 * US_HOUR), "2026-07-14 10:00");
	/* osTicket pull 4807: over the weekend. */
	check_time(calendar_add(c, at("2026-07-17 17:00"), 4 * US_HOUR), "2026-07-20 11:00");
	calendar_free(&c);
	/* osTicket pull 5509: 18 h are two days of nine. */
	c = from_to(8, 17);
	check_time(calendar_add(c, at("2026-07-13 08:00"), 18 * US_HOUR), "2026-07-14 17:00");
	calendar_free(&c);
	check(c == NULL);
}

/* Amsterdam finds gross overruns at three times the limit: Monday to Friday, holidays or not. */
TEST(golden_signalen_factor)
{
	struct calendar *c = from_to(0, 24);

	check_time(calendar_deadline(c, at("2026-07-13 10:00"), LIMIT_WORK_DAY, 5), "2026-07-21 00:00");
	check_time(calendar_deadline(c, at("2026-07-13 10:00"), LIMIT_WORK_DAY, 3 * 5), "2026-08-04 00:00");
	calendar_free(&c);
}

TEST(add_at_the_edges)
{
	struct calendar *c = china();

	check_time(calendar_add(c, at("2026-04-02 08:00"), 4 * US_HOUR),
	        "2026-04-02 12:00"); /* stays at the end */
	check_time(calendar_add(c, at("2026-04-02 08:00"), 4 * US_HOUR + 1) - 1, "2026-04-02 14:00");
	check_time(calendar_add(c, at("2026-04-02 12:00"), US_MINUTE), "2026-04-02 14:01");
	check_time(calendar_add(c, at("2026-04-02 07:00"), 8 * US_HOUR), "2026-04-02 18:00");
	check_time(calendar_add(c, at("2026-04-02 23:00"), 0), "2026-04-02 23:00");
	/* Friday evening; Monday is a holiday. */
	check_time(calendar_add(c, at("2026-04-03 17:00"), 2 * US_HOUR), "2026-04-07 09:00");
	/* Friday evening; Sunday makes up for it. */
	check_time(calendar_add(c, at("2026-04-10 17:00"), 2 * US_HOUR), "2026-04-12 09:00");
	check_eq_i(calendar_between(c, at("2026-04-03 17:00"), at("2026-04-07 09:00")), 2 * US_HOUR);
	check_eq_i(calendar_between(c, at("2026-04-07 09:00"), at("2026-04-03 17:00")), -2 * US_HOUR);
	check_eq_i(calendar_between(c, at("2026-04-04 17:00"), at("2026-04-05 09:00")), 0);
	check_eq_i(calendar_between(c, 5, 5), 0);
	calendar_free(&c);
}

TEST(workdays)
{
	struct calendar *c = china();

	check(calendar_is_workday(c, 2026, 4, 3));
	check(!calendar_is_workday(c, 2026, 4, 4));
	check(!calendar_is_workday(c, 2026, 4, 6));
	check(calendar_is_workday(c, 2026, 4, 12));
	calendar_add_holiday(c, 2026, 4, 12, ""); /* the later word holds */
	calendar_ready(c);
	check(!calendar_is_workday(c, 2026, 4, 12));
	calendar_free(&c);
}

TEST(deadlines)
{
	struct calendar *c = china();
	time_us t = at("2026-04-03 17:00"); /* Friday before the long weekend */

	check_time(calendar_deadline(c, t, LIMIT_URGENT_HOUR, 2), "2026-04-03 19:00");
	check_time(calendar_deadline(c, t, LIMIT_URGENT_HOUR, 0.5), "2026-04-03 17:30");
	check_time(calendar_deadline(c, t, LIMIT_WORK_HOUR, 4), "2026-04-07 11:00");
	check_time(calendar_deadline(c, t, LIMIT_WORK_DAY, 1), "2026-04-07 18:00");
	check_time(calendar_deadline(c, t, LIMIT_WORK_DAY, 5), "2026-04-12 18:00");
	check_time(calendar_deadline(c, t, LIMIT_NATURAL_DAY, 1), "2026-04-04 17:00");
	check_time(calendar_deadline(c, t, LIMIT_NATURAL_DAY, 1.5), "2026-04-05 05:00");
	/* From a day off: as from the next working day. */
	check_time(calendar_deadline(c, at("2026-04-05 10:00"), LIMIT_WORK_DAY, 1), "2026-04-08 18:00");
	/* After hours the day still counts as the day of t. */
	check_time(calendar_deadline(c, at("2026-04-07 22:00"), LIMIT_WORK_DAY, 1), "2026-04-08 18:00");
	check_time(calendar_deadline(c, at("2026-04-07 09:00"), LIMIT_WORK_DAY, 0), "2026-04-07 18:00");
	check_time(calendar_deadline(c, at("2026-04-07 22:00"), LIMIT_WORK_DAY, 0), "2026-04-07 22:00");
	check_time(calendar_deadline(c, at("2026-04-07 09:00"), LIMIT_WORK_DAY, 1.25), "2026-04-09 10:00");
	check_eq_i(calendar_deadline(c, t, LIMIT_WORK_DAY, 1e9), TIME_NONE);
	check_eq_i(calendar_deadline(c, t, LIMIT_WORK_HOUR, 1e300), TIME_NONE);
	check_eq_i(calendar_deadline(c, t, LIMIT_URGENT_HOUR, -1), TIME_NONE);
	calendar_free(&c);
}

TEST(natural_days_keep_the_time_of_day)
{
	struct calendar *c = calendar_new(zone("America/New_York"));
	time_us t = 0, want = 0;

	calendar_ready(c);
	check(time_parse(STR_LIT("2026-03-07T09:00:00-05:00"), NULL, &t));
	check(time_parse(STR_LIT("2026-03-08T09:00:00-04:00"), NULL, &want));
	check_eq_i(calendar_deadline(c, t, LIMIT_NATURAL_DAY, 1), want);
	calendar_free(&c);
}

TEST(no_working_time)
{
	struct calendar *c = calendar_new(zone_utc());

	calendar_add_workday(c, 2026, 4, 12, 1, ""); /* as Monday, which has none */
	calendar_ready(c);
	check_eq_i(calendar_add(c, 0, US_HOUR), TIME_NONE);
	check_eq_i(calendar_between(c, 0, US_DAY * 1000), 0);
	check_eq_i(calendar_deadline(c, 0, LIMIT_WORK_DAY, 1), TIME_NONE);
	check(!calendar_is_workday(c, 2026, 4, 12));
	calendar_free(&c);
	c = from_to(8, 18);
	check_eq_i(calendar_add(c, INT64_MAX, 1), TIME_NONE);
	check_eq_i(calendar_add(c, INT64_MIN + 1, 1), TIME_NONE);
	check_eq_i(calendar_add(c, 0, INT64_MAX), TIME_NONE);
	check(calendar_between(c, INT64_MIN + 1, INT64_MAX) > 0);
	calendar_free(&c);
}

TEST(bad_periods)
{
	static const struct calendar_period rows[][2] = {{{480, 480}, {0, 0}}, {{500, 480}, {0, 0}},
	        {{-1, 480}, {0, 0}}, {{480, 1921}, {0, 0}}, {{1440, 1500}, {0, 0}}, {{480, 720}, {719, 800}},
	        {{480, 720}, {100, 200}}};
	struct calendar_period many[CALENDAR_PERIODS_MAX + 1];
	struct calendar *c = calendar_new(zone_utc());
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_err(calendar_set_weekday(c, 1, rows[i], i < 5 ? 1 : 2, &e), ERR_INVALID);
	for (int i = 0; i <= CALENDAR_PERIODS_MAX; i++)
		many[i] = (struct calendar_period){i * 10, i * 10 + 5};
	check_err(calendar_set_weekday(c, 1, many, CALENDAR_PERIODS_MAX + 1, &e), ERR_INVALID);
	check_ok(calendar_set_weekday(c, 2, many, CALENDAR_PERIODS_MAX, &e), &e);
	check_err(calendar_set_weekday(c, 7, rows[0], 0, &e), ERR_INVALID);
	check_err(calendar_set_weekday(c, -1, rows[0], 0, NULL), ERR_INVALID);
	calendar_ready(c);
	check(!calendar_is_workday(c, 2026, 7, 13));
	calendar_free(&c);
}

TEST(subtracts)
{
	struct calendar *c = china();

	/* An hour of work before Tuesday 09:00, over the long weekend. */
	check_time(calendar_sub(c, at("2026-04-07 09:00"), 2 * US_HOUR), "2026-04-03 17:00");
	/* It stays at a beginning, as adding stays at an end. */
	check_time(calendar_sub(c, at("2026-04-02 18:00"), 4 * US_HOUR), "2026-04-02 14:00");
	check_time(calendar_sub(c, at("2026-04-02 18:00"), 4 * US_HOUR + US_MINUTE), "2026-04-02 11:59");
	check_time(calendar_sub(c, at("2026-04-05 12:00"), 0), "2026-04-05 12:00");
	/* From inside a gap. */
	check_time(calendar_sub(c, at("2026-04-05 12:00"), US_HOUR), "2026-04-03 17:00");
	check_time(calendar_sub(c, at("2026-04-13 09:00"), 9 * US_HOUR), "2026-04-12 08:00");
	check_eq_i(calendar_sub(c, at("2026-04-13 09:00"), INT64_MAX), TIME_NONE);
	calendar_free(&c);
}

/* A watch from Friday 22:00 to Saturday 06:00, and office hours on Saturday from 05:00. */
TEST(shifts_past_midnight)
{
	static const struct calendar_period watch[] = {{1320, 1800}}, office[] = {{300, 720}};
	struct calendar *c = calendar_new(zone("Asia/Shanghai"));
	struct calendar_day d;
	struct err e = ERR_INIT;

	check_ok(calendar_set_weekday(c, 5, watch, 1, &e), &e);
	check_ok(calendar_set_weekday(c, 6, office, 1, &e), &e);
	calendar_ready(c);
	/* 2026-07-17 is a Friday. The hour from 05:00 counts once. */
	check_eq_i(calendar_between(c, at("2026-07-17 00:00"), at("2026-07-19 00:00")), 14 * US_HOUR);
	check_time(calendar_add(c, at("2026-07-17 21:00"), 8 * US_HOUR), "2026-07-18 06:00");
	check_time(calendar_add(c, at("2026-07-17 21:00"), 9 * US_HOUR), "2026-07-18 07:00");
	check_time(calendar_sub(c, at("2026-07-18 07:00"), 9 * US_HOUR), "2026-07-17 22:00");
	check_time(calendar_deadline(c, at("2026-07-16 09:00"), LIMIT_WORK_DAY, 0), "2026-07-18 06:00");
	calendar_look(c, calendar_day_of(c, at("2026-07-18 01:00")), &d);
	check_eq_i(d.periods, 2);
	check_eq_i(d.period[1].from_min, 360);
	/* A holiday on Friday has no watch, and none reaches into Saturday. */
	calendar_add_holiday(c, 2026, 7, 17, "台风");
	calendar_ready(c);
	check_eq_i(calendar_between(c, at("2026-07-17 00:00"), at("2026-07-19 00:00")), 7 * US_HOUR);
	/* One on Saturday has the rest of Friday's. */
	calendar_add_holiday(c, 2026, 7, 25, "");
	calendar_ready(c);
	check_eq_i(calendar_between(c, at("2026-07-24 00:00"), at("2026-07-26 00:00")), 8 * US_HOUR);
	calendar_free(&c);
}

/* A part of a work day lies between the whole ones, also where a shift of the day before reaches into it. */
TEST(parts_of_work_days_lie_in_between)
{
	static const struct calendar_period night[] = {{1320, 1800}}, short_day[] = {{90, 210}, {1439, 1441}};
	struct calendar *c = week("America/New_York", night, 1);
	struct err e = ERR_INIT;

	check_ok(calendar_set_weekday(c, 6, short_day, 2, &e), &e);
	calendar_add_holiday(c, 2026, 11, 26, "");
	calendar_ready(c);
	for (int i = 0; i < 2000; i++) {
		time_us t = at("2026-10-20 00:00") + (time_us)(test_random() % (uint64_t)(60 * US_DAY)),
		        last = t;

		for (int n = 0; n <= 12; n++) {
			time_us u = calendar_deadline(c, t, LIMIT_WORK_DAY, n / 4.0);

			if (u < last || u == TIME_NONE) {
				check_fail("%d quarters of a work day from %s: %s, after %s", n, shown(t),
				        shown(u), shown(last));
				break;
			}
			last = u;
		}
	}
	calendar_free(&c);
}

TEST(no_deadline_lies_past_the_last_year)
{
	static const struct calendar_period all[] = {{0, 1440}};
	struct calendar *c = week("Asia/Shanghai", all, 1);
	time_us t = at("9999-12-31 23:00");

	check_eq_i(calendar_deadline(c, t, LIMIT_URGENT_HOUR, 0.5), t + US_HOUR / 2);
	check_eq_i(calendar_deadline(c, t, LIMIT_URGENT_HOUR, 10), TIME_NONE);
	check_eq_i(calendar_deadline(c, t, LIMIT_NATURAL_DAY, 1), TIME_NONE);
	check_eq_i(calendar_deadline(c, t, LIMIT_WORK_HOUR, 2), TIME_NONE);
	check_eq_i(calendar_deadline(c, t, LIMIT_WORK_DAY, 1), TIME_NONE);
	calendar_free(&c);
}

TEST(make_up_days_have_the_hours_of_a_weekday)
{
	static const struct calendar_period full[] = {{480, 720}, {840, 1080}}, half[] = {{480, 720}};
	struct calendar *c = week("Asia/Shanghai", full, 2);
	struct calendar_day d;
	struct err e = ERR_INIT;

	check_ok(calendar_set_weekday(c, 5, half, 1, &e), &e);
	calendar_add_workday(c, 2026, 10, 10, 5, "国庆节调休");
	calendar_add_holiday(c, 2026, 10, 1, "国庆节");
	calendar_add_year(c, 2026);
	calendar_add_year(c, 2025);
	calendar_add_year(c, 2026);
	calendar_ready(c);
	check_eq_i(calendar_between(c, at("2026-10-10 00:00"), at("2026-10-11 00:00")), 4 * US_HOUR);
	calendar_look(c, calendar_day_of(c, at("2026-10-10 12:00")), &d);
	check(d.make_up && d.work_day && d.known && d.as == 5 && d.weekday == 6);
	check_eq_s(d.name, "国庆节调休");
	calendar_look(c, calendar_day_of(c, at("2026-10-01 12:00")), &d);
	check(!d.make_up && !d.work_day && d.as == -1);
	calendar_look(c, calendar_day_of(c, at("2027-01-01 00:00")), &d);
	check(!d.known);
	check_eq_i(calendar_lacks(c, at("2025-01-01 00:00"), at("2026-12-31 23:59")), 0);
	check_eq_i(calendar_lacks(c, at("2026-12-31 23:59"), at("2027-01-01 00:00")), 2027);
	check_eq_i(calendar_lacks(c, at("2026-01-01 00:00"), at("2024-12-31 23:59")), 2024);
	calendar_free(&c);
}

/* The slow model: each minute of 90 days is either worked or not, by its wall clock and the kinds of its day
 * and of the day before alone. */
#define MODEL_MIN (90 * 1440)
struct model {
	time_us start;
	int worked[MODEL_MIN + 1]; /* minutes worked before minute i */
};
struct model_week {
	struct calendar_period period[7][4];
	int n[7];
};

/* The weekday whose shifts a date has; -1: none. The same dates as in check_against_model(). */
static int model_kind(int64_t day, int weekday)
{
	struct civil c;

	civil_from_days(day, &c);
	if (c.year != 2026)
		return weekday;
	if (c.month == 3 && (c.day == 10 || c.day == 28))
		return -1;
	if ((c.month == 3 && c.day == 8) || (c.month == 11 && c.day == 1))
		return 1;
	return weekday;
}

static bool model_worked(const struct model_week *w, int kind, int minute)
{
	for (int k = 0; kind >= 0 && k < w->n[kind]; k++)
		if (minute >= w->period[kind][k].from_min && minute < w->period[kind][k].to_min)
			return true;
	return false;
}

static void build(struct model *m, const char *zone_text, time_us start, const struct model_week *w)
{
	m->start = start;
	m->worked[0] = 0;
	for (int i = 0; i < MODEL_MIN; i++) {
		struct civil l;
		int64_t day;
		int minute;
		bool works;

		zone_civil(zone(zone_text), start + i * US_MINUTE, &l);
		day = civil_days(l.year, l.month, l.day);
		minute = l.hour * 60 + l.minute;
		works = model_worked(w, model_kind(day, l.weekday), minute) ||
		        model_worked(w, model_kind(day - 1, (l.weekday + 6) % 7), minute + 1440);
		m->worked[i + 1] = m->worked[i] + works;
	}
}

static void check_against_model(const char *zone_text, const char *start, const struct model_week *w)
{
	static struct model m;
	struct calendar *c = calendar_new(zone(zone_text));
	struct err e = ERR_INIT;
	time_us t0 = 0;
	bool ok = true;

	check(time_parse(str_of(start), zone_utc(), &t0));
	for (int d = 0; d < 7; d++)
		check_ok(calendar_set_weekday(c, d, w->period[d], w->n[d], &e), &e);
	calendar_add_holiday(c, 2026, 3, 10, "");
	calendar_add_holiday(c, 2026, 3, 28, "");
	/* Sundays on which New York changes its clocks. */
	calendar_add_workday(c, 2026, 3, 8, 1, "");
	calendar_add_workday(c, 2026, 11, 1, 1, "");
	calendar_ready(c);
	build(&m, zone_text, t0, w);
	for (int i = 0; i < 4000 && ok; i++) {
		int a = (int)(test_random() % MODEL_MIN), b = (int)(test_random() % MODEL_MIN), want;
		int work = 1 + (int)(test_random() % 3000);
		time_us t = t0 + a * US_MINUTE;

		ok = calendar_between(c, t, t0 + b * US_MINUTE) == (m.worked[b] - m.worked[a]) * US_MINUTE;
		if (!ok)
			check_fail("%s from %s: between %d and %d: %lld, not %d", zone_text, start, a, b,
			        (long long)(calendar_between(c, t, t0 + b * US_MINUTE) / US_MINUTE),
			        m.worked[b] - m.worked[a]);
		if (ok && m.worked[MODEL_MIN] - m.worked[a] >= work) {
			for (want = a; m.worked[want] - m.worked[a] < work; want++)
				;
			ok = calendar_add(c, t, work * US_MINUTE) == t0 + want * US_MINUTE;
			if (!ok)
				check_fail("%s: %d minutes after %d", zone_text, work, a);
		}
		if (ok && m.worked[a] >= work) {
			for (want = a; m.worked[a] - m.worked[want] < work; want--)
				;
			ok = calendar_sub(c, t, work * US_MINUTE) == t0 + want * US_MINUTE;
			if (!ok)
				check_fail("%s: %d minutes before %d", zone_text, work, a);
		}
	}
	calendar_free(&c);
}

/* The same periods from Monday to Friday, or every day. */
static struct model_week weekly(bool weekend, const struct calendar_period *p, int n)
{
	struct model_week w = {0};

	for (int d = weekend ? 0 : 1; d <= (weekend ? 6 : 5); d++) {
		w.n[d] = n;
		for (int i = 0; i < n; i++)
			w.period[d][i] = p[i];
	}
	return w;
}

LONG_TEST(agrees_with_a_slow_model)
{
	static const struct calendar_period office[] = {{480, 720}, {840, 1080}};
	static const struct calendar_period round[] = {{0, 1440}};
	/* Bounds inside the hour that New York skips on 2026-03-08. */
	static const struct calendar_period night[] = {{60, 135}, {140, 150}, {165, 200}, {1300, 1440}};
	/* None begins inside an hour that comes twice: a shift goes on through it, the model's clock does
	 * not. */
	static const struct calendar_period watch[] = {{130, 200}, {1300, 1900}};
	const struct model_week weeks[] = {weekly(false, office, 2), weekly(false, round, 1),
	        weekly(true, round, 1), weekly(false, night, 4), weekly(true, watch, 2),
	        weekly(false, watch, 2),
	        {.period = {[5] = {{1380, 2700}}, [6] = {{400, 500}, {1200, 1500}}},
	                .n = {[5] = 1, [6] = 2}}};
	static const struct {
		const char *zone, *start;
	} places[] = {{"Asia/Shanghai", "2026-02-20T00:00:00Z"}, {"America/New_York", "2026-02-20T00:00:00Z"},
	        {"America/New_York", "2026-09-10T00:00:00Z"}, {"Australia/Lord_Howe", "2026-03-20T00:00:00Z"},
	        /* Clocks change at midnight; half a year of summer time at war; a day that never was. */
	        {"America/Sao_Paulo", "2018-10-01T00:00:00Z"}, {"America/Havana", "2026-09-15T00:00:00Z"},
	        {"Africa/Casablanca", "2026-02-01T00:00:00Z"}, {"Pacific/Apia", "2011-12-01T00:00:00Z"},
	        {"Asia/Shanghai", "1988-03-10T00:00:00Z"}};

	for (size_t p = 0; p < ARRAY_LEN(places); p++)
		for (size_t w = 0; w < ARRAY_LEN(weeks); w++)
			check_against_model(places[p].zone, places[p].start, &weeks[w]);
}

/* Over centuries: exact both ways, monotonic, and never inside a gap. */
static void check_laws(const char *zone_text)
{
	static const struct calendar_period p[] = {{480, 720}, {840, 1080}, {1320, 1500}};
	struct calendar *c = week(zone_text, p, 3);
	time_us base = at("1990-01-01 00:00");

	for (int y = 2000; y < 2030; y++) {
		calendar_add_holiday(c, y, 10, 1, "");
		calendar_add_workday(c, y, 10, 12, 5, "");
	}
	calendar_ready(c);
	for (int i = 0; i < 3000; i++) {
		time_us t = base + (time_us)(test_random() % (uint64_t)(60 * 365 * US_DAY)), u, v;
		dur_us w = 1 + (dur_us)(test_random() % (uint64_t)(i % 3 == 0 ? 3000 * US_DAY : 9 * US_HOUR));

		u = calendar_add(c, t, w);
		v = calendar_sub(c, t, w);
		if (calendar_between(c, t, u) != w || calendar_between(c, v, t) != w ||
		        calendar_between(c, u, t) != -w) {
			check_fail("%s: %lld from %lld is not exact", zone_text, (long long)w, (long long)t);
			break;
		}
		/* The last instant of work before, the first after: one step farther is one step of work. */
		if (calendar_between(c, u - 1, u) != 1 || calendar_between(c, v, v + 1) != 1 ||
		        calendar_add(c, t, w + 1) <= u || calendar_sub(c, t, w + 1) >= v ||
		        calendar_add(c, v, w) > t || calendar_sub(c, u, w) < t) {
			check_fail("%s: %lld from %lld ends in a gap", zone_text, (long long)w, (long long)t);
			break;
		}
		if (calendar_add(c, v, w) != t && calendar_between(c, calendar_add(c, v, w), t) != 0)
			check_fail("%s: there and back differs by work", zone_text);
	}
	calendar_free(&c);
}

TEST(laws)
{
	check_laws("Asia/Shanghai");
	check_laws("America/New_York");
	check_laws("Australia/Lord_Howe");
	check_laws("Africa/Casablanca");
}

TEST(limits_in_words)
{
	static const struct {
		const char *text;
		enum limit_unit unit;
		double n;
	} rows[] = {
	        {"2 urgent_hour", LIMIT_URGENT_HOUR, 2},
	        {"4 work_hour", LIMIT_WORK_HOUR, 4},
	        {"3work_day", LIMIT_WORK_DAY, 3},
	        {"1 natural_day", LIMIT_NATURAL_DAY, 1},
	        {" 0.5  work_day ", LIMIT_WORK_DAY, 0.5},
	        {"2紧急工作时", LIMIT_URGENT_HOUR, 2},
	        {"4工作时", LIMIT_WORK_HOUR, 4},
	        {"4小时", LIMIT_WORK_HOUR, 4},
	        {"3工作日", LIMIT_WORK_DAY, 3},
	        {"3个工作日", LIMIT_WORK_DAY, 3},
	        {"2天", LIMIT_WORK_DAY, 2},
	        {"1自然日", LIMIT_NATURAL_DAY, 1},
	        {"1紧急工作日", LIMIT_NATURAL_DAY, 1},
	};
	static const char *const wrongs[] = {"", "2", "work_day", "-1 work_day", "2 days", "2 work_days",
	        "1e3 work_day", "..5天", "9999999999天", "两天", "2工作", "NaN work_day"};
	enum limit_unit u;
	double n;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!limit_parse(str_of(rows[i].text), &u, &n) || u != rows[i].unit)
			check_fail("%s", rows[i].text);
		check_eq_d(n, rows[i].n);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++)
		if (limit_parse(str_of(wrongs[i]), &u, &n))
			check_fail("taken: %s", wrongs[i]);
	check_eq_s(limit_unit_name(LIMIT_WORK_HOUR), "work_hour");
}

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

	calendar_add_holiday(c, 2026, 4, 6);
	calendar_add_workday(c, 2026, 4, 12);
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
	calendar_add_holiday(c, 2026, 4, 12); /* the later word holds */
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

	check(time_parse(STR_LIT("2026-03-07T09:00:00-05:00"), NULL, &t));
	check(time_parse(STR_LIT("2026-03-08T09:00:00-04:00"), NULL, &want));
	check_eq_i(calendar_deadline(c, t, LIMIT_NATURAL_DAY, 1), want);
	calendar_free(&c);
}

TEST(no_working_time)
{
	struct calendar *c = calendar_new(zone_utc());

	calendar_add_workday(c, 2026, 4, 12); /* as Monday, which has none */
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
	        {{-1, 480}, {0, 0}}, {{480, 1441}, {0, 0}}, {{480, 720}, {719, 800}},
	        {{480, 720}, {100, 200}}};
	struct calendar *c = calendar_new(zone_utc());
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		check_err(calendar_set_weekday(c, 1, rows[i], i < 4 ? 1 : 2, &e), ERR_INVALID);
	check_err(calendar_set_weekday(c, 7, rows[0], 0, &e), ERR_INVALID);
	check_err(calendar_set_weekday(c, -1, rows[0], 0, NULL), ERR_INVALID);
	check(!calendar_is_workday(c, 2026, 7, 13));
	calendar_free(&c);
}

/* The slow model: each minute of 60 days is either worked or not, by its wall clock alone. */
#define MODEL_MIN (60 * 1440)
struct model {
	time_us start;
	int worked[MODEL_MIN + 1]; /* minutes worked before minute i */
};

static void build(
        struct model *m, const char *zone_text, time_us start, const struct calendar_period *p, int n)
{
	m->start = start;
	m->worked[0] = 0;
	for (int i = 0; i < MODEL_MIN; i++) {
		struct civil l;
		bool works = false;
		zone_civil(zone(zone_text), start + i * US_MINUTE, &l);
		if (l.weekday >= 1 && l.weekday <= 5)
			for (int k = 0; k < n; k++)
				works |= l.hour * 60 + l.minute >= p[k].from_min &&
				         l.hour * 60 + l.minute < p[k].to_min;
		/* The exceptions of check_against_model(). */
		if (l.month == 3 && l.day == 10)
			works = false;
		if (l.month == 3 && l.day == 8)
			for (int k = 0; k < n; k++)
				works |= l.hour * 60 + l.minute >= p[k].from_min &&
				         l.hour * 60 + l.minute < p[k].to_min;
		m->worked[i + 1] = m->worked[i] + works;
	}
}

static void check_against_model(
        const char *zone_text, const char *start, const struct calendar_period *p, int n)
{
	static struct model m;
	struct calendar *c = week(zone_text, p, n);
	uint64_t seed = 7;
	time_us t0 = 0;

	check(time_parse(str_of(start), zone_utc(), &t0));
	calendar_add_holiday(c, 2026, 3, 10);
	calendar_add_workday(c, 2026, 3, 8); /* the Sunday on which New York changes to summer time */
	build(&m, zone_text, t0, p, n);
	for (int i = 0; i < 5000; i++) {
		int a, b, work, want;
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		a = (int)((seed >> 20) % MODEL_MIN);
		b = (int)((seed >> 40) % MODEL_MIN);
		if (calendar_between(c, t0 + a * US_MINUTE, t0 + b * US_MINUTE) !=
		        (m.worked[b] - m.worked[a]) * US_MINUTE) {
			check_fail("%s: between %d and %d", zone_text, a, b);
			break;
		}
		work = 1 + (int)((seed >> 50) % 3000);
		if (m.worked[MODEL_MIN] - m.worked[a] < work)
			continue;
		for (want = a; m.worked[want] - m.worked[a] < work; want++)
			;
		if (calendar_add(c, t0 + a * US_MINUTE, work * US_MINUTE) != t0 + want * US_MINUTE) {
			check_fail("%s: %d minutes after %d", zone_text, work, a);
			break;
		}
	}
	calendar_free(&c);
}

TEST(agrees_with_a_slow_model)
{
	static const struct calendar_period office[] = {{480, 720}, {840, 1080}};
	static const struct calendar_period round[] = {{0, 1440}};
	/* Bounds inside the hour that New York skips on 2026-03-08. */
	static const struct calendar_period night[] = {{60, 135}, {140, 150}, {165, 200}, {1300, 1440}};

	check_against_model("Asia/Shanghai", "2026-02-20T00:00:00Z", office, 2);
	check_against_model("America/New_York", "2026-02-20T00:00:00Z", office, 2);
	check_against_model("America/New_York", "2026-02-20T00:00:00Z", round, 1);
	check_against_model("America/New_York", "2026-02-20T00:00:00Z", night, 4);
	check_against_model("America/New_York", "2026-10-10T00:00:00Z", round, 1);
	check_against_model("Australia/Lord_Howe", "2026-03-20T00:00:00Z", office, 2);
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

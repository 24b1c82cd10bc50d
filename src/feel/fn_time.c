/*
 * fn_time - built-in functions that make and take apart dates, times and durations.
 */
#include "feel/builtin.h"

typedef struct feel_value value;

#define SECOND INT64_C(1000000000)

static value unwrapped(const value *v)
{
	return v->type == FEEL_LIST && v->list.n == 1 ? v->list.item[0] : *v;
}

static value unreadable(struct feel_run *r, const char *what, const value *v)
{
	if (v->type == FEEL_NULL)
		return NONE;
	if (v->type == FEEL_STRING && v->string.n < 100)
		return feel__fail(r, "\"" STR_FMT "\" is no %s", STR_ARG(v->string), what);
	return feel__fail(r, "a %s is no %s", feel__type_name(v->type), what);
}

static value fn_date_from(struct feel_run *r, const value *arg, int n)
{
	value v = unwrapped(&arg[0]), out;

	(void)n;
	switch (v.type) {
	case FEEL_DATE: return v;
	case FEEL_DATETIME: return (value){.type = FEEL_DATE, .moment = {.days = v.moment.days}};
	case FEEL_STRING:
		if (feel__parse_date(v.string, &out))
			return out;
		break;
	default: break;
	}
	return unreadable(r, "date", &v);
}

static value fn_date_of(struct feel_run *r, const value *arg, int n)
{
	int y, m, d;
	value out;

	(void)n;
	if (!feel__arg_int(r, &arg[0], &y) || !feel__arg_int(r, &arg[1], &m) ||
	        !feel__arg_int(r, &arg[2], &d))
		return NONE;
	return feel__date(y, m, d, &out) ? out : feel__fail(r, "there is no date %d-%d-%d", y, m, d);
}

static value fn_datetime_from(struct feel_run *r, const value *arg, int n)
{
	value v = unwrapped(&arg[0]), out;

	(void)n;
	switch (v.type) {
	case FEEL_DATETIME: return v;
	case FEEL_DATE: return (value){.type = FEEL_DATETIME, .moment = {.days = v.moment.days}};
	case FEEL_STRING:
		if (feel__parse_datetime(v.string, &out))
			return out;
		break;
	default: break;
	}
	return unreadable(r, "date and time", &v);
}

static value fn_datetime_of(struct feel_run *r, const value *arg, int n)
{
	value date = unwrapped(&arg[0]), time = unwrapped(&arg[1]);

	(void)n;
	if ((date.type != FEEL_DATE && date.type != FEEL_DATETIME) || time.type != FEEL_TIME)
		return feel__fail(r, "date and time asks for a date and a time");
	time.type = FEEL_DATETIME;
	time.moment.days = date.moment.days;
	if (time.moment.zone)
		feel__set_zone(&time.moment, time.moment.zone);
	return time;
}

/* Hour, minute, second and, if there, an offset (a duration) or the name of a zone, on `days`. */
static bool clock_time(struct feel_run *r, const value *arg, int n, struct feel_moment *t)
{
	const value *second = feel__arg(r, &arg[2], FEEL_NUMBER);
	struct feel_number nanos;
	int h, m;
	int64_t s;

	if (!second || !feel__arg_int(r, &arg[0], &h) || !feel__arg_int(r, &arg[1], &m))
		return false;
	if (!feel_number_mul(second->number, (struct feel_number){1, 9, false}, &nanos) ||
	        !feel_number_round(nanos, 0, FEEL_ROUND_DOWN, &nanos) || !feel_number_to_int(nanos, &s) ||
	        h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s >= 60 * SECOND) {
		feel_note(r, "there is no such time of the day");
		return false;
	}
	t->nanos = (h * 60 + m) * 60 * SECOND + s;
	if (n > 3 && arg[3].type != FEEL_NULL) {
		value zone = unwrapped(&arg[3]);

		if (zone.type == FEEL_DAYS && zone.nanos % SECOND == 0 && zone.nanos <= 18 * 3600 * SECOND &&
		        zone.nanos >= -18 * 3600 * SECOND) {
			t->has_zone = true;
			t->offset_s = (int32_t)(zone.nanos / SECOND);
			return true;
		}
		if (zone.type == FEEL_STRING && zone.string.n < 64) {
			value parsed;
			char text[90];

			snprintf(text, sizeof(text), "00:00:00@" STR_FMT, STR_ARG(zone.string));
			if (!feel__parse_time(str_of(text), &parsed)) {
				feel_note(r, "there is no zone \"" STR_FMT "\"", STR_ARG(zone.string));
				return false;
			}
			feel__set_zone(t, parsed.moment.zone);
			return true;
		}
		feel_note(r, "the offset of a time is a duration of at most 18 hours");
		return false;
	}
	return true;
}

static value fn_datetime_parts(struct feel_run *r, const value *arg, int n)
{
	value date = fn_date_of(r, arg, 3);

	if (date.type != FEEL_DATE || !clock_time(r, arg + 3, n - 3, &date.moment))
		return NONE;
	date.type = FEEL_DATETIME;
	return date;
}

static value fn_time_from(struct feel_run *r, const value *arg, int n)
{
	value v = unwrapped(&arg[0]), out;

	(void)n;
	switch (v.type) {
	case FEEL_TIME: return v;
	case FEEL_DATETIME:
		v.type = FEEL_TIME;
		v.moment.days = 0;
		return v;
	case FEEL_DATE: return (value){.type = FEEL_TIME, .moment = {.has_zone = true}};
	case FEEL_STRING:
		if (feel__parse_time(v.string, &out))
			return out;
		break;
	default: break;
	}
	return unreadable(r, "time", &v);
}

static value fn_time_of(struct feel_run *r, const value *arg, int n)
{
	value v = {.type = FEEL_TIME, .moment = {.days = 20089}};

	if (!clock_time(r, arg, n, &v.moment))
		return NONE;
	v.moment.days = 0;
	return v;
}

static value fn_duration(struct feel_run *r, const value *arg, int n)
{
	value v = unwrapped(&arg[0]), out;

	(void)n;
	if (v.type == FEEL_DAYS || v.type == FEEL_MONTHS)
		return v;
	if (v.type == FEEL_STRING && feel__parse_duration(v.string, &out))
		return out;
	return unreadable(r, "duration", &v);
}

/* Whole months between, toward zero. */
static value fn_years_and_months(struct feel_run *r, const value *arg, int n)
{
	value a = unwrapped(&arg[0]), b = unwrapped(&arg[1]);
	int64_t ya, yb, months;
	int ma, mb, da, db;

	(void)n;
	if ((a.type != FEEL_DATE && a.type != FEEL_DATETIME) ||
	        (b.type != FEEL_DATE && b.type != FEEL_DATETIME))
		return feel__fail(r, "years and months duration asks for two dates");
	feel__ymd(a.moment.days, &ya, &ma, &da);
	feel__ymd(b.moment.days, &yb, &mb, &db);
	months = (yb - ya) * 12 + (mb - ma);
	if (months > 0 && db < da)
		months--;
	if (months < 0 && db > da)
		months++;
	return (value){.type = FEEL_MONTHS, .months = months};
}

static value fn_now(struct feel_run *r, const value *arg, int n)
{
	(void)arg;
	(void)n;
	return feel__now(r);
}

static value fn_today(struct feel_run *r, const value *arg, int n)
{
	value v = feel__now(r);

	(void)arg;
	(void)n;
	return v.type == FEEL_DATETIME ? (value){.type = FEEL_DATE, .moment = {.days = v.moment.days}} : NONE;
}

static bool a_day(struct feel_run *r, const value *arg, int64_t *days)
{
	value v = unwrapped(arg);

	if (v.type != FEEL_DATE && v.type != FEEL_DATETIME) {
		feel_note(r, "a function asks for a date and was given a %s", feel__type_name(v.type));
		return false;
	}
	*days = v.moment.days;
	return true;
}

/* 0 Monday … 6 */
static int weekday(int64_t days)
{
	int64_t w = (days + 3) % 7;

	return (int)(w < 0 ? w + 7 : w);
}

static int day_of_year(int64_t days)
{
	int64_t y;
	int m, d;
	value first;

	feel__ymd(days, &y, &m, &d);
	must(feel__date(y, 1, 1, &first));
	return (int)(days - first.moment.days) + 1;
}

static value fn_day_of_week(struct feel_run *r, const value *arg, int n)
{
	static const char *const names[] = {
	        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
	int64_t days;

	(void)n;
	return a_day(r, &arg[0], &days) ? feel_string(str_of(names[weekday(days)])) : NONE;
}

static value fn_day_of_year(struct feel_run *r, const value *arg, int n)
{
	int64_t days;

	(void)n;
	return a_day(r, &arg[0], &days) ? feel_int(day_of_year(days)) : NONE;
}

static value fn_month_of_year(struct feel_run *r, const value *arg, int n)
{
	static const char *const names[] = {"January", "February", "March", "April", "May", "June", "July",
	        "August", "September", "October", "November", "December"};
	int64_t days, y;
	int m, d;

	(void)n;
	if (!a_day(r, &arg[0], &days))
		return NONE;
	feel__ymd(days, &y, &m, &d);
	return feel_string(str_of(names[m - 1]));
}

/* ISO 8601: the week belongs to the year that its Thursday lies in. */
static value fn_week_of_year(struct feel_run *r, const value *arg, int n)
{
	int64_t days;

	(void)n;
	if (!a_day(r, &arg[0], &days))
		return NONE;
	days += 3 - weekday(days);
	return feel_int((day_of_year(days) - 1) / 7 + 1);
}

/* The same value and, for times, the same zone as written. */
static value fn_is(struct feel_run *r, const value *arg, int n)
{
	const value *a = &arg[0], *b = &arg[1];
	bool same;

	(void)n;
	if (a->type != b->type)
		return feel_bool(false);
	same = feel__equal(r, a, b) == 1;
	if (same && (a->type == FEEL_TIME || a->type == FEEL_DATETIME))
		same = a->moment.has_zone == b->moment.has_zone && a->moment.offset_s == b->moment.offset_s &&
		       a->moment.zone == b->moment.zone;
	return feel_bool(same);
}

const struct feel_builtin feel__times[] = {
        {"date", "from", 1, 1, fn_date_from},
        {"date", "year,month,day", 3, 3, fn_date_of},
        {"date and time", "from", 1, 1, fn_datetime_from},
        {"date and time", "date,time", 2, 2, fn_datetime_of},
        {"date and time", "year,month,day,hour,minute,second", 6, 6, fn_datetime_parts},
        {"date and time", "year,month,day,hour,minute,second,offset", 7, 7, fn_datetime_parts},
        {"date and time", "year,month,day,hour,minute,second,timezone", 7, 7, fn_datetime_parts},
        {"time", "from", 1, 1, fn_time_from},
        {"time", "hour,minute,second,offset", 3, 4, fn_time_of},
        {"duration", "from", 1, 1, fn_duration},
        {"years and months duration", "from,to", 2, 2, fn_years_and_months},
        {"now", "", 0, 0, fn_now},
        {"today", "", 0, 0, fn_today},
        {"day of week", "date", 1, 1, fn_day_of_week},
        {"day of year", "date", 1, 1, fn_day_of_year},
        {"month of year", "date", 1, 1, fn_month_of_year},
        {"week of year", "date", 1, 1, fn_week_of_year},
        {"is", "value1,value2", 2, 2, fn_is},
        {0},
};

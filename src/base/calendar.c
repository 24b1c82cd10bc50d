#include "base/calendar.h"

#include "base/num.h"

#include <math.h>

#define CALENDAR_MAGIC 0x63616c65u
/* Working time is looked for until the end of year 9999 (days after 1970), and as far back. */
#define LAST_DAY 2932896
#define FIRST_DAY (-LAST_DAY)

struct week_day {
	struct calendar_period *period;
	int n;
	int minutes; /* all periods together */
};

struct exception {
	int64_t day; /* since 1970 */
	bool works;
};

struct calendar {
	uint32_t magic;
	const struct zone *zone;
	struct week_day week[7];  /* 0 Sunday */
	struct exception *except; /* by day */
	size_t n, cap;
};

struct calendar *calendar_new(const struct zone *z)
{
	struct calendar *c = xcalloc(1, sizeof(*c));

	c->magic = CALENDAR_MAGIC;
	c->zone = z;
	return c;
}

void calendar_free(struct calendar **pc)
{
	struct calendar *c = *pc;

	if (!c)
		return;
	OBJ_CHECK(c, CALENDAR_MAGIC);
	*pc = NULL;
	for (size_t i = 0; i < ARRAY_LEN(c->week); i++)
		free(c->week[i].period);
	free(c->except);
	c->magic = 0;
	free(c);
}

int calendar_set_weekday(
        struct calendar *c, int weekday, const struct calendar_period *p, int n, struct err *e)
{
	struct week_day *w;
	int minutes = 0;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	if (weekday < 0 || weekday > 6)
		return err_set(e, ERR_INVALID, "weekday %d: weekdays run from 0 (Sunday) to 6", weekday);
	for (int i = 0; i < n; i++) {
		if (p[i].from_min < 0 || p[i].to_min > 1440 || p[i].from_min >= p[i].to_min)
			return err_set(e, ERR_INVALID,
			        "working period %d of weekday %d does not end after it begins, within 00:00 "
			        "to 24:00",
			        i + 1, weekday);
		if (i > 0 && p[i].from_min < p[i - 1].to_min)
			return err_set(e, ERR_INVALID,
			        "working period %d of weekday %d begins before the one before it ends; put "
			        "them in "
			        "order and apart",
			        i + 1, weekday);
		minutes += p[i].to_min - p[i].from_min;
	}
	w = &c->week[weekday];
	free(w->period);
	w->period = xcalloc((size_t)n + 1, sizeof(*p));
	for (int i = 0; i < n; i++)
		w->period[i] = p[i];
	w->n = n;
	w->minutes = minutes;
	return 0;
}

/* The first exception that is not before that day. */
static size_t find(const struct calendar *c, int64_t day)
{
	size_t lo = 0, hi = c->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (c->except[mid].day < day)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* A later word about the same day replaces the earlier one. */
static void set_exception(struct calendar *c, int64_t day, bool works)
{
	size_t i;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	i = find(c, day);
	if (i == c->n || c->except[i].day != day) {
		c->except = xgrow(c->except, &c->cap, c->n + 1, sizeof(*c->except));
		memmove(c->except + i + 1, c->except + i, (c->n - i) * sizeof(*c->except));
		c->n++;
	}
	c->except[i] = (struct exception){day, works};
}

void calendar_add_holiday(struct calendar *c, int year, int month, int day)
{
	set_exception(c, civil_days(year, month, day), false);
}

void calendar_add_workday(struct calendar *c, int year, int month, int day)
{
	set_exception(c, civil_days(year, month, day), true);
}

static const struct week_day *day_periods(const struct calendar *c, int64_t day)
{
	static const struct week_day none = {NULL, 0, 0};
	size_t i = find(c, day);
	int weekday = (int)((day % 7 + 7 + 4) % 7); /* 1970-01-01 was a Thursday */

	if (i < c->n && c->except[i].day == day)
		return c->except[i].works ? &c->week[1] : &none;
	return &c->week[weekday];
}

bool calendar_is_workday(const struct calendar *c, int year, int month, int day)
{
	OBJ_CHECK(c, CALENDAR_MAGIC);
	return day_periods(c, civil_days(year, month, day))->n > 0;
}

static bool has_work(const struct calendar *c)
{
	/* A make-up day works as Monday does, so the week tells it all. */
	for (size_t i = 0; i < ARRAY_LEN(c->week); i++) {
		if (c->week[i].n > 0)
			return true;
	}
	return false;
}

static int64_t local_day(const struct calendar *c, time_us t)
{
	struct civil l;

	zone_civil(c->zone, t, &l);
	return civil_days(l.year, l.month, l.day);
}

/* The instant of a local minute. One that a change to summer time leaves out is the instant of the
 * change, so that periods never overlap and never lose or win an hour. */
static time_us minute_instant(const struct calendar *c, int64_t day, int minute)
{
	struct civil l;
	time_us t, lo, hi;
	int offset;

	civil_from_days(day, &l);
	l.minute = minute;
	t = zone_instant(c->zone, &l);
	offset = zone_offset_s(c->zone, t);
	if (t + offset * US_SECOND == day * US_DAY + minute * US_MINUTE)
		return t;
	/* t is behind the change; with the offset after it the same local time lies before it. */
	hi = t;
	lo = day * US_DAY + minute * US_MINUTE - offset * US_SECOND;
	while (hi - lo > 1) {
		time_us mid = lo + (hi - lo) / 2;
		if (zone_offset_s(c->zone, mid) == offset)
			hi = mid;
		else
			lo = mid;
	}
	return hi;
}

struct stretch {
	time_us from, to;
};

/* Period i of a day in instants. */
static struct stretch period_stretch(const struct calendar *c, int64_t day, const struct week_day *w, int i)
{
	struct stretch s = {
	        minute_instant(c, day, w->period[i].from_min), minute_instant(c, day, w->period[i].to_min)};

	/* In an hour that comes twice the end may fall into the first pass, but never before the begin. */
	if (s.to < s.from)
		s.to = s.from;
	return s;
}

/* Working time of a whole day. */
static dur_us day_work(const struct calendar *c, int64_t day, const struct week_day *w)
{
	dur_us sum = 0;

	if (w->n == 0)
		return 0;
	/* Nearly every day is 24 hours long, and then the clock on the wall is the truth. */
	if (zone_offset_s(c->zone, day * US_DAY - US_DAY) ==
	        zone_offset_s(c->zone, day * US_DAY + 2 * US_DAY))
		return w->minutes * US_MINUTE;
	for (int i = 0; i < w->n; i++) {
		struct stretch s = period_stretch(c, day, w, i);
		sum += s.to - s.from;
	}
	return sum;
}

time_us calendar_add(const struct calendar *c, time_us t, dur_us work)
{
	int64_t first, day;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	must(work >= 0);
	if (!has_work(c))
		return TIME_NONE;
	if (work == 0)
		return t;
	first = local_day(c, t);
	if (first < FIRST_DAY)
		return TIME_NONE;
	for (day = first; day <= LAST_DAY; day++) {
		const struct week_day *w = day_periods(c, day);
		if (day > first) {
			dur_us whole = day_work(c, day, w);
			if (whole < work) {
				work -= whole;
				continue;
			}
		}
		for (int i = 0; i < w->n; i++) {
			struct stretch s = period_stretch(c, day, w, i);
			if (s.from < t)
				s.from = t;
			if (s.to <= s.from)
				continue;
			if (work <= s.to - s.from)
				return s.from + work;
			work -= s.to - s.from;
		}
	}
	return TIME_NONE;
}

/* Working time of one day inside [a, b). */
static dur_us work_inside(const struct calendar *c, int64_t day, time_us a, time_us b)
{
	const struct week_day *w = day_periods(c, day);
	dur_us sum = 0;

	for (int i = 0; i < w->n; i++) {
		struct stretch s = period_stretch(c, day, w, i);
		if (s.from < a)
			s.from = a;
		if (s.to > b)
			s.to = b;
		if (s.to > s.from)
			sum += s.to - s.from;
	}
	return sum;
}

dur_us calendar_between(const struct calendar *c, time_us a, time_us b)
{
	int64_t first, last, day;
	dur_us sum;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	if (b < a)
		return -calendar_between(c, b, a);
	if (a < FIRST_DAY * US_DAY)
		a = FIRST_DAY * US_DAY;
	if (b > LAST_DAY * US_DAY)
		b = LAST_DAY * US_DAY;
	if (b <= a || !has_work(c))
		return 0;
	first = local_day(c, a);
	last = local_day(c, b);
	sum = work_inside(c, first, a, b);
	for (day = first + 1; day < last; day++)
		sum += day_work(c, day, day_periods(c, day));
	if (last > first)
		sum += work_inside(c, last, a, b);
	return sum;
}

/* The next day after `day` that has working periods; past LAST_DAY if there is none. */
static int64_t next_workday(const struct calendar *c, int64_t day)
{
	do
		day++;
	while (day <= LAST_DAY && day_periods(c, day)->n == 0);
	return day;
}

static time_us day_end(const struct calendar *c, int64_t day)
{
	const struct week_day *w = day_periods(c, day);

	return minute_instant(c, day, w->period[w->n - 1].to_min);
}

static time_us work_days(const struct calendar *c, time_us t, double n)
{
	int64_t day = local_day(c, t);
	double whole = floor(n), part = n - whole;
	time_us end;

	if (!has_work(c) || whole > LAST_DAY || day < FIRST_DAY)
		return TIME_NONE;
	if (day_periods(c, day)->n == 0)
		day = next_workday(c, day);
	for (int64_t i = 0; i < (int64_t)whole && day <= LAST_DAY; i++)
		day = next_workday(c, day);
	if (day > LAST_DAY)
		return TIME_NONE;
	end = day_end(c, day);
	if (end < t)
		end = t; /* no days at all, counted from an evening */
	if (part > 0) {
		/* The rest is a part of the working time of the day that follows. */
		day = next_workday(c, day);
		if (day > LAST_DAY)
			return TIME_NONE;
		end = calendar_add(c, end, llround((double)day_work(c, day, day_periods(c, day)) * part));
	}
	return end;
}

/* n units of time, or TIME_NONE if that leads out of the ages we count. */
static dur_us scaled(dur_us unit, double n)
{
	double d = (double)unit * n;

	return d >= 0 && d <= (double)LAST_DAY * (double)US_DAY ? llround(d) : TIME_NONE;
}

time_us calendar_deadline(const struct calendar *c, time_us t, enum limit_unit unit, double n)
{
	dur_us d;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	switch (unit) {
	case LIMIT_URGENT_HOUR:
		d = scaled(US_HOUR, n);
		return d == TIME_NONE ? TIME_NONE : time_add(c->zone, t, 0, d);
	case LIMIT_WORK_HOUR:
		d = scaled(US_HOUR, n);
		return d == TIME_NONE ? TIME_NONE : calendar_add(c, t, d);
	case LIMIT_WORK_DAY:
		if (scaled(US_DAY, n) == TIME_NONE)
			return TIME_NONE;
		return work_days(c, t, n);
	case LIMIT_NATURAL_DAY: {
		/* The same time of day on the wall, also where summer time begins in between. */
		struct civil l;
		double whole = floor(n);
		if (scaled(US_DAY, n) == TIME_NONE)
			return TIME_NONE;
		zone_civil(c->zone, t, &l);
		l.day += (int)whole;
		t = whole > 0 ? zone_instant(c->zone, &l) : t;
		return time_add(c->zone, t, 0, scaled(US_DAY, n - whole));
	}
	}
	wrong("a limit unit that is not in the enum");
}

static const char *const unit_names[] = {
        [LIMIT_URGENT_HOUR] = "urgent_hour",
        [LIMIT_WORK_HOUR] = "work_hour",
        [LIMIT_WORK_DAY] = "work_day",
        [LIMIT_NATURAL_DAY] = "natural_day",
};

const char *limit_unit_name(enum limit_unit u)
{
	return unit_names[u];
}

bool limit_parse(struct str s, enum limit_unit *unit, double *n)
{
	/* How the catalogues of the cities write them; 小时 and 天 without more mean working time. */
	static const struct {
		const char *text;
		enum limit_unit unit;
	} words[] = {
	        {"urgent_hour", LIMIT_URGENT_HOUR},
	        {"work_hour", LIMIT_WORK_HOUR},
	        {"work_day", LIMIT_WORK_DAY},
	        {"natural_day", LIMIT_NATURAL_DAY},
	        {"紧急工作时", LIMIT_URGENT_HOUR},
	        {"紧急工作日", LIMIT_NATURAL_DAY},
	        {"工作时", LIMIT_WORK_HOUR},
	        {"工作小时", LIMIT_WORK_HOUR},
	        {"小时", LIMIT_WORK_HOUR},
	        {"工作日", LIMIT_WORK_DAY},
	        {"天", LIMIT_WORK_DAY},
	        {"自然日", LIMIT_NATURAL_DAY},
	};
	struct str number, word;
	double v;

	s = str_trim(s);
	number = (struct str){s.p, 0};
	while (number.n < s.n && ((s.p[number.n] >= '0' && s.p[number.n] <= '9') || s.p[number.n] == '.'))
		number.n++;
	if (!num_double(number, false, &v) || v > 1e6)
		return false;
	word = str_trim((struct str){s.p + number.n, s.n - number.n});
	if (str_starts(word, "个"))
		word = (struct str){word.p + strlen("个"), word.n - strlen("个")};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_is(word, words[i].text)) {
			*unit = words[i].unit;
			*n = v;
			return true;
		}
	}
	return false;
}

#include "base/calendar.h"

#include "base/arena.h"

#include <math.h>

#define CALENDAR_MAGIC 0x63616c65u
/* Working time is looked for until the end of year 9999 (days after 1970), and as far back. */
#define LAST_DAY 2932896
#define FIRST_DAY (-LAST_DAY)
#define NONE 7 /* the kind of a day without shifts; 0 to 6: with those of that weekday */
#define KINDS 8

struct shifts { /* of a weekday, as they were set */
	struct calendar_period period[CALENDAR_PERIODS_MAX];
	int n;
};
/* What is worked of a date, which hangs on the kind of the day before, too: its last shift may reach in. */
struct plan {
	struct calendar_period period[CALENDAR_PERIODS_MAX + 1];
	int n;
	int minutes; /* all periods together */
};
struct exception {
	int64_t day; /* since 1970 */
	int kind;
	const char *name;
};
struct sums {
	int64_t minutes; /* worked, on days of 24 hours */
	int64_t days;    /* work days */
};
/* A date that is not as its weekday always is, and how much all such dates before it differ. */
struct odd {
	int64_t day;
	struct sums before, here;
};

struct calendar {
	uint32_t magic;
	bool ready;
	struct arena *a;
	const struct zone *zone;
	struct shifts shifts[KINDS]; /* of NONE: none */
	struct exception *except;    /* by day */
	size_t n, cap;
	int *year; /* rising */
	size_t years, years_cap;
	/* made by calendar_ready() */
	struct plan plan[KINDS][KINDS]; /* by kind of the day before, kind of the day */
	struct sums week[8];            /* of the plain weekdays before this one; [7]: of the week */
	struct odd *odd;                /* by day */
	size_t odds;
};

/* ---- building ---- */

struct calendar *calendar_new(const struct zone *z)
{
	struct arena *a = arena_new(0);
	struct calendar *c = arena_alloc(a, sizeof(*c));

	c->magic = CALENDAR_MAGIC;
	c->a = a;
	c->zone = z;
	return c;
}

void calendar_free(struct calendar **pc)
{
	struct calendar *c = *pc;
	struct arena *a;

	if (!c)
		return;
	OBJ_CHECK(c, CALENDAR_MAGIC);
	*pc = NULL;
	c->magic = 0;
	a = c->a;
	arena_free(&a);
}

int calendar_set_weekday(
        struct calendar *c, int weekday, const struct calendar_period *p, int n, struct err *e)
{
	OBJ_CHECK(c, CALENDAR_MAGIC);
	if (weekday < 0 || weekday > 6)
		return err_set(e, ERR_INVALID, "weekday %d: weekdays run from 0 (Sunday) to 6", weekday);
	if (n > CALENDAR_PERIODS_MAX)
		return err_set(e, ERR_INVALID, "weekday %d has %d shifts; %d are the most", weekday, n,
		        CALENDAR_PERIODS_MAX);
	for (int i = 0; i < n; i++) {
		if (p[i].from_min < 0 || p[i].from_min >= 1440 || p[i].from_min >= p[i].to_min ||
		        p[i].to_min > p[i].from_min + 1440)
			return err_set(e, ERR_INVALID,
			        "shift %d of weekday %d does not end after it begins, at most a day later",
			        i + 1, weekday);
		if (i > 0 && p[i].from_min < p[i - 1].to_min)
			return err_set(e, ERR_INVALID,
			        "shift %d of weekday %d begins before the one before it ends; put them in "
			        "order and apart",
			        i + 1, weekday);
	}
	c->ready = false;
	for (int i = 0; i < n; i++)
		c->shifts[weekday].period[i] = p[i];
	c->shifts[weekday].n = n;
	return 0;
}

/* The first exception that is not before that day. */
static size_t find_exception(const struct calendar *c, int64_t day)
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

static void set_exception(struct calendar *c, int64_t day, int kind, const char *name)
{
	size_t i;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	c->ready = false;
	i = find_exception(c, day);
	if (i == c->n || c->except[i].day != day) {
		c->except = arena_grow(c->a, c->except, &c->cap, c->n + 1, sizeof(*c->except));
		memmove(c->except + i + 1, c->except + i, (c->n - i) * sizeof(*c->except));
		c->n++;
		c->except[i].name = NULL;
	}
	c->except[i].day = day;
	c->except[i].kind = kind;
	if (c->except[i].name == NULL || strcmp(c->except[i].name, name) != 0)
		c->except[i].name = arena_strdup(c->a, name);
}

void calendar_add_holiday(struct calendar *c, int year, int month, int day, const char *name)
{
	set_exception(c, civil_days(year, month, day), NONE, name);
}

void calendar_add_workday(struct calendar *c, int year, int month, int day, int as, const char *name)
{
	must(as >= 0 && as <= 6);
	set_exception(c, civil_days(year, month, day), as, name);
}

void calendar_add_year(struct calendar *c, int year)
{
	size_t i = c->years;

	OBJ_CHECK(c, CALENDAR_MAGIC);
	while (i > 0 && c->year[i - 1] >= year)
		i--;
	if (i < c->years && c->year[i] == year)
		return;
	c->year = arena_grow(c->a, c->year, &c->years_cap, c->years + 1, sizeof(*c->year));
	memmove(c->year + i + 1, c->year + i, (c->years - i) * sizeof(*c->year));
	c->year[i] = year;
	c->years++;
}

/* ---- kinds of days, and what they add up to ---- */

static int weekday_of(int64_t day)
{
	return (int)((day % 7 + 7 + 4) % 7); /* 1970-01-01 was a Thursday */
}

static const struct exception *exception_of(const struct calendar *c, int64_t day)
{
	size_t i = find_exception(c, day);

	return i < c->n && c->except[i].day == day ? &c->except[i] : NULL;
}

static int kind_of(const struct calendar *c, int64_t day)
{
	const struct exception *x = exception_of(c, day);

	return x != NULL ? x->kind : weekday_of(day);
}

static const struct plan *plan_of(const struct calendar *c, int64_t day)
{
	return &c->plan[kind_of(c, day - 1)][kind_of(c, day)];
}

/* The end of yesterday's last shift and today's shifts, without what comes after midnight. */
static void make_plan(const struct calendar *c, int before, int kind, struct plan *out)
{
	const struct shifts *y = &c->shifts[before], *s = &c->shifts[kind];
	int rest = y->n > 0 ? y->period[y->n - 1].to_min - 1440 : 0;

	*out = (struct plan){.n = 0};
	if (rest > 0)
		out->period[out->n++] = (struct calendar_period){0, rest};
	for (int i = 0; i < s->n; i++) {
		struct calendar_period p = s->period[i];

		if (p.to_min > 1440)
			p.to_min = 1440;
		if (p.from_min < rest)
			p.from_min = rest;
		if (p.from_min < p.to_min)
			out->period[out->n++] = p;
	}
	for (int i = 0; i < out->n; i++)
		out->minutes += out->period[i].to_min - out->period[i].from_min;
}

static struct sums sums_of(const struct calendar *c, int before, int kind)
{
	return (struct sums){c->plan[before][kind].minutes, c->shifts[kind].n > 0};
}

static struct sums plus(struct sums a, struct sums b)
{
	return (struct sums){a.minutes + b.minutes, a.days + b.days};
}

static void add_odd(struct calendar *c, int64_t day)
{
	int wd = weekday_of(day);
	struct sums plain = sums_of(c, (wd + 6) % 7, wd),
	            is = sums_of(c, kind_of(c, day - 1), kind_of(c, day));
	struct odd *o = &c->odd[c->odds];

	o->day = day;
	o->before = c->odds > 0 ? plus(o[-1].before, o[-1].here) : (struct sums){0, 0};
	o->here = (struct sums){is.minutes - plain.minutes, is.days - plain.days};
	c->odds++;
}

void calendar_ready(struct calendar *c)
{
	OBJ_CHECK(c, CALENDAR_MAGIC);
	for (int y = 0; y < KINDS; y++)
		for (int k = 0; k < KINDS; k++)
			make_plan(c, y, k, &c->plan[y][k]);
	for (int wd = 0; wd < 7; wd++)
		c->week[wd + 1] = plus(c->week[wd], sums_of(c, (wd + 6) % 7, wd));
	c->odd = arena_array(c->a, 2 * c->n + 1, sizeof(*c->odd));
	c->odds = 0;
	for (size_t i = 0; i < c->n; i++) {
		/* The day after may have another rest of a shift. */
		add_odd(c, c->except[i].day);
		if (i + 1 == c->n || c->except[i + 1].day != c->except[i].day + 1)
			add_odd(c, c->except[i].day + 1);
	}
	c->ready = true;
}

static void check_ready(const struct calendar *c)
{
	OBJ_CHECK(c, CALENDAR_MAGIC);
	must(c->ready);
}

/* Of all days before that one, counted from a Sunday long ago; only differences mean something. */
static struct sums before(const struct calendar *c, int64_t day)
{
	int64_t weeks = (day + 4) / 7 - ((day + 4) % 7 < 0);
	struct sums s = plus(
	        (struct sums){weeks * c->week[7].minutes, weeks * c->week[7].days}, c->week[weekday_of(day)]);
	size_t lo = 0, hi = c->odds;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (c->odd[mid].day < day)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo > 0 ? plus(s, plus(c->odd[lo - 1].before, c->odd[lo - 1].here)) : s;
}

static dur_us plain_work(const struct calendar *c, int64_t first, int64_t end)
{
	return (before(c, end).minutes - before(c, first).minutes) * US_MINUTE;
}

static bool has_work(const struct calendar *c)
{
	/* A make-up day works as a weekday does, so the week tells it all. */
	return c->week[7].minutes > 0;
}

bool calendar_is_workday(const struct calendar *c, int year, int month, int day)
{
	check_ready(c);
	return c->shifts[kind_of(c, civil_days(year, month, day))].n > 0;
}

/* ---- days in instants ---- */

int64_t calendar_day_of(const struct calendar *c, time_us t)
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

time_us calendar_day_begin(const struct calendar *c, int64_t day)
{
	return minute_instant(c, day, 0);
}

struct stretch {
	time_us from, to;
};

/* Period i of a day in instants. */
static struct stretch stretch_of(const struct calendar *c, int64_t day, const struct plan *p, int i)
{
	struct stretch s = {
	        minute_instant(c, day, p->period[i].from_min), minute_instant(c, day, p->period[i].to_min)};

	/* In an hour that comes twice the end may fall into the first pass, but never before the begin. */
	if (s.to < s.from)
		s.to = s.from;
	return s;
}

/* Working time of one day inside [a, b). */
static dur_us work_inside(const struct calendar *c, int64_t day, time_us a, time_us b)
{
	const struct plan *p = plan_of(c, day);
	dur_us sum = 0;

	for (int i = 0; i < p->n; i++) {
		struct stretch s = stretch_of(c, day, p, i);

		if (s.from < a)
			s.from = a;
		if (s.to > b)
			s.to = b;
		if (s.to > s.from)
			sum += s.to - s.from;
	}
	return sum;
}

/* Days that a change of the zone's offset makes longer or shorter; all others are as the plan says. */
struct uneven {
	int64_t first, end; /* past all days if there is none */
};

static struct uneven uneven_after(const struct calendar *c, int64_t day)
{
	time_us x = zone_next_change(c->zone, minute_instant(c, day, 0) - 1);

	if (x == TIME_NONE)
		return (struct uneven){INT64_MAX, INT64_MAX};
	return (struct uneven){calendar_day_of(c, x - 1), calendar_day_of(c, x) + 1};
}

/* Working time of the days from first to before end. */
static dur_us whole_work(const struct calendar *c, int64_t first, int64_t end)
{
	dur_us sum = 0;

	while (first < end) {
		struct uneven u = uneven_after(c, first);
		int64_t even = u.first < end ? u.first : end;

		if (even > first) {
			sum += plain_work(c, first, even);
			first = even;
		}
		for (; first < u.end && first < end; first++)
			sum += work_inside(c, first, INT64_MIN, INT64_MAX);
	}
	return sum;
}

dur_us calendar_between(const struct calendar *c, time_us a, time_us b)
{
	int64_t first, last;

	check_ready(c);
	if (b < a)
		return -calendar_between(c, b, a);
	if (a < FIRST_DAY * US_DAY)
		a = FIRST_DAY * US_DAY;
	if (b > LAST_DAY * US_DAY)
		b = LAST_DAY * US_DAY;
	if (b <= a || !has_work(c))
		return 0;
	first = calendar_day_of(c, a);
	last = calendar_day_of(c, b);
	if (first >= last)
		return work_inside(c, first, a, b);
	return work_inside(c, first, a, INT64_MAX) + whole_work(c, first + 1, last) +
	       work_inside(c, last, INT64_MIN, b);
}

/* ---- adding and subtracting ---- */

/* The instant on that day at which *work has passed since t, or TIME_NONE with *work less by what passed. */
static time_us spend(const struct calendar *c, int64_t day, time_us t, dur_us *work)
{
	const struct plan *p = plan_of(c, day);

	for (int i = 0; i < p->n; i++) {
		struct stretch s = stretch_of(c, day, p, i);

		if (s.from < t)
			s.from = t;
		if (s.to <= s.from)
			continue;
		if (*work <= s.to - s.from)
			return s.from + *work;
		*work -= s.to - s.from;
	}
	return TIME_NONE;
}

/* The same backwards from t. */
static time_us regain(const struct calendar *c, int64_t day, time_us t, dur_us *work)
{
	const struct plan *p = plan_of(c, day);

	for (int i = p->n - 1; i >= 0; i--) {
		struct stretch s = stretch_of(c, day, p, i);

		if (s.to > t)
			s.to = t;
		if (s.to <= s.from)
			continue;
		if (*work <= s.to - s.from)
			return s.to - *work;
		*work -= s.to - s.from;
	}
	return TIME_NONE;
}

/* The first day from `day` on, before end, in which `work` is used up; end if it is not, with *work less. */
static int64_t skip(const struct calendar *c, int64_t day, int64_t end, dur_us *work)
{
	dur_us all = plain_work(c, day, end);
	int64_t lo = day, hi = end - 1;

	if (all < *work) {
		*work -= all;
		return end;
	}
	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (plain_work(c, day, mid + 1) >= *work)
			hi = mid;
		else
			lo = mid + 1;
	}
	*work -= plain_work(c, day, lo);
	return lo;
}

/* The last day before end, from `day` on, that is needed for `work` backwards; day - 1 if all are not enough.
 */
static int64_t skip_back(const struct calendar *c, int64_t day, int64_t end, dur_us *work)
{
	dur_us all = plain_work(c, day, end);
	int64_t lo = day, hi = end - 1;

	if (all < *work) {
		*work -= all;
		return day - 1;
	}
	while (lo < hi) {
		int64_t mid = lo + (hi - lo + 1) / 2;

		if (plain_work(c, mid, end) >= *work)
			lo = mid;
		else
			hi = mid - 1;
	}
	*work -= plain_work(c, lo + 1, end);
	return lo;
}

time_us calendar_add(const struct calendar *c, time_us t, dur_us work)
{
	int64_t day;
	time_us r;

	check_ready(c);
	must(work >= 0);
	if (!has_work(c))
		return TIME_NONE;
	if (work == 0)
		return t;
	day = calendar_day_of(c, t);
	if (day < FIRST_DAY || day > LAST_DAY)
		return TIME_NONE;
	r = spend(c, day, t, &work);
	day++;
	while (r == TIME_NONE && day <= LAST_DAY) {
		struct uneven u = uneven_after(c, day);
		int64_t even = u.first <= LAST_DAY ? u.first : LAST_DAY + 1;

		if (even > day) {
			day = skip(c, day, even, &work);
			if (day < even)
				return spend(c, day, INT64_MIN, &work);
		}
		for (; r == TIME_NONE && day < u.end && day <= LAST_DAY; day++)
			r = spend(c, day, INT64_MIN, &work);
	}
	return r;
}

/* The uneven days before that day: there is no list backwards, so they are looked for from a year before. */
static struct uneven uneven_before(const struct calendar *c, int64_t day)
{
	struct uneven last = {INT64_MIN, INT64_MIN};

	for (int64_t from = day - 366; from < day;) {
		struct uneven u = uneven_after(c, from);

		if (u.first >= day)
			break;
		last = u;
		from = u.end;
	}
	return last;
}

time_us calendar_sub(const struct calendar *c, time_us t, dur_us work)
{
	int64_t day;
	time_us r;

	check_ready(c);
	must(work >= 0);
	if (!has_work(c))
		return TIME_NONE;
	if (work == 0)
		return t;
	day = calendar_day_of(c, t);
	if (day < FIRST_DAY || day > LAST_DAY)
		return TIME_NONE;
	r = regain(c, day, t, &work);
	day--;
	while (r == TIME_NONE && day >= FIRST_DAY) {
		struct uneven u = uneven_before(c, day + 1);
		/* Where no change lies within the year before, that year is even. */
		int64_t even = u.first == INT64_MIN ? day - 365 : u.end;

		if (even < FIRST_DAY)
			even = FIRST_DAY;
		if (even <= day) {
			day = skip_back(c, even, day + 1, &work);
			if (day >= even)
				return regain(c, day, INT64_MAX, &work);
		}
		for (; r == TIME_NONE && day >= u.first && u.first != INT64_MIN && day >= FIRST_DAY; day--)
			r = regain(c, day, INT64_MAX, &work);
	}
	return r;
}

/* ---- deadlines ---- */

/* The n-th work day after `day`; past LAST_DAY if there is none. */
static int64_t nth_work_day(const struct calendar *c, int64_t day, int64_t n)
{
	int64_t want = before(c, day + 1).days + n, lo = day + 1, hi = LAST_DAY + 1;

	while (lo < hi) {
		int64_t mid = lo + (hi - lo) / 2;

		if (before(c, mid + 1).days >= want)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* The end of the last shift that begins on that day. */
static time_us day_end(const struct calendar *c, int64_t day)
{
	const struct shifts *s = &c->shifts[kind_of(c, day)];

	return minute_instant(c, day, s->period[s->n - 1].to_min);
}

static time_us work_days(const struct calendar *c, time_us t, double n)
{
	int64_t day = calendar_day_of(c, t);
	double whole = floor(n), part = n - whole;
	time_us end;

	if (!has_work(c) || whole > LAST_DAY || day < FIRST_DAY || day > LAST_DAY)
		return TIME_NONE;
	if (c->shifts[kind_of(c, day)].n == 0)
		day = nth_work_day(c, day, 1);
	if (whole > 0)
		day = nth_work_day(c, day, (int64_t)whole);
	if (day > LAST_DAY)
		return TIME_NONE;
	end = day_end(c, day);
	if (end < t)
		end = t; /* no days at all, counted from an evening */
	if (part > 0) {
		/* The rest is a part of what is worked until the end of the day that follows, and is not over
		 * before a shift that runs past midnight. */
		do {
			day = nth_work_day(c, day, 1);
			if (day > LAST_DAY)
				return TIME_NONE;
		} while (day_end(c, day) < end);
		end = calendar_add(c, end, llround((double)calendar_between(c, end, day_end(c, day)) * part));
	}
	return end;
}

/* n units of time, or TIME_NONE if that leads out of the ages we count. */
static dur_us scaled(dur_us unit, double n)
{
	double d = (double)unit * n;

	return d >= 0 && d <= (double)LAST_DAY * (double)US_DAY ? llround(d) : TIME_NONE;
}

/* Past the ages we count there is no deadline. */
static time_us within(time_us t)
{
	return t < (LAST_DAY + 1) * US_DAY ? t : TIME_NONE;
}

time_us calendar_deadline(const struct calendar *c, time_us t, enum limit_unit unit, double n)
{
	dur_us d;

	check_ready(c);
	switch (unit) {
	case LIMIT_URGENT_HOUR:
		d = scaled(US_HOUR, n);
		return d == TIME_NONE ? TIME_NONE : within(time_add(c->zone, t, 0, d));
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
		return within(time_add(c->zone, t, 0, scaled(US_DAY, n - whole)));
	}
	}
	wrong("a limit unit that is not in the enum");
}

/* ---- looking ---- */

static bool year_known(const struct calendar *c, int year)
{
	for (size_t i = 0; i < c->years; i++)
		if (c->year[i] == year)
			return true;
	return c->years == 0;
}

void calendar_look(const struct calendar *c, int64_t day, struct calendar_day *out)
{
	const struct exception *x;
	const struct plan *p;
	struct civil l;
	int kind;

	check_ready(c);
	civil_from_days(day, &l);
	x = exception_of(c, day);
	p = plan_of(c, day);
	kind = kind_of(c, day);
	*out = (struct calendar_day){.weekday = weekday_of(day),
	        .as = kind != NONE ? kind : -1,
	        .make_up = x != NULL && kind != NONE,
	        .name = x != NULL ? x->name : "",
	        .work_day = c->shifts[kind].n > 0,
	        .known = year_known(c, l.year),
	        .period = p->period,
	        .periods = p->n};
}

const struct zone *calendar_zone(const struct calendar *c)
{
	return c->zone;
}

int calendar_weekday(const struct calendar *c, int weekday, const struct calendar_period **p)
{
	*p = c->shifts[weekday].period;
	return c->shifts[weekday].n;
}

int calendar_years(const struct calendar *c, const int **year)
{
	*year = c->year;
	return (int)c->years;
}

int calendar_lacks(const struct calendar *c, time_us a, time_us b)
{
	struct civil from, to;

	if (c->years == 0)
		return 0;
	zone_civil(c->zone, a < b ? a : b, &from);
	zone_civil(c->zone, a < b ? b : a, &to);
	for (int y = from.year; y <= to.year; y++)
		if (!year_known(c, y))
			return y;
	return 0;
}

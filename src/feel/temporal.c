/*
 * temporal - dates, times, durations: text, members and arithmetic. Years reach ±999,999,999, further
 * than base/time.h needs, so the calendar's own arithmetic is here; zones are base's.
 */
#include "feel/feel_int.h"

typedef struct feel_value value;

#define SECOND INT64_C(1000000000)
#define MINUTE (60 * SECOND)
#define HOUR (3600 * SECOND)
#define DAY FEEL__DAY_NANOS
#define CYCLE_DAYS 146097 /* of 400 years, after which the calendar repeats */
#define OFFSET_MAX_S (18 * 3600)
/* Zones of a bare time are read in winter of this day: 2025-01-01. */
#define TIME_ZONE_DAY 20089

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static __int128 floor_div128(__int128 a, __int128 b)
{
	return a / b - (a % b < 0);
}

/* Days since 1970-01-01; months 1 to 12. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era = floor_div(y, 400);
	int64_t yoe = y - era * 400, doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * CYCLE_DAYS + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void feel__ymd(int64_t days, int64_t *year, int *month, int *day)
{
	int64_t z = days + 719468, era = floor_div(z, CYCLE_DAYS), doe = z - era * CYCLE_DAYS;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

	*day = (int)(doy - (153 * mp + 2) / 5 + 1);
	*month = (int)(mp < 10 ? mp + 3 : mp - 9);
	*year = yoe + era * 400 + (*month <= 2);
}

static int month_days(int64_t year, int month)
{
	static const int8_t n[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	return month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : n[month - 1];
}

bool feel__date(int64_t year, int64_t month, int64_t day, value *out)
{
	if (year < -FEEL__YEAR_MAX || year > FEEL__YEAR_MAX || month < 1 || month > 12 || day < 1 ||
	        day > month_days(year, (int)month))
		return false;
	*out = (value){.type = FEEL_DATE, .moment = {.days = days_of(year, (int)month, (int)day)}};
	return true;
}

static bool days_in_range(__int128 days)
{
	return days >= days_of(-FEEL__YEAR_MAX, 1, 1) && days <= days_of(FEEL__YEAR_MAX, 12, 31);
}

/* A day of the years 2000 to 2399 with the same place in the calendar, for base's narrower range. */
static int64_t folded(int64_t days)
{
	int64_t first = days_of(2000, 1, 1);

	if (days >= days_of(1, 1, 1) && days <= days_of(9998, 12, 31))
		return days;
	return first + (days - first) - floor_div(days - first, CYCLE_DAYS) * CYCLE_DAYS;
}

/* Puts the local time into the zone: the offset that holds there and then. */
void feel__set_zone(struct feel_moment *m, const struct zone *z)
{
	int64_t year, days = folded(m->days);
	struct civil c = {0};

	feel__ymd(days, &year, &c.month, &c.day);
	c.year = (int)year;
	c.hour = (int)(m->nanos / HOUR);
	c.minute = (int)(m->nanos / MINUTE % 60);
	c.second = (int)(m->nanos / SECOND % 60);
	m->has_zone = true;
	m->zone = z;
	m->offset_s = zone_offset_s(z, zone_instant(z, &c));
}

/* Local time of an instant (nanoseconds since the epoch, UTC) for a moment that has a zone. */
static bool set_instant(struct feel_moment *m, __int128 nanos)
{
	__int128 days;

	if (m->zone) {
		int64_t day;

		days = floor_div128(nanos, DAY);
		if (!days_in_range(days))
			return false;
		day = folded((int64_t)days);
		m->offset_s = zone_offset_s(m->zone, day * US_DAY + (int64_t)((nanos - days * DAY) / 1000));
	}
	if (m->has_zone)
		nanos += (__int128)m->offset_s * SECOND;
	days = floor_div128(nanos, DAY);
	if (!days_in_range(days))
		return false;
	m->days = (int64_t)days;
	m->nanos = (int64_t)(nanos - days * DAY);
	return true;
}

__int128 feel__moment_nanos(const value *v)
{
	__int128 n = v->moment.nanos;

	if (v->type != FEEL_TIME)
		n += (__int128)v->moment.days * DAY;
	if (v->moment.has_zone)
		n -= (__int128)v->moment.offset_s * SECOND;
	return n;
}

value feel_instant(time_us t, const struct zone *z)
{
	value v = {.type = FEEL_DATETIME, .moment = {.has_zone = true, .zone = z}};

	if (!set_instant(&v.moment, (__int128)t * 1000))
		return FEEL_NULL_VALUE;
	return v;
}

time_us feel_to_instant(const value *v, const struct zone *dflt)
{
	value copy = *v;
	__int128 us;

	if (v->type != FEEL_DATE && v->type != FEEL_DATETIME)
		return TIME_NONE;
	if (!copy.moment.has_zone)
		feel__set_zone(&copy.moment, dflt ? dflt : zone_utc());
	us = floor_div128(feel__moment_nanos(&copy), 1000);
	return us <= INT64_MIN || us > INT64_MAX ? TIME_NONE : (time_us)us;
}

value feel__now(struct feel_run *r)
{
	return feel_instant(r->now, r->zone);
}

/* ---- reading ---- */

/* Between min and max digits. */
static bool digits(struct str *s, size_t min, size_t max, int64_t *out)
{
	size_t n = 0;
	int64_t v = 0;

	while (n < s->n && n < max && s->p[n] >= '0' && s->p[n] <= '9')
		v = v * 10 + (s->p[n++] - '0');
	if (n < min || (n < s->n && s->p[n] >= '0' && s->p[n] <= '9'))
		return false;
	s->p += n;
	s->n -= n;
	*out = v;
	return true;
}

static bool eat(struct str *s, char c)
{
	if (!s->n || *s->p != c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* Digits after the point as nanoseconds; more than nine are cut off. */
static bool fraction(struct str *s, int64_t *nanos)
{
	int64_t v = 0, unit = SECOND / 10;
	size_t n = 0;

	while (n < s->n && s->p[n] >= '0' && s->p[n] <= '9') {
		v += (s->p[n++] - '0') * unit;
		unit /= 10;
	}
	s->p += n;
	s->n -= n;
	*nanos = v;
	return n > 0;
}

static bool read_date(struct str *s, value *out)
{
	bool negative = eat(s, '-');
	int64_t y, m, d;
	bool zero = s->n && *s->p == '0';
	const char *from = s->p;

	if (!digits(s, 4, 9, &y) || (zero && s->p - from > 4) || !eat(s, '-') || !digits(s, 2, 2, &m) ||
	        !eat(s, '-') || !digits(s, 2, 2, &d))
		return false;
	return feel__date(negative ? -y : y, m, d, out);
}

/* "Z", "+08:00" or "-05:00:30": what a zone without a name is in XML Schema. All that is left. */
static bool read_offset(struct str *s, struct feel_moment *t)
{
	int64_t oh, om, os = 0;
	bool west;

	t->has_zone = true;
	if (eat(s, 'Z') || eat(s, 'z'))
		return s->n == 0;
	west = eat(s, '-');
	if (!west && !eat(s, '+'))
		return false;
	if (!digits(s, 2, 2, &oh) || !eat(s, ':') || !digits(s, 2, 2, &om) ||
	        (eat(s, ':') && !digits(s, 2, 2, &os)) || om > 59 || os > 59)
		return false;
	t->offset_s = (int32_t)(oh * 3600 + om * 60 + os);
	if (t->offset_s > OFFSET_MAX_S)
		return false;
	if (west)
		t->offset_s = -t->offset_s;
	return s->n == 0;
}

/* The name of a zone, after the @. */
static bool read_zone_name(struct str *s, struct feel_moment *t)
{
	char name[64];

	if (!s->n || s->n >= sizeof(name))
		return false;
	for (size_t i = 0; i < s->n; i++) { /* of the tz database; nothing else reaches the file system */
		char c = s->p[i];

		if (!((c | 32) >= 'a' && (c | 32) <= 'z') && !(c >= '0' && c <= '9') && !strchr("/_+-", c))
			return false;
	}
	memcpy(name, s->p, s->n);
	name[s->n] = 0;
	s->n = 0;
	t->has_zone = true;
	return zone_load(name, &t->zone, NULL) == 0;
}

static bool read_time(struct str *s, value *out)
{
	int64_t h, m, sec, frac = 0;
	struct feel_moment *t = &out->moment;

	if (!digits(s, 2, 2, &h) || !eat(s, ':') || !digits(s, 2, 2, &m) || !eat(s, ':') ||
	        !digits(s, 2, 2, &sec))
		return false;
	if (eat(s, '.') && !fraction(s, &frac))
		return false;
	if (h > 23 || m > 59 || sec > 59)
		return false;
	*t = (struct feel_moment){.nanos = h * HOUR + m * MINUTE + sec * SECOND + frac};
	if (s->n == 0)
		return true;
	return eat(s, '@') ? read_zone_name(s, t) : read_offset(s, t);
}

bool feel__parse_date(struct str s, value *out)
{
	return read_date(&s, out) && s.n == 0;
}

bool feel__parse_time(struct str s, value *out)
{
	value v = {.type = FEEL_TIME};

	if (!read_time(&s, &v))
		return false;
	if (v.moment.zone) {
		v.moment.days = TIME_ZONE_DAY;
		feel__set_zone(&v.moment, v.moment.zone);
		v.moment.days = 0;
	}
	*out = v;
	return true;
}

bool feel__parse_datetime(struct str s, value *out)
{
	value date, time = {.type = FEEL_TIME};

	if (!read_date(&s, &date))
		return false;
	if (s.n && *s.p != 'T') {
		if (!read_offset(&s, &time.moment)) /* its midnight: "2012-03-07Z" */
			return false;
	} else if (s.n && (!eat(&s, 'T') || !read_time(&s, &time))) {
		return false;
	}
	time.type = FEEL_DATETIME;
	time.moment.days = date.moment.days;
	if (time.moment.zone)
		feel__set_zone(&time.moment, time.moment.zone);
	*out = time;
	return true;
}

bool feel__parse_duration(struct str s, value *out)
{
	static const struct {
		char unit;
		bool time, months;
		int64_t size;
	} parts[] = {{'Y', false, true, 12}, {'M', false, true, 1}, {'D', false, false, DAY},
	        {'H', true, false, HOUR}, {'M', true, false, MINUTE}, {'S', true, false, SECOND}};
	bool negative = eat(&s, '-'), time = false, any = false, has_months = false, has_days = false;
	__int128 nanos = 0;
	int64_t months = 0, n, frac;
	size_t next = 0;

	if (!eat(&s, 'P'))
		return false;
	while (s.n) {
		bool point = false;

		if (!time && eat(&s, 'T')) {
			time = true;
			if (!s.n)
				return false;
		}
		if (!digits(&s, 1, 17, &n))
			return false;
		frac = 0;
		if (eat(&s, '.')) {
			point = true;
			if (!fraction(&s, &frac))
				return false;
		}
		while (next < ARRAY_LEN(parts) &&
		        !(s.n && *s.p == parts[next].unit && time == parts[next].time))
			next++;
		if (next == ARRAY_LEN(parts) || (point && *s.p != 'S'))
			return false;
		eat(&s, *s.p);
		if (parts[next].months) {
			int64_t more;

			has_months = true;
			if (__builtin_mul_overflow(n, parts[next].size, &more) ||
			        __builtin_add_overflow(months, more, &months))
				return false;
		} else {
			has_days = true;
			nanos += (__int128)n * parts[next].size + frac;
		}
		any = true;
		next++;
	}
	if (!any || (has_months && has_days))
		return false;
	if (has_months)
		*out = (value){.type = FEEL_MONTHS, .months = negative ? -months : months};
	else
		*out = (value){.type = FEEL_DAYS, .nanos = negative ? -nanos : nanos};
	return true;
}

bool feel_parse_at(struct str s, value *out)
{
	return feel__parse_date(s, out) || feel__parse_time(s, out) || feel__parse_duration(s, out) ||
	       feel__parse_datetime(s, out);
}

/* ---- writing ---- */

static void write_fraction(struct sb *b, int64_t nanos)
{
	char text[16];
	int n = 9;

	if (!nanos)
		return;
	snprintf(text, sizeof(text), "%09lld", (long long)nanos);
	while (text[n - 1] == '0')
		n--;
	sb_putc(b, '.');
	sb_put(b, text, (size_t)n);
}

static void write_date(struct sb *b, int64_t days)
{
	int64_t y;
	int m, d;

	feel__ymd(days, &y, &m, &d);
	sb_printf(b, "%s%04lld-%02d-%02d", y < 0 ? "-" : "", (long long)(y < 0 ? -y : y), m, d);
}

static void write_time(struct sb *b, const struct feel_moment *t)
{
	int offset = t->offset_s < 0 ? -t->offset_s : t->offset_s;

	sb_printf(b, "%02d:%02d:%02d", (int)(t->nanos / HOUR), (int)(t->nanos / MINUTE % 60),
	        (int)(t->nanos / SECOND % 60));
	write_fraction(b, t->nanos % SECOND);
	if (!t->has_zone)
		return;
	if (t->zone && strchr(zone_name(t->zone), '/')) {
		sb_printf(b, "@%s", zone_name(t->zone));
	} else if (offset == 0) {
		sb_putc(b, 'Z');
	} else {
		sb_printf(b, "%c%02d:%02d", t->offset_s < 0 ? '-' : '+', offset / 3600, offset / 60 % 60);
		if (offset % 60)
			sb_printf(b, ":%02d", offset % 60);
	}
}

/* Whole numbers beyond 64 bits: durations of many years in nanoseconds, divided to days. */
static void write_days(struct sb *b, __int128 n)
{
	struct feel_number number = {(unsigned __int128)n, 0, false};

	feel_number_write(b, number);
}

static void write_duration(struct sb *b, __int128 n)
{
	bool negative = n < 0;
	int64_t rest;

	if (negative)
		n = -n;
	rest = (int64_t)(n % DAY);
	sb_puts(b, negative ? "-P" : "P");
	if (n >= DAY) {
		write_days(b, n / DAY);
		sb_putc(b, 'D');
	}
	if (rest || n == 0)
		sb_putc(b, 'T');
	if (rest / HOUR)
		sb_printf(b, "%dH", (int)(rest / HOUR));
	if (rest / MINUTE % 60)
		sb_printf(b, "%dM", (int)(rest / MINUTE % 60));
	if (rest % MINUTE || n == 0) {
		sb_printf(b, "%d", (int)(rest / SECOND % 60));
		write_fraction(b, rest % SECOND);
		sb_putc(b, 'S');
	}
}

static void write_months(struct sb *b, int64_t months)
{
	uint64_t n = months < 0 ? 0 - (uint64_t)months : (uint64_t)months;

	sb_puts(b, months < 0 ? "-P" : "P");
	if (n / 12)
		sb_printf(b, "%lluY", (unsigned long long)(n / 12));
	if (n % 12 || n == 0)
		sb_printf(b, "%dM", (int)(n % 12));
}

void feel__write_temporal(const value *v, struct sb *b)
{
	switch (v->type) {
	case FEEL_DATE: write_date(b, v->moment.days); break;
	case FEEL_TIME: write_time(b, &v->moment); break;
	case FEEL_DATETIME:
		write_date(b, v->moment.days);
		sb_putc(b, 'T');
		write_time(b, &v->moment);
		break;
	case FEEL_DAYS: write_duration(b, v->nanos); break;
	case FEEL_MONTHS: write_months(b, v->months); break;
	default: wrong("not temporal");
	}
}

/* ---- members ---- */

static value seconds(__int128 nanos)
{
	bool negative = nanos < 0;

	return (value){.type = FEEL_NUMBER,
	        .number = {(unsigned __int128)(negative ? -nanos : nanos), -9, negative}};
}

static bool date_member(int64_t days, struct str name, value *out)
{
	int64_t y;
	int m, d;

	feel__ymd(days, &y, &m, &d);
	if (str_is(name, "year"))
		*out = feel_int(y);
	else if (str_is(name, "month"))
		*out = feel_int(m);
	else if (str_is(name, "day"))
		*out = feel_int(d);
	else if (str_is(name, "weekday")) /* 1970-01-01 was a Thursday; Monday is 1 */
		*out = feel_int(days + 3 - floor_div(days + 3, 7) * 7 + 1);
	else
		return false;
	return true;
}

static bool time_member(const struct feel_moment *t, struct str name, value *out)
{
	if (str_is(name, "hour")) {
		*out = feel_int(t->nanos / HOUR);
	} else if (str_is(name, "minute")) {
		*out = feel_int(t->nanos / MINUTE % 60);
	} else if (str_is(name, "second")) {
		*out = seconds(t->nanos % MINUTE);
	} else if (str_is(name, "time offset")) {
		*out = t->has_zone ? (value){.type = FEEL_DAYS, .nanos = (__int128)t->offset_s * SECOND}
		                   : FEEL_NULL_VALUE;
	} else if (str_is(name, "timezone")) {
		*out = t->zone ? feel_string(str_of(zone_name(t->zone))) : FEEL_NULL_VALUE;
	} else {
		return false;
	}
	return true;
}

bool feel__temporal_member(const value *v, struct str name, value *out)
{
	switch (v->type) {
	case FEEL_DATE: return date_member(v->moment.days, name, out);
	case FEEL_DATETIME:
		return date_member(v->moment.days, name, out) || time_member(&v->moment, name, out);
	case FEEL_TIME: return time_member(&v->moment, name, out);
	case FEEL_MONTHS:
		if (str_is(name, "years"))
			*out = feel_int(v->months / 12);
		else if (str_is(name, "months"))
			*out = feel_int(v->months % 12);
		else
			return false;
		return true;
	case FEEL_DAYS:
		if (str_is(name, "days"))
			*out = seconds(v->nanos / DAY * SECOND);
		else if (str_is(name, "hours"))
			*out = feel_int((int64_t)(v->nanos / HOUR % 24));
		else if (str_is(name, "minutes"))
			*out = feel_int((int64_t)(v->nanos / MINUTE % 60));
		else if (str_is(name, "seconds"))
			*out = seconds(v->nanos % MINUTE);
		else
			return false;
		return true;
	default: return false;
	}
}

/* ---- arithmetic ---- */

static bool add_months(const value *v, int64_t months, value *out)
{
	int64_t y, total;
	int m, d, most;
	value date;

	feel__ymd(v->moment.days, &y, &m, &d);
	if (__builtin_add_overflow(y * 12 + (m - 1), months, &total))
		return false;
	y = floor_div(total, 12);
	m = (int)(total - y * 12) + 1;
	if (y < -FEEL__YEAR_MAX || y > FEEL__YEAR_MAX)
		return false;
	most = month_days(y, m);
	if (!feel__date(y, m, d > most ? most : d, &date))
		return false;
	*out = *v;
	out->moment.days = date.moment.days;
	if (out->moment.zone)
		feel__set_zone(&out->moment, out->moment.zone);
	return true;
}

/* Nanoseconds of about ±300 billion years: beyond, a duration is an error, and nothing overflows. */
#define NANOS_MAX ((__int128)INT64_MAX * SECOND)

static bool add_nanos(const value *v, __int128 nanos, value *out)
{
	__int128 t;

	if (nanos > NANOS_MAX || nanos < -NANOS_MAX)
		return false;
	*out = *v;
	switch (v->type) {
	case FEEL_TIME:
		t = v->moment.nanos + nanos % DAY;
		out->moment.nanos = (int64_t)(t - floor_div128(t, DAY) * DAY);
		return true;
	case FEEL_DATE:
		t = v->moment.days + floor_div128(nanos, DAY);
		if (!days_in_range(t))
			return false;
		out->moment.days = (int64_t)t;
		return true;
	default: return set_instant(&out->moment, feel__moment_nanos(v) + nanos);
	}
}

static bool is_moment(const value *v)
{
	return v->type == FEEL_DATE || v->type == FEEL_TIME || v->type == FEEL_DATETIME;
}

static bool is_duration(const value *v)
{
	return v->type == FEEL_DAYS || v->type == FEEL_MONTHS;
}

static bool difference(const value *a, const value *b, value *out)
{
	value x = *a, y = *b;

	if ((x.type == FEEL_TIME) != (y.type == FEEL_TIME))
		return false;
	/* a date among date-times is its midnight, UTC */
	if (x.type != y.type) {
		if (x.type == FEEL_DATE)
			x = (value){
			        .type = FEEL_DATETIME, .moment = {.days = x.moment.days, .has_zone = true}};
		if (y.type == FEEL_DATE)
			y = (value){
			        .type = FEEL_DATETIME, .moment = {.days = y.moment.days, .has_zone = true}};
	}
	if (x.moment.has_zone != y.moment.has_zone)
		return false;
	*out = (value){.type = FEEL_DAYS, .nanos = feel__moment_nanos(&x) - feel__moment_nanos(&y)};
	return true;
}

static struct feel_number duration_number(const value *v)
{
	__int128 n = v->type == FEEL_DAYS ? v->nanos : v->months;

	return (struct feel_number){(unsigned __int128)(n < 0 ? -n : n), 0, n < 0};
}

static bool number_duration(enum feel_type type, struct feel_number n, value *out)
{
	__int128 whole;

	if (!feel_number_round(n, 0, FEEL_ROUND_DOWN, &n))
		return false;
	while (n.exponent > 0 && n.coefficient < (unsigned __int128)1 << 120) {
		n.coefficient *= 10;
		n.exponent--;
	}
	if (n.exponent > 0 || n.coefficient > (unsigned __int128)NANOS_MAX)
		return false;
	whole = (__int128)n.coefficient;
	if (n.negative)
		whole = -whole;
	if (type == FEEL_DAYS) {
		*out = (value){.type = FEEL_DAYS, .nanos = whole};
		return true;
	}
	if (whole > INT64_MAX || whole < -INT64_MAX)
		return false;
	*out = (value){.type = FEEL_MONTHS, .months = (int64_t)whole};
	return true;
}

static bool scale_duration(char op, const value *a, const value *b, value *out)
{
	struct feel_number n;

	if (op == '*' && a->type == FEEL_NUMBER)
		return scale_duration(op, b, a, out);
	if (op == '/' && a->type == b->type) {
		out->type = FEEL_NUMBER;
		return feel_number_div(duration_number(a), duration_number(b), &out->number);
	}
	if (!is_duration(a) || b->type != FEEL_NUMBER)
		return false;
	n = duration_number(a);
	if (op == '*' ? !feel_number_mul(n, b->number, &n) : !feel_number_div(n, b->number, &n))
		return false;
	return number_duration(a->type, n, out);
}

bool feel__temporal_arith(struct feel_run *r, char op, const value *a, const value *b, value *out)
{
	value v = FEEL_NULL_VALUE;
	bool ok = false, minus = op == '-';

	if (!(is_moment(a) || is_duration(a) || is_moment(b) || is_duration(b)))
		return false;
	if (op == '*' || op == '/') {
		if (!is_duration(a) && !is_duration(b))
			return false;
		ok = scale_duration(op, a, b, &v);
	} else if (op == '+' && is_duration(a) && is_moment(b)) {
		return feel__temporal_arith(r, op, b, a, out);
	} else if (op != '+' && op != '-') {
		return false;
	} else if (is_moment(a) && is_duration(b)) {
		if (b->type == FEEL_MONTHS)
			ok = a->type != FEEL_TIME && b->months != INT64_MIN &&
			     add_months(a, minus ? -b->months : b->months, &v);
		else
			ok = add_nanos(a, minus ? -b->nanos : b->nanos, &v);
	} else if (minus && is_moment(a) && is_moment(b)) {
		ok = difference(a, b, &v);
	} else if (a->type == FEEL_DAYS && b->type == FEEL_DAYS) {
		v = (value){.type = FEEL_DAYS, .nanos = minus ? a->nanos - b->nanos : a->nanos + b->nanos};
		ok = v.nanos <= NANOS_MAX && v.nanos >= -NANOS_MAX;
	} else if (a->type == FEEL_MONTHS && b->type == FEEL_MONTHS) {
		v.type = FEEL_MONTHS;
		ok = minus ? !__builtin_sub_overflow(a->months, b->months, &v.months)
		           : !__builtin_add_overflow(a->months, b->months, &v.months);
	} else {
		return false;
	}
	*out = ok ? v
	          : feel__fail(r, "%s %c %s has no result", feel__type_name(a->type), op,
	                    feel__type_name(b->type));
	return true;
}

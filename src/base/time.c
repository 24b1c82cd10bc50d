#include "base/time.h"

/* Instants and civil time: arithmetic only. Zones are in zone.c. */

#define SECONDS_DAY 86400

static time_us clamp(__int128 t)
{
	/* TIME_NONE is not an instant, so the earliest one is its neighbour. */
	if (t <= INT64_MIN)
		return INT64_MIN + 1;
	if (t > INT64_MAX)
		return INT64_MAX;
	return (time_us)t;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* Eras of 400 years, and years that begin in March, so that the leap day is the last of its year
 * (the well-known method of Howard Hinnant). */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = floor_div(y, 400), yoe = y - era * 400;
	int64_t doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * 146097 + doe - 719468;
}

int64_t civil_days(int year, int month, int day)
{
	return days_of(year, month, day);
}

void civil_from_days(int64_t days, struct civil *c)
{
	int64_t z = days + 719468;
	int64_t era = floor_div(z, 146097), doe = z - era * 146097;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;

	*c = (struct civil){0};
	c->day = (int)(doy - (153 * mp + 2) / 5 + 1);
	c->month = (int)(mp < 10 ? mp + 3 : mp - 9);
	c->year = (int)(yoe + era * 400 + (c->month <= 2));
	c->weekday = (int)(days + 4 - floor_div(days + 4, 7) * 7);
	c->yearday = (int)(days - days_of(c->year, 1, 1) + 1);
}

int civil_month_days(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

	if (month < 1 || month > 12)
		return 0;
	if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
		return 29;
	return days[month - 1];
}

time_us civil_to_utc(const struct civil *c)
{
	int64_t months = (int64_t)c->year * 12 + c->month - 1;
	int64_t year = floor_div(months, 12);
	__int128 s = days_of(year, (int)(months - year * 12) + 1, 1) + c->day - 1;

	s = s * SECONDS_DAY + (int64_t)c->hour * 3600 + (int64_t)c->minute * 60 + c->second;
	return clamp(s * US_SECOND + c->micro);
}

void civil_from_utc(time_us t, struct civil *c)
{
	int64_t days = floor_div(t, US_DAY), us = t % US_DAY;

	if (us < 0)
		us += US_DAY;
	civil_from_days(days, c);
	c->micro = (int)(us % US_SECOND);
	us /= US_SECOND;
	c->second = (int)(us % 60);
	c->minute = (int)(us / 60 % 60);
	c->hour = (int)(us / 3600);
}

/* Reads exactly n digits; -1 if they are not there. */
static int take_digits(struct str *s, size_t n)
{
	int v = 0;

	if (s->n < n)
		return -1;
	for (size_t i = 0; i < n; i++) {
		unsigned d = (unsigned)(s->p[i] - '0');
		if (d > 9)
			return -1;
		v = v * 10 + (int)d;
	}
	s->p += n;
	s->n -= n;
	return v;
}

static bool take_char(struct str *s, char c)
{
	if (s->n == 0 || *s->p != c)
		return false;
	s->p++;
	s->n--;
	return true;
}

/* ".25" as microseconds; digits past the sixth are dropped. */
static bool take_fraction(struct str *s, int *micro)
{
	int unit = 100000, digits = 0;

	*micro = 0;
	for (; s->n > 0 && *s->p >= '0' && *s->p <= '9'; s->p++, s->n--, digits++) {
		*micro += (*s->p - '0') * unit;
		unit /= 10;
	}
	return digits > 0;
}

bool time_parse(struct str s, const struct zone *z, time_us *out)
{
	struct civil c = {0};
	int sign, hours, minutes;

	if ((c.year = take_digits(&s, 4)) < 0 || !take_char(&s, '-'))
		return false;
	if ((c.month = take_digits(&s, 2)) < 0 || !take_char(&s, '-'))
		return false;
	if ((c.day = take_digits(&s, 2)) < 1 || c.day > civil_month_days(c.year, c.month))
		return false;
	if (s.n == 0) {
		if (!z)
			return false;
		*out = zone_instant(z, &c);
		return true;
	}
	if (!take_char(&s, 'T') && !take_char(&s, 't') && !take_char(&s, ' '))
		return false;
	if ((c.hour = take_digits(&s, 2)) < 0 || c.hour > 23 || !take_char(&s, ':'))
		return false;
	if ((c.minute = take_digits(&s, 2)) < 0 || c.minute > 59 || !take_char(&s, ':'))
		return false;
	/* A leap second is the first of the next minute: POSIX time has no place of its own for it. */
	if ((c.second = take_digits(&s, 2)) < 0 || c.second > 60)
		return false;
	if (take_char(&s, '.') && !take_fraction(&s, &c.micro))
		return false;
	if (s.n == 0) {
		if (!z)
			return false;
		*out = zone_instant(z, &c);
		return true;
	}
	if (take_char(&s, 'Z') || take_char(&s, 'z')) {
		*out = civil_to_utc(&c);
		return s.n == 0;
	}
	sign = take_char(&s, '+') ? 1 : take_char(&s, '-') ? -1 : 0;
	if (sign == 0 || (hours = take_digits(&s, 2)) < 0 || hours > 23 || !take_char(&s, ':'))
		return false;
	if ((minutes = take_digits(&s, 2)) < 0 || minutes > 59 || s.n > 0)
		return false;
	*out = civil_to_utc(&c) - sign * (hours * US_HOUR + minutes * US_MINUTE);
	return true;
}

static char *put_digits(char *p, int v, int n)
{
	for (int i = n - 1; i >= 0; i--, v /= 10)
		p[i] = (char)('0' + v % 10);
	return p + n;
}

const char *time_format(time_us t, const struct zone *z, char *buf)
{
	struct civil c;
	char *p = buf;
	int offset = z ? zone_offset_s(z, t) / 60 * 60 : 0, year;

	/* RFC 3339 has no seconds in an offset; old local mean times do. The offset is cut to minutes
	 * and the clock time follows it, so that the text still names the same instant. */
	civil_from_utc(clamp((__int128)t + (int64_t)offset * US_SECOND), &c);
	year = c.year;
	if (year < 0) {
		*p++ = '-';
		year = -year;
	}
	p = put_digits(p, year, year > 99999 ? 6 : year > 9999 ? 5 : 4);
	*p++ = '-';
	p = put_digits(p, c.month, 2);
	*p++ = '-';
	p = put_digits(p, c.day, 2);
	*p++ = 'T';
	p = put_digits(p, c.hour, 2);
	*p++ = ':';
	p = put_digits(p, c.minute, 2);
	*p++ = ':';
	p = put_digits(p, c.second, 2);
	if (c.micro) {
		*p++ = '.';
		p = c.micro % 1000 ? put_digits(p, c.micro, 6) : put_digits(p, c.micro / 1000, 3);
	}
	if (!z || z == zone_utc()) {
		*p++ = 'Z';
	} else {
		*p++ = offset < 0 ? '-' : '+';
		offset = (offset < 0 ? -offset : offset) / 60;
		p = put_digits(p, offset / 60, 2);
		*p++ = ':';
		p = put_digits(p, offset % 60, 2);
	}
	*p = 0;
	return buf;
}

/* A run of digits as a number; false if there is none or it does not fit. */
static bool take_number(struct str *s, int64_t *out)
{
	int64_t v = 0;
	size_t i = 0;

	for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
		if (__builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, s->p[i] - '0', &v))
			return false;
	}
	s->p += i;
	s->n -= i;
	*out = v;
	return i > 0;
}

/* *sum += n * unit, false on overflow. */
static bool add_units(int64_t n, dur_us unit, dur_us *sum)
{
	dur_us d;

	return !__builtin_mul_overflow(n, unit, &d) && !__builtin_add_overflow(*sum, d, sum);
}

static const struct dur_unit {
	const char *name;
	dur_us us;
	bool only_whole; /* written only when nothing is left over: 90d reads better than 12w6d */
} dur_units[] = {
        {"y", 365 * US_DAY, true},
        {"w", 7 * US_DAY, true},
        {"d", US_DAY, false},
        {"h", US_HOUR, false},
        {"m", US_MINUTE, false},
        {"s", US_SECOND, false},
        {"ms", US_MS, false},
};

bool dur_parse(struct str s, dur_us *out)
{
	size_t unit = 0;
	dur_us sum = 0;

	if (str_is(s, "0")) {
		*out = 0;
		return true;
	}
	if (s.n == 0)
		return false;
	while (s.n > 0) {
		int64_t n;
		struct str name = {s.p, 0};
		if (!take_number(&s, &n))
			return false;
		name.p = s.p;
		while (name.n < s.n && s.p[name.n] >= 'a' && s.p[name.n] <= 'z')
			name.n++;
		/* From large to small, each at most once. */
		while (unit < ARRAY_LEN(dur_units) && !str_is(name, dur_units[unit].name))
			unit++;
		if (unit == ARRAY_LEN(dur_units) || !add_units(n, dur_units[unit].us, &sum))
			return false;
		unit++;
		s.p += name.n;
		s.n -= name.n;
	}
	*out = sum;
	return true;
}

/* Below a millisecond there is no unit; the rest is dropped, as Prometheus does. */
const char *dur_format(dur_us d, char *buf)
{
	uint64_t ms = (d < 0 ? -(uint64_t)d : (uint64_t)d) / 1000;
	size_t at = 0;

	if (ms == 0) {
		memcpy(buf, "0s", 3);
		return buf;
	}
	if (d < 0)
		buf[at++] = '-';
	for (size_t i = 0; i < ARRAY_LEN(dur_units); i++) {
		uint64_t unit = (uint64_t)(dur_units[i].us / 1000), n = ms / unit;
		if (n == 0 || (dur_units[i].only_whole && ms % unit != 0))
			continue;
		at += (size_t)snprintf(buf + at, 32 - at, "%llu%s", (unsigned long long)n, dur_units[i].name);
		ms %= unit;
	}
	return buf;
}

bool dur_parse_iso(struct str s, int *months, dur_us *rest)
{
	static const struct {
		char letter;
		bool time; /* behind the T */
		int months;
		dur_us us;
	} units[] = {
	        {'Y', false, 12, 0},
	        {'M', false, 1, 0},
	        {'W', false, 0, 7 * US_DAY},
	        {'D', false, 0, US_DAY},
	        {'H', true, 0, US_HOUR},
	        {'M', true, 0, US_MINUTE},
	        {'S', true, 0, US_SECOND},
	};
	bool negative = take_char(&s, '-'), in_time = false, any = false;
	int64_t month_sum = 0;
	dur_us sum = 0;
	size_t unit = 0;

	if (!take_char(&s, 'P'))
		return false;
	while (s.n > 0) {
		int64_t n;
		int micro = 0;
		bool fraction;
		if (!in_time && take_char(&s, 'T')) {
			in_time = true;
			any = false;
		}
		if (!take_number(&s, &n))
			return false;
		fraction = take_char(&s, '.');
		if ((fraction && !take_fraction(&s, &micro)) || s.n == 0)
			return false;
		while (unit < ARRAY_LEN(units) && (units[unit].letter != *s.p || units[unit].time != in_time))
			unit++;
		if (unit == ARRAY_LEN(units) || (fraction && *s.p != 'S'))
			return false;
		if (!add_units(n, units[unit].us, &sum) || !add_units(n, units[unit].months, &month_sum) ||
		        __builtin_add_overflow(sum, micro, &sum) || month_sum > INT32_MAX)
			return false;
		any = true;
		unit++;
		s.p++;
		s.n--;
	}
	if (!any)
		return false;
	*months = (int)(negative ? -month_sum : month_sum);
	*rest = negative ? -sum : sum;
	return true;
}

time_us time_add(const struct zone *z, time_us t, int months, dur_us rest)
{
	if (months != 0) {
		struct civil c;
		int64_t total, year;
		int last;
		zone_civil(z, t, &c);
		total = (int64_t)c.year * 12 + c.month - 1 + months;
		year = floor_div(total, 12);
		if (year > 400000 || year < -400000)
			return clamp(year < 0 ? INT64_MIN : INT64_MAX);
		c.year = (int)year;
		c.month = (int)(total - year * 12) + 1;
		last = civil_month_days(c.year, c.month);
		if (c.day > last)
			c.day = last;
		t = zone_instant(z, &c);
	}
	return clamp((__int128)t + rest);
}

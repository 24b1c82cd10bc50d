#include "ingest/timescan.h"

static bool digits(struct str s, size_t *i, int most, int *out)
{
	size_t from = *i;

	*out = 0;
	while (*i < s.n && *i - from < (size_t)most && s.p[*i] >= '0' && s.p[*i] <= '9')
		*out = *out * 10 + (s.p[(*i)++] - '0');
	return *i > from;
}

static bool offset(struct str s, size_t *i, int *out_s)
{
	int h = 0, m = 0, sign;

	if (*i < s.n && (s.p[*i] == 'Z' || s.p[*i] == 'z')) {
		(*i)++;
		*out_s = 0;
		return true;
	}
	if (*i == s.n || (s.p[*i] != '+' && s.p[*i] != '-'))
		return false;
	sign = s.p[(*i)++] == '-' ? -1 : 1;
	if (!digits(s, i, 2, &h))
		return false;
	if (*i < s.n && s.p[*i] == ':')
		(*i)++;
	if (!digits(s, i, 2, &m))
		m = 0;
	*out_s = sign * (h * 3600 + m * 60);
	return h < 24 && m < 60;
}

bool time_scan_valid(const char *f)
{
	for (; *f != '\0'; f++)
		if (*f == '%' && (f[1] == '\0' || strchr("YymdHMSfz%", *++f) == NULL))
			return false;
	return true;
}

static bool fraction(struct str s, size_t *i, int *micro)
{
	int unit = 100000;

	if (*i == s.n || s.p[*i] < '0' || s.p[*i] > '9')
		return false;
	for (*micro = 0; *i < s.n && s.p[*i] >= '0' && s.p[*i] <= '9'; (*i)++, unit /= 10)
		*micro += unit * (s.p[*i] - '0');
	return true;
}

static bool scan_part(char part, struct str s, size_t *i, struct civil *c, int *east_s, bool *east)
{
	switch (part) {
	case 'Y': return digits(s, i, 4, &c->year);
	case 'y':
		if (!digits(s, i, 2, &c->year))
			return false;
		c->year += c->year < 70 ? 2000 : 1900;
		return true;
	case 'm': return digits(s, i, 2, &c->month);
	case 'd': return digits(s, i, 2, &c->day);
	case 'H': return digits(s, i, 2, &c->hour);
	case 'M': return digits(s, i, 2, &c->minute);
	case 'S': return digits(s, i, 2, &c->second);
	case 'f': return fraction(s, i, &c->micro);
	case 'z': *east = true; return offset(s, i, east_s);
	default: return *i < s.n && s.p[(*i)++] == part;
	}
}

bool time_scan(struct str s, const char *f, const struct zone *zone, time_us *out)
{
	struct civil c = {.year = 1970, .month = 1, .day = 1};
	size_t i = 0;
	int east_s = 0;
	bool east = false;

	for (; *f != '\0'; f++) {
		if (*f == ' ') {
			while (i < s.n && s.p[i] == ' ')
				i++;
		} else if (*f == '%') {
			if (!scan_part(*++f, s, &i, &c, &east_s, &east))
				return false;
		} else if (i == s.n || s.p[i++] != *f) {
			return false;
		}
	}
	if (i != s.n || c.month < 1 || c.month > 12 || c.day < 1 ||
	        c.day > civil_month_days(c.year, c.month) || c.hour > 24 || c.minute > 59 || c.second > 60 ||
	        (c.hour == 24 && (c.minute > 0 || c.second > 0)))
		return false;
	*out = east ? civil_to_utc(&c) - east_s * US_SECOND : zone_instant(zone, &c);
	return true;
}

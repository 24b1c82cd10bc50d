#include "base/time_int.h"

#include <pthread.h>
#include <sys/stat.h>

/*
 * Zones: fixed offsets, and TZif files (RFC 8536) with the POSIX TZ rule in their footer, which
 * says what holds after the last transition written out.
 */

#define TZ_DIR "/usr/share/zoneinfo"
#define TZIF_MAX (1024 * 1024)
#define RULE_TIME_MAX (167 * 3600)

/* One end of summer time, as POSIX writes it. */
struct rule {
	enum { RULE_MONTH_WEEK_DAY, RULE_JULIAN, RULE_DAY } kind;
	int month, week; /* week 5: the last */
	int day;         /* weekday, 1-365 without the leap day, or 0-365 */
	int time_s;      /* local time at which it comes, -167…167 hours */
};

struct zone {
	struct zone *next; /* in `loaded` */
	char name[64];
	int n;           /* transitions */
	int64_t *at;     /* seconds since 1970, rising */
	int32_t *offset; /* from at[i] on */
	int32_t first;   /* before at[0] */
	bool has_footer, has_dst;
	int32_t std, dst; /* of the footer, seconds east */
	struct rule from, to;
};

static const struct zone utc = {.name = "UTC"};

static pthread_mutex_t loaded_lock = PTHREAD_MUTEX_INITIALIZER;
static struct zone *loaded; /* under loaded_lock; only ever grows */

void zone__free(struct zone **pz)
{
	struct zone *z = *pz;

	if (!z)
		return;
	*pz = NULL;
	free(z->at);
	free(z->offset);
	free(z);
}

/* No place on earth is a day away from UTC; zone_instant() counts on it. */
static bool offset_is_sane(int32_t offset)
{
	return offset > -86400 && offset < 86400;
}

/* POSIX TZ: a small recursive-descent reader over a NUL-terminated text; each step moves *p. */

static bool read_name(const char **p)
{
	const char *s = *p;

	if (*s == '<') {
		while (*s && *s != '>')
			s++;
		if (*s != '>')
			return false;
		*p = s + 1;
		return true;
	}
	while ((*s >= 'A' && *s <= 'Z') || (*s >= 'a' && *s <= 'z'))
		s++;
	if (s == *p)
		return false;
	*p = s;
	return true;
}

static bool read_int(const char **p, int max, int *out)
{
	int v = 0;
	const char *s = *p;

	for (; *s >= '0' && *s <= '9'; s++) {
		v = v * 10 + (*s - '0');
		if (v > max)
			return false;
	}
	if (s == *p)
		return false;
	*p = s;
	*out = v;
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool read_hms(const char **p, int *out)
{
	int sign = 1, h, m = 0, s = 0;

	if (**p == '+' || **p == '-')
		sign = *(*p)++ == '-' ? -1 : 1;
	if (!read_int(p, 167, &h))
		return false;
	if (**p == ':') {
		++*p;
		if (!read_int(p, 59, &m))
			return false;
		if (**p == ':') {
			++*p;
			if (!read_int(p, 59, &s))
				return false;
		}
	}
	*out = sign * (h * 3600 + m * 60 + s);
	return true;
}

static bool read_rule(const char **p, struct rule *r)
{
	*r = (struct rule){.time_s = 2 * 3600};
	if (**p == 'M') {
		++*p;
		r->kind = RULE_MONTH_WEEK_DAY;
		if (!read_int(p, 12, &r->month) || *(*p)++ != '.')
			return false;
		if (!read_int(p, 5, &r->week) || *(*p)++ != '.')
			return false;
		if (!read_int(p, 6, &r->day) || r->month < 1 || r->week < 1)
			return false;
	} else if (**p == 'J') {
		++*p;
		r->kind = RULE_JULIAN;
		if (!read_int(p, 365, &r->day) || r->day < 1)
			return false;
	} else {
		r->kind = RULE_DAY;
		if (!read_int(p, 365, &r->day))
			return false;
	}
	if (**p == '/') {
		++*p;
		if (!read_hms(p, &r->time_s))
			return false;
	}
	return r->time_s <= RULE_TIME_MAX && r->time_s >= -RULE_TIME_MAX;
}

/* "EST5EDT,M3.2.0,M11.1.0". POSIX counts west as positive. */
static bool read_footer(const char *p, struct zone *z)
{
	int west;

	if (!read_name(&p) || !read_hms(&p, &west))
		return false;
	z->std = -west;
	z->has_footer = true;
	if (!offset_is_sane(z->std))
		return false;
	if (!*p)
		return true;
	if (!read_name(&p))
		return false;
	z->dst = z->std + 3600;
	if (*p && *p != ',') {
		if (!read_hms(&p, &west))
			return false;
		z->dst = -west;
	}
	if (!*p)
		p = ",M3.2.0,M11.1.0"; /* the customary default where a rule is missing */
	if (*p++ != ',' || !read_rule(&p, &z->from) || *p++ != ',' || !read_rule(&p, &z->to))
		return false;
	z->has_dst = true;
	return *p == 0 && offset_is_sane(z->dst);
}

/* Local seconds since 1970 at which r comes in that year. */
static int64_t rule_local(const struct rule *r, int year)
{
	int64_t days = civil_days(year, 1, 1);

	switch (r->kind) {
	case RULE_MONTH_WEEK_DAY: {
		struct civil first;
		int day;
		days = civil_days(year, r->month, 1);
		civil_from_days(days, &first);
		day = (r->day - first.weekday + 7) % 7 + (r->week - 1) * 7;
		if (day >= civil_month_days(year, r->month))
			day -= 7;
		days += day;
		break;
	}
	case RULE_JULIAN: days += r->day - 1 + (r->day > 59 && civil_month_days(year, 2) == 29); break;
	case RULE_DAY: days += r->day; break;
	}
	return days * 86400 + r->time_s;
}

static int32_t footer_offset(const struct zone *z, int64_t s)
{
	struct civil c;
	int64_t from, to;
	bool summer;

	if (!z->has_dst)
		return z->std;
	s += z->std;
	civil_from_days(s / 86400 - (s % 86400 < 0), &c);
	/* Both ends in standard local time, so that they compare with s. */
	from = rule_local(&z->from, c.year);
	to = rule_local(&z->to, c.year) - (z->dst - z->std);
	/* South of the equator summer spans the new year. */
	summer = from < to ? s >= from && s < to : s >= from || s < to;
	return summer ? z->dst : z->std;
}

static int64_t read_be(const char *p, size_t n)
{
	const uint8_t *u = (const uint8_t *)p;
	uint64_t v = u[0] & 0x80 ? ~UINT64_C(0) : 0;

	for (size_t i = 0; i < n; i++)
		v = v << 8 | u[i];
	return (int64_t)v;
}

struct tzif_head {
	int version;
	size_t isut, isstd, leap, times, types, chars;
};

static bool read_head(struct str *s, struct tzif_head *h)
{
	size_t *counts[] = {&h->isut, &h->isstd, &h->leap, &h->times, &h->types, &h->chars};

	if (s->n < 44 || memcmp(s->p, "TZif", 4) != 0)
		return false;
	h->version = s->p[4] ? s->p[4] - '0' : 1;
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		int64_t v = read_be(s->p + 20 + 4 * i, 4);
		if (v < 0 || v > TZIF_MAX)
			return false;
		*counts[i] = (size_t)v;
	}
	s->p += 44;
	s->n -= 44;
	return true;
}

static size_t body_size(const struct tzif_head *h, size_t time_size)
{
	return h->times * (time_size + 1) + h->types * 6 + h->chars + h->leap * (time_size + 4) + h->isstd +
	       h->isut;
}

static bool read_body(struct str s, const struct tzif_head *h, size_t time_size, struct zone *z)
{
	const char *index = s.p + h->times * time_size, *types = index + h->times;

	if (h->types == 0)
		return false;
	z->n = (int)h->times;
	z->at = xcalloc(h->times + 1, sizeof(*z->at));
	z->offset = xcalloc(h->times + 1, sizeof(*z->offset));
	z->first = (int32_t)read_be(types, 4);
	for (size_t i = 0; i < h->times; i++) {
		size_t type = (uint8_t)index[i];
		if (type >= h->types)
			return false;
		z->at[i] = read_be(s.p + i * time_size, time_size);
		z->offset[i] = (int32_t)read_be(types + type * 6, 4);
		if (!offset_is_sane(z->offset[i]))
			return false;
		if (i > 0 && z->at[i] <= z->at[i - 1])
			return false;
	}
	return offset_is_sane(z->first);
}

int zone__from_tzif(const char *name, struct str tzif, struct zone **out, struct err *e)
{
	struct zone *z = xcalloc(1, sizeof(*z));
	struct str s = tzif;
	struct tzif_head h;
	size_t time_size = 4, body;
	const char *fault = NULL;

	snprintf(z->name, sizeof(z->name), "%s", name);
	if (!read_head(&s, &h)) {
		fault = "it does not begin like one";
		goto out;
	}
	/* Since version 2 a second block with 64-bit times follows the first. */
	body = body_size(&h, 4);
	if (h.version >= 2) {
		if (s.n < body) {
			fault = "it is cut short";
			goto out;
		}
		s.p += body;
		s.n -= body;
		if (!read_head(&s, &h)) {
			fault = "its second block is damaged";
			goto out;
		}
		time_size = 8;
		body = body_size(&h, 8);
	}
	if (s.n < body) {
		fault = "it is cut short";
		goto out;
	}
	if (!read_body(s, &h, time_size, z)) {
		fault = "its table of transitions is damaged";
		goto out;
	}
	if (h.version >= 2) {
		char rule[128];
		const char *end;
		s.p += body;
		s.n -= body;
		end = s.n > 1 && s.p[0] == '\n' ? memchr(s.p + 1, '\n', s.n - 1) : NULL;
		if (!end || (size_t)(end - s.p) > sizeof(rule)) {
			fault = "its footer is damaged";
			goto out;
		}
		memcpy(rule, s.p + 1, (size_t)(end - s.p - 1));
		rule[end - s.p - 1] = 0;
		if (*rule && !read_footer(rule, z)) {
			fault = "its footer is damaged";
			goto out;
		}
	}
out:
	if (fault) {
		zone__free(&z);
		return err_set(e, ERR_CORRUPT, "%s is not a time zone file: %s; reinstall the tzdata package",
		        name, fault);
	}
	*out = z;
	return 0;
}

static int read_file(const char *name, struct zone **out, struct err *e)
{
	char path[sizeof(TZ_DIR) + 64];
	char *p = NULL;
	struct stat st;
	FILE *f;
	size_t n;
	int rc;

	snprintf(path, sizeof(path), "%s/%s", TZ_DIR, name);
	f = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
	if (!f)
		return err_set(e, ERR_NOTFOUND,
		        "there is no time zone %s: %s cannot be read; check the name or install the tzdata "
		        "package",
		        name, path);
	p = xcalloc(1, TZIF_MAX);
	n = fread(p, 1, TZIF_MAX, f);
	if (ferror(f))
		rc = err_set(e, ERR_IO, "reading %s failed", path);
	else
		rc = zone__from_tzif(name, (struct str){p, n}, out, e);
	fclose(f);
	free(p);
	return rc;
}

/* Nothing that could lead out of the zone folder. */
static bool name_is_safe(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n >= sizeof(utc.name) || *name == '/' || strstr(name, "..") || strstr(name, "//"))
		return false;
	return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+-/") == n;
}

/* "+08:00" */
static bool read_fixed(const char *name, int32_t *offset)
{
	int h, m;
	const char *p = name + 1;

	if ((*name != '+' && *name != '-') || strlen(name) != 6 || name[3] != ':')
		return false;
	if (!read_int(&p, 23, &h) || *p++ != ':' || !read_int(&p, 59, &m) || *p)
		return false;
	*offset = (*name == '-' ? -1 : 1) * (h * 3600 + m * 60);
	return true;
}

int zone_load(const char *name, const struct zone **out, struct err *e)
{
	struct zone *z;
	int32_t offset;
	int rc = 0;

	if (strcmp(name, "UTC") == 0 || strcmp(name, "Z") == 0) {
		*out = &utc;
		return 0;
	}
	pthread_mutex_lock(&loaded_lock);
	for (z = loaded; z && strcmp(z->name, name) != 0; z = z->next)
		;
	if (z)
		goto out;
	if (read_fixed(name, &offset)) {
		z = xcalloc(1, sizeof(*z));
		memcpy(z->name, name, strlen(name) + 1);
		z->first = offset;
	} else if (!name_is_safe(name)) {
		rc = err_set(e, ERR_NOTFOUND,
		        "there is no time zone %.64s; names are like Asia/Shanghai or +08:00", name);
	} else {
		rc = read_file(name, &z, e);
	}
	if (rc == 0) {
		z->next = loaded;
		loaded = z;
	}
out:
	pthread_mutex_unlock(&loaded_lock);
	if (rc == 0)
		*out = z;
	return rc;
}

const struct zone *zone_utc(void)
{
	return &utc;
}

const char *zone_name(const struct zone *z)
{
	return z->name;
}

int zone_offset_s(const struct zone *z, time_us t)
{
	int64_t s = t / US_SECOND - (t % US_SECOND < 0);
	int lo = 0, hi = z->n;

	if (z->n == 0)
		return z->has_footer ? footer_offset(z, s) : z->first;
	if (s < z->at[0])
		return z->first;
	if (s >= z->at[z->n - 1])
		return z->has_footer ? footer_offset(z, s) : z->offset[z->n - 1];
	/* The last transition that is not after s. */
	while (hi - lo > 1) {
		int mid = lo + (hi - lo) / 2;
		if (z->at[mid] <= s)
			lo = mid;
		else
			hi = mid;
	}
	return z->offset[lo];
}

/* Instants within 26 hours of the ends of int64 do not turn around, they stay at the end. */
static time_us shift(time_us t, int offset_s)
{
	time_us r;

	if (!__builtin_add_overflow(t, offset_s * US_SECOND, &r) && r != TIME_NONE)
		return r;
	return offset_s < 0 ? INT64_MIN + 1 : INT64_MAX;
}

void zone_civil(const struct zone *z, time_us t, struct civil *c)
{
	int offset = zone_offset_s(z, t);

	civil_from_utc(shift(t, offset), c);
	c->offset_s = offset;
}

time_us zone_instant(const struct zone *z, const struct civil *c)
{
	time_us local = civil_to_utc(c), t, u;
	int before, after;

	if (z->n == 0 && !z->has_dst)
		return shift(local, -(z->has_footer ? z->std : z->first));
	/* No offset reaches a day, so these two lie on either side of any change near that local time. */
	before = zone_offset_s(z, shift(local, -86400));
	after = zone_offset_s(z, shift(local, 86400));
	t = shift(local, -before);
	if (before == after || zone_offset_s(z, t) == before)
		return t; /* in an overlap the first, which is the one of the offset before */
	u = shift(local, -after);
	if (zone_offset_s(z, u) == after)
		return u;
	return t; /* in a gap: the offset before carries it over the gap */
}

/* Seconds at which the footer's rules change the offset: the first after s. */
static int64_t next_by_rule(const struct zone *z, int64_t s)
{
	int64_t best = INT64_MAX;
	struct civil c;

	civil_from_days(s / 86400 - (s % 86400 < 0), &c);
	for (int year = c.year - 1; year <= c.year + 2 && year <= 9999; year++) {
		int64_t at[] = {rule_local(&z->from, year) - z->std, rule_local(&z->to, year) - z->dst};

		for (size_t i = 0; i < ARRAY_LEN(at); i++)
			if (at[i] > s && at[i] < best &&
			        footer_offset(z, at[i] - 1) != footer_offset(z, at[i]))
				best = at[i];
	}
	return best;
}

time_us zone_next_change(const struct zone *z, time_us t)
{
	int64_t s = t / US_SECOND - (t % US_SECOND < 0), next = INT64_MAX;
	int lo = 0, hi = z->n;

	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;

		if (z->at[mid] > s)
			hi = mid;
		else
			lo = mid + 1;
	}
	while (lo < z->n && z->offset[lo] == (lo > 0 ? z->offset[lo - 1] : z->first))
		lo++;
	if (lo < z->n)
		next = z->at[lo];
	else if (z->has_footer && z->has_dst)
		next = next_by_rule(z, s);
	return next <= INT64_MAX / US_SECOND ? next * US_SECOND : TIME_NONE;
}

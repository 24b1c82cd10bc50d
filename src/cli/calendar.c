/* heming calendar - the working calendars of a site: shown, and a deadline explained day by day. */
#include "base/calendar.h"
#include "base/file.h"
#include "base/num.h"
#include "city/pack.h"
#include "cli/cli.h"

#include <math.h>
#include <unistd.h>

#define DAYS_MAX 366 /* told one by one */

static const char *const day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/* ---- what was asked ---- */

struct asked {
	const struct named_calendar *calendar;
	time_us start;
	enum limit_unit unit;
	double n;
	dur_us work; /* of LIMIT_WORK_HOUR, exactly */
	bool back;
};

static int find_calendar(struct cli *c, const char *code, const struct named_calendar **out, struct err *e)
{
	const struct catalog *k = c->site->catalog;
	struct sb b = SB_INIT;

	for (int i = 0; i < k->calendars; i++)
		if (code == NULL || strcmp(k->calendar[i].code, code) == 0) {
			*out = &k->calendar[i];
			return 0;
		}
	for (int i = 0; i < k->calendars; i++)
		sb_printf(&b, "%s%s", i > 0 ? ", " : "", k->calendar[i].code);
	err_set(e, ERR_NOTFOUND, "there is no calendar %s; there are: " STR_FMT, code, STR_ARG(sb_str(&b)));
	sb_fini(&b);
	return ERR_NOTFOUND;
}

/* "2026-09-30", "2026-09-30 17:00", with or without seconds and offset; without one, the site's zone. */
static bool read_start(struct cli *c, const char *text, time_us *out)
{
	const struct zone *z = c->site->catalog->zone;

	return time_parse(str_of(text), z, out) ||
	       time_parse(str_of(arena_printf(c->a, "%s:00", text)), z, out);
}

static int read_duration(const char *text, struct asked *x, struct err *e)
{
	struct str s = str_of(text);
	int months = 0;

	if (limit_parse(s, &x->unit, &x->n)) {
		x->work = llround(x->n * (double)US_HOUR);
		return 0;
	}
	if (strchr(text, '_') != NULL)
		return err_set(e, ERR_INVALID,
		        "\"%s\" is no limit: it is a number, at most 1000000, and work_hour, work_day, "
		        "natural_day or "
		        "urgent_hour, such as \"3 work_day\"",
		        text);
	x->unit = LIMIT_WORK_HOUR;
	/* A day of "2d" may be a work day, a natural day or 24 hours of work: nobody should have to guess. */
	if (strpbrk(text, "dwyDWY") != NULL)
		return err_set(e, ERR_INVALID,
		        "\"%s\" can be read in several ways: say \"2 work_day\", \"2 natural_day\", or hours "
		        "as "
		        "in 16h",
		        text);
	if ((dur_parse(s, &x->work) || (dur_parse_iso(s, &months, &x->work) && months == 0)) && x->work >= 0)
		return 0;
	return err_set(e, ERR_INVALID,
	        "\"%s\" is no duration: there are working time as in 4h, 1h30m, PT4H or \"4 work_hour\", and "
	        "\"3 work_day\", \"2 natural_day\", \"2 urgent_hour\" (also 4工作时 3工作日 2自然日 "
	        "2紧急工作时)",
	        text);
}

static time_us answer(const struct asked *x)
{
	const struct calendar *k = x->calendar->calendar;
	time_us t = x->start;
	double whole = 0;

	if (x->unit == LIMIT_WORK_HOUR)
		return x->back ? calendar_sub(k, x->start, x->work) : calendar_add(k, x->start, x->work);
	if (!x->back)
		return calendar_deadline(k, x->start, x->unit, x->n);
	if (x->unit == LIMIT_NATURAL_DAY) { /* the same time of day on the wall, as forwards */
		struct civil l;

		whole = floor(x->n);
		zone_civil(calendar_zone(k), x->start, &l);
		l.day -= (int)whole;
		t = zone_instant(calendar_zone(k), &l);
	}
	return t - llround((x->n - whole) * (double)(x->unit == LIMIT_URGENT_HOUR ? US_HOUR : US_DAY));
}

/* ---- in words ---- */

/* "4:00", "0:30", "12:00:01" */
static const char *hours(struct cli *c, dur_us d)
{
	long long s = (long long)(d / US_SECOND);

	if (s % 60 == 0)
		return arena_printf(c->a, "%lld:%02lld", s / 3600, s / 60 % 60);
	return arena_printf(c->a, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
}

static const char *periods(struct cli *c, const struct calendar_period *p, int n)
{
	const char *s = "";

	for (int i = 0; i < n; i++) {
		int to = p[i].to_min > 1440 ? p[i].to_min - 1440 : p[i].to_min;

		s = arena_printf(c->a, "%s%s%02d:%02d-%02d:%02d", s, i > 0 ? " " : "", p[i].from_min / 60,
		        p[i].from_min % 60, to / 60, to % 60);
	}
	return s;
}

static const char *why(struct cli *c, const struct calendar_day *d)
{
	if (d->make_up)
		return arena_printf(c->a, "%s, hours of %s", *d->name != '\0' ? d->name : "make-up day",
		        day_names[d->as]);
	if (d->as < 0)
		return *d->name != '\0' ? d->name : "holiday";
	return d->work_day ? "" : "day off";
}

static void tell_day(
        struct cli *c, const struct asked *x, int64_t day, dur_us here, dur_us sum, int64_t count)
{
	struct calendar_day d;
	struct civil l;
	const char *note;

	calendar_look(x->calendar->calendar, day, &d);
	civil_from_days(day, &l);
	note = why(c, &d);
	fprintf(c->out, "  %04d-%02d-%02d %s  ", l.year, l.month, l.day, day_names[d.weekday]);
	if (x->unit == LIMIT_WORK_DAY)
		fprintf(c->out, "%-8s", d.work_day ? arena_printf(c->a, "day %lld", (long long)count) : "-");
	else if (x->unit == LIMIT_WORK_HOUR)
		fprintf(c->out, "%8s  %8s", here > 0 ? hours(c, here) : "-", hours(c, sum));
	fprintf(c->out, "  %s%s%s%s\n", periods(c, d.period, d.periods),
	        d.periods > 0 && *note != '\0' ? "  " : "", note,
	        d.known ? "" : "  (holidays of this year not known)");
}

static int64_t work_days_between(const struct calendar *k, int64_t first, int64_t last)
{
	struct calendar_day d;
	int64_t n = 0;

	for (int64_t day = first; day <= last; day++) {
		calendar_look(k, day, &d);
		n += d.work_day;
	}
	return n;
}

/* One line a day from start to end, in the direction of counting. The sums are taken day by day, not from the
 * answer: that they meet it is what the reader can check. */
static void tell_days(struct cli *c, const struct asked *x, time_us end)
{
	const struct calendar *k = x->calendar->calendar;
	const int step = x->back ? -1 : 1;
	int64_t first = calendar_day_of(k, x->start), last = calendar_day_of(k, end);
	int64_t all, count = 0;
	struct calendar_day d;
	dur_us sum = 0;

	/* An end at midnight is the end of the day before. */
	if (!x->back && last > first && end == calendar_day_begin(k, last))
		last--;
	all = (last - first) * step + 1;
	for (int64_t i = 0; i < all; i++) {
		int64_t day = first + i * step;
		time_us from = calendar_day_begin(k, day), to = calendar_day_begin(k, day + 1);
		time_us a = x->back ? end : x->start, b = x->back ? x->start : end;
		dur_us here;

		if (i == DAYS_MAX - 1 && i < all - 1) {
			/* The days in the middle at once. */
			int64_t next = last - step;

			from = calendar_day_begin(k, x->back ? next : day);
			to = calendar_day_begin(k, (x->back ? day : next) + 1);
			here = calendar_between(k, from > a ? from : a, to < b ? to : b);
			count += work_days_between(k, x->back ? next : day, x->back ? day : next);
			sum += here;
			fprintf(c->out, "  … %lld days more", (long long)(all - 1 - i));
			if (x->unit == LIMIT_WORK_HOUR)
				fprintf(c->out, ", with %s, together %s", hours(c, here), hours(c, sum));
			fputc('\n', c->out);
			i = all - 2;
			continue;
		}
		calendar_look(k, day, &d);
		/* Day 0 is the day that it begins on, or if that is off, the next work day. */
		if (i == 0)
			count = d.work_day ? 0 : -1;
		else
			count += d.work_day;
		here = calendar_between(k, from > a ? from : a, to < b ? to : b);
		sum += here;
		tell_day(c, x, day, here, sum, count);
	}
}

static int explain(struct cli *c, struct err *e)
{
	const struct zone *z = c->site->catalog->zone;
	struct asked x = {.back = cli_flag(c, "back")};
	char start[40], end[40];
	time_us at;
	int rc, year;

	if (c->words < 3)
		return err_set(e, ERR_INVALID,
		        "say from when and how long: heming calendar explain \"2026-09-30 17:00\" 4h");
	if (!read_start(c, c->word[1], &x.start))
		return err_set(e, ERR_INVALID,
		        "\"%s\" is no time: write it as 2026-09-30T17:00 or \"2026-09-30 17:00\", in the "
		        "site's zone "
		        "(%s)",
		        c->word[1], zone_name(z));
	rc = read_duration(c->word[2], &x, e);
	if (rc == 0)
		rc = find_calendar(c, cli_text(c, "calendar", NULL), &x.calendar, e);
	if (rc < 0)
		return rc;
	if (x.back && x.unit == LIMIT_WORK_DAY)
		return err_set(e, ERR_INVALID,
		        "work days are counted forwards only, to the end of a day; say hours for --back");
	at = answer(&x);
	if (at == TIME_NONE)
		return err_set(e, ERR_UNPROCESSED,
		        "the calendar %s has no working time for that: it has no shifts, or the end lies "
		        "past the "
		        "year 9999",
		        x.calendar->code);
	fprintf(c->out, "%s%s of calendar %s %s (%s), %s\n", c->word[2], x.back ? " back" : "",
	        x.calendar->code, x.calendar->name, zone_name(z),
	        x.unit == LIMIT_WORK_HOUR     ? "working time: of the day, in all"
	        : x.unit == LIMIT_WORK_DAY    ? "work days after the day it begins on"
	        : x.unit == LIMIT_URGENT_HOUR ? "every hour counts"
	                                      : "every day counts");
	fprintf(c->out, "from %s\n", time_format(x.start, z, start));
	tell_days(c, &x, at);
	fprintf(c->out, "%s %s\n", x.back ? "back to" : "until", time_format(at, z, end));
	year = x.unit == LIMIT_WORK_HOUR || x.unit == LIMIT_WORK_DAY
	               ? calendar_lacks(x.calendar->calendar, x.start, at)
	               : 0;
	if (year != 0)
		fprintf(c->out,
		        "warning: the holidays of %d are not known here; this may change when they are "
		        "announced (heming calendar add FILE)\n",
		        year);
	return 0;
}

/* ---- list ---- */

static const char *shifts(struct cli *c, const struct calendar *k, int weekday)
{
	const struct calendar_period *p = NULL;
	int n = calendar_weekday(k, weekday, &p);

	return periods(c, p, n);
}

/* Weekdays with the same shifts on one line. */
static void tell_week(struct cli *c, const struct calendar *k)
{
	for (int from = 1; from <= 7;) {
		const char *text = shifts(c, k, from % 7);
		int to = from;

		while (to < 7 && strcmp(text, shifts(c, k, (to + 1) % 7)) == 0)
			to++;
		if (*text != '\0' && to > from)
			fprintf(c->out, "  %s-%s  %s\n", day_names[from], day_names[to % 7], text);
		else if (*text != '\0')
			fprintf(c->out, "  %s      %s\n", day_names[from % 7], text);
		from = to + 1;
	}
}

static int list(struct cli *c)
{
	const struct catalog *k = c->site->catalog;

	for (int i = 0; i < k->calendars; i++) {
		const struct named_calendar *n = &k->calendar[i];

		fprintf(c->out, "%s  %s%s%s\n", n->code, n->name, *n->pack != '\0' ? ", of the pack " : "",
		        n->pack);
		tell_week(c, n->calendar);
		for (int t = 0; t < k->tables && *n->table != '\0'; t++)
			if (strcmp(k->table[t].code, n->table) == 0)
				fprintf(c->out, "  holidays of %d%s: %s%s%s, pack %s\n", k->table[t].year,
				        k->table[t].amends ? " (amendment)" : "", k->table[t].source,
				        *k->table[t].published != '\0' ? ", " : "", k->table[t].published,
				        k->table[t].pack);
		if (n->owns > 0)
			fprintf(c->out, "  and %d dates of its own\n", n->owns);
	}
	return 0;
}

/* ---- add ---- */

/* A table of holidays becomes a pack of its own, so that the city's pack stays as it was delivered. */
static int write_pack(struct cli *c, const char *dir, struct str text, const struct doc *doc, struct err *e)
{
	const char *code = doc_str(doc, "code", "");
	int64_t year = doc_int(doc, "year", 0);
	bool amends = doc_bool(doc, "amends", false);
	const char *name =
	        arena_printf(c->a, "holidays-%s-%lld%s", code, (long long)year, amends ? "-amended" : "");
	const char *head;
	struct pack_info *p = NULL;
	int n = 0, patch = 0, rc = pack_list(c->site->store, c->a, &p, &n, e);

	if (rc < 0)
		return rc;
	for (int i = 0; i < n; i++)
		if (strcmp(p[i].code, name) == 0) {
			struct str v = str_of(p[i].version);
			int64_t last = 0;

			(void)str_cut(&v, '.');
			(void)str_cut(&v, '.');
			if (num_int(v, &last))
				patch = (int)last + 1;
		}
	head = arena_printf(c->a,
	        "code: %s\nversion: %lld.0.%d\nname: \"%lld 年节假日\"\nname_en: Holidays of %lld\n", name,
	        (long long)year, patch, (long long)year, (long long)year);
	rc = file_mkdirs(path_join(c->a, dir, "holidays"), e);
	if (rc == 0)
		rc = file_write(path_join(c->a, dir, "pack.yaml"), head, strlen(head), 0600, e);
	if (rc == 0)
		rc = file_write(path_join(c->a, dir, "holidays/table.yaml"), text.p, text.n, 0600, e);
	return rc;
}

static bool plain_code(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 32 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static int add(struct cli *c, struct err *e)
{
	const char *dir = path_join(c->a, c->site_dir, "calendar-add");
	struct doc *doc = NULL;
	struct str text;
	int rc;

	if (c->words != 2)
		return err_set(e, ERR_INVALID, "say which file: heming calendar add cn-2027.yaml");
	rc = file_read(c->a, c->word[1], 1 << 20, &text, e);
	if (rc == 0)
		rc = doc_parse_yaml(c->a, text, c->word[1], &doc, e);
	if (rc < 0)
		return rc;
	if (!plain_code(doc_str(doc, "code", "")) || doc_int(doc, "year", 0) < 1950) {
		err_set(e, ERR_INVALID,
		        "a table of holidays says its code, of small letters, digits and -, and its year; "
		        "docs/packs.md shows one");
		return err_at(e, c->word[1], 1, 0, "code");
	}
	rc = write_pack(c, dir, text, doc, e);
	if (rc == 0)
		rc = cli_pack_install(c, dir, e);
	if (rc == 0 && c->api != NULL)
		fprintf(c->out, "Restart the server: until then it runs what it began with.\n");
	(void)unlink(path_join(c->a, dir, "holidays/table.yaml"));
	(void)unlink(path_join(c->a, dir, "pack.yaml"));
	(void)rmdir(path_join(c->a, dir, "holidays"));
	(void)rmdir(dir);
	return rc;
}

int cmd_calendar(struct cli *c, struct err *e)
{
	if (strcmp(c->word[0], "explain") == 0)
		return explain(c, e);
	if (strcmp(c->word[0], "list") == 0 && c->words == 1)
		return list(c);
	if (strcmp(c->word[0], "add") == 0)
		return add(c, e);
	return err_set(e, ERR_INVALID,
	        "there are heming calendar list, heming calendar explain START DURATION, and heming calendar "
	        "add "
	        "FILE");
}

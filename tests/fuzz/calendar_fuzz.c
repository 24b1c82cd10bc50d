/*
 * Calendars and tables of holidays as packs write them, and limits as catalogues do. The first line is a
 * limit, the second the microseconds of an instant and of working time; then a calendars.yaml, a line "%%"
 * and a table of holidays. What can be read keeps the laws of base/calendar.h.
 */
#include "base/num.h"
#include "city/pack_int.h"

static void check_laws(const struct calendar *c, time_us t, dur_us w, enum limit_unit unit, double n)
{
	time_us u = calendar_add(c, t, w), v = calendar_sub(c, t, w), d = calendar_deadline(c, t, unit, n);

	must(u == TIME_NONE || (u >= t && calendar_between(c, t, u) == w));
	must(v == TIME_NONE || (v <= t && calendar_between(c, v, t) == w));
	must(d == TIME_NONE || d >= t);
	(void)calendar_lacks(c, t, d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Years 1970 to 2100: a law at the ends of time would have to speak of where it stops. */
	const int64_t latest = INT64_C(4102444800) * US_SECOND, longest = 1000 * US_DAY;
	struct str rest = {(const char *)data, size}, limit = str_cut(&rest, '\n'),
	           when = str_cut(&rest, '\n'), first;
	struct arena *a = arena_new(0);
	struct pack_report report = {0};
	struct pack_data *d = pack__data_new(a, &report);
	struct pack_file file[2] = {{"", "calendars.yaml", STR_NULL}, {"", "holidays/x.yaml", STR_NULL}};
	enum limit_unit unit = LIMIT_WORK_HOUR;
	int64_t t = 0, w = 0;
	double n = 1;
	size_t cut;

	if (rest.p == NULL)
		goto out;
	first = str_cut(&when, ' ');
	if (!num_int(first, &t) || t < 0 || t > latest)
		t = 0;
	if (!num_int(when, &w) || w < 0 || w > longest)
		w = US_HOUR;
	if (!limit_parse(limit, &unit, &n))
		unit = LIMIT_WORK_DAY;
	for (cut = 0; cut + 4 <= rest.n && memcmp(rest.p + cut, "\n%%\n", 4) != 0; cut++)
		;
	/* Texts of packs end with a zero byte. */
	file[0].text = str_of(arena_strndup(a, rest.p, cut + 4 <= rest.n ? cut : rest.n));
	if (cut + 4 <= rest.n)
		file[1].text = str_of(arena_strndup(a, rest.p + cut + 4, rest.n - cut - 4));
	pack__read_calendars(d, &file[0]);
	if (file[1].text.p != NULL)
		pack__read_holidays(d, &file[1]);
	pack__join_calendars(d);
	for (int i = 0; i < d->catalog->calendars; i++)
		check_laws(d->catalog->calendar[i].calendar, t, w, unit, n);
out:
	arena_free(&a);
	return 0;
}

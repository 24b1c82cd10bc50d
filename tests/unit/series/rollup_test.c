/* Retention by class with roll-ups: windows say what the points said, points stand at their ends, late data
 * and deletions meet roll-ups, a full disk, an opening again, a repair. */
#include "help.h"

#include "base/fault.h"
#include "base/file.h"
#include "series/block.h"
#include "series/bytes.h"

#include <math.h>
#include <unistd.h>

#define T0 (1752451200 * US_SECOND) /* a midnight */
#define DAYS 12
#define EVERY (30 * US_SECOND)
#define MOST 60000
#define WINDOWS 4000

static time_us times[MOST];
static double values[MOST];
static struct series_window was[WINDOWS], is[WINDOWS];

struct site_of_one {
	struct arena *a;
	struct clock *c;
	struct series_db *db;
	struct matcher gas, slow;
	struct series_class class[2];
};

static void told(void *ctx, const char *text)
{
	(void)ctx;
	fprintf(stderr, "%s\n", text);
}

static double value_at(int i)
{
	return i % 997 == 0 ? 1.0 / 3 : (double)(i * 37 % 1000) / 10;
}

static int fill(struct series_db *db, const char *name, dur_us every, int n)
{
	struct series_point *p = xcalloc((size_t)n, sizeof(*p));
	series_id id = id_of(db, name, "a");
	struct err e = ERR_INIT;

	for (int i = 0; i < n; i++)
		p[i] = (struct series_point){id, T0 + (i + 1) * every, value_at(i)};
	check_ok(series_append(db, p, (size_t)n, &e), &e);
	free(p);
	return n;
}

static void begin(struct site_of_one *s)
{
	struct err e = ERR_INIT;

	s->a = arena_new(0);
	s->c = clock_new_manual(T0 + DAYS * US_DAY);
	s->db = open_at(test_path("db"), s->c);
	check_ok(matcher_init(&s->gas, s->a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("gas"), &e), &e);
	check_ok(matcher_init(&s->slow, s->a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("slow"), &e), &e);
	s->class[0] = (struct series_class){&s->gas, 1, 2 * US_DAY, 6 * US_DAY, 10 * US_DAY};
	s->class[1] = (struct series_class){&s->slow, 1, 2 * US_DAY, 0, SERIES_FOREVER};
	fill(s->db, "gas", EVERY, (int)(DAYS * US_DAY / EVERY));
	fill(s->db, "slow", 2 * US_HOUR, DAYS * 12);
	check_ok(series_flush(s->db, &e), &e);
}

static void end(struct site_of_one *s)
{
	struct err e = ERR_INIT;

	series_close(&s->db);
	check_eq_i(series_verify(test_path("db"), told, NULL, &e), 0);
	clock_free(&s->c);
	arena_free(&s->a);
}

static size_t windows_of(
        struct site_of_one *s, const struct matcher *m, dur_us step, time_us from, struct series_window *w)
{
	struct series_query q = {.m = m, .n = 1, .from = from, .to = T0 + DAYS * US_DAY};
	struct arena *a = arena_new(0);
	struct series_cursor *c = NULL;
	struct series_windows got;
	struct err e = ERR_INIT;
	size_t n = 0;

	check_ok(series_select_windows(s->db, &q, step, a, &c, &e), &e);
	while (series_next_windows(c, &got, &e) == 1) {
		check(got.n <= WINDOWS);
		memcpy(w, got.w, got.n * sizeof(*w));
		n = got.n;
	}
	series_cursor_free(&c);
	arena_free(&a);
	return n;
}

static void check_windows(size_t n)
{
	for (size_t i = 0; i < n; i++) {
		check_eq_i(is[i].end, was[i].end);
		check_eq_i(is[i].n, was[i].n);
		check_eq_d(is[i].min, was[i].min);
		check_eq_d(is[i].max, was[i].max);
		check_eq_d(is[i].first, was[i].first);
		check_eq_d(is[i].last, was[i].last);
		check(fabs(is[i].sum - was[i].sum) <= 1e-9 * fabs(was[i].sum));
	}
}

static void retain(struct site_of_one *s, struct series_care care[2])
{
	struct err e = ERR_INIT;

	memset(care, 0, 2 * sizeof(*care));
	check_ok(series_retain(s->db, s->class, 2, T0 + DAYS * US_DAY, care, NULL, &e), &e);
}

TEST(windows_outlive_the_points)
{
	struct site_of_one s;
	struct series_survey survey[2];
	struct series_care care[2];
	struct err e = ERR_INIT;
	size_t n;
	int left;

	begin(&s);
	check_ok(series_survey(s.db, s.class, 2, T0 + DAYS * US_DAY, survey, NULL, &e), &e);
	check_eq_i(survey[0].series, 1);
	check_eq_i(survey[0].points, DAYS * US_DAY / EVERY);
	check(survey[0].bytes > 0 && survey[0].due_bytes > 0);
	n = windows_of(&s, &s.gas, US_HOUR, T0 + 2 * US_DAY + US_HOUR, was);
	check_eq_i(n, 24 * (DAYS - 2));
	retain(&s, care);
	check_eq_i(care[0].removed.series, 1);
	check_eq_i(survey[0].due_points, care[0].removed.points);
	check(care[0].removed.rolled > 6 * US_DAY / EVERY && care[0].removed.bytes > 0);
	check_eq_i(care[1].removed.points, 0); /* points two hours apart are their own roll-ups */
	check_eq_i(read_all(s.db, "slow", "a", times, values, MOST), DAYS * 12);
	for (int round = 0; round < 2; round++) {
		check_eq_i(windows_of(&s, &s.gas, US_HOUR, T0, is), n);
		check_windows(n);
		series_close(&s.db);
		s.db = open_at(test_path("db"), s.c);
	}
	left = read_all(s.db, "gas", "a", times, values, MOST);
	check(left > 2 * US_DAY / EVERY && left < 4 * US_DAY / EVERY);
	check(times[0] > T0 + 2 * US_DAY && times[0] <= T0 + 2 * US_DAY + US_HOUR);
	for (int i = 0; i < left; i++) /* each is the newest reading at its instant */
		check_eq_d(values[i], value_at((int)((times[i] - T0) / EVERY) - 1));
	retain(&s, care); /* it is done */
	check_eq_i(care[0].removed.points, 0);
	check_ok(series_survey(s.db, s.class, 2, T0 + DAYS * US_DAY, survey, NULL, &e), &e);
	check_eq_i(survey[0].due_points, 0);
	end(&s);
}

TEST(five_minutes_first_then_hours)
{
	struct site_of_one s;
	struct series_care care[2];
	size_t n;

	begin(&s);
	n = windows_of(&s, &s.gas, SERIES_STEP, T0 + 7 * US_DAY + SERIES_STEP, was);
	retain(&s, care);
	check_eq_i(windows_of(&s, &s.gas, SERIES_STEP, T0 + 7 * US_DAY + SERIES_STEP, is), n);
	check_windows(n);
	n = windows_of(&s, &s.gas, US_HOUR, T0 + 7 * US_DAY + US_HOUR, was);
	memset(care, 0, sizeof(care));
	check_ok(series_retain(s.db, s.class, 2, T0 + 15 * US_DAY, care, NULL, NULL), NULL);
	check_eq_i(windows_of(&s, &s.gas, US_HOUR, T0 + 7 * US_DAY + US_HOUR, is), n);
	check_windows(n);
	end(&s);
}

/* ---- whatever comes: gaps, NaNs, staleness markers, thirds, readings out of order ---- */

static uint64_t state;

static uint64_t dice(uint64_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % n;
}

static double any_value(void)
{
	switch (dice(12)) {
	case 0: return NAN;
	case 1: return double_of(SERIES_STALE);
	case 2: return (double)dice(1000) / 3;
	case 3: return 1e300;
	default: return (double)dice(2000) / 10 - 100;
	}
}

static void scatter(struct series_db *db)
{
	static const dur_us apart[] = {US_SECOND, 30 * US_SECOND, 4 * US_MINUTE, 40 * US_MINUTE, 3 * US_HOUR};
	struct series_point *p = xcalloc(MOST, sizeof(*p));
	series_id id = id_of(db, "gas", "a");
	struct err e = ERR_INIT;
	time_us t = T0;
	int n = 0;

	while (t < T0 + DAYS * US_DAY) {
		const dur_us step = apart[dice(ARRAY_LEN(apart))];

		for (int i = (int)dice(400); i >= 0 && t < T0 + DAYS * US_DAY && n < MOST; i--) {
			p[n++] = (struct series_point){
			        id, t - (dice(20) ? 0 : (time_us)dice(US_HOUR)), any_value()};
			t += step + (dice(5) ? 0 : (time_us)dice(US_SECOND));
		}
		t += dice(3) ? 0 : (time_us)dice(2 * US_DAY);
	}
	check_ok(series_append(db, p, (size_t)n, &e), &e);
	free(p);
}

static void check_shape(size_t n, size_t got)
{
	check_eq_i(got, n);
	for (size_t i = 0; i < n && i < got; i++) {
		bool same = is[i].end == was[i].end && is[i].n == was[i].n && is[i].nans == was[i].nans &&
		            is[i].min == was[i].min && is[i].max == was[i].max &&
		            is[i].first == was[i].first && is[i].last == was[i].last &&
		            fabs(is[i].sum - was[i].sum) <=
		                    1e-9 * (fabs(was[i].min) + fabs(was[i].max)) * was[i].n;

		if (!check(same)) {
			printf("# window %zu of %zu: n %u %u, nans %u %u, min %g %g, max %g %g, first %g %g, "
			       "last "
			       "%g %g, sum %g %g\n",
			        i, n, is[i].n, was[i].n, is[i].nans, was[i].nans, is[i].min, was[i].min,
			        is[i].max, was[i].max, is[i].first, was[i].first, is[i].last, was[i].last,
			        is[i].sum, was[i].sum);
			return;
		}
	}
}

TEST(windows_are_the_same_whatever_came)
{
	for (uint64_t seed = 1; seed <= 8; seed++) {
		char name[16];
		const char *dir = (snprintf(name, sizeof(name), "db-%d", (int)seed), test_path(name));
		struct clock *c = clock_new_manual(T0 + DAYS * US_DAY);
		struct site_of_one s = {.a = arena_new(0), .c = c};
		struct err e = ERR_INIT;
		size_t n;

		state = seed;
		s.db = open_at(dir, c);
		check_ok(matcher_init(&s.gas, s.a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("gas"), &e), &e);
		scatter(s.db);
		check_ok(series_flush(s.db, &e), &e);
		n = windows_of(&s, &s.gas, US_HOUR, T0, was);
		for (int round = 0; round < 3; round++) { /* first 5 minutes, then hours, then nothing new */
			s.class[0] = (struct series_class){&s.gas, 1, 2 * US_DAY,
			        round ? 4 * US_DAY : SERIES_FOREVER, round ? SERIES_FOREVER : 0};
			check_ok(series_retain(s.db, s.class, 1, T0 + DAYS * US_DAY, NULL, NULL, &e), &e);
			check_shape(n, windows_of(&s, &s.gas, US_HOUR, T0, is));
		}
		series_close(&s.db);
		check_eq_i(series_verify(dir, told, NULL, &e), 0);
		clock_free(&c);
		arena_free(&s.a);
	}
}

TEST(what_comes_too_late_is_counted_and_left_out)
{
	struct site_of_one s;
	struct series_care care[2];
	struct err e = ERR_INIT;
	series_id id;
	size_t n;

	begin(&s);
	retain(&s, care);
	n = windows_of(&s, &s.gas, US_HOUR, T0 + 2 * US_DAY + US_HOUR, was);
	id = id_of(s.db, "gas", "a");
	check_ok(append(s.db, id, T0 + 3 * US_DAY + 7 * US_SECOND, 1e6), NULL);
	check_ok(append(s.db, id, T0 + 4 * US_DAY + EVERY, value_at(0)), NULL); /* sent again */
	check_ok(series_flush(s.db, &e), &e);
	check_eq_i(windows_of(&s, &s.gas, US_HOUR, T0, is), n);
	check_windows(n);
	/* Where there was nothing, it is taken in, and rolled up in its turn. */
	id = id_of(s.db, "gas", "b");
	for (int i = 0; i < 300; i++)
		check_ok(append(s.db, id, T0 + 4 * US_DAY + (i + 1) * EVERY, i), NULL);
	check_ok(series_flush(s.db, &e), &e);
	check_eq_i(read_all(s.db, "gas", "b", times, values, MOST), 300);
	retain(&s, care);
	check_eq_i(care[0].removed.points, 300);
	check_eq_i(read_all(s.db, "gas", "b", times, values, MOST), 3);
	end(&s);
}

TEST(a_deletion_takes_every_window_that_it_touches)
{
	struct site_of_one s;
	struct series_care care[2], deleted = {0};
	struct err e = ERR_INIT;
	time_us from = T0 + 3 * US_DAY + 90 * US_MINUTE, to = from + US_HOUR;
	size_t n, m, k = 0;

	begin(&s);
	retain(&s, care);
	n = windows_of(&s, &s.gas, US_HOUR, T0, was);
	check_ok(series_delete(s.db, &s.gas, 1, from, to, &deleted, &e), &e);
	check_eq_i(deleted.removed.points, 240);
	m = windows_of(&s, &s.gas, US_HOUR, T0, is);
	check_eq_i(m, n - 2);
	for (size_t i = 0; i < n; i++)
		if (was[i].end != T0 + 3 * US_DAY + 2 * US_HOUR &&
		        was[i].end != T0 + 3 * US_DAY + 3 * US_HOUR)
			was[k++] = was[i];
	check_windows(k);
	end(&s);
}

TEST(a_full_disk_while_rewriting)
{
	struct site_of_one s;
	struct series_care care[2] = {0};
	struct err e = ERR_INIT;
	size_t n;

	begin(&s);
	n = windows_of(&s, &s.gas, US_HOUR, T0 + 2 * US_DAY + US_HOUR, was);
	check(fault_arm("SERIES_REWRITE:3"));
	check_err(series_retain(s.db, s.class, 2, T0 + DAYS * US_DAY, care, NULL, &e), ERR_FULL);
	check(fault_arm("SERIES_REWRITE:off"));
	series_close(&s.db);
	s.db = open_at(test_path("db"), s.c);
	retain(&s, care);
	check_eq_i(windows_of(&s, &s.gas, US_HOUR, T0, is), n);
	check_windows(n);
	end(&s);
}

TEST(a_stop_leaves_what_is_done)
{
	struct site_of_one s;
	struct series_care care[2] = {0};
	struct err e = ERR_INIT;
	bool stop = true;

	begin(&s);
	check_err(series_retain(s.db, s.class, 2, T0 + DAYS * US_DAY, care, &stop, &e), ERR_CANCELLED);
	end(&s);
}

/* Every file anew, from blocks and roll-ups. */
TEST(a_repair_keeps_roll_ups)
{
	struct site_of_one s;
	struct series_care care[2];
	struct err e = ERR_INIT;
	char **name;
	size_t n;

	begin(&s);
	retain(&s, care);
	n = windows_of(&s, &s.gas, US_HOUR, T0, was);
	series_close(&s.db);
	check_ok(file_list(s.a, test_path("db"), &name, &e), &e);
	for (; *name; name++)
		if (str_starts(str_of(*name), "blocks-") && !strcmp(*name + strlen(*name) - 3, ".db"))
			check_ok(file_repair(test_path("db"), *name, 10, told, NULL, &e), &e);
	s.db = open_at(test_path("db"), s.c);
	check_eq_i(windows_of(&s, &s.gas, US_HOUR, T0, is), n);
	check_windows(n);
	retain(&s, care);
	check_eq_i(care[0].removed.points, 0);
	end(&s);
}

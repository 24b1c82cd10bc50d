/* What the tests of the engine share: opening, series by one name, appending and reading back. */
#ifndef SERIES_HELP_H
#define SERIES_HELP_H

#include "series/series.h"

#include "check.h"

/* cache_b: of decoded points; 0: what is usual. */
static inline struct series_db *open_cached(const char *dir, struct clock *c, size_t cache_b)
{
	struct series_options o = {.dir = dir, .clock = c, .partition = US_DAY, .cache_b = cache_b};
	struct series_db *db = NULL;
	struct err e = ERR_INIT;

	check_ok(series_open(&o, &db, &e), &e);
	return db;
}

static inline struct series_db *open_at(const char *dir, struct clock *c)
{
	return open_cached(dir, c, 0);
}

static inline series_id id_of(struct series_db *db, const char *name, const char *thing)
{
	struct label l[2] = {{STR_LIT("__name__"), str_of(name)}, {STR_LIT("thing"), str_of(thing)}};
	struct labels ls = {l, 2};
	struct err e = ERR_INIT;
	series_id id = {0};

	check_ok(series_resolve(db, &ls, &id, &e), &e);
	return id;
}

static inline int append(struct series_db *db, series_id id, time_us t, double v)
{
	struct series_point p = {id, t, v};

	return series_append(db, &p, 1, NULL);
}

/* Points of one series over all times; the arrays are the test's. Returns the number, -1 on failure. */
static inline int read_all(
        struct series_db *db, const char *name, const char *thing, time_us *t, double *v, size_t most)
{
	struct arena *a = arena_new(0);
	struct matcher m[2];
	struct series_query q = {.m = m, .n = 2, .from = INT64_MIN, .to = INT64_MAX};
	struct series_cursor *c = NULL;
	struct series_view s;
	struct err e = ERR_INIT;
	int n = -1, rc;

	check_ok(matcher_init(&m[0], a, MATCH_EQ, STR_LIT("__name__"), str_of(name), &e), &e);
	check_ok(matcher_init(&m[1], a, MATCH_EQ, STR_LIT("thing"), str_of(thing), &e), &e);
	if (check_ok(series_select(db, &q, a, &c, &e), &e)) {
		n = 0;
		while ((rc = series_next(c, &s, &e)) == 1) {
			if (!check(s.n <= most))
				break;
			n = (int)s.n;
			if (n) {
				memcpy(t, s.t, s.n * sizeof(*t));
				memcpy(v, s.v, s.n * sizeof(*v));
			}
		}
		check_eq_i(rc, 0);
	}
	series_cursor_free(&c);
	arena_free(&a);
	return n;
}

#endif

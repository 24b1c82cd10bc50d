/* Random operations on the engine and on a naive model: both must always say the same. */
#include "help.h"

#include <math.h>

#define SERIES 12
#define SLOTS 4000 /* instants a series can have in the model */
#define DENSE 2160

struct model {
	bool has[SERIES][SLOTS];
	double v[SERIES][SLOTS];
};

/*
 * Half a day at 20 s, for which blocks keep windows, then 12 days at 10 min, for which they do not: in
 * files of a day, with writes that cross them. Many instants are full hours.
 */
static time_us instant(int slot)
{
	const time_us t0 = 1752480000 * US_SECOND;

	if (slot < DENSE)
		return t0 + (time_us)slot * 20 * US_SECOND + (slot % 7 ? 0 : 123 * US_MS * (slot % 2));
	return t0 + 12 * US_HOUR + (time_us)(slot - DENSE) * 10 * US_MINUTE + (slot % 7 ? 0 : 123 * US_MS);
}

static void name_of(int s, char *thing, size_t n)
{
	snprintf(thing, n, "T-%d", s);
}

/* What a view says of its points besides them. */
static bool known_holds(const struct series_view *s)
{
	const struct series_chunks *c = &s->chunks;

	for (size_t i = 1; s->period > 0 && i < s->n; i++)
		if (!check_eq_i(s->t[i] - s->t[i - 1], s->period))
			return false;
	for (size_t i = 0; s->plain && i < s->n; i++)
		if (!check(s->v[i] == s->v[i]))
			return false;
	for (size_t run = 0; run < c->n; run++) {
		size_t from = run * SERIES_CHUNK > c->skew ? run * SERIES_CHUNK - c->skew : 0;
		size_t to = (run + 1) * SERIES_CHUNK - c->skew;
		bool falls = false;
		double sum = 0;

		if (!check(to <= s->n))
			return false;
		for (size_t i = from; i < to; i++) {
			falls |= i > from && s->v[i] < s->v[i - 1];
			sum += s->v[i];
			if (!check(c->least[run] <= s->v[i] && s->v[i] <= c->greatest[run]))
				return false;
		}
		if (!check(c->falls[run] || !falls) ||
		        (run > 0 && !check(fabs(c->sum[run] + c->lost[run] - sum) <= 1e-9 * (1 + fabs(sum)))))
			return false;
	}
	return true;
}

static void compare(struct series_db *db, const struct model *m, int from, int to, const char *pattern)
{
	struct arena *a = arena_new(0);
	struct matcher x;
	struct series_query q = {
	        .m = &x, .n = 1, .from = instant(from), .to = instant(to), .scaled = from % 2 == 0};
	double unscaled[SLOTS];
	struct series_cursor *c = NULL;
	struct series_view s;
	struct err e = ERR_INIT;
	int rc, seen = 0, wanted = 0;

	check_ok(matcher_init(&x, a, MATCH_RE, STR_LIT("thing"), str_of(pattern), &e), &e);
	if (!check_ok(series_select(db, &q, a, &c, &e), &e))
		goto out;
	while ((rc = series_next(c, &s, &e)) == 1) {
		struct str thing = labels_get(&s.labels, "thing");
		int k = thing.n == 3 ? thing.p[2] - '0' : 10 * (thing.p[2] - '0') + thing.p[3] - '0';
		size_t i = 0;

		if (s.scaled.p != NULL) {
			if (!check(q.scaled && s.v == NULL && s.lasting && s.plain && s.n <= SLOTS))
				goto out;
			scaled_get(&s.scaled, s.n, 1, unscaled);
			s.v = unscaled;
		}
		for (int slot = from; slot <= to; slot++) {
			if (!m->has[k][slot])
				continue;
			if (!check(i < s.n) || !check_eq_i(s.t[i], instant(slot)) ||
			        !check_eq_mem(&s.v[i], &m->v[k][slot], sizeof(double)))
				goto out;
			i++;
		}
		check_eq_u(i, s.n);
		if (!known_holds(&s))
			goto out;
		seen += s.n > 0;
	}
	check_eq_i(rc, 0);
	for (int k = 0; k < SERIES; k++) {
		char thing[16];
		bool any = false;

		name_of(k, thing, sizeof(thing));
		for (int slot = from; slot <= to; slot++)
			any |= m->has[k][slot];
		wanted += any && matcher_matches(&x, str_of(thing));
	}
	check_eq_i(seen, wanted);
out:
	series_cursor_free(&c);
	arena_free(&a);
}

/* What a window must be, from the model's points of (end - step, end]; *slot: where to look from. */
static struct series_window window_of(
        const struct model *m, int k, int *slot, time_us end, dur_us step, bool *decimal)
{
	struct series_window w = {.end = end};
	int64_t hundredths = 0;
	double sum = 0;

	*decimal = true;
	for (; *slot < SLOTS && instant(*slot) <= end; ++*slot) {
		double x = m->v[k][*slot];

		if (!m->has[k][*slot] || instant(*slot) <= end - step)
			continue;
		if (isnan(x)) {
			w.nans++;
			continue;
		}
		if (!w.n++)
			w.first = w.min = w.max = x;
		w.min = x < w.min ? x : w.min;
		w.max = x > w.max ? x : w.max;
		w.last = x;
		sum += x;
		hundredths += llround(x * 100);
		*decimal &= (double)llround(x * 100) / 100 == x;
	}
	w.sum = *decimal ? (double)hundredths / 100 : sum;
	return w;
}

static void compare_windows(struct series_db *db, const struct model *m, int from, int to)
{
	static const int steps[] = {1, 3, 12, 24, 288, 2016};
	dur_us step = steps[test_random() % ARRAY_LEN(steps)] * 5 * US_MINUTE;
	struct arena *a = arena_new(0);
	struct matcher x;
	struct series_query q = {.m = &x, .n = 1, .from = instant(from), .to = instant(to)};
	struct series_cursor *c = NULL;
	struct series_windows s;
	struct err e = ERR_INIT;
	int rc;

	check_ok(matcher_init(&x, a, MATCH_RE, STR_LIT("thing"), STR_LIT("T-.*"), &e), &e);
	if (!check_ok(series_select_windows(db, &q, step, a, &c, &e), &e))
		goto out;
	while ((rc = series_next_windows(c, &s, &e)) == 1) {
		struct str thing = labels_get(&s.labels, "thing");
		int k = thing.n == 3 ? thing.p[2] - '0' : 10 * (thing.p[2] - '0') + thing.p[3] - '0';
		time_us end = q.from / step * step;
		size_t i = 0;
		int slot = 0;

		for (end += end < q.from ? step : 0; end <= q.to; end += step) {
			bool decimal;
			struct series_window w = window_of(m, k, &slot, end, step, &decimal);

			if (!w.n && !w.nans)
				continue;
			if (!check(i < s.n) || !check_eq_i(s.w[i].end, end) || !check_eq_u(s.w[i].n, w.n) ||
			        !check_eq_u(s.w[i].nans, w.nans) || !check_eq_d(s.w[i].first, w.first) ||
			        !check_eq_d(s.w[i].last, w.last) || !check_eq_d(s.w[i].min, w.min) ||
			        !check_eq_d(s.w[i].max, w.max) ||
			        !check(fabs(s.w[i].sum - w.sum) <= (decimal ? 0 : 1e-9 * fabs(w.sum))))
				goto out;
			i++;
		}
		check_eq_u(i, s.n);
	}
	check_eq_i(rc, 0);
out:
	series_cursor_free(&c);
	arena_free(&a);
}

static double value(void)
{
	switch (test_random() % 20) {
	case 0: return NAN;
	case 1: return (double)(test_random() % 1000000) / 7;
	default: return (double)(test_random() % 5000) / 100;
	}
}

static void append_some(struct series_db *db, struct model *m, int *front)
{
	struct series_point p[600];
	int n = 1 + (int)(test_random() % 600), k = (int)(test_random() % SERIES),
	    kind = (int)(test_random() % 5);
	int slot = (int)(test_random() % SLOTS);
	struct err e = ERR_INIT;
	char thing[16];

	for (int i = 0; i < n; i++) {
		if (kind < 3) { /* in order, many series */
			k = (int)(test_random() % SERIES);
			slot = front[k] < SLOTS - 1 ? front[k]++ : (int)(test_random() % SLOTS);
		} else if (kind == 3) { /* a backlog of one series */
			slot = (slot + 1) % SLOTS;
		} else { /* anything */
			k = (int)(test_random() % SERIES);
			slot = (int)(test_random() % SLOTS);
		}
		name_of(k, thing, sizeof(thing));
		p[i] = (struct series_point){id_of(db, "m", thing), instant(slot), value()};
		m->has[k][slot] = true;
		m->v[k][slot] = p[i].v;
	}
	check_ok(series_append(db, p, (size_t)n, &e), &e);
}

/* Files end at midnight UTC; those that end before t are gone. */
static void expire(struct series_db *db, struct model *m, int slot)
{
	time_us t = instant(slot);
	struct err e = ERR_INIT;

	check_ok(series_expire(db, t, &e), &e);
	for (int k = 0; k < SERIES; k++)
		for (int i = 0; i < SLOTS; i++)
			if (instant(i) / US_DAY * US_DAY + US_DAY - 1 < t)
				m->has[k][i] = false;
}

static void told(void *ctx, const char *text)
{
	(void)ctx;
	check_fail("%s", text);
}

/* A window that ends at the newest point, as most do, or anywhere. */
static void compare_some(struct series_db *db, const struct model *m, int op)
{
	int from = (int)(test_random() % SLOTS), to = SLOTS - 1;

	if (op % 3 == 0)
		to = from + (int)(test_random() % (uint64_t)(SLOTS - from));
	compare(db, m, from, to, op % 2 ? "T-.*" : "T-[1-5]");
}

static void run(uint64_t seed, size_t cache_b)
{
	struct model *m = calloc(1, sizeof(*m));
	struct clock *c = clock_new_manual(instant(0));
	char dir[64];
	struct series_db *db;
	struct err e = ERR_INIT;
	int front[SERIES] = {0};

	test_seed(seed);
	snprintf(dir, sizeof(dir), "m%llu", (unsigned long long)seed);
	db = open_cached(test_path(dir), c, cache_b);
	for (int op = 0; op < 60 && db; op++) {
		switch (test_random() % 12) {
		case 0: check_ok(series_flush(db, &e), &e); break;
		case 1:
		case 2:
			series_close(&db);
			db = open_cached(test_path(dir), c, cache_b);
			break;
		case 3: expire(db, m, (int)(test_random() % 400)); break;
		default: append_some(db, m, front);
		}
		if (db)
			compare_some(db, m, op);
		if (db && op % 5 == 4) {
			int from = (int)(test_random() % SLOTS);

			compare_windows(db, m, from, from + (int)(test_random() % (uint64_t)(SLOTS - from)));
		}
	}
	for (int i = 0; i < 2 && db; i++) {
		compare(db, m, 0, SLOTS - 1, "T-.*");
		for (int k = 0; k < 6; k++)
			compare_windows(db, m, 0, SLOTS - 1);
		series_close(&db);
		db = open_cached(test_path(dir), c, cache_b);
	}
	series_close(&db);
	check_eq_i(series_verify(test_path(dir), told, NULL, &e), 0);
	clock_free(&c);
	free(m);
}

TEST(engine_and_model_agree_1)
{
	run(1, 0);
}
TEST(engine_and_model_agree_2)
{
	run(2, 0);
}
TEST(engine_and_model_agree_3)
{
	run(3, 500000);
}
TEST(engine_and_model_agree_4)
{
	run(4, 3000000);
}
TEST(engine_and_model_agree_without_a_cache)
{
	run(5, 1);
}

#include "help.h"

#include "base/fault.h"
#include "base/file.h"
#include "series/selection.h"

#include <pthread.h>
#include <stdatomic.h>

#define T0 (1752480000 * US_SECOND)
#define MOST 200000

static time_us times[MOST];
static double values[MOST];

static int read_one(struct series_db *db)
{
	return read_all(db, "m", "a", times, values, MOST);
}

TEST(keeps_what_was_appended)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;
	time_us at;
	double x;

	for (int i = 0; i < 1000; i++)
		check_ok(append(db, id_of(db, "m", "a"), T0 + i * US_SECOND, i / 4.0), NULL);
	check_eq_i(read_one(db), 1000);
	check_eq_i(times[999], T0 + 999 * US_SECOND);
	check_eq_d(values[999], 999 / 4.0);
	check(series_latest(db, id_of(db, "m", "a"), &at, &x));
	check_eq_d(x, 999 / 4.0);
	check(!series_latest(db, id_of(db, "m", "b"), &at, &x));
	check_ok(series_flush(db, &e), &e);
	check_eq_i(read_one(db), 1000);
	series_close(&db);
	db = open_at(test_path("db"), c);
	check_eq_i(read_one(db), 1000);
	check(series_latest(db, id_of(db, "m", "a"), &at, &x));
	check_eq_i(at, T0 + 999 * US_SECOND);
	series_close(&db);
	clock_free(&c);
}

TEST(the_last_written_wins_wherever_the_first_lies)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;
	series_id id = id_of(db, "m", "a");
	struct series_stats st;

	for (int i = 0; i < 100; i++)
		check_ok(append(db, id, T0 + i * US_SECOND, i), NULL);
	check_ok(append(db, id, T0 + 5 * US_SECOND, -5), NULL); /* in the head */
	check_ok(append(db, id, T0 + 99 * US_SECOND, -99), NULL);
	check_eq_i(read_one(db), 100);
	check_eq_d(values[5], -5);
	check_eq_d(values[99], -99);
	check_ok(series_flush(db, &e), &e);
	check_ok(append(db, id, T0 + 7 * US_SECOND, -7), NULL); /* in a file */
	check_eq_i(read_one(db), 100);
	check_eq_d(values[7], -7);
	check_ok(append(db, id, T0 - 900 * US_DAY, 1), NULL); /* of any age */
	check_ok(series_flush(db, &e), &e);
	check_eq_i(read_one(db), 101);
	check_eq_d(values[0], 1);
	check_eq_d(values[8], -7);
	check_eq_d(values[100], -99);
	series_stats(db, &st);
	check_eq_u(st.points_head, 0);
	check_eq_u(st.blocks, 2);
	series_close(&db);
	clock_free(&c);
}

TEST(refuses_bad_labels_ids_and_queries)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c), *twice = NULL;
	struct label l[2] = {{STR_LIT("b"), STR_LIT("1")}, {STR_LIT("a"), STR_LIT("1")}};
	struct labels ls = {l, 2}, none = LABELS_NONE;
	struct series_options o = {.dir = test_path("db"), .clock = c};
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = 0, .to = INT64_MAX};
	struct series_cursor *cur = NULL;
	struct err e = ERR_INIT;
	series_id id;

	check_err(series_resolve(db, &ls, &id, &e), ERR_INVALID);
	check_err(series_resolve(db, &none, &id, &e), ERR_INVALID);
	l[0].name = l[1].name;
	check_err(series_resolve(db, &ls, &id, &e), ERR_INVALID);
	check_err(append(db, (series_id){77}, T0, 1), ERR_NOTFOUND);
	check_err(append(db, (series_id){0}, T0, 1), ERR_NOTFOUND);
	check_err(append(db, id_of(db, "m", "a"), TIME_NONE, 1), ERR_INVALID);
	check_err(series_open(&o, &twice, &e), ERR_STATE);
	check_ok(matcher_init(&m, a, MATCH_NE, STR_LIT("thing"), STR_LIT("x"), &e), &e);
	check_err(series_select(db, &q, a, &cur, &e), ERR_INVALID);
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

TEST(limits_and_cancel_end_a_query)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct arena *a = arena_new(0);
	struct matcher m;
	bool cancel = true;
	struct series_query q = {.m = &m, .n = 1, .from = 0, .to = INT64_MAX, .max_series = 1};
	struct series_cursor *cur = NULL;
	struct series_view s;
	struct err e = ERR_INIT;

	for (int i = 0; i < 10; i++) {
		check_ok(append(db, id_of(db, "m", "a"), T0 + i, 1), NULL);
		check_ok(append(db, id_of(db, "m", "b"), T0 + i, 1), NULL);
	}
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), &e), &e);
	check_err(series_select(db, &q, a, &cur, &e), ERR_TOOBIG);
	q.max_series = 2;
	q.max_points = 15;
	check_ok(series_select(db, &q, a, &cur, &e), &e);
	check_eq_i(series_next(cur, &s, &e), 1);
	check_err(series_next(cur, &s, &e), ERR_TOOBIG);
	series_cursor_free(&cur);
	q.cancel = &cancel;
	check_err(series_select(db, &q, a, &cur, &e), ERR_CANCELLED);
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

TEST(a_cursor_sees_what_was_there_at_its_opening)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = 0, .to = INT64_MAX};
	struct series_cursor *cur = NULL;
	struct series_view s;
	struct err e = ERR_INIT;
	series_id id = id_of(db, "m", "a");

	for (int i = 0; i < 300; i++)
		check_ok(append(db, id, T0 + i * US_SECOND, i), NULL);
	check_ok(series_flush(db, &e), &e);
	check_ok(append(db, id, T0 + 300 * US_SECOND, 300), NULL);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), &e), &e);
	check_ok(series_select(db, &q, a, &cur, &e), &e);
	check_ok(append(db, id, T0 + 301 * US_SECOND, 301), NULL);
	check_ok(append(db, id, T0, -1), NULL);
	check_ok(series_flush(db, &e), &e);
	check_ok(series_expire(db, T0 + 30 * US_DAY, &e), &e);
	if (check_eq_i(series_next(cur, &s, &e), 1)) {
		check_eq_u(s.n, 301);
		check_eq_d(s.v[0], 0);
	}
	check_eq_i(series_next(cur, &s, &e), 0);
	series_cursor_free(&cur);
	check_eq_i(read_one(db), 0);
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

TEST(expiry_hides_then_forgets)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct arena *a = arena_new(0);
	struct series_latest_row *row;
	struct str *s;
	size_t n;
	struct err e = ERR_INIT;
	series_id id = id_of(db, "m", "a");

	check_ok(append(db, id, T0, 1), NULL);
	check_ok(append(db, id_of(db, "m", "b"), T0 + 40 * US_DAY, 2), NULL);
	check_ok(series_expire(db, T0 + 2 * US_DAY, &e), &e);
	check_ok(series_list(db, NULL, 0, 0, a, &row, &n, &e), &e);
	check_eq_u(n, 1);
	check_ok(series_label_values(db, "thing", a, &s, &n, &e), &e);
	if (check_eq_u(n, 1))
		check_str(s[0], "b");
	check_ok(append(db, id, T0 + 41 * US_DAY, 3), NULL); /* comes back under its id */
	check_eq_i(read_one(db), 1);
	check_ok(series_expire(db, T0 + 60 * US_DAY, &e), &e);
	check_ok(series_expire(db, T0 + 60 * US_DAY, &e), &e);
	check_err(append(db, id, T0 + 61 * US_DAY, 3), ERR_NOTFOUND);
	check(id_of(db, "m", "a").v != id.v);
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

static void registry(void *ctx, struct str thing, struct arena *a, struct str *value)
{
	(void)ctx;
	(void)a;
	value[0] = str_is(thing, "a") ? STR_LIT("north") : str_is(thing, "b") ? STR_LIT("south") : STR_NULL;
}

TEST(virtual_labels_match_and_are_shown)
{
	static const char *const names[] = {"region", NULL};
	const struct series_virtual virt = {.names = names, .values = registry};
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_latest_row *row;
	struct sb b = SB_INIT;
	struct str *s;
	size_t n;
	struct err e = ERR_INIT;

	series_set_virtual(db, &virt);
	check_ok(append(db, id_of(db, "m", "a"), T0, 1), NULL);
	check_ok(append(db, id_of(db, "m", "b"), T0, 2), NULL);
	check_ok(append(db, id_of(db, "m", "z"), T0, 3), NULL);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("region"), STR_LIT("south"), &e), &e);
	check_ok(series_list(db, &m, 1, 0, a, &row, &n, &e), &e);
	if (check_eq_u(n, 1)) {
		labels_write(&b, &row[0].labels);
		check_eq_s(b.p, "m{region=\"south\",thing=\"b\"}");
		check_eq_d(row[0].v, 2);
	}
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("region"), STR_NULL, &e), &e);
	check_ok(series_list(db, &m, 1, 0, a, &row, &n, &e), &e);
	check_eq_u(n, 1);
	check_ok(series_list(db, NULL, 0, 2, a, &row, &n, &e), &e);
	check_eq_u(n, 2);
	check_ok(series_label_names(db, a, &s, &n, &e), &e);
	if (check_eq_u(n, 3))
		check_str(s[1], "region");
	check_ok(series_label_values(db, "region", a, &s, &n, &e), &e);
	if (check_eq_u(n, 2))
		check_str(s[1], "south");
	sb_fini(&b);
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

/* The region of "a" is what `moves` says. */
struct moving {
	const char *region;
	uint64_t version;
};
static void moving_values(void *ctx, struct str thing, struct arena *a, struct str *value)
{
	const struct moving *m = ctx;

	(void)a;
	value[0] = str_is(thing, "a") ? str_of(m->region) : STR_NULL;
}
static uint64_t moving_version(void *ctx)
{
	return ((const struct moving *)ctx)->version;
}

/* "labels n;" of what a cursor gives, in an arena that outlives the cursor. */
static void read_found(struct series_db *db, const struct matcher *m, int n, size_t most, const char *want)
{
	const struct series_query q = {.m = m, .n = n, .from = T0, .to = T0 + US_DAY, .max_series = most};
	struct arena *a = arena_new(1 << 20);
	struct series_cursor *c = NULL;
	struct series_view v[8];
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	size_t k = 0;

	if (check_ok(series_select(db, &q, a, &c, &e), &e)) {
		while (k < ARRAY_LEN(v) && series_next(c, &v[k], &e) == 1)
			k++;
		series_cursor_free(&c);
		for (size_t i = 0; i < k; i++) {
			labels_write(&b, &v[i].labels);
			sb_printf(&b, " %zu;", v[i].n);
		}
		sb_putc(&b, '\0');
		check_eq_s(b.p, want);
	}
	sb_fini(&b);
	arena_free(&a);
}

TEST(a_selection_is_remembered_as_long_as_it_stands)
{
	static const char *const names[] = {"region", NULL};
	struct moving moving = {"north", 1};
	const struct series_virtual virt = {&moving, names, moving_values, moving_version};
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct arena *a = arena_new(0);
	const struct series_query one = {.from = T0, .to = T0, .max_series = 1, .n = 1};
	struct series_query q = one;
	struct series_cursor *cursor = NULL;
	struct matcher all, north[2];
	struct series_stats before, after;
	series_id old;
	struct err e = ERR_INIT;

	check_ok(matcher_init(&all, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), &e), &e);
	north[0] = all;
	check_ok(matcher_init(&north[1], a, MATCH_EQ, STR_LIT("region"), STR_LIT("north"), &e), &e);
	series_set_virtual(db, &virt);
	check_ok(append(db, id_of(db, "m", "a"), T0, 1), NULL);
	read_found(db, &all, 1, 0, "m{region=\"north\",thing=\"a\"} 1;");
	series_stats(db, &before);
	read_found(db, &all, 1, 1, "m{region=\"north\",thing=\"a\"} 1;");
	series_stats(db, &after);
	check(after.selection_hits == before.selection_hits + 1);

	/* A series comes, a point comes, a thing moves. */
	old = id_of(db, "m", "z");
	read_found(db, &all, 1, 0, "m{region=\"north\",thing=\"a\"} 1;m{thing=\"z\"} 0;");
	check_ok(append(db, old, T0, 1), NULL);
	read_found(db, &all, 1, 0, "m{region=\"north\",thing=\"a\"} 1;m{thing=\"z\"} 1;");
	read_found(db, north, 2, 0, "m{region=\"north\",thing=\"a\"} 1;");
	moving = (struct moving){"south", 2};
	read_found(db, north, 2, 0, "");
	read_found(db, &all, 1, 0, "m{region=\"south\",thing=\"a\"} 1;m{thing=\"z\"} 1;");
	q.m = &all;
	check_err(series_select(db, &q, a, &cursor, &e), ERR_TOOBIG);

	/* What is deleted is hidden, comes back when it is written to, and goes for good. */
	check_ok(series_delete(db, north, 1, T0, T0, NULL, &e), &e);
	read_found(db, &all, 1, 0, "");
	check_ok(append(db, id_of(db, "m", "z"), T0 + 1, 1), NULL);
	read_found(db, &all, 1, 0, "m{thing=\"z\"} 1;");
	check_ok(series_expire(db, T0 - 60 * US_DAY, &e), &e);
	read_found(db, &all, 1, 0, "m{thing=\"z\"} 1;");
	check_ok(append(db, id_of(db, "m", "a"), T0 + 1, 1), NULL);
	read_found(db, &all, 1, 0, "m{region=\"south\",thing=\"a\"} 1;m{thing=\"z\"} 1;");

	/* More than are remembered. */
	for (int i = 0; i < 3 * SELECTIONS; i++) {
		struct matcher m[2] = {all};
		char text[16];

		snprintf(text, sizeof(text), "%d", i);
		check_ok(matcher_init(&m[1], a, MATCH_NE, STR_LIT("thing"), str_of(text), &e), &e);
		read_found(db, m, 2, 0, "m{region=\"south\",thing=\"a\"} 1;m{thing=\"z\"} 1;");
	}
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

struct seen {
	size_t live, replayed;
	double last;
};
static void observe(void *ctx, const struct series_point *p, size_t n, bool replay)
{
	struct seen *s = ctx;

	*(replay ? &s->replayed : &s->live) += n;
	s->last = p[n - 1].v;
}

TEST(the_observer_sees_each_point_and_the_tail_again)
{
	struct clock *c = clock_new_manual(T0);
	struct seen seen = {0};
	struct series_options o = {
	        .dir = test_path("db"), .clock = c, .observe = observe, .observe_ctx = &seen};
	struct series_db *db = NULL;
	struct err e = ERR_INIT;

	check_ok(series_open(&o, &db, &e), &e);
	check_ok(append(db, id_of(db, "m", "a"), T0, 1), NULL);
	check_ok(series_flush(db, &e), &e);
	check_ok(append(db, id_of(db, "m", "a"), T0 + 1, 2), NULL);
	check_eq_u(seen.live, 2);
	series_close(&db);
	check_ok(series_open(&o, &db, &e), &e);
	check_eq_u(seen.replayed, 1); /* what was flushed is not the tail any more */
	check_eq_d(seen.last, 2);
	series_close(&db);
	clock_free(&c);
}

TEST(a_full_disk_refuses_the_batch_and_takes_the_next)
{
	static const char *const points[] = {"SERIES_APPEND:1", "SERIES_TORN:1", "SERIES_FSYNC:1"};
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;

	for (int i = 0; i < 3; i++) {
		check(fault_arm(points[i]));
		check(append(db, id_of(db, "m", "a"), T0 + 2 * i, -1) < 0);
		check_ok(append(db, id_of(db, "m", "a"), T0 + 2 * i + 1, i), NULL);
	}
	check_eq_i(read_one(db), 3);
	series_close(&db);
	db = open_at(test_path("db"), c);
	check_eq_i(read_one(db), 3); /* nothing of what was refused has come back */
	check_eq_d(values[2], 2);
	check(fault_arm("SERIES_SEAL:1"));
	check(series_flush(db, &e) < 0);
	check_eq_i(read_one(db), 3);
	check_ok(series_flush(db, &e), &e);
	check_eq_i(read_one(db), 3);
	series_close(&db);
	clock_free(&c);
}

TEST(a_log_that_cannot_be_cut_stops_writes_and_not_reads)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct series_point p = {.t = T0 + 5, .v = 1};
	struct err e = ERR_INIT;

	check_ok(append(db, id_of(db, "m", "a"), T0, 1), NULL);
	check(fault_arm("SERIES_FSYNC:1,FILE_FSYNC:1"));
	p.id = id_of(db, "m", "a");
	check(series_append(db, &p, 1, &e) < 0);
	check_err(series_append(db, &p, 1, &e), ERR_UNAVAILABLE);
	check_has(e.text, "cut back");
	check_eq_i(read_one(db), 1);
	series_close(&db);
	db = open_at(test_path("db"), c);
	check_ok(append(db, id_of(db, "m", "a"), T0 + 9, 1), NULL);
	series_close(&db);
	clock_free(&c);
}

TEST(a_snapshot_is_a_database)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;

	for (int i = 0; i < 700; i++)
		check_ok(append(db, id_of(db, "m", "a"), T0 + i * US_SECOND, i), NULL);
	check_ok(series_flush(db, &e), &e);
	check_ok(append(db, id_of(db, "m", "a"), T0 - 1, 5), NULL);
	check_ok(series_snapshot(db, test_path("copy"), NULL, &e), &e);
	check_err(series_snapshot(db, test_path("copy"), NULL, &e), ERR_CONFLICT);
	check_ok(append(db, id_of(db, "m", "a"), T0 - 2, 5), NULL);
	series_close(&db);
	db = open_at(test_path("copy"), c);
	check_eq_i(read_one(db), 701);
	series_close(&db);
	clock_free(&c);
}

struct load {
	struct series_db *db;
	series_id id[8];
	_Atomic bool stop;
	_Atomic int reads;
};

static void *read_on(void *arg)
{
	struct load *l = arg;
	time_us *ts = calloc(MOST, sizeof(*ts)), at;
	double *vs = calloc(MOST, sizeof(*vs)), x;
	int before = 0;

	while (!atomic_load(&l->stop)) {
		int n = read_all(l->db, "m", "3", ts, vs, MOST);

		check(n >= before); /* what was durable stays */
		for (int i = 0; i < n; i++)
			if (ts[i] != T0 + i * US_SECOND || vs[i] != i) {
				check_fail("point %d of %d is %lld", i, n, (long long)(ts[i] - T0));
				break;
			}
		before = n;
		(void)series_latest(l->db, l->id[3], &at, &x);
		atomic_fetch_add(&l->reads, 1);
	}
	free(ts);
	free(vs);
	return NULL;
}

TEST(readers_and_writers_do_not_disturb_one_another)
{
	struct clock *c = clock_new_manual(T0);
	struct load l = {.db = open_at(test_path("db"), c)};
	struct series_point p[8 * 50];
	pthread_t reader[2];
	struct err e = ERR_INIT;

	for (int k = 0; k < 8; k++)
		l.id[k] = id_of(l.db, "m", (char[]){(char)('0' + k), 0});
	for (int i = 0; i < 2; i++)
		pthread_create(&reader[i], NULL, read_on, &l);
	for (int round = 0; round < 120; round++) {
		size_t n = 0;

		for (int i = round * 50; i < round * 50 + 50; i++)
			for (int k = 0; k < 8; k++)
				p[n++] = (struct series_point){l.id[k], T0 + i * US_SECOND, i};
		check_ok(series_append(l.db, p, n, &e), &e);
		if (round % 20 == 19)
			check_ok(series_flush(l.db, &e), &e);
	}
	atomic_store(&l.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(reader[i], NULL);
	check_eq_i(read_all(l.db, "m", "3", times, values, MOST), 6000);
	check(atomic_load(&l.reads) > 0);
	series_close(&l.db);
	clock_free(&c);
}

TEST(a_series_reaches_from_one_end_of_time_to_the_other)
{
	struct clock *c = clock_new_manual(0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;
	const time_us ends[] = {
	        INT64_MIN + 1, INT64_MIN / 2, -1, 0, 1, INT64_MAX / 2, INT64_MAX - 1, INT64_MAX};
	time_us t[8];
	double v[8];

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < ARRAY_LEN(ends); i++)
			check_ok(append(db, id_of(db, "m", "far"), ends[i], (double)i + round), NULL);
		if (check_eq_i(read_all(db, "m", "far", t, v, 8), 8))
			check_eq_mem(t, ends, sizeof(ends));
		check_ok(series_flush(db, &e), &e);
		if (check_eq_i(read_all(db, "m", "far", t, v, 8), 8))
			check_eq_mem(t, ends, sizeof(ends));
		check_eq_d(v[7], 7 + round);
	}
	series_close(&db);
	clock_free(&c);
}

TEST(who_asks_again_is_served_from_what_was_decoded)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct series_stats s;
	time_us t[8];
	double v[8];

	for (int i = 0; i < 5; i++)
		check_ok(append(db, id_of(db, "m", "1"), T0 + i * US_MINUTE, i), NULL);
	check_eq_i(read_all(db, "m", "1", t, v, 8), 5);
	check_eq_i(read_all(db, "m", "1", t, v, 8), 5);
	series_stats(db, &s);
	check_eq_u(s.cache_misses, 1);
	check_eq_u(s.cache_hits, 1);
	check(s.cache_bytes >= 5 * (sizeof(time_us) + sizeof(double)));
	series_close(&db);
	clock_free(&c);
}

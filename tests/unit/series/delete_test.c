/* Deletion: exact, durable, against a model; killed at any moment, and with late data from before and after.
 */
#include "help.h"

#include "base/fault.h"
#include "base/file.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 (1752480000 * US_SECOND)
#define SLOTS 6000 /* at 20 s: about a day and a half */
#define MOST 20000

static time_us times[MOST];
static double values[MOST];

static time_us instant(int slot)
{
	return T0 + (time_us)slot * 20 * US_SECOND;
}

static int delete_things(struct series_db *db, const char *pattern, time_us from, time_us to, struct err *e)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_care care = {0};
	int rc = matcher_init(&m, a, MATCH_RE, STR_LIT("thing"), str_of(pattern), e);

	if (!rc)
		rc = series_delete(db, &m, 1, from, to, &care, e);
	arena_free(&a);
	return rc;
}

/* ---- one operation after another, on the engine and on a model ---- */

struct model {
	bool has[2][SLOTS];
	double v[2][SLOTS];
	int front;
};

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdu;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53u;
	return x ^ x >> 33;
}

/* Operation number i: the same on both sides of a pipe. db NULL: the model alone. */
static bool operate(struct series_db *db, struct model *m, int i)
{
	static const char *const thing[] = {"a", "b"};
	uint64_t r = mix((uint64_t)i * 77 + 5);
	struct err e = ERR_INIT;
	struct series_point p[64];
	int n = 0, kind = (int)(r % 10), from, to;

	if (kind == 9 && db)
		return series_flush(db, &e) == 0;
	if (kind == 9)
		return true;
	if (kind >= 7) { /* a hole; often at the newest points */
		from = (int)(mix(r) % SLOTS);
		if (r >> 8 & 1)
			from = m->front > 40 ? m->front - 40 : 0;
		to = from + (int)(r >> 16 & 1 ? mix(r + 1) % 30 : mix(r + 1) % 2000);
		for (int k = 0; k < 2; k++)
			for (int s = from; s <= to && s < SLOTS; s++)
				m->has[k][s] &= !(k == 0 || (r >> 20 & 3) == 0);
		return !db || delete_things(db, (r >> 20 & 3) == 0 ? "a|b" : "a", instant(from), instant(to),
		                      &e) == 0;
	}
	from = kind < 5 ? m->front : (int)(mix(r) % SLOTS);
	for (int k = 0; k < 2; k++) {
		for (int s = from; s < from + 30 && s < SLOTS; s++) {
			double v = (double)(mix(r + (uint64_t)s) % 5000) / 100;

			if (mix(r + (uint64_t)s + 9) % 8 == 0)
				continue;
			m->has[k][s] = true;
			m->v[k][s] = v;
			if (db)
				p[n++] = (struct series_point){id_of(db, "m", thing[k]), instant(s), v};
			if (s >= m->front && k == 1)
				m->front = s + 1;
		}
	}
	return !db || series_append(db, p, (size_t)n, &e) == 0;
}

static bool same_points(struct series_db *db, const struct model *m, int k)
{
	int n = read_all(db, "m", k ? "b" : "a", times, values, MOST), i = 0, newest = -1;
	time_us t = TIME_NONE;
	double v = 0;
	bool has;

	for (int s = 0; s < SLOTS; s++) {
		if (!m->has[k][s])
			continue;
		if (i >= n || times[i] != instant(s) || values[i] != m->v[k][s])
			return false;
		i++;
		newest = s;
	}
	has = series_latest(db, id_of(db, "m", k ? "b" : "a"), &t, &v);
	return i == n && has == (newest >= 0) && (!has || (t == instant(newest) && v == m->v[k][newest]));
}

static bool same_windows(struct series_db *db, const struct model *m, int k, dur_us step)
{
	struct arena *a = arena_new(0);
	struct matcher x;
	struct series_query q = {.m = &x, .n = 1, .from = T0, .to = instant(SLOTS) + step};
	struct series_cursor *c = NULL;
	struct series_windows w;
	struct err e = ERR_INIT;
	size_t at = 0;
	bool ok = true;

	check_ok(matcher_init(&x, a, MATCH_EQ, STR_LIT("thing"), k ? STR_LIT("b") : STR_LIT("a"), &e), &e);
	check_ok(series_select_windows(db, &q, step, a, &c, &e), &e);
	if (series_next_windows(c, &w, &e) != 1)
		w.n = 0;
	for (int s = 0; s < SLOTS && ok;) {
		time_us end = instant(s) % step ? instant(s) / step * step + step : instant(s);
		int64_t hundredths = 0;
		uint32_t n = 0;

		for (; s < SLOTS && instant(s) <= end; s++) {
			n += m->has[k][s];
			hundredths += m->has[k][s] ? llround(m->v[k][s] * 100) : 0;
		}
		if (!n)
			continue;
		ok = at < w.n && w.w[at].end == end && w.w[at].n == n &&
		     w.w[at].sum == (double)hundredths / 100;
		at++;
	}
	ok &= at == w.n;
	series_cursor_free(&c);
	arena_free(&a);
	return ok;
}

static bool same(struct series_db *db, const struct model *m)
{
	return same_points(db, m, 0) && same_points(db, m, 1) && same_windows(db, m, 0, US_HOUR) &&
	       same_windows(db, m, 1, 5 * US_MINUTE) && same_windows(db, m, 1, US_HOUR);
}

static void told(void *ctx, const char *text)
{
	(void)ctx;
	check_fail("%s", text);
}

TEST(deletion_and_model_agree)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct model *m = calloc(1, sizeof(*m));
	struct series_db *db = open_at(dir, c);
	struct err e = ERR_INIT;

	for (int i = 0; i < 250 && db; i++) {
		check(operate(db, m, i));
		if (i % 23 == 22) {
			series_close(&db);
			db = open_at(dir, c);
		}
		if (i % 7 == 6 && !check(same(db, m)))
			break;
	}
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	free(m);
	clock_free(&c);
}

/* ---- killed meanwhile ---- */

static int run_until_killed(const char *dir, int from, const char *fault, int kill_after)
{
	int fd[2], got = from, n;
	pid_t pid;

	check_eq_i(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		struct clock *c = clock_new_manual(T0);
		struct series_db *db = open_at(dir, c);
		struct model *m = calloc(1, sizeof(*m));

		for (int i = 0; i < from; i++)
			operate(NULL, m, i);
		if (fault && !fault_arm(fault))
			_exit(1);
		for (int i = from + 1; i < from + 400; i++) {
			if (!operate(db, m, i - 1) || write(fd[1], &i, sizeof(i)) != sizeof(i))
				_exit(1);
		}
		_exit(0);
	}
	close(fd[1]);
	while (read(fd[0], &n, sizeof(n)) == sizeof(n)) {
		got = n;
		if (kill_after && n >= from + kill_after)
			kill(pid, SIGKILL);
	}
	close(fd[0]);
	waitpid(pid, &n, 0);
	return got;
}

TEST(a_deletion_survives_a_kill_and_is_whole)
{
	static const char *const faults[] = {
	        NULL, "CRASH_SERIES:20", "CRASH_SERIES:33", NULL, "CRASH_SERIES:47"};
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct model *m = calloc(1, sizeof(*m));
	struct err e = ERR_INIT;
	int done = 0, sure;

	for (size_t round = 0; round < ARRAY_LEN(faults); round++) {
		struct series_db *db;

		sure = run_until_killed(dir, done, faults[round], faults[round] ? 0 : 37);
		for (; done < sure; done++)
			operate(NULL, m, done);
		db = open_at(dir, c);
		for (int more = 0; more < 3 && !same(db, m);
		        more++) /* durable, but the answer was not heard */
			operate(NULL, m, done++);
		if (!check(same(db, m)))
			break;
		series_close(&db);
	}
	check(done > 100);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	free(m);
	clock_free(&c);
}

/* ---- single cases ---- */

TEST(the_newest_value_goes_and_the_same_may_come_again)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;
	series_id id = id_of(db, "m", "a");
	time_us t = 0;
	double v = 0;

	for (int i = 0; i < 10; i++)
		check_ok(append(db, id, T0 + i, i), NULL);
	check_ok(delete_things(db, "a", T0 + 5, T0 + 9, &e), &e);
	check(series_latest(db, id, &t, &v));
	check_eq_i(t, T0 + 4);
	check_eq_d(v, 4);
	check_ok(append(db, id, T0 + 9, 9), NULL);
	check(series_latest(db, id, &t, &v));
	check_eq_d(v, 9);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 6);
	check_ok(append(db, id, T0 + 2, 2), NULL); /* late, and as it was */
	check_ok(delete_things(db, "a", INT64_MIN, INT64_MAX, &e), &e);
	check(!series_latest(db, id, &t, &v));
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 0);
	check_ok(append(db, id, T0 + 2, 7), NULL);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 1);
	series_close(&db);
	db = open_at(test_path("db"), c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 1);
	check_eq_d(values[0], 7);
	series_close(&db);
	clock_free(&c);
}

TEST(a_deletion_needs_a_selector_and_a_time)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;

	check_eq_i(series_delete(db, NULL, 0, 0, 1, NULL, &e), ERR_INVALID);
	check_eq_i(delete_things(db, ".*", 0, 1, &e), ERR_INVALID);
	check_eq_i(delete_things(db, "a", 1, 0, &e), ERR_INVALID);
	check_ok(delete_things(db, "nobody", 0, 1, &e), &e);
	series_close(&db);
	clock_free(&c);
}

TEST(a_deletion_that_cannot_be_written_changes_nothing)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct err e = ERR_INIT;
	series_id id = id_of(db, "m", "a");

	for (int i = 0; i < 10; i++)
		check_ok(append(db, id, T0 + i, i), NULL);
	check(fault_arm("SERIES_FSYNC:1"));
	check_eq_i(delete_things(db, "a", T0, T0 + 5, &e), ERR_IO);
	check(fault_arm("SERIES_FSYNC:off"));
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 10);
	check_ok(delete_things(db, "a", T0, T0 + 5, &e), &e);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 4);
	series_close(&db);
	clock_free(&c);
}

/* ---- classes ---- */

TEST(each_class_is_kept_as_long_as_it_says)
{
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct matcher video, gas;
	struct series_class class[] = {
	        {&video, 1, 2 * US_DAY, 0, 0}, {&gas, 1, 10 * US_DAY, 0, 0}, {NULL, 0, 5 * US_DAY, 0, 0}};
	static const char *const name[] = {"video", "gas", "other"};
	static const int left[] = {2 * 24, 10 * 24, 5 * 24};
	struct err e = ERR_INIT;
	struct series_stats st;

	check_ok(matcher_init(&video, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("video"), &e), &e);
	check_ok(matcher_init(&gas, a, MATCH_RE, STR_LIT("__name__"), STR_LIT("gas|video"), &e), &e);
	for (int h = 0; h <= 20 * 24; h++)
		for (int k = 0; k < 3; k++)
			check_ok(append(db, id_of(db, name[k], "a"), T0 + h * US_HOUR, h), NULL);
	check_ok(series_flush(db, &e), &e);
	for (int round = 0; round < 2; round++) {
		check_ok(series_retain(db, class, 3, T0 + 20 * US_DAY, NULL, NULL, &e), &e);
		for (int k = 0; k < 3; k++) {
			check_eq_i(read_all(db, name[k], "a", times, values, MOST), left[k] + 1);
			check_eq_i(times[0], T0 + (20 * 24 - left[k]) * US_HOUR);
		}
		series_close(&db);
		db = open_at(test_path("db"), c);
	}
	series_stats(db, &st);
	check(st.blocks < 3 * 12); /* files went, too */
	class[1].keep = SERIES_FOREVER;
	check_ok(series_retain(db, class, 3, T0 + 40 * US_DAY, NULL, NULL, &e), &e);
	check_eq_i(read_all(db, "video", "a", times, values, MOST), 0);
	check_eq_i(read_all(db, "gas", "a", times, values, MOST), left[1] + 1);
	check_eq_i(read_all(db, "other", "a", times, values, MOST), 0);
	series_close(&db);
	check_eq_i(series_verify(test_path("db"), told, NULL, &e), 0);
	clock_free(&c);
	arena_free(&a);
}

/* ---- files that are just being made ---- */

struct looker {
	struct series_db *db;
	atomic_bool stop;
};

static void *look_all_the_time(void *arg)
{
	struct looker *l = arg;
	struct series_stats s;

	while (!atomic_load(&l->stop))
		series_stats(l->db, &s);
	return NULL;
}

/* Each day has a file of its own; whoever looks at one before it has its tables must not take it for damaged,
 * or nothing could be deleted from it. */
TEST(a_file_that_is_just_being_made_is_not_damaged)
{
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(test_path("db"), c);
	struct looker l = {.db = db};
	struct matcher m;
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	pthread_t thread[2];

	for (int i = 0; i < 2; i++)
		must(pthread_create(&thread[i], NULL, look_all_the_time, &l) == 0);
	for (int day = 0; day < 40; day++) {
		check_ok(append(db, id_of(db, "x", "A"), T0 + day * US_DAY, day), NULL);
		check_ok(series_flush(db, &e), &e);
	}
	atomic_store(&l.stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("x"), &e), &e);
	check_ok(series_delete(db, &m, 1, INT64_MIN, INT64_MAX, NULL, &e), &e);
	series_close(&db);
	clock_free(&c);
	arena_free(&a);
}

/* ---- stopped ---- */

struct stopping {
	bool stop;
	size_t after;
};

static void stop_after(void *ctx, size_t done, size_t files)
{
	struct stopping *s = ctx;

	(void)files;
	if (done >= s->after)
		__atomic_store_n(&s->stop, true, __ATOMIC_RELAXED);
}

static void copy_files(struct arena *a, const char *from, const char *to)
{
	struct err e = ERR_INIT;
	char **name = NULL;

	check_ok(file_mkdirs(to, &e), &e);
	check_ok(file_list(a, from, &name, &e), &e);
	for (; name != NULL && *name != NULL; name++)
		check_ok(file_copy(path_join(a, from, *name), path_join(a, to, *name), 0640, &e), &e);
}

/* A day is a file: of six the first two are taken, and stay so, also after the program has died. */
TEST(a_stop_leaves_what_is_done_and_the_rest)
{
	enum { DAYS = 6, A_DAY = 100 };
	const char *dir = test_path("db"), *copy = test_path("copy");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	struct arena *a = arena_new(0);
	struct stopping s = {.after = 2};
	struct series_care care = {.tell = stop_after, .ctx = &s, .cancel = &s.stop};
	series_id id = id_of(db, "m", "a"), other = id_of(db, "m", "b");
	struct err e = ERR_INIT;
	struct matcher m;
	time_us t;
	double v;

	for (int i = 0; i < DAYS * A_DAY; i++) {
		check_ok(append(db, id, T0 + (i / A_DAY) * US_DAY + i % A_DAY * US_SECOND, i), NULL);
		check_ok(append(db, other, T0 + (i / A_DAY) * US_DAY + i % A_DAY * US_SECOND, i), NULL);
	}
	check_ok(series_flush(db, &e), &e);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("thing"), STR_LIT("a"), &e), &e);
	check_err(series_delete(db, &m, 1, INT64_MIN, INT64_MAX, &care, &e), ERR_CANCELLED);
	check_eq_u(care.removed.points, 2 * A_DAY);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), (DAYS - 2) * A_DAY);
	check_eq_d(values[0], 2 * A_DAY);
	check_eq_i(read_all(db, "m", "b", times, values, MOST), DAYS * A_DAY);
	check(series_latest(db, id, &t, &v) && v == DAYS * A_DAY - 1);
	copy_files(a, dir, copy); /* as a crash would leave them */
	series_close(&db);
	db = open_at(copy, c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), (DAYS - 2) * A_DAY);
	check(series_latest(db, id_of(db, "m", "a"), &t, &v) && v == DAYS * A_DAY - 1);
	/* The next one is carried out as a whole. */
	care = (struct series_care){0};
	check_ok(series_delete(db, &m, 1, INT64_MIN, INT64_MAX, &care, &e), &e);
	check_eq_u(care.removed.points, (DAYS - 2) * A_DAY);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 0);
	series_close(&db);
	/* Stopped before it began: nothing is gone. */
	db = open_at(copy, c);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("thing"), STR_LIT("b"), &e), &e);
	care = (struct series_care){.cancel = &s.stop};
	check_err(series_delete(db, &m, 1, INT64_MIN, INT64_MAX, &care, &e), ERR_CANCELLED);
	check_eq_i(read_all(db, "m", "b", times, values, MOST), DAYS * A_DAY);
	series_close(&db);
	arena_free(&a);
	clock_free(&c);
}

TEST(a_stopped_snapshot_leaves_nothing)
{
	const char *dir = test_path("db"), *copy = test_path("copy");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	struct err e = ERR_INIT;
	bool stop = true;

	check_ok(append(db, id_of(db, "m", "a"), T0, 1), NULL);
	check_ok(series_flush(db, &e), &e);
	check_err(series_snapshot(db, copy, &stop, &e), ERR_CANCELLED);
	check(!file_exists(copy));
	stop = false;
	check_ok(series_snapshot(db, copy, &stop, &e), &e);
	series_close(&db);
	clock_free(&c);
}

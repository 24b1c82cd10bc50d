/* Packing: whatever points there are, they and their windows are the same before and after. */
#include "help.h"

#include "base/fault.h"
#include "base/file.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 (1752480000 * US_SECOND)
#define SERIES 12
#define POINTS 6000

static time_us was_t[2 * POINTS], is_t[2 * POINTS];
static double was_v[2 * POINTS], is_v[2 * POINTS];

static uint64_t state;
static uint64_t dice(uint64_t n)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % n;
}

static void told(void *ctx, const char *text)
{
	(void)ctx;
	check_fail("%s", text);
}

/* Decimals, doubles, constants, few levels, and some of each; now and then a NaN or a staleness marker. */
static double value(int kind, int64_t *walk)
{
	double marker;

	*walk += (int64_t)dice(11) - 5;
	if (dice(700) == 0) {
		memcpy(&marker, &(uint64_t){SERIES_STALE}, sizeof(marker));
		return dice(2) ? marker : NAN;
	}
	switch (kind) {
	case 0: return (double)*walk / 100;
	case 1: return (double)*walk / 7;
	case 2: return 3;
	case 3: return dice(20) ? 1 : 0;
	case 4: return dice(2000) ? (double)*walk : 1e300;
	default: return (*walk >> 7) % 2 ? (double)*walk / 10 : sin((double)*walk);
	}
}

static dur_us step(int kind)
{
	switch (kind) {
	case 0: return 10 * US_SECOND;
	case 1: return 10 * US_SECOND + ((dur_us)dice(401) - 200) * US_MS;
	case 2: return dice(500) ? US_SECOND : 2 * US_HOUR;
	default: return 1 + (dur_us)dice(20 * US_SECOND);
	}
}

static const char *thing_of(int k, char name[16])
{
	snprintf(name, 16, "T%d", k);
	return name;
}

/* In pieces, each flushed, so that blocks of all lengths come about; some of them late. */
static void fill(struct series_db *db, int series)
{
	struct err e = ERR_INIT;
	char name[16];

	for (int k = 0; k < series; k++) {
		series_id id = id_of(db, "m", thing_of(k, name));
		time_us t = T0 + (time_us)dice(US_HOUR);
		int64_t walk = 2000;

		for (int n = 0; n < POINTS;) {
			static struct series_point p[1500];
			int size = 1 + (int)dice(dice(3) ? 200 : ARRAY_LEN(p));

			for (int i = 0; i < size; i++) {
				p[i] = (struct series_point){id, t, value(k % 6, &walk)};
				t += step(k / 3 % 4);
			}
			n += size;
			check_ok(series_append(db, p, (size_t)size, &e), &e);
			if (dice(4) == 0)
				check_ok(append(db, id, t - (time_us)dice(US_HOUR), (double)walk / 10), NULL);
			if (dice(3) == 0)
				check_ok(series_flush(db, &e), &e);
		}
	}
	check_ok(series_flush(db, &e), &e);
}

/* A digest of all windows of all series: their sums are told by the points alone where they are decimals. */
static double windows(struct series_db *db, dur_us step_us, uint64_t *points)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = T0 - US_DAY, .to = T0 + 30 * US_DAY};
	struct series_cursor *c = NULL;
	struct series_windows w;
	struct err e = ERR_INIT;
	double sum = 0;

	*points = 0;
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), NULL), NULL);
	check_ok(series_select_windows(db, &q, step_us, a, &c, &e), &e);
	while (series_next_windows(c, &w, &e) == 1)
		for (size_t i = 0; i < w.n; i++) {
			*points += w.w[i].n + w.w[i].nans;
			sum += w.w[i].min + 2 * w.w[i].max + 3 * w.w[i].first + 4 * w.w[i].last +
			       (double)(w.w[i].end / US_MINUTE % 7) * w.w[i].n;
		}
	series_cursor_free(&c);
	arena_free(&a);
	return sum;
}

static int64_t count(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int64_t n = -1;

	check(sqlite3_open(path, &db) == SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		n = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return n;
}

static int64_t count_all(const char *dir, const char *sql)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	int64_t n = 0;
	char **name;

	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++)
		if (str_starts(str_of(*name), "blocks-") && !strcmp(*name + strlen(*name) - 3, ".db"))
			n += count(path_join(a, dir, *name), sql);
	arena_free(&a);
	return n;
}

static void same_points(struct series_db *db, struct series_db *other)
{
	char name[16];

	for (int k = 0; k < SERIES; k++) {
		int n = read_all(db, "m", thing_of(k, name), was_t, was_v, 2 * POINTS);

		if (!check_eq_i(read_all(other, "m", name, is_t, is_v, 2 * POINTS), n) || n < 0)
			continue;
		check_eq_mem(was_t, is_t, (size_t)n * sizeof(*is_t));
		check_eq_mem(was_v, is_v, (size_t)n * sizeof(*is_v));
	}
}

/* Two folders get the same; one of them is packed, after a time in which the disk was full. As long as its
 * clock says that the time of its files is not over, the engine packs none of itself. */
TEST(points_and_windows_are_the_same_when_packed)
{
	static const dur_us steps[] = {5 * US_MINUTE, 15 * US_MINUTE, US_HOUR, US_DAY};

	for (uint64_t round = 1; round <= 4; round++) {
		char *loose_dir = xasprintf("%s-%d", test_path("loose"), (int)round);
		char *dir = xasprintf("%s-%d", test_path("packed"), (int)round);
		struct clock *early = clock_new_manual(T0), *c = clock_new_manual(T0);
		struct series_db *loose = open_at(loose_dir, early), *db = open_at(dir, c);
		struct err e = ERR_INIT;
		int64_t bytes, hours;

		state = round;
		fill(loose, SERIES);
		state = round;
		fill(db, SERIES);
		bytes = count_all(dir, "SELECT sum(length(data)) FROM block");
		hours = count_all(dir, "SELECT count(*) FROM hour");
		check(fault_arm("SERIES_REWRITE:1+"));
		clock_set(c, T0 + 40 * US_DAY);
		check_err(series_expire(db, T0 - US_DAY, &e), ERR_FULL);
		check(fault_arm("SERIES_REWRITE:off"));
		same_points(loose, db);
		check_ok(series_expire(db, T0 - US_DAY, &e), &e);
		same_points(loose, db);
		for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
			uint64_t was, is;
			double sum = windows(loose, steps[i], &was);

			check_eq_d(windows(db, steps[i], &is), sum);
			check_eq_u(is, was);
		}
		series_close(&loose);
		series_close(&db);
		check(count_all(dir, "SELECT sum(length(data)) FROM block") < bytes);
		check_eq_i(count_all(dir, "SELECT count(*) FROM hour"), hours);
		check_eq_i(count_all(dir, "SELECT max(length(data)) > 4000 FROM block"),
		        0); /* no overflow pages */
		check_eq_i(series_verify(dir, told, NULL, &e), 0);
		check_eq_i(series_repair(dir, told, NULL, &e), 0);
		clock_free(&c);
		clock_free(&early);
		free(dir);
		free(loose_dir);
	}
}

/* More series than go into one transaction; points that come in between and afterwards. */
TEST(many_series_are_packed_in_pieces)
{
	enum { MANY = 9000 };
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0 + 3 * US_DAY);
	struct series_db *db = open_at(dir, c);
	struct series_point *p = xcalloc(MANY, sizeof(*p));
	struct err e = ERR_INIT;
	char name[16];

	for (int i = 0; i < MANY; i++)
		p[i].id = id_of(db, "m", thing_of(i, name));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < MANY; i++) {
			p[i].t = T0 + round * US_MINUTE;
			p[i].v = i + round;
		}
		check_ok(series_append(db, p, MANY, &e), &e);
	}
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check_eq_i(count_all(dir, "SELECT count(*) FROM packed"), 1);
	check_eq_i(read_all(db, "m", "T8999", was_t, was_v, POINTS), 3);
	check_ok(append(db, p[8999].id, T0 + 30 * US_SECOND, 7), NULL);
	check_ok(series_flush(db, &e), &e);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check_eq_i(count_all(dir, "SELECT count(*) FROM packed"), 1);
	check_eq_i(read_all(db, "m", "T8999", was_t, was_v, POINTS), 4);
	check_eq_d(was_v[1], 7);
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	free(p);
	clock_free(&c);
}

TEST(a_damaged_block_is_left_for_its_reader)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct series_point p[1000];
	series_id id = id_of(db, "m", "A");
	char **name;

	for (int k = 0; k < 1000; k++)
		p[k] = (struct series_point){id, T0 + k * US_SECOND, k};
	for (int k = 0; k < 1000; k += 100) {
		check_ok(series_append(db, p + k, 100, &e), &e);
		check_ok(series_flush(db, &e), &e);
	}
	series_close(&db);
	check_ok(file_list(a, dir, &name, &e), &e);
	while (*name && strcmp(*name + strlen(*name) - 3, ".db") != 0)
		name++;
	(void)count(path_join(a, dir, *name),
	        "UPDATE block SET data=substr(data,1,20)||x'00ff00'||substr(data,24)"
	        " WHERE t0=(SELECT max(t0) FROM block)");
	clock_set(c, T0 + 40 * US_DAY);
	db = open_at(dir, c);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check(read_all(db, "m", "A", was_t, was_v, 1000) >= 400);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e); /* it was set aside meanwhile */
	check(read_all(db, "m", "A", was_t, was_v, 1000) >= 400);
	/* Setting aside is done beside the readers. */
	for (int i = 0; i < 3000 && !file_exists(path_join(a, dir, "quarantine")); i++) {
		check(read_all(db, "m", "A", was_t, was_v, 1000) >= 400);
		usleep(10000);
	}
	check(file_exists(path_join(a, dir, "quarantine")));
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	arena_free(&a);
	clock_free(&c);
}

static int files_named(const char *dir, const char *end)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	char **name;
	int n = 0;

	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++) {
		size_t len = strlen(*name), k = strlen(end);

		n += len > k && strcmp(*name + len - k, end) == 0;
	}
	arena_free(&a);
	return n;
}

/* Killed before the file has its long blocks, before it has its name, and before the old one is gone: at the
 * next start the points are there, once each, and of every span there is one file. */
TEST(a_kill_while_packing_leaves_one_file)
{
	for (int when = 1; when <= 3; when++) {
		char *loose_dir = xasprintf("%s-%d", test_path("loose"), when);
		char *dir = xasprintf("%s-%d", test_path("packed"), when);
		struct clock *early = clock_new_manual(T0), *c = clock_new_manual(T0 + 40 * US_DAY);
		struct series_db *loose, *db = open_at(dir, early);
		struct err e = ERR_INIT;
		int status = 0, files;
		pid_t pid;

		state = 7;
		fill(db, 3);
		series_close(&db);
		files = files_named(dir, ".db");
		pid = fork();
		if (!pid) {
			char point[32];

			snprintf(point, sizeof(point), "CRASH_PACK:%d", when);
			db = open_at(dir, c);
			if (fault_arm(point))
				(void)!series_expire(db, T0 - US_DAY, &e);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
		check_eq_i(files_named(dir, ".db"), files + (when == 3));
		check_eq_i(files_named(dir, ".pack") + files_named(dir, ".new"), when < 3 ? when : 0);
		if (when == 3) /* also where a repair comes first */
			check_eq_i(series_repair(dir, told, NULL, &e), 0);
		loose = open_at(loose_dir, early);
		state = 7;
		fill(loose, 3);
		db = open_at(dir, c);
		check_eq_i(files_named(dir, ".db"), files);
		check_eq_i(files_named(dir, ".pack") + files_named(dir, ".new"), 0);
		same_points(loose, db);
		check_ok(series_expire(db, T0 - US_DAY, &e), &e);
		check_eq_i(files_named(dir, ".db"), files);
		same_points(loose, db);
		series_close(&db);
		series_close(&loose);
		check_eq_i(count_all(dir, "SELECT count(*) FROM packed"), files);
		check_eq_i(series_verify(dir, told, NULL, &e), 0);
		clock_free(&c);
		clock_free(&early);
		free(dir);
		free(loose_dir);
	}
}

struct latecomer {
	struct series_db *db;
	series_id id;
	_Atomic bool stop;
	int sent;
	pthread_t thread;
};

/* One point after the other for the time that is packed meanwhile, into files. */
static void *come_late(void *arg)
{
	struct latecomer *w = arg;
	struct err e = ERR_INIT;

	for (; !w->stop && w->sent < POINTS; w->sent++) {
		if (append(w->db, w->id, T0 + w->sent * US_SECOND, w->sent) || series_flush(w->db, &e))
			break;
	}
	return NULL;
}

/* Whichever of them is first: what comes while its file is packed is not lost, nor is what is taken out. */
TEST(what_is_written_while_its_file_is_packed_stays)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0 + 40 * US_DAY);
	struct series_db *db = open_at(dir, c);
	struct latecomer w = {.db = db};
	struct arena *a = arena_new(0);
	struct matcher m;
	struct err e = ERR_INIT;
	int n;

	state = 3;
	fill(db, 5);
	w.id = id_of(db, "late", "L");
	must(pthread_create(&w.thread, NULL, come_late, &w) == 0);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("thing"), STR_LIT("T3"), &e), &e);
	for (int i = 0; i < 10; i++)
		check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check_ok(series_delete(db, &m, 1, INT64_MIN, INT64_MAX, NULL, &e), &e);
	w.stop = true;
	pthread_join(w.thread, NULL);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	series_close(&db);
	db = open_at(dir, c);
	n = read_all(db, "late", "L", is_t, is_v, 2 * POINTS);
	check_eq_i(n, w.sent);
	for (int i = 0; i < n; i++)
		if (!check_eq_i(is_t[i], T0 + i * US_SECOND) || !check_eq_d(is_v[i], i))
			break;
	check_eq_i(read_all(db, "m", "T3", is_t, is_v, 2 * POINTS), 0);
	check_eq_i(read_all(db, "m", "T4", is_t, is_v, 2 * POINTS) > POINTS - 100, 1);
	series_close(&db);
	check_eq_i(count_all(dir, "SELECT count(*) FROM packed"), files_named(dir, ".db"));
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	arena_free(&a);
	clock_free(&c);
}

/* Files of a format before today's, damaged files, and what verify and repair say and do about them. */
#include "help.h"

#include "base/file.h"

#include <fcntl.h>
#include <math.h>
#include <sqlite3.h>
#include <unistd.h>

#define T0 (1752480000 * US_SECOND)
#define MOST 200000

static time_us times[MOST];
static double values[MOST];

static void collect(void *ctx, const char *text)
{
	struct sb *b = ctx;

	sb_puts(b, text);
	sb_putc(b, '\n');
}

static void told(void *ctx, const char *text)
{
	(void)ctx;
	check_fail("%s", text);
}

/* Sum and number of all windows of one series. */
static uint64_t windows_at(struct series_db *db, const char *thing, dur_us step, time_us from, double *sum)
{
	struct arena *a = arena_new(0);
	struct matcher x;
	struct series_query q = {.m = &x, .n = 1, .from = from, .to = T0 + 10 * US_DAY};
	struct series_cursor *c = NULL;
	struct series_windows w;
	struct err e = ERR_INIT;
	uint64_t n = 0;

	*sum = 0;
	check_ok(matcher_init(&x, a, MATCH_EQ, STR_LIT("thing"), str_of(thing), &e), &e);
	check_ok(series_select_windows(db, &q, step, a, &c, &e), &e);
	while (series_next_windows(c, &w, &e) == 1) {
		for (size_t i = 0; i < w.n; i++) {
			*sum += w.w[i].sum;
			n += w.w[i].n;
		}
	}
	series_cursor_free(&c);
	arena_free(&a);
	return n;
}

static uint64_t windows(struct series_db *db, const char *thing, dur_us step, double *sum)
{
	return windows_at(db, thing, step, T0 - US_DAY, sum);
}

static const char *block_file(struct arena *a, const char *dir)
{
	struct err e = ERR_INIT;
	char **name;

	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++)
		if (str_starts(str_of(*name), "blocks-") && !strcmp(*name + strlen(*name) - 3, ".db"))
			return path_join(a, dir, *name);
	check_fail("no block file in %s", dir);
	return NULL;
}

/* ---- folders of the version before ---- */

static const char first[] = SOURCE "/tests/data/series-1";  /* blocks of format 1 */
static const char second[] = SOURCE "/tests/data/series-2"; /* of formats 2 and 3 */

static void copy_old(struct arena *a, const char *dir, const char *to)
{
	struct err e = ERR_INIT;
	char **name;

	check_ok(file_mkdirs(to, &e), &e);
	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++)
		check_ok(file_copy(path_join(a, dir, *name), path_join(a, to, *name), 0640, &e), &e);
}

/* A: every 10 s tenths; B: every minute sevenths; 700 of each in the block file, 300 in the log. */
static void check_old(struct series_db *db)
{
	double sum, tenths = 0;
	int n = read_all(db, "m", "A", times, values, MOST);

	if (!check_eq_i(n, 1000))
		return;
	for (int i = 0; i < n; i++) {
		tenths += i % 97;
		if (!check_eq_i(times[i], T0 + i * 10 * US_SECOND) || !check_eq_d(values[i], (i % 97) / 10.0))
			return;
	}
	check_eq_i(read_all(db, "m", "B", times, values, MOST), 1000);
	check_eq_d(values[999], 999 / 7.0);
	check_eq_u(windows(db, "A", US_HOUR, &sum), 1000);
	check(fabs(sum - tenths / 10) < 1e-9);
	check_eq_u(windows(db, "A", 5 * US_MINUTE, &sum), 1000);
	check(fabs(sum - tenths / 10) < 1e-9);
	check_eq_u(windows(db, "B", US_HOUR, &sum), 1000);
}

TEST(a_folder_of_format_1_is_read_and_written_on)
{
	const char *dir = test_path("old");
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct series_db *db;
	struct err e = ERR_INIT;

	copy_old(a, first, dir);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	db = open_at(dir, c);
	check_old(db);
	check_ok(series_flush(db, &e), &e);
	check_old(db);
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	db = open_at(dir, c);
	check_old(db);
	check_ok(append(db, id_of(db, "m", "A"), T0 + 5 * US_SECOND, 3), NULL); /* into an old block */
	check_ok(series_flush(db, &e), &e);
	check_eq_i(read_all(db, "m", "A", times, values, MOST), 1001);
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	clock_free(&c);
	arena_free(&a);
}

/* As above, and R: 600 points of three days before, of which windows of 5 minutes are left. */
static void check_second(struct series_db *db)
{
	double sum;

	check_old(db);
	check_eq_u(windows_at(db, "R", US_HOUR, T0 - 4 * US_DAY, &sum), 600);
	check_eq_d(sum, 1795);
}

static int version_of(const char *path)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int v = -1;

	check(sqlite3_open(path, &db) == SQLITE_OK);
	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	        sqlite3_step(st) == SQLITE_ROW)
		v = sqlite3_column_int(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return v;
}

/* How many block files there are of each format. */
static void formats(const char *dir, int out[8])
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	char **name;

	memset(out, 0, 8 * sizeof(*out));
	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++) {
		int v = strcmp(*name + strlen(*name) - 3, ".db") ? 0 : version_of(path_join(a, dir, *name));

		if (v > 0 && v < 8)
			out[v]++;
	}
	arena_free(&a);
}

TEST(a_folder_of_format_2_is_read_written_on_and_packed)
{
	const char *dir = test_path("old");
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct series_db *db;
	struct err e = ERR_INIT;
	int n[8];

	copy_old(a, second, dir);
	formats(dir, n);
	check(n[2] == 1 && n[3] == 1);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	check_eq_i(series_repair(dir, told, NULL, &e), 0); /* nothing is the matter with it */
	db = open_at(dir, c);
	check_second(db);
	check_ok(series_flush(db, &e), &e);
	check_second(db);
	clock_set(c, T0 + 3 * US_DAY);
	check_ok(series_expire(db, T0 - 40 * US_DAY, &e), &e); /* packs */
	check_second(db);
	series_close(&db);
	formats(dir, n);
	check_eq_i(n[4], 2); /* B reaches into another day */
	check_eq_i(n[5], 1);
	check_eq_i(n[3], 0);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	db = open_at(dir, c);
	check_second(db);
	check_ok(append(db, id_of(db, "m", "A"), T0 + 5 * US_SECOND, 3), NULL); /* into a long block */
	check_ok(series_flush(db, &e), &e);
	check_eq_i(read_all(db, "m", "A", times, values, MOST), 1001);
	check_ok(series_expire(db, T0 - 40 * US_DAY, &e), &e);
	check_eq_i(read_all(db, "m", "A", times, values, MOST), 1001);
	check_eq_d(values[1], 3);
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	clock_free(&c);
	arena_free(&a);
}

TEST(repair_brings_a_file_to_todays_format)
{
	const char *dir = test_path("old");
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct sb b = SB_INIT;
	struct series_db *db;
	struct err e = ERR_INIT;

	copy_old(a, first, dir);
	check_eq_i(series_repair(dir, collect, &b, &e), 1);
	check_has(b.p, "repaired: ");
	check_eq_i(series_repair(dir, told, NULL, &e), 0);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	db = open_at(dir, c);
	check_old(db);
	check_eq_i(series_repair(dir, told, NULL, &e), ERR_STATE);
	series_close(&db);
	sb_fini(&b);
	clock_free(&c);
	arena_free(&a);
}

/* ---- damage ---- */

enum { SERIES = 40, POINTS = 2000 };

/* Whole seconds and tenths, so that there are roll-ups; about 20 pages. */
static void fill(const char *dir, struct clock *c)
{
	struct series_db *db = open_at(dir, c);
	static struct series_point p[POINTS];
	struct err e = ERR_INIT;
	uint64_t u = 1;

	for (int k = 0; k < SERIES; k++) {
		char thing[16];

		snprintf(thing, sizeof(thing), "T%d", k);
		for (int i = 0; i < POINTS; i++) {
			u = u * 6364136223846793005u + 1442695040888963407u;
			p[i] = (struct series_point){
			        id_of(db, "m", thing), T0 + i * 10 * US_SECOND, (double)(u >> 44) / 10};
		}
		check_ok(series_append(db, p, POINTS, &e), &e);
	}
	check_ok(series_flush(db, &e), &e);
	series_close(&db);
}

/* Points that are served, and that windows and points say the same. */
static int served(const char *dir, struct clock *c)
{
	struct series_db *db = open_at(dir, c);
	int all = 0;

	for (int k = 0; k < SERIES; k++) {
		char thing[16];
		double sum, is = 0;
		int n;

		snprintf(thing, sizeof(thing), "T%d", k);
		n = read_all(db, "m", thing, times, values, MOST);
		for (int i = 0; i < n; i++)
			is += values[i];
		all += n;
		check_eq_i((int)windows(db, thing, US_HOUR, &sum), n);
		check(fabs(sum - is) < 1e-3);
		check_eq_i((int)windows(db, thing, 5 * US_MINUTE, &sum), n);
	}
	series_close(&db);
	return all;
}

static void change(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	check(sqlite3_open(path, &db) == SQLITE_OK);
	check_eq_i(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

TEST(damaged_rows_are_told_and_repaired)
{
	const char *dir = test_path("db"), *path;
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;

	fill(dir, c);
	path = block_file(a, dir);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	/* One block, one roll-up that is damaged, one that says what another series has, one that is gone. */
	change(path, "UPDATE block SET data=substr(data,1,60)||x'00ff00'||substr(data,64) WHERE series=3 AND "
	             "t0=(SELECT max(t0) FROM block WHERE series=3)");
	change(path, "UPDATE hour SET data=substr(data,1,20)||x'00ff'||substr(data,23) WHERE series=5");
	change(path, "DELETE FROM hour WHERE series=9");
	check_eq_i(series_verify(dir, collect, &b, &e), 2);
	check_has(b.p, "the block of series 3 at");
	check_has(b.p, "the roll-up of series 5 at");
	check_eq_i(series_repair(dir, collect, &b, &e), 1);
	check_has(b.p, "is set aside");
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	check(served(dir, c) > SERIES * POINTS - 600);
	check(served(dir, c) < SERIES * POINTS);
	sb_fini(&b);
	clock_free(&c);
	arena_free(&a);
}

TEST(without_repair_a_damaged_roll_up_costs_nothing)
{
	const char *dir = test_path("db");
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);

	fill(dir, c);
	change(block_file(a, dir),
	        "UPDATE hour SET data=substr(data,1,20)||x'00ff'||substr(data,23) WHERE series<9");
	check_eq_i(served(dir, c), SERIES * POINTS);
	clock_free(&c);
	arena_free(&a);
}

TEST(of_damaged_pages_the_rest_is_saved)
{
	enum { PAGE = 16384 };
	const char *dir = test_path("db"), *path;
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	struct str file;
	static char junk[PAGE];
	int n, fd;

	fill(dir, c);
	path = block_file(a, dir);
	check_ok(file_read(a, path, 1 << 26, &file, &e), &e);
	memset(junk, 0x5a, sizeof(junk));
	fd = open(path, O_WRONLY);
	check(file.n > 8 * PAGE);
	check(pwrite(fd, junk, PAGE, (off_t)(file.n / PAGE / 2) * PAGE) == PAGE);
	close(fd);
	check(series_verify(dir, collect, &b, &e) > 0);
	check_eq_i(series_repair(dir, collect, &b, &e), 1);
	check_has(b.p, "pages are damaged");
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	n = served(dir, c);
	check(n > SERIES * POINTS / 2);
	check(n < SERIES * POINTS);
	sb_fini(&b);
	clock_free(&c);
	arena_free(&a);
}

TEST(a_file_that_is_none_any_more_goes_to_quarantine)
{
	const char *dir = test_path("db"), *path;
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	char junk[4096];
	int fd;

	fill(dir, c);
	path = block_file(a, dir);
	memset(junk, 'x', sizeof(junk));
	fd = open(path, O_WRONLY);
	check(pwrite(fd, junk, sizeof(junk), 0) == sizeof(junk));
	close(fd);
	check_eq_i(series_repair(dir, collect, &b, &e), 1);
	check_has(b.p, "no block can be read");
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	check_eq_i(served(dir, c), 0);
	check(file_exists(path_join(a, path_join(a, dir, "quarantine"), strrchr(path, '/') + 1)));
	sb_fini(&b);
	clock_free(&c);
	arena_free(&a);
}

/* ---- packing ---- */

static off_t size_of(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t n = lseek(fd, 0, SEEK_END);

	close(fd);
	return n;
}

TEST(a_file_whose_time_is_over_is_packed_and_may_still_be_written)
{
	const char *dir = test_path("db"), *path;
	struct arena *a = arena_new(0);
	struct clock *c = clock_new_manual(T0);
	struct err e = ERR_INIT;
	struct series_db *db;
	off_t loose;

	for (int i = 0; i < 30; i++) { /* a block at a time, in between the others */
		db = open_at(dir, c);
		for (int k = 0; k < SERIES; k++) {
			char thing[16];
			static struct series_point p[256];

			snprintf(thing, sizeof(thing), "T%d", k);
			for (int n = 0; n < 256; n++)
				p[n] = (struct series_point){id_of(db, "m", thing),
				        T0 + (i * 256 + n) * US_SECOND, sin(n * i) * k};
			check_ok(series_append(db, p, 256, &e), &e);
		}
		check_ok(series_flush(db, &e), &e);
		series_close(&db);
	}
	path = block_file(a, dir);
	loose = size_of(path);
	clock_free(&c);
	c = clock_new_manual(T0 + 3 * US_DAY);
	db = open_at(dir, c);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check(size_of(path) < loose);
	check_eq_i(read_all(db, "m", "T7", times, values, MOST), 30 * 256);
	check_ok(append(db, id_of(db, "m", "T7"), T0 + 1, 3), NULL);
	check_ok(series_expire(db, T0 - US_DAY, &e), &e);
	check_eq_i(read_all(db, "m", "T7", times, values, MOST), 30 * 256 + 1);
	series_close(&db);
	check_eq_i(series_verify(dir, told, NULL, &e), 0);
	clock_free(&c);
	arena_free(&a);
}

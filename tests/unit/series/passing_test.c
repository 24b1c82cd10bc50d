/* What passes (no descriptor, no memory, a lock, a disk that fails once) fails a question, and damages
 * nothing. */
#include "help.h"

#include "base/fault.h"
#include "base/file.h"

#include <sys/resource.h>

#define T0 (1752480000 * US_SECOND)
#define POINTS 1000

static time_us times[POINTS];
static double values[POINTS];

static series_id fill(struct series_db *db)
{
	struct series_point p[POINTS];
	series_id id = id_of(db, "m", "A");
	struct err e = ERR_INIT;

	for (int i = 0; i < POINTS; i++)
		p[i] = (struct series_point){id, T0 + i * 10 * US_SECOND, i % 50};
	check_ok(series_append(db, p, POINTS, &e), &e);
	check_ok(series_flush(db, &e), &e);
	return id;
}

/* All points (step 0) or windows, without a word of failure to the test. Returns what failed, or 0. */
static int ask(struct series_db *db, dur_us step, uint64_t *points, struct err *e)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = T0 - US_HOUR, .to = T0 + US_DAY};
	struct series_cursor *c = NULL;
	struct series_windows w;
	struct series_view s;
	int rc;

	*points = 0;
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("thing"), STR_LIT("A"), NULL), NULL);
	rc = step ? series_select_windows(db, &q, step, a, &c, e) : series_select(db, &q, a, &c, e);
	while (!rc && step && (rc = series_next_windows(c, &w, e)) == 1) {
		for (size_t i = 0; i < w.n; i++)
			*points += w.w[i].n;
		rc = 0;
	}
	while (!rc && !step && (rc = series_next(c, &s, e)) == 1) {
		*points += s.n;
		rc = 0;
	}
	series_cursor_free(&c);
	arena_free(&a);
	return rc;
}

static int block_files(const char *dir)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	char **name;
	int n = 0;

	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++) {
		check(strcmp(*name, "quarantine") != 0);
		n += str_starts(str_of(*name), "blocks-") && !strcmp(*name + strlen(*name) - 3, ".db");
	}
	arena_free(&a);
	return n;
}

static void nothing_is_damaged(struct series_db *db, series_id id, const char *dir)
{
	struct err e = ERR_INIT;
	uint64_t n;

	check_ok(ask(db, 0, &n, &e), &e);
	check_eq_u(n, POINTS);
	check_ok(append(db, id, T0 + 5 * US_SECOND, 7), &e); /* goes into the file that failed */
	check_ok(series_flush(db, &e), &e);
	check_eq_i(block_files(dir), 1);
	check_eq_i(read_all(db, "m", "A", times, values, POINTS + 1), POINTS + 1);
}

/* The failure from the first, second, … moment on, until the question gets past it. */
static void fails_and_passes(const char *point, int code, const char *words)
{
	static const dur_us step[] = {0, 5 * US_MINUTE, US_HOUR};
	const char *dir = test_path(point);
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	series_id id = fill(db);
	int failed = 0;

	for (size_t k = 0; k < ARRAY_LEN(step); k++) {
		for (int i = 1; i < 40; i++) {
			struct err e = ERR_INIT;
			char spec[64];
			uint64_t n;
			int rc;

			series_close(&db); /* no column, no idle reader */
			db = open_at(dir, c);
			snprintf(spec, sizeof(spec), "%s:%d+", point, i);
			check(fault_arm(spec));
			rc = ask(db, step[k], &n, &e);
			snprintf(spec, sizeof(spec), "%s:off", point);
			check(fault_arm(spec));
			if (!rc) {
				check_eq_u(n, POINTS);
				break;
			}
			failed++;
			check_eq_i(rc, code);
			check_has(e.text, words);
			check_has(e.text, "nothing of its readings is lost");
			check_has(e.where, "blocks-");
			check_ok(ask(db, step[k], &n, &e), &e);
			check_eq_u(n, POINTS);
		}
	}
	check(failed >= 9);
	nothing_is_damaged(db, id, dir);
	series_close(&db);
	clock_free(&c);
}

TEST(a_locked_file_is_not_damaged)
{
	fails_and_passes("SERIES_READ_BUSY", ERR_UNAVAILABLE, "another program holds the block file");
}

TEST(a_file_that_cannot_be_opened_is_not_damaged)
{
	fails_and_passes("SERIES_READ_OPEN", ERR_UNAVAILABLE, "raise the limit of open files");
}

TEST(a_file_that_there_is_no_memory_for_is_not_damaged)
{
	fails_and_passes("SERIES_READ_MEMORY", ERR_NOMEM, "no memory");
}

TEST(a_file_that_the_disk_withholds_once_is_not_damaged)
{
	fails_and_passes("SERIES_READ_DISK", ERR_IO, "see to the disk");
}

TEST(a_file_with_a_damaged_page_is)
{
	const char *dir = test_path("bad");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	series_id id = fill(db);
	struct err e = ERR_INIT;
	uint64_t n;

	series_close(&db);
	db = open_at(dir, c);
	check(fault_arm("SERIES_READ_BAD:1+"));
	check_ok(ask(db, 0, &n, &e), &e); /* the rest, which is nothing */
	check(fault_arm("SERIES_READ_BAD:off"));
	check_eq_u(n, 0);
	check_ok(append(db, id, T0 + 5 * US_SECOND, 7), &e);
	check_ok(series_flush(db, &e), &e);
	check_eq_i(block_files(dir), 2);
	series_close(&db);
	clock_free(&c);
}

TEST(without_descriptors_nothing_is_damaged)
{
	const char *dir = test_path("files");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	series_id id = fill(db);
	struct err e = ERR_INIT;
	struct rlimit was, few;
	uint64_t n;

	series_close(&db);
	db = open_at(dir, c);
	check_eq_i(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 4; /* fewer than are open */
	check_eq_i(setrlimit(RLIMIT_NOFILE, &few), 0);
	check_eq_i(ask(db, 0, &n, &e), ERR_UNAVAILABLE);
	check_eq_i(setrlimit(RLIMIT_NOFILE, &was), 0);
	check_has(e.text, "Too many open files");
	nothing_is_damaged(db, id, dir);
	series_close(&db);
	clock_free(&c);
}

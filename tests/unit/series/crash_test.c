/* kill -9, torn ends, flipped bits: nothing acknowledged is lost, what is damaged is named. */
#include "help.h"

#include "base/fault.h"
#include "base/file.h"
#include "series/frame.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define T0 (1752480000 * US_SECOND)
#define MOST 100000

static time_us times[MOST];
static double values[MOST];

/* A child that appends until it is killed, and says through a pipe how far it got an answer. */
static int acknowledged(const char *dir, int from, const char *fault, int kill_after)
{
	int fd[2], got = from, n;
	pid_t pid;

	check_eq_i(pipe(fd), 0);
	pid = fork();
	if (!pid) {
		struct clock *c = clock_new_manual(T0);
		struct series_db *db = open_at(dir, c);
		struct err e = ERR_INIT;

		if (fault && !fault_arm(fault))
			_exit(1);
		for (int i = from; i < from + 3000; i++) {
			if (append(db, id_of(db, "m", "a"), T0 + i * US_SECOND, i) == 0) {
				i++;
				if (write(fd[1], &i, sizeof(i)) != sizeof(i))
					_exit(1);
				i--;
			}
			if (i % 700 == 699)
				(void)!series_flush(db, &e);
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

TEST(nothing_acknowledged_is_lost_by_a_kill)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	int sure = 0;

	for (int round = 0; round < 6; round++) {
		static const char *const faults[] = {
		        NULL, "CRASH_SERIES:400", NULL, "CRASH_SERIES:1500", NULL, NULL};
		struct series_db *db;
		struct err e = ERR_INIT;
		int n;

		sure = acknowledged(dir, sure, faults[round], faults[round] ? 0 : 150 + 320 * round);
		db = open_at(dir, c);
		n = read_all(db, "m", "a", times, values, MOST);
		check(n >= sure);
		for (int i = 0; i < n; i++)
			if (!check_eq_i(times[i], T0 + i * US_SECOND) || !check_eq_d(values[i], i))
				break;
		sure = n;
		if (round == 3)
			check_ok(series_flush(db, &e), &e);
		series_close(&db);
	}
	check(sure > 2000);
	clock_free(&c);
}

static void collect(void *ctx, const char *text)
{
	struct sb *b = ctx;

	sb_puts(b, text);
	sb_putc(b, '\n');
}

static void flip(const char *path, off_t at)
{
	int fd = open(path, O_RDWR);
	uint8_t x = 0;

	check(fd >= 0 && pread(fd, &x, 1, at) == 1);
	x ^= 4;
	check(pwrite(fd, &x, 1, at) == 1);
	close(fd);
}

static char *in(const char *dir, const char *name)
{
	static char path[4][512];
	static int k;

	k = (k + 1) % 4;
	snprintf(path[k], sizeof(path[k]), "%s/%s", dir, name);
	return path[k];
}

static off_t size_of(const char *path)
{
	int fd = open(path, O_RDONLY);
	off_t n = lseek(fd, 0, SEEK_END);

	close(fd);
	return n;
}

static size_t quarantined(const char *dir)
{
	struct arena *a = arena_new(0);
	char **name;
	size_t n = 0;

	if (file_exists(in(dir, "quarantine")) && file_list(a, in(dir, "quarantine"), &name, NULL) == 0)
		while (name[n])
			n++;
	arena_free(&a);
	return n;
}

static void fill(const char *dir, struct clock *c, int n)
{
	struct series_db *db = open_at(dir, c);

	for (int i = 0; i < n; i++)
		check_ok(append(db, id_of(db, "m", "a"), T0 + i * US_SECOND, i), NULL);
	series_close(&db);
}

TEST(a_torn_end_is_cut_off)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);

	for (int cut = 1; cut < 30; cut += 4) {
		struct sb b = SB_INIT;
		struct series_db *db;
		struct err e = ERR_INIT;
		char copy[64], *log;

		snprintf(copy, sizeof(copy), "db%d", cut);
		dir = test_path(copy);
		fill(dir, c, 20);
		log = in(dir, "log-00000001");
		check_eq_i(truncate(log, size_of(log) - cut), 0);
		check_eq_i(series_verify(dir, collect, &b, &e), 0);
		check_has(b.p, "not finished");
		db = open_at(dir, c);
		check_eq_i(read_all(db, "m", "a", times, values, MOST), cut < 24 ? 19 : 18);
		series_close(&db);
		check_eq_u(quarantined(dir), 0);
		sb_reset(&b);
		check_eq_i(series_verify(dir, collect, &b, &e), 0);
		check_eq_u(b.n, 0);
		sb_fini(&b);
	}
	clock_free(&c);
}

/* The next log is made before it is needed: killed then, there are two, of which the first one has the end.
 */
TEST(a_torn_end_before_a_log_that_was_not_used_is_cut_off)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct wal next = {.fd = -1};
	struct series_db *db;
	struct err e = ERR_INIT;
	char *log;

	fill(dir, c, 20);
	check_ok(wal_start(&next, dir, 2, 1, T0, &e), &e);
	wal_close(&next);
	check(size_of(in(dir, "log-00000002")) <= WAL_BARE_B);
	log = in(dir, "log-00000001");
	check_eq_i(truncate(log, size_of(log) - 3), 0);
	db = open_at(dir, c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 19);
	check_ok(append(db, id_of(db, "m", "a"), T0 + US_DAY, 7), NULL);
	series_close(&db);
	check_eq_u(quarantined(dir), 0);
	db = open_at(dir, c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 20);
	series_close(&db);
	check_eq_u(quarantined(dir), 0);
	clock_free(&c);
}

TEST(a_flipped_bit_in_the_log_costs_one_record)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct sb b = SB_INIT;
	struct series_db *db;
	struct series_stats st;
	struct err e = ERR_INIT;
	char *log;

	fill(dir, c, 100);
	log = in(dir, "log-00000001");
	flip(log, size_of(log) / 2);
	check_eq_i(series_verify(dir, collect, &b, &e), 1);
	check_has(b.p, "log-00000001: the record at byte");
	db = open_at(dir, c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 99);
	series_stats(db, &st);
	check_eq_u(st.quarantined, 1);
	check_eq_u(quarantined(dir), 1);
	check_ok(series_flush(db, &e), &e);
	series_close(&db);
	check_eq_i(series_verify(dir, collect, &b, &e), 0);
	sb_fini(&b);
	clock_free(&c);
}

TEST(a_flipped_bit_in_a_block_costs_one_block)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct sb b = SB_INIT;
	struct series_db *db;
	struct err e = ERR_INIT;
	struct arena *a = arena_new(0);
	struct str file;
	char **name, *path = NULL;
	uint64_t u = 0;

	db = open_at(dir, c);
	for (int i = 0; i < 1000; i++) {
		u = u * 6364136223846793005u + 1442695040888963407u;
		check_ok(append(db, id_of(db, "m", "a"), T0 + i * US_SECOND, (double)(u >> 20)), NULL);
	}
	check_ok(series_flush(db, &e), &e);
	series_close(&db);
	check_ok(file_list(a, dir, &name, &e), &e);
	for (; *name; name++)
		if (str_starts(str_of(*name), "blocks-"))
			path = in(dir, *name);
	if (!check(path != NULL) || !check_ok(file_read(a, path, 1 << 24, &file, &e), &e))
		goto out;
	/* SQLite fills a page from its end: into a row. Behind the blocks come two pages of other tables. */
	flip(path, (off_t)file.n - 2 * 16384 - 4096 + 40);
	check_eq_i(series_verify(dir, collect, &b, &e), 1);
	check_has(b.p, "is damaged");
	db = open_at(dir, c);
	check(read_all(db, "m", "a", times, values, MOST) < 1000);
	check(read_all(db, "m", "a", times, values, MOST) > 500);
	check_ok(series_flush(db, &e), &e); /* the sealer comes by */
	check_ok(append(db, id_of(db, "m", "a"), T0, 5), NULL);
	check(read_all(db, "m", "a", times, values, MOST) > 500);
	series_close(&db);
out:
	sb_fini(&b);
	arena_free(&a);
	clock_free(&c);
}

TEST(a_flipped_bit_in_a_checkpoint_does_not_lose_the_labels)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	struct err e = ERR_INIT;
	time_us at;
	double x;

	for (int round = 0; round < 2; round++) {
		for (int i = round * 300; i < round * 300 + 300; i++)
			check_ok(append(db, id_of(db, "m", "a"), T0 + i * US_SECOND, i), NULL);
		check_ok(series_flush(db, &e), &e);
	}
	series_close(&db);
	flip(in(dir, "heads-00000003"), size_of(in(dir, "heads-00000003")) / 2 + 8);
	db = open_at(dir, c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 600);
	check(series_latest(db, id_of(db, "m", "a"), &at, &x));
	check_eq_d(x, 599);
	check_eq_u(quarantined(dir), 1);
	series_close(&db);
	clock_free(&c);
}

TEST(a_broken_file_is_left_aside_and_the_rest_is_served)
{
	const char *dir = test_path("db");
	struct clock *c = clock_new_manual(T0);
	struct series_db *db = open_at(dir, c);
	struct err e = ERR_INIT;
	struct arena *a = arena_new(0);
	char **name, junk[4096];
	int fd;

	for (int i = 0; i < 10; i++)
		check_ok(append(db, id_of(db, "m", "a"), T0 + i * US_DAY, i), NULL);
	check_ok(series_flush(db, &e), &e);
	series_close(&db);
	check_ok(file_list(a, dir, &name, &e), &e);
	memset(junk, 'x', sizeof(junk));
	fd = open(in(dir, name[0]), O_WRONLY);
	check(pwrite(fd, junk, sizeof(junk), 0) == sizeof(junk));
	close(fd);
	db = open_at(dir, c);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 9);
	check_ok(append(db, id_of(db, "m", "a"), T0, 77), NULL); /* into a second file of that day */
	check_ok(series_flush(db, &e), &e);
	check_eq_i(read_all(db, "m", "a", times, values, MOST), 10);
	series_close(&db);
	arena_free(&a);
	clock_free(&c);
}

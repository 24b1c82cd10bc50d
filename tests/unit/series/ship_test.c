/* A second folder of readings that follows the first. */
#include "help.h"

#include "series/ship.h"
#include "base/file.h"

#include <sys/stat.h>
#include <unistd.h>

struct pair {
	struct clock *clock;
	const char *first, *copy;
	struct series_db *db;
	struct series_ship *ship;
	series_id id;
	int n; /* points written: 1, 2, … at seconds 1, 2, … */
};

static void begin(struct pair *p)
{
	struct err e = ERR_INIT;

	*p = (struct pair){
	        .clock = clock_new_manual(US_DAY), .first = test_path("first"), .copy = test_path("copy")};
	p->db = open_at(p->first, p->clock);
	p->id = id_of(p->db, "t", "x");
	check_ok(series_ship_open(p->db, p->copy, &p->ship, &e), &e);
}

static void end(struct pair *p)
{
	series_ship_close(&p->ship);
	series_close(&p->db);
	clock_free(&p->clock);
}

static void write_some(struct pair *p, int n)
{
	for (; n > 0; n--) {
		p->n++;
		check_eq_i(append(p->db, p->id, p->n * US_SECOND, p->n), 0);
	}
}

static void step(struct pair *p)
{
	struct err e = ERR_INIT;

	check_ok(series_ship_step(p->ship, &e), &e);
	check_eq_i(series_ship_behind(p->ship), 0);
}

static void no_finding(void *ctx, const char *text)
{
	(void)ctx;
	check_fail("%s", text);
}

/* Points 1 … n of the copy, as whoever opens it now finds them; -1 if it is not so. */
static int points_in_copy(struct pair *p)
{
	static time_us t[20000];
	static double v[20000];
	const char *found = test_path("found");
	struct arena *a = arena_new(0);
	struct series_db *db;
	char **name = NULL;
	struct err e = ERR_INIT;
	int n;

	check_ok(file_mkdirs(found, &e), &e);
	check_ok(file_list(a, found, &name, &e), &e);
	for (; *name != NULL; name++)
		unlink(path_join(a, found, *name));
	check_ok(file_list(a, p->copy, &name, &e), &e);
	for (; *name != NULL; name++) {
		struct str text = STR_NULL;

		check_ok(file_read(a, path_join(a, p->copy, *name), 1 << 28, &text, &e), &e);
		check_ok(file_write(path_join(a, found, *name), text.p, text.n, 0640, &e), &e);
	}
	check_eq_i(series_verify(found, no_finding, NULL, &e), 0);
	db = open_at(found, p->clock);
	n = read_all(db, "t", "x", t, v, ARRAY_LEN(t));
	for (int i = 0; i < n; i++)
		if (t[i] != (i + 1) * US_SECOND || v[i] != i + 1)
			n = -1;
	series_close(&db);
	arena_free(&a);
	return n;
}

TEST(a_copy_has_what_was_durable_before_each_step)
{
	struct pair p;

	begin(&p);
	step(&p);
	for (int i = 1; i <= 5; i++) {
		write_some(&p, 100);
		check(series_ship_behind(p.ship) > 0);
		step(&p);
		check_eq_i(points_in_copy(&p), 100 * i);
	}
	end(&p);
}

TEST(a_copy_follows_through_checkpoints)
{
	struct pair p;
	struct err e = ERR_INIT;
	char **name = NULL;
	struct arena *a = arena_new(0);
	int logs = 0;

	begin(&p);
	for (int i = 0; i < 6; i++) {
		write_some(&p, 700);
		if (i % 2 == 0)
			step(&p);
		check_ok(series_flush(p.db, &e), &e);
		if (i == 3)
			check_ok(series_flush(p.db, &e), &e);
		write_some(&p, 50);
		step(&p);
		check_eq_i(points_in_copy(&p), p.n);
	}
	check_ok(file_list(a, p.copy, &name, &e), &e);
	for (; *name != NULL; name++)
		logs += strncmp(*name, "log-", 4) == 0;
	check_eq_i(logs, 1);
	arena_free(&a);
	end(&p);
}

/* Expired spans leave the copy too. */
TEST(a_copy_forgets_what_expired)
{
	struct pair p;
	struct err e = ERR_INIT;
	struct arena *a = arena_new(0);
	char **name = NULL;
	int blocks = 0;

	begin(&p);
	write_some(&p, 600);
	check_eq_i(append(p.db, p.id, 40 * US_DAY, 1), 0);
	check_ok(series_flush(p.db, &e), &e);
	step(&p);
	check_ok(series_expire(p.db, 20 * US_DAY, &e), &e);
	check_eq_i(append(p.db, p.id, 41 * US_DAY, 1), 0);
	check_ok(series_flush(p.db, &e), &e);
	step(&p);
	check_ok(file_list(a, p.copy, &name, &e), &e);
	for (; *name != NULL; name++)
		blocks += strncmp(*name, "blocks-", 7) == 0;
	check_eq_i(blocks, 2);
	arena_free(&a);
	end(&p);
}

TEST(a_copy_goes_on_after_a_restart)
{
	struct pair p;
	struct err e = ERR_INIT;

	begin(&p);
	write_some(&p, 300);
	check_ok(series_flush(p.db, &e), &e);
	write_some(&p, 100);
	step(&p);
	write_some(&p, 30);
	series_ship_close(&p.ship);
	check_eq_i(points_in_copy(&p), 400);
	series_close(&p.db);
	p.db = open_at(p.first, p.clock);
	check_ok(series_ship_open(p.db, p.copy, &p.ship, &e), &e);
	write_some(&p, 20);
	step(&p);
	check_eq_i(points_in_copy(&p), 450);
	end(&p);
}

/* A log of the copy that is another's is replaced, not continued. */
TEST(a_log_that_does_not_fit_is_copied_anew)
{
	struct pair p;
	struct err e = ERR_INIT;

	begin(&p);
	write_some(&p, 100);
	step(&p);
	series_ship_close(&p.ship);
	check_ok(file_write(test_path("copy/log-00000001"), "something else", 14, 0640, &e), &e);
	check_ok(file_write(test_path("copy/log-00000009"), "of another", 10, 0640, &e), &e);
	check_ok(series_ship_open(p.db, p.copy, &p.ship, &e), &e);
	step(&p);
	check_eq_i(points_in_copy(&p), 100);
	end(&p);
}

TEST(a_copy_that_was_taken_away_comes_back)
{
	struct pair p;
	struct err e = ERR_INIT;

	begin(&p);
	write_some(&p, 100);
	check_ok(series_flush(p.db, &e), &e);
	write_some(&p, 100);
	step(&p);
	check(rename(p.copy, test_path("gone")) == 0);
	write_some(&p, 10);
	check(series_ship_step(p.ship, &e) < 0);
	check(mkdir(p.copy, 0750) == 0);
	e = (struct err)ERR_INIT;
	step(&p);
	check_eq_i(points_in_copy(&p), 210);
	end(&p);
}

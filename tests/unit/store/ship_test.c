/* A second file of records that follows the first: whatever happens to it, it is a whole store of some
 * moment. */
#include "site.h"
#include "store/ship.h"
#include "base/file.h"

#include <sys/stat.h>
#include <unistd.h>

struct pair {
	struct site a;
	char *copy; /* path of the file that follows */
	struct store_ship *ship;
};

static bool begin(struct pair *p)
{
	struct err e = ERR_INIT;

	site_init(&p->a, false);
	p->copy = xasprintf("%s/follows.db", test_dir());
	return check(site_open(&p->a)) && check_ok(store_ship_open(p->a.st, p->copy, &p->ship, &e), &e);
}

static void end(struct pair *p)
{
	store_ship_close(&p->ship);
	site_fini(&p->a);
	free(p->copy);
}

static void duplicate(const char *from, const char *to)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct str text = STR_NULL;

	unlink(to);
	if (file_exists(from)) {
		check_ok(file_read(a, from, 1 << 28, &text, &e), &e);
		check_ok(file_write(to, text.p, text.n, 0640, &e), &e);
	}
	arena_free(&a);
}

/* What a program finds that opens the copy now: rows of probe, -1 if it is no sound store. */
static int64_t rows_in_copy(struct pair *p)
{
	struct site b;
	char *wal = xasprintf("%s-wal", p->copy), *to, *to_wal;
	struct journal_verdict v = {0};
	struct err e = ERR_INIT;
	int64_t n = -1;

	site_init(&b, false);
	free(b.address);
	b.address = xasprintf("sqlite:%s/found.db", test_dir());
	b.o.address = b.address;
	to = xstrdup(b.address + strlen("sqlite:"));
	to_wal = xasprintf("%s-wal", to);
	duplicate(p->copy, to);
	duplicate(wal, to_wal);
	if (check(site_open(&b))) {
		check_eq_i(store_check(b.st, NULL, NULL, &e), 0);
		check_ok(journal_verify(b.st, &v, &e), &e);
		check_eq_i(v.bad_seq, 0);
		n = count(&b);
	}
	site_fini(&b);
	free(to);
	free(to_wal);
	free(wal);
	return n;
}

static void write_some(struct pair *p, int64_t from, int64_t n, size_t size)
{
	struct err e = ERR_INIT;
	char *name = xcalloc(1, size + 1);

	memset(name, 'x', size);
	for (int64_t i = from; i < from + n; i++) {
		name[snprintf(name, size + 1, "%04d", (int)i)] = 'x';
		check_ok(put(&p->a, i, name, 0, &e), &e);
		append(&p->a, "probe.put", "probe", "1", "", 1, "{\"a\":1}");
	}
	free(name);
}

static void step(struct pair *p)
{
	struct err e = ERR_INIT;

	check_ok(store_ship_step(p->ship, &e), &e);
}

TEST(a_copy_has_what_was_committed_before_each_step)
{
	struct pair p = {0};

	if (!begin(&p))
		return;
	write_some(&p, 1, 3, 10);
	step(&p);
	check_eq_i(rows_in_copy(&p), 3);
	for (int64_t i = 0; i < 10; i++) {
		write_some(&p, 10 + 5 * i, 5, 20);
		step(&p);
		check_eq_i(rows_in_copy(&p), 3 + 5 * (i + 1));
	}
	check_eq_i(store_ship_images(p.ship), 1);
	end(&p);
}

/* The writer's log begins anew many times, and the copy's is folded, without an image. */
TEST(a_copy_follows_through_checkpoints)
{
	struct pair p = {0};

	if (!begin(&p))
		return;
	step(&p);
	for (int64_t i = 0; i < 8; i++) {
		write_some(&p, 1 + 40 * i, 40, 60000);
		check(store_ship_behind(p.ship) > 40 * 60000);
		if (i % 3 != 1)
			step(&p);
	}
	step(&p);
	check_eq_i(store_ship_behind(p.ship), 0);
	check_eq_i(rows_in_copy(&p), 320);
	check_eq_i(store_ship_images(p.ship), 1);
	end(&p);
}

LONG_TEST(a_writer_that_ran_far_ahead_costs_an_image_and_no_memory)
{
	struct pair p = {0};

	if (!begin(&p))
		return;
	step(&p);
	write_some(&p, 1, 90, 1000000);
	step(&p);
	check_eq_i(store_ship_images(p.ship), 2);
	write_some(&p, 1000, 1, 10);
	step(&p);
	check_eq_i(rows_in_copy(&p), 91);
	check_eq_i(store_ship_images(p.ship), 2);
	end(&p);
}

/* Cut at every kind of place, the copy is the store of an earlier step. */
TEST(a_torn_copy_is_the_one_before)
{
	struct pair p = {0};
	char *wal;
	struct stat one, two;

	if (!begin(&p))
		return;
	wal = xasprintf("%s-wal", p.copy);
	step(&p);
	write_some(&p, 1, 2, 10);
	step(&p);
	check(stat(wal, &one) == 0);
	write_some(&p, 3, 4, 5000);
	step(&p);
	check(stat(wal, &two) == 0 && two.st_size > one.st_size);
	check_eq_i(rows_in_copy(&p), 6);
	for (off_t at = two.st_size - 1; at > one.st_size; at -= 3571) {
		check(truncate(wal, at) == 0);
		check_eq_i(rows_in_copy(&p), 2);
	}
	/* And the next step notices that somebody was here. */
	step(&p);
	check_eq_i(rows_in_copy(&p), 6);
	check_eq_i(store_ship_images(p.ship), 2);
	free(wal);
	end(&p);
}

TEST(a_copy_that_was_taken_away_is_made_anew)
{
	struct pair p = {0};

	if (!begin(&p))
		return;
	step(&p);
	write_some(&p, 1, 2, 10);
	step(&p);
	check(unlink(p.copy) == 0);
	write_some(&p, 3, 1, 10);
	step(&p);
	check_eq_i(rows_in_copy(&p), 3);
	end(&p);
}

/* A process that was killed left both sides as they were. */
TEST(a_copy_goes_on_after_a_restart)
{
	struct pair p = {0};
	struct err e = ERR_INIT;

	if (!begin(&p))
		return;
	write_some(&p, 1, 5, 100);
	step(&p);
	write_some(&p, 6, 5, 100);
	step(&p);
	store_ship_close(&p.ship);
	write_some(&p, 11, 5, 100);
	check_eq_i(rows_in_copy(&p), 10);
	check(site_open(&p.a));
	check_ok(store_ship_open(p.a.st, p.copy, &p.ship, &e), &e);
	step(&p);
	check_eq_i(rows_in_copy(&p), 15);
	end(&p);
}

TEST(a_folder_that_cannot_be_written_is_told_and_waited_for)
{
	struct pair p = {0};
	struct err e = ERR_INIT;
	char *dir;

	if (!begin(&p))
		return;
	store_ship_close(&p.ship);
	dir = xasprintf("%s/mount", test_dir());
	free(p.copy);
	p.copy = xasprintf("%s/follows.db", dir);
	check_ok(store_ship_open(p.a.st, p.copy, &p.ship, &e), &e);
	write_some(&p, 1, 1, 10);
	check(store_ship_step(p.ship, &e) < 0);
	check(mkdir(dir, 0750) == 0);
	write_some(&p, 2, 1, 10);
	step(&p);
	check_eq_i(rows_in_copy(&p), 2);
	free(dir);
	end(&p);
}

TEST(postgres_is_told_to_replicate_by_itself)
{
	struct site s;
	struct store_ship *ship = NULL;
	struct err e = ERR_INIT;

	if (getenv("HEMING_TEST_POSTGRES") == NULL)
		return;
	site_init(&s, true);
	if (check(site_open(&s)))
		check_err(store_ship_open(s.st, "/nowhere/x.db", &ship, &e), ERR_UNSUPPORTED);
	site_fini(&s);
}

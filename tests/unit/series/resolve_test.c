/* Series that come many at once, from one thread and from several. */
#include "help.h"

#include <pthread.h>
#include <stdatomic.h>

enum { NAMES = 7, THINGS = 500, SETS = NAMES * THINGS };

struct names {
	char metric[24], thing[64];
	struct label l[3];
};

/* Set i of SETS; some have one label more, and some a text that is long. */
static struct labels set_of(struct names *n, int i)
{
	int labels = 0;

	snprintf(n->metric, sizeof(n->metric), "metric_%d", i % NAMES);
	snprintf(n->thing, sizeof(n->thing), i % 11 ? "T-%d" : "T-%050d", i / NAMES);
	n->l[labels++] = (struct label){STR_LIT("__name__"), str_of(n->metric)};
	if (i % 3 == 0)
		n->l[labels++] = (struct label){STR_LIT("site"), STR_LIT("north")};
	n->l[labels++] = (struct label){STR_LIT("thing"), str_of(n->thing)};
	return (struct labels){n->l, labels};
}

static int resolve_from(struct series_db *db, int first, int n, series_id *id, struct err *e)
{
	struct names *names = calloc((size_t)n, sizeof(*names));
	struct labels *ls = calloc((size_t)n, sizeof(*ls));
	int rc;

	for (int i = 0; i < n; i++)
		ls[i] = set_of(&names[i], (first + i) % SETS);
	rc = series_resolve_many(db, ls, (size_t)n, id, e);
	free(ls);
	free(names);
	return rc;
}

static void check_stored(struct series_db *db, const series_id *id)
{
	struct arena *a = arena_new(0);

	for (int i = 0; i < SETS; i++) {
		struct names n;
		struct labels want = set_of(&n, i), have = series_labels(db, id[i], a);

		if (!check(labels_equal(&want, &have)))
			break;
		arena_reset(a);
	}
	arena_free(&a);
}

TEST(many_at_once_are_as_one_by_one)
{
	struct clock *c = clock_new_manual(0);
	struct series_db *db = open_at(test_dir(), c);
	static series_id id[SETS], again[SETS + 300];
	struct names n;
	struct err e = ERR_INIT;

	for (int i = 0; i < SETS; i += 5) {
		struct labels ls = set_of(&n, i);

		check_ok(series_resolve(db, &ls, &id[i], &e), &e);
	}
	/* Known and new ones mixed, some of them twice. */
	check_ok(resolve_from(db, SETS - 150, SETS + 300, again, &e), &e);
	for (int i = 0; i < SETS + 300; i++) {
		int k = (SETS - 150 + i) % SETS;

		if (k % 5 == 0 || i >= SETS)
			check_eq_u(again[i].v, id[k].v);
		id[k] = again[i];
	}
	check_stored(db, id);
	check_eq_u(series_last_id(db), SETS);
	check_ok(series_resolve_many(db, NULL, 0, NULL, &e), &e);
	series_close(&db);
	clock_free(&c);
}

TEST(the_first_that_is_none_ends_it)
{
	struct clock *c = clock_new_manual(0);
	struct series_db *db = open_at(test_dir(), c);
	struct names n[100];
	struct labels ls[100];
	series_id id[100] = {{0}};
	struct err e = ERR_INIT;

	for (int i = 0; i < 100; i++)
		ls[i] = set_of(&n[i], i);
	ls[70].l[0].value = STR_LIT("");
	check_err(series_resolve_many(db, ls, 100, id, &e), ERR_INVALID);
	for (int i = 0; i < 100; i++)
		check_eq_u(id[i].v, i < 70 ? (uint32_t)i + 1 : 0);
	check_err(series_labels_check(&ls[70], NULL), ERR_INVALID);
	check_ok(series_labels_check(&ls[71], NULL), NULL);
	check_eq_u(series_last_id(db), 70);
	series_close(&db);
	clock_free(&c);
}

TEST(values_of_many_are_as_labels_of_each)
{
	static const char *const name[] = {"thing", "nothing", "site"};
	struct clock *c = clock_new_manual(0);
	struct series_db *db = open_at(test_dir(), c);
	static series_id id[SETS];
	static struct str value[SETS * 3];
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;

	check_ok(resolve_from(db, 0, SETS, id, &e), &e);
	id[17].v = 2 * SETS; /* there is none */
	series_values(db, id, SETS, name, 3, a, value);
	for (int i = 0; i < SETS; i++) {
		struct names n;
		struct labels ls = set_of(&n, i);

		for (int k = 0; k < 3; k++) {
			struct str want = i == 17 ? STR_NULL : labels_get(&ls, name[k]);

			if (!check(str_eq(value[i * 3 + k], want)))
				return;
		}
	}
	arena_free(&a);
	series_close(&db);
	clock_free(&c);
}

/* ---- several threads ---- */

enum { THREADS = 4, AT_ONCE = 90 };
static _Atomic bool done;

struct worker {
	struct series_db *db;
	int number;
	series_id id[SETS];
	pthread_t thread;
};

/* All sets, each worker from another place on, with a point of each as soon as it has its id. */
static void *work(void *arg)
{
	struct worker *w = arg;
	const int from = w->number * SETS / THREADS / 2; /* so that they meet */
	series_id id[AT_ONCE];
	struct series_point p[AT_ONCE];
	struct err e = ERR_INIT;

	for (int i = 0; i < SETS; i += AT_ONCE) {
		int n = SETS - i < AT_ONCE ? SETS - i : AT_ONCE;

		check_ok(resolve_from(w->db, from + i, n, id, &e), &e);
		for (int k = 0; k < n; k++) {
			w->id[(from + i + k) % SETS] = id[k];
			p[k] = (struct series_point){id[k], (w->number + 1) * US_SECOND, w->number};
		}
		check_ok(series_append(w->db, p, (size_t)n, &e), &e);
	}
	return NULL;
}

static void *look(void *arg)
{
	struct series_db *db = arg;
	struct arena *a = arena_new(0);
	struct matcher m;
	struct err e = ERR_INIT;
	size_t before = 0;

	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("site"), STR_LIT("north"), &e), &e);
	while (!atomic_load(&done)) {
		struct arena *b = arena_new(0);
		struct series_latest_row *row;
		size_t n = 0;

		check_ok(series_list(db, &m, 1, 0, b, &row, &n, &e), &e);
		check(n >= before && n <= SETS / 3 + 1);
		for (size_t i = 0; i < n; i++)
			check(str_is(labels_get(&row[i].labels, "site"), "north"));
		before = n;
		arena_free(&b);
	}
	arena_free(&a);
	return NULL;
}

TEST(threads_that_name_the_same_agree)
{
	struct clock *c = clock_new_manual(0);
	struct series_db *db = open_at(test_dir(), c);
	struct worker *w = calloc(THREADS, sizeof(*w));
	pthread_t reader;
	time_us t = TIME_NONE;
	double v = 0;

	atomic_store(&done, false);
	must(pthread_create(&reader, NULL, look, db) == 0);
	for (int i = 0; i < THREADS; i++) {
		w[i].db = db;
		w[i].number = i;
		must(pthread_create(&w[i].thread, NULL, work, &w[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(w[i].thread, NULL);
	atomic_store(&done, true);
	pthread_join(reader, NULL);
	check_eq_u(series_last_id(db), SETS);
	for (int i = 0; i < SETS; i++)
		for (int k = 1; k < THREADS; k++)
			check_eq_u(w[k].id[i].v, w[0].id[i].v);
	check_stored(db, w[0].id);
	series_close(&db);

	db = open_at(test_dir(), c); /* what the log says of them */
	check_stored(db, w[0].id);
	for (int i = 0; i < SETS; i++)
		check(series_latest(db, w[0].id[i], &t, &v) && t == THREADS * US_SECOND && v == THREADS - 1);
	series_close(&db);
	free(w);
	clock_free(&c);
}

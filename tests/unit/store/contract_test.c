/* What every backend must do: the same tests on both. */
#include "site.h"
#include "probe_sql.h"

#include <math.h>
#include <pthread.h>

ON_BOTH(an_empty_store_has_the_newest_schema)
{
	check_eq_i(store_schema_version(s->st), 9001);
	check_eq_s(store_backend(s->st), s->postgres ? "postgres" : "sqlite");
	check_eq_i(count(s), 0);
}

ON_BOTH(a_write_is_there_after_a_restart)
{
	struct err e = ERR_INIT;
	check_ok(put(s, 1, "一", 10, &e), &e);
	check(site_open(s));
	check_eq_i(count(s), 1);
}

struct values {
	struct sql_probe_put_in in;
};

static int values_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct values *v = arg;
	return sql_probe_put(tx, &v->in, NULL, e);
}

static struct sql_probe_get_row get(struct site *s, int64_t id, struct store_tx **tx)
{
	struct err e = ERR_INIT;
	struct sql_probe_get_row row = {0};
	struct sql_probe_get_in in = {id};
	check_ok(store_read_begin(s->st, "get", tx, &e), &e);
	check_eq_i(sql_probe_get(*tx, &in, &row, &e), 1);
	return row;
}

ON_BOTH(values_come_back_as_they_were)
{
	static const char data[] = {0, 1, (char)0xff, 0, 2};
	static const char text[] = "鹤鸣于九皋\t\n\"'\\ \xf0\x9f\x90\xa6 e\xcc\x81 %_";
	struct err e = ERR_INIT;
	struct store_tx *tx = NULL;
	struct values v = {{INT64_MAX, {text, sizeof(text) - 1}, INT64_MIN + 1, 0.1 + 0.2, {data, 5}, true}};
	check_ok(store_write(s->st, "values", values_write, &v, &e), &e);
	struct sql_probe_get_row row = get(s, INT64_MAX, &tx);
	check_str(row.name, text);
	check_eq_i(row.n, INT64_MIN + 1);
	check_eq_d(row.x, 0.1 + 0.2);
	check_eq_i((int64_t)row.data.n, 5);
	check_eq_mem(row.data.p, data, 5);
	check(row.yes);
	check(row.note.p == NULL);
	check(row.seen);
	store_read_end(&tx);

	v.in = (struct sql_probe_put_in){0, STR_LIT(""), 0, -0.0, STR_LIT(""), false};
	check_ok(store_write(s->st, "values", values_write, &v, &e), &e);
	row = get(s, 0, &tx);
	check(row.name.p != NULL && row.name.n == 0);
	check(row.data.p != NULL && row.data.n == 0);
	check_eq_i(row.n, 0);
	check(row.x == 0.0); /* SQLite keeps no sign of nought */
	check(!row.yes);
	store_read_end(&tx);

	v.in = (struct sql_probe_put_in){7, STR_LIT("inf"), TIME_NONE, INFINITY, STR_NULL, false};
	check_ok(store_write(s->st, "values", values_write, &v, &e), &e);
	row = get(s, 7, &tx);
	check_eq_i(row.n, TIME_NONE);
	check_eq_d(row.x, INFINITY);
	check(row.data.p == NULL);
	store_read_end(&tx);

	v.in = (struct sql_probe_put_in){8, STR_LIT("nan"), 1, NAN, STR_NULL, false};
	check_ok(store_write(s->st, "values", values_write, &v, &e), &e);
	row = get(s, 8, &tx);
	check_eq_d(row.x, NAN);
	store_read_end(&tx);
}

ON_BOTH(values_that_neither_database_should_take_are_refused_alike)
{
	struct err e = ERR_INIT;
	struct values v = {{1, {"a\0b", 3}, 1, 1, STR_NULL, false}};
	check_err(store_write(s->st, "NUL in text", values_write, &v, &e), ERR_INVALID);
	check_eq_s(e.field, "name");
	v.in.name = (struct str){"\xc3\x28", 2};
	check_err(store_write(s->st, "no UTF-8", values_write, &v, &e), ERR_INVALID);
	v.in.name = STR_NULL;
	check_err(store_write(s->st, "NULL", values_write, &v, &e), ERR_INVALID);
	check_has(e.text, "must have a value");
	v.in.name = STR_LIT("thirteen");
	v.in.n = 13;
	check_err(store_write(s->st, "CHECK", values_write, &v, &e), ERR_INVALID);
	check_eq_i(count(s), 0);
}

ON_BOTH(broken_uniqueness_is_a_conflict_that_names_the_table)
{
	struct err e = ERR_INIT;
	check_ok(put(s, 1, "a", 1, &e), &e);
	check_err(put(s, 1, "b", 1, &e), ERR_CONFLICT);
	check_eq_s(e.field, "probe");
	e = (struct err)ERR_INIT;
	check_err(put(s, 2, "a", 1, &e), ERR_CONFLICT);
	check_eq_s(e.field, "probe");
	struct values v = {{3, STR_LIT("X"), 1, 1, STR_NULL, true}};
	check_ok(store_write(s->st, "X", values_write, &v, &e), &e);
	v.in.id = 4;
	v.in.name = STR_LIT("x");
	e = (struct err)ERR_INIT;
	check_err(store_write(s->st, "x, by an index on an expression", values_write, &v, &e), ERR_CONFLICT);
	check_eq_s(e.field, "probe");
	check_eq_i(count(s), 2);
}

ON_BOTH(what_runs_also_is_of_the_same_transaction)
{
	struct err e = ERR_INIT;
	struct values v = {{1, STR_LIT("first"), 1, 1, STR_NULL, false}},
	              beside = {{10, STR_LIT("beside"), 1, 1, STR_NULL, false}};
	store_also(values_write, &beside);
	check_ok(store_write(s->st, "both", values_write, &v, &e), &e);
	check_eq_i(count(s), 2);
	/* the second fails: the first is undone too; and the other way round */
	v.in.id = 2;
	v.in.name = STR_LIT("second");
	check_err(store_write(s->st, "both", values_write, &v, &e), ERR_CONFLICT);
	check_eq_i(count(s), 2);
	beside.in.id = 11;
	beside.in.name = STR_LIT("beside too");
	v.in.id = 1;
	e = (struct err)ERR_INIT;
	check_err(store_write(s->st, "both", values_write, &v, &e), ERR_CONFLICT);
	check_eq_i(count(s), 2);
	store_also(NULL, NULL);
	v.in.id = 2;
	check_ok(store_write(s->st, "one", values_write, &v, &e), &e);
	check_eq_i(count(s), 3);
}

static int delete_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct sql_probe_delete_in in = {*(int64_t *)arg};
	return sql_probe_delete(tx, &in, NULL, e);
}

ON_BOTH(what_a_trigger_refuses_is_a_conflict)
{
	struct err e = ERR_INIT;
	int64_t id = 1;
	check_ok(put(s, 1, "kept", 1, &e), &e);
	check_err(store_write(s->st, "delete", delete_write, &id, &e), ERR_CONFLICT);
	check_has(e.text, "kept is kept");
	check_eq_i(count(s), 1);
}

static void list(struct site *s, const char *names, const char *prefixes, const char *want)
{
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_probe_list_row row;
	struct sql_probe_list_in in = {str_of(names), str_of(prefixes)};
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	int rc = store_read_begin(s->st, "list", &tx, &e);
	if (rc == 0)
		rc = sql_probe_list_open(tx, &in, &rows, &e);
	sb_puts(&b, "");
	while (rc >= 0 && (rc = sql_probe_list_next(rows, &row, &e)) > 0) {
		sb_putstr(&b, row.name);
		sb_putc(&b, ' ');
	}
	check_ok(rc, &e);
	check_str(sb_str(&b), want);
	store_rows_close(&rows);
	store_read_end(&tx);
	sb_fini(&b);
}

ON_BOTH(order_is_bytewise_and_lists_are_lists)
{
	static const char *const names[] = {"b", "B", "a", "é", "_", "Z", "鹤", "ab", "a%", "3209"};
	struct err e = ERR_INIT;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		check_ok(put(s, (int64_t)i, names[i], 1, &e), &e);
	list(s, "[]", NULL, "3209 B Z _ a a% ab b é 鹤 ");
	list(s, "[]", "[]", "");
	list(s, "[\"Z\",\"鹤\",\"none\"]", "[]", "Z 鹤 ");
	list(s, "[]", "[\"a\",\"32\"]", "3209 a a% ab ");
	list(s, "[]", "[\"a%\"]", "a% ");
	list(s, "[]", "[\"_\"]", "_ ");
	list(s, "[]", "[\"\"]", "3209 B Z _ a a% ab b é 鹤 ");
	list(s, "[\"it's \\\" \\\\ \"]", "[]", "");
}

ON_BOTH(words_of_the_two_databases_mean_the_same)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	struct sql_probe_count_row c;
	struct sql_probe_like_row like;
	struct sql_probe_now_row now;
	struct sql_probe_dialect_row d;
	struct sql_probe_wrong_row w;
	check_ok(store_read_begin(s->st, "words", &tx, &e), &e);
	check_eq_i(sql_probe_count(tx, &c, &e), 1);
	check_eq_i(c.sum, TIME_NONE);
	check_eq_d(c.mean, NAN);
	check_eq_i(sql_probe_like(tx, &(struct sql_probe_like_in){STR_LIT("Abc"), STR_LIT("A_%")}, &like, &e),
	        1);
	check(like.matches);
	check_eq_i(
	        sql_probe_like(tx, &(struct sql_probe_like_in){STR_LIT("Abc"), STR_LIT("a%")}, &like, &e), 1);
	check(!like.matches);
	check_eq_i(sql_probe_now(tx, &now, &e), 1);
	struct timespec t;
	clock_gettime(CLOCK_REALTIME, &t);
	check(llabs((long long)(now.now - ((int64_t)t.tv_sec * US_SECOND + t.tv_nsec / 1000))) < US_MINUTE);
	check_eq_i(sql_probe_dialect(tx, &(struct sql_probe_dialect_in){STR_LIT(";'")}, &d, &e), 1);
	check_str(d.name, s->postgres ? "post:;'" : "lite:;'");
	check_err(sql_probe_wrong(tx, &w, &e), ERR_CORRUPT);
	check_eq_s(e.field, "n");
	/* Nothing runs after a failure, on either database. */
	check_err(sql_probe_now(tx, &now, &e), ERR_STATE);
	store_read_end(&tx);
}

ON_BOTH(a_walk_may_hold_another)
{
	struct store_tx *tx = NULL;
	struct store_rows *outer = NULL, *inner = NULL, *left_open = NULL;
	struct sql_probe_list_row a, b;
	struct sql_probe_list_in in = {STR_LIT("[]"), STR_NULL};
	struct err e = ERR_INIT;
	int pairs = 0;
	for (int i = 0; i < 3; i++)
		check_ok(put(s, i, (const char *[]){"a", "b", "c"}[i], i, &e), &e);
	check_ok(store_read_begin(s->st, "walks", &tx, &e), &e);
	check_ok(sql_probe_list_open(tx, &in, &outer, &e), &e);
	while (sql_probe_list_next(outer, &a, &e) == 1) {
		check_ok(sql_probe_list_open(tx, &in, &inner, &e), &e);
		while (sql_probe_list_next(inner, &b, &e) == 1)
			pairs++;
		store_rows_close(&inner);
	}
	store_rows_close(&outer);
	check_eq_i(pairs, 9);
	/* The end of the transaction closes what was left open. */
	check_ok(sql_probe_list_open(tx, &in, &left_open, &e), &e);
	store_read_end(&tx);
}

static int take_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct sql_probe_take_in in = {1, 5};
	struct sql_probe_take_row row;
	int rc = sql_probe_take(tx, &in, &row, e);
	if (rc == 1)
		*(int64_t *)arg = row.n;
	return rc < 0 ? rc : 0;
}

static int add_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct sql_probe_add_in in = {*(int64_t *)arg, 5};
	return sql_probe_add(tx, &in, arg, e);
}

ON_BOTH(a_statement_tells_what_it_changed)
{
	struct err e = ERR_INIT;
	int64_t n = 0;
	check_ok(put(s, 1, "a", 10, &e), &e);
	check_ok(store_write(s->st, "take", take_write, &n, &e), &e);
	check_eq_i(n, 15);
	n = 1;
	check_ok(store_write(s->st, "add", add_write, &n, &e), &e);
	check_eq_i(n, 1);
	n = 99;
	check_ok(store_write(s->st, "add to none", add_write, &n, &e), &e);
	check_eq_i(n, 0);
}

ON_BOTH(a_reader_keeps_its_snapshot)
{
	struct store_tx *tx = NULL;
	struct sql_probe_count_row row;
	struct err e = ERR_INIT;
	check_ok(put(s, 1, "a", 1, &e), &e);
	check_ok(store_read_begin(s->st, "snapshot", &tx, &e), &e);
	/* Written after the beginning, before the first look. */
	check_ok(put(s, 2, "b", 1, &e), &e);
	check_eq_i(sql_probe_count(tx, &row, &e), 1);
	check_eq_i(row.count, 1);
	check_ok(put(s, 3, "c", 1, &e), &e);
	check_eq_i(sql_probe_count(tx, &row, &e), 1);
	check_eq_i(row.count, 1);
	store_read_end(&tx);
	check_eq_i(count(s), 3);
}

ON_BOTH(a_reader_cannot_write)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	struct sql_probe_take_row row;
	check_ok(put(s, 1, "a", 1, &e), &e);
	check_ok(store_read_begin(s->st, "read", &tx, &e), &e);
	check_err(sql_probe_add(tx, &(struct sql_probe_add_in){1, 1}, NULL, &e), ERR_BUG);
	store_read_end(&tx);
	/* Past the door's own look, the connection refuses as well. */
	check_ok(store_read_begin(s->st, "read", &tx, &e), &e);
	check_err(sql_probe_take(tx, &(struct sql_probe_take_in){1, 1}, &row, &e), ERR_BUG);
	store_read_end(&tx);
}

ON_BOTH(readers_are_counted)
{
	struct store_tx *tx[3] = {0};
	struct err e = ERR_INIT;
	for (size_t i = 0; i < ARRAY_LEN(tx); i++)
		check_ok(store_read_begin(s->st, "one of three", &tx[i], &e), &e);
	check(store_now(tx[0]) == clock_now(s->clock));
	for (size_t i = 0; i < ARRAY_LEN(tx); i++)
		store_read_end(&tx[i]);
	check_ok(store_read_begin(s->st, "again", &tx[0], &e), &e);
	store_read_end(&tx[0]);
}

/* ---- groups ---- */

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool open;
	int done;
};

static void gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->open = true;
	pthread_cond_broadcast(&g->cond);
	pthread_mutex_unlock(&g->lock);
}

/* Holds the writer until all that is to be one group has been posted. */
static int gate_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct gate *g = arg;
	(void)tx, (void)e;
	pthread_mutex_lock(&g->lock);
	while (!g->open)
		pthread_cond_wait(&g->cond, &g->lock);
	pthread_mutex_unlock(&g->lock);
	return 0;
}

struct member {
	struct store_job job; /* first */
	struct gate *gate;
	struct put put;
	int64_t part_of; /* not 0: a row that refers to this one instead */
	int rc, runs;
	struct err e;
};

static void member_done(struct store_job *j, int rc, const struct err *e)
{
	struct member *m = (struct member *)(void *)j;
	m->rc = rc;
	if (rc < 0)
		m->e = *e;
	if (m->gate) {
		pthread_mutex_lock(&m->gate->lock);
		m->gate->done++;
		pthread_cond_broadcast(&m->gate->cond);
		pthread_mutex_unlock(&m->gate->lock);
	}
}

static int member_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct member *m = arg;
	m->runs++;
	if (m->part_of) {
		struct sql_probe_part_put_in in = {m->put.id, m->part_of};
		return sql_probe_part_put(tx, &in, NULL, e);
	}
	return put_write(tx, &m->put, e);
}

/* Posts all, lets them be one group, waits for all. */
static void run_together(struct site *s, struct member *m, int n)
{
	struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct member holder = {
	        .job = {.purpose = "gate", .write = gate_write, .arg = &g, .done = member_done}, .gate = &g};
	struct err e = ERR_INIT;
	check_ok(store_post(s->st, &holder.job, &e), &e);
	for (int i = 0; i < n; i++) {
		m[i].gate = &g;
		m[i].job = (struct store_job){
		        .purpose = "member", .write = member_write, .arg = &m[i], .done = member_done};
		check_ok(store_post(s->st, &m[i].job, &e), &e);
	}
	gate_open(&g);
	pthread_mutex_lock(&g.lock);
	while (g.done < n + 1)
		pthread_cond_wait(&g.cond, &g.lock);
	pthread_mutex_unlock(&g.lock);
}

ON_BOTH(a_failing_write_costs_its_neighbours_nothing)
{
	struct member m[] = {
	        {.put = {1, 1, "a", 0}},
	        {.put = {1, 1, "same id", 0}},
	        {.put = {2, 1, "changes its mind", ERR_STATE}},
	        {.put = {3, 13, "breaks a CHECK", 0}},
	        {.put = {4, 1, "b", 0}},
	};
	run_together(s, m, ARRAY_LEN(m));
	check_eq_i(m[0].rc, 0);
	check_err(m[1].rc, ERR_CONFLICT);
	check_err(m[2].rc, ERR_STATE);
	check_eq_s(m[2].e.text, "as the test wants");
	check_err(m[3].rc, ERR_INVALID);
	check_eq_i(m[4].rc, 0);
	check_eq_i(count(s), 2);
}

ON_BOTH(a_commit_that_fails_for_one_write_is_tried_write_by_write)
{
	struct member m[] = {
	        {.put = {1, 1, "a", 0}},
	        {.put = {10, 0, NULL, 0}, .part_of = 999}, /* found out at the commit */
	        {.put = {11, 0, NULL, 0}, .part_of = 1},
	        {.put = {2, 1, "b", 0}},
	};
	run_together(s, m, ARRAY_LEN(m));
	check_eq_i(m[0].rc, 0);
	check_err(m[1].rc, ERR_CONFLICT);
	check_eq_i(m[2].rc, 0);
	check_eq_i(m[3].rc, 0);
	check_eq_i(count(s), 2);
}

static int careless_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct put twice = {1, 1, "a", 0};
	(void)arg;
	(void)put_write(tx, &twice, e);
	(void)put_write(tx, &twice, e);
	return 0;
}

ON_BOTH(a_write_that_ignores_a_failure_fails)
{
	struct err e = ERR_INIT;
	check_err(store_write(s->st, "careless", careless_write, NULL, &e), ERR_CONFLICT);
	check_eq_i(count(s), 0);
}

static void *many_main(void *arg)
{
	struct site *s = arg;
	static _Atomic int next = 1000;
	struct err e = ERR_INIT;
	for (int i = 0; i < 50; i++) {
		char name[32];
		int64_t id = next++;
		snprintf(name, sizeof(name), "n%d", (int)id);
		check_ok(put(s, id, name, 1, &e), &e);
	}
	return NULL;
}

ON_BOTH(many_threads_write_and_all_is_there)
{
	pthread_t t[4];
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, many_main, s);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	check_eq_i(count(s), 200);
}

ON_BOTH(a_full_queue_and_a_closing_store_say_so)
{
	struct gate g = {.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER};
	struct member m[8] = {0};
	struct err e = ERR_INIT;
	int taken = 0, rc = 0;
	s->o.queue = 3;
	check(site_open(s));
	struct member holder = {
	        .job = {.purpose = "gate", .write = gate_write, .arg = &g, .done = member_done}};
	check_ok(store_post(s->st, &holder.job, &e), &e);
	for (int i = 0; i < 8 && rc == 0; i++) {
		m[i].put = (struct put){i, 1, (const char *[]){"a", "b", "c", "d", "e", "f", "g", "h"}[i], 0};
		m[i].job = (struct store_job){
		        .purpose = "member", .write = member_write, .arg = &m[i], .done = member_done};
		rc = store_post(s->st, &m[i].job, &e);
		taken += rc == 0;
	}
	check_err(rc, ERR_BUSY);
	gate_open(&g);
	site_close(s); /* runs what waits */
	check(site_open(s));
	check_eq_i(count(s), taken);
}

/* ---- leases ---- */

ON_BOTH(a_lease_is_held_by_one)
{
	struct err e = ERR_INIT;
	bool held = false;
	struct id_source *ids = id_source_new(2, s->clock);
	struct store *other = site_second(s, ids);
	check_ok(store_lease(s->st, "rules", US_HOUR, &held, &e), &e);
	check(held);
	check_ok(store_lease(other, "rules", US_HOUR, &held, &e), &e);
	check(!held);
	check_ok(store_lease(s->st, "rules", US_HOUR, &held, &e), &e);
	check(held);
	check_ok(store_lease(other, "timers", US_HOUR, &held, &e), &e);
	check(held);
	/* What lapsed is free: a lease of no length ends at once. */
	check_ok(store_lease(s->st, "short", -US_SECOND, &held, &e), &e);
	check_ok(store_lease(other, "short", US_HOUR, &held, &e), &e);
	check(held);
	/* Who ends in order gives back what it held. */
	site_close(s);
	check_ok(store_lease(other, "rules", US_HOUR, &held, &e), &e);
	check(held);
	store_close(&other);
	id_source_free(&ids);
}

/* ---- migrations ---- */

ON_BOTH(a_store_is_not_made_unless_asked)
{
	struct err e = ERR_INIT;
	struct store_options o = s->o;
	struct store *st = NULL;
	site_close(s);
	site_sql(s, "DROP TABLE schema_version");
	o.create = false;
	check_err(store__open(&o, &probe_schema, &st, &e), ERR_NOTFOUND);
	o.address = "sqlite:/nowhere/at/all.db";
	check_err(store__open(&o, &probe_schema, &st, &e), ERR_NOTFOUND);
	o.address = "mysql:x";
	check_err(store__open(&o, &probe_schema, &st, &e), ERR_INVALID);
}

ON_BOTH(an_older_store_is_brought_up_to_date)
{
	struct err e = ERR_INIT;
	struct store_schema first = probe_schema;
	first.migrations_n = 1;
	first.statements_n = 0;
	struct site old;
	site_close(s);
	site_init(&old, s->postgres);
	/* As the program of then would have left it. */
	if (!s->postgres)
		remove(old.address + strlen("sqlite:"));
	check_ok(store__open(&old.o, &first, &old.st, &e), &e);
	check_eq_i(store_schema_version(old.st), 9000);
	site_close(&old);
	site_sql(&old, "INSERT INTO probe (id, name, n) VALUES (5, 'old', 7)");
	/* Without `create` it is left as it is. */
	old.o.create = false;
	check_err(store__open(&old.o, &probe_schema, &old.st, &e), ERR_STATE);
	old.o.migrate = true; /* as who serves says */
	if (check(site_open(&old))) {
		struct store_tx *tx = NULL;
		check_eq_i(store_schema_version(old.st), 9001);
		check_eq_i(get(&old, 5, &tx).n, 7);
		store_read_end(&tx);
		check_str(get(&old, -1, &tx).name, "made; by ' migration -- so");
		store_read_end(&tx);
	}
	site_fini(&old);
}

ON_BOTH(a_changed_migration_is_refused)
{
	struct err e = ERR_INIT;
	site_close(s);
	site_sql(s, "UPDATE schema_version SET hash = 'other' WHERE version = 9000");
	check_err(store__open(&s->o, &probe_schema, &s->st, &e), ERR_STATE);
	check_has(e.text, "9000");
	check_has(e.text, "was changed");
}

ON_BOTH(a_newer_store_is_refused)
{
	struct err e = ERR_INIT;
	site_close(s);
	site_sql(s,
	        "INSERT INTO schema_version (version, name, hash, applied) VALUES (9999, 'later', 'x', 0)");
	check_err(store__open(&s->o, &probe_schema, &s->st, &e), ERR_NEWER);
	check_has(e.text, "9999");
	site_sql(s, "DELETE FROM schema_version WHERE version > 9000");
	site_sql(s, "UPDATE schema_version SET version = 8000 WHERE version = 9000");
	check_err(store__open(&s->o, &probe_schema, &s->st, &e), ERR_STATE);
	check_has(e.text, "another line");
}

ON_BOTH(a_migration_that_fails_leaves_nothing)
{
	static const struct store_migration broken[] = {{9500, "broken", "h",
	        {"CREATE TABLE half (id INTEGER); CREATE TABLE probe (id INTEGER)",
	                "CREATE TABLE half (id BIGINT); CREATE TABLE probe (id BIGINT)"}}};
	const struct store_schema more = {.migrations = broken, .migrations_n = 1};
	struct err e = ERR_INIT;
	struct store_conn *c = NULL;
	const struct store_ops *ops;
	struct store_target t = {.create = true, .who = "test", .schema = {&store_schema, &more}};
	int version;
	site_close(s);
	check_ok(store__backend(s->address, &ops, &t.address, &e), &e);
	site_sql(s, "DELETE FROM schema_version WHERE version > 8999");
	check_ok(ops->open(&t, true, &c, &e), &e);
	check(store__migrate(c, &t, 0, 0, &version, &e) < 0);
	check_has(e.text, "migration 9500 \"broken\"");
	check_eq_i(ops->has_table(c, "half", &e), 0);
	check_eq_i(ops->has_table(c, "probe", &e), 1);
	ops->close(&c);
}

ON_BOTH(a_wrong_statement_stops_the_start)
{
	static const struct store_statement typo = {.name = "typo",
	        .where = "typo.sql:3",
	        .kind = STORE_DO,
	        .index = 0, /* set below: behind the program's own */
	        .text = {"DELETE FROM no_such_table", "DELETE FROM no_such_table"}};
	struct store_statement moved = typo;
	const struct store_statement *const list_[] = {&moved};
	struct store_schema more = {.first = store_schema.statements_n,
	        .statements = list_,
	        .statements_n = 1,
	        .migrations = probe_schema.migrations,
	        .migrations_n = probe_schema.migrations_n};
	struct err e = ERR_INIT;
	moved.index = more.first;
	site_close(s);
	check_err(store__open(&s->o, &more, &s->st, &e), ERR_BUG);
	check_eq_s(e.where, "typo.sql:3");
	check_has(e.text, "no_such_table");
}

ON_BOTH(the_trace_does_as_what_it_stands_before)
{
	struct err e = ERR_INIT;
	s->o.trace = true;
	check(site_open(s));
	check_ok(put(s, 1, "a", 1, &e), &e);
	check_err(put(s, 1, "a", 1, &e), ERR_CONFLICT);
	check_eq_i(count(s), 1);
}

/* ---- backup ---- */

static void progress(void *ctx, int64_t done, int64_t total)
{
	int64_t *last = ctx;
	check(done <= total);
	*last = done;
}

static int no_findings(struct site *s)
{
	struct err e = ERR_INIT;
	int rc = store_check(s->st, NULL, NULL, &e);
	check(rc >= 0);
	return rc;
}

ON_BOTH(a_backup_restored_is_the_same_store)
{
	struct err e = ERR_INIT;
	int64_t told = -1;
	struct site to;
	static const char data[] = {'\\', 0, '\n', '\t'};
	struct values v = {{2, STR_LIT("tab\t \\N \\. 鹤\nline"), INT64_MAX, -1e100, {data, 4}, true}};
	const char *path = test_path(s->postgres ? "copy.backup" : "copy.db");
	check_ok(put(s, 1, "a", TIME_NONE, &e), &e);
	check_ok(store_write(s->st, "values", values_write, &v, &e), &e);
	append(s, "probe.made", "probe", "1", "32", 1, "{\"x\":1}");
	check_ok(store_backup(s->st, path, progress, &told, &e), &e);
	check(told > 0);
	check_err(store_backup(s->st, path, NULL, NULL, &e), ERR_CONFLICT);
	check_eq_i(no_findings(s), 0);
	/* Onto a store that holds something: refused. */
	struct store_options same = s->o;
	check_err(store__restore(&same, &probe_schema, path, &e), ERR_CONFLICT);

	site_init(&to, s->postgres);
	if (!s->postgres) {
		free(to.address);
		to.address = xasprintf("sqlite:%s", test_path("restored.db"));
		to.o.address = to.address;
	}
	check_ok(store__restore(&to.o, &probe_schema, path, &e), &e);
	if (check(site_open(&to))) {
		struct store_tx *tx = NULL;
		struct journal_verdict j;
		struct sql_probe_get_row row = get(&to, 2, &tx);
		check_str(row.name, "tab\t \\N \\. 鹤\nline");
		check_eq_i(row.n, INT64_MAX);
		check_eq_d(row.x, -1e100);
		check_eq_mem(row.data.p, data, 4);
		store_read_end(&tx);
		check_eq_i(count(&to), 2);
		check_ok(journal_verify(to.st, &j, &e), &e);
		check_eq_i(j.entries, 1);
		check_eq_i(j.bad_seq, 0);
		/* It goes on from there. */
		append(&to, "probe.made", "probe", "2", "32", 1, "{}");
		check_ok(journal_verify(to.st, &j, &e), &e);
		check_eq_i(j.entries, 2);
		check_eq_i(j.bad_seq, 0);
	}
	site_fini(&to);
}

ON_BOTH(a_damaged_backup_is_refused)
{
	struct err e = ERR_INIT;
	struct site to;
	const char *path = test_path("copy");
	for (int i = 0; i < 200; i++) {
		char name[16];
		snprintf(name, sizeof(name), "name %d", i);
		check_ok(put(s, i, name, 100 + i, &e), &e);
	}
	check_ok(store_backup(s->st, path, NULL, NULL, &e), &e);
	FILE *f = fopen(path, "r+");
	fseek(f, 0, SEEK_END);
	long end = ftell(f);
	/* SQLite: into the middle of a page's cells; PostgreSQL: a letter anywhere. */
	if (s->postgres) {
		fseek(f, end / 2, SEEK_SET);
		fputc('#', f);
	} else {
		for (long at = 4096; at < end; at += 4096) {
			fseek(f, at, SEEK_SET);
			fwrite("\xff\xff\xff\xff\xff\xff\xff\xff", 1, 8, f);
		}
	}
	fclose(f);
	site_init(&to, s->postgres);
	if (!s->postgres) {
		free(to.address);
		to.address = xasprintf("sqlite:%s", test_path("restored.db"));
		to.o.address = to.address;
	}
	check_err(store__restore(&to.o, &probe_schema, path, &e), ERR_CORRUPT);
	check_err(store__restore(&to.o, &probe_schema, test_path("none"), &e), ERR_NOTFOUND);
	f = fopen(test_path("noise"), "w");
	fputs("noise", f);
	fclose(f);
	check_err(store__restore(&to.o, &probe_schema, test_path("noise"), &e), ERR_INVALID);
	site_fini(&to);
}

/* ---- bulk ---- */

struct watched {
	struct site *s;
	int64_t id;
	int64_t noted; /* what PostgreSQL notes of the transaction to keep it serializable */
};

static int watched_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct watched *w = arg;
	struct sql_probe_get_row row = {0};
	char name[24];
	struct sql_probe_put_in in = {w->id, STR_NULL, 1, 1, STR_LIT(""), true};
	int rc = sql_probe_get(tx, &(struct sql_probe_get_in){1}, &row, e);
	snprintf(name, sizeof(name), "%lld", (long long)w->id);
	in.name = str_of(name);
	if (rc >= 0)
		rc = sql_probe_put(tx, &in, NULL, e);
	if (w->s->postgres)
		w->noted = site_number(w->s,
		        "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
		        " WHERE l.mode = 'SIReadLock' AND a.application_name = '%s' AND EXISTS (SELECT 1"
		        " FROM pg_locks v WHERE v.pid = l.pid AND v.locktype = 'virtualxid'"
		        " AND v.virtualtransaction = l.virtualtransaction)", /* not of one that is over */
		        w->s->schema);
	return rc < 0 ? rc : 0;
}

static void *bulk_main(void *arg)
{
	struct watched *w = arg;
	struct err e = ERR_INIT;
	for (int i = 0; i < 20; i++) {
		struct watched one = {w->s, w->id + i, 0};
		check_ok(i % 3 == 0 ? store_write_bulk(w->s->st, "bulk", watched_write, &one, &e)
		                    : store_write(w->s->st, "single", watched_write, &one, &e),
		        &e);
	}
	return NULL;
}

ON_BOTH(a_bulk_write_is_alone_and_not_watched)
{
	struct watched usual = {s, 1, 0}, bulk = {s, 2, 0}, many[4];
	struct err e = ERR_INIT;
	pthread_t t[ARRAY_LEN(many)];
	check_ok(store_write(s->st, "usual", watched_write, &usual, &e), &e);
	check_ok(store_write_bulk(s->st, "bulk", watched_write, &bulk, &e), &e);
	check(!s->postgres || usual.noted > 0);
	check_eq_i(bulk.noted, 0);
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = (struct watched){s, 100 * ((int64_t)i + 1), 0};
		must(pthread_create(&t[i], NULL, bulk_main, &many[i]) == 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		pthread_join(t[i], NULL);
	check_eq_i(count(s), 2 + 4 * 20);
}

/* ---- many at once ---- */

struct crowd {
	int mode;
	int64_t found, sum;
};

static int put_one(struct store_tx *tx, int64_t id, int64_t n, struct err *e)
{
	char name[24];

	snprintf(name, sizeof(name), "row %lld", (long long)id);
	return sql_probe_put(tx, &(struct sql_probe_put_in){id, str_of(name), n, 1, STR_NULL, true}, NULL, e);
}

/* 1,000 rows that nobody waits for, more than are on their way at once, with questions among them. */
static int crowd_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct crowd *c = arg;
	struct sql_probe_get_in in[700];
	struct sql_probe_get_row row;
	int64_t changed = 0;
	int rc = 0;

	c->found = c->sum = 0;
	store_later(tx);
	for (int64_t id = 1; id <= 1000 && rc == 0; id++)
		rc = put_one(tx, id, id == 500 && c->mode == 1 ? 13 : 2 * id, e); /* 13: CHECK says no */
	if (rc == 0 && c->mode == 2) /* the last that is sent fails: only the end can tell */
		return put_one(tx, 1000, 1, e);
	for (size_t i = 0; i < ARRAY_LEN(in); i++)
		in[i].id = 600 + (int64_t)i; /* the last 299 are not there */
	if (rc == 0)
		rc = sql_probe_get_ahead(tx, in, ARRAY_LEN(in), e);
	/* Answers are those of before: that is what was asked for. */
	if (rc == 0)
		rc = sql_probe_add(tx, &(struct sql_probe_add_in){1, 1}, &changed, e);
	if (rc == 0)
		check_eq_i(changed, 1);
	for (size_t i = 0; i < ARRAY_LEN(in) && rc >= 0; i++) {
		rc = sql_probe_get(tx, &in[i], &row, e);
		c->found += rc > 0;
		c->sum += rc > 0 ? row.n : 0;
		if (rc > 0 && row.id == 777)
			check_str(row.name, "row 777");
	}
	if (rc >= 0) { /* one that was not asked ahead */
		rc = sql_probe_get(tx, &(struct sql_probe_get_in){1}, &row, e);
		check_eq_i(rc, 1);
		check_eq_i(row.n, 3);
	}
	return rc;
}

ON_BOTH(many_at_once_are_what_one_by_one_would_be)
{
	struct err e = ERR_INIT;
	struct crowd c = {0};

	c.mode = 1;
	check_err(store_write(s->st, "a crowd", crowd_write, &c, &e), ERR_INVALID);
	check_eq_i(count(s), 0);
	c.mode = 2;
	e = (struct err)ERR_INIT;
	check_err(store_write(s->st, "a crowd", crowd_write, &c, &e), ERR_CONFLICT);
	check_eq_s(e.field, "probe");
	check_eq_i(count(s), 0);
	c.mode = 0;
	check_ok(store_write(s->st, "a crowd", crowd_write, &c, &e), &e);
	check_eq_i(count(s), 1000);
	check_eq_i(c.found, 401);
	check_eq_i(c.sum, 401 * 1600);
	/* The next write waits for each again. */
	check_err(put(s, 5, "row", 1, &e), ERR_CONFLICT);
	check_eq_i(count(s), 1000);
}

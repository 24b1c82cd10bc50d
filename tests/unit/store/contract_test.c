/* What every backend must do: the same tests on both. */
#include "site.h"

#include <math.h>

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
	check_eq_d(row.x, 0.0);
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

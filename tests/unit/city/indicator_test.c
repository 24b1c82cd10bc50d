#include "mini.h"

#include <math.h>

static struct indicator_value value_of(struct mini *m, const char *code, const char *unit)
{
	struct indicator_value *v = NULL, out = {.value = -1, .previous = -1};
	struct store_tx *tx = NULL;
	int n = 0;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return out;
	check_ok(
	        indicator_values(tx, m->s, &who_system, NULL, unit, "2026-07-01", "2026-07-31", &v, &n, NULL),
	        NULL);
	for (int i = 0; i < n; i++)
		if (strcmp(v[i].def->code, code) == 0)
			out = v[i];
	store_read_end(&tx);
	return out;
}

static void close_one(struct mini *m, const char *thing)
{
	int64_t id = mini_case(m, "gas", thing);

	check_ok(mini_do(m, id, "done", &m->worker), NULL);
	check_ok(mini_do(m, id, "pass", &m->desk), NULL);
	check_ok(mini_do(m, id, "close", &m->desk), NULL);
}

MINI(an_indicator_moves_when_a_case_closes, false)
{
	int64_t late;

	check_eq_d(value_of(m, "on-time", NULL).value, NAN);
	close_one(m, "S-1");
	check_eq_d(value_of(m, "on-time", NULL).value, 100);
	check_eq_d(value_of(m, "on-time", "1002").value, NAN);
	late = mini_case(m, "gas", "S-2");
	clock_set(m->s->clock, mini_at("2026-07-15T08:00:00+08:00"));
	check_ok(mini_do(m, late, "done", &m->worker), NULL);
	check_ok(mini_do(m, late, "pass", &m->desk), NULL);
	check_ok(mini_do(m, late, "close", &m->desk), NULL);
	check_eq_d(value_of(m, "on-time", NULL).value, 50);
	check_eq_d(value_of(m, "on-time", "1001").value, 100);
	check_eq_d(value_of(m, "on-time", "1002").value, 0);
	check_eq_d(value_of(m, "returned", NULL).value, 0);
	check_eq_d(value_of(m, "returned", NULL).previous, NAN);
}

MINI(an_indicator_by_day, false)
{
	struct indicator_value *v = NULL;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0;

	close_one(m, "S-1");
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check_ok(indicator_days(
	                 tx, m->s, &who_system, "on-time", NULL, "2026-07-13", "2026-07-15", &v, &n, &e),
	        &e);
	if (check_eq_i(n, 3)) {
		check_eq_d(v[0].value, NAN);
		check_eq_s(v[1].from, "2026-07-14");
		check_eq_d(v[1].value, 100);
		check_eq_d(v[2].previous, 100);
	}
	check_err(indicator_days(tx, m->s, &who_system, "no", NULL, "2026-07-13", "2026-07-15", &v, &n, &e),
	        ERR_NOTFOUND);
	check_err(indicator_days(
	                  tx, m->s, &who_system, "on-time", NULL, "2026-07-15", "2026-07-13", &v, &n, &e),
	        ERR_INVALID);
	check_err(indicator_days(tx, m->s, &who_system, "on-time", NULL, "x", "2026-07-13", &v, &n, &e),
	        ERR_INVALID);
	store_read_end(&tx);
}

/* ---- in SQL ---- */

static int values_as(struct mini *m, const struct who *who, const char *code, const char *unit,
        struct indicator_value *out)
{
	struct indicator_value *v = NULL;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return 0;
	check_ok(indicator_values(tx, m->s, who, code, unit, "2026-07-14", "2026-07-14", &v, &n, &e), &e);
	if (n > 0)
		*out = v[0];
	if (n > 0 && v[0].trouble != NULL)
		out->trouble = arena_memdup(m->a, v[0].trouble, sizeof(*v[0].trouble));
	store_read_end(&tx);
	return n;
}

MINI(an_indicator_is_asked_of_views, false)
{
	struct indicator_value v = {.def = NULL};

	close_one(m, "S-1");
	check_eq_i(values_as(m, &who_system, "handled", NULL, &v), 1);
	check_eq_d(v.value, 1);
	check_eq_d(v.previous, 0);
	check_eq_i(values_as(m, &who_system, "handled", "1002", &v), 1);
	check_eq_d(v.value, 0);
	/* How things stand has no yesterday. */
	check_eq_i(values_as(m, &who_system, "firms", NULL, &v), 1);
	check_eq_d(v.value, 0);
	check_eq_d(v.previous, NAN);
	check_eq_i(values_as(m, &who_system, "words", NULL, &v), 1);
	check_eq_d(v.value, NAN);
	check_has(v.trouble != NULL ? v.trouble->text : "", "answers with a number");
}

MINI(an_indicator_of_a_hidden_kind_is_not_there, false)
{
	struct who low = m->viewer;
	struct indicator_value v = {.def = NULL}, *day = NULL;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0;

	check_eq_i(values_as(m, &low, "informers", NULL, &v), 1);
	low.scope.clearance = 2;
	check_eq_i(values_as(m, &low, "informers", NULL, &v), 0);
	check_eq_i(values_as(m, &low, NULL, NULL, &v), m->s->catalog->indicators - 1);
	if (!check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return;
	check_err(indicator_days(tx, m->s, &low, "informers", NULL, "2026-07-14", "2026-07-14", &day, &n, &e),
	        ERR_NOTFOUND);
	store_read_end(&tx);
}

MINI(an_indicator_in_sql_by_day, false)
{
	struct indicator_value *v = NULL;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0;

	close_one(m, "S-1");
	if (!check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return;
	check_ok(indicator_days(
	                 tx, m->s, &who_system, "handled", NULL, "2026-07-13", "2026-07-15", &v, &n, &e),
	        &e);
	check_eq_i(n, 3);
	check_eq_d(v[0].value, 0);
	check_eq_d(v[1].value, 1);
	check_eq_d(v[1].previous, 0);
	check_eq_d(v[2].value, 0);
	check_ok(indicator_days(tx, m->s, &who_system, "firms", NULL, "2026-07-13", "2026-07-14", &v, &n, &e),
	        &e);
	check_eq_d(v[1].value, NAN);
	store_read_end(&tx);
}

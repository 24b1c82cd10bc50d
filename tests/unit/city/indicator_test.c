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

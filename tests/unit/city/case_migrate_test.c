/* Open cases go on with another version of their flow, each by itself; who cannot says why. */
#include "mini.h"

struct told {
	int moved, could, cannot;
	char why[400];
};

static void tell(void *ctx, const struct case_move *x)
{
	struct told *t = ctx;

	t->moved += x->moved;
	t->could += *x->why == '\0' && !x->moved;
	t->cannot += *x->why != '\0';
	if (*x->why != '\0')
		snprintf(t->why, sizeof t->why, "%s", x->why);
}

static struct told migrate(struct mini *m, const char *renamed, bool look)
{
	struct feel_value map = {.type = FEEL_CONTEXT};
	const struct case_migration x = {.flow = "handling", .renamed = &map, .look = look};
	struct told t = {0};
	struct err e = ERR_INIT;

	if (renamed != NULL)
		check_ok(feel_read_json(m->a, str_of(renamed), &map, &e), &e);
	check_ok(case_migrate(m->s, &x, &who_system, m->a, tell, &t, &e), &e);
	return t;
}

MINI(cases_go_on_with_the_new_version, false)
{
	int64_t id = mini_case(m, "gas", "S-1"), late = mini_case(m, "cover", "S-2");
	struct told t;

	check_ok(mini_do(m, id, "done", &m->east), NULL);
	mini_flow(m, "\"verify\" name=\"核查\"", "\"verify\" name=\"复查\"");
	check_eq_i(mini_get(m, id).flow_version, 1);
	check_eq_i(migrate(m, NULL, true).could, 2);
	check_eq_i(mini_get(m, id).flow_version, 1);
	t = migrate(m, NULL, false);
	check_eq_i(t.moved, 2);
	check_eq_i(t.cannot, 0);
	check_eq_i(mini_get(m, id).flow_version, 2);
	check_eq_s(mini_get(m, id).task_name, "复查");
	check_has(mini_history(m, id), "migrated");
	check_has(mini_kinds(m, "case."), "migrated");
	check_eq_i(migrate(m, NULL, false).moved, 0); /* they have it */
	mini_again(m, false);
	check_ok(mini_do(m, id, "pass", &m->desk), NULL);
	check_ok(mini_do(m, id, "close", &m->desk), NULL);
	check_eq_s(mini_get(m, id).state, "closed");
	check_ok(mini_do(m, late, "done", &m->worker), NULL);
	check_eq_s(mini_get(m, late).task_name, "复查");
}

MINI(an_element_that_is_gone_keeps_the_case_where_it_is, false)
{
	int64_t id = mini_case(m, "gas", "S-1"), other = mini_case(m, "cover", "S-2");
	struct told t;

	check_ok(mini_do(m, id, "done", &m->east), NULL);
	mini_flow(m, "\"verify\"", "\"recheck\"");
	t = migrate(m, NULL, false);
	check_eq_i(t.moved, 1);
	check_eq_i(t.cannot, 1);
	check_eq_s(t.why, "verify: the new version has no such element");
	check_eq_i(mini_get(m, id).flow_version, 1);
	check_eq_i(mini_get(m, other).flow_version, 2);
	t = migrate(m, "{\"verify\":\"recheck\"}", false);
	check_eq_i(t.moved, 1);
	check_eq_i(mini_get(m, id).flow_version, 2);
	check_ok(mini_do(m, id, "pass", &m->desk), NULL);
	check_ok(mini_do(m, id, "close", &m->desk), NULL);
}

MINI(there_must_be_such_a_flow_and_version, false)
{
	struct case_migration x = {.flow = "nothing"};
	struct told t = {0};

	check_err(case_migrate(m->s, &x, &who_system, m->a, tell, &t, NULL), ERR_NOTFOUND);
	x = (struct case_migration){.flow = "handling", .to = 7};
	check_err(case_migrate(m->s, &x, &who_system, m->a, tell, &t, NULL), ERR_NOTFOUND);
}

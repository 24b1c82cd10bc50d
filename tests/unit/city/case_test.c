#include "mini.h"

#include "base/fault.h"

#include <math.h>
#include <pthread.h>

MINI(a_case_goes_its_whole_way, false)
{
	int64_t id = mini_case(m, "gas", "S-1");
	struct city_case c = mini_get(m, id);

	check_eq_s(c.code, "AJ-20260714-0001");
	check_eq_s(c.stage, "handle");
	check_eq_s(c.org, "works-1001"); /* the branch of the place */
	check_eq_s(c.unit, "1001");
	check_eq_i(c.level, 2);
	check_eq_i(c.deadline, mini_at("2026-07-14T10:00:00+08:00"));
	check_ok(mini_do(m, id, "claim", &m->east), NULL);
	check_eq_s(mini_get(m, id).assignee, "east");
	check_ok(mini_do(m, id, "done", &m->east), NULL);
	check_eq_s(mini_get(m, id).stage, "verify");
	check_eq_i(mini_measure(m, "finished_on_time"), 1);
	check_ok(mini_do(m, id, "reject", &m->desk), NULL);
	c = mini_get(m, id);
	check_eq_s(c.stage, "handle");
	check(c.finished == TIME_NONE);
	check_eq_i(mini_measure(m, "finished_on_time"), 0);
	check_ok(mini_do(m, id, "done", &m->worker), NULL); /* from above the branch, claims by doing */
	check_ok(mini_do(m, id, "pass", &m->desk), NULL);
	check_ok(mini_do(m, id, "close", &m->desk), NULL);
	c = mini_get(m, id);
	check_eq_s(c.state, "closed");
	check_eq_s(c.stage, "");
	check_eq_i(mini_measure(m, "opened"), 1);
	check_eq_i(mini_measure(m, "closed"), 1);
	check_eq_i(mini_measure(m, "closed_on_time"), 1);
	check_eq_s(mini_kinds(m, "case."), "opened task_opened claimed completed task_opened completed "
	                                   "task_opened completed task_opened completed task_opened "
	                                   "completed closed");
	check_eq_s(mini_history(m, id), "opened decided claimed completed completed completed completed "
	                                "completed closed");
	check_err(mini_do(m, id, "claim", &m->desk), ERR_STATE);
	check_ok(mini_do(m, id, "note", &m->worker), NULL);
}

MINI(returned_and_sent_elsewhere_or_voided, false)
{
	int64_t id = mini_case(m, "cover", "S-2");
	struct case_act act = {.id = id};

	check_eq_s(mini_get(m, id).org, "works"); /* the west has no branch */
	check_ok(mini_do(m, id, "returned", &m->worker), NULL);
	check_eq_s(mini_get(m, id).stage, "dispatch");
	check_eq_i(mini_measure(m, "returned"), 1);
	check_err(case_complete(m->s, &act, "dispatch", STR_LIT("{\"org\":\"nobody\"}"), &m->desk, NULL),
	        ERR_INVALID);
	check_err(case_complete(m->s, &act, "dispatch", STR_LIT("[1"), &m->desk, NULL), ERR_INVALID);
	check_err(case_complete(m->s, &act, "fly", STR_NULL, &m->desk, NULL), ERR_INVALID);
	check_ok(case_complete(m->s, &act, "dispatch", STR_LIT("{\"org\":\"water\"}"), &m->desk, NULL), NULL);
	check_eq_s(mini_get(m, id).org, "water");
	check_ok(mini_do(m, id, "returned", &m->water), NULL);
	check_ok(mini_do(m, id, "void", &m->desk), NULL);
	check_eq_s(mini_get(m, id).state, "void");
	check_eq_i(mini_measure(m, "closed"), 0);
}

/* Who may do what in which state: the words that a reader sees, and what the functions then really do. */
LONG_MINI(every_action_by_everybody_in_every_state, false)
{
	static const char *const all[] = {
	        "claim", "release", "hand_over", "note", "done", "returned", "pass", "reject", "close"};
	const struct {
		const char *to; /* steps that lead there, by the part that does them */
		const char *want[6];
	} states[] = {
	        {"", {"claim hand_over done returned note", "claim hand_over done returned note",
	                     "claim hand_over done returned note", "note", "note", ""}},
	        {"e:claim", {"release hand_over note", "note", "release hand_over done returned note", "note",
	                            "note", ""}},
	        {"d:claim", {"release hand_over done returned note", "note", "note", "note", "note", ""}},
	        {"e:done", {"claim hand_over pass reject note", "note", "note", "note", "note", ""}},
	        {"e:done d:pass", {"claim hand_over close note", "note", "note", "note", "note", ""}},
	        {"e:done d:pass d:close", {"note", "note", "note", "note", "note", ""}},
	};
	const struct who *who[] = {&m->desk, &m->worker, &m->east, &m->water, &m->leader, &m->viewer};

	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		for (size_t w = 0; w < ARRAY_LEN(who); w++)
			for (size_t k = 0; k <= ARRAY_LEN(all); k++) {
				int64_t id = mini_case(m, "gas", "S-1");
				struct str steps = str_of(states[i].to), want = str_of(states[i].want[w]);
				bool may = false;
				int rc;

				while (steps.p != NULL && steps.n > 0) {
					struct str step = str_cut(&steps, ' ');

					check_ok(mini_do(m, id, arena_strndup(m->a, step.p + 2, step.n - 2),
					                 step.p[0] == 'e' ? &m->east : &m->desk),
					        NULL);
				}
				if (k == ARRAY_LEN(all)) {
					check_eq_s(mini_actions(m, id, who[w]), states[i].want[w]);
					continue;
				}
				while (want.p != NULL && want.n > 0)
					may = str_is(str_cut(&want, ' '), all[k]) || may;
				rc = mini_do(m, id, all[k], who[w]);
				if ((rc == 0) != may)
					check_fail("after \"%s\" %s %s gave %s", states[i].to, who[w]->login,
					        all[k], rc == 0 ? "success" : err_name(rc));
			}
}

struct racer {
	struct mini *m;
	int64_t id;
	const struct who *who;
	int rc;
	struct err e;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	const struct case_act act = {.id = r->id, .task = (uint32_t)mini_get(r->m, r->id).task};

	r->rc = case_claim(r->m->s, &act, r->who, &r->e);
	return NULL;
}

MINI(of_two_at_once_one_hears_who_was_faster, false)
{
	int64_t id = mini_case(m, "gas", "S-1");
	struct racer r[2] = {{.m = m, .id = id, .who = &m->worker}, {.m = m, .id = id, .who = &m->desk}};
	struct case_act old = {.id = id, .version = mini_get(m, id).version};
	pthread_t t;
	int loser;

	pthread_create(&t, NULL, race, &r[0]);
	pthread_join(t, NULL);
	race(&r[1]);
	loser = r[0].rc == 0 ? 1 : 0;
	check_ok(r[1 - loser].rc, &r[1 - loser].e);
	check_err(r[loser].rc, ERR_STATE);
	check_has(r[loser].e.text, r[1 - loser].who->login);
	check_err(case_note(m->s, &(struct case_act){.id = id, .version = old.version, .note = "x"}, &m->desk,
	                  NULL),
	        ERR_CONFLICT);
}

MINI(working_time_passes_over_weekend_and_holiday, false)
{
	int64_t id;

	clock_set(m->s->clock, mini_at("2026-07-17T16:30:00+08:00")); /* Friday; Monday is a holiday */
	id = mini_case(m, "cover", "S-1");
	check_eq_i(mini_get(m, id).deadline, mini_at("2026-07-21T12:00:00+08:00"));
	check_eq_s(mini_get(m, id).code, "AJ-20260717-0001");
}

MINI(the_deadline_passes_once, false)
{
	int64_t id = mini_case(m, "gas", "S-1");
	time_us next = TIME_NONE;
	int fired = -1;

	check_ok(case_timers(m->s, clock_now(m->s->clock), 10, &fired, &next, NULL), NULL);
	check_eq_i(fired, 0);
	check_eq_i(next, mini_at("2026-07-14T10:00:00+08:00"));
	clock_set(m->s->clock, next);
	mini_again(m, false);
	check_ok(case_timers(m->s, next, 10, &fired, &next, NULL), NULL);
	check_eq_i(fired, 2); /* the case's own, and the boundary event of the flow */
	check(next == TIME_NONE);
	mini_again(m, false);
	check_ok(case_timers(m->s, clock_now(m->s->clock), 10, &fired, &next, NULL), NULL);
	check_eq_i(fired, 0);
	check(mini_get(m, id).overdue);
	check_eq_i(mini_measure(m, "overdue"), 1);
	check_eq_s(mini_kinds(m, "case."), "opened task_opened overdue escalated");
	check_ok(mini_do(m, id, "done", &m->east), NULL);
	check_eq_i(mini_measure(m, "finished"), 1);
	check_eq_i(mini_measure(m, "finished_on_time"), 0);
}

MINI(what_cannot_be_decided_goes_to_the_desk, false)
{
	struct case_open in = {.title = "说不清",
	        .source = "manual",
	        .at = {NAN, NAN},
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE};
	struct err e = ERR_INIT;
	int64_t id = 0;

	check_ok(case_open(m->s, &in, &m->desk, &id, &e), &e);
	check_eq_s(mini_get(m, id).org, "centre");
	check_eq_s(mini_get(m, id).category, "other");
	in.category = "nothing";
	check_err(case_open(m->s, &in, &m->desk, &id, &e), ERR_INVALID);
	check_eq_s(e.field, "category");
	in.category = "gas";
	in.title = "";
	check_err(case_open(m->s, &in, &m->desk, &id, &e), ERR_INVALID);
	check_eq_s(e.field, "title");
	in.title = "x";
	in.thing = "S-9";
	check_err(case_open(m->s, &in, &m->desk, &id, &e), ERR_INVALID);
	check_err(case_open(m->s, &in, &m->worker, &id, &e), ERR_DENIED);
}

MINI(lists_by_pages_and_scopes, false)
{
	const char *const east[] = {"1001", NULL};
	struct who narrow = m->viewer;
	struct case_filter f = {.state = "open", .limit = 2, .after_deadline = TIME_NONE};
	struct city_case *c = NULL;
	struct case_counts counts;
	struct unit_row *unit = NULL;
	struct store_tx *tx = NULL;
	const char **open, **taken, *xml;
	int64_t first;
	int n;

	narrow.scope.regions = east;
	first = mini_case(m, "cover", "S-1");
	mini_case(m, "gas", "S-2");
	mini_case(m, "gas", "S-1");
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check_ok(case_list(tx, m->s, &m->viewer, &f, &c, &n, NULL), NULL);
	if (check_eq_i(n, 2)) {
		check_eq_s(c[0].code, "AJ-20260714-0002");
		f.after_deadline = c[1].deadline;
		f.after_id = c[1].id;
		check_ok(case_list(tx, m->s, &m->viewer, &f, &c, &n, NULL), NULL);
		if (check_eq_i(n, 1))
			check_eq_i(c[0].id, first);
	}
	f = (struct case_filter){.limit = 10, .q = "0714-0003"};
	check_ok(case_list(tx, m->s, &narrow, &f, &c, &n, NULL), NULL);
	check_eq_i(n, 1);
	f.q = "_";
	check_ok(case_list(tx, m->s, &narrow, &f, &c, &n, NULL), NULL);
	check_eq_i(n, 0);
	f = (struct case_filter){.limit = 10, .region = "1002"};
	check_ok(case_list(tx, m->s, &m->viewer, &f, &c, &n, NULL), NULL);
	if (check_eq_i(n, 1))
		check_err(case_get(tx, m->s, &narrow, c[0].id, &c[0], NULL), ERR_NOTFOUND);
	check_ok(case_counts(tx, m->s, &narrow, &counts, NULL), NULL);
	check_eq_i(counts.open, 2);
	check_eq_i(counts.to_claim, 2);
	check_eq_i(counts.opened_today, 2);
	check_ok(case_units(tx, m->s, &m->viewer, &unit, &n, NULL), NULL);
	if (check_eq_i(n, 2))
		check_eq_i(unit[0].open, 2);
	check_ok(case_picture(tx, m->s, &m->viewer, first, &open, &taken, &xml, NULL), NULL);
	check_eq_s(open[0], "handle");
	check_eq_s(taken[1], "dispatched");
	store_read_end(&tx);
}

MINI(handed_over_and_back, false)
{
	int64_t id = mini_case(m, "gas", "S-1");
	struct case_act act = {.id = id};

	check_err(case_hand_over(m->s, &act, NULL, "water", &m->east, NULL), ERR_INVALID);
	check_err(case_hand_over(m->s, &act, "nobody", NULL, &m->east, NULL), ERR_INVALID);
	check_err(case_hand_over(m->s, &act, NULL, NULL, &m->east, NULL), ERR_INVALID);
	check_ok(case_hand_over(m->s, &act, NULL, "works", &m->east, NULL), NULL);
	check_eq_s(mini_get(m, id).org, "works");
	check_ok(mini_do(m, id, "done", &m->worker), NULL);
	check_ok(mini_do(m, id, "reject", &m->desk), NULL);
	check_eq_s(mini_get(m, id).org, "works"); /* rework goes to whom it was handed */
}

#include "mini.h"

#include <math.h>

static int alarms(struct mini *m, bool open, struct alarm *first)
{
	const struct alarm_filter f = {.open = open, .limit = 100};
	struct store_tx *tx = NULL;
	struct alarm *list = NULL;
	int n = -1;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return -1;
	check_ok(alarm_list(tx, &who_system, &f, &list, &n, NULL), NULL);
	if (n > 0 && first != NULL) {
		*first = list[0];
		first->summary = arena_strdup(m->a, first->summary);
		first->rule = arena_strdup(m->a, first->rule);
		first->region = arena_strdup(m->a, first->region);
	}
	store_read_end(&tx);
	return n;
}

MINI(a_leak_fires_at_once_and_opens_a_case, true)
{
	struct alarm al = {0};
	struct city_case c;

	mini_reading(m, "ch4", "S-1", 5);
	check_eq_i(alarms(m, true, NULL), 0);
	mini_reading(m, "ch4", "S-1", 25);
	check(alarms(m, true, &al) >= 1);
	check_eq_s(mini_get(m, 0).category, "gas");
	c = mini_get(m, 0);
	check_eq_s(c.org, "works-1001");
	check_eq_i(c.level, 1);
	check_eq_s(c.title, "一号井 甲烷 25.0");
	check(c.demo);
	check_eq_i(c.merged, 1);
	mini_reading(m, "ch4", "S-1", 26);
	check_eq_i(mini_measure(m, "alarms"), 1);
	mini_again(m, true);
	check_ok(site_settle(m->s, NULL), NULL);
	check_eq_i(mini_measure(m, "alarms"), 1);
	check_eq_i(mini_measure(m, "opened"), 1);
	check_eq_s(mini_kinds(m, "alarm."), "firing");
}

MINI(pending_firing_kept_resolved_and_joined, true)
{
	struct alarm al = {0};

	mini_reading(m, "ch4", "S-1", 15);
	check_eq_i(alarms(m, true, &al), 1);
	check_eq_i(al.state, ALARM_PENDING);
	check_eq_i(mini_measure(m, "opened"), 0);
	mini_set(m, "2026-07-14T08:00:30+08:00");
	mini_reading(m, "ch4", "S-1", 16);
	check_eq_i(alarms(m, false, NULL), 0);
	mini_set(m, "2026-07-14T08:01:15+08:00");
	check_eq_i(alarms(m, true, &al), 1);
	check_eq_i(al.state, ALARM_FIRING);
	check_eq_i(al.level, 3);
	check_eq_s(al.region, "1001");
	check_eq_i(mini_measure(m, "opened"), 1);
	mini_reading(m, "ch4", "S-1", 30); /* the leak joins the case of the rise */
	check_eq_i(mini_measure(m, "opened"), 1);
	check_eq_i(mini_get(m, 0).merged, 2);
	check_eq_i(mini_get(m, 0).level, 1);
	mini_set(m, "2026-07-14T08:01:20+08:00");
	mini_reading(m, "ch4", "S-1", 2); /* the leak is over at once, the rise keeps firing */
	check_eq_i(alarms(m, true, &al), 1);
	check_eq_s(al.rule, "Rising");
	mini_set(m, "2026-07-14T08:03:40+08:00");
	check_eq_i(alarms(m, true, NULL), 0);
	check_eq_s(mini_get(m, 0).state, "open"); /* the case goes on */
	check_eq_s(mini_kinds(m, "alarm."), "firing firing resolved resolved");
	check_eq_s(mini_history(m, mini_get(m, 0).id), "opened decided joined alarm_resolved alarm_resolved");
}

MINI(a_pending_alert_that_ends_leaves_nothing, true)
{
	mini_reading(m, "ch4", "S-1", 15);
	mini_set(m, "2026-07-14T08:00:05+08:00");
	mini_reading(m, "ch4", "S-1", 1);
	check_eq_i(alarms(m, true, NULL), 0);
	check_eq_s(mini_kinds(m, "alarm."), "");
}

MINI(silence_ends_an_alarm_and_the_next_reading_fires_anew, true)
{
	mini_reading(m, "ch4", "S-1", 25);
	mini_set(m, "2026-07-14T08:10:00+08:00");
	mini_set(m, "2026-07-14T08:12:30+08:00");
	check_eq_i(alarms(m, true, NULL), 0);
	mini_reading(m, "ch4", "S-1", 25);
	check(alarms(m, true, NULL) >= 1);
	check_eq_i(mini_measure(m, "opened"), 1);
	check_eq_i(mini_measure(m, "alarms"), 2);
}

/* Acknowledged readings that a crash kept from the rules: the log's tail brings them, and only once. */
MINI(a_replay_finds_what_was_missed_and_doubles_nothing, false)
{
	struct label l[] = {{STR_LIT(LABEL_NAME), STR_LIT("ch4")}, {STR_LIT("thing"), STR_LIT("S-2")}};
	const struct labels ls = {l, 2};
	struct series_point p = {.t = clock_now(m->s->clock), .v = 40};

	check_ok(series_resolve(m->s->series, &ls, &p.id, NULL), NULL);
	check_ok(series_append(m->s->series, &p, 1, NULL), NULL);
	for (int i = 0; i < 3; i++) {
		mini_again(m, true);
		check_ok(site_settle(m->s, NULL), NULL);
		check_eq_i(mini_measure(m, "alarms"), 1);
	}
	mini_set(m, "2026-07-14T08:00:10+08:00");
	mini_reading(m, "ch4", "S-2", 1);
	check_eq_s(mini_kinds(m, "alarm."), "firing resolved");
	mini_again(m, true);
	check_ok(site_settle(m->s, NULL), NULL);
	check_eq_s(mini_kinds(m, "alarm."), "firing resolved");
}

MINI(old_news_starts_nothing, true)
{
	struct label l[] = {{STR_LIT(LABEL_NAME), STR_LIT("ch4")}, {STR_LIT("thing"), STR_LIT("S-1")}};
	const struct labels ls = {l, 2};
	struct series_point p[60];
	series_id id;

	check_ok(series_resolve(m->s->series, &ls, &id, NULL), NULL);
	for (int i = 0; i < 60; i++)
		p[i] = (struct series_point){id, clock_now(m->s->clock) - (70 - i) * US_MINUTE, 30};
	check_ok(series_append(m->s->series, p, 60, NULL), NULL);
	check_ok(site_settle(m->s, NULL), NULL);
	check_eq_s(mini_kinds(m, "alarm."), "");
}

MINI(timers_are_fired_by_the_rules_thread, true)
{
	int64_t id = mini_case(m, "gas", "S-1");

	mini_set(m, "2026-07-14T10:00:00+08:00");
	check(mini_get(m, id).overdue);
	check_eq_s(mini_kinds(m, "case."), "opened task_opened overdue escalated");
}

MINI(an_alarm_is_acknowledged_once, true)
{
	struct alarm al = {0};

	mini_reading(m, "ch4", "S-1", 25);
	check(alarms(m, true, &al) > 0);
	check_err(alarm_ack(m->s, al.id, &m->viewer, NULL), ERR_DENIED);
	check_err(alarm_ack(m->s, 1, &m->desk, NULL), ERR_NOTFOUND);
	check_ok(alarm_ack(m->s, al.id, &m->desk, NULL), NULL);
	check_ok(alarm_ack(m->s, al.id, &m->desk, NULL), NULL);
	check_eq_s(mini_kinds(m, "alarm.acked"), "");
	check(alarms(m, true, &al) > 0 && al.acked_by == 1);
}

MINI(rules_are_seen_with_their_state, true)
{
	struct rule_view *v = NULL;
	int n = 0;

	mini_reading(m, "ch4", "S-1", 25);
	mini_set(m, "2026-07-14T08:00:20+08:00");
	check_ok(rules_view(m->s->rules, m->a, &v, &n, NULL), NULL);
	if (check_eq_i(n, 2)) {
		check_eq_i(v[0].firing, 1);
		check_eq_i(v[1].pending, 1);
		check(v[0].last_eval != TIME_NONE);
		check_eq_s(v[0].error, "");
	}
}

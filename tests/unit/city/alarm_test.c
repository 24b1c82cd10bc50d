#include "city/case_int.h"
#include "mini.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

TEST(texts_of_annotations)
{
	struct label l[] = {{STR_LIT("thing"), STR_LIT("S-1")}, {STR_LIT("x"), STR_LIT("1536")}};
	const struct labels ls = {l, 2};
	const struct template_values v = {.labels = &ls, .value = 12.3456};
	struct arena *a = arena_new(0);

	check_eq_s(template__expand(a, "plain", &v), "plain");
	check_eq_s(template__expand(a, "{{ $labels.thing }}:{{$value}}", &v), "S-1:12.3456");
	check_eq_s(template__expand(a, "{{ $value | printf \"%.1f\" }}%", &v), "12.3%");
	check_eq_s(template__expand(a, "{{ printf \"%.2f\" $value }}", &v), "12.35");
	check_eq_s(template__expand(a, "{{ $labels.x | humanize }}", &v), "1.536k");
	check_eq_s(template__expand(a, "{{ $labels.x | humanizeDuration }}", &v), "25m36s");
	check_eq_s(template__expand(a, "{{ $value | humanizePercentage }}", &v), "1235%");
	check_eq_s(template__expand(a, "[{{ $labels.none }}{{ }}{{ end }}]", &v), "[]");
	check_eq_s(template__expand(a, "{{ $value", &v), "{{ $value");
	check_eq_s(template__expand(a, "{{ $thing.name }}", &v), "S-1");
	arena_free(&a);
}

TEST(branches_of_one_duty)
{
	check(org__related("works", "works-1001"));
	check(org__related("works-1001", "works"));
	check(!org__related("works-1001", "works-1002"));
	check(!org__related("works", "worksite"));
	check(!org__related("", "works"));
	check(org__same_duty("works-1001", "works-1002"));
	check(!org__same_duty("works", "water"));
	check(!org__same_duty("", ""));
}

struct told {
	struct site *s;
	struct alarm_event ev;
	int64_t id;
};

static int take(struct store_tx *tx, void *arg, struct err *e)
{
	struct told *t = arg;

	return alarm_take(tx, t->s, &t->ev, &t->id, e);
}

static struct told leak(struct mini *m, struct labels *ls, struct label l[2])
{
	l[0] = (struct label){STR_LIT("severity"), STR_LIT("1")};
	l[1] = (struct label){STR_LIT("thing"), STR_LIT("S-1")};
	*ls = (struct labels){l, 2};
	return (struct told){.s = m->s,
	        .ev = {.rule = &m->s->catalog->rule[0],
	                .labels = ls,
	                .state = ALARM_FIRING,
	                .value = 30,
	                .since = clock_now(m->s->clock),
	                .at = clock_now(m->s->clock)}};
}

MINI(an_event_told_again_changes_nothing, false)
{
	struct label l[2];
	struct labels ls;
	struct told t = leak(m, &ls, l);
	int64_t id;

	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	id = t.id;
	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	check_eq_i(t.id, id);
	t.ev.state = ALARM_RESOLVED;
	t.ev.at += US_MINUTE;
	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	t.ev.state = ALARM_FIRING; /* the firing of before, after its end */
	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	check_eq_i(t.id, id);
	check_eq_i(mini_measure(m, "alarms"), 1);
	check_eq_i(mini_get(m, 0).merged, 1);
	check_eq_s(mini_kinds(m, "alarm."), "firing resolved");
}

/* A site on which the program died between commit and answer holds the step whole, once. */
MINI(a_crash_after_the_commit_loses_and_doubles_nothing, false)
{
	struct label l[2];
	struct labels ls;
	struct told t;
	time_us now = clock_now(m->s->clock);
	int status;
	pid_t child;

	if (m->store != NULL) /* one folder, one process: the same on either store */
		return;
	site_close(&m->s);
	child = fork();
	if (child == 0) {
		const struct site_options o = {
		        .dir = test_path("site"), .clock = clock_new_manual(now), .node = 1};

		if (site_open(&o, &m->s, NULL) < 0)
			_exit(2);
		t = leak(m, &ls, l);
		if (store_write(m->s->store, "test", take, &t, NULL) < 0)
			_exit(3);
		_exit(0); /* nothing is closed */
	}
	check(waitpid(child, &status, 0) == child);
	check_eq_i(WEXITSTATUS(status), 0);
	{
		const struct site_options o = {
		        .dir = test_path("site"), .clock = clock_new_manual(now), .node = 1, .rules = true};

		if (!check_ok(site_open(&o, &m->s, NULL), NULL))
			return;
	}
	t = leak(m, &ls, l);
	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	check_eq_i(mini_measure(m, "opened"), 1);
	check_eq_i(mini_measure(m, "alarms"), 1);
	check_eq_s(mini_get(m, 0).stage, "handle");
	check_ok(mini_do(m, mini_get(m, 0).id, "done", &m->east), NULL);
}

MINI(alarms_by_hour_and_scope, false)
{
	const char *const west[] = {"1002", NULL};
	struct who narrow = m->viewer;
	struct label l[2];
	struct labels ls;
	struct told t = leak(m, &ls, l);
	struct store_tx *tx = NULL;
	struct alarm al;
	int count[8];

	narrow.scope.regions = west;
	check_ok(store_write(m->s->store, "test", take, &t, NULL), NULL);
	clock_set(m->s->clock, mini_at("2026-07-14T09:10:00+08:00"));
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check_ok(alarm_hours(tx, &m->viewer, 2, count, NULL), NULL);
	check_eq_i(count[0] + count[4], 1);
	check_ok(alarm_hours(tx, &narrow, 2, count, NULL), NULL);
	check_eq_i(count[0] + count[4], 0);
	check_ok(alarm_get(tx, &m->viewer, t.id, &al, NULL), NULL);
	check_err(alarm_get(tx, &narrow, t.id, &al, NULL), ERR_NOTFOUND);
	store_read_end(&tx);
}

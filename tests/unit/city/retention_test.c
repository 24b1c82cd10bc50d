/* Readings that go for their age, at their hour, and deletions that outlive a restart; selections as text. */
#include "mini.h"

#include "base/fault.h"
#include "city/removal.h"
#include "city/retention.h"

#define OLD "2026-06-01T08:00:00+08:00"

static void put(struct mini *m, const char *metric, const char *local, int n)
{
	struct label l[2] = {{STR_LIT("__name__"), str_of(metric)}, {STR_LIT("thing"), STR_LIT("S-1")}};
	struct labels ls = {l, 2};
	struct err e = ERR_INIT;
	series_id id = {0};

	check_ok(series_resolve(m->s->series, &ls, &id, &e), &e);
	for (int i = 0; i < n; i++) {
		struct series_point p = {id, mini_at(local) + i * 10 * US_SECOND, i};

		check_ok(series_append(m->s->series, &p, 1, &e), &e);
	}
}

static int64_t count(struct mini *m, const char *metric)
{
	struct series_selector x = {0};
	struct series_survey found = {0};
	struct err e = ERR_INIT;

	check_ok(selector_parse(m->a, str_of(metric), &x, &e), &e);
	check_ok(series_count(m->s->series, x.m, x.n, INT64_MIN + 1, INT64_MAX, &found, NULL, &e), &e);
	return (int64_t)found.points;
}

MINI(readings_go_at_their_hour, true)
{
	struct retention_state st;

	m->s->retain.keep = 20 * US_DAY;
	put(m, "old", OLD, 30);
	put(m, "new", "2026-07-13T08:00:00+08:00", 5);
	mini_set(m, "2026-07-14T23:59:00+08:00");
	check_eq_i(count(m, "old"), 30); /* there is time to look */
	retention_look_at(m->s, &st);
	check(st.last == TIME_NONE && st.next == mini_at("2026-07-15T00:00:00+08:00"));
	mini_set(m, "2026-07-15T00:00:00+08:00");
	check_eq_i(count(m, "old"), 0);
	check_eq_i(count(m, "new"), 5);
	check_eq_s(mini_kinds(m, "series."), "retained");
	retention_look_at(m->s, &st);
	check(st.last == mini_at("2026-07-15T00:00:00+08:00") &&
	        st.next == mini_at("2026-07-16T00:00:00+08:00") && !st.running);
	put(m, "old", OLD, 3);
	mini_set(m, "2026-07-15T12:00:00+08:00");
	check_eq_i(count(m, "old"), 3);
	mini_again(m, true); /* the day was done */
	m->s->retain.keep = 20 * US_DAY;
	mini_set(m, "2026-07-15T13:00:00+08:00");
	check_eq_i(count(m, "old"), 3);
	mini_set(m, "2026-07-18T13:00:00+08:00"); /* three days at once are one run */
	check_eq_i(count(m, "old"), 0);
	check_eq_s(mini_kinds(m, "series."), "retained retained");
}

MINI(nothing_goes_where_nothing_ends, true)
{
	struct retention_state st;

	put(m, "old", OLD, 3);
	mini_set(m, "2026-07-20T13:00:00+08:00");
	check_eq_i(count(m, "old"), 3);
	check_eq_s(mini_kinds(m, "series."), "");
	retention_look_at(m->s, &st);
	check(st.next == TIME_NONE);
}

MINI(a_run_that_fails_is_told, false)
{
	struct err e = ERR_INIT;
	struct retention_row *row;
	int n;

	m->s->retain.keep = 20 * US_DAY;
	put(m, "old", OLD, 30);
	check_ok(series_flush(m->s->series, &e), &e);
	check(fault_arm("SERIES_REWRITE:1"));
	check_err(retention_run(m->s, m->a, "system", &row, &n, NULL, NULL, NULL, &e), ERR_FULL);
	check(fault_arm("SERIES_REWRITE:off"));
	check_eq_s(mini_kinds(m, "series."), "retention_failed");
	check_ok(retention_run(m->s, m->a, "system", &row, &n, NULL, NULL, NULL, &e), &e);
	check_eq_i(count(m, "old"), 0);
}

static struct removal ask(struct mini *m, const struct who *who, const char *selector, const char *until)
{
	const char *list[] = {selector, NULL};
	const struct removal_in in = {
	        .selector = list, .since = TIME_NONE, .until = mini_at(until), .reason = "a test of it"};
	struct removal r = {0};
	struct err e = ERR_INIT;

	check_ok(removal_ask(m->s, m->a, &in, who, NULL, &r, &e), &e);
	return r;
}

static void add_steward(struct mini *m)
{
	struct account_in in = {.login = "steward",
	        .name = "s",
	        .org = "",
	        .password = "reeds along the river",
	        .roles = "admin",
	        .clearance = 4};
	struct err e = ERR_INIT;

	check_ok(account_add(m->s->store, &m->s->accounts, &in, &who_system, NULL, &e), &e);
}

MINI(what_was_confirmed_is_done_after_a_restart, false)
{
	struct who steward = who_system;
	struct err e = ERR_INIT;
	struct store_tx *tx = NULL;
	struct removal r;

	put(m, "old", OLD, 30);
	add_steward(m);
	r = ask(m, &who_system, "old", "2026-06-01T08:01:00+08:00");
	check_eq_i(r.series, 1);
	check_eq_i(r.readings, 7);
	steward.login = "steward";
	check_err(removal_confirm(m->s, r.id, &steward, &e), ERR_NOTFOUND); /* the system has no account */
	r = ask(m, &steward, "old", "2026-06-01T08:01:00+08:00");
	check_ok(removal_confirm(m->s, r.id, &steward, &e), &e);
	check_eq_i(count(m, "old"), 30);
	mini_again(m, true);
	mini_set(m, "2026-07-14T08:00:01+08:00");
	check_eq_i(count(m, "old"), 23);
	check_ok(store_read_begin(m->s->store, "a test", &tx, &e), &e);
	check_ok(removal_get(m->s, tx, m->a, &who_system, r.id, &r, &e), &e);
	store_read_end(&tx);
	check_eq_s(r.state, "done");
	check_eq_i(r.removed, 7);
	check_eq_s(mini_kinds(m, "series."), "removal_asked removal_asked removal_confirmed removed");
}

/* ---- selections ---- */

static const char *again(struct arena *a, const char *s)
{
	struct series_selector x;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	const char *out = "";

	if (check_ok(selector_parse(a, str_of(s), &x, &e), &e)) {
		selector_write(&b, &x);
		out = arena_strndup(a, b.p, b.n);
	}
	sb_fini(&b);
	return out;
}

TEST(selections_are_written_as_they_are_read)
{
	static const char *const text[] = {"{__name__=\"m\"}", "{__name__=~\"a.*|b\",thing!=\"x\"}",
	        "{a=\"\\\"\\\\\\x0a\",b!~\"汉.*\",c=\"x\"}", "{\"with blank\"=\"v\"}"};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		check_eq_s(again(a, text[i]), text[i]);
	check_eq_s(again(a, "m{x='y'}"), again(a, again(a, "m{x='y'}")));
	arena_free(&a);
}

TEST(what_is_no_selection)
{
	static const char *const text[] = {"", "{}", "m > 1", "1", "sum(m)", "m[5m]", "m offset 5m", "m @ 3",
	        "{x=~\".*\"}", "m or n", "m{", "-m"};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		struct series_selector x;
		struct err e = ERR_INIT;

		if (!check_err(selector_parse(a, str_of(text[i]), &x, &e), ERR_INVALID))
			printf("# %s\n", text[i]);
	}
	arena_free(&a);
}

TEST(a_selection_within_another)
{
	static const struct {
		const char *a, *b;
		bool within;
	} pair[] = {{"{x=\"1\"}", "{x=\"1\"}", true}, {"{x=\"1\",y=\"2\"}", "{x=\"1\"}", true},
	        {"{x=\"1\"}", "{x=~\"1|2\"}", true}, {"{x=\"3\"}", "{x=~\"1|2\"}", false},
	        {"{x=\"1\"}", "{x=\"1\",y=\"2\"}", false}, {"{x=~\"1.*\"}", "{x=~\"1.*\"}", true},
	        {"{x=\"1\"}", "{x=\"1\",y!=\"2\"}", false}};
	struct arena *a = arena_new(0);

	for (size_t i = 0; i < ARRAY_LEN(pair); i++) {
		struct series_selector x, y;
		struct err e = ERR_INIT;

		check_ok(selector_parse(a, str_of(pair[i].a), &x, &e), &e);
		check_ok(selector_parse(a, str_of(pair[i].b), &y, &e), &e);
		if (!check(selector_within(&x, &y) == pair[i].within))
			printf("# %s in %s\n", pair[i].a, pair[i].b);
	}
	arena_free(&a);
}

/* Asks for the end once the first file is through. */
struct impatient {
	struct site *s;
	int64_t id;
	bool cancel, by_person;
};

static void lose_patience(void *ctx, size_t done, size_t files)
{
	struct impatient *x = ctx;

	(void)done;
	(void)files;
	if (x->by_person)
		check_eq_i(runs_stop(&x->s->runs, x->id), 1);
	else
		__atomic_store_n(&x->cancel, true, __ATOMIC_RELAXED);
}

static struct removal confirmed(struct mini *m)
{
	struct who steward = who_system;
	struct removal r;
	struct err e = ERR_INIT;
	static const char *const day[] = {OLD, "2026-06-11T08:00:00+08:00", "2026-06-21T08:00:00+08:00"};

	for (size_t i = 0; i < ARRAY_LEN(day); i++) /* a file each */
		put(m, "old", day[i], 30);
	check_ok(series_flush(m->s->series, &e), &e);
	add_steward(m);
	steward.login = "steward";
	r = ask(m, &steward, "old", "2026-07-01T08:00:00+08:00");
	check_ok(removal_confirm(m->s, r.id, &steward, &e), &e);
	return r;
}

static struct removal look_at(struct mini *m, int64_t id)
{
	struct store_tx *tx = NULL;
	struct removal r = {0};
	struct err e = ERR_INIT;

	check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e);
	check_ok(removal_get(m->s, tx, m->a, &who_system, id, &r, &e), &e);
	store_read_end(&tx);
	return r;
}

MINI(a_deletion_that_is_stopped_says_how_far_it_came, false)
{
	struct removal r = confirmed(m);
	struct impatient x = {.s = m->s, .id = r.id, .by_person = true};
	struct err e = ERR_INIT;

	check_eq_i(removal_run(m->s, &(struct removal_care){lose_patience, &x, &x.cancel}, &e), 1);
	r = look_at(m, r.id);
	check_eq_s(r.state, "stopped");
	check_eq_i(r.removed, 30);
	check(r.ended != TIME_NONE);
	check_eq_i(count(m, "old"), 60);
	check_eq_s(mini_kinds(m, "series."), "removal_asked removal_confirmed removal_stopped");
	check_eq_i(removal_run(m->s, &(struct removal_care){0}, &e), 0);
	mini_again(m, false);
	check_eq_i(count(m, "old"), 60);
}

MINI(a_deletion_that_the_end_of_the_program_stops_is_gone_on_with, false)
{
	struct removal r = confirmed(m);
	struct impatient x = {.s = m->s, .id = r.id};
	struct err e = ERR_INIT;

	check_err(removal_run(m->s, &(struct removal_care){lose_patience, &x, &x.cancel}, &e), ERR_CANCELLED);
	check_eq_s(look_at(m, r.id).state, "running");
	check_eq_i(count(m, "old"), 60);
	mini_again(m, false);
	check_eq_i(removal_run(m->s, &(struct removal_care){0}, &e), 1);
	check_eq_s(look_at(m, r.id).state, "done");
	check_eq_i(count(m, "old"), 0);
}

MINI(a_deletion_is_stopped_before_its_turn, false)
{
	struct removal r = confirmed(m);
	struct err e = ERR_INIT;

	check_ok(removal_stop(m->s, r.id, &who_system, &e), &e);
	check_eq_s(look_at(m, r.id).state, "stopping");
	check_eq_i(removal_run(m->s, &(struct removal_care){0}, &e), 1);
	check_eq_s(look_at(m, r.id).state, "stopped");
	check_eq_i(count(m, "old"), 90);
	check_err(removal_stop(m->s, r.id, &who_system, &e), ERR_STATE);
}

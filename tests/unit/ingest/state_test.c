#include "ingest/state.h"
#include "check.h"

static struct clock *c;
static struct series_db *db;
static struct states *s;
static struct arena *a;

static void open_all(void)
{
	struct series_options o = {.dir = "series"};
	struct err e = ERR_INIT;

	o.dir = arena_printf(a = arena_new(0), "%s/series", test_dir());
	o.clock = c = clock_new_manual(INT64_C(1783987200000000));
	check_ok(series_open(&o, &db, &e), &e);
	s = states_new();
}

static void close_all(void)
{
	states_free(&s);
	series_close(&db);
	clock_free(&c);
	arena_free(&a);
}

static struct labels of(const char *metric, const char *thing)
{
	struct label *l = arena_array(a, 2, sizeof(*l));

	l[0] = (struct label){STR_LIT(LABEL_NAME), str_of(metric)};
	l[1] = (struct label){STR_LIT("thing"), str_of(thing)};
	return (struct labels){l, thing != NULL ? 2 : 1};
}

/* "" when the text was taken; its points are written. */
static const char *put(const char *metric, const char *thing, const char *text, time_us t)
{
	struct labels base = of(metric, thing);
	struct series_point p[STATES_MAX];
	struct state_set set;
	enum refusal why = REFUSALS;
	struct err e = ERR_INIT;
	const char *words = states_find(s, db, &base, str_of(text), &set, &why, &e);

	if (words != NULL)
		return refusal_name(why);
	for (int i = 0; i < set.n; i++)
		p[i] = (struct series_point){set.id[i], t, i == set.on};
	check_ok(series_append(db, p, (size_t)set.n, &e), &e);
	return "";
}

/* The newest of a state; -1 when there is none. */
static double now(const char *metric, const char *thing, const char *state)
{
	struct labels base = of(metric, thing), with = labels_copy(a, &base, STATE_LABEL, str_of(state));
	struct err e = ERR_INIT;
	series_id id;
	time_us t;
	double v;

	check_ok(series_resolve(db, &with, &id, &e), &e);
	return series_latest(db, id, &t, &v) ? v : -1;
}

TEST(one_series_a_state)
{
	open_all();
	check_eq_s(put("door", "G-1", "open", 1000), "");
	check_eq_s(put("door", "G-1", "closed", 2000), "");
	check_eq_s(put("door", "G-2", "ajar", 2000), "");
	check_eq_d(now("door", "G-1", "open"), 0);
	check_eq_d(now("door", "G-1", "closed"), 1);
	check_eq_d(now("door", "G-1", "ajar"), -1);
	check_eq_s(put("door", "G-1", "open", 3000), "");
	check_eq_d(now("door", "G-1", "open"), 1);
	check_eq_d(now("door", "G-1", "closed"), 0);
	/* After a start they are asked of the engine; those of others, and of fewer labels, are not its own.
	 */
	check_eq_s(put("door", NULL, "half", 3000), "");
	states_forget(s);
	check_eq_s(put("door", "G-1", "stuck", 4000), "");
	check_eq_d(now("door", "G-1", "open"), 0);
	check_eq_d(now("door", "G-2", "ajar"), 1);
	check_eq_s(put("door", NULL, "whole", 4000), "");
	check_eq_d(now("door", NULL, "half"), 0);
	check_eq_d(now("door", "G-1", "stuck"), 1);
	close_all();
}

TEST(what_is_no_state)
{
	char text[STATE_BYTES + 2];

	open_all();
	memset(text, 'x', sizeof(text));
	text[STATE_BYTES + 1] = '\0';
	check_eq_s(put("log", "A", text, 1), "state");
	text[STATE_BYTES] = '\0';
	check_eq_s(put("log", "A", text, 1), "");
	check_eq_s(put("log", "A", "", 1), "state");
	check_eq_s(put("log", "A", "two\nlines", 1), "state");
	check_eq_s(put("log", "A", "\xff\xfe", 1), "utf8");
	for (int i = 1; i < STATES_MAX; i++)
		check_eq_s(put("log", "A", arena_printf(a, "line %d", i), 1 + i), "");
	check_eq_s(put("log", "A", "one more", 100), "state");
	check_eq_s(put("log", "A", "line 1", 100), "");
	states_forget(s);
	check_eq_s(put("log", "A", "one more", 100), "state");
	check_eq_s(put("log", "B", "one more", 100), "");
	close_all();
}

TEST(a_text_among_numbers_is_refused)
{
	struct labels temp;
	struct series_point p = {.t = 1, .v = 20};
	struct err e = ERR_INIT;

	open_all();
	temp = of("temp", "A");
	check_ok(series_resolve(db, &temp, &p.id, &e), &e);
	check_ok(series_append(db, &p, 1, &e), &e);
	check_eq_s(put("temp", "A", "ERR", 2), "value");
	check_eq_s(put("temp", "B", "ERR", 2), "");
	close_all();
}

/* Many sets, past the table's first size. */
TEST(many_sets)
{
	open_all();
	for (int i = 0; i < 2000; i++)
		check_eq_s(put("mode", arena_printf(a, "T-%d", i % 1000), i < 1000 ? "auto" : "hand", 1 + i),
		        "");
	check_eq_d(now("mode", "T-7", "auto"), 0);
	check_eq_d(now("mode", "T-999", "hand"), 1);
	close_all();
}

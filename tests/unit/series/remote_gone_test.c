/* Deletions and classes of retention with an engine behind the folder. */
#include "base/file.h"
#include "remote_engine.h"
#include "series/ship.h"

#define T0 (INT64_C(1783987200) * US_SECOND)
#define WAIT_MOST 60000 /* ms */

#define wait_for(what)                                                                                       \
	do {                                                                                                 \
		int ms_ = 0;                                                                                 \
                                                                                                             \
		for (; !(what) && ms_ < WAIT_MOST; ms_ += 5)                                                 \
			usleep(5000);                                                                        \
		if (ms_ >= WAIT_MOST)                                                                        \
			check_fail("waited in vain for %s", #what);                                          \
	} while (0)

/* ---- a site of the test ---- */

struct rig {
	struct arena *a;
	struct clock *clock;
	struct series_db *db;
	struct series_remote *r;
	struct engine g;
	struct series_options so;
	struct series_remote_options ro;
	int marks, forgot;
};

static void rig_open(struct rig *x)
{
	struct err e = ERR_INIT;

	check_ok(series_open(&x->so, &x->db, &e), &e);
	x->ro.db = x->db;
	check_ok(series_remote_open(&x->ro, &x->r, &e), &e);
}

static void rig_close(struct rig *x)
{
	series_remote_close(&x->r);
	series_close(&x->db);
}

/* The folder is whole from T0 + 1 h on: what is older is asked of both. */
static void rig_init(struct rig *x)
{
	*x = (struct rig){.a = arena_new(0), .clock = clock_new_manual(T0 + US_HOUR)};
	engine_init(&x->g);
	x->so = (struct series_options){
	        .dir = test_dir(), .clock = x->clock, .partition = US_DAY, .keep_logs = true};
	x->ro = (struct series_remote_options){
	        .clock = x->clock, .engine = {.ctx = &x->g, .ask = engine_ask}};
	rig_open(x);
}

static void rig_fini(struct rig *x)
{
	rig_close(x);
	engine_fini(&x->g);
	clock_free(&x->clock);
	arena_free(&x->a);
}

static struct series_remote_state look(struct rig *x)
{
	struct series_remote_state st = {0};

	series_remote_look(x->r, &st);
	return st;
}

static bool folder_has_old(struct rig *x)
{
	struct arena *a = arena_new(0);
	struct series_cursor *c = NULL;
	struct matcher m = {.op = MATCH_NE, .name = STR_LIT("__name__"), .value = STR_LIT("")};
	struct series_query q = {.m = &m, .n = 1, .from = T0 - US_DAY, .to = T0 + US_DAY};
	struct series_view s;
	struct err e = ERR_INIT;
	bool any = false;

	if (check_ok(series_select(x->db, &q, a, &c, &e), &e))
		while (series_next(c, &s, &e) == 1)
			any |= s.n > 0;
	series_cursor_free(&c);
	arena_free(&a);
	return any;
}

static void put(struct rig *x, const char *name, const char *thing, int at, double v)
{
	check(append(x->db, id_of(x->db, name, thing), T0 + at * US_SECOND, v) == 0);
}

/* Everything so far has its way to the engine behind it: a reading that came later is there. */
static void settle(struct rig *x)
{
	struct err e = ERR_INIT;

	x->marks++;
	check(append(x->db, id_of(x->db, ENGINE_MARK, "t"), T0 + US_HOUR, x->marks) == 0);
	for (int ms = 0; engine_mark(&x->g) != x->marks; ms += 5) {
		if (ms >= WAIT_MOST) {
			check_fail("what was written does not arrive");
			return;
		}
		usleep(5000);
	}
	check_ok(series_append(x->db, NULL, 0, &e), &e);
}

/* The folder has nothing of before any more: answers are the engine's. */
static void forget(struct rig *x)
{
	settle(x);
	clock_set(x->clock, T0 + (30 + x->forgot++) * US_DAY);
	rig_close(x);
	x->ro.window = 1; /* us: nothing of before is sent again */
	rig_open(x);
	settle(x);
	wait_for(!folder_has_old(x));
	engine_sync(&x->g);
	rig_close(x);
	x->ro.window = 0;
	rig_open(x);
	settle(x);
}

/* "m{…} seconds=value …" and so on of all series. */
static const char *answer(struct rig *x, const char *pattern)
{
	struct arena *a = arena_new(0);
	struct series_remote_cursor *c = NULL;
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = T0 - US_DAY, .to = T0 + US_DAY};
	struct series_view s;
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	const char *out;

	check_ok(matcher_init(&m, a, MATCH_RE, STR_LIT("__name__"), str_of(pattern), &e), &e);
	if (check_ok(series_remote_select(x->r, &q, a, &c, &e), &e))
		while (series_remote_next(c, &s, &e) == 1) {
			if (s.n == 0)
				continue;
			sb_puts(&b, b.n > 0 ? "; " : "");
			labels_write(&b, &s.labels);
			for (size_t i = 0; i < s.n; i++)
				sb_printf(&b, " %lld=%g", (long long)((s.t[i] - T0) / US_SECOND), s.v[i]);
		}
	series_remote_cursor_free(&c);
	out = arena_strndup(x->a, b.n > 0 ? b.p : "", b.n);
	sb_fini(&b);
	arena_free(&a);
	return out;
}

struct want {
	const char *name, *value; /* of a label */
	int from, to;             /* seconds; -1: open */
};

static int try_remove(
        struct rig *x, struct want w, struct series_care *care, enum series_erased *out, struct err *e)
{
	struct matcher m = {.op = MATCH_EQ, .name = str_of(w.name), .value = str_of(w.value)};

	return series_remote_delete(x->r, &m, 1, w.from < 0 ? INT64_MIN + 1 : T0 + w.from * US_SECOND,
	        w.to < 0 ? INT64_MAX : T0 + w.to * US_SECOND, care, out, e);
}

static enum series_erased remove_it(struct rig *x, const char *name, const char *value, int from, int to)
{
	enum series_erased out = SERIES_ERASED;
	struct err e = ERR_INIT;

	check_ok(try_remove(x, (struct want){name, value, from, to}, NULL, &out, &e), &e);
	return out;
}

/* ---- deletion ---- */

TEST(a_whole_series_goes_in_the_engine_too)
{
	struct rig x;

	rig_init(&x);
	put(&x, "m", "a", 1, 1);
	put(&x, "m", "b", 1, 2);
	wait_for(x.g.sent == 2);
	check_eq_i(remove_it(&x, "thing", "a", -1, -1), SERIES_ERASED);
	check_eq_s(answer(&x, "m"), "m{thing=\"b\"} 1=2");
	check_eq_s(engine_text(&x.g, x.a), "m{thing=\"b\"}=2");
	check_eq_s(x.g.asked, "match[]={thing=\"a\",heming_after!~\"1\"}");
	/* The series goes on, also with what is older than the deletion. */
	put(&x, "m", "a", 4000, 3);
	put(&x, "m", "a", 2, 4);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 2=4 4000=3; m{thing=\"b\"} 1=2");
	forget(&x);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 2=4 4000=3; m{thing=\"b\"} 1=2");
	rig_fini(&x);
}

TEST(a_part_of_a_series_is_masked)
{
	struct rig x;

	rig_init(&x);
	for (int i = 0; i < 6; i++)
		put(&x, "m", "a", i, i);
	wait_for(x.g.sent == 6);
	check_eq_i(remove_it(&x, "thing", "a", 2, 3), SERIES_MASKED);
	check_has(series_erased_text(SERIES_MASKED), "whole series");
	check_eq_i(x.g.deletes, 0);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 1=1 4=4 5=5");
	wait_for(look(&x).masked == 1);
	/* Corrected and written again it is there, told apart in the engine by a label that nobody sees. */
	put(&x, "m", "a", 3, 33);
	put(&x, "m", "a", 5, 55);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 1=1 3=33 4=4 5=55");
	forget(&x);
	check_has(engine_text(&x.g, x.a), "m{heming_after=\"1\",thing=\"a\"}=33");
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 1=1 3=33 4=4 5=55");
	/* And is deleted again, written again. */
	remove_it(&x, "thing", "a", 3, 4);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 1=1 5=55");
	put(&x, "m", "a", 3, 333);
	settle(&x);
	check_has(engine_text(&x.g, x.a), "m{heming_after=\"2\",thing=\"a\"}=333");
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 1=1 3=333 5=55");
	rig_fini(&x);
}

TEST(a_replay_brings_nothing_back)
{
	struct rig x;

	rig_init(&x);
	for (int i = 0; i < 4; i++)
		put(&x, "m", "a", i, i);
	put(&x, "m", "b", 1, 9);
	wait_for(x.g.sent == 5);
	remove_it(&x, "thing", "a", 1, 2);
	remove_it(&x, "thing", "b", -1, -1);
	put(&x, "m", "b", 2, 10);
	put(&x, "m", "a", 2, 22);
	settle(&x);
	/* Killed, it has lost half of it and both deletions. */
	engine_lose(&x.g, 4, true);
	put(&x, "m", "c", 1, 1);
	wait_for(look(&x).again == 1);
	settle(&x);
	check(strstr(engine_text(&x.g, x.a), "thing=\"b\"}=9") == NULL);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 2=22 3=3; m{thing=\"b\"} 2=10; m{thing=\"c\"} 1=1");
	/* An empty engine gets what was not deleted, and no more. */
	engine_lose(&x.g, x.g.n, true);
	put(&x, "m", "c", 2, 2);
	wait_for(look(&x).again == 2);
	settle(&x);
	check(strstr(engine_text(&x.g, x.a), "{thing=\"a\"}=1 ") == NULL);
	check(strstr(engine_text(&x.g, x.a), "=9") == NULL);
	forget(&x);
	check_eq_s(
	        answer(&x, "m"), "m{thing=\"a\"} 0=0 2=22 3=3; m{thing=\"b\"} 2=10; m{thing=\"c\"} 1=1 2=2");
	rig_fini(&x);
}

TEST(what_is_deleted_before_it_was_sent_is_never_sent)
{
	struct rig x;

	rig_init(&x);
	x.g.away = 1;
	put(&x, "m", "a", 1, 1);
	put(&x, "m", "b", 1, 2);
	wait_for(look(&x).failures > 0);
	check_eq_i(remove_it(&x, "thing", "a", -1, -1), SERIES_ERASE_LATE);
	wait_for(look(&x).to_erase == 1);
	put(&x, "m", "a", 2, 3);
	rig_close(&x); /* and it is known after a restart */
	rig_open(&x);
	x.g.away = 0;
	settle(&x);
	check(strstr(engine_text(&x.g, x.a), "=1") == NULL);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 2=3; m{thing=\"b\"} 1=2");
	rig_fini(&x);
}

TEST(an_engine_that_will_not_is_told_of)
{
	static const struct {
		int status;
		const char *why;
		bool prometheus;
	} refusal[] = {
	        {403, "no", false}, {404, "", false}, {500, "{\"error\":\"admin APIs disabled\"}", true}};

	for (size_t i = 0; i < ARRAY_LEN(refusal); i++) {
		struct rig x;

		rig_init(&x);
		x.so.dir = test_path(i == 0 ? "0" : i == 1 ? "1" : "2");
		rig_close(&x);
		rig_open(&x);
		x.g.refuses = refusal[i].status;
		x.g.why = refusal[i].why;
		x.g.prometheus = refusal[i].prometheus;
		put(&x, "m", "a", 1, 1);
		wait_for(x.g.sent == 1);
		check_eq_i(remove_it(&x, "thing", "a", -1, -1), SERIES_MASKED);
		put(&x, "m", "a", 2, 2);
		forget(&x);
		check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 2=2");
		check_eq_i(look(&x).masked, 1);
		rig_fini(&x);
	}
}

TEST(one_that_is_busy_is_told_again)
{
	struct rig x;

	rig_init(&x);
	put(&x, "m", "a", 1, 1);
	wait_for(x.g.sent == 1);
	x.g.refuses = 503;
	x.g.why = "busy";
	check_eq_i(remove_it(&x, "thing", "a", -1, -1), SERIES_ERASE_LATE);
	x.g.refuses = 0;
	settle(&x);
	check(x.g.deletes > 1);
	check_eq_s(engine_text(&x.g, x.a), "");
	rig_fini(&x);
}

TEST(prometheus_deletes_a_time)
{
	struct rig x;

	rig_init(&x);
	x.g.prometheus = true;
	for (int i = 0; i < 4; i++)
		put(&x, "m", "a", i, i);
	wait_for(x.g.sent == 4);
	check_eq_i(remove_it(&x, "thing", "a", 1, 2), SERIES_ERASED);
	check_has(x.g.asked, "&start=1783987201.000&end=1783987202.000");
	put(&x, "m", "a", 2, 22);
	forget(&x);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 2=22 3=3");
	check_eq_i(look(&x).masked, 0);
	rig_fini(&x);
}

static const char *const virtual_names[] = {"region", NULL};
static bool moved;
static void virtual_values(void *ctx, struct str thing, struct arena *a, struct str *value)
{
	(void)ctx;
	(void)a;
	value[0] = str_is(thing, "a") && !moved ? STR_LIT("north")
	           : thing.n > 0                ? STR_LIT("south")
	                                        : STR_NULL;
}
static const struct series_virtual virt = {.names = virtual_names, .values = virtual_values};

TEST(virtual_labels_are_those_of_the_moment)
{
	struct rig x;

	rig_init(&x);
	moved = false;
	series_set_virtual(x.db, &virt);
	put(&x, "m", "a", 1, 1);
	put(&x, "m", "b", 1, 2);
	put(&x, "n", "a", 1, 3);
	wait_for(x.g.sent == 3);
	x.g.lists = 422;
	clock_set(x.clock, T0 + 2 * US_HOUR);
	{
		struct err e = ERR_INIT;

		check_err(try_remove(&x, (struct want){"region", "north", -1, -1}, NULL, NULL, &e),
		        ERR_UNAVAILABLE);
		check_has(e.text, "-search.maxSeries");
	}
	x.g.lists = 0;
	check_eq_i(remove_it(&x, "region", "north", -1, -1), SERIES_ERASED);
	check_eq_s(engine_text(&x.g, x.a), "m{thing=\"b\"}=2");
	moved = true; /* changes nothing of what was deleted */
	check_eq_s(answer(&x, "m|n"), "m{region=\"south\",thing=\"b\"} 1=2");
	engine_lose(&x.g, 0, true);
	put(&x, "m", "b", 2, 4);
	wait_for(look(&x).again == 1);
	settle(&x);
	check_eq_s(answer(&x, "m|n"), "m{region=\"south\",thing=\"b\"} 1=2 2=4");
	rig_fini(&x);
}

/* {m, thing=a} selects {m, thing=a, x=1}, too. */
TEST(of_label_sets_just_these_go)
{
	struct rig x;
	struct label more[] = {{STR_LIT("__name__"), STR_LIT("m")}, {STR_LIT("thing"), STR_LIT("a")},
	        {STR_LIT("x"), STR_LIT("1")}};
	struct matcher m[2];
	struct err e = ERR_INIT;
	series_id id = {0};

	rig_init(&x);
	moved = false;
	series_set_virtual(x.db, &virt);
	put(&x, "m", "a", 1, 1);
	check_ok(series_resolve(x.db, &(struct labels){more, 3}, &id, &e), &e);
	check(append(x.db, id, T0 + US_SECOND, 2) == 0);
	wait_for(x.g.sent == 2);
	m[0] = (struct matcher){.op = MATCH_EQ, .name = STR_LIT("region"), .value = STR_LIT("north")};
	m[1] = (struct matcher){.op = MATCH_EQ, .name = STR_LIT("x"), .value = STR_LIT("")};
	check_ok(series_remote_delete(x.r, m, 2, INT64_MIN + 1, INT64_MAX, NULL, NULL, &e), &e);
	settle(&x);
	check_eq_s(engine_text(&x.g, x.a), "m{thing=\"a\",x=\"1\"}=2");
	check_has(x.g.asked, "thing=\"a\",heming_after!~\"1\",x=\"\"");
	rig_fini(&x);
}

TEST(a_deletion_may_be_stopped_before_it_is_one)
{
	struct rig x;
	bool stop = true;
	struct series_care care = {.cancel = &stop};
	struct err e = ERR_INIT;
	struct matcher all = {.op = MATCH_EQ, .name = STR_LIT("none"), .value = STR_LIT("")};

	rig_init(&x);
	put(&x, "m", "a", 1, 1);
	wait_for(x.g.sent == 1);
	check_err(try_remove(&x, (struct want){"thing", "a", -1, -1}, &care, NULL, &e), ERR_CANCELLED);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 1=1");
	check_err(try_remove(&x, (struct want){"thing", "a", 2, 1}, NULL, NULL, &e), ERR_INVALID);
	check_err(series_remote_delete(x.r, &all, 1, 0, 1, NULL, NULL, &e), ERR_INVALID);
	check_eq_i(x.g.deletes, 0);
	rig_fini(&x);
}

TEST(a_mask_goes_when_the_engine_has_done_it_for_long)
{
	struct rig x;
	char *path;

	rig_init(&x);
	path = xasprintf("%s/queue/gone-00000001", x.so.dir);
	rig_close(&x);
	x.ro.window = 1; /* us */
	rig_open(&x);
	put(&x, "m", "a", 1, 1);
	wait_for(x.g.sent == 1);
	remove_it(&x, "thing", "a", -1, -1);
	for (int i = 0; file_exists(path) && i < 100; i++) {
		put(&x, "m", "b", i, i);
		settle(&x);
	}
	check(!file_exists(path));
	remove_it(&x, "thing", "b", -1, -1); /* no number is given twice */
	path[strlen(path) - 1] = '2';
	check(file_exists(path));
	free(path);
	rig_fini(&x);
}

TEST(a_crash_between_file_and_log_is_made_good)
{
	struct rig x;
	struct gone *g = remote_gone_new();
	struct err e = ERR_INIT;

	rig_init(&x);
	put(&x, "m", "a", 1, 1);
	put(&x, "m", "b", 1, 2);
	settle(&x);
	g->from = T0;
	g->to = T0 + US_DAY;
	g->m = arena_alloc(g->a, sizeof(*g->m));
	check_ok(matcher_init(g->m, g->a, MATCH_EQ, STR_LIT("thing"), STR_LIT("a"), &e), &e);
	g->n = 1;
	pthread_mutex_lock(&x.db->commit_lock);
	check_ok(remote_gone_add(x.r, g, &e), &e);
	pthread_mutex_unlock(&x.db->commit_lock);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 1=1; m{thing=\"b\"} 1=2"); /* the folder has it still */
	rig_close(&x);
	rig_open(&x);
	check_eq_s(answer(&x, "m"), "m{thing=\"b\"} 1=2");
	put(&x, "m", "a", 2, 3);
	forget(&x);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 2=3; m{thing=\"b\"} 1=2");
	rig_fini(&x);
}

TEST(a_damaged_file_is_told)
{
	static const char *const bad[] = {"", "{}", "nothing\n",
	        "{\"from\":1,\"to\":2,\"log\":1,\"at\":0,\"state\":0,"
	        "\"sets\":1,\"whole\":true,\"aged\":false,\"match\":[]}\n",
	        "{\"from\":1,\"to\":2,\"log\":1,\"at\":0,\"state\":7,\"sets\":0,\"match\":[\"a\",\"=\",\"b\"]"
	        "}\n",
	        "{\"from\":1,\"to\":2,\"log\":1,\"at\":0,\"state\":0,\"sets\":0,\"match\":[\"a\",\"?\",\"b\"]"
	        "}\n",
	        "{\"from\":1,\"to\":2,\"log\":1,\"at\":0,\"state\":0,\"sets\":0,\"match\":[\"a\",\"=~\",\"("
	        "\"]}\n"};
	struct rig x;
	struct err e = ERR_INIT;
	char *path;

	rig_init(&x);
	path = xasprintf("%s/queue/gone-00000001", x.so.dir);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		rig_close(&x);
		check_ok(file_write(path, bad[i], strlen(bad[i]), 0640, &e), &e);
		check_ok(series_open(&x.so, &x.db, &e), &e);
		x.ro.db = x.db;
		check_err(series_remote_open(&x.ro, &x.r, &e), ERR_CORRUPT);
		check_has(e.text, "gone-00000001");
		check(unlink(path) == 0);
		series_close(&x.db);
		rig_open(&x);
	}
	free(path);
	rig_fini(&x);
}

/* ---- retention ---- */

TEST(what_is_older_than_its_class_is_not_answered)
{
	struct rig x;
	struct matcher gas = {.op = MATCH_EQ, .name = STR_LIT("__name__"), .value = STR_LIT("m")};
	struct series_class class[] = {
	        {.m = &gas, .n = 1, .keep = US_HOUR, .five = 10 * US_DAY}, {.keep = SERIES_FOREVER}};
	struct series_care care[2] = {{0}, {0}};
	struct err e = ERR_INIT;

	rig_init(&x);
	put(&x, "m", "a", 1, 1); /* ends */
	put(&x, "m", "b", 1, 2); /* goes on */
	put(&x, "n", "a", 1, 3); /* is kept */
	wait_for(x.g.sent == 3);
	series_remote_set_classes(x.r, class, 2);
	check_eq_s(answer(&x, "m|n"), "m{thing=\"a\"} 1=1; m{thing=\"b\"} 1=2; n{thing=\"a\"} 1=3");
	forget(&x);
	series_remote_set_classes(x.r, class, 2);
	check(append(x.db, id_of(x.db, "m", "b"), T0 + 29 * US_DAY, 4) == 0);
	check_eq_s(answer(&x, "m|n"), "n{thing=\"a\"} 1=3");
	check_ok(series_remote_retain(x.r, class, 2, T0 + 30 * US_DAY, care, NULL, &e), &e);
	settle(&x);
	check(strstr(engine_text(&x.g, x.a), "m{thing=\"a\"}") == NULL);
	check_has(engine_text(&x.g, x.a), "n{thing=\"a\"}=3 m{thing=\"b\"}=4");
	check_eq_i(x.g.deletes, 1);
	check_ok(series_remote_retain(x.r, class, 2, T0 + 30 * US_DAY, care, NULL, &e), &e);
	settle(&x);
	check_eq_i(x.g.deletes, 1); /* there is nothing more */
	/* It begins again. */
	check(append(x.db, id_of(x.db, "m", "a"), T0 + 29 * US_DAY, 5) == 0);
	settle(&x);
	check_has(engine_text(&x.g, x.a), "m{thing=\"a\"}=5");
	x.g.away = 1;
	check_err(series_remote_retain(x.r, class, 2, T0 + 30 * US_DAY, care, NULL, &e), ERR_UNAVAILABLE);
	x.g.away = 0;
	rig_fini(&x);
}

TEST(a_young_day_in_the_folder_goes_as_well)
{
	struct rig x;
	struct series_class class = {.keep = US_HOUR};
	struct series_care care = {0};
	struct err e = ERR_INIT;

	rig_init(&x);
	put(&x, "m", "a", 1, 1);
	put(&x, "m", "a", 7300, 2);
	wait_for(x.g.sent == 2);
	series_remote_set_classes(x.r, &class, 1);
	clock_set(x.clock, T0 + 2 * US_HOUR);
	check_ok(series_remote_retain(x.r, &class, 1, T0 + 2 * US_HOUR, &care, NULL, &e), &e);
	check_eq_i(care.removed.series, 1);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 7300=2");
	check_eq_i(x.g.deletes, 0); /* the series lives */
	rig_fini(&x);
}

/* ---- a standby ---- */

/* The first folder is lost, and the copy is opened in its place. */
static void take_over(struct rig *x, struct series_ship **ship, const char *copy)
{
	series_ship_close(ship);
	rig_close(x);
	x->so.dir = copy;
	rig_open(x);
}

TEST(a_copy_goes_on_sending)
{
	struct rig x;
	struct series_ship *ship = NULL;
	const char *copy = test_path("copy");
	struct err e = ERR_INIT;

	rig_init(&x);
	rig_close(&x);
	x.so.dir = test_path("first");
	rig_open(&x);
	check_ok(series_ship_open(x.db, copy, &ship, &e), &e);
	put(&x, "m", "a", 1, 1);
	put(&x, "m", "a", 2, 2);
	settle(&x);
	x.g.away = 1;
	put(&x, "m", "a", 3, 3);
	check_ok(series_ship_step(ship, &e), &e);
	check_ok(series_flush(x.db, &e), &e); /* logs go to the queue */
	put(&x, "m", "a", 4, 4);
	check_eq_i(remove_it(&x, "thing", "a", 2, 3), SERIES_ERASE_LATE);
	check_ok(series_ship_step(ship, &e), &e);
	check_ok(series_flush(x.db, &e), &e);
	put(&x, "m", "a", 3, 33);
	check_ok(series_ship_step(ship, &e), &e);
	put(&x, "m", "a", 5, 5); /* lost with the folder */
	take_over(&x, &ship, copy);
	x.g.away = 0;
	settle(&x);
	forget(&x);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 1=1 3=33 4=4");
	check(strstr(engine_text(&x.g, x.a), "m{thing=\"a\"}=3 ") == NULL);
	rig_fini(&x);
}

TEST(a_backup_masks_what_was_deleted)
{
	struct rig x;
	const char *copy = test_path("copy");
	struct err e = ERR_INIT;

	rig_init(&x);
	rig_close(&x);
	x.so.dir = test_path("first");
	rig_open(&x);
	for (int i = 0; i < 4; i++)
		put(&x, "m", "a", i, i);
	put(&x, "m", "b", 1, 9);
	settle(&x);
	remove_it(&x, "thing", "a", 1, 2);
	put(&x, "m", "a", 2, 22);
	remove_it(&x, "thing", "b", -1, -1);
	put(&x, "m", "b", 2, 10);
	settle(&x);
	check_ok(series_flush(x.db, &e), &e);
	check_ok(series_snapshot(x.db, copy, NULL, &e), &e);
	check_ok(series_copy_deletions(x.so.dir, copy, &e), &e);
	put(&x, "m", "b", 3, 11); /* the engine alone has it then */
	settle(&x);
	x.g.deletes = 0;
	rig_close(&x);
	x.so.dir = copy;
	rig_open(&x);
	settle(&x);
	check_eq_s(answer(&x, "m"), "m{thing=\"a\"} 0=0 2=22 3=3; m{thing=\"b\"} 2=10 3=11");
	check_eq_i(x.g.deletes, 0);
	rig_fini(&x);
}

/* The place says more than a copy's logs have: what is written next must not be taken for sent. */
TEST(a_copy_that_is_behind_its_place_skips_nothing)
{
	struct rig x;
	struct err e = ERR_INIT;
	static const char place[] = "safe 9 5000\nwhole 0\nowns 0\nlabels {}\n";
	char *path;

	rig_init(&x);
	put(&x, "m", "a", 1, 1);
	settle(&x);
	rig_close(&x);
	path = xasprintf("%s/queue/place", x.so.dir);
	check_ok(file_write(path, place, strlen(place), 0640, &e), &e);
	rig_open(&x);
	put(&x, "m", "a", 2, 2);
	settle(&x);
	check_has(engine_text(&x.g, x.a), "=2");
	free(path);
	rig_fini(&x);
}

/* ---- whatever happens, answers are those of a list ---- */

#define SERIES 3
#define SECONDS 40

struct model {
	bool has[SERIES][SECONDS];
	double v[SERIES][SECONDS];
	int written;
};

static const char *const things[SERIES] = {"a", "b", "c"};

static const char *model_text(const struct model *m, struct arena *a)
{
	struct sb b = SB_INIT;
	const char *out;

	for (int i = 0; i < SERIES; i++) {
		bool any = false;

		for (int k = 0; k < SECONDS; k++) {
			if (!m->has[i][k])
				continue;
			if (!any)
				sb_printf(&b, "%sm{thing=\"%s\"}", b.n > 0 ? "; " : "", things[i]);
			any = true;
			sb_printf(&b, " %d=%g", k, m->v[i][k]);
		}
	}
	out = arena_strndup(a, b.n > 0 ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

static unsigned next_random(unsigned *state)
{
	*state = *state * 1103515245u + 12345u;
	return *state >> 16;
}

static void write_some(struct rig *x, struct model *m, unsigned *random)
{
	for (unsigned n = 1 + next_random(random) % 5; n > 0; n--) {
		unsigned i = next_random(random) % SERIES, k = next_random(random) % SECONDS;

		m->has[i][k] = true;
		m->v[i][k] = ++m->written;
		put(x, "m", things[i], (int)k, m->written);
	}
}

static void remove_some(struct rig *x, struct model *m, unsigned *random)
{
	unsigned i = next_random(random) % SERIES, from = next_random(random) % SECONDS,
	         to = from + next_random(random) % (SECONDS - from);
	bool whole = next_random(random) % 3 == 0;

	remove_it(x, "thing", things[i], whole ? -1 : (int)from, whole ? -1 : (int)to);
	for (unsigned k = whole ? 0 : from; k <= (whole ? SECONDS - 1 : to); k++)
		m->has[i][k] = false;
}

static void kill_engine(struct rig *x, unsigned *random)
{
	uint64_t again;

	settle(x); /* what was sent is an engine's that is known */
	again = look(x).again;
	engine_lose(&x->g, next_random(random) % 20, next_random(random) % 2 == 0);
	settle(x);
	wait_for(look(x).again > again);
}

static void switch_over(struct rig *x, int *copies)
{
	struct series_ship *ship = NULL;
	struct err e = ERR_INIT;
	char name[16];
	const char *copy;

	snprintf(name, sizeof(name), "copy%d", ++*copies);
	copy = test_path(name);
	check_ok(series_ship_open(x->db, copy, &ship, &e), &e);
	check_ok(series_ship_step(ship, &e), &e);
	take_over(x, &ship, copy);
}

static void live_through(bool prometheus, unsigned random)
{
	struct rig x;
	struct model m = {0};
	struct err e = ERR_INIT;
	int copies = 0;

	rig_init(&x);
	rig_close(&x);
	x.so.dir = test_path("first");
	x.g.prometheus = prometheus;
	rig_open(&x);
	for (int i = 0; i < 40; i++) {
		switch (next_random(&random) % 12) {
		case 0: remove_some(&x, &m, &random); break;
		case 1: remove_some(&x, &m, &random); break;
		case 2: kill_engine(&x, &random); break;
		case 3:
			rig_close(&x);
			rig_open(&x);
			break;
		case 4: check_ok(series_flush(x.db, &e), &e); break;
		case 5: switch_over(&x, &copies); break;
		case 6: forget(&x); break;
		case 7:
			settle(&x);
			if (!check(strcmp(answer(&x, "m"), model_text(&m, x.a)) == 0))
				check_eq_s(answer(&x, "m"), model_text(&m, x.a));
			break;
		default: write_some(&x, &m, &random); break;
		}
	}
	forget(&x);
	check_eq_s(answer(&x, "m"), model_text(&m, x.a));
	rig_fini(&x);
}

TEST(a_life_with_victoria)
{
	live_through(false, 1);
}

TEST(another_life_with_victoria)
{
	live_through(false, 2);
}

TEST(a_life_with_prometheus)
{
	live_through(true, 3);
}

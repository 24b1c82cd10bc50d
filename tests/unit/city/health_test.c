/* How devices are, told by their readings: silence, clocks, batteries and loss. */
#include "city/health.h"
#include "check.h"
#include "town.h"

#include <math.h>

struct ward {
	struct town t;
	struct registry *r;
	struct catalog *c;
	struct clock *clock;
	struct series_db *db;
	struct health *h;
};

static void observe(void *ctx, const struct series_point *p, size_t n, bool replay)
{
	struct ward *w = ctx;

	if (w->h != NULL)
		health_observe(w->h, p, n, replay);
}

static void open_ward(struct ward *w)
{
	struct err e = ERR_INIT;

	*w = (struct ward){0};
	town_install(&w->t);
	check_ok(catalog_load(w->t.store, &w->c, &e), &e);
	check_ok(registry_new(w->t.store, w->c, &w->r, &e), &e);
	for (int i = 0; i < w->c->kinds; i++)
		if (strcmp(w->c->kind[i].code, "sensor") == 0) {
			w->c->kind[i].interval_s = 60;
			w->c->kind[i].battery = "battery";
			w->c->kind[i].battery_low = 30;
		}
	w->clock = clock_new_manual(1000000 * US_SECOND);
	check_ok(series_open(&(struct series_options){.dir = test_path("series"),
	                             .clock = w->clock,
	                             .durability = SERIES_OS,
	                             .observe = observe,
	                             .observe_ctx = w},
	                 &w->db, &e),
	        &e);
}

static void begin(struct ward *w)
{
	w->h = health_new(w->r, w->c, w->clock);
	health_begin(w->h, w->db);
}

static void close_ward(struct ward *w)
{
	series_close(&w->db);
	health_free(&w->h);
	catalog_free(&w->c);
	registry_free(&w->r);
	clock_free(&w->clock);
	town_close(&w->t);
}

static void read_at(struct ward *w, const char *metric, const char *thing, double ago_s, double v)
{
	struct label label[2] = {{STR_LIT(LABEL_NAME), str_of(metric)}, {STR_LIT("thing"), str_of(thing)}};
	struct labels ls = {label, 2};
	struct series_point p = {.t = clock_now(w->clock) - (dur_us)(ago_s * 1e6), .v = v};
	struct err e = ERR_INIT;

	check_ok(series_resolve(w->db, &ls, &p.id, &e), &e);
	check_ok(series_append(w->db, &p, 1, &e), &e);
}

/* In steps that are no jumps. */
static void wait_s(struct ward *w, int s)
{
	while (s > 0) {
		int step = s < 100 ? s : 100;

		clock_set(w->clock, clock_now(w->clock) + step * US_SECOND);
		if (w->h != NULL)
			health_tick(w->h);
		s -= step;
	}
}

static void jump_s(struct ward *w, int s)
{
	clock_set(w->clock, clock_now(w->clock) + s * US_SECOND);
}

static struct thing_health of(struct ward *w, const char *code)
{
	struct thing_health h;

	(void)health_of(w->h, str_of(code), &h);
	return h;
}

static void put_own(struct ward *w, const char *code, const char *attrs)
{
	struct err e = ERR_INIT;

	check_ok(thing_put(w->r, w->t.store, w->c,
	                 &(struct thing_in){.code = code,
	                         .kind = "sensor",
	                         .name = "n",
	                         .region = "1001",
	                         .at = {NAN, NAN},
	                         .attrs = attrs},
	                 1, &who_system, &e),
	        &e);
}

TEST(silence_counts_from_the_last_reading_or_from_when_one_began_to_listen)
{
	struct ward w;

	open_ward(&w);
	read_at(&w, "ch4", "S-1", 0, 1);
	jump_s(&w, 7200); /* the program was down */
	begin(&w);
	check(of(&w, "S-1").seen != TIME_NONE);
	check_eq_i(of(&w, "S-1").flags, 0);
	wait_s(&w, 180);
	check_eq_i(of(&w, "S-1").flags, 0);
	jump_s(&w, 3600);
	check_eq_i(of(&w, "S-1").flags, 0);
	check(health_listening(w.h) == clock_now(w.clock));
	wait_s(&w, 180);
	check_eq_i(of(&w, "S-1").flags, 0);
	wait_s(&w, 1);
	check_eq_i(of(&w, "S-1").flags, HEALTH_SILENT);
	/* Who was silent before the clock jumped has not spoken since. */
	jump_s(&w, 3600);
	check_eq_i(of(&w, "S-1").flags, HEALTH_SILENT);
	read_at(&w, "ch4", "S-1", 0, 1);
	check_eq_i(of(&w, "S-1").flags, 0);
	close_ward(&w);
}

TEST(who_was_silent_stays_so_over_a_restart)
{
	struct ward w;

	open_ward(&w);
	read_at(&w, "ch4", "S-1", 0, 1);
	read_at(&w, "ch4", "S-3", -170, 1);
	wait_s(&w, 200);
	read_at(&w, "ch4", "S-2", 0, 1); /* the last that came */
	jump_s(&w, 86400);
	begin(&w);
	check_eq_i(of(&w, "S-1").flags, HEALTH_SILENT);
	check_eq_i(of(&w, "S-2").flags, 0);
	check_eq_i(of(&w, "S-3").flags, 0);
	wait_s(&w, 181);
	check_eq_i(of(&w, "S-2").flags, HEALTH_SILENT);
	read_at(&w, "ch4", "S-1", 0, 1);
	check_eq_i(of(&w, "S-1").flags, 0);
	close_ward(&w);
}

TEST(loss_is_the_share_of_messages_that_did_not_come)
{
	struct ward w;

	open_ward(&w);
	begin(&w);
	check(isnan(of(&w, "S-1").loss));
	for (int i = 0; i < 200; i++) { /* two quantities a message */
		read_at(&w, "ch4", "S-1", 0, 1);
		read_at(&w, "temperature", "S-1", -0.001, 20);
		wait_s(&w, 60);
	}
	check_near(of(&w, "S-1").loss, 0, 1e-9);
	for (int i = 0; i < 200; i++) {
		read_at(&w, "ch4", "S-1", 0, 1);
		wait_s(&w, 120);
	}
	check_near(of(&w, "S-1").loss, 0.5, 0.05);
	check(of(&w, "S-1").flags & HEALTH_LOSSY);
	for (int i = 0; i < 200; i++) {
		read_at(&w, "ch4", "S-1", 0, 1);
		wait_s(&w, 60);
	}
	check_near(of(&w, "S-1").loss, 0, 0.01);
	close_ward(&w);
}

TEST(clocks_and_batteries)
{
	struct ward w;
	struct thing_health h;

	open_ward(&w);
	begin(&w);
	read_at(&w, "ch4", "S-1", 300, 1);
	read_at(&w, "battery", "S-1", 299, 80);
	h = of(&w, "S-1");
	check_near(h.skew_s, -300, 1);
	check_near(h.battery, 80, 0);
	check_eq_i(h.flags, HEALTH_SKEWED);
	for (int i = 0; i < 60; i++) {
		wait_s(&w, 60);
		read_at(&w, "battery", "S-1", 0, 29);
	}
	h = of(&w, "S-1");
	check_near(h.skew_s, 0, 1);
	check_eq_i(h.flags, HEALTH_LOW);
	/* An old reading that comes late says nothing of now. */
	read_at(&w, "battery", "S-1", 600, 100);
	check_near(of(&w, "S-1").battery, 29, 0);
	close_ward(&w);
}

TEST(who_is_not_known_has_its_health_too)
{
	struct ward w;
	struct thing_health h;

	open_ward(&w);
	begin(&w);
	check(!health_of(w.h, STR_LIT("X-1"), &h));
	check_eq_i(h.flags, 0);
	read_at(&w, "ch4", "X-1", 0, 1);
	check(health_of(w.h, STR_LIT("X-1"), &h));
	check(h.seen == clock_now(w.clock));
	check_eq_i(h.interval_s, 0);
	check_eq_i(of(&w, "S-2").flags, w.c->kinds > 0 && of(&w, "S-2").reports ? HEALTH_NEVER : 0);
	close_ward(&w);
}

TEST(a_thing_may_say_its_own_interval)
{
	struct ward w;

	open_ward(&w);
	for (int i = 0; i < w.c->kinds; i++)
		if (strcmp(w.c->kind[i].code, "sensor") == 0)
			w.c->kind[i].interval_field = "depth"; /* any number of the town's will do */
	put_own(&w, "P-1", "{\"model\":\"M\",\"depth\":10}");
	put_own(&w, "P-2", "{\"model\":\"M\"}");
	begin(&w);
	read_at(&w, "ch4", "P-1", 0, 1);
	read_at(&w, "ch4", "P-2", 0, 1);
	check_eq_i(of(&w, "P-1").interval_s, 10);
	check_eq_i(of(&w, "P-2").interval_s, 60);
	wait_s(&w, 31);
	check_eq_i(of(&w, "P-1").flags, HEALTH_SILENT);
	check_eq_i(of(&w, "P-2").flags, 0);
	/* It is changed while it is silent. */
	put_own(&w, "P-1", "{\"model\":\"M\",\"depth\":9}");
	check_eq_i(of(&w, "P-1").interval_s, 9);
	put_own(&w, "P-1", "{\"model\":\"M\"}");
	check_eq_i(of(&w, "P-1").flags, 0);
	wait_s(&w, 60);
	put_own(&w, "P-2", "{\"model\":\"M\",\"depth\":5}");
	check_eq_i(of(&w, "P-2").flags, HEALTH_SILENT);
	check_eq_i(of(&w, "P-1").flags, 0);
	close_ward(&w);
}

/* ---- tallies, and who follows ---- */

#define MANY 60

struct slow { /* what one would find by looking at everything */
	time_us seen;
	bool silent;
};

static const char *one_of(int i)
{
	static char code[16];

	snprintf(code, sizeof(code), "M-%02d", i);
	return code;
}

static uint32_t dice = 7;

static int any(int n)
{
	dice = dice * 1103515245 + 12345;
	return (int)((dice >> 8) % (uint32_t)n);
}

struct sums {
	int64_t things, flag[HEALTH_FLAGS], groups;
};

static void add_up(void *ctx, const struct health_group *g)
{
	struct sums *x = ctx;

	x->groups++;
	x->things += g->things;
	for (int i = 0; i < HEALTH_FLAGS; i++)
		x->flag[i] += g->flag[i];
}

static void put(struct ward *w, int i, const char *region)
{
	struct err e = ERR_INIT;

	check_ok(thing_put(w->r, w->t.store, w->c,
	                 &(struct thing_in){.code = one_of(i),
	                         .kind = "sensor",
	                         .name = "n",
	                         .attrs = "{\"model\":\"M1\"}",
	                         .org = "",
	                         .region = region,
	                         .at = {NAN, NAN}},
	                 1, &who_system, &e),
	        &e);
}

static void look(
        struct ward *w, const struct slow *x, const bool *there, unsigned *followed, uint64_t *version)
{
	struct sums want = {0}, have = {0};
	struct arena *a = arena_new(0);
	struct health_change *change = NULL;
	const char **code = NULL;
	size_t n = 0, muted = 0;

	for (int i = 0; i < MANY; i++) {
		struct thing_health h = of(w, one_of(i));
		unsigned flags = x[i].seen == TIME_NONE ? (there[i] ? HEALTH_NEVER : 0)
		                 : x[i].silent          ? HEALTH_SILENT
		                                        : 0;

		check_eq_i(h.flags & (HEALTH_NEVER | HEALTH_SILENT), flags);
		muted += there[i] && flags != 0;
		want.things += there[i];
		for (int k = 0; k < HEALTH_FLAGS; k++)
			want.flag[k] += there[i] && (h.flags & 1u << k) != 0;
	}
	/* Those of the town that are not of this test never sent. */
	for (int i = 1; i <= 3; i++) {
		char other[8];

		snprintf(other, sizeof(other), "S-%d", i);
		if (of(w, other).flags == HEALTH_NEVER)
			want.things++, want.flag[0]++, muted++;
	}
	health_groups(w->h, add_up, &have);
	check_eq_i(have.things, want.things);
	for (int k = 0; k < HEALTH_FLAGS; k++)
		check_eq_i(have.flag[k], want.flag[k]);
	check(health_flagged(w->h, HEALTH_NEVER | HEALTH_SILENT, 1000, a, &code, &n));
	check_eq_i((int64_t)n, (int64_t)muted);
	for (size_t i = 1; i < n; i++)
		check(strcmp(code[i - 1], code[i]) < 0);
	check(muted == 0 || !health_flagged(w->h, HEALTH_NEVER | HEALTH_SILENT, muted - 1, a, &code, &n));
	check(health_changes(w->h, *version, a, &change, &n, version));
	for (size_t i = 0; i < n; i++)
		if (change[i].code[0] == 'M')
			followed[(change[i].code[2] - '0') * 10 + change[i].code[3] - '0'] = change[i].flags;
	for (int i = 0; i < MANY; i++)
		check_eq_i(followed[i], of(w, one_of(i)).flags);
	arena_free(&a);
}

TEST(tallies_and_changes_say_what_looking_at_all_would)
{
	struct slow x[MANY];
	bool there[MANY] = {false};
	unsigned followed[MANY] = {0};
	uint64_t version = 0;
	time_us since;
	struct ward w;

	open_ward(&w);
	begin(&w);
	for (int i = 0; i < MANY; i++)
		x[i] = (struct slow){.seen = TIME_NONE};
	since = clock_now(w.clock);
	for (int round = 0; round < 300; round++) {
		int i = any(MANY), what = any(10);
		time_us now;

		if (what < 5) {
			double ago = any(3) == 0 ? any(150) : 0;
			time_us t = clock_now(w.clock) - (dur_us)(ago * 1e6);

			read_at(&w, any(4) == 0 ? "battery" : "ch4", one_of(i), ago, any(100));
			if (x[i].seen == TIME_NONE || t > x[i].seen)
				x[i].seen = t;
		} else if (what < 7) {
			put(&w, i, any(2) == 0 ? "1001" : "1002");
			there[i] = true;
		} else if (what < 9) {
			wait_s(&w, any(100));
		} else if (any(10) == 0) {
			jump_s(&w, 4000);
			since = clock_now(w.clock);
		}
		now = clock_now(w.clock);
		for (int k = 0; k < MANY; k++) {
			dur_us quiet = there[k] ? 180 * US_SECOND : HEALTH_SILENT_AFTER;
			time_us from = x[k].seen > since ? x[k].seen : since;

			x[k].silent = x[k].seen != TIME_NONE &&
			              (now - from > quiet || (x[k].silent && now - x[k].seen > quiet));
		}
		look(&w, x, there, followed, &version);
	}
	close_ward(&w);
}

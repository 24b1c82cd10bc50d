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
	check_ok(registry_new(w->t.store, &w->r, &e), &e);
	check_ok(catalog_load(w->t.store, &w->c, &e), &e);
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

static void wait_s(struct ward *w, int s)
{
	clock_set(w->clock, clock_now(w->clock) + s * US_SECOND);
}

static struct thing_health of(struct ward *w, const char *code)
{
	const struct snapshot *s = registry_hold(w->r);
	struct thing_health h = {0};

	health_of(w->h, snapshot_thing(s, str_of(code)), clock_now(w->clock), &h);
	registry_release(w->r, s);
	return h;
}

TEST(silence_counts_from_the_last_reading_or_from_when_one_began_to_listen)
{
	struct ward w;

	open_ward(&w);
	read_at(&w, "ch4", "S-1", 0, 1);
	wait_s(&w, 7200); /* the program was down */
	begin(&w);
	check(of(&w, "S-1").seen != TIME_NONE);
	check_eq_i(of(&w, "S-1").flags, 0);
	wait_s(&w, 181);
	check_eq_i(of(&w, "S-1").flags, HEALTH_SILENT);
	health_tick(w.h); /* 181 s at once: the clock has jumped */
	check_eq_i(health_listening(w.h) == clock_now(w.clock), true);
	check_eq_i(of(&w, "S-1").flags, 0);
	wait_s(&w, 100);
	health_tick(w.h);
	check_eq_i(of(&w, "S-1").flags, 0);
	wait_s(&w, 100);
	health_tick(w.h);
	check_eq_i(of(&w, "S-1").flags, HEALTH_SILENT);
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
	check(!health_of_code(w.h, STR_LIT("X-1"), &h));
	check_eq_i(h.flags, 0);
	read_at(&w, "ch4", "X-1", 0, 1);
	check(health_of_code(w.h, STR_LIT("X-1"), &h));
	check(h.seen == clock_now(w.clock));
	check_eq_i(h.interval_s, 0);
	check_eq_i(of(&w, "S-2").flags, w.c->kinds > 0 && of(&w, "S-2").reports ? HEALTH_NEVER : 0);
	close_ward(&w);
}

#include "check.h"
#include "town.h"

#include <math.h>
#include <pthread.h>

static struct registry *open_registry(struct town *t)
{
	struct registry *r = NULL;
	struct err e = ERR_INIT;

	town_install(t);
	check_ok(registry_new(t->store, NULL, &r, &e), &e);
	return r;
}

TEST(finds_by_code_and_place)
{
	struct town t;
	struct registry *r = open_registry(&t);
	const struct snapshot *s = registry_hold(r);

	check_eq_i(s->regions, 4);
	check_eq_s(snapshot_region(s, "1001")->name, "东区");
	check(snapshot_region(s, "9") == NULL);
	check_eq_s(snapshot_unit(s, "1002001")->code, "1002");
	check(snapshot_unit(s, "10") == NULL);
	check(snapshot_unit(s, "") == NULL);
	check_eq_s(snapshot_locate(s, (struct geo_point){120.5, 33.5})->code, "1001");
	check(snapshot_locate(s, (struct geo_point){110, 33.5}) == NULL);
	check(snapshot_locate(s, (struct geo_point){NAN, NAN}) == NULL);
	check_eq_s(snapshot_thing(s, STR_LIT("S-2"))->unit_region, "1002");
	check(snapshot_thing(s, STR_LIT("S-1"))->demo);
	check(snapshot_thing(s, STR_LIT("S")) == NULL);
	check_near(snapshot_region(s, "1001")->at.lon, 120.5, 0.01);
	registry_release(r, s);
	registry_free(&r);
	town_close(&t);
}

static const char *zone_in(struct registry *r, const struct catalog *c, struct town *t, const char *code)
{
	const struct snapshot *s = registry_hold(r);
	const struct zone *z = thing_zone(c, snapshot_thing(s, str_of(code)));
	const char *out = arena_strdup(t->a, zone_name(z));

	registry_release(r, s);
	return out;
}

/* The own one, the kind's, that of the nearest region that says one, the city's. */
TEST(a_thing_is_in_the_zone_of_its_region)
{
	struct thing_in in = {.code = "S-9",
	        .kind = "sensor",
	        .name = "九",
	        .region = "1002001",
	        .at = {NAN, NAN},
	        .attrs = "{\"model\":\"M1\"}"};
	const char *dir = town_pack();
	struct pack_report report;
	struct catalog *c = NULL;
	struct registry *r = NULL;
	struct err e = ERR_INIT;
	struct town t;

	town_write(dir, "regions.csv",
	        "code,parent,level,name,unit,zone\n10,,2,小城,,\n1001,10,3,东区,1,\n"
	        "1002,10,3,西区,1,Asia/Urumqi\n1002001,1002,4,西街,,\n");
	town_open(&t);
	check_ok(pack_install(t.store, dir, "test", t.a, &report, &e), &e);
	check_ok(catalog_load(t.store, &c, &e), &e);
	check_ok(registry_new(t.store, c, &r, &e), &e);
	check_eq_s(zone_in(r, c, &t, "S-1"), "Asia/Shanghai"); /* in 1001 */
	check_eq_s(zone_in(r, c, &t, "S-2"), "Asia/Urumqi");   /* in 1002 or below it */
	check_ok(thing_put(r, t.store, c, &in, 1, &who_system, &e), &e);
	check_eq_s(zone_in(r, c, &t, "S-9"), "Asia/Urumqi");
	in.region = "1001";
	check_ok(thing_put(r, t.store, c, &in, 1, &who_system, &e), &e);
	check_eq_s(zone_in(r, c, &t, "S-9"), "Asia/Shanghai");
	registry_free(&r);
	catalog_free(&c);
	town_close(&t);
}

TEST(virtual_labels_follow_the_thing)
{
	struct town t;
	struct registry *r = open_registry(&t);
	struct series_virtual v = registry_virtual(r);
	struct str value[3];

	v.values(v.ctx, STR_LIT("S-1"), t.a, value);
	check_str(value[0], "sensor");
	check_str(value[1], "works");
	check_str(value[2], "1001");
	v.values(v.ctx, STR_LIT("nothing"), t.a, value);
	check(value[0].p == NULL);
	registry_free(&r);
	town_close(&t);
}

TEST(puts_things_and_keeps_old_snapshots)
{
	struct town t;
	struct registry *r = open_registry(&t);
	const struct snapshot *before = registry_hold(r), *after;
	struct catalog *c = NULL;
	struct err e = ERR_INIT;
	struct thing_in in[2] = {{.code = "S-3",
	                                 .kind = "sensor",
	                                 .name = "三号",
	                                 .at = {120.1, 33.1},
	                                 .attrs = "{\"model\":\"M\"}"},
	        {.code = "S-4",
	                .kind = "sensor",
	                .name = "四号",
	                .region = "1002",
	                .at = {NAN, NAN},
	                .attrs = "{\"model\":\"M\"}"}};

	check_ok(catalog_load(t.store, &c, &e), &e);
	check_ok(thing_put(r, t.store, c, in, 2, &who_system, &e), &e);
	check_eq_i(thing_map_count(before->things), 2);
	after = registry_hold(r);
	check_eq_i(thing_map_count(after->things), 4);
	check_eq_s(snapshot_thing(after, STR_LIT("S-3"))->region, "1001"); /* found from its place */
	registry_release(r, after);
	registry_release(r, before);

	in[1].attrs = "{}";
	check_err(thing_put(r, t.store, c, in, 2, &who_system, &e), ERR_INVALID);
	check_eq_i(e.line, 2);
	check_eq_s(e.field, "model");
	in[1].attrs = "{\"model\":\"M\",\"depth\":\"deep\"}";
	check_err(thing_put(r, t.store, c, in, 2, &who_system, &e), ERR_INVALID);
	check_eq_s(e.field, "depth");
	in[0].kind = "valve";
	check_err(thing_put(r, t.store, c, in, 1, &who_system, &e), ERR_INVALID);
	check_eq_s(e.field, "kind");
	catalog_free(&c);
	registry_free(&r);
	town_close(&t);
}

static void *look(void *arg)
{
	struct registry *r = arg;

	for (int i = 0; i < 2000; i++) {
		const struct snapshot *s = registry_hold(r);

		if (snapshot_thing(s, STR_LIT("S-1")) == NULL)
			check_fail("a thing was lost");
		registry_release(r, s);
	}
	return NULL;
}

TEST(readers_and_reloads_at_once)
{
	struct town t;
	struct registry *r = open_registry(&t);
	struct err e = ERR_INIT;
	pthread_t thread[3];

	for (int i = 0; i < 3; i++)
		must(pthread_create(&thread[i], NULL, look, r) == 0);
	for (int i = 0; i < 20; i++)
		check_ok(registry_reload(r, t.store, &e), &e);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	registry_free(&r);
	town_close(&t);
}

static struct thing_in sensor(const char *code, const char *region)
{
	return (struct thing_in){.code = code,
	        .kind = "sensor",
	        .name = code,
	        .region = region,
	        .at = {NAN, NAN},
	        .attrs = "{\"model\":\"M\"}"};
}

TEST(says_what_has_changed)
{
	struct town t;
	struct registry *r = open_registry(&t);
	struct registry_changes x = {0};
	struct catalog *c = NULL;
	struct err e = ERR_INIT;
	uint64_t before = registry_version(r);
	struct thing_in in = sensor("S-1", "1002");
	const char *nobody = "nobody";

	check_ok(catalog_load(t.store, &c, &e), &e);
	check(registry_changes(r, before, t.a, &x));
	check_eq_i(x.n, 0);
	check(!registry_changes(r, 0, t.a, &x)); /* whoever never looked */
	check_ok(thing_put(r, t.store, c, &in, 1, &who_system, &e), &e);
	check(registry_changes(r, before, t.a, &x));
	check_eq_i(x.n, 1);
	check_eq_s(x.code[0], "S-1");
	check_eq_i(x.version > before, true);
	check_ok(registry_follow(r, t.store, &nobody, 1, &e), &e); /* does no harm */
	check(registry_changes(r, x.version, t.a, &x));
	check_eq_i(x.n, 1);
	check_ok(registry_reload(r, t.store, &e), &e);
	check(!registry_changes(r, x.version, t.a, &x));
	check(registry_changes(r, registry_version(r), t.a, &x));
	catalog_free(&c);
	registry_free(&r);
	town_close(&t);
}

static void *hold_long(void *arg)
{
	struct registry *r = arg;

	for (int i = 0; i < 200; i++) {
		const struct snapshot *s[5];

		for (int k = 0; k < 5; k++)
			s[k] = registry_hold(r);
		for (int k = 0; k < 5; k++) { /* a thing stays what it was as long as it is held */
			const struct thing *x = snapshot_thing(s[k], STR_LIT("S-1"));

			if (x == NULL || x != snapshot_thing(s[k], STR_LIT("S-1")) ||
			        strlen(x->name) + strlen(x->region) == 0)
				check_fail("a thing was lost");
		}
		for (int k = 0; k < 5; k++)
			registry_release(r, s[(k * 3 + 1) % 5]);
	}
	return NULL;
}

TEST(readers_and_changes_of_one_thing_at_once)
{
	struct town t;
	struct registry *r = open_registry(&t);
	const struct snapshot *first = registry_hold(r);
	struct catalog *c = NULL;
	struct err e = ERR_INIT;
	pthread_t thread[3];

	check_ok(catalog_load(t.store, &c, &e), &e);
	for (int i = 0; i < 3; i++)
		must(pthread_create(&thread[i], NULL, hold_long, r) == 0);
	for (int i = 0; i < 30; i++) {
		struct thing_in in = sensor("S-1", i % 2 != 0 ? "1001" : "1002");

		check_ok(thing_put(r, t.store, c, &in, 1, &who_system, &e), &e);
	}
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	check_eq_s(snapshot_thing(first, STR_LIT("S-1"))->region, "1001"); /* thirty versions ago */
	registry_release(r, first);
	catalog_free(&c);
	registry_free(&r);
	town_close(&t);
}

#include "base/file.h"
#include "city/map_int.h"
#include "city/health.h"
#include "mini.h"
#include "mvt_text.h"

#include <math.h>
#include <unistd.h>

/* ---- against a list ---- */

#define THINGS 1500
#define REGIONS 6
#define ORGS 4
#define KINDS 3

static uint64_t state;

static uint32_t any(uint32_t n)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((state >> 33) % n);
}

static const char *const regions[] = {"1001", "1001001", "1002", "1002001", "2001", ""},
                         *const orgs[] = {"works", "works-1001", "water", ""},
                         *const kinds[] = {"lamp", "vault", "well"};

struct listed { /* what the map should know of a thing */
	bool here, placed, has_case;
	unsigned mute;
	int kind, region, org, level, alarm_region, case_org; /* level 0: no alarm */
	bool acked;
	struct geo_point at;
};
struct pretend {
	struct city_map m;
	struct site site;
	struct catalog catalog;
	struct kind kind[KINDS];
	struct listed x[THINGS];
};

static void pretend_open(struct pretend *p)
{
	*p = (struct pretend){.m.site = &p->site};
	for (int i = 0; i < KINDS; i++)
		p->kind[i] = (struct kind){.code = kinds[i], .thing = true, .secrecy = i == 1 ? 3 : 1};
	p->catalog = (struct catalog){.kind = p->kind, .kinds = KINDS};
	p->site.catalog = &p->catalog;
	map__tables_init(&p->m);
}

static const char *code(int i)
{
	static char out[16];

	snprintf(out, sizeof(out), "T-%04d", i);
	return out;
}

static struct map_thing thing_of(const struct listed *x, const char *c)
{
	return (struct map_thing){.code = c,
	        .kind = kinds[x->kind],
	        .name = "井",
	        .name_en = "Well",
	        .region = regions[x->region],
	        .org = orgs[x->org],
	        .at = {x->placed ? x->at.lon : NAN, x->placed ? x->at.lat : NAN},
	        .mute = x->mute};
}

static void put(struct pretend *p, int i)
{
	struct listed *x = &p->x[i];
	struct map_thing t;
	double wide = any(2) ? 0.01 : 1;

	x->here = true;
	x->placed = any(10) > 0;
	x->kind = (int)any(KINDS);
	x->region = (int)any(REGIONS);
	x->org = (int)any(ORGS);
	x->at = (struct geo_point){120 + wide * any(1000) / 1000, 33 + wide * any(1000) / 1000};
	t = thing_of(x, code(i));
	map__thing(&p->m, &t);
}

/* Every thing has at most one alarm here, of its own number. */
static void change(struct pretend *p, int i)
{
	struct listed *x = &p->x[i];

	switch (any(7)) {
	case 0:
		map__thing_gone(&p->m, code(i));
		x->here = false;
		break;
	case 1:
	case 2:
		x->level = 1 + (int)any(4);
		x->alarm_region = (int)any(REGIONS);
		x->acked = any(2);
		map__alarm(&p->m, code(i),
		        &(struct map_alarm){.id = i + 1,
		                .rule = "Leak",
		                .summary = "high",
		                .region = regions[x->alarm_region],
		                .org = "",
		                .level = x->level,
		                .acked = x->acked});
		break;
	case 3:
		map__alarm_gone(&p->m, code(i), i + 1);
		x->level = 0;
		break;
	case 4:
		x->has_case = any(2);
		x->case_org = (int)any(ORGS);
		map__case(&p->m, code(i), x->has_case ? "" : NULL, orgs[x->case_org], "");
		break;
	case 5:
		if (map__spot_of(&p->m, code(i)) == INTERN_NONE)
			break;
		x->mute = (const unsigned[]){0, MAP_SILENT, MAP_NEVER}[any(3)];
		map__mute(&p->m, map__spot_of(&p->m, code(i)), x->mute);
		break;
	default: put(p, i);
	}
}

/* 0: not seen, else 1 + level as seen; *states as the map tells them. */
static int seen(const struct pretend *p, const struct map_ask *ask, const struct listed *x, unsigned *states)
{
	const struct who *w = ask->who;
	bool alarms = ask->layer == MAP_ALARMS, alarm;
	int level;

	*states = 0;
	if (!x->here || !x->placed ||
	        !who_sees(w, regions[x->region], orgs[x->org], p->kind[x->kind].secrecy))
		return 0;
	if (ask->kinds != NULL && strcmp(ask->kinds[0], kinds[x->kind]) != 0)
		return 0;
	alarm = x->level > 0 && who_sees(w, regions[x->alarm_region], "", 1);
	if (alarms && !alarm)
		return 0;
	level = alarm ? x->level : 0;
	*states |= alarm ? MAP_ALARM : 0;
	if (alarms) {
		*states |= x->acked ? MAP_ACKED : 0;
	} else {
		*states |= x->mute;
		*states |= x->has_case && who_sees(w, "", orgs[x->case_org], 1) ? MAP_CASE : 0;
	}
	if ((ask->levels != 0 && !(ask->levels & 1u << level)) ||
	        (ask->states != 0 && !(ask->states & *states)))
		return 0;
	return 1 + level;
}

static struct geo_cell shown_at(const struct map_ask *ask, const struct listed *x)
{
	return geo_to_web(geo_to(ask->crs, x->at));
}

static void check_counts(struct pretend *p, const struct map_ask *ask)
{
	struct geo_box box = {120 + any(500) / 1000.0, 33 + any(500) / 1000.0, 0, 0};
	struct arena *a = arena_new(0);
	struct map_counts is, want = {0};
	struct geo_cell nw, se;

	box.e = box.w + any(1000) / 1000.0;
	box.n = box.s + any(1000) / 1000.0;
	nw = geo_to_web((struct geo_point){box.w, box.n});
	se = geo_to_web((struct geo_point){box.e, box.s}); /* places count by their cells, 9 mm */
	for (int i = 0; i < THINGS; i++) {
		const struct listed *x = &p->x[i];
		unsigned states;
		int level = seen(p, ask, x, &states) - 1;
		struct geo_cell at = shown_at(ask, x);

		if (level < 0 || at.x < nw.x || at.x > se.x || at.y < nw.y || at.y > se.y)
			continue;
		want.total++;
		want.of_level[level]++;
		for (int s = 0; s < MAP_STATES; s++)
			want.of_state[s] += (states & 1u << s) != 0;
	}
	map__count(&p->m, ask, &box, a, &is);
	check_eq_u(is.total, want.total);
	check(memcmp(is.of_level, want.of_level, sizeof(want.of_level)) == 0);
	check(memcmp(is.of_state, want.of_state, sizeof(want.of_state)) == 0);
	arena_free(&a);
}

/* Every point that is seen is in one feature of one tile: as itself, or counted in a cluster. */
static void check_tiles(struct pretend *p, const struct map_ask *ask, int z)
{
	/* Shifted ones lie up to 1.5 km beside it. */
	struct geo_cell nw = geo_to_web((struct geo_point){119.98, 34.02}),
	                se = geo_to_web((struct geo_point){121.02, 32.98});
	struct sb tile = SB_INIT, text = SB_INIT;
	long count = 0, want = 0, alarms = 0, want_alarms = 0;

	for (uint32_t y = nw.y >> (32 - z); y <= se.y >> (32 - z); y++)
		for (uint32_t x = nw.x >> (32 - z); x <= se.x >> (32 - z); x++) {
			sb_reset(&tile);
			map__tile(&p->m, ask, z, x, y, &tile);
			mvt_text_of(sb_str(&tile), &text);
			check(strcmp(text.p, "broken") != 0);
			for (const char *line = text.p; *line != '\0'; line = strchr(line, '\n') + 1) {
				long n = 1, with = strstr(line, " level=0") == NULL ||
				                   strstr(line, " level=0") > strchr(line, '\n');
				const char *c = strstr(line, "point_count="), *k;

				if (c != NULL && c < strchr(line, '\n')) {
					n = strtol(c + 12, NULL, 10);
					k = strstr(line, "alarms=");
					while (k != NULL && k < c)
						k = strstr(k + 1, "alarms=");
					with = k != NULL ? strtol(k + 7, NULL, 10) : -1;
					check(n > 1);
				}
				count += n;
				alarms += with;
			}
		}
	for (int i = 0; i < THINGS; i++) {
		unsigned states;
		int level = seen(p, ask, &p->x[i], &states) - 1;

		want += level >= 0;
		want_alarms += level > 0;
	}
	check_eq_i(count, want);
	check_eq_i(alarms, want_alarms);
	sb_fini(&tile);
	sb_fini(&text);
}

static bool tile_has(struct pretend *p, const struct map_ask *ask, int z, uint32_t x, uint32_t y, int i)
{
	struct sb tile = SB_INIT, text = SB_INIT;
	char word[32];
	bool has;

	snprintf(word, sizeof(word), "code=%s ", code(i));
	map__tile(&p->m, ask, z, x, y, &tile);
	mvt_text_of(sb_str(&tile), &text);
	has = strstr(text.p, word) != NULL;
	sb_fini(&tile);
	sb_fini(&text);
	return has;
}

/* What is seen is in the tile in which it is shown, and in none beside that. */
static void check_place(struct pretend *p, const struct map_ask *ask, int i)
{
	enum { Z = 20 };
	const struct geo_cell at = shown_at(ask, &p->x[i]);
	const uint32_t x = at.x >> (32 - Z), y = at.y >> (32 - Z);
	unsigned states;
	const bool there = seen(p, ask, &p->x[i], &states) > 0;

	for (int dy = -1; dy <= 1; dy++)
		for (int dx = -1; dx <= 1; dx++)
			check_eq_i(tile_has(p, ask, Z, x + (uint32_t)dx, y + (uint32_t)dy, i),
			        there && dx == 0 && dy == 0);
}

static void check_reader(struct pretend *p)
{
	static const char *const scopes[][3] = {{"1001"}, {"1002", "2001"}, {"9"}},
	                         *const duties[][2] = {{"works"}, {"water"}}, *const some[] = {"well", NULL};
	const struct who w = {.scope = {.regions = any(3) ? scopes[any(3)] : NULL,
	                              .orgs = any(2) ? duties[any(2)] : NULL,
	                              .clearance = any(2) ? 4 : 1}};
	const struct map_ask ask = {.who = &w,
	        .layer = any(2) ? MAP_ALARMS : MAP_THINGS,
	        .crs = (enum geo_crs)any(GEO_CRS),
	        .kinds = any(3) ? NULL : some,
	        .levels = any(2) ? 0 : any(32),
	        .states = any(2) ? 0 : any(16)};

	map__show_in(&p->m, ask.crs); /* some when much is there already */
	check_counts(p, &ask);
	check_tiles(p, &ask, (int)(7 + any(4)));
	check_place(p, &ask, (int)any(THINGS));
}

TEST(every_reader_is_told_of_his_own_alone)
{
	static struct pretend p;

	state = 11;
	pretend_open(&p);
	for (int i = 0; i < THINGS; i += 2)
		put(&p, i);
	for (int round = 0; round < 60; round++) {
		for (int i = 0; i < 400; i++)
			change(&p, (int)any(THINGS));
		for (int i = 0; i < 5; i++)
			check_reader(&p);
	}
	check(map__bytes(&p.m) > 0);
	map__tables_fini(&p.m);
}

/* ---- tiles ---- */

static void town(struct pretend *p, int n)
{
	pretend_open(p);
	for (int i = 0; i < n; i++) {
		const struct map_thing t = {.code = code(i),
		        .kind = kinds[2 * (i % 2)],
		        .name = i == 3 ? "一口名字非常长的窨井位于解放南路与建军中路交叉口东北角人行道上"
		                       : "井",
		        .name_en = "Well",
		        .region = "1001",
		        .org = "works",
		        .at = {120.1 + 0.0007 * (i % 40), 33.3 + 0.0005 * (i / 40)}};

		map__thing(&p->m, &t);
		if (i % 50 == 3)
			map__alarm(&p->m, code(i),
			        &(struct map_alarm){.id = INT64_MAX - i,
			                .rule = "Leak",
			                .summary = "甲烷",
			                .region = "1001",
			                .org = "works",
			                .level = 1 + i / 50 % 4});
	}
}

static void tile_at(struct pretend *p, enum map_layer layer, int z, double lon, double lat, struct sb *out)
{
	static const struct who all = {.scope = {.clearance = 4}};
	struct geo_cell at = geo_to_web((struct geo_point){lon, lat});

	map__tile(&p->m, &(struct map_ask){.who = &all, .layer = layer}, z,
	        (uint32_t)((uint64_t)at.x >> (32 - z)), (uint32_t)((uint64_t)at.y >> (32 - z)), out);
}

/* tests/data/tiles: read by web/test/tilemap.test.ts with the reader that others use. HEMING_GOLDEN=write. */
TEST(tiles_are_those_that_others_read)
{
	static const struct {
		const char *name;
		enum map_layer layer;
		int z;
	} tiles[] = {
	        {"things-11", MAP_THINGS, 11}, {"things-17", MAP_THINGS, 17}, {"alarms-15", MAP_ALARMS, 15}};
	const char *mode = getenv("HEMING_GOLDEN");
	static struct pretend p;
	struct arena *a = arena_new(0);

	town(&p, 600);
	for (size_t i = 0; i < ARRAY_LEN(tiles); i++) {
		const char *path = arena_printf(a, SOURCE "/tests/data/tiles/%s", tiles[i].name);
		struct sb tile = SB_INIT, text = SB_INIT;
		struct str golden = STR_NULL, words = STR_NULL;
		struct err e = ERR_INIT;

		tile_at(&p, tiles[i].layer, tiles[i].z, 120.102, 33.301, &tile);
		mvt_text_of(sb_str(&tile), &text);
		if (mode != NULL && strcmp(mode, "write") == 0) {
			check_ok(file_write(arena_printf(a, "%s.mvt", path), tile.p, tile.n, 0644, &e), &e);
			check_ok(file_write(arena_printf(a, "%s.txt", path), text.p, text.n, 0644, &e), &e);
		}
		check_ok(file_read(a, arena_printf(a, "%s.mvt", path), 1 << 20, &golden, &e), &e);
		check_ok(file_read(a, arena_printf(a, "%s.txt", path), 1 << 20, &words, &e), &e);
		check(str_eq(golden, sb_str(&tile)));
		check(str_eq(words, sb_str(&text)));
		sb_fini(&tile);
		sb_fini(&text);
	}
	map__tables_fini(&p.m);
	arena_free(&a);
}

TEST(a_tile_stays_small_however_much_is_in_it)
{
	static struct pretend p;
	struct sb tile = SB_INIT, text = SB_INIT, name = SB_INIT;

	pretend_open(&p);
	for (int i = 0; i < 20; i++)
		sb_puts(&name, "很长的名字");
	for (int i = 0; i < 9000; i++) {
		const struct map_thing t = {.code = code(i),
		        .kind = "well",
		        .name = name.p,
		        .name_en = name.p,
		        .region = "",
		        .org = "",
		        .at = {120.1, 33.3 + i / 100000000.0}};

		map__thing(&p.m, &t);
	}
	for (int z = 0; z <= MAP_ZOOM_MOST; z++) {
		sb_reset(&tile);
		tile_at(&p, MAP_THINGS, z, 120.1, 33.3, &tile);
		check(tile.n > 0 && tile.n < 200000);
		mvt_text_of(sb_str(&tile), &text);
		check(strcmp(text.p, "broken") != 0);
	}
	sb_fini(&name);
	sb_fini(&tile);
	sb_fini(&text);
	map__tables_fini(&p.m);
}

/* ---- in step with a city ---- */

static struct map_counts counts(struct mini *m, const struct who *who, enum map_layer layer)
{
	struct map_counts out = {0};
	struct err e = ERR_INIT;

	check_ok(map_count(m->s->map, &(struct map_ask){.who = who, .layer = layer},
	                 &(struct geo_box){119, 32, 122, 35}, m->a, &out, &e),
	        &e);
	return out;
}

/* The journal tells the map, and on PostgreSQL a moment after the change. */
static bool becomes(struct mini *m, enum map_layer layer, size_t counted, uint32_t n)
{
	for (int i = 0; i < 2000; i++) {
		struct map_counts c = counts(m, &who_system, layer);

		if (*(const uint32_t *)(const void *)((const char *)&c + counted) == n)
			return true;
		usleep(5000);
	}
	return false;
}

#define OF_LEVEL(n) (offsetof(struct map_counts, of_level) + (n) * sizeof(uint32_t))
#define OF_STATE(n) (offsetof(struct map_counts, of_state) + (n) * sizeof(uint32_t))

MINI(follows_alarms_and_cases, true)
{
	struct err e = ERR_INIT;
	struct alarm *list = NULL;
	struct store_tx *tx = NULL;
	int64_t id = 0;
	int n = 0;

	check_eq_u(counts(m, &who_system, MAP_THINGS).total, 2);
	check(becomes(m, MAP_THINGS, OF_LEVEL(0), 2));
	mini_reading(m, "ch4", "S-1", 30);
	mini_set(m, "2026-07-14T08:00:20+08:00");
	check(becomes(m, MAP_THINGS, OF_LEVEL(1), 1));
	check(becomes(m, MAP_THINGS, OF_STATE(1), 1)); /* the case that it opened */
	check(becomes(m, MAP_ALARMS, OF_LEVEL(1), 1));
	if (check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e) &&
	        check_ok(alarm_list(tx, &who_system,
	                         &(struct alarm_filter){.open = true, .rule = "Leak", .limit = 9}, &list, &n,
	                         &e),
	                &e) &&
	        check(n == 1))
		id = list[0].id;
	store_read_end(&tx);
	check_ok(alarm_ack(m->s, id, &m->desk, &e), &e);
	check(becomes(m, MAP_ALARMS, OF_STATE(3), 1));
	mini_again(m, true);
	check(becomes(m, MAP_ALARMS, OF_STATE(3), 1));
	check(becomes(m, MAP_THINGS, OF_STATE(1), 1));
	mini_set(m, "2026-07-14T08:00:40+08:00");
	mini_reading(m, "ch4", "S-1", 1);
	mini_set(m, "2026-07-14T08:01:00+08:00");
	check(becomes(m, MAP_ALARMS, OF_LEVEL(1), 0));
	check(becomes(m, MAP_THINGS, OF_LEVEL(1), 0));
}

MINI(follows_the_registry, false)
{
	struct thing_in in = {
	        .code = "S-9", .kind = "sensor", .name = "九号", .region = "1002", .at = {120.5, 33.5}};
	struct err e = ERR_INIT;

	check_eq_u(counts(m, &who_system, MAP_THINGS).total, 2);
	check_ok(thing_put(m->s->registry, m->s->store, m->s->catalog, &in, 1, &who_system, &e), &e);
	check_eq_u(counts(m, &who_system, MAP_THINGS).total, 3);
	in.at = (struct geo_point){NAN, NAN};
	check_ok(thing_put(m->s->registry, m->s->store, m->s->catalog, &in, 1, &who_system, &e), &e);
	check_eq_u(counts(m, &who_system, MAP_THINGS).total, 2);
	in.at = (struct geo_point){150, 10};
	check_ok(thing_put(m->s->registry, m->s->store, m->s->catalog, &in, 1, &who_system, &e), &e);
	check_eq_u(counts(m, &who_system, MAP_THINGS).total, 2);
}

/* ---- silence is one thing ---- */

static void add_flags(void *ctx, const struct health_group *g)
{
	uint32_t *n = ctx;

	n[0] += (uint32_t)g->flag[0];
	n[1] += (uint32_t)g->flag[1];
}

static uint32_t by_metric(struct mini *m, const char *query)
{
	const struct promql_storage storage = site_promql(m->s);
	const struct promql_options o = {.storage = &storage};
	struct promql_result out = {0};
	struct promql_expr *x = NULL;
	struct err e = ERR_INIT;

	check_ok(promql_parse(m->a, str_of(query), &x, &e), &e);
	check_ok(promql_instant(x, &o, clock_now(m->s->clock), m->a, &out, &e), &e);
	return (uint32_t)out.n;
}

/* The map, health's tallies, its list and its metric say the same. */
static void check_mute(struct mini *m, uint32_t never, uint32_t silent)
{
	struct map_counts map = counts(m, &who_system, MAP_THINGS);
	uint32_t n[2] = {0};
	const char **code = NULL;
	size_t listed = 0;

	check_eq_u(map.of_state[4], never);
	check_eq_u(map.of_state[2], silent);
	health_groups(m->s->health, add_flags, n);
	check_eq_u(n[0], never);
	check_eq_u(n[1], silent);
	check(health_flagged(m->s->health, HEALTH_SILENT, 100, m->a, &code, &listed));
	check_eq_u(listed, silent);
	check_eq_u(by_metric(m, "heming_thing_health{flag=\"never\"}"), never);
	check_eq_u(by_metric(m, "heming_thing_health{flag=\"silent\"}"), silent);
	check_eq_u(by_metric(m, "count_over_time(heming_thing_health{flag=\"silent\"}[5m])"), silent);
	check_eq_u(by_metric(m, "heming_thing_health{flag=\"silent\"} offset 1h"), 0);
}

static void listen_until(struct mini *m, const char *local)
{
	while (clock_now(m->s->clock) < mini_at(local)) {
		struct err e = ERR_INIT;

		clock_set(m->s->clock, clock_now(m->s->clock) + US_MINUTE);
		check_ok(site_settle(m->s, &e), &e);
	}
}

MINI(silence_is_what_health_says, true)
{
	struct thing_in in = {
	        .code = "S-9", .kind = "sensor", .name = "九号", .region = "1002", .at = {120.5, 33.5}};
	struct err e = ERR_INIT;

	check_mute(m, 2, 0);
	mini_reading(m, "ch4", "S-1", 1);
	mini_reading(m, "ch4", "S-9", 1); /* nobody knows it yet */
	check_mute(m, 1, 0);
	check_ok(thing_put(m->s->registry, m->s->store, m->s->catalog, &in, 1, &who_system, &e), &e);
	check_mute(m, 1, 0);
	listen_until(m, "2026-07-14T08:15:00+08:00");
	check_mute(m, 1, 0);
	mini_reading(m, "ch4", "S-9", 1);
	listen_until(m, "2026-07-14T08:16:00+08:00");
	check_mute(m, 1, 1);
	mini_set(m, "2026-07-14T18:00:00+08:00"); /* a jump */
	check_mute(m, 1, 1);
	mini_reading(m, "ch4", "S-1", 1);
	check_mute(m, 1, 0);
}

/* ---- many at once ---- */

static atomic_bool over;

static void *ask_on(void *arg)
{
	struct pretend *p = arg;

	while (!atomic_load(&over)) {
		struct sb tile = SB_INIT;

		tile_at(p, MAP_THINGS, 12, 120.1, 33.3, &tile);
		tile_at(p, MAP_ALARMS, 17, 120.1, 33.3, &tile);
		if (atomic_load(&p->m.shown) & 1u << CRS_GCJ02)
			map__tile(&p->m, &(struct map_ask){.who = &who_system, .crs = CRS_GCJ02}, 0, 0, 0,
			        &tile);
		sb_fini(&tile);
	}
	return NULL;
}

TEST(is_asked_while_it_changes)
{
	static struct pretend p;
	pthread_t t[3];

	state = 3;
	town(&p, 600);
	atomic_store(&over, false);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		must(pthread_create(&t[i], NULL, ask_on, &p) == 0);
	for (int i = 0; i < 3000; i++) {
		if (i == 1000)
			map__show_in(&p.m, CRS_GCJ02);
		change(&p, (int)any(THINGS));
	}
	atomic_store(&over, true);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	map__tables_fini(&p.m);
}

/*
 * tiles_bench - a map of many things: tiles from the whole city to one house, counts of what is in view,
 * changes, memory.
 *
 *   tiles_bench [THINGS [FILE]]    1,000,000; FILE: the things as CSV (code, lon, lat, kind, level), for a
 * peer
 *
 * The city is 150 by 170 km with a dense centre (six of ten things within some 10 km), 130 towns and a few
 * things anywhere; 24 kinds of 40 departments, one of 200 things has an alarm. Tiles are those around things,
 * so most are where most things are. Times are of the processor, of the thread that asks.
 */
#include "base/clock.h"
#include "base/num.h"
#include "city/map_int.h"

#include <math.h>
#include <time.h>

#define TOWNS 130
#define KINDS 24
#define ASKS 300
#define CHANGES 200000

static uint64_t state = 7;

static double any(void)
{
	state = state * 6364136223846793005u + 1442695040888963407u;
	return (double)(state >> 11) / 9007199254740992.0;
}

static double bell(void)
{
	return sqrt(-2 * log(any() + 1e-300)) * cos(2 * M_PI * any());
}

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* ---- the city ---- */

struct bench {
	struct arena *a;
	struct city_map m;
	struct site site;
	struct catalog catalog;
	struct map_thing *thing;
	size_t n;
};

static struct geo_point town[TOWNS];
static const char *town_code[TOWNS], *org_code[TOWNS][KINDS], *kind_code[KINDS];

static void plan(struct bench *b)
{
	struct kind *k = arena_array(b->a, KINDS, sizeof(*k));

	for (int i = 0; i < KINDS; i++) {
		kind_code[i] = arena_printf(b->a, "kind-%02d", i);
		k[i] = (struct kind){.code = kind_code[i], .thing = true, .secrecy = i == 0 ? 3 : 1};
	}
	b->catalog = (struct catalog){.kind = k, .kinds = KINDS};
	b->site.catalog = &b->catalog;
	for (int i = 0; i < TOWNS; i++) {
		town[i] = i == 0 ? (struct geo_point){120.16, 33.35}
		                 : (struct geo_point){119.5 + 1.6 * any(), 32.6 + 1.5 * any()};
		town_code[i] = arena_printf(b->a, "3209%02d%03d", i % 11, i);
		for (int q = 0; q < KINDS; q++)
			org_code[i][q] = arena_printf(b->a, "dept-%02d-3209%02d", q * 40 / KINDS, i % 11);
	}
}

static void put_thing(struct bench *b, size_t i)
{
	double where = any(), wide = where < 0.6 ? 0.05 : 0.02;
	int t = where < 0.6 ? 0 : 1 + (int)(any() * (TOWNS - 1)), kind = (int)(any() * any() * KINDS);
	bool anywhere = where > 0.97;

	b->thing[i] = (struct map_thing){.code = arena_printf(b->a, "YC-%02d-%07zu", kind, i),
	        .kind = kind_code[kind],
	        .name = arena_printf(b->a, "解放路 %zu 号 %d 型监测点", i % 4000, kind),
	        .name_en = "",
	        .region = arena_printf(b->a, "%s%03zu", town_code[t], i % 20),
	        .org = org_code[t][kind],
	        .at = {anywhere ? 119.5 + 1.6 * any() : town[t].lon + wide * bell(),
	                anywhere ? 32.6 + 1.5 * any() : town[t].lat + wide * bell()}};
}

static void alarm_of(struct bench *b, size_t i, int64_t id)
{
	map__alarm(&b->m, b->thing[i].code,
	        &(struct map_alarm){.id = id,
	                .rule = "Leak",
	                .summary = "甲烷浓度过高",
	                .region = b->thing[i].region,
	                .org = b->thing[i].org,
	                .level = 1 + (int)(id % 4)});
}

static void fill(struct bench *b)
{
	double before;

	for (size_t i = 0; i < b->n; i++)
		put_thing(b, i);
	before = cpu_ms();
	map__fill(&b->m, b->thing, b->n);
	printf("filled: %zu things in %.0f ms\n", b->n, cpu_ms() - before);
	for (size_t i = 0; i < b->n / 200; i++)
		alarm_of(b, (size_t)(any() * (double)b->n), (int64_t)i + 1);
	printf("memory: index %.1f bytes a thing, with codes, names and all %.1f\n",
	        (double)point_index_bytes(b->m.layer[MAP_THINGS].ix[CRS_WGS84]) / (double)b->n,
	        (double)map__bytes(&b->m) / (double)b->n);
	printf("classes: %u\n", b->m.layer[MAP_THINGS].classes.n);
}

static void write_csv(const struct bench *b, const char *path)
{
	FILE *f = fopen(path, "w");

	if (f == NULL) {
		fprintf(stderr, "tiles_bench: %s cannot be written\n", path);
		return;
	}
	for (size_t i = 0; i < b->n; i++)
		fprintf(f, "%s,%.7f,%.7f,%s,%zu\n", b->thing[i].code, b->thing[i].at.lon, b->thing[i].at.lat,
		        b->thing[i].kind, i % 200 == 0 ? 1 + i / 200 % 4 : 0);
	fclose(f);
}

/* ---- asking ---- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void tell(const char *what, double *ms, size_t n, size_t bytes)
{
	qsort(ms, n, sizeof(*ms), by_value);
	printf("%-34s p50 %7.3f  p99 %7.3f  most %7.3f ms", what, ms[n / 2], ms[n * 99 / 100], ms[n - 1]);
	if (bytes > 0)
		printf("  largest %zu bytes", bytes);
	printf("\n");
}

static void tiles(struct bench *b, const struct map_ask *ask, const char *who)
{
	struct sb out = SB_INIT;
	double ms[ASKS];

	for (int z = 6; z <= 18; z += z < 8 ? 2 : 1) {
		size_t largest = 0;

		for (int i = 0; i < ASKS; i++) {
			struct geo_cell at = geo_to_web(b->thing[(size_t)(any() * (double)b->n)].at);
			double before = cpu_ms();

			sb_reset(&out);
			map__tile(&b->m, ask, z, at.x >> (32 - z), at.y >> (32 - z), &out);
			ms[i] = cpu_ms() - before;
			largest = out.n > largest ? out.n : largest;
		}
		char what[64];
		snprintf(what, sizeof(what), "tile z%d, %s", z, who);
		tell(what, ms, ASKS, largest);
	}
	sb_fini(&out);
}

static void counts(struct bench *b, const struct map_ask *ask, const char *who)
{
	double ms[ASKS];

	for (int z = 8; z <= 17; z += 3) {
		double wide = 1280 / 512.0 * 360 / (1 << z), tall = 800 / 512.0 * 300 / (1 << z);
		char what[64];

		for (int i = 0; i < ASKS; i++) {
			struct geo_point at = b->thing[(size_t)(any() * (double)b->n)].at;
			struct geo_box box = {
			        at.lon - wide / 2, at.lat - tall / 2, at.lon + wide / 2, at.lat + tall / 2};
			struct arena *a = arena_new(0);
			struct map_counts out;
			double before = cpu_ms();

			map__count(&b->m, ask, &box, a, &out);
			ms[i] = cpu_ms() - before;
			arena_free(&a);
		}
		snprintf(what, sizeof(what), "counts of a view at z%d, %s", z, who);
		tell(what, ms, ASKS, 0);
	}
}

static void changes(struct bench *b)
{
	double ms[CHANGES / 100], before, sum;
	char what[64];

	for (int kind = 0; kind < 2; kind++) {
		sum = cpu_ms();
		for (size_t i = 0; i < CHANGES / 100; i++) {
			before = cpu_ms();
			for (int k = 0; k < 100; k++) {
				size_t no = (size_t)(any() * (double)b->n);
				struct map_thing t = b->thing[no];

				t.at.lon += 0.001 * any();
				if (kind == 0)
					map__thing(&b->m, &t);
				else
					map__mute(&b->m, (uint32_t)no, any() < 0.5 ? MAP_SILENT : 0);
			}
			ms[i] = (cpu_ms() - before) / 100;
		}
		sum = cpu_ms() - sum;
		snprintf(what, sizeof(what), kind == 0 ? "a thing moves" : "a thing falls silent or speaks");
		tell(what, ms, CHANGES / 100, 0);
		printf("%-34s %.0f a second\n", "", CHANGES / (sum / 1e3));
	}
}

/* ---- asking while it changes ---- */

static atomic_bool over;

static void *change_on(void *arg)
{
	struct bench *b = arg;
	uint64_t n = 0;

	for (; !atomic_load(&over); n++)
		map__mute(&b->m, (uint32_t)(n * 7919 % b->n), n % 2 == 0 ? MAP_SILENT : 0);
	printf("%-34s %llu changes meanwhile\n", "", (unsigned long long)n);
	return NULL;
}

static void together(struct bench *b, const struct map_ask *ask)
{
	struct sb out = SB_INIT;
	double ms[ASKS];
	pthread_t t;

	must(pthread_create(&t, NULL, change_on, b) == 0);
	for (int i = 0; i < ASKS; i++) {
		struct geo_cell at = geo_to_web(b->thing[(size_t)(any() * (double)b->n)].at);
		int64_t before = clock_monotonic();

		sb_reset(&out);
		map__tile(&b->m, ask, 12, at.x >> 20, at.y >> 20, &out);
		ms[i] = (double)(clock_monotonic() - before) / 1e3;
	}
	atomic_store(&over, true);
	pthread_join(t, NULL);
	tell("tile z12, wall, beside a writer", ms, ASKS, 0);
	sb_fini(&out);
}

int main(int argc, char **argv)
{
	static const char *const county[] = {"320903", NULL}, *const depts[] = {"dept-1", NULL};
	struct who all = {.scope = {.clearance = 4}},
	           some = {.scope = {.regions = county, .orgs = depts, .clearance = 1}};
	struct map_ask whole = {.who = &all}, part = {.who = &some},
	               alarms = {.who = &all, .states = MAP_ALARM};
	struct bench b = {.a = arena_new(0)};
	int64_t n = 1000000;

	if (argc > 1 && (!num_int(str_of(argv[1]), &n) || n < 1000)) {
		fprintf(stderr, "tiles_bench [THINGS, at least 1,000 [FILE]]\n");
		return 2;
	}
	b.n = (size_t)n;
	b.thing = xcalloc(b.n, sizeof(*b.thing));
	b.m.site = &b.site;
	map__tables_init(&b.m);
	plan(&b);
	fill(&b);
	if (argc > 2)
		write_csv(&b, argv[2]);
	tiles(&b, &whole, "all of it");
	tiles(&b, &part, "one county, some departments");
	tiles(&b, &alarms, "with alarms only");
	counts(&b, &whole, "all of it");
	counts(&b, &part, "in part");
	together(&b, &whole);
	changes(&b);
	map__tables_fini(&b.m);
	free(b.thing);
	arena_free(&b.a);
	return 0;
}

/*
 * things_bench - the registry of a large city: loaded, asked by readings, changed while it is read; its
 * health, told as readings come; and a sheet of 100,000 things comes in.
 *
 *   things_bench [THINGS [FOLDER [STORE]]]    1,000,000 in a folder below /tmp by default; a store that holds
 * them already is not filled again. STORE: address of the records, as "postgres:host=…"
 */
#include "base/file.h"
#include "city/health.h"
#include "city/map.h"
#include "city/pack.h"
#include "city/record_import.h"
#include "store/sql.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/resource.h>

#define BULK 20000    /* rows of one transaction while the store is filled */
#define ASKS 4000000  /* of virtual labels by one thread */
#define FOLLOWED 2000 /* changes of one thing */
#define HEARD 200000  /* things that send */
#define TALLIES 200
#define SHEET 100000

static const char pack_yaml[] =
        "code: bench\nversion: 1.0.0\nname: bench\nzone: Asia/Shanghai\nregion: \"3209\"\n";
static const char regions_csv[] =
        "code,parent,level,name,unit\n3209,,2,市,\n320902,3209,3,甲区,1\n320903,3209,3,乙区,1\n"
        "320904,3209,3,丙区,1\n320921,3209,3,丁县,1\n320922,3209,3,戊县,1\n";
static const char orgs_csv[] =
        "code,parent,kind,region,name\ngas,,company,,燃气公司\nwater,,company,,水务公司\n";
static const char kind_yaml[] =
        "code: gas-sensor\nname: 燃气监测点\nthing: true\nwrite: [admin]\n"
        "states:\n  - {code: running, name: 在用}\n  - {code: retired, name: 停用}\n"
        "fields:\n"
        "  - {key: place_type, name: 安装场所, type: code, list: true, filter: true, options: "
        "[{code: well, name: 阀井}, {code: kitchen, name: 餐饮}]}\n"
        "  - {key: installed, name: 安装日期, type: date, list: true, filter: true}\n"
        "  - {key: address, name: 地址, secrecy: 2, mask: address}\n"
        "  - {key: keeper, name: 维护人, secrecy: 3, mask: name}\n"
        "quantities:\n  - {metric: ch4_lel, name: 甲烷浓度, unit: \"%LEL\", low: 0, high: 100}\n";
static const char *const regions[] = {"320902", "320903", "320904", "320921", "320922"};
static const char *const orgs[] = {"gas", "water"};
static struct err e = ERR_INIT;
static int64_t things;

static void must_ok(int rc)
{
	char text[900];

	if (rc >= 0)
		return;
	fprintf(stderr, "%s\n", err_str(&e, text, sizeof(text)));
	exit(1);
}

/* Of all threads: on a busy machine the steadier figure. */
static double cpu(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static double since(dur_us began)
{
	return (double)(clock_monotonic() - began) / 1e6;
}

static unsigned any(uint64_t *state, unsigned n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)(*state % n);
}

static uint64_t dice = 88172645463325252u;

static const char *code_of(char buf[32], int64_t i)
{
	snprintf(buf, 32, "GAS-%07lld", (long long)i);
	return buf;
}

/* ---- filling ---- */

struct part {
	int64_t from, to;
};

static int add_rows(struct store_tx *tx, void *arg, struct err *err)
{
	const struct part *p = arg;
	struct arena *a = arena_new(0);
	int rc = 0;

	for (int64_t i = p->from; i < p->to && rc == 0; i++) {
		char code[32];

		rc = sql_record_add(tx,
		        &(struct sql_record_add_in){.id = store_tx_id(tx),
		                .kind = STR_LIT("gas-sensor"),
		                .code = str_of(code_of(code, i)),
		                .name = str_of(arena_printf(a, "解放南路%lld号阀井", (long long)i)),
		                .name_en = str_of(arena_printf(a, "Well %lld", (long long)i)),
		                .state = STR_LIT("running"),
		                .org = str_of(orgs[any(&dice, 2)]),
		                .region = str_of(regions[any(&dice, 5)]),
		                .lon = 119.5 + any(&dice, 100000) / 1e5,
		                .lat = 33 + any(&dice, 100000) / 1e5,
		                .attrs = STR_LIT("{\"place_type\":\"well\",\"installed\":\"2024-05-01\"}"),
		                .doubts = STR_LIT(""),
		                .thing = true,
		                .pack = STR_LIT(""),
		                .rev = 1,
		                .created = store_now(tx),
		                .changed = store_now(tx),
		                .account = STR_LIT("system"),
		                .batch = 1},
		        NULL, err);
		arena_reset(a);
	}
	arena_free(&a);
	return rc;
}

static void fill(struct store *st)
{
	dur_us began = clock_monotonic();

	for (int64_t i = 0; i < things; i += BULK) {
		struct part p = {i, i + BULK < things ? i + BULK : things};

		must_ok(store_write(st, "bench", add_rows, &p, &e));
	}
	printf("%lld things put into the store: %.0f s\n", (long long)things, since(began));
}

/* ---- loading ---- */

static void load(struct store *st)
{
	struct registry *r = NULL;
	const struct snapshot *s;
	dur_us began = clock_monotonic();
	double at = cpu();

	must_ok(registry_new(st, NULL, &r, &e));
	s = registry_hold(r);
	printf("%zu things loaded in %.2f s (CPU %.2f); %.0f bytes of memory each\n",
	        thing_map_count(s->things), since(began), cpu() - at,
	        (double)thing_map_bytes(s->things) / (double)thing_map_count(s->things));
	registry_release(r, s);
	registry_free(&r);
}

/* ---- asking ---- */

struct asker {
	struct registry *r;
	uint64_t dice;
	atomic_bool *stop; /* NULL: ASKS times */
	int64_t asked;
};

static void *ask(void *arg)
{
	struct asker *x = arg;
	struct series_virtual v = registry_virtual(x->r);
	struct arena *a = arena_new(0);
	struct str value[3];
	char code[32];

	while (x->stop != NULL ? !atomic_load(x->stop) : x->asked < ASKS) {
		code_of(code, any(&x->dice, (unsigned)things));
		v.values(v.ctx, str_of(code), a, value);
		if (value[0].n == 0) {
			fprintf(stderr, "%s is not there\n", code);
			exit(1);
		}
		x->asked++;
	}
	arena_free(&a);
	return NULL;
}

static void asks(struct registry *r)
{
	struct asker x[2] = {{.r = r, .dice = 1}, {.r = r, .dice = 2}};
	pthread_t thread[2];
	dur_us began = clock_monotonic();
	double at = cpu();

	ask(&x[0]);
	printf("labels asked by one thread: %.2f M/s (CPU %.2f us each)\n", ASKS / since(began) / 1e6,
	        (cpu() - at) * 1e6 / ASKS);
	x[0].asked = 0;
	began = clock_monotonic();
	at = cpu();
	for (int i = 0; i < 2; i++)
		must(pthread_create(&thread[i], NULL, ask, &x[i]) == 0);
	for (int i = 0; i < 2; i++)
		pthread_join(thread[i], NULL);
	printf("by two: %.2f M/s (CPU %.2f us each)\n", 2 * ASKS / since(began) / 1e6,
	        (cpu() - at) * 1e6 / (2 * ASKS));
}

/* ---- changing ---- */

static void changes(struct registry *r, struct store *st)
{
	atomic_bool stop = false;
	struct asker x = {.r = r, .dice = 3, .stop = &stop};
	pthread_t thread;
	double at = cpu(), most = 0;
	dur_us began = clock_monotonic();

	for (int i = 0; i < FOLLOWED; i++) {
		char text[32];
		const char *code = code_of(text, any(&dice, (unsigned)things));
		dur_us one = clock_monotonic();

		must_ok(registry_follow(r, st, &code, 1, &e));
		if (since(one) > most)
			most = since(one);
	}
	printf("one thing changed: %.0f us (CPU %.0f us, most %.1f ms)\n", since(began) * 1e6 / FOLLOWED,
	        (cpu() - at) * 1e6 / FOLLOWED, most * 1e3);
	must(pthread_create(&thread, NULL, ask, &x) == 0);
	began = clock_monotonic();
	for (int i = 0; i < FOLLOWED; i++) {
		char text[32];
		const char *code = code_of(text, any(&dice, (unsigned)things));

		must_ok(registry_follow(r, st, &code, 1, &e));
	}
	printf("%.0f changes a second beside a reader, which got %.2f M/s\n", FOLLOWED / since(began),
	        (double)x.asked / since(began) / 1e6);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
}

/* ---- health ---- */

static void add_up(void *ctx, const struct health_group *g)
{
	int64_t *n = ctx;

	n[0]++;
	n[1] += g->things;
	for (int i = 0; i < HEALTH_FLAGS; i++)
		n[2 + i] += g->flag[i];
}

static void tallied(struct site *s)
{
	struct arena *a = arena_new(0);
	int64_t n[2 + HEALTH_FLAGS] = {0};
	const char **code = NULL;
	dur_us began = clock_monotonic();
	size_t flagged;

	for (int i = 0; i < TALLIES; i++) {
		memset(n, 0, sizeof(n));
		health_groups(s->health, add_up, n);
	}
	printf("health of %lld things, by %lld groups: %.3f ms; %lld never sent, %lld silent\n",
	        (long long)n[1], (long long)n[0], since(began) * 1e3 / TALLIES, (long long)n[2],
	        (long long)n[3]);
	began = clock_monotonic();
	for (int i = 0; i < TALLIES; i++) {
		arena_reset(a);
		(void)health_flagged(s->health, HEALTH_SILENT, 20000, a, &code, &flagged);
	}
	printf("the silent ones of them: %.3f ms\n", since(began) * 1e3 / TALLIES);
	arena_free(&a);
}

static void health(struct site *s)
{
	int64_t fresh = clock_now(s->clock);
	struct map_counts counts;
	struct arena *a = arena_new(0);
	struct series_point *p = xcalloc(HEARD, sizeof(*p));
	const struct map_ask ask = {.who = &who_system};
	const struct geo_box all = {-180, -85, 180, 85};
	dur_us began;
	double at;

	tallied(s);
	for (int i = 0; i < HEARD; i++) {
		char code[32];
		struct label l[] = {{STR_LIT(LABEL_NAME), STR_LIT("ch4_lel")},
		        {STR_LIT("thing"), str_of(code_of(code, i % things))}};
		const struct labels ls = {l, 2};

		must_ok(series_resolve(s->series, &ls, &p[i].id, &e));
		p[i].t = fresh;
	}
	for (int round = 0; round < 2; round++) {
		began = clock_monotonic();
		at = cpu();
		for (int i = 0; i < HEARD; i++)
			p[i].t += US_SECOND;
		health_observe(s->health, p, HEARD, false);
		printf("%d things speak %s: %.0f ns of CPU each\n", HEARD,
		        round == 0 ? "for the first time" : "again", (cpu() - at) * 1e9 / HEARD);
	}
	must_ok(map_count(s->map, &ask, &all, a, &counts, &e));
	tallied(s);
	health_observe(s->health, p, 1, false);
	began = clock_monotonic();
	for (int i = 0; i < TALLIES; i++) {
		p[i].t += US_SECOND;
		health_observe(s->health, &p[i], 1, false);
		must_ok(map_count(s->map, &ask, &all, a, &counts, &e));
	}
	printf("the map counts after each reading: %.3f ms\n", since(began) * 1e3 / TALLIES);
	free(p);
	arena_free(&a);
}

/* ---- the sheet ---- */

static void import(struct site *s)
{
	struct sb csv = SB_INIT;
	struct record_import in = {.kind = "gas-sensor", .title = "bench.csv"};
	int64_t id = 0, fresh = clock_now(s->clock) / US_SECOND % 10000000;
	double took[3], used[3];

	sb_puts(&csv, "编号,名称,区划,部门,状态,经度,纬度,安装场所,安装日期,地址,维护人\n");
	for (int i = 0; i < SHEET; i++)
		sb_printf(&csv,
		        "N%lld-%06d,建军路%d号阀井,%s,%s,在用,%.5f,%.5f,阀井,20%02u-%02u-%02u,建军路%d号,"
		        "张三\n",
		        (long long)fresh, i, i, regions[any(&dice, 5)], orgs[any(&dice, 2)],
		        119.5 + any(&dice, 100000) / 1e5, 33 + any(&dice, 100000) / 1e5, any(&dice, 26),
		        1 + any(&dice, 12), 1 + any(&dice, 28), i);
	in.bytes = sb_str(&csv);
	for (int i = 0; i < 3; i++) {
		dur_us began = clock_monotonic();
		double at = cpu();

		if (i == 0) {
			must_ok(record_import(s, &who_system, &in, &id, &e));
		} else {
			must_ok(record_batch_begin(s, &who_system, id, i == 2, &e));
			must_ok(record_batch_run(s, &who_system, id, NULL, NULL, &e));
		}
		took[i] = since(began);
		used[i] = cpu() - at;
	}
	printf("sheet of %d things: looked at in %.1f s (CPU %.1f), carried out in %.1f s (%.1f), undone in "
	       "%.1f s (%.1f)\n",
	        SHEET, took[0], used[0], took[1], used[1], took[2], used[2]);
	sb_fini(&csv);
}

static void write_text(const char *dir, const char *name, const char *text)
{
	char path[700];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	must_ok(file_write(path, text, strlen(text), 0644, &e));
}

int main(int argc, char **argv)
{
	const char *dir = argc > 2 ? argv[2] : "/tmp/heming-things-bench";
	char path[600];
	struct pack_report report;
	struct arena *a = arena_new(0);
	struct site *s = NULL;
	struct site_options o = {
	        .dir = dir, .create = true, .clock = clock_new_real(), .store = argc > 3 ? argv[3] : NULL};

	things = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
	snprintf(path, sizeof(path), "%s/pack/kinds", dir);
	must_ok(file_mkdirs(path, &e));
	snprintf(path, sizeof(path), "%s/pack", dir);
	write_text(path, "pack.yaml", pack_yaml);
	write_text(path, "regions.csv", regions_csv);
	write_text(path, "orgs.csv", orgs_csv);
	write_text(path, "kinds/gas-sensor.yaml", kind_yaml);
	must_ok(site_open(&o, &s, &e));
	if (s->catalog->kinds == 0) {
		must_ok(pack_install(s->store, path, "bench", a, &report, &e));
		fill(s->store);
		site_close(&s);
		o.clock = clock_new_real();
		must_ok(site_open(&o, &s, &e));
	}
	load(s->store);
	asks(s->registry);
	changes(s->registry, s->store);
	health(s);
	import(s);
	site_close(&s);
	arena_free(&a);
	return 0;
}

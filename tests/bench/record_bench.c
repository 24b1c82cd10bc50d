/*
 * record_bench - a register of many records: a sheet of 100,000 comes in, the register grows, lists are asked
 * for.
 *
 *   record_bench [RECORDS [FOLDER [STORE]]]    1,000,000 in a folder below /tmp by default; a store that
 * holds such a register already is not filled again, and the sheet comes into it as it is; RECORDS 0: it is
 * asked only. STORE: address of the records, as "postgres:host=…"
 *
 * The register is filled as a restored or converted one is: its rows in the order of their codes, then its
 * index in one go. What comes in later comes by the sheet and by single changes.
 *
 * Beside it, as a yardstick of the same run: the same rows put into one plain SQLite table with an index for
 * each field that the register indexes, by prepared statements in transactions of the same size.
 */
#include "base/file.h"
#include "city/pack.h"
#include "city/record_import.h"
#include "city/view.h"
#include "store/sql.h"

#include <math.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHEET 100000
#define PART 500
#define BULK 20000   /* rows of one transaction while the register is filled */
#define SINGLES 5000 /* changes that are made one by one */
#define ASKED 1600   /* pages of one kind of query */
#define PARK 10000   /* firms of a park, about: as many as are gathered at most */

static const char pack_yaml[] =
        "code: bench\nversion: 1.0.0\nname: bench\nzone: Asia/Shanghai\nregion: \"3209\"\n";
static const char regions_csv[] =
        "code,parent,level,name,unit\n3209,,2,市,\n320902,3209,3,甲区,1\n320903,3209,3,乙区,1\n"
        "320904,3209,3,丙区,1\n320921,3209,3,丁县,1\n320922,3209,3,戊县,1\n";
static const char park_yaml[] = "code: park\nname: 园区\nwrite: [admin]\nfields: []\n";
static const char kind_yaml[] =
        "code: firm\nname: 企业\nwrite: [admin]\nfields:\n"
        "  - {key: uscc, name: 信用代码, check: uscc, unique: true, list: true}\n"
        "  - {key: trade, name: 行业, type: code, filter: true, list: true, options: [{code: a, name: 农}, "
        "{code: b, name: 工}, {code: c, name: 商}, {code: d, name: 学}]}\n"
        "  - {key: staff, name: 人数, type: integer, list: true, filter: true}\n"
        "  - {key: founded, name: 成立, type: date, list: true, filter: true}\n"
        "  - {key: park, name: 园区, type: reference, ref: park, filter: true}\n"
        "  - {key: scope, name: 范围, search: true}\n"
        "  - {key: boss, name: 法人, secrecy: 2, mask: name}\n";
static const char *const regions[] = {"320902", "320903", "320904", "320921", "320922"};
static const char *const syllables[] = {"鑫", "海", "盐", "城", "滨", "港", "东", "台", "大", "丰", "建",
        "湖", "射", "阳", "阜", "宁", "响", "水", "科", "技", "电", "子", "机", "械", "农", "业", "生", "物",
        "新", "能", "源", "光", "伏", "风", "纺", "织", "食", "品", "物", "流"};
static const char *const trades[] = {"a", "b", "c", "d"};

static struct err e = ERR_INIT;
static unsigned parks = 1; /* how many there are */

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

static uint64_t state = 88172645463325252u;

static unsigned any(unsigned n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (unsigned)(state % n);
}

static const char *name_of(char *buf, size_t n)
{
	size_t at = 0;

	for (int i = 0; i < 4; i++)
		at += (size_t)snprintf(buf + at, n - at, "%s", syllables[any(ARRAY_LEN(syllables))]);
	snprintf(buf + at, n - at, "有限公司%u", any(100000));
	return buf;
}

static void field_texts(int64_t i, char uscc[32], char day[16])
{
	snprintf(uscc, 32, "913209%012lld", (long long)i);
	snprintf(day, 16, "20%02u-%02u-%02u", any(26), 1 + any(12), 1 + any(28));
}

/* ---- filling ---- */

struct part {
	struct site *s;
	const struct snapshot *snapshot;
	int64_t from, to;
};

static const char *attrs_of(struct arena *a, int64_t i)
{
	char uscc[32], day[16];

	field_texts(i, uscc, day);
	return arena_printf(a,
	        "{\"uscc\":\"%s\",\"trade\":\"%s\",\"staff\":%u,\"founded\":\"%s\",\"park\":\"P%03u\","
	        "\"scope\":\"%s%"
	        "s产品的生产与销售\","
	        "\"boss\":\"张%s\"}",
	        uscc, trades[any(4)], any(5000), day, any(parks), syllables[any(40)], syllables[any(40)],
	        syllables[any(40)]);
}

static int add_rows(struct store_tx *tx, void *arg, struct err *err)
{
	const struct part *p = arg;
	struct arena *a = arena_new(0);
	int rc = 0;

	for (int64_t i = p->from; i < p->to && rc == 0; i++) {
		char name[200];

		rc = sql_record_add(tx,
		        &(struct sql_record_add_in){.id = store_tx_id(tx),
		                .kind = STR_LIT("firm"),
		                .code = str_of(arena_printf(a, "F%09lld", (long long)i)),
		                .name = str_of(name_of(name, sizeof(name))),
		                .name_en = STR_LIT(""),
		                .state = STR_LIT(""),
		                .org = STR_LIT(""),
		                .region = str_of(regions[any(5)]),
		                .lon = 119.5 + any(100000) / 1e5,
		                .lat = 33 + any(100000) / 1e5,
		                .attrs = str_of(attrs_of(a, i)),
		                .doubts = STR_LIT(""),
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

/* The index of all kinds is as if it had never been filled. */
static int forget_forms(struct store_tx *tx, void *arg, struct err *err)
{
	const struct kind *k = catalog_kind(((const struct site *)arg)->catalog, "firm");
	int rc = sql_record_field_form(
	        tx, &(struct sql_record_field_form_in){k->text_no, STR_LIT("")}, NULL, err);

	for (int i = 0; i < OWN_FIELDS && rc == 0; i++)
		rc = sql_record_field_form(
		        tx, &(struct sql_record_field_form_in){k->own_no[i], STR_LIT("")}, NULL, err);
	for (int i = 0; i < k->fields && rc == 0; i++)
		if (k->field[i].no != 0)
			rc = sql_record_field_form(tx,
			        &(struct sql_record_field_form_in){k->field[i].no, STR_LIT("")}, NULL, err);
	return rc;
}

static int put_parks(struct store_tx *tx, void *arg, struct err *err)
{
	const struct part *p = arg;
	const struct record_door d = {
	        .catalog = p->s->catalog, .snapshot = p->snapshot, .by = &who_system, .pack = "", .batch = 1};
	int rc = 0;

	for (unsigned i = 0; i < parks && rc == 0; i++) {
		enum record_verdict verdict;
		const char *code = arena_printf(store_arena(tx), "P%03u", i);

		rc = record_put(tx, &d,
		        &(struct record_in){.kind = "park", .code = code, .name = code, .at = {NAN, NAN}}, -1,
		        NULL, &verdict, err);
	}
	return rc;
}

static void fill(struct site *s, int64_t records)
{
	struct part first = {.s = s, .snapshot = registry_hold(s->registry)};
	dur_us began = clock_monotonic();
	double at = cpu();

	must_ok(store_write(s->store, "bench", put_parks, &first, &e));
	registry_release(s->registry, first.snapshot);
	for (int64_t i = 0; i < records; i += BULK) {
		struct part p = {s, NULL, i, i + BULK < records ? i + BULK : records};

		must_ok(store_write(s->store, "bench", add_rows, &p, &e));
	}
	printf("%lld rows without an index: %.0f s (CPU %.0f)\n", (long long)records, since(began),
	        cpu() - at);
	fflush(stdout);
	began = clock_monotonic();
	at = cpu();
	must_ok(store_write(s->store, "bench", forget_forms, s, &e));
	must_ok(record_index_fill(s->store, s->catalog, &e));
	printf("their index and full text: %.0f s (CPU %.0f)\n", since(began), cpu() - at);
	fflush(stdout);
}

/* ---- single changes ---- */

static int put_part(struct store_tx *tx, void *arg, struct err *err)
{
	const struct part *p = arg;
	const struct record_door d = {
	        .catalog = p->s->catalog, .snapshot = p->snapshot, .by = &who_system, .pack = "", .batch = 1};
	int rc = 0;

	for (int64_t i = p->from; i < p->to && rc == 0; i++) {
		struct arena *a = store_arena(tx);
		enum record_verdict verdict;
		struct doc *attrs = NULL;
		char name[200];

		rc = doc_parse_json(a, str_of(attrs_of(a, i)), "row", &attrs, err);
		if (rc == 0)
			rc = record_put(tx, &d,
			        &(struct record_in){.kind = "firm",
			                .code = arena_printf(a, "G%09lld", (long long)i),
			                .name = name_of(name, sizeof(name)),
			                .region = regions[any(5)],
			                .at = {119.5 + any(100000) / 1e5, 33 + any(100000) / 1e5},
			                .attrs = attrs},
			        -1, NULL, &verdict, err);
	}
	return rc;
}

static void singles(struct site *s, int64_t from)
{
	const struct snapshot *snapshot = registry_hold(s->registry);
	dur_us began = clock_monotonic();
	double at = cpu();

	for (int64_t i = from; i < from + SINGLES; i++) {
		struct part p = {s, snapshot, i, i + 1};

		must_ok(store_write(s->store, "bench", put_part, &p, &e));
	}
	registry_release(s->registry, snapshot);
	printf("single new records, one after the other: %.0f/s (CPU %.2f ms each)\n", SINGLES / since(began),
	        (cpu() - at) * 1e3 / SINGLES);
}

/* ---- the sheet ---- */

static void import(struct site *s, int64_t first)
{
	struct sb csv = SB_INIT;
	struct record_import in = {.kind = "firm", .title = "bench.csv"};
	int64_t id = 0;
	dur_us began;
	double look, run, undo, at[4];

	sb_puts(&csv, "编号,名称,区划,信用代码,行业,人数,成立,范围\n");
	for (int64_t i = 0; i < SHEET; i++) {
		char name[200], uscc[32], day[16];

		field_texts(first + i, uscc, day);
		sb_printf(&csv, "S%010lld,%s,%s,%s,%s,%u,%s,各种产品的销售\n", (long long)(first + i),
		        name_of(name, sizeof(name)), regions[any(5)], uscc, trades[any(4)], any(5000), day);
	}
	in.bytes = sb_str(&csv);
	at[0] = cpu();
	began = clock_monotonic();
	must_ok(record_import(s, &who_system, &in, &id, &e));
	look = since(began);
	at[1] = cpu();
	began = clock_monotonic();
	must_ok(record_batch_begin(s, &who_system, id, false, &e));
	must_ok(record_batch_run(s, &who_system, id, NULL, NULL, &e));
	run = since(began);
	at[2] = cpu();
	began = clock_monotonic();
	must_ok(record_batch_begin(s, &who_system, id, true, &e));
	must_ok(record_batch_run(s, &who_system, id, NULL, NULL, &e));
	undo = since(began);
	at[3] = cpu();
	printf("sheet of %d rows: looked at in %.1f s (CPU %.1f), carried out in %.1f s (%.1f), undone in "
	       "%.1f s (%.1f)\n",
	        SHEET, look, at[1] - at[0], run, at[2] - at[1], undo, at[3] - at[2]);
	sb_fini(&csv);
}

/* ---- the yardstick ---- */

static void plain(const char *dir, int64_t rows)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *put = NULL;
	char path[600];
	dur_us began;
	double at = cpu();

	snprintf(path, sizeof(path), "%s/plain.db", dir);
	unlink(path);
	must(sqlite3_open(path, &db) == SQLITE_OK);
	must(sqlite3_exec(db,
	             "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -64000;"
	             "CREATE TABLE firm (id INTEGER PRIMARY KEY, code TEXT UNIQUE, name TEXT, region TEXT, "
	             "org "
	             "TEXT, state TEXT, uscc TEXT UNIQUE, trade TEXT, staff INTEGER, founded TEXT, park "
	             "TEXT, "
	             "scope TEXT, boss TEXT, changed INTEGER) STRICT;"
	             "CREATE INDEX f1 ON firm (name); CREATE INDEX f2 ON firm (region);"
	             "CREATE INDEX f3 ON firm (org); CREATE INDEX f4 ON firm (state);"
	             "CREATE INDEX f5 ON firm (trade); CREATE INDEX f6 ON firm (staff);"
	             "CREATE INDEX f7 ON firm (founded); CREATE INDEX f8 ON firm (park);"
	             "CREATE INDEX f9 ON firm (changed);",
	             NULL, NULL, NULL) == SQLITE_OK);
	must(sqlite3_prepare_v2(db,
	             "INSERT INTO firm (code, name, region, org, state, uscc, trade, staff, founded, park, "
	             "scope, boss, changed) VALUES (?1, ?2, ?3, '', '', ?4, ?5, ?6, ?7, '', 'x', 'y', ?8)",
	             -1, &put, NULL) == SQLITE_OK);
	began = clock_monotonic();
	for (int64_t i = 0; i < rows; i++) {
		char code[32], name[200], uscc[32], day[16];

		if (i % PART == 0)
			sqlite3_exec(db, i > 0 ? "COMMIT; BEGIN" : "BEGIN", NULL, NULL, NULL);
		snprintf(code, sizeof(code), "F%09lld", (long long)i);
		field_texts(i, uscc, day);
		sqlite3_bind_text(put, 1, code, -1, SQLITE_TRANSIENT);
		sqlite3_bind_text(put, 2, name_of(name, sizeof(name)), -1, SQLITE_TRANSIENT);
		sqlite3_bind_text(put, 3, regions[any(5)], -1, SQLITE_STATIC);
		sqlite3_bind_text(put, 4, uscc, -1, SQLITE_TRANSIENT);
		sqlite3_bind_text(put, 5, trades[any(4)], -1, SQLITE_STATIC);
		sqlite3_bind_int(put, 6, (int)any(5000));
		sqlite3_bind_text(put, 7, day, -1, SQLITE_TRANSIENT);
		sqlite3_bind_int64(put, 8, i);
		must(sqlite3_step(put) == SQLITE_DONE);
		sqlite3_reset(put);
	}
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	printf("yardstick: %lld rows into a plain table with eleven indexes in %.1f s (CPU %.1f)\n",
	        (long long)rows, since(began), cpu() - at);
	sqlite3_finalize(put);
	sqlite3_close(db);
	unlink(path);
}

/* ---- asking ---- */

static int by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* What one kind of question took: on the clock, and of the processor alone, for a machine that others use. */
static struct times {
	double wall[ASKED], cpu[ASKED];
	int n;
	int64_t rows;
} t;

static double thread_cpu_ms(void)
{
	struct timespec now;

	must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void add_time(dur_us began, double began_cpu)
{
	if (t.n == ASKED)
		return;
	t.cpu[t.n] = thread_cpu_ms() - began_cpu;
	t.wall[t.n++] = since(began) * 1e3;
}

static void tell_times(const char *what)
{
	qsort(t.wall, (size_t)t.n, sizeof(*t.wall), by_size);
	qsort(t.cpu, (size_t)t.n, sizeof(*t.cpu), by_size);
	printf("%-44s p50 %6.2f  p99 %7.2f  most %7.2f ms   CPU p50 %6.2f  p99 %6.2f   %5.1f rows of %d\n",
	        what, t.wall[t.n / 2], t.wall[t.n * 99 / 100], t.wall[t.n - 1], t.cpu[t.n / 2],
	        t.cpu[t.n * 99 / 100], (double)t.rows / t.n, t.n);
	fflush(stdout);
}

/* make: the words of one of `names`. pages: one after the other, by the cursor. */
static void ask(struct site *s, const char *what, const struct who *who,
        const char *(*make)(struct arena *a, int part), const char *sort, int pages)
{
	static const char *const names[] = {"q", "trade", "staff", "founded", "region", "park"};

	t.n = 0;
	t.rows = 0;
	for (int i = 0; i < ASKED / (pages > 4 ? pages : 4); i++) {
		struct arena *a = arena_new(0);
		struct record_query q = {.kind = catalog_kind(s->catalog, "firm"), .limit = 50};
		struct record_page page = {.next = NULL};
		const struct snapshot *snapshot = registry_hold(s->registry);

		for (int k = 0; k < (int)ARRAY_LEN(names); k++) {
			const char *words = make(a, k);

			if (words != NULL && k == 0)
				q.q = words;
			else if (words != NULL)
				must_ok(record_query_add(
				        a, &q, s->catalog, snapshot, who, names[k], words, &e));
		}
		must_ok(record_query_sort(&q, who, sort, &e));
		for (int p = 0; p < pages && (p == 0 || page.next != NULL); p++) {
			struct store_tx *tx = NULL;
			dur_us began = clock_monotonic();
			double began_cpu = thread_cpu_ms();

			q.cursor = page.next;
			must_ok(store_read_begin(s->store, "bench", &tx, &e));
			must_ok(record_list(tx, a, who, &q, &page, &e));
			store_read_end(&tx);
			add_time(began, began_cpu);
			t.rows += page.n;
		}
		registry_release(s->registry, snapshot);
		arena_free(&a);
	}
	tell_times(what);
}

static unsigned count_parks(struct site *s)
{
	struct record_query q = {.kind = catalog_kind(s->catalog, "park"), .limit = 1};
	struct arena *a = arena_new(0);
	struct record_page page;
	struct store_tx *tx = NULL;

	must_ok(store_read_begin(s->store, "bench", &tx, &e));
	must_ok(record_list(tx, a, &who_system, &q, &page, &e));
	store_read_end(&tx);
	arena_free(&a);
	return (unsigned)page.count;
}

static void ask_relations(struct site *s)
{
	t.n = 0;
	t.rows = 0;
	for (int i = 0; i < ASKED / 4; i++) {
		struct arena *a = arena_new(0);
		struct record_relation *r;
		struct store_tx *tx = NULL;
		dur_us began = clock_monotonic();
		double began_cpu = thread_cpu_ms();
		int n;

		must_ok(store_read_begin(s->store, "bench", &tx, &e));
		must_ok(record_relations(tx, a, s->catalog, &who_system, "park",
		        arena_printf(a, "P%03u", any(parks)), &r, &n, &e));
		store_read_end(&tx);
		add_time(began, began_cpu);
		t.rows += n > 0 ? r[0].count : 0;
		arena_free(&a);
	}
	tell_times("relations of a park of 10,000");
}

static const char *nothing(struct arena *a, int part)
{
	(void)a, (void)part;
	return NULL;
}
static const char *one_trade(struct arena *a, int part)
{
	(void)a;
	return part == 1 ? trades[any(4)] : NULL;
}
static const char *narrow_staff(struct arena *a, int part)
{
	return part == 2 ? arena_printf(a, "%u", any(5000)) : NULL;
}
static const char *trade_and_span(struct arena *a, int part)
{
	unsigned from = any(4900);

	return part == 1 ? trades[any(4)] : part == 2 ? arena_printf(a, "%u..%u", from, from + 20) : NULL;
}
static const char *region_and_day(struct arena *a, int part)
{
	unsigned y = any(26), m = 1 + any(12);

	return part == 4   ? regions[any(5)]
	       : part == 3 ? arena_printf(a, "20%02u-%02u-01..20%02u-%02u-28", y, m, y, m)
	                   : NULL;
}
static const char *two_letters(struct arena *a, int part)
{
	return part == 0 ? arena_printf(a, "%s%s", syllables[any(40)], syllables[any(40)]) : NULL;
}
static const char *four_letters(struct arena *a, int part)
{
	return part == 0 ? arena_printf(a, "%s%s%s%s", syllables[any(40)], syllables[any(40)],
	                           syllables[any(40)], syllables[any(40)])
	                 : NULL;
}
static const char *everybody(struct arena *a, int part)
{
	(void)a;
	return part == 0 ? "有限公司" : NULL;
}
static const char *words_and_trade(struct arena *a, int part)
{
	return part == 1 ? trades[any(4)] : two_letters(a, part);
}

static const char *park_and_trade(struct arena *a, int part)
{
	return part == 1 ? trades[any(4)] : part == 5 ? arena_printf(a, "P%03u", any(parks)) : NULL;
}
static const char *rare_together(struct arena *a, int part)
{
	return part == 4 ? regions[any(5)] : trade_and_span(a, part);
}

static void ask_all(struct site *s)
{
	static const char *const town[] = {"320903", NULL};
	struct who part = who_system;

	part.scope.regions = town;
	ask(s, "by code, four pages", &who_system, nothing, NULL, 4);
	ask(s, "by name (pinyin)", &who_system, nothing, "name", 1);
	ask(s, "by name, 200 pages", &who_system, nothing, "name", 200);
	ask(s, "newest first", &who_system, nothing, "-changed", 1);
	ask(s, "1 of 4 options, by staff downwards", &who_system, one_trade, "-staff", 2);
	ask(s, "1 of 5,000 numbers, by name", &who_system, narrow_staff, "name", 1);
	ask(s, "option and 21 of 5,000 numbers, by founded", &who_system, trade_and_span, "founded", 1);
	ask(s, "that and 1 of 5 regions, by name", &who_system, rare_together, "name", 1);
	ask(s, "region and a month, by name", &who_system, region_and_day, "name", 1);
	ask(s, "a park of 10,000 and an option, by name", &who_system, park_and_trade, "name", 1);
	ask(s, "a reader of one region, by name", &part, nothing, "name", 2);
	ask(s, "a reader of one region, two characters", &part, two_letters, "name", 1);
	ask(s, "two characters", &who_system, two_letters, NULL, 1);
	ask(s, "four characters", &who_system, four_letters, NULL, 1);
	ask(s, "words that all have, by name", &who_system, everybody, "name", 1);
	ask(s, "two characters and an option, by staff", &who_system, words_and_trade, "staff", 1);
	ask_relations(s);
}

/* A question over the register: what is copied is all of it, or what `where` leaves. */
static void ask_sql(struct site *s, const char *what, const char *sql, const char *where)
{
	struct view_limits limits = view_limits_usual;
	struct arena *a = arena_new(0);
	struct store_tx *tx = NULL;
	struct view_query *q = NULL;
	struct view_value v[16];
	struct doc *narrowed = NULL;
	int64_t rows = 0;
	dur_us began = clock_monotonic();
	int rc;

	limits.within = 600 * US_SECOND;
	must_ok(doc_parse_json(a, str_of(where), "where", &narrowed, &e));
	must_ok(store_read_begin(s->store, "bench", &tx, &e));
	rc = view_ask(tx, s,
	        &(struct view_ask){
	                .sql = str_of(sql), .who = &who_system, .where = narrowed, .limits = &limits},
	        a, &q, &rows, &e);
	if (rc == ERR_TOOBIG) {
		printf("%s: refused after %.2f s, as it should be: %s\n", what, since(began), e.text);
		e = (struct err)ERR_INIT;
	} else {
		double copied = since(began);

		must_ok(rc);
		must_ok(view_query_run(q, NULL, 0, &e));
		while ((rc = view_query_next(q, v, &e)) > 0)
			continue;
		must_ok(rc);
		printf("%s: %lld rows copied in %.2f s, answered in %.3f s\n", what, (long long)rows, copied,
		        since(began) - copied);
	}
	view_query_free(&q);
	store_read_end(&tx);
	arena_free(&a);
}

static void ask_all_sql(struct site *s)
{
	static const char by_trade[] = "SELECT trade, count(*), avg(staff) FROM v_firm GROUP BY trade";

	ask_sql(s, "in SQL, all by trade", by_trade, "{}");
	ask_sql(s, "in SQL, narrowed by two fields", by_trade,
	        "{\"v_firm\": {\"trade\": \"a\", \"staff\": \"100..120\"}}");
	ask_sql(s, "in SQL, narrowed and joined with itself",
	        "SELECT count(*) FROM v_firm a JOIN v_firm b ON b.founded = a.founded",
	        "{\"v_firm\": {\"trade\": \"a\", \"staff\": \"100..120\"}}");
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[600];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	must_ok(file_write(path, text, strlen(text), 0644, &e));
}

int main(int argc, char **argv)
{
	int64_t records = argc > 1 ? strtoll(argv[1], NULL, 10) : 1000000;
	const char *dir = argc > 2 ? argv[2] : "/tmp/heming-record-bench";
	char path[600];
	struct pack_report report;
	struct arena *a = arena_new(0);
	struct site *s = NULL;
	struct site_options o = {
	        .dir = dir, .create = true, .clock = clock_new_real(), .store = argc > 3 ? argv[3] : NULL};
	struct stat st;

	snprintf(path, sizeof(path), "%s/pack/kinds", dir);
	must_ok(file_mkdirs(path, &e));
	snprintf(path, sizeof(path), "%s/pack", dir);
	write_file(path, "pack.yaml", pack_yaml);
	write_file(path, "regions.csv", regions_csv);
	write_file(path, "kinds/park.yaml", park_yaml);
	write_file(path, "kinds/firm.yaml", kind_yaml);
	must_ok(site_open(&o, &s, &e));
	if (s->catalog->kinds == 0) {
		must_ok(pack_install(s->store, path, "bench", a, &report, &e));
		site_close(&s);
		o.clock = clock_new_real();
		must_ok(site_open(&o, &s, &e));
		plain(dir, SHEET);
		parks = records > PARK ? (unsigned)(records / PARK) : 1;
		fill(s, records);
	}
	parks = count_parks(s);
	snprintf(path, sizeof(path), "%s/records.db", dir);
	if (stat(path, &st) == 0)
		printf("a register of %.1f GB\n", (double)st.st_size / 1e9);
	ask_all(s);
	ask_all_sql(s);
	if (records > 0) { /* 0: the register is asked only */
		int64_t fresh = clock_now(s->clock) / US_SECOND % 1000000 * 1000000;

		singles(s, fresh);
		import(s, fresh + SINGLES);
	}
	site_close(&s);
	arena_free(&a);
	return 0;
}

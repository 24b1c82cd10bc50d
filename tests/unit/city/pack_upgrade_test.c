/* A pack that meets a site which has gone its own way since: on both stores. */
#include "check.h"
#include "city/record.h"
#include "mini.h"
#include "store/sql.h"
#include "town.h"

#include <math.h>
#include <unistd.h>

static const struct pack_options plain = {.account = "tester"};
static const struct pack_options looking = {.account = "tester", .upgrade = true, .look = true};

/* ---- a small pack of a harbour, in the folder of its store ---- */

static const char *folder(const struct mini *m)
{
	return test_path(m->schema != NULL ? "harbour-pg" : "harbour");
}

static void write_head(const struct mini *m, const char *version, const char *more)
{
	town_write(folder(m), "pack.yaml",
	        arena_printf(m->a, "code: harbour\nversion: %s\nname: 港口\n%s", version, more));
}

static const char kind_1[] = "code: dock\nname: 码头\nkey: no\nwrite: [desk]\n"
                             "states: [{code: open, name: 在用}, {code: shut, name: 停用}]\nfields:\n"
                             "  - {key: no, name: 编号, required: true, list: true}\n"
                             "  - {key: depth, name: 水深, type: decimal, min: 0}\n"
                             "  - {key: berth, name: 泊位}\n"
                             "  - {key: place, name: 位置}\n"
                             "  - {key: phone, name: 电话, secrecy: 3, mask: phone}\n"
                             "  - {key: above, name: 所属, type: reference, ref: dock, tree: true}\n";

static void write_first(const struct mini *m)
{
	write_head(m, "1.0.0", "");
	town_write(
	        folder(m), "regions.csv", "code,parent,level,name\nH,10,3,港区\nH1,H,4,北港\nH2,H,4,南港\n");
	town_write(folder(m), "orgs.csv", "code,name,phone\npilots,引航站,1\nguards,海事,2\n");
	town_write(folder(m), "kinds/dock.yaml", kind_1);
	town_write(folder(m), "records/dock.csv",
	        "code,name,region,depth,berth,place,phone,no,above\n"
	        "D1,一号,H1,5.5,3,北岸-一段,13800000001,D1,\nD2,二号,H1,6,four,南岸-二段-甲,13800000002,D2,"
	        "D1\n"
	        "D3,三号,H2,,,,,D3,\n");
}

static struct pack_report apply(struct mini *m, const struct pack_options *o, int code, struct err *e)
{
	struct pack_report r;
	int rc = pack_apply(m->s->store, folder(m), o, m->a, &r, e);

	if (rc != code)
		check_fail(
		        "%d where %d was due: %s:%d %s: %s", rc, code, e->where, e->line, e->field, e->text);
	return r;
}

static void first(struct mini *m)
{
	struct pack_report r;
	struct err e = ERR_INIT;

	write_first(m);
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.added, 8);
	mini_again(m, false);
}

static const struct pack_change *find(
        const struct pack_report *r, enum pack_news what, const char *code, const char *field)
{
	for (int i = 0; i < r->changes; i++)
		if (r->change[i].what == what && strcmp(r->change[i].code, code) == 0 &&
		        strcmp(r->change[i].field, field) == 0)
			return &r->change[i];
	return NULL;
}

static int64_t count(const struct pack_report *r, enum pack_news what, const char *code, const char *field)
{
	const struct pack_change *c = find(r, what, code, field);

	return c != NULL ? c->n : 0;
}

/* ---- what the site does ---- */

struct edit {
	struct mini *m;
	const char *code, *patch; /* patch NULL: removed */
};

static int edit_it(struct store_tx *tx, void *arg, struct err *e)
{
	const struct edit *x = arg;
	struct who who = x->m->desk;
	const struct record_door door = {.catalog = x->m->s->catalog, .by = &who, .pack = ""};
	enum record_verdict verdict;
	struct record_in in;
	struct doc *doc = NULL;
	int rc;

	if (x->patch == NULL)
		return record_remove(tx, &door, "dock", x->code, -1, e);
	rc = doc_parse_json(store_arena(tx), str_of(x->patch), "patch", &doc, e);
	if (rc == 0)
		rc = record_patch(tx, &door, "dock", doc, &in, e);
	return rc < 0 ? rc : record_put(tx, &door, &in, -1, NULL, &verdict, e);
}

static void edit(struct mini *m, const char *code, const char *patch)
{
	struct err e = ERR_INIT;

	check_ok(store_write(m->s->store, "edit", edit_it, &(struct edit){m, code, patch}, &e), &e);
}

static int rename_region(struct store_tx *tx, void *arg, struct err *e)
{
	(void)arg;
	return sql_region_put(tx,
	        &(struct sql_region_put_in){.code = STR_LIT("H1"),
	                .parent = STR_LIT("H"),
	                .level = 4,
	                .name = STR_LIT("老北港"),
	                .name_en = STR_LIT(""),
	                .lon = NAN,
	                .lat = NAN,
	                .geometry = STR_LIT(""),
	                .zone = STR_LIT(""),
	                .pack = STR_LIT("harbour")},
	        NULL, e);
}

static const char *attrs(struct mini *m, const char *code)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	const char *out = "none";
	struct record r;

	mini_again(m, false);
	check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e);
	if (record_get(tx, m->a, m->s->catalog, &who_system, "dock", code, &r, &e) == 0)
		out = arena_printf(m->a, "%s %s %s", r.name, r.state, r.attrs);
	store_read_end(&tx);
	return out;
}

static const char *region_name(struct mini *m, const char *code)
{
	struct store_tx *tx = NULL;
	struct sql_pack_region_get_row row;
	const char *out = "none";

	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	if (sql_pack_region_get(tx, &(struct sql_pack_region_get_in){str_of(code)}, &row, NULL) > 0)
		out = arena_strndup(m->a, row.name.p, row.name.n);
	store_read_end(&tx);
	return out;
}

/* ---- rows, three ways ---- */

MINI(what_each_side_changed, false)
{
	struct pack_report r, look;
	const struct pack_change *c;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D1", "{\"code\":\"D1\",\"attrs\":{\"depth\":7}}"); /* the site alone */
	edit(m, "D2",
	        "{\"code\":\"D2\",\"name\":\"贰号\",\"state\":\"shut\"}"); /* name: both; state: the site */
	check_ok(store_write(m->s->store, "edit", rename_region, NULL, &e), &e);
	write_head(m, "1.1.0", "");
	town_write(folder(m), "regions.csv",
	        "code,parent,level,name\nH,10,3,大港区\nH1,H,4,新北港\nH2,H,4,南港\n");
	town_write(folder(m), "records/dock.csv",
	        "code,name,region,depth,berth,place,phone,no,above\n"
	        "D1,一号,H1,5.5,9,北岸-一段,13800000009,D1,\nD2,二号码头,H2,6,four,南岸-二段-甲,13800000002,"
	        "D2,D1\n"
	        "D3,三号,H2,,,,,D3,\n");
	look = apply(m, &looking, 0, &e);
	check_has(attrs(m, "D1"), "\"berth\":\"3\"");
	r = apply(m, &plain, 0, &e);
	check_eq_s(r.from, "1.0.0");
	check_eq_i(r.conflicts, 2);
	check_eq_i(look.conflicts, 2);
	check_eq_i(look.changed, r.changed);
	check_eq_i(r.changed, 3); /* H, D1, D2 */
	c = find(&r, PACK_CONFLICT, "D2", "name");
	check(c != NULL);
	if (c != NULL) {
		check_eq_s(c->was, "\"二号\"");
		check_eq_s(c->site, "\"贰号\"");
		check_eq_s(c->now, "\"二号码头\"");
	}
	check(find(&r, PACK_CONFLICT, "H1", "name") != NULL);
	check_eq_s(region_name(m, "H"), "大港区");
	check_eq_s(region_name(m, "H1"), "老北港");
	check_eq_s(attrs(m, "D1"),
	        "一号 open {\"no\":\"D1\",\"depth\":7,\"berth\":\"9\",\"place\":\"北岸-一段\",\"phone\":"
	        "\"13800000009\"}");
	check_has(attrs(m, "D2"), "贰号 shut");
	check_eq_s(mini_kinds(m, "pack."), "installed installed conflict conflict installed");
	/* The same again: what was told once is settled. */
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.conflicts, 0);
	check_eq_i(r.changed, 0);
	check_eq_i(r.same, 8);
}

/* An area is long and is compared by its digest: it goes with the pack while the name stays the site's. */
MINI(areas_are_values_like_others, false)
{
	static const char area[] = "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\","
	                           "\"properties\":{\"code\":"
	                           "\"H1\"},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[120,33],[%"
	                           "d,33],[121,34],[120,33]]]}}"
	                           "]}";
	struct pack_report r;
	struct err e = ERR_INIT;
	const struct snapshot *s;

	write_first(m);
	town_write(folder(m), "regions.geojson", arena_printf(m->a, area, 121));
	(void)apply(m, &plain, 0, &e);
	check_ok(
	        store_write(m->s->store, "edit", rename_region, NULL, &e), &e); /* takes the area away, too */
	write_head(m, "1.1.0", "");
	town_write(folder(m), "orgs.csv", "code,name,phone,region\npilots,引航站,1,H1\nguards,海事局,2,\n");
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.conflicts, 0);
	check_eq_i(r.changed, 2);
	town_write(folder(m), "regions.geojson", arena_printf(m->a, area, 122));
	write_head(m, "1.2.0", "");
	r = apply(m, &plain, 0, &e);
	/* the middle of the area is the place where none is given: three values differ on both sides */
	check(find(&r, PACK_CONFLICT, "H1", "area") != NULL);
	mini_again(m, false);
	s = registry_hold(m->s->registry);
	check_eq_s(snapshot_region(s, "H1")->geometry, "");
	check_eq_s(snapshot_region(s, "H1")->name, "老北港");
	check_eq_s(snapshot_org(s, "guards")->name, "海事局");
	check_eq_s(snapshot_org(s, "pilots")->region, "H1");
	registry_release(m->s->registry, s);
}

MINI(a_new_area_comes_with_the_pack, false)
{
	static const char area[] = "{\"type\":\"FeatureCollection\",\"features\":[{\"type\":\"Feature\","
	                           "\"properties\":{\"code\":"
	                           "\"H2\"},\"geometry\":{\"type\":\"Polygon\",\"coordinates\":[[[120,33],["
	                           "121,33],[121,34],[120,33]]]}}"
	                           "]}";
	struct pack_report r;
	struct err e = ERR_INIT;
	const struct snapshot *s;

	first(m);
	write_head(m, "1.1.0", "");
	town_write(folder(m), "regions.geojson", area);
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.changed, 1);
	mini_again(m, false);
	s = registry_hold(m->s->registry);
	check_has(snapshot_region(s, "H2")->geometry, "Polygon");
	registry_release(m->s->registry, s);
}

MINI(a_veiled_value_goes_with_the_pack, false)
{
	struct err e = ERR_INIT;

	first(m);
	write_head(m, "1.1.0", "");
	town_write(folder(m), "records/dock.csv",
	        "code,name,region,depth,berth,place,phone,no,above\nD1,一号,H1,5.5,3,北岸-一段,,D1,\n"
	        "D2,二号,H1,6,four,南岸-二段-甲,13800000002,D2,D1\nD3,三号,H2,,,,,D3,\n");
	(void)apply(m, &plain, 0, &e);
	check(strstr(attrs(m, "D1"), "phone") == NULL);
	check_has(attrs(m, "D2"), "13800000002");
}

MINI(rows_that_the_pack_drops, false)
{
	struct pack_report r, look;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D3", "{\"code\":\"D3\",\"name\":\"我的\"}");
	write_head(m, "1.1.0", "");
	town_write(folder(m), "regions.csv", "code,parent,level,name\nH,10,3,港区\n");
	town_write(folder(m), "orgs.csv", "code,name,phone\npilots,引航站,1\n");
	town_write(folder(m), "records/dock.csv", "code,name,no\n");
	look = apply(m, &looking, 0, &e);
	r = apply(m, &plain, 0, &e);
	/* D1 and D2, which refers to it, go together, and with them the region of both; D3 is the site's now,
	 * and holds its region. */
	check_eq_i(r.removed, 4);
	check_eq_i(r.kept, 2);
	check_eq_i(look.removed, 4);
	check_eq_i(look.kept, 2);
	check_has(find(&r, PACK_KEPT, "D3", "")->words, "the site changed it");
	check_has(find(&r, PACK_KEPT, "H2", "")->words, "dock D3");
	check_eq_s(attrs(m, "D1"), "none");
	check_has(attrs(m, "D3"), "我的");
	check_eq_s(region_name(m, "H1"), "none");
	check_eq_s(region_name(m, "H2"), "南港");
}

MINI(what_the_site_removed_stays_removed, false)
{
	struct pack_report r;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D3", NULL);
	write_head(m, "1.0.1", "");
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.conflicts, 0);
	check_eq_s(attrs(m, "D3"), "none");
	write_head(m, "1.0.2", "");
	town_write(folder(m), "records/dock.csv",
	        "code,name,region,depth,berth,place,phone,no,above\n"
	        "D1,一号,H1,5.5,3,北岸-一段,13800000001,D1,\nD2,二号,H1,6,four,南岸-二段-甲,13800000002,D2,"
	        "D1\n"
	        "D3,三号新,H2,,,,,D3,\n");
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.conflicts, 1);
	check_has(find(&r, PACK_CONFLICT, "D3", "")->words, "removed");
	check_eq_s(attrs(m, "D3"), "none");
}

MINI(a_code_that_the_site_took_first, false)
{
	struct pack_report r;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D4", "{\"code\":\"D4\",\"name\":\"自建\",\"attrs\":{\"no\":\"D4\"}}");
	write_head(m, "1.1.0", "");
	town_write(folder(m), "records/dock.csv",
	        "code,name,region,depth,berth,place,phone,no,above\n"
	        "D1,一号,H1,5.5,3,北岸-一段,13800000001,D1,\nD2,二号,H1,6,four,南岸-二段-甲,13800000002,D2,"
	        "D1\n"
	        "D3,三号,H2,,,,,D3,\nD4,四号,H2,,,,,D4,\n");
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.conflicts, 1);
	check_has(find(&r, PACK_CONFLICT, "D4", "")->words, "of its own");
	check_has(attrs(m, "D4"), "自建");
}

/* ---- records follow their kind ---- */

static const char kind_2[] =
        "code: dock\nname: 码头\nkey: no\nwrite: [desk]\n"
        "states: [{code: open, name: 在用}]\nfields:\n"
        "  - {key: no, name: 编号, required: true, list: true}\n"
        "  - {key: water, name: 水深, type: decimal, min: 6, was: [deep, depth], filter: true}\n"
        "  - {key: berth, name: 泊位数, type: integer}\n"
        "  - {key: bank, name: 岸, from: {field: place, separator: \"-\", part: 1}}\n"
        "  - {key: place, name: 位置}\n"
        "  - {key: grade, name: 等级, type: code, required: true, default: c, "
        "options: [{code: a, name: 甲}, {code: c, name: 丙}]}\n"
        "  - {key: keeper, name: 管理人, required: true}\n"
        "  - {key: above, name: 所属, type: reference, ref: dock, tree: true}\n";

static void write_second(struct mini *m)
{
	write_head(m, "2.0.0", "");
	town_write(folder(m), "kinds/dock.yaml", kind_2);
	town_write(folder(m),
	        "records/dock.csv", /* the pack says of the first two what it said, in the new form */
	        "code,name,region,water,berth,bank,place,no,grade,keeper,above\n"
	        "D1,一号,H1,6.5,3,北岸,北岸-一段,D1,c,张三,\nD2,二号,H1,6,,南岸,南岸-二段-甲,D2,a,张三,D1\n");
}

static int restore_first(struct store_tx *tx, void *arg, struct err *e)
{
	const struct mini *m = arg;
	const struct record_door door = {.catalog = m->s->catalog, .by = &m->desk, .pack = ""};

	return record_restore(tx, &door, "dock", "D5", 1, NULL, e);
}

MINI(kinds_move_their_records, false)
{
	struct pack_report r, look;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D5",
	        "{\"code\":\"D5\",\"name\":\"五号\",\"state\":\"shut\",\"attrs\":{\"no\":\"D5\",\"depth\":4,"
	        "\"berth\":\"2\",\"place\":\"东岸\",\"phone\":\"13800000005\"}}");
	edit(m, "D1", "{\"code\":\"D1\",\"attrs\":{\"depth\":7}}");
	write_second(m);
	look = apply(m, &looking, 0, &e);
	check_has(attrs(m, "D5"), "\"depth\":4");
	r = apply(m, &plain, 0, &e);
	check_eq_i(r.moved, 4);
	for (const struct pack_report *x = &look; x != NULL; x = x == &look ? &r : NULL) {
		check_eq_i(x->moved, 4);
		check_eq_i(count(x, PACK_RENAMED, "", "water"), 3);
		check_eq_i(count(x, PACK_RETYPED, "", "berth"), 2);
		check_eq_i(count(x, PACK_UNREADABLE, "D2", "berth"), 1);
		check_eq_i(count(x, PACK_SPLIT, "", "bank"), 3);
		check_eq_i(count(x, PACK_FILLED, "", "grade"), 4);
		check_eq_i(count(x, PACK_LACKING, "", "keeper"), 4);
		check_eq_i(count(x, PACK_RETIRED, "", "phone"), 3);
		check_eq_i(count(x, PACK_UNFIT, "", "water"), 1);
		check_eq_i(count(x, PACK_STATELESS, "", "state"), 1);
		/* depth: the site has 7, the pack said 5.5 and says 6.5 */
		check_eq_i(x->conflicts, 1);
		check_eq_s(find(x, PACK_CONFLICT, "D1", "water")->was, "5.5");
		check_eq_i(x->removed, 1);
	}
	check_eq_s(attrs(m, "D5"), "五号 shut "
	                           "{\"no\":\"D5\",\"water\":4,\"berth\":2,\"bank\":\"东岸\",\"place\":"
	                           "\"东岸\",\"grade\":\"c\"}");
	check_has(attrs(m, "D1"), "\"water\":7,\"berth\":3,\"bank\":\"北岸\"");
	check_has(attrs(m, "D1"), "\"keeper\":\"张三\"");
	check_has(attrs(m, "D2"), "\"grade\":\"a\"");
	check(strstr(attrs(m, "D2"), "berth") == NULL);
	/* A version from before comes back by the keys and in the forms of today. */
	check_ok(store_write(m->s->store, "restore", restore_first, m, &e), &e);
	check_eq_s(attrs(m, "D5"), "五号 shut {\"no\":\"D5\",\"water\":4,\"berth\":2,\"place\":\"东岸\"}");
}

/* "北岸-一段": the bank by its first sign, the section by the last, of those that have one. */
MINI(fields_are_cut_out_by_patterns, false)
{
	static const char kind[] =
	        "code: dock\nname: 码头\nkey: no\nwrite: [desk]\nstates: [{code: open, name: "
	        "在用}]\nfields:\n"
	        "  - {key: no, name: 编号, required: true, list: true}\n"
	        "  - {key: depth, name: 水深, type: decimal}\n"
	        "  - {key: bank, name: 岸, from: {field: place, match: \"(.)岸(-.*)?\", group: 1}}\n"
	        "  - {key: section, name: 段, from: {field: place, match: '(.*)-(.+)段(-.)?', group: 2}}\n"
	        "  - {key: number, name: 号, type: integer, from: {field: place, match: '(.+)岸.*', group: "
	        "1}}\n"
	        "  - {key: place, name: 位置}\n";
	struct pack_report r, look;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D5", "{\"code\":\"D5\",\"name\":\"五号\",\"attrs\":{\"no\":\"D5\",\"place\":\" 东岸 \"}}");
	write_head(m, "2.0.0", "");
	town_write(folder(m), "kinds/dock.yaml", kind);
	town_write(folder(m), "records/dock.csv",
	        "code,name,region,depth,place,bank,section,no\nD1,一号,H1,5.5,北岸-一段,北,一,D1\n"
	        "D2,二号,H1,6,南岸-二段-甲,南,二,D2\nD3,三号,H2,,,,,D3\n");
	look = apply(m, &looking, 0, &e);
	check(strstr(attrs(m, "D1"), "bank") == NULL);
	r = apply(m, &plain, 0, &e);
	for (const struct pack_report *x = &look; x != NULL; x = x == &look ? &r : NULL) {
		check_eq_i(count(x, PACK_SPLIT, "", "bank"), 3);
		check_eq_i(count(x, PACK_SPLIT, "", "section"), 2);
		check_eq_i(count(x, PACK_UNCUT, "D5", "section"), 1);
		check_eq_i(count(x, PACK_UNCUT, "D1", "number"), 3); /* cut, but no number */
		check_eq_s(find(x, PACK_UNCUT, "D5", "section")->was, "place");
	}
	check_has(attrs(m, "D1"), "\"bank\":\"北\",\"section\":\"一\",\"place\":\"北岸-一段\"");
	check_has(attrs(m, "D2"), "\"bank\":\"南\",\"section\":\"二\"");
	check_has(attrs(m, "D5"), "\"bank\":\"东\",\"place\"");
}

MINI(what_is_gone_stands_in_the_history, false)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	struct record *v;
	int n = 0;

	first(m);
	write_second(m);
	(void)apply(m, &plain, 0, &e);
	mini_again(m, false);
	check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e);
	check_ok(record_history(tx, m->a, m->s->catalog, &who_system, "dock", "D2", 0, 10, &v, &n, &e), &e);
	store_read_end(&tx);
	check(n >= 2);
	if (n > 0) {
		check_has(v[n - 1].attrs, "\"berth\":\"four\"");
		check_has(v[n - 1].attrs, "13800000002");
		check_eq_s(v[0].account, "tester");
	}
}

/* The index knows the records by their new fields at once. */
MINI(the_index_follows, false)
{
	struct store_tx *tx = NULL;
	struct record_page page = {0};
	struct record_query q = {.limit = 10};
	const struct snapshot *s;
	struct err e = ERR_INIT;

	first(m);
	write_second(m);
	(void)apply(m, &plain, 0, &e);
	mini_again(m, false);
	check(!m->s->catalog->index_stale);
	q.kind = catalog_kind(m->s->catalog, "dock");
	s = registry_hold(m->s->registry);
	check_ok(record_query_add(m->a, &q, m->s->catalog, s, &who_system, "water", "6.2..", &e), &e);
	registry_release(m->s->registry, s);
	check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e);
	check_ok(record_list(tx, m->a, &who_system, &q, &page, &e), &e);
	store_read_end(&tx);
	check_eq_i(page.n, 1);
	if (page.n == 1)
		check_eq_s(page.row[0].code, "D1");
}

MINI(unique_from_now_on, false)
{
	struct pack_report r;
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D5", "{\"code\":\"D5\",\"name\":\"五号\",\"attrs\":{\"no\":\"D5\",\"berth\":\"3\"}}");
	write_head(m, "1.1.0", "");
	town_write(folder(m), "kinds/dock.yaml",
	        "code: dock\nname: 码头\nkey: no\nwrite: [desk]\n"
	        "states: [{code: open, name: 在用}, {code: shut, name: 停用}]\nfields:\n"
	        "  - {key: no, name: 编号, required: true, list: true}\n"
	        "  - {key: depth, name: 水深, type: decimal, min: 0}\n"
	        "  - {key: berth, name: 泊位, unique: true}\n  - {key: place, name: 位置}\n"
	        "  - {key: phone, name: 电话, secrecy: 3, mask: phone}\n"
	        "  - {key: above, name: 所属, type: reference, ref: dock, tree: true}\n");
	r = apply(m, &looking, 0, &e);
	check_eq_i(count(&r, PACK_DOUBLE, "", "berth"), 2);
	check_eq_i(r.moved, 0);
	r = apply(m, &plain, 0, &e);
	check_eq_i(count(&r, PACK_DOUBLE, "", "berth"), 2);
	check_has(attrs(m, "D5"), "\"berth\":\"3\"");
}

MINI(not_while_the_site_is_served, false)
{
	struct err e = ERR_INIT;

	first(m);
	write_second(m);
	(void)apply(m, &(struct pack_options){.account = "tester", .served = true}, ERR_STATE, &e);
	check_has(e.text, "start it again");
	check_has(attrs(m, "D1"), "\"depth\":5.5");
}

MINI(a_kind_with_the_sites_records_stays, false)
{
	struct err e = ERR_INIT;

	first(m);
	edit(m, "D5", "{\"code\":\"D5\",\"name\":\"五号\",\"attrs\":{\"no\":\"D5\"}}");
	write_head(m, "2.0.0", "");
	town_write(folder(m), "kinds/dock.yaml", "code: pier\nname: 栈桥\n");
	town_write(folder(m), "records/dock.csv", "code,name\n");
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_has(e.text, "no kind has the code \"dock\"");
	check_ok(unlink(arena_printf(m->a, "%s/records/dock.csv", folder(m))), NULL);
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_has(e.text, "1 records");
	town_write(folder(m), "kinds/dock.yaml", arena_printf(m->a, "thing: true\n%s", kind_1));
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_eq_s(e.where, "kinds/dock.yaml");
	check_eq_s(e.field, "thing");
}

/* ---- what must hold first ---- */

static void other_pack(
        const struct mini *m, const char *dir, const char *code, const char *version, const char *needs)
{
	town_write(dir, "pack.yaml",
	        arena_printf(m->a, "code: %s\nversion: %s\nname: x\n%s", code, version, needs));
}

static void refused(struct mini *m, const char *dir, const char *words)
{
	struct pack_report r;
	struct err e = ERR_INIT;

	check_err(pack_install(m->s->store, dir, "tester", m->a, &r, &e), ERR_INVALID);
	check_eq_s(e.where, "pack.yaml");
	check_has(e.text, words);
}

MINI(packs_stand_on_packs, false)
{
	const char *dir = test_path(m->schema != NULL ? "tug-pg" : "tug");
	struct pack_report r;
	struct err e = ERR_INIT;

	other_pack(m, dir, "tug", "1.0.0", "requires: [{code: harbour, version: \">=1 <2\"}]\n");
	refused(m, dir, "harbour >=1 <2 is needed first");
	first(m);
	town_write(dir, "kinds/tug.yaml",
	        "code: tug\nname: 拖轮\nfields: [{key: home, name: 港, type: reference, ref: dock}]\n");
	town_write(dir, "orgs.csv", "code,parent,name,region\ntugs,pilots,拖轮队,H1\n");
	check_ok(pack_install(m->s->store, dir, "tester", m->a, &r, &e), &e);
	check_eq_i(r.findings, 0);
	check_eq_i(r.kinds, 1);

	/* neither may the one below leave the range, nor lean on what leans on it, nor go */
	write_second(m);
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_has(e.text, "tug requires harbour >=1 <2");
	write_first(m);
	write_head(m, "1.2.0", "requires: [{code: tug}]\n");
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_has(e.text, "circle");
	check_err(pack_remove(m->s->store, "harbour", "tester", m->a, &r, &e), ERR_CONFLICT);
	check(r.errors >= 2); /* tug requires it, its org lies below one of the harbour */
	check_has(r.finding[0].e.text, "tug requires it");
	check_eq_s(region_name(m, "H1"), "北港");

	other_pack(m, dir, "tug", "1.1.0", "requires: [{code: harbour, version: \">=3\"}]\n");
	refused(m, dir, "1.0.0 is installed");
	other_pack(m, dir, "tug", "1.1.0", "requires: [{code: harbour, version: latest}]\n");
	refused(m, dir, "no range");
	other_pack(m, dir, "tug", "1.1", "");
	refused(m, dir, "three numbers");
	other_pack(m, dir, "Tug", "1.1.0", "");
	refused(m, dir, "small letters");
}

MINI(an_older_one_only_on_demand, false)
{
	struct err e = ERR_INIT;

	first(m);
	write_head(m, "0.9.0", "");
	(void)apply(m, &plain, ERR_PRECONDITION, &e);
	check_has(e.text, "--downgrade");
	(void)apply(m, &(struct pack_options){.account = "tester", .downgrade = true}, 0, &e);
	write_head(m, "1.0.0", "");
	(void)apply(m, &(struct pack_options){.account = "tester", .upgrade = true}, 0, &e);
}

MINI(an_upgrade_of_nothing, false)
{
	struct err e = ERR_INIT;

	write_first(m);
	(void)apply(m, &looking, ERR_NOTFOUND, &e);
	check_has(e.text, "heming pack install");
}

/* Each thing that packs declare once. */
MINI(no_pack_takes_from_another, false)
{
	static const struct {
		const char *path, *text, *what;
		int line;
	} rows[] = {{"kinds/sensor.yaml", "name: x\ncode: sensor\n", "kind sensor", 2},
	        {"regions.csv", "code,level,name\n1001,3,x\n", "region 1001", 2},
	        {"orgs.csv", "code,name\nworks,x\n", "org works", 2},
	        {"categories.csv", "code,name\ngas,x\n", "category gas", 2},
	        {"indicators.yaml", "indicators:\n  - {code: on-time, name: x, formula: \"1\"}\n",
	                "indicator on-time", 2},
	        {"calendars.yaml", "calendars:\n  - {code: workday}\n", "calendar workday", 2},
	        {"rules/x.yaml",
	                "groups:\n  - name: gas\n    rules:\n      - alert: Leak\n        expr: a > 1\n",
	                "rule Leak", 4}};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *dir =
		        test_path(arena_printf(m->a, "thief-%zu%s", i, m->schema != NULL ? "-pg" : ""));
		struct pack_report r;
		struct err e = ERR_INIT;

		other_pack(m, dir, "thief", "1.0.0", "");
		town_write(dir, rows[i].path, rows[i].text);
		check_err(pack_install(m->s->store, dir, "tester", m->a, &r, &e), ERR_INVALID);
		check_eq_s(e.where, rows[i].path);
		check_eq_i(e.line, rows[i].line);
		check_has(e.text, rows[i].what);
		check_has(e.text, "belongs to the pack mini");
	}
}

MINI(out_again, false)
{
	struct pack_report r;
	struct pack_info *p;
	struct err e = ERR_INIT;
	int n = 0;

	first(m);
	edit(m, "D5", "{\"code\":\"D5\",\"name\":\"五号\",\"attrs\":{\"no\":\"D5\"}}");
	check_err(pack_remove(m->s->store, "harbour", "tester", m->a, &r, &e), ERR_CONFLICT);
	check_eq_i(r.errors, 1);
	check_has(r.finding[0].e.text, "1 records of the kind dock");
	edit(m, "D5", NULL);
	check_ok(pack_remove(m->s->store, "harbour", "tester", m->a, &r, &e), &e);
	check_eq_i(r.removed, 8);
	check_ok(pack_list(m->s->store, m->a, &p, &n, &e), &e);
	check_eq_i(n, 1);
	check_err(pack_remove(m->s->store, "harbour", "tester", m->a, &r, &e), ERR_NOTFOUND);
	check_eq_s(region_name(m, "H1"), "none");
	first(m); /* and in again, as if it had never been there */
}

/* What a pack's records refer to: rows of its own, or the site's. */
MINI(records_refer_to_what_is_there, false)
{
	static const char head[] = "code,name,no,above\n";
	struct pack_report r;
	struct err e = ERR_INIT;

	write_first(m);
	town_write(folder(m), "records/dock.csv", arena_printf(m->a, "%sD1,a,D1,D9\n", head));
	check_ok(pack_check(folder(m), m->a, &r, &e), &e);
	check_eq_i(r.errors, 2); /* its regions lie in one of another pack, which it does not require */
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_eq_s(e.where, "records/dock.csv");
	check_eq_i(e.line, 2);
	check_eq_s(e.field, "above");
	check_has(e.text, "no record of the kind dock has the code \"D9\"");

	town_write(folder(m), "records/dock.csv", arena_printf(m->a, "%sD1,a,D1,D2\nD2,b,D2,D1\n", head));
	(void)apply(m, &plain, ERR_INVALID, &e);
	check_has(e.text, "never ends");

	first(m);
	edit(m, "D9", "{\"code\":\"D9\",\"name\":\"九号\",\"attrs\":{\"no\":\"D9\"}}");
	town_write(folder(m), "records/dock.csv", arena_printf(m->a, "%sD1,a,D1,D9\n", head));
	(void)apply(m, &plain, 0, &e); /* to one of the site's own */
}

/* Nobody said "requires", and yet it would be missed. */
MINI(what_others_declare_holds_a_pack, false)
{
	const char *dir = test_path(m->schema != NULL ? "barge-pg" : "barge");
	struct pack_report r;
	struct err e = ERR_INIT;

	first(m);
	other_pack(m, dir, "barge", "1.0.0", "");
	town_write(dir, "kinds/barge.yaml",
	        "code: barge\nname: 驳船\nfields: [{key: home, name: 港, type: reference, ref: dock}]\n");
	check_ok(pack_install(m->s->store, dir, "tester", m->a, &r, &e), &e);
	check_err(pack_remove(m->s->store, "harbour", "tester", m->a, &r, &e), ERR_CONFLICT);
	check_has(r.finding[0].e.text, "the kind barge of the pack barge refers to its kind dock by home");
	check_ok(pack_remove(m->s->store, "barge", "tester", m->a, &r, &e), &e);
	check_ok(pack_remove(m->s->store, "harbour", "tester", m->a, &r, &e), &e);
}

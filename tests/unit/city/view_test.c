/* What views hold: values of every type, in the scope and masks of who asks, on both stores; and that the
 * page which describes them is right. */
#include "base/file.h"
#include "city/record.h"
#include "city/view.h"
#include "mini.h"

#include <math.h>

/* ---- records to ask of ---- */

struct add {
	struct mini *m;
	const char *kind, *code, *region, *org, *attrs;
};

static int put_one(struct store_tx *tx, void *arg, struct err *e)
{
	const struct add *x = arg;
	struct mini *m = x->m;
	const struct snapshot *s = registry_hold(m->s->registry);
	const struct record_door d = {.catalog = m->s->catalog, .snapshot = s, .by = &who_system, .pack = ""};
	enum record_verdict verdict;
	struct doc *attrs = NULL;
	int rc = doc_parse_json(store_arena(tx), str_of(x->attrs), "test", &attrs, e);

	if (rc == 0)
		rc = record_put(tx, &d,
		        &(struct record_in){.kind = x->kind,
		                .code = x->code,
		                .name = x->code,
		                .region = x->region,
		                .org = x->org,
		                .at = {NAN, NAN},
		                .attrs = attrs},
		        -1, NULL, &verdict, e);
	registry_release(m->s->registry, s);
	return rc;
}

static void add(struct mini *m, const char *kind, const char *code, const char *region, const char *attrs)
{
	struct add x = {m, kind, code, region, "works", attrs};
	struct err e = ERR_INIT;

	check_ok(store_write(m->s->store, "test", put_one, &x, &e), &e);
}

/* ---- asking ---- */

static void put_value(struct sb *b, const struct view_value *v)
{
	if (v->type == VIEW_INTEGER)
		sb_printf(b, "%lld", (long long)v->integer);
	else if (v->type == VIEW_REAL)
		sb_printf(b, "%g", v->real);
	else
		sb_putstr(b, v->type == VIEW_TEXT ? v->text : STR_LIT("-"));
}

static int answer(
        struct mini *m, struct store_tx *tx, const struct view_ask *ask, struct sb *out, struct err *e)
{
	struct view_query *q = NULL;
	struct view_value v[64];
	int rc = view_ask(tx, m->s, ask, m->a, &q, NULL, e);

	if (rc == 0)
		rc = view_query_run(q, NULL, 0, e);
	while (rc == 0 && (rc = view_query_next(q, v, e)) > 0) {
		rc = 0;
		for (int i = 0; i < view_query_columns(q) && i < 64; i++) {
			sb_puts(out, i > 0 ? "|" : "");
			put_value(out, &v[i]);
		}
		sb_putc(out, ';');
	}
	view_query_free(&q);
	return rc;
}

/* "a|b;c|d;", or the name of what failed and its words. */
static const char *ask_as(struct mini *m, const struct view_ask *ask)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	const char *out;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return "";
	if (answer(m, tx, ask, &b, &e) < 0)
		out = arena_printf(m->a, "%s %s", err_name(e.code), e.text);
	else
		out = arena_strndup(m->a, b.p != NULL ? b.p : "", b.n);
	store_read_end(&tx);
	sb_fini(&b);
	return out;
}

static const char *ask(struct mini *m, const struct who *who, const char *sql)
{
	return ask_as(m, &(struct view_ask){.sql = str_of(sql), .who = who});
}

static struct who reader(const char *const *regions, int64_t clearance)
{
	return (struct who){.account = 1,
	        .login = "r",
	        .name = "r",
	        .org = "",
	        .roles = ROLE_VIEWER,
	        .scope = {.regions = regions, .clearance = clearance},
	        .csrf = ""};
}

MINI(values_of_every_type, false)
{
	add(m, "park", "p1", "1001", "{}");
	add(m, "firm", "f1", "1001",
	        "{\"title\":\"甲\",\"capital\":12.5,\"staff\":7,\"founded\":\"2020-02-29\",\"inspected\":"
	        "\"2026-07-14T01:02:03Z\",\"listed\":true,\"size\":\"l\",\"tags\":[\"x\",\"y\"],\"park\":"
	        "\"p1\","
	        "\"seats\":[\"1001\",\"1002\"],\"gate\":{\"lon\":120.5,\"lat\":33.25},\"boss\":\"张三丰\","
	        "\"phone\":"
	        "\"13912345678\",\"arrears\":12345,\"grade\":\"a\",\"watch\":\"p1\"}");
	add(m, "firm", "f2", "", "{}");
	check_eq_s(ask(m, &who_system,
	                   "SELECT code, name, name_en, state, org, region, unit, changed, demo FROM v_firm"),
	        "f1|f1|-|open|works|1001|1001|2026-07-14 08:00:00|0;f2|f2|-|open|works|-|-|2026-07-14 "
	        "08:00:00|0;");
	check_eq_s(ask(m, &who_system,
	                   "SELECT title, capital, staff, founded, inspected, listed, size, park, gate FROM "
	                   "v_firm"),
	        "甲|12.5|7|2020-02-29|2026-07-14 "
	        "09:02:03|1|l|p1|{\"lon\":120.5,\"lat\":33.25};-|-|-|-|-|-|-|-|-;");
	check_eq_s(ask(m, &who_system,
	                   "SELECT s.value FROM v_firm f, json_each(f.seats) s UNION ALL SELECT t.value FROM "
	                   "v_firm f, json_each(f.tags) t"),
	        "1001;1002;x;y;");
	check_eq_s(ask(m, &who_system,
	                   "SELECT date(inspected, '+1 day'), julianday(founded) > 0, capital * staff FROM "
	                   "v_firm "
	                   "WHERE code = 'f1'"),
	        "2026-07-15|1|87.5;");
	check_eq_s(ask(m, &who_system, "SELECT min(code), count(*) FROM v_things"), "S-1|2;");
	check_eq_s(ask(m, &who_system,
	                   "SELECT code, name FROM v_options WHERE kind = 'firm' AND field = 'size'"),
	        "l|大型;m|中型;s|小型;");
	check_eq_s(ask(m, &who_system, "SELECT count(*) FROM v_regions WHERE is_unit"), "2;");
	check_has(ask(m, &who_system, "SELECT kind, name FROM v_orgs WHERE code = 'works'"), "|");
	check_has(ask(m, &who_system, "SELECT code FROM v_categories ORDER BY 1"), "gas;");
}

MINI(what_a_reader_must_not_see_is_not_there, false)
{
	static const char *const east[] = {"1001", NULL};
	const struct who one = reader(NULL, 1), two = reader(NULL, 2), three = reader(NULL, 3),
	                 four = reader(NULL, 4), narrow = reader(east, 4);

	add(m, "park", "p1", "1001", "{}");
	add(m, "firm", "f1", "1001",
	        "{\"boss\":\"张三丰\",\"phone\":\"13912345678\",\"arrears\":12345,\"grade\":\"a\",\"watch\":"
	        "\"p1\"}");
	add(m, "firm", "f2", "1002", "{\"staff\":5}");
	add(m, "informer", "i1", "1001", "{}");
	check_eq_s(ask(m, &one, "SELECT boss, phone, arrears, grade, watch FROM v_firm WHERE code = 'f1'"),
	        "张**|139****5678|10000|-|-;");
	check_eq_s(ask(m, &two, "SELECT boss, grade FROM v_firm WHERE code = 'f1'"), "张三丰|-;");
	check_eq_s(ask(m, &three, "SELECT phone, grade FROM v_firm WHERE code = 'f1'"), "139****5678|-;");
	check_eq_s(ask(m, &four, "SELECT phone, grade, watch FROM v_firm WHERE code = 'f1'"),
	        "139****5678|a|p1;");
	check_eq_s(
	        ask(m, &two, "SELECT group_concat(grade) FROM v_firm WHERE grade > '' OR watch > ''"), "-;");
	check_eq_s(ask(m, &narrow, "SELECT count(*), sum(staff) FROM v_firm"), "1|-;");
	check_eq_s(ask(m, &narrow, "SELECT group_concat(code) FROM v_things"), "S-1;");
	check_eq_s(ask(m, &two, "SELECT count(*) FROM v_informer"),
	        "INVALID no such table: v_informer; docs/views.md says what may be asked");
	check_eq_s(ask(m, &four, "SELECT count(*) FROM v_informer"), "1;");
	check_eq_s(ask(m, &two, "SELECT count(*) FROM v_options WHERE kind = 'informer'"), "0;");
}

MINI(cases_alarms_and_counters, false)
{
	static const char *const east[] = {"1001", NULL};
	const struct who narrow = reader(east, 1);
	int64_t id = mini_case(m, "gas", "S-1");

	(void)mini_case(m, "gas", "S-2");
	clock_set(m->s->clock, mini_at("2026-07-14T10:30:00+08:00"));
	check_ok(mini_do(m, id, "done", &m->worker), NULL);
	check_eq_s(ask(m, &who_system, "SELECT thing, unit, state, category FROM v_cases ORDER BY thing"),
	        "S-1|1001|open|gas;S-2|1002|open|gas;");
	check_eq_s(ask(m, &narrow, "SELECT thing FROM v_cases"), "S-1;");
	check_eq_s(
	        ask(m, &who_system,
	                "SELECT round(24 * (julianday(finished) - julianday(opened)), 2) FROM v_cases WHERE "
	                "finished IS NOT NULL"),
	        "2.5;");
	check_eq_s(ask(m, &who_system,
	                   "SELECT day, measure, unit, n FROM v_measures WHERE measure = 'opened' ORDER BY "
	                   "unit"),
	        "2026-07-14|opened|1001|1;2026-07-14|opened|1002|1;");
	check_eq_s(ask(m, &narrow, "SELECT measure, sum(n) FROM v_measures WHERE measure = 'opened'"),
	        "opened|1;");
	check_eq_s(ask_as(m, &(struct view_ask){.sql = STR_LIT("SELECT thing FROM v_cases"),
	                             .who = &who_system,
	                             .unit = "1002"}),
	        "S-2;");
	check_eq_s(ask(m, &who_system, "SELECT count(*) FROM v_alarms"), "0;");
}

MINI(alarms_as_they_are, true)
{
	mini_reading(m, "ch4", "S-1", 30);
	mini_set(m, "2026-07-14T08:01:00+08:00");
	check_eq_s(ask(m, &who_system,
	                   "SELECT rule, thing, unit, state, value, fired IS NOT NULL FROM v_alarms WHERE "
	                   "rule = 'Leak'"),
	        "Leak|S-1|1001|firing|30|1;");
}

/* More than one page, and not more than the bound. */
LONG_MINI(registers_are_read_to_their_end, false)
{
	struct view_limits few = view_limits_usual;

	for (int i = 0; i < 1201; i++)
		add(m, "park", arena_printf(m->a, "p%04d", i), i % 3 ? "1001" : "1002", "{}");
	check_eq_s(ask(m, &who_system, "SELECT count(DISTINCT code), min(code), max(code) FROM v_park"),
	        "1201|p0000|p1200;");
	check_eq_s(ask_as(m, &(struct view_ask){.sql = STR_LIT("SELECT count(*) FROM v_park"),
	                             .who = &who_system,
	                             .unit = "1001"}),
	        "800;");
	few.within = 0; /* also where no record is put in */
	check_has(ask_as(m, &(struct view_ask){.sql = STR_LIT("SELECT count(*) FROM v_park"),
	                            .who = &who_system,
	                            .unit = "nowhere",
	                            .limits = &few}),
	        "TIMEOUT");
	few = view_limits_usual;
	few.rows = 1200;
	check_eq_s(ask_as(m, &(struct view_ask){.sql = STR_LIT("SELECT 1 FROM v_park LIMIT 1"),
	                             .who = &who_system,
	                             .limits = &few}),
	        "TOOBIG the view v_park has more than 1200 rows here; narrow it by where");
}

/* ---- the page ---- */

TEST(the_page_describes_each_view)
{
	struct arena *a = arena_new(0);
	const struct catalog none = {.kinds = 0};
	const struct kind plain = {.code = "KIND", .secrecy = 1};
	const struct catalog one = {.kind = (struct kind *)&plain, .kinds = 1};
	struct str page = STR_NULL;
	struct err e = ERR_INIT;
	int n = 0, own = 0;
	const struct view *v = views_published(a, &one, 4, &n);

	(void)views_published(a, &none, 4, &own);
	check_eq_i(n, own + 1);
	check(view_is_taken("cases") && view_is_taken("Regions") && !view_is_taken("KIND"));
	if (!check_ok(file_read(a, SOURCE "/docs/views.md", 1 << 20, &page, &e), &e))
		return;
	for (int i = 0; i < n; i++) {
		struct sb row = SB_INIT;

		sb_printf(&row, "\n| `%s` | `", v[i].name);
		for (int k = 0; k < v[i].columns; k++)
			sb_printf(&row, "%s%s", k > 0 ? " " : "", v[i].column[k].name);
		sb_puts(&row, "` |");
		check_has(arena_strndup(a, page.p, page.n), arena_strndup(a, row.p, row.n));
		sb_fini(&row);
	}
	arena_free(&a);
}

#include "mini.h"
#include "base/file.h"
#include "store/sql.h"

#include <libpq-fe.h>
#include <math.h>
#include <unistd.h>

#ifndef SOURCE
#error "SOURCE is the folder of the sources"
#endif

static void on_server(const char *sql)
{
	PGconn *c = PQconnectdb(getenv("HEMING_TEST_POSTGRES"));
	PGresult *r = PQexec(c, "SET client_min_messages = error");

	PQclear(r);
	r = PQexec(c, sql);

	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		check_fail("%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

static void open_site(struct mini *m, time_us now, bool rules)
{
	struct err e = ERR_INIT;
	const struct site_options o = {.dir = test_path(m->store != NULL ? "pg" : "site"),
	        .store = m->store,
	        .clock = clock_new_manual(now),
	        .node = 1,
	        .create = true,
	        .rules = rules};

	check_ok(site_open(&o, &m->s, &e), &e);
}

static struct who person(const char *login, const char *org, unsigned roles)
{
	return (struct who){.account = 1,
	        .login = login,
	        .name = login,
	        .org = org,
	        .roles = roles,
	        .scope = {.clearance = 4},
	        .csrf = ""};
}

void mini_open(struct mini *m, bool postgres, bool rules)
{
	struct pack_report report;
	struct err e = ERR_INIT;

	*m = (struct mini){.a = arena_new(0),
	        .desk = person("duty", "centre", ROLE_DESK),
	        .worker = person("worker", "works", ROLE_HANDLER),
	        .east = person("east", "works-1001", ROLE_HANDLER),
	        .water = person("water", "water", ROLE_HANDLER),
	        .leader = person("boss", "", ROLE_LEADER | ROLE_VIEWER),
	        .viewer = person("guest", "", ROLE_VIEWER)};
	if (postgres) {
		m->schema = arena_printf(m->a, "mini_%d", (int)getpid());
		on_server(arena_printf(m->a, "CREATE SCHEMA %s", m->schema));
		m->store = arena_printf(m->a, "postgres:%s options='-c search_path=%s'",
		        getenv("HEMING_TEST_POSTGRES"), m->schema);
	}
	open_site(m, mini_at("2026-07-14T08:00:00+08:00"), false);
	if (m->s == NULL)
		return;
	check_ok(pack_install(m->s->store, SOURCE "/tests/data/packs/mini", "test", m->a, &report, &e), &e);
	mini_again(m, rules);
}

void mini_again(struct mini *m, bool rules)
{
	time_us now = clock_now(m->s->clock);

	site_close(&m->s);
	open_site(m, now, rules);
}

void mini_close(struct mini *m)
{
	site_close(&m->s);
	if (m->schema != NULL)
		on_server(arena_printf(m->a, "DROP SCHEMA %s CASCADE", m->schema));
	arena_free(&m->a);
}

time_us mini_at(const char *local)
{
	time_us t = 0;

	check(time_parse(str_of(local), NULL, &t));
	return t;
}

void mini_set(struct mini *m, const char *local)
{
	struct err e = ERR_INIT;

	clock_set(m->s->clock, mini_at(local));
	check_ok(site_settle(m->s, &e), &e);
}

void mini_reading(struct mini *m, const char *metric, const char *thing, double v)
{
	struct label l[] = {{STR_LIT(LABEL_NAME), str_of(metric)}, {STR_LIT("thing"), str_of(thing)}};
	const struct labels ls = {l, 2};
	struct series_point p = {.t = clock_now(m->s->clock), .v = v};
	struct err e = ERR_INIT;

	check_ok(series_resolve(m->s->series, &ls, &p.id, &e), &e);
	check_ok(series_append(m->s->series, &p, 1, &e), &e);
	check_ok(site_settle(m->s, &e), &e);
}

int64_t mini_case(struct mini *m, const char *category, const char *thing)
{
	const struct case_open in = {.category = category,
	        .title = "有事",
	        .source = "hotline",
	        .region = "",
	        .thing = thing,
	        .at = {NAN, NAN},
	        .opened = TIME_NONE,
	        .deadline = TIME_NONE};
	struct err e = ERR_INIT;
	int64_t id = 0;

	check_ok(case_open(m->s, &in, &m->desk, &id, &e), &e);
	return id;
}

struct city_case mini_get(struct mini *m, int64_t id)
{
	struct city_case c = {.code = "", .state = "", .stage = "", .org = "", .assignee = "", .title = ""},
	                 *list;
	const struct case_filter f = {.limit = 1, .after_deadline = TIME_NONE};
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int n = 0;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return c;
	if (id == 0 && check_ok(case_list(tx, m->s, &who_system, &f, &list, &n, &e), &e) && n == 1)
		id = list[0].id;
	if (id != 0 && check_ok(case_get(tx, m->s, &who_system, id, &c, &e), &e)) {
		c.code = arena_strdup(m->a, c.code);
		c.state = arena_strdup(m->a, c.state);
		c.stage = arena_strdup(m->a, c.stage);
		c.task_name = arena_strdup(m->a, c.task_name);
		c.org = arena_strdup(m->a, c.org);
		c.unit = arena_strdup(m->a, c.unit);
		c.category = arena_strdup(m->a, c.category);
		c.source = arena_strdup(m->a, c.source);
		c.thing = arena_strdup(m->a, c.thing);
		c.title = arena_strdup(m->a, c.title);
		c.assignee = arena_strdup(m->a, c.assignee);
		c.outcomes = arena_strdup(m->a, c.outcomes);
		c.flow = arena_strdup(m->a, c.flow);
	}
	store_read_end(&tx);
	return c;
}

const char *mini_actions(struct mini *m, int64_t id, const struct who *who)
{
	struct city_case c = mini_get(m, id);

	return case_actions(m->a, m->s, &c, who);
}

int mini_do(struct mini *m, int64_t id, const char *action, const struct who *who)
{
	const struct case_act act = {.id = id, .note = "因为"};

	if (strcmp(action, "claim") == 0)
		return case_claim(m->s, &act, who, NULL);
	if (strcmp(action, "release") == 0)
		return case_release(m->s, &act, who, NULL);
	if (strcmp(action, "hand_over") == 0)
		return case_hand_over(m->s, &act, NULL, "works", who, NULL);
	if (strcmp(action, "note") == 0)
		return case_note(m->s, &act, who, NULL);
	return case_complete(m->s, &act, action, STR_NULL, who, NULL);
}

int64_t mini_measure(struct mini *m, const char *measure)
{
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_measure_by_day_row r;
	char day[16];
	int64_t n = 0;

	measure_day(m->s->catalog, clock_now(m->s->clock), day);
	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return -1;
	check(sql_measure_by_day_open(tx,
	              &(struct sql_measure_by_day_in){.from_ = str_of(day), .to_ = str_of(day)}, &rows,
	              NULL) == 0);
	while (sql_measure_by_day_next(rows, &r, NULL) > 0)
		if (str_is(r.measure, measure))
			n += r.n;
	store_rows_close(&rows);
	store_read_end(&tx);
	return n;
}

const char *mini_kinds(struct mini *m, const char *prefix)
{
	const char *const kinds[] = {prefix, NULL};
	const struct journal_filter f = {.kinds = kinds};
	struct journal_entry *j = NULL;
	struct store_tx *tx = NULL;
	const char *out = "";
	int64_t last;
	int n = 0;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return "";
	check_ok(journal_read(tx, 0, 500, &f, &j, &n, &last, NULL), NULL);
	for (int i = 0; i < n; i++)
		out = arena_printf(m->a, "%s%s" STR_FMT, out, i > 0 ? " " : "",
		        (int)(j[i].kind.n - strlen(prefix)), j[i].kind.p + strlen(prefix));
	store_read_end(&tx);
	return out;
}

const char *mini_history(struct mini *m, int64_t id)
{
	struct case_step *step = NULL;
	struct store_tx *tx = NULL;
	const char *out = "";
	int n = 0;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return "";
	check_ok(case_history(tx, &who_system, id, &step, &n, NULL), NULL);
	for (int i = 0; i < n; i++)
		out = arena_printf(m->a, "%s%s%s", out, i > 0 ? " " : "", step[i].action);
	store_read_end(&tx);
	return out;
}

struct version {
	const char *xml, *hash;
	int version;
};

static int put_version(struct store_tx *tx, void *arg, struct err *e)
{
	const struct version *v = arg;

	return sql_flow_put(tx,
	        &(struct sql_flow_put_in){.code = STR_LIT("handling"),
	                .version = v->version,
	                .file = STR_LIT("flows/handling.bpmn"),
	                .xml = str_of(v->xml),
	                .hash = str_of(v->hash),
	                .at = store_now(tx),
	                .pack = STR_LIT("mini")},
	        NULL, e);
}

void mini_flow(struct mini *m, const char *old, const char *new)
{
	const struct flow_def *was = catalog_flow(m->s->catalog, "handling", 0);
	const char *at = was->xml, *next;
	struct version v = {.version = was->version + 1};
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;

	while ((next = strstr(at, old)) != NULL) {
		sb_put(&b, at, (size_t)(next - at));
		sb_puts(&b, new);
		at = next + strlen(old);
	}
	sb_puts(&b, at);
	v.xml = b.p;
	v.hash = arena_printf(m->a, "%d", v.version);
	check_ok(store_write(m->s->store, "a new version", put_version, &v, &e), &e);
	sb_fini(&b);
	mini_again(m, false);
}

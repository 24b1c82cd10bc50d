/* Questions in SQL: what they answer, and that nothing but the answer comes of them. */
#include "store/view_query.h"
#include "base/arena.h"
#include "check.h"

#include <sqlite3.h>
#include <unistd.h>

static const struct view_column firm[] = {
        {"code", VIEW_TEXT}, {"name", VIEW_TEXT}, {"staff", VIEW_INTEGER}, {"rate", VIEW_REAL}};
static const struct view_column park[] = {{"code", VIEW_TEXT}, {"tags", VIEW_TEXT}};
static const struct view views[] = {{"v_firm", firm, 4}, {"v_park", park, 2}, {"v_odd-\"name", park, 2}};
static const char *const params[] = {"from", "to", NULL};

#define T(s) ((struct view_value){.type = VIEW_TEXT, .text = STR_LIT(s)})
#define I(n) ((struct view_value){.type = VIEW_INTEGER, .integer = (n)})
#define R(x) ((struct view_value){.type = VIEW_REAL, .real = (x)})
#define NONE ((struct view_value){.type = VIEW_NULL})

static struct view_limits limits(int64_t rows, size_t memory_b, dur_us within)
{
	return (struct view_limits){.rows = rows, .memory_b = memory_b, .within = within};
}

static int fill(struct view_query *q, int rows, struct err *e)
{
	const struct view_value some[][4] = {{T("f1"), T("甲"), I(10), R(0.5)},
	        {T("f2"), T("乙"), I(20), NONE}, {T("f3"), T("x'--"), NONE, R(-1e300)}};
	const struct view_value p[] = {T("p1"), T("[\"a\",\"b\"]")};
	int rc = 0;

	for (int i = 0; i < rows && rc == 0 && view_query_mentions(q, 0); i++)
		rc = view_query_add(q, 0, some[i % 3], e);
	if (rc == 0 && view_query_mentions(q, 1))
		rc = view_query_add(q, 1, p, e);
	if (rc == 0 && view_query_mentions(q, 2))
		rc = view_query_add(q, 2, p, e);
	return rc;
}

static void put(struct sb *b, const struct view_value *v)
{
	switch (v->type) {
	case VIEW_INTEGER: sb_printf(b, "%lld", (long long)v->integer); break;
	case VIEW_REAL: sb_printf(b, "%.6g", v->real); break;
	case VIEW_TEXT: sb_putstr(b, v->text); break;
	default: sb_puts(b, "NULL"); break;
	}
}

/* Its rows as "a,b;c,d;", or what failed. */
static int ask_within(const char *sql, const struct view_limits *l, int rows, struct sb *out, struct err *e)
{
	const struct view_param p[] = {{"from", "2026-07-01"}, {"to", "f2"}};
	struct view_query *q = NULL;
	struct view_value v[64];
	int rc = view_query_open(views, 3, str_of(sql), params, l, &q, e);

	if (rc == 0)
		rc = fill(q, rows, e);
	if (rc == 0)
		rc = view_query_run(q, p, 2, e);
	while (rc == 0 && (rc = view_query_next(q, v, e)) > 0) {
		rc = 0;
		for (int i = 0; i < view_query_columns(q) && i < 64; i++) {
			if (i > 0)
				sb_putc(out, ',');
			put(out, &v[i]);
		}
		sb_putc(out, ';');
	}
	view_query_free(&q);
	return rc;
}

static const char *answer(const char *sql)
{
	static struct arena *kept;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	const char *out;

	if (kept == NULL)
		kept = arena_new(0);
	if (ask_within(sql, &view_limits_usual, 3, &b, &e) < 0)
		out = arena_printf(kept, "%s %s", err_name(e.code), e.text);
	else
		out = arena_strndup(kept, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

TEST(answers_over_the_views)
{
	check_eq_s(answer("SELECT count(*) FROM v_firm"), "3;");
	check_eq_s(answer("SELECT 1 FROM v_park"), "1;");
	check_eq_s(
	        answer("select exists (select 1 from V_FIRM), (select max(STAFF) from \"v_firm\")"), "1,20;");
	check_eq_s(answer("SELECT code, staff, rate FROM v_firm ORDER BY code"),
	        "f1,10,0.5;f2,20,NULL;f3,NULL,-1e+300;");
	check_eq_s(
	        answer("SELECT f.name FROM v_firm f WHERE f.code = :to -- so it is\n ; /* and */ ;"), "乙;");
	check_eq_s(
	        answer("SELECT p.code, j.value FROM v_park p, json_each(p.tags) j ORDER BY 2"), "p1,a;p1,b;");
	check_eq_s(answer("SELECT tags->>0 FROM [v_odd-\"name]"), "a;");
	check_eq_s(answer("SELECT tags ->> '$[1]' FROM `v_odd-\"name`"), "b;");
	check_eq_s(answer("WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM c WHERE n < 4) "
	                  "SELECT sum(n) FROM c"),
	        "10;");
	check_eq_s(answer("SELECT code, row_number() OVER (ORDER BY staff DESC) FROM v_firm WHERE staff > 0"),
	        "f2,1;f1,2;");
	check_eq_s(answer("VALUES (:from, upper('a'), CAST('x' AS BLOB))"), "2026-07-01,A,x;");
	check_eq_s(
	        answer("SELECT strftime('%Y', '2026-07-14 08:00:00'), name LIKE '甲%' FROM v_firm LIMIT 1"),
	        "2026,1;");
}

/* The name of a view may be a table of the statement's own: then it reads that, and of the view nothing. */
TEST(a_name_of_its_own_shadows_a_view)
{
	struct view_query *q = NULL;
	struct err e = ERR_INIT;

	check_eq_s(answer("WITH v_firm AS (SELECT 7 AS x) SELECT * FROM v_firm"), "7;");
	check_eq_s(answer("WITH v_firm AS (SELECT 7 AS code) SELECT a.code, b.code FROM v_firm a, "
	                  "main.v_firm b ORDER BY 2 LIMIT 1"),
	        "7,f1;");
	check_eq_s(answer("WITH c AS (SELECT * FROM v_firm) SELECT count(*) FROM c"), "3;");
	check_eq_s(answer("WITH sqlite_schema AS (SELECT 7 AS sql) SELECT sql FROM sqlite_schema"), "7;");
	if (check_ok(view_query_open(views, 3, STR_LIT("WITH v_firm AS (VALUES(1)) SELECT * FROM v_firm"),
	                     NULL, &view_limits_usual, &q, &e),
	            &e))
		check(!view_query_mentions(q, 0) && !view_query_mentions(q, 1));
	view_query_free(&q);
}

static void refused(const char *sql, const char *words)
{
	const char *said = answer(sql);

	if (strncmp(said, "INVALID ", 8) != 0 || strstr(said, words) == NULL)
		check_fail("%s: %s, and not: %s", sql, said, words);
}

TEST(anything_but_a_question_is_refused)
{
	static const char *const only[] = {"DELETE FROM v_firm", "INSERT INTO v_firm VALUES (1,2,3,4)",
	        "UPDATE v_firm SET code = 1", "DROP TABLE v_firm", "CREATE TABLE t (x)",
	        "CREATE TEMP VIEW t AS SELECT 1", "CREATE VIRTUAL TABLE t USING fts5(x)",
	        "CREATE TRIGGER t AFTER INSERT ON v_firm BEGIN SELECT 1; END", "ATTACH '/etc/passwd' AS x",
	        "DETACH main", "BEGIN", "COMMIT", "SAVEPOINT x", "ANALYZE", "REINDEX",
	        "ALTER TABLE v_firm RENAME TO x", "EXPLAIN SELECT 1",
	        "EXPLAIN QUERY PLAN SELECT * FROM v_firm", "", " ; ", "-- nothing"};
	static const char *const tables[] = {"sqlite_master", "sqlite_schema", "main.sqlite_schema",
	        "sqlite_temp_master", "\"sqlite_master\"", "[sqlite_schema]", "dbstat", "sqlite_dbpage",
	        "pragma_database_list", "pragma_table_info('v_firm')", "pragma_function_list", "fts3tokenize",
	        "sqlite_stmt", "bytecode('SELECT 1')", "json_each('[1]'), sqlite_schema"};

	for (size_t i = 0; i < ARRAY_LEN(only); i++)
		refused(only[i], "");
	refused("DELETE FROM v_firm", "may only SELECT");
	refused("PRAGMA database_list", "PRAGMA database_list");
	refused("VACUUM INTO '/tmp/x'", "SELECT");
	refused("SELECT 1; SELECT 2", "one statement alone");
	refused("SELECT 1; DROP TABLE v_firm", "one statement alone");
	refused("SELECT 1; nonsense", "one statement alone");
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		char sql[128];

		snprintf(sql, sizeof(sql), "SELECT * FROM %s", tables[i]);
		refused(sql, "");
	}
	refused("SELECT count(*) FROM sqlite_schema", "sqlite_schema is no published view");
	refused("SELECT count(*) FROM dbstat", "may only SELECT");
	refused("SELECT count(*) FROM pragma_database_list", "may only SELECT");
	refused("SELECT (SELECT count(*) FROM (SELECT * FROM sqlite_schema))", "no published view");
	refused("SELECT * FROM v_nothing", "no such table: v_nothing");
	refused("SELECT * FROM temp.v_firm", "no such table");
	refused("SELECT money FROM v_firm", "no such column: money");
	refused("SELECT \"text\"", "no such column");
	refused("SELECT :other", "no parameter :other");
	refused("SELECT ?", "no parameter ?");
	refused("SELECT $from", "no parameter $from");
	refused("SELECT @from", "no parameter @from");
	refused("SELECT 1 +", "incomplete input");
}

TEST(functions_that_reach_out_are_refused)
{
	static const char *const calls[] = {"load_extension('x')", "readfile('/etc/passwd')",
	        "writefile('x', 1)", "randomblob(9)", "random()", "zeroblob(1000000000)", "sqlite_version()",
	        "sqlite_compileoption_get(1)", "edit('x')", "fts3_tokenizer('x')", "last_insert_rowid()",
	        "changes()", "soundex('x')", "current_timestamp", "current_date", "json_set('{}', '$.a', 1)"};

	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		char sql[128];

		snprintf(sql, sizeof(sql), "SELECT %s", calls[i]);
		refused(sql, "");
	}
	refused("SELECT zeroblob(1000000000)", "the function zeroblob is not allowed");
	refused("SELECT current_date", "the function current_date is not allowed");
}

TEST(a_mistake_is_told_with_its_place)
{
	struct view_query *q = NULL;
	struct err e = ERR_INIT;

	check_err(view_query_open(views, 3, STR_LIT("SELECT '甲',\n  code, money FROM v_firm"), NULL,
	                  &view_limits_usual, &q, &e),
	        ERR_INVALID);
	check_eq_i(e.line, 2);
	check_eq_i(e.column, 9);
	check_eq_s(e.field, "sql");
	check_eq_p(q, NULL);
}

/* What is given back when it takes more than it may: a time that nothing else can need, or one that is soon
 * over for what has no end. */
static void bounded(const char *sql, int code)
{
	const dur_us within = code == ERR_TIMEOUT ? US_SECOND / 2 : 50 * US_SECOND;
	const struct view_limits l = limits(5000, (size_t)16 << 20, within);
	struct err e = ERR_INIT;
	struct sb b = {.max = 1 << 26};
	int rc = ask_within(sql, &l, 3000, &b, &e);

	if (rc != code)
		check_fail("%.100s: %d %s", sql, rc, e.text);
	sb_fini(&b);
}

TEST(rows_of_a_view_are_bounded)
{
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	struct view_limits l = limits(3, 1 << 20, US_SECOND);

	check_ok(ask_within("SELECT count(*) FROM v_firm", &l, 3, &b, &e), &e);
	check_str(sb_str(&b), "3;");
	check_err(ask_within("SELECT count(*) FROM v_firm", &l, 4, &b, &e), ERR_TOOBIG);
	check_has(e.text, "v_firm has more than 3 rows");
	check_ok(ask_within("SELECT count(*) FROM v_park", &l, 4, &b, &e), &e);
	sb_fini(&b);
}

LONG_TEST(time_and_memory_are_bounded)
{
	struct sb b = SB_INIT;

	bounded("WITH RECURSIVE c(n) AS (VALUES(1) UNION ALL SELECT n+1 FROM c) SELECT count(*) FROM c",
	        ERR_TIMEOUT);
	bounded("SELECT count(*) FROM v_firm a, v_firm b, v_firm c, v_firm d", ERR_TIMEOUT);
	bounded("SELECT * FROM v_firm a, v_firm b, v_firm c ORDER BY a.name || b.code || c.code", ERR_TOOBIG);
	bounded("WITH RECURSIVE c(s) AS (VALUES('x') UNION ALL SELECT s || s FROM c) SELECT length(s) FROM c",
	        ERR_TOOBIG);
	bounded("SELECT group_concat(a.name) FROM v_firm a, v_firm b", ERR_TOOBIG);
	bounded("WITH RECURSIVE c(n, s) AS (VALUES(1, printf('%.*c', 200000, 'x')) UNION ALL SELECT n + 1, s "
	        "|| n "
	        "FROM c WHERE n < 10000) SELECT * FROM c ORDER BY s",
	        ERR_TOOBIG);
	bounded("SELECT printf('%.*c', 290000, 'a') LIKE '%a%a%a%a%a%a%a%a%a%a%a%a%a%ab' FROM v_firm a, "
	        "v_firm b",
	        ERR_TIMEOUT);
	bounded("SELECT 1 LIKE printf('%.*c', 500, '%')", ERR_UNPROCESSED);
	bounded("SELECT json_extract('{', '$')", ERR_UNPROCESSED);
	bounded("SELECT sum(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 1)", ERR_UNPROCESSED);

	/* Names that stand for twice as much each: it breaks while it is read. */
	sb_puts(&b, "WITH t0 AS (SELECT 1 AS a)");
	for (int i = 1; i <= 40; i++)
		sb_printf(&b, ", t%d AS (SELECT * FROM t%d UNION ALL SELECT * FROM t%d)", i, i - 1, i - 1);
	sb_puts(&b, " SELECT count(*) FROM t40");
	sb_putc(&b, '\0');
	bounded(b.p, ERR_TOOBIG);

	sb_reset(&b);
	sb_puts(&b, "SELECT ");
	for (int i = 0; i < 5000; i++)
		sb_putc(&b, '(');
	sb_putc(&b, '\0');
	bounded(b.p, ERR_INVALID);
	sb_reset(&b);
	for (int i = 0; i < 3000; i++)
		sb_puts(&b, "SELECT 1 UNION ALL ");
	sb_puts(&b, "SELECT 1");
	sb_putc(&b, '\0');
	bounded(b.p, ERR_TOOBIG);
	sb_fini(&b);
}

/* SQLite's own word for a text that is too long to be made. */
LONG_TEST(a_format_that_is_too_long_is_null)
{
	check_eq_s(
	        answer("SELECT printf('%.*c', 1000000000, 'x') IS NULL, format('%1000000000d', 1) IS NULL"),
	        "1,1;");
}

TEST(views_that_do_not_fit_into_memory_are_told)
{
	const struct view_limits l = limits(1000000, (size_t)2 << 20, 10 * US_SECOND);
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;

	check_err(ask_within("SELECT count(*) FROM v_firm", &l, 200000, &b, &e), ERR_TOOBIG);
	check_has(e.text, "2 MiB of memory");
	sb_fini(&b);
}

/* However little memory there is, it fails by itself, and what is beside it does not. */
TEST(any_want_of_memory_is_survived)
{
	struct sb b = SB_INIT;
	bool done = false;

	for (size_t most = 0; most < 600000; most += most < 100000 ? 977 : 9973) {
		const struct view_limits l = limits(10, most, 60 * US_SECOND);
		struct err e = ERR_INIT;
		int rc = ask_within("SELECT name FROM v_firm ORDER BY name || :to", &l, 3, &b, &e);

		if (rc < 0 && rc != ERR_TOOBIG)
			check_fail("with %zu bytes: %d %s", most, rc, e.text);
		done |= rc == 0;
	}
	check(done);
	sb_fini(&b);
}

TEST(a_question_is_run_again_with_other_parameters)
{
	struct view_query *q = NULL;
	struct err e = ERR_INIT;
	struct view_value v;

	if (!check_ok(
	            view_query_open(views, 3, STR_LIT("SELECT count(*) AS n FROM v_firm WHERE code >= :from"),
	                    params, &view_limits_usual, &q, &e),
	            &e))
		return;
	check(view_query_has_param(q, "from") && !view_query_has_param(q, "to"));
	check_eq_s(view_query_column(q, 0), "n");
	check_ok(fill(q, 3, &e), &e);
	for (int i = 1; i <= 3; i++) {
		char from[8];

		snprintf(from, sizeof(from), "f%d", i);
		check_ok(view_query_run(q, &(struct view_param){"from", from}, 1, &e), &e);
		check_eq_i(view_query_next(q, &v, &e), 1);
		check_eq_i(v.integer, 4 - i);
	}
	check_ok(view_query_run(q, NULL, 0, &e), &e); /* NULL */
	check_eq_i(view_query_next(q, &v, &e), 1);
	check_eq_i(v.integer, 0);
	check_eq_i(view_query_next(q, &v, &e), 0);
	view_query_free(&q);
}

/* The budget is the question's alone: its thread's other databases know nothing of it. */
TEST(other_databases_are_not_bounded)
{
	const struct view_limits l = limits(100000, 300000, 10 * US_SECOND);
	struct view_query *q = NULL;
	struct err e = ERR_INIT;
	sqlite3 *db = NULL;

	check_ok(view_query_open(views, 3, STR_LIT("SELECT * FROM v_firm"), NULL, &l, &q, &e), &e);
	check_eq_i(sqlite3_open(":memory:", &db), SQLITE_OK);
	check_eq_i(
	        sqlite3_exec(db, "CREATE TABLE t AS SELECT zeroblob(1000000)", NULL, NULL, NULL), SQLITE_OK);
	check_err(fill(q, 100000, &e), ERR_TOOBIG);
	view_query_free(&q);
	check_eq_i(sqlite3_exec(db, "INSERT INTO t SELECT zeroblob(1000000)", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* What the databases make of the statements that lists of records are walked and gathered by, and the journal
 * is asked by: a search of the index from the place asked for, and no sort, however large the register is. */
#include "site.h"

#include <libpq-fe.h>
#include <sqlite3.h>

#define MANY "20000"

/* Two indexed fields of many records of two kinds. */
static void fill(struct site *s)
{
	static const char numbers[] =
	        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " MANY ") SELECT ";
	const char *key = s->postgres ? "convert_to(lpad((i % 1000)::text, 8, '0'), 'UTF8')"
	                              : "CAST(printf('%08d', i % 1000) AS BLOB)";
	const char *no = s->postgres ? "FALSE" : "0", *kind = "CASE i % 2 WHEN 0 THEN 'firm' ELSE 'park' END";
	char *sql = xasprintf(
	        "INSERT INTO record_entry (field, key, record) %s i %% 2, %s, i FROM n", numbers, key);

	site_sql(s, sql);
	free(sql);
	sql = xasprintf(
	        "INSERT INTO record (id, kind, code, name, name_en, state, org, region, attrs, doubts, "
	        "thing, "
	        "demo, pack, rev, created, changed, account, batch) %s i, %s, 'F-' || i, 'name', '', '', '', "
	        "'', '{}', '', %s, %s, '', 1, 1, 1, '', 0 FROM n",
	        numbers, kind, no, no);
	site_sql(s, sql);
	free(sql);
	sql = xasprintf(
	        "INSERT INTO record_rev (kind, code, rev, gone, name, name_en, state, org, region, attrs, "
	        "doubts, "
	        "demo, pack, created, changed, account, batch) %s %s, 'F-' || i, 1, %s, 'name', '', '', '', "
	        "'', '{}', '', %s, '', 1, 1, '', 0 FROM n",
	        numbers, kind, no, no);
	site_sql(s, sql);
	free(sql);
}

static const struct store_statement *statement(const char *name)
{
	for (int i = 0; i < store_schema.statements_n; i++)
		if (strcmp(store_schema.statements[i]->name, name) == 0)
			return store_schema.statements[i];
	check_fail("no statement %s", name);
	return NULL;
}

static void plan_of_sqlite(struct site *s, const struct store_statement *st, struct sb *out)
{
	char *sql = xasprintf("EXPLAIN QUERY PLAN %s", st->text[STORE_SQLITE]);
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;

	check(sqlite3_open_v2(s->address + strlen("sqlite:"), &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	if (sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK)
		check_fail("%s: %s", st->name, sqlite3_errmsg(db));
	while (q != NULL && sqlite3_step(q) == SQLITE_ROW)
		sb_printf(out, "%s\n", (const char *)sqlite3_column_text(q, 3));
	sqlite3_finalize(q);
	sqlite3_close(db);
	free(sql);
}

/* generic: the plan for any parameters, as of statements that have run some times. */
static void plan_of_postgres(
        struct site *s, const struct store_statement *st, bool generic, const char *values, struct sb *out)
{
	static const char *const types[] = {[STORE_INT] = "bigint",
	        [STORE_REAL] = "double precision",
	        [STORE_TEXT] = "text",
	        [STORE_BLOB] = "bytea",
	        [STORE_BOOL] = "boolean"};
	PGconn *c = PQconnectdb(s->address + strlen("postgres:"));
	struct sb sql = SB_INIT;
	PGresult *r;

	sb_printf(&sql, "SET plan_cache_mode = %s; PREPARE p (",
	        generic ? "force_generic_plan" : "force_custom_plan");
	for (int i = 0; i < st->ins; i++)
		sb_printf(&sql, "%s%s", i > 0 ? ", " : "", types[st->in[i].type]);
	sb_printf(&sql, ") AS %s; EXPLAIN (COSTS OFF) EXECUTE p (%s)", st->text[STORE_POSTGRES], values);
	r = PQexec(c, sql.p);
	if (PQresultStatus(r) != PGRES_TUPLES_OK)
		check_fail("%s: %s", st->name, PQerrorMessage(c));
	for (int i = 0; i < PQntuples(r); i++)
		sb_printf(out, "%s\n", PQgetvalue(r, i, 0));
	PQclear(r);
	PQfinish(c);
	sb_fini(&sql);
}

struct plan {
	const char *name, *values;     /* values: for PostgreSQL, in the order of the parameters */
	const char *sqlite, *postgres; /* what the plan has */
	bool few;                      /* are found at once, and may be sorted */
};
static const struct plan plans[] = {
        {"record_entry_up", "1, '00000500', 7, '\\xffff', 200",
                "SEARCH e USING PRIMARY KEY (field=? AND (key,record)>(?,?) AND key<?)",
                "Index Cond: ((field = "},
        {"record_entry_down", "1, '00000500', 7, '', 200",
                "SEARCH e USING PRIMARY KEY (field=? AND key>? AND (key,record)<(?,?))",
                "Index Cond: ((field = "},
        {"record_entry_range", "1, '00000500', '00000501', 100",
                "SEARCH e USING PRIMARY KEY (field=? AND key>? AND key<?)", "Index Cond: ((field = "},
        {"record_entry_count", "1, '00000500', '00000501', 100",
                "SEARCH record_entry USING PRIMARY KEY (field=? AND key>? AND key<?)",
                "Index Cond: ((field = "},
        {"record_entry_other", "1, '00000500', 7",
                "SEARCH record_entry USING PRIMARY KEY (field=? AND key=?)", "Index Cond: ((field = "},
        {"record_part", "'firm', 'F-1', 500", "SEARCH record USING INDEX record_code (kind=? AND code>?)",
                "Index Cond: ((kind = "},
        {"record_rev_all", "'firm', 'F-10', 9, 9",
                "SEARCH record_rev USING INDEX sqlite_autoindex_record_rev_1 (kind=? AND code=? AND rev<?)",
                "Index Cond: ((kind = "},
};

static void check_plan(const struct plan *p, const char *plan, const char *has)
{
	static const char *const slow[] = {
	        "TEMP B-TREE", "SCAN r", "SCAN e", "Sort", "Seq Scan", "Hash", "Materialize"};

	if (!check_has(plan, has))
		check_fail("%s: %s", p->name, plan);
	for (size_t i = 0; i < ARRAY_LEN(slow); i++)
		if (strstr(plan, slow[i]) != NULL && !(p->few && strcmp(slow[i], "Sort") == 0))
			check_fail("%s: %s", p->name, plan);
}

static void check_plans(struct site *s, const struct plan *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (int generic = 0; generic <= (s->postgres ? 1 : 0); generic++) {
			const struct store_statement *st = statement(p[i].name);
			struct sb plan = SB_INIT;

			if (s->postgres)
				plan_of_postgres(s, st, generic, p[i].values, &plan);
			else
				plan_of_sqlite(s, st, &plan);
			check_plan(&p[i], plan.p != NULL ? plan.p : "",
			        s->postgres ? p[i].postgres : p[i].sqlite);
			sb_fini(&plan);
		}
}

ON_BOTH(lists_search_and_do_not_sort)
{
	fill(s);
	/* PostgreSQL takes a table of which it knows nothing for a small one, and sorts; it looks at tables
	 * by itself a minute after they were filled. */
	if (s->postgres)
		site_sql(s, "ANALYZE record, record_entry, record_rev");
	check_plans(s, plans, ARRAY_LEN(plans));
}

/* Who saw what, in a journal of years. */
ON_BOTH(questions_to_the_journal_are_led_by_an_index)
{
	static const struct plan asked[] = {
	        {"journal_before_by", "0, 9000, 50, NULL, 'a7', 0, 20000, NULL, NULL, 4",
	                "SEARCH journal USING INDEX journal_account (account=? AND seq>? AND seq<?)",
	                "journal_account", true},
	        {"journal_before_kind", "'record.revealed', 0, 9000, 50, 0, 20000, NULL, NULL, 4",
	                "SEARCH journal USING INDEX journal_kind (kind=? AND seq>? AND seq<?)",
	                "journal_kind", true},
	        {"journal_before", "0, 9000, 50, NULL, NULL, 0, 20000, NULL, NULL, 4",
	                "SEARCH journal USING INDEX journal_seq (seq>? AND seq<?)", "journal_seq"},
	        {"journal_span", "500, 900", "SEARCH journal USING COVERING INDEX journal_at (at>? AND at<?)",
	                "journal_at"},
	};
	char *sql = xasprintf(
	        "INSERT INTO journal (id, seq, at, kind, subject, subject_id, region, org, "
	        "secrecy, account, digest, hash) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
	        "SELECT i + 1 FROM n WHERE i < " MANY ") SELECT i, i, i, CASE i %% 5000 WHEN 0 "
	        "THEN 'record.revealed' ELSE 'case.' || (i %% 50) END, 'case', 'F-' || i, '', '', 1, "
	        "'a' || (i %% 2000), %s, %s FROM n",
	        s->postgres ? "'\\x00'::bytea" : "X'00'", s->postgres ? "'\\x00'::bytea" : "X'00'");

	site_sql(s, sql);
	free(sql);
	if (s->postgres)
		site_sql(s, "ANALYZE journal");
	check_plans(s, asked, ARRAY_LEN(asked));
}

#include "site.h"
#include "probe_sql.h"

#include <libpq-fe.h>
#include <sqlite3.h>
#include <unistd.h>

#define START INT64_C(1780000000000000) /* in 2026 */

/* A connection string with search_path set to the schema. */
static char *with_schema(const char *server, const char *schema)
{
	char *bad = NULL;
	struct sb b = SB_INIT;
	PQconninfoOption *all = PQconninfoParse(server, &bad);
	must(all != NULL);
	for (PQconninfoOption *o = all; o->keyword; o++) {
		if (o->val == NULL || strcmp(o->keyword, "options") == 0 ||
		        strcmp(o->keyword, "application_name") == 0)
			continue;
		sb_printf(&b, "%s='", o->keyword);
		for (const char *p = o->val; *p; p++) {
			if (*p == '\'' || *p == '\\')
				sb_putc(&b, '\\');
			sb_putc(&b, *p);
		}
		sb_puts(&b, "' ");
	}
	/* The name lets a test end this store's connections alone. */
	sb_printf(&b, "options='-c search_path=%s' application_name='%s'", schema, schema);
	PQconninfoFree(all);
	return sb_detach(&b, NULL);
}

static void on_server(struct site *s, const char *sql)
{
	PGconn *c = PQconnectdb(s->server);
	PGresult *r = PQexec(c, "SET client_min_messages = error");
	PQclear(r);
	r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK)
		check_fail("%s: %s", sql, PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

int64_t site_number(struct site *s, const char *fmt, ...)
{
	PGconn *c = PQconnectdb(s->server);
	char sql[500];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(sql, sizeof(sql), fmt, ap);
	va_end(ap);
	PGresult *r = PQexec(c, sql);
	int64_t n = PQresultStatus(r) == PGRES_TUPLES_OK ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : -1;
	PQclear(r);
	PQfinish(c);
	return n;
}

void site_init(struct site *s, bool postgres)
{
	static int made;
	memset(s, 0, sizeof(*s));
	s->postgres = postgres;
	if (postgres) {
		char sql[128];
		s->server = xstrdup(getenv("HEMING_TEST_POSTGRES"));
		snprintf(s->schema, sizeof(s->schema), "t_%d_%d", (int)getpid(), made++);
		snprintf(sql, sizeof(sql), "CREATE SCHEMA %s", s->schema);
		on_server(s, sql);
		char *conn = with_schema(s->server, s->schema);
		s->address = xasprintf("postgres:%s", conn);
		free(conn);
	} else {
		s->address = xasprintf("sqlite:%s", test_path("records.db"));
	}
	s->clock = clock_new_manual(START);
	s->ids = id_source_new(1, s->clock);
	s->o = (struct store_options){
	        .address = s->address, .clock = s->clock, .ids = s->ids, .create = true, .readers = 3};
}

void site_fini(struct site *s)
{
	site_close(s);
	if (s->postgres) {
		char sql[128];
		snprintf(sql, sizeof(sql), "DROP SCHEMA %s CASCADE", s->schema);
		on_server(s, sql);
	}
	id_source_free(&s->ids);
	clock_free(&s->clock);
	free(s->address);
	free(s->server);
}

bool site_open(struct site *s)
{
	struct err e = ERR_INIT;
	site_close(s);
	return check_ok(store__open(&s->o, &probe_schema, &s->st, &e), &e);
}

void site_close(struct site *s)
{
	store_close(&s->st);
}

struct store *site_second(struct site *s, struct id_source *ids)
{
	struct store_options o = s->o;
	struct store *st = NULL;
	struct err e = ERR_INIT;
	o.ids = ids;
	check_ok(store__open(&o, &probe_schema, &st, &e), &e);
	return st;
}

void site_sql(struct site *s, const char *sql)
{
	if (s->postgres) {
		char *all = xasprintf("SET search_path = %s; %s", s->schema, sql);
		on_server(s, all);
		free(all);
		return;
	}
	sqlite3 *db = NULL;
	char *bad = NULL;
	check_eq_i(sqlite3_open(s->address + strlen("sqlite:"), &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 5000);
	if (sqlite3_exec(db, sql, NULL, NULL, &bad) != SQLITE_OK)
		check_fail("%s: %s", sql, bad);
	sqlite3_free(bad);
	sqlite3_close(db);
}

int put_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct put *p = arg;
	struct sql_probe_put_in in = {
	        .id = p->id, .name = str_of(p->name), .n = p->n, .x = 0.5, .data = STR_NULL, .yes = false};
	int rc = sql_probe_put(tx, &in, NULL, e);
	if (rc == 0 && p->result < 0)
		rc = err_set(e, p->result, "as the test wants");
	return rc;
}

int put(struct site *s, int64_t id, const char *name, int64_t n, struct err *e)
{
	struct put p = {id, n, name, 0};
	return store_write(s->st, "put", put_write, &p, e);
}

int64_t count(struct site *s)
{
	struct store_tx *tx = NULL;
	struct sql_probe_count_row row;
	struct err e = ERR_INIT;
	int64_t n = -1;
	if (check_ok(store_read_begin(s->st, "count", &tx, &e), &e) &&
	        check_eq_i(sql_probe_count(tx, &row, &e), 1))
		n = row.count;
	store_read_end(&tx);
	return n;
}

static int append_write(struct store_tx *tx, void *arg, struct err *e)
{
	return journal_append(tx, arg, e);
}

int append(struct site *s, const char *kind, const char *subject, const char *subject_id, const char *region,
        int64_t secrecy, const char *payload)
{
	struct journal_entry j = {
	        .at = TIME_NONE,
	        .kind = str_of(kind),
	        .subject = str_of(subject),
	        .subject_id = str_of(subject_id),
	        .region = str_of(region),
	        .secrecy = secrecy,
	        .account = STR_LIT("li.wei"),
	        .payload = str_of(payload),
	};
	struct err e = ERR_INIT;
	int rc = store_write(s->st, "append", append_write, &j, &e);
	check_ok(rc, &e);
	return rc;
}

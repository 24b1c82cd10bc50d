/*
 * sql NAME { query "SELECT …" ; expect rows == 1 ; expect COLUMN == V ; save COLUMN -> V ; do "UPDATE …" }
 *
 * Looks at the site's records behind the program's back, and spoils them where a scenario wants that. The
 * statements are the store's own tables in words that both SQLite and PostgreSQL take.
 */
#include "scn.h"

#include <libpq-fe.h>
#include <sqlite3.h>

struct result {
	char **cell; /* row by row; NULL cells are "NULL" */
	char **name;
	int rows, columns;
};
struct sql {
	struct result r;
};

static void clear(struct result *r)
{
	for (int i = 0; i < r->rows * r->columns; i++)
		free(r->cell[i]);
	for (int i = 0; i < r->columns; i++)
		free(r->name[i]);
	free(r->cell);
	free(r->name);
	*r = (struct result){0};
}

static bool ask_sqlite(
        struct ctx *c, const struct stmt *s, const struct city *y, const char *text, struct result *r)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *q = NULL;
	const char *path = arena_printf(c->a, "%s/records.db", y->site);
	size_t cap = 0;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL);

	sqlite3_busy_timeout(db, (int)(c->run->patience / US_MS));
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, text, -1, &q, NULL);
	if (rc == SQLITE_OK) {
		r->columns = sqlite3_column_count(q);
		r->name = xcalloc((size_t)r->columns + 1, sizeof(*r->name));
		for (int i = 0; i < r->columns; i++)
			r->name[i] = xstrdup(sqlite3_column_name(q, i));
		while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
			r->cell =
			        xgrow(r->cell, &cap, (size_t)((r->rows + 1) * r->columns), sizeof(*r->cell));
			for (int i = 0; i < r->columns; i++) {
				const char *v = (const char *)sqlite3_column_text(q, i);

				r->cell[r->rows * r->columns + i] = xstrdup(v != NULL ? v : "NULL");
			}
			r->rows++;
		}
	}
	if (rc != SQLITE_DONE)
		scn_fail(c, s, "%s: %s", path, sqlite3_errmsg(db));
	sqlite3_finalize(q);
	sqlite3_close(db);
	return rc == SQLITE_DONE;
}

static bool ask_postgres(struct ctx *c, const struct stmt *s, const char *text, struct result *r)
{
	PGconn *db = PQconnectdb(arena_printf(c->a, "%s dbname=%s", c->run->postgres, c->run->database));
	PGresult *q = PQexec(db, text);
	bool ok = PQresultStatus(q) == PGRES_TUPLES_OK || PQresultStatus(q) == PGRES_COMMAND_OK;

	if (!ok) {
		scn_fail(c, s, "%s", PQerrorMessage(db));
	} else {
		r->rows = PQntuples(q);
		r->columns = PQnfields(q);
		r->name = xcalloc((size_t)r->columns + 1, sizeof(*r->name));
		r->cell = xcalloc((size_t)(r->rows * r->columns) + 1, sizeof(*r->cell));
		for (int k = 0; k < r->columns; k++)
			r->name[k] = xstrdup(PQfname(q, k));
		for (int i = 0; i < r->rows; i++)
			for (int k = 0; k < r->columns; k++)
				r->cell[i * r->columns + k] =
				        xstrdup(PQgetisnull(q, i, k) ? "NULL" : PQgetvalue(q, i, k));
	}
	PQclear(q);
	PQfinish(db);
	return ok;
}

static const char *cell(const struct result *r, const char *column)
{
	for (int k = 0; k < r->columns && r->rows > 0; k++)
		if (strcmp(r->name[k], column) == 0)
			return r->cell[k];
	return NULL;
}

static bool command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct sql *q = a->state;
	struct city *y = city_find(c, s, a->city);
	const char *v;

	if (q == NULL)
		q = a->state = xcalloc(1, sizeof(*q));
	if (y == NULL || (v = scn_word(c, s, 1)) == NULL)
		return false;
	if (scn_is(s, 0, "query") || scn_is(s, 0, "do")) {
		clear(&q->r);
		return c->run->postgres != NULL ? ask_postgres(c, s, v, &q->r)
		                                : ask_sqlite(c, s, y, v, &q->r);
	}
	if (scn_is(s, 0, "expect") && strcmp(v, "rows") == 0)
		return scn_expect(c, s, 2, "rows", arena_printf(c->a, "%d", q->r.rows));
	if (scn_is(s, 0, "expect"))
		return scn_expect(c, s, 2, v, cell(&q->r, v));
	if (scn_is(s, 0, "save") && scn_is(s, 2, "->") && s->words == 4) {
		if (cell(&q->r, v) == NULL)
			return scn_fail(c, s, "there is no row with a column %s", v);
		scn_set(c->run, s->word[3].text, cell(&q->r, v));
		return true;
	}
	return scn_fail(c, s, "sql knows query, do, expect, save");
}

static void free_state(struct actor *a)
{
	struct sql *q = a->state;

	if (q != NULL)
		clear(&q->r);
	free(q);
}

const struct actor_kind kind_sql = {.name = "sql", .command = command, .free = free_state};

/* ---- databases of PostgreSQL ---- */

static int admin(struct run *r, const char *text, struct err *e)
{
	PGconn *db = PQconnectdb(r->postgres);
	PGresult *q = PQexec(db, text);
	int rc = PQresultStatus(q) == PGRES_COMMAND_OK
	                 ? 0
	                 : err_set(e, ERR_UNAVAILABLE, "%s", PQerrorMessage(db));

	PQclear(q);
	PQfinish(db);
	return rc;
}

int database_make(struct run *r, const char *name, struct err *e)
{
	char text[200];

	snprintf(text, sizeof(text), "CREATE DATABASE %s", name);
	return admin(r, text, e);
}

void database_drop(struct run *r, const char *name)
{
	char text[200];
	struct err e = ERR_INIT;

	snprintf(text, sizeof(text), "DROP DATABASE IF EXISTS %s WITH (FORCE)", name);
	if (admin(r, text, &e) < 0)
		printf("# %s\n", e.text);
}

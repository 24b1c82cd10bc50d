#include "store/postgres_int.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/file.h"
#include "base/num.h"

/*
 * A backup is one text file, read and written by COPY, so that it goes from one version of PostgreSQL
 * to another:
 *
 *   heming-store-backup 1 postgres schema 12
 *   table case_ (id, code, closed)
 *   …lines of COPY in text form…
 *   \.
 *   sha256 …of all before this line…
 *
 * All tables are of one snapshot. Restoring makes the schema of then, fills it in one transaction, and
 * leaves later migrations to the next opening.
 */
#define HEAD "heming-store-backup 1 "
#define TABLES_MAX 1000

struct table {
	char name[64];
	int64_t size_b;
	off_t at;           /* of its first line in the file */
	char columns[2048]; /* "(id, code)" */
	bool loaded;
};

/* Tables whose rows are of no use later: leases and marks of groups are of running programs. */
static const char tables_sql[] =
        "SELECT c.relname, pg_table_size(c.oid), '(' || string_agg(quote_ident(a.attname), ', '"
        " ORDER BY a.attnum) || ')'"
        " FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace"
        " JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
        " AND a.attgenerated = ''"
        " WHERE n.nspname = current_schema() AND c.relkind = 'r'"
        " AND c.relname NOT IN ('schema_version', 'lease', 'write_group')"
        " GROUP BY c.oid, c.relname ORDER BY c.relname COLLATE \"C\"";

static int run(struct store_conn *c, const char *sql, PGresult **out, struct err *e)
{
	PGresult *r = PQexec(postgres__db(c), sql);
	ExecStatusType s = PQresultStatus(r);
	int rc = s == PGRES_COMMAND_OK || s == PGRES_TUPLES_OK || s == PGRES_COPY_OUT || s == PGRES_COPY_IN
	                 ? 0
	                 : postgres__fail(c, r, sql, e);
	if (rc == 0 && out)
		*out = r;
	else
		PQclear(r);
	return rc;
}

static int64_t number(struct store_conn *c, const char *sql, int *rc, struct err *e)
{
	PGresult *r = NULL;
	*rc = run(c, sql, &r, e);
	int64_t v = *rc == 0 && PQntuples(r) > 0 ? strtoll(PQgetvalue(r, 0, 0), NULL, 10) : 0;
	PQclear(r);
	return v;
}

static int list_tables(struct store_conn *c, struct table **out, int *n, struct err *e)
{
	PGresult *r = NULL;
	int rc = run(c, tables_sql, &r, e);
	if (rc < 0)
		return rc;
	*n = PQntuples(r);
	*out = xcalloc((size_t)*n + 1, sizeof(**out));
	for (int i = 0; i < *n; i++) {
		struct table *t = &(*out)[i];
		snprintf(t->name, sizeof(t->name), "%s", PQgetvalue(r, i, 0));
		t->size_b = strtoll(PQgetvalue(r, i, 1), NULL, 10);
		snprintf(t->columns, sizeof(t->columns), "%s", PQgetvalue(r, i, 2));
	}
	PQclear(r);
	return 0;
}

/* ---- backup ---- */

struct writer {
	int fd;
	struct sb b;
	struct digest_ctx *digest;
};

static int flush(struct writer *w, struct err *e)
{
	digest_add(w->digest, w->b.p, w->b.n);
	int rc = file_write_all(w->fd, w->b.p, w->b.n, e);
	sb_reset(&w->b);
	return rc;
}

static int write_table(struct store_conn *c, struct writer *w, const struct table *t, struct err *e)
{
	char *sql = xasprintf("COPY %s %s TO STDOUT", t->name, t->columns);
	int rc = run(c, sql, NULL, e);
	char *line = NULL;
	int n = -1;

	free(sql);
	if (rc < 0)
		return rc;
	sb_printf(&w->b, "table %s %s\n", t->name, t->columns);
	while (rc == 0 && (n = PQgetCopyData(postgres__db(c), &line, 0)) > 0) {
		sb_put(&w->b, line, (size_t)n);
		PQfreemem(line);
		if (w->b.n > 1 << 20)
			rc = flush(w, e);
	}
	if (rc < 0)
		return rc; /* the connection is closed by the caller, with the copy in the middle */
	sb_puts(&w->b, "\\.\n");
	for (PGresult *r; (r = PQgetResult(postgres__db(c))) != NULL; PQclear(r))
		if (rc == 0 && PQresultStatus(r) != PGRES_COMMAND_OK)
			rc = postgres__fail(c, r, t->name, e);
	return rc == 0 ? flush(w, e) : rc;
}

static int write_all(struct store_conn *c, struct writer *w,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
	struct table *tables = NULL;
	uint8_t digest[DIGEST_LEN];
	char hex[2 * DIGEST_LEN + 1];
	int64_t total = 0, so_far = 0;
	int n = 0, rc;

	int64_t version = number(c, "SELECT max(version) FROM schema_version", &rc, e);
	if (rc == 0)
		rc = list_tables(c, &tables, &n, e);
	for (int i = 0; i < n; i++)
		total += tables[i].size_b;
	sb_printf(&w->b, HEAD "postgres schema %lld\n", (long long)version);
	for (int i = 0; rc == 0 && i < n; i++) {
		rc = write_table(c, w, &tables[i], e);
		so_far += tables[i].size_b;
		if (rc == 0 && tell)
			tell(ctx, so_far, total);
	}
	free(tables);
	digest_end(&w->digest, digest);
	if (rc < 0)
		return rc;
	hex_encode(digest, DIGEST_LEN, hex);
	sb_printf(&w->b, "sha256 %s\n", hex);
	rc = file_write_all(w->fd, w->b.p, w->b.n, e);
	if (rc == 0 && fsync(w->fd) != 0)
		rc = err_errno(e, errno, "cannot sync the backup");
	return rc;
}

int postgres__backup(const struct store_target *t, const char *path,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
	struct writer w = {.fd = -1, .b = SB_INIT, .digest = digest_begin(DIGEST_SHA256)};
	uint8_t none[DIGEST_LEN];
	struct store_conn *c = NULL;
	char *part = xasprintf("%s.part", path);
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int rc;

	w.fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	rc = w.fd < 0 ? err_errno(e, errno, "cannot write %s", part) : store__postgres.open(t, false, &c, e);
	if (rc == 0)
		rc = store__postgres.begin(c, 0, 0, e);
	if (rc == 0)
		rc = write_all(c, &w, tell, ctx, e);
	if (rc == 0 && rename(part, path) != 0)
		rc = err_errno(e, errno, "cannot rename %s to %s", part, path);
	if (slash)
		slash[slash == dir] = 0;
	if (rc == 0)
		rc = file_sync_dir(slash ? dir : ".", e);
	if (c)
		store__postgres.close(&c);
	if (w.fd >= 0)
		close(w.fd);
	if (rc < 0)
		(void)unlink(part);
	if (w.digest)
		digest_end(&w.digest, none);
	sb_fini(&w.b);
	free(dir);
	free(part);
	return rc;
}

/* ---- restore ---- */

struct reader {
	FILE *f;
	char *line;
	size_t cap;
	ssize_t n; /* with its newline */
	struct table *tables;
	int tables_n;
	int64_t version;
};

static int bad(struct err *e, const char *what)
{
	return err_set(
	        e, ERR_INVALID, "this is not a whole backup of a record store in PostgreSQL: %s", what);
}

/* "table NAME (columns)\n": names that the catalogue of a database gave, and nothing else. */
static int read_table(struct reader *r, struct err *e)
{
	size_t cap = (size_t)r->tables_n;
	struct table t = {.at = ftello(r->f)};
	if (r->tables_n >= TABLES_MAX ||
	        sscanf(r->line, "table %63s (%2040[^)])", t.name, t.columns + 1) != 2)
		return bad(e, "a table's heading is damaged");
	t.columns[0] = '(';
	size_t n = strlen(t.columns);
	t.columns[n] = ')';
	t.columns[n + 1] = 0;
	if (strspn(t.name, "abcdefghijklmnopqrstuvwxyz0123456789_") != strlen(t.name) ||
	        strspn(t.columns, "abcdefghijklmnopqrstuvwxyz0123456789_, ()\"") != strlen(t.columns))
		return bad(e, "a table's heading is damaged");
	r->tables = xgrow(r->tables, &cap, cap + 1, sizeof(*r->tables));
	r->tables[r->tables_n++] = t;
	return 0;
}

/* Reads all of it once: nothing is restored from a torn file. */
static int survey(struct reader *r, struct err *e)
{
	struct digest_ctx *d = digest_begin(DIGEST_SHA256);
	uint8_t digest[DIGEST_LEN], told[DIGEST_LEN] = {0};
	bool in_table = false, whole = false;
	int rc = 0;

	if ((r->n = getline(&r->line, &r->cap, r->f)) <= 0 || strncmp(r->line, HEAD, strlen(HEAD)) != 0) {
		rc = bad(e, "it begins otherwise");
	} else {
		struct str rest = str_trim((struct str){r->line + strlen(HEAD), (size_t)r->n - strlen(HEAD)});
		static const char words[] = "postgres schema ";
		if (!str_starts(rest, words) ||
		        !num_int((struct str){rest.p + strlen(words), rest.n - strlen(words)}, &r->version))
			rc = bad(e, "it is of another kind of database");
		digest_add(d, r->line, (size_t)r->n);
	}
	while (rc == 0 && (r->n = getline(&r->line, &r->cap, r->f)) > 0) {
		struct str line = str_trim((struct str){r->line, (size_t)r->n});
		if (!in_table && str_starts(line, "sha256 ")) {
			whole = hex_decode((struct str){line.p + 7, line.n - 7}, told, DIGEST_LEN);
			break;
		}
		digest_add(d, r->line, (size_t)r->n);
		if (in_table)
			in_table = strcmp(r->line, "\\.\n") != 0;
		else if ((rc = read_table(r, e)) == 0)
			in_table = true;
	}
	digest_end(&d, digest);
	if (rc == 0 && (!whole || memcmp(digest, told, DIGEST_LEN) != 0))
		rc = err_set(e, ERR_CORRUPT, "the backup is damaged: it is not what was written");
	return rc;
}

static int load_table(struct store_conn *c, struct reader *r, struct table *t, struct err *e)
{
	PGconn *db = postgres__db(c);
	char *sql = xasprintf(
	        "ALTER TABLE %s DISABLE TRIGGER USER; COPY %s %s FROM STDIN", t->name, t->name, t->columns);
	int rc = run(c, sql, NULL, e);

	free(sql);
	if (rc < 0)
		return rc;
	bool sent = fseeko(r->f, t->at, SEEK_SET) == 0;
	while (sent && (r->n = getline(&r->line, &r->cap, r->f)) > 0 && strcmp(r->line, "\\.\n") != 0)
		sent = PQputCopyData(db, r->line, (int)r->n) == 1;
	PQputCopyEnd(db, sent ? NULL : "reading the backup failed");
	for (PGresult *res; (res = PQgetResult(db)) != NULL; PQclear(res))
		if (rc == 0 && PQresultStatus(res) != PGRES_COMMAND_OK)
			rc = postgres__fail(c, res, t->name, e);
	t->loaded = true;
	if (rc == 0) {
		sql = xasprintf("ALTER TABLE %s ENABLE TRIGGER USER", t->name);
		rc = run(c, sql, NULL, e);
		free(sql);
	}
	return rc;
}

static struct table *find(struct reader *r, const char *name)
{
	for (int i = 0; i < r->tables_n; i++)
		if (strcmp(r->tables[i].name, name) == 0)
			return &r->tables[i];
	return NULL;
}

/* True if all that t refers to is loaded; refs holds pairs (referring, referred to). */
static bool ready(struct reader *r, const struct table *t, const PGresult *refs)
{
	for (int i = 0; i < PQntuples(refs); i++) {
		const struct table *to = find(r, PQgetvalue(refs, i, 1));
		if (strcmp(PQgetvalue(refs, i, 0), t->name) == 0 && to && to != t && !to->loaded)
			return false;
	}
	return true;
}

static int load_all(struct store_conn *c, struct reader *r, struct err *e)
{
	PGresult *refs = NULL;
	int left = r->tables_n;
	int rc = run(c, "SET CONSTRAINTS ALL DEFERRED", NULL, e);

	/* A migration may have put rows in; the backup holds them as they became. */
	for (int i = 0; rc == 0 && i < r->tables_n; i++) {
		char *sql = xasprintf("TRUNCATE %s CASCADE", r->tables[i].name);
		rc = run(c, sql, NULL, e);
		free(sql);
	}
	if (rc == 0)
		rc = run(c,
		        "SELECT a.relname, b.relname FROM pg_catalog.pg_constraint AS k"
		        " JOIN pg_catalog.pg_class AS a ON a.oid = k.conrelid"
		        " JOIN pg_catalog.pg_class AS b ON b.oid = k.confrelid"
		        " WHERE k.contype = 'f' AND NOT k.condeferrable"
		        " AND a.relnamespace = current_schema()::regnamespace",
		        &refs, e);
	while (rc == 0 && left > 0) {
		int before = left;
		for (int i = 0; rc == 0 && i < r->tables_n; i++) {
			struct table *t = &r->tables[i];
			if (t->loaded || !ready(r, t, refs))
				continue;
			rc = load_table(c, r, t, e);
			left--;
		}
		if (rc == 0 && left == before)
			rc = err_set(e, ERR_BUG,
			        "tables refer to each other in a ring; make one reference deferrable");
	}
	PQclear(refs);
	return rc;
}

/* A store that was opened once holds settings; a restore that failed left none. */
static int must_be_empty(struct store_conn *c, struct err *e)
{
	int rc = store__postgres.has_table(c, "setting", e);
	if (rc <= 0)
		return rc;
	int64_t held = number(c, "SELECT count(*) FROM setting", &rc, e);
	if (rc == 0 && held > 0)
		rc = err_set(e, ERR_CONFLICT,
		        "a backup can only be restored where there is no record store yet; use another "
		        "database "
		        "or schema");
	return rc;
}

int postgres__restore(const struct store_target *t, const char *path, struct err *e)
{
	struct reader r = {.f = fopen(path, "re")};
	struct store_conn *c = NULL;
	int version = 0;
	int rc = r.f ? survey(&r, e) : err_errno(e, errno, "cannot open the backup");

	if (rc == 0 && r.version > store__newest(t))
		rc = err_set(e, ERR_NEWER,
		        "the backup has schema %lld, this program knows %d; use a newer program",
		        (long long)r.version, store__newest(t));
	if (rc < 0)
		err_at(e, path, 0, 0, NULL);
	if (rc == 0)
		rc = store__postgres.open(t, true, &c, e);
	if (rc == 0)
		rc = must_be_empty(c, e);
	if (rc == 0)
		rc = store__migrate(c, t, (int)r.version, 0, &version, e);
	if (rc == 0)
		rc = store__postgres.begin(c, 0, 0, e);
	if (rc == 0)
		rc = load_all(c, &r, e);
	if (rc == 0)
		rc = store__postgres.commit(c, e);
	if (c) {
		store__postgres.rollback(c);
		store__postgres.close(&c);
	}
	if (r.f)
		fclose(r.f);
	free(r.tables);
	free(r.line);
	return rc;
}

/* ---- check ---- */

int postgres__check(
        const struct store_target *t, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	struct store_conn *c = NULL;
	struct table *tables = NULL;
	PGresult *r = NULL;
	int n = 0, found = 0;
	int rc = store__postgres.open(t, false, &c, e);

	if (rc == 0)
		rc = list_tables(c, &tables, &n, e);
	/* Reading every value makes the server check every page that has a checksum. */
	for (int i = 0; rc == 0 && i < n; i++) {
		struct err own = ERR_INIT;
		char *sql = xasprintf("SELECT sum(length(t::text)) FROM %s AS t", tables[i].name);
		rc = run(c, sql, NULL, &own);
		free(sql);
		if (rc < 0 && c->state == STORE_LOST) {
			if (e)
				*e = own;
		} else if (rc < 0) {
			found++;
			rc = 0;
			if (tell)
				tell(ctx, own.text);
		}
	}
	if (rc == 0)
		rc = run(c,
		        "SELECT 'the index ' || i.indexrelid::regclass || ' is not valid; REINDEX it'"
		        " FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid"
		        " WHERE NOT i.indisvalid AND c.relnamespace = current_schema()::regnamespace",
		        &r, e);
	for (int i = 0; rc == 0 && i < PQntuples(r); i++, found++)
		if (tell)
			tell(ctx, PQgetvalue(r, i, 0));
	PQclear(r);
	free(tables);
	if (c)
		store__postgres.close(&c);
	return rc < 0 ? rc : found;
}

#include "store/store_int.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <sqlite3.h>
#include <unistd.h>

#include "base/file.h"

/* In the file's header, so that `file` and restore know whose it is. */
#define APPLICATION_ID 0x48454d31 /* "HEM1" */
/* Pages of 4 KiB in the log before it is copied back into the file, which the writer does between groups. */
#define WAL_PAGES 1000
/* A reader that stays long keeps the log from being reset; past this it is cut at the first chance. */
#define WAL_PAGES_TRUNCATE 16000
#define BUSY_MS 5000
#define BACKUP_PAGES 512 /* in one step, so that progress is told */

struct slot {
	sqlite3_stmt *stmt;
	bool busy;
};
struct sqlite {
	struct store_conn conn;
	sqlite3 *db;
	const struct store_target *target;
	struct slot *slots;
	int slots_n;
	int wal_pages; /* in the log after the last commit */
	sqlite3_stmt *begin, *commit, *rollback, *savepoint, *release, *back, *glance;
};
struct sqlite_cursor {
	struct sqlite *c;
	const struct store_statement *s;
	sqlite3_stmt *stmt;
	struct slot *slot; /* NULL: stmt is this cursor's own */
};

static struct sqlite *of(struct store_conn *c)
{
	return (struct sqlite *)(void *)c;
}

/* ---- failures ---- */

/* "UNIQUE constraint failed: case_.code, case_.org" or "… failed: index 'case_open'" */
static void conflict_table(struct sqlite *c, char *table, size_t n)
{
	const char *words = strstr(sqlite3_errmsg(c->db), "failed: ");
	char name[96];
	sqlite3_stmt *s = NULL;

	table[0] = 0;
	if (words == NULL)
		return;
	words += strlen("failed: ");
	bool index = strncmp(words, "index '", 7) == 0;
	if (index)
		words += 7;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(words, index ? "'" : "., "), words);
	if (!index) {
		snprintf(table, n, "%s", name);
		return;
	}
	if (sqlite3_prepare_v2(c->db, "SELECT tbl_name FROM sqlite_schema WHERE name = ?1", -1, &s, NULL) ==
	        SQLITE_OK) {
		sqlite3_bind_text(s, 1, name, -1, SQLITE_STATIC);
		if (sqlite3_step(s) == SQLITE_ROW)
			snprintf(table, n, "%s", (const char *)sqlite3_column_text(s, 0));
	}
	sqlite3_finalize(s);
}

static int code_of(struct sqlite *c, int rc)
{
	switch (rc) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
	case SQLITE_CONSTRAINT_FOREIGNKEY:
	case SQLITE_CONSTRAINT_TRIGGER: return ERR_CONFLICT;
	case SQLITE_READONLY_DIRECTORY:
	case SQLITE_READONLY_DBMOVED: return ERR_IO;
	default: break;
	}
	switch (rc & 0xff) {
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_ERROR: return ERR_INVALID;
	case SQLITE_BUSY:
	case SQLITE_LOCKED: return ERR_BUSY;
	case SQLITE_FULL: return ERR_FULL;
	case SQLITE_IOERR: return sqlite3_system_errno(c->db) == ENOSPC ? ERR_FULL : ERR_IO;
	case SQLITE_NOMEM: return ERR_NOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB: return ERR_CORRUPT;
	case SQLITE_TOOBIG: return ERR_TOOBIG;
	case SQLITE_PERM:
	case SQLITE_AUTH: return ERR_DENIED;
	case SQLITE_READONLY: return c->conn.writer ? ERR_DENIED : ERR_BUG;
	case SQLITE_INTERRUPT: return ERR_CANCELLED;
	case SQLITE_MISUSE: return ERR_BUG;
	default: return ERR_IO;
	}
}

/* rc is SQLite's; `name` is the statement's or what was tried. */
static int fail(struct sqlite *c, int rc, const char *name, struct err *e)
{
	char table[96] = "";
	int code = code_of(c, rc);

	if (c->conn.in_tx && sqlite3_get_autocommit(c->db))
		c->conn.state = STORE_GONE;
	if (code == ERR_CONFLICT && rc != SQLITE_CONSTRAINT_FOREIGNKEY)
		conflict_table(c, table, sizeof(table));
	const char *words = sqlite3_errmsg(c->db);
	switch (code) {
	case ERR_CONFLICT:
		err_set(e, code,
		        rc == SQLITE_CONSTRAINT_FOREIGNKEY ? "%s: refers to something that is not there, or "
		                                             "removes something that is referred to"
		                                           : "%s: there already (%s)",
		        name, words);
		break;
	case ERR_BUSY: err_set(e, code, "%s: another process keeps the record store locked", name); break;
	case ERR_FULL:
		err_set(e, code, "%s: the disk of the record store is full; free some space", name);
		break;
	case ERR_CORRUPT:
		err_set(e, code, "%s: the record store is damaged (%s); restore the last backup", name,
		        words);
		break;
	case ERR_BUG: err_set(e, code, "%s: writes on a connection for reading (%s)", name, words); break;
	default: err_set(e, code, "%s: %s", name, words); break;
	}
	err_at(e, c->target->address, 0, 0, table[0] ? table : NULL);
	return code;
}

/* ---- opening ---- */

static int set_up(struct sqlite *c, bool writer, struct err *e)
{
	/* LIKE minds case as PostgreSQL's does; erased payloads are overwritten in the file. */
	static const char both[] = "PRAGMA foreign_keys = ON; PRAGMA case_sensitive_like = ON;"
	                           "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
	                           "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16000;";
	/* The writer's cache holds the upper pages of a register's indexes: without, each row reads them
	 * anew. */
	static const char write[] =
	        "PRAGMA cache_size = -64000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
	        "PRAGMA wal_autocheckpoint = 0; PRAGMA secure_delete = ON;"
	        "PRAGMA journal_size_limit = 67108864;";
	int rc = sqlite3_exec(c->db, both, NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(c->db, writer ? write : "PRAGMA query_only = ON;", NULL, NULL, NULL);
	if (rc != SQLITE_OK)
		return fail(c, rc, "cannot open the record store", e);
	return 0;
}

static int count_wal(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlite *c = arg;
	(void)db, (void)name;
	c->wal_pages = pages;
	if (c->target->tap)
		store__tap_commit(c->target->tap, pages);
	return SQLITE_OK;
}

/* A log that a killed process left behind counts too. */
static void watch_wal(struct sqlite *c)
{
	int pages = -1;

	sqlite3_wal_hook(c->db, count_wal, c);
	if (c->target->tap &&
	        sqlite3_wal_checkpoint_v2(c->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &pages, NULL) ==
	                SQLITE_OK &&
	        pages > 0)
		count_wal(c, c->db, "main", pages);
}

static void sqlite_close(struct store_conn **cp)
{
	struct sqlite *c = of(*cp);
	if (c == NULL)
		return;
	*cp = NULL;
	for (int i = 0; i < c->slots_n; i++)
		sqlite3_finalize(c->slots[i].stmt);
	sqlite3_stmt *const own[] = {
	        c->begin, c->commit, c->rollback, c->savepoint, c->release, c->back, c->glance};
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		sqlite3_finalize(own[i]);
	must(sqlite3_close(c->db) == SQLITE_OK); /* else a cursor is still open */
	free(c->slots);
	free(c);
}

static int sqlite_open(const struct store_target *t, bool writer, struct store_conn **out, struct err *e)
{
	struct sqlite *c = NULL;
	struct store_conn *conn;
	int rc;

	if (t->address[0] == 0)
		return err_set(
		        e, ERR_INVALID, "the address of the record store has no path after \"sqlite:\"");
	if (!t->create && !file_exists(t->address)) {
		err_set(e, ERR_NOTFOUND, "there is no record store");
		err_at(e, t->address, 0, 0, NULL);
		return ERR_NOTFOUND;
	}
	c = xcalloc(1, sizeof(*c));
	conn = &c->conn;
	c->conn.ops = &store__sqlite;
	c->conn.writer = writer;
	c->target = t;
	int flags =
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (t->create && writer ? SQLITE_OPEN_CREATE : 0);
	int src = sqlite3_open_v2(t->address, &c->db, flags, NULL);
	if (src != SQLITE_OK) {
		rc = fail(c, src, "cannot open the record store", e);
		goto out;
	}
	sqlite3_extended_result_codes(c->db, 1);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	rc = sqlite__words(c->db, e);
	if (rc == 0)
		rc = set_up(c, writer, e);
	if (rc < 0)
		goto out;
	if (writer)
		watch_wal(c);
	c->slots_n = store__slots(t);
	c->slots = xcalloc((size_t)c->slots_n, sizeof(*c->slots));
	*out = conn;
	conn = NULL;
out:
	sqlite_close(&conn);
	return rc;
}

/* ---- statements ---- */

static int compile(struct sqlite *c, const struct store_statement *s, sqlite3_stmt **out, struct err *e)
{
	const char *rest = NULL;
	int rc = sqlite3_prepare_v3(
	        c->db, s->text[STORE_SQLITE], -1, s->index >= 0 ? SQLITE_PREPARE_PERSISTENT : 0, out, &rest);
	if (rc != SQLITE_OK) {
		err_set(e, ERR_BUG, "%s: %s", s->name, sqlite3_errmsg(c->db));
		err_at(e, s->where, 0, 0, NULL);
		return ERR_BUG;
	}
	if (sqlite3_column_count(*out) != s->outs) {
		err_set(e, ERR_BUG, "%s: gives %d columns, its header says %d", s->name,
		        sqlite3_column_count(*out), s->outs);
		sqlite3_finalize(*out);
		*out = NULL;
		err_at(e, s->where, 0, 0, NULL);
		return ERR_BUG;
	}
	return 0;
}

static int sqlite_prepare(struct store_conn *conn, struct err *e)
{
	struct sqlite *c = of(conn);
	for (size_t k = 0; k < ARRAY_LEN(c->target->schema); k++) {
		const struct store_schema *sc = c->target->schema[k];
		for (int i = 0; sc && i < sc->statements_n; i++) {
			const struct store_statement *s = sc->statements[i];
			struct slot *slot = &c->slots[s->index];
			int rc = slot->stmt ? 0 : compile(c, s, &slot->stmt, e);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

/* The cached statement, or one of its own where that runs already (a walk inside a walk). */
static int take(struct sqlite *c, const struct store_statement *s, struct slot **slot, sqlite3_stmt **stmt,
        struct err *e)
{
	*slot = NULL;
	if (s->index >= 0 && !c->slots[s->index].busy) {
		struct slot *sl = &c->slots[s->index];
		int rc = sl->stmt ? 0 : compile(c, s, &sl->stmt, e);
		if (rc < 0)
			return rc;
		sl->busy = true;
		*slot = sl;
		*stmt = sl->stmt;
		return 0;
	}
	return compile(c, s, stmt, e);
}

static void give(struct slot *slot, sqlite3_stmt *stmt)
{
	if (slot == NULL) {
		sqlite3_finalize(stmt);
		return;
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	slot->busy = false;
}

/* `life`: SQLITE_STATIC where the parameters stay until the statement is given back. */
static int bind(struct sqlite *c, sqlite3_stmt *stmt, const struct store_statement *s, const void *in,
        sqlite3_destructor_type life, struct err *e)
{
	for (int i = 0; i < s->ins; i++) {
		const struct store_field *f = &s->in[i];
		int rc = SQLITE_OK;
		struct str v;
		if (store__is_null(in, f)) {
			rc = sqlite3_bind_null(stmt, i + 1);
		} else {
			switch (f->type) {
			case STORE_INT: rc = sqlite3_bind_int64(stmt, i + 1, store__int(in, f)); break;
			case STORE_REAL: rc = sqlite3_bind_double(stmt, i + 1, store__real(in, f)); break;
			case STORE_BOOL: rc = sqlite3_bind_int(stmt, i + 1, store__bool(in, f)); break;
			case STORE_TEXT:
				v = store__str(in, f);
				rc = sqlite3_bind_text64(stmt, i + 1, v.p, v.n, life, SQLITE_UTF8);
				break;
			case STORE_BLOB:
				v = store__str(in, f);
				rc = sqlite3_bind_blob64(stmt, i + 1, v.p, v.n, life);
				break;
			}
		}
		if (rc != SQLITE_OK)
			return fail(c, rc, s->name, e);
	}
	return 0;
}

static int sqlite_run(struct store_conn *conn, const struct store_statement *s, const void *in,
        int64_t *changed, struct err *e)
{
	struct sqlite *c = of(conn);
	struct slot *slot;
	sqlite3_stmt *stmt = NULL;
	int rc = take(c, s, &slot, &stmt, e);
	if (rc < 0)
		return rc;
	rc = bind(c, stmt, s, in, SQLITE_STATIC, e);
	if (rc == 0) {
		int src = sqlite3_step(stmt);
		if (src == SQLITE_DONE)
			*changed = sqlite3_changes64(c->db);
		else
			rc = fail(c, src, s->name, e);
	}
	give(slot, stmt);
	return rc;
}

static void sqlite_close_rows(struct store_cursor **rp)
{
	struct sqlite_cursor *r = (struct sqlite_cursor *)(void *)*rp;
	if (r == NULL)
		return;
	*rp = NULL;
	give(r->slot, r->stmt);
	free(r);
}

static int sqlite_open_rows(struct store_conn *conn, const struct store_statement *s, const void *in,
        struct store_cursor **out, struct err *e)
{
	struct sqlite *c = of(conn);
	struct sqlite_cursor *r = xcalloc(1, sizeof(*r));
	struct store_cursor *cursor = (struct store_cursor *)(void *)r;
	int rc = take(c, s, &r->slot, &r->stmt, e);
	if (rc < 0) {
		free(r);
		return rc;
	}
	r->c = c;
	r->s = s;
	rc = bind(c, r->stmt, s, in, SQLITE_TRANSIENT, e);
	if (rc < 0)
		sqlite_close_rows(&cursor);
	else
		*out = cursor;
	return rc;
}

static int column(sqlite3_stmt *stmt, int i, const struct store_statement *s, void *row, struct err *e)
{
	static const char *const names[] = {"?", "an integer", "a real number", "text", "a blob", "NULL"};
	static const int wanted[] = {[STORE_INT] = SQLITE_INTEGER,
	        [STORE_REAL] = SQLITE_FLOAT,
	        [STORE_TEXT] = SQLITE_TEXT,
	        [STORE_BLOB] = SQLITE_BLOB,
	        [STORE_BOOL] = SQLITE_INTEGER};
	const struct store_field *f = &s->out[i];
	char *at = (char *)row + f->offset;
	int type = sqlite3_column_type(stmt, i);

	if (type == SQLITE_NULL && f->null) {
		store__set_null(row, f);
		return 0;
	}
	/* A sum of integers for a real column is no mistake: PostgreSQL's cast would have made it one. */
	if (type != wanted[f->type] && !(f->type == STORE_REAL && type == SQLITE_INTEGER))
		return store__bad_column(s, f, names[type], e);
	switch (f->type) {
	case STORE_INT: *(int64_t *)(void *)at = sqlite3_column_int64(stmt, i); break;
	case STORE_REAL: *(double *)(void *)at = sqlite3_column_double(stmt, i); break;
	case STORE_BOOL: *(bool *)(void *)at = sqlite3_column_int64(stmt, i) != 0; break;
	case STORE_TEXT:
	case STORE_BLOB: {
		const void *p = f->type == STORE_TEXT ? (const void *)sqlite3_column_text(stmt, i)
		                                      : sqlite3_column_blob(stmt, i);
		size_t n = (size_t)sqlite3_column_bytes(stmt, i);
		if (p == NULL && n > 0)
			return err_set(e, ERR_NOMEM, "%s: out of memory", s->name);
		*(struct str *)(void *)at = (struct str){p ? p : "", n};
		break;
	}
	}
	return 0;
}

static int sqlite_next_row(struct store_cursor *cursor, void *row, struct err *e)
{
	struct sqlite_cursor *r = (struct sqlite_cursor *)(void *)cursor;
	int rc = sqlite3_step(r->stmt);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return fail(r->c, rc, r->s->name, e);
	for (int i = 0; i < r->s->outs; i++) {
		rc = column(r->stmt, i, r->s, row, e);
		if (rc < 0)
			return rc;
	}
	return 1;
}

/* ---- transactions ---- */

/* Steps one of the connection's own statements, made at first use. */
static int step(struct sqlite *c, sqlite3_stmt **stmt, const char *sql, struct err *e)
{
	int rc = SQLITE_OK;
	if (*stmt == NULL)
		rc = sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, stmt, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(*stmt);
		if (rc == SQLITE_ROW || rc == SQLITE_DONE)
			rc = SQLITE_OK;
	}
	if (rc != SQLITE_OK)
		rc = fail(c, rc, sql, e);
	sqlite3_reset(*stmt);
	return rc;
}

static void sqlite_rollback(struct store_conn *conn)
{
	struct sqlite *c = of(conn);
	if (!sqlite3_get_autocommit(c->db))
		(void)step(c, &c->rollback, "ROLLBACK", NULL);
	conn->in_tx = false;
}

static int sqlite_begin(struct store_conn *conn, int64_t group, time_us now, struct err *e)
{
	struct sqlite *c = of(conn);
	(void)group, (void)now; /* a commit's outcome is always known here */
	conn->state = STORE_SOUND;
	int rc = step(c, &c->begin, conn->writer ? "BEGIN IMMEDIATE" : "BEGIN", e);
	if (rc < 0)
		return rc;
	conn->in_tx = true;
	/* A snapshot begins with the first look at the file. */
	if (!conn->writer)
		rc = step(c, &c->glance, "SELECT 1 FROM sqlite_schema LIMIT 1", e);
	if (rc < 0)
		sqlite_rollback(conn);
	return rc;
}

static int sqlite_commit(struct store_conn *conn, struct err *e)
{
	struct sqlite *c = of(conn);
	struct store_tap *tap = conn->writer ? c->target->tap : NULL;
	if (tap)
		store__tap_lock(tap);
	int rc = step(c, &c->commit, "COMMIT", e);
	if (tap)
		store__tap_unlock(tap);
	if (rc == 0)
		conn->in_tx = false;
	return rc;
}

static int sqlite_savepoint(struct store_conn *conn, struct err *e)
{
	struct sqlite *c = of(conn);
	return step(c, &c->savepoint, "SAVEPOINT w", e);
}

static int sqlite_release(struct store_conn *conn, bool keep, struct err *e)
{
	struct sqlite *c = of(conn);
	int rc = keep ? 0 : step(c, &c->back, "ROLLBACK TO w", e);
	if (rc == 0)
		rc = step(c, &c->release, "RELEASE w", e);
	return rc;
}

static int sqlite_script(struct store_conn *conn, const char *sql, struct err *e)
{
	struct sqlite *c = of(conn);
	int rc = sqlite3_exec(c->db, sql, NULL, NULL, NULL);
	return rc == SQLITE_OK ? 0 : fail(c, rc, "a migration", e);
}

static int has_table(sqlite3 *db, const char *table)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
	        db, "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1", -1, &s, NULL);
	if (rc == SQLITE_OK) {
		sqlite3_bind_text(s, 1, table, -1, SQLITE_STATIC);
		rc = sqlite3_step(s);
	}
	sqlite3_finalize(s);
	return rc;
}

static int sqlite_has_table(struct store_conn *conn, const char *table, struct err *e)
{
	struct sqlite *c = of(conn);
	int rc = has_table(c->db, table);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return fail(c, rc, "cannot read the record store", e);
	return rc == SQLITE_ROW;
}

static void sqlite_idle(struct store_conn *conn, bool closing)
{
	struct sqlite *c = of(conn);
	if (!closing && c->wal_pages < WAL_PAGES)
		return;
	/* Readers that stand in the way are not waited for; the next time will do. */
	bool cut = closing || c->wal_pages >= WAL_PAGES_TRUNCATE;
	sqlite3_busy_timeout(c->db, closing ? 1000 : 10);
	(void)sqlite3_wal_checkpoint_v2(
	        c->db, NULL, cut ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	sqlite3_busy_timeout(c->db, BUSY_MS);
	c->wal_pages = 0;
}

/* ---- care ---- */

/* The pages of src, as its open transaction sees them, into the empty dst. */
static int copy_pages(struct sqlite *src, struct sqlite *dst,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
	sqlite3_backup *b = sqlite3_backup_init(dst->db, "main", src->db, "main");
	int rc;

	if (b == NULL)
		return fail(dst, sqlite3_errcode(dst->db), "cannot make the copy", e);
	do {
		rc = sqlite3_backup_step(b, BACKUP_PAGES);
		int total = sqlite3_backup_pagecount(b);
		if (tell)
			tell(ctx, total - sqlite3_backup_remaining(b), total);
	} while (rc == SQLITE_OK);
	rc = sqlite3_backup_finish(b);
	return rc == SQLITE_OK ? 0 : fail(dst, rc, "cannot make the copy", e);
}

static int open_copy(struct sqlite *dst, const char *path, struct err *e)
{
	int rc = sqlite3_open_v2(
	        path, &dst->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

	return rc == SQLITE_OK ? 0 : fail(dst, rc, "cannot make the copy", e);
}

int store__sqlite_image(struct store_conn *c, const char *path, struct err *e)
{
	struct sqlite dst = {.conn = {.writer = true}, .target = &(struct store_target){.address = path}};
	int rc = open_copy(&dst, path, e);

	if (rc == 0)
		rc = copy_pages(of(c), &dst, NULL, NULL, e);
	sqlite3_close(dst.db);
	return rc;
}

/* Copies the whole of src, as its open transaction sees it, into a new file at path. */
static int copy_to(struct sqlite *src, const char *path, void (*tell)(void *ctx, int64_t done, int64_t total),
        void *ctx, struct err *e)
{
	struct sqlite dst = {.conn = {.writer = true}, .target = &(struct store_target){.address = path}};
	int rc = open_copy(&dst, path, e);

	if (rc == 0)
		rc = copy_pages(src, &dst, tell, ctx, e);
	/* One file without a log beside it, so that it can be carried away. */
	if (rc == 0) {
		int done = sqlite3_exec(
		        dst.db, "PRAGMA journal_mode = DELETE; DELETE FROM lease;", NULL, NULL, NULL);
		if (done != SQLITE_OK)
			rc = fail(&dst, done, "cannot make the copy", e);
	}
	sqlite3_close(dst.db);
	return rc;
}

/* The copy appears under its name when it is whole. */
static int copy_whole(struct sqlite *src, const char *path,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
	char *part = xasprintf("%s.part", path);
	char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');
	int rc;

	(void)unlink(part);
	rc = copy_to(src, part, tell, ctx, e);
	if (rc < 0)
		goto out;
	if (rename(part, path) != 0) {
		rc = err_errno(e, errno, "cannot rename %s to %s", part, path);
		goto out;
	}
	if (slash)
		slash[slash == dir] = 0;
	rc = file_sync_dir(slash ? dir : ".", e);
out:
	if (rc < 0)
		(void)unlink(part);
	free(dir);
	free(part);
	return rc;
}

static int sqlite_backup(const struct store_target *t, const char *path,
        void (*tell)(void *ctx, int64_t done, int64_t total), void *ctx, struct err *e)
{
	struct store_conn *c = NULL;
	int rc = sqlite_open(t, false, &c, e);
	if (rc < 0)
		return rc;
	/* An open snapshot keeps later commits out, so that the copy need not begin anew with each. */
	rc = sqlite_begin(c, 0, 0, e);
	if (rc == 0) {
		rc = copy_whole(of(c), path, tell, ctx, e);
		sqlite_rollback(c);
	}
	sqlite_close(&c);
	return rc;
}

/* The first column of the first row of a query as a number; -1 where there is none. */
static int64_t number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s = NULL;
	int64_t v = -1;
	if (sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		v = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return v;
}

static int tell_rows(struct sqlite *c, const char *sql, void (*tell)(void *ctx, const char *text), void *ctx,
        struct err *e)
{
	sqlite3_stmt *s = NULL;
	int n = 0;
	int rc = sqlite3_prepare_v2(c->db, sql, -1, &s, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		rc = sqlite3_step(s);
		const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(s, 0) : NULL;
		if (text && strcmp(text, "ok") != 0) {
			n++;
			if (tell)
				tell(ctx, text);
		}
	}
	if (rc != SQLITE_DONE && (rc & 0xff) != SQLITE_CORRUPT) {
		n = fail(c, rc, "cannot check the record store", e);
	} else if (rc != SQLITE_DONE) {
		n++;
		if (tell)
			tell(ctx, sqlite3_errmsg(c->db));
	}
	sqlite3_finalize(s);
	return n;
}

static int sqlite_check(
        const struct store_target *t, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	static const char *const looks[] = {
	        "PRAGMA integrity_check(100)",
	        "SELECT 'a row of ' || \"table\" || ' refers to something in ' || parent || ' that is not "
	        "there'"
	        " FROM pragma_foreign_key_check LIMIT 100",
	};
	struct store_conn *c = NULL;
	int found = 0;
	int rc = sqlite_open(t, false, &c, e);
	for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(looks); i++) {
		rc = tell_rows(of(c), looks[i], tell, ctx, e);
		found += rc;
	}
	sqlite_close(&c);
	return rc < 0 ? rc : found;
}

static int sqlite_restore(const struct store_target *t, const char *path, struct err *e)
{
	struct store_target from = {.address = path, .schema = {t->schema[0], t->schema[1]}};
	struct sqlite *src = NULL;
	struct sqlite dst = {.target = t};
	int rc, found;

	if (file_exists(t->address)) {
		bool holds = sqlite3_open_v2(t->address, &dst.db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
		             has_table(dst.db, "schema_version") != SQLITE_DONE;
		sqlite3_close(dst.db);
		if (holds) {
			rc = err_set(e, ERR_CONFLICT,
			        "a backup can only be restored where there is no record store yet; move it "
			        "away first");
			err_at(e, t->address, 0, 0, NULL);
			return rc;
		}
	}
	src = xcalloc(1, sizeof(*src));
	src->target = &from;
	rc = sqlite3_open_v2(path, &src->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		rc = err_set(e, file_exists(path) ? ERR_IO : ERR_NOTFOUND, "cannot open the backup");
		goto out;
	}
	if (number(src->db, "PRAGMA application_id") != APPLICATION_ID) {
		rc = err_set(e, ERR_INVALID, "not a backup of a record store kept by SQLite");
		goto out;
	}
	int64_t version = number(src->db, "SELECT max(version) FROM schema_version");
	if (version > store__newest(t)) {
		rc = err_set(e, ERR_NEWER,
		        "the backup has schema %d, this program knows %d; use a newer program", (int)version,
		        store__newest(t));
		goto out;
	}
	found = tell_rows(src, "PRAGMA integrity_check(1)", NULL, NULL, e);
	if (found != 0) {
		rc = found < 0 ? found : err_set(e, ERR_CORRUPT, "the backup is damaged");
		goto out;
	}
	rc = copy_whole(src, t->address, NULL, NULL, e);
out:
	if (rc < 0)
		err_at(e, path, 0, 0, NULL);
	sqlite3_close(src->db);
	free(src);
	return rc;
}

const struct store_ops store__sqlite = {
        .name = "sqlite",
        .dialect = STORE_SQLITE,
        .open = sqlite_open,
        .close = sqlite_close,
        .prepare = sqlite_prepare,
        .begin = sqlite_begin,
        .commit = sqlite_commit,
        .rollback = sqlite_rollback,
        .savepoint = sqlite_savepoint,
        .release = sqlite_release,
        .script = sqlite_script,
        .run = sqlite_run,
        .open_rows = sqlite_open_rows,
        .next_row = sqlite_next_row,
        .close_rows = sqlite_close_rows,
        .has_table = sqlite_has_table,
        .idle = sqlite_idle,
        .backup = sqlite_backup,
        .restore = sqlite_restore,
        .check = sqlite_check,
};

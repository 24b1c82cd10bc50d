#include "store/store_int.h"

#include "base/log.h"

/*
 * The table schema_version holds a row for each applied migration with the hash of its words. Each
 * migration and its row are one transaction, so a store is always at exactly one version. Two copies
 * that start at once take turns: each looks again inside its own transaction.
 */

struct stamp {
	int64_t version;
	struct str name, hash;
	int64_t applied;
};
#define STAMP_FIELDS                                                                                         \
	{                                                                                                    \
		{"version", STORE_INT, false, offsetof(struct stamp, version)},                              \
		        {"name", STORE_TEXT, false, offsetof(struct stamp, name)},                           \
		        {"hash", STORE_TEXT, false, offsetof(struct stamp, hash)},                           \
		        {"applied", STORE_INT, false, offsetof(struct stamp, applied)},                      \
	}
static const struct store_field stamp_fields[] = STAMP_FIELDS;

/* Before the first migration there is nothing to prepare against: these are compiled at each use. */
static const struct store_statement stamp_list = {
        .name = "schema_version_list",
        .where = "migrate.c",
        .kind = STORE_MANY,
        .index = -1,
        .text = {"SELECT version, name, hash, applied FROM schema_version ORDER BY version",
                "SELECT version, name, hash, applied FROM schema_version ORDER BY version"},
        .out = stamp_fields,
        .outs = ARRAY_LEN(stamp_fields),
        .row_size = sizeof(struct stamp),
};
static const struct store_statement stamp_put = {
        .name = "schema_version_put",
        .where = "migrate.c",
        .kind = STORE_DO,
        .index = -1,
        .text = {"INSERT INTO schema_version (version, name, hash, applied) VALUES (?1, ?2, ?3, ?4)",
                "INSERT INTO schema_version (version, name, hash, applied) VALUES ($1, $2, $3, $4)"},
        .in = stamp_fields,
        .ins = ARRAY_LEN(stamp_fields),
};
static const char *const stamp_table[STORE_DIALECTS] = {
        "CREATE TABLE schema_version (version INTEGER PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL,"
        " applied INTEGER NOT NULL) STRICT; PRAGMA application_id = 1212501297",
        "CREATE TABLE schema_version (version BIGINT PRIMARY KEY, name TEXT NOT NULL, hash TEXT NOT NULL,"
        " applied BIGINT NOT NULL)"};

static int known(const struct store_target *t)
{
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(t->schema); i++)
		n += t->schema[i] ? t->schema[i]->migrations_n : 0;
	return n;
}

/* The i-th migration of all, or NULL. A test's own come after the program's. */
static const struct store_migration *migration(const struct store_target *t, int i)
{
	for (size_t k = 0; k < ARRAY_LEN(t->schema); k++) {
		int n = t->schema[k] ? t->schema[k]->migrations_n : 0;
		if (i < n)
			return &t->schema[k]->migrations[i];
		i -= n;
	}
	return NULL;
}

int store__newest(const struct store_target *t)
{
	int n = known(t);
	return n > 0 ? migration(t, n - 1)->version : 0;
}

/* Compares what is applied with what the program knows; *applied is their number. */
static int compare(
        struct store_conn *c, const struct store_target *t, int *applied, int *version, struct err *e)
{
	struct store_cursor *r = NULL;
	struct stamp s;
	int rc = c->ops->open_rows(c, &stamp_list, NULL, &r, e);
	*applied = 0;
	*version = 0;
	while (rc >= 0 && (rc = c->ops->next_row(r, &s, e)) > 0) {
		const struct store_migration *m = migration(t, *applied);
		if (s.version > store__newest(t)) {
			rc = err_set(e, ERR_NEWER,
			        "the record store has schema %d, this program knows %d; use a newer program",
			        (int)s.version, store__newest(t));
		} else if (m == NULL || m->version != s.version) {
			rc = err_set(e, ERR_STATE,
			        "the record store has migration %d \"" STR_FMT
			        "\" where this program expects %d; it was made by another line of this "
			        "program",
			        (int)s.version, STR_ARG(s.name), m ? m->version : 0);
		} else if (!str_is(s.hash, m->hash)) {
			rc = err_set(e, ERR_STATE,
			        "migration %d \"%s\" was changed after it had been applied to this record "
			        "store; "
			        "use the program that applied it, and put the change into a new migration",
			        m->version, m->name);
		} else {
			(*applied)++;
			*version = m->version;
		}
	}
	c->ops->close_rows(&r);
	return rc < 0 ? rc : 0;
}

/* One transaction: 1 if it applied a migration, 0 if none was left. */
static int apply_next(struct store_conn *c, const struct store_target *t, int until, time_us now,
        int *version, struct err *e)
{
	int applied = 0;
	int rc = c->ops->begin(c, 0, now, e);
	if (rc < 0)
		return rc;
	rc = c->ops->has_table(c, "schema_version", e);
	if (rc == 0 && t->create)
		rc = c->ops->script(c, stamp_table[c->ops->dialect], e);
	else if (rc == 0)
		rc = err_set(e, ERR_NOTFOUND, "there is no record store");
	if (rc >= 0)
		rc = compare(c, t, &applied, version, e);
	const struct store_migration *m = migration(t, applied);
	if (rc < 0 || m == NULL || (until > 0 && m->version > until))
		goto out;
	if (!t->create && !t->migrate) {
		rc = err_set(e, ERR_STATE,
		        "the record store has schema %d, this program needs %d; start the server "
		        "once to bring it up to date",
		        *version, store__newest(t));
		goto out;
	}
	rc = c->ops->script(c, m->text[c->ops->dialect], e);
	if (rc == 0) {
		struct stamp s = {m->version, str_of(m->name), str_of(m->hash), now};
		int64_t changed;
		rc = c->ops->run(c, &stamp_put, &s, &changed, e);
	}
	if (rc == 0)
		rc = c->ops->commit(c, e);
	if (rc == 0) {
		*version = m->version;
		LOG(STORE_MIGRATE, log_i("version", m->version), log_s("name", m->name));
		return 1;
	}
	err_prefix(e, "migration %d \"%s\"", m->version, m->name);
out:
	c->ops->rollback(c);
	return rc;
}

int store__migrate(struct store_conn *c, const struct store_target *t, int until, time_us now, int *version,
        struct err *e)
{
	int rc = c->ops->migrating ? c->ops->migrating(c, true, e) : 0;
	if (rc < 0)
		return rc;
	do
		rc = apply_next(c, t, until, now, version, e);
	while (rc > 0 || (rc < 0 && c->state == STORE_AGAIN));
	if (c->ops->migrating && c->state != STORE_LOST) {
		int unlocked = c->ops->migrating(c, false, rc < 0 ? NULL : e);
		rc = rc < 0 ? rc : unlocked;
	}
	return rc;
}

/* Opening, closing, watching and care of a store. */
#include "store/core_int.h"

#include <math.h>
#include <unistd.h>

#include "base/log.h"
#include "base/metric.h"
#include "store/sql.h"

/* ---- small helpers ---- */

bool store__is_null(const void *in, const struct store_field *f)
{
	switch (f->type) {
	case STORE_INT: return store__int(in, f) == TIME_NONE;
	case STORE_REAL: return isnan(store__real(in, f));
	case STORE_TEXT:
	case STORE_BLOB: return store__str(in, f).p == NULL;
	case STORE_BOOL: return false;
	}
	wrong("a field has one of five types");
}

void store__set_null(void *row, const struct store_field *f)
{
	void *at = (char *)row + f->offset;
	switch (f->type) {
	case STORE_INT: *(int64_t *)at = TIME_NONE; break;
	case STORE_REAL: *(double *)at = NAN; break;
	case STORE_TEXT:
	case STORE_BLOB: *(struct str *)at = STR_NULL; break;
	case STORE_BOOL: *(bool *)at = false; break;
	}
}

int store__bad_column(
        const struct store_statement *s, const struct store_field *f, const char *what, struct err *e)
{
	static const char *const types[] = {"an integer", "a real number", "text", "a blob", "a bool"};
	err_set(e, ERR_CORRUPT, "%s: column \"%s\" is %s, its header says %s", s->name, f->name, what,
	        types[f->type]);
	err_at(e, s->where, 0, 0, f->name);
	return ERR_CORRUPT;
}

int store__slots(const struct store_target *t)
{
	int n = 0;
	for (size_t i = 0; i < ARRAY_LEN(t->schema); i++)
		n += t->schema[i] ? t->schema[i]->statements_n : 0;
	return n;
}

int store__backend(const char *address, const struct store_ops **ops, const char **rest, struct err *e)
{
	static const struct store_ops *const all[] = {&store__sqlite, &store__postgres};
	for (size_t i = 0; address && i < ARRAY_LEN(all); i++) {
		size_t n = strlen(all[i]->name);
		if (strncmp(address, all[i]->name, n) == 0 && address[n] == ':') {
			*ops = all[i];
			*rest = address + n + 1;
			return 0;
		}
	}
	return err_set(e, ERR_INVALID,
	        "the address of the record store begins with \"sqlite:\" and a path, or \"postgres:\" and a "
	        "connection string");
}

/* A connection with the trace around it, if that is wanted. */
int store__connect(struct store *st, bool writer, struct store_conn **out, struct err *e)
{
	int rc = st->ops->open(&st->target, writer, out, e);
	if (rc == 0 && st->o.trace)
		*out = store__trace(*out);
	return rc;
}

void store__disconnect(struct store_conn **c)
{
	if (*c)
		(*c)->ops->close(c);
}

void store__tell_fault(struct store *st, const struct err *e)
{
	char text[800];
	metric_add(METRIC_STORE_FAULTS, 1);
	LOG(STORE_FAULT, log_s("backend", st->ops->name), log_s("what", err_str(e, text, sizeof(text))));
}

void store__tell_slow(struct store *st, const char *what, const char *purpose, dur_us took)
{
	if (took > st->o.slow)
		LOG(STORE_SLOW, log_s("what", what), log_s("purpose", purpose),
		        log_d("ms", (double)took / 1e3));
}

/* ---- opening and closing ---- */

static int settle_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct store *st = tx->st;
	struct sql_journal_max_id_row row;
	struct sql_write_group_max_id_row group;
	struct sql_record_max_id_row record;
	(void)arg;
	int rc = sql_journal_max_id(tx, &row, e);
	if (rc < 0)
		return rc;
	if (row.id != TIME_NONE)
		id_source_raise(st->o.ids, row.id);
	rc = sql_write_group_max_id(tx, &group, e);
	if (rc < 0)
		return rc;
	if (group.id != TIME_NONE)
		id_source_raise(st->o.ids, group.id);
	rc = sql_record_max_id(tx, &record, e); /* a change set writes one entry for all its records */
	if (rc < 0)
		return rc;
	if (record.id != TIME_NONE)
		id_source_raise(st->o.ids, record.id);
	st->digest = st->o.digest;
	return journal__digest(tx, &st->digest, e);
}

static void store_free(struct store *st)
{
	while (st->free_readers) {
		struct store_tx *tx = st->free_readers;
		st->free_readers = tx->next_free;
		st->readers--;
		store__reader_free(tx);
	}
	must(st->readers == 0); /* else a read transaction is still open */
	must(st->watches == NULL);
	store__disconnect(&st->conn);
	arena_free(&st->tx.arena);
	queue_free(&st->queue);
	pthread_mutex_destroy(&st->watch_lock);
	pthread_mutex_destroy(&st->read_lock);
	pthread_cond_destroy(&st->read_free);
	store__tap_free(&st->target.tap);
	free(st->slots);
	free(st->address);
	st->magic = 0;
	free(st);
}

int store__open(
        const struct store_options *o, const struct store_schema *more, struct store **out, struct err *e)
{
	const struct store_ops *ops;
	const char *rest;
	struct store *st;
	int rc = store__backend(o->address, &ops, &rest, e);
	if (rc < 0)
		return rc;
	st = xcalloc(1, sizeof(*st));
	st->magic = STORE_MAGIC;
	st->o = *o;
	st->o.readers = o->readers > 0 ? o->readers : 8;
	st->o.queue = o->queue > 0 ? o->queue : 10000;
	st->o.slow = o->slow > 0 ? o->slow : 500 * US_MS;
	st->ops = ops;
	st->address = xstrdup(rest);
	random_hex(16, st->holder);
	st->target = (struct store_target){
	        st->address, {&store_schema, more}, o->create, o->migrate, st->holder, NULL};
	if (ops == &store__sqlite)
		st->target.tap = store__tap_new(st->address);
	st->queue = queue_new(st->o.queue);
	st->slots = xcalloc(GROUP_MAX, sizeof(*st->slots));
	st->tx = (struct store_tx){.magic = TX_MAGIC, .st = st, .arena = arena_new(0), .write = true};
	must(pthread_mutex_init(&st->watch_lock, NULL) == 0);
	must(pthread_mutex_init(&st->read_lock, NULL) == 0);
	must(pthread_cond_init(&st->read_free, NULL) == 0);

	rc = store__connect(st, true, &st->conn, e);
	if (rc == 0)
		rc = store__migrate(st->conn, &st->target, 0, clock_now(o->clock), &st->version, e);
	if (rc == 0)
		rc = st->conn->ops->prepare(st->conn, e);
	if (rc == 0) {
		struct err own = ERR_INIT;
		rc = store__run_own(st, "open the journal", settle_write, NULL, &own);
		if (rc < 0 && e)
			*e = own;
	}
	if (rc < 0) {
		store_free(st);
		return rc;
	}
	store__writer_start(st);
	LOG(STORE_OPEN, log_s("backend", ops->name), log_i("schema", st->version),
	        log_s("digest", digest_kind_name(st->digest)));
	*out = st;
	return 0;
}

int store_open(const struct store_options *o, struct store **out, struct err *e)
{
	return store__open(o, NULL, out, e);
}

void store_close(struct store **sp)
{
	struct store *st = *sp;
	if (st == NULL)
		return;
	OBJ_CHECK(st, STORE_MAGIC);
	*sp = NULL;
	store__writer_stop(st);
	store_free(st);
}

const char *store_backend(const struct store *st)
{
	return st->ops->name;
}

int store_schema_version(const struct store *st)
{
	return st->version;
}

int64_t store_new_id(struct store *st)
{
	return id_next(st->o.ids);
}

const struct clock *store_clock(const struct store *st)
{
	return st->o.clock;
}

/* ---- watching ---- */

struct journal_watch *store__watch(struct store *st, void (*f)(void *ctx, int64_t seq), void *ctx)
{
	struct journal_watch *w = xcalloc(1, sizeof(*w));
	w->f = f;
	w->ctx = ctx;
	pthread_mutex_lock(&st->watch_lock);
	w->next = st->watches;
	st->watches = w;
	pthread_mutex_unlock(&st->watch_lock);
	return w;
}

void store__unwatch(struct store *st, struct journal_watch **wp)
{
	struct journal_watch *w = *wp;
	if (w == NULL)
		return;
	*wp = NULL;
	must(!pthread_equal(pthread_self(), st->thread)); /* it would wait for itself */
	pthread_mutex_lock(&st->watch_lock);
	struct journal_watch **at = &st->watches;
	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
	pthread_mutex_unlock(&st->watch_lock);
	free(w);
}

/* ---- care ---- */

int store_backup(struct store *st, const char *path, void (*tell)(void *ctx, int64_t done, int64_t total),
        void *ctx, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	if (access(path, F_OK) == 0) {
		err_set(e, ERR_CONFLICT, "a backup is not written over a file that is there");
		err_at(e, path, 0, 0, NULL);
		return ERR_CONFLICT;
	}
	return st->ops->backup(&st->target, path, tell, ctx, e);
}

int store__restore(
        const struct store_options *o, const struct store_schema *more, const char *path, struct err *e)
{
	const struct store_ops *ops;
	struct store_target t = {.schema = {&store_schema, more}, .create = true, .who = "restore"};
	int rc = store__backend(o->address, &ops, &t.address, e);
	return rc < 0 ? rc : ops->restore(&t, path, e);
}

int store_restore(const struct store_options *o, const char *path, struct err *e)
{
	return store__restore(o, NULL, path, e);
}

int store_check(struct store *st, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	return st->ops->check(&st->target, tell, ctx, e);
}

/* A transaction: the statements in it, and the pool of those that only read. */
#include "store/core_int.h"

#include "base/fault.h"

#define READER_WAIT_S 10

void store__tx_reset(struct store_tx *tx, const char *purpose)
{
	must(tx->open == NULL);
	tx->magic = TX_MAGIC;
	tx->purpose = purpose;
	tx->appended = 0;
	tx->first.code = 0;
	tx->later = false;
	store__ahead_end(tx);
}

void store__close_walks(struct store_tx *tx)
{
	struct store_rows *r = tx->open;

	tx->open = NULL;
	while (r) {
		struct store_rows *next = r->next;

		tx->conn->ops->close_rows(&r->cursor);
		free(r);
		r = next;
	}
}

/* ---- statements ---- */

/* What both databases must refuse alike is refused here. */
static int check_in(const struct store_statement *s, const void *in, struct err *e)
{
	must(s->ins == 0 || in != NULL);
	for (int i = 0; i < s->ins; i++) {
		const struct store_field *f = &s->in[i];
		if (store__is_null(in, f)) {
			if (f->null)
				continue;
			err_set(e, ERR_INVALID, "%s: \"%s\" must have a value", s->name, f->name);
			err_at(e, s->where, 0, 0, f->name);
			return ERR_INVALID;
		}
		if (f->type != STORE_TEXT)
			continue;
		struct str v = store__str(in, f);
		if (memchr(v.p, 0, v.n) != NULL || !utf8_valid(v)) {
			err_set(e, ERR_INVALID, "%s: \"%s\" is not valid UTF-8 text, or has a NUL in it",
			        s->name, f->name);
			err_at(e, s->where, 0, 0, f->name);
			return ERR_INVALID;
		}
	}
	return 0;
}

/* Remembers the transaction's first failure; after it PostgreSQL would take no more, so nobody does. */
int store__failed(struct store_tx *tx, int rc, const struct err *e)
{
	if (tx->first.code == 0) {
		tx->first = *e;
		tx->first.code = rc;
	}
	return rc;
}

int store__may_run(struct store_tx *tx, const struct store_statement *s, const void *in, struct err *e)
{
	OBJ_CHECK(tx, TX_MAGIC);
	if (tx->first.code != 0)
		return err_set(e, ERR_STATE, "%s: an earlier statement of this transaction (%s) failed: %s",
		        s->name, tx->purpose, tx->first.text);
	if (fault(FAULT_STORE_STEP))
		return err_set(e, ERR_IO, "%s: failed by a fault point", s->name);
	return check_in(s, in, e);
}

int store_do(
        struct store_tx *tx, const struct store_statement *s, const void *in, int64_t *changed, struct err *e)
{
	struct err own = ERR_INIT;
	int64_t n = 0;
	struct err *to = e ? e : &own;
	int rc = store__may_run(tx, s, in, to);
	if (rc == 0 && !tx->write)
		rc = err_set(
		        to, ERR_BUG, "%s: writes, in a transaction for reading (%s)", s->name, tx->purpose);
	dur_us began = clock_monotonic();
	if (rc == 0 && tx->later && changed == NULL && tx->conn->ops->run_later != NULL)
		rc = tx->conn->ops->run_later(tx->conn, s, in, to);
	else if (rc == 0)
		rc = tx->conn->ops->run(tx->conn, s, in, &n, to);
	if (rc < 0)
		return store__failed(tx, rc, to);
	store__tell_slow(tx->st, s->name, tx->purpose, clock_monotonic() - began);
	if (changed)
		*changed = n;
	return 0;
}

int store_do_many(struct store_tx *tx, const struct store_statement *one, const struct store_statement *many,
        size_t times, const void *in, size_t size, size_t n, struct err *e)
{
	const char *row = in;
	int rc = 0;

	for (size_t i = 0; i < n && rc == 0;) {
		bool all = n - i >= times;

		rc = store_do(tx, all ? many : one, row + i * size, NULL, e);
		i += all ? times : 1;
	}
	return rc;
}

int store_rows_open(struct store_tx *tx, const struct store_statement *s, const void *in,
        struct store_rows **out, struct err *e)
{
	struct err own = ERR_INIT;
	struct err *to = e ? e : &own;
	struct store_cursor *cursor = NULL;
	dur_us began = clock_monotonic();
	int rc = store__may_run(tx, s, in, to);
	if (rc == 0)
		rc = tx->conn->ops->open_rows(tx->conn, s, in, &cursor, to);
	if (rc < 0)
		return store__failed(tx, rc, to);
	store__tell_slow(tx->st, s->name, tx->purpose, clock_monotonic() - began);
	struct store_rows *r = xcalloc(1, sizeof(*r));
	r->tx = tx;
	r->cursor = cursor;
	r->next = tx->open;
	r->prev = &tx->open;
	if (r->next)
		r->next->prev = &r->next;
	tx->open = r;
	*out = r;
	return 0;
}

int store_rows_next(struct store_rows *r, void *row, struct err *e)
{
	struct err own = ERR_INIT;
	struct err *to = e ? e : &own;
	int rc = r->tx->conn->ops->next_row(r->cursor, row, to);
	return rc < 0 ? store__failed(r->tx, rc, to) : rc;
}

void store_rows_close(struct store_rows **rp)
{
	struct store_rows *r = *rp;
	if (r == NULL)
		return;
	*rp = NULL;
	*r->prev = r->next;
	if (r->next)
		r->next->prev = r->prev;
	r->tx->conn->ops->close_rows(&r->cursor);
	free(r);
}

int store__keep_texts(struct store_tx *tx, const struct store_statement *s, void *row, struct err *e)
{
	for (int i = 0; i < s->outs; i++) {
		const struct store_field *f = &s->out[i];
		if (f->type != STORE_TEXT && f->type != STORE_BLOB)
			continue;
		struct str *v = (struct str *)(void *)((char *)row + f->offset);
		if (v->p == NULL)
			continue;
		char *kept = arena_alloc(tx->arena, v->n + 1); /* text ends in a NUL, for C's sake */
		if (kept == NULL)
			return err_set(
			        e, ERR_NOMEM, "%s: over the memory limit of this transaction", s->name);
		memcpy(kept, v->p, v->n);
		v->p = kept;
	}
	return 0;
}

int store_first(
        struct store_tx *tx, const struct store_statement *s, const void *in, void *row, struct err *e)
{
	struct store_rows *r = NULL;
	int rc = tx->asked.n > 0 ? store__ahead_find(tx, s, in, row) : -1;
	if (rc >= 0 && tx->first.code == 0)
		return rc;
	rc = store_rows_open(tx, s, in, &r, e);
	if (rc < 0)
		return rc;
	rc = store_rows_next(r, row, e);
	if (rc == 1 && store__keep_texts(tx, s, row, e) < 0)
		rc = ERR_NOMEM;
	store_rows_close(&r);
	return rc;
}

bool store_is_far(const struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->conn->ops->first_many != NULL;
}

void store_later(struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	tx->later = true;
}

enum store_dialect store__dialect(const struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->conn->ops->dialect;
}

struct arena *store_arena(struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->arena;
}

time_us store_now(const struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return tx->now;
}

int64_t store_tx_id(struct store_tx *tx)
{
	OBJ_CHECK(tx, TX_MAGIC);
	return id_next(tx->st->o.ids);
}

void store__appended(struct store_tx *tx)
{
	tx->appended++;
}

struct store *store__of(struct store_tx *tx)
{
	return tx->st;
}

enum digest_kind store__digest(const struct store *st)
{
	return st->digest;
}

const struct store_target *store__target(const struct store *st)
{
	return &st->target;
}

/* ---- reading ---- */

static struct store_tx *reader_new(struct store *st)
{
	struct store_tx *tx = xcalloc(1, sizeof(*tx));
	tx->magic = TX_MAGIC;
	tx->st = st;
	tx->arena = arena_new(0);
	return tx;
}

void store__reader_free(struct store_tx *tx)
{
	store__ahead_end(tx);
	store__disconnect(&tx->conn);
	arena_free(&tx->arena);
	tx->magic = 0;
	free(tx);
}

static void reader_give(struct store_tx *tx)
{
	struct store *st = tx->st;
	pthread_mutex_lock(&st->read_lock);
	tx->next_free = st->free_readers;
	st->free_readers = tx;
	pthread_cond_signal(&st->read_free);
	pthread_mutex_unlock(&st->read_lock);
}

static struct store_tx *reader_take(struct store *st)
{
	struct store_tx *tx = NULL;
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += READER_WAIT_S;
	pthread_mutex_lock(&st->read_lock);
	while (st->free_readers == NULL && st->readers >= st->o.readers)
		if (pthread_cond_timedwait(&st->read_free, &st->read_lock, &until) != 0)
			break;
	if (st->free_readers) {
		tx = st->free_readers;
		st->free_readers = tx->next_free;
	} else if (st->readers < st->o.readers) {
		st->readers++;
		tx = reader_new(st);
	}
	pthread_mutex_unlock(&st->read_lock);
	return tx;
}

int store_read_begin(struct store *st, const char *purpose, struct store_tx **out, struct err *e)
{
	OBJ_CHECK(st, STORE_MAGIC);
	struct store_tx *tx = reader_take(st);
	if (tx == NULL)
		return err_set(
		        e, ERR_BUSY, "%s: all %d connections for reading are in use", purpose, st->o.readers);
	store__tx_reset(tx, purpose);
	tx->now = clock_now(st->o.clock);
	tx->began = clock_monotonic();
	int rc = fault(FAULT_STORE_BEGIN)
	                 ? err_set(e, ERR_UNAVAILABLE, "a transaction cannot begin, by a fault point")
	                 : 0;
	bool fresh = tx->conn == NULL;
	if (rc == 0 && fresh)
		rc = store__connect(st, false, &tx->conn, e);
	if (rc == 0)
		rc = tx->conn->ops->begin(tx->conn, 0, tx->now, e);
	if (rc < 0 && !fresh && tx->conn && tx->conn->state == STORE_LOST) {
		/* The database may have been restarted since this connection was used last. */
		store__disconnect(&tx->conn);
		rc = store__connect(st, false, &tx->conn, e);
		if (rc == 0)
			rc = tx->conn->ops->begin(tx->conn, 0, tx->now, e);
	}
	if (rc < 0) {
		if (tx->conn && tx->conn->state == STORE_LOST)
			store__disconnect(&tx->conn);
		reader_give(tx);
		err_prefix(e, "%s", purpose);
		return rc;
	}
	*out = tx;
	return 0;
}

void store_read_end(struct store_tx **txp)
{
	struct store_tx *tx = *txp;
	if (tx == NULL)
		return;
	OBJ_CHECK(tx, TX_MAGIC);
	*txp = NULL;
	store__close_walks(tx);
	tx->conn->ops->rollback(tx->conn);
	store__tell_slow(tx->st, "read transaction", tx->purpose, clock_monotonic() - tx->began);
	if (tx->conn->state == STORE_LOST)
		store__disconnect(&tx->conn);
	arena_reset(tx->arena);
	reader_give(tx);
}

#include "store/postgres_int.h"

#include <errno.h>
#include <poll.h>

/*
 * Writes are SERIALIZABLE, so that a write which looks and then acts is as safe with several copies as
 * with SQLite's single writer; a conflict makes the group run again. Values travel in binary, with
 * their types said: nothing is guessed from the text of a statement.
 *
 * What a serializable transaction has touched is noted in memory that the whole server shares, page by page.
 * One that fills an index would take all of it, and every other write of the server would fail: so bulk ones
 * are READ COMMITTED.
 *
 * Where many rows come in, a round trip for each costs more than all else: writes that nobody waits for, and
 * questions that are asked many at a time, go out behind one another (pipeline mode) and are answered
 * together.
 */

#define PIPE_MOST 256 /* statements on their way */

/* Types by their numbers in every PostgreSQL. */
enum {
	OID_BOOL = 16,
	OID_BYTEA = 17,
	OID_INT8 = 20,
	OID_INT2 = 21,
	OID_INT4 = 23,
	OID_TEXT = 25,
	OID_FLOAT4 = 700,
	OID_FLOAT8 = 701,
	OID_VARCHAR = 1043,
	OID_NAME = 19
};

struct postgres {
	struct store_conn conn;
	PGconn *db;
	const struct store_target *target;
	bool *prepared;                                 /* by a statement's index */
	const struct store_statement *piped[PIPE_MOST]; /* on their way, unanswered */
	int waiting;
	bool listens;
	char channel[80]; /* of NOTIFY, quoted: one for each schema of a database */
};
struct postgres_cursor {
	struct postgres *c;
	const struct store_statement *s;
	PGresult *rows; /* all of them: other statements may run while one walks here */
	int at;
};

static struct postgres *of(struct store_conn *c)
{
	return (struct postgres *)(void *)c;
}

PGconn *postgres__db(struct store_conn *c)
{
	return of(c)->db;
}

/* ---- failures ---- */

static bool state_is(const char *state, const char *begin)
{
	return strncmp(state, begin, strlen(begin)) == 0;
}

static int code_of(struct store_conn *c, const char *state)
{
	static const struct {
		const char *begin;
		int code;
		enum store_state tx;
	} codes[] = {
	        /* the more exact before the more general */
	        {"40", ERR_BUSY, STORE_AGAIN},
	        {"23505", ERR_CONFLICT, STORE_SOUND},
	        {"23P01", ERR_CONFLICT, STORE_SOUND},
	        {"23503", ERR_CONFLICT, STORE_SOUND},
	        {"23", ERR_INVALID, STORE_SOUND},
	        {"22", ERR_INVALID, STORE_SOUND},
	        {"P0001", ERR_CONFLICT, STORE_SOUND},
	        {"53100", ERR_FULL, STORE_GONE},
	        {"53200", ERR_NOMEM, STORE_GONE},
	        {"53", ERR_UNAVAILABLE, STORE_LOST},
	        {"54", ERR_TOOBIG, STORE_SOUND},
	        {"57014", ERR_TIMEOUT, STORE_SOUND},
	        {"57", ERR_UNAVAILABLE, STORE_LOST},
	        {"08", ERR_UNAVAILABLE, STORE_LOST},
	        {"55P03", ERR_BUSY, STORE_AGAIN},
	        {"42501", ERR_DENIED, STORE_SOUND},
	        {"42", ERR_BUG, STORE_SOUND},
	        {"28", ERR_DENIED, STORE_LOST},
	        {"XX", ERR_CORRUPT, STORE_SOUND},
	};
	/* A server that became a standby refuses to write: another may have taken its place. */
	if (state_is(state, "25006")) {
		c->state = c->writer ? STORE_LOST : c->state;
		return c->writer ? ERR_UNAVAILABLE : ERR_BUG;
	}
	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		if (!state_is(state, codes[i].begin))
			continue;
		if (codes[i].tx != STORE_SOUND)
			c->state = codes[i].tx;
		return codes[i].code;
	}
	return ERR_IO;
}

int postgres__fail(struct store_conn *c, const PGresult *r, const char *name, struct err *e)
{
	PGconn *db = of(c)->db;
	const char *state = r ? PQresultErrorField(r, PG_DIAG_SQLSTATE) : NULL;
	const char *words = r ? PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	const char *table = NULL;
	int code;

	if (state)
		code = code_of(c, state);
	else
		code = ERR_UNAVAILABLE;
	if (PQstatus(db) == CONNECTION_BAD || state == NULL) {
		c->state = STORE_LOST;
		code = ERR_UNAVAILABLE;
	}
	if (words == NULL || words[0] == 0)
		words = PQerrorMessage(db);
	int n = (int)strcspn(words, "\n");
	switch (code) {
	case ERR_CONFLICT:
		if (state_is(state, "23503"))
			err_set(e, code,
			        "%s: refers to something that is not there, or removes something that is "
			        "referred to",
			        name);
		else
			err_set(e, code, "%s: there already (%.*s)", name, n, words);
		table = PQresultErrorField(r, PG_DIAG_TABLE_NAME);
		break;
	case ERR_UNAVAILABLE:
		err_set(e, code, "%s: the database of the record store is not available: %.*s", name, n,
		        words);
		break;
	case ERR_FULL: err_set(e, code, "%s: the disk of the database is full; free some space", name); break;
	case ERR_BUG: err_set(e, code, "%s: %.*s (SQLSTATE %s)", name, n, words, state); break;
	default: err_set(e, code, "%s: %.*s", name, n, words); break;
	}
	err_at(e, NULL, 0, 0, table);
	return code;
}

/* Takes r over. 0 if it is what a command or a query gives when it went well. */
static int done(struct postgres *c, PGresult *r, const char *name, struct err *e)
{
	ExecStatusType s = PQresultStatus(r);
	int rc = 0;
	if (s != PGRES_COMMAND_OK && s != PGRES_TUPLES_OK && s != PGRES_EMPTY_QUERY)
		rc = postgres__fail(&c->conn, r, name, e);
	PQclear(r);
	return rc;
}

static int settle(struct postgres *c, struct err *e);
static PGresult *execute_behind(
        struct postgres *c, const struct store_statement *s, const void *in, int *rc, struct err *e);

static int command(struct postgres *c, const char *sql, struct err *e)
{
	int rc = settle(c, e);

	return rc < 0 ? rc : done(c, PQexec(c->db, sql), sql, e);
}

/* ---- opening ---- */

static void no_notice(void *arg, const char *message)
{
	(void)arg, (void)message;
}

static void postgres_close(struct store_conn **cp)
{
	struct postgres *c = of(*cp);
	if (c == NULL)
		return;
	*cp = NULL;
	PQfinish(c->db);
	free(c->prepared);
	free(c);
}

static int set_up(struct postgres *c, struct err *e)
{
	static const char setting[] = "SET TimeZone = 'UTC'; SET standard_conforming_strings = on; SET "
	                              "client_min_messages = warning;"
	                              "SELECT set_config('synchronous_commit', 'on', false)"
	                              " WHERE current_setting('synchronous_commit') = 'off'";
	const char *encoding = PQparameterStatus(c->db, "server_encoding");
	if (encoding == NULL || strcmp(encoding, "UTF8") != 0)
		return err_set(e, ERR_INVALID, "the database keeps text as %s; make one with ENCODING 'UTF8'",
		        encoding ? encoding : "something unknown");
	int rc = command(c, setting, e);
	if (rc < 0)
		return rc;
	PGresult *r = PQexec(c->db, "SELECT quote_ident('heming:' || current_schema())");
	if (PQresultStatus(r) == PGRES_TUPLES_OK && !PQgetisnull(r, 0, 0))
		snprintf(c->channel, sizeof(c->channel), "%s", PQgetvalue(r, 0, 0));
	else
		rc = err_set(
		        e, ERR_INVALID, "the database has no schema to use; set search_path in the address");
	PQclear(r);
	return rc;
}

static int postgres_open(const struct store_target *t, bool writer, struct store_conn **out, struct err *e)
{
	/* What comes after "dbname" wins over the address, what comes before gives way to it. */
	const char *const keys[] = {"connect_timeout", "keepalives_idle", "keepalives_interval",
	        "keepalives_count", "tcp_user_timeout", "application_name", "target_session_attrs", "dbname",
	        "client_encoding", NULL};
	const char *const values[] = {"5", "10", "5", "3", "15000", "heming", writer ? "read-write" : "any",
	        t->address, "UTF8", NULL};
	struct postgres *c = xcalloc(1, sizeof(*c));
	struct store_conn *conn = &c->conn;
	int rc;

	conn->ops = &store__postgres;
	conn->writer = writer;
	c->target = t;
	c->prepared = xcalloc((size_t)store__slots(t) + 1, sizeof(*c->prepared));
	c->db = PQconnectdbParams(keys, values, 1);
	if (PQstatus(c->db) != CONNECTION_OK) {
		rc = postgres__fail(conn, NULL, "cannot connect", e);
		goto out;
	}
	PQsetNoticeProcessor(c->db, no_notice, NULL);
	rc = set_up(c, e);
	if (rc < 0)
		goto out;
	*out = conn;
	conn = NULL;
out:
	postgres_close(&conn);
	return rc;
}

/* ---- statements ---- */

static Oid oid_of(enum store_type type)
{
	static const Oid oids[] = {[STORE_INT] = OID_INT8,
	        [STORE_REAL] = OID_FLOAT8,
	        [STORE_TEXT] = OID_TEXT,
	        [STORE_BLOB] = OID_BYTEA,
	        [STORE_BOOL] = OID_BOOL};
	return oids[type];
}

/* What a column of each type may be in the database. */
static bool fits(enum store_type type, Oid oid)
{
	switch (type) {
	case STORE_INT: return oid == OID_INT8 || oid == OID_INT4 || oid == OID_INT2;
	case STORE_REAL: return oid == OID_FLOAT8 || oid == OID_FLOAT4;
	case STORE_TEXT: return oid == OID_TEXT || oid == OID_VARCHAR || oid == OID_NAME;
	case STORE_BLOB: return oid == OID_BYTEA;
	case STORE_BOOL: return oid == OID_BOOL;
	}
	return false;
}

/* The columns that the database describes are those of the statement's header. */
static int check_columns(const struct store_statement *s, const PGresult *r, struct err *e)
{
	static const char *const casts[] = {"bigint", "double precision", "text", "bytea", "boolean"};
	int n = PQnfields(r);
	if (n != s->outs) {
		err_set(e, ERR_BUG, "%s: gives %d columns, its header says %d", s->name, n, s->outs);
		err_at(e, s->where, 0, 0, NULL);
		return ERR_BUG;
	}
	for (int i = 0; i < n; i++) {
		if (fits(s->out[i].type, PQftype(r, i)))
			continue;
		err_set(e, ERR_BUG,
		        "%s: column \"%s\" has another type in PostgreSQL (number %u); cast it to %s",
		        s->name, s->out[i].name, PQftype(r, i), casts[s->out[i].type]);
		err_at(e, s->where, 0, 0, s->out[i].name);
		return ERR_BUG;
	}
	return 0;
}

static int prepare_one(struct postgres *c, const struct store_statement *s, const char *name, struct err *e)
{
	Oid types[STORE_MAX_FIELDS];
	must(s->ins <= STORE_MAX_FIELDS);
	for (int i = 0; i < s->ins; i++)
		types[i] = oid_of(s->in[i].type);
	int rc = done(c, PQprepare(c->db, name, s->text[STORE_POSTGRES], s->ins, types), s->name, e);
	if (rc < 0) {
		err_at(e, s->where, 0, 0, NULL);
		return rc;
	}
	PGresult *r = PQdescribePrepared(c->db, name);
	rc = PQresultStatus(r) == PGRES_COMMAND_OK ? check_columns(s, r, e)
	                                           : postgres__fail(&c->conn, r, s->name, e);
	PQclear(r);
	return rc;
}

static int prepared(struct postgres *c, const struct store_statement *s, char name[16], struct err *e)
{
	name[0] = 0;
	if (s->index >= 0)
		snprintf(name, 16, "s%d", s->index);
	if (s->index >= 0 && c->prepared[s->index])
		return 0;
	int rc = prepare_one(c, s, name, e);
	if (rc == 0 && s->index >= 0)
		c->prepared[s->index] = true;
	return rc;
}

static int postgres_prepare(struct store_conn *conn, struct err *e)
{
	struct postgres *c = of(conn);
	char name[16];
	for (size_t k = 0; k < ARRAY_LEN(c->target->schema); k++) {
		const struct store_schema *sc = c->target->schema[k];
		for (int i = 0; sc && i < sc->statements_n; i++) {
			int rc = prepared(c, sc->statements[i], name, e);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static void put_be64(uint64_t v, char out[8])
{
	for (int i = 0; i < 8; i++)
		out[i] = (char)(v >> (56 - 8 * i));
}

static uint64_t get_be(const char *p, int n)
{
	uint64_t v = 0;
	for (int i = 0; i < n; i++)
		v = v << 8 | (uint8_t)p[i];
	return v;
}

/* Parameters as libpq takes them. */
struct bound {
	const char *values[STORE_MAX_FIELDS];
	int lengths[STORE_MAX_FIELDS], formats[STORE_MAX_FIELDS];
	char numbers[STORE_MAX_FIELDS][8];
};

static int bind(const struct store_statement *s, const void *in, struct bound *b, struct err *e)
{
	double d;
	uint64_t bits;

	for (int i = 0; i < s->ins; i++) {
		const struct store_field *f = &s->in[i];
		b->formats[i] = 1;
		b->values[i] = b->numbers[i];
		b->lengths[i] = 8;
		if (store__is_null(in, f)) {
			b->values[i] = NULL;
			continue;
		}
		switch (f->type) {
		case STORE_INT: put_be64((uint64_t)store__int(in, f), b->numbers[i]); break;
		case STORE_REAL:
			d = store__real(in, f);
			memcpy(&bits, &d, sizeof(bits));
			put_be64(bits, b->numbers[i]);
			break;
		case STORE_BOOL:
			b->numbers[i][0] = store__bool(in, f);
			b->lengths[i] = 1;
			break;
		case STORE_TEXT:
		case STORE_BLOB:
			b->values[i] = store__str(in, f).p;
			if (store__str(in, f).n > INT32_MAX)
				return err_set(e, ERR_TOOBIG, "%s: \"%s\" is too large", s->name, f->name);
			b->lengths[i] = (int)store__str(in, f).n;
			break;
		}
	}
	return 0;
}

/* Runs s; the result is the caller's to clear, NULL on failure. */
static PGresult *execute(
        struct postgres *c, const struct store_statement *s, const void *in, int *rc, struct err *e)
{
	struct bound b;
	char name[16];

	if (c->waiting > 0 && c->waiting < PIPE_MOST && s->index >= 0 && c->prepared[s->index])
		return execute_behind(c, s, in, rc, e);
	*rc = settle(c, e);
	if (*rc == 0)
		*rc = prepared(c, s, name, e);
	if (*rc == 0)
		*rc = bind(s, in, &b, e);
	if (*rc < 0)
		return NULL;
	PGresult *r = PQexecPrepared(c->db, name, s->ins, b.values, b.lengths, b.formats, 1);
	ExecStatusType status = PQresultStatus(r);
	if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
		return r;
	*rc = postgres__fail(&c->conn, r, s->name, e);
	PQclear(r);
	return NULL;
}

static int postgres_run(struct store_conn *conn, const struct store_statement *s, const void *in,
        int64_t *changed, struct err *e)
{
	int rc;
	PGresult *r = execute(of(conn), s, in, &rc, e);
	if (r == NULL)
		return rc;
	*changed = strtoll(PQcmdTuples(r), NULL, 10);
	PQclear(r);
	return 0;
}

static int postgres_open_rows(struct store_conn *conn, const struct store_statement *s, const void *in,
        struct store_cursor **out, struct err *e)
{
	int rc;
	PGresult *r = execute(of(conn), s, in, &rc, e);
	if (r == NULL)
		return rc;
	struct postgres_cursor *cur = xcalloc(1, sizeof(*cur));
	*cur = (struct postgres_cursor){of(conn), s, r, 0};
	*out = (struct store_cursor *)(void *)cur;
	return 0;
}

static int column(const PGresult *r, int at, int i, const struct store_statement *s, void *row, struct err *e)
{
	const struct store_field *f = &s->out[i];
	void *to = (char *)row + f->offset;
	const char *p = PQgetvalue(r, at, i);
	int n = PQgetlength(r, at, i);

	if (PQgetisnull(r, at, i)) {
		if (!f->null)
			return store__bad_column(s, f, "NULL", e);
		store__set_null(row, f);
		return 0;
	}
	switch (f->type) {
	case STORE_INT:
		*(int64_t *)to = n == 8   ? (int64_t)get_be(p, 8)
		                 : n == 4 ? (int32_t)get_be(p, 4)
		                          : (int16_t)get_be(p, 2);
		break;
	case STORE_REAL:
		if (n == 8) {
			uint64_t bits = get_be(p, 8);
			memcpy(to, &bits, 8);
		} else {
			uint32_t bits = (uint32_t)get_be(p, 4);
			float x;
			memcpy(&x, &bits, 4);
			*(double *)to = (double)x;
		}
		break;
	case STORE_BOOL: *(bool *)to = p[0] != 0; break;
	case STORE_TEXT:
	case STORE_BLOB: *(struct str *)to = (struct str){p, (size_t)n}; break;
	}
	return 0;
}

static int postgres_next_row(struct store_cursor *cursor, void *row, struct err *e)
{
	struct postgres_cursor *r = (struct postgres_cursor *)(void *)cursor;
	if (r->at >= PQntuples(r->rows))
		return 0;
	for (int i = 0; i < r->s->outs; i++) {
		int rc = column(r->rows, r->at, i, r->s, row, e);
		if (rc < 0)
			return rc;
	}
	r->at++;
	return 1;
}

static void postgres_close_rows(struct store_cursor **rp)
{
	struct postgres_cursor *r = (struct postgres_cursor *)(void *)*rp;
	if (r == NULL)
		return;
	*rp = NULL;
	PQclear(r->rows);
	free(r);
}

/* ---- many at once ---- */

/* The answer to the first that is on its way; NULL when the connection broke. */
static PGresult *next_answer(struct postgres *c)
{
	PGresult *r = PQgetResult(c->db), *more;

	if (r == NULL || PQresultStatus(r) == PGRES_PIPELINE_SYNC)
		return r;
	while ((more = PQgetResult(c->db)) != NULL) /* the end of its answer */
		PQclear(more);
	return r;
}

/* Waits for all that is on its way; what came is for `took`, in order, and the last of it the caller's to
 * clear if he asks for it. The first failure is what counts: those behind it were not run. */
static int settle_with(struct postgres *c,
        int (*took)(void *ctx, int i, const struct store_statement *s, PGresult *r, struct err *e), void *ctx,
        PGresult **last, struct err *e)
{
	int rc = 0, n = c->waiting;

	c->waiting = 0;
	if (n == 0)
		return 0;
	if (PQpipelineSync(c->db) == 0)
		return postgres__fail(&c->conn, NULL, c->piped[0]->name, e);
	for (int i = 0; i < n; i++) {
		PGresult *r = next_answer(c);
		ExecStatusType status = PQresultStatus(r);

		if (r == NULL)
			return postgres__fail(&c->conn, NULL, c->piped[i]->name, e);
		if (rc == 0 && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
			rc = postgres__fail(&c->conn, r, c->piped[i]->name, e);
		else if (rc == 0 && took != NULL)
			rc = took(ctx, i, c->piped[i], r, e);
		if (rc == 0 && last != NULL && i == n - 1)
			*last = r;
		else
			PQclear(r);
	}
	PQclear(next_answer(c)); /* the mark behind them */
	if (PQexitPipelineMode(c->db) == 0 && rc == 0)
		rc = postgres__fail(&c->conn, NULL, c->piped[0]->name, e);
	return rc;
}

static int settle(struct postgres *c, struct err *e)
{
	return settle_with(c, NULL, NULL, NULL, e);
}

static int send(struct postgres *c, const struct store_statement *s, const void *in, struct err *e)
{
	struct bound b;
	char name[16];
	int rc = bind(s, in, &b, e);

	if (rc < 0)
		return rc;
	must(s->index >= 0 && c->prepared[s->index]);
	snprintf(name, sizeof(name), "s%d", s->index);
	if ((c->waiting == 0 && PQenterPipelineMode(c->db) == 0) ||
	        PQsendQueryPrepared(c->db, name, s->ins, b.values, b.lengths, b.formats, 1) == 0)
		return postgres__fail(&c->conn, NULL, s->name, e);
	c->piped[c->waiting++] = s;
	return 0;
}

/* Behind what is on its way, so that one waits once for all of it. */
static PGresult *execute_behind(
        struct postgres *c, const struct store_statement *s, const void *in, int *rc, struct err *e)
{
	PGresult *r = NULL;

	*rc = send(c, s, in, e);
	if (*rc == 0)
		*rc = settle_with(c, NULL, NULL, &r, e);
	else
		(void)settle(c, NULL);
	return r;
}

static int postgres_run_later(
        struct store_conn *conn, const struct store_statement *s, const void *in, struct err *e)
{
	struct postgres *c = of(conn);
	int64_t changed;
	int rc = 0;

	if (s->index < 0 || !c->prepared[s->index])
		return postgres_run(conn, s, in, &changed, e);
	if (c->waiting == PIPE_MOST)
		rc = settle(c, e);
	return rc < 0 ? rc : send(c, s, in, e);
}

static int postgres_settle(struct store_conn *conn, struct err *e)
{
	return settle(of(conn), e);
}

struct many {
	int (*got)(void *ctx, size_t i, void *row, struct err *e);
	void *ctx;
	size_t first;
	void *row;
};

static int took_row(void *ctx, int i, const struct store_statement *s, PGresult *r, struct err *e)
{
	struct many *x = ctx;
	bool there = PQntuples(r) > 0;
	int rc = 0;

	for (int k = 0; k < s->outs && there && rc == 0; k++)
		rc = column(r, 0, k, s, x->row, e);
	return rc < 0 ? rc : x->got(x->ctx, x->first + (size_t)i, there ? x->row : NULL, e);
}

static int postgres_first_many(struct store_conn *conn, const struct store_statement *s, const void *in,
        size_t size, size_t n, int (*got)(void *ctx, size_t i, void *row, struct err *e), void *ctx,
        struct err *e)
{
	struct postgres *c = of(conn);
	struct many x = {got, ctx, 0, xcalloc(1, s->row_size)};
	char name[16];
	int rc = settle(c, e);

	if (rc == 0)
		rc = prepared(c, s, name, e);
	for (size_t i = 0; i < n && rc == 0;) {
		x.first = i;
		for (int k = 0; k < PIPE_MOST && i < n && rc == 0; k++, i++)
			rc = send(c, s, (const char *)in + i * size, e);
		if (rc == 0)
			rc = settle_with(c, took_row, &x, NULL, e);
		else
			(void)settle(c, NULL);
	}
	free(x.row);
	return rc;
}

/* ---- transactions ---- */

static void postgres_rollback(struct store_conn *conn)
{
	struct postgres *c = of(conn);
	enum store_state state = conn->state;
	(void)settle(c, NULL);
	PGTransactionStatusType s = PQtransactionStatus(c->db);
	if (s != PQTRANS_IDLE && s != PQTRANS_UNKNOWN)
		(void)command(c, "ROLLBACK", NULL);
	if (conn->state != STORE_LOST)
		conn->state = state; /* why it was rolled back */
	conn->in_tx = false;
}

static int postgres_begin(struct store_conn *conn, int64_t group, time_us now, struct err *e)
{
	struct postgres *c = of(conn);
	char sql[200];
	int n = 0;

	conn->state = STORE_SOUND;
	if (!conn->writer)
		snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1");
	else
		n = snprintf(sql, sizeof(sql), "BEGIN ISOLATION LEVEL %s",
		        conn->bulk ? "READ COMMITTED" : "SERIALIZABLE");
	if (group != 0)
		snprintf(sql + n, sizeof(sql) - (size_t)n,
		        "; INSERT INTO write_group (id, at) VALUES (%lld, %lld)", (long long)group,
		        (long long)now);
	PGresult *r = PQexec(c->db, sql);
	const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
	/* The insertion waits for a commit of this group that is still under way, then meets its mark. */
	bool committed = group != 0 && state && state_is(state, "23505");
	int rc = committed ? 0 : done(c, r, "begin", e);
	if (committed)
		PQclear(r);
	if (rc < 0 || committed)
		postgres_rollback(conn);
	else
		conn->in_tx = true;
	return committed ? 1 : rc;
}

static int postgres_commit(struct store_conn *conn, struct err *e)
{
	struct postgres *c = of(conn);
	int rc = settle(c, e);
	if (rc < 0)
		return rc;
	PGresult *r = PQexec(c->db, "COMMIT");
	/* A transaction that failed before answers COMMIT with a rollback. */
	bool undone = PQresultStatus(r) == PGRES_COMMAND_OK && strcmp(PQcmdStatus(r), "COMMIT") != 0;
	if (undone)
		PQclear(r);
	rc = undone ? err_set(e, ERR_STATE, "the database rolled the transaction back")
	            : done(c, r, "commit", e);
	if (conn->state != STORE_LOST)
		conn->in_tx = false;
	return rc;
}

static int postgres_savepoint(struct store_conn *conn, struct err *e)
{
	return command(of(conn), "SAVEPOINT w", e);
}

static int postgres_release(struct store_conn *conn, bool keep, struct err *e)
{
	if (!keep)
		(void)settle(of(conn), NULL); /* what failed goes back with the rest */
	return command(of(conn), keep ? "RELEASE w" : "ROLLBACK TO w; RELEASE w", e);
}

static int postgres_script(struct store_conn *conn, const char *sql, struct err *e)
{
	return done(of(conn), PQexec(of(conn)->db, sql), "a migration", e);
}

static int postgres_has_table(struct store_conn *conn, const char *table, struct err *e)
{
	struct postgres *c = of(conn);
	const char *const values[] = {table};
	PGresult *r = PQexecParams(c->db,
	        "SELECT 1 FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = "
	        "c.relnamespace"
	        " WHERE n.nspname = current_schema() AND c.relname = $1 AND c.relkind IN ('r', 'p')",
	        1, NULL, values, NULL, NULL, 0);
	int found = PQresultStatus(r) == PGRES_TUPLES_OK && PQntuples(r) > 0;
	int rc = done(c, r, "cannot read the record store", e);
	return rc < 0 ? rc : found;
}

static int postgres_migrating(struct store_conn *conn, bool on, struct err *e)
{
	return command(of(conn),
	        on ? "SELECT pg_advisory_lock(hashtext('heming:' || current_schema()))"
	           : "SELECT pg_advisory_unlock(hashtext('heming:' || current_schema()))",
	        e);
}

static void postgres_idle(struct store_conn *conn, bool closing)
{
	(void)conn, (void)closing; /* the server keeps its own house */
}

/* ---- word from other copies ---- */

static int postgres_tell(struct store_conn *conn, struct err *e)
{
	struct postgres *c = of(conn);
	char sql[160];
	snprintf(sql, sizeof(sql), "NOTIFY %s, '%s'", c->channel, c->target->who);
	return command(c, sql, e);
}

static int postgres_listen(struct store_conn *conn, int wake_fd, dur_us wait, struct err *e)
{
	struct postgres *c = of(conn);
	int rc = 0, heard = 0;
	if (!c->listens) {
		char sql[120];
		snprintf(sql, sizeof(sql), "LISTEN %s", c->channel);
		rc = command(c, sql, e);
		if (rc < 0)
			return rc;
		c->listens = true;
		return 1; /* what was said before nobody heard: look once */
	}
	struct pollfd p[2] = {{.fd = PQsocket(c->db), .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
	if (poll(p, 2, (int)(wait / US_MS)) < 0 && errno != EINTR)
		return err_errno(e, errno, "cannot wait for word from the database");
	if (PQconsumeInput(c->db) == 0)
		return postgres__fail(conn, NULL, "listen", e);
	for (PGnotify *n; (n = PQnotifies(c->db)) != NULL; PQfreemem(n))
		heard |= strcmp(n->extra, c->target->who) != 0;
	return heard;
}

const struct store_ops store__postgres = {
        .name = "postgres",
        .dialect = STORE_POSTGRES,
        .shared = true,
        .open = postgres_open,
        .close = postgres_close,
        .prepare = postgres_prepare,
        .begin = postgres_begin,
        .commit = postgres_commit,
        .rollback = postgres_rollback,
        .savepoint = postgres_savepoint,
        .release = postgres_release,
        .script = postgres_script,
        .run = postgres_run,
        .run_later = postgres_run_later,
        .settle = postgres_settle,
        .first_many = postgres_first_many,
        .open_rows = postgres_open_rows,
        .next_row = postgres_next_row,
        .close_rows = postgres_close_rows,
        .has_table = postgres_has_table,
        .migrating = postgres_migrating,
        .idle = postgres_idle,
        .tell = postgres_tell,
        .listen = postgres_listen,
        .backup = postgres__backup,
        .restore = postgres__restore,
        .check = postgres__check,
};

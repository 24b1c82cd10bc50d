#include "store/view_query.h"

#include <sqlite3.h>

#include "base/clock.h"
#include "store/view_heap.h"

#define TEXT_MAX 300000  /* bytes of one value */
#define SQL_MAX 20000    /* bytes of the statement */
#define OPS_TO_CLOCK 100 /* steps of SQLite's machine between two looks at the clock */
#define QUERY_MAGIC 0x7153e11au

const struct view_limits view_limits_usual = {
        .rows = 200000, .memory_b = (size_t)256 << 20, .within = 10 * US_SECOND};

struct filled {
	sqlite3_stmt *insert; /* NULL until its first row */
	int64_t rows;
	bool mentioned;
};

struct view_query {
	uint32_t magic;
	const struct view *view;
	int views;
	struct filled *filled; /* one a view */
	struct str sql;
	struct view_limits limits;
	dur_us until; /* monotonic */
	struct view_heap heap;
	sqlite3 *db;
	sqlite3_stmt *stmt;
	bool running;
	char refused[160]; /* what the authorizer said no to; "" nothing */
};

/* ---- what a statement may do ---- */

/* No function here reaches out of the database, draws lots, or makes much out of little but within TEXT_MAX.
 */
static const char *const functions[] = {"abs", "acos", "asin", "atan", "atan2", "avg", "ceil", "ceiling",
        "char", "coalesce", "cos", "count", "cume_dist", "date", "datetime", "degrees", "dense_rank", "exp",
        "first_value", "floor", "format", "glob", "group_concat", "hex", "ifnull", "iif", "instr",
        "json_array", "json_array_length", "json_extract", "json_group_array", "json_type", "json_valid",
        "julianday", "lag", "last_value", "lead", "length", "like", "likely", "ln", "log", "log10", "log2",
        "lower", "ltrim", "max", "min", "mod", "nth_value", "ntile", "nullif", "percent_rank", "pi", "pow",
        "power", "printf", "quote", "radians", "rank", "replace", "round", "row_number", "rtrim", "sign",
        "sin", "sqrt", "strftime", "substr", "substring", "sum", "tan", "time", "total", "trim", "trunc",
        "typeof", "unicode", "unixepoch", "unlikely", "upper", "->", "->>"};

static bool same(const char *a, const char *b)
{
	return sqlite3_stricmp(a, b) == 0;
}

static bool is_function(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (same(functions[i], name))
			return true;
	return false;
}

static int refuse(struct view_query *q, const char *before, const char *name, const char *after)
{
	if (q->refused[0] == '\0')
		snprintf(q->refused, sizeof(q->refused), "%s%s%s", before, name, after);
	return SQLITE_DENY;
}

static int mention(struct view_query *q, const char *table, const char *column)
{
	for (int i = 0; i < q->views; i++) {
		if (!same(table, q->view[i].name))
			continue;
		q->filled[i].mentioned = true;
		return SQLITE_OK;
	}
	/* Of what only its rows are counted the name is told as it was written: it may be the statement's
	 * own, and what has a name of its own and is no table of SQLite's is nothing else. */
	if (same(table, "json_each") || same(table, "json_tree") ||
	        (*column == '\0' && sqlite3_strnicmp(table, "sqlite_", 7) != 0))
		return SQLITE_OK;
	return refuse(q, "", table, " is no published view");
}

static int authorize(
        void *ctx, int action, const char *first, const char *second, const char *db, const char *inside)
{
	struct view_query *q = ctx;

	(void)db, (void)inside;
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE: return SQLITE_OK;
	case SQLITE_READ: return mention(q, first, second);
	case SQLITE_FUNCTION:
		return is_function(second) ? SQLITE_OK
		                           : refuse(q, "the function ", second, " is not allowed");
	case SQLITE_PRAGMA: return refuse(q, "a question may not say PRAGMA ", first, "");
	default: return refuse(q, "a question may only SELECT", "", "");
	}
}

/* ---- failures ---- */

static int late(struct err *e)
{
	return err_set(e, ERR_TIMEOUT,
	        "the question took too long to answer; narrow its views by where, or ask for less");
}

/* Offset in the statement as line and column, both from 1. */
static void locate(const struct view_query *q, int offset, int *line, int *column)
{
	*line = *column = 0;
	if (offset < 0 || (size_t)offset > q->sql.n)
		return;
	*line = *column = 1;
	for (int i = 0; i < offset; i++) {
		bool begins = ((unsigned char)q->sql.p[i] & 0xc0) != 0x80;

		*column += begins;
		if (q->sql.p[i] == '\n') {
			++*line;
			*column = 1;
		}
	}
}

static int fail(struct view_query *q, int rc, struct err *e)
{
	int line, column;

	if (q->heap.met)
		return err__is(err__set(e, ERR_TOOBIG,
		                       "the question takes more than %zu MiB of memory; narrow its views by "
		                       "where, or ask for less",
		                       q->limits.memory_b >> 20),
		        ERR_TOOBIG);
	switch (rc & 0xff) {
	case SQLITE_INTERRUPT: return late(e);
	case SQLITE_TOOBIG:
		return err_set(e, ERR_TOOBIG,
		        "a value of the question is longer than %d bytes, or it is too long itself",
		        TEXT_MAX);
	case SQLITE_NOMEM: return err_set(e, ERR_NOMEM, "out of memory");
	default: break;
	}
	if (q->running)
		return err_set(
		        e, ERR_UNPROCESSED, "the question cannot be answered: %s", sqlite3_errmsg(q->db));
	locate(q, sqlite3_error_offset(q->db), &line, &column);
	err_set(e, ERR_INVALID, "%s; docs/views.md says what may be asked",
	        q->refused[0] != '\0' ? q->refused : sqlite3_errmsg(q->db));
	(void)err_at(e, NULL, line, column, "sql");
	return ERR_INVALID;
}

static int look_at_clock(void *ctx)
{
	const struct view_query *q = ctx;

	return clock_monotonic() > q->until;
}

/* ---- the database ---- */

static int set_up(struct view_query *q)
{
	static const struct {
		int what, most;
	} limits[] = {{SQLITE_LIMIT_LENGTH, TEXT_MAX}, {SQLITE_LIMIT_SQL_LENGTH, SQL_MAX},
	        {SQLITE_LIMIT_EXPR_DEPTH, 100}, {SQLITE_LIMIT_COMPOUND_SELECT, 50},
	        {SQLITE_LIMIT_VDBE_OP, 100000}, {SQLITE_LIMIT_FUNCTION_ARG, 50}, {SQLITE_LIMIT_ATTACHED, 0},
	        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 200}, {SQLITE_LIMIT_VARIABLE_NUMBER, 50},
	        {SQLITE_LIMIT_TRIGGER_DEPTH, 0}, {SQLITE_LIMIT_WORKER_THREADS, 0}};
	static const struct {
		int what, on;
	} config[] = {{SQLITE_DBCONFIG_DEFENSIVE, 1}, {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
	        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0}, {SQLITE_DBCONFIG_DQS_DML, 0},
	        {SQLITE_DBCONFIG_DQS_DDL, 0}, {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
	        {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, {SQLITE_DBCONFIG_ENABLE_VIEW, 0}};
	int rc = sqlite3_open_v2(":memory:", &q->db,
	        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);

	for (size_t i = 0; i < ARRAY_LEN(config) && rc == SQLITE_OK; i++)
		rc = sqlite3_db_config(q->db, config[i].what, config[i].on, NULL);
	for (size_t i = 0; i < ARRAY_LEN(limits) && rc == SQLITE_OK; i++)
		sqlite3_limit(q->db, limits[i].what, limits[i].most);
	if (rc == SQLITE_OK)
		sqlite3_progress_handler(q->db, OPS_TO_CLOCK, look_at_clock, q);
	/* What is sorted stays in memory, where it is counted, and never goes to a file. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(
		        q->db, "PRAGMA temp_store = MEMORY; PRAGMA journal_mode = OFF", NULL, NULL, NULL);
	return rc;
}

static void put_name(sqlite3_str *s, const char *name)
{
	sqlite3_str_appendf(s, "\"%w\"", name);
}

static int create(struct view_query *q, const struct view *v)
{
	static const char *const type[] = {"", " INTEGER", " REAL", " TEXT"};
	sqlite3_str *s = sqlite3_str_new(NULL);
	char *sql;
	int rc;

	sqlite3_str_appendall(s, "CREATE TABLE ");
	put_name(s, v->name);
	for (int i = 0; i < v->columns; i++) {
		sqlite3_str_appendall(s, i == 0 ? " (" : ", ");
		put_name(s, v->column[i].name);
		sqlite3_str_appendall(s, type[v->column[i].type]);
	}
	sqlite3_str_appendall(s, ")");
	sql = sqlite3_str_finish(s);
	rc = sql != NULL ? sqlite3_exec(q->db, sql, NULL, NULL, NULL) : SQLITE_NOMEM;
	sqlite3_free(sql);
	return rc;
}

/* ---- the statement ---- */

/* What stands behind it may be blanks and comments only: each is a statement that is none. */
static int one_alone(struct view_query *q, const char *rest)
{
	const char *end = q->sql.p + q->sql.n;
	sqlite3_stmt *more = NULL;
	int rc = SQLITE_OK;

	while (rc == SQLITE_OK && more == NULL && rest < end && *rest != '\0')
		rc = sqlite3_prepare_v2(q->db, rest, (int)(end - rest), &more, &rest);
	if (more == NULL && rc == SQLITE_OK && rest >= end)
		return SQLITE_OK;
	sqlite3_finalize(more);
	q->refused[0] = '\0';
	(void)refuse(q, "a question is one statement alone", "", "");
	return SQLITE_ERROR;
}

static bool is_param(const char *const *params, const char *name)
{
	while (params != NULL && *params != NULL && strcmp(*params, name + 1) != 0)
		params++;
	return *name == ':' && params != NULL && *params != NULL;
}

static int check_params(struct view_query *q, const char *const *params)
{
	for (int i = 1; i <= sqlite3_bind_parameter_count(q->stmt); i++) {
		const char *name = sqlite3_bind_parameter_name(q->stmt, i);

		if (name != NULL && is_param(params, name))
			continue;
		(void)refuse(q, "there is no parameter ", name != NULL ? name : "?", " here");
		return SQLITE_ERROR;
	}
	return SQLITE_OK;
}

static int compile(struct view_query *q)
{
	const char *rest = NULL;
	int rc;

	if (q->sql.n > SQL_MAX)
		return SQLITE_TOOBIG;
	q->refused[0] = '\0';
	sqlite3_set_authorizer(q->db, authorize, q);
	rc = sqlite3_prepare_v2(q->db, q->sql.p, (int)q->sql.n, &q->stmt, &rest);
	if (rc != SQLITE_OK)
		return rc;
	if (q->stmt == NULL || sqlite3_column_count(q->stmt) == 0 || !sqlite3_stmt_readonly(q->stmt) ||
	        sqlite3_stmt_isexplain(q->stmt)) {
		(void)refuse(q, "a question is a SELECT", "", "");
		return SQLITE_ERROR;
	}
	return one_alone(q, rest);
}

static int begin(struct view_query *q, const char *const *params)
{
	int rc = set_up(q);

	for (int i = 0; i < q->views && rc == SQLITE_OK; i++)
		rc = create(q, &q->view[i]);
	/* The tables that take lists apart are there from here on. Any other that a module of SQLite's would
	 * make is refused: the authorizer hears of its making. */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(q->db, "SELECT 1 FROM json_each('[]'), json_tree('[]')", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = compile(q);
	if (rc == SQLITE_OK)
		rc = check_params(q, params);
	return rc;
}

int view_query_open(const struct view *view, int views, struct str sql, const char *const *params,
        const struct view_limits *limits, struct view_query **out, struct err *e)
{
	struct view_query *q = xcalloc(1, sizeof(*q));
	int rc;

	*out = NULL;
	*q = (struct view_query){.magic = QUERY_MAGIC,
	        .view = view,
	        .views = views,
	        .filled = xcalloc((size_t)views + 1, sizeof(*q->filled)),
	        .sql = sql,
	        .limits = *limits,
	        .until = clock_monotonic() + limits->within,
	        .heap = {.most = limits->memory_b}};
	view_heap_enter(&q->heap);
	rc = begin(q, params);
	if (rc != SQLITE_OK)
		rc = fail(q, rc, e);
	view_heap_leave();
	if (rc < 0)
		view_query_free(&q);
	*out = q;
	return rc;
}

void view_query_free(struct view_query **qp)
{
	struct view_query *q = *qp;

	if (q == NULL)
		return;
	OBJ_CHECK(q, QUERY_MAGIC);
	*qp = NULL;
	view_heap_enter(&q->heap);
	sqlite3_finalize(q->stmt);
	for (int i = 0; i < q->views; i++)
		sqlite3_finalize(q->filled[i].insert);
	must(sqlite3_close(q->db) == SQLITE_OK);
	view_heap_leave();
	free(q->filled);
	q->magic = 0;
	free(q);
}

bool view_query_mentions(const struct view_query *q, int view)
{
	OBJ_CHECK(q, QUERY_MAGIC);
	return q->filled[view].mentioned;
}

bool view_query_has_param(const struct view_query *q, const char *name)
{
	char key[64];

	OBJ_CHECK(q, QUERY_MAGIC);
	snprintf(key, sizeof(key), ":%s", name);
	return sqlite3_bind_parameter_index(q->stmt, key) > 0;
}

/* ---- filling ---- */

int view_query_on_time(const struct view_query *q, struct err *e)
{
	OBJ_CHECK(q, QUERY_MAGIC);
	return clock_monotonic() > q->until ? late(e) : 0;
}

static int prepare_insert(struct view_query *q, int view)
{
	const struct view *v = &q->view[view];
	sqlite3_str *s = sqlite3_str_new(NULL);
	int rc = SQLITE_NOMEM;
	char *sql;

	sqlite3_str_appendall(s, "INSERT INTO ");
	put_name(s, v->name);
	sqlite3_str_appendall(s, " VALUES (?");
	for (int i = 1; i < v->columns; i++)
		sqlite3_str_appendall(s, ",?");
	sqlite3_str_appendall(s, ")");
	sql = sqlite3_str_finish(s);
	/* The platform's own word, which needs no leave. */
	sqlite3_set_authorizer(q->db, NULL, NULL);
	if (sql != NULL)
		rc = sqlite3_prepare_v3(
		        q->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->filled[view].insert, NULL);
	sqlite3_free(sql);
	return rc;
}

static int bind(sqlite3_stmt *s, int at, const struct view_value *v)
{
	switch (v->type) {
	case VIEW_INTEGER: return sqlite3_bind_int64(s, at, v->integer);
	case VIEW_REAL: return sqlite3_bind_double(s, at, v->real);
	case VIEW_TEXT:
		return sqlite3_bind_text64(
		        s, at, v->text.p != NULL ? v->text.p : "", v->text.n, SQLITE_STATIC, SQLITE_UTF8);
	default: return sqlite3_bind_null(s, at);
	}
}

static int add(struct view_query *q, int view, const struct view_value *row)
{
	const struct view *v = &q->view[view];
	struct filled *f = &q->filled[view];
	int rc = f->insert != NULL ? SQLITE_OK : prepare_insert(q, view);

	for (int i = 0; i < v->columns && rc == SQLITE_OK; i++)
		rc = bind(f->insert, i + 1, &row[i]);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(f->insert) == SQLITE_DONE ? SQLITE_OK : SQLITE_ERROR;
	if (f->insert != NULL && sqlite3_reset(f->insert) != SQLITE_OK)
		rc = sqlite3_extended_errcode(q->db);
	return rc;
}

int view_query_add(struct view_query *q, int view, const struct view_value *row, struct err *e)
{
	int rc;

	OBJ_CHECK(q, QUERY_MAGIC);
	if (q->filled[view].rows++ == q->limits.rows)
		return err__is(err__set(e, ERR_TOOBIG,
		                       "the view %s has more than %lld rows here; narrow it by where",
		                       q->view[view].name, (long long)q->limits.rows),
		        ERR_TOOBIG);
	rc = view_query_on_time(q, e);
	if (rc < 0)
		return rc;
	view_heap_enter(&q->heap);
	rc = add(q, view, row);
	q->running = true;
	if (rc != SQLITE_OK)
		rc = fail(q, rc, e);
	view_heap_leave();
	return rc;
}

/* ---- answering ---- */

static int start(struct view_query *q, const struct view_param *param, int params)
{
	int rc = SQLITE_OK;

	/* Filling took the authorizer away: what SQLite prepares anew must pass it again. */
	sqlite3_set_authorizer(q->db, authorize, q);
	(void)sqlite3_reset(q->stmt); /* tells the failure of the run before */
	sqlite3_clear_bindings(q->stmt);
	for (int i = 0; i < params && rc == SQLITE_OK; i++) {
		char key[64];
		int at;

		snprintf(key, sizeof(key), ":%s", param[i].name);
		at = sqlite3_bind_parameter_index(q->stmt, key);
		if (at > 0)
			rc = sqlite3_bind_text(q->stmt, at, param[i].text, -1, SQLITE_TRANSIENT);
	}
	return rc;
}

int view_query_run(struct view_query *q, const struct view_param *param, int params, struct err *e)
{
	int rc;

	OBJ_CHECK(q, QUERY_MAGIC);
	view_heap_enter(&q->heap);
	rc = start(q, param, params);
	q->running = true;
	if (rc != SQLITE_OK)
		rc = fail(q, rc, e);
	view_heap_leave();
	return rc;
}

int view_query_columns(const struct view_query *q)
{
	OBJ_CHECK(q, QUERY_MAGIC);
	return sqlite3_column_count(q->stmt);
}

const char *view_query_column(const struct view_query *q, int column)
{
	const char *name;

	OBJ_CHECK(q, QUERY_MAGIC);
	name = sqlite3_column_name(q->stmt, column);
	return name != NULL ? name : "";
}

static struct view_value value_of(sqlite3_stmt *s, int i)
{
	struct view_value v = {.type = VIEW_NULL};

	switch (sqlite3_column_type(s, i)) {
	case SQLITE_INTEGER:
		v.type = VIEW_INTEGER;
		v.integer = sqlite3_column_int64(s, i);
		break;
	case SQLITE_FLOAT:
		v.type = VIEW_REAL;
		v.real = sqlite3_column_double(s, i);
		break;
	case SQLITE_TEXT:
	case SQLITE_BLOB: /* of a CAST; the reader of the text sees what is no UTF-8 */
		v.type = VIEW_TEXT;
		v.text.p = (const char *)sqlite3_column_text(s, i);
		v.text.n = (size_t)sqlite3_column_bytes(s, i);
		if (v.text.p == NULL)
			v.text = STR_LIT("");
		break;
	default: break;
	}
	return v;
}

int view_query_next(struct view_query *q, struct view_value *row, struct err *e)
{
	int rc;

	OBJ_CHECK(q, QUERY_MAGIC);
	view_heap_enter(&q->heap);
	rc = sqlite3_step(q->stmt);
	for (int i = 0; rc == SQLITE_ROW && i < sqlite3_column_count(q->stmt); i++)
		row[i] = value_of(q->stmt, i);
	if (rc == SQLITE_ROW)
		rc = q->heap.met ? fail(q, SQLITE_NOMEM, e) : 1;
	else
		rc = rc == SQLITE_DONE ? 0 : fail(q, rc, e);
	view_heap_leave();
	return rc;
}

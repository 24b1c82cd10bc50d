#include "store/store_int.h"

#include "base/log.h"

/*
 * A connection around another that logs each call: what, how long, what came of it. It has no state of
 * its own; what tx.c looks at in a connection is copied after each call.
 */

struct trace {
	struct store_conn conn;
	struct store_conn *inner;
	struct store_ops ops; /* the inner backend's, with these calls in front */
};
struct trace_cursor {
	struct trace *t;
	struct store_cursor *inner;
	const char *name;
	int64_t rows;
	dur_us spent;
};

static struct trace *of(struct store_conn *c)
{
	return (struct trace *)(void *)c;
}

static int told(struct trace *t, const char *call, const char *what, dur_us took, int rc)
{
	t->conn.state = t->inner->state;
	t->conn.in_tx = t->inner->in_tx;
	LOG(STORE_CALL, log_s("call", call), log_s("what", what),
	        log_s("to", t->conn.writer ? "write" : "read"), log_i("us", took), log_i("rc", rc));
	return rc;
}

static void trace_close(struct store_conn **cp)
{
	struct trace *t = of(*cp);
	*cp = NULL;
	t->inner->ops->close(&t->inner);
	free(t);
}

#define TIMED(call, what, expression)                                                                        \
	struct trace *t = of(c);                                                                             \
	dur_us began = clock_monotonic();                                                                    \
	int rc = (expression);                                                                               \
	return told(t, call, what, clock_monotonic() - began, rc)

static int trace_prepare(struct store_conn *c, struct err *e)
{
	TIMED("prepare", "", t->inner->ops->prepare(t->inner, e));
}
static int trace_begin(struct store_conn *c, int64_t group, time_us now, struct err *e)
{
	of(c)->inner->bulk = c->bulk;
	TIMED("begin", "", t->inner->ops->begin(t->inner, group, now, e));
}
static int trace_commit(struct store_conn *c, struct err *e)
{
	TIMED("commit", "", t->inner->ops->commit(t->inner, e));
}
static int rollback(struct store_conn *inner)
{
	inner->ops->rollback(inner);
	return 0;
}
static void trace_rollback(struct store_conn *c)
{
	struct trace *t = of(c);
	dur_us began = clock_monotonic();
	(void)told(t, "rollback", "", clock_monotonic() - began, rollback(t->inner));
}
static int trace_savepoint(struct store_conn *c, struct err *e)
{
	TIMED("savepoint", "", t->inner->ops->savepoint(t->inner, e));
}
static int trace_release(struct store_conn *c, bool keep, struct err *e)
{
	TIMED("release", keep ? "keep" : "undo", t->inner->ops->release(t->inner, keep, e));
}
static int trace_script(struct store_conn *c, const char *sql, struct err *e)
{
	TIMED("script", "", t->inner->ops->script(t->inner, sql, e));
}
static int trace_run(struct store_conn *c, const struct store_statement *s, const void *in, int64_t *changed,
        struct err *e)
{
	TIMED("run", s->name, t->inner->ops->run(t->inner, s, in, changed, e));
}
static int trace_run_later(
        struct store_conn *c, const struct store_statement *s, const void *in, struct err *e)
{
	TIMED("run later", s->name, t->inner->ops->run_later(t->inner, s, in, e));
}
static int trace_settle(struct store_conn *c, struct err *e)
{
	TIMED("settle", "", t->inner->ops->settle(t->inner, e));
}
static int trace_first_many(struct store_conn *c, const struct store_statement *s, const void *in,
        size_t size, size_t n, int (*got)(void *ctx, size_t i, void *row, struct err *e), void *ctx,
        struct err *e)
{
	TIMED("first of many", s->name, t->inner->ops->first_many(t->inner, s, in, size, n, got, ctx, e));
}
static int trace_has_table(struct store_conn *c, const char *table, struct err *e)
{
	TIMED("has_table", table, t->inner->ops->has_table(t->inner, table, e));
}
static int trace_tell(struct store_conn *c, struct err *e)
{
	TIMED("tell", "", t->inner->ops->tell(t->inner, e));
}
static int trace_migrating(struct store_conn *c, bool on, struct err *e)
{
	TIMED("migrating", on ? "on" : "off", t->inner->ops->migrating(t->inner, on, e));
}
static void trace_idle(struct store_conn *c, bool closing)
{
	of(c)->inner->ops->idle(of(c)->inner, closing);
}

static int trace_open_rows(struct store_conn *c, const struct store_statement *s, const void *in,
        struct store_cursor **out, struct err *e)
{
	struct trace *t = of(c);
	struct store_cursor *inner = NULL;
	dur_us began = clock_monotonic();
	int rc = t->inner->ops->open_rows(t->inner, s, in, &inner, e);
	dur_us took = clock_monotonic() - began;
	if (rc < 0)
		return told(t, "rows", s->name, took, rc);
	struct trace_cursor *r = xcalloc(1, sizeof(*r));
	*r = (struct trace_cursor){t, inner, s->name, 0, took};
	*out = (struct store_cursor *)(void *)r;
	return 0;
}

static int trace_next_row(struct store_cursor *cursor, void *row, struct err *e)
{
	struct trace_cursor *r = (struct trace_cursor *)(void *)cursor;
	dur_us began = clock_monotonic();
	int rc = r->t->inner->ops->next_row(r->inner, row, e);
	r->spent += clock_monotonic() - began;
	r->rows += rc == 1;
	if (rc < 0)
		(void)told(r->t, "next", r->name, r->spent, rc);
	return rc;
}

static void trace_close_rows(struct store_cursor **rp)
{
	struct trace_cursor *r = (struct trace_cursor *)(void *)*rp;
	if (r == NULL)
		return;
	*rp = NULL;
	r->t->inner->ops->close_rows(&r->inner);
	(void)told(r->t, "rows", r->name, r->spent, (int)r->rows);
	free(r);
}

struct store_conn *store__trace(struct store_conn *inner)
{
	struct trace *t = xcalloc(1, sizeof(*t));
	t->inner = inner;
	t->conn = *inner;
	t->ops = *inner->ops;
	t->conn.ops = &t->ops;
	t->ops.close = trace_close;
	t->ops.prepare = trace_prepare;
	t->ops.begin = trace_begin;
	t->ops.commit = trace_commit;
	t->ops.rollback = trace_rollback;
	t->ops.savepoint = trace_savepoint;
	t->ops.release = trace_release;
	t->ops.script = trace_script;
	t->ops.run = trace_run;
	t->ops.run_later = inner->ops->run_later ? trace_run_later : NULL;
	t->ops.settle = inner->ops->settle ? trace_settle : NULL;
	t->ops.first_many = inner->ops->first_many ? trace_first_many : NULL;
	t->ops.open_rows = trace_open_rows;
	t->ops.next_row = trace_next_row;
	t->ops.close_rows = trace_close_rows;
	t->ops.has_table = trace_has_table;
	t->ops.idle = trace_idle;
	t->ops.tell = inner->ops->tell ? trace_tell : NULL;
	t->ops.migrating = inner->ops->migrating ? trace_migrating : NULL;
	return &t->conn;
}

/*
 * view_query - a question in SQL over published views, answered in a database of its own.
 *
 * The statement never meets the record store: it runs in an empty SQLite database in memory that holds one
 * table a view, and only rows that the caller puts there, which are those that the asking person may see. So
 * a statement that gets around the checks here still finds nothing else. It is prepared first, which tells
 * which views it mentions; those are filled; then it runs, as often as wanted. The same on every backend.
 *
 * Allowed is one SELECT (or WITH, VALUES) with a list of functions (view_query.c); refused are all that
 * changes or opens something, PRAGMA, EXPLAIN, SQLite's own tables, dates of the machine's clock by keyword.
 * Bounded are rows a view, memory, and time from view_query_open on; a bound that is met is a failure that
 * says so (ERR_TOOBIG, ERR_TIMEOUT), never a part of the answer.
 *
 * Failures: ERR_INVALID with line and column for a statement that cannot be read or is not allowed;
 * ERR_UNPROCESSED for what fails while it runs. After a failure only view_query_free may be called.
 *
 * Ownership: views, their columns and the statement are borrowed until view_query_free. Threads: one at a
 * time; memory is counted for the thread that calls.
 */
#ifndef HEMING_STORE_VIEW_QUERY_H
#define HEMING_STORE_VIEW_QUERY_H

#include "base/err.h"
#include "base/sb.h"
#include "base/time.h"

enum view_type { VIEW_NULL, VIEW_INTEGER, VIEW_REAL, VIEW_TEXT };

struct view_column {
	const char *name;
	enum view_type type; /* not VIEW_NULL; what its values mostly are */
};
/* Names of views, and of one view's columns, differ by more than the case of ASCII letters. */
struct view {
	const char *name;
	const struct view_column *column;
	int columns; /* 1 and up */
};
struct view_value {
	enum view_type type;
	int64_t integer;
	double real;
	struct str text;
};
struct view_param { /* what a statement calls :name; text NULL: NULL */
	const char *name, *text;
};

struct view_limits {
	int64_t rows;    /* of one view */
	size_t memory_b; /* of the whole database, what it takes to answer included */
	dur_us within;
};
extern const struct view_limits view_limits_usual; /* 200,000 rows, 256 MiB, 10 s */

struct view_query;

/* params: names that the statement may use, NULL-ended; NULL: none. */
MUST_USE int view_query_open(const struct view *view, int views, struct str sql, const char *const *params,
        const struct view_limits *limits, struct view_query **out, struct err *e);
void view_query_free(struct view_query **q);
bool view_query_mentions(const struct view_query *q, int view);
bool view_query_has_param(const struct view_query *q, const char *name);
/* ERR_TIMEOUT when its time is over; for who fills it and long finds nothing to put in. */
MUST_USE int view_query_on_time(const struct view_query *q, struct err *e);
/* One row, a value a column. Before the first run. */
MUST_USE int view_query_add(struct view_query *q, int view, const struct view_value *row, struct err *e);
/* Starts from the beginning; parameters that are not among these are NULL. */
MUST_USE int view_query_run(struct view_query *q, const struct view_param *param, int params, struct err *e);
int view_query_columns(const struct view_query *q);
const char *view_query_column(const struct view_query *q, int column); /* its name, until the next run */
/* 1 and a value a column, whose texts live until the next call; 0 at the end. */
MUST_USE int view_query_next(struct view_query *q, struct view_value *row, struct err *e);

#endif

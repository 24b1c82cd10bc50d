/*
 * view - what may be asked in SQL: a view for each kind of records, and some of the platform's own.
 *
 * Packs and people ask of these alone (store/view_query.h answers in a database apart). Each is filled
 * through the one way that lists are read by: in the reader's scope and clearance, with masks, in one
 * snapshot. What a reader may not see is in none of them.
 *
 *   v_KIND          records of a kind, a column a field; kinds above the reader's clearance have none
 *   v_things        all things
 *   v_cases  v_alarms  v_measures
 *   v_regions  v_orgs  v_categories  v_options     what codes stand for
 *
 * docs/views.md tells their columns, and a test holds it to this.
 *
 * Threads: any. Results lie in the arena given.
 */
#ifndef HEMING_CITY_VIEW_H
#define HEMING_CITY_VIEW_H

#include "city/site.h"
#include "store/view_query.h"

/* Those that a reader of that clearance may ask of. */
const struct view *views_published(struct arena *a, const struct catalog *c, int64_t clearance, int *n);

/* The platform has a view that a kind of this code would have: the kind has none. */
bool view_is_taken(const char *kind);

/* Whether a statement can be read over all there is. secrecy: the clearance without which one of the views
 * that it mentions is not there. */
MUST_USE int view_check(
        const struct catalog *c, struct str sql, const char *const *params, int *secrecy, struct err *e);

struct view_ask {
	struct str sql;
	const char *const *params; /* as view_query_open takes them */
	const struct who *who;
	const char *unit;                 /* only what lies in that reporting unit; NULL or "": all */
	const struct doc *where;          /* {"v_firm": {"state": "open"}}: as lists take them; NULL: all */
	const struct view_limits *limits; /* NULL: the usual ones */
};
/* Prepares the question and fills the views that it mentions; it has not run yet. *rows (may be NULL): how
 * many went in. ERR_INVALID names the view or condition of `where` that is not there. */
MUST_USE int view_ask(struct store_tx *tx, struct site *s, const struct view_ask *ask, struct arena *a,
        struct view_query **out, int64_t *rows, struct err *e);

#endif

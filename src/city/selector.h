/*
 * selector - a selection of series as people write it, {__name__="ch4_lel", thing=~"GAS-.*"}, by itself: for
 * classes of retention, deletions, and what else speaks of series and not of their values.
 *
 * Threads: any. Everything lies in the arena.
 */
#ifndef HEMING_CITY_SELECTOR_H
#define HEMING_CITY_SELECTOR_H

#include "city/account.h"
#include "promql/promql.h"

struct site;
struct series_selector {
	struct promql_expr *x; /* the language's own, for the scope; selector_matchers gives the inside */
	const struct matcher *m;
	int n;
};
/* ERR_INVALID with column for what is no selector, or matches series without any label. */
MUST_USE int selector_parse(struct arena *a, struct str text, struct series_selector *out, struct err *e);
/* The reader's scope is among the matchers from now on. */
MUST_USE int selector_scope(
        struct site *s, struct arena *a, struct series_selector *x, const struct who *who, struct err *e);
/* As selector_parse reads it. */
void selector_write(struct sb *b, const struct series_selector *x);
/* Every series that a matches is matched by b too, as far as their words tell. */
bool selector_within(const struct series_selector *a, const struct series_selector *b);

#endif

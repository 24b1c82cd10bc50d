/*
 * delegation - somebody acts for somebody else for a while: on leave, at night, in an emergency.
 *
 * Who is acted for lends the sight of their orgs and the work on their org's tasks, nothing else: no role, no
 * region, no clearance, and not what was lent to them. Journal and history name both.
 */
#ifndef HEMING_CITY_DELEGATION_H
#define HEMING_CITY_DELEGATION_H

#include "city/account.h"

#define DELEGATION_DAYS 90

struct delegation_in {
	const char *to, *reason;
	time_us from, until; /* from: TIME_NONE for now */
};
struct delegation {
	int64_t id;
	const char *from_login, *from_name, *to_login, *to_name, *reason;
	time_us begins, ends;
	bool given; /* by the one who asks; else taken */
};
/* ERR_INVALID at "to" when that person cannot do the work, at "until" for a bad or too long time. */
MUST_USE int delegation_add(
        struct store *st, const struct who *who, const struct delegation_in *in, int64_t *id, struct err *e);
/* Given and taken, those that are not over. */
MUST_USE int delegation_list(struct store_tx *tx, struct arena *a, const struct who *who,
        struct delegation **out, int *n, struct err *e);
/* Either of the two may end it. */
MUST_USE int delegation_end(struct store *st, const struct who *who, int64_t id, struct err *e);
/* Puts who is acted for now into w->giver, and their orgs into w->scope. */
MUST_USE int delegation_load(struct store_tx *tx, struct arena *a, struct who *w, struct err *e);

#endif

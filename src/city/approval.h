/*
 * approval - dangerous changes to accounts that one administrator asks for and another confirms (four eyes).
 *
 * Where the policy says so, making an administrator and raising a clearance to 4 are not done at once:
 * account_change and account_add put them here. Who confirms must have the rights that are given, and be
 * somebody else.
 */
#ifndef HEMING_CITY_APPROVAL_H
#define HEMING_CITY_APPROVAL_H

#include "city/account.h"

struct approval {
	int64_t id;
	const char *login, *change, *asked_by, *state,
	        *decided_by; /* change: JSON; state: open, done, refused */
	time_us asked, decided;
};
/* Open ones first, then the newest; at most 200. */
MUST_USE int approval_list(
        struct store_tx *tx, struct arena *a, struct approval **out, int *n, struct err *e);
/* Does the change. ERR_DENIED for whoever asked; ERR_STATE when it is not open, or who asked may not any
 * more. */
MUST_USE int approval_confirm(struct store *st, int64_t id, const struct who *by, struct err *e);
/* Whoever asked may take it back by this. */
MUST_USE int approval_refuse(struct store *st, int64_t id, const struct who *by, struct err *e);
/* For whatever waits for a second administrator: ERR_STATE when the first, disabled or of other roles since,
 * has nothing to ask for any more. */
MUST_USE int approval_check_asker(struct store_tx *tx, const char *login, struct err *e);

#endif

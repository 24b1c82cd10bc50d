/*
 * account_int - what accounts and approvals share: changes inside a write.
 */
#ifndef HEMING_CITY_ACCOUNT_INT_H
#define HEMING_CITY_ACCOUNT_INT_H

#include "city/account.h"

/* With all its checks, without four eyes. */
MUST_USE int account__change(struct store_tx *tx, const char *login, const struct account_change *c,
        const struct who *by, struct err *e);
/* Asks a second administrator for it. */
MUST_USE int approval__ask(struct store_tx *tx, const char *login, const struct account_change *c,
        const struct who *by, int64_t *id, struct err *e);

#endif

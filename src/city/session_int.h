/*
 * session_int - what sessions, second factors and tokens share.
 */
#ifndef HEMING_CITY_SESSION_INT_H
#define HEMING_CITY_SESSION_INT_H

#include "city/session.h"

/* Whether `password` is that of a signed-in account. A wrong one counts as a wrong sign-in and is ERR_DENIED
 * at `field`; ERR_BUSY while locked. */
MUST_USE int session__prove(struct store *st, const struct account_policy *p, const struct who *who,
        const char *password, const char *field, const char *remote, struct err *e);
/* Recovery codes are compared without what people put between the letters. */
void factor__recovery_hash(const char *code, char out[2 * DIGEST_LEN + 1]);

#endif

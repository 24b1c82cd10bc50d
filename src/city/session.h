/*
 * session - signing in, and what proves later that somebody has.
 *
 * A session begins with a password, and a code where the account has a second factor; it lives for 12 h from
 * its last use, 7 days at most. An API token ("hmt_…") begins with a session and lives until its day comes.
 * Five wrong passwords or codes of a login within 15 min lock it for 15 min.
 */
#ifndef HEMING_CITY_SESSION_H
#define HEMING_CITY_SESSION_H

#include "city/account.h"

#define SESSION_TOKEN 65 /* 64 hex digits and NUL */

struct sign_in {
	const char *login, *password, *remote;
	const char *code; /* of the second factor, or a recovery code; NULL or "": none */
};
/* ERR_UNAUTH with one and the same text for unknown login, wrong password, disabled; ERR_SECOND_FACTOR when a
 * code is needed too, or was wrong; ERR_BUSY while locked. */
MUST_USE int session_open(struct store *st, const struct account_policy *p, const struct sign_in *in,
        char token[SESSION_TOKEN], struct err *e);
/* For somebody whom a provider of the city has let in: neither password nor second factor are asked for here.
 * ERR_UNAUTH when there is no such account that may sign in. */
MUST_USE int session_open_as(
        struct store *st, const char *login, const char *remote, char token[SESSION_TOKEN], struct err *e);
/* ERR_UNAUTH when it has ended. */
MUST_USE int session_find(struct store *st, const struct account_policy *p, const char *token,
        struct arena *a, struct who *out, struct err *e);
MUST_USE int session_close(struct store *st, const char *token, struct err *e);

struct session_row {
	time_us created, seen;
	const char *remote;
	bool current; /* the one that asks */
};
MUST_USE int session_list(struct store_tx *tx, struct arena *a, const struct who *who, const char *token,
        struct session_row **out, int *n, struct err *e);
/* Ends the account's other sessions. */
MUST_USE int session_close_others(struct store *st, const struct who *who, const char *token, struct err *e);
/* Takes a new password for the old one and ends the account's other sessions. A wrong old one counts as a
 * wrong sign-in and is ERR_DENIED at "old". */
MUST_USE int session_new_password(struct store *st, const struct account_policy *p, const struct who *who,
        const char *token, const char *old, const char *password, const char *remote, struct err *e);

#define RAISE_MINUTES 60
/* Break-glass: this session sees one level of secrecy more for a while. ERR_DENIED without a role of the
 * policy, ERR_STATE at level 4. The journal says who, why and for how long, to everybody who follows it. */
MUST_USE int session_raise(struct store *st, const struct account_policy *p, const struct who *who,
        const char *token, const char *reason, int64_t minutes, time_us *until, struct err *e);
MUST_USE int session_lower(struct store *st, const struct who *who, const char *token, struct err *e);

/* ---- the second factor (RFC 6238) ---- */

struct factor_state {
	bool on;
	int64_t recovery_left;
};
MUST_USE int factor_get(struct store_tx *tx, const struct who *who, struct factor_state *out, struct err *e);
/* A new secret, which counts once factor_confirm has seen a code of it. ERR_STATE when there is a second
 * factor. */
MUST_USE int factor_begin(struct store *st, const struct account_policy *p, const struct who *who,
        const char *password, const char *remote, char secret[40], struct err *e);
#define RECOVERY_CODES 10
MUST_USE int factor_confirm(struct store *st, const struct account_policy *p, const struct who *who,
        const char *code, char recovery[RECOVERY_CODES][PASSWORD_MADE], struct err *e);
MUST_USE int factor_remove(struct store *st, const struct account_policy *p, const struct who *who,
        const char *password, const char *remote, struct err *e);

/* ---- API tokens ---- */

#define API_TOKEN_PREFIX "hmt_" /* so that scanners of source code know a leaked one */
#define API_TOKEN 69
#define API_TOKENS_MOST 50 /* of one account */
struct api_token_in {
	const char *name, *roles; /* roles: of those that the account has; NULL or "": all */
	bool read_only;
	int64_t days; /* 1 … 365 */
};
MUST_USE int api_token_add(struct store *st, const struct who *who, const struct api_token_in *in,
        int64_t *id, char token[API_TOKEN], struct err *e);
struct api_token_row {
	int64_t id;
	const char *name, *roles;
	bool read_only;
	time_us created, expires, used; /* used: TIME_NONE if never */
};
MUST_USE int api_token_list(struct store_tx *tx, struct arena *a, const struct who *who,
        struct api_token_row **out, int *n, struct err *e);
MUST_USE int api_token_drop(struct store *st, const struct who *who, int64_t id, struct err *e);
/* Scope, clearance and roles are the account's at this moment. */
MUST_USE int api_token_find(
        struct store *st, const char *token, struct arena *a, struct who *out, struct err *e);

#endif

/*
 * account - people, devices, sessions, and what each may do.
 *
 * Passwords are hashed with Argon2id (libsodium, RFC 9106); session and device secrets are random and stored
 * as SHA-256. A reader's scope travels in struct who and is part of every list and query.
 */
#ifndef HEMING_CITY_ACCOUNT_H
#define HEMING_CITY_ACCOUNT_H

#include "store/journal.h"

enum role {
	ROLE_VIEWER = 1 << 0,  /* sees what lies in the scope */
	ROLE_HANDLER = 1 << 1, /* works on tasks of the own org */
	ROLE_DESK = 1 << 2,    /* duty officer: dispatches, verifies, closes, opens by hand */
	ROLE_LEADER = 1 << 3,  /* is told of what is overdue, may urge */
	ROLE_ADMIN = 1 << 4,
	ROLE_DEVICE = 1 << 5, /* writes readings */
};
/* "viewer", "handler desk": bits of the words; 0 if one is not known. */
unsigned roles_parse(struct str s);
const char *role_name(enum role r);

struct who {             /* an authenticated caller; lives in the request's arena */
	int64_t account; /* 0: a device or the system */
	const char *login, *name, *org;
	unsigned roles;
	struct journal_scope scope;
	const char *csrf; /* token that unsafe requests of this session must carry */
};
/* "system": rules, timers. All scope, clearance 4. */
extern const struct who who_system;
bool who_sees(const struct who *w, const char *region, const char *org, int64_t secrecy);
/* A copy that outlives the request. */
struct who who_copy(struct arena *a, const struct who *w);
/* The scope's lists as JSON array text for statements (STR_NULL: all), in the arena. */
struct str who_regions_json(const struct who *w, struct arena *a);
struct str who_orgs_json(const struct who *w, struct arena *a);

struct account_in {
	const char *login, *name, *org, *password, *roles; /* roles as roles_parse */
	const char *regions, *orgs; /* scope: code prefixes by blank; NULL or "": all */
	int64_t clearance;          /* 1 … 4 */
};
/* ERR_CONFLICT when the login is taken; ERR_INVALID for a password under 10 characters. */
MUST_USE int account_add(
        struct store *st, const struct account_in *in, const char *by, int64_t *id, struct err *e);
MUST_USE int account_set_password(
        struct store *st, const char *login, const char *password, const char *by, struct err *e);

/* ERR_UNAUTH with one and the same text for unknown login, wrong password, disabled; ERR_BUSY while locked
 * (5 failures of a login within 15 min lock it for 15 min). token: 64 hex digits and NUL. */
MUST_USE int session_open(struct store *st, const char *login, const char *password, const char *remote,
        char token[65], struct err *e);
/* Valid for 12 h from its last use, 7 days at most. */
MUST_USE int session_find(
        struct store *st, const char *token, struct arena *a, struct who *out, struct err *e);
MUST_USE int session_close(struct store *st, const char *token, struct err *e);

struct account_row {
	int64_t id;
	const char *login, *name, *org, *roles;
	bool disabled;
};
MUST_USE int account_list(
        struct store_tx *tx, struct arena *a, struct account_row **out, int *n, struct err *e);

/* A device may write readings of the things whose codes begin with `things` ("" : all; several by blank).
 * secret: as session tokens. An existing login gets a new secret. */
MUST_USE int device_add(struct store *st, const char *login, const char *things, const char *by,
        char secret[65], struct err *e);
struct device {
	const char *login;
	const char *const *things; /* NULL-ended prefixes; NULL: all */
};
/* ERR_UNAUTH for an unknown login or a wrong secret, in the same words. One indexed read. */
MUST_USE int device_find(struct store *st, struct str login, struct str secret, struct arena *a,
        struct device *out, struct err *e);
bool device_may(const struct device *d, struct str thing);

#endif

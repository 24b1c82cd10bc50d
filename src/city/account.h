/*
 * account - people, devices, and what each may do.
 *
 * Passwords are hashed with Argon2id (city/password.h); secrets of sessions, tokens and devices are random
 * and stored as SHA-256. A reader's scope travels in struct who and is part of every list and query. What an
 * administrator does to accounts is checked here, inside the transaction of the change: nobody gives what
 * they do not have, nobody touches an account that has more, and one administrator always remains.
 *
 * Threads: any but the store's writer. Every change is journalled, without secrets.
 */
#ifndef HEMING_CITY_ACCOUNT_H
#define HEMING_CITY_ACCOUNT_H

#include "city/password.h"
#include "store/journal.h"

enum role {
	ROLE_VIEWER = 1 << 0,  /* sees what lies in the scope */
	ROLE_HANDLER = 1 << 1, /* works on tasks of the own org */
	ROLE_DESK = 1 << 2,    /* duty officer: dispatches, verifies, closes, opens by hand */
	ROLE_LEADER = 1 << 3,  /* is told of what is overdue, may urge */
	ROLE_ADMIN = 1 << 4,
	ROLE_DEVICE = 1 << 5, /* writes readings */
};
#define ROLES_TEXT 64
/* "viewer", "handler desk": bits of the words; 0 if one is not known. */
unsigned roles_parse(struct str s);
const char *role_name(enum role r);
void roles_format(unsigned roles, char out[ROLES_TEXT]); /* words by blanks, in the order above */

/* How a city handles its accounts; {0}: passwords do not age, nobody must have a second factor. */
struct seal_ring;
struct account_policy {
	struct password_cost cost;
	int password_max_days;        /* 0: no limit */
	unsigned totp_roles;          /* who has one of these must have a second factor */
	unsigned break_glass_roles;   /* who may raise the own clearance for a while */
	const struct seal_ring *seal; /* of the keys of second factors; NULL: they are kept plain */
	bool four_eyes;               /* dangerous changes wait for a second administrator */
};

enum who_must { MUST_NOTHING, MUST_PASSWORD, MUST_SECOND_FACTOR };
struct who_giver { /* somebody who is acted for */
	const char *login, *name, *org;
	unsigned roles;
};
struct who {             /* an authenticated caller; lives in the request's arena */
	int64_t account; /* 0: a device or the system */
	const char *login, *name, *org;
	unsigned roles;
	struct journal_scope scope;
	struct journal_scope own; /* the scope without what was lent for a while */
	const char *csrf;         /* token that unsafe requests of this session must carry */
	enum who_must must;       /* what comes before anything else */
	bool by_token;            /* an API token, no person at a page */
	bool read_only;           /* a token that changes nothing */
	time_us raised;           /* until when the clearance is one level more; TIME_NONE if it is not */
	const struct who_giver *giver;
	int givers;
};
/* "system": rules, timers. All scope, clearance 4. */
extern const struct who who_system;
bool who_sees(const struct who *w, const char *region, const char *org, int64_t secrecy);
/* Where an entry about all that somebody sees lies: in the region and the org that the scope names, where it
 * is one, else in "*", which is seen by those alone whose scope has no such bounds. */
void who_reach(const struct who *w, const char **region, const char **org);
/* A copy that outlives the request. */
struct who who_copy(struct arena *a, const struct who *w);
/* The scope's lists as JSON array text for statements (STR_NULL: all), in the arena. */
struct str who_regions_json(const struct who *w, struct arena *a);
struct str who_orgs_json(const struct who *w, struct arena *a);

struct account_in {
	const char *login, *name, *org, *password, *roles; /* roles as roles_parse */
	const char *regions, *orgs; /* scope: code prefixes by blank; NULL or "": all */
	int64_t clearance;          /* 1 … 4 */
	bool must_change;           /* the password, before anything else */
};
/* ERR_CONFLICT when the login is taken; ERR_INVALID for what password_check refuses. `by`: who_system where
 * the server's own command line asks. ERR_DENIED when it gives more than `by` has. *approval (may be NULL):
 * what waits for a second administrator before the account is more than a viewer's; 0 if nothing does. */
MUST_USE int account_add(struct store *st, const struct account_policy *p, const struct account_in *in,
        const struct who *by, int64_t *approval, struct err *e);
/* Sets a password and ends all sessions. */
MUST_USE int account_set_password(struct store *st, const struct account_policy *p, const char *login,
        const char *password, bool must_change, const struct who *by, struct err *e);

struct account_row {
	int64_t id;
	const char *login, *name, *org, *roles, *regions, *orgs;
	int64_t clearance;
	bool disabled, must_change, second_factor;
	time_us created, password_at, locked; /* locked: until when, TIME_NONE if it is not */
};
MUST_USE int account_list(
        struct store_tx *tx, struct arena *a, struct account_row **out, int *n, struct err *e);
/* ERR_NOTFOUND. */
MUST_USE int account_get(
        struct store_tx *tx, struct arena *a, const char *login, struct account_row *out, struct err *e);

struct account_change { /* NULL, 0 and -1 leave a part as it is */
	const char *name, *org, *roles, *regions, *orgs;
	int64_t clearance;
	int disabled;
};
/* Sessions end where rights shrank; a disabled account's tokens end for good. ERR_STATE when no administrator
 * would remain. *approval (may be NULL) is not 0 when nothing was changed yet: a second administrator must
 * confirm it. */
MUST_USE int account_change(struct store *st, const struct account_policy *p, const char *login,
        const struct account_change *c, const struct who *by, int64_t *approval, struct err *e);
/* Opens an account that wrong passwords have locked. */
MUST_USE int account_unlock(struct store *st, const char *login, const struct who *by, struct err *e);
/* Ends sessions and API tokens. */
MUST_USE int account_sign_out(struct store *st, const char *login, const struct who *by, struct err *e);
/* For somebody who has lost it. */
MUST_USE int account_drop_factor(struct store *st, const char *login, const struct who *by, struct err *e);

/* What the store keeps of a random token: whoever reads the store cannot sign in with it. */
void token_hash(struct str token, char out[2 * DIGEST_LEN + 1]);
/* "320902 320903" -> NULL-ended list in the arena; empty -> NULL, which is all. */
const char *const *codes_split(struct str s, struct arena *a);
/* An entry about an account; payload a JSON object, STR_NULL for an empty one. */
MUST_USE int account_journal(struct store_tx *tx, const char *kind, const char *login, const char *by,
        struct str payload, struct err *e);

/* A device may write readings of the things whose codes begin with `things` ("" : all; several by blank).
 * secret: as session tokens. An existing login gets a new secret. */
MUST_USE int device_add(struct store *st, const char *login, const char *things, const char *by,
        char secret[65], struct err *e);
struct device {
	const char *login;
	const char *const *things; /* NULL-ended prefixes; NULL: all */
};
/* ERR_UNAUTH for an unknown login or a wrong secret, in the same words; out->login is set where there is such
 * a device, for the counts. login STR_NULL: whoever has the secret, which is long enough to be a name. One
 * indexed read. */
MUST_USE int device_find(struct store *st, struct str login, struct str secret, struct arena *a,
        struct device *out, struct err *e);
/* Without its secret, for what it left behind. ERR_NOTFOUND. */
MUST_USE int device_named(
        struct store *st, struct str login, struct arena *a, struct device *out, struct err *e);
bool device_may(const struct device *d, struct str thing);

#endif

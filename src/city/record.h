/*
 * record - registers: records of the kinds that packs declare, with their history, their index and full text.
 *
 * One way in (record_put) checks a record against its kind, writes it, keeps the version before, brings index
 * and words up to date and leaves an entry in the journal, all in the caller's transaction. Things are
 * records of kinds with `thing`; the registry holds them in memory besides.
 *
 * Reading is bounded: a list gathers the records of its narrowest condition when they are few and sorts them,
 * else it walks along the index of the order asked for; a walk that looked long enough gives a short page and
 * the place to go on. So no list costs more than some four thousand looks, however large the register is.
 *
 * Who may see: scope and the kind's clearance are part of every function that reads (struct who); what is not
 * to be seen is not there: not listed, not counted, ERR_NOTFOUND. Fields above the reader's clearance are in
 * struct record all the same: whoever writes an answer masks them (field_hidden, field_veiled), and
 * conditions and orders on them are refused here.
 *
 * Threads: a transaction is its caller's; nothing else has state. Results lie in the arena given.
 */
#ifndef HEMING_CITY_RECORD_H
#define HEMING_CITY_RECORD_H

#include "city/kind.h"
#include "city/registry.h"

struct record {
	int64_t id;  /* 0 for an earlier version */
	int64_t rev; /* 1 and up; also the ETag */
	const char *kind, *code, *name, *name_en, *state, *org, *region;
	struct geo_point at;        /* NaN if it has no place */
	const char *attrs, *doubts; /* as kind_read gives them */
	const char *pack;           /* that brought it; "" the site's own */
	bool thing, demo;
	bool gone; /* an earlier version: the removal */
	time_us created, changed;
	const char *account; /* who changed it last */
	int64_t batch;       /* change set of that change, 0 if none */
};

struct record__later;
/* What writes need to know, borrowed. */
struct record_door {
	const struct catalog *catalog;
	const struct snapshot
	        *snapshot; /* NULL: region, org and references are not looked up (a pack comes in) */
	const struct who *by;
	const char *pack;            /* "" but for a pack's own records */
	int64_t batch;               /* change set; then the journal is its affair */
	struct record__later *later; /* of a change set; NULL: words are indexed at once */
};
struct record_in {
	const char *kind, *code; /* code "": the value of the kind's key field */
	const char *name, *name_en, *state, *org,
	        *region;         /* NULL as ""; state "": the first of the kind, or as it was */
	struct geo_point at;     /* NaN: none */
	const struct doc *attrs; /* NULL: none */
	bool demo;
	bool keep_demo;           /* as it was; a new one is as `demo` says */
	const struct record *was; /* what record_patch found in the same transaction, which then is not looked
	                             for again; NULL: look */
};
enum record_verdict { RECORD_NEW, RECORD_CHANGED, RECORD_SAME };

bool record_may_write(const struct kind *k, const struct who *by);

/* Adds or replaces. Fields that `by` cannot see keep their values; so do veiled ones that are not given. rev:
 * the version that the writer looked at (0: there must be none), or -1 for any; ERR_PRECONDITION when it is
 * another by now. ERR_INVALID names the field, ERR_CONFLICT a unique one. out may be NULL. */
MUST_USE int record_put(struct store_tx *tx, const struct record_door *d, const struct record_in *in,
        int64_t rev, struct record *out, enum record_verdict *verdict, struct err *e);
/* The same up to the writing: what would come of it. */
MUST_USE int record_try(struct store_tx *tx, const struct record_door *d, const struct record_in *in,
        struct record *out, enum record_verdict *verdict, struct err *e);
/* `patch` over what is there now: an object with own members and "attrs"; an empty text clears. A missing
 * record is made of the patch alone. */
MUST_USE int record_patch(struct store_tx *tx, const struct record_door *d, const char *kind,
        const struct doc *patch, struct record_in *out, struct err *e);
/* Refused (ERR_CONFLICT, with one of them) while other records refer to it. */
MUST_USE int record_remove(struct store_tx *tx, const struct record_door *d, const char *kind,
        const char *code, int64_t rev, struct err *e);
/* Makes an earlier version the newest again, also of a removed record. Unique values and references are
 * checked as they stand now; fields that `by` cannot see stay as they are. */
MUST_USE int record_restore(struct store_tx *tx, const struct record_door *d, const char *kind,
        const char *code, int64_t rev, struct record *out, struct err *e);

/* ---- reading ---- */

MUST_USE int record_get(struct store_tx *tx, struct arena *a, const struct catalog *c, const struct who *who,
        const char *kind, const char *code, struct record *out, struct err *e);
/* As it was at an instant. */
MUST_USE int record_as_of(struct store_tx *tx, struct arena *a, const struct catalog *c,
        const struct who *who, const char *kind, const char *code, time_us at, struct record *out,
        struct err *e);
/* Versions with rev < before (0: from the newest), newest first, at most limit. A removed record has its
 * history too, for those who saw its last one. */
MUST_USE int record_history(struct store_tx *tx, struct arena *a, const struct catalog *c,
        const struct who *who, const char *kind, const char *code, int64_t before, int limit,
        struct record **out, int *n, struct err *e);

struct record_range {
	struct str low, high; /* keys, both included */
};
struct record_cond {               /* one of its ranges must hold a value of the record */
	const struct field *field; /* NULL: own */
	enum record_own own;
	struct record_range *range;
	int ranges;
};
struct record_query {
	const struct kind *kind;
	const char *q; /* words, NULL if none */
	struct record_cond *cond;
	int conds;
	size_t cap; /* of cond */
	bool boxed; /* only records whose place lies in `box`, its edges included */
	struct geo_box box;
	const struct field *sort; /* NULL: by `own` */
	enum record_own own;
	bool down;
	const char *cursor; /* of the page before, NULL for the first; see record_cursor.h */
	int limit;          /* 1 … 1,000 */
};
/* Adds a condition by name ("state", a field's key) and words: values by commas, "a..b" for a range of
 * numbers, dates or instants with one end left out at will, "-" for records without a value. Of instants a
 * date alone is its whole day in the city's zone. Codes of regions and orgs count for all that lies below
 * them. */
MUST_USE int record_query_add(struct arena *a, struct record_query *q, const struct catalog *c,
        const struct snapshot *s, const struct who *who, const char *name, const char *words, struct err *e);
/* "west,south,east,north" in degrees: only records that have a place, and it lies there. No index knows
 * places: each record that the other conditions leave is looked at, and pages may be short. */
MUST_USE int record_query_box(struct record_query *q, const char *words, struct err *e);
/* "name", "-changed", a field's key: the order; NULL: by code. */
MUST_USE int record_query_sort(
        struct record_query *q, const struct who *who, const char *words, struct err *e);

struct record_page {
	struct record *row;
	int n;
	const char *next; /* cursor, NULL at the end; a short page may have one */
	int64_t count;    /* -1: not known without looking at all */
	bool more;        /* at least `count` */
};
MUST_USE int record_list(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *q, struct record_page *out, struct err *e);

struct record_relation {
	const struct kind *kind;   /* whose records refer here */
	const struct field *field; /* by this field */
	int64_t count;             /* those that the reader sees; at most 1,000 are looked at */
	bool more;
};
/* Who refers to a record: one row a field, those with none left out. */
MUST_USE int record_relations(struct store_tx *tx, struct arena *a, const struct catalog *c,
        const struct who *who, const char *kind, const char *code, struct record_relation **out, int *n,
        struct err *e);

/* ---- the index ---- */

/* Numbers the indexed fields of the catalog's kinds (sets `no`), fills what is new or made differently now,
 * drops what is indexed no longer. Inside a write; *changed says whether anything was to do. Without `write`
 * nothing is changed but the numbers in the catalog. */
MUST_USE int record_index_sync(
        struct store_tx *tx, struct catalog *c, bool write, bool *changed, struct err *e);
/* The same for a store that nobody else writes to yet. Where one transaction would make its log as large as
 * the index, there are several: what is cut off begins anew. Not on the writer. */
MUST_USE int record_index_fill(struct store *st, struct catalog *c, struct err *e);

#endif

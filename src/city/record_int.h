/* record_int - what the files of records share. */
#ifndef HEMING_CITY_RECORD_INT_H
#define HEMING_CITY_RECORD_INT_H

#include "city/record.h"
#include "store/sql.h"

/* A row as a record, copied into the arena. The generated rows have the same members under other types. */
#define RECORD_OF(a, r)                                                                                      \
	((struct record){.id = (r).id,                                                                       \
	        .rev = (r).rev,                                                                              \
	        .kind = record__keep(a, (r).kind),                                                           \
	        .code = record__keep(a, (r).code),                                                           \
	        .name = record__keep(a, (r).name),                                                           \
	        .name_en = record__keep(a, (r).name_en),                                                     \
	        .state = record__keep(a, (r).state),                                                         \
	        .org = record__keep(a, (r).org),                                                             \
	        .region = record__keep(a, (r).region),                                                       \
	        .at = {(r).lon, (r).lat},                                                                    \
	        .attrs = record__keep(a, (r).attrs),                                                         \
	        .doubts = record__keep(a, (r).doubts),                                                       \
	        .pack = record__keep(a, (r).pack),                                                           \
	        .thing = (r).thing,                                                                          \
	        .demo = (r).demo,                                                                            \
	        .created = (r).created,                                                                      \
	        .changed = (r).changed,                                                                      \
	        .account = record__keep(a, (r).account),                                                     \
	        .batch = (r).batch})
const char *record__keep(struct arena *a, struct str s);

bool record__seen(const struct kind *k, const struct who *who, const struct record *r);

/* ---- record.c ---- */

/* The record as it is, whoever asks. 1, 0, ERR_*. */
MUST_USE int record__find(struct store_tx *tx, struct arena *a, const char *kind, const char *code,
        struct record *out, struct err *e);
/* What other records say to it: unique values, references, the codes of things. What it had before (old,
 * NULL: nothing) is not asked again. */
MUST_USE int record__check(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, const struct record *r, struct err *e);
/* `now` becomes the newest version after `old` (NULL: there was none; now NULL: it is removed); what: for the
 * journal, "added", "changed", "removed", "restored". Sets id, rev, changed and account of now. */
MUST_USE int record__write(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, struct record *now, const char *what, struct err *e);
/* fields: JSON list of what a change touched, or STR_NULL. Nothing for a change set: its own entry speaks for
 * all. */
MUST_USE int record__journal(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *r, const char *what, struct str fields, struct err *e);

/* The code that is given, or the key field's value as it is kept; "" if there is none. */
MUST_USE int record__code(struct arena *a, const struct record_door *d, const struct kind *k,
        const char *given, const struct doc *attrs, const char **out, struct err *e);

/* ---- record_ahead.c ---- */

struct record__coming {
	const char *const *patch; /* JSON, as record_patch takes it */
	size_t n;
	int64_t looked; /* change set that the rows are only looked at for; 0: they are carried out */
};
/* What record_patch, record_try and record_put will ask about rows of one kind. Nothing but these rows may be
 * written until the function of the transaction has ended. */
MUST_USE int record__ahead(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record__coming *of, struct err *e);
struct record__goner {
	const char *code;
	int64_t rev;
};
/* The same for versions that are to be undone. */
MUST_USE int record__ahead_undo(
        struct store_tx *tx, const struct kind *k, const struct record__goner *g, size_t n, struct err *e);

/* ---- record_batch.c ---- */

/* What a row fails by is told in the row; what the store fails by ends the run. */
bool record__rows_own(int rc);

/* ---- record_history.c ---- */

/* The version of that number, whoever asks. 1, 0, ERR_*. */
MUST_USE int record__version(struct store_tx *tx, struct arena *a, const struct kind *k, const char *code,
        int64_t rev, struct record *out, struct err *e);
/* Keeps a version; gone: the row says that the record was removed. */
MUST_USE int record__keep_version(struct store_tx *tx, const struct record *r, bool gone, struct err *e);

/* ---- record_list.c ---- */

struct record__limits {
	int64_t gather; /* records that are gathered and sorted at most */
	int64_t walk;   /* that one walk looks at at most */
	int64_t first;  /* and at first */
	int64_t count;  /* that are counted in the index at most; less than gather: as gather */
};
/* record_list within other limits than its own. */
MUST_USE int record__list(struct store_tx *tx, struct arena *a, const struct who *who,
        const struct record_query *q, const struct record__limits *limits, struct record_page *out,
        struct err *e);

/* ---- record_index.c ---- */

/* Entries and words of one record: from old (NULL: none) to now (NULL: none). */
MUST_USE int record__index(struct store_tx *tx, const struct record_door *d, const struct kind *k,
        const struct record *old, const struct record *now, struct err *e);
/* What goes in at the end of a part of a change set. Words in the order of their records: full text in SQLite
 * writes out all that it holds in memory whenever a smaller id follows a larger one. Entries of new records
 * field by field, many by one statement, and those of removed ones go out so; of fields that the next row
 * asks about, unique ones and references, they go in and out at once. */
struct record__later {
	struct arena *a;
	struct record__entries {
		int field; /* its number */
		struct sql_record_entry_put_in *row;
		size_t n, cap;
		struct sql_record_entry_drop_in *gone;
		size_t gone_n, gone_cap;
	} * entries;
	size_t fields, fields_cap;
	int64_t first; /* the first record whose entries wait; 0: none. Ids of one transaction grow */
	struct record__words_move {
		int64_t id;
		size_t order;
		bool out;      /* those that it had */
		struct str in; /* those that it has now, STR_NULL: none */
	} * move;
	size_t n, cap;
};
/* What a door's `later` has gathered. */
MUST_USE int record__later_now(struct store_tx *tx, struct record__later *l, struct err *e);
struct record__fill {
	size_t sort_b;  /* entries that are sorted in memory */
	int64_t step_b; /* that go in in one transaction, about */
};
/* record_index_fill within other bounds than its own. */
MUST_USE int record__index_fill(
        struct store *st, struct catalog *c, const struct record__fill *bounds, struct err *e);
/* Keys of one field of a record; attrs parsed. At least one, the blank key where it has no value. */
struct str *record__keys(struct arena *a, const struct field *f, const struct doc *attrs, int *n);
struct str record__key_own(struct arena *a, enum record_own own, const struct record *r);
/* What full text finds it by. */
struct str record__words(
        struct arena *a, const struct kind *k, const struct record *r, const struct doc *attrs);
MUST_USE int record__attrs(struct arena *a, const struct record *r, struct doc **out, struct err *e);

#endif

/*
 * pack_int - what the files of packs say, between reading and use. For pack*.c and catalog.c only.
 *
 * A pack is a set of (path, text); it comes from a folder or from the store. Reading never stops at a bad
 * line: it notes a finding and goes on, so that an author sees all of them at once.
 */
#ifndef HEMING_CITY_PACK_INT_H
#define HEMING_CITY_PACK_INT_H

#include "base/csv.h"
#include "city/pack.h"
#include "city/record.h"

struct pack_file {
	const char *pack, *path;
	struct str text;
};
struct located { /* where something was said, to point at when a reference fails */
	const char *file;
	int line;
};

struct pack_record {
	const struct kind *kind;
	const char *code, *name, *name_en, *state, *org, *region;
	struct geo_point at;
	const struct doc *attrs;
	const char *kept; /* attrs as kind_read gives them */
	bool demo;
};

struct pack_other {
	const char *code, *parent;
	const char *pack; /* "": the site's own */
};

struct pack_link { /* what a record refers to and the pack does not bring */
	struct located at;
	const char *field, *kind, *code;
};

struct pack_data {
	struct arena *a;
	struct catalog *catalog; /* kinds … calendars go straight into it */
	struct region *region;
	struct org *org;
	struct pack_record *record;
	struct located *region_at, *org_at, *record_at, *category_at;
	size_t regions, orgs, records;
	size_t regions_cap, orgs_cap, records_cap, kinds_cap, categories_cap, indicators_cap, rules_cap,
	        decisions_cap, flows_cap, forms_cap, calendars_cap, tables_cap, packs_cap, retentions_cap,
	        region_at_cap, org_at_cap, record_at_cap, category_at_cap;
	struct pack_report *report;
	const char *pack; /* code of the pack being read */
	bool alone;       /* nothing but this pack is read */
	bool partial;     /* the packs that it builds on are not here: what it refers to may be theirs */
	/* what the site has besides; none where a folder is looked at alone */
	struct pack_other *other_region, *other_org;
	struct pack_link *link;
	size_t links, links_cap;
	size_t other_regions, other_orgs, other_regions_cap, other_orgs_cap;
};

/* Adds to the report (the first 200 are kept, all are counted). */
void pack__tell(struct pack_data *d, bool error, const char *file, int line, int column, const char *field,
        const char *fmt, ...) PRINTF_LIKE(7, 8);
/* True, and told, if another pack has declared it; owner NULL: nobody has. */
bool pack__taken(struct pack_data *d, const char *file, int line, const char *what, const char *code,
        const char *owner);
void pack__tell_err(struct pack_data *d, const struct err *e, const char *file, int line);

struct pack_data *pack__data_new(struct arena *a, struct pack_report *r);
/* Reads all files of one pack into d. */
void pack__read(struct pack_data *d, const struct pack_file *f, int n);
/* What a pack is made of, from its folder. */
MUST_USE int pack__read_folder(struct arena *a, const char *dir, struct pack_file **f, int *n, struct err *e);
bool pack__in_folder(const struct pack_file *f, const char *folder);
/* Reads the installed packs into d, but that one (NULL: none is left out). catalog.c. */
MUST_USE int pack__read_installed(struct store_tx *tx, struct pack_data *d, const char *but, struct err *e);
/* All versions of all flows. catalog.c. */
MUST_USE int pack__load_flows(struct store_tx *tx, struct catalog *c, struct err *e);
/* Counts what the pack declares into its report. */
void pack__count(const struct pack_data *d);
/* Looks at what refers to what, once everything is read. */
void pack__check_references(struct pack_data *d);

/* by subject */
void pack__read_regions(struct pack_data *d, const struct pack_file *csv, const struct pack_file *areas);
void pack__read_orgs(struct pack_data *d, const struct pack_file *f);
void pack__read_categories(struct pack_data *d, const struct pack_file *f);
/* Records of a kind, things or not. */
void pack__read_records(struct pack_data *d, const struct pack_file *f, const char *kind);
void pack__read_kind(struct pack_data *d, const struct pack_file *f);
bool pack__has_word(const char *words, const char *key);
/* pack_calendar.c. Once all calendars and tables of a pack are read, each calendar gets the tables it names.
 */
void pack__read_calendars(struct pack_data *d, const struct pack_file *f);
void pack__read_holidays(struct pack_data *d, const struct pack_file *f);
void pack__join_calendars(struct pack_data *d);
void pack__read_indicators(struct pack_data *d, const struct pack_file *f);
void pack__read_rules(struct pack_data *d, const struct pack_file *f);
void pack__read_retention(struct pack_data *d, const struct pack_file *f);

/* ---- applying ---- */

/* One pack on its way into a site. */
struct pack_run {
	struct store_tx *tx;
	struct arena *a;
	struct arena *row; /* emptied after each row */
	const struct pack_options *o;
	struct pack_report *out;
	bool write;          /* false: nothing is changed, all is told */
	struct pack_data *d; /* the pack, read over the others that are installed */
	const struct pack_info *head;
	struct catalog *was;     /* as installed before */
	struct catalog *lenient; /* as it will be, but kinds take what records hold already */
	struct who by;
	struct pack_move *move; /* one a kind that was there before */
	int moves;
};
/* Adds to what the report tells. */
void pack__news(struct pack_run *r, struct pack_change c);
void pack__tell_progress(const struct pack_run *r, const char *what, int64_t done, int64_t total);

/* pack_move.c: records follow their kind. */

struct pack_move {
	const struct kind *was, *is;
	bool any;     /* records may have to change, or to be counted */
	bool indexed; /* they are found and sorted by other fields, or otherwise */
};
/* Compares the kinds of before with those to be. */
void pack__find_moves(struct pack_run *r);
/* Brings the records to the new form, or counts what that would mean. */
MUST_USE int pack__move_records(struct pack_run *r, struct err *e);
/* Values of a record, or of a row of one, in the new form; own members pass. In the arena of the row. */
MUST_USE int pack__moved(struct pack_run *r, const char *kind, const struct doc *values,
        const struct doc **out, struct err *e);

/* pack_row.c: regions, orgs and records as rows with the pack's last word between site and pack. */

MUST_USE int pack__put_rows(struct pack_run *r, struct err *e);
/* Takes out everything that a pack brought; a finding for each row that cannot go. */
MUST_USE int pack__take_rows(struct pack_run *r, struct err *e);

/* ---- pack_version.c ---- */

bool pack__version_valid(const char *text); /* three numbers, and what semantic versions allow behind them */
int pack__version_compare(const char *a, const char *b); /* <0, 0, >0 as strcmp */
/* Comparisons by blanks, all of which must hold: ">=1.2 <2", "=1.0.0", "1.2" (any 1.2.x), "" (any). */
bool pack__range_valid(const char *range);
bool pack__range_holds(const char *range, const char *version);

#define PACK_PUSH(d, array, count, cap, T)                                                                   \
	((array) = arena_grow((d)->a, (array), &(d)->cap, (size_t)(count) + 1, sizeof(T)),                   \
	        &(array)[(count)++])
/* Where the last of `count` rows was said. */
#define PACK_AT(d, array, count, where)                                                                      \
	((d)->array = arena_grow(                                                                            \
	         (d)->a, (d)->array, &(d)->array##_cap, (size_t)(count), sizeof(struct located)),            \
	        (d)->array[(count)-1] = (where))

#endif

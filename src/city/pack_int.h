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
	bool demo;
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
	        decisions_cap, flows_cap, calendars_cap, packs_cap, region_at_cap, org_at_cap, record_at_cap,
	        category_at_cap;
	struct pack_report *report;
	const char *pack; /* code of the pack being read */
	bool requires; /* it builds on another: unknown references are the other's affair until installed */
};

/* Adds to the report (the first 200 are kept, all are counted). */
void pack__tell(struct pack_data *d, bool error, const char *file, int line, int column, const char *field,
        const char *fmt, ...) PRINTF_LIKE(7, 8);
void pack__tell_err(struct pack_data *d, const struct err *e, const char *file, int line);

struct pack_data *pack__data_new(struct arena *a, struct pack_report *r);
/* Reads all files of one pack into d. */
void pack__read(struct pack_data *d, const struct pack_file *f, int n);
/* Looks at what refers to what, once everything is read. */
void pack__check_references(struct pack_data *d);

/* by subject */
void pack__read_regions(struct pack_data *d, const struct pack_file *csv, const struct pack_file *areas);
void pack__read_orgs(struct pack_data *d, const struct pack_file *f);
void pack__read_categories(struct pack_data *d, const struct pack_file *f);
/* Records of a kind, things or not. */
void pack__read_records(struct pack_data *d, const struct pack_file *f, const char *kind);
void pack__read_kind(struct pack_data *d, const struct pack_file *f);
void pack__read_calendars(struct pack_data *d, const struct pack_file *f);
void pack__read_indicators(struct pack_data *d, const struct pack_file *f);
void pack__read_rules(struct pack_data *d, const struct pack_file *f);

#define PACK_PUSH(d, array, count, cap, T)                                                                   \
	((array) = arena_grow((d)->a, (array), &(d)->cap, (size_t)(count) + 1, sizeof(T)),                   \
	        &(array)[(count)++])
/* Where the last of `count` rows was said. */
#define PACK_AT(d, array, count, where)                                                                      \
	((d)->array = arena_grow(                                                                            \
	         (d)->a, (d)->array, &(d)->array##_cap, (size_t)(count), sizeof(struct located)),            \
	        (d)->array[(count)-1] = (where))

#endif

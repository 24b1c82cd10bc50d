/*
 * record_import - a sheet of records becomes a change set to look at: each row new, changed, the same as what
 * is there, or refused with its reason. Nothing of the register changes before record_batch_run.
 *
 * The first of the first ten rows that names columns is the heading: codes, Chinese or English names of the
 * kind's fields and of what every record has (编号, 名称, 区划 …); what stands above it is passed over.
 * Columns named 序号 or beginning with # are not read; any other unknown name is refused, since a misspelt
 * heading would lose a column in silence. Rows are found by code, or by the kind's key field.
 */
#ifndef HEMING_CITY_RECORD_IMPORT_H
#define HEMING_CITY_RECORD_IMPORT_H

#include "city/record_batch.h"

struct record_import {
	const char *kind;
	const char *title; /* name of the file, for people */
	const char *sheet; /* of a workbook, NULL: the first */
	struct str bytes;
	enum geo_crs crs; /* of lon and lat, and of fields that are places */
	bool clear;       /* an empty cell empties the field; else it leaves it as it is */
};
/* ERR_INVALID for a file that cannot be read or a heading that is not understood. At most 500,000 rows. */
MUST_USE int record_import(
        struct site *s, const struct who *by, const struct record_import *in, int64_t *id, struct err *e);

/* The names that a heading may have for a column, for templates and exports: own columns, then fields. */
struct record_column {
	const char *key, *name, *name_en;
	const struct field *field; /* NULL: own */
};
/* In the arena; *n of them. */
struct record_column *record_columns(struct arena *a, const struct kind *k, int *n);

#endif

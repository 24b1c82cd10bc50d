/* mapping_int - what a mapping's file says, for the files that read sheets by it. */
#ifndef HEMING_INGEST_MAPPING_INT_H
#define HEMING_INGEST_MAPPING_INT_H

#include "ingest/mapping.h"

struct pair {
	struct str from, to;
};
struct pairs {
	struct pair *p;
	int n;
};
struct value_column {
	const char *column; /* name in the first row, or a number from 1 where there is none */
	struct str metric;  /* of a wide sheet */
	double factor, offset;
	bool states;
};
struct mapping {
	const char *name;                   /* for messages */
	char separator, decimal, thousands; /* thousands 0: nothing */
	bool header;
	int skip;
	const char **none;
	int nones;
	const char **time; /* columns */
	int times;
	const char *format;      /* NULL: RFC 3339 or a number */
	const struct zone *zone; /* NULL: the site's */
	struct str code;         /* of the one thing; STR_NULL: by column */
	const char *thing, *attribute;
	struct pairs codes;
	struct value_column *value;
	int values;
	const char *metric; /* column of a long sheet; NULL: a wide one */
	struct pairs names;
};
/* One that says nothing yet. */
struct mapping *mapping__new(struct arena *a, const char *name);

#endif

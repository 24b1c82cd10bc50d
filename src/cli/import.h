/* import - shared by the kinds of import. */
#ifndef HEMING_CLI_IMPORT_H
#define HEMING_CLI_IMPORT_H

#include "base/csv.h"
#include "cli/cli.h"

struct import {
	struct cli *c;
	int64_t rows, stored, gaps, refused, known;
};
/* Tells the first twenty, counts all. */
void import_refuse(struct import *im, int line, const char *words);
/* Place of a named column in the first row, -1 if missing. */
int import_column(const struct csv *head, const char *name);
/* A whole file; one that ends in .gz is unpacked. */
#define IMPORT_FILE_MAX ((size_t)1 << 30)
MUST_USE int import_file(struct cli *c, const char *path, struct str *out, struct err *e);
MUST_USE int import_readings(struct cli *c, struct err *e);
MUST_USE int import_requests(struct import *im, struct str text, struct err *e);

#endif

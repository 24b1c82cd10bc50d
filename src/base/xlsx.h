/*
 * xlsx - the rows of one sheet of an .xlsx workbook (ECMA-376, transitional or strict), pulled one after the
 * other from a file held in memory.
 *
 *   if ((rc = xlsx_open(file, NULL, &x, e)) < 0 || (rc = xlsx_pick(x, name, e)) < 0) …
 *   while ((rc = xlsx_next(x, &cell, &n, &row, e)) > 0) … cell[i] …
 *   xlsx_close(&x);
 *
 * A cell comes as UTF-8 text:
 *   text      as it is, runs of rich text joined, readings (phonetic runs) left out
 *   number    plainly, 15 significant digits: "1", "0.3", "320902199001015"; exponents only past 1e21, below
 * 1e-7 boolean   "true", "false" date      a number whose format shows a date or time: "2026-07-14", or
 * "2026-07-14T08:30:00" (".250" when it has milliseconds) if it has a time; less than one day is a time
 * alone, "08:30:00"; formats of elapsed time ([h]:mm) give "36:00:00". 29 February 1900, which there was not,
 * is the 28th. formula   the value that was saved with it error     (#N/A and the like) an empty cell, told
 * by xlsx_is_error and counted by xlsx_errors merged    each cell of the range has what its top left one has
 * Rows without any text or error are left out, hidden rows are given; a row that the file leaves out within a
 * merged range is given with that range's text, but none are made behind the last row of the file.
 *
 * Nothing is believed of a file: sizes are counted while unpacking, and each limit ends in ERR_TOOBIG with
 * words that name it. Document types and entities, encrypted files and old .xls are refused (ERR_INVALID).
 * The whole sheet is unpacked once before its first row is given, so damage of the archive is told before.
 * Errors have the part of the archive in `where`; of a sheet, `line` is the row, `column` the column and
 * `field` the cell ("B5").
 *
 * Ownership: the file's bytes must stay as long as the reader. Threads: one at a time per reader.
 */
#ifndef HEMING_XLSX_H
#define HEMING_XLSX_H

#include "base/err.h"
#include "base/sb.h"

/* Zero in a field is its default. */
struct xlsx_limits {
	size_t part_b;    /* bytes of one part, unpacked: 512 MiB */
	size_t total_b;   /* bytes of all parts that are read, unpacked: 512 MiB */
	size_t strings_b; /* bytes of the shared strings, eight more for each: 128 MiB */
	int ratio;        /* unpacked to packed, asked of what is past 16 MiB of a part: 200 */
	int rows;         /* the highest row that has text: 1,048,576 */
	int columns;      /* the highest column that has text, at most 16,384: 512 */
	int merges;       /* merged ranges: 65,536 */
	int cell_chars;   /* code points in a cell: 32,767 */
	int depth;        /* nested elements: 64 */
};

struct xlsx_sheet {
	const char *name;
	bool hidden;
};

struct xlsx;

/* l may be NULL for the defaults. On failure *out is NULL. */
MUST_USE int xlsx_open(struct str file, const struct xlsx_limits *l, struct xlsx **out, struct err *e);
void xlsx_close(struct xlsx **x);
/* Number of worksheets (charts are none) in the order of their tabs; *out lives as long as x. */
int xlsx_sheets(const struct xlsx *x, const struct xlsx_sheet **out);
/* Goes before the first row of a sheet, ASCII case of its name aside; NULL: the first that is not hidden.
 * ERR_NOTFOUND tells the names there are. May be called again, also after a failure. */
MUST_USE int xlsx_pick(struct xlsx *x, const char *sheet, struct err *e);
/* 1 and a row, 0 at the end. *row is its number in the sheet, from 1. The cells live until the next call for
 * x; the last of them has text or is an error. Picks the first sheet if none is. */
MUST_USE int xlsx_next(struct xlsx *x, struct str **cell, int *n, int *row, struct err *e);
/* Whether cell i (from 0) of the row given last holds an error value; how many did since xlsx_pick. */
bool xlsx_is_error(const struct xlsx *x, int i);
int64_t xlsx_errors(const struct xlsx *x);

#endif

/*
 * csv - RFC 4180 records, read in place from memory; UTF-8 with or without BOM.
 *
 *   struct csv c; csv_init(&c, text, ',');
 *   while ((n = csv_row(&c, a)) > 0) … c.field[i] …; if (n < 0) bad text, see c.line
 * Quoted fields with doubled quotes are copied into the arena; others point into the text.
 */
#ifndef HEMING_CSV_H
#define HEMING_CSV_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

struct csv {
	struct str rest;
	char sep;
	int line; /* line on which the present row began, 1-based */
	int next_line;
	struct str *field; /* of the present row */
	int fields;
	size_t cap;
	const char *bad; /* words, after csv_row gave -1 */
};
void csv_init(struct csv *c, struct str text, char sep);
/* Fields of the next row; 0 at the end (blank lines are skipped), -1 when the text is bad. */
int csv_row(struct csv *c, struct arena *a);
/* Appends one field, quoted when needed. With guard_formula, text that a spreadsheet would run
 * (= + - @ tab at the start, unless it is a plain number) gets a leading apostrophe. */
void csv_put(struct sb *b, struct str field, bool first, bool guard_formula);
void csv_end(struct sb *b); /* CRLF */

#endif

/*
 * book - a table as an .xlsx workbook, row by row in constant memory (libxlsxwriter), with a watermark in
 * the heads of its pages and a sheet that says who took it, when and why.
 *
 * Threads: one at a time.
 */
#ifndef HEMING_API_BOOK_H
#define HEMING_API_BOOK_H

#include "base/err.h"
#include "base/sb.h"

#define BOOK_ROWS_MAX 1048575 /* below the heading */

struct book;

/* dir holds what waits until the file is written, at close. */
MUST_USE int book_open(
        const char *path, const char *dir, const char *sheet, struct book **out, struct err *e);
/* The heading stays in view; note: NULL or words that show when the cell is pointed at. */
void book_heading(struct book *w, int column, struct str text, const char *note, double width);
/* A choice of values for all cells of a column; at most 255 bytes in all, else it is left out. */
void book_choice(struct book *w, int column, const char **value, int n);
void book_text(struct book *w, int64_t row, int column, struct str text); /* row 0: below the heading */
void book_number(struct book *w, int64_t row, int column, double v);
/* Words on every printed page, and lines for a sheet of their own. */
void book_mark(struct book *w, const char *words);
void book_about(struct book *w, const char *sheet, const char *const *line, int n);
/* Writes the file; NULL is fine. */
MUST_USE int book_close(struct book **w, struct err *e);

#endif

/*
 * record_file - a table that somebody sends, row by row: CSV in any usual character set and with any usual
 * separator, or the sheet of an .xlsx workbook. What it is is seen from its bytes.
 *
 * Ownership: the bytes must stay as long as the reader. Threads: one at a time.
 */
#ifndef HEMING_CITY_RECORD_FILE_H
#define HEMING_CITY_RECORD_FILE_H

#include "base/err.h"
#include "base/sb.h"

struct record_file;

/* sheet: of a workbook, NULL for the first; not looked at for CSV. */
MUST_USE int record_file_open(struct str bytes, const char *sheet, struct record_file **out, struct err *e);
void record_file_close(struct record_file **f);
/* 1 and a row that is not empty, 0 at the end. Cells live until the next call; *line is what a person sees
 * beside the row: the line of a text file, the number of a sheet's row. */
MUST_USE int record_file_next(struct record_file *f, struct str **cell, int *n, int *line, struct err *e);

#endif

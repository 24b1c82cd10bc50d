/* xlsx_int - what the files of the reader of workbooks know of each other. */
#ifndef HEMING_XLSX_INT_H
#define HEMING_XLSX_INT_H

#include "base/arena.h"
#include "base/xlsx.h"

#include <expat.h>
#include <zip.h>

#define XLSX_MAGIC 0x71585a01u
/* What is read as a tree: the list of sheets, and where the parts are. */
#define TREE_MAX ((size_t)64 << 20)
#define CHUNK 65536 /* bytes of a part that are looked at at a time */
#define STYLES_MAX 65536
#define COLUMNS_MOST 16384 /* XFD */
#define ROWS_MOST 1048576

enum xlsx_format { PLAIN, DATE, TIME, ELAPSED };

struct merge {
	int row1, row2, col1, col2; /* columns from 0 */
};

/* A merged range that the present row is in. */
struct cover {
	bool used, error;
	int row2, col1, col2;
	struct sb text;
};

struct cell {
	const char *shared; /* else the text begins at `off` of row_text */
	size_t off, n;
	bool error;
};

struct xlsx {
	uint32_t magic;
	struct str file;
	struct xlsx_limits max;
	zip_t *zip;
	struct arena *a; /* names */
	struct xlsx_sheet *sheets;
	const char **sheet_parts;
	int n_sheets;
	const char *strings_part, *styles_part; /* NULL: there is none */
	bool date1904;
	bool loaded; /* strings and styles */

	int rc; /* the failure that ended the reading of this sheet; `why` tells it */
	struct err why;

	/* the part under way */
	const char *part;
	zip_file_t *in;
	uint64_t packed;
	size_t unpacked;
	size_t total, total_open, total_load; /* of all parts; of those read by xlsx_open; and by load */
	bool counted;                         /* the part's bytes are in the total already */
	bool fed;                             /* its end has been given to the parser */
	XML_Parser parser;
	size_t heap; /* bytes that the parser holds */
	int depth;   /* open elements */
	int silent;  /* depth of the open rPh; 0 if none */
	bool take;   /* text is wanted */
	struct sb text;

	struct sb strings;
	size_t *string_end, n_strings, string_cap;

	uint8_t *formats; /* enum xlsx_format, by the number of the format */
	uint16_t *styles; /* numbers of formats, by the number of the style */
	size_t n_styles, style_cap;
	bool in_formats, in_styles;

	struct merge *merges;
	size_t n_merges, merge_cap, merge_next;
	struct cover *covers; /* as many as columns */
	int *owner;           /* by column: index + 1 of its cover; 0 if none */
	int n_covers;

	/* the row being read: `row` it is; `at` is the next one to give */
	bool picked, in_data, in_row, in_cell, in_inline, have_row;
	int row, col, at;
	char type; /* n number, s shared, S text, i inline, b, e, d */
	size_t style;
	struct cell *cells;
	int used; /* cells below this column may be set */
	struct sb row_text;
	struct str *out;
	bool *out_error;
	int n_out;
	int64_t errors;
};

/* xlsx_part.c */
/* The first failure is kept, with the place that is being read, and stops the parser. Returns it. */
int xlsx_fail(struct xlsx *x, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Hands the failure out. */
int xlsx_told(const struct xlsx *x, struct err *e);
/* The number of a part in the archive; -1 when there is none. */
int64_t xlsx_find_part(const struct xlsx *x, const char *name);
/* `counted`: its bytes are in the total already. */
int xlsx_part_open(struct xlsx *x, const char *name, bool counted);
void xlsx_part_close(struct xlsx *x);
/* Bytes read, 0 at the end of the part, a failure. */
int xlsx_part_read(struct xlsx *x, void *buf, int cap);
/* A parser for the part that is open; xlsx_parse reads on until a handler stops it (1), the part ends (0) or
 * something fails. */
void xlsx_parse_begin(
        struct xlsx *x, XML_StartElementHandler start, XML_EndElementHandler end, bool with_text);
int xlsx_parse(struct xlsx *x);
/* Reads a whole part. */
int xlsx_parse_part(struct xlsx *x, const char *name, bool counted, XML_StartElementHandler start,
        XML_EndElementHandler end, bool with_text);
/* Counts an element in; its depth (0 for the root), or -1 when it is not to be looked at. */
int xlsx_enter(struct xlsx *x);
/* An end handler that counts it out and does no more. */
void xlsx_count_out(void *arg, const XML_Char *name);
/* A name without its prefix: where it stands tells enough. */
const char *xlsx_local(const XML_Char *name);
/* An attribute; NULL when it is not there. */
const char *xlsx_attr(const XML_Char **atts, const char *name);
/* A whole number from 0 to most; -1 otherwise. */
int xlsx_small_number(const char *s, int most);

/* xlsx_book.c: sheets, and where strings and styles are */
int xlsx_open_book(struct xlsx *x);

/* xlsx_text.c */
int xlsx_load_strings(struct xlsx *x);
/* Text of a string item or inline string: in t, alone or in runs, but not in the reading (rPh). */
void xlsx_text_start(struct xlsx *x, const char *name, int depth);
void xlsx_text_end(struct xlsx *x, int depth);
/* "_x000D_" and its like, in place; the new length. */
size_t xlsx_unescape(char *p, size_t n);

/* xlsx_format.c */
int xlsx_load_formats(struct xlsx *x);
/* False: it is no number. */
bool xlsx_put_number(struct sb *b, struct str s);
/* False when the calendar has no such day. */
bool xlsx_put_date(struct sb *b, double v, enum xlsx_format kind, bool date1904);
/* An ISO 8601 date cell: midnight is no time. */
struct str xlsx_without_midnight(struct str s);

/* xlsx_merge.c */
/* Reads the whole sheet once: its merged ranges, in order. */
int xlsx_load_merges(struct xlsx *x, const char *part);
/* "AB12": the column from 0 and the row, which may be left out (0); false if it is no such thing. */
bool xlsx_cell_ref(struct str s, int *col, int *row);
struct str xlsx_cell_text(const struct xlsx *x, const struct cell *c);
/* The present row is past some ranges; others begin in it. */
void xlsx_covers_expire(struct xlsx *x, int row);
void xlsx_covers_begin(struct xlsx *x);

#endif

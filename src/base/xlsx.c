#include "base/xlsx_int.h"

#include "base/num.h"

#include <limits.h>

#define ROW_TEXT_MAX ((size_t)64 << 20)

static int open_zip(struct xlsx *x)
{
	static const char ole[8] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
	zip_error_t why;
	zip_source_t *source;
	int rc = 0;

	if (x->file.n >= sizeof(ole) && memcmp(x->file.p, ole, sizeof(ole)) == 0)
		return xlsx_fail(x, ERR_INVALID,
		        "this is an old .xls or an encrypted workbook; save it as .xlsx without a password");
	if (x->file.n == 0)
		return xlsx_fail(x, ERR_INVALID, "the file is empty");
	zip_error_init(&why);
	source = zip_source_buffer_create(x->file.p, x->file.n, 0, &why);
	must(source);
	x->zip = zip_open_from_source(source, ZIP_RDONLY, &why);
	if (!x->zip) {
		rc = xlsx_fail(x, ERR_INVALID,
		        "this is not a whole .xlsx file (%s); it may be cut off, or another kind of file "
		        "under "
		        "this name: save it as .xlsx and send it anew",
		        zip_error_strerror(&why));
		zip_source_free(source);
	}
	zip_error_fini(&why);
	return rc;
}

static struct xlsx_limits limits_of(const struct xlsx_limits *l)
{
	struct xlsx_limits m = l ? *l : (struct xlsx_limits){0};

	m.part_b = m.part_b > 0 ? m.part_b : (size_t)512 << 20;
	m.total_b = m.total_b > 0 ? m.total_b : (size_t)512 << 20;
	m.strings_b = m.strings_b > 0 ? m.strings_b : (size_t)128 << 20;
	m.ratio = m.ratio > 0 ? m.ratio : 200;
	m.rows = m.rows > 0 ? m.rows : ROWS_MOST;
	m.columns = m.columns > 0 ? m.columns : 512;
	if (m.columns > COLUMNS_MOST)
		m.columns = COLUMNS_MOST;
	m.merges = m.merges > 0 ? m.merges : 65536;
	m.cell_chars = m.cell_chars > 0 ? m.cell_chars : 32767;
	m.depth = m.depth > 0 ? m.depth : 64;
	return m;
}

int xlsx_open(struct str file, const struct xlsx_limits *l, struct xlsx **out, struct err *e)
{
	struct xlsx *x = xcalloc(1, sizeof(*x));
	int rc;

	x->magic = XLSX_MAGIC;
	x->file = file;
	x->max = limits_of(l);
	x->a = arena_new(TREE_MAX);
	x->strings.max = x->max.strings_b;
	x->row_text.max = ROW_TEXT_MAX;
	*out = NULL;
	rc = open_zip(x);
	if (rc == 0)
		rc = xlsx_open_book(x);
	if (rc < 0) {
		xlsx_told(x, e);
		xlsx_close(&x);
		return rc;
	}
	x->total_open = x->total;
	*out = x;
	return 0;
}

void xlsx_close(struct xlsx **xp)
{
	struct xlsx *x = *xp;

	if (!x)
		return;
	OBJ_CHECK(x, XLSX_MAGIC);
	*xp = NULL;
	xlsx_part_close(x);
	if (x->zip)
		zip_discard(x->zip);
	for (int i = 0; x->covers && i < x->max.columns; i++)
		sb_fini(&x->covers[i].text);
	sb_fini(&x->text);
	sb_fini(&x->strings);
	sb_fini(&x->row_text);
	free(x->string_end);
	free(x->formats);
	free(x->styles);
	free(x->merges);
	free(x->covers);
	free(x->owner);
	free(x->cells);
	free(x->out);
	free(x->out_error);
	arena_free(&x->a);
	x->magic = 0;
	free(x);
}

int xlsx_sheets(const struct xlsx *x, const struct xlsx_sheet **out)
{
	OBJ_CHECK(x, XLSX_MAGIC);
	*out = x->sheets;
	return x->n_sheets;
}

/* Strings and styles, once for all sheets. */
static int load(struct xlsx *x)
{
	int rc;

	if (x->loaded)
		return 0;
	x->total = x->total_open;
	rc = xlsx_load_formats(x);
	if (rc == 0)
		rc = xlsx_load_strings(x);
	x->loaded = rc == 0;
	x->total_load = x->total;
	return rc;
}

/* ---- rows ---- */

/* The text that begins at `off` of row_text, or a shared one, becomes the present cell. */
static void cell_set(struct xlsx *x, const char *shared, size_t off, size_t n, bool error)
{
	if (n == 0 && !error)
		return;
	if (x->row > x->max.rows) {
		xlsx_fail(x, ERR_TOOBIG, "the sheet has more than the %d rows that are taken; split it",
		        x->max.rows);
		return;
	}
	if (x->col >= x->max.columns) {
		xlsx_fail(x, ERR_TOOBIG, "the sheet has more than the %d columns that are taken",
		        x->max.columns);
		return;
	}
	if (n > (size_t)x->max.cell_chars && utf8_length((struct str){shared ? shared : x->row_text.p + off,
	                                             n}) > (size_t)x->max.cell_chars) {
		xlsx_fail(x, ERR_TOOBIG, "a text of more than %d characters", x->max.cell_chars);
		return;
	}
	if (x->row_text.failed) {
		xlsx_fail(x, ERR_TOOBIG, "more than %zu MiB of text in one row", ROW_TEXT_MAX >> 20);
		return;
	}
	x->cells[x->col] = (struct cell){shared, off, n, error};
	if (x->col >= x->used)
		x->used = x->col + 1;
}

static void cell_shared(struct xlsx *x, struct str s)
{
	int64_t i;

	if (!num_int(s, &i) || i < 0 || (uint64_t)i >= x->n_strings) {
		xlsx_fail(x, ERR_INVALID,
		        "refers to shared string \"%.20s\" of %zu; open the file in a spreadsheet "
		        "program and save it again",
		        x->text.p, x->n_strings);
		return;
	}
	size_t from = i > 0 ? x->string_end[i - 1] : 0;
	cell_set(x, x->strings.p + from, 0, x->string_end[i] - from, false);
}

static void cell_number(struct xlsx *x, struct str s)
{
	enum xlsx_format kind =
	        x->style < x->n_styles ? (enum xlsx_format)x->formats[x->styles[x->style]] : PLAIN;
	size_t off = x->row_text.n;
	double v;

	if (kind != PLAIN && num_double(s, false, &v) && xlsx_put_date(&x->row_text, v, kind, x->date1904)) {
		cell_set(x, NULL, off, x->row_text.n - off, false);
		return;
	}
	if (!xlsx_put_number(&x->row_text, s)) {
		xlsx_fail(x, ERR_INVALID, "is said to be a number, but is \"%.20s\"", x->text.p);
		return;
	}
	cell_set(x, NULL, off, x->row_text.n - off, false);
}

static void cell_end(struct xlsx *x)
{
	struct str s = str_trim(sb_str(&x->text));
	size_t off = x->row_text.n;

	if (x->type == 'S' || x->type == 'i') {
		sb_put(&x->row_text, x->text.p, xlsx_unescape(x->text.p, x->text.n));
		cell_set(x, NULL, off, x->row_text.n - off, false);
	} else if (s.n == 0) {
		; /* only a format */
	} else if (x->type == 's') {
		cell_shared(x, s);
	} else if (x->type == 'b') {
		sb_puts(&x->row_text, str_is(s, "1") || str_is(s, "true") ? "true" : "false");
		cell_set(x, NULL, off, x->row_text.n - off, false);
	} else if (x->type == 'e') {
		cell_set(x, NULL, off, 0, true);
	} else if (x->type == 'd') {
		sb_putstr(&x->row_text, xlsx_without_midnight(s));
		cell_set(x, NULL, off, x->row_text.n - off, false);
	} else {
		cell_number(x, s);
	}
	x->in_cell = false;
}

static void row_begin(struct xlsx *x, const XML_Char **atts)
{
	const char *r = xlsx_attr(atts, "r");
	int row = r ? xlsx_small_number(r, ROWS_MOST) : x->row + 1;

	if (row <= x->row || row > ROWS_MOST) {
		xlsx_fail(x, ERR_INVALID,
		        "row \"%.20s\" stands behind row %d; open the file in a spreadsheet program "
		        "and save it again",
		        r ? r : "past the last", x->row);
		return;
	}
	memset(x->cells, 0, (size_t)x->used * sizeof(*x->cells));
	x->used = 0;
	sb_reset(&x->row_text);
	x->row = row;
	x->col = -1;
	x->in_row = true;
}

static void cell_begin(struct xlsx *x, const XML_Char **atts)
{
	const char *r = NULL, *t = NULL;
	int row, style;

	x->style = 0;
	for (; *atts; atts += 2) {
		if (atts[0][0] == '\0' || atts[0][1] != '\0')
			continue;
		if (atts[0][0] == 'r')
			r = atts[1];
		else if (atts[0][0] == 't')
			t = atts[1];
		else if (atts[0][0] == 's' && (style = xlsx_small_number(atts[1], STYLES_MAX)) > 0)
			x->style = (size_t)style;
	}
	x->type = !t                                     ? 'n'
	          : strcmp(t, "str") == 0                ? 'S'
	          : strcmp(t, "inlineStr") == 0          ? 'i'
	          : strlen(t) == 1 && strchr("sbed", *t) ? *t
	                                                 : 'n';
	sb_reset(&x->text);
	x->col++;
	if (r && !xlsx_cell_ref(str_of(r), &x->col, &row)) {
		x->col = 0;
		xlsx_fail(x, ERR_INVALID, "a cell has the place \"%.20s\", which is none", r);
		return;
	}
	if (x->col >= COLUMNS_MOST) {
		xlsx_fail(x, ERR_INVALID, "more than %d cells in a row", COLUMNS_MOST);
		return;
	}
	x->in_cell = true;
}

static void sheet_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	const char *name = xlsx_local(full);
	int depth = xlsx_enter(x);

	if (depth == 1) {
		x->in_data = strcmp(name, "sheetData") == 0;
	} else if (depth == 2 && x->in_data && strcmp(name, "row") == 0) {
		row_begin(x, atts);
	} else if (depth == 3 && x->in_row && strcmp(name, "c") == 0) {
		cell_begin(x, atts);
	} else if (depth == 4 && x->in_cell) {
		x->take = x->type != 'i' && strcmp(name, "v") == 0;
		x->in_inline = x->type == 'i' && strcmp(name, "is") == 0;
	} else if (depth > 4 && x->in_inline) {
		xlsx_text_start(x, name, depth);
	}
}

static void sheet_end(void *arg, const XML_Char *full)
{
	struct xlsx *x = arg;

	(void)full;
	if (x->rc < 0)
		return;
	x->depth--;
	if (x->depth > 4 && x->in_inline) {
		xlsx_text_end(x, x->depth);
	} else if (x->depth == 4) {
		x->take = x->in_inline = false;
	} else if (x->depth == 3 && x->in_cell) {
		cell_end(x);
	} else if (x->depth == 2 && x->in_row) {
		x->in_row = false;
		x->have_row = true;
		XML_StopParser(x->parser, XML_TRUE);
	} else if (x->depth == 1) {
		x->in_data = false;
	}
}

/* ---- the reader ---- */

static int find_sheet(struct xlsx *x, const char *name)
{
	struct sb b = SB_INIT;

	for (int i = 0; i < x->n_sheets; i++) {
		if (name ? strcmp(x->sheets[i].name, name) == 0 : !x->sheets[i].hidden)
			return i;
	}
	if (!name)
		return 0;
	for (int i = 0; i < x->n_sheets; i++) {
		if (strcasecmp(x->sheets[i].name, name) == 0)
			return i;
	}
	for (int i = 0; i < x->n_sheets && b.n < 200; i++)
		sb_printf(&b, "%s\"%.60s\"", i > 0 ? ", " : "", x->sheets[i].name);
	xlsx_fail(
	        x, ERR_NOTFOUND, "the workbook has no sheet \"%.80s\"; it has %s", name, b.p ? b.p : "none");
	sb_fini(&b);
	return -1;
}

static void sheet_reset(struct xlsx *x)
{
	xlsx_part_close(x);
	x->rc = 0;
	x->part = NULL;
	x->picked = x->in_data = x->in_row = x->in_cell = x->in_inline = x->have_row = false;
	x->row = x->col = 0;
	x->at = 1;
	x->errors = 0;
	x->n_out = 0;
	x->n_merges = x->merge_next = 0;
	if (!x->cells) {
		size_t n = (size_t)x->max.columns;
		x->cells = xcalloc(n, sizeof(*x->cells));
		x->out = xcalloc(n, sizeof(*x->out));
		x->out_error = xcalloc(n, sizeof(*x->out_error));
	}
	memset(x->cells, 0, (size_t)x->used * sizeof(*x->cells));
	x->used = 0;
	xlsx_covers_expire(x, INT_MAX);
}

int xlsx_pick(struct xlsx *x, const char *sheet, struct err *e)
{
	const char *part;
	int i;

	OBJ_CHECK(x, XLSX_MAGIC);
	sheet_reset(x);
	i = find_sheet(x, sheet);
	if (i < 0 || load(x) < 0)
		return xlsx_told(x, e);
	part = x->sheet_parts[i];
	x->total = x->total_load;
	if (xlsx_load_merges(x, part) < 0)
		return xlsx_told(x, e);
	x->in_data = false;
	if (xlsx_part_open(x, part, true) < 0)
		return xlsx_told(x, e);
	xlsx_parse_begin(x, sheet_start, sheet_end, true);
	x->picked = true;
	return 0;
}

/* Makes the row to give: of the cells that were read, if they are of this row, and the ranges over them. */
static bool give(struct xlsx *x, bool read)
{
	int n = read ? x->used : 0;
	bool any = false;

	for (int i = 0; i < n; i++) {
		x->out[i] = xlsx_cell_text(x, &x->cells[i]);
		x->out_error[i] = x->cells[i].error;
	}
	for (int i = 0; x->n_covers > 0 && i < x->max.columns; i++) {
		const struct cover *c = x->owner[i] ? &x->covers[x->owner[i] - 1] : NULL;
		if (!c)
			continue;
		for (; n <= i; n++) {
			x->out[n] = STR_LIT("");
			x->out_error[n] = false;
		}
		x->out[i] = c->text.n > 0 ? sb_str(&c->text) : STR_LIT("");
		x->out_error[i] = c->error;
	}
	while (n > 0 && x->out[n - 1].n == 0 && !x->out_error[n - 1])
		n--;
	for (int i = 0; i < n; i++) {
		any |= x->out[i].n > 0 || x->out_error[i];
		x->errors += x->out_error[i];
	}
	x->n_out = n;
	return any;
}

int xlsx_next(struct xlsx *x, struct str **cell, int *n, int *row, struct err *e)
{
	int rc;

	OBJ_CHECK(x, XLSX_MAGIC);
	if (x->rc == 0 && !x->picked && xlsx_pick(x, NULL, e) < 0)
		return x->rc;
	if (x->rc < 0)
		return xlsx_told(x, e);
	for (;;) {
		bool any;
		if (!x->have_row) {
			x->n_out = 0;
			rc = xlsx_parse(x);
			if (rc < 0)
				return xlsx_told(x, e);
			if (rc == 0)
				return 0;
		}
		xlsx_covers_expire(x, x->at);
		/* Rows that the file leaves out matter only where a merged range goes over them. */
		if (x->n_covers == 0)
			x->at = x->row;
		if (x->at < x->row) {
			any = give(x, false);
		} else {
			xlsx_covers_begin(x);
			any = give(x, true);
			x->have_row = false;
		}
		*row = x->at++;
		if (any)
			break;
	}
	*cell = x->out;
	*n = x->n_out;
	return 1;
}

bool xlsx_is_error(const struct xlsx *x, int i)
{
	OBJ_CHECK(x, XLSX_MAGIC);
	return i >= 0 && i < x->n_out && x->out_error[i];
}

int64_t xlsx_errors(const struct xlsx *x)
{
	OBJ_CHECK(x, XLSX_MAGIC);
	return x->errors;
}

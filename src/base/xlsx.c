#include "base/xlsx.h"

#include "base/arena.h"
#include "base/doc.h"
#include "base/num.h"
#include "base/time.h"

#include <expat.h>
#include <limits.h>
#include <malloc.h>
#include <math.h>
#include <stdarg.h>
#include <zip.h>

#define XLSX_MAGIC 0x71585a01u
#define CHUNK 65536
/* What the parser may hold: a part of many made-up names, or of one endless tag, would take all memory. */
#define HEAP_MAX ((size_t)16 << 20)
#define TAG_MAX ((size_t)1 << 20)
/* The parts that are read as a tree: the list of sheets, and where the parts are. */
#define TREE_TEXT_MAX ((size_t)16 << 20)
#define TREE_MAX ((size_t)64 << 20)
#define LINKS_MAX 10000
#define SHEETS_MAX 1024
#define RATIO_FROM ((size_t)16 << 20)
#define ROW_TEXT_MAX ((size_t)64 << 20)
#define STYLES_MAX 65536
#define COLUMNS_MOST 16384 /* XFD */
#define ROWS_MOST 1048576
#define DAY_MS INT64_C(86400000)

enum format { PLAIN, DATE, TIME, ELAPSED };

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

	uint8_t *formats; /* enum format, by the number of the format */
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

/* expat's allocator has no argument of its own: the count of the parser that runs in this thread. */
static _Thread_local size_t *heap;

static void *heap_realloc(void *p, size_t n)
{
	size_t old = p ? malloc_usable_size(p) : 0;

	if (n > HEAP_MAX || *heap - old > HEAP_MAX - n)
		return NULL;
	p = xrealloc(p, n);
	*heap = *heap - old + malloc_usable_size(p);
	return p;
}

static void *heap_malloc(size_t n)
{
	return heap_realloc(NULL, n);
}

static void heap_free(void *p)
{
	if (p)
		*heap -= malloc_usable_size(p);
	free(p);
}

/* "AB12" of a column from 0 and a row; buf of 24 bytes. */
static const char *cell_name(int col, int row, char *buf)
{
	char letters[8];
	int n = 0, o = 0;

	for (int c = col + 1; c > 0; c = (c - 1) / 26)
		letters[n++] = (char)('A' + (c - 1) % 26);
	while (n > 0)
		buf[o++] = letters[--n];
	snprintf(buf + o, 24 - (size_t)o, "%d", row);
	return buf;
}

/* The first failure is kept, with the place that is being read, and stops the parser. */
static int fail(struct xlsx *x, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int fail(struct xlsx *x, int code, const char *fmt, ...)
{
	char cell[24];
	va_list ap;

	if (x->rc < 0)
		return x->rc;
	x->rc = code;
	x->why = (struct err)ERR_INIT;
	va_start(ap, fmt);
	err_vset(&x->why, code, fmt, ap);
	va_end(ap);
	err_at(&x->why, x->part, x->row, x->in_cell ? x->col + 1 : 0,
	        x->in_cell ? cell_name(x->col, x->row, cell) : NULL);
	if (x->parser)
		XML_StopParser(x->parser, XML_FALSE);
	return code;
}

/* Hands the failure out. */
static int told(const struct xlsx *x, struct err *e)
{
	if (e)
		*e = x->why;
	return x->rc;
}

/* ---- parts ---- */

static int64_t find_part(const struct xlsx *x, const char *name)
{
	int64_t at = zip_name_locate(x->zip, name, 0);

	return at >= 0 ? at : zip_name_locate(x->zip, name, ZIP_FL_NOCASE);
}

static void part_close(struct xlsx *x)
{
	heap = &x->heap;
	if (x->parser)
		XML_ParserFree(x->parser);
	heap = NULL;
	x->parser = NULL;
	if (x->in)
		zip_fclose(x->in);
	x->in = NULL;
}

static int part_open(struct xlsx *x, const char *name, bool counted)
{
	int64_t at = find_part(x, name);
	zip_stat_t st;

	part_close(x);
	x->part = name;
	if (at < 0)
		return fail(x, ERR_INVALID,
		        "the workbook names this part but does not have it; open it in a spreadsheet program "
		        "and "
		        "save it again");
	if (zip_stat_index(x->zip, (zip_uint64_t)at, 0, &st) < 0)
		return fail(x, ERR_INVALID, "%s", zip_strerror(x->zip));
	if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE)
		return fail(x, ERR_INVALID, "the workbook is encrypted; save it without a password");
	if ((st.valid & ZIP_STAT_COMP_METHOD) && st.comp_method != ZIP_CM_STORE &&
	        st.comp_method != ZIP_CM_DEFLATE)
		return fail(x, ERR_INVALID, "packed by method %d, which an .xlsx file does not use",
		        (int)st.comp_method);
	x->in = zip_fopen_index(x->zip, (zip_uint64_t)at, 0);
	if (!x->in)
		return fail(x, ERR_INVALID, "the part cannot be unpacked: %s", zip_strerror(x->zip));
	x->packed = x->file.n;
	if ((st.valid & ZIP_STAT_COMP_SIZE) && st.comp_size < x->packed)
		x->packed = st.comp_size;
	x->unpacked = 0;
	x->counted = counted;
	x->fed = false;
	x->depth = x->silent = 0;
	x->take = false;
	return 0;
}

/* Bytes read, 0 at the end of the part, a failure. */
static int part_read(struct xlsx *x, void *buf, int cap)
{
	zip_int64_t n = zip_fread(x->in, buf, (zip_uint64_t)cap);

	if (n < 0)
		return fail(x, ERR_INVALID, "the part is damaged (%s); send the file anew",
		        zip_file_strerror(x->in));
	x->unpacked += (size_t)n;
	if (!x->counted)
		x->total += (size_t)n;
	if (x->unpacked > x->max.part_b)
		return fail(x, ERR_TOOBIG, "unpacks to more than the %zu bytes that are taken of one part",
		        x->max.part_b);
	if (x->total > x->max.total_b)
		return fail(x, ERR_TOOBIG, "the workbook unpacks to more than the %zu bytes that are taken",
		        x->max.total_b);
	if (x->unpacked > RATIO_FROM && x->unpacked / (size_t)x->max.ratio > x->packed)
		return fail(x, ERR_TOOBIG, "unpacks to more than %d times its packed size, as no sheet does",
		        x->max.ratio);
	return (int)n;
}

/* ---- XML, streamed ---- */

static void on_doctype(
        void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int internal)
{
	(void)name;
	(void)system;
	(void)public;
	(void)internal;
	fail(arg, ERR_INVALID, "document type declarations (DOCTYPE) and their entities are not taken");
}

static void on_text(void *arg, const XML_Char *s, int n)
{
	struct xlsx *x = arg;

	if (!x->take || x->rc < 0)
		return;
	/* An escape of seven bytes is one character; what is too long for sure need not be gathered. */
	if (x->text.n + (size_t)n > (size_t)x->max.cell_chars * 8)
		fail(x, ERR_TOOBIG, "a text of more than %d characters", x->max.cell_chars);
	else
		sb_put(&x->text, s, (size_t)n);
}

static void parse_begin(
        struct xlsx *x, XML_StartElementHandler start, XML_EndElementHandler end, bool with_text)
{
	static const XML_Memory_Handling_Suite suite = {heap_malloc, heap_realloc, heap_free};

	must(x->parser == NULL);
	x->heap = 0;
	heap = &x->heap;
	x->parser = XML_ParserCreate_MM(NULL, &suite, NULL);
	heap = NULL;
	must(x->parser);
	XML_SetUserData(x->parser, x);
	XML_SetElementHandler(x->parser, start, end);
	if (with_text)
		XML_SetCharacterDataHandler(x->parser, on_text);
	XML_SetStartDoctypeDeclHandler(x->parser, on_doctype);
}

static int bad_xml(struct xlsx *x)
{
	enum XML_Error why = XML_GetErrorCode(x->parser);

	if (why == XML_ERROR_NO_MEMORY)
		return fail(x, ERR_TOOBIG,
		        "its XML takes more than %zu MiB of memory to read, as no sheet's does",
		        HEAP_MAX >> 20);
	return fail(x, ERR_INVALID,
	        "not well-formed XML: %s; open the file in a spreadsheet program and save it "
	        "again",
	        XML_ErrorString(why));
}

static int parse_step(struct xlsx *x, bool resume)
{
	enum XML_Status st;
	void *buf;
	int n;

	if (resume) {
		st = XML_ResumeParser(x->parser);
	} else {
		buf = XML_GetBuffer(x->parser, CHUNK);
		if (!buf)
			return bad_xml(x);
		n = part_read(x, buf, CHUNK);
		if (n < 0)
			return n;
		x->fed = n == 0;
		st = XML_ParseBuffer(x->parser, n, n == 0);
	}
	if (x->rc < 0)
		return x->rc;
	if (st == XML_STATUS_ERROR)
		return bad_xml(x);
	if (st == XML_STATUS_SUSPENDED)
		return 1;
	/* A tag is understood when it is whole; until then it is kept, and read again with each chunk. */
	XML_Index understood = XML_GetCurrentByteIndex(x->parser);
	if (x->unpacked > TAG_MAX && understood < (XML_Index)(x->unpacked - TAG_MAX))
		return fail(x, ERR_TOOBIG, "a tag or comment of more than %zu MiB", TAG_MAX >> 20);
	return 0;
}

/* Reads on until a handler stops the parser (1), the part ends (0) or something fails. */
static int parse(struct xlsx *x)
{
	for (;;) {
		XML_ParsingStatus now;
		bool resume;
		int rc;
		XML_GetParsingStatus(x->parser, &now);
		resume = now.parsing == XML_SUSPENDED;
		if (x->fed && !resume)
			return 0;
		heap = &x->heap;
		rc = parse_step(x, resume);
		heap = NULL;
		if (rc != 0)
			return rc;
	}
}

/* Reads a whole part. */
static int parse_part(struct xlsx *x, const char *name, bool counted, XML_StartElementHandler start,
        XML_EndElementHandler end, bool with_text)
{
	int rc = part_open(x, name, counted);

	if (rc == 0) {
		parse_begin(x, start, end, with_text);
		rc = parse(x);
		must(rc <= 0);
	}
	part_close(x);
	return rc;
}

/* Counts an element in; its depth (0 for the root), or -1 when it is not to be looked at. */
static int enter(struct xlsx *x)
{
	if (x->rc < 0)
		return -1;
	if (x->depth == x->max.depth) {
		fail(x, ERR_TOOBIG, "elements nested deeper than %d levels", x->max.depth);
		return -1;
	}
	return x->depth++;
}

/* Without its prefix: where a name stands tells enough. */
static const char *local(const XML_Char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

static const char *attr(const XML_Char **atts, const char *name)
{
	for (; *atts; atts += 2) {
		if (strcmp(atts[0], name) == 0)
			return atts[1];
	}
	return NULL;
}

/* A whole number from 0 to most; -1 otherwise. */
static int small_number(const char *s, int most)
{
	int64_t v;

	return s && num_int(str_of(s), &v) && v >= 0 && v <= most ? (int)v : -1;
}

/* ---- which parts there are ---- */

static bool ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

static int read_tree(struct xlsx *x, struct arena *a, const char *name, struct xml **root)
{
	struct sb text = {.max = TREE_TEXT_MAX};
	struct err e = ERR_INIT;
	char buf[16384];
	int rc = part_open(x, name, false);

	while (rc == 0) {
		int n = part_read(x, buf, sizeof(buf));
		if (n <= 0) {
			rc = n;
			break;
		}
		sb_put(&text, buf, (size_t)n);
		if (text.failed)
			rc = fail(x, ERR_TOOBIG, "larger than 16 MiB, which is too much for this part");
	}
	if (rc == 0 && doc_parse_xml(a, sb_str(&text), name, root, &e) < 0) {
		rc = x->rc = e.code == ERR_NOMEM ? ERR_TOOBIG : e.code;
		x->why = e;
		x->why.code = rc;
	}
	sb_fini(&text);
	part_close(x);
	return rc;
}

/* The part that a link in the folder of part `from` leads to; NULL when out of memory. */
static const char *resolve(struct arena *a, const char *from, const char *target)
{
	const char *slash = strrchr(from, '/');
	char *path, *p, *out;

	if (*target == '/')
		path = arena_strdup(a, target + 1);
	else
		path = arena_printf(a, "%.*s%s", slash ? (int)(slash - from + 1) : 0, from, target);
	if (!path)
		return NULL;
	for (p = out = path; *p;) {
		const char *end = strchrnul(p, '/');
		size_t n = (size_t)(end - p);
		if (n == 2 && p[0] == '.' && p[1] == '.') {
			/* Back over the folder before; out is at the begin or behind a slash. */
			if (out > path)
				out--;
			while (out > path && out[-1] != '/')
				out--;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			memmove(out, p, n);
			out += n;
			if (*end)
				*out++ = '/';
		}
		p += n + (*end != '\0');
	}
	*out = '\0';
	return path;
}

/* "xl/_rels/workbook.xml.rels" of "xl/workbook.xml". */
static const char *links_of(struct arena *a, const char *part)
{
	const char *slash = strrchr(part, '/');
	int n = slash ? (int)(slash - part + 1) : 0;

	return arena_printf(a, "%.*s_rels/%s.rels", n, part, part + n);
}

/* The first link within the file whose kind ends in `kind`, with this id unless NULL; NULL if there is none.
 */
static const struct xml *find_link(const struct xml *links, const char *kind, const char *id)
{
	for (const struct xml *l = links ? links->child : NULL; l; l = l->next) {
		if (ends_with(xml_attr(l, "Type", ""), kind) &&
		        (!id || strcmp(xml_attr(l, "Id", ""), id) == 0) &&
		        strcmp(xml_attr(l, "TargetMode", ""), "External") != 0 && *xml_attr(l, "Target", ""))
			return l;
	}
	return NULL;
}

static int read_links(struct xlsx *x, struct arena *a, const char *part, struct xml **links)
{
	const char *name = links_of(a, part);
	int rc, n = 0;

	*links = NULL;
	if (!name)
		return fail(x, ERR_TOOBIG, "too large for the memory of one workbook");
	if (find_part(x, name) < 0)
		return 0;
	rc = read_tree(x, a, name, links);
	for (const struct xml *l = rc == 0 ? (*links)->child : NULL; l; l = l->next)
		n++;
	if (n > LINKS_MAX)
		return fail(x, ERR_TOOBIG, "more than %d parts", LINKS_MAX);
	return rc;
}

/* Where the target of the first link of this kind is, or `usual` if the workbook has that; else NULL. */
static const char *linked_part(
        struct xlsx *x, const struct xml *links, const char *from, const char *kind, const char *usual)
{
	const struct xml *l = find_link(links, kind, NULL);

	if (l)
		return resolve(x->a, from, xml_attr(l, "Target", ""));
	return find_part(x, usual) >= 0 ? usual : NULL;
}

/* The id of a sheet's link: the attribute "id" of either edition's namespace. */
static const char *link_id(const struct xml *sheet)
{
	for (const struct xml_attr *t = sheet->attr; t; t = t->next) {
		if (strcmp(t->name, "id") == 0 && *t->ns)
			return t->value;
	}
	return "";
}

static bool is_true(const char *s)
{
	return strcmp(s, "1") == 0 || strcmp(s, "true") == 0 || strcmp(s, "on") == 0;
}

static int list_sheets(struct xlsx *x, const struct xml *book, const struct xml *links, const char *part)
{
	const struct xml *list = xml_child(book, "sheets");
	size_t count = 0;

	for (const struct xml *s = list ? list->child : NULL; s; s = s->next)
		count++;
	if (count > SHEETS_MAX)
		return fail(x, ERR_TOOBIG, "more than %d sheets", SHEETS_MAX);
	x->sheets = arena_array(x->a, count + 1, sizeof(*x->sheets));
	x->sheet_parts = arena_array(x->a, count + 1, sizeof(*x->sheet_parts));
	for (const struct xml *s = list ? list->child : NULL; s && x->sheets && x->sheet_parts; s = s->next) {
		const struct xml *l = find_link(links, "/worksheet", link_id(s));
		struct xlsx_sheet *to = &x->sheets[x->n_sheets];
		const char **at = &x->sheet_parts[x->n_sheets];
		if (!l)
			continue; /* a chart, a macro sheet */
		to->name = arena_strdup(x->a, xml_attr(s, "name", ""));
		to->hidden = strcmp(xml_attr(s, "state", "visible"), "visible") != 0;
		*at = resolve(x->a, part, xml_attr(l, "Target", ""));
		if (!to->name || !*at)
			break;
		x->n_sheets++;
	}
	if (arena_failed(x->a))
		return fail(x, ERR_TOOBIG, "too large for the memory of one workbook");
	if (x->n_sheets == 0)
		return fail(x, ERR_INVALID, "the workbook has no worksheet");
	return 0;
}

static int open_book(struct xlsx *x)
{
	struct arena *a = arena_new(TREE_MAX);
	struct xml *links = NULL, *book = NULL;
	const char *part;
	int rc = read_links(x, a, "", &links);

	if (rc < 0)
		goto out;
	part = linked_part(x, links, "", "/officeDocument", "xl/workbook.xml");
	if (!part || ends_with(part, ".bin")) {
		x->part = NULL;
		rc = fail(x, ERR_INVALID, "%s; save it as .xlsx",
		        part                               ? "this is an .xlsb workbook"
		        : find_part(x, "content.xml") >= 0 ? "this is an OpenDocument file"
		                                           : "this archive is no workbook");
		goto out;
	}
	if ((rc = read_tree(x, a, part, &book)) < 0 || (rc = read_links(x, a, part, &links)) < 0)
		goto out;
	x->part = part;
	x->date1904 = is_true(xml_attr(xml_child(book, "workbookPr"), "date1904", "0"));
	x->strings_part = linked_part(x, links, part, "/sharedStrings", "xl/sharedStrings.xml");
	x->styles_part = linked_part(x, links, part, "/styles", "xl/styles.xml");
	rc = list_sheets(x, book, links, part);
out:
	arena_free(&a);
	return rc;
}

static int open_zip(struct xlsx *x)
{
	static const char ole[8] = "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";
	zip_error_t why;
	zip_source_t *source;
	int rc = 0;

	if (x->file.n >= sizeof(ole) && memcmp(x->file.p, ole, sizeof(ole)) == 0)
		return fail(x, ERR_INVALID,
		        "this is an old .xls or an encrypted workbook; save it as .xlsx without a password");
	if (x->file.n == 0)
		return fail(x, ERR_INVALID, "the file is empty");
	zip_error_init(&why);
	source = zip_source_buffer_create(x->file.p, x->file.n, 0, &why);
	must(source);
	x->zip = zip_open_from_source(source, ZIP_RDONLY, &why);
	if (!x->zip) {
		rc = fail(x, ERR_INVALID,
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
		rc = open_book(x);
	if (rc < 0) {
		told(x, e);
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
	part_close(x);
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

/* ---- shared strings ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}

/* "_x000D_", seven bytes: how the format writes what XML has no character for (ECMA-376, 22.9.2.19). */
static bool escape_at(const char *p, size_t n, uint32_t *c)
{
	if (n < 7 || p[0] != '_' || p[1] != 'x' || p[6] != '_')
		return false;
	*c = 0;
	for (int i = 2; i < 6; i++) {
		int h = hex_digit(p[i]);
		if (h < 0)
			return false;
		*c = *c << 4 | (uint32_t)h;
	}
	return true;
}

/* In place; the new length. Zeros are left out. */
static size_t unescape(char *p, size_t n)
{
	size_t o = 0;
	uint32_t c, low;

	if (n < 7 || !memmem(p, n, "_x", 2))
		return n;
	for (size_t i = 0; i < n;) {
		if (!escape_at(p + i, n - i, &c)) {
			p[o++] = p[i++];
			continue;
		}
		i += 7;
		if (c >= 0xd800 && c < 0xdc00 && escape_at(p + i, n - i, &low) && low >= 0xdc00 &&
		        low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 7;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		if (c != 0) {
			char buf[4];
			size_t len = utf8_encode(c, buf);
			memcpy(p + o, buf, len);
			o += len;
		}
	}
	return o;
}

/* Text of a string item or inline string: in t, alone or in runs, but not in the reading (rPh). */
static void text_start(struct xlsx *x, const char *name, int depth)
{
	if (x->silent)
		return;
	if (strcmp(name, "t") == 0)
		x->take = true;
	else if (strcmp(name, "rPh") == 0)
		x->silent = depth;
}

static void text_end(struct xlsx *x, int depth)
{
	x->take = false;
	if (x->silent == depth)
		x->silent = 0;
}

static void strings_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	int depth = enter(x);

	(void)atts;
	if (depth == 1)
		sb_reset(&x->text);
	else if (depth > 1)
		text_start(x, local(full), depth);
}

static void strings_end(void *arg, const XML_Char *full)
{
	struct xlsx *x = arg;

	if (x->rc < 0)
		return;
	x->depth--;
	if (x->depth > 1)
		text_end(x, x->depth);
	if (x->depth != 1 || strcmp(local(full), "si") != 0)
		return;
	sb_put(&x->strings, x->text.p, unescape(x->text.p, x->text.n));
	if (x->strings.failed || x->strings.n + (x->n_strings + 1) * 8 > x->max.strings_b) {
		fail(x, ERR_TOOBIG, "more than the %zu bytes of shared strings that are taken",
		        x->max.strings_b);
		return;
	}
	x->string_end = xgrow(x->string_end, &x->string_cap, x->n_strings + 1, sizeof(*x->string_end));
	x->string_end[x->n_strings++] = x->strings.n;
}

/* ---- formats ---- */

/* The text of a pair of brackets is h, hh, m, ss…: time that runs past 24 hours. */
static bool is_elapsed(struct str s)
{
	char c = s.n > 0 ? (char)(s.p[0] | 0x20) : 0;

	if (c != 'h' && c != 'm' && c != 's')
		return false;
	for (size_t i = 1; i < s.n; i++) {
		if ((s.p[i] | 0x20) != c)
			return false;
	}
	return true;
}

/* What a number format shows, by its letters outside quotes, brackets and escapes. */
static enum format format_of(const char *code)
{
	bool date = false, time = false, month = false, elapsed = false;

	for (const char *p = code; *p; p++) {
		switch (*p) {
		case '"': p = strchrnul(p + 1, '"'); break;
		case '[': {
			const char *end = strchrnul(p, ']');
			elapsed = elapsed || is_elapsed((struct str){p + 1, (size_t)(end - p) - 1});
			p = end;
			break;
		}
		case '\\':
		case '_':
		case '*': p++; break;
		case 'y':
		case 'Y':
		case 'd':
		case 'D': date = true; break;
		case 'h':
		case 'H':
		case 's':
		case 'S': time = true; break;
		case 'm':
		case 'M': month = true; break;
		default: break;
		}
		if (!*p)
			break;
	}
	return date ? DATE : elapsed ? ELAPSED : time ? TIME : month ? DATE : PLAIN;
}

static enum format builtin_format(int id)
{
	if (id == 46)
		return ELAPSED;
	if ((id >= 18 && id <= 21) || id == 45 || id == 47)
		return TIME;
	if ((id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58))
		return DATE;
	return PLAIN;
}

static void styles_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	const char *name = local(full), *code;
	int depth = enter(x), id;

	if (depth == 1) {
		x->in_formats = strcmp(name, "numFmts") == 0;
		x->in_styles = strcmp(name, "cellXfs") == 0;
	} else if (depth == 2 && x->in_formats && strcmp(name, "numFmt") == 0) {
		id = small_number(attr(atts, "numFmtId"), UINT16_MAX);
		code = attr(atts, "formatCode");
		if (id >= 0 && code)
			x->formats[id] = (uint8_t)format_of(code);
	} else if (depth == 2 && x->in_styles && strcmp(name, "xf") == 0) {
		if (x->n_styles == STYLES_MAX) {
			fail(x, ERR_TOOBIG, "more than %d cell styles", STYLES_MAX);
			return;
		}
		id = small_number(attr(atts, "numFmtId"), UINT16_MAX);
		x->styles = xgrow(x->styles, &x->style_cap, x->n_styles + 1, sizeof(*x->styles));
		x->styles[x->n_styles++] = (uint16_t)(id >= 0 ? id : 0);
	}
}

static void count_out(void *arg, const XML_Char *name)
{
	struct xlsx *x = arg;

	(void)name;
	if (x->rc == 0)
		x->depth--;
}

static int load(struct xlsx *x)
{
	int rc = 0;

	if (x->loaded)
		return 0;
	x->total = x->total_open;
	sb_reset(&x->strings);
	x->n_strings = 0;
	x->n_styles = 0;
	if (!x->formats)
		x->formats = xcalloc(UINT16_MAX + 1, 1);
	for (int i = 0; i <= UINT16_MAX; i++)
		x->formats[i] = (uint8_t)builtin_format(i);
	if (x->styles_part)
		rc = parse_part(x, x->styles_part, false, styles_start, count_out, false);
	if (rc == 0 && x->strings_part)
		rc = parse_part(x, x->strings_part, false, strings_start, strings_end, true);
	x->loaded = rc == 0;
	x->total_load = x->total;
	return rc;
}

/* ---- values ---- */

/* A decimal of at most 15 digits without an exponent is put as it is, less the zeros that say nothing. */
static bool put_short_number(struct sb *b, struct str s)
{
	size_t i = 0, whole, point, digits = 0, zeros = 0, end;
	bool negative = s.n > 0 && s.p[0] == '-';

	i = negative ? 1 : 0;
	while (i < s.n && s.p[i] == '0')
		i++;
	for (whole = i; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		digits++;
	point = end = i;
	if (i == (negative ? 1 : 0))
		return false;
	if (i < s.n && s.p[i] == '.') {
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
			digits += digits > 0 || s.p[i] != '0';
			zeros += digits == 0;
			if (s.p[i] != '0')
				end = i + 1;
		}
	}
	if (i < s.n || digits > 15 || (digits > 0 && zeros > 6))
		return false;
	if (negative && digits > 0)
		sb_putc(b, '-');
	if (point == whole)
		sb_putc(b, '0');
	sb_put(b, s.p + whole, end - whole);
	return true;
}

static bool put_number(struct sb *b, struct str s)
{
	char buf[48];
	double v;

	if (put_short_number(b, s))
		return true;
	if (!num_double(s, false, &v))
		return false;
	/* What is beyond 15 digits is the noise of binary fractions, and a spreadsheet does not show it. */
	snprintf(buf, sizeof(buf), "%.14e", v);
	if (!num_double(str_of(buf), false, &v))
		return false;
	sb_put(b, buf, num_format(v == 0 ? 0 : v, buf));
	return true;
}

/* False when the calendar has no such day. */
static bool put_date(struct sb *b, double v, enum format kind, bool date1904)
{
	struct civil c = {0};
	int64_t ms, day, base;
	int h, m, s, milli;

	if (!(v >= 0 && v < 3e6))
		return false;
	ms = llround(v * (double)DAY_MS);
	day = ms / DAY_MS;
	ms %= DAY_MS;
	h = (int)(ms / 3600000);
	m = (int)(ms / 60000 % 60);
	s = (int)(ms / 1000 % 60);
	milli = (int)(ms % 1000);
	if (kind == ELAPSED) {
		sb_printf(b, "%02d:%02d:%02d", (int)day * 24 + h, m, s);
	} else if (day == 0 && (kind == TIME || !date1904)) {
		sb_printf(b, "%02d:%02d:%02d", h, m, s);
	} else {
		/* Day 60 is a 29 February 1900 that never was, made for the sake of an older program. */
		base = date1904    ? civil_days(1904, 1, 1)
		       : day >= 60 ? civil_days(1899, 12, 30)
		                   : civil_days(1899, 12, 31);
		civil_from_days(base + day, &c);
		if (c.year > 9999)
			return false;
		sb_printf(b, "%04d-%02d-%02d", c.year, c.month, c.day);
		if (ms == 0)
			return true;
		sb_printf(b, "T%02d:%02d:%02d", h, m, s);
	}
	if (milli > 0)
		sb_printf(b, ".%03d", milli);
	return true;
}

/* An ISO 8601 date cell: midnight is no time. */
static struct str without_midnight(struct str s)
{
	const char *t = s.n > 0 ? memchr(s.p, 'T', s.n) : NULL;

	if (!t)
		return s;
	for (const char *p = t + 1; p < s.p + s.n; p++) {
		if (!strchr("0:.Z", *p) || !*p)
			return s;
	}
	return (struct str){s.p, (size_t)(t - s.p)};
}

/* ---- merged ranges ---- */

/* "AB12": the column from 0 and the row, which may be left out (0); false if it is no such thing. */
static bool cell_ref(struct str s, int *col, int *row)
{
	size_t i = 0;
	int c = 0;
	int64_t r = 0;

	for (; i < s.n && s.p[i] >= 'A' && s.p[i] <= 'Z'; i++) {
		c = c * 26 + (s.p[i] - 'A' + 1);
		if (c > COLUMNS_MOST)
			return false;
	}
	for (*row = 0; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
		r = r * 10 + (s.p[i] - '0');
		if (r > ROWS_MOST)
			return false;
	}
	*col = c - 1;
	*row = (int)r;
	return c > 0 && i == s.n;
}

static void merges_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	const char *name = local(full);
	int depth = enter(x);
	struct str rest, first;
	struct merge m;

	if (depth == 1)
		x->in_data = strcmp(name, "mergeCells") == 0;
	if (depth != 2 || !x->in_data || strcmp(name, "mergeCell") != 0)
		return;
	rest = str_of(attr(atts, "ref"));
	first = str_cut(&rest, ':');
	if (!cell_ref(first, &m.col1, &m.row1) || m.row1 == 0) {
		fail(x, ERR_INVALID, "the merged range \"%.40s\" is none", attr(atts, "ref") ? first.p : "");
		return;
	}
	if (!rest.p)
		return; /* one cell */
	if (!cell_ref(rest, &m.col2, &m.row2) || m.row2 < m.row1 || m.col2 < m.col1) {
		fail(x, ERR_INVALID, "the merged range \"%.40s\" is none", first.p);
		return;
	}
	if (m.col1 >= x->max.columns)
		return;
	if (m.col2 >= x->max.columns)
		m.col2 = x->max.columns - 1;
	if (x->n_merges == (size_t)x->max.merges) {
		fail(x, ERR_TOOBIG, "more than %d merged ranges", x->max.merges);
		return;
	}
	x->merges = xgrow(x->merges, &x->merge_cap, x->n_merges + 1, sizeof(*x->merges));
	x->merges[x->n_merges++] = m;
}

static int merge_cmp(const void *a, const void *b)
{
	const struct merge *m = a, *o = b;
	int by_row = (m->row1 > o->row1) - (m->row1 < o->row1);

	return by_row ? by_row : (m->col1 > o->col1) - (m->col1 < o->col1);
}

/*
 * Merged ranges stand behind the rows that they are about. Few sheets have any: the bytes are looked through
 * first, and only a sheet that seems to have some is read twice.
 */
static int scan_sheet(struct xlsx *x, const char *part, bool *merged)
{
	static const char word[] = "mergeCell";
	enum { KEPT = sizeof(word) - 2 };
	char *buf = xcalloc(1, KEPT + CHUNK);
	size_t kept = 0;
	int rc = part_open(x, part, false), n = 0;

	*merged = false;
	while (rc == 0 && (n = part_read(x, buf + kept, CHUNK)) > 0) {
		size_t all = kept + (size_t)n;
		/* Zeros: UTF-16, in which the word looks different. */
		if (!*merged && (memmem(buf, all, word, sizeof(word) - 1) || memchr(buf, 0, all)))
			*merged = true;
		kept = all < KEPT ? all : KEPT;
		memmove(buf, buf + all - kept, kept);
	}
	if (n < 0)
		rc = n;
	free(buf);
	part_close(x);
	return rc;
}

/* The present row is past some ranges. */
static void covers_expire(struct xlsx *x, int row)
{
	for (int i = 0; x->n_covers > 0 && i < x->max.columns; i++) {
		struct cover *c = &x->covers[i];
		if (!c->used || c->row2 >= row)
			continue;
		for (int k = c->col1; k <= c->col2; k++) {
			if (x->owner[k] == i + 1)
				x->owner[k] = 0;
		}
		c->used = false;
		x->n_covers--;
	}
}

static struct str cell_text(const struct xlsx *x, const struct cell *c)
{
	if (c->n == 0)
		return STR_LIT("");
	return (struct str){c->shared ? c->shared : x->row_text.p + c->off, c->n};
}

/* The ranges that begin in the row that was read. Of two that overlap, which none should, the first counts.
 */
static void covers_begin(struct xlsx *x)
{
	while (x->merge_next < x->n_merges && x->merges[x->merge_next].row1 <= x->row) {
		const struct merge *m = &x->merges[x->merge_next++];
		struct cover *c = x->covers;
		bool any = false;
		if (m->row1 < x->row)
			continue; /* the file has no such row: nothing is in it */
		for (int k = m->col1; k <= m->col2; k++)
			any |= x->owner[k] == 0;
		if (!any)
			continue;
		/* Each one has a column of its own, so there are never more than columns. */
		while (c->used)
			c++;
		for (int k = m->col1; k <= m->col2; k++) {
			if (x->owner[k] == 0)
				x->owner[k] = (int)(c - x->covers) + 1;
		}
		c->used = true;
		c->row2 = m->row2;
		c->col1 = m->col1;
		c->col2 = m->col2;
		c->error = x->cells[m->col1].error;
		sb_reset(&c->text);
		sb_putstr(&c->text, cell_text(x, &x->cells[m->col1]));
		x->n_covers++;
	}
}

/* ---- rows ---- */

/* The text that begins at `off` of row_text, or a shared one, becomes the present cell. */
static void cell_set(struct xlsx *x, const char *shared, size_t off, size_t n, bool error)
{
	if (n == 0 && !error)
		return;
	if (x->row > x->max.rows) {
		fail(x, ERR_TOOBIG, "the sheet has more than the %d rows that are taken; split it",
		        x->max.rows);
		return;
	}
	if (x->col >= x->max.columns) {
		fail(x, ERR_TOOBIG, "the sheet has more than the %d columns that are taken", x->max.columns);
		return;
	}
	if (n > (size_t)x->max.cell_chars && utf8_length((struct str){shared ? shared : x->row_text.p + off,
	                                             n}) > (size_t)x->max.cell_chars) {
		fail(x, ERR_TOOBIG, "a text of more than %d characters", x->max.cell_chars);
		return;
	}
	if (x->row_text.failed) {
		fail(x, ERR_TOOBIG, "more than %zu MiB of text in one row", ROW_TEXT_MAX >> 20);
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
		fail(x, ERR_INVALID,
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
	enum format kind = x->style < x->n_styles ? (enum format)x->formats[x->styles[x->style]] : PLAIN;
	size_t off = x->row_text.n;
	double v;

	if (kind != PLAIN && num_double(s, false, &v) && put_date(&x->row_text, v, kind, x->date1904)) {
		cell_set(x, NULL, off, x->row_text.n - off, false);
		return;
	}
	if (!put_number(&x->row_text, s)) {
		fail(x, ERR_INVALID, "is said to be a number, but is \"%.20s\"", x->text.p);
		return;
	}
	cell_set(x, NULL, off, x->row_text.n - off, false);
}

static void cell_end(struct xlsx *x)
{
	struct str s = str_trim(sb_str(&x->text));
	size_t off = x->row_text.n;

	if (x->type == 'S' || x->type == 'i') {
		sb_put(&x->row_text, x->text.p, unescape(x->text.p, x->text.n));
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
		sb_putstr(&x->row_text, without_midnight(s));
		cell_set(x, NULL, off, x->row_text.n - off, false);
	} else {
		cell_number(x, s);
	}
	x->in_cell = false;
}

static void row_begin(struct xlsx *x, const XML_Char **atts)
{
	const char *r = attr(atts, "r");
	int row = r ? small_number(r, ROWS_MOST) : x->row + 1;

	if (row <= x->row || row > ROWS_MOST) {
		fail(x, ERR_INVALID,
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
		else if (atts[0][0] == 's' && (style = small_number(atts[1], STYLES_MAX)) > 0)
			x->style = (size_t)style;
	}
	x->type = !t                                     ? 'n'
	          : strcmp(t, "str") == 0                ? 'S'
	          : strcmp(t, "inlineStr") == 0          ? 'i'
	          : strlen(t) == 1 && strchr("sbed", *t) ? *t
	                                                 : 'n';
	sb_reset(&x->text);
	x->col++;
	if (r && !cell_ref(str_of(r), &x->col, &row)) {
		x->col = 0;
		fail(x, ERR_INVALID, "a cell has the place \"%.20s\", which is none", r);
		return;
	}
	if (x->col >= COLUMNS_MOST) {
		fail(x, ERR_INVALID, "more than %d cells in a row", COLUMNS_MOST);
		return;
	}
	x->in_cell = true;
}

static void sheet_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	const char *name = local(full);
	int depth = enter(x);

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
		text_start(x, name, depth);
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
		text_end(x, x->depth);
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
	fail(x, ERR_NOTFOUND, "the workbook has no sheet \"%.80s\"; it has %s", name, b.p ? b.p : "none");
	sb_fini(&b);
	return -1;
}

static void sheet_reset(struct xlsx *x)
{
	part_close(x);
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
	covers_expire(x, INT_MAX);
}

int xlsx_pick(struct xlsx *x, const char *sheet, struct err *e)
{
	const char *part;
	bool merged = false;
	int i;

	OBJ_CHECK(x, XLSX_MAGIC);
	sheet_reset(x);
	i = find_sheet(x, sheet);
	if (i < 0 || load(x) < 0)
		return told(x, e);
	part = x->sheet_parts[i];
	x->total = x->total_load;
	if (scan_sheet(x, part, &merged) < 0)
		return told(x, e);
	if (merged && parse_part(x, part, true, merges_start, count_out, false) < 0)
		return told(x, e);
	x->in_data = false;
	if (x->n_merges > 0) {
		qsort(x->merges, x->n_merges, sizeof(*x->merges), merge_cmp);
		if (!x->covers) {
			x->covers = xcalloc((size_t)x->max.columns, sizeof(*x->covers));
			x->owner = xcalloc((size_t)x->max.columns, sizeof(*x->owner));
		}
	}
	if (part_open(x, part, true) < 0)
		return told(x, e);
	parse_begin(x, sheet_start, sheet_end, true);
	x->picked = true;
	return 0;
}

/* Makes the row to give: of the cells that were read, if they are of this row, and the ranges over them. */
static bool give(struct xlsx *x, bool read)
{
	int n = read ? x->used : 0;
	bool any = false;

	for (int i = 0; i < n; i++) {
		x->out[i] = cell_text(x, &x->cells[i]);
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
		return told(x, e);
	for (;;) {
		bool any;
		if (!x->have_row) {
			x->n_out = 0;
			rc = parse(x);
			if (rc < 0)
				return told(x, e);
			if (rc == 0)
				return 0;
		}
		covers_expire(x, x->at);
		/* Rows that the file leaves out matter only where a merged range goes over them. */
		if (x->n_covers == 0)
			x->at = x->row;
		if (x->at < x->row) {
			any = give(x, false);
		} else {
			covers_begin(x);
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

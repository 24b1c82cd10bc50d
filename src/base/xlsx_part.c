/* The parts of an archive, unpacked and parsed as they come, within the limits. */
#include "base/xlsx_int.h"

#include "base/num.h"

#include <malloc.h>
#include <stdarg.h>

/* What the parser may hold: a part of many made-up names, or of one endless tag, would take all memory. */
#define HEAP_MAX ((size_t)16 << 20)
#define TAG_MAX ((size_t)1 << 20)
#define RATIO_FROM ((size_t)16 << 20)

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
int xlsx_fail(struct xlsx *x, int code, const char *fmt, ...)
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
int xlsx_told(const struct xlsx *x, struct err *e)
{
	if (e)
		*e = x->why;
	return x->rc;
}

/* ---- parts ---- */

int64_t xlsx_find_part(const struct xlsx *x, const char *name)
{
	int64_t at = zip_name_locate(x->zip, name, 0);

	return at >= 0 ? at : zip_name_locate(x->zip, name, ZIP_FL_NOCASE);
}

void xlsx_part_close(struct xlsx *x)
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

int xlsx_part_open(struct xlsx *x, const char *name, bool counted)
{
	int64_t at = xlsx_find_part(x, name);
	zip_stat_t st;

	xlsx_part_close(x);
	x->part = name;
	if (at < 0)
		return xlsx_fail(x, ERR_INVALID,
		        "the workbook names this part but does not have it; open it in a spreadsheet program "
		        "and "
		        "save it again");
	if (zip_stat_index(x->zip, (zip_uint64_t)at, 0, &st) < 0)
		return xlsx_fail(x, ERR_INVALID, "%s", zip_strerror(x->zip));
	if ((st.valid & ZIP_STAT_ENCRYPTION_METHOD) && st.encryption_method != ZIP_EM_NONE)
		return xlsx_fail(x, ERR_INVALID, "the workbook is encrypted; save it without a password");
	if ((st.valid & ZIP_STAT_COMP_METHOD) && st.comp_method != ZIP_CM_STORE &&
	        st.comp_method != ZIP_CM_DEFLATE)
		return xlsx_fail(x, ERR_INVALID, "packed by method %d, which an .xlsx file does not use",
		        (int)st.comp_method);
	x->in = zip_fopen_index(x->zip, (zip_uint64_t)at, 0);
	if (!x->in)
		return xlsx_fail(x, ERR_INVALID, "the part cannot be unpacked: %s", zip_strerror(x->zip));
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
int xlsx_part_read(struct xlsx *x, void *buf, int cap)
{
	zip_int64_t n = zip_fread(x->in, buf, (zip_uint64_t)cap);

	if (n < 0)
		return xlsx_fail(x, ERR_INVALID, "the part is damaged (%s); send the file anew",
		        zip_file_strerror(x->in));
	x->unpacked += (size_t)n;
	if (!x->counted)
		x->total += (size_t)n;
	if (x->unpacked > x->max.part_b)
		return xlsx_fail(x, ERR_TOOBIG,
		        "unpacks to more than the %zu bytes that are taken of one part", x->max.part_b);
	if (x->total > x->max.total_b)
		return xlsx_fail(x, ERR_TOOBIG,
		        "the workbook unpacks to more than the %zu bytes that are taken", x->max.total_b);
	if (x->unpacked > RATIO_FROM && x->unpacked / (size_t)x->max.ratio > x->packed)
		return xlsx_fail(x, ERR_TOOBIG,
		        "unpacks to more than %d times its packed size, as no sheet does", x->max.ratio);
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
	xlsx_fail(arg, ERR_INVALID, "document type declarations (DOCTYPE) and their entities are not taken");
}

static void on_text(void *arg, const XML_Char *s, int n)
{
	struct xlsx *x = arg;

	if (!x->take || x->rc < 0)
		return;
	/* An escape of seven bytes is one character; what is too long for sure need not be gathered. */
	if (x->text.n + (size_t)n > (size_t)x->max.cell_chars * 8)
		xlsx_fail(x, ERR_TOOBIG, "a text of more than %d characters", x->max.cell_chars);
	else
		sb_put(&x->text, s, (size_t)n);
}

void xlsx_parse_begin(
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
		return xlsx_fail(x, ERR_TOOBIG,
		        "its XML takes more than %zu MiB of memory to read, as no sheet's does",
		        HEAP_MAX >> 20);
	return xlsx_fail(x, ERR_INVALID,
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
		n = xlsx_part_read(x, buf, CHUNK);
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
		return xlsx_fail(x, ERR_TOOBIG, "a tag or comment of more than %zu MiB", TAG_MAX >> 20);
	return 0;
}

/* Reads on until a handler stops the parser (1), the part ends (0) or something fails. */
int xlsx_parse(struct xlsx *x)
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
int xlsx_parse_part(struct xlsx *x, const char *name, bool counted, XML_StartElementHandler start,
        XML_EndElementHandler end, bool with_text)
{
	int rc = xlsx_part_open(x, name, counted);

	if (rc == 0) {
		xlsx_parse_begin(x, start, end, with_text);
		rc = xlsx_parse(x);
		must(rc <= 0);
	}
	xlsx_part_close(x);
	return rc;
}

/* Counts an element in; its depth (0 for the root), or -1 when it is not to be looked at. */
int xlsx_enter(struct xlsx *x)
{
	if (x->rc < 0)
		return -1;
	if (x->depth == x->max.depth) {
		xlsx_fail(x, ERR_TOOBIG, "elements nested deeper than %d levels", x->max.depth);
		return -1;
	}
	return x->depth++;
}

/* Without its prefix: where a name stands tells enough. */
const char *xlsx_local(const XML_Char *name)
{
	const char *colon = strrchr(name, ':');

	return colon ? colon + 1 : name;
}

const char *xlsx_attr(const XML_Char **atts, const char *name)
{
	for (; *atts; atts += 2) {
		if (strcmp(atts[0], name) == 0)
			return atts[1];
	}
	return NULL;
}

/* A whole number from 0 to most; -1 otherwise. */
int xlsx_small_number(const char *s, int most)
{
	int64_t v;

	return s && num_int(str_of(s), &v) && v >= 0 && v <= most ? (int)v : -1;
}

void xlsx_count_out(void *arg, const XML_Char *name)
{
	struct xlsx *x = arg;

	(void)name;
	if (x->rc == 0)
		x->depth--;
}

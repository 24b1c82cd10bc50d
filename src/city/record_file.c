#include "city/record_file.h"
#include "base/charset.h"
#include "base/csv.h"
#include "base/xlsx.h"

#define TEXT_MAX ((size_t)256 << 20)

struct record_file {
	struct xlsx *xlsx; /* or, if NULL: */
	struct sb text;
	struct csv csv;
	struct arena *a; /* of one row */
};

/* The separator that the first line has most of. */
static char find_separator(struct str text)
{
	static const char candidates[] = {',', ';', '\t'};
	int count[3] = {0}, best = 0;
	bool quoted = false;

	for (size_t i = 0; i < text.n && (quoted || text.p[i] != '\n'); i++) {
		quoted ^= text.p[i] == '"';
		for (int k = 0; k < 3 && !quoted; k++)
			count[k] += text.p[i] == candidates[k];
	}
	for (int k = 1; k < 3; k++)
		if (count[k] > count[best])
			best = k;
	return candidates[best];
}

int record_file_open(struct str bytes, const char *sheet, struct record_file **out, struct err *e)
{
	struct record_file *f = xcalloc(1, sizeof(*f));
	int rc = 0;

	if (bytes.n == 0) {
		rc = err_set(e, ERR_INVALID, "the file is empty");
	} else if (str_starts(bytes, "PK\x03\x04") || str_starts(bytes, "\xd0\xcf\x11\xe0")) {
		rc = xlsx_open(bytes, NULL, &f->xlsx, e);
		if (rc == 0)
			rc = xlsx_pick(f->xlsx, sheet, e);
	} else {
		f->text.max = TEXT_MAX;
		f->a = arena_new(0);
		rc = charset_to_utf8(bytes, &f->text, NULL, e);
		if (rc == 0)
			csv_init(&f->csv, sb_str(&f->text), find_separator(sb_str(&f->text)));
	}
	if (rc < 0)
		record_file_close(&f);
	*out = f;
	return rc;
}

void record_file_close(struct record_file **fp)
{
	struct record_file *f = *fp;

	if (f == NULL)
		return;
	*fp = NULL;
	xlsx_close(&f->xlsx);
	sb_fini(&f->text);
	if (f->a != NULL)
		arena_free(&f->a);
	free(f);
}

static bool is_blank(const struct str *cell, int n)
{
	for (int i = 0; i < n; i++)
		if (str_trim(cell[i]).n > 0)
			return false;
	return true;
}

int record_file_next(struct record_file *f, struct str **cell, int *n, int *line, struct err *e)
{
	if (f->xlsx != NULL)
		return xlsx_next(f->xlsx, cell, n, line, e);
	do {
		arena_reset(f->a);
		f->csv.field = NULL; /* it lay in the arena */
		f->csv.cap = 0;
		*n = csv_row(&f->csv, f->a);
		*cell = f->csv.field;
		*line = f->csv.line;
	} while (*n > 0 && is_blank(*cell, *n));
	if (*n < 0) {
		err_set(e, ERR_INVALID, "line %d of the file: %s", f->csv.line, f->csv.bad);
		return err_at(e, NULL, f->csv.line, 0, NULL), ERR_INVALID;
	}
	return *n > 0;
}

#include "base/xlsx.h"

#include <zip.h>

/* Rows come in order and within the limits, cells are UTF-8; what fails has words; a second reading is the
 * same. The bytes are an archive, or, for the sake of what checksums hide, the XML of a sheet in a stored
 * one. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static const struct xlsx_limits limits = {
        .part_b = 2 << 20,
        .total_b = 4 << 20,
        .strings_b = 1 << 20,
        .rows = 3000,
        .columns = 40,
        .merges = 50,
        .cell_chars = 1000,
};

/* A sum of all that was read, and how it ended. */
static uint64_t read_all(struct xlsx *x, const char *sheet)
{
	struct err e = ERR_INIT;
	struct str *cell;
	uint64_t sum = 0;
	int64_t errors = 0;
	int count, row, last = 0, rc = xlsx_pick(x, sheet, &e);

	while (rc == 0 && (rc = xlsx_next(x, &cell, &count, &row, &e)) > 0) {
		must(row > last && row <= 1048576 && count >= 1 && count <= limits.columns);
		last = row;
		for (int i = 0; i < count; i++) {
			must(utf8_valid(cell[i]) && utf8_length(cell[i]) <= (size_t)limits.cell_chars);
			must(!xlsx_is_error(x, i) || cell[i].n == 0);
			errors += xlsx_is_error(x, i);
			for (size_t k = 0; k < cell[i].n; k++)
				sum = sum * 31 + (unsigned char)cell[i].p[k];
		}
		sum = sum * 31 + (uint64_t)row;
		rc = 0;
	}
	must(rc == 0 ? xlsx_errors(x) == errors : e.code == rc && e.text[0]);
	return sum * 31 + (uint64_t)rc;
}

static void feed(struct str file)
{
	const struct xlsx_sheet *sheets;
	struct err e = ERR_INIT;
	struct xlsx *x;
	int rc = xlsx_open(file, &limits, &x, &e);

	if (rc < 0) {
		must(!x && e.code == rc && e.text[0]);
		return;
	}
	int count = xlsx_sheets(x, &sheets);
	must(count >= 1);
	for (int i = 0; i < count && i < 3; i++) {
		uint64_t once = read_all(x, sheets[i].name);
		must(read_all(x, sheets[i].name) == once);
	}
	xlsx_close(&x);
}

#define RELS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"

static void add(zip_t *z, const char *name, struct str text)
{
	zip_source_t *s = zip_source_buffer(z, text.p, text.n, 0);
	zip_int64_t at = zip_file_add(z, name, s, 0);

	must(at >= 0 && zip_set_file_compression(z, (zip_uint64_t)at, ZIP_CM_STORE, 0) == 0);
}

static void feed_sheet(struct str sheet)
{
	zip_error_t why;
	zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, &why);
	zip_t *z = zip_open_from_source(to, ZIP_TRUNCATE, &why);
	zip_stat_t st;
	char *bytes;

	must(z);
	zip_source_keep(to);
	add(z, "xl/workbook.xml",
	        STR_LIT("<workbook xmlns:r='" RELS
	                "'><sheets><sheet name='a' r:id='a'/></sheets></workbook>"));
	add(z, "xl/_rels/workbook.xml.rels",
	        STR_LIT("<Relationships><Relationship Id='a' Type='/worksheet' "
	                "Target='a.xml'/></Relationships>"));
	add(z, "xl/sharedStrings.xml",
	        STR_LIT("<sst><si><t>a_x000D_</t></si><si><t>\xe5\x90\x8d</t></si></sst>"));
	add(z, "xl/styles.xml",
	        STR_LIT("<styleSheet><cellXfs><xf/><xf numFmtId='22'/></cellXfs></styleSheet>"));
	add(z, "xl/a.xml", sheet);
	must(zip_close(z) == 0);
	must(zip_source_open(to) == 0 && zip_source_stat(to, &st) == 0);
	bytes = xcalloc(st.size, 1);
	must(zip_source_read(to, bytes, st.size) == (zip_int64_t)st.size);
	zip_source_close(to);
	zip_source_free(to);
	feed((struct str){bytes, st.size});
	free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str s = {(const char *)p, n};

	if (n > 0 && *p == '<')
		feed_sheet(s);
	else
		feed(s);
	return 0;
}

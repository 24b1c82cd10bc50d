/* First: its macros name calls that are banned here. */
#include <xlsxwriter.h>

#include "check.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/xlsx.h"

#include <zip.h>

#define FILE_MAX ((size_t)64 << 20)

/* ---- to make workbooks ---- */

struct part {
	const char *name, *text;
	size_t n; /* 0: the text's length */
};

/* An archive of parts, the last one with a NULL name; the caller frees its bytes. */
static struct str zip_of(const struct part *p)
{
	zip_error_t why;
	zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, &why);
	zip_t *z = zip_open_from_source(to, ZIP_TRUNCATE, &why);
	zip_stat_t st;
	char *bytes;

	must(z);
	zip_source_keep(to);
	for (; p->name; p++) {
		size_t n = p->n > 0 ? p->n : strlen(p->text);
		zip_source_t *s = zip_source_buffer(z, p->text, n, 0);
		must(zip_file_add(z, p->name, s, 0) >= 0);
	}
	must(zip_close(z) == 0);
	must(zip_source_open(to) == 0 && zip_source_stat(to, &st) == 0);
	bytes = xcalloc(st.size, 1);
	must(zip_source_read(to, bytes, st.size) == (zip_int64_t)st.size);
	zip_source_close(to);
	zip_source_free(to);
	return (struct str){bytes, st.size};
}

static void drop(struct str file)
{
	free((char *)(uintptr_t)file.p);
}

#define NS "xmlns='http://schemas.openxmlformats.org/spreadsheetml/2006/main'"
#define RELS "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
#define LINK(id, kind, to) "<Relationship Id='" id "' Type='" RELS "/" kind "' Target='" to "'/>"
#define LINKS(links)                                                                                         \
	"<Relationships xmlns='http://schemas.openxmlformats.org/package/2006/relationships'>" links         \
	"</Relationships>"
#define BOOK_OF(properties)                                                                                  \
	"<workbook " NS " xmlns:r='" RELS "'>" properties                                                    \
	"<sheets><sheet name='One' sheetId='1' r:id='r1'/></sheets></workbook>"
#define SHEET(rows) "<worksheet " NS "><sheetData>" rows "</sheetData></worksheet>"

/* A workbook of one sheet; each text may be NULL. */
static struct str book(const char *properties, const char *sheet, const char *strings, const char *styles)
{
	const struct part parts[] = {
	        {"_rels/.rels", LINKS(LINK("r1", "officeDocument", "xl/workbook.xml"))},
	        {"xl/workbook.xml", properties ? properties : BOOK_OF("")},
	        {"xl/_rels/workbook.xml.rels", LINKS(LINK("r1", "worksheet", "worksheets/sheet1.xml"))},
	        {"xl/worksheets/sheet1.xml", sheet},
	        {"xl/sharedStrings.xml", strings ? strings : "<sst/>"},
	        {"xl/styles.xml", styles ? styles : "<styleSheet/>"},
	        {NULL},
	};

	return zip_of(parts);
}

/* "row:a|b;" of all rows, "#" for an error value, "!" and the failure at the end. */
static const char *rows_of(struct str file, const struct xlsx_limits *l, const char *sheet)
{
	static struct sb b;
	struct xlsx *x = NULL;
	struct err e = ERR_INIT;
	struct str *cell;
	int n, row, rc, errors = 0;
	char buf[1024];

	sb_fini(&b);
	sb_puts(&b, "");
	rc = xlsx_open(file, l, &x, &e);
	check((rc == 0) == (x != NULL));
	if (rc == 0)
		rc = xlsx_pick(x, sheet, &e);
	while (rc == 0 && (rc = xlsx_next(x, &cell, &n, &row, &e)) > 0) {
		sb_printf(&b, "%d:", row);
		for (int i = 0; i < n; i++) {
			if (i > 0)
				sb_putc(&b, '|');
			sb_putstr(&b, cell[i]);
			check(utf8_valid(cell[i]));
			if (xlsx_is_error(x, i)) {
				sb_putc(&b, '#');
				errors++;
			}
		}
		check(n > 0 && (cell[n - 1].n > 0 || xlsx_is_error(x, n - 1)));
		check(!xlsx_is_error(x, n) && !xlsx_is_error(x, -1));
		sb_putc(&b, ';');
		rc = 0;
	}
	if (rc == 0) {
		check_eq_i(xlsx_next(x, &cell, &n, &row, &e), 0);
		check_eq_i(xlsx_errors(x), errors);
	} else {
		check_eq_i(e.code, rc);
		check(e.text[0] != '\0');
		sb_printf(&b, "!%s %s", err_name(rc), err_str(&e, buf, sizeof(buf)));
		if (x)
			check_eq_i(xlsx_next(x, &cell, &n, &row, NULL), rc);
	}
	xlsx_close(&x);
	check(x == NULL);
	return b.p;
}

static const char *sheet_rows(const char *sheet)
{
	struct str f = book(NULL, sheet, NULL, NULL);
	const char *s = rows_of(f, NULL, NULL);

	drop(f);
	return s;
}

#define ROWS(rows) sheet_rows(SHEET(rows))

static struct str written(struct arena *a, const char *path)
{
	struct err e = ERR_INIT;
	struct str s = STR_NULL;

	check_ok(file_read(a, path, FILE_MAX, &s, &e), &e);
	return s;
}

/* ---- what cells say ---- */

TEST(reads_what_a_writer_wrote)
{
	struct arena *a = arena_new(0);
	const char *path = test_path("types.xlsx");
	lxw_workbook *w = workbook_new(path);
	lxw_worksheet *s = workbook_add_worksheet(w, "设备");
	lxw_format *day = workbook_add_format(w), *minute = workbook_add_format(w);
	lxw_format *red = workbook_add_format(w), *plain = workbook_add_format(w);
	char runs[3][8] = {"新", "河", " 桥"};
	lxw_rich_string_tuple r1 = {.string = runs[0]}, r2 = {.format = red, .string = runs[1]},
	                      r3 = {.string = runs[2]};
	lxw_rich_string_tuple *rich[] = {&r1, &r2, &r3, NULL};
	lxw_datetime when = {2026, 7, 14, 8, 30, 0};

	format_set_num_format(day, "yyyy-mm-dd");
	format_set_num_format_index(minute, 22);
	format_set_bold(red);
	format_set_num_format(plain, "[Red]#,##0.00\"day\"");
	worksheet_write_string(s, 0, 0, "名称 & <x>", NULL);
	worksheet_write_number(s, 0, 1, 1, NULL);
	worksheet_write_number(s, 0, 2, 0.1 + 0.2, NULL);
	worksheet_write_number(s, 0, 3, 320902199001015, NULL);
	worksheet_write_boolean(s, 0, 4, 1, NULL);
	worksheet_write_boolean(s, 0, 5, 0, NULL);
	worksheet_write_rich_string(s, 0, 6, rich, NULL);
	worksheet_write_datetime(s, 2, 0, &when, day);
	worksheet_write_datetime(s, 2, 1, &when, minute);
	when = (lxw_datetime){.year = 2026, .month = 7, .day = 14};
	worksheet_write_datetime(s, 2, 2, &when, minute);
	worksheet_write_formula_num(s, 2, 3, "=1+1", NULL, 2);
	worksheet_write_formula_str(s, 2, 4, "=A1", NULL, "名");
	worksheet_write_number(s, 2, 5, -1234.5, plain);
	worksheet_write_blank(s, 2, 6, day);
	worksheet_write_blank(s, 3, 0, day);
	worksheet_write_string(s, 4, 2, "only", NULL);
	worksheet_set_row_opt(s, 4, LXW_DEF_ROW_HEIGHT, NULL, &(lxw_row_col_options){.hidden = 1});
	must(workbook_close(w) == LXW_NO_ERROR);
	check_eq_s(rows_of(written(a, path), NULL, NULL),
	        "1:名称 & <x>|1|0.3|320902199001015|true|false|新河 桥;"
	        "3:2026-07-14T08:30:00|2026-07-14T08:30:00|2026-07-14|2|名|-1234.5;"
	        "5:||only;");
	arena_free(&a);
}

TEST(numbers_are_written_plainly)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
	        {"1.0", "1"},
	        {"0", "0"},
	        {"-0", "0"},
	        {"-0.0", "0"},
	        {"00012.500", "12.5"},
	        {"-7", "-7"},
	        {".5", "0.5"},
	        {"-0.25", "-0.25"},
	        {"5.", "5"},
	        {"0.30000000000000004", "0.3"},
	        {"1E3", "1000"},
	        {"1.5E-3", "0.0015"},
	        {"999999999999999", "999999999999999"},
	        {"1.23456789012345E+17", "123456789012345000"},
	        {"1234567890123456", "1234567890123460"},
	        {"1E+20", "100000000000000000000"},
	        {"1E+300", "1e+300"},
	        {"1E-9", "1e-09"},
	        {"0.000000001", "1e-09"},
	        {"0.0000001", "0.0000001"},
	        {"-0E0", "0"},
	        {" 12 ", "12"},
	        {"", ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sb b = SB_INIT, want = SB_INIT;
		sb_printf(&b, SHEET("<row><c><v>%s</v></c><c t='str'><v>x</v></c></row>"), cases[i].in);
		sb_printf(&want, "1:%s|x;", cases[i].out);
		check_eq_s(sheet_rows(b.p), want.p);
		sb_fini(&b);
		sb_fini(&want);
	}
	check_eq_s(ROWS("<row r='3'><c r='B3'><v>abc</v></c></row>"),
	        "!INVALID xl/worksheets/sheet1.xml:3:2: B3: is said to be a number, but is \"abc\"");
	check_has(ROWS("<row><c><v>1E999</v></c></row>"), "!INVALID");
	check_has(ROWS("<row><c><v>NaN</v></c></row>"), "!INVALID");
}

/* A number in a style, and the date it is. */
static void date_is(const char *properties, const char *number, const char *format, const char *want)
{
	struct sb sheet = SB_INIT, styles = SB_INIT, row = SB_INIT;
	struct str f;

	sb_printf(&sheet, SHEET("<row><c s='1'><v>%s</v></c></row>"), number);
	if (format[0] >= '1' && format[0] <= '9')
		sb_printf(&styles, "<styleSheet><cellXfs><xf/><xf numFmtId='%s'/></cellXfs></styleSheet>",
		        format);
	else
		sb_printf(&styles,
		        "<styleSheet><numFmts><numFmt numFmtId='164' formatCode='%s'/></numFmts>"
		        "<cellStyleXfs><xf numFmtId='1'/></cellStyleXfs>"
		        "<cellXfs><xf numFmtId='0'/><xf numFmtId='164'/></cellXfs>"
		        "<dxfs><dxf><numFmt numFmtId='164' formatCode='0'/></dxf></dxfs></styleSheet>",
		        format);
	sb_printf(&row, "1:%s;", want);
	f = book(properties, sheet.p, NULL, styles.p);
	check_eq_s(rows_of(f, NULL, NULL), row.p);
	drop(f);
	sb_fini(&sheet);
	sb_fini(&styles);
	sb_fini(&row);
}

TEST(dates)
{
	static const char *b1904 = BOOK_OF("<workbookPr date1904='1'/>");

	date_is(NULL, "1", "14", "1900-01-01");
	date_is(NULL, "59", "14", "1900-02-28");
	date_is(NULL, "60", "14", "1900-02-28");
	date_is(NULL, "61", "14", "1900-03-01");
	date_is(NULL, "36525.75", "22", "1999-12-31T18:00:00");
	date_is(NULL, "46217.354166666664", "14", "2026-07-14T08:30:00");
	date_is(NULL, "46217.354169560187", "14", "2026-07-14T08:30:00.250");
	date_is(NULL, "46217.999999999996", "14", "2026-07-15");
	date_is(NULL, "2958465", "14", "9999-12-31");
	date_is(NULL, "2958466", "14", "2958466");
	date_is(NULL, "-1", "14", "-1");
	date_is(NULL, "0.35416666666666669", "20", "08:30:00");
	date_is(NULL, "0.35416666666666669", "14", "08:30:00");
	date_is(NULL, "46217.5", "20", "2026-07-14T12:00:00");
	date_is(NULL, "1.5", "46", "36:00:00");
	date_is(NULL, "46217", "31", "2026-07-14");
	date_is(NULL, "46217", "58", "2026-07-14");
	date_is(NULL, "46217", "59", "46217");
	date_is(NULL, "46217", "49", "46217");
	date_is(b1904, "0", "14", "1904-01-01");
	date_is(b1904, "0.5", "20", "12:00:00");
	date_is(b1904, "44755.354166666664", "14", "2026-07-14T08:30:00");

	date_is(NULL, "46217", "yyyy&quot;年&quot;m&quot;月&quot;d&quot;日&quot;;@", "2026-07-14");
	date_is(NULL, "46217", "[$-804]mmm", "2026-07-14");
	date_is(NULL, "0.5", "h:mm AM/PM", "12:00:00");
	date_is(NULL, "1.25", "[h]:mm", "30:00:00");
	date_is(NULL, "1.25", "[HH]:MM:SS", "30:00:00");
	date_is(NULL, "46217", "General", "46217");
	date_is(NULL, "46217", "G/通用格式", "46217");
	date_is(NULL, "46217", "0.00E+00", "46217");
	date_is(NULL, "46217", "#,##0&quot; day&quot;", "46217");
	date_is(NULL, "46217", "[Red]0\\d", "46217");
	date_is(NULL, "46217", "_(* #,##0_d;_(@_)", "46217");
	date_is(NULL, "46217", "[$USD]0", "46217");
	date_is(NULL, "46217", "0\\", "46217");
	date_is(NULL, "46217", "0&quot;d", "46217");
	date_is(NULL, "46217", "0[d", "46217");
}

TEST(other_kinds_of_cells)
{
	struct str f;

	check_eq_s(ROWS("<row r='2'><c r='A2' t='inlineStr'><is><t>a</t></is></c>"
	                "<c r='C2' t='inlineStr'><is><r><t>b</t></r><rPh sb='0' eb='1'><t>no</t></rPh>"
	                "<r><rPr><b/></rPr><t xml:space='preserve'> c</t></r></is></c>"
	                "<c r='D2' t='e'><f>1/0</f><v>#DIV/0!</v></c><c r='E2' t='b'><v>1</v></c></row>"
	                "<row r='4'><c t='e'><v>#N/A</v></c></row>"
	                "<row r='5'><c r='B5' t='d'><v>2026-07-14T00:00:00</v></c>"
	                "<c t='d'><v>2026-07-14T08:30:00</v></c><c t='str'><f>A1</f><v>s</v></c></row>"),
	        "2:a||b c|#|true;4:#;5:|2026-07-14|2026-07-14T08:30:00|s;");
	/* Prefixed names, cells in any order, no numbers, comments inside. */
	check_eq_s(sheet_rows("<x:worksheet xmlns:x='http://purl.oclc.org/ooxml/spreadsheetml/main'>"
	                      "<x:cols><x:col/></x:cols><x:sheetData><x:row><x:c r='B1'><x:v>2</x:v></x:c>"
	                      "<x:c r='A1'><x:v>1<!-- -->1</x:v></x:c></x:row><x:row><x:c><x:v>3</x:v></x:c>"
	                      "<x:c/><x:c><x:v>4</x:v></x:c></x:row></x:sheetData>"
	                      "<extLst><ext><row><c><v>9</v></c></row></ext></extLst></x:worksheet>"),
	        "1:11|2;2:3||4;");
	f = book(NULL,
	        SHEET("<row><c t='s'><v>0</v></c><c t='s'><v>1</v></c><c t='s'><v>2</v></c>"
	              "<c t='s'><v>3</v></c><c t='s'><v>4</v></c></row>"),
	        "<sst><si><t>a</t><phoneticPr/></si><si><r><t>b</t></r><rPh><t>no</t></rPh><r><t>c</t></r></"
	        "si>"
	        "<si><t/></si><si><t>x_x000D_\n_x005F_x0041__x0000__xD83D__xDE00__xD83D_y_x00zz_</t></si>"
	        "<si/></sst>",
	        NULL);
	check_eq_s(rows_of(f, NULL, NULL), "1:a|bc||x\r\n_x0041_😀\xef\xbf\xbdy_x00zz_;");
	drop(f);
	f = book(NULL, SHEET("<row r='7'><c r='B7' t='s'><v>1</v></c></row>"), "<sst><si><t>a</t></si></sst>",
	        NULL);
	check_has(rows_of(f, NULL, NULL),
	        "!INVALID xl/worksheets/sheet1.xml:7:2: B7: refers to shared string \"1\" of 1");
	drop(f);
}

TEST(rows_and_places)
{
	check_eq_s(ROWS(""), "");
	check_eq_s(ROWS("<row/><row r='3'/><row><c r='XFD4' s='3'/></row>"), "");
	check_eq_s(sheet_rows("<worksheet/>"), "");
	check_has(ROWS("<row r='2'><c><v>1</v></c></row><row r='2'/>"),
	        "2:1;!INVALID xl/worksheets/sheet1.xml:2: row \"2\" stands behind row 2");
	check_has(ROWS("<row r='0'/>"), "!INVALID");
	check_has(ROWS("<row r='x'/>"), "!INVALID");
	check_has(ROWS("<row r='1048577'/>"), "!INVALID");
	check_has(ROWS("<row r='1048576'/><row/>"), "!INVALID");
	check_has(ROWS("<row><c r='1'/></row>"), "!INVALID");
	check_has(ROWS("<row><c r='XFE1'/></row>"), "!INVALID");
	check_has(ROWS("<row><c r='XFD1'/><c/></row>"), "!INVALID");
	check_has(ROWS("<row><c r='SS1'><v>1</v></c></row>"),
	        "!TOOBIG xl/worksheets/sheet1.xml:1:513: SS1: the sheet has more than the 512 columns");
	check_has(ROWS("<row><c><v>1</v></c></row><row><c></row>"),
	        "1:1;!INVALID xl/worksheets/sheet1.xml:2:1: A2: "
	        "not well-formed XML: mismatched tag");
}

/* ---- merged ranges ---- */

TEST(merged_cells_have_the_value_of_the_first)
{
	struct arena *a = arena_new(0);
	const char *path = test_path("merged.xlsx");
	lxw_workbook *w = workbook_new(path);
	lxw_worksheet *s = workbook_add_worksheet(w, NULL);

	worksheet_merge_range(s, 0, 0, 0, 2, "标题", NULL);
	worksheet_write_string(s, 1, 0, "k", NULL);
	worksheet_merge_range(s, 2, 0, 4, 0, "甲", NULL);
	worksheet_merge_range(s, 2, 2, 3, 3, "块", NULL);
	for (int i = 2; i < 6; i++)
		worksheet_write_number(s, (lxw_row_t)i, 1, i, NULL);
	must(workbook_close(w) == LXW_NO_ERROR);
	check_eq_s(rows_of(written(a, path), NULL, NULL),
	        "1:标题|标题|标题;2:k;3:甲|2|块|块;4:甲|3|块|块;5:甲|4;6:|5;");
	arena_free(&a);
}

#define MERGED(rows, ranges)                                                                                 \
	sheet_rows(                                                                                          \
	        "<worksheet><sheetData>" rows "</sheetData><mergeCells>" ranges "</mergeCells></worksheet>")
#define MERGE(ref) "<mergeCell ref='" ref "'/>"
#define ONE(v) "<c><v>" v "</v></c>"

TEST(merged_ranges_of_any_kind)
{
	/* Rows that are left out within a range, but none behind the end; what is hidden under a range. */
	check_eq_s(
	        MERGED("<row r='2'>" ONE("1") "</row><row r='5'>" ONE("7") ONE("2") "</row>", MERGE("A2:A9")),
	        "2:1;3:1;4:1;5:1|2;");
	check_eq_s(MERGED("<row r='2'>" ONE("1") "</row><row r='5'><c r='B5'><v>2</v></c></row>",
	                   MERGE("A2:A3") MERGE("B3:B5") MERGE("C1:C4")),
	        "2:1;3:1;5:|2;");
	/* The first is empty, or an error. */
	check_eq_s(MERGED("<row><c/>" ONE("1") "</row><row>" ONE("2") ONE("3") "</row>", MERGE("A1:A2")),
	        "1:|1;2:|3;");
	check_eq_s(MERGED("<row><c t='e'><v>#N/A</v></c></row><row r='3'>" ONE("2") "</row>", MERGE("A1:B3")),
	        "1:#|#;2:#|#;3:#|#;");
	/* Overlapping ones, one cell, past the columns that are taken, in any order. */
	check_eq_s(MERGED("<row>" ONE("1") ONE("2") ONE("3") ONE("4") "</row>",
	                   MERGE("D1") MERGE("B1:C1") MERGE("A1:B1")),
	        "1:1|1|2|4;");
	check_eq_s(MERGED("<row>" ONE("1") "</row>", MERGE("SS1:SU1") MERGE("B1:XFD1")), "1:1;");
	for (int i = 0; i < 4; i++) {
		static const char *const bad[] = {MERGE(""), MERGE("A2:A1"), MERGE("A:B"), "<mergeCell/>"};
		struct sb b = SB_INIT;
		sb_printf(&b, "<worksheet><sheetData/><mergeCells>%s</mergeCells></worksheet>", bad[i]);
		check_has(sheet_rows(b.p), "!INVALID xl/worksheets/sheet1.xml: the merged range");
		sb_fini(&b);
	}
	/* A second reading begins with none. */
	struct str f = book(NULL,
	        "<worksheet><sheetData><row><c><v>1</v></c></row><row><c "
	        "r='B2'><v>2</v></c></row></sheetData>"
	        "<mergeCells><mergeCell ref='A1:A2'/></mergeCells></worksheet>",
	        NULL, NULL);
	struct xlsx *x;
	struct err e = ERR_INIT;
	struct str *cell;
	int n, row;
	check_ok(xlsx_open(f, NULL, &x, &e), &e);
	for (int i = 0; i < 3; i++) {
		check_ok(xlsx_pick(x, "one", &e), &e);
		check_eq_i(xlsx_next(x, &cell, &n, &row, &e), 1);
		check_eq_i(xlsx_next(x, &cell, &n, &row, &e), 1);
		check_eq_i(n, 2);
		check_str(cell[0], "1");
	}
	xlsx_close(&x);
	drop(f);
}

/* UTF-16, in which the words of merged ranges look different. */
TEST(merged_ranges_in_utf16)
{
	static const char ascii[] = "<worksheet><sheetData><row><c><v>1</v></c></row></sheetData>"
	                            "<mergeCells><mergeCell ref='A1:C1'/></mergeCells></worksheet>";
	char wide[2 * sizeof(ascii)] = "\xff\xfe";
	struct str f;

	for (size_t i = 0; i + 1 < sizeof(ascii); i++)
		wide[2 + 2 * i] = ascii[i];
	const struct part parts[] = {
	        {"xl/workbook.xml", BOOK_OF("")},
	        {"xl/_rels/workbook.xml.rels", LINKS(LINK("r1", "worksheet", "s.xml"))},
	        {"xl/s.xml", wide, sizeof(wide)},
	        {NULL},
	};
	f = zip_of(parts);
	check_eq_s(rows_of(f, NULL, NULL), "1:1|1|1;");
	drop(f);
}

/* ---- sheets ---- */

TEST(picks_a_sheet)
{
	struct arena *a = arena_new(0);
	const char *path = test_path("two.xlsx");
	lxw_workbook *w = workbook_new(path);
	lxw_worksheet *s = workbook_add_worksheet(w, "说明");
	const struct xlsx_sheet *sheets;
	struct str f, *cell;
	struct xlsx *x;
	struct err e = ERR_INIT;
	int n, row;

	worksheet_hide(s);
	workbook_add_chartsheet(w, "图");
	s = workbook_add_worksheet(w, "First");
	worksheet_activate(s);
	worksheet_write_string(s, 0, 0, "one", NULL);
	s = workbook_add_worksheet(w, "Second");
	worksheet_write_string(s, 0, 0, "two", NULL);
	must(workbook_close(w) == LXW_NO_ERROR);
	f = written(a, path);
	check_eq_s(rows_of(f, NULL, NULL), "1:one;");
	check_eq_s(rows_of(f, NULL, "second"), "1:two;");
	check_eq_s(rows_of(f, NULL, "说明"), "");
	check_eq_s(rows_of(f, NULL, "图"),
	        "!NOTFOUND the workbook has no sheet \"图\"; it has \"说明\", \"First\", \"Second\"");
	check_ok(xlsx_open(f, NULL, &x, &e), &e);
	check_eq_i(xlsx_sheets(x, &sheets), 3);
	check_eq_s(sheets[0].name, "说明");
	check(sheets[0].hidden && !sheets[1].hidden);
	check_eq_s(sheets[2].name, "Second");
	/* Without a pick, and a pick after a failed one. */
	check_eq_i(xlsx_next(x, &cell, &n, &row, &e), 1);
	check_str(cell[0], "one");
	check_err(xlsx_pick(x, "none", &e), ERR_NOTFOUND);
	check_err(xlsx_next(x, &cell, &n, &row, &e), ERR_NOTFOUND);
	check_ok(xlsx_pick(x, "Second", &e), &e);
	check_eq_i(xlsx_next(x, &cell, &n, &row, &e), 1);
	check_str(cell[0], "two");
	xlsx_close(&x);
	arena_free(&a);
}

TEST(parts_are_found_by_their_links)
{
	const struct part odd[] = {
	        {"_rels/.rels", LINKS(LINK("a", "officeDocument", "/Book/./main.xml"))},
	        {"book/main.xml", BOOK_OF("")},
	        {"book/_rels/main.xml.rels", LINKS(LINK("r1", "worksheet", "../other/s.xml")
	                                                     LINK("r2", "sharedStrings", "st.xml"))},
	        {"other/s.xml", SHEET("<row><c t='s'><v>0</v></c></row>")},
	        {"book/st.xml", "<sst><si><t>found</t></si></sst>"},
	        {NULL},
	};
	const struct part gone[] = {
	        {"xl/workbook.xml", BOOK_OF("")},
	        {"xl/_rels/workbook.xml.rels", LINKS(LINK("r1", "worksheet", "../../../no.xml"))},
	        {NULL},
	};
	const struct part none[] = {{"xl/workbook.xml", "<workbook/>"}, {NULL}};
	const struct part binary[] = {
	        {"_rels/.rels", LINKS(LINK("a", "officeDocument", "xl/workbook.bin"))},
	        {"xl/workbook.bin", "x"},
	        {NULL},
	};
	const struct part open[] = {{"content.xml", "<x/>"}, {NULL}};
	const struct part other[] = {{"x", "y"}, {NULL}};
	struct str f;

	f = zip_of(odd);
	check_eq_s(rows_of(f, NULL, NULL), "1:found;");
	drop(f);
	f = zip_of(gone);
	check_has(
	        rows_of(f, NULL, NULL), "!INVALID no.xml: the workbook names this part but does not have it");
	drop(f);
	f = zip_of(none);
	check_has(rows_of(f, NULL, NULL), "no worksheet");
	drop(f);
	f = zip_of(binary);
	check_has(rows_of(f, NULL, NULL), ".xlsb");
	drop(f);
	f = zip_of(open);
	check_has(rows_of(f, NULL, NULL), "OpenDocument");
	drop(f);
	f = zip_of(other);
	check_has(rows_of(f, NULL, NULL), "no workbook");
	drop(f);
}

/* ---- what is refused ---- */

TEST(other_files_are_told_by_name)
{
	check_has(rows_of(STR_LIT("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 and more"), NULL, NULL),
	        "!INVALID this is an old .xls or an encrypted workbook; save it as .xlsx");
	check_has(rows_of(STR_LIT("a,b\n1,2\n"), NULL, NULL), "!INVALID this is not a whole .xlsx file");
	check_has(rows_of(STR_LIT("PK\3\4"), NULL, NULL), "!INVALID");
	check_has(rows_of(STR_LIT(""), NULL, NULL), "!INVALID the file is empty");
	check_has(rows_of(STR_NULL, NULL, NULL), "!INVALID");
}

TEST(document_types_are_refused)
{
	struct str f;

	check_has(
	        sheet_rows("<!DOCTYPE w [<!ENTITY a 'x'>]><worksheet><sheetData><row><c><v>&a;</v></c></row>"
	                   "</sheetData></worksheet>"),
	        "!INVALID xl/worksheets/sheet1.xml: document type");
	f = book(NULL, SHEET(""), "<!DOCTYPE s><sst/>", NULL);
	check_has(rows_of(f, NULL, NULL), "!INVALID xl/sharedStrings.xml: document type");
	drop(f);
	f = book("<!DOCTYPE s><workbook/>", SHEET(""), NULL, NULL);
	check_has(rows_of(f, NULL, NULL), "!INVALID xl/workbook.xml:1");
	drop(f);
}

TEST(limits_are_told)
{
	static const char *const sheet =
	        SHEET("<row><c t='s'><v>0</v></c><c t='s'><v>1</v></c></row><row>" ONE("1") "</row>");
	struct str f = book(NULL, sheet, "<sst><si><t>名名名名</t></si><si><t>x</t></si></sst>", NULL);
	static const struct {
		struct xlsx_limits l;
		const char *want;
	} cases[] = {
	        {{.rows = 1},
	                "1:名名名名|x;!TOOBIG xl/worksheets/sheet1.xml:2:1: A2: the sheet has more than "
	                "the 1 rows"},
	        {{.columns = 1},
	                "!TOOBIG xl/worksheets/sheet1.xml:1:2: B1: the sheet has more than the 1 columns"},
	        {{.cell_chars = 3},
	                "!TOOBIG xl/worksheets/sheet1.xml:1:1: A1: a text of more than 3 characters"},
	        {{.cell_chars = 4}, "1:名名名名|x;2:1;"},
	        {{.strings_b = 28}, "!TOOBIG xl/sharedStrings.xml: more than the 28 bytes of shared strings"},
	        {{.strings_b = 29}, "1:名名名名|x;2:1;"},
	        {{.depth = 4}, "!TOOBIG xl/worksheets/sheet1.xml:1:1: A1: elements nested deeper than 4"},
	        {{.depth = 5}, "1:名名名名|x;2:1;"},
	        {{.part_b = 100}, "!TOOBIG _rels/.rels: unpacks to more than the 100 bytes"},
	        {{.total_b = 900},
	                "!TOOBIG xl/worksheets/sheet1.xml: the workbook unpacks to more than the 900"},
	        {{.total_b = 2000, .part_b = 1000, .rows = 2, .columns = 2}, "1:名名名名|x;2:1;"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = rows_of(f, &cases[i].l, NULL);
		if (strncmp(got, cases[i].want, strlen(cases[i].want)) != 0)
			check_fail("case %zu gives %s", i, got);
	}
	drop(f);
	f = book(NULL,
	        "<worksheet><sheetData/><mergeCells><mergeCell ref='A1:A2'/><mergeCell ref='B1:B2'/>"
	        "</mergeCells></worksheet>",
	        NULL, NULL);
	check_has(rows_of(f, &(struct xlsx_limits){.merges = 1}, NULL),
	        "!TOOBIG xl/worksheets/sheet1.xml: more than 1 merged");
	check_eq_s(rows_of(f, &(struct xlsx_limits){.merges = 2}, NULL), "");
	drop(f);
}

/* A part of `n` spaces between two texts. */
static struct str bomb(const char *name, const char *begin, const char *end, size_t n)
{
	char *text = xcalloc(n, 1);
	struct str f;

	memset(text, ' ', n);
	memcpy(text, begin, strlen(begin));
	memcpy(text + n - strlen(end), end, strlen(end));
	const struct part parts[] = {
	        {"xl/workbook.xml", BOOK_OF("")},
	        {"xl/_rels/workbook.xml.rels", LINKS(LINK("r1", "worksheet", "s.xml"))},
	        {strcmp(name, "xl/s.xml") == 0 ? "xl/none" : "xl/s.xml", SHEET("")},
	        {name, text, n},
	        {NULL},
	};
	f = zip_of(parts);
	free(text);
	return f;
}

TEST(bombs_are_stopped)
{
	struct xlsx_limits l = {.total_b = 4 << 20};
	size_t n = 24 << 20;
	struct str f = bomb("xl/s.xml", "<worksheet>", "</worksheet>", n);

	check(f.n < 100000);
	check_has(rows_of(f, &l, NULL), "!TOOBIG xl/s.xml: the workbook unpacks to more than the 4194304");
	check_has(rows_of(f, NULL, NULL), "!TOOBIG xl/s.xml: unpacks to more than 200 times its packed size");
	check_eq_s(rows_of(f, &(struct xlsx_limits){.ratio = 2000}, NULL), "");
	drop(f);
	f = bomb("xl/sharedStrings.xml", "<sst>", "</sst>", n);
	check_has(rows_of(f, NULL, NULL), "!TOOBIG xl/sharedStrings.xml: unpacks");
	drop(f);
	f = bomb("xl/styles.xml", "<styleSheet>", "</styleSheet>", n);
	check_has(rows_of(f, NULL, NULL), "!TOOBIG xl/styles.xml: unpacks");
	drop(f);
	/* One endless tag, which the parser would have to keep. */
	f = bomb("xl/sharedStrings.xml", "<sst ", "/>", 8 << 20);
	check_has(rows_of(f, NULL, NULL), "!TOOBIG xl/sharedStrings.xml: a tag or comment");
	drop(f);
	f = bomb("xl/sharedStrings.xml", "<sst><si><t>", "</t></si></sst>", 8 << 20);
	check_has(rows_of(f, NULL, NULL), "!TOOBIG xl/sharedStrings.xml: a text of more than 32767");
	drop(f);
}

TEST(made_up_names_do_not_take_all_memory)
{
	struct sb b = SB_INIT;
	struct str f;

	sb_puts(&b, "<sst>");
	for (int i = 0; i < 400000; i++)
		sb_printf(&b, "<a%x/>", i);
	sb_puts(&b, "</sst>");
	f = book(NULL, SHEET(""), b.p, NULL);
	check_has(rows_of(f, NULL, NULL), "!TOOBIG xl/sharedStrings.xml: its XML takes more than 16 MiB");
	drop(f);
	sb_fini(&b);
}

/* ---- large and broken files ---- */

TEST(many_rows)
{
	struct arena *a = arena_new(0);
	const char *path = test_path("many.xlsx");
	lxw_workbook *w = workbook_new(path);
	lxw_worksheet *s = workbook_add_worksheet(w, NULL);
	struct err e = ERR_INIT;
	struct xlsx *x;
	struct str *cell;
	int n, row, count = 0, rc;
	char text[40];

	for (int i = 0; i < 20000; i++) {
		snprintf(text, sizeof(text), "设备 %d", i);
		worksheet_write_string(s, (lxw_row_t)i, 0, text, NULL);
		worksheet_write_number(s, (lxw_row_t)i, 1, i + 0.5, NULL);
		worksheet_write_string(s, (lxw_row_t)i, 2, "same", NULL);
	}
	must(workbook_close(w) == LXW_NO_ERROR);
	check_ok(xlsx_open(written(a, path), NULL, &x, &e), &e);
	while ((rc = xlsx_next(x, &cell, &n, &row, &e)) > 0) {
		struct sb b = SB_INIT;
		snprintf(text, sizeof(text), "设备 %d", count);
		check_eq_i(row, ++count);
		check_eq_i(n, 3);
		check_str(cell[0], text);
		sb_printf(&b, "%d.5", count - 1);
		check_str(cell[1], b.p);
		check_str(cell[2], "same");
		sb_fini(&b);
	}
	check_ok(rc, &e);
	check_eq_i(count, 20000);
	xlsx_close(&x);
	arena_free(&a);
}

/* Reads all there is of a file that may be broken in any way; an end or a failure with words. */
static void survive(struct str file)
{
	struct xlsx_limits l = {.total_b = 8 << 20, .rows = 5000};
	struct err e = ERR_INIT;
	struct xlsx *x;
	struct str *cell;
	int n, row, rc = xlsx_open(file, &l, &x, &e);

	if (rc == 0) {
		while ((rc = xlsx_next(x, &cell, &n, &row, &e)) > 0) {
			for (int i = 0; i < n; i++)
				check(utf8_valid(cell[i]));
		}
	}
	check(rc == 0 || (e.code == rc && e.text[0]));
	xlsx_close(&x);
}

TEST(broken_files_are_survived)
{
	struct arena *a = arena_new(0);
	const char *path = test_path("broken.xlsx");
	lxw_workbook *w = workbook_new(path);
	lxw_worksheet *s = workbook_add_worksheet(w, NULL);
	struct str f;
	char *copy;
	uint64_t random = 88172645463325252u;

	worksheet_merge_range(s, 0, 0, 0, 2, "标题", NULL);
	for (int i = 1; i < 50; i++) {
		worksheet_write_string(s, (lxw_row_t)i, 0, i % 2 ? "甲" : "乙", NULL);
		worksheet_write_number(s, (lxw_row_t)i, 1, i, NULL);
	}
	must(workbook_close(w) == LXW_NO_ERROR);
	f = written(a, path);
	check_has(rows_of(f, NULL, NULL), "50:甲|49;");
	/* Blocks of their exact size, so that the sanitizer sees a step past the end. */
	for (size_t n = 1; n < f.n; n += 1 + f.n / 300) {
		copy = xcalloc(n, 1);
		memcpy(copy, f.p, n);
		check_has(rows_of((struct str){copy, n}, NULL, NULL), "!INVALID this is not a whole .xlsx");
		free(copy);
	}
	copy = xcalloc(f.n, 1);
	for (int i = 0; i < 200; i++) {
		memcpy(copy, f.p, f.n);
		for (int k = 0; k <= i % 4; k++) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			copy[random % f.n] ^= (char)(1 << (random >> 32) % 8);
		}
		survive((struct str){copy, f.n});
	}
	free(copy);
	arena_free(&a);
}

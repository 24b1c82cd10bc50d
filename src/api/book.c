/* First: its macros name calls that are banned here. */
#include <xlsxwriter.h>

#include "api/book.h"

#define CELL_MAX 32767 /* characters that Excel takes */

struct book {
	lxw_workbook *book;
	lxw_worksheet *sheet;
	lxw_format *bold;
	int columns;
};

int book_open(const char *path, const char *dir, const char *sheet, struct book **out, struct err *e)
{
	lxw_workbook_options o = {.constant_memory = LXW_TRUE, .tmpdir = (char *)(uintptr_t)dir};
	struct book *w = xcalloc(1, sizeof(*w));

	*out = w;
	w->book = workbook_new_opt(path, &o);
	if (w->book != NULL)
		w->sheet = workbook_add_worksheet(w->book, sheet);
	if (w->sheet == NULL) {
		(void)!book_close(out, NULL);
		return err_set(e, ERR_NOMEM, "a workbook cannot be begun");
	}
	w->bold = workbook_add_format(w->book);
	format_set_bold(w->bold);
	worksheet_freeze_panes(w->sheet, 1, 0);
	return 0;
}

void book_heading(struct book *w, int column, struct str text, const char *note, double width)
{
	char *s = xstrndup(text.p, text.n);

	worksheet_set_column(w->sheet, (lxw_col_t)column, (lxw_col_t)column, width, NULL);
	worksheet_write_string(w->sheet, 0, (lxw_col_t)column, s, w->bold);
	if (note != NULL && *note != '\0')
		worksheet_write_comment(w->sheet, 0, (lxw_col_t)column, note);
	if (column >= w->columns)
		w->columns = column + 1;
	free(s);
}

void book_choice(struct book *w, int column, const char **value, int n)
{
	char **list = xcalloc((size_t)n + 1, sizeof(*list));
	lxw_data_validation v = {.validate = LXW_VALIDATION_TYPE_LIST,
	        .ignore_blank = LXW_VALIDATION_ON,
	        .dropdown = LXW_VALIDATION_ON,
	        .error_type = LXW_VALIDATION_ERROR_TYPE_WARNING};
	size_t total = 0;

	for (int i = 0; i < n; i++) {
		list[i] = (char *)(uintptr_t)value[i];
		total += utf8_length(str_of(value[i])) + 1;
	}
	v.value_list = list;
	if (n > 0 && total <= 255)
		worksheet_data_validation_range(
		        w->sheet, 1, (lxw_col_t)column, 1048575, (lxw_col_t)column, &v);
	free(list);
}

void book_text(struct book *w, int64_t row, int column, struct str text)
{
	char *s;

	if (text.n == 0)
		return;
	if (utf8_length(text) > CELL_MAX)
		text.n = CELL_MAX / 4; /* far more than any field of a kind may hold */
	s = xstrndup(text.p, text.n);
	worksheet_write_string(w->sheet, (lxw_row_t)row + 1, (lxw_col_t)column, s, NULL);
	free(s);
}

void book_number(struct book *w, int64_t row, int column, double v)
{
	worksheet_write_number(w->sheet, (lxw_row_t)row + 1, (lxw_col_t)column, v, NULL);
}

/* "&" begins a command in a page's head; a doubled one is itself. 255 characters are taken. */
void book_mark(struct book *w, const char *words)
{
	struct sb b = SB_INIT;

	sb_puts(&b, "&C&\"SimSun,Regular\"&10&K808080");
	for (const char *p = words; *p != '\0' && b.n < 230; p++) {
		if (*p == '&')
			sb_putc(&b, '&');
		sb_putc(&b, *p);
	}
	while (b.n > 0 && !utf8_valid(sb_str(&b))) /* not within a character */
		b.p[--b.n] = '\0';
	worksheet_set_header(w->sheet, b.p);
	worksheet_set_footer(w->sheet, b.p);
	sb_fini(&b);
}

void book_about(struct book *w, const char *sheet, const char *const *line, int n)
{
	lxw_worksheet *about = workbook_add_worksheet(w->book, sheet);

	if (about == NULL)
		return;
	worksheet_set_column(about, 0, 0, 100, NULL);
	for (int i = 0; i < n; i++)
		worksheet_write_string(about, (lxw_row_t)i, 0, line[i], NULL);
}

int book_close(struct book **wp, struct err *e)
{
	struct book *w = *wp;
	lxw_error rc = LXW_NO_ERROR;

	if (w == NULL)
		return 0;
	*wp = NULL;
	if (w->book != NULL)
		rc = workbook_close(w->book);
	free(w);
	return rc == LXW_NO_ERROR
	               ? 0
	               : err_set(e, ERR_IO, "the workbook cannot be written: %s", lxw_strerror(rc));
}

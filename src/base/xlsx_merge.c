/* Merged ranges: found before the rows are read, and laid over them. */
#include "base/xlsx_int.h"

#include <limits.h>

/* ---- merged ranges ---- */

/* "AB12": the column from 0 and the row, which may be left out (0); false if it is no such thing. */
bool xlsx_cell_ref(struct str s, int *col, int *row)
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
	const char *name = xlsx_local(full);
	int depth = xlsx_enter(x);
	struct str rest, first;
	struct merge m;

	if (depth == 1)
		x->in_data = strcmp(name, "mergeCells") == 0;
	if (depth != 2 || !x->in_data || strcmp(name, "mergeCell") != 0)
		return;
	rest = str_of(xlsx_attr(atts, "ref"));
	first = str_cut(&rest, ':');
	if (!xlsx_cell_ref(first, &m.col1, &m.row1) || m.row1 == 0) {
		xlsx_fail(x, ERR_INVALID, "the merged range \"%.40s\" is none",
		        xlsx_attr(atts, "ref") ? first.p : "");
		return;
	}
	if (!rest.p)
		return; /* one cell */
	if (!xlsx_cell_ref(rest, &m.col2, &m.row2) || m.row2 < m.row1 || m.col2 < m.col1) {
		xlsx_fail(x, ERR_INVALID, "the merged range \"%.40s\" is none", first.p);
		return;
	}
	if (m.col1 >= x->max.columns)
		return;
	if (m.col2 >= x->max.columns)
		m.col2 = x->max.columns - 1;
	if (x->n_merges == (size_t)x->max.merges) {
		xlsx_fail(x, ERR_TOOBIG, "more than %d merged ranges", x->max.merges);
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
	int rc = xlsx_part_open(x, part, false), n = 0;

	*merged = false;
	while (rc == 0 && (n = xlsx_part_read(x, buf + kept, CHUNK)) > 0) {
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
	xlsx_part_close(x);
	return rc;
}

int xlsx_load_merges(struct xlsx *x, const char *part)
{
	bool merged = false;
	int rc = scan_sheet(x, part, &merged);

	if (rc == 0 && merged)
		rc = xlsx_parse_part(x, part, true, merges_start, xlsx_count_out, false);
	if (rc < 0 || x->n_merges == 0)
		return rc;
	qsort(x->merges, x->n_merges, sizeof(*x->merges), merge_cmp);
	if (!x->covers) {
		x->covers = xcalloc((size_t)x->max.columns, sizeof(*x->covers));
		x->owner = xcalloc((size_t)x->max.columns, sizeof(*x->owner));
	}
	return 0;
}

/* The present row is past some ranges. */
void xlsx_covers_expire(struct xlsx *x, int row)
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

struct str xlsx_cell_text(const struct xlsx *x, const struct cell *c)
{
	if (c->n == 0)
		return STR_LIT("");
	return (struct str){c->shared ? c->shared : x->row_text.p + c->off, c->n};
}

/* The ranges that begin in the row that was read. Of two that overlap, which none should, the first counts.
 */
void xlsx_covers_begin(struct xlsx *x)
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
		sb_putstr(&c->text, xlsx_cell_text(x, &x->cells[m->col1]));
		x->n_covers++;
	}
}

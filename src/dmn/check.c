/*
 * check - what can be proved about the rows of a table: rows that overlap, inputs that no row takes, rows
 * that never fire. A table larger than the limits is not searched; what is told is always true.
 */
#include "dmn/check_int.h"

#include <stdarg.h>

#define STEPS_MAX 2000000 /* of the search for gaps: rows looked at, in words */

void dmn__tell(struct teller *t, int line, const char *fmt, ...)
{
	char words[500];
	struct sb text = SB_INIT;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	sb_printf(&text, "\"%s\": %s", t->d->label, words);
	t->n++;
	t->tell(t->ctx, line, text.p);
	sb_fini(&text);
}

/* ---- words for pieces ---- */

static void write_value(struct sb *b, const struct feel_value *v)
{
	if (v->type == FEEL_STRING)
		sb_printf(b, "\"" STR_FMT "\"", STR_ARG(v->string));
	else
		feel_write_text(v, b);
}

static void write_ends(struct sb *b, const struct piece *first, const struct piece *last)
{
	if (first->low != NULL) {
		sb_puts(b, first->point ? " from " : " above ");
		write_value(b, first->low);
	}
	if (first->low != NULL && last->high != NULL)
		sb_puts(b, " and");
	if (last->high != NULL) {
		sb_puts(b, last->point ? " up to " : " below ");
		write_value(b, last->high);
	}
}

/* Pieces first to last of a column, after the text of its input. */
static void write_pieces(struct sb *b, const struct column *c, int first, int last)
{
	bool any = false;

	for (int i = first; i <= last; i++) {
		const struct piece *p = &c->piece[i];
		int end = i;

		sb_puts(b, any ? " or" : "");
		any = true;
		if (p->null) {
			sb_puts(b, " null");
		} else if (p->other) {
			sb_puts(b, " of another text");
		} else if (p->point && (p->low->type == FEEL_STRING || p->low->type == FEEL_BOOL)) {
			sb_putc(b, ' ');
			write_value(b, p->low);
		} else {
			while (end < last && !c->piece[end + 1].null && c->piece[end + 1].type == p->type)
				end++;
			if (end == i && p->point) {
				sb_puts(b, " = ");
				write_value(b, p->low);
			} else {
				write_ends(b, p, &c->piece[end]);
			}
			i = end;
		}
	}
}

static void write_input(struct sb *b, const struct grid *g, int column, int first, int last)
{
	const struct column *c = &g->column[column];

	if (c->n == 0 || last - first + 1 == c->n)
		return;
	if (b->n > 0)
		sb_puts(b, ", ");
	sb_putstr(b, g->b->input[column].text);
	write_pieces(b, c, first, last);
}

/* ---- pairs of rows ---- */

/* "x = 5, y true": a case that both rows take; "" if all are. */
static void write_example(struct sb *b, const struct grid *g, int i, int k)
{
	for (int c = 0; c < g->b->inputs; c++) {
		int piece = dmn__common(g, c, i, k);

		write_input(b, g, c, piece, piece);
	}
}

int dmn__check_unique(const struct drg *d, const struct box *b, struct err *e)
{
	struct arena *a;
	struct dmn__overlaps found;
	struct sb text = SB_INIT;
	struct grid g;
	int rc = 0, i, k;

	if (b->hit != HIT_UNIQUE)
		return 0;
	a = arena_new(0);
	dmn__grid(a, d, b, &g);
	dmn__find_overlaps(a, &g, NULL, &found);
	if (found.n > 0) {
		i = found.pair[0][0];
		k = found.pair[0][1];
		write_example(&text, &g, i, k);
		err_set(e, ERR_INVALID,
		        "rows %d and %d of \"%s\" can both match%s" STR_FMT
		        ", but the table is UNIQUE; narrow one, or take another hit policy",
		        i + 1, k + 1, d->label, text.n > 0 ? ", as for " : "", STR_ARG(sb_str(&text)));
		rc = err_at(e, d->model->file, b->rule[k].line, 0, d->id);
	}
	sb_fini(&text);
	arena_free(&a);
	return rc;
}

static bool same_outputs(const struct box *b, int i, int k)
{
	for (int o = 0; o < b->outputs; o++)
		if (!str_eq(b->rule[i].out_text[o], b->rule[k].out_text[o]))
			return false;
	return true;
}

static void check_pairs(struct teller *t, struct arena *a, const struct grid *g)
{
	const struct box *b = g->b;
	struct dmn__overlaps found;

	dmn__find_overlaps(a, g, b->hit == HIT_ANY ? same_outputs : NULL, &found);
	for (int n = 0; n < DMN__TOLD_MAX && n < found.n; n++) {
		int i = found.pair[n][0], k = found.pair[n][1];
		struct sb text = SB_INIT;

		write_example(&text, g, i, k);
		dmn__tell(t, b->rule[k].line, "rows %d and %d overlap%s%s" STR_FMT, i + 1, k + 1,
		        b->hit == HIT_ANY ? " and give different results" : "", text.n > 0 ? ", as for " : "",
		        STR_ARG(sb_str(&text)));
		sb_fini(&text);
	}
	if (found.n > DMN__TOLD_MAX)
		dmn__tell(t, b->line, "and %lld more pairs of rows overlap",
		        (long long)found.n - DMN__TOLD_MAX);
	if (!found.all)
		dmn__tell(t, b->line, "the table is too large to be searched for all rows that overlap");
}

/* ---- gaps, and rows that never fire ---- */

struct walk {
	struct teller *t;
	const struct grid *g;
	struct arena *a;
	int *first, *last; /* by column: the pieces that stand for it on the way down */
	bool *fires;       /* by row: at some place, or perhaps */
	bool *rest;        /* by row and column: the row takes all from that column on */
	bool first_only;   /* of the rows that match, the first one fires */
	bool gaps_matter;
	int gaps;
	int64_t steps;
};

static void tell_gap(struct walk *w, int columns)
{
	struct sb text = SB_INIT;

	if (!w->gaps_matter || ++w->gaps > DMN__TOLD_MAX)
		return;
	for (int c = 0; c < columns; c++)
		write_input(&text, w->g, c, w->first[c], w->last[c]);
	dmn__tell(w->t, w->g->b->line, "no row takes " STR_FMT,
	        STR_ARG(text.n > 0 ? sb_str(&text) : STR_LIT("any input")));
	sb_fini(&text);
}

/* Marks what fires where these rows are left; false: that depends on the columns from c on. */
static bool mark(struct walk *w, const uint64_t *sure, const uint64_t *may, int c)
{
	const struct box *b = w->g->b;

	for (int r = 0; r < b->rules; r++) {
		if (!bit(may, r))
			continue;
		if (!w->rest[(size_t)r * (size_t)(b->inputs + 1) + (size_t)c])
			return false;
		w->fires[r] = true;
		if (w->first_only && bit(sure, r))
			return true;
	}
	return true;
}

static bool is_empty(const uint64_t *set, size_t words)
{
	for (size_t i = 0; i < words; i++)
		if (set[i])
			return false;
	return true;
}

/* The rows that are left after the columns before c. False past the limit. */
static bool descend(struct walk *w, const uint64_t *sure, const uint64_t *may, int c)
{
	const struct grid *g = w->g;
	const struct column *col;
	size_t words = g->row_words;
	uint64_t *set;

	w->steps += (int64_t)words + 1;
	if (w->steps > STEPS_MAX)
		return false;
	if (is_empty(may, words)) {
		tell_gap(w, c);
		return true;
	}
	if (mark(w, sure, may, c))
		return true;
	col = &g->column[c];
	set = arena_array(w->a, words * 2, sizeof(*set));
	for (int i = 0, next; i < col->n; i = next) {
		const uint64_t *rows_sure = row_of(col->rows_sure, words, i);
		const uint64_t *rows_may = row_of(col->rows_may, words, i);

		/* neighbours that leave the same rows go together */
		for (next = i + 1; next < col->n; next++)
			if (memcmp(row_of(col->rows_sure, words, next), rows_sure, words * sizeof(*set)) !=
			                0 ||
			        memcmp(row_of(col->rows_may, words, next), rows_may, words * sizeof(*set)) !=
			                0)
				break;
		for (size_t k = 0; k < words; k++) {
			set[k] = sure[k] & rows_sure[k];
			set[words + k] = may[k] & rows_may[k];
		}
		w->first[c] = i;
		w->last[c] = next - 1;
		if (!descend(w, set, set + words, c + 1))
			return false;
	}
	return true;
}

/* Whether all that row k takes at most, row i takes for sure. */
static bool covers(const struct grid *g, int i, int k)
{
	for (int c = 0; c < g->b->inputs; c++) {
		const struct column *col = &g->column[c];
		const uint64_t *big = row_of(col->sure, col->words, i),
		               *small = row_of(col->may, col->words, k);

		for (size_t w = 0; w < col->words; w++)
			if (small[w] & ~big[w])
				return false;
	}
	return true;
}

static void tell_dead(struct teller *t, const struct grid *g, int row)
{
	int line = g->b->rule[row].line;

	for (int c = 0; c < g->b->inputs; c++)
		if (is_empty(row_of(g->column[c].may, g->column[c].words, row), g->column[c].words)) {
			dmn__tell(t, line, "row %d can never fire: nothing fits its cell for " STR_FMT,
			        row + 1, STR_ARG(g->b->input[c].text));
			return;
		}
	for (int i = 0; i < row; i++)
		if (covers(g, i, row)) {
			dmn__tell(t, line, "row %d can never fire: row %d takes all that it takes", row + 1,
			        i + 1);
			return;
		}
	dmn__tell(t, line, "row %d can never fire: rows before it take all that it takes", row + 1);
}

static void check_cover(struct teller *t, struct arena *a, const struct grid *g)
{
	const struct box *b = g->b;
	size_t columns = (size_t)b->inputs + 1;
	struct walk w = {.t = t,
	        .g = g,
	        .a = a,
	        .first = arena_array(a, columns, sizeof(int)),
	        .last = arena_array(a, columns, sizeof(int)),
	        .fires = arena_array(a, (size_t)b->rules, sizeof(bool)),
	        .rest = arena_array(a, (size_t)b->rules * columns, sizeof(bool)),
	        .first_only = b->hit == HIT_FIRST,
	        /* for tables that give lists, and those with a default, no row is a regular outcome */
	        .gaps_matter =
	                b->hit != HIT_COLLECT && b->hit != HIT_RULE_ORDER && b->hit != HIT_OUTPUT_ORDER};
	uint64_t *all = arena_array(a, g->row_words, sizeof(*all));
	bool whole;

	for (int c = 0; c < b->inputs; c++)
		if (g->column[c].types > 1)
			return; /* told as a mistake of types, and no input is of several */
	for (int i = 0; i < b->outputs; i++)
		w.gaps_matter &= b->output[i].dflt == NULL;
	for (int r = 0; r < b->rules; r++) {
		all[r / 64] |= UINT64_C(1) << (r % 64);
		w.rest[(size_t)r * columns + (size_t)b->inputs] = true;
		for (int c = b->inputs - 1; c >= 0; c--) {
			size_t place = (size_t)r * (size_t)b->inputs + (size_t)c;

			w.rest[(size_t)r * columns + (size_t)c] =
			        w.rest[(size_t)r * columns + (size_t)c + 1] && g->known[place] &&
			        g->cell[place].any;
		}
	}
	whole = descend(&w, all, all, 0);
	if (!whole)
		dmn__tell(t, b->line,
		        "the table is too large to be searched for all gaps and rows that never fire");
	if (w.gaps > DMN__TOLD_MAX)
		dmn__tell(t, b->line, "and %d more cases that no row takes", w.gaps - DMN__TOLD_MAX);
	for (int r = 0; r < b->rules; r++)
		if (whole && !w.fires[r])
			tell_dead(t, g, r);
}

static void check_table(struct teller *t, const struct box *b)
{
	struct arena *a = arena_new(0);
	struct grid g;

	dmn__check_cells(t, a, b);
	dmn__grid(a, t->d, b, &g);
	if (b->hit == HIT_ANY || b->hit == HIT_UNIQUE)
		check_pairs(t, a, &g);
	if (!dmn__grid_sets(a, &g))
		dmn__tell(t, b->line,
		        "the table is too large to be searched for gaps and rows that never fire");
	else if (b->inputs > 0 && b->rules > 0)
		check_cover(t, a, &g);
	arena_free(&a);
}

/* The tables inside of a box, wherever they stand. */
static void check_box(struct teller *t, const struct box *b)
{
	if (b == NULL)
		return;
	dmn__check_type_names(t, b);
	if (b->kind == BOX_TABLE)
		check_table(t, b);
	if (b->kind == BOX_BROKEN)
		dmn__tell(t, b->line, "%s", b->why);
	for (int i = 0; i < b->entries; i++)
		check_box(t, b->entry[i].box);
	check_box(t, b->result);
}

int dmn_check(const struct dmn_model *m, void (*f)(void *ctx, int line, const char *text), void *ctx)
{
	struct teller t = {.tell = f, .ctx = ctx};

	for (int i = 0; i < m->mistakes; i++, t.n++)
		f(ctx, m->mistake[i].line, m->mistake[i].text);
	for (int n = 0; n < m->drgs; n++) {
		t.d = &m->drg[n];
		dmn__check_type_names(&t, NULL);
		check_box(&t, m->drg[n].box);
	}
	return t.n;
}

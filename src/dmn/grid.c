/*
 * grid - what the cells of a table say, as far as they hold literals: each column is cut into pieces in which
 * all its cells say the same, and each cell becomes a set of pieces. A cell of another form may take all and
 * surely takes nothing, so that no row is accused wrongly.
 */
#include "dmn/check_int.h"

#define BITS_MAX ((size_t)1 << 27) /* of one column's sets */

int dmn__order(const struct feel_value *a, const struct feel_value *b, int *order)
{
	if (a->type == FEEL_BOOL && b->type == FEEL_BOOL) {
		*order = a->boolean - b->boolean;
		return 0;
	}
	return feel_compare(a, b, order);
}

static int order(const struct feel_value *a, const struct feel_value *b)
{
	int o = 0;

	(void)dmn__order(a, b, &o);
	return o;
}

static int by_order(const void *a, const void *b)
{
	const struct feel_value *x = *(const struct feel_value *const *)a,
	                        *y = *(const struct feel_value *const *)b;

	return x->type != y->type ? (int)x->type - (int)y->type : order(x, y);
}

struct cutting { /* of one column */
	struct arena *a;
	const struct feel_cell **cell; /* literal cells, the allowed values among them */
	int cells;
	const struct feel_value **at; /* all ends, by type and then in order */
	int ends;
	bool points; /* nothing but single values */
	bool null;
	struct column *column;
	size_t cap;
};

/* False: two ends of one type have no order. */
static bool collect_ends(struct cutting *c)
{
	size_t cap = 0;
	int kept = 0, o;

	c->points = true;
	for (int i = 0; i < c->cells; i++) {
		c->null |= c->cell[i]->null;
		for (int k = 0; k < c->cell[i]->n; k++) {
			const struct feel_range *p = &c->cell[i]->part[k];

			c->at = arena_grow(c->a, c->at, &cap, (size_t)c->ends + 2, sizeof(*c->at));
			if (p->low != NULL)
				c->at[c->ends++] = p->low;
			if (p->high != NULL && p->high != p->low)
				c->at[c->ends++] = p->high;
			c->points &= p->low == p->high;
		}
	}
	if (c->ends == 0)
		return true;
	qsort(c->at, (size_t)c->ends, sizeof(*c->at), by_order);
	for (int i = 0; i < c->ends; i++) {
		bool same_type = kept > 0 && c->at[i]->type == c->at[kept - 1]->type;

		if (dmn__order(c->at[i], same_type ? c->at[kept - 1] : c->at[i], &o) < 0)
			return false;
		if (!same_type || o != 0)
			c->at[kept++] = c->at[i];
	}
	c->ends = kept;
	return true;
}

static void add(struct cutting *c, struct piece p)
{
	struct column *col = c->column;

	col->piece = arena_grow(c->a, col->piece, &c->cap, (size_t)col->n + 1, sizeof(*col->piece));
	col->piece[col->n++] = p;
}

/* Whether nothing lies between two values that follow each other, or beyond one. */
static bool nothing_between(const struct feel_value *low, const struct feel_value *high)
{
	if (low != NULL && high != NULL) {
		if (low->type == FEEL_DATE)
			return high->moment.days - low->moment.days == 1;
		return low->type == FEEL_MONTHS && high->months - low->months == 1;
	}
	return high != NULL && high->type == FEEL_TIME && !high->moment.has_zone && high->moment.nanos == 0;
}

/* The pieces of one type, whose ends are at[from … to). */
static void cut_type(struct cutting *c, int from, int to)
{
	static const struct feel_value yes = {.type = FEEL_BOOL, .boolean = true},
	                               no = {.type = FEEL_BOOL, .boolean = false};
	enum feel_type type = c->at[from]->type;
	const struct feel_value *before = NULL;

	if (type == FEEL_BOOL) {
		add(c, (struct piece){.type = type, .low = &yes, .high = &yes, .point = true});
		add(c, (struct piece){.type = type, .low = &no, .high = &no, .point = true});
		return;
	}
	for (int i = from; i <= to; i++) {
		const struct feel_value *here = i < to ? c->at[i] : NULL;

		if (!(type == FEEL_STRING && c->points) && !nothing_between(before, here))
			add(c, (struct piece){.type = type, .low = before, .high = here});
		if (here != NULL)
			add(c, (struct piece){.type = type, .low = here, .high = here, .point = true});
		before = here;
	}
	if (type == FEEL_STRING && c->points)
		add(c, (struct piece){.type = type, .other = true});
}

static void cut(struct cutting *c)
{
	for (int i = 0, next; i < c->ends; i = next) {
		for (next = i + 1; next < c->ends && c->at[next]->type == c->at[i]->type; next++)
			;
		cut_type(c, i, next);
		c->column->types++;
	}
	if (c->ends == 0)
		add(c, (struct piece){0});
	if (c->null)
		add(c, (struct piece){.null = true});
}

static const struct feel_value *some_end(const struct feel_range *part)
{
	return part->low != NULL ? part->low : part->high;
}

static bool part_takes(const struct feel_range *part, const struct piece *p)
{
	int o;

	if (p->other || some_end(part)->type != p->type)
		return false;
	if (p->point) {
		if (part->low != NULL) {
			o = order(p->low, part->low);
			if (o < 0 || (o == 0 && !part->low_in))
				return false;
		}
		if (part->high != NULL) {
			o = order(p->low, part->high);
			if (o > 0 || (o == 0 && !part->high_in))
				return false;
		}
		return true;
	}
	/* a stretch lies inside as a whole or not at all, since every end is a cut */
	return (part->low == NULL || (p->low != NULL && order(part->low, p->low) <= 0)) &&
	       (part->high == NULL || (p->high != NULL && order(part->high, p->high) >= 0));
}

static bool cell_takes(const struct feel_cell *c, const struct piece *p)
{
	bool yes = false;

	if (c->any)
		return true;
	if (p->null) { /* null equals null alone; whether it lies in a range is null, negated or not */
		for (int i = 0; i < c->n; i++)
			if (c->part[i].low != c->part[i].high)
				return c->null && !c->negated;
		return c->null != c->negated;
	}
	for (int i = 0; i < c->n && !yes; i++) {
		if (c->negated && some_end(&c->part[i])->type != p->type)
			return false; /* not("a") of a number is null */
		yes = part_takes(&c->part[i], p);
	}
	return yes != c->negated;
}

/* Pieces that the allowed values leave out cannot come. */
static void keep_allowed(struct column *col, const struct feel_cell *allowed)
{
	int kept = 0;

	for (int i = 0; i < col->n; i++)
		if (col->piece[i].null || cell_takes(allowed, &col->piece[i]))
			col->piece[kept++] = col->piece[i];
	col->n = kept;
}

static bool fill(struct arena *a, struct grid *g, int c)
{
	struct column *col = &g->column[c];
	size_t rows = (size_t)g->b->rules;

	col->words = ((size_t)col->n + 63) / 64;
	if (rows * ((size_t)col->n + 64) > BITS_MAX)
		return false;
	col->sure = arena_array(a, rows * col->words, sizeof(uint64_t));
	col->may = arena_array(a, rows * col->words, sizeof(uint64_t));
	col->rows_sure = arena_array(a, (size_t)col->n * g->row_words, sizeof(uint64_t));
	col->rows_may = arena_array(a, (size_t)col->n * g->row_words, sizeof(uint64_t));
	for (int r = 0; r < g->b->rules; r++) {
		size_t place = (size_t)r * (size_t)g->b->inputs + (size_t)c;
		const struct feel_cell *cell = &g->cell[place];

		for (int i = 0; i < col->n; i++) {
			bool all = g->known[place] && cell->any, known = g->known[place] && !col->any;
			bool yes = all || (known && cell_takes(cell, &col->piece[i]));

			if (yes) {
				row_of(col->sure, col->words, r)[i / 64] |= UINT64_C(1) << (i % 64);
				row_of(col->rows_sure, g->row_words, i)[r / 64] |= UINT64_C(1) << (r % 64);
			}
			if (yes || !(all || known)) {
				row_of(col->may, col->words, r)[i / 64] |= UINT64_C(1) << (i % 64);
				row_of(col->rows_may, g->row_words, i)[r / 64] |= UINT64_C(1) << (r % 64);
			}
		}
	}
	return true;
}

static bool read_column(struct arena *a, const struct drg *d, struct grid *g, int c)
{
	struct cutting cutting = {.a = a, .column = &g->column[c]};
	const struct table_input *in = &g->b->input[c];
	const struct feel_expr *values = in->values != NULL ? in->values : dmn__input_type(d, in).allowed;
	struct feel_cell *allowed = arena_alloc(a, sizeof(*allowed));
	bool limited = values != NULL && feel_read_cell(values, a, allowed);

	cutting.cell = arena_array(a, (size_t)g->b->rules + 1, sizeof(*cutting.cell));
	for (int r = 0; r < g->b->rules; r++) {
		size_t place = (size_t)r * (size_t)g->b->inputs + (size_t)c;

		g->known[place] = feel_read_cell(g->b->rule[r].in[c], a, &g->cell[place]);
		if (g->known[place])
			cutting.cell[cutting.cells++] = &g->cell[place];
	}
	if (limited)
		cutting.cell[cutting.cells++] = allowed;
	if (collect_ends(&cutting)) {
		cut(&cutting);
		if (limited && cutting.ends > 0)
			keep_allowed(&g->column[c], allowed);
		g->column[c].any = cutting.ends == 0 && !cutting.null;
	} else {
		add(&cutting, (struct piece){0});
		g->column[c].any = true;
	}
	return fill(a, g, c);
}

bool dmn__grid(struct arena *a, const struct drg *d, const struct box *b, struct grid *g)
{
	size_t places = (size_t)b->rules * (size_t)b->inputs;

	*g = (struct grid){.b = b, .row_words = ((size_t)b->rules + 63) / 64};
	g->column = arena_array(a, (size_t)b->inputs, sizeof(*g->column));
	g->cell = arena_array(a, places, sizeof(*g->cell));
	g->known = arena_array(a, places, sizeof(*g->known));
	for (int c = 0; c < b->inputs; c++)
		if (!read_column(a, d, g, c))
			return false;
	return true;
}

/*
 * grid - what the cells of a table say, as far as they hold literals: each column is cut into pieces in which
 * all its cells say the same, and each cell becomes a few stretches of pieces. A cell of another form may
 * take all and surely takes nothing, so that no row is accused wrongly. For the search for gaps cells are
 * sets too.
 */
#include "dmn/check_int.h"

#define BITS_MAX ((size_t)1 << 27) /* of one column's sets */

int dmn__order(const struct feel_value *a, const struct feel_value *b, int *order)
{
	if (a->type == FEEL_BOOL && b->type == FEEL_BOOL) {
		*order = a->boolean - b->boolean;
		return 0;
	}
	/* moments with and without a zone have an order two by two, but no order of all */
	if ((a->type == FEEL_TIME || a->type == FEEL_DATETIME) && a->type == b->type &&
	        a->moment.has_zone != b->moment.has_zone)
		return -1;
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

static const struct feel_value yes = {.type = FEEL_BOOL, .boolean = true},
                               no = {.type = FEEL_BOOL, .boolean = false};

static const struct feel_value *some_end(const struct feel_range *part)
{
	return part->low != NULL ? part->low : part->high;
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
			if (some_end(p)->type == FEEL_BOOL) {
				c->at[c->ends++] = &no;
				c->at[c->ends++] = &yes;
				continue;
			}
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

/* The pieces of one type, whose ends are at[from … to). The value at[i] stands at 2i + 1, what lies before it
 * at 2i. */
static void cut_type(struct cutting *c, int from, int to)
{
	enum feel_type type = c->at[from]->type;
	bool points = type == FEEL_BOOL || (type == FEEL_STRING && c->points);
	const struct feel_value *before = NULL;

	for (int i = from; i <= to; i++) {
		const struct feel_value *here = i < to ? c->at[i] : NULL;

		if (!points && !nothing_between(before, here))
			add(c, (struct piece){.type = type, .place = 2 * i, .low = before, .high = here});
		if (here != NULL)
			add(c, (struct piece){.type = type,
			               .place = 2 * i + 1,
			               .low = here,
			               .high = here,
			               .point = true});
		before = here;
	}
	if (points && type == FEEL_STRING)
		add(c, (struct piece){.type = type, .place = 2 * to, .other = true});
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
		add(c, (struct piece){.place = -1});
	if (c->null)
		add(c, (struct piece){.place = -1, .null = true});
}

/* ---- cells as stretches of pieces ---- */

static int rank(const struct cutting *c, const struct feel_value *v)
{
	const struct feel_value *const *found = bsearch(&v, c->at, (size_t)c->ends, sizeof(*c->at), by_order);

	return found != NULL ? (int)(found - c->at) : 0;
}

/* The first piece that does not stand before that place of the type. */
static int piece_from(const struct column *col, enum feel_type type, int place)
{
	int low = 0, high = col->n;

	while (low < high) {
		int mid = (low + high) / 2;
		const struct piece *p = &col->piece[mid];

		/* null is of no type, but stands last */
		if (!p->null && (p->type < type || (p->type == type && p->place < place)))
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void add_stretch(struct stretches *s, int first, int last)
{
	if (first <= last)
		s->at[s->n++] = (struct stretch){first, last};
}

/* From the place of the part's begin to that of its end; without an end, to that of the type. */
static void take_part(const struct cutting *c, const struct feel_range *part, struct stretches *s)
{
	const struct column *col = c->column;
	enum feel_type type = some_end(part)->type;
	int from = part->low != NULL ? 2 * rank(c, part->low) + (part->low_in ? 1 : 2) : 0;
	int to = part->high != NULL ? 2 * rank(c, part->high) + part->high_in + 1 : INT32_MAX;
	int last = piece_from(col, type, to) - 1;

	if (last >= 0 && col->piece[last].other)
		last--;
	add_stretch(s, piece_from(col, type, from), last);
}

static int by_first(const void *a, const void *b)
{
	const struct stretch *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

static void tidy(struct stretches *s)
{
	int kept = 0;

	if (s->n > 1)
		qsort(s->at, (size_t)s->n, sizeof(*s->at), by_first);
	for (int i = 0; i < s->n; i++) {
		if (kept > 0 && s->at[i].first <= s->at[kept - 1].last + 1) {
			if (s->at[i].last > s->at[kept - 1].last)
				s->at[kept - 1].last = s->at[i].last;
		} else {
			s->at[kept++] = s->at[i];
		}
	}
	s->n = kept;
}

/* What lies between first and last and is not among them; there is room for one more. */
static void turn_over(struct stretches *s, int first, int last)
{
	int n = s->n;

	s->n = 0;
	for (int i = 0; i < n; i++) {
		struct stretch x = s->at[i];

		add_stretch(s, first, x.first - 1);
		first = x.last + 1;
	}
	add_stretch(s, first, last);
}

/* null equals null alone; whether it lies in a range is null, negated or not */
static bool takes_null(const struct feel_cell *cell)
{
	for (int i = 0; i < cell->n; i++)
		if (cell->part[i].low != cell->part[i].high)
			return cell->null && !cell->negated;
	return cell->null != cell->negated;
}

static struct stretches take(const struct cutting *c, const struct feel_cell *cell)
{
	const struct column *col = c->column;
	int nulls = col->n > 0 && col->piece[col->n - 1].null;
	struct stretches s = {arena_array(c->a, (size_t)cell->n + 2, sizeof(struct stretch)), 0};
	enum feel_type type = cell->n > 0 ? some_end(&cell->part[0])->type : FEEL_NULL;

	if (cell->any) {
		add_stretch(&s, 0, col->n - 1);
		return s;
	}
	for (int i = 0; i < cell->n; i++) {
		take_part(c, &cell->part[i], &s);
		if (some_end(&cell->part[i])->type != type)
			type = FEEL_NULL;
	}
	tidy(&s);
	if (cell->negated && cell->n == 0)
		turn_over(&s, 0, col->n - nulls - 1);
	else if (cell->negated && type != FEEL_NULL)
		turn_over(&s, piece_from(col, type, 0), piece_from(col, type, INT32_MAX) - 1);
	else if (cell->negated) /* not("a") of a number is null */
		s.n = 0;
	if (nulls && takes_null(cell))
		add_stretch(&s, col->n - 1, col->n - 1);
	tidy(&s);
	return s;
}

/* Pieces that the allowed values leave out cannot come. */
static void keep_allowed(struct cutting *c, const struct feel_cell *allowed)
{
	struct column *col = c->column;
	struct stretches s = take(c, allowed);
	int kept = 0;

	for (int i = 0, k = 0; i < col->n; i++) {
		while (k < s.n && s.at[k].last < i)
			k++;
		if (col->piece[i].null || (k < s.n && s.at[k].first <= i))
			col->piece[kept++] = col->piece[i];
	}
	col->n = kept;
}

static void read_column(struct arena *a, const struct drg *d, struct grid *g, int c)
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
			keep_allowed(&cutting, allowed);
		cutting.column->any = cutting.ends == 0 && !cutting.null;
	} else {
		add(&cutting, (struct piece){.place = -1});
		cutting.column->any = true;
	}
	for (int r = 0; r < g->b->rules; r++) {
		size_t place = (size_t)r * (size_t)g->b->inputs + (size_t)c;

		g->sure[place] = g->known[place] && (!cutting.column->any || g->cell[place].any);
		if (g->sure[place])
			g->taken[place] = take(&cutting, &g->cell[place]);
	}
}

static void set_bit(uint64_t *set, int i)
{
	set[i / 64] |= UINT64_C(1) << (i % 64);
}

static void set_bits(const struct grid *g, struct column *col, int row, const struct stretches *s, bool sure)
{
	struct stretch whole = {0, col->n - 1};

	for (int k = 0; k < (sure ? s->n : 1); k++) {
		const struct stretch *x = sure ? &s->at[k] : &whole;

		for (int i = x->first; i <= x->last; i++) {
			if (sure) {
				set_bit(row_of(col->sure, col->words, row), i);
				set_bit(row_of(col->rows_sure, g->row_words, i), row);
			}
			set_bit(row_of(col->may, col->words, row), i);
			set_bit(row_of(col->rows_may, g->row_words, i), row);
		}
	}
}

bool dmn__grid_sets(struct arena *a, struct grid *g)
{
	size_t rows = (size_t)g->b->rules, place = 0;

	for (int c = 0; c < g->b->inputs; c++) {
		struct column *col = &g->column[c];

		if (rows * ((size_t)col->n + 64) > BITS_MAX)
			return false;
		col->words = ((size_t)col->n + 63) / 64;
		col->sure = arena_array(a, rows * col->words, sizeof(uint64_t));
		col->may = arena_array(a, rows * col->words, sizeof(uint64_t));
		col->rows_sure = arena_array(a, (size_t)col->n * g->row_words, sizeof(uint64_t));
		col->rows_may = arena_array(a, (size_t)col->n * g->row_words, sizeof(uint64_t));
	}
	for (int r = 0; r < g->b->rules; r++)
		for (int c = 0; c < g->b->inputs; c++, place++)
			set_bits(g, &g->column[c], r, &g->taken[place], g->sure[place]);
	return true;
}

void dmn__grid(struct arena *a, const struct drg *d, const struct box *b, struct grid *g)
{
	size_t places = (size_t)b->rules * (size_t)b->inputs;

	*g = (struct grid){.b = b, .row_words = ((size_t)b->rules + 63) / 64};
	g->column = arena_array(a, (size_t)b->inputs, sizeof(*g->column));
	g->cell = arena_array(a, places, sizeof(*g->cell));
	g->known = arena_array(a, places, sizeof(*g->known));
	g->sure = arena_array(a, places, sizeof(*g->sure));
	g->taken = arena_array(a, places, sizeof(*g->taken));
	for (int c = 0; c < b->inputs; c++)
		read_column(a, d, g, c);
}

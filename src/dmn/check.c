/*
 * check - what can be proved about the rows of a table from the text of their cells: numbers and ranges
 * of them, texts in quotes, true and false. A cell of another form proves nothing, so no row is accused
 * wrongly.
 *
 * For gaps and rows that never fire each column is cut into pieces in which all its cells say the same
 * (for numbers: the ends of ranges and the stretches between), and the grid of all pieces is walked.
 */
#include "dmn/dmn_int.h"

#define GRID_MAX 200000   /* points; a larger table is not searched for gaps */
#define PAIRS_MAX 4000000 /* pairs of rows compared at most */
#define GAPS_TOLD 5

enum cell_kind { CELL_ANY, CELL_NUMBERS, CELL_TEXTS, CELL_BOOLS, CELL_UNKNOWN };
struct end {
	struct feel_number at;
	bool open; /* no end at all */
	bool in;
};
struct part { /* one test between commas */
	struct end low, high;
	struct str text; /* of CELL_TEXTS; "true" or "false" of CELL_BOOLS */
};
struct cell {
	enum cell_kind kind;
	struct part *part;
	int n;
};

static bool is_empty(const struct part *p)
{
	int c;

	if (p->low.open || p->high.open)
		return false;
	c = feel_number_cmp(p->low.at, p->high.at);
	return c > 0 || (c == 0 && !(p->low.in && p->high.in));
}

static bool number(struct str s, struct end *e)
{
	*e = (struct end){.in = true};
	return feel_number_parse(str_trim(s), &e->at);
}

static bool read_range(struct str s, struct part *p)
{
	const char *dots = memmem(s.p, s.n, "..", 2);

	if (dots == NULL || s.n < 5 || strchr("])[", s.p[s.n - 1]) == NULL ||
	        !number((struct str){s.p + 1, (size_t)(dots - s.p) - 1}, &p->low) ||
	        !number((struct str){dots + 2, (size_t)(s.p + s.n - 1 - dots) - 2}, &p->high))
		return false;
	p->low.in = *s.p == '[';
	p->high.in = s.p[s.n - 1] == ']';
	return true;
}

static enum cell_kind read_part(struct str s, struct part *p)
{
	*p = (struct part){.low.open = true, .high.open = true};
	if (s.n == 0)
		return CELL_UNKNOWN;
	if (*s.p == '"') {
		if (s.n < 2 || s.p[s.n - 1] != '"' || memchr(s.p + 1, '"', s.n - 2) != NULL ||
		        memchr(s.p, '\\', s.n) != NULL)
			return CELL_UNKNOWN;
		p->text = (struct str){s.p + 1, s.n - 2};
		return CELL_TEXTS;
	}
	if (str_is(s, "true") || str_is(s, "false")) {
		p->text = s;
		return CELL_BOOLS;
	}
	if (*s.p == '<' || *s.p == '>') {
		bool in = s.n > 1 && s.p[1] == '=';
		struct end *e = *s.p == '<' ? &p->high : &p->low;

		if (!number((struct str){s.p + 1 + in, s.n - 1 - in}, e))
			return CELL_UNKNOWN;
		e->in = in;
		return CELL_NUMBERS;
	}
	if (memchr("[](", *s.p, 3) != NULL)
		return read_range(s, p) ? CELL_NUMBERS : CELL_UNKNOWN;
	if (!number(s, &p->low))
		return CELL_UNKNOWN;
	p->high = p->low;
	return CELL_NUMBERS;
}

static void read_cell(struct arena *a, struct str s, struct cell *c)
{
	bool quoted = false;
	size_t from = 0, cap = 0;

	*c = (struct cell){.kind = CELL_ANY};
	s = str_trim(s);
	if (str_is(s, "-"))
		return;
	for (size_t i = 0; i <= s.n; i++) {
		enum cell_kind kind;
		struct part p;

		if (i < s.n && s.p[i] == '"')
			quoted = !quoted;
		if (i < s.n && (quoted || s.p[i] != ','))
			continue;
		kind = read_part(str_trim((struct str){s.p + from, i - from}), &p);
		if (kind == CELL_UNKNOWN || (c->n > 0 && kind != c->kind)) {
			c->kind = CELL_UNKNOWN;
			return;
		}
		c->kind = kind;
		c->part = arena_grow(a, c->part, &cap, (size_t)c->n + 1, sizeof(*c->part));
		c->part[c->n++] = p;
		from = i + 1;
	}
}

struct grid {
	const struct box *b;
	struct cell *cell; /* of row r, column c: [r * inputs + c] */
};

static const struct cell *cell_at(const struct grid *g, int row, int column)
{
	return &g->cell[(size_t)row * (size_t)g->b->inputs + (size_t)column];
}

static void grid_read(struct arena *a, const struct box *b, struct grid *g)
{
	g->b = b;
	g->cell = arena_array(a, (size_t)b->rules * (size_t)b->inputs + 1, sizeof(*g->cell));
	for (int r = 0; r < b->rules; r++)
		for (int c = 0; c < b->inputs; c++)
			read_cell(a, b->rule[r].in_text[c],
			        &g->cell[(size_t)r * (size_t)b->inputs + (size_t)c]);
}

/* ---- pairs of rows ---- */

static bool parts_meet(const struct part *a, const struct part *b, enum cell_kind kind)
{
	struct part both = *a;
	int c;

	if (kind != CELL_NUMBERS)
		return str_eq(a->text, b->text);
	if (!b->low.open) {
		c = a->low.open ? -1 : feel_number_cmp(a->low.at, b->low.at);
		if (c < 0)
			both.low = b->low;
		else if (c == 0)
			both.low.in = a->low.in && b->low.in;
	}
	if (!b->high.open) {
		c = a->high.open ? 1 : feel_number_cmp(a->high.at, b->high.at);
		if (c > 0)
			both.high = b->high;
		else if (c == 0)
			both.high.in = a->high.in && b->high.in;
	}
	return !is_empty(a) && !is_empty(b) && !is_empty(&both);
}

static bool never_true(const struct cell *c)
{
	bool empty = c->kind == CELL_NUMBERS;

	for (int i = 0; i < c->n && empty; i++)
		empty = is_empty(&c->part[i]);
	return empty;
}

static bool surely_meet(const struct cell *a, const struct cell *b)
{
	if (a->kind == CELL_UNKNOWN || b->kind == CELL_UNKNOWN)
		return false;
	if (a->kind == CELL_ANY || b->kind == CELL_ANY)
		return !never_true(a) && !never_true(b);
	if (a->kind != b->kind)
		return false;
	for (int i = 0; i < a->n; i++)
		for (int k = 0; k < b->n; k++)
			if (parts_meet(&a->part[i], &b->part[k], a->kind))
				return true;
	return false;
}

static bool rows_overlap(const struct grid *g, int i, int k)
{
	for (int c = 0; c < g->b->inputs; c++)
		if (!surely_meet(cell_at(g, i, c), cell_at(g, k, c)))
			return false;
	return true;
}

int dmn__check_unique(const struct dmn_model *m, const struct drg *d, const struct box *b, struct err *e)
{
	struct arena *a;
	struct grid g;
	int rc = 0, pairs = 0;

	if (b->hit != HIT_UNIQUE)
		return 0;
	a = arena_new(0);
	grid_read(a, b, &g);
	for (int k = 1; k < b->rules && rc == 0 && pairs < PAIRS_MAX; k++)
		for (int i = 0; i < k && rc == 0; i++, pairs++)
			if (rows_overlap(&g, i, k)) {
				err_set(e, ERR_INVALID,
				        "rows %d and %d of \"%s\" can both match, but the table is UNIQUE; "
				        "narrow one, or take another hit policy",
				        i + 1, k + 1, d->label);
				rc = err_at(e, m->file, b->rule[k].line, 0, d->id);
			}
	arena_free(&a);
	return rc;
}

/* ---- pieces of columns ---- */

struct piece {
	enum cell_kind kind;
	struct part part; /* of numbers: a point or an open stretch */
	bool other;       /* texts: any that no cell names */
};
struct column {
	struct piece *piece;
	size_t cap;
	int n;
	bool enumerated; /* the input's allowed values are all that can come */
};

static void add_piece(struct arena *a, struct column *c, struct piece p)
{
	c->piece = arena_grow(a, c->piece, &c->cap, (size_t)c->n + 1, sizeof(*c->piece));
	c->piece[c->n++] = p;
}

static void add_text(struct arena *a, struct column *c, enum cell_kind kind, struct str text)
{
	for (int i = 0; i < c->n; i++)
		if (str_eq(c->piece[i].part.text, text))
			return;
	add_piece(a, c, (struct piece){.kind = kind, .part.text = text});
}

static int by_number(const void *a, const void *b)
{
	return feel_number_cmp(*(const struct feel_number *)a, *(const struct feel_number *)b);
}

static void number_pieces(struct arena *a, const struct cell *const *cells, int n, struct column *c)
{
	struct feel_number *at = NULL;
	size_t cap = 0;
	int ends = 0, kept = 0;
	struct end before = {.open = true};

	for (int i = 0; i < n; i++)
		for (int k = 0; cells[i]->kind == CELL_NUMBERS && k < cells[i]->n; k++) {
			const struct part *p = &cells[i]->part[k];

			at = arena_grow(a, at, &cap, (size_t)ends + 2, sizeof(*at));
			if (!p->low.open)
				at[ends++] = p->low.at;
			if (!p->high.open)
				at[ends++] = p->high.at;
		}
	if (ends > 0)
		qsort(at, (size_t)ends, sizeof(*at), by_number);
	for (int i = 0; i < ends; i++)
		if (kept == 0 || feel_number_cmp(at[i], at[kept - 1]) != 0)
			at[kept++] = at[i];
	for (int i = 0; i < kept; i++) {
		struct end here = {.at = at[i]};

		add_piece(a, c, (struct piece){.kind = CELL_NUMBERS, .part = {.low = before, .high = here}});
		here.in = true;
		add_piece(a, c, (struct piece){.kind = CELL_NUMBERS, .part = {.low = here, .high = here}});
		here.in = false;
		before = here;
	}
	add_piece(a, c, (struct piece){.kind = CELL_NUMBERS, .part = {.low = before, .high.open = true}});
}

/* False: the column's cells are of different kinds, or none is understood. */
static bool column_pieces(
        struct arena *a, const struct grid *g, int column, const struct cell *allowed, struct column *c)
{
	const struct cell **cells = arena_array(a, (size_t)g->b->rules + 1, sizeof(*cells));
	enum cell_kind kind = CELL_ANY;
	int n = 0;

	for (int r = 0; r < g->b->rules; r++)
		cells[n++] = cell_at(g, r, column);
	if (allowed->kind != CELL_ANY && allowed->kind != CELL_UNKNOWN)
		cells[n++] = allowed;
	for (int i = 0; i < n; i++) {
		if (cells[i]->kind == CELL_ANY || cells[i]->kind == CELL_UNKNOWN)
			continue;
		if (kind != CELL_ANY && kind != cells[i]->kind)
			return false;
		kind = cells[i]->kind;
	}
	c->enumerated = allowed->kind == kind && kind != CELL_ANY;
	switch (kind) {
	case CELL_NUMBERS: number_pieces(a, cells, n, c); return true;
	case CELL_BOOLS:
		add_text(a, c, kind, STR_LIT("true"));
		add_text(a, c, kind, STR_LIT("false"));
		return true;
	case CELL_TEXTS:
		for (int i = 0; i < n; i++)
			for (int k = 0; k < cells[i]->n; k++)
				add_text(a, c, kind, cells[i]->part[k].text);
		if (!c->enumerated)
			add_piece(a, c, (struct piece){.kind = kind, .other = true});
		return true;
	default:
		/* nothing but "-": one piece that every row takes */
		add_piece(a, c, (struct piece){.kind = CELL_ANY});
		return true;
	}
}

/* 1 yes, 0 no, -1 who knows. */
static int takes(const struct cell *c, const struct piece *p)
{
	if (c->kind == CELL_UNKNOWN)
		return -1;
	if (c->kind == CELL_ANY)
		return 1;
	for (int i = 0; i < c->n; i++)
		if (!p->other && parts_meet(&c->part[i], &p->part, c->kind))
			return 1;
	return 0;
}

/* ---- findings for authors ---- */

struct teller {
	void (*tell)(void *ctx, int line, const char *text);
	void *ctx;
	int n;
};

static void tell(struct teller *t, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);
static void tell(struct teller *t, int line, const char *fmt, ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	t->n++;
	t->tell(t->ctx, line, text);
}

static void write_end(struct sb *b, const char *word, const struct end *e)
{
	sb_putc(b, ' ');
	sb_puts(b, word);
	sb_putc(b, ' ');
	feel_number_write(b, e->at);
}

/* "Age above 18 and below 60, Category "High"" */
static void write_point(struct sb *b, const struct box *box, const struct column *col, const int *at)
{
	bool any = false;

	for (int c = 0; c < box->inputs; c++) {
		const struct piece *p = &col[c].piece[at[c]];

		if (p->kind == CELL_ANY)
			continue;
		if (any)
			sb_puts(b, ", ");
		any = true;
		sb_putstr(b, box->input[c].text);
		if (p->kind == CELL_BOOLS) {
			sb_putc(b, ' ');
			sb_putstr(b, p->part.text);
		} else if (p->kind == CELL_TEXTS) {
			if (p->other)
				sb_puts(b, " of another text");
			else
				sb_printf(b, " \"" STR_FMT "\"", STR_ARG(p->part.text));
		} else if (p->part.low.in) {
			write_end(b, "=", &p->part.low);
		} else {
			if (!p->part.low.open)
				write_end(b, "above", &p->part.low);
			if (!p->part.low.open && !p->part.high.open)
				sb_puts(b, " and");
			if (!p->part.high.open)
				write_end(b, "below", &p->part.high);
		}
	}
	if (!any)
		sb_puts(b, "any input");
}

struct walk {
	const struct drg *d;
	const struct grid *g;
	struct column *col;
	const struct cell *allowed; /* by column */
	bool *fires;                /* by row: first at some point, or perhaps */
	int gaps;
};

static void look_at_point(struct teller *t, struct walk *w, const int *at)
{
	const struct box *b = w->g->b;
	bool covered = false, perhaps = false;

	for (int c = 0; c < b->inputs; c++)
		if (w->col[c].enumerated && takes(&w->allowed[c], &w->col[c].piece[at[c]]) == 0)
			return; /* cannot come */
	for (int r = 0; r < b->rules && !covered; r++) {
		int yes = 1;

		for (int c = 0; c < b->inputs && yes != 0; c++) {
			int one = takes(cell_at(w->g, r, c), &w->col[c].piece[at[c]]);

			if (one != 1)
				yes = one;
		}
		if (yes == 0)
			continue;
		w->fires[r] = true;
		/* past a row that may or may not match, later ones may fire too */
		covered = yes == 1 && (b->hit == HIT_FIRST || b->hit == HIT_UNIQUE);
		perhaps = true;
	}
	if (!perhaps && ++w->gaps <= GAPS_TOLD) {
		struct sb text = SB_INIT;

		write_point(&text, b, w->col, at);
		tell(t, b->line, "\"%s\": no row takes " STR_FMT, w->d->label, STR_ARG(sb_str(&text)));
		sb_fini(&text);
	}
}

static void walk_grid(struct teller *t, struct arena *a, const struct drg *d, const struct grid *g)
{
	const struct box *b = g->b;
	struct column *col = arena_array(a, (size_t)b->inputs + 1, sizeof(*col));
	struct cell *allowed = arena_array(a, (size_t)b->inputs + 1, sizeof(*allowed));
	int *at = arena_array(a, (size_t)b->inputs + 1, sizeof(*at));
	struct walk w = {.d = d, .g = g, .col = col, .allowed = allowed};
	bool has_default = false,
	     lists = b->hit == HIT_COLLECT || b->hit == HIT_RULE_ORDER || b->hit == HIT_OUTPUT_ORDER;
	int64_t points = 1;
	int c;

	for (int i = 0; i < b->outputs; i++)
		has_default |= b->output[i].dflt != NULL;
	for (c = 0; c < b->inputs; c++) {
		read_cell(a, b->input[c].values_text.n > 0 ? b->input[c].values_text : STR_LIT("-"),
		        &allowed[c]);
		if (!column_pieces(a, g, c, &allowed[c], &col[c]))
			return;
		points *= col[c].n;
		if (points * (b->rules + 1) > (int64_t)GRID_MAX * 100 || points > GRID_MAX)
			return;
	}
	w.fires = arena_array(a, (size_t)b->rules + 1, sizeof(bool));
	/* For tables that give lists, and those with a default, no row is a regular outcome. */
	if (has_default || lists)
		w.gaps = GAPS_TOLD;
	for (;;) {
		look_at_point(t, &w, at);
		for (c = 0; c < b->inputs && ++at[c] == col[c].n; c++)
			at[c] = 0;
		if (c == b->inputs)
			break;
	}
	if (!has_default && !lists && w.gaps > GAPS_TOLD)
		tell(t, b->line, "\"%s\": and %d more cases that no row takes", d->label, w.gaps - GAPS_TOLD);
	for (int r = 0; r < b->rules; r++)
		if (!w.fires[r])
			tell(t, b->rule[r].line, "\"%s\": row %d can never fire", d->label, r + 1);
}

static bool same_outputs(const struct box *b, int i, int k)
{
	for (int o = 0; o < b->outputs; o++)
		if (!str_eq(b->rule[i].out_text[o], b->rule[k].out_text[o]))
			return false;
	return true;
}

static void check_table(struct teller *t, const struct drg *d, const struct box *b)
{
	struct arena *a = arena_new(0);
	struct grid g;
	int pairs = 0;

	grid_read(a, b, &g);
	for (int k = 1; (b->hit == HIT_ANY || b->hit == HIT_UNIQUE) && k < b->rules && pairs < PAIRS_MAX; k++)
		for (int i = 0; i < k; i++, pairs++) {
			if (!rows_overlap(&g, i, k))
				continue;
			if (b->hit == HIT_UNIQUE)
				tell(t, b->rule[k].line, "\"%s\": rows %d and %d overlap", d->label, i + 1,
				        k + 1);
			else if (!same_outputs(b, i, k))
				tell(t, b->rule[k].line,
				        "\"%s\": rows %d and %d overlap and give different results", d->label,
				        i + 1, k + 1);
		}
	if (b->inputs > 0)
		walk_grid(t, a, d, &g);
	arena_free(&a);
}

/* The tables inside of a box, wherever they stand. */
static void check_box(struct teller *t, const struct drg *d, const struct box *b)
{
	if (b == NULL)
		return;
	if (b->kind == BOX_TABLE)
		check_table(t, d, b);
	if (b->kind == BOX_BROKEN)
		tell(t, b->line, "\"%s\": %s", d->label, b->why);
	for (int i = 0; i < b->entries; i++)
		check_box(t, d, b->entry[i].box);
	check_box(t, d, b->result);
}

int dmn_check(const struct dmn_model *m, void (*f)(void *ctx, int line, const char *text), void *ctx)
{
	struct teller t = {f, ctx, 0};

	for (int n = 0; n < m->drgs; n++)
		check_box(&t, &m->drg[n], m->drg[n].box);
	return t.n;
}

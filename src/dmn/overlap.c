/*
 * overlap - rows of a table that can both match. Rows are halved again and again, at a piece of that column
 * which parts them best, until few are left to be compared with each other; a row that reaches over the piece
 * goes both ways. So a table of a hundred thousand rows takes about as many comparisons as rows, unless they
 * do overlap.
 */
#include "dmn/check_int.h"

#define LEAF 16             /* rows that are compared with each other */
#define STEPS_MAX 100000000 /* looks at a cell */
#define SAMPLE 63
#define DEPTH_MAX 200

struct search {
	struct arena *a;
	const struct grid *g;
	bool (*same)(const struct box *b, int i, int k);
	struct stretch *bounds; /* by column: what this part of the search is about */
	struct dmn__overlaps *out;
	int64_t steps;
};

static const struct stretches *taken(const struct grid *g, int row, int c)
{
	return &g->taken[(size_t)row * (size_t)g->b->inputs + (size_t)c];
}

int dmn__common(const struct grid *g, int c, int i, int k)
{
	const struct stretches *x = taken(g, i, c), *y = taken(g, k, c);

	for (int m = 0, n = 0; m < x->n && n < y->n;) {
		int first = x->at[m].first > y->at[n].first ? x->at[m].first : y->at[n].first;

		if (first <= x->at[m].last && first <= y->at[n].last)
			return first;
		if (x->at[m].last < y->at[n].last)
			m++;
		else
			n++;
	}
	return -1;
}

/* Whether the row takes a piece from first to last. */
static bool takes_some(const struct search *s, int row, int c, int first, int last)
{
	const struct stretches *x = taken(s->g, row, c);
	int low = 0, high = x->n;

	while (low < high) {
		int mid = (low + high) / 2;

		if (x->at[mid].last < first)
			low = mid + 1;
		else
			high = mid;
	}
	return low < x->n && x->at[low].first <= last;
}

static bool before(const int a[2], const int b[2])
{
	return a[1] != b[1] ? a[1] < b[1] : a[0] < b[0];
}

static void found(struct search *s, int i, int k)
{
	struct dmn__overlaps *o = s->out;
	int pair[2] = {i < k ? i : k, i < k ? k : i}, at;

	if (s->same != NULL && s->same(s->g->b, pair[0], pair[1]))
		return;
	at = o->n < DMN__TOLD_MAX ? (int)o->n : DMN__TOLD_MAX;
	o->n++;
	if (at == DMN__TOLD_MAX) {
		if (!before(pair, o->pair[at - 1]))
			return;
		at--;
	}
	for (; at > 0 && before(pair, o->pair[at - 1]); at--)
		memcpy(o->pair[at], o->pair[at - 1], sizeof(pair));
	memcpy(o->pair[at], pair, sizeof(pair));
}

static void compare(struct search *s, int i, int k)
{
	bool here = true;

	for (int c = 0; c < s->g->b->inputs; c++) {
		int piece = dmn__common(s->g, c, i, k);

		s->steps += taken(s->g, i, c)->n + taken(s->g, k, c)->n;
		if (piece < 0)
			return;
		/* two rows may meet in several parts of the search; they count in that of their first case */
		here &= piece >= s->bounds[c].first && piece <= s->bounds[c].last;
	}
	if (here)
		found(s, i, k);
}

static int by_size(const void *a, const void *b)
{
	const int *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The piece at which the rows' first pieces are halved, as a sample of them says. */
static int middle(const struct search *s, const int *row, int n, int c)
{
	int first[SAMPLE], k = 0, step = (n + SAMPLE - 1) / SAMPLE;

	for (int i = 0; i < n; i += step) {
		const struct stretches *x = taken(s->g, row[i], c);

		if (x->n > 0)
			first[k++] = x->at[0].first;
	}
	if (k == 0)
		return -1;
	qsort(first, (size_t)k, sizeof(*first), by_size);
	return first[k / 2] > first[0] ? first[k / 2] - 1 : first[0];
}

/* The column and the piece that part the rows best; false if none does. */
static bool best_cut(struct search *s, const int *row, int n, int *column, int *piece)
{
	int best = n - n / 8;

	*column = -1;
	for (int c = 0; c < s->g->b->inputs; c++) {
		int mid = middle(s, row, n, c), left = 0, right = 0;

		s->steps += n;
		if (mid < s->bounds[c].first || mid >= s->bounds[c].last)
			continue;
		for (int i = 0; i < n && left < best && right < best; i++) {
			left += takes_some(s, row[i], c, s->bounds[c].first, mid);
			right += takes_some(s, row[i], c, mid + 1, s->bounds[c].last);
		}
		if (left < best && right < best) {
			best = left > right ? left : right;
			*column = c;
			*piece = mid;
		}
	}
	return *column >= 0;
}

static void descend(struct search *s, const int *row, int n, int depth);

/* Those of the rows that take a piece of the stretch. */
static void descend_into(struct search *s, const int *row, int n, int c, struct stretch part, int depth)
{
	struct stretch whole = s->bounds[c];
	int *some = arena_array(s->a, (size_t)n, sizeof(*some)), k = 0;

	for (int i = 0; i < n; i++)
		if (takes_some(s, row[i], c, part.first, part.last))
			some[k++] = row[i];
	s->bounds[c] = part;
	descend(s, some, k, depth + 1);
	s->bounds[c] = whole;
}

static void descend(struct search *s, const int *row, int n, int depth)
{
	int c, piece;

	if (n > LEAF && depth < DEPTH_MAX && s->out->all && best_cut(s, row, n, &c, &piece)) {
		struct stretch whole = s->bounds[c];

		descend_into(s, row, n, c, (struct stretch){whole.first, piece}, depth);
		descend_into(s, row, n, c, (struct stretch){piece + 1, whole.last}, depth);
		return;
	}
	for (int k = 1; k < n && s->out->all; k++) {
		for (int i = 0; i < k; i++)
			compare(s, row[i], row[k]);
		s->out->all = s->steps < STEPS_MAX;
	}
}

void dmn__find_overlaps(struct arena *a, const struct grid *g,
        bool (*same)(const struct box *b, int i, int k), struct dmn__overlaps *out)
{
	const struct box *b = g->b;
	struct search s = {.a = a, .g = g, .same = same, .out = out};
	int *row = arena_array(a, (size_t)b->rules, sizeof(*row)), n = 0;

	*out = (struct dmn__overlaps){.all = true};
	s.bounds = arena_array(a, (size_t)b->inputs, sizeof(*s.bounds));
	for (int c = 0; c < b->inputs; c++)
		s.bounds[c] = (struct stretch){0, g->column[c].n - 1};
	for (int r = 0; r < b->rules; r++) {
		bool sure = true;

		for (int c = 0; c < b->inputs && sure; c++)
			sure = taken(g, r, c)->n > 0; /* a cell that is not known takes nothing for sure */
		if (sure)
			row[n++] = r;
	}
	descend(&s, row, n, 0);
}

/* check_int - what the files of the checks share: the cells of a table, cut into pieces. */
#ifndef HEMING_DMN_CHECK_INT_H
#define HEMING_DMN_CHECK_INT_H

#include "dmn/dmn_int.h"

struct teller {
	void (*tell)(void *ctx, int line, const char *text);
	void *ctx;
	const struct drg *d; /* whose table it is; its name begins each finding */
	int n;
};
void dmn__tell(struct teller *t, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * A piece of a column: values that all its cells treat alike. A value that a cell names, the stretch between
 * two such values, any other text, or null.
 */
struct piece {
	enum feel_type type;
	int place;                           /* in the order of its type */
	const struct feel_value *low, *high; /* one value: both; of a stretch NULL is no end */
	bool point, other, null;
};
struct column {
	struct piece *piece; /* by type, in order; null last */
	int n, types;        /* types: of the values that its cells name */
	bool any;            /* one piece for all values: no cell names any, or they have no order */
	/* Of dmn__grid_sets. By row, `words` each: the pieces that the row's cell takes for sure, and those
	 * that it may take; more where the cell is no literal. */
	uint64_t *sure, *may;
	size_t words;
	/* The same by piece, `row_words` each: rows. */
	uint64_t *rows_sure, *rows_may;
};
struct stretch { /* pieces, both ends among them */
	int first, last;
};
struct stretches {
	struct stretch *at; /* in order, none beside another */
	int n;
};
struct grid {
	const struct box *b;
	struct column *column;
	size_t row_words;
	/* Of row r and column c: [r * inputs + c]. */
	struct feel_cell *cell;
	bool *known;             /* the cell holds literals alone */
	bool *sure;              /* and what they take is known */
	struct stretches *taken; /* if so: what */
};
/* All in the arena. */
void dmn__grid(struct arena *a, const struct drg *d, const struct box *b, struct grid *g);
/* The cells as sets. False if the table is too large for this. */
bool dmn__grid_sets(struct arena *a, struct grid *g);
static inline bool bit(const uint64_t *set, int i)
{
	return set[i / 64] >> (i % 64) & 1;
}
static inline uint64_t *row_of(const uint64_t *sets, size_t words, int i)
{
	return (uint64_t *)sets + (size_t)i * words;
}
/* Order of two values of one type, true above false; 0 or -1 as feel_compare. */
int dmn__order(const struct feel_value *a, const struct feel_value *b, int *order);

/* overlap.c */
#define DMN__TOLD_MAX 5 /* gaps, and overlaps, of one table */
struct dmn__overlaps {  /* pairs of rows that can both match */
	int pair[DMN__TOLD_MAX]
	        [2]; /* the first ones: of the later row, then of the earlier one; the lower row first */
	int64_t n;
	bool all; /* all pairs were looked for; else there may be more */
};
/* `same` (may be NULL): pairs that are none for the caller. */
void dmn__find_overlaps(struct arena *a, const struct grid *g,
        bool (*same)(const struct box *b, int i, int k), struct dmn__overlaps *out);
/* The first piece of column c that both rows take for sure, -1 if none. */
int dmn__common(const struct grid *g, int c, int i, int k);

/* check_types.c: what is known of an input before anything is evaluated. */
struct input_type {
	enum feel_type type;             /* FEEL_NULL: unknown, or no basic type */
	const struct feel_expr *allowed; /* NULL: any */
};
struct input_type dmn__input_type(const struct drg *d, const struct table_input *in);
/* Cells and outputs that are not of their column's type. */
void dmn__check_cells(struct teller *t, struct arena *a, const struct box *b);
/* Types that nothing defines. */
void dmn__check_type_names(struct teller *t, const struct box *b);

#endif

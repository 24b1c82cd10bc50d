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
	struct piece *piece;
	int n, types;   /* types: of the values that its cells name */
	uint64_t *sure; /* by row, `words` each: the pieces that the row's cell takes */
	uint64_t *may;  /* and those that it may take; more where the cell is no literal */
	size_t words;
	/* The same by piece, `row_words` each: rows. */
	uint64_t *rows_sure, *rows_may;
	bool any; /* one piece for all values: no cell names any, or they have no order */
};
struct grid {
	const struct box *b;
	struct column *column;
	size_t row_words;
	struct feel_cell *cell; /* of row r and column c: [r * inputs + c] */
	bool *known;            /* of the same places: the cell holds literals alone */
};
/* False if the table is too large for this. All in the arena. */
bool dmn__grid(struct arena *a, const struct drg *d, const struct box *b, struct grid *g);
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

/*
 * point_index - points on the grid of web maps (geo_to_web), so that a map asks for what lies in a tile or a
 * box, each time as another reader sees it.
 *
 * A point has an id, which is a small number of the caller's, and a class. What decides whether a reader sees
 * a point, and by what it is counted, is the same for all points of a class; the caller says which classes he
 * asks for by a table, `rank`, with one byte a class: 0 is not seen, and the points of such a class are in no
 * answer, nor counted in one; other numbers tell how points are counted apart, the smallest being the
 * gravest.
 *
 * A quadtree. Its leaves hold up to a few hundred points; every node above knows how many points of each
 * class are below it, and the sums of their places. So a tile of a whole city costs what it has classes, and
 * one point that comes, goes or changes costs a step at each level.
 *
 * Threads: one that changes it or many that ask; the lock is the caller's. Memory: 30 bytes a point, and 24
 * for each class at each node, which made 42 to 92 a point of a million in 5,000 to 57,000 classes.
 */
#ifndef HEMING_POINT_INDEX_H
#define HEMING_POINT_INDEX_H

#include "base/geometry.h"

struct point {
	uint32_t id, class;
	struct geo_cell at;
};
struct point_box { /* both ends belong to it */
	uint32_t w, n, e, s;
};
#define POINT_RANKS 8 /* 0 … 7 */
struct point_cell {
	uint32_t count, of_rank[POINT_RANKS];
	uint64_t x, y; /* sums over its points */
};

struct point_index;
struct point_index *point_index_new(void);
void point_index_free(struct point_index **ix);
/* Into an empty index, many at once; reorders p. Every id once. */
void point_index_fill(struct point_index *ix, struct point *p, size_t n);
/* Adds a point, or gives the point of this id another place and class. */
void point_index_set(struct point_index *ix, const struct point *p);
void point_index_drop(struct point_index *ix, uint32_t id); /* nothing where there is none */
bool point_index_get(const struct point_index *ix, uint32_t id, struct point *out);
size_t point_index_bytes(const struct point_index *ix); /* memory that it takes */

/* The tile x, y of zoom z, 2^z tiles a side: its points by cells, 2^bits cells a side, row by row from the
 * north-west. z + bits <= 32. */
void point_index_cells(const struct point_index *ix, const uint8_t *rank, int z, uint32_t x, uint32_t y,
        int bits, struct point_cell *cell);
/* Where a map that is drawn nearer sees the points of this tile in more than one place: the largest zoom at
 * which one tile still holds all of them; z <= it <= 32. */
int point_index_parts(const struct point_index *ix, const uint8_t *rank, int z, uint32_t x, uint32_t y);
/* Points in the box, at most so many; how many there are in `out`. */
size_t point_index_list(const struct point_index *ix, const uint8_t *rank, const struct point_box *box,
        size_t most, struct point *out);
/* Adds to count[class] what lies in the box: of all classes. */
void point_index_count(const struct point_index *ix, const struct point_box *box, uint32_t *count);

struct point_box point_tile_box(int z, uint32_t x, uint32_t y);

#endif

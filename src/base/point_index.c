#include "base/point_index.h"

#define LEAF_MOST 256 /* points; beyond, a leaf becomes four */
#define DEPTH_MOST 28 /* a leaf there takes what comes: it is 15 cm wide */
#define ABSENT UINT32_MAX

struct tally { /* of one class below a node */
	uint32_t class, count;
	uint64_t x, y; /* sums */
};

/* A leaf has points, any other node has tallies by class in their order, and children. What no longer has
 * points keeps its place for a while, since a class comes and goes as alarms do. */
struct node {
	bool leaf;
	uint32_t n, cap; /* of points or tallies */
	union {
		struct point *point;
		struct tally *tally;
	};
	uint32_t total, gone;  /* points below; tallies without any */
	struct node *child[4]; /* NULL: empty; 0 north-west, 1 north-east, 2 south-west, 3 south-east */
};

struct point_index {
	struct node *root;
	struct point *at; /* by id; class ABSENT where there is none */
	size_t ids, cap;
};

struct point_index *point_index_new(void)
{
	return xcalloc(1, sizeof(struct point_index));
}

static void node_free(struct node *n)
{
	if (n == NULL)
		return;
	for (int i = 0; i < 4; i++)
		node_free(n->child[i]);
	free(n->leaf ? (void *)n->point : (void *)n->tally);
	free(n);
}

void point_index_free(struct point_index **ix)
{
	if (*ix == NULL)
		return;
	node_free((*ix)->root);
	free((*ix)->at);
	free(*ix);
	*ix = NULL;
}

/* Which child of a node at this depth. */
static int quarter(struct geo_cell c, int depth)
{
	return (int)(c.y >> (31 - depth) & 1) << 1 | (int)(c.x >> (31 - depth) & 1);
}

/* ---- tallies ---- */

static uint32_t tally_place(const struct node *n, uint32_t class)
{
	uint32_t low = 0, high = n->n;

	while (low < high) {
		uint32_t mid = low + (high - low) / 2;

		if (n->tally[mid].class < class)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void tally_grow(struct node *n)
{
	n->cap = n->cap < 8 ? 8 : n->cap + n->cap / 2;
	n->tally = xrealloc(n->tally, n->cap * sizeof(*n->tally));
}

static void tally_add(struct node *n, const struct point *p)
{
	uint32_t i = tally_place(n, p->class);
	struct tally *t;

	if (i == n->n || n->tally[i].class != p->class) {
		if (n->n == n->cap)
			tally_grow(n);
		memmove(&n->tally[i + 1], &n->tally[i], (n->n - i) * sizeof(*n->tally));
		n->tally[i] = (struct tally){.class = p->class};
		n->n++;
	} else if (n->tally[i].count == 0) {
		n->gone--;
	}
	t = &n->tally[i];
	t->count++;
	t->x += p->at.x;
	t->y += p->at.y;
	n->total++;
}

static void tally_sub(struct node *n, const struct point *p)
{
	struct tally *t = &n->tally[tally_place(n, p->class)];
	uint32_t kept = 0;

	must(t->class == p->class && t->count > 0);
	t->count--;
	t->x -= p->at.x;
	t->y -= p->at.y;
	n->total--;
	if (t->count > 0 || ++n->gone <= 8 + n->n / 4)
		return;
	for (uint32_t i = 0; i < n->n; i++)
		if (n->tally[i].count > 0)
			n->tally[kept++] = n->tally[i];
	n->n = kept;
	n->gone = 0;
}

/* The tallies of two into one, in order. */
static struct tally *merge(
        const struct tally *a, uint32_t na, const struct tally *b, uint32_t nb, uint32_t *n)
{
	struct tally *out = xrealloc(NULL, ((size_t)na + nb + 1) * sizeof(*out));
	uint32_t i = 0, k = 0;

	*n = 0;
	while (i < na || k < nb) {
		if (k == nb || (i < na && a[i].class < b[k].class)) {
			out[(*n)++] = a[i++];
		} else if (i == na || b[k].class < a[i].class) {
			out[(*n)++] = b[k++];
		} else {
			out[*n] = a[i++];
			out[*n].count += b[k].count;
			out[*n].x += b[k].x;
			out[(*n)++].y += b[k++].y;
		}
	}
	return out;
}

static int by_class(const void *a, const void *b)
{
	const struct tally *x = a, *y = b;

	return x->class < y->class ? -1 : x->class > y->class;
}

static struct tally *leaf_tallies(const struct node *leaf, uint32_t *n)
{
	struct tally *t = xrealloc(NULL, ((size_t)leaf->n + 1) * sizeof(*t));
	uint32_t kept = 0;

	for (uint32_t i = 0; i < leaf->n; i++)
		t[i] = (struct tally){leaf->point[i].class, 1, leaf->point[i].at.x, leaf->point[i].at.y};
	qsort(t, leaf->n, sizeof(*t), by_class);
	for (uint32_t i = 0; i < leaf->n; i++) {
		if (kept == 0 || t[kept - 1].class != t[i].class) {
			t[kept++] = t[i];
			continue;
		}
		t[kept - 1].count++;
		t[kept - 1].x += t[i].x;
		t[kept - 1].y += t[i].y;
	}
	*n = kept;
	return t;
}

static void take_in(struct node *n, const struct node *child)
{
	uint32_t add = child->n, sum;
	struct tally *t = child->leaf ? leaf_tallies(child, &add) : child->tally, *all;

	all = merge(n->tally, n->n, t, add, &sum);
	if (child->leaf)
		free(t);
	free(n->tally);
	n->tally = xrealloc(all, ((size_t)sum + 1) * sizeof(*all));
	n->n = sum;
	n->cap = sum + 1;
	n->total += child->leaf ? child->n : child->total;
}

/* ---- building ---- */

static struct node *leaf_of(const struct point *p, size_t n)
{
	struct node *leaf = xcalloc(1, sizeof(*leaf));

	leaf->leaf = true;
	leaf->n = leaf->cap = (uint32_t)n;
	leaf->point = xrealloc(NULL, (n + 1) * sizeof(*p));
	if (n > 0)
		memcpy(leaf->point, p, n * sizeof(*p));
	return leaf;
}

/* Points of quarters 0 … q to the front; how many those are. */
static size_t part(struct point *p, size_t n, int depth, int q)
{
	size_t front = 0;

	for (size_t i = 0; i < n; i++) {
		struct point x = p[i];

		if (quarter(x.at, depth) > q)
			continue;
		p[i] = p[front];
		p[front++] = x;
	}
	return front;
}

static struct node *build(struct point *p, size_t n, int depth)
{
	size_t end[5] = {0};
	struct node *inner;

	if (n == 0)
		return NULL;
	if (n <= LEAF_MOST || depth >= DEPTH_MOST)
		return leaf_of(p, n);
	inner = xcalloc(1, sizeof(*inner));
	end[4] = n;
	end[2] = part(p, n, depth, 1);
	end[1] = part(p, end[2], depth, 0);
	end[3] = end[2] + part(p + end[2], n - end[2], depth, 2);
	for (int i = 0; i < 4; i++) {
		inner->child[i] = build(p + end[i], end[i + 1] - end[i], depth + 1);
		if (inner->child[i] != NULL)
			take_in(inner, inner->child[i]);
	}
	return inner;
}

static void remember(struct point_index *ix, const struct point *p)
{
	size_t had = ix->cap;

	if (p->id >= had) {
		ix->at = xgrow(ix->at, &ix->cap, (size_t)p->id + 1, sizeof(*ix->at));
		for (size_t i = had; i < ix->cap; i++)
			ix->at[i].class = ABSENT;
	}
	ix->at[p->id] = *p;
}

void point_index_fill(struct point_index *ix, struct point *p, size_t n)
{
	must(ix->root == NULL);
	for (size_t i = 0; i < n; i++)
		remember(ix, &p[i]);
	ix->root = build(p, n, 0);
}

/* ---- one point ---- */

static void leaf_put(struct node *leaf, const struct point *p)
{
	if (leaf->n == leaf->cap) {
		leaf->cap = leaf->cap < 4 ? 4 : leaf->cap + leaf->cap / 2;
		leaf->point = xrealloc(leaf->point, leaf->cap * sizeof(*p));
	}
	leaf->point[leaf->n++] = *p;
}

static void insert(struct point_index *ix, const struct point *p)
{
	struct node **at = &ix->root, *full;
	int depth = 0;

	while (*at != NULL && !(*at)->leaf) {
		tally_add(*at, p);
		at = &(*at)->child[quarter(p->at, depth++)];
	}
	if (*at == NULL) {
		*at = leaf_of(p, 1);
		return;
	}
	leaf_put(*at, p);
	if ((*at)->n <= LEAF_MOST || depth >= DEPTH_MOST)
		return;
	full = *at;
	*at = build(full->point, full->n, depth);
	node_free(full);
}

static void gather(const struct node *n, struct node *into)
{
	if (n == NULL)
		return;
	for (uint32_t i = 0; n->leaf && i < n->n; i++)
		leaf_put(into, &n->point[i]);
	for (int i = 0; i < 4; i++)
		gather(n->child[i], into);
}

/* Few enough to be a leaf again; half as many as would split it, so that it does not go to and fro. */
static void fold(struct node **at)
{
	struct node *leaf;

	if (*at == NULL || (*at)->leaf || (*at)->total > LEAF_MOST / 2)
		return;
	leaf = leaf_of(NULL, 0);
	gather(*at, leaf);
	node_free(*at);
	*at = leaf;
}

static uint32_t leaf_find(const struct node *leaf, uint32_t id)
{
	uint32_t i = 0;

	while (i < leaf->n && leaf->point[i].id != id)
		i++;
	must(i < leaf->n);
	return i;
}

static void take_out(struct point_index *ix, const struct point *p)
{
	struct node **at = &ix->root, **small = NULL, *leaf;
	int depth = 0;

	while (!(*at)->leaf) {
		tally_sub(*at, p);
		if (small == NULL && (*at)->total <= LEAF_MOST / 2)
			small = at;
		at = &(*at)->child[quarter(p->at, depth++)];
	}
	leaf = *at;
	leaf->point[leaf_find(leaf, p->id)] = leaf->point[leaf->n - 1];
	if (--leaf->n == 0) {
		node_free(leaf);
		*at = NULL;
	}
	if (small != NULL)
		fold(small);
}

static void reclass(struct point_index *ix, const struct point *was, const struct point *p)
{
	struct node *n = ix->root;
	int depth = 0;

	for (; !n->leaf; n = n->child[quarter(p->at, depth++)]) {
		tally_sub(n, was);
		tally_add(n, p);
	}
	n->point[leaf_find(n, p->id)].class = p->class;
}

void point_index_set(struct point_index *ix, const struct point *p)
{
	struct point was;

	if (!point_index_get(ix, p->id, &was)) {
		insert(ix, p);
	} else if (was.at.x != p->at.x || was.at.y != p->at.y) {
		take_out(ix, &was);
		insert(ix, p);
	} else if (was.class != p->class) {
		reclass(ix, &was, p);
	}
	remember(ix, p);
}

void point_index_drop(struct point_index *ix, uint32_t id)
{
	struct point was;

	if (!point_index_get(ix, id, &was))
		return;
	take_out(ix, &was);
	ix->at[id].class = ABSENT;
}

bool point_index_get(const struct point_index *ix, uint32_t id, struct point *out)
{
	if (id >= ix->cap || ix->at[id].class == ABSENT)
		return false;
	*out = ix->at[id];
	return true;
}

static size_t node_bytes(const struct node *n)
{
	size_t sum;

	if (n == NULL)
		return 0;
	sum = sizeof(*n) + n->cap * (n->leaf ? sizeof(*n->point) : sizeof(*n->tally));
	for (int i = 0; i < 4; i++)
		sum += node_bytes(n->child[i]);
	return sum;
}

size_t point_index_bytes(const struct point_index *ix)
{
	return sizeof(*ix) + ix->cap * sizeof(*ix->at) + node_bytes(ix->root);
}

/* ---- asking ---- */

struct point_box point_tile_box(int z, uint32_t x, uint32_t y)
{
	uint32_t last = (uint32_t)((UINT64_C(1) << (32 - z)) - 1);
	uint32_t w = (uint32_t)((uint64_t)x << (32 - z)), n = (uint32_t)((uint64_t)y << (32 - z));

	return (struct point_box){w, n, w + last, n + last};
}

static bool inside(const struct point_box *box, struct geo_cell c)
{
	return c.x >= box->w && c.x <= box->e && c.y >= box->n && c.y <= box->s;
}

static struct point_box child_box(const struct point_box *b, int i)
{
	uint32_t x = b->w + (b->e - b->w) / 2, y = b->n + (b->s - b->n) / 2;

	return (struct point_box){
	        i & 1 ? x + 1 : b->w, i & 2 ? y + 1 : b->n, i & 1 ? b->e : x, i & 2 ? b->s : y};
}

/* The node that holds a tile, or a leaf above it that does. *depth: of the node. */
static const struct node *node_of(const struct point_index *ix, int z, uint32_t x, uint32_t y, int *depth)
{
	struct point_box box = point_tile_box(z, x, y);
	const struct node *n = ix->root;

	for (*depth = 0; n != NULL && !n->leaf && *depth < z; ++*depth)
		n = n->child[quarter((struct geo_cell){box.w, box.n}, *depth)];
	return n;
}

struct cells {
	const uint8_t *rank;
	struct point_box tile;
	int z, bits;
	struct point_cell *cell;
};

static void count_in(
        const struct cells *c, struct geo_cell at, uint8_t rank, uint32_t n, uint64_t x, uint64_t y)
{
	int shift = 32 - c->z - c->bits;
	uint64_t column = (uint64_t)(at.x - c->tile.w) >> shift, row = (uint64_t)(at.y - c->tile.n) >> shift;
	struct point_cell *cell = &c->cell[(row << c->bits) + column];

	cell->count += n;
	cell->of_rank[rank] += n;
	cell->x += x;
	cell->y += y;
}

static void cells_below(const struct cells *c, const struct node *n, int depth, struct geo_cell corner)
{
	if (n == NULL)
		return;
	if (n->leaf) {
		for (uint32_t i = 0; i < n->n; i++) {
			const struct point *p = &n->point[i];

			if (c->rank[p->class] != 0 && inside(&c->tile, p->at))
				count_in(c, p->at, c->rank[p->class], 1, p->at.x, p->at.y);
		}
		return;
	}
	if (depth == c->z + c->bits) {
		for (uint32_t i = 0; i < n->n; i++) {
			const struct tally *t = &n->tally[i];

			if (c->rank[t->class] != 0)
				count_in(c, corner, c->rank[t->class], t->count, t->x, t->y);
		}
		return;
	}
	for (uint32_t i = 0; i < 4; i++)
		cells_below(c, n->child[i], depth + 1,
		        (struct geo_cell){
		                corner.x | (i & 1) << (31 - depth), corner.y | i >> 1 << (31 - depth)});
}

void point_index_cells(const struct point_index *ix, const uint8_t *rank, int z, uint32_t x, uint32_t y,
        int bits, struct point_cell *cell)
{
	struct cells c = {.rank = rank, .tile = point_tile_box(z, x, y), .z = z, .bits = bits, .cell = cell};
	const struct node *n;
	int depth;

	must(z >= 0 && bits >= 0 && z + bits <= 32);
	memset(cell, 0, sizeof(*cell) << 2 * bits);
	n = node_of(ix, z, x, y, &depth);
	cells_below(&c, n, depth, (struct geo_cell){c.tile.w, c.tile.n});
}

static bool any_seen(const struct node *n, const uint8_t *rank)
{
	if (n == NULL)
		return false;
	for (uint32_t i = 0; i < n->n; i++)
		if (n->leaf ? rank[n->point[i].class] != 0
		            : n->tally[i].count > 0 && rank[n->tally[i].class] != 0)
			return true;
	return false;
}

/* The bits that all points seen in a leaf and a box have in common, from the highest. */
static int common_bits(const struct node *leaf, const uint8_t *rank, const struct point_box *box)
{
	const struct point *first = NULL;
	uint32_t differ = 0;

	for (uint32_t i = 0; i < leaf->n; i++) {
		const struct point *p = &leaf->point[i];

		if (rank[p->class] == 0 || !inside(box, p->at))
			continue;
		if (first == NULL)
			first = p;
		differ |= (p->at.x ^ first->at.x) | (p->at.y ^ first->at.y);
	}
	return differ == 0 ? 32 : __builtin_clz(differ);
}

int point_index_parts(const struct point_index *ix, const uint8_t *rank, int z, uint32_t x, uint32_t y)
{
	struct point_box box = point_tile_box(z, x, y);
	int depth, bits;
	const struct node *n = node_of(ix, z, x, y, &depth);

	while (n != NULL && !n->leaf) {
		const struct node *only = NULL;
		int seen = 0;

		for (int i = 0; i < 4 && seen < 2; i++)
			if (any_seen(n->child[i], rank)) {
				only = n->child[i];
				seen++;
			}
		if (seen > 1)
			return depth;
		n = only;
		depth++;
	}
	bits = n != NULL ? common_bits(n, rank, &box) : 32;
	return bits < z ? z : bits;
}

struct listing {
	const uint8_t *rank;
	struct point_box box;
	struct point *out;
	size_t n, most;
};

enum overlap { APART, PARTLY, WITHIN };

static enum overlap overlap(const struct point_box *box, const struct point_box *node)
{
	if (node->e < box->w || node->w > box->e || node->s < box->n || node->n > box->s)
		return APART;
	return node->w >= box->w && node->e <= box->e && node->n >= box->n && node->s <= box->s ? WITHIN
	                                                                                        : PARTLY;
}

static void list_below(struct listing *l, const struct node *n, const struct point_box *of)
{
	enum overlap how = overlap(&l->box, of);

	if (n == NULL || how == APART || l->n == l->most || (how == WITHIN && !any_seen(n, l->rank)))
		return;
	for (uint32_t i = 0; n->leaf && i < n->n && l->n < l->most; i++)
		if (l->rank[n->point[i].class] != 0 && inside(&l->box, n->point[i].at))
			l->out[l->n++] = n->point[i];
	for (int i = 0; !n->leaf && i < 4; i++) {
		struct point_box box = child_box(of, i);

		list_below(l, n->child[i], &box);
	}
}

static const struct point_box world = {0, 0, UINT32_MAX, UINT32_MAX};

size_t point_index_list(const struct point_index *ix, const uint8_t *rank, const struct point_box *box,
        size_t most, struct point *out)
{
	struct listing l = {.rank = rank, .box = *box, .out = out, .most = most};

	list_below(&l, ix->root, &world);
	return l.n;
}

static void count_below(
        const struct point_box *box, const struct node *n, const struct point_box *of, uint32_t *count)
{
	enum overlap how = overlap(box, of);

	if (n == NULL || how == APART)
		return;
	if (n->leaf) {
		for (uint32_t i = 0; i < n->n; i++)
			count[n->point[i].class] += how == WITHIN || inside(box, n->point[i].at);
	} else if (how == WITHIN) {
		for (uint32_t i = 0; i < n->n; i++)
			count[n->tally[i].class] += n->tally[i].count;
	} else {
		for (int i = 0; i < 4; i++) {
			struct point_box part = child_box(of, i);

			count_below(box, n->child[i], &part, count);
		}
	}
}

void point_index_count(const struct point_index *ix, const struct point_box *box, uint32_t *count)
{
	count_below(box, ix->root, &world, count);
}

#include "base/point_index.h"
#include "check.h"

/* A city of few classes in a few thousand points, held beside the index as a list; every ask is answered by
 * walking the list too. */
#define IDS 6000
#define CLASSES 40

static uint32_t any(uint32_t n)
{
	return (uint32_t)test_below(n);
}

struct model {
	struct point_index *ix;
	struct point p[IDS];
	bool here[IDS];
	uint8_t rank[CLASSES];
};

/* Dense in the middle, with neighbours in the same place. */
static struct geo_cell somewhere(void)
{
	uint32_t r = any(10) == 0 ? UINT32_MAX : any(3) == 0 ? 1u << 24 : 1u << 12;
	struct geo_cell c = {
	        3580000000u + any(r) * (r == UINT32_MAX), 1730000000u + any(r) * (r == UINT32_MAX)};

	if (any(8) == 0)
		return (struct geo_cell){3580000000u, 1730000000u};
	if (r == UINT32_MAX)
		return c;
	return (struct geo_cell){c.x + any(r), c.y + any(r)};
}

static struct point some_point(uint32_t id)
{
	return (struct point){id, any(CLASSES), somewhere()};
}

static void see_some(struct model *m)
{
	for (int i = 0; i < CLASSES; i++)
		m->rank[i] = any(3) == 0 ? 0 : (uint8_t)(1 + any(POINT_RANKS - 1));
}

static bool in_box(const struct point_box *b, struct geo_cell c)
{
	return c.x >= b->w && c.x <= b->e && c.y >= b->n && c.y <= b->s;
}

static void check_cells(const struct model *m, int z, int bits)
{
	static struct point_cell is[256], want[256];
	struct geo_cell at = m->p[any(IDS)].at;
	uint32_t x = z == 0 ? 0 : at.x >> (32 - z), y = z == 0 ? 0 : at.y >> (32 - z);
	struct point_box box = point_tile_box(z, x, y);

	memset(want, 0, sizeof(want));
	for (int i = 0; i < IDS; i++) {
		const struct point *p = &m->p[i];
		struct point_cell *c;

		if (!m->here[i] || m->rank[p->class] == 0 || !in_box(&box, p->at))
			continue;
		c = &want[((uint64_t)(p->at.y - box.n) >> (32 - z - bits) << bits) +
		          ((uint64_t)(p->at.x - box.w) >> (32 - z - bits))];
		c->count++;
		c->of_rank[m->rank[p->class]]++;
		c->x += p->at.x;
		c->y += p->at.y;
	}
	point_index_cells(m->ix, m->rank, z, x, y, bits, is);
	check(memcmp(is, want, sizeof(*is) << 2 * bits) == 0);
}

static void check_parts(const struct model *m, int z)
{
	struct geo_cell at = m->p[any(IDS)].at;
	uint32_t x = z == 0 ? 0 : at.x >> (32 - z), y = z == 0 ? 0 : at.y >> (32 - z), differ = 0;
	struct point_box box = point_tile_box(z, x, y);
	const struct point *first = NULL;
	int want = 32;

	for (int i = 0; i < IDS; i++) {
		if (!m->here[i] || m->rank[m->p[i].class] == 0 || !in_box(&box, m->p[i].at))
			continue;
		first = first != NULL ? first : &m->p[i];
		differ |= (m->p[i].at.x ^ first->at.x) | (m->p[i].at.y ^ first->at.y);
	}
	while (want > 0 && differ != 0 && (want == 32 || differ >> (32 - want) != 0))
		want--;
	check_eq_i(point_index_parts(m->ix, m->rank, z, x, y), want);
}

static void check_boxes(const struct model *m)
{
	struct geo_cell a = m->p[any(IDS)].at, b = m->p[any(IDS)].at;
	struct point_box box = {
	        a.x < b.x ? a.x : b.x, a.y < b.y ? a.y : b.y, a.x < b.x ? b.x : a.x, a.y < b.y ? b.y : a.y};
	static struct point out[IDS];
	static bool told[IDS];
	uint32_t is[CLASSES] = {0}, want[CLASSES] = {0}, seen = 0, most = any(200);

	for (int i = 0; i < IDS; i++)
		if (m->here[i] && in_box(&box, m->p[i].at)) {
			want[m->p[i].class]++;
			seen += m->rank[m->p[i].class] != 0;
		}
	point_index_count(m->ix, &box, is);
	check(memcmp(is, want, sizeof(is)) == 0);
	check_eq_u(point_index_list(m->ix, m->rank, &box, IDS, out), seen);
	memset(told, 0, sizeof(told));
	for (uint32_t i = 0; i < seen; i++) {
		const struct point *p = &m->p[out[i].id];

		check(!told[out[i].id] && m->here[out[i].id] && m->rank[p->class] != 0 &&
		        in_box(&box, p->at));
		check(p->class == out[i].class && p->at.x == out[i].at.x && p->at.y == out[i].at.y);
		told[out[i].id] = true;
	}
	check_eq_u(point_index_list(m->ix, m->rank, &box, most, out), seen < most ? seen : most);
}

static void check_all(struct model *m)
{
	see_some(m);
	for (int z = 0; z <= 32; z += 1 + (int)any(4)) {
		check_cells(m, z, z > 29 ? 0 : (int)any(4));
		check_parts(m, z);
	}
	check_boxes(m);
}

static void change(struct model *m, uint32_t id)
{
	struct point p = some_point(id);

	if (any(4) == 0) {
		point_index_drop(m->ix, id);
		m->here[id] = false;
		return;
	}
	if (m->here[id] && any(2) == 0) /* its state alone */
		p.at = m->p[id].at;
	point_index_set(m->ix, &p);
	m->p[id] = p;
	m->here[id] = true;
}

static void play(bool filled)
{
	static struct model m;
	static struct point copy[IDS];
	struct point p;

	m = (struct model){.ix = point_index_new()};
	for (uint32_t i = 0; i < IDS; i++)
		m.p[i] = copy[i] = some_point(i);
	if (filled) {
		point_index_fill(m.ix, copy, IDS);
		memset(m.here, true, sizeof(m.here));
	}
	for (int round = 0; round < 40; round++) {
		check_all(&m);
		for (int i = 0; i < 500; i++)
			change(&m, any(IDS));
	}
	check_all(&m);
	check(point_index_bytes(m.ix) > 0);
	for (uint32_t i = 0; i < IDS; i++) {
		check(point_index_get(m.ix, i, &p) == m.here[i]);
		point_index_drop(m.ix, i);
		m.here[i] = false;
		if (i % 500 == 0)
			check_all(&m);
	}
	check_all(&m);
	point_index_free(&m.ix);
	check_eq_p(m.ix, NULL);
}

TEST(answers_as_a_list_does_after_many_at_once)
{
	test_seed(1);
	play(true);
}

TEST(answers_as_a_list_does_after_one_by_one)
{
	test_seed(2);
	play(false);
}

TEST(holds_what_lies_in_one_place)
{
	struct point_index *ix = point_index_new();
	const uint8_t rank[] = {1, 2};
	struct point out[1200];
	struct point_cell cell;

	for (uint32_t i = 0; i < 1000; i++)
		point_index_set(ix, &(struct point){i, i % 2, {7, 9}});
	check_eq_u(point_index_list(ix, rank, &(struct point_box){7, 9, 7, 9}, 1200, out), 1000);
	check_eq_i(point_index_parts(ix, rank, 0, 0, 0), 32);
	point_index_cells(ix, rank, 0, 0, 0, 0, &cell);
	check_eq_u(cell.count, 1000);
	check_eq_u(cell.of_rank[1], 500);
	check_eq_u(cell.x, 7000);
	for (uint32_t i = 0; i < 1000; i++)
		point_index_drop(ix, i);
	point_index_drop(ix, 5000);
	check_eq_u(
	        point_index_list(ix, rank, &(struct point_box){0, 0, UINT32_MAX, UINT32_MAX}, 1200, out), 0);
	point_index_free(&ix);
}

TEST(boxes_of_tiles)
{
	struct point_box b = point_tile_box(0, 0, 0);

	check(b.w == 0 && b.n == 0 && b.e == UINT32_MAX && b.s == UINT32_MAX);
	b = point_tile_box(1, 1, 0);
	check(b.w == 1u << 31 && b.n == 0 && b.e == UINT32_MAX && b.s == (1u << 31) - 1);
	b = point_tile_box(32, 5, 6);
	check(b.w == 5 && b.e == 5 && b.n == 6 && b.s == 6);
}

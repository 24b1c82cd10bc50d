/* What a reader sees of the map: tiles, counts, and what is in view. */
#include "base/mvt.h"
#include "city/map_int.h"

#include <math.h>

#define EXTENT_BITS 12 /* 4,096 to a side, as everybody has it */
#define CELL_BITS 3    /* a tile has 8 by 8 cells: what is more than one point in one becomes a cluster */
#define CELLS (1 << 2 * CELL_BITS)
#define POINTS_MOST 600 /* of a tile that shows every point: with long texts that is below 200 KB */
#define TEXT_MOST 64    /* bytes of a text in a tile */
#define NO_ALARM 5      /* rank: behind those with an alarm of level 1 … 4 */

/* ---- what one reader asks for, by class ---- */

enum tri { UNKNOWN, NO, YES };
struct view {
	const struct city_map *m;
	const struct map_points *l;
	const struct point_index *ix;
	const struct map_ask *ask;
	struct arena *a;
	uint8_t *kind, *region, *org; /* enum tri, by code */
	uint8_t *cases;               /* by scope of a case */
	uint8_t *rank, *states;       /* by class */
};

static bool begins_any(const char *const *list, const char *code)
{
	if (list == NULL || *code == '\0')
		return true;
	for (; *list != NULL; list++)
		if (strncmp(code, *list, strlen(*list)) == 0)
			return true;
	return false;
}

static const char *code_of(const struct view *v, uint32_t no)
{
	return intern_str(&v->m->codes, no).p;
}

static bool in_region(struct view *v, uint32_t no)
{
	if (v->region[no] == UNKNOWN)
		v->region[no] = begins_any(v->ask->who->scope.regions, code_of(v, no)) ? YES : NO;
	return v->region[no] == YES;
}

static bool in_org(struct view *v, uint32_t no)
{
	if (v->org[no] == UNKNOWN)
		v->org[no] = begins_any(v->ask->who->scope.orgs, code_of(v, no)) ? YES : NO;
	return v->org[no] == YES;
}

static bool asked_kind(const struct view *v, const char *code)
{
	const char *const *k = v->ask->kinds;
	const struct kind *kind = catalog_kind(v->m->site->catalog, code);

	if (kind != NULL && kind->secrecy > v->ask->who->scope.clearance)
		return false;
	while (k != NULL && *k != NULL && strcmp(*k, code) != 0)
		k++;
	return k == NULL || *k != NULL;
}

static bool in_kind(struct view *v, uint32_t no)
{
	if (v->kind[no] == UNKNOWN)
		v->kind[no] = asked_kind(v, code_of(v, no)) ? YES : NO;
	return v->kind[no] == YES;
}

/* As cases are listed: region, and the org that handles it or the one whose it is. */
static bool sees_case(struct view *v, uint32_t no)
{
	struct map_case c;

	if (v->cases[no] == UNKNOWN) {
		memcpy(&c, intern_str(&v->m->cases, no).p, sizeof(c));
		v->cases[no] =
		        in_region(v, c.region) && (in_org(v, c.org) || (c.owner != 0 && in_org(v, c.owner)))
		                ? YES
		                : NO;
	}
	return v->cases[no] == YES;
}

static void look_at_class(struct view *v, uint32_t no)
{
	const struct map_ask *ask = v->ask;
	bool alarms = ask->layer == MAP_ALARMS, sees_alarm;
	unsigned level, states = 0;
	struct map_class c;

	memcpy(&c, intern_str(&v->l->classes, no).p, sizeof(c));
	if (!in_kind(v, c.kind) || !in_region(v, c.region) || !in_org(v, c.org))
		return;
	sees_alarm = c.level > 0 && in_region(v, c.alarm_region) && in_org(v, c.alarm_org);
	if (alarms && !sees_alarm)
		return;
	level = sees_alarm ? c.level : 0;
	if (level > 0)
		states |= MAP_ALARM;
	if (c.case_scope > 0 && sees_case(v, c.case_scope - 1))
		states |= MAP_CASE;
	if (c.mark)
		states |= alarms ? MAP_ACKED : c.mark;
	if ((ask->levels != 0 && !(ask->levels & 1u << level)) ||
	        (ask->states != 0 && !(ask->states & states)))
		return;
	v->rank[no] = (uint8_t)(level > 0 ? level : NO_ALARM);
	v->states[no] = (uint8_t)states;
}

/* With the lock shared; what comes later has classes that the view does not know. */
static void view_init(struct view *v, const struct city_map *m, const struct map_ask *ask, struct arena *a)
{
	*v = (struct view){.m = m, .l = &m->layer[ask->layer], .ask = ask, .a = a};
	v->ix = v->l->ix[ask->crs];
	v->kind = arena_alloc(a, m->codes.n);
	v->region = arena_alloc(a, m->codes.n);
	v->org = arena_alloc(a, m->codes.n);
	v->cases = arena_alloc(a, m->cases.n);
	v->rank = arena_alloc(a, v->l->classes.n);
	v->states = arena_alloc(a, v->l->classes.n);
	for (uint32_t i = 0; i < v->l->classes.n; i++)
		look_at_class(v, i);
}

/* ---- one point ---- */

static struct map_item item_of(const struct view *v, const struct point *p)
{
	const struct city_map *m = v->m;
	const struct map_note *note = v->ask->layer == MAP_ALARMS ? &m->note[p->id] : NULL;
	uint32_t spot = note != NULL ? note->spot : p->id;
	const struct map_spot *s = &m->spot[spot];
	int rank = v->rank[p->class];

	return (struct map_item){.alarm = note != NULL ? note->id : 0,
	        .code = intern_str(&m->things, spot).p,
	        .kind = code_of(v, s->kind),
	        .name = s->names,
	        .name_en = s->names + strlen(s->names) + 1,
	        .rule = note != NULL ? note->words : "",
	        .summary = note != NULL ? note->words + strlen(note->words) + 1 : "",
	        .level = rank == NO_ALARM ? 0 : rank,
	        .states = v->states[p->class],
	        .at = geo_from_web(p->at)};
}

/* ---- tiles ---- */

struct tile {
	struct view v;
	int z;
	uint32_t x, y;
	struct point_box box;
	struct mvt mvt;
	struct point *point; /* POINTS_MOST of them */
};

/* A text that is longer ends in an ellipsis, and between two characters. */
static void put_text(struct mvt *m, const char *key, const char *text)
{
	char cut[TEXT_MOST + 4];
	size_t n = strlen(text);

	if (n > TEXT_MOST) {
		n = TEXT_MOST;
		while (n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80)
			n--;
		memcpy(cut, text, n);
		memcpy(cut + n, "…", 4);
		text = cut;
	}
	if (n > 0)
		mvt_text(m, key, str_of(text));
}

static int32_t in_tile(uint64_t v, uint32_t from, int z)
{
	return (int32_t)((v - from) << EXTENT_BITS >> (32 - z));
}

static void put_point(struct tile *t, const struct point *p)
{
	struct map_item it = item_of(&t->v, p);
	struct mvt *m = &t->mvt;
	char text[32];

	mvt_feature(m, 0);
	if (it.alarm != 0) { /* as text: numbers of pages are shorter */
		snprintf(text, sizeof(text), "%lld", (long long)it.alarm);
		mvt_text(m, "id", str_of(text));
	}
	put_text(m, "code", it.code);
	put_text(m, "kind", it.kind);
	put_text(m, "name", it.name);
	put_text(m, "name_en", it.name_en);
	put_text(m, "rule", it.rule);
	put_text(m, "summary", it.summary);
	mvt_int(m, "level", it.level);
	for (unsigned s = 1; s < 1u << MAP_STATES; s <<= 1)
		if (it.states & s && s != MAP_ALARM)
			mvt_bool(m, map_state_name((enum map_state)s), true);
	mvt_point(m, in_tile(p->at.x, t->box.w, t->z), in_tile(p->at.y, t->box.n, t->z));
}

/* The zoom at which what is one cluster here has become several: each zoom halves the cells. */
static int zoom_to(const struct tile *t, uint32_t column, uint32_t row)
{
	int apart = point_index_parts(t->v.ix, t->v.rank, t->z + CELL_BITS, (t->x << CELL_BITS) + column,
	                    (t->y << CELL_BITS) + row) -
	            CELL_BITS + 1;
	int most = t->z < MAP_ZOOM_ALL ? MAP_ZOOM_ALL : MAP_ZOOM_MOST;

	return apart < most ? apart : most;
}

static void put_cluster(struct tile *t, uint32_t cell_no, const struct point_cell *c)
{
	struct mvt *m = &t->mvt;
	int level = 0;

	for (int i = 4; i > 0; i--)
		if (c->of_rank[i] > 0)
			level = i;
	mvt_feature(m, 0);
	mvt_int(m, "point_count", c->count);
	mvt_int(m, "level", level);
	mvt_int(m, "alarms", c->count - c->of_rank[NO_ALARM]);
	mvt_int(m, "zoom", zoom_to(t, cell_no % (1 << CELL_BITS), cell_no >> CELL_BITS));
	mvt_point(m, in_tile(c->x / c->count, t->box.w, t->z), in_tile(c->y / c->count, t->box.n, t->z));
}

static void put_points(struct tile *t, uint32_t cell_no)
{
	struct point_box box =
	        point_tile_box(t->z + CELL_BITS, (t->x << CELL_BITS) + cell_no % (1 << CELL_BITS),
	                (t->y << CELL_BITS) + (cell_no >> CELL_BITS));
	size_t n = point_index_list(t->v.ix, t->v.rank, &box, POINTS_MOST, t->point);

	for (size_t i = 0; i < n; i++)
		put_point(t, &t->point[i]);
}

/* Cells by how much is in them: where not every point can be shown, the sparse ones are. */
static int order(const struct point_cell *cell, uint8_t *no)
{
	int n = 0;

	for (int i = 0; i < CELLS; i++) {
		int k = n;

		if (cell[i].count == 0)
			continue;
		for (n++; k > 0 && cell[no[k - 1]].count > cell[i].count; k--)
			no[k] = no[k - 1];
		no[k] = (uint8_t)i;
	}
	return n;
}

void map__tile(struct city_map *m, const struct map_ask *ask, int z, uint32_t x, uint32_t y, struct sb *out)
{
	struct arena *a = arena_new(0);
	struct tile t = {.z = z, .x = x, .y = y, .box = point_tile_box(z, x, y)};
	struct point_cell cell[CELLS];
	uint32_t room = POINTS_MOST;
	uint8_t no[CELLS] = {0};
	int n;

	t.point = arena_array(a, POINTS_MOST, sizeof(*t.point));
	mvt_init(&t.mvt, out);
	mvt_layer(&t.mvt, ask->layer == MAP_ALARMS ? "alarms" : "things", 1 << EXTENT_BITS);
	pthread_rwlock_rdlock(&m->lock);
	view_init(&t.v, m, ask, a);
	point_index_cells(t.v.ix, t.v.rank, z, x, y, CELL_BITS, cell);
	n = order(cell, no);
	for (int i = 0; i < n; i++) {
		const struct point_cell *c = &cell[no[i]];

		if (c->count == 1 || (z >= MAP_ZOOM_ALL && c->count <= room)) {
			put_points(&t, no[i]);
			room -= c->count;
		} else {
			put_cluster(&t, no[i], c);
		}
	}
	pthread_rwlock_unlock(&m->lock);
	mvt_end(&t.mvt);
	arena_free(&a);
}

int map_tile(struct city_map *m, const struct map_ask *ask, int64_t z, int64_t x, int64_t y, struct sb *out,
        struct err *e)
{
	int rc;

	if (z < 0 || z > MAP_ZOOM_MOST) {
		err_set(e, ERR_INVALID, "tiles are of zoom 0 to %d", MAP_ZOOM_MOST);
		return err_at(e, NULL, 0, 0, "z");
	}
	if (x < 0 || y < 0 || x >> z != 0 || y >> z != 0) {
		err_set(e, ERR_INVALID, "at zoom %d, x and y are 0 to %lld", (int)z, (1LL << z) - 1);
		return err_at(e, NULL, 0, 0, x < 0 || x >> z != 0 ? "x" : "y");
	}
	rc = map__ready(m, ask->crs, e);
	if (rc == 0)
		map__tile(m, ask, (int)z, (uint32_t)x, (uint32_t)y, out);
	return rc;
}

/* ---- what is in view ---- */

static struct point_box web_box(const struct geo_box *b)
{
	struct geo_cell nw = geo_to_web((struct geo_point){b->w, b->n}),
	                se = geo_to_web((struct geo_point){b->e, b->s});

	return (struct point_box){nw.x, nw.y, se.x, se.y};
}

static int by_kind(const void *a, const void *b)
{
	const struct map_kind_count *x = a, *y = b;

	return strcmp(x->kind, y->kind);
}

static void count_class(struct map_counts *out, const struct view *v, uint32_t no, uint32_t n)
{
	int rank = v->rank[no];

	out->total += n;
	out->of_level[rank == NO_ALARM ? 0 : rank] += n;
	for (int i = 0; i < MAP_STATES; i++)
		if (v->states[no] & 1u << i)
			out->of_state[i] += n;
}

void map__count(struct city_map *m, const struct map_ask *ask, const struct geo_box *box, struct arena *a,
        struct map_counts *out)
{
	struct arena *own = arena_new(0);
	struct point_box b = web_box(box);
	uint32_t *of_class, *of_kind;
	struct map_class c;
	struct view v;

	*out = (struct map_counts){0};
	pthread_rwlock_rdlock(&m->lock);
	view_init(&v, m, ask, own);
	of_class = arena_array(own, v.l->classes.n, sizeof(*of_class));
	of_kind = arena_array(own, m->codes.n, sizeof(*of_kind));
	point_index_count(v.ix, &b, of_class);
	for (uint32_t i = 0; i < v.l->classes.n; i++) {
		if (v.rank[i] == 0 || of_class[i] == 0)
			continue;
		memcpy(&c, intern_str(&v.l->classes, i).p, sizeof(c));
		out->kinds += of_kind[c.kind] == 0;
		of_kind[c.kind] += of_class[i];
		count_class(out, &v, i, of_class[i]);
	}
	out->kind = arena_array(a, (size_t)out->kinds, sizeof(*out->kind));
	out->kinds = 0;
	for (uint32_t i = 0; i < m->codes.n; i++)
		if (of_kind[i] > 0)
			out->kind[out->kinds++] =
			        (struct map_kind_count){arena_strdup(a, code_of(&v, i)), of_kind[i]};
	pthread_rwlock_unlock(&m->lock);
	qsort(out->kind, (size_t)out->kinds, sizeof(*out->kind), by_kind);
	arena_free(&own);
}

int map_count(struct city_map *m, const struct map_ask *ask, const struct geo_box *box, struct arena *a,
        struct map_counts *out, struct err *e)
{
	int rc = map__ready(m, ask->crs, e);

	if (rc == 0)
		map__count(m, ask, box, a, out);
	return rc;
}

static void keep_item(struct arena *a, struct map_item *x)
{
	const char **text[] = {&x->code, &x->kind, &x->name, &x->name_en, &x->rule, &x->summary};

	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		*text[i] = arena_strdup(a, *text[i]);
}

int map_list(struct city_map *m, const struct map_ask *ask, const struct geo_box *box, int limit,
        struct arena *a, struct map_item **out, int *n, struct err *e)
{
	struct point_box b = web_box(box);
	struct arena *own;
	struct point *p;
	uint8_t *of_rank;
	struct view v;
	int rc = map__ready(m, ask->crs, e);

	*n = 0;
	if (rc < 0)
		return rc;
	own = arena_new(0);
	*out = arena_array(a, (size_t)limit, sizeof(**out));
	p = arena_array(own, (size_t)limit, sizeof(*p));
	pthread_rwlock_rdlock(&m->lock);
	view_init(&v, m, ask, own);
	of_rank = arena_alloc(own, v.l->classes.n);
	for (int rank = 1; rank <= NO_ALARM && *n < limit; rank++) {
		size_t got;

		for (uint32_t i = 0; i < v.l->classes.n; i++)
			of_rank[i] = v.rank[i] == rank;
		got = point_index_list(v.ix, of_rank, &b, (size_t)(limit - *n), p);
		for (size_t i = 0; i < got; i++) {
			(*out)[*n] = item_of(&v, &p[i]);
			keep_item(a, &(*out)[(*n)++]);
		}
	}
	pthread_rwlock_unlock(&m->lock);
	arena_free(&own);
	return 0;
}

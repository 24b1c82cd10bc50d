#include "city/map.h"
#include "city/map_int.h"

#include <math.h>

const char *map_state_name(enum map_state s)
{
	return s == MAP_ALARM    ? "alarm"
	       : s == MAP_CASE   ? "case"
	       : s == MAP_SILENT ? "silent"
	       : s == MAP_NEVER  ? "never"
	                         : "acked";
}

/* ---- tables ---- */

void map__tables_init(struct city_map *m)
{
	pthread_rwlockattr_t attr;

	/* Many asks one after the other must not keep a change out. */
	must(pthread_rwlockattr_init(&attr) == 0);
	must(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
	must(pthread_rwlock_init(&m->lock, &attr) == 0);
	pthread_rwlockattr_destroy(&attr);
	for (int i = 0; i < MAP_LAYERS; i++)
		m->layer[i].ix[CRS_WGS84] = point_index_new();
	atomic_store(&m->shown, 1u << CRS_WGS84);
	m->note_free = NO_NOTE;
	(void)intern(&m->codes, STR_LIT("")); /* number 0 */
}

void map__tables_fini(struct city_map *m)
{
	struct intern *all[] = {&m->codes, &m->things, &m->cases, &m->layer[0].classes, &m->layer[1].classes};

	for (uint32_t i = 0; i < m->things.n; i++)
		free(m->spot[i].names);
	for (size_t i = 0; i < m->notes; i++)
		free(m->note[i].words);
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		intern_fini(all[i]);
	for (int i = 0; i < MAP_LAYERS; i++)
		for (int crs = 0; crs < GEO_CRS; crs++)
			point_index_free(&m->layer[i].ix[crs]);
	free(m->spot);
	free(m->note);
	pthread_rwlock_destroy(&m->lock);
}

static uint32_t code_no(struct city_map *m, const char *code)
{
	return intern(&m->codes, str_of(code != NULL ? code : ""));
}

uint32_t map__spot_of(const struct city_map *m, const char *code)
{
	return intern_find(&m->things, str_of(code));
}

static uint32_t spot_no(struct city_map *m, const char *code)
{
	uint32_t had = m->things.n, no = intern(&m->things, str_of(code));

	if (no == had) {
		m->spot = xgrow(m->spot, &m->spots_cap, (size_t)no + 1, sizeof(*m->spot));
		m->spot[no] = (struct map_spot){.note = NO_NOTE};
	}
	return no;
}

static uint32_t class_no(struct map_points *l, const struct map_class *c)
{
	return intern(&l->classes, (struct str){(const char *)c, sizeof(*c)});
}

static struct map_class class_of(const struct city_map *m, const struct map_spot *s)
{
	struct map_class c = {.kind = s->kind,
	        .region = s->region,
	        .org = s->org,
	        .case_scope = s->case_scope,
	        .mark = s->mute};

	for (uint32_t i = s->note; i != NO_NOTE; i = m->note[i].next) {
		const struct map_note *x = &m->note[i];

		if (c.level != 0 && c.level <= x->level)
			continue;
		c.level = x->level;
		c.alarm_region = x->region;
		c.alarm_org = x->org;
	}
	return c;
}

/* Where the map in that system has what lies in a cell of WGS-84. */
static struct geo_cell cell_in(int crs, struct geo_cell at)
{
	return crs == CRS_WGS84 ? at : geo_to_web(geo_to((enum geo_crs)crs, geo_from_web(at)));
}

static void put_point(struct map_points *l, uint32_t id, const struct map_spot *s, const struct map_class *c)
{
	const bool there = s->here && s->placed;
	const uint32_t class = there ? class_no(l, c) : 0;

	for (int crs = 0; crs < GEO_CRS; crs++) {
		if (l->ix[crs] == NULL)
			continue;
		if (there)
			point_index_set(l->ix[crs], &(struct point){id, class, cell_in(crs, s->at)});
		else
			point_index_drop(l->ix[crs], id);
	}
}

static void drop_point(struct map_points *l, uint32_t id)
{
	for (int crs = 0; crs < GEO_CRS; crs++)
		if (l->ix[crs] != NULL)
			point_index_drop(l->ix[crs], id);
}

static void show_note(struct city_map *m, uint32_t no)
{
	const struct map_note *x = &m->note[no];
	const struct map_spot *s = &m->spot[x->spot];
	struct map_class c = {.kind = s->kind,
	        .region = s->region,
	        .org = s->org,
	        .alarm_region = x->region,
	        .alarm_org = x->org,
	        .level = x->level,
	        .mark = x->acked};

	put_point(&m->layer[MAP_ALARMS], no, s, &c);
}

/* The thing, as its spot and its alarms are now. */
static void show(struct city_map *m, uint32_t no)
{
	const struct map_spot *s = &m->spot[no];
	const struct map_class c = class_of(m, s);

	put_point(&m->layer[MAP_THINGS], no, s, &c);
}

/* Made beside those that ask, since nobody changes anything meanwhile. */
void map__show_in(struct city_map *m, enum geo_crs crs)
{
	const size_t ids[MAP_LAYERS] = {m->things.n, m->notes};
	struct point_index *made[MAP_LAYERS];

	if (atomic_load(&m->shown) & 1u << crs)
		return;
	for (int i = 0; i < MAP_LAYERS; i++) {
		struct point *p = xcalloc(ids[i] + 1, sizeof(*p));
		size_t n = 0;

		for (uint32_t id = 0; id < ids[i]; id++)
			if (point_index_get(m->layer[i].ix[CRS_WGS84], id, &p[n])) {
				p[n].at = cell_in((int)crs, p[n].at);
				n++;
			}
		made[i] = point_index_new();
		point_index_fill(made[i], p, n);
		free(p);
	}
	pthread_rwlock_wrlock(&m->lock);
	for (int i = 0; i < MAP_LAYERS; i++)
		m->layer[i].ix[crs] = made[i];
	pthread_rwlock_unlock(&m->lock);
	atomic_fetch_or(&m->shown, 1u << crs);
}

/* ---- changes ---- */

static char *two_texts(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b);
	char *out = xrealloc(NULL, na + nb + 2);

	memcpy(out, a, na + 1);
	memcpy(out + na + 1, b, nb + 1);
	return out;
}

static bool same_texts(const char *two, const char *a, const char *b)
{
	return two != NULL && strcmp(two, a) == 0 && strcmp(two + strlen(two) + 1, b) == 0;
}

static void put_spot(struct city_map *m, uint32_t no, const struct map_thing *t)
{
	struct map_spot *s = &m->spot[no];

	if (!same_texts(s->names, t->name, t->name_en)) {
		free(s->names);
		s->names = two_texts(t->name, t->name_en);
	}
	s->kind = code_no(m, t->kind);
	s->region = code_no(m, t->region);
	s->org = code_no(m, t->org);
	s->placed = !isnan(t->at.lon) && !isnan(t->at.lat);
	s->at = s->placed ? geo_to_web(t->at) : (struct geo_cell){0};
	s->mute = (uint8_t)t->mute;
	s->here = true;
	s->round = m->round;
}

void map__fill(struct city_map *m, const struct map_thing *t, size_t n)
{
	struct point *p = xcalloc(n + 1, sizeof(*p));
	struct map_points *l = &m->layer[MAP_THINGS];
	size_t placed = 0;

	pthread_rwlock_wrlock(&m->lock);
	for (size_t i = 0; i < n; i++) {
		uint32_t no = spot_no(m, t[i].code);
		struct map_class c;

		put_spot(m, no, &t[i]);
		c = class_of(m, &m->spot[no]);
		if (m->spot[no].placed)
			p[placed++] = (struct point){no, class_no(l, &c), m->spot[no].at};
	}
	point_index_fill(l->ix[CRS_WGS84], p, placed);
	pthread_rwlock_unlock(&m->lock);
	free(p);
}

/* Nobody else changes tables: what has not changed is seen without a lock. */
static bool same_thing(const struct city_map *m, uint32_t no, const struct map_thing *t)
{
	const struct map_spot *s = &m->spot[no];
	bool placed = !isnan(t->at.lon) && !isnan(t->at.lat);
	struct geo_cell at = placed ? geo_to_web(t->at) : (struct geo_cell){0};

	return s->here && s->placed == placed && s->mute == t->mute && s->at.x == at.x && s->at.y == at.y &&
	       same_texts(s->names, t->name, t->name_en) && str_is(intern_str(&m->codes, s->kind), t->kind) &&
	       str_is(intern_str(&m->codes, s->region), t->region) &&
	       str_is(intern_str(&m->codes, s->org), t->org);
}

void map__thing(struct city_map *m, const struct map_thing *t)
{
	uint32_t no = map__spot_of(m, t->code);

	if (no != INTERN_NONE && same_thing(m, no, t)) {
		m->spot[no].round = m->round;
		return;
	}
	pthread_rwlock_wrlock(&m->lock);
	no = spot_no(m, t->code);
	put_spot(m, no, t);
	show(m, no);
	for (uint32_t i = m->spot[no].note; i != NO_NOTE; i = m->note[i].next)
		show_note(m, i);
	pthread_rwlock_unlock(&m->lock);
}

void map__thing_gone(struct city_map *m, const char *code)
{
	uint32_t no = map__spot_of(m, code);

	if (no == INTERN_NONE || !m->spot[no].here)
		return;
	pthread_rwlock_wrlock(&m->lock);
	m->spot[no].here = false;
	show(m, no);
	for (uint32_t i = m->spot[no].note; i != NO_NOTE; i = m->note[i].next)
		show_note(m, i);
	pthread_rwlock_unlock(&m->lock);
}

static uint32_t note_find(const struct city_map *m, uint32_t spot, int64_t id)
{
	uint32_t i = m->spot[spot].note;

	while (i != NO_NOTE && m->note[i].id != id)
		i = m->note[i].next;
	return i;
}

static uint32_t note_new(struct city_map *m)
{
	uint32_t no = m->note_free;

	if (no != NO_NOTE) {
		m->note_free = m->note[no].next;
		return no;
	}
	m->note = xgrow(m->note, &m->notes_cap, m->notes + 1, sizeof(*m->note));
	m->note[m->notes].words = NULL;
	return (uint32_t)m->notes++;
}

void map__alarm(struct city_map *m, const char *thing, const struct map_alarm *x)
{
	uint32_t spot, no;
	struct map_note *note;

	pthread_rwlock_wrlock(&m->lock);
	spot = spot_no(m, thing);
	no = note_find(m, spot, x->id);
	if (no == NO_NOTE) {
		no = note_new(m);
		m->note[no].next = m->spot[spot].note;
		m->spot[spot].note = no;
	}
	note = &m->note[no];
	free(note->words);
	*note = (struct map_note){.id = x->id,
	        .words = two_texts(x->rule, x->summary),
	        .spot = spot,
	        .next = note->next,
	        .region = code_no(m, x->region),
	        .org = code_no(m, x->org),
	        .level = (uint32_t)(x->level < 1   ? 1
	                            : x->level > 4 ? 4
	                                           : x->level),
	        .acked = x->acked};
	show_note(m, no);
	show(m, spot);
	pthread_rwlock_unlock(&m->lock);
}

void map__alarm_gone(struct city_map *m, const char *thing, int64_t id)
{
	uint32_t spot = map__spot_of(m, thing), no, *at;

	no = spot != INTERN_NONE ? note_find(m, spot, id) : NO_NOTE;
	if (no == NO_NOTE)
		return;
	pthread_rwlock_wrlock(&m->lock);
	at = &m->spot[spot].note;
	while (*at != no)
		at = &m->note[*at].next;
	*at = m->note[no].next;
	drop_point(&m->layer[MAP_ALARMS], no);
	free(m->note[no].words);
	m->note[no] = (struct map_note){.next = m->note_free};
	m->note_free = no;
	show(m, spot);
	pthread_rwlock_unlock(&m->lock);
}

void map__case(struct city_map *m, const char *thing, const char *region, const char *org, const char *owner)
{
	uint32_t spot = map__spot_of(m, thing), scope = 0;

	if (region == NULL && (spot == INTERN_NONE || m->spot[spot].case_scope == 0))
		return;
	pthread_rwlock_wrlock(&m->lock);
	spot = spot_no(m, thing);
	if (region != NULL) {
		struct map_case c = {code_no(m, region), code_no(m, org), code_no(m, owner)};

		scope = intern(&m->cases, (struct str){(const char *)&c, sizeof(c)}) + 1;
	}
	m->spot[spot].case_scope = scope;
	show(m, spot);
	pthread_rwlock_unlock(&m->lock);
}

void map__mute(struct city_map *m, uint32_t spot, unsigned mute)
{
	if (m->spot[spot].mute == mute)
		return;
	pthread_rwlock_wrlock(&m->lock);
	m->spot[spot].mute = (uint8_t)mute;
	show(m, spot);
	pthread_rwlock_unlock(&m->lock);
}

size_t map__bytes(const struct city_map *m)
{
	size_t n = intern_bytes(&m->codes) + intern_bytes(&m->things) + intern_bytes(&m->cases) +
	           m->spots_cap * sizeof(*m->spot) + m->notes_cap * sizeof(*m->note);

	for (int i = 0; i < MAP_LAYERS; i++) {
		n += intern_bytes(&m->layer[i].classes);
		for (int crs = 0; crs < GEO_CRS; crs++)
			if (m->layer[i].ix[crs] != NULL)
				n += point_index_bytes(m->layer[i].ix[crs]);
	}
	for (uint32_t i = 0; i < m->things.n; i++)
		if (m->spot[i].names != NULL)
			n += strlen(m->spot[i].names) + 18; /* both texts, and what malloc takes */
	return n;
}

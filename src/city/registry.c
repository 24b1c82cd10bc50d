#include "city/registry.h"
#include "base/digest.h"
#include "base/doc.h"
#include "base/json.h"
#include "city/record.h"
#include "store/sql.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

#define SLOTS 65536        /* snapshots that are held at once at most, see registry_hold */
#define CHANGES_KEPT 65536 /* codes that registry_changes remembers */
#define BIAS ((int64_t)1 << 60)

struct held {                 /* a snapshot and those who look at it */
	struct snapshot s;    /* first */
	struct arena *ground; /* regions and orgs */
	struct thing_map *map;
	/*
	 * BIAS, less the releases, while it is the present one; then the holds are added and BIAS is taken
	 * off, and whoever makes it 0 frees it. The snapshot before it counts as one who holds it, so that
	 * they are freed in their order, and what a change took out of use is nobody's by then.
	 */
	atomic_int_least64_t balance;
	int slot;
	struct held *next;
	struct thing_litter litter; /* what this one and those before it have and the next has not */
	bool last;                  /* of its kind: nothing of it is in the next */
};

struct registry {
	const struct catalog *catalog; /* NULL: nobody says what attributes mean */
	/* In the upper 16 bits the slot of the present snapshot, below how often it was held there: one
	 * addition finds the snapshot and holds it. */
	atomic_uint_least64_t present;
	_Atomic(struct held *) *slot;
	const char *(*target)(void *ctx, struct str code); /* of an alias */
	void *target_ctx;
	pthread_mutex_t changing; /* all that follows */
	struct held *now;
	struct arena *texts; /* codes of kinds, states, orgs and regions that things have or had */
	const char **interned;
	size_t interns, intern_cap;
	char **pending; /* codes to follow */
	size_t pendings, pending_cap;
	struct change_log {
		uint64_t version;
		char *code;
	} change[CHANGES_KEPT]; /* a ring */
	size_t changes;         /* that there ever were */
	uint64_t forgotten;     /* versions up to this one cannot be asked for */
};

/* ---- finding ---- */

#define BSEARCH(array, count, text)                                                                          \
	do {                                                                                                 \
		int low = 0, high = (count);                                                                 \
                                                                                                             \
		while (low < high) {                                                                         \
			int mid = low + (high - low) / 2, rc = str_cmp(str_of((array)[mid].code), text);     \
                                                                                                             \
			if (rc == 0)                                                                         \
				return &(array)[mid];                                                        \
			if (rc < 0)                                                                          \
				low = mid + 1;                                                               \
			else                                                                                 \
				high = mid;                                                                  \
		}                                                                                            \
		return NULL;                                                                                 \
	} while (0)

const struct region *snapshot_region(const struct snapshot *s, const char *code)
{
	BSEARCH(s->region, s->regions, str_of(code));
}

const struct org *snapshot_org(const struct snapshot *s, const char *code)
{
	BSEARCH(s->org, s->orgs, str_of(code));
}

const struct thing *snapshot_thing(const struct snapshot *s, struct str code)
{
	return thing_map_find(s->things, code);
}

bool thing_seen(const struct catalog *c, const struct who *who, const struct thing *t)
{
	const struct kind *k = catalog_kind(c, t->kind);

	return who_sees(who, t->region, t->org, k != NULL ? k->secrecy : 1);
}

int thing_interval_s(const struct catalog *c, const struct thing *t)
{
	const struct kind *k = t->interval_s == 0 ? catalog_kind(c, t->kind) : NULL;

	return k != NULL ? k->interval_s : t->interval_s;
}

const struct zone *thing_zone(const struct catalog *c, const struct thing *t)
{
	const struct kind *k = t != NULL && t->zone == NULL ? catalog_kind(c, t->kind) : NULL;

	if (t != NULL && t->zone != NULL)
		return t->zone;
	return k != NULL && k->zone != NULL ? k->zone : c->zone;
}

const struct region *snapshot_unit(const struct snapshot *s, const char *code)
{
	const struct region *r = code != NULL && *code != '\0' ? snapshot_region(s, code) : NULL;

	/* The pack was checked for cycles; the bound is for rows that somebody else wrote. */
	for (int depth = 0; r != NULL && depth < 16; depth++) {
		if (r->unit)
			return r;
		if (*r->parent == '\0')
			return NULL;
		r = snapshot_region(s, r->parent);
	}
	return NULL;
}

static bool begins_any(const char *const *list, const char *code)
{
	for (; *list != NULL; list++)
		if (strncmp(code, *list, strlen(*list)) == 0)
			return true;
	return false;
}

static const char *const *widened(const struct snapshot *s, struct arena *a, const char *const *list)
{
	const char **out;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	while (list[n] != NULL)
		n++;
	out = arena_array(a, n + (size_t)s->parts + 1, sizeof(*out));
	memcpy(out, list, n * sizeof(*out));
	for (int i = 0; i < s->parts; i++)
		if (begins_any(list, s->part[i].unit) && !begins_any(list, s->part[i].code))
			out[n++] = arena_strdup(a, s->part[i].code);
	return out;
}

void who_widen(const struct snapshot *s, struct arena *a, struct who *w)
{
	w->scope.regions = widened(s, a, w->scope.regions);
	w->own.regions = widened(s, a, w->own.regions);
}

const struct region *snapshot_locate(const struct snapshot *s, struct geo_point p)
{
	const struct region *best = NULL;

	if (isnan(p.lon) || isnan(p.lat))
		return NULL;
	for (int i = 0; i < s->regions; i++) {
		const struct region *r = &s->region[i];

		if (r->area != NULL && (best == NULL || r->level > best->level) &&
		        geo_area_contains(r->area, p))
			best = r;
	}
	return best;
}

/* ---- loading ---- */

static const char *keep(struct arena *a, struct str s)
{
	return arena_strndup(a, s.p, s.n);
}

/* A zone that the system has no more is as none. */
static const struct zone *zone_of_region(const struct snapshot *s, const struct region *r)
{
	const struct zone *z = NULL;

	for (int depth = 0; r != NULL && depth < 16; depth++) {
		if (*r->zone_name != '\0' && zone_load(r->zone_name, &z, NULL) == 0)
			return z;
		r = *r->parent != '\0' ? snapshot_region(s, r->parent) : NULL;
	}
	return NULL;
}

static int load_regions(struct store_tx *tx, struct held *h, struct err *e)
{
	struct arena *a = h->ground;
	struct store_rows *rows = NULL;
	struct sql_region_all_row r;
	struct region *out = NULL;
	size_t n = 0, cap = 0;
	int rc = sql_region_all_open(tx, &rows, e);

	if (rc < 0)
		return rc;
	while ((rc = sql_region_all_next(rows, &r, e)) > 0) {
		struct region *x;

		out = arena_grow(a, out, &cap, n + 1, sizeof(*out));
		x = &out[n++];
		*x = (struct region){.code = keep(a, r.code),
		        .parent = keep(a, r.parent),
		        .name = keep(a, r.name),
		        .name_en = keep(a, r.name_en),
		        .level = (int)r.level,
		        .unit = r.unit,
		        .at = {r.lon, r.lat},
		        .geometry = keep(a, r.geometry),
		        .zone_name = keep(a, r.zone)};
		if (r.geometry.n > 0) {
			struct geo_area *area = arena_alloc(a, sizeof(*area));
			struct doc *doc = NULL;

			rc = doc_parse_json(a, str_of(x->geometry), x->code, &doc, e);
			if (rc == 0)
				rc = geo_area_parse(a, doc, x->code, area, e);
			if (rc < 0)
				break;
			x->area = area;
		}
	}
	store_rows_close(&rows);
	h->s.region = out;
	h->s.regions = (int)n;
	for (size_t i = 0; i < n && rc >= 0; i++)
		out[i].zone = zone_of_region(&h->s, &out[i]);
	return rc;
}

static void load_parts(struct held *h)
{
	struct unit_part *out = NULL;
	size_t n = 0, cap = 0;

	for (int i = 0; i < h->s.regions; i++) {
		const char *code = h->s.region[i].code;
		const struct region *unit = snapshot_unit(&h->s, code);

		if (unit == NULL || strncmp(code, unit->code, strlen(unit->code)) == 0)
			continue;
		/* What lies in it comes behind it, and begins alike. */
		if (n > 0 && strcmp(out[n - 1].unit, unit->code) == 0 &&
		        strncmp(code, out[n - 1].code, strlen(out[n - 1].code)) == 0)
			continue;
		out = arena_grow(h->ground, out, &cap, n + 1, sizeof(*out));
		out[n++] = (struct unit_part){unit->code, code};
	}
	h->s.part = out;
	h->s.parts = (int)n;
}

static int load_orgs(struct store_tx *tx, struct held *h, struct err *e)
{
	struct arena *a = h->ground;
	struct store_rows *rows = NULL;
	struct sql_org_all_row r;
	struct org *out = NULL;
	size_t n = 0, cap = 0;
	int rc = sql_org_all_open(tx, &rows, e);

	if (rc < 0)
		return rc;
	while ((rc = sql_org_all_next(rows, &r, e)) > 0) {
		out = arena_grow(a, out, &cap, n + 1, sizeof(*out));
		out[n++] = (struct org){.code = keep(a, r.code),
		        .parent = keep(a, r.parent),
		        .kind = keep(a, r.kind),
		        .region = keep(a, r.region),
		        .name = keep(a, r.name),
		        .name_en = keep(a, r.name_en),
		        .phone = keep(a, r.phone),
		        .duties = keep(a, r.duties)};
	}
	store_rows_close(&rows);
	h->s.org = out;
	h->s.orgs = (int)n;
	return rc;
}

/* ---- things ---- */

/* A text of few: of kinds, states, orgs and regions. It lives as long as the registry. */
static const char *intern(struct registry *r, struct str s)
{
	size_t mask, at;

	if (s.n == 0)
		return "";
	if (2 * r->interns >= r->intern_cap) {
		const char **old = r->interned;
		size_t cap = r->intern_cap;

		r->intern_cap = cap > 0 ? 2 * cap : 256;
		r->interned = xcalloc(r->intern_cap, sizeof(*old));
		r->interns = 0;
		for (size_t i = 0; i < cap; i++)
			if (old[i] != NULL) {
				at = hash64(old[i], strlen(old[i]), 0) & (r->intern_cap - 1);
				while (r->interned[at] != NULL)
					at = (at + 1) & (r->intern_cap - 1);
				r->interned[at] = old[i];
				r->interns++;
			}
		free((void *)old);
	}
	mask = r->intern_cap - 1;
	for (at = hash64(s.p, s.n, 0) & mask; r->interned[at] != NULL; at = (at + 1) & mask)
		if (str_is(s, r->interned[at]))
			return r->interned[at];
	r->interns++;
	return r->interned[at] = keep(r->texts, s);
}

/* What its attributes tell by themselves. A zone that the system has no more is as none. */
static void read_own(struct registry *r, struct thing *t, struct str attrs)
{
	const struct kind *k = r->catalog != NULL ? catalog_kind(r->catalog, t->kind) : NULL;
	struct doc *doc = NULL;
	const char *zone;
	struct arena *a;
	int64_t s;

	if (k == NULL || (*k->interval_field == '\0' && *k->zone_field == '\0'))
		return;
	a = arena_new(0);
	if (doc_parse_json(a, attrs, "attrs", &doc, NULL) == 0) {
		s = doc_int(doc, k->interval_field, 0);
		t->interval_s = s >= 1 && s <= INTERVAL_MOST_S ? (int)s : 0;
		zone = doc_str(doc, k->zone_field, "");
		if (*zone != '\0' && zone_load(zone, &t->zone, NULL) < 0)
			t->zone = NULL;
	}
	arena_free(&a);
}

/* Where neither it nor its kind says one. */
static const struct zone *zone_by_place(
        const struct registry *r, const struct snapshot *ground, const struct thing *t)
{
	const struct kind *k = r->catalog != NULL ? catalog_kind(r->catalog, t->kind) : NULL;
	const struct region *in = k != NULL && k->zone == NULL ? snapshot_region(ground, t->region) : NULL;

	return in != NULL ? in->zone : NULL;
}

static struct thing *make_thing(struct registry *r, const struct snapshot *ground, struct sb *b,
        const struct sql_record_things_row *x)
{
	const char *region = intern(r, x->region);
	const struct region *unit = snapshot_unit(ground, region);
	size_t name, name_en;
	struct thing t;

	sb_reset(b);
	sb_put(b, x->code.p, x->code.n);
	sb_putc(b, '\0');
	name = b->n;
	sb_put(b, x->name.p, x->name.n);
	sb_putc(b, '\0');
	name_en = b->n;
	sb_put(b, x->name_en.p, x->name_en.n);
	sb_putc(b, '\0');
	t = (struct thing){.code = b->p,
	        .name = b->p + name,
	        .name_en = b->p + name_en,
	        .kind = intern(r, x->kind),
	        .state = intern(r, x->state),
	        .org = intern(r, x->org),
	        .region = region,
	        .unit_region = unit != NULL ? intern(r, str_of(unit->code)) : "",
	        .at = {x->lon, x->lat},
	        .demo = x->demo};
	read_own(r, &t, x->attrs);
	if (t.zone == NULL)
		t.zone = zone_by_place(r, ground, &t);
	return thing_copy(&t);
}

static int by_code(const void *a, const void *b)
{
	const struct thing *const *x = a, *const *y = b;

	return strcmp((*x)->code, (*y)->code);
}

static int load_things(struct registry *r, struct store_tx *tx, struct held *h, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_record_things_row row;
	struct sb b = SB_INIT;
	struct thing **t = NULL;
	size_t n = 0, cap = 0;
	int rc = sql_record_things_open(tx, &rows, e);

	if (rc < 0)
		return rc;
	while ((rc = sql_record_things_next(rows, &row, e)) > 0) {
		t = xgrow((void *)t, &cap, n + 1, sizeof(*t));
		t[n++] = make_thing(r, &h->s, &b, &row);
	}
	store_rows_close(&rows);
	/* A database sorts by its own rules. */
	for (size_t i = 1; i < n; i++)
		if (strcmp(t[i - 1]->code, t[i]->code) > 0) {
			qsort((void *)t, n, sizeof(*t), by_code);
			break;
		}
	h->map = thing_map_new(t, n);
	h->s.things = h->map;
	sb_fini(&b);
	free((void *)t);
	return rc;
}

/* ---- snapshots ---- */

static void held_free(struct held *h)
{
	if (h->last) {
		thing_map_free(&h->map);
		arena_free(&h->ground);
	}
	thing_litter_free(&h->litter);
	free(h);
}

static int load(struct registry *r, struct store *st, struct held **out, struct err *e)
{
	struct held *h = xcalloc(1, sizeof(*h));
	struct store_tx *tx = NULL;
	int rc;

	h->ground = arena_new(0);
	h->last = true;
	rc = store_read_begin(st, "load the registry", &tx, e);
	if (rc == 0)
		rc = load_regions(tx, h, e);
	if (rc == 0)
		load_parts(h);
	if (rc == 0)
		rc = load_orgs(tx, h, e);
	if (rc == 0)
		rc = load_things(r, tx, h, e);
	store_read_end(&tx);
	if (rc < 0)
		held_free(h);
	else
		*out = h;
	return rc;
}

static void let_go(struct registry *r, struct held *h)
{
	while (h != NULL && atomic_fetch_sub(&h->balance, 1) == 1) {
		struct held *next = h->next;

		atomic_store(&r->slot[h->slot], NULL);
		held_free(h);
		h = next; /* which this one held */
	}
}

/* Whoever holds a snapshot for so long that all slots are in use is waited for. */
static int free_slot(struct registry *r)
{
	const struct timespec nap = {.tv_nsec = 1000000};
	int at = r->now != NULL ? r->now->slot : SLOTS - 1;

	for (;;) {
		for (int i = 0; i < SLOTS; i++) {
			at = (at + 1) % SLOTS;
			if (atomic_load(&r->slot[at]) == NULL)
				return at;
		}
		nanosleep(&nap, NULL);
	}
}

/* `changing` is held. */
static void set_present(struct registry *r, struct held *h)
{
	struct held *old = r->now;
	uint64_t was;

	h->s.version = old != NULL ? old->s.version + 1 : 1;
	h->slot = free_slot(r);
	atomic_store(&h->balance, BIAS + (old != NULL));
	atomic_store(&r->slot[h->slot], h);
	was = atomic_exchange(&r->present, (uint64_t)h->slot << 48);
	r->now = h;
	if (old == NULL)
		return;
	old->next = h;
	/* One more, taken off by let_go: nobody frees it while it is counted. */
	atomic_fetch_add(&old->balance, (int64_t)(was & (((uint64_t)1 << 48) - 1)) - BIAS + 1);
	let_go(r, old);
}

int registry_new(struct store *st, const struct catalog *c, struct registry **out, struct err *e)
{
	struct registry *r = xcalloc(1, sizeof(*r));
	struct held *h = NULL;
	int rc;

	must(pthread_mutex_init(&r->changing, NULL) == 0);
	r->catalog = c;
	r->slot = xcalloc(SLOTS, sizeof(*r->slot));
	r->texts = arena_new(0);
	rc = load(r, st, &h, e);
	if (rc == 0) {
		h->last = false;
		set_present(r, h);
		r->forgotten = h->s.version;
		*out = r;
	} else {
		registry_free(&r);
	}
	return rc;
}

void registry_free(struct registry **registry)
{
	struct registry *r = *registry;

	if (r == NULL)
		return;
	if (r->now != NULL) {
		uint64_t holds = atomic_load(&r->present) & (((uint64_t)1 << 48) - 1);

		r->now->last = true;
		atomic_fetch_add(&r->now->balance, (int64_t)holds - BIAS + 1);
		let_go(r, r->now);
	}
	pthread_mutex_destroy(&r->changing);
	for (size_t i = 0; i < r->pendings; i++)
		free(r->pending[i]);
	free((void *)r->pending);
	for (size_t i = 0; i < CHANGES_KEPT; i++)
		free(r->change[i].code);
	arena_free(&r->texts);
	free((void *)r->interned);
	free((void *)r->slot);
	free(r);
	*registry = NULL;
}

int registry_reload(struct registry *r, struct store *st, struct err *e)
{
	struct held *h = NULL;
	int rc;

	pthread_mutex_lock(&r->changing);
	rc = load(r, st, &h, e);
	if (rc == 0) {
		h->last = false;
		r->now->last = true;
		set_present(r, h);
		r->forgotten = h->s.version;
	}
	pthread_mutex_unlock(&r->changing);
	return rc;
}

/* The slot stays this snapshot's until the hold is released: the count was taken with its number. */
const struct snapshot *registry_hold(struct registry *r)
{
	uint64_t v = atomic_fetch_add(&r->present, 1);

	return &atomic_load(&r->slot[v >> 48])->s;
}

void registry_release(struct registry *r, const struct snapshot *s)
{
	let_go(r, CONTAINER_OF(s, struct held, s));
}

/* ---- following what was written ---- */

static void remember(struct registry *r, uint64_t version, const char *code)
{
	struct change_log *c = &r->change[r->changes++ % CHANGES_KEPT];

	if (c->code != NULL && c->version > r->forgotten)
		r->forgotten = c->version;
	free(c->code);
	*c = (struct change_log){version, xstrdup(code)};
}

static int by_text(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int change_by_code(const void *key, const void *change)
{
	const struct thing_change *x = change;

	return strcmp(key, x->code);
}

/* The pending codes as changes, sorted; what is not there any more has no `now`. */
static int read_changes(
        struct registry *r, struct store *st, struct thing_change *change, size_t n, struct err *e)
{
	struct sql_record_things_of_row row;
	struct store_rows *rows = NULL;
	struct store_tx *tx = NULL;
	struct sb b = SB_INIT;
	struct sb codes = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &codes);
	jw_array(&w);
	for (size_t i = 0; i < n; i++)
		jw_cstr(&w, change[i].code);
	jw_array_end(&w);
	rc = store_read_begin(st, "follow changes of things", &tx, e);
	if (rc == 0)
		rc = sql_record_things_of_open(
		        tx, &(struct sql_record_things_of_in){.codes = sb_str(&codes)}, &rows, e);
	while (rc == 0 && (rc = sql_record_things_of_next(rows, &row, e)) > 0) {
		const struct sql_record_things_row same = {row.code, row.kind, row.name, row.name_en,
		        row.state, row.org, row.region, row.lon, row.lat, row.demo, row.attrs};
		struct thing *t = make_thing(r, &r->now->s, &b, &same);
		struct thing_change *x = bsearch(t->code, change, n, sizeof(*change), change_by_code);

		must(x != NULL && x->now == NULL);
		x->now = t;
		rc = 0;
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	sb_fini(&codes);
	sb_fini(&b);
	return rc;
}

/* `changing` is held. */
static int follow(struct registry *r, struct store *st, struct err *e)
{
	struct thing_change *change = xcalloc(r->pendings + 1, sizeof(*change));
	struct held *h;
	size_t n = 0;
	int rc;

	qsort((void *)r->pending, r->pendings, sizeof(*r->pending), by_text);
	for (size_t i = 0; i < r->pendings; i++)
		if (i == 0 || strcmp(r->pending[i], r->pending[i - 1]) != 0)
			change[n++].code = r->pending[i];
	rc = read_changes(r, st, change, n, e);
	if (rc == 0) {
		h = xcalloc(1, sizeof(*h));
		h->s = r->now->s;
		h->ground = r->now->ground;
		h->map = thing_map_change(r->now->map, change, n, &r->now->litter);
		h->s.things = h->map;
		set_present(r, h);
		for (size_t i = 0; i < n; i++)
			remember(r, h->s.version, change[i].code);
		for (size_t i = 0; i < r->pendings; i++)
			free(r->pending[i]);
		r->pendings = 0;
	} else {
		for (size_t i = 0; i < n; i++)
			free(change[i].now);
	}
	free(change);
	return rc;
}

int registry_follow(struct registry *r, struct store *st, const char *const *code, size_t n, struct err *e)
{
	int rc = 0;

	pthread_mutex_lock(&r->changing);
	for (size_t i = 0; i < n; i++) {
		r->pending = xgrow((void *)r->pending, &r->pending_cap, r->pendings + 1, sizeof(*r->pending));
		r->pending[r->pendings++] = xstrdup(code[i]);
	}
	/* It reads what is committed by now, and one reads after the other: the last has the newest. */
	if (r->pendings > 0)
		rc = follow(r, st, e);
	pthread_mutex_unlock(&r->changing);
	return rc;
}

uint64_t registry_version(struct registry *r)
{
	const struct snapshot *s = registry_hold(r);
	uint64_t version = s->version;

	registry_release(r, s);
	return version;
}

bool registry_changes(struct registry *r, uint64_t since, struct arena *a, struct registry_changes *out)
{
	size_t first, from;
	bool known;

	pthread_mutex_lock(&r->changing);
	first = r->changes > CHANGES_KEPT ? r->changes - CHANGES_KEPT : 0;
	*out = (struct registry_changes){.version = r->now->s.version};
	known = since >= r->forgotten && since <= out->version;
	for (from = r->changes; known && from > first; from--)
		if (r->change[(from - 1) % CHANGES_KEPT].version <= since)
			break;
	if (known) {
		out->code = arena_array(a, r->changes - from + 1, sizeof(*out->code));
		for (; from < r->changes; from++)
			out->code[out->n++] = arena_strdup(a, r->change[from % CHANGES_KEPT].code);
	}
	pthread_mutex_unlock(&r->changing);
	return known;
}

/* ---- virtual labels ---- */

static void label_values(void *ctx, struct str thing, struct arena *a, struct str *value)
{
	struct registry *r = ctx;
	const struct snapshot *s = registry_hold(r);
	const struct thing *t = snapshot_thing(s, thing);
	const char *target;

	(void)a; /* codes live as long as the registry */
	if (t == NULL && r->target != NULL && (target = r->target(r->target_ctx, thing)) != NULL)
		t = snapshot_thing(s, str_of(target));
	value[0] = value[1] = value[2] = STR_NULL;
	if (t != NULL) {
		value[0] = str_of(t->kind);
		value[1] = str_of(t->org);
		value[2] = str_of(t->region);
	}
	registry_release(r, s);
}

/* Who changes what an alias stands for has the registry follow that code, see quarantine.c. */
static uint64_t label_version(void *ctx)
{
	return registry_version(ctx);
}

void registry_set_alias(struct registry *r, const char *(*target)(void *ctx, struct str code), void *ctx)
{
	r->target = target;
	r->target_ctx = ctx;
}

struct series_virtual registry_virtual(struct registry *r)
{
	static const char *const names[] = {"kind", "org", "region", NULL};

	return (struct series_virtual){
	        .ctx = r, .names = names, .values = label_values, .version = label_version};
}

int things_attrs(struct store *st, int (*each)(void *ctx, const char *code, const char *attrs), void *ctx,
        struct err *e)
{
	struct sql_record_things_attrs_row row;
	struct arena *a = arena_new(0);
	struct store_rows *rows = NULL;
	struct store_tx *tx = NULL;
	int rc = store_read_begin(st, "look at the attributes of things", &tx, e);

	if (rc == 0)
		rc = sql_record_things_attrs_open(tx, &rows, e);
	while (rc == 0 && (rc = sql_record_things_attrs_next(rows, &row, e)) > 0) {
		rc = each(ctx, keep(a, row.code), keep(a, row.attrs));
		arena_reset(a);
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	arena_free(&a);
	return rc;
}

/* ---- changing ---- */

struct put {
	struct record_door door;
	const struct thing_in *in;
	int n;
};

static int put_thing(
        struct store_tx *tx, const struct record_door *d, const struct thing_in *t, struct err *e)
{
	const struct kind *k = catalog_kind(d->catalog, t->kind);
	enum record_verdict verdict;
	struct doc *attrs = NULL;
	int rc;

	if (k == NULL || !k->thing) {
		(void)err_set(e, ERR_INVALID, "no kind of things has this code");
		return err_at(e, NULL, 0, 0, "kind"), ERR_INVALID;
	}
	rc = doc_parse_json(store_arena(tx), str_of(t->attrs != NULL ? t->attrs : "{}"), "attrs", &attrs, e);
	if (rc < 0)
		return rc;
	return record_put(tx, d,
	        &(struct record_in){.kind = t->kind,
	                .code = t->code,
	                .name = t->name,
	                .name_en = t->name_en,
	                .org = t->org,
	                .region = t->region,
	                .at = t->at,
	                .attrs = attrs,
	                .demo = t->demo,
	                .keep_demo = t->keep_demo},
	        -1, NULL, &verdict, e);
}

static int put_things(struct store_tx *tx, void *arg, struct err *e)
{
	const struct put *x = arg;

	for (int i = 0; i < x->n; i++) {
		int rc = put_thing(tx, &x->door, &x->in[i], e);

		if (rc < 0)
			return err_at(e, NULL, i + 1, 0, NULL), rc;
	}
	return 0;
}

int thing_put(struct registry *r, struct store *st, const struct catalog *c, const struct thing_in *in, int n,
        const struct who *by, struct err *e)
{
	const struct snapshot *s = registry_hold(r);
	struct put x = {.door = {.catalog = c, .snapshot = s, .by = by, .pack = ""}, .in = in, .n = n};
	const char **code = xcalloc((size_t)n + 1, sizeof(*code));
	int rc = store_write(st, "put things", put_things, &x, e);

	registry_release(r, s);
	for (int i = 0; i < n; i++)
		code[i] = in[i].code;
	if (rc == 0)
		rc = registry_follow(r, st, code, (size_t)n, e);
	free((void *)code);
	return rc;
}

#include "city/registry.h"
#include "base/doc.h"
#include "city/record.h"
#include "store/sql.h"

#include <math.h>
#include <pthread.h>

struct held {              /* a snapshot and those who look at it */
	struct snapshot s; /* first */
	struct arena *arena;
	int holders; /* the registry itself is one while it is the present one */
};

struct registry {
	pthread_mutex_t lock;
	struct held *now;
	void (*listener)(void *ctx, const char *code);
	void *listener_ctx;
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
	BSEARCH(s->thing, s->things, code);
}

bool thing_seen(const struct catalog *c, const struct who *who, const struct thing *t)
{
	const struct kind *k = catalog_kind(c, t->kind);

	return who_sees(who, t->region, t->org, k != NULL ? k->secrecy : 1);
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

static int load_regions(struct store_tx *tx, struct held *h, struct err *e)
{
	struct arena *a = h->arena;
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
		        .geometry = keep(a, r.geometry)};
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
		out = arena_grow(h->arena, out, &cap, n + 1, sizeof(*out));
		out[n++] = (struct unit_part){unit->code, code};
	}
	h->s.part = out;
	h->s.parts = (int)n;
}

static int load_orgs(struct store_tx *tx, struct held *h, struct err *e)
{
	struct arena *a = h->arena;
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

static int load_things(struct store_tx *tx, struct held *h, struct err *e)
{
	struct arena *a = h->arena;
	struct store_rows *rows = NULL;
	struct sql_record_things_row r;
	struct thing *out = NULL;
	size_t n = 0, cap = 0;
	int rc = sql_record_things_open(tx, &rows, e);

	if (rc < 0)
		return rc;
	while ((rc = sql_record_things_next(rows, &r, e)) > 0) {
		const struct region *unit;
		struct thing *x;

		out = arena_grow(a, out, &cap, n + 1, sizeof(*out));
		x = &out[n++];
		*x = (struct thing){.code = keep(a, r.code),
		        .kind = keep(a, r.kind),
		        .name = keep(a, r.name),
		        .name_en = keep(a, r.name_en),
		        .org = keep(a, r.org),
		        .region = keep(a, r.region),
		        .at = {r.lon, r.lat},
		        .attrs = keep(a, r.attrs),
		        .demo = r.demo};
		unit = snapshot_unit(&h->s, x->region);
		x->unit_region = unit != NULL ? unit->code : "";
	}
	store_rows_close(&rows);
	h->s.thing = out;
	h->s.things = (int)n;
	return rc;
}

static void held_free(struct held *h)
{
	struct arena *a = h->arena;

	arena_free(&a);
}

static int load(struct store *st, struct held **out, struct err *e)
{
	struct arena *a = arena_new(0);
	struct held *h = arena_alloc(a, sizeof(*h));
	struct store_tx *tx = NULL;
	int rc;

	h->arena = a;
	h->holders = 1;
	rc = store_read_begin(st, "load the registry", &tx, e);
	if (rc == 0)
		rc = load_regions(tx, h, e);
	if (rc == 0)
		load_parts(h);
	if (rc == 0)
		rc = load_orgs(tx, h, e);
	if (rc == 0)
		rc = load_things(tx, h, e);
	store_read_end(&tx);
	if (rc < 0)
		held_free(h);
	else
		*out = h;
	return rc;
}

int registry_new(struct store *st, struct registry **out, struct err *e)
{
	struct held *h = NULL;
	int rc = load(st, &h, e);

	if (rc < 0)
		return rc;
	*out = xcalloc(1, sizeof(**out));
	must(pthread_mutex_init(&(*out)->lock, NULL) == 0);
	(*out)->now = h;
	return 0;
}

void registry_free(struct registry **r)
{
	if (*r == NULL)
		return;
	registry_release(*r, &(*r)->now->s);
	pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

int registry_reload(struct registry *r, struct store *st, struct err *e)
{
	struct held *h = NULL, *old;
	int rc = load(st, &h, e);

	if (rc < 0)
		return rc;
	pthread_mutex_lock(&r->lock);
	old = r->now;
	r->now = h;
	if (r->listener != NULL)
		r->listener(r->listener_ctx, NULL);
	pthread_mutex_unlock(&r->lock);
	registry_release(r, &old->s);
	return 0;
}

void registry_listen(struct registry *r, void (*f)(void *ctx, const char *code), void *ctx)
{
	pthread_mutex_lock(&r->lock);
	r->listener = f;
	r->listener_ctx = ctx;
	pthread_mutex_unlock(&r->lock);
}

const struct snapshot *registry_hold(struct registry *r)
{
	struct held *h;

	pthread_mutex_lock(&r->lock);
	h = r->now;
	h->holders++;
	pthread_mutex_unlock(&r->lock);
	return &h->s;
}

void registry_release(struct registry *r, const struct snapshot *s)
{
	struct held *h = CONTAINER_OF(s, struct held, s);
	bool last;

	pthread_mutex_lock(&r->lock);
	last = --h->holders == 0;
	pthread_mutex_unlock(&r->lock);
	if (last)
		held_free(h);
}

/* ---- virtual labels ---- */

static void label_values(void *ctx, struct str thing, struct arena *a, struct str *value)
{
	struct registry *r = ctx;
	const struct snapshot *s = registry_hold(r);
	const struct thing *t = snapshot_thing(s, thing);

	value[0] = value[1] = value[2] = STR_NULL;
	if (t != NULL) {
		value[0] = str_of(arena_strdup(a, t->kind));
		value[1] = str_of(arena_strdup(a, t->org));
		value[2] = str_of(arena_strdup(a, t->region));
	}
	registry_release(r, s);
}

struct series_virtual registry_virtual(struct registry *r)
{
	static const char *const names[] = {"kind", "org", "region", NULL};

	return (struct series_virtual){.ctx = r, .names = names, .values = label_values};
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
	                .demo = t->demo},
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
	int rc = store_write(st, "put things", put_things, &x, e);

	registry_release(r, s);
	return rc < 0 ? rc : registry_reload(r, st, e);
}

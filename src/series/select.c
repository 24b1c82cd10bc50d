/*
 * Which series match, and lists of them.
 *
 * A matcher on a virtual label is asked once per `thing`, outside of the locks, since the registry
 * has locks of its own.
 */
#include "series/select_int.h"

/* ---- matching, virtual labels among it ---- */

struct thing {
	struct str value;
	struct str *label; /* one for each virtual name */
	int ok;            /* matches; -1: not asked yet */
};

static int virtual_index(const struct matching *g, struct str name)
{
	for (int i = 0; i < g->names; i++)
		if (str_is(name, g->virt->names[i]))
			return i;
	return -1;
}

void select__init(struct matching *g, struct series_db *db, const struct matcher *m, int n)
{
	*g = (struct matching){.db = db, .m = m, .n = n, .temp = arena_new(0)};
	pthread_rwlock_rdlock(&db->index_lock);
	g->virt = db->virt;
	pthread_rwlock_unlock(&db->index_lock);
	while (g->virt && g->virt->names[g->names])
		g->names++;
	g->on_virtual = arena_array(g->temp, (size_t)n + 1, sizeof(bool));
	for (int i = 0; i < n; i++) {
		g->on_virtual[i] = virtual_index(g, m[i].name) >= 0;
		g->any_virtual |= g->on_virtual[i];
	}
}

static void ask(const struct matching *g, struct thing *t)
{
	if (t->label)
		return;
	t->label = arena_array(g->temp, (size_t)g->names + 1, sizeof(struct str));
	if (g->names && t->value.n)
		g->virt->values(g->virt->ctx, t->value, g->temp, t->label);
}

/* The things of the ids, each once, by hash; text copied, as the index moves on without us. */
struct things {
	struct thing *t;
	size_t n, cap;
	uint32_t *slot;
	size_t slots;
};

static size_t thing_slot(const struct things *s, struct str v)
{
	uint64_t h = 1469598103934665603u;
	size_t i;

	for (size_t k = 0; k < v.n; k++)
		h = (h ^ (uint8_t)v.p[k]) * 1099511628211u;
	for (i = h & (s->slots - 1); s->slot[i] && !str_eq(s->t[s->slot[i] - 1].value, v);)
		i = (i + 1) & (s->slots - 1);
	return i;
}

static uint32_t add_thing(struct things *s, struct arena *a, struct str v)
{
	size_t i;

	if (s->n * 2 >= s->slots) {
		s->slots = s->slots ? s->slots * 2 : 64;
		free(s->slot);
		s->slot = xcalloc(s->slots, sizeof(*s->slot));
		for (size_t k = 0; k < s->n; k++)
			s->slot[thing_slot(s, s->t[k].value)] = (uint32_t)k + 1;
	}
	i = thing_slot(s, v);
	if (!s->slot[i]) {
		s->t = xgrow(s->t, &s->cap, s->n + 1, sizeof(*s->t));
		s->t[s->n] = (struct thing){.value = {v.n ? arena_memdup(a, v.p, v.n) : "", v.n}, .ok = -1};
		s->slot[i] = (uint32_t)++s->n;
	}
	return s->slot[i] - 1;
}

static bool virtual_matches(const struct matching *g, struct thing *t, uint32_t id)
{
	for (int i = 0; i < g->n; i++) {
		struct str v;

		if (!g->on_virtual[i])
			continue;
		v = t->label[virtual_index(g, g->m[i].name)];
		if (!v.n) /* the registry does not say: what is stored under that name counts */
			v = index_value(&g->db->index, id, g->m[i].name);
		if (!matcher_matches(&g->m[i], v))
			return false;
	}
	return true;
}

/* Stored and virtual labels in one sorted set, in the arena; stored names are never freed, and are shared. */
static struct labels all_labels(const struct matching *g, uint32_t id, const struct thing *t, struct arena *a)
{
	struct label stored[LABELS_MAX];
	int n = index_labels(&g->db->index, id, stored), k = 0, i = 0, j = 0;
	struct labels out = {arena_array(a, (size_t)(n + g->names) + 1, sizeof(struct label)), 0};
	size_t bytes = 0;
	char *text;

	for (i = 0; i < n; i++)
		bytes += stored[i].value.n;
	for (j = 0; j < g->names; j++)
		bytes += strlen(g->virt->names[j]) + t->label[j].n;
	text = arena_alloc(a, bytes + 1);
	if (!out.l || !text)
		return LABELS_NONE;
	i = j = 0;
	while (i < n || j < g->names) {
		struct str name = j < g->names ? str_of(g->virt->names[j]) : STR_NULL;
		int c = i == n ? 1 : j == g->names ? -1 : str_cmp(stored[i].name, name);
		struct label l;

		if (c >= 0 && !t->label[j].n) {
			j++;
			continue;
		}
		if (c < 0) {
			l = stored[i++];
		} else {
			l = (struct label){{text, name.n}, t->label[j++]};
			text = mempcpy(text, name.p, name.n);
		}
		if (c == 0)
			i++;
		out.l[k++] = (struct label){l.name, {text, l.value.n}};
		text = mempcpy(text, l.value.p, l.value.n);
	}
	out.n = k;
	return out;
}

struct ordered {
	struct labels labels;
	uint32_t id;
};
static int compare_ordered(const void *a, const void *b)
{
	return labels_cmp(&((const struct ordered *)a)->labels, &((const struct ordered *)b)->labels);
}

int select__find(struct matching *g, bool hidden, size_t limit, struct arena *a, struct found *out,
        bool *more, struct err *e)
{
	struct series_db *db = g->db;
	struct ids ids = {0};
	struct things things = {0};
	uint32_t *thing = NULL;
	struct ordered *o = NULL;
	struct labels *labels;
	uint32_t *id;
	size_t n = 0, kept;
	int rc = 0;

	*more = false;
	pthread_rwlock_rdlock(&db->index_lock);
	index_match(&db->index, g->m, g->n, g->on_virtual, &ids);
	pthread_rwlock_rdlock(&db->data_lock);
	kept = 0;
	for (size_t i = 0; i < ids.n; i++)
		if (hidden || !series__hidden(series__at(db, ids.p[i])))
			ids.p[kept++] = ids.p[i];
	ids.n = kept;
	pthread_rwlock_unlock(&db->data_lock);
	thing = xcalloc(ids.n + 1, sizeof(*thing));
	for (size_t i = 0; i < ids.n; i++)
		thing[i] = add_thing(&things, g->temp,
		        g->names ? index_value(&db->index, ids.p[i], STR_LIT("thing")) : STR_NULL);
	pthread_rwlock_unlock(&db->index_lock);

	if (g->any_virtual || !limit || ids.n <= limit)
		for (size_t i = 0; i < things.n; i++)
			ask(g, &things.t[i]);

	o = xcalloc(ids.n + 1, sizeof(*o));
	pthread_rwlock_rdlock(&db->index_lock);
	for (size_t i = 0; i < ids.n; i++) {
		struct thing *t = &things.t[thing[i]];

		if (!index_has(&db->index, ids.p[i]) || (g->any_virtual && !virtual_matches(g, t, ids.p[i])))
			continue;
		if (limit && n == limit) {
			*more = true;
			break;
		}
		if (!t->label) { /* cut off at the limit: few of many things are needed */
			pthread_rwlock_unlock(&db->index_lock);
			ask(g, t);
			pthread_rwlock_rdlock(&db->index_lock);
			if (!index_has(&db->index, ids.p[i]))
				continue;
		}
		o[n] = (struct ordered){all_labels(g, ids.p[i], t, a), ids.p[i]};
		if (arena_failed(a)) {
			rc = err_set(
			        e, ERR_NOMEM, "the labels of the matching series are over the memory limit");
			break;
		}
		n++;
	}
	pthread_rwlock_unlock(&db->index_lock);
	if (!rc && n)
		qsort(o, n, sizeof(*o), compare_ordered);
	id = arena_array(a, n + 1, sizeof(*id));
	labels = arena_array(a, n + 1, sizeof(*labels));
	if (!rc && (!id || !labels))
		rc = err_set(e, ERR_NOMEM, "the matching series are over the memory limit");
	for (size_t i = 0; i < n && !rc; i++) {
		id[i] = o[i].id;
		labels[i] = o[i].labels;
	}
	*out = (struct found){id, labels, n};
	free(o);
	free(thing);
	free(things.t);
	free(things.slot);
	ids_fini(&ids);
	return rc;
}

static int find_for_query(
        struct series_db *db, const struct series_query *q, struct arena *a, struct found *out, struct err *e)
{
	struct matching g;
	bool more;
	int rc;

	select__init(&g, db, q->m, q->n);
	rc = select__find(&g, true, q->max_series, a, out, &more, e);
	arena_free(&g.temp);
	if (!rc && more)
		rc = err_set(
		        e, ERR_TOOBIG, "more than %zu series match; narrow the selection", q->max_series);
	return rc;
}

int select__kept(
        struct series_db *db, const struct series_query *q, struct arena *a, struct found *out, struct err *e)
{
	const struct series_virtual *virt;
	struct selection_age age = {0};
	int rc;

	pthread_rwlock_rdlock(&db->index_lock);
	age.index = db->index.changes;
	virt = db->virt;
	pthread_rwlock_unlock(&db->index_lock);
	if (virt && !virt->version)
		return find_for_query(db, q, a, out, e);
	/* What changes from here on makes it older than it says, and so no longer good. */
	if (virt)
		age.virt = virt->version(virt->ctx);
	if (selections_take(&db->selections, q->m, q->n, age, a, out) &&
	        (!q->max_series || out->n <= q->max_series))
		return 0;
	rc = find_for_query(db, q, a, out, e);
	if (!rc)
		(void)selections_put(&db->selections, q->m, q->n, age, a, out);
	return rc;
}

/* ---- labels and newest points ---- */

uint32_t series_last_id(struct series_db *db)
{
	uint32_t last;

	pthread_rwlock_rdlock(&db->index_lock);
	last = db->index.n;
	pthread_rwlock_unlock(&db->index_lock);
	return last;
}

bool series_latest(struct series_db *db, series_id id, time_us *t, double *v)
{
	bool has = false;

	pthread_rwlock_rdlock(&db->index_lock);
	if (index_has(&db->index, id.v)) {
		const struct series *s = series__at(db, id.v);

		pthread_rwlock_rdlock(&db->data_lock);
		has = s->last->t != TIME_NONE;
		if (has) {
			*t = s->last->t;
			*v = s->last->v;
		}
		pthread_rwlock_unlock(&db->data_lock);
	}
	pthread_rwlock_unlock(&db->index_lock);
	return has;
}

void series_latest_many(struct series_db *db, const series_id *id, size_t n, struct series_point *p)
{
	enum { SLICE = 65536 }; /* writers wait for no more */

	for (size_t at = 0; at < n; at += SLICE) {
		size_t end = at + SLICE < n ? at + SLICE : n;

		pthread_rwlock_rdlock(&db->index_lock);
		pthread_rwlock_rdlock(&db->data_lock);
		for (size_t i = at; i < end; i++) {
			const struct point *last = id[i].v <= db->index.n ? series__last(db, id[i].v) : NULL;

			p[i] = (struct series_point){.id = id[i], .t = TIME_NONE};
			if (last && last->t != TIME_NONE) {
				p[i].t = last->t;
				p[i].v = last->v;
			}
		}
		pthread_rwlock_unlock(&db->data_lock);
		pthread_rwlock_unlock(&db->index_lock);
	}
}

struct labels series_labels(struct series_db *db, series_id id, struct arena *a)
{
	struct label l[LABELS_MAX];
	struct labels out = LABELS_NONE;

	pthread_rwlock_rdlock(&db->index_lock);
	if (index_has(&db->index, id.v)) {
		struct labels ls = {l, index_labels(&db->index, id.v, l)};

		out = labels_copy(a, &ls, NULL, STR_NULL);
	}
	pthread_rwlock_unlock(&db->index_lock);
	return out;
}

void series_values(struct series_db *db, const series_id *id, size_t n, const char *const *name, int names,
        struct arena *a, struct str *out)
{
	pthread_rwlock_rdlock(&db->index_lock);
	for (int k = 0; k < names; k++) {
		uint32_t number = index_name_number(&db->index, str_of(name[k]));

		for (size_t i = 0; i < n; i++) {
			struct str v = index_has(&db->index, id[i].v)
			                       ? index_value_of(&db->index, id[i].v, number)
			                       : STR_NULL;

			if (v.p)
				v.p = arena_strndup(a, v.p, v.n);
			out[i * (size_t)names + (size_t)k] = v.p ? v : STR_NULL;
		}
	}
	pthread_rwlock_unlock(&db->index_lock);
}

int series_list(struct series_db *db, const struct matcher *m, int n, size_t limit, struct arena *a,
        struct series_latest_row **out, size_t *count, struct err *e)
{
	struct found f = {0};
	struct matching g;
	bool more;
	int rc;

	select__init(&g, db, m, n);
	rc = select__find(&g, false, limit, a, &f, &more, e);
	arena_free(&g.temp);
	if (rc)
		return rc;
	*out = arena_array(a, f.n + 1, sizeof(**out));
	if (!*out)
		return err_set(e, ERR_NOMEM, "the list is over the memory limit");
	pthread_rwlock_rdlock(&db->data_lock);
	for (size_t i = 0; i < f.n; i++) {
		const struct series *s = series__at(db, f.id[i]);

		(*out)[i] = (struct series_latest_row){
		        .id = {f.id[i]}, .labels = f.labels[i], .t = s->last->t, .v = s->last->v};
	}
	pthread_rwlock_unlock(&db->data_lock);
	*count = f.n;
	return 0;
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

struct strs {
	struct str *p;
	size_t n, cap;
};

static bool strs_add(struct strs *s, struct arena *a, struct str x)
{
	char *copy = arena_memdup(a, x.p, x.n);

	if (!copy)
		return false;
	s->p = xgrow(s->p, &s->cap, s->n + 1, sizeof(*s->p));
	s->p[s->n++] = (struct str){copy, x.n};
	return true;
}

/* Sorted, each once, moved into the arena. */
static int strs_finish(struct strs *s, bool ok, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	size_t k = 0;

	if (s->n)
		qsort(s->p, s->n, sizeof(*s->p), compare_str);
	for (size_t i = 0; i < s->n; i++)
		if (!k || !str_eq(s->p[k - 1], s->p[i]))
			s->p[k++] = s->p[i];
	*n = k;
	*out = ok ? arena_array(a, k + 1, sizeof(**out)) : NULL;
	if (*out && k)
		memcpy(*out, s->p, k * sizeof(**out));
	free(s->p);
	return *out ? 0 : err_set(e, ERR_NOMEM, "the list is over the memory limit");
}

static bool shown(struct series_db *db, const struct index_pair *q)
{
	const uint32_t *ids = q->cap ? q->ids.many : &q->ids.one;

	for (uint32_t i = 0; i < q->n; i++)
		if (!series__hidden(series__at(db, ids[i])))
			return true;
	return false;
}

/* Values of a stored name that a visible series has; only the first one when `one`. */
static bool add_values(struct series_db *db, struct str name, bool one, struct arena *a, struct strs *s)
{
	const struct index_name *x;
	bool ok = true;

	pthread_rwlock_rdlock(&db->index_lock);
	pthread_rwlock_rdlock(&db->data_lock);
	x = index_name(&db->index, name);
	for (size_t i = 0; x && i < x->pairs.n && ok; i++) {
		const struct index_pair *q = &db->index.pair[x->pairs.p[i]];

		if (!shown(db, q))
			continue;
		ok = strs_add(s, a, (struct str){q->value, q->value_n});
		if (one)
			break;
	}
	pthread_rwlock_unlock(&db->data_lock);
	pthread_rwlock_unlock(&db->index_lock);
	return ok;
}

/* Values of virtual names over all things; which >= 0: of that one; -1: the names that have any. */
static bool add_virtual(const struct matching *g, int which, struct arena *a, struct strs *s)
{
	struct strs things = {0};
	struct str *value = arena_array(g->temp, (size_t)g->names + 1, sizeof(*value));
	bool ok = add_values(g->db, STR_LIT("thing"), false, g->temp, &things), *seen;

	seen = arena_array(g->temp, (size_t)g->names + 1, sizeof(*seen));
	for (size_t i = 0; i < things.n && ok; i++) {
		memset(value, 0, (size_t)g->names * sizeof(*value));
		g->virt->values(g->virt->ctx, things.p[i], g->temp, value);
		for (int k = 0; k < g->names && ok; k++) {
			if (!value[k].n || (which >= 0 && which != k) || (which < 0 && seen[k]))
				continue;
			seen[k] = true;
			ok = strs_add(s, a, which >= 0 ? value[k] : str_of(g->virt->names[k]));
		}
	}
	free(things.p);
	return ok;
}

int series_label_names(struct series_db *db, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	struct strs s = {0}, stored = {0};
	struct matching g;
	bool ok = true;

	select__init(&g, db, NULL, 0);
	pthread_rwlock_rdlock(&db->index_lock);
	for (size_t i = 0; i < db->index.names && ok; i++)
		ok = strs_add(&stored, g.temp, (struct str){db->index.name[i].name, db->index.name[i].n});
	pthread_rwlock_unlock(&db->index_lock);
	for (size_t i = 0; i < stored.n && ok; i++) {
		struct strs any = {0};

		ok = add_values(db, stored.p[i], true, g.temp, &any);
		if (ok && any.n)
			ok = strs_add(&s, a, stored.p[i]);
		free(any.p);
	}
	free(stored.p);
	if (ok && g.names)
		ok = add_virtual(&g, -1, a, &s);
	arena_free(&g.temp);
	return strs_finish(&s, ok, a, out, n, e);
}

int series_label_values(
        struct series_db *db, const char *name, struct arena *a, struct str **out, size_t *n, struct err *e)
{
	struct strs s = {0};
	struct matching g;
	int which;
	bool ok;

	select__init(&g, db, NULL, 0);
	which = virtual_index(&g, str_of(name));
	ok = add_values(db, str_of(name), false, a, &s);
	if (ok && which >= 0)
		ok = add_virtual(&g, which, a, &s);
	arena_free(&g.temp);
	return strs_finish(&s, ok, a, out, n, e);
}

/*
 * Reading: which series match, and a view of their points that stands still.
 *
 * A matcher on a virtual label is asked once per `thing`, outside of the locks, since the registry
 * has locks of its own. The view is taken under the seal lock: heads, late points and waiting blocks
 * are copied as the bytes they are, and a read transaction is begun on each block file. Later layers
 * override earlier ones: files, waiting blocks in their order, head, late points.
 *
 * Of a series whose column is kept (column.h) only what came later is copied, and the files are left
 * alone unless some of that is there already.
 */
#include "series/series_int.h"

#include "base/log.h"

/* ---- matching, virtual labels among it ---- */

struct thing {
	struct str value;
	struct str *label; /* one for each virtual name */
	int ok;            /* matches; -1: not asked yet */
};

struct found {
	uint32_t *id;
	struct labels *labels; /* in the caller's arena; with virtual ones */
	size_t n;
};

struct matching {
	struct series_db *db;
	const struct series_virtual *virt;
	int names;
	const struct matcher *m;
	int n;
	bool *on_virtual; /* of each matcher */
	bool any_virtual;
	struct arena *temp;
};

static int virtual_index(const struct matching *g, struct str name)
{
	for (int i = 0; i < g->names; i++)
		if (str_is(name, g->virt->names[i]))
			return i;
	return -1;
}

static void matching_init(struct matching *g, struct series_db *db, const struct matcher *m, int n)
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

/* Matching series in the order of their labels. `limit` 0: none; more than it: the first are given,
 * and *more is set. */
static int find_series(
        struct matching *g, size_t limit, struct arena *a, struct found *out, bool *more, struct err *e)
{
	struct series_db *db = g->db;
	struct ids ids = {0};
	struct things things = {0};
	uint32_t *thing = NULL;
	struct ordered *o = NULL;
	size_t n = 0, kept;
	int rc = 0;

	*more = false;
	pthread_rwlock_rdlock(&db->index_lock);
	index_match(&db->index, g->m, g->n, g->on_virtual, &ids);
	pthread_rwlock_rdlock(&db->data_lock);
	kept = 0;
	for (size_t i = 0; i < ids.n; i++)
		if (!series__hidden(series__at(db, ids.p[i])))
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
	out->n = n;
	out->id = arena_array(a, n + 1, sizeof(*out->id));
	out->labels = arena_array(a, n + 1, sizeof(*out->labels));
	if (!rc && (!out->id || !out->labels))
		rc = err_set(e, ERR_NOMEM, "the matching series are over the memory limit");
	for (size_t i = 0; i < n && !rc; i++) {
		out->id[i] = o[i].id;
		out->labels[i] = o[i].labels;
	}
	free(o);
	free(thing);
	free(things.t);
	free(things.slot);
	ids_fini(&ids);
	return rc;
}

/* ---- the cursor ---- */

/* How one series is read: what it has in memory, copied, and what is known of its column. */
struct layer {
	struct column *column; /* has all points before `from` that are wanted */
	struct series *series;
	size_t n;               /* points of the column that are the reader's */
	bool plain;             /* … among which there is no NaN */
	time_us from, to, last; /* what to read, if `read`; the newest point */
	uint32_t settled;
	bool read, keep;     /* keep: what is read becomes a column */
	struct block *block; /* copies, oldest first */
	struct head head;
	struct late *late;
};

struct points {
	time_us *t;
	double *v;
	size_t n, t_cap, v_cap;
};

struct series_cursor {
	struct series_db *db;
	struct found found;
	struct layer *layer;
	struct files_view view;
	time_us from, to;
	size_t next, points, max_points;
	const bool *cancel;
	bool broken; /* a block of the series at hand could not be read */
	struct points all, other;
};

static void points_room(struct points *p, size_t more)
{
	p->t = xgrow(p->t, &p->t_cap, p->n + more, sizeof(*p->t));
	p->v = xgrow(p->v, &p->v_cap, p->n + more, sizeof(*p->v));
}

static void points_add(
        struct series_cursor *c, const struct layer *l, const time_us *t, const double *v, size_t n)
{
	struct points swap;
	size_t lo = 0;

	while (n && t[n - 1] > l->to)
		n--;
	while (lo < n && t[lo] < l->from)
		lo++;
	t += lo;
	v += lo;
	n -= lo;
	if (!n)
		return;
	points_room(&c->all, n);
	if (!c->all.n || t[0] > c->all.t[c->all.n - 1]) {
		memcpy(c->all.t + c->all.n, t, n * sizeof(*t));
		memcpy(c->all.v + c->all.n, v, n * sizeof(*v));
		c->all.n += n;
		return;
	}
	c->other.n = 0;
	points_room(&c->other, c->all.n + n);
	c->other.n = points_merge(c->all.t, c->all.v, c->all.n, t, v, n, c->other.t, c->other.v);
	swap = c->all;
	c->all = c->other;
	c->other = swap;
}

/* The sealer sets the row aside; this reader goes on without it. */
static void report_broken(struct series_db *db, const char *file, uint32_t series, time_us t0)
{
	size_t n = strlen(file) + 1;
	struct broken *b = xcalloc(1, sizeof(*b) + n);

	b->series = series;
	b->t0 = t0;
	memcpy(b->file, file, n);
	LOG(SERIES_FAULT, log_s("file", file), log_i("series", series), log_i("t0", t0),
	        log_s("why", "the block is damaged"));
	pthread_mutex_lock(&db->job_lock);
	b->next = db->broken;
	db->broken = b;
	db->wake = true;
	pthread_cond_signal(&db->job_cond);
	pthread_mutex_unlock(&db->job_lock);
}

static void copy_layer(const struct series *s, struct layer *l)
{
	struct block **at = &l->block;

	for (const struct block *b = s->sealed; b; b = b->younger) {
		if (b->t1 < l->from || b->t0 > l->to)
			continue;
		*at = xrealloc(NULL, sizeof(*b) + b->len);
		memcpy(*at, b, sizeof(*b) + b->len);
		(*at)->next = NULL;
		at = &(*at)->next;
	}
	if (s->head.n && s->head.last >= l->from && s->head.first <= l->to) {
		l->head = s->head;
		l->head.p = xrealloc(NULL, s->head.used);
		memcpy(l->head.p, s->head.p, s->head.used);
	}
	if (s->late && !l->column) { /* a good column has them */
		size_t n = sizeof(*s->late) + s->late->n * sizeof(s->late->p[0]);

		l->late = xrealloc(NULL, n);
		memcpy(l->late, s->late, n);
	}
}

/*
 * What is to be read of one series. A query that ends near the newest point is likely to be asked again:
 * then all up to that point is read and kept.
 */
static void plan_layer(struct series_cursor *c, struct series *s, struct layer *l)
{
	*l = (struct layer){.series = s,
	        .from = c->from,
	        .to = c->to,
	        .last = s->last_t,
	        .settled = s->settled,
	        .read = s->last_t != TIME_NONE && c->from <= s->last_t};
	if (!l->read)
		return;
	l->column = columns_take(&c->db->columns, &s->column, s->settled, c->from);
	if (l->column) {
		l->n = l->column->n;
		l->plain = l->column->plain;
		l->from = l->column->last + 1;
		l->to = s->last_t;
		l->read = l->column->last < s->last_t && c->to > l->column->last;
	} else if ((double)s->last_t - (double)c->to <= (double)c->to - (double)c->from + US_HOUR) {
		l->keep = true;
		l->to = s->last_t;
	}
}

static void copy_layers(struct series_cursor *c)
{
	time_us from = INT64_MAX, to = INT64_MIN;

	pthread_rwlock_rdlock(&c->db->seal_lock);
	pthread_rwlock_rdlock(&c->db->data_lock);
	pthread_mutex_lock(&c->db->columns.lock);
	for (size_t i = 0; i < c->found.n; i++)
		plan_layer(c, series__at(c->db, c->found.id[i]), &c->layer[i]);
	pthread_mutex_unlock(&c->db->columns.lock);
	for (size_t i = 0; i < c->found.n; i++) {
		struct layer *l = &c->layer[i];

		if (!l->read)
			continue;
		copy_layer(l->series, l);
		if (l->column && l->series->filed < l->from)
			continue;
		from = l->from < from ? l->from : from;
		to = l->to > to ? l->to : to;
	}
	pthread_rwlock_unlock(&c->db->data_lock);
	if (from <= to)
		files_view_open(&c->db->files, from, to, &c->view);
	pthread_rwlock_unlock(&c->db->seal_lock);
}

int series_select(struct series_db *db, const struct series_query *q, struct arena *a,
        struct series_cursor **out, struct err *e)
{
	struct series_cursor *c = NULL;
	struct matching g;
	bool selective = false, more;
	int rc;

	for (int i = 0; i < q->n; i++)
		selective |= !matcher_matches(&q->m[i], STR_NULL);
	if (!selective)
		return err_set(e, ERR_INVALID, "at least one matcher must not match the empty value");
	c = xcalloc(1, sizeof(*c));
	*c = (struct series_cursor){
	        .db = db, .from = q->from, .to = q->to, .max_points = q->max_points, .cancel = q->cancel};
	matching_init(&g, db, q->m, q->n);
	rc = find_series(&g, q->max_series, a, &c->found, &more, e);
	arena_free(&g.temp);
	if (!rc && more)
		rc = err_set(
		        e, ERR_TOOBIG, "more than %zu series match; narrow the selection", q->max_series);
	if (!rc && q->cancel && __atomic_load_n(q->cancel, __ATOMIC_RELAXED))
		rc = err_set(e, ERR_CANCELLED, "the query was cancelled");
	if (rc) {
		c->found.n = 0;
		series_cursor_free(&c);
		return rc;
	}
	c->layer = xcalloc(c->found.n + 1, sizeof(*c->layer));
	copy_layers(c);
	*out = c;
	return 0;
}

static int over(const struct series_cursor *c, size_t n, struct err *e)
{
	if (c->max_points && c->points + n > c->max_points)
		return err_set(e, ERR_TOOBIG, "more than %zu points; take a shorter time or fewer series",
		        c->max_points);
	return 0;
}

static int read_files(struct series_cursor *c, const struct layer *l, uint32_t id, struct err *e)
{
	time_us t[CODEC_POINTS], t0;
	double v[CODEC_POINTS];
	const uint8_t *p;
	size_t len;

	for (size_t i = 0; i < c->view.n; i++) {
		int got;

		files_view_seek(&c->view, i, id, l->from, l->to);
		while ((got = files_view_step(&c->view, i, &t0, &p, &len)) == 1) {
			int n = block_decode(id, t0, p, len, NULL, t, v), rc;

			if (n < 0) {
				report_broken(c->db, files_view_name(&c->view, i), id, t0);
				c->broken = true;
				continue;
			}
			points_add(c, l, t, v, (size_t)n);
			rc = over(c, l->keep ? 0 : c->all.n, e);
			if (rc)
				return rc;
			if (c->cancel && __atomic_load_n(c->cancel, __ATOMIC_RELAXED))
				return err_set(e, ERR_CANCELLED, "the query was cancelled");
		}
		c->broken = c->broken || got < 0;
		if (got < 0)
			LOG(SERIES_FAULT, log_s("file", files_view_name(&c->view, i)),
			        log_s("why", "the file is damaged; the rest is served"));
	}
	return 0;
}

/* All layers of one series, into c->all. */
static int read_layers(struct series_cursor *c, const struct layer *l, uint32_t id, struct err *e)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	int rc;

	c->all.n = 0;
	c->broken = false;
	rc = read_files(c, l, id, e);
	if (rc)
		return rc;
	for (struct block *b = l->block; b; b = b->next) {
		int n = block_decode(id, b->t0, b->data, b->len, NULL, t, v);

		must(n == b->n);
		points_add(c, l, t, v, (size_t)n);
	}
	if (l->head.n) {
		must(head_decode(&l->head, t, v));
		points_add(c, l, t, v, l->head.n);
	}
	if (l->late)
		points_add(c, l, t, v, series__late_sorted(l->late, t, v));
	return 0;
}

/* What was read goes behind the points of the column, into c->all. */
static void join_column(struct series_cursor *c, struct layer *l)
{
	struct points read = c->all;

	c->all = c->other;
	c->other = read;
	c->all.n = 0;
	points_room(&c->all, l->column->n + read.n);
	c->all.n = points_merge(
	        l->column->t, l->column->v, l->column->n, read.t, read.v, read.n, c->all.t, c->all.v);
	columns_leave(l->column);
	l->column = NULL;
}

/* What was read becomes the series' column or goes into it. Else l->column is NULL and c->all has all. */
static void keep_column(struct series_cursor *c, struct layer *l)
{
	struct columns *columns = &c->db->columns;
	const struct points *p = &c->all;
	struct column *x = NULL;

	pthread_mutex_lock(&columns->lock);
	if (!c->broken && l->column)
		x = columns_extend(columns, l->column, l->last, p->t, p->v, p->n);
	else if (!c->broken)
		x = columns_put(columns, &l->series->column, l->settled, l->from, l->last, p->t, p->v, p->n);
	if (x) {
		l->column = x;
		l->n = x->n;
		l->plain = x->plain;
	} else if (l->column)
		join_column(c, l);
	pthread_mutex_unlock(&columns->lock);
}

/* The first point after t. Readings mostly come at an even pace: the search begins where they would stand. */
static size_t after(const time_us *p, size_t n, time_us t)
{
	size_t lo = 0, hi = n, jump = 1, at;

	if (!n || p[n - 1] <= t)
		return n;
	if (p[0] > t)
		return 0;
	at = (size_t)((double)(t - p[0]) / (double)(p[n - 1] - p[0]) * (double)(n - 1));
	/* p[lo] <= t < p[hi], closing in from the guess. */
	if (p[at] <= t) {
		for (lo = at; lo + jump < n && p[lo + jump] <= t; jump *= 2)
			lo += jump;
		hi = lo + jump < n ? lo + jump : n - 1;
	} else {
		for (hi = at; hi > jump && p[hi - jump] > t; jump *= 2)
			hi -= jump;
		lo = hi > jump ? hi - jump : 0;
	}
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;

		if (p[mid] <= t)
			lo = mid;
		else
			hi = mid;
	}
	return hi;
}

int series_next(struct series_cursor *c, struct series_view *out, struct err *e)
{
	time_us to = c->to;
	const time_us *t;
	const double *v;
	struct layer *l;
	size_t lo, n;
	bool plain = false;
	int rc = 0;

	if (c->next == c->found.n)
		return 0;
	if (c->cancel && __atomic_load_n(c->cancel, __ATOMIC_RELAXED))
		return err_set(e, ERR_CANCELLED, "the query was cancelled");
	l = &c->layer[c->next];
	c->all.n = 0;
	if (l->read) {
		rc = read_layers(c, l, c->found.id[c->next], e);
		if (rc)
			return rc;
		if (l->keep || l->column)
			keep_column(c, l);
	}
	t = l->column ? l->column->t : c->all.t;
	v = l->column ? l->column->v : c->all.v;
	n = c->all.n;
	if (l->column) {
		/* It may have more by now: the reader's view stands still. */
		to = to < l->last ? to : l->last;
		n = l->n;
		plain = l->plain;
	}
	n = after(t, n, to);
	lo = c->from > INT64_MIN ? after(t, n, c->from - 1) : 0;
	rc = over(c, n - lo, e);
	if (rc)
		return rc;
	c->points += n - lo;
	*out = (struct series_view){.id = {c->found.id[c->next]},
	        .labels = c->found.labels[c->next],
	        .n = n - lo,
	        .lasting = l->column != NULL,
	        .plain = plain};
	if (n > lo) {
		out->t = t + lo;
		out->v = v + lo;
	}
	if (plain && n > lo) {
		size_t first = lo / SERIES_CHUNK;

		out->chunks = (struct series_chunks){.least = l->column->least + first,
		        .greatest = l->column->greatest + first,
		        .falls = l->column->falls + first,
		        .sum = l->column->sum + first,
		        .lost = l->column->lost + first,
		        .n = n / SERIES_CHUNK - first,
		        .skew = lo % SERIES_CHUNK};
	}
	c->next++;
	return 1;
}

void series_cursor_free(struct series_cursor **cp)
{
	struct series_cursor *c = *cp;

	if (!c)
		return;
	*cp = NULL;
	pthread_mutex_lock(&c->db->columns.lock);
	for (size_t i = 0; c->layer && i < c->found.n; i++)
		if (c->layer[i].column)
			columns_leave(c->layer[i].column);
	pthread_mutex_unlock(&c->db->columns.lock);
	for (size_t i = 0; c->layer && i < c->found.n; i++) {
		while (c->layer[i].block) {
			struct block *b = c->layer[i].block;

			c->layer[i].block = b->next;
			free(b);
		}
		free(c->layer[i].head.p);
		free(c->layer[i].late);
	}
	if (c->view.part)
		files_view_close(&c->db->files, &c->view);
	free(c->layer);
	free(c->all.t);
	free(c->all.v);
	free(c->other.t);
	free(c->other.v);
	free(c);
}

/* ---- labels and newest points ---- */

bool series_latest(struct series_db *db, series_id id, time_us *t, double *v)
{
	bool has = false;

	pthread_rwlock_rdlock(&db->index_lock);
	if (index_has(&db->index, id.v)) {
		const struct series *s = series__at(db, id.v);

		pthread_rwlock_rdlock(&db->data_lock);
		has = s->last_t != TIME_NONE;
		if (has) {
			*t = s->last_t;
			*v = s->last_v;
		}
		pthread_rwlock_unlock(&db->data_lock);
	}
	pthread_rwlock_unlock(&db->index_lock);
	return has;
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

int series_list(struct series_db *db, const struct matcher *m, int n, size_t limit, struct arena *a,
        struct series_latest_row **out, size_t *count, struct err *e)
{
	struct found f = {0};
	struct matching g;
	bool more;
	int rc;

	matching_init(&g, db, m, n);
	rc = find_series(&g, limit, a, &f, &more, e);
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
		        .id = {f.id[i]}, .labels = f.labels[i], .t = s->last_t, .v = s->last_v};
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

	matching_init(&g, db, NULL, 0);
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

	matching_init(&g, db, NULL, 0);
	which = virtual_index(&g, str_of(name));
	ok = add_values(db, str_of(name), false, a, &s);
	if (ok && which >= 0)
		ok = add_virtual(&g, which, a, &s);
	arena_free(&g.temp);
	return strs_finish(&s, ok, a, out, n, e);
}

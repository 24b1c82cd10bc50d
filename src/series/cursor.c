/*
 * The cursor: a view of the matching series' points that stands still.
 *
 * The view is taken under the seal lock: heads, late points and waiting blocks are copied as the bytes
 * they are, and a read transaction is begun on each block file. Later layers override earlier ones: files,
 * waiting blocks in their order, head, late points.
 *
 * Of a series whose column is kept (column.h) only what came later is copied, and the files are left
 * alone unless some of that is there already.
 */
#include "series/select_int.h"

#include "base/log.h"

#define SPARE_POINTS (1u << 20) /* 16 MiB */

static void points_room(struct points *p, size_t more)
{
	p->t = xgrow(p->t, &p->t_cap, p->n + more, sizeof(*p->t));
	p->v = xgrow(p->v, &p->v_cap, p->n + more, sizeof(*p->v));
}

void cursor__add(
        struct series_cursor *c, const struct reading *r, const time_us *t, const double *v, size_t n)
{
	struct points swap;
	size_t lo = 0;

	while (n && t[n - 1] > r->to)
		n--;
	while (lo < n && t[lo] < r->from)
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
void cursor__report_broken(struct series_db *db, const char *file, uint32_t series, time_us t0)
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

static void copy_reading(const struct series *s, bool late, struct reading *r)
{
	struct block **at = &r->block;

	for (const struct block *b = s->sealed; b; b = b->younger) {
		if (b->t1 < r->from || b->t0 > r->to)
			continue;
		*at = xrealloc(NULL, sizeof(*b) + b->len);
		memcpy(*at, b, sizeof(*b) + b->len);
		(*at)->next = NULL;
		at = &(*at)->next;
	}
	if (s->head.n && s->head.last >= r->from && s->head.first <= r->to) {
		r->head = s->head;
		r->head.p = xrealloc(NULL, s->head.used);
		memcpy(r->head.p, s->head.p, s->head.used);
	}
	if (s->late && late) {
		size_t n = sizeof(*s->late) + s->late->n * sizeof(s->late->p[0]);

		r->late = xrealloc(NULL, n);
		memcpy(r->late, s->late, n);
	}
}

static void free_reading(struct reading *r)
{
	if (!r)
		return;
	while (r->block) {
		struct block *b = r->block;

		r->block = b->next;
		free(b);
	}
	free(r->head.p);
	free(r->late);
	free(r);
}

/* The layer's part of its column: what is there now. */
static void view_column(struct layer *l, struct column *x)
{
	l->column = x;
	l->n = x->n;
	l->plain = x->plain;
	l->even = x->even;
	l->even_t = x->even_t;
	l->period = x->period;
	l->falls = x->end_falls;
}

/*
 * What is to be read of one series. A query that ends near the newest point is likely to be asked again:
 * then all up to that point is read and kept.
 */
static void plan_layer(struct series_cursor *c, struct series *s, struct layer *l)
{
	struct reading r = {.from = c->from, .to = c->to, .settled = s->settled};
	time_us last = s->last->t;

	*l = (struct layer){.last = last, .hidden = series__hidden(s)};
	if (last == TIME_NONE || c->from > last)
		return;
	if (!c->aside)
		l->column = columns_take(&c->db->columns, &s->column, s->settled, c->from);
	if (l->column) {
		view_column(l, l->column);
		if (l->column->last >= last || c->to <= l->column->last)
			return;
		r.to = last;
		r.from = l->column->last + 1;
	} else if (!c->aside && (double)last - (double)c->to <= (double)c->to - (double)c->from + US_HOUR) {
		r.keep = true;
		r.to = last;
	}
	l->reading = xrealloc(NULL, sizeof(r));
	*l->reading = r;
}

/* What is looked at of a series lies in four places, none of which is in the cache where there are many: the
 * memory is asked for them some series ahead. */
static void plan_layers(struct series_cursor *c)
{
	enum { SOON = 6, FAR = 12, LINE = 64 };
	const uint32_t *id = c->found.id;
	size_t n = c->found.n;

	for (size_t i = 0; i < n; i++) {
		if (i + FAR < n) {
			const char *s = (const char *)series__at(c->db, id[i + FAR]);

			for (size_t k = 0; k < sizeof(struct series); k += LINE)
				__builtin_prefetch(s + k);
			__builtin_prefetch(series__last(c->db, id[i + FAR]));
		}
		if (i + SOON < n) {
			const char *x = (const char *)series__at(c->db, id[i + SOON])->column;

			for (size_t k = 0; x && k < sizeof(struct column); k += LINE)
				__builtin_prefetch(x + k, 1);
		}
		plan_layer(c, series__at(c->db, id[i]), &c->layer[i]);
	}
}

static int copy_layers(struct series_cursor *c, struct err *e)
{
	time_us from = INT64_MAX, to = INT64_MIN;
	int rc = 0;

	pthread_rwlock_rdlock(&c->db->seal_lock);
	pthread_rwlock_rdlock(&c->db->data_lock);
	pthread_mutex_lock(&c->db->columns.lock);
	plan_layers(c);
	pthread_mutex_unlock(&c->db->columns.lock);
	for (size_t i = 0; i < c->found.n; i++) {
		struct reading *r = c->layer[i].reading;
		const struct series *s;

		if (!r)
			continue;
		s = series__at(c->db, c->found.id[i]);
		copy_reading(s, !c->layer[i].column, r); /* a good column has late points */
		if (c->layer[i].column && s->filed < r->from)
			continue;
		from = r->from < from ? r->from : from;
		to = r->to > to ? r->to : to;
	}
	pthread_rwlock_unlock(&c->db->data_lock);
	if (from <= to)
		rc = files_view_open(&c->db->files, from, to, &c->view, e);
	pthread_rwlock_unlock(&c->db->seal_lock);
	return rc;
}

static void take_spare(struct series_cursor *c)
{
	pthread_mutex_lock(&c->db->spare_lock);
	c->all = c->db->spare;
	c->db->spare = (struct points){0};
	pthread_mutex_unlock(&c->db->spare_lock);
}

/* The larger of two stays, if it is not too large to lie about. */
static void give_spare(struct series_cursor *c)
{
	struct points *spare = &c->db->spare, gone = c->all;

	pthread_mutex_lock(&c->db->spare_lock);
	if (c->all.t_cap > spare->t_cap && c->all.t_cap <= SPARE_POINTS) {
		gone = *spare;
		*spare = c->all;
	}
	pthread_mutex_unlock(&c->db->spare_lock);
	free(gone.t);
	free(gone.v);
}

int cursor__open(struct series_db *db, const struct series_query *q, bool aside, struct arena *a,
        struct series_cursor **out, struct err *e)
{
	struct series_cursor *c = NULL;
	bool selective = false;
	int rc;

	for (int i = 0; i < q->n; i++)
		selective |= !matcher_matches(&q->m[i], STR_NULL);
	if (!selective)
		return err_set(e, ERR_INVALID, "at least one matcher must not match the empty value");
	c = xcalloc(1, sizeof(*c));
	*c = (struct series_cursor){.db = db,
	        .from = q->from,
	        .to = q->to,
	        .max_points = q->max_points,
	        .cancel = q->cancel,
	        .scaled = q->scaled,
	        .aside = aside};
	rc = select__kept(db, q, a, &c->found, e);
	if (!rc && q->cancel && __atomic_load_n(q->cancel, __ATOMIC_RELAXED))
		rc = err_set(e, ERR_CANCELLED, "the query was cancelled");
	if (rc) {
		c->found.n = 0;
		series_cursor_free(&c);
		return rc;
	}
	take_spare(c);
	c->layer = xrealloc(NULL, (c->found.n + 1) * sizeof(*c->layer));
	rc = copy_layers(c, e);
	if (rc)
		series_cursor_free(&c);
	*out = c;
	return rc;
}

int series_select(struct series_db *db, const struct series_query *q, struct arena *a,
        struct series_cursor **out, struct err *e)
{
	return cursor__open(db, q, false, a, out, e);
}

bool cursor__cancelled(const struct series_cursor *c)
{
	return c->cancel && __atomic_load_n(c->cancel, __ATOMIC_RELAXED);
}

static int over(const struct series_cursor *c, size_t n, struct err *e)
{
	if (c->max_points && c->points + n > c->max_points)
		return err_set(e, ERR_TOOBIG, "more than %zu points; take a shorter time or fewer series",
		        c->max_points);
	return 0;
}

int cursor__read_files(struct series_cursor *c, const struct reading *r, uint32_t id, struct err *e)
{
	time_us t[CODEC_POINTS], t0;
	double v[CODEC_POINTS];
	const uint8_t *p;
	size_t len;

	for (size_t i = 0; i < c->view.n; i++) {
		int got;

		files_view_seek(&c->view, i, id, r->from, r->to);
		while ((got = files_view_step(&c->view, i, &t0, &p, &len, e)) == 1) {
			int n = block_decode(id, t0, p, len, t, v), rc;

			if (c->rollups && n > 0 && block_is_rollup(p, len)) { /* in order of time */
				grid_points(c->rollups, c->all.t, c->all.v, c->all.n);
				c->all.n = 0;
				must(grid_block(c->rollups, id, t0, p, len, t));
				continue;
			}
			if (n < 0) {
				cursor__report_broken(c->db, files_view_name(&c->view, i), id, t0);
				c->broken = true;
				continue;
			}
			cursor__add(c, r, t, v, (size_t)n);
			rc = over(c, r->keep ? 0 : c->all.n, e);
			if (rc)
				return rc;
			if (cursor__cancelled(c))
				return err_set(e, ERR_CANCELLED, "the query was cancelled");
		}
		if (got < 0 && got != ERR_CORRUPT)
			return got;
		c->broken = c->broken || got < 0;
		if (got < 0)
			LOG(SERIES_FAULT, log_s("file", files_view_name(&c->view, i)),
			        log_s("why", "the file is damaged; the rest is served"));
	}
	return 0;
}

void cursor__read_memory(struct series_cursor *c, const struct reading *r, uint32_t id)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];

	for (struct block *b = r->block; b; b = b->next) {
		must(b->series == id);
		block_points(b, t, v);
		cursor__add(c, r, t, v, (size_t)b->n);
	}
	if (r->head.n) {
		must(head_decode(&r->head, t, v));
		cursor__add(c, r, t, v, r->head.n);
	}
	if (r->late)
		cursor__add(c, r, t, v, series__late_sorted(r->late, t, v));
}

/* All layers of one series, into c->all. */
static int read_layers(struct series_cursor *c, const struct reading *r, uint32_t id, struct err *e)
{
	int rc;

	c->all.n = 0;
	c->broken = false;
	rc = cursor__read_files(c, r, id, e);
	if (!rc)
		cursor__read_memory(c, r, id);
	return rc;
}

/* What was read goes behind the points of the column, into c->all. */
static void join_column(struct series_cursor *c, struct layer *l)
{
	struct points read = c->all;
	const struct column *x = l->column;
	double *v = xrealloc(NULL, (x->n + 1) * sizeof(*v));

	column_get(x, 0, x->n, v);
	c->all = c->other;
	c->other = read;
	c->all.n = 0;
	points_room(&c->all, x->n + read.n);
	c->all.n = points_merge(x->t, v, x->n, read.t, read.v, read.n, c->all.t, c->all.v);
	free(v);
	columns_leave(l->column);
	l->column = NULL;
}

/* What was read becomes the series' column or goes into it. Else l->column is NULL and c->all has all. */
static void keep_column(struct series_cursor *c, struct layer *l, uint32_t id)
{
	struct columns *columns = &c->db->columns;
	const struct reading *r = l->reading;
	const struct points *p = &c->all;
	struct column **slot = &series__at(c->db, id)->column, *x = NULL;

	pthread_mutex_lock(&columns->lock);
	if (!c->broken && l->column)
		x = columns_extend(columns, l->column, l->last, p->t, p->v, p->n);
	else if (!c->broken)
		x = columns_put(columns, slot, r->settled, r->from, l->last, p->t, p->v, p->n);
	if (x)
		view_column(l, x);
	else if (l->column)
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

/* The first point after t, of a column: without looking at its times where they are known to be even. */
static size_t after_in(const struct layer *l, size_t n, time_us t)
{
	const struct column *x = l->column;
	uint64_t i;

	if (l->period <= 0 || l->even >= n || t < l->even_t)
		return after(x->t, n, t);
	i = ((uint64_t)t - (uint64_t)l->even_t) / (uint64_t)l->period;
	return i < n - l->even ? l->even + (size_t)i + 1 : n;
}

bool cursor__step(struct series_cursor *c, uint32_t *id, struct layer **l)
{
	while (c->next < c->found.n && c->layer[c->next].hidden)
		c->next++;
	if (c->next == c->found.n)
		return false;
	*id = c->found.id[c->next];
	*l = &c->layer[c->next];
	return true;
}

/* Points lo … lo + out->n - 1 of a column: as they lie there, or the values as doubles beside it. */
static void view_points(struct series_cursor *c, const struct column *x, size_t lo, struct series_view *out)
{
	out->t = x->t + lo;
	out->scaled = column_scaled(x, lo);
	if (x->v) {
		out->v = x->v + lo;
	} else if (!c->scaled) {
		points_room(&c->all, out->n);
		column_get(x, lo, out->n, c->all.v);
		out->v = c->all.v;
		out->scaled.p = NULL;
		out->lasting = false;
	}
}

int series_next(struct series_cursor *c, struct series_view *out, struct err *e)
{
	time_us to = c->to;
	const time_us *t;
	struct layer *l;
	size_t lo = 0, n;
	bool plain = false;
	uint32_t id;
	int rc = 0;

	if (!cursor__step(c, &id, &l))
		return 0;
	if (cursor__cancelled(c))
		return err_set(e, ERR_CANCELLED, "the query was cancelled");
	c->all.n = 0;
	if (l->reading) {
		rc = read_layers(c, l->reading, id, e);
		if (rc)
			return rc;
		if (l->reading->keep || l->column)
			keep_column(c, l, id);
	}
	t = l->column ? l->column->t : c->all.t;
	n = c->all.n;
	if (l->column) {
		/* It may have more by now: the reader's view stands still. */
		to = to < l->last ? to : l->last;
		n = l->n;
		plain = l->plain;
	}
	n = l->column ? after_in(l, n, to) : after(t, n, to);
	if (c->from > INT64_MIN)
		lo = l->column ? after_in(l, n, c->from - 1) : after(t, n, c->from - 1);
	rc = over(c, n - lo, e);
	if (rc)
		return rc;
	c->points += n - lo;
	*out = (struct series_view){.id = {id},
	        .labels = c->found.labels[c->next],
	        .n = n - lo,
	        .lasting = l->column != NULL,
	        .plain = plain};
	if (l->column && n > lo + 1 && lo >= l->even && l->period > 0) {
		out->period = l->period;
		out->first = l->even_t + (time_us)(lo - l->even) * l->period;
	}
	if (n > lo && l->column) {
		view_points(c, l->column, lo, out);
	} else if (n > lo) {
		out->t = t + lo;
		out->v = c->all.v + lo;
	}
	if (plain && n > lo) {
		size_t first = lo / SERIES_CHUNK, end = n / SERIES_CHUNK;
		bool whole = end < l->n / SERIES_CHUNK;

		out->chunks = (struct series_chunks){.least = l->column->least + first,
		        .greatest = l->column->greatest + first,
		        .falls = l->column->falls + first,
		        .sum = l->column->sum + first,
		        .lost = l->column->lost + first,
		        .n = end - first,
		        .skew = lo % SERIES_CHUNK,
		        .even_end = !(whole ? l->column->falls[end] : l->falls)};
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
	for (size_t i = 0; c->layer && i < c->found.n; i++)
		free_reading(c->layer[i].reading);
	if (c->view.part)
		files_view_close(&c->db->files, &c->view);
	windows__free(c->windows);
	free(c->layer);
	give_spare(c);
	free(c->other.t);
	free(c->other.v);
	free(c);
}

/*
 * The cursor: a view of the matching series' points that stands still.
 *
 * The view is taken under the seal lock: heads, late points and waiting blocks are copied as the bytes
 * they are, and a read transaction is begun on each block file. Later layers override earlier ones: files,
 * waiting blocks in their order, head, late points.
 */
#include "series/select_int.h"

#include "base/log.h"

#define SPARE_POINTS (1u << 20) /* 16 MiB */

static void points_room(struct points *p, size_t more)
{
	p->t = xgrow(p->t, &p->t_cap, p->n + more, sizeof(*p->t));
	p->v = xgrow(p->v, &p->v_cap, p->n + more, sizeof(*p->v));
}

void cursor__add(struct series_cursor *c, const time_us *t, const double *v, size_t n)
{
	struct points swap;
	size_t lo = 0;

	while (n && t[n - 1] > c->to)
		n--;
	while (lo < n && t[lo] < c->from)
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

static void copy_layer(struct series_cursor *c, const struct series *s, struct layer *l)
{
	struct block **at = &l->block;

	for (const struct block *b = s->sealed; b; b = b->younger) {
		if (b->t1 < c->from || b->t0 > c->to)
			continue;
		*at = xrealloc(NULL, sizeof(*b) + b->len);
		memcpy(*at, b, sizeof(*b) + b->len);
		(*at)->next = NULL;
		at = &(*at)->next;
	}
	if (s->head.n && s->head.last >= c->from && s->head.first <= c->to) {
		l->head = s->head;
		l->head.p = xrealloc(NULL, s->head.used);
		memcpy(l->head.p, s->head.p, s->head.used);
	}
	if (s->late) {
		size_t n = sizeof(*s->late) + s->late->n * sizeof(s->late->p[0]);

		l->late = xrealloc(NULL, n);
		memcpy(l->late, s->late, n);
	}
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
	select__init(&g, db, q->m, q->n);
	rc = select__find(&g, q->max_series, a, &c->found, &more, e);
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
	take_spare(c);
	c->layer = xcalloc(c->found.n + 1, sizeof(*c->layer));
	pthread_rwlock_rdlock(&db->seal_lock);
	pthread_rwlock_rdlock(&db->data_lock);
	for (size_t i = 0; i < c->found.n; i++)
		copy_layer(c, series__at(db, c->found.id[i]), &c->layer[i]);
	pthread_rwlock_unlock(&db->data_lock);
	files_view_open(&db->files, q->from, q->to, &c->view);
	pthread_rwlock_unlock(&db->seal_lock);
	*out = c;
	return 0;
}

bool cursor__cancelled(const struct series_cursor *c)
{
	return c->cancel && __atomic_load_n(c->cancel, __ATOMIC_RELAXED);
}

static int over(const struct series_cursor *c, struct err *e)
{
	if (c->max_points && !c->windows && c->points + c->all.n > c->max_points)
		return err_set(e, ERR_TOOBIG, "more than %zu points; take a shorter time or fewer series",
		        c->max_points);
	return 0;
}

int cursor__read_files(struct series_cursor *c, uint32_t id, struct err *e)
{
	time_us t[CODEC_POINTS], t0;
	double v[CODEC_POINTS];
	const uint8_t *p;
	size_t len;

	for (size_t i = 0; i < c->view.n; i++) {
		int got;

		files_view_seek(&c->view, i, id, c->from, c->to);
		while ((got = files_view_step(&c->view, i, &t0, &p, &len)) == 1) {
			int n = block_decode(id, t0, p, len, t, v), rc;

			if (n < 0) {
				cursor__report_broken(c->db, files_view_name(&c->view, i), id, t0);
				continue;
			}
			cursor__add(c, t, v, (size_t)n);
			rc = over(c, e);
			if (rc)
				return rc;
			if (cursor__cancelled(c))
				return err_set(e, ERR_CANCELLED, "the query was cancelled");
		}
		if (got < 0)
			LOG(SERIES_FAULT, log_s("file", files_view_name(&c->view, i)),
			        log_s("why", "the file is damaged; the rest is served"));
	}
	return 0;
}

void cursor__read_memory(struct series_cursor *c, const struct layer *l, uint32_t id)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];

	for (struct block *b = l->block; b; b = b->next) {
		int n = block_decode(id, b->t0, b->data, b->len, t, v);

		must(n == b->n);
		cursor__add(c, t, v, (size_t)n);
	}
	if (l->head.n) {
		must(head_decode(&l->head, t, v));
		cursor__add(c, t, v, l->head.n);
	}
	if (l->late)
		cursor__add(c, t, v, series__late_sorted(l->late, t, v));
}

int series_next(struct series_cursor *c, struct series_view *out, struct err *e)
{
	struct layer *l;
	uint32_t id;
	int rc;

	if (c->next == c->found.n)
		return 0;
	if (cursor__cancelled(c))
		return err_set(e, ERR_CANCELLED, "the query was cancelled");
	l = &c->layer[c->next];
	id = c->found.id[c->next];
	c->all.n = 0;
	rc = cursor__read_files(c, id, e);
	if (rc)
		return rc;
	cursor__read_memory(c, l, id);
	rc = over(c, e);
	if (rc)
		return rc;
	c->points += c->all.n;
	*out = (struct series_view){
	        .id = {id}, .labels = c->found.labels[c->next], .t = c->all.t, .v = c->all.v, .n = c->all.n};
	c->next++;
	return 1;
}

void series_cursor_free(struct series_cursor **cp)
{
	struct series_cursor *c = *cp;

	if (!c)
		return;
	*cp = NULL;
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
	windows__free(c->windows);
	free(c->layer);
	give_spare(c);
	free(c->other.t);
	free(c->other.v);
	free(c);
}

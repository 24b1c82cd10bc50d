#include "series/ahead.h"

#include "base/thread.h"
#include "series/bytes.h"

#define AHEAD_B (16u << 20) /* what may wait to be taken, in memory */

struct ahead {
	struct frame_reader in; /* of the reading thread, but for `size` and the file itself */
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	struct record *first, *last; /* lock */
	size_t waiting;              /* lock; bytes of these */
	bool ended, stop;            /* lock */
};

void record_free(struct record **r)
{
	struct record *x = *r;

	*r = NULL;
	if (!x)
		return;
	for (size_t i = 0; i < x->series_n; i++) {
		head_clear(&x->series[i].head);
		free(x->series[i].late);
	}
	free(x->series);
	free(x->points);
	free(x);
}

/* ---- decoding ---- */

static bool load_head(struct head *h, const uint8_t **p, const uint8_t *end, uint64_t n, time_us last)
{
	time_us t[HEAD_POINTS];
	double v[HEAD_POINTS];
	uint64_t used;

	if (n > HEAD_POINTS || end - *p < 2)
		return false;
	*h = (struct head){.n = (uint16_t)n, .unit = (*p)[0], .exp = (*p)[1], .last = last};
	*p += 2;
	if (!get_zigzag(p, end, &h->first) || !get_zigzag(p, end, &h->delta) || !get_zigzag(p, end, &h->x) ||
	        !get_varint(p, end, &used) || used > (uint64_t)(end - *p) || used > 8 * HEAD_MAX_B)
		return false;
	h->p = xrealloc(NULL, used + HEAD_ROOM_B); /* the next points find room */
	memcpy(h->p, *p, used);
	h->used = (uint16_t)used;
	h->cap = (uint16_t)(used + HEAD_ROOM_B);
	*p += used;
	if (head_decode(h, t, v))
		return true;
	head_clear(h);
	return false;
}

static bool read_late(struct late **out, const uint8_t **p, const uint8_t *end)
{
	struct late *late;
	uint32_t cap = 4;
	uint64_t n, u;

	if (!get_varint(p, end, &n) || n > LATE_POINTS)
		return false;
	if (!n)
		return true;
	while (cap < n)
		cap *= 2;
	late = *out = xrealloc(NULL, sizeof(*late) + cap * sizeof(late->p[0]));
	*late = (struct late){.cap = cap};
	for (uint64_t i = 0; i < n; i++) {
		time_us t;

		if (!get_zigzag(p, end, &t) || !get_u64(p, end, &u))
			return false;
		late->p[late->n++] = (struct point){t, double_of(u)};
	}
	return true;
}

/* False where it is damaged; its labels stand if s->id is not 0. */
static bool read_series(const uint8_t **p, const uint8_t *end, struct saved_series *s)
{
	struct label l[LABELS_MAX];
	uint64_t id, n, u;
	uint8_t flags;
	int labels;

	*s = (struct saved_series){.last.t = TIME_NONE};
	if (!get_varint(p, end, &id) || id > SERIES_MAX)
		return false;
	s->labels = *p;
	if (!series__labels_get(p, end, l, &labels) || *p == end)
		return false;
	s->id = (uint32_t)id;
	flags = *(*p)++;
	s->idle = (flags & SAVED_IDLE) != 0;
	if (flags & SAVED_POINT) {
		if (!get_zigzag(p, end, &s->last.t) || !get_u64(p, end, &u))
			return false;
		s->last.v = double_of(u);
	}
	if (!get_varint(p, end, &n) || (n && !load_head(&s->head, p, end, n, s->last.t)))
		return false;
	return read_late(&s->late, p, end);
}

static bool read_heads(struct record *r)
{
	const uint8_t *p = r->f.p, *end = p + r->f.n;
	bool ok = true;

	while (p < end && ok) {
		struct saved_series *s;

		r->series = xgrow(r->series, &r->series_cap, r->series_n + 1, sizeof(*r->series));
		s = &r->series[r->series_n];
		ok = read_series(&p, end, s);
		if (!ok) {
			head_clear(&s->head);
			free(s->late);
			s->late = NULL;
		}
		r->series_n += s->id != 0;
		r->size += sizeof(*s) + s->head.cap;
	}
	return ok;
}

static struct record *record_of(const struct frame *f, bool lost, bool torn)
{
	/* Points are not looked at again once they are decoded. */
	size_t n = lost || f->kind == FRAME_POINTS ? 0 : f->n;
	struct record *r = xcalloc(1, sizeof(*r) + n);

	*r = (struct record){.lost = lost, .torn = torn, .f = *f, .size = sizeof(*r) + n};
	if (n)
		memcpy(r + 1, f->p, n);
	r->f.p = (const uint8_t *)(r + 1);
	if (lost)
		return r;
	if (f->kind == FRAME_POINTS) {
		r->sound = series__points_get(f->p, f->n, &r->points, &r->points_cap, &r->points_n);
		r->size += r->points_cap * sizeof(*r->points);
	} else if (f->kind == FRAME_HEADS) {
		r->sound = read_heads(r);
	}
	return r;
}

/* ---- the thread ---- */

static void *read_on(void *arg)
{
	struct ahead *a = arg;
	struct frame f;
	bool torn = false, stop = false;
	int got;

	while (!stop && (got = frame_next(&a->in, &f, &torn)) != 0) {
		struct record *r = record_of(&f, got < 0, torn);

		pthread_mutex_lock(&a->lock);
		while (a->waiting > AHEAD_B && !a->stop)
			pthread_cond_wait(&a->cond, &a->lock);
		if (a->last)
			a->last->next = r;
		else
			a->first = r;
		a->last = r;
		a->waiting += r->size;
		stop = a->stop;
		pthread_cond_signal(&a->cond);
		pthread_mutex_unlock(&a->lock);
	}
	pthread_mutex_lock(&a->lock);
	a->ended = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
	return NULL;
}

int ahead_open(struct ahead **out, const char *path, struct err *e)
{
	struct ahead *a = xcalloc(1, sizeof(*a));
	int rc = frame_reader_open(&a->in, path, e);

	if (rc) {
		free(a);
		return rc;
	}
	must(pthread_mutex_init(&a->lock, NULL) == 0);
	must(pthread_cond_init(&a->cond, NULL) == 0);
	thread_start(&a->thread, "ahead", read_on, a);
	*out = a;
	return 0;
}

void ahead_close(struct ahead **ap)
{
	struct ahead *a = *ap;

	*ap = NULL;
	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->cond);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	while (a->first) {
		struct record *r = a->first;

		a->first = r->next;
		record_free(&r);
	}
	frame_reader_close(&a->in);
	pthread_cond_destroy(&a->cond);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

struct record *ahead_next(struct ahead *a)
{
	struct record *r;

	pthread_mutex_lock(&a->lock);
	while (!a->first && !a->ended)
		pthread_cond_wait(&a->cond, &a->lock);
	r = a->first;
	if (r) {
		a->first = r->next;
		if (!a->first)
			a->last = NULL;
		a->waiting -= r->size;
		pthread_cond_signal(&a->cond);
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

uint64_t ahead_size(const struct ahead *a)
{
	return a->in.size;
}

size_t ahead_raw(struct ahead *a, uint64_t at, uint8_t *p, size_t n)
{
	return frame_raw(&a->in, at, p, n);
}

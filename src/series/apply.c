#include "series/series_int.h"

#include "base/metric.h"
#include "series/bytes.h"

static void push_block(struct series_db *db, struct series *s, struct block *b)
{
	if (db->fifo_tail)
		db->fifo_tail->next = b;
	else
		db->fifo = b;
	db->fifo_tail = b;
	if (s->newest)
		s->newest->younger = b;
	else
		s->sealed = b;
	s->newest = b;
	atomic_fetch_add(&db->fifo_n, 1);
	atomic_fetch_add(&db->fifo_b, b->len + sizeof(*b));
	atomic_fetch_add(&db->sealed_n, 1);
	metric_add(METRIC_SERIES_BLOCKS, 1);
}

static void push_points(
        struct series_db *db, struct series *s, uint32_t id, const time_us *t, const double *v, size_t n)
{
	for (size_t at = 0; at < n;) {
		size_t blocks = (n - at + CODEC_POINTS - 1) / CODEC_POINTS, size = (n - at) / blocks;

		push_block(db, s, block_new(id, t + at, v + at, (int)size));
		at += size;
	}
}

static void seal_head(struct series_db *db, struct series *s, uint32_t id)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];

	must(head_decode(&s->head, t, v));
	push_points(db, s, id, t, v, s->head.n);
	head_clear(&s->head);
}

size_t series__late_sorted(const struct late *l, time_us *t, double *v)
{
	size_t n = 0;

	/* Binary insertion: backlogs come in order, so that most points go to the end. */
	for (uint32_t i = 0; i < l->n; i++) {
		size_t lo = 0, hi = n;

		if (n && l->p[i].t > t[n - 1])
			lo = n;
		while (lo < hi) {
			size_t mid = (lo + hi) / 2;

			if (t[mid] < l->p[i].t)
				lo = mid + 1;
			else
				hi = mid;
		}
		if (lo == n || t[lo] != l->p[i].t) {
			memmove(t + lo + 1, t + lo, (n - lo) * sizeof(*t));
			memmove(v + lo + 1, v + lo, (n - lo) * sizeof(*v));
			t[lo] = l->p[i].t;
			n++;
		}
		v[lo] = l->p[i].v;
	}
	return n;
}

/*
 * Late points alone when all are older than the head: a backlog does not cut the head short. Else
 * they go with it: were they sealed before the head, its older values would hide them.
 */
static void seal_late(struct series_db *db, struct series *s, uint32_t id)
{
	time_us t[LATE_POINTS], head_t[CODEC_POINTS], all_t[LATE_POINTS + CODEC_POINTS];
	double v[LATE_POINTS], head_v[CODEC_POINTS], all_v[LATE_POINTS + CODEC_POINTS];
	size_t n = series__late_sorted(s->late, t, v);

	free(s->late);
	s->late = NULL;
	if (!s->head.n || t[n - 1] < s->head.first) {
		push_points(db, s, id, t, v, n);
		return;
	}
	must(head_decode(&s->head, head_t, head_v));
	n = points_merge(head_t, head_v, s->head.n, t, v, n, all_t, all_v);
	push_points(db, s, id, all_t, all_v, n);
	head_clear(&s->head);
}

void series__seal(struct series_db *db, uint32_t id)
{
	struct series *s = series__at(db, id);

	if (s->late)
		seal_late(db, s, id);
	if (s->head.n)
		seal_head(db, s, id);
}

static void add_late(struct series_db *db, struct series *s, uint32_t id, time_us t, double v)
{
	struct late *l = s->late;

	s->settled++;
	if (!l || l->n == l->cap) {
		uint32_t cap = l ? l->cap * 2 : 4;

		l = xrealloc(l, sizeof(*l) + cap * sizeof(l->p[0]));
		if (!s->late)
			l->n = 0;
		l->cap = cap;
		s->late = l;
	}
	l->p[l->n++] = (struct point){t, v};
	if (l->n == LATE_POINTS)
		seal_late(db, s, id);
}

void series__apply(struct series_db *db, uint32_t id, time_us t, double v)
{
	struct series *s = series__at(db, id);

	if (LIKELY(s->last_t == TIME_NONE || t > s->last_t)) {
		head_append(&s->head, t, v);
		s->last_t = t;
		s->last_v = v;
		/* A late point may still wait: it overlays the block as it did the head. */
		if (head_full(&s->head))
			seal_head(db, s, id);
		return;
	}
	if (t == s->last_t) {
		if (bits_of(v) == bits_of(s->last_v))
			return; /* sent again */
		s->last_v = v;
	}
	metric_add(METRIC_SERIES_LATE, 1);
	add_late(db, s, id, t, v);
}

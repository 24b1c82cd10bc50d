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
		size_t blocks = (n - at + HEAD_POINTS - 1) / HEAD_POINTS, size = (n - at) / blocks;

		push_block(db, s, block_new(id, t + at, v + at, (int)size, BLOCK_DENSE));
		at += size;
	}
}

static void seal_head(struct series_db *db, struct series *s, uint32_t id)
{
	push_block(db, s, block_of_head(id, &s->head));
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
	time_us t[LATE_POINTS], head_t[HEAD_POINTS], all_t[LATE_POINTS + HEAD_POINTS];
	double v[LATE_POINTS], head_v[HEAD_POINTS], all_v[LATE_POINTS + HEAD_POINTS];
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

static void apply(struct series_db *db, uint32_t id, time_us t, double v)
{
	struct series *s = series__at(db, id);

	if (LIKELY(s->last->t == TIME_NONE || t > s->last->t)) {
		head_append(&s->head, t, v);
		s->last->t = t;
		s->last->v = v;
		/* A late point may still wait: it overlays the block as it did the head. */
		if (head_full(&s->head))
			seal_head(db, s, id);
		return;
	}
	if (t == s->last->t) {
		if (bits_of(v) == bits_of(s->last->v))
			return; /* sent again */
		s->last->v = v;
	}
	metric_add(METRIC_SERIES_LATE, 1);
	add_late(db, s, id, t, v);
}

/* What a point needs lies in three places, none of which is in the cache where there are many series: the
 * memory is asked for them some points ahead. */
void series__apply_all(struct series_db *db, const struct series_point *p, size_t n)
{
	enum { SOON = 8, FAR = 16 };

	for (size_t i = 0; i < n; i++) {
		if (i + FAR < n) {
			const char *s = (const char *)series__at(db, p[i + FAR].id.v);

			__builtin_prefetch(s, 1);
			__builtin_prefetch(s + 64, 1);
			__builtin_prefetch(series__last(db, p[i + FAR].id.v), 1);
		}
		if (i + SOON < n) {
			const struct head *h = &series__at(db, p[i + SOON].id.v)->head;

			__builtin_prefetch(h->p + h->used, 1);
		}
		apply(db, p[i].id.v, p[i].t, p[i].v);
	}
}

#include "series/column.h"

#include <math.h>

#define POINT_B (sizeof(time_us) + sizeof(double))
#define LARGEST 16 /* one column takes at most this part of the cache */

void columns_init(struct columns *c, size_t most_b)
{
	*c = (struct columns){.most = most_b};
	must(pthread_mutex_init(&c->lock, NULL) == 0);
}

static size_t bytes_of(const struct column *x)
{
	return sizeof(*x) + x->cap * POINT_B + x->cap / SERIES_CHUNK * (4 * sizeof(double) + sizeof(bool));
}

static void discard(struct column *x)
{
	free(x->t);
	free(x->v);
	free(x->least);
	free(x->greatest);
	free(x->sum);
	free(x->lost);
	free(x->falls);
	free(x);
}

static void link_newest(struct columns *c, struct column *x)
{
	x->newer = NULL;
	x->older = c->newest;
	if (c->newest)
		c->newest->newer = x;
	else
		c->oldest = x;
	c->newest = x;
}

static void unlink_column(struct columns *c, struct column *x)
{
	if (x->newer)
		x->newer->older = x->older;
	else
		c->newest = x->older;
	if (x->older)
		x->older->newer = x->newer;
	else
		c->oldest = x->newer;
}

/* Out of the cache; its readers keep it. */
static void forget(struct columns *c, struct column *x)
{
	unlink_column(c, x);
	c->bytes -= bytes_of(x);
	*x->slot = NULL;
	x->slot = NULL;
	if (!x->readers)
		discard(x);
}

static void forget_oldest(struct columns *c)
{
	must(c->oldest->older == NULL);
	forget(c, c->oldest);
}

void columns_fini(struct columns *c)
{
	while (c->oldest)
		forget_oldest(c);
	pthread_mutex_destroy(&c->lock);
}

static void insert(struct columns *c, struct column **slot, struct column *x)
{
	if (*slot)
		forget(c, *slot);
	*slot = x;
	x->slot = slot;
	link_newest(c, x);
	c->bytes += bytes_of(x);
	while (c->bytes > c->most && c->oldest != x)
		forget_oldest(c);
}

struct column *columns_take(struct columns *c, struct column **slot, uint32_t settled, time_us from)
{
	struct column *x = *slot;

	if (!x || x->settled != settled || x->from > from)
		return NULL;
	if (from < x->asked)
		x->asked = from;
	if (x != c->newest) {
		unlink_column(c, x);
		link_newest(c, x);
	}
	x->readers++;
	return x;
}

/* With room for a quarter more, that a column which is asked for often seldom moves. */
static struct column *column_new(const struct columns *c, uint32_t settled, time_us from, size_t n)
{
	size_t cap = n + n / 4 + 4;
	struct column *x;

	if (cap * POINT_B > c->most / LARGEST)
		return NULL;
	x = xcalloc(1, sizeof(*x));
	*x = (struct column){
	        .readers = 1, .settled = settled, .from = from, .asked = from, .cap = cap, .plain = true};
	x->t = xcalloc(cap, sizeof(*x->t));
	x->v = xcalloc(cap, sizeof(*x->v));
	x->least = xcalloc(cap / SERIES_CHUNK + 1, sizeof(*x->least));
	x->greatest = xcalloc(cap / SERIES_CHUNK + 1, sizeof(*x->greatest));
	x->sum = xcalloc(cap / SERIES_CHUNK + 1, sizeof(*x->sum));
	x->lost = xcalloc(cap / SERIES_CHUNK + 1, sizeof(*x->lost));
	x->falls = xcalloc(cap / SERIES_CHUNK + 1, sizeof(*x->falls));
	return x;
}

/* Point i has come. A reader looks at whole runs among the points it has: those do not change any more. */
static void summarise(struct column *x, size_t i)
{
	size_t run = i / SERIES_CHUNK;
	double v = x->v[i], sum;

	x->plain &= v == v;
	if (i % SERIES_CHUNK == 0) {
		x->least[run] = x->greatest[run] = v;
		x->falls[run] = false;
		x->sum[run] = x->lost[run] = 0;
	}
	sum = x->sum[run] + v;
	x->lost[run] += fabs(x->sum[run]) >= fabs(v) ? (x->sum[run] - sum) + v : (v - sum) + x->sum[run];
	x->sum[run] = sum;
	if (v < x->least[run])
		x->least[run] = v;
	if (v > x->greatest[run])
		x->greatest[run] = v;
	x->falls[run] |= i > 0 && v < x->v[i - 1];
}

static void append(struct column *x, time_us last, const time_us *t, const double *v, size_t n)
{
	if (n) {
		memcpy(x->t + x->n, t, n * sizeof(*t));
		memcpy(x->v + x->n, v, n * sizeof(*v));
	}
	for (size_t i = x->n; i < x->n + n; i++)
		summarise(x, i);
	x->n += n;
	x->last = last;
}

struct column *columns_put(struct columns *c, struct column **slot, uint32_t settled, time_us from,
        time_us last, const time_us *t, const double *v, size_t n)
{
	struct column *x = column_new(c, settled, from, n);

	if (!x)
		return NULL;
	append(x, last, t, v, n);
	insert(c, slot, x);
	return x;
}

struct column *columns_extend(
        struct columns *c, struct column *x, time_us last, const time_us *t, const double *v, size_t n)
{
	struct column *y;
	size_t skip = 0;

	/* Another reader may have been faster. */
	while (n && *t <= x->last) {
		t++;
		v++;
		n--;
	}
	if (last <= x->last)
		return x;
	if (x->n + n <= x->cap) {
		append(x, last, t, v, n);
		return x;
	}
	while (skip < x->n && x->t[skip] < x->asked)
		skip++;
	y = column_new(c, x->settled, x->asked, x->n - skip + n);
	if (!y)
		return NULL;
	append(y, x->last, x->t + skip, x->v + skip, x->n - skip);
	append(y, last, t, v, n);
	if (x->slot)
		insert(c, x->slot, y);
	columns_leave(x);
	return y;
}

void columns_leave(struct column *x)
{
	if (!--x->readers && !x->slot)
		discard(x);
}

void columns_drop(struct columns *c, struct column **slot)
{
	if (*slot)
		forget(c, *slot);
}

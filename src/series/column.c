#include "series/column.h"

#define POINT_B (sizeof(time_us) + sizeof(double))
#define LARGEST 16 /* one column takes at most this part of the cache */

void columns_init(struct columns *c, size_t most_b)
{
	*c = (struct columns){.most = most_b};
	must(pthread_mutex_init(&c->lock, NULL) == 0);
}

/* The runs that begin among so many points. */
static size_t runs(size_t points)
{
	return (points + SERIES_CHUNK - 1) / SERIES_CHUNK;
}

/* One piece of memory: the column, its points, its runs. */
static size_t bytes_for(size_t cap)
{
	return sizeof(struct column) + cap * POINT_B + runs(cap) * (4 * sizeof(double) + sizeof(bool));
}

static size_t bytes_of(const struct column *x)
{
	return bytes_for(x->cap);
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
		free(x);
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
	while (c->bytes > c->most && (c->oldest != x || c->newest != x)) {
		struct column *y = c->oldest;

		if (y != x && !y->wanted) {
			forget_oldest(c);
			continue;
		}
		y->wanted = false;
		unlink_column(c, y);
		link_newest(c, y);
	}
}

struct column *columns_take(struct columns *c, struct column **slot, uint32_t settled, time_us from)
{
	struct column *x = *slot;

	if (!x || x->settled != settled || x->from > from) {
		c->misses++;
		return NULL;
	}
	c->hits++;
	if (from < x->asked)
		x->asked = from;
	x->wanted = true;
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
	x = xrealloc(NULL, bytes_for(cap));
	*x = (struct column){
	        .readers = 1, .settled = settled, .from = from, .asked = from, .cap = cap, .plain = true};
	x->t = (time_us *)(x + 1);
	x->v = (double *)(x->t + cap);
	x->least = x->v + cap;
	x->greatest = x->least + runs(cap);
	x->sum = x->greatest + runs(cap);
	x->lost = x->sum + runs(cap);
	x->falls = (bool *)(x->lost + runs(cap));
	return x;
}

/*
 * Points from … to - 1 have come, all in one run. A reader looks at whole runs among the points it has: those
 * do not change any more.
 */
static void summarise(struct column *x, size_t from, size_t to)
{
	size_t run = from / SERIES_CHUNK;
	const double *v = x->v;
	double least = v[from], greatest = v[from], sum = 0, lost = 0;
	bool falls = false, plain = true;

	if (from % SERIES_CHUNK != 0) {
		least = x->least[run];
		greatest = x->greatest[run];
		sum = x->sum[run];
		lost = x->lost[run];
		falls = x->falls[run];
	}
	for (size_t i = from; i < to; i++) {
		least = v[i] < least ? v[i] : least;
		greatest = v[i] > greatest ? v[i] : greatest;
		plain &= v[i] == v[i];
	}
	for (size_t i = from > 0 ? from : 1; i < to; i++)
		falls |= v[i] < v[i - 1];
	/* Knuth's sum of two: what it finds lost is what Neumaier's does, without a branch. */
	for (size_t i = from; i < to; i++) {
		double s = sum + v[i], part = s - sum;

		lost += (sum - (s - part)) + (v[i] - part);
		sum = s;
	}
	x->least[run] = least;
	x->greatest[run] = greatest;
	x->sum[run] = sum;
	x->lost[run] = lost;
	x->falls[run] = falls;
	x->plain &= plain;
}

static void find_period(struct column *x, size_t from)
{
	for (size_t i = from > 0 ? from : 1; i < x->n; i++) {
		dur_us d = (dur_us)((uint64_t)x->t[i] - (uint64_t)x->t[i - 1]);

		if (d != x->period) {
			x->even = i - 1;
			x->even_t = x->t[i - 1];
			x->period = d;
		}
	}
}

static void append(struct column *x, time_us last, const time_us *t, const double *v, size_t n)
{
	size_t from = x->n;

	if (n) {
		memcpy(x->t + x->n, t, n * sizeof(*t));
		memcpy(x->v + x->n, v, n * sizeof(*v));
	}
	x->n += n;
	for (size_t i = from, to; i < x->n; i = to) {
		to = (i / SERIES_CHUNK + 1) * SERIES_CHUNK;
		to = to < x->n ? to : x->n;
		summarise(x, i, to);
	}
	x->end_falls = x->n % SERIES_CHUNK > 0 && x->falls[x->n / SERIES_CHUNK];
	find_period(x, from);
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
	y->asked = INT64_MAX; /* anew, or a window that moves on would leave nothing behind */
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
		free(x);
}

void columns_drop(struct columns *c, struct column **slot)
{
	if (*slot)
		forget(c, *slot);
}

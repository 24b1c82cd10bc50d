#include "series/column.h"

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

static size_t points_b(size_t cap, int width)
{
	return cap * (sizeof(time_us) + (size_t)width);
}

static size_t eights(size_t n)
{
	return (n + 7) & ~(size_t)7;
}

/* One piece of memory: the column, what is known of runs, values, times. The last are looked at least. */
static size_t bytes_for(size_t cap, int width)
{
	return sizeof(struct column) + runs(cap) * 4 * sizeof(double) + eights(runs(cap)) +
	       eights(cap * (size_t)width) + cap * sizeof(time_us);
}

static size_t bytes_of(const struct column *x)
{
	return bytes_for(x->cap, x->width);
}

struct scaled column_scaled(const struct column *x, size_t from)
{
	const struct scaled all = {x->whole, scaling_per(&x->scaling), x->width};

	return scaled_from(all, from);
}

void column_get(const struct column *x, size_t from, size_t n, double *out)
{
	const struct scaled whole = column_scaled(x, from);

	if (!n)
		return;
	if (whole.p)
		scaled_get(&whole, n, 1, out);
	else
		memcpy(out, x->v + from, n * sizeof(*out));
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

/*
 * For n points and those that come, with room for a quarter more, that a column which is asked for often
 * seldom moves. scaling NULL: as doubles.
 */
static struct column *column_new(
        const struct columns *c, uint32_t settled, time_us from, size_t n, const struct scaling *scaling)
{
	int width = scaling ? scaling_width(scaling) : (int)sizeof(double);
	size_t cap = n + n / 4 + 4;
	struct column *x;
	char *values;

	if (points_b(cap, width) > c->most / LARGEST)
		return NULL;
	x = xrealloc(NULL, bytes_for(cap, width));
	*x = (struct column){.readers = 1,
	        .settled = settled,
	        .from = from,
	        .asked = from,
	        .cap = cap,
	        .plain = true,
	        .width = width};
	x->least = (double *)(x + 1);
	x->greatest = x->least + runs(cap);
	x->sum = x->greatest + runs(cap);
	x->lost = x->sum + runs(cap);
	x->falls = (bool *)(x->lost + runs(cap));
	values = (char *)x->falls + eights(runs(cap));
	x->t = (time_us *)(void *)(values + eights(cap * (size_t)width));
	if (scaling) {
		x->whole = values;
		x->scaling = *scaling;
	} else {
		x->v = (double *)(void *)values;
	}
	return x;
}

/* Whether values can stand behind those of the column, as these do. */
static bool serves(const struct column *x, const double *v, size_t n)
{
	struct scaling s = x->scaling;

	return x->v ||
	       (scaling_fit(&s, v, n) && s.places == x->scaling.places && scaling_width(&s) <= x->width);
}

/*
 * Points from … to - 1 have come, all in one run, with values v; `before` is that of the point before them. A
 * reader looks at whole runs among the points it has: those do not change any more.
 */
static void summarise(struct column *x, size_t from, size_t to, const double *v, double before)
{
	size_t run = from / SERIES_CHUNK, n = to - from;
	double least = v[0], greatest = v[0], sum = 0, lost = 0;
	bool falls = from > 0 && v[0] < before, plain = true;

	if (from % SERIES_CHUNK != 0) {
		least = x->least[run];
		greatest = x->greatest[run];
		sum = x->sum[run];
		lost = x->lost[run];
		falls |= x->falls[run];
	}
	for (size_t i = 0; i < n; i++) {
		least = v[i] < least ? v[i] : least;
		greatest = v[i] > greatest ? v[i] : greatest;
		plain &= v[i] == v[i];
	}
	for (size_t i = 1; i < n; i++)
		falls |= v[i] < v[i - 1];
	/* Knuth's sum of two: what it finds lost is what Neumaier's does, without a branch. */
	for (size_t i = 0; i < n; i++) {
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

static void put_values(struct column *x, const double *v, size_t n)
{
	if (x->v)
		memcpy(x->v + x->n, v, n * sizeof(*v));
	else
		scaling_put(&x->scaling, x->width, v, n, (char *)x->whole + x->n * (size_t)x->width);
}

static void append(struct column *x, time_us last, const time_us *t, const double *v, size_t n)
{
	size_t from = x->n;
	double before = 0;

	if (from)
		column_get(x, from - 1, 1, &before);
	if (n) {
		memcpy(x->t + x->n, t, n * sizeof(*t));
		put_values(x, v, n);
	}
	x->n += n;
	for (size_t i = from, to; i < x->n; i = to) {
		to = (i / SERIES_CHUNK + 1) * SERIES_CHUNK;
		to = to < x->n ? to : x->n;
		summarise(x, i, to, v + (i - from), i > from ? v[i - from - 1] : before);
	}
	x->end_falls = x->n % SERIES_CHUNK > 0 && x->falls[x->n / SERIES_CHUNK];
	find_period(x, from);
	x->last = last;
}

/* With a reader, and in no cache. */
static struct column *column_of(const struct columns *c, uint32_t settled, time_us from, time_us last,
        const time_us *t, const double *v, size_t n)
{
	struct scaling scaling = {0};
	bool scaled = scaling_fit(&scaling, v, n);
	struct column *x = column_new(c, settled, from, n, scaled ? &scaling : NULL);

	if (x)
		append(x, last, t, v, n);
	return x;
}

struct column *columns_put(struct columns *c, struct column **slot, uint32_t settled, time_us from,
        time_us last, const time_us *t, const double *v, size_t n)
{
	struct column *x = column_of(c, settled, from, last, t, v, n);

	if (x)
		insert(c, slot, x);
	return x;
}

struct column *columns_extend(
        struct columns *c, struct column *x, time_us last, const time_us *t, const double *v, size_t n)
{
	struct column *y;
	size_t skip = 0, kept;
	time_us *all_t;
	double *all_v;

	/* Another reader may have been faster. */
	while (n && *t <= x->last) {
		t++;
		v++;
		n--;
	}
	if (last <= x->last)
		return x;
	if (x->n + n <= x->cap && serves(x, v, n)) {
		append(x, last, t, v, n);
		return x;
	}
	while (skip < x->n && x->t[skip] < x->asked)
		skip++;
	kept = x->n - skip;
	all_t = xrealloc(NULL, (kept + n + 1) * sizeof(*all_t));
	all_v = xrealloc(NULL, (kept + n + 1) * sizeof(*all_v));
	memcpy(all_t, x->t + skip, kept * sizeof(*all_t));
	column_get(x, skip, kept, all_v);
	if (n) {
		memcpy(all_t + kept, t, n * sizeof(*t));
		memcpy(all_v + kept, v, n * sizeof(*v));
	}
	y = column_of(c, x->settled, x->asked, last, all_t, all_v, kept + n);
	free(all_t);
	free(all_v);
	if (!y)
		return NULL;
	y->asked = INT64_MAX; /* anew, or a window that moves on would leave nothing behind */
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

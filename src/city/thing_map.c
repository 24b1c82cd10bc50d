#include "city/thing_map.h"
#include "base/digest.h"

#include <malloc.h>

#define CHUNK 256 /* things of a piece of the order at most */
#define PAGES 256 /* of the hash, by its uppermost bits */
#define LOAD 8    /* things of a bucket, about, before there are more buckets */

struct chunk {
	size_t n;
	const struct thing *t[];
};
struct bucket { /* the hashes stand together, so that one look at the memory finds most of them; behind them,
	           in the same order, the things */
	uint32_t n, hash[];
};
struct page {
	const struct bucket *b[1]; /* 1 << bits */
};
struct thing_map {
	size_t n;
	size_t chunks;
	const struct chunk **chunk; /* none is empty */
	int bits;                   /* buckets of a page, as a power of two */
	const struct page *page[PAGES];
};

static uint32_t hash_of(struct str code)
{
	return (uint32_t)(hash64(code.p, code.n, 0) >> 32);
}

static size_t page_of(uint32_t hash)
{
	return hash >> 24;
}

static size_t bucket_of(const struct thing_map *m, uint32_t hash)
{
	return (hash >> 8) & (((size_t)1 << m->bits) - 1);
}

/* Bytes before the things, which lie at a multiple of 8. */
static size_t head_of(size_t n)
{
	return (sizeof(struct bucket) + n * sizeof(uint32_t) + 7) & ~(size_t)7;
}

static const struct thing **things_of(const struct bucket *b)
{
	return (const struct thing **)((uintptr_t)b + head_of(b->n));
}

/* ---- things ---- */

struct thing *thing_copy(const struct thing *t)
{
	size_t code = strlen(t->code) + 1, name = strlen(t->name) + 1, name_en = strlen(t->name_en) + 1;
	struct thing *out = xcalloc(1, sizeof(*out) + code + name + name_en);
	char *text = (char *)(out + 1);

	*out = *t;
	out->code = memcpy(text, t->code, code);
	out->name = memcpy(text + code, t->name, name);
	out->name_en = memcpy(text + code + name, t->name_en, name_en);
	return out;
}

/* ---- litter ---- */

static void litter(struct thing_litter *l, const void *p)
{
	l->p = xgrow((void *)l->p, &l->cap, l->n + 1, sizeof(*l->p));
	l->p[l->n++] = (void *)(uintptr_t)p;
}

void thing_litter_free(struct thing_litter *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->p[i]);
	free((void *)l->p);
	*l = (struct thing_litter){0};
}

/* ---- the hash ---- */

static struct bucket *bucket_new(size_t n)
{
	struct bucket *b = xcalloc(1, head_of(n) + n * sizeof(const struct thing *));

	b->n = (uint32_t)n;
	return b;
}

static void bucket_set(struct bucket *b, size_t i, const struct thing *t, uint32_t hash)
{
	things_of(b)[i] = t;
	b->hash[i] = hash;
}

static struct page *page_new(int bits)
{
	return xcalloc((size_t)1 << bits, sizeof(const struct bucket *));
}

static int bits_for(size_t n)
{
	int bits = 0;

	while (bits < 16 && (size_t)PAGES * LOAD << bits < n)
		bits++;
	return bits;
}

/* The hash of everything in the order. */
static void fill_hash(struct thing_map *m)
{
	size_t buckets = (size_t)PAGES << m->bits, at = 0, bucket;
	uint32_t *hash = xcalloc(m->n + 1, sizeof(*hash));
	size_t *count = xcalloc(buckets, sizeof(*count));
	struct bucket **b = xcalloc(buckets, sizeof(*b));

#define BUCKET(h) ((page_of(h) << m->bits) + bucket_of(m, h))
	for (size_t c = 0; c < m->chunks; c++)
		for (size_t i = 0; i < m->chunk[c]->n; i++) {
			hash[at] = hash_of(str_of(m->chunk[c]->t[i]->code));
			count[BUCKET(hash[at])]++;
			at++;
		}
	for (size_t i = 0; i < buckets; i++)
		if (count[i] > 0)
			b[i] = bucket_new(count[i]);
	at = 0;
	for (size_t c = 0; c < m->chunks; c++)
		for (size_t i = 0; i < m->chunk[c]->n; i++) {
			bucket = BUCKET(hash[at]);
			bucket_set(b[bucket], --count[bucket], m->chunk[c]->t[i], hash[at]);
			at++;
		}
#undef BUCKET
	for (size_t p = 0; p < PAGES; p++) {
		struct page *page = page_new(m->bits);

		memcpy((void *)page->b, (void *)(b + (p << m->bits)), sizeof(*b) << m->bits);
		m->page[p] = page;
	}
	free((void *)b);
	free(count);
	free(hash);
}

static void litter_hash(const struct thing_map *m, struct thing_litter *l)
{
	for (size_t p = 0; p < PAGES; p++) {
		for (size_t i = 0; i < (size_t)1 << m->bits; i++)
			if (m->page[p]->b[i] != NULL)
				litter(l, m->page[p]->b[i]);
		litter(l, m->page[p]);
	}
}

static const struct thing *find(const struct thing_map *m, struct str code, uint32_t hash)
{
	const struct bucket *b = m->page[page_of(hash)]->b[bucket_of(m, hash)];

	for (size_t i = 0; b != NULL && i < b->n; i++)
		if (b->hash[i] == hash && str_is(code, things_of(b)[i]->code))
			return things_of(b)[i];
	return NULL;
}

const struct thing *thing_map_find(const struct thing_map *m, struct str code)
{
	return code.n > 0 ? find(m, code, hash_of(code)) : NULL;
}

/* One change in a map of which the pages marked in `own` are nobody else's. */
static void change_hash(struct thing_map *m, const struct thing_change *x, const struct thing *was, bool *own,
        struct thing_litter *l)
{
	uint32_t hash = hash_of(str_of(x->code));
	size_t p = page_of(hash), n = 0;
	const struct bucket *old;
	struct bucket *b = NULL;
	struct page *page;

	if (!own[p]) {
		page = page_new(m->bits);
		memcpy((void *)page->b, (const void *)m->page[p]->b, sizeof(page->b[0]) << m->bits);
		litter(l, m->page[p]);
		m->page[p] = page;
		own[p] = true;
	}
	page = (struct page *)(uintptr_t)m->page[p];
	old = page->b[bucket_of(m, hash)];
	n = (old != NULL ? old->n : 0) - (was != NULL) + (x->now != NULL);
	if (n > 0)
		b = bucket_new(n);
	n = 0;
	for (size_t i = 0; old != NULL && i < old->n; i++)
		if (things_of(old)[i] != was)
			bucket_set(b, n++, things_of(old)[i], old->hash[i]);
	if (x->now != NULL)
		bucket_set(b, n, x->now, hash);
	if (old != NULL)
		litter(l, old);
	page->b[bucket_of(m, hash)] = b;
}

/* ---- the order ---- */

static const struct chunk *chunk_new(const struct thing *const *t, size_t n)
{
	struct chunk *c = xcalloc(1, sizeof(*c) + n * sizeof(c->t[0]));

	c->n = n;
	memcpy((void *)c->t, (const void *)t, n * sizeof(c->t[0]));
	return c;
}

struct order { /* in the making */
	const struct chunk **chunk;
	size_t n, cap;
};

static void order_put(struct order *o, const struct chunk *const *c, size_t n)
{
	if (n == 0)
		return;
	o->chunk = xgrow((void *)o->chunk, &o->cap, o->n + n, sizeof(*o->chunk));
	memcpy((void *)(o->chunk + o->n), (const void *)c, n * sizeof(*c));
	o->n += n;
}

/* In pieces of equal size. */
static void order_put_things(struct order *o, const struct thing *const *t, size_t n)
{
	size_t pieces = (n + CHUNK - 1) / CHUNK;

	for (size_t i = 0; i < pieces; i++) {
		size_t from = n * i / pieces, to = n * (i + 1) / pieces;
		const struct chunk *c = chunk_new(t + from, to - from);

		order_put(o, &c, 1);
	}
}

/* The last chunk that begins at or before the code, the first if none does. */
static size_t chunk_of(const struct thing_map *m, const char *code)
{
	size_t low = 0, high = m->chunks;

	while (high - low > 1) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(m->chunk[mid]->t[0]->code, code) <= 0)
			low = mid;
		else
			high = mid;
	}
	return low;
}

/* Things of one chunk (NULL: of none) with the changes that belong to it. */
static void merge(struct order *o, const struct chunk *c, const struct thing_change *x, size_t n)
{
	const struct thing **t = xcalloc((c != NULL ? c->n : 0) + n, sizeof(*t));
	size_t at = 0, k = 0;

	for (size_t i = 0; c != NULL && i < c->n; i++) {
		int order = 1;

		while (k < n && (order = strcmp(x[k].code, c->t[i]->code)) < 0) {
			if (x[k].now != NULL)
				t[at++] = x[k].now;
			k++;
		}
		if (k == n || order > 0) {
			t[at++] = c->t[i];
			continue;
		}
		if (x[k].now != NULL)
			t[at++] = x[k].now;
		k++;
	}
	for (; k < n; k++)
		if (x[k].now != NULL)
			t[at++] = x[k].now;
	order_put_things(o, t, at);
	free((void *)t);
}

static void change_order(const struct thing_map *m, const struct thing_change *x, size_t n, struct order *o,
        struct thing_litter *l)
{
	size_t done = 0;

	if (m->chunks == 0) {
		merge(o, NULL, x, n);
		return;
	}
	for (size_t i = 0, to; i < n; i = to) {
		size_t c = chunk_of(m, x[i].code);

		for (to = i + 1; to < n; to++)
			if (c + 1 < m->chunks && strcmp(x[to].code, m->chunk[c + 1]->t[0]->code) >= 0)
				break;
		order_put(o, m->chunk + done, c - done);
		merge(o, m->chunk[c], x + i, to - i);
		litter(l, m->chunk[c]);
		done = c + 1;
	}
	order_put(o, m->chunk + done, m->chunks - done);
}

/* ---- maps ---- */

struct thing_map *thing_map_new(struct thing *const *t, size_t n)
{
	struct thing_map *m = xcalloc(1, sizeof(*m));
	struct order o = {0};

	order_put_things(&o, (const struct thing *const *)t, n);
	m->n = n;
	m->chunk = o.chunk;
	m->chunks = o.n;
	m->bits = bits_for(n);
	fill_hash(m);
	return m;
}

void thing_map_free(struct thing_map **map)
{
	struct thing_map *m = *map;
	struct thing_litter l = {0};

	if (m == NULL)
		return;
	litter_hash(m, &l);
	for (size_t c = 0; c < m->chunks; c++) {
		for (size_t i = 0; i < m->chunk[c]->n; i++)
			litter(&l, m->chunk[c]->t[i]);
		litter(&l, m->chunk[c]);
	}
	litter(&l, (void *)m->chunk);
	litter(&l, m);
	thing_litter_free(&l);
	*map = NULL;
}

struct thing_map *thing_map_change(
        struct thing_map *old, const struct thing_change *change, size_t n, struct thing_litter *l)
{
	struct thing_map *m = xcalloc(1, sizeof(*m));
	bool own[PAGES] = {false};
	struct order o = {0};

	*m = *old;
	for (size_t i = 0; i < n; i++) {
		const struct thing *was = thing_map_find(old, str_of(change[i].code));

		m->n = m->n - (was != NULL) + (change[i].now != NULL);
		if (was != NULL || change[i].now != NULL)
			change_hash(m, &change[i], was, own, l);
		if (was != NULL)
			litter(l, was);
	}
	change_order(old, change, n, &o, l);
	m->chunk = o.chunk;
	m->chunks = o.n;
	/* Its pages that are new are litter of their own. */
	if (bits_for(m->n) > m->bits) {
		litter_hash(m, l);
		m->bits = bits_for(m->n);
		fill_hash(m);
	}
	litter(l, (void *)old->chunk);
	litter(l, old);
	return m;
}

size_t thing_map_count(const struct thing_map *m)
{
	return m->n;
}

struct thing_walk thing_map_walk(const struct thing_map *m, const char *after)
{
	struct thing_walk w = {.m = m};
	size_t low = 0, high;

	if (after == NULL || m->chunks == 0)
		return w;
	w.chunk = chunk_of(m, after);
	high = m->chunk[w.chunk]->n;
	while (low < high) { /* the first past it */
		size_t mid = low + (high - low) / 2;

		if (strcmp(m->chunk[w.chunk]->t[mid]->code, after) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	w.at = low;
	return w;
}

const struct thing *thing_next(struct thing_walk *w)
{
	while (w->chunk < w->m->chunks) {
		const struct chunk *c = w->m->chunk[w->chunk];

		if (w->at < c->n)
			return c->t[w->at++];
		w->chunk++;
		w->at = 0;
	}
	return NULL;
}

static size_t bytes_of(const void *p)
{
	return malloc_usable_size((void *)(uintptr_t)p) + sizeof(size_t);
}

size_t thing_map_bytes(const struct thing_map *m)
{
	size_t bytes = bytes_of(m) + (m->chunks > 0 ? bytes_of((const void *)m->chunk) : 0);

	for (size_t c = 0; c < m->chunks; c++) {
		bytes += bytes_of(m->chunk[c]);
		for (size_t i = 0; i < m->chunk[c]->n; i++)
			bytes += bytes_of(m->chunk[c]->t[i]);
	}
	for (size_t p = 0; p < PAGES; p++) {
		bytes += bytes_of(m->page[p]);
		for (size_t i = 0; i < (size_t)1 << m->bits; i++)
			if (m->page[p]->b[i] != NULL)
				bytes += bytes_of(m->page[p]->b[i]);
	}
	return bytes;
}

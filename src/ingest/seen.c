#include "ingest/seen.h"
#include "base/digest.h"

#include <pthread.h>
#include <stdatomic.h>

#define SHARDS 32
#define FIRST_SLOTS 256

struct entry {
	uint64_t hash; /* 0: free */
	char *key;
	uint32_t a_n, b_n;
	series_id id;
};
struct shard {
	pthread_rwlock_t lock;
	/* lock; seen_key() looks where they are without it, and at nothing in them */
	struct entry *_Atomic e;
	_Atomic size_t slots;
	size_t n;
};
struct seen {
	size_t per_shard;
	struct shard shard[SHARDS];
};

struct seen *seen_new(size_t limit)
{
	struct seen *s = xcalloc(1, sizeof(*s));

	s->per_shard = limit / SHARDS + 1;
	for (int i = 0; i < SHARDS; i++) {
		must(pthread_rwlock_init(&s->shard[i].lock, NULL) == 0);
		s->shard[i].slots = FIRST_SLOTS;
		s->shard[i].e = xcalloc(FIRST_SLOTS, sizeof(struct entry));
	}
	return s;
}

static void forget(struct shard *h)
{
	for (size_t i = 0; i < h->slots; i++)
		free(h->e[i].key);
	free(h->e);
	h->e = NULL;
	h->n = 0;
}

static void begin_again(struct shard *h)
{
	forget(h);
	h->slots = FIRST_SLOTS;
	h->e = xcalloc(FIRST_SLOTS, sizeof(struct entry));
}

void seen_forget(struct seen *s)
{
	for (int i = 0; i < SHARDS; i++) {
		struct shard *h = &s->shard[i];

		pthread_rwlock_wrlock(&h->lock);
		begin_again(h);
		pthread_rwlock_unlock(&h->lock);
	}
}

void seen_free(struct seen **s)
{
	if (*s == NULL)
		return;
	for (int i = 0; i < SHARDS; i++) {
		forget(&(*s)->shard[i]);
		pthread_rwlock_destroy(&(*s)->shard[i].lock);
	}
	free(*s);
	*s = NULL;
}

static uint64_t hash_of(struct str a, struct str b)
{
	uint64_t h = hash64(b.p, b.n, hash64(a.p, a.n, 0x5eed));

	return h != 0 ? h : 1;
}

static struct entry *look(struct shard *h, uint64_t hash, struct str a, struct str b)
{
	struct entry *e = h->e;
	size_t mask = h->slots - 1, i = (size_t)(hash >> 8) & mask;

	for (; e[i].hash != 0; i = (i + 1) & mask)
		if (e[i].hash == hash && e[i].a_n == a.n && e[i].b_n == b.n &&
		        memcmp(e[i].key, a.p, a.n) == 0 && memcmp(e[i].key + a.n, b.p, b.n) == 0)
			break;
	return &e[i];
}

bool seen_find(struct seen *s, struct str a, struct str b, series_id *out)
{
	return seen_find_keyed(s, hash_of(a, b), a, b, out);
}

uint64_t seen_key(struct seen *s, struct str a, struct str b)
{
	uint64_t hash = hash_of(a, b);
	struct shard *h = &s->shard[hash % SHARDS];
	const struct entry *e = atomic_load_explicit(&h->e, memory_order_relaxed);
	size_t slots = atomic_load_explicit(&h->slots, memory_order_relaxed);

	__builtin_prefetch((const char *)e + ((hash >> 8) & (slots - 1)) * sizeof(*e));
	return hash;
}

bool seen_find_keyed(struct seen *s, uint64_t hash, struct str a, struct str b, series_id *out)
{
	struct shard *h = &s->shard[hash % SHARDS];
	const struct entry *x;

	pthread_rwlock_rdlock(&h->lock);
	x = look(h, hash, a, b);
	if (x->hash != 0)
		*out = x->id;
	pthread_rwlock_unlock(&h->lock);
	return x->hash != 0;
}

static void grow(struct shard *h)
{
	struct entry *old = h->e;
	size_t slots = h->slots;

	h->slots *= 2;
	h->e = xcalloc(h->slots, sizeof(struct entry));
	for (size_t i = 0; i < slots; i++) {
		size_t k = (size_t)(old[i].hash >> 8) & (h->slots - 1);

		if (old[i].hash == 0)
			continue;
		while (h->e[k].hash != 0)
			k = (k + 1) & (h->slots - 1);
		h->e[k] = old[i];
	}
	free(old);
}

void seen_put(struct seen *s, struct str a, struct str b, series_id id)
{
	uint64_t hash = hash_of(a, b);
	struct shard *h = &s->shard[hash % SHARDS];
	struct entry *x;

	if (a.n > UINT16_MAX || b.n > UINT16_MAX)
		return;
	pthread_rwlock_wrlock(&h->lock);
	if (h->n >= s->per_shard)
		begin_again(h);
	if ((h->n + 1) * 2 > h->slots)
		grow(h);
	x = look(h, hash, a, b);
	if (x->hash == 0) {
		char *key = xcalloc(1, a.n + b.n + 1);

		if (a.n > 0)
			memcpy(key, a.p, a.n);
		if (b.n > 0)
			memcpy(key + a.n, b.p, b.n);
		*x = (struct entry){.hash = hash, .key = key, .a_n = (uint32_t)a.n, .b_n = (uint32_t)b.n};
		h->n++;
	}
	x->id = id;
	pthread_rwlock_unlock(&h->lock);
}

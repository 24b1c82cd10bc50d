#include "ingest/seen.h"
#include "base/digest.h"

#include <pthread.h>

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
	struct entry *e;
	size_t slots, n;
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

static void begin_again(struct shard *h)
{
	forget(h);
	h->slots = FIRST_SLOTS;
	h->e = xcalloc(FIRST_SLOTS, sizeof(struct entry));
}

void seen_clear(struct seen *s)
{
	for (int i = 0; i < SHARDS; i++) {
		pthread_rwlock_wrlock(&s->shard[i].lock);
		begin_again(&s->shard[i]);
		pthread_rwlock_unlock(&s->shard[i].lock);
	}
}

static uint64_t hash_of(struct str a, struct str b)
{
	uint64_t h = hash64(b.p, b.n, hash64(a.p, a.n, 0x5eed));

	return h != 0 ? h : 1;
}

static struct entry *look(struct shard *h, uint64_t hash, struct str a, struct str b)
{
	size_t i = (size_t)(hash >> 8) & (h->slots - 1);

	for (; h->e[i].hash != 0; i = (i + 1) & (h->slots - 1)) {
		const struct entry *x = &h->e[i];

		if (x->hash == hash && x->a_n == a.n && x->b_n == b.n && memcmp(x->key, a.p, a.n) == 0 &&
		        memcmp(x->key + a.n, b.p, b.n) == 0)
			break;
	}
	return &h->e[i];
}

bool seen_find(struct seen *s, struct str a, struct str b, series_id *out)
{
	uint64_t hash = hash_of(a, b);
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

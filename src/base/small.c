#include "base/small.h"

#define UNIT_B 8
#define CHUNK_FIRST_B ((size_t)4096)
#define CHUNK_MOST_B ((size_t)1 << 20)

static size_t units(size_t n)
{
	return n == 0 ? 1 : (n + UNIT_B - 1) / UNIT_B;
}

/* What is left of the chunk before is too little for this piece, but not for smaller ones. */
static void keep_rest(struct small *s)
{
	size_t left = (size_t)(s->end - s->at);

	if (left >= UNIT_B)
		small_give(s, s->at, left);
}

static void add_chunk(struct small *s)
{
	if (s->chunks > 0)
		keep_rest(s);
	if (s->chunk_b < CHUNK_MOST_B)
		s->chunk_b = s->chunks > 0 ? 2 * s->chunk_b : CHUNK_FIRST_B;
	s->chunk = xgrow((void *)s->chunk, &s->cap, s->chunks + 1, sizeof(*s->chunk));
	s->at = xrealloc(NULL, s->chunk_b);
	s->end = s->at + s->chunk_b;
	s->chunk[s->chunks++] = s->at;
}

void *small_take(struct small *s, size_t n)
{
	size_t u = units(n), b = u * UNIT_B;
	char *p;

	if (UNLIKELY(n > SMALL_MOST_B))
		return xrealloc(NULL, n);
	if (s->given[u] != NULL) {
		p = s->given[u];
		memcpy(&s->given[u], p, sizeof(void *));
		return p;
	}
	if (UNLIKELY((size_t)(s->end - s->at) < b))
		add_chunk(s);
	p = s->at;
	s->at += b;
	return p;
}

void small_give(struct small *s, void *p, size_t n)
{
	size_t u = units(n);

	if (n > SMALL_MOST_B) {
		free(p);
		return;
	}
	memcpy(p, &s->given[u], sizeof(void *));
	s->given[u] = p;
}

void small_fini(struct small *s)
{
	for (size_t i = 0; i < s->chunks; i++)
		free(s->chunk[i]);
	free((void *)s->chunk);
	*s = SMALL_INIT;
}

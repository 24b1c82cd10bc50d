#include "base/arena.h"

#include <pthread.h>
#include <stdarg.h>

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
/* A gap after every allocation, so that the sanitizer sees a write past the end of one. */
#define GAP 16
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define GAP 0
#endif

#define ARENA_MAGIC 0x41e7a001u
#define ALIGN 16
#define CHUNK_FIRST 4096
#define CHUNK_MOST (256 * 1024)

struct chunk {
	struct chunk *prev;
	size_t cap;
	_Alignas(ALIGN) char data[];
};

struct cleanup {
	struct cleanup *prev;
	void (*f)(void *arg);
	void *arg;
};

/*
 * Chunks double up to CHUNK_MOST. An allocation that would waste much of a chunk gets one of its
 * own, put behind the current one, which stays in use.
 */
struct arena {
	uint32_t magic;
	bool failed;
	char *at, *end; /* free part of the current chunk */
	size_t used, limit;
	size_t next_cap;
	struct chunk *top;
	struct cleanup *cleanups;
};

/*
 * Chunks of the common size that wait for the next arena: a query of many megabytes would get its pages from
 * the system one by one each time. Not under the sanitizer, which would see less.
 */
#ifdef ARENA_ASAN
#define SPARE_MOST 0
#else
#define SPARE_MOST 64 /* 16 MiB */
#endif
static pthread_mutex_t spare_lock = PTHREAD_MUTEX_INITIALIZER;
static struct chunk *spare;
static int spares;

static struct chunk *spare_take(void)
{
	struct chunk *c;
	pthread_mutex_lock(&spare_lock);
	c = spare;
	if (c != NULL) {
		spare = c->prev;
		spares--;
	}
	pthread_mutex_unlock(&spare_lock);
	return c;
}

static bool spare_give(struct chunk *c)
{
	bool kept;
	pthread_mutex_lock(&spare_lock);
	kept = spares < SPARE_MOST;
	if (kept) {
		c->prev = spare;
		spare = c;
		spares++;
	}
	pthread_mutex_unlock(&spare_lock);
	return kept;
}

static size_t round_up(size_t n)
{
	return n == 0 ? ALIGN : (n + (ALIGN - 1)) & ~(size_t)(ALIGN - 1);
}

static struct chunk *chunk_new(size_t cap, bool zeroed)
{
	struct chunk *c = !zeroed && cap == CHUNK_MOST ? spare_take() : NULL;
	if (c != NULL) {
		c->prev = NULL;
		return c;
	}
	if (zeroed) {
		c = xcalloc(1, sizeof(*c) + cap); /* big ones come zeroed from the system, at no cost */
	} else {
		c = xrealloc(NULL, sizeof(*c) + cap);
	}
	c->prev = NULL;
	c->cap = cap;
	return c;
}

static void chunk_enter(struct arena *a, struct chunk *c)
{
	a->top = c;
	a->at = c->data;
	a->end = c->data + c->cap;
	ASAN_POISON_MEMORY_REGION(c->data, c->cap);
}

static void chunk_free(struct chunk *c)
{
	ASAN_UNPOISON_MEMORY_REGION(c->data, c->cap);
	if (c->cap != CHUNK_MOST || !spare_give(c))
		free(c);
}

struct arena *arena_new(size_t limit_b)
{
	struct arena *a = xcalloc(1, sizeof(*a));
	a->magic = ARENA_MAGIC;
	a->limit = limit_b > 0 ? limit_b : SIZE_MAX / 4;
	a->next_cap = 2 * CHUNK_FIRST;
	chunk_enter(a, chunk_new(CHUNK_FIRST, false));
	return a;
}

static void run_cleanups(struct arena *a)
{
	/* A cleanup may register another one, which then runs next. */
	while (a->cleanups) {
		struct cleanup *c = a->cleanups;
		a->cleanups = c->prev;
		c->f(c->arg);
	}
}

void arena_free(struct arena **ap)
{
	struct arena *a = *ap;
	if (a == NULL)
		return;
	OBJ_CHECK(a, ARENA_MAGIC);
	*ap = NULL;
	run_cleanups(a);
	for (struct chunk *c = a->top, *prev; c; c = prev) {
		prev = c->prev;
		chunk_free(c);
	}
	a->magic = 0;
	free(a);
}

void arena_reset(struct arena *a)
{
	OBJ_CHECK(a, ARENA_MAGIC);
	run_cleanups(a);
	struct chunk *c = a->top;
	while (c->prev) {
		struct chunk *prev = c->prev;
		chunk_free(c);
		c = prev;
	}
	chunk_enter(a, c);
	a->next_cap = 2 * CHUNK_FIRST;
	a->used = 0;
	a->failed = false;
}

/* `room` is a multiple of ALIGN and within the budget. */
static void *take_slow(struct arena *a, size_t room, size_t n, bool zero)
{
	if (room > a->next_cap / 4) {
		struct chunk *c = chunk_new(room, zero);
		/* The first chunk must stay last in the list: reset keeps it. */
		c->prev = a->top->prev;
		if (c->prev == NULL) {
			/* Only the first chunk is there: the big one takes the top, and the first
			 * chunk goes on serving small ones through at and end. */
			c->prev = a->top;
			a->top = c;
		} else {
			a->top->prev = c;
		}
		ASAN_POISON_MEMORY_REGION(c->data + n, room - n);
		return c->data;
	}
	struct chunk *c = chunk_new(a->next_cap, false);
	c->prev = a->top;
	chunk_enter(a, c);
	if (a->next_cap < CHUNK_MOST)
		a->next_cap *= 2;
	char *p = a->at;
	a->at += room;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return zero ? memset(p, 0, n) : p;
}

/* Most allocations are small: a call for each would cost more than the zeros. */
static inline void *clear(char *p, size_t n)
{
	if (n > 4 * ALIGN || GAP > 0)
		return memset(p, 0, n);
	memset(p, 0, ALIGN);
	for (size_t at = ALIGN; at < n; at += ALIGN)
		memset(p + at, 0, ALIGN);
	return p;
}

static inline void *take(struct arena *a, size_t room, size_t n, bool zero)
{
	if (UNLIKELY((size_t)(a->end - a->at) < room))
		return take_slow(a, room, n, zero);
	char *p = a->at;
	a->at += room;
	ASAN_UNPOISON_MEMORY_REGION(p, n);
	return zero ? clear(p, n) : p;
}

static void *within_budget(struct arena *a, size_t n, bool zero)
{
	OBJ_CHECK(a, ARENA_MAGIC);
	if (UNLIKELY(n > a->limit || round_up(n) > a->limit - a->used)) {
		a->failed = true;
		return NULL;
	}
	a->used += round_up(n);
	return take(a, round_up(n) + GAP, n, zero);
}

void *arena_alloc(struct arena *a, size_t n)
{
	return within_budget(a, n, true);
}

static size_t bytes_of(size_t n, size_t size)
{
	size_t bytes;
	return __builtin_mul_overflow(n, size, &bytes) ? SIZE_MAX /* past any budget */ : bytes;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	return within_budget(a, bytes_of(n, size), true);
}

void *arena_array_raw(struct arena *a, size_t n, size_t size)
{
	return within_budget(a, bytes_of(n, size), false);
}

/* Whether the block of `old` bytes at p is the last one taken and has room behind it for `now`. */
static bool extend(struct arena *a, void *p, size_t old, size_t now)
{
	size_t more = round_up(now) - round_up(old);
	if ((char *)p + round_up(old) + GAP != a->at || (size_t)(a->end - a->at) < more ||
	        more > a->limit - a->used)
		return false;
	a->at += more;
	a->used += more;
	ASAN_UNPOISON_MEMORY_REGION(p, now);
	memset((char *)p + old, 0, now - old);
	return true;
}

void *arena_grow(struct arena *a, void *p, size_t *cap, size_t need, size_t size)
{
	if (LIKELY(p != NULL && need <= *cap))
		return p;
	size_t old = p ? *cap : 0;
	size_t more = old > SIZE_MAX / 2 ? need : old * 2;
	size_t bytes;
	if (more < 8)
		more = 8;
	if (more < need)
		more = need;
	if (__builtin_mul_overflow(more, size, &bytes)) {
		a->failed = true;
		return NULL;
	}
	if (p == NULL || old == 0 || !extend(a, p, old * size, bytes)) {
		void *q = arena_alloc(a, bytes);
		if (q == NULL)
			return NULL;
		if (p && old > 0)
			memcpy(q, p, old * size);
		p = q;
	}
	*cap = more;
	return p;
}

void *arena_memdup(struct arena *a, const void *p, size_t n)
{
	void *q = arena_alloc(a, n);
	if (q && n > 0)
		memcpy(q, p, n);
	return q;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s) + 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
	char *q = n < SIZE_MAX ? arena_alloc(a, n + 1) : NULL;
	if (q && n > 0)
		memcpy(q, s, n);
	return q;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	char small[256];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(small, sizeof(small), fmt, ap);
	va_end(ap);
	must(n >= 0);
	if ((size_t)n < sizeof(small))
		return arena_memdup(a, small, (size_t)n + 1);
	char *q = arena_alloc(a, (size_t)n + 1);
	if (q) {
		va_start(ap, fmt);
		vsnprintf(q, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	return q;
}

bool arena_failed(const struct arena *a)
{
	OBJ_CHECK(a, ARENA_MAGIC);
	return a->failed;
}

size_t arena_used(const struct arena *a)
{
	OBJ_CHECK(a, ARENA_MAGIC);
	return a->used;
}

void arena_cleanup(struct arena *a, void (*f)(void *arg), void *arg)
{
	OBJ_CHECK(a, ARENA_MAGIC);
	/* Outside the budget: a cleanup that got lost would leak what it stands for. */
	struct cleanup *c = take(a, round_up(sizeof(*c)) + GAP, sizeof(*c), false);
	*c = (struct cleanup){.prev = a->cleanups, .f = f, .arg = arg};
	a->cleanups = c;
}

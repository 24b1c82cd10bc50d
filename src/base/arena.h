/*
 * arena - memory that lives as long as one request, one parse, one evaluation.
 *
 * Everything allocated is freed together. Cleanups registered on the arena run, last first, at
 * reset and free. An arena has a budget; an allocation past it returns NULL and sets the sticky
 * flag, so that a caller may check once at the end. Threads: one owner at a time.
 */
#ifndef HEMING_ARENA_H
#define HEMING_ARENA_H

#include "base/base.h"

struct arena;

/* limit_b: budget in bytes, 0 for none. Never NULL. */
struct arena *arena_new(size_t limit_b);
void arena_free(struct arena **a);
/* Frees all but the first chunk; the arena may be used again. */
void arena_reset(struct arena *a);

/* Zeroed, aligned to 16 bytes. NULL past the budget (sticky). n == 0 gives a valid pointer. */
void *arena_alloc(struct arena *a, size_t n);
/* n * size with overflow check. */
void *arena_array(struct arena *a, size_t n, size_t size);
/* The same, but with whatever bytes lay there: for what is written whole at once. */
void *arena_array_raw(struct arena *a, size_t n, size_t size);
/* Grows an array as xgrow does; the old place stays behind in the arena. NULL past the budget. */
void *arena_grow(struct arena *a, void *p, size_t *cap, size_t need, size_t size);
void *arena_memdup(struct arena *a, const void *p, size_t n);
char *arena_strdup(struct arena *a, const char *s);
/* All n bytes, also behind a zero byte, and a zero after them: the copy of a struct str keeps its length. */
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

bool arena_failed(const struct arena *a); /* an allocation went past the budget */
size_t arena_used(const struct arena *a); /* bytes handed out since the last reset */

/* f(arg) runs at reset or free, in reverse order of registration. */
void arena_cleanup(struct arena *a, void (*f)(void *arg), void *arg);

#endif

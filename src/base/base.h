/*
 * base - the few words every other file speaks.
 *
 * Includes nothing of the house but banned.h. Has no state.
 *
 *   must(x)      a bug if false: prints where and what, then aborts. Always compiled in, so an
 *                expression inside it is always evaluated exactly once.
 *   wrong("why") a place that cannot be reached.
 *   MUST_USE     a return value that a caller may not drop.
 */
#ifndef HEMING_BASE_H
#define HEMING_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(p, type, member) ((type *)(void *)((char *)(p)-offsetof(type, member)))

/* Prints "file:line: text" to standard error and aborts. Any thread. */
NORETURN void panic(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

#define must(x)                                                                                              \
	do {                                                                                                 \
		if (UNLIKELY(!(x)))                                                                          \
			panic(__FILE__, __LINE__, "must hold: %s", #x);                                      \
	} while (0)
#define wrong(why) panic(__FILE__, __LINE__, "cannot happen: %s", why)

/*
 * Checked objects: a long-lived heap object begins with `uint32_t magic`, set by its _new and
 * cleared by its _free. OBJ_CHECK at a module's door tells a stale or foreign pointer at once.
 */
#define OBJ_CHECK(p, MAGIC) must((p) != NULL && (p)->magic == (MAGIC))

/* Heap allocation that cannot fail: the process has no meaning without it, so it panics. Zeroed. */
void *xcalloc(size_t n, size_t size);
/* As realloc, but never NULL for size > 0; new bytes are not zeroed. */
void *xrealloc(void *p, size_t size);
/* Grows *p (elements of `size`) to hold at least `need`; *cap in elements, doubled. */
void *xgrow(void *p, size_t *cap, size_t need, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
/* Formatted copy; caller frees. */
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2);

#include "base/banned.h"

#endif

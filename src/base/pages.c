#include "base/pages.h"

#include <sys/mman.h>

#define LARGE_B ((size_t)2 << 20)

/* The sanitizer sees into the heap alone: what mapped memory points to would be leaks to it. */
#if defined(__SANITIZE_ADDRESS__)
#define HEAP_ONLY 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HEAP_ONLY 1
#endif
#endif
#ifndef HEAP_ONLY
#define HEAP_ONLY 0
#endif

/* 0: it is the heap's. */
static size_t mapped_b(size_t n, size_t size)
{
	size_t b;

	if (HEAP_ONLY || __builtin_mul_overflow(n, size, &b) || b < LARGE_B || b > SIZE_MAX - 2 * LARGE_B)
		return 0;
	return (b + LARGE_B - 1) & ~(LARGE_B - 1);
}

void *pages_new(size_t n, size_t size)
{
	size_t b = mapped_b(n, size), before;
	char *p;

	if (b == 0)
		return xcalloc(n, size);
	/* So much more that a piece of it begins where a large page may; the rest goes back. */
	p = mmap(NULL, b + LARGE_B, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		panic(__FILE__, __LINE__,
		        "no memory for %zu * %zu bytes; give the process more, or lower its limits", n, size);
	before = (LARGE_B - ((uintptr_t)p & (LARGE_B - 1))) & (LARGE_B - 1);
	if (before > 0)
		munmap(p, before);
	munmap(p + before + b, LARGE_B - before);
	(void)madvise(p + before, b, MADV_HUGEPAGE); /* a system without them has small ones */
	return p + before;
}

void pages_free(void *p, size_t n, size_t size)
{
	size_t b = mapped_b(n, size);

	if (b == 0)
		free(p);
	else if (p != NULL)
		munmap(p, b);
}

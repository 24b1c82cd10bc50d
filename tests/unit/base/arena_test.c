#include "base/arena.h"
#include "check.h"

TEST(allocations_are_zeroed_aligned_and_apart)
{
	struct arena *a = arena_new(0);
	unsigned char *p[2000];
	uint32_t x = 1;
	for (int round = 0; round < 3; round++) {
		size_t n[ARRAY_LEN(p)];
		for (size_t i = 0; i < ARRAY_LEN(p); i++) {
			x = x * 1664525u + 1013904223u;
			n[i] = i % 97 == 0 ? x >> 16 : x >> 25; /* to 65535, else to 127 */
			p[i] = arena_alloc(a, n[i]);
			must(p[i] != NULL);
			if ((uintptr_t)p[i] % 16 != 0)
				check_fail("not aligned: %p", (void *)p[i]);
			for (size_t k = 0; k < n[i]; k++) {
				if (p[i][k] != 0) {
					check_fail("byte %zu of %zu is not zero", k, n[i]);
					break;
				}
			}
			memset(p[i], (int)(i & 0xff), n[i]);
		}
		for (size_t i = 0; i < ARRAY_LEN(p); i++) {
			for (size_t k = 0; k < n[i]; k++) {
				if (p[i][k] != (i & 0xff)) {
					check_fail("allocation %zu was overwritten", i);
					break;
				}
			}
		}
		arena_reset(a);
		check_eq_u(arena_used(a), 0);
	}
	arena_free(&a);
	check(a == NULL);
	arena_free(&a);
}

TEST(the_budget_is_kept_and_its_failure_sticks)
{
	struct arena *a = arena_new(10000);
	check(arena_alloc(a, 9000) != NULL);
	check(!arena_failed(a));
	check(arena_alloc(a, 2000) == NULL);
	check(arena_failed(a));
	check(arena_alloc(a, 100) != NULL);
	check(arena_failed(a));
	check(arena_used(a) <= 10000);
	check(arena_alloc(a, SIZE_MAX) == NULL);
	check(arena_alloc(a, SIZE_MAX - 7) == NULL);
	check(arena_array(a, SIZE_MAX / 2, 4) == NULL);
	arena_reset(a);
	check(!arena_failed(a));
	check(arena_alloc(a, 9000) != NULL);
	arena_free(&a);

	a = arena_new(0);
	check(arena_array(a, SIZE_MAX / 2, 4) == NULL);
	check(arena_failed(a));
	check(arena_alloc(a, 0) != NULL);
	arena_free(&a);
}

TEST(grow_keeps_the_elements_and_zeroes_the_new_ones)
{
	struct arena *a = arena_new(0);
	int *p = NULL;
	size_t cap = 0;
	for (int i = 0; i < 5000; i++) {
		size_t before = cap;
		p = arena_grow(a, p, &cap, (size_t)i + 1, sizeof(*p));
		must(p != NULL);
		for (size_t k = before; k < cap; k++)
			must(p[k] == 0);
		p[i] = i;
		if (i % 100 == 0)
			memset(arena_alloc(a, 5), 0xff, 5); /* so that it cannot always grow in place */
	}
	for (int i = 0; i < 5000; i++) {
		if (!check_eq_i(p[i], i))
			break;
	}
	arena_free(&a);

	a = arena_new(1000);
	p = NULL;
	cap = 0;
	p = arena_grow(a, p, &cap, 100, sizeof(*p));
	check(p != NULL);
	size_t kept = cap;
	check(arena_grow(a, p, &cap, 100000, sizeof(*p)) == NULL);
	check_eq_u(cap, kept);
	check(arena_grow(a, p, &cap, SIZE_MAX / 2, sizeof(*p)) == NULL);
	check(arena_failed(a));
	arena_free(&a);
}

TEST(texts_are_copied)
{
	struct arena *a = arena_new(0);
	check_eq_s(arena_strdup(a, "abc"), "abc");
	check_eq_s(arena_strndup(a, "abcdef", 2), "ab");
	check_eq_mem(arena_strndup(a, "ab\0cd", 5), "ab\0cd", 6);
	check_eq_s(arena_printf(a, "%s %d", "x", 5), "x 5");
	char *longer = arena_printf(a, "%0*d", 5000, 7);
	check_eq_u(strlen(longer), 5000);
	check_eq_i(longer[4999], '7');
	check_eq_mem(arena_memdup(a, "a\0b", 3), "a\0b", 3);
	check(arena_memdup(a, NULL, 0) != NULL);
	arena_free(&a);
}

static struct {
	int n, seen[8];
	struct arena *a;
} ran;

static void note(void *arg)
{
	ran.seen[ran.n++] = *(int *)arg;
	static int late = 9;
	if (*(int *)arg == 2)
		arena_cleanup(ran.a, note, &late);
}

TEST(cleanups_run_last_first)
{
	int one = 1, two = 2, three = 3;
	struct arena *a = ran.a = arena_new(64);
	arena_cleanup(a, note, &one);
	arena_cleanup(a, note, &two);
	check(arena_alloc(a, 65) == NULL);
	arena_cleanup(a, note, &three); /* even past the budget */
	arena_reset(a);
	int order[] = {3, 2, 9, 1};
	check_eq_i(ran.n, 4);
	check_eq_mem(ran.seen, order, sizeof(order));
	arena_reset(a);
	check_eq_i(ran.n, 4);
	arena_cleanup(a, note, &one);
	arena_free(&a);
	check_eq_i(ran.n, 5);
}

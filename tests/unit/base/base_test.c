#include "check.h"

TEST(calloc_is_zeroed_and_never_null)
{
	unsigned char *p = xcalloc(3, 5);
	for (int i = 0; i < 15; i++)
		check_eq_i(p[i], 0);
	free(p);
	p = xcalloc(0, 8);
	check(p != NULL);
	free(p);
	p = xrealloc(NULL, 0);
	check(p != NULL);
	free(p);
}

static void ask_too_much(void *arg)
{
	size_t cap = 0;
	free(xgrow(NULL, &cap, SIZE_MAX / 4, *(size_t *)arg));
}

TEST(grow_doubles_and_keeps_what_was_there)
{
	int *p = NULL;
	size_t cap = 0, moves = 0;
	for (int i = 0; i < 10000; i++) {
		size_t before = cap;
		p = xgrow(p, &cap, (size_t)i + 1, sizeof(*p));
		moves += cap != before;
		p[i] = i;
	}
	for (int i = 0; i < 10000; i++) {
		if (!check_eq_i(p[i], i))
			break;
	}
	check(cap >= 10000);
	check(moves < 15);
	free(p);

	size_t size = 16;
	check_panics(ask_too_much, &size);
}

TEST(copies_end_with_a_nul)
{
	char *s = xstrndup("abcdef", 3);
	check_eq_s(s, "abc");
	free(s);
	s = xstrndup("ab", 30);
	check_eq_s(s, "ab");
	free(s);
	s = xstrdup("");
	check_eq_s(s, "");
	free(s);
	s = xasprintf("%d-%s", 7, "x");
	check_eq_s(s, "7-x");
	free(s);
}

static void break_a_must(void *arg)
{
	must(arg != NULL);
}

static void free_twice(void *arg)
{
	struct {
		uint32_t magic;
	} *p = arg;
	OBJ_CHECK(p, 0x1234u);
}

TEST(a_broken_must_ends_the_process)
{
	uint32_t gone = 0;
	check_panics(break_a_must, NULL);
	check_panics(free_twice, &gone);
	int n = 0;
	must(++n == 1);
	check_eq_i(n, 1);
}

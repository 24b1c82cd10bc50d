#include "store/view_heap.h"

#include <malloc.h>
#include <sqlite3.h>

static _Thread_local struct view_heap *budget; /* of this thread now, NULL: none */

static bool may_take(size_t n)
{
	if (budget == NULL || n <= budget->most - budget->used)
		return true;
	budget->met = true;
	return false;
}

static void taken(void *p)
{
	if (budget != NULL && p != NULL)
		budget->used += malloc_usable_size(p);
	if (budget != NULL && budget->used > budget->most)
		budget->used = budget->most;
}

static void given(size_t n)
{
	if (budget != NULL)
		budget->used -= n < budget->used ? n : budget->used;
}

static void *heap_malloc(int n)
{
	void *p = may_take((size_t)n) ? malloc((size_t)n) : NULL;

	taken(p);
	return p;
}

static void heap_free(void *p)
{
	given(malloc_usable_size(p));
	free(p);
}

static int heap_size(void *p)
{
	return (int)malloc_usable_size(p);
}

static void *heap_realloc(void *p, int n)
{
	size_t was = malloc_usable_size(p);
	void *out;

	if ((size_t)n > was && !may_take((size_t)n - was))
		return NULL;
	out = realloc(p, (size_t)n);
	if (out != NULL) {
		given(was);
		taken(out);
	}
	return out;
}

static int heap_round(int n)
{
	return (n + 7) & ~7;
}

static int heap_init(void *ctx)
{
	(void)ctx;
	return SQLITE_OK;
}

static void heap_shutdown(void *ctx)
{
	(void)ctx;
}

/* SQLite takes its allocator only while nothing has used it yet. */
__attribute__((constructor)) static void install(void)
{
	const sqlite3_mem_methods methods = {.xMalloc = heap_malloc,
	        .xFree = heap_free,
	        .xRealloc = heap_realloc,
	        .xSize = heap_size,
	        .xRoundup = heap_round,
	        .xInit = heap_init,
	        .xShutdown = heap_shutdown};

	must(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK);
}

void view_heap_enter(struct view_heap *h)
{
	must(budget == NULL);
	budget = h;
}

void view_heap_leave(void)
{
	budget = NULL;
}

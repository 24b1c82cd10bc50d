#include "series/ship_queue.h"
#include "base/file.h"
#include "series/series_int.h"
#include "series/ship.h"

#include <errno.h>
#include <unistd.h>

#define PLACE_MAX_B 65536
#define GONE_MAX_B ((size_t)1 << 30)

const char *queue_dir(struct arena *a, const char *dir)
{
	return path_join(a, dir, "queue");
}

int queue_place(const char *dir, struct arena *a, struct queue_sight *out, struct err *e)
{
	const char *path = path_join(a, queue_dir(a, dir), "place");

	out->place = STR_NULL;
	return file_exists(path) ? file_read(a, path, PLACE_MAX_B, &out->place, e) : 0;
}

int queue_list(const char *dir, struct arena *a, struct queue_sight *out, struct err *e)
{
	int rc = file_list(a, queue_dir(a, dir), &out->name, e);
	uint32_t x;

	for (char **name = out->name; rc == 0 && *name != NULL; name++)
		if (series__numbered(*name, "log", &x))
			ids_add(&out->logs, x);
	return rc;
}

/* Small, and written as a whole. */
static int copy_if_changed(const char *path, struct str text, size_t max_b, struct arena *a, struct err *e)
{
	struct err ignored = ERR_INIT;
	struct str there;

	if (file_exists(path) && file_read(a, path, max_b, &there, &ignored) == 0 && str_eq(there, text))
		return 0;
	return file_write(path, text.p, text.n, 0640, e);
}

int queue_copy(const char *from, const char *to, struct arena *a, const struct queue_sight *w, struct err *e)
{
	const char *queue = queue_dir(a, to);
	int rc = file_mkdirs(queue, e);
	uint32_t x;

	for (char **name = w->name; rc == 0 && *name != NULL; name++) {
		struct arena *temp = arena_new(0);
		struct str text;

		if (series__numbered(*name, "gone", &x)) {
			rc = file_read(
			        temp, path_join(temp, queue_dir(temp, from), *name), GONE_MAX_B, &text, e);
			if (rc == 0)
				rc = copy_if_changed(
				        path_join(temp, queue, *name), text, GONE_MAX_B, temp, e);
		}
		arena_free(&temp);
	}
	if (rc == 0 && w->place.p != NULL)
		rc = copy_if_changed(path_join(a, queue, "place"), w->place, PLACE_MAX_B, a, e);
	return rc;
}

int series_copy_deletions(const char *from, const char *to, struct err *e)
{
	struct arena *a = arena_new(0);
	struct queue_sight w = {0};
	int rc = file_exists(queue_dir(a, from)) ? queue_list(from, a, &w, e) : 0;

	if (rc == 0 && w.name != NULL)
		rc = queue_copy(from, to, a, &w, e);
	ids_fini(&w.logs);
	arena_free(&a);
	return rc;
}

int queue_drop(const char *from, const char *to, struct arena *a, const struct queue_sight *w, struct err *e)
{
	const char *there = queue_dir(a, from), *mine = queue_dir(a, to);
	char **name = NULL;
	int rc = file_list(a, mine, &name, e);
	unsigned safe = 0;
	uint32_t x;

	if (w->place.p == NULL || sscanf(w->place.p, "safe %u", &safe) != 1)
		safe = 0;
	for (; rc == 0 && *name != NULL; name++) {
		bool drop = series__numbered(*name, "log", &x)
		                    ? x < safe
		                    : series__numbered(*name, "gone", &x) &&
		                              !file_exists(path_join(a, there, *name));

		if (drop && unlink(path_join(a, mine, *name)) < 0)
			rc = err_errno(e, errno, "cannot remove %s/%s", mine, *name);
	}
	return rc;
}

#include "city/mapping_files.h"

#include "base/file.h"

#include <sys/stat.h>

/* A copy is made after its file was written. */
static bool is_copied(const struct stat *from, const char *to)
{
	struct stat st;

	return stat(to, &st) == 0 && st.st_size == from->st_size &&
	       (st.st_mtim.tv_sec > from->st_mtim.tv_sec ||
	               (st.st_mtim.tv_sec == from->st_mtim.tv_sec &&
	                       st.st_mtim.tv_nsec >= from->st_mtim.tv_nsec));
}

int mapping_files_copy(const char *from, const char *to, struct err *e)
{
	struct arena *a = arena_new(8 << 20);
	char **name = NULL;
	int rc = 0;

	from = path_join(a, from, MAPPINGS_FOLDER);
	to = path_join(a, to, MAPPINGS_FOLDER);
	if (file_exists(from))
		rc = file_list(a, from, &name, e);
	if (rc == 0 && name != NULL && *name != NULL)
		rc = file_mkdirs(to, e);
	for (; rc == 0 && name != NULL && *name != NULL; name++) {
		const char *one = path_join(a, from, *name), *copy = path_join(a, to, *name);
		struct stat st;

		if (stat(one, &st) == 0 && S_ISREG(st.st_mode) && !is_copied(&st, copy))
			rc = file_copy(one, copy, 0640, e);
	}
	arena_free(&a);
	return rc;
}

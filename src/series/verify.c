/* Looking through everything, and copying it. */
#include "series/series_int.h"

#include "base/file.h"
#include "series/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

struct listener {
	void (*tell)(void *ctx, const char *text);
	void *ctx;
};

static bool is_framed(const char *name)
{
	return strncmp(name, "log-", 4) == 0 || strncmp(name, "heads-", 6) == 0;
}

static bool record_sound(const struct frame *f)
{
	const uint8_t *p = f->p, *end = f->p + f->n;
	struct label l[LABELS_MAX];
	uint64_t id;
	int n;

	if (f->kind == FRAME_POINTS) {
		struct series_point *q = NULL;
		size_t cap = 0, points;
		bool ok = series__points_get(f->p, f->n, &q, &cap, &points);

		free(q);
		return ok;
	}
	if (f->kind == FRAME_DELETE) {
		struct ids ids = {0};
		time_us from, to;
		bool ok = series__deletion_get(f->p, f->n, &ids, &from, &to);

		ids_fini(&ids);
		return ok;
	}
	while (f->kind == FRAME_SERIES && p < end)
		if (!get_varint(&p, end, &id) || !series__labels_get(&p, end, l, &n))
			return false;
	return f->kind >= FRAME_FILE && f->kind <= FRAME_DELETE;
}

static int frames_verify(const char *path, const struct listener *to, struct err *e)
{
	struct frame_reader r;
	struct frame f;
	bool torn = false;
	char text[512];
	int rc = frame_reader_open(&r, path, e), got, bad = 0;

	if (rc)
		return rc;
	while ((got = frame_next(&r, &f, &torn)) != 0) {
		if (got > 0 && record_sound(&f))
			continue;
		if (got < 0 && torn)
			snprintf(text, sizeof(text),
			        "%s: ends in %zu bytes of a record that was not finished, nor acknowledged",
			        path, f.n);
		else
			snprintf(text, sizeof(text), "%s: the record at byte %llu is damaged (%zu bytes)",
			        path, (unsigned long long)f.at, f.n);
		to->tell(to->ctx, text);
		bad += !(got < 0 && torn);
	}
	frame_reader_close(&r);
	return bad;
}

int series_verify(const char *dir, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	struct listener to = {tell, ctx};
	struct arena *a = arena_new(0);
	char **name;
	int rc = file_list(a, dir, &name, e), bad = 0;

	for (; !rc && *name; name++) {
		const char *path = path_join(a, dir, *name);
		time_us start, last;
		uint32_t generation;
		int got = 0;

		if (is_framed(*name))
			got = frames_verify(path, &to, e);
		else if (file_name_parse(*name, &start, &last, &generation))
			got = file_verify(path, tell, ctx);
		if (got == ERR_NOTFOUND)
			continue; /* a live database has moved on */
		if (got < 0)
			rc = got;
		else
			bad += got;
	}
	arena_free(&a);
	return rc ? rc : bad;
}

static void say_nothing(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

/* The greatest id that a log or checkpoint knows of. */
static uint32_t greatest_in(const char *path, uint32_t greatest)
{
	struct frame_reader r;
	struct frame f;
	struct err e = ERR_INIT;
	bool torn;

	if (frame_reader_open(&r, path, &e))
		return greatest;
	while (frame_next(&r, &f, &torn) != 0) {
		const uint8_t *p = f.p, *end = f.p + f.n;
		struct label l[LABELS_MAX];
		uint64_t id = 0, any;
		int n;

		if (!p)
			continue;
		if (f.kind == FRAME_FILE && get_varint(&p, end, &any) && get_varint(&p, end, &any) &&
		        get_varint(&p, end, &id) && id > greatest && id <= SERIES_MAX)
			greatest = (uint32_t)id;
		while (f.kind == FRAME_SERIES && get_varint(&p, end, &id) && id <= SERIES_MAX) {
			greatest = id > greatest ? (uint32_t)id : greatest;
			if (!series__labels_get(&p, end, l, &n))
				break;
		}
	}
	frame_reader_close(&r);
	return greatest;
}

int series_repair(const char *dir, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	struct arena *a = arena_new(0);
	int lock = -1, rc = series__lock(dir, &lock, e), done = 0;
	uint32_t greatest = 0;
	struct block_files files;
	char **name = NULL;

	if (!rc) { /* what a crash has left of files goes */
		rc = files_open(&files, dir, US_DAY, true, e);
		if (!rc)
			files_close(&files);
	}
	if (!rc)
		rc = file_list(a, dir, &name, e);
	for (size_t i = 0; !rc && name[i]; i++)
		if (is_framed(name[i]))
			greatest = greatest_in(path_join(a, dir, name[i]), greatest);
	for (; !rc && *name; name++) {
		time_us start, last;
		uint32_t generation;
		const char *path = path_join(a, dir, *name);

		if (!file_name_parse(*name, &start, &last, &generation) ||
		        (!file_verify(path, say_nothing, NULL) && !file_is_old(path)))
			continue;
		rc = file_repair(dir, *name, greatest, tell, ctx, e);
		done++;
	}
	if (lock >= 0)
		close(lock);
	arena_free(&a);
	return rc ? rc : done;
}

/* ---- snapshot ---- */

static int copy_bytes(const char *from, const char *to, uint64_t most, struct err *e)
{
	enum { PIECE = 1 << 20 };
	uint8_t *p = xrealloc(NULL, PIECE);
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = 0;

	if (in < 0) {
		rc = err_errno(e, errno, "cannot read %s", from);
		goto out;
	}
	out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (out < 0) {
		rc = err_errno(e, errno, "cannot make %s", to);
		goto out;
	}
	while (most && !rc) {
		ssize_t n = read(in, p, most < PIECE ? (size_t)most : PIECE);

		if (n < 0)
			rc = err_errno(e, errno, "cannot read %s", from);
		if (n <= 0)
			break;
		rc = file_write_all(out, p, (size_t)n, e);
		most -= (uint64_t)n;
	}
	if (!rc && fsync(out) < 0)
		rc = err_errno(e, errno, "cannot sync %s", to);
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(p);
	return rc;
}

/*
 * The sealer is here, so that no block moves and no checkpoint is made; points that come meanwhile go
 * into the log, of which what is synced by the end is copied last.
 */
static void remove_snapshot(struct arena *a, const char *dir)
{
	struct err e = ERR_INIT;
	char **name;

	if (file_list(a, dir, &name, &e) == 0)
		for (; *name; name++)
			unlink(path_join(a, dir, *name));
	rmdir(dir);
}

int series__snapshot(struct series_db *db, const char *dir, const bool *cancel, struct err *e)
{
	struct arena *a = arena_new(0);
	uint32_t number, first = db->checkpoint ? db->checkpoint : 1;
	uint64_t synced;
	char **name;
	int rc = file_mkdirs(dir, e);

	if (!rc)
		rc = file_list(a, dir, &name, e);
	if (!rc && *name)
		rc = err_set(e, ERR_CONFLICT, "%s is not empty", dir);
	if (!rc)
		rc = files_copy(&db->files, dir, cancel, e);
	if (!rc && db->checkpoint) {
		char *from = wal_path(db->dir, "heads", db->checkpoint);
		char *to = wal_path(dir, "heads", db->checkpoint);

		rc = copy_bytes(from, to, UINT64_MAX, e);
		free(from);
		free(to);
	}
	pthread_mutex_lock(&db->commit_lock);
	number = db->wal.number;
	synced = db->wal.synced;
	pthread_mutex_unlock(&db->commit_lock);
	for (uint32_t i = first; i <= number && !rc; i++) {
		char *from = wal_path(db->dir, "log", i), *to = wal_path(dir, "log", i);

		if (file_exists(from))
			rc = copy_bytes(from, to, i == number ? synced : UINT64_MAX, e);
		free(from);
		free(to);
	}
	if (!rc)
		rc = file_sync_dir(dir, e);
	if (rc == ERR_CANCELLED)
		remove_snapshot(a, dir);
	arena_free(&a);
	return rc;
}

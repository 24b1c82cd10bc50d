#include "series/ship.h"
#include "base/file.h"
#include "series/series_int.h"
#include "series/ship_queue.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE (1 << 20)
#define TRIES 3

struct series_ship {
	struct series_db *db;
	char *dir;
	bool whole;     /* checkpoint and logs of the copy belong together, and have no gap */
	bool queued;    /* … and those of the queue */
	bool compared;  /* logs that were there from before are the beginning of those here */
	uint32_t heads; /* number of the copy's checkpoint; 0: none */
	_Atomic uint32_t log;
	_Atomic uint64_t log_b; /* how much of that log the copy has */
	uint8_t *piece;
};

/* What one look at the first folder found. */
struct sight {
	struct arena *a;
	char **name;              /* of all files */
	uint32_t heads;           /* newest checkpoint; 0: none */
	uint32_t number;          /* of the log that is written now, */
	uint64_t synced;          /* and its durable end */
	struct ids logs;          /* numbers, ascending */
	struct queue_sight queue; /* with a remote engine */
};

static char *part_of(const char *path)
{
	return xasprintf("%s.new", path);
}

static int put_in_place(const char *part, const char *path, struct err *e)
{
	return rename(part, path) < 0 ? err_errno(e, errno, "cannot make %s", path) : 0;
}

/* ---- looking ---- */

static int look(struct series_ship *s, struct sight *w, struct err *e)
{
	uint32_t x;
	int rc = file_list(w->a, s->db->dir, &w->name, e);

	if (rc < 0)
		return rc;
	for (char **name = w->name; *name != NULL; name++) {
		int end = 0;

		if (sscanf(*name, "log-%8u%n", &x, &end) == 1 && (*name)[end] == '\0')
			ids_add(&w->logs, x);
		else if (sscanf(*name, "heads-%8u%n", &x, &end) == 1 && (*name)[end] == '\0' && x > w->heads)
			w->heads = x;
	}
	/* That a block file is missing is said by the place first. */
	if (s->db->keep_logs)
		rc = queue_place(s->db->dir, w->a, &w->queue, e);
	/* Behind the list: a log that is begun meanwhile is the next step's. */
	pthread_mutex_lock(&s->db->commit_lock);
	w->number = s->db->wal.number;
	w->synced = s->db->wal.synced;
	pthread_mutex_unlock(&s->db->commit_lock);
	/* A deletion is a file before the log has it. */
	if (rc == 0 && s->db->keep_logs)
		rc = queue_list(s->db->dir, w->a, &w->queue, e);
	return rc;
}

/* ---- logs ---- */

/* Bytes [at, end) of one file behind those of another, which has `at`. *end shrinks to what there is. */
static int append(
        struct series_ship *s, const char *from, const char *to, uint64_t at, uint64_t *end, struct err *e)
{
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = 0;

	if (in < 0) {
		rc = err_errno(e, errno, "cannot read %s", from);
		goto out;
	}
	out = open(to, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (out < 0 || lseek(out, (off_t)at, SEEK_SET) < 0) {
		rc = err_errno(e, errno, "cannot write %s", to);
		goto out;
	}
	for (uint64_t next = at; next < *end && rc == 0;) {
		size_t want = *end - next < PIECE ? (size_t)(*end - next) : PIECE;
		ssize_t n = pread(in, s->piece, want, (off_t)next);

		if (n < 0)
			rc = err_errno(e, errno, "cannot read %s", from);
		else if (n == 0)
			*end = next;
		else
			rc = file_write_all(out, s->piece, (size_t)n, e);
		if (rc < 0)
			err_at(e, to, 0, 0, NULL);
		next += n > 0 ? (uint64_t)n : 0;
	}
	if (rc == 0 && fdatasync(out) < 0)
		rc = err_errno(e, errno, "cannot sync %s", to);
	if (rc < 0)
		(void)!ftruncate(out, (off_t)at); /* gives the room back; the next step begins there again */
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	return rc;
}

/* Whether the shorter file begins the longer one, as far as `most` bytes. */
static bool begins(const char *copy, const char *first, uint64_t most)
{
	int a = open(copy, O_RDONLY | O_CLOEXEC), b = open(first, O_RDONLY | O_CLOEXEC);
	uint8_t *p = xrealloc(NULL, 2 * PIECE), *q = p + PIECE;
	bool same = a >= 0 && b >= 0;
	struct stat st;

	if (same)
		same = fstat(a, &st) == 0 && (uint64_t)st.st_size <= most;
	for (off_t at = 0; same && at < st.st_size;) {
		ssize_t n = pread(a, p, PIECE, at), m = pread(b, q, PIECE, at);

		same = n > 0 && m >= n && memcmp(p, q, (size_t)n) == 0;
		at += n > 0 ? n : 0;
	}
	if (a >= 0)
		close(a);
	if (b >= 0)
		close(b);
	free(p);
	return same;
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* A log that is gone again was made superfluous by a checkpoint, which the next step takes. */
static int append_logs(struct series_ship *s, const struct sight *w, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < w->logs.n && rc == 0; i++) {
		uint32_t number = w->logs.p[i];

		if (number < s->heads || number > w->number)
			continue;
		char *from = wal_path(s->db->dir, "log", number), *to = wal_path(s->dir, "log", number);
		uint64_t end = number == w->number ? w->synced : size_of(from), at = size_of(to);
		bool fresh = at == 0;

		if (at > end)
			rc = err_set(e, ERR_CONFLICT, "%s is longer than the log that it is a copy of", to);
		if (rc == 0 && end > at) {
			rc = append(s, from, to, at, &end, e);
			if (rc == 0 && fresh)
				rc = file_sync_dir(s->dir, e);
		}
		if (rc == 0 && number == w->number) {
			atomic_store(&s->log_b, end);
			atomic_store(&s->log, number);
		}
		if (rc < 0)
			s->whole = false;
		free(from);
		free(to);
	}
	return rc;
}

/* ---- a checkpoint ---- */

static int64_t later(int64_t a, const char *path)
{
	struct stat st;
	int64_t t;

	if (stat(path, &st) < 0)
		return a;
	t = (int64_t)st.st_mtim.tv_sec * US_SECOND + st.st_mtim.tv_nsec / 1000;
	return t > a ? t : a;
}

/* A copy of a block file carries the time of its original, which tells whether that was written since. */
static int copy_blocks(struct series_ship *s, const char *name, struct arena *a, struct err *e)
{
	const char *from = path_join(a, s->db->dir, name), *to = path_join(a, s->dir, name);
	char *part = part_of(to);
	int64_t t = later(later(0, from), arena_printf(a, "%s-wal", from));
	struct timespec when[2];
	int fd = -1, rc = 0;

	if (t == 0 || later(0, to) == t)
		goto out;
	when[0] = when[1] = (struct timespec){.tv_sec = t / US_SECOND, .tv_nsec = t % US_SECOND * 1000};
	(void)unlink(part);
	rc = file_image(from, part, e);
	if (rc < 0)
		goto out;
	fd = open(part, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || futimens(fd, when) < 0 || fsync(fd) < 0)
		rc = err_errno(e, errno, "cannot sync %s", part);
out:
	if (fd >= 0)
		close(fd);
	free(part);
	return rc;
}

static int copy_heads(struct series_ship *s, const struct sight *w, struct err *e)
{
	char *from = wal_path(s->db->dir, "heads", w->heads), *to = wal_path(s->dir, "heads", w->heads);
	char *part = part_of(to);
	uint64_t end = UINT64_MAX;
	int rc = 0;

	(void)unlink(part);
	if (!file_exists(to))
		rc = append(s, from, part, 0, &end, e);
	free(from);
	free(to);
	free(part);
	return rc;
}

static bool is_ours(const char *name, bool *blocks)
{
	time_us start, last;
	uint32_t generation;

	*blocks = file_name_parse(name, &start, &last, &generation);
	return *blocks || strncmp(name, "log-", 4) == 0 || strncmp(name, "heads-", 6) == 0;
}

/* Renames the parts of blocks, or those of the checkpoint. */
static int take_parts(struct series_ship *s, bool want_blocks, struct err *e)
{
	struct arena *a = arena_new(0);
	char **name = NULL;
	int rc = file_list(a, s->dir, &name, e);

	for (; rc == 0 && *name != NULL; name++) {
		size_t n = strlen(*name);
		char *to;
		bool blocks;

		if (n < 5 || strcmp(*name + n - 4, ".new") != 0)
			continue;
		to = arena_strndup(a, *name, n - 4);
		if (is_ours(to, &blocks) && blocks == want_blocks)
			rc = put_in_place(path_join(a, s->dir, *name), path_join(a, s->dir, to), e);
	}
	if (rc == 0)
		rc = file_sync_dir(s->dir, e);
	arena_free(&a);
	return rc;
}

/* A log that the first folder has moved to its queue, where the remote engine is still to get it. */
static int to_queue(
        struct series_ship *s, const struct sight *w, const char *mine, const char *name, struct err *e)
{
	const char *there = path_join(w->a, queue_dir(w->a, s->db->dir), name),
	           *to = path_join(w->a, queue_dir(w->a, s->dir), name);
	bool same = file_exists(there) && (s->compared || begins(mine, there, UINT64_MAX));

	if ((same ? rename(mine, to) : unlink(mine)) < 0)
		return err_errno(e, errno, "cannot take %s away", mine);
	return 0;
}

/* What the first folder has no more, and logs that are no beginning of those there. */
static int remove_others(struct series_ship *s, const struct sight *w, struct err *e)
{
	char **name = NULL;
	int rc = file_list(w->a, s->dir, &name, e);

	for (; rc == 0 && *name != NULL; name++) {
		const char *mine = path_join(w->a, s->dir, *name),
		           *there = path_join(w->a, s->db->dir, *name);
		bool blocks, keep = file_exists(there);
		uint32_t number = 0;

		if (!is_ours(*name, &blocks))
			continue;
		if (keep && !s->compared && sscanf(*name, "log-%8u", &number) == 1)
			keep = begins(mine, there, number == w->number ? w->synced : UINT64_MAX);
		if (!keep && s->db->keep_logs && sscanf(*name, "log-%8u", &number) == 1 &&
		        !file_exists(there))
			rc = to_queue(s, w, mine, *name, e);
		else if (!keep && unlink(mine) < 0)
			rc = err_errno(e, errno, "cannot remove %s", mine);
	}
	s->compared = rc == 0;
	return rc;
}

/* The copy gets the newest checkpoint with the block files that belong to it. */
static int turn(struct series_ship *s, const struct sight *w, struct err *e)
{
	bool blocks;
	int rc = 0;

	for (char **name = w->name; *name != NULL && rc == 0; name++)
		if (is_ours(*name, &blocks) && blocks)
			rc = copy_blocks(s, *name, w->a, e);
	if (rc == 0 && w->heads != 0)
		rc = copy_heads(s, w, e);
	/* Blocks must not know more than the log behind them: what it has of an instant is said last. */
	if (rc == 0 && s->whole) {
		struct sight now = {.a = w->a};

		rc = look(s, &now, e);
		if (rc == 0 && s->db->keep_logs)
			rc = queue_copy(s->db->dir, s->dir, w->a, &now.queue, e);
		if (rc == 0)
			rc = append_logs(s, &now, e);
		ids_fini(&now.queue.logs);
		ids_fini(&now.logs);
	}
	if (rc == 0)
		rc = take_parts(s, true, e);
	if (rc == 0)
		rc = take_parts(s, false, e);
	if (rc < 0)
		return rc;
	s->heads = w->heads;
	return remove_others(s, w, e);
}

/* ---- what waits for a remote engine ---- */

/* Logs of the queue are never written to any more. */
static int append_queue(struct series_ship *s, const struct sight *w, struct err *e)
{
	const char *there = queue_dir(w->a, s->db->dir), *mine = queue_dir(w->a, s->dir);
	int rc = queue_drop(s->db->dir, s->dir, w->a, &w->queue, e);

	for (size_t i = 0; i < w->queue.logs.n && rc == 0; i++) {
		char *from = wal_path(there, "log", w->queue.logs.p[i]),
		     *to = wal_path(mine, "log", w->queue.logs.p[i]);
		uint64_t end = size_of(from), at = size_of(to);

		if (at > 0 && !s->queued && !begins(to, from, end))
			at = unlink(to) == 0 ? 0 : at;
		if (end > at)
			rc = append(s, from, to, at, &end, e);
		free(from);
		free(to);
	}
	s->queued = rc == 0;
	return rc;
}

/* ---- a step ---- */

/* Deletions before the log that has them, and the place before the block files that it speaks of. */
static int try_step(struct series_ship *s, struct err *e)
{
	struct sight w = {.a = arena_new(0)};
	int rc = look(s, &w, e);

	if (rc == 0 && s->db->keep_logs)
		rc = queue_copy(s->db->dir, s->dir, w.a, &w.queue, e);
	if (rc == 0 && (!s->whole || s->heads != w.heads))
		rc = turn(s, &w, e);
	s->whole = rc == 0;
	if (rc == 0)
		rc = append_logs(s, &w, e);
	if (rc == 0 && s->db->keep_logs)
		rc = append_queue(s, &w, e);
	ids_fini(&w.queue.logs);
	ids_fini(&w.logs);
	arena_free(&w.a);
	return rc;
}

int series_ship_step(struct series_ship *s, struct err *e)
{
	int rc = ERR_NOTFOUND;

	/* A checkpoint may have removed what was just seen; then there is another look. */
	for (int i = 0; i < TRIES && rc == ERR_NOTFOUND; i++)
		rc = try_step(s, e);
	return rc;
}

int series_ship_open(struct series_db *db, const char *dir, struct series_ship **out, struct err *e)
{
	struct arena *a = arena_new(0);
	struct series_ship *s;
	char **name = NULL;
	int rc = file_mkdirs(dir, e);

	if (rc == 0)
		rc = file_list(a, dir, &name, e);
	for (; rc == 0 && *name != NULL; name++) { /* of a process that was killed */
		size_t n = strlen(*name);

		if (n > 4 && strcmp(*name + n - 4, ".new") == 0)
			(void)unlink(path_join(a, dir, *name));
	}
	arena_free(&a);
	if (rc < 0)
		return rc;
	s = xcalloc(1, sizeof(*s));
	s->db = db;
	s->dir = xstrdup(dir);
	s->piece = xrealloc(NULL, PIECE);
	*out = s;
	return 0;
}

int64_t series_ship_behind(const struct series_ship *s)
{
	struct series_db *db = s->db;
	uint64_t have = atomic_load(&s->log_b), behind;

	pthread_mutex_lock(&db->commit_lock);
	behind = db->wal.number != atomic_load(&s->log) ? db->wal.synced
	         : db->wal.synced > have                ? db->wal.synced - have
	                                                : 0;
	pthread_mutex_unlock(&db->commit_lock);
	return (int64_t)behind;
}

void series_ship_close(struct series_ship **sp)
{
	struct series_ship *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	free(s->piece);
	free(s->dir);
	free(s);
}

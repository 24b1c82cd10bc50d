#include "store/ship.h"
#include "base/file.h"
#include "store/store_int.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_HEAD_B 32
#define FRAME_HEAD_B 24
#define WAL_MAGIC 0x377f0682U /* checksums are of little-endian words */
#define WAL_VERSION 3007000U
#define FOLD_B (16 << 20) /* a copy's log past this goes into its file */
#define ROOM_B (32 << 20) /* free beside an image, else none is begun */

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void put_be32(uint8_t *p, uint32_t v)
{
	for (int i = 3; i >= 0; i--, v >>= 8)
		p[i] = (uint8_t)v;
}

static uint32_t le32(const uint8_t *p)
{
	return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static bool read_at(int fd, uint8_t *p, size_t n, uint64_t at)
{
	while (n > 0) {
		ssize_t k = pread(fd, p, n, (off_t)at);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
		at += (uint64_t)k;
	}
	return true;
}

/* ---- the writer's side ---- */

struct store_tap {
	pthread_mutex_t lock; /* held by the writer through each commit */
	char *wal;            /* path of the writer's log */
	int fd;
	bool on;
	bool lost;       /* frames are missing: only an image helps */
	uint32_t pages;  /* in the log after the last commit */
	uint32_t taken;  /* of them, handed over */
	uint8_t salt[8]; /* of the log in which these are */
	uint32_t page_b;
	uint8_t *p; /* frames as they stand in the log */
	size_t n, cap;
	int64_t behind; /* bytes since the last hand-over, kept or not */
};

struct store_tap *store__tap_new(const char *path)
{
	struct store_tap *t = xcalloc(1, sizeof(*t));

	must(pthread_mutex_init(&t->lock, NULL) == 0);
	t->wal = xasprintf("%s-wal", path);
	t->fd = -1;
	return t;
}

void store__tap_free(struct store_tap **tp)
{
	struct store_tap *t = *tp;

	if (t == NULL)
		return;
	*tp = NULL;
	if (t->fd >= 0)
		close(t->fd);
	pthread_mutex_destroy(&t->lock);
	free(t->wal);
	free(t->p);
	free(t);
}

void store__tap_lock(struct store_tap *t)
{
	pthread_mutex_lock(&t->lock);
}

void store__tap_unlock(struct store_tap *t)
{
	pthread_mutex_unlock(&t->lock);
}

/* The log begins anew with other salts; its first page then holds a header of them. */
static bool read_head(struct store_tap *t, uint8_t head[WAL_HEAD_B])
{
	if (t->fd < 0)
		t->fd = open(t->wal, O_RDONLY | O_CLOEXEC);
	return t->fd >= 0 && read_at(t->fd, head, WAL_HEAD_B, 0);
}

static bool take_frames(struct store_tap *t, uint32_t pages)
{
	uint8_t head[WAL_HEAD_B];
	uint32_t frame_b;
	size_t more;

	if (!read_head(t, head))
		return false;
	if (memcmp(t->salt, head + 16, sizeof(t->salt)) != 0) {
		memcpy(t->salt, head + 16, sizeof(t->salt));
		t->taken = 0;
	}
	t->page_b = be32(head + 8);
	frame_b = t->page_b + FRAME_HEAD_B;
	more = pages > t->taken ? (size_t)(pages - t->taken) * frame_b : 0;
	t->behind += (int64_t)more;
	if (t->n + more > SHIP_AHEAD_B)
		return false;
	t->p = xgrow(t->p, &t->cap, t->n + more, 1);
	if (!read_at(t->fd, t->p + t->n, more, WAL_HEAD_B + (uint64_t)t->taken * frame_b))
		return false;
	t->n += more;
	t->taken = pages;
	return true;
}

static void tap_empty(struct store_tap *t)
{
	free(t->p);
	t->p = NULL;
	t->n = t->cap = 0;
}

void store__tap_commit(struct store_tap *t, int pages)
{
	t->pages = (uint32_t)pages;
	if (!t->on)
		return;
	if (t->lost) {
		t->behind += t->page_b; /* at least */
	} else if (!take_frames(t, t->pages)) {
		t->lost = true;
		tap_empty(t);
	}
}

/* From this commit on. Under the lock. */
static void tap_begin(struct store_tap *t)
{
	uint8_t head[WAL_HEAD_B] = {0};

	if (!read_head(t, head))
		memset(head, 0, sizeof(head));
	memcpy(t->salt, head + 16, sizeof(t->salt));
	tap_empty(t);
	t->taken = t->pages;
	t->behind = 0;
	t->lost = false;
	t->on = true;
}

/* ---- the copy's side ---- */

struct store_ship {
	struct store *st;
	struct store_tap *tap;
	char *path, *wal;
	bool whole;  /* the copy stands, and what comes next belongs behind it */
	ino_t inode; /* of the copy */
	int fd;      /* of its log; -1: none yet */
	uint64_t end;
	uint8_t salt[8];
	uint32_t sum[2]; /* running checksum of its log */
	uint8_t *batch; /* taken from the tap and not yet behind the copy; always up to the end of a commit */
	size_t batch_n;
	_Atomic int64_t batch_b;
	uint32_t page_b;
	_Atomic int64_t images;
};

static void add_sum(const uint8_t *p, size_t n, uint32_t sum[2])
{
	for (size_t i = 0; i < n; i += 8) {
		sum[0] += le32(p + i) + sum[1];
		sum[1] += le32(p + i + 4) + sum[0];
	}
}

static void close_log(struct store_ship *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
	s->end = 0;
}

static int sick(struct store_ship *s, sqlite3 *db, const char *what, struct err *e)
{
	int full = db != NULL && (sqlite3_errcode(db) == SQLITE_FULL || sqlite3_system_errno(db) == ENOSPC);

	err_set(e, full ? ERR_FULL : ERR_IO, "%s: %s", what,
	        db != NULL ? sqlite3_errmsg(db) : "out of memory");
	return err_at(e, s->path, 0, 0, NULL);
}

/* The log goes into the file, and away. */
static int fold(struct store_ship *s, struct err *e)
{
	sqlite3 *db = NULL;
	int left = -1, rc = 0;

	if (sqlite3_open_v2(s->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK ||
	        sqlite3_exec(db, "SELECT 1 FROM sqlite_schema LIMIT 1", NULL, NULL, NULL) != SQLITE_OK ||
	        sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_TRUNCATE, &left, NULL) != SQLITE_OK)
		rc = sick(s, db, "the copy's log cannot be folded into its file", e);
	sqlite3_close(db);
	if (rc == 0) {
		close_log(s);
		if (unlink(s->wal) < 0 && errno != ENOENT)
			rc = err_errno(e, errno, "cannot remove %s", s->wal);
	}
	return rc;
}

static int begin_log(struct store_ship *s, uint32_t sum[2], struct err *e)
{
	uint8_t head[WAL_HEAD_B] = {0};
	int rc;

	s->fd = open(s->wal, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (s->fd < 0)
		return err_errno(e, errno, "cannot make %s", s->wal);
	random_bytes(s->salt, sizeof(s->salt));
	put_be32(head, WAL_MAGIC);
	put_be32(head + 4, WAL_VERSION);
	put_be32(head + 8, s->page_b);
	memcpy(head + 16, s->salt, sizeof(s->salt));
	sum[0] = sum[1] = 0;
	add_sum(head, 24, sum);
	put_be32(head + 24, sum[0]);
	put_be32(head + 28, sum[1]);
	rc = file_write_all(s->fd, head, sizeof(head), e);
	return rc < 0 ? err_at(e, s->wal, 0, 0, NULL) : 0;
}

/*
 * All commits of the batch become one: of the pages that lie twice in the writer's log, once before an image
 * and once behind it, a reader must never see only the earlier.
 */
static void seal_batch(struct store_ship *s, uint32_t sum[2])
{
	size_t frame_b = s->page_b + FRAME_HEAD_B;

	for (size_t at = 0; at < s->batch_n; at += frame_b) {
		uint8_t *f = s->batch + at;

		if (at + frame_b < s->batch_n)
			put_be32(f + 4, 0);
		memcpy(f + 8, s->salt, sizeof(s->salt));
		add_sum(f, 8, sum);
		add_sum(f + FRAME_HEAD_B, s->page_b, sum);
		put_be32(f + 16, sum[0]);
		put_be32(f + 20, sum[1]);
	}
}

static int write_batch(struct store_ship *s, struct err *e)
{
	uint32_t sum[2] = {s->sum[0], s->sum[1]};
	bool fresh = s->end == 0;
	uint64_t at = fresh ? WAL_HEAD_B : s->end;
	int rc = 0;

	if (fresh) {
		close_log(s);
		rc = begin_log(s, sum, e);
	}
	if (rc == 0)
		seal_batch(s, sum);
	if (rc == 0 && lseek(s->fd, (off_t)at, SEEK_SET) < 0)
		rc = err_errno(e, errno, "cannot write %s", s->wal);
	if (rc == 0 && (rc = file_write_all(s->fd, s->batch, s->batch_n, e)) < 0)
		err_at(e, s->wal, 0, 0, NULL);
	if (rc == 0 && fdatasync(s->fd) < 0)
		rc = err_errno(e, errno, "cannot sync %s", s->wal);
	if (rc == 0 && fresh) {
		char *dir = xasprintf("%.*s", (int)(strrchr(s->path, '/') - s->path), s->path);

		rc = file_sync_dir(dir, e);
		free(dir);
	}
	if (rc < 0) { /* it is tried again at the same place, and meanwhile gives its room back */
		if (s->fd >= 0)
			(void)!ftruncate(s->fd, fresh ? 0 : (off_t)s->end);
		return rc;
	}
	s->sum[0] = sum[0];
	s->sum[1] = sum[1];
	s->end = at + s->batch_n;
	free(s->batch);
	s->batch = NULL;
	s->batch_n = 0;
	atomic_store(&s->batch_b, 0);
	return 0;
}

/* The snapshot that an image is taken of begins between two commits: what comes later is in the tap. */
static int begin_image(struct store_ship *s, struct store_conn **c, struct err *e)
{
	int rc = store__sqlite.open(store__target(s->st), false, c, e);

	if (rc < 0)
		return rc;
	store__tap_lock(s->tap);
	rc = store__sqlite.begin(*c, 0, 0, e);
	if (rc == 0)
		tap_begin(s->tap);
	store__tap_unlock(s->tap);
	return rc;
}

static int sync_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = err_errno(e, errno, "cannot sync %s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

static int image(struct store_ship *s, struct err *e)
{
	char *fresh = xasprintf("%s.new", s->path);
	char *dir = xasprintf("%.*s", (int)(strrchr(s->path, '/') - s->path), s->path);
	struct store_conn *c = NULL;
	struct err old = ERR_INIT;
	struct stat st;
	int64_t needs = 0;
	int rc;

	s->whole = false;
	free(s->batch);
	s->batch = NULL;
	s->batch_n = 0;
	atomic_store(&s->batch_b, 0);
	(void)unlink(fresh);
	if (stat(store__target(s->st)->address, &st) == 0)
		needs = st.st_size;
	if (file_free_b(dir) < needs + ROOM_B) {
		err_set(e, ERR_FULL, "a copy of the records needs %lld MiB free",
		        (long long)((needs + ROOM_B) >> 20));
		rc = err_at(e, dir, 0, 0, NULL);
		goto out;
	}
	rc = begin_image(s, &c, e);
	if (rc == 0)
		rc = store__sqlite_image(c, fresh, e);
	if (c != NULL) {
		store__sqlite.rollback(c);
		store__sqlite.close(&c);
	}
	if (rc == 0)
		rc = sync_file(fresh, e);
	if (rc < 0)
		goto out;
	/* An old log must not come to lie beside the new file. The old copy stays whole without it. */
	if (file_exists(s->path) && fold(s, &old) < 0)
		(void)unlink(s->path);
	close_log(s);
	if ((unlink(s->wal) < 0 && errno != ENOENT) || rename(fresh, s->path) < 0 || stat(s->path, &st) < 0)
		rc = err_errno(e, errno, "cannot make %s", s->path);
	if (rc == 0)
		rc = file_sync_dir(dir, e);
	if (rc == 0) {
		s->inode = st.st_ino;
		s->whole = true;
		atomic_fetch_add(&s->images, 1);
	}
out:
	if (rc < 0)
		(void)unlink(fresh);
	free(dir);
	free(fresh);
	return rc;
}

/* Whether the copy and its log are still those that were written here. */
static bool still_there(const struct store_ship *s)
{
	struct stat mine, there;

	if (stat(s->path, &there) < 0 || there.st_ino != s->inode)
		return false;
	return s->end == 0 ||
	       (fstat(s->fd, &mine) == 0 && stat(s->wal, &there) == 0 && mine.st_ino == there.st_ino &&
	               mine.st_dev == there.st_dev && there.st_size >= (off_t)s->end);
}

static bool take_batch(struct store_ship *s)
{
	struct store_tap *t = s->tap;
	bool lost;

	store__tap_lock(t);
	lost = t->lost;
	if (!lost) {
		s->batch = t->p;
		s->batch_n = t->n;
		s->page_b = t->page_b;
		atomic_store(&s->batch_b, (int64_t)t->n);
		t->p = NULL;
		t->n = t->cap = 0;
		t->behind = 0;
	}
	store__tap_unlock(t);
	return !lost;
}

int store_ship_step(struct store_ship *s, struct err *e)
{
	int rc = 0;

	if (!s->whole || !still_there(s))
		rc = image(s, e);
	if (rc == 0 && s->batch_n > 0) /* what failed the last time */
		rc = write_batch(s, e);
	if (rc == 0 && !take_batch(s))
		rc = image(s, e);
	if (rc == 0 && s->batch_n > 0)
		rc = write_batch(s, e);
	if (rc == 0 && s->end > FOLD_B)
		rc = fold(s, e);
	return rc;
}

int store_ship_open(struct store *st, const char *path, struct store_ship **out, struct err *e)
{
	struct store_ship *s;

	if (store__target(st)->tap == NULL)
		return err_set(e, ERR_UNSUPPORTED,
		        "records that PostgreSQL keeps are replicated by PostgreSQL; see \"Standby\" in "
		        "operating.md");
	must(strchr(path, '/') != NULL);
	s = xcalloc(1, sizeof(*s));
	s->st = st;
	s->tap = store__target(st)->tap;
	s->path = xstrdup(path);
	s->wal = xasprintf("%s-wal", path);
	s->fd = -1;
	*out = s;
	return 0;
}

int64_t store_ship_behind(struct store_ship *s)
{
	int64_t bytes;

	store__tap_lock(s->tap);
	bytes = s->tap->behind + atomic_load(&s->batch_b);
	store__tap_unlock(s->tap);
	return bytes;
}

int64_t store_ship_images(const struct store_ship *s)
{
	return atomic_load(&s->images);
}

void store_ship_close(struct store_ship **sp)
{
	struct store_ship *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	store__tap_lock(s->tap);
	s->tap->on = false;
	tap_empty(s->tap);
	store__tap_unlock(s->tap);
	close_log(s);
	free(s->batch);
	free(s->path);
	free(s->wal);
	free(s);
}

/*
 * Checkpoints, which recover.c reads.
 *
 * heads-N holds what the logs before N say and no block file does: with it and the logs from N on
 * everything is known again. It is frames: FRAME_FILE, FRAME_HEADS…, FRAME_END. Numbers are LEB128:
 *
 *   FRAME_FILE   format, N, greatest id ever given
 *   FRAME_HEADS  series until the end, each: id; labels as in the log; 1 byte flags (1: has a newest
 *                point, 2: no point since an expiry); newest point: zigzag time, 8 bytes; number of
 *                points in the head, and if there are any: 1 byte unit, 1 byte exponent, zigzag first
 *                time, last difference, last integer, length and bytes (see head.h); number of late
 *                points, each zigzag time, 8 bytes
 *   FRAME_END    number of series
 *
 * Replaying a log over heads or blocks that already have its points changes nothing: of one instant
 * the last written wins, and a log's end is always replayed to the end.
 */
#include "series/series_int.h"

#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"
#include "series/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE 256
#define WRITE_B (256u << 10)
#define REST_MOST (100 * US_MS)

void series__quarantine(struct series_db *db, const char *what, int64_t at, const void *p, size_t n)
{
	char *dir = xasprintf("%s/quarantine", db->dir);
	char *path = xasprintf("%s/%s-at-%lld", dir, what, (long long)at);
	struct err e = ERR_INIT;
	int rc = file_mkdirs(dir, &e);

	if (!rc)
		rc = file_write(path, p, n, 0640, &e);
	atomic_fetch_add(&db->quarantined, 1);
	metric_add(METRIC_SERIES_QUARANTINED, 1);
	LOG(SERIES_FAULT, log_s("what", "quarantine"), log_s("file", path), log_i("bytes", (int64_t)n),
	        log_s("why", rc ? e.text : "damaged"));
	free(path);
	free(dir);
}

void series__damaged(void *db, const char *what, int64_t at, const void *p, size_t n)
{
	series__quarantine(db, what, at, p, n);
}

/* ---- writing ---- */

static void put_series(const struct series_db *db, uint32_t id, struct buf *b)
{
	const struct series *s = series__at(db, id);
	const struct head *h = &s->head;
	size_t late = s->late ? s->late->n : 0;
	struct label l[LABELS_MAX];
	uint8_t *p = buf_room(b, VARINT_MAX_B);

	put_varint(&p, id);
	b->n = (size_t)(p - b->p);
	series__labels_put(b, l, index_labels(&db->index, id, l));
	p = buf_room(b, 128 + h->used + late * (VARINT_MAX_B + 8));
	*p++ = (uint8_t)((s->last->t != TIME_NONE ? SAVED_POINT : 0) |
	                 (atomic_load(&s->idle) ? SAVED_IDLE : 0));
	if (s->last->t != TIME_NONE) {
		put_zigzag(&p, s->last->t);
		put_u64(&p, bits_of(s->last->v));
	}
	put_varint(&p, h->n);
	if (h->n) {
		*p++ = h->unit;
		*p++ = h->exp;
		put_zigzag(&p, h->first);
		put_zigzag(&p, h->delta);
		put_zigzag(&p, h->x);
		put_varint(&p, h->used);
		memcpy(p, h->p, h->used);
		p += h->used;
	}
	put_varint(&p, late);
	for (size_t i = 0; i < late; i++) {
		put_zigzag(&p, s->late->p[i].t);
		put_u64(&p, bits_of(s->late->p[i].v));
	}
	b->n = (size_t)(p - b->p);
}

static void put_numbers(struct buf *b, enum frame_kind kind, const uint64_t *v, int n)
{
	size_t at = frame_begin(b, kind);
	uint8_t *p = buf_room(b, (size_t)n * VARINT_MAX_B);

	for (int i = 0; i < n; i++)
		put_varint(&p, v[i]);
	b->n = (size_t)(p - b->p);
	frame_end(b, at);
}

/*
 * A piece at a time, each synced before the next, so that a commit's sync waits for no more than one of them.
 * Where nobody waits for the checkpoint the disk is the commits' for twice as long between them, unless the
 * log has grown too long meanwhile.
 */
static int write_piece(struct series_db *db, int fd, struct buf *b, bool gently, struct err *e)
{
	struct timespec until;
	dur_us took = clock_monotonic();
	int rc = file_write_all(fd, b->p, b->n, e);

	b->n = 0;
	if (!rc && fdatasync(fd) < 0)
		rc = err_errno(e, errno, "the disk did not take the checkpoint of readings");
	took = clock_monotonic() - took;
	if (rc || !gently || atomic_load(&db->log_b) > LOG_LEAST_B)
		return rc;
	took = took < REST_MOST / 2 ? 2 * took : REST_MOST;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += (long)took * 1000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_mutex_lock(&db->job_lock);
	while (!db->stopping && !db->jobs)
		if (pthread_cond_timedwait(&db->job_cond, &db->job_lock, &until) == ETIMEDOUT)
			break;
	pthread_mutex_unlock(&db->job_lock);
	return rc;
}

static int write_heads(
        struct series_db *db, int fd, uint32_t number, bool gently, uint64_t *size, struct err *e)
{
	struct buf b = {0};
	uint64_t count = 0;
	uint32_t n, id = 1;
	int rc = 0;

	*size = 0;
	pthread_rwlock_rdlock(&db->index_lock);
	n = db->index.n;
	pthread_rwlock_unlock(&db->index_lock);
	put_numbers(&b, FRAME_FILE, (uint64_t[]){FRAME_FORMAT, number, n}, 3);
	while (id <= n && !rc) {
		size_t at = 0;

		pthread_rwlock_rdlock(&db->index_lock);
		pthread_rwlock_rdlock(&db->data_lock);
		for (uint32_t i = 0; i < SLICE && id <= n; i++, id++) {
			if (!index_has(&db->index, id))
				continue;
			if (!at)
				at = frame_begin(&b, FRAME_HEADS) + 1;
			put_series(db, id, &b);
			count++;
			if (b.n - at > HEADS_FRAME_B) {
				frame_end(&b, at - 1);
				at = 0;
			}
		}
		if (at)
			frame_end(&b, at - 1);
		pthread_rwlock_unlock(&db->data_lock);
		pthread_rwlock_unlock(&db->index_lock);
		if (b.n > WRITE_B) {
			*size += b.n;
			rc = write_piece(db, fd, &b, gently, e);
		}
	}
	put_numbers(&b, FRAME_END, (uint64_t[]){count}, 1);
	if (!rc)
		rc = file_write_all(fd, b.p, b.n, e);
	*size += b.n;
	buf_fini(&b);
	return rc;
}

bool series__numbered(const char *name, const char *what, uint32_t *number)
{
	size_t n = strlen(what);
	unsigned x;
	int end = 0;

	if (strncmp(name, what, n) != 0 || sscanf(name + n, "-%8u%n", &x, &end) != 1 || name[n + (size_t)end])
		return false;
	*number = x;
	return true;
}

/* No longer needed here; the remote engine may still have to get it. */
static void remove_log(struct series_db *db, struct arena *a, const char *name)
{
	const char *path = path_join(a, db->dir, name);

	if (!db->keep_logs)
		unlink(path);
	else if (rename(path, path_join(a, path_join(a, db->dir, "queue"), name)) < 0)
		LOG(SERIES_FAULT, log_s("file", path), log_s("why", "the log cannot be moved to the queue"));
}

/* The checkpoint before this one stays: it has the labels should this one be damaged. */
static void remove_old(struct series_db *db, uint32_t number, uint32_t before)
{
	struct arena *a = arena_new(0);
	char **name;
	struct err e = ERR_INIT;

	if (file_list(a, db->dir, &name, &e) == 0) {
		for (; *name; name++) {
			uint32_t x;

			if (series__numbered(*name, "log", &x) && x < number)
				remove_log(db, a, *name);
			else if (series__numbered(*name, "heads", &x) && x < number && x != before)
				unlink(path_join(a, db->dir, *name));
		}
	}
	arena_free(&a);
}

/* Another log, unless the one at hand is empty. Making it durable takes two syncs: no commit waits for them.
 */
static int next_log(struct series_db *db, uint32_t *number, struct err *e)
{
	struct wal next = {.fd = -1}, old;
	uint32_t max_id;
	bool used;
	int rc = 0;

	pthread_mutex_lock(&db->commit_lock);
	if (db->refusing[0])
		rc = err_set(e, ERR_UNAVAILABLE, "%s", db->refusing);
	used = db->wal.synced > db->wal.begun;
	if (!used)
		db->wal.since = clock_now(db->clock);
	*number = db->wal.number + used; /* which only this thread changes */
	pthread_mutex_unlock(&db->commit_lock);
	if (rc || !used)
		return rc;
	pthread_rwlock_rdlock(&db->index_lock);
	max_id = db->index.n;
	pthread_rwlock_unlock(&db->index_lock);
	rc = wal_start(&next, db->dir, *number, max_id, clock_now(db->clock), e);
	if (rc)
		return rc;
	pthread_mutex_lock(&db->commit_lock);
	old = db->wal;
	db->wal = next;
	atomic_store(&db->log_b, db->wal.synced);
	pthread_mutex_unlock(&db->commit_lock);
	wal_close(&old);
	return 0;
}

int series__checkpoint(struct series_db *db, bool gently, struct err *e)
{
	char *temp = xasprintf("%s/heads.new", db->dir), *path = NULL;
	uint32_t number, before = db->checkpoint_now ? 0 : db->checkpoint; /* not a damaged one */
	uint64_t size;
	int fd = -1, rc = next_log(db, &number, e);

	if (rc)
		goto out;

	/* What a deletion in the logs before says of newest points has to be in the checkpoint. */
	rc = series__drain_deletions(db, e);
	if (rc)
		goto out;
	path = wal_path(db->dir, "heads", number);
	fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
	if (fd < 0) {
		rc = err_errno(e, errno, "cannot make %s", temp);
		goto out;
	}
	rc = write_heads(db, fd, number, gently, &size, e);
	if (!rc)
		rc = series__drain(db, atomic_load(&db->sealed_n), e);
	if (!rc && fsync(fd) < 0)
		rc = err_errno(e, errno, "cannot sync %s", temp);
	if (!rc && rename(temp, path) < 0)
		rc = err_errno(e, errno, "cannot make %s", path);
	if (!rc)
		rc = file_sync_dir(db->dir, e);
	if (rc)
		goto out;
	db->checkpoint = number;
	db->checkpoint_b = size;
	db->checkpoint_now = false;
	remove_old(db, number, before);
out:
	if (fd >= 0)
		close(fd);
	if (rc)
		unlink(temp);
	free(path);
	free(temp);
	return rc;
}

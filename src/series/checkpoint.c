/*
 * Checkpoints, and coming back.
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

#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"
#include "series/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define SLICE 256
#define WRITE_B (1u << 20)
#define QUARANTINE_MAX_B (16u << 20)

enum { HAS_POINT = 1, IDLE = 2 };

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
	*p++ = (uint8_t)((s->last_t != TIME_NONE ? HAS_POINT : 0) | (atomic_load(&s->idle) ? IDLE : 0));
	if (s->last_t != TIME_NONE) {
		put_zigzag(&p, s->last_t);
		put_u64(&p, bits_of(s->last_v));
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

static int write_heads(struct series_db *db, int fd, uint32_t number, uint64_t *size, struct err *e)
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
			rc = file_write_all(fd, b.p, b.n, e);
			*size += b.n;
			b.n = 0;
		}
	}
	put_numbers(&b, FRAME_END, (uint64_t[]){count}, 1);
	if (!rc)
		rc = file_write_all(fd, b.p, b.n, e);
	*size += b.n;
	buf_fini(&b);
	return rc;
}

static bool numbered(const char *name, const char *what, uint32_t *number)
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

			if (numbered(*name, "log", &x) && x < number)
				remove_log(db, a, *name);
			else if (numbered(*name, "heads", &x) && x < number && x != before)
				unlink(path_join(a, db->dir, *name));
		}
	}
	arena_free(&a);
}

int series__checkpoint(struct series_db *db, struct err *e)
{
	char *temp = xasprintf("%s/heads.new", db->dir), *path = NULL;
	uint32_t number, before = db->checkpoint_now ? 0 : db->checkpoint; /* not a damaged one */
	uint64_t size;
	int fd = -1, rc = 0;

	pthread_mutex_lock(&db->commit_lock);
	if (db->refusing[0]) {
		rc = err_set(e, ERR_UNAVAILABLE, "%s", db->refusing);
	} else if (db->wal.synced > db->wal.begun) { /* an empty one will do */
		uint32_t max_id;

		pthread_rwlock_rdlock(&db->index_lock);
		max_id = db->index.n;
		pthread_rwlock_unlock(&db->index_lock);
		rc = wal_start(&db->wal, db->dir, db->wal.number + 1, max_id, clock_now(db->clock), e);
	} else {
		db->wal.since = clock_now(db->clock);
	}
	number = db->wal.number;
	atomic_store(&db->log_b, db->wal.synced);
	pthread_mutex_unlock(&db->commit_lock);
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
	rc = write_heads(db, fd, number, &size, e);
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

/* ---- coming back ---- */

struct recovery {
	struct series_db *db;
	struct series_point *p; /* of the record at hand, for the observer */
	size_t n, cap;
	uint64_t points, unknown;
	uint32_t max_id;
	bool damaged;
	bool labels_only; /* from the checkpoint before, for series that the damaged one has lost */
};

static uint32_t add_series(struct recovery *r, uint32_t id, struct label *l, int n)
{
	struct series_db *db = r->db;
	struct labels ls = {l, n};
	struct series *s;

	if (id < 1 || id > SERIES_MAX)
		return 0;
	if (id > r->max_id)
		r->max_id = id;
	if (index_has(&db->index, id) || index_find(&db->index, &ls) || !index_add(&db->index, &ls, id))
		return 0;
	s = series__at(db, id);
	s->last_t = TIME_NONE;
	s->tail.last = INT64_MAX;
	s->logged = true;
	return id;
}

static bool load_head(struct head *h, const uint8_t **p, const uint8_t *end, uint64_t n, time_us last)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	uint64_t used;

	if (n > CODEC_POINTS || end - *p < 2)
		return false;
	*h = (struct head){.n = (uint16_t)n, .unit = (*p)[0], .exp = (*p)[1], .last = last};
	*p += 2;
	if (!get_zigzag(p, end, &h->first) || !get_zigzag(p, end, &h->delta) || !get_zigzag(p, end, &h->x) ||
	        !get_varint(p, end, &used) || used > (uint64_t)(end - *p) || used > 8 * HEAD_MAX_B)
		return false;
	h->p = xrealloc(NULL, used + 1);
	memcpy(h->p, *p, used);
	h->used = h->cap = (uint16_t)used;
	*p += used;
	if (head_decode(h, t, v))
		return true;
	head_clear(h);
	return false;
}

static bool load_series(struct recovery *r, const uint8_t **p, const uint8_t *end)
{
	struct series_db *db = r->db;
	struct label l[LABELS_MAX];
	struct series blank = {.last_t = TIME_NONE}, *s = &blank;
	struct head head = {0};
	uint64_t id, n, u;
	uint8_t flags;
	bool ok = false;
	int labels;

	if (!get_varint(p, end, &id) || id > SERIES_MAX || !series__labels_get(p, end, l, &labels) ||
	        *p == end)
		return false;
	if (add_series(r, (uint32_t)id, l, labels))
		s = series__at(db, (uint32_t)id);
	flags = *(*p)++;
	atomic_store(&s->idle, (flags & IDLE) != 0);
	if (flags & HAS_POINT) {
		if (!get_zigzag(p, end, &s->last_t) || !get_u64(p, end, &u))
			goto out;
		s->last_v = double_of(u);
	}
	if (!get_varint(p, end, &n) || (n && !load_head(&head, p, end, n, s->last_t)))
		goto out;
	if (!get_varint(p, end, &n) || n > LATE_POINTS)
		goto out;
	if (n && s != &blank && !r->labels_only) {
		uint32_t cap = 4;

		while (cap < n)
			cap *= 2;
		s->late = xrealloc(NULL, sizeof(*s->late) + cap * sizeof(s->late->p[0]));
		*s->late = (struct late){.cap = cap};
	}
	for (uint64_t i = 0; i < n; i++) {
		time_us t;

		if (!get_zigzag(p, end, &t) || !get_u64(p, end, &u))
			goto out;
		if (s->late)
			s->late->p[s->late->n++] = (struct point){t, double_of(u)};
	}
	ok = true;
out:
	if (s != &blank && !r->labels_only && head.n) {
		s->head = head;
		head = (struct head){0};
	}
	if (s != &blank && r->labels_only) { /* what it says of points is out of date */
		s->last_t = TIME_NONE;
		if (!files_latest(&db->files, (uint32_t)id, &s->last_t, &s->last_v))
			s->last_t = TIME_NONE;
	}
	head_clear(&head);
	return ok;
}

static void replay_point(void *ctx, struct series_point q)
{
	struct recovery *r = ctx;

	if (q.id.v > r->max_id)
		r->max_id = q.id.v;
	if (!index_has(&r->db->index, q.id.v)) {
		r->unknown++;
		return;
	}
	series__apply(r->db, q.id.v, q.t, q.v);
	r->points++;
	if (!r->db->observe)
		return;
	r->p = xgrow(r->p, &r->cap, r->n + 1, sizeof(*r->p));
	r->p[r->n++] = q;
}

static bool take_frame(struct recovery *r, const struct frame *f)
{
	const uint8_t *p = f->p, *end = f->p + f->n;
	uint64_t unknown = r->unknown, id, any;
	struct label l[LABELS_MAX];
	int n;
	bool ok = true;

	switch (f->kind) {
	case FRAME_FILE:
		for (int i = 0; i < 2; i++) /* format and number of the file */
			if (!get_varint(&p, end, &any))
				return false;
		if (!get_varint(&p, end, &id))
			return false;
		if (id > r->max_id && id <= SERIES_MAX)
			r->max_id = (uint32_t)id;
		return true;
	case FRAME_SERIES:
		while (p < end) {
			if (!get_varint(&p, end, &id) || id > SERIES_MAX ||
			        !series__labels_get(&p, end, l, &n))
				return false;
			add_series(r, (uint32_t)id, l, n);
		}
		return true;
	case FRAME_POINTS:
		r->n = 0;
		ok = series__points_get(p, f->n, replay_point, r);
		if (r->n)
			r->db->observe(r->db->observe_ctx, r->p, r->n, true);
		return ok && r->unknown == unknown;
	case FRAME_HEADS:
		while (p < end)
			if (!load_series(r, &p, end))
				return false;
		return true;
	case FRAME_DELETE: {
		struct ids ids = {0};
		time_us from, to;

		ok = series__deletion_get(p, f->n, &ids, &from, &to);
		if (ok)
			series__deletion_add(r->db, &ids, from, to);
		ids_fini(&ids);
		return ok;
	}
	default: return f->kind == FRAME_END;
	}
}

static int newer(const struct frame *f, const char *path, struct err *e)
{
	const uint8_t *p = f->p;
	uint64_t format;

	if (f->kind != FRAME_FILE || !get_varint(&p, f->p + f->n, &format) || format <= FRAME_FORMAT)
		return 0;
	err_set(e, ERR_NEWER, "the file has format %llu, this program knows %d", (unsigned long long)format,
	        FRAME_FORMAT);
	return err_at(e, path, 0, 0, NULL);
}

static void set_aside(struct recovery *r, struct frame_reader *f, const char *what, uint64_t at, size_t n)
{
	size_t most = n < QUARANTINE_MAX_B ? n : QUARANTINE_MAX_B;
	uint8_t *p = xrealloc(NULL, most + 1);

	series__quarantine(r->db, what, (int64_t)at, p, frame_raw(f, at, p, most));
	free(p);
	r->damaged = true;
}

/* `tail`: the newest log, whose last frame may never have been finished. */
static int load_file(struct recovery *r, const char *what, uint32_t number, bool tail, struct err *e)
{
	struct series_db *db = r->db;
	char *path = wal_path(db->dir, what, number), name[64];
	struct frame_reader in;
	struct frame f;
	bool torn = false;
	int rc, got;

	snprintf(name, sizeof(name), "%s-%08u", what, number);
	rc = frame_reader_open(&in, path, e);
	while (!rc && (got = frame_next(&in, &f, &torn)) != 0) {
		if (got < 0 && torn && tail) { /* never acknowledged */
			if (truncate(path, (off_t)f.at) < 0)
				rc = err_errno(e, errno, "cannot cut the torn end off %s", path);
			break;
		}
		if (got < 0) {
			set_aside(r, &in, name, f.at, f.n);
			continue;
		}
		rc = newer(&f, path, e);
		if (!rc && !take_frame(r, &f))
			set_aside(r, &in, name, f.at, FRAME_HEAD_B + 1 + f.n);
		if (!rc && atomic_load(&db->fifo_n) >= 8192)
			rc = series__drain(db, atomic_load(&db->sealed_n), e);
	}
	frame_reader_close(&in);
	free(path);
	return rc;
}

int series__recover(struct series_db *db, struct err *e)
{
	struct recovery r = {.db = db};
	struct arena *a = arena_new(0);
	struct ids logs = {0}, heads = {0};
	struct err start = ERR_INIT;
	uint32_t x, last = 0;
	char **name;
	int rc = file_list(a, db->dir, &name, e);

	for (; !rc && *name; name++) { /* sorted, since the numbers have leading zeros */
		if (numbered(*name, "log", &x))
			ids_add(&logs, x);
		else if (numbered(*name, "heads", &x))
			ids_add(&heads, x);
		else
			continue;
		last = x > last ? x : last;
	}
	if (!rc && heads.n) {
		db->checkpoint = heads.p[heads.n - 1];
		rc = load_file(&r, "heads", db->checkpoint, false, e);
	}
	if (!rc && r.damaged && heads.n > 1) {
		r.labels_only = true;
		rc = load_file(&r, "heads", heads.p[heads.n - 2], false, e);
		r.labels_only = false;
	}
	for (size_t i = 0; i < logs.n && !rc; i++)
		if (logs.p[i] >= db->checkpoint)
			rc = load_file(&r, "log", logs.p[i], i + 1 == logs.n, e);
	if (rc)
		goto out;
	if (r.damaged && (x = files_max_id(&db->files)) > r.max_id)
		r.max_id = x; /* blocks whose labels are lost keep their ids */
	index_reserve(&db->index, r.max_id);
	if (db->deletions && series__drain_deletions(db, &start))
		LOG(SERIES_FAULT, log_s("what", "deletion"), log_s("why", start.text)); /* tried again */
	db->checkpoint_now = r.damaged; /* else the same damage would be found again at each start */
	metric_set(METRIC_SERIES_COUNT, db->index.alive);

	if (wal_start(&db->wal, db->dir, last + 1, db->index.n, clock_now(db->clock), &start)) {
		snprintf(db->refusing, sizeof(db->refusing),
		        "no readings are taken since no log could be begun (%.300s); see to the disk, then "
		        "start "
		        "again",
		        start.text);
		LOG(SERIES_FAULT, log_s("what", "log"), log_s("why", db->refusing));
	}
	LOG(SERIES_OPEN, log_i("series", db->index.alive), log_i("replayed", (int64_t)r.points),
	        log_i("quarantined", (int64_t)atomic_load(&db->quarantined)));
out:
	ids_fini(&logs);
	ids_fini(&heads);
	free(r.p);
	arena_free(&a);
	return rc;
}

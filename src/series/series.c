#include "series/series_int.h"

#include "base/file.h"
#include "base/metric.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUEUE_POINTS 4000000
#define QUEUE_BATCHES 4000000
#define CACHE_B ((size_t)256 << 20)
#define SELECTIONS_PART 8 /* so much of that beside it, for what selectors found */

/* A stream of readers must not keep the committer out. */
static void init_rwlock(pthread_rwlock_t *l)
{
	pthread_rwlockattr_t attr;

	must(pthread_rwlockattr_init(&attr) == 0);
	must(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
	must(pthread_rwlock_init(l, &attr) == 0);
	pthread_rwlockattr_destroy(&attr);
}

static void init_cond(pthread_cond_t *c)
{
	pthread_condattr_t attr;

	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(c, &attr) == 0);
	pthread_condattr_destroy(&attr);
}

int series__lock(const char *dir, int *fd, struct err *e)
{
	char *path = xasprintf("%s/lock", dir);
	int rc = 0;

	*fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (*fd < 0)
		rc = err_errno(e, errno, "cannot open %s", path);
	else if (flock(*fd, LOCK_EX | LOCK_NB) < 0)
		rc = err_set(e, ERR_STATE, "%s is in use by another process", dir);
	free(path);
	return rc;
}

static void free_series(struct series_db *db)
{
	while (db->fifo) {
		struct block *b = db->fifo;

		db->fifo = b->next;
		free(b);
	}
	for (uint32_t id = 1; id <= db->index.n; id++) {
		struct series *s = series__at(db, id);

		head_clear(&s->head);
		free(s->late);
	}
}

static void destroy(struct series_db *db)
{
	free_series(db);
	while (db->deletions) { /* the log has it */
		struct deletion *d = db->deletions;

		db->deletions = d->next;
		series__deletion_free(d);
	}
	while (db->broken) {
		struct broken *b = db->broken;

		db->broken = b->next;
		free(b);
	}
	columns_fini(&db->columns);
	index_fini(&db->index);
	if (db->files.dir)
		files_close(&db->files);
	wal_close(&db->wal);
	buf_fini(&db->out);
	ids_fini(&db->fresh);
	queue_free(&db->queue);
	if (db->lock_fd >= 0)
		close(db->lock_fd);
	pthread_rwlock_destroy(&db->index_lock);
	pthread_rwlock_destroy(&db->data_lock);
	pthread_rwlock_destroy(&db->seal_lock);
	pthread_mutex_destroy(&db->commit_lock);
	pthread_mutex_destroy(&db->job_lock);
	pthread_mutex_destroy(&db->spare_lock);
	selections_fini(&db->selections);
	free(db->spare.t);
	free(db->spare.v);
	pthread_cond_destroy(&db->job_cond);
	pthread_cond_destroy(&db->done_cond);
	free(db->dir);
	db->magic = 0;
	free(db);
}

int series_open(const struct series_options *o, struct series_db **out, struct err *e)
{
	struct series_db *db = xcalloc(1, sizeof(*db));
	int rc;

	db->magic = SERIES_MAGIC;
	db->dir = xstrdup(o->dir);
	db->lock_fd = db->wal.fd = -1;
	db->clock = o->clock;
	db->durability = o->durability;
	db->queue_points = o->queue_points ? o->queue_points : QUEUE_POINTS;
	db->head_age = o->head_age ? o->head_age : US_HOUR;
	db->keep_logs = o->keep_logs;
	db->observe = o->observe;
	db->observe_ctx = o->observe_ctx;
	init_rwlock(&db->index_lock);
	init_rwlock(&db->data_lock);
	init_rwlock(&db->seal_lock);
	must(pthread_mutex_init(&db->commit_lock, NULL) == 0);
	must(pthread_mutex_init(&db->job_lock, NULL) == 0);
	must(pthread_mutex_init(&db->spare_lock, NULL) == 0);
	init_cond(&db->job_cond);
	init_cond(&db->done_cond);
	db->queue = queue_new(QUEUE_BATCHES);
	columns_init(&db->columns, o->cache_b ? o->cache_b : CACHE_B);
	selections_init(&db->selections, (o->cache_b ? o->cache_b : CACHE_B) / SELECTIONS_PART);
	index_init(&db->index, sizeof(struct series), offsetof(struct series, index),
	        &(struct point){.t = TIME_NONE}, sizeof(struct point));

	rc = file_mkdirs(db->dir, e);
	if (!rc && db->keep_logs) {
		char *queue = xasprintf("%s/queue", db->dir);

		rc = file_mkdirs(queue, e);
		free(queue);
	}
	if (!rc)
		rc = series__lock(db->dir, &db->lock_fd, e);
	if (!rc)
		rc = files_open(&db->files, db->dir, o->partition ? o->partition : 7 * US_DAY,
		        o->durability == SERIES_FSYNC, e);
	if (!rc) {
		db->files.damaged = series__damaged;
		db->files.ctx = db;
		rc = series__recover(db, e);
	}
	if (rc) {
		err_prefix(e, "opening the series in %s", o->dir);
		destroy(db);
		return rc;
	}
	atomic_store(&db->log_b, db->wal.synced);
	thread_start(&db->committer, "committer", series__commit_run, db);
	thread_start(&db->sealer, "sealer", series__seal_run, db);
	*out = db;
	return 0;
}

void series_close(struct series_db **dbp)
{
	struct series_db *db = *dbp;

	if (!db)
		return;
	OBJ_CHECK(db, SERIES_MAGIC);
	*dbp = NULL;
	queue_close(db->queue);
	pthread_join(db->committer, NULL);
	pthread_mutex_lock(&db->job_lock);
	db->stopping = true;
	pthread_cond_signal(&db->job_cond);
	pthread_mutex_unlock(&db->job_lock);
	pthread_join(db->sealer, NULL);
	destroy(db);
}

void series_set_virtual(struct series_db *db, const struct series_virtual *v)
{
	pthread_rwlock_wrlock(&db->index_lock);
	db->virt = v;
	db->index.changes++; /* as good as one: other labels */
	pthread_rwlock_unlock(&db->index_lock);
}

/* ---- writing ---- */

int series_labels_check(const struct labels *ls, struct err *e)
{
	size_t bytes = 0;

	if (ls->n < 1)
		return err_set(e, ERR_INVALID, "a series needs at least one label");
	if (ls->n > LABELS_MAX)
		return err_set(
		        e, ERR_TOOBIG, "a series has at most %d labels, this one %d", LABELS_MAX, ls->n);
	for (int i = 0; i < ls->n; i++) {
		bytes += ls->l[i].name.n + ls->l[i].value.n;
		if (!ls->l[i].name.n || !ls->l[i].value.n)
			return err_set(e, ERR_INVALID, "a label without a name or a value");
		if (i && str_cmp(ls->l[i - 1].name, ls->l[i].name) >= 0)
			return err_set(e, ERR_INVALID, "labels are not sorted, or one is given twice");
	}
	if (bytes > LABELS_MAX_B)
		return err_set(e, ERR_TOOBIG, "the labels of a series have at most %d bytes", LABELS_MAX_B);
	return 0;
}

/*
 * Sets that are looked at together: their hashes are made without any lock, and the memory is asked for the
 * places of all before the first is looked at. The index is held for writing only to add those that are new.
 */
#define SOME_SETS 64
struct resolving {
	struct series_db *db;
	const struct labels *ls;
	size_t n;
	struct index_key key[SOME_SETS];
	uint32_t id[SOME_SETS]; /* 0: unknown */
};

static uint32_t find(struct resolving *r, size_t i)
{
	uint32_t id = index_find_keyed(&r->db->index, &r->ls[i], &r->key[i]);

	if (id && atomic_load_explicit(&series__at(r->db, id)->idle, memory_order_relaxed))
		atomic_store(&series__at(r->db, id)->idle, false); /* somebody means to write to it */
	return id;
}

/* False when some are unknown. */
static bool find_all(struct resolving *r)
{
	const struct index *x = &r->db->index;
	bool all = true;

	pthread_rwlock_rdlock(&r->db->index_lock);
	for (size_t i = 0; i < r->n; i++)
		index_soon(x, &r->key[i], r->ls[i].n);
	for (size_t i = 0; i < r->n; i++)
		index_sooner(x, &r->key[i], r->ls[i].n);
	for (size_t i = 0; i < r->n; i++) {
		r->id[i] = find(r, i);
		all = all && r->id[i];
	}
	pthread_rwlock_unlock(&r->db->index_lock);
	return all;
}

static void add_unknown(struct resolving *r)
{
	struct series_db *db = r->db;

	pthread_rwlock_wrlock(&db->index_lock);
	for (size_t i = 0; i < r->n; i++) {
		struct series *s;

		if (r->id[i])
			continue;
		r->id[i] = index_add_keyed(&db->index, &r->ls[i], &r->key[i], 0);
		if (!r->id[i]) { /* somebody was quicker, or it is the one before; or there is room for no
			            more */
			r->id[i] = find(r, i);
			continue;
		}
		s = series__at(db, r->id[i]);
		s->last = series__last(db, r->id[i]);
		s->tail = (struct block_tail){.last = TIME_NONE, .n = HEAD_POINTS};
	}
	metric_set(METRIC_SERIES_COUNT, db->index.alive);
	pthread_rwlock_unlock(&db->index_lock);
}

static int resolve_some(struct resolving *r, series_id *out, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < r->n; i++) {
		rc = series_labels_check(&r->ls[i], e);
		if (rc)
			r->n = i; /* those before it are taken */
		else
			index_key(&r->ls[i], &r->key[i]);
	}
	if (!find_all(r))
		add_unknown(r);
	for (size_t i = 0; i < r->n; i++) {
		if (!r->id[i])
			return err_set(e, ERR_BUSY, "no more than %d series are taken", SERIES_MAX);
		out[i].v = r->id[i];
	}
	return rc;
}

int series_resolve_many(
        struct series_db *db, const struct labels *ls, size_t n, series_id *out, struct err *e)
{
	struct resolving r;
	int rc = 0;

	r.db = db;
	for (size_t at = 0; at < n && !rc; at += SOME_SETS) {
		r.ls = ls + at;
		r.n = n - at < SOME_SETS ? n - at : SOME_SETS;
		rc = resolve_some(&r, out + at, e);
	}
	return rc;
}

int series_resolve(struct series_db *db, const struct labels *ls, series_id *out, struct err *e)
{
	return series_resolve_many(db, ls, 1, out, e);
}

bool series_post(struct series_db *db, struct series_batch *b)
{
	size_t n = b->n;

	if (n > 0 && atomic_load_explicit(&db->full, memory_order_relaxed))
		return false;
	if (atomic_fetch_add(&db->waiting, n) + n > db->queue_points || !queue_push(db->queue, &b->node)) {
		atomic_fetch_sub(&db->waiting, n);
		return false;
	}
	return true;
}

struct waiter {
	struct series_batch b;
	pthread_mutex_t lock;
	pthread_cond_t cond;
	bool done;
	int rc;
	struct err *e;
};

static void wake_waiter(struct series_batch *b, int rc, const struct err *e)
{
	struct waiter *w = CONTAINER_OF(b, struct waiter, b);

	pthread_mutex_lock(&w->lock);
	w->done = true;
	w->rc = rc;
	if (rc && w->e)
		*w->e = *e;
	pthread_cond_signal(&w->cond);
	pthread_mutex_unlock(&w->lock);
}

int series_append(struct series_db *db, const struct series_point *p, size_t n, struct err *e)
{
	struct waiter w = {.b = {.p = p, .n = n, .done = wake_waiter}, .e = e};

	must(pthread_mutex_init(&w.lock, NULL) == 0);
	must(pthread_cond_init(&w.cond, NULL) == 0);
	if (series_post(db, &w.b)) {
		pthread_mutex_lock(&w.lock);
		while (!w.done)
			pthread_cond_wait(&w.cond, &w.lock);
		pthread_mutex_unlock(&w.lock);
	} else {
		w.rc = err_set(e, ERR_BUSY, "too many readings wait to be stored; try again");
	}
	pthread_cond_destroy(&w.cond);
	pthread_mutex_destroy(&w.lock);
	return w.rc;
}

int series__job(struct series_db *db, struct job *j, struct err *e)
{
	struct job **at;
	int rc = series_append(db, NULL, 0, e); /* what was posted before is in */

	if (rc)
		return rc;
	pthread_mutex_lock(&db->job_lock);
	for (at = &db->jobs; *at; at = &(*at)->next)
		;
	*at = j;
	pthread_cond_signal(&db->job_cond);
	while (!j->done)
		pthread_cond_wait(&db->done_cond, &db->job_lock);
	pthread_mutex_unlock(&db->job_lock);
	if (j->rc && e)
		*e = j->err;
	return j->rc;
}

int series_flush(struct series_db *db, struct err *e)
{
	struct job j = {.kind = JOB_FLUSH};

	return series__job(db, &j, e);
}

int series_expire(struct series_db *db, time_us t, struct err *e)
{
	struct job j = {.kind = JOB_EXPIRE, .t = t};

	return series__job(db, &j, e);
}

int series_snapshot(struct series_db *db, const char *dir, const bool *cancel, struct err *e)
{
	struct job j = {.kind = JOB_SNAPSHOT, .dir = dir, .cancel = cancel};

	return series__job(db, &j, e);
}

void series_stats(struct series_db *db, struct series_stats *out)
{
	*out = (struct series_stats){.log_bytes = atomic_load(&db->log_b),
	        .commits = atomic_load(&db->commits),
	        .quarantined = atomic_load(&db->quarantined),
	        .last_sync_us = atomic_load(&db->last_sync_us)};
	files_stats(&db->files, &out->blocks, &out->block_bytes);
	out->blocks += atomic_load(&db->fifo_n);
	pthread_mutex_lock(&db->columns.lock);
	out->cache_bytes = db->columns.bytes;
	out->cache_hits = db->columns.hits;
	out->cache_misses = db->columns.misses;
	pthread_mutex_unlock(&db->columns.lock);
	pthread_mutex_lock(&db->selections.lock);
	out->selection_b = db->selections.bytes;
	out->selection_hits = db->selections.hits;
	out->selection_misses = db->selections.misses;
	pthread_mutex_unlock(&db->selections.lock);
	pthread_rwlock_rdlock(&db->index_lock);
	pthread_rwlock_rdlock(&db->data_lock);
	out->series = db->index.alive;
	for (uint32_t id = 1; id <= db->index.n; id++) {
		const struct series *s = series__at(db, id);

		out->points_head += s->head.n + (s->late ? s->late->n : 0);
	}
	pthread_rwlock_unlock(&db->data_lock);
	pthread_rwlock_unlock(&db->index_lock);
}

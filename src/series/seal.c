/* The sealer: blocks into their files, checkpoints, and what callers wish of the database as a whole. */
#include "series/series_int.h"

#include "base/log.h"
#include "base/metric.h"

#include <errno.h>

#define BATCH 4096 /* blocks in one transaction */
#define SLICE 256  /* series looked at while the committer waits */
#define REST_S 1   /* until the sealer looks after things again by itself */
#define PACK_EVERY (5 * US_MINUTE)
#define PACK_WAIT_B (INT64_C(512) << 20) /* for the packing of larger files nobody waits */

void series__seal_wake(struct series_db *db)
{
	pthread_mutex_lock(&db->job_lock);
	db->wake = true;
	pthread_cond_signal(&db->job_cond);
	pthread_mutex_unlock(&db->job_lock);
}

/* The oldest n blocks have found their files. */
static void forget_blocks(struct series_db *db, size_t n)
{
	struct block *gone = NULL;

	pthread_rwlock_wrlock(&db->data_lock);
	gone = db->fifo;
	for (size_t i = 0; i < n; i++) {
		struct block *b = db->fifo;
		struct series *s = series__at(db, b->series);

		s->filed = b->t1 > s->filed ? b->t1 : s->filed;
		must(s->sealed == b); /* a series' blocks stand in the queue in their order */
		s->sealed = b->younger;
		if (!s->sealed)
			s->newest = NULL;
		db->fifo = b->next;
		atomic_fetch_sub(&db->fifo_b, b->len + sizeof(*b));
	}
	if (!db->fifo)
		db->fifo_tail = NULL;
	atomic_fetch_sub(&db->fifo_n, n);
	pthread_rwlock_unlock(&db->data_lock);
	for (size_t i = 0; i < n; i++) {
		struct block *next = gone->next;

		free(gone);
		gone = next;
	}
	atomic_fetch_add(&db->written_n, n);
}

/* Full heads become blocks here, off the committer's way: what is read of them meanwhile is the heads. */
static void encode(struct block_item *item, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!item[i].b->raw)
			continue;
		item[i].b = block_encoded(item[i].b);
		item[i].made = true;
	}
}

static void free_encoded(struct block_item *item, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (item[i].made)
			free(item[i].b);
}

/* What stands before the next deletion, or that itself. *n 0: there is nothing left to do. */
static int drain_some(struct series_db *db, struct block_item *item, size_t *n, struct err *e)
{
	size_t most = BATCH;
	int rc;

	*n = 0;
	pthread_rwlock_rdlock(&db->data_lock);
	if (db->deletions && db->deletions->upto - atomic_load(&db->written_n) < most)
		most = db->deletions->upto - atomic_load(&db->written_n);
	for (struct block *b = db->fifo; b && *n < most; b = b->next)
		item[(*n)++] = (struct block_item){.b = b, .tail = &series__at(db, b->series)->tail};
	pthread_rwlock_unlock(&db->data_lock);
	if (!most) {
		*n = 1;
		return series__deletion_run(db, e);
	}
	if (!*n)
		return 0;
	encode(item, *n);
	rc = files_write(&db->files, item, *n, e);
	/* From the commit on a new view sees the blocks; until they leave the memory none is opened. */
	if (!rc) {
		pthread_rwlock_wrlock(&db->seal_lock);
		rc = files_commit(&db->files, e);
		if (!rc)
			forget_blocks(db, *n);
		pthread_rwlock_unlock(&db->seal_lock);
	}
	if (rc)
		files_rollback(&db->files, item, *n);
	else
		LOG(SERIES_SEAL, log_i("blocks", (int64_t)*n));
	free_encoded(item, *n);
	return rc;
}

static bool deletion_due(struct series_db *db)
{
	bool due;

	pthread_rwlock_rdlock(&db->data_lock);
	due = db->deletions && db->deletions->upto <= atomic_load(&db->written_n);
	pthread_rwlock_unlock(&db->data_lock);
	return due;
}

/* Until as many blocks were written as had been sealed at some moment, and no deletion waits for them. */
int series__drain(struct series_db *db, uint64_t upto, struct err *e)
{
	struct block_item *item = xcalloc(BATCH, sizeof(*item));
	struct err why = ERR_INIT;
	size_t n = 1;
	int rc = 0;

	while (!rc && n && (atomic_load(&db->written_n) < upto || deletion_due(db)))
		rc = drain_some(db, item, &n, &why);
	free(item);
	pthread_mutex_lock(&db->job_lock);
	snprintf(db->seal_error, sizeof(db->seal_error), "%s", rc ? why.text : "");
	pthread_cond_broadcast(&db->done_cond);
	pthread_mutex_unlock(&db->job_lock);
	if (rc && e)
		*e = why;
	return rc;
}

int series__drain_deletions(struct series_db *db, struct err *e)
{
	uint64_t upto = 0;

	pthread_rwlock_rdlock(&db->data_lock);
	for (const struct deletion *d = db->deletions; d; d = d->next)
		upto = d->upto;
	pthread_rwlock_unlock(&db->data_lock);
	return series__drain(db, upto, e);
}

static void seal_all(struct series_db *db)
{
	uint32_t n;

	pthread_rwlock_rdlock(&db->index_lock);
	n = db->index.n;
	pthread_rwlock_unlock(&db->index_lock);
	for (uint32_t id = 1; id <= n;) {
		pthread_rwlock_wrlock(&db->data_lock);
		for (uint32_t i = 0; i < SLICE && id <= n; i++, id++)
			series__seal(db, id);
		pthread_rwlock_unlock(&db->data_lock);
	}
}

static int flush(struct series_db *db, struct err *e)
{
	int rc;

	seal_all(db);
	rc = series__drain(db, atomic_load(&db->sealed_n), e);
	return rc ? rc : series__checkpoint(db, false, e);
}

/* The room that points left goes back to the disk, where that does not take long; what came meanwhile is
 * written in between. */
static int pack_all(struct series_db *db, struct err *e)
{
	int rc;

	while ((rc = files_pack(&db->files, clock_now(db->clock) - US_HOUR, PACK_WAIT_B, true, e)) > 0) {
		rc = series__drain(db, atomic_load(&db->sealed_n), e);
		if (rc)
			break;
	}
	return rc;
}

/*
 * A series without points is hidden by one expiry and forgotten by the next, so that whoever has
 * just resolved it has time to post. Its id is never given again.
 */
static int expire(struct series_db *db, time_us t, struct err *e)
{
	uint32_t n;
	int rc;

	seal_all(db);
	rc = series__drain(db, atomic_load(&db->sealed_n), e);
	if (rc)
		return rc;
	pthread_mutex_lock(&db->commit_lock); /* no group is between its look at the ids and their heads */
	pthread_rwlock_wrlock(&db->seal_lock);
	pthread_rwlock_wrlock(&db->index_lock);
	pthread_rwlock_wrlock(&db->data_lock);
	n = db->index.n;
	for (uint32_t id = 1; id <= n; id++) {
		struct series *s = series__at(db, id);
		bool empty = !s->head.n && !s->late && !s->sealed;

		s->settled++;
		if (!index_has(&db->index, id) || !empty)
			continue;
		if (s->last->t != TIME_NONE && s->last->t < t &&
		        files_span_last(&db->files, s->last->t) < t) {
			s->last->t = TIME_NONE;
			s->tail = (struct block_tail){.last = TIME_NONE, .n = HEAD_POINTS};
			atomic_store(&s->idle, true);
		} else if (s->last->t == TIME_NONE && atomic_load(&s->idle)) {
			pthread_mutex_lock(&db->columns.lock);
			columns_drop(&db->columns, &s->column);
			pthread_mutex_unlock(&db->columns.lock);
			index_remove(&db->index, id);
			s->logged = false;
		} else {
			atomic_store(&s->idle, s->last->t == TIME_NONE);
		}
	}
	files_expire(&db->files, t);
	metric_set(METRIC_SERIES_COUNT, db->index.alive);
	pthread_rwlock_unlock(&db->data_lock);
	pthread_rwlock_unlock(&db->index_lock);
	pthread_rwlock_unlock(&db->seal_lock);
	pthread_mutex_unlock(&db->commit_lock);
	rc = series__checkpoint(db, false, e);
	return rc ? rc : pack_all(db, e);
}

static int delete (struct series_db *db, struct err *e)
{
	int rc;

	db->unreadable = 0;
	rc = series__drain(db, atomic_load(&db->sealed_n), e);
	if (!rc && db->stopped) { /* or the log would say it again at the next start; who stops does not wait
		                     for more */
		rc = series__checkpoint(db, false, e);
		db->stopped = rc != 0;
	} else if (!rc) {
		rc = pack_all(db, e);
	}
	if (!rc && db->unreadable)
		rc = err_set(e, ERR_CORRUPT,
		        "%d block files are damaged and keep their readings; repair them, then "
		        "delete again",
		        db->unreadable);
	return rc;
}

/* The log goes first: what is replayed from it must not be told twice by a roll-up. */
static int roll(struct series_db *db, const struct job *j, struct err *e)
{
	int rc = series__drain(db, atomic_load(&db->sealed_n), e);

	if (!rc)
		rc = series__checkpoint(db, false, e);
	if (!rc)
		rc = series__roll(db, j, e);
	return rc ? rc : pack_all(db, e);
}

static void remove_broken(struct series_db *db)
{
	struct broken *b;

	pthread_mutex_lock(&db->job_lock);
	b = db->broken;
	db->broken = NULL;
	pthread_mutex_unlock(&db->job_lock);
	while (b) {
		struct broken *next = b->next;
		struct err e = ERR_INIT;

		if (files_remove_broken(&db->files, b->file, b->series, b->t0, &e))
			LOG(SERIES_FAULT, log_s("what", "quarantine"), log_s("why", e.text));
		pthread_rwlock_wrlock(&db->data_lock);
		series__at(db, b->series)->settled++;
		pthread_rwlock_unlock(&db->data_lock);
		free(b);
		b = next;
	}
}

/* The log is replayed at the next start, which is to take no longer than reading the heads does; and it is no
 * older than asked. */
static bool checkpoint_due(struct series_db *db)
{
	uint64_t most = db->checkpoint_b / 2 > LOG_LEAST_B ? db->checkpoint_b / 2 : LOG_LEAST_B;
	time_us since;
	bool used;

	if (db->checkpoint_now || atomic_load(&db->log_b) > most)
		return true;
	pthread_mutex_lock(&db->commit_lock);
	since = db->wal.since;
	used = db->wal.synced > db->wal.begun;
	pthread_mutex_unlock(&db->commit_lock);
	return used && clock_now(db->clock) - since >= db->head_age;
}

/* A file whose time is over, now and then: a thread is at it while the sealer looks after everything else. */
static int pack(struct series_db *db, struct err *e)
{
	int rc;

	if (!db->files.packer && clock_monotonic() - db->packed_at < PACK_EVERY)
		return 0;
	rc = files_pack(&db->files, clock_now(db->clock) - US_HOUR, INT64_MAX, false, e);
	if (rc != PACK_MORE)
		db->packed_at = clock_monotonic();
	return rc;
}

static void routine(struct series_db *db)
{
	struct err e = ERR_INIT;
	int rc = 0;

	remove_broken(db);
	if (atomic_load(&db->fifo_n) >= FIFO_WAKE || db->seal_error[0] || deletion_due(db))
		rc = series__drain(db, atomic_load(&db->sealed_n), &e);
	if (!rc && checkpoint_due(db))
		rc = series__checkpoint(db, true, &e);
	if (!rc)
		rc = pack(db, &e);
	if (rc < 0)
		LOG(SERIES_FAULT, log_s("what", "seal"), log_s("why", e.text));
}

static void run_job(struct series_db *db, struct job *j)
{
	switch (j->kind) {
	case JOB_FLUSH: j->rc = flush(db, &j->err); break;
	case JOB_EXPIRE: j->rc = expire(db, j->t, &j->err); break;
	case JOB_DELETE: j->rc = delete (db, &j->err); break;
	case JOB_ROLL: j->rc = roll(db, j, &j->err); break;
	case JOB_SNAPSHOT: j->rc = series__snapshot(db, j->dir, j->cancel, &j->err); break;
	}
	if (j->rc)
		LOG(SERIES_FAULT, log_s("what", "job"), log_s("why", j->err.text));
}

void *series__seal_run(void *arg)
{
	struct series_db *db = arg;

	for (;;) {
		struct timespec until;
		struct job *j = NULL;
		bool stop;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec += REST_S;
		pthread_mutex_lock(&db->job_lock);
		while (!db->stopping && !db->wake && !db->jobs)
			if (pthread_cond_timedwait(&db->job_cond, &db->job_lock, &until) == ETIMEDOUT)
				break;
		db->wake = false;
		stop = db->stopping;
		j = db->jobs;
		if (j)
			db->jobs = j->next;
		pthread_mutex_unlock(&db->job_lock);
		if (stop && !j)
			return NULL;
		if (j)
			run_job(db, j);
		else
			routine(db);
		if (j) {
			pthread_mutex_lock(&db->job_lock);
			j->done = true;
			pthread_cond_broadcast(&db->done_cond);
			pthread_mutex_unlock(&db->job_lock);
		}
	}
}

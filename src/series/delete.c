/*
 * Taking points out of series again.
 *
 * A deletion is a record of the log, so that it is durable before anything changes, and a place in the row
 * of sealed blocks, so that it is clear what was written before it: what is before it is in the files when
 * the sealer comes to it, and what is behind it is still in memory. Coming back after a crash it is done
 * again at the same place of the log; points that were written after it come after it then too.
 *
 * FRAME_DELETE: first and last instant (zigzag), then the ids, each as the difference from the one before.
 */
#include "series/select_int.h"

#include "base/fault.h"
#include "series/bytes.h"

#include <signal.h>

#define IDS_FRAME 500000 /* ids of one record */
/* A NaN that no reading is: the newest value is gone, and the same one may be sent again. */
#define GONE UINT64_C(0x7ff8dead00000001)

void series__deletion_free(struct deletion *d)
{
	ids_fini(&d->ids);
	free(d->last);
	free(d);
}

bool series__deletion_get(const uint8_t *p, size_t n, struct ids *ids, time_us *from, time_us *to)
{
	const uint8_t *end = p + n;
	uint64_t id = 0, more;

	if (!get_zigzag(&p, end, from) || !get_zigzag(&p, end, to))
		return false;
	while (p < end) {
		if (!get_varint(&p, end, &more) || more < 1 || more > SERIES_MAX || id + more > SERIES_MAX)
			return false;
		id += more;
		ids_add(ids, (uint32_t)id);
	}
	return true;
}

static void put_deletion(struct buf *b, const uint32_t *id, size_t n, time_us from, time_us to)
{
	size_t at = frame_begin(b, FRAME_DELETE);
	uint8_t *p = buf_room(b, (n + 2) * VARINT_MAX_B);
	uint32_t before = 0;

	put_zigzag(&p, from);
	put_zigzag(&p, to);
	for (size_t i = 0; i < n; i++) {
		put_varint(&p, id[i] - before);
		before = id[i];
	}
	b->n = (size_t)(p - b->p);
	frame_end(b, at);
}

static bool late_within(const struct late *l, time_us from, time_us to)
{
	for (uint32_t i = 0; l && i < l->n; i++)
		if (l->p[i].t >= from && l->p[i].t <= to)
			return true;
	return false;
}

void series__deletion_add(
        struct series_db *db, struct ids *ids, time_us from, time_us to, struct deleting *by)
{
	struct deletion *d = xcalloc(1, sizeof(*d)), **at = &db->deletions;

	*d = (struct deletion){.from = from, .to = to, .by = by};
	d->last = xcalloc(ids->n + 1, sizeof(*d->last));
	for (size_t i = 0; i < ids->n; i++) {
		struct series *s;

		if (!index_has(&db->index, ids->p[i]))
			continue;
		s = series__at(db, ids->p[i]);
		if ((s->head.n && s->head.first <= to && s->head.last >= from) ||
		        late_within(s->late, from, to))
			series__seal(db, ids->p[i]);
		d->last[d->ids.n] = s->last->t;
		ids_add(&d->ids, ids->p[i]);
		if (s->last->t != TIME_NONE && s->last->t >= from && s->last->t <= to)
			s->last->v = double_of(GONE);
	}
	d->upto = atomic_load(&db->sealed_n);
	while (*at)
		at = &(*at)->next;
	*at = d;
}

/* ---- carrying it out ---- */

/* Newest of what a series still has, after what it had is gone from the files. */
static void find_last(struct series *s, bool filed, time_us t, double v)
{
	time_us ts[CODEC_POINTS];
	double vs[CODEC_POINTS];

	s->last->t = filed ? t : TIME_NONE;
	s->last->v = v;
	for (const struct block *b = s->sealed; b; b = b->younger) {
		if (s->last->t != TIME_NONE && b->t1 < s->last->t)
			continue;
		block_points(b, ts, vs);
		s->last->t = b->t1;
		s->last->v = vs[b->n - 1];
	}
	for (uint32_t i = 0; s->late && i < s->late->n; i++) {
		if (s->last->t != TIME_NONE && s->late->p[i].t < s->last->t)
			continue;
		s->last->t = s->late->p[i].t;
		s->last->v = s->late->p[i].v;
	}
}

static bool lost_its_last(const struct series *s, const struct deletion *d, size_t i)
{
	return s->last->t != TIME_NONE && s->last->t == d->last[i] && bits_of(s->last->v) == GONE;
}

static int forget_points(struct series_db *db, const struct deletion *d, struct err *e)
{
	for (size_t i = 0; i < d->ids.n; i++) {
		struct series *s = NULL;
		time_us t = TIME_NONE;
		double v = 0;
		bool lost;
		int filed;

		pthread_rwlock_rdlock(&db->index_lock);
		if (index_has(&db->index, d->ids.p[i]))
			s = series__at(db, d->ids.p[i]);
		pthread_rwlock_unlock(&db->index_lock);
		if (!s)
			continue;
		s->tail.last = INT64_MAX; /* what the files have of it has changed */
		pthread_rwlock_wrlock(&db->data_lock);
		s->settled++;
		lost = lost_its_last(s, d, i);
		pthread_rwlock_unlock(&db->data_lock);
		if (!lost)
			continue;
		filed = files_latest(&db->files, d->ids.p[i], &t, &v, e);
		if (filed < 0)
			return filed;
		pthread_rwlock_wrlock(&db->data_lock);
		if (lost_its_last(s, d, i)) {
			find_last(s, filed, t, v);
			if (s->last->t == TIME_NONE)
				atomic_store(&s->idle, true);
		}
		pthread_rwlock_unlock(&db->data_lock);
	}
	return 0;
}

static void add_removed(struct series_care *care, const struct thinned *x)
{
	care->removed.points += x->points;
	care->removed.rolled += x->rolled;
	care->removed.bytes += x->bytes;
}

static int commit_files(struct series_db *db, struct err *e)
{
	int rc;

	pthread_rwlock_wrlock(&db->seal_lock);
	rc = files_commit(&db->files, e);
	pthread_rwlock_unlock(&db->seal_lock);
	return rc;
}

/* Adds up what was done of it; whether it is to be stopped. */
static bool tell_asker(struct series_db *db, const struct deletion *d, const struct thinned *done)
{
	bool stop;

	pthread_rwlock_wrlock(&db->data_lock);
	if (d->by && d->by->care)
		add_removed(d->by->care, done);
	stop = d->by && d->by->cancel && __atomic_load_n(d->by->cancel, __ATOMIC_RELAXED);
	pthread_rwlock_unlock(&db->data_lock);
	return stop;
}

int series__deletion_run(struct series_db *db, struct err *e)
{
	struct thinned done = {0};
	struct thinning x = {0};
	struct deletion *d;
	bool stopped;
	size_t at = 0;
	int rc, unreadable = 0;

	pthread_rwlock_rdlock(&db->data_lock);
	d = db->deletions;
	if (d->by && d->by->care) {
		x.tell = d->by->care->tell;
		x.ctx = d->by->care->ctx;
	}
	pthread_rwlock_unlock(&db->data_lock);
	x.id = d->ids.p;
	x.n = d->ids.n;
	x.from = d->from;
	x.to = d->to;
	stopped = tell_asker(db, d, &done);
	/* File by file: what is done stays done, and between two of them it may be stopped. */
	while (!stopped && (rc = files_delete(&db->files, &x, &at, &done, &unreadable, e)) != 0) {
		if (rc == 1)
			rc = commit_files(db, e);
		if (rc) {
			files_rollback(&db->files, NULL, 0);
			return rc;
		}
		stopped = tell_asker(db, d, &done);
		done = (struct thinned){0};
	}
	rc = forget_points(db, d, e);
	if (rc) /* the deletion comes again, and finds nothing more to take out */
		return rc;
	db->unreadable += unreadable;
	db->stopped |= stopped;
	pthread_rwlock_wrlock(&db->data_lock);
	if (d->by)
		d->by->stopped |= stopped;
	db->deletions = d->next;
	pthread_rwlock_unlock(&db->data_lock);
	series__deletion_free(d);
	return 0;
}

/* Whoever asked does not wait any longer. */
static void deletions_forsake(struct series_db *db, const struct deleting *by)
{
	pthread_rwlock_wrlock(&db->data_lock);
	for (struct deletion *d = db->deletions; d; d = d->next)
		if (d->by == by)
			d->by = NULL;
	pthread_rwlock_unlock(&db->data_lock);
}

static void unsettle(struct series_db *db, const struct ids *ids)
{
	pthread_rwlock_rdlock(&db->index_lock);
	pthread_rwlock_wrlock(&db->data_lock);
	for (size_t i = 0; i < ids->n; i++) {
		if (!index_has(&db->index, ids->p[i]))
			continue;
		series__at(db, ids->p[i])->settled++;
		series__at(db, ids->p[i])->tail.last = INT64_MAX;
	}
	pthread_rwlock_unlock(&db->data_lock);
	pthread_rwlock_unlock(&db->index_lock);
}

int series__roll(struct series_db *db, const struct job *j, struct err *e)
{
	const struct thinning x = {.id = j->ids->p,
	        .n = j->ids->n,
	        .to = j->t,
	        .tell = j->care ? j->care->tell : NULL,
	        .ctx = j->care ? j->care->ctx : NULL};
	struct thinned done = {0};
	size_t at = 0;
	int rc;

	while ((rc = files_roll(&db->files, &x, j->step, &at, &done, e)) == 1) {
		rc = commit_files(db, e); /* file by file: what is done stays done */
		unsettle(db, j->ids);
		if (rc)
			break;
		if (j->care)
			add_removed(j->care, &done);
		done = (struct thinned){0};
		if (j->cancel && __atomic_load_n(j->cancel, __ATOMIC_RELAXED))
			return err_set(e, ERR_CANCELLED, "it was stopped; what was done stays done");
		rc = series__drain(db, atomic_load(&db->sealed_n), e);
		if (rc)
			break;
	}
	if (rc)
		files_rollback(&db->files, NULL, 0);
	return rc;
}

/* ---- asking for it ---- */

static int compare_ids(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int log_it(struct series_db *db, struct ids *ids, time_us from, time_us to, struct deleting *by,
        const struct deletion_hook *hook, struct err *e)
{
	struct buf b = {0};
	bool hooked = false;
	int rc = 0;

	for (size_t i = 0; i < ids->n; i += IDS_FRAME)
		put_deletion(&b, ids->p + i, ids->n - i < IDS_FRAME ? ids->n - i : IDS_FRAME, from, to);
	pthread_mutex_lock(&db->commit_lock);
	if (db->refusing[0])
		rc = err_set(e, ERR_UNAVAILABLE, "%s", db->refusing);
	if (!rc && hook) {
		rc = hook->before(hook->ctx, e);
		hooked = !rc;
	}
	if (!rc) {
		rc = wal_write(&db->wal, b.p, b.n, e);
		if (!rc)
			rc = wal_sync(&db->wal, db->durability == SERIES_FSYNC, e);
		if (rc)
			series__give_up(db, e);
		else if (fault(FAULT_CRASH_SERIES))
			raise(SIGKILL);
		atomic_store(&db->log_b, db->wal.synced);
	}
	if (!rc) {
		pthread_rwlock_rdlock(&db->index_lock);
		pthread_rwlock_wrlock(&db->data_lock);
		series__deletion_add(db, ids, from, to, by);
		pthread_rwlock_unlock(&db->data_lock);
		pthread_rwlock_unlock(&db->index_lock);
	}
	if (hooked)
		hook->after(hook->ctx, !rc);
	pthread_mutex_unlock(&db->commit_lock);
	buf_fini(&b);
	return rc;
}

int series__match_ids(struct series_db *db, const struct matcher *m, int n, struct ids *ids, struct err *e)
{
	struct arena *a = arena_new(0);
	struct found f = {0};
	struct matching g;
	bool more;
	int rc;

	select__init(&g, db, m, n);
	rc = select__find(&g, false, 0, a, &f, &more, e);
	arena_free(&g.temp);
	for (size_t i = 0; i < f.n && !rc; i++)
		ids_add(ids, f.id[i]);
	arena_free(&a);
	if (ids->n)
		qsort(ids->p, ids->n, sizeof(*ids->p), compare_ids);
	return rc;
}

int series__delete_ids(struct series_db *db, struct ids *ids, time_us from, time_us to,
        struct series_care *care, const bool *cancel, const struct deletion_hook *hook, struct err *e)
{
	struct deleting by = {.care = care, .cancel = cancel};
	struct job j = {.kind = JOB_DELETE};
	int rc = log_it(db, ids, from, to, &by, hook, e);

	if (!rc)
		rc = series__job(db, &j, e);
	deletions_forsake(db, &by);
	if (!rc && by.stopped)
		rc = err_set(e, ERR_CANCELLED, "it was stopped; what was done stays done");
	return rc;
}

int series_delete(struct series_db *db, const struct matcher *m, int n, time_us from, time_us to,
        struct series_care *care, struct err *e)
{
	struct ids ids = {0};
	bool selective = false;
	int rc;

	for (int i = 0; i < n; i++)
		selective |= !matcher_matches(&m[i], STR_NULL);
	if (!selective)
		return err_set(e, ERR_INVALID, "at least one matcher must not match the empty value");
	if (from > to)
		return err_set(e, ERR_INVALID, "the time ends before it begins");
	if (db->keep_logs)
		return err_set(e, ERR_UNSUPPORTED,
		        "readings are in a remote engine, too (setting series), which the serving program "
		        "alone "
		        "works with: delete while the site is served");
	rc = series_append(db, NULL, 0, e); /* what was posted before is in the log before it */
	if (rc)
		return rc;
	rc = series__match_ids(db, m, n, &ids, e);
	if (care)
		care->removed.series = ids.n;
	if (!rc && ids.n)
		rc = series__delete_ids(db, &ids, from, to, care, care ? care->cancel : NULL, NULL, e);
	ids_fini(&ids);
	return rc;
}

/*
 * The committer: what waits in the queue becomes one group, written and synced once.
 *
 * Records of the log:
 *   series   ids with labels, until the end: id, then number of labels and for each the name and the
 *            value, both as length and bytes
 *   points   1 byte unit of time (0: 1 us, 1: 1 ms, 2: 1 s), number of points, then for each: zigzag
 *            id difference, zigzag time difference in units, value: 8 * zigzag(integer) + decimal
 *            exponent, or 7 and 8 bytes
 * All numbers are LEB128.
 */
#include "series/series_int.h"

#include "base/fault.h"
#include "base/log.h"
#include "base/metric.h"
#include "series/bytes.h"
#include "series/decimal.h"

#include <signal.h>

#define WRITE_B (8u << 20) /* a big group is written in pieces of about this size */
#define SLICE 4096         /* points put into heads while readers wait */
#define VALUE_RAW 7
#define AHEAD 16 /* points whose series the memory is asked for before they are looked at */

struct member {
	struct series_batch *b;
	int rc;
	struct err err;
};

static const int64_t unit_us[] = {1, US_MS, US_SECOND};

/* ---- records ---- */

static void put_bytes(struct buf *b, struct str s)
{
	uint8_t *p = buf_room(b, VARINT_MAX_B + s.n);

	put_varint(&p, s.n);
	memcpy(p, s.p, s.n);
	b->n = (size_t)(p - b->p) + s.n;
}

static void put_number(struct buf *b, uint64_t v)
{
	uint8_t *p = buf_room(b, VARINT_MAX_B);

	put_varint(&p, v);
	b->n = (size_t)(p - b->p);
}

void series__labels_put(struct buf *b, const struct label *l, int n)
{
	put_number(b, (uint64_t)n);
	for (int i = 0; i < n; i++) {
		put_bytes(b, l[i].name);
		put_bytes(b, l[i].value);
	}
}

static bool get_bytes(const uint8_t **p, const uint8_t *end, struct str *s)
{
	uint64_t n;

	if (!get_varint(p, end, &n) || n > (uint64_t)(end - *p) || n > LABELS_MAX_B)
		return false;
	*s = (struct str){(const char *)*p, (size_t)n};
	*p += n;
	return true;
}

bool series__labels_get(const uint8_t **p, const uint8_t *end, struct label *l, int *n)
{
	uint64_t count;

	if (!get_varint(p, end, &count) || count < 1 || count > LABELS_MAX)
		return false;
	for (uint64_t i = 0; i < count; i++) {
		if (!get_bytes(p, end, &l[i].name) || !get_bytes(p, end, &l[i].value) || !l[i].value.n)
			return false;
		if (i && str_cmp(l[i - 1].name, l[i].name) >= 0)
			return false;
	}
	*n = (int)count;
	return true;
}

/* Constants divide by multiplication. */
static int64_t in_units(time_us t, int unit)
{
	return unit == 2 ? t / US_SECOND : unit == 1 ? t / US_MS : t;
}

/* Points from p on in this unit of time; NULL when one needs a finer one. */
static uint8_t *points_in(uint8_t *p, const struct series_point *q, size_t n, int unit)
{
	uint32_t id = 0;
	int64_t t = 0;
	int exp = 0;

	must(unit >= 0 && unit < (int)ARRAY_LEN(unit_us));
	*p++ = (uint8_t)unit;
	put_varint(&p, n);
	for (size_t i = 0; i < n; i++) {
		int64_t now = in_units(q[i].t, unit), x;
		int e = LIKELY(decimal_at(q[i].v, exp, &x)) ? exp : decimal_find(q[i].v, 0, &x);

		if (UNLIKELY(now * unit_us[unit] != q[i].t))
			return NULL;
		put_zigzag(&p, (int64_t)q[i].id.v - (int64_t)id);
		put_zigzag(&p, wrap_sub(now, t));
		if (e >= 0) {
			put_varint(&p, zigzag(x) << 3 | (uint64_t)e);
			exp = e;
		} else {
			*p++ = VALUE_RAW;
			put_u64(&p, bits_of(q[i].v));
		}
		id = q[i].id.v;
		t = now;
	}
	return p;
}

static void points_put(struct buf *b, const struct series_point *q, size_t n)
{
	size_t at = frame_begin(b, FRAME_POINTS);
	uint8_t *p = buf_room(b, 1 + VARINT_MAX_B + n * (3 * VARINT_MAX_B + 8)), *end = NULL;

	for (int unit = 2; !end; unit--)
		end = points_in(p, q, n, unit);
	b->n = (size_t)(end - b->p);
	frame_end(b, at);
}

bool series__points_get(const uint8_t *p, size_t len, struct series_point **out, size_t *cap, size_t *n)
{
	const uint8_t *end = p + len;
	struct series_point q = {0};
	int64_t t = 0, id = 0, d;
	uint64_t count, z;
	int unit;

	*n = 0;
	if (!len)
		return false;
	unit = *p++;
	if (unit > 2 || !get_varint(&p, end, &count) || count > len)
		return false;
	*out = xgrow(*out, cap, (size_t)count, sizeof(**out));
	for (uint64_t i = 0; i < count; i++) {
		if (!get_zigzag(&p, end, &d))
			return false;
		id = wrap_add(id, d);
		if (id < 1 || id > SERIES_MAX || !get_zigzag(&p, end, &d) || !get_varint(&p, end, &z))
			return false;
		t = wrap_add(t, d);
		q.id.v = (uint32_t)id;
		q.t = wrap_mul(t, unit_us[unit]);
		if (z == VALUE_RAW) {
			if (!get_u64(&p, end, &z))
				return false;
			q.v = double_of(z);
		} else if ((z & 7) <= DECIMAL_EXP_MAX) {
			q.v = decimal_value(unzigzag(z >> 3), (int)(z & 7));
		} else {
			return false;
		}
		(*out)[(*n)++] = q;
	}
	return p == end;
}

/* ---- a group ---- */

/* A batch with a point that cannot be taken is refused as a whole, and costs its neighbours nothing. */
static void examine(struct series_db *db, struct member *m, size_t n)
{
	pthread_rwlock_rdlock(&db->index_lock);
	for (size_t i = 0; i < n; i++) {
		const struct series_batch *b = m[i].b;
		bool fresh = false;

		for (size_t k = 0; k < b->n && !m[i].rc; k++) {
			if (k + AHEAD < b->n && b->p[k + AHEAD].id.v <= db->index.n)
				__builtin_prefetch(series__at(db, b->p[k + AHEAD].id.v));
			if (!index_has(&db->index, b->p[k].id.v))
				m[i].rc = err_set(&m[i].err, ERR_NOTFOUND,
				        "series %u is not known or has expired; resolve its labels again",
				        b->p[k].id.v);
			else if (b->p[k].t == TIME_NONE)
				m[i].rc = err_set(&m[i].err, ERR_INVALID, "a point without a time");
			else
				fresh |= !series__at(db, b->p[k].id.v)->logged;
		}
		for (size_t k = 0; k < b->n && fresh && !m[i].rc; k++) {
			struct series *s = series__at(db, b->p[k].id.v);

			if (!s->logged && !s->logging) {
				s->logging = true;
				ids_add(&db->fresh, b->p[k].id.v);
			}
		}
	}
	for (size_t i = 0; i < db->fresh.n;) {
		size_t at = frame_begin(&db->out, FRAME_SERIES), start = db->out.n;

		for (; i < db->fresh.n && db->out.n - start < HEADS_FRAME_B; i++) {
			struct label l[LABELS_MAX];
			int k = index_labels(&db->index, db->fresh.p[i], l);

			put_number(&db->out, db->fresh.p[i]);
			series__labels_put(&db->out, l, k);
		}
		frame_end(&db->out, at);
		/* Who adds others does not wait for all of these; none of them goes as long as commit is
		 * held. */
		pthread_rwlock_unlock(&db->index_lock);
		pthread_rwlock_rdlock(&db->index_lock);
	}
	pthread_rwlock_unlock(&db->index_lock);
}

static int write_out(struct series_db *db, size_t least, struct err *e)
{
	int rc = 0;

	if (db->out.n > least) {
		rc = wal_write(&db->wal, db->out.p, db->out.n, e);
		metric_add(METRIC_SERIES_LOG_BYTES, (int64_t)db->out.n);
		db->out.n = 0;
	}
	return rc;
}

static int write_group(struct series_db *db, const struct member *m, size_t n, struct err *e)
{
	dur_us start;
	int rc = 0;

	for (size_t i = 0; i < n && !rc; i++) {
		if (m[i].rc)
			continue;
		for (size_t at = 0; at < m[i].b->n && !rc; at += POINTS_FRAME) {
			size_t left = m[i].b->n - at;

			points_put(&db->out, m[i].b->p + at, left < POINTS_FRAME ? left : POINTS_FRAME);
			rc = write_out(db, WRITE_B, e);
		}
	}
	if (!rc)
		rc = write_out(db, 0, e);
	if (rc || db->wal.written == db->wal.synced)
		return rc;
	start = clock_monotonic();
	rc = wal_sync(&db->wal, db->durability == SERIES_FSYNC, e);
	atomic_store(&db->last_sync_us, clock_monotonic() - start);
	return rc;
}

void series__give_up(struct series_db *db, struct err *e)
{
	struct err cut = ERR_INIT;

	LOG(SERIES_FAULT, log_s("what", "commit"), log_s("why", e->text));
	if (wal_cut(&db->wal, &cut)) {
		snprintf(db->refusing, sizeof(db->refusing),
		        "no readings are taken any more since the log could not be cut back after a failure "
		        "(%.300s); see to the disk, then start again",
		        cut.text);
		LOG(SERIES_FAULT, log_s("what", "log"), log_s("why", db->refusing));
	}
}

static void apply_group(struct series_db *db, const struct member *m, size_t n)
{
	size_t room = SLICE;

	pthread_rwlock_wrlock(&db->data_lock);
	for (size_t i = 0; i < n; i++) {
		if (m[i].rc)
			continue;
		for (size_t at = 0, some; at < m[i].b->n; at += some) {
			some = m[i].b->n - at < room ? m[i].b->n - at : room;
			series__apply_all(db, m[i].b->p + at, some);
			room -= some;
			if (room == 0) {
				room = SLICE;
				pthread_rwlock_unlock(&db->data_lock);
				pthread_rwlock_wrlock(&db->data_lock);
			}
		}
	}
	pthread_rwlock_unlock(&db->data_lock);
}

/* Sealed blocks that find no file must not fill the memory: wait, or refuse when the files refuse. */
static int wait_for_room(struct series_db *db, struct err *e)
{
	int rc = 0;

	if (LIKELY(atomic_load(&db->fifo_b) < FIFO_MAX_B))
		return 0;
	pthread_mutex_lock(&db->job_lock);
	while (atomic_load(&db->fifo_b) >= FIFO_MAX_B && !db->seal_error[0]) {
		db->wake = true;
		pthread_cond_signal(&db->job_cond);
		pthread_cond_wait(&db->done_cond, &db->job_lock);
	}
	if (atomic_load(&db->fifo_b) >= FIFO_MAX_B)
		rc = err_set(e, ERR_FULL, "blocks cannot be written: %s", db->seal_error);
	pthread_mutex_unlock(&db->job_lock);
	return rc;
}

static void commit_group(struct series_db *db, struct member *m, size_t n)
{
	struct err e = ERR_INIT;
	size_t points = 0;
	int rc;

	for (size_t i = 0; i < n; i++)
		points += m[i].b->n;
	db->out.n = db->fresh.n = 0;
	rc = points ? wait_for_room(db, &e) : 0;

	pthread_mutex_lock(&db->commit_lock);
	if (!rc && db->refusing[0] && points)
		rc = err_set(&e, ERR_UNAVAILABLE, "%s", db->refusing);
	if (!rc && points) {
		examine(db, m, n);
		rc = write_group(db, m, n, &e);
		if (rc)
			series__give_up(db, &e);
		for (size_t i = 0; i < db->fresh.n; i++) {
			struct series *s = series__at(db, db->fresh.p[i]);

			s->logging = false;
			s->logged = !rc;
		}
		if (!rc) {
			if (fault(FAULT_CRASH_SERIES))
				raise(SIGKILL);
			apply_group(db, m, n);
			atomic_fetch_add(&db->commits, 1);
			metric_add(METRIC_SERIES_COMMITS, 1);
		}
		atomic_store(&db->log_b, db->wal.synced);
	}
	pthread_mutex_unlock(&db->commit_lock);

	for (size_t i = 0; i < n; i++) {
		struct series_batch *b = m[i].b;
		size_t k = b->n; /* the batch is its owner's again once done() is called */

		if (!m[i].rc && rc) {
			m[i].rc = rc;
			m[i].err = e;
		}
		if (!m[i].rc && k && db->observe)
			db->observe(db->observe_ctx, b->p, k, false);
		b->done(b, m[i].rc, m[i].rc ? &m[i].err : NULL);
		atomic_fetch_sub(&db->waiting, k);
	}
	if (atomic_load(&db->fifo_n) >= FIFO_WAKE)
		series__seal_wake(db);
}

void *series__commit_run(void *arg)
{
	struct series_db *db = arg;
	struct queue_node *list;
	struct member *m = NULL;
	size_t cap = 0;

	while ((list = queue_take_all(db->queue, -1))) {
		size_t n = 0;

		for (; list; list = list->next) {
			m = xgrow(m, &cap, n + 1, sizeof(*m));
			m[n].rc = 0;
			m[n++].b = CONTAINER_OF(list, struct series_batch, node);
		}
		commit_group(db, m, n);
	}
	free(m);
	return NULL;
}

/*
 * Coming back: the newest checkpoint, then the logs from its number on. ahead.c reads them; what it hands
 * over is taken in here, in the order of the files.
 */
#include "series/ahead.h"
#include "series/series_int.h"

#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"
#include "series/bytes.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#define QUARANTINE_MAX_B (16u << 20)
#define LEAST_SERIES_B 8 /* no series takes less of a checkpoint */
#define COMING 64

struct coming {
	uint32_t id;
	struct label l[LABELS_MAX];
	int n;
	struct index_key key;
};

struct recovery {
	struct series_db *db;
	struct coming *coming; /* COMING series whose labels are looked at */
	uint64_t points;
	uint64_t size; /* of the file at hand */
	uint32_t max_id;
	bool damaged;
	bool labels_only; /* from the checkpoint before, for series that the damaged one has lost */
};

static struct series *add_series(
        struct recovery *r, uint32_t id, const struct labels *ls, const struct index_key *k)
{
	struct series_db *db = r->db;
	struct series *s;

	if (id < 1 || id > SERIES_MAX)
		return NULL;
	if (id > r->max_id)
		r->max_id = id;
	if (!index_add_keyed(&db->index, ls, k, id))
		return NULL;
	s = series__at(db, id);
	s->last = series__last(db, id);
	s->tail.last = INT64_MAX;
	s->logged = true;
	return s;
}

/* Takes the head and the late points, or leaves them where the series is known already. */
static int take_series(struct recovery *r, struct saved_series *c, struct coming *w, struct err *e)
{
	struct series *s = add_series(r, c->id, &(struct labels){w->l, w->n}, &w->key);
	int found;

	if (!s)
		return 0;
	atomic_store(&s->idle, c->idle);
	if (r->labels_only) { /* what it says of points is out of date */
		found = files_latest(&r->db->files, c->id, &s->last->t, &s->last->v, e);
		if (!found)
			s->last->t = TIME_NONE;
		return found < 0 ? found : 0;
	}
	*s->last = c->last;
	s->head = c->head;
	s->late = c->late;
	c->head = (struct head){0};
	c->late = NULL;
	return 0;
}

/* Some at a time, so that the memory that the index needs for one comes while others are looked at. */
static int take_heads(struct recovery *r, struct record *f, struct err *e)
{
	const uint8_t *end = f->f.p + f->f.n;
	int rc = 0;

	for (size_t i = 0; i < f->series_n && !rc; i += COMING) {
		size_t n = f->series_n - i < COMING ? f->series_n - i : COMING;

		for (size_t k = 0; k < n; k++) {
			struct coming *w = &r->coming[k];
			const uint8_t *p = f->series[i + k].labels;

			must(series__labels_get(&p, end, w->l, &w->n));
			index_key(&(struct labels){w->l, w->n}, &w->key);
			index_soon(&r->db->index, &w->key, w->n);
		}
		for (size_t k = 0; k < n; k++)
			index_sooner(&r->db->index, &r->coming[k].key, r->coming[k].n);
		for (size_t k = 0; k < n && !rc; k++)
			rc = take_series(r, &f->series[i + k], &r->coming[k], e);
	}
	return rc;
}

/* New series as the log has them, some at a time, too. False where it is damaged. */
static bool take_labels(struct recovery *r, const uint8_t *p, const uint8_t *end)
{
	const struct index *x = &r->db->index;
	bool sound = true;

	while (p < end && sound) {
		size_t n = 0;

		for (; n < COMING && p < end; n++) {
			struct coming *w = &r->coming[n];
			uint64_t id;

			sound = get_varint(&p, end, &id) && id <= SERIES_MAX &&
			        series__labels_get(&p, end, w->l, &w->n);
			if (!sound)
				break;
			w->id = (uint32_t)id;
			index_key(&(struct labels){w->l, w->n}, &w->key);
			index_soon(x, &w->key, w->n);
		}
		for (size_t k = 0; k < n; k++)
			index_sooner(x, &r->coming[k].key, r->coming[k].n);
		for (size_t k = 0; k < n; k++)
			add_series(r, r->coming[k].id, &(struct labels){r->coming[k].l, r->coming[k].n},
			        &r->coming[k].key);
	}
	return sound;
}

/* False where a point is of an unknown series. */
static bool take_points(struct recovery *r, struct record *f)
{
	enum { AHEAD = 16, SOME = 256 };
	const uint32_t last = r->db->index.n;
	size_t known = 0, applied = 0;

	/* Some at a time: what is looked at here lies in the cache when they are applied. */
	for (size_t i = 0; i < f->points_n; i++) {
		uint32_t id = f->points[i].id.v;

		if (i + AHEAD < f->points_n && f->points[i + AHEAD].id.v <= last)
			__builtin_prefetch(&series__at(r->db, f->points[i + AHEAD].id.v)->logged);
		if (id > r->max_id)
			r->max_id = id;
		if (id >= 1 && id <= last && series__at(r->db, id)->logged)
			f->points[known++] = f->points[i];
		if (known - applied == SOME) {
			series__apply_all(r->db, f->points + applied, SOME);
			applied = known;
		}
	}
	series__apply_all(r->db, f->points + applied, known - applied);
	r->points += known;
	if (known && r->db->observe)
		r->db->observe(r->db->observe_ctx, f->points, known, true);
	return known == f->points_n;
}

/* 1; 0 where it is damaged; negative. */
static int take_record(struct recovery *r, struct record *f, struct err *e)
{
	const uint8_t *p = f->f.p, *end = p + (f->f.kind == FRAME_POINTS ? 0 : f->f.n);
	uint64_t id, any;
	int rc;

	switch (f->f.kind) {
	case FRAME_FILE:
		for (int i = 0; i < 2; i++) /* format and number of the file */
			if (!get_varint(&p, end, &any))
				return false;
		if (!get_varint(&p, end, &id))
			return false;
		if (id > r->max_id && id <= SERIES_MAX)
			r->max_id = (uint32_t)id;
		if (id <= r->size / LEAST_SERIES_B)
			index_expect(&r->db->index, (uint32_t)id);
		return true;
	case FRAME_SERIES: return take_labels(r, p, end);
	case FRAME_POINTS: return take_points(r, f) && f->sound;
	case FRAME_HEADS: rc = take_heads(r, f, e); return rc < 0 ? rc : f->sound;
	case FRAME_DELETE: {
		struct ids ids = {0};
		time_us from, to;
		bool ok = series__deletion_get(p, f->f.n, &ids, &from, &to);

		if (ok)
			series__deletion_add(r->db, &ids, from, to, NULL);
		ids_fini(&ids);
		return ok;
	}
	default: return f->f.kind == FRAME_END;
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

static void set_aside(struct recovery *r, struct ahead *in, const char *what, uint64_t at, size_t n)
{
	size_t most = n < QUARANTINE_MAX_B ? n : QUARANTINE_MAX_B;
	uint8_t *p = xrealloc(NULL, most + 1);

	series__quarantine(r->db, what, (int64_t)at, p, ahead_raw(in, at, p, most));
	free(p);
	r->damaged = true;
}

/* `tail`: the log that was written last, whose last frame may never have been finished. */
static int load_file(struct recovery *r, const char *what, uint32_t number, bool tail, struct err *e)
{
	struct series_db *db = r->db;
	char *path = wal_path(db->dir, what, number), name[64];
	struct ahead *in = NULL;
	struct record *f = NULL;
	int rc;

	snprintf(name, sizeof(name), "%s-%08u", what, number);
	rc = ahead_open(&in, path, e);
	r->size = rc ? 0 : ahead_size(in);
	for (; !rc && (f = ahead_next(in)); record_free(&f)) {
		if (f->lost && f->torn && tail) { /* never acknowledged */
			if (truncate(path, (off_t)f->f.at) < 0)
				rc = err_errno(e, errno, "cannot cut the torn end off %s", path);
			record_free(&f);
			break;
		}
		if (f->lost) {
			set_aside(r, in, name, f->f.at, f->f.n);
			continue;
		}
		rc = newer(&f->f, path, e);
		if (!rc && (rc = take_record(r, f, e)) == 0)
			set_aside(r, in, name, f->f.at, FRAME_HEAD_B + 1 + f->f.n);
		rc = rc < 0 ? rc : 0;
		if (!rc && atomic_load(&db->fifo_n) >= 8192)
			rc = series__drain(db, atomic_load(&db->sealed_n), e);
	}
	ahead_close(&in);
	free(path);
	return rc;
}

/* What follows the log is at most one that was begun and never written to: its last frame may be torn. */
static bool is_tail(const struct series_db *db, const struct ids *logs, size_t i)
{
	bool bare = true;

	for (i++; i < logs->n && bare; i++) {
		char *path = wal_path(db->dir, "log", logs->p[i]);
		struct stat st;

		bare = stat(path, &st) == 0 && st.st_size <= WAL_BARE_B;
		free(path);
	}
	return bare;
}

int series__recover(struct series_db *db, struct err *e)
{
	struct recovery r = {.db = db, .coming = xcalloc(COMING, sizeof(struct coming))};
	struct arena *a = arena_new(0);
	struct ids logs = {0}, heads = {0};
	struct err start = ERR_INIT;
	uint32_t x, last = 0;
	char **name;
	int rc = file_list(a, db->dir, &name, e);

	for (; !rc && *name; name++) { /* sorted, since the numbers have leading zeros */
		if (series__numbered(*name, "log", &x))
			ids_add(&logs, x);
		else if (series__numbered(*name, "heads", &x))
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
			rc = load_file(&r, "log", logs.p[i], is_tail(db, &logs, i), e);
	if (rc)
		goto out;
	if (r.damaged) { /* blocks whose labels are lost keep their ids */
		rc = files_max_id(&db->files, &x, e);
		if (rc)
			goto out;
		r.max_id = x > r.max_id ? x : r.max_id;
	}
	index_reserve(&db->index, r.max_id);
	if (db->deletions && series__drain_deletions(db, &start))
		LOG(SERIES_FAULT, log_s("what", "deletion"), log_s("why", start.text)); /* tried again */
	db->checkpoint_now = r.damaged; /* else the same damage would be found again at each start */
	metric_set(METRIC_SERIES_COUNT, db->index.alive);

	if (wal_start(&db->wal, db->dir, last + 1, db->index.n, clock_now(db->clock), &start)) {
		snprintf(db->refusing, sizeof(db->refusing),
		        "no readings are taken since no log could be begun (%.300s); see to the disk, then "
		        "start again",
		        start.text);
		LOG(SERIES_FAULT, log_s("what", "log"), log_s("why", db->refusing));
	}
	LOG(SERIES_OPEN, log_i("series", db->index.alive), log_i("replayed", (int64_t)r.points),
	        log_i("quarantined", (int64_t)atomic_load(&db->quarantined)));
out:
	ids_fini(&logs);
	ids_fini(&heads);
	free(r.coming);
	arena_free(&a);
	return rc;
}

/*
 * Reading block files: connections that stand still in a transaction each, and what they find. What proves
 * that bytes are wrong damages a file; what passes fails the question.
 */
#include "series/files_int.h"

#include "base/fault.h"
#include "base/log.h"

#include <sys/stat.h>

#define IDLE_MAX 4 /* connections a file keeps for the next view */

static const char *const reader_sql[R_ALL] = {"BEGIN", "SELECT 1 FROM block LIMIT 1", "COMMIT", RANGE_SQL,
        "SELECT t0, data FROM hour WHERE series=?1 AND t0>=?2 AND t0<=?3 ORDER BY t0"};

/* What SQLite said, or what a test wants it to have said. */
static int told(int rc)
{
	static const struct {
		enum fault_point at;
		int rc;
	} made[] = {{FAULT_SERIES_READ_BUSY, SQLITE_BUSY}, {FAULT_SERIES_READ_OPEN, SQLITE_CANTOPEN},
	        {FAULT_SERIES_READ_MEMORY, SQLITE_NOMEM}, {FAULT_SERIES_READ_DISK, SQLITE_IOERR_READ},
	        {FAULT_SERIES_READ_BAD, SQLITE_CORRUPT}};

	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		if (fault(made[i].at))
			return made[i].rc;
	return rc;
}

/* SQLITE_ERROR: it is a database, but not with our tables. */
static bool is_damage(int rc)
{
	return (rc & 0xff) == SQLITE_CORRUPT || rc == SQLITE_NOTADB || rc == SQLITE_IOERR_SHORT_READ ||
	       rc == SQLITE_ERROR;
}

int files__read_err(struct err *e, sqlite3 *db, const struct partition *p, int rc)
{
	const char *why = sqlite3_errstr(rc);
	int code = ERR_IO, cause = db ? sqlite3_system_errno(db) : 0;

	if (is_damage(rc)) {
		code = err_set(e, ERR_CORRUPT, "the block file is damaged: %s", why);
	} else if ((rc & 0xff) == SQLITE_NOMEM) {
		code = err_set(e, ERR_NOMEM,
		        "there is no memory to read the block file; nothing of its readings is lost: ask "
		        "again, for "
		        "less or later");
	} else if ((rc & 0xff) == SQLITE_CANTOPEN) {
		code = err_set(e, ERR_UNAVAILABLE,
		        "the block file cannot be opened just now (%s); nothing of its readings is lost: "
		        "raise the "
		        "limit of open files or see who may read the folder, then ask again",
		        cause ? strerror(cause) : why);
	} else if ((rc & 0xff) == SQLITE_IOERR) {
		code = err_set(e, ERR_IO,
		        "the disk does not give the block file just now (%s); nothing of its readings is "
		        "lost: see "
		        "to the disk, then ask again",
		        cause ? strerror(cause) : why);
	} else {
		code = err_set(e, ERR_UNAVAILABLE,
		        "another program holds the block file (%s); nothing of its readings is lost: let it "
		        "finish, "
		        "then ask again",
		        why);
	}
	err_at(e, p->path, 0, 0, NULL);
	return code;
}

/* ---- connections ---- */

void files__close_reader(struct reader *r)
{
	for (int i = 0; i < R_ALL; i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
	free(r);
}

static int open_reader(const struct partition *p, struct reader **out, struct err *e)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	int rc = told(sqlite3_open_v2(
	        p->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL));

	if (rc == SQLITE_OK)
		sqlite3_busy_timeout(r->db, 10000);
	for (int i = 0; i < R_ALL && rc == SQLITE_OK; i++) {
		rc = sqlite3_prepare_v3(r->db, reader_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &r->st[i], NULL);
		if (rc == SQLITE_ERROR && i == R_HOURS)
			rc = SQLITE_OK; /* a file of format 1 has no hours */
	}
	if (rc == SQLITE_OK) {
		*out = r;
		return 0;
	}
	rc = files__read_err(e, r->db, p, rc);
	files__close_reader(r);
	return rc;
}

/* ---- looking things up, while opening ---- */

/* Nothing was ever committed to the file: it is not there yet, or a program of before was cut off making it.
 */
static bool is_blank(const struct partition *p)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	struct stat s;
	bool blank = stat(p->path, &s) < 0 || s.st_size == 0;

	if (!blank && sqlite3_open_v2(p->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) ==
	                      SQLITE_OK) {
		sqlite3_busy_timeout(db, 10000);
		blank = sqlite3_prepare_v2(db, "SELECT count(*) FROM sqlite_schema", -1, &st, NULL) ==
		                SQLITE_OK &&
		        sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int(st, 0) == 0;
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return blank;
}

/* 1 and *x, 0: there is none, negative. */
static int scalar(const struct partition *p, const char *sql, int64_t *x, struct err *e)
{
	struct reader *r = NULL;
	sqlite3_stmt *st = NULL;
	int rc = open_reader(p, &r, e), got;

	if (rc)
		return rc;
	rc = sqlite3_prepare_v2(r->db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(st);
	got = rc == SQLITE_ROW && sqlite3_column_type(st, 0) != SQLITE_NULL;
	if (got)
		*x = sqlite3_column_int64(st, 0);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		got = files__read_err(e, r->db, p, rc);
	sqlite3_finalize(st);
	files__close_reader(r);
	return got;
}

int files__is_packed(const struct partition *p, struct err *e)
{
	int64_t rows = 0;
	/* What a program of before packed has short blocks. */
	int rc = scalar(p,
	        "SELECT (SELECT count(*) FROM packed) * (user_version >= 4) FROM pragma_user_version", &rows,
	        e);

	if (rc == ERR_CORRUPT) /* or a file of format 1, which has no such table */
		return 0;
	return rc < 0 ? rc : rows > 0;
}

int files_max_id(struct block_files *f, uint32_t *max, struct err *e)
{
	*max = 0;
	for (size_t i = 0; i < f->n; i++) {
		int64_t id = 0;
		int rc = is_blank(f->part[i]) ? 0
		                              : scalar(f->part[i], "SELECT max(series) FROM block", &id, e);

		if (rc < 0 && rc != ERR_CORRUPT)
			return rc;
		if (rc == 1 && id > *max && id <= UINT32_MAX)
			*max = (uint32_t)id;
	}
	return 0;
}

int files_latest(struct block_files *f, uint32_t series, time_us *t, double *v, struct err *e)
{
	time_us ts[CODEC_POINTS];
	double vs[CODEC_POINTS];
	struct files_view view;
	int found = 0, rc = files_view_open(f, INT64_MIN, INT64_MAX, &view, e);

	if (rc)
		return rc;
	for (size_t i = view.n; i-- > 0 && !found && rc >= 0;) {
		const uint8_t *p;
		size_t len;
		time_us t0;

		files_view_seek(&view, i, series, INT64_MIN, INT64_MAX);
		while ((rc = files_view_step(&view, i, &t0, &p, &len, e)) == 1) {
			int n = block_decode(series, t0, p, len, ts, vs);

			if (n > 0) {
				*t = ts[n - 1];
				*v = vs[n - 1];
				found = 1;
			}
		}
		if (rc == ERR_CORRUPT)
			rc = 0;
	}
	files_view_close(f, &view);
	return rc < 0 ? rc : found;
}

void files_stats(struct block_files *f, uint64_t *blocks, uint64_t *bytes)
{
	struct err e = ERR_INIT;
	struct files_view view;

	*blocks = *bytes = 0;
	if (files_view_open(f, INT64_MIN, INT64_MAX, &view, &e))
		return; /* it passes; the figures come again */
	for (size_t i = 0; i < view.n; i++) {
		struct partition *p = view.part[i].p;
		struct stat st;
		int64_t rows;

		if (atomic_load(&p->rows) < 0 && scalar(p, "SELECT count(*) FROM block", &rows, &e) == 1)
			atomic_store(&p->rows, rows);
		if (atomic_load(&p->rows) > 0)
			*blocks += (uint64_t)atomic_load(&p->rows);
		if (stat(p->path, &st) == 0)
			*bytes += (uint64_t)st.st_size;
	}
	files_view_close(f, &view);
}

/* ---- views ---- */

static int take_reader(struct block_files *f, struct partition *p, struct reader **out, struct err *e)
{
	pthread_mutex_lock(&f->lock);
	*out = p->idle;
	if (*out) {
		p->idle = (*out)->next;
		p->idle_n--;
	}
	pthread_mutex_unlock(&f->lock);
	return *out ? 0 : open_reader(p, out, e);
}

static void give_reader(struct block_files *f, struct partition *p, struct reader *r)
{
	bool keep;

	pthread_mutex_lock(&f->lock);
	keep = !p->dead && p->idle_n < IDLE_MAX;
	if (keep) {
		r->next = p->idle;
		p->idle = r;
		p->idle_n++;
	}
	pthread_mutex_unlock(&f->lock);
	if (!keep)
		files__close_reader(r);
}

static int reader_step(struct reader *r, int which)
{
	int rc = told(sqlite3_step(r->st[which]));

	sqlite3_reset(r->st[which]);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* A connection with a transaction begun; 0, or negative. */
static int begin_reader(struct block_files *f, struct partition *p, struct reader **out, struct err *e)
{
	struct reader *r = NULL;
	int rc = take_reader(f, p, &r, e);

	if (rc)
		return rc;
	rc = reader_step(r, R_BEGIN);
	if (rc == SQLITE_OK)
		rc = reader_step(r, R_TOUCH);
	if (rc == SQLITE_OK) {
		*out = r;
		return 0;
	}
	rc = files__read_err(e, r->db, p, rc);
	files__close_reader(r);
	return rc;
}

int files_view_open(struct block_files *f, time_us from, time_us to, struct files_view *v, struct err *e)
{
	size_t all, keep = 0;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	*v = (struct files_view){.part = xcalloc(f->n + 1, sizeof(*v->part))};
	for (size_t i = 0; i < f->n; i++) {
		if (f->part[i]->last >= from && f->part[i]->start <= to) {
			f->part[i]->refs++;
			v->part[v->n++].p = f->part[i];
		}
	}
	pthread_mutex_unlock(&f->lock);
	all = v->n;
	for (size_t i = 0; i < all; i++) {
		struct partition *p = v->part[i].p;
		struct err why = ERR_INIT;
		struct reader *r = NULL;
		bool blank = false;

		if (!rc && (rc = begin_reader(f, p, &r, &why)) < 0) {
			blank = is_blank(p);
			if (!blank) /* it may have come between the two looks */
				rc = begin_reader(f, p, &r, &why);
		}
		if (r) {
			v->part[keep++] = (struct view_part){.p = p, .r = r};
			continue;
		}
		if (rc == ERR_CORRUPT && !blank)
			files__mark_damaged(f, p, why.text);
		if (blank || rc == ERR_CORRUPT)
			rc = 0;
		else if (e && why.code)
			*e = why;
		files__unref(f, p);
	}
	v->n = keep;
	if (rc)
		files_view_close(f, v);
	return rc;
}

void files_view_close(struct block_files *f, struct files_view *v)
{
	for (size_t i = 0; i < v->n; i++) {
		struct reader *r = v->part[i].r;

		sqlite3_reset(r->st[R_RANGE]);
		sqlite3_reset(r->st[R_HOURS]);
		if (reader_step(r, R_END) == SQLITE_OK)
			give_reader(f, v->part[i].p, r);
		else
			files__close_reader(r);
		files__unref(f, v->part[i].p);
	}
	free(v->part);
	*v = (struct files_view){0};
}

static void seek(struct files_view *v, size_t i, int which, uint32_t series, time_us from, time_us to)
{
	sqlite3_stmt *st = v->part[i].r->st[which];

	sqlite3_reset(st);
	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, from);
	sqlite3_bind_int64(st, 3, to);
}

static int take_row(
        struct files_view *v, size_t i, int which, time_us *t0, const uint8_t **p, size_t *len, struct err *e)
{
	sqlite3_stmt *st = v->part[i].r->st[which];
	int rc = told(sqlite3_step(st));

	if (rc == SQLITE_ROW) {
		*t0 = sqlite3_column_int64(st, 0);
		*p = sqlite3_column_blob(st, 1);
		*len = (size_t)sqlite3_column_bytes(st, 1);
		if (*p || !*len)
			return 1;
		rc = SQLITE_NOMEM; /* for a blob of several pages */
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : files__read_err(e, v->part[i].r->db, v->part[i].p, rc);
}

void files_view_seek(struct files_view *v, size_t i, uint32_t series, time_us from, time_us to)
{
	seek(v, i, R_RANGE, series, from, to);
}

int files_view_step(
        struct files_view *v, size_t i, time_us *t0, const uint8_t **p, size_t *len, struct err *e)
{
	return take_row(v, i, R_RANGE, t0, p, len, e);
}

bool files_view_seek_hours(struct files_view *v, size_t i, uint32_t series, time_us from, time_us to)
{
	if (!v->part[i].r->st[R_HOURS])
		return false;
	seek(v, i, R_HOURS, series, from, to);
	return true;
}

int files_view_step_hours(
        struct files_view *v, size_t i, time_us *start, const uint8_t **p, size_t *len, struct err *e)
{
	return take_row(v, i, R_HOURS, start, p, len, e);
}

const char *files_view_name(const struct files_view *v, size_t i)
{
	return v->part[i].p->name;
}

void files_view_span(const struct files_view *v, size_t i, time_us *start, time_us *last)
{
	*start = v->part[i].p->start;
	*last = v->part[i].p->last;
}

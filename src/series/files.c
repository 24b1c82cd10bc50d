/*
 * Block files: blocks-START-LAST-GENERATION.db, SQLite in WAL mode; START and LAST are the first and
 * the last instant (us) of the file's span. The name alone says what is in it, so that opening a
 * database touches no file, and a new file never has the name of one that is being removed.
 */
#include "series/block.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <math.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x486d5331 /* "HmS1" */
#define FILE_FORMAT 1
#define IDLE_MAX 4     /* connections a file keeps for the next view */
#define WRITERS_MAX 16 /* files that stay open for writing */

static const char schema[] = "CREATE TABLE IF NOT EXISTS block(series INTEGER NOT NULL, t0 INTEGER NOT NULL, "
                             "data BLOB NOT NULL, PRIMARY KEY(series, t0)) WITHOUT ROWID";

enum { W_BEGIN, W_COMMIT, W_ROLLBACK, W_BEFORE, W_AFTER, W_DELETE, W_INSERT, W_ALL };
static const char *const writer_sql[W_ALL] = {"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK",
        "SELECT t0, data FROM block WHERE series=?1 AND t0<=?2 ORDER BY t0 DESC LIMIT 1",
        "SELECT t0 FROM block WHERE series=?1 AND t0>?2 ORDER BY t0 LIMIT 1",
        "DELETE FROM block WHERE series=?1 AND t0=?2", "INSERT INTO block VALUES(?1,?2,?3)"};

enum { R_BEGIN, R_TOUCH, R_END, R_RANGE, R_ALL };
#define RANGE_SQL                                                                                            \
	"SELECT t0, data FROM block WHERE series=?1 AND t0<=?3 AND t0>=coalesce("                            \
	"(SELECT max(t0) FROM block WHERE series=?1 AND t0<=?2), ?2) ORDER BY t0"
static const char *const reader_sql[R_ALL] = {"BEGIN", "SELECT 1 FROM block LIMIT 1", "COMMIT", RANGE_SQL};

struct reader {
	struct reader *next;
	sqlite3 *db;
	sqlite3_stmt *st[R_ALL];
};

struct partition {
	time_us start, last;
	uint32_t generation;
	char *name, *path;
	int refs;             /* files lock */
	bool dead, damaged;   /* files lock */
	int idle_n;           /* files lock */
	struct reader *idle;  /* files lock */
	_Atomic int64_t rows; /* -1: not counted yet */
	sqlite3 *db;          /* writing thread, as the rest */
	sqlite3_stmt *st[W_ALL];
	bool writing;
};

struct view_part {
	struct partition *p;
	struct reader *r;
};

static int sql_err(struct err *e, sqlite3 *db, const struct partition *p, const char *what)
{
	int rc = db ? sqlite3_errcode(db) & 0xff : SQLITE_CANTOPEN, code = ERR_IO;

	if (rc == SQLITE_FULL)
		code = ERR_FULL;
	else if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		code = ERR_CORRUPT;
	err_set(e, code, "%s: %s", what, db ? sqlite3_errmsg(db) : "out of memory");
	err_at(e, p->path, 0, 0, NULL);
	return code;
}

/* ---- the list of files ---- */

bool file_name_parse(const char *name, time_us *start, time_us *last, uint32_t *generation)
{
	long long a, b;
	unsigned g;
	int end = 0;

	if (sscanf(name, "blocks-%lld-%lld-%u.db%n", &a, &b, &g, &end) != 3 || !end || name[end] || b < a)
		return false;
	*start = a;
	*last = b;
	*generation = g;
	return true;
}

static void close_reader(struct reader *r)
{
	for (int i = 0; i < R_ALL; i++)
		sqlite3_finalize(r->st[i]);
	sqlite3_close(r->db);
	free(r);
}

static void close_writer(struct partition *p)
{
	for (int i = 0; i < W_ALL; i++) {
		sqlite3_finalize(p->st[i]);
		p->st[i] = NULL;
	}
	sqlite3_close(p->db);
	p->db = NULL;
	p->writing = false;
}

/* Nobody has it any more. */
static void free_partition(struct partition *p)
{
	while (p->idle) {
		struct reader *r = p->idle;

		p->idle = r->next;
		close_reader(r);
	}
	close_writer(p);
	if (p->dead) {
		static const char *const ends[] = {"", "-wal", "-shm"};

		for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
			char *path = xasprintf("%s%s", p->path, ends[i]);

			unlink(path);
			free(path);
		}
	}
	free(p->name);
	free(p->path);
	free(p);
}

static void unref(struct block_files *f, struct partition *p)
{
	bool last;

	pthread_mutex_lock(&f->lock);
	last = --p->refs == 0;
	pthread_mutex_unlock(&f->lock);
	if (last)
		free_partition(p);
}

static struct partition *add_partition(
        struct block_files *f, time_us start, time_us last, uint32_t generation)
{
	struct partition *p = xcalloc(1, sizeof(*p));
	size_t at;

	p->start = start;
	p->last = last;
	p->generation = generation;
	p->refs = 1;
	p->rows = -1;
	p->name = xasprintf("blocks-%lld-%lld-%u.db", (long long)start, (long long)last, generation);
	p->path = xasprintf("%s/%s", f->dir, p->name);
	f->part = xgrow(f->part, &f->cap, f->n + 1, sizeof(struct partition *));
	for (at = f->n; at > 0; at--) {
		const struct partition *q = f->part[at - 1];

		if (q->start < start || (q->start == start && q->generation < generation))
			break;
		f->part[at] = f->part[at - 1];
	}
	f->part[at] = p;
	f->n++;
	if (generation > f->generation)
		f->generation = generation;
	return p;
}

int files_open(struct block_files *f, const char *dir, dur_us span, bool sync, struct err *e)
{
	struct arena *a = arena_new(0);
	char **name;
	int rc;

	*f = (struct block_files){.dir = xstrdup(dir), .span = span, .sync = sync};
	must(pthread_mutex_init(&f->lock, NULL) == 0);
	rc = file_list(a, dir, &name, e);
	for (; !rc && *name; name++) {
		time_us start, last;
		uint32_t generation;

		if (file_name_parse(*name, &start, &last, &generation))
			add_partition(f, start, last, generation);
	}
	arena_free(&a);
	if (rc)
		files_close(f);
	return rc;
}

void files_close(struct block_files *f)
{
	for (size_t i = 0; i < f->n; i++)
		unref(f, f->part[i]);
	free(f->part);
	free(f->dir);
	pthread_mutex_destroy(&f->lock);
	*f = (struct block_files){0};
}

static time_us span_start(time_us t, dur_us span)
{
	time_us r = t % span;

	if (r < 0)
		r += span;
	return t < INT64_MIN + r ? INT64_MIN : t - r;
}

/* The file to write t into: the youngest sound one of its span, else a new one in the gap. */
static struct partition *partition_for(struct block_files *f, time_us t)
{
	struct partition *hit = NULL, *sick = NULL;
	time_us start = span_start(t, f->span);
	time_us last = start > INT64_MAX - f->span + 1 ? INT64_MAX : start + f->span - 1;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n; i++) {
		struct partition *p = f->part[i];

		if (p->start <= t && t <= p->last) {
			sick = p;
			hit = p->damaged ? NULL : p;
		} else if (p->last < t && p->last >= start) {
			start = p->last + 1; /* the span of files was another one when that was made */
		} else if (p->start > t && p->start <= last) {
			last = p->start - 1;
		}
	}
	if (!hit && sick)
		hit = add_partition(f, sick->start, sick->last, f->generation + 1);
	else if (!hit)
		hit = add_partition(f, start, last, f->generation + 1);
	pthread_mutex_unlock(&f->lock);
	return hit;
}

time_us files_span_last(struct block_files *f, time_us t)
{
	time_us start = span_start(t, f->span);
	time_us last = start > INT64_MAX - f->span + 1 ? INT64_MAX : start + f->span - 1;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n; i++)
		if (f->part[i]->start <= t && t <= f->part[i]->last)
			last = f->part[i]->last;
	pthread_mutex_unlock(&f->lock);
	return last;
}

static bool is_newest(struct block_files *f, const struct partition *p)
{
	bool yes;

	pthread_mutex_lock(&f->lock);
	yes = f->n && f->part[f->n - 1] == p;
	pthread_mutex_unlock(&f->lock);
	return yes;
}

static void mark_damaged(struct block_files *f, struct partition *p, const char *why)
{
	bool news;

	pthread_mutex_lock(&f->lock);
	news = !p->damaged;
	p->damaged = true;
	pthread_mutex_unlock(&f->lock);
	if (news)
		LOG(SERIES_FAULT, log_s("file", p->path), log_s("why", why));
}

/* ---- connections ---- */

static int user_version(sqlite3 *db, int *version)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL);

	if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		*version = sqlite3_column_int(st, 0);
		rc = SQLITE_OK;
	}
	sqlite3_finalize(st);
	return rc;
}

static int open_writer(struct block_files *f, struct partition *p, struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	bool fresh = !file_exists(p->path);
	int version = 0, rc = 0;
	char sql[256];

	if (p->db)
		return 0;
	if (sqlite3_open_v2(p->path, &p->db, flags, NULL) != SQLITE_OK) {
		rc = sql_err(e, p->db, p, "the block file cannot be opened");
		goto out;
	}
	sqlite3_busy_timeout(p->db, 10000);
	/* Large pages: rows of 450 bytes leave less of them empty, and those of a series lie together. */
	snprintf(sql, sizeof(sql),
	        "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA "
	        "cache_size=-8192",
	        f->sync ? "FULL" : "NORMAL");
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK ||
	        user_version(p->db, &version) != SQLITE_OK) {
		rc = sql_err(e, p->db, p, "the block file cannot be used");
		goto out;
	}
	if (version > FILE_FORMAT) {
		err_set(e, ERR_NEWER, "the block file has format %d, this program knows %d", version,
		        FILE_FORMAT);
		rc = err_at(e, p->path, 0, 0, NULL);
		goto out;
	}
	if (!version) {
		snprintf(sql, sizeof(sql), "PRAGMA application_id=%d; PRAGMA user_version=%d", APPLICATION_ID,
		        FILE_FORMAT);
		if (sqlite3_exec(p->db, schema, NULL, NULL, NULL) != SQLITE_OK ||
		        sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
			rc = sql_err(e, p->db, p, "the block file cannot be made");
			goto out;
		}
	}
	for (int i = 0; i < W_ALL; i++) {
		if (sqlite3_prepare_v3(p->db, writer_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &p->st[i],
		            NULL) != SQLITE_OK) {
			rc = sql_err(e, p->db, p, "the block file cannot be used");
			goto out;
		}
	}
	if (fresh)
		rc = file_sync_dir(f->dir, e);
out:
	if (rc)
		close_writer(p);
	return rc;
}

static int step(struct partition *p, int which)
{
	int rc = sqlite3_step(p->st[which]);

	if (rc != SQLITE_ROW)
		sqlite3_reset(p->st[which]);
	return rc;
}

static struct reader *open_reader(const struct partition *p)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	if (sqlite3_open_v2(p->path, &r->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
		goto fail;
	sqlite3_busy_timeout(r->db, 10000);
	for (int i = 0; i < R_ALL; i++)
		if (sqlite3_prepare_v3(r->db, reader_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &r->st[i],
		            NULL) != SQLITE_OK)
			goto fail;
	return r;
fail:
	close_reader(r);
	return NULL;
}

/* ---- writing ---- */

static void count_row(struct partition *p, int64_t change)
{
	if (atomic_load(&p->rows) >= 0)
		atomic_fetch_add(&p->rows, change);
}

static int insert(
        struct partition *p, uint32_t series, time_us t0, const uint8_t *data, size_t n, struct err *e)
{
	sqlite3_stmt *st = p->st[W_INSERT];

	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, t0);
	sqlite3_bind_blob(st, 3, data, (int)n, SQLITE_STATIC);
	if (step(p, W_INSERT) != SQLITE_DONE)
		return sql_err(e, p->db, p, "a block cannot be written");
	count_row(p, 1);
	return 0;
}

static int delete_row(struct partition *p, uint32_t series, time_us t0, struct err *e)
{
	sqlite3_bind_int64(p->st[W_DELETE], 1, series);
	sqlite3_bind_int64(p->st[W_DELETE], 2, t0);
	if (step(p, W_DELETE) != SQLITE_DONE)
		return sql_err(e, p->db, p, "a block cannot be removed");
	count_row(p, -1);
	return 0;
}

static void quarantine_row(struct block_files *f, const struct partition *p, uint32_t series, time_us t0,
        const void *data, size_t n)
{
	char what[96];

	snprintf(what, sizeof(what), "%s-series-%u", p->name, series);
	f->damaged(f->ctx, what, t0, data, n);
}

/* The block at or before t: its points (n 0: none). A broken one is set aside, and the next one taken. */
static int block_before(struct block_files *f, struct partition *p, uint32_t series, time_us before,
        time_us *t, double *v, int *n, struct err *e)
{
	sqlite3_stmt *st = p->st[W_BEFORE];

	for (;;) {
		const void *data;
		size_t len;
		time_us t0;
		int rc;

		*n = 0;
		sqlite3_bind_int64(st, 1, series);
		sqlite3_bind_int64(st, 2, before);
		rc = step(p, W_BEFORE);
		if (rc == SQLITE_DONE)
			return 0;
		if (rc != SQLITE_ROW)
			return sql_err(e, p->db, p, "a block cannot be read");
		t0 = sqlite3_column_int64(st, 0);
		data = sqlite3_column_blob(st, 1);
		len = (size_t)sqlite3_column_bytes(st, 1);
		*n = block_decode(series, t0, data, len, NULL, t, v);
		if (*n < 0)
			quarantine_row(f, p, series, t0, data, len);
		sqlite3_reset(st);
		if (*n > 0)
			return 0;
		rc = delete_row(p, series, t0, e);
		if (rc)
			return rc;
	}
}

/* Start of the block after t, INT64_MAX if there is none (`any` tells). */
static int block_after(struct partition *p, uint32_t series, time_us t, time_us *t0, bool *any, struct err *e)
{
	sqlite3_stmt *st = p->st[W_AFTER];
	int rc;

	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, t);
	rc = step(p, W_AFTER);
	*any = rc == SQLITE_ROW;
	*t0 = *any ? sqlite3_column_int64(st, 0) : INT64_MAX;
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return sql_err(e, p->db, p, "a block cannot be read");
	return 0;
}

/* Blocks of about equal size: a point squeezed into a full one leaves two with room, not a crumb. */
static int insert_points(struct partition *p, uint32_t series, const time_us *t, const double *v, int n,
        int *last_n, struct err *e)
{
	int blocks = (n + CODEC_POINTS - 1) / CODEC_POINTS, rc = 0;

	for (int i = 0, at = 0; i < blocks && !rc; i++) {
		int size = (n - at) / (blocks - i);
		struct block *b = block_new(series, t + at, v + at, size);

		rc = insert(p, series, b->t0, b->data, b->len, e);
		free(b);
		at += size;
		*last_n = size;
	}
	return rc;
}

/* Points (at most CODEC_POINTS) that all lie in p's span. */
static int write_points(struct block_files *f, struct partition *p, uint32_t series, const time_us *t,
        const double *v, int n, struct block_tail *tail, struct err *e)
{
	time_us old_t[CODEC_POINTS], t2[2 * CODEC_POINTS];
	double old_v[CODEC_POINTS], v2[2 * CODEC_POINTS];
	int rc = 0;

	for (int i = 0, j; i < n && !rc; i = j) {
		time_us next;
		bool any;
		int old, m, last_n = 0;

		rc = block_before(f, p, series, t[i], old_t, old_v, &old, e);
		if (!rc)
			rc = block_after(p, series, t[i], &next, &any, e);
		if (rc)
			break;
		for (j = i + 1; j < n && (!any || t[j] < next);)
			j++;
		if (old && t[i] > old_t[old - 1] && old + (j - i) > CODEC_POINTS)
			old = 0; /* it ends before, and has no room */
		m = (int)points_merge(old_t, old_v, (size_t)old, t + i, v + i, (size_t)(j - i), t2, v2);
		if (m == old && memcmp(v2, old_v, (size_t)m * sizeof(*v2)) == 0) {
			last_n = m; /* written before, and now replayed */
		} else {
			if (old)
				rc = delete_row(p, series, old_t[0], e);
			if (!rc)
				rc = insert_points(p, series, t2, v2, m, &last_n, e);
		}
		if (tail->last == INT64_MAX ? !any && is_newest(f, p) : t2[m - 1] >= tail->last)
			*tail = (struct block_tail){.last = t2[m - 1], .n = last_n};
	}
	return rc;
}

static int begin(struct block_files *f, struct partition *p, struct err *e)
{
	int rc = open_writer(f, p, e);

	if (rc || p->writing)
		return rc;
	if (step(p, W_BEGIN) != SQLITE_DONE)
		return sql_err(e, p->db, p, "the block file cannot be written");
	p->writing = true;
	return 0;
}

static int write_item(struct block_files *f, struct block_item *item, struct err *e)
{
	const struct block *b = item->b;
	struct partition *p = partition_for(f, b->t0);
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	int n, rc = begin(f, p, e);

	if (!rc && b->t1 <= p->last && b->t0 > item->tail->last && item->tail->n + b->n > CODEC_POINTS) {
		rc = insert(p, b->series, b->t0, b->data, b->len, e);
		*item->tail = (struct block_tail){.last = b->t1, .n = b->n};
	} else if (!rc) {
		n = block_decode(b->series, b->t0, b->data, b->len, NULL, t, v);
		must(n == b->n);
		for (int i = 0, j; i < n && !rc; i = j) {
			p = partition_for(f, t[i]);
			rc = begin(f, p, e);
			for (j = i + 1; j < n && t[j] <= p->last;)
				j++;
			if (!rc)
				rc = write_points(f, p, b->series, t + i, v + i, j - i, item->tail, e);
		}
	}
	if (rc == ERR_CORRUPT)
		mark_damaged(f, p, "the file is damaged; new blocks of its time go into another one");
	return rc;
}

/* By series, and within one as they came; rows then land side by side. */
static int compare_items(const void *a, const void *b)
{
	const struct block_item *x = a, *y = b;

	if (x->b->series != y->b->series)
		return x->b->series < y->b->series ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

int files_write(struct block_files *f, struct block_item *item, size_t n, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < n; i++)
		item[i].order = i;
	qsort(item, n, sizeof(*item), compare_items);
	for (size_t i = 0; i < n && !rc; i++)
		rc = write_item(f, &item[i], e);
	if (!rc && fault(FAULT_SERIES_SEAL))
		rc = err_set(e, ERR_IO, "a block cannot be written");
	return rc;
}

int files_commit(struct block_files *f, struct err *e)
{
	int rc = 0, open = 0;

	for (size_t i = 0; i < f->n && !rc; i++) {
		struct partition *p = f->part[i];

		if (!p->writing)
			continue;
		if (step(p, W_COMMIT) != SQLITE_DONE)
			rc = sql_err(e, p->db, p, "the block file cannot be written");
		else
			p->writing = false;
	}
	for (size_t i = f->n; i-- > 0;)
		if (f->part[i]->db && ++open > WRITERS_MAX && !f->part[i]->writing)
			close_writer(f->part[i]);
	return rc;
}

void files_rollback(struct block_files *f, struct block_item *item, size_t n)
{
	for (size_t i = 0; i < f->n; i++) {
		struct partition *p = f->part[i];

		if (!p->writing)
			continue;
		if (step(p, W_ROLLBACK) != SQLITE_DONE)
			close_writer(p);
		p->writing = false;
		atomic_store(&p->rows, -1);
	}
	for (size_t i = 0; i < n; i++)
		*item[i].tail = (struct block_tail){.last = INT64_MAX};
}

void files_expire(struct block_files *f, time_us t)
{
	struct partition **gone;
	size_t n = 0, keep = 0;

	pthread_mutex_lock(&f->lock);
	gone = xcalloc(f->n + 1, sizeof(*gone));
	for (size_t i = 0; i < f->n; i++) {
		if (f->part[i]->last < t) {
			f->part[i]->dead = true;
			gone[n++] = f->part[i];
		} else {
			f->part[keep++] = f->part[i];
		}
	}
	f->n = keep;
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < n; i++)
		unref(f, gone[i]);
	free(gone);
}

int files_remove_broken(struct block_files *f, const char *name, uint32_t series, time_us t0, struct err *e)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	struct partition *p = NULL;
	int n, rc;

	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->part[i]->name, name) == 0)
			p = f->part[i];
	if (!p)
		return 0;
	rc = begin(f, p, e);
	if (!rc)
		rc = block_before(f, p, series, t0, t, v, &n, e); /* sets aside what is broken */
	if (!rc)
		rc = files_commit(f, e);
	if (rc)
		files_rollback(f, NULL, 0);
	return rc;
}

/* ---- looking things up, while opening ---- */

static int64_t scalar(const struct partition *p, const char *sql, int64_t none)
{
	struct reader *r = open_reader(p);
	sqlite3_stmt *st = NULL;

	if (!r)
		return none;
	if (sqlite3_prepare_v2(r->db, sql, -1, &st, NULL) == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW)
		none = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	close_reader(r);
	return none;
}

uint32_t files_max_id(struct block_files *f)
{
	uint32_t max = 0;

	for (size_t i = 0; i < f->n; i++) {
		int64_t id = scalar(f->part[i], "SELECT max(series) FROM block", 0);

		if (id > max && id <= UINT32_MAX)
			max = (uint32_t)id;
	}
	return max;
}

bool files_latest(struct block_files *f, uint32_t series, time_us *t, double *v)
{
	time_us ts[CODEC_POINTS];
	double vs[CODEC_POINTS];
	struct files_view view;
	bool found = false;

	files_view_open(f, INT64_MIN, INT64_MAX, &view);
	for (size_t i = view.n; i-- > 0 && !found;) {
		const uint8_t *p;
		size_t len;
		time_us t0;

		files_view_seek(&view, i, series, INT64_MIN, INT64_MAX);
		while (files_view_step(&view, i, &t0, &p, &len) == 1) {
			int n = block_decode(series, t0, p, len, NULL, ts, vs);

			if (n > 0) {
				*t = ts[n - 1];
				*v = vs[n - 1];
				found = true;
			}
		}
	}
	files_view_close(f, &view);
	return found;
}

void files_stats(struct block_files *f, uint64_t *blocks, uint64_t *bytes)
{
	struct files_view view;

	*blocks = *bytes = 0;
	files_view_open(f, INT64_MIN, INT64_MAX, &view);
	for (size_t i = 0; i < view.n; i++) {
		struct partition *p = view.part[i].p;
		struct stat st;

		if (atomic_load(&p->rows) < 0)
			atomic_store(&p->rows, scalar(p, "SELECT count(*) FROM block", 0));
		*blocks += (uint64_t)atomic_load(&p->rows);
		if (stat(p->path, &st) == 0)
			*bytes += (uint64_t)st.st_size;
	}
	files_view_close(f, &view);
}

int file_image(const char *path, const char *to, struct err *e)
{
	const struct partition source = {.path = (char *)path}, target = {.path = (char *)to};
	sqlite3 *from = NULL, *db = NULL;
	sqlite3_backup *b = NULL;
	int rc = 0;

	if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		rc = sql_err(e, from, &source, "the block file cannot be opened");
		goto out;
	}
	if (sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK ||
	        !(b = sqlite3_backup_init(db, "main", from, "main"))) {
		rc = sql_err(e, db, &target, "the block file cannot be copied");
		goto out;
	}
	while ((rc = sqlite3_backup_step(b, 1024)) == SQLITE_OK)
		;
	sqlite3_backup_finish(b);
	rc = rc == SQLITE_DONE ? 0 : sql_err(e, db, &target, "the block file cannot be copied");
out:
	sqlite3_close(db);
	sqlite3_close(from);
	return rc;
}

static int copy_one(const struct partition *p, const char *dir, struct err *e)
{
	char *path = xasprintf("%s/%s", dir, p->name);
	int rc = 0;

	if (file_exists(p->path)) /* else it was made, but nothing was written to it yet */
		rc = file_image(p->path, path, e);
	free(path);
	return rc;
}

int files_copy(struct block_files *f, const char *dir, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < f->n && !rc; i++)
		rc = copy_one(f->part[i], dir, e);
	return rc;
}

/* ---- views ---- */

static struct reader *take_reader(struct block_files *f, struct partition *p)
{
	struct reader *r;

	pthread_mutex_lock(&f->lock);
	r = p->idle;
	if (r) {
		p->idle = r->next;
		p->idle_n--;
	}
	pthread_mutex_unlock(&f->lock);
	return r ? r : open_reader(p);
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
		close_reader(r);
}

static bool reader_step(struct reader *r, int which)
{
	int rc = sqlite3_step(r->st[which]);

	sqlite3_reset(r->st[which]);
	return rc == SQLITE_ROW || rc == SQLITE_DONE;
}

void files_view_open(struct block_files *f, time_us from, time_us to, struct files_view *v)
{
	size_t keep = 0;

	pthread_mutex_lock(&f->lock);
	*v = (struct files_view){.part = xcalloc(f->n + 1, sizeof(*v->part))};
	for (size_t i = 0; i < f->n; i++) {
		if (f->part[i]->last >= from && f->part[i]->start <= to) {
			f->part[i]->refs++;
			v->part[v->n++].p = f->part[i];
		}
	}
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < v->n; i++) {
		struct partition *p = v->part[i].p;
		struct reader *r = take_reader(f, p);

		if (r && !(reader_step(r, R_BEGIN) && reader_step(r, R_TOUCH))) {
			close_reader(r);
			r = NULL;
		}
		if (r) {
			v->part[keep++] = (struct view_part){.p = p, .r = r};
			continue;
		}
		if (file_exists(p->path)) { /* one that was never committed to has no table yet */
			struct stat st;

			if (stat(p->path, &st) == 0 && st.st_size > 0) {
				mark_damaged(f, p, "the file cannot be read");
				v->unreadable++;
			}
		}
		unref(f, p);
	}
	v->n = keep;
}

void files_view_close(struct block_files *f, struct files_view *v)
{
	for (size_t i = 0; i < v->n; i++) {
		struct reader *r = v->part[i].r;

		sqlite3_reset(r->st[R_RANGE]);
		if (reader_step(r, R_END))
			give_reader(f, v->part[i].p, r);
		else
			close_reader(r);
		unref(f, v->part[i].p);
	}
	free(v->part);
	*v = (struct files_view){0};
}

void files_view_seek(struct files_view *v, size_t i, uint32_t series, time_us from, time_us to)
{
	sqlite3_stmt *st = v->part[i].r->st[R_RANGE];

	sqlite3_reset(st);
	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, from);
	sqlite3_bind_int64(st, 3, to);
}

int files_view_step(struct files_view *v, size_t i, time_us *t0, const uint8_t **p, size_t *len)
{
	sqlite3_stmt *st = v->part[i].r->st[R_RANGE];
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW) {
		*t0 = sqlite3_column_int64(st, 0);
		*p = sqlite3_column_blob(st, 1);
		*len = (size_t)sqlite3_column_bytes(st, 1);
		return 1;
	}
	sqlite3_reset(st);
	return rc == SQLITE_DONE ? 0 : ERR_CORRUPT;
}

const char *files_view_name(const struct files_view *v, size_t i)
{
	return v->part[i].p->name;
}

/* ---- verify ---- */

static bool summary_same(const struct block_summary *a, const struct block_summary *b)
{
	return a->t1 == b->t1 && a->numbers == b->numbers &&
	       (a->numbers == 0 ||
	               (a->first == b->first && a->last == b->last && a->min == b->min && a->max == b->max &&
	                       (a->sum == b->sum || (isnan(a->sum) && isnan(b->sum)))));
}

int file_verify(const char *path, void (*tell)(void *ctx, const char *text), void *ctx)
{
	time_us t[CODEC_POINTS], start, last, before = INT64_MIN;
	double v[CODEC_POINTS];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	const char *name = strrchr(path, '/');
	uint32_t generation;
	int64_t series_before = -1;
	int bad = 0, rc;
	char text[512];

	if (!file_name_parse(name ? name + 1 : path, &start, &last, &generation))
		return 0;
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(
		        db, "SELECT series, t0, data FROM block ORDER BY series, t0", -1, &st, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		struct block_summary said, is = {0};
		int64_t series;
		time_us t0;
		int n;

		rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			break;
		series = sqlite3_column_int64(st, 0);
		t0 = sqlite3_column_int64(st, 1);
		n = block_decode((uint32_t)series, t0, sqlite3_column_blob(st, 2),
		        (size_t)sqlite3_column_bytes(st, 2), &said, t, v);
		if (n > 0)
			block_summarise(t, v, n, &is);
		if (n < 0)
			snprintf(text, sizeof(text), "%s: the block of series %lld at %lld is damaged", path,
			        (long long)series, (long long)t0);
		else if (!summary_same(&said, &is))
			snprintf(text, sizeof(text), "%s: the summary of series %lld at %lld is wrong", path,
			        (long long)series, (long long)t0);
		else if (t0 < start || t[n - 1] > last)
			snprintf(text, sizeof(text),
			        "%s: series %lld at %lld lies outside of the file's span", path,
			        (long long)series, (long long)t0);
		else if (series == series_before && t0 <= before)
			snprintf(text, sizeof(text), "%s: series %lld at %lld overlaps the block before",
			        path, (long long)series, (long long)t0);
		else
			text[0] = 0;
		if (text[0]) {
			tell(ctx, text);
			bad++;
		}
		before = n > 0 ? t[n - 1] : t0;
		series_before = series;
	}
	if (rc != SQLITE_DONE) {
		snprintf(text, sizeof(text), "%s: %s", path, sqlite3_errmsg(db));
		tell(ctx, text);
		bad++;
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return bad;
}

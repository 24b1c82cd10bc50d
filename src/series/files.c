/*
 * Block files: blocks-START-LAST-GENERATION.db, SQLite in WAL mode; START and LAST are the first and
 * the last instant (us) of the file's span. The name alone says what is in it, so that opening a
 * database touches no file, and a new file never has the name of one that is being removed.
 */
#include "series/files_int.h"

#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#define APPLICATION_ID 0x486d5331 /* "HmS1" */

static const char schema[] =
        "BEGIN IMMEDIATE;"
        "CREATE TABLE IF NOT EXISTS block(series INTEGER NOT NULL, t0 INTEGER NOT NULL, data BLOB NOT NULL, "
        "PRIMARY KEY(series, t0)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS hour(series INTEGER NOT NULL, t0 INTEGER NOT NULL, data BLOB NOT NULL, "
        "PRIMARY KEY(series, t0)) WITHOUT ROWID;"
        "CREATE TABLE IF NOT EXISTS packed(at INTEGER NOT NULL);"
        "PRAGMA application_id=%d;PRAGMA user_version=%d;"
        "COMMIT";

static const char range_sql[] = RANGE_SQL;
static const char *const writer_sql[W_ALL] = {"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK",
        "SELECT t0, data FROM block WHERE series=?1 AND t0<=?2 ORDER BY t0 DESC LIMIT 1",
        "SELECT t0 FROM block WHERE series=?1 AND t0>?2 ORDER BY t0 LIMIT 1", range_sql,
        "DELETE FROM block WHERE series=?1 AND t0=?2", "INSERT INTO block VALUES(?1,?2,?3)",
        "SELECT data FROM hour WHERE series=?1 AND t0=?2", "INSERT OR REPLACE INTO hour VALUES(?1,?2,?3)",
        "DELETE FROM hour WHERE series=?1 AND t0>=?2 AND t0<=?3", "DELETE FROM packed"};

int files__sql_err(struct err *e, sqlite3 *db, const struct partition *p, const char *what)
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

void files__close_writer(struct partition *p)
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
		files__close_reader(r);
	}
	files__close_writer(p);
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

void files__unref(struct block_files *f, struct partition *p)
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
	p->rows = p->packed = -1;
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

/* Of a start or a packing that was cut off. */
static void remove_unfinished(const char *dir, const char *name)
{
	static const char *const ends[] = {PACKING_PART, PACKING_WHOLE};
	size_t n = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
		size_t k = strlen(ends[i]);
		time_us start, last;
		uint32_t generation;
		char *base, *path;

		if (n < k || strcmp(name + n - k, ends[i]) != 0)
			continue;
		base = xasprintf("%.*s", (int)(n - k), name);
		path = xasprintf("%s/%s", dir, name);
		if (file_name_parse(base, &start, &last, &generation))
			unlink(path);
		free(path);
		free(base);
	}
}

/* The generation that a packed file took the place of; 0: none. */
static int64_t replaces(const struct partition *p)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	int64_t generation = 0;

	if (sqlite3_open_v2(p->path, &db, flags, NULL) == SQLITE_OK &&
	        sqlite3_prepare_v2(db, "SELECT generation FROM replaces", -1, &st, NULL) == SQLITE_OK &&
	        sqlite3_step(st) == SQLITE_ROW)
		generation = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	sqlite3_close(db);
	return generation;
}

/* files lock, or nobody else there yet. The caller has the list's reference then. */
static void take_out(struct block_files *f, const struct partition *p)
{
	size_t keep = 0;

	for (size_t i = 0; i < f->n; i++)
		if (f->part[i] != p)
			f->part[keep++] = f->part[i];
	f->n = keep;
}

/* A crash came between a packed file and the end of the one whose place it took: there are two of one span,
 * which is rare, and so worth a look into the later one. */
static void remove_replaced(struct block_files *f)
{
	for (size_t i = 1; i < f->n; i++) {
		struct partition *old = f->part[i - 1], *p = f->part[i];

		if (old->start != p->start || old->last != p->last || replaces(p) != old->generation)
			continue;
		old->dead = true;
		take_out(f, old);
		files__unref(f, old);
		i--;
	}
}

int files__replace(struct block_files *f, struct partition *old, const char *fresh, struct err *e)
{
	const uint32_t generation = f->generation + 1;
	char *path = xasprintf(
	        "%s/blocks-%lld-%lld-%u.db", f->dir, (long long)old->start, (long long)old->last, generation);
	int rc = rename(fresh, path) < 0 ? err_errno(e, errno, "cannot name the block file %s", path) : 0;

	if (!rc && (rc = file_sync_dir(f->dir, e)) < 0)
		unlink(path);
	free(path);
	if (rc)
		return rc;
	if (fault(FAULT_CRASH_PACK))
		raise(SIGKILL);
	pthread_mutex_lock(&f->lock);
	add_partition(f, old->start, old->last, generation)->packed = 1;
	take_out(f, old);
	old->dead = true;
	pthread_mutex_unlock(&f->lock);
	files__unref(f, old);
	return 0;
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
		else
			remove_unfinished(dir, *name);
	}
	remove_replaced(f);
	arena_free(&a);
	if (rc)
		files_close(f);
	return rc;
}

void files_close(struct block_files *f)
{
	files_pack_stop(f);
	for (size_t i = 0; i < f->n; i++)
		files__unref(f, f->part[i]);
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

struct partition *files__for(struct block_files *f, time_us t)
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

bool files_begin_before(struct block_files *f, time_us t)
{
	bool yes;

	pthread_mutex_lock(&f->lock);
	yes = f->n && f->part[0]->start < t;
	pthread_mutex_unlock(&f->lock);
	return yes;
}

bool files__is_newest(struct block_files *f, const struct partition *p)
{
	bool yes;

	pthread_mutex_lock(&f->lock);
	yes = f->n && f->part[f->n - 1] == p;
	pthread_mutex_unlock(&f->lock);
	return yes;
}

void files__mark_damaged(struct block_files *f, struct partition *p, const char *why)
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

bool file_is_old(const char *path)
{
	sqlite3 *db = NULL;
	int version = BLOCK_FILE_FORMAT;
	bool old =
	        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK &&
	        user_version(db, &version) == SQLITE_OK && version <= BLOCK_FILE_FIRST;

	sqlite3_close(db);
	return old;
}

int files__make_tables(sqlite3 *db, bool rolled)
{
	char sql[sizeof(schema) + 32];

	snprintf(sql, sizeof(sql), schema, APPLICATION_ID, rolled ? BLOCK_FILE_ROLLED : BLOCK_FILE_FORMAT);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

int files__make_rolled(sqlite3 *db)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA user_version=%d", BLOCK_FILE_ROLLED);
	return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* A new file gets its tables under another name: whoever reads finds none, or a whole one. */
static int make_file(struct block_files *f, const struct partition *p, struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
	char *temp = xasprintf("%s.new", p->path);
	sqlite3 *db = NULL;
	int rc = 0;

	unlink(temp); /* of a start that was cut off */
	/* Large pages: rows of 450 bytes leave less of them empty, and those of a series lie together. */
	if (sqlite3_open_v2(temp, &db, flags, NULL) != SQLITE_OK ||
	        sqlite3_exec(db,
	                f->sync ? "PRAGMA page_size=16384; PRAGMA synchronous=FULL"
	                        : "PRAGMA page_size=16384; PRAGMA synchronous=NORMAL",
	                NULL, NULL, NULL) != SQLITE_OK ||
	        files__make_tables(db, false) != SQLITE_OK ||
	        sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) != SQLITE_OK)
		rc = files__sql_err(e, db, p, "the block file cannot be made");
	sqlite3_close(db);
	if (!rc && rename(temp, p->path) < 0)
		rc = err_errno(e, errno, "cannot name the block file %s", p->path);
	if (!rc)
		rc = file_sync_dir(f->dir, e);
	if (rc)
		unlink(temp);
	free(temp);
	return rc;
}

int files__open_writer(struct block_files *f, struct partition *p, struct err *e)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int version = 0, rc = 0;
	char sql[256];

	if (p->db)
		return 0;
	if (!file_exists(p->path) && (rc = make_file(f, p, e)) < 0)
		return rc;
	if (sqlite3_open_v2(p->path, &p->db, flags, NULL) != SQLITE_OK) {
		rc = files__sql_err(e, p->db, p, "the block file cannot be opened");
		goto out;
	}
	sqlite3_busy_timeout(p->db, 10000);
	snprintf(sql, sizeof(sql),
	        "PRAGMA page_size=16384; PRAGMA journal_mode=WAL; PRAGMA synchronous=%s; PRAGMA "
	        "cache_size=-8192",
	        f->sync ? "FULL" : "NORMAL");
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK ||
	        user_version(p->db, &version) != SQLITE_OK) {
		rc = files__sql_err(e, p->db, p, "the block file cannot be used");
		goto out;
	}
	if (version > BLOCK_FILE_ROLLED) {
		err_set(e, ERR_NEWER, "the block file has format %d, this program knows %d", version,
		        BLOCK_FILE_ROLLED);
		rc = err_at(e, p->path, 0, 0, NULL);
		goto out;
	}
	p->rolled = version == BLOCK_FILE_SHORT_ROLLED || version == BLOCK_FILE_ROLLED;
	if (version < BLOCK_FILE_FORMAT && files__make_tables(p->db, p->rolled) != SQLITE_OK) {
		rc = files__sql_err(e, p->db, p, "the block file cannot be made");
		goto out;
	}
	p->marked = sqlite3_exec(p->db, "SELECT 1 FROM done LIMIT 1", NULL, NULL, NULL) == SQLITE_OK;
	for (int i = 0; i < W_ALL; i++) {
		if (sqlite3_prepare_v3(p->db, writer_sql[i], -1, SQLITE_PREPARE_PERSISTENT, &p->st[i],
		            NULL) != SQLITE_OK) {
			rc = files__sql_err(e, p->db, p, "the block file cannot be used");
			goto out;
		}
	}
out:
	if (rc)
		files__close_writer(p);
	return rc;
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
			files__packing_lost(f, f->part[i]);
			gone[n++] = f->part[i];
		} else {
			f->part[keep++] = f->part[i];
		}
	}
	f->n = keep;
	pthread_mutex_unlock(&f->lock);
	for (size_t i = 0; i < n; i++)
		files__unref(f, gone[i]);
	free(gone);
}

int file_image(const char *path, const char *to, struct err *e)
{
	const struct partition source = {.path = (char *)path}, target = {.path = (char *)to};
	sqlite3 *from = NULL, *db = NULL;
	sqlite3_backup *b = NULL;
	int rc = 0;

	if (sqlite3_open_v2(path, &from, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
		rc = files__sql_err(e, from, &source, "the block file cannot be opened");
		goto out;
	}
	if (sqlite3_open_v2(to, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK ||
	        !(b = sqlite3_backup_init(db, "main", from, "main"))) {
		rc = files__sql_err(e, db, &target, "the block file cannot be copied");
		goto out;
	}
	while ((rc = sqlite3_backup_step(b, 1024)) == SQLITE_OK)
		;
	sqlite3_backup_finish(b);
	rc = rc == SQLITE_DONE ? 0 : files__sql_err(e, db, &target, "the block file cannot be copied");
out:
	sqlite3_close(db);
	sqlite3_close(from);
	return rc;
}

/*
 * The bytes of a file of which all is in the main file, none in its log: in the kernel, which shares them
 * where the file system can. 1, or 0 where that is not possible. (A hard link would not do: files are written
 * in place.) On the writing thread, so that the file stands still.
 */
static int copy_quiet(const struct partition *p, const char *to, struct err *e)
{
	char *wal = xasprintf("%s-wal", p->path);
	int in = -1, out = -1, rc = 0;
	ssize_t n = 1;
	struct stat st;

	if (p->db)
		sqlite3_exec(p->db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL);
	if (stat(wal, &st) == 0 && st.st_size > 0) /* somebody reads an earlier state of it */
		goto out;
	in = open(p->path, O_RDONLY | O_CLOEXEC);
	out = in < 0 ? -1 : open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
	if (out < 0)
		goto out;
	while (n > 0)
		n = copy_file_range(in, NULL, out, NULL, (size_t)1 << 30, 0);
	if (n == 0 && fsync(out) == 0)
		rc = 1;
	else if (errno == ENOSPC || errno == EDQUOT || errno == EIO)
		rc = err_errno(e, errno, "cannot write %s", to);
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	if (out >= 0 && rc != 1)
		unlink(to);
	free(wal);
	return rc;
}

static int copy_one(const struct partition *p, const char *dir, struct err *e)
{
	char *path = xasprintf("%s/%s", dir, p->name);
	int rc = 1;

	if (file_exists(p->path)) /* else it was made, but nothing was written to it yet */
		rc = copy_quiet(p, path, e);
	if (rc == 0)
		rc = file_image(p->path, path, e);
	free(path);
	return rc < 0 ? rc : 0;
}

int files_copy(struct block_files *f, const char *dir, const bool *cancel, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < f->n && !rc; i++) {
		rc = copy_one(f->part[i], dir, e);
		if (!rc && cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED))
			rc = err_set(e, ERR_CANCELLED, "the snapshot was stopped; nothing of it stays");
	}
	return rc;
}

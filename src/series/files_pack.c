/*
 * Packing a file whose time is over. Blocks were written as they came, of at most HEAD_POINTS points and with
 * windows of 5 minutes: they become long ones, for what each of them says beside its points (key, checksum,
 * forms, tables of codes) is then said once for all, and pages become full ones.
 *
 * However large the file is, this is done beside everything else: a thread reads it as it stands, series by
 * series, and writes another one, which takes its place as the next generation of its span. Nobody waits for
 * it, and it asks the disk for a piece at a time. Whatever is written into the file meanwhile makes the other
 * one worthless; then it is tried again later. Points, and so the hours, stay as they are.
 *
 * Until the new file has its name nothing of it counts: what a crash leaves of it (PACKING_PART,
 * PACKING_WHOLE) is removed at the next opening. It says which generation it takes the place of (table
 * `replaces`), so that after a crash before the old file was removed that is done then.
 */
#include "series/files_int.h"

#include "base/clock.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LONG_B 1280    /* of a long block, about: some to a page, so that little of it is empty */
#define LONG_LEAST 128 /* points; where they take many bytes there is little to win */
#define ROW_B 20       /* what the database takes of a row besides its data */
#define PIECE_B (1 << 20)
#define REST_MOST (100 * US_MS)
#define OPS 4000   /* of SQLite, between two looks at what it has written */
#define ROOM_FOR 3 /* files of that size there has to be room on the disk */

struct packer {
	pthread_t thread;
	struct partition *p; /* one reference */
	int64_t size;        /* of its file */
	char *part, *whole;
	_Atomic bool stop;    /* nobody wants it any more */
	_Atomic bool hurry;   /* somebody waits for it */
	bool lost;            /* writing thread; the file has been written to since */
	pthread_mutex_t lock; /* of `ended` */
	pthread_cond_t cond;
	bool ended;
	int rc;
	struct err err;
	/* Of its thread. */
	sqlite3 *from, *to;
	sqlite3_stmt *put_block, *put_hour;
	int fd;          /* of the file that is written, to sync it */
	uint64_t synced; /* bytes of it */
	dur_us resumed;  /* when it went on after a rest */
};

/* The blocks of one series. */
struct row {
	time_us t0;
	size_t at, len; /* in `bytes` */
	bool replaced;  /* its points are in long ones */
};
struct packing {
	uint32_t series;
	time_us t[2 * CODEC_POINTS]; /* read and not written yet */
	double v[2 * CODEC_POINTS];
	int n, room;                 /* points of the next long block */
	struct block *first, **last; /* long blocks, by `next` */
	struct row *row;
	size_t rows, row_cap;
	uint8_t *bytes;
	size_t used, cap;
	size_t was_b, is_b;
	bool leave; /* a block is damaged: whoever reads it next sets it aside */
};

/* ---- long blocks ---- */

static int points_for(size_t bytes, int n)
{
	size_t room;

	must(bytes > 0);
	room = (size_t)n * LONG_B / bytes;
	return room < LONG_LEAST ? LONG_LEAST : room > CODEC_POINTS ? CODEC_POINTS : (int)room;
}

static void write_long(struct packing *x, int n)
{
	struct block *b = block_new(x->series, x->t, x->v, n, BLOCK_PACKED_DENSE);

	while (b->len > 2 * LONG_B && n > LONG_LEAST) { /* it was easier to tell before */
		free(b);
		n /= 2;
		b = block_new(x->series, x->t, x->v, n, BLOCK_PACKED_DENSE);
	}
	b->next = NULL;
	*x->last = b;
	x->last = &b->next;
	x->is_b += b->len + ROW_B;
	x->room = points_for(b->len, n);
	x->n -= n;
	memmove(x->t, x->t + n, (size_t)x->n * sizeof(*x->t));
	memmove(x->v, x->v + n, (size_t)x->n * sizeof(*x->v));
}

static void write_rest(struct packing *x)
{
	while (x->n)
		write_long(x, x->n < x->room ? x->n : x->room);
}

static void take_block(struct packing *x, time_us t0, const uint8_t *data, size_t len)
{
	int n = block_decode(x->series, t0, data, len, x->t + x->n, x->v + x->n);
	struct row *r;

	x->row = xgrow(x->row, &x->row_cap, x->rows + 1, sizeof(*x->row));
	r = &x->row[x->rows++];
	*r = (struct row){.t0 = t0, .at = x->used, .len = len};
	x->bytes = xgrow(x->bytes, &x->cap, x->used + len + 1, 1);
	if (len)
		memcpy(x->bytes + x->used, data, len);
	x->used += len;
	if (n < 0) {
		x->leave = true;
		return;
	}
	if (block_is_rollup(data, len)) { /* stays, and parts what lies around it */
		write_rest(x);
		return;
	}
	if (!x->room)
		x->room = points_for(len, n);
	r->replaced = true;
	x->was_b += len + ROW_B;
	x->n += n;
	while (x->n >= x->room)
		write_long(x, x->room);
}

/* ---- the thread ---- */

/* As files__sql_err, of the file that is made. */
static int cannot(struct packer *k, sqlite3 *db)
{
	const struct partition to = {.path = k->p->path};

	return files__sql_err(&k->err, db, &to, "the block file cannot be packed");
}

static bool stopped(struct packer *k)
{
	return atomic_load_explicit(&k->stop, memory_order_relaxed);
}

/*
 * What was written goes to the disk a piece at a time: a commit's sync must not wait for more than that.
 * Between two pieces disk and processor are the commits', for twice as long as a piece took, or for half as
 * long where somebody waits.
 */
static void keep_pace(struct packer *k)
{
	struct stat st;
	dur_us took;

	if (fstat(k->fd, &st) < 0 || (uint64_t)st.st_size < k->synced + PIECE_B)
		return;
	(void)fdatasync(k->fd); /* for the pace; the file is synced as a whole before it counts */
	k->synced = (uint64_t)st.st_size;
	took = clock_monotonic() - k->resumed;
	took = atomic_load_explicit(&k->hurry, memory_order_relaxed) ? took / 2 : 2 * took;
	took = took < REST_MOST ? took : REST_MOST;
	if (!stopped(k))
		nanosleep(&(struct timespec){.tv_nsec = (long)took * 1000}, NULL);
	k->resumed = clock_monotonic();
}

static int look_up(void *arg)
{
	struct packer *k = arg;

	keep_pace(k);
	return stopped(k);
}

static bool put_row(sqlite3_stmt *st, int64_t series, time_us t0, const void *data, size_t n)
{
	bool ok;

	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, t0);
	sqlite3_bind_blob(st, 3, data, (int)n, SQLITE_STATIC);
	ok = sqlite3_step(st) == SQLITE_DONE;
	sqlite3_reset(st);
	return ok;
}

/* As long blocks, or as it was where that is no longer. */
static bool finish_series(struct packer *k, struct packing *x)
{
	bool ok = true, as_it_was;

	write_rest(x);
	as_it_was = x->leave || x->is_b >= x->was_b;
	for (size_t i = 0; i < x->rows && ok; i++)
		if (as_it_was || !x->row[i].replaced)
			ok = put_row(k->put_block, x->series, x->row[i].t0, x->bytes + x->row[i].at,
			        x->row[i].len);
	for (struct block *b = x->first, *next; b; b = next) {
		next = b->next;
		if (ok && !as_it_was)
			ok = put_row(k->put_block, x->series, b->t0, b->data, b->len);
		free(b);
	}
	x->n = x->room = 0;
	x->first = NULL;
	x->last = &x->first;
	x->rows = x->used = x->was_b = x->is_b = 0;
	x->leave = false;
	return ok;
}

static int copy_blocks(struct packer *k)
{
	struct packing *x = xcalloc(1, sizeof(*x));
	sqlite3_stmt *st = NULL;
	bool ok = true;
	int rc = sqlite3_prepare_v2(
	        k->from, "SELECT series, t0, data FROM block ORDER BY series, t0", -1, &st, NULL);

	x->last = &x->first;
	while (rc == SQLITE_OK && ok && !stopped(k) && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		uint32_t series = (uint32_t)sqlite3_column_int64(st, 0);
		const uint8_t *data = sqlite3_column_blob(st, 2);

		rc = SQLITE_OK;
		if (series != x->series) {
			ok = finish_series(k, x);
			keep_pace(k);
		}
		x->series = series;
		take_block(x, sqlite3_column_int64(st, 1), data, (size_t)sqlite3_column_bytes(st, 2));
	}
	if (rc != SQLITE_OK && rc != SQLITE_DONE)
		rc = cannot(k, k->from);
	else
		rc = finish_series(k, x) && ok ? 0 : cannot(k, k->to);
	sqlite3_finalize(st);
	free(x->row);
	free(x->bytes);
	free(x);
	return rc;
}

static int copy_hours(struct packer *k)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(
	        k->from, "SELECT series, t0, data FROM hour ORDER BY series, t0", -1, &st, NULL);
	bool ok = true;

	while (rc == SQLITE_OK && ok && !stopped(k) && (rc = sqlite3_step(st)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		ok = put_row(k->put_hour, sqlite3_column_int64(st, 0), sqlite3_column_int64(st, 1),
		        sqlite3_column_blob(st, 2), (size_t)sqlite3_column_bytes(st, 2));
		keep_pace(k);
	}
	if (rc == SQLITE_ERROR && !st)
		rc = SQLITE_OK; /* a file of format 1 has none */
	rc = rc != SQLITE_OK && rc != SQLITE_DONE ? cannot(k, k->from) : ok ? 0 : cannot(k, k->to);
	sqlite3_finalize(st);
	return rc;
}

/* What was done to the file as a whole (see files_thin.c). */
static int copy_done(struct packer *k)
{
	sqlite3_stmt *st = NULL;
	int rc = 0;
	char sql[128];

	if (sqlite3_prepare_v2(k->from, "SELECT key FROM done", -1, &st, NULL) != SQLITE_OK)
		return 0; /* nothing */
	while (!rc && sqlite3_step(st) == SQLITE_ROW) {
		snprintf(sql, sizeof(sql),
		        "CREATE TABLE IF NOT EXISTS done(key INTEGER PRIMARY KEY);INSERT INTO done "
		        "VALUES(%lld)",
		        (long long)sqlite3_column_int64(st, 0));
		if (sqlite3_exec(k->to, sql, NULL, NULL, NULL) != SQLITE_OK)
			rc = cannot(k, k->to);
	}
	sqlite3_finalize(st);
	return rc;
}

static int64_t version_of(sqlite3 *db)
{
	sqlite3_stmt *st = NULL;
	int64_t version = 0;

	if (sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &st, NULL) == SQLITE_OK &&
	        sqlite3_step(st) == SQLITE_ROW)
		version = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return version;
}

static int open_to_sync(struct packer *k, const char *path)
{
	k->fd = open(path, O_RDONLY | O_CLOEXEC);
	k->synced = 0;
	k->resumed = clock_monotonic();
	return k->fd < 0 ? err_errno(&k->err, errno, "cannot open %s", path) : 0;
}

static void close_fd(struct packer *k)
{
	if (k->fd >= 0)
		close(k->fd);
	k->fd = -1;
}

static int open_both(struct packer *k)
{
	const int old = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, fresh = old | SQLITE_OPEN_CREATE;
	int64_t version;

	unlink(k->part);
	unlink(k->whole);
	if (sqlite3_open_v2(k->p->path, &k->from, old, NULL) != SQLITE_OK)
		return cannot(k, k->from);
	sqlite3_busy_timeout(k->from, 10000);
	if (sqlite3_exec(k->from, "PRAGMA cache_size=-8192; BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return cannot(k, k->from);
	version = version_of(k->from);
	/* Nothing of it counts before it is whole. */
	if (sqlite3_open_v2(k->part, &k->to, fresh, NULL) != SQLITE_OK ||
	        sqlite3_exec(k->to,
	                "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; "
	                "PRAGMA cache_size=-8192",
	                NULL, NULL, NULL) != SQLITE_OK ||
	        files__make_tables(k->to,
	                version == BLOCK_FILE_SHORT_ROLLED || version == BLOCK_FILE_ROLLED) != SQLITE_OK ||
	        sqlite3_prepare_v2(k->to, "INSERT INTO block VALUES(?1,?2,?3)", -1, &k->put_block, NULL) !=
	                SQLITE_OK ||
	        sqlite3_prepare_v2(k->to, "INSERT INTO hour VALUES(?1,?2,?3)", -1, &k->put_hour, NULL) !=
	                SQLITE_OK ||
	        sqlite3_exec(k->to, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return cannot(k, k->to);
	return open_to_sync(k, k->part);
}

static void close_both(struct packer *k)
{
	sqlite3_finalize(k->put_block);
	sqlite3_finalize(k->put_hour);
	sqlite3_close(k->from);
	sqlite3_close(k->to);
	close_fd(k);
	k->put_block = k->put_hour = NULL;
	k->from = k->to = NULL;
}

static int lengthen(struct packer *k)
{
	char sql[160];
	int rc = open_both(k);

	rc = rc ? rc : copy_blocks(k);
	rc = rc ? rc : copy_hours(k);
	rc = rc ? rc : copy_done(k);
	snprintf(sql, sizeof(sql),
	        "CREATE TABLE replaces(generation INTEGER NOT NULL); INSERT INTO replaces VALUES(%u);"
	        "INSERT INTO packed VALUES(1); COMMIT",
	        k->p->generation);
	if (!rc && sqlite3_exec(k->to, sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = cannot(k, k->to);
	if (!rc && fault(FAULT_SERIES_REWRITE))
		rc = err_set(&k->err, ERR_FULL, "a block file cannot be rewritten: the disk is full");
	return rc;
}

static int fill_pages(struct packer *k)
{
	const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	char *sql = sqlite3_mprintf("VACUUM INTO %Q", k->whole);
	sqlite3 *db = NULL;
	int rc = 0, fd = open(k->whole, O_WRONLY | O_CREAT | O_CLOEXEC, 0640); /* SQLite takes an empty one */

	must(sql);
	if (fd >= 0)
		close(fd);
	close_fd(k);
	rc = open_to_sync(k, k->whole);
	sqlite3_progress_handler(k->to, OPS, look_up, k);
	if (!rc && sqlite3_exec(k->to, sql, NULL, NULL, NULL) != SQLITE_OK)
		rc = cannot(k, k->to);
	sqlite3_free(sql);
	if (!rc && (sqlite3_open_v2(k->whole, &db, flags, NULL) != SQLITE_OK ||
	                   sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL) != SQLITE_OK))
		rc = cannot(k, db);
	sqlite3_close(db);
	if (!rc && fsync(k->fd) < 0)
		rc = err_errno(&k->err, errno, "cannot sync %s", k->whole);
	return rc;
}

static void *pack_on(void *arg)
{
	struct packer *k = arg;

	thread_yield_to_others();
	k->rc = lengthen(k);
	if (fault(FAULT_CRASH_PACK))
		raise(SIGKILL);
	if (!k->rc && !stopped(k))
		k->rc = fill_pages(k);
	if (fault(FAULT_CRASH_PACK))
		raise(SIGKILL);
	close_both(k);
	unlink(k->part);
	pthread_mutex_lock(&k->lock);
	k->ended = true;
	pthread_cond_signal(&k->cond);
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* ---- the writing thread ---- */

static void start(struct block_files *f, struct partition *p, int64_t size)
{
	struct packer *k = xcalloc(1, sizeof(*k));

	pthread_mutex_lock(&f->lock);
	p->refs++;
	pthread_mutex_unlock(&f->lock);
	k->p = p;
	k->size = size;
	k->fd = -1;
	k->part = xasprintf("%s" PACKING_PART, p->path);
	k->whole = xasprintf("%s" PACKING_WHOLE, p->path);
	must(pthread_mutex_init(&k->lock, NULL) == 0);
	must(pthread_cond_init(&k->cond, NULL) == 0);
	f->packer = k;
	thread_start(&k->thread, "pack", pack_on, k);
}

static void finish(struct block_files *f)
{
	struct packer *k = f->packer;

	f->packer = NULL;
	pthread_join(k->thread, NULL);
	unlink(k->whole);
	files__unref(f, k->p);
	pthread_mutex_destroy(&k->lock);
	pthread_cond_destroy(&k->cond);
	free(k->part);
	free(k->whole);
	free(k);
}

void files__packing_lost(struct block_files *f, const struct partition *p)
{
	if (!f->packer || f->packer->p != p)
		return;
	f->packer->lost = true;
	atomic_store(&f->packer->stop, true);
}

void files_pack_stop(struct block_files *f)
{
	if (!f->packer)
		return;
	atomic_store(&f->packer->stop, true);
	finish(f);
}

/* Waits for a moment if somebody waits for it. */
static bool has_ended(struct packer *k, bool wait)
{
	struct timespec until;
	bool ended;

	pthread_mutex_lock(&k->lock);
	if (wait && !k->ended) {
		atomic_store(&k->hurry, true);
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 20000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		(void)pthread_cond_timedwait(&k->cond, &k->lock, &until);
	}
	ended = k->ended;
	pthread_mutex_unlock(&k->lock);
	return ended;
}

static int take_result(struct block_files *f, struct err *e)
{
	struct packer *k = f->packer;
	int rc = k->lost ? 0 : k->rc;

	if (rc && e)
		*e = k->err;
	if (rc == ERR_CORRUPT)
		k->p->packed = 1; /* it would be so the next time, too */
	if (!rc && !k->lost)
		rc = files__replace(f, k->p, k->whole, e);
	if (!rc && !k->lost)
		rc = PACK_DONE;
	finish(f);
	return rc;
}

int files_pack(struct block_files *f, time_us before, int64_t most_b, bool wait, struct err *e)
{
	int64_t room = file_free_b(f->dir);

	if (f->packer && wait && f->packer->size > most_b)
		return 0;
	if (f->packer)
		return has_ended(f->packer, wait) ? take_result(f, e) : PACK_MORE;
	for (size_t i = 0; i < f->n; i++) {
		struct partition *p = f->part[i];
		struct stat st;
		int rc;

		if (p->last >= before || p->damaged || p->writing || p->packed == 1 ||
		        (i + 1 < f->n && f->part[i + 1]->start == p->start) || stat(p->path, &st) < 0 ||
		        st.st_size > most_b)
			continue; /* an earlier generation must not become the last one */
		if (p->packed < 0 && (rc = files__is_packed(p, e)) != 0) {
			if (rc < 0)
				return rc;
			p->packed = 1;
			continue;
		}
		if (room >= 0 && room / ROOM_FOR < st.st_size)
			continue;
		start(f, p, st.st_size);
		return PACK_MORE;
	}
	return 0;
}

/*
 * Looking through one block file, and saving what can be read of a damaged one into a new file in its
 * place: the blocks one by one, the roll-ups again from them. What is damaged stays in quarantine/.
 */
#include "series/files_int.h"

#include "base/file.h"
#include "series/bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <unistd.h>

#define SQL_HOURS "SELECT series, t0, data FROM hour ORDER BY series, t0"

struct care {
	const char *path;
	void (*tell)(void *ctx, const char *text);
	void *ctx;
	int bad;
};

static void finding(struct care *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void finding(struct care *c, const char *fmt, ...)
{
	char what[400], text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s: %s", c->path, what);
	c->tell(c->ctx, text);
	c->bad++;
}

/* ---- verify ---- */

static void verify_blocks(struct care *c, sqlite3 *db, time_us start, time_us last)
{
	time_us t[CODEC_POINTS], before = INT64_MIN;
	double v[CODEC_POINTS];
	sqlite3_stmt *st = NULL;
	int64_t series_before = -1;
	int rc = sqlite3_prepare_v2(
	        db, "SELECT series, t0, data FROM block ORDER BY series, t0", -1, &st, NULL);

	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		const uint8_t *data;
		int64_t series;
		size_t len;
		time_us t0;
		int n;

		rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			break;
		series = sqlite3_column_int64(st, 0);
		t0 = sqlite3_column_int64(st, 1);
		data = sqlite3_column_blob(st, 2);
		len = (size_t)sqlite3_column_bytes(st, 2);
		n = block_decode((uint32_t)series, t0, data, len, t, v);
		if (n < 0)
			finding(c, "the block of series %lld at %lld is damaged", (long long)series,
			        (long long)t0);
		else if (!block_summary_true((uint32_t)series, t0, data, len))
			finding(c, "the summary of series %lld at %lld is wrong", (long long)series,
			        (long long)t0);
		else if (t0 < start || t[n - 1] > last)
			finding(c, "series %lld at %lld lies outside of the file's span", (long long)series,
			        (long long)t0);
		else if (series == series_before && t0 <= before)
			finding(c, "series %lld at %lld overlaps the block before", (long long)series,
			        (long long)t0);
		before = n > 0 ? t[n - 1] : t0;
		series_before = series;
	}
	if (rc != SQLITE_DONE)
		finding(c, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(st);
}

/* Sums that are no decimals come out a little different when points are added in another order. */
static bool hour_same(const struct series_window *a, const struct series_window *b)
{
	double size = fabs(b->min) > fabs(b->max) ? fabs(b->min) : fabs(b->max);

	if (a->n != b->n || a->nans != b->nans)
		return false;
	if (!a->n)
		return true;
	return a->first == b->first && a->last == b->last && a->min == b->min && a->max == b->max &&
	       (bits_of(a->sum) == bits_of(b->sum) || !isfinite(b->sum) ||
	               fabs(a->sum - b->sum) <= 1e-12 * size * a->n);
}

static bool hours_true(sqlite3_stmt *range, uint32_t series, const struct hours *h)
{
	struct window w[HOURS] = {0};
	struct grid g = {.first = h->w[0].end, .step = US_HOUR, .n = HOURS, .w = w};
	bool ok = true;

	sqlite3_reset(range);
	sqlite3_bind_int64(range, 1, series);
	sqlite3_bind_int64(range, 2, h->start + 1);
	sqlite3_bind_int64(range, 3, h->start + HOURS_SPAN);
	while (sqlite3_step(range) == SQLITE_ROW) {
		time_us last;

		if (!grid_block(&g, series, sqlite3_column_int64(range, 0), sqlite3_column_blob(range, 1),
		            (size_t)sqlite3_column_bytes(range, 1), &last)) {
			sqlite3_reset(range);
			return true; /* that block is told of; what it had nobody knows */
		}
		ok &= last <= h->last || last > h->start + HOURS_SPAN;
	}
	sqlite3_reset(range);
	for (int i = 0; i < HOURS; i++) {
		window_done(&w[i]);
		ok &= hour_same(&h->w[i], &w[i].w);
	}
	return ok;
}

static void verify_hours(struct care *c, sqlite3 *db)
{
	sqlite3_stmt *st = NULL, *range = NULL;
	int rc = sqlite3_prepare_v2(db, SQL_HOURS, -1, &st, NULL);

	if (rc == SQLITE_ERROR) /* a file of format 1 has none */
		return;
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, RANGE_SQL, -1, &range, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		int64_t series;
		time_us start;
		struct hours h;

		rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			break;
		series = sqlite3_column_int64(st, 0);
		start = sqlite3_column_int64(st, 1);
		if (!hours_get((uint32_t)series, start, sqlite3_column_blob(st, 2),
		            (size_t)sqlite3_column_bytes(st, 2), &h))
			finding(c, "the roll-up of series %lld at %lld is damaged", (long long)series,
			        (long long)start);
		else if (!hours_true(range, (uint32_t)series, &h))
			finding(c, "the roll-up of series %lld at %lld is wrong", (long long)series,
			        (long long)start);
	}
	if (rc != SQLITE_DONE)
		finding(c, "%s", sqlite3_errmsg(db));
	sqlite3_finalize(range);
	sqlite3_finalize(st);
}

int file_verify(const char *path, void (*tell)(void *ctx, const char *text), void *ctx)
{
	struct care c = {.path = path, .tell = tell, .ctx = ctx};
	const char *name = strrchr(path, '/');
	time_us start, last;
	uint32_t generation;
	sqlite3 *db = NULL;

	if (!file_name_parse(name ? name + 1 : path, &start, &last, &generation))
		return 0;
	if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
		verify_blocks(&c, db, start, last);
		verify_hours(&c, db);
	} else {
		finding(&c, "%s", db ? sqlite3_errmsg(db) : "out of memory");
	}
	sqlite3_close(db);
	return c.bad;
}

/* ---- salvage ---- */

struct salvage {
	struct care care;
	const char *dir, *name;
	sqlite3 *from, *to;
	sqlite3_stmt *insert, *insert_hours;
	time_us start, last; /* the file's span */
	uint32_t greatest;   /* series there can be */
	uint64_t blocks, lost;
	/* The series at hand, and its hours. */
	uint32_t series;
	time_us end; /* of its newest block */
	struct hours hours;
	struct window w[HOURS];
	time_us first; /* point of these hours */
	int points;
	bool rollup; /* some of them are roll-ups: the hours must be kept */
	bool rolled; /* the file has roll-ups */
	bool failed; /* the new file cannot be written */
};

static void put_row(struct salvage *s, sqlite3_stmt *st, time_us t0, const void *data, size_t n)
{
	sqlite3_bind_int64(st, 1, s->series);
	sqlite3_bind_int64(st, 2, t0);
	sqlite3_bind_blob(st, 3, data, (int)n, SQLITE_STATIC);
	s->failed |= sqlite3_step(st) != SQLITE_DONE;
	sqlite3_reset(st);
}

static void finish_hours(struct salvage *s)
{
	uint8_t data[HOURS_MAX_B];

	if (s->rollup || (s->points > 1 && (s->hours.last - s->first) / (s->points - 1) <= HOURS_APART)) {
		for (int i = 0; i < HOURS; i++) {
			window_done(&s->w[i]);
			s->hours.w[i] = s->w[i].w;
		}
		put_row(s, s->insert_hours, s->hours.start, data, hours_put(s->series, &s->hours, data));
	}
	s->points = 0;
	s->rollup = false;
}

static void hours_at(struct salvage *s, time_us t)
{
	if (s->points && t <= s->hours.start + HOURS_SPAN)
		return;
	finish_hours(s);
	hours_init(&s->hours, hours_start(t));
	memset(s->w, 0, sizeof(s->w));
	s->first = t;
}

static void take_rollup(struct salvage *s, time_us t0, const uint8_t *data, size_t len)
{
	struct series_window w[WINDOW_LIST_MAX];
	time_us t1;
	dur_us step;
	int n = rollup_windows(s->series, t0, data, len, &step, &t1, w);

	for (int i = 0; i < n; i++) {
		hours_at(s, w[i].end);
		s->points++;
		s->rollup = true;
		s->hours.last = w[i].end < t1 ? w[i].end : t1;
		window_join(&s->w[(window_end(w[i].end, US_HOUR) - s->hours.start) / US_HOUR - 1], &w[i]);
	}
	s->rolled = true;
}

static void take_hours(struct salvage *s, const time_us *t, const double *v, int n)
{
	for (int i = 0; i < n; i++) {
		if (!window_time(t[i]))
			continue;
		hours_at(s, t[i]);
		s->points++;
		s->hours.last = t[i];
		window_point(&s->w[(window_end(t[i], US_HOUR) - s->hours.start) / US_HOUR - 1], v[i]);
	}
}

static void take_block(struct salvage *s, int64_t series, time_us t0, const uint8_t *data, size_t len)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	int n = series > 0 && series <= UINT32_MAX ? block_decode((uint32_t)series, t0, data, len, t, v) : -1;

	if (series != s->series) {
		finish_hours(s);
		s->series = (uint32_t)series;
		s->end = INT64_MIN;
	}
	if (n < 0 || t0 < s->start || t[n - 1] > s->last || t0 <= s->end) {
		char *dir = xasprintf("%s/quarantine", s->dir);
		char *path = xasprintf(
		        "%s/%s-series-%lld-at-%lld", dir, s->name, (long long)series, (long long)t0);
		struct err e = ERR_INIT;

		if (file_mkdirs(dir, &e) ||
		        file_write(path, data ? data : (const uint8_t *)"", len, 0640, &e))
			s->failed = true;
		finding(&s->care, "the block of series %lld at %lld is set aside", (long long)series,
		        (long long)t0);
		free(path);
		free(dir);
		s->lost++;
		return;
	}
	if (!block_summary_true((uint32_t)series, t0, data, len) || data[0] == 1) { /* packed again */
		struct block *b = block_new((uint32_t)series, t, v, n, BLOCK_PACKED_DENSE);

		put_row(s, s->insert, t0, b->data, b->len);
		free(b);
	} else {
		put_row(s, s->insert, t0, data, len);
	}
	if (block_is_rollup(data, len))
		take_rollup(s, t0, data, len);
	else
		take_hours(s, t, v, n);
	s->end = t[n - 1];
	s->blocks++;
}

/* Whatever can be reached by going on from each place where reading fails, at the next series. */
static void take_all(struct salvage *s)
{
	sqlite3_stmt *st = NULL;
	int64_t series = 0, gaps = 0, greatest = s->greatest;
	time_us t0 = INT64_MIN;

	/* Else SQLite reads nothing of a file that is shorter than it says. */
	sqlite3_exec(s->from, "PRAGMA writable_schema=ON", NULL, NULL, NULL);
	if (sqlite3_prepare_v2(s->from, "SELECT max(series) FROM block", -1, &st, NULL) == SQLITE_OK &&
	        sqlite3_step(st) == SQLITE_ROW && sqlite3_column_int64(st, 0) > greatest)
		greatest = sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	st = NULL;
	if (sqlite3_prepare_v2(s->from,
	            "SELECT series, t0, data FROM block WHERE (series, t0) > (?1, ?2) ORDER BY series, t0",
	            -1, &st, NULL) != SQLITE_OK) {
		finding(&s->care, "no block can be read: %s", sqlite3_errmsg(s->from));
		return;
	}
	while (series <= greatest) {
		int rc;

		sqlite3_bind_int64(st, 1, series);
		sqlite3_bind_int64(st, 2, t0);
		while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
			series = sqlite3_column_int64(st, 0);
			t0 = sqlite3_column_int64(st, 1);
			take_block(s, series, t0, sqlite3_column_blob(st, 2),
			        (size_t)sqlite3_column_bytes(st, 2));
		}
		sqlite3_reset(st);
		if (rc == SQLITE_DONE)
			break;
		if (!gaps++)
			finding(&s->care, "pages are damaged (%s); blocks in them are lost",
			        sqlite3_errmsg(s->from));
		series++;
		t0 = INT64_MIN;
	}
	finish_hours(s);
	sqlite3_finalize(st);
}

static int sync_file(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC), rc = 0;

	if (fd < 0 || fsync(fd) < 0)
		rc = err_errno(e, errno, "cannot sync %s", path);
	if (fd >= 0)
		close(fd);
	return rc;
}

/* The damaged file goes to quarantine/ by a second name, then the new one takes the first. */
static int exchange(const struct salvage *s, const char *fresh, struct err *e)
{
	static const char *const ends[] = {"-wal", "-shm"};
	char *dir = xasprintf("%s/quarantine", s->dir), *old = xasprintf("%s/%s", dir, s->name);
	int rc = file_mkdirs(dir, e);

	if (!rc && unlink(old) < 0 && errno != ENOENT)
		rc = err_errno(e, errno, "cannot remove %s", old);
	if (!rc && link(s->care.path, old) < 0)
		rc = err_errno(e, errno, "cannot make %s", old);
	if (!rc)
		rc = file_sync_dir(dir, e);
	for (size_t i = 0; i < ARRAY_LEN(ends) && !rc; i++) {
		char *from = xasprintf("%s%s", s->care.path, ends[i]), *to = xasprintf("%s%s", old, ends[i]);

		if (rename(from, to) < 0 && errno != ENOENT)
			rc = err_errno(e, errno, "cannot move %s", from);
		free(from);
		free(to);
	}
	if (!rc)
		rc = sync_file(fresh, e);
	if (!rc && rename(fresh, s->care.path) < 0)
		rc = err_errno(e, errno, "cannot put %s in its place", fresh);
	if (!rc)
		rc = file_sync_dir(s->dir, e);
	free(old);
	free(dir);
	return rc;
}

static int start_file(struct salvage *s, const char *fresh, struct err *e)
{
	unlink(fresh); /* of a repair that was cut off */
	if (sqlite3_open_v2(fresh, &s->to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK ||
	        sqlite3_exec(s->to,
	                "PRAGMA page_size=16384; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF" /* it counts
	                                                                                             once it
	                                                                                             is synced
	                                                                                           */
	                ,
	                NULL, NULL, NULL) != SQLITE_OK ||
	        files__make_tables(s->to, false) != SQLITE_OK ||
	        sqlite3_prepare_v2(s->to, "INSERT INTO block VALUES(?1,?2,?3)", -1, &s->insert, NULL) !=
	                SQLITE_OK ||
	        sqlite3_prepare_v2(s->to, "INSERT INTO hour VALUES(?1,?2,?3)", -1, &s->insert_hours, NULL) !=
	                SQLITE_OK ||
	        sqlite3_exec(s->to, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return err_set(
		        e, ERR_IO, "cannot make %s: %s", fresh, s->to ? sqlite3_errmsg(s->to) : "no memory");
	return 0;
}

static int end_file(struct salvage *s, const char *fresh, struct err *e)
{
	int rc = s->failed || (s->rolled && files__make_rolled(s->to) != SQLITE_OK) ||
	         sqlite3_exec(s->to, "COMMIT; VACUUM", NULL, NULL, NULL) != SQLITE_OK;

	if (rc)
		return err_set(e, ERR_IO, "cannot write %s: %s", fresh, sqlite3_errmsg(s->to));
	return 0;
}

int file_repair(const char *dir, const char *name, uint32_t greatest,
        void (*tell)(void *ctx, const char *text), void *ctx, struct err *e)
{
	char *path = xasprintf("%s/%s", dir, name), *fresh = xasprintf("%s/%s.new", dir, name);
	struct salvage s = {.care = {.path = path, .tell = tell, .ctx = ctx},
	        .dir = dir,
	        .name = name,
	        .greatest = greatest};
	uint32_t generation;
	int rc;

	must(file_name_parse(name, &s.start, &s.last, &generation));
	rc = start_file(&s, fresh, e);
	if (!rc && sqlite3_open_v2(path, &s.from, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
	                   SQLITE_OK)
		rc = err_set(
		        e, ERR_IO, "cannot open %s: %s", path, s.from ? sqlite3_errmsg(s.from) : "no memory");
	if (!rc) {
		take_all(&s);
		rc = end_file(&s, fresh, e);
	}
	sqlite3_finalize(s.insert);
	sqlite3_finalize(s.insert_hours);
	sqlite3_close(s.to);
	sqlite3_close(s.from);
	if (!rc)
		rc = exchange(&s, fresh, e);
	if (!rc)
		finding(&s.care,
		        "repaired: %llu blocks saved, %llu set aside; the damaged file is in quarantine/",
		        (unsigned long long)s.blocks, (unsigned long long)s.lost);
	unlink(fresh);
	free(fresh);
	free(path);
	return rc;
}

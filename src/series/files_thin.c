/*
 * Taking points out of block files: for good, or so that roll-ups stay in their place.
 *
 * What was done to all of a file is noted in it (table `done`: a hash of what, and of the series), so that a
 * file whose time is over is not looked through again every day. Points that come later take the notes away.
 */
#include "series/files_int.h"

#include "base/fault.h"
#include "base/file.h"
#include "series/decimal.h"

/* ---- notes ---- */

static int64_t scalar(struct partition *p, const char *sql, int64_t key)
{
	sqlite3_stmt *st = NULL;
	int64_t v = 0;

	if (sqlite3_prepare_v2(p->db, sql, -1, &st, NULL) == SQLITE_OK) {
		sqlite3_bind_int64(st, 1, key);
		if (sqlite3_step(st) == SQLITE_ROW)
			v = sqlite3_column_int64(st, 0);
	}
	sqlite3_finalize(st);
	return v;
}

/* FNV-1a. Series that are younger than the file's youngest do not count: they have nothing in it. */
static int64_t key_of(struct partition *p, const struct thinning *x, uint64_t what)
{
	int64_t greatest = scalar(p, "SELECT max(series) FROM block", 0);
	uint64_t h = (UINT64_C(14695981039346656037) ^ what) * UINT64_C(1099511628211);

	for (size_t i = 0; i < x->n && x->id[i] <= greatest; i++)
		h = (h ^ x->id[i]) * UINT64_C(1099511628211);
	return (int64_t)h;
}

static bool is_done(struct partition *p, int64_t key)
{
	return p->marked && scalar(p, "SELECT count(*) FROM done WHERE key=?1", key) > 0;
}

static int note_done(struct partition *p, int64_t key, struct err *e)
{
	char sql[128];

	snprintf(sql, sizeof(sql),
	        "CREATE TABLE IF NOT EXISTS done(key INTEGER PRIMARY KEY);INSERT OR IGNORE INTO done "
	        "VALUES(%lld)",
	        (long long)key);
	if (sqlite3_exec(p->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return files__sql_err(e, p->db, p, "the block file cannot be written");
	p->marked = true;
	return 0;
}

/* ---- for good ---- */

/* The windows of a roll-up that have nothing of [from, to], as up to two roll-ups. */
static int cut_rollup(struct partition *p, uint32_t series, const struct found_block *b, time_us from,
        time_us to, struct thinned *out, struct err *e)
{
	struct series_window w[WINDOW_LIST_MAX];
	dur_us step;
	time_us t1;
	int n = rollup_windows(series, b->t0, b->data, b->len, &step, &t1, w), a = 0, z, rc;

	while (a < n && w[a].end < from)
		a++;
	for (z = a; z < n && w[z].end - step + 1 <= to;)
		z++;
	if (a == z)
		return 0;
	for (int i = a; i < z; i++)
		out->points += w[i].n + w[i].nans;
	out->bytes += (int64_t)b->len;
	rc = files__delete_row(p, series, b->t0, e);
	for (int part = 0; part < 2 && !rc; part++) {
		const int first = part ? z : 0, last = part ? n : a;
		struct block *left;

		if (first == last)
			continue;
		left = rollup_new(
		        series, step, w + first, last - first, w[last - 1].end < t1 ? w[last - 1].end : t1);
		rc = files__insert(p, series, left->t0, left->data, left->len, e);
		out->bytes -= left->len;
		free(left);
	}
	return rc < 0 ? rc : 1;
}

static int cut_block(struct partition *p, uint32_t series, struct found_block *b, time_us from, time_us to,
        struct thinned *out, struct err *e)
{
	int keep = 0, any, rc;
	size_t bytes = 0;

	for (int i = 0; i < b->n; i++) {
		if (b->t[i] >= from && b->t[i] <= to)
			continue;
		b->t[keep] = b->t[i];
		b->v[keep++] = b->v[i];
	}
	if (keep == b->n)
		return 0;
	rc = files__delete_row(p, series, b->t0, e);
	if (!rc && keep)
		rc = files__insert_points(p, series, b->t, b->v, keep, &bytes, &any, e);
	out->points += (uint64_t)(b->n - keep);
	out->bytes += (int64_t)b->len - (int64_t)bytes;
	return rc < 0 ? rc : 1;
}

static int delete_from(struct block_files *f, struct partition *p, uint32_t series, time_us from, time_us to,
        struct thinned *out, struct err *e)
{
	/* A roll-up begins at the end of its first window. */
	time_us at = window_time(to) ? window_end(to, US_HOUR) : to;
	struct found_block b;
	bool changed = false;
	int rc;

	for (;;) {
		time_us t0;

		rc = files__block_before(f, p, series, at, &b, e);
		if (rc || !b.n || b.t[b.n - 1] < from)
			break;
		t0 = b.t0;
		rc = b.rollup ? cut_rollup(p, series, &b, from, to, out, e)
		              : cut_block(p, series, &b, from, to, out, e);
		changed |= rc > 0;
		if (rc < 0 || t0 <= from)
			break;
		at = t0 - 1;
		rc = 0;
	}
	if (rc < 0 || !changed)
		return rc < 0 ? rc : 0;
	/* Windows may lie at the borders of time, where there are none. */
	from = from > p->start ? from : p->start;
	to = to < p->last ? to : p->last;
	from = window_time(from) ? from : -WINDOW_TIME_MAX + 1;
	to = window_time(to) ? to : WINDOW_TIME_MAX - 1;
	return from <= to ? files__hours_changed(p, series, from, to, false, e) : 0;
}

static int delete_in_file(struct block_files *f, struct partition *p, const struct thinning *x,
        struct thinned *out, struct err *e)
{
	const bool whole = x->from <= p->start && x->to >= p->last;
	bool opened = !p->db;
	int rc = files__open_writer(f, p, e);
	int64_t key = rc ? 0 : key_of(p, x, 0);

	if (!rc && whole && is_done(p, key)) {
		if (opened)
			files__close_writer(p);
		return 0;
	}
	if (!rc)
		rc = files__begin(f, p, false, e);
	for (size_t k = 0; k < x->n && !rc; k++)
		rc = delete_from(f, p, x->id[k], x->from, x->to, out, e);
	if (!rc && fault(FAULT_SERIES_REWRITE))
		rc = err_set(e, ERR_FULL, "a block file cannot be rewritten: the disk is full");
	return !rc && whole ? note_done(p, key, e) : rc;
}

/* Nothing of its open transaction happens. */
static void give_up(struct partition *p)
{
	if (p->writing && files__step(p, W_ROLLBACK) != SQLITE_DONE)
		files__close_writer(p);
	p->writing = false;
	p->packed = -1;
	atomic_store(&p->rows, -1);
}

int files_delete(struct block_files *f, const struct thinning *x, size_t *at, struct thinned *out,
        int *unreadable, struct err *e)
{
	for (; *at < f->n; ++*at) {
		struct partition *p = f->part[*at];
		struct thinned before = *out;
		int rc;

		if (p->last < x->from || p->start > x->to || !file_exists(p->path))
			continue;
		rc = p->damaged ? ERR_CORRUPT : delete_in_file(f, p, x, out, e);
		if (rc == ERR_CORRUPT) { /* what it has stays, and is told */
			files__mark_damaged(f, p, "the file is damaged; its readings are not deleted");
			give_up(p);
			++*unreadable;
			*out = before;
			rc = 0;
		}
		if (rc)
			return rc;
		++*at;
		if (x->tell)
			x->tell(x->ctx, *at, f->n);
		return 1;
	}
	return 0;
}

/* ---- roll-ups in their place ---- */

struct rolling {
	struct partition *p;
	uint32_t series;
	dur_us step;
	struct window w[WINDOW_LIST_MAX]; /* of the next roll-up, side by side */
	int n;
	time_us t1;
	struct block *first, **last; /* roll-ups to be put in, by `next` */
	time_us *gone;               /* blocks to be taken out */
	size_t gone_n, gone_cap;
	time_us from, to; /* what they span */
	struct thinned sum;
};

static void end_rollup(struct rolling *r)
{
	struct series_window w[WINDOW_LIST_MAX];
	struct block *b;

	if (!r->n)
		return;
	for (int i = 0; i < r->n; i++) {
		window_done(&r->w[i]);
		w[i] = r->w[i].w;
	}
	b = rollup_new(r->series, r->step, w, r->n, r->t1);
	*r->last = b;
	r->last = &b->next;
	b->next = NULL;
	r->sum.bytes -= b->len;
	r->n = 0;
}

/* The window that t lies in, to be filled. */
static struct window *window_at(struct rolling *r, time_us t)
{
	time_us end = window_end(t, r->step);

	if (r->n && r->w[r->n - 1].w.end != end &&
	        (r->n == WINDOW_LIST_MAX || r->w[r->n - 1].w.end + r->step != end))
		end_rollup(r);
	if (!r->n || r->w[r->n - 1].w.end != end)
		r->w[r->n++] = (struct window){.w.end = end};
	r->t1 = t;
	return &r->w[r->n - 1];
}

static void take_rollup(struct rolling *r, time_us t0, const uint8_t *data, size_t len)
{
	struct series_window w[WINDOW_LIST_MAX];
	time_us t1;
	dur_us step;
	int n = rollup_windows(r->series, t0, data, len, &step, &t1, w);

	for (int i = 0; i < n; i++)
		window_join(window_at(r, w[i].end < t1 ? w[i].end : t1), &w[i]);
}

static void take_block(struct rolling *r, time_us t0, const uint8_t *data, size_t len)
{
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	int n = block_decode(r->series, t0, data, len, t, v);

	if (n < 1 || !window_time(t[0]) || !window_time(t[n - 1]) || rollup_in_vain(r->step, t, n)) {
		end_rollup(r);
		return;
	}
	r->gone = xgrow(r->gone, &r->gone_cap, r->gone_n + 1, sizeof(*r->gone));
	r->gone[r->gone_n++] = t0;
	r->sum.bytes += (int64_t)len;
	r->from = r->gone_n == 1 ? t[0] - r->step : r->from;
	r->to = t[n - 1];
	if (block_is_rollup(data, len)) {
		take_rollup(r, t0, data, len);
		return;
	}
	for (int i = 0; i < n; i++) {
		r->sum.points++;
		if (bits_of(v[i]) == SERIES_STALE)
			continue;
		r->sum.rolled++;
		window_point(window_at(r, t[i]), v[i]);
	}
}

static int roll_series(struct partition *p, uint32_t series, dur_us step, struct thinned *out, struct err *e)
{
	struct rolling r = {.p = p, .series = series, .step = step, .last = &r.first};
	sqlite3_stmt *st = p->st[W_RANGE];
	int rc;

	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, p->start);
	sqlite3_bind_int64(st, 3, p->last);
	while ((rc = files__step(p, W_RANGE)) == SQLITE_ROW)
		take_block(&r, sqlite3_column_int64(st, 0), sqlite3_column_blob(st, 1),
		        (size_t)sqlite3_column_bytes(st, 1));
	end_rollup(&r);
	rc = rc == SQLITE_DONE ? 0 : files__sql_err(e, p->db, p, "a block cannot be read");
	for (size_t i = 0; i < r.gone_n && !rc; i++)
		rc = files__delete_row(p, series, r.gone[i], e);
	for (struct block *b = r.first, *next; b; b = next) {
		next = b->next;
		if (!rc)
			rc = files__insert(p, series, b->t0, b->data, b->len, e);
		free(b);
	}
	if (!rc && r.gone_n)
		rc = files__hours_changed(p, series, r.from, r.to, true, e);
	out->points += r.sum.points;
	out->rolled += r.sum.rolled;
	out->bytes += r.sum.bytes;
	free(r.gone);
	return rc;
}

static int roll_file(struct block_files *f, struct partition *p, const struct thinning *x, dur_us step,
        struct thinned *out, struct err *e)
{
	int rc = files__begin(f, p, false, e);

	for (size_t i = 0; i < x->n && !rc; i++)
		rc = roll_series(p, x->id[i], step, out, e);
	if (!rc && fault(FAULT_SERIES_REWRITE))
		rc = err_set(e, ERR_FULL, "a block file cannot be rewritten: the disk is full");
	if (!rc && files__make_rolled(p->db) != SQLITE_OK)
		rc = files__sql_err(e, p->db, p, "the block file cannot be written");
	return rc;
}

int files_roll(struct block_files *f, const struct thinning *x, dur_us step, size_t *at, struct thinned *out,
        struct err *e)
{
	for (; *at < f->n; ++*at) {
		struct partition *p = f->part[*at];
		bool opened = !p->db;
		int64_t key;
		int rc;

		if (p->last >= x->to || p->damaged || !file_exists(p->path))
			continue;
		rc = files__open_writer(f, p, e);
		if (rc)
			return rc;
		key = key_of(p, x, (uint64_t)step);
		if (is_done(p, key)) {
			if (opened)
				files__close_writer(p);
			continue;
		}
		rc = roll_file(f, p, x, step, out, e);
		if (!rc)
			rc = note_done(p, key, e);
		if (rc == ERR_CORRUPT) {
			files__mark_damaged(f, p, "the file is damaged; its readings are not rolled up");
			give_up(p);
			continue;
		}
		if (rc)
			return rc;
		p->rolled = true;
		++*at;
		if (x->tell)
			x->tell(x->ctx, *at, f->n);
		return 1;
	}
	return 0;
}

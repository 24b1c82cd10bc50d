/*
 * Writing into block files: blocks, and the hours that go with them.
 */
#include "series/files_int.h"

#include "base/fault.h"
#include "base/metric.h"

#define WRITERS_MAX 16 /* files that stay open for writing */

int files__step(struct partition *p, int which)
{
	int rc = sqlite3_step(p->st[which]);

	if (rc != SQLITE_ROW)
		sqlite3_reset(p->st[which]);
	return rc;
}

static void bind(struct partition *p, int which, uint32_t series, time_us a, time_us b)
{
	sqlite3_bind_int64(p->st[which], 1, series);
	sqlite3_bind_int64(p->st[which], 2, a);
	if (which == W_RANGE || which == W_HOUR_DROP)
		sqlite3_bind_int64(p->st[which], 3, b);
}

static void count_row(struct partition *p, int64_t change)
{
	if (atomic_load(&p->rows) >= 0)
		atomic_fetch_add(&p->rows, change);
}

int files__insert(
        struct partition *p, uint32_t series, time_us t0, const uint8_t *data, size_t n, struct err *e)
{
	sqlite3_stmt *st = p->st[W_INSERT];

	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, t0);
	sqlite3_bind_blob(st, 3, data, (int)n, SQLITE_STATIC);
	if (files__step(p, W_INSERT) != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a block cannot be written");
	count_row(p, 1);
	return 0;
}

int files__delete_row(struct partition *p, uint32_t series, time_us t0, struct err *e)
{
	sqlite3_bind_int64(p->st[W_DELETE], 1, series);
	sqlite3_bind_int64(p->st[W_DELETE], 2, t0);
	if (files__step(p, W_DELETE) != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a block cannot be removed");
	count_row(p, -1);
	return 0;
}

/* ---- roll-ups, in step with the blocks: changed by the same transaction ---- */

static int hours_drop(struct partition *p, uint32_t series, time_us from, time_us to, struct err *e)
{
	bind(p, W_HOUR_DROP, series, from, to);
	if (files__step(p, W_HOUR_DROP) != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a roll-up cannot be removed");
	return 0;
}

/* 1: *h; 0: there is none; negative. A damaged one is dropped: its windows are told by the points. */
static int hours_read(struct partition *p, uint32_t series, time_us start, struct hours *h, struct err *e)
{
	sqlite3_stmt *st = p->st[W_HOUR];
	int rc;
	bool ok;

	bind(p, W_HOUR, series, start, 0);
	rc = files__step(p, W_HOUR);
	if (rc == SQLITE_DONE)
		return 0;
	if (rc != SQLITE_ROW)
		return files__sql_err(e, p->db, p, "a roll-up cannot be read");
	ok = hours_get(series, start, sqlite3_column_blob(st, 0), (size_t)sqlite3_column_bytes(st, 0), h);
	sqlite3_reset(st);
	return ok ? 1 : hours_drop(p, series, start, start, e);
}

static int hours_write(struct partition *p, uint32_t series, const struct hours *h, struct err *e)
{
	uint8_t data[HOURS_MAX_B];
	sqlite3_stmt *st = p->st[W_HOUR_PUT];

	if (hours_empty(h))
		return hours_drop(p, series, h->start, h->start, e);
	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, h->start);
	sqlite3_bind_blob(st, 3, data, (int)hours_put(series, h, data), SQLITE_STATIC);
	if (files__step(p, W_HOUR_PUT) != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a roll-up cannot be written");
	return 0;
}

/* Windows `a` to `b` again from what the file's blocks have. */
static int hours_remake(struct partition *p, uint32_t series, struct hours *h, int a, int b, struct err *e)
{
	struct window w[HOURS] = {0};
	struct grid g = {.first = h->w[a].end, .step = US_HOUR, .n = (size_t)(b - a) + 1, .w = w};
	sqlite3_stmt *st = p->st[W_RANGE];
	int rc;

	bind(p, W_RANGE, series, h->w[a].end - US_HOUR + 1, h->w[b].end);
	while ((rc = files__step(p, W_RANGE)) == SQLITE_ROW) {
		time_us last;

		/* A damaged block has no points; whoever reads it next sets it aside. */
		if (grid_block(&g, series, sqlite3_column_int64(st, 0), sqlite3_column_blob(st, 1),
		            (size_t)sqlite3_column_bytes(st, 1), &last) &&
		        last > h->last)
			h->last = last < h->start + HOURS_SPAN ? last : h->start + HOURS_SPAN;
	}
	if (rc != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a block cannot be read");
	for (int i = a; i <= b; i++) {
		time_us end = h->w[i].end;

		window_done(&w[i - a]);
		h->w[i] = w[i - a].w;
		h->w[i].end = end;
	}
	return 0;
}

/* n points from t0 to t1: whether windows of an hour are worth keeping. */
static bool is_dense(time_us t0, time_us t1, int n)
{
	return n > 1 && (t1 - t0) / (n - 1) <= HOURS_APART;
}

/* A new block behind all that the series has; `newest` is what it had before. */
static int hours_append(struct partition *p, const struct block *b, time_us newest, struct err *e)
{
	bool dense = is_dense(b->t0, b->t1, b->n);
	int rc = 0;

	for (time_us start = hours_start(b->t0); start < b->t1 && !rc; start += HOURS_SPAN) {
		struct window w[HOURS] = {0};
		struct grid g = {.first = start + US_HOUR, .step = US_HOUR, .n = HOURS, .w = w};
		struct hours h;
		time_us last;

		hours_init(&h, start);
		rc = hours_read(p, b->series, start, &h, e);
		if (rc < 0 || (!rc && !dense))
			continue;
		if ((!rc && newest > start) || (rc && h.last >= b->t0)) {
			rc = hours_remake(p, b->series, &h, 0, HOURS - 1, e);
		} else {
			must(grid_block(&g, b->series, b->t0, b->data, b->len, &last));
			for (int i = 0; i < HOURS; i++) {
				struct window sum = {0};

				if (window_empty((window_done(&w[i]), &w[i].w)))
					continue;
				window_join(&sum, &h.w[i]);
				window_join(&sum, &w[i].w);
				window_done(&sum);
				sum.w.end = h.w[i].end;
				h.w[i] = sum.w;
			}
			h.last = b->t1 < start + HOURS_SPAN ? b->t1 : start + HOURS_SPAN;
			rc = 0;
		}
		if (!rc)
			rc = hours_write(p, b->series, &h, e);
	}
	return rc < 0 ? rc : 0;
}

int files__hours_changed(
        struct partition *p, uint32_t series, time_us t0, time_us t1, bool make, struct err *e)
{
	int rc = 0;

	for (time_us start = hours_start(t0); start < t1 && !rc; start += HOURS_SPAN) {
		struct hours h;
		int a = 0, b = HOURS - 1;

		hours_init(&h, start);
		rc = hours_read(p, series, start, &h, e);
		if (rc < 0 || (!rc && !make))
			continue;
		if (rc) {
			if (t0 > start)
				a = (int)((window_end(t0, US_HOUR) - start) / US_HOUR) - 1;
			if (t1 < start + HOURS_SPAN)
				b = (int)((window_end(t1, US_HOUR) - start) / US_HOUR) - 1;
		}
		rc = hours_remake(p, series, &h, a, b, e);
		if (!rc)
			rc = hours_write(p, series, &h, e);
	}
	return rc < 0 ? rc : 0;
}

/* ---- blocks ---- */

static void quarantine_row(struct block_files *f, const struct partition *p, uint32_t series, time_us t0,
        const void *data, size_t n)
{
	char what[96];

	snprintf(what, sizeof(what), "%s-series-%u", p->name, series);
	f->damaged(f->ctx, what, t0, data, n);
}

/* Start of the block after t, INT64_MAX if there is none (`any` tells). */
static int block_after(struct partition *p, uint32_t series, time_us t, time_us *t0, bool *any, struct err *e)
{
	sqlite3_stmt *st = p->st[W_AFTER];
	int rc;

	sqlite3_bind_int64(st, 1, series);
	sqlite3_bind_int64(st, 2, t);
	rc = files__step(p, W_AFTER);
	*any = rc == SQLITE_ROW;
	*t0 = *any ? sqlite3_column_int64(st, 0) : INT64_MAX;
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a block cannot be read");
	return 0;
}

/* Its hours may speak of points that it had, up to the block after it. */
static int drop_damaged(struct partition *p, uint32_t series, time_us t0, struct err *e)
{
	time_us next = INT64_MAX;
	bool any;
	int rc = block_after(p, series, t0, &next, &any, e);

	if (!rc)
		rc = files__delete_row(p, series, t0, e);
	return rc ? rc : hours_drop(p, series, window_time(t0) ? hours_start(t0) : t0, next, e);
}

int files__block_before(struct block_files *f, struct partition *p, uint32_t series, time_us before,
        struct found_block *out, struct err *e)
{
	sqlite3_stmt *st = p->st[W_BEFORE];

	for (;;) {
		const uint8_t *data;
		int rc;

		out->n = 0;
		out->rollup = false;
		sqlite3_bind_int64(st, 1, series);
		sqlite3_bind_int64(st, 2, before);
		rc = files__step(p, W_BEFORE);
		if (rc == SQLITE_DONE)
			return 0;
		if (rc != SQLITE_ROW)
			return files__sql_err(e, p->db, p, "a block cannot be read");
		out->t0 = sqlite3_column_int64(st, 0);
		data = sqlite3_column_blob(st, 1);
		out->len = (size_t)sqlite3_column_bytes(st, 1);
		out->n = block_decode(series, out->t0, data, out->len, out->t, out->v);
		out->rollup = out->n > 0 && block_is_rollup(data, out->len);
		if (out->n < 0)
			quarantine_row(f, p, series, out->t0, data, out->len);
		else if (out->rollup && out->len <= sizeof(out->data))
			memcpy(out->data, data, out->len);
		sqlite3_reset(st);
		if (out->n > 0)
			return 0;
		rc = drop_damaged(p, series, out->t0, e);
		if (rc)
			return rc;
	}
}

/* As one row, or as more where that would be a long one. */
static int insert_block(struct partition *p, uint32_t series, const time_us *t, const double *v, int n,
        size_t *bytes, int *last_n, struct err *e)
{
	struct block *b = block_new(series, t, v, n, BLOCK_DENSE);
	int rc;

	if (b->len > ROW_MOST_B && n > 1) {
		free(b);
		rc = insert_block(p, series, t, v, n / 2, bytes, last_n, e);
		return rc ? rc : insert_block(p, series, t + n / 2, v + n / 2, n - n / 2, bytes, last_n, e);
	}
	rc = files__insert(p, series, b->t0, b->data, b->len, e);
	*bytes += b->len;
	*last_n = n;
	free(b);
	return rc;
}

/* Blocks of about equal size: a point squeezed into a full one leaves two with room, not a crumb. */
int files__insert_points(struct partition *p, uint32_t series, const time_us *t, const double *v, int n,
        size_t *bytes, int *last_n, struct err *e)
{
	int blocks = (n + HEAD_POINTS - 1) / HEAD_POINTS, rc = 0;

	for (int i = 0, at = 0; i < blocks && !rc; i++) {
		int size = (n - at) / (blocks - i);

		rc = insert_block(p, series, t + at, v + at, size, bytes, last_n, e);
		at += size;
	}
	return rc;
}

/* 1 where a roll-up stands for the points around t: those of before are in it already, and what comes now
 * cannot be told from them. */
static int is_rolled(struct partition *p, uint32_t series, time_us t, struct err *e)
{
	sqlite3_stmt *st = p->st[W_RANGE];
	int yes = 0, rc = SQLITE_ROW;

	bind(p, W_RANGE, series, t, window_end(t, US_HOUR));
	while (!yes && (rc = files__step(p, W_RANGE)) == SQLITE_ROW) {
		struct series_window w[WINDOW_LIST_MAX];
		time_us t1;
		dur_us step;
		int n = rollup_windows(series, sqlite3_column_int64(st, 0), sqlite3_column_blob(st, 1),
		        (size_t)sqlite3_column_bytes(st, 1), &step, &t1, w);

		yes = n > 0 && t > w[0].end - step && t <= t1;
	}
	sqlite3_reset(st);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "a block cannot be read");
	return yes;
}

/* Leaves those out that come too late for a roll-up. The number of the rest. */
static int without_rolled(struct partition *p, uint32_t series, const time_us *t, const double *v, int n,
        time_us *kept_t, double *kept_v, struct err *e)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		int rolled = window_time(t[i]) ? is_rolled(p, series, t[i], e) : 0;

		if (rolled < 0)
			return rolled;
		if (rolled)
			continue;
		kept_t[kept] = t[i];
		kept_v[kept++] = v[i];
	}
	metric_add(METRIC_SERIES_TOO_LATE, n - kept);
	return kept;
}

/* Points (at most HEAD_POINTS) that all lie in p's span. */
static int write_points(struct block_files *f, struct partition *p, uint32_t series, const time_us *t,
        const double *v, int n, struct block_tail *tail, struct err *e)
{
	time_us kept_t[HEAD_POINTS], t2[CODEC_POINTS + HEAD_POINTS];
	double kept_v[HEAD_POINTS], v2[CODEC_POINTS + HEAD_POINTS];
	struct found_block b;
	bool changed = false;
	size_t bytes = 0;
	int rc = 0;

	if (p->rolled) {
		n = without_rolled(p, series, t, v, n, kept_t, kept_v, e);
		if (n < 0)
			return n;
		t = kept_t;
		v = kept_v;
	}
	for (int i = 0, j; i < n && !rc; i = j) {
		time_us next;
		bool any;
		int old, m, last_n = 0;

		rc = files__block_before(f, p, series, t[i], &b, e);
		if (!rc)
			rc = block_after(p, series, t[i], &next, &any, e);
		if (rc)
			break;
		old = b.rollup ? 0 : b.n;
		for (j = i + 1; j < n && (!any || t[j] < next);)
			j++;
		if (old && t[i] > b.t[old - 1] && old + (j - i) > HEAD_POINTS)
			old = 0; /* it ends before, and has no room */
		m = (int)points_merge(b.t, b.v, (size_t)old, t + i, v + i, (size_t)(j - i), t2, v2);
		if (m == old && memcmp(v2, b.v, (size_t)m * sizeof(*v2)) == 0) {
			last_n = m; /* written before, and now replayed */
		} else {
			changed = true;
			if (old)
				rc = files__delete_row(p, series, b.t0, e);
			if (!rc)
				rc = files__insert_points(p, series, t2, v2, m, &bytes, &last_n, e);
		}
		if (tail->last == INT64_MAX ? !any && files__is_newest(f, p) : t2[m - 1] >= tail->last)
			*tail = (struct block_tail){.last = t2[m - 1], .n = last_n};
	}
	if (!rc && changed && n && window_time(t[0]) && window_time(t[n - 1]))
		rc = files__hours_changed(p, series, t[0], t[n - 1], is_dense(t[0], t[n - 1], n), e);
	return rc;
}

int files__begin(struct block_files *f, struct partition *p, bool fresh, struct err *e)
{
	int rc = files__open_writer(f, p, e);

	if (rc || (p->writing && !(fresh && p->marked)))
		return rc;
	files__packing_lost(f, p);
	if (!p->writing && files__step(p, W_BEGIN) != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "the block file cannot be written");
	p->writing = true;
	if (fresh && p->marked && sqlite3_exec(p->db, "DELETE FROM done", NULL, NULL, NULL) != SQLITE_OK)
		return files__sql_err(e, p->db, p, "the block file cannot be written");
	if (p->packed && files__step(p, W_LOOSEN) != SQLITE_DONE)
		return files__sql_err(e, p->db, p, "the block file cannot be written");
	p->packed = 0;
	return 0;
}

static int write_item(struct block_files *f, struct block_item *item, struct err *e)
{
	const struct block *b = item->b;
	struct partition *p = files__for(f, b->t0);
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];
	int n, rc = files__begin(f, p, true, e);

	if (!rc && b->t1 <= p->last && b->t0 > item->tail->last && item->tail->n + b->n > HEAD_POINTS) {
		rc = files__insert(p, b->series, b->t0, b->data, b->len, e);
		if (!rc && window_time(b->t0) && window_time(b->t1))
			rc = hours_append(p, b, item->tail->last, e);
		*item->tail = (struct block_tail){.last = b->t1, .n = b->n};
	} else if (!rc) {
		n = block_decode(b->series, b->t0, b->data, b->len, t, v);
		must(n == b->n);
		for (int i = 0, j; i < n && !rc; i = j) {
			p = files__for(f, t[i]);
			rc = files__begin(f, p, true, e);
			for (j = i + 1; j < n && t[j] <= p->last;)
				j++;
			if (!rc)
				rc = write_points(f, p, b->series, t + i, v + i, j - i, item->tail, e);
		}
	}
	if (rc == ERR_CORRUPT)
		files__mark_damaged(f, p, "the file is damaged; new blocks of its time go into another one");
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
		if (files__step(p, W_COMMIT) != SQLITE_DONE)
			rc = files__sql_err(e, p->db, p, "the block file cannot be written");
		else
			p->writing = false;
	}
	for (size_t i = f->n; i-- > 0;)
		if (f->part[i]->db && ++open > WRITERS_MAX && !f->part[i]->writing)
			files__close_writer(f->part[i]);
	return rc;
}

void files_rollback(struct block_files *f, struct block_item *item, size_t n)
{
	for (size_t i = 0; i < f->n; i++) {
		struct partition *p = f->part[i];

		if (!p->writing)
			continue;
		if (files__step(p, W_ROLLBACK) != SQLITE_DONE)
			files__close_writer(p);
		p->writing = false;
		p->packed = -1;
		atomic_store(&p->rows, -1);
	}
	for (size_t i = 0; i < n; i++)
		*item[i].tail = (struct block_tail){.last = INT64_MAX};
}

int files_remove_broken(struct block_files *f, const char *name, uint32_t series, time_us t0, struct err *e)
{
	struct found_block b;
	struct partition *p = NULL;
	int rc;

	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->part[i]->name, name) == 0)
			p = f->part[i];
	if (!p)
		return 0;
	rc = files__begin(f, p, true, e);
	if (!rc)
		rc = files__block_before(f, p, series, t0, &b, e); /* sets aside what is broken */
	if (!rc)
		rc = files_commit(f, e);
	if (rc)
		files_rollback(f, NULL, 0);
	return rc;
}

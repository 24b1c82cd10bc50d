/*
 * The cursor over windows: hours from their rows, 5 minutes from what blocks keep, the newest points from
 * memory; and what cannot be had so (late points in memory, no row, two files of one span) from the points
 * of that window, all of them.
 */
#include "series/select_int.h"

#include "base/log.h"
#include "series/hours.h"

struct windows {
	struct grid grid;
	bool *dirty;   /* of a window: its points have to tell */
	bool *doubled; /* of a file: another one lies over its span */
	struct points memory;
	struct series_window *out;
	time_us from, to; /* what the grid covers, in points */
	time_us newest;   /* of what the files gave so far of this series */
};

void windows__free(struct windows *w)
{
	if (!w)
		return;
	free(w->grid.w);
	free(w->dirty);
	free(w->doubled);
	free(w->memory.t);
	free(w->memory.v);
	free(w->out);
	free(w);
}

int series_select_windows(struct series_db *db, const struct series_query *q, dur_us step, struct arena *a,
        struct series_cursor **out, struct err *e)
{
	struct series_query points = *q;
	struct windows *w;
	time_us from = q->from, to = q->to, first, last;
	size_t n;
	int rc;

	if (step < SERIES_STEP || step % SERIES_STEP != 0 || step > WINDOW_TIME_MAX / 4)
		return err_set(e, ERR_INVALID, "windows have a length of 5 minutes or a multiple of it");
	from = from < -WINDOW_TIME_MAX / 2 ? -WINDOW_TIME_MAX / 2 : from;
	to = to > WINDOW_TIME_MAX / 2 ? WINDOW_TIME_MAX / 2 : to;
	first = window_end(from, step);
	last = window_end(to, step);
	last -= last > to ? step : 0;
	n = last < first ? 0 : (size_t)((last - first) / step) + 1;
	if (n > SERIES_WINDOWS_MAX)
		return err_set(
		        e, ERR_TOOBIG, "%zu windows of one series; take a shorter time or longer windows", n);
	points.from = n ? first - step + 1 : 1;
	points.to = n ? last : 0;
	rc = cursor__open(db, &points, true, a, out, e);
	if (rc)
		return rc;
	w = xcalloc(1, sizeof(*w));
	*w = (struct windows){
	        .grid = {.first = first, .step = step, .n = n}, .from = points.from, .to = points.to};
	w->grid.w = xcalloc(n + 1, sizeof(*w->grid.w));
	w->dirty = xcalloc(n + 1, sizeof(*w->dirty));
	w->out = xcalloc(n + 1, sizeof(*w->out));
	w->doubled = xcalloc((*out)->view.n + 1, sizeof(*w->doubled));
	(*out)->windows = w;
	for (size_t i = 0; i < (*out)->view.n; i++) {
		for (size_t k = 0; k < (*out)->view.n; k++) {
			time_us start, end, other_start, other_end;

			files_view_span(&(*out)->view, i, &start, &end);
			files_view_span(&(*out)->view, k, &other_start, &other_end);
			w->doubled[i] |= i != k && start <= other_end && other_start <= end;
		}
	}
	return 0;
}

/* The windows that points of [from, to] fall into. */
static void mark(struct windows *w, time_us from, time_us to)
{
	from = from > w->from ? from : w->from;
	to = to < w->to ? to : w->to;
	if (from > to)
		return;
	for (size_t i = (size_t)((window_end(from, w->grid.step) - w->grid.first) / w->grid.step);
	        i <= (size_t)((window_end(to, w->grid.step) - w->grid.first) / w->grid.step); i++)
		w->dirty[i] = true;
}

static void damaged_file(const struct series_cursor *c, size_t part)
{
	LOG(SERIES_FAULT, log_s("file", files_view_name(&c->view, part)),
	        log_s("why", "the file is damaged; the rest is served"));
}

static void join_hours(struct windows *w, const struct hours *h)
{
	for (int i = 0; i < HOURS; i++) {
		time_us end;

		if (window_empty(&h->w[i]) || h->w[i].end < w->from || h->w[i].end > w->to)
			continue;
		end = window_end(h->w[i].end, w->grid.step);
		window_join(&w->grid.w[(end - w->grid.first) / w->grid.step], &h->w[i]);
	}
	w->newest = h->last > w->newest ? h->last : w->newest;
}

/* 0: there are none in this file. */
static int read_hours(struct series_cursor *c, size_t part, uint32_t id, struct err *e)
{
	struct windows *w = c->windows;
	time_us start, last, at, row;
	const uint8_t *p;
	size_t len;
	int got;

	files_view_span(&c->view, part, &start, &last);
	start = start > w->from ? start : w->from;
	last = last < w->to ? last : w->to;
	if (start > last)
		return 1;
	at = hours_start(start);
	if (!files_view_seek_hours(&c->view, part, id, at, hours_start(last)))
		return 0;
	while ((got = files_view_step_hours(&c->view, part, &row, &p, &len, e)) == 1) {
		struct hours h;

		if (row < at || row % HOURS_SPAN != 0 || !hours_get(id, row, p, len, &h))
			continue; /* as if it were not there; repair makes it again */
		if (row > at)
			mark(w, at + 1 > start ? at + 1 : start, row < last ? row : last);
		join_hours(w, &h);
		at = row + HOURS_SPAN;
	}
	if (at < last)
		mark(w, at + 1 > start ? at + 1 : start, last);
	if (got < 0)
		return got == ERR_CORRUPT ? 0 : got;
	return 1;
}

static int read_blocks(struct series_cursor *c, size_t part, uint32_t id, struct err *e)
{
	struct windows *w = c->windows;
	const uint8_t *p;
	time_us t0, t1;
	size_t len;
	int got;

	files_view_seek(&c->view, part, id, w->from, w->to);
	while ((got = files_view_step(&c->view, part, &t0, &p, &len, e)) == 1) {
		if (!grid_block(&w->grid, id, t0, p, len, &t1))
			cursor__report_broken(c->db, files_view_name(&c->view, part), id, t0);
		else if (t1 > w->newest)
			w->newest = t1;
	}
	if (got == ERR_CORRUPT) {
		damaged_file(c, part);
		got = 0;
	}
	return got;
}

static int read_parts(struct series_cursor *c, uint32_t id, struct err *e)
{
	struct windows *w = c->windows;
	int rc = 0;

	for (size_t i = 0; i < c->view.n && rc >= 0; i++) {
		time_us start, last;

		files_view_span(&c->view, i, &start, &last);
		if (w->doubled[i])
			mark(w, start, last);
		else if (w->grid.step % US_HOUR != 0)
			rc = read_blocks(c, i, id, e);
		else if ((rc = read_hours(c, i, id, e)) == 0)
			mark(w, start, last);
	}
	return rc < 0 ? rc : 0;
}

static int redo(struct series_cursor *c, size_t a, size_t b, uint32_t id, struct err *e)
{
	struct windows *w = c->windows;
	const struct reading span = {.from = w->grid.first + ((time_us)a - 1) * w->grid.step + 1,
	        .to = w->grid.first + (time_us)b * w->grid.step,
	        .keep = true}; /* max_points is for windows */
	struct grid part = {.first = w->grid.first + (time_us)a * w->grid.step,
	        .step = w->grid.step,
	        .n = b - a + 1,
	        .w = w->grid.w + a};
	int rc;

	c->all.n = 0;
	memset(part.w, 0, part.n * sizeof(*part.w));
	c->rollups = &part;
	rc = cursor__read_files(c, &span, id, e);
	c->rollups = NULL;
	if (rc)
		return rc;
	cursor__add(c, &span, w->memory.t, w->memory.v, w->memory.n);
	grid_points(&w->grid, c->all.t, c->all.v, c->all.n);
	return 0;
}

int series_next_windows(struct series_cursor *c, struct series_windows *out, struct err *e)
{
	struct windows *w = c->windows;
	struct points swap;
	struct layer *l;
	uint32_t id;
	size_t n = 0;
	int rc = 0;

	if (!cursor__step(c, &id, &l))
		return 0;
	if (cursor__cancelled(c))
		return err_set(e, ERR_CANCELLED, "the query was cancelled");
	memset(w->grid.w, 0, w->grid.n * sizeof(*w->grid.w));
	memset(w->dirty, 0, w->grid.n * sizeof(*w->dirty));
	w->newest = INT64_MIN;
	c->all.n = 0;
	if (l->reading) {
		cursor__read_memory(c, l->reading, id);
		rc = read_parts(c, id, e);
	}
	swap = w->memory;
	w->memory = c->all;
	c->all = swap;
	if (rc)
		return rc;
	for (size_t i = 0; i < w->memory.n; i++) {
		time_us end = window_end(w->memory.t[i], w->grid.step);
		size_t k = (size_t)((end - w->grid.first) / w->grid.step);

		if (w->memory.t[i] > w->newest)
			window_point(&w->grid.w[k], w->memory.v[i]);
		else
			w->dirty[k] = true;
	}
	for (size_t i = 0, k; i < w->grid.n; i = k) {
		for (k = i + 1; k < w->grid.n && w->dirty[k] == w->dirty[i];)
			k++;
		rc = w->dirty[i] ? redo(c, i, k - 1, id, e) : 0;
		if (rc)
			return rc;
	}
	for (size_t i = 0; i < w->grid.n; i++) {
		if (window_empty(&w->grid.w[i].w))
			continue;
		window_done(&w->grid.w[i]);
		w->out[n] = w->grid.w[i].w;
		w->out[n].decimal = w->grid.w[i].e >= 0;
		w->out[n++].end = w->grid.first + (time_us)i * w->grid.step;
	}
	c->points += n;
	if (c->max_points && c->points > c->max_points)
		return err_set(e, ERR_TOOBIG, "more than %zu windows; take a shorter time or fewer series",
		        c->max_points);
	*out = (struct series_windows){.id = {id}, .labels = c->found.labels[c->next], .w = w->out, .n = n};
	c->next++;
	return 1;
}

/*
 * How long series are kept: a deletion for each class, roll-ups of what stays as such, and a look at what
 * that would be.
 */
#include "series/select_int.h"

#define SLICE 256 /* series looked at while the committer waits */

/* Takes out of b what a has; both ascending. */
static void subtract(struct ids *b, const struct ids *a)
{
	size_t k = 0, n = 0;

	for (size_t i = 0; i < b->n; i++) {
		while (k < a->n && a->p[k] < b->p[i])
			k++;
		if (k == a->n || a->p[k] != b->p[i])
			b->p[n++] = b->p[i];
	}
	b->n = n;
}

/* Puts what b has into a; both ascending, and without a common member. */
static void unite(struct ids *a, const struct ids *b)
{
	size_t i = a->n, k = b->n, at = i + k;

	for (size_t n = 0; n < b->n; n++)
		ids_add(a, 0);
	while (k)
		a->p[--at] = i && a->p[i - 1] > b->p[k - 1] ? a->p[--i] : b->p[--k];
}

/* Ids of each class: those that match, less those of the classes before it. */
static int class_ids(struct series_db *db, const struct series_class *class, struct ids *done,
        struct ids *ids, uint64_t *taken, struct err *e)
{
	int rc = series__match_ids(db, class->m, class->n, ids, e);

	*taken = ids->n;
	subtract(ids, done);
	*taken -= ids->n;
	unite(done, ids);
	return rc;
}

dur_us series__longest(const struct series_class *c)
{
	dur_us most = c->keep > c->five ? c->keep : c->five;

	return most > c->hour ? most : c->hour;
}

static bool is_cancelled(const bool *cancel)
{
	return cancel && __atomic_load_n(cancel, __ATOMIC_RELAXED);
}

static time_us border(time_us now, dur_us age)
{
	return age >= SERIES_FOREVER || now < INT64_MIN + age ? INT64_MIN : now - age;
}

/* The first instant of which something stays; windows stay whole. */
static time_us stays_from(const struct series_class *c, time_us now)
{
	time_us t = border(now, series__longest(c));

	if (t != INT64_MIN && window_time(t) && (c->five > c->keep || c->hour > c->keep))
		t = window_end(t, US_HOUR) == t ? t + 1 : window_end(t, US_HOUR) - US_HOUR + 1;
	return t;
}

static bool late_before(const struct late *l, time_us t)
{
	for (uint32_t i = 0; l && i < l->n; i++)
		if (l->p[i].t < t)
			return true;
	return false;
}

/* Whether there is anything so old; what waits in memory, and is old as a whole, is sealed so that it can be
 * seen to. */
static bool any_before(struct series_db *db, const struct ids *ids, time_us t)
{
	bool any = files_begin_before(&db->files, t);

	pthread_rwlock_rdlock(&db->index_lock);
	for (size_t i = 0; i < ids->n; i++) {
		pthread_rwlock_wrlock(&db->data_lock);
		for (size_t end = i + SLICE < ids->n ? i + SLICE : ids->n; i < end; i++) {
			struct series *s;

			if (!index_has(&db->index, ids->p[i]))
				continue;
			s = series__at(db, ids->p[i]);
			any |= s->sealed || (s->head.n && s->head.first < t);
			if ((s->head.n && s->head.last < t) || late_before(s->late, t)) {
				series__seal(db, ids->p[i]);
				any = true;
			}
		}
		i--;
		pthread_rwlock_unlock(&db->data_lock);
	}
	pthread_rwlock_unlock(&db->index_lock);
	return any;
}

static int roll(struct series_db *db, const struct ids *ids, time_us before, dur_us step,
        struct series_care *care, const bool *cancel, struct err *e)
{
	struct job j = {
	        .kind = JOB_ROLL, .t = before, .ids = ids, .step = step, .care = care, .cancel = cancel};

	return any_before(db, ids, before) ? series__job(db, &j, e) : 0;
}

static int retain_class(struct series_db *db, const struct series_class *c, struct ids *ids, time_us now,
        struct series_care *care, const bool *cancel, struct err *e)
{
	time_us gone = stays_from(c, now);
	int rc = 0;

	if (care)
		care->removed.series = ids->n;
	if (!ids->n)
		return 0;
	if (gone != INT64_MIN && any_before(db, ids, gone))
		rc = series__delete_ids(db, ids, INT64_MIN, gone - 1, care, cancel, NULL, e);
	if (!rc && c->hour > c->keep && c->hour > c->five)
		rc = roll(db, ids, border(now, c->five > c->keep ? c->five : c->keep), US_HOUR, care, cancel,
		        e);
	if (!rc && c->five > c->keep)
		rc = roll(db, ids, border(now, c->keep), SERIES_STEP, care, cancel, e);
	return rc;
}

int series__retain(struct series_db *db, const struct series_class *class, int n, time_us now,
        struct series_care *care, const bool *cancel, struct err *e)
{
	struct ids done = {0};
	bool all = false; /* there is a class for every series */
	dur_us longest = 0;
	int rc = series_append(db, NULL, 0, e);

	for (int i = 0; i < n && !rc; i++) {
		struct ids ids = {0};
		uint64_t taken;

		rc = class_ids(db, &class[i], &done, &ids, &taken, e);
		if (!rc)
			rc = retain_class(db, &class[i], &ids, now, care ? &care[i] : NULL, cancel, e);
		if (!rc && is_cancelled(cancel))
			rc = err_set(e, ERR_CANCELLED, "it was stopped; what was done stays done");
		ids_fini(&ids);
		longest = series__longest(&class[i]) > longest ? series__longest(&class[i]) : longest;
		all |= class[i].n == 0;
	}
	ids_fini(&done);
	if (!rc && all && longest < SERIES_FOREVER)
		rc = series_expire(db, border(now, longest), e);
	return rc;
}

int series_retain(struct series_db *db, const struct series_class *class, int n, time_us now,
        struct series_care *care, const bool *cancel, struct err *e)
{
	if (db->keep_logs)
		return err_set(e, ERR_UNSUPPORTED,
		        "readings are in a remote engine, too (setting series), which the serving program "
		        "alone "
		        "works with: let it run while the site is served");
	return series__retain(db, class, n, now, care, cancel, e);
}

/* ---- looking, before it is done ---- */

struct looking {
	time_us from, to;  /* what there is */
	time_us gone;      /* before it nothing stays */
	time_us hour, raw; /* before them there are windows of an hour, of any kind; INT64_MIN: none */
	struct series_survey *out;
};

static void look_at_points(const struct looking *l, const time_us *t, int n)
{
	for (int i = 0; i < n; i++)
		if (t[i] >= l->from && t[i] <= l->to) {
			l->out->points++;
			l->out->due_points += t[i] < l->gone;
		}
}

static void look_at_block(
        const struct looking *l, uint32_t id, time_us t0, const uint8_t *p, size_t len, time_us file_last)
{
	struct series_window w[WINDOW_LIST_MAX];
	time_us t[CODEC_POINTS], t1;
	double v[CODEC_POINTS];
	uint64_t had = l->out->points, due = l->out->due_points, inside;
	dur_us step = 0, roll;
	bool rolled;
	int n = block_decode(id, t0, p, len, t, v), a = 0;

	if (n < 1)
		return;
	if (block_is_rollup(p, len) && rollup_windows(id, t0, p, len, &step, &t1, w) == n) {
		for (int i = 0; i < n; i++)
			if (w[i].end >= l->from && w[i].end - step < l->to) {
				l->out->points += w[i].n + w[i].nans;
				l->out->due_points += t[i] < l->gone ? w[i].n + w[i].nans : 0;
			}
	} else {
		look_at_points(l, t, n);
	}
	inside = l->out->points - had;
	roll = file_last < l->hour ? US_HOUR : file_last < l->raw ? SERIES_STEP : 0;
	while (a < n && t[a] < l->gone)
		a++;
	rolled = roll > step && !rollup_in_vain(roll, t + a, n - a);
	if (rolled && !step)
		l->out->due_points += (uint64_t)(n - a);
	l->out->bytes += inside ? (int64_t)len : 0;
	l->out->due_bytes += rolled || l->out->due_points > due ? (int64_t)len : 0;
}

static void look_at_memory(struct series_db *db, const struct looking *l, uint32_t id)
{
	const struct series *s = series__at(db, id);
	time_us t[CODEC_POINTS];
	double v[CODEC_POINTS];

	for (const struct block *b = s->sealed; b; b = b->younger) {
		block_points(b, t, v);
		look_at_points(l, t, b->n);
	}
	if (s->head.n && head_decode(&s->head, t, v))
		look_at_points(l, t, (int)s->head.n);
	for (uint32_t i = 0; s->late && i < s->late->n; i++)
		look_at_points(l, &s->late->p[i].t, 1);
}

static int look(struct series_db *db, const struct ids *ids, const struct looking *l, const bool *cancel,
        struct err *e)
{
	struct files_view view;
	const uint8_t *p;
	time_us t0, start, last;
	size_t len;
	int rc = 0;

	l->out->series = ids->n;
	for (size_t k = 0; k < ids->n; k++) {
		pthread_rwlock_rdlock(&db->index_lock);
		pthread_rwlock_rdlock(&db->data_lock);
		if (index_has(&db->index, ids->p[k]))
			look_at_memory(db, l, ids->p[k]);
		pthread_rwlock_unlock(&db->data_lock);
		pthread_rwlock_unlock(&db->index_lock);
	}
	rc = files_view_open(&db->files, l->from, l->to, &view, e);
	if (rc)
		return rc;
	for (size_t i = 0; i < view.n && !rc; i++) {
		files_view_span(&view, i, &start, &last);
		for (size_t k = 0; k < ids->n && !rc; k++) {
			files_view_seek(&view, i, ids->p[k], l->from, l->to);
			while ((rc = files_view_step(&view, i, &t0, &p, &len, e)) == 1)
				look_at_block(l, ids->p[k], t0, p, len, last);
			if (rc == ERR_CORRUPT)
				rc = 0;
			if (!rc && is_cancelled(cancel))
				rc = err_set(e, ERR_CANCELLED, "the count was cancelled");
		}
	}
	files_view_close(&db->files, &view);
	return rc;
}

int series_survey(struct series_db *db, const struct series_class *class, int n, time_us now,
        struct series_survey *out, const bool *cancel, struct err *e)
{
	struct ids done = {0};
	int rc = 0;

	for (int i = 0; i < n && !rc; i++) {
		const struct series_class *c = &class[i];
		struct looking l = {.from = INT64_MIN,
		        .to = INT64_MAX,
		        .gone = stays_from(c, now),
		        .hour = INT64_MIN,
		        .raw = INT64_MIN,
		        .out = &out[i]};
		struct ids ids = {0};

		out[i] = (struct series_survey){0};
		if (c->hour > c->keep && c->hour > c->five)
			l.hour = border(now, c->five > c->keep ? c->five : c->keep);
		if (c->five > c->keep)
			l.raw = border(now, c->keep);
		rc = class_ids(db, c, &done, &ids, &out[i].taken, e);
		if (!rc)
			rc = look(db, &ids, &l, cancel, e);
		ids_fini(&ids);
	}
	ids_fini(&done);
	return rc;
}

int series_count(struct series_db *db, const struct matcher *m, int n, time_us from, time_us to,
        struct series_survey *out, const bool *cancel, struct err *e)
{
	struct looking l = {
	        .from = from, .to = to, .gone = INT64_MAX, .hour = INT64_MIN, .raw = INT64_MIN, .out = out};
	struct ids ids = {0};
	int rc = series__match_ids(db, m, n, &ids, e);

	*out = (struct series_survey){0};
	if (!rc)
		rc = look(db, &ids, &l, cancel, e);
	ids_fini(&ids);
	return rc;
}

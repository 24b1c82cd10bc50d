/*
 * Asking for a deletion in folder and engine. It is a file of the queue before it is a record of the log,
 * both while nobody else writes there: so that its place in the log is known, and what was written before it.
 *
 * Matchers on labels that are stored are kept as they are, and need no engine. Those on virtual labels speak
 * of the registry as it is now: what they select is kept as a list of label sets, of which the folder knows
 * those of its days, and the engine those of before.
 */
#include "series/remote_int.h"

#include <time.h>

#define SAID_WITHIN (20 * US_SECOND)
#define LOOK_EVERY (200 * US_MS)

const char *series_erased_text(enum series_erased x)
{
	return x == SERIES_MASKED
	               ? "no answer has them any more; the engine keeps them, since it deletes whole "
	                 "series only, or its API for that is off"
	       : x == SERIES_ERASE_LATE
	               ? "no answer has them any more; the engine is told as soon as it answers"
	               : "";
}

/* ---- which series ---- */

static bool has_virtual(const struct virtual_labels *virt, const struct matcher *m, int n)
{
	for (int i = 0; i < n; i++)
		if (remote_is_virtual(virt, m[i].name))
			return true;
	return false;
}

static int by_labels(const void *a, const void *b)
{
	return labels_cmp(a, b);
}

/* Both lists as one, ascending, each once. */
static void unite(struct gone *g, const struct labels *x, size_t n, const struct labels *y, size_t m)
{
	g->set = arena_array(g->a, n + m + 1, sizeof(*g->set));
	for (size_t i = 0; i < n + m; i++)
		g->set[i] = labels_copy(g->a, i < n ? &x[i] : &y[i - n], NULL, STR_NULL);
	if (n + m > 0)
		qsort(g->set, n + m, sizeof(*g->set), by_labels);
	g->sets = 0;
	for (size_t i = 0; i < n + m; i++)
		if (i == 0 || !labels_equal(&g->set[g->sets - 1], &g->set[i]))
			g->set[g->sets++] = g->set[i];
}

static struct labels *labels_of(struct series_db *db, const struct ids *ids, struct arena *a, size_t *n)
{
	struct labels *out = arena_array(a, ids->n + 1, sizeof(*out));

	*n = 0;
	for (size_t i = 0; i < ids->n; i++) {
		out[*n] = series_labels(db, (series_id){ids->p[i]}, a);
		*n += out[*n].n > 0;
	}
	return out;
}

static void copy_matchers(struct gone *g, const struct matcher *m, int n)
{
	struct err ignored = ERR_INIT;

	g->m = arena_array(g->a, (size_t)n, sizeof(*g->m));
	for (; g->n < n; g->n++) {
		struct str name = {arena_strndup(g->a, m[g->n].name.p, m[g->n].name.n), m[g->n].name.n};

		must(matcher_init(&g->m[g->n], g->a, m[g->n].op, name, m[g->n].value, &ignored) == 0);
	}
}

static time_us newest_of(struct series_db *db, const struct ids *ids)
{
	time_us t = INT64_MIN;

	pthread_rwlock_rdlock(&db->index_lock);
	pthread_rwlock_rdlock(&db->data_lock);
	for (size_t i = 0; i < ids->n; i++)
		if (index_has(&db->index, ids->p[i]) && series__last(db, ids->p[i])->t != TIME_NONE &&
		        series__last(db, ids->p[i])->t > t)
			t = series__last(db, ids->p[i])->t;
	pthread_rwlock_unlock(&db->data_lock);
	pthread_rwlock_unlock(&db->index_lock);
	return t;
}

/* What of [from, to] may have something: nothing that was written yet is newer than the newest in the folder,
 * or than the folder's beginning. The whole of the series, where there is no end before that. */
static void bound(struct series_remote *r, struct gone *g, const struct ids *ids, time_us from, time_us to)
{
	time_us newest = newest_of(r->db, ids), whole = atomic_load(&r->whole_since);

	newest = newest > whole ? newest : whole;
	g->from = from;
	g->to = to < newest ? to : newest;
	g->whole = from <= 0 && to >= newest; /* engines know nothing of before 1970 */
}

static int select_sets(struct series_remote *r, struct gone *g, const struct matcher *m, int n,
        const struct ids *ids, time_us from, time_us to, struct err *e)
{
	struct arena *a = arena_new(0);
	struct labels *near, *far = NULL;
	size_t near_n, far_n = 0;
	int rc = 0;

	if (from < atomic_load(&r->whole_since))
		rc = remote_list(r, m, n, from, to, a, &far, &far_n, e);
	near = labels_of(r->db, ids, a, &near_n);
	if (rc == 0)
		unite(g, near, near_n, far, far_n);
	arena_free(&a);
	return rc;
}

/* ---- a deletion ---- */

struct meant {
	struct series_remote *r;
	struct gone *g; /* NULL once it is the sender's */
	const struct ids *ids;
	time_us from, to;
	uint32_t number; /* 0: there is nothing for the engine */
};

static int put_before(void *ctx, struct err *e)
{
	struct meant *x = ctx;
	int rc;

	bound(x->r, x->g, x->ids, x->from, x->to);
	if (x->g->from > x->g->to || (x->g->n == 0 && x->g->sets == 0))
		return 0;
	rc = remote_gone_add(x->r, x->g, e);
	if (rc == 0)
		x->number = x->g->number;
	return rc;
}

static void seal_after(void *ctx, bool logged)
{
	struct meant *x = ctx;

	if (x->number == 0)
		return;
	remote_gone_seal(x->r, x->g, logged);
	x->g = NULL;
}

static bool is_cancelled(const struct series_care *care)
{
	return care != NULL && care->cancel != NULL && __atomic_load_n(care->cancel, __ATOMIC_RELAXED);
}

/* Until the engine has said something, or seems to be away. */
static enum series_erased wait_for(struct series_remote *r, uint32_t number)
{
	dur_us end = clock_monotonic() + SAID_WITHIN;
	enum gone_state state;

	pthread_mutex_lock(&r->lock);
	while ((state = remote_gone_state(r, number)) == GONE_WAITS && !r->stopping &&
	        (r->state.ok || r->state.failures == 0) && clock_monotonic() < end) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_EVERY * 1000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
		pthread_cond_timedwait(&r->stepped, &r->lock, &until);
	}
	pthread_mutex_unlock(&r->lock);
	return state == GONE_TOLD ? SERIES_ERASED : state == GONE_KEPT ? SERIES_MASKED : SERIES_ERASE_LATE;
}

static int check(const struct matcher *m, int n, time_us from, time_us to, struct err *e)
{
	bool selective = false;

	for (int i = 0; i < n; i++)
		selective |= !matcher_matches(&m[i], STR_NULL);
	if (!selective)
		return err_set(e, ERR_INVALID, "at least one matcher must not match the empty value");
	return from <= to ? 0 : err_set(e, ERR_INVALID, "the time ends before it begins");
}

int series_remote_delete(struct series_remote *r, const struct matcher *m, int n, time_us from, time_us to,
        struct series_care *care, enum series_erased *out, struct err *e)
{
	struct virtual_labels virt = remote_virtual(r->db);
	struct ids ids = {0};
	struct meant x = {r, remote_gone_new(), &ids, from, to, 0};
	const struct deletion_hook hook = {put_before, seal_after, &x};
	int rc = check(m, n, from, to, e);

	if (rc == 0) /* what was posted before is in the log before it */
		rc = series_append(r->db, NULL, 0, e);
	if (rc == 0)
		rc = series__match_ids(r->db, m, n, &ids, e);
	if (rc == 0 && has_virtual(&virt, m, n))
		rc = select_sets(r, x.g, m, n, &ids, from, to, e);
	else if (rc == 0)
		copy_matchers(x.g, m, n);
	if (rc == 0 && is_cancelled(care))
		rc = err_set(e, ERR_CANCELLED, "it was stopped; nothing was deleted");
	if (rc == 0 && care != NULL)
		care->removed.series = ids.n > x.g->sets ? ids.n : x.g->sets;
	if (rc == 0)
		rc = series__delete_ids(r->db, &ids, from, to, care, NULL, &hook, e);
	if (x.g != NULL)
		remote_gone_free(x.g);
	ids_fini(&ids);
	if (rc == 0 && out != NULL)
		*out = x.number != 0 ? wait_for(r, x.number) : SERIES_ERASED;
	return rc;
}

int series_remote_count(struct series_remote *r, const struct matcher *m, int n, time_us from, time_us to,
        struct series_survey *out, const bool *cancel, struct err *e)
{
	struct gone *all = remote_gone_new();
	struct ids ids = {0};
	struct err away = ERR_INIT;
	int rc = series_count(r->db, m, n, from, to, out, cancel, e);

	if (rc == 0)
		rc = series__match_ids(r->db, m, n, &ids, e);
	if (rc == 0 && select_sets(r, all, m, n, &ids, from, to, &away) == 0)
		out->series = all->sets;
	remote_gone_free(all);
	ids_fini(&ids);
	return rc;
}

/* ---- after a crash ---- */

static int ids_cmp(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The folder's series of a deletion. */
static int ids_of(struct series_remote *r, const struct gone *g, struct ids *ids, struct err *e)
{
	int rc = g->n > 0 ? series__match_ids(r->db, g->m, g->n, ids, e) : 0;

	for (size_t i = 0; i < g->sets && rc == 0; i++) {
		const struct labels *set = &g->set[i];
		struct arena *a = arena_new(0);
		struct matcher *m = arena_array(a, (size_t)set->n, sizeof(*m));
		struct ids some = {0};

		for (int k = 0; k < set->n; k++)
			m[k] = (struct matcher){
			        .op = MATCH_EQ, .name = set->l[k].name, .value = set->l[k].value};
		rc = series__match_ids(r->db, m, set->n, &some, e);
		for (size_t k = 0; k < some.n; k++) {
			struct labels ls = series_labels(r->db, (series_id){some.p[k]}, a);

			if (labels_equal(&ls, set))
				ids_add(ids, some.p[k]);
		}
		ids_fini(&some);
		arena_free(&a);
	}
	if (ids->n > 0)
		qsort(ids->p, ids->n, sizeof(*ids->p), ids_cmp);
	return rc;
}

static int move_here(void *ctx, struct err *e)
{
	struct meant *x = ctx;

	return remote_gone_move(x->r, x->g, e);
}

static void moved(void *ctx, bool logged)
{
	(void)ctx;
	(void)logged; /* else the next start does it */
}

/* The log has the deletion at its place, and what was written after it behind. Where there is nothing, it was
 * not logged: after a crash, or in a copy of the folder that was a moment behind. */
int remote_delete_finish(struct series_remote *r, struct err *e)
{
	struct place end = remote_log_end(r);
	int rc = 0;

	for (struct gone *g = r->gone; g != NULL && rc >= 0; g = g->next) {
		struct meant x = {.r = r, .g = g};
		const struct deletion_hook hook = {move_here, moved, &x};
		struct ids ids = {0};
		uint64_t size;
		char *log = remote_log_path(r, g->place.log, &size);
		bool known = log != NULL || g->place.log > end.log;

		free(log);
		if (g->aged || !known || remote_place_cmp(g->place, r->safe) < 0) /* it was logged long ago */
			continue;
		rc = remote_log_behind(r, g->place, e);
		if (rc == 0)
			rc = ids_of(r, g, &ids, e);
		if (rc == 0)
			rc = series__delete_ids(r->db, &ids, g->from, g->to, NULL, NULL, &hook, e);
		ids_fini(&ids);
	}
	return rc < 0 ? rc : 0;
}

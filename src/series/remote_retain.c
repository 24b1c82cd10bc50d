/*
 * How long readings are kept where an engine has them. What is older than the class of its series allows is
 * not answered, whatever the engine still has of it; and once a day the series of which nothing is young
 * enough are deleted there, which is all that an engine of whole series can do. Its own retention is the
 * longest that there is.
 *
 * There are no roll-ups: what a class keeps as windows stays as readings for that time.
 */
#include "series/remote_int.h"

#include "base/log.h"

/* Up to 40 days VictoriaMetrics looks by the day for who had readings; for longer it names all there are. */
#define LOOK_DAYS 39

void series_remote_set_classes(struct series_remote *r, const struct series_class *class, int n)
{
	pthread_rwlock_wrlock(&r->gone_lock);
	r->class = class;
	r->classes = n;
	pthread_rwlock_unlock(&r->gone_lock);
}

static time_us border(time_us now, dur_us age)
{
	return age >= SERIES_FOREVER || now < INT64_MIN + age ? INT64_MIN : now - age;
}

/* -1: of none. */
static int class_of(const struct series_class *class, int n, const struct labels *ls)
{
	for (int i = 0; i < n; i++)
		if (matchers_match(class[i].m, class[i].n, ls))
			return i;
	return -1;
}

time_us remote_horizon(struct series_remote *r, const struct labels *ls, time_us now)
{
	time_us t = INT64_MIN;
	int i;

	pthread_rwlock_rdlock(&r->gone_lock);
	i = class_of(r->class, r->classes, ls);
	if (i >= 0)
		t = border(now, series__longest(&r->class[i]));
	pthread_rwlock_unlock(&r->gone_lock);
	return t;
}

/* ---- series that have ended ---- */

static int by_labels(const void *a, const void *b)
{
	return labels_cmp(a, b);
}

static bool has(const struct labels *set, size_t n, const struct labels *ls)
{
	return n > 0 && bsearch(ls, set, n, sizeof(*set), by_labels) != NULL;
}

/* Takes out of `set` what the other one has. */
static void subtract(struct labels *set, size_t *n, const struct labels *other, size_t other_n)
{
	size_t k = 0;

	for (size_t i = 0; i < *n; i++)
		if (!has(other, other_n, &set[i]))
			set[k++] = set[i];
	*n = k;
}

/* Of the folder's, which knows also what the engine has not got yet. */
static int subtract_young(struct series_remote *r, const struct series_class *c, time_us before,
        struct arena *a, struct labels *set, size_t *n, struct err *e)
{
	struct labels *young;
	struct ids ids = {0};
	size_t k = 0;
	int rc = series__match_ids(r->db, c->m, c->n, &ids, e);

	young = arena_array(a, ids.n + 1, sizeof(*young));
	for (size_t i = 0; i < ids.n && rc == 0; i++) {
		time_us t;
		double v;

		if (!series_latest(r->db, (series_id){ids.p[i]}, &t, &v) || t < before)
			continue;
		young[k] = series_labels(r->db, (series_id){ids.p[i]}, a);
		k += young[k].n > 0;
	}
	if (k > 0)
		qsort(young, k, sizeof(*young), by_labels);
	subtract(set, n, young, k);
	ids_fini(&ids);
	return rc;
}

/* Those whose class is another one. */
static void keep_own(struct series_remote *r, const struct series_class *class, int n, int own,
        struct labels *set, size_t *sets, struct arena *a)
{
	struct virtual_labels virt = remote_virtual(r->db);
	size_t k = 0;

	for (size_t i = 0; i < *sets; i++) {
		struct labels seen = set[i];

		must(remote_add_virtual(&virt, &seen, a)); /* the arena has no bound */
		if (class_of(class, n, &seen) == own)
			set[k++] = set[i];
	}
	*sets = k;
}

/* Label sets of the class's series that ended before an instant. */
static int find_ended(struct series_remote *r, const struct series_class *class, int n, int own,
        time_us before, time_us now, const bool *cancel, struct arena *a, struct labels **set, size_t *sets,
        struct err *e)
{
	const struct series_class *c = &class[own];
	struct matcher any = {.op = MATCH_NE, .name = STR_LIT(LABEL_NAME), .value = STR_LIT("")};
	const struct matcher *m = c->n > 0 ? c->m : &any;
	int mn = c->n > 0 ? c->n : 1;
	int rc = remote_list(r, m, mn, 0, before - 1, a, set, sets, e);

	if (rc == 0)
		keep_own(r, class, n, own, *set, sets, a);
	for (time_us t = before; rc == 0 && *sets > 0 && t <= now; t += LOOK_DAYS * US_DAY) {
		struct labels *young;
		size_t young_n;

		if (cancel != NULL && __atomic_load_n(cancel, __ATOMIC_RELAXED))
			return err_set(e, ERR_CANCELLED, "it was stopped; what was done stays done");
		rc = remote_list(r, m, mn, t, t + LOOK_DAYS * US_DAY, a, &young, &young_n, e);
		if (rc == 0)
			subtract(*set, sets, young, young_n);
	}
	return rc == 0 ? subtract_young(r, c, before, a, *set, sets, e) : rc;
}

/* The sender comes to it in its turn: what was posted before is sent before. */
static int put(struct series_remote *r, const struct labels *set, size_t n, time_us before, struct err *e)
{
	struct gone *g = remote_gone_new();
	int rc;

	g->from = INT64_MIN + 1;
	g->to = before - 1;
	g->whole = g->aged = true;
	g->set = arena_array(g->a, n, sizeof(*g->set));
	for (; g->sets < n; g->sets++)
		g->set[g->sets] = labels_copy(g->a, &set[g->sets], NULL, STR_NULL);
	pthread_mutex_lock(&r->db->commit_lock);
	rc = remote_gone_add(r, g, e);
	if (rc == 0)
		remote_gone_seal(r, g, true);
	pthread_mutex_unlock(&r->db->commit_lock);
	if (rc < 0)
		remote_gone_free(g);
	return rc;
}

static int end_class(struct series_remote *r, const struct series_class *class, int n, int own, time_us now,
        const bool *cancel, struct err *e)
{
	time_us before = border(now, series__longest(&class[own]));
	struct arena *a = arena_new(0);
	struct labels *set = NULL;
	size_t sets = 0;
	int rc = 0;

	if (before > 0)
		rc = find_ended(r, class, n, own, before, now, cancel, a, &set, &sets, e);
	if (rc == 0 && sets > 0)
		rc = put(r, set, sets, before, e);
	if (rc == 0 && sets > 0)
		LOG(SERIES_REMOTE, log_s("what", "series whose readings are all too old go from the engine"),
		        log_i("series", (int64_t)sets), log_i("class", own + 1));
	arena_free(&a);
	return rc;
}

int series_remote_retain(struct series_remote *r, const struct series_class *class, int n, time_us now,
        struct series_care *care, const bool *cancel, struct err *e)
{
	struct series_class *here = xcalloc((size_t)n + 1, sizeof(*here));
	int rc;

	for (int i = 0; i < n; i++)
		here[i] = (struct series_class){
		        .m = class[i].m, .n = class[i].n, .keep = series__longest(&class[i])};
	rc = series__retain(r->db, here, n, now, care, cancel, e);
	free(here);
	for (int i = 0; i < n && rc == 0 && !atomic_load(&r->refuses); i++)
		rc = end_class(r, class, n, i, now, cancel, e);
	return rc;
}

/* Reading: points of before the folder is whole are fetched from the engine and merged with those here. */
#include "series/remote_int.h"

#define POINTS_MOST 50000000

struct series_remote_cursor {
	struct series_cursor *local;
	struct series_view here; /* of the folder, if `ahead` */
	bool ahead, ended;
	struct remote_series *far; /* of the engine, in order of their labels */
	size_t n, next;
	struct arena *a;
};

bool series_remote_local(const struct series_remote *r, time_us from)
{
	return from >= atomic_load(&r->whole_since);
}

/* ---- what came ---- */

struct virtual_labels remote_virtual(struct series_db *db)
{
	struct virtual_labels out = {0};

	pthread_rwlock_rdlock(&db->index_lock);
	out.v = db->virt;
	pthread_rwlock_unlock(&db->index_lock);
	while (out.v != NULL && out.v->names[out.n] != NULL)
		out.n++;
	return out;
}

bool remote_add_virtual(const struct virtual_labels *virt, struct labels *ls, struct arena *a)
{
	struct str *value = arena_array(a, (size_t)virt->n + 1, sizeof(*value));
	struct label *l = arena_array(a, (size_t)(ls->n + virt->n) + 1, sizeof(*l));
	struct str thing = labels_get(ls, "thing");
	struct err ignored = ERR_INIT;
	int n = 0;

	if (value == NULL || l == NULL)
		return false;
	if (virt->n == 0)
		return true;
	if (thing.n > 0)
		virt->v->values(virt->v->ctx, thing, a, value);
	for (int i = 0; i < ls->n; i++) {
		bool hidden = false;

		for (int k = 0; k < virt->n; k++)
			hidden |= value[k].n > 0 && str_is(ls->l[i].name, virt->v->names[k]);
		if (!hidden)
			l[n++] = ls->l[i];
	}
	for (int k = 0; k < virt->n; k++)
		if (value[k].n > 0)
			l[n++] = (struct label){str_of(virt->v->names[k]), value[k]};
	*ls = (struct labels){l, n};
	must(labels_sort(ls, &ignored) == 0);
	return true;
}

/* The engine was asked for whole milliseconds. */
static void cut_points(struct remote_series *s, time_us from, time_us to)
{
	while (s->n > 0 && s->t[s->n - 1] > to)
		s->n--;
	while (s->n > 0 && s->t[0] < from) {
		s->t++;
		s->v++;
		s->n--;
	}
}

static int by_labels(const void *a, const void *b)
{
	const struct remote_series *x = a, *y = b;
	int order = labels_cmp(&x->labels, &y->labels);

	return order != 0 ? order : (x->after > y->after) - (x->after < y->after);
}

/* Points of two, of one instant the second's. False when the arena is full. */
static bool join(struct remote_series *x, const struct remote_series *y, struct arena *a)
{
	time_us *t = arena_array(a, x->n + y->n, sizeof(*t));
	double *v = arena_array(a, x->n + y->n, sizeof(*v));

	if (t == NULL || v == NULL)
		return false;
	x->n = points_merge(x->t, x->v, x->n, y->t, y->v, y->n, t, v);
	x->t = t;
	x->v = v;
	return true;
}

/* Of before and of after a deletion, the points of after it count. */
static int join_same(struct series_remote_cursor *c, struct err *e)
{
	size_t k = 0;

	if (c->n > 0)
		qsort(c->far, c->n, sizeof(*c->far), by_labels);
	for (size_t i = 0; i < c->n; i++) { /* an engine of several parts may answer in parts */
		if (k == 0 || !labels_equal(&c->far[k - 1].labels, &c->far[i].labels))
			c->far[k++] = c->far[i];
		else if (!join(&c->far[k - 1], &c->far[i], c->a))
			return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	}
	c->n = k;
	return 0;
}

/* What of it is to be seen. 1; 0 if nothing is. */
static int take_series(struct series_remote *r, struct series_remote_cursor *c, const struct series_query *q,
        const struct virtual_labels *virt, struct remote_series *s, struct err *e)
{
	time_us horizon;
	bool room;

	if (!remote_labels_in(&r->outer, &s->labels, &s->after))
		return 0;
	cut_points(s, q->from, q->to);
	room = remote_hide(r, &s->labels, s, c->a);
	if (!room || !remote_add_virtual(virt, &s->labels, c->a))
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	if (s->n == 0 || !matchers_match(q->m, q->n, &s->labels))
		return 0;
	horizon = remote_horizon(r, &s->labels, clock_now(r->clock));
	if (horizon > q->from)
		cut_points(s, horizon, q->to);
	return s->n > 0;
}

static int read_answer(struct series_remote *r, struct series_remote_cursor *c, const struct series_query *q,
        const struct virtual_labels *virt, struct remote_answer *answer, struct err *e)
{
	size_t left = q->max_points > 0 ? q->max_points : POINTS_MOST, cap = 0;
	struct remote_series s;
	int rc;

	while ((rc = remote_answer_next(answer, c->a, &left, &s, e)) > 0) {
		rc = take_series(r, c, q, virt, &s, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			continue;
		if (q->max_series > 0 && c->n == q->max_series)
			return err_set(e, ERR_TOOBIG, "more than %zu series match", q->max_series);
		if (q->cancel != NULL && *q->cancel)
			return err_set(e, ERR_CANCELLED, "the query was cancelled");
		c->far = arena_grow(c->a, c->far, &cap, c->n + 1, sizeof(s));
		if (c->far == NULL)
			return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
		c->far[c->n++] = s;
	}
	return rc < 0 ? rc : join_same(c, e);
}

static int fetch_far(
        struct series_remote *r, struct series_remote_cursor *c, const struct series_query *q, struct err *e)
{
	time_us whole = atomic_load(&r->whole_since), to = q->to < whole ? q->to : whole;
	struct virtual_labels virt = remote_virtual(r->db);
	struct arena *temp;
	struct remote_answer answer = {0};
	int rc;

	if (q->from >= whole || to < 0)
		return 0;
	temp = arena_new(0);
	rc = remote_ask(r, q, &virt, to, temp, &answer, e);
	if (rc == 0)
		rc = read_answer(r, c, q, &virt, &answer, e);
	arena_free(&temp);
	return rc;
}

int series_remote_select(struct series_remote *r, const struct series_query *q, struct arena *a,
        struct series_remote_cursor **out, struct err *e)
{
	struct series_remote_cursor *c = arena_alloc(a, sizeof(*c));
	int rc;

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	c->a = a;
	/* The folder first: what expires there meanwhile is in the engine. */
	rc = series_select(r->db, q, a, &c->local, e);
	if (rc == 0)
		rc = fetch_far(r, c, q, e);
	if (rc < 0) {
		series_cursor_free(&c->local);
		return rc;
	}
	*out = c;
	return 0;
}

/* ---- both ---- */

static time_us in_ms(time_us t)
{
	return t - ((t % US_MS) + US_MS) % US_MS;
}

/* What the folder knows to the microsecond the engine has to the millisecond: the folder's counts. */
static int merge_view(struct series_remote_cursor *c, const struct remote_series *far,
        struct series_view *out, struct err *e)
{
	const struct series_view *here = &c->here;
	time_us *t = arena_array(c->a, far->n + here->n + 1, sizeof(*t));
	double *v = arena_array(c->a, far->n + here->n + 1, sizeof(*v));
	size_t n = 0, i = 0;

	if (t == NULL || v == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	for (size_t k = 0; k <= here->n; k++) {
		time_us next = k < here->n ? in_ms(here->t[k]) : INT64_MAX;

		for (; i < far->n && far->t[i] < next; i++) {
			t[n] = far->t[i];
			v[n++] = far->v[i];
		}
		if (k == here->n)
			break;
		if (i < far->n && far->t[i] == next)
			i++;
		t[n] = here->t[k];
		v[n++] = here->v[k];
	}
	*out = (struct series_view){.id = here->id, .labels = here->labels, .t = t, .v = v, .n = n};
	return 1;
}

int series_remote_next(struct series_remote_cursor *c, struct series_view *out, struct err *e)
{
	const struct remote_series *far;
	int order;

	if (!c->ahead && !c->ended) {
		int rc = series_next(c->local, &c->here, e);

		if (rc < 0)
			return rc;
		c->ahead = rc > 0;
		c->ended = rc == 0;
	}
	if (c->next == c->n) {
		*out = c->here;
		order = c->ahead ? 1 : 0;
		c->ahead = false;
		return order;
	}
	far = &c->far[c->next];
	order = c->ahead ? labels_cmp(&far->labels, &c->here.labels) : -1;
	if (order > 0) {
		*out = c->here;
		c->ahead = false;
		return 1;
	}
	c->next++;
	if (order == 0) {
		c->ahead = false;
		return merge_view(c, far, out, e);
	}
	*out = (struct series_view){.labels = far->labels, .t = far->t, .v = far->v, .n = far->n};
	return 1;
}

void series_remote_cursor_free(struct series_remote_cursor **c)
{
	if (*c == NULL)
		return;
	series_cursor_free(&(*c)->local);
	*c = NULL;
}

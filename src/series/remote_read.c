/* Reading: points of before the folder is whole are fetched from the engine and merged with those here. */
#include "series/remote_int.h"

#define ANSWER_MAX_B ((size_t)256 << 20)
#define ANSWER_WAIT (60 * US_SECOND)
#define POINTS_MOST 50000000
#define UNHEARD_FOR (5 * US_SECOND) /* so long nobody else waits for an engine that does not answer */

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

/* ---- asking ---- */

struct virtual_labels {
	const struct series_virtual *v;
	int n;
};

static struct virtual_labels virtual_of(struct series_db *db)
{
	struct virtual_labels out = {0};

	pthread_rwlock_rdlock(&db->index_lock);
	out.v = db->virt;
	pthread_rwlock_unlock(&db->index_lock);
	while (out.v != NULL && out.v->names[out.n] != NULL)
		out.n++;
	return out;
}

static bool is_virtual(const struct virtual_labels *virt, struct str name)
{
	for (int i = 0; i < virt->n; i++)
		if (str_is(name, virt->v->names[i]))
			return true;
	return false;
}

/* The matchers as a selector; those on virtual labels are tried on what comes. */
static void put_selector(struct sb *b, const struct series_query *q, const struct virtual_labels *virt)
{
	static const char *const op[] = {
	        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};
	bool any = false;

	sb_putc(b, '{');
	for (int i = 0; i < q->n; i++) {
		const struct matcher *m = &q->m[i];

		if (is_virtual(virt, m->name))
			continue;
		any |= !matcher_matches(m, STR_NULL);
		if (label_name_valid(m->name))
			sb_putstr(b, m->name);
		else
			label_quote(b, m->name);
		sb_puts(b, op[m->op]);
		label_quote(b, m->value);
		sb_putc(b, ',');
	}
	if (!any)
		sb_puts(b, LABEL_NAME "!=\"\"");
	sb_putc(b, '}');
}

static void put_escaped(struct sb *b, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))
			sb_putc(b, (char)c);
		else
			sb_printf(b, "%%%02X", c);
	}
}

static void put_seconds(struct sb *b, time_us t)
{
	time_us ms = t / US_MS;

	sb_printf(b, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

static int ask_export(struct series_remote *r, const struct series_query *q,
        const struct virtual_labels *virt, time_us to, struct arena *a, struct str *text, struct err *e)
{
	struct sb selector = SB_INIT, form = SB_INIT;
	dur_us unheard = atomic_load(&r->unheard);
	bool fresh;
	int status = 0, rc;

	if (unheard != 0 && clock_monotonic() - unheard < UNHEARD_FOR) {
		rc = err_set(e, ERR_UNAVAILABLE, "it did not answer a moment ago");
		goto told;
	}
	put_selector(&selector, q, virt);
	sb_puts(&form, "match%5B%5D=");
	put_escaped(&form, sb_str(&selector));
	sb_puts(&form, "&start=");
	put_seconds(&form, q->from > 0 ? q->from : 0);
	sb_puts(&form, "&end=");
	put_seconds(&form, to);
	rc = r->engine.ask(r->engine.ctx,
	        &(struct series_ask){.path = "/api/v1/export",
	                .body = sb_str(&form),
	                .type = "application/x-www-form-urlencoded",
	                .max_b = ANSWER_MAX_B,
	                .wait = ANSWER_WAIT},
	        a, &status, text, &fresh, e);
	sb_fini(&selector);
	sb_fini(&form);
	atomic_store(&r->unheard, rc == 0 || rc == ERR_TOOBIG ? 0 : clock_monotonic());
	if (rc == 0 && status != 200)
		rc = err_set(e, ERR_UNAVAILABLE, "it answers %d: %.*s", status,
		        (int)(text->n < 200 ? text->n : 200), text->p);
told:
	if (rc < 0) {
		char since[40];

		err_prefix(e,
		        "readings of before %s are in the remote engine, which cannot be asked; ask for "
		        "later ones, "
		        "or see to it",
		        time_format(atomic_load(&r->whole_since), zone_utc(), since));
	}
	if (rc < 0 && rc != ERR_TOOBIG)
		rc = e->code = ERR_UNAVAILABLE;
	return rc;
}

/* ---- what came ---- */

/* False when the arena is full. */
static bool add_virtual(const struct virtual_labels *virt, struct remote_series *s, struct arena *a)
{
	struct str *value = arena_array(a, (size_t)virt->n + 1, sizeof(*value));
	struct label *l = arena_array(a, (size_t)(s->labels.n + virt->n) + 1, sizeof(*l));
	struct str thing = labels_get(&s->labels, "thing");
	struct err ignored = ERR_INIT;
	int n = 0;

	if (value == NULL || l == NULL)
		return false;
	if (virt->n == 0)
		return true;
	if (thing.n > 0)
		virt->v->values(virt->v->ctx, thing, a, value);
	for (int i = 0; i < s->labels.n; i++) {
		bool hidden = false;

		for (int k = 0; k < virt->n; k++)
			hidden |= value[k].n > 0 && str_is(s->labels.l[i].name, virt->v->names[k]);
		if (!hidden)
			l[n++] = s->labels.l[i];
	}
	for (int k = 0; k < virt->n; k++)
		if (value[k].n > 0)
			l[n++] = (struct label){str_of(virt->v->names[k]), value[k]};
	s->labels = (struct labels){l, n};
	must(labels_sort(&s->labels, &ignored) == 0);
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

	return labels_cmp(&x->labels, &y->labels);
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

static int read_answer(struct series_remote_cursor *c, const struct series_query *q,
        const struct virtual_labels *virt, struct str text, struct err *e)
{
	size_t left = q->max_points > 0 ? q->max_points : POINTS_MOST, cap = 0, k = 0;
	struct remote_series s;
	int rc;

	while ((rc = remote_export_next(&text, c->a, &left, &s, e)) > 0) {
		cut_points(&s, q->from, q->to);
		if (!add_virtual(virt, &s, c->a))
			return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
		if (s.n == 0 || !matchers_match(q->m, q->n, &s.labels))
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
	if (rc < 0)
		return rc;
	if (c->n > 0)
		qsort(c->far, c->n, sizeof(*c->far), by_labels);
	for (size_t i = 0; i < c->n; i++) { /* an engine of several parts may answer in parts */
		if (k > 0 && labels_equal(&c->far[k - 1].labels, &c->far[i].labels)) {
			if (!join(&c->far[k - 1], &c->far[i], c->a))
				return err_set(
				        e, ERR_NOMEM, "the query needs more memory than one query may use");
		} else {
			c->far[k++] = c->far[i];
		}
	}
	c->n = k;
	return 0;
}

static int fetch_far(
        struct series_remote *r, struct series_remote_cursor *c, const struct series_query *q, struct err *e)
{
	time_us whole = atomic_load(&r->whole_since), to = q->to < whole ? q->to : whole;
	struct virtual_labels virt = virtual_of(r->db);
	struct arena *temp;
	struct str text = STR_NULL;
	int rc;

	if (q->from >= whole || to < 0)
		return 0;
	temp = arena_new(0);
	rc = ask_export(r, q, &virt, to, temp, &text, e);
	if (rc == 0)
		rc = read_answer(c, q, &virt, text, e);
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

/*
 * Telling the engine what was deleted. It is told again, in its turn, when it may have lost that.
 *
 *   VictoriaMetrics   /api/v1/admin/tsdb/delete_series takes selectors and deletes whole series
 *   Prometheus        the same address takes a time as well, where --web.enable-admin-api is set
 *
 * A deletion that is no whole series goes to the second alone, which is known by what it does not have: an
 * /api/v1/export. What was written after the deletion is left alone as far as it has its number or, with a
 * time, is younger; all else is sent again behind it (remote.c): so the whole of a series may go. It must not
 * be more, since Prometheus takes a sample that it has deleted for one that it has.
 */
#include "series/remote_int.h"

#include "base/log.h"

#define SETS_A_REQUEST 50
#define SERIES_PATH "/api/v1/series"
#define DELETE_PATH "/api/v1/admin/tsdb/delete_series"
#define UNPROCESSABLE 422
#define OLDEST                                                                                               \
	US_SECOND /* in a list a start of 0 is none for VictoriaMetrics, which then looks at minutes         \
	           */
#define NEWEST (INT64_C(4102444800) * US_SECOND) /* 2100: engines do not take every int64 */

/* ---- which series there are ---- */

/* Of {"status":"success","data":[{…},…]}, in place of what the text was. */
static bool read_series(struct str text, struct arena *a, struct labels **out, size_t *n)
{
	enum json_type t;
	size_t cap = 0;
	struct json j;

	json_init(&j, text);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while ((t = json_next(&j)) == JSON_KEY) {
		bool data = str_is(j.text, "data");
		int rc = 1;

		if (!data) {
			if (!json_skip(&j))
				return false;
			continue;
		}
		if (json_next(&j) != JSON_ARRAY)
			return false;
		while (rc == 1) {
			struct labels ls;

			rc = remote_read_labels(&j, a, &ls);
			if (rc == 1) {
				*out = arena_grow(a, *out, &cap, *n + 1, sizeof(**out));
				(*out)[(*n)++] = ls;
			}
		}
		if (j.depth != 1) /* not the end of the array */
			return false;
	}
	return t == JSON_OBJECT_END;
}

/* The engine's own labels. */
static int list_raw(struct series_remote *r, struct sb *form, struct arena *a, int *status,
        struct labels **out, size_t *n, struct err *e)
{
	struct str text = STR_NULL;
	int rc;

	*status = 0;
	*out = NULL;
	*n = 0;
	rc = remote_post(r, SERIES_READ, SERIES_PATH, form, a, status, &text, e);
	if (rc == 0 && *status != 200)
		rc = err_set(e, ERR_UNAVAILABLE, "the engine does not list its series, it answers %d: %.*s%s",
		        *status, (int)(text.n < 200 ? text.n : 200), text.p,
		        *status == UNPROCESSABLE ? "; select fewer, or raise its -search.maxSeries" : "");
	if (rc == 0 && !read_series(text, a, out, n))
		rc = err_set(e, ERR_UNAVAILABLE, "the engine's answer is not what " SERIES_PATH " gives");
	return rc;
}

static int by_labels(const void *a, const void *b)
{
	return labels_cmp(a, b);
}

int remote_list(struct series_remote *r, const struct matcher *m, int n, time_us from, time_us to,
        struct arena *a, struct labels **out, size_t *sets, struct err *e)
{
	struct virtual_labels virt = remote_virtual(r->db);
	const struct series_query q = {.m = m, .n = n};
	struct arena *temp = arena_new(0);
	struct sb form = SB_INIT;
	struct labels *raw = NULL;
	size_t raws = 0, k = 0;
	int far_n, status;
	struct matcher *far = remote_matchers(r, &q, &virt, temp, &far_n);
	int rc;

	must(far != NULL); /* the arena has no bound */
	remote_put_selector(&form, far, far_n);
	remote_put_times(&form, from > OLDEST ? from : OLDEST, to < NEWEST ? to : NEWEST);
	rc = list_raw(r, &form, temp, &status, &raw, &raws, e);
	*out = arena_array(a, raws + 1, sizeof(**out));
	for (size_t i = 0; rc == 0 && i < raws; i++) {
		struct labels seen;
		uint32_t after;

		if (!remote_labels_in(&r->outer, &raw[i], &after))
			continue;
		seen = raw[i];
		must(remote_add_virtual(&virt, &seen, temp));
		if (matchers_match(m, n, &seen))
			(*out)[k++] = labels_copy(a, &raw[i], NULL, STR_NULL);
	}
	if (k > 0)
		qsort(*out, k, sizeof(**out), by_labels);
	*sets = 0;
	for (size_t i = 0; i < k; i++)
		if (i == 0 || !labels_equal(&(*out)[*sets - 1], &(*out)[i]))
			(*out)[(*sets)++] = (*out)[i];
	sb_fini(&form);
	arena_free(&temp);
	return rc;
}

/* ---- a request ---- */

static bool is_off(int status, struct str text)
{
	static const char off[] = "admin API"; /* Prometheus answers 500 or 503: "admin APIs disabled" */

	return status / 100 == 5 && memmem(text.p, text.n, off, sizeof(off) - 1) != NULL;
}

/* Whether to try again later what it answered so, in its turn. */
static bool is_later(int status, struct str text)
{
	return status == 429 || (status / 100 == 5 && status != 501 && !is_off(status, text));
}

/* 1: done, 0: it will not. */
static int request(struct series_remote *r, const struct gone *g, struct sb *form, struct err *e)
{
	struct arena *a = arena_new(0);
	struct str text = STR_NULL;
	int status = 0, rc;

	if (atomic_load(&r->reads))
		remote_put_times(form, g->from > 0 ? g->from : 0, g->to < NEWEST ? g->to : NEWEST);
	rc = remote_post(r, SERIES_ERASE, DELETE_PATH, form, a, &status, &text, e);
	if (rc == 0 && is_later(status, text))
		rc = err_set(e, ERR_UNAVAILABLE, "the engine does not delete now, it answers %d: %.*s",
		        status, (int)(text.n < 200 ? text.n : 200), text.p);
	if (rc == 0 && status / 100 != 2) {
		atomic_store(&r->refuses, true);
		LOG(SERIES_REMOTE,
		        log_s("what", "the engine will not delete; what was deleted is kept from answers"),
		        log_i("status", status),
		        log_s("why", arena_strndup(a, text.p, text.n < 200 ? text.n : 200)));
	} else if (rc == 0) {
		atomic_store(&r->refuses, false);
		rc = 1;
	}
	arena_free(&a);
	return rc;
}

/* What was written behind it has its number, or that of a later one. */
static struct matcher before_it(struct series_remote *r, const struct gone *g, struct arena *a)
{
	uint32_t last = atomic_load(&r->gone_last);
	struct sb b = SB_INIT;
	struct matcher m = {.op = MATCH_NRE, .name = STR_LIT(AFTER)};

	for (uint32_t i = g->number; i <= last; i++)
		sb_printf(&b, "%s%u", i > g->number ? "|" : "", i);
	m.value = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return m;
}

/* ---- label sets ---- */

static bool names(const struct matcher *m, int n, struct str name)
{
	for (int i = 0; i < n; i++)
		if (str_eq(m[i].name, name))
			return true;
	return false;
}

struct exact { /* selects one series and its AFTERs, once it knows what others have besides */
	struct matcher *m;
	int n;
	size_t cap;
};

static void add_empty(struct exact *x, struct str name, struct arena *a)
{
	x->m = arena_grow(a, x->m, &x->cap, (size_t)x->n + 1, sizeof(*x->m));
	x->m[x->n++] = (struct matcher){.op = MATCH_EQ, .name = name, .value = STR_LIT("")};
}

static struct exact exact_of(
        struct series_remote *r, const struct labels *stored, struct matcher before, struct arena *a)
{
	struct labels ls = *stored;
	struct exact x = {0};

	must(remote_labels_out(&r->outer, &ls, 0, a));
	x.m = arena_grow(a, NULL, &x.cap, (size_t)ls.n + 1, sizeof(*x.m));
	for (; x.n < ls.n; x.n++)
		x.m[x.n] = (struct matcher){.op = MATCH_EQ, .name = ls.l[x.n].name, .value = ls.l[x.n].value};
	x.m[x.n++] = before;
	return x;
}

/* A series of more labels is selected, too: it is told apart by one that this one has not. */
static void tell_apart(struct exact *x, const struct labels *other, struct arena *a)
{
	for (int i = 0; i < x->n; i++)
		if (x->m[i].op == MATCH_EQ && !matchers_match(&x->m[i], 1, other))
			return;
	for (int i = 0; i < other->n; i++)
		if (!names(x->m, x->n, other->l[i].name)) {
			add_empty(x, other->l[i].name, a);
			return;
		}
}

static void put_all(struct sb *form, const struct exact *x, size_t n)
{
	form->n = 0;
	for (size_t i = 0; i < n; i++)
		remote_put_selector(form, x[i].m, x[i].n);
}

static int erase_some(
        struct series_remote *r, const struct gone *g, const struct labels *set, size_t n, struct err *e)
{
	struct arena *a = arena_new(0);
	struct exact *x = arena_array(a, n, sizeof(*x));
	struct matcher before = before_it(r, g, a);
	struct labels *there = NULL;
	struct err ignored = ERR_INIT;
	struct sb form = SB_INIT;
	size_t found = 0;
	int status, rc;

	for (size_t i = 0; i < n; i++)
		x[i] = exact_of(r, &set[i], before, a);
	put_all(&form, x, n);
	remote_put_times(&form, OLDEST, NEWEST);
	rc = list_raw(r, &form, a, &status, &there, &found, e);
	if (rc < 0 && status / 100 == 4 && status != 429) {
		LOG(SERIES_REMOTE, log_s("what", "what was deleted is kept from answers"),
		        log_s("why", e->text));
		rc = 0;
		goto out;
	}
	for (size_t k = 0; k < found && rc == 0; k++) {
		must(labels_sort(&there[k], &ignored) == 0);
		for (size_t i = 0; i < n; i++)
			tell_apart(&x[i], &there[k], a);
	}
	put_all(&form, x, n);
	if (rc == 0)
		rc = found > 0 ? request(r, g, &form, e) : 1;
out:
	sb_fini(&form);
	arena_free(&a);
	return rc;
}

static int erase_selected(struct series_remote *r, const struct gone *g, struct err *e)
{
	const struct series_query q = {.m = g->m, .n = g->n};
	const struct virtual_labels none = {0};
	struct arena *a = arena_new(0);
	struct sb form = SB_INIT;
	int n, rc;
	struct matcher *m = remote_matchers(r, &q, &none, a, &n);

	must(m != NULL); /* with room for one more */
	m[n++] = before_it(r, g, a);
	remote_put_selector(&form, m, n);
	rc = request(r, g, &form, e);
	sb_fini(&form);
	arena_free(&a);
	return rc;
}

int remote_erase(struct series_remote *r, struct gone *g, struct err *e)
{
	int rc;

	if (g->state == GONE_KEPT) { /* and it was said */
		remote_gone_told(r, g, GONE_KEPT);
		return 0;
	}
	rc = remote_probe(r, e);
	if (rc < 0)
		return rc;
	rc = g->whole || atomic_load(&r->reads) ? 1 : 0;
	if (rc == 1 && g->n > 0)
		rc = erase_selected(r, g, e);
	for (size_t i = 0; rc == 1 && i < g->sets; i += SETS_A_REQUEST)
		rc = erase_some(
		        r, g, g->set + i, g->sets - i < SETS_A_REQUEST ? g->sets - i : SETS_A_REQUEST, e);
	if (rc < 0)
		return rc;
	remote_gone_told(r, g, rc == 1 ? GONE_TOLD : GONE_KEPT);
	return 0;
}

/* The site's series as the storage that PromQL asks, and a reader's scope as one more matcher. */
#include "city/rule.h"
#include "series/remote.h"

_Static_assert(SERIES_CHUNK == PROMQL_CHUNK, "runs of the same length");

struct promql_cursor {
	struct series_cursor *c; /* one of the two */
	struct series_remote_cursor *r;
	struct promql_window *w; /* of the series at hand, in the arena */
	size_t w_cap;
	struct arena *a;
};

static int open_cursor(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	struct site *s = ctx;
	const struct series_query q = {.m = m, .n = n, .from = from, .to = to};
	struct promql_cursor *c = arena_alloc(a, sizeof(*c));
	int rc;

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	if (s->remote == NULL || series_remote_local(s->remote, from))
		rc = series_select(s->series, &q, a, &c->c, e);
	else
		rc = series_remote_select(s->remote, &q, a, &c->r, e);
	if (rc == 0)
		*out = c;
	return rc;
}

static int next_series(struct promql_cursor *c, struct promql_series *out, struct err *e)
{
	struct series_view v;
	int rc = c->r != NULL ? series_remote_next(c->r, &v, e) : series_next(c->c, &v, e);

	if (rc > 0)
		*out = (struct promql_series){.labels = v.labels,
		        .t = v.t,
		        .v = v.v,
		        .n = v.n,
		        .lasting = v.lasting,
		        .plain = v.plain,
		        .period = v.period,
		        .first = v.first,
		        .chunks = {.least = v.chunks.least,
		                .greatest = v.chunks.greatest,
		                .falls = v.chunks.falls,
		                .sum = v.chunks.sum,
		                .lost = v.chunks.lost,
		                .n = v.chunks.n,
		                .skew = v.chunks.skew,
		                .even_end = v.chunks.even_end}};
	return rc;
}

static int open_windows(void *ctx, const struct matcher *m, int n, time_us from, time_us to, dur_us step,
        struct arena *a, struct promql_cursor **out, struct err *e)
{
	struct site *s = ctx;
	const struct series_query q = {.m = m, .n = n, .from = from, .to = to};
	struct promql_cursor *c = arena_alloc(a, sizeof(*c));
	int rc;

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	c->a = a;
	rc = series_select_windows(s->series, &q, step, a, &c->c, e);
	if (rc == 0)
		*out = c;
	return rc;
}

static int next_windows(struct promql_cursor *c, struct promql_windows *out, struct err *e)
{
	struct series_windows in;
	int rc = series_next_windows(c->c, &in, e);

	if (rc <= 0)
		return rc;
	c->w = arena_grow(c->a, c->w, &c->w_cap, in.n, sizeof(*c->w));
	if (c->w == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	for (size_t i = 0; i < in.n; i++) {
		const struct series_window *w = &in.w[i];

		c->w[i] = (struct promql_window){.end = w->end,
		        .n = w->n,
		        .nans = w->nans,
		        .least = w->min,
		        .greatest = w->max,
		        .sum = w->sum,
		        .first = w->first,
		        .last = w->last,
		        .decimal = w->decimal};
	}
	*out = (struct promql_windows){.labels = in.labels, .w = c->w, .n = in.n};
	return rc;
}

static void close_cursor(struct promql_cursor *c)
{
	if (c == NULL)
		return;
	series_cursor_free(&c->c);
	series_remote_cursor_free(&c->r);
}

struct promql_storage site_promql(struct site *s)
{
	return (struct promql_storage){.ctx = s,
	        .open = open_cursor,
	        .next = next_series,
	        .close = close_cursor,
	        .open_windows = s->remote == NULL ? open_windows : NULL, /* an engine gives points alone */
	        .next_windows = next_windows,
	        .window_step = SERIES_STEP};
}

/* Codes as a pattern: nobody promises that they hold no dot. */
static void put_codes(struct sb *b, const char *code)
{
	if (b->n > 0)
		sb_putc(b, '|');
	for (const char *p = code; *p != '\0'; p++) {
		if (strchr("\\^$.|?*+()[]{}-", *p) != NULL)
			sb_putc(b, '\\');
		sb_putc(b, *p);
	}
}

static int add_pattern(struct arena *a, struct promql_expr *x, enum match_op op, const char *label,
        const char *form, struct str codes, struct err *e)
{
	struct matcher *m = arena_alloc(a, sizeof(*m));
	struct sb b = SB_INIT;
	int rc;

	if (m == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	sb_printf(&b, "(?:" STR_FMT ")%s", STR_ARG(codes), form);
	rc = matcher_init(m, a, op, str_of(label), sb_str(&b), e);
	sb_fini(&b);
	if (rc == 0)
		promql_add_matcher(a, x, m);
	return rc;
}

/* form: what may come behind one of the prefixes. */
static int add_prefixes(struct arena *a, struct promql_expr *x, const char *label, const char *const *list,
        const char *form, struct err *e)
{
	struct sb b = SB_INIT;
	int rc = 0;

	for (int i = 0; list != NULL && list[i] != NULL; i++)
		put_codes(&b, list[i]);
	if (list != NULL)
		rc = add_pattern(a, x, MATCH_RE, label, form, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

static bool hides(const struct kind *k, const struct who *who)
{
	return k->thing && k->secrecy > who->scope.clearance;
}

static int add_kinds(
        const struct catalog *c, struct arena *a, struct promql_expr *x, const struct who *who, struct err *e)
{
	struct sb b = SB_INIT;
	int rc = 0;

	for (int i = 0; i < c->kinds; i++)
		if (hides(&c->kind[i], who))
			put_codes(&b, c->kind[i].code);
	if (b.n > 0)
		rc = add_pattern(a, x, MATCH_NRE, "kind", "", sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

/* A series without a region belongs to no part of the city and is shown to those who see the whole only. */
int site_promql_scope(
        struct site *s, struct arena *a, struct promql_expr *x, const struct who *who, struct err *e)
{
	int rc = add_prefixes(a, x, "region", who->scope.regions, ".*", e);

	if (rc == 0)
		rc = add_prefixes(a, x, "org", who->scope.orgs, ".*|", e);
	return rc < 0 ? rc : add_kinds(s->catalog, a, x, who, e);
}

bool site_promql_sees_all(const struct site *s, const struct who *who)
{
	bool all = who->scope.regions == NULL && who->scope.orgs == NULL;

	for (int i = 0; i < s->catalog->kinds; i++)
		all = all && !hides(&s->catalog->kind[i], who);
	return all;
}

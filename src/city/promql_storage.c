/*
 * The site's series as the storage that PromQL asks, and a reader's scope as one more matcher.
 *
 * Beside what devices send there is HEALTH_METRIC, asked for by its name: 1 for each flag of each thing, with
 * the labels flag, kind, org, region and thing. It tells of the present alone.
 */
#include "city/health.h"
#include "city/rule.h"
#include "series/remote.h"

_Static_assert(SERIES_CHUNK == PROMQL_CHUNK, "runs of the same length");

#define PRESENT US_MINUTE /* who asks about an instant that is not longer ago asks about now */

struct flagged { /* of the metric; its sample is of `t` */
	struct labels *labels;
	size_t n, cap, at;
	time_us t;
	struct promql_window w; /* that the sample lies in; n 0: none that is asked for */
};
struct promql_cursor {
	struct series_cursor *c; /* one of the three */
	struct series_remote_cursor *r;
	struct flagged *flagged;
	struct promql_window *w; /* of the series at hand, in the arena */
	size_t w_cap;
	struct arena *a;
};

/* ---- the health of things ---- */

static bool asks_health(const struct matcher *m, int n)
{
	for (int i = 0; i < n; i++)
		if (m[i].op == MATCH_EQ && str_is(m[i].name, LABEL_NAME) && str_is(m[i].value, HEALTH_METRIC))
			return true;
	return false;
}

/* So that who asks for the silent ones does not meet all those that never sent. */
static unsigned asked_flags(const struct matcher *m, int n)
{
	unsigned flags = 0;

	for (unsigned k = 0; k < HEALTH_FLAGS; k++) {
		bool asked = true;

		for (int i = 0; i < n; i++)
			asked = asked && (!str_is(m[i].name, "flag") ||
			                         matcher_matches(&m[i], str_of(health_flag_name[k])));
		flags |= asked ? 1u << k : 0;
	}
	return flags;
}

struct gather {
	const struct matcher *m;
	int matchers;
	struct arena *a;
	struct flagged *out;
	struct err *e;
};

static int gather_one(void *ctx, const char *code, const struct health_group *g, unsigned has)
{
	struct gather *x = ctx;

	for (int i = 0; i < HEALTH_FLAGS; i++) {
		struct label l[] = {{STR_LIT(LABEL_NAME), STR_LIT(HEALTH_METRIC)},
		        {STR_LIT("flag"), str_of(health_flag_name[i])}, {STR_LIT("kind"), str_of(g->kind)},
		        {STR_LIT("org"), str_of(g->org)}, {STR_LIT("region"), str_of(g->region)},
		        {STR_LIT("thing"), str_of(code)}};
		struct labels ls = {l, ARRAY_LEN(l)};

		if ((has & 1u << i) == 0 || !matchers_match(x->m, x->matchers, &ls) ||
		        labels_sort(&ls, NULL) < 0)
			continue;
		x->out->labels = arena_grow(x->a, x->out->labels, &x->out->cap, x->out->n + 1, sizeof(ls));
		if (x->out->labels == NULL)
			return err_set(x->e, ERR_NOMEM, "the query needs more memory than one query may use");
		x->out->labels[x->out->n++] = labels_copy(x->a, &ls, NULL, STR_NULL);
	}
	return 0;
}

/* step 0: samples are asked for, else windows. */
static int open_health(struct site *s, const struct series_query *q, dur_us step, struct arena *a,
        struct promql_cursor *c, struct err *e)
{
	time_us now = clock_now(s->clock), t = q->to < now ? q->to : now, end;
	struct gather x = {.m = q->m, .matchers = q->n, .a = a, .e = e};

	x.out = c->flagged = arena_alloc(a, sizeof(*c->flagged));
	if (x.out == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	x.out->t = t;
	if (now - t > PRESENT || (step == 0 && t < q->from))
		return 0;
	if (step != 0) {
		end = (t + step - 1) / step * step;
		if (end < q->from || end > q->to)
			return 0;
		x.out->w = (struct promql_window){.end = end,
		        .n = 1,
		        .least = 1,
		        .greatest = 1,
		        .sum = 1,
		        .first = 1,
		        .last = 1,
		        .decimal = true};
	}
	return health_each(s->health, asked_flags(q->m, q->n), gather_one, &x);
}

static int next_flagged(struct flagged *f, struct promql_series *out)
{
	static const double one = 1;

	if (f->at == f->n)
		return 0;
	*out = (struct promql_series){
	        .labels = f->labels[f->at++], .t = &f->t, .v = &one, .n = 1, .lasting = true, .plain = true};
	return 1;
}

/* ---- samples ---- */

static int open_cursor(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
        struct promql_cursor **out, struct err *e)
{
	struct site *s = ctx;
	struct series_query q = {.m = m, .n = n, .from = from, .to = to};
	struct promql_cursor *c = arena_alloc(a, sizeof(*c));
	int rc;

	if (c == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	q.scaled = s->remote == NULL || series_remote_local(s->remote, from);
	if (asks_health(m, n))
		rc = open_health(s, &q, 0, a, c, e);
	else if (q.scaled)
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
	int rc;

	if (c->flagged != NULL)
		return next_flagged(c->flagged, out);
	rc = c->r != NULL ? series_remote_next(c->r, &v, e) : series_next(c->c, &v, e);

	if (rc > 0)
		*out = (struct promql_series){.labels = v.labels,
		        .t = v.t,
		        .v = v.v,
		        .scaled = v.scaled,
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
	rc = asks_health(m, n) ? open_health(s, &q, step, a, c, e)
	                       : series_select_windows(s->series, &q, step, a, &c->c, e);
	if (rc == 0)
		*out = c;
	return rc;
}

static int next_windows(struct promql_cursor *c, struct promql_windows *out, struct err *e)
{
	struct flagged *f = c->flagged;
	struct series_windows in;
	int rc;

	if (f != NULL) {
		if (f->at == f->n)
			return 0;
		*out = (struct promql_windows){.labels = f->labels[f->at++], .w = &f->w, .n = 1};
		return 1;
	}
	rc = series_next_windows(c->c, &in, e);
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

/* ---- the storage ---- */

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

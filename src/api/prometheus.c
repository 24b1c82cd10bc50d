/*
 * Prometheus' HTTP API, so that Grafana and promtool work as they are:
 * https://prometheus.io/docs/prometheus/latest/querying/api/
 *
 * Queries run in an arena of their own, whose budget is their memory limit, and under a deadline.
 */
#include "api/prometheus_int.h"
#include "base/num.h"
#include "city/rule.h"
#include "city/selector.h"
#include "ingest/ingest.h"

#include <ctype.h>
#include <math.h>
#include <unistd.h>

#define QUERY_MEMORY (512u << 20)
#define QUERY_TIME (60 * US_SECOND)
#define STEPS_MOST 11000
#define SERIES_MOST 100000
#define CREW_FROM_VALUES 50000
#define FOLLOWED "3.0.0" /* the version whose API this is */

/* ---- parameters ---- */

int prom__bad_parameter(struct err *e, const char *name, const char *fmt, ...)
{
	char words[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	err_set(e, ERR_INVALID, "invalid parameter \"%s\": %s", name, words);
	return err_at(e, NULL, 0, 0, name);
}

/* Seconds with a fraction, or RFC 3339; to the millisecond, as Prometheus counts. */
static bool parse_time(const char *s, time_us *out)
{
	double seconds;

	if (num_double(str_of(s), false, &seconds)) {
		if (fabs(seconds) > 9.2e12)
			return false;
		*out = (time_us)llround(seconds * 1000) * US_MS;
		return true;
	}
	return time_parse(str_of(s), NULL, out);
}

int prom__time(struct call *c, const char *name, time_us dflt, time_us *out, struct err *e)
{
	const char *s = form_get(c->form, name);

	*out = dflt;
	if (s == NULL || *s == '\0')
		return dflt != TIME_NONE
		               ? 0
		               : prom__bad_parameter(e, name, "cannot parse \"\" to a valid timestamp");
	if (parse_time(s, out))
		return 0;
	/* Prometheus has other words for one that may be left out. */
	if (dflt != TIME_NONE)
		return prom__bad_parameter(e, name,
		        "Invalid time value for '%s': cannot parse \"%.80s\" to a valid timestamp", name, s);
	return prom__bad_parameter(e, name, "cannot parse \"%.80s\" to a valid timestamp", s);
}

static int get_duration(struct call *c, const char *name, dur_us dflt, dur_us *out, struct err *e)
{
	const char *s = form_get(c->form, name);
	double seconds;

	*out = dflt;
	if ((s == NULL || *s == '\0') && dflt >= 0)
		return 0;
	if (s != NULL && num_double(str_of(s), false, &seconds) && fabs(seconds) < 9.2e12) {
		*out = (dur_us)llround(seconds * 1000) * US_MS;
		return 0;
	}
	if (s != NULL && dur_parse(str_of(s), out))
		return 0;
	return prom__bad_parameter(e, name, "cannot parse \"%.80s\" to a valid duration", s != NULL ? s : "");
}

static int get_limit(struct call *c, size_t *out, struct err *e)
{
	const char *s = form_get(c->form, "limit");
	int64_t n = 0;

	*out = 0;
	if (s == NULL || *s == '\0')
		return 0;
	if (!num_int(str_of(s), &n) || n < 0)
		return prom__bad_parameter(e, "limit", "limit must be non-negative");
	*out = (size_t)n;
	return 0;
}

static int parse_error(const char *name, struct err *e)
{
	char words[512];

	if (e->code != ERR_INVALID)
		return e->code;
	snprintf(words, sizeof(words), "%s", e->text);
	if (strcmp(name, "match[]") == 0 &&
	        strstr(words, "must contain at least one non-empty matcher") != NULL)
		return err_set(e, ERR_INVALID,
		        "invalid parameter \"%s\": match[] must contain at least one non-empty matcher",
		        name);
	if (e->column > 0)
		return err_set(e, ERR_INVALID, "invalid parameter \"%s\": %d:%d: parse error: %s", name,
		        e->line, e->column, words);
	return err_set(e, ERR_INVALID, "invalid parameter \"%s\": parse error: %s", name, words);
}

/* ---- answers ---- */

void prom__begin(struct call *c)
{
	jw_object(&c->w);
	jw_kstr(&c->w, "status", "success");
	jw_key(&c->w, "data");
}

static void write_strings(struct jw *w, const char *key, const struct str *s, size_t n, const char *more)
{
	if (n == 0 && more == NULL)
		return;
	jw_key(w, key);
	jw_array(w);
	for (size_t i = 0; i < n; i++)
		jw_str(w, s[i]);
	if (more != NULL)
		jw_cstr(w, more);
	jw_array_end(w);
}

struct query {
	struct arena *a;
	struct promql_storage storage;
	struct promql_options o;
	struct promql_expr *x;
	struct deadline deadline;
	time_us from, to;
	dur_us step;
	size_t limit;
	dur_us asked, begun; /* of the monotonic clock */
};

/* What `stats` asks for. There is one clock for all of a query, and one count of its samples. */
static void write_stats(struct jw *w, const struct promql_result *r, dur_us waited, dur_us took)
{
	jw_key(w, "stats");
	jw_object(w);
	jw_key(w, "timings");
	jw_object(w);
	jw_kdouble(w, "evalTotalTime", (double)took / 1e6);
	jw_kdouble(w, "resultSortTime", 0);
	jw_kdouble(w, "queryPreparationTime", (double)waited / 1e6);
	jw_kdouble(w, "innerEvalTime", (double)took / 1e6);
	jw_kdouble(w, "execQueueTime", 0);
	jw_kdouble(w, "execTotalTime", (double)(waited + took) / 1e6);
	jw_object_end(w);
	jw_key(w, "samples");
	jw_object(w);
	jw_kint(w, "totalQueryableSamples", (int64_t)r->samples);
	jw_kint(w, "peakSamples", (int64_t)r->samples);
	jw_object_end(w);
	jw_object_end(w);
}

/* Fewer are written before another processor has woken up. */
static struct crew *crew_for(const struct query *q, const struct promql_line *l, size_t n)
{
	size_t values = 0;

	for (size_t i = 0; i < n; i++)
		values += l[i].n;
	return values >= CREW_FROM_VALUES ? q->o.limits.crew : NULL;
}

static void write_result(struct call *c, const struct query *q, const struct promql_result *r)
{
	static const char *const names[] = {[PROMQL_SCALAR] = "scalar",
	        [PROMQL_STRING] = "string",
	        [PROMQL_VECTOR] = "vector",
	        [PROMQL_MATRIX] = "matrix"};
	const char *stats = form_get(c->form, "stats");
	size_t n = q->limit > 0 && q->limit < r->n ? q->limit : r->n;
	struct jw *w = &c->w;

	prom__begin(c);
	jw_object(w);
	jw_kstr(w, "resultType", names[r->type]);
	jw_key(w, "result");
	if (r->type == PROMQL_SCALAR) {
		prom__pair(w, r->t, r->scalar);
	} else if (r->type == PROMQL_STRING) {
		jw_array(w);
		prom__at(w, r->t);
		jw_str(w, r->string);
		jw_array_end(w);
	} else {
		jw_array(w);
		if (r->type == PROMQL_VECTOR)
			prom__samples(w, r->sample, n);
		else
			prom__lines(w, r->line, n, crew_for(q, r->line, n));
		jw_array_end(w);
	}
	if (stats != NULL && *stats != '\0')
		write_stats(w, r, q->begun - q->asked, clock_monotonic() - q->begun);
	jw_object_end(w);
	write_strings(
	        w, "warnings", r->warning, r->warnings, n < r->n ? "results truncated due to limit" : NULL);
	write_strings(w, "infos", r->info, r->infos, NULL);
	jw_object_end(w);
}

/* ---- queries ---- */

/* Nobody where more than two want each processor already: who helps would then only be waited for. */
static struct crew *query_crew(const struct api_server *s)
{
	double load;

	return getloadavg(&load, 1) == 1 && load > 2.0 * s->processors ? NULL : s->crew;
}

static int query_begin(struct call *c, struct query *q, struct err *e)
{
	const char *text = form_get(c->form, "query");
	dur_us timeout = 0;
	int rc = get_limit(c, &q->limit, e);

	q->asked = clock_monotonic();
	if (rc == 0)
		rc = get_duration(c, "timeout", QUERY_TIME, &timeout, e);
	if (rc == 0)
		rc = get_duration(c, "lookback_delta", 0, &q->o.lookback, e);
	if (rc < 0)
		return rc;
	if (timeout <= 0)
		return err_set(e, ERR_TIMEOUT, "query timed out in query execution");
	if (timeout > QUERY_TIME)
		timeout = QUERY_TIME;
	rc = promql_parse(q->a, str_of(text != NULL ? text : ""), &q->x, e);
	if (rc < 0)
		return parse_error("query", e);
	rc = site_promql_scope(c->site, q->a, q->x, &c->who, e);
	if (rc < 0)
		return rc;
	q->storage = site_promql(c->site);
	q->o.storage = &q->storage;
	q->o.limits.cancel = &q->deadline.raised;
	q->o.limits.crew = query_crew(c->s);
	deadline_begin(c->s->deadlines, &q->deadline, timeout);
	q->begun = clock_monotonic();
	return 0;
}

static int query_end(struct call *c, struct query *q, int rc, const struct promql_result *r, struct err *e)
{
	bool late;

	deadline_end(c->s->deadlines, &q->deadline);
	late = q->deadline.raised;
	if (rc == 0)
		write_result(c, q, r);
	else if (late && (rc == ERR_CANCELLED || rc == ERR_TIMEOUT))
		rc = err_set(e, ERR_TIMEOUT, "query timed out in query execution");
	return rc;
}

int prom_query(struct call *c, struct err *e)
{
	struct query q = {.a = arena_new(QUERY_MEMORY)};
	struct promql_result r = {0};
	time_us t;
	int rc = prom__time(c, "time", clock_now(c->site->clock), &t, e);

	if (rc == 0)
		rc = query_begin(c, &q, e);
	if (rc == 0) {
		rc = promql_instant(q.x, &q.o, t, q.a, &r, e);
		rc = query_end(c, &q, rc, &r, e);
	}
	arena_free(&q.a);
	return rc;
}

static int get_range(struct call *c, struct query *q, struct err *e)
{
	int rc = prom__time(c, "start", TIME_NONE, &q->from, e);

	if (rc == 0)
		rc = prom__time(c, "end", TIME_NONE, &q->to, e);
	if (rc == 0 && q->to < q->from)
		rc = prom__bad_parameter(e, "end", "end timestamp must not be before start time");
	if (rc == 0)
		rc = get_duration(c, "step", -1, &q->step, e);
	if (rc == 0 && q->step <= 0)
		rc = prom__bad_parameter(e, "step",
		        "zero or negative query resolution step widths are not accepted. Try a positive "
		        "integer");
	if (rc == 0 && (q->to - q->from) / q->step > STEPS_MOST)
		rc = err_set(e, ERR_INVALID,
		        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the "
		        "query resolution (?step=XX)");
	return rc;
}

int prom_query_range(struct call *c, struct err *e)
{
	struct query q = {.a = arena_new(QUERY_MEMORY)};
	struct promql_result r = {0};
	int rc = get_range(c, &q, e);

	if (rc == 0)
		rc = query_begin(c, &q, e);
	if (rc == 0) {
		rc = promql_range(q.x, &q.o, q.from, q.to, q.step, q.a, &r, e);
		rc = query_end(c, &q, rc, &r, e);
	}
	arena_free(&q.a);
	return rc;
}

int prom_format(struct call *c, struct err *e)
{
	const char *text = form_get(c->form, "query");
	struct promql_expr *x = NULL;
	struct sb b = SB_INIT;

	if (promql_parse(c->a, str_of(text != NULL ? text : ""), &x, e) < 0)
		return parse_error("query", e);
	promql_format_pretty(x, &b);
	prom__begin(c);
	jw_str(&c->w, sb_str(&b));
	jw_object_end(&c->w);
	sb_fini(&b);
	return 0;
}

/* ---- series and labels ---- */

struct found { /* distinct label sets */
	struct series_latest_row *row;
	size_t n, cap;
	size_t *slot; /* 1 + index into row; 0: free */
	size_t slots;
};

static void found_put(struct arena *a, struct found *f, const struct series_latest_row *row)
{
	size_t i;

	if (2 * (f->n + 1) > f->slots) {
		size_t slots = f->slots > 0 ? 2 * f->slots : 256;
		size_t *slot = arena_array(a, slots, sizeof(*slot));

		for (size_t k = 0; k < f->n; k++) {
			i = labels_hash(&f->row[k].labels) & (slots - 1);
			while (slot[i] != 0)
				i = (i + 1) & (slots - 1);
			slot[i] = k + 1;
		}
		f->slot = slot;
		f->slots = slots;
	}
	i = labels_hash(&row->labels) & (f->slots - 1);
	while (f->slot[i] != 0) {
		if (labels_equal(&f->row[f->slot[i] - 1].labels, &row->labels))
			return;
		i = (i + 1) & (f->slots - 1);
	}
	f->slot[i] = f->n + 1;
	f->row = arena_grow(a, f->row, &f->cap, f->n + 1, sizeof(*f->row));
	f->row[f->n++] = *row;
}

int prom__selector(
        struct call *c, const char *text, bool scoped, const struct matcher **m, int *n, struct err *e)
{
	struct series_selector x;
	int rc = selector_parse(c->a, str_of(text), &x, e);

	if (rc < 0)
		return parse_error("match[]", e);
	if (scoped)
		rc = selector_scope(c->site, c->a, &x, &c->who, e);
	*m = x.m;
	*n = x.n;
	return rc;
}

/* Series with a reading from `from` to `to`, found by looking: their newest reading is later. */
static int read_series(struct call *c, const struct matcher *m, int n, time_us from, time_us to,
        struct found *f, struct err *e)
{
	struct promql_storage storage = site_promql(c->site);
	struct promql_cursor *cursor = NULL;
	struct promql_series in;
	int rc = storage.open(storage.ctx, m, n, from, to, c->a, &cursor, e);

	if (rc < 0)
		return rc;
	while ((rc = storage.next(cursor, &in, e)) == 1) {
		const struct series_latest_row row = {.labels = in.labels};

		if (in.n > 0)
			found_put(c->a, f, &row);
	}
	storage.close(cursor);
	return rc;
}

static int get_span(struct call *c, time_us *start, time_us *end, struct err *e)
{
	int rc = prom__time(c, "start", INT64_MIN + 1, start, e);

	return rc == 0 ? prom__time(c, "end", INT64_MAX, end, e) : rc;
}

int prom_exemplars(struct call *c, struct err *e)
{
	const char *text = form_get(c->form, "query");
	struct promql_expr *x = NULL;
	time_us start = 0, end = 0;
	int rc = get_span(c, &start, &end, e);

	if (rc < 0)
		return rc;
	if (end < start) /* in Prometheus' words, which name no parameter here */
		return err_set(e, ERR_INVALID, "end timestamp must not be before start timestamp");
	if (promql_parse(c->a, str_of(text != NULL ? text : ""), &x, e) < 0)
		return parse_error("query", e);
	prom__begin(c);
	jw_array(&c->w);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

/* Series of all match[] that have a reading from `start` to `end`. */
static int find_series(struct call *c, const char **match, struct found *f, struct err *e)
{
	time_us start, end;
	int rc = get_span(c, &start, &end, e);

	for (; rc == 0 && *match != NULL; match++) {
		struct series_latest_row *row = NULL;
		const struct matcher *m = NULL;
		size_t rows = 0;
		bool later = false;
		int n = 0;

		rc = prom__selector(c, *match, true, &m, &n, e);
		if (rc == 0)
			rc = series_list(c->site->series, m, n, SERIES_MOST, c->a, &row, &rows, e);
		for (size_t i = 0; rc == 0 && i < rows; i++) {
			if (row[i].t == TIME_NONE || row[i].t < start)
				continue;
			if (row[i].t <= end)
				found_put(c->a, f, &row[i]);
			else
				later = true;
		}
		/* Those that went on after `end` may have been there before it, or not. */
		if (rc == 0 && later && start <= end)
			rc = read_series(c, m, n, start, end, f, e);
	}
	return rc;
}

static int by_labels(const void *a, const void *b)
{
	const struct series_latest_row *x = a, *y = b;

	return labels_cmp(&x->labels, &y->labels);
}

int prom_series(struct call *c, struct err *e)
{
	const char **match = form_all(c->form, c->a, "match[]");
	struct found f = {0};
	size_t limit, n;
	int rc = get_limit(c, &limit, e);

	if (rc == 0 && *match == NULL)
		rc = err_set(e, ERR_INVALID, "no match[] parameter provided");
	if (rc == 0)
		rc = find_series(c, match, &f, e);
	if (rc < 0)
		return rc;
	n = limit > 0 && limit < f.n ? limit : f.n;
	if (f.n > 0)
		qsort(f.row, f.n, sizeof(*f.row), by_labels);
	prom__begin(c);
	jw_array(&c->w);
	for (size_t i = 0; i < n; i++)
		prom__labels(&c->w, &f.row[i].labels);
	jw_array_end(&c->w);
	write_strings(&c->w, "warnings", NULL, 0, n < f.n ? "results truncated due to limit" : NULL);
	jw_object_end(&c->w);
	return 0;
}

struct words { /* sorted and distinct after words_finish */
	struct str *p;
	size_t n, cap;
};

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void words_finish(struct words *x)
{
	size_t n = 0;

	if (x->n > 0)
		qsort(x->p, x->n, sizeof(*x->p), by_bytes);
	for (size_t i = 0; i < x->n; i++)
		if (n == 0 || !str_eq(x->p[n - 1], x->p[i]))
			x->p[n++] = x->p[i];
	x->n = n;
}

static void write_words(struct call *c, const struct str *s, size_t all, size_t limit)
{
	size_t n = limit > 0 && limit < all ? limit : all;

	prom__begin(c);
	jw_array(&c->w);
	for (size_t i = 0; i < n; i++)
		jw_str(&c->w, s[i]);
	jw_array_end(&c->w);
	write_strings(&c->w, "warnings", NULL, 0, n < all ? "results truncated due to limit" : NULL);
	jw_object_end(&c->w);
}

/* name NULL: the names of labels, else the values of that one. */
static int list_words(struct call *c, const char *name, struct err *e)
{
	static const char *any[] = {"{__name__=~\".+\"}", NULL};
	const char **match = form_all(c->form, c->a, "match[]");
	struct words out = {0};
	struct found f = {0};
	struct str *all = NULL;
	size_t limit, n = 0;
	time_us start = 0, end = 0;
	int rc = get_limit(c, &limit, e);

	if (rc == 0)
		rc = get_span(c, &start, &end, e);
	if (rc == 0 && *match == NULL && start <= end && site_promql_sees_all(c->site, &c->who)) {
		rc = name != NULL ? series_label_values(c->site->series, name, c->a, &all, &n, e)
		                  : series_label_names(c->site->series, c->a, &all, &n, e);
		if (rc == 0)
			write_words(c, all, n, limit);
		return rc;
	}
	if (rc == 0)
		rc = find_series(c, *match != NULL ? match : any, &f, e);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < f.n; i++) {
		const struct labels *ls = &f.row[i].labels;

		for (int k = 0; k < ls->n; k++) {
			if (name != NULL && !str_is(ls->l[k].name, name))
				continue;
			out.p = arena_grow(c->a, out.p, &out.cap, out.n + 1, sizeof(*out.p));
			if (out.p == NULL)
				return err_set(e, ERR_NOMEM, "too many labels; narrow match[]");
			out.p[out.n++] = name != NULL ? ls->l[k].value : ls->l[k].name;
		}
	}
	words_finish(&out);
	write_words(c, out.p, out.n, limit);
	return 0;
}

int prom_labels(struct call *c, struct err *e)
{
	return list_words(c, NULL, e);
}

/*
 * A name that is no plain one may come as U__ with each odd sign as its number between underscores and an
 * underscore as two: U__a_2e_b is a.b. What is not written so is taken as it is.
 */
static const char *label_unescaped(struct arena *a, const char *name)
{
	char *out = arena_strdup(a, name);
	size_t n = 0;

	if (out == NULL || strncmp(name, "U__", 3) != 0)
		return name;
	for (const char *s = name + 3; *s != '\0';) {
		uint32_t v = 0;
		int digits = 0;

		if (*s != '_') {
			out[n++] = *s++;
			continue;
		}
		if (*++s == '_') {
			out[n++] = *s++;
			continue;
		}
		for (; digits < 6 && isxdigit((unsigned char)*s); digits++, s++)
			v = v * 16 + (uint32_t)(*s <= '9' ? *s - '0' : (*s | 32) - 'a' + 10);
		if (digits == 0 || *s++ != '_' || v == 0 || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
			return name;
		n += utf8_encode(v, out + n);
	}
	out[n] = '\0';
	return out;
}

int prom_values(struct call *c, struct err *e)
{
	const char *name = label_unescaped(c->a, call_param(c, 0));

	if (*name == '\0' || !utf8_valid(str_of(name)))
		return err_set(e, ERR_INVALID, "invalid label name: \"%.120s\"", name);
	return list_words(c, name, e);
}

static void put_metadata(struct jw *w, const char *metric, const char *type, struct str help, struct str unit)
{
	jw_key(w, metric);
	jw_array(w);
	jw_object(w);
	jw_kstr(w, "type", type);
	jw_key(w, "help");
	jw_str(w, help);
	jw_key(w, "unit");
	jw_str(w, unit);
	jw_object_end(w);
	jw_array_end(w);
}

static bool listed(const char *const *list, size_t n, struct str metric)
{
	for (size_t i = 0; i < n; i++)
		if (str_is(metric, list[i]))
			return true;
	return false;
}

/* What senders of remote write said. Of no kind, and so for those alone who see everything. */
static void put_said(struct call *c, const char *metric, const char *const *done, size_t n, size_t limit)
{
	struct prompb_metadata *said = NULL;
	size_t all;

	if (c->s->ingest == NULL || !site_promql_sees_all(c->site, &c->who))
		return;
	all = ingest_metric_words(c->s->ingest, c->a, &said);
	for (size_t i = 0, put = n; i < all && (limit == 0 || put < limit); i++) {
		const struct prompb_metadata *m = &said[i];

		if ((metric != NULL && *metric != '\0' && !str_is(m->metric, metric)) ||
		        listed(done, n, m->metric))
			continue;
		put_metadata(&c->w, arena_strndup(c->a, m->metric.p, m->metric.n), prompb_type_name(m->type),
		        m->help, m->unit);
		put++;
	}
}

int prom_metadata(struct call *c, struct err *e)
{
	const struct catalog *k = c->site->catalog;
	const char *metric = form_get(c->form, "metric"), **done;
	const char *most = form_get(c->form, "limit");
	int64_t limit_given = 0;
	size_t limit, n = 0, cap = 0;
	struct jw *w = &c->w;

	/* Here a negative one is none. */
	if (most != NULL && *most != '\0' && !num_int(str_of(most), &limit_given))
		return err_set(e, ERR_INVALID, "limit must be a number");
	limit = limit_given > 0 ? (size_t)limit_given : 0;
	/* Of each metric one thing is known: there is nothing for limit_per_metric to leave out. */
	done = NULL;
	prom__begin(c);
	jw_object(w);
	for (int i = 0; i < k->kinds; i++) {
		for (int q = 0; q < k->kind[i].quantities && k->kind[i].secrecy <= c->who.scope.clearance;
		        q++) {
			const struct quantity *x = &k->kind[i].quantity[q];

			if ((limit > 0 && n >= limit) || listed(done, n, str_of(x->metric)) ||
			        (metric != NULL && *metric != '\0' && strcmp(metric, x->metric) != 0))
				continue;
			done = arena_grow(c->a, done, &cap, n + 1, sizeof(*done));
			done[n++] = x->metric;
			put_metadata(w, x->metric, "gauge",
			        str_of(*x->name_en != '\0' ? x->name_en : x->name), str_of(x->unit));
		}
	}
	put_said(c, metric, done, n, limit);
	jw_object_end(w);
	jw_object_end(w);
	return 0;
}

int prom_buildinfo(struct call *c, struct err *e)
{
	struct jw *w = &c->w;

	(void)e;
	prom__begin(c);
	jw_object(w);
	jw_kstr(w, "version", FOLLOWED);
	jw_kstr(w, "revision", arena_printf(c->a, "heming-%s", c->s->version));
	jw_kstr(w, "branch", "");
	jw_kstr(w, "buildUser", "");
	jw_kstr(w, "buildDate", "");
	jw_kstr(w, "goVersion", "");
	jw_object_end(w);
	jw_object_end(w);
	return 0;
}

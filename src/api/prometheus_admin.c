/*
 * What administers Prometheus' store, as far as it means something here: /status/tsdb, and the admin API's
 * delete_series and snapshot. https://prometheus.io/docs/prometheus/latest/querying/api/#tsdb-admin-apis
 */
#include "api/prometheus_int.h"
#include "api/series_view.h"
#include "base/file.h"
#include "base/num.h"
#include "city/retention.h"
#include "city/rule.h"
#include "city/selector.h"

#define VIEW_MEMORY ((size_t)1 << 30)
#define VIEW_MOST 1000000

/* ---- all that a reader sees ---- */

struct pair {
	struct str name, value;
	size_t n;
};
struct pairs { /* distinct; slot: 1 + index, 0 free */
	struct arena *a;
	struct pair *p;
	size_t n, cap, *slot, slots;
};

static void pairs_grow(struct pairs *x)
{
	size_t slots = x->slots > 0 ? 2 * x->slots : 1024;
	size_t *slot = arena_array(x->a, slots, sizeof(*slot));

	for (size_t k = 0; k < x->n; k++) {
		size_t i =
		        hash64(x->p[k].value.p, x->p[k].value.n, hash64(x->p[k].name.p, x->p[k].name.n, 0)) &
		        (slots - 1);

		while (slot[i] != 0)
			i = (i + 1) & (slots - 1);
		slot[i] = k + 1;
	}
	x->slot = slot;
	x->slots = slots;
}

static struct pair *pairs_at(struct pairs *x, struct str name, struct str value)
{
	size_t i;

	if (2 * (x->n + 1) > x->slots)
		pairs_grow(x);
	i = hash64(value.p, value.n, hash64(name.p, name.n, 0)) & (x->slots - 1);
	for (; x->slot[i] != 0; i = (i + 1) & (x->slots - 1)) {
		struct pair *p = &x->p[x->slot[i] - 1];

		if (str_eq(p->value, value) && str_eq(p->name, name))
			return p;
	}
	x->p = arena_grow(x->a, x->p, &x->cap, x->n + 1, sizeof(*x->p));
	x->slot[i] = x->n + 1;
	x->p[x->n] = (struct pair){name, value, 0};
	return &x->p[x->n++];
}

static struct str value_of(const struct labels *ls, const char *name)
{
	for (int i = 0; i < ls->n; i++)
		if (str_is(ls->l[i].name, name))
			return ls->l[i].value;
	return STR_LIT("");
}

static int by_number(const void *a, const void *b)
{
	const struct pair *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? 1 : -1;
	return str_cmp(x->name, y->name) != 0 ? str_cmp(x->name, y->name) : str_cmp(x->value, y->value);
}

static int by_series(const void *a, const void *b)
{
	const struct series_metric *x = a, *y = b;

	return x->n != y->n ? (x->n < y->n ? 1 : -1) : str_cmp(x->name, y->name);
}

static void count_metrics(struct series_view_of_all *v)
{
	struct pairs names = {.a = v->a};
	size_t cap = 0;

	for (size_t i = 0; i < v->rows; i++) {
		struct str name = value_of(&v->row[i].labels, LABEL_NAME);
		struct pair *p = pairs_at(&names, STR_LIT(""), name);
		struct series_metric *m;

		if (p->n == 0) { /* its place among the metrics, from 1 */
			v->metric = arena_grow(v->a, v->metric, &cap, v->metrics + 1, sizeof(*v->metric));
			v->metric[v->metrics++] = (struct series_metric){.name = name, .newest = TIME_NONE};
			p->n = v->metrics;
		}
		m = &v->metric[p->n - 1];
		m->n++;
		if (v->row[i].t != TIME_NONE && (m->newest == TIME_NONE || v->row[i].t > m->newest))
			m->newest = v->row[i].t;
	}
	if (v->metrics > 0)
		qsort(v->metric, v->metrics, sizeof(*v->metric), by_series);
}

int series_view_open(struct call *c, struct series_view_of_all *out, struct err *e)
{
	struct series_selector s;
	int rc;

	*out = (struct series_view_of_all){.a = arena_new(VIEW_MEMORY)};
	rc = selector_parse(out->a, STR_LIT("{__name__=~\".+\"}"), &s, e);
	if (rc == 0)
		rc = selector_scope(c->site, out->a, &s, &c->who, e);
	if (rc == 0)
		rc = series_list(c->site->series, s.m, s.n, VIEW_MOST + 1, out->a, &out->row, &out->rows, e);
	if (rc == 0 && out->rows > VIEW_MOST)
		rc = err_set(e, ERR_TOOBIG, "there are more than a million series; ask by match[] instead");
	if (rc == 0)
		count_metrics(out);
	return rc;
}

void series_view_close(struct series_view_of_all *v)
{
	arena_free(&v->a);
}

/* ---- /status/tsdb ---- */

struct top {
	struct pair *p;
	size_t n;
};

static void write_top(struct jw *w, const char *key, struct top x, size_t limit, struct arena *a)
{
	if (x.n > 0)
		qsort(x.p, x.n, sizeof(*x.p), by_number);
	jw_key(w, key);
	jw_array(w);
	for (size_t i = 0; i < x.n && i < limit; i++) {
		jw_object(w);
		jw_kstr(w, "name",
		        x.p[i].value.n == 0 ? arena_strndup(a, x.p[i].name.p, x.p[i].name.n)
		                            : arena_printf(a, STR_FMT "=" STR_FMT, STR_ARG(x.p[i].name),
		                                      STR_ARG(x.p[i].value)));
		jw_kint(w, "value", (int64_t)x.p[i].n);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void write_head(struct jw *w, const struct series_view_of_all *v, const struct pairs *labels)
{
	time_us least = TIME_NONE, most = TIME_NONE;
	int64_t open = 0;

	for (size_t i = 0; i < v->rows; i++) {
		time_us t = v->row[i].t;

		if (t == TIME_NONE)
			continue;
		open++;
		least = least == TIME_NONE || t < least ? t : least;
		most = most == TIME_NONE || t > most ? t : most;
	}
	jw_key(w, "headStats");
	jw_object(w);
	jw_kint(w, "numSeries", (int64_t)v->rows);
	jw_kint(w, "numLabelPairs", (int64_t)labels->n);
	jw_kint(w, "chunkCount", open);
	jw_kint(w, "minTime", least == TIME_NONE ? 0 : least / US_MS);
	jw_kint(w, "maxTime", most == TIME_NONE ? 0 : most / US_MS);
	jw_object_end(w);
}

static int get_limit(struct call *c, int64_t *out, struct err *e)
{
	const char *text = form_get(c->form, "limit");

	*out = 10;
	if (text == NULL || *text == '\0')
		return 0;
	if (!num_int(str_of(text), out) || *out < 1 || *out > 10000)
		return prom__bad_parameter(e, "limit", "limit must be a positive number");
	return 0;
}

int prom_tsdb(struct call *c, struct err *e)
{
	struct series_view_of_all v = {0};
	int64_t limit;
	int rc = get_limit(c, &limit, e);

	if (rc == 0)
		rc = series_view_open(c, &v, e);
	if (rc == 0) {
		struct pairs labels = {.a = v.a}, values = {.a = v.a}, bytes = {.a = v.a},
		             metrics = {.a = v.a};
		struct jw *w = &c->w;

		for (size_t i = 0; i < v.rows; i++)
			for (int k = 0; k < v.row[i].labels.n; k++)
				pairs_at(&labels, v.row[i].labels.l[k].name, v.row[i].labels.l[k].value)->n++;
		for (size_t i = 0; i < labels.n; i++) {
			pairs_at(&values, labels.p[i].name, STR_LIT(""))->n++;
			pairs_at(&bytes, labels.p[i].name, STR_LIT(""))->n +=
			        labels.p[i].n * labels.p[i].value.n;
		}
		for (size_t i = 0; i < v.metrics; i++)
			pairs_at(&metrics, v.metric[i].name, STR_LIT(""))->n = v.metric[i].n;
		prom__begin(c);
		jw_object(w);
		write_head(w, &v, &labels);
		write_top(
		        w, "seriesCountByMetricName", (struct top){metrics.p, metrics.n}, (size_t)limit, v.a);
		write_top(w, "labelValueCountByLabelName", (struct top){values.p, values.n}, (size_t)limit,
		        v.a);
		write_top(w, "memoryInBytesByLabelName", (struct top){bytes.p, bytes.n}, (size_t)limit, v.a);
		write_top(w, "seriesCountByLabelValuePair", (struct top){labels.p, labels.n}, (size_t)limit,
		        v.a);
		jw_object_end(w);
		jw_object_end(w);
	}
	series_view_close(&v);
	return rc;
}

/* ---- delete_series ---- */

/* Readings are gone when this answers, as with Prometheus, unless somebody else must agree first. */
static int carry_out(struct call *c, int64_t id, struct err *e)
{
	struct removal r;
	int rc = removal_confirm(c->site, id, &c->who, e);

	if (rc == 0)
		retention_finish(c->site);
	if (rc == 0)
		rc = call_read(c, e);
	if (rc == 0)
		rc = removal_get(c->site, c->tx, c->a, &c->who, id, &r, e);
	if (rc == 0 && strcmp(r.state, "failed") == 0)
		rc = err_set(e, ERR_UNAVAILABLE, "%s", r.why);
	if (rc == 0 && strcmp(r.state, "stopped") == 0)
		rc = err_set(e, ERR_UNAVAILABLE, "the deletion was stopped; what was gone by then is gone");
	return rc;
}

int prom_delete_series(struct call *c, struct err *e)
{
	const char *reason = form_get(c->form, "reason");
	struct removal_in in = {.selector = form_all(c->form, c->a, "match[]"),
	        .reason = reason != NULL && *reason != '\0' ? reason : "delete_series"};
	struct removal r;
	int rc = 0;

	if (*in.selector == NULL)
		return err_set(e, ERR_INVALID, "no match[] parameter provided");
	rc = prom__time(c, "start", INT64_MIN + 1, &in.since, e);
	if (rc == 0)
		rc = prom__time(c, "end", INT64_MAX, &in.until, e);
	if (rc < 0)
		return rc;
	in.since = in.since == INT64_MIN + 1 ? TIME_NONE : in.since;
	in.until = in.until == INT64_MAX ? TIME_NONE : in.until;
	rc = series_ask(c, &in, &r, e);
	if (rc == ERR_NOTFOUND) { /* nothing to be done, which is no failure there */
		*e = (struct err)ERR_INIT;
		return 0;
	}
	if (rc == 0 && c->site->accounts.four_eyes)
		c->status = 202;
	else if (rc == 0)
		rc = carry_out(c, r.id, e);
	return rc;
}

/* ---- snapshot ---- */

struct taken {
	const char *dir, *by;
};

static int journal(struct store_tx *tx, void *arg, struct err *e)
{
	const struct taken *t = arg;

	return retention_journal_snapshot(tx, t->dir, t->by, e);
}

int prom_snapshot(struct call *c, struct err *e)
{
	struct civil t;
	struct taken taken = {.by = c->who.login};
	struct running run;
	const char *name;
	int rc;

	if (!site_promql_sees_all(c->site, &c->who))
		return err_set(e, ERR_DENIED, "only who sees all readings may copy them");
	civil_from_utc(clock_now(c->site->clock), &t);
	name = arena_printf(c->a, "%04d%02d%02dT%02d%02d%02dZ-%016llx", t.year, t.month, t.day, t.hour,
	        t.minute, t.second, (unsigned long long)store_new_id(c->site->store));
	taken.dir = path_join(c->a, path_join(c->a, c->site->dir, "snapshots"), name);
	runs_begin(&c->site->runs, &run, RUNNING_SNAPSHOT);
	rc = series_snapshot(c->site->series, taken.dir, &run.stop, e);
	runs_end(&c->site->runs, &run);
	if (rc == 0)
		rc = store_write(c->site->store, "a snapshot", journal, &taken, e);
	if (rc < 0)
		return rc;
	prom__begin(c);
	jw_object(&c->w);
	jw_kstr(&c->w, "name", name);
	jw_object_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

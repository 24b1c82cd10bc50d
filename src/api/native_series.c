/* The readings as a whole: what they take, how long they are kept, and deletions of them. For administrators.
 */
#include "api/api_int.h"
#include "api/series_view.h"
#include "base/file.h"
#include "city/removal.h"
#include "city/retention.h"
#include "city/rule.h"

#define METRICS_MOST 200

/* ---- spans ---- */

static void write_span(struct jw *w, const char *key, dur_us d)
{
	char text[32];

	jw_kstr(w, key, d == 0 ? "" : d == SERIES_FOREVER ? "forever" : dur_format(d, text));
}

static void write_class(struct jw *w, const struct retention_row *row)
{
	const struct retention_class *c = row->class;

	jw_kstr(w, "code", c != NULL ? c->code : "");
	jw_kstr(w, "name", c != NULL ? c->name : "");
	jw_kstr(w, "name_en", c != NULL ? c->name_en : "");
	jw_kstr(w, "pack", c != NULL ? c->pack : "");
	jw_kstr(w, "match", c != NULL ? c->match : "");
	write_span(w, "readings", row->rule.keep);
	write_span(w, "five_minutes", row->rule.five);
	write_span(w, "hours", row->rule.hour);
}

/* ---- what there is ---- */

static void write_size(struct call *c, bool all)
{
	struct series_stats st = {0};
	struct jw *w = &c->w;

	if (all)
		series_stats(c->site->series, &st);
	jw_kbool(w, "all", all);
#define PUT(key, value)                                                                                      \
	do {                                                                                                 \
		jw_key(w, key);                                                                              \
		if (all)                                                                                     \
			jw_int(w, (int64_t)(value));                                                         \
		else                                                                                         \
			jw_null(w);                                                                          \
	} while (0)
	PUT("blocks", st.blocks);
	PUT("block_bytes", st.block_bytes);
	PUT("log_bytes", st.log_bytes);
	PUT("in_memory", st.points_head);
	PUT("quarantined", st.quarantined);
	PUT("free_bytes", file_free_b(c->site->dir));
#undef PUT
}

static void write_metrics(struct jw *w, const struct series_view_of_all *v)
{
	jw_key(w, "metrics");
	jw_array(w);
	for (size_t i = 0; i < v->metrics && i < METRICS_MOST; i++) {
		jw_object(w);
		jw_key(w, "name");
		jw_str(w, v->metric[i].name);
		jw_kint(w, "series", (int64_t)v->metric[i].n);
		jw_ktime(w, "newest", v->metric[i].newest);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_kbool(w, "more", v->metrics > METRICS_MOST);
}

static void write_classes(struct call *c, const struct series_view_of_all *v)
{
	struct jw *w = &c->w;
	int n;
	struct retention_row *row = retention_classes(c->site, c->a, &n);
	int64_t *count = arena_array(c->a, (size_t)n, sizeof(*count));
	int64_t *taken = arena_array(c->a, (size_t)n, sizeof(*taken));

	for (size_t i = 0; i < v->rows; i++) {
		bool has = false;

		for (int k = 0; k < n; k++) {
			const bool hit = row[k].rule.n == 0 ? !has
			                                    : matchers_match(row[k].rule.m, row[k].rule.n,
			                                              &v->row[i].labels);

			count[k] += hit && !has;
			taken[k] += hit && has;
			has = has || hit;
		}
	}
	jw_key(w, "classes");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		write_class(w, &row[i]);
		jw_kint(w, "series", count[i]);
		jw_kint(w, "taken", taken[i]);
		jw_object_end(w);
	}
	jw_array_end(w);
}

static void write_state(struct call *c, bool all)
{
	struct retention_state st;
	struct jw *w = &c->w;

	retention_look_at(c->site, &st);
	jw_ktime(w, "last", st.last);
	jw_ktime(w, "next", st.next);
	jw_kbool(w, "running", st.running);
	jw_kint(w, "done", all ? (int64_t)st.done : 0);
	jw_kint(w, "files", all ? (int64_t)st.files : 0);
	jw_kstr(w, "why", all && st.why.code != 0 ? st.why.text : "");
	jw_kbool(w, "four_eyes", c->site->accounts.four_eyes);
}

int series_get(struct call *c, struct err *e)
{
	const bool all = site_promql_sees_all(c->site, &c->who);
	struct series_view_of_all v;
	int rc = series_view_open(c, &v, e);

	if (rc == 0) {
		jw_object(&c->w);
		jw_kint(&c->w, "series", (int64_t)v.rows);
		write_size(c, all);
		write_metrics(&c->w, &v);
		write_classes(c, &v);
		write_state(c, all);
		jw_object_end(&c->w);
	}
	series_view_close(&v);
	return rc;
}

int series_retention_get(struct call *c, struct err *e)
{
	struct retention_row *row = NULL;
	struct deadline late;
	struct jw *w = &c->w;
	int n = 0, rc;

	if (!site_promql_sees_all(c->site, &c->who))
		return err_set(e, ERR_DENIED, "only who sees all readings may count them by class");
	deadline_begin(c->s->deadlines, &late, SERIES_COUNT_TIME);
	rc = retention_look(c->site, c->a, &row, &n, &late.raised, e);
	deadline_end(c->s->deadlines, &late);
	if (rc == ERR_CANCELLED)
		return err_set(e, ERR_TIMEOUT,
		        "counting takes too long here; heming series retention on the server has no limit");
	if (rc < 0)
		return rc;
	jw_object(w);
	jw_key(w, "items");
	jw_array(w);
	for (int i = 0; i < n; i++) {
		jw_object(w);
		write_class(w, &row[i]);
		jw_kint(w, "series", (int64_t)row[i].found.series);
		jw_kint(w, "taken", (int64_t)row[i].found.taken);
		jw_kint(w, "count", (int64_t)row[i].found.points);
		jw_kint(w, "bytes", row[i].found.bytes);
		jw_kint(w, "due_count", (int64_t)row[i].found.due_points);
		jw_kint(w, "due_bytes", row[i].found.due_bytes);
		jw_object_end(w);
	}
	jw_array_end(w);
	jw_object_end(w);
	return 0;
}

/* ---- deletions ---- */

static void write_removal(struct call *c, const struct removal *r)
{
	struct str rest = str_of(r->selectors);
	struct retention_state st = {0};
	const bool running = strcmp(r->state, "running") == 0 || strcmp(r->state, "stopping") == 0;
	const char *chinese = problem_in_chinese(c->r) ? err_zh(r->why) : NULL;
	struct jw *w = &c->w;

	if (running && site_promql_sees_all(c->site, &c->who)) /* files are of all readings */
		retention_look_at(c->site, &st);
	jw_object(w);
	jw_kid(w, "id", r->id);
	jw_key(w, "selectors");
	jw_array(w);
	while (rest.p != NULL && rest.n > 0)
		jw_str(w, str_cut(&rest, '\n'));
	jw_array_end(w);
	jw_ktime(w, "start", r->since);
	jw_ktime(w, "end", r->until);
	jw_kstr(w, "reason", r->reason);
	jw_kstr(w, "state", r->state);
	jw_kstr(w, "asked_by", r->asked_by);
	jw_ktime(w, "asked", r->asked);
	jw_kstr(w, "decided_by", r->decided_by);
	jw_ktime(w, "decided", r->decided);
	jw_kint(w, "series", r->series);
	jw_kint(w, "count", r->readings);
	jw_kint(w, "bytes", r->bytes);
	jw_kint(w, "estimate_s", (r->estimate_ms + 999) / 1000);
	jw_kint(w, "removed", r->removed);
	jw_kint(w, "freed", r->freed);
	jw_ktime(w, "ended", r->ended);
	jw_kstr(w, "why", chinese ? chinese : r->why);
	jw_kint(w, "done", (int64_t)st.done);
	jw_kint(w, "files", (int64_t)st.files);
	jw_object_end(w);
}

int series_removals_get(struct call *c, struct err *e)
{
	struct removal *row = NULL;
	int n = 0, rc = removal_list(c->site, c->tx, c->a, &c->who, &row, &n, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n; i++)
		write_removal(c, &row[i]);
	jw_array_end(&c->w);
	jw_object_end(&c->w);
	return 0;
}

static int reply_removal(struct call *c, int64_t id, struct err *e)
{
	struct removal r;
	int rc = call_read(c, e);

	if (rc == 0)
		rc = removal_get(c->site, c->tx, c->a, &c->who, id, &r, e);
	if (rc == 0)
		write_removal(c, &r);
	return rc;
}

int series_removal_get(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : reply_removal(c, id, e);
}

static int body_instant(struct call *c, const char *name, time_us *out, struct err *e)
{
	const char *text = body_text(c, name);

	*out = TIME_NONE;
	if (*text == '\0' || time_parse(str_of(text), c->site->catalog->zone, out))
		return 0;
	err_set(e, ERR_INVALID, "an instant as 2026-07-14T08:00:00+08:00 is needed");
	return err_at(e, NULL, 0, 0, name);
}

int series_ask(struct call *c, const struct removal_in *in, struct removal *out, struct err *e)
{
	struct deadline late;
	int rc;

	deadline_begin(c->s->deadlines, &late, SERIES_COUNT_TIME);
	rc = removal_ask(c->site, c->a, in, &c->who, &late.raised, out, e);
	deadline_end(c->s->deadlines, &late);
	if (rc == ERR_CANCELLED)
		return err_set(
		        e, ERR_TIMEOUT, "counting takes too long; select fewer series or a shorter time");
	return rc;
}

int series_removals_post(struct call *c, struct err *e)
{
	const struct doc *list = doc_get(c->body, "selectors");
	const char **selector =
	        arena_array(c->a, list != NULL ? (size_t)list->count + 1 : 1, sizeof(*selector));
	struct removal_in in = {.selector = selector,
	        .reason = body_text(c, "reason"),
	        .everything = doc_bool(c->body, "everything", false)};
	struct removal r = {0};
	int n = 0, rc = call_reason(in.reason, e);

	DOC_EACH(x, list)
	{
		selector[n++] = x->text;
	}
	if (rc == 0)
		rc = body_instant(c, "start", &in.since, e);
	if (rc == 0)
		rc = body_instant(c, "end", &in.until, e);
	if (rc == 0)
		rc = series_ask(c, &in, &r, e);
	if (rc < 0)
		return rc;
	c->status = 201;
	http_set_header(
	        c->r, "Location", arena_printf(c->a, "/api/v1/series/removals/%lld", (long long)r.id));
	write_removal(c, &r);
	return 0;
}

int series_removal_confirm(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	if (rc == 0)
		rc = removal_confirm(c->site, id, &c->who, e);
	if (rc < 0)
		return rc;
	retention_poke(c->site);
	c->status = 202;
	return reply_removal(c, id, e);
}

int series_removal_refuse(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	return rc < 0 ? rc : removal_refuse(c->site, id, &c->who, e);
}

int series_removal_stop(struct call *c, struct err *e)
{
	int64_t id;
	int rc = call_id(c, 0, &id, e);

	if (rc == 0)
		rc = removal_stop(c->site, id, &c->who, e);
	if (rc < 0)
		return rc;
	retention_poke(c->site);
	c->status = 202;
	return reply_removal(c, id, e);
}

int series_snapshots_stop(struct call *c, struct err *e)
{
	if (!site_promql_sees_all(c->site, &c->who))
		return err_set(e, ERR_DENIED, "only who sees all readings may copy them");
	if (runs_stop(&c->site->runs, RUNNING_SNAPSHOT) == 0)
		return err_set(e, ERR_NOTFOUND, "no snapshot of the readings is being made");
	return 0;
}

/*
 * The engine's raw series, in the two forms in which engines give them:
 *
 *   /api/v1/export  a JSON object a line (VictoriaMetrics)
 *   /api/v1/read    Prometheus' remote read: protobuf, packed by snappy, staleness markers and NaN as they
 * are
 *
 * The first is tried first; an engine that does not know it (404) is asked by the second from then on.
 */
#include "series/remote_int.h"

#include "base/prompb.h"
#include "base/snappy.h"
#include "base/time.h"

#define ANSWER_WAIT (60 * US_SECOND)
#define UNHEARD_FOR (5 * US_SECOND) /* so long nobody else waits for an engine that does not answer */
#define NO_SUCH_FORM 404

bool remote_is_virtual(const struct virtual_labels *virt, struct str name)
{
	for (int i = 0; i < virt->n; i++)
		if (str_is(name, virt->v->names[i]))
			return true;
	return false;
}

static void write_selector(struct sb *b, const struct matcher *m, int n)
{
	static const char *const op[] = {
	        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

	sb_putc(b, '{');
	for (int i = 0; i < n; i++) {
		if (label_name_valid(m[i].name))
			sb_putstr(b, m[i].name);
		else
			label_quote(b, m[i].name);
		sb_puts(b, op[m[i].op]);
		label_quote(b, m[i].value);
		sb_puts(b, i + 1 < n ? "," : "");
	}
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

void remote_put_selector(struct sb *form, const struct matcher *m, int n)
{
	struct sb selector = SB_INIT;

	write_selector(&selector, m, n);
	sb_puts(form, form->n > 0 ? "&match%5B%5D=" : "match%5B%5D=");
	put_escaped(form, sb_str(&selector));
	sb_fini(&selector);
}

static void put_seconds(struct sb *b, time_us t)
{
	time_us ms = t / US_MS;

	sb_printf(b, "%lld.%03d", (long long)(ms / 1000), (int)(ms % 1000));
}

void remote_put_times(struct sb *form, time_us from, time_us to)
{
	sb_puts(form, "&start=");
	put_seconds(form, from);
	sb_puts(form, "&end=");
	put_seconds(form, to);
}

int remote_post(struct series_remote *r, enum series_address to, const char *path, const struct sb *form,
        struct arena *a, int *status, struct str *text, struct err *e)
{
	bool fresh;

	return r->engine.ask(r->engine.ctx,
	        &(struct series_ask){.to = to,
	                .path = path,
	                .body = sb_str(form),
	                .type = "application/x-www-form-urlencoded",
	                .max_b = REMOTE_ANSWER_MAX_B,
	                .wait = ANSWER_WAIT},
	        a, status, text, &fresh, e);
}

/* Whole milliseconds around the time of the query; engines know none before 1970. */
static int64_t first_ms(const struct series_query *q)
{
	return q->from > 0 ? q->from / US_MS : 0;
}

struct asking {
	const struct series_query *q;
	const struct matcher *m;
	int n;
	time_us to;
};

static int ask_export(struct series_remote *r, const struct asking *x, struct arena *a, int *status,
        struct str *text, struct err *e)
{
	struct sb form = SB_INIT;
	int rc;

	remote_put_selector(&form, x->m, x->n);
	remote_put_times(&form, first_ms(x->q) * US_MS, x->to);
	rc = remote_post(r, SERIES_READ, "/api/v1/export", &form, a, status, text, e);
	sb_fini(&form);
	return rc;
}

static int ask_read(struct series_remote *r, const struct asking *x, struct arena *a, int *status,
        struct str *text, struct err *e)
{
	struct sb message = SB_INIT, packed = SB_INIT;
	bool fresh;
	int rc;

	prompb_query_put(&message, x->m, x->n, first_ms(x->q), x->to / US_MS);
	snappy_put(&packed, sb_str(&message));
	rc = r->engine.ask(r->engine.ctx,
	        &(struct series_ask){.to = SERIES_READ,
	                .path = "/api/v1/read",
	                .body = sb_str(&packed),
	                .type = "application/x-protobuf",
	                .packed = "snappy",
	                .max_b = REMOTE_ANSWER_MAX_B,
	                .wait = ANSWER_WAIT},
	        a, status, text, &fresh, e);
	sb_fini(&message);
	sb_fini(&packed);
	return rc;
}

static int open_read(struct str packed, struct arena *a, struct remote_answer *out, struct err *e)
{
	struct str message = STR_NULL, series = STR_NULL;
	int rc = unsnappy(a, packed, REMOTE_ANSWER_MAX_B * 4, &message, e);

	out->read = true;
	if (rc == 0 && (!prompb_result(message, &series) ||
	                       prompb_reader_init(&out->series, PROMPB_WRITE_1, series, a) < 0))
		rc = err_set(e, ERR_UNAVAILABLE, "its answer is not what /api/v1/read gives");
	return rc;
}

static int ask_by_form(struct series_remote *r, const struct series_query *q,
        const struct virtual_labels *virt, time_us to, struct arena *a, struct remote_answer *out,
        struct err *e)
{
	struct asking x = {.q = q, .to = to};
	bool read = atomic_load(&r->reads);
	int status = 0, rc;

	x.m = remote_matchers(r, q, virt, a, &x.n);
	if (x.m == NULL)
		return err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
	rc = read ? ask_read(r, &x, a, &status, &out->text, e) : ask_export(r, &x, a, &status, &out->text, e);

	if (rc == 0 && status == NO_SUCH_FORM && !read) {
		read = true;
		rc = ask_read(r, &x, a, &status, &out->text, e);
		if (rc == 0 && status == 200)
			atomic_store(&r->reads, true);
	}
	atomic_store(&r->unheard, rc == 0 || rc == ERR_TOOBIG ? 0 : clock_monotonic());
	if (rc == 0 && status != 200)
		rc = err_set(e, ERR_UNAVAILABLE, "it answers %d: %.*s", status,
		        (int)(out->text.n < 200 ? out->text.n : 200), out->text.p);
	if (rc == 0 && read)
		rc = open_read(out->text, a, out, e);
	return rc;
}

int remote_probe(struct series_remote *r, struct err *e)
{
	const struct matcher none = {.op = MATCH_EQ, .name = STR_LIT(LABEL_NAME), .value = STR_LIT("none")};
	const struct series_query q = {.m = &none, .n = 1};
	const struct asking x = {.q = &q, .m = &none, .n = 1};
	struct arena *a = arena_new(0);
	struct str text;
	int status = 0, rc = 0;

	if (!atomic_load(&r->reads))
		rc = ask_export(r, &x, a, &status, &text, e);
	if (rc == 0 && status == NO_SUCH_FORM) {
		rc = ask_read(r, &x, a, &status, &text, e);
		if (rc == 0 && status == 200)
			atomic_store(&r->reads, true);
	}
	arena_free(&a);
	return rc;
}

int remote_ask(struct series_remote *r, const struct series_query *q, const struct virtual_labels *virt,
        time_us to, struct arena *a, struct remote_answer *out, struct err *e)
{
	dur_us unheard = atomic_load(&r->unheard);
	int rc;

	*out = (struct remote_answer){0};
	if (unheard != 0 && clock_monotonic() - unheard < UNHEARD_FOR)
		rc = err_set(e, ERR_UNAVAILABLE, "it did not answer a moment ago");
	else
		rc = ask_by_form(r, q, virt, to, a, out, e);
	if (rc < 0) {
		char since[40];

		err_prefix(e,
		        "readings of before %s are in the remote engine, which cannot be asked; ask for "
		        "later "
		        "ones, or see to it",
		        time_format(atomic_load(&r->whole_since), zone_utc(), since));
		if (rc != ERR_TOOBIG)
			rc = e->code = ERR_UNAVAILABLE;
	}
	return rc;
}

/* ---- the answer ---- */

/* A series of the protobuf form; its labels are views into the answer, and are copied. */
static int next_read(
        struct prompb_reader *in, struct arena *a, size_t *left, struct remote_series *out, struct err *e)
{
	struct prompb_series *s = xcalloc(1, sizeof(*s));
	struct err ignored = ERR_INIT;
	int rc = prompb_next(in, s);
	int64_t ms;
	double v;

	*out = (struct remote_series){0};
	if (rc > 0 && s->samples > *left) {
		rc = err_set(e, ERR_TOOBIG, "the query reads more points than one query may");
	} else if (rc > 0) {
		out->labels = labels_copy(a, &s->labels, NULL, STR_NULL);
		out->t = arena_array(a, s->samples + 1, sizeof(*out->t));
		out->v = arena_array(a, s->samples + 1, sizeof(*out->v));
		if (out->labels.l == NULL || out->t == NULL || out->v == NULL)
			rc = err_set(e, ERR_NOMEM, "the query needs more memory than one query may use");
		else if (s->bad != NULL || labels_sort(&out->labels, &ignored) < 0)
			rc = err_set(e, ERR_UNAVAILABLE, "the engine has a series with labels that are none");
	} else if (rc < 0) {
		rc = err_set(e, ERR_UNAVAILABLE, "the engine's answer is damaged: %s", in->bad);
	}
	while (rc > 0 && prompb_sample(s, &ms, &v))
		if (ms <= INT64_MAX / US_MS && ms > INT64_MIN / US_MS) {
			out->t[out->n] = ms * US_MS;
			out->v[out->n++] = v;
		}
	*left -= rc > 0 ? out->n : 0;
	free(s);
	return rc;
}

int remote_answer_next(
        struct remote_answer *in, struct arena *a, size_t *left, struct remote_series *out, struct err *e)
{
	int rc = in->read ? next_read(&in->series, a, left, out, e)
	                  : remote_export_next(&in->text, a, left, out, e);

	if (rc > 0)
		remote_put_in_order(out);
	return rc;
}

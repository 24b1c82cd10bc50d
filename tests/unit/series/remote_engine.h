/* An engine in memory that selects and deletes as VictoriaMetrics does, or as Prometheus; that can be away,
 * refuse to delete, and lose what came last, deletions too. */
#ifndef SERIES_REMOTE_ENGINE_H
#define SERIES_REMOTE_ENGINE_H

#include "base/num.h"
#include "base/protobuf.h"
#include "base/snappy.h"
#include "series/remote_int.h"

#include "help.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define ENGINE_MARK "mark" /* readings of it only tell how far it is */

struct sample {
	struct labels labels; /* in the engine's arena */
	int64_t ms;
	double v;
	bool gone; /* deleted, not yet for good */
};
struct engine {
	pthread_mutex_t lock;
	struct arena *a;
	struct sample *s;
	size_t n, cap, durable;
	/* What a test sets and reads while the engine is asked. */
	_Atomic bool prometheus;   /* remote read, and deletes times */
	_Atomic int away;          /* no answer, if 1 */
	_Atomic int refuses;       /* status of a deletion; 0: it is carried out */
	_Atomic(const char *) why; /* its body */
	_Atomic int lists;         /* status of a list of series, unless 0 */
	_Atomic int deletes, sent; /* requests; samples */
	int began;
	bool fresh;
	char asked[4096]; /* the last deletion */
};

static inline void engine_init(struct engine *g)
{
	*g = (struct engine){.a = arena_new(0), .began = 1, .fresh = true, .why = ""};
	must(pthread_mutex_init(&g->lock, NULL) == 0);
}

static inline void engine_fini(struct engine *g)
{
	free(g->s);
	arena_free(&g->a);
	pthread_mutex_destroy(&g->lock);
}

/* ---- forms ---- */

struct selection_of {
	struct matcher m[16];
	int n;
};
struct form {
	struct selection_of match[64];
	int n;
	int64_t from, to; /* ms */
	bool times;
};

static inline struct str form_text(struct str s, struct arena *a)
{
	char *p = arena_alloc(a, s.n + 1);
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		unsigned x;

		if (s.p[i] == '%' && sscanf(s.p + i + 1, "%2x", &x) == 1) {
			p[n++] = (char)x;
			i += 2;
		} else {
			p[n++] = s.p[i];
		}
	}
	p[n] = '\0';
	return (struct str){p, n};
}

/* {name="value",…}, as this program writes it; values without escapes. */
static inline void form_selector(struct str s, struct selection_of *out, struct arena *a)
{
	const char *p = s.p + 1, *end = s.p + s.n - 1;
	struct err e = ERR_INIT;

	check(s.n > 2 && *s.p == '{' && *end == '}');
	while (p < end) {
		const char *name = p, *value, *close;
		enum match_op op;

		p += strcspn(p, "=!");
		op = *p == '!' ? (p[1] == '~' ? MATCH_NRE : MATCH_NE) : p[1] == '~' ? MATCH_RE : MATCH_EQ;
		value = strchr(p, '"') + 1;
		close = strchr(value, '"');
		check_ok(matcher_init(&out->m[out->n++], a, op, (struct str){name, (size_t)(p - name)},
		                 (struct str){value, (size_t)(close - value)}, &e),
		        &e);
		p = close + 1 + (close[1] == ',');
	}
}

static inline void form_read(struct str body, struct form *out, struct arena *a)
{
	struct str rest = body;
	double x;

	*out = (struct form){.from = INT64_MIN, .to = INT64_MAX};
	while (rest.p != NULL && rest.n > 0) {
		struct str value = str_cut(&rest, '&'), name = form_text(str_cut(&value, '='), a);

		value = form_text(value, a);
		if (str_is(name, "match[]")) {
			form_selector(value, &out->match[out->n++], a);
		} else if (str_is(name, "start") || str_is(name, "end")) {
			check(num_double(value, false, &x));
			*(str_is(name, "start") ? &out->from : &out->to) = (int64_t)(x * 1000 + 0.5);
			out->times = true;
		} else {
			check_fail("a form has " STR_FMT, STR_ARG(name));
		}
	}
}

static inline bool form_has(const struct form *f, const struct labels *ls)
{
	bool any = false;

	for (int i = 0; i < f->n; i++)
		any |= matchers_match(f->match[i].m, f->match[i].n, ls);
	return any;
}

/* ---- answers ---- */

static inline void engine_labels(struct sb *b, const struct labels *ls)
{
	struct jw w;

	jw_init(&w, b);
	jw_object(&w);
	for (int i = 0; i < ls->n; i++) {
		jw_key_str(&w, ls->l[i].name);
		jw_str(&w, ls->l[i].value);
	}
	jw_object_end(&w);
}

static inline void engine_take(struct engine *g, struct str body, struct arena *a)
{
	static struct prompb_series s;
	struct prompb_reader r;
	struct err e = ERR_INIT;
	struct str message = STR_NULL;

	check_ok(unsnappy(a, body, 64 << 20, &message, &e), &e);
	check(prompb_reader_init(&r, PROMPB_WRITE_1, message, a) == 0);
	while (prompb_next(&r, &s) == 1) {
		int64_t ms;
		double v;

		check(s.samples > 0);
		while (prompb_sample(&s, &ms, &v)) {
			g->s = xgrow(g->s, &g->cap, g->n + 1, sizeof(*g->s));
			g->s[g->n++] =
			        (struct sample){labels_copy(g->a, &s.labels, NULL, STR_NULL), ms, v, false};
			g->sent++;
		}
	}
	check(r.bad == NULL);
}

static inline void engine_export(struct engine *g, const struct form *f, struct sb *b)
{
	for (size_t i = 0; i < g->n; i++) {
		if (g->s[i].gone || g->s[i].ms < f->from || g->s[i].ms > f->to ||
		        !form_has(f, &g->s[i].labels))
			continue;
		sb_puts(b, "{\"metric\":");
		engine_labels(b, &g->s[i].labels);
		sb_printf(
		        b, ",\"values\":[%.17g],\"timestamps\":[%lld]}\n", g->s[i].v, (long long)g->s[i].ms);
	}
}

/* All there is: who asks looks again. */
static inline void engine_read(struct engine *g, struct sb *b)
{
	struct sb message = SB_INIT;
	size_t at = protobuf_begin(&message, 1);

	for (size_t i = 0; i < g->n; i++) {
		size_t s;

		if (g->s[i].gone)
			continue;
		s = prompb_series_begin(&message, &g->s[i].labels);
		prompb_sample_put(&message, g->s[i].ms, g->s[i].v);
		prompb_series_end(&message, s);
	}
	protobuf_end(&message, at);
	snappy_put(b, sb_str(&message));
	sb_fini(&message);
}

static inline void engine_list(struct engine *g, const struct form *f, struct sb *b)
{
	bool any = false;

	check(f->times);
	sb_puts(b, "{\"status\":\"success\",\"isPartial\":false,\"data\":[");
	for (size_t i = 0; i < g->n; i++) {
		if (g->s[i].gone || g->s[i].ms < f->from || g->s[i].ms > f->to ||
		        !form_has(f, &g->s[i].labels) || f->from == 0) /* 0 is none for VictoriaMetrics */
			continue;
		sb_puts(b, any ? "," : "");
		engine_labels(b, &g->s[i].labels);
		any = true;
	}
	sb_puts(b, "]}");
}

static inline void engine_delete(struct engine *g, const struct form *f)
{
	check(g->prometheus || !f->times); /* VictoriaMetrics refuses times */
	for (size_t i = 0; i < g->n; i++)
		g->s[i].gone |= form_has(f, &g->s[i].labels) && g->s[i].ms >= f->from && g->s[i].ms <= f->to;
}

static int engine_ask(void *ctx, const struct series_ask *q, struct arena *a, int *status, struct str *body,
        bool *fresh, struct err *e)
{
	struct engine *g = ctx;
	struct sb b = SB_INIT;
	struct form f;
	int rc = 0;

	pthread_mutex_lock(&g->lock);
	*fresh = g->fresh;
	*status = 200;
	if (g->away) {
		rc = err_set(e, ERR_UNAVAILABLE, "no answer");
	} else if (strcmp(q->path, "/api/v1/write") == 0) {
		check(q->to == SERIES_WRITE);
		g->fresh = false;
		engine_take(g, q->body, a);
	} else if (strcmp(q->path, "/metrics") == 0) {
		sb_printf(&b, "# a\nprocess_start_time_seconds %d\n", g->began);
	} else if (strcmp(q->path, "/api/v1/export") == 0) {
		form_read(q->body, &f, a);
		if (g->prometheus)
			*status = 404;
		else
			engine_export(g, &f, &b);
	} else if (strcmp(q->path, "/api/v1/read") == 0) {
		check(g->prometheus);
		engine_read(g, &b);
	} else if (strcmp(q->path, "/api/v1/series") == 0) {
		form_read(q->body, &f, a);
		*status = g->lists ? g->lists : 200;
		engine_list(g, &f, &b);
	} else {
		check(strcmp(q->path, "/api/v1/admin/tsdb/delete_series") == 0 && q->to == SERIES_ERASE);
		form_read(q->body, &f, a);
		g->deletes++;
		snprintf(g->asked, sizeof(g->asked), STR_FMT, STR_ARG(form_text(q->body, a)));
		*status = g->refuses ? g->refuses : 204;
		if (g->refuses)
			sb_puts(&b, g->why);
		else
			engine_delete(g, &f);
	}
	pthread_mutex_unlock(&g->lock);
	*body = (struct str){arena_strndup(a, b.n > 0 ? b.p : "", b.n), b.n};
	sb_fini(&b);
	return rc;
}

/* As if it was killed: samples that came last are lost, and so are its deletions, unless they were kept. */
static inline void engine_lose(struct engine *g, size_t n, bool deletions)
{
	pthread_mutex_lock(&g->lock);
	g->n = g->n - g->durable > n ? g->n - n : g->durable;
	for (size_t i = 0; i < g->n && deletions; i++)
		g->s[i].gone = false;
	g->began++;
	g->fresh = true;
	pthread_mutex_unlock(&g->lock);
}

/* Samples and deletions are on its disk. */
static inline void engine_sync(struct engine *g)
{
	size_t k = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->n; i++)
		if (!g->s[i].gone)
			g->s[k++] = g->s[i];
	g->n = g->durable = k;
	pthread_mutex_unlock(&g->lock);
}

/* The value of the last mark, which nothing deletes. */
static inline int engine_mark(struct engine *g)
{
	int mark = 0;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->n; i++)
		if (str_is(labels_get(&g->s[i].labels, LABEL_NAME), ENGINE_MARK))
			mark = (int)g->s[i].v;
	pthread_mutex_unlock(&g->lock);
	return mark;
}

/* What it has but for marks, a word a sample: labels, =, value; in the order of coming. */
static inline const char *engine_text(struct engine *g, struct arena *a)
{
	struct sb b = SB_INIT;
	const char *out;

	pthread_mutex_lock(&g->lock);
	for (size_t i = 0; i < g->n; i++) {
		if (g->s[i].gone || str_is(labels_get(&g->s[i].labels, LABEL_NAME), ENGINE_MARK))
			continue;
		sb_puts(&b, b.n > 0 ? " " : "");
		labels_write(&b, &g->s[i].labels);
		sb_printf(&b, "=%g", g->s[i].v);
	}
	pthread_mutex_unlock(&g->lock);
	out = arena_strndup(a, b.n > 0 ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

#endif

/* A folder with an engine behind it, which here is a list in memory that can be away, refuse and lose. */
#include "series/remote.h"
#include "base/file.h"
#include "base/json.h"
#include "base/prompb.h"
#include "base/snappy.h"
#include "help.h"
#include "series/remote_int.h"

#include <math.h>
#include <pthread.h>
#include <unistd.h>

#define T0 (INT64_C(1783987200) * US_SECOND)
#define WAIT_MOST 60000 /* ms */

struct kept {
	char *series; /* as labels_write writes it */
	char *json;   /* of its labels */
	int64_t ms;
	double v;
};
struct fake {
	pthread_mutex_t lock;
	struct kept *k;
	size_t n, cap;
	int began, messages, exports, status; /* status 0: all is well; -1: no answer */
	bool fresh;
	const char *answer; /* to /api/v1/export; NULL: what is kept */
	struct sb *read;    /* answer to /api/v1/read; then there is no export */
	char asked[4096];
};

static void json_labels(struct sb *b, const struct labels *ls)
{
	struct jw w;

	jw_init(&w, b);
	jw_object(&w);
	for (int i = 0; i < ls->n; i++) {
		struct sb name = SB_INIT;

		sb_putstr(&name, ls->l[i].name);
		jw_key(&w, name.p);
		jw_str(&w, ls->l[i].value);
		sb_fini(&name);
	}
	jw_object_end(&w);
}

static void keep(struct fake *f, struct str body, struct arena *a)
{
	static struct prompb_series s;
	struct prompb_reader r;
	struct err e = ERR_INIT;
	struct str message = STR_NULL;

	check_ok(unsnappy(a, body, 64 << 20, &message, &e), &e);
	check(prompb_reader_init(&r, PROMPB_WRITE_1, message, a) == 0);
	while (prompb_next(&r, &s) == 1) {
		struct sb text = SB_INIT, json = SB_INIT;
		int64_t ms;
		double v;

		labels_write(&text, &s.labels);
		json_labels(&json, &s.labels);
		while (prompb_sample(&s, &ms, &v)) {
			f->k = xgrow(f->k, &f->cap, f->n + 1, sizeof(*f->k));
			f->k[f->n++] = (struct kept){xstrdup(text.p), xstrdup(json.p), ms, v};
		}
		sb_fini(&text);
		sb_fini(&json);
	}
	check(r.bad == NULL);
}

static void export(const struct fake *f, struct sb *b)
{
	if (f->answer != NULL) {
		sb_puts(b, f->answer);
		return;
	}
	for (size_t i = 0; i < f->n; i++)
		sb_printf(b, "{\"metric\":%s,\"values\":[%.17g],\"timestamps\":[%lld]}\n", f->k[i].json,
		        f->k[i].v, (long long)f->k[i].ms);
}

static int fake_ask(void *ctx, const struct series_ask *q, struct arena *a, int *status, struct str *body,
        bool *fresh, struct err *e)
{
	struct fake *f = ctx;
	struct sb b = SB_INIT;
	int rc = 0;

	pthread_mutex_lock(&f->lock);
	*fresh = f->fresh;
	*status = f->status > 0 ? f->status : 200;
	if (f->status < 0) {
		rc = err_set(e, ERR_UNAVAILABLE, "no answer");
	} else if (strcmp(q->path, "/api/v1/write") == 0) {
		check(q->to == SERIES_WRITE && strcmp(q->packed, "snappy") == 0);
		f->messages++;
		f->fresh = false;
		if (f->status == 0)
			keep(f, q->body, a);
	} else if (strcmp(q->path, "/metrics") == 0) {
		sb_printf(&b, "# a\nprocess_start_time_seconds %d\n", f->began);
	} else if (strcmp(q->path, "/api/v1/read") == 0) {
		check(q->to == SERIES_READ && strcmp(q->packed, "snappy") == 0);
		sb_putstr(&b, sb_str(f->read));
	} else if (f->read != NULL) {
		*status = 404;
		f->exports++;
	} else {
		check(q->to == SERIES_READ && strcmp(q->path, "/api/v1/export") == 0);
		snprintf(f->asked, sizeof(f->asked), STR_FMT, STR_ARG(q->body));
		export(f, &b);
	}
	pthread_mutex_unlock(&f->lock);
	*body = (struct str){arena_strndup(a, b.n > 0 ? b.p : "", b.n), b.n};
	sb_fini(&b);
	return rc;
}

/* The state of the fake, changed. */
static void set_status(struct fake *f, int status)
{
	pthread_mutex_lock(&f->lock);
	f->status = status;
	pthread_mutex_unlock(&f->lock);
}

/* As if it was killed: what came last is lost. */
static void lose(struct fake *f, size_t n)
{
	pthread_mutex_lock(&f->lock);
	for (; n > 0 && f->n > 0; n--) {
		f->n--;
		free(f->k[f->n].series);
		free(f->k[f->n].json);
	}
	f->began++;
	f->fresh = true;
	pthread_mutex_unlock(&f->lock);
}

static bool has(struct fake *f, const char *series, int64_t ms, double v)
{
	bool found = false;

	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->n && !found; i++)
		found = f->k[i].ms == ms && f->k[i].v == v && strcmp(f->k[i].series, series) == 0;
	pthread_mutex_unlock(&f->lock);
	return found;
}

/* ---- a site of the test ---- */

struct rig {
	struct clock *clock;
	struct series_db *db;
	struct series_remote *r;
	struct fake f;
	struct series_options so;
	struct series_remote_options ro;
};

static void rig_open(struct rig *g)
{
	struct err e = ERR_INIT;

	check_ok(series_open(&g->so, &g->db, &e), &e);
	g->ro.db = g->db;
	check_ok(series_remote_open(&g->ro, &g->r, &e), &e);
}

static void rig_close(struct rig *g)
{
	series_remote_close(&g->r);
	series_close(&g->db);
}

static void rig_init(struct rig *g, time_us now)
{
	*g = (struct rig){.clock = clock_new_manual(now)};
	must(pthread_mutex_init(&g->f.lock, NULL) == 0);
	g->f.began = 1;
	g->f.fresh = true;
	g->so = (struct series_options){
	        .dir = test_dir(), .clock = g->clock, .partition = US_DAY, .keep_logs = true};
	g->ro = (struct series_remote_options){.clock = g->clock, .engine = {.ctx = &g->f, .ask = fake_ask}};
	rig_open(g);
}

static void rig_fini(struct rig *g)
{
	rig_close(g);
	lose(&g->f, g->f.n);
	free(g->f.k);
	pthread_mutex_destroy(&g->f.lock);
	clock_free(&g->clock);
}

/* Waits for a state. */
#define wait_for(what)                                                                                       \
	do {                                                                                                 \
		int ms_ = 0;                                                                                 \
                                                                                                             \
		for (; !(what) && ms_ < WAIT_MOST; ms_ += 5)                                                 \
			usleep(5000);                                                                        \
		if (ms_ >= WAIT_MOST)                                                                        \
			check_fail("waited in vain for %s", #what);                                          \
	} while (0)

static struct series_remote_state look(struct rig *g)
{
	struct series_remote_state st = {0};

	series_remote_look(g->r, &st);
	return st;
}

static bool all_there(struct rig *g, int n)
{
	for (int i = 0; i < n; i++)
		if (!has(&g->f, "m{thing=\"a\"}", (T0 + i * US_SECOND) / US_MS, i))
			return false;
	return true;
}

static void append_some(struct rig *g, int from, int to)
{
	series_id id = id_of(g->db, "m", "a");

	for (int i = from; i < to; i++)
		check(append(g->db, id, T0 + i * US_SECOND, i) == 0);
}

/* ---- sending ---- */

TEST(what_is_acknowledged_arrives)
{
	struct rig g;

	rig_init(&g, T0);
	append_some(&g, 0, 100);
	check(append(g.db, id_of(g.db, "m", "b"), -1500, 2.5) == 0); /* 1970, and below a millisecond */
	wait_for(all_there(&g, 100));
	wait_for(has(&g.f, "m{thing=\"b\"}", -2, 2.5));
	wait_for(look(&g).ok && look(&g).queue_b == 0);
	check(look(&g).sent >= 101 && look(&g).refused == 0);
	rig_fini(&g);
}

TEST(an_engine_that_is_away_gets_all_of_it_later)
{
	struct rig g;
	struct err e = ERR_INIT;

	rig_init(&g, T0);
	append_some(&g, 0, 10);
	wait_for(all_there(&g, 10));
	set_status(&g.f, -1);
	append_some(&g, 10, 30);
	wait_for(look(&g).failures > 0 && !look(&g).ok);
	check(look(&g).queue_b > 0);
	check_ok(series_flush(g.db, &e), &e); /* the log goes to the queue */
	append_some(&g, 30, 40);
	set_status(&g.f, 503);
	wait_for(look(&g).failures > 2);
	set_status(&g.f, 0);
	wait_for(all_there(&g, 40));
	wait_for(look(&g).ok && look(&g).again > 0);
	rig_fini(&g);
}

TEST(one_that_is_away_is_so_while_nothing_is_sent)
{
	struct rig g;

	rig_init(&g, T0);
	rig_close(&g);
	set_status(&g.f, -1);
	rig_open(&g);
	wait_for(look(&g).failures > 1); /* asked again, though there is nothing to send */
	check(!look(&g).ok);
	set_status(&g.f, 0);
	wait_for(look(&g).ok);
	rig_fini(&g);
}

TEST(what_an_engine_lost_is_sent_again)
{
	struct rig g;

	rig_init(&g, T0);
	append_some(&g, 0, 50);
	wait_for(all_there(&g, 50));
	lose(&g.f, 20);
	append_some(&g, 50, 51); /* by which the new connection is noticed */
	wait_for(all_there(&g, 51));
	check(look(&g).again == 1);
	rig_fini(&g);
}

TEST(what_was_not_sent_is_sent_after_the_next_start)
{
	struct rig g;

	rig_init(&g, T0);
	set_status(&g.f, -1);
	append_some(&g, 0, 20);
	for (int i = 0; i < 3; i++) { /* each start begins a log */
		rig_close(&g);
		rig_open(&g);
		append_some(&g, 20 + i, 21 + i);
	}
	set_status(&g.f, 0);
	wait_for(all_there(&g, 23));
	rig_fini(&g);
}

static int logs_in(const char *dir)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	char **name = NULL;
	int n = 0;

	check_ok(file_list(a, dir, &name, &e), &e);
	for (; name != NULL && *name != NULL; name++)
		n += strncmp(*name, "log-", 4) == 0;
	arena_free(&a);
	return n;
}

TEST(logs_wait_in_the_queue_until_the_window_is_over)
{
	struct rig g;
	struct err e = ERR_INIT;
	char *queue = NULL;

	rig_init(&g, T0);
	queue = xasprintf("%s/queue", g.so.dir);
	append_some(&g, 0, 5);
	wait_for(all_there(&g, 5));
	check_ok(series_flush(g.db, &e), &e);
	check(logs_in(queue) >= 1); /* the engine's own expiry may have ended a log meanwhile */
	rig_close(&g);
	g.ro.window = 1; /* us */
	rig_open(&g);
	append_some(&g, 5, 6);
	wait_for(all_there(&g, 6));
	wait_for(logs_in(queue) == 0);
	rig_fini(&g);
	free(queue);
}

TEST(a_full_queue_holds_writers_up_until_the_engine_follows)
{
	struct rig g;
	struct series_point p[30] = {0};
	struct err e = ERR_INIT;

	rig_init(&g, T0);
	rig_close(&g);
	g.ro.queue_b = 100;
	rig_open(&g);
	set_status(&g.f, -1);
	for (int i = 0; i < 30; i++)
		p[i] = (struct series_point){id_of(g.db, "m", "a"), T0 + i * US_SECOND, i};
	check_ok(series_append(g.db, p, 30, &e), &e); /* some at once, since the next is refused already */
	wait_for(series_append(g.db, p, 1, &e) == ERR_BUSY);
	set_status(&g.f, 0);
	wait_for(series_append(g.db, p, 1, &e) == 0);
	wait_for(all_there(&g, 30));
	rig_fini(&g);
}

TEST(a_refused_message_is_counted_and_does_not_stop_the_rest)
{
	struct rig g;

	rig_init(&g, T0);
	set_status(&g.f, 400);
	append_some(&g, 0, 3); /* nothing was taken yet: it may be the wrong address */
	wait_for(look(&g).failures > 0);
	check(look(&g).refused == 0);
	set_status(&g.f, 0);
	wait_for(all_there(&g, 3) && look(&g).ok);
	set_status(&g.f, 400);
	append_some(&g, 3, 4);
	wait_for(look(&g).refused > 0);
	set_status(&g.f, 0);
	append_some(&g, 4, 5);
	wait_for(has(&g.f, "m{thing=\"a\"}", (T0 + 4 * US_SECOND) / US_MS, 4));
	rig_fini(&g);
}

TEST(old_days_leave_the_folder_when_the_engine_has_them)
{
	struct rig g;
	struct err e = ERR_INIT;
	time_us t[100];
	double v[100];

	rig_init(&g, T0 + US_HOUR);
	append_some(&g, 0, 20);
	wait_for(all_there(&g, 20));
	check_ok(series_flush(g.db, &e), &e);
	clock_set(g.clock, T0 + 30 * US_DAY);
	check(append(g.db, id_of(g.db, "m", "a"), T0 + 30 * US_DAY, 7) == 0);
	rig_close(&g); /* what is old is looked for at a start, if nothing may be sent again, and each hour */
	g.ro.window = 1; /* us */
	rig_open(&g);
	wait_for(look(&g).whole_since == T0 + 23 * US_DAY);
	wait_for(read_all(g.db, "m", "a", t, v, ARRAY_LEN(t)) == 1);
	rig_fini(&g);
}

TEST(readings_from_before_the_engine_stay)
{
	struct rig g;
	struct err e = ERR_INIT;
	time_us t[100];
	double v[100];
	char *place = NULL;

	rig_init(&g, T0);
	rig_close(&g);
	place = xasprintf("%s/queue/place", g.so.dir);
	check(unlink(place) == 0);
	check_ok(series_open(&g.so, &g.db, &e), &e);
	append_some(&g, 0, 20);
	check_ok(series_flush(g.db, &e), &e);
	series_close(&g.db);
	clock_set(g.clock, T0 + 30 * US_DAY);
	rig_open(&g);
	wait_for(all_there(&g, 20)); /* the log still had them */
	wait_for(look(&g).ok);
	check(look(&g).whole_since == T0 + 30 * US_DAY);
	check(read_all(g.db, "m", "a", t, v, ARRAY_LEN(t)) == 20);
	rig_fini(&g);
	free(place);
}

/* ---- reading ---- */

static const char *const virtual_names[] = {"region", NULL};
static void virtual_values(void *ctx, struct str thing, struct arena *a, struct str *value)
{
	(void)ctx;
	(void)a;
	value[0] = str_is(thing, "a") ? STR_LIT("north") : str_is(thing, "c") ? STR_LIT("south") : STR_NULL;
}
static const struct series_virtual virt = {.names = virtual_names, .values = virtual_values};

/* "labels t=v …" of all series, by lines. */
static int read_text(struct rig *g, const struct matcher *m, int n, time_us from, time_us to, struct sb *out,
        struct err *e)
{
	struct arena *a = arena_new(64 << 20);
	struct series_remote_cursor *c = NULL;
	struct series_query q = {.m = m, .n = n, .from = from, .to = to};
	struct series_view s;
	int rc = series_remote_select(g->r, &q, a, &c, e);

	while (rc == 0 && (rc = series_remote_next(c, &s, e)) == 1) {
		rc = 0;
		if (s.n == 0)
			continue;
		labels_write(out, &s.labels);
		for (size_t i = 0; i < s.n; i++)
			sb_printf(out, " %lld=%g", (long long)(s.t[i] - T0), s.v[i]);
		sb_putc(out, '\n');
	}
	series_remote_cursor_free(&c);
	arena_free(&a);
	return rc;
}

static void check_reads(struct rig *g, const char *name, enum match_op op, const char *value, time_us from,
        time_us to, const char *expected)
{
	struct arena *a = arena_new(0);
	struct matcher m[2];
	struct sb out = SB_INIT;
	struct err e = ERR_INIT;

	check_ok(matcher_init(&m[0], a, MATCH_RE, STR_LIT("__name__"), STR_LIT("m|n"), &e), &e);
	check_ok(matcher_init(&m[1], a, op, str_of(name), str_of(value), &e), &e);
	check_ok(read_text(g, m, 2, from, to, &out, &e), &e);
	check_eq_s(out.n > 0 ? out.p : "", expected);
	sb_fini(&out);
	arena_free(&a);
}

static const char far[] =
        "{\"metric\":{\"__name__\":\"m\",\"thing\":\"c\"},\"values\":[1,null,\"Infinity\",\"-Infinity\",2e3],"
        "\"timestamps\":[1783987200000,1783987201000,1783987202000,1783987203000,1783987204000]}\n"
        "\n"
        "{\"metric\":{\"__name__\":\"m\",\"thing\":\"a\"},\"values\":[5,6,7],"
        "\"timestamps\":[1783987202000,1783987201000,1783987201000]}\n"
        "{\"metric\":{\"thing\":\"a\",\"__name__\":\"m\"},\"values\":[4],\"timestamps\":[1783987200000]}\n"
        "{\"metric\":{\"__name__\":\"k\\u0041\",\"thing\":\"a\"},\"values\":[4],\"timestamps\":["
        "1783987200000]}\n";

TEST(the_engine_and_the_folder_are_read_as_one)
{
	struct rig g;
	series_id a, b;

	rig_init(&g, T0 + US_HOUR);
	series_set_virtual(g.db, &virt);
	g.f.answer = far;
	a = id_of(g.db, "m", "a");
	b = id_of(g.db, "m", "b");
	check(append(g.db, a, T0 + 1 * US_SECOND + 250, 8) == 0); /* the engine has it at …1000 ms */
	check(append(g.db, a, T0 + 3 * US_SECOND, 9) == 0);
	check(append(g.db, b, T0 + 500, 3) == 0);
	check_reads(&g, "thing", MATCH_NE, "x", T0, T0 + US_HOUR,
	        "m{region=\"north\",thing=\"a\"} 0=4 1000250=8 2000000=5 3000000=9\n"
	        "m{region=\"south\",thing=\"c\"} 0=1 1000000=nan 2000000=inf 3000000=-inf 4000000=2000\n"
	        "m{thing=\"b\"} 500=3\n");
	check(strstr(g.f.asked, "match%5B%5D=%7B%5F%5Fname%5F%5F%3D%7E%22m%7Cn%22%2Cthing%21%3D%22x%22%7D") !=
	        NULL);
	check(strstr(g.f.asked, "&start=1783987200.000&end=1783990800.000") != NULL);
	/* Matchers on what only the registry knows are tried here. */
	check_reads(&g, "region", MATCH_EQ, "south", T0 + 2 * US_SECOND, T0 + 3 * US_SECOND,
	        "m{region=\"south\",thing=\"c\"} 2000000=inf 3000000=-inf\n");
	check(strstr(g.f.asked, "region") == NULL);
	check_reads(&g, "region", MATCH_EQ, "", T0, T0 + US_HOUR, "m{thing=\"b\"} 500=3\n");
	/* What the folder alone knows needs no engine. */
	check(!series_remote_local(g.r, T0) && series_remote_local(g.r, T0 + US_HOUR));
	rig_fini(&g);
}

TEST(an_engine_without_export_is_read_by_remote_read)
{
	const uint64_t stale = SERIES_STALE;
	struct label label[2] = {{STR_LIT(LABEL_NAME), STR_LIT("m")}, {STR_LIT("thing"), STR_LIT("c")}};
	struct labels ls = {label, 2};
	struct sb result = SB_INIT, packed = SB_INIT;
	struct arena *a = arena_new(0);
	struct matcher m;
	struct err e = ERR_INIT;
	struct sb out = SB_INIT;
	struct rig g;
	double v;
	size_t at = protobuf_begin(&result, 1), s = prompb_series_begin(&result, &ls);

	memcpy(&v, &stale, sizeof(v));
	prompb_sample_put(&result, T0 / US_MS, 1.5);
	prompb_sample_put(&result, T0 / US_MS + 2000, v);
	prompb_sample_put(&result, T0 / US_MS + 1000, 2); /* out of order */
	prompb_series_end(&result, s);
	protobuf_end(&result, at);
	snappy_put(&packed, sb_str(&result));
	rig_init(&g, T0 + US_HOUR);
	series_set_virtual(g.db, &virt);
	g.f.read = &packed;
	for (int i = 0; i < 2; i++)
		check_reads(&g, "region", MATCH_EQ, "south", T0, T0 + US_HOUR,
		        "m{region=\"south\",thing=\"c\"} 0=1.5 1000000=2 2000000=nan\n");
	check(g.f.exports == 1); /* what it has not is not asked for again */
	sb_reset(&packed);
	sb_puts(&packed, "no snappy");
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), &e), &e);
	check(read_text(&g, &m, 1, T0, T0 + US_HOUR, &out, &e) == ERR_UNAVAILABLE);
	sb_reset(&packed);
	snappy_put(&packed, (struct str){result.p, result.n - 3});
	check(read_text(&g, &m, 1, T0, T0 + US_HOUR, &out, &e) == ERR_UNAVAILABLE);
	rig_fini(&g);
	sb_fini(&out);
	sb_fini(&result);
	sb_fini(&packed);
	arena_free(&a);
}

TEST(an_engine_that_cannot_be_asked_is_told)
{
	static const char *const bad[] = {"no json", "{\"metric\":{\"__name__\":\"m\"},\"values\":[1]}", "[]",
	        "{\"metric\":{\"__name__\":\"m\"},\"values\":[\"x\"],\"timestamps\":[1]}",
	        "{\"metric\":{\"__name__\":1},\"values\":[1],\"timestamps\":[1]}",
	        "{\"metric\":{\"__name__\":\"m\"},\"values\":[1],\"timestamps\":[9223372036854775807]}",
	        "{\"metric\":{\"a\":\"1\",\"a\":\"2\"},\"values\":[1],\"timestamps\":[1]}",
	        "{\"metric\":{\"__name__\":\"m\"},\"values\":[1],\"timestamps\":[1]"};
	struct arena *a = arena_new(0);
	struct matcher m;
	struct sb out = SB_INIT;
	struct rig g;
	struct err e = ERR_INIT;

	rig_init(&g, T0);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		g.f.answer = bad[i];
		if (read_text(&g, &m, 1, T0 - US_HOUR, T0, &out, &e) != ERR_UNAVAILABLE)
			check_fail("taken: %s", bad[i]);
	}
	g.f.answer = NULL;
	set_status(&g.f, 422);
	check(read_text(&g, &m, 1, T0 - US_HOUR, T0, &out, &e) == ERR_UNAVAILABLE);
	check(strstr(e.text, "422") != NULL && strstr(e.text, "2026-07-14T00:00:00Z") != NULL);
	set_status(&g.f, -1);
	check(read_text(&g, &m, 1, T0 - US_HOUR, T0, &out, &e) == ERR_UNAVAILABLE);
	check(strstr(e.text, "no answer") != NULL);
	check(read_text(&g, &m, 1, T0 - US_HOUR, T0, &out, &e) == ERR_UNAVAILABLE);
	check(strstr(e.text, "a moment ago") != NULL); /* nobody waits for it twice */
	check_ok(read_text(&g, &m, 1, T0, T0 + US_HOUR, &out, &e), &e);
	sb_fini(&out);
	arena_free(&a);
	rig_fini(&g);
}

TEST(nothing_is_deleted_here_that_would_come_back)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct rig g;
	struct err e = ERR_INIT;

	rig_init(&g, T0);
	check_ok(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("m"), &e), &e);
	check(series_delete(g.db, &m, 1, T0, T0 + 1, NULL, &e) == ERR_UNSUPPORTED);
	check(series_retain(g.db, &(struct series_class){&m, 1, .keep = 1}, 1, T0, NULL, NULL, &e) ==
	        ERR_UNSUPPORTED);
	arena_free(&a);
	rig_fini(&g);
}

/* ---- several sites on one engine ---- */

/* A site in a folder of its own, with the engine of `f`; label: its own in the engine, or NULL. */
static void site_open_at(struct rig *g, struct fake *f, const char *folder, struct label *label)
{
	*g = (struct rig){.clock = clock_new_manual(T0)};
	g->so = (struct series_options){
	        .dir = test_path(folder), .clock = g->clock, .partition = US_DAY, .keep_logs = true};
	g->ro = (struct series_remote_options){
	        .clock = g->clock, .engine = {.ctx = f, .ask = fake_ask}, .labels = {label, label != NULL}};
	rig_open(g);
}

static void site_end(struct rig *g)
{
	rig_close(g);
	clock_free(&g->clock);
}

/* What a site says of all series, a line for each. */
static const char *everything(struct rig *g, struct arena *a)
{
	struct matcher m = {.op = MATCH_EQ, .name = STR_LIT("__name__"), .value = STR_LIT("m")};
	struct series_query q = {.m = &m, .n = 1, .from = T0 - US_HOUR, .to = T0 + US_HOUR};
	struct series_remote_cursor *c = NULL;
	struct series_view s;
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	const char *out;

	if (check_ok(series_remote_select(g->r, &q, a, &c, &e), &e))
		while (series_remote_next(c, &s, &e) == 1) {
			labels_write(&b, &s.labels);
			for (size_t i = 0; i < s.n; i++)
				sb_printf(&b, " %g", s.v[i]);
			sb_putc(&b, ';');
		}
	series_remote_cursor_free(&c);
	out = arena_strndup(a, b.n ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

static void give(struct rig *g, const char *thing, dur_us before, double v)
{
	check(append(g->db, id_of(g->db, "m", thing), T0 - before, v) == 0);
}

TEST(without_labels_two_sites_mix)
{
	static struct fake f;
	struct arena *a = arena_new(0);
	struct rig one, two;

	f = (struct fake){.began = 1, .fresh = true};
	must(pthread_mutex_init(&f.lock, NULL) == 0);
	site_open_at(&one, &f, "one", NULL);
	site_open_at(&two, &f, "two", NULL);
	give(&one, "a", US_MINUTE, 1);
	give(&two, "a", 2 * US_MINUTE, 2);
	wait_for(has(&f, "m{thing=\"a\"}", (T0 - US_MINUTE) / US_MS, 1));
	wait_for(has(&f, "m{thing=\"a\"}", (T0 - 2 * US_MINUTE) / US_MS, 2));
	check_eq_s(everything(&one, a), "m{thing=\"a\"} 2 1;");
	site_end(&one);
	site_end(&two);
	lose(&f, f.n);
	free(f.k);
	pthread_mutex_destroy(&f.lock);
	arena_free(&a);
}

TEST(with_labels_each_site_has_its_own)
{
	static struct fake f;
	struct arena *a = arena_new(0);
	struct label near = {STR_LIT("site"), STR_LIT("yancheng")},
	             away = {STR_LIT("site"), STR_LIT("suzhou")};
	struct label own[3] = {{STR_LIT("__name__"), STR_LIT("m")}, {STR_LIT("exported_site"), STR_LIT("x")},
	        {STR_LIT("site"), STR_LIT("own")}};
	struct rig one, two, fresh;
	struct err e = ERR_INIT;
	series_id id = {0};

	f = (struct fake){.began = 1, .fresh = true};
	must(pthread_mutex_init(&f.lock, NULL) == 0);
	site_open_at(&one, &f, "one", &near);
	site_open_at(&two, &f, "two", &away);
	give(&one, "a", US_MINUTE, 1);
	give(&two, "a", 2 * US_MINUTE, 2);
	give(&two, "c", US_MINUTE, 4);
	/* A label of the site's own by that name is what it was when it comes back. */
	check_ok(series_resolve(one.db, &(struct labels){own, 3}, &id, &e), &e);
	check(append(one.db, id, T0 - US_MINUTE, 3) == 0);
	wait_for(has(&f, "m{site=\"yancheng\",thing=\"a\"}", (T0 - US_MINUTE) / US_MS, 1));
	wait_for(has(&f, "m{site=\"suzhou\",thing=\"c\"}", (T0 - US_MINUTE) / US_MS, 4));
	wait_for(has(&f, "m{exported_exported_site=\"x\",exported_site=\"own\",site=\"yancheng\"}",
	        (T0 - US_MINUTE) / US_MS, 3));
	check_eq_s(everything(&one, a), "m{exported_site=\"x\",site=\"own\"} 3;m{thing=\"a\"} 1;");
	check_eq_s(everything(&two, a), "m{thing=\"a\"} 2;m{thing=\"c\"} 4;");
	/* One with an empty folder has it all from the engine, which is asked for that site alone. */
	site_open_at(&fresh, &f, "fresh", &near);
	check_eq_s(everything(&fresh, a), "m{exported_site=\"x\",site=\"own\"} 3;m{thing=\"a\"} 1;");
	check_has(f.asked, "site%3D%22yancheng%22");
	site_end(&fresh);
	/* Other labels than before would hide what the engine has. */
	rig_close(&one);
	one.ro.labels = (struct labels){&away, 1};
	check_ok(series_open(&one.so, &one.db, &e), &e);
	one.ro.db = one.db;
	check_err(series_remote_open(&one.ro, &one.r, &e), ERR_STATE);
	check_has(e.text, "{site=\"yancheng\"}");
	one.ro.labels = (struct labels){&near, 1};
	check_ok(series_remote_open(&one.ro, &one.r, &e), &e);
	site_end(&one);
	site_end(&two);
	lose(&f, f.n);
	free(f.k);
	pthread_mutex_destroy(&f.lock);
	arena_free(&a);
}

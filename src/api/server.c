#include "api/server.h"
#include "api/api_int.h"
#include "base/crew.h"
#include "base/digest.h"
#include "base/log.h"

#include <strings.h>
#include <unistd.h>

/* What the pages may do; nothing from another host, and no script that stands in a page. What draws charts
 * and maps sets attributes "style". */
/* %s, twice: where the tiles of the base map come from. */
#define CSP                                                                                                  \
	"default-src 'none'; script-src 'self'; worker-src 'self' blob:; connect-src 'self'%s; "             \
	"img-src 'self' data: blob:%s; font-src 'self'; manifest-src 'self'; style-src 'self'; "             \
	"style-src-attr 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
#define PERMISSIONS                                                                                          \
	"camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=(), bluetooth=(), midi=(), "   \
	"display-capture=()"
#define BODY_OF_STRANGERS 65536 /* taken, so that the answer to an unknown address is read */
#define QUEUE 2000
#define QUERY_THREADS 4 /* where the setting does not say */
#define TRIES_BURST 30  /* to sign in, from one address */
#define TRIES_REFILL (2 * US_SECOND)
#define RATE_BURST_S 10 /* an account may ask for so many seconds' worth at once */

/* What the access log says when the request is over, which outlives the call. */
struct note {
	char login[64];
};

/* ---- stages ---- */

/* Seconds until the caller may ask again, told in Retry-After; 0: now. */
static long long later(struct call *c, dur_us wait)
{
	long long s = (wait + US_SECOND - 1) / US_SECOND;

	if (s > 0)
		http_set_header(c->r, "Retry-After", arena_printf(c->a, "%lld", s));
	return s;
}

static bool same_host(struct call *c, const char *origin)
{
	const char *host = http_header(c->r, "Host"), *told = NULL, *name = strstr(origin, "://");

	if (http_proxied(c->r))
		told = http_header(c->r, "X-Forwarded-Host");
	return name != NULL && ((host != NULL && strcasecmp(name + 3, host) == 0) ||
	                               (told != NULL && strcasecmp(name + 3, told) == 0));
}

/* A browser says from whose page a request comes (Fetch Metadata, or the older Origin). Only our own may
 * change something; that a cookie is SameSite and a token must fit are walls behind this one. Who sends a
 * token of his own accord is no browser that was led astray. */
static int stage_origin(struct call *c, struct err *e)
{
	enum http_method m = http_method(c->r);
	const char *site = http_header(c->r, "Sec-Fetch-Site"), *origin = http_header(c->r, "Origin");
	bool ours = true;

	if (m == HTTP_GET || m == HTTP_HEAD || http_header(c->r, "Authorization") != NULL)
		return 0;
	if (site != NULL)
		ours = strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
	else if (origin != NULL)
		ours = same_host(c, origin);
	if (ours)
		return 0;
	err_set(e, ERR_DENIED, "this request comes from a page of another site");
	return err_at(e, NULL, 0, 0, site != NULL ? "Sec-Fetch-Site" : "Origin");
}

static int stage_limits(struct call *c, struct err *e)
{
	long long s;

	if (!(c->route->flags & ROUTE_LIMIT))
		return 0;
	s = later(c, rate_take(c->s->tries, http_remote(c->r), clock_monotonic()));

	return s == 0 ? 0 : err_set(e, ERR_BUSY, "too many tries from this address; try again in %lld s", s);
}

/* Devices bring their own account in another way, and as much as they like. */
static bool strangers_pay(const struct call *c)
{
	return c->s->strangers != NULL && !(c->route->flags & (ROUTE_INGEST | ROUTE_TEST));
}

static int stage_authenticate(struct call *c, struct err *e)
{
	struct note *note = http_data(c->r);
	int rc = auth_find(c, e);

	/* Tries of tokens are counted too, and cost the store a look each. */
	if (c->token == NULL && strangers_pay(c)) {
		long long s = later(c, rate_take(c->s->strangers, http_remote(c->r), clock_monotonic()));

		if (s > 0)
			return err_set(e, ERR_BUSY,
			        "too many requests from this address without a session; try again in %lld s",
			        s);
	}
	if (rc == 0 && c->token != NULL)
		snprintf(note->login, sizeof(note->login), "%s", c->who.login);
	return rc;
}

/* A stream is one request that lasts, and a page that lost it must find back in. */
static int stage_rate(struct call *c, struct err *e)
{
	long long s;

	if (c->s->rate == NULL || c->token == NULL || c->route->mode == MODE_TAKE)
		return 0;
	s = later(c, rate_take(c->s->rate, c->who.login, clock_monotonic()));

	return s == 0 ? 0 : err_set(e, ERR_BUSY, "too many requests of this account; try again in %lld s", s);
}

static int stage_authorise(struct call *c, struct err *e)
{
	return auth_check(c, e);
}

static int stage_validate(struct call *c, struct err *e)
{
	const char *type = http_header(c->r, "Content-Type");
	struct str body = http_body(c->r);
	int rc;

	if (c->route->flags & ROUTE_PROM)
		c->form = form_read(c);
	if (c->route->request[0] == '\0')
		return 0;
	/* A page of another host can send a form, and text, without asking; it cannot send JSON. */
	if (type != NULL && body.n > 0 && strncasecmp(type, "application/json", 16) != 0) {
		err_set(e, ERR_INVALID, "the body must be JSON: Content-Type: application/json");
		return err_at(e, NULL, 0, 0, "Content-Type");
	}
	rc = doc_parse_json(c->a, body.n > 0 ? body : STR_LIT("{}"), "", &c->body, e);
	return rc < 0 ? rc : schema_check(c->body, c->route->request, "", e);
}

/* The same request a second time is answered without its handler. */
static int stage_once(struct call *c, struct err *e)
{
	return idempotency_begin(c, e);
}

static int stage_handle(struct call *c, struct err *e)
{
	int rc = 0;

	if (c->replayed)
		return 0;
	if (c->route->mode == MODE_READ)
		rc = call_read(c, e);
	return rc < 0 ? rc : c->route->handle(c, e);
}

/* In this order; the first failure is the answer. */
static const struct stage {
	const char *name;
	int (*run)(struct call *c, struct err *e);
} stages[] = {
        {"origin", stage_origin},
        {"limits", stage_limits},
        {"authenticate", stage_authenticate},
        {"rate", stage_rate},
        {"authorise", stage_authorise},
        {"validate", stage_validate},
        {"once", stage_once},
        {"handle", stage_handle},
};

/* The call lives in the request's arena, which goes with the answer: nothing of it is touched after. */
static void encode_failure(struct call *c, const struct err *e)
{
	struct sb b = SB_INIT;
	int status;

	sb_fini(&c->out);
	if (c->has_file)
		close(c->file);
	if (!(c->route->flags & ROUTE_PROM)) {
		problem_reply(c->r, e, c->faults);
		return;
	}
	prometheus_error(&b, e, &status);
	if (status == 401)
		http_set_header(c->r, "WWW-Authenticate", "Bearer realm=\"heming\"");
	http_reply_take(c->r, status, "application/json", &b);
	sb_fini(&b);
}

/* Gives the answer its tag. Weak: it is the same whether it was compressed on its way or not. */
static bool known_to_reader(struct call *c)
{
	const char *etag =
	        arena_printf(c->a, "W/\"%016llx\"", (unsigned long long)hash64(c->out.p, c->out.n, 0));

	http_set_header(c->r, "ETag", etag);
	return etag_known(c->r, etag);
}

static void encode(struct call *c)
{
	struct sb out = c->out;

	if (c->has_file) {
		sb_fini(&out);
		http_reply_file(c->r, 200, c->mime, c->file, c->file_n);
	} else if (out.failed) {
		struct err e = ERR_INIT;

		err_set(&e, ERR_TOOBIG, "the answer is too large; ask for less at once");
		encode_failure(c, &e);
	} else if (c->route->flags & ROUTE_TAG && known_to_reader(c)) {
		sb_fini(&out);
		http_reply(c->r, 304, NULL, STR_NULL);
	} else if (out.n == 0 && c->mime == NULL) {
		sb_fini(&out);
		http_reply(c->r, c->status != 0 ? c->status : 204, NULL, STR_NULL);
	} else {
		http_reply_take(c->r, c->status != 0 ? c->status : 200,
		        c->mime != NULL ? c->mime : "application/json", &out);
		sb_fini(&out);
	}
}

static void run_stages(struct call *c)
{
	const struct route *route = c->route;
	struct err e = ERR_INIT;
	char why[1024];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(stages) && rc == 0; i++) {
		rc = stages[i].run(c, &e);
		if (rc < 0 && err_http(rc) >= 500)
			LOG(HTTP_FAULT, log_s("stage", stages[i].name), log_s("path", route->path),
			        log_s("why", err_str(&e, why, sizeof(why))));
	}
	if (rc == 0 && route->mode == MODE_TAKE)
		return; /* who has taken it over may have answered already */
	store_read_end(&c->tx);
	idempotency_end(c, rc);
	if (c->held != NULL)
		registry_release(c->site->registry, c->held);
	/* A failure that is no more than a code must still be told in words. */
	if (rc < 0 && e.code == 0)
		err_set(&e, rc, "%s", err_text(rc));
	if (rc < 0)
		encode_failure(c, &e);
	else
		encode(c);
}

/* ---- the door ---- */

static bool work_begin(struct api_server *s)
{
	bool ok;

	pthread_mutex_lock(&s->lock);
	ok = !s->closing;
	if (ok)
		s->at_work++;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static void work_end(struct api_server *s)
{
	pthread_mutex_lock(&s->lock);
	if (--s->at_work == 0)
		pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
}

struct job {
	struct api_server *s;
	void (*f)(void *arg);
	void *arg;
};

static void run_job(void *arg)
{
	struct job *j = arg;
	struct api_server *s = j->s;

	j->f(j->arg);
	free(j);
	work_end(s);
}

bool server_later(struct api_server *s, void (*f)(void *arg), void *arg)
{
	struct job *j;

	if (!work_begin(s))
		return false;
	j = xcalloc(1, sizeof(*j));
	*j = (struct job){s, f, arg};
	if (work_submit(s->work, true, run_job, j))
		return true;
	free(j);
	work_end(s);
	return false;
}

bool server_closing(void *server)
{
	struct api_server *s = server;
	bool closing;

	pthread_mutex_lock(&s->lock);
	closing = s->closing;
	pthread_mutex_unlock(&s->lock);
	return closing;
}

static void run(void *arg)
{
	struct call *c = arg;
	struct api_server *s = c->s;

	log_context("req", http_id(c->r));
	if (c->route != NULL)
		run_stages(c);
	else
		asset_reply_from(c->r, s->web_dir);
	log_context(NULL, NULL);
	work_end(s);
}

/* What the pages may ask: this site, and the host of the base map, if it is another. */
static char *policy_of(const struct base_map *m)
{
	char host[256] = "", out[sizeof(CSP) + 2 * sizeof(host)];
	const char *path = m->tiles != NULL ? strstr(m->tiles, "://") : NULL;

	if (path != NULL) {
		path += 3;
		snprintf(host, sizeof(host), " %.*s", (int)(path - m->tiles + (long)strcspn(path, "/")),
		        m->tiles);
	}
	snprintf(out, sizeof(out), CSP, host, host);
	return xstrdup(out);
}

static void security_headers(const struct api_server *s, struct http_req *r)
{
	http_set_header(r, "Content-Security-Policy", s->policy);
	http_set_header(r, "X-Content-Type-Options", "nosniff");
	http_set_header(r, "Referrer-Policy", "no-referrer");
	http_set_header(r, "Permissions-Policy", PERMISSIONS);
	http_set_header(r, "X-Frame-Options", "DENY"); /* for those who do not read frame-ancestors */
	http_set_header(r, "Cross-Origin-Opener-Policy", "same-origin");
	http_set_header(r, "Cross-Origin-Resource-Policy", "same-origin");
	if (http_secure(r))
		http_set_header(r, "Strict-Transport-Security", "max-age=31536000");
}

static void reply_err(struct http_req *r, int code, const char *words)
{
	struct err e = ERR_INIT;

	err_set(&e, code, "%s", words);
	problem_reply(r, &e, STR_NULL);
}

static void say_methods(struct http_req *r, unsigned methods)
{
	char text[96] = "";
	size_t n = 0;

	for (int m = 0; m < HTTP_OTHER; m++)
		if (methods & 1u << m)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? ", " : "",
			        http_method_name((enum http_method)m));
	http_set_header(r, "Allow", text);
}

static bool of_the_api(const char *path)
{
	return strncmp(path, "/api/", 5) == 0 || strncmp(path, "/prometheus/", 12) == 0 ||
	       strncmp(path, "/tiles/", 7) == 0;
}

static void submit(struct api_server *s, struct http_req *r, const struct route_match *m)
{
	struct call *c = arena_alloc(http_arena(r), sizeof(*c));
	const struct route *route = m != NULL ? m->route : NULL;
	bool slow = route != NULL && route->flags & ROUTE_SLOW;

	if (c == NULL) {
		reply_err(r, ERR_NOMEM, "this request's memory is used up");
		return;
	}
	c->s = s;
	c->site = s->site;
	c->r = r;
	c->a = http_arena(r);
	c->route = route;
	if (m != NULL)
		memcpy(c->param, m->param, sizeof(c->param));
	jw_init(&c->w, &c->out);
	if (!work_begin(s)) {
		reply_err(r, ERR_UNAVAILABLE, "the server is stopping");
		return;
	}
	if (!work_submit(s->work, slow, run, c)) {
		work_end(s);
		reply_err(r, ERR_UNAVAILABLE, "too many requests wait; try again in a moment");
	}
}

static void serve_page(struct api_server *s, struct http_req *r)
{
	enum http_method m = http_method(r);

	if (m != HTTP_GET && m != HTTP_HEAD) {
		say_methods(r, 1u << HTTP_GET | 1u << HTTP_HEAD);
		reply_err(r, ERR_METHOD, "pages are read with GET");
	} else if (s->web_dir != NULL) {
		submit(s, r, NULL);
	} else if (!asset_reply(r)) {
		reply_err(r, ERR_NOTFOUND, "there is no such page");
	}
}

static void serve(void *ctx, struct http_req *r)
{
	struct api_server *s = ctx;
	struct route_match m;
	bool known = router_find(s->router, http_method(r), http_path(r), &m);

	http_set_data(r, xcalloc(1, sizeof(struct note)));
	security_headers(s, r);
	if (!known && !of_the_api(http_path(r))) {
		serve_page(s, r);
		return;
	}
	if (known && m.route != NULL && m.route->flags & ROUTE_TAG)
		http_set_header(
		        r, "Cache-Control", "private, no-cache"); /* ask each time; it may be the same */
	else if (!known || m.route == NULL || m.route->handle != events_get) /* a stream says so itself */
		http_set_header(r, "Cache-Control", "no-store");
	if (!known) {
		reply_err(r, ERR_NOTFOUND, "there is nothing at this address; see /api/openapi.json");
	} else if (m.route != NULL) {
		submit(s, r, &m);
	} else {
		say_methods(r, m.methods);
		if (http_method(r) == HTTP_OPTIONS)
			http_reply(r, 204, NULL, STR_NULL);
		else
			reply_err(r, ERR_METHOD, "this address does not take that method");
	}
}

static size_t admit(void *ctx, struct http_req *r)
{
	struct api_server *s = ctx;
	struct route_match m;

	if (!router_find(s->router, http_method(r), http_path(r), &m) || m.route == NULL)
		return BODY_OF_STRANGERS;
	return m.route->body_max;
}

/* The token of a device may stand in the path (/api/v1/NAME:SECRET/telemetry), and belongs in no log. */
static const char *loggable(const char *path)
{
	static const char api[] = "/api/v1/";
	const char *token = path + sizeof(api) - 1;

	if (strncmp(path, api, sizeof(api) - 1) == 0 && memchr(token, ':', strcspn(token, "/")) != NULL)
		return "/api/v1/{token}/telemetry";
	return path;
}

/* A device's body was too long: that is counted as its other refusals are. */
static void count_too_long(struct api_server *s, struct http_req *r)
{
	struct ingest_turned_away *x;
	struct route_match m = {0};

	if (s->ingest == NULL || !router_find(s->router, http_method(r), http_path(r), &m) ||
	        m.route == NULL || !(m.route->flags & ROUTE_INGEST))
		return;
	x = ingest_too_long(s->ingest, r, m.param[0].p != NULL ? m.param[0] : STR_NULL);
	if (x != NULL && !server_later(s, ingest_turned_away, x))
		ingest_turned_away(x);
}

static void done(void *ctx, struct http_req *r, int status, dur_us took)
{
	struct api_server *s = ctx;
	struct note *note = http_data(r);

	if (status == 413)
		count_too_long(s, r);
	LOG(HTTP_REQUEST, log_s("id", http_id(r)), log_s("method", http_method_name(http_method(r))),
	        log_s("path", loggable(http_path(r))), log_i("status", status), log_i("us", took),
	        log_s("login", note != NULL ? note->login : ""), log_s("remote", http_remote(r)));
	free(note);
	http_set_data(r, NULL);
}

/* Besides the handler's own thread. */
static int query_hands(const struct api_server *s, int threads)
{
	if (threads == 0)
		threads = s->processors < QUERY_THREADS ? s->processors : QUERY_THREADS;
	return threads < 1 ? 0 : threads > CREW_MOST ? CREW_MOST - 1 : threads - 1;
}

int api_start(const struct api_options *o, struct api_server **out, struct err *e)
{
	struct http_door door = {.admit = admit, .serve = serve, .done = done};
	struct http_options ho = {.address = o->address != NULL ? o->address : "127.0.0.1",
	        .port = o->port,
	        .cert = o->cert,
	        .key = o->key,
	        .proxies = o->proxies};
	struct api_server *s;
	int rc;

	*out = NULL;
	if (o->test_control && !clock_is_manual(o->site->clock))
		return err_set(e, ERR_INVALID, "test control needs a manual clock");
	s = xcalloc(1, sizeof(*s));
	s->magic = API_MAGIC;
	s->site = o->site;
	s->ingest = o->ingest;
	s->web_dir = o->web_dir != NULL ? xstrdup(o->web_dir) : NULL;
	s->policy = policy_of(&o->site->base_map);
	s->version = xstrdup(o->version != NULL ? o->version : "0.1.0");
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_cond_init(&s->idle, NULL) == 0);
	s->router = router_new(o->test_control, o->ingest != NULL);
	s->tries = rate_new(TRIES_BURST, TRIES_REFILL);
	if (o->rate > 0) {
		s->rate = rate_new(o->rate * RATE_BURST_S, US_SECOND / o->rate);
		s->strangers = rate_new(o->rate * RATE_BURST_S, US_SECOND / o->rate);
	}
	s->deadlines = deadlines_new();
	s->processors = (int)sysconf(_SC_NPROCESSORS_ONLN);
	s->crew = crew_new(query_hands(s, o->query_threads));
	s->streams = streams_new(o->site);
	s->work = work_new(o->workers > 0 ? o->workers : 4, QUEUE);
	door.ctx = s;
	rc = oidc_new(&o->oidc, &s->oidc, e);
	if (rc == 0)
		rc = http_listen(&ho, &door, &s->http, e);
	if (rc < 0)
		api_stop(&s);
	*out = s;
	return rc;
}

int api_port(const struct api_server *s)
{
	return http_port(s->http);
}

struct ingest *api_ingest(const struct api_server *s)
{
	return s->ingest;
}

int api_reload(struct api_server *s, time_us *until, int *brokers, struct err *e)
{
	struct err other = ERR_INIT;
	int rc = 0;

	*until = TIME_NONE;
	*brokers = s->ingest != NULL ? ingest_reload_brokers(s->ingest, &other) : 0;
	if (http_has_certificate(s->http))
		rc = http_reload(s->http, until, e);
	if (rc == 0 && s->ingest != NULL)
		rc = ingest_reload_cert(s->ingest, e);
	if (rc < 0 || *brokers >= 0)
		return rc;
	*e = other;
	return e->code;
}

void api_stop(struct api_server **sp)
{
	struct api_server *s = *sp;

	if (s == NULL)
		return;
	OBJ_CHECK(s, API_MAGIC);
	*sp = NULL;
	/* First nothing new reaches the workers, then those at work answer, then the door may go: a worker
	 * must never hold a request that the door has let go of. */
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_mutex_unlock(&s->lock);
	streams_close(s->streams);
	deadlines_raise(s->deadlines);
	pthread_mutex_lock(&s->lock);
	while (s->at_work > 0)
		pthread_cond_wait(&s->idle, &s->lock);
	pthread_mutex_unlock(&s->lock);
	if (s->http != NULL)
		http_close(&s->http, 5 * US_SECOND);
	work_free(&s->work);
	streams_free(&s->streams);
	deadlines_free(&s->deadlines);
	crew_free(&s->crew);
	rate_free(&s->tries);
	rate_free(&s->rate);
	oidc_free(&s->oidc);
	rate_free(&s->strangers);
	router_free(&s->router);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	free(s->web_dir);
	free(s->version);
	free(s->policy);
	s->magic = 0;
	free(s);
}

#include "net/http_int.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/thread.h"

#include <sys/socket.h>
#include <unistd.h>

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};

const char *http_method_name(enum http_method m)
{
	return methods[m];
}

static enum http_method method_of(const char *s)
{
	for (int i = 0; i < HTTP_OTHER; i++)
		if (strcmp(s, methods[i]) == 0)
			return (enum http_method)i;
	return HTTP_OTHER;
}

/* ---- a request comes in ---- */

static void set_remote(struct http_req *r)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);

	if (info != NULL && info->client_addr != NULL)
		socket_peer(info->client_addr, r->remote);
}

static void set_id(struct http_req *r)
{
	const char *given = http_header(r, "X-Request-Id");
	size_t n = given != NULL ? strlen(given) : 0;
	bool ok = n >= 8 && n < sizeof(r->id);

	for (size_t i = 0; ok && i < n; i++)
		ok = (given[i] >= '0' && given[i] <= '9') || (given[i] >= 'a' && given[i] <= 'z') ||
		     (given[i] >= 'A' && given[i] <= 'Z') || given[i] == '-' || given[i] == '_';
	if (ok)
		memcpy(r->id, given, n + 1);
	else
		random_hex(8, r->id);
}

/* A path that climbs ("/a/../b"), or that is no text, is nobody's. */
static bool path_ok(const char *path)
{
	struct str rest = str_of(path);

	if (path[0] != '/' || !utf8_valid(rest))
		return false;
	while (rest.p != NULL) {
		struct str segment = str_cut(&rest, '/');

		if (str_is(segment, "..") || str_is(segment, "."))
			return false;
	}
	return true;
}

/* The head is in: how much body may follow? */
static void admit(struct http_req *r)
{
	const char *length = http_header(r, "Content-Length");
	int64_t n = 0;

	if (atomic_load(&r->server->closing)) {
		r->early = 503;
		return;
	}
	/* Both lengths at once are how requests are smuggled past a proxy. */
	if (!path_ok(r->path) || (length != NULL && http_header(r, "Transfer-Encoding") != NULL) ||
	        (length != NULL && (!num_int(str_of(length), &n) || n < 0))) {
		r->early = 400;
		return;
	}
	r->body_max = r->server->door.admit != NULL ? r->server->door.admit(r->server->door.ctx, r) : 0;
	if ((uint64_t)n > r->body_max)
		r->early = 413;
	else if (atomic_load(&r->server->body_bytes) + (size_t)n > r->server->o.body_total)
		r->early = 503;
	else
		http__body_expect(&r->body, (size_t)n);
}

static struct conn *conn_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* False when the watch was first. */
static bool conn_waits(struct http_server *s, struct conn *c, bool waits)
{
	bool ok = true;

	if (c == NULL)
		return true;
	pthread_mutex_lock(&s->lock);
	ok = !c->expired;
	if (waits && !c->waits) {
		c->since = clock_monotonic();
		c->before_seen = false;
	}
	c->waits = waits;
	pthread_mutex_unlock(&s->lock);
	return ok;
}

static struct http_req *req_new(
        struct http_server *s, struct MHD_Connection *mhd, const char *url, const char *method)
{
	struct arena *a = arena_new(0);
	struct http_req *r = arena_alloc(a, sizeof(*r));

	r->server = s;
	r->mhd = mhd;
	r->conn = conn_of(mhd);
	r->a = a;
	atomic_init(&r->refs, 1);
	r->method = method_of(method);
	r->path = arena_strdup(a, url);
	r->begin = clock_monotonic();
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	atomic_fetch_add(&s->at_work, 1);
	set_remote(r);
	http__proxies_look(r);
	set_id(r);
	return r;
}

static void req_unref(struct http_req *r)
{
	struct arena *a = r->a;

	if (atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	http__body_fini(&r->body);
	pthread_mutex_destroy(&r->lock);
	arena_free(&a);
}

/* False when the body is refused in its middle: the connection ends. */
static bool take_body(struct http_req *r, const char *p, size_t n)
{
	struct http_server *s = r->server;

	if (n > r->body_max - r->body.n) {
		r->early = 413;
	} else if (atomic_fetch_add(&s->body_bytes, n) + n > s->o.body_total) {
		atomic_fetch_sub(&s->body_bytes, n);
		r->early = 503;
	} else {
		r->body_counted += n;
		r->body.max = r->body_max + 1;
		sb_put(&r->body, p, n);
		return true;
	}
	r->status = r->early;
	if (r->conn != NULL && conn_waits(s, r->conn, false)) {
		http__raw_answer(s, r->conn->fd, r->early);
		http__linger(s, r->conn->fd);
	}
	return false;
}

const char *http__early_words(int status)
{
	switch (status) {
	case 400: return "the request is not well formed: its path, or the length of its body\n";
	case 408: return "the request took too long to arrive\n";
	case 413: return "the request's body is larger than this address takes\n";
	default: return "this server takes no more requests at the moment; try again soon\n";
	}
}

static enum MHD_Result answer_early(struct http_req *r)
{
	struct MHD_Response *m = http__text(http__early_words(r->early));
	enum MHD_Result ok;

	(void)conn_waits(r->server, r->conn, false);
	MHD_add_response_header(m, "Connection", "close");
	MHD_add_response_header(m, "X-Request-Id", r->id);
	if (r->early == 503)
		MHD_add_response_header(m, "Retry-After", "1");
	r->status = r->early;
	ok = MHD_queue_response(r->mhd, (unsigned)r->early, m);
	MHD_destroy_response(m);
	if (r->conn != NULL)
		http__linger(r->server, r->conn->fd);
	return ok;
}

static void enlist(struct http_req *r)
{
	struct http_server *s = r->server;

	pthread_mutex_lock(&s->lock);
	r->next = s->reqs;
	if (r->next != NULL)
		r->next->prev = r;
	s->reqs = r;
	pthread_mutex_unlock(&s->lock);
}

static void delist(struct http_req *r)
{
	struct http_server *s = r->server;

	pthread_mutex_lock(&s->lock);
	if (r->prev != NULL)
		r->prev->next = r->next;
	else
		s->reqs = r->next;
	if (r->next != NULL)
		r->next->prev = r->prev;
	pthread_mutex_unlock(&s->lock);
}

/* The whole request is in; or it was answered from another thread and the connection goes on. */
static enum MHD_Result serve(struct http_req *r)
{
	enum MHD_Result ok = MHD_YES;

	if (!r->served) {
		if (!conn_waits(r->server, r->conn, false))
			return MHD_NO;
		r->served = true;
		atomic_fetch_add(&r->refs, 1);
		enlist(r);
		r->server->door.serve(r->server->door.ctx, r);
	}
	pthread_mutex_lock(&r->lock);
	if (r->response != NULL) {
		if (atomic_load(&r->server->closing))
			MHD_add_response_header(r->response, "Connection", "close");
		ok = MHD_queue_response(r->mhd, (unsigned)r->status, r->response);
		MHD_destroy_response(r->response);
		r->response = NULL;
	} else if (r->given_up || atomic_load(&r->server->stopping)) {
		r->given_up = true;
		ok = MHD_NO;
	} else {
		r->suspended = true;
		MHD_suspend_connection(r->mhd);
	}
	pthread_mutex_unlock(&r->lock);
	return ok;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *mhd, const char *url, const char *method,
        const char *version, const char *upload, size_t *n, void **slot)
{
	struct http_req *r = *slot;

	(void)version;
	if (r == NULL) {
		*slot = r = req_new(ctx, mhd, url, method);
		admit(r);
		/* refused before the body is read, so that nobody uploads in vain */
		return r->early != 0 ? answer_early(r) : MHD_YES;
	}
	if (*n > 0) {
		enum MHD_Result ok = take_body(r, upload, *n) ? MHD_YES : MHD_NO;

		*n = 0;
		return ok;
	}
	return serve(r);
}

bool http__answer_begin(struct http_req *r)
{
	pthread_mutex_lock(&r->lock);
	if (!r->given_up) {
		must(r->response == NULL && r->status == 0); /* one answer a request */
		return true;
	}
	pthread_mutex_unlock(&r->lock);
	req_unref(r);
	return false;
}

void http__answer_end(struct http_req *r, int status, struct MHD_Response *response)
{
	struct http_server *s = r->server;
	bool resume;

	for (const struct header *h = r->header; h != NULL; h = h->next)
		MHD_add_response_header(response, h->name, h->value);
	MHD_add_response_header(response, "X-Request-Id", r->id);
	r->response = response;
	r->status = status;
	resume = r->suspended;
	r->suspended = false;
	if (resume)
		atomic_fetch_add(&s->resuming, 1);
	pthread_mutex_unlock(&r->lock);
	/* Not under the lock, which the loop takes as soon as it has woken up. */
	if (resume) {
		MHD_resume_connection(r->mhd);
		atomic_fetch_sub(&s->resuming, 1);
	}
	req_unref(r);
}

void http__answer(struct http_req *r, int status, struct MHD_Response *response)
{
	if (http__answer_begin(r))
		http__answer_end(r, status, response);
	else
		MHD_destroy_response(response);
}

/* Requests that nobody answered in the time of grace: their connections end now, they themselves when their
 * answer comes, which goes nowhere. */
static void give_up(struct http_server *s)
{
	struct http_req **all = NULL;
	size_t n = 0, cap = 0;

	atomic_store(&s->stopping, true);
	pthread_mutex_lock(&s->lock);
	for (struct http_req *r = s->reqs; r != NULL; r = r->next) {
		all = xgrow(all, &cap, n + 1, sizeof(*all));
		atomic_fetch_add(&r->refs, 1);
		all[n++] = r;
	}
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < n; i++) {
		pthread_mutex_lock(&all[i]->lock);
		if (all[i]->suspended) {
			all[i]->given_up = true;
			all[i]->suspended = false;
			MHD_resume_connection(all[i]->mhd);
		}
		pthread_mutex_unlock(&all[i]->lock);
		req_unref(all[i]);
	}
	free(all);
	while (atomic_load(&s->resuming) >
	        0) /* for a moment: the library ends no connection that is suspended */
		usleep(100);
}

static void on_completed(
        void *ctx, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct http_server *s = ctx;
	struct http_req *r = *slot;
	bool sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	dur_us took;
	int status;

	(void)mhd;
	if (r == NULL)
		return;
	*slot = NULL;
	if (r->served)
		delist(r);
	pthread_mutex_lock(&r->lock);
	if (r->response != NULL)
		MHD_destroy_response(r->response);
	r->response = NULL;
	status = r->status;
	if (r->served && status == 0)
		r->given_up = true;
	pthread_mutex_unlock(&r->lock);
	took = clock_monotonic() - r->begin;
	if (r->conn != NULL && !conn_waits(s, r->conn, true) && status == 0)
		status = 408; /* the watch told it so, and counted it */
	else if (status >= 200 && status < 600)
		metric_add((enum metric_id)(METRIC_HTTP_2XX + (status / 100 - 2)), 1);
	if (!r->streams)
		metric_add(METRIC_HTTP_MICROS, took);
	if (r->early != 0)
		LOG(HTTP_FAULT, log_s("remote", r->remote), log_s("path", r->path),
		        log_i("status", r->early));
	atomic_fetch_sub(&s->body_bytes, r->body_counted);
	if (s->door.done != NULL)
		s->door.done(s->door.ctx, r, sent || r->early != 0 || status == 408 ? status : 0, took);
	atomic_fetch_sub(&s->at_work, 1);
	req_unref(r);
}

/* ---- connections ---- */

/* A connection begins, before its handshake. */
static void begin_tls(struct http_server *s, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);

	if (s->tls != NULL && info != NULL)
		gnutls_session_set_ptr(info->tls_session, s->tls);
}

static void on_connection(
        void *ctx, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = ctx;
	struct conn *c = *slot;

	pthread_mutex_lock(&s->lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

		begin_tls(s, mhd);
		*slot = c = xcalloc(1, sizeof(*c));
		c->fd = info != NULL ? info->connect_fd : -1;
		c->waits = true;
		c->since = clock_monotonic();
		c->before_seen = true; /* nothing */
		c->next = s->conns;
		if (c->next != NULL)
			c->next->prev = c;
		s->conns = c;
		metric_add(METRIC_HTTP_CONNECTIONS, 1);
	} else if (c != NULL) {
		if (c->prev != NULL)
			c->prev->next = c->next;
		else
			s->conns = c->next;
		if (c->next != NULL)
			c->next->prev = c->prev;
		free(c);
		*slot = NULL;
		metric_add(METRIC_HTTP_CONNECTIONS, -1);
	}
	pthread_mutex_unlock(&s->lock);
}

/* ---- the door ---- */

static PRINTF_LIKE(2, 0) void on_fault(void *ctx, const char *fmt, va_list ap)
{
	char text[256];

	(void)ctx;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\r\n")] = '\0';
	if (strstr(text, "response code is 4"))
		metric_add(METRIC_HTTP_4XX, 1); /* a request that the library refused itself */
	LOG(HTTP_FAULT, log_s("why", text));
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* In place. A broken escape, and %00, which would cut a C string short, stay as they are. */
static size_t unescape(void *ctx, struct MHD_Connection *mhd, char *s)
{
	char *to = s;

	(void)ctx;
	(void)mhd;
	for (const char *from = s; *from != '\0'; to++) {
		int high = from[0] == '%' ? hex(from[1]) : -1, low = high >= 0 ? hex(from[2]) : -1;

		if (low >= 0 && high * 16 + low != 0) {
			*to = (char)(high * 16 + low);
			from += 3;
		} else {
			*to = *from++;
		}
	}
	*to = '\0';
	return (size_t)(to - s);
}

/* Nobody new is let in while the door closes. (MHD_quiesce_daemon would do it, but races with its own loops
 * for the listening socket, and then ends the process.) */
static enum MHD_Result on_knock(void *ctx, const struct sockaddr *from, socklen_t n)
{
	struct http_server *s = ctx;

	(void)from;
	(void)n;
	return atomic_load(&s->closing) ? MHD_NO : MHD_YES;
}

static int start(struct http_server *s, struct err *e)
{
	unsigned flags =
	        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_PRIORITIES, 0, (char *)(uintptr_t)TLS_PRIORITIES},
	        {MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)cert__give},
	        {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
	sigset_t before;

	if (s->tls != NULL)
		flags |= MHD_USE_TLS;
	thread_deafen(&before);
	s->mhd = MHD_start_daemon(flags, 0, on_knock, s, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_fault,
	        NULL, MHD_OPTION_LISTEN_SOCKET, s->listener, MHD_OPTION_THREAD_POOL_SIZE,
	        s->o.threads > 1 ? (unsigned)s->o.threads : 0u, MHD_OPTION_CONNECTION_LIMIT,
	        (unsigned)s->o.connections, MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)s->o.per_address,
	        MHD_OPTION_CONNECTION_TIMEOUT,
	        /* for peers that do not read their answer; those that do not send are the watch's */
	        (unsigned)(2 * s->o.head_wait / US_SECOND + 2), MHD_OPTION_STRICT_FOR_CLIENT, 1,
	        MHD_OPTION_UNESCAPE_CALLBACK, unescape, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s,
	        MHD_OPTION_NOTIFY_CONNECTION, on_connection, s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
	        (size_t)(64 << 10), MHD_OPTION_ARRAY, s->tls != NULL ? tls : none, MHD_OPTION_END);
	thread_hear(&before);
	if (s->mhd == NULL)
		return err_set(
		        e, ERR_IO, "the HTTP library does not start%s", s->tls != NULL ? " with TLS" : "");
	return 0;
}

static int open_cert(struct http_server *s, struct err *e)
{
	const struct cert_options o = {.cert = s->o.cert,
	        .key = s->o.key,
	        .look = s->o.cert_look,
	        .handshake = 2 * s->o.body_wait}; /* the watch ends a request that is not whole by then */

	if (o.cert == NULL || o.key == NULL)
		return err_set(e, ERR_INVALID, "TLS needs both a certificate and its key");
	return cert_open(&o, &s->tls, e);
}

bool http_has_certificate(const struct http_server *s)
{
	return s->tls != NULL;
}

int http_reload(struct http_server *s, time_us *until, struct err *e)
{
	if (s->tls == NULL)
		return err_set(e, ERR_STATE, "this server has no certificate; see the setting cert");
	return cert_reload(s->tls, until, e);
}

int http_listen(
        const struct http_options *o, const struct http_door *door, struct http_server **out, struct err *e)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	int rc;

	s->door = *door;
	s->o = *o;
	s->listener = s->wake_fd = -1;
	s->o.address = o->address != NULL ? o->address : "127.0.0.1";
	s->o.threads = o->threads > 0 ? o->threads : 2;
	s->o.connections = o->connections > 0 ? o->connections : 2000;
	s->o.per_address = o->per_address > 0 ? o->per_address : 500;
	if (o->proxies != NULL)
		s->o.per_address = s->o.connections;
	s->o.head_wait = o->head_wait > 0 ? o->head_wait : 15 * US_SECOND;
	s->o.body_wait = o->body_wait > 0 ? o->body_wait : US_MINUTE;
	s->o.body_total = o->body_total > 0 ? o->body_total : (size_t)256 << 20;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	rc = http__proxies_open(o->proxies, &s->proxies, e);
	if (rc == 0)
		rc = socket_listen(s->o.address, s->o.port, &s->listener, &s->port, e);
	if (rc == 0 && (o->cert != NULL || o->key != NULL))
		rc = open_cert(s, e);
	if (rc == 0) {
		http__watch_start(s);
		rc = start(s, e);
	}
	if (rc < 0)
		http_close(&s, 0);
	*out = s;
	return rc;
}

int http_port(const struct http_server *s)
{
	return s->port;
}

void http_close(struct http_server **server, dur_us grace)
{
	struct http_server *s = *server;
	dur_us until = clock_monotonic() + grace;

	if (s == NULL)
		return;
	*server = NULL;
	atomic_store(&s->closing, true);
	if (s->mhd != NULL) {
		pthread_mutex_lock(&s->lock);
		for (struct http_stream *x = s->streams; x != NULL; x = x->next)
			http_stream_end(x);
		pthread_mutex_unlock(&s->lock);
		while (atomic_load(&s->at_work) > 0 && clock_monotonic() < until)
			usleep(2000);
		give_up(s);
		MHD_stop_daemon(s->mhd);
	}
	http__watch_stop(s);
	if (s->listener >= 0)
		close(s->listener);
	pthread_mutex_destroy(&s->lock);
	cert_close(&s->tls); /* after the library has let go */
	http__proxies_close(&s->proxies);
	free(s);
}

/* ---- what a request says ---- */

enum http_method http_method(const struct http_req *r)
{
	return r->method;
}

const char *http_path(const struct http_req *r)
{
	return r->path;
}

const char *http_id(const struct http_req *r)
{
	return r->id;
}

struct lookup {
	struct http_req *r;
	const char *name;
	const char **value;
	size_t n, cap;
};

static enum MHD_Result collect(void *ctx, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct lookup *x = ctx;

	(void)kind;
	if (strcmp(key, x->name) == 0) {
		x->value = arena_grow(x->r->a, x->value, &x->cap, x->n + 2, sizeof(*x->value));
		x->value[x->n++] = value != NULL ? value : "";
		x->value[x->n] = NULL;
	}
	return MHD_YES;
}

const char **http_query_all(const struct http_req *r, const char *name)
{
	static const char *none[] = {NULL};
	struct lookup x = {.r = (struct http_req *)(uintptr_t)r, .name = name};

	MHD_get_connection_values(r->mhd, MHD_GET_ARGUMENT_KIND, collect, &x);
	return x.value != NULL ? x.value : none;
}

struct names {
	struct arena *a;
	const char **name;
	size_t n, cap;
};

static enum MHD_Result collect_name(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct names *x = arg;

	(void)kind, (void)value;
	x->name = arena_grow(x->a, x->name, &x->cap, x->n + 2, sizeof(*x->name));
	if (x->name == NULL)
		return MHD_NO;
	x->name[x->n++] = arena_strdup(x->a, name);
	x->name[x->n] = NULL;
	return MHD_YES;
}

const char **http_query_names(const struct http_req *r)
{
	static const char *none[] = {NULL};
	struct names x = {.a = r->a};

	MHD_get_connection_values(r->mhd, MHD_GET_ARGUMENT_KIND, collect_name, &x);
	return x.name != NULL ? x.name : none;
}

const char *http_query(const struct http_req *r, const char *name)
{
	return http_query_all(r, name)[0];
}

const char *http_header(const struct http_req *r, const char *name)
{
	return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

const char *http_cookie(const struct http_req *r, const char *name)
{
	return MHD_lookup_connection_value(r->mhd, MHD_COOKIE_KIND, name);
}

struct str http_body(const struct http_req *r)
{
	return sb_str(&r->body);
}

const char *http_remote(const struct http_req *r)
{
	return r->remote;
}

bool http_proxied(const struct http_req *r)
{
	return r->proxied;
}

bool http_secure(const struct http_req *r)
{
	return r->secure;
}

struct arena *http_arena(struct http_req *r)
{
	return r->a;
}

void http_set_data(struct http_req *r, void *data)
{
	r->data = data;
}

void *http_data(const struct http_req *r)
{
	return r->data;
}

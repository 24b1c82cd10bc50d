#include "net/http_int.h"
#include "base/file.h"
#include "base/id.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/num.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
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

	if (info == NULL || info->client_addr == NULL)
		return;
	if (info->client_addr->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr,
		        r->remote, sizeof(r->remote));
	else if (info->client_addr->sa_family == AF_INET6)
		inet_ntop(AF_INET6,
		        &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr, r->remote,
		        sizeof(r->remote));
	/* an IPv4 peer on a socket for both */
	if (strncmp(r->remote, "::ffff:", 7) == 0)
		memmove(r->remote, r->remote + 7, strlen(r->remote + 7) + 1);
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

/* The head is in: how much body may follow? */
static void admit(struct http_req *r)
{
	const char *length = http_header(r, "Content-Length");
	int64_t n = 0;

	r->body_max = r->server->door.admit != NULL ? r->server->door.admit(r->server->door.ctx, r) : 0;
	if (length != NULL && (!num_int(str_of(length), &n) || n < 0))
		r->early = 400;
	else if ((uint64_t)n > r->body_max)
		r->early = 413;
	else if (atomic_load(&r->server->body_bytes) + (size_t)n > r->server->o.body_total)
		r->early = 503;
}

static void conn_at_work(struct http_req *r)
{
	const union MHD_ConnectionInfo *info =
	        MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	struct conn *c = info != NULL ? info->socket_context : NULL;

	if (c == NULL)
		return;
	pthread_mutex_lock(&r->server->lock);
	c->waits_since = 0;
	pthread_mutex_unlock(&r->server->lock);
}

static struct http_req *req_new(
        struct http_server *s, struct MHD_Connection *mhd, const char *url, const char *method)
{
	struct arena *a = arena_new(0);
	struct http_req *r = arena_alloc(a, sizeof(*r));

	r->server = s;
	r->mhd = mhd;
	r->a = a;
	r->method = method_of(method);
	r->path = arena_strdup(a, url);
	r->begin = clock_monotonic();
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	atomic_fetch_add(&s->at_work, 1);
	set_remote(r);
	set_id(r);
	conn_at_work(r);
	return r;
}

static void take_body(struct http_req *r, const char *p, size_t n)
{
	if (r->early != 0)
		return;
	if (clock_monotonic() - r->begin > r->server->o.body_wait)
		r->early = 408;
	else if (r->body.n + n > r->body_max)
		r->early = 413;
	else if (atomic_fetch_add(&r->server->body_bytes, n) + n > r->server->o.body_total) {
		atomic_fetch_sub(&r->server->body_bytes, n);
		r->early = 503;
	} else {
		r->body.max = r->body_max + 1;
		sb_put(&r->body, p, n);
	}
	if (r->early != 0) { /* what was taken so far is of no use */
		atomic_fetch_sub(&r->server->body_bytes, r->body.n);
		sb_fini(&r->body);
	}
}

static enum MHD_Result answer_early(struct http_req *r)
{
	static const struct {
		int status;
		const char *text;
	} words[] = {{400, "the request's Content-Length is not valid\n"},
	        {408, "the request took too long to arrive\n"},
	        {413, "the request's body is larger than this address takes\n"},
	        {503, "too much is being received at once; try again in a moment\n"}};
	enum MHD_Result ok = MHD_NO;

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (words[i].status == r->early) {
			struct MHD_Response *m = http__text(words[i].text);

			MHD_add_response_header(m, "Connection", "close");
			MHD_add_response_header(m, "X-Request-Id", r->id);
			r->status = r->early;
			ok = MHD_queue_response(r->mhd, (unsigned)r->early, m);
			MHD_destroy_response(m);
		}
	return ok;
}

/* The whole request is in; or it was answered from another thread and the connection goes on. */
static enum MHD_Result serve(struct http_req *r)
{
	enum MHD_Result ok = MHD_YES;

	if (r->early != 0)
		return answer_early(r);
	if (!r->served) {
		r->served = true;
		r->server->door.serve(r->server->door.ctx, r);
	}
	pthread_mutex_lock(&r->lock);
	if (r->response != NULL) {
		ok = MHD_queue_response(r->mhd, (unsigned)r->status, r->response);
		MHD_destroy_response(r->response);
		r->response = NULL;
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
		take_body(r, upload, *n);
		*n = 0;
		return MHD_YES;
	}
	return serve(r);
}

void http__answer(struct http_req *r, int status, struct MHD_Response *response)
{
	for (const struct header *h = r->header; h != NULL; h = h->next)
		MHD_add_response_header(response, h->name, h->value);
	MHD_add_response_header(response, "X-Request-Id", r->id);
	pthread_mutex_lock(&r->lock);
	must(r->response == NULL && r->status == 0); /* one answer a request */
	r->response = response;
	r->status = status;
	if (r->suspended) {
		r->suspended = false;
		MHD_resume_connection(r->mhd);
	}
	pthread_mutex_unlock(&r->lock);
}

static void on_completed(
        void *ctx, struct MHD_Connection *mhd, void **slot, enum MHD_RequestTerminationCode code)
{
	struct http_server *s = ctx;
	struct http_req *r = *slot;
	const union MHD_ConnectionInfo *info;
	struct arena *a;
	bool sent = code == MHD_REQUEST_TERMINATED_COMPLETED_OK;
	dur_us took;

	if (r == NULL)
		return;
	*slot = NULL;
	/* Whoever answered has left once the lock is ours. */
	pthread_mutex_lock(&r->lock);
	if (r->response != NULL)
		MHD_destroy_response(r->response);
	pthread_mutex_unlock(&r->lock);
	took = clock_monotonic() - r->begin;
	if (r->status >= 200 && r->status < 600)
		metric_add(METRIC_HTTP_2XX + (r->status / 100 - 2), 1);
	metric_add(METRIC_HTTP_MICROS, took);
	if (r->early != 0)
		LOG(HTTP_FAULT, log_s("remote", r->remote), log_s("path", r->path),
		        log_i("status", r->early));
	if (s->door.done != NULL)
		s->door.done(s->door.ctx, r, sent ? r->status : 0, took);
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	if (info != NULL && info->socket_context != NULL) {
		pthread_mutex_lock(&s->lock);
		((struct conn *)info->socket_context)->waits_since = clock_monotonic();
		pthread_mutex_unlock(&s->lock);
	}
	atomic_fetch_sub(&s->body_bytes, r->body.n);
	sb_fini(&r->body);
	pthread_mutex_destroy(&r->lock);
	a = r->a;
	arena_free(&a);
	atomic_fetch_sub(&s->at_work, 1);
}

/* ---- connections ---- */

static void on_connection(
        void *ctx, struct MHD_Connection *mhd, void **slot, enum MHD_ConnectionNotificationCode what)
{
	struct http_server *s = ctx;
	struct conn *c = *slot;

	pthread_mutex_lock(&s->lock);
	if (what == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info =
		        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);

		*slot = c = xcalloc(1, sizeof(*c));
		c->fd = info != NULL ? info->connect_fd : -1;
		c->waits_since = clock_monotonic();
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

/* The library ends a connection that sends nothing; this ends one that sends a byte now and then and never a
 * request. */
void *http__watch(void *arg)
{
	struct http_server *s = arg;

	while (!atomic_load(&s->closing)) {
		dur_us now;

		usleep(200000);
		now = clock_monotonic();
		pthread_mutex_lock(&s->lock);
		for (struct conn *c = s->conns; c != NULL; c = c->next)
			if (c->waits_since != 0 &&
			        now - c->waits_since > s->o.head_wait + s->o.head_wait / 2 && c->fd >= 0) {
				shutdown(c->fd, SHUT_RDWR);
				c->fd = -1;
			}
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* ---- the door ---- */

static int listen_at(struct http_server *s, struct err *e)
{
	struct addrinfo hint = {.ai_family = AF_UNSPEC,
	                        .ai_socktype = SOCK_STREAM,
	                        .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV},
	                *ai = NULL;
	struct sockaddr_storage own;
	socklen_t n = sizeof(own);
	char port[8];
	int one = 1, zero = 0, rc = 0;

	snprintf(port, sizeof(port), "%d", s->o.port);
	if (getaddrinfo(s->o.address, port, &hint, &ai) != 0) {
		err_set(e, ERR_INVALID,
		        "\"%s\" is no address of this machine; say 127.0.0.1, 0.0.0.0 or ::", s->o.address);
		return err_at(e, NULL, 0, 0, "address");
	}
	s->listener = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->listener >= 0) {
		setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (ai->ai_family == AF_INET6)
			setsockopt(s->listener, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	}
	if (s->listener < 0 || bind(s->listener, ai->ai_addr, ai->ai_addrlen) < 0 ||
	        listen(s->listener, 1024) < 0 || getsockname(s->listener, (struct sockaddr *)&own, &n) < 0) {
		if (errno == EADDRINUSE)
			rc = err_set(e, ERR_CONFLICT,
			        "port %d of %s is in use by another program; choose another with --port",
			        s->o.port, s->o.address);
		else
			rc = err_errno(e, errno, "the pages' door cannot be opened at %s port %d",
			        s->o.address, s->o.port);
	} else {
		s->port = ntohs(own.ss_family == AF_INET ? ((struct sockaddr_in *)(void *)&own)->sin_port
		                                         : ((struct sockaddr_in6 *)(void *)&own)->sin6_port);
	}
	freeaddrinfo(ai);
	return rc;
}

static int read_pem(const char *path, char **out, struct err *e)
{
	struct arena *a = arena_new(0);
	struct str text;
	int rc = file_read(a, path, 1 << 20, &text, e);

	if (rc == 0)
		*out = xstrndup(text.p, text.n);
	arena_free(&a);
	return rc;
}

static void on_fault(void *ctx, const char *fmt, va_list ap)
{
	char text[256];

	(void)ctx;
	vsnprintf(text, sizeof(text), fmt, ap);
	text[strcspn(text, "\r\n")] = '\0';
	LOG(HTTP_FAULT, log_s("why", text));
}

static int start(struct http_server *s, struct err *e)
{
	unsigned flags =
	        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_CERT, 0, s->cert},
	        {MHD_OPTION_HTTPS_MEM_KEY, 0, s->key}, {MHD_OPTION_END, 0, NULL}};
	struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};

	if (s->cert != NULL)
		flags |= MHD_USE_TLS;
	s->mhd = MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_EXTERNAL_LOGGER, on_fault,
	        NULL, MHD_OPTION_LISTEN_SOCKET, s->listener, MHD_OPTION_THREAD_POOL_SIZE,
	        (unsigned)s->o.threads, MHD_OPTION_CONNECTION_LIMIT, (unsigned)s->o.connections,
	        MHD_OPTION_PER_IP_CONNECTION_LIMIT, (unsigned)s->o.per_address, MHD_OPTION_CONNECTION_TIMEOUT,
	        (unsigned)((s->o.head_wait + US_SECOND - 1) / US_SECOND), MHD_OPTION_NOTIFY_COMPLETED,
	        on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
	        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 << 10), MHD_OPTION_ARRAY,
	        s->cert != NULL ? tls : none, MHD_OPTION_END);
	if (s->mhd == NULL)
		return err_set(e, ERR_IO,
		        s->cert != NULL ? "the door cannot be opened with TLS; are certificate and key right?"
		                        : "the HTTP library does not start");
	return 0;
}

int http_listen(
        const struct http_options *o, const struct http_door *door, struct http_server **out, struct err *e)
{
	struct http_server *s = xcalloc(1, sizeof(*s));
	int rc;

	s->door = *door;
	s->o = *o;
	s->listener = -1;
	s->o.address = o->address != NULL ? o->address : "127.0.0.1";
	s->o.threads = o->threads > 0 ? o->threads : 2;
	s->o.connections = o->connections > 0 ? o->connections : 2000;
	s->o.per_address = o->per_address > 0 ? o->per_address : 500;
	s->o.head_wait = o->head_wait > 0 ? o->head_wait : 15 * US_SECOND;
	s->o.body_wait = o->body_wait > 0 ? o->body_wait : US_MINUTE;
	s->o.body_total = o->body_total > 0 ? o->body_total : (size_t)256 << 20;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	rc = listen_at(s, e);
	if (rc == 0 && o->cert != NULL)
		rc = read_pem(o->cert, &s->cert, e);
	if (rc == 0 && o->key != NULL)
		rc = read_pem(o->key, &s->key, e);
	if (rc == 0)
		rc = start(s, e);
	if (rc == 0) {
		must(pthread_create(&s->watch, NULL, http__watch, s) == 0);
		s->watching = true;
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
	if (s->watching)
		pthread_join(s->watch, NULL);
	if (s->mhd != NULL) {
		MHD_quiesce_daemon(s->mhd);
		pthread_mutex_lock(&s->lock);
		for (struct http_stream *x = s->streams; x != NULL; x = x->next)
			http_stream_end(x);
		pthread_mutex_unlock(&s->lock);
		/* A request at work is somebody's memory: it is waited for, past the grace too when its
		 * connection is suspended, since the library may not stop before it is answered. */
		while (atomic_load(&s->at_work) > 0 && clock_monotonic() < until)
			usleep(2000);
		MHD_stop_daemon(s->mhd);
	}
	if (s->listener >= 0)
		close(s->listener);
	pthread_mutex_destroy(&s->lock);
	free(s->cert);
	free(s->key);
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

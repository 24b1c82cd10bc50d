#include "door.h"

#include "base/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 10000

static size_t admit(void *ctx, struct http_req *r)
{
	(void)ctx;
	if (strcmp(http_path(r), "/later") == 0)
		return 0;
	return strcmp(http_path(r), "/echo/big") == 0 ? (size_t)8 << 20 : 1000;
}

static void echo(struct http_req *r)
{
	struct sb b = SB_INIT;
	const char **all = http_query_all(r, "m");

	sb_printf(&b, "%s %s id=%s from=%s", http_method_name(http_method(r)), http_path(r), http_id(r),
	        http_remote(r));
	if (http_proxied(r))
		sb_printf(&b, " proxied%s", http_secure(r) ? " secure" : "");
	if (http_query(r, "q"))
		sb_printf(&b, " q=[%s]", http_query(r, "q"));
	for (size_t i = 0; all[i]; i++)
		sb_printf(&b, " m=[%s]", all[i]);
	if (http_header(r, "x-one"))
		sb_printf(&b, " x-one=%s", http_header(r, "x-one"));
	if (http_cookie(r, "c"))
		sb_printf(&b, " c=%s", http_cookie(r, "c"));
	if (http_body(r).n < 100)
		sb_printf(&b, " body=[" STR_FMT "]", STR_ARG(http_body(r)));
	else
		sb_printf(&b, " body of %zu", http_body(r).n);
	if (http_query(r, "long")) {
		for (int i = 0; i < 1000; i++)
			sb_puts(&b, " again");
	}
	http_set_header(r, "X-Two", "2");
	http_reply_take(r, http_query(r, "status") ? 201 : 200, "text/plain", &b);
	sb_fini(&b);
}

static void closed(void *ctx)
{
	struct door *d = ctx;

	pthread_mutex_lock(&d->lock);
	d->closed++;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

static void serve(void *ctx, struct http_req *r)
{
	struct door *d = ctx;
	bool keep = strcmp(http_path(r), "/later") == 0;

	pthread_mutex_lock(&d->lock);
	d->served++;
	if (keep)
		d->kept[d->kept_n++] = r;
	if (strcmp(http_path(r), "/stream") == 0) {
		d->stream = http_stream_begin(r, "text/event-stream", closed, d);
		d->streams++;
		keep = true;
	}
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
	if (!keep)
		echo(r);
}

static void done(void *ctx, struct http_req *r, int status, dur_us took)
{
	struct door *d = ctx;

	(void)r;
	check(took >= 0);
	pthread_mutex_lock(&d->lock);
	d->done++;
	d->status = status;
	pthread_cond_broadcast(&d->changed);
	pthread_mutex_unlock(&d->lock);
}

void door_open(struct door *d, struct http_options o)
{
	struct http_door door = {d, admit, serve, done};
	struct err e = ERR_INIT;

	pthread_mutex_init(&d->lock, NULL);
	pthread_cond_init(&d->changed, NULL);
	if (o.address == NULL)
		o.address = "127.0.0.1";
	if (!check_ok(http_listen(&o, &door, &d->server, &e), &e))
		wrong("no door");
}

void door_shut(struct door *d)
{
	http_close(&d->server, US_SECOND);
	check(d->server == NULL);
}

bool door_wait(struct door *d, const int *counter, int n)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PATIENCE_MS / 1000;
	pthread_mutex_lock(&d->lock);
	while (*counter < n && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&d->changed, &d->lock, &until);
	bool reached = *counter >= n;
	pthread_mutex_unlock(&d->lock);
	return reached;
}

int peer_open(const struct door *d)
{
	struct err e = ERR_INIT;
	int fd = -1;

	check_ok(socket_connect("127.0.0.1", http_port(d->server), 10 * US_SECOND, &fd, &e), &e);
	return fd;
}

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	return poll(&p, 1, PATIENCE_MS) > 0;
}

void peer_send(int fd, const void *p, size_t n)
{
	for (const char *at = p; n > 0;) {
		ssize_t got = send(fd, at, n, MSG_NOSIGNAL);
		if (got > 0) {
			at += got;
			n -= (size_t)got;
		} else if (errno != EAGAIN || !ready(fd, POLLOUT)) {
			return;
		}
	}
}

void peer_says(int fd, const char *text)
{
	peer_send(fd, text, strlen(text));
}

static struct sb heard;

/* One more byte; false at the end. Byte by byte, so that nothing of a pipelined answer is taken too early. */
static bool hear_byte(int fd)
{
	char c;

	for (;;) {
		ssize_t n = recv(fd, &c, 1, 0);
		if (n == 1) {
			sb_putc(&heard, c);
			return true;
		}
		if (n == 0 || errno != EAGAIN || !ready(fd, POLLIN))
			return false;
	}
}

static bool ends_with(const char *words)
{
	size_t n = strlen(words);
	return heard.n >= n && memcmp(heard.p + heard.n - n, words, n) == 0;
}

const char *peer_hears(int fd)
{
	const char *length;
	long body = 0;

	sb_fini(&heard);
	sb_puts(&heard, "");
	while (!ends_with("\r\n\r\n")) {
		if (!hear_byte(fd))
			return heard.p;
	}
	if (strstr(heard.p, "chunked")) {
		while (!ends_with("\r\n0\r\n\r\n") && hear_byte(fd))
			;
		return heard.p;
	}
	length = strstr(heard.p, "Content-Length: ");
	if (length)
		body = strtol(length + 16, NULL, 10);
	while (body-- > 0 && hear_byte(fd))
		;
	return heard.p;
}

bool peer_hears_words(int fd, const char *words)
{
	sb_fini(&heard);
	sb_puts(&heard, "");
	while (!ends_with(words)) {
		if (!hear_byte(fd))
			return false;
	}
	return true;
}

bool peer_closed(int fd)
{
	char waste[4096];
	ssize_t n;

	do {
		n = ready(fd, POLLIN) ? recv(fd, waste, sizeof(waste), 0) : 1;
		if (n < 0 && errno == EAGAIN)
			n = 1;
		else if (n == 1 && !ready(fd, POLLIN))
			break;
	} while (n > 0);
	close(fd);
	return n <= 0;
}

const char *ask(const struct door *d, const char *request)
{
	int fd = peer_open(d);
	peer_says(fd, request);
	const char *answer = peer_hears(fd);
	close(fd);
	return answer;
}

/*
 * The watch: one thread that ends connections on which a request never becomes whole, and reads off what
 * refused peers still send.
 *
 * The library ends a connection that is silent; a peer that sends a byte now and then it would keep for ever,
 * and it can answer neither. What has come in, and when, the kernel knows (TCP_INFO), so that nothing is
 * counted on the way of the data.
 */
#include "net/http_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define LINGER_WAIT (2 * US_SECOND)
#define TURN_MOST US_SECOND
#define TURN_LEAST (20 * US_MS)

void http__raw_answer(struct http_server *s, int fd, int status)
{
	const char *words = http__early_words(status), *title = "Service Unavailable";
	char head[256];

	if (s->tls != NULL || fd < 0)
		return;
	if (status == 408)
		title = "Request Timeout";
	else if (status == 413)
		title = "Content Too Large";
	int n = snprintf(head, sizeof(head),
	        "HTTP/1.1 %d %s\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n"
	        "Connection: close\r\n\r\n%s",
	        status, title, strlen(words), words);
	/* Whole or not at all: nothing was sent before on this connection, so there is room. */
	(void)!send(fd, head, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void http__linger(struct http_server *s, int fd)
{
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	const uint64_t one = 1;

	if (copy < 0)
		return;
	pthread_mutex_lock(&s->lock);
	if (s->lingers < LINGERS) {
		s->linger[s->lingers++] =
		        (struct lingering){.fd = copy, .until = clock_monotonic() + LINGER_WAIT};
		copy = -1;
	}
	pthread_mutex_unlock(&s->lock);
	if (copy >= 0)
		close(copy); /* very many at once: these may lose their answer */
	(void)!write(s->wake_fd, &one, sizeof(one));
}

/* Reads what there is; true when the peer is through, or its time is. */
static bool drained(const struct lingering *l, dur_us now)
{
	char waste[16384];

	for (int i = 0; i < 64; i++) {
		ssize_t n = recv(l->fd, waste, sizeof(waste), MSG_DONTWAIT);

		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			return true;
		if (n < 0)
			break;
	}
	return now >= l->until;
}

static void drain(struct http_server *s, dur_us now)
{
	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < s->lingers;) {
		if (drained(&s->linger[i], now)) {
			close(s->linger[i].fd);
			s->linger[i] = s->linger[--s->lingers];
		} else {
			i++;
		}
	}
	pthread_mutex_unlock(&s->lock);
}

static void expire(struct http_server *s, struct conn *c, bool partial)
{
	c->expired = true;
	if (partial) {
		http__raw_answer(s, c->fd, 408);
		metric_add(METRIC_HTTP_4XX, 1);
		LOG(HTTP_FAULT, log_s("why", "a request took too long to arrive"));
	}
	shutdown(c->fd, SHUT_RDWR); /* the library sees the end and closes */
}

static void look_at(struct http_server *s, struct conn *c, dur_us now)
{
	struct tcp_info info = {0};
	socklen_t n = sizeof(info);

	if (!c->waits || c->expired || getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &n) < 0)
		return;
	if (!c->before_seen) {
		c->before = info.tcpi_bytes_received;
		c->before_seen = true;
	}
	bool partial = info.tcpi_bytes_received > c->before;
	dur_us total = now - c->since, silent = (dur_us)info.tcpi_last_data_recv * US_MS;

	if (silent > total)
		silent = total;
	if (silent > s->o.head_wait || (partial && total > s->o.body_wait))
		expire(s, c, partial);
}

static void *watch(void *arg)
{
	struct http_server *s = arg;
	dur_us least = s->o.head_wait < s->o.body_wait ? s->o.head_wait : s->o.body_wait;
	dur_us turn = least / 4 > TURN_MOST ? TURN_MOST : least / 4 < TURN_LEAST ? TURN_LEAST : least / 4;
	dur_us looked = clock_monotonic();

	for (;;) {
		struct pollfd p[LINGERS + 1] = {{.fd = s->wake_fd, .events = POLLIN}};
		nfds_t n = 1;
		uint64_t count;

		pthread_mutex_lock(&s->lock);
		for (int i = 0; i < s->lingers; i++)
			p[n++] = (struct pollfd){.fd = s->linger[i].fd, .events = POLLIN};
		bool ends = !s->watching;
		pthread_mutex_unlock(&s->lock);
		if (ends)
			return NULL;
		(void)poll(p, n, (int)(turn / US_MS));
		if (p[0].revents != 0)
			(void)!read(s->wake_fd, &count, sizeof(count));
		dur_us now = clock_monotonic();
		drain(s, now);
		if (now - looked < turn)
			continue;
		looked = now;
		if (s->tls != NULL)
			cert_look(s->tls, now);
		pthread_mutex_lock(&s->lock);
		for (struct conn *c = s->conns; c != NULL; c = c->next)
			look_at(s, c, now);
		pthread_mutex_unlock(&s->lock);
	}
}

void http__watch_start(struct http_server *s)
{
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(s->wake_fd >= 0);
	s->watching = true;
	thread_start(&s->watch, "http-watch", watch, s);
}

void http__watch_stop(struct http_server *s)
{
	const uint64_t one = 1;

	if (!s->watching)
		return;
	pthread_mutex_lock(&s->lock);
	s->watching = false;
	pthread_mutex_unlock(&s->lock);
	(void)!write(s->wake_fd, &one, sizeof(one));
	pthread_join(s->watch, NULL);
	for (int i = 0; i < s->lingers; i++)
		close(s->linger[i].fd);
	close(s->wake_fd);
}

/*
 * The loop: accepts, reads, takes in what is done, sends, looks at the time.
 *
 * A turn: first everything that epoll told, then messages that are done, then each connection that has
 * something to send or to end. So the PUBACKs of a batch leave together, and a connection is freed only where
 * nobody holds it.
 */
#include "mqtt/mqtt_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MOST 256
#define ACCEPTS_MOST 64 /* in a turn */
#define SWEEP_EVERY (500 * US_MS)

_Thread_local struct mqtt_server *mqtt__loop_here;

void mqtt__dirty(struct mqtt__conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = c->server->dirty;
	c->server->dirty = c;
}

static void listen_on(struct mqtt_server *s, bool on)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &s->listen_fd};
	if (on == s->listening)
		return;
	must(epoll_ctl(s->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, s->listen_fd, &ev) == 0);
	s->listening = on;
}

static void accept_some(struct mqtt_server *s)
{
	for (int i = 0; i < ACCEPTS_MOST; i++) {
		struct sockaddr_storage sa = {0};
		socklen_t n = sizeof(sa);
		char remote[SOCKET_PEER_LEN];
		int yes = 1;
		int fd = accept4(s->listen_fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			if (errno != EAGAIN) {
				/* Out of files or memory: tried again at the next sweep, not at once and for
				 * ever. */
				LOG(MQTT_REFUSED, log_s("remote", "all"),
				        log_s("why",
				                "no connection can be taken: raise the limit of open files"));
				listen_on(s, false);
			}
			return;
		}
		socket_peer(&sa, remote);
		if (s->conn_count >= s->o.connections) {
			metric_add(METRIC_MQTT_REFUSED, 1);
			LOG(MQTT_REFUSED, log_s("remote", remote), log_s("why", "too many connections"));
			close(fd);
			continue;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		mqtt__accepted(s, fd, remote);
	}
}

static void shut(struct mqtt_server *s)
{
	listen_on(s, false);
	close(s->listen_fd);
	s->listen_fd = -1;
	s->shutting = true;
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next)
		mqtt__dirty(CONTAINER_OF(l, struct mqtt__conn, all));
}

static void sweep(struct mqtt_server *s)
{
	s->swept = s->now;
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next)
		mqtt__check_times(CONTAINER_OF(l, struct mqtt__conn, all));
	if (!s->shutting)
		listen_on(s, true);
}

/* Those that waited for memory are read again when there is some, or when nothing is at work that could make
 * any. */
static void free_waiters(struct mqtt_server *s)
{
	if (s->waits_memory == 0 || (s->at_work > 0 && s->memory_b > s->o.memory_max_b / 4 * 3))
		return;
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next) {
		struct mqtt__conn *c = CONTAINER_OF(l, struct mqtt__conn, all);
		if (c->pauses & MQTT_PAUSE_MEMORY)
			mqtt__pause(c, MQTT_PAUSE_MEMORY, false);
	}
}

static void finish_turn(struct mqtt_server *s)
{
	do {
		mqtt__publish_done(s);
		free_waiters(s);
		struct mqtt__conn *c = s->dirty, *next;
		s->dirty = NULL;
		for (; c; c = next) {
			next = c->next_dirty;
			c->dirty = false;
			mqtt__finish_turn(c);
		}
	} while (s->dirty || atomic_load_explicit(&s->done, memory_order_relaxed));
}

static void take_event(struct mqtt_server *s, const struct epoll_event *ev)
{
	if (ev->data.ptr == &s->listen_fd) {
		accept_some(s);
		return;
	}
	if (ev->data.ptr == &s->wake_fd) {
		uint64_t count;
		ssize_t ignored = read(s->wake_fd, &count, sizeof(count));
		(void)ignored;
		return;
	}
	struct mqtt__conn *c = ev->data.ptr;
	if (ev->events & EPOLLIN)
		mqtt__readable(c);
	else if (ev->events & (EPOLLHUP | EPOLLERR))
		mqtt__end(c, "the connection broke");
	if (ev->events & EPOLLOUT)
		mqtt__writable(c);
}

static void *loop(void *arg)
{
	struct mqtt_server *s = arg;
	struct epoll_event events[EVENTS_MOST];
	mqtt__loop_here = s;
	while (!s->shutting || s->conn_count > 0) {
		int n = epoll_wait(s->epoll_fd, events, EVENTS_MOST, (int)(SWEEP_EVERY / US_MS));
		must(n >= 0 || errno == EINTR);
		s->now = clock_monotonic();
		for (int i = 0; i < n; i++)
			take_event(s, &events[i]);
		if (!s->shutting && atomic_load(&s->closing))
			shut(s);
		if (s->now - s->swept >= SWEEP_EVERY)
			sweep(s);
		finish_turn(s);
	}
	return NULL;
}

int mqtt_listen(
        const struct mqtt_options *o, const struct mqtt_door *door, struct mqtt_server **out, struct err *e)
{
	int fd = -1, port = 0;
	int rc = socket_listen(o->address, o->port, &fd, &port, e);
	if (rc < 0) {
		err_prefix(e, "MQTT");
		return rc;
	}
	struct mqtt_server *s = xcalloc(1, sizeof(*s));
	s->magic = MQTT_SERVER_MAGIC;
	s->door = *door;
	s->o = *o;
	if (s->o.connections == 0)
		s->o.connections = 20000;
	if (s->o.packet_max_b == 0)
		s->o.packet_max_b = (size_t)1 << 20;
	if (s->o.inflight == 0)
		s->o.inflight = 1000;
	if (s->o.memory_max_b == 0)
		s->o.memory_max_b = (size_t)256 << 20;
	s->port = port;
	s->listen_fd = fd;
	s->now = s->swept = clock_monotonic();
	s->conns.prev = s->conns.next = &s->conns;
	s->ids_mask = 1;
	while (s->ids_mask < (size_t)s->o.connections)
		s->ids_mask <<= 1;
	s->ids = xcalloc(s->ids_mask, sizeof(struct mqtt__conn *));
	s->ids_mask--;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(s->epoll_fd >= 0 && s->wake_fd >= 0);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &s->wake_fd};
	must(epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &ev) == 0);
	listen_on(s, true);
	thread_start(&s->thread, "mqtt", loop, s);
	*out = s;
	return 0;
}

int mqtt_port(const struct mqtt_server *s)
{
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	return s->port;
}

void mqtt_close(struct mqtt_server **sp)
{
	struct mqtt_server *s = *sp;
	const uint64_t one = 1;
	if (s == NULL)
		return;
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	*sp = NULL;
	atomic_store(&s->closing, true);
	ssize_t ignored = write(s->wake_fd, &one, sizeof(one));
	(void)ignored;
	pthread_join(s->thread, NULL);
	/* A thread may still be on its way out of mqtt_message_done, a few instructions from its end. */
	while (atomic_load_explicit(&s->saying, memory_order_acquire) > 0)
		sched_yield();
	mqtt__publish_free(s);
	mqtt__chunk_rel(s->scratch);
	close(s->epoll_fd);
	close(s->wake_fd);
	free(s->ids);
	s->magic = 0;
	free(s);
}

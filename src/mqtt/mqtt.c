/*
 * The loop: accepts, reads, takes in what is done, sends, looks at the time.
 *
 * A turn: first everything that epoll told, then messages that are done, then each connection that has
 * something to send or to end. So the PUBACKs of a batch leave together, and a connection is freed only where
 * nobody holds it.
 */
#include "mqtt/mqtt_int.h"

#include "base/log.h"
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

uint32_t mqtt__packet_most(const struct mqtt_server *s)
{
	size_t most = s->o.packet_max_b;
	return (uint32_t)(1 + mqtt__varint_len(most) + most);
}

void mqtt__dirty(struct mqtt__conn *c)
{
	if (c->dirty)
		return;
	c->dirty = true;
	c->next_dirty = c->server->dirty;
	c->server->dirty = c;
}

bool mqtt__say_begin(struct mqtt_server *s)
{
	/* The loop looks before it sleeps, so its own thread need not be woken. */
	bool outside = mqtt__loop_here != s;
	if (outside)
		atomic_fetch_add_explicit(&s->saying, 1, memory_order_relaxed);
	return outside;
}

void mqtt__say_end(struct mqtt_server *s, bool outside, bool wake)
{
	if (!outside)
		return;
	if (wake) {
		const uint64_t one = 1;
		ssize_t ignored = write(s->wake_fd, &one, sizeof(one));
		(void)ignored;
	}
	atomic_fetch_sub_explicit(&s->saying, 1, memory_order_release);
}

static void listen_on(struct mqtt_server *s, bool on)
{
	for (size_t i = 0; i < ARRAY_LEN(s->ports); i++) {
		struct mqtt__port *p = &s->ports[i];
		struct epoll_event ev = {.events = EPOLLIN, .data.ptr = p};
		if (p->fd < 0 || on == p->listening)
			continue;
		must(epoll_ctl(s->epoll_fd, on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, p->fd, &ev) == 0);
		p->listening = on;
	}
}

static void accept_some(struct mqtt_server *s, const struct mqtt__port *p)
{
	for (int i = 0; i < ACCEPTS_MOST; i++) {
		struct sockaddr_storage sa = {0};
		socklen_t n = sizeof(sa);
		char remote[SOCKET_PEER_LEN];
		int yes = 1;
		if (s->accepts++ >= (int)(s->o.accepts * SWEEP_EVERY / US_SECOND)) {
			/* A flood waits in the system's queue; those who are here are served meanwhile. */
			metric_add(METRIC_MQTT_ACCEPT_WAITS, 1);
			listen_on(s, false);
			return;
		}
		int fd = accept4(p->fd, (struct sockaddr *)&sa, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == ECONNABORTED || errno == EINTR))
			continue;
		if (fd < 0) {
			s->accepts--;
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
			mqtt__count(MQTT_R_CONNECTIONS);
			LOG(MQTT_REFUSED, log_s("remote", remote), log_s("why", "too many connections"));
			close(fd);
			continue;
		}
		enum mqtt_reason why;
		struct mqtt__peer *peer = mqtt__peer_enter(s, &sa, &why);
		if (why != MQTT_R_OK && peer == NULL) {
			mqtt__count(why);
			close(fd);
			continue;
		}
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		mqtt__accepted(s, fd, remote, p->tls, peer, why);
	}
}

static void close_ports(struct mqtt_server *s)
{
	for (size_t i = 0; i < ARRAY_LEN(s->ports); i++) {
		if (s->ports[i].fd >= 0)
			close(s->ports[i].fd);
		s->ports[i].fd = -1;
	}
}

static void shut(struct mqtt_server *s)
{
	listen_on(s, false);
	close_ports(s);
	s->shutting = true;
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next)
		mqtt__dirty(CONTAINER_OF(l, struct mqtt__conn, all));
}

static void sweep(struct mqtt_server *s)
{
	s->swept = s->now;
	s->accepts = 0;
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next)
		mqtt__check_times(CONTAINER_OF(l, struct mqtt__conn, all));
	mqtt__sessions_check(s);
	mqtt__peers_sweep(s, false);
	if (!s->shutting) {
		listen_on(s, true);
		if (s->door.tick)
			s->door.tick(s->door.ctx);
	}
}

/* Those that waited for memory are read again when there is some, or when nothing is at work that could make
 * any. */
static void free_waiters(struct mqtt_server *s)
{
	size_t b = s->memory_b + mqtt__log_bytes(s);
	if (s->waits_memory == 0 ||
	        ((s->at_work > 0 || mqtt__log_bytes(s) > 0) && b > s->o.memory_max_b / 4 * 3))
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
		if (s->fresh && s->door.turn)
			s->door.turn(s->door.ctx);
		s->fresh = false;
		mqtt__publish_done(s);
		mqtt__take_sent(s);
		mqtt__links_turn(s);
		free_waiters(s);
		struct mqtt__conn *c = s->dirty, *next;
		s->dirty = NULL;
		for (; c; c = next) {
			next = c->next_dirty;
			c->dirty = false;
			mqtt__finish_turn(c);
		}
		mqtt__log_turn(s);
	} while (s->dirty || s->fresh || atomic_load_explicit(&s->done, memory_order_relaxed) ||
	         atomic_load_explicit(&s->sent, memory_order_relaxed));
}

static void take_event(struct mqtt_server *s, const struct epoll_event *ev)
{
	for (size_t i = 0; i < ARRAY_LEN(s->ports); i++) {
		if (ev->data.ptr == &s->ports[i]) {
			accept_some(s, &s->ports[i]);
			return;
		}
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
	else if (ev->events & (EPOLLHUP | EPOLLERR)) {
		mqtt__drop_held(c);
		mqtt__end(c, MQTT_R_OK, "the connection broke");
	}
	if (ev->events & EPOLLOUT) {
		if (mqtt__tls_wants_out(c))
			mqtt__readable(c); /* which goes on with the handshake */
		mqtt__dirty(c);
	}
}

static void *loop(void *arg)
{
	struct mqtt_server *s = arg;
	struct epoll_event events[EVENTS_MOST];
	mqtt__loop_here = s;
	while (!s->shutting || s->conn_all > 0) {
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

static int open_ports(struct mqtt_server *s, struct err *e)
{
	const struct mqtt_options *o = &s->o;
	struct mqtt__port *plain = &s->ports[0], *tls = &s->ports[1];
	int rc = 0;
	*plain = (struct mqtt__port){.fd = -1};
	*tls = (struct mqtt__port){.fd = -1, .tls = true};
	if (!o->plain_off)
		rc = socket_listen(o->address, o->port, &plain->fd, &plain->port, e);
	if (rc == 0 && o->tls)
		rc = socket_listen(o->address, o->tls_port, &tls->fd, &tls->port, e);
	if (rc < 0) {
		close_ports(s);
		err_prefix(e, "MQTT");
	}
	return rc;
}

static void set_defaults(struct mqtt_options *o)
{
	static const struct {
		size_t at;
		int dflt;
	} numbers[] = {
	        {offsetof(struct mqtt_options, connections), 20000},
	        {offsetof(struct mqtt_options, accepts), 2000},
	        {offsetof(struct mqtt_options, inflight), 1000},
	        {offsetof(struct mqtt_options, window), 100},
	        {offsetof(struct mqtt_options, sessions), 20000},
	        {offsetof(struct mqtt_options, queue_n), 1000},
	        {offsetof(struct mqtt_options, subscriptions), 1000},
	        {offsetof(struct mqtt_options, retained), 100000},
	};
	static const struct {
		size_t at, dflt;
	} sizes[] = {
	        {offsetof(struct mqtt_options, packet_max_b), (size_t)1 << 20},
	        {offsetof(struct mqtt_options, memory_max_b), (size_t)256 << 20},
	        {offsetof(struct mqtt_options, queue_b), (size_t)4 << 20},
	        {offsetof(struct mqtt_options, kept_max_b), (size_t)256 << 20},
	};
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
		int *v = (int *)(void *)((char *)o + numbers[i].at);
		*v = *v != 0 ? *v : numbers[i].dflt;
	}
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		size_t *v = (size_t *)(void *)((char *)o + sizes[i].at);
		*v = *v != 0 ? *v : sizes[i].dflt;
	}
}

int mqtt_listen(
        const struct mqtt_options *o, const struct mqtt_door *door, struct mqtt_server **out, struct err *e)
{
	struct mqtt_server *s = xcalloc(1, sizeof(*s));
	s->magic = MQTT_SERVER_MAGIC;
	s->door = *door;
	s->o = *o;
	set_defaults(&s->o);
	if (s->o.ask_every == 0)
		s->o.ask_every = US_MINUTE;
	int rc = open_ports(s, e);
	if (rc < 0) {
		free(s);
		return rc;
	}
	s->now = s->swept = clock_monotonic();
	s->began = s->o.clock ? clock_now(s->o.clock) / US_SECOND : 0;
	s->conns.prev = s->conns.next = &s->conns;
	s->away.prev = s->away.next = &s->away;
	mqtt__tree_init(&s->tree);
	s->names_mask = 1;
	while (s->names_mask < (size_t)s->o.connections)
		s->names_mask <<= 1;
	s->names = xcalloc(s->names_mask, sizeof(struct mqtt__session *));
	s->names_mask--;
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	s->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	must(s->epoll_fd >= 0 && s->wake_fd >= 0);
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = &s->wake_fd};
	must(epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, s->wake_fd, &ev) == 0);
	listen_on(s, true);
	mqtt__log_open(s);
	thread_start(&s->thread, "mqtt", loop, s);
	*out = s;
	return 0;
}

int mqtt_port(const struct mqtt_server *s)
{
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	return s->ports[0].port;
}

int mqtt_tls_port(const struct mqtt_server *s)
{
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	return s->ports[1].port;
}

void mqtt_close(struct mqtt_server **sp)
{
	struct mqtt_server *s = *sp;
	const uint64_t one = 1;
	if (s == NULL)
		return;
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	*sp = NULL;
	mqtt__links_stop(s);
	atomic_store(&s->closing, true);
	ssize_t ignored = write(s->wake_fd, &one, sizeof(one));
	(void)ignored;
	pthread_join(s->thread, NULL);
	/* A thread may still be on its way out of mqtt_message_done, a few instructions from its end. */
	while (atomic_load_explicit(&s->saying, memory_order_acquire) > 0)
		sched_yield();
	mqtt__take_sent(s);
	mqtt__links_free(s);
	mqtt__log_close(s);
	mqtt__sessions_fini(s);
	mqtt__retained_fini(s);
	mqtt__publish_free(s);
	mqtt__peers_sweep(s, true);
	mqtt__chunk_rel(s->scratch);
	close(s->epoll_fd);
	close(s->wake_fd);
	free(s->names);
	mqtt__tree_fini(&s->tree);
	sb_fini(&s->text);
	sb_fini(&s->name);
	s->magic = 0;
	free(s);
}

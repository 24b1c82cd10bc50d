/*
 * A connection: reading packets out of chunks, pausing, what goes out, its end.
 *
 * All connections read into one scratch chunk of the server, so that 20,000 idle devices hold no buffer. What
 * is left of an unfinished packet is kept in a chunk of its own; a small rest goes back to the front of the
 * next read, a large packet is read on in place, in a chunk that doubles as the packet really comes.
 */
#include "mqtt/mqtt_int.h"

#include "base/log.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SCRATCH_B (128u * 1024)
#define READ_LEAST_B (32u * 1024) /* room for one read */
#define SMALL_REST_B 4096u        /* an unfinished packet up to this is copied before the next read */
#define READS_MOST 4              /* in a turn, so that a loud device does not silence the others */
#define OUT_MOST_B (256u * 1024)  /* unsent: a peer that takes no answers is not read */
#define CONNECT_WAIT (10 * US_SECOND)
#define PACKET_WAIT (60 * US_SECOND)
#define STUCK_WAIT (60 * US_SECOND)

struct mqtt__chunk *mqtt__chunk_new(struct mqtt_server *s, size_t cap)
{
	struct mqtt__chunk *k = xrealloc(NULL, sizeof(*k) + cap);
	*k = (struct mqtt__chunk){.counter = &s->memory_b, .refs = 1, .cap = cap};
	s->memory_b += cap;
	return k;
}

struct mqtt__chunk *mqtt__chunk_hold(struct mqtt_server *s, size_t cap)
{
	if (s->held_b + cap > s->o.memory_max_b)
		return NULL;
	struct mqtt__chunk *k = mqtt__chunk_new(s, cap);
	s->memory_b -= cap;
	s->held_b += cap;
	k->counter = &s->held_b;
	return k;
}

void mqtt__chunk_rel(struct mqtt__chunk *k)
{
	if (k == NULL || --k->refs > 0)
		return;
	*k->counter -= k->cap;
	free(k);
}

/* How much of its output may leave. */
static size_t may_leave(const struct mqtt__conn *c)
{
	return c->holds_n > 0 ? c->holds[0].at : c->out.n;
}

static bool unsent(const struct mqtt__conn *c)
{
	return may_leave(c) > c->out_sent || mqtt__web_unsent(c);
}

void mqtt__drop_held(struct mqtt__conn *c)
{
	if (c->holds_n > 0)
		c->out.n = c->holds[0].at;
	c->holds_n = 0;
	mqtt__dirty(c);
}

static void watch(struct mqtt__conn *c)
{
	bool reads = c->pauses == 0 && !c->ending && !c->server->shutting;
	bool writes = unsent(c) || mqtt__tls_wants_out(c);
	uint32_t events = (reads ? EPOLLIN : 0u) | (writes ? EPOLLOUT : 0u);
	if (c->fd < 0 || events == c->events)
		return;
	struct epoll_event ev = {.events = events, .data.ptr = c};
	must(epoll_ctl(c->server->epoll_fd, EPOLL_CTL_MOD, c->fd, &ev) == 0);
	c->events = events;
}

static struct mqtt__conn *conn_new(struct mqtt_server *s, int fd, const char *remote)
{
	struct mqtt__conn *c = xcalloc(1, sizeof(*c));
	c->server = s;
	c->fd = fd;
	c->accepted = c->heard = s->now;
	c->work_tail = &c->work;
	snprintf(c->remote, sizeof(c->remote), "%s", remote);
	c->all = (struct mqtt__list){.prev = &s->conns, .next = s->conns.next};
	s->conns.next->prev = &c->all;
	s->conns.next = &c->all;
	s->conn_all++;
	if (fd < 0)
		return c;
	s->conn_count++;
	c->events = EPOLLIN;
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
	must(epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &ev) == 0);
	return c;
}

void mqtt__accepted(struct mqtt_server *s, int fd, const char *remote, bool tls, struct mqtt__peer *peer,
        enum mqtt_reason refuse)
{
	struct mqtt__conn *c = conn_new(s, fd, remote);
	c->peer = peer;
	c->refuse = refuse;
	if (tls && !mqtt__tls_begin(c))
		mqtt__end(c, MQTT_R_OK, "no TLS session can be made");
}

struct mqtt__conn *mqtt__linked(struct mqtt_server *s, int fd, struct mqtt_link *l, int version)
{
	const char *host;
	void *trust;
	bool tls = mqtt__link_tls(l, &host, &trust);
	struct mqtt__conn *c = conn_new(s, fd, host);
	c->link = l;
	c->version = version;
	c->user = mqtt__link_user(l);
	if (!tls)
		mqtt__link_greet(c);
	else if (mqtt__tls_begin_client(c, host, trust))
		mqtt__readable(c); /* which begins the handshake */
	else
		mqtt__end(c, MQTT_R_OK, "no TLS session can be made");
	return c;
}

struct mqtt__conn *mqtt__ended(struct mqtt_server *s, void *user)
{
	struct mqtt__conn *c = conn_new(s, -1, "");
	c->user = user;
	c->connected = c->ending = true;
	c->why = "the server stopped";
	return c;
}

void mqtt__pause(struct mqtt__conn *c, enum mqtt__pause why, bool on)
{
	unsigned before = c->pauses;
	c->pauses = on ? before | why : before & ~(unsigned)why;
	if (c->pauses == before)
		return;
	if (why == MQTT_PAUSE_MEMORY)
		c->server->waits_memory += (c->pauses & why ? 1 : 0) - (before & why ? 1 : 0);
	if (before != 0 && c->pauses == 0) {
		/* It was not listened to: its silence is not its fault. */
		c->heard = c->part_since = c->server->now;
	}
	mqtt__dirty(c);
}

void mqtt__send(struct mqtt__conn *c, const void *p, size_t n)
{
	if (c->fd < 0 || c->ending)
		return;
	sb_put(&c->out, p, n);
	mqtt__dirty(c);
}

const char *mqtt__name(const struct mqtt__conn *c)
{
	return c->session ? mqtt__session_id(c->session).p : ""; /* a NUL follows */
}

/* To a client of MQTT 5, if it can still be told. */
static void say_goodbye(struct mqtt__conn *c, enum mqtt_reason reason, const char *why)
{
	size_t n = c->problem_info ? 3 + strlen(why) : 0;
	if (c->link) {
		static const char goodbye[2] = {(char)(MQTT_DISCONNECT << 4), 0};
		if (c->connected && reason == MQTT_R_STOPPING)
			mqtt__send(c, goodbye, sizeof(goodbye));
		return;
	}
	if (c->version != MQTT_V5 || !c->connected || reason == MQTT_R_OK || n > 100)
		return;
	if (c->packet_max > 0 && 4 + n > c->packet_max)
		n = 0;
	struct sb *b = &c->server->text;
	sb_reset(b);
	sb_putc(b, (char)(MQTT_DISCONNECT << 4));
	sb_putc(b, (char)(2 + n));
	sb_putc(b, (char)reason);
	sb_putc(b, (char)n);
	if (n > 0)
		mqtt__prop_put_text(b, MQTT_P_REASON, str_of(why));
	mqtt__send(c, b->p, b->n);
}

/* Its will is due now, later, or never. */
static void leave(struct mqtt__conn *c)
{
	struct mqtt__session *x = c->session;
	if (c->server->shutting)
		mqtt__will_stop(c);
	c->session = NULL;
	if (c->will) {
		uint32_t delay_s = c->will->delay_s < x->expiry_s ? c->will->delay_s : x->expiry_s;
		if (delay_s == 0) {
			mqtt__will_send(c);
		} else {
			c->will->at = c->server->now + (dur_us)delay_s * US_SECOND;
			c->session = x;
			x->will = c;
		}
	}
	mqtt__session_leave(x);
}

void mqtt__end(struct mqtt__conn *c, enum mqtt_reason reason, const char *why)
{
	if (c->ending)
		return;
	say_goodbye(c, reason, why);
	c->ending = true;
	c->why = why;
	if (c->session)
		leave(c);
	mqtt__dirty(c);
}

void mqtt__count(enum mqtt_reason reason)
{
	enum metric_id m = METRIC_MQTT_BAD_PROTOCOL;
	switch (reason) {
	case MQTT_R_MALFORMED: m = METRIC_MQTT_BAD_MALFORMED; break;
	case MQTT_R_UTF8: m = METRIC_MQTT_BAD_UTF8; break;
	case MQTT_R_VERSION: m = METRIC_MQTT_BAD_VERSION; break;
	case MQTT_R_IDENTIFIER: m = METRIC_MQTT_BAD_IDENTIFIER; break;
	case MQTT_R_CREDENTIALS:
	case MQTT_R_AUTH_METHOD: m = METRIC_MQTT_BAD_CREDENTIALS; break;
	case MQTT_R_NOT_AUTHORISED: m = METRIC_MQTT_BAD_RIGHT; break;
	case MQTT_R_UNAVAILABLE: m = METRIC_MQTT_BAD_UNAVAILABLE; break;
	case MQTT_R_TOO_LARGE: m = METRIC_MQTT_BAD_SIZE; break;
	case MQTT_R_CONNECTIONS: m = METRIC_MQTT_BAD_CONNECTIONS; break;
	case MQTT_R_ADDRESS: m = METRIC_MQTT_BAD_ADDRESS; break;
	case MQTT_R_ADDRESS_RATE: m = METRIC_MQTT_BAD_ADDRESS_RATE; break;
	case MQTT_R_TIME:
	case MQTT_R_KEEP_ALIVE: m = METRIC_MQTT_BAD_TIME; break;
	case MQTT_R_SLOW: m = METRIC_MQTT_BAD_SLOW; break;
	case MQTT_R_MEMORY: m = METRIC_MQTT_BAD_MEMORY; break;
	default: break;
	}
	metric_add(m, 1);
}

void mqtt__tell(struct mqtt__conn *c, enum mqtt_reason reason, const char *why)
{
	const struct mqtt_door *door = &c->server->door;

	if (door->blamed != NULL && c->user != NULL)
		door->blamed(door->ctx, c->user, reason, why);
}

void mqtt__wrong(struct mqtt__conn *c, struct mqtt__bad bad)
{
	if (c->ending)
		return;
	if (c->link) {
		mqtt__link_wrong(c, bad.why);
		return;
	}
	mqtt__count(bad.reason);
	mqtt__tell(c, bad.reason, bad.why);
	LOG(MQTT_REFUSED, log_s("remote", c->remote), log_s("client", mqtt__name(c)), log_s("why", bad.why));
	mqtt__end(c, bad.reason, bad.why);
}

/* What a broker says to a link; the rest is as of a client. */
static bool dispatch_link(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	switch (f->type) {
	case MQTT_CONNACK: mqtt__link_connack(c, f); return true;
	case MQTT_SUBACK: mqtt__link_suback(c, f); return true;
	case MQTT_PINGRESP: return true;
	case MQTT_DISCONNECT: mqtt__link_wrong(c, "it ended the connection"); return true;
	case MQTT_CONNECT:
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
	case MQTT_PINGREQ: mqtt__link_wrong(c, "it sent a packet that only clients send"); return true;
	default: return false;
	}
}

static void dispatch(struct mqtt__conn *c, const struct mqtt__frame *f, struct mqtt__chunk *k)
{
	if (c->link && dispatch_link(c, f))
		return;
	switch (f->type) {
	case MQTT_CONNECT: mqtt__connect(c, f); break;
	case MQTT_PUBLISH: mqtt__publish(c, f, k); break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP: mqtt__ack(c, f); break;
	case MQTT_SUBSCRIBE: mqtt__subscribe(c, f); break;
	case MQTT_UNSUBSCRIBE: mqtt__unsubscribe(c, f); break;
	case MQTT_PINGREQ: mqtt__ping(c, f); break;
	case MQTT_DISCONNECT: mqtt__disconnect(c, f); break;
	case MQTT_AUTH:
		mqtt__wrong(c, mqtt__bad(MQTT_R_PROTOCOL, "it goes on with an authentication never begun"));
		break;
	default: mqtt__wrong(c, mqtt__bad(MQTT_R_PROTOCOL, "it sent a packet that only servers send")); break;
	}
}

/* Keeps bytes [at, end) of k for later; the scratch goes on to others, so a few bytes of it are copied. */
static void keep(struct mqtt__conn *c, struct mqtt__chunk *k, size_t at, size_t end, bool own)
{
	struct mqtt__chunk *before = c->part;
	if (before == NULL)
		c->part_since = c->server->now;
	if (own || c->pauses != 0) {
		k->refs++;
		c->part = k;
		c->part_at = at;
		c->part_end = end;
		c->part_own = own;
	} else {
		size_t n = end - at;
		c->part = mqtt__chunk_new(c->server, n < 256 ? 256 : n);
		memcpy(c->part->data, k->data + at, n);
		c->part->n = n;
		c->part_at = 0;
		c->part_end = n;
		c->part_own = true;
	}
	mqtt__chunk_rel(before);
}

static void forget_part(struct mqtt__conn *c)
{
	mqtt__chunk_rel(c->part);
	c->part = NULL;
}

/* Acts on the packets in bytes [at, end) of k. */
static void take_packets(struct mqtt__conn *c, struct mqtt__chunk *k, size_t at, size_t end, bool own)
{
	const size_t first = at;
	k->refs++; /* the last message in it may be done before this ends */
	while (at < end && c->pauses == 0 && !c->ending) {
		struct mqtt__frame f;
		/* Told by the first byte: a stray HTTP client need not wait for the end of its "packet". */
		if (!c->connected &&
		        (unsigned char)k->data[at] >> 4 != (c->link ? MQTT_CONNACK : MQTT_CONNECT)) {
			mqtt__wrong(c,
			        mqtt__bad(MQTT_R_PROTOCOL, c->link ? "it does not answer as MQTT does"
			                                           : "its first packet was not a CONNECT"));
			break;
		}
		enum mqtt__framing how =
		        mqtt__frame((struct str){k->data + at, end - at}, c->server->o.packet_max_b, &f);
		if (how == MQTT_MALFORMED)
			mqtt__wrong(c, mqtt__bad(MQTT_R_MALFORMED, "it sent something that is not MQTT"));
		else if (how == MQTT_TOO_LONG)
			mqtt__wrong(c, mqtt__bad(MQTT_R_TOO_LARGE,
			                       "it sent a packet longer than this server takes"));
		if (how != MQTT_WHOLE)
			break;
		if (f.type == MQTT_SUBSCRIBE && c->unanswered > 0) {
			/* So that it finds what the connection itself has published as retained. */
			mqtt__pause(c, MQTT_PAUSE_ORDER, true);
			break;
		}
		dispatch(c, &f, k);
		at += f.total;
	}
	if (at > first)
		c->part_since = c->server->now;
	must(k->refs > (c->part == k ? 1 : 0));
	if (at == end || c->ending)
		forget_part(c);
	else
		keep(c, k, at, end, own);
	mqtt__chunk_rel(k);
}

static struct mqtt__chunk *scratch(struct mqtt_server *s)
{
	struct mqtt__chunk *k = s->scratch;
	if (k && k->refs == 1)
		k->n = 0; /* no message is in it any more */
	if (k && k->cap - k->n >= READ_LEAST_B + SMALL_REST_B)
		return k;
	mqtt__chunk_rel(k);
	s->scratch = mqtt__chunk_new(s, SCRATCH_B);
	return s->scratch;
}

/* Room in the connection's own chunk for more of its large packet: twice what has come, at most the whole. */
static void grow_part(struct mqtt__conn *c)
{
	struct mqtt__frame f;
	size_t have = c->part_end - c->part_at;
	(void)mqtt__frame((struct str){c->part->data + c->part_at, have}, c->server->o.packet_max_b, &f);
	size_t need = f.total > have ? f.total - have : 1;
	size_t room = c->part_own ? c->part->cap - c->part_end : 0;
	if (room >= need || room >= SMALL_REST_B)
		return;
	size_t cap = 2 * have < have + need ? 2 * have : have + need;
	struct mqtt__chunk *k = mqtt__chunk_new(c->server, cap);
	memcpy(k->data, c->part->data + c->part_at, have);
	k->n = have;
	mqtt__chunk_rel(c->part);
	c->part = k;
	c->part_at = 0;
	c->part_end = have;
	c->part_own = true;
}

/* Ends the connection that holds most of an unfinished packet. */
static void shed(struct mqtt_server *s)
{
	struct mqtt__conn *most = NULL;
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next) {
		struct mqtt__conn *c = CONTAINER_OF(l, struct mqtt__conn, all);
		if (c->part && !c->ending && (most == NULL || c->part->cap > most->part->cap))
			most = c;
	}
	if (most)
		mqtt__wrong(
		        most, mqtt__bad(MQTT_R_MEMORY, "unfinished packets of many devices fill the memory"));
}

/* False when too much is in memory to read on. What is at work will be done and make room; unfinished packets
 * alone would wait for one another. */
static bool has_memory(struct mqtt__conn *c)
{
	struct mqtt_server *s = c->server;
	if (s->memory_b + mqtt__log_bytes(s) <= s->o.memory_max_b)
		return true;
	if (s->at_work > 0 || mqtt__log_bytes(s) > 0)
		mqtt__pause(c, MQTT_PAUSE_MEMORY, true);
	else
		shed(s);
	return false;
}

void mqtt__readable(struct mqtt__conn *c)
{
	struct mqtt_server *s = c->server;
	/* What TLS or WebSocket has unpacked is read to its end: epoll would not tell of it. */
	for (int reads = 0; reads < READS_MOST || mqtt__unread(c); reads++) {
		if (c->pauses != 0 || c->ending || s->shutting || !has_memory(c))
			return;
		size_t rest = c->part ? c->part_end - c->part_at : 0;
		bool own = rest > SMALL_REST_B;
		struct mqtt__chunk *k;
		size_t at, fill;
		if (own) {
			grow_part(c);
			k = c->part;
			at = c->part_at;
			fill = c->part_end;
		} else {
			k = scratch(s);
			at = k->n;
			fill = at + rest;
		}
		size_t room = k->cap - fill;
		ssize_t got = mqtt__recv(c, k->data + fill, room);
		if (got <= 0) {
			if (got == 0)
				mqtt__end(c, MQTT_R_OK, "it closed the connection");
			else if (errno == EINTR || errno == EAGAIN)
				return;
			else
				mqtt__end(c, MQTT_R_OK, "the connection broke");
			return;
		}
		if (!own && rest > 0) {
			memcpy(k->data + at, c->part->data + c->part_at, rest);
			forget_part(c);
		}
		k->n = fill + (size_t)got;
		c->heard = s->now;
		take_packets(c, k, at, k->n, own);
		if ((size_t)got < room && !c->tls && !mqtt__unread(c))
			return;
	}
}

static void forget_sent(struct mqtt__conn *c)
{
	c->out.n -= c->out_sent;
	if (c->out.n > 0)
		memmove(c->out.p, c->out.p + c->out_sent, c->out.n);
	for (int i = 0; i < c->holds_n; i++)
		c->holds[i].at -= c->out_sent;
	c->out_sent = 0;
}

static void flush(struct mqtt__conn *c)
{
	while (c->fd >= 0 && unsent(c)) {
		size_t rest = may_leave(c) - c->out_sent;
		ssize_t n = mqtt__write(c, rest > 0 ? c->out.p + c->out_sent : "", rest);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			mqtt__drop_held(c);
			c->out_sent = c->out.n;
			mqtt__end(c, MQTT_R_OK, "the connection broke");
			c->out_sent = c->out.n;
			break;
		}
		c->out_sent += (size_t)n;
		c->stuck = 0;
	}
	if (!unsent(c))
		c->stuck = 0;
	else if (c->stuck == 0)
		c->stuck = c->server->now;
	if (c->out_sent == c->out.n || c->out_sent > OUT_MOST_B)
		forget_sent(c);
	if (c->out.n == 0 && c->out.cap > 4096)
		sb_fini(&c->out);
	bool full = c->out.n - c->out_sent > OUT_MOST_B;
	if (full != !!(c->pauses & MQTT_PAUSE_OUT))
		mqtt__pause(c, MQTT_PAUSE_OUT, full);
}

static void forget_aliases(struct mqtt__conn *c)
{
	for (unsigned i = 0; c->alias_in && i < MQTT_ALIASES_IN; i++)
		mqtt__chunk_rel(c->alias_in[i]);
	for (unsigned i = 0; i < c->alias_out.n; i++)
		free(c->alias_out.p[i].topic);
	free(c->alias_in);
	free(c->alias_out.p);
	c->alias_in = NULL;
	c->alias_out = (struct mqtt__aliases){0};
}

static void hang_up(struct mqtt__conn *c)
{
	/* Data that will not be read makes close() a reset, which may cost the peer the last answer; by this
	 * the answer is at least on its way first. */
	mqtt__web_end(c);
	mqtt__tls_end(c);
	(void)shutdown(c->fd, SHUT_WR);
	close(c->fd); /* which also takes it out of the epoll set */
	c->fd = -1;
	sb_fini(&c->out);
	c->out_sent = 0;
	c->holds_n = 0;
	forget_part(c);
	forget_aliases(c);
	c->server->conn_count--;
	mqtt__peer_leave(c->peer, c->refuse);
	c->peer = NULL;
	mqtt__pause(c, MQTT_PAUSE_MEMORY, false);
	if (c->connected && !c->link)
		metric_add(METRIC_MQTT_CONNECTIONS, -1);
}

static void let_go(struct mqtt__conn *c)
{
	struct mqtt_server *s = c->server;
	if (c->link)
		mqtt__link_lost(c);
	else if (c->connected)
		s->door.close(s->door.ctx, c->user, c->why);
	c->all.prev->next = c->all.next;
	c->all.next->prev = c->all.prev;
	s->conn_all--;
	free(c);
}

void mqtt__finish_turn(struct mqtt__conn *c)
{
	struct mqtt_server *s = c->server;
	if (c->part && c->pauses == 0 && !c->ending && !s->shutting) {
		struct mqtt__chunk *k = c->part;
		take_packets(c, k, c->part_at, c->part_end, c->part_own);
	}
	if (c->fd >= 0 && c->pauses == 0 && !c->ending && mqtt__unread(c))
		mqtt__readable(c); /* it was paused in the middle of a record, or said Close */
	if (c->too_slow)
		mqtt__wrong(c, mqtt__bad(MQTT_R_SLOW, "it does not take its messages as fast as they come"));
	if (s->shutting && c->ending)
		mqtt__will_stop(c); /* it waits */
	if (s->shutting && c->unanswered == 0 && c->holds_n == 0)
		mqtt__end(c, MQTT_R_STOPPING, "the server stops");
	flush(c);
	if (c->session && c->session->conn == c && c->session->queue.n > 0) {
		mqtt__pump(c->session);
		flush(c);
	}
	if (c->ending && c->fd >= 0 && c->holds_n == 0) {
		if (c->link == NULL) /* which says so itself */
			LOG(MQTT_CLOSE, log_s("remote", c->remote), log_s("why", c->why));
		hang_up(c);
	}
	watch(c);
	if (c->fd < 0 && c->unanswered == 0 && !c->dirty && !c->held && !c->will)
		let_go(c);
}

static bool may_stay(struct mqtt__conn *c)
{
	struct mqtt_server *s = c->server;
	if (!c->connected || s->door.still == NULL || s->now - c->asked < s->o.ask_every)
		return true;
	c->asked = s->now;
	return s->door.still(s->door.ctx, c->user);
}

void mqtt__check_times(struct mqtt__conn *c)
{
	dur_us now = c->server->now;
	if (c->ending && c->will && c->will->at > 0 && now >= c->will->at) {
		mqtt__keep_will(c->session, NULL);
		c->session->will = NULL;
		c->session = NULL;
		mqtt__will_send(c);
	}
	if (c->fd < 0 || c->ending)
		return;
	if (c->link) {
		mqtt__link_times(c);
		return;
	}
	if (c->pauses & MQTT_PAUSE_RATE)
		mqtt__rate_check(c);
	if (!may_stay(c)) {
		mqtt__wrong(c, mqtt__bad(MQTT_R_NOT_AUTHORISED, "its credentials have ended"));
		return;
	}
	if (!c->connected && now - c->accepted > CONNECT_WAIT)
		mqtt__wrong(c, mqtt__bad(MQTT_R_TIME, "it did not send its CONNECT in time"));
	else if (c->pauses == 0 && c->keep_alive > 0 && now - c->heard > c->keep_alive)
		mqtt__wrong(
		        c, mqtt__bad(MQTT_R_KEEP_ALIVE, "it was silent for longer than its keep-alive time"));
	else if (c->pauses == 0 && c->part && now - c->part_since > PACKET_WAIT)
		mqtt__wrong(c, mqtt__bad(MQTT_R_TIME, "it did not finish a packet in time"));
	else if (c->stuck > 0 && now - c->stuck > STUCK_WAIT)
		mqtt__wrong(c, mqtt__bad(MQTT_R_SLOW, "it does not read its answers"));
}

/*
 * mqtt NAME { connect ; publish TOPIC PAYLOAD ; expect puback ; expect closed ; raw HEX ; stream … }
 * tcp NAME { connect http|mqtt ; send TEXT ; hex HEX ; expect text ~ RE ; expect closed }
 *
 * MQTT is spoken here by hand, so that a device can also say what no library would.
 */
#include "scn.h"

#include "base/num.h"
#include "base/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

struct wire {
	int fd; /* 0: none */
	bool closed;
	struct sb in; /* not yet looked at */
	char *id, *user, *password;
	int qos, unacked, refused_suback;
	unsigned next_id;
	int connack; /* -1: none came yet */
	int pubacks, pings;
};

static struct wire *state(struct actor *a)
{
	struct wire *w = a->state;

	if (w == NULL) {
		w = a->state = xcalloc(1, sizeof(*w));
		w->qos = 1;
	}
	return w;
}

static void hang_up(struct wire *w)
{
	if (w->fd > 0)
		close(w->fd);
	w->fd = 0;
	w->closed = true;
	w->unacked = 0;
	sb_reset(&w->in);
}

static bool dial(struct ctx *c, struct actor *a, const struct stmt *s, bool mqtt)
{
	struct wire *w = state(a);
	struct city *y = city_find(c, s, a->city);
	struct err e = ERR_INIT;
	int port;

	if (y == NULL)
		return false;
	pthread_mutex_lock(&c->run->lock);
	port = mqtt ? y->mqtt : y->http;
	pthread_mutex_unlock(&c->run->lock);
	hang_up(w);
	w->closed = false;
	w->pubacks = w->pings = 0;
	w->connack = -1;
	if (port == 0)
		return scn_fail(c, s, "the city is down");
	if (socket_connect("127.0.0.1", port, c->run->patience, &w->fd, &e) < 0) {
		w->fd = 0;
		return scn_fail(c, s, "connecting: %s", e.text);
	}
	return true;
}

static bool send_all(struct ctx *c, const struct stmt *s, struct wire *w, const char *p, size_t n)
{
	dur_us until = clock_monotonic() + c->run->patience;

	if (w->fd <= 0)
		return scn_fail(c, s, "not connected");
	while (n > 0) {
		ssize_t got = send(w->fd, p, n, MSG_NOSIGNAL);

		if (got > 0) {
			p += got;
			n -= (size_t)got;
			continue;
		}
		if (got < 0 && (errno == EAGAIN || errno == EINTR) && clock_monotonic() < until) {
			struct pollfd f = {.fd = w->fd, .events = POLLOUT};

			poll(&f, 1, 50);
			continue;
		}
		w->closed = true;
		return scn_fail(c, s, "sending: %s", strerror(errno));
	}
	return true;
}

/* Takes in what has come, waiting at most so long for the first of it. */
static void look(struct wire *w, int wait_ms)
{
	char buf[16384];
	struct pollfd f = {.fd = w->fd, .events = POLLIN};

	if (w->fd <= 0 || w->closed || poll(&f, 1, wait_ms) <= 0)
		return;
	for (;;) {
		ssize_t n = recv(w->fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n > 0) {
			sb_put(&w->in, buf, (size_t)n);
			continue;
		}
		if (n == 0 || (errno != EAGAIN && errno != EINTR))
			w->closed = true;
		return;
	}
}

static void drop_front(struct sb *b, size_t n)
{
	memmove(b->p, b->p + n, b->n - n);
	b->n -= n;
	b->p[b->n] = '\0';
}

/* Counts the packets that came. */
static void take_packets(struct wire *w)
{
	for (;;) {
		size_t length = 0, at = 1;
		int shift = 0;
		const unsigned char *p = (const unsigned char *)w->in.p;

		if (w->in.n < 2)
			return;
		for (;; shift += 7) {
			if (at >= w->in.n)
				return;
			length |= (size_t)(p[at] & 0x7f) << shift;
			if ((p[at++] & 0x80) == 0)
				break;
		}
		if (w->in.n < at + length)
			return;
		switch (p[0] >> 4) {
		case 2: w->connack = length == 2 ? p[at + 1] : -2; break;
		case 4:
			w->pubacks++;
			w->unacked--;
			break;
		case 9:
			for (size_t i = 2; i < length; i++)
				w->refused_suback = p[at + i];
			break;
		case 13: w->pings++; break;
		default: break;
		}
		drop_front(&w->in, at + length);
	}
}

static void put_text(struct sb *b, const char *s)
{
	size_t n = strlen(s);

	sb_putc(b, (char)(n >> 8));
	sb_putc(b, (char)(n & 0xff));
	sb_puts(b, s);
}

static bool send_packet(struct ctx *c, const struct stmt *s, struct wire *w, unsigned first, struct sb *body)
{
	struct sb b = SB_INIT;
	size_t n = body->n;
	bool ok;

	sb_putc(&b, (char)first);
	do {
		unsigned byte = n & 0x7f;

		n >>= 7;
		sb_putc(&b, (char)(byte | (n > 0 ? 0x80 : 0)));
	} while (n > 0);
	sb_put(&b, body->p, body->n);
	ok = send_all(c, s, w, b.p, b.n);
	sb_fini(&b);
	sb_fini(body);
	return ok;
}

static void keep(char **to, const char *v)
{
	free(*to);
	*to = xstrdup(v);
}

static bool wait_connack(struct ctx *c, const struct stmt *s, struct wire *w, int want)
{
	dur_us until = clock_monotonic() + c->run->patience;

	while (w->connack == -1 && !w->closed && clock_monotonic() < until) {
		look(w, 50);
		take_packets(w);
	}
	if (w->connack == want)
		return true;
	return scn_fail(c, s,
	        w->connack >= 0 ? "CONNACK: expected %d, saw %d" : "CONNACK: expected %d, none came (%d)%s",
	        want, w->connack, w->closed ? "; the connection was closed" : "");
}

static bool connect_mqtt(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct wire *w = state(a);
	struct sb b = SB_INIT;
	const char *v;
	int64_t want = 0, keep_alive = 60, clean = 1, level = 4;
	unsigned flags;

	if (w->user == NULL)
		keep(&w->user, "demo-gw");
	for (int i = 1; i < s->words; i += 2) {
		v = scn_word(c, s, i + 1);
		if (v == NULL)
			return false;
		if (scn_is(s, i, "-id"))
			keep(&w->id, v);
		else if (scn_is(s, i, "-user"))
			keep(&w->user, v);
		else if (scn_is(s, i, "-password"))
			keep(&w->password, v);
		else if (scn_is(s, i, "-qos") || scn_is(s, i, "-expect") || scn_is(s, i, "-keep-alive") ||
		         scn_is(s, i, "-clean") || scn_is(s, i, "-level")) {
			int64_t n;

			if (!scn_int(c, s, i + 1, &n))
				return false;
			if (scn_is(s, i, "-qos"))
				w->qos = (int)n;
			else
				*(scn_is(s, i, "-expect")             ? &want
				        : scn_is(s, i, "-keep-alive") ? &keep_alive
				        : scn_is(s, i, "-level")      ? &level
				                                      : &clean) = n;
		} else {
			return scn_fail(c, s,
			        "connect knows -id -user -password -qos -expect -keep-alive -clean -level");
		}
	}
	v = w->password;
	if (v == NULL)
		v = scn_get(c->run, c->a, arena_printf(c->a, "secret.%s", w->user));
	if (!dial(c, a, s, true))
		return false;
	flags = (clean ? 2u : 0) | (w->user[0] != '\0' ? 0x80u : 0) |
	        (v != NULL && w->user[0] != '\0' ? 0x40u : 0);
	put_text(&b, "MQTT");
	sb_putc(&b, (char)level);
	sb_putc(&b, (char)flags);
	sb_putc(&b, (char)(keep_alive >> 8));
	sb_putc(&b, (char)(keep_alive & 0xff));
	put_text(&b, w->id != NULL ? w->id : a->name);
	if (flags & 0x80)
		put_text(&b, w->user);
	if (flags & 0x40)
		put_text(&b, v);
	return send_packet(c, s, w, 0x10, &b) && wait_connack(c, s, w, (int)want);
}

static bool publish_one(struct ctx *c, const struct stmt *s, struct wire *w, const char *topic,
        const char *payload, int qos, bool dup)
{
	struct sb b = SB_INIT;

	put_text(&b, topic);
	if (qos > 0) {
		w->next_id = w->next_id % 65535 + 1;
		sb_putc(&b, (char)(w->next_id >> 8));
		sb_putc(&b, (char)(w->next_id & 0xff));
		w->unacked++;
	}
	sb_puts(&b, payload);
	return send_packet(c, s, w, 0x30u | (unsigned)qos << 1 | (dup ? 8u : 0), &b);
}

static bool publish(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct wire *w = state(a);
	const char *topic = scn_word(c, s, 1), *payload = topic != NULL ? scn_word(c, s, 2) : NULL;
	int64_t qos = w->qos;
	bool dup = false;

	if (payload == NULL)
		return false;
	for (int i = 3; i < s->words; i++) {
		if (scn_is(s, i, "-dup"))
			dup = true;
		else if (!scn_is(s, i, "-qos") || !scn_int(c, s, ++i, &qos))
			return scn_fail(c, s, "publish TOPIC PAYLOAD [-qos N] [-dup]");
	}
	return publish_one(c, s, w, topic, payload, (int)qos, dup);
}

static bool await_pubacks(struct ctx *c, const struct stmt *s, struct wire *w)
{
	dur_us until = clock_monotonic() + c->run->patience;

	while (w->unacked > 0 && !w->closed && clock_monotonic() < until) {
		look(w, 50);
		take_packets(w);
	}
	return w->unacked <= 0 || scn_fail(c, s, "PUBACK: %d are missing%s", w->unacked,
	                                  w->closed ? "; the connection was closed" : "");
}

static bool await_closed(struct ctx *c, const struct stmt *s, struct wire *w, int i)
{
	dur_us wait = c->run->patience, until;

	if (scn_is(s, i, "within") && !scn_dur(c, s, i + 1, &wait))
		return false;
	until = clock_monotonic() + wait;
	while (!w->closed && clock_monotonic() < until)
		look(w, 50);
	return w->closed || scn_fail(c, s, "the connection is still open");
}

static bool hex_word(struct ctx *c, const struct stmt *s, struct sb *b)
{
	for (int i = 1; i < s->words; i++) {
		const char *v = scn_word(c, s, i);

		if (v == NULL)
			return false;
		for (; v[0] != '\0' && v[1] != '\0'; v += 2) {
			char two[3] = {v[0], v[1], '\0'}, *end;
			long byte = strtol(two, &end, 16);

			if (*end != '\0')
				return scn_fail(c, s, "no hexadecimal digits: %s", two);
			sb_putc(b, (char)byte);
		}
	}
	return true;
}

static bool send_hex(struct ctx *c, const struct stmt *s, struct wire *w)
{
	struct sb b = SB_INIT;
	bool ok = hex_word(c, s, &b) && send_all(c, s, w, b.p ? b.p : "", b.n);

	sb_fini(&b);
	return ok;
}

/*
 * stream TOPIC -count N [-base MS]: N readings 1, 2, … at times base+1 ms, base+2 ms, … as a device that
 * buffers would send them: until each has its PUBACK, over as many connections as that takes.
 */
static bool stream(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct wire *w = state(a);
	const char *topic = scn_word(c, s, 1);
	int64_t count = 0, base = 0, sent = 0, acked = 0;
	bool ok = true;

	for (int i = 2; i < s->words; i += 2)
		if (!scn_int(c, s, i + 1, scn_is(s, i, "-count") ? &count : &base))
			return false;
	while (ok && acked < count && !c->run->ending) {
		int had;

		if (w->fd <= 0 || w->closed) {
			static const struct stmt again = {.file = "stream"};
			struct stmt plain = again;
			dur_us until = clock_monotonic() + 6 * c->run->patience;

			plain.line = s->line;
			while (!connect_mqtt(c, a, &plain)) {
				if (clock_monotonic() > until || c->run->ending)
					return scn_fail(c, s, "no connection for a long time: %s", c->why.p);
				c->failed = false;
				scn_short_wait();
			}
			sent = acked;
		}
		while (sent < count && sent - acked < 50) {
			char payload[80];

			sent++;
			snprintf(payload, sizeof(payload), "{\"v\":%lld,\"t\":%lld}", (long long)sent,
			        (long long)(base + sent));
			if (!publish_one(c, s, w, topic, payload, 1, false)) {
				c->failed = false;
				break;
			}
		}
		had = w->pubacks;
		look(w, 20);
		take_packets(w);
		acked += w->pubacks - had; /* they come in the order of their messages */
		scn_set(c->run, "streamed", arena_printf(c->a, "%lld", (long long)acked));
		if (w->closed)
			hang_up(w);
	}
	return ok;
}

static bool mqtt_command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct wire *w = state(a);
	const char *v = s->word[0].text;
	struct sb b = SB_INIT;
	dur_us until = clock_monotonic() + c->run->patience;

	if (strcmp(v, "connect") == 0)
		return connect_mqtt(c, a, s);
	if (strcmp(v, "publish") == 0)
		return publish(c, a, s);
	if (strcmp(v, "stream") == 0)
		return stream(c, a, s);
	if (strcmp(v, "raw") == 0)
		return send_hex(c, s, w);
	if (strcmp(v, "dial") == 0) /* the socket only */
		return dial(c, a, s, true);
	if (strcmp(v, "drop") == 0) {
		hang_up(w);
		return true;
	}
	if (strcmp(v, "disconnect") == 0) {
		bool ok = send_packet(c, s, w, 0xe0, &b);

		hang_up(w);
		return ok;
	}
	if (strcmp(v, "ping") == 0) {
		int had = w->pings;

		if (!send_packet(c, s, w, 0xc0, &b))
			return false;
		while (w->pings == had && !w->closed && clock_monotonic() < until) {
			look(w, 50);
			take_packets(w);
		}
		return w->pings > had || scn_fail(c, s, "no PINGRESP came");
	}
	if (strcmp(v, "subscribe") == 0) {
		v = scn_word(c, s, 1);
		if (v == NULL)
			return false;
		w->refused_suback = -1;
		sb_put(&b, "\0\7", 2);
		put_text(&b, v);
		sb_putc(&b, 0);
		if (!send_packet(c, s, w, 0x82, &b))
			return false;
		while (w->refused_suback < 0 && !w->closed && clock_monotonic() < until) {
			look(w, 50);
			take_packets(w);
		}
		return scn_expect(c, s, 2, "SUBACK", arena_printf(c->a, "%d", w->refused_suback));
	}
	if (strcmp(v, "expect") == 0) {
		if (scn_is(s, 1, "puback"))
			return await_pubacks(c, s, w);
		if (scn_is(s, 1, "closed"))
			return await_closed(c, s, w, 2);
		if (scn_is(s, 1, "pubacks")) {
			look(w, 0);
			take_packets(w);
			return scn_expect(c, s, 2, "PUBACKs", arena_printf(c->a, "%d", w->pubacks));
		}
		if (scn_is(s, 1, "open")) {
			look(w, 0);
			return !w->closed || scn_fail(c, s, "the connection was closed");
		}
	}
	return scn_fail(c, s, "mqtt does not know \"%s\"", s->word[0].text);
}

static bool tcp_command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct wire *w = state(a);
	const char *v = s->words > 1 ? scn_word(c, s, 1) : "";
	dur_us until = clock_monotonic() + c->run->patience;

	if (v == NULL)
		return false;
	if (scn_is(s, 0, "connect"))
		return dial(c, a, s, strcmp(v, "mqtt") == 0);
	if (scn_is(s, 0, "send"))
		return send_all(c, s, w, v, strlen(v));
	if (scn_is(s, 0, "hex"))
		return send_hex(c, s, w);
	if (scn_is(s, 0, "drop")) {
		hang_up(w);
		return true;
	}
	if (scn_is(s, 0, "expect") && scn_is(s, 1, "closed"))
		return await_closed(c, s, w, 2);
	if (scn_is(s, 0, "expect") && scn_is(s, 1, "text")) {
		const char *op = scn_word(c, s, 2), *want = scn_word(c, s, 3);

		if (op == NULL || want == NULL)
			return false;
		while (scn_holds(w->in.p ? w->in.p : "", op, want) != 1 && !w->closed &&
		        clock_monotonic() < until)
			look(w, 50);
		return scn_compare(c, s, "text", w->in.p ? w->in.p : "", op, want);
	}
	return scn_fail(c, s, "tcp does not know \"%s\"", s->word[0].text);
}

static void free_state(struct actor *a)
{
	struct wire *w = a->state;

	if (w == NULL)
		return;
	hang_up(w);
	sb_fini(&w->in);
	free(w->id);
	free(w->user);
	free(w->password);
	free(w);
}

const struct actor_kind kind_mqtt = {.name = "mqtt", .command = mqtt_command, .free = free_state};
const struct actor_kind kind_tcp = {.name = "tcp", .command = tcp_command, .free = free_state};

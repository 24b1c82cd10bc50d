/*
 * What a connection reads and writes: MQTT as it is, or inside of WebSocket. Both come to the same ports; the
 * first byte tells them apart, since "GET" is no CONNECT.
 */
#include "mqtt/mqtt_int.h"
#include "mqtt/websocket.h"

#include <errno.h>

#define FRAME_B 16384u

struct mqtt__web {
	struct websocket s;
	size_t sent;  /* of s.out */
	bool counted; /* as open */
};

static void begin(struct mqtt__conn *c)
{
	c->web = xcalloc(1, sizeof(*c->web));
	websocket_init(&c->web->s);
}

bool mqtt__web_unsent(const struct mqtt__conn *c)
{
	return c->web && c->web->s.out.n > c->web->sent;
}

bool mqtt__unread(const struct mqtt__conn *c)
{
	return mqtt__tls_pending(c) || (c->web && c->web->s.phase == WEBSOCKET_OVER);
}

/* As recv, of what came over WebSocket. */
static ssize_t unpack(struct mqtt__conn *c, char *p, size_t n)
{
	struct websocket *s = &c->web->s;
	const char *why;
	size_t got = websocket_take(s, p, n, &why);
	if (mqtt__web_unsent(c))
		mqtt__dirty(c);
	if (s->phase == WEBSOCKET_OPEN && !c->web->counted) {
		c->web->counted = true;
		metric_add(METRIC_MQTT_WEBSOCKETS, 1);
	}
	if (why)
		mqtt__wrong(c, mqtt__bad(MQTT_R_MALFORMED, why));
	if (got > 0 || (why == NULL && s->phase == WEBSOCKET_OVER))
		return (ssize_t)got;
	errno = EAGAIN;
	return -1;
}

ssize_t mqtt__recv(struct mqtt__conn *c, void *p, size_t n)
{
	ssize_t got;
	do {
		if (c->web && c->web->s.phase == WEBSOCKET_OVER)
			return 0;
		got = mqtt__wire_recv(c, p, n);
		if (got > 0 && !c->begun) {
			c->begun = true;
			if (c->link == NULL && *(const char *)p == 'G')
				begin(c);
		}
		if (got > 0 && c->web)
			got = unpack(c, p, (size_t)got);
	} while (got < 0 && errno == EAGAIN && c->web && !c->ending && mqtt__tls_pending(c));
	return got;
}

/* False as write fails, when not all has left. */
static bool drain(struct mqtt__conn *c)
{
	struct mqtt__web *w = c->web;
	while (mqtt__web_unsent(c)) {
		ssize_t n = mqtt__wire_write(c, w->s.out.p + w->sent, w->s.out.n - w->sent);
		if (n < 0)
			return false;
		w->sent += (size_t)n;
	}
	sb_fini(&w->s.out);
	w->sent = 0;
	return true;
}

ssize_t mqtt__write(struct mqtt__conn *c, const void *p, size_t n)
{
	if (c->web == NULL)
		return mqtt__wire_write(c, p, n);
	if (!drain(c))
		return -1;
	if (n == 0 || c->web->s.phase != WEBSOCKET_OPEN)
		return (ssize_t)n; /* nothing may follow a Close */
	n = n < FRAME_B ? n : FRAME_B;
	websocket_put(&c->web->s, p, n);
	return drain(c) || errno == EAGAIN || errno == EINTR ? (ssize_t)n : -1;
}

void mqtt__web_end(struct mqtt__conn *c)
{
	struct mqtt__web *w = c->web;
	if (w == NULL)
		return;
	websocket_close(&w->s, w->s.code != 0        ? w->s.code
	                       : c->server->shutting ? WEBSOCKET_GOING_AWAY
	                                             : WEBSOCKET_NORMAL);
	(void)drain(c);
	if (w->counted)
		metric_add(METRIC_MQTT_WEBSOCKETS, -1);
	websocket_fini(&w->s);
	free(w);
	c->web = NULL;
}

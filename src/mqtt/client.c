#include "mqtt/client.h"

#include "mqtt/mqtt_int.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENT_MAGIC 0x309773a3u
#define IDS 65536u
#define UNACKED_MOST 60000 /* below the number of packet ids, so that the next one is surely free */
/* Answers to CONNECT (3.1.1, table 3.1). */
enum { ACCEPTED, BAD_VERSION, BAD_IDENTIFIER, UNAVAILABLE, BAD_CREDENTIALS, NOT_AUTHORISED };

#define LOOK_EVERY 64 /* sent messages between looks for PUBACKs, so that they do not fill the socket */

struct mqtt_client {
	uint32_t magic;
	int fd;
	dur_us wait;
	uint16_t last_id;
	int unacked;
	unsigned since_look;
	bool broken;               /* nothing more can be sent or heard */
	uint64_t flying[IDS / 64]; /* packet ids without their PUBACK */
	size_t in_n;
	char in[4096];
	struct sb out; /* one packet on its way */
};

static bool is_flying(const struct mqtt_client *c, unsigned id)
{
	return c->flying[id / 64] >> (id % 64) & 1;
}

static int broken(struct mqtt_client *c, struct err *e, const char *why)
{
	c->broken = true;
	return err_set(
	        e, ERR_IO, "the MQTT server %s; connect again and send what was not acknowledged", why);
}

static int take_packet(struct mqtt_client *c, const struct mqtt__frame *f, struct err *e)
{
	struct str body = f->body;
	unsigned id;
	if (f->type == MQTT_PINGRESP)
		return 0;
	if (f->type != MQTT_PUBACK || !mqtt__word(&body, &id) || !is_flying(c, id))
		return broken(c, e, "sent an answer to nothing");
	c->flying[id / 64] &= ~(UINT64_C(1) << (id % 64));
	c->unacked--;
	return 0;
}

/* Takes in what has come, without waiting. */
static int look(struct mqtt_client *c, struct err *e)
{
	for (;;) {
		ssize_t n = recv(c->fd, c->in + c->in_n, sizeof(c->in) - c->in_n, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return broken(c, e, "closed the connection");
		c->in_n += (size_t)n;
		size_t at = 0;
		struct mqtt__frame f;
		enum mqtt__framing how;
		while ((how = mqtt__frame((struct str){c->in + at, c->in_n - at}, 1024, &f)) == MQTT_WHOLE) {
			int rc = take_packet(c, &f, e);
			if (rc < 0)
				return rc;
			at += f.total;
		}
		if (how != MQTT_PARTIAL)
			return broken(c, e, "sent something that is not MQTT");
		memmove(c->in, c->in + at, c->in_n - at);
		c->in_n -= at;
	}
}

/* Waits until the socket can be read, or written too. */
static int wait_for(struct mqtt_client *c, short events, dur_us until, struct err *e)
{
	for (;;) {
		dur_us left = until - clock_monotonic();
		struct pollfd p = {.fd = c->fd, .events = events};
		int n = left > 0 ? poll(&p, 1, (int)(left / US_MS) + 1) : 0;
		if (n > 0)
			return p.revents;
		if (n == 0)
			return err_set(e, ERR_TIMEOUT,
			        "the MQTT server did not answer in time; it may be overloaded, try again");
		if (errno != EINTR)
			return err_errno(e, errno, "waiting for the MQTT server");
	}
}

/* Reads meanwhile: a server that cannot send its answers stops reading. */
static int send_all(struct mqtt_client *c, const char *p, size_t n, struct err *e)
{
	dur_us until = clock_monotonic() + c->wait;
	while (n > 0) {
		ssize_t got = send(c->fd, p, n, MSG_NOSIGNAL);
		if (got > 0) {
			p += got;
			n -= (size_t)got;
			until = clock_monotonic() + c->wait;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0 && errno != EAGAIN)
			return broken(c, e, "closed the connection");
		int rc = wait_for(c, POLLIN | POLLOUT, until, e);
		if (rc >= 0 && (rc & POLLIN))
			rc = look(c, e);
		if (rc < 0) {
			c->broken = true; /* a packet may be cut in the middle */
			return rc;
		}
	}
	return 0;
}

static int send_connect(
        struct mqtt_client *c, struct str id, struct str username, struct str password, struct err *e)
{
	char head[8];
	struct sb *b = &c->out;
	size_t length = 10 + 2 + id.n + (username.p ? 2 + username.n : 0) + (password.p ? 2 + password.n : 0);
	sb_reset(b);
	sb_put(b, head, mqtt__head(head, MQTT_CONNECT << 4, length));
	mqtt__put_text(b, STR_LIT("MQTT"));
	sb_putc(b, 4);
	sb_putc(b, (char)(0x02 | (username.p ? 0x80 : 0) | (password.p ? 0x40 : 0)));
	/* No keep-alive: the client has no thread to ping from. */
	sb_put(b, "\0\0", 2);
	mqtt__put_text(b, id);
	if (username.p)
		mqtt__put_text(b, username);
	if (password.p)
		mqtt__put_text(b, password);
	return send_all(c, b->p, b->n, e);
}

static int await_connack(struct mqtt_client *c, struct err *e)
{
	char p[4];
	size_t n = 0;
	dur_us until = clock_monotonic() + c->wait;
	while (n < sizeof(p)) {
		ssize_t got = recv(c->fd, p + n, sizeof(p) - n, 0);
		if (got > 0) {
			n += (size_t)got;
			continue;
		}
		if (got < 0 && errno == EINTR)
			continue;
		if (got == 0 || errno != EAGAIN)
			return broken(c, e, "closed the connection without an answer");
		int rc = wait_for(c, POLLIN, until, e);
		if (rc < 0)
			return rc;
	}
	if (p[0] != (char)(MQTT_CONNACK << 4) || p[1] != 2)
		return broken(c, e, "is none: it does not answer as MQTT does");
	switch (p[3]) {
	case ACCEPTED: return 0;
	case BAD_CREDENTIALS:
		return err_set(e, ERR_UNAUTH, "the MQTT server refuses this device: wrong login or secret");
	case NOT_AUTHORISED: return err_set(e, ERR_DENIED, "the MQTT server does not let this device in");
	case BAD_IDENTIFIER: return err_set(e, ERR_INVALID, "the MQTT server does not take this client id");
	case UNAVAILABLE:
		return err_set(e, ERR_UNAVAILABLE, "the MQTT server takes nobody now; try again later");
	default: return err_set(e, ERR_UNSUPPORTED, "the MQTT server does not speak MQTT 3.1.1");
	}
}

static void client_free(struct mqtt_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	sb_fini(&c->out);
	c->magic = 0;
	free(c);
}

int mqtt_client_connect(const char *host, int port, const char *client_id, const char *username,
        const char *password, dur_us wait, struct mqtt_client **out, struct err *e)
{
	struct str id = str_of(client_id ? client_id : ""), user = str_of(username), pass = str_of(password);
	if (id.n > UINT16_MAX || user.n > UINT16_MAX || pass.n > UINT16_MAX)
		return err_set(e, ERR_INVALID, "a client id, login or secret is longer than 65,535 bytes");
	struct mqtt_client *c = xcalloc(1, sizeof(*c));
	c->magic = CLIENT_MAGIC;
	c->fd = -1;
	c->wait = wait;
	int rc = socket_connect(host, port, wait, &c->fd, e);
	if (rc == 0)
		rc = send_connect(c, id, user, pass, e);
	if (rc == 0)
		rc = await_connack(c, e);
	if (rc < 0) {
		client_free(c);
		return rc;
	}
	*out = c;
	return 0;
}

/* Waits until at most `most` are without their PUBACK. */
static int drain(struct mqtt_client *c, int most, struct err *e)
{
	dur_us until = clock_monotonic() + c->wait;
	int before = c->unacked;
	int rc = look(c, e);
	while (rc == 0 && c->unacked > most) {
		if (c->unacked != before) {
			before = c->unacked;
			until = clock_monotonic() + c->wait;
		}
		rc = wait_for(c, POLLIN, until, e);
		if (rc > 0)
			rc = look(c, e);
	}
	return rc;
}

int mqtt_client_publish(
        struct mqtt_client *c, const char *topic, struct str payload, int qos, uint16_t *id, struct err *e)
{
	OBJ_CHECK(c, CLIENT_MAGIC);
	struct str name = str_of(topic);
	char head[8];
	int rc = 0;
	if (c->broken)
		return broken(c, e, "is not connected");
	if (name.n == 0 || name.n > UINT16_MAX || (qos != 0 && qos != 1))
		return err_set(e, ERR_INVALID, "a message needs a topic of 1 to 65,535 bytes and QoS 0 or 1");
	size_t length = 2 + name.n + (qos ? 2 : 0) + payload.n;
	if (length > 0x0fffffff)
		return err_set(e, ERR_TOOBIG, "a message of MQTT is at most 256 MiB");
	if (c->unacked >= UNACKED_MOST)
		rc = drain(c, UNACKED_MOST / 2, e);
	else if (++c->since_look >= LOOK_EVERY)
		rc = look(c, e);
	if (c->since_look >= LOOK_EVERY)
		c->since_look = 0;
	if (rc < 0)
		return rc;
	sb_reset(&c->out);
	sb_put(&c->out, head, mqtt__head(head, MQTT_PUBLISH << 4 | (unsigned)qos << 1, length));
	mqtt__put_text(&c->out, name);
	if (qos) {
		do {
			c->last_id++;
		} while (c->last_id == 0 || is_flying(c, c->last_id));
		c->flying[c->last_id / 64] |= UINT64_C(1) << (c->last_id % 64);
		c->unacked++;
		sb_putc(&c->out, (char)(c->last_id >> 8));
		sb_putc(&c->out, (char)c->last_id);
	}
	if (id)
		*id = qos ? c->last_id : 0;
	sb_putstr(&c->out, payload);
	return send_all(c, c->out.p, c->out.n, e);
}

int mqtt_client_wait(struct mqtt_client *c, struct err *e)
{
	OBJ_CHECK(c, CLIENT_MAGIC);
	if (c->unacked == 0)
		return 0;
	return c->broken ? broken(c, e, "is not connected") : drain(c, 0, e);
}

int mqtt_client_unacked(const struct mqtt_client *c)
{
	OBJ_CHECK(c, CLIENT_MAGIC);
	return c->unacked;
}

void mqtt_client_close(struct mqtt_client **cp)
{
	static const char goodbye[2] = {(char)(MQTT_DISCONNECT << 4), 0};
	struct mqtt_client *c = *cp;
	if (c == NULL)
		return;
	OBJ_CHECK(c, CLIENT_MAGIC);
	*cp = NULL;
	if (!c->broken)
		(void)!send(c->fd, goodbye, sizeof(goodbye), MSG_NOSIGNAL);
	client_free(c);
}

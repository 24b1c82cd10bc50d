/*
 * CONNECT: credentials, client ids, and the one connection that a client id may have.
 *
 * A will is read and checked, and then ignored: nobody can subscribe to it here. No session outlives its
 * connection: CONNACK always says "session present: 0", which a client with clean session 0 must accept.
 */
#include "mqtt/mqtt_int.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/metric.h"

#define UNACCEPTABLE_LEVEL 1 /* CONNACK return code; the server's own affair, so not in enum mqtt_connack */

enum { CLEAN = 0x02, WILL = 0x04, WILL_QOS = 0x18, WILL_RETAIN = 0x20, PASSWORD = 0x40, USERNAME = 0x80 };

static const char *parse_will(unsigned flags, struct str *in)
{
	struct str topic, message;
	if (!(flags & WILL))
		return flags & (WILL_QOS | WILL_RETAIN) ? "CONNECT has will flags without a will" : NULL;
	if ((flags & WILL_QOS) == WILL_QOS)
		return "CONNECT has a will of QoS 3";
	if (!mqtt__text(in, &topic) || !mqtt__binary(in, &message))
		return "the will of a CONNECT is cut off or not UTF-8";
	return NULL;
}

const char *mqtt__connect_parse(const struct mqtt__frame *f, struct mqtt__connect *c)
{
	struct str in = f->body, name;
	unsigned flags;
	*c = (struct mqtt__connect){0};
	if (f->flags != 0)
		return "CONNECT has reserved bits set";
	if (!mqtt__text(&in, &name) || !mqtt__byte(&in, &c->level))
		return "CONNECT is cut off";
	bool old =
	        str_is(name, "MQIsdp") && (c->level & 0x7f) == 3; /* MQTT 3.1; the high bit marks a bridge */
	if (!old && !str_is(name, "MQTT"))
		return "CONNECT does not name MQTT";
	if (c->level != 4)
		return NULL;
	if (!mqtt__byte(&in, &flags) || !mqtt__word(&in, &c->keep_alive_s))
		return "CONNECT is cut off";
	if (flags & 1)
		return "CONNECT has a reserved flag set";
	if ((flags & PASSWORD) && !(flags & USERNAME))
		return "CONNECT has a password without a user name";
	c->clean = flags & CLEAN;
	if (!mqtt__text(&in, &c->client_id))
		return "the client id of a CONNECT is cut off or not UTF-8";
	const char *why = parse_will(flags, &in);
	if (why)
		return why;
	if ((flags & USERNAME) && !mqtt__text(&in, &c->username))
		return "the user name of a CONNECT is cut off or not UTF-8";
	if ((flags & PASSWORD) && !mqtt__binary(&in, &c->password))
		return "the password of a CONNECT is cut off";
	return in.n > 0 ? "CONNECT has bytes after its end" : NULL;
}

static struct mqtt__conn **bucket(struct mqtt_server *s, const char *id)
{
	return &s->ids[hash64(id, strlen(id), 0) & s->ids_mask];
}

void mqtt__connect_forget(struct mqtt__conn *c)
{
	if (c->client_id == NULL)
		return;
	for (struct mqtt__conn **p = bucket(c->server, c->client_id); *p; p = &(*p)->next_same) {
		if (*p == c) {
			*p = c->next_same;
			break;
		}
	}
	free(c->client_id);
	c->client_id = NULL;
}

/* The newer connection of a client id ends the older one (3.1.4-2): a device that lost its network comes
 * back before its old connection is missed. */
static void take_id(struct mqtt__conn *c, struct str id)
{
	struct mqtt_server *s = c->server;
	c->client_id =
	        id.n > 0 ? xstrndup(id.p, id.n) : xasprintf("auto-%llu", (unsigned long long)++s->made_ids);
	struct mqtt__conn **b = bucket(s, c->client_id), *old = *b;
	while (old && strcmp(old->client_id, c->client_id) != 0)
		old = old->next_same;
	if (old)
		mqtt__end(old, "its client id connected again");
	b = bucket(s, c->client_id);
	c->next_same = *b;
	*b = c;
}

static void answer(struct mqtt__conn *c, unsigned code)
{
	const char packet[4] = {(char)(MQTT_CONNACK << 4), 2, 0, (char)code};
	mqtt__send(c, packet, sizeof(packet));
}

static void refuse(struct mqtt__conn *c, unsigned code, struct str client_id)
{
	static const char *const words[] = {"", "it speaks another version of MQTT than 3.1.1",
	        "its client id is not acceptable", "this server cannot take it now",
	        "its user name or password is wrong", "it is not allowed to connect"};
	const char *why = words[code < ARRAY_LEN(words) ? code : 5];
	char id[128];
	snprintf(id, sizeof(id), STR_FMT, STR_ARG(client_id));
	metric_add(METRIC_MQTT_REFUSED, 1);
	LOG(MQTT_REFUSED, log_s("remote", c->remote), log_s("client", id), log_s("why", why));
	answer(c, code);
	mqtt__end(c, why);
}

void mqtt__connect(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt_server *s = c->server;
	struct mqtt__connect in;
	const char *why = c->connected ? "it sent a second CONNECT" : mqtt__connect_parse(f, &in);
	if (why) {
		mqtt__wrong(c, why);
		return;
	}
	if (in.level != 4) {
		refuse(c, UNACCEPTABLE_LEVEL, in.client_id);
		return;
	}
	if (in.client_id.n == 0 && !in.clean) {
		refuse(c, MQTT_BAD_IDENTIFIER, in.client_id);
		return;
	}
	enum mqtt_connack code =
	        s->door.connect(s->door.ctx, in.client_id, in.username, in.password, c->remote, &c->user);
	if (code != MQTT_ACCEPTED) {
		refuse(c, code, in.client_id);
		return;
	}
	c->connected = true;
	c->keep_alive = (dur_us)in.keep_alive_s * US_SECOND * 3 / 2;
	take_id(c, in.client_id);
	metric_add(METRIC_MQTT_CONNECTIONS, 1);
	LOG(MQTT_CONNECT, log_s("client", c->client_id), log_s("remote", c->remote));
	answer(c, MQTT_ACCEPTED);
}

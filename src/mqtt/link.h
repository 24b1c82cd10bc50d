/*
 * link - this server as a client of another's broker.
 *
 * A link is a connection of the same loop whose other side is a broker: what comes from there goes to the
 * door's `publish` like any message, under the topic that `map` gives it, and is answered (PUBACK, PUBREC)
 * when the caller says mqtt_message_done. So nothing is acknowledged there before it is durable here, and as
 * many messages are under way as the Receive Maximum allows. A link that breaks is made again after 1, 2, …
 * 60 seconds; the session stays at the broker, which sends again what was not answered.
 *
 * MQTT 5, or 3.1.1 where the broker does not take 5. QoS 0, 1 and 2.
 */
#ifndef HEMING_MQTT_LINK_H
#define HEMING_MQTT_LINK_H

#include "base/arena.h"
#include "mqtt/mqtt.h"

struct mqtt_link;
struct mqtt_link_filter {
	const char *text; /* $share/GROUP/… too */
	int qos;
};
/* All of it must live as long as the server. */
struct mqtt_link_options {
	const char *name, *host;
	int port;
	bool tls;
	const char *ca;         /* PEM; NULL: the authorities that the system trusts */
	const char *cert, *key; /* of this client, PEM; NULL: none */
	bool old;               /* 3.1.1 only */
	const char *client_id;
	const char *username;      /* NULL: none */
	const char *password_file; /* read at each try, as certificates are; NULL: none */
	const struct mqtt_link_filter *filters;
	int filters_n;
	unsigned keep_alive_s;     /* 0: 30 */
	uint32_t session_expiry_s; /* how long the broker keeps the session while this end is away */
	void *user;                /* of the messages that come */
	void *ctx;
	/* Any thread. Reads the password or the key, which may be kept in another form. NULL: as they stand.
	 */
	int (*read)(
	        void *ctx, struct arena *a, const char *path, size_t most_b, struct str *out, struct err *e);
	/* Loop thread. The topic under which a message counts here; false: none, so it is counted and
	 * acknowledged. */
	bool (*map)(void *ctx, struct str topic, struct sb *to);
};
/* Any thread, one at a time, before mqtt_close. Never fails: what cannot be reached is tried again. */
struct mqtt_link *mqtt_link_open(struct mqtt_server *s, const struct mqtt_link_options *o);
/* A message to that broker, QoS 1. False while it is not connected. Any thread; copies what it needs. */
MUST_USE bool mqtt_link_send(struct mqtt_link *l, const struct mqtt_outgoing *o);

/* It says goodbye and is over; what was not answered there comes to whoever has its client id next. Its
 * options must live on until mqtt_close. Any thread. */
void mqtt_link_leave(struct mqtt_link *l);

struct mqtt_link_state {
	const char *name;
	bool connected; /* and subscribed to all that it asked for */
	int version;    /* 4 is MQTT 3.1.1, 5 is MQTT 5; 0 before it was connected */
	int64_t messages, unmapped, breaks;
	char why[512]; /* it is not connected, or lacks a subscription; "" if all is well */
};
void mqtt_link_look(struct mqtt_link *l, struct mqtt_link_state *out); /* any thread */
/* mqtt_close closes them all. */

#endif

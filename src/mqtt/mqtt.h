/*
 * mqtt - a broker's half of OASIS MQTT 3.1.1 for devices that publish: CONNECT with credentials,
 * PUBLISH at QoS 0 and 1, PING, DISCONNECT, keep-alive; SUBSCRIBE is refused per topic (0x80) for now.
 *
 * Knows no readings: a message goes to `publish`, and its PUBACK leaves when the caller says
 * mqtt_message_done. PUBACKs of one connection leave in the order of their PUBLISHes ([MQTT-4.6.0-2]).
 * One loop thread inside. Back-pressure: a connection with more than `inflight` unanswered messages or
 * bytes is not read until some are answered.
 */
#ifndef HEMING_MQTT_H
#define HEMING_MQTT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/sb.h"

struct mqtt_server;
struct mqtt_message {
	struct str topic; /* valid UTF-8, no wildcards, no NUL */
	struct str payload;
	int qos; /* 0 or 1 */
	bool dup, retain;
	void *user; /* of the connection */
};
enum mqtt_connack { /* return codes of 3.1.1, table 3.1 */
	MQTT_ACCEPTED = 0,
	MQTT_BAD_IDENTIFIER = 2,
	MQTT_UNAVAILABLE = 3,
	MQTT_BAD_CREDENTIALS = 4,
	MQTT_NOT_AUTHORISED = 5,
};
struct mqtt_door {
	void *ctx;
	/* Loop thread, must not block for long. On MQTT_ACCEPTED *user is the connection's. username and
	 * password STR_NULL if not given. */
	enum mqtt_connack (*connect)(void *ctx, struct str client_id, struct str username,
	        struct str password, const char *remote, void **user);
	/* Loop thread. Topic and payload live until mqtt_message_done, which must follow for every
	 * message, from any thread, now or later. A QoS 1 message that failed (ok false) closes its
	 * connection without a PUBACK, so that the device sends it again. */
	void (*publish)(void *ctx, struct mqtt_message *m);
	/* Connections with messages at work close only after those are done. */
	void (*close)(void *ctx, void *user, const char *why);
};
struct mqtt_options {
	const char *address;
	int port;            /* 0: any free one */
	int connections;     /* most at once; 0: 20,000 */
	size_t packet_max_b; /* larger packets end the connection; 0: 1 MiB */
	int inflight;        /* unanswered messages of one connection; 0: 1,000 */
	size_t memory_max_b; /* payload bytes at work over all connections; 0: 256 MiB */
	const struct clock *clock;
};
MUST_USE int mqtt_listen(
        const struct mqtt_options *o, const struct mqtt_door *door, struct mqtt_server **out, struct err *e);
int mqtt_port(const struct mqtt_server *s);
void mqtt_message_done(struct mqtt_message *m, bool ok);
/* No new messages; waits for those at work. */
void mqtt_close(struct mqtt_server **s);

#endif

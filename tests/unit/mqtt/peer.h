/*
 * A client of MQTT 3.1.1 and 5 that says what it is told and tells what it hears as text, without any code of
 * the program's own.
 */
#ifndef HEMING_MQTT_PEER_H
#define HEMING_MQTT_PEER_H

#include "mqtt_test.h"

struct peer {
	int fd, version;
	struct sb in, text;
};
struct hello {
	const char *id, *user, *password;
	bool keep; /* no clean session, no clean start */
	int keep_alive;
	struct str props;
	const char *will_topic, *will;
	int will_qos;
	bool will_retain;
	struct str will_props;
};
#define BYTES(s) ((struct str){(s), sizeof(s) - 1})

/* Connects, and returns what it hears, as peer_hear. */
const char *peer_connect(struct peer *p, const struct broker *b, int version, struct hello h);
void peer_put(struct peer *p, unsigned first, struct str body);
void peer_publish(struct peer *p, const char *topic, const char *payload, unsigned flags, unsigned id,
        struct str props);
/* qos: with the other options. */
const char *peer_subscribe(struct peer *p, const char *filter, unsigned qos, struct str props);
const char *peer_unsubscribe(struct peer *p, const char *filter);
void peer_ack(struct peer *p, unsigned first, unsigned id);
/*
 * The next packet, or "closed", or "nothing" after a while; until the next call.
 *   CONNACK 0 00 | PUBLISH a/b=payload q1 id=7 | PUBACK 7 00 | SUBACK 1 01 80 | PINGRESP | DISCONNECT 8e
 * A PUBLISH shows r (retained) and d (again); properties follow as CODE=VALUE.
 */
const char *peer_hear(struct peer *p);
/* Asks for a PINGRESP and hears nothing before it: what is to come has come. */
const char *peer_quiet(struct peer *p);
void peer_close(struct peer *p);

#endif

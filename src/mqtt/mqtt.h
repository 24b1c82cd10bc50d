/*
 * mqtt - a broker of OASIS MQTT 3.1.1 and 5.0: QoS 0, 1 and 2, sessions, subscriptions with wildcards and
 * shared ones, retained messages, wills, flow control, topic aliases, TLS.
 *
 * Knows no readings: a message goes to `publish` first, and on to those who subscribe, and its PUBACK or
 * PUBREC leaves, when the caller says mqtt_message_done. These of one connection leave in the order of their
 * PUBLISHes ([MQTT-4.6.0-2]). One loop thread inside. Back-pressure: a connection with more than `inflight`
 * unanswered messages or bytes is not read until some are answered.
 *
 * Sessions that are to last, with their messages, and retained messages are in memory, and in a log on disk:
 * what a client is told of them is durable first, so that they outlive a crash.
 */
#ifndef HEMING_MQTT_H
#define HEMING_MQTT_H

#include "base/clock.h"
#include "base/err.h"
#include "base/sb.h"

struct mqtt_server;
struct gnutls_session_int;

/* 5.0, 2.4. What is above 0xff tells more to the counters; its low byte is what the client hears. */
enum mqtt_reason {
	MQTT_R_OK = 0x00,
	MQTT_R_WITH_WILL = 0x04,
	MQTT_R_NO_SUBSCRIPTION = 0x11,
	MQTT_R_FAILED = 0x80,
	MQTT_R_MALFORMED = 0x81,
	MQTT_R_PROTOCOL = 0x82,
	MQTT_R_VERSION = 0x84,
	MQTT_R_IDENTIFIER = 0x85,
	MQTT_R_CREDENTIALS = 0x86,
	MQTT_R_NOT_AUTHORISED = 0x87,
	MQTT_R_UNAVAILABLE = 0x88,
	MQTT_R_STOPPING = 0x8b,
	MQTT_R_AUTH_METHOD = 0x8c,
	MQTT_R_KEEP_ALIVE = 0x8d,
	MQTT_R_TAKEN_OVER = 0x8e,
	MQTT_R_FILTER = 0x8f,
	MQTT_R_TOPIC = 0x90,
	MQTT_R_ID_UNKNOWN = 0x92,
	MQTT_R_RECEIVE_MAX = 0x93,
	MQTT_R_ALIAS = 0x94,
	MQTT_R_TOO_LARGE = 0x95,
	MQTT_R_RATE = 0x96,
	MQTT_R_QUOTA = 0x97,
	MQTT_R_PAYLOAD = 0x99,
	MQTT_R_CONNECTIONS = 0x9f,
	MQTT_R_TIME = 0xa0,
	MQTT_R_UTF8 = 0x181,
	MQTT_R_SLOW = 0x197,
	MQTT_R_ADDRESS_RATE = 0x19f,
	MQTT_R_MEMORY = 0x297,
	MQTT_R_ADDRESS = 0x397,
};

struct mqtt_message {
	struct str topic; /* valid UTF-8, no wildcards, no NUL */
	struct str payload;
	struct str correlation; /* what an answer names its question by; STR_NULL if not given */
	int qos;                /* 0, 1 or 2 */
	bool dup;
	void *user; /* of the connection */
	/* What the caller may change until it says that the message is done. */
	bool retain;             /* it stays for later subscribers */
	bool forward;            /* it goes on to those who subscribe; true at first */
	enum mqtt_reason reason; /* told to a client of MQTT 5 with the answer; MQTT_R_OK at first */
};
struct mqtt_hello {
	struct str client_id;          /* empty if the client has none */
	struct str username, password; /* STR_NULL if not given */
	const char *remote;
	int version; /* 4 is MQTT 3.1.1, 5 is MQTT 5 */
	bool tls;
};
struct mqtt_door {
	void *ctx;
	/* Loop thread, must not block for long. On MQTT_R_OK *user is the connection's. Others are told to
	 * the client: IDENTIFIER, CREDENTIALS, NOT_AUTHORISED or UNAVAILABLE. */
	enum mqtt_reason (*connect)(void *ctx, const struct mqtt_hello *hello, void **user);
	/* Loop thread. Topic and payload live until mqtt_message_done, which must follow for every
	 * message, from any thread, now or later. A message that failed (ok false) closes its
	 * connection without an answer, so that the device sends it again. Wills come here too. */
	void (*publish)(void *ctx, struct mqtt_message *m);
	/* Loop thread: those that came together have all been given to `publish`. NULL: not told. */
	void (*turn)(void *ctx);
	/* Loop thread. Whether it may subscribe to the filter, that of a shared subscription without its
	 * group. NULL: nobody may. Asked again when a session comes back. */
	bool (*subscribe)(void *ctx, void *user, struct str filter);
	/* Whose sessions these are: who comes with the same owner and client id has them again. It lives as
	 * long as the user. NULL: the user name as it came. */
	struct str (*owner)(void *ctx, void *user);
	/* While the server starts: *user for an owner who left a will that waits. False: there is no such
	 * owner any more. NULL: the same. */
	bool (*absent)(void *ctx, struct str owner, void **user);
	/* Names that a client has for what is its own ("me"): puts the filter under which its subscription
	 * is kept into `to`; false: as it says. NULL: none. */
	bool (*inside)(void *ctx, void *user, struct str filter, struct sb *to);
	/* A topic as the client knows it, until the next call. NULL: all as they are. */
	struct str (*outside)(void *ctx, void *user, struct str topic);
	/* Loop thread, before each message that is sent. NULL: all that it subscribed to. */
	bool (*receive)(void *ctx, void *user, struct str topic);
	/* Loop thread, about once a minute: false ends the connection, as not authorised any more. NULL: they
	 * stay. */
	bool (*still)(void *ctx, void *user);
	/* Loop thread: the client did what ends its connection, for a reason that it is counted by; or,
	 * MQTT_R_RATE, it sends faster than allowed and is not read for a while. NULL: not told. */
	void (*blamed)(void *ctx, void *user, enum mqtt_reason reason, const char *why);
	/* Loop thread, about twice a second. NULL: not told. */
	void (*tick)(void *ctx);
	/* Connections with messages at work, or a will that is still to be sent, close only after those. */
	void (*close)(void *ctx, void *user, const char *why);
};
struct mqtt_options {
	const char *address;
	int port;       /* without TLS; 0: any free one */
	bool plain_off; /* no port without TLS */
	/* Prepares a new TLS session: certificate, priorities. NULL: no TLS. 0, or a code of GnuTLS. */
	int (*tls)(void *ctx, struct gnutls_session_int *session);
	void *tls_ctx;
	int tls_port;            /* 0: any free one */
	int connections;         /* most at once; 0: 20,000 */
	int address_connections; /* most at once of one address; 0: no limit */
	int address_rate;        /* new ones of one address in a minute, as many at once; 0: no limit */
	int accepts;             /* new connections in a second; 0: 2,000. More wait in the system's queue. */
	int rate;                /* messages a second of one connection, over ten seconds; 0: no limit */
	unsigned keep_alive_max; /* seconds that a client of MQTT 5 may at most be silent; 0: as it asks */
	size_t packet_max_b;     /* larger packets end the connection; 0: 1 MiB */
	int inflight;            /* unanswered messages of one connection; 0: 1,000 */
	int window;              /* messages sent to one client without its answer; 0: 100 */
	size_t memory_max_b;     /* payload bytes at work over all connections; 0: 256 MiB */
	int sessions;            /* kept without a connection, the longest away go first; 0: 20,000 */
	int queue_n;             /* messages that wait for one client; 0: 1,000 */
	size_t queue_b;          /* bytes of them; 0: 4 MiB */
	size_t kept_max_b;       /* bytes of waiting and retained messages in all; 0: 256 MiB */
	int subscriptions;       /* of one session; 0: 1,000 */
	int retained;            /* messages; 0: 100,000 */
	const char *state;       /* file of sessions and retained messages; NULL: they end with the server */
	dur_us ask_every;        /* how often `still` is asked; 0: a minute */
	const struct clock *clock;
};
MUST_USE int mqtt_listen(
        const struct mqtt_options *o, const struct mqtt_door *door, struct mqtt_server **out, struct err *e);
int mqtt_port(const struct mqtt_server *s);     /* 0: there is none without TLS */
int mqtt_tls_port(const struct mqtt_server *s); /* 0: there is none */
/* Any thread. */
void mqtt_message_done(struct mqtt_message *m, bool ok);

struct mqtt_outgoing {
	struct str topic, payload;
	struct str response_topic, correlation; /* of MQTT 5; STR_NULL: none */
	int qos;
	bool retain;
	dur_us expires; /* it is not sent after so long; 0: never */
};
/* A message of the server's own to those who subscribe. Any thread; copies what it needs. */
void mqtt_send(struct mqtt_server *s, const struct mqtt_outgoing *o);

/* No new messages; waits for those at work. */
void mqtt_close(struct mqtt_server **s);

#endif

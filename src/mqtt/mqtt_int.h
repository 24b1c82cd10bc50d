/*
 * mqtt_int - what the files of mqtt/ share: packets as values, connections, the loop.
 *
 * Parse and effect are apart: mqtt__X_parse reads bytes and knows no connection; mqtt__X acts on what was
 * read. All but mqtt_message_done, mqtt_listen and mqtt_close runs on the loop thread.
 */
#ifndef HEMING_MQTT_INT_H
#define HEMING_MQTT_INT_H

#include "mqtt/mqtt.h"

#include "base/socket.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- packets as bytes (mqtt_packet.c) ---- */

enum mqtt__type {
	MQTT_CONNECT = 1,
	MQTT_CONNACK,
	MQTT_PUBLISH,
	MQTT_PUBACK,
	MQTT_PUBREC,
	MQTT_PUBREL,
	MQTT_PUBCOMP,
	MQTT_SUBSCRIBE,
	MQTT_SUBACK,
	MQTT_UNSUBSCRIBE,
	MQTT_UNSUBACK,
	MQTT_PINGREQ,
	MQTT_PINGRESP,
	MQTT_DISCONNECT
};

struct mqtt__frame {
	enum mqtt__type type;
	unsigned flags;  /* low nibble of the first byte */
	struct str body; /* variable header and payload */
	size_t total;    /* bytes of the packet, once the length is known; else 0 */
};
enum mqtt__framing { MQTT_WHOLE, MQTT_PARTIAL, MQTT_MALFORMED, MQTT_TOO_LONG };
/* Cuts one packet off the front of `in`. f->total is set for MQTT_PARTIAL too when it is known already. */
enum mqtt__framing mqtt__frame(struct str in, size_t most, struct mqtt__frame *f);

/* Readers of the parts of a body: false when it is too short or not valid. */
MUST_USE bool mqtt__byte(struct str *in, unsigned *v);
MUST_USE bool mqtt__word(struct str *in, unsigned *v);
MUST_USE bool mqtt__binary(struct str *in, struct str *v);
/* Well-formed UTF-8 without U+0000 (3.1.1, 1.5.3). */
MUST_USE bool mqtt__text(struct str *in, struct str *v);
/* First byte and remaining length; returns the bytes written (at most 5). */
size_t mqtt__head(char *to, unsigned first, size_t length);

/* ---- the packets that devices send; each parse returns NULL or why the packet is wrong ---- */

struct mqtt__connect {
	unsigned level; /* 4 is 3.1.1; others are answered, so that the client can tell why */
	bool clean;
	unsigned keep_alive_s;
	struct str client_id, username, password; /* STR_NULL if not given */
};
const char *mqtt__connect_parse(const struct mqtt__frame *f, struct mqtt__connect *c);

struct mqtt__publish {
	struct str topic, payload;
	int qos;
	bool dup, retain;
	unsigned id;
};
const char *mqtt__publish_parse(const struct mqtt__frame *f, struct mqtt__publish *p);

struct mqtt__subscribe {
	unsigned id;
	size_t filters;
};
const char *mqtt__subscribe_parse(const struct mqtt__frame *f, struct mqtt__subscribe *s);
const char *mqtt__unsubscribe_parse(const struct mqtt__frame *f, struct mqtt__subscribe *s);
const char *mqtt__bare_parse(const struct mqtt__frame *f); /* PINGREQ, DISCONNECT */

/* ---- memory of what was read ---- */

/*
 * Bytes from a socket. Messages point into them and hold them, so that no payload is copied. References
 * are counted on the loop thread only: a message is freed there, whoever says that it is done.
 */
struct mqtt__chunk {
	struct mqtt_server *server;
	int refs;
	size_t n, cap;
	char data[];
};
struct mqtt__chunk *mqtt__chunk_new(struct mqtt_server *s, size_t cap);
void mqtt__chunk_rel(struct mqtt__chunk *c);

/* ---- connections (mqtt_conn.c) ---- */

struct mqtt__list {
	struct mqtt__list *prev, *next;
};

enum mqtt__pause { MQTT_PAUSE_INFLIGHT = 1, MQTT_PAUSE_MEMORY = 2, MQTT_PAUSE_OUT = 4 };

struct mqtt__message; /* mqtt_publish.c */

struct mqtt__conn {
	struct mqtt__list all; /* of the server; first, so that a list node is a connection */
	struct mqtt_server *server;
	int fd; /* -1: the peer is gone, messages are still at work */
	bool connected, ending, dirty;
	unsigned pauses;   /* of enum mqtt__pause; 0: it is read */
	uint32_t events;   /* what epoll looks for */
	dur_us accepted;   /* monotonic */
	dur_us heard;      /* monotonic, of the last byte */
	dur_us stuck;      /* since when output waits for the peer; 0: it does not */
	dur_us keep_alive; /* 1.5 times what the client asked for; 0: for ever */
	/* Bytes read and not yet taken: of an unfinished packet, or of packets behind a pause; or NULL. */
	struct mqtt__chunk *part;
	size_t part_at, part_end;
	bool part_own; /* more may be read into it: it is not the server's scratch */
	dur_us part_since;
	struct sb out;
	size_t out_sent;
	int unanswered;                            /* messages at work */
	struct mqtt__message *acks, **acks_tail;   /* QoS 1, in the order of their arrival */
	struct mqtt__conn *next_dirty, *next_same; /* same: bucket of the client ids */
	char *client_id;
	void *user;
	const char *why; /* it ends */
	char remote[SOCKET_PEER_LEN];
};

void mqtt__accepted(struct mqtt_server *s, int fd, const char *remote);
void mqtt__readable(struct mqtt__conn *c);
void mqtt__writable(struct mqtt__conn *c);
/* Appends to what goes out after this turn of the loop. */
void mqtt__send(struct mqtt__conn *c, const void *p, size_t n);
/* Ends it: what is to be sent is tried once, the user hears of it when no message is at work. `why` lives for
 * ever. */
void mqtt__end(struct mqtt__conn *c, const char *why);
/* As mqtt__end, for a peer that broke the rules: counted and logged. */
void mqtt__wrong(struct mqtt__conn *c, const char *why);
void mqtt__pause(struct mqtt__conn *c, enum mqtt__pause why, bool on);
/* What a turn of the loop left to do for it: packets behind a pause, output, its end. c may be gone after. */
void mqtt__finish_turn(struct mqtt__conn *c);
/* Keep-alive, a CONNECT that does not come, a peer that does not read. */
void mqtt__check_times(struct mqtt__conn *c);

/* ---- effects ---- */

void mqtt__connect(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__connect_forget(struct mqtt__conn *c); /* its client id is free again */
void mqtt__publish(struct mqtt__conn *c, const struct mqtt__frame *f, struct mqtt__chunk *held);
void mqtt__subscribe(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__unsubscribe(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__ping(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__disconnect(struct mqtt__conn *c, const struct mqtt__frame *f);

/* ---- the loop (mqtt.c) ---- */

#define MQTT_SERVER_MAGIC 0x309773a1u

struct mqtt_server {
	uint32_t magic;
	struct mqtt_door door;
	struct mqtt_options o;
	int port, listen_fd, epoll_fd, wake_fd;
	pthread_t thread;
	_Atomic bool closing;
	_Atomic int saying; /* threads inside mqtt_message_done: they may still touch wake_fd */
	_Atomic(struct mqtt__message *) done; /* pushed by any thread, newest first */

	/* The loop's own. */
	dur_us now; /* monotonic, of this turn */
	bool listening, shutting;
	dur_us swept; /* when times were last checked */
	struct mqtt__list conns;
	int conn_count;
	struct mqtt__conn *dirty; /* have output, or a reason to end */
	struct mqtt__chunk *scratch;
	size_t memory_b;  /* of all chunks */
	int64_t at_work;  /* messages */
	int waits_memory; /* connections that are not read for that */
	struct mqtt__message *spare;
	uint64_t made_ids;
	struct mqtt__conn **ids; /* by hash of the client id */
	size_t ids_mask;
};

extern _Thread_local struct mqtt_server *mqtt__loop_here; /* whose loop this thread is, or NULL */
void mqtt__dirty(struct mqtt__conn *c);
/* Takes in what other threads said with mqtt_message_done. */
void mqtt__publish_done(struct mqtt_server *s);
void mqtt__publish_free(struct mqtt_server *s); /* spare messages */

#endif

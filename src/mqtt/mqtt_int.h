/*
 * mqtt_int - what the files of mqtt/ share: packets as values, connections, sessions, topics, the loop.
 *
 * Parse and effect are apart: mqtt__X_parse reads bytes and knows no connection; mqtt__X acts on what was
 * read. All but mqtt_message_done, mqtt_send, mqtt_listen and mqtt_close runs on the loop thread.
 */
#ifndef HEMING_MQTT_INT_H
#define HEMING_MQTT_INT_H

#include "mqtt/mqtt.h"
#include "mqtt/topic.h"

#include "base/metric.h"
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
	MQTT_DISCONNECT,
	MQTT_AUTH
};
enum { MQTT_V311 = 4, MQTT_V5 = 5 };

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
MUST_USE bool mqtt__four(struct str *in, uint32_t *v);
MUST_USE bool mqtt__varint(struct str *in, uint32_t *v);
MUST_USE bool mqtt__binary(struct str *in, struct str *v);
/* Well-formed UTF-8 without U+0000 (1.5.3 of 3.1.1, 1.5.4 of 5.0). */
MUST_USE bool mqtt__text(struct str *in, struct str *v);
/* First byte and remaining length; returns the bytes written (at most 5). */
size_t mqtt__head(char *to, unsigned first, size_t length);
size_t mqtt__varint_len(size_t v);
size_t mqtt__varint_write(char to[4], size_t v); /* returns the bytes written */
void mqtt__put_word(struct sb *b, unsigned v);
void mqtt__put_four(struct sb *b, uint32_t v);
void mqtt__put_varint(struct sb *b, size_t v);
void mqtt__put_text(struct sb *b, struct str s);

/* Why bytes are no packet, or a packet is wrong: why is NULL if nothing is. */
struct mqtt__bad {
	enum mqtt_reason reason;
	const char *why; /* lives for ever */
};
#define MQTT_FINE ((struct mqtt__bad){MQTT_R_OK, NULL})
static inline struct mqtt__bad mqtt__bad(enum mqtt_reason reason, const char *why)
{
	return (struct mqtt__bad){reason, why};
}

/* ---- properties of MQTT 5 (mqtt_props.c) ---- */

enum mqtt__prop {
#define X(id, code, type, low, high, packets) MQTT_P_##id,
#include "mqtt/mqtt_props.tbl"
#undef X
	MQTT_PROPS
};
#define MQTT_WILL_PROPS 0 /* in place of a type: the properties of a will */

/* num and text of a property count only when its bit is set. */
struct mqtt__props {
	uint32_t set;
	uint32_t num[MQTT_PROPS];
	struct str text[MQTT_PROPS];
	struct str all; /* their bytes, without the length */
};
static inline bool mqtt__has(const struct mqtt__props *p, enum mqtt__prop id)
{
	return p->set >> id & 1;
}
static inline uint32_t mqtt__num(const struct mqtt__props *p, enum mqtt__prop id, uint32_t dflt)
{
	return mqtt__has(p, id) ? p->num[id] : dflt;
}
/* Reads length and properties off the front of `in`; type: the packet's, or MQTT_WILL_PROPS. */
struct mqtt__bad mqtt__props_parse(struct str *in, unsigned type, struct mqtt__props *p);
/* Of the properties of a message those that go on to its receivers as they came. */
void mqtt__props_pass(struct str all, struct sb *to);
void mqtt__prop_put_num(struct sb *b, enum mqtt__prop id, uint32_t v);
void mqtt__prop_put_text(struct sb *b, enum mqtt__prop id, struct str v);

/* ---- topics and filters (topic.c) ---- */

#define MQTT_LEVELS_MOST 128 /* of a filter, and of a topic that is kept */

/* Cuts "$share/GROUP/" off the front of *filter; group is STR_NULL if it has none. */
struct mqtt__bad mqtt__filter_parse(struct str *filter, struct str *group);
int mqtt__levels(struct str topic);

/* ---- the packets that clients send ---- */

struct mqtt__connect {
	unsigned level; /* 4 is 3.1.1, 5 is 5.0; others are answered, so that the client can tell why */
	bool bridge; /* another broker, in the way of Mosquitto's: the high bit of the level, which is cut off
	              */
	bool clean;
	unsigned keep_alive_s;
	struct str client_id, username, password; /* STR_NULL if not given */
	bool will, will_retain;
	int will_qos;
	struct str will_topic, will_payload;
	struct mqtt__props props, will_props;
};
struct mqtt__bad mqtt__connect_parse(const struct mqtt__frame *f, struct mqtt__connect *c);

struct mqtt__publish {
	struct str topic, payload;
	int qos;
	bool dup, retain;
	unsigned id;
	struct mqtt__props props;
};
/* Of MQTT 5 the topic may be empty; then it has an alias. */
struct mqtt__bad mqtt__publish_parse(const struct mqtt__frame *f, int version, struct mqtt__publish *p);

struct mqtt__ack {
	unsigned id, reason;
};
/* PUBACK, PUBREC, PUBREL, PUBCOMP. */
struct mqtt__bad mqtt__ack_parse(const struct mqtt__frame *f, int version, struct mqtt__ack *a);

struct mqtt__subscribe {
	unsigned id;
	uint32_t subscription_id; /* 0: none */
	size_t filters;
	struct str payload; /* for mqtt__filter_next */
};
struct mqtt__filter {
	struct str text; /* as it came */
	int qos;
	bool no_local, as_published;
	int retain_handling;
};
/* SUBSCRIBE and UNSUBSCRIBE, by f->type. Filters are checked for their encoding, not for their wildcards. */
struct mqtt__bad mqtt__subscribe_parse(const struct mqtt__frame *f, int version, struct mqtt__subscribe *s);
/* The next filter of a packet that was parsed. */
void mqtt__filter_next(struct str *payload, bool with_options, struct mqtt__filter *f);

struct mqtt__bad mqtt__bare_parse(const struct mqtt__frame *f); /* PINGREQ */
struct mqtt__disconnect {
	unsigned reason;
	bool has_expiry;
	uint32_t expiry_s;
};
struct mqtt__bad mqtt__disconnect_parse(const struct mqtt__frame *f, int version, struct mqtt__disconnect *d);

/* ---- memory of what was read ---- */

/*
 * Bytes from a socket. Messages point into them and hold them, so that no payload is copied. References
 * are counted on the loop thread only: a message is freed there, whoever says that it is done.
 */
struct mqtt__chunk {
	size_t *counter; /* of the server: that its bytes count for */
	int refs;
	size_t n, cap;
	char data[];
};
struct mqtt__chunk *mqtt__chunk_new(struct mqtt_server *s, size_t cap);
/* For what a connection holds as long as it lasts: its will, its topic aliases. NULL when all of these fill
 * their part of the memory. */
struct mqtt__chunk *mqtt__chunk_hold(struct mqtt_server *s, size_t cap);
void mqtt__chunk_rel(struct mqtt__chunk *c);

/* ---- messages for subscribers (mqtt_deliver.c) ---- */

/* One copy of a message, for all who wait for it and for those to come if it is retained. */
struct mqtt__stored {
	int refs; /* the loop's */
	int qos;
	bool retain;
	size_t bytes;
	dur_us expires;            /* monotonic; 0: never */
	uint64_t number;           /* in the log */
	uint64_t publisher;        /* serial of its session; 0: the server */
	struct mqtt__stored *next; /* on its way to the loop */
	struct str topic, props, payload;
	char data[];
};
/* Any thread; holds one reference. pass: properties that go on to the receivers, as bytes. */
struct mqtt__stored *mqtt__stored_new(struct str topic, struct str pass, struct str payload);
/* Counts it as kept by the server. */
void mqtt__stored_keep(struct mqtt_server *s, struct mqtt__stored *m);
void mqtt__stored_rel(struct mqtt_server *s, struct mqtt__stored *m);

/* A message on its way to one session. */
struct mqtt__out {
	struct mqtt__out *next;
	struct mqtt__stored *msg; /* NULL once a PUBREC came */
	uint64_t seq;             /* in the log; 0: it is not there */
	uint16_t id;              /* 0: not sent yet */
	unsigned char qos;
	bool retain, dup;
	bool replay; /* a retained one for a new subscription: not bounded by the queue */
	unsigned char ids_n;
	char ids[]; /* subscription identifiers, as bytes */
};
struct mqtt__outs {
	struct mqtt__out *first, **last;
	int n;
};

/* ---- the tree of topics: who subscribes, what is retained (mqtt_tree.c) ---- */

struct mqtt__session;
struct mqtt__node;

struct mqtt__sub {
	struct mqtt__session *session;
	struct mqtt__node *node;
	struct mqtt__group *group;                /* NULL: not shared */
	struct mqtt__sub *next_node, **prev_node; /* of the node, or of the group */
	struct mqtt__sub *next_own, **prev_own;   /* of the session */
	struct mqtt__sub *next_hit;               /* while one message is routed */
	uint32_t id;                              /* 0: none */
	unsigned char qos, retain_handling;
	bool no_local, as_published;
	bool fresh; /* was not there before this SUBSCRIBE */
};
struct mqtt__group {
	struct mqtt__group *next;
	struct mqtt__sub *subs;
	struct mqtt__sub *turn; /* whose turn it is; NULL: the first's */
	size_t name_n;
	char name[];
};
struct mqtt__node {
	struct mqtt__node *parent, *next_hash;
	struct mqtt__node *first, *next, **prev; /* children; siblings */
	struct mqtt__node *plus, *hash;          /* the children of that name */
	struct mqtt__sub *subs;
	struct mqtt__group *groups;
	struct mqtt__stored *retained;
	size_t name_n;
	char name[];
};
struct mqtt__tree {
	struct mqtt__node *root;
	struct mqtt__node **buckets;
	size_t mask, nodes;
	int subs, retained;
	/* Nodes whose filters match the topic asked for last. */
	struct mqtt__node **hits;
	size_t hits_n, hits_cap;
};
void mqtt__tree_init(struct mqtt__tree *t);
void mqtt__tree_fini(struct mqtt__tree *t); /* of which nobody holds anything */
/* The node of a topic or filter, made if there is none; may be empty until something is put at it. */
struct mqtt__node *mqtt__tree_get(struct mqtt__tree *t, struct str topic);
/* NULL if there is none. */
struct mqtt__node *mqtt__tree_find(const struct mqtt__tree *t, struct str topic);
void mqtt__tree_prune(struct mqtt__tree *t, struct mqtt__node *n); /* frees what is empty, upwards */
void mqtt__tree_match(struct mqtt__tree *t, struct str topic);     /* into t->hits */
/* Nodes of the tree that hold a retained message and whose topic the filter matches. */
void mqtt__tree_retained(
        struct mqtt__tree *t, struct str filter, void (*f)(void *ctx, struct mqtt__node *n), void *ctx);
struct mqtt__sub *mqtt__sub_find(
        struct mqtt__tree *t, const struct mqtt__session *session, struct str filter, struct str group);
struct mqtt__sub *mqtt__sub_add(
        struct mqtt__tree *t, struct mqtt__session *session, struct str filter, struct str group);
void mqtt__sub_remove(struct mqtt__tree *t, struct mqtt__sub *sub);
void mqtt__node_filter(const struct mqtt__node *n, struct sb *to); /* its whole name */

/* ---- sessions (mqtt_session.c) ---- */

struct mqtt__list {
	struct mqtt__list *prev, *next;
};

/* A QoS 2 message that came and whose PUBREL did not yet. */
struct mqtt__incoming {
	uint16_t id;
	bool at_work; /* no PUBREC has left */
};

struct mqtt__session {
	struct mqtt__list away; /* of the server, while it has no connection; first */
	struct mqtt_server *server;
	struct mqtt__session *next_same; /* bucket of the names */
	struct mqtt__conn *conn;         /* NULL: away */
	struct mqtt__conn *will;         /* its ended connection, whose will is still to be sent */
	struct mqtt__will *will_left;    /* the same, of a server that stops */
	uint64_t serial;
	int refs; /* the registry's, and of messages of QoS 2 at work */
	bool gone;
	bool kept;         /* it outlives the process */
	bool will_kept;    /* the log has a will of it */
	uint32_t expiry_s; /* UINT32_MAX: never */
	dur_us left;       /* since when it is away */
	struct mqtt__sub *subs;
	int subs_n;
	struct mqtt__outs queue;  /* waiting */
	struct mqtt__outs flight; /* sent, not answered */
	int waiting;              /* in the queue, without replays */
	size_t waiting_b;
	uint16_t last_id;
	struct mqtt__incoming *incoming;
	size_t incoming_n, incoming_cap;
	/* While one message is routed. */
	uint64_t stamp;
	struct mqtt__session *next_hit;
	struct mqtt__sub *hits;
	size_t client_id_n, name_n;
	char name[]; /* owner, NUL, client id: a client id belongs to who may use it */
};
struct str mqtt__session_id(const struct mqtt__session *x);
struct mqtt__session *mqtt__session_find(struct mqtt_server *s, struct str owner, struct str client_id);
struct str mqtt__session_owner(const struct mqtt__session *x);
struct mqtt__session *mqtt__session_new(struct mqtt_server *s, struct str owner, struct str client_id);
/* Takes all of it out of the server. */
void mqtt__session_end(struct mqtt__session *x);
void mqtt__session_rel(struct mqtt__session *x);
/* Its connection ends: it stays, or goes if it is to last no longer. */
void mqtt__session_leave(struct mqtt__session *x);
/* A connection takes it up again: asks for its rights anew, sends what was not answered. */
void mqtt__session_resume(struct mqtt__session *x, struct mqtt__conn *c);
void mqtt__sessions_check(struct mqtt_server *s); /* those whose time is over */
void mqtt__sessions_fini(struct mqtt_server *s);
struct mqtt__incoming *mqtt__incoming_find(struct mqtt__session *x, unsigned id);
struct mqtt__incoming *mqtt__incoming_add(struct mqtt__session *x, unsigned id);
void mqtt__incoming_remove(struct mqtt__session *x, struct mqtt__incoming *in);

/* ---- messages out (mqtt_deliver.c) ---- */

/* To those who subscribe, and to those to come if it is retained. */
void mqtt__route(struct mqtt_server *s, struct mqtt__stored *m);
/* Puts a message on its way to a session; ids: encoded subscription identifiers. */
void mqtt__deliver(struct mqtt__session *x, struct mqtt__stored *m, int qos, bool retain, struct str ids);
/* Sends what waits, as far as the client's window and the socket take it. */
void mqtt__pump(struct mqtt__session *x);
void mqtt__send_retained(struct mqtt__session *x, struct mqtt__sub *sub, struct str filter);
/* At the end of the queue, whatever its limits. */
void mqtt__enqueue(struct mqtt__session *x, struct mqtt__out *o);
/* Keeps or replaces the retained message of its topic; false when there is no room. */
bool mqtt__retain(struct mqtt_server *s, struct mqtt__stored *m);
void mqtt__retained_fini(struct mqtt_server *s);
void mqtt__outs_init(struct mqtt__outs *l);
void mqtt__outs_push(struct mqtt__outs *l, struct mqtt__out *o);
struct mqtt__out *mqtt__outs_pop(struct mqtt__outs *l);
void mqtt__out_free(struct mqtt_server *s, struct mqtt__out *o);
void mqtt__take_sent(struct mqtt_server *s); /* what other threads gave to mqtt_send */

/* ---- connections (mqtt_conn.c) ---- */

enum mqtt__pause {
	MQTT_PAUSE_INFLIGHT = 1,
	MQTT_PAUSE_MEMORY = 2,
	MQTT_PAUSE_OUT = 4,
	MQTT_PAUSE_RATE = 8,
	MQTT_PAUSE_ORDER = 16, /* a SUBSCRIBE waits for the messages before it */
};

struct mqtt__message; /* mqtt_publish.c */

/* Topics that the server has told a client of MQTT 5 by a number. */
struct mqtt__aliases {
	unsigned n, most;
	struct mqtt__alias {
		uint64_t hash;
		char *topic;
		size_t topic_n;
	} * p;
};

struct mqtt__will {
	struct mqtt__chunk *chunk; /* holds all of it */
	struct str topic, payload, props;
	int qos;
	bool retain, has_expiry;
	uint32_t delay_s, expiry_s;
	dur_us at; /* when it is to be sent, once the connection has ended; 0: it has not */
};

/* What was put out from `at` on leaves when that batch of the log is durable. */
struct mqtt__held {
	size_t at;
	uint64_t batch;
};

struct mqtt__conn {
	struct mqtt__list all; /* of the server; first, so that a list node is a connection */
	struct mqtt_server *server;
	int fd; /* -1: the peer is gone, messages are still at work, or its will is still to be sent */
	struct mqtt__tls *tls;
	struct mqtt__web *web; /* NULL: it does not speak WebSocket */
	bool begun;            /* its first byte came */
	int version;           /* MQTT_V311, MQTT_V5; 0 before its CONNECT */
	bool connected, ending, dirty;
	bool bridge;       /* a broker: it is spared what it sent itself, and told what is retained */
	bool too_slow;     /* it is to be ended at the end of the turn */
	unsigned pauses;   /* of enum mqtt__pause; 0: it is read */
	uint32_t events;   /* what epoll looks for */
	dur_us accepted;   /* monotonic */
	dur_us heard;      /* monotonic, of the last byte */
	dur_us asked;      /* monotonic, whether it may still be here */
	dur_us stuck;      /* since when output waits for the peer; 0: it does not */
	dur_us keep_alive; /* 1.5 times what the client asked for; 0: for ever */
	/* Bytes read and not yet taken: of an unfinished packet, or of packets behind a pause; or NULL. */
	struct mqtt__chunk *part;
	size_t part_at, part_end;
	bool part_own; /* more may be read into it: it is not the server's scratch */
	dur_us part_since;
	struct sb out;
	size_t out_sent;
	struct mqtt__held holds[2]; /* of the batch that is written, and of the one that fills */
	int holds_n;
	bool held; /* in the list of those who wait for the log */
	struct mqtt__conn *next_held;
	struct mqtt_link *link;                  /* the other side is a broker; NULL: a client */
	bool tls_failed;                         /* no TLS could be agreed on */
	struct mqtt__peer *peer;                 /* NULL: addresses have no limits */
	enum mqtt_reason refuse;                 /* it is here only to be told that */
	int unanswered;                          /* messages at work */
	int acks_due;                            /* of QoS 1 and 2 among them */
	struct mqtt__message *work, **work_tail; /* in the order of their arrival */
	double tokens;                           /* messages that it may still send at once */
	dur_us tokens_at;
	struct mqtt__conn *next_dirty;
	struct mqtt__session *session;
	struct mqtt__will *will;
	/* What the client asked for. */
	int window;                    /* messages sent without an answer */
	size_t packet_max;             /* 0: no limit */
	bool problem_info;             /* it wants to read why */
	struct mqtt__chunk **alias_in; /* topics by number - 1 */
	struct mqtt__aliases alias_out;
	void *user;
	const char *why; /* it ends */
	char remote[SOCKET_PEER_LEN];
};

void mqtt__accepted(struct mqtt_server *s, int fd, const char *remote, bool tls, struct mqtt__peer *peer,
        enum mqtt_reason refuse);
/* A socket to another broker. */
struct mqtt__conn *mqtt__linked(struct mqtt_server *s, int fd, struct mqtt_link *l, int version);
/* One that ended before the server started. */
struct mqtt__conn *mqtt__ended(struct mqtt_server *s, void *user);
void mqtt__readable(struct mqtt__conn *c);
/* Appends to what goes out after this turn of the loop. */
void mqtt__send(struct mqtt__conn *c, const void *p, size_t n);
bool mqtt__has_room(const struct mqtt__conn *c); /* for more messages */
/* Ends it: what is to be sent is tried once, the user hears of it when no message is at work. A client of
 * MQTT 5 is told the reason, if it is not MQTT_R_OK. `why` lives for ever. */
void mqtt__end(struct mqtt__conn *c, enum mqtt_reason reason, const char *why);
/* As mqtt__end, for a peer that broke the rules: counted and logged. */
void mqtt__wrong(struct mqtt__conn *c, struct mqtt__bad bad);
void mqtt__tell(struct mqtt__conn *c, enum mqtt_reason reason, const char *why); /* the door's `blamed` */
void mqtt__count(enum mqtt_reason reason);                                       /* in the metrics */
void mqtt__pause(struct mqtt__conn *c, enum mqtt__pause why, bool on);
void mqtt__drop_held(struct mqtt__conn *c); /* output that waits for the log is never sent */
/* What a turn of the loop left to do for it: packets behind a pause, output, its end. c may be gone after. */
void mqtt__finish_turn(struct mqtt__conn *c);
/* Keep-alive, a CONNECT that does not come, a peer that does not read, a will whose time has come. */
void mqtt__check_times(struct mqtt__conn *c);
/* Its client id, for the log. */
const char *mqtt__name(const struct mqtt__conn *c);

/* ---- links to other brokers (mqtt_link.c) ---- */

struct mqtt_link;
void mqtt__link_greet(struct mqtt__conn *c); /* its socket is ready: CONNECT */
void mqtt__link_connack(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__link_suback(struct mqtt__conn *c, const struct mqtt__frame *f);
/* What the topic is here, until the next call; false: nothing. */
bool mqtt__link_map(struct mqtt__conn *c, struct str topic, struct str *out);
void mqtt__link_times(struct mqtt__conn *c);
void mqtt__link_wrong(struct mqtt__conn *c, const char *why);
void mqtt__link_lost(struct mqtt__conn *c); /* the connection is over */
void *mqtt__link_user(const struct mqtt_link *l);
/* Whether it speaks TLS, with whom, and what of GnuTLS it trusts. */
bool mqtt__link_tls(const struct mqtt_link *l, const char **host, void **trust);
void mqtt__links_turn(struct mqtt_server *s); /* sockets and messages that other threads gave */
void mqtt__links_stop(struct mqtt_server *s); /* before the loop ends */
void mqtt__links_free(struct mqtt_server *s); /* after it */

/* ---- what one address may take (mqtt_peer.c) ---- */

struct mqtt__peer;
struct sockaddr_storage;
/* One more connection of the address. why is not OK: it is to be told so, or closed at once when NULL comes
 * back. */
struct mqtt__peer *mqtt__peer_enter(
        struct mqtt_server *s, const struct sockaddr_storage *sa, enum mqtt_reason *why);
void mqtt__peer_leave(struct mqtt__peer *p, enum mqtt_reason why);
void mqtt__peers_sweep(struct mqtt_server *s, bool all);

/* ---- TLS of a connection (mqtt_tls.c) ---- */

/* False when the session cannot be made. */
bool mqtt__tls_begin(struct mqtt__conn *c);
bool mqtt__tls_begin_client(struct mqtt__conn *c, const char *host, void *trust);
void mqtt__tls_end(struct mqtt__conn *c); /* says goodbye if it can */
/* As recv and send, of a socket with or without TLS: -1 with errno EAGAIN when it is not ready. */
ssize_t mqtt__wire_recv(struct mqtt__conn *c, void *p, size_t n);
ssize_t mqtt__wire_write(struct mqtt__conn *c, const void *p, size_t n);
bool mqtt__tls_pending(const struct mqtt__conn *c); /* bytes are here that epoll knows nothing of */
bool mqtt__tls_wants_out(const struct mqtt__conn *c);

/* ---- MQTT over WebSocket (mqtt_web.c) ---- */

/* As recv and send, of what is MQTT whether WebSocket is around it or not. */
ssize_t mqtt__recv(struct mqtt__conn *c, void *p, size_t n);
ssize_t mqtt__write(struct mqtt__conn *c, const void *p, size_t n);
/* Frames wait for the socket: mqtt__write, of nothing if need be, sends them. */
bool mqtt__web_unsent(const struct mqtt__conn *c);
bool mqtt__unread(const struct mqtt__conn *c); /* mqtt__recv has something that epoll knows nothing of */
void mqtt__web_end(struct mqtt__conn *c);      /* says Close if it can */

/* ---- effects ---- */

void mqtt__connect(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__publish(struct mqtt__conn *c, const struct mqtt__frame *f, struct mqtt__chunk *held);
void mqtt__rate_check(struct mqtt__conn *c); /* whether it has waited long enough */
void mqtt__will_send(struct mqtt__conn *c);  /* as a message of the connection */
void mqtt__will_free(struct mqtt__conn *c);
/* Copied out of the CONNECT; NULL when there is no memory for it. */
struct mqtt__will *mqtt__will_new(struct mqtt_server *s, const struct mqtt__connect *in);
void mqtt__will_drop(struct mqtt__will *w); /* of nobody */
/* The server stops: it goes on to wait in the session, if that and it are to last; else it is over. */
void mqtt__will_stop(struct mqtt__conn *c);
/* A will that waited when the server stopped: a connection that has ended already has it. */
void mqtt__will_resume(struct mqtt__session *x);
void mqtt__ack(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__send_ack(struct mqtt__conn *c, enum mqtt__type type, unsigned id, enum mqtt_reason reason);
void mqtt__subscribe(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__unsubscribe(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__ping(struct mqtt__conn *c, const struct mqtt__frame *f);
void mqtt__disconnect(struct mqtt__conn *c, const struct mqtt__frame *f);

/* ---- what outlives the process (mqtt_state.c): nothing without a file, or for a session that is not to last
 */

void mqtt__keep_session(struct mqtt__session *x); /* it began, changed, left or came back */
void mqtt__keep_end(struct mqtt__session *x);
void mqtt__keep_subscription(const struct mqtt__sub *sub);
void mqtt__keep_unsubscription(const struct mqtt__sub *sub);
void mqtt__keep_queued(struct mqtt__session *x, struct mqtt__out *o);
void mqtt__keep_sent(struct mqtt__session *x, const struct mqtt__out *o);
void mqtt__keep_received(struct mqtt__session *x, const struct mqtt__out *o); /* PUBREC */
void mqtt__keep_done(struct mqtt__session *x, const struct mqtt__out *o);
void mqtt__keep_incoming(struct mqtt__session *x, unsigned id, bool came); /* or its PUBREL came */
/* Of a connection's will that waits for its delay; NULL: there is none any more. */
void mqtt__keep_will(struct mqtt__session *x, const struct mqtt__will *w);
void mqtt__keep_retained(struct mqtt_server *s, struct mqtt__stored *m);
void mqtt__keep_cleared(struct mqtt_server *s, struct str topic);
/* Records that make all that is kept out of nothing. */
void mqtt__state_picture(struct mqtt_server *s, struct sb *to);
struct mqtt__replay;
struct mqtt__replay *mqtt__replay_begin(struct mqtt_server *s);
bool mqtt__replay_records(struct mqtt__replay *r, struct str in); /* false: they make no sense */
void mqtt__replay_end(struct mqtt__replay *r);

/* ---- the log of it (mqtt_log.c) ---- */

struct mqtt__log;
void mqtt__log_open(struct mqtt_server *s);  /* reads what is there; before the loop */
void mqtt__log_close(struct mqtt_server *s); /* after it */
void mqtt__log_turn(struct mqtt_server *s); /* at the end of a turn: what came goes out, who waited goes on */
struct sb *mqtt__log_record(struct mqtt_server *s);  /* takes one more record; NULL: there is no log */
size_t mqtt__log_bytes(const struct mqtt_server *s); /* that wait for the disk */
uint64_t mqtt__log_mark(const struct mqtt_server *s);
/* The batch that has what was said since the mark; 0: nothing was. */
uint64_t mqtt__log_batch_since(const struct mqtt_server *s, uint64_t mark);
uint64_t mqtt__log_latest(const struct mqtt_server *s); /* the batch that has all that was said */
/* What is put out after this waits for the batch; 0 is durable. */
void mqtt__hold(struct mqtt__conn *c, uint64_t batch);
void mqtt__hold_since(struct mqtt__conn *c, uint64_t mark);

/* ---- the loop (mqtt.c) ---- */

#define MQTT_SERVER_MAGIC 0x309773a1u
#define MQTT_ALIASES_IN 64u  /* topics that a client may name by number */
#define MQTT_ALIASES_OUT 64u /* topics that it may be told by number, if it asks for that */

struct mqtt_server {
	uint32_t magic;
	struct mqtt_door door;
	struct mqtt_options o;
	struct mqtt__port {
		int fd, port; /* fd -1: none */
		bool tls, listening;
	} ports[2];
	int epoll_fd, wake_fd;
	pthread_t thread;
	_Atomic bool closing;
	_Atomic int saying; /* threads inside mqtt_message_done or mqtt_send: they may still touch wake_fd */
	_Atomic(struct mqtt__message *) done; /* pushed by any thread, newest first */
	_Atomic(struct mqtt__stored *) sent;  /* the same, of mqtt_send */
	_Atomic(struct mqtt_link *) links;

	/* The loop's own. */
	dur_us now; /* monotonic, of this turn */
	bool shutting;
	dur_us swept; /* when times were last checked */
	int accepts;  /* since then */
	struct mqtt__list conns;
	int conn_count; /* with a socket */
	int conn_all;
	struct mqtt__conn *dirty; /* have output, or a reason to end */
	struct mqtt__chunk *scratch;
	size_t memory_b;  /* of all chunks but those */
	size_t held_b;    /* of wills and topic aliases */
	int64_t at_work;  /* messages */
	bool fresh;       /* some were given to the door, and it was not told that these are all */
	int waits_memory; /* connections that are not read for that */
	struct mqtt__message *spare;
	time_us began; /* part of the client ids that are made here */
	uint64_t made_ids, serials, stamp;
	struct mqtt__session **names; /* sessions by hash of their name */
	size_t names_mask;
	int sessions;
	struct mqtt__list away; /* sessions without a connection, the longest away first */
	int away_count;
	size_t kept_b; /* of all stored messages */
	struct mqtt__tree tree;
	struct sb text; /* what is being put together */
	struct sb name; /* of a filter as it is kept here */
	struct mqtt__peer **peers;
	struct mqtt__log *log;
	uint64_t seqs;               /* of messages on their way, in the log */
	uint64_t numbers, numbers_0; /* of messages in the log, and before its last picture */
};

/* The largest packet that is taken, with its head: what others are told. */
uint32_t mqtt__packet_most(const struct mqtt_server *s);
extern _Thread_local struct mqtt_server *mqtt__loop_here; /* whose loop this thread is, or NULL */
void mqtt__dirty(struct mqtt__conn *c);
/* Around the push of a piece of news, from any thread: true from outside the loop, which is woken then. */
bool mqtt__say_begin(struct mqtt_server *s);
void mqtt__say_end(struct mqtt_server *s, bool outside, bool wake);
/* Takes in what other threads said with mqtt_message_done. */
void mqtt__publish_done(struct mqtt_server *s);
void mqtt__publish_free(struct mqtt_server *s); /* spare messages */

#endif

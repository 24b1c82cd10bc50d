/*
 * CONNECT: credentials, wills, and the one connection that a session may have.
 */
#include "mqtt/mqtt_int.h"

#include "base/log.h"

enum { CLEAN = 0x02, WILL = 0x04, WILL_QOS = 0x18, WILL_RETAIN = 0x20, PASSWORD = 0x40, USERNAME = 0x80 };

/* What 3.1.1 says in place of a reason (table 3.1). */
enum { V311_VERSION = 1, V311_IDENTIFIER, V311_UNAVAILABLE, V311_CREDENTIALS, V311_NOT_AUTHORISED };

static struct mqtt__bad parse_will(unsigned flags, struct str *in, struct mqtt__connect *c)
{
	if (!(flags & WILL))
		return flags & (WILL_QOS | WILL_RETAIN)
		               ? mqtt__bad(MQTT_R_MALFORMED, "CONNECT has will flags without a will")
		               : MQTT_FINE;
	c->will = true;
	c->will_qos = (int)(flags & WILL_QOS) >> 3;
	c->will_retain = flags & WILL_RETAIN;
	if (c->will_qos == 3)
		return mqtt__bad(MQTT_R_MALFORMED, "CONNECT has a will of QoS 3");
	if (c->level == MQTT_V5) {
		struct mqtt__bad bad = mqtt__props_parse(in, MQTT_WILL_PROPS, &c->will_props);
		if (bad.why)
			return bad;
		if (mqtt__has(&c->will_props, MQTT_P_RESPONSE_TOPIC) &&
		        !topic_valid(c->will_props.text[MQTT_P_RESPONSE_TOPIC]))
			return mqtt__bad(
			        MQTT_R_PROTOCOL, "the will's response topic is empty or has a wildcard");
	}
	if (!mqtt__text(in, &c->will_topic))
		return mqtt__bad(MQTT_R_UTF8, "the will's topic of a CONNECT is cut off or not UTF-8");
	if (!mqtt__binary(in, &c->will_payload))
		return mqtt__bad(MQTT_R_MALFORMED, "the will of a CONNECT is cut off");
	if (!topic_valid(c->will_topic))
		return mqtt__bad(MQTT_R_TOPIC, "the will's topic of a CONNECT is empty or has a wildcard");
	return MQTT_FINE;
}

static struct mqtt__bad parse_payload(unsigned flags, struct str in, struct mqtt__connect *c)
{
	if (!mqtt__text(&in, &c->client_id))
		return mqtt__bad(MQTT_R_UTF8, "the client id of a CONNECT is cut off or not UTF-8");
	struct mqtt__bad bad = parse_will(flags, &in, c);
	if (bad.why)
		return bad;
	if ((flags & USERNAME) && !mqtt__text(&in, &c->username))
		return mqtt__bad(MQTT_R_UTF8, "the user name of a CONNECT is cut off or not UTF-8");
	if ((flags & PASSWORD) && !mqtt__binary(&in, &c->password))
		return mqtt__bad(MQTT_R_MALFORMED, "the password of a CONNECT is cut off");
	return in.n > 0 ? mqtt__bad(MQTT_R_MALFORMED, "CONNECT has bytes after its end") : MQTT_FINE;
}

struct mqtt__bad mqtt__connect_parse(const struct mqtt__frame *f, struct mqtt__connect *c)
{
	struct str in = f->body, name;
	unsigned flags;
	*c = (struct mqtt__connect){0};
	if (f->flags != 0)
		return mqtt__bad(MQTT_R_MALFORMED, "CONNECT has reserved bits set");
	if (!mqtt__text(&in, &name) || !mqtt__byte(&in, &c->level))
		return mqtt__bad(MQTT_R_MALFORMED, "CONNECT is cut off");
	bool old =
	        str_is(name, "MQIsdp") && (c->level & 0x7f) == 3; /* MQTT 3.1; the high bit marks a bridge */
	if (!old && !str_is(name, "MQTT"))
		return mqtt__bad(MQTT_R_PROTOCOL, "CONNECT does not name MQTT");
	c->bridge = !old && c->level == (0x80 | MQTT_V311);
	if (c->bridge)
		c->level = MQTT_V311;
	if (c->level != MQTT_V311 && c->level != MQTT_V5)
		return MQTT_FINE;
	if (!mqtt__byte(&in, &flags) || !mqtt__word(&in, &c->keep_alive_s))
		return mqtt__bad(MQTT_R_MALFORMED, "CONNECT is cut off");
	if (flags & 1)
		return mqtt__bad(MQTT_R_MALFORMED, "CONNECT has a reserved flag set");
	if (c->level == MQTT_V311 && (flags & PASSWORD) && !(flags & USERNAME))
		return mqtt__bad(MQTT_R_PROTOCOL, "CONNECT has a password without a user name");
	c->clean = flags & CLEAN;
	if (c->level == MQTT_V5) {
		struct mqtt__bad bad = mqtt__props_parse(&in, MQTT_CONNECT, &c->props);
		if (bad.why)
			return bad;
		if (mqtt__has(&c->props, MQTT_P_AUTH_DATA) && !mqtt__has(&c->props, MQTT_P_AUTH_METHOD))
			return mqtt__bad(MQTT_R_PROTOCOL, "CONNECT has authentication data without a method");
	}
	return parse_payload(flags, in, c);
}

/* ---- the answer ---- */

static unsigned v311_code(enum mqtt_reason reason)
{
	switch (reason) {
	case MQTT_R_OK: return 0;
	case MQTT_R_VERSION: return V311_VERSION;
	case MQTT_R_IDENTIFIER: return V311_IDENTIFIER;
	case MQTT_R_CREDENTIALS: return V311_CREDENTIALS;
	case MQTT_R_NOT_AUTHORISED: return V311_NOT_AUTHORISED;
	default: return V311_UNAVAILABLE;
	}
}

static size_t connack_size(size_t props_n)
{
	size_t length = 2 + mqtt__varint_len(props_n) + props_n;
	return 1 + mqtt__varint_len(length) + length;
}

/* v5: in the form of MQTT 5. props: the properties, as bytes. */
static void answer(struct mqtt__conn *c, bool v5, bool present, enum mqtt_reason reason, struct str props)
{
	char head[8];
	size_t length = 2 + (v5 ? mqtt__varint_len(props.n) + props.n : 0);
	mqtt__send(c, head, mqtt__head(head, MQTT_CONNACK << 4, length));
	const char codes[2] = {(char)present, (char)(v5 ? (unsigned)reason : v311_code(reason))};
	mqtt__send(c, codes, 2);
	if (v5) {
		mqtt__send(c, head, mqtt__varint_write(head, props.n));
		mqtt__send(c, props.p, props.n);
	}
}

static void refuse(struct mqtt__conn *c, const struct mqtt__connect *in, struct mqtt__bad bad)
{
	char id[128];
	snprintf(id, sizeof(id), STR_FMT, STR_ARG(in->client_id));
	mqtt__count(bad.reason);
	LOG(MQTT_REFUSED, log_s("remote", c->remote), log_s("client", id), log_s("why", bad.why));
	/* A version that comes after this one is answered as this one answers. */
	uint32_t most = mqtt__num(&in->props, MQTT_P_PACKET_MAX, UINT32_MAX);
	if (connack_size(0) <= most)
		answer(c, in->level >= MQTT_V5 && in->level < 0x80, false, bad.reason, STR_NULL);
	mqtt__end(c, MQTT_R_OK, bad.why);
}

static struct mqtt__bad why_refused(enum mqtt_reason reason)
{
	switch (reason) {
	case MQTT_R_IDENTIFIER: return mqtt__bad(reason, "its client id is not acceptable");
	case MQTT_R_UNAVAILABLE: return mqtt__bad(reason, "this server cannot take it now");
	case MQTT_R_CREDENTIALS: return mqtt__bad(reason, "its user name or password is wrong");
	default: return mqtt__bad(MQTT_R_NOT_AUTHORISED, "it is not allowed to connect");
	}
}

/* What the client must know of this server, and the keep-alive that counts; all of it empty for 3.1.1. False
 * when it is more than the client takes. */
static bool put_limits(struct mqtt__conn *c, const struct mqtt__connect *in, struct str made_id, struct sb *p)
{
	const struct mqtt_options *o = &c->server->o;
	unsigned keep_alive_s = in->keep_alive_s;
	uint32_t most = mqtt__num(&in->props, MQTT_P_PACKET_MAX, UINT32_MAX);
	if (c->version == MQTT_V5) {
		mqtt__prop_put_num(p, MQTT_P_RECEIVE_MAX, (uint32_t)o->inflight);
		mqtt__prop_put_num(p, MQTT_P_PACKET_MAX, mqtt__packet_most(c->server));
		if (made_id.n > 0)
			mqtt__prop_put_text(p, MQTT_P_CLIENT_ID, made_id);
		if (o->keep_alive_max > 0 && (keep_alive_s == 0 || keep_alive_s > o->keep_alive_max)) {
			keep_alive_s = o->keep_alive_max;
			mqtt__prop_put_num(p, MQTT_P_SERVER_KEEP_ALIVE, keep_alive_s);
		}
		/* Who is not told of aliases uses none, and loses nothing by it. */
		size_t needed = p->n;
		mqtt__prop_put_num(p, MQTT_P_ALIAS_MAX, MQTT_ALIASES_IN);
		if (connack_size(p->n) > most)
			p->n = needed;
	}
	c->keep_alive = (dur_us)keep_alive_s * US_SECOND * 3 / 2;
	return c->version != MQTT_V5 || connack_size(p->n) <= most;
}

/* ---- the effect ---- */

static struct str copy_into(struct mqtt__chunk *k, struct str s)
{
	char *p = k->data + k->n;
	if (s.n > 0)
		memcpy(p, s.p, s.n);
	k->n += s.n;
	return (struct str){p, s.n};
}

struct mqtt__will *mqtt__will_new(struct mqtt_server *s, const struct mqtt__connect *in)
{
	const struct mqtt__props *p = &in->will_props;
	struct mqtt__chunk *k = mqtt__chunk_hold(s, in->will_topic.n + in->will_payload.n + p->all.n);
	if (k == NULL)
		return NULL;
	struct mqtt__will *w = xcalloc(1, sizeof(*w));
	w->chunk = k;
	w->topic = copy_into(w->chunk, in->will_topic);
	w->payload = copy_into(w->chunk, in->will_payload);
	w->props = copy_into(w->chunk, p->all);
	w->qos = in->will_qos;
	w->retain = in->will_retain;
	w->delay_s = mqtt__num(p, MQTT_P_WILL_DELAY, 0);
	w->has_expiry = mqtt__has(p, MQTT_P_MESSAGE_EXPIRY);
	w->expiry_s = mqtt__num(p, MQTT_P_MESSAGE_EXPIRY, 0);
	return w;
}

/* What a client of MQTT 5 asks for; 3.1.1 has no words for it. */
static void take_limits(struct mqtt__conn *c, const struct mqtt__connect *in)
{
	const struct mqtt__props *p = &in->props;
	uint32_t window = mqtt__num(p, MQTT_P_RECEIVE_MAX, UINT16_MAX);
	uint32_t aliases = mqtt__num(p, MQTT_P_ALIAS_MAX, 0);
	c->window = (uint32_t)c->server->o.window < window ? c->server->o.window : (int)window;
	c->packet_max = mqtt__num(p, MQTT_P_PACKET_MAX, 0);
	c->alias_out.most = aliases < MQTT_ALIASES_OUT ? aliases : MQTT_ALIASES_OUT;
}

static struct str owner_of(const struct mqtt__conn *c, const struct mqtt__connect *in)
{
	const struct mqtt_door *d = &c->server->door;
	return d->owner ? d->owner(d->ctx, c->user) : in->username;
}

/* The session of the connection, new or taken up; the newer connection ends the older one ([MQTT-3.1.4-3]): a
 * device that lost its network comes back before its old connection is missed. */
static struct mqtt__session *take_session(
        struct mqtt__conn *c, const struct mqtt__connect *in, struct str client_id, bool *present)
{
	struct mqtt_server *s = c->server;
	struct str owner = owner_of(c, in);
	struct mqtt__session *x = mqtt__session_find(s, owner, client_id);
	if (x && x->conn) {
		mqtt__end(x->conn, MQTT_R_TAKEN_OVER, "its client id connected again");
		x = mqtt__session_find(s, owner, client_id); /* it may have gone with it */
	}
	if (x && in->clean) {
		mqtt__session_end(x);
		x = NULL;
	}
	if (x && x->will) {
		/* It came back in time. */
		struct mqtt__conn *before = x->will;
		mqtt__will_free(before);
		mqtt__dirty(before);
	}
	*present = x != NULL;
	if (x == NULL)
		x = mqtt__session_new(s, owner, client_id);
	x->expiry_s = in->level == MQTT_V5 ? mqtt__num(&in->props, MQTT_P_SESSION_EXPIRY, 0)
	              : in->clean          ? 0
	                                   : UINT32_MAX;
	return x;
}

static struct str make_id(const struct mqtt__conn *c, const struct mqtt__connect *in, char made[40])
{
	struct mqtt_server *s = c->server;
	/* Unguessable need not be: a session is its user's own. */
	do {
		snprintf(made, 40, "auto-%llx-%llu", (unsigned long long)s->began,
		        (unsigned long long)++s->made_ids);
	} while (mqtt__session_find(s, owner_of(c, in), str_of(made)));
	return str_of(made);
}

static void enter(struct mqtt__conn *c, const struct mqtt__connect *in, struct str client_id,
        struct str props, struct mqtt__will *will)
{
	struct mqtt_server *s = c->server;
	bool present;
	c->connected = true;
	c->bridge = in->bridge;
	c->asked = s->now;
	c->problem_info = mqtt__num(&in->props, MQTT_P_PROBLEM_INFO, 1) != 0;
	take_limits(c, in);
	uint64_t mark = mqtt__log_mark(s);
	c->session = take_session(c, in, client_id, &present);
	c->session->conn = c;
	mqtt__keep_session(c->session);
	c->will = will;
	mqtt__keep_will(c->session, will);
	mqtt__hold_since(c, mark);
	metric_add(METRIC_MQTT_CONNECTIONS, 1);
	LOG(MQTT_CONNECT, log_s("client", mqtt__name(c)), log_s("remote", c->remote));
	answer(c, c->version == MQTT_V5, present, MQTT_R_OK, props);
	mqtt__session_resume(c->session, c);
}

static void try_to_enter(struct mqtt__conn *c, const struct mqtt__connect *in)
{
	struct mqtt_server *s = c->server;
	char made[40];
	struct str made_id = in->client_id.n == 0 ? make_id(c, in, made) : STR_NULL;
	struct sb props = SB_INIT;
	struct mqtt__will *will = NULL;
	struct mqtt__bad bad = MQTT_FINE;
	if (!put_limits(c, in, made_id, &props))
		bad = mqtt__bad(MQTT_R_TOO_LARGE, "what it must be told is larger than the packets it takes");
	else if (in->will && (will = mqtt__will_new(s, in)) == NULL)
		bad = mqtt__bad(MQTT_R_MEMORY, "wills of many devices fill the memory");
	if (bad.why == NULL) {
		enter(c, in, made_id.n > 0 ? made_id : in->client_id, sb_str(&props), will);
	} else {
		s->door.close(s->door.ctx, c->user, bad.why);
		refuse(c, in, bad);
	}
	sb_fini(&props);
}

void mqtt__connect(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt_server *s = c->server;
	struct mqtt__connect in;
	if (c->connected) {
		mqtt__wrong(c, mqtt__bad(MQTT_R_PROTOCOL, "it sent a second CONNECT"));
		return;
	}
	struct mqtt__bad bad = mqtt__connect_parse(f, &in);
	if (bad.why && in.level == MQTT_V5) {
		refuse(c, &in, bad);
		return;
	}
	if (bad.why) {
		mqtt__wrong(c, bad);
		return;
	}
	if (c->refuse == MQTT_R_ADDRESS)
		bad = mqtt__bad(c->refuse, "its address has as many connections as one may have");
	else if (c->refuse == MQTT_R_ADDRESS_RATE)
		bad = mqtt__bad(c->refuse, "its address makes new connections faster than one may");
	else if (in.level != MQTT_V311 && in.level != MQTT_V5)
		bad = mqtt__bad(MQTT_R_VERSION, "it speaks another version of MQTT than 3.1.1 and 5");
	else if (in.level == MQTT_V311 && in.client_id.n == 0 && !in.clean)
		bad = mqtt__bad(MQTT_R_IDENTIFIER, "it wants a session to last and has no client id");
	else if (mqtt__has(&in.props, MQTT_P_AUTH_METHOD))
		bad = mqtt__bad(
		        MQTT_R_AUTH_METHOD, "it asks for an authentication method; there is none here");
	if (bad.why) {
		refuse(c, &in, bad);
		return;
	}
	c->version = (int)in.level;
	const struct mqtt_hello hello = {.client_id = in.client_id,
	        .username = in.username,
	        .password = in.password,
	        .remote = c->remote,
	        .version = c->version,
	        .tls = c->tls != NULL};
	enum mqtt_reason reason = s->door.connect(s->door.ctx, &hello, &c->user);
	if (reason != MQTT_R_OK)
		refuse(c, &in, why_refused(reason));
	else
		try_to_enter(c, &in);
}

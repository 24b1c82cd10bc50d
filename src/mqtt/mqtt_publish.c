/*
 * PUBLISH, and the answers that leave when others say so.
 *
 * A message that is done comes back over a lock-free stack: many pushers, and the loop, which takes all at
 * once. Only who finds the stack empty wakes the loop, so that a batch of a thousand costs one wake-up, and
 * its PUBACKs leave in one write for each connection.
 *
 * Messages of one connection go on to subscribers, and are answered, in the order in which they came.
 */
#include "mqtt/mqtt_int.h"

#define MESSAGE_MAGIC 0x309773a2u
#define RATE_SECONDS 10.0      /* a connection that was silent may send so many seconds' worth at once */
#define INCOMING_V311_TIMES 10 /* a client of 3.1.1 was told no limit of QoS 2 messages */

struct mqtt__message {
	struct mqtt_message pub; /* what the door sees; first, so that one is the other */
	uint32_t magic;
	unsigned id; /* 0: nobody waits for an answer */
	bool ok;     /* by mqtt_message_done, read after it was taken off the stack */
	bool done;   /* the loop's */
	struct mqtt__conn *conn;
	struct mqtt__chunk *chunk, *topic_chunk; /* hold the bytes; topic_chunk: of an alias, or NULL */
	struct mqtt__session *session;           /* of a message of QoS 2; holds a reference */
	uint64_t publisher;                      /* serial of its session */
	bool unmapped;                           /* of a link: it is only acknowledged */
	struct str props;
	dur_us expires;                  /* monotonic; 0: never */
	uint64_t batch;                  /* of the log, that its answer waits for; 0: of none */
	struct mqtt__message *next_work; /* of its connection */
	struct mqtt__message *next_done; /* stack of those done, or of the spare */
};

struct mqtt__bad mqtt__publish_parse(const struct mqtt__frame *f, int version, struct mqtt__publish *p)
{
	struct str in = f->body;
	p->qos = f->flags >> 1 & 3;
	p->dup = f->flags & 8;
	p->retain = f->flags & 1;
	p->id = 0;
	p->props.set = 0;
	p->props.all = STR_NULL;
	if (p->qos == 3)
		return mqtt__bad(MQTT_R_MALFORMED, "PUBLISH has QoS 3");
	if (p->qos == 0 && p->dup)
		return mqtt__bad(MQTT_R_MALFORMED, "PUBLISH of QoS 0 says that it comes again");
	if (!mqtt__text(&in, &p->topic))
		return mqtt__bad(MQTT_R_UTF8, "the topic of a PUBLISH is cut off or not UTF-8");
	if (p->topic.n > 0 && !topic_valid(p->topic))
		return mqtt__bad(MQTT_R_TOPIC, "the topic of a PUBLISH has a wildcard");
	if (p->qos > 0 && !mqtt__word(&in, &p->id))
		return mqtt__bad(MQTT_R_MALFORMED, "PUBLISH is cut off");
	if (p->qos > 0 && p->id == 0)
		return mqtt__bad(MQTT_R_PROTOCOL, "PUBLISH has no packet id");
	if (version == MQTT_V5) {
		struct mqtt__bad bad = mqtt__props_parse(&in, MQTT_PUBLISH, &p->props);
		if (bad.why)
			return bad;
		if (mqtt__has(&p->props, MQTT_P_SUBSCRIPTION_ID))
			return mqtt__bad(MQTT_R_PROTOCOL, "PUBLISH names a subscription");
		if (mqtt__has(&p->props, MQTT_P_RESPONSE_TOPIC) &&
		        !topic_valid(p->props.text[MQTT_P_RESPONSE_TOPIC]))
			return mqtt__bad(MQTT_R_PROTOCOL, "a response topic is empty or has a wildcard");
	}
	if (p->topic.n == 0 && !mqtt__has(&p->props, MQTT_P_ALIAS))
		return mqtt__bad(MQTT_R_PROTOCOL, "PUBLISH has an empty topic");
	p->payload = in;
	return MQTT_FINE;
}

static struct mqtt__message *message_new(struct mqtt_server *s)
{
	struct mqtt__message *m = s->spare;
	if (m)
		s->spare = m->next_done;
	else
		m = xcalloc(1, sizeof(*m));
	return m;
}

static void message_free(struct mqtt__message *m)
{
	struct mqtt_server *s = m->conn->server;
	mqtt__chunk_rel(m->chunk);
	mqtt__chunk_rel(m->topic_chunk);
	mqtt__session_rel(m->session);
	m->magic = 0;
	m->next_done = s->spare;
	s->spare = m;
}

void mqtt__publish_free(struct mqtt_server *s)
{
	struct mqtt__message *m;
	while ((m = s->spare) != NULL) {
		s->spare = m->next_done;
		free(m);
	}
}

/* ---- in ---- */

static void begin_work(struct mqtt__conn *c, struct mqtt__message *m)
{
	struct mqtt_server *s = c->server;
	*c->work_tail = m;
	c->work_tail = &m->next_work;
	s->at_work++;
	if (++c->unanswered >= s->o.inflight)
		mqtt__pause(c, MQTT_PAUSE_INFLIGHT, true);
	metric_add(METRIC_MQTT_MESSAGES, 1);
	if (m->unmapped) {
		mqtt_message_done(&m->pub, true);
		return;
	}
	s->fresh = true;
	s->door.publish(s->door.ctx, &m->pub);
}

/* The topic of a number, or a number for the topic. */
static struct mqtt__bad take_alias(
        struct mqtt__conn *c, struct mqtt__publish *in, struct mqtt__chunk **topic_chunk)
{
	unsigned n = in->props.num[MQTT_P_ALIAS];
	if (n == 0 || n > MQTT_ALIASES_IN)
		return mqtt__bad(MQTT_R_ALIAS, "a topic alias is not one of those offered");
	if (c->alias_in == NULL)
		c->alias_in = xcalloc(MQTT_ALIASES_IN, sizeof(struct mqtt__chunk *));
	struct mqtt__chunk **k = &c->alias_in[n - 1];
	if (in->topic.n > 0) {
		mqtt__chunk_rel(*k);
		*k = mqtt__chunk_hold(c->server, in->topic.n);
		if (*k == NULL)
			return mqtt__bad(MQTT_R_MEMORY, "topic aliases of many devices fill the memory");
		memcpy((*k)->data, in->topic.p, in->topic.n);
		(*k)->n = in->topic.n;
		return MQTT_FINE;
	}
	if (*k == NULL)
		return mqtt__bad(MQTT_R_PROTOCOL, "a topic alias stands for no topic yet");
	(*k)->refs++;
	*topic_chunk = *k;
	in->topic = (struct str){(*k)->data, (*k)->n};
	return MQTT_FINE;
}

static void fill_tokens(struct mqtt__conn *c)
{
	const double rate = c->server->o.rate, most = rate * RATE_SECONDS;
	double more = (double)(c->server->now - c->tokens_at) / (double)US_SECOND * rate;
	c->tokens = c->tokens_at == 0 || c->tokens + more > most ? most : c->tokens + more;
	c->tokens_at = c->server->now;
}

static void count_rate(struct mqtt__conn *c)
{
	if (c->server->o.rate == 0 || c->link)
		return;
	fill_tokens(c);
	c->tokens -= 1;
	if (c->tokens < 0 && !(c->pauses & MQTT_PAUSE_RATE)) {
		metric_add(METRIC_MQTT_FLOODS, 1);
		mqtt__tell(c, MQTT_R_RATE,
		        "it sends more messages than mqtt-rate allows, and is read more slowly");
		mqtt__pause(c, MQTT_PAUSE_RATE, true);
	}
}

void mqtt__rate_check(struct mqtt__conn *c)
{
	fill_tokens(c);
	if (c->tokens >= 0)
		mqtt__pause(c, MQTT_PAUSE_RATE, false);
}

/* [MQTT-4.3.3-10]: a message of QoS 2 is taken once, however often it comes. */
static bool came_before(struct mqtt__conn *c, unsigned id)
{
	const struct mqtt__incoming *in = mqtt__incoming_find(c->session, id);
	if (in && !in->at_work) {
		mqtt__hold(c, mqtt__log_latest(c->server));
		mqtt__send_ack(c, MQTT_PUBREC, id, MQTT_R_OK);
	}
	return in != NULL;
}

static bool within_receive_max(const struct mqtt__conn *c, int qos)
{
	size_t most = (size_t)c->server->o.inflight;
	if (c->version == MQTT_V5)
		return qos == 0 || (size_t)c->acks_due + c->session->incoming_n < most;
	return qos < 2 || c->session->incoming_n < most * INCOMING_V311_TIMES;
}

/* Its topic is what the link says; that needs memory of its own, as one of an alias has. */
static bool map_topic(struct mqtt__conn *c, struct str *topic, struct mqtt__chunk **topic_chunk)
{
	struct str here;
	if (!mqtt__link_map(c, *topic, &here))
		return false;
	*topic_chunk = mqtt__chunk_new(c->server, here.n);
	memcpy((*topic_chunk)->data, here.p, here.n);
	*topic = (struct str){(*topic_chunk)->data, here.n};
	return true;
}

void mqtt__publish(struct mqtt__conn *c, const struct mqtt__frame *f, struct mqtt__chunk *held)
{
	struct mqtt_server *s = c->server;
	struct mqtt__publish in;
	struct mqtt__chunk *topic_chunk = NULL;
	struct mqtt__bad bad = mqtt__publish_parse(f, c->version, &in);
	if (bad.why == NULL && mqtt__has(&in.props, MQTT_P_ALIAS))
		bad = take_alias(c, &in, &topic_chunk);
	if (bad.why) {
		mqtt__wrong(c, bad);
		return;
	}
	count_rate(c);
	if (in.qos == 2 && came_before(c, in.id)) {
		mqtt__chunk_rel(topic_chunk);
		return;
	}
	if (!within_receive_max(c, in.qos)) {
		mqtt__chunk_rel(topic_chunk);
		mqtt__wrong(c, mqtt__bad(MQTT_R_RECEIVE_MAX, "it sent more messages than may be unanswered"));
		return;
	}
	bool mapped = c->link == NULL || map_topic(c, &in.topic, &topic_chunk);
	struct mqtt__message *m = message_new(s);
	*m = (struct mqtt__message){
	        .pub = {.topic = in.topic,
	                .payload = in.payload,
	                .qos = in.qos,
	                .dup = in.dup,
	                .retain = mapped && in.retain,
	                .forward = mapped,
	                .user = c->user},
	        .magic = MESSAGE_MAGIC,
	        .id = in.id,
	        .conn = c,
	        .chunk = held,
	        .unmapped = !mapped,
	        .topic_chunk = topic_chunk,
	        .publisher = c->session->serial,
	        .props = in.props.all,
	};
	if (mqtt__has(&in.props, MQTT_P_CORRELATION))
		m->pub.correlation = in.props.text[MQTT_P_CORRELATION];
	if (mqtt__has(&in.props, MQTT_P_MESSAGE_EXPIRY))
		m->expires = s->now + (dur_us)in.props.num[MQTT_P_MESSAGE_EXPIRY] * US_SECOND;
	held->refs++;
	if (in.qos == 1) {
		c->acks_due++;
	} else if (in.qos == 2) {
		(void)mqtt__incoming_add(c->session, in.id);
		m->session = c->session;
		m->session->refs++;
	}
	begin_work(c, m);
}

/* ---- wills ---- */

void mqtt__will_drop(struct mqtt__will *w)
{
	if (w == NULL)
		return;
	mqtt__chunk_rel(w->chunk);
	free(w);
}

void mqtt__will_free(struct mqtt__conn *c)
{
	if (c->will == NULL)
		return;
	mqtt__will_drop(c->will);
	c->will = NULL;
	if (c->session)
		mqtt__keep_will(c->session, NULL);
	if (c->session && c->session->will == c) {
		c->session->will = NULL;
		c->session = NULL;
	}
}

void mqtt__will_stop(struct mqtt__conn *c)
{
	struct mqtt__session *x = c->session;
	if (c->will == NULL || x == NULL || !x->kept || c->will->delay_s == 0) {
		mqtt__will_free(c);
		return;
	}
	x->will_left = c->will;
	c->will = NULL;
	if (x->will == c) {
		x->will = NULL;
		c->session = NULL;
	}
}

void mqtt__will_resume(struct mqtt__session *x)
{
	struct mqtt_server *s = x->server;
	struct mqtt__will *w = x->will_left;
	void *user;
	x->will_left = NULL;
	if (s->door.absent == NULL || !s->door.absent(s->door.ctx, mqtt__session_owner(x), &user)) {
		mqtt__will_drop(w);
		return;
	}
	uint32_t delay_s = w->delay_s < x->expiry_s ? w->delay_s : x->expiry_s;
	dur_us at = x->left + (dur_us)delay_s * US_SECOND;
	w->at = at > 0 ? at : 1; /* the machine may have started after that */
	struct mqtt__conn *c = mqtt__ended(s, user);
	c->will = w;
	c->session = x;
	x->will = c;
}

void mqtt__will_send(struct mqtt__conn *c)
{
	struct mqtt__will *w = c->will;
	struct mqtt__message *m = message_new(c->server);
	*m = (struct mqtt__message){
	        .pub = {.topic = w->topic,
	                .payload = w->payload,
	                .qos = w->qos,
	                .retain = w->retain,
	                .forward = true,
	                .user = c->user},
	        .magic = MESSAGE_MAGIC,
	        .conn = c,
	        .chunk = w->chunk,
	        .props = w->props,
	        .expires = w->has_expiry ? c->server->now + (dur_us)w->expiry_s * US_SECOND : 0,
	};
	free(w);
	c->will = NULL;
	begin_work(c, m);
	mqtt__dirty(c);
}

/* ---- done ---- */

void mqtt_message_done(struct mqtt_message *pub, bool ok)
{
	struct mqtt__message *m = CONTAINER_OF(pub, struct mqtt__message, pub);
	OBJ_CHECK(m, MESSAGE_MAGIC);
	struct mqtt_server *s = m->conn->server;
	bool outside = mqtt__say_begin(s);
	m->ok = ok;
	struct mqtt__message *top = atomic_load_explicit(&s->done, memory_order_relaxed);
	do {
		m->next_done = top;
	} while (!atomic_compare_exchange_weak_explicit(
	        &s->done, &top, m, memory_order_release, memory_order_relaxed));
	/* The message may be gone by now; the server is not before this. */
	mqtt__say_end(s, outside, top == NULL);
}

static void forward(struct mqtt_server *s, struct mqtt__message *m)
{
	if (!m->pub.forward || (s->tree.subs == 0 && !m->pub.retain))
		return;
	sb_reset(&s->text);
	mqtt__props_pass(m->props, &s->text);
	struct mqtt__stored *x = mqtt__stored_new(m->pub.topic, sb_str(&s->text), m->pub.payload);
	x->qos = m->pub.qos;
	x->retain = m->pub.retain;
	x->expires = m->expires;
	x->publisher = m->publisher;
	mqtt__stored_keep(s, x);
	uint64_t mark = mqtt__log_mark(s);
	if (x->retain && !mqtt__retain(s, x) && m->pub.reason == MQTT_R_OK)
		m->pub.reason = MQTT_R_QUOTA;
	if (s->tree.subs > 0)
		mqtt__route(s, x);
	m->batch = mqtt__log_batch_since(s, mark);
	mqtt__stored_rel(s, x);
}

static void answer_qos2(struct mqtt__message *m)
{
	struct mqtt__session *x = m->session;
	struct mqtt__incoming *in = x->gone ? NULL : mqtt__incoming_find(x, m->id);
	if (in == NULL || !in->at_work)
		return;
	bool refused = m->pub.reason >= 0x80 && x->conn && x->conn->version == MQTT_V5;
	in->at_work = false;
	uint64_t batch = m->batch;
	if (!m->ok || refused) { /* no PUBREL follows */
		mqtt__incoming_remove(x, in);
	} else if (x->kept) {
		mqtt__keep_incoming(x, m->id, true);
		batch = mqtt__log_latest(x->server);
	}
	if (x->conn)
		mqtt__hold(x->conn, batch);
	if (m->ok && x->conn)
		mqtt__send_ack(x->conn, MQTT_PUBREC, m->id, m->pub.reason);
}

/* PUBACKs, put together until they leave. */
struct acks {
	char packets[256];
	size_t n;
	int64_t sent;
};

static void leave_acks(struct mqtt__conn *c, struct acks *a)
{
	mqtt__send(c, a->packets, a->n);
	a->n = 0;
}

static void answer(struct mqtt__conn *c, struct mqtt__message *m, struct acks *a)
{
	if (m->pub.qos == 1)
		c->acks_due--;
	if (!m->ok) {
		if (m->pub.qos == 0)
			return; /* nobody waits: nothing is told by an end */
		leave_acks(c, a);
		if (m->pub.qos == 2)
			answer_qos2(m);
		mqtt__end(c, MQTT_R_FAILED, "a message of it could not be stored");
		return;
	}
	if (m->pub.qos == 2) {
		leave_acks(c, a);
		answer_qos2(m);
	} else if (m->pub.qos == 1 && c->fd >= 0 && !c->ending) {
		bool tell = c->version == MQTT_V5 && m->pub.reason != MQTT_R_OK;
		const char packet[5] = {(char)(MQTT_PUBACK << 4), (char)(tell ? 3 : 2), (char)(m->id >> 8),
		        (char)m->id, (char)m->pub.reason};
		if (m->batch > 0) {
			leave_acks(c, a);
			mqtt__hold(c, m->batch);
		}
		memcpy(a->packets + a->n, packet, sizeof(packet));
		a->n += tell ? 5 : 4;
		if (a->n + sizeof(packet) > sizeof(a->packets))
			leave_acks(c, a);
	}
	a->sent++;
}

/* Those at the front of the queue, up to the first that is not done. */
static void finish_work(struct mqtt__conn *c)
{
	struct acks a = {.n = 0};
	struct mqtt__message *m;
	while ((m = c->work) != NULL && m->done) {
		c->work = m->next_work;
		if (c->work == NULL)
			c->work_tail = &c->work;
		if (m->ok)
			forward(c->server, m);
		if (m->id != 0)
			answer(c, m, &a);
		message_free(m);
	}
	if (a.n > 0)
		leave_acks(c, &a);
	if (a.sent > 0)
		metric_add(METRIC_MQTT_ACKED, a.sent);
}

void mqtt__publish_done(struct mqtt_server *s)
{
	struct mqtt__message *m = atomic_exchange_explicit(&s->done, NULL, memory_order_acquire);
	struct mqtt__message *order = NULL, *next;
	/* Oldest first: then most find themselves at the front of their queue. */
	for (; m; m = next) {
		next = m->next_done;
		m->next_done = order;
		order = m;
	}
	for (m = order; m; m = next) {
		struct mqtt__conn *c = m->conn;
		next = m->next_done;
		m->done = true;
		s->at_work--;
		c->unanswered--;
		/* The last one of a run of one connection's finishes all of it. */
		if (next == NULL || next->conn != c)
			finish_work(c);
		if ((c->pauses & MQTT_PAUSE_INFLIGHT) && c->unanswered <= s->o.inflight / 2)
			mqtt__pause(c, MQTT_PAUSE_INFLIGHT, false);
		if ((c->pauses & MQTT_PAUSE_ORDER) && c->unanswered == 0)
			mqtt__pause(c, MQTT_PAUSE_ORDER, false);
		mqtt__dirty(c);
	}
}

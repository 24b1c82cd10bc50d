/*
 * PUBLISH, and the PUBACKs that leave when others say so.
 *
 * A message that is done comes back over a lock-free stack: many pushers, and the loop, which takes all at
 * once. Only who finds the stack empty wakes the loop, so that a batch of a thousand costs one wake-up, and
 * its PUBACKs leave in one write for each connection.
 */
#include "mqtt/mqtt_int.h"

#include "base/metric.h"

#include <unistd.h>

#define MESSAGE_MAGIC 0x309773a2u

struct mqtt__message {
	struct mqtt_message pub; /* what the door sees; first, so that one is the other */
	uint32_t magic;
	unsigned id;
	bool ok;   /* by mqtt_message_done, read after it was taken off the stack */
	bool done; /* the loop's */
	struct mqtt__conn *conn;
	struct mqtt__chunk *chunk;
	struct mqtt__message *next_ack;  /* of its connection */
	struct mqtt__message *next_done; /* stack of those done, or of the spare */
};

const char *mqtt__publish_parse(const struct mqtt__frame *f, struct mqtt__publish *p)
{
	struct str in = f->body;
	*p = (struct mqtt__publish){.qos = f->flags >> 1 & 3, .dup = f->flags & 8, .retain = f->flags & 1};
	if (p->qos == 3)
		return "PUBLISH has QoS 3";
	if (p->qos == 0 && p->dup)
		return "PUBLISH of QoS 0 says that it comes again";
	if (!mqtt__text(&in, &p->topic))
		return "the topic of a PUBLISH is cut off or not UTF-8";
	if (p->topic.n == 0)
		return "PUBLISH has an empty topic";
	if (memchr(p->topic.p, '#', p->topic.n) || memchr(p->topic.p, '+', p->topic.n))
		return "the topic of a PUBLISH has a wildcard";
	if (p->qos > 0 && (!mqtt__word(&in, &p->id) || p->id == 0))
		return "PUBLISH has no packet id";
	p->payload = in;
	return NULL;
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

void mqtt__publish(struct mqtt__conn *c, const struct mqtt__frame *f, struct mqtt__chunk *held)
{
	struct mqtt_server *s = c->server;
	struct mqtt__publish in;
	const char *why = mqtt__publish_parse(f, &in);
	if (why == NULL && in.qos == 2)
		why = "it published with QoS 2, which this server does not take";
	if (why) {
		mqtt__wrong(c, why);
		return;
	}
	struct mqtt__message *m = message_new(s);
	*m = (struct mqtt__message){
	        .pub = {.topic = in.topic,
	                .payload = in.payload,
	                .qos = in.qos,
	                .dup = in.dup,
	                .retain = in.retain,
	                .user = c->user},
	        .magic = MESSAGE_MAGIC,
	        .id = in.id,
	        .conn = c,
	        .chunk = held,
	};
	held->refs++;
	if (in.qos == 1) {
		*c->acks_tail = m;
		c->acks_tail = &m->next_ack;
	}
	s->at_work++;
	if (++c->unanswered >= s->o.inflight)
		mqtt__pause(c, MQTT_PAUSE_INFLIGHT, true);
	metric_add(METRIC_MQTT_MESSAGES, 1);
	s->door.publish(s->door.ctx, &m->pub);
}

void mqtt_message_done(struct mqtt_message *pub, bool ok)
{
	struct mqtt__message *m = CONTAINER_OF(pub, struct mqtt__message, pub);
	OBJ_CHECK(m, MESSAGE_MAGIC);
	struct mqtt_server *s = m->conn->server;
	/* The loop looks before it sleeps, so its own thread need not be woken. */
	bool inside = mqtt__loop_here == s;
	if (!inside)
		atomic_fetch_add_explicit(&s->saying, 1, memory_order_relaxed);
	m->ok = ok;
	struct mqtt__message *top = atomic_load_explicit(&s->done, memory_order_relaxed);
	do {
		m->next_done = top;
	} while (!atomic_compare_exchange_weak_explicit(
	        &s->done, &top, m, memory_order_release, memory_order_relaxed));
	if (inside)
		return;
	if (top == NULL) {
		const uint64_t one = 1;
		ssize_t ignored = write(s->wake_fd, &one, sizeof(one));
		(void)ignored;
	}
	/* The message may be gone by now; the server is not before this. */
	atomic_fetch_sub_explicit(&s->saying, 1, memory_order_release);
}

/* Sends the PUBACKs that are due: those at the front of the queue, up to the first that is not done. */
static void send_acks(struct mqtt__conn *c)
{
	char packets[256];
	size_t n = 0;
	int64_t sent = 0;
	struct mqtt__message *m;
	while ((m = c->acks) != NULL && m->done) {
		c->acks = m->next_ack;
		if (c->acks == NULL)
			c->acks_tail = &c->acks;
		if (!m->ok && c->fd >= 0 && !c->ending) {
			mqtt__send(c, packets, n);
			n = 0;
			mqtt__end(c, "a message of it could not be stored");
		}
		if (m->ok && c->fd >= 0 && !c->ending) {
			packets[n++] = (char)(MQTT_PUBACK << 4);
			packets[n++] = 2;
			packets[n++] = (char)(m->id >> 8);
			packets[n++] = (char)m->id;
			sent++;
		}
		if (n == sizeof(packets)) {
			mqtt__send(c, packets, n);
			n = 0;
		}
		message_free(m);
	}
	if (n > 0)
		mqtt__send(c, packets, n);
	if (sent > 0)
		metric_add(METRIC_MQTT_ACKED, sent);
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
		if (m->pub.qos == 0)
			message_free(m);
		else if (m == c->acks)
			send_acks(c);
		if ((c->pauses & MQTT_PAUSE_INFLIGHT) && c->unanswered <= s->o.inflight / 2)
			mqtt__pause(c, MQTT_PAUSE_INFLIGHT, false);
		mqtt__dirty(c);
	}
}

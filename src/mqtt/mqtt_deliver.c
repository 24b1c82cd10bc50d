/*
 * A message on its way to those who subscribe.
 *
 * It is copied once, however many receive it. Each session has a queue; what the client's window and its
 * socket take leaves at once, the rest waits there. A queue has a limit: at half of it messages of QoS 0 are
 * dropped, at its end the connection is ended as too slow, and what comes while it is away is dropped. All of
 * it is counted.
 */
#include "mqtt/mqtt_int.h"

#include "base/digest.h"

#define OUT_ROOM_B (128u * 1024) /* unsent bytes of one connection past which messages wait in the queue */
#define SUBSCRIPTION_ID 0x0b     /* 3.3.2.3.8 */
#define IDS_B 250u
#define ALIAS_TOPIC_B 256u /* longer topics are said in full: a connection holds few bytes of aliases */

/* ---- messages ---- */

struct mqtt__stored *mqtt__stored_new(struct str topic, struct str pass, struct str payload)
{
	size_t n = topic.n + pass.n + payload.n;
	struct mqtt__stored *m = xrealloc(NULL, sizeof(*m) + n);
	*m = (struct mqtt__stored){.refs = 1, .bytes = sizeof(*m) + n};
	char *p = m->data;
	struct str *const parts[] = {&m->topic, &m->props, &m->payload};
	const struct str from[] = {topic, pass, payload};
	for (size_t i = 0; i < ARRAY_LEN(from); i++) {
		if (from[i].n > 0)
			memcpy(p, from[i].p, from[i].n);
		*parts[i] = (struct str){p, from[i].n};
		p += from[i].n;
	}
	return m;
}

void mqtt__stored_keep(struct mqtt_server *s, struct mqtt__stored *m)
{
	s->kept_b += m->bytes;
}

void mqtt__stored_rel(struct mqtt_server *s, struct mqtt__stored *m)
{
	if (m == NULL || --m->refs > 0)
		return;
	s->kept_b -= m->bytes;
	free(m);
}

void mqtt__outs_init(struct mqtt__outs *l)
{
	*l = (struct mqtt__outs){.last = &l->first};
}

void mqtt__outs_push(struct mqtt__outs *l, struct mqtt__out *o)
{
	o->next = NULL;
	*l->last = o;
	l->last = &o->next;
	l->n++;
}

struct mqtt__out *mqtt__outs_pop(struct mqtt__outs *l)
{
	struct mqtt__out *o = l->first;
	if (o) {
		l->first = o->next;
		if (l->first == NULL)
			l->last = &l->first;
		l->n--;
	}
	return o;
}

void mqtt__out_free(struct mqtt_server *s, struct mqtt__out *o)
{
	mqtt__stored_rel(s, o->msg);
	free(o);
}

/* ---- one packet ---- */

/* The number of a topic that the client knows by now, *fresh if it has to be told the topic once more; 0: it
 * has none. */
static unsigned alias_of(struct mqtt__conn *c, struct str topic, bool *fresh)
{
	struct mqtt__aliases *a = &c->alias_out;
	*fresh = false;
	if (a->most == 0 || topic.n > ALIAS_TOPIC_B)
		return 0;
	uint64_t hash = hash64(topic.p, topic.n, 0);
	for (unsigned i = 0; i < a->n; i++) {
		if (a->p[i].hash == hash && a->p[i].topic_n == topic.n &&
		        memcmp(a->p[i].topic, topic.p, topic.n) == 0)
			return i + 1;
	}
	if (a->n == a->most)
		return 0;
	if (a->p == NULL)
		a->p = xcalloc(a->most, sizeof(*a->p));
	a->p[a->n] = (struct mqtt__alias){hash, xstrndup(topic.p, topic.n), topic.n};
	*fresh = true;
	return ++a->n;
}

/* False when it is not sent: too large for the client, too late, or not for its eyes. */
static bool write_packet(struct mqtt__conn *c, const struct mqtt__stored *m, int qos, bool retain, bool dup,
        unsigned id, struct str ids)
{
	struct mqtt_server *s = c->server;
	struct str topic = m->topic;
	char head[8];
	bool late = m->expires > 0 && m->expires <= s->now;
	/* One of QoS 2 that was begun goes on: the client may wait for its PUBREL, and take the next message
	 * under that id for it. One of QoS 1 is over: a command must not come late. */
	if (late && !(dup && qos == 2)) {
		metric_add(METRIC_MQTT_DROPPED_EXPIRED, 1);
		return false;
	}
	if (s->door.receive && !c->link && !s->door.receive(s->door.ctx, c->user, topic))
		return false;
	if (s->door.outside && !c->link)
		topic = s->door.outside(s->door.ctx, c->user, topic);
	struct sb *props = &s->text;
	sb_reset(props);
	size_t length = 2 + topic.n + (qos > 0 ? 2 : 0) + m->payload.n;
	if (c->version == MQTT_V5) {
		if (m->expires > 0)
			mqtt__prop_put_num(props, MQTT_P_MESSAGE_EXPIRY,
			        late ? 0 : (uint32_t)((m->expires - s->now + US_SECOND - 1) / US_SECOND));
		sb_putstr(props, ids);
		sb_putstr(props, m->props);
		/* Three bytes more for an alias: a packet that fits has room for it or goes without. */
		size_t whole = length + props->n + mqtt__varint_len(props->n);
		if (c->packet_max > 0 && whole + 5 > c->packet_max) {
			if (1 + mqtt__varint_len(whole) + whole > c->packet_max) {
				metric_add(METRIC_MQTT_DROPPED_SIZE, 1);
				return false;
			}
		} else {
			bool fresh;
			unsigned alias = alias_of(c, topic, &fresh);
			if (alias > 0)
				mqtt__prop_put_num(props, MQTT_P_ALIAS, alias);
			if (alias > 0 && !fresh)
				topic = (struct str){"", 0};
		}
		length = 2 + topic.n + (qos > 0 ? 2 : 0) + m->payload.n + props->n +
		         mqtt__varint_len(props->n);
	}
	unsigned first = MQTT_PUBLISH << 4 | (dup ? 8u : 0) | (unsigned)qos << 1 | (retain ? 1u : 0);
	struct sb *out = &c->out;
	sb_put(out, head, mqtt__head(head, first, length));
	mqtt__put_text(out, topic);
	if (qos > 0)
		mqtt__put_word(out, id);
	if (c->version == MQTT_V5) {
		mqtt__put_varint(out, props->n);
		sb_put(out, props->p, props->n);
	}
	sb_putstr(out, m->payload);
	mqtt__dirty(c);
	metric_add(METRIC_MQTT_SENT, 1);
	return true;
}

/* ---- queues ---- */

static uint16_t free_id(struct mqtt__session *x)
{
	const struct mqtt__out *o;
	do {
		x->last_id = (uint16_t)(x->last_id == UINT16_MAX ? 1 : x->last_id + 1);
		/* In flight, or waiting to be sent once more. */
		for (o = x->flight.first; o && o->id != x->last_id; o = o->next)
			;
		if (o == NULL)
			for (o = x->queue.first; o && o->id != 0 && o->id != x->last_id; o = o->next)
				;
	} while (o && o->id != 0);
	return x->last_id;
}

void mqtt__pump(struct mqtt__session *x)
{
	struct mqtt__conn *c = x->conn;
	struct mqtt__out *o;
	while (c && (o = x->queue.first) != NULL && mqtt__has_room(c)) {
		if (o->qos > 0 && x->flight.n >= c->window)
			return;
		(void)mqtt__outs_pop(&x->queue);
		if (!o->replay) {
			x->waiting--;
			x->waiting_b -= o->msg->bytes;
		}
		if (o->qos > 0 && o->id == 0) {
			o->id = free_id(x);
			uint64_t mark = mqtt__log_mark(c->server);
			mqtt__keep_sent(x, o);
			if (o->qos == 2)
				mqtt__hold_since(c, mark); /* sent again, it must have the same id */
		}
		bool sent = write_packet(
		        c, o->msg, o->qos, o->retain, o->dup, o->id, (struct str){o->ids, o->ids_n});
		if (sent && o->qos > 0) {
			mqtt__outs_push(&x->flight, o);
		} else {
			mqtt__keep_done(x, o);
			mqtt__out_free(c->server, o);
		}
	}
}

bool mqtt__has_room(const struct mqtt__conn *c)
{
	return !c->ending && !c->too_slow && c->fd >= 0 && c->out.n - c->out_sent < OUT_ROOM_B;
}

void mqtt__enqueue(struct mqtt__session *x, struct mqtt__out *o)
{
	if (!o->replay) {
		x->waiting++;
		x->waiting_b += o->msg->bytes;
	}
	mqtt__outs_push(&x->queue, o);
}

static void enqueue(
        struct mqtt__session *x, struct mqtt__stored *m, int qos, bool retain, bool replay, struct str ids)
{
	struct mqtt__out *o = xcalloc(1, sizeof(*o) + ids.n);
	m->refs++;
	o->replay = replay;
	o->msg = m;
	o->qos = (unsigned char)qos;
	o->retain = retain;
	o->ids_n = (unsigned char)ids.n;
	if (ids.n > 0)
		memcpy(o->ids, ids.p, ids.n);
	mqtt__keep_queued(x, o);
	mqtt__enqueue(x, o);
	mqtt__pump(x);
}

void mqtt__deliver(struct mqtt__session *x, struct mqtt__stored *m, int qos, bool retain, struct str ids)
{
	struct mqtt_server *s = x->server;
	struct mqtt__conn *c = x->conn;
	bool full = x->waiting >= s->o.queue_n || x->waiting_b + m->bytes > s->o.queue_b;
	if (qos == 0) {
		if (c == NULL)
			return; /* not kept for those who are away */
		if (x->queue.n == 0 && mqtt__has_room(c)) {
			(void)write_packet(c, m, 0, retain, false, 0, ids);
			return;
		}
		if (full || x->waiting >= s->o.queue_n / 2 || x->waiting_b > s->o.queue_b / 2 ||
		        s->kept_b > s->o.kept_max_b) {
			metric_add(METRIC_MQTT_DROPPED_SLOW, 1);
			return;
		}
	} else if (full || s->kept_b > s->o.kept_max_b) {
		metric_add(c ? METRIC_MQTT_DROPPED_SLOW : METRIC_MQTT_DROPPED_AWAY, 1);
		if (c && full && !c->too_slow) {
			/* Ended at the end of the turn: whoever routes walks over subscriptions that go with
			 * it. */
			c->too_slow = true;
			mqtt__dirty(c);
		}
		return;
	}
	enqueue(x, m, qos, retain, false, ids);
}

/* ---- to whom ---- */

static int least(int a, int b)
{
	return a < b ? a : b;
}

/* Encoded subscription identifiers of a list of subscriptions; what would be too long is left out. */
static struct str put_ids(const struct mqtt__sub *subs, bool one, char buf[IDS_B])
{
	struct str ids = {buf, 0};
	for (; subs; subs = one ? NULL : subs->next_hit) {
		if (subs->id == 0 || ids.n + 5 > IDS_B)
			continue;
		buf[ids.n++] = SUBSCRIPTION_ID;
		ids.n += mqtt__varint_write(buf + ids.n, subs->id);
	}
	return ids;
}

static bool is_open(const struct mqtt__sub *sub)
{
	return sub->session->conn && mqtt__has_room(sub->session->conn) && sub->session->queue.n == 0;
}

/* One of a group: in turn, rather who can take it now than who is away or slow. */
static void route_group(struct mqtt__group *g, struct mqtt__stored *m)
{
	struct mqtt__sub *begin = g->turn ? g->turn : g->subs, *sub = begin, *best = NULL;
	char buf[IDS_B];
	do {
		if (is_open(sub) || (best == NULL && sub->session->conn))
			best = sub;
		if (is_open(sub))
			break;
		sub = sub->next_node ? sub->next_node : g->subs;
	} while (sub != begin);
	if (best == NULL)
		best = begin;
	g->turn = best->next_node;
	mqtt__deliver(best->session, m, least(m->qos, best->qos), best->as_published && m->retain,
	        put_ids(best, true, buf));
}

/* A session whose subscriptions overlap gets the message once, with the best QoS of them ([MQTT-3.3.4-2]). */
static void route_session(struct mqtt__session *x, struct mqtt__stored *m)
{
	char buf[IDS_B];
	int qos = 0;
	bool as_published = false;
	for (const struct mqtt__sub *sub = x->hits; sub; sub = sub->next_hit) {
		qos = qos > sub->qos ? qos : sub->qos;
		as_published = as_published || sub->as_published;
	}
	mqtt__deliver(x, m, least(m->qos, qos), as_published && m->retain, put_ids(x->hits, false, buf));
}

void mqtt__route(struct mqtt_server *s, struct mqtt__stored *m)
{
	struct mqtt__session *first = NULL, **last = &first;
	mqtt__tree_match(&s->tree, m->topic);
	s->stamp++;
	for (size_t i = 0; i < s->tree.hits_n; i++) {
		struct mqtt__node *n = s->tree.hits[i];
		for (struct mqtt__group *g = n->groups; g; g = g->next)
			route_group(g, m);
		for (struct mqtt__sub *sub = n->subs; sub; sub = sub->next_node) {
			struct mqtt__session *x = sub->session;
			if (sub->no_local && x->serial == m->publisher)
				continue;
			if (x->stamp != s->stamp) {
				x->stamp = s->stamp;
				x->hits = NULL;
				x->next_hit = NULL;
				*last = x;
				last = &x->next_hit;
			}
			sub->next_hit = x->hits;
			x->hits = sub;
		}
	}
	for (struct mqtt__session *x = first; x; x = x->next_hit)
		route_session(x, m);
}

/* ---- retained ---- */

static void forget_retained(struct mqtt_server *s, struct mqtt__node *n)
{
	mqtt__keep_cleared(s, n->retained->topic);
	mqtt__stored_rel(s, n->retained);
	n->retained = NULL;
	s->tree.retained--;
	metric_set(METRIC_MQTT_RETAINED, s->tree.retained);
	mqtt__tree_prune(&s->tree, n);
}

bool mqtt__retain(struct mqtt_server *s, struct mqtt__stored *m)
{
	struct mqtt__node *n = mqtt__tree_find(&s->tree, m->topic);
	struct mqtt__stored *old = n ? n->retained : NULL;
	if (m->payload.n == 0) {
		if (old)
			forget_retained(s, n);
		return true;
	}
	if (mqtt__levels(m->topic) > MQTT_LEVELS_MOST ||
	        (old == NULL && (s->tree.retained >= s->o.retained || s->kept_b > s->o.kept_max_b))) {
		metric_add(METRIC_MQTT_DROPPED_RETAINED, 1);
		return false;
	}
	n = mqtt__tree_get(&s->tree, m->topic);
	m->refs++;
	n->retained = m;
	mqtt__keep_retained(s, m);
	if (old)
		mqtt__stored_rel(s, old);
	else
		metric_set(METRIC_MQTT_RETAINED, ++s->tree.retained);
	return true;
}

struct replay {
	struct mqtt__session *session;
	struct mqtt__sub *sub;
	struct mqtt__node *late; /* one whose time is over */
};

static void replay_one(void *ctx, struct mqtt__node *n)
{
	struct replay *r = ctx;
	struct mqtt__stored *m = n->retained;
	char buf[IDS_B];
	if (r->sub->no_local && m->publisher == r->session->serial)
		return; /* [MQTT-3.8.3-3] */
	if (m->expires > 0 && m->expires <= r->session->server->now)
		r->late = n;
	else
		/* Not bounded by the queue: the retained messages have a limit of their own. */
		enqueue(r->session, m, least(m->qos, r->sub->qos), true, true, put_ids(r->sub, true, buf));
}

void mqtt__send_retained(struct mqtt__session *x, struct mqtt__sub *sub, struct str filter)
{
	struct replay r = {x, sub, NULL};
	mqtt__tree_retained(&x->server->tree, filter, replay_one, &r);
	if (r.late)
		forget_retained(x->server, r.late);
}

static void free_one(void *ctx, struct mqtt__node *n)
{
	struct mqtt_server *s = ctx;
	mqtt__stored_rel(s, n->retained);
	n->retained = NULL;
	s->tree.retained--;
}

/* Leaves by leaves: freeing a message frees its node and all above that are empty. */
static void prune_all(struct mqtt__tree *t)
{
	while (t->nodes > 0) {
		struct mqtt__node *n = t->root;
		while (n->first)
			n = n->first;
		mqtt__tree_prune(t, n);
	}
}

void mqtt__retained_fini(struct mqtt_server *s)
{
	mqtt__tree_retained(&s->tree, STR_LIT("#"), free_one, s);
	/* "#" does not take topics of the server's own. */
	for (struct mqtt__node *n = s->tree.root->first; n; n = n->next) {
		struct sb b = SB_INIT;
		sb_put(&b, n->name, n->name_n);
		sb_puts(&b, "/#");
		mqtt__tree_retained(&s->tree, sb_str(&b), free_one, s);
		sb_fini(&b);
	}
	prune_all(&s->tree);
	metric_set(METRIC_MQTT_RETAINED, 0);
}

/* ---- the server's own messages ---- */

void mqtt_send(struct mqtt_server *s, const struct mqtt_outgoing *o)
{
	struct sb pass = SB_INIT;
	OBJ_CHECK(s, MQTT_SERVER_MAGIC);
	if (o->response_topic.p != NULL)
		mqtt__prop_put_text(&pass, MQTT_P_RESPONSE_TOPIC, o->response_topic);
	if (o->correlation.p != NULL)
		mqtt__prop_put_text(&pass, MQTT_P_CORRELATION, o->correlation);
	struct mqtt__stored *m = mqtt__stored_new(o->topic, sb_str(&pass), o->payload);
	sb_fini(&pass);
	m->qos = o->qos;
	m->retain = o->retain;
	m->expires = o->expires; /* the loop makes a time of it */
	bool outside = mqtt__say_begin(s);
	struct mqtt__stored *top = atomic_load_explicit(&s->sent, memory_order_relaxed);
	do {
		m->next = top;
	} while (!atomic_compare_exchange_weak_explicit(
	        &s->sent, &top, m, memory_order_release, memory_order_relaxed));
	mqtt__say_end(s, outside, top == NULL);
}

void mqtt__take_sent(struct mqtt_server *s)
{
	struct mqtt__stored *m = atomic_exchange_explicit(&s->sent, NULL, memory_order_acquire);
	struct mqtt__stored *order = NULL, *next;
	for (; m; m = next) {
		next = m->next;
		m->next = order;
		order = m;
	}
	for (m = order; m; m = next) {
		next = m->next;
		mqtt__stored_keep(s, m);
		if (m->expires > 0)
			m->expires += s->now;
		if (m->retain)
			(void)mqtt__retain(s, m);
		mqtt__route(s, m);
		mqtt__stored_rel(s, m);
	}
}

/*
 * What outlives the process: sessions that are to last, and retained messages, as records of mqtt_log.c.
 *
 * A record says one change; a picture of the whole is the changes that would lead to it. A session is
 * named by its serial, a message by a number under which it was written once, a message on its way by a
 * number of its own. Numbers stand as in MQTT, texts behind four bytes of length; times are those of the
 * clock, so that what expires goes on to expire while nobody is there.
 *
 * What must be durable before somebody is told of it says so with mqtt__hold where it is told; the rest is
 * written with the next batch. After a crash, then, a message may be sent once more; one of QoS 2 is not,
 * since its packet id, its PUBREC and its PUBREL are durable before the next step.
 */
#include "mqtt/mqtt_int.h"

enum record {
	SESSION = 'S', /* serial, owner, client id, expiry, when it left; 0: it is here */
	END = 'E',     /* serial */
	FILTER = 'F',  /* serial, filter, group, options, identifier */
	UNFILTER = 'G',
	MESSAGE = 'M', /* number, qos, retain, expires, topic, properties, payload */
	QUEUED = 'Q',  /* serial, number on its way, number of the message or 0, qos, flags, identifiers */
	SENT = 'I',    /* serial, number on its way, packet id */
	RECEIVED = 'R',
	DONE = 'D',
	RETAINED = 'T', /* number */
	CLEARED = 'U',  /* topic */
	CAME = 'N',     /* serial, packet id */
	RELEASED = 'P',
	WILL = 'W', /* serial, qos, retain, topic, properties with their length, payload */
	UNWILL = 'V',
};
enum { RETAIN = 1, REPLAY = 2 };         /* flags of QUEUED */
enum { NO_LOCAL = 1, AS_PUBLISHED = 2 }; /* options of FILTER, behind the QoS */

/* ---- out ---- */

static void put_long(struct sb *b, uint64_t v)
{
	mqtt__put_four(b, (uint32_t)(v >> 32));
	mqtt__put_four(b, (uint32_t)v);
}

static void put_bytes(struct sb *b, struct str s)
{
	mqtt__put_four(b, (uint32_t)s.n);
	sb_putstr(b, s);
}

static time_us wall(const struct mqtt_server *s)
{
	return s->o.clock ? clock_now(s->o.clock) : 1;
}

static void put_head(struct sb *b, enum record r, uint64_t serial)
{
	sb_putc(b, (char)r);
	put_long(b, serial);
}

/* The number of a message, which is written if the file does not have it. */
static uint64_t put_message(struct mqtt_server *s, struct sb *b, struct mqtt__stored *m)
{
	if (m->number > s->numbers_0)
		return m->number;
	m->number = ++s->numbers;
	put_head(b, MESSAGE, m->number);
	sb_putc(b, (char)m->qos);
	sb_putc(b, (char)m->retain);
	put_long(b, m->expires == 0 ? 0 : (uint64_t)(wall(s) + m->expires - s->now));
	put_bytes(b, m->topic);
	put_bytes(b, m->props);
	put_bytes(b, m->payload);
	return m->number;
}

static void put_session(struct sb *b, const struct mqtt__session *x)
{
	const struct mqtt_server *s = x->server;
	put_head(b, SESSION, x->serial);
	put_bytes(b, mqtt__session_owner(x));
	put_bytes(b, mqtt__session_id(x));
	mqtt__put_four(b, x->expiry_s);
	put_long(b, x->conn ? 0 : (uint64_t)(wall(s) - (s->now - x->left)));
}

static void put_filter(struct sb *b, enum record r, const struct mqtt__sub *sub)
{
	struct sb filter = SB_INIT;
	mqtt__node_filter(sub->node, &filter);
	put_head(b, r, sub->session->serial);
	put_bytes(b, sb_str(&filter));
	put_bytes(b, sub->group ? (struct str){sub->group->name, sub->group->name_n} : STR_NULL);
	sb_fini(&filter);
}

static void put_subscription(struct sb *b, const struct mqtt__sub *sub)
{
	put_filter(b, FILTER, sub);
	sb_putc(b, (char)sub->qos);
	sb_putc(b, (char)((sub->no_local ? NO_LOCAL : 0) | (sub->as_published ? AS_PUBLISHED : 0)));
	mqtt__put_four(b, sub->id);
}

static void put_queued(struct sb *b, const struct mqtt__session *x, const struct mqtt__out *o)
{
	uint64_t number = o->msg ? put_message(x->server, b, o->msg) : 0;
	put_head(b, QUEUED, x->serial);
	put_long(b, o->seq);
	put_long(b, number);
	sb_putc(b, (char)o->qos);
	sb_putc(b, (char)((o->retain ? RETAIN : 0) | (o->replay ? REPLAY : 0)));
	put_bytes(b, (struct str){o->ids, o->ids_n});
}

static void put_step(struct sb *b, enum record r, const struct mqtt__session *x, const struct mqtt__out *o)
{
	put_head(b, r, x->serial);
	put_long(b, o->seq);
	if (r == SENT)
		mqtt__put_word(b, o->id);
}

static void put_incoming(struct sb *b, enum record r, const struct mqtt__session *x, unsigned id)
{
	put_head(b, r, x->serial);
	mqtt__put_word(b, id);
}

static void put_will(struct sb *b, const struct mqtt__session *x, const struct mqtt__will *w)
{
	put_head(b, WILL, x->serial);
	sb_putc(b, (char)w->qos);
	sb_putc(b, (char)w->retain);
	put_bytes(b, w->topic);
	mqtt__put_varint(b, w->props.n);
	sb_putstr(b, w->props);
	put_bytes(b, w->payload);
}

static void put_retained(struct mqtt_server *s, struct sb *b, struct mqtt__stored *m)
{
	put_head(b, RETAINED, put_message(s, b, m));
}

static struct sb *record_of(struct mqtt__session *x)
{
	return x->kept ? mqtt__log_record(x->server) : NULL;
}

void mqtt__keep_session(struct mqtt__session *x)
{
	bool lasts = x->expiry_s > 0 && x->server->log;
	struct sb *b = x->kept || lasts ? mqtt__log_record(x->server) : NULL;
	if (b && lasts)
		put_session(b, x);
	else if (b)
		put_head(b, END, x->serial);
	x->kept = lasts;
}

void mqtt__keep_end(struct mqtt__session *x)
{
	struct sb *b = record_of(x);
	if (b)
		put_head(b, END, x->serial);
	x->kept = false;
}

void mqtt__keep_subscription(const struct mqtt__sub *sub)
{
	struct sb *b = record_of(sub->session);
	if (b)
		put_subscription(b, sub);
}

void mqtt__keep_unsubscription(const struct mqtt__sub *sub)
{
	struct sb *b = record_of(sub->session);
	if (b)
		put_filter(b, UNFILTER, sub);
}

void mqtt__keep_queued(struct mqtt__session *x, struct mqtt__out *o)
{
	struct sb *b = o->qos > 0 ? record_of(x) : NULL;
	if (b == NULL)
		return;
	o->seq = ++x->server->seqs;
	put_queued(b, x, o);
}

static void keep_step(struct mqtt__session *x, enum record r, const struct mqtt__out *o)
{
	struct sb *b = o->seq > 0 ? record_of(x) : NULL;
	if (b)
		put_step(b, r, x, o);
}

void mqtt__keep_sent(struct mqtt__session *x, const struct mqtt__out *o)
{
	keep_step(x, SENT, o);
}

void mqtt__keep_received(struct mqtt__session *x, const struct mqtt__out *o)
{
	keep_step(x, RECEIVED, o);
}

void mqtt__keep_done(struct mqtt__session *x, const struct mqtt__out *o)
{
	keep_step(x, DONE, o);
}

void mqtt__keep_incoming(struct mqtt__session *x, unsigned id, bool came)
{
	struct sb *b = record_of(x);
	if (b)
		put_incoming(b, came ? CAME : RELEASED, x, id);
}

void mqtt__keep_will(struct mqtt__session *x, const struct mqtt__will *w)
{
	bool waits = w && w->delay_s > 0;
	struct sb *b = waits || x->will_kept ? record_of(x) : NULL;
	x->will_kept = waits && b;
	if (b && waits)
		put_will(b, x, w);
	else if (b)
		put_head(b, UNWILL, x->serial);
}

void mqtt__keep_retained(struct mqtt_server *s, struct mqtt__stored *m)
{
	struct sb *b = mqtt__log_record(s);
	if (b)
		put_retained(s, b, m);
}

void mqtt__keep_cleared(struct mqtt_server *s, struct str topic)
{
	struct sb *b = mqtt__log_record(s);
	if (b == NULL)
		return;
	sb_putc(b, CLEARED);
	put_bytes(b, topic);
}

/* ---- the picture ---- */

static void picture_outs(struct sb *b, const struct mqtt__session *x, const struct mqtt__outs *l)
{
	for (struct mqtt__out *o = l->first; o; o = o->next) {
		if (o->qos == 0)
			continue;
		/* Put into the queue before its session was to last. */
		o->seq = o->seq > 0 ? o->seq : ++x->server->seqs;
		put_queued(b, x, o);
		if (o->id != 0)
			put_step(b, SENT, x, o);
		if (o->msg == NULL)
			put_step(b, RECEIVED, x, o);
	}
}

static void picture_session(struct sb *b, const struct mqtt__session *x)
{
	put_session(b, x);
	for (const struct mqtt__sub *sub = x->subs; sub; sub = sub->next_own)
		put_subscription(b, sub);
	picture_outs(b, x, &x->flight);
	picture_outs(b, x, &x->queue);
	const struct mqtt__will *w = x->conn ? x->conn->will : x->will ? x->will->will : x->will_left;
	if (w && w->delay_s > 0)
		put_will(b, x, w);
	for (size_t i = 0; i < x->incoming_n; i++)
		if (!x->incoming[i].at_work)
			put_incoming(b, CAME, x, x->incoming[i].id);
}

static void picture_retained(struct mqtt_server *s, struct sb *b, const struct mqtt__node *n)
{
	if (n->retained)
		put_retained(s, b, n->retained);
	for (const struct mqtt__node *c = n->first; c; c = c->next)
		picture_retained(s, b, c);
}

void mqtt__state_picture(struct mqtt_server *s, struct sb *b)
{
	s->numbers_0 = s->numbers;
	picture_retained(s, b, s->tree.root);
	/* The longest away first, as they are found again. */
	for (struct mqtt__list *l = s->away.next; l != &s->away; l = l->next)
		picture_session(b, CONTAINER_OF(l, struct mqtt__session, away));
	for (struct mqtt__list *l = s->conns.next; l != &s->conns; l = l->next) {
		const struct mqtt__session *x = CONTAINER_OF(l, struct mqtt__conn, all)->session;
		if (x && x->kept && x->conn == CONTAINER_OF(l, struct mqtt__conn, all))
			picture_session(b, x);
	}
}

/* ---- in ---- */

/* What a number of the file stands for. */
struct table {
	struct slot {
		uint64_t number; /* 0: free */
		void *p;         /* NULL: over */
	} * slot;
	size_t slots, n;
};
struct mqtt__replay {
	struct mqtt_server *s;
	struct str in;
	bool bad; /* cut off, or says what cannot be */
	time_us now;
	struct table sessions, messages;
};

static struct slot *look(const struct table *t, uint64_t number)
{
	size_t i = (size_t)(number * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (t->slots - 1);
	while (t->slot[i].number != 0 && t->slot[i].number != number)
		i = (i + 1) & (t->slots - 1);
	return &t->slot[i];
}

static void put(struct table *t, uint64_t number, void *p)
{
	if (2 * (t->n + 1) > t->slots) {
		struct table more = {.slots = t->slots ? 2 * t->slots : 64, .n = t->n};
		more.slot = xcalloc(more.slots, sizeof(struct slot));
		for (size_t i = 0; i < t->slots; i++)
			if (t->slot[i].number != 0)
				*look(&more, t->slot[i].number) = t->slot[i];
		free(t->slot);
		*t = more;
	}
	struct slot *x = look(t, number);
	t->n += x->number == 0;
	*x = (struct slot){number, p};
}

static void *get(const struct table *t, uint64_t number)
{
	return t->n > 0 && number != 0 ? look(t, number)->p : NULL;
}

static unsigned get_byte(struct mqtt__replay *r)
{
	unsigned v = 0;
	r->bad = r->bad || !mqtt__byte(&r->in, &v);
	return v;
}

static unsigned get_word(struct mqtt__replay *r)
{
	unsigned v = 0;
	r->bad = r->bad || !mqtt__word(&r->in, &v);
	return v;
}

static uint32_t get_four(struct mqtt__replay *r)
{
	uint32_t v = 0;
	r->bad = r->bad || !mqtt__four(&r->in, &v);
	return v;
}

static uint64_t get_long(struct mqtt__replay *r)
{
	uint64_t high = get_four(r);
	return high << 32 | get_four(r);
}

static struct str get_bytes(struct mqtt__replay *r)
{
	size_t n = get_four(r);
	struct str s = {r->in.p, n};
	r->bad = r->bad || n > r->in.n;
	if (r->bad)
		return (struct str){"", 0};
	r->in.p += n;
	r->in.n -= n;
	return s;
}

/* The session that the record is about; NULL, and bad, if there is none. */
static struct mqtt__session *get_session(struct mqtt__replay *r)
{
	struct mqtt__session *x = get(&r->sessions, get_long(r));
	r->bad = r->bad || x == NULL;
	return r->bad ? NULL : x;
}

static void read_session(struct mqtt__replay *r)
{
	uint64_t serial = get_long(r);
	struct str username = get_bytes(r), client_id = get_bytes(r);
	uint32_t expiry_s = get_four(r);
	time_us left = (time_us)get_long(r);
	struct mqtt__session *x = get(&r->sessions, serial);
	r->bad = r->bad || serial == 0 || (x == NULL && mqtt__session_find(r->s, username, client_id));
	if (r->bad)
		return;
	if (x == NULL) {
		x = mqtt__session_new(r->s, username, client_id);
		x->kept = true;
		put(&r->sessions, serial, x);
	}
	x->expiry_s = expiry_s > 0 ? expiry_s : 1;
	/* Who was here when the process died leaves now. */
	x->left = r->s->now - (left > 0 && left < r->now ? r->now - left : 0);
}

static void read_end(struct mqtt__replay *r)
{
	uint64_t serial = get_long(r);
	struct mqtt__session *x = get(&r->sessions, serial);
	r->bad = r->bad || x == NULL;
	if (r->bad)
		return;
	put(&r->sessions, serial, NULL);
	mqtt__session_end(x);
}

static void read_filter(struct mqtt__replay *r, bool there)
{
	struct mqtt_server *s = r->s;
	struct mqtt__session *x = get_session(r);
	struct str filter = get_bytes(r), group = get_bytes(r);
	r->bad = r->bad || !filter_valid(filter) || mqtt__levels(filter) > MQTT_LEVELS_MOST;
	if (r->bad)
		return;
	group = group.n > 0 ? group : STR_NULL;
	struct mqtt__sub *sub = mqtt__sub_find(&s->tree, x, filter, group);
	if (!there) {
		if (sub)
			mqtt__sub_remove(&s->tree, sub);
		return;
	}
	if (sub == NULL)
		sub = mqtt__sub_add(&s->tree, x, filter, group);
	unsigned qos = get_byte(r), options = get_byte(r);
	r->bad = r->bad || qos > 2;
	sub->qos = (unsigned char)(r->bad ? 0 : qos);
	sub->no_local = options & NO_LOCAL;
	sub->as_published = options & AS_PUBLISHED;
	sub->id = get_four(r);
}

static void read_message(struct mqtt__replay *r)
{
	uint64_t number = get_long(r);
	unsigned qos = get_byte(r);
	bool retain = get_byte(r);
	time_us expires = (time_us)get_long(r);
	struct str topic = get_bytes(r), props = get_bytes(r), payload = get_bytes(r);
	r->bad = r->bad || qos > 2 || number == 0 || get(&r->messages, number) || !topic_valid(topic);
	if (r->bad)
		return;
	struct mqtt__stored *m = mqtt__stored_new(topic, props, payload);
	m->qos = (int)qos;
	m->retain = retain;
	/* What expired meanwhile is still a message, for a moment: it is dropped where others are. */
	if (expires > 0)
		m->expires = expires > r->now ? r->s->now + (expires - r->now) : 1;
	mqtt__stored_keep(r->s, m);
	put(&r->messages, number, m);
}

static void read_queued(struct mqtt__replay *r)
{
	struct mqtt__session *x = get_session(r);
	uint64_t seq = get_long(r), number = get_long(r);
	unsigned qos = get_byte(r), flags = get_byte(r);
	struct str ids = get_bytes(r);
	struct mqtt__stored *m = get(&r->messages, number);
	r->bad = r->bad || seq == 0 || qos < 1 || qos > 2 || ids.n > UINT8_MAX ||
	         (m == NULL && (number != 0 || qos != 2));
	if (r->bad)
		return;
	struct mqtt__out *o = xcalloc(1, sizeof(*o) + ids.n);
	*o = (struct mqtt__out){.msg = m, .seq = seq, .qos = (unsigned char)qos};
	o->retain = flags & RETAIN;
	o->replay = flags & REPLAY;
	o->ids_n = (unsigned char)ids.n;
	if (ids.n > 0)
		memcpy(o->ids, ids.p, ids.n);
	r->s->seqs = seq > r->s->seqs ? seq : r->s->seqs;
	if (m) {
		m->refs++;
		mqtt__enqueue(x, o);
	} else {
		mqtt__outs_push(&x->flight, o);
	}
}

static struct mqtt__out *take(struct mqtt__outs *l, uint64_t seq)
{
	struct mqtt__out **p = &l->first, *o;
	while ((o = *p) != NULL && o->seq != seq)
		p = &o->next;
	if (o) {
		*p = o->next;
		if (l->last == &o->next)
			l->last = p;
		l->n--;
	}
	return o;
}

/* A message out of what waits, or out of what was sent. */
static struct mqtt__out *take_out(struct mqtt__session *x, uint64_t seq)
{
	struct mqtt__out *o = take(&x->flight, seq);
	if (o)
		return o;
	o = take(&x->queue, seq);
	if (o && !o->replay) {
		x->waiting--;
		x->waiting_b -= o->msg->bytes;
	}
	return o;
}

static void read_step(struct mqtt__replay *r, enum record step)
{
	struct mqtt__session *x = get_session(r);
	uint64_t seq = get_long(r);
	unsigned id = step == SENT ? get_word(r) : 0;
	r->bad = r->bad || (step == SENT && id == 0);
	struct mqtt__out *o = r->bad ? NULL : take_out(x, seq);
	r->bad = r->bad || o == NULL;
	if (o == NULL)
		return;
	if (step == DONE) {
		mqtt__out_free(r->s, o);
		return;
	}
	if (step == SENT) {
		o->id = (uint16_t)id;
		x->last_id = (uint16_t)id;
	} else if (o->qos == 2) {
		mqtt__stored_rel(r->s, o->msg);
		o->msg = NULL;
	} else {
		r->bad = true;
	}
	mqtt__outs_push(&x->flight, o);
}

static void read_retained(struct mqtt__replay *r)
{
	struct mqtt__stored *m = get(&r->messages, get_long(r));
	r->bad = r->bad || m == NULL;
	if (!r->bad)
		(void)mqtt__retain(r->s, m);
}

static void read_cleared(struct mqtt__replay *r)
{
	struct str topic = get_bytes(r);
	r->bad = r->bad || !topic_valid(topic);
	if (r->bad)
		return;
	struct mqtt__stored *nothing = mqtt__stored_new(topic, STR_NULL, STR_NULL);
	mqtt__stored_keep(r->s, nothing);
	(void)mqtt__retain(r->s, nothing);
	mqtt__stored_rel(r->s, nothing);
}

static void read_incoming(struct mqtt__replay *r, bool came)
{
	struct mqtt__session *x = get_session(r);
	unsigned id = get_word(r);
	r->bad = r->bad || id == 0;
	if (r->bad)
		return;
	struct mqtt__incoming *in = mqtt__incoming_find(x, id);
	if (came && in == NULL)
		mqtt__incoming_add(x, id)->at_work = false;
	else if (!came && in)
		mqtt__incoming_remove(x, in);
}

static void read_will(struct mqtt__replay *r, bool there)
{
	struct mqtt__session *x = get_session(r);
	struct mqtt__connect c = {.will = there};
	if (x == NULL)
		return;
	mqtt__will_drop(x->will_left);
	x->will_left = NULL;
	x->will_kept = there;
	if (!there)
		return;
	c.will_qos = (int)get_byte(r);
	c.will_retain = get_byte(r);
	c.will_topic = get_bytes(r);
	r->bad = r->bad || mqtt__props_parse(&r->in, MQTT_WILL_PROPS, &c.will_props).why;
	c.will_payload = get_bytes(r);
	r->bad = r->bad || c.will_qos > 2 || !topic_valid(c.will_topic);
	x->will_left = r->bad ? NULL : mqtt__will_new(r->s, &c); /* NULL: no memory is left for it */
}

struct mqtt__replay *mqtt__replay_begin(struct mqtt_server *s)
{
	struct mqtt__replay *r = xcalloc(1, sizeof(*r));
	r->s = s;
	r->now = wall(s);
	return r;
}

bool mqtt__replay_records(struct mqtt__replay *r, struct str in)
{
	r->in = in;
	while (r->in.n > 0 && !r->bad) {
		enum record type = get_byte(r);
		switch (type) {
		case SESSION: read_session(r); break;
		case END: read_end(r); break;
		case FILTER: read_filter(r, true); break;
		case UNFILTER: read_filter(r, false); break;
		case MESSAGE: read_message(r); break;
		case QUEUED: read_queued(r); break;
		case SENT:
		case RECEIVED:
		case DONE: read_step(r, type); break;
		case RETAINED: read_retained(r); break;
		case CLEARED: read_cleared(r); break;
		case CAME: read_incoming(r, true); break;
		case RELEASED: read_incoming(r, false); break;
		case WILL: read_will(r, true); break;
		case UNWILL: read_will(r, false); break;
		default: r->bad = true;
		}
	}
	return !r->bad;
}

static int by_left(const void *a, const void *b)
{
	const struct mqtt__session *x = ((const struct slot *)a)->p, *y = ((const struct slot *)b)->p;
	dur_us l = x ? x->left : 0, m = y ? y->left : 0;
	return (l > m) - (l < m);
}

void mqtt__replay_end(struct mqtt__replay *r)
{
	struct mqtt_server *s = r->s;
	for (size_t i = 0; i < r->messages.slots; i++)
		mqtt__stored_rel(s, r->messages.slot[i].p);
	if (r->sessions.slots > 0)
		qsort(r->sessions.slot, r->sessions.slots, sizeof(struct slot), by_left);
	for (size_t i = 0; i < r->sessions.slots; i++) {
		struct mqtt__session *x = r->sessions.slot[i].p;
		dur_us left = x ? x->left : 0;
		if (x == NULL)
			continue;
		/* Found again while there are too many, it may be the one to go. */
		x->refs++;
		mqtt__session_leave(x);
		x->left = left;
		x->kept = !x->gone;
		if (x->will_left)
			mqtt__will_resume(x);
		mqtt__session_rel(x);
	}
	free(r->messages.slot);
	free(r->sessions.slot);
	free(r);
	metric_set(METRIC_MQTT_SUBSCRIPTIONS, s->tree.subs);
}

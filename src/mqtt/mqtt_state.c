/*
 * Sessions and retained messages in a file, from an orderly stop to the next start.
 *
 *   magic, hash of the rest; time of the stop; messages; retained: numbers of messages; sessions, each with
 * its subscriptions, what was in flight, what waited, ids of QoS 2 that came
 *
 * Numbers stand as in MQTT, texts behind four bytes of length. The file is removed once it was read: after a
 * crash there is none, rather than one that says what is long past.
 */
#include "mqtt/mqtt_int.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/log.h"

#include <unistd.h>

#define MAGIC "heming-mqtt 1\n"
#define FILE_MOST_B ((size_t)1 << 30)

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

/* A message that several wait for is written once. */
static void put_message(struct mqtt_server *s, struct sb *b, struct mqtt__stored *m, uint32_t *n)
{
	if (m == NULL || m->number != 0)
		return;
	m->number = ++*n;
	sb_putc(b, (char)m->qos);
	sb_putc(b, (char)m->retain);
	put_long(b, m->expires == 0 ? 0 : m->expires > s->now ? (uint64_t)(m->expires - s->now) : 1);
	put_bytes(b, m->topic);
	put_bytes(b, m->props);
	put_bytes(b, m->payload);
}

struct listing {
	struct mqtt_server *s;
	struct sb *messages, *retained;
	uint32_t messages_n, retained_n;
};

static void list_retained(struct listing *l, const struct mqtt__node *n)
{
	if (n->retained) {
		put_message(l->s, l->messages, n->retained, &l->messages_n);
		mqtt__put_four(l->retained, n->retained->number);
		l->retained_n++;
	}
	for (const struct mqtt__node *c = n->first; c; c = c->next)
		list_retained(l, c);
}

static void put_outs(struct sb *b, const struct mqtt__outs *l, struct listing *all)
{
	mqtt__put_four(b, (uint32_t)l->n);
	for (const struct mqtt__out *o = l->first; o; o = o->next) {
		put_message(all->s, all->messages, o->msg, &all->messages_n);
		mqtt__put_four(b, o->msg ? o->msg->number : 0);
		mqtt__put_word(b, o->id);
		sb_putc(b, (char)o->qos);
		sb_putc(b, (char)o->retain);
		sb_putc(b, (char)o->dup);
		put_bytes(b, (struct str){o->ids, o->ids_n});
	}
}

static void put_session(struct sb *b, const struct mqtt__session *x, struct listing *all)
{
	struct sb filter = SB_INIT;
	put_bytes(b, mqtt__session_username(x));
	put_bytes(b, mqtt__session_id(x));
	mqtt__put_four(b, x->expiry_s);
	put_long(b, (uint64_t)(x->server->now - x->left));
	mqtt__put_word(b, x->last_id);
	mqtt__put_four(b, (uint32_t)x->subs_n);
	for (const struct mqtt__sub *sub = x->subs; sub; sub = sub->next_own) {
		sb_reset(&filter);
		mqtt__node_filter(sub->node, &filter);
		put_bytes(b, sb_str(&filter));
		put_bytes(b, sub->group ? (struct str){sub->group->name, sub->group->name_n} : STR_NULL);
		sb_putc(b, (char)sub->qos);
		sb_putc(b, (char)sub->no_local);
		sb_putc(b, (char)sub->as_published);
		mqtt__put_four(b, sub->id);
	}
	sb_fini(&filter);
	put_outs(b, &x->flight, all);
	put_outs(b, &x->queue, all);
	mqtt__put_four(b, (uint32_t)x->incoming_n);
	for (size_t i = 0; i < x->incoming_n; i++)
		mqtt__put_word(b, x->incoming[i].id);
}

void mqtt__state_save(struct mqtt_server *s)
{
	struct sb messages = {.max = FILE_MOST_B}, retained = SB_INIT, sessions = {.max = FILE_MOST_B};
	struct sb body = {.max = FILE_MOST_B}, whole = {.max = FILE_MOST_B};
	struct listing all = {.s = s, .messages = &messages, .retained = &retained};
	struct err e = ERR_INIT;
	if (s->o.state == NULL || (s->away_count == 0 && s->tree.retained == 0))
		return;
	s->now = clock_monotonic();
	list_retained(&all, s->tree.root);
	for (struct mqtt__list *l = s->away.next; l != &s->away; l = l->next)
		put_session(&sessions, CONTAINER_OF(l, struct mqtt__session, away), &all);
	put_long(&body, s->o.clock ? (uint64_t)clock_now(s->o.clock) : 0);
	mqtt__put_four(&body, all.messages_n);
	sb_putstr(&body, sb_str(&messages));
	mqtt__put_four(&body, all.retained_n);
	sb_putstr(&body, sb_str(&retained));
	mqtt__put_four(&body, (uint32_t)s->away_count);
	sb_putstr(&body, sb_str(&sessions));
	sb_puts(&whole, MAGIC);
	put_long(&whole, hash64(body.p, body.n, 0));
	sb_putstr(&whole, sb_str(&body));
	int rc = whole.failed || body.failed
	                 ? err_set(&e, ERR_TOOBIG, "they are larger than %zu bytes", FILE_MOST_B)
	                 : file_write(s->o.state, whole.p, whole.n, 0600, &e);
	if (rc < 0)
		LOG(MQTT_STATE_LOST, log_s("file", s->o.state), log_s("why", e.text));
	else
		LOG(MQTT_STATE, log_i("sessions", s->away_count), log_i("retained", s->tree.retained));
	sb_fini(&messages);
	sb_fini(&retained);
	sb_fini(&sessions);
	sb_fini(&body);
	sb_fini(&whole);
}

/* ---- in ---- */

struct reader {
	struct mqtt_server *s;
	struct str in;
	bool bad; /* cut off, or says what cannot be */
	dur_us stopped;
	struct mqtt__stored **messages;
	uint32_t messages_n;
};

static unsigned get_byte(struct reader *r)
{
	unsigned v = 0;
	r->bad = r->bad || !mqtt__byte(&r->in, &v);
	return v;
}

static unsigned get_word(struct reader *r)
{
	unsigned v = 0;
	r->bad = r->bad || !mqtt__word(&r->in, &v);
	return v;
}

static uint32_t get_four(struct reader *r)
{
	uint32_t v = 0;
	r->bad = r->bad || !mqtt__four(&r->in, &v);
	return v;
}

static uint64_t get_long(struct reader *r)
{
	uint64_t high = get_four(r);
	return high << 32 | get_four(r);
}

static struct str get_bytes(struct reader *r)
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

static struct mqtt__stored *get_message(struct reader *r)
{
	int qos = (int)get_byte(r);
	bool retain = get_byte(r);
	dur_us left = (dur_us)get_long(r);
	struct str topic = get_bytes(r), props = get_bytes(r), payload = get_bytes(r);
	struct mqtt__stored *m = mqtt__stored_new(topic, props, payload);
	m->qos = qos;
	m->retain = retain;
	/* What expired meanwhile is still a message, for a moment: it is dropped where others are. */
	if (left > 0)
		m->expires = left > r->stopped ? r->s->now + left - r->stopped : 1;
	mqtt__stored_keep(r->s, m);
	return m;
}

static struct mqtt__stored *message_of(struct reader *r, uint32_t number)
{
	r->bad = r->bad || number > r->messages_n;
	return r->bad || number == 0 ? NULL : r->messages[number - 1];
}

static void get_outs(struct reader *r, struct mqtt__session *x, struct mqtt__outs *l)
{
	for (uint32_t n = get_four(r); n > 0 && !r->bad; n--) {
		struct mqtt__stored *m = message_of(r, get_four(r));
		uint16_t id = (uint16_t)get_word(r);
		unsigned qos = get_byte(r);
		bool retain = get_byte(r), dup = get_byte(r);
		struct str ids = get_bytes(r);
		r->bad = r->bad || qos > 2 || ids.n > UINT8_MAX || (m == NULL && l == &x->queue);
		if (r->bad)
			return;
		struct mqtt__out *o = xcalloc(1, sizeof(*o) + ids.n);
		*o = (struct mqtt__out){
		        .msg = m, .id = id, .qos = (unsigned char)qos, .retain = retain, .dup = dup};
		o->ids_n = (unsigned char)ids.n;
		if (ids.n > 0)
			memcpy(o->ids, ids.p, ids.n);
		if (m)
			m->refs++;
		if (l == &x->queue)
			mqtt__enqueue(x, o);
		else
			mqtt__outs_push(l, o);
	}
}

static void get_subs(struct reader *r, struct mqtt__session *x)
{
	for (uint32_t n = get_four(r); n > 0 && !r->bad; n--) {
		struct str filter = get_bytes(r), group = get_bytes(r);
		r->bad = r->bad || !filter_valid(filter);
		if (r->bad)
			return;
		struct mqtt__sub *sub = mqtt__sub_add(&r->s->tree, x, filter, group.n > 0 ? group : STR_NULL);
		sub->qos = (unsigned char)get_byte(r);
		sub->no_local = get_byte(r);
		sub->as_published = get_byte(r);
		sub->id = get_four(r);
	}
}

static void get_session(struct reader *r)
{
	struct str username = get_bytes(r), client_id = get_bytes(r);
	uint32_t expiry_s = get_four(r);
	dur_us away = (dur_us)get_long(r);
	if (r->bad)
		return;
	struct mqtt__session *x = mqtt__session_new(r->s, username, client_id);
	x->expiry_s = expiry_s > 0 ? expiry_s : 1;
	mqtt__session_leave(x);
	x->left = r->s->now - away - r->stopped;
	x->last_id = (uint16_t)get_word(r);
	get_subs(r, x);
	get_outs(r, x, &x->flight);
	get_outs(r, x, &x->queue);
	for (uint32_t n = get_four(r); n > 0 && !r->bad; n--)
		mqtt__incoming_add(x, get_word(r))->at_work = false;
}

static void get_retained(struct reader *r)
{
	struct mqtt__stored *m = message_of(r, get_four(r));
	if (m && topic_valid(m->topic))
		(void)mqtt__retain(r->s, m);
}

static void read_state(struct reader *r)
{
	struct mqtt_server *s = r->s;
	time_us at = (time_us)get_long(r), now = s->o.clock ? clock_now(s->o.clock) : 0;
	r->stopped = now > at ? now - at : 0;
	uint32_t n = get_four(r);
	/* Each takes its fixed part at least. */
	r->bad = r->bad || n > r->in.n / 22;
	r->messages = xcalloc(r->bad ? 1 : n + 1, sizeof(struct mqtt__stored *));
	while (!r->bad && r->messages_n < n)
		r->messages[r->messages_n++] = get_message(r);
	for (n = get_four(r); n > 0 && !r->bad; n--)
		get_retained(r);
	for (n = get_four(r); n > 0 && !r->bad; n--)
		get_session(r);
	for (uint32_t i = 0; i < r->messages_n; i++)
		mqtt__stored_rel(s, r->messages[i]);
	free(r->messages);
	metric_set(METRIC_MQTT_SUBSCRIPTIONS, s->tree.subs);
}

void mqtt__state_load(struct mqtt_server *s)
{
	struct arena *a = arena_new(FILE_MOST_B + (1 << 20));
	struct str text = STR_NULL;
	struct err e = ERR_INIT;
	const size_t head = sizeof(MAGIC) - 1;
	int rc = s->o.state ? file_read(a, s->o.state, FILE_MOST_B, &text, &e) : ERR_NOTFOUND;
	if (rc == 0) {
		struct reader r = {.s = s, .in = text};
		r.bad = !str_starts(text, MAGIC) || text.n < head + 8;
		if (!r.bad) {
			r.in = (struct str){text.p + head, text.n - head};
			uint64_t hash = get_long(&r);
			r.bad = hash != hash64(r.in.p, r.in.n, 0);
		}
		if (!r.bad)
			read_state(&r);
		(void)unlink(s->o.state);
		if (r.bad)
			LOG(MQTT_STATE_LOST, log_s("file", s->o.state),
			        log_s("why", "the file is damaged, or of another version"));
		else
			LOG(MQTT_STATE, log_i("sessions", s->sessions), log_i("retained", s->tree.retained));
	} else if (rc != ERR_NOTFOUND) {
		LOG(MQTT_STATE_LOST, log_s("file", s->o.state), log_s("why", e.text));
	}
	arena_free(&a);
}

/*
 * Sessions: what of a client outlives its connections. Subscriptions, messages that wait or are not answered,
 * ids of QoS 2 messages that came.
 *
 * A session belongs to its owner and a client id together: nobody takes over what waits for another.
 */
#include "mqtt/mqtt_int.h"

#include "base/digest.h"

struct str mqtt__session_id(const struct mqtt__session *x)
{
	return (struct str){x->name + (x->name_n - x->client_id_n), x->client_id_n};
}

static struct mqtt__session **bucket(struct mqtt_server *s, struct str owner, struct str client_id)
{
	uint64_t h = hash64(client_id.p, client_id.n, hash64(owner.p, owner.n, 0));
	return &s->names[h & s->names_mask];
}

struct str mqtt__session_owner(const struct mqtt__session *x)
{
	return (struct str){x->name, x->name_n - x->client_id_n - 1};
}

struct mqtt__session *mqtt__session_find(struct mqtt_server *s, struct str owner, struct str client_id)
{
	struct mqtt__session *x = *bucket(s, owner, client_id);
	while (x && !(str_eq(mqtt__session_id(x), client_id) && str_eq(mqtt__session_owner(x), owner)))
		x = x->next_same;
	return x;
}

struct mqtt__session *mqtt__session_new(struct mqtt_server *s, struct str owner, struct str client_id)
{
	struct mqtt__session **b = bucket(s, owner, client_id);
	size_t n = owner.n + 1 + client_id.n;
	struct mqtt__session *x = xcalloc(1, sizeof(*x) + n + 1);
	x->server = s;
	x->refs = 1;
	x->serial = ++s->serials;
	x->client_id_n = client_id.n;
	x->name_n = n;
	if (owner.n > 0)
		memcpy(x->name, owner.p, owner.n);
	if (client_id.n > 0)
		memcpy(x->name + owner.n + 1, client_id.p, client_id.n);
	mqtt__outs_init(&x->queue);
	mqtt__outs_init(&x->flight);
	x->next_same = *b;
	*b = x;
	metric_set(METRIC_MQTT_SESSIONS, ++s->sessions);
	return x;
}

void mqtt__session_rel(struct mqtt__session *x)
{
	if (x && --x->refs == 0)
		free(x);
}

static void stay(struct mqtt__session *x)
{
	if (x->away.next == NULL)
		return;
	x->away.prev->next = x->away.next;
	x->away.next->prev = x->away.prev;
	x->away.prev = x->away.next = NULL;
	x->server->away_count--;
}

static void free_outs(struct mqtt_server *s, struct mqtt__outs *l)
{
	struct mqtt__out *o;
	while ((o = mqtt__outs_pop(l)) != NULL)
		mqtt__out_free(s, o);
}

void mqtt__session_end(struct mqtt__session *x)
{
	struct mqtt_server *s = x->server;
	struct mqtt__session **p = bucket(s, mqtt__session_owner(x), mqtt__session_id(x));
	while (*p != x)
		p = &(*p)->next_same;
	*p = x->next_same;
	stay(x);
	mqtt__keep_end(x);
	while (x->subs)
		mqtt__sub_remove(&s->tree, x->subs);
	metric_set(METRIC_MQTT_SUBSCRIPTIONS, s->tree.subs);
	free_outs(s, &x->queue);
	free_outs(s, &x->flight);
	free(x->incoming);
	x->incoming = NULL;
	x->incoming_n = x->incoming_cap = 0;
	if (x->conn)
		x->conn->session = NULL;
	x->conn = NULL;
	x->gone = true;
	metric_set(METRIC_MQTT_SESSIONS, --s->sessions);
	/* The will of a session that ends is due, whatever its delay ([MQTT-3.1.3-9]). */
	struct mqtt__conn *will = x->will;
	x->will = NULL;
	mqtt__will_drop(x->will_left);
	x->will_left = NULL;
	if (will) {
		will->session = NULL;
		mqtt__will_send(will);
	}
	mqtt__session_rel(x);
}

void mqtt__session_leave(struct mqtt__session *x)
{
	struct mqtt_server *s = x->server;
	x->conn = NULL;
	if (x->expiry_s == 0) {
		mqtt__session_end(x);
		return;
	}
	x->left = s->now;
	mqtt__keep_session(x);
	x->away = (struct mqtt__list){.prev = s->away.prev, .next = &s->away};
	s->away.prev->next = &x->away;
	s->away.prev = &x->away;
	if (++s->away_count > s->o.sessions) {
		metric_add(METRIC_MQTT_SESSIONS_LOST, 1);
		mqtt__session_end(CONTAINER_OF(s->away.next, struct mqtt__session, away));
	}
}

void mqtt__sessions_check(struct mqtt_server *s)
{
	for (struct mqtt__list *l = s->away.next, *next; l != &s->away; l = next) {
		struct mqtt__session *x = CONTAINER_OF(l, struct mqtt__session, away);
		next = l->next;
		if (x->expiry_s != UINT32_MAX && s->now - x->left >= (dur_us)x->expiry_s * US_SECOND)
			mqtt__session_end(x);
	}
}

void mqtt__sessions_fini(struct mqtt_server *s)
{
	for (size_t i = 0; i <= s->names_mask; i++) {
		for (struct mqtt__session *x = s->names[i], *next; x; x = next) {
			next = x->next_same;
			mqtt__session_end(x);
		}
	}
}

/* What it may no longer see since it was here last. */
static void drop_rights(struct mqtt__session *x, struct mqtt__conn *c)
{
	struct mqtt_server *s = x->server;
	struct sb filter = SB_INIT;
	for (struct mqtt__sub *sub = x->subs, *next; sub; sub = next) {
		next = sub->next_own;
		sb_reset(&filter);
		mqtt__node_filter(sub->node, &filter);
		if (!s->door.subscribe || !s->door.subscribe(s->door.ctx, c->user, sb_str(&filter))) {
			mqtt__keep_unsubscription(sub);
			mqtt__sub_remove(&s->tree, sub);
		}
	}
	sb_fini(&filter);
	metric_set(METRIC_MQTT_SUBSCRIPTIONS, s->tree.subs);
}

void mqtt__session_resume(struct mqtt__session *x, struct mqtt__conn *c)
{
	struct mqtt__outs flight = x->flight, waiting = x->queue, again;
	struct mqtt__out *o;
	stay(x);
	x->conn = c;
	drop_rights(x, c);
	/* [MQTT-4.4.0-1]: PUBLISHes with their ids, before all that waits; PUBRELs. */
	mqtt__outs_init(&x->flight);
	mqtt__outs_init(&again);
	while (flight.first) {
		o = flight.first;
		flight.first = o->next;
		if (o->msg == NULL) {
			mqtt__outs_push(&x->flight, o);
			mqtt__send_ack(c, MQTT_PUBREL, o->id, MQTT_R_OK);
			continue;
		}
		o->dup = true;
		mqtt__outs_push(&again, o);
	}
	mqtt__outs_init(&x->queue);
	x->waiting = 0;
	x->waiting_b = 0;
	while ((o = mqtt__outs_pop(&again)) != NULL)
		mqtt__enqueue(x, o);
	while ((o = waiting.first) != NULL) {
		waiting.first = o->next;
		mqtt__enqueue(x, o);
	}
	mqtt__pump(x);
}

struct mqtt__incoming *mqtt__incoming_find(struct mqtt__session *x, unsigned id)
{
	for (size_t i = 0; i < x->incoming_n; i++)
		if (x->incoming[i].id == id)
			return &x->incoming[i];
	return NULL;
}

struct mqtt__incoming *mqtt__incoming_add(struct mqtt__session *x, unsigned id)
{
	if (x->incoming_n == x->incoming_cap)
		x->incoming = xgrow(
		        x->incoming, &x->incoming_cap, x->incoming_n + 1, sizeof(struct mqtt__incoming));
	struct mqtt__incoming *in = &x->incoming[x->incoming_n++];
	*in = (struct mqtt__incoming){.id = (uint16_t)id, .at_work = true};
	return in;
}

void mqtt__incoming_remove(struct mqtt__session *x, struct mqtt__incoming *in)
{
	*in = x->incoming[--x->incoming_n];
}

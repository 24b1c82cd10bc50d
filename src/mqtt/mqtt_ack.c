/*
 * PUBACK, PUBREC, PUBREL, PUBCOMP: the answers of QoS 1 and 2, both ways.
 */
#include "mqtt/mqtt_int.h"

struct mqtt__bad mqtt__ack_parse(const struct mqtt__frame *f, int version, struct mqtt__ack *a)
{
	struct str in = f->body;
	struct mqtt__props props;
	*a = (struct mqtt__ack){0};
	if (f->flags != (f->type == MQTT_PUBREL ? 2u : 0u))
		return mqtt__bad(MQTT_R_MALFORMED, "an answer has wrong reserved bits");
	if (!mqtt__word(&in, &a->id))
		return mqtt__bad(MQTT_R_MALFORMED, "an answer is cut off");
	if (a->id == 0)
		return mqtt__bad(MQTT_R_PROTOCOL, "an answer has no packet id");
	if (version == MQTT_V5 && in.n > 0) {
		(void)!mqtt__byte(&in, &a->reason);
		if (in.n > 0) {
			struct mqtt__bad bad = mqtt__props_parse(&in, f->type, &props);
			if (bad.why)
				return bad;
		}
	}
	return in.n > 0 ? mqtt__bad(MQTT_R_MALFORMED, "an answer has bytes after its end") : MQTT_FINE;
}

void mqtt__send_ack(struct mqtt__conn *c, enum mqtt__type type, unsigned id, enum mqtt_reason reason)
{
	char packet[5] = {(char)((unsigned)type << 4 | (type == MQTT_PUBREL ? 2u : 0u)), 2, (char)(id >> 8),
	        (char)id, (char)reason};
	bool tell = c->version == MQTT_V5 && reason != MQTT_R_OK;
	if (tell)
		packet[1] = 3;
	mqtt__send(c, packet, tell ? 5 : 4);
}

/* Takes the message of that id out of those in flight; NULL if it is not there. */
static struct mqtt__out *take_flight(struct mqtt__session *x, unsigned id, int qos, bool released)
{
	struct mqtt__outs *l = &x->flight;
	for (struct mqtt__out **p = &l->first; *p; p = &(*p)->next) {
		struct mqtt__out *o = *p;
		if (o->id != id)
			continue;
		if (o->qos != qos || (o->msg == NULL) != released)
			return NULL;
		*p = o->next;
		if (l->last == &o->next)
			l->last = p;
		l->n--;
		return o;
	}
	return NULL;
}

static bool is_released(const struct mqtt__session *x, unsigned id)
{
	for (const struct mqtt__out *o = x->flight.first; o; o = o->next)
		if (o->id == id && o->msg == NULL)
			return true;
	return false;
}

static void received(struct mqtt__conn *c, const struct mqtt__ack *a)
{
	struct mqtt__session *x = c->session;
	struct mqtt__out *o = take_flight(x, a->id, 2, false);
	if (o && a->reason >= 0x80) {
		mqtt__keep_done(x, o);
		mqtt__out_free(c->server, o); /* the client does not want it: that ends it */
		return;
	}
	if (o) {
		mqtt__stored_rel(c->server, o->msg);
		o->msg = NULL;
		mqtt__outs_push(&x->flight, o);
		uint64_t mark = mqtt__log_mark(c->server);
		mqtt__keep_received(x, o);
		mqtt__hold_since(c, mark); /* after this the client knows the id no more */
	}
	/* Also for one that is not known here any more: the client would ask for ever. */
	bool known = o || is_released(x, a->id);
	mqtt__send_ack(c, MQTT_PUBREL, a->id, known ? MQTT_R_OK : MQTT_R_ID_UNKNOWN);
}

static void released(struct mqtt__conn *c, const struct mqtt__ack *a)
{
	struct mqtt__incoming *in = mqtt__incoming_find(c->session, a->id);
	if (in) {
		uint64_t mark = mqtt__log_mark(c->server);
		mqtt__keep_incoming(c->session, a->id, false);
		mqtt__hold_since(c, mark); /* after this the client may use the id again */
	}
	mqtt__send_ack(c, MQTT_PUBCOMP, a->id, in ? MQTT_R_OK : MQTT_R_ID_UNKNOWN);
	if (in)
		mqtt__incoming_remove(c->session, in);
}

void mqtt__ack(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt__ack a;
	struct mqtt__out *o = NULL;
	struct mqtt__bad bad = mqtt__ack_parse(f, c->version, &a);
	if (bad.why) {
		mqtt__wrong(c, bad);
		return;
	}
	switch (f->type) {
	case MQTT_PUBACK: o = take_flight(c->session, a.id, 1, false); break;
	case MQTT_PUBREC: received(c, &a); break;
	case MQTT_PUBREL: released(c, &a); break;
	default: o = take_flight(c->session, a.id, 2, true); break;
	}
	if (o) {
		mqtt__keep_done(c->session, o);
		mqtt__out_free(c->server, o);
	}
	mqtt__pump(c->session);
}

/*
 * SUBSCRIBE and UNSUBSCRIBE.
 */
#include "mqtt/mqtt_int.h"

enum { NO_LOCAL = 0x04, AS_PUBLISHED = 0x08, RESERVED = 0xc0, RESERVED_V311 = 0xfc };

void mqtt__filter_next(struct str *payload, bool with_options, struct mqtt__filter *f)
{
	unsigned o = 0;
	*f = (struct mqtt__filter){.text = STR_NULL};
	bool ok = mqtt__binary(payload, &f->text) && (!with_options || mqtt__byte(payload, &o));
	must(ok); /* it was parsed before */
	f->qos = o & 3;
	f->no_local = o & NO_LOCAL;
	f->as_published = o & AS_PUBLISHED;
	f->retain_handling = o >> 4 & 3;
}

static struct mqtt__bad check_options(unsigned o, int version, struct str filter)
{
	if (o & (version == MQTT_V5 ? RESERVED : RESERVED_V311))
		return mqtt__bad(MQTT_R_MALFORMED, "the options of a topic filter have reserved bits set");
	if ((o & 3) == 3)
		return mqtt__bad(MQTT_R_MALFORMED, "a topic filter has no valid QoS");
	if ((o >> 4 & 3) == 3)
		return mqtt__bad(MQTT_R_PROTOCOL, "a topic filter has no valid retain handling");
	if ((o & NO_LOCAL) && str_starts(filter, "$share/"))
		return mqtt__bad(MQTT_R_PROTOCOL, "a shared subscription cannot leave out its own");
	return MQTT_FINE;
}

struct mqtt__bad mqtt__subscribe_parse(const struct mqtt__frame *f, int version, struct mqtt__subscribe *s)
{
	struct str in = f->body, filter, group;
	struct mqtt__props props;
	struct mqtt__bad bad = MQTT_FINE;
	*s = (struct mqtt__subscribe){0};
	if (f->flags != 2)
		return mqtt__bad(MQTT_R_MALFORMED, "a subscription has wrong reserved bits");
	if (!mqtt__word(&in, &s->id))
		return mqtt__bad(MQTT_R_MALFORMED, "a subscription is cut off");
	if (s->id == 0)
		return mqtt__bad(MQTT_R_PROTOCOL, "a subscription has no packet id");
	if (version == MQTT_V5) {
		bad = mqtt__props_parse(&in, f->type, &props);
		if (bad.why)
			return bad;
		s->subscription_id = mqtt__num(&props, MQTT_P_SUBSCRIPTION_ID, 0);
	}
	s->payload = in;
	while (in.n > 0) {
		unsigned options = 0;
		if (!mqtt__text(&in, &filter))
			return mqtt__bad(MQTT_R_UTF8, "a topic filter is cut off or not UTF-8");
		if (f->type == MQTT_SUBSCRIBE && !mqtt__byte(&in, &options))
			return mqtt__bad(MQTT_R_MALFORMED, "a topic filter has no QoS");
		bad = check_options(options, version, filter);
		/* A client of 3.1.1 cannot be told what is wrong but by the end. */
		if (bad.why == NULL && version == MQTT_V311)
			bad = mqtt__filter_parse(&filter, &group);
		if (bad.why)
			return bad;
		s->filters++;
	}
	return s->filters == 0 ? mqtt__bad(MQTT_R_PROTOCOL, "a subscription has no topic filter") : MQTT_FINE;
}

/* A filter under the name by which it is kept, until the next call. */
static struct str inside(const struct mqtt__conn *c, struct str filter)
{
	struct mqtt_server *s = c->server;
	sb_reset(&s->name);
	return s->door.inside && s->door.inside(s->door.ctx, c->user, filter, &s->name) ? sb_str(&s->name)
	                                                                                : filter;
}

/* The answer's code for one filter; *sub is the subscription if there is one now. */
static unsigned subscribe_one(
        struct mqtt__conn *c, const struct mqtt__filter *f, uint32_t id, struct mqtt__sub **sub)
{
	struct mqtt_server *s = c->server;
	struct mqtt__session *x = c->session;
	struct str filter = f->text, group;
	*sub = NULL;
	if (mqtt__filter_parse(&filter, &group).why)
		return MQTT_R_FILTER;
	if (s->door.subscribe == NULL || !s->door.subscribe(s->door.ctx, c->user, filter)) {
		metric_add(METRIC_MQTT_BAD_RIGHT, 1);
		return MQTT_R_NOT_AUTHORISED;
	}
	filter = inside(c, filter);
	*sub = mqtt__sub_find(&s->tree, x, filter, group);
	bool fresh = *sub == NULL;
	if (fresh && x->subs_n >= s->o.subscriptions)
		return MQTT_R_QUOTA;
	if (fresh)
		*sub = mqtt__sub_add(&s->tree, x, filter, group);
	(*sub)->qos = (unsigned char)f->qos;
	(*sub)->no_local = f->no_local || c->bridge;
	(*sub)->as_published = f->as_published || c->bridge;
	(*sub)->retain_handling = (unsigned char)f->retain_handling;
	(*sub)->fresh = fresh;
	(*sub)->id = id;
	mqtt__keep_subscription(*sub);
	return (unsigned)f->qos;
}

/* A SUBACK or UNSUBACK of so many codes would be larger than what the client takes ([MQTT-3.1.2-24]), and
 * cannot be said in less. */
static bool cannot_be_answered(const struct mqtt__conn *c, size_t filters)
{
	size_t length = 2 + 1 + filters;
	return c->packet_max > 0 && 1 + mqtt__varint_len(length) + length > c->packet_max;
}

/* Packet id and one code a filter; in MQTT 5 no properties between. */
static void answer(struct mqtt__conn *c, enum mqtt__type type, unsigned id, struct str codes)
{
	char head[8];
	size_t length = 2 + (c->version == MQTT_V5 ? 1 : 0) + codes.n;
	mqtt__send(c, head, mqtt__head(head, (unsigned)type << 4, length));
	const char rest[3] = {(char)(id >> 8), (char)id, 0};
	mqtt__send(c, rest, c->version == MQTT_V5 ? 3 : 2);
	mqtt__send(c, codes.p, codes.n);
}

/* All retained messages once, and what else may wait: who asks for more, by filters that overlap, does not
 * take it as it comes. */
static bool too_much_waits(const struct mqtt__session *x)
{
	return x->queue.n > x->server->o.queue_n + x->server->tree.retained;
}

void mqtt__subscribe(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt_server *s = c->server;
	struct mqtt__session *x = c->session;
	struct mqtt__subscribe in;
	struct mqtt__filter filter;
	struct mqtt__bad bad = mqtt__subscribe_parse(f, c->version, &in);
	if (bad.why == NULL && too_much_waits(x))
		bad = mqtt__bad(MQTT_R_SLOW, "it subscribes on while it does not take what waits for it");
	if (bad.why == NULL && cannot_be_answered(c, in.filters))
		bad = mqtt__bad(MQTT_R_TOO_LARGE, "the answer would be larger than the packets it takes");
	if (bad.why) {
		mqtt__wrong(c, bad);
		return;
	}
	struct mqtt__sub **subs = xcalloc(in.filters, sizeof(struct mqtt__sub *));
	char *codes = xcalloc(in.filters, 1);
	struct str payload = in.payload;
	uint64_t mark = mqtt__log_mark(s);
	for (size_t i = 0; i < in.filters; i++) {
		mqtt__filter_next(&payload, true, &filter);
		unsigned code = subscribe_one(c, &filter, in.subscription_id, &subs[i]);
		codes[i] = (char)(c->version == MQTT_V311 && code > 2 ? MQTT_R_FAILED : code);
	}
	metric_set(METRIC_MQTT_SUBSCRIPTIONS, s->tree.subs);
	mqtt__hold_since(c, mark);
	answer(c, MQTT_SUBACK, in.id, (struct str){codes, in.filters});
	payload = in.payload;
	for (size_t i = 0; i < in.filters; i++) {
		struct str text, group;
		mqtt__filter_next(&payload, true, &filter);
		text = filter.text;
		if (i > 0 && too_much_waits(x)) {
			c->too_slow = true;
			break;
		}
		/* retain_handling 0: always, 1: if it is new, 2: never. */
		if (subs[i] && !subs[i]->group && filter.retain_handling < (subs[i]->fresh ? 2 : 1) &&
		        mqtt__filter_parse(&text, &group).why == NULL)
			mqtt__send_retained(x, subs[i], inside(c, text));
	}
	free(subs);
	free(codes);
}

void mqtt__unsubscribe(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt_server *s = c->server;
	struct mqtt__subscribe in;
	struct mqtt__filter filter;
	struct mqtt__bad bad = mqtt__subscribe_parse(f, c->version, &in);
	if (bad.why == NULL && cannot_be_answered(c, in.filters))
		bad = mqtt__bad(MQTT_R_TOO_LARGE, "the answer would be larger than the packets it takes");
	if (bad.why) {
		mqtt__wrong(c, bad);
		return;
	}
	char *codes = xcalloc(in.filters, 1);
	uint64_t mark = mqtt__log_mark(s);
	for (size_t i = 0; i < in.filters; i++) {
		struct str text, group;
		struct mqtt__sub *sub = NULL;
		mqtt__filter_next(&in.payload, false, &filter);
		text = filter.text;
		if (mqtt__filter_parse(&text, &group).why) {
			codes[i] = (char)MQTT_R_FILTER;
			continue;
		}
		sub = mqtt__sub_find(&s->tree, c->session, inside(c, text), group);
		codes[i] = (char)(sub ? MQTT_R_OK : MQTT_R_NO_SUBSCRIPTION);
		if (sub) {
			mqtt__keep_unsubscription(sub);
			mqtt__sub_remove(&s->tree, sub);
		}
	}
	metric_set(METRIC_MQTT_SUBSCRIPTIONS, s->tree.subs);
	mqtt__hold_since(c, mark);
	answer(c, MQTT_UNSUBACK, in.id, (struct str){codes, c->version == MQTT_V5 ? in.filters : 0});
	free(codes);
}

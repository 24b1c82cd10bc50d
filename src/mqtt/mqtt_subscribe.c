/*
 * SUBSCRIBE and UNSUBSCRIBE: read strictly, and refused topic by topic, since nothing is published here.
 */
#include "mqtt/mqtt_int.h"

/* 3.1.1, 4.7.1: "+" stands alone in its level, "#" too, and ends the filter. */
static bool is_filter(struct str f)
{
	for (size_t i = 0; i < f.n; i++) {
		if (f.p[i] != '+' && f.p[i] != '#')
			continue;
		bool last = i + 1 == f.n;
		if (i > 0 && f.p[i - 1] != '/')
			return false;
		if (!last && (f.p[i] == '#' || f.p[i + 1] != '/'))
			return false;
	}
	return f.n > 0;
}

static const char *parse(const struct mqtt__frame *f, bool with_qos, struct mqtt__subscribe *s)
{
	struct str in = f->body, filter;
	unsigned qos;
	*s = (struct mqtt__subscribe){0};
	if (f->flags != 2)
		return "a subscription has wrong reserved bits";
	if (!mqtt__word(&in, &s->id) || s->id == 0)
		return "a subscription has no packet id";
	while (in.n > 0) {
		if (!mqtt__text(&in, &filter) || !is_filter(filter))
			return "a topic filter is cut off, not UTF-8 or not well formed";
		if (with_qos && (!mqtt__byte(&in, &qos) || qos > 2))
			return "a topic filter has no valid QoS";
		s->filters++;
	}
	return s->filters == 0 ? "a subscription has no topic filter" : NULL;
}

const char *mqtt__subscribe_parse(const struct mqtt__frame *f, struct mqtt__subscribe *s)
{
	return parse(f, true, s);
}

const char *mqtt__unsubscribe_parse(const struct mqtt__frame *f, struct mqtt__subscribe *s)
{
	return parse(f, false, s);
}

void mqtt__subscribe(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt__subscribe in;
	char head[8], refused[64];
	const char *why = mqtt__subscribe_parse(f, &in);
	if (why) {
		mqtt__wrong(c, why);
		return;
	}
	size_t n = mqtt__head(head, MQTT_SUBACK << 4, 2 + in.filters);
	head[n++] = (char)(in.id >> 8);
	head[n++] = (char)in.id;
	mqtt__send(c, head, n);
	memset(refused, 0x80, sizeof(refused));
	for (size_t left = in.filters; left > 0; left -= n) {
		n = left < sizeof(refused) ? left : sizeof(refused);
		mqtt__send(c, refused, n);
	}
}

void mqtt__unsubscribe(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt__subscribe in;
	const char *why = mqtt__unsubscribe_parse(f, &in);
	if (why) {
		mqtt__wrong(c, why);
		return;
	}
	const char packet[4] = {(char)(MQTT_UNSUBACK << 4), 2, (char)(in.id >> 8), (char)in.id};
	mqtt__send(c, packet, sizeof(packet));
}

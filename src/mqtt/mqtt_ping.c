/*
 * PINGREQ and DISCONNECT.
 */
#include "mqtt/mqtt_int.h"

struct mqtt__bad mqtt__bare_parse(const struct mqtt__frame *f)
{
	return f->flags != 0 || f->body.n != 0
	               ? mqtt__bad(MQTT_R_MALFORMED, "a packet that must be empty is not")
	               : MQTT_FINE;
}

void mqtt__ping(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	static const char packet[2] = {(char)(MQTT_PINGRESP << 4), 0};
	struct mqtt__bad bad = mqtt__bare_parse(f);
	if (bad.why)
		mqtt__wrong(c, bad);
	else
		mqtt__send(c, packet, sizeof(packet));
}

struct mqtt__bad mqtt__disconnect_parse(const struct mqtt__frame *f, int version, struct mqtt__disconnect *d)
{
	struct str in = f->body;
	struct mqtt__props props = {.set = 0};
	*d = (struct mqtt__disconnect){0};
	if (version != MQTT_V5 || f->flags != 0)
		return mqtt__bare_parse(f);
	if (in.n > 0)
		(void)!mqtt__byte(&in, &d->reason);
	if (in.n > 0) {
		struct mqtt__bad bad = mqtt__props_parse(&in, MQTT_DISCONNECT, &props);
		if (bad.why)
			return bad;
	}
	if (mqtt__has(&props, MQTT_P_SERVER_REFERENCE))
		return mqtt__bad(MQTT_R_PROTOCOL, "a client names another server");
	d->has_expiry = mqtt__has(&props, MQTT_P_SESSION_EXPIRY);
	d->expiry_s = mqtt__num(&props, MQTT_P_SESSION_EXPIRY, 0);
	return in.n > 0 ? mqtt__bad(MQTT_R_MALFORMED, "DISCONNECT has bytes after its end") : MQTT_FINE;
}

void mqtt__disconnect(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	struct mqtt__disconnect d;
	struct mqtt__bad bad = mqtt__disconnect_parse(f, c->version, &d);
	if (bad.why == NULL && d.has_expiry && d.expiry_s > 0 && c->session->expiry_s == 0)
		bad = mqtt__bad(MQTT_R_PROTOCOL, "its session was to end with its connection");
	if (bad.why) {
		mqtt__wrong(c, bad);
		return;
	}
	if (d.has_expiry)
		c->session->expiry_s = d.expiry_s;
	if (d.reason == MQTT_R_OK)
		mqtt__will_free(c); /* [MQTT-3.14.4-3] */
	mqtt__end(c, MQTT_R_OK, d.reason == MQTT_R_OK ? "it said goodbye" : "it said goodbye, and why");
}

/*
 * PINGREQ and DISCONNECT: the packets without a body.
 */
#include "mqtt/mqtt_int.h"

const char *mqtt__bare_parse(const struct mqtt__frame *f)
{
	return f->flags != 0 || f->body.n != 0 ? "a packet that must be empty is not" : NULL;
}

void mqtt__ping(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	static const char packet[2] = {(char)(MQTT_PINGRESP << 4), 0};
	const char *why = mqtt__bare_parse(f);
	if (why)
		mqtt__wrong(c, why);
	else
		mqtt__send(c, packet, sizeof(packet));
}

void mqtt__disconnect(struct mqtt__conn *c, const struct mqtt__frame *f)
{
	const char *why = mqtt__bare_parse(f);
	if (why)
		mqtt__wrong(c, why);
	else
		mqtt__end(c, "it said goodbye");
}

/* A stream of packets through the parser, as a connection does it. */
#include "mqtt/mqtt_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const struct mqtt__frame *f, int version)
{
	struct mqtt__connect c;
	struct mqtt__publish p;
	struct mqtt__subscribe s;
	struct mqtt__filter filter;
	struct mqtt__ack a;
	struct mqtt__disconnect d;
	struct sb pass = SB_INIT;

	switch (f->type) {
	case MQTT_CONNECT:
		if (mqtt__connect_parse(f, &c).why == NULL && (c.level == MQTT_V311 || c.level == MQTT_V5))
			must(utf8_valid(c.client_id) && utf8_valid(c.username) &&
			        (!c.will || topic_valid(c.will_topic)));
		break;
	case MQTT_PUBLISH:
		if (mqtt__publish_parse(f, version, &p).why == NULL) {
			must(utf8_valid(p.topic) && memchr(p.topic.p, 0, p.topic.n) == NULL);
			must(p.topic.n > 0 || mqtt__has(&p.props, MQTT_P_ALIAS));
			must(p.qos == 0 || p.id != 0);
			must(p.payload.p + p.payload.n == f->body.p + f->body.n);
			mqtt__props_pass(p.props.all, &pass);
			must(pass.n <= p.props.all.n);
		}
		break;
	case MQTT_SUBSCRIBE:
	case MQTT_UNSUBSCRIBE:
		if (mqtt__subscribe_parse(f, version, &s).why == NULL) {
			must(s.filters > 0);
			while (s.payload.n > 0) {
				struct str group;

				mqtt__filter_next(&s.payload, f->type == MQTT_SUBSCRIBE, &filter);
				if (mqtt__filter_parse(&filter.text, &group).why == NULL)
					must(filter_covers(filter.text, filter.text) &&
					        filters_meet(filter.text, filter.text));
			}
		}
		break;
	case MQTT_PUBACK:
	case MQTT_PUBREC:
	case MQTT_PUBREL:
	case MQTT_PUBCOMP:
		if (mqtt__ack_parse(f, version, &a).why == NULL)
			must(a.id != 0);
		break;
	case MQTT_DISCONNECT: (void)mqtt__disconnect_parse(f, version, &d); break;
	default: (void)mqtt__bare_parse(f); break;
	}
	sb_fini(&pass);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data, size};
	struct mqtt__frame f;

	while (mqtt__frame(in, 4096, &f) == MQTT_WHOLE) {
		must(f.total >= 2 && f.total <= in.n);
		parse(&f, MQTT_V311);
		parse(&f, MQTT_V5);
		in.p += f.total;
		in.n -= f.total;
	}
	return 0;
}

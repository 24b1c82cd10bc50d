/* A stream of packets through the parser, as a connection does it. */
#include "mqtt/mqtt_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const struct mqtt__frame *f)
{
	struct mqtt__connect c;
	struct mqtt__publish p;
	struct mqtt__subscribe s;

	switch (f->type) {
	case MQTT_CONNECT:
		if (mqtt__connect_parse(f, &c) == NULL && c.level == 4)
			must(utf8_valid(c.client_id) && utf8_valid(c.username));
		break;
	case MQTT_PUBLISH:
		if (mqtt__publish_parse(f, &p) == NULL) {
			must(p.topic.n > 0 && utf8_valid(p.topic) && memchr(p.topic.p, 0, p.topic.n) == NULL);
			must(p.qos == 0 || p.id != 0);
			must(p.payload.p + p.payload.n == f->body.p + f->body.n);
		}
		break;
	case MQTT_SUBSCRIBE:
		if (mqtt__subscribe_parse(f, &s) == NULL)
			must(s.filters > 0 && s.filters <= f->body.n / 4 + 1);
		break;
	case MQTT_UNSUBSCRIBE:
		if (mqtt__unsubscribe_parse(f, &s) == NULL)
			must(s.filters > 0);
		break;
	default: (void)mqtt__bare_parse(f); break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = {(const char *)data, size};
	struct mqtt__frame f;

	while (mqtt__frame(in, 4096, &f) == MQTT_WHOLE) {
		must(f.total >= 2 && f.total <= in.n);
		parse(&f);
		in.p += f.total;
		in.n -= f.total;
	}
	return 0;
}

#include "mqtt/mqtt_int.h"

#include "check.h"

#define STR(s) ((struct str){(s), sizeof(s) - 1})

static enum mqtt__framing frame(struct str in, struct mqtt__frame *f)
{
	return mqtt__frame(in, 1 << 20, f);
}

TEST(cuts_packets)
{
	struct mqtt__frame f;
	check_eq_i(frame(STR(""), &f), MQTT_PARTIAL);
	check_eq_i(frame(STR("\xc0"), &f), MQTT_PARTIAL);
	check_eq_i(frame(STR("\xc0\0"), &f), MQTT_WHOLE);
	check_eq_i(f.type, MQTT_PINGREQ);
	check_eq_u(f.total, 2);
	check_eq_i(frame(STR("\x32\5\0\1t\0"), &f), MQTT_PARTIAL);
	check_eq_u(f.total, 7);
	check_eq_i(frame(STR("\x32\5\0\1t\0\1rest"), &f), MQTT_WHOLE);
	check_eq_u(f.total, 7);
	check_eq_u(f.flags, 2);
}

TEST(reads_lengths_of_up_to_four_bytes)
{
	struct mqtt__frame f;
	char buf[300] = "\x30\x80\x02";
	check_eq_i(frame((struct str){buf, 259}, &f), MQTT_WHOLE);
	check_eq_u(f.body.n, 256);
	check_eq_i(frame(STR("\x30\xff\xff\x3f"), &f), MQTT_PARTIAL);
	check_eq_u(f.total, 4 + 1048575);
	check_eq_i(frame(STR("\x30\x80\x80\xc0\0"), &f), MQTT_PARTIAL);
	check_eq_i(frame(STR("\x30\x81\x80\xc0\0"), &f), MQTT_TOO_LONG);
	check_eq_i(frame(STR("\x30\xff\xff\xff\x7f"), &f), MQTT_TOO_LONG);
	check_eq_i(frame(STR("\x30\xff\xff\xff\xff"), &f), MQTT_MALFORMED);
	check_eq_i(frame(STR("\x30\x80\x80\x80\x80\1"), &f), MQTT_MALFORMED);
	check_eq_i(frame(STR("\x30\xff\xff\xff"), &f), MQTT_PARTIAL);
}

TEST(knows_fifteen_types)
{
	struct mqtt__frame f;
	check_eq_i(frame(STR("\0\0"), &f), MQTT_MALFORMED);
	check_eq_i(frame(STR("\xf0\0"), &f), MQTT_WHOLE);
	check_eq_i(f.type, MQTT_AUTH);
	check_eq_i(frame(STR("G"), &f), MQTT_PARTIAL); /* "GET /": a PUBACK so far */
}

TEST(writes_lengths_as_it_reads_them)
{
	static const size_t lengths[] = {0, 1, 127, 128, 16383, 16384, 2097151, 2097152, 268435455};
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		char head[8];
		struct mqtt__frame f;
		size_t n = mqtt__head(head, 0x30, lengths[i]);
		mqtt__frame((struct str){head, n}, SIZE_MAX, &f);
		check_eq_u(f.total, n + lengths[i]);
	}
}

static const char *connect_why(struct str body, unsigned flags, struct mqtt__connect *c)
{
	struct mqtt__frame f = {.type = MQTT_CONNECT, .flags = flags, .body = body};
	struct mqtt__bad bad = mqtt__connect_parse(&f, c);
	return bad.why ? bad.why : "ok";
}

TEST(reads_connect)
{
	struct mqtt__connect c;
	check_eq_s(connect_why(STR("\0\4MQTT\4\xc6\0\x3c\0\1d\0\2wt\0\3w\0m\0\1u\0\2\0p"), 0, &c), "ok");
	check_str(c.client_id, "d");
	check_str(c.username, "u");
	check_eq_u(c.password.n, 2);
	check_eq_u(c.keep_alive_s, 60);
	check(c.clean);
	check_eq_s(connect_why(STR("\0\4MQTT\4\0\0\0\0\0"), 0, &c), "ok");
	check(!c.clean && c.username.p == NULL && c.password.p == NULL);
	check_eq_s(connect_why(STR("\0\4MQTT\4\x82\0\0\0\0\0\0"), 0, &c), "ok");
	check(c.username.p != NULL && c.username.n == 0);
}

TEST(reads_connect_of_other_versions_as_far_as_the_level)
{
	struct mqtt__connect c;
	check_eq_s(connect_why(STR("\0\4MQTT\6\2\0\0\0\0\0"), 0, &c), "ok");
	check_eq_u(c.level, 6);
	check_eq_s(connect_why(STR("\0\6MQIsdp\3\2\0\0\0\0"), 0, &c), "ok");
	check_eq_u(c.level, 3);
	check_eq_s(connect_why(STR("\0\4MQTT\x84\2\0\0\0\0"), 0, &c), "ok");
	check_eq_u(c.level, 4);
	check(c.bridge);
	check_eq_s(connect_why(STR("\0\4MQTT\x85\2\0\0\0\0"), 0, &c), "ok");
	check_eq_u(c.level, 0x85);
	check(!c.bridge);
}

TEST(refuses_wrong_connects)
{
	struct mqtt__connect c;
	check_eq_s(connect_why(STR("\0\4MQTT\4\2\0\0\0\1d"), 1, &c), "CONNECT has reserved bits set");
	check_eq_s(connect_why(STR("\0\4MQTT\4\3\0\0\0\1d"), 0, &c), "CONNECT has a reserved flag set");
	check_has(connect_why(STR("\0\4mqtt\4\2\0\0\0\1d"), 0, &c), "name MQTT");
	check_has(connect_why(STR("\0\6MQIsdp\4\2\0\0\0\1d"), 0, &c), "name MQTT");
	check_has(connect_why(STR("\0\4MQTT\4\x42\0\0\0\1d\0\1p"), 0, &c), "without a user name");
	check_has(connect_why(STR("\0\4MQTT\4\x0a\0\0\0\1d"), 0, &c), "without a will");
	check_has(connect_why(STR("\0\4MQTT\4\x22\0\0\0\1d"), 0, &c), "without a will");
	check_has(connect_why(STR("\0\4MQTT\4\x1e\0\0\0\1d\0\1t\0\0"), 0, &c), "QoS 3");
	check_has(connect_why(STR("\0\4MQTT\4\6\0\0\0\1d\0\1t\0\5"), 0, &c), "will");
	check_has(connect_why(STR("\0\4MQTT\4\2\0\0\0\1dx"), 0, &c), "after its end");
	check_has(connect_why(STR("\0\4MQTT\4\2\0\0\0\2d"), 0, &c), "client id");
	check_has(connect_why(STR("\0\4MQTT\4\2\0\0\0\1\0"), 0, &c), "client id");
	check_has(connect_why(STR("\0\4MQTT\4\2\0\0\0\3\xed\xa0\x80"), 0, &c), "client id");
	check_has(connect_why(STR("\0\4MQTT\4\2\0\0\0\2\xc0\x80"), 0, &c), "client id");
	check_has(connect_why(STR("\0\4MQTT\4\x82\0\0\0\1d\0\1\xff"), 0, &c), "user name");
	check_has(connect_why(STR("\0\4MQTT\4\xc2\0\0\0\1d\0\1u\0"), 0, &c), "password");
	/* Every cut of a whole one is told, none reads past its end. */
	static const char whole[] = "\0\4MQTT\4\xc6\0\x3c\0\1d\0\2wt\0\1m\0\1u\0\1p";
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *copy = xcalloc(n + 1, 1);
		memcpy(copy, whole, n);
		check(strcmp(connect_why((struct str){copy, n}, 0, &c), "ok") != 0);
		free(copy);
	}
}

static const char *publish_why(struct str body, unsigned flags, struct mqtt__publish *p)
{
	struct mqtt__frame f = {.type = MQTT_PUBLISH, .flags = flags, .body = body};
	struct mqtt__bad bad = mqtt__publish_parse(&f, MQTT_V311, p);
	return bad.why ? bad.why : "ok";
}

TEST(reads_publish)
{
	struct mqtt__publish p;
	check_eq_s(publish_why(STR("\0\3t/aload"), 0, &p), "ok");
	check_str(p.topic, "t/a");
	check_str(p.payload, "load");
	check_eq_s(publish_why(STR("\0\3t/a\1\2"), 0xb, &p), "ok");
	check(p.qos == 1 && p.dup && p.retain);
	check_eq_u(p.id, 258);
	check_eq_u(p.payload.n, 0);
	check_eq_s(publish_why(STR("\0\3t/a\1\2x"), 4, &p), "ok");
	check_eq_i(p.qos, 2);
	check_eq_s(publish_why(STR("\0\6\xe7\x9b\x90\xe5\x9f\x8e"), 0, &p), "ok");
}

TEST(refuses_wrong_publishes)
{
	struct mqtt__publish p;
	check_has(publish_why(STR("\0\1t\0\1"), 6, &p), "QoS 3");
	check_has(publish_why(STR("\0\1t"), 8, &p), "comes again");
	check_has(publish_why(STR("\0\0x"), 0, &p), "empty topic");
	check_has(publish_why(STR("\0\3a/#"), 0, &p), "wildcard");
	check_has(publish_why(STR("\0\3a/+"), 0, &p), "wildcard");
	check_has(publish_why(STR("\0\3a\0b"), 0, &p), "UTF-8");
	check_has(publish_why(STR("\0\2\xf5\x80"), 0, &p), "UTF-8");
	check_has(publish_why(STR("\0\4abc"), 0, &p), "cut off");
	check_has(publish_why(STR("\0"), 0, &p), "cut off");
	check_has(publish_why(STR("\0\1t\0\0x"), 2, &p), "packet id");
	check_has(publish_why(STR("\0\1t\1"), 2, &p), "cut off");
}

static const char *subscribe_why(struct str body, unsigned flags, struct mqtt__subscribe *s)
{
	struct mqtt__frame f = {.type = MQTT_SUBSCRIBE, .flags = flags, .body = body};
	struct mqtt__bad bad = mqtt__subscribe_parse(&f, MQTT_V311, s);
	return bad.why ? bad.why : "ok";
}

TEST(reads_subscriptions)
{
	struct mqtt__subscribe s;
	check_eq_s(subscribe_why(STR("\0\7\0\1#\1\0\5+/a/+\2\0\1/\0"), 2, &s), "ok");
	check_eq_u(s.id, 7);
	check_eq_u(s.filters, 3);
	check_has(subscribe_why(STR("\0\7\0\1#\1"), 0, &s), "reserved");
	check_has(subscribe_why(STR("\0\0\0\1#\1"), 2, &s), "packet id");
	check_has(subscribe_why(STR("\0\7"), 2, &s), "no topic filter");
	check_has(subscribe_why(STR("\0\7\0\1#"), 2, &s), "QoS");
	check_has(subscribe_why(STR("\0\7\0\1#\3"), 2, &s), "QoS");
	check_has(subscribe_why(STR("\0\7\0\2a#\1"), 2, &s), "filter");
	check_has(subscribe_why(STR("\0\7\0\3#/a\1"), 2, &s), "filter");
	check_has(subscribe_why(STR("\0\7\0\2a+\1"), 2, &s), "filter");
	check_has(subscribe_why(STR("\0\7\0\2+a\1"), 2, &s), "filter");
	check_has(subscribe_why(STR("\0\7\0\0\1"), 2, &s), "filter");
}

TEST(bare_packets_are_empty)
{
	struct mqtt__frame f = {.type = MQTT_PINGREQ};
	check(mqtt__bare_parse(&f).why == NULL);
	f.flags = 1;
	check(mqtt__bare_parse(&f).why != NULL);
	f.flags = 0;
	f.body = STR("x");
	check(mqtt__bare_parse(&f).why != NULL);
}

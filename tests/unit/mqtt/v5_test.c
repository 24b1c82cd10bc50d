/*
 * What only MQTT 5 has: properties, limits, aliases, expiry, reasons.
 */
#include "peer.h"

#include "base/metric.h"
#include "mqtt/mqtt_int.h"

#include <unistd.h>

static void start(struct broker *b)
{
	broker_start(b, (struct mqtt_options){0});
}

TEST(connack_tells_the_servers_limits)
{
	/* [MQTT-3.2.2-16], [MQTT-3.2.2-21], [MQTT-3.1.2-22] */
	struct broker b = {0};
	struct peer p;
	broker_start(&b, (struct mqtt_options){.inflight = 7, .packet_max_b = 2000, .keep_alive_max = 60});
	check_has(peer_connect(&p, &b, 5, (struct hello){.keep_alive = 100}),
	        "CONNACK 0 00 21=7 27=2003 12=auto-");
	check_has(p.text.p, " 13=60");
	peer_close(&p);
	check_eq_s(peer_connect(&p, &b, 5, (struct hello){.id = "x", .keep_alive = 10}),
	        "CONNACK 0 00 21=7 27=2003 22=64");
	peer_close(&p);
	broker_stop(&b);
}

TEST(connack_tells_why_not)
{
	static const struct {
		enum mqtt_reason say;
		const char *want;
	} cases[] = {{MQTT_R_CREDENTIALS, "CONNACK 0 86"}, {MQTT_R_NOT_AUTHORISED, "CONNACK 0 87"},
	        {MQTT_R_UNAVAILABLE, "CONNACK 0 88"}, {MQTT_R_IDENTIFIER, "CONNACK 0 85"}};
	struct broker b = {0};
	struct peer p;
	start(&b);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		b.say = cases[i].say;
		check_eq_s(peer_connect(&p, &b, 5, (struct hello){.id = "x"}), cases[i].want);
		check_eq_s(peer_hear(&p), "closed");
		peer_close(&p);
	}
	b.say = MQTT_R_OK;
	/* An authentication method is not known here: 4.12. */
	check_eq_s(peer_connect(&p, &b, 5, (struct hello){.id = "x", .props = BYTES("\x15\0\1m")}),
	        "CONNACK 0 8c");
	peer_close(&p);
	check_eq_s(peer_connect(&p, &b, 5, (struct hello){.id = "x", .props = BYTES("\x16\0\1m")}),
	        "CONNACK 0 82");
	peer_close(&p);
	check_eq_s(peer_connect(&p, &b, 5, (struct hello){.id = "x", .props = BYTES("\x21\0\0")}),
	        "CONNACK 0 82");
	peer_close(&p);
	check_eq_s(
	        peer_connect(&p, &b, 5, (struct hello){.id = "x", .props = BYTES("\x7f")}), "CONNACK 0 81");
	peer_close(&p);
	check_eq_s(peer_connect(&p, &b, 5, (struct hello){.id = "x", .will_topic = "a/#", .will = ""}),
	        "CONNACK 0 90");
	peer_close(&p);
	/* A password without a user name is allowed here. */
	check_has(peer_connect(&p, &b, 5, (struct hello){.id = "x", .password = "p"}), "CONNACK 0 00");
	peer_close(&p);
	broker_stop(&b);
}

/* What comes after the CONNECT, and what is answered before the end. */
TEST(disconnect_tells_why)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		const char *want;
	} cases[] = {
#define CASE(name, bytes, want) {name, bytes, sizeof(bytes) - 1, want}
	        CASE("empty topic", "\x30\3\0\0\0", "DISCONNECT 82"),
	        CASE("wildcard in a topic", "\x30\4\0\1#\0", "DISCONNECT 90"),
	        CASE("topic not UTF-8", "\x30\4\0\1\xff\0", "DISCONNECT 81"),
	        CASE("alias 0", "\x30\7\0\1a\3\x23\0\0", "DISCONNECT 94"),
	        CASE("alias 65", "\x30\7\0\1a\3\x23\0\x41", "DISCONNECT 94"),
	        CASE("alias of nothing", "\x30\6\0\0\3\x23\0\1", "DISCONNECT 82"),
	        CASE("subscription id", "\x30\6\0\1a\2\x0b\1", "DISCONNECT 82"),
	        CASE("twice the same", "\x30\x0a\0\1a\6\x23\0\1\x23\0\1", "DISCONNECT 82"),
	        CASE("not of this packet", "\x30\x09\0\1a\5\x11\0\0\0\1", "DISCONNECT 81"),
	        CASE("properties cut off", "\x30\5\0\1a\x09\1", "DISCONNECT 81"),
	        CASE("long length", "\x30\6\0\1a\x81\x80\0", "DISCONNECT 81"),
	        CASE("response topic with wildcard", "\x30\x08\0\1a\4\x08\0\1#", "DISCONNECT 82"),
	        CASE("QoS 3", "\x36\6\0\1a\0\1\0", "DISCONNECT 81"),
	        CASE("packet id 0", "\x32\6\0\1a\0\0\0", "DISCONNECT 82"),
	        CASE("no filter", "\x82\3\0\1\0", "DISCONNECT 82"),
	        CASE("reserved option", "\x82\7\0\1\0\0\1a\x40", "DISCONNECT 81"),
	        CASE("retain handling 3", "\x82\7\0\1\0\0\1a\x30", "DISCONNECT 82"),
	        CASE("subscription id 0", "\x82\x09\0\1\2\x0b\0\0\1a\0", "DISCONNECT 82"),
	        CASE("SUBSCRIBE flags", "\x80\7\0\1\0\0\1a\0", "DISCONNECT 81"),
	        CASE("AUTH", "\xf0\0", "DISCONNECT 82"),
	        CASE("second CONNECT", "\x10\x0e\0\4MQTT\5\2\0\0\0\0\1d", "DISCONNECT 82"),
	        CASE("SUBACK", "\x90\4\0\1\0\0", "DISCONNECT 82"),
	        CASE("too long", "\x30\x81\x10", "DISCONNECT 95"),
	        CASE("type 0", "\0\0", "DISCONNECT 81"),
	};
#undef CASE
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){.packet_max_b = 2048});
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct peer p;
		peer_connect(&p, &b, 5, (struct hello){.id = "x"});
		raw_send(p.fd, cases[i].bytes, cases[i].n);
		if (!check_eq_s(peer_hear(&p), cases[i].want) || !check_eq_s(peer_hear(&p), "closed"))
			check_fail("%s", cases[i].name);
		peer_close(&p);
	}
	/* The caller is told whose clients these are. */
	check(broker_blamed(&b, "82 90 181 94 "));
	broker_stop(&b);
	check_eq_i(b.published, 0);
}

TEST(topics_by_number_both_ways)
{
	/* [MQTT-3.3.2-7] to [MQTT-3.3.2-12] */
	struct broker b = {0};
	struct peer p, s;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x22\0\1")});
	peer_subscribe(&s, "#", 0, STR_NULL);
	peer_publish(&p, "a/long/topic", "1", 0, 0, BYTES("\x23\0\1"));
	check_eq_s(peer_hear(&s), "PUBLISH a/long/topic=1 q0 23=1");
	peer_publish(&p, "", "2", 0, 0, BYTES("\x23\0\1"));
	check_eq_s(peer_hear(&s), "PUBLISH =2 q0 23=1");
	/* The client's number means another topic now; the receiver takes no second one. */
	peer_publish(&p, "b", "3", 0, 0, BYTES("\x23\0\1"));
	check_eq_s(peer_hear(&s), "PUBLISH b=3 q0");
	peer_publish(&p, "", "4", 0, 0, BYTES("\x23\0\1"));
	check_eq_s(peer_hear(&s), "PUBLISH b=4 q0");
	check_str(sb_str(&b.text), "a/long/topic=1;a/long/topic=2;b=3;b=4;");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(properties_of_a_message_go_on_unchanged_and_in_order)
{
	/* [MQTT-3.3.2-4], -15, -16, -17, -18, -20 */
	struct broker b = {0};
	struct peer p, s, old;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_connect(&old, &b, 4, (struct hello){.id = "old"});
	peer_subscribe(&s, "a", 0, STR_NULL);
	peer_subscribe(&old, "a", 0, STR_NULL);
	peer_publish(&p, "a", "x", 0, 0,
	        BYTES("\x01\1\x26\0\1k\0\1v\x03\0\1c\x08\0\1r\x09\0\1d\x26\0\1k\0\1w\x23\0\1"));
	check_eq_s(peer_hear(&s), "PUBLISH a=x q0 01=1 26=k:v 03=c 08=r 09=d 26=k:w");
	check_eq_s(peer_hear(&old), "PUBLISH a=x q0");
	peer_close(&p);
	peer_close(&s);
	peer_close(&old);
	broker_stop(&b);
}

TEST(messages_expire)
{
	/* [MQTT-3.3.2-5], [MQTT-3.3.2-6] */
	struct broker b = {0};
	struct peer p, s;
	struct str lasts = BYTES("\x11\0\0\0\x3c");
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = lasts});
	peer_subscribe(&s, "a", 1, STR_NULL);
	peer_close(&s);
	check(broker_wait(&b, &b.closes, 1));
	peer_publish(&p, "a", "short", 2, 1, BYTES("\x02\0\0\0\1"));
	peer_publish(&p, "a", "long", 3, 2, BYTES("\x02\0\0\1\0"));
	peer_hear(&p);
	peer_hear(&p);
	usleep(1100000);
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .keep = true, .props = lasts});
	check_has(peer_hear(&s), "PUBLISH a=long q1 id=2 02=25");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(no_packet_is_larger_than_the_client_takes)
{
	/* [MQTT-3.1.2-24], [MQTT-3.1.2-25] */
	struct broker b = {0};
	struct peer p, s;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x27\0\0\0\x14\x22\0\5")});
	peer_subscribe(&s, "a", 1, STR_NULL);
	int64_t dropped = metric_get(METRIC_MQTT_DROPPED_SIZE);
	/* 1 + 1 + 2 + 1 + 2 + 1 and the payload: 12 bytes are the most; with a number for the topic fewer. */
	peer_publish(&p, "a", "1234567890123", 2, 1, STR_NULL);
	peer_publish(&p, "a", "123456789012", 2, 2, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=123456789012 q1 id=2");
	check_eq_i(metric_get(METRIC_MQTT_DROPPED_SIZE), dropped + 1);
	peer_close(&s);
	/* What it must be told goes in; aliases only if there is room; else it is told nothing but why. */
	check_eq_s(peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x27\0\0\0\x10")}),
	        "CONNACK 0 00 21=1000 27=1048580 22=64");
	peer_close(&s);
	check_eq_s(peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x27\0\0\0\x0d")}),
	        "CONNACK 0 00 21=1000 27=1048580");
	/* Eight codes and six bytes around them. */
	RAW(s.fd, "\x82\x23\0\1\0\0\1a\0\0\1b\0\0\1c\0\0\1d\0\0\1e\0\0\1f\0\0\1g\0\0\1h\0");
	check_eq_s(peer_hear(&s), "SUBACK 1 00 00 00 00 00 00 00 00");
	RAW(s.fd, "\xa2\x1e\0\1\0\0\1a\0\1b\0\1c\0\1d\0\1e\0\1f\0\1g\0\1h\0\1i");
	check_eq_s(peer_hear(&s), "DISCONNECT 95");
	check_eq_s(peer_hear(&s), "closed");
	peer_close(&s);
	check_eq_s(peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x27\0\0\0\x0c")}),
	        "CONNACK 0 95");
	check_eq_s(peer_hear(&s), "closed");
	peer_close(&s);
	check_eq_s(
	        peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x27\0\0\0\4")}), "closed");
	peer_close(&s);
	peer_close(&p);
	broker_stop(&b);
}

TEST(more_unanswered_messages_than_offered_end_the_connection)
{
	/* [MQTT-3.3.4-7] */
	struct broker b = {0};
	struct peer p;
	broker_start(&b, (struct mqtt_options){.inflight = 3});
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	for (unsigned i = 1; i <= 3; i++) {
		peer_publish(&p, "a", "x", 4, i, STR_NULL);
		check_has(peer_hear(&p), "PUBREC");
	}
	peer_publish(&p, "a", "x", 4, 4, STR_NULL);
	check_eq_s(peer_hear(&p), "DISCONNECT 93");
	peer_close(&p);
	broker_stop(&b);
}

TEST(a_flood_is_slowed_down)
{
	struct broker b = {0};
	struct peer p;
	broker_start(&b, (struct mqtt_options){.rate = 10});
	peer_connect(&p, &b, 4, (struct hello){.id = "p"});
	int64_t floods = metric_get(METRIC_MQTT_FLOODS);
	for (int i = 0; i < 105; i++)
		peer_publish(&p, "a", "x", 0, 0, STR_NULL);
	/* A hundred at once, then ten a second: none is lost, none ends the connection. */
	check_eq_s(peer_quiet(&p), "PINGRESP");
	check_eq_i(b.published, 105);
	check(metric_get(METRIC_MQTT_FLOODS) > floods);
	check(broker_blamed(&b, "96 "));
	peer_close(&p);
	broker_stop(&b);
}

TEST(wills_have_their_part_of_the_memory_and_no_more)
{
	struct broker b = {0};
	struct peer p[9], good;
	char *big = xcalloc(60001, 1);
	memset(big, 'x', 60000);
	broker_start(&b, (struct mqtt_options){.memory_max_b = 512 * 1024});
	for (int i = 0; i < 9; i++) {
		char id[2] = {(char)('a' + i), 0};
		check_has(
		        peer_connect(&p[i], &b, 5, (struct hello){.id = id, .will_topic = "w", .will = big}),
		        i < 8 ? "CONNACK 0 00" : "CONNACK 0 97");
	}
	/* Messages are read all the same. */
	peer_connect(&good, &b, 5, (struct hello){.id = "good"});
	peer_publish(&good, "a", "x", 2, 1, STR_NULL);
	check_eq_s(peer_hear(&good), "PUBACK 1 00");
	for (int i = 0; i < 9; i++)
		peer_close(&p[i]);
	peer_close(&good);
	free(big);
	broker_stop(&b);
}

TEST(who_may_stay_no_longer_is_ended)
{
	struct broker b = {0};
	struct peer p;
	broker_start(&b, (struct mqtt_options){.ask_every = 1});
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	usleep(600000); /* it was asked, and may */
	check_eq_s(peer_quiet(&p), "PINGRESP");
	b.over = true;
	check_eq_s(peer_hear(&p), "DISCONNECT 87");
	peer_close(&p);
	broker_stop(&b);
}

TEST(the_server_says_that_it_stops)
{
	struct broker b = {0};
	struct peer p;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p", .will_topic = "w", .will = "x"});
	broker_stop(&b);
	check_eq_s(peer_hear(&p), "DISCONNECT 8b");
	check_eq_s(peer_hear(&p), "closed");
	check_eq_i(b.published, 0);
	peer_close(&p);
}

/* ---- parsing ---- */

static struct mqtt__bad props(struct str bytes, unsigned type, struct mqtt__props *p)
{
	/* A copy of its own size, so that reading past it is seen. */
	char *copy = xcalloc(bytes.n + 1, 1);
	memcpy(copy, bytes.p, bytes.n);
	struct str in = {copy, bytes.n};
	struct mqtt__bad bad = mqtt__props_parse(&in, type, p);
	free(copy);
	return bad;
}

TEST(reads_properties_of_every_type)
{
	struct mqtt__props p;
	struct str in = BYTES("\x1c\x01\1\x02\0\0\1\0\x03\0\2ct\x08\0\1r\x09\0\1\0\x23\1\2\x26\0\0\0\0");
	check(mqtt__props_parse(&in, MQTT_PUBLISH, &p).why == NULL);
	check_eq_u(mqtt__num(&p, MQTT_P_PAYLOAD_FORMAT, 0), 1);
	check_eq_u(mqtt__num(&p, MQTT_P_MESSAGE_EXPIRY, 0), 256);
	check_str(p.text[MQTT_P_CONTENT_TYPE], "ct");
	check_eq_u(p.text[MQTT_P_CORRELATION].n, 1);
	check_eq_u(mqtt__num(&p, MQTT_P_ALIAS, 0), 258);
	check(!mqtt__has(&p, MQTT_P_SUBSCRIPTION_ID));
	check_eq_u(mqtt__num(&p, MQTT_P_SUBSCRIPTION_ID, 9), 9);
	check_eq_u(in.n, 0);
}

TEST(properties_that_are_cut_off_are_told)
{
	static const char whole[] = "\x17\x01\1\x02\0\0\1\0\x03\0\2ct\x08\0\1r\x09\0\1\0\x23\1\2";
	struct mqtt__props p;
	check(props((struct str){whole, sizeof(whole) - 1}, MQTT_PUBLISH, &p).why == NULL);
	for (size_t n = 0; n < sizeof(whole) - 1; n++)
		check(props((struct str){whole, n}, MQTT_PUBLISH, &p).why != NULL);
	check_eq_i(props(BYTES("\2\x01\2"), MQTT_PUBLISH, &p).reason, MQTT_R_PROTOCOL);
	check_eq_i(props(BYTES("\2\x00\2"), MQTT_PUBLISH, &p).reason, MQTT_R_MALFORMED);
	check_eq_i(props(BYTES("\2\x2b\2"), MQTT_PUBLISH, &p).reason, MQTT_R_MALFORMED);
	check_eq_i(props(BYTES("\5\x12\0\1\0x"), MQTT_CONNACK, &p).reason, MQTT_R_MALFORMED);
}

/* ---- what one address may take ---- */

TEST(an_address_has_so_many_connections_and_hears_why_not)
{
	struct broker b = {0};
	struct peer p[2] = {0}, q = {0};
	int64_t refused = metric_get(METRIC_MQTT_BAD_ADDRESS);
	broker_start(&b, (struct mqtt_options){.address_connections = 2});
	for (int i = 0; i < 2; i++)
		check_has(peer_connect(&p[i], &b, 5, (struct hello){.id = i ? "1" : "0"}), "CONNACK 0 00");
	check_has(peer_connect(&q, &b, 5, (struct hello){.id = "q"}), "CONNACK 0 97");
	peer_close(&q);
	check_eq_s(peer_connect(&q, &b, 4, (struct hello){.id = "q"}), "CONNACK 0 03");
	check_eq_s(peer_hear(&q), "closed");
	peer_close(&q);
	check_eq_i(metric_get(METRIC_MQTT_BAD_ADDRESS), refused + 2);
	/* Those who wait to be told are few: the rest is closed at once. */
	int fd[9];
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		fd[i] = raw_open(&b);
	check(raw_closed(fd[8]));
	for (size_t i = 0; i < 8; i++)
		close(fd[i]);
	peer_close(&p[0]);
	check(broker_wait(&b, &b.closes, 1));
	check_has(peer_connect(&p[0], &b, 5, (struct hello){.id = "0"}), "CONNACK 0 00");
	peer_close(&p[0]);
	peer_close(&p[1]);
	broker_stop(&b);
}

TEST(an_address_makes_so_many_connections_a_minute)
{
	struct broker b = {0};
	struct peer p = {0};
	int64_t refused = metric_get(METRIC_MQTT_BAD_ADDRESS_RATE);
	broker_start(&b, (struct mqtt_options){.address_rate = 3});
	for (int i = 0; i < 3; i++) {
		check_has(peer_connect(&p, &b, 5, (struct hello){.id = "p"}), "CONNACK 0 00");
		peer_close(&p);
	}
	check_has(peer_connect(&p, &b, 5, (struct hello){.id = "p"}), "CONNACK 0 9f");
	peer_close(&p);
	check_eq_i(metric_get(METRIC_MQTT_BAD_ADDRESS_RATE), refused + 1);
	broker_stop(&b);
}

/*
 * Who receives what: filters, options, overlaps, shared subscriptions, both versions.
 */
#include "peer.h"

#include "base/metric.h"

#include <unistd.h>

static void start(struct broker *b)
{
	broker_start(b, (struct mqtt_options){0});
}

TEST(a_message_reaches_who_subscribes_in_the_least_of_both_qos)
{
	/* [MQTT-3.8.4-8] */
	struct broker b = {0};
	start(&b);
	for (int version = 4; version <= 5; version++) {
		struct peer p, s;
		peer_connect(&p, &b, version, (struct hello){.id = "p"});
		peer_connect(&s, &b, version, (struct hello){.id = "s"});
		check_eq_s(peer_subscribe(&s, "a/+", 1, STR_NULL), "SUBACK 1 01");
		peer_publish(&p, "a/b", "zero", 0, 0, STR_NULL);
		check_eq_s(peer_hear(&s), "PUBLISH a/b=zero q0");
		peer_publish(&p, "a/b", "one", 2, 9, STR_NULL);
		check_eq_s(peer_hear(&p), "PUBACK 9 00");
		check_eq_s(peer_hear(&s), "PUBLISH a/b=one q1 id=1");
		peer_ack(&s, 0x40, 1);
		peer_publish(&p, "a/b", "two", 4, 10, STR_NULL);
		check_eq_s(peer_hear(&p), "PUBREC 10 00");
		check_eq_s(peer_hear(&s), "PUBLISH a/b=two q1 id=2");
		peer_publish(&p, "a/b/c", "deeper", 0, 0, STR_NULL);
		peer_quiet(&p);
		check_eq_s(peer_quiet(&s), "PINGRESP");
		check_eq_s(peer_unsubscribe(&s, "a/+"), version == 5 ? "UNSUBACK 2 00" : "UNSUBACK 2");
		check_eq_s(peer_unsubscribe(&s, "a/+"), version == 5 ? "UNSUBACK 2 11" : "UNSUBACK 2");
		peer_publish(&p, "a/b", "gone", 0, 0, STR_NULL);
		peer_quiet(&p);
		check_eq_s(peer_quiet(&s), "PINGRESP");
		peer_close(&p);
		peer_close(&s);
	}
	broker_stop(&b);
}

TEST(overlapping_filters_bring_a_message_once_with_all_their_ids)
{
	/* [MQTT-3.3.4-2], [MQTT-3.3.4-3], [MQTT-3.3.4-4] */
	struct broker b = {0};
	struct peer p, s;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_subscribe(&s, "a/#", 0, BYTES("\x0b\x07"));
	peer_subscribe(&s, "a/b", 2, BYTES("\x0b\x80\x01"));
	peer_subscribe(&s, "+/b", 1, STR_NULL);
	peer_publish(&p, "a/b", "x", 4, 1, STR_NULL);
	const char *heard = peer_hear(&s);
	check_has(heard, "PUBLISH a/b=x q2 id=1");
	check_has(heard, " 0b=7");
	check_has(heard, " 0b=128");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	/* Subscribing again replaces: [MQTT-3.8.4-3]. */
	peer_subscribe(&s, "a/#", 0, STR_NULL);
	peer_publish(&p, "a/c", "y", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a/c=y q0");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(wildcards_do_not_reach_topics_that_begin_with_a_dollar)
{
	/* [MQTT-4.7.2-1] */
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 4, (struct hello){.id = "s"});
	peer_subscribe(&s, "#", 0, STR_NULL);
	peer_subscribe(&s, "+/x", 0, STR_NULL);
	peer_publish(&s, "$own/x", "1", 0, 0, STR_NULL);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_subscribe(&s, "$own/#", 0, STR_NULL);
	peer_publish(&s, "$own/x", "2", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH $own/x=2 q0");
	/* "/" is a level of its own, case counts, "#" takes the level above it. */
	peer_publish(&s, "/", "3", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH /=3 q0");
	peer_close(&s);
	broker_stop(&b);
}

TEST(no_local_and_retain_as_published)
{
	/* [MQTT-3.8.3-3], [MQTT-3.3.1-12], [MQTT-3.3.1-13] */
	struct broker b = {0};
	struct peer p, s;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_subscribe(&p, "a", 4, STR_NULL);     /* no local */
	peer_subscribe(&s, "a", 4 | 8, STR_NULL); /* as published */
	peer_publish(&p, "a", "x", 1, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=x q0 r");
	check_eq_s(peer_quiet(&p), "PINGRESP");
	peer_publish(&s, "a", "y", 1, 0, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBLISH a=y q0");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	/* What is retained is its own too. */
	peer_publish(&p, "a", "z", 1, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=z q0 r");
	peer_subscribe(&p, "a", 4, STR_NULL);
	check_eq_s(peer_quiet(&p), "PINGRESP");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(retain_handling)
{
	/* [MQTT-3.3.1-9] to [MQTT-3.3.1-11] */
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_publish(&s, "a", "kept", 1, 0, STR_NULL);
	check_eq_s(peer_subscribe(&s, "a", 0x10, STR_NULL), "SUBACK 1 00"); /* if it is new */
	check_eq_s(peer_hear(&s), "PUBLISH a=kept q0 r");
	peer_subscribe(&s, "a", 0x10, STR_NULL);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_subscribe(&s, "a", 0x20, STR_NULL); /* never */
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_subscribe(&s, "a", 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=kept q0 r");
	/* An empty one takes it away: [MQTT-3.3.1-6], and goes on as any other: [MQTT-3.3.1-7]. */
	peer_publish(&s, "a", "", 1, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a= q0");
	peer_subscribe(&s, "a", 0, STR_NULL);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 0);
	peer_close(&s);
	broker_stop(&b);
}

TEST(retained_messages_reach_all_filters_that_match)
{
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 4, (struct hello){.id = "s"});
	peer_publish(&s, "a", "1", 1, 0, STR_NULL);
	peer_publish(&s, "a/b", "2", 1, 0, STR_NULL);
	peer_publish(&s, "$own/b", "3", 1, 0, STR_NULL);
	peer_publish(&s, "a/b", "4", 3, 1, STR_NULL); /* replaces it, with its QoS: [MQTT-3.3.1-5] */
	check_eq_s(peer_hear(&s), "PUBACK 1 00");
	peer_subscribe(&s, "a/#", 2, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=1 q0 r");
	check_eq_s(peer_hear(&s), "PUBLISH a/b=4 q1 r id=1");
	peer_subscribe(&s, "+/b", 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a/b=4 q0 r");
	peer_subscribe(&s, "nothing", 0, STR_NULL);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 3);
	peer_close(&s);
	broker_stop(&b);
}

TEST(a_shared_subscription_gives_each_message_to_one)
{
	/* 4.8.2 */
	struct broker b = {0};
	struct peer p, s[3];
	int got[3] = {0};
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	for (int i = 0; i < 3; i++) {
		char id[2] = {(char)('a' + i), 0};
		peer_connect(&s[i], &b, i == 0 ? 4 : 5, (struct hello){.id = id});
		peer_subscribe(&s[i], "$share/g/jobs/#", 0, STR_NULL);
	}
	for (int i = 0; i < 9; i++)
		peer_publish(&p, "jobs/x", "j", 0, 0, STR_NULL);
	peer_quiet(&p);
	for (int i = 0; i < 3; i++) {
		peer_put(&s[i], 0xc0, STR_NULL);
		while (strcmp(peer_hear(&s[i]), "PINGRESP") != 0)
			got[i]++;
		check_eq_i(got[i], 3);
	}
	/* Who is gone gets nothing more. */
	peer_close(&s[1]);
	check(broker_wait(&b, &b.closes, 1));
	check_eq_s(peer_unsubscribe(&s[2], "$share/g/jobs/#"), "UNSUBACK 2 00");
	peer_publish(&p, "jobs/y", "last", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&s[0]), "PUBLISH jobs/y=last q0");
	/* [MQTT-4.8.2-1], [MQTT-4.8.2-2] */
	check_eq_s(peer_subscribe(&s[2], "$share//x", 0, STR_NULL), "SUBACK 1 8f");
	check_eq_s(peer_subscribe(&s[2], "$share/g", 0, STR_NULL), "SUBACK 1 8f");
	check_eq_s(peer_subscribe(&s[2], "$share/g/", 0, STR_NULL), "SUBACK 1 8f");
	check_eq_s(peer_subscribe(&s[2], "$share/g+/x", 0, STR_NULL), "SUBACK 1 8f");
	/* [MQTT-3.8.3-4] */
	check_eq_s(peer_subscribe(&s[2], "$share/g/x", 4, STR_NULL), "DISCONNECT 82");
	peer_close(&s[0]);
	peer_close(&s[2]);
	peer_close(&p);
	broker_stop(&b);
}

TEST(rights_to_subscribe_and_to_receive)
{
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	check_eq_s(peer_subscribe(&s, "secret/x", 0, STR_NULL), "SUBACK 1 87");
	check_eq_s(peer_subscribe(&s, "$share/g/secret/x", 0, STR_NULL), "SUBACK 1 87");
	check_eq_s(peer_subscribe(&s, "a/#/b", 0, STR_NULL), "SUBACK 1 8f");
	peer_subscribe(&s, "#", 0, STR_NULL);
	peer_publish(&s, "hidden/x", "1", 0, 0, STR_NULL);
	peer_publish(&s, "refused/x", "2", 2, 7, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBACK 7 87");
	peer_publish(&s, "refused/x", "2", 4, 8, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBREC 8 87");
	peer_publish(&s, "open/x", "3", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH open/x=3 q0");
	peer_close(&s);
	broker_stop(&b);
}

TEST(a_client_may_have_names_of_its_own_for_topics)
{
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x22\0\5")});
	check_eq_s(peer_subscribe(&s, "me/calls/+", 0, STR_NULL), "SUBACK 1 00");
	mqtt_send(
	        b.server, &(struct mqtt_outgoing){.topic = STR_LIT("them/calls/1"), .payload = STR_LIT("x")});
	check_eq_s(peer_hear(&s), "PUBLISH me/calls/1=x q0 23=1");
	mqtt_send(
	        b.server, &(struct mqtt_outgoing){.topic = STR_LIT("them/calls/1"), .payload = STR_LIT("y")});
	check_eq_s(peer_hear(&s), "PUBLISH =y q0 23=1");
	check_eq_s(peer_unsubscribe(&s, "me/calls/+"), "UNSUBACK 2 00");
	mqtt_send(
	        b.server, &(struct mqtt_outgoing){.topic = STR_LIT("them/calls/1"), .payload = STR_LIT("z")});
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&s);
	broker_stop(&b);
}

TEST(the_servers_own_messages)
{
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_subscribe(&s, "c/#", 1, STR_NULL);
	const struct mqtt_outgoing o = {.topic = STR_LIT("c/1"),
	        .payload = STR_LIT("go"),
	        .qos = 1,
	        .response_topic = STR_LIT("r"),
	        .correlation = STR_LIT("n"),
	        .expires = 60 * US_SECOND};
	mqtt_send(b.server, &o);
	check_eq_s(peer_hear(&s), "PUBLISH c/1=go q1 id=1 02=60 08=r 09=n");
	peer_close(&s);
	broker_stop(&b);
}

TEST(a_session_has_so_many_subscriptions_and_no_more)
{
	struct broker b = {0};
	struct peer s;
	broker_start(&b, (struct mqtt_options){.subscriptions = 2});
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	check_eq_s(peer_subscribe(&s, "a", 0, STR_NULL), "SUBACK 1 00");
	check_eq_s(peer_subscribe(&s, "b", 0, STR_NULL), "SUBACK 1 00");
	check_eq_s(peer_subscribe(&s, "c", 0, STR_NULL), "SUBACK 1 97");
	check_eq_s(peer_subscribe(&s, "a", 1, STR_NULL), "SUBACK 1 01");
	peer_close(&s);
	broker_stop(&b);
}

TEST(retained_messages_have_no_place_in_the_queue_but_are_not_asked_for_over_and_over)
{
	struct broker b = {0};
	struct peer p, s;
	char topic[16];
	broker_start(&b, (struct mqtt_options){.queue_n = 4});
	peer_connect(&p, &b, 4, (struct hello){.id = "p"});
	for (int i = 0; i < 50; i++) {
		snprintf(topic, sizeof(topic), "r/%d", i);
		peer_publish(&p, topic, "x", 1, 0, STR_NULL);
	}
	peer_quiet(&p);
	/* Its window is one message: the others wait, and leave room for what comes. */
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x21\0\1")});
	peer_publish(&p, "r/q", "y", 3, 1, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 1 00");
	check_eq_s(peer_subscribe(&s, "r/#", 1, STR_NULL), "SUBACK 1 01");
	for (unsigned i = 2; i <= 4; i++) {
		peer_publish(&p, "r/q", "y", 2, i, STR_NULL);
		check_has(peer_hear(&p), "PUBACK");
	}
	int heard = 0;
	for (const char *text = peer_hear(&s); heard < 54; text = peer_hear(&s)) {
		if (!check_has(text, "PUBLISH r/"))
			break;
		heard++;
		if (strstr(text, " q1 ") != NULL)
			peer_ack(&s, 0x40, (unsigned)strtoul(strstr(text, "id=") + 3, NULL, 10));
		if (heard == 54)
			break;
	}
	check_eq_i(heard, 54);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	/* All of it many times in one packet. */
	struct sb all = SB_INIT;
	sb_put(&all, "\0\1\0", 3);
	for (int i = 0; i < 20; i++)
		sb_put(&all, "\0\3r/#\1", 6);
	peer_publish(&p, "r/q", "z", 3, 9, STR_NULL);
	peer_put(&s, 0x82, sb_str(&all));
	const char *text;
	/* The first of QoS 1 is not answered, so that the rest waits. */
	while (strncmp(text = peer_hear(&s), "PUBLISH", 7) == 0 || strncmp(text, "SUBACK", 6) == 0)
		;
	check_eq_s(text, "DISCONNECT 97");
	sb_fini(&all);
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

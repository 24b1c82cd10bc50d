/*
 * What outlives a connection: sessions, messages that wait, QoS 2 in both directions, wills.
 */
#include "peer.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/metric.h"

#include <unistd.h>

static void start(struct broker *b)
{
	broker_start(b, (struct mqtt_options){0});
}

/* Until the broker has seen n ends. */
static void drop(struct broker *b, struct peer *p, int n)
{
	peer_close(p);
	check(broker_wait(b, &b->closes, n));
}

TEST(a_session_stays_and_gets_what_came_meanwhile)
{
	/* [MQTT-3.1.2-4] to [MQTT-3.1.2-6], [MQTT-3.2.2-2], [MQTT-3.2.2-3] */
	struct broker b = {0};
	start(&b);
	for (int version = 4; version <= 5; version++) {
		struct peer p, s;
		struct str lasts = version == 5 ? BYTES("\x11\0\0\0\x3c") : STR_NULL;
		const char *ok = version == 5 ? "CONNACK 0 00 21=1000 27=1048580 22=64" : "CONNACK 0 00";
		peer_connect(&p, &b, version, (struct hello){.id = "p"});
		check_eq_s(peer_connect(
		                   &s, &b, version, (struct hello){.id = "s", .keep = true, .props = lasts}),
		        ok);
		peer_subscribe(&s, "a/#", 1, STR_NULL);
		drop(&b, &s, version == 4 ? 1 : 4);
		peer_publish(&p, "a/1", "kept", 2, 1, STR_NULL);
		check_eq_s(peer_hear(&p), "PUBACK 1 00");
		peer_publish(&p, "a/1", "not kept", 0, 0, STR_NULL);
		peer_quiet(&p);
		check_has(peer_connect(
		                  &s, &b, version, (struct hello){.id = "s", .keep = true, .props = lasts}),
		        "CONNACK 1 00");
		check_eq_s(peer_hear(&s), "PUBLISH a/1=kept q1 id=1");
		check_eq_s(peer_quiet(&s), "PINGRESP");
		/* Not answered: it comes again, with its id: [MQTT-4.4.0-1]. */
		drop(&b, &s, version == 4 ? 2 : 5);
		peer_connect(&s, &b, version, (struct hello){.id = "s", .keep = true, .props = lasts});
		check_eq_s(peer_hear(&s), "PUBLISH a/1=kept q1 d id=1");
		peer_ack(&s, 0x40, 1);
		peer_quiet(&s);
		/* A clean start forgets all of it. */
		peer_close(&s);
		check_has(peer_connect(&s, &b, version, (struct hello){.id = "s"}), "CONNACK 0 00");
		peer_publish(&p, "a/1", "x", 2, 1, STR_NULL);
		peer_hear(&p);
		check_eq_s(peer_quiet(&s), "PINGRESP");
		peer_close(&s);
		peer_close(&p);
		check(broker_wait(&b, &b.closes, version == 4 ? 3 : 6));
	}
	broker_stop(&b);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 0);
	check_eq_i(metric_get(METRIC_MQTT_SUBSCRIPTIONS), 0);
}

TEST(a_session_belongs_to_its_user_name)
{
	struct broker b = {0};
	struct peer one, two;
	start(&b);
	peer_connect(&one, &b, 4, (struct hello){.id = "x", .user = "one", .keep = true});
	peer_subscribe(&one, "a", 1, STR_NULL);
	check_eq_s(peer_connect(&two, &b, 4, (struct hello){.id = "x", .user = "two", .keep = true}),
	        "CONNACK 0 00");
	check_eq_s(peer_quiet(&one), "PINGRESP");
	peer_close(&one);
	peer_close(&two);
	broker_stop(&b);
}

TEST(a_newer_connection_takes_the_session_over)
{
	/* [MQTT-3.1.4-3] */
	struct broker b = {0};
	struct peer old, new;
	struct str lasts = BYTES("\x11\xff\xff\xff\xff");
	start(&b);
	peer_connect(&old, &b, 5, (struct hello){.id = "x", .props = lasts});
	peer_subscribe(&old, "a", 0, STR_NULL);
	check_has(peer_connect(&new, &b, 5, (struct hello){.id = "x", .keep = true, .props = lasts}),
	        "CONNACK 1 00");
	check_eq_s(peer_hear(&old), "DISCONNECT 8e");
	check_eq_s(peer_hear(&old), "closed");
	peer_publish(&new, "a", "here", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&new), "PUBLISH a=here q0");
	peer_close(&old);
	peer_close(&new);
	broker_stop(&b);
}

TEST(sessions_end_when_their_time_is_over)
{
	/* [MQTT-3.1.2-23] */
	struct broker b = {0};
	struct peer s;
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x11\0\0\0\1")});
	drop(&b, &s, 1);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 1);
	for (int i = 0; i < 100 && metric_get(METRIC_MQTT_SESSIONS) > 0; i++)
		usleep(50000);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 0);
	/* DISCONNECT may change it, but not make a session of none: [MQTT-3.14.2-2]. */
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x11\0\0\0\x0a")});
	peer_put(&s, 0xe0, BYTES("\0\5\x11\0\0\0\0"));
	check_eq_s(peer_hear(&s), "closed");
	drop(&b, &s, 2);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 0);
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_put(&s, 0xe0, BYTES("\0\5\x11\0\0\0\5"));
	check_eq_s(peer_hear(&s), "DISCONNECT 82");
	peer_close(&s);
	broker_stop(&b);
}

TEST(the_longest_away_goes_when_there_are_too_many)
{
	struct broker b = {0};
	struct peer s;
	broker_start(&b, (struct mqtt_options){.sessions = 2});
	for (int i = 0; i < 3; i++) {
		char id[2] = {(char)('a' + i), 0};
		peer_connect(&s, &b, 4, (struct hello){.id = id, .keep = true});
		drop(&b, &s, i + 1);
	}
	check_eq_s(peer_connect(&s, &b, 4, (struct hello){.id = "c", .keep = true}), "CONNACK 1 00");
	peer_close(&s);
	check_eq_s(peer_connect(&s, &b, 4, (struct hello){.id = "a", .keep = true}), "CONNACK 0 00");
	peer_close(&s);
	broker_stop(&b);
}

/* ---- QoS 2 ---- */

TEST(a_message_of_qos_2_is_taken_once)
{
	/* [MQTT-4.3.3-8] to [MQTT-4.3.3-12] */
	struct broker b = {0};
	struct peer p;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_publish(&p, "a", "once", 4, 5, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 5 00");
	peer_publish(&p, "a", "once", 4 | 8, 5, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 5 00");
	peer_ack(&p, 0x62, 5);
	check_eq_s(peer_hear(&p), "PUBCOMP 5 00");
	check_eq_i(b.published, 1);
	peer_ack(&p, 0x62, 5);
	check_eq_s(peer_hear(&p), "PUBCOMP 5 92");
	peer_publish(&p, "a", "anew", 4, 5, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 5 00");
	check_eq_i(b.published, 2);
	peer_close(&p);
	broker_stop(&b);
}

TEST(a_message_of_qos_2_is_taken_once_across_connections)
{
	struct broker b = {.hold = true};
	struct peer p;
	start(&b);
	peer_connect(&p, &b, 4, (struct hello){.id = "p", .keep = true});
	peer_publish(&p, "a", "once", 4, 5, STR_NULL);
	check(broker_wait(&b, &b.kept_n, 1));
	peer_close(&p);
	/* It is at work still; the device sends it again on a new connection. */
	check_eq_s(peer_connect(&p, &b, 4, (struct hello){.id = "p", .keep = true}), "CONNACK 1 00");
	peer_publish(&p, "a", "once", 4 | 8, 5, STR_NULL);
	check_eq_s(peer_quiet(&p), "PINGRESP");
	broker_done(&b, 0, true);
	check_eq_s(peer_hear(&p), "PUBREC 5 00");
	peer_ack(&p, 0x62, 5);
	check_eq_s(peer_hear(&p), "PUBCOMP 5 00");
	check_eq_i(b.published, 1);
	peer_close(&p);
	broker_stop(&b);
}

TEST(a_message_of_qos_2_that_could_not_be_stored_may_come_again)
{
	struct broker b = {0};
	struct peer p;
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p", .keep = true, .props = BYTES("\x11\0\0\0\x3c")});
	peer_publish(&p, "lost/a", "x", 4, 5, STR_NULL);
	check_eq_s(peer_hear(&p), "DISCONNECT 80");
	drop(&b, &p, 1);
	peer_connect(&p, &b, 5, (struct hello){.id = "p", .keep = true, .props = BYTES("\x11\0\0\0\x3c")});
	peer_publish(&p, "a", "x", 4 | 8, 5, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 5 00");
	peer_close(&p);
	broker_stop(&b);
}

TEST(qos_2_to_a_subscriber_and_again_after_a_break)
{
	/* [MQTT-4.3.3-1] to [MQTT-4.3.3-6] */
	struct broker b = {0};
	struct peer p, s;
	start(&b);
	peer_connect(&p, &b, 4, (struct hello){.id = "p"});
	peer_connect(&s, &b, 4, (struct hello){.id = "s", .keep = true});
	peer_subscribe(&s, "a", 2, STR_NULL);
	peer_publish(&p, "a", "x", 4, 1, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=x q2 id=1");
	drop(&b, &s, 1);
	peer_connect(&s, &b, 4, (struct hello){.id = "s", .keep = true});
	check_eq_s(peer_hear(&s), "PUBLISH a=x q2 d id=1");
	peer_ack(&s, 0x50, 1);
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	/* From here on only the PUBREL comes again. */
	drop(&b, &s, 2);
	check_eq_s(peer_connect(&s, &b, 4, (struct hello){.id = "s", .keep = true}), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	peer_ack(&s, 0x70, 1);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	drop(&b, &s, 3);
	peer_connect(&s, &b, 4, (struct hello){.id = "s", .keep = true});
	check_eq_s(peer_quiet(&s), "PINGRESP");
	/* A PUBREC for nothing is answered, so that the client comes to an end. */
	peer_ack(&s, 0x50, 77);
	check_eq_s(peer_hear(&s), "PUBREL 77 00");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

/* ---- order and window ---- */

TEST(messages_keep_their_order_and_the_clients_window)
{
	/* [MQTT-3.3.4-9], [MQTT-4.6.0-6] */
	struct broker b = {0};
	struct peer p, s;
	char want[64];
	start(&b);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x21\0\2")});
	peer_subscribe(&s, "a", 1, STR_NULL);
	for (int i = 1; i <= 5; i++) {
		char text[2] = {(char)('0' + i), 0};
		peer_publish(&p, "a", text, 2, (unsigned)i, STR_NULL);
	}
	for (int i = 1; i <= 5; i++) {
		if (i == 3)
			check_eq_s(peer_quiet(&s), "PINGRESP"); /* two are not answered */
		if (i >= 3)
			peer_ack(&s, 0x40, (unsigned)i - 2);
		snprintf(want, sizeof(want), "PUBLISH a=%d q1 id=%d", i, i);
		check_eq_s(peer_hear(&s), want);
	}
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(messages_go_on_in_the_order_of_their_arrival_however_they_are_done)
{
	struct broker b = {.hold = true};
	struct peer p, s;
	start(&b);
	peer_connect(&p, &b, 4, (struct hello){.id = "p"});
	peer_connect(&s, &b, 4, (struct hello){.id = "s"});
	peer_subscribe(&s, "a", 0, STR_NULL);
	peer_publish(&p, "a", "1", 0, 0, STR_NULL);
	peer_publish(&p, "a", "2", 2, 1, STR_NULL);
	peer_publish(&p, "a", "3", 0, 0, STR_NULL);
	check(broker_wait(&b, &b.kept_n, 3));
	broker_done(&b, 2, true);
	broker_done(&b, 1, true);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	broker_done(&b, 0, true);
	check_eq_s(peer_hear(&s), "PUBLISH a=1 q0");
	check_eq_s(peer_hear(&s), "PUBLISH a=2 q0");
	check_eq_s(peer_hear(&s), "PUBLISH a=3 q0");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(a_queue_that_is_full_ends_the_slow_and_drops_for_the_absent)
{
	struct broker b = {0};
	struct peer p, s;
	broker_start(&b, (struct mqtt_options){.queue_n = 4});
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = BYTES("\x21\0\1\x11\0\0\0\x3c")});
	peer_subscribe(&s, "a", 1, STR_NULL);
	int64_t slow = metric_get(METRIC_MQTT_BAD_SLOW), dropped = metric_get(METRIC_MQTT_DROPPED_SLOW);
	for (unsigned i = 1; i <= 3; i++)
		peer_publish(&p, "a", "x", 2, i, STR_NULL);
	/* One is in flight, two wait: half of the queue, so that what may be lost is lost first. */
	peer_publish(&p, "a", "dropped", 0, 0, STR_NULL);
	for (unsigned i = 4; i <= 6; i++)
		peer_publish(&p, "a", "x", 2, i, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=x q1 id=1");
	check_eq_s(peer_hear(&s), "DISCONNECT 97");
	check_eq_s(peer_hear(&s), "closed");
	check_eq_i(metric_get(METRIC_MQTT_BAD_SLOW), slow + 1);
	check_eq_i(metric_get(METRIC_MQTT_DROPPED_SLOW), dropped + 2);
	drop(&b, &s, 1);
	int64_t away = metric_get(METRIC_MQTT_DROPPED_AWAY);
	peer_publish(&p, "a", "too late", 2, 7, STR_NULL);
	while (strcmp(peer_hear(&p), "PUBACK 7 00") != 0)
		;
	check_eq_i(metric_get(METRIC_MQTT_DROPPED_AWAY), away + 1);
	/* What was taken for it is there. */
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .keep = true, .props = BYTES("\x21\0\x0a")});
	for (int i = 1; i <= 5; i++)
		check_has(peer_hear(&s), "PUBLISH a=x q1");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

TEST(a_subscriber_that_reads_nothing_costs_the_others_nothing)
{
	struct broker b = {0};
	struct peer p, s, good;
	char *big = xcalloc(100001, 1);
	broker_start(&b, (struct mqtt_options){.queue_b = 1 << 20});
	memset(big, 'x', 100000);
	peer_connect(&p, &b, 4, (struct hello){.id = "p"});
	peer_connect(&s, &b, 4, (struct hello){.id = "s"});
	peer_connect(&good, &b, 4, (struct hello){.id = "good"});
	peer_subscribe(&s, "a", 1, STR_NULL);
	peer_subscribe(&good, "b", 1, STR_NULL);
	int64_t slow = metric_get(METRIC_MQTT_BAD_SLOW);
	for (unsigned i = 1; i <= 200 && metric_get(METRIC_MQTT_BAD_SLOW) == slow; i++) {
		peer_publish(&p, "a", big, 2, i, STR_NULL);
		check_has(peer_hear(&p), "PUBACK");
	}
	check(broker_wait(&b, &b.closes, 1));
	check_has(b.why, "as fast as they come");
	peer_publish(&p, "b", "fine", 0, 0, STR_NULL);
	check_eq_s(peer_hear(&good), "PUBLISH b=fine q0");
	free(big);
	peer_close(&p);
	peer_close(&s);
	peer_close(&good);
	broker_stop(&b);
}

/* ---- wills ---- */

TEST(a_will_is_sent_when_a_connection_ends_without_goodbye)
{
	/* [MQTT-3.1.2-8], [MQTT-3.1.2-10], [MQTT-3.14.4-3] */
	struct broker b = {0};
	struct peer w, s;
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_subscribe(&s, "gone/#", 2, STR_NULL);
	for (int version = 4; version <= 5; version++) {
		const struct hello h = {.id = "w", .will_topic = "gone/w", .will = "bye", .will_qos = 1};
		peer_connect(&w, &b, version, h);
		peer_close(&w);
		check_eq_s(peer_hear(&s),
		        version == 4 ? "PUBLISH gone/w=bye q1 id=1" : "PUBLISH gone/w=bye q1 id=2");
		peer_connect(&w, &b, version, h);
		peer_put(&w, 0xe0, STR_NULL);
		check_eq_s(peer_hear(&w), "closed");
		peer_close(&w);
		check_eq_s(peer_quiet(&s), "PINGRESP");
	}
	/* Goodbye with the will (4). */
	peer_connect(&w, &b, 5,
	        (struct hello){.id = "w",
	                .will_topic = "gone/w",
	                .will = "kept",
	                .will_retain = true,
	                .will_props = BYTES("\x03\0\1t\x26\0\1k\0\1v")});
	peer_put(&w, 0xe0, BYTES("\4"));
	check_eq_s(peer_hear(&s), "PUBLISH gone/w=kept q0 03=t 26=k:v");
	peer_close(&w);
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 1);
	peer_close(&s);
	broker_stop(&b);
}

TEST(a_will_waits_for_its_delay_and_is_dropped_when_the_client_comes_back)
{
	/* [MQTT-3.1.3-9] */
	struct broker b = {0};
	struct peer w, s;
	struct hello h = {.id = "w",
	        .keep = true,
	        .props = BYTES("\x11\0\0\0\x3c"),
	        .will_topic = "gone/w",
	        .will = "bye",
	        .will_props = BYTES("\x18\0\0\0\x32")};
	start(&b);
	peer_connect(&s, &b, 5, (struct hello){.id = "s"});
	peer_subscribe(&s, "gone/#", 0, STR_NULL);
	peer_connect(&w, &b, 5, h);
	peer_close(&w);
	check_has(peer_connect(&w, &b, 5, h), "CONNACK 1 00");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	check(broker_wait(&b, &b.closes, 1));
	/* A clean start ends the session, and with it the waiting. */
	peer_close(&w);
	h.keep = false;
	h.will_props = BYTES("\x18\0\0\0\1");
	check_has(peer_connect(&w, &b, 5, h), "CONNACK 0 00");
	check_eq_s(peer_hear(&s), "PUBLISH gone/w=bye q0");
	/* A second later it is due. */
	peer_close(&w);
	check_eq_s(peer_hear(&s), "PUBLISH gone/w=bye q0");
	peer_close(&s);
	broker_stop(&b);
}

/* Its session has no file to stand in. */
TEST(a_will_that_waits_when_the_server_stops_is_not_sent)
{
	struct broker b = {0};
	struct peer w, p;
	start(&b);
	peer_connect(&w, &b, 5,
	        (struct hello){.id = "w",
	                .props = BYTES("\x11\0\0\0\x3c"),
	                .will_topic = "gone",
	                .will = "bye",
	                .will_props = BYTES("\x18\0\0\0\x32")});
	int64_t connected = metric_get(METRIC_MQTT_CONNECTIONS);
	peer_close(&w);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	while (metric_get(METRIC_MQTT_CONNECTIONS) > connected)
		peer_quiet(&p);
	peer_close(&p);
	broker_stop(&b);
	check_eq_i(b.published, 0);
	check_eq_i(b.closes, 2);
}

TEST(a_will_that_waits_outlives_a_stop)
{
	/* [MQTT-3.1.2-8], [MQTT-3.1.3-9] */
	const struct mqtt_options o = {.state = test_path("state")};
	const struct str lasts = BYTES("\x11\0\0\0\x3c");
	struct broker b = {0}, again = {0}, third = {0};
	struct peer s, gone, here, back, left;
	broker_start(&b, o);
	peer_connect(&s, &b, 5, (struct hello){.id = "s", .props = lasts});
	peer_subscribe(&s, "gone/#", 1, STR_NULL);
	peer_close(&s);
#define DYING(name, delay, ...)                                                                              \
	((struct hello){.id = (name),                                                                        \
	        .props = lasts,                                                                              \
	        .will_topic = "gone/" name,                                                                  \
	        .will = "bye",                                                                               \
	        .will_qos = 1,                                                                               \
	        .will_props = BYTES("\x18\0\0\0" delay "\x26\0\1k\0\1v"),                                    \
	        __VA_ARGS__})
	peer_connect(&gone, &b, 5, DYING("gone", "\3", ));
	peer_connect(&here, &b, 5, DYING("here", "\3", ));
	peer_connect(&back, &b, 5, DYING("back", "\x3c", ));
	peer_connect(&left, &b, 5, DYING("left", "\3", .user = "removed"));
	int64_t connected = metric_get(METRIC_MQTT_CONNECTIONS);
	peer_close(&gone);
	peer_close(&back);
	while (metric_get(METRIC_MQTT_CONNECTIONS) > connected - 2)
		peer_quiet(&here);
	broker_stop(&b);
	peer_close(&here);
	peer_close(&left);
	check_eq_i(b.published, 0);

	broker_start(&again, o);
	peer_connect(&back, &again, 5, (struct hello){.id = "back", .keep = true, .props = lasts});
	peer_connect(&s, &again, 5, (struct hello){.id = "s", .keep = true, .props = lasts});
	check(broker_wait(&again, &again.published, 2));
	for (int i = 0; i < 2; i++) {
		check_has(peer_hear(&s), "=bye q1");
		check_has(s.text.p, " 26=k:v");
	}
	check_eq_s(peer_quiet(&s), "PINGRESP");
	check_has(again.text.p, "gone/gone=bye;");
	check_has(again.text.p, "gone/here=bye;");
	peer_close(&back);
	peer_close(&s);
	broker_stop(&again);
	/* Once. */
	broker_start(&third, o);
	peer_connect(&back, &third, 5, (struct hello){.id = "back", .keep = true, .props = lasts});
	check_eq_s(peer_quiet(&back), "PINGRESP");
	peer_close(&back);
	broker_stop(&third);
	check_eq_i(third.published, 0);
}

TEST(a_device_that_falls_silent_leaves_its_will)
{
	/* [MQTT-3.1.2-22] */
	struct broker b = {0};
	struct peer w, s;
	start(&b);
	peer_connect(&s, &b, 4, (struct hello){.id = "s"});
	peer_subscribe(&s, "gone", 0, STR_NULL);
	peer_connect(
	        &w, &b, 5, (struct hello){.id = "w", .keep_alive = 1, .will_topic = "gone", .will = "x"});
	check_eq_s(peer_hear(&s), "PUBLISH gone=x q0");
	check_eq_s(peer_hear(&w), "DISCONNECT 8d");
	peer_close(&w);
	peer_close(&s);
	broker_stop(&b);
}

/* ---- through a stop ---- */

TEST(sessions_and_retained_messages_outlive_an_orderly_stop)
{
	struct clock *clock = clock_new_real();
	const struct mqtt_options o = {.state = test_path("mqtt.state"), .clock = clock};
	struct broker b = {0}, again = {0};
	struct peer p, s, q;
	broker_start(&b, o);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_connect(
	        &s, &b, 5, (struct hello){.id = "s", .user = "u", .props = BYTES("\x11\0\0\0\x3c\x21\0\1")});
	peer_subscribe(&s, "a/#", 2, BYTES("\x0b\x07"));
	peer_subscribe(&s, "$share/g/jobs", 1, STR_NULL);
	peer_connect(&q, &b, 4, (struct hello){.id = "q", .keep = true});
	peer_publish(&q, "x", "half", 4, 9, STR_NULL);
	check_eq_s(peer_hear(&q), "PUBREC 9 00");
	peer_publish(&p, "a/1", "first", 4, 1, STR_NULL);
	peer_publish(&p, "a/2", "second", 3, 2, BYTES("\x26\0\1k\0\1v"));
	peer_publish(&p, "a/3", "short", 2, 3, BYTES("\x02\0\0\0\1"));
	check_eq_s(peer_hear(&s), "PUBLISH a/1=first q2 id=1 0b=7");
	peer_ack(&s, 0x50, 1);
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	check_has(peer_hear(&p), "PUBREC");
	broker_stop(&b);
	peer_close(&p);
	peer_close(&s);
	peer_close(&q);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 0);
	usleep(1100000);

	broker_start(&again, o);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 2);
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 1);
	check_has(peer_connect(&s, &again, 5,
	                  (struct hello){
	                          .id = "s", .user = "u", .keep = true, .props = BYTES("\x11\0\0\0\x3c")}),
	        "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	check_has(peer_hear(&s), "PUBLISH a/2=second q1 id=2 0b=7 26=k:v");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_connect(&p, &again, 5, (struct hello){.id = "p"});
	peer_publish(&p, "jobs", "j", 2, 1, STR_NULL);
	check_has(peer_hear(&s), "PUBLISH jobs=j q1");
	check_eq_s(peer_connect(&q, &again, 4, (struct hello){.id = "q", .keep = true}), "CONNACK 1 00");
	peer_publish(&q, "x", "half", 4 | 8, 9, STR_NULL);
	check_eq_s(peer_hear(&q), "PUBREC 9 00");
	check_eq_i(again.published, 1);
	peer_close(&p);
	peer_close(&s);
	peer_close(&q);
	broker_stop(&again);
	clock_free(&clock);
}

TEST(a_state_that_is_damaged_is_told_and_left)
{
	const struct mqtt_options o = {.state = test_path("mqtt.state")};
	struct broker b = {0};
	struct err e = ERR_INIT;
	struct arena *a = arena_new(0);
	struct str text;
	struct peer p;
	broker_start(&b, o);
	peer_connect(&p, &b, 4, (struct hello){.id = "p", .keep = true});
	peer_publish(&p, "a", "kept", 3, 1, STR_NULL);
	peer_hear(&p);
	peer_close(&p);
	broker_stop(&b);
	check_ok(file_read(a, o.state, 1 << 20, &text, &e), &e);
	/* Every cut, by its own hash or not, and every changed byte, is survived. */
	for (size_t n = 0; n < text.n; n += 3) {
		struct broker again = {0};
		char *copy = xcalloc(text.n, 1);
		memcpy(copy, text.p, text.n);
		if (n % 2)
			copy[n] ^= 0x10;
		check_ok(file_write(o.state, copy, n % 2 ? text.n : n, 0600, &e), &e);
		free(copy);
		broker_start(&again, o);
		check_eq_i(metric_get(METRIC_MQTT_RETAINED), 0);
		broker_stop(&again);
	}
	arena_free(&a);
}

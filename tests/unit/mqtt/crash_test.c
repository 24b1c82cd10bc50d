/*
 * What a client was told outlives a process that is killed. A crash is a copy of the log as it stands on the
 * disk at that moment, from which another broker starts.
 */
#include "base/fault.h"
#include "base/file.h"
#include "base/metric.h"
#include "peer.h"

#include <unistd.h>

static const char *LASTS = "\x11\0\0\0\x3c";

static struct mqtt_options options(const char *file, const struct clock *clock)
{
	return (struct mqtt_options){.state = test_path(file), .clock = clock};
}

/* The log as it is now, under another name. */
static void crash(const struct mqtt_options *from, const struct mqtt_options *to)
{
	struct err e = ERR_INIT;
	check_ok(file_copy(from->state, to->state, 0600, &e), &e);
}

static const char *back(struct peer *p, const struct broker *b, const char *id)
{
	return peer_connect(p, b, 5, (struct hello){.id = id, .keep = true, .props = (struct str){LASTS, 5}});
}

TEST(what_a_client_was_told_outlives_a_crash)
{
	const struct mqtt_options o = options("a", NULL), left = options("b", NULL);
	struct broker b = {0}, again = {0};
	struct peer p = {0}, s = {0}, gone = {0};
	broker_start(&b, o);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	check_has(back(&gone, &b, "gone"), "CONNACK 0 00");
	check_has(peer_subscribe(&gone, "a/#", 1, STR_NULL), "SUBACK 1 01");
	check_has(back(&s, &b, "s"), "CONNACK 0 00");
	check_has(peer_subscribe(&s, "a/#", 2, BYTES("\x0b\x07")), "SUBACK 1 02");
	check_has(peer_subscribe(&s, "$share/g/jobs", 1, STR_NULL), "SUBACK");
	check_has(peer_subscribe(&s, "never", 1, STR_NULL), "SUBACK");
	check_has(peer_unsubscribe(&s, "never"), "UNSUBACK");
	peer_close(&s); /* without goodbye */
	/* Its session ends with a new start, and does not come again. */
	peer_close(&gone);
	check_has(peer_connect(&gone, &b, 5, (struct hello){.id = "gone"}), "CONNACK 0 00");
	peer_publish(&p, "a/1", "one", 2, 1, BYTES("\x26\0\1k\0\1v"));
	check_eq_s(peer_hear(&p), "PUBACK 1 00");
	peer_publish(&p, "a/2", "two", 5, 2, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 2 00");
	peer_ack(&p, 0x62, 2);
	check_eq_s(peer_hear(&p), "PUBCOMP 2 00");
	peer_publish(&p, "a/0", "never kept", 0, 0, STR_NULL);
	peer_publish(&p, "other", "old", 3, 3, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 3 00");
	peer_publish(&p, "other", "new", 3, 4, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 4 00");
	peer_publish(&p, "gone", "x", 3, 5, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 5 00");
	peer_publish(&p, "gone", "", 3, 6, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 6 00");
	crash(&o, &left);
	peer_close(&p);
	peer_close(&gone);
	broker_stop(&b);

	broker_start(&again, left);
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 2);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 1);
	check_eq_i(metric_get(METRIC_MQTT_SUBSCRIPTIONS), 2);
	check_has(back(&s, &again, "s"), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBLISH a/1=one q1 id=1 0b=7 26=k:v");
	check_eq_s(peer_hear(&s), "PUBLISH a/2=two q2 id=2 0b=7");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	check_has(back(&gone, &again, "gone"), "CONNACK 0 00");
	peer_subscribe(&gone, "other", 1, STR_NULL);
	check_eq_s(peer_hear(&gone), "PUBLISH other=new q1 r id=1");
	peer_close(&s);
	peer_close(&gone);
	broker_stop(&again);
}

/* Each step of QoS 2, both ways, goes on where it was. */
TEST(qos_2_is_once_across_crashes)
{
	const struct mqtt_options o[] = {options("a", NULL), options("b", NULL), options("c", NULL),
	        options("d", NULL), options("e", NULL)};
	struct broker b[5] = {0};
	struct peer p = {0}, s = {0};
	broker_start(&b[0], o[0]);
	back(&s, &b[0], "s");
	peer_subscribe(&s, "a", 2, STR_NULL);
	back(&p, &b[0], "p");
	peer_publish(&p, "a", "x", 4, 9, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 9 00");
	check_eq_s(peer_hear(&s), "PUBLISH a=x q2 id=1");
	crash(&o[0], &o[1]);
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b[0]);

	broker_start(&b[1], o[1]);
	check_has(back(&p, &b[1], "p"), "CONNACK 1 00");
	peer_publish(&p, "a", "x", 4 | 8, 9, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 9 00");
	check_eq_i(b[1].published, 0);
	check_has(back(&s, &b[1], "s"), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBLISH a=x q2 d id=1");
	peer_ack(&s, 0x50, 1);
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	peer_ack(&p, 0x62, 9);
	check_eq_s(peer_hear(&p), "PUBCOMP 9 00");
	crash(&o[1], &o[2]);
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b[1]);

	broker_start(&b[2], o[2]);
	check_has(back(&p, &b[2], "p"), "CONNACK 1 00");
	peer_publish(&p, "b", "another under the same id", 4, 9, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBREC 9 00");
	check_eq_i(b[2].published, 1);
	check_has(back(&s, &b[2], "s"), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	crash(&o[2], &o[3]);
	peer_ack(&s, 0x70, 1);
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b[2]);

	/* After the orderly stop nothing of it is left; after the crash before it, all. */
	broker_start(&b[3], o[3]);
	check_has(back(&s, &b[3], "s"), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBREL 1 00");
	peer_close(&s);
	broker_stop(&b[3]);
	broker_start(&b[4], o[2]);
	check_has(back(&s, &b[4], "s"), "CONNACK 1 00");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&s);
	broker_stop(&b[4]);
}

TEST(nobody_is_told_of_what_the_disk_did_not_take)
{
	const struct mqtt_options o = options("a", NULL);
	struct broker b = {0};
	struct peer p = {0}, s = {0};
	broker_start(&b, o);
	check_has(back(&s, &b, "s"), "CONNACK 0 00");
	check_has(peer_subscribe(&s, "a", 1, STR_NULL), "SUBACK");
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	check(fault_arm("MQTT_STATE:1+"));
	peer_publish(&p, "a", "x", 2, 1, STR_NULL);
	check_eq_s(peer_hear(&s), "PUBLISH a=x q1 id=1");
	check_eq_s(peer_hear(&p), "DISCONNECT 80");
	peer_close(&p);
	/* What needs no disk goes on. */
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	peer_publish(&p, "b", "x", 2, 1, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 1 00");
	check(fault_arm("MQTT_STATE:off"));
	peer_publish(&p, "a", "y", 2, 2, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 2 00");
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
}

/* Who was here when the process died leaves its will when the delay is over, if it does not come back. */
TEST(a_will_with_a_delay_outlives_a_crash)
{
	const struct mqtt_options o = options("a", NULL), left = options("b", NULL);
	struct broker b = {0}, again = {0};
	struct peer w = {0}, done = {0}, s = {0};
	const struct hello hello = {.id = "w",
	        .props = (struct str){LASTS, 5},
	        .will_topic = "gone",
	        .will = "bye",
	        .will_qos = 1,
	        .will_props = BYTES("\x18\0\0\0\1")};
	struct hello other = hello;
	broker_start(&b, o);
	back(&s, &b, "s");
	peer_subscribe(&s, "gone", 1, STR_NULL);
	peer_connect(&w, &b, 5, hello);
	other.id = "done";
	peer_connect(&done, &b, 5, other);
	RAW(done.fd, "\xe0\0");
	check_eq_s(peer_hear(&done), "closed");
	/* What a later answer needs is durable with it. */
	check_has(peer_subscribe(&s, "other", 1, STR_NULL), "SUBACK");
	crash(&o, &left);
	peer_close(&w);
	peer_close(&s);
	peer_close(&done);
	broker_stop(&b);
	broker_start(&again, left);
	check_has(back(&s, &again, "s"), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBLISH gone=bye q1 id=1");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&s);
	broker_stop(&again);
	check_eq_i(again.published, 1);
}

/* Time goes on while nobody is there. */
TEST(what_expires_goes_on_to_expire_after_a_crash)
{
	struct clock *clock = clock_new_manual(1000 * US_SECOND);
	const struct mqtt_options o = options("a", clock), left = options("b", clock);
	struct broker b = {0}, again = {0};
	struct peer p = {0}, s = {0};
	broker_start(&b, o);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	back(&s, &b, "away");
	peer_close(&s);
	back(&s, &b, "s");
	peer_subscribe(&s, "a", 1, STR_NULL);
	peer_publish(&p, "a", "short", 2, 1, BYTES("\x02\0\0\0\x0a"));
	check_eq_s(peer_hear(&p), "PUBACK 1 00");
	peer_publish(&p, "a", "long", 2, 2, BYTES("\x02\0\0\0\x64"));
	check_eq_s(peer_hear(&p), "PUBACK 2 00");
	peer_subscribe(&s, "b", 2, STR_NULL);
	peer_publish(&p, "b", "begun", 4, 3, BYTES("\x02\0\0\0\x0a"));
	check_eq_s(peer_hear(&p), "PUBREC 3 00");
	crash(&o, &left);
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
	clock_set(clock, 1050 * US_SECOND);
	broker_start(&again, left);
	check_has(back(&s, &again, "s"), "CONNACK 1 00");
	check_eq_s(peer_hear(&s), "PUBLISH a=long q1 d id=2 02=50");
	/* Of QoS 2 it was begun, and is brought to its end. */
	check_eq_s(peer_hear(&s), "PUBLISH b=begun q2 d id=3 02=0");
	check_eq_s(peer_quiet(&s), "PINGRESP");
	peer_close(&s);
	broker_stop(&again);
	clock_free(&clock);
}

/* Many changes, a few things that are there at the end: the file stays short, and says the same. */
TEST(the_log_is_made_anew_when_it_has_grown)
{
	const struct mqtt_options o = options("a", NULL), left = options("b", NULL);
	struct broker b = {0}, again = {0};
	struct peer p = {0}, s = {0};
	struct str text = STR_NULL;
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	char *big = xcalloc(60001, 1), want[64] = "";
	memset(big, 'x', 60000);
	broker_start(&b, o);
	peer_connect(&p, &b, 4, (struct hello){.id = "p"});
	back(&s, &b, "s");
	peer_subscribe(&s, "kept", 1, STR_NULL);
	peer_publish(&p, "kept", "waits", 3, 1, STR_NULL);
	check_eq_s(peer_hear(&p), "PUBACK 1 00");
	for (unsigned i = 2; i < 700; i++) {
		peer_publish(&p, "big", big, 3, i, STR_NULL);
		snprintf(want, sizeof(want), "PUBACK %u 00", i);
		check_eq_s(peer_hear(&p), want);
	}
	crash(&o, &left);
	check_ok(file_read(a, left.state, 64 << 20, &text, &e), &e);
	check(text.n > 60000 && text.n < 20u << 20);
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
	broker_start(&again, left);
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 2);
	check_has(back(&s, &again, "s"), "CONNACK 1 00");
	check_has(peer_hear(&s), "PUBLISH kept=waits q1");
	peer_close(&s);
	broker_stop(&again);
	arena_free(&a);
	free(big);
}

/* A log that was cut anywhere starts, with what stood before the cut. */
TEST(a_log_that_is_cut_anywhere_keeps_what_stood_before)
{
	const struct mqtt_options o = options("a", NULL), left = options("b", NULL), cut = options("c", NULL);
	struct broker b = {0};
	struct peer p = {0}, s = {0};
	struct str text = STR_NULL;
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	int64_t sessions = 0, retained = 0;
	broker_start(&b, o);
	peer_connect(&p, &b, 5, (struct hello){.id = "p"});
	back(&s, &b, "s");
	peer_subscribe(&s, "#", 2, STR_NULL);
	for (unsigned i = 1; i < 6; i++) {
		char topic[2] = {(char)('a' + i), 0};
		peer_publish(&p, topic, "x", 5, i, STR_NULL);
		check_has(peer_hear(&p), "PUBREC");
		check_has(peer_hear(&s), "PUBLISH");
		peer_ack(&s, 0x50, i);
		check_has(peer_hear(&s), "PUBREL");
	}
	crash(&o, &left);
	peer_close(&p);
	peer_close(&s);
	broker_stop(&b);
	check_ok(file_read(a, left.state, 1 << 20, &text, &e), &e);
	for (size_t n = 0; n <= text.n; n += 7) {
		struct broker again = {0};
		check_ok(file_write(cut.state, text.p, n, 0600, &e), &e);
		broker_start(&again, cut);
		check(metric_get(METRIC_MQTT_SESSIONS) >= sessions);
		check(metric_get(METRIC_MQTT_RETAINED) >= retained);
		sessions = metric_get(METRIC_MQTT_SESSIONS);
		retained = metric_get(METRIC_MQTT_RETAINED);
		broker_stop(&again);
	}
	check_eq_i(sessions, 1);
	check_eq_i(retained, 5);
	arena_free(&a);
}

/*
 * Clients that say anything: whole packets in any order, cut and changed ones, few client ids so that
 * sessions are taken over all the time. The broker must live, serve the others, and forget all of it at its
 * end. For the sanitizers.
 */
#include "peer.h"

#include "base/metric.h"

#include <sys/socket.h>
#include <unistd.h>

/* A packet of either version that is mostly right. */
static void make_packet(bool v5, struct sb *b)
{
	static const char *const topics[] = {"a", "a/b", "b/c/d", "$x/y", "hidden/a", "refused/a", "lost/a"};
	static const char *const filters[] = {
	        "#", "+/b", "a/#", "b/+/d", "$share/g/a/#", "$share/g/#", "secret/a", "$x/#"};
	static const unsigned char acks[] = {0x40, 0x50, 0x62, 0x70};
	struct sb body = SB_INIT;
	unsigned first, qos = (unsigned)test_below(3), id = 1 + (unsigned)test_below(6);
	const char *text;
	switch ((unsigned)test_below(8)) {
	case 0:
	case 1:
	case 2:
		first = 0x30 | qos << 1 | (unsigned)test_below(2);
		text = topics[(unsigned)test_below(ARRAY_LEN(topics))];
		sb_putc(&body, 0);
		sb_putc(&body, (char)strlen(text));
		sb_puts(&body, text);
		if (qos > 0)
			sb_put(&body, (char[2]){0, (char)id}, 2);
		if (v5 && (unsigned)test_below(2))
			sb_put(&body, "\3\x23\0\1", 4);
		else if (v5)
			sb_put(&body, "\5\2\0\0\0\1", 6);
		for (unsigned n = (unsigned)test_below(50); n > 0; n--)
			sb_putc(&body, 'x');
		break;
	case 3:
		first = acks[(unsigned)test_below(4)];
		sb_put(&body, (char[2]){0, (char)id}, 2);
		break;
	case 4:
	case 5:
		first = (unsigned)test_below(3) ? 0x82 : 0xa2;
		text = filters[(unsigned)test_below(ARRAY_LEN(filters))];
		sb_put(&body, "\0\1", 2);
		if (v5)
			sb_putc(&body, 0);
		sb_putc(&body, 0);
		sb_putc(&body, (char)strlen(text));
		sb_puts(&body, text);
		if (first == 0x82)
			sb_putc(&body, (char)qos);
		break;
	case 6: first = 0xc0; break;
	default: first = (unsigned)test_below(6) ? 0xc0 : 0xe0; break;
	}
	size_t from = b->n;
	sb_putc(b, (char)first);
	sb_putc(b, (char)body.n);
	sb_putstr(b, sb_str(&body));
	if ((unsigned)test_below(60) == 0)
		b->p[from + (unsigned)test_below((unsigned)(b->n - from))] ^=
		        (char)(1 << (unsigned)test_below(8));
	sb_fini(&body);
}

TEST(lives_through_anything)
{
	struct broker b = {0};
	broker_start(
	        &b, (struct mqtt_options){.queue_n = 20, .retained = 4, .sessions = 3, .packet_max_b = 4096});
	for (int round = 0; round < 300; round++) {
		struct peer p[3];
		struct sb out = SB_INIT;
		for (int i = 0; i < 3; i++) {
			char id[2] = {(char)('a' + (unsigned)test_below(5)), 0};
			bool v5 = (unsigned)test_below(2);
			static const char props[] = "\x11\0\0\0\x3c\x21\0\3\x22\0\2\x27\0\0\0\x30";
			const struct hello h = {.id = id,
			        .keep = (unsigned)test_below(2),
			        .props = {props, 5 + 3 * (unsigned)test_below(2)},
			        .will_topic = (unsigned)test_below(3) ? NULL : "a/b",
			        .will = "will",
			        .will_qos = 1,
			        .will_retain = true,
			        .will_props = BYTES("\x18\0\0\0\1")};
			check_has(peer_connect(&p[i], &b, v5 ? 5 : 4, h), "CONNACK");
		}
		for (int n = 0; n < 60; n++) {
			int i = (int)(unsigned)test_below(3);
			sb_reset(&out);
			make_packet(p[i].version == 5, &out);
			raw_send(p[i].fd, out.p, out.n);
		}
		for (int i = 0; i < 3; i++)
			peer_close(&p[i]);
		sb_fini(&out);
	}
	struct peer good;
	peer_connect(&good, &b, 5, (struct hello){.id = "good"});
	check_eq_s(peer_subscribe(&good, "good", 1, STR_NULL), "SUBACK 1 01");
	peer_publish(&good, "good", "x", 2, 1, STR_NULL);
	check_has(peer_hear(&good), "PUB");
	check_has(peer_hear(&good), "PUB");
	peer_close(&good);
	broker_stop(&b);
	check_eq_i(metric_get(METRIC_MQTT_SESSIONS), 0);
	check_eq_i(metric_get(METRIC_MQTT_SUBSCRIPTIONS), 0);
	check_eq_i(metric_get(METRIC_MQTT_RETAINED), 0);
	check_eq_i(metric_get(METRIC_MQTT_CONNECTIONS), 0);
}

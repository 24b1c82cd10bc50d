/* MQTT over WebSocket: RFC 6455 and MQTT 5.0, 6, byte by byte. */
#include "mqtt/websocket.h"
#include "mqtt_test.h"

#include "base/metric.h"

#include <poll.h>
#include <unistd.h>

#define REQUEST                                                                                              \
	"GET /mqtt HTTP/1.1\r\nHost: city.example\r\nupgrade: WebSocket\r\nConnection: keep-alive, "         \
	"Upgrade\r\n"                                                                                        \
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
#define SHAKE REQUEST "Sec-WebSocket-Protocol: mqttv3.1, mqtt\r\n\r\n"
/* The answer to the key of RFC 6455, 1.3. */
#define SHAKEN                                                                                               \
	"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"                  \
	"Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"

/* A frame with the mask 01 02 03 04. */
static void put_frame(struct sb *b, unsigned first, struct str body)
{
	static const char mask[4] = {1, 2, 3, 4};
	sb_putc(b, (char)first);
	if (body.n < 126) {
		sb_putc(b, (char)(0x80 | body.n));
	} else {
		bool large = body.n > UINT16_MAX;
		sb_putc(b, (char)(large ? 0xff : 0xfe));
		for (int at = large ? 56 : 8; at >= 0; at -= 8)
			sb_putc(b, (char)((uint64_t)body.n >> at));
	}
	sb_put(b, mask, sizeof(mask));
	for (size_t i = 0; i < body.n; i++)
		sb_putc(b, (char)(body.p[i] ^ mask[i & 3]));
}

static void say(int fd, unsigned first, struct str body)
{
	struct sb b = SB_INIT;
	put_frame(&b, first, body);
	raw_send(fd, b.p, b.n);
	sb_fini(&b);
}
#define SAY(fd, first, s) say((fd), (first), STR_LIT(s))

static int shaken(const struct broker *b)
{
	int fd = raw_open(b);
	RAW(fd, SHAKE);
	raw_expect(fd, SHAKEN);
	return fd;
}

#define CONNECT "\x10\x0d\0\4MQTT\4\2\0\0\0\1d"

TEST(a_device_speaks_over_websocket)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int64_t before = metric_get(METRIC_MQTT_WEBSOCKETS);
	int fd = shaken(&b);
	check_eq_i(metric_get(METRIC_MQTT_WEBSOCKETS), before + 1);
	SAY(fd, 0x82, CONNECT);
	raw_expect(fd, "\x82\4\x20\2\0\0");
	check_eq_s(b.id, "d");
	/* Two packets in a frame; one in three frames with a ping within ([MQTT-6.0.0-2]). */
	SAY(fd, 0x82, "\x30\5\0\1txy\xc0\0");
	raw_expect(fd, "\x82\2\xd0\0");
	SAY(fd, 0x02, "\x32\6");
	SAY(fd, 0x00, "\0\1t\1\2");
	SAY(fd, 0x89, "now");
	SAY(fd, 0x80, "z");
	raw_expect(fd, "\x8a\3now\x82\4\x40\2\1\2");
	check_str(sb_str(&b.text), "t=xy;t=z;");
	SAY(fd, 0x82, "\xe0\0");
	raw_expect(fd, "\x88\2\x03\xe8");
	check(raw_closed(fd));
	check(broker_wait(&b, &b.closes, 1));
	check_eq_s(b.why, "it said goodbye");
	broker_stop(&b);
	check_eq_i(metric_get(METRIC_MQTT_WEBSOCKETS), before);
}

/* The length of the next binary frame; 0: there is none. */
static size_t next_frame(int fd)
{
	unsigned char head[4] = {0};
	for (size_t i = 0; i < 2 || (i < 4 && head[1] == 126); i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, 10000) != 1 || read(fd, head + i, 1) != 1)
			return 0;
	}
	check_eq_i(head[0], 0x82);
	return head[1] == 126 ? (size_t)head[2] << 8 | head[3] : head[1];
}

TEST(a_large_message_goes_both_ways)
{
	enum { N = 200000 };
	struct broker b = {0};
	struct sb body = SB_INIT;
	broker_start(&b, (struct mqtt_options){0});
	int fd = shaken(&b);
	SAY(fd, 0x82, CONNECT "\x82\6\0\1\0\1t\0");
	raw_expect(fd, "\x82\x09\x20\2\0\0\x90\3\0\1\0");
	/* 3 + N is 0x30d43: 195, 154, 12 in sevens. */
	sb_put(&body, "\x30\xc3\x9a\x0c\0\1t", 7);
	for (int i = 0; i < N; i++)
		sb_putc(&body, (char)('a' + i % 26));
	say(fd, 0x82, sb_str(&body));
	for (size_t at = 0; at < body.n;) {
		size_t n = next_frame(fd);
		if (!check(n > 0 && at + n <= body.n))
			break;
		check(raw__expect(CHECK_AT, fd, body.p + at, n));
		at += n;
	}
	close(fd);
	check(broker_wait(&b, &b.closes, 1));
	broker_stop(&b);
	sb_fini(&body);
}

TEST(who_closes_is_answered)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int fd = shaken(&b);
	struct sb text = SB_INIT;
	SAY(fd, 0x82, CONNECT);
	raw_expect(fd, "\x82\4\x20\2\0\0");
	/* A message and the Close come in one write: the message counts. */
	put_frame(&text, 0x82, STR_LIT("\x30\4\0\1tx"));
	put_frame(&text, 0x88, STR_LIT("\x03\xe9 away"));
	raw_send(fd, text.p, text.n);
	raw_expect(fd, "\x88\2\x03\xe9");
	check(raw_closed(fd));
	check(broker_wait(&b, &b.closes, 1));
	check_eq_s(b.why, "it closed the connection");
	check_str(sb_str(&b.text), "t=x;");
	broker_stop(&b);
	sb_fini(&text);
}

TEST(a_server_that_stops_says_so)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int fd = shaken(&b);
	SAY(fd, 0x82, CONNECT);
	raw_expect(fd, "\x82\4\x20\2\0\0");
	broker_stop(&b);
	raw_expect(fd, "\x88\2\x03\xe9");
	check(raw_closed(fd));
}

TEST(refuses_what_is_no_handshake)
{
	static const struct {
		const char *name, *bytes, *status;
	} cases[] = {
	        {"a page", "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 "},
	        {"no subprotocol", REQUEST "\r\n", "HTTP/1.1 400 "},
	        {"another subprotocol", REQUEST "Sec-WebSocket-Protocol: soap, MQTT\r\n\r\n",
	                "HTTP/1.1 400 "},
	        {"an old version",
	                "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
	                "Upgrade\r\nSec-WebSocket-Version: 8\r\n\r\n",
	                "HTTP/1.1 426 "},
	        {"a short key",
	                "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: "
	                "Upgrade\r\nSec-WebSocket-Version: 13\r\n"
	                "Sec-WebSocket-Protocol: mqtt\r\nSec-WebSocket-Key: dGhl\r\n\r\n",
	                "HTTP/1.1 400 "},
	        {"HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "HTTP/1.1 400 "},
	        {"no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", "HTTP/1.1 400 "},
	        {"nothing", "G\r\n\r\n", "HTTP/1.1 400 "},
	};
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t before = metric_get(METRIC_MQTT_BAD_MALFORMED);
		int fd = raw_open(&b);
		raw_send(fd, cases[i].bytes, strlen(cases[i].bytes));
		if (!raw__expect(CHECK_AT, fd, cases[i].status, strlen(cases[i].status)))
			printf("# %s\n", cases[i].name);
		check(raw_closed(fd));
		check_eq_i(metric_get(METRIC_MQTT_BAD_MALFORMED), before + 1);
	}
	int fd = raw_open(&b);
	struct sb text = SB_INIT;
	sb_puts(&text, "GET / HTTP/1.1\r\nCookie: ");
	while (text.n <= WEBSOCKET_REQUEST_MOST)
		sb_puts(&text, "crumbs");
	raw_send(fd, text.p, text.n);
	raw_expect(fd, "HTTP/1.1 431 ");
	check(raw_closed(fd));
	sb_fini(&text);
	broker_stop(&b);
}

TEST(ends_who_breaks_the_rules_of_frames)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		const char *code;
	} cases[] = {
#define CASE(name, bytes, code) {name, bytes, sizeof(bytes) - 1, code}
	        CASE("no mask", "\x82\1x", "\x03\xea"),
	        CASE("an extension", "\xc2\x81\1\2\3\4x", "\x03\xea"),
	        CASE("text", "\x81\x81\1\2\3\4x", "\x03\xeb"),
	        CASE("an unknown frame", "\x83\x81\1\2\3\4x", "\x03\xea"),
	        CASE("an unknown control frame", "\x8b\x80\1\2\3\4", "\x03\xea"),
	        CASE("a ping in parts", "\x09\x80\1\2\3\4", "\x03\xea"),
	        CASE("a long ping", "\x89\xfe\0\x7e\1\2\3\4", "\x03\xea"),
	        CASE("a part of nothing", "\x80\x80\1\2\3\4", "\x03\xea"),
	        CASE("a message within another", "\x02\x80\1\2\3\4\x82\x80\1\2\3\4", "\x03\xea"),
	        CASE("a length longer than it need be", "\x82\xfe\0\x7d\1\2\3\4", "\x03\xea"),
	        CASE("a length longer than it need be, of 8 bytes", "\x82\xff\0\0\0\0\0\0\xff\xff\1\2\3\4",
	                "\x03\xea"),
	        CASE("a length past all", "\x82\xff\x80\0\0\0\0\0\0\0\1\2\3\4", "\x03\xea"),
	        CASE("a Close of one byte", "\x88\x81\0\0\0\0x", "\x03\xea"),
	        CASE("a code that is not for the wire", "\x88\x82\0\0\0\0\x03\xed", "\x03\xea"),
	        CASE("a code of nobody", "\x88\x82\0\0\0\0\x0b\xb7", "\x03\xea"),
#undef CASE
	};
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char want[4] = {(char)0x88, 2, cases[i].code[0], cases[i].code[1]};
		int fd = shaken(&b);
		raw_send(fd, cases[i].bytes, cases[i].n);
		if (!raw__expect(CHECK_AT, fd, want, sizeof(want)))
			printf("# %s\n", cases[i].name);
		check(raw_closed(fd));
	}
	/* What is no MQTT within frames ends as without them. */
	int fd = shaken(&b);
	SAY(fd, 0x82, "\xc0\0");
	raw_expect(fd, "\x88\2\x03\xe8");
	check(raw_closed(fd));
	broker_stop(&b);
	check_eq_i(b.connects, 0);
}

/* However the bytes are cut, the data is the same. */
TEST(frames_may_be_cut_anywhere)
{
	struct sb in = SB_INIT, data = SB_INIT;
	sb_puts(&in, SHAKE);
	put_frame(&in, 0x02, STR_LIT("one, "));
	put_frame(&in, 0x89, STR_LIT("ping"));
	put_frame(&in, 0x00, STR_LIT(""));
	put_frame(&in, 0x80, STR_LIT("two, "));
	put_frame(&in, 0x8a, STR_LIT("pong that nobody asked for"));
	put_frame(&in, 0x82, STR_LIT("three"));
	for (size_t step = 1; step <= in.n; step++) {
		struct websocket w;
		const char *why = NULL;
		websocket_init(&w);
		sb_reset(&data);
		for (size_t at = 0; at < in.n; at += step) {
			char part[1024];
			size_t n = in.n - at < step ? in.n - at : step;
			memcpy(part, in.p + at, n);
			size_t got = websocket_take(&w, part, n, &why);
			check(why == NULL && got <= n);
			sb_put(&data, part, got);
		}
		check_str(sb_str(&data), "one, two, three");
		check_str(sb_str(&w.out), SHAKEN "\x8a\4ping");
		websocket_fini(&w);
	}
	sb_fini(&in);
	sb_fini(&data);
}

/* Pings of one who reads no answer are not stored without end. */
TEST(pongs_are_bounded)
{
	struct websocket w;
	const char *why = NULL;
	char text[256];
	websocket_init(&w);
	memcpy(text, SHAKE, sizeof(SHAKE) - 1);
	(void)websocket_take(&w, text, sizeof(SHAKE) - 1, &why);
	for (int i = 0; i < 100000; i++) {
		memcpy(text, "\x89\x84\0\0\0\0ping", 10);
		check(websocket_take(&w, text, 10, &why) == 0 && why == NULL);
	}
	check(w.out.n < 8192);
	websocket_fini(&w);
}

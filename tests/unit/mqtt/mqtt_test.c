#include "mqtt_test.h"

#include "base/metric.h"
#include "base/socket.h"

#include <errno.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int connected(struct broker *b, const char *id)
{
	int fd = raw_open(b);
	raw_connect(fd, id);
	return fd;
}

TEST(answers_the_packets_of_a_device)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int fd = connected(&b, "d");
	RAW(fd, "\xc0\0");
	raw_expect(fd, "\xd0\0");
	RAW(fd, "\x30\5\0\1txy");
	RAW(fd, "\x32\6\0\1t\1\2z");
	raw_expect(fd, "\x40\2\1\2");
	RAW(fd, "\x82\x18\0\7\0\1c\1\0\1a\2\0\7secret/\2\0\1b\0");
	raw_expect(fd, "\x90\6\0\7\1\2\x80\0");
	RAW(fd, "\xa2\5\0\x08\0\1#");
	raw_expect(fd, "\xb0\2\0\x08");
	RAW(fd, "\xe0\0");
	check(raw_closed(fd));
	check(broker_wait(&b, &b.closes, 1));
	check_eq_s(b.why, "it said goodbye");
	check_str(sb_str(&b.text), "t=xy;t=z;");
	broker_stop(&b);
}

static int64_t refusals(void)
{
	int64_t n = 0;
	for (int m = METRIC_MQTT_BAD_MALFORMED; m <= METRIC_MQTT_BAD_MEMORY; m++)
		n += metric_get((enum metric_id)m);
	return n;
}

/* Each of these ends its connection; some get an answer first. */
TEST(ends_who_breaks_the_rules)
{
	static const struct {
		const char *name, *bytes;
		size_t n;
		const char *answer;
		size_t answer_n;
	} cases[] = {
#define CASE(name, bytes, answer) {name, bytes, sizeof(bytes) - 1, answer, sizeof(answer) - 1}
	        CASE("no CONNECT first", "\xc0\0", ""),
	        CASE("type 0", "\0\0", ""),
	        CASE("HTTP", "GET / HTTP/1.1\r\n\r\n", ""),
	        CASE("five bytes of length", "\x10\x80\x80\x80\x80\1", ""),
	        CASE("version 6", "\x10\x0e\0\4MQTT\6\2\0\0\0\0\1d", "\x20\3\0\x84\0"),
	        CASE("version 3.1", "\x10\x0f\0\6MQIsdp\3\2\0\0\0\1d", "\x20\2\0\1"),
	        CASE("no client id, no clean session", "\x10\x0c\0\4MQTT\4\0\0\0\0\0", "\x20\2\0\2"),
	        CASE("no name", "\x10\x0d\0\4MQTX\4\2\0\0\0\1d", ""),
	        CASE("reserved bits", "\x11\x0d\0\4MQTT\4\2\0\0\0\1d", ""),
	        CASE("second CONNECT", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x10\x0d\0\4MQTT\4\2\0\0\0\1d",
	                "\x20\2\0\0"),
	        CASE("QoS 3", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x36\6\0\1t\1\2z", "\x20\2\0\0"),
	        CASE("packet id 0", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x32\6\0\1t\0\0z", "\x20\2\0\0"),
	        CASE("long PUBACK", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x40\3\0\1\0", "\x20\2\0\0"),
	        CASE("PUBREL without its bit", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x60\2\0\1", "\x20\2\0\0"),
	        CASE("AUTH", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\xf0\0", "\x20\2\0\0"),
	        CASE("CONNACK", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x20\2\0\0", "\x20\2\0\0"),
	        CASE("long PING", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\xc0\1x", "\x20\2\0\0"),
	        CASE("too long", "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x30\x81\x10", "\x20\2\0\0"),
	};
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){.packet_max_b = 2048});
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int fd = raw_open(&b);
		int64_t refused = refusals();
		raw_send(fd, cases[i].bytes, cases[i].n);
		if (!raw__expect(CHECK_AT, fd, cases[i].answer, cases[i].answer_n) || !raw_closed(fd))
			check_fail("%s", cases[i].name);
		check_eq_i(refusals(), refused + 1);
	}
	broker_stop(&b);
	check_eq_i(b.published, 0);
	check_eq_i(metric_get(METRIC_MQTT_CONNECTIONS), 0);
}

TEST(takes_packets_byte_by_byte)
{
	static const char stream[] = "\x10\x0d\0\4MQTT\4\2\0\0\0\1d\x32\6\0\1t\0\1z\x32\6\0\1t\0\2y";
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int fd = raw_open(&b);
	for (size_t i = 0; i < sizeof(stream) - 1; i++)
		raw_send(fd, stream + i, 1);
	raw_expect(fd, "\x20\2\0\0\x40\2\0\1\x40\2\0\2");
	check_str(sb_str(&b.text), "t=z;t=y;");
	close(fd);
	broker_stop(&b);
}

/* 300 KB: several reads, a chunk that grows, and small packets before and after it in the same bytes. */
TEST(takes_large_packets_among_small_ones)
{
	struct broker b = {.hold = true};
	struct sb out = SB_INIT;
	const size_t n = 300 * 1024;
	char *big = xcalloc(n, 1);
	broker_start(&b, (struct mqtt_options){0});
	int fd = connected(&b, "d");
	memset(big, 'x', n);
	big[n - 1] = '!';
	for (int i = 0; i < 3; i++) {
		sb_put(&out, "\x30\4\0\1ta", 6);
		size_t length = 3 + n;
		sb_putc(&out, 0x30);
		sb_putc(&out, (char)(length % 128 | 128));
		sb_putc(&out, (char)(length / 128 % 128 | 128));
		sb_putc(&out, (char)(length / 128 / 128));
		sb_put(&out, "\0\1t", 3);
		sb_put(&out, big, n);
		sb_put(&out, "\x30\4\0\1tb", 6);
	}
	raw_send(fd, out.p, out.n);
	if (check(broker_wait(&b, &b.kept_n, 9))) {
		for (int i = 0; i < 9; i++) {
			struct str p = b.kept[i]->payload;
			if (i % 3 == 1) {
				check_eq_u(p.n, n);
				check(p.n == n && memcmp(p.p, big, n) == 0);
			} else {
				check_str(p, i % 3 == 0 ? "a" : "b");
			}
		}
	}
	for (int i = 0; i < b.kept_n; i++)
		broker_done(&b, i, true);
	close(fd);
	free(big);
	sb_fini(&out);
	broker_stop(&b);
}

TEST(acknowledges_in_order_of_arrival)
{
	struct broker b = {.hold = true};
	broker_start(&b, (struct mqtt_options){0});
	int fd = connected(&b, "d");
	RAW(fd, "\x32\5\0\1t\0\1\x32\5\0\1t\0\2\x30\3\0\1t\x32\5\0\1t\0\3");
	check(broker_wait(&b, &b.kept_n, 4));
	broker_done(&b, 3, true);
	broker_done(&b, 1, true);
	broker_done(&b, 2, true);
	/* Nothing so far but the answer to this. */
	RAW(fd, "\xc0\0");
	raw_expect(fd, "\xd0\0");
	broker_done(&b, 0, true);
	raw_expect(fd, "\x40\2\0\1\x40\2\0\2\x40\2\0\3");
	close(fd);
	broker_stop(&b);
}

TEST(a_message_that_failed_ends_its_connection_after_the_acks_before_it)
{
	struct broker b = {.hold = true};
	broker_start(&b, (struct mqtt_options){0});
	int fd = connected(&b, "d");
	RAW(fd, "\x32\5\0\1t\0\1\x32\5\0\1t\0\2\x32\5\0\1t\0\3");
	check(broker_wait(&b, &b.kept_n, 3));
	broker_done(&b, 2, true);
	broker_done(&b, 1, false);
	broker_done(&b, 0, true);
	raw_expect(fd, "\x40\2\0\1");
	check(raw_closed(fd));
	check(broker_wait(&b, &b.closes, 1));
	check_has(b.why, "could not be stored");
	broker_stop(&b);
}

TEST(a_connection_is_told_closed_after_its_messages)
{
	struct broker b = {.hold = true};
	broker_start(&b, (struct mqtt_options){0});
	int fd = connected(&b, "d");
	RAW(fd, "\x32\6\0\1t\0\1z");
	check(broker_wait(&b, &b.kept_n, 1));
	close(fd);
	/* Another connection comes and goes meanwhile: the loop has seen the first one's end. */
	int other = connected(&b, "e");
	RAW(other, "\xe0\0");
	check(raw_closed(other));
	check(broker_wait(&b, &b.closes, 1));
	check_eq_i(b.closes, 1);
	check_str(b.kept[0]->payload, "z");
	broker_done(&b, 0, true);
	check(broker_wait(&b, &b.closes, 2));
	broker_stop(&b);
}

TEST(the_newer_connection_of_a_client_id_stays)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int old = connected(&b, "same"), other = connected(&b, "other");
	int new = connected(&b, "same");
	check(raw_closed(old));
	check(broker_wait(&b, &b.closes, 1));
	check_has(b.why, "connected again");
	RAW(new, "\xc0\0");
	raw_expect(new, "\xd0\0");
	RAW(other, "\xc0\0");
	raw_expect(other, "\xd0\0");
	check_eq_i(metric_get(METRIC_MQTT_CONNECTIONS), 2);
	close(new);
	close(other);
	broker_stop(&b);
	check_eq_i(metric_get(METRIC_MQTT_CONNECTIONS), 0);
}

TEST(clients_without_an_id_do_not_disturb_one_another)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int one = connected(&b, ""), two = connected(&b, "");
	RAW(one, "\xc0\0");
	raw_expect(one, "\xd0\0");
	close(one);
	close(two);
	broker_stop(&b);
}

/* A keep-alive of 1 s is 1.5 s of silence; the one with 0 stays. */
TEST(a_silent_device_is_ended)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int ever = connected(&b, "ever"), fd = raw_open(&b);
	RAW(fd, "\x10\x0d\0\4MQTT\4\2\0\1\0\1d");
	raw_expect(fd, "\x20\2\0\0");
	check(raw_closed(fd));
	check(broker_wait(&b, &b.closes, 1));
	check_has(b.why, "silent");
	RAW(ever, "\xc0\0");
	raw_expect(ever, "\xd0\0");
	close(ever);
	broker_stop(&b);
}

#define TRICKLE_B (64u * 1024)

/* The n bytes over and over, each time from where the socket left off: it may take half a packet. */
static bool send_until_full(int fd, const char *p, size_t n, size_t most)
{
	/* A socket may say that it has room and then take nothing, or a few bytes at every look for minutes,
	 * since the kernel packs what lies there more tightly: what counts is that hardly anything goes. */
	dur_us went = clock_monotonic();
	size_t sent_then = 0;
	for (size_t sent = 0; sent < most;) {
		ssize_t got = send(fd, p + sent % n, n - sent % n, MSG_NOSIGNAL);
		if (got > 0) {
			sent += (size_t)got;
			if (sent - sent_then > TRICKLE_B) {
				sent_then = sent;
				went = clock_monotonic();
			}
			continue;
		}
		struct pollfd w = {.fd = fd, .events = POLLOUT};
		if (errno != EAGAIN && errno != EINTR) {
			check_fail("the broker has ended the connection: %s", strerror(errno));
			return false;
		}
		if (clock_monotonic() - went > 200 * US_MS)
			return true;
		(void)poll(&w, 1, 20);
	}
	return false;
}

TEST(does_not_read_on_past_the_limit_of_messages_at_work)
{
	struct broker b = {.hold = true};
	broker_start(&b, (struct mqtt_options){.inflight = 10});
	int fd = connected(&b, "d");
	char packets[25 * 7];
	for (int i = 0; i < 25; i++) {
		char one[7] = {0x32, 5, 0, 1, 't', 0, (char)(i + 1)};
		memcpy(packets + i * 7, one, 7);
	}
	raw_send(fd, packets, sizeof(packets));
	check(broker_wait(&b, &b.kept_n, 10));
	/* A device that came later is served: the loop is past the first one's bytes. */
	int other = connected(&b, "e");
	check_eq_i(b.kept_n, 10);
	for (int i = 0; i < 5; i++)
		broker_done(&b, i, true);
	check(broker_wait(&b, &b.kept_n, 15));
	for (int i = 5; i < 25; i++) {
		check(broker_wait(&b, &b.kept_n, i + 1));
		broker_done(&b, i, true);
	}
	for (int i = 0; i < 25; i++) {
		char ack[4] = {0x40, 2, 0, (char)(i + 1)};
		raw__expect(CHECK_AT, fd, ack, 4);
	}
	close(fd);
	close(other);
	broker_stop(&b);
}

TEST(does_not_read_on_past_the_limit_of_memory)
{
	struct broker b = {.hold = true};
	broker_start(&b, (struct mqtt_options){.memory_max_b = 512 * 1024, .inflight = 100000});
	int fd = connected(&b, "d");
	char *packet = xcalloc(10000, 1);
	struct sb out = SB_INIT;
	memset(packet, 'x', 10000);
	for (int i = 0; i < 20; i++) {
		sb_put(&out, "\x30\x93\x4e\0\1t", 6); /* 10,003 bytes follow */
		sb_put(&out, packet, 10000);
	}
	check(send_until_full(fd, out.p, out.n, 64u << 20));
	check(b.kept_n > 10 && b.kept_n < 200);
	pthread_mutex_lock(&b.lock);
	b.hold = false;
	pthread_mutex_unlock(&b.lock);
	int kept = b.kept_n;
	for (int i = 0; i < kept; i++)
		broker_done(&b, i, true);
	check(broker_wait(&b, &b.published, kept + 20)); /* it is read again */
	close(fd);
	free(packet);
	sb_fini(&out);
	broker_stop(&b);
}

TEST(unfinished_packets_alone_do_not_fill_the_memory_for_ever)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){.memory_max_b = 512 * 1024});
	char *half = xcalloc(300000, 1);
	int fd[6];
	memcpy(half, "\x30\xff\xff\x1f\0\1t", 7); /* half a megabyte is to follow */
	for (size_t i = 0; i < ARRAY_LEN(fd); i++) {
		char id[2] = {(char)('a' + i), 0};
		fd[i] = connected(&b, id);
		raw_send(fd[i], half, 300000);
	}
	check(broker_wait(&b, &b.closes, 1));
	check_has(b.why, "unfinished packets");
	int fresh = connected(&b, "fresh");
	RAW(fresh, "\x32\6\0\1t\0\1z");
	raw_expect(fresh, "\x40\2\0\1");
	close(fresh);
	for (size_t i = 0; i < ARRAY_LEN(fd); i++)
		close(fd[i]);
	free(half);
	broker_stop(&b);
}

TEST(a_device_that_reads_no_answers_is_not_read)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){0});
	int fd = raw_open(&b), small = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	raw_connect(fd, "d");
	char pings[8192];
	for (size_t i = 0; i < sizeof(pings); i += 2)
		memcpy(pings + i, "\xc0\0", 2);
	check(send_until_full(fd, pings, sizeof(pings), 64u << 20));
	int other = connected(&b, "e");
	close(other);
	close(fd);
	broker_stop(&b);
}

TEST(refuses_connections_past_its_limit)
{
	struct broker b = {0};
	broker_start(&b, (struct mqtt_options){.connections = 2});
	int one = connected(&b, "1"), two = connected(&b, "2");
	check(raw_closed(raw_open(&b)));
	close(one);
	check(broker_wait(&b, &b.closes, 1));
	int three = connected(&b, "3");
	close(two);
	close(three);
	broker_stop(&b);
}

TEST(a_flood_of_connections_waits_its_turn)
{
	struct broker b = {0};
	int fd[6];
	broker_start(&b, (struct mqtt_options){.accepts = 4});
	int64_t waits = metric_get(METRIC_MQTT_ACCEPT_WAITS);
	for (int i = 0; i < 6; i++) {
		char id[2] = {(char)('a' + i), 0};
		fd[i] = connected(&b, id);
	}
	check(metric_get(METRIC_MQTT_ACCEPT_WAITS) > waits);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	broker_stop(&b);
}

TEST(says_which_port_is_taken)
{
	struct broker b = {0};
	struct mqtt_server *s = NULL;
	struct mqtt_door door = {0};
	struct err e = ERR_INIT;
	char want[32];
	broker_start(&b, (struct mqtt_options){0});
	struct mqtt_options o = {.address = "127.0.0.1", .port = mqtt_port(b.server)};
	check_err(mqtt_listen(&o, &door, &s, &e), ERR_CONFLICT);
	snprintf(want, sizeof(want), "port %d", o.port);
	check_has(e.text, want);
	check_has(e.text, "choose another port");
	o = (struct mqtt_options){.address = "no.such.address.invalid", .port = 0};
	check_err(mqtt_listen(&o, &door, &s, &e), ERR_INVALID);
	broker_stop(&b);
}

/* Messages are done by other threads, in any order, while devices come and go. */
struct worker {
	struct broker *b;
	pthread_t thread;
	int parity;
};

static void *finish_kept(void *arg)
{
	struct worker *w = arg;
	for (int i = w->parity; i < 2000; i += 2) {
		if (!broker_wait(w->b, &w->b->kept_n, i + 1))
			break;
		broker_done(w->b, i, true);
	}
	return NULL;
}

TEST(two_hundred_devices_and_two_threads_that_answer)
{
	struct broker b = {.hold = true};
	struct worker w[2];
	int fd[200];
	broker_start(&b, (struct mqtt_options){0});
	for (int i = 0; i < 2; i++) {
		w[i] = (struct worker){.b = &b, .parity = i};
		pthread_create(&w[i].thread, NULL, finish_kept, &w[i]);
	}
	for (int i = 0; i < 200; i++) {
		char id[8];
		snprintf(id, sizeof(id), "d%d", i);
		fd[i] = connected(&b, id);
	}
	for (int round = 0; round < 10; round++) {
		for (int i = 0; i < 200; i++) {
			char p[8] = {0x32, 6, 0, 1, 't', 0, (char)(round + 1), 'x'};
			raw_send(fd[i], p, sizeof(p));
		}
	}
	for (int i = 0; i < 200; i++) {
		for (int round = 0; round < 10; round++) {
			char ack[4] = {0x40, 2, 0, (char)(round + 1)};
			raw__expect(CHECK_AT, fd[i], ack, 4);
		}
		close(fd[i]);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(w[i].thread, NULL);
	check(broker_wait(&b, &b.closes, 200));
	broker_stop(&b);
}

static void *stop(void *arg)
{
	struct broker *b = arg;
	mqtt_close(&b->server);
	return NULL;
}

TEST(stopping_waits_for_messages_at_work_and_acknowledges_them)
{
	struct broker b = {.hold = true};
	pthread_t t;
	broker_start(&b, (struct mqtt_options){0});
	int fd = connected(&b, "d"), idle = connected(&b, "idle");
	RAW(fd, "\x32\6\0\1t\0\1z");
	check(broker_wait(&b, &b.kept_n, 1));
	pthread_create(&t, NULL, stop, &b);
	check(raw_closed(idle));
	check(broker_wait(&b, &b.closes, 1));
	broker_done(&b, 0, true);
	raw_expect(fd, "\x40\2\0\1");
	pthread_join(t, NULL);
	check(raw_closed(fd));
	check_eq_s(b.why, "the server stops");
	sb_fini(&b.text);
}

/* Somebody else's client. */
TEST(speaks_with_mosquitto_pub)
{
	struct broker b = {0};
	char port[16];
	if (access("/usr/bin/mosquitto_pub", X_OK) != 0) {
		printf("# skipped: mosquitto_pub is not installed\n");
		return;
	}
	broker_start(&b, (struct mqtt_options){0});
	snprintf(port, sizeof(port), "%d", mqtt_port(b.server));
	pid_t pid = fork();
	if (pid == 0) {
		execl("/usr/bin/mosquitto_pub", "mosquitto_pub", "-h", "127.0.0.1", "-p", port, "-u", "login",
		        "-P", "secret", "-q", "1", "-t", "t/one", "-m", "hello", "--will-topic", "gone",
		        "--will-payload", "x", (char *)NULL);
		_exit(127);
	}
	int status = -1;
	check_eq_i(waitpid(pid, &status, 0), pid);
	check_eq_i(status, 0);
	check(broker_wait(&b, &b.published, 1));
	check_str(sb_str(&b.text), "t/one=hello;");
	check_eq_s(b.username, "login");
	broker_stop(&b);
}

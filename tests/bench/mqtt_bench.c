/*
 * Messages of QoS 1 a second through the broker: clients on loopback, each message done by another thread in
 * batches, as the committer of readings does it. Once with many packets in a write, once with one; the same
 * with messages that are retained, each durable in the log of sessions before its answer; then one message of
 * QoS 0 to many subscribers. FILE is that log's; it goes to /tmp without one.
 *
 * The clients send packets that were made before, so that it is the broker that is measured.
 *
 *   mqtt_bench [SECONDS [CLIENTS [SUBSCRIBERS [FILE]]]]
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/queue.h"
#include "base/sb.h"
#include "base/socket.h"
#include "mqtt/mqtt.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MOST 64
#define SUBSCRIBERS_MOST 1000
#define PACKETS 400 /* of a client without their answers: below what the broker takes */

struct job {
	struct queue_node node;
	struct mqtt_message *message;
};

static struct queue *jobs;
static _Atomic int64_t acked;
static _Atomic int stop;
static int port;

static enum mqtt_reason on_connect(void *ctx, const struct mqtt_hello *hello, void **user)
{
	(void)ctx, (void)hello, (void)user;
	return MQTT_R_OK;
}

static void on_publish(void *ctx, struct mqtt_message *m)
{
	struct job *j = xcalloc(1, sizeof(*j));

	(void)ctx;
	j->message = m;
	must(queue_push(jobs, &j->node));
}

static void on_close(void *ctx, void *user, const char *why)
{
	(void)ctx, (void)user, (void)why;
}

static void *finish(void *arg)
{
	struct queue_node *n, *next;

	(void)arg;
	while ((n = queue_take_all(jobs, -1)) != NULL) {
		for (; n; n = next) {
			struct job *j = CONTAINER_OF(n, struct job, node);

			next = n->next;
			mqtt_message_done(j->message, true);
			free(j);
		}
	}
	return NULL;
}

static bool subscribe(void *ctx, void *user, struct str filter)
{
	(void)ctx, (void)user, (void)filter;
	return true;
}

/* ---- clients ---- */

static int open_client(void)
{
	static const char hello[] = "\x10\x0c\0\4MQTT\4\2\0\0\0\0";
	struct err e = ERR_INIT;
	int fd = -1;
	char connack[4];

	if (socket_connect("127.0.0.1", port, 10 * US_SECOND, &fd, &e) < 0)
		panic(__FILE__, __LINE__, "%s", e.text);
	must(send(fd, hello, sizeof(hello) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(hello) - 1);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	must(poll(&p, 1, 10000) == 1 && recv(fd, connack, 4, 0) == 4);
	return fd;
}

static int one_a_write, retained;

/* PUBLISH of QoS 1, ids 1 … PACKETS; all of one length. */
static size_t make_packets(struct sb *b)
{
	static const char topic[] = "t/YC-GAS-0001/ch4_lel", payload[] = "12.5";

	for (unsigned id = 1; id <= PACKETS; id++) {
		sb_putc(b, retained ? 0x33 : 0x32);
		sb_putc(b, (char)(2 + sizeof(topic) - 1 + 2 + sizeof(payload) - 1));
		sb_putc(b, 0);
		sb_putc(b, (char)(sizeof(topic) - 1));
		sb_puts(b, topic);
		sb_putc(b, (char)(id >> 8));
		sb_putc(b, (char)id);
		sb_puts(b, payload);
	}
	return b->n / PACKETS;
}

/* Takes the answers that are there, or waits for some; their number. */
static int64_t take_answers(int fd, int wait_ms)
{
	static _Thread_local size_t part; /* bytes of an answer cut in two */
	char buf[8192];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int64_t n = 0;
	ssize_t got;

	if (wait_ms > 0)
		poll(&p, 1, wait_ms);
	while ((got = recv(fd, buf, sizeof(buf), 0)) > 0) {
		part += (size_t)got;
		n += (int64_t)(part / 4);
		part %= 4;
	}
	must(got < 0 && errno == EAGAIN);
	return n;
}

static void send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t got = send(fd, p, n, MSG_NOSIGNAL);

		if (got < 0) {
			struct pollfd w = {.fd = fd, .events = POLLOUT};

			must(errno == EAGAIN);
			poll(&w, 1, 1000);
			continue;
		}
		p += got;
		n -= (size_t)got;
	}
}

/* Half of its packets are on their way while the other half is answered. */
static void *publish(void *arg)
{
	struct sb b = SB_INIT;
	size_t each = make_packets(&b);
	int fd = open_client();
	int64_t sent = 0, answered = 0;

	(void)arg;
	while (!atomic_load(&stop)) {
		if (sent - answered > PACKETS / 2) {
			answered += take_answers(fd, 1000);
			continue;
		}
		const char *p = b.p + (size_t)(sent % PACKETS) * each;

		if (one_a_write)
			for (int i = 0; i < PACKETS / 2; i++)
				send_all(fd, p + (size_t)i * each, each);
		else
			send_all(fd, p, each * (PACKETS / 2));
		sent += PACKETS / 2;
	}
	while (answered < sent)
		answered += take_answers(fd, 1000);
	atomic_fetch_add(&acked, answered);
	close(fd);
	sb_fini(&b);
	return NULL;
}

static void nap(dur_us t)
{
	struct timespec ts = {t / US_SECOND, t % US_SECOND * 1000};

	nanosleep(&ts, NULL);
}

static double measure(int seconds, int clients)
{
	pthread_t t[CLIENTS_MOST];
	dur_us begin = clock_monotonic();

	atomic_store(&stop, 0);
	atomic_store(&acked, 0);
	for (int i = 0; i < clients; i++)
		pthread_create(&t[i], NULL, publish, NULL);
	nap(seconds * US_SECOND);
	atomic_store(&stop, 1);
	for (int i = 0; i < clients; i++)
		pthread_join(t[i], NULL);
	return (double)acked / ((double)(clock_monotonic() - begin) / (double)US_SECOND);
}

/* Messages received a second by all subscribers together of one publisher of QoS 0. */
static double fan_out(struct mqtt_server *s, int seconds, int subscribers)
{
	static const char ask[] = "\x82\6\0\1\0\1x\0";
	const struct mqtt_outgoing o = {.topic = STR_LIT("x"), .payload = STR_LIT("12.5")};
	const size_t length = 2 + 3 + 4;
	int fd[SUBSCRIBERS_MOST];
	char buf[65536];
	int64_t bytes = 0;

	for (int i = 0; i < subscribers; i++) {
		fd[i] = open_client();
		send_all(fd[i], ask, sizeof(ask) - 1);
		struct pollfd p = {.fd = fd[i], .events = POLLIN};
		must(poll(&p, 1, 10000) == 1 && recv(fd[i], buf, sizeof(buf), 0) == 5);
	}
	dur_us begin = clock_monotonic();
	for (int64_t rounds = 0; clock_monotonic() - begin < seconds * US_SECOND; rounds++) {
		for (int i = 0; i < 100; i++)
			mqtt_send(s, &o);
		int64_t want = (rounds + 1) * 100 * (int64_t)length * subscribers;
		for (int i = 0; bytes < want; i = (i + 1) % subscribers) {
			ssize_t n = recv(fd[i], buf, sizeof(buf), 0);

			bytes += n > 0 ? n : 0;
		}
	}
	double took = (double)(clock_monotonic() - begin) / (double)US_SECOND;
	for (int i = 0; i < subscribers; i++)
		close(fd[i]);
	return (double)bytes / (double)length / took;
}

static bool number(int argc, char **argv, int i, int64_t most, int64_t *v)
{
	return argc <= i || (num_int(str_of(argv[i]), v) && *v >= 1 && *v <= most);
}

int main(int argc, char **argv)
{
	const struct mqtt_options o = {
	        .address = "127.0.0.1", .state = argc > 4 ? argv[4] : "/tmp/heming-mqtt-bench.state"};
	const struct mqtt_door door = {
	        .connect = on_connect, .publish = on_publish, .subscribe = subscribe, .close = on_close};
	struct mqtt_server *s = NULL;
	struct err e = ERR_INIT;
	int64_t seconds = 2, clients = 4, subscribers = 100;
	pthread_t finisher;

	if (!number(argc, argv, 1, 60, &seconds) || !number(argc, argv, 2, CLIENTS_MOST, &clients) ||
	        !number(argc, argv, 3, SUBSCRIBERS_MOST, &subscribers)) {
		fprintf(stderr, "mqtt_bench [SECONDS [CLIENTS up to %d [SUBSCRIBERS up to %d [FILE]]]]\n",
		        CLIENTS_MOST, SUBSCRIBERS_MOST);
		return 2;
	}
	jobs = queue_new(1 << 20);
	if (mqtt_listen(&o, &door, &s, &e) < 0) {
		fprintf(stderr, "mqtt_bench: %s\n", e.text);
		return 1;
	}
	port = mqtt_port(s);
	pthread_create(&finisher, NULL, finish, NULL);
	printf("mqtt: broker and clients on this machine, QoS 1, %d clients\n", (int)clients);
	printf("  %9.0f messages/s acknowledged, %d packets a write\n", measure((int)seconds, (int)clients),
	        PACKETS / 2);
	one_a_write = 1;
	printf("  %9.0f messages/s acknowledged, one packet a write\n", measure((int)seconds, (int)clients));
	retained = 1;
	printf("  %9.0f messages/s acknowledged, one packet a write, retained and durable\n",
	        measure((int)seconds, (int)clients));
	one_a_write = 0;
	printf("  %9.0f messages/s acknowledged, %d packets a write, retained and durable\n",
	        measure((int)seconds, (int)clients), PACKETS / 2);
	printf("  %9.0f messages/s received, QoS 0, by %d subscribers\n",
	        fan_out(s, (int)seconds, (int)subscribers), (int)subscribers);
	mqtt_close(&s);
	(void)unlink(o.state);
	queue_close(jobs);
	pthread_join(finisher, NULL);
	queue_free(&jobs);
	return 0;
}

/*
 * ingest_bench FOLDER [seconds] - readings per second by both doors, against a server in this process: line
 * protocol over HTTP, one reading and 1,000 readings a post; MQTT at QoS 1, one reading a message, in rounds
 * of 200 messages one a write, and with up to 1,000 on their way, many a write. Every answer means "on the
 * disk", so that the disk's own sync stands beside it. FOLDER must be empty or new.
 */
#include "api/server.h"
#include "base/file.h"
#include "base/log.h"
#include "base/num.h"
#include "base/socket.h"
#include "base/thread.h"
#include "mqtt/client.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#define CLIENTS 16
#define IN_FLIGHT 200 /* MQTT messages of one client without an answer */

struct bench {
	int http, mqtt;
	char secret[65];
	dur_us until; /* monotonic */
	int per_post;
};
struct client {
	const struct bench *b;
	int number;
	int64_t readings, answers;
	pthread_t thread;
};

static void need(int rc, const struct err *e)
{
	char buf[800];

	if (rc >= 0)
		return;
	fprintf(stderr, "%s\n", err_str(e, buf, sizeof(buf)));
	exit(1);
}

/* ---- the disk ---- */

static double sync_us(const char *dir)
{
	char path[512], block[4096] = {0};
	struct err e = ERR_INIT;
	dur_us begin;
	int fd;

	snprintf(path, sizeof(path), "%s/sync", dir);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		need(err_set(&e, ERR_IO, "%s cannot be written", path), &e);
	begin = clock_monotonic();
	for (int i = 0; i < 200; i++) {
		need(file_write_all(fd, block, sizeof(block), &e), &e);
		(void)fdatasync(fd);
	}
	begin = clock_monotonic() - begin;
	close(fd);
	unlink(path);
	return (double)begin / 200;
}

/* ---- HTTP ---- */

static void send_all(int fd, const char *p, size_t n)
{
	while (n > 0) {
		struct pollfd pf = {.fd = fd, .events = POLLOUT};
		ssize_t k = write(fd, p, n);

		if (k > 0) {
			p += k;
			n -= (size_t)k;
		} else {
			(void)poll(&pf, 1, 1000);
		}
	}
}

/* Reads one answer without a body; its status. */
static int read_answer(int fd)
{
	char buf[4096];
	size_t n = 0;

	while (n < sizeof(buf) - 1) {
		struct pollfd pf = {.fd = fd, .events = POLLIN};
		ssize_t k;

		(void)poll(&pf, 1, 5000);
		k = read(fd, buf + n, sizeof(buf) - 1 - n);
		if (k <= 0)
			return 0;
		n += (size_t)k;
		buf[n] = '\0';
		if (strstr(buf, "\r\n\r\n") != NULL)
			return (int)strtol(buf + 9, NULL, 10);
	}
	return 0;
}

static void *http_client(void *arg)
{
	struct client *c = arg;
	struct sb body = SB_INIT, post = SB_INIT;
	struct err e = ERR_INIT;
	int fd = -1, round = 0;

	need(socket_connect("127.0.0.1", c->b->http, 5 * US_SECOND, &fd, &e), &e);
	while (clock_monotonic() < c->b->until) {
		sb_reset(&body);
		sb_reset(&post);
		for (int i = 0; i < c->b->per_post; i++)
			sb_printf(&body, "bench,thing=B-%d-%d value=%d.%02d %d\n", c->number, i % 100,
			        round % 50, i % 100, 1784000000 + round * 10 + i / 100);
		sb_printf(&post,
		        "POST /write?precision=s HTTP/1.1\r\nHost: bench\r\nAuthorization: Token bench:%s\r\n"
		        "Content-Length: %zu\r\n\r\n",
		        c->b->secret, body.n);
		sb_putstr(&post, sb_str(&body));
		send_all(fd, post.p, post.n);
		if (read_answer(fd) != 204) {
			fprintf(stderr, "a post was not taken\n");
			exit(1);
		}
		c->readings += c->b->per_post;
		c->answers++;
		round++;
	}
	close(fd);
	sb_fini(&body);
	sb_fini(&post);
	return NULL;
}

/* ---- MQTT ---- */

static void *mqtt_client(void *arg)
{
	struct client *c = arg;
	struct mqtt_client *m = NULL;
	struct err e = ERR_INIT;
	char id[32], topic[64], payload[64];

	snprintf(id, sizeof(id), "bench-%d", c->number);
	need(mqtt_client_connect("127.0.0.1", c->b->mqtt, id, "bench", c->b->secret, 5 * US_SECOND, &m, &e),
	        &e);
	while (clock_monotonic() < c->b->until) {
		for (int i = 0; i < IN_FLIGHT; i++) {
			uint16_t mid;
			int n = snprintf(payload, sizeof(payload), "{\"bench_mqtt\":%lld.5,\"ts\":%lld}",
			        (long long)(c->readings % 50),
			        (long long)(1784000000000 + c->readings / 100 * 1000));

			snprintf(topic, sizeof(topic), "t/B-%d-%lld", c->number,
			        (long long)(c->readings % 100));
			need(mqtt_client_publish(m, topic, (struct str){payload, (size_t)n}, 1, &mid, &e),
			        &e);
			c->readings++;
		}
		need(mqtt_client_wait(m, &e), &e);
		c->answers += IN_FLIGHT;
	}
	mqtt_client_close(&m);
	return NULL;
}

#define PIPELINED 1000 /* what the broker takes of one client without an answer */

static void put_text(struct sb *b, const char *s)
{
	sb_putc(b, (char)(strlen(s) >> 8));
	sb_putc(b, (char)strlen(s));
	sb_puts(b, s);
}

static void put_packet(struct sb *b, unsigned first, const struct sb *body)
{
	if (body->n >= 128)
		exit(1);
	sb_putc(b, (char)first);
	sb_putc(b, (char)body->n);
	sb_put(b, body->p, body->n);
}

/* CONNECT, and its answer. */
static int open_mqtt(const struct client *c)
{
	struct sb body = SB_INIT, packet = SB_INIT;
	struct err e = ERR_INIT;
	struct pollfd pf = {.events = POLLIN};
	char id[32], answer[4];
	int fd = -1;

	need(socket_connect("127.0.0.1", c->b->mqtt, 5 * US_SECOND, &fd, &e), &e);
	snprintf(id, sizeof(id), "pipe-%d", c->number);
	put_text(&body, "MQTT");
	sb_put(&body, "\4\xc2\0\0", 4);
	put_text(&body, id);
	put_text(&body, "bench");
	put_text(&body, c->b->secret);
	put_packet(&packet, 0x10, &body);
	send_all(fd, packet.p, packet.n);
	pf.fd = fd;
	if (poll(&pf, 1, 5000) != 1 || read(fd, answer, 4) != 4 || answer[3] != 0) {
		fprintf(stderr, "no connection by MQTT\n");
		exit(1);
	}
	sb_fini(&body);
	sb_fini(&packet);
	return fd;
}

/* A number to each of 500 series, ids 1 … 1,000, all of one length. */
static size_t make_packets(int client, struct sb *out)
{
	struct sb body = SB_INIT;
	char topic[64];

	for (int i = 0; i < PIPELINED; i++) {
		snprintf(topic, sizeof(topic), "t/P-%02d-%03d/bench_pipe", client, i % 500);
		sb_reset(&body);
		put_text(&body, topic);
		sb_putc(&body, (char)((i + 1) >> 8));
		sb_putc(&body, (char)(i + 1));
		sb_puts(&body, "12.5");
		put_packet(out, 0x32, &body);
	}
	sb_fini(&body);
	return out->n / PIPELINED;
}

static void *mqtt_pipe(void *arg)
{
	struct client *c = arg;
	struct sb packets = SB_INIT;
	size_t each = make_packets(c->number, &packets), part = 0;
	int fd = open_mqtt(c);
	char buf[8192];

	while (c->answers < c->readings || clock_monotonic() < c->b->until) {
		struct pollfd pf = {.fd = fd, .events = POLLIN};
		ssize_t n;

		if (c->readings - c->answers <= PIPELINED / 2 && clock_monotonic() < c->b->until) {
			send_all(fd, packets.p + (size_t)(c->readings % PIPELINED) * each,
			        each * (PIPELINED / 2));
			c->readings += PIPELINED / 2;
		}
		(void)poll(&pf, 1, 1000);
		n = read(fd, buf, sizeof(buf));
		part += n > 0 ? (size_t)n : 0;
		c->answers += (int64_t)(part / 4);
		part %= 4;
	}
	close(fd);
	sb_fini(&packets);
	return NULL;
}

static void run(struct bench *b, const char *name, void *(*f)(void *arg), dur_us during)
{
	struct client c[CLIENTS] = {0};
	int64_t readings = 0, answers = 0;
	dur_us begin = clock_monotonic();

	b->until = begin + during;
	for (int i = 0; i < CLIENTS; i++) {
		c[i].b = b;
		c[i].number = i;
		thread_start(&c[i].thread, "client", f, &c[i]);
	}
	for (int i = 0; i < CLIENTS; i++) {
		pthread_join(c[i].thread, NULL);
		readings += c[i].readings;
		answers += c[i].answers;
	}
	begin = clock_monotonic() - begin;
	printf("%-44s %10.0f readings/s, %8.0f answers/s\n", name, (double)readings * 1e6 / (double)begin,
	        (double)answers * 1e6 / (double)begin);
}

int main(int argc, char **argv)
{
	int64_t seconds = 3;
	struct site_options so = {.clock = clock_new_real(), .create = true};
	struct ingest_options io = {.mqtt_address = "127.0.0.1", .future = 400 * US_DAY};
	struct api_options ao = {0};
	struct bench b = {0};
	struct site *site = NULL;
	struct ingest *in = NULL;
	struct api_server *api = NULL;
	struct err e = ERR_INIT;

	if (argc < 2 || (argc > 2 && !num_int(str_of(argv[2]), &seconds))) {
		fprintf(stderr, "ingest_bench FOLDER [seconds]\n");
		return 2;
	}
	need(log_open(NULL, false, LOG_LEVEL_ERROR, so.clock, &e), &e);
	so.dir = argv[1];
	need(site_open(&so, &site, &e), &e);
	need(device_add(site->store, "bench", "", "system", b.secret, &e), &e);
	io.site = ao.site = site;
	need(ingest_start(&io, &in, &e), &e);
	ao.ingest = in;
	need(api_start(&ao, &api, &e), &e);
	b.http = api_port(api);
	b.mqtt = ingest_mqtt_port(in);
	printf("a sync of this disk takes %.0f us; %d clients, %lld s each\n", sync_us(argv[1]), CLIENTS,
	        (long long)seconds);
	b.per_post = 1;
	run(&b, "HTTP line protocol, 1 reading a post", http_client, seconds * US_SECOND);
	b.per_post = 1000;
	run(&b, "HTTP line protocol, 1,000 readings a post", http_client, seconds * US_SECOND);
	run(&b, "MQTT QoS 1, one message a write", mqtt_client, seconds * US_SECOND);
	run(&b, "MQTT QoS 1, many messages a write", mqtt_pipe, seconds * US_SECOND);
	api_stop(&api);
	ingest_stop(&in);
	site_close(&site);
	log_close();
	return 0;
}

/*
 * Messages of QoS 1 a second through the broker: own clients on loopback, each message done by another thread
 * in batches, as the committer of readings does it.
 *
 *   mqtt_bench [SECONDS [CLIENTS]]
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/queue.h"
#include "mqtt/client.h"
#include "mqtt/mqtt.h"

#include <pthread.h>
#include <stdatomic.h>

#define CLIENTS_MOST 64

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

static void *publish(void *arg)
{
	struct mqtt_client *c = NULL;
	struct err e = ERR_INIT;
	int64_t sent = 0;

	(void)arg;
	int rc = mqtt_client_connect("127.0.0.1", port, "", NULL, NULL, 10 * US_SECOND, &c, &e);

	while (rc == 0 && !atomic_load(&stop)) {
		for (int i = 0; i < 500 && rc == 0; i++, sent++)
			rc = mqtt_client_publish(c, "t/YC-GAS-0001/ch4_lel", STR_LIT("12.5"), 1, NULL, &e);
	}
	if (rc == 0)
		rc = mqtt_client_wait(c, &e);
	if (rc < 0)
		fprintf(stderr, "mqtt_bench: %s\n", e.text);
	else
		atomic_fetch_add(&acked, sent);
	mqtt_client_close(&c);
	return NULL;
}

int main(int argc, char **argv)
{
	struct mqtt_options o = {.address = "127.0.0.1"};
	struct mqtt_door door = {.connect = on_connect, .publish = on_publish, .close = on_close};
	struct mqtt_server *s = NULL;
	struct err e = ERR_INIT;
	int64_t seconds = 2, clients = 4;
	pthread_t finisher, t[CLIENTS_MOST];

	if ((argc > 1 && !num_int(str_of(argv[1]), &seconds)) ||
	        (argc > 2 && !num_int(str_of(argv[2]), &clients)) || seconds < 1 || clients < 1 ||
	        clients > CLIENTS_MOST) {
		fprintf(stderr, "mqtt_bench [SECONDS [CLIENTS up to %d]]\n", CLIENTS_MOST);
		return 2;
	}
	jobs = queue_new(1 << 20);
	if (mqtt_listen(&o, &door, &s, &e) < 0) {
		fprintf(stderr, "mqtt_bench: %s\n", e.text);
		return 1;
	}
	port = mqtt_port(s);
	pthread_create(&finisher, NULL, finish, NULL);
	dur_us begin = clock_monotonic();
	for (int i = 0; i < clients; i++)
		pthread_create(&t[i], NULL, publish, NULL);
	while (clock_monotonic() - begin < seconds * US_SECOND) {
		struct timespec nap = {0, 10000000};
		nanosleep(&nap, NULL);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < clients; i++)
		pthread_join(t[i], NULL);
	double took = (double)(clock_monotonic() - begin) / (double)US_SECOND;
	mqtt_close(&s);
	queue_close(jobs);
	pthread_join(finisher, NULL);
	queue_free(&jobs);
	printf("mqtt: %.0f messages/s acknowledged, QoS 1, %d clients, broker and clients on this machine\n",
	        (double)acked / took, (int)clients);
	return acked > 0 ? 0 : 1;
}

/*
 * Requests a second through the door: own keep-alive clients on loopback, a short answer made at once.
 *
 *   http_bench [SECONDS [CLIENTS]]
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/socket.h"
#include "net/http.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#define CLIENTS_MOST 64

static _Atomic int64_t answered;
static _Atomic int stop;
static int port;

static void serve(void *ctx, struct http_req *r)
{
	(void)ctx;
	http_reply(r, 200, "text/plain", STR_LIT("ok"));
}

static void *ask(void *arg)
{
	static const char request[] = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
	struct err e = ERR_INIT;
	int fd = -1;
	int64_t n = 0;
	char answer[1024];

	(void)arg;
	if (socket_connect("127.0.0.1", port, 10 * US_SECOND, &fd, &e) < 0) {
		fprintf(stderr, "http_bench: %s\n", e.text);
		return NULL;
	}
	while (!atomic_load(&stop) &&
	        send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) == (ssize_t)sizeof(request) - 1) {
		ssize_t have = 0;

		/* The answer ends in its body. */
		while (have < 4 || memcmp(answer + have - 2, "ok", 2) != 0) {
			struct pollfd p = {.fd = fd, .events = POLLIN};
			ssize_t got = poll(&p, 1, 10000) > 0
			                      ? recv(fd, answer + have, sizeof(answer) - (size_t)have, 0)
			                      : 0;

			if (got <= 0)
				goto out;
			have += got;
		}
		n++;
	}
out:
	atomic_fetch_add(&answered, n);
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct http_options o = {.address = "127.0.0.1"};
	struct http_door door = {.serve = serve};
	struct http_server *s = NULL;
	struct err e = ERR_INIT;
	int64_t seconds = 2, clients = 8;
	pthread_t t[CLIENTS_MOST];

	if ((argc > 1 && !num_int(str_of(argv[1]), &seconds)) ||
	        (argc > 2 && !num_int(str_of(argv[2]), &clients)) || seconds < 1 || clients < 1 ||
	        clients > CLIENTS_MOST) {
		fprintf(stderr, "http_bench [SECONDS [CLIENTS up to %d]]\n", CLIENTS_MOST);
		return 2;
	}
	if (http_listen(&o, &door, &s, &e) < 0) {
		fprintf(stderr, "http_bench: %s\n", e.text);
		return 1;
	}
	port = http_port(s);
	dur_us begin = clock_monotonic();
	for (int i = 0; i < clients; i++)
		pthread_create(&t[i], NULL, ask, NULL);
	while (clock_monotonic() - begin < seconds * US_SECOND) {
		struct timespec nap = {0, 10000000};
		nanosleep(&nap, NULL);
	}
	atomic_store(&stop, 1);
	for (int i = 0; i < clients; i++)
		pthread_join(t[i], NULL);
	double took = (double)(clock_monotonic() - begin) / (double)US_SECOND;
	http_close(&s, US_SECOND);
	printf("http: %.0f requests/s, %d keep-alive clients, server and clients on this machine\n",
	        (double)answered / took, (int)clients);
	return answered > 0 ? 0 : 1;
}

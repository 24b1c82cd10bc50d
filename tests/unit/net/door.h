/*
 * A door for the tests of net, and a raw client.
 *
 * Paths: /echo says what came; /later is kept, for the test to answer; /stream begins a stream, which is
 * kept. Bodies: 1,000 bytes, 8 MiB for /echo/big, none for /later.
 */
#ifndef HEMING_NET_DOOR_H
#define HEMING_NET_DOOR_H

#include "check.h"
#include "net/http.h"

#include <pthread.h>

struct door {
	struct http_server *server;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct http_req *kept[512];
	struct http_stream *stream;
	int kept_n, served, done, closed, streams;
	int status; /* of the last done */
};

void door_open(struct door *d, struct http_options o);
void door_shut(struct door *d);
bool door_wait(struct door *d, const int *counter, int n);

int peer_open(const struct door *d);
void peer_send(int fd, const void *p, size_t n);
void peer_says(int fd, const char *text);
/* Reads one whole answer (head, and body by its length or chunks); "" when the peer closed before. Lives
 * until the next call. */
const char *peer_hears(int fd);
/* Reads until `words` have come. */
bool peer_hears_words(int fd, const char *words);
bool peer_closed(int fd); /* and closes */
/* One request on a connection of its own; returns the answer. */
const char *ask(const struct door *d, const char *request);

#endif

/* http_int - one request and one stream, shared by the files of net. */
#ifndef HEMING_NET_HTTP_INT_H
#define HEMING_NET_HTTP_INT_H

#include "net/http.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

struct conn { /* one connection, so that the watch can end one that never finishes its head */
	struct conn *prev, *next;
	int fd;
	dur_us waits_since; /* monotonic; 0 while a request is at work */
};
struct http_server {
	struct MHD_Daemon *mhd;
	struct http_door door;
	struct http_options o;
	int port, listener;
	char *cert, *key;
	atomic_size_t body_bytes;
	atomic_int at_work;   /* requests whose answer is not complete */
	pthread_mutex_t lock; /* of the lists below */
	struct conn *conns;
	struct http_stream *streams;
	pthread_t watch;
	bool watching;
	atomic_bool closing;
};
struct header {
	const char *name, *value;
	struct header *next;
};
struct http_req {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct arena *a;
	enum http_method method;
	const char *path;
	char id[65], remote[64];
	dur_us begin;
	struct sb body;
	size_t body_max;
	int early; /* status to answer before or instead of serving; 0: serve */
	bool served;
	void *data;
	struct header *header;
	pthread_mutex_t lock; /* of what a reply from another thread touches */
	struct MHD_Response *response;
	int status;
	bool suspended;
};
struct http_stream {
	struct http_stream *prev, *next; /* by the server's lock */
	struct http_server *server;
	struct MHD_Connection *mhd;
	pthread_mutex_t lock;
	struct sb waiting;
	size_t taken; /* of `waiting` */
	bool suspended, ended;
	void (*closed)(void *ctx);
	void *ctx;
};

/* Hands a finished answer to the connection; takes the response. */
void http__answer(struct http_req *r, int status, struct MHD_Response *response);
struct MHD_Response *http__text(const char *text);
void *http__watch(void *server);

#endif

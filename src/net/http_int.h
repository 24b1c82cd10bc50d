/* http_int - one request and one stream, shared by the files of net. */
#ifndef HEMING_NET_HTTP_INT_H
#define HEMING_NET_HTTP_INT_H

#include "net/http.h"
#include "net/cert_int.h"

#include "base/socket.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* One connection, for the watch: who is waited for, and since when. By the server's lock. */
struct conn {
	struct conn *prev, *next;
	int fd;
	bool waits;       /* for a request, or the rest of one; not while one is at work */
	bool expired;     /* the watch has ended it: what still comes of it is not served */
	dur_us since;     /* monotonic: it waits */
	uint64_t before;  /* bytes that had come in when it began to wait */
	bool before_seen; /* `before` is known */
};
struct lingering {
	int fd; /* a copy */
	dur_us until;
};
#define LINGERS 64
struct http_server {
	struct MHD_Daemon *mhd;
	struct http_door door;
	struct http_options o;
	int port, listener, wake_fd;
	struct cert *tls; /* NULL: none */
	struct http_proxies *proxies;
	atomic_size_t body_bytes;
	atomic_int at_work;   /* requests whose answer is not complete */
	atomic_int resuming;  /* answers that are there, and about to be told to the library */
	pthread_mutex_t lock; /* of what follows; may be taken inside a request's lock, not around it */
	struct conn *conns;
	struct http_stream *streams;
	struct http_req *reqs; /* that `serve` has seen */
	struct lingering linger[LINGERS];
	int lingers;
	pthread_t watch;
	bool watching;
	atomic_bool closing;  /* no new requests */
	atomic_bool stopping; /* requests without an answer are given up */
};
struct header {
	const char *name, *value;
	struct header *next;
};
struct http_req {
	struct http_req *prev, *next; /* of the server's reqs */
	struct http_server *server;   /* not to be touched once given up */
	struct MHD_Connection *mhd;
	struct conn *conn;
	struct arena *a;
	atomic_int refs; /* the connection's, and from `serve` to the answer the caller's */
	enum http_method method;
	const char *path;
	char id[65], remote[SOCKET_PEER_LEN];
	dur_us begin;
	struct sb body;
	size_t body_max, body_counted;
	int early; /* status to answer before or instead of serving; 0: serve */
	bool served, streams;
	bool proxied; /* a known proxy sent it on */
	bool secure;
	void *data;
	struct header *header;
	pthread_mutex_t lock; /* of what a reply from another thread touches */
	struct MHD_Response *response;
	int status;
	bool suspended, given_up;
};
struct http_stream {
	struct http_stream *prev, *next; /* by the server's lock */
	struct http_server *server;
	struct MHD_Connection *mhd;
	pthread_mutex_t lock;
	struct sb waiting;
	size_t taken; /* of `waiting` */
	bool suspended, ended, dropped;
	void (*closed)(void *ctx);
	void *ctx;
};

/* Hands a finished answer to the connection; takes the response. r may be gone after. */
void http__answer(struct http_req *r, int status, struct MHD_Response *response);
/* The same in two steps: between them the server of a request that was not given up stays. False: it was, and
 * the caller's hold on r has ended. */
bool http__answer_begin(struct http_req *r);
void http__answer_end(struct http_req *r, int status, struct MHD_Response *response);
struct MHD_Response *http__text(const char *text);
const char *http__early_words(int status);

/* ---- bodies (http_body.c) ---- */

/* So much is to come, as the head says. b is empty, and ended by http__body_fini(). */
void http__body_expect(struct sb *b, size_t length);
void http__body_fini(struct sb *b);

/* ---- proxies (http_proxy.c) ---- */

/* Addresses and networks by comma or blank. */
MUST_USE int http__proxies_open(const char *list, struct http_proxies **out, struct err *e);
void http__proxies_close(struct http_proxies **p);
bool http__proxies_know(const struct http_proxies *p, const char *address);
/* Who asked a proxy that is known: remote is the proxy's address and becomes theirs; list: words of
 * X-Forwarded-For. */
void http__proxies_behind(
        const struct http_proxies *p, const struct str *list, size_t n, char remote[SOCKET_PEER_LEN]);
/* The head is in: sets remote, proxied and secure. */
void http__proxies_look(struct http_req *r);

/* ---- connections that waste time (http_watch.c) ---- */

void http__watch_start(struct http_server *s);
void http__watch_stop(struct http_server *s);
/* Writes an answer past the library, which takes none in the middle of a request. Not with TLS. */
void http__raw_answer(struct http_server *s, int fd, int status);
/* The library will close fd with bytes unread, which would cost the peer the answer: a copy of it is kept
 * open and read for a moment. */
void http__linger(struct http_server *s, int fd);

#endif

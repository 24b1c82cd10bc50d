/*
 * http - the door for HTTP/1.1 requests and live streams; libmicrohttpd stands behind it.
 *
 * A request is handed to `serve` when it is whole, on a loop thread that must not block: answer at once,
 * or keep the pointer and answer later from any thread, exactly once, with one http_reply* or
 * http_stream_begin. Knows no route, no account, no product word.
 *
 * Ownership: a request and its arena live until it is answered. Failure: a malformed, slow or oversized
 * request is answered (400, 408, 413, 431) or closed by the door itself, counted in HTTP_4XX or logged as
 * HTTP_FAULT.
 */
#ifndef HEMING_NET_HTTP_H
#define HEMING_NET_HTTP_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/err.h"

enum http_method {
	HTTP_GET,
	HTTP_HEAD,
	HTTP_POST,
	HTTP_PUT,
	HTTP_PATCH,
	HTTP_DELETE,
	HTTP_OPTIONS,
	HTTP_OTHER
};
const char *http_method_name(enum http_method m);

struct http_req; /* one request */
struct http_server;

struct http_door {
	void *ctx;
	/* The head is in: how many bytes of body are taken (0: none). A longer body is answered 413
	 * before it is read. Loop thread; must not reply. */
	size_t (*admit)(void *ctx, struct http_req *r);
	/* The whole request is in. */
	void (*serve)(void *ctx, struct http_req *r);
	/* After the answer was sent or the connection broke (status 0): for the access log and metrics. */
	void (*done)(void *ctx, struct http_req *r, int status, dur_us took);
};
struct http_options {
	const char *address;    /* "127.0.0.1", "::", "0.0.0.0" */
	int port;               /* 0: any free one */
	int threads;            /* loops; 0: 2 */
	int connections;        /* most at once; 0: 2,000 */
	int per_address;        /* most at once from one address; 0: 500 */
	dur_us head_wait;       /* a head or body that makes no progress for this long is ended; 0: 15 s */
	dur_us body_wait;       /* a whole request must be in within this; 0: 60 s */
	size_t body_total;      /* bytes of bodies in memory at once over all requests; 0: 256 MiB */
	const char *cert, *key; /* PEM files for TLS, or NULL; must live as long as the server */
	/* Proxies that are believed: addresses and networks by comma or blank; NULL: none. Behind these
	 * per_address does not count. */
	const char *proxies;
	dur_us cert_look; /* how often these are looked at for a change; 0: a minute */
};
MUST_USE int http_listen(
        const struct http_options *o, const struct http_door *door, struct http_server **out, struct err *e);
int http_port(const struct http_server *s);
/* Reads certificate and key again, for connections that begin after; *until: when the certificate's time
 * ends. Where they cannot be used, the old ones stay. The door does this by itself when the files change. */
MUST_USE int http_reload(struct http_server *s, time_us *until, struct err *e);
bool http_has_certificate(const struct http_server *s);
/* No new requests; waits up to `grace` real time for those at work; streams are ended. */
void http_close(struct http_server **s, dur_us grace);

/* ---- the request ---- */

enum http_method http_method(const struct http_req *r);
const char *http_path(const struct http_req *r); /* decoded, without query; begins with "/" */
const char *http_id(
        const struct http_req *r); /* 16 hex digits; X-Request-Id of a proxy is taken when valid */
/* First value of a query parameter, decoded; NULL if missing. "" for a parameter without value. */
const char *http_query(const struct http_req *r, const char *name);
/* All values of a repeated parameter, in order; NULL-ended, in the request's arena. */
const char **http_query_all(const struct http_req *r, const char *name);
/* Names of the query's parameters, in order; NULL-ended, in the request's arena. */
const char **http_query_names(const struct http_req *r);
const char *http_header(const struct http_req *r, const char *name); /* any case; NULL if missing */
const char *http_cookie(const struct http_req *r, const char *name);
struct str http_body(const struct http_req *r); /* as received; Content-Encoding is the caller's affair */
/* Address of who asks: the peer, or where that is a known proxy whom it names in X-Forwarded-For. */
const char *http_remote(const struct http_req *r);
bool http_proxied(const struct http_req *r); /* a known proxy sent it on */
bool http_secure(const struct http_req *r);  /* by TLS to here, or to the known proxy in front */
struct arena *http_arena(struct http_req *r);
void http_set_data(struct http_req *r, void *data); /* one pointer for the caller */
void *http_data(const struct http_req *r);

/* ---- the answer ---- */

void http_set_header(struct http_req *r, const char *name, const char *value); /* before the reply; copied */
const char *http_answer_header(const struct http_req *r, const char *name); /* as set; NULL if it was not */
/* Body is copied. HEAD sends no body. Compresses with gzip when the client takes it, the type is one that
 * shrinks and it is long. */
void http_reply(struct http_req *r, int status, const char *mime, struct str body);
void http_reply_take(struct http_req *r, int status, const char *mime, struct sb *body); /* empties body */
/* The first n bytes of an open file, sent as the client takes them; fd is taken over and closed. */
void http_reply_file(struct http_req *r, int status, const char *mime, int fd, uint64_t n);
/* Bytes that live for ever and are gzip already; inflated for a client that does not take gzip. */
void http_reply_gzip(struct http_req *r, int status, const char *mime, const void *gz, size_t n);

/* ---- live streams ---- */

struct http_stream;
/* Answers 200 with a body that goes on. closed(ctx) is called once, on a loop thread, when the peer is
 * gone or after http_stream_end. When that is not the thread of this call, closed() may come before this has
 * returned; a lock of the caller around both is safe. NULL when the server was closed past its grace: then
 * closed() is not called, and send and end do nothing. */
struct http_stream *http_stream_begin(
        struct http_req *r, const char *mime, void (*closed)(void *ctx), void *ctx);
/* Any thread, not after closed(). False when the peer is so slow that more than 1 MiB waits: end it. */
MUST_USE bool http_stream_send(struct http_stream *s, struct str text);
void http_stream_end(struct http_stream *s);

#endif

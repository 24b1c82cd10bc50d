/*
 * server - the HTTP door of a running site: one table of routes (routes.tbl), each row saying who may call it
 * and what its handler is, and the stages that every request passes before its handler sees it.
 *
 * Threads: the door's loops take requests in; a pool of workers runs handlers, so that no query blocks a
 * connection; one thread feeds the live streams.
 */
#ifndef HEMING_API_SERVER_H
#define HEMING_API_SERVER_H

#include "api/oidc.h"
#include "city/site.h"
#include "ingest/ingest.h"

struct api_server;
struct api_options {
	struct site *site;      /* borrowed */
	struct ingest *ingest;  /* borrowed; NULL: POST /write answers 404 */
	const char *address;    /* NULL: 127.0.0.1 */
	int port;               /* 0: any free one */
	const char *web_dir;    /* pages from this folder instead of the binary's own; NULL: the binary's */
	bool test_control;      /* the routes under /api/v1/test/; needs a manual clock */
	const char *cert, *key; /* PEM files for TLS, or NULL; must live as long as the server */
	const char *proxies;    /* that are believed, as http_options; NULL: none */
	int rate;          /* requests a second of one account over a while, at most 100,000; 0: no limit */
	int workers;       /* threads that run handlers; 0: 4 */
	int query_threads; /* that work on one large query, its handler's among them; 0: the processors, at
	                      most 4 */
	struct oidc_options oidc; /* copied */
	const char *version;      /* told by /healthz and GET /session; NULL: "0.1.0" */
};
MUST_USE int api_start(const struct api_options *o, struct api_server **out, struct err *e);
int api_port(const struct api_server *s);
struct ingest *api_ingest(const struct api_server *s); /* NULL if it was given none */
/* What may change while it runs is read again: certificate and key, see http_reload (*until TIME_NONE: there
 * are none), and the file of other brokers (*brokers: how many there are). One that cannot be used leaves
 * what was, and keeps the other from nothing. */
MUST_USE int api_reload(struct api_server *s, time_us *until, int *brokers, struct err *e);
/* Ends the streams, waits for the requests at work, closes the door. Before ingest_stop and site_close. */
void api_stop(struct api_server **s);

#endif

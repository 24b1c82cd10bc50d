/*
 * fetch - asks another server by HTTP: one request, one answer, libcurl behind it.
 *
 * Follows no redirect, takes no more than it was told to, and gives up in time; certificates are checked.
 * Blocks the calling thread: for workers only.
 */
#ifndef HEMING_NET_FETCH_H
#define HEMING_NET_FETCH_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"
#include "base/time.h"

/* A connection that is kept from one request to the next, one thread at a time. */
struct fetch_link;
struct fetch_link *fetch_link_new(void);
void fetch_link_free(struct fetch_link **l);

struct fetch {
	const char *url;
	const char *form; /* application/x-www-form-urlencoded, sent by POST; NULL: GET */
	struct str body;  /* … or this, of `type` and `packed` (Content-Encoding; NULL: none) */
	const char *type, *packed;
	const char *version;         /* X-Prometheus-Remote-Write-Version; NULL: none */
	struct fetch_link *link;     /* NULL: a connection of its own */
	bool *fresh;                 /* set: the connection was made for this one; may be NULL */
	const char *user, *password; /* HTTP Basic; NULL: none */
	bool plain;                  /* http:// is taken too */
	size_t max_b;                /* longest answer; 0: 1 MiB */
	dur_us wait;                 /* for all of it; 0: 10 s */
};
/* The answer's body in the arena, whatever its status. ERR_UNAVAILABLE where none came, ERR_TIMEOUT,
 * ERR_TOOBIG. */
MUST_USE int fetch(const struct fetch *f, struct arena *a, int *status, struct str *body, struct err *e);

#endif

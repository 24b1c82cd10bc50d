/*
 * ingest - readings come in: a table of protocols, each of which ends in one batch for the series engine.
 *
 * Answers (HTTP 204, PUBACK) leave after the data is durable. A bad reading is counted by reason, told by
 * line where the protocol can, and never costs its neighbours.
 */
#ifndef HEMING_INGEST_H
#define HEMING_INGEST_H

#include "city/site.h"
#include "net/http.h"

struct ingest;
struct ingest_options {
	struct site *site;
	const char *mqtt_address; /* NULL: no MQTT */
	int mqtt_port;            /* 0: any free one */
	dur_us future;            /* readings later than now by more are refused; 0: 10 min */
};
MUST_USE int ingest_start(const struct ingest_options *o, struct ingest **out, struct err *e);
int ingest_mqtt_port(const struct ingest *in); /* 0 if there is none */
/* Waits for what is at work. The HTTP door must be closed before. */
void ingest_stop(struct ingest **in);

/* POST /write and /api/v2/write: authenticates the device by itself and answers, later and from another
 * thread. To be called on a worker, since it unpacks and reads the body. */
#define INGEST_BODY_MAX (32 << 20)
void ingest_write(struct ingest *in, struct http_req *r);

struct ingest_told {
	size_t stored; /* readings */
	int refused;   /* lines */
	struct ingest_bad {
		int line;
		const char *words;
	} * bad; /* the first 100; in the arena */
	int bads;
};
/* A text of line protocol, as /write would take it, with all rights. Waits until it is durable. */
MUST_USE int ingest_text(struct ingest *in, const char *who, struct str text, struct arena *a,
        struct ingest_told *out, struct err *e);

#endif

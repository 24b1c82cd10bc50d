/*
 * ingest - readings come in: a table of protocols, each of which ends in one batch for the series engine.
 *
 * Answers (HTTP 204, PUBACK) leave after the data is durable. A bad reading is counted by reason, told by
 * line where the protocol can, and never costs its neighbours.
 */
#ifndef HEMING_INGEST_H
#define HEMING_INGEST_H

#include "base/prompb.h"
#include "city/site.h"
#include "ingest/refusal.h"
#include "net/http.h"

struct ingest;
struct ingest_options {
	struct site *site;
	const char *mqtt_address;     /* NULL: no MQTT */
	int mqtt_port;                /* 0: any free one */
	bool mqtt_plain_off;          /* no port without TLS */
	int mqtt_tls_port;            /* 0: any free one */
	const char *cert, *key;       /* PEM files for MQTT over TLS, or NULL; must live as long */
	int mqtt_connections;         /* most at once; 0: 20,000 */
	int mqtt_address_connections; /* most at once of one address; 0: no limit */
	int mqtt_address_rate;        /* new ones of one address in a minute; 0: no limit */
	int mqtt_rate;                /* messages a second of one connection; 0: no limit */
	int mqtt_keep_alive;          /* seconds, the most of a client of MQTT 5; 0: as it asks */
	const char *mqtt_state;       /* file of sessions and retained messages; NULL: none */
	bool mqtt_open;               /* clients without credentials are let in */
	const char *mqtt_exchange; /* filters of free topics, as in ingest/rights.h; NULL: none; must live as
	                              long */
	const char *brokers; /* file of other brokers (ingest/bridge.h); it may be missing; NULL: none */
	dur_us future;       /* readings later than now by more are refused; 0: 10 min */
	dur_us past;         /* readings older than that are refused; 0: none */
};
MUST_USE int ingest_start(const struct ingest_options *o, struct ingest **out, struct err *e);
int ingest_mqtt_port(const struct ingest *in);     /* 0 if there is none */
int ingest_mqtt_tls_port(const struct ingest *in); /* the same */
/* The other brokers of the site, by number; false past the last. */
struct mqtt_link_state;
bool ingest_broker(const struct ingest *in, int i, struct mqtt_link_state *out);
/* Reads certificate and key of MQTT again, if there are any. */
MUST_USE int ingest_reload_cert(struct ingest *in, struct err *e);
/* Reads the file of other brokers again: when it has changed, those of before are left and these are
 * connected. How many there are; a failure leaves all as it was, and is logged too. */
MUST_USE int ingest_reload_brokers(struct ingest *in, struct err *e);
/* Waits for what is at work. The HTTP door must be closed before. */
void ingest_stop(struct ingest **in);

/*
 * Doors over HTTP. Each authenticates the device by itself and answers, later and from another thread. To be
 * called on a worker, since they unpack and read the body.
 */
#define INGEST_BODY_MAX (32 << 20)
void ingest_write(struct ingest *in, struct http_req *r);    /* POST /write and /api/v2/write */
void ingest_readings(struct ingest *in, struct http_req *r); /* POST /api/v1/readings */
/* POST /api/v1/{token}/telemetry and …/attributes, as devices made for ThingsBoard call them; token:
 * NAME:SECRET, or SECRET alone */
void ingest_telemetry(struct ingest *in, struct http_req *r, struct str token);
/* What clients of InfluxDB ask before they write: GET /ping, GET /health, /query. */
void ingest_influx_ping(struct http_req *r);
void ingest_influx_health(struct http_req *r);
void ingest_influx_query(struct ingest *in, struct http_req *r, const char *q); /* q may be NULL */

/* A request for one of these doors was answered 413 before its body was read: whom that is to be counted for,
 * or NULL. token as in ingest_telemetry, or STR_NULL. ingest_turned_away() counts it, and frees it: on a
 * worker, since it looks the device up. */
struct ingest_turned_away;
struct ingest_turned_away *ingest_too_long(struct ingest *in, struct http_req *r, struct str token);
void ingest_turned_away(void *turned_away);

/* What was refused, by device; lives as long as the ingest. */
struct refusals *ingest_refusals(struct ingest *in);

/* The same for Prometheus remote write, 1.0 and 2.0. */
void ingest_remote_write(struct ingest *in, struct http_req *r);
/* What its senders said of their metrics, in order of name, in the arena. */
size_t ingest_metric_words(struct ingest *in, struct arena *a, struct prompb_metadata **out);

struct ingest_told {
	size_t stored; /* readings */
	int refused;
	struct ingest_bad {
		int line; /* of a list: the place in it, from 1 */
		enum refusal why;
		const char *words;
	} * bad; /* the first 100; in the arena */
	int bads;
};
/*
 * A sheet of readings (CSV, UTF-8), row by row and of any age, with all rights. mapping NULL: by the names of
 * its columns. Waits until all is durable; what was stored before a failure stays.
 */
struct mapping;
struct reading;
struct ingest_sheet {
	const struct mapping *mapping;
	struct str text;
	const char *who; /* for the counts */
	bool dry;        /* nothing is stored or counted */
	void *ctx;       /* of the three, each of which may be NULL */
	void (*refused)(void *ctx, enum refusal why, int line, const char *words);
	void (*taken)(void *ctx, const struct reading *r); /* with its line in `at` */
	void (*progress)(void *ctx, int64_t rows);         /* now and then */
};
#define SHEET_STRANGERS 5
struct ingest_sheet_told {
	int64_t rows, stored, gaps, refused;
	const char *stranger[SHEET_STRANGERS]; /* codes of no registered thing; in the arena */
	int strangers;                         /* how many in all, as far as rows stand together */
};
MUST_USE int ingest_sheet(struct ingest *in, const struct ingest_sheet *s, struct arena *a,
        struct ingest_sheet_told *out, struct err *e);

/* A text of line protocol, as /write would take it, with all rights and of any age. Waits until it is
 * durable. */
MUST_USE int ingest_text(struct ingest *in, const char *who, struct str text, struct arena *a,
        struct ingest_told *out, struct err *e);

#endif

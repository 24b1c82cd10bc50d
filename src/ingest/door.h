/* door - what the doors over HTTP share. Shared by the files of ingest only. */
#ifndef HEMING_INGEST_DOOR_H
#define HEMING_INGEST_DOOR_H

#include "ingest/ingest_int.h"

#define DOOR_INFLUX_VERSION "1.8.0-heming"

/* ERR_UNAUTH, counted. */
MUST_USE int door__device(struct ingest *in, struct http_req *r, struct device *d, struct err *e);
MUST_USE int door__device_of_token(
        struct ingest *in, struct http_req *r, struct str token, struct device *d, struct err *e);
/* As sent, unpacked. */
MUST_USE int door__body(
        struct ingest *in, struct http_req *r, const struct device *d, struct str *body, struct err *e);
void door__fail(struct http_req *r, const struct err *e);
void door__refuse(struct http_req *r, int status, const char *words);

/* One request on its way to the disk; in the request's arena. */
struct door_post {
	struct series_batch batch; /* first */
	struct ingest *in;
	struct http_req *r;
	const char *what; /* "line", "reading": what is counted from 1 in the answer */
	int status;       /* when all is well */
	struct points points;
};
struct door_post *door__begin(struct ingest *in, struct http_req *r, const char *what, int status);
/* Answers, once the points are durable. */
void door__post(struct door_post *x, const struct device *d);

#endif

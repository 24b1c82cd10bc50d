/*
 * api_int - what the files of src/api share: a request on its way (struct call), the rows of the tables, the
 * router, and the live streams.
 *
 * A call lives in its request's arena and on one worker at a time. A handler writes its answer into `w` (or
 * `out` and `mime`) and returns 0, or returns a failure in words; it never replies by itself, except where
 * the row says that it takes the request over.
 */
#ifndef HEMING_API_INT_H
#define HEMING_API_INT_H

#include "api/rate.h"
#include "api/server.h"
#include "base/json.h"
#include "base/work.h"
#include "city/session.h"

#include <pthread.h>

struct call;
struct once;

/* ---- the table of routes ---- */

/* Who may call: one of these, or the bits of enum role (any of them). */
#define OPEN_TO_ALL 0u
#define SIGNED_IN (1u << 16)
/* From this machine and not through a proxy; else those whose roles stand beside. */
#define LOOPBACK (1u << 17)

enum route_mode {
	MODE_READ,  /* the stages open a read transaction */
	MODE_WRITE, /* writes by itself, or needs no records */
	MODE_TAKE,  /* returns 0: it answers by itself, perhaps later, and the call is not touched after */
};
enum route_flag {
	ROUTE_CSRF = 1 << 0,    /* with a cookie session X-CSRF-Token must fit */
	ROUTE_SLOW = 1 << 1,    /* never on more than half of the workers */
	ROUTE_LIMIT = 1 << 2,   /* few per minute from one address */
	ROUTE_PROM = 1 << 3,    /* failures in Prometheus' shape; the body is a form */
	ROUTE_TEST = 1 << 4,    /* only with test control */
	ROUTE_INGEST = 1 << 5,  /* only with an ingest */
	ROUTE_SESSION = 1 << 6, /* for a person who has signed in; not with an API token */
	ROUTE_ALWAYS = 1 << 7,  /* also while the password or the second factor must be seen to first */
	ROUTE_TAG = 1 << 8,     /* changes seldom: has an ETag, and 304 for who knows it */
	ROUTE_MAKES = 1 << 9,   /* something new, at Location: 201 */
	ROUTE_BEGINS = 1 << 10, /* what goes on after the answer: 202 */
	ROUTE_WAITS = 1 << 11,  /* 202 where a second person must agree first */
	ROUTE_FILE = 1 << 12,   /* the body is a file */
	ROUTE_SECRET = 1 << 13, /* the answer tells what is told once, to one: it is kept nowhere */
};
struct route {
	enum http_method method;
	const char *path;
	int (*handle)(struct call *c, struct err *e);
	unsigned access;
	enum route_mode mode;
	unsigned flags;
	size_t body_max;
	const char *query;   /* parameters by blanks, "name:type", type as in enum schema_type's words */
	const char *request; /* schema of the body, "" if none */
	const char *reply;   /* schema of the answer, or a media type */
	const char *summary;
	const char *name; /* of the handler: the operation's id */
};
extern const struct route api_routes[];
extern const int api_routes_n;
int route_status(const struct route *r); /* of its good answers */
/* Schema and media type of its failures. */
const char *route_failure(const struct route *r, const char **mime);

/* ---- the router: a tree of path segments ---- */

#define ROUTE_PARAMS 3
struct router;
struct route_match {
	const struct route *route;      /* NULL: the path is known, the method is not */
	struct str param[ROUTE_PARAMS]; /* values of {…}, in order; they point into the path */
	unsigned methods;               /* 1 << enum http_method that the path takes */
};
struct router *router_new(bool test, bool ingest);
void router_free(struct router **r);
/* False when no row has this path. HEAD finds GET. */
bool router_find(const struct router *r, enum http_method m, const char *path, struct route_match *out);

/* ---- schemas: what bodies and answers look like (schema.tbl) ---- */

enum schema_type {
	SCHEMA_STRING,
	SCHEMA_ID, /* digits as text */
	SCHEMA_TIME,
	SCHEMA_DATE,
	SCHEMA_INTEGER,
	SCHEMA_NUMBER,
	SCHEMA_BOOL,
	SCHEMA_OBJECT, /* any members */
	SCHEMA_TEXTS,  /* any members, all of them texts */
	SCHEMA_ANY,
	SCHEMA_REF,     /* of `ref` */
	SCHEMA_LIST,    /* of objects `ref` */
	SCHEMA_STRINGS, /* list of text */
	SCHEMA_NUMBERS, /* list of numbers */
};
enum { SCHEMA_MUST = 1, SCHEMA_NULL = 2 };
struct schema_row {
	const char *schema; /* set in the row that begins one */
	const char *field;  /* NULL in that row */
	enum schema_type type;
	const char *ref; /* a schema; of a text or whole number: the words it may be, by blanks, or "" */
	unsigned flags;
	int max; /* bytes of a text; 0: 4,096 */
	const char *words;
};
extern const struct schema_row api_schemas[];
extern const int api_schemas_n;
/* ERR_INVALID names the first member that does not fit. */
MUST_USE int schema_check(const struct doc *d, const char *schema, const char *where, struct err *e);
/* Writes an OpenAPI document of all rows. */
void openapi_write(struct sb *b, const char *version);

/* ---- a request on its way ---- */

struct call {
	struct api_server *s;
	struct site *site;
	struct http_req *r;
	struct arena *a;
	const struct route *route;
	struct str param[ROUTE_PARAMS];
	struct who who;    /* set by the stage `authenticate` */
	const char *token; /* of the session; NULL if the route is open to all */
	bool by_cookie;
	struct store_tx *tx; /* MODE_READ; or after call_read() */
	struct doc *body;    /* checked against the row's schema; NULL if there is none */
	struct form *form;   /* ROUTE_PROM */
	const struct snapshot *held;
	enum geo_crs crs; /* of places in request and answer; set by call_crs */
	struct sb out;
	struct jw w; /* writes into out */
	int status;  /* 0: 200 */
	const char *mime;
	struct str faults; /* of a refused form: a JSON list for the member `errors` of the problem */
	bool has_file;     /* the answer is this file; closed when it was sent */
	int file;
	uint64_t file_n;
	struct once *once; /* of a request with an Idempotency-Key */
	bool replayed;     /* the answer is that of an earlier request: no handler runs */
};
const char *call_param(struct call *c, int i); /* in the arena */
/* Opens the read transaction where there is none; after a write it sees what was written. */
MUST_USE int call_read(struct call *c, struct err *e);
/* The registry as now; let go of when the request ends. */
const struct snapshot *call_snapshot(struct call *c);
/* A query parameter as a number within [least, most]; dflt when it is missing. */
MUST_USE int call_int(struct call *c, const char *name, int64_t dflt, int64_t least, int64_t most,
        int64_t *out, struct err *e);
/* NULL when missing or empty. */
const char *call_text(struct call *c, const char *name);
bool call_flag(struct call *c, const char *name); /* "1" or "true" */
/* `crs`: in which coordinates the caller gives and wants places. */
MUST_USE int call_crs(struct call *c, struct err *e);
/* The place of a body, or of a writer: turned by the call's crs. */
struct geo_point body_place(const struct call *c);
void write_place(struct call *c, struct geo_point at);
/* Fields of a body that are places, turned in their place. */
void body_places(struct call *c, const struct kind *k, const struct doc *attrs);
/* A local date YYYY-MM-DD; dflt when missing. */
MUST_USE int call_date(struct call *c, const char *name, const char *dflt, const char **out, struct err *e);
/* An instant, in the city's time where it names no zone; TIME_NONE when missing. */
MUST_USE int call_time(struct call *c, const char *name, time_us *out, struct err *e);
MUST_USE int call_id(struct call *c, int param, int64_t *id, struct err *e);
/* If-Match: the version that the caller looked at; -1 when missing or "*". */
MUST_USE int call_match(struct call *c, int64_t *version, struct err *e);
void call_etag(struct call *c, int64_t version);
/* Why somebody takes along or looks at what is kept: ERR_INVALID, naming `reason`, for less than four
 * characters. */
MUST_USE int call_reason(const char *reason, struct err *e);
/* Text of a body's member, "" when missing. */
const char *body_text(const struct call *c, const char *name);
/* The member `variables` of the body as JSON, nothing if it is no object. */
struct str body_variables(const struct call *c);
/* A list of codes as words by blanks; NULL when missing. ERR_INVALID where one has a blank. */
MUST_USE int body_words(struct call *c, const char *name, const char **out, struct err *e);

/* ---- by subject ---- */

#define ROUTE(method, path, handler, ...) int handler(struct call *c, struct err *e);
#include "api/routes.tbl"
#undef ROUTE

/* problem.c */
/* The reader prefers Chinese to English (Accept-Language, RFC 9110 12.5.4). */
bool problem_in_chinese(const struct http_req *r);
/* errors: a JSON list that goes with it, or STR_NULL. */
void problem_write(
        struct sb *b, const struct err *inner, bool chinese, const char *request, struct str errors);
void problem_reply(struct http_req *r, const struct err *e, struct str errors);
void prometheus_error(struct sb *b, const struct err *inner, int *status);

/* auth.c */
MUST_USE int auth_find(struct call *c, struct err *e);
MUST_USE int auth_check(struct call *c, struct err *e);
/* The account behind a session's or an API token, as it is now. */
MUST_USE int auth_token(struct site *s, const char *token, struct arena *a, struct who *out, struct err *e);
bool auth_from_here(const struct http_req *r);

/* idempotency.c */
bool idempotency_takes(const struct route *r); /* its requests may carry an Idempotency-Key */
/* What the header says, between quotes or without. */
MUST_USE int idempotency_key(struct arena *a, const char *text, struct str *key, struct err *e);
MUST_USE int idempotency_begin(struct call *c, struct err *e);
/* The handler is through, with rc: keeps its answer, or gives the key back. */
void idempotency_end(struct call *c, int rc);

/* form.c: pairs of a query string or of a form body, those of the body first */
struct form;
struct form *form_read(struct call *c);
const char *form_get(const struct form *f, const char *name); /* NULL if missing */
const char **form_all(const struct form *f, struct arena *a, const char *name);
void url_escape(struct sb *b, const char *s); /* appended, %XX for all but the unreserved characters */
void form_parse(struct arena *a, struct str text, struct form **f); /* adds to *f, made if NULL */

/* deadline.c: a flag that is raised when a query has taken too long */
struct deadlines;
struct deadline {
	struct deadline *next, **prev;
	dur_us at; /* monotonic */
	bool raised;
};
struct deadlines *deadlines_new(void);
void deadlines_free(struct deadlines **d);
void deadlines_raise(struct deadlines *d); /* all, those to come too: the door closes */
void deadline_begin(struct deadlines *d, struct deadline *x, dur_us within);
void deadline_end(struct deadlines *d, struct deadline *x);

/* sse.c */
struct streams;
struct streams *streams_new(struct site *site);
/* Ends all; the door must still be open. */
void streams_close(struct streams *s);
void streams_free(struct streams **s);
/* Answers the request with a stream of what comes after `after` (-1: from now on). */
MUST_USE int streams_add(struct streams *s, struct call *c, int64_t after, struct err *e);
/* A session has ended: so do its streams. */
void streams_end_session(struct streams *s, const char *token);
void sse_write(struct sb *b, const struct journal_entry *j);

/* asset.c */
/* Is it among those of If-None-Match (RFC 9110, 13.1.2: weak or not)? */
bool etag_known(const struct http_req *r, const char *etag);
bool asset_reply(struct http_req *r); /* false: there is no such page; from the binary */
void asset_reply_from(struct http_req *r, const char *dir);

/* server.c: f(arg) on a worker for slow jobs, after the answer; false when there is no room or the door
 * closes. What lasts looks at server_closing now and then, and stops. */
MUST_USE bool server_later(struct api_server *s, void (*f)(void *arg), void *arg);
bool server_closing(void *server);

/* record_view.c: records as a reader sees them */
struct record;
/* One value, masked where the reader's clearance does not cover it or it is veiled; v NULL writes null. */
void view_value(struct call *c, const struct field *f, const struct doc *v, struct jw *w);
/* "attrs" and "masked". */
MUST_USE int view_attrs(struct call *c, const struct kind *k, const char *attrs, struct err *e);
/* Leaves the object open. */
MUST_USE int view_record(struct call *c, const struct kind *k, const struct record *r, struct err *e);
/* A kind that the reader may know of; NULL and ERR_NOTFOUND in e if there is none. */
const struct kind *view_kind(struct call *c, const char *code, struct err *e);
/* q, conditions, order and page of the request's query. */
struct record_query;
MUST_USE int view_query(struct call *c, const struct kind *k, struct record_query *q, struct err *e);
void write_option(struct jw *w, const struct field_option *o);
/* native_session.c */
void session_cookie(struct call *c, const char *token);

/* native_thing.c */
void write_codes(struct jw *w, const char *key, const char *by_blanks); /* "a b" as ["a","b"] */

#define API_MAGIC 0x4a91ab03u
struct api_server {
	uint32_t magic;
	struct site *site;
	struct ingest *ingest;
	struct http_server *http;
	struct work *work;
	struct router *router;
	struct streams *streams;
	struct rate *tries;     /* of one address to sign in */
	struct rate *rate;      /* of one account; NULL: as much as it likes */
	struct rate *strangers; /* of one address without a session; NULL likewise */
	struct deadlines *deadlines;
	struct crew *crew; /* of large queries */
	int processors;
	struct oidc *oidc; /* NULL: no provider */
	char *web_dir;
	char *version;
	pthread_mutex_t lock;
	pthread_cond_t idle;
	bool closing;
	int at_work; /* requests handed to workers */
};

#endif

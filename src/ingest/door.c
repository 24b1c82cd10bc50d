/* What the doors over HTTP share: who asks, the body, and the answer once all is durable. */
#include "ingest/door.h"
#include "base/file.h"
#include "base/json.h"

#define INFLATED_MAX (256 << 20)

static void reply_json(struct http_req *r, int status, struct sb *b)
{
	if (status == 401)
		http_set_header(r, "WWW-Authenticate", "Basic realm=\"heming\", charset=\"UTF-8\"");
	if (status == 503 || status == 429)
		http_set_header(r, "Retry-After", "1");
	http_set_header(r, "X-Influxdb-Version", DOOR_INFLUX_VERSION);
	http_reply_take(r, status, "application/json", b);
	sb_fini(b);
}

/* Clients of InfluxDB read `error` (version 1) or `code`, `message` and `line` (version 2). */
static void reply(struct http_req *r, int status, const char *code, const char *words, const struct points *p)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "code", code);
	jw_kstr(&w, "message", words);
	jw_kstr(&w, "error", words);
	jw_kstr(&w, "request", http_id(r));
	if (p != NULL) {
		if (p->bads > 0)
			jw_kint(&w, "line", p->bad[0].line);
		jw_kint(&w, "stored", (int64_t)p->taken);
		jw_kint(&w, "refused", p->refused);
		jw_key(&w, "lines");
		jw_array(&w);
		for (int i = 0; i < p->bads; i++) {
			jw_object(&w);
			jw_kint(&w, "line", p->bad[i].line);
			jw_kstr(&w, "reason", p->bad[i].words);
			jw_kstr(&w, "kind", refusal_name(p->bad[i].why));
			jw_object_end(&w);
		}
		jw_array_end(&w);
	}
	jw_object_end(&w);
	reply_json(r, status, &b);
}

/* As version 2 of InfluxDB names them. */
static const char *code_of(int status)
{
	static const struct {
		int status;
		const char *code;
	} codes[] = {{400, "invalid"}, {401, "unauthorized"}, {403, "forbidden"}, {404, "not found"},
	        {413, "request too large"}, {415, "unsupported media type"}, {422, "unprocessable entity"},
	        {429, "too many requests"}, {503, "unavailable"}};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].status == status)
			return codes[i].code;
	return "internal error";
}

void door__refuse(struct http_req *r, int status, const char *words)
{
	reply(r, status, code_of(status), words, NULL);
}

void door__fail(struct http_req *r, const struct err *e)
{
	door__refuse(r, err_http(e->code), e->text);
}

/* ---- who ---- */

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static struct str base64_decode(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.n + 1);
	uint32_t acc = 0;
	int bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < s.n && s.p[i] != '='; i++) {
		int v = base64_value(s.p[i]);

		if (v < 0)
			return STR_NULL;
		acc = acc << 6 | (uint32_t)v;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[n++] = (char)(acc >> bits & 0xff);
		}
	}
	return (struct str){out, n};
}

static int find(struct ingest *in, struct str login, struct str secret, struct arena *a, struct device *d,
        struct err *e)
{
	int rc = device_find(in->site->store, login, secret, a, d, e);

	/* Names that are no device's would fill the ledger. */
	if (rc == ERR_UNAUTH)
		refusals_add(in->refusals, d->login != NULL ? d->login : REFUSAL_OTHERS, REFUSED_KEY, 0,
		        "wrong device or secret");
	return rc;
}

/* NAME:SECRET, or SECRET alone: then login is STR_NULL. */
static void split_token(struct str token, struct str *login, struct str *secret)
{
	*secret = token;
	*login = str_cut(secret, ':');
	if (secret->p == NULL) {
		*secret = *login;
		*login = STR_NULL;
	}
}

int door__device_of_token(
        struct ingest *in, struct http_req *r, struct str token, struct device *d, struct err *e)
{
	struct str login, secret;

	split_token(token, &login, &secret);
	return find(in, login, secret, http_arena(r), d, e);
}

/* login:secret from Basic, from "Token login:secret" or "Bearer login:secret", or from v1's u and p. */
static bool credentials(struct http_req *r, struct str *login, struct str *secret)
{
	const char *header = http_header(r, "Authorization");

	*login = *secret = STR_NULL;
	if (header != NULL) {
		if (strncasecmp(header, "Basic ", 6) == 0)
			*secret = base64_decode(http_arena(r), str_trim(str_of(header + 6)));
		else if (strncasecmp(header, "Token ", 6) == 0)
			*secret = str_trim(str_of(header + 6));
		else if (strncasecmp(header, "Bearer ", 7) == 0)
			*secret = str_trim(str_of(header + 7));
		if (secret->p != NULL)
			*login = str_cut(secret, ':');
	} else {
		*login = str_of(http_query(r, "u"));
		*secret = str_of(http_query(r, "p"));
	}
	return login->p != NULL && secret->p != NULL;
}

int door__device(struct ingest *in, struct http_req *r, struct device *d, struct err *e)
{
	struct arena *a = http_arena(r);
	struct str login, secret;

	if (!credentials(r, &login, &secret))
		return err_set(e, ERR_UNAUTH,
		        "a device's name and secret are needed: Authorization: Token NAME:SECRET, or Basic");
	return find(in, login, secret, a, d, e);
}

/* ---- bodies that were too long to be taken ---- */

struct ingest_turned_away {
	struct ingest *in;
	struct arena *a;
	struct str login, secret;
};

struct ingest_turned_away *ingest_too_long(struct ingest *in, struct http_req *r, struct str token)
{
	struct ingest_turned_away *x;
	struct str login, secret;
	struct arena *a;

	if (token.p != NULL)
		split_token(token, &login, &secret);
	else if (!credentials(r, &login, &secret))
		return NULL;
	a = arena_new(0);
	x = arena_alloc(a, sizeof(*x));
	*x = (struct ingest_turned_away){
	        .in = in, .a = a, .secret = {arena_strndup(a, secret.p, secret.n), secret.n}};
	if (login.p != NULL)
		x->login = (struct str){arena_strndup(a, login.p, login.n), login.n};
	return x;
}

void ingest_turned_away(void *arg)
{
	struct ingest_turned_away *x = arg;
	struct arena *a = x->a;
	struct device d = {0};
	struct err e = ERR_INIT;

	if (find(x->in, x->login, x->secret, a, &d, &e) == 0)
		refusals_add(x->in->refusals, d.login, REFUSED_BODY, 0,
		        "the request's body is larger than this address takes");
	arena_free(&a);
}

/* ---- the body ---- */

int door__body(struct ingest *in, struct http_req *r, const struct device *d, struct str *body, struct err *e)
{
	const char *encoding = http_header(r, "Content-Encoding");
	int rc;

	*body = http_body(r);
	if (encoding == NULL || *encoding == '\0' || strcasecmp(encoding, "identity") == 0)
		return 0;
	if (strcasecmp(encoding, "gzip") == 0)
		rc = gunzip(http_arena(r), *body, INFLATED_MAX, body, e);
	else
		rc = err_set(e, ERR_INVALID, "Content-Encoding may be gzip or identity");
	if (rc < 0)
		refusals_add(in->refusals, d->login, REFUSED_BODY, 0, e != NULL ? e->text : "");
	return rc;
}

/* ---- the answer ---- */

static void stored(struct series_batch *b, int rc, const struct err *e)
{
	struct door_post *x = (struct door_post *)b;
	const struct points *p = &x->points;
	char words[256];

	struct err again = ERR_INIT;

	ingest__failed(x->in, rc);
	if (rc == ERR_NOTFOUND) {
		/* A 404 would make clients throw the readings away. */
		err_set(&again, ERR_UNAVAILABLE,
		        "a series of these has ended meanwhile and begins anew; send this again");
		e = &again;
	}
	if (rc < 0) {
		door__fail(x->r, e);
		return;
	}
	ingest__stored(p);
	if (p->refused == 0) {
		http_set_header(x->r, "X-Influxdb-Version", DOOR_INFLUX_VERSION);
		http_reply(x->r, x->status, x->status == 200 ? "text/plain" : NULL, STR_NULL);
		return;
	}
	snprintf(words, sizeof(words),
	        "partial write: %zu readings stored, %d refused; the first at %s %d: %s", p->taken,
	        p->refused, x->what, p->bads > 0 ? p->bad[0].line : 0, p->bads > 0 ? p->bad[0].words : "");
	reply(x->r, 400, "invalid", words, p);
}

struct door_post *door__begin(struct ingest *in, struct http_req *r, const char *what, int status)
{
	struct door_post *x = arena_alloc(http_arena(r), sizeof(*x));

	x->in = in;
	x->r = r;
	x->what = what;
	x->status = status;
	return x;
}

void door__post(struct door_post *x, const struct device *d)
{
	struct err e = ERR_INIT;

	x->batch.p = x->points.p;
	x->batch.n = x->points.n;
	x->batch.done = stored;
	if (!series_post(x->in->site->series, &x->batch)) {
		refusals_add(
		        x->in->refusals, d->login, REFUSED_BUSY, 0, "too many readings wait to be written");
		err_set(&e, ERR_UNAVAILABLE,
		        "too many readings wait to be written; send this again in a moment");
		door__fail(x->r, &e);
	}
}

/* Line protocol over HTTP: /write of InfluxDB v1 and /api/v2/write of v2. */
#include "base/file.h"
#include "base/json.h"
#include "ingest/ingest_int.h"

#define INFLATED_MAX (256 << 20)

void ingest__reply_error(
        struct http_req *r, int status, const char *code, const char *words, const struct points *p)
{
	struct sb b = SB_INIT;
	struct jw w;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "code", code);
	jw_kstr(&w, "message", words);
	jw_kstr(&w, "request", http_id(r));
	if (p != NULL) {
		jw_kint(&w, "stored", (int64_t)p->n);
		jw_kint(&w, "refused", p->refused);
		jw_key(&w, "lines");
		jw_array(&w);
		for (int i = 0; i < p->bads; i++) {
			jw_object(&w);
			jw_kint(&w, "line", p->bad[i].line);
			jw_kstr(&w, "reason", p->bad[i].words);
			jw_object_end(&w);
		}
		jw_array_end(&w);
	}
	jw_object_end(&w);
	if (status == 401)
		http_set_header(r, "WWW-Authenticate", "Basic realm=\"heming\", charset=\"UTF-8\"");
	if (status == 503 || status == 429)
		http_set_header(r, "Retry-After", "1");
	http_reply_take(r, status, "application/json", &b);
	sb_fini(&b);
}

void ingest__reply_err(struct http_req *r, const struct err *e)
{
	ingest__reply_error(r, err_http(e->code), err_name(e->code), e->text, NULL);
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

/* login:secret from Basic, from "Token login:secret" or "Bearer login:secret", or from v1's u and p. */
int ingest__device(struct ingest *in, struct http_req *r, struct device *d, struct err *e)
{
	const char *header = http_header(r, "Authorization");
	struct arena *a = http_arena(r);
	struct str login = STR_NULL, secret = STR_NULL;

	if (header != NULL) {
		if (strncasecmp(header, "Basic ", 6) == 0)
			secret = base64_decode(a, str_trim(str_of(header + 6)));
		else if (strncasecmp(header, "Token ", 6) == 0)
			secret = str_trim(str_of(header + 6));
		else if (strncasecmp(header, "Bearer ", 7) == 0)
			secret = str_trim(str_of(header + 7));
		if (secret.p != NULL)
			login = str_cut(&secret, ':');
	} else {
		login = str_of(http_query(r, "u"));
		secret = str_of(http_query(r, "p"));
	}
	if (login.p == NULL || secret.p == NULL)
		return err_set(e, ERR_UNAUTH,
		        "a device's name and secret are needed: Authorization: Token NAME:SECRET, or Basic");
	return device_find(in->site->store, login, secret, a, d, e);
}

/* ---- writing ---- */

struct post {                      /* lives in the request's arena */
	struct series_batch batch; /* first */
	struct http_req *r;
	struct points points;
};

static void stored(struct series_batch *b, int rc, const struct err *e)
{
	struct post *x = (struct post *)b;
	char words[96];

	if (rc < 0) {
		ingest__reply_err(x->r, e);
		return;
	}
	metric_add(METRIC_INGEST_READINGS, (int64_t)x->points.n);
	if (x->points.refused == 0) {
		http_reply(x->r, 204, NULL, STR_NULL);
		return;
	}
	snprintf(words, sizeof(words), "partial write: %zu readings stored, %d lines refused", x->points.n,
	        x->points.refused);
	ingest__reply_error(x->r, 400, "invalid", words, &x->points);
}

void ingest_write(struct ingest *in, struct http_req *r)
{
	struct arena *a = http_arena(r);
	const char *precision = http_query(r, "precision"), *encoding = http_header(r, "Content-Encoding");
	struct post *x = arena_alloc(a, sizeof(*x));
	struct str body = http_body(r);
	struct device d;
	struct err e = ERR_INIT;
	enum line_unit unit;
	int rc;

	rc = ingest__device(in, r, &d, &e);
	if (rc == 0 && !line_unit_parse(str_of(precision != NULL ? precision : ""), &unit))
		rc = err_set(&e, ERR_INVALID, "precision is one of ns, us, ms, s");
	if (rc == 0 && encoding != NULL && strcasecmp(encoding, "identity") != 0) {
		if (strcasecmp(encoding, "gzip") == 0)
			rc = gunzip(a, body, INFLATED_MAX, &body, &e);
		else
			rc = err_set(&e, ERR_INVALID, "Content-Encoding may be gzip or identity");
	}
	x->r = r;
	if (rc == 0)
		rc = ingest__lines(in, &d, body, unit, a, &x->points, &e);
	if (rc < 0) {
		ingest__reply_err(r, &e);
		return;
	}
	x->batch.p = x->points.p;
	x->batch.n = x->points.n;
	x->batch.done = stored;
	if (!series_post(in->site->series, &x->batch)) {
		err_set(&e, ERR_UNAVAILABLE,
		        "too many readings wait to be written; send this again in a moment");
		ingest__reply_err(r, &e);
	}
}

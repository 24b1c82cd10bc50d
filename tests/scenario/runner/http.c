/*
 * http NAME -as LOGIN { get PATH ; header N V ; body T ; expect … ; save … }
 *
 * A request is prepared by its verb and sent by the first expect or save behind it, or by the next verb. With
 * -as the actor signs in before its first request and sends the session's token; with -cookie it behaves like
 * a browser: cookie and X-CSRF-Token.
 */
#include "scn.h"

#include "base/json.h"

#include <curl/curl.h>
#include <zlib.h>

struct http {
	CURL *curl;
	struct curl_slist *headers;
	char *method, *path;
	struct sb body;
	bool pending, gzip, cookie, anonymous;
	struct answer got;
	char *token, *csrf, *session; /* session: cookie header */
	char *signed_in;              /* as whom */
};

void answer_fini(struct answer *w)
{
	sb_fini(&w->headers);
	sb_fini(&w->body);
}

static size_t take(char *p, size_t size, size_t n, void *to)
{
	sb_put(to, p, size * n);
	return size * n;
}

/* Bytes that no URL holds are escaped, so that a path may be written as it is read. */
static char *url_of(struct arena *a, bool tls, int port, const char *path)
{
	struct sb b = SB_INIT;
	char *out;

	sb_printf(&b, "http%s://127.0.0.1:%d", tls ? "s" : "", port);
	for (const char *p = path; *p != '\0'; p++) {
		unsigned char ch = (unsigned char)*p;

		if (ch <= ' ' || ch >= 0x7f || strchr("\"<>`{}|\\^", ch) != NULL)
			sb_printf(&b, "%%%02X", ch);
		else
			sb_putc(&b, *p);
	}
	out = arena_strndup(a, b.p, b.n);
	sb_fini(&b);
	return out;
}

static void perform(struct ctx *c, struct city *y, CURL *curl, const char *method, const char *path,
        struct curl_slist *headers, struct str body, dur_us wait, struct answer *out)
{
	const char *cert = city_arg(y, "--cert"); /* signed by itself, so that it is also whom to trust */
	int port, rc;

	pthread_mutex_lock(&c->run->lock);
	port = y->http;
	pthread_mutex_unlock(&c->run->lock);
	out->status = 0;
	out->error[0] = '\0';
	sb_reset(&out->headers);
	sb_reset(&out->body);
	if (port == 0) {
		snprintf(out->error, sizeof(out->error), "the city is down");
		return;
	}
	curl_easy_reset(curl);
	curl_easy_setopt(curl, CURLOPT_URL, url_of(c->a, cert != NULL, port, path));
	if (cert != NULL)
		curl_easy_setopt(curl, CURLOPT_CAINFO, cert);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)(wait / US_MS));
	curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
	if (strcmp(method, "HEAD") == 0)
		curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
	if (body.p != NULL) {
		curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.p);
	}
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out->body);
	curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_HEADERDATA, &out->headers);
	rc = (int)curl_easy_perform(curl);
	if (rc != CURLE_OK)
		snprintf(out->error, sizeof(out->error), "%s ", curl_easy_strerror((CURLcode)rc));
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
	if (rc != CURLE_OK && out->body.n == 0 && out->headers.n == 0)
		out->status = 0;
}

void http_ask(struct ctx *c, struct city *y, const char *method, const char *path, const char *body,
        dur_us wait, struct answer *out)
{
	CURL *curl = curl_easy_init();
	struct curl_slist *h =
	        body != NULL ? curl_slist_append(NULL, "Content-Type: application/json") : NULL;

	perform(c, y, curl, method, path, h, str_of(body), wait, out);
	curl_slist_free_all(h);
	curl_easy_cleanup(curl);
}

static struct http *state(struct actor *a)
{
	struct http *h = a->state;

	if (h == NULL) {
		h = a->state = xcalloc(1, sizeof(*h));
		h->curl = curl_easy_init();
	}
	return h;
}

static void forget_request(struct http *h)
{
	curl_slist_free_all(h->headers);
	h->headers = NULL;
	sb_reset(&h->body);
	h->pending = h->gzip = false;
}

static void forget_session(struct http *h)
{
	free(h->token);
	free(h->csrf);
	free(h->session);
	free(h->signed_in);
	h->token = h->csrf = h->session = h->signed_in = NULL;
}

static bool sign_in(struct ctx *c, struct actor *a, const struct stmt *s, struct city *y)
{
	struct http *h = a->state;
	const char *password = scn_get(c->run, c->a, arena_printf(c->a, "password.%s", a->as)), *bad, *v;
	struct sb body = SB_INIT;
	struct answer w = {0};
	struct jw j;
	char *cookie;

	if (h->signed_in != NULL && strcmp(h->signed_in, a->as) == 0)
		return true;
	if (password == NULL)
		return scn_fail(c, s, "nobody knows the password of %s; set password.%s", a->as, a->as);
	forget_session(h);
	jw_init(&j, &body);
	jw_object(&j);
	jw_kstr(&j, "login", a->as);
	jw_kstr(&j, "password", password);
	jw_object_end(&j);
	http_ask(c, y, "POST", "/api/v1/session", body.p, 3 * c->run->patience, &w);
	sb_fini(&body);
	v = w.status == 200 || w.status == 201 ? scn_json(c->a, sb_str(&w.body), "$.token", &bad) : NULL;
	if (v == NULL) {
		scn_fail(c, s, "%s cannot sign in: status %ld %s%.500s", a->as, w.status, w.error,
		        w.body.p ? w.body.p : "");
		answer_fini(&w);
		return false;
	}
	h->token = xstrdup(v);
	v = scn_json(c->a, sb_str(&w.body), "$.csrf", &bad);
	h->csrf = v != NULL ? xstrdup(v) : NULL;
	cookie = w.headers.n > 0
	                 ? scn_match(c->a, w.headers.p, "[Ss]et-[Cc]ookie: (heming_session=[^;\r\n]*)")
	                 : NULL;
	h->session = cookie != NULL ? xstrdup(cookie) : NULL;
	h->signed_in = xstrdup(a->as);
	answer_fini(&w);
	return true;
}

static bool has_header(const struct http *h, const char *name)
{
	size_t n = strlen(name);

	for (const struct curl_slist *l = h->headers; l != NULL; l = l->next)
		if (strncasecmp(l->data, name, n) == 0 && l->data[n] == ':')
			return true;
	return false;
}

static void add_header(struct ctx *c, struct http *h, const char *name, const char *value)
{
	/* curl's way to send a header without a value is a semicolon. */
	h->headers = curl_slist_append(h->headers,
	        *value != '\0' ? arena_printf(c->a, "%s: %s", name, value) : arena_printf(c->a, "%s;", name));
}

static void gzip(struct sb *b)
{
	z_stream z = {0};
	struct sb out = SB_INIT;
	size_t cap = b->n + b->n / 100 + 1024;
	char *p = xcalloc(1, cap);

	must(deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.next_in = (unsigned char *)b->p;
	z.avail_in = (unsigned)b->n;
	z.next_out = (unsigned char *)p;
	z.avail_out = (unsigned)cap;
	must(deflate(&z, Z_FINISH) == Z_STREAM_END);
	sb_put(&out, p, z.total_out);
	deflateEnd(&z);
	free(p);
	sb_fini(b);
	*b = out;
}

static bool send_pending(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct http *h = state(a);
	struct city *y;

	if (!h->pending)
		return true;
	y = city_find(c, s, a->city);
	if (y == NULL)
		return false;
	if (a->as != NULL && !h->anonymous) {
		if (!sign_in(c, a, s, y)) {
			forget_request(h); /* it is not sent at the end of the block then */
			return false;
		}
		if (!h->cookie) {
			if (!has_header(h, "Authorization"))
				add_header(c, h, "Authorization", arena_printf(c->a, "Bearer %s", h->token));
		} else {
			if (h->session != NULL && !has_header(h, "Cookie"))
				add_header(c, h, "Cookie", h->session);
			if (strcmp(h->method, "GET") != 0 && h->csrf != NULL &&
			        !has_header(h, "X-CSRF-Token"))
				add_header(c, h, "X-CSRF-Token", h->csrf);
		}
	}
	if (h->body.n > 0 && !has_header(h, "Content-Type"))
		add_header(c, h, "Content-Type",
		        h->body.p[0] == '{' || h->body.p[0] == '[' ? "application/json"
		                                                   : "text/plain; charset=utf-8");
	if (h->gzip) {
		gzip(&h->body);
		add_header(c, h, "Content-Encoding", "gzip");
	}
	add_header(c, h, "Expect", ""); /* no 100-continue unless asked for */
	perform(c, y, h->curl, h->method, h->path, h->headers,
	        h->body.n > 0 || strcmp(h->method, "GET") != 0
	                ? (struct str){h->body.p ? h->body.p : "", h->body.n}
	                : STR_NULL,
	        3 * c->run->patience, &h->got);
	forget_request(h);
	return true;
}

static bool add_query(struct ctx *c, const struct stmt *s, struct http *h, int i)
{
	const char *v = scn_word(c, s, i), *eq;
	char *text;

	if (v == NULL)
		return false;
	eq = strchr(v, '=');
	if (eq == NULL)
		return scn_fail(c, s, "-q takes NAME=VALUE");
	text = curl_easy_escape(h->curl, eq + 1, 0);
	v = arena_printf(
	        c->a, "%s%c%.*s=%s", h->path, strchr(h->path, '?') ? '&' : '?', (int)(eq - v), v, text);
	curl_free(text);
	free(h->path);
	h->path = xstrdup(v);
	return true;
}

static bool verb(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct http *h = state(a);
	const char *path = scn_word(c, s, 1);
	int i = 2;

	if (path == NULL || !send_pending(c, a, s))
		return false;
	forget_request(h);
	free(h->method);
	free(h->path);
	h->method = xstrdup(s->word[0].text);
	for (char *p = h->method; *p != '\0'; p++)
		*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);
	h->path = xstrdup(path);
	h->pending = true;
	for (; i < s->words; i++) {
		if (scn_is(s, i, "-q")) {
			if (!add_query(c, s, h, ++i))
				return false;
		} else {
			const char *body = scn_word(c, s, i);

			if (body == NULL)
				return false;
			sb_puts(&h->body, body);
		}
	}
	return true;
}

static const char *header_of(struct ctx *c, const struct http *h, const char *name)
{
	struct str rest = sb_str(&h->got.headers);
	size_t n = strlen(name);

	while (rest.p != NULL) {
		struct str line = str_cut(&rest, '\n'), value;

		if (line.n > n && strncasecmp(line.p, name, n) == 0 && line.p[n] == ':') {
			value = str_trim((struct str){line.p + n + 1, line.n - n - 1});
			return arena_strndup(c->a, value.p ? value.p : "", value.n);
		}
	}
	return NULL;
}

/* What `status`, `header N`, `body` or `json PATH` from word *i on means; *i is moved behind it. */
static bool look(
        struct ctx *c, struct actor *a, const struct stmt *s, int *i, const char **what, const char **got)
{
	struct http *h = state(a);
	const char *v, *bad = NULL;

	*what = "answer";
	if (scn_is(s, *i, "status")) {
		*what = arena_printf(c->a, "status of %s %s", h->method, h->path);
		*got = arena_printf(c->a, "%ld", h->got.status);
		if (h->got.status == 0)
			*what = arena_printf(c->a, "%s (%s)", *what, h->got.error);
		++*i;
		return true;
	}
	if (scn_is(s, *i, "body")) {
		*got = arena_strndup(c->a, h->got.body.p ? h->got.body.p : "", h->got.body.n);
		*what = "body";
		++*i;
		return true;
	}
	v = scn_word(c, s, *i + 1);
	if (v == NULL)
		return false;
	*what = v;
	if (scn_is(s, *i, "header"))
		*got = header_of(c, h, v);
	else if (scn_is(s, *i, "json"))
		*got = scn_json(c->a, sb_str(&h->got.body), v, &bad);
	else
		return scn_fail(c, s, "there are status, header NAME, body, json PATH");
	*i += 2;
	if (bad == NULL && *got == NULL && h->got.status >= 400)
		*what = arena_printf(
		        c->a, "%s (status %ld %.300s)", v, h->got.status, h->got.body.p ? h->got.body.p : "");
	return bad == NULL || scn_fail(c, s, "%s: %s (status %ld %s)", v, bad, h->got.status, h->got.error);
}

static bool expect(struct ctx *c, struct actor *a, const struct stmt *s)
{
	const char *what, *got = NULL;
	struct http *h = state(a);
	int i = 1;

	if (!send_pending(c, a, s) || !look(c, a, s, &i, &what, &got))
		return false;
	if (scn_expect(c, s, i, what, got))
		return true;
	if (scn_is(s, 1, "status")) { /* why it is another one stands in the answer */
		char *why = arena_printf(
		        c->a, "%s; the answer was: %.600s", c->why.p, h->got.body.p ? h->got.body.p : "");

		c->failed = false;
		scn_fail(c, s, "%s", why);
	}
	return false;
}

static bool save(struct ctx *c, struct actor *a, const struct stmt *s)
{
	const char *what, *got = NULL;
	int i = 1;

	if (!send_pending(c, a, s) || !look(c, a, s, &i, &what, &got))
		return false;
	if (!scn_is(s, i, "->") || i + 1 >= s->words)
		return scn_fail(c, s, "the form is: save json PATH -> NAME");
	if (got == NULL)
		return scn_fail(c, s, "%s: there is none to save", what);
	scn_set(c->run, s->word[i + 1].text, got);
	return true;
}

static bool command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct http *h = state(a);
	const char *w = s->word[0].text, *v, *x;
	int64_t n;

	if (strcmp(w, "get") == 0 || strcmp(w, "post") == 0 || strcmp(w, "put") == 0 ||
	        strcmp(w, "delete") == 0 || strcmp(w, "head") == 0 || strcmp(w, "options") == 0 ||
	        strcmp(w, "patch") == 0)
		return verb(c, a, s);
	if (strcmp(w, "expect") == 0)
		return expect(c, a, s);
	if (strcmp(w, "save") == 0)
		return save(c, a, s);
	if (strcmp(w, "send") == 0)
		return send_pending(c, a, s);
	if (strcmp(w, "header") == 0) {
		v = scn_word(c, s, 1);
		x = v != NULL ? scn_word(c, s, 2) : NULL;
		if (x != NULL)
			add_header(c, h, v, x);
		return x != NULL;
	}
	if (strcmp(w, "gzip") == 0)
		return h->gzip = true;
	if (strcmp(w, "body") == 0) { /* body TEXT, body -repeat N TEXT (${n} in it counts) */
		if (!scn_is(s, 1, "-repeat")) {
			v = scn_word(c, s, 1);
			if (v != NULL)
				sb_puts(&h->body, v);
			return v != NULL;
		}
		if (!scn_int(c, s, 2, &n))
			return false;
		for (int64_t i = 1; i <= n; i++) {
			const char *p, *text = s->words > 3 ? s->word[3].text : "";

			while ((p = strstr(text, "${n}")) != NULL) {
				sb_put(&h->body, text, (size_t)(p - text));
				sb_printf(&h->body, "%lld", (long long)i);
				text = p + 4;
			}
			sb_puts(&h->body, text);
		}
		return true;
	}
	if (strcmp(w, "sign-in") == 0) { /* anew */
		struct city *y = city_find(c, s, a->city);

		forget_session(h);
		return y != NULL && a->as != NULL && sign_in(c, a, s, y);
	}
	return scn_fail(c, s, "http does not know \"%s\"", w);
}

static bool option(struct ctx *c, struct actor *a, const struct stmt *s, int *i)
{
	struct http *h = state(a);

	(void)c;
	if (scn_is(s, *i, "-cookie"))
		return h->cookie = true;
	if (scn_is(s, *i, "-anonymous")) /* keeps its login, sends nothing of it */
		return h->anonymous = true;
	return false;
}

static bool begin(struct ctx *c, struct actor *a, const struct stmt *s)
{
	(void)c;
	(void)s;
	forget_request(state(a));
	return true;
}

static void free_state(struct actor *a)
{
	struct http *h = a->state;

	if (h == NULL)
		return;
	forget_request(h);
	forget_session(h);
	sb_fini(&h->body);
	answer_fini(&h->got);
	free(h->method);
	free(h->path);
	curl_easy_cleanup(h->curl);
	free(h);
}

const struct actor_kind kind_http = {
        .name = "http",
        .option = option,
        .begin = begin,
        .command = command,
        .end = send_pending,
        .free = free_state,
};

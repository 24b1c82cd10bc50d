#include "net/fetch.h"
#include "base/sb.h"

#include <curl/curl.h>
#include <pthread.h>

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void begin(void)
{
	must(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK);
}

struct fetch_link {
	CURL *curl;
};

struct fetch_link *fetch_link_new(void)
{
	struct fetch_link *l = xcalloc(1, sizeof(*l));

	pthread_once(&once, begin);
	l->curl = curl_easy_init();
	must(l->curl != NULL);
	return l;
}

void fetch_link_free(struct fetch_link **l)
{
	if (*l == NULL)
		return;
	curl_easy_cleanup((*l)->curl);
	free(*l);
	*l = NULL;
}

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct sb *b = arg;

	sb_put(b, p, size * n);
	return b->failed ? 0 : size * n;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
	char *line = xasprintf("%s: %s", name, value);
	struct curl_slist *more = curl_slist_append(list, line);

	free(line);
	return more != NULL ? more : list;
}

/* The headers are the caller's to free, after the request. */
static struct curl_slist *prepare_body(CURL *curl, const struct fetch *f)
{
	struct curl_slist *headers = NULL;

	if (f->form != NULL)
		curl_easy_setopt(curl, CURLOPT_POSTFIELDS, f->form);
	if (f->body.p == NULL)
		return NULL;
	curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body.n);
	curl_easy_setopt(curl, CURLOPT_POSTFIELDS, f->body.p);
	headers = add_header(headers, "Content-Type", f->type);
	headers = add_header(headers, "Expect", ""); /* no question whether the body may come */
	if (f->packed != NULL)
		headers = add_header(headers, "Content-Encoding", f->packed);
	if (f->version != NULL)
		headers = add_header(headers, "X-Prometheus-Remote-Write-Version", f->version);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	return headers;
}

static void prepare(CURL *curl, const struct fetch *f, struct sb *b)
{
	curl_easy_setopt(curl, CURLOPT_URL, f->url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, f->plain ? "http,https" : "https");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 5000L);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)((f->wait > 0 ? f->wait : 10 * US_SECOND) / US_MS));
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "heming");
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, b);
	if (f->user != NULL) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, f->user);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, f->password);
	}
}

int fetch(const struct fetch *f, struct arena *a, int *status, struct str *body, struct err *e)
{
	struct sb b = {.max = f->max_b > 0 ? f->max_b : 1 << 20};
	struct curl_slist *headers = NULL;
	long got = 0, connects = 0;
	CURLcode rc;
	CURL *curl;

	pthread_once(&once, begin);
	curl = f->link != NULL ? f->link->curl : curl_easy_init();
	if (curl == NULL)
		return err_set(e, ERR_NOMEM, "not enough memory to ask another server");
	curl_easy_reset(curl);
	prepare(curl, f, &b);
	headers = prepare_body(curl, f);
	rc = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &got);
	curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &connects);
	if (f->fresh != NULL)
		*f->fresh = connects > 0;
	if (f->link == NULL)
		curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	*status = (int)got;
	*body = (struct str){arena_strndup(a, b.n > 0 ? b.p : "", b.n), b.n};
	sb_fini(&b);
	if (rc == CURLE_OK)
		return 0;
	if (b.failed || rc == CURLE_WRITE_ERROR)
		err_set(e, ERR_TOOBIG, "the answer is longer than expected");
	else if (rc == CURLE_OPERATION_TIMEDOUT)
		err_set(e, ERR_TIMEOUT, "no answer in time");
	else
		err_set(e, ERR_UNAVAILABLE, "no answer: %s", curl_easy_strerror(rc));
	err_at(e, f->url, 0, 0, NULL);
	return rc == CURLE_OPERATION_TIMEDOUT ? ERR_TIMEOUT
	       : rc == CURLE_WRITE_ERROR      ? ERR_TOOBIG
	                                      : ERR_UNAVAILABLE;
}

/*
 * sse NAME -as LOGIN -start ; sse NAME { expect event KIND [PATH OP VALUE]… [within 1s] ; save json PATH -> V
 * }
 *
 * A live stream is read on a thread of its own from -start to -stop; events wait in order. expect event looks
 * for the next one of that kind, passing over others; `expect no event KIND` looks at those that came and
 * were not yet passed. save and `last-id -> V` mean the event found last.
 */
#include "scn.h"

#include <curl/curl.h>

#define EVENTS_MOST 100000

struct event {
	char *id, *kind, *data;
	dur_us at; /* monotonic */
};
struct sse {
	struct run *run;
	struct city *city;
	char *url, *auth, *last_header;
	pthread_t thread;
	bool reading;
	_Atomic bool stop;
	/* behind run->lock */
	struct event *events;
	size_t n, next;
	int heartbeats;
	long status;
	bool ended;
	/* the thread's */
	struct sb line;
	char *id, *kind;
	struct sb data;
};

static void end_line(struct sse *x)
{
	const char *l = x->line.n > 0 ? x->line.p : "";
	const char *v = strchr(l, ':');

	if (*l == '\0') {
		if (x->kind != NULL || x->data.n > 0) {
			pthread_mutex_lock(&x->run->lock);
			must(x->n < EVENTS_MOST);
			x->events[x->n++] = (struct event){x->id ? xstrdup(x->id) : xstrdup(""),
			        x->kind ? x->kind : xstrdup("message"), xstrdup(x->data.n ? x->data.p : ""),
			        clock_monotonic()};
			pthread_cond_broadcast(&x->run->changed);
			pthread_mutex_unlock(&x->run->lock);
		}
		x->kind = NULL;
		sb_reset(&x->data);
	} else if (*l == ':') {
		pthread_mutex_lock(&x->run->lock);
		x->heartbeats++;
		pthread_cond_broadcast(&x->run->changed);
		pthread_mutex_unlock(&x->run->lock);
	} else if (v != NULL) {
		size_t n = (size_t)(v - l);

		v += v[1] == ' ' ? 2 : 1;
		if (n == 2 && memcmp(l, "id", 2) == 0) {
			free(x->id);
			x->id = xstrdup(v);
		} else if (n == 5 && memcmp(l, "event", 5) == 0) {
			free(x->kind);
			x->kind = xstrdup(v);
		} else if (n == 4 && memcmp(l, "data", 4) == 0) {
			if (x->data.n > 0)
				sb_putc(&x->data, '\n');
			sb_puts(&x->data, v);
		}
	}
	sb_reset(&x->line);
}

static size_t take(char *p, size_t size, size_t n, void *arg)
{
	struct sse *x = arg;

	for (size_t i = 0; i < size * n; i++) {
		if (p[i] == '\n')
			end_line(x);
		else if (p[i] != '\r')
			sb_putc(&x->line, p[i]);
	}
	return size * n;
}

static int asked_to_stop(void *arg, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e)
{
	const struct sse *x = arg;

	(void)a, (void)b, (void)d, (void)e;
	return x->stop || x->run->ending;
}

static void *read_stream(void *arg)
{
	struct sse *x = arg;
	CURL *curl = curl_easy_init();
	struct curl_slist *h = curl_slist_append(NULL, "Accept: text/event-stream");
	long status = 0;

	if (x->auth != NULL)
		h = curl_slist_append(h, x->auth);
	if (x->last_header != NULL)
		h = curl_slist_append(h, x->last_header);
	curl_easy_setopt(curl, CURLOPT_URL, x->url);
	curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, h);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, x);
	curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, asked_to_stop);
	curl_easy_setopt(curl, CURLOPT_XFERINFODATA, x);
	curl_easy_setopt(curl, CURLOPT_BUFFERSIZE, 1024L);
	(void)curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	curl_slist_free_all(h);
	curl_easy_cleanup(curl);
	pthread_mutex_lock(&x->run->lock);
	x->ended = true;
	x->status = status;
	pthread_cond_broadcast(&x->run->changed);
	pthread_mutex_unlock(&x->run->lock);
	return NULL;
}

static struct sse *state(struct ctx *c, struct actor *a)
{
	if (a->state == NULL) {
		struct sse *x = a->state = xcalloc(1, sizeof(*x));

		x->run = c->run;
		x->events = xcalloc(
		        EVENTS_MOST, sizeof(*x->events)); /* never moves: those that came are read freely */
	}
	return a->state;
}

static void stop_reading(struct sse *x)
{
	if (!x->reading)
		return;
	x->stop = true;
	pthread_join(x->thread, NULL);
	x->reading = false;
}

static bool stop(struct ctx *c, struct actor *a, const struct stmt *s)
{
	(void)s;
	stop_reading(state(c, a));
	return true;
}

/* Opens the stream and waits for its first event, so that nothing that follows is missed. */
static bool start(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct sse *x = state(c, a);
	struct city *y = city_find(c, s, a->city);
	const char *token = NULL, *bad, *password;
	struct answer w = {0};
	char *resume = NULL;
	dur_us until = clock_monotonic() + c->run->patience;
	size_t had;
	bool ok;

	if (y == NULL)
		return false;
	stop_reading(x);
	for (int i = 1; i + 1 < s->words; i++) {
		if (scn_is(s, i, "-after") || scn_is(s, i, "-last-id")) {
			const char *v = scn_word(c, s, i + 1);

			if (v == NULL)
				return false;
			resume = arena_printf(c->a, "Last-Event-ID: %s", v);
		}
	}
	if (a->as != NULL) {
		password = scn_get(c->run, c->a, arena_printf(c->a, "password.%s", a->as));
		if (password == NULL)
			return scn_fail(c, s, "nobody knows the password of %s", a->as);
		http_ask(c, y, "POST", "/api/v1/session",
		        arena_printf(c->a, "{\"login\":\"%s\",\"password\":\"%s\"}", a->as, password),
		        c->run->patience, &w);
		token = scn_json(c->a, sb_str(&w.body), "$.token", &bad);
		if (token == NULL)
			return scn_fail(c, s, "%s cannot sign in: status %ld %s", a->as, w.status, w.error);
		answer_fini(&w);
	}
	free(x->url);
	free(x->auth);
	free(x->last_header);
	x->url = xasprintf("http://127.0.0.1:%d/api/v1/events", y->http);
	x->auth = token != NULL ? xasprintf("Authorization: Bearer %s", token) : NULL;
	x->last_header = resume != NULL ? xstrdup(resume) : NULL;
	x->stop = false;
	x->ended = false;
	had = x->n;
	x->reading = true;
	pthread_create(&x->thread, NULL, read_stream, x);
	pthread_mutex_lock(&c->run->lock);
	while (x->n == had && !x->ended && clock_monotonic() < until)
		scn_wait_changed(c->run, until);
	ok = x->n > had || x->ended;
	pthread_mutex_unlock(&c->run->lock);
	return ok || scn_fail(c, s, "the stream says nothing, not even hello");
}

static bool option(struct ctx *c, struct actor *a, const struct stmt *s, int *i)
{
	(void)c;
	(void)a;
	if (scn_is(s, *i, "-after") || scn_is(s, *i, "-last-id")) {
		++*i;
		return true;
	}
	return false;
}

/* Whether an event is of the kind and all its conditions from word i on hold. */
static bool fits(
        struct ctx *c, const struct stmt *s, int i, int end, const char *kind, const struct event *ev)
{
	const char *bad;

	if (strcmp(ev->kind, kind) != 0)
		return false;
	for (; i + 2 < end; i += 3) {
		const char *path = scn_word(c, s, i), *op = scn_word(c, s, i + 1),
		           *want = scn_word(c, s, i + 2), *got;

		if (path == NULL || op == NULL || want == NULL)
			return false;
		got = scn_json(c->a, str_of(ev->data), path, &bad);
		if (got == NULL || scn_holds(got, op, want) != 1)
			return false;
	}
	return true;
}

static const char *list_events(struct ctx *c, const struct sse *x, size_t from)
{
	struct sb b = SB_INIT;
	const char *out;

	for (size_t i = from; i < x->n; i++)
		sb_printf(&b, "\n    %s %s %.200s", x->events[i].id, x->events[i].kind, x->events[i].data);
	out = b.n ? arena_strndup(c->a, b.p, b.n < 3000 ? b.n : 3000) : " nothing";
	sb_fini(&b);
	return out;
}

static bool expect_event(struct ctx *c, struct sse *x, const struct stmt *s)
{
	const char *kind = scn_word(c, s, 2);
	dur_us wait = c->run->patience, until;
	int end = s->words;
	size_t i, from;
	bool found = false;

	if (kind == NULL)
		return false;
	if (end >= 5 && scn_is(s, end - 2, "within")) {
		if (!scn_dur(c, s, end - 1, &wait))
			return false;
		end -= 2;
	}
	until = clock_monotonic() + wait;
	pthread_mutex_lock(&c->run->lock);
	from = i = x->next;
	while (!found) {
		if (i < x->n) {
			struct event ev = x->events[i++];

			/* The lock is not held while words are looked up; an event once taken in stays. */
			pthread_mutex_unlock(&c->run->lock);
			found = fits(c, s, 3, end, kind, &ev);
			pthread_mutex_lock(&c->run->lock);
			if (c->failed)
				break;
		} else if (clock_monotonic() >= until || x->ended) {
			break;
		} else {
			scn_wait_changed(c->run, until);
		}
	}
	if (found)
		x->next = i;
	pthread_mutex_unlock(&c->run->lock);
	return found ||
	       scn_fail(c, s, "event %s did not come%s; since the last one found came:%s", kind,
	               x->ended ? arena_printf(c->a, " and the stream has ended (status %ld)", x->status)
	                        : "",
	               list_events(c, x, from));
}

static bool command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct sse *x = state(c, a);
	dur_us until = clock_monotonic() + 2 * c->run->patience;
	const char *v, *got, *bad;
	bool ok;

	if (scn_is(s, 0, "expect") && scn_is(s, 1, "event"))
		return expect_event(c, x, s);
	if (scn_is(s, 0, "expect") && scn_is(s, 1, "no")) {
		if ((v = scn_word(c, s, 3)) == NULL)
			return false;
		for (size_t i = x->next; i < x->n; i++)
			if (fits(c, s, 4, s->words, v, &x->events[i]))
				return scn_fail(c, s, "event %s came: %.300s", v, x->events[i].data);
		return true;
	}
	if (scn_is(s, 0, "expect") && (scn_is(s, 1, "heartbeat") || scn_is(s, 1, "end"))) {
		bool beat = scn_is(s, 1, "heartbeat");
		int had = x->heartbeats;

		pthread_mutex_lock(&c->run->lock);
		while ((beat ? x->heartbeats == had : !x->ended) && clock_monotonic() < until)
			scn_wait_changed(c->run, until);
		ok = beat ? x->heartbeats > had : x->ended;
		pthread_mutex_unlock(&c->run->lock);
		return ok || scn_fail(c, s, beat ? "no heartbeat came" : "the stream goes on");
	}
	if (scn_is(s, 0, "expect") && scn_is(s, 1, "status")) /* of an ended stream */
		return scn_expect(c, s, 2, "status", arena_printf(c->a, "%ld", x->status));
	if (scn_is(s, 0, "expect") &&
	        scn_is(s, 1, "count")) { /* expect count KIND OP N, over all that came */
		int n = 0;

		if ((v = scn_word(c, s, 2)) == NULL)
			return false;
		for (size_t i = 0; i < x->n; i++)
			n += strcmp(x->events[i].kind, v) == 0;
		return scn_expect(c, s, 3, v, arena_printf(c->a, "%d", n));
	}
	if (x->next == 0)
		return scn_fail(c, s, "no event was found yet");
	if (scn_is(s, 0, "last-id") && scn_is(s, 1, "->") && s->words == 3) {
		scn_set(c->run, s->word[2].text, x->events[x->next - 1].id);
		return true;
	}
	if ((scn_is(s, 0, "save") || scn_is(s, 0, "expect")) && scn_is(s, 1, "json")) {
		if ((v = scn_word(c, s, 2)) == NULL)
			return false;
		got = scn_json(c->a, str_of(x->events[x->next - 1].data), v, &bad);
		if (scn_is(s, 0, "expect"))
			return scn_expect(c, s, 3, v, got);
		if (got == NULL || s->words != 5)
			return scn_fail(
			        c, s, "%s: there is none to save in %.500s", v, x->events[x->next - 1].data);
		scn_set(c->run, s->word[4].text, got);
		return true;
	}
	return scn_fail(c, s, "sse does not know \"%s\"", s->word[0].text);
}

static void free_state(struct actor *a)
{
	struct sse *x = a->state;

	if (x == NULL)
		return;
	stop_reading(x);
	for (size_t i = 0; i < x->n; i++) {
		free(x->events[i].id);
		free(x->events[i].kind);
		free(x->events[i].data);
	}
	free(x->events);
	free(x->url);
	free(x->auth);
	free(x->last_header);
	free(x->id);
	free(x->kind);
	sb_fini(&x->line);
	sb_fini(&x->data);
	free(x);
}

const struct actor_kind kind_sse = {
        .name = "sse",
        .option = option,
        .command = command,
        .start = start,
        .stop = stop,
        .free = free_state,
};

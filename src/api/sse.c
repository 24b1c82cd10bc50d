/*
 * sse - the journal as it grows, to many readers.
 *
 * One thread sends. When the journal has grown it reads the new entries once for all readers that stand at
 * the same place with the same scope, which is nearly all of them, and gives each the same text. Readers that
 * resume from far back go in steps, so that a slow line is not filled at once. A reader that does not take
 * what it is sent is ended; it comes back with Last-Event-ID and misses nothing.
 *
 * Locks: `lock` guards the list and the streams in it. The door calls closed() on its own threads; after that
 * a stream is not touched, which the lock sees to.
 */
#include "api/api_int.h"
#include "base/log.h"
#include "base/thread.h"

#define HEARTBEAT (15 * US_SECOND)
#define STEP_ENTRIES 200           /* of a reader that is behind, at once */
#define STEP_WAIT (20 * US_MS)     /* between such steps */
#define RETRY_WAIT (1 * US_SECOND) /* after a failed read of the store */
#define READERS_MOST 1000

struct reader {
	struct reader *next, **prev;
	struct streams *all;
	struct http_stream *stream; /* NULL: gone */
	struct arena *a;            /* holds scope and all of this */
	struct journal_scope scope;
	const char *scope_key; /* equal for equal scopes */
	char *token;           /* of the session */
	int64_t at;            /* looked up to here */
	dur_us checked;        /* monotonic, when the session was last seen to be alive */
	bool served;           /* in this round */
};

struct streams {
	struct site *site;
	struct journal_watch *watch;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool closing, stopped;
	int64_t last; /* newest entry that is visible */
	struct reader *first;
	int readers;
};

/* ---- text ---- */

void sse_write(struct sb *b, const struct journal_entry *j)
{
	struct jw w;

	sb_printf(b, "id: %lld\nevent: " STR_FMT "\ndata: ", (long long)j->seq, STR_ARG(j->kind));
	jw_init(&w, b);
	jw_object(&w);
	jw_kint(&w, "seq", j->seq);
	jw_ktime(&w, "at", j->at);
	jw_key(&w, "kind");
	jw_str(&w, j->kind);
	jw_key(&w, "subject");
	jw_str(&w, j->subject);
	jw_key(&w, "subject_id");
	jw_str(&w, j->subject_id);
	jw_key(&w, "region");
	jw_str(&w, j->region);
	jw_key(&w, "org");
	jw_str(&w, j->org);
	jw_key(&w, "account");
	jw_str(&w, j->account);
	jw_key(&w, "payload");
	if (j->payload.n > 0 && memchr(j->payload.p, '\n', j->payload.n) == NULL)
		jw_raw(&w, j->payload);
	else
		jw_null(&w); /* erased; our own payloads are one line each */
	jw_object_end(&w);
	sb_puts(b, "\n\n");
}

static const char *scope_key(struct arena *a, const struct journal_scope *s)
{
	const char *const *list[] = {s->regions, s->orgs};
	struct sb b = SB_INIT;
	const char *out;

	sb_printf(&b, "%lld", (long long)s->clearance);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		sb_puts(&b, list[i] != NULL ? "|" : "|*");
		for (const char *const *p = list[i]; p != NULL && *p != NULL; p++)
			sb_printf(&b, " %s", *p);
	}
	out = arena_strndup(a, b.p, b.n);
	sb_fini(&b);
	return out;
}

static const char *const *copy_list(struct arena *a, const char *const *list)
{
	const char **out;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	while (list[n] != NULL)
		n++;
	out = arena_array(a, n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = arena_strdup(a, list[i]);
	return out;
}

/* ---- the list; with the lock held ---- */

static void unlink_reader(struct reader *x)
{
	*x->prev = x->next;
	if (x->next != NULL)
		x->next->prev = x->prev;
	x->all->readers--;
}

/* The door lets the stream go by and by, and then calls closed(). */
static void end_reader(struct reader *x)
{
	struct http_stream *s = x->stream;

	x->stream = NULL;
	if (s != NULL)
		http_stream_end(s);
}

static void send_to(struct reader *x, struct str text)
{
	if (x->stream == NULL || http_stream_send(x->stream, text))
		return;
	end_reader(x);
}

/* On a thread of the door. */
static void closed(void *ctx)
{
	struct reader *x = ctx;
	struct streams *s = x->all;
	struct arena *a = x->a;

	pthread_mutex_lock(&s->lock);
	x->stream = NULL;
	unlink_reader(x);
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	arena_free(&a);
}

/* ---- the sender ---- */

struct batch { /* what one kind of reader gets in this round */
	struct sb text;
	struct journal_scope scope;
	const char *key;
	int64_t from, to;
};

/* Reads without the lock: scope and key are copied into `a`. */
static int read_batch(struct streams *s, struct batch *b, struct err *e)
{
	struct journal_filter f = {.scope = &b->scope};
	struct journal_entry *list = NULL;
	struct store_tx *tx = NULL;
	int n = 0, rc = store_read_begin(s->site->store, "live streams", &tx, e);

	if (rc == 0)
		rc = journal_read(tx, b->from, STEP_ENTRIES, &f, &list, &n, &b->to, e);
	for (int i = 0; rc == 0 && i < n; i++)
		sse_write(&b->text, &list[i]);
	store_read_end(&tx);
	return rc;
}

/* A reader that is behind and was not yet served in this round; NULL if there is none. */
static struct reader *behind(struct streams *s)
{
	for (struct reader *x = s->first; x != NULL; x = x->next)
		if (x->stream != NULL && !x->served && x->at < s->last)
			return x;
	return NULL;
}

/* With the lock held, which is let go of while the store is read. */
static int serve_like(struct streams *s, const struct reader *model, struct err *e)
{
	struct arena *a = arena_new(0);
	struct batch b = {.text = SB_INIT, .from = model->at, .to = model->at};
	int rc;

	b.scope = (struct journal_scope){.regions = copy_list(a, model->scope.regions),
	        .orgs = copy_list(a, model->scope.orgs),
	        .clearance = model->scope.clearance};
	b.key = arena_strdup(a, model->scope_key);
	pthread_mutex_unlock(&s->lock);
	rc = read_batch(s, &b, e);
	pthread_mutex_lock(&s->lock);
	for (struct reader *x = s->first; x != NULL; x = x->next) {
		if (x->served || x->at != b.from || strcmp(x->scope_key, b.key) != 0)
			continue;
		x->served = true;
		if (rc < 0)
			continue;
		if (b.to > x->at)
			x->at = b.to;
		if (b.text.n > 0)
			send_to(x, sb_str(&b.text));
	}
	sb_fini(&b.text);
	arena_free(&a);
	return rc;
}

/* One step for every reader that is behind. */
static int serve_all(struct streams *s, struct err *e)
{
	struct reader *x;
	int rc = 0, one;

	for (x = s->first; x != NULL; x = x->next)
		x->served = false;
	while ((x = behind(s)) != NULL && !s->closing) {
		one = serve_like(s, x, e);
		if (one < 0)
			rc = one;
	}
	return rc;
}

/* A session that has ended elsewhere, and an account that was disabled, end their streams within a beat. */
static void check_sessions(struct streams *s, dur_us now)
{
	for (;;) {
		struct arena *a;
		struct err e = ERR_INIT;
		struct who who;
		struct reader *x = s->first;
		char *token;
		int rc;

		while (x != NULL && (x->stream == NULL || now - x->checked < HEARTBEAT))
			x = x->next;
		if (x == NULL)
			return;
		x->checked = now;
		a = arena_new(0);
		token = arena_strdup(a, x->token);
		pthread_mutex_unlock(&s->lock);
		rc = auth_token(s->site, token, a, &who, &e);
		pthread_mutex_lock(&s->lock);
		for (x = s->first; x != NULL; x = x->next) {
			if (strcmp(x->token, token) != 0)
				continue;
			x->checked = now;
			if (rc == ERR_UNAUTH)
				end_reader(x);
		}
		arena_free(&a);
	}
}

static void wait_for(struct streams *s, dur_us until)
{
	struct timespec t = {
	        .tv_sec = (time_t)(until / US_SECOND), .tv_nsec = (long)(until % US_SECOND) * 1000};

	(void)pthread_cond_timedwait(&s->wake, &s->lock, &t);
}

static void *run(void *arg)
{
	struct streams *s = arg;
	dur_us beat = clock_monotonic() + HEARTBEAT;

	pthread_mutex_lock(&s->lock);
	while (!s->closing) {
		struct err e = ERR_INIT;
		int64_t seen = s->last;
		int rc = serve_all(s, &e);
		dur_us now = clock_monotonic(), until = beat;
		struct reader *x;

		if (now >= beat) {
			for (x = s->first; x != NULL; x = x->next)
				send_to(x, STR_LIT(": hb\n\n"));
			check_sessions(s, now);
			beat = until = now + HEARTBEAT;
		}
		for (x = s->first; x != NULL; x = x->next)
			x->served = false;
		if (rc < 0) {
			LOG(STORE_FAULT, log_s("what", "live streams"), log_s("why", e.text));
			until = now + RETRY_WAIT;
		} else if (behind(s) != NULL) {
			until = now + STEP_WAIT;
		}
		if (!s->closing && (seen == s->last || rc < 0))
			wait_for(s, until < beat ? until : beat);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

/* On the store's writer: no more than a word to the sender. */
static void grown(void *ctx, int64_t seq)
{
	struct streams *s = ctx;

	pthread_mutex_lock(&s->lock);
	if (seq > s->last)
		s->last = seq;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the door's side ---- */

struct streams *streams_new(struct site *site)
{
	struct streams *s = xcalloc(1, sizeof(*s));
	pthread_condattr_t attr;

	s->site = site;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&s->wake, &attr) == 0);
	pthread_condattr_destroy(&attr);
	s->watch = journal_watch(site->store, grown, s);
	thread_start(&s->thread, "streams", run, s);
	return s;
}

void streams_close(struct streams *s)
{
	if (s == NULL || s->stopped)
		return;
	s->stopped = true;
	journal_unwatch(s->site->store, &s->watch);
	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_broadcast(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	pthread_mutex_lock(&s->lock);
	for (struct reader *x = s->first; x != NULL; x = x->next)
		end_reader(x);
	pthread_mutex_unlock(&s->lock);
}

void streams_free(struct streams **sp)
{
	struct streams *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	streams_close(s);
	must(s->first == NULL); /* the door is closed and has let go of all */
	pthread_cond_destroy(&s->wake);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void streams_end_session(struct streams *s, const char *token)
{
	pthread_mutex_lock(&s->lock);
	for (struct reader *x = s->first; x != NULL; x = x->next)
		if (strcmp(x->token, token) == 0)
			end_reader(x);
	pthread_mutex_unlock(&s->lock);
}

static int last_entry(struct site *site, int64_t *seq, struct err *e)
{
	struct store_tx *tx = NULL;
	int rc = store_read_begin(site->store, "live streams", &tx, e);

	if (rc == 0)
		rc = journal_last(tx, seq, e);
	store_read_end(&tx);
	return rc;
}

static void say_hello(struct reader *x, time_us now)
{
	struct sb b = SB_INIT;
	struct jw w;

	sb_printf(&b, "retry: 2000\nid: %lld\nevent: hello\ndata: ", (long long)x->at);
	jw_init(&w, &b);
	jw_object(&w);
	jw_kint(&w, "seq", x->at);
	jw_ktime(&w, "now", now);
	jw_object_end(&w);
	sb_puts(&b, "\n\n");
	send_to(x, sb_str(&b));
	sb_fini(&b);
}

int streams_add(struct streams *s, struct call *c, int64_t after, struct err *e)
{
	struct arena *a = arena_new(0);
	struct reader *x = arena_alloc(a, sizeof(*x));
	int64_t last = 0;
	int rc = last_entry(s->site, &last, e);

	x->all = s;
	x->a = a;
	x->scope = (struct journal_scope){.regions = copy_list(a, c->who.scope.regions),
	        .orgs = copy_list(a, c->who.scope.orgs),
	        .clearance = c->who.scope.clearance};
	x->scope_key = scope_key(a, &x->scope);
	x->token = arena_strdup(a, c->token);
	x->at = after >= 0 && after < last ? after : last;
	x->checked = clock_monotonic();
	pthread_mutex_lock(&s->lock);
	if (last > s->last)
		s->last = last;
	if (rc == 0 && s->closing)
		rc = err_set(e, ERR_UNAVAILABLE, "the server is stopping");
	if (rc == 0 && s->readers >= READERS_MOST)
		rc = err_set(e, ERR_BUSY, "too many live streams; close some pages");
	if (rc == 0) {
		x->next = s->first;
		x->prev = &s->first;
		if (x->next != NULL)
			x->next->prev = &x->next;
		s->first = x;
		s->readers++;
		/* closed() may be called at once, and then waits for the lock. */
		x->stream = http_stream_begin(c->r, "text/event-stream", closed, x);
		say_hello(x, clock_now(s->site->clock));
		pthread_cond_signal(&s->wake);
	}
	pthread_mutex_unlock(&s->lock);
	if (rc < 0)
		arena_free(&a);
	return rc;
}

/*
 * Live streams: a body that goes on. While nothing waits the connection is suspended and costs no time.
 *
 * Two locks are taken in the order server, stream.
 */
#include "net/http_int.h"

#include "base/metric.h"

#define WAITING_MAX (1 << 20)

static ssize_t read_stream(void *ctx, uint64_t pos, char *buf, size_t max)
{
	struct http_stream *s = ctx;
	ssize_t n = 0;

	(void)pos;
	pthread_mutex_lock(&s->lock);
	if (s->taken < s->waiting.n) {
		size_t left = s->waiting.n - s->taken;

		n = (ssize_t)(left < max ? left : max);
		memcpy(buf, s->waiting.p + s->taken, (size_t)n);
		s->taken += (size_t)n;
		if (s->taken == s->waiting.n) {
			sb_reset(&s->waiting);
			s->taken = 0;
		}
	} else if (s->ended) {
		n = MHD_CONTENT_READER_END_OF_STREAM;
	} else {
		s->suspended = true;
		MHD_suspend_connection(s->mhd);
	}
	pthread_mutex_unlock(&s->lock);
	return n;
}

static void free_stream(void *ctx)
{
	struct http_stream *s = ctx;

	pthread_mutex_lock(&s->server->lock);
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		s->server->streams = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	pthread_mutex_unlock(&s->server->lock);
	if (s->closed != NULL)
		s->closed(s->ctx);
	metric_add(METRIC_SSE_SUBSCRIBERS, -1);
	/* Whoever woke the loop to come here has left once the lock was ours. */
	pthread_mutex_lock(&s->lock);
	pthread_mutex_unlock(&s->lock);
	sb_fini(&s->waiting);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

struct http_stream *http_stream_begin(
        struct http_req *r, const char *mime, void (*closed)(void *ctx), void *ctx)
{
	struct http_stream *s;
	struct MHD_Response *m;

	if (!http__answer_begin(r))
		return NULL;
	r->streams = true;
	s = xcalloc(1, sizeof(*s));
	s->server = r->server;
	s->mhd = r->mhd;
	s->closed = closed;
	s->ctx = ctx;
	s->waiting.max = WAITING_MAX;
	must(pthread_mutex_init(&s->lock, NULL) == 0);
	pthread_mutex_lock(&s->server->lock);
	s->next = s->server->streams;
	if (s->next != NULL)
		s->next->prev = s;
	s->server->streams = s;
	s->ended = atomic_load(&s->server->closing);
	pthread_mutex_unlock(&s->server->lock);
	metric_add(METRIC_SSE_SUBSCRIBERS, 1);
	m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, 16 << 10, read_stream, s, free_stream);
	must(m != NULL);
	MHD_add_response_header(m, "Content-Type", mime);
	MHD_add_response_header(m, "Cache-Control", "no-store");
	MHD_add_response_header(m, "X-Accel-Buffering", "no");
	http__answer_end(r, 200, m);
	return s;
}

static void wake(struct http_stream *s)
{
	if (s->suspended) {
		s->suspended = false;
		MHD_resume_connection(s->mhd);
	}
}

bool http_stream_send(struct http_stream *s, struct str text)
{
	bool ok;

	if (s == NULL)
		return false;
	pthread_mutex_lock(&s->lock);
	ok = !s->ended && s->waiting.n - s->taken + text.n <= WAITING_MAX;
	if (ok) {
		if (s->taken > 0) { /* make room at the front */
			memmove(s->waiting.p, s->waiting.p + s->taken, s->waiting.n - s->taken);
			s->waiting.n -= s->taken;
			s->taken = 0;
		}
		sb_putstr(&s->waiting, text);
		wake(s);
	} else if (!s->ended && !s->dropped) {
		s->dropped = true;
		metric_add(METRIC_SSE_DROPPED, 1);
	}
	pthread_mutex_unlock(&s->lock);
	return ok;
}

void http_stream_end(struct http_stream *s)
{
	if (s == NULL)
		return;
	pthread_mutex_lock(&s->lock);
	s->ended = true;
	wake(s);
	pthread_mutex_unlock(&s->lock);
}

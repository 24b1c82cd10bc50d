/* A message of remote write from the points of the log. */
#include "series/remote_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/snappy.h"

#define PIECE_B ((size_t)8 << 20) /* unpacked; engines take 32 MiB */
#define ANSWER_WAIT (20 * US_SECOND)

static int by_series(const void *a, const void *b)
{
	const struct series_point *x = a, *y = b;

	return x->id.v != y->id.v ? (x->id.v > y->id.v) - (x->id.v < y->id.v) : (x->t > y->t) - (x->t < y->t);
}

int64_t remote_ms(time_us t)
{
	return t / US_MS - (t % US_MS < 0);
}

/* ---- one series ---- */

struct sending {
	struct labels stored;
	const struct series_point
	        *p; /* of one series, in order of time; of one instant the last written counts */
	size_t n;
	const struct hidden *hidden;
	int hidden_n;
};

/* Number of the deletion behind which a point was written, 0 for none; or that it was deleted since. */
static uint32_t after_of(const struct sending *s, int64_t ms, bool *deleted)
{
	uint32_t after = 0;

	*deleted = false;
	for (int i = 0; i < s->hidden_n; i++) {
		const struct hidden *h = &s->hidden[i];

		if (ms < h->from || ms > h->to)
			continue;
		*deleted |= !h->passed;
		after = h->passed && h->number > after ? h->number : after;
	}
	return after;
}

/* False when the arena is full. */
static bool put_after(
        const struct series_remote *r, const struct sending *s, uint32_t after, struct arena *a, struct sb *b)
{
	bool begun = false;
	size_t at = 0;

	for (size_t k = 0; k < s->n; k++) {
		int64_t ms = remote_ms(s->p[k].t);
		bool deleted;

		if (k + 1 < s->n && remote_ms(s->p[k + 1].t) == ms)
			continue;
		if (s->hidden_n > 0 && (after_of(s, ms, &deleted) != after || deleted))
			continue;
		if (!begun) {
			struct labels ls = s->stored;

			if (!remote_labels_out(&r->outer, &ls, after, a))
				return false;
			at = prompb_series_begin(b, &ls);
			begun = true;
		}
		prompb_sample_put(b, ms, s->p[k].v);
	}
	if (begun)
		prompb_series_end(b, at);
	return true;
}

static void put_series(struct series_remote *r, struct sending *s, struct arena *a, struct sb *b)
{
	s->hidden = remote_hidden(r, &s->stored, a, &s->hidden_n);
	must(s->hidden != NULL && put_after(r, s, 0, a, b)); /* the arena has no bound */
	for (int i = 0; i < s->hidden_n; i++)
		if (s->hidden[i].passed)
			must(put_after(r, s, s->hidden[i].number, a, b));
}

/* ---- messages ---- */

/* The series of sorted points from `i` on, as many as make a piece; returns the point behind. Series that
 * are not known have expired here since. */
static size_t make_message(struct series_remote *r, size_t i, struct arena *a, struct sb *b)
{
	size_t k;

	for (; i < r->n && b->n < PIECE_B; i = k) {
		struct sending s = {.stored = series_labels(r->db, r->p[i].id, a), .p = r->p + i};

		for (k = i; k < r->n && r->p[k].id.v == r->p[i].id.v; k++)
			s.n++;
		if (s.stored.n > 0)
			put_series(r, &s, a, b);
	}
	return i;
}

/* An engine that has taken nothing yet may be none at all: then nothing is given up for lost. */
static bool is_retried(const struct series_remote *r, int status)
{
	return !r->took || status == 429 || status == 401 || status == 403 || status == 404 ||
	       status / 100 != 4;
}

static void count(struct series_remote *r, int status, size_t n, struct str answer, struct arena *a)
{
	bool taken = status / 100 == 2;

	metric_add(taken ? METRIC_REMOTE_SENT : METRIC_REMOTE_REFUSED, (int64_t)n);
	if (!taken)
		LOG(SERIES_REMOTE, log_s("what", "the engine will not have a message"),
		        log_i("status", status), log_i("samples", (int64_t)n),
		        log_s("why", arena_strndup(a, answer.p, answer.n < 200 ? answer.n : 200)));
	r->took |= taken;
	pthread_mutex_lock(&r->lock);
	*(taken ? &r->state.sent : &r->state.refused) += n;
	pthread_mutex_unlock(&r->lock);
}

/* 0: the engine has it, or will never have it. */
static int send_piece(struct series_remote *r, size_t *i, bool *fresh, struct err *e)
{
	struct sb message = SB_INIT, packed = SB_INIT;
	struct arena *a = arena_new(0);
	struct str answer = STR_NULL;
	size_t end = make_message(r, *i, a, &message);
	int status = 0, rc = 0;

	if (message.n == 0) { /* all of it was deleted since */
		*i = end;
		goto out;
	}
	snappy_put(&packed, sb_str(&message));
	rc = r->engine.ask(r->engine.ctx,
	        &(struct series_ask){.to = SERIES_WRITE,
	                .path = "/api/v1/write",
	                .body = sb_str(&packed),
	                .type = "application/x-protobuf",
	                .packed = "snappy",
	                .max_b = 65536,
	                .wait = ANSWER_WAIT},
	        a, &status, &answer, fresh, e);
	if (rc == 0 && status / 100 != 2 && is_retried(r, status))
		rc = err_set(e, ERR_UNAVAILABLE, "the engine answers %d: %.*s", status,
		        (int)(answer.n < 200 ? answer.n : 200), answer.p);
	if (rc == 0)
		count(r, status, end - *i, answer, a);
	*i = end;
out:
	sb_fini(&message);
	sb_fini(&packed);
	arena_free(&a);
	return rc;
}

/* qsort of this C library is a merge sort, and stable, for so few points. */
int remote_send(struct series_remote *r, bool *fresh, struct err *e)
{
	bool anew = false;
	int rc = 0;

	qsort(r->p, r->n, sizeof(*r->p), by_series);
	for (size_t i = 0; i < r->n && rc == 0;) {
		rc = send_piece(r, &i, &anew, e);
		*fresh |= anew;
	}
	return rc;
}

/* Sending: the thread that follows the log, and what may leave the folder. */
#include "series/remote_int.h"

#include "base/log.h"
#include "base/metric.h"
#include "base/thread.h"

#include <time.h>

#define QUEUE_B (UINT64_C(16) << 30)
#define LOOK_EVERY (100 * US_MS)
#define WAIT_FIRST (500 * US_MS)
#define WAIT_MOST (30 * US_SECOND)
#define ANSWER_WAIT (20 * US_SECOND)
#define ASK_EVERY (10 * US_SECOND)
#define EXPIRE_EVERY US_HOUR

/* ---- the window ---- */

/* When a part of the engine was started, by what it tells of itself; 0: it does not. */
static int ask_began(struct series_remote *r, int part, double *began, struct err *e)
{
	static const char name[] = "\nprocess_start_time_seconds ";
	struct arena *a = arena_new(0);
	struct str text = STR_NULL;
	bool fresh;
	int status = 0, rc;

	*began = 0;
	rc = r->engine.ask(r->engine.ctx,
	        &(struct series_ask){.to = r->engine.parts > 0 ? SERIES_WATCH : SERIES_WRITE,
	                .part = part,
	                .path = "/metrics",
	                .max_b = 8 << 20,
	                .wait = ANSWER_WAIT},
	        a, &status, &text, &fresh, e);
	if (rc == 0 && status == 200) {
		const char *at = memmem(text.p, text.n, name, sizeof(name) - 1);

		if (at != NULL)
			*began = strtod(at + sizeof(name) - 1, NULL);
	}
	arena_free(&a);
	return rc == ERR_TOOBIG ? 0 : rc; /* it is there, and says more than anybody reads */
}

/* Whether any part was started anew. Of several parts one may be away: what it lost is seen when it is back.
 */
static int ask_all(struct series_remote *r, bool *anew, struct err *e)
{
	int parts = r->engine.parts;

	*anew = false;
	for (int i = 0; i < (parts > 0 ? parts : 1); i++) {
		struct err why = ERR_INIT;
		double began;
		int rc = ask_began(r, i, &began, &why);

		if (rc < 0 && parts == 0) {
			*e = why;
			return rc;
		}
		*anew |= r->began[i] != 0 && began != 0 && began != r->began[i];
		r->began[i] = began != 0 ? began : r->began[i];
	}
	return 0;
}

static void send_again(struct series_remote *r, const char *why)
{
	r->sent = r->safe;
	r->marks = 0;
	remote_gone_again(r);
	metric_add(METRIC_REMOTE_AGAIN, 1);
	pthread_mutex_lock(&r->lock);
	r->state.again++;
	pthread_mutex_unlock(&r->lock);
	LOG(SERIES_REMOTE, log_s("what", "the last minutes are sent again"), log_s("why", why));
}

/* After a message that went well, and now and then: may the engine have lost what it took last? */
static int look_for_loss(struct series_remote *r, bool fresh, struct err *e)
{
	dur_us now = clock_monotonic();
	bool anew;
	int rc;

	if (!fresh && !(r->failed && r->n > 0) && r->asked != 0 && now - r->asked < ASK_EVERY)
		return 0;
	r->asked = now;
	rc = ask_all(r, &anew, e);
	if (rc < 0) {
		r->asked = 0; /* it is away until it was asked again */
		return rc;
	}
	if (anew || r->failed)
		send_again(r, anew ? "the engine was started anew" : "the engine was away");
	if (r->failed) /* readers need not wait any longer either */
		atomic_store(&r->unheard, 0);
	r->failed = false;
	return 0;
}

/* Notes how far it went; what is older than the window need not be sent again. */
static void move_window(struct series_remote *r)
{
	dur_us now = clock_monotonic();
	struct err e = ERR_INIT;
	int old = 0;

	while (old < r->marks && now - r->mark[old].when >= r->window)
		old++;
	if (old > 0) {
		struct place before = r->safe;

		r->safe = r->mark[old - 1].place;
		r->marks -= old;
		memmove(r->mark, r->mark + old, (size_t)r->marks * sizeof(r->mark[0]));
		if (remote_place_cmp(before, r->safe) != 0) {
			if (remote_place_save(r, &e) < 0)
				LOG(SERIES_REMOTE, log_s("why", e.text));
			else if (before.log != r->safe.log)
				remote_logs_drop(r);
			remote_gone_drop(r);
		}
	}
	if (r->marks == 0 || (r->marks < REMOTE_MARKS &&
	                             now - r->mark[r->marks - 1].when >= r->window / (REMOTE_MARKS - 2)))
		r->mark[r->marks++] = (struct mark){now, r->sent};
}

/* ---- the folder ---- */

/* What the engine has had for long goes, but never what it does not have. A series without readings is
 * forgotten by the second time: then nothing of before the first is sent again, for which its labels would be
 * missing. */
static void expire(struct series_remote *r)
{
	time_us before = clock_now(r->clock) - r->keep;
	struct err e = ERR_INIT;
	int rc;

	if (r->owns || r->idle_since != 0 || remote_place_cmp(r->safe, r->expired) < 0 ||
	        (r->expired_when != 0 && clock_monotonic() - r->expired_when < EXPIRE_EVERY))
		return;
	r->expired_when = clock_monotonic();
	r->expired = r->sent;
	if (before > atomic_load(&r->whole_since))
		atomic_store(&r->whole_since, before);
	rc = remote_place_save(r, &e); /* first, so that nobody believes the folder to be whole */
	if (rc == 0)
		rc = series_expire(r->db, before, &e);
	if (rc < 0)
		LOG(SERIES_REMOTE, log_s("why", e.text));
}

/* ---- the thread ---- */

static void tell(struct series_remote *r, const struct err *why, uint64_t waiting)
{
	dur_us now = clock_monotonic();
	uint64_t waits, kept;

	if (waiting == 0)
		r->idle_since = 0;
	else if (r->idle_since == 0)
		r->idle_since = now;
	metric_set(METRIC_REMOTE_OK, why == NULL);
	metric_set(METRIC_REMOTE_QUEUE, (int64_t)waiting);
	metric_set(METRIC_REMOTE_BEHIND, r->idle_since != 0 ? (now - r->idle_since) / US_SECOND : 0);
	remote_gone_count(r, &waits, &kept);
	metric_set(METRIC_REMOTE_TO_ERASE, (int64_t)waits);
	metric_set(METRIC_REMOTE_MASKED, (int64_t)kept);
	pthread_mutex_lock(&r->lock);
	r->state.to_erase = waits;
	r->state.masked = kept;
	r->state.queue_b = waiting;
	r->state.behind = r->idle_since != 0 ? now - r->idle_since : 0;
	r->state.ok = why == NULL;
	if (why != NULL) {
		r->state.why = *why;
		r->state.failures++;
	}
	pthread_cond_broadcast(&r->stepped);
	pthread_mutex_unlock(&r->lock);
}

/* Deletions up to where sending is. */
static int erase(struct series_remote *r, struct err *e)
{
	struct gone *g;
	int rc = 0;

	while (rc == 0 && (g = remote_gone_due(r, r->sent)) != NULL)
		rc = remote_erase(r, g, e);
	return rc;
}

/* One message, or none where nothing waits: up to the next deletion, which has its turn then. */
static int step(struct series_remote *r, struct err *e)
{
	/* Which engine it is, before it is given anything. */
	int rc = r->asked == 0 ? look_for_loss(r, false, e) : 0;
	struct ids logs = {0};
	struct place end = remote_logs(r, r->sent.log, &logs), before = r->sent;
	uint64_t size = 0, next = 0, stop, waiting;
	bool fresh = false, last;
	char *path = NULL;

	r->n = 0;
	if (logs.n > 0 && logs.p[0] != r->sent.log)
		r->sent = (struct place){logs.p[0], 0};
	last = r->sent.log == end.log;
	path = remote_log_path(r, r->sent.log, &size);
	if (last)
		size = end.at;
	if (rc == 0)
		rc = erase(r, e);
	stop = remote_gone_next(r, r->sent);
	stop = stop < size ? stop : size;
	if (rc == 0 && path != NULL && r->sent.at < stop)
		rc = remote_log_read(r, path, stop, &next, e);
	if (rc == 0 && r->n > 0)
		rc = remote_send(r, &fresh, e);
	if (rc == 0 && path != NULL && r->sent.at < stop)
		r->sent.at = next;
	if (rc == 0 && !last && r->sent.at >= size && logs.n > 1)
		r->sent = (struct place){logs.p[1], 0};
	if (rc == 0)
		rc = look_for_loss(r, fresh, e);
	if (rc == 0)
		move_window(r);
	waiting = remote_waiting(r, &logs, end);
	r->more = rc == 0 && waiting > 0 && remote_place_cmp(before, r->sent) != 0;
	atomic_store(&r->db->full,
	        waiting > r->queue_b || (atomic_load(&r->db->full) && waiting > r->queue_b / 8 * 7));
	tell(r, rc < 0 ? e : NULL, waiting);
	free(path);
	ids_fini(&logs);
	return rc;
}

/* False when it is to end. */
static bool rest(struct series_remote *r, dur_us wait)
{
	struct timespec until;
	bool go;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait / US_SECOND;
	until.tv_nsec += wait % US_SECOND * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&r->lock);
	while (!r->stopping && pthread_cond_timedwait(&r->cond, &r->lock, &until) == 0)
		;
	go = !r->stopping;
	pthread_mutex_unlock(&r->lock);
	return go;
}

static void *run(void *arg)
{
	struct series_remote *r = arg;
	bool go = true;

	while (go) {
		struct err e = ERR_INIT;
		int rc = step(r, &e);

		if (rc < 0) {
			if (!r->failed)
				LOG(SERIES_REMOTE,
				        log_s("what", "the engine fails; readings wait in the queue"),
				        log_s("why", e.text));
			metric_add(METRIC_REMOTE_FAULTS, 1);
			r->failed = true;
			r->wait = r->wait == 0              ? WAIT_FIRST
			          : r->wait * 2 < WAIT_MOST ? r->wait * 2
			                                    : WAIT_MOST;
			go = rest(r, r->wait);
			continue;
		}
		r->wait = 0;
		expire(r);
		go = rest(r, r->more ? 0 : LOOK_EVERY);
	}
	return NULL;
}

static void fini(struct series_remote *r)
{
	remote_gone_fini(r);
	pthread_mutex_destroy(&r->lock);
	pthread_rwlock_destroy(&r->gone_lock);
	pthread_cond_destroy(&r->cond);
	pthread_cond_destroy(&r->stepped);
	free(r->p);
	free(r->frame);
	arena_free(&r->a);
	free(r);
}

int series_remote_open(const struct series_remote_options *o, struct series_remote **out, struct err *e)
{
	struct series_remote *r = xcalloc(1, sizeof(*r));
	pthread_condattr_t attr;
	int rc;

	must(o->db->keep_logs);
	r->db = o->db;
	r->clock = o->clock;
	r->engine = o->engine;
	r->window = o->window > 0 ? o->window : 10 * US_MINUTE;
	r->keep = o->keep > 0 ? o->keep : 7 * US_DAY;
	r->queue_b = o->queue_b > 0 ? o->queue_b : QUEUE_B;
	r->a = arena_new(0);
	r->outer = labels_copy(r->a, &o->labels, NULL, STR_NULL);
	must(pthread_condattr_init(&attr) == 0);
	must(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
	must(pthread_cond_init(&r->cond, &attr) == 0 && pthread_cond_init(&r->stepped, &attr) == 0);
	pthread_condattr_destroy(&attr);
	must(pthread_mutex_init(&r->lock, NULL) == 0 && pthread_rwlock_init(&r->gone_lock, NULL) == 0);
	r->began = arena_array(r->a, (size_t)(o->engine.parts > 0 ? o->engine.parts : 1), sizeof(*r->began));
	rc = remote_place_load(r, e);
	if (rc == 0)
		rc = remote_gone_load(r, e);
	if (rc == 0)
		rc = remote_delete_finish(r, e);
	if (rc < 0) {
		fini(r);
		return rc;
	}
	if (r->owns)
		LOG(SERIES_REMOTE,
		        log_s("what", "this site has readings from before there was a remote engine; "
		                      "they and all others stay here, too"));
	thread_start(&r->thread, "remote", run, r);
	*out = r;
	return 0;
}

void series_remote_close(struct series_remote **rp)
{
	struct series_remote *r = *rp;

	if (r == NULL)
		return;
	*rp = NULL;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	pthread_cond_signal(&r->cond);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	atomic_store(&r->db->full, false);
	fini(r);
}

void series_remote_look(struct series_remote *r, struct series_remote_state *out)
{
	pthread_mutex_lock(&r->lock);
	*out = r->state;
	pthread_mutex_unlock(&r->lock);
	out->whole_since = atomic_load(&r->whole_since);
}

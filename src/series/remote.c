/*
 * Sending: the folder's log, read from where it was sent to, becomes messages of remote write.
 *
 * The file DIR/queue/place has three lines: `safe LOG OFFSET`, what the engine has had for longer than the
 * window; `whole MICROSECONDS`, from when on the folder knows everything; `owns 0` or 1, whether the folder
 * has readings from before there was an engine; and `labels {…}`, with which the engine has them. A start
 * begins at `safe`, as if the engine had begun anew.
 */
#include "series/remote_int.h"

#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/prompb.h"
#include "base/snappy.h"
#include "base/thread.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SAMPLES_A_MESSAGE 20000
#define PIECE_B ((size_t)8 << 20) /* unpacked; engines take 32 MiB */
#define QUEUE_B (UINT64_C(16) << 30)
#define LOOK_EVERY (100 * US_MS)
#define WAIT_FIRST (500 * US_MS)
#define WAIT_MOST (30 * US_SECOND)
#define ANSWER_WAIT (20 * US_SECOND)
#define ASK_EVERY (10 * US_SECOND)
#define EXPIRE_EVERY US_HOUR

static int compare_places(struct place a, struct place b)
{
	return a.log != b.log ? (a.log > b.log) - (a.log < b.log) : (a.at > b.at) - (a.at < b.at);
}

/* ---- the file of places ---- */

static char *place_path(const struct series_remote *r)
{
	return xasprintf("%s/" QUEUE_DIR "/place", r->db->dir);
}

static int save_place(struct series_remote *r, struct err *e)
{
	char *path = place_path(r);
	struct sb b = SB_INIT;
	int rc;

	sb_printf(&b, "safe %u %llu\nwhole %lld\nowns %d\nlabels ", r->safe.log,
	        (unsigned long long)r->safe.at, (long long)atomic_load(&r->whole_since), r->owns ? 1 : 0);
	labels_write(&b, &r->outer);
	sb_putc(&b, '\n');
	rc = file_write(path, b.p, b.n, 0640, e);
	sb_fini(&b);
	free(path);
	return rc;
}

static int first_place(struct series_remote *r, struct err *e)
{
	struct series_stats stats = {0};

	series_stats(r->db, &stats);
	r->owns = stats.blocks > 0;
	atomic_store(&r->whole_since, clock_now(r->clock));
	return save_place(r, e);
}

/* The engine has the readings of before with the labels that the file tells of: with others nobody would find
 * them. A file without that line is of a program that sent none. */
static int check_labels(const struct series_remote *r, const char *path, struct str text, struct err *e)
{
	struct str rest = text, line = STR_NULL, was = STR_LIT("{}");
	struct sb now = SB_INIT;
	int rc = 0;

	while (rest.p != NULL && rest.n > 0) {
		line = str_cut(&rest, '\n');
		if (str_starts(line, "labels "))
			was = (struct str){line.p + strlen("labels "), line.n - strlen("labels ")};
	}
	labels_write(&now, &r->outer);
	if (!str_eq(was, sb_str(&now)))
		rc = err_set(e, ERR_STATE,
		        "the engine has this site's readings with the labels " STR_FMT
		        ", and with others they would not be found: set series-labels back; or, if they need "
		        "not "
		        "be found any more, let %s end with the line: labels " STR_FMT,
		        STR_ARG(was), path, STR_ARG(sb_str(&now)));
	sb_fini(&now);
	return rc;
}

static int load_place(struct series_remote *r, struct err *e)
{
	char *path = place_path(r);
	struct arena *a = arena_new(0);
	unsigned long long at = 0;
	long long whole = 0;
	struct str text;
	int owns = 0, rc;

	if (!file_exists(path)) {
		rc = first_place(r, e);
		goto out;
	}
	rc = file_read(a, path, 4096, &text, e);
	if (rc == 0 &&
	        sscanf(text.p, "safe %u %llu\nwhole %lld\nowns %d", &r->safe.log, &at, &whole, &owns) != 4)
		rc = err_set(e, ERR_CORRUPT,
		        "%s cannot be read; without it everything in the log is sent again: remove it", path);
	if (rc == 0)
		rc = check_labels(r, path, text, e);
	r->safe.at = at;
	atomic_store(&r->whole_since, whole);
	r->owns = owns != 0;
out:
	r->sent = r->safe;
	arena_free(&a);
	free(path);
	return rc;
}

/* ---- the log ---- */

/* In the folder, or moved to the queue meanwhile; NULL if it is in neither. Heap. */
static char *log_path(const struct series_remote *r, uint32_t number, uint64_t *size)
{
	struct stat st;

	for (int i = 0; i < 3; i++) { /* it moves from one to the other only */
		char *path = i % 2 == 0 ? xasprintf("%s/log-%08u", r->db->dir, number)
		                        : xasprintf("%s/" QUEUE_DIR "/log-%08u", r->db->dir, number);

		if (stat(path, &st) == 0) {
			*size = (uint64_t)st.st_size;
			return path;
		}
		free(path);
	}
	return NULL;
}

/* Numbers of the logs from `least` on that are there, ascending; and the durable end of all. */
static struct place list_logs(struct series_remote *r, uint32_t least, struct ids *out)
{
	struct arena *a = arena_new(0);
	const char *dir[2] = {arena_printf(a, "%s/" QUEUE_DIR, r->db->dir), r->db->dir};
	struct err e = ERR_INIT;
	struct place end;

	for (int i = 0; i < 2; i++) {
		char **name = NULL;

		for (int rc = file_list(a, dir[i], &name, &e); rc == 0 && *name != NULL; name++) {
			unsigned x;
			int n = 0;

			if (sscanf(*name, "log-%8u%n", &x, &n) == 1 && (*name)[n] == '\0' && x >= least &&
			        (out->n == 0 || x > out->p[out->n - 1]))
				ids_add(out, x);
		}
	}
	arena_free(&a);
	pthread_mutex_lock(&r->db->commit_lock);
	end = (struct place){r->db->wal.number, r->db->wal.synced};
	pthread_mutex_unlock(&r->db->commit_lock);
	return end;
}

static uint64_t count_waiting(struct series_remote *r, const struct ids *logs, struct place end)
{
	uint64_t b = 0;

	for (size_t i = 0; i < logs->n; i++) {
		uint64_t size = 0;

		if (logs->p[i] == end.log)
			size = end.at;
		else
			free(log_path(r, logs->p[i], &size));
		if (logs->p[i] == r->sent.log)
			size -= size < r->sent.at ? size : r->sent.at;
		b += size;
	}
	return b;
}

static bool add_points(struct series_remote *r, const struct frame *f)
{
	size_t n = 0;
	bool whole = series__points_get(f->p, f->n, &r->frame, &r->frame_cap, &n);

	r->p = xgrow(r->p, &r->cap, r->n + n, sizeof(*r->p));
	memcpy(r->p + r->n, r->frame, n * sizeof(*r->p));
	r->n += n;
	return whole;
}

/* Points of the log from r->sent on, as many as make a message; *next is behind them. */
static int read_log(struct series_remote *r, const char *path, uint64_t size, uint64_t *next, struct err *e)
{
	struct frame_reader in;
	struct frame f;
	bool torn;
	int rc = frame_reader_open(&in, path, e), got;

	if (rc < 0)
		return rc;
	in.size = in.size < size ? in.size : size;
	in.at = r->sent.at;
	while (r->n < SAMPLES_A_MESSAGE && (got = frame_next(&in, &f, &torn)) != 0)
		if (got < 0 || (f.kind == FRAME_POINTS && !add_points(r, &f)))
			LOG(SERIES_REMOTE, log_s("file", path), log_i("at", (int64_t)f.at),
			        log_s("why", "this part of the log is damaged and cannot be sent"));
	*next = in.at;
	frame_reader_close(&in);
	return 0;
}

/* ---- a message ---- */

static int by_series(const void *a, const void *b)
{
	const struct series_point *x = a, *y = b;

	return x->id.v != y->id.v ? (x->id.v > y->id.v) - (x->id.v < y->id.v) : (x->t > y->t) - (x->t < y->t);
}

static int64_t to_ms(time_us t)
{
	return t / US_MS - (t % US_MS < 0);
}

/* The series of sorted points from `i` on, as many as make a piece; returns the point behind. Of one
 * millisecond the last written goes. Series that are not known have expired here since. */
static size_t make_message(struct series_remote *r, size_t i, struct arena *a, struct sb *b)
{
	size_t k;

	for (; i < r->n && b->n < PIECE_B; i = k) {
		struct labels ls = series_labels(r->db, r->p[i].id, a);
		bool known = ls.n > 0 && remote_labels_out(&r->outer, &ls, a);
		size_t at = known ? prompb_series_begin(b, &ls) : 0;

		for (k = i; k < r->n && r->p[k].id.v == r->p[i].id.v; k++)
			if (known && (k + 1 == r->n || r->p[k + 1].id.v != r->p[k].id.v ||
			                     to_ms(r->p[k + 1].t) != to_ms(r->p[k].t)))
				prompb_sample_put(b, to_ms(r->p[k].t), r->p[k].v);
		if (known)
			prompb_series_end(b, at);
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
	int status = 0, rc;

	snappy_put(&packed, sb_str(&message));
	rc = r->engine.ask(r->engine.ctx,
	        &(struct series_ask){.write = true,
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
	sb_fini(&message);
	sb_fini(&packed);
	arena_free(&a);
	return rc;
}

/* qsort of this C library is a merge sort, and stable, for so few points. */
static int send(struct series_remote *r, bool *fresh, struct err *e)
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

/* ---- the window ---- */

/* When the engine was started, by what it tells of itself; 0: it does not. */
static int ask_began(struct series_remote *r, double *began, struct err *e)
{
	static const char name[] = "\nprocess_start_time_seconds ";
	struct arena *a = arena_new(0);
	struct str text = STR_NULL;
	bool fresh;
	int status = 0, rc;

	*began = 0;
	rc = r->engine.ask(r->engine.ctx,
	        &(struct series_ask){
	                .write = true, .path = "/metrics", .max_b = 8 << 20, .wait = ANSWER_WAIT},
	        a, &status, &text, &fresh, e);
	if (rc == 0 && status == 200) {
		const char *at = memmem(text.p, text.n, name, sizeof(name) - 1);

		if (at != NULL)
			*began = strtod(at + sizeof(name) - 1, NULL);
	}
	arena_free(&a);
	return rc;
}

static void send_again(struct series_remote *r, const char *why)
{
	r->sent = r->safe;
	r->marks = 0;
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
	double began;
	bool anew;
	int rc;

	if (!fresh && !(r->failed && r->n > 0) && r->asked != 0 && now - r->asked < ASK_EVERY)
		return 0;
	r->asked = now;
	rc = ask_began(r, &began, e);
	if (rc < 0)
		return rc;
	anew = r->began != 0 && began != 0 && began != r->began;
	if (anew || r->failed)
		send_again(r, anew ? "the engine was started anew" : "the engine was away");
	r->began = began != 0 ? began : r->began;
	if (r->failed) /* readers need not wait any longer either */
		atomic_store(&r->unheard, 0);
	r->failed = false;
	return 0;
}

static void remove_sent(struct series_remote *r)
{
	struct arena *a = arena_new(0);
	const char *dir = arena_printf(a, "%s/" QUEUE_DIR, r->db->dir);
	struct err e = ERR_INIT;
	char **name = NULL;

	for (int rc = file_list(a, dir, &name, &e); rc == 0 && *name != NULL; name++) {
		unsigned x;

		if (sscanf(*name, "log-%8u", &x) == 1 && x < r->safe.log)
			unlink(path_join(a, dir, *name));
	}
	arena_free(&a);
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
		if (compare_places(before, r->safe) != 0) {
			if (save_place(r, &e) < 0)
				LOG(SERIES_REMOTE, log_s("why", e.text));
			else if (before.log != r->safe.log)
				remove_sent(r);
		}
	}
	if (r->marks == 0 || (r->marks < REMOTE_MARKS &&
	                             now - r->mark[r->marks - 1].when >= r->window / (REMOTE_MARKS - 2)))
		r->mark[r->marks++] = (struct mark){now, r->sent};
}

/* ---- the folder ---- */

/* What the engine has had for long goes, but never what it does not have. */
static void expire(struct series_remote *r)
{
	time_us before = clock_now(r->clock) - r->keep;
	struct err e = ERR_INIT;
	int rc = 0;

	if (r->owns || r->idle_since != 0 ||
	        (r->expired != 0 && clock_monotonic() - r->expired < EXPIRE_EVERY))
		return;
	r->expired = clock_monotonic();
	if (before > atomic_load(&r->whole_since)) {
		atomic_store(&r->whole_since, before);
		rc = save_place(r, &e); /* first, so that nobody believes the folder to be whole */
	}
	if (rc == 0)
		rc = series_expire(r->db, before, &e);
	if (rc < 0)
		LOG(SERIES_REMOTE, log_s("why", e.text));
}

/* ---- the thread ---- */

static void tell(struct series_remote *r, const struct err *why, uint64_t waiting)
{
	dur_us now = clock_monotonic();

	if (waiting == 0)
		r->idle_since = 0;
	else if (r->idle_since == 0)
		r->idle_since = now;
	metric_set(METRIC_REMOTE_OK, why == NULL);
	metric_set(METRIC_REMOTE_QUEUE, (int64_t)waiting);
	metric_set(METRIC_REMOTE_BEHIND, r->idle_since != 0 ? (now - r->idle_since) / US_SECOND : 0);
	pthread_mutex_lock(&r->lock);
	r->state.queue_b = waiting;
	r->state.behind = r->idle_since != 0 ? now - r->idle_since : 0;
	r->state.ok = why == NULL;
	if (why != NULL) {
		r->state.why = *why;
		r->state.failures++;
	}
	pthread_mutex_unlock(&r->lock);
}

/* One message, or none where nothing waits. */
static int step(struct series_remote *r, struct err *e)
{
	struct ids logs = {0};
	struct place end = list_logs(r, r->sent.log, &logs);
	uint64_t size = 0, next = 0;
	bool fresh = false, last;
	char *path = NULL;
	int rc = 0;

	r->n = 0;
	if (logs.n > 0 && logs.p[0] != r->sent.log)
		r->sent = (struct place){logs.p[0], 0};
	last = r->sent.log == end.log;
	path = log_path(r, r->sent.log, &size);
	if (last)
		size = end.at;
	if (path != NULL && r->sent.at < size)
		rc = read_log(r, path, size, &next, e);
	if (rc == 0 && r->n > 0)
		rc = send(r, &fresh, e);
	if (rc == 0 && path != NULL && r->sent.at < size)
		r->sent.at = next;
	if (rc == 0 && !last && r->sent.at >= size && logs.n > 1)
		r->sent = (struct place){logs.p[1], 0};
	if (rc == 0)
		rc = look_for_loss(r, fresh, e);
	if (rc == 0)
		move_window(r);
	uint64_t waiting = count_waiting(r, &logs, end);
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
		go = rest(r, r->n >= SAMPLES_A_MESSAGE ? 0 : LOOK_EVERY);
	}
	return NULL;
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
	must(pthread_cond_init(&r->cond, &attr) == 0);
	pthread_condattr_destroy(&attr);
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	rc = load_place(r, e);
	if (rc < 0) {
		pthread_mutex_destroy(&r->lock);
		pthread_cond_destroy(&r->cond);
		arena_free(&r->a);
		free(r);
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
	pthread_mutex_destroy(&r->lock);
	pthread_cond_destroy(&r->cond);
	free(r->p);
	free(r->frame);
	arena_free(&r->a);
	free(r);
}

void series_remote_look(struct series_remote *r, struct series_remote_state *out)
{
	pthread_mutex_lock(&r->lock);
	*out = r->state;
	pthread_mutex_unlock(&r->lock);
	out->whole_since = atomic_load(&r->whole_since);
}

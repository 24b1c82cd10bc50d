/*
 * The log under mqtt_state.c: records in batches, each written and synced as one.
 *
 *   magic, then for each batch: length of its records (4 bytes), their hash (8 bytes), the records
 *
 * Group commit: records are gathered while the batch before them is on its way to the disk; a thread writes
 * them, syncs once, and wakes the loop. What a client is told of them is held back in its connection until
 * then (mqtt__hold), so that one sync serves everybody who waits. Two batches are under way at most: the one
 * that is written, and the one that fills.
 *
 * When the file has grown long, or could not be written, the next batch is a picture of all that is kept,
 * which takes the file's place.
 */
#include "mqtt/mqtt_int.h"

#include "base/arena.h"
#include "base/digest.h"
#include "base/fault.h"
#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define MAGIC "heming-mqtt 3\n"
#define HEAD_B 12u
#define FILE_MOST_B ((size_t)1 << 30)
#define BATCH_MOST_B ((size_t)1 << 30)
#define GROWS_BY_B ((size_t)16 << 20) /* past a picture of the state, and as much again as that takes */
#define RETRY_AFTER US_SECOND

struct mqtt__log {
	struct mqtt_server *server;
	char *path;
	pthread_t thread;
	/* The loop's. */
	struct sb filling;
	uint64_t records;    /* since the start */
	uint64_t batch;      /* that fills; the one before it is written, or was */
	uint64_t durable;    /* all up to this are, or are lost */
	bool picture;        /* the next one takes the place of all before it */
	dur_us not_before;   /* after a failure */
	size_t size, size_0; /* of the file, and when it was last made anew */
	struct mqtt__conn *held;
	/* The writer's while `busy`, else the loop's. */
	int fd;
	struct sb writing;
	bool anew, failed;
	pthread_mutex_t lock;
	pthread_cond_t work;
	bool busy, closing; /* by `lock` */
};

/* ---- the thread ---- */

static int write_batch(struct mqtt__log *l, struct err *e)
{
	int rc;
	if (l->writing.failed)
		return err_set(e, ERR_TOOBIG, "there is more to keep than %zu bytes", BATCH_MOST_B);
	if (fault(FAULT_MQTT_STATE))
		return err_set(e, ERR_FULL, "a test says that the disk is full");
	if (l->anew) {
		if (l->fd >= 0)
			close(l->fd);
		l->fd = -1;
		rc = file_write(l->path, l->writing.p, l->writing.n, 0600, e);
		if (rc < 0)
			return rc;
	}
	if (l->fd < 0)
		l->fd = open(l->path, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (l->fd < 0)
		return err_errno(e, errno, "it cannot be opened");
	if (l->anew)
		return 0;
	rc = file_write_all(l->fd, l->writing.p, l->writing.n, e);
	if (rc == 0 && fdatasync(l->fd) < 0)
		rc = err_errno(e, errno, "it cannot be synced to disk");
	return rc;
}

static void write_and_tell(struct mqtt__log *l)
{
	const uint64_t one = 1;
	struct err e = ERR_INIT;
	l->failed = write_batch(l, &e) < 0;
	if (l->failed)
		LOG(MQTT_STATE_LOST, log_s("file", l->path), log_s("why", e.text));
	pthread_mutex_lock(&l->lock);
	l->busy = false;
	pthread_mutex_unlock(&l->lock);
	ssize_t ignored = write(l->server->wake_fd, &one, sizeof(one));
	(void)ignored;
}

static void *writer(void *arg)
{
	struct mqtt__log *l = arg;
	pthread_mutex_lock(&l->lock);
	for (;;) {
		while (!l->busy && !l->closing)
			pthread_cond_wait(&l->work, &l->lock);
		if (!l->busy)
			break;
		pthread_mutex_unlock(&l->lock);
		write_and_tell(l);
		pthread_mutex_lock(&l->lock);
	}
	pthread_mutex_unlock(&l->lock);
	return NULL;
}

static bool is_busy(struct mqtt__log *l)
{
	pthread_mutex_lock(&l->lock);
	bool busy = l->busy;
	pthread_mutex_unlock(&l->lock);
	return busy;
}

/* ---- batches ---- */

static void frame(struct sb *b, size_t at)
{
	size_t n = b->n - at - HEAD_B;
	uint64_t hash = hash64(b->p + at + HEAD_B, n, 0);
	for (unsigned i = 0; i < 4; i++)
		b->p[at + i] = (char)(n >> (24 - 8 * i));
	for (unsigned i = 0; i < 8; i++)
		b->p[at + 4 + i] = (char)(hash >> (56 - 8 * i));
}

static void begin_frame(struct sb *b)
{
	static const char room[HEAD_B] = {0};
	sb_put(b, room, sizeof(room));
}

/* All that is kept, in place of the records that led to it. */
static void take_picture(struct mqtt__log *l)
{
	sb_reset(&l->filling);
	sb_puts(&l->filling, MAGIC);
	size_t at = l->filling.n;
	begin_frame(&l->filling);
	mqtt__state_picture(l->server, &l->filling);
	if (!l->filling.failed)
		frame(&l->filling, at);
}

static void hand_over(struct mqtt__log *l)
{
	if (l->filling.failed || l->size > 2 * l->size_0 + GROWS_BY_B)
		l->picture = true;
	l->anew = l->picture;
	if (l->anew)
		take_picture(l);
	else
		frame(&l->filling, 0);
	struct sb whole = l->filling;
	l->filling = l->writing;
	l->filling.max = BATCH_MOST_B;
	sb_reset(&l->filling);
	l->writing = whole;
	if (whole.n + whole.cap / 2 < whole.cap && l->filling.cap > GROWS_BY_B)
		sb_fini(&l->filling); /* a burst is over */
	l->size = (l->anew ? 0 : l->size) + whole.n;
	l->size_0 = l->anew ? whole.n : l->size_0;
	l->picture = false;
	l->batch++;
	pthread_mutex_lock(&l->lock);
	l->busy = true;
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
}

/* Connections whose output waited for it. */
static void let_go(struct mqtt__log *l, bool lost)
{
	struct mqtt__conn *c = l->held, *next;
	l->held = NULL;
	for (; c; c = next) {
		next = c->next_held;
		c->held = false;
		if (lost && c->holds_n > 0 && c->holds[0].batch <= l->durable) {
			/* Told nothing: the client says it again. */
			mqtt__drop_held(c);
			mqtt__end(c, MQTT_R_FAILED, "what it asks to be kept cannot be written to disk");
		}
		while (c->holds_n > 0 && c->holds[0].batch <= l->durable) {
			c->holds[0] = c->holds[1];
			c->holds_n--;
		}
		if (c->holds_n > 0) {
			c->held = true;
			c->next_held = l->held;
			l->held = c;
		}
		mqtt__dirty(c);
	}
}

void mqtt__log_turn(struct mqtt_server *s)
{
	struct mqtt__log *l = s->log;
	if (l == NULL || (l->durable + 1 == l->batch && l->filling.n == 0) || is_busy(l))
		return;
	if (l->durable + 1 < l->batch) {
		l->durable = l->batch - 1;
		if (l->failed) {
			l->picture = true;
			l->not_before = s->now + RETRY_AFTER;
		}
		let_go(l, l->failed);
	}
	if (l->filling.n > 0 && (s->now >= l->not_before || s->shutting))
		hand_over(l);
}

size_t mqtt__log_bytes(const struct mqtt_server *s)
{
	return s->log ? s->log->filling.n : 0;
}

struct sb *mqtt__log_record(struct mqtt_server *s)
{
	struct mqtt__log *l = s->log;
	if (l == NULL)
		return NULL;
	if (l->filling.n == 0)
		begin_frame(&l->filling);
	l->records++;
	return &l->filling;
}

uint64_t mqtt__log_mark(const struct mqtt_server *s)
{
	return s->log ? s->log->records : 0;
}

void mqtt__hold_since(struct mqtt__conn *c, uint64_t mark)
{
	const struct mqtt__log *l = c->server->log;
	if (l && l->records != mark)
		mqtt__hold(c, l->batch);
}

uint64_t mqtt__log_batch_since(const struct mqtt_server *s, uint64_t mark)
{
	return s->log && s->log->records != mark ? s->log->batch : 0;
}

uint64_t mqtt__log_latest(const struct mqtt_server *s)
{
	const struct mqtt__log *l = s->log;
	return l == NULL ? 0 : l->filling.n > 0 ? l->batch : l->batch - 1;
}

void mqtt__hold(struct mqtt__conn *c, uint64_t batch)
{
	struct mqtt__log *l = c->server->log;
	if (l == NULL || batch <= l->durable || c->fd < 0)
		return;
	if (c->holds_n > 0 && c->holds[c->holds_n - 1].batch >= batch)
		return;
	must(c->holds_n < (int)ARRAY_LEN(c->holds));
	c->holds[c->holds_n++] = (struct mqtt__held){.at = c->out.n, .batch = batch};
	if (c->held)
		return;
	c->held = true;
	c->next_held = l->held;
	l->held = c;
}

/* ---- the file ---- */

/* Gives the records of each whole batch to mqtt__state_read. False when something is wrong but its end. */
static bool read_batches(struct mqtt_server *s, struct str in)
{
	struct mqtt__replay *r = mqtt__replay_begin(s);
	bool whole = true;
	while (whole && in.n >= HEAD_B) {
		struct str rest = in;
		uint32_t n = 0, high = 0, low = 0;
		bool ok = mqtt__four(&rest, &n) && mqtt__four(&rest, &high) && mqtt__four(&rest, &low);
		if (!ok || n > rest.n)
			break; /* the process died while it wrote: nobody was told of it */
		rest.n = n;
		whole = hash64(rest.p, n, 0) == ((uint64_t)high << 32 | low) && mqtt__replay_records(r, rest);
		in.p += HEAD_B + n;
		in.n -= HEAD_B + n;
	}
	mqtt__replay_end(r);
	return whole;
}

static void load(struct mqtt__log *l)
{
	struct mqtt_server *s = l->server;
	struct arena *a = arena_new(FILE_MOST_B + (1 << 20));
	struct str text = STR_NULL;
	struct err e = ERR_INIT;
	int rc = file_read(a, l->path, FILE_MOST_B, &text, &e);
	bool ok = rc == ERR_NOTFOUND;
	if (rc == 0) {
		const size_t head = sizeof(MAGIC) - 1;
		s->log = NULL; /* what is read is not said again */
		ok = str_starts(text, MAGIC) && read_batches(s, (struct str){text.p + head, text.n - head});
		err_set(&e, ERR_INVALID,
		        "the file is damaged, or of another version; what stands before the damage is kept");
		if (ok)
			LOG(MQTT_STATE, log_i("sessions", s->sessions), log_i("retained", s->tree.retained));
		s->log = l;
		(void)mqtt__log_record(s); /* the file is made anew, without what is over */
	}
	if (!ok)
		LOG(MQTT_STATE_LOST, log_s("file", l->path), log_s("why", e.text));
	arena_free(&a);
}

void mqtt__log_open(struct mqtt_server *s)
{
	if (s->o.state == NULL)
		return;
	struct mqtt__log *l = xcalloc(1, sizeof(*l));
	l->server = s;
	l->path = xstrdup(s->o.state);
	l->fd = -1;
	l->batch = 1;
	l->picture = true;
	l->filling.max = BATCH_MOST_B;
	must(pthread_mutex_init(&l->lock, NULL) == 0);
	must(pthread_cond_init(&l->work, NULL) == 0);
	s->log = l;
	load(l);
	thread_start(&l->thread, "mqtt log", writer, l);
}

void mqtt__log_close(struct mqtt_server *s)
{
	struct mqtt__log *l = s->log;
	if (l == NULL)
		return;
	pthread_mutex_lock(&l->lock);
	l->closing = true;
	pthread_cond_signal(&l->work);
	pthread_mutex_unlock(&l->lock);
	pthread_join(l->thread, NULL);
	s->now = clock_monotonic();
	if (l->batch > 1 || l->filling.n > 0) {
		struct err e = ERR_INIT;
		take_picture(l);
		int rc = l->filling.failed ? err_set(&e, ERR_TOOBIG, "there is more to keep than %zu bytes",
		                                     BATCH_MOST_B)
		                           : file_write(l->path, l->filling.p, l->filling.n, 0600, &e);
		if (rc < 0)
			LOG(MQTT_STATE_LOST, log_s("file", l->path), log_s("why", e.text));
		else
			LOG(MQTT_STATE, log_i("sessions", s->away_count),
			        log_i("retained", s->tree.retained));
	}
	if (l->fd >= 0)
		close(l->fd);
	sb_fini(&l->filling);
	sb_fini(&l->writing);
	pthread_mutex_destroy(&l->lock);
	pthread_cond_destroy(&l->work);
	free(l->path);
	free(l);
	s->log = NULL;
}

#include "base/log.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <strings.h>
#include <unistd.h>

#define SAMPLE_US (10 * US_SECOND)
#define VALUE_MOST 4096 /* bytes of one value: a line stays a line, whatever a device sends */

static const struct row {
	const char *tag;
	enum log_level level;
	bool sampled;
} rows[] = {
#define X(tag, level, sampled, words) {#tag, LOG_LEVEL_##level, sampled},
#include "base/log.tbl"
#undef X
};

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

/* What was last written of a sampled event for one value of its first field. */
struct sample {
	uint64_t hash; /* of tag and value; 0: free */
	time_us at;    /* of the last line written */
	int64_t left_out;
	enum log_tag tag;
	char key[24], value[64]; /* shortened, for the line that tells of those left out */
};

/* Sets of four: a value finds its place by its hash, and pushes out the oldest of its set. */
#define SAMPLE_SETS 128
#define SAMPLE_WAYS 4

/* The one log of the process, as standard error is one. */
static struct {
	pthread_mutex_t lock;
	int fd;
	bool owned, json;
	const struct clock *clock;
	struct sample samples[SAMPLE_SETS][SAMPLE_WAYS];
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1};

#define LEVEL_CLOSED (LOG_LEVEL_ERROR + 1)
static _Atomic int least_level = LEVEL_CLOSED; /* before log_open and after log_close nothing is written */

static _Thread_local char context_key[24], context_value[128];

static void copy_short(char *to, size_t size, const char *s)
{
	snprintf(to, size, "%s", s);
}

void log_context(const char *key, const char *value)
{
	copy_short(context_key, sizeof(context_key), key && value ? key : "");
	copy_short(context_value, sizeof(context_value), key && value ? value : "");
}

bool log_level_parse(const char *s, enum log_level *level)
{
	for (size_t i = 0; i < ARRAY_LEN(level_names); i++) {
		if (strcasecmp(s, level_names[i]) == 0) {
			*level = (enum log_level)i;
			return true;
		}
	}
	return false;
}

/* One line on its way: either form gets the same fields in the same order. */
struct line {
	struct sb b;
	struct jw w;
	bool json;
};

static void put_time(struct line *l, time_us t)
{
	struct civil c;
	char text[48];
	civil_from_utc(t, &c);
	snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", c.year, c.month, c.day, c.hour,
	        c.minute, c.second, c.micro / 1000);
	if (l->json)
		jw_kstr(&l->w, "time", text);
	else
		sb_puts(&l->b, text);
}

static void begin(struct line *l, enum log_tag tag, time_us t)
{
	const struct row *r = &rows[tag];
	*l = (struct line){.json = out.json};
	jw_init(&l->w, &l->b);
	if (l->json)
		jw_object(&l->w);
	put_time(l, t);
	if (l->json) {
		jw_kstr(&l->w, "level", level_names[r->level]);
		jw_kstr(&l->w, "event", r->tag);
	} else {
		sb_printf(&l->b, " %s %s", level_names[r->level], r->tag);
	}
}

/* Bare in logfmt: what no reader can mistake for anything else. */
static bool is_bare(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7f)
			return false;
	}
	return s.n > 0 && utf8_valid(s);
}

static void put_text(struct line *l, const char *key, struct str s)
{
	if (s.n > VALUE_MOST)
		s.n = VALUE_MOST;
	if (l->json) {
		jw_key(&l->w, key);
		jw_str(&l->w, s);
		return;
	}
	sb_printf(&l->b, " %s=", key);
	if (is_bare(s)) {
		sb_putstr(&l->b, s);
	} else {
		/* A quoted value is a JSON string: a line break in it cannot begin a line. */
		struct jw w;
		jw_init(&w, &l->b);
		jw_str(&w, s);
	}
}

static void put_int(struct line *l, const char *key, int64_t v)
{
	if (l->json)
		jw_kint(&l->w, key, v);
	else
		sb_printf(&l->b, " %s=%lld", key, (long long)v);
}

static void put_field(struct line *l, const struct log_field *f)
{
	char text[32];
	switch (f->type) {
	case LOG_STR: put_text(l, f->key, str_of(f->s)); break;
	case LOG_INT: put_int(l, f->key, f->i); break;
	case LOG_DOUBLE:
		if (l->json) {
			jw_kdouble(&l->w, f->key, f->d);
		} else {
			num_format(f->d, text);
			sb_printf(&l->b, " %s=%s", f->key, text);
		}
		break;
	}
}

/* Under the lock. A log that cannot be written has nowhere to say so; the line is lost. */
static void finish(struct line *l)
{
	if (l->json)
		jw_object_end(&l->w);
	sb_putc(&l->b, '\n');
	if (!l->b.failed && out.fd >= 0) {
		int rc = file_write_all(out.fd, l->b.p, l->b.n, NULL);
		(void)rc;
	}
	sb_fini(&l->b);
}

/* Tells of the events that were left out of a sample that is given up. Under the lock. */
static void tell_left_out(struct sample *s)
{
	if (s->hash == 0 || s->left_out == 0)
		return;
	struct line l;
	begin(&l, s->tag, clock_now(out.clock));
	put_text(&l, s->key, str_of(s->value));
	put_int(&l, "left_out", s->left_out);
	finish(&l);
	s->left_out = 0;
}

static void field_text(const struct log_field *f, char *buf, size_t n)
{
	switch (f->type) {
	case LOG_STR: copy_short(buf, n, f->s ? f->s : ""); break;
	case LOG_INT: snprintf(buf, n, "%lld", (long long)f->i); break;
	case LOG_DOUBLE: snprintf(buf, n, "%g", f->d); break;
	}
}

/* Whether the event is to be written; *left_out are those that were not since the last. Under the lock. */
static bool sample(enum log_tag tag, const struct log_field *f, time_us now, int64_t *left_out)
{
	char value[64];
	uint64_t hash;
	if (f->type == LOG_STR) {
		hash = hash64(f->s ? f->s : "", f->s ? strlen(f->s) : 0, (uint64_t)tag);
	} else {
		field_text(f, value, sizeof(value));
		hash = hash64(value, strlen(value), (uint64_t)tag);
	}
	hash |= 1;

	struct sample *set = out.samples[hash >> 32 & (SAMPLE_SETS - 1)], *s = NULL;
	for (int i = 0; i < SAMPLE_WAYS; i++) {
		if (set[i].hash == hash) {
			s = &set[i];
			break;
		}
		if (s == NULL || (s->hash != 0 && (set[i].hash == 0 || set[i].at < s->at)))
			s = &set[i];
	}
	if (s->hash == hash) {
		/* A clock set back must not silence the event until it has caught up. */
		if (now >= s->at && now - s->at < SAMPLE_US) {
			s->left_out++;
			return false;
		}
		*left_out = s->left_out;
	} else {
		tell_left_out(s);
		*s = (struct sample){.hash = hash, .tag = tag};
		copy_short(s->key, sizeof(s->key), f->key);
		field_text(f, s->value, sizeof(s->value));
	}
	s->at = now;
	s->left_out = 0;
	return true;
}

void log_emit(enum log_tag tag, const struct log_field *f, int n)
{
	const struct row *r = &rows[tag];
	if ((int)r->level < atomic_load_explicit(&least_level, memory_order_acquire))
		return;
	pthread_mutex_lock(&out.lock);
	if (out.fd >= 0) {
		time_us now = clock_now(out.clock);
		int64_t left_out = 0;
		if (!r->sampled || n == 0 || sample(tag, &f[0], now, &left_out)) {
			struct line l;
			begin(&l, tag, now);
			if (context_key[0])
				put_text(&l, context_key, str_of(context_value));
			for (int i = 0; i < n; i++)
				put_field(&l, &f[i]);
			if (left_out > 0)
				put_int(&l, "left_out", left_out);
			finish(&l);
		}
	}
	pthread_mutex_unlock(&out.lock);
}

int log_open(const char *path, bool json, enum log_level least, const struct clock *c, struct err *e)
{
	int fd = STDERR_FILENO;
	if (path) {
		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		if (fd < 0) {
			int rc = err_errno(e, errno, "the log cannot be opened");
			err_at(e, path, 0, 0, NULL);
			return rc;
		}
	}
	pthread_mutex_lock(&out.lock);
	must(out.fd < 0); /* one log, opened once */
	out.fd = fd;
	out.owned = path != NULL;
	out.json = json;
	out.clock = c;
	memset(out.samples, 0, sizeof(out.samples));
	pthread_mutex_unlock(&out.lock);
	atomic_store_explicit(&least_level, (int)least, memory_order_release);
	return 0;
}

void log_close(void)
{
	pthread_mutex_lock(&out.lock);
	atomic_store(&least_level, LEVEL_CLOSED);
	if (out.fd >= 0) {
		for (int i = 0; i < SAMPLE_SETS * SAMPLE_WAYS; i++)
			tell_left_out(&out.samples[i / SAMPLE_WAYS][i % SAMPLE_WAYS]);
		if (out.owned)
			close(out.fd);
		out.fd = -1;
	}
	pthread_mutex_unlock(&out.lock);
}

/*
 * log - events with known fields, one line each, to standard error or a file.
 *
 * Every event is a row of log.tbl. Lines are `time level tag key=value …` or JSON, by log_open().
 *   LOG(HTTP_REQUEST, log_s("id", id), log_i("status", 200));
 * The request or case that a thread works for is set once with log_context() and appears in every
 * line of that thread. An event marked `sampled` is written at most once in 10 s for one value of
 * its first field, with the count of those left out. Any thread.
 */
#ifndef HEMING_LOG_H
#define HEMING_LOG_H

#include "base/clock.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

enum log_tag {
#define X(tag, level, sampled, words) LOG_##tag,
#include "base/log.tbl"
#undef X
	LOG_TAGS
};

struct log_field {
	const char *key;
	enum { LOG_STR, LOG_INT, LOG_DOUBLE } type;
	const char *s;
	int64_t i;
	double d;
};
static inline struct log_field log_s(const char *k, const char *v)
{
	return (struct log_field){.key = k, .type = LOG_STR, .s = v};
}
static inline struct log_field log_i(const char *k, int64_t v)
{
	return (struct log_field){.key = k, .type = LOG_INT, .i = v};
}
static inline struct log_field log_d(const char *k, double v)
{
	return (struct log_field){.key = k, .type = LOG_DOUBLE, .d = v};
}

/* path NULL: standard error. The clock gives the time of the lines and is borrowed; call once. */
MUST_USE int log_open(
        const char *path, bool json, enum log_level least, const struct clock *c, struct err *e);
void log_close(void);
void log_emit(enum log_tag tag, const struct log_field *f, int n);
#define LOG(tag, ...)                                                                                        \
	do {                                                                                                 \
		const struct log_field log_fields_[] = {__VA_ARGS__};                                        \
		log_emit(LOG_##tag, log_fields_, (int)ARRAY_LEN(log_fields_));                               \
	} while (0)

/* Sets this thread's context, e.g. ("req", id) or ("case", code); NULL clears it. Copied. */
void log_context(const char *key, const char *value);
bool log_level_parse(const char *s, enum log_level *out);

#endif

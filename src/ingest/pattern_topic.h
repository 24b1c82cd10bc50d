/*
 * pattern_topic - topics of others by pattern: city/{thing}/dev-{unit}/telemetry. Pure.
 *
 * A level is plain text, or text with one {name} in it that takes one character or more; "+" takes any level,
 * "#" at the end any rest. What the names took can be put into another text.
 */
#ifndef HEMING_INGEST_PATTERN_TOPIC_H
#define HEMING_INGEST_PATTERN_TOPIC_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

#define PATTERN_NAMES 8

struct topic_pattern;
/* What the names of a pattern took, as slices of the topic. */
struct topic_taken {
	int n;
	struct str name[PATTERN_NAMES], text[PATTERN_NAMES];
};
/* ERR_INVALID says which level is wrong. The text must live as long. */
MUST_USE int topic_pattern_read(
        struct arena *a, const char *text, const struct topic_pattern **out, struct err *e);
bool topic_pattern_match(const struct topic_pattern *p, struct str topic, struct topic_taken *out);
bool topic_pattern_has(const struct topic_pattern *p, const char *name);
/* The filter that takes all that it matches. */
void topic_pattern_filter(const struct topic_pattern *p, struct sb *to);
/* "YC-{thing}" with what was taken. A name that took nothing is left out. */
void topic_taken_put(const struct topic_taken *t, const char *text, struct sb *to);
/* ERR_INVALID names the first {name} of the text that is not in the pattern. */
MUST_USE int topic_pattern_check(const struct topic_pattern *p, const char *text, struct err *e);

#endif

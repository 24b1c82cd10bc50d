/*
 * pattern - regular expressions that cut pieces out of a text: PCRE2, in UTF-8.
 *
 * The whole text must match, as with a field's `pattern`. Bounded in steps and memory: a hostile pattern or
 * text ends in "no match" rather than in minutes.
 *
 * Ownership: a pattern lives until its arena is freed. Threads: any at once.
 */
#ifndef HEMING_PATTERN_H
#define HEMING_PATTERN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

struct pattern;

/* ERR_INVALID in words, with the place in the text as column. */
MUST_USE int pattern_compile(struct arena *a, struct str text, struct pattern **out, struct err *e);
int pattern_groups(const struct pattern *p); /* how many (…) it has */
/* What the group (0: all of it) took of a text, as part of that text; false where the text does not match, or
 * matches without that group. */
bool pattern_cut(const struct pattern *p, struct str text, int group, struct str *out);

#endif

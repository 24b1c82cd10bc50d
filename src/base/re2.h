/*
 * re2 - regular expressions in Go's words (RE2), for PCRE2.
 *
 * Follows https://github.com/google/re2/wiki/Syntax as Go's regexp package has it. What RE2 does not have
 * (looking around, references back, possessive repetition, comments, \C, \h, …) is refused in Go's words;
 * what the two read differently (\s, \v, octal numbers) is written as PCRE2 means it. Pure; any thread.
 */
#ifndef HEMING_RE2_H
#define HEMING_RE2_H

#include "base/err.h"
#include "base/sb.h"

/* How PCRE2 is told to read and match it: the whole text, as Prometheus does. Needs pcre2.h. */
#define RE2_OPTIONS                                                                                          \
	(PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOTALL |           \
	        PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C)

/* Adds the pattern to b. ERR_INVALID says what is not in the language. Mistakes that PCRE2 finds as well are
 * its. */
MUST_USE int re2_to_pcre(struct str pattern, struct sb *b, struct err *e);

#endif

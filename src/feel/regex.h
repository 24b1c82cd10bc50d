/*
 * regex - regular expressions of XPath (those of XML Schema with anchors, reluctant quantifiers, groups
 * that are not captured, and back references), run by PCRE2.
 *
 * What only PCRE2 knows, like look-ahead, is refused: a pattern means the same in every product that reads
 * FEEL. Steps and memory of a match are bounded.
 */
#ifndef HEMING_FEEL_REGEX_H
#define HEMING_FEEL_REGEX_H

#include "feel/feel_int.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

struct feel__regex {
	pcre2_code *code;
	pcre2_match_data *data; /* of the last match: group i lies between its offsets 2i and 2i + 1 */
	pcre2_match_context *limits;
};

/* Flags are those of XPath: s, m, i, x, q. False: a note was made. feel__regex_fini in any case. */
bool feel__regex_init(struct feel_run *r, struct feel__regex *x, struct str pattern, struct str flags);
void feel__regex_fini(struct feel__regex *x);
/* 1 found, 0 not, -1 past the limits (noted). */
int feel__regex_match(struct feel_run *r, struct feel__regex *x, struct str s, size_t from, uint32_t options);

/* translate.c: the pattern in PCRE2's words; NULL, or what is wrong and at which byte (from 0). */
const char *feel__regex_translate(struct str pattern, struct sb *out, size_t *at);

#endif

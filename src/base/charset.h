/*
 * charset - text files as people send them become UTF-8.
 *
 * A byte order mark decides (UTF-8, UTF-16 of either order) and is left out; without one, text that is valid
 * UTF-8 is UTF-8, and all other is read as GB18030 (GB 18030-2005), of which the GBK that Excel writes on a
 * Chinese Windows is a part. Text that is UTF-8 but for a few damaged bytes is told as that, since it would
 * often pass for GB18030 and come out as other words. Zero bytes are refused: that is no text.
 *
 * Threads: no state.
 */
#ifndef HEMING_CHARSET_H
#define HEMING_CHARSET_H

#include "base/err.h"
#include "base/sb.h"

/* Appends the text to out; *name (may be NULL) becomes "UTF-8", "UTF-16" or "GB18030". ERR_INVALID says at
 * which byte (1-based) and line, and sets e->line; ERR_TOOBIG past out's maximum. On failure out is as it
 * was. */
MUST_USE int charset_to_utf8(struct str bytes, struct sb *out, const char **name, struct err *e);

#endif

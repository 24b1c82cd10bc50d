/*
 * collate - the order in which a reader of Chinese expects a list, and text without its accidents of form.
 *
 * A key is bytes whose memcmp order, shorter first, is the order of what it was made from: an index of a data
 * base can hold it, and sorts without knowing any language. Text goes as Unicode's CLDR has it for zh, by
 * pinyin: numbers by their value (2号 is before 10号), then Han, then Latin and the rest. Keys of several
 * columns may be put one behind the other only where all but the last have a fixed length.
 *
 * Folding is Unicode's NFKC_Casefold: full-width letters and digits become ASCII, case is gone, as are
 * characters that nobody sees.
 *
 * Errors: none; bytes that are no UTF-8 count as U+FFFD. Threads: any; the tables are made at the first call.
 */
#ifndef HEMING_COLLATE_H
#define HEMING_COLLATE_H

#include "base/sb.h"

/* Appends the key of text, at most max bytes of it. Two texts whose keys are the same up to there sort as
 * equal. Of a text only the first MiB is looked at. */
void collate_text(struct sb *out, struct str utf8, size_t max);
/* Appends 8 bytes. -0 is 0; NaN, of any kind, is behind +Inf. */
void collate_number(struct sb *out, double v);
void collate_int(struct sb *out, int64_t v);
/* What the keys of text depend on, "zh-pinyin-numeric 153.120.42": stored with them, it tells when they have
 * to be made again. Lives as long as the process. */
const char *collate_version(void);

/* Appends text folded. */
void fold_text(struct sb *out, struct str text);
/*
 * Folds one character of s at *i together with the marks that belong to it, which may give no byte at all,
 * and moves *i behind them. Returns the number of bytes written. What it gives piece by piece is what
 * fold_text gives at once.
 */
#define FOLD_MAX 2048
size_t fold_next(struct str s, size_t *i, char out[FOLD_MAX]);

#endif

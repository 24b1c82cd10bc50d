/*
 * words - what full text search looks for.
 *
 * Text is folded (base/collate.h) and cut into runs. A run of letters and digits of an alphabet is one word.
 * A run of Chinese characters, kana or hangul, which are written without blanks, gives each two neighbours as
 * a word: 南京市 gives 南京 and 京市. What is neither ends a run. Characters of the private use area count as
 * Chinese: names with rare characters are still written with them.
 *
 * A reader's question is split by WORDS_QUERY, and the words of each of its runs looked for as a phrase. A
 * run of one Chinese character c gives that character, and has to be asked as the prefix query "c*": it then
 * finds every pair that begins with c, and, because WORDS_INDEX gives the last character of each run alone as
 * well, those in which c comes last.
 *
 * Errors: none; bytes that are no UTF-8 end a run. Nothing is allocated by words_split. Threads: no state.
 */
#ifndef HEMING_WORDS_H
#define HEMING_WORDS_H

#include "base/sb.h"

enum words_mode { WORDS_QUERY, WORDS_INDEX };

/* Of a longer run of letters and digits only this many bytes of its folded form are the word. */
#define WORD_MAX 64

/*
 * w[0…n) is the folded word, valid during the call; text.p[from…to) is where it was written. Words come in
 * the order of the text. 0 goes on; anything else ends the split and is what it returns.
 */
typedef int (*words_fn)(void *ctx, const char *w, size_t n, size_t from, size_t to);
int words_split(struct str text, enum words_mode mode, words_fn word, void *ctx);

/*
 * Whether every run of the query is in the text: letters and digits as a whole word, Chinese as it stands
 * inside a run. True if the query has no run. Exact, for what an index has found; works on a folded copy of
 * the text, once over it for each run of the query.
 */
bool words_match(struct str query, struct str text);

#endif

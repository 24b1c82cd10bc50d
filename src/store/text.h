/*
 * text - full text of records in the words of each database.
 *
 * Both cut text by base/words.h. SQLite does it inside FTS5, by the tokenizer "heming"; PostgreSQL takes a
 * list of words, since its own parsers know no Chinese: there a phrase is asked as all its words, and who
 * must be exact looks again with words_match.
 *
 * Results lie in the arena given. Threads: those of the transaction.
 */
#ifndef HEMING_STORE_TEXT_H
#define HEMING_STORE_TEXT_H

#include "store/store.h"

/* What record_text_put takes as the words of a text. */
struct str store_text_words(struct store_tx *tx, struct arena *a, struct str text);
/* A reader's words as record_text_range takes them; STR_NULL if no word is in them. */
struct str store_text_query(struct store_tx *tx, struct arena *a, struct str query);

#endif

#include "base/collate.h"
#include "base/id_code.h"
#include "base/mask.h"
#include "base/words.h"

/* Text from strangers on its way into the index: words lie inside it, are UTF-8, and find it again. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Below this nothing is so long that folding in pieces would show. */
#define EXACT_MAX 64

struct seen {
	size_t n, from, to; /* of the text; of the word before */
};

static int on_word(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	struct seen *s = ctx;

	must(n > 0 && n <= WORD_MAX && utf8_valid((struct str){w, n}));
	must(from < to && to <= s->n && from >= s->from && to >= s->to);
	s->from = from;
	s->to = to;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const masks[] = {"name", "phone", "id", "address", "number", "other"};
	static const char *const codes[] = {"uscc", "citizen", "org", "division"};
	struct str text = {(const char *)p, n};
	struct sb once = SB_INIT, twice = SB_INIT, key = SB_INIT;
	struct seen index = {.n = n}, query = {.n = n};

	must(words_split(text, WORDS_INDEX, on_word, &index) == 0);
	must(words_split(text, WORDS_QUERY, on_word, &query) == 0);
	must(words_match(text, text));
	fold_text(&once, text);
	must(utf8_valid(sb_str(&once)));
	must(words_match(text, sb_str(&once)) || n >= EXACT_MAX);
	fold_text(&twice, sb_str(&once));
	must(str_eq(sb_str(&once), sb_str(&twice)) || n >= EXACT_MAX);
	collate_text(&key, text, 40);
	must(key.n <= 40);
	for (size_t i = 0; i < ARRAY_LEN(masks); i++) {
		sb_reset(&once);
		mask_text(&once, masks[i], text);
		must(utf8_valid(sb_str(&once)));
	}
	sb_reset(&once);
	if (id_code_normalize(&once, text) == 0)
		text = sb_str(&once);
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		(void)id_code_check(codes[i], text);
	sb_fini(&once);
	sb_fini(&twice);
	sb_fini(&key);
	return 0;
}

#include "store/text.h"
#include "base/json.h"
#include "base/words.h"
#include "store/store_int.h"

struct list {
	struct sb b;
	struct jw w;
	size_t to; /* where the last word ended */
	int n;
};

static int add_word(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	struct list *l = ctx;

	(void)from, (void)to;
	jw_str(&l->w, (struct str){w, n});
	return 0;
}

static struct str take(struct arena *a, struct sb *b)
{
	struct str out = {arena_strndup(a, b->p != NULL ? b->p : "", b->n), b->n};

	sb_fini(b);
	return out;
}

struct str store_text_words(struct store_tx *tx, struct arena *a, struct str text)
{
	struct list l = {.b = SB_INIT};

	if (store__dialect(tx) == STORE_SQLITE)
		return text;
	jw_init(&l.w, &l.b);
	jw_array(&l.w);
	(void)words_split(text, WORDS_INDEX, add_word, &l);
	jw_array_end(&l.w);
	return take(a, &l.b);
}

/* Is the word one character that is written without blanks? Then it stands for all that begins with it. */
static bool is_lone(const char *w, size_t n)
{
	size_t i = 0;

	return n >= 3 && utf8_next((struct str){w, n}, &i) >= 0x1100 && i == n;
}

/* 'word' & 'c':* */
static int add_lexeme(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	struct list *l = ctx;

	(void)from, (void)to;
	sb_printf(&l->b, "%s'%.*s'%s", l->n++ > 0 ? " & " : "", (int)n, w, is_lone(w, n) ? ":*" : "");
	return 0;
}

/* "南京" + "京市" "gas": words that overlap are one phrase. A word holds letters and digits only, no quotes.
 */
static int add_phrase(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	struct list *l = ctx;

	sb_printf(&l->b, "%s\"%.*s\"%s",
	        l->n == 0      ? ""
	        : from < l->to ? " + "
	                       : " ",
	        (int)n, w, is_lone(w, n) ? " *" : "");
	l->to = to;
	l->n++;
	return 0;
}

struct str store_text_query(struct store_tx *tx, struct arena *a, struct str query)
{
	struct list l = {.b = SB_INIT};

	(void)words_split(
	        query, WORDS_QUERY, store__dialect(tx) == STORE_SQLITE ? add_phrase : add_lexeme, &l);
	return l.n > 0 ? take(a, &l.b) : STR_NULL;
}

/*
 * The tokenizer of full text in SQLite: FTS5 asks for the words of a text, base/words.h gives them.
 *
 * Follows "Custom Tokenizers" of SQLite's page on FTS5. The schema names it by "heming": a file that uses it
 * can only be searched by a program that has it.
 */
#include "base/words.h"
#include "store/store_int.h"

#include <sqlite3.h>

struct tokens {
	void *ctx;
	int (*token)(void *ctx, int flags, const char *w, int n, int from, int to);
};

static int give(void *ctx, const char *w, size_t n, size_t from, size_t to)
{
	const struct tokens *t = ctx;

	return t->token(t->ctx, 0, w, (int)n, (int)from, (int)to);
}

static int create(void *ctx, const char **args, int n, Fts5Tokenizer **out)
{
	static char none; /* it has no state, and FTS5 wants something to hold */

	(void)ctx, (void)args, (void)n;
	*out = (Fts5Tokenizer *)(void *)&none;
	return SQLITE_OK;
}

static void destroy(Fts5Tokenizer *t)
{
	(void)t;
}

static int tokenize(Fts5Tokenizer *self, void *ctx, int flags, const char *text, int n,
        int (*token)(void *ctx, int flags, const char *w, int n, int from, int to))
{
	struct tokens t = {.ctx = ctx, .token = token};

	(void)self;
	return words_split((struct str){text, (size_t)n},
	        flags & FTS5_TOKENIZE_QUERY ? WORDS_QUERY : WORDS_INDEX, give, &t);
}

int sqlite__words(struct sqlite3 *db, struct err *e)
{
	static fts5_tokenizer functions = {.xCreate = create, .xDelete = destroy, .xTokenize = tokenize};
	sqlite3_stmt *s = NULL;
	fts5_api *api = NULL;

	/* The way that FTS5 documents: a pointer passed by its type's name. */
	if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &s, NULL) == SQLITE_OK &&
	        sqlite3_bind_pointer(s, 1, (void *)&api, "fts5_api_ptr", NULL) == SQLITE_OK)
		(void)sqlite3_step(s);
	sqlite3_finalize(s);
	if (api == NULL || api->xCreateTokenizer(api, "heming", NULL, &functions, NULL) != SQLITE_OK)
		return err_set(e, ERR_UNSUPPORTED, "this SQLite has no full text search (FTS5)");
	return 0;
}

#include "base/words.h"

#include "base/collate.h"

#include <unicode/uchar.h>

enum kind { BREAK, LETTER, CJK, MARK };

/* The text's folded characters, one after the other. */
struct reader {
	struct str text;
	size_t i;
	/* The present character. */
	enum kind kind;
	struct str c;
	size_t from, to; /* in the text */
	/* What folding gave for text[from…to), and how far it was read. */
	size_t n, at;
	char piece[FOLD_MAX];
};

static void reader_init(struct reader *r, struct str text)
{
	r->text = text;
	r->i = r->n = r->at = 0;
}

static bool is_cjk(uint32_t cp)
{
	if (cp < 0x1100)
		return false;
	if (cp >= 0x3400 && cp <= 0x9fff)
		return cp <= 0x4dbf || cp >= 0x4e00;
	return cp <= 0x11ff ||                                   /* jamo */
	       (cp >= 0x3005 && cp <= 0x3007) ||                 /* 々〆〇 */
	       (cp >= 0x3021 && cp <= 0x3029) ||                 /* 〡〢〣 */
	       (cp >= 0x3031 && cp <= 0x3035) ||                 /* marks that repeat kana */
	       (cp >= 0x3038 && cp <= 0x303c) ||                 /* 〸〹〺〻〼 */
	       (cp >= 0x3041 && cp <= 0x3096) ||                 /* hiragana */
	       (cp >= 0x309d && cp <= 0x309f) ||                 /* ゝゞゟ */
	       (cp >= 0x30a1 && cp <= 0x30ff && cp != 0x30fb) || /* katakana, without its middle dot */
	       (cp >= 0x31f0 && cp <= 0x31ff) ||                 /* small katakana */
	       (cp >= 0xa960 && cp <= 0xa97f) || (cp >= 0xac00 && cp <= 0xd7ff) || /* hangul */
	       (cp >= 0xe000 && cp <= 0xf8ff) ||                                   /* private use */
	       (cp >= 0xf900 && cp <= 0xfaff) ||                                   /* Han for compatibility */
	       (cp >= 0x1aff0 && cp <= 0x1b16f) ||                                 /* kana supplements */
	       (cp >= 0x20000 && cp <= 0x3fffd);                                   /* Han extensions */
}

static bool is_ascii_word(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static enum kind kind_of(uint32_t cp)
{
	uint32_t type;

	if (cp < 0x80)
		return is_ascii_word((unsigned char)cp) ? LETTER : BREAK;
	if (is_cjk(cp))
		return CJK;
	type = U_MASK(u_charType((UChar32)cp));
	if (type & (U_GC_L_MASK | U_GC_N_MASK))
		return LETTER;
	return type & U_GC_M_MASK ? MARK : BREAK;
}

static bool reader_next(struct reader *r)
{
	const char *p = r->text.p;
	size_t at;

	while (r->at == r->n) {
		if (r->i == r->text.n)
			return false;
		r->from = r->i;
		if ((unsigned char)p[r->i] < 0x80 &&
		        (r->i + 1 == r->text.n || (unsigned char)p[r->i + 1] < 0x80)) {
			unsigned char c = (unsigned char)p[r->i++];

			r->kind = is_ascii_word(c) ? LETTER : BREAK;
			r->piece[0] = (char)(r->kind == LETTER ? c | 0x20 : c);
			r->n = r->at = 1;
			r->c = (struct str){r->piece, 1};
			r->to = r->i;
			return true;
		}
		r->n = fold_next(r->text, &r->i, r->piece);
		r->at = 0;
		r->to = r->i;
	}
	at = r->at;
	r->kind = kind_of(utf8_next((struct str){r->piece, r->n}, &r->at));
	r->c = (struct str){r->piece + at, r->at - at};
	return true;
}

/* A run under way. */
struct run {
	enum words_mode mode;
	words_fn word;
	void *ctx;
	enum kind kind; /* BREAK: none */
	/* Letters: the word so far. Chinese: the last character, behind which its neighbour is put. */
	char w[WORD_MAX];
	size_t n, from, to;
	bool cut;  /* letters: the word is full */
	bool pair; /* Chinese: the run has more than one character */
};

static int run_end(struct run *u)
{
	bool alone = u->kind == CJK && u->pair && u->mode == WORDS_QUERY;
	enum kind kind = u->kind;

	u->kind = BREAK;
	return kind == BREAK || alone ? 0 : u->word(u->ctx, u->w, u->n, u->from, u->to);
}

static void run_begin(struct run *u, const struct reader *r)
{
	u->kind = r->kind;
	u->n = 0;
	u->from = r->from;
	u->cut = u->pair = false;
}

static void add_letter(struct run *u, struct str c)
{
	if (u->cut || c.n > WORD_MAX - u->n) {
		u->cut = true;
		return;
	}
	memcpy(u->w + u->n, c.p, c.n);
	u->n += c.n;
}

static int add_cjk(struct run *u, const struct reader *r)
{
	int rc = 0;

	/* A character takes four bytes at most, so that two of them fit. */
	memcpy(u->w + u->n, r->c.p, r->c.n);
	if (u->n > 0) {
		rc = u->word(u->ctx, u->w, u->n + r->c.n, u->from, r->to);
		memmove(u->w, u->w + u->n, r->c.n);
		u->pair = true;
	}
	u->n = r->c.n;
	u->from = r->from;
	return rc;
}

int words_split(struct str text, enum words_mode mode, words_fn word, void *ctx)
{
	struct run u = {.mode = mode, .word = word, .ctx = ctx};
	struct reader r;
	int rc;

	reader_init(&r, text);
	while (reader_next(&r)) {
		if (r.kind == MARK) {
			/* A mark never ends a run; only an alphabet's is a part of what is looked for. */
			if (u.kind == LETTER) {
				add_letter(&u, r.c);
				u.to = r.to;
			}
			continue;
		}
		if (r.kind != u.kind) {
			rc = run_end(&u);
			if (rc)
				return rc;
			if (r.kind == BREAK)
				continue;
			run_begin(&u, &r);
		}
		if (r.kind == LETTER) {
			add_letter(&u, r.c);
		} else if (r.kind == CJK) {
			rc = add_cjk(&u, &r);
			if (rc)
				return rc;
		}
		u.to = r.to;
	}
	return run_end(&u);
}

/* Round a word of letters, and before Chinese; no run contains them. */
#define WORD_OPEN '\1'
#define WORD_CLOSE '\2'
#define CJK_OPEN '\3'

static void put_word(struct sb *out, const struct run *u)
{
	sb_putc(out, WORD_OPEN);
	sb_put(out, u->w, u->n);
	sb_putc(out, WORD_CLOSE);
}

/* Appends the runs of the text: a word of letters between its marks, Chinese behind CJK_OPEN. */
static void put_runs(struct sb *out, struct str text)
{
	struct run u = {.kind = BREAK};
	struct reader r;

	reader_init(&r, text);
	while (reader_next(&r)) {
		if (r.kind == MARK) {
			if (u.kind == LETTER)
				add_letter(&u, r.c);
			continue;
		}
		if (r.kind != u.kind) {
			if (u.kind == LETTER)
				put_word(out, &u);
			run_begin(&u, &r);
			if (r.kind == CJK)
				sb_putc(out, CJK_OPEN);
		}
		if (r.kind == LETTER)
			add_letter(&u, r.c);
		else if (r.kind == CJK)
			sb_putstr(out, r.c);
	}
	if (u.kind == LETTER)
		put_word(out, &u);
}

bool words_match(struct str query, struct str text)
{
	struct sb q = SB_INIT, t = SB_INIT;
	bool all = true;
	struct str s;

	put_runs(&q, query);
	put_runs(&t, text);
	s = sb_str(&q);
	for (size_t i = 0, from; i < s.n && all;) {
		/* Letters are looked for with both marks, Chinese without its own. */
		from = s.p[i] == WORD_OPEN ? i : i + 1;
		for (i++; i < s.n && s.p[i] != WORD_OPEN && s.p[i] != CJK_OPEN; i++)
			;
		all = t.n > 0 && memmem(t.p, t.n, s.p + from, i - from) != NULL;
	}
	all = all && !q.failed && !t.failed;
	sb_fini(&q);
	sb_fini(&t);
	return all;
}

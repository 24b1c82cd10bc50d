#include "base/labels.h"
#include "base/re2.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* A pattern may cost this many steps and this much memory (KiB) on one value. */
#define RE_MATCH_LIMIT 100000
#define RE_HEAP_LIMIT 4096
/* Patterns longer than this are refused: the compiled form is several times as large. */
#define RE_PATTERN_MAX 16384

/* ---- label sets ---- */

static int label_cmp(const void *a, const void *b)
{
	return str_cmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

int labels_sort(struct labels *ls, struct err *e)
{
	int n = 0;

	for (int i = 0; i < ls->n; i++)
		if (ls->l[i].value.n > 0)
			ls->l[n++] = ls->l[i];
	ls->n = n;
	if (n > 24) {
		qsort(ls->l, (size_t)n, sizeof *ls->l, label_cmp);
	} else {
		for (int i = 1; i < n; i++) {
			struct label x = ls->l[i];
			int j = i;

			for (; j > 0 && str_cmp(ls->l[j - 1].name, x.name) > 0; j--)
				ls->l[j] = ls->l[j - 1];
			ls->l[j] = x;
		}
	}
	for (int i = 1; i < n; i++)
		if (str_eq(ls->l[i - 1].name, ls->l[i].name))
			return err_set(e, ERR_INVALID, "label \"" STR_FMT "\" is given twice",
			        STR_ARG(ls->l[i].name));
	return 0;
}

struct str labels_get(const struct labels *ls, const char *name)
{
	for (int i = 0; i < ls->n; i++)
		if (str_is(ls->l[i].name, name))
			return ls->l[i].value;
	return STR_NULL;
}

bool labels_equal(const struct labels *a, const struct labels *b)
{
	if (a->n != b->n)
		return false;
	for (int i = 0; i < a->n; i++)
		if (!str_eq(a->l[i].name, b->l[i].name) || !str_eq(a->l[i].value, b->l[i].value))
			return false;
	return true;
}

int labels_cmp(const struct labels *a, const struct labels *b)
{
	int n = a->n < b->n ? a->n : b->n;

	for (int i = 0; i < n; i++) {
		/* Sets of one storage share their names. */
		bool shared = a->l[i].name.p == b->l[i].name.p && a->l[i].name.n == b->l[i].name.n;
		int c = shared ? 0 : str_cmp(a->l[i].name, b->l[i].name);

		if (c == 0)
			c = str_cmp(a->l[i].value, b->l[i].value);
		if (c != 0)
			return c;
	}
	return (a->n > b->n) - (a->n < b->n);
}

uint64_t labels_hash(const struct labels *ls)
{
	uint64_t h = 0;

	/* Each piece is seeded with what came before, so that ("a", "bc") and ("ab", "c") differ. */
	for (int i = 0; i < ls->n; i++) {
		h = XXH3_64bits_withSeed(ls->l[i].name.p, ls->l[i].name.n, h + 1);
		h = XXH3_64bits_withSeed(ls->l[i].value.p, ls->l[i].value.n, h);
	}
	return h;
}

static struct str pack(char **at, struct str s)
{
	struct str out = {*at, s.n};

	if (s.n > 0)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return out;
}

struct labels labels_copy(struct arena *a, const struct labels *ls, const char *name, struct str value)
{
	struct str key = str_of(name);
	size_t bytes = key.n + value.n;
	struct labels out = LABELS_NONE;
	bool placed = name == NULL || value.n == 0;
	char *at;

	for (int i = 0; i < ls->n; i++)
		bytes += ls->l[i].name.n + ls->l[i].value.n;
	out.l = arena_array(a, (size_t)ls->n + 1, sizeof *out.l);
	at = arena_alloc(a, bytes);
	if (out.l == NULL || at == NULL)
		return LABELS_NONE;
	for (int i = 0; i < ls->n; i++) {
		int c = name == NULL ? 1 : str_cmp(ls->l[i].name, key);

		if (c >= 0 && !placed) {
			out.l[out.n].name = pack(&at, key);
			out.l[out.n++].value = pack(&at, value);
			placed = true;
		}
		if (name != NULL && c == 0)
			continue;
		out.l[out.n].name = pack(&at, ls->l[i].name);
		out.l[out.n++].value = pack(&at, ls->l[i].value);
	}
	if (!placed) {
		out.l[out.n].name = pack(&at, key);
		out.l[out.n++].value = pack(&at, value);
	}
	return out;
}

/* PromQL reads it back byte for byte. */
void label_quote(struct sb *b, struct str s)
{
	static const char named[] = "abtnvfr"; /* 0x07 … 0x0d */

	sb_putc(b, '"');
	for (size_t i = 0; i < s.n;) {
		size_t at = i;
		uint32_t cp = utf8_next(s, &i);

		if (cp == '"' || cp == '\\')
			sb_printf(b, "\\%c", (int)cp);
		else if (cp >= 7 && cp <= 13)
			sb_printf(b, "\\%c", named[cp - 7]);
		else if (cp < 0x20 || cp == 0x7f)
			sb_printf(b, "\\x%02x", (unsigned)cp);
		else if (cp == 0xfffd && i == at + 1)
			sb_printf(b, "\\x%02x", (unsigned)(unsigned char)s.p[at]);
		else if ((cp >= 0x80 && cp <= 0xa0) || cp == 0xad || (cp >= 0x2000 && cp <= 0x200f) ||
		         (cp >= 0x2028 && cp <= 0x202f) || cp == 0xfeff)
			sb_printf(b, "\\u%04x", (unsigned)cp);
		else
			sb_put(b, s.p + at, i - at);
	}
	sb_putc(b, '"');
}

void labels_write(struct sb *b, const struct labels *ls)
{
	struct str name = labels_get(ls, LABEL_NAME);
	bool plain = metric_name_valid(name), first = true;

	if (plain)
		sb_putstr(b, name);
	if (plain && ls->n == 1)
		return;
	sb_putc(b, '{');
	if (name.n > 0 && !plain) {
		label_quote(b, name);
		first = false;
	}
	for (int i = 0; i < ls->n; i++) {
		if (str_is(ls->l[i].name, LABEL_NAME))
			continue;
		if (!first)
			sb_putc(b, ',');
		first = false;
		if (label_name_valid(ls->l[i].name))
			sb_putstr(b, ls->l[i].name);
		else
			label_quote(b, ls->l[i].name);
		sb_putc(b, '=');
		label_quote(b, ls->l[i].value);
	}
	sb_putc(b, '}');
}

static bool name_valid(struct str s, bool colon)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (colon && c == ':') ||
		            (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return s.n > 0;
}

bool label_name_valid(struct str s)
{
	return name_valid(s, false);
}

bool metric_name_valid(struct str s)
{
	return name_valid(s, true);
}

/* ---- matchers ---- */

/*
 * Most patterns that people write are a word, a few words, or "anything": those are answered without
 * the regex engine.
 */
enum re_kind { RE_WORDS, RE_PREFIX, RE_ANY, RE_SOME, RE_CODE };
struct re {
	enum re_kind kind;
	pcre2_code *code;
	struct str *word; /* RE_WORDS: any of them; RE_PREFIX: the one */
	size_t words;
};

/*
 * What one match needs (ovector, heap frames) is kept per thread: PCRE2 would else ask for 20 KiB at
 * each match.
 */
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static pthread_key_t scratch_key;
static pcre2_match_context *scratch_limits;

static void scratch_drop(void *p)
{
	pcre2_match_data_free(p);
}

static void scratch_init(void)
{
	must(pthread_key_create(&scratch_key, scratch_drop) == 0);
	scratch_limits = pcre2_match_context_create(NULL);
	must(scratch_limits != NULL);
	pcre2_set_match_limit(scratch_limits, RE_MATCH_LIMIT);
	pcre2_set_heap_limit(scratch_limits, RE_HEAP_LIMIT);
}

static pcre2_match_data *scratch(void)
{
	pcre2_match_data *md;

	must(pthread_once(&scratch_once, scratch_init) == 0);
	md = pthread_getspecific(scratch_key);
	if (md == NULL) {
		md = pcre2_match_data_create(1, NULL);
		must(md != NULL);
		must(pthread_setspecific(scratch_key, md) == 0);
	}
	return md;
}

static bool is_literal(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] == '\0' || strchr("\\.+*?()|[]{}^$", s.p[i]) != NULL)
			return false;
	return true;
}

/* Recognises what needs no engine; RE_CODE if it does. */
static enum re_kind re_classify(struct re *re, struct arena *a, struct str value)
{
	struct str rest = value;
	size_t words = 1;

	if (str_is(value, ".*"))
		return RE_ANY;
	if (str_is(value, ".+"))
		return RE_SOME;
	if (value.n > 2 && memcmp(value.p + value.n - 2, ".*", 2) == 0 &&
	        is_literal((struct str){value.p, value.n - 2})) {
		re->word = arena_array(a, 1, sizeof *re->word);
		if (re->word != NULL)
			re->word[0] = (struct str){value.p, value.n - 2};
		re->words = 1;
		return RE_PREFIX;
	}
	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] == '|')
			words++;
		else if (!is_literal((struct str){value.p + i, 1}))
			return RE_CODE;
	}
	re->word = arena_array(a, words, sizeof *re->word);
	if (re->word == NULL)
		return RE_WORDS;
	if (rest.p == NULL)
		rest = STR_LIT("");
	while (rest.p != NULL)
		re->word[re->words++] = str_cut(&rest, '|');
	return RE_WORDS;
}

static void re_drop(void *p)
{
	pcre2_code_free(p);
}

static int re_compile(struct re *re, struct arena *a, struct str value, struct err *e)
{
	/* What Go says of them, with all of the pattern. */
	static const struct {
		int code;
		const char *words;
	} known[] = {{PCRE2_ERROR_MISSING_CLOSING_PARENTHESIS, "missing closing )"},
	        {PCRE2_ERROR_UNMATCHED_CLOSING_PARENTHESIS, "unexpected )"}};
	struct sb b = SB_INIT;
	int code = 0, rc;
	PCRE2_SIZE at = 0;
	PCRE2_UCHAR words[160];

	if (value.n > RE_PATTERN_MAX)
		return err_set(
		        e, ERR_INVALID, "the regular expression is longer than %d bytes", RE_PATTERN_MAX);
	rc = re2_to_pcre(value, &b, e);
	if (rc == 0)
		re->code =
		        pcre2_compile((PCRE2_SPTR)(b.n > 0 ? b.p : ""), b.n, RE2_OPTIONS, &code, &at, NULL);
	sb_fini(&b);
	if (rc < 0)
		return rc;
	if (re->code == NULL) {
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			if (known[i].code == code)
				return err_set(e, ERR_INVALID, "error parsing regexp: %s: `" STR_FMT "`",
				        known[i].words, (int)(value.n > 200 ? 200 : value.n), value.p);
		pcre2_get_error_message(code, words, sizeof words);
		return err_set(e, ERR_INVALID, "error parsing regexp: %s at offset %zu of `" STR_FMT "`",
		        (char *)words, (size_t)at, (int)(value.n > 200 ? 200 : value.n), value.p);
	}
	arena_cleanup(a, re_drop, re->code);
	/* Without JIT on this machine the interpreter does it. */
	(void)pcre2_jit_compile(re->code, PCRE2_JIT_COMPLETE);
	return 0;
}

int matcher_init(struct matcher *m, struct arena *a, enum match_op op, struct str name, struct str value,
        struct err *e)
{
	struct re *re;
	int rc = 0;

	memset(m, 0, sizeof *m);
	m->op = op;
	m->name = (struct str){arena_memdup(a, name.p ? name.p : "", name.n), name.n};
	m->value = (struct str){arena_memdup(a, value.p ? value.p : "", value.n), value.n};
	if (m->name.p == NULL || m->value.p == NULL)
		return err_set(e, ERR_NOMEM, "out of memory for a matcher");
	if (op != MATCH_RE && op != MATCH_NRE)
		return 0;
	re = arena_alloc(a, sizeof *re);
	if (re == NULL)
		return err_set(e, ERR_NOMEM, "out of memory for a matcher");
	re->kind = re_classify(re, a, m->value);
	if (arena_failed(a))
		return err_set(e, ERR_NOMEM, "out of memory for a matcher");
	if (re->kind == RE_CODE)
		rc = re_compile(re, a, m->value, e);
	m->re = re;
	return rc;
}

/* 1, 0, or -1 where the pattern reached its limits. */
static int re_matches(const struct re *re, struct str value)
{
	int rc;

	switch (re->kind) {
	case RE_ANY: return 1;
	case RE_SOME: return value.n > 0;
	case RE_PREFIX: return value.n >= re->word[0].n && memcmp(value.p, re->word[0].p, re->word[0].n) == 0;
	case RE_WORDS:
		for (size_t i = 0; i < re->words; i++)
			if (str_eq(value, re->word[i]))
				return 1;
		return 0;
	case RE_CODE: break;
	}
	/* The key and the limits exist only after the first scratch(). */
	pcre2_match_data *md = scratch();

	rc = pcre2_match(re->code, (PCRE2_SPTR)(value.p ? value.p : ""), value.n, 0, 0, md, scratch_limits);
	return rc >= 0 ? 1 : rc == PCRE2_ERROR_NOMATCH ? 0 : -1;
}

bool matcher_matches(const struct matcher *m, struct str value)
{
	switch (m->op) {
	case MATCH_EQ: return str_eq(m->value, value);
	case MATCH_NE: return !str_eq(m->value, value);
	case MATCH_RE: return re_matches(m->re, value) == 1;
	/* A pattern past its limits selects nothing, negated or not. */
	case MATCH_NRE: return re_matches(m->re, value) == 0;
	}
	wrong("a matcher's op");
}

bool matchers_match(const struct matcher *m, int n, const struct labels *ls)
{
	for (int i = 0; i < n; i++) {
		struct str v = STR_NULL;

		for (int j = 0; j < ls->n; j++)
			if (str_eq(ls->l[j].name, m[i].name)) {
				v = ls->l[j].value;
				break;
			}
		if (!matcher_matches(&m[i], v))
			return false;
	}
	return true;
}

#include "feel/regex.h"

#include "feel/builtin.h"

/* What a regular expression may take: steps of matching, and memory. */
#define MATCH_STEPS 1000000
#define MATCH_HEAP_KIB 20000
#define PATTERN_MAX 10000

void feel__regex_fini(struct feel__regex *x)
{
	pcre2_match_data_free(x->data);
	pcre2_match_context_free(x->limits);
	pcre2_code_free(x->code);
}

/* Flag x: white space goes, but not inside of classes, and even between a backslash and what it escapes. */
static void strip(struct str p, struct sb *out)
{
	int classes = 0;
	bool escaped = false;

	for (size_t i = 0; i < p.n; i++) {
		char c = p.p[i];

		if (classes == 0 && (c == ' ' || c == '\t' || c == '\n' || c == '\r'))
			continue;
		sb_putc(out, c);
		if (!escaped && c == '[')
			classes++;
		else if (!escaped && c == ']' && classes > 0)
			classes--;
		escaped = c == '\\' && !escaped;
	}
}

static bool flags_of(struct feel_run *r, struct str flags, uint32_t *options, bool *spaced)
{
	for (size_t i = 0; i < flags.n; i++) {
		switch (flags.p[i]) {
		case 's': *options |= PCRE2_DOTALL; break;
		case 'm': *options |= PCRE2_MULTILINE; break;
		case 'i': *options |= PCRE2_CASELESS; break;
		case 'x': *spaced = true; break;
		case 'q': *options |= PCRE2_LITERAL; break;
		default: feel_note(r, "flags of a regular expression are s, m, i, x and q"); return false;
		}
	}
	if (*options & PCRE2_LITERAL) /* with it PCRE2 takes none of the others */
		*options &= PCRE2_LITERAL | PCRE2_CASELESS | PCRE2_UTF;
	return true;
}

static bool compile(struct feel_run *r, struct feel__regex *x, struct str pattern, uint32_t options)
{
	PCRE2_UCHAR words[128];
	PCRE2_SIZE at;
	int code;

	x->code =
	        pcre2_compile((PCRE2_SPTR)(pattern.p ? pattern.p : ""), pattern.n, options, &code, &at, NULL);
	if (!x->code) {
		pcre2_get_error_message(code, words, sizeof(words));
		feel_note(r, "the regular expression is wrong: %s", (char *)words);
		return false;
	}
	x->data = pcre2_match_data_create_from_pattern(x->code, NULL);
	x->limits = pcre2_match_context_create(NULL);
	if (!x->data || !x->limits) {
		feel__nomem(r);
		return false;
	}
	pcre2_set_heap_limit(x->limits, MATCH_HEAP_KIB);
	return true;
}

bool feel__regex_init(struct feel_run *r, struct feel__regex *x, struct str pattern, struct str flags)
{
	uint32_t options = PCRE2_UTF | PCRE2_UCP | PCRE2_DOLLAR_ENDONLY | PCRE2_MATCH_UNSET_BACKREF;
	struct sb dense = SB_INIT, b = SB_INIT;
	bool spaced = false, ok = false;
	const char *wrong;
	size_t at;

	*x = (struct feel__regex){NULL, NULL, NULL};
	if (pattern.n > PATTERN_MAX) {
		feel_note(r, "a regular expression of more than %d bytes", PATTERN_MAX);
		return false;
	}
	if (!feel__work(r, pattern.n) || !flags_of(r, flags, &options, &spaced))
		return false;
	if (options & PCRE2_LITERAL)
		return compile(r, x, pattern, options);
	if (spaced) {
		strip(pattern, &dense);
		pattern = sb_str(&dense);
	}
	wrong = feel__regex_translate(pattern, &b, &at);
	if (wrong)
		feel_note(r, "the regular expression is wrong at byte %zu: %s", at + 1, wrong);
	else
		ok = compile(r, x, sb_str(&b), options);
	sb_fini(&b);
	sb_fini(&dense);
	return ok;
}

/* PCRE2 does not tell how many steps it took, so it gets few at first, and ten times as many each time that
 * they were not enough: what a match costs the run is near what it cost. */
int feel__regex_match(struct feel_run *r, struct feel__regex *x, struct str s, size_t from, uint32_t options)
{
	if (!feel__work(r, 10 + s.n / 16))
		return -1;
	for (uint32_t limit = 1000; limit <= MATCH_STEPS; limit *= 10) {
		int rc;

		pcre2_set_match_limit(x->limits, limit);
		rc = pcre2_match(
		        x->code, (PCRE2_SPTR)(s.p ? s.p : ""), s.n, from, options, x->data, x->limits);
		if (rc >= 0)
			return 1;
		if (rc == PCRE2_ERROR_NOMATCH)
			return 0;
		if (!feel__work(r, limit))
			return -1;
	}
	feel_note(r, "the regular expression takes too long on this text");
	return -1;
}

#include "base/pattern.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define STEPS 100000
#define HEAP_KIB 4096
#define TEXT_MAX 1000 /* bytes of a pattern */

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
	int groups;
};

static void drop(void *arg)
{
	struct pattern *p = arg;

	pcre2_code_free(p->code);
	pcre2_match_context_free(p->limits);
}

int pattern_compile(struct arena *a, struct str text, struct pattern **out, struct err *e)
{
	struct pattern *p = arena_alloc(a, sizeof(*p));
	PCRE2_UCHAR words[160];
	uint32_t groups = 0;
	PCRE2_SIZE at = 0;
	int code = 0;

	*out = NULL;
	if (text.n > TEXT_MAX)
		return err_set(e, ERR_TOOBIG, "a pattern has %d bytes at most", TEXT_MAX);
	/* Verbs such as (*LIMIT_MATCH=…) stand before everything else, and could weaken the limits. */
	if (str_starts(text, "(*"))
		return err_set(e, ERR_INVALID, "a pattern may not begin with (*");
	p->code = pcre2_compile((PCRE2_SPTR)(text.p != NULL ? text.p : ""), text.n,
	        PCRE2_ANCHORED | PCRE2_ENDANCHORED | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
	                PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C,
	        &code, &at, NULL);
	if (p->code == NULL) {
		(void)pcre2_get_error_message(code, words, sizeof(words));
		err_set(e, ERR_INVALID, "%s", (const char *)words);
		(void)err_at(e, NULL, 0, (int)at + 1, NULL);
		return ERR_INVALID;
	}
	p->limits = pcre2_match_context_create(NULL);
	must(p->limits != NULL);
	pcre2_set_match_limit(p->limits, STEPS);
	pcre2_set_heap_limit(p->limits, HEAP_KIB);
	must(pcre2_pattern_info(p->code, PCRE2_INFO_CAPTURECOUNT, &groups) == 0);
	p->groups = (int)groups;
	arena_cleanup(a, drop, p);
	*out = p;
	return 0;
}

int pattern_groups(const struct pattern *p)
{
	return p->groups;
}

bool pattern_cut(const struct pattern *p, struct str text, int group, struct str *out)
{
	pcre2_match_data *md = pcre2_match_data_create_from_pattern(p->code, NULL);
	const char *subject = text.p != NULL ? text.p : "";
	const PCRE2_SIZE *at;
	bool found;

	*out = STR_NULL;
	must(md != NULL && group >= 0);
	found = pcre2_match(p->code, (PCRE2_SPTR)subject, text.n, 0, 0, md, p->limits) > group;
	at = pcre2_get_ovector_pointer(md) + 2 * (size_t)group;
	if (found && at[0] != PCRE2_UNSET && at[1] >= at[0])
		*out = (struct str){subject + at[0], at[1] - at[0]};
	pcre2_match_data_free(md);
	return out->p != NULL;
}

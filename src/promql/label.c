#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/re2.h"
#include "promql/promql_int.h"

/* Functions that look at labels instead of values. */

static bool name_fits(struct eval *ev, struct str name, const char *kind, const char *fn)
{
	struct sb b = SB_INIT;

	if (name.n > 0 && utf8_valid(name))
		return true;
	sb_putstr(&b, name);
	sb_putc(&b, '\0');
	ev_fail(ev, ERR_UNPROCESSED, "invalid %s label name in %s(): %s", kind, fn, b.p);
	sb_fini(&b);
	return false;
}

static struct str text_arg(const struct node *x, int i)
{
	return node_bare(x->arg[i])->string;
}

static struct str get(const struct labels *ls, struct str name)
{
	for (int i = 0; i < ls->n; i++)
		if (str_eq(ls->l[i].name, name))
			return ls->l[i].value;
	return STR_NULL;
}

static void set_label(struct eval *ev, struct series *s, struct str name, struct str value)
{
	s->labels = labels_with(ev, &s->labels, name, value);
	if (str_is(name, LABEL_NAME))
		s->drop_name = false;
}

/* ---- label_replace ---- */

static bool word_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* The group of that number or name, written to b; nothing if there is none. */
static void put_group(
        struct sb *b, const pcre2_code *code, const pcre2_match_data *md, struct str value, struct str name)
{
	const PCRE2_SIZE *o = pcre2_get_ovector_pointer((pcre2_match_data *)(uintptr_t)md);
	uint32_t groups = pcre2_get_ovector_count((pcre2_match_data *)(uintptr_t)md);
	char text[64];
	long i = 0;

	for (size_t k = 0; k < name.n && i >= 0; k++)
		i = name.p[k] >= '0' && name.p[k] <= '9' && i < 100000 ? i * 10 + (name.p[k] - '0') : -1;
	if (i < 0 && name.n < sizeof text) {
		memcpy(text, name.p, name.n);
		text[name.n] = '\0';
		i = pcre2_substring_number_from_name(code, (PCRE2_SPTR)text);
	}
	if (i >= 0 && i < (long)groups && o[2 * i] != PCRE2_UNSET && o[2 * i + 1] >= o[2 * i])
		sb_put(b, value.p + o[2 * i], o[2 * i + 1] - o[2 * i]);
}

/* $1, ${1}, $name, ${name}, $$; a name is as long as its letters, digits and underscores go. */
static void expand(struct sb *b, const pcre2_code *code, const pcre2_match_data *md, struct str value,
        struct str template)
{
	for (size_t i = 0; i < template.n;) {
		size_t from, to;
		bool brace;

		if (template.p[i] != '$') {
			sb_putc(b, template.p[i++]);
			continue;
		}
		if (i + 1 < template.n && template.p[i + 1] == '$') {
			sb_putc(b, '$');
			i += 2;
			continue;
		}
		brace = i + 1 < template.n && template.p[i + 1] == '{';
		from = to = i + 1 + brace;
		while (to < template.n && word_char(template.p[to]))
			to++;
		if (to == from || (brace && (to == template.n || template.p[to] != '}'))) {
			sb_putc(b, '$');
			i++;
			continue;
		}
		put_group(b, code, md, value, (struct str){template.p + from, to - from});
		i = to + brace;
	}
}

static void code_drop(void *p)
{
	pcre2_code_free(p);
}

static pcre2_code *compile(struct eval *ev, struct str pattern)
{
	struct sb b = SB_INIT;
	struct err e = ERR_INIT;
	int code;
	PCRE2_SIZE at;
	pcre2_code *re = NULL;

	if (re2_to_pcre(pattern, &b, &e) == 0)
		re = pcre2_compile((PCRE2_SPTR)(b.n > 0 ? b.p : ""), b.n, RE2_OPTIONS, &code, &at, NULL);
	sb_fini(&b);
	if (re == NULL)
		ev_fail(ev, ERR_UNPROCESSED, "invalid regular expression in label_replace(): " STR_FMT,
		        STR_ARG(pattern));
	else
		arena_cleanup(ev->a, code_drop, re);
	return re;
}

FN_RUN(fn_label_replace)
{
	struct str dst = text_arg(x, 1), template = text_arg(x, 2), src = text_arg(x, 3);
	struct vec *v = &out->vec;
	struct sb b = SB_INIT;
	pcre2_match_data *md = NULL;
	pcre2_match_context *limits = NULL;
	pcre2_code *re = NULL;

	eval_vector(ev, x->arg[0], g, v);
	if (ev->rc == 0)
		re = compile(ev, text_arg(x, 4));
	if (re == NULL || !name_fits(ev, dst, "destination", "label_replace"))
		return;
	md = pcre2_match_data_create_from_pattern(re, NULL);
	limits = pcre2_match_context_create(NULL);
	must(md != NULL && limits != NULL);
	pcre2_set_match_limit(limits, 100000);
	pcre2_set_heap_limit(limits, 4096);
	for (size_t i = 0; i < v->n && !ev_failed(ev); i++) {
		struct str value = get(&v->s[i].labels, src), made;

		if (value.p == NULL)
			value = STR_LIT("");
		if (pcre2_match(re, (PCRE2_SPTR)value.p, value.n, 0, 0, md, limits) < 0)
			continue;
		sb_reset(&b);
		expand(&b, re, md, value, template);
		if (b.failed) {
			ev_fail(ev, ERR_UNPROCESSED, "a label made by label_replace() is too long");
			break;
		}
		made = (struct str){arena_memdup(ev->a, b.n ? b.p : "", b.n), b.n};
		if (made.p == NULL)
			ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take");
		else
			set_label(ev, &v->s[i], dst, made);
	}
	sb_fini(&b);
	pcre2_match_data_free(md);
	pcre2_match_context_free(limits);
	vec_merge(ev, v, g->n);
}

FN_RUN(fn_label_join)
{
	struct str dst = text_arg(x, 1), separator = text_arg(x, 2);
	struct vec *v = &out->vec;
	struct sb b = SB_INIT;

	eval_vector(ev, x->arg[0], g, v);
	if (ev->rc != 0 || !name_fits(ev, dst, "destination", "label_join"))
		return;
	for (int i = 3; i < x->n_arg; i++)
		if (!name_fits(ev, text_arg(x, i), "source", "label_join"))
			return;
	for (size_t i = 0; i < v->n && !ev_failed(ev); i++) {
		struct str made;

		sb_reset(&b);
		for (int k = 3; k < x->n_arg; k++) {
			if (k > 3)
				sb_putstr(&b, separator);
			sb_putstr(&b, get(&v->s[i].labels, text_arg(x, k)));
		}
		made = (struct str){arena_memdup(ev->a, b.n ? b.p : "", b.n), b.n};
		if (made.p == NULL || b.failed)
			ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take");
		else
			set_label(ev, &v->s[i], dst, made);
	}
	sb_fini(&b);
	vec_merge(ev, v, g->n);
}

/* ---- sort_by_label ---- */

/* Natural order: runs of digits compare as numbers. */
static int natural_cmp(struct str a, struct str b)
{
	size_t i = 0, j = 0;

	while (i < a.n && j < b.n) {
		bool da = a.p[i] >= '0' && a.p[i] <= '9', db = b.p[j] >= '0' && b.p[j] <= '9';

		if (da && db) {
			size_t si, sj, ni, nj;
			int c;

			for (si = i; si < a.n && a.p[si] == '0';)
				si++;
			for (sj = j; sj < b.n && b.p[sj] == '0';)
				sj++;
			for (ni = si; ni < a.n && a.p[ni] >= '0' && a.p[ni] <= '9';)
				ni++;
			for (nj = sj; nj < b.n && b.p[nj] >= '0' && b.p[nj] <= '9';)
				nj++;
			if (ni - si != nj - sj)
				return ni - si < nj - sj ? -1 : 1;
			c = memcmp(a.p + si, b.p + sj, ni - si);
			if (c != 0)
				return c;
			/* Equal numbers: the one with fewer zeros before it comes first. */
			if (si - i != sj - j)
				return si - i < sj - j ? -1 : 1;
			i = ni;
			j = nj;
		} else {
			if (a.p[i] != b.p[j])
				return (unsigned char)a.p[i] < (unsigned char)b.p[j] ? -1 : 1;
			i++;
			j++;
		}
	}
	return (a.n - i > 0) - (b.n - j > 0);
}

static int by_label(const void *a, const void *b, void *call)
{
	const struct series *l = a, *r = b;
	const struct node *x = call;
	bool desc = str_is(str_of(x->fn->name), "sort_by_label_desc");
	int c = 0;

	for (int i = 1; i < x->n_arg && c == 0; i++)
		c = natural_cmp(get(&l->labels, text_arg(x, i)), get(&r->labels, text_arg(x, i)));
	if (c == 0)
		c = labels_cmp(&l->labels, &r->labels);
	return desc ? -c : c;
}

FN_RUN(fn_sort_by_label)
{
	eval_vector(ev, x->arg[0], g, &out->vec);
	for (int i = 1; i < x->n_arg && ev->rc == 0; i++)
		if (!name_fits(ev, text_arg(x, i), "sorting", x->fn->name))
			return;
	if (g->n > 1)
		ev_warn(ev, x,
		        "sort is ineffective for range queries since results are always ordered by labels");
	if (ev->rc != 0 || g->n != 1 || ev->step != 0)
		return;
	vec_compact(&out->vec, 1);
	if (out->vec.n > 1)
		qsort_r(out->vec.s, out->vec.n, sizeof *out->vec.s, by_label, (void *)(uintptr_t)x);
	out->vec.ordered = true;
}

/*
 * Labels that tell a site's series in the engine from those of other sites. They go out with each series, are
 * asked for with each question, and are taken off again; here nobody sees them. So is AFTER, of what was
 * written behind a deletion.
 *
 * A label of the site's own with the name of such a one goes out as exported_NAME, one of that name with one
 * more exported_, and so on: what comes back is to the letter what went.
 */
#include "series/remote_int.h"

#include "base/num.h"

#define EXPORTED "exported_"

/* Whether it is one of the outer names behind any number of exported_. */
static bool is_outer(const struct labels *outer, struct str name)
{
	for (;;) {
		if (str_is(name, AFTER))
			return true;
		for (int i = 0; i < outer->n; i++)
			if (str_eq(outer->l[i].name, name))
				return true;
		if (!str_starts(name, EXPORTED))
			return false;
		name = (struct str){name.p + strlen(EXPORTED), name.n - strlen(EXPORTED)};
	}
}

/* STR_NULL when the arena is full. */
static struct str name_out(const struct labels *outer, struct str name, struct arena *a)
{
	char *p;

	if (!is_outer(outer, name))
		return name;
	p = arena_printf(a, EXPORTED STR_FMT, STR_ARG(name));
	return p != NULL ? str_of(p) : STR_NULL;
}

bool remote_labels_out(const struct labels *outer, struct labels *ls, uint32_t after, struct arena *a)
{
	struct label *l = arena_array(a, (size_t)(ls->n + outer->n) + 1, sizeof(*l));
	struct err ignored = ERR_INIT;
	int n = 0;

	for (int i = 0; i < ls->n && l != NULL; i++) {
		l[n] = (struct label){name_out(outer, ls->l[i].name, a), ls->l[i].value};
		if (l[n++].name.p == NULL)
			return false;
	}
	for (int i = 0; i < outer->n && l != NULL; i++)
		l[n++] = outer->l[i];
	if (after != 0 && l != NULL) {
		l[n] = (struct label){STR_LIT(AFTER), str_of(arena_printf(a, "%u", after))};
		if (l[n++].value.p == NULL)
			return false;
	}
	*ls = (struct labels){l, n};
	return l != NULL && labels_sort(ls, &ignored) == 0;
}

static bool read_after(struct str value, uint32_t *after)
{
	int64_t n;

	if (!num_int(value, &n) || n < 1 || n > UINT32_MAX)
		return false;
	*after = (uint32_t)n;
	return true;
}

bool remote_labels_in(const struct labels *outer, struct labels *ls, uint32_t *after)
{
	struct err ignored = ERR_INIT;
	int found = 0, n = 0;

	*after = 0;
	for (int i = 0; i < ls->n; i++) {
		struct label x = ls->l[i];
		int k = 0;

		while (k < outer->n && !str_eq(outer->l[k].name, x.name))
			k++;
		if (k < outer->n && !str_eq(outer->l[k].value, x.value))
			return false;
		if (k < outer->n) {
			found++;
			continue;
		}
		if (str_is(x.name, AFTER)) {
			if (!read_after(x.value, after))
				return false;
			continue;
		}
		if (is_outer(outer, x.name))
			x.name = (struct str){x.name.p + strlen(EXPORTED), x.name.n - strlen(EXPORTED)};
		ls->l[n++] = x;
	}
	ls->n = n;
	return found == outer->n && labels_sort(ls, &ignored) == 0;
}

struct matcher *remote_matchers(struct series_remote *r, const struct series_query *q,
        const struct virtual_labels *virt, struct arena *a, int *n)
{
	struct matcher *m = arena_array(a, (size_t)(q->n + r->outer.n) + 2, sizeof(*m));
	bool any = false;

	*n = 0;
	for (int i = 0; i < q->n && m != NULL; i++) {
		if (remote_is_virtual(virt, q->m[i].name))
			continue;
		any |= !matcher_matches(&q->m[i], STR_NULL);
		m[*n] = q->m[i];
		m[*n].name = name_out(&r->outer, q->m[i].name, a);
		if (m[(*n)++].name.p == NULL)
			return NULL;
	}
	for (int i = 0; i < r->outer.n && m != NULL; i++, any = true)
		m[(*n)++] = (struct matcher){.name = r->outer.l[i].name, .value = r->outer.l[i].value};
	if (!any && m != NULL)
		m[(*n)++] =
		        (struct matcher){.op = MATCH_NE, .name = STR_LIT(LABEL_NAME), .value = STR_LIT("")};
	return m;
}

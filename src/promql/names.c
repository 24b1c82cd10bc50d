#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "promql/promql_int.h"

/* Label sets as values of a query: kept, cut, joined, counted, and numbers as text. */

bool label_is_reserved(struct str name)
{
	return name.n >= 8 && name.p[0] == '_' &&
	       (str_is(name, LABEL_NAME) || str_is(name, "__type__") || str_is(name, "__unit__"));
}

static bool listed(struct str name, const struct str *list, int n)
{
	for (int i = 0; i < n; i++)
		if (str_eq(name, list[i]))
			return true;
	return false;
}

static struct labels room(struct eval *ev, int n)
{
	struct labels out = {ev_array(ev, (size_t)n, sizeof *out.l), 0};

	return out;
}

struct labels labels_keep(struct eval *ev, const struct labels *ls, const struct str *name, int n)
{
	struct labels out = room(ev, ls->n < n ? ls->n : n);

	for (int i = 0; out.l != NULL && i < ls->n; i++)
		if (listed(ls->l[i].name, name, n))
			out.l[out.n++] = ls->l[i];
	return out;
}

struct labels labels_without(
        struct eval *ev, const struct labels *ls, const struct str *name, int n, bool unname)
{
	struct labels out = room(ev, ls->n);

	for (int i = 0; out.l != NULL && i < ls->n; i++)
		if (!listed(ls->l[i].name, name, n) && !(unname && label_is_reserved(ls->l[i].name)))
			out.l[out.n++] = ls->l[i];
	return out;
}

struct labels labels_unnamed(struct eval *ev, const struct labels *ls)
{
	return labels_without(ev, ls, NULL, 0, true);
}

struct labels labels_with(struct eval *ev, const struct labels *ls, struct str name, struct str value)
{
	struct labels out = room(ev, ls->n + 1);
	bool placed = value.n == 0;

	for (int i = 0; out.l != NULL && i < ls->n; i++) {
		int c = str_cmp(ls->l[i].name, name);

		if (c >= 0 && !placed) {
			out.l[out.n++] = (struct label){name, value};
			placed = true;
		}
		if (c != 0)
			out.l[out.n++] = ls->l[i];
	}
	if (out.l != NULL && !placed)
		out.l[out.n++] = (struct label){name, value};
	return out;
}

void labels_text(struct sb *b, const struct labels *ls)
{
	sb_putc(b, '{');
	for (int i = 0; i < ls->n; i++) {
		if (i > 0)
			sb_puts(b, ", ");
		if (label_name_valid(ls->l[i].name))
			sb_putstr(b, ls->l[i].name);
		else
			label_quote(b, ls->l[i].name);
		sb_putc(b, '=');
		label_quote(b, ls->l[i].value);
	}
	sb_putc(b, '}');
}

static bool map_grow(struct eval *ev, struct label_map *m)
{
	size_t cap = m->cap ? m->cap * 2 : 64;
	uint32_t *slot = ev_array(ev, cap, sizeof *slot);

	if (slot == NULL)
		return false;
	for (size_t i = 0; i < m->n; i++) {
		size_t at = (size_t)m->hash[i] & (cap - 1);

		while (slot[at] != 0)
			at = (at + 1) & (cap - 1);
		slot[at] = (uint32_t)i + 1;
	}
	m->slot = slot;
	m->cap = cap;
	return true;
}

/* Where the set stands, or the free slot where it would. */
static size_t map_slot(const struct label_map *m, const struct labels *key, uint64_t h)
{
	size_t at = (size_t)h & (m->cap - 1);

	while (m->slot[at] != 0) {
		uint32_t i = m->slot[at] - 1;

		if (m->hash[i] == h && labels_equal(&m->key[i], key))
			break;
		at = (at + 1) & (m->cap - 1);
	}
	return at;
}

uint32_t label_map_find(const struct label_map *m, const struct labels *key)
{
	size_t at = m->n > 0 ? map_slot(m, key, labels_hash(key)) : 0;

	return m->n > 0 && m->slot[at] != 0 ? m->slot[at] - 1 : UINT32_MAX;
}

uint32_t label_map_get(struct eval *ev, struct label_map *m, const struct labels *key, bool *is_new)
{
	uint64_t h = labels_hash(key);
	size_t at;

	*is_new = false;
	if (ev->rc != 0 || (m->n * 2 >= m->cap && !map_grow(ev, m)))
		return UINT32_MAX;
	at = map_slot(m, key, h);
	if (m->slot[at] != 0)
		return m->slot[at] - 1;
	m->hash = arena_grow(ev->a, m->hash, &m->hash_cap, m->n + 1, sizeof *m->hash);
	m->key = arena_grow(ev->a, m->key, &m->keys_cap, m->n + 1, sizeof *m->key);
	if (m->hash == NULL || m->key == NULL) {
		ev_fail(ev, ERR_NOMEM, "the query needs more memory than it may take; ask for fewer series");
		return UINT32_MAX;
	}
	m->hash[m->n] = h;
	m->key[m->n] = *key;
	m->slot[at] = (uint32_t)m->n + 1;
	*is_new = true;
	return (uint32_t)m->n++;
}

size_t format_g(double v, char *buf)
{
	double a = fabs(v);

	if (v == 0 || !isfinite(v) || (a >= 1e-4 && a < 1e6))
		return num_format_plain(v, buf);
	for (int digits = 0;; digits++) {
		int n = snprintf(buf, 40, "%.*e", digits, v);

		if (digits == 17 || strtod(buf, NULL) == v)
			return (size_t)n;
	}
}

/* Every function that reads records, asked by every kind of reader about every record: nothing from outside
 * of the scope, no value of a hidden field, no order by one. */
#include "city/record_int.h"
#include "base/seal.h"
#include "mini.h"

#include <math.h>

static const char *const regions[] = {"", "1001", "1002", "1002001"};
static const char *const orgs[] = {"", "works", "works-1001", "water"};
static const char *const kinds[] = {"park", "firm", "informer"};
#define RECORDS 16 /* of a kind: one for each region and org */

struct town_of {
	struct mini *m;
	const char *code[ARRAY_LEN(kinds)][RECORDS];
};
static const char *region_of(int i)
{
	return regions[i / 4];
}
static const char *org_of(int i)
{
	return orgs[i % 4];
}

static int put_all(struct store_tx *tx, void *arg, struct err *e)
{
	struct town_of *t = arg;
	struct mini *m = t->m;
	struct arena *a = store_arena(tx);
	const struct snapshot *s = registry_hold(m->s->registry);
	const struct record_door d = {.catalog = m->s->catalog, .snapshot = s, .by = &m->desk, .pack = ""};
	int rc = 0;

	for (int k = 0; k < (int)ARRAY_LEN(kinds); k++)
		for (int i = 0; i < RECORDS && rc == 0; i++) {
			enum record_verdict verdict;
			struct doc *doc = NULL;
			const char *text = arena_printf(a, "{\"about\":\"firm%02d\",\"note\":\"线索\"}", i);

			if (k == 0)
				text = arena_printf(a, "{\"note\":\"甲%d\"}", i);
			else if (k == 1)
				text = arena_printf(a,
				        "{\"park\":\"park%02d\",\"staff\":%d,\"boss\":\"密一%d\",\"phone\":"
				        "\"密二%d\","
				        "\"arrears\":%d,\"grade\":\"a\",\"watch\":\"park00\"}",
				        i, 100 - i, i, i, i);
			rc = doc_parse_json(a, str_of(text), "test", &doc, e);
			if (rc == 0)
				rc = record_put(tx, &d,
				        &(struct record_in){.kind = kinds[k],
				                .code = t->code[k][i],
				                .name = arena_printf(a, "名%s", t->code[k][i]),
				                .region = region_of(i),
				                .org = org_of(i),
				                .at = {120, 33},
				                .attrs = doc},
				        -1, NULL, &verdict, e);
		}
	registry_release(m->s->registry, s);
	return rc;
}

static bool begins_one(const char *const *list, const char *code)
{
	bool found = list == NULL || *code == '\0';

	for (; list != NULL && *list != NULL; list++)
		found |= strncmp(code, *list, strlen(*list)) == 0;
	return found;
}

static bool sees(const struct mini *m, const struct who *w, int kind, int i)
{
	return catalog_kind(m->s->catalog, kinds[kind])->secrecy <= w->scope.clearance &&
	       begins_one(w->scope.regions, region_of(i)) && begins_one(w->scope.orgs, org_of(i));
}

static int count_seen(const struct mini *m, const struct who *w, int kind)
{
	int n = 0;

	for (int i = 0; i < RECORDS; i++)
		n += sees(m, w, kind, i);
	return n;
}

/* All pages of a list; each record of it is seen, and each that is seen is in it. */
static void look_at_list(struct town_of *t, struct store_tx *tx, const struct who *w, int kind,
        struct record_query *q, const struct record__limits *limits)
{
	struct arena *a = arena_new(0);
	int n = 0;

	for (int pages = 0; pages < 100; pages++) {
		struct record_page page;
		struct err e = ERR_INIT;

		if (!check_ok(record__list(tx, a, w, q, limits, &page, &e), &e))
			break;
		check(page.count < 0 || page.count <= count_seen(t->m, w, kind));
		for (int i = 0; i < page.n; i++)
			check(record__seen(q->kind, w, &page.row[i]));
		n += page.n;
		q->cursor = page.next;
		if (page.next == NULL)
			break;
		check(seal_is_sealed(str_of(page.next))); /* it tells nothing of where it stands */
	}
	check_eq_i(n, count_seen(t->m, w, kind));
	arena_free(&a);
}

static void look_at_lists(struct town_of *t, struct store_tx *tx, const struct who *w, int kind)
{
	static const struct record__limits limits[] = {{1000, 1000, 200}, {1, 2, 1}};
	const struct kind *k = catalog_kind(t->m->s->catalog, kinds[kind]);
	struct record_query q = {.kind = k, .limit = 3};
	struct arena *a = arena_new(0);
	struct record_page page;

	if (k->secrecy > w->scope.clearance) {
		check_err(record_list(tx, a, w, &q, &page, NULL), ERR_NOTFOUND);
		arena_free(&a);
		return;
	}
	for (size_t l = 0; l < ARRAY_LEN(limits); l++) {
		for (int own = 0; own < OWN_FIELDS; own++)
			for (int down = 0; down < 2; down++) {
				q = (struct record_query){
				        .kind = k, .limit = 3, .own = (enum record_own)own, .down = down};
				look_at_list(t, tx, w, kind, &q, &limits[l]);
				q.cursor = NULL;
				check_ok(record_query_box(&q, "119,32,121,34", NULL), NULL);
				look_at_list(t, tx, w, kind, &q, &limits[l]);
			}
		for (int i = 0; i < k->fields; i++) {
			const struct field *f = &k->field[i];
			const char *down = arena_printf(a, "-%s", f->key);

			q = (struct record_query){.kind = k, .limit = 3};
			if (record_query_sort(&q, w, down, NULL) == 0) {
				check(!field_hidden(f, w->scope.clearance) && !field_veiled(f));
				look_at_list(t, tx, w, kind, &q, &limits[l]);
			} else if (f->in_list && !field_hidden(f, w->scope.clearance)) {
				check(field_veiled(f) || f->many);
			}
		}
	}
	arena_free(&a);
}

/* A hidden field is not asked for in any way; what it holds is not in the full text. */
static void look_at_fields(struct town_of *t, struct store_tx *tx, const struct who *w, int kind)
{
	static const char *const asked[] = {"1", "1..5", "-", "a", "park00", "密一1"};
	const struct kind *k = catalog_kind(t->m->s->catalog, kinds[kind]);
	const struct snapshot *s = registry_hold(t->m->s->registry);
	struct arena *a = arena_new(0);
	struct record_page page;

	for (int i = 0; i < k->fields; i++)
		for (size_t n = 0; n < ARRAY_LEN(asked); n++) {
			const struct field *f = &k->field[i];
			struct record_query q = {.kind = k, .limit = 3};
			struct err e = ERR_INIT;

			if (!field_hidden(f, w->scope.clearance))
				continue;
			check_err(record_query_add(a, &q, t->m->s->catalog, s, w, f->key, asked[n], &e),
			        ERR_DENIED);
			check_err(record_query_sort(&q, w, f->key, &e), ERR_DENIED);
		}
	for (int i = 0; i < 2 && k->secrecy <= w->scope.clearance; i++) {
		struct record_query q = {.kind = k, .limit = 3, .q = i == 0 ? "密一" : "密二"};

		check_ok(record_list(tx, a, w, &q, &page, NULL), NULL);
		check_eq_i(page.n, 0);
		check_eq_i(page.count, 0);
	}
	arena_free(&a);
	registry_release(t->m->s->registry, s);
}

static void look_at_record(struct town_of *t, struct store_tx *tx, const struct who *w, int kind, int i)
{
	const struct catalog *c = t->m->s->catalog;
	const struct kind *k = catalog_kind(c, kinds[kind]);
	const char *code = t->code[kind][i];
	const int want = sees(t->m, w, kind, i) ? 0 : ERR_NOTFOUND;
	struct arena *a = arena_new(0);
	struct record_relation *rel = NULL;
	struct record r, *list = NULL;
	struct record_page page;
	struct record_query q = {.kind = k, .limit = 3, .q = code};
	int n = 0;

	check_eq_i(record_get(tx, a, c, w, kinds[kind], code, &r, NULL), want);
	check_eq_i(record_as_of(tx, a, c, w, kinds[kind], code, store_now(tx), &r, NULL), want);
	check_eq_i(record_history(tx, a, c, w, kinds[kind], code, 0, 9, &list, &n, NULL), want);
	check_eq_i(record_relations(tx, a, c, w, kinds[kind], code, &rel, &n, NULL), want);
	for (int x = 0; want == 0 && x < n; x++) {
		int seen = 0, from = strcmp(rel[x].kind->code, "firm") == 0 ? 1 : 2;

		check(!field_hidden(rel[x].field, w->scope.clearance));
		check(rel[x].kind->secrecy <= w->scope.clearance);
		if (strcmp(rel[x].field->key, "watch") == 0)
			seen = count_seen(t->m, w, from);
		else
			seen = sees(t->m, w, from, i);
		check_eq_i(rel[x].count, seen);
	}
	if (k->secrecy <= w->scope.clearance && check_ok(record_list(tx, a, w, &q, &page, NULL), NULL)) {
		check_eq_i(page.n, want == 0);
		check_eq_i(page.count, want == 0);
	}
	arena_free(&a);
}

LONG_MINI(nothing_is_told, false)
{
	static const char *const east[] = {"1001", NULL}, *const west[] = {"1002", NULL},
	                         *const works[] = {"works", NULL},
	                         *const both[] = {"works-1001", "water", NULL};
	static const char *const *const region_scope[] = {NULL, east, west};
	static const char *const *const org_scope[] = {NULL, works, both};
	struct town_of t = {.m = m};
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;

	for (int k = 0; k < (int)ARRAY_LEN(kinds); k++)
		for (int i = 0; i < RECORDS; i++)
			t.code[k][i] = arena_printf(m->a, "%s%02d", kinds[k], i);
	if (!check_ok(store_write(m->s->store, "test", put_all, &t, &e), &e) ||
	        !check_ok(store_read_begin(m->s->store, "test", &tx, &e), &e))
		return;
	for (int reader = 0; reader < 4 * 3 * 3; reader++) {
		struct who w = m->desk;

		w.scope.clearance = 1 + reader % 4;
		w.scope.regions = region_scope[reader / 4 % 3];
		w.scope.orgs = org_scope[reader / 12];
		for (int k = 0; k < (int)ARRAY_LEN(kinds); k++) {
			look_at_lists(&t, tx, &w, k);
			look_at_fields(&t, tx, &w, k);
			for (int i = 0; i < RECORDS; i++)
				look_at_record(&t, tx, &w, k, i);
		}
	}
	store_read_end(&tx);
}

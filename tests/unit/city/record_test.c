#include "city/record.h"
#include "base/json.h"
#include "city/record_int.h"
#include "mini.h"
#include "store/sql.h"

#include <math.h>
#include <pthread.h>

/* ---- writing and reading in one line each ---- */

struct write {
	struct mini *m;
	const struct who *by;
	const char *kind, *code, *json;
	const struct doc *patch;
	int64_t rev;
	enum { PUT, PATCH, TRY, REMOVE, RESTORE } what;
	bool blind; /* without a snapshot, as a pack comes in */
	const char *pack;
	struct record out;
	enum record_verdict verdict;
};

static struct geo_point point_of(const struct doc *d)
{
	return (struct geo_point){doc_double(d, "lon", NAN), doc_double(d, "lat", NAN)};
}

static int do_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct write *w = arg;
	struct mini *m = w->m;
	const struct snapshot *s = registry_hold(m->s->registry);
	const struct record_door d = {.catalog = m->s->catalog,
	        .snapshot = w->blind ? NULL : s,
	        .by = w->by,
	        .pack = w->pack != NULL ? w->pack : ""};
	struct record_in in = {.kind = w->kind,
	        .code = doc_str(w->patch, "code", ""),
	        .name = doc_str(w->patch, "name", ""),
	        .name_en = doc_str(w->patch, "name_en", ""),
	        .state = doc_str(w->patch, "state", ""),
	        .org = doc_str(w->patch, "org", ""),
	        .region = doc_str(w->patch, "region", ""),
	        .at = point_of(w->patch),
	        .attrs = doc_get(w->patch, "attrs")};
	int rc = 0;

	w->out = (struct record){.code = ""};
	if (w->what == REMOVE)
		rc = record_remove(tx, &d, w->kind, w->code, w->rev, e);
	else if (w->what == RESTORE)
		rc = record_restore(tx, &d, w->kind, w->code, w->rev, &w->out, e);
	else if (w->what == PATCH)
		rc = record_patch(tx, &d, w->kind, w->patch, &in, e);
	if (rc == 0 && w->what == TRY)
		rc = record_try(tx, &d, &in, &w->out, &w->verdict, e);
	else if (rc == 0 && (w->what == PUT || w->what == PATCH))
		rc = record_put(tx, &d, &in, w->rev, &w->out, &w->verdict, e);
	registry_release(m->s->registry, s);
	return rc;
}

/* What the last write was refused for: "CODE field". */
static const char *refused = "";
static struct err last;

static int run(struct write *w)
{
	struct doc *doc = NULL;
	int rc;

	last = (struct err)ERR_INIT;
	if (w->json != NULL &&
	        !check_ok(doc_parse_json(w->m->a, str_of(w->json), "test", &doc, &last), &last))
		return ERR_INVALID;
	w->patch = doc;
	rc = store_write(w->m->s->store, "test", do_write, w, &last);
	refused = rc < 0 ? arena_printf(w->m->a, "%s %s", err_name(rc), last.field) : "";
	return rc;
}

static int put(struct mini *m, const struct who *by, const char *kind, const char *json)
{
	return run(&(struct write){.m = m, .by = by, .kind = kind, .json = json, .rev = -1, .what = PUT});
}

static int patch(struct mini *m, const struct who *by, const char *kind, const char *json)
{
	return run(&(struct write){.m = m, .by = by, .kind = kind, .json = json, .rev = -1, .what = PATCH});
}

static int drop(struct mini *m, const struct who *by, const char *kind, const char *code)
{
	return run(&(struct write){.m = m, .by = by, .kind = kind, .code = code, .rev = -1, .what = REMOVE});
}

static int restore(struct mini *m, const struct who *by, const char *kind, const char *code, int64_t rev)
{
	return run(
	        &(struct write){.m = m, .by = by, .kind = kind, .code = code, .rev = rev, .what = RESTORE});
}

/* Everything of a record that a reader is given, as one text; "CODE" where it is refused. */
static const char *show(struct mini *m, const struct record *r)
{
	return arena_printf(m->a, "%s %lld %s|%s|%s|%s%s", r->code, (long long)r->rev, r->name, r->region,
	        r->state, r->attrs, r->gone ? " gone" : "");
}

static const char *get(struct mini *m, const struct who *who, const char *kind, const char *code)
{
	struct store_tx *tx = NULL;
	struct record r;
	const char *out = "";
	int rc;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return "";
	rc = record_get(tx, m->a, m->s->catalog, who, kind, code, &r, NULL);
	out = rc < 0 ? err_name(rc) : show(m, &r);
	store_read_end(&tx);
	return out;
}

static const char *as_of(
        struct mini *m, const struct who *who, const char *kind, const char *code, const char *at)
{
	struct store_tx *tx = NULL;
	struct record r;
	const char *out = "";
	int rc;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return "";
	rc = record_as_of(tx, m->a, m->s->catalog, who, kind, code, mini_at(at), &r, NULL);
	out = rc < 0 ? err_name(rc) : show(m, &r);
	store_read_end(&tx);
	return out;
}

/* "3:name 2:name 1:name", page by page of `limit`. */
static const char *history(
        struct mini *m, const struct who *who, const char *kind, const char *code, int limit)
{
	struct store_tx *tx = NULL;
	struct record *v;
	const char *out = "";
	int64_t before = 0;
	int n = limit, rc = 0;

	if (!check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL))
		return "";
	while (rc == 0 && n == limit) {
		rc = record_history(tx, m->a, m->s->catalog, who, kind, code, before, limit, &v, &n, NULL);
		for (int i = 0; i < n && rc == 0; i++) {
			out = arena_printf(m->a, "%s%s%lld:%s%s", out, *out ? " " : "", (long long)v[i].rev,
			        v[i].name, v[i].gone ? "!" : "");
			before = v[i].rev;
		}
	}
	if (rc < 0)
		out = err_name(rc);
	store_read_end(&tx);
	return out;
}

/* Codes of a list by blanks, page by page; conditions "size=l&staff=1..5", sort, q: NULL or as the API takes
 * them. count: of the first page, may be NULL. */
struct ask {
	const char *kind, *where, *sort, *q;
	int limit; /* 0: 100 */
};

static int ask_query(struct mini *m, struct store_tx *tx, const struct snapshot *s, const struct who *who,
        const struct ask *ask, struct record_query *q, struct err *e)
{
	struct str rest = ask->where != NULL ? str_of(ask->where) : STR_NULL;
	int rc;

	(void)tx;
	*q = (struct record_query){.kind = catalog_kind(m->s->catalog, ask->kind),
	        .q = ask->q,
	        .limit = ask->limit > 0 ? ask->limit : 100};
	rc = record_query_sort(q, who, ask->sort, e);
	while (rc == 0 && rest.n > 0) {
		struct str one = str_cut(&rest, '&'), name = str_cut(&one, '=');

		if (str_is(name, "box"))
			rc = record_query_box(q, arena_strndup(m->a, one.p, one.n), e);
		else
			rc = record_query_add(m->a, q, m->s->catalog, s, who,
			        arena_strndup(m->a, name.p, name.n), arena_strndup(m->a, one.p, one.n), e);
	}
	return rc;
}

static const char *list_of(struct mini *m, const struct who *who, const struct ask *ask, int64_t *count)
{
	const struct snapshot *s = registry_hold(m->s->registry);
	struct store_tx *tx = NULL;
	struct record_query q;
	const char *out = "";
	int rc, pages = 0;

	last = (struct err)ERR_INIT;
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	rc = ask_query(m, tx, s, who, ask, &q, &last);
	while (rc == 0) {
		struct record_page page;

		rc = record_list(tx, m->a, who, &q, &page, &last);
		if (rc < 0)
			break;
		for (int i = 0; i < page.n; i++)
			out = arena_printf(m->a, "%s%s%s", out, *out ? " " : "", page.row[i].code);
		if (count != NULL && q.cursor == NULL)
			*count = page.count;
		q.cursor = page.next;
		if (page.next == NULL || !check(++pages < 1000))
			break;
	}
	if (rc < 0)
		out = arena_printf(m->a, "%s %s", err_name(rc), last.field);
	store_read_end(&tx);
	registry_release(m->s->registry, s);
	return out;
}
#define LIST(who, ...) list_of(m, who, &(struct ask){__VA_ARGS__}, NULL)

static struct who reader(int clearance, const char *const *regions, const char *const *orgs)
{
	return (struct who){.account = 1,
	        .login = "reader",
	        .name = "reader",
	        .org = "",
	        .roles = ROLE_DESK,
	        .scope = {.clearance = clearance, .regions = regions, .orgs = orgs},
	        .csrf = ""};
}
static const char *const east_only[] = {"1001", NULL};
static const char *const works_only[] = {"works", NULL};

/* ---- one record's life ---- */

MINI(adds_changes_removes_and_restores, false)
{
	struct write w = {.m = m, .by = &m->desk, .kind = "firm", .rev = 0, .what = PUT};

	w.json = "{\"code\":\"F-1\",\"name\":\"一厂\",\"attrs\":{\"staff\":\"1,200\",\"size\":\"大型\"}}";
	check_ok(run(&w), &last);
	check_eq_i(w.verdict, RECORD_NEW);
	check_eq_i(w.out.rev, 1);
	check_eq_s(get(m, &m->desk, "firm", "F-1"), "F-1 1 一厂||open|{\"staff\":1200,\"size\":\"l\"}");
	check_err(run(&w), ERR_PRECONDITION); /* there must be none */
	w.rev = 1;
	check_ok(run(&w), &last);
	check_eq_i(w.verdict, RECORD_SAME);
	mini_set(m, "2026-07-14T09:00:00+08:00");
	w.json = "{\"code\":\"F-1\",\"name\":\"第一厂\",\"state\":\"注销\",\"attrs\":{\"staff\":3}}";
	check_ok(run(&w), &last);
	check_eq_i(w.verdict, RECORD_CHANGED);
	check_eq_s(get(m, &m->desk, "firm", "F-1"), "F-1 2 第一厂||closed|{\"staff\":3}");
	check_err(run(&w), ERR_PRECONDITION); /* rev 1 is past */
	mini_set(m, "2026-07-14T10:00:00+08:00");
	check_ok(patch(m, &m->worker, "firm", "{\"code\":\"F-1\",\"attrs\":{\"size\":\"m\"}}"), &last);
	check_eq_s(get(m, &m->desk, "firm", "F-1"), "F-1 3 第一厂||closed|{\"staff\":3,\"size\":\"m\"}");
	check_ok(patch(m, &m->worker, "firm", "{\"code\":\"F-1\",\"attrs\":{\"staff\":null}}"), &last);
	check_eq_s(get(m, &m->desk, "firm", "F-1"), "F-1 4 第一厂||closed|{\"size\":\"m\"}");

	mini_set(m, "2026-07-14T11:00:00+08:00");
	check_err(run(&(struct write){
	                  .m = m, .by = &m->desk, .kind = "firm", .code = "F-1", .rev = 3, .what = REMOVE}),
	        ERR_PRECONDITION);
	check_ok(drop(m, &m->desk, "firm", "F-1"), &last);
	check_eq_s(get(m, &m->desk, "firm", "F-1"), "NOTFOUND");
	check_err(drop(m, &m->desk, "firm", "F-1"), ERR_NOTFOUND);
	check_eq_s(LIST(&m->desk, "firm"), "");
	for (int limit = 1; limit <= 6; limit++)
		check_eq_s(history(m, &m->desk, "firm", "F-1", limit),
		        "5:第一厂! 4:第一厂 3:第一厂 2:第一厂 1:一厂");
	mini_set(m, "2026-07-14T12:00:00+08:00");
	check_err(restore(m, &m->desk, "firm", "F-1", 5), ERR_NOTFOUND); /* the removal */
	check_err(restore(m, &m->desk, "firm", "F-1", 9), ERR_NOTFOUND);
	check_ok(restore(m, &m->desk, "firm", "F-1", 1), &last);
	check_eq_s(get(m, &m->desk, "firm", "F-1"), "F-1 6 一厂||open|{\"staff\":1200,\"size\":\"l\"}");
	check_eq_s(LIST(&m->desk, "firm", "staff=1200"), "F-1");
	check_eq_s(LIST(&m->desk, "firm", .q = "一厂"), "F-1");

	check_eq_s(as_of(m, &m->desk, "firm", "F-1", "2026-07-14T07:59:00+08:00"), "NOTFOUND");
	check_has(as_of(m, &m->desk, "firm", "F-1", "2026-07-14T08:30:00+08:00"), "F-1 1 一厂");
	check_has(as_of(m, &m->desk, "firm", "F-1", "2026-07-14T09:00:00+08:00"), "F-1 2 第一厂");
	check_has(as_of(m, &m->desk, "firm", "F-1", "2026-07-14T10:30:00+08:00"), "F-1 4 第一厂");
	check_eq_s(as_of(m, &m->desk, "firm", "F-1", "2026-07-14T11:30:00+08:00"), "NOTFOUND");
	check_has(as_of(m, &m->desk, "firm", "F-1", "2026-07-14T12:30:00+08:00"), "F-1 6 一厂");
	/* Two things came with the pack. */
	check_eq_s(mini_kinds(m, "record."), "added added added changed changed changed removed restored");
}

MINI(refuses_what_cannot_be, false)
{
#define REFUSED(json, words)                                                                                 \
	do {                                                                                                 \
		(void)put(m, &m->desk, "firm", json);                                                        \
		check_eq_s(refused, words);                                                                  \
	} while (0)
	REFUSED("{\"code\":\"a b\",\"name\":\"x\"}", "INVALID code");
	REFUSED("{\"name\":\"x\"}", "INVALID code");
	REFUSED("{\"code\":\"F\"}", "INVALID name");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"state\":\"lost\"}", "INVALID state");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"region\":\"99\"}", "INVALID region");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"org\":\"99\"}", "INVALID org");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"lon\":1}", "INVALID lon");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"lon\":1,\"lat\":91}", "INVALID lon");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"attrs\":{\"colour\":1}}", "INVALID colour");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"attrs\":[1,2]}", "INVALID attrs");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"attrs\":{\"park\":\"P-9\"}}", "INVALID park");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"attrs\":{\"seats\":[\"1001\",\"9\"]}}", "INVALID seats");
	REFUSED("{\"code\":\"F\",\"name\":\"x\",\"attrs\":{\"minder\":\"9\"}}", "INVALID minder");
#undef REFUSED
	check_err(put(m, &m->desk, "nothing", "{\"code\":\"F\",\"name\":\"x\"}"), ERR_INVALID);
	check_eq_s(refused, "INVALID kind");
	check_err(put(m, &m->viewer, "firm", "{\"code\":\"F\",\"name\":\"x\"}"), ERR_DENIED);
	check_err(put(m, &m->worker, "informer", "{\"code\":\"F\",\"name\":\"x\"}"), ERR_DENIED);
	check_err(patch(m, &m->desk, "firm", "{\"code\":\"F\",\"name\":\"x\",\"attrs\":[1]}"), ERR_INVALID);
	check_eq_s(refused, "INVALID attrs");
	check_ok(put(m, &m->desk, "firm",
	                 "{\"code\":\"F\",\"name\":\"x\",\"region\":\"东区\",\"org\":\"住建局\"}"),
	        &last);
	check_has(get(m, &m->desk, "firm", "F"), "F 1 x|1001|open");
	check_eq_s(LIST(&m->desk, "firm", "org=works"), "F");
	check_eq_s(LIST(&m->desk, "firm"), "F");
}

/* However a key was typed, it is the same record. */
MINI(a_key_field_gives_the_code, false)
{
	check_ok(put(m, &m->desk, "firm", "{\"name\":\"x\",\"attrs\":{\"uscc\":\" 91320902ma1a2b3c6d \"}}"),
	        &last);
	check_ok(put(m, &m->desk, "firm",
	                 "{\"name\":\"y\",\"attrs\":{\"uscc\":\"９１３２０９０２ MA1A2B3C6D\"}}"),
	        &last);
	check_ok(patch(m, &m->desk, "firm",
	                 "{\"name_en\":\"Z\",\"attrs\":{\"uscc\":\"91320902-MA1A2B3C6d\"}}"),
	        &last);
	check_eq_s(LIST(&m->desk, "firm"), "91320902MA1A2B3C6D");
	check_eq_s(history(m, &m->desk, "firm", "91320902MA1A2B3C6D", 9), "3:y 2:y 1:x");
}

MINI(unique_values, false)
{
	/* Longer than what a key holds: two that begin alike come before the one that is the same. */
	static const char long_name[] = "盐城市城南新区某某路建筑安装工程有限责任公司第一百零一分公司";

	check_ok(put(m, &m->desk, "firm",
	                 arena_printf(m->a, "{\"code\":\"A\",\"name\":\"a\",\"attrs\":{\"title\":\"%s甲\"}}",
	                         long_name)),
	        &last);
	check_ok(put(m, &m->desk, "firm",
	                 arena_printf(m->a, "{\"code\":\"B\",\"name\":\"b\",\"attrs\":{\"title\":\"%s乙\"}}",
	                         long_name)),
	        &last);
	check_err(put(m, &m->desk, "firm",
	                  arena_printf(m->a, "{\"code\":\"C\",\"name\":\"c\",\"attrs\":{\"title\":\"%s甲\"}}",
	                          long_name)),
	        ERR_CONFLICT);
	check_eq_s(refused, "CONFLICT title");
	check_err(put(m, &m->desk, "firm",
	                  arena_printf(m->a, "{\"code\":\"C\",\"name\":\"c\",\"attrs\":{\"title\":\"%s乙\"}}",
	                          long_name)),
	        ERR_CONFLICT);
	check_ok(put(m, &m->desk, "firm",
	                 arena_printf(m->a, "{\"code\":\"A\",\"name\":\"aa\",\"attrs\":{\"title\":\"%s甲\"}}",
	                         long_name)),
	        &last);
	check_ok(drop(m, &m->desk, "firm", "A"), &last);
	check_ok(put(m, &m->desk, "firm",
	                 arena_printf(m->a, "{\"code\":\"C\",\"name\":\"c\",\"attrs\":{\"title\":\"%s甲\"}}",
	                         long_name)),
	        &last);
	/* An earlier version may have a value that another record has got since. */
	check_err(restore(m, &m->desk, "firm", "A", 1), ERR_CONFLICT);
	check_eq_s(refused, "CONFLICT title");
}

MINI(things_have_codes_of_their_own, false)
{
	check_err(put(m, &m->desk, "valve", "{\"code\":\"S-1\",\"name\":\"x\"}"), ERR_CONFLICT);
	check_eq_s(refused, "CONFLICT code");
	check_has(last.text, "sensor");
	check_ok(put(m, &m->desk, "park", "{\"code\":\"S-1\",\"name\":\"x\"}"), &last); /* is no thing */
	check_ok(put(m, &m->desk, "valve", "{\"code\":\"V-1\",\"name\":\"x\"}"), &last);
	check_ok(drop(m, &m->desk, "valve", "V-1"), &last);
}

MINI(references_hold, false)
{
	check_ok(put(m, &m->desk, "park", "{\"code\":\"P-1\",\"name\":\"园\"}"), &last);
	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F-1\",\"name\":\"x\",\"attrs\":{\"park\":\"P-1\"}}"),
	        &last);
	check_err(drop(m, &m->desk, "park", "P-1"), ERR_CONFLICT);
	check_has(last.text, "firm");
	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F-1\",\"name\":\"x\"}"), &last);
	check_ok(drop(m, &m->desk, "park", "P-1"), &last);
	check_err(restore(m, &m->desk, "firm", "F-1", 1), ERR_INVALID); /* the park is no more */
	check_eq_s(refused, "INVALID park");
	check_ok(restore(m, &m->desk, "park", "P-1", 1), &last);
	check_ok(restore(m, &m->desk, "firm", "F-1", 1), &last);
	check_err(drop(m, &m->desk, "park", "P-1"), ERR_CONFLICT);
}

MINI(a_tree_has_no_cycles, false)
{
	check_err(put(m, &m->desk, "plot", "{\"code\":\"a\",\"name\":\"a\",\"attrs\":{\"above\":\"a\"}}"),
	        ERR_INVALID);
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"a\",\"name\":\"a\"}"), &last);
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"b\",\"name\":\"b\",\"attrs\":{\"above\":\"a\"}}"),
	        &last);
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"c\",\"name\":\"c\",\"attrs\":{\"above\":\"b\"}}"),
	        &last);
	check_err(put(m, &m->desk, "plot", "{\"code\":\"a\",\"name\":\"a\",\"attrs\":{\"above\":\"c\"}}"),
	        ERR_INVALID);
	check_eq_s(refused, "INVALID above");
	check_err(put(m, &m->desk, "plot", "{\"code\":\"a\",\"name\":\"a\",\"attrs\":{\"above\":\"a\"}}"),
	        ERR_INVALID);
	/* c lay below b; now b is to lie below c, and what c was comes back. */
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"c\",\"name\":\"c\"}"), &last);
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"b\",\"name\":\"b\",\"attrs\":{\"above\":\"c\"}}"),
	        &last);
	check_err(restore(m, &m->desk, "plot", "c", 1), ERR_INVALID);
	check_err(drop(m, &m->desk, "plot", "c"), ERR_CONFLICT);
	for (int i = 0; i < 63; i++)
		check_ok(put(m, &m->desk, "plot",
		                 i == 0 ? "{\"code\":\"t0\",\"name\":\"t\"}"
		                        : arena_printf(m->a,
		                                  "{\"code\":\"t%d\",\"name\":\"t\",\"attrs\":{\"above\":\"t%"
		                                  "d\"}}",
		                                  i, i - 1)),
		        &last);
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"t63\",\"name\":\"t\",\"attrs\":{\"above\":\"t62\"}}"),
	        &last);
	check_ok(put(m, &m->desk, "plot", "{\"code\":\"t64\",\"name\":\"t\",\"attrs\":{\"above\":\"t63\"}}"),
	        &last);
	check_err(put(m, &m->desk, "plot", "{\"code\":\"t65\",\"name\":\"t\",\"attrs\":{\"above\":\"t64\"}}"),
	        ERR_INVALID);
}

/* ---- what the writer does not see ---- */

MINI(hidden_and_veiled_values_stay, false)
{
	const struct who two = reader(2, NULL, NULL), three = reader(3, NULL, NULL);

	check_ok(
	        put(m, &m->desk, "firm",
	                "{\"code\":\"F\",\"name\":\"x\",\"attrs\":{\"boss\":\"王\",\"phone\":\"13812345678\","
	                "\"grade\":\"a\"}}"),
	        &last);
	check_ok(put(m, &two, "firm", "{\"code\":\"F\",\"name\":\"y\",\"attrs\":{\"boss\":\"李\"}}"), &last);
	check_eq_s(get(m, &m->desk, "firm", "F"),
	        "F 2 y||open|{\"boss\":\"李\",\"phone\":\"13812345678\",\"grade\":\"a\"}");
	check_err(put(m, &two, "firm", "{\"code\":\"F\",\"name\":\"y\",\"attrs\":{\"phone\":\"1\"}}"),
	        ERR_DENIED);
	check_eq_s(refused, "DENIED phone");
	check_ok(put(m, &two, "firm", "{\"code\":\"F\",\"name\":\"z\",\"attrs\":{\"phone\":null}}"), &last);
	check_has(get(m, &m->desk, "firm", "F"), "\"phone\":\"13812345678\",\"grade\":\"a\"");
	check_ok(put(m, &three, "firm", "{\"code\":\"F\",\"name\":\"v\"}"), &last); /* veiled: not given */
	check_eq_s(get(m, &m->desk, "firm", "F"), "F 4 v||open|{\"phone\":\"13812345678\",\"grade\":\"a\"}");
	check_ok(put(m, &three, "firm", "{\"code\":\"F\",\"name\":\"v\",\"attrs\":{\"phone\":\"\"}}"), &last);
	check_eq_s(get(m, &m->desk, "firm", "F"), "F 5 v||open|{\"grade\":\"a\"}");
	check_ok(patch(m, &two, "firm", "{\"code\":\"F\",\"attrs\":{\"staff\":1}}"), &last);
	check_eq_s(get(m, &m->desk, "firm", "F"), "F 6 v||open|{\"staff\":1,\"grade\":\"a\"}");
	/* What comes back by those who cannot see it does not come back. */
	check_ok(restore(m, &two, "firm", "F", 1), &last);
	check_eq_s(get(m, &m->desk, "firm", "F"), "F 7 x||open|{\"boss\":\"王\",\"grade\":\"a\"}");
}

/* A value that the kind would refuse today does not stop those who cannot see it, nor is it told to them. */
MINI(hidden_values_are_not_checked_anew, false)
{
	struct kind *k = NULL;
	const struct who two = reader(2, NULL, NULL);

	check_ok(put(m, &m->desk, "firm",
	                 "{\"code\":\"F\",\"name\":\"x\",\"attrs\":{\"grade\":\"b\",\"arrears\":5}}"),
	        &last);
	for (int i = 0; i < m->s->catalog->kinds; i++)
		if (strcmp(m->s->catalog->kind[i].code, "firm") == 0)
			k = &m->s->catalog->kind[i];
	for (int i = 0; i < k->fields; i++) {
		if (strcmp(k->field[i].key, "grade") == 0)
			k->field[i].options = 1;
		if (strcmp(k->field[i].key, "arrears") == 0)
			k->field[i].max = 1;
	}
	check_ok(put(m, &two, "firm", "{\"code\":\"F\",\"name\":\"y\"}"), &last);
	check_eq_s(last.text, "");
	check_eq_s(get(m, &m->desk, "firm", "F"), "F 2 y||open|{\"arrears\":5,\"grade\":\"b\"}");
}

/* The park lies where the writer sees nothing: the firm may be changed all the same, but not moved there. */
MINI(references_out_of_sight_stay, false)
{
	const struct who east = reader(4, east_only, NULL);

	check_ok(put(m, &m->desk, "park", "{\"code\":\"P-W\",\"name\":\"西园\",\"region\":\"1002\"}"), &last);
	check_ok(put(m, &m->desk, "park", "{\"code\":\"P-V\",\"name\":\"另\",\"region\":\"1002\"}"), &last);
	check_ok(put(m, &m->desk, "firm",
	                 "{\"code\":\"F\",\"name\":\"x\",\"region\":\"1001\",\"attrs\":{\"park\":\"P-W\"}}"),
	        &last);
	check_ok(patch(m, &east, "firm", "{\"code\":\"F\",\"name\":\"y\"}"), &last);
	check_has(get(m, &east, "firm", "F"), "F 2 y");
	check_err(patch(m, &east, "firm", "{\"code\":\"F\",\"attrs\":{\"park\":\"P-V\"}}"), ERR_INVALID);
	check_err(patch(m, &east, "firm", "{\"code\":\"F\",\"attrs\":{\"park\":\"P-X\"}}"), ERR_INVALID);
	check_err(patch(m, &east, "firm", "{\"code\":\"F\",\"region\":\"1002\"}"), ERR_DENIED);
	check_err(
	        put(m, &east, "park", "{\"code\":\"P-W\",\"name\":\"z\",\"region\":\"1001\"}"), ERR_CONFLICT);
	check_err(drop(m, &east, "park", "P-W"), ERR_NOTFOUND);
	check_err(restore(m, &east, "park", "P-W", 1), ERR_NOTFOUND);
}

/* Who refers to a record is told to those only who may know of them. */
MINI(refusals_do_not_tell_secrets, false)
{
	const struct who two = reader(2, NULL, NULL);

	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F\",\"name\":\"x\"}"), &last);
	check_ok(put(m, &m->desk, "informer", "{\"code\":\"I\",\"name\":\"i\",\"attrs\":{\"about\":\"F\"}}"),
	        &last);
	check_err(drop(m, &two, "firm", "F"), ERR_CONFLICT);
	check(strstr(last.text, "informer") == NULL && strstr(last.text, "线人") == NULL);
	check_err(drop(m, &m->desk, "firm", "F"), ERR_CONFLICT);
	check_has(last.text, "informer");
	check_ok(put(m, &m->desk, "park", "{\"code\":\"P\",\"name\":\"p\"}"), &last);
	check_ok(put(m, &m->desk, "firm", "{\"code\":\"G\",\"name\":\"g\",\"attrs\":{\"watch\":\"P\"}}"),
	        &last);
	check_err(drop(m, &two, "park", "P"), ERR_CONFLICT);
	check(strstr(last.text, "watch") == NULL);
	check_err(put(m, &two, "informer", "{\"code\":\"J\",\"name\":\"x\"}"), ERR_INVALID);
	check_eq_s(get(m, &two, "informer", "I"), "NOTFOUND");
	check_eq_s(LIST(&two, "informer"), "NOTFOUND ");
}

/* ---- the past of what has moved ---- */

MINI(what_leaves_the_scope_takes_its_past_along, false)
{
	const struct who east = reader(4, east_only, NULL);

	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F\",\"name\":\"v1\",\"region\":\"1001\"}"), &last);
	mini_set(m, "2026-07-14T09:00:00+08:00");
	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F\",\"name\":\"v2\",\"region\":\"1002\"}"), &last);
	check_eq_s(history(m, &east, "firm", "F", 9), "NOTFOUND");
	check_eq_s(as_of(m, &east, "firm", "F", "2026-07-14T08:30:00+08:00"), "NOTFOUND");
	mini_set(m, "2026-07-14T10:00:00+08:00");
	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F\",\"name\":\"v3\",\"region\":\"1001\"}"), &last);
	for (int limit = 1; limit < 4; limit++)
		check_eq_s(history(m, &east, "firm", "F", limit), "3:v3 1:v1");
	check_eq_s(as_of(m, &east, "firm", "F", "2026-07-14T09:30:00+08:00"), "NOTFOUND");
	check_has(as_of(m, &east, "firm", "F", "2026-07-14T08:30:00+08:00"), "F 1 v1");
	check_err(restore(m, &east, "firm", "F", 2), ERR_NOTFOUND);
	mini_set(m, "2026-07-14T11:00:00+08:00");
	check_ok(put(m, &m->desk, "firm", "{\"code\":\"F\",\"name\":\"v4\",\"region\":\"1002\"}"), &last);
	check_ok(drop(m, &m->desk, "firm", "F"), &last);
	check_eq_s(history(m, &m->desk, "firm", "F", 9), "5:v4! 4:v4 3:v3 2:v2 1:v1");
	/* It was removed over there. */
	check_eq_s(history(m, &east, "firm", "F", 9), "NOTFOUND");
	check_eq_s(as_of(m, &east, "firm", "F", "2026-07-14T08:30:00+08:00"), "NOTFOUND");
	check_err(restore(m, &east, "firm", "F", 1), ERR_NOTFOUND);
	check_eq_s(history(m, &m->desk, "firm", "G", 9), "NOTFOUND");
	check_eq_s(history(m, &m->desk, "none", "F", 9), "NOTFOUND");
}

/* ---- lists ---- */

static void fill(struct mini *m)
{
	static const char *const firm[] = {
	        "{\"code\":\"A\",\"name\":\"盐城一号\",\"region\":\"1001\",\"org\":\"works\",\"attrs\":{"
	        "\"staff\":10,"
	        "\"capital\":-0.0,\"founded\":\"2020-01-31\",\"inspected\":\"2026-07-14 "
	        "08:00\",\"size\":\"l\","
	        "\"listed\":\"是\",\"tags\":\"化工、危化\",\"address\":\"东街Gas站\",\"phone\":\"1\","
	        "\"arrears\":3,"
	        "\"grade\":\"a\",\"seats\":[\"1001\",\"1002001\"],\"minder\":\"works-1001\"}}",
	        "{\"code\":\"B\",\"name\":\"盐城十号\",\"region\":\"1002\",\"org\":\"water\",\"attrs\":{"
	        "\"staff\":9,"
	        "\"capital\":12.5,\"founded\":\"2020-02-01\",\"inspected\":\"2026-07-15 "
	        "08:00\",\"size\":\"s\","
	        "\"tags\":\"化工\",\"address\":\"城市Ｇａｓ\",\"phone\":\"2\",\"arrears\":2,\"minder\":"
	        "\"works\"}}",
	        "{\"code\":\"C\",\"name\":\"安丰2号\",\"region\":\"1002001\",\"attrs\":{\"staff\":100,"
	        "\"founded\":\"1999-12-31\",\"size\":\"s\",\"listed\":false,\"tags\":\"重点\",\"address\":"
	        "\"市城\","
	        "\"seats\":\"1002\",\"arrears\":1}}",
	        "{\"code\":\"D\",\"name\":\"安丰10号\",\"state\":\"closed\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(firm); i++)
		check_ok(put(m, &m->desk, "firm", firm[i]), &last);
}

MINI(conditions, false)
{
	const struct who *d = &m->desk;

	fill(m);
	check_eq_s(LIST(d, "firm"), "A B C D");
	check_eq_s(LIST(d, "firm", "code=B,C"), "B C");
	check_eq_s(LIST(d, "firm", "name=安丰2号"), "C");
	check_eq_s(LIST(d, "firm", "state=closed"), "D");
	check_eq_s(LIST(d, "firm", "staff=9..10"), "A B");
	check_eq_s(LIST(d, "firm", "staff=10.."), "A C");
	check_eq_s(LIST(d, "firm", "staff=..10"), "A B");
	check_eq_s(LIST(d, "firm", "staff=1,1 00,100"), "INVALID staff");
	check_eq_s(LIST(d, "firm", "staff=9,100"), "B C");
	check_eq_s(LIST(d, "firm", "staff=-"), "D");
	check_eq_s(LIST(d, "firm", "staff=-,9"), "B D");
	check_eq_s(LIST(d, "firm", "capital=0"), "A");
	check_eq_s(LIST(d, "firm", "capital=-1..0"), "A");
	check_eq_s(LIST(d, "firm", "founded=2020年1月31日"), "A");
	check_eq_s(LIST(d, "firm", "founded=..2020-01-31"), "A C");
	check_eq_s(LIST(d, "firm", "inspected=2026-07-14T00:00:00Z..2026-07-15T00:00:00Z"), "A B");
	check_eq_s(LIST(d, "firm", "inspected=2026-07-14"), "A"); /* a date is its whole day */
	check_eq_s(LIST(d, "firm", "inspected=2026/7/1..2026年7月14日"), "A");
	check_eq_s(LIST(d, "firm", "inspected=..2026-07-15"), "A B");
	check_eq_s(LIST(d, "firm", "inspected=2026-07-15.."), "B");
	check_eq_s(LIST(d, "firm", "inspected=2026-07-13,2026-07-15"), "B");
	check_eq_s(LIST(d, "firm", "inspected=2026-07-14T00:00:00+08:00..2026-07-14T00:00:00+08:00"), "");
	check_eq_s(LIST(d, "firm", "size=小型"), "B C");
	check_eq_s(LIST(d, "firm", "size=l,s&listed=是"), "A");
	check_eq_s(LIST(d, "firm", "listed=false"), "C");
	check_eq_s(LIST(d, "firm", "tags=化工"), "A B");
	check_eq_s(LIST(d, "firm", "tags=化工,危化"), "A B");
	check_eq_s(LIST(d, "firm", "tags=化工&tags=危化"), "A");
	check_eq_s(LIST(d, "firm", "region=1002"), "B C");
	check_eq_s(LIST(d, "firm", "region=10"), "A B C");
	check_eq_s(LIST(d, "firm", "region=-"), "D");
	check_eq_s(LIST(d, "firm", "seats=1002"), "A C");
	check_eq_s(LIST(d, "firm", "minder=works"), "A B");
	check_eq_s(LIST(d, "firm", "org=works"), "A");
	check_eq_s(LIST(d, "firm", "grade=甲"), "A");
	check_eq_s(LIST(d, "firm", "size="), "A B C D");
	check_eq_s(LIST(d, "firm", "staff=x"), "INVALID staff");
	check_eq_s(LIST(d, "firm", "size=huge"), "INVALID size");
	check_eq_s(LIST(d, "firm", "founded=soon.."), "INVALID founded");
	check_eq_s(LIST(d, "firm", "licence=AB1234"), "INVALID licence"); /* not indexed */
	check_eq_s(LIST(d, "firm", "gate=1"), "INVALID gate");
	check_eq_s(LIST(d, "firm", "colour=1"), "INVALID colour");
}

MINI(a_box_on_the_map, false)
{
	static const char *const wrong[] = {"", "120", "120,33,121", "120,33,121,34,35", "121,33,120,34",
	        "120,34,121,33", "120,33,181,34", "120,-91,121,34", "a,33,121,34", "120,33,121,nan",
	        "120,,121,34"};
	const struct who east = reader(4, east_only, NULL), *d = &m->desk;
	int64_t count = 0;

	fill(m);
	check_ok(patch(m, d, "firm", "{\"code\":\"A\",\"lon\":120.5,\"lat\":33.5}"), &last);
	check_ok(patch(m, d, "firm", "{\"code\":\"B\",\"lon\":121,\"lat\":34}"), &last);
	check_ok(patch(m, d, "firm", "{\"code\":\"C\",\"lon\":119.999,\"lat\":33.5}"), &last);
	check_eq_s(LIST(d, "firm", "box=120,33,121,34"), "A B");                 /* edges count */
	check_eq_s(LIST(d, "firm", "box=-180, -90, 180, 90", "-code"), "C B A"); /* D has no place */
	check_eq_s(LIST(d, "firm", "box=120,33,121,34&staff=9"), "B");
	check_eq_s(LIST(d, "firm", "box=120,33,121,34", NULL, "Gas"), "A B");
	check_eq_s(LIST(d, "firm", "box=120.5,33.5,120.5,33.5"), "A");
	check_eq_s(LIST(d, "firm", "box=0,0,1,1"), "");
	check_eq_s(list_of(m, &east, &(struct ask){"firm", "box=120,33,121,34"}, &count), "A");
	check_eq_i(count, 1);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		check_eq_s(LIST(d, "firm", arena_printf(m->a, "box=%s", wrong[i])), "INVALID box");
}

/* A reporting unit may be made of towns whose codes begin in another way. */
MINI(a_unit_has_its_towns, false)
{
	const struct snapshot *s = registry_hold(m->s->registry);
	struct record_query q = {.kind = catalog_kind(m->s->catalog, "firm")};
	static const char *const unit[] = {"1001", NULL}, *const village[] = {"2001001", NULL};
	struct who east = m->desk;

	fill(m);
	check_ok(patch(m, &m->desk, "firm", "{\"code\":\"B\",\"region\":\"2001\"}"), &last);
	check_ok(patch(m, &m->desk, "firm", "{\"code\":\"C\",\"region\":\"飞地村\"}"), &last);
	check_eq_s(LIST(&m->desk, "firm", "region=1001"), "A B C");
	check_eq_s(LIST(&m->desk, "firm", "region=2001"), "B C");
	check_ok(record_query_add(m->a, &q, m->s->catalog, s, &m->desk, "region", "1001", &last), &last);
	check_eq_i(q.cond[0].ranges, 2);
	/* Whose scope is the unit sees them; the towns alone are theirs who see no more. */
	east.scope.regions = unit;
	check_eq_s(LIST(&east, "firm"), "A D");
	who_widen(s, m->a, &east);
	check_eq_s(LIST(&east, "firm"), "A B C D");
	check(who_sees(&east, "2001001", "", 1) && !who_sees(&east, "1002", "", 1));
	east.scope.regions = village;
	who_widen(s, m->a, &east);
	check_eq_s(LIST(&east, "firm"), "C D");
	east.scope.regions = NULL;
	who_widen(s, m->a, &east);
	check(east.scope.regions == NULL);
	registry_release(m->s->registry, s);
}

MINI(conditions_on_the_time_of_change, false)
{
	fill(m);
	mini_set(m, "2026-07-15T09:00:00+08:00");
	check_ok(patch(m, &m->desk, "firm", "{\"code\":\"B\",\"name\":\"新\"}"), &last);
	check_eq_s(LIST(&m->desk, "firm", "changed=2026-07-15T00:00:00+08:00.."), "B");
	check_eq_s(LIST(&m->desk, "firm", "changed=..2026-07-14"), "A C D");
	check_eq_s(LIST(&m->desk, "firm", "changed=2026-07-15"), "B");
	check_eq_s(LIST(&m->desk, "firm", "changed=2026-07-01..2026-07-15"), "A B C D");
	check_eq_s(LIST(&m->desk, "firm", "changed=2026-07-15T01:00:00Z"), "B");
	check_eq_s(LIST(&m->desk, "firm", "changed=lately.."), "INVALID changed");
}

MINI(orders, false)
{
	const struct who *d = &m->desk;

	fill(m);
	for (int limit = 1; limit < 6; limit++) {
		check_eq_s(LIST(d, "firm", .sort = "-code", .limit = limit), "D C B A");
		check_eq_s(LIST(d, "firm", .sort = "name", .limit = limit), "C D B A");
		check_eq_s(LIST(d, "firm", .sort = "-name", .limit = limit), "A B D C");
		check_eq_s(LIST(d, "firm", .sort = "staff", .limit = limit), "B A C D"); /* blank last */
		check_eq_s(LIST(d, "firm", .sort = "-staff", .limit = limit), "D C A B");
		check_eq_s(LIST(d, "firm", .sort = "founded", .limit = limit), "C A B D");
		check_eq_s(LIST(d, "firm", .sort = "founded", .where = "staff=..99", .limit = limit), "A B");
		check_eq_s(LIST(d, "firm", .sort = "-staff", .q = "盐城", .limit = limit), "A B");
	}
	check_eq_s(LIST(d, "firm", .sort = "tags"), "INVALID tags");
	check_eq_s(LIST(d, "firm", .sort = "phone"), "INVALID phone");
	check_eq_s(LIST(d, "firm", .sort = "licence"), "INVALID licence");
	check_eq_s(LIST(d, "firm", .sort = ""), "INVALID ");
}

MINI(full_text, false)
{
	const struct who *d = &m->desk;

	fill(m);
	check_eq_s(LIST(d, "firm", .q = "盐城"), "A B");
	check_eq_s(LIST(d, "firm", .q = "城"), "A B C");
	check_eq_s(LIST(d, "firm", .q = "号"), "A B C D");
	check_eq_s(LIST(d, "firm", .q = "城市"), "B");
	check_eq_s(LIST(d, "firm", .q = "市城"), "C");
	check_eq_s(LIST(d, "firm", .q = "盐城十号"), "B");
	check_eq_s(LIST(d, "firm", .q = "盐号"), "");
	check_eq_s(LIST(d, "firm", .q = "gas"), "A B");
	check_eq_s(LIST(d, "firm", .q = "ＧＡＳ"), "A B");
	check_eq_s(LIST(d, "firm", .q = "ga"), "");
	check_eq_s(LIST(d, "firm", .q = "gas 盐城 东街"), "A");
	check_eq_s(LIST(d, "firm", .q = "危化"), "A"); /* a list of values */
	check_eq_s(LIST(d, "firm", .q = "d"), "D");    /* its code */
	check_eq_s(LIST(d, "firm", .q = "…!"), "A B C D");
	check_ok(patch(m, d, "firm", "{\"code\":\"B\",\"attrs\":{\"address\":\"南门\"}}"), &last);
	check_eq_s(LIST(d, "firm", .q = "gas"), "A");
	check_eq_s(LIST(d, "firm", .q = "南门"), "B");
	check_ok(drop(m, d, "firm", "A"), &last);
	check_eq_s(LIST(d, "firm", .q = "gas"), "");
}

/* Whatever a reader types is words. */
MINI(no_words_are_an_expression, false)
{
	static const char *const typed[] = {"gas\" OR \"城", "gas' | '城", "gas:* | 城", "NOT gas", "gas AND",
	        "(gas", "gas*", "^gas", "words:gas", "gas NEAR 城", "-gas", "!gas", "gas & !城", "gas <-> 城",
	        "''", "\"", "\\", "gas\\", "{gas}", "+", "a:b:c", "gas;--", "\xff\xfe", "城\xe5", "ﷺ", "İ",
	        "ß", "\u02bc", "½ 1"};
	struct sb b = SB_INIT;

	fill(m);
	for (size_t i = 0; i < ARRAY_LEN(typed); i++)
		if (!check(strstr(LIST(&m->desk, "firm", .q = typed[i]), "INVALID") == NULL &&
		            last.code == 0))
			check_fail("%s: %s", typed[i], last.text);
	check_eq_s(LIST(&m->desk, "firm", .q = "gas OR 安丰"), "");
	check_eq_s(LIST(&m->desk, "firm", .q = "gas\" OR \"安丰"), "");
	/* Very many of them. */
	for (int i = 0; i < 3000; i++)
		sb_printf(&b, "w%d 城市 ", i);
	check_eq_s(LIST(&m->desk, "firm", .q = b.p), "");
	check_eq_i(last.code, 0);
	sb_reset(&b);
	for (int i = 0; i < 3000; i++)
		sb_puts(&b, "城市");
	check_eq_s(LIST(&m->desk, "firm", .q = b.p), "");
	check_eq_i(last.code, 0);
	sb_fini(&b);
}

static void no_place(struct mini *m, struct store_tx *tx, const struct who *who, const struct record_query *q)
{
	struct record_page page;

	if (!check_err(record_list(tx, m->a, who, q, &page, &last), ERR_INVALID))
		check_fail("cursor %s", q->cursor);
	check_eq_s(last.field, "cursor");
}

MINI(cursors_of_others_are_refused, false)
{
	static const char *const cursors[] = {"", "x", ".", ".5", "1", "1041.", "104.1", "zz.1", "10.x", "-",
	        "sealed:", "sealed:1:", "sealed:1:00000000:aes:00", "sealed:1:00000000:aes:"};
	struct who other = m->desk;
	const struct snapshot *s = registry_hold(m->s->registry);
	const char *code, *mine;
	struct record_query q, differs;
	struct record_page page;
	struct store_tx *tx = NULL;

	fill(m);
	check_ok(put(m, &m->desk, "park", "{\"code\":\"P\",\"name\":\"p\"}"), &last);
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check_ok(ask_query(m, tx, s, &m->desk, &(struct ask){"firm"}, &q, &last), &last);
	for (size_t i = 0; i < ARRAY_LEN(cursors); i++) {
		q.cursor = cursors[i];
		no_place(m, tx, &m->desk, &q);
	}
	q.cursor = NULL;
	q.limit = 1;
	check_ok(record_list(tx, m->a, &m->desk, &q, &page, &last), &last);
	code = page.row[0].code;
	if (check(page.next != NULL)) {
		q.cursor = mine = page.next;
		check_ok(record_list(tx, m->a, &m->desk, &q, &page, &last), &last);
		check(page.n == 1 && strcmp(page.row[0].code, code) > 0);
		other.login = "somebody";
		no_place(m, tx, &other, &q);
		differs = q;
		differs.down = true;
		no_place(m, tx, &m->desk, &differs);
		differs = q;
		differs.own = OWN_NAME;
		no_place(m, tx, &m->desk, &differs);
		differs = q;
		differs.kind = catalog_kind(m->s->catalog, "park");
		no_place(m, tx, &m->desk, &differs);
		for (const char *p = mine; *p != '\0'; p++) { /* one character is another */
			char *bent = arena_strdup(m->a, mine);

			bent[p - mine] = *p == '0' ? '1' : '0';
			differs = q;
			differs.cursor = bent;
			no_place(m, tx, &m->desk, &differs);
		}
	}
	store_read_end(&tx);
	registry_release(m->s->registry, s);
}

/* ---- who may see ---- */

MINI(scopes, false)
{
	const struct who east = reader(4, east_only, NULL), works = reader(4, NULL, works_only);
	const struct who one = reader(1, NULL, NULL);
	int64_t count = 0;

	fill(m);
	check_eq_s(list_of(m, &east, &(struct ask){"firm"}, &count), "A D");
	check_eq_i(count, 2);
	check_eq_s(list_of(m, &works, &(struct ask){"firm"}, &count), "A C D");
	check_eq_i(count, 3);
	check_eq_s(LIST(&east, "firm", .q = "盐城"), "A");
	check_eq_s(LIST(&east, "firm", "region=1002"), "");
	check_eq_s(get(m, &east, "firm", "B"), "NOTFOUND");
	check_eq_s(LIST(&one, "firm", "phone=1"), "DENIED phone");
	check_eq_s(LIST(&one, "firm", "arrears=1..2"), "DENIED arrears");
	check_eq_s(LIST(&one, "firm", .sort = "arrears"), "DENIED arrears");
	/* Masked for those too whom the clearance covers: found by the whole value, not by halving. */
	check_eq_s(LIST(&m->desk, "firm", "phone=1"), "A");
	check_eq_s(LIST(&m->desk, "firm", "arrears=2"), "B");
	check_eq_s(LIST(&m->desk, "firm", "arrears=1..2"), "INVALID arrears");
}

MINI(relations, false)
{
	const struct who east = reader(4, east_only, NULL), two = reader(2, NULL, NULL);
	struct record_relation *r = NULL;
	struct store_tx *tx = NULL;
	int n = 0;

	check_ok(put(m, &m->desk, "park", "{\"code\":\"P\",\"name\":\"p\"}"), &last);
	for (int i = 0; i < 3; i++)
		check_ok(put(m, &m->desk, "firm",
		                 arena_printf(m->a,
		                         "{\"code\":\"F%d\",\"name\":\"x\",\"region\":\"100%d\",\"attrs\":{"
		                         "\"park\":"
		                         "\"P\",\"watch\":\"P\"}}",
		                         i, i == 0 ? 1 : 2)),
		        &last);
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check_ok(record_relations(tx, m->a, m->s->catalog, &m->desk, "park", "P", &r, &n, &last), &last);
	check_eq_i(n, 2);
	check_eq_s(r[0].field->key, "park");
	check_eq_i(r[0].count, 3);
	check_eq_s(r[1].field->key, "watch");
	check_ok(record_relations(tx, m->a, m->s->catalog, &east, "park", "P", &r, &n, &last), &last);
	check_eq_i(n, 2);
	check_eq_i(r[0].count, 1);
	check_ok(record_relations(tx, m->a, m->s->catalog, &two, "park", "P", &r, &n, &last), &last);
	check_eq_i(n, 1);
	check_err(record_relations(tx, m->a, m->s->catalog, &two, "park", "Q", &r, &n, &last), ERR_NOTFOUND);
	store_read_end(&tx);
}

MINI(things_refer_to_things_of_any_kind, false)
{
	const struct who east = reader(4, east_only, NULL);
	struct record_relation *r = NULL;
	struct store_tx *tx = NULL;
	int n = 0;

	/* S-1 is a sensor of the pack in 1001. */
	check_ok(
	        put(m, &m->desk, "valve",
	                "{\"code\":\"V-1\",\"name\":\"v\",\"region\":\"1001\",\"attrs\":{\"part_of\":\"S-1\","
	                "\"feeds\":[\"S-1\",\"S-2\"]}}"),
	        &last);
	check_ok(put(m, &m->desk, "valve",
	                 "{\"code\":\"V-2\",\"name\":\"v\",\"region\":\"1002\",\"attrs\":{\"part_of\":\"V-"
	                 "1\"}}"),
	        &last);
	check_err(put(m, &m->desk, "valve",
	                  "{\"code\":\"V-3\",\"name\":\"v\",\"attrs\":{\"feeds\":[\"X-9\"]}}"),
	        ERR_INVALID);
	check_eq_s(refused, "INVALID feeds");
	/* A circle over two kinds. */
	check_err(put(m, &who_system, "sensor",
	                  "{\"code\":\"S-1\",\"name\":\"s\",\"region\":\"1001\",\"attrs\":{\"part_of\":\"V-"
	                  "2\"}}"),
	        ERR_INVALID);
	check_eq_s(refused, "INVALID part_of");
	check_err(drop(m, &who_system, "sensor", "S-1"), ERR_CONFLICT);
	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check_ok(record_relations(tx, m->a, m->s->catalog, &m->desk, "sensor", "S-1", &r, &n, &last), &last);
	check_eq_i(n, 2);
	check_eq_s(r[0].field->key, "part_of");
	check_eq_s(r[0].field->back_en, "Contains");
	check_eq_s(r[1].field->key, "feeds");
	check_ok(record_relations(tx, m->a, m->s->catalog, &m->desk, "valve", "V-1", &r, &n, &last), &last);
	check_eq_i(n, 1);
	check_eq_i(r[0].count, 1);
	check_ok(record_relations(tx, m->a, m->s->catalog, &east, "valve", "V-1", &r, &n, &last), &last);
	check_eq_i(n, 0); /* V-2 lies elsewhere */
	store_read_end(&tx);
	check_eq_s(LIST(&m->desk, "valve", "feeds=S-2"), "V-1");
	check_ok(drop(m, &m->desk, "valve", "V-2"), &last);
}

/* ---- the index follows the kinds ---- */

struct sync {
	struct mini *m;
	bool write, changed;
	const char
	        *form; /* set first of this field, as if another version of the program had made its keys */
	int no;
};

static int do_sync(struct store_tx *tx, void *arg, struct err *e)
{
	struct sync *s = arg;
	int rc = 0;

	if (s->form != NULL)
		rc = sql_record_field_form(
		        tx, &(struct sql_record_field_form_in){s->no, str_of(s->form)}, NULL, e);
	return rc < 0 ? rc : record_index_sync(tx, s->m->s->catalog, s->write, &s->changed, e);
}

static bool sync_index(struct mini *m, struct sync s)
{
	s.m = m;
	check_ok(store_write(m->s->store, "test", do_sync, &s, &last), &last);
	return s.changed;
}

static struct field *field_of(struct mini *m, const char *kind, const char *key)
{
	for (int i = 0; i < m->s->catalog->kinds; i++)
		for (int n = 0; n < m->s->catalog->kind[i].fields; n++)
			if (strcmp(m->s->catalog->kind[i].code, kind) == 0 &&
			        strcmp(m->s->catalog->kind[i].field[n].key, key) == 0)
				return &m->s->catalog->kind[i].field[n];
	return NULL;
}

static int64_t entries(struct mini *m, int no)
{
	struct sql_record_entry_count_row r = {0};
	struct store_tx *tx = NULL;

	check_ok(store_read_begin(m->s->store, "test", &tx, NULL), NULL);
	check(sql_record_entry_count(tx,
	              &(struct sql_record_entry_count_in){no, STR_LIT(""), STR_LIT("\xff"), 100000}, &r,
	              NULL) == 1);
	store_read_end(&tx);
	return r.n;
}

MINI(the_index_follows_the_kinds, false)
{
	struct field *staff = field_of(m, "firm", "staff"), *licence = field_of(m, "firm", "licence");
	struct field *address = field_of(m, "firm", "address"), *tag = field_of(m, "firm", "tags");
	int no = staff->no;

	fill(m);
	check_ok(patch(m, &m->desk, "firm", "{\"code\":\"D\",\"attrs\":{\"licence\":\"AB1234\"}}"), &last);
	check(!sync_index(m, (struct sync){.write = true}));
	check_eq_i(staff->no, no);
	check_eq_i(entries(m, no), 4);
	check_eq_i(entries(m, tag->no), 5); /* A has two values, D none: the blank */

	staff->in_list = false;
	licence->filter = true;
	check(sync_index(m, (struct sync){.write = false})); /* only looks */
	check_eq_i(entries(m, no), 4);
	check(sync_index(m, (struct sync){.write = true}));
	check_eq_i(staff->no, 0);
	check_eq_i(entries(m, no), 0);
	check_eq_s(LIST(&m->desk, "firm", "staff=9"), "INVALID staff");
	check_eq_s(LIST(&m->desk, "firm", "licence=AB1234"), "D");
	check_eq_s(LIST(&m->desk, "firm", .sort = "licence"), "D A B C");
	check(!sync_index(m, (struct sync){.write = true}));
	staff->in_list = true;
	check(sync_index(m, (struct sync){.write = true}));
	check_eq_i(staff->no, no); /* no other field has got its number */
	check_eq_s(LIST(&m->desk, "firm", "staff=9"), "B");

	check_eq_s(LIST(&m->desk, "firm", .q = "gas"), "A B");
	address->searched = false;
	check(sync_index(m, (struct sync){.write = true}));
	check_eq_s(LIST(&m->desk, "firm", .q = "gas"), "");
	check_eq_s(LIST(&m->desk, "firm", .q = "盐城"), "A B");
	address->searched = true;
	check(sync_index(m, (struct sync){.write = true}));
	check_eq_s(LIST(&m->desk, "firm", .q = "gas"), "A B");

	/* Keys that an older ICU made. */
	check(sync_index(
	        m, (struct sync){.write = true, .form = "text zh-pinyin-numeric 1.2.3", .no = address->no}));
	check_eq_i(entries(m, address->no), 4);
	check(!sync_index(m, (struct sync){.write = true}));
	check_eq_s(LIST(&m->desk, "firm", "address=市城"), "C");
}

static int put_parks(struct store_tx *tx, void *arg, struct err *e)
{
	struct mini *m = arg;
	const struct record_door d = {.catalog = m->s->catalog, .by = &m->desk, .pack = ""};
	int rc = 0;

	for (int i = 0; i < 1203 && rc == 0; i++) {
		const char *attrs = arena_printf(m->a, "{\"note\":\"%d 号\"}", i % 7);
		struct record_in in = {.kind = "park",
		        .code = arena_printf(m->a, "P-%d", i),
		        .name = "园",
		        .at = {NAN, NAN}};
		enum record_verdict verdict;
		struct doc *doc = NULL;

		rc = doc_parse_json(m->a, str_of(attrs), "test", &doc, e);
		in.attrs = doc;
		if (rc == 0)
			rc = record_put(tx, &d, &in, -1, NULL, &verdict, e);
	}
	return rc;
}

/* More records than are read at once. */
MINI(a_large_register_is_indexed_anew, false)
{
	struct field *note = field_of(m, "park", "note");
	struct sb b = SB_INIT;

	check_ok(store_write(m->s->store, "test", put_parks, m, &last), &last);
	note->filter = true;
	note->searched = true;
	check(sync_index(m, (struct sync){.write = true}));
	check_eq_i(entries(m, note->no), 1203);
	for (int i = 5; i < 1203; i += 7)
		sb_printf(&b, "%sP-%d", b.n > 0 ? " " : "", i);
	check_eq_i((int64_t)strlen(LIST(&m->desk, "park", "note=5 号")), (int64_t)b.n);
	check_eq_i((int64_t)strlen(LIST(&m->desk, "park", .q = "5 号")), (int64_t)b.n);
	sb_fini(&b);
}

/* As if a filling had been cut off: its fields have no form yet, and some of what was in is no longer right.
 */
static int cut_off(struct store_tx *tx, void *arg, struct err *e)
{
	struct mini *m = arg;
	const struct kind *k = catalog_kind(m->s->catalog, "park");
	const int no[] = {k->text_no, k->own_no[OWN_NAME], field_of(m, "park", "note")->no};
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(no) && rc == 0; i++)
		rc = sql_record_field_form(
		        tx, &(struct sql_record_field_form_in){no[i], STR_LIT("")}, NULL, e);
	if (rc == 0)
		rc = sql_record_entry_put(
		        tx, &(struct sql_record_entry_put_in){no[2], STR_LIT("wrong"), 1}, NULL, e);
	return rc;
}

/* In many transactions, sorted in many runs. */
MINI(filling_begins_anew_where_it_was_cut_off, false)
{
	static const struct record__fill small = {.sort_b = 3000, .step_b = 5000};
	struct field *note = field_of(m, "park", "note");
	struct sb b = SB_INIT;

	check_ok(store_write(m->s->store, "test", put_parks, m, &last), &last);
	note->filter = true;
	note->searched = true;
	check(sync_index(m, (struct sync){.write = true}));
	check_ok(store_write(m->s->store, "test", cut_off, m, &last), &last);
	check(sync_index(m, (struct sync){.write = false}));
	check_ok(record__index_fill(m->s->store, m->s->catalog, &small, &last), &last);
	check(!sync_index(m, (struct sync){.write = true}));
	check_eq_i(entries(m, note->no), 1203);
	check_eq_i(entries(m, catalog_kind(m->s->catalog, "park")->own_no[OWN_NAME]), 1203);
	for (int i = 5; i < 1203; i += 7)
		sb_printf(&b, "%sP-%d", b.n > 0 ? " " : "", i);
	check_eq_i((int64_t)strlen(LIST(&m->desk, "park", "note=5 号")), (int64_t)b.n);
	check_eq_i((int64_t)strlen(LIST(&m->desk, "park", .q = "5 号")), (int64_t)b.n);
	sb_fini(&b);
}

/* ---- two copies of the program ---- */

struct copy {
	struct mini *m;
	struct store *st;
	pthread_barrier_t *both;
	const char *code;
	int runs, rc;
	struct err e;
};

static int put_unique(struct store_tx *tx, void *arg, struct err *e)
{
	struct copy *c = arg;
	const struct record_door d = {.catalog = c->m->s->catalog, .by = &c->m->desk, .pack = ""};
	struct record_in in = {.kind = "firm", .code = c->code, .name = "x", .at = {NAN, NAN}};
	enum record_verdict verdict;
	struct doc *doc = NULL;
	int rc = doc_parse_json(store_arena(tx), STR_LIT("{\"title\":\"同名公司\"}"), "test", &doc, e);

	in.attrs = doc;
	/* Each has looked at the register before the other writes to it. */
	if (rc == 0 && c->runs++ == 0) {
		struct record out;

		rc = record_try(tx, &d, &in, &out, &verdict, e);
		pthread_barrier_wait(c->both);
	}
	return rc == 0 ? record_put(tx, &d, &in, 0, NULL, &verdict, e) : rc;
}

static void *write_copy(void *arg)
{
	struct copy *c = arg;

	c->rc = store_write(c->st, "test", put_unique, c, &c->e);
	return NULL;
}

/* Both write at once; one is told what it would be told a moment later. */
static void race(struct mini *m, const char *code, int want, const char *field)
{
	struct id_source *ids = id_source_new(2, m->s->clock);
	const struct store_options o = {.address = m->store, .clock = m->s->clock, .ids = ids};
	struct copy c[2] = {{.m = m, .st = m->s->store, .code = "R-1"}, {.m = m, .code = code}};
	pthread_barrier_t both;
	pthread_t thread[2];

	must(pthread_barrier_init(&both, NULL, 2) == 0);
	if (check_ok(store_open(&o, &c[1].st, &last), &last)) {
		for (int i = 0; i < 2; i++) {
			c[i].both = &both;
			must(pthread_create(&thread[i], NULL, write_copy, &c[i]) == 0);
		}
		for (int i = 0; i < 2; i++)
			pthread_join(thread[i], NULL);
		check((c[0].rc == 0) != (c[1].rc == 0));
		for (int i = 0; i < 2; i++)
			if (c[i].rc != 0) {
				check_err(c[i].rc, want);
				check_eq_s(c[i].e.field, field);
				if (!check(c[i].runs == 2))
					check_fail("%s", c[i].e.text);
			}
	}
	store_close(&c[1].st);
	pthread_barrier_destroy(&both);
	id_source_free(&ids);
}

TEST(two_copies_write_at_once)
{
	struct mini m;

	if (getenv("HEMING_TEST_POSTGRES") == NULL)
		return;
	mini_open(&m, true, false);
	race(&m, "R-2", ERR_CONFLICT, "title"); /* a unique value */
	check_eq_i((int64_t)strlen(list_of(&m, &m.desk, &(struct ask){"firm"}, NULL)), 3);
	check_ok(drop(&m, &m.desk, "firm", list_of(&m, &m.desk, &(struct ask){"firm"}, NULL)), &last);
	race(&m, "R-1", ERR_PRECONDITION, ""); /* a code: there must have been none */
	check_eq_s(list_of(&m, &m.desk, &(struct ask){"firm"}, NULL), "R-1");
	mini_close(&m);
}

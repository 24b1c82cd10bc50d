/* Registers against a slow model of them: random records, random changes, random questions by random readers.
 */
#include "base/collate.h"
#include "city/record_int.h"
#include "mini.h"

#include <math.h>

#define CODES 150 /* records are added, changed and removed under these codes */
#define BLANK (-1000)

struct row {
	bool there;
	int64_t id, rev;
	char code[8];
	const char *name, *address, *region, *org, *state;
	int staff;     /* BLANK: none */
	int size;      /* 0: none, else 1 + option */
	unsigned tags; /* bits */
	struct geo_point at;
};
struct model {
	struct mini *m;
	struct row row[CODES], before[CODES]; /* before: a write may be run again */
	uint64_t seed;
	int changes;
};

static const char *const regions[] = {"", "10", "1001", "1002", "1002001"};
static const char *const orgs[] = {"", "works", "works-1001", "water"};
static const char *const states[] = {"open", "closed"};
static const char *const sizes[] = {"l", "m", "s"};
static const char *const tags[] = {"化工", "危化", "重点"};
static const char *const syllables[] = {"盐", "城", "市", "东", "10", "2", "号", " gas ", "ＧＡＳ "};

static unsigned dice(struct model *x, unsigned n)
{
	x->seed = x->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(x->seed >> 33) % n;
}
#define ONE_OF(x, list) (list)[dice(x, ARRAY_LEN(list))]

static const char *some_text(struct model *x, struct arena *a)
{
	const char *out = "盐";

	for (unsigned n = dice(x, 6); n > 0; n--)
		out = arena_printf(a, "%s%s", out, ONE_OF(x, syllables));
	return out;
}

/* ---- changes ---- */

static int change_one(struct store_tx *tx, struct model *x, const struct record_door *d, struct err *e)
{
	struct row *r = &x->row[dice(x, CODES)];
	struct arena *a = x->m->a;
	enum record_verdict verdict;
	struct record out;
	struct doc *attrs = NULL;
	struct sb b = SB_INIT;
	int rc;

	if (r->there && dice(x, 4) == 0) {
		r->there = false;
		return record_remove(tx, d, "firm", r->code, r->rev, e);
	}
	r->name = some_text(x, a);
	r->address = dice(x, 3) == 0 ? "" : some_text(x, a);
	r->region = ONE_OF(x, regions);
	r->org = ONE_OF(x, orgs);
	r->state = ONE_OF(x, states);
	r->staff = dice(x, 5) == 0 ? BLANK : (int)dice(x, 20) - 10;
	r->size = (int)dice(x, 4);
	r->tags = dice(x, 8);
	r->at = dice(x, 4) == 0 ? (struct geo_point){NAN, NAN}
	                        : (struct geo_point){120 + dice(x, 5), -33 - (double)dice(x, 5)};
	sb_printf(&b, "{\"address\":\"%s\",\"tags\":[", r->address);
	for (unsigned i = 0, n = 0; i < 3; i++)
		if (r->tags & 1u << i)
			sb_printf(&b, "%s\"%s\"", n++ > 0 ? "," : "", tags[i]);
	sb_puts(&b, "]");
	if (r->staff != BLANK)
		sb_printf(&b, ",\"staff\":%d", r->staff);
	if (r->size > 0)
		sb_printf(&b, ",\"size\":\"%s\"", sizes[r->size - 1]);
	sb_puts(&b, "}");
	rc = doc_parse_json(a, sb_str(&b), "test", &attrs, e);
	if (rc == 0)
		rc = record_put(tx, d,
		        &(struct record_in){.kind = "firm",
		                .code = r->code,
		                .name = r->name,
		                .region = r->region,
		                .org = r->org,
		                .state = r->state,
		                .at = r->at,
		                .attrs = attrs},
		        r->there ? r->rev : 0, &out, &verdict, e);
	sb_fini(&b);
	if (rc == 0) {
		check(verdict == (r->there ? RECORD_CHANGED : RECORD_NEW) || verdict == RECORD_SAME);
		r->id = out.id;
		r->rev = out.rev;
		r->there = true;
	}
	return rc;
}

static int change_some(struct store_tx *tx, void *arg, struct err *e)
{
	struct model *x = arg;
	const struct snapshot *s = registry_hold(x->m->s->registry);
	const struct record_door d = {
	        .catalog = x->m->s->catalog, .snapshot = s, .by = &x->m->desk, .pack = ""};
	int rc = 0;

	memcpy(x->row, x->before, sizeof(x->row));
	for (int i = 0; i < x->changes && rc == 0; i++)
		rc = change_one(tx, x, &d, e);
	registry_release(x->m->s->registry, s);
	return rc;
}

/* ---- questions ---- */

struct question {
	struct who who;
	int low, high;      /* staff; low > high: not asked */
	bool blank;         /* staff, or without */
	unsigned size, tag; /* bits, 0: not asked */
	const char *region, *state, *q;
	const char *sort, *box;
	int limit;
	struct record__limits limits;
};

static bool begins(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

/* The words "gas" and "10" stand alone in no other run that the texts here can make. */
static bool has_words(const char *text, const char *q)
{
	struct sb t = SB_INIT, w = SB_INIT;
	bool found = false;
	size_t n;

	fold_text(&t, str_of(text));
	fold_text(&w, str_of(q));
	n = strlen(w.p);
	for (const char *p = t.p != NULL ? strstr(t.p, w.p) : NULL; p != NULL && !found;
	        p = strstr(p + 1, w.p)) {
		bool letters = (unsigned char)w.p[0] < 0x80;
		unsigned char before = p > t.p ? (unsigned char)p[-1] : ' ', after = (unsigned char)p[n];

		found = !letters ||
		        (!((before >= '0' && before <= '9') || (before >= 'a' && before <= 'z')) &&
		                !((after >= '0' && after <= '9') || (after >= 'a' && after <= 'z')));
	}
	sb_fini(&t);
	sb_fini(&w);
	return found;
}

static bool sees(const struct who *w, const struct row *r)
{
	bool region = w->scope.regions == NULL || *r->region == '\0';
	bool org = w->scope.orgs == NULL || *r->org == '\0';

	for (const char *const *p = w->scope.regions; p != NULL && *p != NULL; p++)
		region |= begins(r->region, *p);
	for (const char *const *p = w->scope.orgs; p != NULL && *p != NULL; p++)
		org |= begins(r->org, *p);
	return region && org;
}

static bool in_box(const char *box, struct geo_point p)
{
	double w = 0, s = 0, e = 0, n = 0;

	return check_eq_i(sscanf(box, "%lf,%lf,%lf,%lf", &w, &s, &e, &n), 4) && w <= p.lon && p.lon <= e &&
	       s <= p.lat && p.lat <= n;
}

static bool wanted(const struct question *q, const struct row *r)
{
	if (!r->there || !sees(&q->who, r))
		return false;
	if (q->low <= q->high && !(r->staff != BLANK && r->staff >= q->low && r->staff <= q->high) &&
	        !(q->blank && r->staff == BLANK))
		return false;
	if (q->size != 0 && !(r->size > 0 && (q->size & 1u << (r->size - 1))))
		return false;
	if ((q->tag != 0 && !(q->tag & r->tags)) || (q->region != NULL && !begins(r->region, q->region)) ||
	        (q->state != NULL && strcmp(q->state, r->state) != 0))
		return false;
	if (q->box != NULL && !in_box(q->box, r->at))
		return false;
	return q->q == NULL || has_words(r->name, q->q) || has_words(r->address, q->q) ||
	       (r->tags & 1 && has_words(tags[0], q->q)) || (r->tags & 2 && has_words(tags[1], q->q)) ||
	       (r->tags & 4 && has_words(tags[2], q->q));
}

static const char *sort_by; /* of the comparison under way */

static int by_name(const struct row *x, const struct row *y)
{
	struct sb a = SB_INIT, b = SB_INIT;
	int rc;

	collate_text(&a, str_of(x->name), 64);
	collate_text(&b, str_of(y->name), 64);
	rc = str_cmp(sb_str(&a), sb_str(&b));
	sb_fini(&a);
	sb_fini(&b);
	return rc;
}

static int compare(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
	const char *by = sort_by + (*sort_by == '-');
	int rc = 0;

	if (strcmp(by, "code") == 0)
		rc = strcmp(x->code, y->code);
	else if (strcmp(by, "name") == 0)
		rc = by_name(x, y);
	else if (strcmp(by, "state") == 0)
		rc = strcmp(x->state, y->state);
	else if (strcmp(by, "size") == 0)
		rc = (x->size == 0 ? 9 : x->size) - (y->size == 0 ? 9 : y->size);
	else
		rc = (x->staff == BLANK ? 99 : x->staff) - (y->staff == BLANK ? 99 : y->staff);
	if (rc == 0)
		rc = (x->id > y->id) - (x->id < y->id);
	return *sort_by == '-' ? -rc : rc;
}

static void some_question(struct model *x, struct question *q)
{
	static const char *const east[] = {"1001", NULL}, *const street[] = {"1002001", "1001", NULL},
	                         *const works[] = {"works", NULL}, *const water[] = {"water", NULL};
	static const char *const *const region_scopes[] = {NULL, NULL, east, street};
	static const char *const *const org_scopes[] = {NULL, NULL, works, water};
	static const char *const sorts[] = {
	        "code", "-code", "name", "-name", "staff", "-staff", "size", "-size", "state", "-state"};
	static const char *const words[] = {"盐", "城", "城市", "市东", "gas", "10", "ＧＡＳ", "化工", "化"};
	static const char *const boxes[] = {
	        "-180,-90,180,90", "121,-36,123,-34", "120,-33,120,-33", "0,0,9,9"};
	static const struct record__limits limits[] = {
	        {10000, 10000, 200}, {5, 7, 3}, {20, 1, 1}, {1, 40, 2}, {3, 1000, 1000}};

	*q = (struct question){.who = x->m->desk, .low = 1, .high = 0, .sort = ONE_OF(x, sorts)};
	q->who.scope.clearance = 1 + dice(x, 4);
	q->who.scope.regions = ONE_OF(x, region_scopes);
	q->who.scope.orgs = ONE_OF(x, org_scopes);
	if (dice(x, 3) == 0) {
		q->low = (int)dice(x, 20) - 10;
		q->high = q->low + (int)dice(x, 8);
		q->blank = dice(x, 2);
	}
	q->size = dice(x, 4) == 0 ? 1 + dice(x, 7) : 0;
	q->tag = dice(x, 4) == 0 ? 1 + dice(x, 7) : 0;
	q->region = dice(x, 4) == 0 ? regions[1 + dice(x, 4)] : NULL;
	q->state = dice(x, 6) == 0 ? ONE_OF(x, states) : NULL;
	q->q = dice(x, 3) == 0 ? ONE_OF(x, words) : NULL;
	q->box = dice(x, 3) == 0 ? ONE_OF(x, boxes) : NULL;
	q->limit = 1 + (int)dice(x, 20);
	q->limits = ONE_OF(x, limits);
}

static int make_query(struct arena *a, struct model *x, const struct snapshot *s, const struct question *q,
        struct record_query *out, struct err *e)
{
	const struct catalog *c = x->m->s->catalog;
	const char *list = "";
	int rc;

	*out = (struct record_query){.kind = catalog_kind(c, "firm"), .q = q->q, .limit = q->limit};
	rc = record_query_sort(out, &q->who, q->sort, e);
	if (rc == 0 && q->low <= q->high)
		rc = record_query_add(a, out, c, s, &q->who, "staff",
		        arena_printf(a, "%d..%d%s", q->low, q->high, q->blank ? ",-" : ""), e);
	for (int i = 0; i < 3; i++)
		list = arena_printf(a, "%s%s,", list, q->size & 1u << i ? sizes[i] : "");
	if (rc == 0)
		rc = record_query_add(a, out, c, s, &q->who, "size", list, e);
	list = "";
	for (int i = 0; i < 3; i++)
		list = arena_printf(a, "%s%s,", list, q->tag & 1u << i ? tags[i] : "");
	if (rc == 0)
		rc = record_query_add(a, out, c, s, &q->who, "tags", list, e);
	if (rc == 0 && q->region != NULL)
		rc = record_query_add(a, out, c, s, &q->who, "region", q->region, e);
	if (rc == 0 && q->state != NULL)
		rc = record_query_add(a, out, c, s, &q->who, "state", q->state, e);
	if (rc == 0 && q->box != NULL)
		rc = record_query_box(out, q->box, e);
	return rc;
}

static bool ask(struct model *x, struct store_tx *tx, const struct snapshot *s, const struct question *q)
{
	const struct row *want[CODES];
	struct arena *a = arena_new(0);
	struct record_query query;
	struct err e = ERR_INIT;
	int n = 0, got = 0;
	bool good = true;

	for (int i = 0; i < CODES; i++)
		if (wanted(q, &x->row[i]))
			want[n++] = &x->row[i];
	sort_by = q->sort;
	qsort(want, (size_t)n, sizeof(*want), compare);
	good = check_ok(make_query(a, x, s, q, &query, &e), &e);
	for (int pages = 0; good; pages++) {
		struct record_page page;

		good = check_ok(record__list(tx, a, &q->who, &query, &q->limits, &page, &e), &e) &&
		       check(pages < 1000) && check(page.n <= q->limit) && check(got + page.n <= n);
		if (good && page.count >= 0)
			good = page.more ? check(page.count <= n) : check_eq_i(page.count, n);
		for (int i = 0; good && i < page.n; i++) {
			good = check_eq_s(page.row[i].code, want[got]->code) &&
			       check_eq_s(page.row[i].name, want[got]->name) &&
			       check_eq_i(page.row[i].rev, want[got]->rev);
			got++;
		}
		if (!good || page.next == NULL)
			break;
		query.cursor = page.next;
	}
	good = good && check_eq_i(got, n);
	arena_free(&a);
	return good;
}

static void play(bool postgres, uint64_t seed, int rounds)
{
	struct model *x = xcalloc(1, sizeof(*x));
	struct err e = ERR_INIT;
	bool good = true;
	struct mini m;

	mini_open(&m, postgres, false);
	x->m = &m;
	x->seed = seed;
	for (int i = 0; i < CODES; i++)
		snprintf(x->row[i].code, sizeof(x->row[i].code), "F%d", i);
	for (int round = 0; round < rounds && good && m.s != NULL; round++) {
		const struct snapshot *s = registry_hold(m.s->registry);
		struct store_tx *tx = NULL;

		memcpy(x->before, x->row, sizeof(x->row));
		x->changes = round == 0 ? 100 : 12;
		good = check_ok(store_write(m.s->store, "test", change_some, x, &e), &e) &&
		       check_ok(store_read_begin(m.s->store, "test", &tx, &e), &e);
		for (int i = 0; i < 12 && good; i++) {
			struct question q;

			some_question(x, &q);
			good = ask(x, tx, s, &q);
			if (!good)
				check_fail("round %d: staff %d..%d%s size %u tags %u region %s state %s q %s "
				           "sort %s "
				           "limit %d, limits %d %d",
				        round, q.low, q.high, q.blank ? " or none" : "", q.size, q.tag,
				        q.region != NULL ? q.region : "*", q.state != NULL ? q.state : "*",
				        q.q != NULL ? q.q : "*", q.sort, q.limit, (int)q.limits.gather,
				        (int)q.limits.walk);
		}
		if (tx != NULL)
			store_read_end(&tx);
		registry_release(m.s->registry, s);
	}
	mini_close(&m);
	free(x);
}

LONG_TEST(lists_are_what_the_model_says)
{
	play(false, 1, 250);
}

LONG_TEST(lists_are_what_another_model_says)
{
	play(false, 2, 250);
}

TEST(lists_are_what_the_model_says_on_postgres)
{
	if (getenv("HEMING_TEST_POSTGRES") != NULL)
		play(true, 3, 40);
}

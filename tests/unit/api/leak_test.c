/*
 * Nothing is told: two cities that differ only in what a reader must not see give that reader the same
 * answers, byte by byte, to everything that can be asked. So neither counts nor orders, cursors, errors, tags
 * or numbers computed from it tell that it is there, or what it says.
 *
 * Both cities write in the same order, so that ids agree; what only one of them has is matched in the other
 * by as many entries of the journal about records that no reader sees.
 */
#include "base/file.h"
#include "check.h"
#include "city/alarm.h"
#include "leak.h"

#define HOME "\"region\":\"1001\",\"org\":\"works\""

struct secret {
	const char *region, *org; /* where it lies; NULL: at home, and above the clearance */
	int64_t clearance;        /* of the readers; 0: 1 or 3 */
};
struct reader {
	char login[16];
	const char *token;
};
#define READERS 5
struct half { /* one of the two cities */
	struct city t;
	const struct secret *s;
	bool more; /* the one that has more to hide, and is asked first */
	const char *root;
	struct reader reader[READERS];
	int readers;
};
struct both { /* what the first city tells the test about itself */
	int64_t head;
	struct leak_ids ids;
};

/* ---- readers ---- */

static void add_reader(struct half *h, const char *login, const char *roles, const char *regions,
        const char *orgs, int64_t level)
{
	const struct account_in in = {.login = login,
	        .name = login,
	        .org = "works",
	        .password = h->t.password,
	        .roles = roles,
	        .regions = regions,
	        .orgs = orgs,
	        .clearance = level};
	struct err e = ERR_INIT;

	check_ok(account_add(h->t.site->store, &h->t.site->accounts, &in, &who_system, NULL, &e), &e);
}

static const char *sign_in_as(struct half *h, const char *login)
{
	char token[SESSION_TOKEN] = "";
	struct err e = ERR_INIT;

	check_ok(session_open_as(h->t.site->store, login, "127.0.0.1", token, &e), &e);
	return text("Authorization: Bearer %s\n", token);
}

static void add_readers(struct half *h)
{
	static const char *const roles[] = {
	        "viewer", "viewer handler", "viewer desk", "viewer leader", "viewer admin"};
	const struct secret *s = h->s;
	bool by_region = s->region != NULL && strcmp(s->region, "1001") != 0;

	add_reader(h, "root", "viewer handler desk leader admin", "", "", 4);
	for (size_t r = 0; r < ARRAY_LEN(roles); r++) {
		struct reader *x = &h->reader[h->readers];
		bool narrow = r / 2 % 2 == 1; /* by the other scope too */

		snprintf(x->login, sizeof(x->login), "reader%d", h->readers++);
		add_reader(h, x->login, roles[r], by_region || narrow ? "1001" : "",
		        (s->region != NULL && !by_region) || narrow ? "works" : "",
		        s->clearance != 0 ? s->clearance
		        : r % 2 == 1      ? 3
		                          : 1);
	}
}

static void sign_all_in(struct half *h)
{
	h->root = sign_in_as(h, "root");
	for (int i = 0; i < h->readers; i++)
		h->reader[i].token = sign_in_as(h, h->reader[i].login);
}

/* ---- what happens ---- */

static void expect(struct answer a, const char *what)
{
	if (a.status >= 300)
		check_fail("%s: %d %s", what, a.status, a.body);
}

static void put(struct half *h, const char *path, const char *body)
{
	expect(ask("PUT", path, h->root, body), path);
}

static void post(struct half *h, const char *path, const char *body)
{
	expect(ask("POST", path, h->root, body), path);
}

/* Where the secret lies, as members of a body. */
static const char *place(const struct half *h)
{
	return h->s->region != NULL ? text("\"region\":\"%s\",\"org\":\"%s\"", h->s->region, h->s->org)
	                            : HOME;
}

/* A text that differs between the two where the reader must not see it. */
static const char *either(const struct half *h, bool secret, const char *a, const char *b)
{
	return h->more || !secret ? a : b;
}

static void wait_for(struct half *h, double after_s)
{
	struct err e = ERR_INIT;
	time_us now;

	must(time_parse(STR_LIT(CITY_NOW), NULL, &now));
	clock_set(h->t.site->clock, now + (dur_us)(after_s * 1e6));
	check_ok(site_settle(h->t.site, &e), &e);
}

/* Now, and what comes of it. */
static void reading(struct half *h, const char *metric, const char *thing, double after_s, double v)
{
	struct err e = ERR_INIT;

	city_reading(&h->t, metric, thing, after_s, v);
	check_ok(site_settle(h->t.site, &e), &e);
}

static int take_odd(struct store_tx *tx, void *arg, struct err *e)
{
	struct site *s = arg;
	struct alert_rule odd = s->catalog->rule[0];
	struct label l[] = {{STR_LIT("alertname"), STR_LIT("Odd")}, {STR_LIT("thing"), STR_LIT("X-9")}};
	const struct labels ls = {l, 2};
	int64_t id;

	odd.name = "Odd"; /* the decision sends what it does not know to the centre */
	return alarm_take(tx, s,
	        &(struct alarm_event){.rule = &odd,
	                .labels = &ls,
	                .state = ALARM_FIRING,
	                .value = 1,
	                .since = store_now(tx),
	                .at = store_now(tx)},
	        &id, e);
}

/* A file as a field holds it. */
static const char *file(struct half *h, const char *words)
{
	struct answer a = ask("POST", "/api/v1/files?name=f.txt", h->root, words);

	check_eq_i(a.status, 201);
	return a.body;
}

/* What lies elsewhere in both, and says something else in each. */
static void hide_alike(struct half *h)
{
	put(h, "/api/v1/records/park/p9",
	        text("{\"name\":\"%s\",%s,\"attrs\":{\"note\":\"%s\"}}", either(h, true, "甲密园", "密乙"),
	                place(h), either(h, true, "x9", "q")));
	put(h, "/api/v1/records/firm/x0",
	        text("{\"name\":\"%s\",%s,\"state\":\"%s\",\"attrs\":{\"park\":\"%s\",\"staff\":%s,\"tags\":["
	             "\"%s\"]}}",
	                either(h, true, "甲密", "丙密"), place(h), either(h, true, "open", "closed"),
	                either(h, true, "p1", "p9"), either(h, true, "77", "5"),
	                either(h, true, "甲", "乙")));
	put(h, "/api/v1/records/firm/f5",
	        text("{\"name\":\"%s\",%s,\"attrs\":{\"staff\":%s}}", either(h, true, "甲前", "乙前"),
	                place(h), either(h, true, "8", "9")));
	put(h, "/api/v1/records/firm/f5", "{\"name\":\"五\"," HOME ",\"attrs\":{\"staff\":55}}");
	put(h, "/api/v1/records/firm/f6", "{\"name\":\"六\"," HOME ",\"attrs\":{\"staff\":66}}");
	put(h, "/api/v1/records/firm/f6",
	        text("{\"name\":\"%s\",%s,\"attrs\":{\"staff\":%s}}", either(h, true, "甲后", "乙后"),
	                place(h), either(h, true, "1", "2")));
	put(h, "/api/v1/records/paper/x0",
	        text("{\"name\":\"%s\",%s,\"attrs\":{\"open\":%s}}", either(h, true, "甲密", "乙密"),
	                place(h), file(h, either(h, true, "eins", "zwei"))));
	put(h, "/api/v1/things/X-8",
	        text("{\"kind\":\"sensor\",\"name\":\"%s\",\"lon\":120.2,\"lat\":%s,%s}",
	                either(h, true, "密井", "密泵"), either(h, true, "33.5", "33.6"), place(h)));
	reading(h, "ch4", "X-8", 60, h->more ? 5 : 7);
	post(h, "/api/v1/cases",
	        text("{\"category\":\"gas\",\"title\":\"%s\",\"level\":%s,%s}",
	                either(h, true, "甲案", "乙案"), either(h, true, "1", "4"), place(h)));
}

/* Values of fields; their masks are the same. */
static const char *attrs(const struct half *h, int round)
{
	int64_t c = h->s->clearance != 0 ? h->s->clearance : 4;

	return text("\"staff\":%d,\"capital\":%d.5,\"boss\":\"%s\",\"phone\":\"%s\",\"arrears\":%s,\"grade\":"
	            "\"%s\","
	            "\"watch\":\"%s\"",
	        100 + round, round, either(h, c < 2, "张三丰", "张四海"),
	        either(h, c < 3, "13912345678", "13998765678"), either(h, c < 3, "12345", "13456"),
	        either(h, c < 4, "a", "b"), either(h, c < 4, "p1", "p2"));
}

static void show(struct half *h)
{
	static const char *const parks[] = {"p9", "p1", "p2"};

	put(h, "/api/v1/records/park/p1", "{\"name\":\"甲园\"," HOME "}");
	put(h, "/api/v1/records/park/p2", "{\"name\":\"乙园\"," HOME "}");
	if (h->s->region != NULL)
		hide_alike(h);
	else
		put(h, "/api/v1/records/park/p9", "{\"name\":\"丙园\"," HOME "}");
	put(h, "/api/v1/records/plot/l1", "{\"name\":\"地\"," HOME "}");
	for (int i = 1; i <= 4; i++)
		put(h, text("/api/v1/records/firm/f%d", i),
		        text("{\"name\":\"甲%d\"," HOME ",\"attrs\":{\"park\":\"%s\",%s}}", i, parks[i % 3],
		                attrs(h, i)));
	put(h, "/api/v1/records/firm/f2", text("{\"name\":\"甲2\"," HOME ",\"attrs\":{%s}}", attrs(h, 9)));
	put(h, "/api/v1/records/paper/f1",
	        text("{\"name\":\"甲\"," HOME ",\"attrs\":{\"open\":%s,\"shut\":[%s]}}", file(h, "open"),
	                file(h, either(h, h->s->clearance == 1, "drei", "vier"))));
	post(h, "/api/v1/imports?kind=firm&name=s.csv",
	        text("编号,名称,全称,电话\nf1,甲1,%s,%s\n", "甲一",
	                h->s->clearance != 0 ? either(h, h->s->clearance < 3, "13912345678", "13998765678")
	                                     : "1"));
	reading(h, "ch4", "S-1", 60, 5);
	wait_for(h, 120);
	reading(h, "ch4", "S-1", 120, 30);
	wait_for(h, 3600); /* that alarm is over, and another begins */
	reading(h, "ch4", "S-1", 3600, 40);
	check(strstr(ask("GET", "/api/v1/alarms?open=1", h->root, NULL).body, "\"Leak\"") != NULL);
	post(h, "/api/v1/cases", "{\"category\":\"gas\",\"title\":\"看得见\",\"thing\":\"S-1\"}");
	post(h, "/api/v1/records/firm/f1/reveal", "{\"reason\":\"for the test\"}");
}

/* What one city has and the other has not. */
static void hide_more(struct half *h)
{
	struct err e = ERR_INIT;

	put(h, "/api/v1/records/dossier/x9", "{\"name\":\"甲卷\",\"attrs\":{\"about\":\"f1\"}}");
	put(h, "/api/v1/things/V-9",
	        "{\"kind\":\"vault\",\"name\":\"密\",\"lon\":120.2,\"lat\":33.5," HOME "}");
	reading(h, "hush", "V-9", 3600, 50);
	reading(h, "odd", "V-9", 3600, 50);
	if (h->s->clearance == 1 || h->s->clearance == 2)
		put(h, "/api/v1/records/informer/x9",
		        "{\"name\":\"甲人\"," HOME ",\"attrs\":{\"about\":\"f1\"}}");
	if (h->s->region == NULL)
		return;
	put(h, "/api/v1/records/firm/x9",
	        text("{\"name\":\"甲密\",%s,\"attrs\":{\"park\":\"p1\",\"staff\":103}}", place(h)));
	put(h, "/api/v1/records/plot/x9",
	        text("{\"name\":\"甲\",%s,\"attrs\":{\"above\":\"l1\"}}", place(h)));
	put(h, "/api/v1/records/firm/x8", text("{\"name\":\"甲去\",%s}", place(h)));
	expect(ask("DELETE", "/api/v1/records/firm/x8", h->root, NULL), "removing");
	put(h, "/api/v1/things/X-9",
	        text("{\"kind\":\"sensor\",\"name\":\"密\",\"lon\":120.2001,\"lat\":33.5,%s}", place(h)));
	reading(h, "ch4", "X-9", 3600, strcmp(h->s->org, "works") == 0 ? 40 : 6);
	reading(h, "tilt", "X-9", 3600, 6);
	check_ok(store_write(h->t.site->store, "test", take_odd, h->t.site, &e), &e);
	post(h, "/api/v1/cases",
	        text("{\"category\":\"gas\",\"title\":\"甲密案\",\"level\":1,%s}", place(h)));
}

static int64_t head(struct half *h)
{
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;
	int64_t seq = 0;

	if (check_ok(store_read_begin(h->t.site->store, "test", &tx, &e), &e))
		check_ok(journal_last(tx, &seq, &e), &e);
	store_read_end(&tx);
	return seq;
}

/* Every "name":"…" of an answer. */
static int collect(struct half *h, const char *path, const char *name, char (*out)[24])
{
	struct answer a = ask("GET", path, h->root, NULL);
	const char *mark = text("\"%s\":\"", name), *p = a.body;
	int n = 0;

	while ((p = strstr(p, mark)) != NULL && n < LEAK_IDS) {
		p += strlen(mark);
		snprintf(out[n++], sizeof(*out), "%.*s", (int)strcspn(p, "\""), p);
	}
	return n;
}

static void live(struct half *h, struct both *b)
{
	static const char *const packs[] = {
	        SOURCE "/tests/data/packs/mini", SOURCE "/tests/data/packs/vault", NULL};

	city_open_bare(&h->t, h->more ? "more" : "less", packs, true);
	add_readers(h);
	sign_all_in(h);
	show(h);
	wait_for(h, 3605);
	if (h->more) {
		hide_more(h);
		b->head = head(h);
	}
	for (int i = 0; i < 100 && head(h) < b->head; i++)
		put(h, text("/api/v1/records/dossier/d%d", i), "{\"name\":\"卷\"}");
	check_eq_i(head(h), b->head);
	expect(ask("GET", "/api/v1/exports/firm?reason=all+of+them&q=甲密", h->root, NULL), "export");
	wait_for(h, 3610);
	put(h, "/api/v1/records/firm/f7", text("{\"name\":\"甲7\"," HOME ",\"attrs\":{%s}}", attrs(h, 7)));
	put(h, "/api/v1/records/firm/zz", "{\"name\":\"末\"}");
	if (h->more) {
		b->ids.n_cases = collect(h, "/api/v1/cases?limit=500", "id", b->ids.cases);
		b->ids.n_codes = collect(h, "/api/v1/cases?limit=500", "code", b->ids.codes);
		b->ids.n_alarms = collect(h, "/api/v1/alarms?limit=500", "id", b->ids.alarms);
		b->ids.n_changesets = collect(h, "/api/v1/changesets", "id", b->ids.changesets);
		check(b->ids.n_cases >= 2 && b->ids.n_alarms >= 1 && b->ids.n_changesets == 1);
	}
}

/* ---- asking ---- */

static void follow(struct half *h, int i, struct leak_answers *x)
{
	expect(ask("GET", "/api/v1/events?after=0", h->reader[i].token, NULL), "events");
	check(stream_waits_for("firm/zz"));
	leak_note(x, text("%s: the stream", h->reader[i].login), stream_text());
	stream_leave();
}

static void compare(const struct secret *s)
{
	struct half h[2] = {{.s = s, .more = true}, {.s = s}};
	struct leak_answers x[2] = {{0}, {.against = &x[0]}};
	struct both b = {0};

	for (int i = 0; i < 2; i++) {
		live(&h[i], &b);
		for (int k = 0; k < h[i].readers; k++)
			follow(&h[i], k, &x[i]);
		for (int k = 0; k < h[i].readers; k++)
			leak_read(&x[i], &h[i].t, &b.ids, h[i].reader[k].login, h[i].reader[k].token);
		wait_for(&h[i], 25 * 3600); /* another day: codes of cases begin anew */
		wait_for(&h[i], 25 * 3600 + 1);
		sign_all_in(&h[i]);
		for (int k = 0; k < h[i].readers; k++)
			leak_write(&x[i], &h[i].t, &b.ids, h[i].reader[k].login, h[i].reader[k].token);
		city_close(&h[i].t);
	}
	check_eq_u(x[1].n, x[0].n);
	printf("# %zu answers\n", x[0].n);
	leak_free(&x[1]);
	leak_free(&x[0]);
}

TEST(nothing_of_another_region)
{
	compare(&(struct secret){"1002", "works", 0});
}

LONG_TEST(nothing_of_another_org)
{
	compare(&(struct secret){"1001", "water", 0});
}

LONG_TEST(nothing_above_clearance_1)
{
	compare(&(struct secret){NULL, NULL, 1});
}

LONG_TEST(nothing_above_clearance_2)
{
	compare(&(struct secret){NULL, NULL, 2});
}

LONG_TEST(nothing_above_clearance_3)
{
	compare(&(struct secret){NULL, NULL, 3});
}

/* The journal: order, chain, scope, watchers, cursors, forgetting. */
#include "site.h"
#include "probe_sql.h"

#include <pthread.h>

/* Waits, in real time, until *at >= want; the tests' only wait, on what another thread must do. */
struct seen {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int64_t seq;
};
#define SEEN_INIT                                                                                            \
	{                                                                                                    \
		.lock = PTHREAD_MUTEX_INITIALIZER, .cond = PTHREAD_COND_INITIALIZER                          \
	}

static void seen(void *ctx, int64_t seq)
{
	struct seen *s = ctx;
	pthread_mutex_lock(&s->lock);
	check(seq > s->seq);
	s->seq = seq;
	pthread_cond_broadcast(&s->cond);
	pthread_mutex_unlock(&s->lock);
}

static void wait_seen(struct seen *s, int64_t want)
{
	pthread_mutex_lock(&s->lock);
	while (s->seq < want)
		pthread_cond_wait(&s->cond, &s->lock);
	pthread_mutex_unlock(&s->lock);
}

/* Reads after `after` and tells it as "seq:kind " … "|last". */
static void reads(struct site *s, int64_t after, int limit, const struct journal_filter *f, const char *want)
{
	struct store_tx *tx = NULL;
	struct journal_entry *v = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	int64_t last = -1;
	int n = 0;
	check_ok(store_read_begin(s->st, "reads", &tx, &e), &e);
	check_ok(journal_read(tx, after, limit, f, &v, &n, &last, &e), &e);
	for (int i = 0; i < n; i++)
		sb_printf(&b, "%d:" STR_FMT " ", (int)v[i].seq, STR_ARG(v[i].kind));
	sb_printf(&b, "|%d", (int)last);
	check_str(sb_str(&b), want);
	sb_fini(&b);
	store_read_end(&tx);
}

static void pages(struct site *s, int64_t before, int limit, const struct journal_filter *f, const char *want)
{
	struct store_tx *tx = NULL;
	struct journal_entry *v = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	int n = 0;
	check_ok(store_read_begin(s->st, "pages", &tx, &e), &e);
	check_ok(journal_page(tx, before, limit, f, &v, &n, &e), &e);
	sb_puts(&b, "");
	for (int i = 0; i < n; i++)
		sb_printf(&b, "%d ", (int)v[i].seq);
	check_str(sb_str(&b), want);
	sb_fini(&b);
	store_read_end(&tx);
}

static struct journal_verdict verify(struct site *s)
{
	struct journal_verdict v;
	struct err e = ERR_INIT;
	check_ok(journal_verify(s->st, &v, &e), &e);
	return v;
}

ON_BOTH(entries_come_back_in_order)
{
	struct journal_verdict v = verify(s);
	check_eq_i(v.entries, 0);
	check_eq_i(v.bad_seq, 0);
	reads(s, 0, 10, NULL, "|0");
	append(s, "case.opened", "case", "A1", "3209", 1, "{\"n\":1}");
	append(s, "case.closed", "case", "A1", "3209", 1, NULL);
	append(s, "alarm.fired", "alarm", "7", "", 2, "{}");
	reads(s, 0, 10, NULL, "1:case.opened 2:case.closed 3:alarm.fired |3");
	reads(s, 1, 1, NULL, "2:case.closed |2");
	reads(s, 3, 10, NULL, "|3");
	reads(s, 99, 10, NULL, "|99");
	pages(s, 0, 2, NULL, "3 2 ");
	pages(s, 2, 2, NULL, "1 ");

	struct store_tx *tx = NULL;
	struct journal_entry *e1 = NULL;
	struct err e = ERR_INIT;
	int64_t last;
	int n = 0;
	check_ok(store_read_begin(s->st, "one", &tx, &e), &e);
	check_ok(journal_read(tx, 0, 1, NULL, &e1, &n, &last, &e), &e);
	if (check_eq_i(n, 1)) {
		check_str(e1->subject, "case");
		check_str(e1->subject_id, "A1");
		check_str(e1->region, "3209");
		check_str(e1->org, "");
		check_str(e1->account, "li.wei");
		check_str(e1->payload, "{\"n\":1}");
		check_eq_i(e1->at, clock_now(s->clock));
		check(e1->id > 0);
	}
	check_ok(journal_last(tx, &last, &e), &e);
	check_eq_i(last, 3);
	store_read_end(&tx);
	v = verify(s);
	check_eq_i(v.entries, 3);
	check_eq_i(v.bad_seq, 0);
	check_eq_i(v.unsequenced, 0);
	check_eq_i((int64_t)strlen(v.head), 64);
}

static int append_raw(struct store_tx *tx, void *arg, struct err *e)
{
	return journal_append(tx, arg, e);
}

ON_BOTH(a_reader_sees_its_scope_only)
{
	static const char *const county[] = {"320903", NULL};
	static const char *const none[] = {NULL};
	const char *kinds[] = {NULL, NULL};
	struct journal_scope scope = {county, NULL, 1};
	struct journal_filter f = {.scope = &scope};
	append(s, "a.made", "a", "1", "320903", 1, "{}");
	append(s, "a.made", "a", "2", "320904", 1, "{}");
	append(s, "a.made", "a", "3", "320903001", 1, "{}");
	append(s, "a.made", "a", "4", "", 1, "{}");
	append(s, "a.made", "a", "5", "320903", 2, "{}");
	append(s, "b.made", "b", "1", "32090", 1, "{}");
	reads(s, 0, 10, &f, "1:a.made 3:a.made 4:a.made |6");
	/* A page that is full ends at its last entry, one that is not at what was looked at. */
	reads(s, 0, 2, &f, "1:a.made 3:a.made |3");
	pages(s, 0, 10, &f, "4 3 1 ");
	scope.clearance = 2;
	reads(s, 3, 10, &f, "4:a.made 5:a.made |6");
	scope.regions = none;
	reads(s, 0, 10, &f, "4:a.made |6");
	f = (struct journal_filter){.subject = "a"};
	pages(s, 0, 2, &f, "5 4 ");
	f.subject_id = "2";
	reads(s, 0, 10, &f, "2:a.made |6");
	pages(s, 0, 10, &f, "2 ");
	kinds[0] = "b.";
	f = (struct journal_filter){.kinds = kinds};
	reads(s, 0, 10, &f, "6:b.made |6");
	kinds[0] = "%";
	reads(s, 0, 10, &f, "|6");
}

/* Six entries in three days: by whom, of what kinds, when. */
ON_BOTH(a_page_answers_who_did_what_and_when)
{
	static const struct {
		const char *kind, *subject_id, *account;
	} row[] = {{"record.added", "firm/F1", "zhang"}, {"record.revealed", "firm/F1", "li"},
	        {"record.revealed", "firm/F2", "zhang"}, {"record.re", "firm/F1", "zhang"},
	        {"account.added", "li", "admin"}, {"record.revealed", "firm/F1", "zhang"}};
	static const char *const revealed[] = {"record.revealed", NULL}, *const records[] = {"record.", NULL};
	static const char *const two[] = {"account.", "record.re", NULL}, *const part[] = {
	                                                                          "record.rev", NULL};
	static const char *const none[] = {NULL};
	static const struct journal_scope public = {NULL, NULL, 1};
	struct journal_filter f = {.account = "zhang"};
	struct err e = ERR_INIT;
	time_us day[3];

	for (size_t i = 0; i < ARRAY_LEN(row); i++) {
		struct journal_entry j = {.at = TIME_NONE,
		        .kind = str_of(row[i].kind),
		        .subject = STR_LIT("record"),
		        .subject_id = str_of(row[i].subject_id),
		        .secrecy = i == 5 ? 2 : 1,
		        .account = str_of(row[i].account)};

		if (i % 2 == 0) {
			clock_set(s->clock, clock_now(s->clock) + US_DAY);
			day[i / 2] = clock_now(s->clock);
		}
		check_ok(store_write(s->st, "entry", append_raw, &j, &e), &e);
	}
	pages(s, 0, 10, &f, "6 4 3 1 ");
	pages(s, 4, 1, &f, "3 ");
	f.kinds = revealed;
	pages(s, 0, 10, &f, "6 3 ");
	reads(s, 0, 10, &f, "3:record.revealed 6:record.revealed |6");
	f = (struct journal_filter){.kinds = revealed};
	pages(s, 0, 10, &f, "6 3 2 ");
	f.scope = &public;
	pages(s, 0, 10, &f, "3 2 ");
	f = (struct journal_filter){.kinds = records, .subject = "record", .subject_id = "firm/F1"};
	pages(s, 0, 10, &f, "6 4 2 1 ");
	f.account = "li";
	pages(s, 0, 10, &f, "2 ");
	f = (struct journal_filter){.kinds = two};
	pages(s, 0, 10, &f, "5 4 ");
	f.kinds = part; /* no beginning of a kind */
	pages(s, 0, 10, &f, "");
	f.kinds = none;
	pages(s, 0, 10, &f, "");
	f = (struct journal_filter){.since = day[1], .until = day[2]};
	pages(s, 0, 10, &f, "4 3 ");
	reads(s, 0, 10, &f, "3:record.revealed 4:record.re |6");
	f.account = "li";
	pages(s, 0, 10, &f, "");
	f = (struct journal_filter){.since = day[2]};
	pages(s, 0, 10, &f, "6 5 ");
	pages(s, 6, 10, &f, "5 ");
	f = (struct journal_filter){.until = day[1]};
	pages(s, 0, 10, &f, "2 1 ");
	f = (struct journal_filter){.until = day[0]};
	pages(s, 0, 10, &f, "");
}

ON_BOTH(the_head_is_where_the_chain_stands)
{
	struct journal_head h;
	struct store_tx *tx = NULL;
	struct err e = ERR_INIT;

	check_ok(store_read_begin(s->st, "head", &tx, &e), &e);
	check_ok(journal_head(tx, &h, &e), &e);
	store_read_end(&tx);
	check_eq_i(h.seq, 0);
	check(h.at == TIME_NONE);
	append(s, "a.made", "a", "1", "", 1, "{}");
	check_ok(store_read_begin(s->st, "head", &tx, &e), &e);
	check_ok(journal_head(tx, &h, &e), &e);
	store_read_end(&tx);
	check_eq_i(h.seq, 1);
	check_eq_i(h.at, clock_now(s->clock));
	check_eq_s(h.hash, verify(s).head);
}

ON_BOTH(secrecy_has_four_levels)
{
	struct err e = ERR_INIT;
	struct journal_entry j = {
	        .at = TIME_NONE, .kind = STR_LIT("x.made"), .subject = STR_LIT("x"), .secrecy = 5};
	check_err(store_write(s->st, "5", append_raw, &j, &e), ERR_INVALID);
	j.secrecy = 4;
	check_ok(store_write(s->st, "4", append_raw, &j, &e), &e);
	j.subject = STR_NULL;
	check_err(store_write(s->st, "no subject", append_raw, &j, &e), ERR_BUG);
	check_eq_i(verify(s).entries, 1);
}

ON_BOTH(what_was_tampered_with_is_found)
{
	for (int i = 0; i < 5; i++)
		append(s, "case.opened", "case", "A1", "3209", 1, "{\"n\":1}");
	check_eq_i(verify(s).bad_seq, 0);
	site_sql(s, "UPDATE journal SET payload = '{\"n\":2}' WHERE seq = 3");
	check_eq_i(verify(s).bad_seq, 3);
	site_sql(s, "UPDATE journal SET payload = '{\"n\":1}' WHERE seq = 3");
	check_eq_i(verify(s).bad_seq, 0);
	site_sql(s, "UPDATE journal SET account = 'wang' WHERE seq = 2");
	check_eq_i(verify(s).bad_seq, 2);
	site_sql(s, "UPDATE journal SET account = 'li.wei' WHERE seq = 2");
	site_sql(s, "UPDATE journal SET at = at + 1 WHERE seq = 5");
	check_eq_i(verify(s).bad_seq, 5);
	site_sql(s, "UPDATE journal SET at = at - 1 WHERE seq = 5");
	site_sql(s, "DELETE FROM journal WHERE seq = 4");
	check_eq_i(verify(s).bad_seq, 4);
}

/* Fields run into one another nowhere: "ab" + "c" is not "a" + "bc". */
ON_BOTH(moving_a_letter_between_fields_is_found)
{
	append(s, "case.opened", "case", "A1", "3209", 1, "{}");
	site_sql(s, "UPDATE journal SET subject = 'cas', subject_id = 'eA1'");
	check_eq_i(verify(s).bad_seq, 1);
}

ON_BOTH(the_chain_goes_on_over_restarts_with_its_own_digest)
{
	site_close(s);
	site_sql(s, "UPDATE setting SET value = 'sm3' WHERE name = 'journal.digest'");
	check(site_open(s)); /* the options say SHA-256 */
	append(s, "a.made", "a", "1", "", 1, "{}");
	check(site_open(s));
	append(s, "a.made", "a", "2", "", 1, "{}");
	struct journal_verdict v = verify(s);
	check_eq_i(v.digest, DIGEST_SM3);
	check_eq_i(v.entries, 2);
	check_eq_i(v.bad_seq, 0);
}

ON_BOTH(ids_go_on_after_a_restart_under_a_clock_that_stands)
{
	append(s, "a.made", "a", "1", "", 1, "{}");
	int64_t before = store_new_id(s->st);
	append(s, "a.made", "a", "2", "", 1, "{}");
	site_close(s);
	id_source_free(&s->ids);
	s->ids = id_source_new(1, s->clock);
	s->o.ids = s->ids;
	check(site_open(s));
	check(store_new_id(s->st) > before);
	append(s, "a.made", "a", "3", "", 1, "{}");
	check_eq_i(verify(s).bad_seq, 0);
}

struct erase {
	const char *id;
	int64_t erased;
};

static int erase_write(struct store_tx *tx, void *arg, struct err *e)
{
	struct erase *a = arg;
	return journal_erase(tx, "person", a->id, "officer", "asked to", &a->erased, e);
}

ON_BOTH(what_is_erased_is_gone_and_the_chain_verifies)
{
	struct err e = ERR_INIT;
	struct erase a = {"p1", 0};
	append(s, "person.made", "person", "p1", "3209", 3, "{\"name\":\"Zhang San\"}");
	append(s, "person.made", "person", "p2", "3209", 3, "{\"name\":\"Li Si\"}");
	append(s, "person.moved", "person", "p1", "3210", 3, "{\"to\":\"x\"}");
	struct journal_verdict before = verify(s);
	check_ok(store_write(s->st, "erase", erase_write, &a, &e), &e);
	check_eq_i(a.erased, 2);
	struct journal_verdict v = verify(s);
	check_eq_i(v.bad_seq, 0);
	check_eq_i(v.erased, 2);
	check_eq_i(v.entries, 4);
	check(strcmp(before.head, v.head) != 0);

	struct store_tx *tx = NULL;
	struct journal_entry *j = NULL;
	int n = 0;
	check_ok(store_read_begin(s->st, "look", &tx, &e), &e);
	check_ok(journal_page(tx, 0, 10, NULL, &j, &n, &e), &e);
	if (check_eq_i(n, 4)) {
		check_str(j[0].kind, "journal.erased");
		check_str(j[0].region, "3210");
		check_eq_i(j[0].secrecy, 3);
		check_str(j[0].payload, "{\"reason\":\"asked to\",\"entries\":2}");
		check(j[1].payload.p == NULL);
		check_str(j[2].payload, "{\"name\":\"Li Si\"}");
		check(j[3].payload.p == NULL);
	}
	store_read_end(&tx);
	a.id = "nobody";
	check_err(store_write(s->st, "erase", erase_write, &a, &e), ERR_NOTFOUND);
}

static int cursor_write(struct store_tx *tx, void *arg, struct err *e)
{
	return journal_cursor_set(tx, "webhook.1", *(int64_t *)arg, e);
}

ON_BOTH(a_cursor_survives)
{
	struct err e = ERR_INIT;
	struct store_tx *tx = NULL;
	int64_t seq = 41;
	check_ok(store_write(s->st, "cursor", cursor_write, &seq, &e), &e);
	seq = 42;
	check_ok(store_write(s->st, "cursor", cursor_write, &seq, &e), &e);
	check(site_open(s));
	check_ok(store_read_begin(s->st, "cursor", &tx, &e), &e);
	check_ok(journal_cursor_get(tx, "webhook.1", &seq, &e), &e);
	check_eq_i(seq, 42);
	check_ok(journal_cursor_get(tx, "never", &seq, &e), &e);
	check_eq_i(seq, 0);
	store_read_end(&tx);
}

ON_BOTH(a_watcher_is_told_of_what_it_can_read)
{
	struct seen a = SEEN_INIT, b = SEEN_INIT;
	struct journal_watch *wa = journal_watch(s->st, seen, &a);
	struct journal_watch *wb = journal_watch(s->st, seen, &b);
	append(s, "a.made", "a", "1", "", 1, "{}");
	wait_seen(&a, 1);
	wait_seen(&b, 1);
	reads(s, 0, 10, NULL, "1:a.made |1");
	journal_unwatch(s->st, &wb);
	check_eq_p(wb, NULL);
	append(s, "a.made", "a", "2", "", 1, "{}");
	wait_seen(&a, 2);
	check_eq_i(b.seq, 1);
	journal_unwatch(s->st, &wa);
}

static int failing_append(struct store_tx *tx, void *arg, struct err *e)
{
	int rc = journal_append(tx, arg, e);
	return rc < 0 ? rc : err_set(e, ERR_STATE, "changed its mind");
}

ON_BOTH(an_entry_of_a_write_that_failed_was_never_there)
{
	struct err e = ERR_INIT;
	struct journal_entry j = {
	        .at = TIME_NONE, .kind = STR_LIT("a.made"), .subject = STR_LIT("a"), .secrecy = 1};
	append(s, "a.made", "a", "1", "", 1, "{}");
	check_err(store_write(s->st, "fails", failing_append, &j, &e), ERR_STATE);
	append(s, "a.made", "a", "2", "", 1, "{}");
	reads(s, 0, 10, NULL, "1:a.made 2:a.made |2");
	check_eq_i(verify(s).bad_seq, 0);
}

/* Two programs on one store: one order, one chain, and each hears of the other's entries. */
ON_BOTH(two_copies_write_one_journal)
{
	struct seen a = SEEN_INIT, b = SEEN_INIT;
	struct id_source *ids = id_source_new(2, s->clock);
	struct store *first = s->st, *other = site_second(s, ids);
	struct journal_watch *wa = journal_watch(first, seen, &a);
	struct journal_watch *wb = journal_watch(other, seen, &b);
	for (int i = 0; i < 4; i++) {
		s->st = i % 2 ? other : first;
		append(s, "a.made", "a", "1", "", 1, "{}");
	}
	s->st = first;
	wait_seen(&a, 4);
	wait_seen(&b, 4);
	struct journal_verdict v = verify(s);
	check_eq_i(v.entries, 4);
	check_eq_i(v.bad_seq, 0);
	journal_unwatch(first, &wa);
	/* The one that sequenced ends; the other takes over. */
	site_close(s);
	s->st = other;
	append(s, "a.made", "a", "2", "", 1, "{}");
	wait_seen(&b, 5);
	check_eq_i(verify(s).bad_seq, 0);
	journal_unwatch(other, &wb);
	s->st = NULL;
	store_close(&other);
	id_source_free(&ids);
}

static void *append_main(void *arg)
{
	struct site *s = arg;
	for (int i = 0; i < 25; i++)
		append(s, "a.made", "a", "1", "", 1, "{\"x\":\"鹤\"}");
	return NULL;
}

/* Both write at the same time, with all the conflicts that brings. */
ON_BOTH(copies_that_write_at_once_lose_nothing)
{
	struct id_source *ids = id_source_new(2, s->clock);
	struct site second = *s;
	struct seen a = SEEN_INIT;
	pthread_t t[4];
	second.st = site_second(s, ids);
	struct journal_watch *w = journal_watch(s->st, seen, &a);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_create(&t[i], NULL, append_main, i % 2 ? s : &second);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		pthread_join(t[i], NULL);
	wait_seen(&a, 100);
	struct journal_verdict v = verify(s);
	check_eq_i(v.entries, 100);
	check_eq_i(v.unsequenced, 0);
	check_eq_i(v.bad_seq, 0);
	journal_unwatch(s->st, &w);
	store_close(&second.st);
	id_source_free(&ids);
}

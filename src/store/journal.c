#include "store/journal.h"

#include <pthread.h>

#include "base/json.h"
#include "base/log.h"
#include "store/sql.h"
#include "store/store_int.h"

#define SALT_LEN 16
#define VERIFY_PAGE 1000 /* entries of the chain in memory at once */
/* Entries that one journal_read looks at: a reader who may see few of them still gets on. */
#define LOOK_MAX 100000

static const char digest_setting[] = "journal.digest";

/* ---- the chain ---- */

/* What is hashed of an entry; the same columns as of journal_waiting and journal_chain. */
struct link {
	int64_t seq, id, at, secrecy;
	struct str kind, subject, subject_id, region, org, account, digest;
};

static void add_str(struct digest_ctx *d, struct str s)
{
	digest_add_field(d, s.p, s.n);
}

/* Integers as eight big-endian bytes: the chain is the same on every machine. */
static void add_int(struct digest_ctx *d, int64_t v)
{
	uint8_t b[8];
	for (int i = 0; i < 8; i++)
		b[i] = (uint8_t)((uint64_t)v >> (56 - 8 * i));
	digest_add_field(d, b, sizeof(b));
}

static void link_hash(
        enum digest_kind k, const uint8_t prev[DIGEST_LEN], const struct link *l, uint8_t out[DIGEST_LEN])
{
	struct digest_ctx *d = digest_begin(k);
	digest_add_field(d, prev, DIGEST_LEN);
	add_int(d, l->seq);
	add_int(d, l->id);
	add_int(d, l->at);
	add_str(d, l->kind);
	add_str(d, l->subject);
	add_str(d, l->subject_id);
	add_str(d, l->region);
	add_str(d, l->org);
	add_int(d, l->secrecy);
	add_str(d, l->account);
	add_str(d, l->digest);
	digest_end(&d, out);
}

static void payload_digest(enum digest_kind k, struct str salt, struct str payload, uint8_t out[DIGEST_LEN])
{
	struct digest_ctx *d = digest_begin(k);
	add_str(d, salt);
	add_str(d, payload);
	digest_end(&d, out);
}

int journal__digest(struct store_tx *tx, enum digest_kind *k, struct err *e)
{
	struct sql_setting_keep_in keep = {
	        str_of(digest_setting), str_of(digest_kind_name(*k)), store_now(tx)};
	struct sql_setting_get_in get = {str_of(digest_setting)};
	struct sql_setting_get_row row = {0};
	int rc = sql_setting_keep(tx, &keep, NULL, e);
	if (rc == 0)
		rc = sql_setting_get(tx, &get, &row, e);
	if (rc < 0)
		return rc;
	if (rc == 0 || !digest_kind_parse(row.value.p, k)) {
		err_set(e, ERR_CORRUPT, "the setting \"%s\" names no digest that this program knows",
		        digest_setting);
		return ERR_CORRUPT;
	}
	return 0;
}

/* ---- writing ---- */

int journal_append(struct store_tx *tx, const struct journal_entry *j, struct err *e)
{
	uint8_t salt[SALT_LEN], digest[DIGEST_LEN];
	struct str empty = STR_LIT("");
	struct str payload = j->payload.p ? j->payload : STR_LIT("{}");

	if (j->kind.n == 0 || j->subject.n == 0)
		return err_set(e, ERR_BUG, "an entry of the journal needs a kind and a subject");
	random_bytes(salt, sizeof(salt));
	payload_digest(
	        store__digest(store__of(tx)), (struct str){(char *)salt, sizeof(salt)}, payload, digest);
	struct sql_journal_insert_in in = {
	        .id = store_tx_id(tx),
	        .at = j->at == TIME_NONE ? store_now(tx) : j->at,
	        .kind = j->kind,
	        .subject = j->subject,
	        .subject_id = j->subject_id.p ? j->subject_id : empty,
	        .region = j->region.p ? j->region : empty,
	        .org = j->org.p ? j->org : empty,
	        .secrecy = j->secrecy,
	        .account = j->account.p ? j->account : empty,
	        .payload = payload,
	        .salt = {(char *)salt, sizeof(salt)},
	        .digest = {(char *)digest, sizeof(digest)},
	};
	int rc = sql_journal_insert(tx, &in, NULL, e);
	if (rc == 0)
		store__appended(tx);
	return rc;
}

/* Where the chain stands: 0 and zeros before the first entry. */
static int head(struct store_tx *tx, int64_t *seq, time_us *at, uint8_t hash[DIGEST_LEN], struct err *e)
{
	struct sql_journal_head_row row;
	int rc = sql_journal_head(tx, &row, e);
	*seq = 0;
	*at = TIME_NONE;
	memset(hash, 0, DIGEST_LEN);
	if (rc <= 0)
		return rc;
	if (row.hash.n != DIGEST_LEN)
		return err_set(e, ERR_CORRUPT, "entry %lld of the journal has a hash of %zu bytes",
		        (long long)row.seq, row.hash.n);
	*seq = row.seq;
	*at = row.at;
	memcpy(hash, row.hash.p, DIGEST_LEN);
	return 0;
}

int journal__sequence(
        struct store_tx *tx, enum digest_kind k, int limit, int *n, int64_t *last, struct err *e)
{
	struct sql_journal_waiting_in in = {limit};
	struct sql_journal_waiting_row row;
	struct store_rows *rows = NULL;
	struct sql_journal_place_in *place = NULL;
	uint8_t hash[DIGEST_LEN];
	size_t cap = 0, count = 0;
	int64_t seq;
	time_us at;

	*n = 0;
	int rc = head(tx, &seq, &at, hash, e);
	if (rc == 0)
		rc = sql_journal_waiting_open(tx, &in, &rows, e);
	/* Collected first: the walk goes along the index that the updates change. */
	while (rc >= 0 && (rc = sql_journal_waiting_next(rows, &row, e)) > 0) {
		struct link l = {
		        .seq = ++seq,
		        .id = row.id,
		        .at = row.at,
		        .secrecy = row.secrecy,
		        .kind = row.kind,
		        .subject = row.subject,
		        .subject_id = row.subject_id,
		        .region = row.region,
		        .org = row.org,
		        .account = row.account,
		        .digest = row.digest,
		};
		link_hash(k, hash, &l, hash);
		place = arena_grow(store_arena(tx), place, &cap, count + 1, sizeof(*place));
		char *kept = arena_memdup(store_arena(tx), hash, DIGEST_LEN);
		if (place == NULL || kept == NULL)
			rc = err_set(e, ERR_NOMEM, "no memory to sequence the journal");
		else
			place[count++] = (struct sql_journal_place_in){row.id, seq, {kept, DIGEST_LEN}};
	}
	store_rows_close(&rows);
	for (size_t i = 0; rc >= 0 && i < count; i++) {
		int64_t changed = 0;
		rc = sql_journal_place(tx, &place[i], &changed, e);
		if (rc == 0 && changed != 1)
			rc = err_set(
			        e, ERR_CONFLICT, "an entry of the journal was sequenced by another copy");
	}
	if (rc < 0)
		return rc;
	*n = (int)count;
	*last = seq;
	if (count > 0)
		LOG(JOURNAL, log_i("entries", (int64_t)count), log_i("last", seq));
	return 0;
}

/* ---- reading ---- */

/* NULL-ended list -> JSON array in the arena; NULL -> STR_NULL, which means all. */
static struct str prefixes(struct arena *a, const char *const *list)
{
	struct sb b = SB_INIT;
	struct jw w;
	if (list == NULL)
		return STR_NULL;
	jw_init(&w, &b);
	jw_array(&w);
	for (; *list; list++)
		jw_cstr(&w, *list);
	jw_array_end(&w);
	struct str out = {arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

/* Kinds as the statements have them: a whole one ends in a blank, so that it is no beginning of another. */
static struct str kinds_given(struct arena *a, const char *const *list)
{
	const char **out;
	size_t n = 0;

	if (list == NULL)
		return STR_NULL;
	while (list[n] != NULL)
		n++;
	out = arena_array(a, n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = *list[i] != '\0' && list[i][strlen(list[i]) - 1] == '.'
		                 ? list[i]
		                 : arena_printf(a, "%s ", list[i]);
	return prefixes(a, out);
}

/* The only kind that is asked for, if it is one and no group: an index leads to it. */
static const char *kind_alone(const struct journal_filter *f)
{
	const char *const *k = f->kinds;

	return k != NULL && k[0] != NULL && k[1] == NULL && *k[0] != '\0' && k[0][strlen(k[0]) - 1] != '.'
	               ? k[0]
	               : NULL;
}

/* A filter in the statements' words. */
struct given {
	struct str regions, orgs, kinds, account;
	int64_t since, until, clearance;
};

static struct given filter_given(struct arena *a, const struct journal_filter *f)
{
	return (struct given){.regions = prefixes(a, f->scope ? f->scope->regions : NULL),
	        .orgs = prefixes(a, f->scope ? f->scope->orgs : NULL),
	        .kinds = kinds_given(a, f->kinds),
	        .account = str_of(f->account),
	        .since = f->since != 0 ? f->since : -INT64_MAX, /* INT64_MIN is NULL */
	        .until = f->until != 0 ? f->until : INT64_MAX,
	        .clearance = f->scope ? f->scope->clearance : INT64_MAX};
}

/* The columns of the statements that read entries are the same, under other names. */
#define ENTRY_OF(row)                                                                                        \
	(struct journal_entry)                                                                               \
	{                                                                                                    \
		.seq = (row).seq, .id = (row).id, .at = (row).at, .kind = (row).kind,                        \
		.subject = (row).subject, .subject_id = (row).subject_id, .region = (row).region,            \
		.org = (row).org, .secrecy = (row).secrecy, .account = (row).account,                        \
		.payload = (row).payload                                                                     \
	}

struct list {
	struct journal_entry *v;
	size_t n, cap;
};

/* Adds an entry whose text lives until the next row only. */
static int keep(struct arena *a, struct list *l, struct journal_entry j, struct err *e)
{
	struct str *const text[] = {
	        &j.kind, &j.subject, &j.subject_id, &j.region, &j.org, &j.account, &j.payload};
	for (size_t i = 0; i < ARRAY_LEN(text); i++)
		if (text[i]->p)
			text[i]->p = arena_strndup(a, text[i]->p, text[i]->n);
	l->v = arena_grow(a, l->v, &l->cap, l->n + 1, sizeof(*l->v));
	if (arena_failed(a) || l->v == NULL)
		return err_set(e, ERR_NOMEM, "this page of the journal is over the memory limit");
	l->v[l->n++] = j;
	return 0;
}

/* Runs one of the statements and keeps its entries. */
#define COLLECT(name, in)                                                                                    \
	do {                                                                                                 \
		struct sql_##name##_row row_;                                                                \
		rc = sql_##name##_open(tx, in, &rows, e);                                                    \
		while (rc >= 0 && (rc = sql_##name##_next(rows, &row_, e)) > 0)                              \
			rc = keep(a, &l, ENTRY_OF(row_), e);                                                 \
	} while (0)

int journal_last(struct store_tx *tx, int64_t *seq, struct err *e)
{
	struct sql_journal_head_row row;
	int rc = sql_journal_head(tx, &row, e);
	if (rc >= 0)
		*seq = rc == 1 ? row.seq : 0;
	return rc < 0 ? rc : 0;
}

int journal_head(struct store_tx *tx, struct journal_head *out, struct err *e)
{
	uint8_t hash[DIGEST_LEN];
	int rc = head(tx, &out->seq, &out->at, hash, e);

	hex_encode(hash, DIGEST_LEN, out->hash);
	return rc;
}

int journal_read(struct store_tx *tx, int64_t after, int limit, const struct journal_filter *f,
        struct journal_entry **out, int *n, int64_t *last, struct err *e)
{
	static const struct journal_filter everything;
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct list l = {0};
	int64_t end;

	f = f ? f : &everything;
	int rc = journal_last(tx, &end, e);
	if (rc < 0)
		return rc;
	struct given g = filter_given(a, f);
	int64_t until = end - after > LOOK_MAX ? after + LOOK_MAX : end;
	if (f->subject) {
		until = end; /* an index leads to them */
		struct sql_journal_after_of_in in = {str_of(f->subject), str_of(f->subject_id), after, until,
		        limit, g.kinds, g.account, g.since, g.until, g.regions, g.orgs, g.clearance};
		COLLECT(journal_after_of, &in);
	} else {
		struct sql_journal_after_in in = {after, until, limit, g.kinds, g.account, g.since, g.until,
		        g.regions, g.orgs, g.clearance};
		COLLECT(journal_after, &in);
	}
	store_rows_close(&rows);
	if (rc < 0)
		return rc;
	*out = l.v;
	*n = (int)l.n;
	*last = (int)l.n >= limit && l.n > 0 ? l.v[l.n - 1].seq : until > after ? until : after;
	return 0;
}

/* A period becomes a range of places, so that what lies outside it is not looked at. */
static int narrow(struct store_tx *tx, const struct journal_filter *f, const struct given *g, int64_t *first,
        int64_t *before, struct err *e)
{
	struct sql_journal_span_in in = {g->since, g->until};
	struct sql_journal_span_row row;
	int rc;

	if (f->since == 0 && f->until == 0)
		return 0;
	rc = sql_journal_span(tx, &in, &row, e);
	if (rc < 0)
		return rc;
	*first = row.first;
	if (row.last + 1 < *before)
		*before = row.last + 1;
	return 0;
}

int journal_page(struct store_tx *tx, int64_t before, int limit, const struct journal_filter *f,
        struct journal_entry **out, int *n, struct err *e)
{
	static const struct journal_filter everything;
	struct arena *a = store_arena(tx);
	struct store_rows *rows = NULL;
	struct list l = {0};
	int rc;

	f = f ? f : &everything;
	struct given g = filter_given(a, f);
	int64_t first = 0;
	before = before > 0 ? before : INT64_MAX;
	rc = narrow(tx, f, &g, &first, &before, e);
	if (rc < 0)
		return rc;
	if (f->subject) {
		struct sql_journal_before_of_in in = {str_of(f->subject), str_of(f->subject_id), first,
		        before, limit, g.kinds, g.account, g.since, g.until, g.regions, g.orgs, g.clearance};
		COLLECT(journal_before_of, &in);
	} else if (f->account) {
		struct sql_journal_before_by_in in = {first, before, limit, g.kinds, g.account, g.since,
		        g.until, g.regions, g.orgs, g.clearance};
		COLLECT(journal_before_by, &in);
	} else if (kind_alone(f)) {
		struct sql_journal_before_kind_in in = {str_of(kind_alone(f)), first, before, limit, g.since,
		        g.until, g.regions, g.orgs, g.clearance};
		COLLECT(journal_before_kind, &in);
	} else {
		struct sql_journal_before_in in = {first, before, limit, g.kinds, g.account, g.since, g.until,
		        g.regions, g.orgs, g.clearance};
		COLLECT(journal_before, &in);
	}
	store_rows_close(&rows);
	if (rc < 0)
		return rc;
	*out = l.v;
	*n = (int)l.n;
	return 0;
}

struct journal_watch *journal_watch(struct store *st, void (*f)(void *ctx, int64_t seq), void *ctx)
{
	return store__watch(st, f, ctx);
}

void journal_unwatch(struct store *st, struct journal_watch **w)
{
	store__unwatch(st, w);
}

int journal_cursor_get(struct store_tx *tx, const char *name, int64_t *seq, struct err *e)
{
	struct sql_cursor_get_in in = {str_of(name)};
	struct sql_cursor_get_row row;
	int rc = sql_cursor_get(tx, &in, &row, e);
	if (rc >= 0)
		*seq = rc == 1 ? row.seq : 0;
	return rc < 0 ? rc : 0;
}

int journal_cursor_set(struct store_tx *tx, const char *name, int64_t seq, struct err *e)
{
	struct sql_cursor_put_in in = {str_of(name), seq, store_now(tx)};
	return sql_cursor_put(tx, &in, NULL, e);
}

/* ---- proof, and forgetting ---- */

/* True if the entry is what the chain says of it; prev becomes its hash. */
static bool verifies(
        enum digest_kind k, const struct sql_journal_chain_row *r, int64_t want, uint8_t prev[DIGEST_LEN])
{
	uint8_t digest[DIGEST_LEN], hash[DIGEST_LEN];
	struct link l = {
	        .seq = r->seq,
	        .id = r->id,
	        .at = r->at,
	        .secrecy = r->secrecy,
	        .kind = r->kind,
	        .subject = r->subject,
	        .subject_id = r->subject_id,
	        .region = r->region,
	        .org = r->org,
	        .account = r->account,
	        .digest = r->digest,
	};
	if (r->seq != want || r->digest.n != DIGEST_LEN || r->hash.n != DIGEST_LEN)
		return false;
	if ((r->payload.p == NULL) != (r->salt.p == NULL))
		return false;
	if (r->payload.p) {
		payload_digest(k, r->salt, r->payload, digest);
		if (memcmp(digest, r->digest.p, DIGEST_LEN) != 0)
			return false;
	}
	link_hash(k, prev, &l, hash);
	memcpy(prev, hash, DIGEST_LEN);
	return memcmp(hash, r->hash.p, DIGEST_LEN) == 0;
}

int journal_verify(struct store *st, struct journal_verdict *out, struct err *e)
{
	struct store_tx *tx = NULL;
	struct store_rows *rows = NULL;
	struct sql_journal_count_waiting_row waiting;
	struct sql_journal_chain_row row;
	uint8_t prev[DIGEST_LEN] = {0};
	int64_t after = 0;
	int in_page = VERIFY_PAGE;

	*out = (struct journal_verdict){.digest = store__digest(st)};
	int rc = store_read_begin(st, "verify the journal", &tx, e);
	if (rc < 0)
		return rc;
	rc = sql_journal_count_waiting(tx, &waiting, e);
	if (rc == 1)
		out->unsequenced = waiting.n;
	while (rc >= 0 && in_page == VERIFY_PAGE && out->bad_seq == 0) {
		struct sql_journal_chain_in in = {after, VERIFY_PAGE};
		in_page = 0;
		rc = sql_journal_chain_open(tx, &in, &rows, e);
		while (rc >= 0 && out->bad_seq == 0 && (rc = sql_journal_chain_next(rows, &row, e)) > 0) {
			in_page++;
			out->entries++;
			out->erased += row.payload.p == NULL;
			if (!verifies(out->digest, &row, after + 1, prev))
				out->bad_seq = row.seq > after + 1 ? after + 1 : row.seq;
			after = row.seq;
		}
		store_rows_close(&rows);
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	hex_encode(prev, DIGEST_LEN, out->head);
	return 0;
}

int journal_erase(struct store_tx *tx, const char *subject, const char *subject_id, const char *account,
        const char *reason, int64_t *erased, struct err *e)
{
	struct sql_journal_erase_payload_in in = {str_of(subject), str_of(subject_id)};
	struct sql_journal_latest_of_in latest = {in.subject, in.subject_id};
	struct sql_journal_latest_of_row row;
	struct sb b = SB_INIT;
	struct jw w;

	*erased = 0;
	int rc = sql_journal_latest_of(tx, &latest, &row, e);
	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "the journal has no entry of %s %s", subject, subject_id);
	if (rc > 0)
		rc = sql_journal_erase_payload(tx, &in, erased, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "reason", reason);
	jw_kint(&w, "entries", *erased);
	jw_object_end(&w);
	struct journal_entry j = {
	        .at = TIME_NONE,
	        .kind = STR_LIT("journal.erased"),
	        .subject = in.subject,
	        .subject_id = in.subject_id,
	        .region = row.region,
	        .org = row.org,
	        .secrecy = row.secrecy,
	        .account = str_of(account),
	        .payload = sb_str(&b),
	};
	rc = journal_append(tx, &j, e);
	sb_fini(&b);
	return rc;
}

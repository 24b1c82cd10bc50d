/*
 * journal - every change of state, in one table, in one order, chained by hashes.
 *
 * An entry is appended inside the transaction of the change. The sequencer gives committed entries
 * their sequence number and hash: where the store has a single writer, at the end of the same
 * transaction; else a moment later under the lease "sequencer". Readers see sequenced entries only.
 *
 *   digest(n) = H(salt, payload)
 *   hash(n)   = H(hash(n-1), seq, id, at, kind, subject, subject_id, region, org, secrecy, account, digest)
 *
 * each field preceded by its length, H being SHA-256 or SM3 as the chain began. Payload and salt may be
 * erased later: the chain still verifies, and says how many are erased.
 */
#ifndef HEMING_STORE_JOURNAL_H
#define HEMING_STORE_JOURNAL_H

#include "store/store.h"

struct journal_entry {
	int64_t seq; /* output */
	int64_t id;  /* output of append: store_tx_id */
	time_us at;
	struct str kind;       /* "case.opened": subject.past-participle */
	struct str subject;    /* "case" */
	struct str subject_id; /* its id or code as text */
	struct str region;     /* code or empty */
	struct str org;        /* code or empty */
	int64_t secrecy;       /* 1 public … 4 */
	struct str account;    /* who: login, "device:…", "system" */
	struct str payload;    /* JSON object; STR_NULL when erased */
};

/* Inside a write. `at` TIME_NONE takes store_now(). */
MUST_USE int journal_append(struct store_tx *tx, const struct journal_entry *j, struct err *e);

/* Who asks: an entry is shown if its secrecy <= clearance and its region and org lie in the scope.
 * A scope is a NULL-ended list of code prefixes; NULL means all. An entry with an empty region or org
 * passes that part. */
struct journal_scope {
	const char *const *regions;
	const char *const *orgs;
	int64_t clearance;
};
struct journal_filter {
	const struct journal_scope *scope; /* NULL: all */
	const char *subject, *subject_id;  /* NULL: any */
	const char *const *kinds;          /* NULL-ended: "case.opened", or a group "case."; NULL: any */
	const char *account;               /* NULL: anybody */
	time_us since, until;              /* since <= at < until; 0: open at that end */
};
/* Entries with seq > after, at most limit, ascending; in the transaction's arena. *last is the seq up
 * to which was looked (>= the last entry's), so that a filtered reader moves on. */
MUST_USE int journal_read(struct store_tx *tx, int64_t after, int limit, const struct journal_filter *f,
        struct journal_entry **out, int *n, int64_t *last, struct err *e);
/* The same, newest first, with seq < before (0: from the end): a page of history. */
MUST_USE int journal_page(struct store_tx *tx, int64_t before, int limit, const struct journal_filter *f,
        struct journal_entry **out, int *n, struct err *e);
MUST_USE int journal_last(struct store_tx *tx, int64_t *seq, struct err *e);

/* Where the chain stands, to note down elsewhere: seq 0, no instant and zeros before the first entry. */
struct journal_head {
	int64_t seq;
	time_us at; /* of the last entry */
	char hash[2 * DIGEST_LEN + 1];
};
MUST_USE int journal_head(struct store_tx *tx, struct journal_head *out, struct err *e);

/* f(ctx, seq) on the writer thread after entries up to seq became visible: wake, do not work there.
 * With several copies also when another copy wrote. Returns a handle for journal_unwatch, which waits
 * for a running call. */
struct journal_watch;
struct journal_watch *journal_watch(struct store *st, void (*f)(void *ctx, int64_t seq), void *ctx);
void journal_unwatch(struct store *st, struct journal_watch **w);

/* A named place in the journal that survives restarts (webhooks, exchange). 0 if never set. */
MUST_USE int journal_cursor_get(struct store_tx *tx, const char *name, int64_t *seq, struct err *e);
MUST_USE int journal_cursor_set(struct store_tx *tx, const char *name, int64_t seq, struct err *e);

struct journal_verdict {
	int64_t entries, erased, unsequenced;
	int64_t bad_seq;               /* first entry that does not verify, 0 if all do */
	char head[2 * DIGEST_LEN + 1]; /* hash of the last entry, to note down elsewhere */
	enum digest_kind digest;
};
MUST_USE int journal_verify(struct store *st, struct journal_verdict *out, struct err *e);
/* Erases payload and salt of a subject's entries, leaving an entry that says so. */
MUST_USE int journal_erase(struct store_tx *tx, const char *subject, const char *subject_id,
        const char *account, const char *reason, int64_t *erased, struct err *e);

#endif

/*
 * series - compressed, durable time series.
 *
 * A series is a label set; a point is (time, value). Points are written in batches: a batch goes into
 * the log and is synced before its `done` is called with 0 (group commit: all batches that wait are
 * synced together). From the log's tail points live in heads, which are sealed into blocks of 256
 * points with a summary (n, min, max, sum, first, last, CRC32C). Blocks lie in SQLite files, one per
 * span of time, so that retention is the removal of a file.
 *
 * Order and duplicates: points may come in any order and of any age; of two points of one series and
 * instant the later written wins. Values are any double, NaN payloads included (a staleness marker
 * is the NaN 0x7ff0000000000002, as in Prometheus).
 *
 * Threads: series_resolve, series_post, reading: any thread. A committer and a sealer thread inside.
 * Failure: after a failed write or sync the log is cut back to its last synced end and the batches
 * concerned get the error; when that is not possible the engine refuses writes, and keeps serving reads.
 * Never: knows a region, talks to the network, reads the wall clock (except by `clock`, for file ages).
 */
#ifndef HEMING_SERIES_H
#define HEMING_SERIES_H

#include "base/clock.h"
#include "base/labels.h"
#include "base/queue.h"
#include "base/scaled.h"

struct series_db;
typedef struct {
	uint32_t v; /* dense from 1 within one database; 0 is none */
} series_id;

struct series_point {
	series_id id;
	time_us t;
	double v;
};

#define SERIES_STALE UINT64_C(0x7ff0000000000002) /* the bits of a staleness marker */

/*
 * Labels that are not stored but asked of the registry by the stored label `thing`, so that moving a
 * thing never forks its history. They take part in matching and are added to results. Any thread.
 */
struct series_virtual {
	void *ctx;
	const char *const *names; /* NULL-ended, sorted bytewise */
	/* Fills value[i] for names[i] (STR_NULL for none); bytes are put into the arena. */
	void (*values)(void *ctx, struct str thing, struct arena *a, struct str *value);
	/* Another one after any change of what values() says. NULL: it may change at any time. */
	uint64_t (*version)(void *ctx);
};

enum series_durability {
	SERIES_FSYNC, /* acknowledged means on the disk */
	SERIES_OS     /* acknowledged means written: survives a crash of the program, not of the machine */
};
/* Called on the committer thread with points that are durable, in log order, before their batch's
 * `done`. During series_open it is called with what is replayed from the log's tail (replay true). */
typedef void series_observe_f(void *ctx, const struct series_point *p, size_t n, bool replay);

struct series_options {
	const char *dir; /* made if missing */
	const struct clock *clock;
	enum series_durability durability;
	size_t queue_points;       /* points that may wait; 0: 4,000,000 */
	dur_us head_age;           /* the log is never much older: heads are checkpointed by then; 0: 1 h */
	dur_us partition;          /* time span of one block file; 0: 7 days */
	size_t cache_b;            /* decoded points kept for the next reader; 0: 256 MiB */
	bool keep_logs;            /* those that a checkpoint replaces go to DIR/queue, for series_remote */
	series_observe_f *observe; /* may be NULL */
	void *observe_ctx;
};

MUST_USE int series_open(const struct series_options *o, struct series_db **out, struct err *e);
/* Commits what waits and closes. Heads stay in the log and are replayed at the next open. */
void series_close(struct series_db **db);
/* v is borrowed until the next call or close. */
void series_set_virtual(struct series_db *db, const struct series_virtual *v);

/* ---- writing ---- */

/* The id of a label set, made if new (ERR_BUSY past the limit of series). The set is copied. It
 * becomes durable with the first batch that uses it. */
MUST_USE int series_resolve(struct series_db *db, const struct labels *ls, series_id *out, struct err *e);
/* The same for many, which takes a fraction of the time of one at a time where they are new. The first that
 * cannot be taken ends it: ids of those before it are in `out`. */
MUST_USE int series_resolve_many(
        struct series_db *db, const struct labels *ls, size_t n, series_id *out, struct err *e);
/* Whether it is one that series_resolve would take: sorted, neither too many nor too long. */
MUST_USE int series_labels_check(const struct labels *ls, struct err *e);
struct series_batch {
	struct queue_node node;       /* first */
	const struct series_point *p; /* borrowed until done */
	size_t n;
	void (*done)(struct series_batch *b, int rc, const struct err *e); /* on the committer thread */
};
/* False when the queue is full or the database is closing: done is not called. n 0 is allowed: done
 * then says that all posted before is durable. */
MUST_USE bool series_post(struct series_db *db, struct series_batch *b);
/* Posts and waits. Not on the committer thread. */
MUST_USE int series_append(struct series_db *db, const struct series_point *p, size_t n, struct err *e);
/* Seals all heads and starts a new log. Waits. */
MUST_USE int series_flush(struct series_db *db, struct err *e);
/* Removes block files that end before t, and series left without points: these are hidden at once
 * and forgotten by the next expiry, after which a batch with their id gets ERR_NOTFOUND (resolve again).
 * Files whose time is over are packed, which is also done now and then by itself. */
MUST_USE int series_expire(struct series_db *db, time_us t, struct err *e);
/* What was taken out. */
struct series_removed {
	uint64_t series; /* that matched */
	uint64_t points; /* as far as they lay in block files: all but what came in the last moments */
	uint64_t rolled; /* how many of them live on in roll-ups */
	int64_t bytes; /* of blocks, less what took their place; the disk has them back once files are packed
	                */
};
/* Who asks for something long; may be NULL where it is passed, and tell may be. */
struct series_care {
	void (*tell)(void *ctx, size_t done, size_t files); /* on a thread of the engine */
	void *ctx;
	struct series_removed removed; /* output */
	const bool *cancel;            /* of a deletion: polled between block files; may be NULL */
};
/*
 * Takes the points of [from, to], both inclusive, out of every series that matches, as far as they were
 * posted before the call: durable when it returns 0, also where it takes long to carry out. Points of that
 * time that come later are kept. A series left without points is hidden as by series_expire. Of a roll-up
 * every window goes that has some of that time. At least one matcher must not match the empty value. Series
 * with points of that time in memory hold writers up, for about 10 us each. Files that are damaged keep
 * their points (ERR_CORRUPT, the rest is done): repair, then delete again. A failure to write (ERR_FULL) is
 * one of now: what was asked for is carried out as soon as it can be, also after a restart.
 *
 * Stopped (ERR_CANCELLED) it ends behind the file it is at: what is gone is gone, and the rest stays, once a
 * checkpoint has taken the deletion's place; where the program dies before that call returns it may be gone
 * on with at the next start.
 */
MUST_USE int series_delete(struct series_db *db, const struct matcher *m, int n, time_us from, time_us to,
        struct series_care *care, struct err *e);
/* How long series are kept: those of the first class that matches. */
#define SERIES_FOREVER INT64_MAX
struct series_class {
	const struct matcher *m;
	int n;       /* 0: every series */
	dur_us keep; /* readings as they came */
	dur_us five; /* from then on windows of 5 minutes in their place, until they are so old; 0: none */
	dur_us hour; /* from then on windows of an hour; 0: none */
};
/*
 * Removes what is older than its class allows, and with it files and series as series_expire does; makes
 * roll-ups of what is to be kept as such. Series of no class are kept for ever. What is still in memory, or
 * lies in a file whose time (7 days) is not all that old, is rolled up another time; it is deleted to the
 * instant. Readings that come for a time of which there are roll-ups are not taken into them, and counted.
 * Meant to be called once a day. care, if any, has a row for each class; cancel is polled (theirs is not).
 */
MUST_USE int series_retain(struct series_db *db, const struct series_class *class, int n, time_us now,
        struct series_care *care, const bool *cancel, struct err *e);
/* What there is of a class, and what series_retain would take at that instant. Reads it all. */
struct series_survey {
	uint64_t series, points;
	uint64_t taken;      /* series that the class selects, too, but one before it has */
	int64_t bytes;       /* in files; points of memory have none yet */
	uint64_t due_points; /* to be deleted, or rolled up */
	int64_t due_bytes;   /* of the blocks that they are in */
};
MUST_USE int series_survey(struct series_db *db, const struct series_class *class, int n, time_us now,
        struct series_survey *out, const bool *cancel, struct err *e);
/* The same for one selection and a time, as series_delete would take it. */
MUST_USE int series_count(struct series_db *db, const struct matcher *m, int n, time_us from, time_us to,
        struct series_survey *out, const bool *cancel, struct err *e);

/* ---- reading ---- */

struct series_query {
	const struct matcher *m;
	int n;
	time_us from, to;              /* both inclusive */
	size_t max_series, max_points; /* 0: none. Past them ERR_TOOBIG says which. */
	const bool *cancel;            /* polled if not NULL: ERR_CANCELLED */
	bool scaled;                   /* values may come as series_view.scaled */
};
/*
 * What is known of runs of SERIES_CHUNK points, so that they need not be looked at: run i begins at point
 * i * SERIES_CHUNK - skew of the view (the first one may begin before it).
 */
#define SERIES_CHUNK 64
struct series_chunks {
	const double *least, *greatest;
	const bool *falls; /* some value is less than the one before it, which may stand in the run before */
	const double *sum, *lost; /* Neumaier's: what rounding took from the sum is in `lost` */
	size_t n, skew;
	bool even_end; /* none falls among the points behind the last run, nor from it to them */
};
struct series_view {
	series_id id;
	struct labels labels;        /* sorted, virtual labels among them; lives in the cursor's arena */
	const time_us *t;            /* ascending, unique; valid until the next series_next */
	const double *v;             /* NULL where they are scaled */
	struct scaled scaled;        /* .p is NULL where they are not, and unless that was asked for */
	size_t n;                    /* may be 0 */
	bool lasting;                /* t and values are valid until the cursor is freed */
	bool plain;                  /* surely no NaN, and so no staleness marker, among them */
	dur_us period;               /* each point is that much after the one before; 0: not known */
	time_us first;               /* t[0] where the period is known, so that t need not be looked at */
	struct series_chunks chunks; /* n is 0 unless plain */
};
struct series_cursor;
/* A snapshot of what was durable at the call. At least one matcher must not match the empty value. */
MUST_USE int series_select(struct series_db *db, const struct series_query *q, struct arena *a,
        struct series_cursor **out, struct err *e);
/* 1 and *out, 0 at the end, or negative. Series come in the order of labels_cmp. */
MUST_USE int series_next(struct series_cursor *c, struct series_view *out, struct err *e);
void series_cursor_free(struct series_cursor **c);

/*
 * Windows: what spans of equal length hold of a series, from roll-ups where there are any.
 *
 * A window is (end - step, end], its end a multiple of the step from 1970-01-01T00:00Z on: just what
 * PromQL's range selector [step] sees when it is evaluated at `end`. The step is a multiple of 5 min; whole
 * hours are the quickest. The answer is always exact, never behind: points in memory, late points of any
 * age and damaged or missing roll-ups included. What it was made from cannot be told from it.
 *
 * n, min, max, first, last are those of the points. The sum of decimals (|sum| * 10^e < 2^51, at most six
 * places) is that of their exact sum, rounded once; other sums are compensated, and their last bit may depend
 * on how points lie in blocks. Staleness markers do not count. Other NaN are counted by `nans` and nowhere
 * else: where it is not 0 PromQL's sum, avg, min_over_time and so on are to be computed from the points.
 */
struct series_window {
	time_us end;
	uint32_t n, nans;
	double min, max, sum, first, last; /* 0 if n is 0 */
	bool decimal;                      /* the sum is one of decimals; set by series_next_windows */
};
struct series_windows {
	series_id id;
	struct labels labels;          /* as in series_view */
	const struct series_window *w; /* ascending; without empty ones; valid until the next call */
	size_t n;
};
#define SERIES_STEP (5 * US_MINUTE)
#define SERIES_WINDOWS_MAX 10000000 /* of one series */
/* Windows whose ends lie in [from, to]; max_points bounds their number. ERR_INVALID for another step. */
MUST_USE int series_select_windows(struct series_db *db, const struct series_query *q, dur_us step,
        struct arena *a, struct series_cursor **out, struct err *e);
/* As series_next. */
MUST_USE int series_next_windows(struct series_cursor *c, struct series_windows *out, struct err *e);

/* Newest point; false if the series has none. A memory read. */
bool series_latest(struct series_db *db, series_id id, time_us *t, double *v);
/* Newest points of many at once: p[i].t and p[i].v for p[i].id = id[i]; t is TIME_NONE where there is none.
 */
void series_latest_many(struct series_db *db, const series_id *id, size_t n, struct series_point *p);
/* The labels of one id as stored (no virtual labels), copied into the arena. */
struct labels series_labels(struct series_db *db, series_id id, struct arena *a);
/* What n ids store under some names, copied into the arena: of id[i] under name[k] in out[i * names + k],
 * STR_NULL where there is nothing. A look at many costs little more than one at one. */
void series_values(struct series_db *db, const series_id *id, size_t n, const char *const *name, int names,
        struct arena *a, struct str *out);
/* Label sets that match (n 0: all), at most `limit`; latest[i] as series_latest where not NULL. */
struct series_latest_row {
	series_id id;
	struct labels labels;
	time_us t; /* TIME_NONE if it has no point */
	double v;
};
MUST_USE int series_list(struct series_db *db, const struct matcher *m, int n, size_t limit, struct arena *a,
        struct series_latest_row **out, size_t *count, struct err *e);
/* Sorted distinct names, or values of `name`, virtual labels included. */
MUST_USE int series_label_names(
        struct series_db *db, struct arena *a, struct str **out, size_t *n, struct err *e);
MUST_USE int series_label_values(
        struct series_db *db, const char *name, struct arena *a, struct str **out, size_t *n, struct err *e);

/* The largest id that any series has or had; ids of series that were forgotten are holes. */
uint32_t series_last_id(struct series_db *db);

struct series_stats {
	uint64_t series, points_head, blocks, block_bytes, log_bytes, commits, quarantined;
	dur_us last_sync_us;               /* duration of the last log sync */
	uint64_t cache_bytes;              /* decoded points that are kept */
	uint64_t cache_hits, cache_misses; /* series asked for whose points were kept, or were not */
	uint64_t selection_b, selection_hits, selection_misses; /* selectors whose series were remembered */
};
void series_stats(struct series_db *db, struct series_stats *out);

/* ---- care ---- */

/* Reads every block and log record of a closed (or live, then read-only) database; calls tell() with
 * one sentence per finding. Returns the number of damaged places, or negative. */
MUST_USE int series_verify(
        const char *dir, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e);
/*
 * Mends a folder that nobody has open (ERR_STATE): block files with damage, wrong roll-ups or of an older
 * format are written again from what can be read, block by block, with their roll-ups; the files they were
 * and each block that is damaged go to quarantine/. tell() gets a sentence per thing found or done. Returns
 * the number of files that were written again. Logs and checkpoints mend themselves at the next opening.
 */
MUST_USE int series_repair(
        const char *dir, void (*tell)(void *ctx, const char *text), void *ctx, struct err *e);
/* A consistent copy into an empty folder while writing goes on. cancel (may be NULL) is polled:
 * ERR_CANCELLED, and nothing of it stays. */
MUST_USE int series_snapshot(struct series_db *db, const char *dir, const bool *cancel, struct err *e);

#endif

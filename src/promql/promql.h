/*
 * promql - the query language of Prometheus 3 over float samples: parse once, evaluate often.
 *
 * Follows https://prometheus.io/docs/prometheus/latest/querying/ . Pure: no I/O, no clock; samples
 * come through struct promql_storage. Times are microseconds inside, results print as Prometheus does.
 * Native histograms are refused with a clear error.
 *
 * Ownership: an expression lives in the arena it was parsed into; results live in the arena of the
 * evaluation, whose budget is the memory limit. Threads: an expression is immutable and may be
 * evaluated by many threads at once. There are none inside: the host may lend a crew's hands, whose number
 * changes no bit of any answer.
 */
#ifndef HEMING_PROMQL_H
#define HEMING_PROMQL_H

#include "base/crew.h"
#include "base/labels.h"
#include "base/scaled.h"
#include "base/time.h"

/* ---- storage ---- */

/*
 * What a storage may know of runs of PROMQL_CHUNK samples: run i begins at sample i * PROMQL_CHUNK - skew
 * of the series (the first one may begin before it). Only of series that are plain.
 */
#define PROMQL_CHUNK 64
struct promql_chunks {
	const double *least, *greatest;
	const bool *falls; /* some value is less than the one before it, which may stand in the run before */
	const double *sum, *lost; /* Neumaier's: what rounding took from the sum is in `lost` */
	size_t n, skew;
	bool even_end; /* none falls among the samples behind the last run, nor from it to them */
};
struct promql_series {
	struct labels labels; /* sorted, with __name__; lives at least as long as the cursor's arena */
	const time_us *t;     /* ascending, unique; valid until the next call on the cursor */
	const double *v;      /* staleness markers included; NULL where the values are scaled */
	struct scaled scaled; /* .p NULL: they are not; else the series is plain and lasting */
	size_t n;
	bool lasting; /* t and values are valid until the cursor is closed, and other threads may read them */
	bool plain; /* surely no NaN, and so no staleness marker, among them; false where that is not known */
	dur_us period;               /* each sample is that much after the one before; 0: not known */
	time_us first;               /* t[0] where the period is known: then t is not looked at */
	struct promql_chunks chunks; /* n is 0 where nothing is known */
	/*
	 * The start timestamps: since when each sample counts. 0: not known; NULL: none is. Counters that
	 * begin anew are seen by them, and what was counted before the first sample of a window.
	 */
	const time_us *since;
};
/*
 * What a storage may know of spans of time: (end - step, end]. first, last, least and greatest are those of
 * the samples; staleness markers do not count, other NaN by `nans` alone. The sum of decimals is theirs,
 * rounded once, and so at most 2^-52 times the sum of the absolute values from that of the doubles.
 */
struct promql_window {
	time_us end;
	uint32_t n, nans;
	double least, greatest, sum, first, last;
	bool decimal;
};
struct promql_windows {
	struct labels labels;          /* as in promql_series */
	const struct promql_window *w; /* ascending, without empty ones; valid until the next call */
	size_t n;
};
struct promql_cursor; /* the storage's own */
struct promql_storage {
	void *ctx;
	/* Series that match, with their samples in [from, to], both inclusive. */
	int (*open)(void *ctx, const struct matcher *m, int n, time_us from, time_us to, struct arena *a,
	        struct promql_cursor **out, struct err *e);
	int (*next)(struct promql_cursor *c, struct promql_series *out,
	        struct err *e); /* 1, 0 at the end, negative */
	void (*close)(struct promql_cursor *c);
	/*
	 * Windows whose ends, multiples of `step` from 1970 on, lie in [from, to]; step is a multiple of
	 * window_step. They always tell what the samples would. NULL: there are none.
	 */
	int (*open_windows)(void *ctx, const struct matcher *m, int n, time_us from, time_us to, dur_us step,
	        struct arena *a, struct promql_cursor **out, struct err *e);
	int (*next_windows)(struct promql_cursor *c, struct promql_windows *out, struct err *e); /* as next */
	dur_us window_step;
};

/* ---- parsing ---- */

struct promql_expr;
enum promql_type { PROMQL_SCALAR, PROMQL_STRING, PROMQL_VECTOR, PROMQL_MATRIX };

/* On failure e has the column (1-based, bytes) and Prometheus' kind of words. Depth at most 200. */
MUST_USE int promql_parse(struct arena *a, struct str text, struct promql_expr **out, struct err *e);
/* One instant selector, without offset, @ or anything else about it: what match[] takes. */
MUST_USE int promql_parse_selector(struct arena *a, struct str text, struct promql_expr **out, struct err *e);
enum promql_type promql_type(const struct promql_expr *x);
/* The matchers of what promql_parse_selector gave, with those that promql_add_matcher added; n is negative
 * where there was no memory for one of these. */
void promql_matchers(const struct promql_expr *x, const struct matcher **m, int *n);
/* Canonical one-line text, as Prometheus' String(). */
void promql_format(const struct promql_expr *x, struct sb *b);
/* As promql_format, broken over lines as Prometheus' /format_query does. */
void promql_format_pretty(const struct promql_expr *x, struct sb *b);
/* Puts one more matcher on every selector: a reader's scope. Before any evaluation. */
void promql_add_matcher(struct arena *a, struct promql_expr *x, const struct matcher *m);
/* If x is `selector op number` (op a plain comparison without bool, in either order): true, with
 * the parts; op is one of == != > < >= <= as seen with the selector at the left. Push rules use it. */
bool promql_plain_comparison(
        const struct promql_expr *x, const struct matcher **m, int *n, const char **op, double *threshold);

/* ---- evaluation ---- */

struct promql_limits {
	size_t max_samples; /* samples held or read by one evaluation; 0: 50,000,000 */
	size_t max_series;  /* 0: 1,000,000 */
	const bool *cancel; /* polled if not NULL */
	struct crew *crew;  /* works on large queries, too; NULL: the caller alone */
	size_t crew_from;   /* samples and steps at which a query is large; 0: 400,000 */
};
struct promql_options {
	const struct promql_storage *storage;
	dur_us lookback; /* 0: 5 min */
	struct promql_limits limits;
};
struct promql_sample {
	struct labels labels;
	time_us t;
	double v;
};
struct promql_line { /* one series of a range result */
	struct labels labels;
	const time_us *t; /* other lines may share them */
	const double *v;
	size_t n;
};
struct promql_result {
	enum promql_type type;
	double scalar; /* PROMQL_SCALAR, at `t` */
	time_us t;
	struct str string;
	struct promql_sample *sample; /* PROMQL_VECTOR; sorted only where the query sorts */
	struct promql_line *line;     /* PROMQL_MATRIX: range queries, and instant range selectors */
	size_t n;                     /* of sample or line; lines are in the order of labels_cmp */
	struct str *warning, *info;   /* annotations, distinct */
	size_t warnings, infos;
	size_t samples; /* read, and held in between */
};

MUST_USE int promql_instant(const struct promql_expr *x, const struct promql_options *o, time_us t,
        struct arena *a, struct promql_result *out, struct err *e);
/* Steps from, from + step, … <= to. ERR_INVALID if step <= 0, to < from, or more than 11,001 steps.
 * ERR_UNPROCESSED for failures of the evaluation (e.g. many-to-many matching). */
MUST_USE int promql_range(const struct promql_expr *x, const struct promql_options *o, time_us from,
        time_us to, dur_us step, struct arena *a, struct promql_result *out, struct err *e);

#endif

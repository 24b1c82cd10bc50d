/*
 * promql_int - what the files of promql share: the tree, the values of an evaluation, its helpers.
 *
 * A vector is a batch of columns: one double per step of the grid for every series. A step without
 * a sample holds ABSENT, the bit pattern of the staleness marker; as a signalling NaN it cannot
 * come out of arithmetic, and selectors never let one in.
 */
#ifndef HEMING_PROMQL_INT_H
#define HEMING_PROMQL_INT_H

#include <math.h>
#include <string.h>

#include "promql/promql.h"

/* ---- tokens (lex.c) ---- */

enum tok {
	TOK_END,
	TOK_BAD, /* lexer.e tells why */
	TOK_IDENT,
	TOK_NUMBER,
	TOK_DURATION,
	TOK_STRING,
	TOK_LPAREN,
	TOK_RPAREN,
	TOK_LBRACE,
	TOK_RBRACE,
	TOK_LBRACKET,
	TOK_RBRACKET,
	TOK_COMMA,
	TOK_COLON,
	TOK_AT,
	TOK_ASSIGN, /* = */
	TOK_MATCH_RE,
	TOK_MATCH_NRE,
	TOK_OP, /* an operator of one or two signs, in token.op */
};

enum op {
	OP_NONE,
	OP_OR,
	OP_AND,
	OP_UNLESS,
	OP_EQ,
	OP_NE,
	OP_LE,
	OP_LT,
	OP_GE,
	OP_GT,
	OP_ADD,
	OP_SUB,
	OP_MUL,
	OP_DIV,
	OP_MOD,
	OP_ATAN2,
	OP_POW,
	OP_TRIM_UPPER, /* </ and >/ : for native histograms; floats have no answer */
	OP_TRIM_LOWER,
};
const char *op_text(enum op op);
static inline bool op_is_comparison(enum op op)
{
	return op >= OP_EQ && op <= OP_GT;
}
static inline bool op_is_set(enum op op)
{
	return op >= OP_OR && op <= OP_UNLESS;
}

struct token {
	enum tok kind;
	enum op op;
	size_t pos, end; /* bytes of the text */
	double number;   /* NUMBER; DURATION: seconds */
	struct str text; /* IDENT as written; STRING unquoted */
};

struct lexer {
	struct arena *a;
	struct str text;
	size_t at;
	int brackets; /* depth of [ ]: no colons inside identifiers there */
	int parens;
	bool braces;
	bool colon; /* inside [ ]: there was one */
	struct err *e;
};
/* The next token; TOK_BAD with lexer.e set, with line and column. */
struct token lex_next(struct lexer *l);
/* Sets e as Prometheus words a parse error, with the line and column of byte `pos`. */
int parse_fail(struct err *e, struct str text, size_t pos, const char *fmt, ...) PRINTF_LIKE(4, 5);
void text_position(struct str text, size_t pos, int *line, int *column);

/* ---- the tree (parse.c) ---- */

/* A duration that may be an expression: [5m], [step() * 2], offset (1h / 2). In seconds. */
enum dur_kind { DUR_NUMBER, DUR_TIME, DUR_STEP, DUR_RANGE, DUR_MIN, DUR_MAX, DUR_NEG, DUR_POS, DUR_BINARY };
struct dur {
	enum dur_kind kind;
	enum op op;
	double seconds;
	struct dur *l, *r;
	size_t pos;
	bool paren;
};

enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };

enum node_kind {
	N_NUMBER,
	N_STRING,
	N_SELECTOR,
	N_SUBQUERY,
	N_CALL,
	N_AGGREGATE,
	N_BINARY,
	N_UNARY,
	N_PAREN
};

enum group_kind { GROUP_NONE, GROUP_BY, GROUP_WITHOUT };

enum aggregate {
	AGG_SUM,
	AGG_AVG,
	AGG_MIN,
	AGG_MAX,
	AGG_COUNT,
	AGG_GROUP,
	AGG_STDDEV,
	AGG_STDVAR,
	AGG_TOPK,
	AGG_BOTTOMK,
	AGG_QUANTILE,
	AGG_COUNT_VALUES,
	AGG_LIMITK,
	AGG_LIMIT_RATIO,
};
/* The aggregate of that name in any case, or -1. */
int aggregate_find(struct str name);
const char *aggregate_name(enum aggregate g);
static inline bool aggregate_has_param(enum aggregate g)
{
	return g >= AGG_TOPK;
}

enum card { CARD_ONE_TO_ONE, CARD_MANY_TO_ONE, CARD_ONE_TO_MANY };

struct function;

struct node {
	enum node_kind kind;
	enum promql_type type;
	int depth;
	size_t pos, end;

	/* NUMBER, STRING */
	double number;
	bool is_duration;
	struct str string;

	/* SELECTOR, SUBQUERY: what is selected, when, how far back */
	struct str name; /* as written before the braces; STR_NULL if not */
	struct matcher *m;
	int n_m, n_own; /* n_own: without those that promql_add_matcher put there */
	struct dur *range;
	struct dur *step; /* SUBQUERY; NULL: the default */
	struct dur *offset;
	enum at_kind at;
	time_us at_time;
	bool anchored, smoothed;
	bool name_before;   /* the name stands before the braces */
	bool matchers_only; /* the second argument of info(), which names no series by itself */

	/* CALL, AGGREGATE, BINARY, UNARY, PAREN, SUBQUERY */
	const struct function *fn;
	struct node **arg;
	int n_arg;

	enum aggregate agg;
	enum group_kind group;
	struct node *param;

	enum op op;
	size_t op_pos;
	bool bool_mod;
	bool on, ignoring; /* which list `label` is; AGGREGATE uses group */
	struct str *label;
	int n_label;
	enum card card;
	bool group_mod;
	struct str *include;
	int n_include;
	bool fill_l, fill_r;
	double fill_l_value, fill_r_value;
};

struct promql_expr {
	struct node *root;
	struct str text;
	struct matcher *scope; /* what promql_add_matcher added: for the selectors that functions make */
	int n_scope;
};

/* ---- values ---- */

#define ABSENT_BITS UINT64_C(0x7ff0000000000002)
static inline uint64_t double_bits(double v)
{
	uint64_t u;

	memcpy(&u, &v, sizeof u);
	return u;
}
static inline double absent(void)
{
	uint64_t u = ABSENT_BITS;
	double v;

	memcpy(&v, &u, sizeof v);
	return v;
}
static inline bool is_absent(double v)
{
	return double_bits(v) == ABSENT_BITS;
}

struct grid {
	time_us start;
	dur_us step; /* 0 where n is 1 */
	size_t n;
};
static inline time_us grid_time(const struct grid *g, size_t i)
{
	return g->start + (time_us)i * g->step;
}

struct series {
	struct labels labels;
	bool drop_name; /* the name goes when the query is done, or when labels become a result */
	double *v;      /* grid.n */
};
struct vec {
	struct series *s;
	size_t n, cap;
	bool ordered; /* the order of the series is part of an instant result */
};
struct value {
	enum promql_type type;
	double *scalar; /* grid.n */
	struct vec vec;
	struct str string;
};

/* ---- evaluation (eval.c) ---- */

#define DEFAULT_SUBQUERY_STEP US_MINUTE

struct notes {
	struct str *s;
	size_t n, cap;
};
struct eval {
	struct arena *a;
	const struct promql_expr *x;
	const struct promql_storage *storage;
	dur_us lookback;
	size_t max_samples, max_series, samples;
	const bool *cancel;
	struct crew *crew;
	size_t crew_from;
	time_us start, end; /* of the query, whatever the grid of a subquery is */
	dur_us step;        /* 0 in an instant query */
	struct notes warning, info;
	struct err *e;
	int rc; /* the first failure; sticky */

	/* One series' samples without staleness markers. */
	time_us *buf_t, *buf_since;
	double *buf_v;
	size_t buf_cap;
};

bool ev_failed(struct eval *ev);
int ev_fail(struct eval *ev, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* NULL fails the evaluation. */
void *ev_array(struct eval *ev, size_t n, size_t size);
/* A column of n ABSENT steps; counts them against the limit. */
double *ev_column(struct eval *ev, size_t n);
/* The same, to be written whole. */
double *ev_raw(struct eval *ev, size_t n);
bool ev_count(struct eval *ev, size_t samples);
struct series *vec_add(struct eval *ev, struct vec *v);
/* Annotations; the position of `at` (may be NULL) is added as (line:column). */
void ev_warn(struct eval *ev, const struct node *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
void ev_info(struct eval *ev, const struct node *at, const char *fmt, ...) PRINTF_LIKE(3, 4);

void eval_node(struct eval *ev, const struct node *x, const struct grid *g, struct value *out);
double *eval_scalar(struct eval *ev, const struct node *x, const struct grid *g);
void eval_vector(struct eval *ev, const struct node *x, const struct grid *g, struct vec *out);
const struct node *node_bare(const struct node *x); /* without parentheses */

/* Microseconds of a duration; fails the evaluation where it must be positive and is not. */
dur_us dur_value(struct eval *ev, const struct dur *d, bool positive);
double dur_seconds(struct eval *ev, const struct dur *d);

bool label_is_reserved(struct str name); /* __name__, __type__, __unit__ */
/* Labels without the reserved ones; shares the texts. */
struct labels labels_unnamed(struct eval *ev, const struct labels *ls);
/* As labels_copy, but shares the texts. */
struct labels labels_with(struct eval *ev, const struct labels *ls, struct str name, struct str value);
/* `{a="b", c="d"}`, as Prometheus writes a label set. */
void labels_text(struct sb *b, const struct labels *ls);
/* Only the listed labels / all but those and (if `unname`) the reserved ones. Shares the texts. */
struct labels labels_keep(struct eval *ev, const struct labels *ls, const struct str *name, int n);
struct labels labels_without(
        struct eval *ev, const struct labels *ls, const struct str *name, int n, bool unname);

/* Series with equal labels become one; two samples at one step fail the evaluation. */
void vec_merge(struct eval *ev, struct vec *v, size_t steps);
void vec_sort(struct vec *v);
/* Drops series without any sample. */
void vec_compact(struct vec *v, size_t steps);

/* Hash map from label sets to small numbers; open addressing over an array in the arena. */
struct label_map {
	uint32_t *slot; /* number + 1; 0 free */
	uint64_t *hash;
	struct labels *key;
	size_t n, cap, keys_cap, hash_cap;
};
/* The number of the set; *is_new if it was not there. (uint32_t)-1 on failure. */
uint32_t label_map_get(struct eval *ev, struct label_map *m, const struct labels *key, bool *is_new);
uint32_t label_map_find(const struct label_map *m, const struct labels *key); /* (uint32_t)-1: not there */

/* Shortest text with an exponent below 1e-4 and from 1e6 on, as Go's %g. At most 400 bytes. */
size_t format_g(double v, char *buf);

/* ---- selectors (select.c) ---- */

/* Where a selector's or a subquery's window ends, seen from evaluation time t. */
struct timing {
	dur_us offset, range;
	bool pinned; /* by @ */
	time_us at;
};
bool timing_of(struct eval *ev, const struct node *x, struct timing *out);
static inline time_us timing_end(const struct timing *tm, time_us t)
{
	return (tm->pinned ? tm->at : t) - tm->offset;
}

/* The values of the samples, when they were taken, or since when they count (0: not known); in seconds. */
enum told { TELL_VALUES, TELL_TIMES, TELL_STARTS };
struct fold;
/* fold (may be NULL) is offered the series; where it takes them *out stays empty. */
void select_instant(struct eval *ev, const struct node *x, const struct grid *g, enum told told,
        struct vec *out, struct fold *fold);

/* The samples of one series, as a range selector or a subquery gives them one after another. */
struct samples {
	struct labels labels;
	bool drop_name;
	const time_us *t;
	const double *v;      /* NULL: the values are … */
	struct scaled scaled; /* … these; else .p is NULL */
	size_t n;
	bool lasting;  /* until the source is closed */
	bool plain;    /* no NaN */
	dur_us period; /* from each sample to the next; 0: not known */
	time_us first; /* the time of the first, where the period is known */
	struct promql_chunks chunks;
	const time_us *since; /* as in promql_series; NULL: not known of any */
};
/* Even samples are not read for their times. */
static inline time_us sample_time(const struct samples *s, size_t i)
{
	return s->period > 0 ? s->first + (time_us)i * s->period : s->t[i];
}

static inline double sample_value(const struct samples *s, size_t i)
{
	return s->v != NULL ? s->v[i] : scaled_at(&s->scaled, i);
}
/* Asks memory for what will be looked at; past the end it does no harm. */
static inline void sample_ahead(const struct samples *s, size_t i)
{
	uintptr_t p = (uintptr_t)s->scaled.p;

	p = s->v != NULL ? (uintptr_t)s->v + i * sizeof *s->v : p + i * (size_t)s->scaled.width;
	__builtin_prefetch((const void *)p);
}
/* As doubles in any case, in the arena where they were not; false on failure. */
bool samples_unscale(struct eval *ev, struct samples *s);

/* Looks for later and later samples. Steps usually lie as many samples apart as those before. */
struct seek {
	size_t at;     /* what was found last */
	size_t stride; /* how far that was */
};
#define SEEK_START ((struct seek){0, 1})
/* Asks for the value that is looked at some steps from now: most of a long query is waiting for memory. */
#define SEEK_AHEAD 16
static inline void seek_ahead(const struct seek *k, const struct samples *s)
{
	sample_ahead(s, k->at + SEEK_AHEAD * k->stride);
}
/* seek_after where the guess did not serve. */
size_t seek_far(struct seek *k, const struct samples *s, time_us x);
/* The first sample after x, or s->n. What lies before k->at is not after x. */
static inline size_t seek_after(struct seek *k, const struct samples *s, time_us x)
{
	size_t guess = k->at + k->stride;

	if (guess <= s->n && (guess == s->n || sample_time(s, guess) > x) &&
	        (guess == k->at || sample_time(s, guess - 1) <= x))
		return k->at = guess;
	return seek_far(k, s, x);
}

/*
 * Steps that are as many samples apart from one another: those of an even series on a grid of its period or a
 * multiple. The first sample after x + k * grid->step is at + k * stride, where that is from 0 to s->n.
 */
struct pace {
	int64_t at, stride;
};
static inline bool pace_of(const struct samples *s, const struct grid *g, time_us x, struct pace *out)
{
	int64_t d;

	if (s->period <= 0 || g->n < 2 || g->step % s->period != 0 ||
	        __builtin_sub_overflow(x, s->first, &d) || d < INT64_MIN / 2 || d > INT64_MAX / 2)
		return false;
	out->stride = g->step / s->period;
	out->at = d / s->period + (d % s->period >= 0);
	return true;
}
static inline int64_t pace_at(const struct pace *p, size_t k)
{
	return p->at + (int64_t)k * p->stride;
}
/* The first step from which on it is at least `at`; g->n if there is none. */
static inline size_t pace_from(const struct pace *p, const struct grid *g, int64_t at)
{
	int64_t k = at <= p->at ? 0 : (at - p->at + p->stride - 1) / p->stride;

	return (uint64_t)k < g->n ? (size_t)k : g->n;
}

struct source; /* of samples */
struct source *source_open(struct eval *ev, const struct node *x, const struct grid *g, struct timing *tm);
bool source_next(struct eval *ev, struct source *s, struct samples *out); /* false at the end or on failure */
void source_close(struct source *s);

/* ---- work on many series (rows.c) ---- */

/* crew_run, with the crew if `work` (samples, about) is worth it. It may not touch struct eval. */
void ev_spread(struct eval *ev, size_t n, size_t share, size_t work,
        void (*one)(void *ctx, size_t i, int hand), void *ctx);

struct row {
	struct samples in;
	double *v; /* a column for the result */
	bool any;  /* it has a value */
	bool done;
};
struct rows {
	struct row *row;
	size_t n, cap;
	size_t work; /* samples and steps that wait */
	bool called; /* the crew, for so much */
	double *spare;
	size_t steps;
	size_t reach;   /* so many rows ahead memory is asked */
	dur_us step;    /* between two that are looked at; 0: it is one */
	bool drop_name; /* of all results */
	/* Works on one row, as hand 0 … CREW_MOST - 1; may not touch struct eval, unless serial. */
	void (*one)(void *ctx, struct row *r, int hand);
	void *ctx;
	bool serial;
};
/* Adds a series; one that does not last is worked on at once, and left out if it has no value. */
bool rows_add(struct eval *ev, struct rows *rows, const struct samples *in);
/* Works on those that wait, each into a column of its own. */
void rows_work(struct eval *ev, struct rows *rows);
/* Asks memory for what the row will look at first … */
void rows_ahead(const struct rows *rows, const struct row *r);
/* … and how many rows before its turn: more where rows are short. */
size_t rows_reach(const struct rows *rows);

/* Who would rather work on rows itself than have their columns (tally.c). */
struct fold {
	bool (*take)(struct fold *f, struct eval *ev, struct rows *rows); /* false: it does not */
	bool taken;
};
/* Has rows taken, or works on them. */
bool rows_taken(struct eval *ev, struct rows *rows, struct fold *fold);

/* ---- functions (functions.c, range.c, histogram.c, label.c) ---- */

/* The values of a window in order (sorted.c). */
struct sorted {
	double *v;       /* those of the window; if `ranked`, all of the series */
	uint32_t *rank;  /* of each sample of the series, its place in v */
	uint64_t *bit;   /* of each place, whether it is in the window */
	uint32_t *block; /* how many are, of each BLOCK words of `bit` */
	size_t v_cap, rank_cap, bit_cap, block_cap;
	size_t n, from, to; /* the window: samples from … to - 1 of the series */
	bool ranked;
};
void sorted_begin(struct sorted *s); /* another series */
void sorted_fini(struct sorted *s);

/* How far the samples of a window are drawn out to its ends: the same for all windows whose samples lie
 * alike. */
struct stretch {
	time_us to_start, to_end, sampled; /* from end to sample, sample to sample, sample to end */
	size_t n;
	double start, end; /* … of what is drawn out */
	double factor;
};
struct window {
	const time_us *t;
	const double *v;      /* NULL, for functions that know it (FN_SCALED): they are … */
	struct scaled scaled; /* … these */
	size_t n;
	time_us first, last;          /* t[0], t[n - 1] */
	struct stretch *stretch;      /* of the window before */
	bool plain;                   /* no NaN */
	const struct samples *series; /* in which the window begins at `base` */
	const uint32_t *mark;         /* samples that are less than the one before them, or differ from it */
	size_t marks;                 /* … of the window; mark[i] - base is an index of v */
	size_t base;
	struct sorted *sorted; /* of the window before, or empty */
	time_us start, end;    /* (start, end] */
	time_us at;            /* of the evaluation */
	dur_us range;
	bool anchored, smoothed;
	double arg[3];
	const struct node *call;
	struct eval *ev;
};

static inline double window_value(const struct window *w, size_t i)
{
	return w->v != NULL ? w->v[i] : scaled_at(&w->scaled, i);
}

enum fn_kind {
	FN_MATH,   /* double -> double, name dropped */
	FN_DATE,   /* the same, of vector(time()) by default */
	FN_WINDOW, /* a window -> double */
	FN_OTHER,  /* `run` does it all */
};
#define FN_MAX_ARGS 6
struct function {
	const char *name;
	enum promql_type result;
	enum promql_type arg[FN_MAX_ARGS];
	int n_arg;    /* of the types above */
	int variadic; /* 0: exactly n_arg; k > 0: the last k may be left out; -1: the last may repeat or be
	                 missing */
	enum fn_kind kind;
	double (*math)(double v);
	double (*window)(const struct window *w);
	void (*run)(struct eval *ev, const struct node *x, const struct grid *g, struct value *out);
	uint8_t flags;
};
#define FN_KEEPS_NAME 1
#define FN_COUNTER 2       /* wants to see a counter */
#define FN_NEEDS_RESETS 4  /* window.mark: falls */
#define FN_NEEDS_CHANGES 8 /* window.mark: changes */
#define FN_ANCHORED 16     /* knows the modifier */
#define FN_SMOOTHED 32
#define FN_FAILS 64   /* the window function may fail the evaluation */
#define FN_SCALED 128 /* it takes scaled values, unless the range is anchored or smoothed */

/* The answer of a window function from what the storage knows of whole spans of time; false: it has to come
 * from the samples, and `out` is as it was. */
bool call_rollup(struct eval *ev, const struct node *x, const struct node *range, const struct grid *g,
        struct value *out);
const struct function *function_find(struct str name);
void call_eval(struct eval *ev, const struct node *x, const struct grid *g, struct value *out);
/* fold as for select_instant. */
void call_window(
        struct eval *ev, const struct node *x, const struct grid *g, struct value *out, struct fold *fold);

/* ---- anchored and smoothed ranges (extended.c) ---- */

/* Takes the samples around the window that the modifiers look at. */
void window_widen(
        const struct samples *in, const struct window *w, dur_us lookback, size_t *from, size_t *to);
/* The change from one end to the other, of a counter or not; absent() if no sample is after the start. */
double window_extended_change(const struct window *w, bool counter);
/* The samples of an anchored or smoothed range, with one at either end of it; t and v have room for two more
 * than there are. 0: nothing is there. */
size_t window_extended(const struct node *x, const struct samples *in, time_us start, time_us end,
        dur_us lookback, time_us *t, double *v);

/* ---- functions that are no windows ---- */

#define FN_RUN(name) void name(struct eval *ev, const struct node *x, const struct grid *g, struct value *out)
FN_RUN(fn_label_replace);
FN_RUN(fn_label_join);
FN_RUN(fn_sort_by_label);
FN_RUN(fn_info);
FN_RUN(fn_histogram_quantile);
FN_RUN(fn_histogram_quantiles);
FN_RUN(fn_histogram_fraction);
FN_RUN(fn_histogram_only);

#define FN_MATH_LIST(X)                                                                                      \
	X(w_rate)                                                                                            \
	X(w_increase)                                                                                        \
	X(w_delta)                                                                                           \
	X(w_irate)                                                                                           \
	X(w_idelta)                                                                                          \
	X(w_marks)                                                                                           \
	X(w_avg)                                                                                             \
	X(w_sum)                                                                                             \
	X(w_min)                                                                                             \
	X(w_max)                                                                                             \
	X(w_count)                                                                                           \
	X(w_last)                                                                                            \
	X(w_first)                                                                                           \
	X(w_present)                                                                                         \
	X(w_stddev)                                                                                          \
	X(w_stdvar)                                                                                          \
	X(w_quantile)                                                                                        \
	X(w_mad)                                                                                             \
	X(w_ts_min)                                                                                          \
	X(w_ts_max)                                                                                          \
	X(w_ts_last)                                                                                         \
	X(w_ts_first)                                                                                        \
	X(w_deriv)                                                                                           \
	X(w_predict_linear)                                                                                  \
	X(w_smoothing)
#define X(f) double f(const struct window *w);
FN_MATH_LIST(X)
#undef X

/* Neumaier's sum: what was lost to rounding is kept in *c. */
static inline void kahan_add(double v, double *sum, double *c)
{
	double t = *sum + v;

	if (isinf(t))
		*c = 0;
	else if (fabs(*sum) >= fabs(v))
		*c += (*sum - t) + v;
	else
		*c += (v - t) + *sum;
	*sum = t;
}
/* The φ-quantile of v, which is sorted in place, NaN first. */
double quantile_of(double q, double *v, size_t n);

/* ---- operators (aggregate.c, binary.c) ---- */

void aggregate_eval(struct eval *ev, const struct node *x, const struct grid *g, struct value *out);
void binary_eval(struct eval *ev, const struct node *x, const struct grid *g, struct value *out);

#endif

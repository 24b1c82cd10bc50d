/*
 * feel - the Friendly Enough Expression Language of OMG DMN 1.5, chapter 10.
 *
 * Compile once against the names in scope (FEEL names may hold spaces, so the parser must know them),
 * evaluate often. Pure: no I/O, no clock; now() and today() come from the scope. A failing operation
 * yields null, as the standard says; what went wrong is kept as a note for the author.
 *
 * Ownership: expressions live in the arena they were compiled into; values live in the arena of the
 * evaluation. Threads: expressions are immutable; many threads may evaluate at once.
 */
#ifndef HEMING_FEEL_H
#define HEMING_FEEL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "base/time.h"
#include "feel/number.h"

enum feel_type {
	FEEL_NULL,
	FEEL_BOOL,
	FEEL_NUMBER,
	FEEL_STRING,
	FEEL_DATE,
	FEEL_TIME,
	FEEL_DATETIME,
	FEEL_DAYS,   /* days and time duration */
	FEEL_MONTHS, /* years and months duration */
	FEEL_LIST,
	FEEL_CONTEXT,
	FEEL_RANGE,
	FEEL_FUNCTION,
};

struct feel_value;
struct feel_entry {
	struct str key;
	struct feel_value *value;
};
struct feel_list {
	struct feel_value *item;
	int n;
};
struct feel_context {
	struct feel_entry *entry; /* in order of writing */
	int n;
};
struct feel_range {
	struct feel_value *low, *high; /* NULL value: unbounded */
	bool low_in, high_in;
};
struct feel_moment {             /* date, time, date and time */
	int64_t days;            /* since 1970-01-01, of the local date */
	int64_t nanos;           /* of the local day */
	bool has_zone;           /* offset or zone given */
	int32_t offset_s;        /* at that moment */
	const struct zone *zone; /* NULL for a plain offset */
};
struct feel_function; /* private */

struct feel_value {
	enum feel_type type;
	union {
		bool boolean;
		struct feel_number number;
		struct str string;
		struct feel_moment moment;
		__int128 nanos; /* FEEL_DAYS */
		int64_t months; /* FEEL_MONTHS */
		struct feel_list list;
		struct feel_context context;
		struct feel_range range;
		const struct feel_function *function;
	};
};
#define FEEL_NULL_VALUE ((struct feel_value){.type = FEEL_NULL})

struct feel_value feel_bool(bool b);
struct feel_value feel_int(int64_t v);
struct feel_value feel_double(double v);
struct feel_value feel_string(struct str s);                                  /* borrowed */
struct feel_value feel_instant(time_us t, const struct zone *z);              /* date and time in zone z */
time_us feel_to_instant(const struct feel_value *v, const struct zone *dflt); /* TIME_NONE if it is none */
/* Adds or replaces a key; the value is copied shallowly into the arena. */
void feel_put(struct arena *a, struct feel_value *context, struct str key, struct feel_value v);
const struct feel_value *feel_get(const struct feel_value *context, const char *key); /* NULL if missing */
struct feel_value feel_copy(struct arena *a, const struct feel_value *v);             /* deep */
/* Equality of FEEL: 1, 0, or -1 for null (not comparable). */
int feel_equal(const struct feel_value *a, const struct feel_value *b);
/* Order of numbers, texts, moments and durations: 0 and *order below, equal to or above 0; -1: they have
 * none. */
int feel_compare(const struct feel_value *a, const struct feel_value *b, int *order);
/* JSON out: temporal values and durations as their FEEL text. In: strings stay strings. */
void feel_write_json(const struct feel_value *v, struct jw *w);
MUST_USE int feel_read_json(struct arena *a, struct str json, struct feel_value *out, struct err *e);
/* The text of string(v). */
void feel_write_text(const struct feel_value *v, struct sb *b);
/* What @"…" says: a date, time, date and time, or duration. */
MUST_USE bool feel_parse_at(struct str s, struct feel_value *out);

struct feel_names { /* names in scope while compiling */
	const struct str *name;
	int n;
	/* Names that values in scope may have inside (components of types): found after a point and in a
	 * filter. Only those that hold more than words, like "cost/unit", must be listed. */
	const struct str *member;
	int members;
};
bool feel_is_plain_name(struct str name); /* words alone, and none that is a keyword: need not be listed */
struct feel_run;
struct feel_scope {
	const struct feel_value *context; /* variables; NULL: none */
	time_us now;                      /* for now() and today() */
	const struct zone *zone;          /* local zone for those; NULL: UTC */
	size_t max_steps; /* evaluation steps; 0: 10,000,000; past it the result is an error */
	/* The rest is for engines that nest evaluations (dmn); all may be NULL. */
	const struct feel_scope *up; /* names not in `context` are looked for here */
	struct feel_run *run; /* of the evaluation that this one is part of: its limits and notes count */
	/* Types that FEEL does not know by itself: 1, 0, or -1 if there is no such type. */
	int (*instance_of)(const void *types, struct str type, const struct feel_value *v);
	const void *types;
};
struct feel_expr;

/* An expression; e has line and column. Depth at most 200. */
MUST_USE int feel_compile(struct arena *a, struct str text, const struct feel_names *names,
        struct feel_expr **out, struct err *e);
/* Unary tests (a cell of a decision table): "-", "> 5, [1..3]", `not("a")`, or an expression over ?. */
MUST_USE int feel_compile_tests(struct arena *a, struct str text, const struct feel_names *names,
        struct feel_expr **out, struct err *e);
/* Evaluates; failures inside give null and a note (first 8 kept) in `notes` if not NULL. Negative only
 * past the limits of memory or steps. */
MUST_USE int feel_eval(const struct feel_expr *x, const struct feel_scope *s, struct arena *a,
        struct feel_value *out, struct sb *notes, struct err *e);
/* Result of unary tests for the input: true only when a test is true. */
MUST_USE int feel_test(const struct feel_expr *x, const struct feel_scope *s, const struct feel_value *input,
        struct arena *a, bool *out, struct err *e);

/*
 * For checks of what authors wrote: what an expression says without the values of a scope.
 */
struct feel_cell {               /* unary tests that hold literals alone */
	bool any;                /* "-" */
	bool negated;            /* all but the parts */
	bool null;               /* null is among the parts */
	struct feel_range *part; /* a single value is the range that holds it alone */
	int n;
};
/* False if the tests are more than literals, so that nothing can be said. */
bool feel_read_cell(const struct feel_expr *tests, struct arena *a, struct feel_cell *out);
/* The value of a literal, a date or duration made of a text, or a list of them; false for all else. */
bool feel_read_literal(const struct feel_expr *x, struct arena *a, struct feel_value *out);
/* Tells each name that meant nothing when the expression was compiled. */
void feel_unknown_names(
        const struct feel_expr *x, void (*tell)(void *ctx, struct str name, int line, int column), void *ctx);

/*
 * Functions from outside. `call` gives its result in *out (null with a note where FEEL would); negative
 * only past the limits. A scope that a function value was made in must live as long as the value.
 */
struct feel_native {
	int (*call)(void *arg, struct feel_run *run, const struct feel_value *args, struct feel_value *out,
	        struct err *e);
	void *arg;
	const struct str *parameter;
	int n;
};
struct feel_value feel_native_value(struct arena *a, const struct feel_native *f); /* copies *f */
/* Calls what an externally defined function names: "class" and "method signature" of a Java method. Those
 * that are known are in external.c; null and a note for others. */
struct feel_value feel_external(
        struct feel_run *run, const struct feel_value *mapping, const struct feel_value *args, int n);
/* Number and names of a function's parameters; -1 for a built-in one, which may have several forms. */
int feel_parameters(const struct feel_value *function, const struct str **names);
/* Calls a function value with n arguments, as feel_eval: by position if `names` is NULL, else by the names of
 * its parameters, of which those that are not named are null. */
MUST_USE int feel_call(const struct feel_value *function, const struct feel_scope *s, const struct str *names,
        const struct feel_value *args, int n, struct arena *a, struct feel_value *out, struct sb *notes,
        struct err *e);
/* A run of its own for an engine that nests evaluations; lives in the arena. */
struct feel_run *feel_run_new(const struct feel_scope *s, struct arena *a, struct sb *notes);
struct arena *feel_run_arena(const struct feel_run *run);
void feel_note(struct feel_run *run, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Counts one level of nesting and a step; negative past the limits. Leave once for each success. */
MUST_USE int feel_run_enter(struct feel_run *run, struct err *e);
void feel_run_leave(struct feel_run *run);

#endif

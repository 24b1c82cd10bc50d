/*
 * feel_int - what the files of feel share: the tree of an expression, a run, the built-in functions.
 */
#ifndef HEMING_FEEL_INT_H
#define HEMING_FEEL_INT_H

#include "feel/feel.h"
#include "feel/number_int.h"

enum feel_node_kind {
	N_CONST,
	N_NAME,
	N_NEG,
	N_ARITH, /* op: + - * / and ^ for the power */
	N_COMPARE,
	N_AND,
	N_OR,
	N_IF,
	N_FOR,  /* names: variables; kids: a domain each (low and high for a range of words), last the body */
	N_SOME, /* as N_FOR */
	N_EVERY,  /* as N_FOR */
	N_DOMAIN, /* low .. high of an iteration */
	N_FILTER,
	N_PATH,
	N_CALL, /* kid 0: function; the rest: arguments */
	N_CALL_NAMED,
	N_LIST,
	N_CONTEXT,  /* names: keys */
	N_RANGE,    /* kids: low, high, or one that is both; op: RANGE_LOW_IN | RANGE_HIGH_IN */
	N_FUNCTION, /* names: parameters; types; kid: body */
	N_EXTERNAL, /* as N_FUNCTION; kid: what says where the function is */
	N_BETWEEN,
	N_IN, /* kid 0: value; kid 1: tests */
	N_INSTANCE,
	/* Unary tests; they look at the input. */
	T_ANY,
	T_LIST, /* or */
	T_NOT,  /* kid: T_LIST */
	T_COMPARE,
	T_EXPR,
};
enum { RANGE_LOW_IN = 1, RANGE_HIGH_IN = 2, RANGE_HALF = 4 /* from > x and the like: a null end is none */ };
enum feel_compare { CMP_EQ, CMP_NE, CMP_LT, CMP_LE, CMP_GT, CMP_GE };

struct feel_type_ref {
	struct str name;           /* "number", "list", "context", "function", "range", or one from outside */
	struct feel_type_ref *arg; /* list<>, range<>, members of context<>, parameters of function<> */
	struct str *member;        /* names of the members of context<> */
	int n;
	struct feel_type_ref *result; /* of function<> */
};

struct feel_node {
	uint8_t kind, op;
	bool has_input; /* T_EXPR: ? stands in it */
	bool unknown;   /* N_NAME: of nothing that was in scope */
	int line, column;
	int n;
	struct feel_node **kid;
	struct str name; /* N_NAME, N_PATH */
	int names_n;
	struct str *names;
	struct feel_type_ref **types; /* of parameters, may hold NULL; of N_INSTANCE the first */
	struct feel_value value;      /* N_CONST */
};

struct feel_expr {
	struct feel_node *root;
	bool tests;
};

/* Names at evaluation: the innermost first; the outermost frame is the scope's. */
struct feel_frame {
	const struct feel_frame *up;
	struct str name;                /* of a single variable; p NULL: the names of `value`, a context */
	const struct feel_value *value; /* what it means */
	const struct feel_scope *scope; /* the outermost */
	bool item;                      /* of a filter: `item` and, of a context, its entries */
};

struct feel_run {
	struct arena *arena;
	struct sb *notes;
	int notes_n;
	size_t steps; /* left */
	int depth;
	int rc; /* sticky: past a limit */
	struct err err;
	time_us now;
	const struct zone *zone;
	const struct feel_scope *scope;
};

struct feel_builtin {
	const char *name;
	const char *parameters; /* "a,b,c" */
	int least, most;        /* most -1: any number */
	struct feel_value (*call)(struct feel_run *r, const struct feel_value *arg, int n);
};

struct feel_function {
	enum { FUNCTION_BUILTIN, FUNCTION_LAMBDA, FUNCTION_NATIVE, FUNCTION_EXTERNAL } kind;
	const struct feel_builtin *builtin;
	const struct feel_node *lambda;
	const struct feel_frame *closure;
	struct feel_native native;
};

/* run.c */
struct feel_value feel__fail(struct feel_run *r, const char *fmt, ...) PRINTF_LIKE(2, 3); /* a note; null */
void feel__nomem(struct feel_run *r);
struct feel_value *feel__alloc_items(struct feel_run *r, int n); /* NULL past the budget (sticky) */
struct feel_value feel__list(struct feel_value *item, int n);

/* eval.c */
struct feel_value feel__invoke(
        struct feel_run *r, const struct feel_value *function, const struct feel_value *arg, int n);
struct feel_value feel__invoke_named(struct feel_run *r, const struct feel_value *function,
        const struct str *names, const struct feel_value *given, int n);
/* 1, 0, -1 for null */
int feel__is_instance(struct feel_run *r, const struct feel_type_ref *t, const struct feel_value *v);
bool feel__is_type(const struct feel_run *r, const struct feel_type_ref *t);

/* value.c */
const char *feel__type_name(enum feel_type t);
/* As feel_equal; what it takes is counted by the run. */
int feel__equal(struct feel_run *r, const struct feel_value *a, const struct feel_value *b);
int feel__in_range(const struct feel_range *r, const struct feel_value *v); /* 1, 0, -1 */
struct feel_value feel__get(const struct feel_value *context, struct str key, bool *found);

/* builtins */
const struct feel_builtin *feel__builtin(
        struct str name, int nth); /* overloads: nth 0, 1, …; NULL past the last */
const struct str *feel__builtin_names(int *n);
extern const struct feel_builtin feel__numbers[], feel__strings[], feel__lists[], feel__times[],
        feel__ranges[];

/* temporal.c */
bool feel__parse_date(struct str s, struct feel_value *out);
bool feel__parse_time(struct str s, struct feel_value *out);
bool feel__parse_datetime(struct str s, struct feel_value *out); /* a bare date too: midnight */
bool feel__parse_duration(struct str s, struct feel_value *out);
void feel__write_temporal(const struct feel_value *v, struct sb *b);
/* Nanoseconds since the epoch, or of the day for times, in UTC where there is a zone. */
__int128 feel__moment_nanos(const struct feel_value *v);
bool feel__date(int64_t year, int64_t month, int64_t day, struct feel_value *out);
bool feel__temporal_arith(struct feel_run *r, char op, const struct feel_value *a, const struct feel_value *b,
        struct feel_value *out);
bool feel__temporal_member(const struct feel_value *v, struct str name, struct feel_value *out);
void feel__ymd(int64_t days, int64_t *year, int *month, int *day);
void feel__set_zone(struct feel_moment *m, const struct zone *z);
struct feel_value feel__now(struct feel_run *r);

#define FEEL__DAY_NANOS (INT64_C(86400) * 1000000000)
#define FEEL__VALUE_DEPTH_MAX 1000 /* lists in lists that are compared, copied and written */
#define FEEL__YEAR_MAX 999999999
#define FEEL__EXP_STEPS 1000 /* what an exponential or a logarithm counts as */

#endif

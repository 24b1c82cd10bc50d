/*
 * labels - Prometheus label sets, and matchers over them.
 *
 * A label set is an array sorted bytewise by name, names unique, no empty values (an empty value and
 * a missing label are the same thing, as in Prometheus). The metric name is the label "__name__".
 * The structs own nothing; builders say which arena or caller owns the bytes.
 */
#ifndef HEMING_LABELS_H
#define HEMING_LABELS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

#define LABEL_NAME "__name__"

struct label {
	struct str name, value;
};
struct labels {
	struct label *l;
	int n;
};
#define LABELS_NONE ((struct labels){NULL, 0})

/* Sorts in place and drops empty values. ERR_INVALID names a duplicate. */
MUST_USE int labels_sort(struct labels *ls, struct err *e);
struct str labels_get(const struct labels *ls, const char *name); /* STR_NULL if missing */
bool labels_equal(const struct labels *a, const struct labels *b);
int labels_cmp(const struct labels *a, const struct labels *b); /* as Prometheus orders series */
uint64_t labels_hash(const struct labels *ls);                  /* of a sorted set */
/* Deep copy into the arena; with `name` set to value (value empty: without it). name may be NULL. */
struct labels labels_copy(struct arena *a, const struct labels *ls, const char *name, struct str value);
/* `ch4_lel{region="320902",thing="GAS-0412"}`; values escaped as in PromQL strings. */
void labels_write(struct sb *b, const struct labels *ls);
/* The text in double quotes, escaped as PromQL (and Go) writes strings. */
void label_quote(struct sb *b, struct str s);
bool label_name_valid(struct str s);  /* [a-zA-Z_][a-zA-Z0-9_]* */
bool metric_name_valid(struct str s); /* [a-zA-Z_:][a-zA-Z0-9_:]* */

enum match_op { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE };
struct matcher {
	enum match_op op;
	struct str name, value;
	void *re; /* PCRE2 code of ^(?:value)$ for MATCH_RE and MATCH_NRE */
};
/* Compiles with PCRE2 (UTF, anchored at both ends, match limits set so that a hostile pattern ends
 * in "no match" rather than in minutes). The code is freed with the arena. value is copied. */
MUST_USE int matcher_init(struct matcher *m, struct arena *a, enum match_op op, struct str name,
        struct str value, struct err *e);
/* value STR_NULL or empty stands for a missing label. Any thread at once. */
bool matcher_matches(const struct matcher *m, struct str value);
bool matchers_match(const struct matcher *m, int n, const struct labels *ls);

#endif

/* parse_int - between the grammar (parse.c, parse_select.c) and the rules of types (check.c). */
#ifndef HEMING_PROMQL_PARSE_INT_H
#define HEMING_PROMQL_PARSE_INT_H

#include <stdio.h>

#include "promql/promql_int.h"

#define PROMQL_TEXT_MAX 65536
#define DEPTH_MAX 200 /* of nested expressions */

struct parser {
	struct arena *a;
	struct lexer lex;
	struct token cur;
	size_t last_end; /* of the token before cur */
	int depth;
	int aggregations; /* around the current token */
	int rc;           /* sticky */
	struct err *e;
};
int parser_fail(struct parser *p, size_t pos, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The next token is the current one. */
void parser_advance(struct parser *p);
/* Fails the parse where there is no memory. */
void *parser_keep(struct parser *p, void *mem);
bool parser_at_word(const struct parser *p, const char *word);
/* The token after the current one. */
struct token parser_peek(const struct parser *p);
/* Fails: `expected` (may be NULL) is what could stand there. */
void parser_unexpected(struct parser *p, const char *where, const char *expected);
bool parser_expect(struct parser *p, enum tok kind, const char *where, const char *expected);
struct node *node_new(struct parser *p, enum node_kind kind, enum promql_type type, size_t pos);
bool node_push(struct parser *p, struct node *x, struct node *child);

/* parse.c */
struct node *parse_expr(struct parser *p, int min);
/* parse_select.c */
bool parse_labels(struct parser *p, struct str **out, int *n);
struct node *parse_selector(struct parser *p, bool matchers_only);
struct node *parse_suffixes(struct parser *p, struct node *x);

int precedence(enum op op);

const char *type_words(enum promql_type t);  /* instant vector */
const char *quoted_type(enum promql_type t); /* "vector" */
/* Of a whole expression without mistakes of grammar, which come first. */
void check_types(struct parser *p, const struct node *x);

/* Depends on the step or the range of the query. */
bool dur_varies(const struct dur *d);
/* Seconds; *why is set where there is no answer. */
double dur_compute(const struct dur *d, double step, double range, const char **why);

#endif

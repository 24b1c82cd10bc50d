/* parse_int - between the grammar (parse.c) and the rules of types (check.c). */
#ifndef HEMING_PROMQL_PARSE_INT_H
#define HEMING_PROMQL_PARSE_INT_H

#include <stdio.h>

#include "promql/promql_int.h"

#define PROMQL_TEXT_MAX 65536

struct parser {
	struct arena *a;
	struct lexer lex;
	struct token cur;
	size_t last_end; /* of the token before cur */
	int depth;
	int rc; /* sticky */
	struct err *e;
};
int parser_fail(struct parser *p, size_t pos, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct node *parse_expr(struct parser *p, int min);
int precedence(enum op op);

const char *type_words(enum promql_type t);  /* instant vector */
const char *quoted_type(enum promql_type t); /* "vector" */
void check_call(struct parser *p, struct node *x);
void check_aggregate(struct parser *p, struct node *x);
void check_binary(struct parser *p, struct node *x, size_t op_pos);

/* Depends on the step or the range of the query. */
bool dur_varies(const struct dur *d);
/* Seconds; *why is set where there is no answer. */
double dur_compute(const struct dur *d, double step, double range, const char **why);

#endif

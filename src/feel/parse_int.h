/*
 * parse_int - what the files of the parser share: its state, and the steps that read a bit of the text.
 * A step that fails sets the error (the first one stays) and gives NULL or false; p->rc says so.
 */
#ifndef HEMING_FEEL_PARSE_INT_H
#define HEMING_FEEL_PARSE_INT_H

#include "feel/feel_int.h"

#define FEEL__DEPTH_MAX 200

struct scope_name {
	struct str name;
	struct scope_name *next;
};

struct place {
	int line, column;
};

struct parser {
	struct arena *a;
	const char *start, *p, *end;
	const struct feel_names *names;
	struct scope_name *local;  /* names bound inside the expression, innermost first */
	struct scope_name *member; /* keys of contexts written in the expression */
	int depth;
	int in_filter;
	bool no_filter; /* at the end of a range: [ closes it */
	bool saw_input;
	struct place *place; /* see feel__mark_places */
	int rc;
	struct err *e;
};

struct match {
	size_t n;
	struct str name;
};

/* scan.c: white space and comments are skipped before whatever is looked at */
int feel__code_point(const struct parser *p, const char *at, uint32_t *cp);
bool feel__mark_places(struct parser *p); /* before anything else; false: no memory */
void feel__position(struct parser *p, const char *at, int *line, int *column);
struct feel_node *feel__fail_at(struct parser *p, const char *at, const char *fmt, ...) PRINTF_LIKE(3, 4);
struct feel_node *feel__no_memory(struct parser *p);
bool feel__is_space(uint32_t c);
bool feel__is_name_start(uint32_t c);
bool feel__is_name_part(uint32_t c);
void feel__skip(struct parser *p);
char feel__peek(struct parser *p);
bool feel__looking_at(struct parser *p, const char *op);
bool feel__take(struct parser *p, const char *op);      /* goes past it, if it stands here */
const char *feel__here(struct parser *p, char buf[40]); /* what stands here, for messages */
bool feel__expect(struct parser *p, const char *op, const char *what);
struct str feel__word(struct parser *p); /* name characters from here, without taking them */
bool feel__take_word(struct parser *p, const char *w);
bool feel__is_keyword(struct str w);
bool feel__at_dots(struct parser *p);

/* parse_name.c */
struct match feel__longest_member(struct parser *p);
struct match feel__longest_name(struct parser *p);
struct str feel__kept(struct parser *p, struct str name); /* in the expression's arena */
struct str feel__words_name(struct parser *p);            /* words up to a keyword, taken */
struct str feel__declared_name(struct parser *p, const char *until, bool until_in);
bool feel__at_named_argument(struct parser *p);
void feel__bind(struct parser *p, struct scope_name **list, struct str name);

/* tree.c */
struct feel_node *feel__make(struct parser *p, enum feel_node_kind kind, const char *at);
void feel__add_kid(struct parser *p, struct feel_node *x, struct feel_node *kid);
void feel__add_name(struct parser *p, struct feel_node *x, struct str name);
struct feel_node *feel__make2(
        struct parser *p, enum feel_node_kind kind, const char *at, struct feel_node *a, struct feel_node *b);
bool feel__enter(struct parser *p);
struct feel_node *feel__leave(struct parser *p, struct feel_node *x);
struct feel_node *feel__constant(struct parser *p, const char *at, struct feel_value v);

/* parse_primary.c */
struct feel_type_ref *feel__type(struct parser *p);
struct feel_node *feel__range_rest(struct parser *p, const char *at, struct feel_node *low, bool low_in);
struct feel_node *feel__primary(struct parser *p);

/* parse.c */
struct feel_node *feel__additive(struct parser *p);
struct feel_node *feel__expression(struct parser *p);

#endif

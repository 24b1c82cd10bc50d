/* load_int - what the files that load a model share. */
#ifndef HEMING_DMN_LOAD_INT_H
#define HEMING_DMN_LOAD_INT_H

#include "dmn/dmn_int.h"

struct loading { /* a model and all that it imports */
	struct dmn_model *top;
	const struct dmn_source *source;
	struct xml **root; /* of the sources; NULL: not parsed */
	int sources;
	size_t cap; /* of top->all */
};
struct loader { /* one model */
	struct dmn_model *m;
	struct err *e;
	struct loading *all;
	const struct drg *d; /* whose logic is being loaded */
	int depth;           /* of boxes */
	size_t member_cap, import_cap, mistake_cap;
};
/* Names in scope, innermost last; frames are pushed and popped by length. */
struct names {
	struct str *name;
	size_t n, cap;
};

/* load.c */
int dmn__bad(struct loader *l, const struct xml *x, const char *fmt, ...) PRINTF_LIKE(3, 4);
void dmn__push(struct loader *l, struct names *n, struct str name);
bool dmn__is(const struct xml *x, const char *name);
struct str dmn__trimmed(const char *s);
struct str dmn__type_name(struct str s);
struct str dmn__text_of(const struct xml *x);
int dmn__compile(struct loader *l, const struct xml *x, struct str text, const struct names *n, bool tests,
        const struct feel_expr **out);
int dmn__count(const struct xml *x, const char *name);

/* graph.c */
int dmn__load_graph(struct loader *l, const struct xml *root);

/* load_box.c */
bool dmn__is_box(const struct xml *x);
const struct xml *dmn__box_child(const struct xml *x);
int dmn__load_function(struct loader *l, const struct xml *x, struct names *n, struct box *b);
int dmn__load_box(struct loader *l, const struct xml *x, struct names *n, struct box **out);

/* load_table.c */
int dmn__load_table(struct loader *l, const struct xml *x, struct names *n, struct box *b);

#endif

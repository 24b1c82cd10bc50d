/* dmn_int - a loaded model, shared by the files of dmn. */
#ifndef HEMING_DMN_INT_H
#define HEMING_DMN_INT_H

#include "base/doc.h"
#include "dmn/dmn.h"

struct dmn_type { /* an item definition, or a component of one */
	struct str name;
	struct str base; /* name of the type it refers to; empty for a structure */
	bool collection;
	const struct feel_expr *allowed; /* NULL: any */
	struct dmn_type *component;
	int components;
	struct dmn_type *next;
};

enum box_kind {
	BOX_NONE,
	BOX_LITERAL,
	BOX_TABLE,
	BOX_INVOCATION,
	BOX_CONTEXT,
	BOX_RELATION,
	BOX_LIST,
	BOX_FUNCTION
};

struct box;
struct box_entry { /* of a context, a binding, a parameter */
	struct str name, type;
	struct box *box;
};
struct table_input {
	const struct feel_expr *expr;
	const struct feel_expr *values; /* allowed; NULL: any */
	struct str text;
};
struct table_output {
	struct str name; /* empty when there is one without a name */
	struct str type;
	const struct feel_expr *dflt;
	const struct feel_expr **priority; /* outputValues in order */
	int priorities;
};
struct table_rule {
	const struct feel_expr **in, **out;
	struct str *in_text;
	int line;
};
enum hit_policy {
	HIT_UNIQUE,
	HIT_ANY,
	HIT_FIRST,
	HIT_PRIORITY,
	HIT_RULE_ORDER,
	HIT_OUTPUT_ORDER,
	HIT_COLLECT
};
enum aggregation { AGG_NONE, AGG_SUM, AGG_MIN, AGG_MAX, AGG_COUNT };

struct box {
	enum box_kind kind;
	int line;
	struct str type;
	const struct feel_expr *expr; /* literal; of an invocation the function */
	struct str function;          /* its text */
	struct box_entry
	        *entry; /* context entries, bindings, parameters, items; rows of a relation are contexts */
	int entries;
	struct box *result; /* of a context, or the body of a function; NULL if none */
	/* decision table */
	enum hit_policy hit;
	enum aggregation aggregation;
	struct table_input *input;
	int inputs;
	struct table_output *output;
	int outputs;
	struct table_rule *rule;
	int rules;
};

enum drg_kind { DRG_INPUT, DRG_DECISION, DRG_BKM };
struct drg { /* an element of the requirements graph */
	enum drg_kind kind;
	const char *id, *label; /* label: its name */
	struct str name;        /* of its variable */
	struct str type;
	int line;
	struct drg **need;
	int needs;
	const char **need_id;
	struct box *box;
	const struct xml *xml;
	int mark; /* of the search for cycles */
};

struct dmn_model {
	struct arena *a;
	const char *file, *name;
	struct dmn_type *type;
	struct drg *drg;
	int drgs;
	struct str *member; /* names of components, for the parser of paths */
	int members;
};

/* value.c: 1 if v conforms to the named type after coercion in place (singleton lists), 0 if not. */
int dmn__conform(const struct dmn_model *m, struct str type, struct feel_value *v, const struct feel_scope *s,
        struct arena *a);
const struct dmn_type *dmn__type(const struct dmn_model *m, struct str name);

/* table.c */
struct dmn__run {
	const struct dmn_model *m;
	struct feel_run *run;
	struct arena *a;
	struct sb *notes;
	struct dmn_result *result; /* for fired rows */
	size_t fired_cap;
	const char *decision;
	struct feel_value *done; /* by place of the element */
	bool *is_done;
};
MUST_USE int dmn__table(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e);
/* check.c: ERR_INVALID for rows of a UNIQUE table that overlap for sure. */
MUST_USE int dmn__check_unique(
        const struct dmn_model *m, const struct drg *d, const struct box *b, struct err *e);

#endif

/* dmn_int - a loaded model, shared by the files of dmn. */
#ifndef HEMING_DMN_INT_H
#define HEMING_DMN_INT_H

#include "base/doc.h"
#include "dmn/dmn.h"

struct dmn_type { /* an item definition, or a component of one */
	struct str name;
	struct str base; /* name of the type it refers to; empty for a structure */
	bool collection;
	bool function;                      /* a type of functions */
	const struct feel_expr *allowed;    /* of each element, if a collection; NULL: any */
	const struct feel_expr *constraint; /* of the whole value; NULL: any */
	struct dmn_type *component;
	int components;
	const struct dmn_model *model; /* in which its other types' names are looked for */
	struct str result;             /* of a type of functions */
	int parameters;
	struct dmn_type *next;
};

enum box_kind {
	BOX_NONE,
	BOX_LITERAL,
	BOX_TABLE,
	BOX_INVOCATION,
	BOX_CONTEXT,
	BOX_RELATION,
	BOX_ROW, /* of a relation: a context whose entries do not see each other */
	BOX_LIST,
	BOX_FUNCTION,
	BOX_IF,     /* entries: condition, then, else */
	BOX_FOR,    /* entries: domain (by the variable's name), body */
	BOX_SOME,   /* as BOX_FOR */
	BOX_EVERY,  /* as BOX_FOR */
	BOX_FILTER, /* entries: list, condition */
	BOX_BROKEN  /* what could not be read, of a model loaded leniently; text says why */
};

struct box;
struct box_entry { /* of a context, a binding, a parameter */
	struct str name, type;
	struct box *box;
};
struct table_input {
	const struct feel_expr *expr;
	struct str type;
	const struct feel_expr *values; /* allowed; NULL: any */
	struct str text, values_text;
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
	struct str *in_text, *out_text;
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
	const struct feel_expr *expr; /* literal */
	const char *why;              /* BOX_BROKEN */
	bool external;                /* of a function: the result tells where it is */
	struct box_entry *entry;      /* context entries, bindings, parameters, items, rows */
	int entries;
	struct box *result; /* of a context; the body of a function; what an invocation calls; NULL if none */
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

enum drg_kind { DRG_INPUT, DRG_DECISION, DRG_BKM, DRG_SERVICE };
struct dmn_import {      /* a model, loaded for this import alone */
	struct str name; /* empty: its names count as the importing model's own */
	const struct dmn_model *model;
};
struct drg { /* an element of the requirements graph */
	enum drg_kind kind;
	const struct dmn_model *model;
	size_t place;           /* among the elements of all models of the load */
	const char *id, *label; /* label: its name */
	struct str name;        /* of its variable */
	struct str type;
	int line;
	struct drg **need;
	struct str *need_import; /* the name of the import that the need came by; empty: none */
	int needs;
	struct box *box;
	const struct xml *xml;
	/* Of the search for cycles; circular: it is in one, of a model loaded leniently. */
	int mark;
	struct drg *via;
	bool circular;
	/* of a decision service: its parameters (input data, then input decisions) and its outputs */
	struct drg **parameter, **output;
	int parameters, outputs;
};

struct dmn_mistake {
	int line;
	const char *text;
};
struct dmn_model {
	struct arena *a;
	const char *file, *name, *ns;
	const struct dmn_model *up; /* the model that imports this one, by the name `path` */
	struct str path;
	struct dmn_import *import;
	int imports;
	size_t places;          /* of the outermost model: elements of it and all that it imports */
	struct dmn_model **all; /* of the outermost: itself and what it imports, by whatever way */
	int alls;
	struct dmn_type *type;
	struct drg *drg, **sorted; /* sorted: by id */
	int drgs;
	bool lenient;
	struct dmn_mistake *mistake; /* found while loading; no reason to refuse the model */
	int mistakes;
	struct str *member; /* names of components, for the parser of paths */
	int members;
};

/* type.c: 1 if v conforms to the named type, after the conversions of 10.3.2.9.4 (an element for a list of
 * one, a list of one for an element, midnight for a date); 0 if not, and v is as it was. */
int dmn__conform(const struct dmn_model *m, struct str type, struct feel_value *v, const struct feel_scope *s,
        struct arena *a);
/* The same for what comes from outside: components that are missing become null. */
int dmn__conform_input(const struct dmn_model *m, struct str type, struct feel_value *v,
        const struct feel_scope *s, struct arena *a);
/* The same for what a function gives whose type is named: that of a type of functions is its result. */
int dmn__conform_result(const struct dmn_model *m, struct str type, struct feel_value *v,
        const struct feel_scope *s, struct arena *a);
/* For feel_scope.instance_of: without conversions. */
int dmn__instance_of(const void *model, struct str type, const struct feel_value *v);
const struct dmn_type *dmn__find_type(const struct dmn_model *m, struct str name); /* NULL: not defined */
/* The type of FEEL that has the name; FEEL_NULL if none has. */
enum feel_type dmn__basic_type(struct str name);
bool dmn__is_type(const struct dmn_model *m, struct str type);

/* table.c */
struct dmn__run {
	const struct dmn_model *top, *m; /* m: of the element whose logic is being evaluated */
	struct feel_run *run;
	struct arena *a;
	struct sb *notes;
	struct dmn_result *result; /* for fired rows */
	const char *decision;
	struct feel_value *done; /* by place of the element, among those of `top` */
	bool *is_done;
	int depth;
};
MUST_USE int dmn__table(struct dmn__run *r, const struct box *b, const struct feel_scope *s,
        struct feel_value *out, struct err *e);
/* check.c: ERR_INVALID for rows of a UNIQUE table that overlap for sure. */
MUST_USE int dmn__check_unique(const struct drg *d, const struct box *b, struct err *e);

#endif

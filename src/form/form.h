/*
 * form - forms as form-js (bpmn.io) draws them: the schema is read and checked once, and what somebody filled
 * in is judged by the rules that the browser goes by, so that neither can be told what the other would not
 * take.
 *
 * A schema is JSON: {"type": "default", "id": …, "components": [ … ]}. docs/internals/forms.md lists the
 * components and the rules, and where this is stricter than the browser: a value that form-js would silently
 * replace (a text in a number, a choice that is not offered) is refused here. What the schema does not ask
 * for is dropped; a field that is disabled or read-only, hidden or computed keeps the value that it had,
 * whatever was sent.
 *
 * Pure: no I/O, no clock; now() and today() come from the caller. A form lives in the arena it was loaded
 * into; immutable, any thread. Answers live in the arena of the question.
 */
#ifndef HEMING_FORM_H
#define HEMING_FORM_H

#include "feel/feel.h"

struct form_model;

/* Every flaw is told, with line, column and field (tell may be NULL); error false: a warning. ERR_INVALID
 * with the first error. `name` is for messages. */
typedef void form_tell(void *ctx, bool error, const struct err *e);
MUST_USE int form_load(struct arena *a, struct str json, const char *name, form_tell *tell, void *ctx,
        struct form_model **out, struct err *e);
const char *form_id(const struct form_model *f);

enum form_rule {
	FORM_REQUIRED,
	FORM_MIN,
	FORM_MAX,
	FORM_MIN_LENGTH,
	FORM_MAX_LENGTH,
	FORM_PATTERN,
	FORM_EMAIL,
	FORM_PHONE,
	FORM_DECIMALS,  /* too many digits after the point */
	FORM_INCREMENT, /* no multiple of the step */
	FORM_OPTION,    /* not one of the choices */
	FORM_TYPE,      /* not a value of this field at all */
};
extern const char *const form_rule_names[];

struct form_fault {
	const char *path;  /* of the value: "goods.0.amount" */
	const char *label; /* of the field; its key where it has none */
	enum form_rule rule;
	const char *limit; /* what the rule says: the bound, the pattern, the step; "" */
	const char *words; /* the schema's own words for it; "" if it has none */
};
struct form_answer {
	struct feel_value data; /* what a flow may take; a context. Only without faults */
	struct form_fault *fault;
	int faults;
};
/*
 * variables: what the form begins with, and what its expressions and lists of choices may ask for; a context
 * or NULL. data: what was sent, a context or NULL. ERR_TOOBIG if its lists ask for more than 5,000 fields, or
 * an expression takes too long.
 */
MUST_USE int form_fill(const struct form_model *f, const struct feel_value *variables,
        const struct feel_value *data, time_us now, const struct zone *zone, struct arena *a,
        struct form_answer *out, struct err *e);
/* Why, for people: without the label. */
void form_fault_words(const struct form_fault *x, bool chinese, struct sb *b);

/* Names at the head of paths that expressions, templates and choices of the form ask for, or its fields have:
 * what a browser needs to draw it. NULL-ended; the form's. */
const char *const *form_names(const struct form_model *f);

#endif

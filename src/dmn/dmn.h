/*
 * dmn - decision models of OMG DMN 1.2 to 1.5, loaded from XML and evaluated.
 *
 * Pure. A model is checked at load: references, types, FEEL of every cell, and for tables of hit policy
 * UNIQUE overlaps that can be proved; each failure has line, column and element id. Immutable after
 * loading; many threads may evaluate.
 */
#ifndef HEMING_DMN_H
#define HEMING_DMN_H

#include "feel/feel.h"

struct dmn_model;

struct dmn_source { /* a file that a model may import, found by its namespace or by its name */
	struct str xml;
	const char *name;
};
struct dmn_options {
	/* What cannot be read, and a table whose rows overlap, is no reason to refuse the rest: such an
	 * expression is null, and a note of the evaluation says why. For runners of conformance suites and
	 * editors. */
	bool lenient;
	const struct dmn_source *source; /* borrowed while loading */
	int sources;
};
/* `name` is for messages. The caller owns the model. No options: strict, and nothing to import. */
MUST_USE int dmn_load(struct str xml, const char *name, const struct dmn_options *options,
        struct dmn_model **out, struct err *e);
void dmn_free(struct dmn_model **m);
const char *dmn_name(const struct dmn_model *m);
int dmn_decisions(const struct dmn_model *m);
const char *dmn_decision_id(const struct dmn_model *m, int i);
const char *dmn_decision_name(const struct dmn_model *m, int i);

struct dmn_fired { /* why: the rows of tables that fired, in order */
	const char *decision;
	int row; /* 1-based */
};
struct dmn_result {
	struct feel_value value;
	struct dmn_fired *fired;
	int n;
	struct str notes; /* what gave null, for the author; "" if nothing did */
};
/* The decision by id or name; also a decision service, or a business knowledge model, whose parameters are
 * then taken from the context by name. scope->context holds the input data by name; that of an imported
 * model lies in a context by the name of the import, or has a name like "import.input". ERR_NOTFOUND,
 * ERR_NOMEM or ERR_UNPROCESSED past the limits. Where the standard says null (two rows of a UNIQUE table
 * match, a type does not fit), the value is null and the notes say why. Result in the arena. */
MUST_USE int dmn_evaluate(const struct dmn_model *m, const char *decision, const struct feel_scope *scope,
        struct arena *a, struct dmn_result *out, struct err *e);
/* Findings for authors: gaps, overlaps, unreachable rows. One sentence each. Returns their number. */
int dmn_check(const struct dmn_model *m, void (*tell)(void *ctx, int line, const char *text), void *ctx);

#endif

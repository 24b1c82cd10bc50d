/* fill_int - one filling of a form. For src/form's fill.c, place.c, take.c and judge.c. */
#ifndef HEMING_FORM_FILL_INT_H
#define HEMING_FORM_FILL_INT_H

#include "form/form_int.h"

#define FORM__PIECES_MAX 512
#define FORM__INSTANCES_MAX 5000

/* Where a value lies; a piece without text is an index. */
struct form__place {
	struct str piece[FORM__PIECES_MAX];
	int n;
};

/* What a field's expressions call this, parent and i. */
struct form__scope {
	const struct feel_value *it, *parent; /* parent NULL: none */
	const struct form__scope *up;
	int index; /* from 1; 0 at the top */
	bool made;
	struct feel_value context;
};

struct form__loss { /* a value that its field cannot hold */
	const char *path;
	enum form_rule rule;
	const char *limit;
};

struct form__run {
	const struct form_model *f;
	struct arena *a;
	struct err *e;
	time_us now;
	const struct zone *zone;
	struct feel_value initial, data, seen;
	const struct feel_value *sent; /* while it is taken in: what goes before what is there */
	const struct feel_value *base; /* what the expressions of this walk see */
	struct form__place place;
	int instances;
	struct form__loss *loss;
	int losses;
	size_t losses_cap, faults_cap;
	struct form_answer *out;
	struct feel_value *filtered; /* of a walk that clears what is hidden */
	bool changed;                /* a walk gave a field another value */
};

/* ---- place.c: where values lie ---- */

/* Down to a field; false where it would lie too deep. */
bool form__push(struct form__run *r, const struct form__field *f);
void form__pop(struct form__run *r, int n);
/* NULL where there is nothing. */
struct feel_value *form__step(const struct feel_value *v, struct str piece);
struct feel_value *form__at(const struct feel_value *root, const struct form__place *p, int n);
/* At the run's place, with the contexts that lead there; a list has to be there. */
void form__put(struct form__run *r, struct feel_value *root, struct feel_value v);
/* Takes a value out, and what is empty for that. */
void form__clear(struct form__run *r, struct feel_value *root);
/* "items.0.name", in the run's arena. */
const char *form__place_text(struct form__run *r);

/* ---- fill.c: expressions ---- */

MUST_USE int form__eval(
        struct form__run *r, const struct feel_expr *x, struct form__scope *s, struct feel_value *out);
/* A condition; false where there is none. */
MUST_USE int form__is_true(struct form__run *r, const struct feel_expr *x, struct form__scope *s, bool *out);

/* ---- take.c: values into fields ---- */

bool form__is_blank(const struct feel_value *v);
struct feel_value form__empty_of(const struct form__field *f);
bool form__is_choice(const struct feel_value *list, const struct feel_value *v);
/* Every field below parent gets its value: what was sent, else what root has, else its default. What a field
 * cannot hold is noted as a loss. ERR_TOOBIG. */
MUST_USE int form__take_all(struct form__run *r, const struct form__field *parent, struct feel_value *root);

/* ---- judge.c: the rules ---- */

/* One shown field at the run's place: its value into the answer, and its faults. */
MUST_USE int form__judge(struct form__run *r, const struct form__field *f, struct form__scope *s);

#endif

/* form_int - a schema as it was read. For src/form alone. */
#ifndef HEMING_FORM_INT_H
#define HEMING_FORM_INT_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/doc.h"
#include "form/form.h"

enum form__type {
	TYPE_TEXTFIELD,
	TYPE_TEXTAREA,
	TYPE_NUMBER,
	TYPE_CHECKBOX,
	TYPE_CHECKLIST, /* and taglist */
	TYPE_SELECT,    /* and radio */
	TYPE_DATETIME,
	TYPE_EXPRESSION,
	TYPE_GROUP, /* the form itself is one */
	TYPE_LIST,
	TYPE_SHOWN, /* has no value: text, html, image, table, separator, spacer, button */
};

enum form__subtype { SUBTYPE_DATE, SUBTYPE_TIME, SUBTYPE_DATETIME };
enum form__format { FORMAT_NONE, FORMAT_EMAIL, FORMAT_PHONE };

/* A bound that the schema says as a number, or as FEEL. */
struct form__bound {
	bool there;
	struct feel_number number;
	struct feel_expr *expr;
};

struct form__field {
	enum form__type type;
	const char *id, *key, *label; /* key: as written */
	struct str *path;             /* the key's pieces, below those of the field around it */
	int pieces;
	struct form__field *child;
	int children;
	bool disabled, readonly, required, to_string;
	struct feel_expr *hide, *readonly_if, *expression;
	const struct feel_value *dflt; /* NULL: none */
	/* choices: one of them */
	const struct feel_value *values;
	const char *values_key;
	struct feel_expr *values_expr;
	/* rules */
	struct form__bound min, max, min_length, max_length;
	const char *pattern, *pattern_words; /* "" if none */
	pcre2_code *regex;
	enum form__format format;
	int decimals; /* -1: any */
	bool has_increment;
	struct feel_number increment;
	enum form__subtype subtype;
	int repetitions; /* of a list that begins empty */
};

struct form_model {
	const char *id;
	struct form__field *root;
	int expressions; /* how many fields are computed */
	const char **name;
};

/* ---- load.c ---- */

#define FORM_DEPTH_MAX 16

/* ---- rules.c ---- */

/* What a browser would make of it: false if it would make nothing. */
bool form__is_date(struct str s);
bool form__is_time(struct str s);
bool form__is_datetime(struct str s);
bool form__is_email(struct str s);
bool form__is_phone(struct str s);
/* JavaScript's pattern as PCRE2 reads it; ERR_INVALID with why. */
MUST_USE int form__compile_pattern(struct str pattern, pcre2_code **out, struct err *e);
bool form__matches(const pcre2_code *regex, struct str s);
/* Length in UTF-16 units without the white space around it, as String.trim().length has it. */
int64_t form__trimmed_length(struct str s);
/* What Number() makes of a text, as far as it is finite and decimal. */
bool form__number(struct str s, struct feel_number *out);
bool form__exact_number(struct str s, struct feel_number *out); /* without going through a double */
int form__decimals(struct feel_number n);
/* n modulo step == 0 */
bool form__is_multiple(struct feel_number n, struct feel_number step);

#endif

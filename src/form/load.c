/* Schema → form: everything is looked at once, and every flaw is told. */
#include "form/form_int.h"

#include "base/num.h"

#include <math.h>
#include <stdarg.h>

#define FIELDS_MAX 2000

/* A piece of the data that a component has taken. */
struct claim {
	const char *path;               /* from the top, by points; ends in a point */
	bool leaf;                      /* nothing may lie below it */
	const struct form__field *list; /* of a list: only what lies in it may lie below it */
};

struct loader {
	struct arena *a;
	const char *name;
	form_tell *tell;
	void *ctx;
	struct form_model *f;
	struct err first;
	int errors, fields;
	struct str *key;
	size_t keys, keys_cap;
	struct claim *claim;
	size_t claims, claims_cap;
	const char **id;
	size_t ids, ids_cap;
	size_t names, names_cap;
	const struct form__field *inside[FORM_DEPTH_MAX + 2]; /* lists around the field */
	int insides;
};

static void tell(struct loader *l, bool error, const struct doc *at, const char *field, const char *fmt, ...)
        PRINTF_LIKE(5, 6);
static void tell(struct loader *l, bool error, const struct doc *at, const char *field, const char *fmt, ...)
{
	struct err e = ERR_INIT;
	va_list ap;

	e.code = ERR_INVALID;
	va_start(ap, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	err_at(&e, l->name, at != NULL ? at->line : 1, at != NULL ? at->column : 0, field);
	if (error && l->errors++ == 0)
		l->first = e;
	if (l->tell != NULL)
		l->tell(l->ctx, error, &e);
}

/* ---- components ---- */

enum { KEYED = 1 << 0, CHOICES = 1 << 1, TEXT = 1 << 2 };

static const struct {
	const char *name;
	enum form__type type;
	unsigned flags;
} types[] = {
        {"textfield", TYPE_TEXTFIELD, KEYED | TEXT},
        {"textarea", TYPE_TEXTAREA, KEYED | TEXT},
        {"number", TYPE_NUMBER, KEYED},
        {"checkbox", TYPE_CHECKBOX, KEYED},
        {"checklist", TYPE_CHECKLIST, KEYED | CHOICES},
        {"taglist", TYPE_CHECKLIST, KEYED | CHOICES},
        {"radio", TYPE_SELECT, KEYED | CHOICES},
        {"select", TYPE_SELECT, KEYED | CHOICES},
        {"datetime", TYPE_DATETIME, KEYED},
        {"expression", TYPE_EXPRESSION, KEYED},
        {"group", TYPE_GROUP, 0},
        {"dynamiclist", TYPE_LIST, 0},
        {"text", TYPE_SHOWN, 0},
        {"html", TYPE_SHOWN, 0},
        {"image", TYPE_SHOWN, 0},
        {"table", TYPE_SHOWN, 0},
        {"separator", TYPE_SHOWN, 0},
        {"spacer", TYPE_SHOWN, 0},
        {"button", TYPE_SHOWN, 0},
};

static int type_named(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i].name, name) == 0)
			return (int)i;
	return -1;
}

/* ---- names ---- */

static void add_name(struct loader *l, struct str s)
{
	for (size_t i = 0; i < l->names; i++)
		if (str_is(s, l->f->name[i]))
			return;
	l->f->name = arena_grow(l->a, l->f->name, &l->names_cap, l->names + 2, sizeof(*l->f->name));
	l->f->name[l->names++] = arena_strndup(l->a, s.p, s.n);
	l->f->name[l->names] = NULL;
}

/* FEEL must know names before it reads, since they may hold more than letters. */
static void collect_keys(struct loader *l, const struct doc *list, int depth)
{
	DOC_EACH(x, depth <= FORM_DEPTH_MAX && list != NULL && list->type == DOC_LIST ? list : NULL)
	{
		static const char *const holders[] = {"key", "path", "valuesKey"};

		for (size_t i = 0; i < ARRAY_LEN(holders); i++) {
			struct str s = str_of(doc_str(x, holders[i], ""));

			while (s.p != NULL && s.n > 0) {
				l->key = arena_grow(l->a, l->key, &l->keys_cap, l->keys + 1, sizeof(*l->key));
				l->key[l->keys++] = str_cut(&s, '.');
			}
		}
		collect_keys(l, doc_get(x, "components"), depth + 1);
	}
}

static bool is_word(char c)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c & 0x80) != 0;
}

/* Words of an expression or a template that may be names of variables: rather one too many than one too few.
 */
static void collect_names(struct loader *l, struct str s)
{
	for (size_t i = 0; i < s.n;) {
		size_t from = i;

		if (s.p[i] == '"') {
			for (i++; i < s.n && s.p[i] != '"'; i++)
				i += s.p[i] == '\\';
			i++;
			continue;
		}
		while (i < s.n && is_word(s.p[i]))
			i++;
		if (i > from && !(s.p[from] >= '0' && s.p[from] <= '9') &&
		        (from == 0 || s.p[from - 1] != '.'))
			add_name(l, (struct str){s.p + from, i - from});
		i += i == from;
	}
	/* Those that hold more than words. */
	for (size_t k = 0; k < l->keys; k++)
		if (l->key[k].n > 0 && memmem(s.p, s.n, l->key[k].p, l->key[k].n) != NULL)
			add_name(l, l->key[k]);
}

static void collect_texts(struct loader *l, const struct doc *x)
{
	if (x->type == DOC_STRING && x->text_n > 0 &&
	        (x->text[0] == '=' || memmem(x->text, x->text_n, "{{", 2) != NULL))
		collect_names(l, (struct str){x->text, x->text_n});
	DOC_EACH(c, x->type == DOC_MAP || x->type == DOC_LIST ? x : NULL)
	{
		collect_texts(l, c);
	}
}

/* ---- pieces ---- */

typedef int compile_f(
        struct arena *, struct str, const struct feel_names *, struct feel_expr **, struct err *);

static struct feel_expr *compile_by(struct loader *l, const struct doc *at, const char *what, compile_f *how)
{
	struct feel_names names = {
	        .name = l->key, .n = (int)l->keys, .member = l->key, .members = (int)l->keys};
	struct feel_expr *out = NULL;
	struct err e = ERR_INIT;

	if (at->type != DOC_STRING || at->text_n == 0 || at->text[0] != '=') {
		tell(l, true, at, what, "an expression is needed; it begins with =");
		return NULL;
	}
	if (how(l->a, (struct str){at->text + 1, at->text_n - 1}, &names, &out, &e) < 0) {
		tell(l, true, at, what, "%s (FEEL, line %d column %d)", e.text, e.line, e.column);
		return NULL;
	}
	return out;
}

static struct feel_expr *compile(struct loader *l, const struct doc *at, const char *what)
{
	return compile_by(l, at, what, feel_compile);
}

static struct feel_expr *compile_condition(struct loader *l, const struct doc *at, const char *what)
{
	return compile_by(l, at, what, feel_compile_tests);
}

static bool is_expression(const struct doc *x)
{
	return x != NULL && x->type == DOC_STRING && x->text_n > 0 && x->text[0] == '=';
}

static const struct feel_value *value_of(struct loader *l, const struct doc *x)
{
	struct feel_value *v;
	struct sb b = SB_INIT;
	struct jw w;

	if (x == NULL)
		return NULL;
	v = arena_alloc(l->a, sizeof(*v));
	jw_init(&w, &b);
	doc_write_json(x, &w);
	if (feel_read_json(l->a, str_of(arena_strndup(l->a, b.p, b.n)), v, NULL) < 0)
		*v = FEEL_NULL_VALUE;
	sb_fini(&b);
	return v;
}

/* "a.b" into its pieces. */
static bool read_path(struct loader *l, const struct doc *at, const char *what, struct form__field *f)
{
	struct str s = str_of(f->key), rest = s;
	int n = 1;

	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '.';
	f->path = arena_array(l->a, (size_t)n, sizeof(*f->path));
	while (rest.p != NULL) {
		struct str piece = str_cut(&rest, '.');

		if (piece.n == 0 || str_is(piece, "__proto__") || str_is(piece, "constructor") ||
		        str_is(piece, "prototype")) {
			tell(l, true, at, what, "\"%s\" cannot name a value", f->key);
			return false;
		}
		f->path[f->pieces++] = piece;
	}
	return true;
}

/* Two fields that write to one place would overwrite each other. */
static void claim(
        struct loader *l, const struct doc *at, const struct form__field *f, const char *above, bool leaf)
{
	const char *path = *f->key != '\0' ? arena_printf(l->a, "%s%s.", above, f->key) : above;
	size_t n = strlen(path);

	for (size_t i = 0; i < l->claims; i++) {
		const struct claim *c = &l->claim[i];
		size_t k = strlen(c->path);
		bool below = n >= k && memcmp(path, c->path, k) == 0,
		     above_it = k >= n && memcmp(path, c->path, n) == 0;
		bool within = false;

		for (int s = 0; s < l->insides; s++)
			within = within || l->inside[s] == c->list;
		if ((below && c->leaf) || (above_it && leaf) || (below && c->list != NULL && !within) ||
		        (above_it && f->type == TYPE_LIST)) {
			tell(l, true, at, leaf ? "key" : "path",
			        "another component has its value at \"%.*s\" already", (int)k - 1, c->path);
			return;
		}
	}
	l->claim = arena_grow(l->a, l->claim, &l->claims_cap, l->claims + 1, sizeof(*l->claim));
	l->claim[l->claims++] = (struct claim){path, leaf, f->type == TYPE_LIST ? f : NULL};
}

static bool number_of(const struct doc *x, struct feel_number *out)
{
	return x != NULL && (x->type == DOC_NUMBER || x->type == DOC_STRING) &&
	       form__number((struct str){x->text, x->text_n}, out);
}

static void read_bound(
        struct loader *l, const struct doc *validate, const char *key, bool whole, struct form__bound *out)
{
	const struct doc *x = doc_get(validate, key);
	int64_t n;

	if (x == NULL)
		return;
	out->there = true;
	if (is_expression(x))
		out->expr = compile(l, x, key);
	else if (!number_of(x, &out->number) || (whole && (!feel_number_to_int(out->number, &n) || n < 0)))
		tell(l, true, x, key,
		        "a %snumber is needed, or an expression that begins with =", whole ? "whole " : "");
}

static void free_pattern(void *arg)
{
	pcre2_code_free(arg);
}

static void read_pattern(struct loader *l, const struct doc *validate, struct form__field *f)
{
	const struct doc *x = doc_get(validate, "pattern");
	struct err e = ERR_INIT;

	f->pattern_words = doc_str(validate, "patternErrorMessage", "");
	if (x == NULL || x->text_n == 0)
		return;
	f->pattern = x->text;
	if (form__compile_pattern((struct str){x->text, x->text_n}, &f->regex, &e) < 0)
		tell(l, true, x, "pattern", "%s", e.text);
	else
		arena_cleanup(l->a, free_pattern, f->regex);
}

/* Rules that a browser would apply to a value that they do not fit, it would apply in its own odd way. */
static void read_validate(struct loader *l, const struct doc *x, struct form__field *f, unsigned flags)
{
	static const char *const text[] = {"minLength", "maxLength", "pattern", "validationType"};
	const struct doc *v = doc_get(x, "validate");
	const char *format;

	if (v == NULL)
		return;
	f->required = doc_bool(v, "required", false);
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		const struct doc *at = doc_get(v, text[i]);

		if (at != NULL && (flags & TEXT) == 0)
			tell(l, true, at, text[i], "this rule is for texts");
	}
	if ((flags & TEXT) != 0) {
		read_bound(l, v, "minLength", true, &f->min_length);
		read_bound(l, v, "maxLength", true, &f->max_length);
		read_pattern(l, v, f);
		format = doc_str(v, "validationType", "");
		f->format = strcmp(format, "email") == 0   ? FORMAT_EMAIL
		            : strcmp(format, "phone") == 0 ? FORMAT_PHONE
		                                           : FORMAT_NONE;
		if (f->format == FORMAT_NONE && *format != '\0' && strcmp(format, "custom") != 0)
			tell(l, true, doc_get(v, "validationType"), "validationType",
			        "it is email, phone or custom");
	}
	if (f->type == TYPE_NUMBER) {
		read_bound(l, v, "min", false, &f->min);
		read_bound(l, v, "max", false, &f->max);
	} else if (doc_get(v, "min") != NULL || doc_get(v, "max") != NULL) {
		tell(l, true, v, "validate", "min and max are for numbers");
	}
}

static void read_choices(struct loader *l, const struct doc *x, struct form__field *f)
{
	const struct doc *values = doc_get(x, "values"), *key = doc_get(x, "valuesKey"),
	                 *expr = doc_get(x, "valuesExpression");

	if ((values != NULL) + (key != NULL) + (expr != NULL) != 1) {
		tell(l, true, x, "values", "one of values, valuesKey and valuesExpression is needed");
	} else if (key != NULL) {
		f->values_key = doc_str(x, "valuesKey", "");
		add_name(l, str_of(f->values_key));
	} else if (expr != NULL) {
		f->values_expr = compile(l, expr, "valuesExpression");
	} else if (values->type != DOC_LIST) {
		tell(l, true, values, "values", "a list of {label, value} is needed");
	} else {
		f->values = value_of(l, values);
	}
}

static void read_number(struct loader *l, const struct doc *x, struct form__field *f)
{
	const struct doc *digits = doc_get(x, "decimalDigits"), *step = doc_get(x, "increment");
	int64_t n = -1;

	f->to_string = doc_bool(x, "serializeToString", false);
	if (digits != NULL && (!num_int((struct str){digits->text, digits->text_n}, &n) || n < 0 || n > 100))
		tell(l, true, digits, "decimalDigits", "a whole number from 0 is needed");
	f->decimals = (int)n;
	/* An editor leaves "" where nothing was said. */
	if (step == NULL || (step->type == DOC_STRING && step->text_n == 0))
		return;
	f->has_increment =
	        number_of(step, &f->increment) && f->increment.coefficient != 0 && !f->increment.negative;
	if (!f->has_increment)
		tell(l, true, step, "increment", "a number above 0 is needed");
}

static void read_datetime(struct loader *l, const struct doc *x, struct form__field *f)
{
	const char *s = doc_str(x, "subtype", "date");

	if (strcmp(s, "date") == 0)
		f->subtype = SUBTYPE_DATE;
	else if (strcmp(s, "time") == 0)
		f->subtype = SUBTYPE_TIME;
	else if (strcmp(s, "datetime") == 0)
		f->subtype = SUBTYPE_DATETIME;
	else
		tell(l, true, doc_get(x, "subtype"), "subtype", "it is date, time or datetime");
}

static void read_id(struct loader *l, const struct doc *x, struct form__field *f)
{
	f->id = doc_str(x, "id", "");
	for (size_t i = 0; *f->id != '\0' && i < l->ids; i++)
		if (strcmp(l->id[i], f->id) == 0)
			tell(l, true, x, "id", "another component has the id %s already", f->id);
	l->id = arena_grow(l->a, l->id, &l->ids_cap, l->ids + 1, sizeof(*l->id));
	l->id[l->ids++] = f->id;
}

static void read_children(
        struct loader *l, const struct doc *x, struct form__field *f, const char *above, int depth);

static void read_by_type(struct loader *l, const struct doc *x, struct form__field *f, const char *above,
        unsigned flags, int depth)
{
	const struct doc *hide = doc_get(doc_get(x, "conditional"), "hide"),
	                 *readonly = doc_get(x, "readonly");

	if (hide != NULL && !(hide->type == DOC_STRING && hide->text_n == 0) && hide->type != DOC_NULL)
		f->hide = compile_condition(l, hide, "hide");
	f->disabled = doc_bool(x, "disabled", false);
	if (is_expression(readonly))
		f->readonly_if = compile_condition(l, readonly, "readonly");
	else
		f->readonly = doc_bool(x, "readonly", false);
	f->dflt = value_of(l, doc_get(x, "defaultValue"));
	if ((flags & KEYED) != 0)
		read_validate(l, x, f, flags);
	if ((flags & CHOICES) != 0)
		read_choices(l, x, f);
	if (f->type == TYPE_NUMBER)
		read_number(l, x, f);
	if (f->type == TYPE_DATETIME)
		read_datetime(l, x, f);
	if (f->type == TYPE_EXPRESSION) {
		const struct doc *expr = doc_get(x, "expression");

		l->f->expressions++;
		f->expression = compile(l, expr != NULL ? expr : x, "expression");
	}
	if (f->type == TYPE_LIST) {
		const struct doc *n = doc_get(x, "defaultRepetitions");
		int64_t count = 1;

		if (n != NULL &&
		        (!num_int((struct str){n->text, n->text_n}, &count) || count < 0 || count > 100))
			tell(l, true, n, "defaultRepetitions", "a whole number from 0 to 100 is needed");
		f->repetitions = (int)count;
	}
	if (f->type == TYPE_GROUP || f->type == TYPE_LIST)
		read_children(
		        l, x, f, *f->key != '\0' ? arena_printf(l->a, "%s%s.", above, f->key) : above, depth);
}

/* Components that form-js has and this program does not, and what to do instead. */
static const char *why_not(const char *type)
{
	static const struct {
		const char *type, *why;
	} known[] = {
	        {"filepicker",
	                ": what it submits are names of files in the browser, and a case keeps no files; "
	                "give the register a field of type file"},
	        {"iframe", ": the pages show nothing from elsewhere; put what is to be read into a text or "
	                   "html"},
	        {"documentPreview",
	                ": a case keeps no files that it could show; give the register a field of "
	                "type file"},
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(known[i].type, type) == 0)
			return known[i].why;
	return "";
}

static void read_component(
        struct loader *l, const struct doc *x, struct form__field *f, const char *above, int depth)
{
	const char *type = doc_str(x, "type", "");
	int which = type_named(type);
	const char *what;

	*f = (struct form__field){.type = TYPE_SHOWN,
	        .id = "",
	        .key = "",
	        .label = "",
	        .pattern = "",
	        .pattern_words = "",
	        .decimals = -1};
	if (x->type != DOC_MAP) {
		tell(l, true, x, "components", "a component is an object");
		return;
	}
	if (which < 0) {
		tell(l, true, x, "type", "components of type \"%s\" are not taken here%s", type,
		        why_not(type));
		return;
	}
	if (++l->fields == FIELDS_MAX)
		tell(l, true, x, "components", "more than %d components are not taken", FIELDS_MAX);
	f->type = types[which].type;
	read_id(l, x, f);
	what = (types[which].flags & KEYED) != 0 ? "key" : "path";
	if (f->type != TYPE_SHOWN)
		f->key = doc_str(x, what, "");
	f->label = doc_str(x, "label", "");
	if (*f->label == '\0' || *f->label == '=' || strstr(f->label, "{{") != NULL)
		f->label = *f->key != '\0' ? f->key : f->id;
	if (*f->key == '\0' && f->type != TYPE_GROUP && f->type != TYPE_SHOWN) {
		tell(l, true, x, what, "say where its value lies");
		return;
	}
	if (*f->key != '\0' && read_path(l, x, what, f))
		claim(l, x, f, above, (types[which].flags & KEYED) != 0);
	if (*f->key != '\0' && *above == '\0')
		add_name(l, f->path[0]);
	read_by_type(l, x, f, above, types[which].flags, depth);
}

static void read_children(
        struct loader *l, const struct doc *x, struct form__field *f, const char *above, int depth)
{
	const struct doc *list = doc_get(x, "components");

	if (list == NULL || list->type != DOC_LIST) {
		tell(l, true, x, "components", "a list of components is needed");
		return;
	}
	if (depth > FORM_DEPTH_MAX) {
		tell(l, true, x, "components", "components lie more than %d deep in one another",
		        FORM_DEPTH_MAX);
		return;
	}
	f->child = arena_array(l->a, (size_t)list->count, sizeof(*f->child));
	if (f->type == TYPE_LIST)
		l->inside[l->insides++] = f;
	DOC_EACH(c, list)
	{
		read_component(l, c, &f->child[f->children++], above, depth + 1);
	}
	l->insides -= f->type == TYPE_LIST;
}

#define SCHEMA_VERSION 19 /* the newest that this was compared with */

int form_load(struct arena *a, struct str json, const char *name, form_tell *tell_it, void *ctx,
        struct form_model **out, struct err *e)
{
	struct loader l = {.a = a, .name = name, .tell = tell_it, .ctx = ctx, .first = ERR_INIT};
	struct form_model *f = arena_alloc(a, sizeof(*f));
	struct err unread = ERR_INIT;
	struct doc *doc = NULL;
	int rc = doc_parse_json(a, json, name, &doc, &unread);

	*out = f;
	l.f = f;
	f->name = arena_array(a, 1, sizeof(*f->name));
	f->root = arena_alloc(a, sizeof(*f->root));
	*f->root = (struct form__field){.type = TYPE_GROUP, .id = "", .key = "", .label = ""};
	if (rc < 0) {
		if (tell_it != NULL)
			tell_it(ctx, true, &unread);
		if (e != NULL)
			*e = unread;
		return rc;
	}
	f->id = doc_str(doc, "id", "");
	if (doc->type != DOC_MAP || strcmp(doc_str(doc, "type", ""), "default") != 0)
		tell(&l, true, doc, "type", "a form-js schema is an object of type \"default\"");
	else if (*f->id == '\0')
		tell(&l, true, doc, "id", "a form needs an id, by which flows name it");
	if (doc_int(doc, "schemaVersion", 0) > SCHEMA_VERSION)
		tell(&l, false, doc_get(doc, "schemaVersion"), "schemaVersion",
		        "this is newer than version %d, the newest that is known here", SCHEMA_VERSION);
	if (l.errors == 0) {
		collect_keys(&l, doc_get(doc, "components"), 0);
		collect_texts(&l, doc);
		read_children(&l, doc, f->root, "", 0);
	}
	if (l.errors == 0)
		return 0;
	if (e != NULL)
		*e = l.first;
	return ERR_INVALID;
}

const char *form_id(const struct form_model *f)
{
	return f->id;
}

const char *const *form_names(const struct form_model *f)
{
	return (const char *const *)f->name;
}

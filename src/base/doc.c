#include "base/doc.h"

#include "base/json.h"
#include "base/num.h"

#include <yaml.h>

/* The tree, and its YAML and JSON readers. The XML reader is in xml.c. */

#define DEPTH_MAX 64
#define NODES_MAX 2000000

/* A tree under construction: the containers that are open, outermost first. */
struct build {
	struct arena *a;
	const char *name;
	struct err *e;
	struct doc *root;
	int nodes;
	int depth;
	struct {
		struct doc *node, *last; /* last child so far */
		const char *key;         /* in a map: read, its value not yet; else NULL */
		int key_line, key_column;
	} open[DEPTH_MAX];
};

static int bad(struct build *b, int line, int column, const char *field, const char *words)
{
	err_set(b->e, ERR_INVALID, "%s", words);
	return err_at(b->e, b->name, line, column, field), ERR_INVALID;
}

static int no_memory(struct build *b)
{
	err_set(b->e, ERR_NOMEM, "the document is larger than the memory allowed for it");
	return err_at(b->e, b->name, 0, 0, NULL), ERR_NOMEM;
}

/* Adds a node where the document is; a map's child takes the place of its key. */
static int add(struct build *b, enum doc_type type, int line, int column, struct doc **out)
{
	struct doc *d;

	if (++b->nodes > NODES_MAX)
		return bad(b, line, column, NULL, "more than 2 million values in one document; split it");
	d = arena_alloc(b->a, sizeof(*d));
	if (!d)
		return no_memory(b);
	d->type = type;
	d->line = line;
	d->column = column;
	d->text = "";
	if (b->depth == 0) {
		b->root = d;
	} else {
		struct doc *parent = b->open[b->depth - 1].node;
		struct doc *last = b->open[b->depth - 1].last;
		if (parent->type == DOC_MAP) {
			d->key = b->open[b->depth - 1].key;
			d->line = b->open[b->depth - 1].key_line;
			d->column = b->open[b->depth - 1].key_column;
			b->open[b->depth - 1].key = NULL;
		}
		*(last ? &last->next : &parent->child) = d;
		b->open[b->depth - 1].last = d;
		parent->count++;
	}
	*out = d;
	return 0;
}

static int open_node(struct build *b, enum doc_type type, int line, int column)
{
	struct doc *d;
	int rc;

	if (b->depth == DEPTH_MAX)
		return bad(b, line, column, NULL, "nested deeper than 64 levels");
	rc = add(b, type, line, column, &d);
	if (rc < 0)
		return rc;
	memset(&b->open[b->depth], 0, sizeof(b->open[0]));
	b->open[b->depth++].node = d;
	return 0;
}

static int by_key(const void *x, const void *y)
{
	const struct doc *a = *(const struct doc *const *)x, *b = *(const struct doc *const *)y;
	int c = strcmp(a->key, b->key);

	if (c != 0)
		return c;
	return a->line != b->line ? (a->line > b->line) - (a->line < b->line)
	                          : (a->column > b->column) - (a->column < b->column);
}

/* Closes the innermost container. A key that is there twice is an error: one of the two would be
 * lost without a word. */
static int close_node(struct build *b)
{
	struct doc *d = b->open[--b->depth].node;
	const struct doc **sorted;
	int n = 0, rc = 0;

	if (d->type != DOC_MAP || d->count < 2)
		return 0;
	sorted = xcalloc((size_t)d->count, sizeof(*sorted));
	DOC_EACH(c, d)
	sorted[n++] = c;
	qsort(sorted, (size_t)n, sizeof(*sorted), by_key);
	for (int i = 1; i < n && rc == 0; i++) {
		if (strcmp(sorted[i - 1]->key, sorted[i]->key) == 0)
			rc = bad(b, sorted[i]->line, sorted[i]->column, sorted[i]->key,
			        "this key is there twice; keep one of them");
	}
	free(sorted);
	return rc;
}

/* The text as a C string in the arena. U+0000 would cut it short unseen, so it is refused. */
static int copy_text(struct build *b, struct str s, int line, int column, const char **out)
{
	if (s.n > 0 && memchr(s.p, 0, s.n))
		return bad(b, line, column, NULL, "the character U+0000 cannot be used");
	*out = arena_strndup(b->a, s.n ? s.p : "", s.n);
	return *out ? 0 : no_memory(b);
}

static int set_key(struct build *b, struct str s, int line, int column)
{
	int rc = copy_text(b, s, line, column, &b->open[b->depth - 1].key);

	b->open[b->depth - 1].key_line = line;
	b->open[b->depth - 1].key_column = column;
	return rc;
}

static size_t digits(const char *s)
{
	return strspn(s, "0123456789");
}

/*
 * YAML's core schema without hexadecimal, octal, .inf and .nan. A whole number with a leading zero
 * stays text: in a city's files it is a code (0114, 010203), and as a number it would lose the zero
 * on its way out.
 */
static bool is_number(const char *s)
{
	size_t n;

	if (*s == '-' || *s == '+')
		s++;
	n = digits(s);
	if (n > 1 && *s == '0')
		return false;
	s += n;
	if (*s == '.') {
		size_t fraction = digits(++s);
		if (n == 0 && fraction == 0)
			return false;
		s += fraction;
	} else if (n == 0) {
		return false;
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '-' || *s == '+')
			s++;
		n = digits(s);
		if (n == 0)
			return false;
		s += n;
	}
	return *s == 0;
}

static enum doc_type plain_type(const char *s)
{
	static const struct {
		const char *text;
		enum doc_type type;
	} words[] = {
	        {"", DOC_NULL},
	        {"~", DOC_NULL},
	        {"null", DOC_NULL},
	        {"Null", DOC_NULL},
	        {"NULL", DOC_NULL},
	        {"true", DOC_BOOL},
	        {"True", DOC_BOOL},
	        {"TRUE", DOC_BOOL},
	        {"false", DOC_BOOL},
	        {"False", DOC_BOOL},
	        {"FALSE", DOC_BOOL},
	};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(s, words[i].text) == 0)
			return words[i].type;
	}
	return is_number(s) ? DOC_NUMBER : DOC_STRING;
}

/* Whether the next thing in a map is a key. */
static bool at_key(const struct build *b)
{
	return b->depth > 0 && b->open[b->depth - 1].node->type == DOC_MAP && !b->open[b->depth - 1].key;
}

static int yaml_scalar(struct build *b, const yaml_event_t *ev, int line, int column)
{
	struct str s = {(const char *)ev->data.scalar.value, ev->data.scalar.length};
	bool quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	const char *tag = (const char *)ev->data.scalar.tag;
	struct doc *d;
	int rc;

	if (ev->data.scalar.anchor)
		return bad(b, line, column, NULL, "anchors (&name) are not taken; write the value out");
	if (tag && strcmp(tag, YAML_STR_TAG) == 0)
		quoted = true;
	else if (tag && strcmp(tag, "!") != 0)
		return bad(b, line, column, NULL, "tags (!name) are not taken; leave the tag out");
	if (at_key(b))
		return set_key(b, s, line, column);
	rc = add(b, DOC_STRING, line, column, &d);
	if (rc < 0)
		return rc;
	rc = copy_text(b, s, line, column, &d->text);
	if (rc < 0)
		return rc;
	d->text_n = s.n;
	d->quoted = quoted;
	if (!quoted)
		d->type = plain_type(d->text);
	return 0;
}

static int yaml_open(struct build *b, const yaml_event_t *ev, bool map, int line, int column)
{
	const void *anchor = map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
	const void *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;

	if (anchor)
		return bad(b, line, column, NULL, "anchors (&name) are not taken; write the value out");
	if (tag)
		return bad(b, line, column, NULL, "tags (!name) are not taken; leave the tag out");
	if (at_key(b))
		return bad(b, line, column, NULL,
		        "a key must be a plain text; quote it if it begins with { or [");
	return open_node(b, map ? DOC_MAP : DOC_LIST, line, column);
}

static int yaml_failed(struct build *b, const yaml_parser_t *p)
{
	if (p->error == YAML_MEMORY_ERROR)
		return no_memory(b);
	if (p->error == YAML_READER_ERROR)
		err_set(b->e, ERR_INVALID, "not valid YAML: %s at byte %zu; save the file as UTF-8",
		        p->problem, p->problem_offset);
	else
		err_set(b->e, ERR_INVALID, "not valid YAML: %s%s%s",
		        p->problem ? p->problem : "unknown fault", p->context ? " " : "",
		        p->context ? p->context : "");
	if (p->error == YAML_READER_ERROR)
		err_at(b->e, b->name, (int)p->mark.line + 1, 0, NULL);
	else
		err_at(b->e, b->name, (int)p->problem_mark.line + 1, (int)p->problem_mark.column + 1, NULL);
	return ERR_INVALID;
}

int doc_parse_yaml(struct arena *a, struct str text, const char *name, struct doc **out, struct err *e)
{
	struct build b = {.a = a, .name = name, .e = e};
	yaml_parser_t parser;
	int documents = 0, rc = 0;
	bool done = false;

	if (!yaml_parser_initialize(&parser))
		return no_memory(&b);
	yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&parser, (const unsigned char *)(text.n ? text.p : ""), text.n);
	while (!done && rc == 0) {
		yaml_event_t ev;
		int line, column;
		if (!yaml_parser_parse(&parser, &ev)) {
			rc = yaml_failed(&b, &parser);
			break;
		}
		line = (int)ev.start_mark.line + 1;
		column = (int)ev.start_mark.column + 1;
		switch (ev.type) {
		case YAML_DOCUMENT_START_EVENT:
			if (++documents > 1)
				rc = bad(&b, line, column, NULL,
				        "a second document (---) begins here; one file holds one document");
			break;
		case YAML_SCALAR_EVENT: rc = yaml_scalar(&b, &ev, line, column); break;
		case YAML_SEQUENCE_START_EVENT: rc = yaml_open(&b, &ev, false, line, column); break;
		case YAML_MAPPING_START_EVENT: rc = yaml_open(&b, &ev, true, line, column); break;
		case YAML_SEQUENCE_END_EVENT:
		case YAML_MAPPING_END_EVENT: rc = close_node(&b); break;
		case YAML_ALIAS_EVENT:
			rc = bad(
			        &b, line, column, NULL, "aliases (*name) are not taken; write the value out");
			break;
		case YAML_STREAM_END_EVENT: done = true; break;
		default: break;
		}
		yaml_event_delete(&ev);
	}
	yaml_parser_delete(&parser);
	if (rc == 0 && !b.root) {
		struct doc *empty;
		rc = add(&b, DOC_NULL, 1, 1, &empty);
	}
	if (rc == 0)
		*out = b.root;
	return rc;
}

/* Where the tokenizer is, as line and column; moves forward only, so a document costs one pass. */
struct place {
	const char *p;
	int line, column;
};

static void move_to(struct place *at, const char *p)
{
	for (; at->p < p; at->p++) {
		if (*at->p == '\n') {
			at->line++;
			at->column = 1;
		} else if (((uint8_t)*at->p & 0xc0) != 0x80) {
			at->column++;
		}
	}
}

static const char *token_start(const struct json *j, enum json_type t)
{
	switch (t) {
	case JSON_KEY:
	case JSON_STRING: return j->text.p - 1;
	case JSON_NUMBER: return j->text.p;
	case JSON_TRUE:
	case JSON_NULL: return j->p - 4;
	case JSON_FALSE: return j->p - 5;
	default: return j->p - 1;
	}
}

static int json_scalar(struct build *b, const struct json *j, enum json_type t, const struct place *at)
{
	struct str s = j->text;
	struct doc *d = NULL;
	char *buf = NULL;
	int rc;

	if (t == JSON_KEY || t == JSON_STRING) {
		if (j->escaped) {
			/* Unescaped text is never longer than as written. */
			buf = xcalloc(1, s.n + 1);
			s = json_text(j, buf, s.n);
			if (!s.p) {
				rc = bad(b, at->line, at->column, NULL,
				        "half of a \\u pair is missing in this text");
				goto out;
			}
		}
		if (t == JSON_KEY) {
			rc = set_key(b, s, at->line, at->column);
			goto out;
		}
	}
	rc = add(b, DOC_NULL, at->line, at->column, &d);
	if (rc < 0)
		goto out;
	switch (t) {
	case JSON_STRING: d->type = DOC_STRING; break;
	case JSON_NUMBER: d->type = DOC_NUMBER; break;
	case JSON_TRUE:
		d->type = DOC_BOOL;
		s = STR_LIT("true");
		break;
	case JSON_FALSE:
		d->type = DOC_BOOL;
		s = STR_LIT("false");
		break;
	default: goto out;
	}
	d->quoted = t == JSON_STRING;
	d->text_n = s.n;
	rc = copy_text(b, s, at->line, at->column, &d->text);
out:
	free(buf);
	return rc;
}

int doc_parse_json(struct arena *a, struct str text, const char *name, struct doc **out, struct err *e)
{
	struct build b = {.a = a, .name = name, .e = e};
	struct json j;
	struct place at;
	enum json_type t;
	int rc = 0;

	json_init(&j, text);
	at = (struct place){j.p, 1, 1};
	while (rc == 0 && (t = json_next(&j)) != JSON_END) {
		if (t == JSON_BAD) {
			rc = json_error(&j, e);
			err_at(e, name, 0, 0, NULL);
			break;
		}
		move_to(&at, token_start(&j, t));
		switch (t) {
		case JSON_OBJECT: rc = open_node(&b, DOC_MAP, at.line, at.column); break;
		case JSON_ARRAY: rc = open_node(&b, DOC_LIST, at.line, at.column); break;
		case JSON_OBJECT_END:
		case JSON_ARRAY_END: rc = close_node(&b); break;
		default: rc = json_scalar(&b, &j, t, &at); break;
		}
	}
	if (rc == 0)
		*out = b.root;
	return rc;
}

const struct doc *doc_get(const struct doc *map, const char *key)
{
	if (!map || map->type != DOC_MAP)
		return NULL;
	DOC_EACH(c, map)
	{
		if (strcmp(c->key, key) == 0)
			return c;
	}
	return NULL;
}

static bool has_text(const struct doc *d)
{
	return d && (d->type == DOC_BOOL || d->type == DOC_NUMBER || d->type == DOC_STRING);
}

const char *doc_str(const struct doc *map, const char *key, const char *dflt)
{
	const struct doc *d = doc_get(map, key);

	return has_text(d) ? d->text : dflt;
}

int64_t doc_int(const struct doc *map, const char *key, int64_t dflt)
{
	const struct doc *d = doc_get(map, key);
	int64_t v;
	double f;

	if (!has_text(d))
		return dflt;
	if (num_int((struct str){d->text, d->text_n}, &v))
		return v;
	/* 5.0 and 1e3 are whole numbers as well; past 2^53 a double no longer tells them apart. */
	if (num_double((struct str){d->text, d->text_n}, false, &f) && f >= -9007199254740992.0 &&
	        f <= 9007199254740992.0 && f == (double)(int64_t)f)
		return (int64_t)f;
	return dflt;
}

double doc_double(const struct doc *map, const char *key, double dflt)
{
	const struct doc *d = doc_get(map, key);
	double f;

	return has_text(d) && num_double((struct str){d->text, d->text_n}, false, &f) ? f : dflt;
}

static bool is_true(const struct doc *d)
{
	return *d->text == 't' || *d->text == 'T';
}

bool doc_bool(const struct doc *map, const char *key, bool dflt)
{
	const struct doc *d = doc_get(map, key);

	return d && d->type == DOC_BOOL ? is_true(d) : dflt;
}

int doc_only_keys(const struct doc *map, const char *name, const char *const *keys, struct err *e)
{
	if (!map)
		return 0;
	if (map->type != DOC_MAP) {
		err_set(e, ERR_INVALID, "a map of fields is expected here");
		return err_at(e, name, map->line, map->column, map->key), ERR_INVALID;
	}
	DOC_EACH(c, map)
	{
		char known[384];
		size_t at = 0;
		const char *const *k = keys;
		while (*k && strcmp(*k, c->key) != 0)
			k++;
		if (*k)
			continue;
		known[0] = 0;
		for (k = keys; *k && at < sizeof(known); k++)
			at += (size_t)snprintf(
			        known + at, sizeof(known) - at, "%s%s", k == keys ? "" : ", ", *k);
		err_set(e, ERR_INVALID, "there is no such field; known here: %s", known);
		return err_at(e, name, c->line, c->column, c->key), ERR_INVALID;
	}
	return 0;
}

/* As written, digit for digit; only what YAML allows and JSON does not is mended: +5, .5, 5. and 5.e3 */
static void write_number(const struct doc *d, struct jw *w)
{
	const char *text = d->text, *s, *point;
	struct sb b = SB_INIT;

	if (*text == '+')
		text++;
	s = text + (*text == '-');
	point = strchr(s, '.');
	if (!point || (point > s && digits(point + 1) > 0)) {
		jw_raw(w, str_of(text));
		return;
	}
	sb_put(&b, text, (size_t)(point - text));
	sb_puts(&b, point == s ? "0." : ".");
	sb_puts(&b, digits(point + 1) > 0 ? "" : "0");
	sb_puts(&b, point + 1);
	jw_raw(w, sb_str(&b));
	sb_fini(&b);
}

void doc_write_json(const struct doc *d, struct jw *w)
{
	if (!d) {
		jw_null(w);
		return;
	}
	switch (d->type) {
	case DOC_NULL: jw_null(w); break;
	case DOC_BOOL: jw_bool(w, is_true(d)); break;
	case DOC_NUMBER: write_number(d, w); break;
	case DOC_STRING: jw_str(w, (struct str){d->text, d->text_n}); break;
	case DOC_LIST:
		jw_array(w);
		DOC_EACH(c, d)
		doc_write_json(c, w);
		jw_array_end(w);
		break;
	case DOC_MAP:
		jw_object(w);
		DOC_EACH(c, d)
		{
			jw_key(w, c->key);
			doc_write_json(c, w);
		}
		jw_object_end(w);
		break;
	}
}

/*
 * json - a pull tokenizer for the reading path and an append-only writer (RFC 8259).
 *
 * For documents that are looked at as a tree use base/doc.h. The tokenizer works in place, copies
 * nothing and allocates nothing; strings that hold escapes are unescaped on demand. Depth is
 * limited to 64. A duplicate key is the caller's affair. Strings are checked to be UTF-8 as they pass;
 * a byte order mark before the document is passed over.
 */
#ifndef HEMING_JSON_H
#define HEMING_JSON_H

#include "base/err.h"
#include "base/sb.h"

enum json_type {
	JSON_END, /* the document is complete */
	JSON_BAD, /* see json_error() */
	JSON_OBJECT,
	JSON_OBJECT_END,
	JSON_ARRAY,
	JSON_ARRAY_END,
	JSON_KEY,
	JSON_STRING,
	JSON_NUMBER,
	JSON_TRUE,
	JSON_FALSE,
	JSON_NULL,
};

struct json {
	const char *p, *end, *start;
	int depth;
	uint8_t stack[64]; /* container kind at each depth */
	uint8_t expect;    /* private */
	struct str text;   /* of KEY and STRING: the bytes between the quotes, escapes as written; of NUMBER:
	                      its text */
	bool escaped;      /* text holds a backslash */
	const char *bad;   /* words, when JSON_BAD */
};

void json_init(struct json *j, struct str text);
enum json_type json_next(struct json *j);
/* Skips the value that starts with the next token (whole containers). False on bad text. */
MUST_USE bool json_skip(struct json *j);
/* The present KEY or STRING unescaped: text itself, or a copy in buf (n bytes), which may be where text is,
 * since no escape is shorter than what it stands for. p NULL if it does not fit or is not valid UTF-8/UTF-16
 * escapes. */
struct str json_text(const struct json *j, char *buf, size_t n);
/* Fills e with line, column and words of the failure. Returns ERR_INVALID. */
int json_error(const struct json *j, struct err *e);

/* Writer: commas and quoting are its affair. Invalid UTF-8 is written as U+FFFD. */
struct jw {
	struct sb *b;
	uint8_t need_comma[128]; /* deeper: the builder fails */
	int depth;
	bool after_key;
};
void jw_init(struct jw *w, struct sb *b);
void jw_object(struct jw *w);
void jw_object_end(struct jw *w);
void jw_array(struct jw *w);
void jw_array_end(struct jw *w);
void jw_key(struct jw *w, const char *key);
void jw_key_str(struct jw *w, struct str key);
void jw_str(struct jw *w, struct str s);
void jw_cstr(struct jw *w, const char *s); /* NULL writes null */
void jw_int(struct jw *w, int64_t v);
void jw_id(struct jw *w, int64_t v);    /* as text; 0 writes null */
void jw_double(struct jw *w, double v); /* NaN and infinities write null */
void jw_bool(struct jw *w, bool v);
void jw_null(struct jw *w);
void jw_time(struct jw *w, int64_t t);      /* RFC 3339 UTC text; TIME_NONE writes null */
void jw_raw(struct jw *w, struct str json); /* a value that is JSON already */
/* key and value at once */
void jw_kstr(struct jw *w, const char *key, const char *s);
void jw_kint(struct jw *w, const char *key, int64_t v);
void jw_kid(struct jw *w, const char *key, int64_t v);
void jw_kdouble(struct jw *w, const char *key, double v);
void jw_kbool(struct jw *w, const char *key, bool v);
void jw_ktime(struct jw *w, const char *key, int64_t t);

#endif

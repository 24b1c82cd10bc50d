/*
 * err - failures of the world as values.
 *
 * A function that can fail returns 0 or a negative ERR_*; where a person will read it, its last
 * parameter `struct err *e` (may be NULL) takes the words: what failed, where, what to do. It is
 * left untouched on success. The words are complete sentences without a trailing full stop.
 *
 * They are written in English where they arise; err_zh.tbl has their Chinese, which is kept beside them so
 * that each reader gets their own language. What is not in the table stays English for everybody.
 *
 * Ownership: struct err holds its text by value. Threads: no state.
 */
#ifndef HEMING_ERR_H
#define HEMING_ERR_H

#include "base/base.h"

#include <stdarg.h>

enum err_code {
#define X(name, code, http, text) ERR_##name = (code),
#include "base/err.tbl"
#undef X
};

struct err {
	int code;        /* 0 or ERR_* */
	int line;        /* line in `where`, 1-based; 0 if not known */
	int column;      /* 1-based; 0 if not known */
	char field[96];  /* the field or element at fault; "" if not known */
	char where[160]; /* file, table or address; "" if not known */
	char text[512];  /* what, and what to do */
	char zh[512];    /* the same in Chinese; "" if the table has it not */
};
#define ERR_INIT                                                                                             \
	{                                                                                                    \
		0                                                                                            \
	}

/* Sets code and text; is the code, so that `return err_set(e, ERR_INVALID, "…")` reads well. Evaluates code
 * twice: who reads the caller, person or analyzer, sees which it is. */
#define err_set(e, code, ...) err__is(err__set((e), (code), __VA_ARGS__), (code))
int err__set(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
int err_vset(struct err *e, int code, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);
static inline int err__is(int set, int code)
{
	(void)set;
	return code;
}
/* Puts "words: " before the text of a failure on its way up. Returns e's code (ERR_BUG if e is NULL). */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Adds where it is; each argument may be NULL or 0 to leave that part as it is. Returns e's code. */
int err_at(struct err *e, const char *where, int line, int column, const char *field);
/* Sets from errno: ENOSPC -> ERR_FULL, ENOENT -> ERR_NOTFOUND, ENOMEM -> ERR_NOMEM, else ERR_IO. */
int err_errno(struct err *e, int err_no, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* "where:line:column: field: text", as much of it as is known, into buf; returns buf. */
const char *err_str(const struct err *e, char *buf, size_t n);

/* The Chinese of words as they stand in the source, conversions included; NULL if the table has them not. */
const char *err_zh(const char *words);
/* In Chinese or in English; never empty. */
const char *err_words(const struct err *e, bool chinese);

const char *err_name(int code); /* "INVALID" */
const char *err_text(int code); /* the table's words */
int err_http(int code);         /* 400 … */

#endif

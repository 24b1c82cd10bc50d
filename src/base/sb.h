/*
 * sb, str - text: a builder that grows, and a slice that owns nothing.
 *
 * struct str is a view of bytes (UTF-8 by custom, NUL-terminated only by accident).
 * struct sb appends freely; it has a maximum and a sticky error: append all, check once.
 *   struct sb b = SB_INIT;  sb_puts(&b, "x");  if (b.failed) …;  sb_fini(&b);
 * sb keeps a NUL after its bytes, so b.p is a C string once anything was appended.
 */
#ifndef HEMING_SB_H
#define HEMING_SB_H

#include "base/base.h"
#include <stdarg.h>
#include <string.h>

struct str {
	const char *p;
	size_t n;
};
#define STR_NULL ((struct str){NULL, 0})
#define STR_LIT(s) ((struct str){(s), sizeof(s) - 1})
#define STR_FMT "%.*s"
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_of(const char *s) /* NULL gives STR_NULL */
{
	return s ? (struct str){s, strlen(s)} : STR_NULL;
}
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || a.p == b.p || (*a.p == *b.p && memcmp(a.p, b.p, a.n) == 0));
}
static inline bool str_is(struct str a, const char *s)
{
	return str_eq(a, str_of(s));
}
int str_cmp(struct str a, struct str b); /* bytewise, shorter first */
bool str_starts(struct str a, const char *prefix);
struct str str_trim(struct str a); /* ASCII white space on both ends */
/* Cuts *rest at the first `sep`: returns what is before, leaves what is after. At the end of the
 * text *rest becomes STR_NULL (p == NULL), which ends a loop `while (rest.p)`. */
struct str str_cut(struct str *rest, char sep);
/* Decodes one code point at *i (advances it); 0xFFFD and one byte for an invalid sequence. */
uint32_t utf8_next(struct str s, size_t *i);
bool utf8_valid(struct str s);
size_t utf8_encode(uint32_t cp, char out[4]); /* bytes written, 0 if not a scalar value */
size_t utf8_length(struct str s);             /* code points */

struct sb {
	char *p;
	size_t n, cap, max; /* max 0: 256 MiB */
	bool failed;        /* over max, sticky */
};
#define SB_INIT                                                                                              \
	{                                                                                                    \
		0                                                                                            \
	}

void sb_fini(struct sb *b);
void sb_reset(struct sb *b); /* keeps the memory, clears text and failure */
void sb_put(struct sb *b, const void *p, size_t n);
void sb_puts(struct sb *b, const char *s);
void sb_putstr(struct sb *b, struct str s);
/* n more bytes at the end, for the caller to fill; NULL, and the sticky error, over the maximum. */
char *sb_more(struct sb *b, size_t n);
static inline void sb_putc(struct sb *b, char c)
{
	char *p;

	if (LIKELY(b->cap - b->n > 1 && !b->failed)) {
		b->p[b->n++] = c;
		b->p[b->n] = '\0';
	} else if ((p = sb_more(b, 1)) != NULL)
		*p = c;
}
void sb_printf(struct sb *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void sb_vprintf(struct sb *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);
/* Hands the text over: a NUL-terminated heap string, never NULL unless failed; b is empty after. */
char *sb_detach(struct sb *b, size_t *n);
struct str sb_str(const struct sb *b);

#endif

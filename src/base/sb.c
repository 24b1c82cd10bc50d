#include "base/sb.h"

#define MAX_DEFAULT ((size_t)256 << 20)

int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int c = n > 0 ? memcmp(a.p, b.p, n) : 0;
	return c != 0 ? c : (a.n > b.n) - (a.n < b.n);
}

bool str_starts(struct str a, const char *prefix)
{
	size_t n = strlen(prefix);
	return a.n >= n && (n == 0 || memcmp(a.p, prefix, n) == 0);
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str a)
{
	while (a.n > 0 && is_space(a.p[0])) {
		a.p++;
		a.n--;
	}
	while (a.n > 0 && is_space(a.p[a.n - 1]))
		a.n--;
	return a;
}

struct str str_cut(struct str *rest, char sep)
{
	struct str before = *rest;
	const char *at = rest->n > 0 ? memchr(rest->p, sep, rest->n) : NULL;
	if (at == NULL) {
		*rest = STR_NULL;
		return before;
	}
	before.n = (size_t)(at - rest->p);
	rest->p = at + 1;
	rest->n -= before.n + 1;
	return before;
}

/*
 * Length of the well-formed sequence at p (Unicode 15, table 3-7), 0 if there is none: no overlong
 * forms, no surrogates, nothing past U+10FFFF.
 */
static size_t sequence(const unsigned char *p, size_t n, uint32_t *cp)
{
	unsigned char c = p[0];
	size_t len;
	uint32_t v, least;
	if (c < 0x80) {
		*cp = c;
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		len = 2, v = c & 0x1fu, least = 0x80;
	} else if ((c & 0xf0) == 0xe0) {
		len = 3, v = c & 0x0fu, least = 0x800;
	} else if (c >= 0xf0 && c <= 0xf4) {
		len = 4, v = c & 0x07u, least = 0x10000;
	} else {
		return 0;
	}
	if (n < len)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (p[i] & 0x3fu);
	}
	if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	*cp = v;
	return len;
}

uint32_t utf8_next(struct str s, size_t *i)
{
	uint32_t cp;
	size_t len;
	must(*i < s.n);
	len = sequence((const unsigned char *)s.p + *i, s.n - *i, &cp);
	if (len == 0) {
		*i += 1;
		return 0xfffd;
	}
	*i += len;
	return cp;
}

bool utf8_valid(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p, *end = p + s.n;
	while (p < end) {
		/* Most text is ASCII: eight bytes at once. */
		while (end - p >= 8) {
			uint64_t w;
			memcpy(&w, p, 8);
			if (w & UINT64_C(0x8080808080808080))
				break;
			p += 8;
		}
		if (p == end)
			break;
		uint32_t cp;
		size_t len = sequence(p, (size_t)(end - p), &cp);
		if (len == 0)
			return false;
		p += len;
	}
	return true;
}

size_t utf8_encode(uint32_t cp, char out[4])
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xc0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3f));
		return 2;
	}
	if (cp >= 0xd800 && cp <= 0xdfff)
		return 0;
	if (cp < 0x10000) {
		out[0] = (char)(0xe0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3f));
		out[2] = (char)(0x80 | (cp & 0x3f));
		return 3;
	}
	if (cp > 0x10ffff)
		return 0;
	out[0] = (char)(0xf0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3f));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3f));
	out[3] = (char)(0x80 | (cp & 0x3f));
	return 4;
}

size_t utf8_length(struct str s)
{
	size_t count = 0;
	for (size_t i = 0; i < s.n; count++)
		utf8_next(s, &i);
	return count;
}

/* Makes room for n bytes and the NUL; false and the sticky flag when that is over the maximum. */
static __attribute__((noinline)) bool grow(struct sb *b, size_t n)
{
	size_t max = b->max > 0 ? b->max : MAX_DEFAULT;
	if (b->failed || n > max || b->n > max - n) {
		b->failed = true;
		return false;
	}
	size_t cap = b->cap < 32 ? 64 : b->cap * 2;
	if (cap > max + 1)
		cap = max + 1;
	if (cap < b->n + n + 1)
		cap = b->n + n + 1;
	b->p = xrealloc(b->p, cap);
	b->cap = cap;
	return true;
}

static inline bool room(struct sb *b, size_t n)
{
	return LIKELY(n < b->cap - b->n && !b->failed) || grow(b, n);
}

void sb_fini(struct sb *b)
{
	free(b->p);
	*b = (struct sb){.max = b->max};
}

void sb_reset(struct sb *b)
{
	b->n = 0;
	b->failed = false;
	if (b->p)
		b->p[0] = '\0';
}

void sb_put(struct sb *b, const void *p, size_t n)
{
	if (!room(b, n))
		return;
	if (n > 0)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void sb_puts(struct sb *b, const char *s)
{
	sb_put(b, s, strlen(s));
}

void sb_putstr(struct sb *b, struct str s)
{
	sb_put(b, s.p, s.n);
}

char *sb_more(struct sb *b, size_t n)
{
	char *p;
	if (!room(b, n))
		return NULL;
	p = b->p + b->n;
	b->n += n;
	b->p[b->n] = '\0';
	return p;
}

void sb_vprintf(struct sb *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	/* Tried in the room there is; only a text that does not fit is formatted twice. */
	size_t have = b->failed ? 0 : b->cap - b->n;
	char none[1];
	int n = vsnprintf(have > 0 ? b->p + b->n : none, have > 0 ? have : sizeof(none), fmt, ap);
	must(n >= 0);
	if ((size_t)n < have) {
		b->n += (size_t)n;
	} else if (grow(b, (size_t)n)) {
		vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
		b->n += (size_t)n;
	} else if (have > 0) {
		b->p[b->n] = '\0'; /* an append is whole or not at all */
	}
	va_end(again);
}

void sb_printf(struct sb *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	sb_vprintf(b, fmt, ap);
	va_end(ap);
}

char *sb_detach(struct sb *b, size_t *n)
{
	char *p = NULL;
	size_t len = 0;
	if (!b->failed) {
		if (b->p == NULL)
			sb_put(b, "", 0);
		p = b->p;
		len = b->n;
		b->p = NULL;
	}
	if (n)
		*n = len;
	sb_fini(b);
	return p;
}

struct str sb_str(const struct sb *b)
{
	return (struct str){b->p, b->n};
}

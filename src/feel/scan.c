/*
 * scan - the characters of an expression: white space and comments, marks, words, places for messages.
 */
#include "feel/parse_int.h"

#include <stdarg.h>

#define PLACE_STEP 128 /* bytes between two marks */

typedef struct feel_node node;

int feel__code_point(const struct parser *p, const char *at, uint32_t *cp)
{
	struct str s = {at, (size_t)(p->end - at)};
	size_t i = 0;

	if (at >= p->end) {
		*cp = 0;
		return 0;
	}
	if ((unsigned char)*at < 0x80) {
		*cp = (unsigned char)*at;
		return 1;
	}
	*cp = utf8_next(s, &i);
	return (int)i;
}

/* Steps from one place to a later one. */
static void advance(const char *from, const char *to, int *line, int *column)
{
	for (; from < to; from++) {
		if (*from == '\n') {
			++*line;
			*column = 1;
		} else if (((unsigned char)*from & 0xc0) != 0x80) {
			++*column;
		}
	}
}

/* Nodes are made before and after what they hold, so places are asked for in any order: a long text has marks
 * from which to count on. */
bool feel__mark_places(struct parser *p)
{
	size_t n = (size_t)(p->end - p->start) / PLACE_STEP;
	int line = 1, column = 1;

	p->place = arena_array(p->a, n + 1, sizeof(*p->place));
	if (!p->place)
		return false;
	for (size_t i = 0; i <= n; i++) {
		p->place[i] = (struct place){line, column};
		if (i < n)
			advance(p->start + i * PLACE_STEP, p->start + (i + 1) * PLACE_STEP, &line, &column);
	}
	return true;
}

void feel__position(struct parser *p, const char *at, int *line, int *column)
{
	size_t i = (size_t)(at - p->start) / PLACE_STEP;

	*line = p->place[i].line;
	*column = p->place[i].column;
	advance(p->start + i * PLACE_STEP, at, line, column);
}

node *feel__fail_at(struct parser *p, const char *at, const char *fmt, ...)
{
	char words[300];
	int line, column;
	va_list ap;

	if (p->rc < 0)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	feel__position(p, at, &line, &column);
	p->rc = err_set(p->e, ERR_INVALID, "%s", words);
	err_at(p->e, NULL, line, column, NULL);
	p->rc = ERR_INVALID;
	return NULL;
}

node *feel__no_memory(struct parser *p)
{
	if (p->rc == 0) {
		err_set(p->e, ERR_NOMEM, "the expression needs more memory than allowed");
		p->rc = ERR_NOMEM;
	}
	return NULL;
}

bool feel__is_space(uint32_t c)
{
	return c == ' ' || (c >= 9 && c <= 13) || c == 0x85 || c == 0xa0 || c == 0x1680 || c == 0x180e ||
	       (c >= 0x2000 && c <= 0x200b) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000 || c == 0xfeff;
}

bool feel__is_name_start(uint32_t c)
{
	if (c < 0x80)
		return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '?';
	return (c >= 0xc0 && c <= 0x2ff && c != 0xd7 && c != 0xf7) ||
	       (c >= 0x370 && c <= 0x1fff && c != 0x37e && c != 0x1680 && c != 0x180e) || c == 0x200c ||
	       c == 0x200d || (c >= 0x2070 && c <= 0x218f) || (c >= 0x2c00 && c <= 0x2fef) ||
	       (c >= 0x3001 && c <= 0xd7ff) || (c >= 0xf900 && c <= 0xfdcf) ||
	       (c >= 0xfdf0 && c <= 0xfffc && c != 0xfeff) || (c >= 0x10000 && c <= 0xeffff);
}

bool feel__is_name_part(uint32_t c)
{
	return feel__is_name_start(c) || (c >= '0' && c <= '9') || c == 0xb7 || (c >= 0x300 && c <= 0x36f) ||
	       c == 0x203f || c == 0x2040;
}

void feel__skip(struct parser *p)
{
	uint32_t c;
	int n;

	for (;;) {
		n = feel__code_point(p, p->p, &c);
		if (n && feel__is_space(c)) {
			p->p += n;
		} else if (p->end - p->p >= 2 && p->p[0] == '/' && p->p[1] == '/') {
			while (p->p < p->end && *p->p != '\n')
				p->p++;
		} else if (p->end - p->p >= 2 && p->p[0] == '/' && p->p[1] == '*') {
			const char *at = p->p;

			for (p->p += 2; p->p + 1 < p->end && !(p->p[0] == '*' && p->p[1] == '/'); p->p++)
				;
			if (p->p + 1 >= p->end) {
				feel__fail_at(p, at, "this comment has no end");
				p->p = p->end;
				return;
			}
			p->p += 2;
		} else {
			return;
		}
	}
}

char feel__peek(struct parser *p)
{
	feel__skip(p);
	return p->p < p->end ? *p->p : 0;
}

bool feel__looking_at(struct parser *p, const char *op)
{
	size_t n = strlen(op);

	feel__skip(p);
	return (size_t)(p->end - p->p) >= n && memcmp(p->p, op, n) == 0;
}

bool feel__take(struct parser *p, const char *op)
{
	if (!feel__looking_at(p, op))
		return false;
	p->p += strlen(op);
	return true;
}

/* What stands here, for messages. */
const char *feel__here(struct parser *p, char buf[40])
{
	uint32_t c;
	int n, used = 0;
	const char *at;

	feel__skip(p);
	if (p->p >= p->end)
		return "the end";
	buf[used++] = '"';
	at = p->p;
	while (used < 32 && (n = feel__code_point(p, at, &c)) && (feel__is_name_part(c) || at == p->p)) {
		if (used + n > 36)
			break;
		memcpy(buf + used, at, (size_t)n);
		used += n;
		at += n;
	}
	buf[used++] = '"';
	buf[used] = 0;
	return buf;
}

bool feel__expect(struct parser *p, const char *op, const char *what)
{
	char buf[40];

	if (p->rc < 0)
		return false;
	if (feel__take(p, op))
		return true;
	feel__fail_at(p, p->p, "expected \"%s\" %s, found %s", op, what, feel__here(p, buf));
	return false;
}

/* The plain word that begins here (name characters only), without taking it. */
struct str feel__word(struct parser *p)
{
	const char *at;
	uint32_t c;
	int n;

	feel__skip(p);
	at = p->p;
	n = feel__code_point(p, at, &c);
	if (!n || !feel__is_name_start(c))
		return STR_NULL;
	if (c == '?') /* the input stands alone: ?>5 */
		return (struct str){at, 1};
	do {
		at += n;
		n = feel__code_point(p, at, &c);
	} while (n && feel__is_name_part(c));
	return (struct str){p->p, (size_t)(at - p->p)};
}

bool feel__take_word(struct parser *p, const char *w)
{
	if (!str_is(feel__word(p), w))
		return false;
	p->p += strlen(w);
	return true;
}

bool feel__is_keyword(struct str w)
{
	static const char *const keywords[] = {"and", "or", "between", "in", "if", "then", "else", "for",
	        "return", "some", "every", "satisfies", "instance", "function", "external", "true", "false",
	        "null"};

	for (size_t i = 0; i < ARRAY_LEN(keywords); i++)
		if (str_is(w, keywords[i]))
			return true;
	return false;
}

bool feel__at_dots(struct parser *p)
{
	return feel__looking_at(p, "..");
}

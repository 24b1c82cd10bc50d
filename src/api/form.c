/* Parameters of a query string or of an application/x-www-form-urlencoded body. */
#include "api/api_int.h"

struct form {
	struct str *name, *value; /* decoded, NUL-terminated */
	size_t n, name_cap, value_cap;
	struct http_req *r; /* whose query follows the body; NULL: none */
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 32);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A '%' that begins no pair of digits stays as it is. */
static struct str decode(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0;

	if (out == NULL)
		return STR_LIT("");
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '+') {
			out[n++] = ' ';
		} else if (s.p[i] == '%' && i + 2 < s.n && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
			out[n++] = (char)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
			i += 2;
		} else {
			out[n++] = s.p[i];
		}
	}
	return (struct str){out, n};
}

void form_parse(struct arena *a, struct str text, struct form **form)
{
	struct form *f = *form;

	if (f == NULL)
		f = *form = arena_alloc(a, sizeof(*f));
	while (f != NULL && text.n > 0) {
		struct str value = str_cut(&text, '&'), name = str_cut(&value, '=');

		if (name.n == 0)
			continue;
		f->name = arena_grow(a, f->name, &f->name_cap, f->n + 1, sizeof(*f->name));
		f->value = arena_grow(a, f->value, &f->value_cap, f->n + 1, sizeof(*f->value));
		if (f->name == NULL || f->value == NULL)
			return;
		f->name[f->n] = decode(a, name);
		f->value[f->n++] = value.p != NULL ? decode(a, value) : STR_LIT("");
	}
}

struct form *form_read(struct call *c)
{
	struct form *f = NULL;

	form_parse(c->a,
	        http_method(c->r) == HTTP_POST || http_method(c->r) == HTTP_PUT ? http_body(c->r)
	                                                                        : STR_LIT(""),
	        &f);
	if (f != NULL)
		f->r = c->r;
	return f;
}

const char *form_get(const struct form *f, const char *name)
{
	if (f == NULL)
		return NULL;
	for (size_t i = 0; i < f->n; i++)
		if (str_is(f->name[i], name))
			return f->value[i].p;
	return f->r != NULL ? http_query(f->r, name) : NULL;
}

const char **form_all(const struct form *f, struct arena *a, const char *name)
{
	const char **query = f != NULL && f->r != NULL ? http_query_all(f->r, name) : NULL, **out;
	size_t n = 0, queries = 0;

	while (query != NULL && query[queries] != NULL)
		queries++;
	out = arena_array(a, (f != NULL ? f->n : 0) + queries + 1, sizeof(*out));
	for (size_t i = 0; f != NULL && i < f->n; i++)
		if (str_is(f->name[i], name))
			out[n++] = f->value[i].p;
	for (size_t i = 0; i < queries; i++)
		out[n++] = query[i];
	return out;
}

/* RFC 3986: everything but the unreserved characters. */
void url_escape(struct sb *b, const char *s)
{
	for (; *s != '\0'; s++) {
		unsigned char ch = (unsigned char)*s;

		if ((ch | 32) >= 'a' && (ch | 32) <= 'z')
			sb_putc(b, *s);
		else if ((ch >= '0' && ch <= '9') || (ch < 0x80 && strchr("-._~", ch) != NULL))
			sb_putc(b, *s);
		else
			sb_printf(b, "%%%02X", ch);
	}
}

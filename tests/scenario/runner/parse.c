/*
 * The text of a scenario becomes statements.
 *
 * A statement ends with its line, or with `;` inside a block. A word is bare, "in quotes" (\n \t \" \\ \xHH),
 * or `between backticks` as it stands, over lines too. A bare `{` opens a block of statements that belongs to
 * its statement, whose words may go on after `}`. `#` at the start of a word begins a comment. A backslash at
 * the end of a line carries the statement on.
 */
#include "scn.h"

#include "base/file.h"

struct text {
	struct arena *a;
	const char *file, *p, *end;
	int line, depth;
	struct err *e;
};

static int bad(struct text *t, const char *why)
{
	err_set(t->e, ERR_INVALID, "%s", why);
	return err_at(t->e, t->file, t->line, 0, NULL);
}

static int hex(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	                              : -1;
}

static int quoted(struct text *t, struct sb *b)
{
	for (t->p++; t->p < t->end && *t->p != '"'; t->p++) {
		char c = *t->p;

		if (c == '\n')
			return bad(t, "a quoted word ends in its line; use backticks for more");
		if (c != '\\' || t->p + 1 >= t->end) {
			sb_putc(b, c);
			continue;
		}
		c = *++t->p;
		if (c == 'x' && t->end - t->p > 2 && hex(t->p[1]) >= 0 && hex(t->p[2]) >= 0) {
			sb_putc(b, (char)(hex(t->p[1]) * 16 + hex(t->p[2])));
			t->p += 2;
		} else {
			sb_putc(b, (char)(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c));
		}
	}
	if (t->p >= t->end)
		return bad(t, "a quoted word does not end");
	t->p++;
	return 0;
}

static int raw(struct text *t, struct sb *b)
{
	for (t->p++; t->p < t->end && *t->p != '`'; t->p++) {
		if (*t->p == '\n')
			t->line++;
		sb_putc(b, *t->p);
	}
	if (t->p >= t->end)
		return bad(t, "a word in backticks does not end");
	t->p++;
	return 0;
}

/* Passes blanks, comments and carried lines; true at the end of the statement. */
static bool pass_blanks(struct text *t)
{
	for (; t->p < t->end; t->p++) {
		if (*t->p == '\\' && t->p + 1 < t->end && t->p[1] == '\n') {
			t->p++;
			t->line++;
		} else if (*t->p == '#') {
			while (t->p < t->end && *t->p != '\n')
				t->p++;
			return true;
		} else if (*t->p != ' ' && *t->p != '\t' && *t->p != '\r') {
			break;
		}
	}
	return t->p >= t->end || *t->p == '\n' || *t->p == ';' || *t->p == '}';
}

static int statements(struct text *t, struct stmt **out);

static int statement(struct text *t, struct stmt *s)
{
	size_t cap = 0;
	int rc = 0;

	s->file = t->file;
	s->line = t->line;
	while (rc == 0 && !pass_blanks(t)) {
		struct sb b = SB_INIT;
		bool quotes = false;

		if (*t->p == '{') {
			if (s->has_block)
				return bad(t, "a statement has one block");
			s->has_block = true;
			s->before = s->words;
			t->p++;
			t->depth++;
			rc = statements(t, &s->block);
			if (rc == 0 && (t->p >= t->end || *t->p != '}'))
				return bad(t, "a block does not end with }");
			t->p++;
			t->depth--;
			continue;
		}
		while (rc == 0 && t->p < t->end && strchr(" \t\r\n;", *t->p) == NULL) {
			if (*t->p == '"' || *t->p == '`') {
				quotes = true;
				rc = *t->p == '"' ? quoted(t, &b) : raw(t, &b);
			} else if (*t->p == '$' && t->p + 1 < t->end && t->p[1] == '{') {
				while (t->p < t->end && *t->p != '}' && *t->p != '\n')
					sb_putc(&b, *t->p++);
				if (t->p < t->end && *t->p == '}')
					sb_putc(&b, *t->p++);
			} else if (*t->p == '}') {
				break;
			} else {
				sb_putc(&b, *t->p++);
			}
		}
		if (rc == 0) {
			s->word = arena_grow(t->a, s->word, &cap, (size_t)s->words + 1, sizeof(*s->word));
			s->word[s->words++] = (struct word){arena_strndup(t->a, b.n ? b.p : "", b.n), quotes};
		}
		sb_fini(&b);
	}
	if (!s->has_block)
		s->before = s->words;
	return rc;
}

static int statements(struct text *t, struct stmt **out)
{
	struct stmt **tail = out;

	for (;;) {
		while (pass_blanks(t) && t->p < t->end && *t->p != '}') {
			if (*t->p == '\n')
				t->line++;
			t->p++;
		}
		if (t->p >= t->end)
			return t->depth > 0 ? bad(t, "a block does not end with }") : 0;
		if (*t->p == '}')
			return t->depth > 0 ? 0 : bad(t, "there is a } too many");
		*tail = arena_alloc(t->a, sizeof(**tail));
		if (statement(t, *tail) < 0)
			return t->e->code;
		tail = &(*tail)->next;
	}
}

int scn_parse(struct arena *a, const char *path, struct stmt **out, struct err *e)
{
	struct str text;
	int rc = file_read(a, path, 4 << 20, &text, e);
	struct text t = {.a = a, .file = arena_strdup(a, path), .line = 1, .e = e};

	if (rc < 0)
		return rc;
	t.p = text.p;
	t.end = text.p + text.n;
	return statements(&t, out);
}

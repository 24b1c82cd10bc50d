#include "base/err.h"

#include <errno.h>

static const struct row {
	int code, http;
	const char *name, *text;
} rows[] = {
#define X(name, code, http, text) {code, http, #name, text},
#include "base/err.tbl"
#undef X
};

static const struct row *find(int code)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (rows[i].code == code)
			return &rows[i];
	}
	return NULL;
}

/* Drops a UTF-8 sequence that the end of a buffer cut: half a character breaks JSON and terminals. */
static void mend_end(char *s)
{
	size_t n = strlen(s), back = 1;
	while (back < 4 && back < n && ((unsigned char)s[n - back] & 0xc0) == 0x80)
		back++;
	if (back > n)
		return;
	unsigned char lead = (unsigned char)s[n - back];
	size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (want > back)
		s[n - back] = '\0';
}

static PRINTF_LIKE(3, 0) void words(char *buf, size_t n, const char *fmt, va_list ap)
{
	int got = vsnprintf(buf, n, fmt, ap);
	if (got < 0)
		buf[0] = '\0';
	else if ((size_t)got >= n)
		mend_end(buf);
}

static PRINTF_LIKE(3, 4) void wordsf(char *buf, size_t n, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	words(buf, n, fmt, ap);
	va_end(ap);
}

/* ---- two languages ---- */

static const struct {
	const char *en, *zh;
} chinese[] = {
#define ZH(en, zh) {en, zh},
#include "base/err_zh.tbl"
#undef ZH
};

const char *err_zh(const char *en)
{
	size_t low = 0, high = ARRAY_LEN(chinese);
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		int order = strcmp(en, chinese[mid].en);
		if (order == 0)
			return chinese[mid].zh;
		if (order < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

/* fmt in both languages; zh is "" where the table has neither it nor, for a plain "%s", what it became. */
PRINTF_LIKE(4, 0) static void both(char *text, char *zh, size_t n, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	words(text, n, fmt, ap);
	zh[0] = '\0';
	const char *other = err_zh(fmt);
	/* A test holds the conversions of each pair of the table against each other. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (other != NULL)
		words(zh, n, other, again);
	else if (strcmp(fmt, "%s") == 0 && (other = err_zh(text)) != NULL)
		wordsf(zh, n, "%s", other);
#pragma GCC diagnostic pop
	va_end(again);
}

int err__set(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return code;
}

int err_vset(struct err *e, int code, const char *fmt, va_list ap)
{
	if (e == NULL)
		return code;
	/* Through copies: an argument may be the old text of e itself. */
	char text[sizeof(e->text)], zh[sizeof(e->zh)];
	both(text, zh, sizeof(text), fmt, ap);
	*e = (struct err){.code = code};
	memcpy(e->text, text, sizeof(text));
	memcpy(e->zh, zh, sizeof(zh));
	return code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	if (e == NULL)
		return ERR_BUG;
	char before[sizeof(e->text)], before_zh[sizeof(e->zh)], text[sizeof(e->text)];
	va_list ap;
	va_start(ap, fmt);
	both(before, before_zh, sizeof(before), fmt, ap);
	va_end(ap);
	if (e->zh[0] != '\0' || before_zh[0] != '\0') {
		wordsf(text, sizeof(text), "%s：%s", before_zh[0] != '\0' ? before_zh : before,
		        e->zh[0] != '\0' ? e->zh : e->text);
		memcpy(e->zh, text, sizeof(text));
	}
	wordsf(text, sizeof(text), "%s: %s", before, e->text);
	memcpy(e->text, text, sizeof(text));
	return e->code;
}

const char *err_words(const struct err *e, bool in_chinese)
{
	const char *zh;
	if (e->text[0] != '\0')
		return in_chinese && e->zh[0] != '\0' ? e->zh : e->text;
	zh = in_chinese ? err_zh(err_text(e->code)) : NULL;
	return zh != NULL ? zh : err_text(e->code);
}

int err_at(struct err *e, const char *where, int line, int column, const char *field)
{
	if (e == NULL)
		return ERR_BUG;
	if (where)
		wordsf(e->where, sizeof(e->where), "%s", where);
	if (line > 0)
		e->line = line;
	if (column > 0)
		e->column = column;
	if (field)
		wordsf(e->field, sizeof(e->field), "%s", field);
	return e->code;
}

static int code_of(int err_no)
{
	switch (err_no) {
	case ENOSPC:
	case EDQUOT: return ERR_FULL;
	case ENOENT: return ERR_NOTFOUND;
	case ENOMEM: return ERR_NOMEM;
	default: return ERR_IO;
	}
}

static const char *advice(int err_no)
{
	switch (err_no) {
	case ENOSPC: return "; free space on that file system";
	case EDQUOT: return "; raise the quota of this user";
	case EACCES:
	case EPERM: return "; give this program's user the right to it";
	case EROFS: return "; mount the file system for writing";
	case EMFILE: return "; raise the limit of open files (ulimit -n)";
	case EADDRINUSE: return "; stop the other program or choose another port";
	default: return "";
	}
}

int err_errno(struct err *e, int err_no, const char *fmt, ...)
{
	int code = code_of(err_no);
	if (e == NULL)
		return code;
	char text[sizeof(e->text)], reason[128];
	va_list ap;
	va_start(ap, fmt);
	words(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(e, code, "%s: %s%s", text, strerror_r(err_no, reason, sizeof(reason)), advice(err_no));
}

const char *err_str(const struct err *e, char *buf, size_t n)
{
	char place[sizeof(e->where) + 32] = "";
	if (n == 0)
		return buf;
	if (e->line > 0 && e->column > 0)
		wordsf(place, sizeof(place), "%s%s%d:%d: ", e->where, e->where[0] ? ":" : "line ", e->line,
		        e->column);
	else if (e->line > 0)
		wordsf(place, sizeof(place), "%s%s%d: ", e->where, e->where[0] ? ":" : "line ", e->line);
	else if (e->where[0])
		wordsf(place, sizeof(place), "%s: ", e->where);
	wordsf(buf, n, "%s%s%s%s", place, e->field, e->field[0] ? ": " : "",
	        e->text[0] ? e->text : err_text(e->code));
	return buf;
}

const char *err_name(int code)
{
	const struct row *r = find(code);
	return r ? r->name : code == 0 ? "OK" : "UNKNOWN";
}

const char *err_text(int code)
{
	const struct row *r = find(code);
	return r ? r->text : code == 0 ? "no failure" : "an unknown failure";
}

int err_http(int code)
{
	const struct row *r = find(code);
	return r ? r->http : code == 0 ? 200 : 500;
}

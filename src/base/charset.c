#include "base/charset.h"

#include <errno.h>
#include <iconv.h>

/* A damaged UTF-8 text has far more good sequences than bad bytes; in GBK text the bad ones are the most. */
#define GOOD_PER_BAD 8

/* The line that byte `at` is on, 1-based: ends are LF, CRLF or a CR alone, in steps of `unit` bytes. */
static int line_of(struct str s, size_t at, size_t unit, size_t low)
{
	int line = 1;
	bool cr = false;

	for (size_t i = 0; i + unit <= at; i += unit) {
		bool ascii = unit == 1 || s.p[i + 1 - low] == 0;
		char c = ascii ? s.p[i + low] : 'x';
		if (c == '\r' || (c == '\n' && !cr))
			line++;
		cr = c == '\r';
	}
	return line;
}

static int bad_byte(struct str s, size_t at, const char *words, struct err *e)
{
	int line = line_of(s, at, 1, 0);

	err_set(e, ERR_INVALID, "byte %zu (line %d) %s", at + 1, line, words);
	return err_at(e, NULL, line, 0, NULL);
}

/* Counts the well-formed sequences of more than one byte, and the bytes that are in none. */
static size_t first_bad(struct str s, size_t *good, size_t *bad)
{
	size_t first = s.n;

	*good = *bad = 0;
	for (size_t i = 0; i < s.n;) {
		size_t from = i;
		utf8_next(s, &i);
		if (i - from > 1) {
			++*good;
		} else if ((unsigned char)s.p[from] >= 0x80) {
			if (++*bad == 1)
				first = from;
		}
	}
	/* A character that the end of the text cuts is one. */
	if (*bad <= 3 && first + *bad == s.n && first < s.n)
		*bad = 1;
	return first;
}

static int from_utf16(struct str s, bool little, struct sb *out, struct err *e)
{
	size_t low = little ? 0 : 1, i = 2;
	const char *words = NULL;

	while (i < s.n) {
		size_t from = i;
		uint32_t cp, next;
		char buf[4];
		if (s.n - i < 2) {
			words = "is half a character of UTF-16 text; the file may be cut off, send it whole";
		} else {
			cp = (uint32_t)(unsigned char)s.p[i + low] | (uint32_t)(unsigned char)s.p[i + 1 - low]
			                                                     << 8;
			i += 2;
			if (cp >= 0xd800 && cp < 0xdc00 && s.n - i >= 2) {
				next = (uint32_t)(unsigned char)s.p[i + low] |
				       (uint32_t)(unsigned char)s.p[i + 1 - low] << 8;
				if (next >= 0xdc00 && next < 0xe000) {
					cp = 0x10000 + ((cp - 0xd800) << 10) + (next - 0xdc00);
					i += 2;
				}
			}
			if (cp == 0)
				words = "is a zero; this is not a text file";
			else if (cp >= 0xd800 && cp < 0xe000)
				words = "is half of a UTF-16 pair; save the file as CSV UTF-8";
			else
				sb_put(out, buf, utf8_encode(cp, buf));
		}
		if (words) {
			int line = line_of(s, from, 2, low);
			err_set(e, ERR_INVALID, "byte %zu (line %d) %s", from + 1, line, words);
			return err_at(e, NULL, line, 0, NULL);
		}
	}
	return 0;
}

static int from_gb18030(struct str s, struct sb *out, struct err *e)
{
	iconv_t cd = iconv_open("UTF-8", "GB18030");
	/* iconv takes a pointer to what it only reads. */
	char *in = (char *)(uintptr_t)s.p;
	size_t left = s.n;
	int rc = 0;

	if (cd == (iconv_t)-1)
		return err_set(e, ERR_UNAVAILABLE,
		        "not UTF-8 text, and this system cannot read GB18030; save the file as CSV UTF-8");
	while (left > 0 && !out->failed) {
		char buf[16384], *to = buf;
		size_t room = sizeof(buf);
		size_t got = iconv(cd, &in, &left, &to, &room);
		int why = errno;
		sb_put(out, buf, sizeof(buf) - room);
		if (got == (size_t)-1 && why != E2BIG) {
			rc = bad_byte(s, s.n - left,
			        "is neither UTF-8 nor GB18030 text; save the file as CSV UTF-8", e);
			break;
		}
	}
	iconv_close(cd);
	return rc;
}

int charset_to_utf8(struct str bytes, struct sb *out, const char **name, struct err *e)
{
	size_t before = out->n, good, bad, at;
	const char *found = "UTF-8";
	bool mark = str_starts(bytes, "\xef\xbb\xbf");
	int rc = 0;

	if (out->failed)
		return err_set(e, ERR_TOOBIG, "the text is larger than what is taken here");
	if (str_starts(bytes, "\xff\xfe") || str_starts(bytes, "\xfe\xff")) {
		found = "UTF-16";
		rc = from_utf16(bytes, bytes.p[0] == '\xff', out, e);
	} else if (bytes.n > 0 && memchr(bytes.p, 0, bytes.n)) {
		const char *zero = memchr(bytes.p, 0, bytes.n);
		rc = bad_byte(bytes, (size_t)(zero - bytes.p),
		        "is a zero; this is not a text file, or UTF-16 without its mark: save it as CSV "
		        "UTF-8",
		        e);
	} else if (utf8_valid(bytes)) {
		size_t skip = mark ? 3 : 0;
		sb_put(out, bytes.n > 0 ? bytes.p + skip : "", bytes.n - skip);
	} else {
		at = first_bad(bytes, &good, &bad);
		if (mark || good / GOOD_PER_BAD >= bad) {
			rc = bad_byte(bytes, at,
			        "is damaged in a text that else is UTF-8; the file may be cut off, or made "
			        "of two "
			        "files",
			        e);
		} else {
			found = "GB18030";
			rc = from_gb18030(bytes, out, e);
		}
	}
	if (rc == 0 && out->failed)
		rc = err_set(e, ERR_TOOBIG, "the text is larger than what is taken here");
	if (rc < 0) {
		out->n = before;
		out->failed = false;
		if (out->p)
			out->p[before] = '\0';
		return rc;
	}
	if (name)
		*name = found;
	return 0;
}

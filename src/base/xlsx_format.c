/* What a number shows: plain, or a date or time by its format. */
#include "base/xlsx_int.h"

#include "base/num.h"
#include "base/time.h"

#include <limits.h>
#include <math.h>

#define DAY_MS INT64_C(86400000)

/* ---- formats ---- */

/* The text of a pair of brackets is h, hh, m, ss…: time that runs past 24 hours. */
static bool is_elapsed(struct str s)
{
	char c = s.n > 0 ? (char)(s.p[0] | 0x20) : 0;

	if (c != 'h' && c != 'm' && c != 's')
		return false;
	for (size_t i = 1; i < s.n; i++) {
		if ((s.p[i] | 0x20) != c)
			return false;
	}
	return true;
}

/* What a number format shows, by its letters outside quotes, brackets and escapes. */
static enum xlsx_format format_of(const char *code)
{
	bool date = false, time = false, month = false, elapsed = false;

	for (const char *p = code; *p; p++) {
		switch (*p) {
		case '"': p = strchrnul(p + 1, '"'); break;
		case '[': {
			const char *end = strchrnul(p, ']');
			elapsed = elapsed || is_elapsed((struct str){p + 1, (size_t)(end - p) - 1});
			p = end;
			break;
		}
		case '\\':
		case '_':
		case '*': p++; break;
		case 'y':
		case 'Y':
		case 'd':
		case 'D': date = true; break;
		case 'h':
		case 'H':
		case 's':
		case 'S': time = true; break;
		case 'm':
		case 'M': month = true; break;
		default: break;
		}
		if (!*p)
			break;
	}
	return date ? DATE : elapsed ? ELAPSED : time ? TIME : month ? DATE : PLAIN;
}

static enum xlsx_format builtin_format(int id)
{
	if (id == 46)
		return ELAPSED;
	if ((id >= 18 && id <= 21) || id == 45 || id == 47)
		return TIME;
	if ((id >= 14 && id <= 22) || (id >= 27 && id <= 36) || (id >= 50 && id <= 58))
		return DATE;
	return PLAIN;
}

static void styles_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	const char *name = xlsx_local(full), *code;
	int depth = xlsx_enter(x), id;

	if (depth == 1) {
		x->in_formats = strcmp(name, "numFmts") == 0;
		x->in_styles = strcmp(name, "cellXfs") == 0;
	} else if (depth == 2 && x->in_formats && strcmp(name, "numFmt") == 0) {
		id = xlsx_small_number(xlsx_attr(atts, "numFmtId"), UINT16_MAX);
		code = xlsx_attr(atts, "formatCode");
		if (id >= 0 && code)
			x->formats[id] = (uint8_t)format_of(code);
	} else if (depth == 2 && x->in_styles && strcmp(name, "xf") == 0) {
		if (x->n_styles == STYLES_MAX) {
			xlsx_fail(x, ERR_TOOBIG, "more than %d cell styles", STYLES_MAX);
			return;
		}
		id = xlsx_small_number(xlsx_attr(atts, "numFmtId"), UINT16_MAX);
		x->styles = xgrow(x->styles, &x->style_cap, x->n_styles + 1, sizeof(*x->styles));
		x->styles[x->n_styles++] = (uint16_t)(id >= 0 ? id : 0);
	}
}

int xlsx_load_formats(struct xlsx *x)
{
	x->n_styles = 0;
	if (!x->formats)
		x->formats = xcalloc(UINT16_MAX + 1, 1);
	for (int i = 0; i <= UINT16_MAX; i++)
		x->formats[i] = (uint8_t)builtin_format(i);
	if (!x->styles_part)
		return 0;
	return xlsx_parse_part(x, x->styles_part, false, styles_start, xlsx_count_out, false);
}

/* ---- values ---- */

/* A decimal of at most 15 digits without an exponent is put as it is, less the zeros that say nothing. */
static bool put_short_number(struct sb *b, struct str s)
{
	size_t i = 0, whole, point, digits = 0, zeros = 0, end;
	bool negative = s.n > 0 && s.p[0] == '-';

	i = negative ? 1 : 0;
	while (i < s.n && s.p[i] == '0')
		i++;
	for (whole = i; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++)
		digits++;
	point = end = i;
	if (i == (negative ? 1 : 0))
		return false;
	if (i < s.n && s.p[i] == '.') {
		for (i++; i < s.n && s.p[i] >= '0' && s.p[i] <= '9'; i++) {
			digits += digits > 0 || s.p[i] != '0';
			zeros += digits == 0;
			if (s.p[i] != '0')
				end = i + 1;
		}
	}
	if (i < s.n || digits > 15 || (digits > 0 && zeros > 6))
		return false;
	if (negative && digits > 0)
		sb_putc(b, '-');
	if (point == whole)
		sb_putc(b, '0');
	sb_put(b, s.p + whole, end - whole);
	return true;
}

bool xlsx_put_number(struct sb *b, struct str s)
{
	char buf[48];
	double v;

	if (put_short_number(b, s))
		return true;
	if (!num_double(s, false, &v))
		return false;
	/* What is beyond 15 digits is the noise of binary fractions, and a spreadsheet does not show it. */
	snprintf(buf, sizeof(buf), "%.14e", v);
	if (!num_double(str_of(buf), false, &v))
		return false;
	sb_put(b, buf, num_format(v == 0 ? 0 : v, buf));
	return true;
}

/* False when the calendar has no such day. */
bool xlsx_put_date(struct sb *b, double v, enum xlsx_format kind, bool date1904)
{
	struct civil c = {0};
	int64_t ms, day, base;
	int h, m, s, milli;

	if (!(v >= 0 && v < 3e6))
		return false;
	ms = llround(v * (double)DAY_MS);
	day = ms / DAY_MS;
	ms %= DAY_MS;
	h = (int)(ms / 3600000);
	m = (int)(ms / 60000 % 60);
	s = (int)(ms / 1000 % 60);
	milli = (int)(ms % 1000);
	if (kind == ELAPSED) {
		sb_printf(b, "%02d:%02d:%02d", (int)day * 24 + h, m, s);
	} else if (day == 0 && (kind == TIME || !date1904)) {
		sb_printf(b, "%02d:%02d:%02d", h, m, s);
	} else {
		/* Day 60 is a 29 February 1900 that never was, made for the sake of an older program. */
		base = date1904    ? civil_days(1904, 1, 1)
		       : day >= 60 ? civil_days(1899, 12, 30)
		                   : civil_days(1899, 12, 31);
		civil_from_days(base + day, &c);
		if (c.year > 9999)
			return false;
		sb_printf(b, "%04d-%02d-%02d", c.year, c.month, c.day);
		if (ms == 0)
			return true;
		sb_printf(b, "T%02d:%02d:%02d", h, m, s);
	}
	if (milli > 0)
		sb_printf(b, ".%03d", milli);
	return true;
}

/* An ISO 8601 date cell: midnight is no time. */
struct str xlsx_without_midnight(struct str s)
{
	const char *t = s.n > 0 ? memchr(s.p, 'T', s.n) : NULL;

	if (!t)
		return s;
	for (const char *p = t + 1; p < s.p + s.n; p++) {
		if (!strchr("0:.Z", *p) || !*p)
			return s;
	}
	return (struct str){s.p, (size_t)(t - s.p)};
}

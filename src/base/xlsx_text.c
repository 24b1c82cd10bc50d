/* The texts of a workbook: shared strings, runs, and what the format writes for characters that XML has not.
 */
#include "base/xlsx_int.h"

/* ---- shared strings ---- */

static int hex_digit(char c)
{
	return c >= '0' && c <= '9'   ? c - '0'
	       : c >= 'A' && c <= 'F' ? c - 'A' + 10
	       : c >= 'a' && c <= 'f' ? c - 'a' + 10
	                              : -1;
}

/* "_x000D_", seven bytes: how the format writes what XML has no character for (ECMA-376, 22.9.2.19). */
static bool escape_at(const char *p, size_t n, uint32_t *c)
{
	if (n < 7 || p[0] != '_' || p[1] != 'x' || p[6] != '_')
		return false;
	*c = 0;
	for (int i = 2; i < 6; i++) {
		int h = hex_digit(p[i]);
		if (h < 0)
			return false;
		*c = *c << 4 | (uint32_t)h;
	}
	return true;
}

/* In place; the new length. Zeros are left out. */
size_t xlsx_unescape(char *p, size_t n)
{
	size_t o = 0;
	uint32_t c, low;

	if (n < 7 || !memmem(p, n, "_x", 2))
		return n;
	for (size_t i = 0; i < n;) {
		if (!escape_at(p + i, n - i, &c)) {
			p[o++] = p[i++];
			continue;
		}
		i += 7;
		if (c >= 0xd800 && c < 0xdc00 && escape_at(p + i, n - i, &low) && low >= 0xdc00 &&
		        low < 0xe000) {
			c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
			i += 7;
		} else if (c >= 0xd800 && c < 0xe000) {
			c = 0xfffd;
		}
		if (c != 0) {
			char buf[4];
			size_t len = utf8_encode(c, buf);
			memcpy(p + o, buf, len);
			o += len;
		}
	}
	return o;
}

/* Text of a string item or inline string: in t, alone or in runs, but not in the reading (rPh). */
void xlsx_text_start(struct xlsx *x, const char *name, int depth)
{
	if (x->silent)
		return;
	if (strcmp(name, "t") == 0)
		x->take = true;
	else if (strcmp(name, "rPh") == 0)
		x->silent = depth;
}

void xlsx_text_end(struct xlsx *x, int depth)
{
	x->take = false;
	if (x->silent == depth)
		x->silent = 0;
}

static void strings_start(void *arg, const XML_Char *full, const XML_Char **atts)
{
	struct xlsx *x = arg;
	int depth = xlsx_enter(x);

	(void)atts;
	if (depth == 1)
		sb_reset(&x->text);
	else if (depth > 1)
		xlsx_text_start(x, xlsx_local(full), depth);
}

static void strings_end(void *arg, const XML_Char *full)
{
	struct xlsx *x = arg;

	if (x->rc < 0)
		return;
	x->depth--;
	if (x->depth > 1)
		xlsx_text_end(x, x->depth);
	if (x->depth != 1 || strcmp(xlsx_local(full), "si") != 0)
		return;
	sb_put(&x->strings, x->text.p, xlsx_unescape(x->text.p, x->text.n));
	if (x->strings.failed || x->strings.n + (x->n_strings + 1) * 8 > x->max.strings_b) {
		xlsx_fail(x, ERR_TOOBIG, "more than the %zu bytes of shared strings that are taken",
		        x->max.strings_b);
		return;
	}
	x->string_end = xgrow(x->string_end, &x->string_cap, x->n_strings + 1, sizeof(*x->string_end));
	x->string_end[x->n_strings++] = x->strings.n;
}

int xlsx_load_strings(struct xlsx *x)
{
	sb_reset(&x->strings);
	x->n_strings = 0;
	if (!x->strings_part)
		return 0;
	return xlsx_parse_part(x, x->strings_part, false, strings_start, strings_end, true);
}

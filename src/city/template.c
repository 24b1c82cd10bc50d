/* Texts of annotations: the part of Prometheus' templates that rule files really use. */
#include "base/num.h"
#include "city/case_int.h"

#include <math.h>

enum filter { FILTER_NONE, FILTER_HUMANIZE, FILTER_PERCENTAGE, FILTER_DURATION, FILTER_PRINTF };

static void put_fixed(struct sb *b, double v, int decimals)
{
	if (isfinite(v))
		sb_printf(b, "%.*f", decimals, v);
	else
		sb_puts(b, isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf");
}

/* Four significant digits, as Prometheus prints with %.4g. */
static void put_humanized(struct sb *b, double v)
{
	static const char *const up[] = {"", "k", "M", "G", "T", "P", "E", "Z", "Y"};
	static const char *const down[] = {"", "m", "u", "n", "p", "f", "a", "z", "y"};
	int i = 0;

	if (v == 0 || !isfinite(v)) {
		sb_printf(b, "%.4g", v);
		return;
	}
	if (fabs(v) >= 1) {
		for (; fabs(v) >= 1000 && i < 8; i++)
			v /= 1000;
		sb_printf(b, "%.4g%s", v, up[i]);
		return;
	}
	for (; fabs(v) < 1 && i < 8; i++)
		v *= 1000;
	sb_printf(b, "%.4g%s", v, down[i]);
}

static void put_duration(struct sb *b, double seconds)
{
	char buf[40];

	if (!isfinite(seconds) || fabs(seconds) > 1e12)
		put_humanized(b, seconds);
	else if (fabs(seconds) < 1) {
		put_humanized(b, seconds);
		sb_putc(b, 's');
	} else {
		if (seconds < 0)
			sb_putc(b, '-');
		sb_puts(b, dur_format((dur_us)fabs(seconds) * US_SECOND, buf));
	}
}

static void put_value(struct sb *b, double v, enum filter f, int decimals)
{
	char buf[40];
	size_t n;

	switch (f) {
	case FILTER_HUMANIZE: put_humanized(b, v); return;
	case FILTER_PERCENTAGE: sb_printf(b, "%.4g%%", v * 100); return;
	case FILTER_DURATION: put_duration(b, v); return;
	case FILTER_PRINTF: put_fixed(b, v, decimals); return;
	case FILTER_NONE: break;
	}
	n = num_format(v, buf);
	sb_put(b, buf, n);
}

/* `printf "%.2f"`: its decimals, -1 if it is something else. */
static int printf_decimals(struct str s)
{
	if (!str_starts(s, "printf \"%"))
		return -1;
	s.p += 9;
	s.n -= 9;
	if (s.n >= 3 && s.p[0] == '.' && s.p[1] >= '0' && s.p[1] <= '9' && s.p[2] == 'f')
		return s.p[1] - '0';
	return s.n >= 1 && s.p[0] == 'f' ? 6 : -1;
}

static void put_variable(
        struct sb *b, struct str what, const struct template_values *v, enum filter f, int decimals)
{
	struct str text = STR_NULL;
	double number;

	if (str_is(what, "$value")) {
		put_value(b, v->value, f, decimals);
		return;
	}
	if (str_starts(what, "$labels.") && v->labels != NULL) {
		char name[128];

		snprintf(name, sizeof(name), STR_FMT, (int)(what.n - 8), what.p + 8);
		text = labels_get(v->labels, name);
	} else if (str_is(what, "$thing.name")) {
		text = v->thing != NULL    ? str_of(v->thing->name)
		       : v->labels != NULL ? labels_get(v->labels, "thing")
		                           : STR_NULL;
	} else if (str_is(what, "$region.name") && v->region != NULL)
		text = str_of(v->region->name);
	if (text.p == NULL)
		return;
	if (f != FILTER_NONE && num_double(text, true, &number))
		put_value(b, number, f, decimals);
	else
		sb_putstr(b, text);
}

static void put_action(struct sb *b, struct str s, const struct template_values *v)
{
	struct str what = str_trim(str_cut(&s, '|'));
	enum filter f = FILTER_NONE;
	int decimals = printf_decimals(what);

	if (decimals >= 0) { /* printf "%.1f" $value */
		size_t i = what.n;

		while (i > 0 && what.p[i - 1] != ' ')
			i--;
		what = (struct str){what.p + i, what.n - i};
		f = FILTER_PRINTF;
	}
	while (s.p != NULL) {
		struct str word = str_trim(str_cut(&s, '|'));

		if (str_is(word, "humanize"))
			f = FILTER_HUMANIZE;
		else if (str_is(word, "humanizePercentage"))
			f = FILTER_PERCENTAGE;
		else if (str_is(word, "humanizeDuration"))
			f = FILTER_DURATION;
		else if (printf_decimals(word) >= 0) {
			f = FILTER_PRINTF;
			decimals = printf_decimals(word);
		}
	}
	put_variable(b, what, v, f, decimals);
}

const char *template__expand(struct arena *a, const char *text, const struct template_values *v)
{
	struct sb b = SB_INIT;
	const char *out;

	b.max = 8192;
	for (;;) {
		const char *from = strstr(text, "{{"), *to = from != NULL ? strstr(from, "}}") : NULL;

		if (to == NULL) {
			sb_puts(&b, text);
			break;
		}
		sb_put(&b, text, (size_t)(from - text));
		put_action(&b, str_trim((struct str){from + 2, (size_t)(to - from - 2)}), v);
		text = to + 2;
	}
	out = b.failed ? "" : arena_strndup(a, b.p != NULL ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

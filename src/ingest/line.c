#include "ingest/line.h"
#include "base/num.h"

void line_init(struct line_reader *r, struct str text, enum line_unit unit)
{
	*r = (struct line_reader){.p = text.p, .end = text.p + text.n, .no = 1, .unit = unit};
	if (text.p == NULL)
		r->p = r->end = "";
}

bool line_unit_parse(struct str s, enum line_unit *out)
{
	static const struct {
		const char *name;
		enum line_unit unit;
	} units[] = {{"", LINE_NS}, {"ns", LINE_NS}, {"n", LINE_NS}, {"us", LINE_US}, {"u", LINE_US},
	        {"µ", LINE_US}, {"ms", LINE_MS}, {"s", LINE_S}, {"m", LINE_M}, {"h", LINE_H}};

	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_is(s, units[i].name)) {
			*out = units[i].unit;
			return true;
		}
	return false;
}

static bool escapes(enum line_part part, char c)
{
	switch (part) {
	case LINE_MEASUREMENT: return c == ',' || c == ' ';
	case LINE_NAME: return c == ',' || c == ' ' || c == '=';
	case LINE_STRING: return c == '"' || c == '\\';
	}
	return false;
}

size_t line_unescape(enum line_part part, struct str s, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\\' && i + 1 < s.n && escapes(part, s.p[i + 1]))
			i++;
		out[n++] = s.p[i];
	}
	return n;
}

/* What a byte may end, and the two that are to be looked at everywhere. */
enum { COMMA = 1, BLANK = 2, EQUALS = 4, ALWAYS = 8 };
static const uint8_t special[256] = {
        [','] = COMMA, [' '] = BLANK, ['='] = EQUALS, ['\n'] = ALWAYS, ['\\'] = ALWAYS};

/* Bytes up to an unescaped byte of `stop` or the end of the line. A backslash before a byte that it cannot
 * escape is itself. */
static struct str scan(struct line_reader *r, enum line_part part, int stop)
{
	const char *from = r->p, *p = from;

	for (; p < r->end; p++) {
		if (LIKELY(!(special[(unsigned char)*p] & (stop | ALWAYS))))
			continue;
		if (*p != '\\')
			break;
		if (p + 1 < r->end && escapes(part, p[1]))
			p++;
	}
	r->p = p;
	return (struct str){from, (size_t)(p - from)};
}

static bool at(const struct line_reader *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool refuse(struct line_reader *r, const char *words)
{
	r->bad = words;
	return false;
}

static bool read_tags(struct line_reader *r, struct line *out)
{
	while (at(r, ',')) {
		struct line_pair *t = &out->tag[out->tags];

		if (out->tags == LINE_TAGS)
			return refuse(r, "more than 256 tags");
		r->p++;
		t->name = scan(r, LINE_NAME, EQUALS | COMMA | BLANK);
		if (t->name.n == 0)
			return refuse(r, "a tag has no name");
		if (!at(r, '='))
			return refuse(r, "a tag needs = and a value");
		r->p++;
		t->value = scan(r, LINE_NAME, EQUALS | COMMA | BLANK);
		if (t->value.n == 0)
			return refuse(r, "a tag has no value");
		if (at(r, '='))
			return refuse(r, "a tag's value holds = without a backslash before it");
		for (int i = 0; i < out->tags; i++)
			if (str_eq(out->tag[i].name, t->name))
				return refuse(r, "two tags have the same name");
		out->tags++;
	}
	return true;
}

static bool read_text(struct line_reader *r, struct line_pair *f)
{
	const char *from = ++r->p;

	for (; r->p < r->end && *r->p != '"'; r->p++) {
		if (*r->p == '\\' && r->p + 1 < r->end && escapes(LINE_STRING, r->p[1]))
			r->p++;
		if (*r->p == '\n')
			r->no++;
	}
	if (r->p >= r->end)
		return refuse(r, "a text has no closing quote");
	f->type = LINE_TEXT;
	f->value = (struct str){from, (size_t)(r->p - from)};
	r->p++;
	return true;
}

static bool read_natural(struct str s, uint64_t *out)
{
	*out = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9' || __builtin_mul_overflow(*out, 10, out) ||
		        __builtin_add_overflow(*out, (uint64_t)(s.p[i] - '0'), out))
			return false;
	return s.n > 0;
}

static bool read_number(struct line_reader *r, struct line_pair *f)
{
	static const struct {
		const char *word;
		double v;
	} words[] = {{"t", 1}, {"T", 1}, {"true", 1}, {"True", 1}, {"TRUE", 1}, {"f", 0}, {"F", 0},
	        {"false", 0}, {"False", 0}, {"FALSE", 0}};
	const char *from = r->p;
	struct str s, digits;
	uint64_t natural;
	int64_t whole;

	while (r->p < r->end && *r->p != ',' && *r->p != ' ' && *r->p != '\n' && *r->p != '\r')
		r->p++;
	s = f->value = digits = (struct str){from, (size_t)(r->p - from)};
	if (s.n == 0)
		return refuse(r, "a field has no value");
	for (size_t i = 0; i < ARRAY_LEN(words) && (*s.p | 0x20) >= 'f'; i++)
		if (str_is(s, words[i].word)) {
			f->type = LINE_BOOL;
			f->number = words[i].v;
			return true;
		}
	digits.n--;
	if (s.p[s.n - 1] == 'i') {
		f->type = LINE_INT;
		if (!num_int(digits, &whole) || *digits.p == '+')
			return refuse(r, "an integer is not valid or does not fit 64 bits");
		f->number = (double)whole;
		return true;
	}
	if (s.p[s.n - 1] == 'u') {
		f->type = LINE_UINT;
		if (!read_natural(digits, &natural))
			return refuse(r, "an unsigned integer is not valid or does not fit 64 bits");
		f->number = (double)natural;
		return true;
	}
	f->type = LINE_FLOAT;
	/* NaN and infinities are no numbers of this protocol. */
	if (*s.p == '+' || !num_double(s, false, &f->number))
		return refuse(r, "a field's value is not a number, true, false or a quoted text");
	return true;
}

static bool read_fields(struct line_reader *r, struct line *out)
{
	do {
		struct line_pair *f = &out->field[out->fields];

		if (out->fields == LINE_FIELDS)
			return refuse(r, "more than 512 fields");
		if (out->fields > 0)
			r->p++;
		f->name = scan(r, LINE_NAME, EQUALS | COMMA | BLANK);
		if (f->name.n == 0)
			return refuse(r, "a field has no name");
		if (!at(r, '='))
			return refuse(r, "a field needs = and a value");
		r->p++;
		if (at(r, '"') ? !read_text(r, f) : !read_number(r, f))
			return false;
		out->fields++;
	} while (at(r, ','));
	return true;
}

/* False: out of range. */
static bool stamp_time(int64_t v, enum line_unit unit, time_us *out)
{
	static const int64_t us[] = {[LINE_US] = 1,
	        [LINE_MS] = US_MS,
	        [LINE_S] = US_SECOND,
	        [LINE_M] = US_MINUTE,
	        [LINE_H] = US_HOUR};

	if (unit == LINE_NS)
		*out = v / 1000 - (v % 1000 < 0); /* rounds down, before 1970 too */
	else if (__builtin_mul_overflow(v, us[unit], out))
		return false;
	return *out != TIME_NONE;
}

static bool read_stamp(struct line_reader *r, struct line *out)
{
	const char *from = r->p;
	int64_t v;

	while (r->p < r->end && *r->p != '\n' && *r->p != '\r' && *r->p != ' ')
		r->p++;
	out->stamp = (struct str){from, (size_t)(r->p - from)};
	if (out->stamp.n == 0)
		return true;
	if (*from == '+' || !num_int(out->stamp, &v))
		return refuse(r, "the time stamp is not an integer of 64 bits");
	out->timed = true;
	return stamp_time(v, r->unit, &out->t) || refuse(r, "the time stamp is out of range");
}

const char *line_value(const char *p, const char *end, double *out)
{
	size_t n = num_short(p, end, out);
	bool whole;

	if (n == 0 || n == (size_t)(end - p))
		return NULL;
	p += n;
	whole = *p == 'i' && memchr(p - n, '.', n) == NULL;
	p += whole;
	return p < end && (*p == ' ' || *p == ',' || *p == '\n') ? p : NULL;
}

const char *line_stamp(const char *p, const char *end, enum line_unit unit, time_us *out)
{
	uint64_t v;
	size_t n;

	if (*p == '\n') {
		*out = TIME_NONE;
		return p + 1;
	}
	n = num_digits(++p, end, &v);
	if (n == 0 || v > INT64_MAX || !stamp_time((int64_t)v, unit, out))
		return NULL;
	p += n;
	if (p == end)
		return p;
	return *p == '\n' ? p + 1 : NULL;
}

static void skip_blanks(struct line_reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\r'))
		r->p++;
}

static void skip_line(struct line_reader *r)
{
	while (r->p < r->end && *r->p != '\n')
		r->p++;
}

static bool read_line(struct line_reader *r, struct line *out)
{
	const char *from = r->p;

	out->measurement = scan(r, LINE_MEASUREMENT, COMMA | BLANK);
	if (out->measurement.n == 0)
		return refuse(r, "the measurement is missing");
	if (!read_tags(r, out))
		return false;
	out->series = (struct str){from, (size_t)(r->p - from)};
	if (!at(r, ' '))
		return refuse(r, "there are no fields");
	while (at(r, ' '))
		r->p++;
	if (r->p == r->end || *r->p == '\n' || *r->p == '\r')
		return refuse(r, "there are no fields");
	if (!read_fields(r, out))
		return false;
	if (r->p < r->end && *r->p != ' ' && *r->p != '\n' && *r->p != '\r')
		return refuse(r, "a blank is needed between fields and time stamp");
	while (at(r, ' '))
		r->p++;
	if (!read_stamp(r, out))
		return false;
	skip_blanks(r);
	if (r->p < r->end && *r->p != '\n')
		return refuse(r, "something follows the time stamp");
	return true;
}

int line_next(struct line_reader *r, struct line *out)
{
	for (;;) {
		bool ok;

		skip_blanks(r);
		if (r->p >= r->end)
			return 0;
		if (*r->p == '\n') {
			r->p++;
			r->no++;
			continue;
		}
		if (*r->p == '#') {
			skip_line(r);
			continue;
		}
		out->no = r->no;
		out->tags = out->fields = 0;
		out->timed = false;
		out->t = TIME_NONE;
		ok = read_line(r, out);
		if (!ok)
			skip_line(r);
		if (at(r, '\n')) {
			r->p++;
			r->no++;
		}
		return ok ? 1 : -1;
	}
}

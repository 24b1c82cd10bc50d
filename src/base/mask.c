#include "base/mask.h"

#include "base/num.h"

#define HIDDEN "***"

static void put_hidden(struct sb *out)
{
	sb_puts(out, HIDDEN);
}

static void put_stars(struct sb *out, size_t n)
{
	while (n-- > 0)
		sb_putc(out, '*');
}

/* Shows the first `head` and the last `tail` characters. */
static void keep_ends(struct sb *out, struct str text, size_t head, size_t tail)
{
	size_t n = utf8_length(text), i = 0;

	for (size_t at = 0; at < n; at++) {
		size_t from = i;

		utf8_next(text, &i);
		if (at < head || at >= n - tail)
			sb_put(out, text.p + from, i - from);
		else
			sb_putc(out, '*');
	}
}

static void mask_name(struct sb *out, struct str text)
{
	bool first = utf8_length(text) > 1;

	for (size_t i = 0; i < text.n; first = false) {
		size_t from = i;

		utf8_next(text, &i);
		if (first || text.p[from] == ' ')
			sb_put(out, text.p + from, i - from);
		else
			sb_putc(out, '*');
	}
}

static void mask_id(struct sb *out, struct str text)
{
	size_t n = utf8_length(text);

	if (n >= 15)
		keep_ends(out, text, 3, 4);
	else if (n >= 8)
		keep_ends(out, text, 1, 2);
	else
		put_stars(out, n);
}

static bool is_digit(uint32_t c)
{
	return c >= '0' && c <= '9';
}

/* Full-width ASCII and the blank as wide as a character in their narrow form. */
static uint32_t narrow(uint32_t cp)
{
	if (cp >= 0xff01 && cp <= 0xff5e)
		return cp - (0xff01 - '!');
	return cp == 0x3000 ? ' ' : cp;
}

/* Longer than any number with its blanks and an extension. */
#define PHONE_MAX 48
/* Stands for 转, before an extension. */
#define EXTENSION 'x'

/* One telephone number under way: digits and what stands between them. */
struct phone {
	char c[PHONE_MAX];
	size_t n;
};

/* The digits of the number proper into d; p->n or the index behind it into *end. */
static size_t phone_digits(const struct phone *p, char *d, size_t *end)
{
	size_t n = 0;

	for (*end = 0; *end < p->n && p->c[*end] != EXTENSION; (*end)++) {
		char c = p->c[*end];

		if (c == '-' && n >= 7) {
			/* A hyphen behind a whole number leads to an extension. */
			bool more = d[0] == '0' || d[0] == '1' || p->c[0] == '+' ||
			            strncmp(d, "400", 3) == 0 || strncmp(d, "800", 3) == 0;
			if (n >= 10 || !more)
				break;
		}
		if (is_digit((unsigned char)c))
			d[n++] = c;
	}
	d[n] = '\0';
	return n;
}

static void put_phone(struct sb *out, const struct phone *p)
{
	char d[PHONE_MAX + 1] = "";
	size_t end, n = phone_digits(p, d, &end), country = 0, head = 0, tail, at = 0;
	const char *local;

	if (strncmp(d, "86", 2) == 0 && (p->c[0] == '+' || (n == 13 && d[2] == '1')))
		country = 2;
	else if (strncmp(d, "0086", 4) == 0)
		country = 4;
	local = d + country;
	if (country == 0 && p->c[0] == '+')
		head = 0; /* abroad: how long an area code is there nobody knows */
	else if (n - country == 11 && local[0] == '1')
		head = 3;
	else if (local[0] == '0' && n - country >= 10)
		head = local[1] == '1' || local[1] == '2' ? 3 : 4;
	else if (n - country == 10 && (strncmp(local, "400", 3) == 0 || strncmp(local, "800", 3) == 0))
		head = 3;
	head += country;
	tail = n >= head + 7 ? 4 : 0;
	if (tail == 0)
		head = 0;
	for (size_t i = 0; i < p->n; i++) {
		if (p->c[i] == EXTENSION) {
			sb_puts(out, "转");
		} else if (!is_digit((unsigned char)p->c[i])) {
			sb_putc(out, p->c[i]);
		} else {
			sb_putc(out, i < end && (at < head || at >= n - tail) ? p->c[i] : '*');
			at++;
		}
	}
}

static bool between_numbers(uint32_t c)
{
	return c == '/' || c == ',' || c == ';' || c == 0x3001; /* 、 */
}

/* The character as struct phone holds it, 0 if no number has it. */
static char phone_char(uint32_t c)
{
	if (c == 0x8f6c) /* 转 */
		return EXTENSION;
	return is_digit(c) || c == '-' || c == ' ' || c == '+' || c == '(' || c == ')' || c == '.' ? (char)c
	                                                                                           : 0;
}

static bool looks_like_phones(struct str text)
{
	bool digits = false;
	size_t n = 0;

	for (size_t i = 0; i < text.n;) {
		uint32_t c = narrow(utf8_next(text, &i));

		if (between_numbers(c)) {
			n = 0;
		} else if (!phone_char(c) || ++n > PHONE_MAX) {
			return false;
		}
		digits = digits || is_digit(c);
	}
	return digits;
}

static void mask_phone(struct sb *out, struct str text)
{
	struct phone p = {.n = 0};

	if (!looks_like_phones(text)) {
		put_hidden(out);
		return;
	}
	for (size_t i = 0; i < text.n;) {
		size_t from = i;
		uint32_t c = narrow(utf8_next(text, &i));

		if (between_numbers(c)) {
			put_phone(out, &p);
			p = (struct phone){.n = 0};
			sb_put(out, text.p + from, i - from);
		} else {
			p.c[p.n++] = phone_char(c);
		}
	}
	put_phone(out, &p);
}

/* How far down the country an address has been read. */
enum level { COUNTRY, PROVINCE, CITY, COUNTY, TOWN };

/* A division's name has at most this many characters; further away a word is of something else. */
#define DIVISION_MAX 16

static const struct ending {
	const char *word;
	enum level level;
} endings[] = {
        /* A word before those that it ends with. */
        {"自治区", PROVINCE},
        {"特别行政区", PROVINCE},
        {"省", PROVINCE},
        {"自治州", CITY},
        {"地区", CITY},
        {"盟", CITY},
        {"市", CITY},
        {"区", COUNTY},
        {"县", COUNTY},
        {"旗", COUNTY},
        {"街道", TOWN},
        {"镇", TOWN},
        {"乡", TOWN},
        {"农场", TOWN},
};

/* What ends with these is finer than a division, unless its name goes on. */
static const char *const finer[] = {"路", "街", "巷", "弄", "村", "号", "楼", "幢", "栋", "室", "小区",
        "社区", "校区", "厂区", "大道", "大厦", "公寓", "花园"};

static struct str from_at(struct str s, size_t i)
{
	return (struct str){s.p + i, s.n - i};
}

static const char *starts_with_any(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_starts(s, words[i]))
			return words[i];
	}
	return NULL;
}

/* The ending that text begins with and that leads from `now` further down; *level is what it leads to. */
static const struct ending *ending_at(struct str text, enum level now, enum level *level)
{
	static const char *const longer[] = {"市", "区", "县"};

	for (size_t i = 0; i < ARRAY_LEN(endings); i++) {
		const struct ending *d = &endings[i];
		/* A city of the rank of a county lies in another city. */
		enum level to = now == CITY && strcmp(d->word, "市") == 0 ? COUNTY : d->level;

		/* 新乡市, 红旗区: the name goes on. */
		if (to > now && str_starts(text, d->word) &&
		        !starts_with_any(from_at(text, strlen(d->word)), longer, ARRAY_LEN(longer))) {
			*level = to;
			return d;
		}
	}
	return NULL;
}

/* Does something finer than a division end where text begins? Not in 鼓楼区, 锁金村街道, 新街口. */
static bool is_finer(struct str text, enum level now)
{
	const char *word = starts_with_any(text, finer, ARRAY_LEN(finer));
	struct str behind;
	enum level unused;

	if (!word)
		return false;
	behind = from_at(text, strlen(word));
	return !str_starts(behind, "口") && !ending_at(behind, now, &unused);
}

/* Bytes of text, which stands behind a division of the level *now, that name the next one down. 0: none. */
static size_t next_division(struct str text, enum level *now)
{
	size_t i = 0;

	/* A name is no ending alone: 镇江市, 市北区. */
	for (int at = 0; at < DIVISION_MAX && i < text.n; at++) {
		struct str rest = from_at(text, i);
		const struct ending *d = at > 0 ? ending_at(rest, *now, now) : NULL;
		uint32_t c;

		if (d)
			return i + strlen(d->word);
		if (at > 0 && is_finer(rest, *now))
			return 0;
		c = narrow(utf8_next(text, &i));
		if (c > ' ' && c < 0x80)
			return 0;
	}
	return 0;
}

static void mask_address(struct sb *out, struct str text)
{
	enum level level = COUNTRY;
	size_t kept = 0, n;

	while (level < TOWN && (n = next_division(from_at(text, kept), &level)) > 0)
		kept += n;
	if (level >= CITY)
		sb_put(out, text.p, kept);
	sb_puts(out, "**");
}

static void mask_number(struct sb *out, struct str text)
{
	char buf[32];
	double v;

	if (!num_double(text, false, &v)) {
		put_hidden(out);
		return;
	}
	snprintf(buf, sizeof(buf), "%.0e", v);
	/* Rounded up it may be larger than any double. */
	if (!num_double(str_of(buf), false, &v)) {
		put_hidden(out);
		return;
	}
	sb_put(out, buf, num_format(v, buf));
}

static const struct {
	const char *name;
	void (*mask)(struct sb *out, struct str text);
} rules[] = {
        {"name", mask_name},
        {"phone", mask_phone},
        {"id", mask_id},
        {"address", mask_address},
        {"number", mask_number},
};

static int rule_index(const char *rule)
{
	for (size_t i = 0; rule && i < ARRAY_LEN(rules); i++) {
		if (strcmp(rules[i].name, rule) == 0)
			return (int)i;
	}
	return -1;
}

bool mask_rule(const char *rule)
{
	return rule_index(rule) >= 0;
}

void mask_text(struct sb *out, const char *rule, struct str text)
{
	int i = rule_index(rule);

	text = str_trim(text);
	if (i >= 0 && text.n == 0)
		return;
	if (i < 0 || !utf8_valid(text))
		put_hidden(out);
	else
		rules[i].mask(out, text);
}

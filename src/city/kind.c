#include "city/kind.h"
#include "base/collate.h"
#include "base/id_code.h"
#include "base/json.h"
#include "base/mask.h"
#include "base/num.h"

#include <math.h>

#define TEXT_MAX 4000 /* bytes of one value */
#define MANY_MAX 100  /* values of one field */

static const char *const type_names[] = {[FIELD_TEXT] = "text",
        [FIELD_INTEGER] = "integer",
        [FIELD_DECIMAL] = "decimal",
        [FIELD_BOOL] = "bool",
        [FIELD_DATE] = "date",
        [FIELD_INSTANT] = "instant",
        [FIELD_CODE] = "code",
        [FIELD_REFERENCE] = "reference",
        [FIELD_PLACE] = "place",
        [FIELD_FILE] = "file"};

const char *field_type_name(enum field_type t)
{
	return type_names[t];
}

bool kind_code_valid(struct str code)
{
	/* In an address "." and ".." are steps, and are gone before anybody asks. */
	if (code.n == 0 || code.n > CODE_MAX || !utf8_valid(code) || str_is(code, ".") || str_is(code, ".."))
		return false;
	for (size_t i = 0; i < code.n; i++)
		if ((unsigned char)code.p[i] <= ' ' || code.p[i] == 0x7f ||
		        strchr("/+#%?,;", code.p[i]) != NULL)
			return false;
	return true;
}

bool kind_is_own(const char *key)
{
	static const char *const own[] = {"code", "name", "name_en", "state", "org", "region", "lon", "lat",
	        "demo", "changed", "q", "sort", "cursor", "limit"};

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (strcmp(own[i], key) == 0)
			return true;
	return false;
}

bool field_hidden(const struct field *f, int64_t clearance)
{
	return f->secrecy > clearance;
}

bool field_veiled(const struct field *f)
{
	return f->secrecy >= 3 && *f->mask != '\0';
}

bool field_masked(const struct field *f, int64_t clearance)
{
	return field_hidden(f, clearance) || field_veiled(f);
}

bool field_mask(const struct field *f, const struct doc *value, struct sb *out)
{
	/* Lists and places have no mask. */
	if (*f->mask == '\0' || value->type == DOC_LIST || value->type == DOC_MAP)
		return false;
	mask_text(out, f->mask, (struct str){value->text, value->text_n});
	return true;
}

bool field_indexed(const struct field *f)
{
	return f->type != FIELD_PLACE && f->type != FIELD_FILE &&
	       (f->in_list || f->filter || f->unique || f->type == FIELD_REFERENCE);
}

bool field_of_things(const struct field *f)
{
	return f->type == FIELD_REFERENCE && strcmp(f->ref, "thing") == 0;
}

bool field_refers(const struct field *f, const struct kind *k)
{
	return f->type == FIELD_REFERENCE && f->no != 0 &&
	       (strcmp(f->ref, k->code) == 0 || (k->thing && field_of_things(f)));
}

/* ---- values ---- */

static int bad(const struct field *f, struct err *e, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, NULL, 0, 0, f->key);
}

static struct str quoted(struct arena *a, struct str text)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out;

	jw_init(&w, &b);
	jw_str(&w, text);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

/* Digits and signs as ASCII, letters small: what an input method of full width gave is meant so, and sheets
 * write TRUE. */
static struct str narrow(struct arena *a, struct str s)
{
	struct sb b = SB_INIT;
	struct str out;

	fold_text(&b, s);
	out = (struct str){arena_strndup(a, b.p != NULL ? b.p : "", b.n), b.n};
	sb_fini(&b);
	return str_trim(out);
}

/* "1,234,567.5": commas only where thousands have them. */
static struct str without_commas(struct arena *a, struct str s)
{
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0, since = 0;
	bool comma = false, fraction = false;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == ',') {
			if (fraction || since == 0 || since > 3 || (comma && since != 3))
				return s;
			comma = true;
			since = 0;
			continue;
		}
		if (s.p[i] == '.') {
			if (comma && since != 3)
				return s;
			fraction = true;
		}
		since += s.p[i] >= '0' && s.p[i] <= '9';
		out[n++] = s.p[i];
	}
	return comma && !fraction && since != 3 ? s : (struct str){out, n};
}

static struct str without_unit(struct str s, const char *unit)
{
	size_t n = strlen(unit);

	if (n > 0 && s.n > n && memcmp(s.p + s.n - n, unit, n) == 0)
		s.n -= n;
	return str_trim(s);
}

static int read_number(
        struct arena *a, const struct field *f, struct str text, struct str *out, struct err *e)
{
	struct str s = without_commas(a, narrow(a, without_unit(str_trim(text), f->unit)));
	char *buf = arena_alloc(a, 32);
	int64_t whole;
	double v;

	if (!num_double(s, false, &v) || !isfinite(v))
		return bad(f, e, "a number is needed");
	if (f->type == FIELD_INTEGER && (v != floor(v) || fabs(v) > 1e18))
		return bad(f, e, "a whole number is needed");
	if (v < f->min || v > f->max) {
		char low[32], high[32];

		num_format(f->min, low);
		num_format(f->max, high);
		err_set(e, ERR_INVALID, "the number lies outside of %s to %s", isnan(f->min) ? "…" : low,
		        isnan(f->max) ? "…" : high);
		return err_at(e, NULL, 0, 0, f->key);
	}
	if (f->type == FIELD_INTEGER && num_int(s, &whole)) {
		snprintf(buf, 32, "%lld", (long long)whole);
		*out = str_of(buf);
	} else {
		*out = (struct str){buf, num_format(v == 0 ? 0 : v, buf)}; /* -0 is 0 */
	}
	return 0;
}

static bool read_bool(struct str s, bool *out)
{
	static const struct {
		const char *word;
		bool value;
	} words[] = {{"true", true}, {"1", true}, {"是", true}, {"yes", true}, {"y", true}, {"√", true},
	        {"有", true}, {"false", false}, {"0", false}, {"否", false}, {"no", false}, {"n", false},
	        {"×", false}, {"无", false}};

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (str_is(s, words[i].word)) {
			*out = words[i].value;
			return true;
		}
	return false;
}

/* The next number of at most `digits` digits; the separators after it are passed over. */
static bool next_number(struct str *s, int digits, int *out)
{
	static const char *const marks[] = {"年", "月", "日", "-", "/", ".", "t", ":", " "};
	int n = 0;

	for (*out = 0; n < digits && s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; n++, s->p++, s->n--)
		*out = *out * 10 + (s->p[0] - '0');
	for (bool more = n > 0; more;) {
		more = false;
		for (size_t i = 0; i < ARRAY_LEN(marks); i++)
			if (str_starts(*s, marks[i])) {
				s->p += strlen(marks[i]);
				s->n -= strlen(marks[i]);
				more = true;
			}
	}
	return n > 0;
}

/* A date in the ways that people write it; what follows it stays in *s. */
static bool read_day(struct str *s, struct civil *c)
{
	*c = (struct civil){0};
	return next_number(s, 4, &c->year) && c->year >= 1000 && next_number(s, 2, &c->month) &&
	       next_number(s, 2, &c->day) && c->month >= 1 && c->month <= 12 && c->day >= 1 &&
	       c->day <= civil_month_days(c->year, c->month);
}

static bool read_clock(struct str s, struct civil *c)
{
	if (s.n == 0)
		return true;
	if (!next_number(&s, 2, &c->hour) || !next_number(&s, 2, &c->minute))
		return false;
	if (s.n > 0 && !next_number(&s, 2, &c->second))
		return false;
	return s.n == 0 && c->hour <= 23 && c->minute <= 59 && c->second <= 59;
}

static int read_date(struct arena *a, const struct field *f, struct str text, struct str *out, struct err *e)
{
	struct str s = narrow(a, text);
	struct civil c;

	if (!read_day(&s, &c) || !read_clock(s, &c) || c.hour != 0 || c.minute != 0 || c.second != 0)
		return bad(f, e, "a date such as 2026-07-14 is needed");
	*out = str_of(arena_printf(a, "\"%04d-%02d-%02d\"", c.year, c.month, c.day));
	return 0;
}

static int read_instant(struct arena *a, const struct field *f, const struct zone *zone, struct str text,
        struct str *out, struct err *e)
{
	struct str s = narrow(a, text);
	struct civil c;
	char buf[48];
	time_us t;

	if (!time_parse(str_trim(text), zone, &t)) {
		if (!read_day(&s, &c) || !read_clock(s, &c))
			return bad(f, e, "an instant such as 2026-07-14T08:00:00+08:00 is needed");
		t = zone_instant(zone, &c);
	}
	*out = str_of(arena_printf(a, "\"%s\"", time_format(t, zone_utc(), buf)));
	return 0;
}

static int read_option(struct arena *a, const struct field *f, struct str s, struct str *out, struct err *e)
{
	struct sb words = SB_INIT;

	for (int i = 0; i < f->options; i++)
		if (str_is(s, f->option[i].code) || str_is(s, f->option[i].name) ||
		        (s.n > 0 && str_is(s, f->option[i].name_en))) {
			*out = quoted(a, str_of(f->option[i].code));
			return 0;
		}
	for (int i = 0; i < f->options && i < 12; i++)
		sb_printf(&words, "%s%s", i > 0 ? ", " : "", f->option[i].code);
	err_set(e, ERR_INVALID, "\"" STR_FMT "\" is not one of the field's options: %s%s",
	        (int)(s.n < 60 ? s.n : 60), s.p, words.p != NULL ? words.p : "",
	        f->options > 12 ? ", …" : "");
	sb_fini(&words);
	return err_at(e, NULL, 0, 0, f->key);
}

static int read_text(struct arena *a, const struct field *f, struct str s, struct str *out,
        const char **doubt, struct err *e)
{
	struct matcher m;

	if (s.n > TEXT_MAX)
		return bad(f, e, "the text is longer than 4,000 bytes");
	if (*f->check != '\0') {
		struct sb b = SB_INIT;
		enum id_check found;

		if (id_code_normalize(&b, s) < 0)
			return bad(f, e, "the text is not valid UTF-8");
		s = (struct str){arena_strndup(a, b.p != NULL ? b.p : "", b.n), b.n};
		sb_fini(&b);
		if (s.n == 0) /* a dash, where somebody had nothing to write */
			return 0;
		found = id_code_check(f->check, s);
		if (found != ID_OK)
			*doubt = id_check_words(found);
	}
	if (*f->pattern != '\0') {
		if (matcher_init(&m, a, MATCH_RE, STR_LIT("x"), str_of(f->pattern), e) < 0)
			return ERR_INVALID;
		if (!matcher_matches(&m, s))
			return bad(f, e, "the text does not have the form that the kind asks for");
	}
	*out = quoted(a, s);
	return 0;
}

static int read_place(
        struct arena *a, const struct field *f, const struct doc *v, struct str *out, struct err *e)
{
	double lon = doc_double(v, "lon", NAN), lat = doc_double(v, "lat", NAN);
	char x[32], y[32];

	if (v->type != DOC_MAP) {
		struct str rest = {v->text, v->text_n}, first;

		rest = v->text != NULL ? narrow(a, rest) : STR_NULL;
		first = str_trim(str_cut(&rest, ','));
		if (!num_double(first, false, &lon) || !num_double(str_trim(rest), false, &lat))
			lon = NAN;
	}
	if (!(fabs(lon) <= 180) || !(fabs(lat) <= 90))
		return bad(f, e, "a place needs lon from -180 to 180 and lat from -90 to 90");
	num_format(lon == 0 ? 0 : lon, x); /* -0 is 0 */
	num_format(lat == 0 ? 0 : lat, y);
	*out = str_of(arena_printf(a, "{\"lon\":%s,\"lat\":%s}", x, y));
	return 0;
}

/* What the upload answered. Whether there is such a file is looked up where the record is written. */
static int read_file_ref(
        struct arena *a, const struct field *f, const struct doc *v, struct str *out, struct err *e)
{
	const char *hash = doc_str(v, "file", ""), *name = doc_str(v, "name", "");
	const char *type = doc_str(v, "type", "application/octet-stream");
	struct sb b = SB_INIT;
	struct jw w;

	if (strlen(hash) != 64 || strspn(hash, "0123456789abcdef") != 64)
		return bad(f, e,
		        "a file is sent by itself first (POST /api/v1/files), and named here by what that "
		        "answers");
	if (*name == '\0' || strlen(name) > 255 || strpbrk(name, "/\\\n\r\t\"") != NULL)
		return bad(f, e, "a file needs a name of at most 255 bytes, without / \\ and quotes");
	if (strlen(type) > 100 || strpbrk(type, " \n\r\t\"") != NULL)
		return bad(f, e, "the type of a file is a media type, such as application/pdf");
	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "file", hash);
	jw_kstr(&w, "name", name);
	jw_kint(&w, "size", doc_int(v, "size", 0));
	jw_kstr(&w, "type", type);
	jw_object_end(&w);
	*out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return 0;
}

static int check_interval(const struct field *f, struct str value, struct err *e)
{
	int64_t s;

	if (num_int(value, &s) && s >= 1 && s <= INTERVAL_MOST_S)
		return 0;
	return bad(f, e, "the time between two messages of a device goes from 1 second to a year");
}

/* One value; *out STR_NULL when it is empty. */
static int read_one(struct arena *a, const struct field *f, const struct zone *zone, const struct doc *v,
        struct str *out, const char **doubt, struct err *e)
{
	struct str s = {v->text, v->text_n};
	const struct zone *named;
	bool yes;
	int rc;

	*out = STR_NULL;
	if (v->type == DOC_NULL)
		return 0;
	if (f->type == FIELD_PLACE && v->type == DOC_MAP)
		return read_place(a, f, v, out, e);
	if (f->type == FIELD_FILE && v->type == DOC_MAP)
		return read_file_ref(a, f, v, out, e);
	if (v->type == DOC_LIST || v->type == DOC_MAP)
		return bad(f, e, "one value is needed, not a list or an object");
	s = str_trim(s);
	if (s.n == 0)
		return 0;
	if (memchr(s.p, 0, s.n) != NULL || !utf8_valid(s))
		return bad(f, e, "the text holds a zero byte or is not UTF-8");
	switch (f->type) {
	case FIELD_INTEGER:
	case FIELD_DECIMAL:
		rc = read_number(a, f, s, out, e);
		return rc == 0 && f->means == MEANS_INTERVAL ? check_interval(f, *out, e) : rc;
	case FIELD_BOOL:
		if (!read_bool(narrow(a, s), &yes))
			return bad(f, e, "true or false is needed");
		*out = yes ? STR_LIT("true") : STR_LIT("false");
		return 0;
	case FIELD_DATE: return read_date(a, f, s, out, e);
	case FIELD_INSTANT: return read_instant(a, f, zone, s, out, e);
	case FIELD_CODE: return read_option(a, f, s, out, e);
	case FIELD_REFERENCE:
		if (s.n > CODE_MAX)
			return bad(f, e, "a reference is the code of a record, at most 64 bytes");
		*out = quoted(a, s);
		return 0;
	case FIELD_PLACE: return read_place(a, f, v, out, e);
	case FIELD_FILE: return bad(f, e, "files come in by the form of the record, not by a sheet");
	case FIELD_TEXT:
		if (f->means == MEANS_ZONE && zone_load(arena_strndup(a, s.p, s.n), &named, NULL) < 0)
			return bad(f, e,
			        "the system knows no time zone of this name; say it as Asia/Shanghai or "
			        "+08:00");
		return read_text(a, f, s, out, doubt, e);
	}
	wrong("a type of field without a case");
}

/* The next of several values in one text. */
static struct str next_of_many(struct str *rest)
{
	static const char *const marks[] = {",", ";", "，", "；", "、", "\n"};
	struct str s = *rest;

	for (size_t i = 0; i < s.n; i++)
		for (size_t k = 0; k < ARRAY_LEN(marks); k++)
			if (str_starts((struct str){s.p + i, s.n - i}, marks[k])) {
				size_t n = i + strlen(marks[k]);

				*rest = (struct str){s.p + n, s.n - n};
				return (struct str){s.p, i};
			}
	*rest = STR_NULL;
	return s;
}

static int read_many(struct arena *a, const struct field *f, const struct zone *zone, const struct doc *v,
        struct str *out, const char **doubt, struct err *e)
{
	struct doc one = {.type = DOC_STRING}, *x = v->child;
	struct str rest = v->type == DOC_LIST ? STR_NULL : (struct str){v->text, v->text_n};
	struct str *seen = arena_array(a, MANY_MAX, sizeof(*seen));
	struct sb b = SB_INIT;
	int n = 0, rc = 0;

	*out = STR_NULL;
	if (v->type == DOC_MAP)
		return bad(f, e, "a list of values is needed");
	sb_putc(&b, '[');
	while (rc == 0 && (v->type == DOC_LIST ? x != NULL : rest.p != NULL)) {
		struct str value;
		bool twice = false;

		if (v->type == DOC_LIST) {
			rc = read_one(a, f, zone, x, &value, doubt, e);
			x = x->next;
		} else {
			struct str s = next_of_many(&rest);

			one.text = arena_strndup(a, s.p, s.n);
			one.text_n = s.n;
			rc = read_one(a, f, zone, &one, &value, doubt, e);
		}
		for (int i = 0; i < n && rc == 0; i++)
			twice |= str_eq(seen[i], value);
		if (rc < 0 || value.p == NULL || twice)
			continue;
		if (n == MANY_MAX) {
			rc = bad(f, e, "at most 100 values");
			break;
		}
		sb_puts(&b, n > 0 ? "," : "");
		sb_putstr(&b, value);
		seen[n++] = value;
	}
	sb_putc(&b, ']');
	if (rc == 0 && n > 0)
		*out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return rc;
}

static int read_value(struct arena *a, const struct field *f, const struct zone *zone, const struct doc *v,
        struct str *out, const char **doubt, struct err *e)
{
	return f->many ? read_many(a, f, zone, v, out, doubt, e) : read_one(a, f, zone, v, out, doubt, e);
}

int kind_value(struct arena *a, const struct field *f, const struct zone *zone, struct str text,
        struct str *out, const char **doubt, struct err *e)
{
	const struct doc v = {.type = DOC_STRING, .text = arena_strndup(a, text.p, text.n), .text_n = text.n};

	return read_value(a, f, zone, &v, out, doubt, e);
}

static int find_unknown(const struct kind *k, const struct doc *attrs, struct err *e)
{
	DOC_EACH(x, attrs)
	{
		if (kind_field(k, x->key) == NULL) {
			err_set(e, ERR_INVALID, "the kind %s has no such field", k->code);
			return err_at(e, NULL, 0, 0, x->key);
		}
	}
	return 0;
}

/* The writer may not see it: no word of what is wrong with it. */
static struct str as_kept(struct arena *a, const struct field *f, const struct zone *zone,
        const struct doc *v, const char **doubt)
{
	struct sb b = SB_INIT;
	struct str out;
	struct jw w;

	if (read_value(a, f, zone, v, &out, doubt, NULL) < 0)
		*doubt = NULL;
	jw_init(&w, &b);
	doc_write_json(v, &w);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

int kind_read(struct arena *a, const struct kind *k, const struct zone *zone, const struct doc *attrs,
        const struct doc *kept, const char **out, const char **doubts, struct err *e)
{
	struct sb b = SB_INIT, d = SB_INIT;
	struct jw w, dw;
	int rc = 0;

	if (attrs != NULL && attrs->type != DOC_MAP) {
		err_set(e, ERR_INVALID, "attributes are a JSON object");
		return err_at(e, NULL, 0, 0, "attrs");
	}
	rc = find_unknown(k, attrs, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_init(&dw, &d);
	jw_object(&w);
	jw_object(&dw);
	for (int i = 0; i < k->fields && rc == 0; i++) {
		const struct field *f = &k->field[i];
		const struct doc *v = doc_get(attrs, f->key), *was = doc_get(kept, f->key);
		const char *doubt = NULL;
		struct str value = STR_NULL;

		if (was != NULL)
			value = as_kept(a, f, zone, was, &doubt);
		else if (v != NULL)
			rc = read_value(a, f, zone, v, &value, &doubt, e);
		if (rc == 0 && value.p == NULL && f->required)
			rc = bad(f, e, "the kind asks for this field");
		if (rc == 0 && value.p != NULL) {
			jw_key(&w, f->key);
			jw_raw(&w, value);
		}
		if (rc == 0 && doubt != NULL)
			jw_kstr(&dw, f->key, doubt);
	}
	jw_object_end(&w);
	jw_object_end(&dw);
	if (rc == 0) {
		*out = arena_strndup(a, b.p, b.n);
		*doubts = d.n > 2 ? arena_strndup(a, d.p, d.n) : "";
	}
	sb_fini(&b);
	sb_fini(&d);
	return rc;
}

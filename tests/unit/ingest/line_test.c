#include "ingest/line.h"
#include "base/doc.h"
#include "base/file.h"
#include "check.h"

#include <math.h>

static struct line line;

static int one(const char *text, const char **bad)
{
	struct line_reader r;
	int rc;

	line_init(&r, str_of(text), LINE_NS);
	rc = line_next(&r, &line);
	*bad = r.bad;
	return rc;
}

static struct str plain(enum line_part part, struct str s)
{
	static char buf[8][512];
	static int next;
	char *out = buf[next++ & 7];

	return (struct str){out, line_unescape(part, s, out)};
}

TEST(a_whole_line)
{
	const char *bad;

	check_eq_i(one("gas,thing=GAS-1,region=320902 ch4_lel=25.5,n=3i,u=7u,on=t,name=\"a b\" "
	               "1465839830100400200",
	                   &bad),
	        1);
	check_str(line.measurement, "gas");
	check_str(line.series, "gas,thing=GAS-1,region=320902");
	check_eq_i(line.tags, 2);
	check_str(line.tag[1].value, "320902");
	check_eq_i(line.fields, 5);
	check_eq_d(line.field[0].number, 25.5);
	check_eq_i(line.field[1].type, LINE_INT);
	check_eq_d(line.field[2].number, 7);
	check_eq_d(line.field[3].number, 1);
	check_eq_i(line.field[4].type, LINE_TEXT);
	check_str(line.field[4].value, "a b");
	check_eq_i(line.t, 1465839830100400);
}

TEST(escapes_come_off)
{
	const char *bad;

	check_eq_i(one("a\\,b\\ c,k\\=1=v\\,2 f\\ x=\"say \\\"hi\\\" \\\\\"", &bad), 1);
	check_str(plain(LINE_MEASUREMENT, line.measurement), "a,b c");
	check_str(plain(LINE_NAME, line.tag[0].name), "k=1");
	check_str(plain(LINE_NAME, line.tag[0].value), "v,2");
	check_str(plain(LINE_NAME, line.field[0].name), "f x");
	check_str(plain(LINE_STRING, line.field[0].value), "say \"hi\" \\");
}

TEST(a_bad_line_costs_only_itself)
{
	struct line_reader r;

	line_init(
	        &r, STR_LIT("a v=1 1\nb v=\nc v=x 1\n\n# note\nd v=4 4\r\ne v=5 oops\nf v=\"open\n"), LINE_S);
	check_eq_i(line_next(&r, &line), 1);
	check_str(line.measurement, "a");
	check_eq_i(line.t, US_SECOND);
	check_eq_i(line_next(&r, &line), -1);
	check_eq_i(line.no, 2);
	check_eq_s(r.bad, "a field has no value");
	check_eq_i(line_next(&r, &line), -1);
	check_eq_i(line.no, 3);
	check_eq_i(line_next(&r, &line), 1);
	check_str(line.measurement, "d");
	check_eq_i(line.no, 6);
	check_eq_i(line_next(&r, &line), -1);
	check_eq_i(line.no, 7);
	check_eq_i(line_next(&r, &line), -1);
	check_eq_i(line.no, 8);
	check_eq_i(line_next(&r, &line), 0);
}

TEST(refuses_what_is_no_line)
{
	static const char *const bad_lines[] = {"a", "a ", "a v", "a v=", "a =1", ",t=1 v=1", "a,t v=1",
	        "a,t= v=1", "a,=x v=1", "a v=NaN", "a v=inf", "a v=-Inf", "a v=1e999", "a v=0x10",
	        "a v=1 1.5", "a v=1 99999999999999999999", "a v=9223372036854775808i", "a v=-1u",
	        "a v=18446744073709551616u", "a v=1.5i", "a v=tru", "a v=1,", "a v=1 1 1", "a v=\"x",
	        "a v=1i2", "a v=--1", "a v=1,,b=2", "a,t=1=2 v=1"};
	const char *bad = NULL;

	for (size_t i = 0; i < ARRAY_LEN(bad_lines); i++)
		if (one(bad_lines[i], &bad) != -1 || bad == NULL)
			check_fail("taken: %s", bad_lines[i]);
}

TEST(units)
{
	static const struct {
		const char *name;
		time_us want;
	} units[] = {{"ns", 7 / 1000}, {"us", 7}, {"ms", 7 * US_MS}, {"s", 7 * US_SECOND},
	        {"m", 7 * US_MINUTE}, {"h", 7 * US_HOUR}};
	enum line_unit u;

	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct line_reader r;

		if (!check(line_unit_parse(str_of(units[i].name), &u)))
			continue;
		line_init(&r, STR_LIT("a v=1 7"), u);
		check_eq_i(line_next(&r, &line), 1);
		check_eq_i(line.t, units[i].want);
	}
	check(!line_unit_parse(STR_LIT("day"), &u));
	/* before 1970 nanoseconds round down, not towards zero */
	check_eq_i(one("a v=1 -1", &(const char *){NULL}), 1);
	check_eq_i(line.t, -1);
}

/* ---- the end of a line whose beginning is known ---- */

/* Reads what follows "m,t=1 a=" as a line that came before would be, and by line_next: where the first reads
 * anything, it reads what the second one does. Returns whether it did. */
static bool same_as_read(struct str rest, enum line_unit unit)
{
	static const char start[] = "m,t=1 a=";
	char *text = xcalloc(1, sizeof(start) + rest.n);
	const char *p = text + sizeof(start) - 1, *end = p + rest.n;
	struct line_reader r;
	double v[LINE_FIELDS];
	time_us t = 0;
	int n = 0;

	memcpy(text, start, sizeof(start) - 1);
	memcpy(text + sizeof(start) - 1, rest.p, rest.n);
	while ((p = line_value(p, end, &v[n])) != NULL) {
		n++;
		if (*p != ',')
			break;
		for (p++; p < end && (*p == 'b' || *p == 'c'); p++)
			;
		if (p == end || *p++ != '=' || p[-2] == ',' || n == LINE_FIELDS) {
			p = NULL; /* no name of a field, for this test */
			break;
		}
	}
	if (p != NULL)
		p = line_stamp(p, end, unit, &t);
	if (p != NULL) {
		line_init(&r, (struct str){text, (size_t)(end - text)}, unit);
		if (line_next(&r, &line) != 1 || line.fields != n || line.t != t || r.p != p)
			check_fail("read otherwise: %s", text);
		for (int i = 0; i < n && i < line.fields; i++)
			if (memcmp(&v[i], &line.field[i].number, sizeof(v[i])) != 0)
				check_fail("field %d: %.17g and %.17g of %s", i, v[i], line.field[i].number,
				        text);
	}
	free(text);
	return p != NULL;
}

TEST(what_is_read_where_it_lies)
{
	static const char *const plain_ones[] = {"1 1", "-0 1\n", "20.05 1763000000123\nx", "7i 12\n",
	        "-7i,b=2 9\n", "12345678 1234567890123456789\n", "12345678.5,cc=3.25,b=-1i 12345678\n",
	        "1234567.12345678 1", "123456789012345 16", "0.5\n", "1,b=0.5\n", "007.25 1\n"};
	static const char *const others[] = {"1", "1.", ".5 1\n", "1e5 1\n", "1u 1\n", "t 1\n", "\"x\" 1\n",
	        "1  1\n", "1 1\r\n", "1 -1\n", "1 12345678901234567890\n", "1 9223372036854775808\n",
	        "1.5i 1\n", "+1 1\n", "1234567890123456 1\n", "1 1 1\n", " 1\n", "", "-", "-i 1\n", "1i2 1\n",
	        "1 1x\n", "1 \n"};
	int before = 0;

	for (size_t i = 0; i < ARRAY_LEN(plain_ones); i++)
		if (!same_as_read(str_of(plain_ones[i]), i == 2 ? LINE_MS : LINE_NS))
			check_fail("not read: %s", plain_ones[i]);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		before += same_as_read(str_of(others[i]), LINE_NS);
	check_eq_i(before, 0);
}

TEST(random_ends_are_read_as_lines_are)
{
	static const char of[] = "000111223456789999......---,,,bb====iiue  \n\n\\\"tf+\r";
	uint64_t x = 20;
	int got = 0;

	for (int i = 0; i < 200000; i++) {
		char text[48];
		size_t n = 0, want;

		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
		want = 1 + (size_t)(x >> 33) % 24;
		while (n < want) {
			x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
			text[n++] = (x >> 40) % 3 != 0 ? (char)('0' + (x >> 33) % 10)
			                               : of[(x >> 33) % (sizeof(of) - 1)];
		}
		got += same_as_read((struct str){text, n}, (enum line_unit)(i % 6));
	}
	check(got > 1000);
}

/* ---- InfluxData's corpus ---- */

static bool same_pairs(const struct doc *want, const struct line_pair *got, int n, bool fields)
{
	if ((want != NULL ? want->count : 0) != n)
		return false;
	/* tags come sorted in the corpus, in the order of the line here */
	DOC_EACH(w, want)
	{
		struct str key = {doc_get(w, "key")->text, doc_get(w, "key")->text_n};
		const struct doc *value = doc_get(w, "value");
		bool found = false;

		for (int i = 0; i < n && !found; i++) {
			if (!str_eq(plain(LINE_NAME, got[i].name), key))
				continue;
			if (!fields) {
				found = str_eq(plain(LINE_NAME, got[i].value),
				        (struct str){value->text, value->text_n});
				continue;
			}
			value = value->child;
			if (strcmp(value->key, "string") == 0)
				found = got[i].type == LINE_TEXT &&
				        str_eq(plain(LINE_STRING, got[i].value),
				                (struct str){value->text, value->text_n});
			else if (strcmp(value->key, "bool") == 0)
				found = got[i].type == LINE_BOOL &&
				        (got[i].number != 0) == (strcmp(value->text, "true") == 0);
			else
				found = got[i].type == (strcmp(value->key, "int") == 0 ? LINE_INT
				                               : strcmp(value->key, "uint") == 0
				                                       ? LINE_UINT
				                                       : LINE_FLOAT) &&
				        got[i].number == strtod(value->text, NULL);
		}
		if (!found)
			return false;
	}
	return true;
}

static bool strange(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ')
			return true;
	return false;
}

/* Names are looked at when the series is made: such a line is refused then. */
static bool strange_name(void)
{
	bool yes = strange(line.measurement);

	for (int i = 0; i < line.tags; i++)
		yes |= strange(line.tag[i].name);
	for (int i = 0; i < line.fields; i++)
		yes |= strange(line.field[i].name);
	return yes;
}

/* Why a case of the corpus differs, or NULL. */
static const char *differs(const struct doc *c)
{
	const struct doc *in = doc_get(c, "input"), *out = doc_get(c, "output"), *text = doc_get(in, "text");
	const struct doc *want = doc_get(out, "result");
	const char *error = doc_str(out, "error", NULL);
	struct line_reader r;
	int rc;

	line_init(&r, (struct str){text->text, text->text_n}, LINE_NS);
	want = want != NULL ? want->child : NULL;
	for (;;) {
		rc = line_next(&r, &line);
		if (rc < 0)
			return error != NULL ? NULL : r.bad;
		if (rc == 0)
			return error != NULL  ? "taken, but the corpus says it is bad"
			       : want != NULL ? "too few lines"
			                      : NULL;
		if (error != NULL && strange_name())
			return NULL;
		if (error != NULL)
			continue;
		if (want == NULL)
			return "too many lines";
		if (!str_eq(plain(LINE_MEASUREMENT, line.measurement), str_of(doc_str(want, "name", ""))))
			return "measurement";
		if (!same_pairs(doc_get(want, "tags"), line.tag, line.tags, false))
			return "tags";
		if (!same_pairs(doc_get(want, "fields"), line.field, line.fields, true))
			return "fields";
		want = want->next;
	}
}

TEST(corpus)
{
	const char *shared = getenv("HEMING_SHARED");
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *doc = NULL;
	struct str text;
	int bad = 0, n = 0;
	const char *path =
	        path_join(a, shared != NULL ? shared : "../shared", "data/lineprotocol/corpus-nonfuzz.json");

	if (!file_exists(path)) {
		printf("# skipped: %s is not here\n", path);
		goto out;
	}
	if (!check_ok(file_read(a, path, 16 << 20, &text, &e), &e) ||
	        !check_ok(doc_parse_json(a, text, path, &doc, &e), &e))
		goto out;
	DOC_EACH(c, doc_get(doc, "decode"))
	{
		const char *input = doc_str(doc_get(c, "input"), "text", ""), *why;

		/* bytes that are no UTF-8 are refused when the series is made, not here */
		if (doc_get(doc_get(c, "input"), "text")->type != DOC_STRING)
			continue;
		/* units other than nanoseconds belong to the reader of the corpus */
		if (strcmp(doc_str(doc_get(c, "input"), "precision", ""), "1ns") != 0)
			continue;
		n++;
		why = differs(c);
		if (why != NULL) {
			printf("# %s: %s\n# %s\n", c->key, why, input);
			bad++;
		}
	}
	check_eq_i(bad, 0);
	check(n > 200);
out:
	arena_free(&a);
}

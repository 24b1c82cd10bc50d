#include "check.h"

#include "base/csv.h"

/* All rows as "a|b|c;" with the line each began on; "!" and the words when the text is bad. */
static const char *rows(struct str text, char sep)
{
	static struct sb b;
	struct arena *a = arena_new(0);
	struct csv c;
	int n;

	sb_fini(&b);
	sb_puts(&b, "");
	csv_init(&c, text, sep);
	while ((n = csv_row(&c, a)) > 0) {
		sb_printf(&b, "%d:", c.line);
		check_eq_i(n, c.fields);
		for (int i = 0; i < n; i++) {
			if (i > 0)
				sb_putc(&b, '|');
			sb_putstr(&b, c.field[i]);
		}
		sb_putc(&b, ';');
	}
	if (n < 0) {
		sb_printf(&b, "%d!", c.line);
		check(c.bad != NULL);
		check_eq_i(csv_row(&c, a), -1);
	} else {
		check_eq_i(csv_row(&c, a), 0);
	}
	arena_free(&a);
	return b.p ? b.p : "";
}

#define ROWS(text) rows(str_of(text), ',')

TEST(reads_rows)
{
	check_eq_s(ROWS("a,b\nc,d\n"), "1:a|b;2:c|d;");
	check_eq_s(ROWS("a,b\r\nc,d"), "1:a|b;2:c|d;");
	check_eq_s(ROWS("a\rb\r"), "1:a;2:b;");
	check_eq_s(ROWS("\n\r\na\n\n\nb"), "3:a;6:b;");
	check_eq_s(ROWS(",\n,,"), "1:|;2:||;");
	check_eq_s(ROWS("\xef\xbb\xbf"
	                "a,市"),
	        "1:a|市;");
	check_eq_s(ROWS(" a , b "), "1: a | b ;");
	check_eq_s(rows(STR_LIT("a;b,c"), ';'), "1:a|b,c;");
	check_eq_s(ROWS(""), "");
	check_eq_s(ROWS("\n"), "");
	check_eq_s(rows(STR_NULL, ','), "");
}

TEST(reads_quoted_fields)
{
	check_eq_s(ROWS("\"a\",\"b,c\"\n"), "1:a|b,c;");
	check_eq_s(ROWS("\"a\"\"b\",\"\"\"\",\"\"\n\"\""), "1:a\"b|\"|;2:;");
	check_eq_s(ROWS("\"x\ny\r\nz\",1\nb"), "1:x\ny\r\nz|1;4:b;");
	check_eq_s(ROWS("a,\"b\""), "1:a|b;");
}

TEST(refuses_bad_rows)
{
	check_eq_s(ROWS("ok\n\"a"), "1:ok;2!");
	check_eq_s(ROWS("ok\n\"a\"b"), "1:ok;2!");
	check_eq_s(ROWS("ok\n\"a\" ,b"), "1:ok;2!");
	check_eq_s(ROWS("a\"b"), "1!");
	check_eq_s(ROWS("\""), "1!");
	check_eq_s(ROWS("\"\"\""), "1!");
	check_eq_s(ROWS("a\n\xd1\xce\xb3\xc7"), "1:a;2!"); /* GBK */
	check_eq_s(ROWS("\"\n\n\xff\"\nb"), "1!");
}

TEST(row_over_the_budget)
{
	static char text[20000];
	struct arena *a = arena_new(3000);
	struct csv c;

	memset(text, ',', sizeof(text));
	csv_init(&c, (struct str){text, sizeof(text)}, ',');
	check_eq_i(csv_row(&c, a), -1);
	check_has(c.bad, "memory");
	arena_free(&a);
}

/* The arena may be reset between rows. */
TEST(rows_do_not_need_each_other)
{
	struct arena *a = arena_new(0);
	struct csv c;
	int n = 0;

	csv_init(&c, STR_LIT("\"a\"\"\",b\n\"c\"\"\",d\n"), ',');
	while (csv_row(&c, a) > 0) {
		check_str(c.field[0], n == 0 ? "a\"" : "c\"");
		check_str(c.field[1], n == 0 ? "b" : "d");
		n++;
		arena_reset(a);
	}
	check_eq_i(n, 2);
	arena_free(&a);
}

TEST(writes_fields)
{
	static const struct {
		const char *field, *plain, *guarded;
	} cases[] = {
	        {"a", "a", "a"},
	        {"", "", ""},
	        {"a,b", "\"a,b\"", "\"a,b\""},
	        {"a\"b", "\"a\"\"b\"", "\"a\"\"b\""},
	        {"a\nb", "\"a\nb\"", "\"a\nb\""},
	        {" a", "\" a\"", "\" a\""},
	        {"=1+2", "=1+2", "'=1+2"},
	        {"=A,B", "\"=A,B\"", "\"'=A,B\""},
	        {"@x", "@x", "'@x"},
	        {"-5", "-5", "-5"},
	        {"+8.5e3", "+8.5e3", "+8.5e3"},
	        {"-5+1", "-5+1", "'-5+1"},
	        {"\tx", "\tx", "'\tx"},
	        {"＝1", "＝1", "'＝1"},
	        {"a=1", "a=1", "a=1"},
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sb b = SB_INIT;
		csv_put(&b, str_of(cases[i].field), false, false);
		check_eq_s(b.p + 1, cases[i].plain);
		sb_reset(&b);
		csv_put(&b, str_of(cases[i].field), false, true);
		check_eq_s(b.p + 1, cases[i].guarded);
		sb_fini(&b);
	}
}

TEST(what_is_written_is_read)
{
	static const char *const fields[] = {"a", "b,c", "\"", "x\r\ny", "", " z ", "市"};
	struct sb b = SB_INIT;
	struct arena *a = arena_new(0);
	struct csv c;

	for (int row = 0; row < 3; row++) {
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			csv_put(&b, str_of(fields[i]), i == 0, false);
		csv_end(&b);
	}
	csv_init(&c, sb_str(&b), ',');
	for (int row = 0; row < 3; row++) {
		check_eq_i(csv_row(&c, a), (int)ARRAY_LEN(fields));
		for (size_t i = 0; i < ARRAY_LEN(fields); i++)
			check_str(c.field[i], fields[i]);
	}
	check_eq_i(csv_row(&c, a), 0);
	sb_fini(&b);
	arena_free(&a);
}

#include "base/err.h"
#include "check.h"

#include <errno.h>

TEST(set_gives_the_code_and_the_words)
{
	struct err e = ERR_INIT;
	check_err(err_set(&e, ERR_INVALID, "%d is odd", 3), ERR_INVALID);
	check_eq_i(e.code, ERR_INVALID);
	check_eq_s(e.text, "3 is odd");
	check_err(err_set(NULL, ERR_BUSY, "x"), ERR_BUSY);
	err_set(&e, ERR_INVALID, "again: %s", e.text); /* its own text as an argument */
	check_eq_s(e.text, "again: 3 is odd");
}

TEST(prefix_and_place_are_added_on_the_way_up)
{
	struct err e = ERR_INIT;
	char buf[256];
	err_set(&e, ERR_INVALID, "not a number");
	check_eq_s(err_str(&e, buf, sizeof(buf)), "not a number");
	check_err(err_prefix(&e, "row %d", 4), ERR_INVALID);
	check_eq_s(e.text, "row 4: not a number");
	check_err(err_at(&e, "org.csv", 0, 0, NULL), ERR_INVALID);
	check_eq_s(err_str(&e, buf, sizeof(buf)), "org.csv: row 4: not a number");
	err_at(&e, NULL, 4, 0, "code");
	check_eq_s(err_str(&e, buf, sizeof(buf)), "org.csv:4: code: row 4: not a number");
	err_at(&e, NULL, 0, 7, NULL);
	check_eq_s(err_str(&e, buf, sizeof(buf)), "org.csv:4:7: code: row 4: not a number");
	check_eq_i(e.line, 4);
	e.where[0] = '\0';
	check_eq_s(err_str(&e, buf, sizeof(buf)), "line 4:7: code: row 4: not a number");
	check_err(err_prefix(NULL, "x"), ERR_BUG);
	check_err(err_at(NULL, "x", 1, 1, "y"), ERR_BUG);
}

TEST(errno_becomes_a_code_with_advice)
{
	struct err e = ERR_INIT;
	check_err(err_errno(&e, ENOSPC, "the log"), ERR_FULL);
	check_has(e.text, "the log: No space left on device; free space");
	check_err(err_errno(&e, ENOENT, "x"), ERR_NOTFOUND);
	check_err(err_errno(&e, ENOMEM, "x"), ERR_NOMEM);
	check_err(err_errno(&e, EIO, "x"), ERR_IO);
	check_err(err_errno(NULL, EACCES, "x"), ERR_IO);
}

TEST(long_text_is_cut_between_characters)
{
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	for (int i = 0; i < 300; i++)
		sb_puts(&b, "鹤");
	for (int shift = 0; shift < 4; shift++) {
		err_set(&e, ERR_INVALID, "%.*s%s", shift, "abc", b.p);
		check(utf8_valid(str_of(e.text)));
		check(strlen(e.text) > sizeof(e.text) - 5);
		err_at(&e, b.p, 1, 1, b.p);
		check(utf8_valid(str_of(e.where)));
		check(utf8_valid(str_of(e.field)));
		char small[50];
		err_str(&e, small, sizeof(small));
		check(utf8_valid(str_of(small)));
		err_prefix(&e, "abc");
		check(utf8_valid(str_of(e.text)));
	}
	char one[1];
	check_eq_s(err_str(&e, one, 1), "");
	sb_fini(&b);
}

TEST(every_row_has_a_name_a_status_and_words)
{
#define X(name, code, http, text)                                                                            \
	check_eq_s(err_name(ERR_##name), #name);                                                             \
	check_eq_i(err_http(code), http);                                                                    \
	check_eq_s(err_text(code), text);                                                                    \
	check(http >= 400 && http < 600 && code < 0);
#include "base/err.tbl"
#undef X
	check_eq_i(err_http(0), 200);
	check_eq_i(err_http(-5), 500);
	check_eq_s(err_name(-5), "UNKNOWN");
}

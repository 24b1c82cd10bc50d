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

static int vset(struct err *e, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
static int vset(struct err *e, int code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return code;
}

TEST(words_are_kept_in_chinese_too)
{
	struct err e = ERR_INIT;
	err_set(&e, ERR_NOTFOUND, "there is no account %s", "li");
	check_eq_s(err_words(&e, true), "没有账号 li");
	check_eq_s(err_words(&e, false), "there is no account li");
	vset(&e, ERR_NOTFOUND, "version %d of the flow %s is not loaded", 3, "handling"); /* another order */
	check_eq_s(err_words(&e, true), "流程 handling 的版本 3 未加载");
	check_eq_s(err_words(&e, false), "version 3 of the flow handling is not loaded");
	const char *words = "a number is needed";
	err_set(&e, ERR_INVALID, "%s", words); /* words that were chosen elsewhere */
	check_eq_s(err_words(&e, true), "需要数字");
	err_prefix(&e, "line %d of the file: %s", 7, "x");
	check_eq_s(err_words(&e, true), "文件第 7 行：x：需要数字");
	check_eq_s(err_words(&e, false), "line 7 of the file: x: a number is needed");
	err_set(&e, ERR_INVALID, "again: %s", e.zh); /* what the table has not stays English */
	check_eq_s(e.zh, "");
	check(strstr(err_words(&e, true), "again: ") != NULL);
	err_prefix(&e, "number %s", "5");
	check(strstr(err_words(&e, true), "第 5 号：again: ") != NULL);
	e = (struct err){.code = ERR_FULL};
	check_eq_s(err_words(&e, true), "磁盘已满");
	check_eq_s(err_words(&e, false), "the disk is full");
	check(err_zh("") == NULL && err_zh("zz") == NULL && err_zh("%s") == NULL);
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
#define X(name, code, http, text) check(err_zh(text) != NULL);
#include "base/err.tbl"
#undef X
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

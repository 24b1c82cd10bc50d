/* Reasons, in the two languages of the house. */
#include "form/form_int.h"

const char *const form_rule_names[] = {
        [FORM_REQUIRED] = "required",
        [FORM_MIN] = "min",
        [FORM_MAX] = "max",
        [FORM_MIN_LENGTH] = "minLength",
        [FORM_MAX_LENGTH] = "maxLength",
        [FORM_PATTERN] = "pattern",
        [FORM_EMAIL] = "email",
        [FORM_PHONE] = "phone",
        [FORM_DECIMALS] = "decimalDigits",
        [FORM_INCREMENT] = "increment",
        [FORM_OPTION] = "option",
        [FORM_TYPE] = "type",
};

/* % stands for the limit. */
static const struct {
	const char *en, *zh;
} words[] = {
        [FORM_REQUIRED] = {"a value is needed", "必填"},
        [FORM_MIN] = {"at least % is needed", "不得小于 %"},
        [FORM_MAX] = {"at most % is taken", "不得大于 %"},
        [FORM_MIN_LENGTH] = {"at least % characters are needed", "至少 % 个字符"},
        [FORM_MAX_LENGTH] = {"at most % characters are taken", "最多 % 个字符"},
        [FORM_PATTERN] = {"it must match the pattern %", "须符合格式 %"},
        [FORM_EMAIL] = {"an e-mail address is needed", "须为电子邮箱地址"},
        [FORM_PHONE] = {"a telephone number with country code is needed, such as +8651588886666",
                "须为带国家代码的电话号码，如 +8651588886666"},
        [FORM_DECIMALS] = {"at most % digits after the point are taken", "小数最多 % 位"},
        [FORM_INCREMENT] = {"a multiple of % is needed", "须为 % 的整数倍"},
        [FORM_OPTION] = {"this is none of the choices", "不在可选项之内"},
        [FORM_TYPE] = {"% is needed", "须为%"},
};

static const struct {
	const char *en, *zh;
} kinds[] = {
        {"a text", "文字"},
        {"a number", "数字"},
        {"true or false", "是或否"},
        {"a list", "列表"},
        {"a date such as 2026-10-01", "日期，如 2026-10-01"},
        {"a time such as 08:30", "时间，如 08:30"},
        {"a date and time such as 2026-10-01T08:30+08:00", "日期时间，如 2026-10-01T08:30+08:00"},
};

/* The limit of FORM_TYPE is English; in Chinese it has words of its own. */
static const char *limit_words(const struct form_fault *x, bool chinese)
{
	if (x->rule != FORM_TYPE || !chinese)
		return x->limit;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (strcmp(kinds[i].en, x->limit) == 0)
			return kinds[i].zh;
	return x->limit;
}

void form_fault_words(const struct form_fault *x, bool chinese, struct sb *b)
{
	const char *text = chinese ? words[x->rule].zh : words[x->rule].en, *cut = strchr(text, '%');

	if (*x->words != '\0') {
		sb_puts(b, x->words);
	} else if (cut == NULL) {
		sb_puts(b, text);
	} else {
		sb_put(b, text, (size_t)(cut - text));
		sb_puts(b, limit_words(x, chinese));
		sb_puts(b, cut + 1);
	}
}

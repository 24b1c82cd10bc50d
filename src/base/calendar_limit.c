/* Time limits as the catalogues of the cities write them. */
#include "base/calendar.h"

#include "base/num.h"

static const char *const unit_names[] = {
        [LIMIT_URGENT_HOUR] = "urgent_hour",
        [LIMIT_WORK_HOUR] = "work_hour",
        [LIMIT_WORK_DAY] = "work_day",
        [LIMIT_NATURAL_DAY] = "natural_day",
};

const char *limit_unit_name(enum limit_unit u)
{
	return unit_names[u];
}

bool limit_parse(struct str s, enum limit_unit *unit, double *n)
{
	/* 小时 and 天 without more mean working time. */
	static const struct {
		const char *text;
		enum limit_unit unit;
	} words[] = {
	        {"urgent_hour", LIMIT_URGENT_HOUR},
	        {"work_hour", LIMIT_WORK_HOUR},
	        {"work_day", LIMIT_WORK_DAY},
	        {"natural_day", LIMIT_NATURAL_DAY},
	        {"紧急工作时", LIMIT_URGENT_HOUR},
	        {"紧急工作日", LIMIT_NATURAL_DAY},
	        {"工作时", LIMIT_WORK_HOUR},
	        {"工作小时", LIMIT_WORK_HOUR},
	        {"小时", LIMIT_WORK_HOUR},
	        {"工作日", LIMIT_WORK_DAY},
	        {"天", LIMIT_WORK_DAY},
	        {"自然日", LIMIT_NATURAL_DAY},
	};
	struct str number, word;
	double v;

	s = str_trim(s);
	number = (struct str){s.p, 0};
	while (number.n < s.n && ((s.p[number.n] >= '0' && s.p[number.n] <= '9') || s.p[number.n] == '.'))
		number.n++;
	if (!num_double(number, false, &v) || v > 1e6)
		return false;
	word = str_trim((struct str){s.p + number.n, s.n - number.n});
	if (str_starts(word, "个"))
		word = (struct str){word.p + strlen("个"), word.n - strlen("个")};
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (str_is(word, words[i].text)) {
			*unit = words[i].unit;
			*n = v;
			return true;
		}
	}
	return false;
}

/* The texts of timers: ISO 8601 date-time, duration, or R[n]/duration, perhaps with a date-time between. */
#include "bpmn/bpmn_int.h"

#include "base/num.h"

bool bpmn__span_parse(struct str text, const struct zone *z, struct bpmn__span *out, const char **why)
{
	struct str rest = str_trim(text), head;

	*out = (struct bpmn__span){.at = TIME_NONE, .left = -1};
	if (rest.n == 0) {
		*why = "the text of the timer is empty";
		return false;
	}
	if (rest.p[0] == 'R') {
		head = str_cut(&rest, '/');
		out->what = SPAN_EVERY;
		head.p++;
		head.n--;
		if (head.n > 0 && (!num_int(head, &out->left) || out->left < 1)) {
			*why = "the number of repetitions must be a whole number from 1 up, as in R3/PT1H";
			return false;
		}
		if (rest.p != NULL && rest.n > 0 && rest.p[0] != 'P') {
			head = str_cut(&rest, '/');
			if (!time_parse(head, z, &out->at)) {
				*why = "a cycle may begin at a date-time, as in "
				       "R/2027-01-01T08:00:00+08:00/P1D";
				return false;
			}
		}
		if (rest.p == NULL || !dur_parse_iso(rest, &out->months, &out->rest)) {
			*why = "a cycle is R[n]/duration, as in R3/PT1H";
			return false;
		}
		if (out->months < 0 || out->rest < 0 || (out->months == 0 && out->rest < US_SECOND)) {
			*why = "a cycle must be a second or longer";
			return false;
		}
		return true;
	}
	if (rest.p[0] == 'P' || (rest.p[0] == '-' && rest.n > 1 && rest.p[1] == 'P')) {
		out->what = SPAN_AFTER;
		if (dur_parse_iso(rest, &out->months, &out->rest))
			return true;
		*why = "this is not an ISO 8601 duration such as PT15M or P1DT12H";
		return false;
	}
	out->what = SPAN_AT;
	if (time_parse(rest, z, &out->at))
		return true;
	*why = "this is no ISO 8601 date-time, duration or cycle; FEEL begins with \"=\"";
	return false;
}

void bpmn__span_write(const struct bpmn__span *span, struct sb *b)
{
	dur_us d = span->rest;
	char buf[40];

	if (span->what == SPAN_AT) {
		sb_puts(b, time_format(span->at, zone_utc(), buf));
		return;
	}
	if (span->what == SPAN_EVERY) {
		sb_putc(b, 'R');
		if (span->left >= 0)
			sb_printf(b, "%lld", (long long)span->left);
		sb_putc(b, '/');
		if (span->at != TIME_NONE) {
			sb_puts(b, time_format(span->at, zone_utc(), buf));
			sb_putc(b, '/');
		}
	}
	sb_putc(b, 'P');
	if (span->months != 0)
		sb_printf(b, "%dM", span->months);
	if (d != 0 || span->months == 0) {
		sb_printf(b, "T%lld", (long long)(d / US_SECOND));
		if (d % US_SECOND != 0)
			sb_printf(b, ".%06lld", (long long)(d % US_SECOND));
		sb_putc(b, 'S');
	}
}

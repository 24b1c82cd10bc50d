/* Time and failure in a tester's hand. These rows are there with test control only. */
#include "api/api_int.h"
#include "base/fault.h"

#define STEPS_MOST 100000

static int reply_clock(struct call *c)
{
	jw_object(&c->w);
	jw_ktime(&c->w, "now", clock_now(c->site->clock));
	jw_object_end(&c->w);
	return 0;
}

int test_clock_get(struct call *c, struct err *e)
{
	(void)e;
	return reply_clock(c);
}

static int bad_member(struct err *e, const char *field, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	return err_at(e, NULL, 0, 0, field);
}

static int read_target(struct call *c, time_us now, time_us *to, dur_us *step, struct err *e)
{
	const char *set = body_text(c, "set"), *advance = body_text(c, "advance"), *by = body_text(c, "step");
	dur_us d = 0;

	if ((*set == '\0') == (*advance == '\0'))
		return bad_member(e, "set", "say either set or advance");
	if (*set != '\0' && !time_parse(str_of(set), c->site->catalog->zone, to))
		return bad_member(e, "set", "an instant as 2026-07-14T08:00:00+08:00 is needed");
	if (*set != '\0' && *to < now)
		return bad_member(e, "set", "the clock never goes back");
	if (*advance != '\0') {
		if (!dur_parse(str_of(advance), &d) || d < 0)
			return bad_member(e, "advance", "a duration as 10m is needed");
		*to = now + d;
	}
	*step = *to - now;
	if (*by != '\0' && (!dur_parse(str_of(by), step) || *step <= 0))
		return bad_member(e, "step", "a duration as 15s is needed");
	if (*step > 0 && (*to - now) / *step > STEPS_MOST)
		return bad_member(e, "step", "that would be too many steps");
	return 0;
}

int test_clock_post(struct call *c, struct err *e)
{
	struct clock *clock = c->site->clock;
	time_us now = clock_now(clock), to = now;
	dur_us step = 0;
	int rc = read_target(c, now, &to, &step, e);

	if (rc < 0)
		return rc;
	do {
		now = to - now > step ? now + step : to;
		clock_set(clock, now);
		rc = site_settle(c->site, e);
	} while (rc == 0 && now < to);
	return rc < 0 ? rc : reply_clock(c);
}

int test_settle_post(struct call *c, struct err *e)
{
	int rc = site_settle(c->site, e);

	return rc < 0 ? rc : reply_clock(c);
}

int test_fault_post(struct call *c, struct err *e)
{
	const char *spec = body_text(c, "arm");

	if (!fault_arm(spec))
		return bad_member(e, "arm", "NAME:n, NAME:n+ or NAME:off, with NAME a fault point");
	return 0;
}

#include "base/fault.h"

#include "base/log.h"
#include "base/num.h"

#include <stdatomic.h>

bool fault_armed_any;

/*
 * `calls` counts only while something is armed at the point; arming begins a new count. A point
 * fires at call `at`, and at every later one too if `on`.
 */
static struct point {
	_Atomic int64_t calls, at; /* at 0: not armed */
	_Atomic bool on;
} points[FAULTS];

static const char *const names[] = {
#define X(name, words) #name,
#include "base/fault.tbl"
#undef X
};

bool fault_check(enum fault_point p)
{
	struct point *f = &points[p];
	int64_t at = atomic_load(&f->at);
	if (at == 0)
		return false;
	int64_t call = atomic_fetch_add(&f->calls, 1) + 1;
	if (call != at && !(call > at && atomic_load(&f->on)))
		return false;
	LOG(FAULT, log_s("point", names[p]), log_i("call", call));
	return true;
}

struct order {
	int point;
	int64_t at;
	bool on;
};

static bool parse(struct str item, struct order *o)
{
	struct str form = item, name = str_cut(&form, ':');
	o->point = -1;
	for (int i = 0; i < FAULTS; i++) {
		if (str_is(name, names[i]))
			o->point = i;
	}
	o->at = 0;
	o->on = false;
	if (o->point < 0)
		return false;
	if (str_is(form, "off"))
		return true;
	if (form.n > 0 && form.p[form.n - 1] == '+') {
		o->on = true;
		form.n--;
	}
	return num_int(form, &o->at) && o->at > 0;
}

bool fault_arm(const char *spec)
{
	struct order o;
	/* Looked through before anything is done: a spec is taken whole or not at all. */
	for (struct str rest = str_of(spec); rest.p;) {
		if (!parse(str_trim(str_cut(&rest, ',')), &o))
			return false;
	}
	for (struct str rest = str_of(spec); rest.p;) {
		must(parse(str_trim(str_cut(&rest, ',')), &o));
		struct point *f = &points[o.point];
		atomic_store(&f->at, 0);
		atomic_store(&f->calls, 0);
		atomic_store(&f->on, o.on);
		atomic_store(&f->at, o.at);
	}
	bool any = false;
	for (int i = 0; i < FAULTS; i++)
		any |= atomic_load(&points[i].at) != 0;
	__atomic_store_n(&fault_armed_any, any, __ATOMIC_RELAXED);
	return true;
}

/* Before main, so that no program that links this can forget it. */
static __attribute__((constructor)) void arm_from_environment(void)
{
	const char *spec = getenv("HEMING_FAULT");
	if (spec == NULL || spec[0] == '\0')
		return;
	/* A test that arms nothing by a slip of the pen would pass for the wrong reason. */
	if (!fault_arm(spec))
		panic(__FILE__, __LINE__, "HEMING_FAULT is not of the form NAME:3,NAME:1+: %s", spec);
}

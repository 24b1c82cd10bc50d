/*
 * run - an evaluation from outside: its limits and notes, and the doors by which it is entered. What FEEL
 * calls an error is null and a note; only limits of memory, steps and nesting end an evaluation, and then
 * stick in the run.
 */
#include "feel/eval_int.h"

#include <stdarg.h>

#define STEPS_DEFAULT 10000000
#define NOTES_MAX 8

typedef struct feel_node node;
typedef struct feel_value value;

#define NULL_VALUE FEEL_NULL_VALUE

void feel_note(struct feel_run *r, const char *fmt, ...)
{
	va_list ap;

	if (!r->notes || r->notes_n >= NOTES_MAX)
		return;
	if (r->notes_n++)
		sb_puts(r->notes, "; ");
	va_start(ap, fmt);
	sb_vprintf(r->notes, fmt, ap);
	va_end(ap);
}

value feel__fail(struct feel_run *r, const char *fmt, ...)
{
	char words[300];
	va_list ap;

	if (r->notes && r->notes_n < NOTES_MAX) {
		va_start(ap, fmt);
		vsnprintf(words, sizeof(words), fmt, ap);
		va_end(ap);
		feel_note(r, "%s", words);
	}
	return NULL_VALUE;
}

void feel__past_limit(struct feel_run *r, int code, const char *words)
{
	if (r->rc < 0)
		return;
	r->rc = code;
	err_set(&r->err, code, "%s", words);
}

void feel__nomem(struct feel_run *r)
{
	feel__past_limit(r, ERR_NOMEM, "the evaluation needs more memory than allowed");
}

value *feel__alloc_items(struct feel_run *r, int n)
{
	value *v = arena_array(r->arena, (size_t)n, sizeof(*v));

	if (!v)
		feel__nomem(r);
	return v;
}

int feel_run_enter(struct feel_run *r, struct err *e)
{
	if (step(r) && deeper(r))
		return 0;
	if (e)
		*e = r->err;
	return r->rc;
}

void feel_run_leave(struct feel_run *r)
{
	r->depth--;
}

struct arena *feel_run_arena(const struct feel_run *r)
{
	return r->arena;
}

/* All that is not zero. */
static void fill(struct feel_run *r, const struct feel_scope *s, struct arena *a, struct sb *notes)
{
	r->arena = a;
	r->notes = notes;
	r->steps = s && s->max_steps ? s->max_steps : STEPS_DEFAULT;
	r->now = s ? s->now : 0;
	r->zone = s && s->zone ? s->zone : zone_utc();
	r->scope = s;
}

static void run_init(struct feel_run *r, const struct feel_scope *s, struct arena *a, struct sb *notes)
{
	memset(r, 0, sizeof(*r));
	fill(r, s, a, notes);
}

struct feel_run *feel_run_new(const struct feel_scope *s, struct arena *a, struct sb *notes)
{
	struct feel_run *r = arena_alloc(a, sizeof(*r));

	if (r)
		fill(r, s, a, notes);
	return r;
}

/* ---- the doors ---- */

static int finish(struct feel_run *r, const struct arena *a, struct err *e)
{
	if (r->rc == 0 && arena_failed(a))
		feel__nomem(r);
	if (r->rc < 0 && e)
		*e = r->err;
	return r->rc;
}

/* Apart from its door, so that the many evaluations of a literal need not make room for this. */
static int __attribute__((noinline)) eval(const struct feel_expr *x, const struct feel_scope *s,
        struct arena *a, struct feel_value *out, struct sb *notes, struct err *e)
{
	struct feel_frame f = {.scope = s};
	struct feel_run own, *r = s ? s->run : NULL;
	const struct feel_scope *outer;
	value v;
	int rc;

	if (!r) {
		run_init(&own, s, a, notes);
		r = &own;
	}
	outer = r->scope;
	r->scope = s;
	v = feel__eval(r, x->root, s ? &f : NULL);
	r->scope = outer;
	rc = finish(r, a, e);
	if (rc == 0)
		*out = v;
	return rc;
}

int feel_eval(const struct feel_expr *x, const struct feel_scope *s, struct arena *a, struct feel_value *out,
        struct sb *notes, struct err *e)
{
	must(!x->tests);
	if (x->root->kind == N_CONST && (!s || !s->run || s->run->rc == 0)) {
		*out = x->root->value;
		return 0;
	}
	return eval(x, s, a, out, notes, e);
}

static int __attribute__((noinline)) test(const struct feel_expr *x, const struct feel_scope *s,
        const struct feel_value *input, struct arena *a, bool *out, struct err *e)
{
	struct feel_frame f = {.scope = s};
	struct feel_run own, *r = s ? s->run : NULL;
	const struct feel_scope *outer;
	int rc, truth_of;

	if (!r) {
		run_init(&own, s, a, NULL);
		r = &own;
	}
	outer = r->scope;
	r->scope = s;
	truth_of = feel__eval_test(r, x->root, s ? &f : NULL, input);
	r->scope = outer;
	rc = finish(r, a, e);
	if (rc == 0)
		*out = truth_of == 1;
	return rc;
}

int feel_test(const struct feel_expr *x, const struct feel_scope *s, const struct feel_value *input,
        struct arena *a, bool *out, struct err *e)
{
	struct feel_run *r = s ? s->run : NULL;
	int quick;

	must(x->tests);
	if (!r || (r->rc == 0 && r->steps > (size_t)x->root->n)) {
		quick = feel__literal_test(x->root, input);
		if (quick >= 0) {
			if (r)
				r->steps -= (size_t)x->root->n;
			*out = quick;
			return 0;
		}
	}
	return test(x, s, input, a, out, e);
}

int feel_call(const struct feel_value *function, const struct feel_scope *s, const struct str *names,
        const struct feel_value *args, int n, struct arena *a, struct feel_value *out, struct sb *notes,
        struct err *e)
{
	struct feel_run own, *r = s ? s->run : NULL;
	const struct feel_scope *outer;
	value v;
	int rc;

	if (!r) {
		run_init(&own, s, a, notes);
		r = &own;
	}
	outer = r->scope;
	r->scope = s;
	v = names ? feel__invoke_named(r, function, names, args, n) : feel__invoke(r, function, args, n);
	r->scope = outer;
	rc = finish(r, a, e);
	if (rc == 0)
		*out = v;
	return rc;
}

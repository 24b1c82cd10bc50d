#include "bpmn/bpmn.h"

/*
 * Text that begins with "{" is a state, read and written again; any other is a definition, which is checked
 * and then played: everything open is answered, oldest first. Whatever is called is the process itself. What
 * decide says must fold, and the folded state must come back from its text; half-way it migrates to the
 * definition that it has, which must be possible.
 */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void rewrite(struct bpmn_state **s)
{
	struct sb first = SB_INIT, second = SB_INIT;
	struct bpmn_state *copy = NULL;
	struct err e = ERR_INIT;

	bpmn_state_write(*s, &first);
	if (!first.failed) {
		must(bpmn_state_read(sb_str(&first), &copy, &e) == 0);
		bpmn_state_write(copy, &second);
		must(first.n == second.n && memcmp(first.p, second.p, first.n) == 0);
		bpmn_state_free(s);
		*s = copy;
	}
	sb_fini(&first);
	sb_fini(&second);
}

static const struct bpmn_def *called(void *ctx, const char *process, int *version)
{
	const struct bpmn_def *const *d = ctx;

	(void)process;
	*version = 1;
	return *d;
}

static bool step(const struct bpmn_def *d, struct bpmn_state **s, const struct bpmn_input *in)
{
	struct bpmn_services sv = {.ctx = &d, .now = INT64_C(1784000000) * US_SECOND, .called = called};
	struct arena *a = arena_new(32 << 20);
	struct err e = ERR_INIT;
	struct bpmn_events ev;
	int rc = bpmn_decide(d, *s, in, &sv, a, &ev, &e);

	must(rc == 0 || (ev.n == 0 && e.text[0] != '\0' && rc != ERR_BUG));
	for (size_t i = 0; i < ev.n; i++)
		must(bpmn_apply(d, *s, &ev.e[i], &e) == 0);
	arena_free(&a);
	rewrite(s);
	return rc == 0;
}

static void answer(const struct bpmn_def *d, struct bpmn_state **s, const struct bpmn_open *o, int turn)
{
	const struct bpmn_element *x = bpmn_element(d, o->element); /* of a called process it is the same */
	struct arena *a = arena_new(0);
	struct feel_value vars = {.type = FEEL_CONTEXT};
	struct bpmn_input in = {.key = o->key, .variables = &vars};
	struct str outcomes;

	must(x != NULL);
	outcomes = str_of(x->outcomes);
	if (outcomes.n > 0)
		feel_put(a, &vars, STR_LIT("outcome"), feel_string(str_cut(&outcomes, ' ')));
	feel_put(a, &vars, STR_LIT("x"), turn % 2 ? feel_bool(turn % 4 == 1) : feel_int(turn));
	switch (o->what) {
	case BPMN_OPEN_TASK:
	case BPMN_OPEN_SERVICE:
		in.type = turn % 7 == 6 ? BPMN_ERROR : BPMN_COMPLETE;
		in.name = STR_LIT("E");
		break;
	case BPMN_OPEN_TIMER: in.type = BPMN_TIMER; break;
	case BPMN_OPEN_WAIT:
		in.type = turn % 2 ? BPMN_MESSAGE : BPMN_SIGNAL;
		in.name = str_of(x->ref);
		break;
	}
	step(d, s, &in);
	arena_free(&a);
}

static void play(const struct bpmn_def *d)
{
	struct bpmn_state *s = bpmn_state_new();

	step(d, &s, &(struct bpmn_input){.type = BPMN_START});
	for (int turn = 0; turn < 24 && !bpmn_state_ended(s); turn++) {
		struct arena *a = arena_new(0);
		struct bpmn_open *o;
		size_t n = bpmn_state_open(s, a, &o);
		bool go = n > 0 && n < 200;

		if (go) {
			/* The element's id lies in the state, which the step replaces. */
			o[turn % n].element = arena_strdup(a, o[turn % n].element);
			answer(d, &s, &o[turn % n], turn);
		}
		arena_free(&a);
		if (!go)
			break;
		if (turn == 8 && !bpmn_state_ended(s)) {
			must(bpmn_migration_check(d, s, NULL, NULL, NULL) == 0);
			step(d, &s, &(struct bpmn_input){.type = BPMN_MIGRATE, .from = d});
		}
	}
	step(d, &s, &(struct bpmn_input){.type = BPMN_SET});
	step(d, &s, &(struct bpmn_input){.type = BPMN_CANCEL});
	bpmn_state_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str text = {(const char *)p, n};
	struct bpmn_state *s = NULL;
	struct bpmn_def *d = NULL;
	struct err e = ERR_INIT;

	if (n > 0 && p[0] == '{') {
		if (bpmn_state_read(text, &s, &e) == 0)
			rewrite(&s);
		else
			must(e.text[0] != '\0');
		bpmn_state_free(&s);
		return 0;
	}
	if (bpmn_load(text, "fuzz.bpmn", NULL, &d, &e) == 0) {
		bpmn_check(d, NULL, NULL);
		play(d);
	} else
		must(e.text[0] != '\0');
	bpmn_free(&d);
	return 0;
}

/*
 * The engine against the slow interpreter of model.h: both are given the same random process and the same
 * random inputs; after each the same tasks, timers and waits must be open, each in the same place. With
 * HEMING_MODELS=N in the environment there are N models instead of a few hundred.
 */
#include "model.h"
#include "play.h"

#include "check.h"

enum { MODELS = 800, INPUTS = 40, KEYS = 20000 };

/* What the events said of each key: where its token lies, and which instance it is. */
struct place {
	uint32_t scope;
	int node, counter;
};
struct side {
	struct play p;
	struct place *key;
};

/* How often what is rare was played. */
static struct {
	int failed, stuck, again, received, repeated, moved;
} played;

static uint64_t models(void)
{
	const char *n = getenv("HEMING_MODELS");

	return n != NULL ? strtoull(n, NULL, 10) : MODELS;
}

static int number(const char *id)
{
	return (int)strtol(id + 1, NULL, 10);
}

static void follow(struct side *x, const struct model *m)
{
	for (size_t i = 0; i < x->p.ev.n; i++) {
		const struct bpmn_event *e = &x->p.ev.e[i];
		int64_t n = 0;

		if (e->type == BPMN_TOKEN) {
			must(e->key < KEYS);
			x->key[e->key] = (struct place){.scope = e->scope, .node = number(e->element)};
		} else if (e->type == BPMN_INCIDENT) {
			played.stuck++;
		} else if (e->type == BPMN_VARIABLE && e->scope != 0 && str_is(e->text, "loopCounter") &&
		           feel_number_to_int(e->value.number, &n)) {
			x->key[e->scope].counter = (int)n;
			played.repeated += n > 1 && m->node[x->key[e->scope].node].standard;
		}
	}
}

static void path(const struct side *x, uint32_t key, struct sb *b)
{
	if (key == 0)
		return;
	path(x, x->key[key].scope, b);
	sb_printf(b, "n%d", x->key[key].node);
	if (x->key[key].counter > 0)
		sb_printf(b, "#%d", x->key[key].counter);
	sb_putc(b, '/');
}

/* The path of what is open as the reference has it; owner: of a timer or wait, from its event. */
static const char *open_path(
        struct side *x, const struct model *m, const struct bpmn_open *o, const uint32_t *owner)
{
	struct sb b = SB_INIT;
	int node = number(o->element);
	const char *s;

	if (o->what == BPMN_OPEN_TASK || o->what == BPMN_OPEN_SERVICE) {
		path(x, o->key, &b);
		b.p[b.n - 1] = '\0';                /* without the last "/" */
	} else if (m->node[node].what == W_START) { /* of a handler */
		path(x, owner[o->key], &b);
		sb_printf(&b, "n%d!", m->node[node].scope);
	} else {
		path(x, x->key[owner[o->key]].scope, &b);
		sb_printf(&b, "n%d", node);
	}
	s = arena_strdup(x->p.a, b.p);
	sb_fini(&b);
	return s;
}

static void owners(struct side *x, uint32_t *owner)
{
	for (size_t i = 0; i < x->p.ev.n; i++) {
		const struct bpmn_event *e = &x->p.ev.e[i];

		if (e->type == BPMN_TIMER_SET || e->type == BPMN_WAITING) {
			must(e->key < KEYS);
			owner[e->key] = e->scope;
		}
	}
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool same(struct side *x, const struct model *m, const struct inst *ref, const uint32_t *owner)
{
	struct bpmn_open *o;
	size_t n = bpmn_state_open(x->p.s, x->p.a, &o);
	const char **line = arena_array(x->p.a, n, sizeof *line);
	struct sb mine = SB_INIT, theirs = SB_INIT;
	bool ok;

	for (size_t i = 0; i < n; i++)
		line[i] = open_path(x, m, &o[i], owner);
	if (n > 0)
		qsort(line, n, sizeof *line, by_text);
	for (size_t i = 0; i < n; i++)
		sb_printf(&mine, "%s\n", line[i]);
	ref_open(m, ref, &theirs);
	ok = check_eq_s(mine.p ? mine.p : "", theirs.p ? theirs.p : "");
	ok &= check_eq_i(bpmn_state_ended(x->p.s), ref_ended(ref));
	sb_fini(&mine);
	sb_fini(&theirs);
	return ok;
}

static struct feel_value *random_vars(struct side *x, struct model *m, bool *var)
{
	struct feel_value *v = arena_alloc(x->p.a, sizeof *v);

	v->type = FEEL_CONTEXT;
	for (int i = 0; i < MODEL_VARS; i++) {
		var[i] = model_roll(m, 2);
		feel_put(x->p.a, v, str_of(arena_printf(x->p.a, "v%d", i)), feel_bool(var[i]));
	}
	return v;
}

/* A message goes to the oldest wait for it. */
static struct bpmn_open *oldest(struct bpmn_open *o, size_t n, const char *element)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(o[i].element, element) == 0)
			return &o[i];
	return NULL;
}

/* What is open there, as an input; the engine has it, and the interpreter is told the same. */
static void give(
        struct side *x, struct model *m, struct inst *root, const struct bpmn_open *o, const char *where)
{
	struct bpmn_input in = {.key = o->key};
	int node = number(o->element), event = m->node[node].what == W_START ? m->node[node].scope : node;
	bool var[MODEL_VARS];
	char *up = arena_strdup(x->p.a, where); /* the path of what waits */
	struct inst *at;

	if (o->what == BPMN_OPEN_TASK)
		in.type = BPMN_COMPLETE;
	else if (o->what == BPMN_OPEN_SERVICE)
		in.type = model_roll(m, 2) ? BPMN_COMPLETE : BPMN_ERROR;
	else
		in.type = m->node[event].trig == T_TIMER     ? BPMN_TIMER
		          : m->node[event].trig == T_MESSAGE ? BPMN_MESSAGE
		          : m->node[event].trig == T_SIGNAL  ? BPMN_SIGNAL
		                                             : BPMN_SET;
	if (in.type == BPMN_MESSAGE)
		in.name = str_of(arena_printf(x->p.a, "n%d", event));
	if (in.type == BPMN_SIGNAL)
		in.name = STR_LIT("sig");
	if (in.type == BPMN_ERROR)
		in.name = model_roll(m, 2) ? STR_LIT("E1") : STR_LIT("other");
	if (in.type == BPMN_SET)
		in.key = 0;
	if (in.type == BPMN_COMPLETE || in.type == BPMN_SET)
		in.variables = random_vars(x, m, var);
	if (m->node[event].what == W_HANDLER)
		*(strrchr(up, '/') ? strrchr(up, '/') : up) = '\0';
	else if (in.type != BPMN_COMPLETE && in.type != BPMN_ERROR) {
		up[strlen(up) - strlen(o->element)] = '\0';
		up = arena_printf(x->p.a, "%sn%d", up, model_waiter(m, node));
	}
	at = ref_find(root, up);
	play_step(&x->p, &in);
	if (!check(at != NULL))
		return;
	switch (in.type) {
	case BPMN_COMPLETE: ref_complete(m, at, var); return;
	case BPMN_ERROR:
		ref_fail(m, at, str_is(in.name, "E1"));
		played.failed++;
		return;
	case BPMN_SIGNAL: ref_signal(m, root); return;
	case BPMN_SET: ref_set(m, root, var); return;
	default: played.received += m->node[event].what == W_RECEIVE; ref_happens(m, at, event);
	}
}

static bool one_input(struct side *x, struct model *m, struct inst *root, uint32_t *owner)
{
	struct bpmn_open *o, *pick;
	size_t n = bpmn_state_open(x->p.s, x->p.a, &o);
	const char *where = "another try";
	int stuck = ref_stuck(root);

	if (!check(n > 0 || stuck > 0))
		return false;
	if (stuck > 0 && (n == 0 || model_roll(m, 4) == 0)) {
		bool var[MODEL_VARS];
		const struct bpmn_input in = {.type = BPMN_SET, .variables = random_vars(x, m, var)};

		play_step(&x->p, &in);
		ref_set(m, root, var);
		played.again++;
	} else {
		pick = &o[model_roll(m, (unsigned)n)];
		if (pick->what == BPMN_OPEN_WAIT)
			pick = oldest(o, n, pick->element);
		where = open_path(x, m, pick, owner);
		give(x, m, root, pick, where);
	}
	follow(x, m);
	owners(x, owner);
	if (check_ok(x->p.rc, &x->p.e) && same(x, m, root, owner))
		return true;
	check_fail("after %s", where);
	return false;
}

/* All goes on with another version, which has other names for what is the same. */
static bool migrate(struct side *x, struct model *m, struct inst *root, uint32_t *owner)
{
	struct feel_value map = {.type = FEEL_CONTEXT};
	struct bpmn_def *old = x->p.d, *new = NULL;
	struct sb b = SB_INIT;
	char was[16], is[16], *xml;
	int timer;
	bool ok;

	m->renamed = !m->renamed;
	for (int i = 0; i < m->n + m->f; i++) {
		m->renamed = !m->renamed;
		i < m->n ? model_node_id(m, i, was) : model_flow_id(m, i - m->n, was);
		m->renamed = !m->renamed;
		i < m->n ? model_node_id(m, i, is) : model_flow_id(m, i - m->n, is);
		if (strcmp(was, is) != 0)
			feel_put(x->p.a, &map, str_of(arena_strdup(x->p.a, was)),
			        feel_string(str_of(arena_strdup(x->p.a, is))));
	}
	timer = model_roll(m, 2) ? model_add_timer(m) : -1;
	if (timer >= 0)
		ref_arm(m, root, timer);
	model_write(m, &b);
	xml = play_xml(b.p);
	ok = check_ok(bpmn_load(str_of(xml), "other.bpmn", NULL, &new, &x->p.e), &x->p.e);
	if (ok) {
		x->p.d = new;
		play_step(&x->p, &(struct bpmn_input){.type = BPMN_MIGRATE, .variables = &map, .from = old});
		follow(x, m);
		owners(x, owner);
		ok = check_ok(x->p.rc, &x->p.e) && same(x, m, root, owner);
		played.moved++;
		bpmn_free(&old);
	}
	sb_fini(&b);
	free(xml);
	return ok;
}

/* The models are made of blocks that end: the static checks have nothing to say but that tasks name no role,
 * and that some are too entangled. */
static void no_deadlock(void *ctx, bool error, int line, const char *text)
{
	(void)ctx;
	if (error || (strstr(text, "names no role") == NULL && strstr(text, "not decided") == NULL))
		check_fail("line %d: %s", line, text);
}

static bool one_model(struct model *m, uint64_t seed)
{
	struct side x = {.key = xcalloc(KEYS, sizeof *x.key)};
	uint32_t *owner = xcalloc(KEYS, sizeof *owner);
	struct sb b = SB_INIT;
	struct inst *root = NULL;
	bool var[MODEL_VARS], ok;

	model_make(m, seed);
	model_write(m, &b);
	ok = play_begin(&x.p, b.p);
	if (ok) {
		struct bpmn_input in = {.type = BPMN_START, .variables = random_vars(&x, m, var)};

		play_step(&x.p, &in);
		follow(&x, m);
		owners(&x, owner);
		root = ref_start(m, var);
		ok = check_ok(x.p.rc, &x.p.e) && same(&x, m, root, owner);
		ok = check_eq_i(bpmn_check(x.p.d, no_deadlock, NULL), 0) && ok;
	}
	for (int i = 0; i < INPUTS && ok && !bpmn_state_ended(x.p.s); i++) {
		ok = one_input(&x, m, root, owner);
		if (ok && !bpmn_state_ended(x.p.s) && model_roll(m, 20) == 0 &&
		        !check(ok = migrate(&x, m, root, owner)))
			check_fail("after another version");
	}
	if (!ok)
		check_fail("seed %llu:\n%s", (unsigned long long)seed, b.p);
	if (root != NULL)
		ref_free(root);
	sb_fini(&b);
	free(x.key);
	free(owner);
	play_end(&x.p);
	return ok;
}

TEST(engine_and_token_game_agree)
{
	struct model *m = xcalloc(1, sizeof *m);

	for (uint64_t seed = 1; seed <= models(); seed++)
		if (!one_model(m, seed))
			break;
	check(played.failed > 50 && played.stuck > 20 && played.again > 20 && played.received > 50 &&
	        played.repeated > 10 && played.moved > 20);
	free(m);
}

/* ---- what gets stuck was told before ---- */

static int ways(const struct model *m, int node, bool in)
{
	int n = 0;

	for (int i = 0; i < m->f; i++)
		n += (in ? m->flow[i].to : m->flow[i].from) == node;
	return n;
}

/* Makes one merge of exclusive ways a join of all. False: there is none. */
static bool spoil(struct model *m)
{
	int at[MODEL_NODES], n = 0;

	for (int i = 0; i < m->n; i++)
		if (m->node[i].what == W_XOR && ways(m, i, true) > 1 && ways(m, i, false) == 1)
			at[n++] = i;
	if (n > 0)
		m->node[at[model_roll(m, (unsigned)n)]].what = W_AND;
	return n > 0;
}

static void count_deadlocks(void *ctx, bool error, int line, const char *text)
{
	(void)error;
	(void)line;
	*(int *)ctx += strstr(text, "waits for ever") != NULL || strstr(text, "never passes") != NULL;
}

static bool got_stuck(const struct bpmn_events *ev)
{
	for (size_t i = 0; i < ev->n; i++)
		if (ev->e[i].type == BPMN_INCIDENT &&
		        strstr(ev->e[i].text.p, "nothing can move any more") != NULL)
			return true;
	return false;
}

/* Plays on with whatever is open, until something is stuck. */
static bool gets_stuck(struct side *x, struct model *m)
{
	bool var[MODEL_VARS];
	struct bpmn_input in = {.type = BPMN_START, .variables = random_vars(x, m, var)};

	play_step(&x->p, &in);
	for (int i = 0; i < INPUTS && !got_stuck(&x->p.ev); i++) {
		struct bpmn_open *o;
		size_t n = bpmn_state_open(x->p.s, x->p.a, &o), pick;

		if (n == 0)
			return false;
		pick = model_roll(m, (unsigned)n);
		if (o[pick].what == BPMN_OPEN_WAIT)
			continue;
		in = (struct bpmn_input){.type = o[pick].what == BPMN_OPEN_TIMER ? BPMN_TIMER : BPMN_COMPLETE,
		        .key = o[pick].key};
		in.variables = in.type == BPMN_COMPLETE ? random_vars(x, m, var) : NULL;
		play_step(&x->p, &in);
	}
	return got_stuck(&x->p.ev);
}

TEST(what_gets_stuck_was_told_before)
{
	struct model *m = xcalloc(1, sizeof *m);
	int stuck = 0;

	for (uint64_t seed = 1; seed <= models(); seed++) {
		struct side x = {0};
		struct sb b = SB_INIT;
		int told = 0;

		model_make(m, seed);
		if (!spoil(m))
			continue;
		model_write(m, &b);
		if (play_begin(&x.p, b.p) && gets_stuck(&x, m)) {
			stuck++;
			bpmn_check(x.p.d, count_deadlocks, &told);
			for (size_t i = 0; i < ARRAY_LEN(x.p.called); i++)
				if (x.p.called[i] != NULL)
					bpmn_check(x.p.called[i], count_deadlocks, &told);
			if (!check(told > 0))
				check_fail("seed %llu:\n%s", (unsigned long long)seed, b.p);
		}
		play_end(&x.p);
		sb_fini(&b);
	}
	check(stuck > 20);
	free(m);
}

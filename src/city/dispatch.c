/* The decision "dispatch" of the packs, and the way from a duty to the branch of a place. */
#include "base/log.h"
#include "city/case_int.h"
#include "city/record_int.h"

const char *dispatch__desk(const struct snapshot *snap)
{
	for (int i = 0; i < snap->orgs; i++)
		if (strcmp(snap->org[i].kind, "desk") == 0)
			return snap->org[i].code;
	return "";
}

static size_t duty_length(const char *code)
{
	const char *dash = strchr(code, '-');

	return dash != NULL ? (size_t)(dash - code) : strlen(code);
}

bool org__same_duty(const char *a, const char *b)
{
	size_t n = duty_length(a);

	return n == duty_length(b) && n > 0 && strncmp(a, b, n) == 0;
}

bool org__related(const char *a, const char *b)
{
	size_t na = strlen(a), nb = strlen(b), n = na < nb ? na : nb;

	if (n == 0 || strncmp(a, b, n) != 0)
		return false;
	return na == nb || (na > nb ? a[n] : b[n]) == '-';
}

struct feel_value dispatch__thing(struct store_tx *tx, const struct thing *t)
{
	struct arena *a = store_arena(tx);
	struct feel_value v = {.type = FEEL_CONTEXT}, attrs;
	struct record r = {0};

	if (t == NULL)
		return FEEL_NULL_VALUE;
	feel_put(a, &v, STR_LIT("code"), feel_string(str_of(arena_strdup(a, t->code))));
	feel_put(a, &v, STR_LIT("kind"), feel_string(str_of(arena_strdup(a, t->kind))));
	feel_put(a, &v, STR_LIT("name"), feel_string(str_of(arena_strdup(a, t->name))));
	feel_put(a, &v, STR_LIT("org"), feel_string(str_of(arena_strdup(a, t->org))));
	feel_put(a, &v, STR_LIT("region"), feel_string(str_of(arena_strdup(a, t->region))));
	if (record__find(tx, a, t->kind, t->code, &r, NULL) > 0 &&
	        feel_read_json(a, str_of(r.attrs), &attrs, NULL) == 0)
		feel_put(a, &v, STR_LIT("attrs"), attrs);
	return v;
}

static const char *text_of(struct arena *a, const struct feel_value *v, const char *key)
{
	const struct feel_value *x = v->type == FEEL_CONTEXT ? feel_get(v, key) : NULL;

	return x != NULL && x->type == FEEL_STRING ? arena_strndup(a, x->string.p, x->string.n) : "";
}

static const struct category *fallback_category(const struct catalog *c)
{
	const struct category *k = catalog_category(c, "other");

	if (k != NULL && *k->flow != '\0')
		return k;
	for (int i = 0; i < c->categories; i++)
		if (*c->category[i].flow != '\0')
			return &c->category[i];
	return NULL;
}

static int decide(struct site *s, struct arena *a, time_us now, const struct feel_value *context,
        struct dmn_result *out, struct err *e)
{
	const struct dmn_model *m = catalog_decision(s->catalog, "dispatch");
	const struct feel_scope scope = {.context = context, .now = now, .zone = s->catalog->zone};

	if (m == NULL)
		return err_set(e, ERR_NOTFOUND, "no pack has a decision named dispatch");
	return dmn_evaluate(m, "dispatch", &scope, a, out, e);
}

void dispatch__decide(struct site *s, const struct snapshot *snap, struct arena *a, time_us now,
        const struct feel_value *context, const char *unit, struct dispatch *out)
{
	struct dmn_result r = {.value = FEEL_NULL_VALUE};
	const struct category *k;
	const struct feel_value *v;
	struct err e = ERR_INIT;
	int64_t level;

	*out = (struct dispatch){.category = "", .org = "", .note = "", .open_case = true};
	if (decide(s, a, now, context, &r, &e) < 0)
		out->note = arena_printf(a, "the decision failed: %s", e.text);
	else if (r.value.type != FEEL_CONTEXT)
		out->note = r.notes.n > 0 ? arena_printf(a, "no row of the decision fits: " STR_FMT,
		                                    STR_ARG(r.notes))
		                          : "no row of the decision fits";
	out->category = text_of(a, &r.value, "category");
	out->org = text_of(a, &r.value, "org");
	v = r.value.type == FEEL_CONTEXT ? feel_get(&r.value, "level") : NULL;
	if (v != NULL && v->type == FEEL_NUMBER && feel_number_to_int(v->number, &level) && level >= 1 &&
	        level <= 4)
		out->level = (int)level;
	v = r.value.type == FEEL_CONTEXT ? feel_get(&r.value, "case") : NULL;
	if (v != NULL && v->type == FEEL_BOOL && !v->boolean)
		out->open_case = false;

	/* A category without a flow can open no case: the catch-all takes it, and says so. */
	k = catalog_category(s->catalog, out->category);
	if (k == NULL || *k->flow == '\0') {
		const struct category *other = fallback_category(s->catalog);

		if (*out->note == '\0')
			out->note = *out->category != '\0'
			                    ? arena_printf(a, "the category %s has no flow", out->category)
			                    : "the decision gave no category";
		out->category = other != NULL ? other->code : "";
	}
	if (*out->org != '\0' && snapshot_org(snap, out->org) == NULL) {
		out->note = arena_printf(a, "no org has the code %s", out->org);
		out->org = "";
	}
	if (*out->org == '\0') {
		if (*out->note == '\0')
			out->note = "the decision gave no org";
		out->org = arena_strdup(a, dispatch__desk(snap));
	} else if (*unit != '\0') {
		const char *branch = arena_printf(a, "%s-%s", out->org, unit);

		if (snapshot_org(snap, branch) != NULL)
			out->org = branch;
	}
	if (*out->note != '\0')
		LOG(RULE_FAULT, log_s("what", "dispatch"), log_s("why", out->note));
}

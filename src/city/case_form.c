/* The form of an open task: what a page draws it from, and what the server makes of what was filled in. */
#include "city/case_int.h"
#include "city/kind.h"

const struct form_def *step__form(const struct stepping *x, const struct case_task *t)
{
	/* The desk's tasks about what went wrong are ours, not the flow's. */
	const struct bpmn_element *el = strcmp(t->stage, "incident") != 0 && strcmp(t->stage, "service") != 0
	                                        ? step__element(x, t)
	                                        : NULL;

	/* An older version of a flow may name one that the pack has no longer: its task ends without. */
	return el != NULL && *el->form != '\0' ? catalog_form(x->s->catalog, el->form) : NULL;
}

/* A thing's values without those that this reader may not see. */
static struct feel_value shown_thing(const struct stepping *x, const struct feel_value *thing)
{
	const struct feel_value *kind = feel_get(thing, "kind"), *attrs = feel_get(thing, "attrs");
	struct feel_value out = {.type = FEEL_CONTEXT}, values = {.type = FEEL_CONTEXT};
	const struct kind *k =
	        kind != NULL && kind->type == FEEL_STRING
	                ? catalog_kind(x->s->catalog, arena_strndup(x->a, kind->string.p, kind->string.n))
	                : NULL;

	for (int i = 0; i < thing->context.n; i++)
		feel_put(x->a, &out, thing->context.entry[i].key, *thing->context.entry[i].value);
	for (int i = 0; attrs != NULL && attrs->type == FEEL_CONTEXT && i < attrs->context.n; i++) {
		const struct feel_entry *v = &attrs->context.entry[i];
		const struct field *f =
		        k != NULL ? kind_field(k, arena_strndup(x->a, v->key.p, v->key.n)) : NULL;

		if (f != NULL && !field_hidden(f, x->by->scope.clearance) && !field_veiled(f))
			feel_put(x->a, &values, v->key, *v->value);
	}
	feel_put(x->a, &out, STR_LIT("attrs"), values);
	return out;
}

/* Of the flow's variables, those that the form asks for; a browser gets the same, so that both decide alike.
 */
static struct feel_value variables_of(
        const struct stepping *x, const struct case_task *t, const struct form_def *form)
{
	struct feel_value all = bpmn_state_seen(x->state, t->key, x->a), out = {.type = FEEL_CONTEXT};

	for (const char *const *name = form_names(form->form); *name != NULL; name++) {
		const struct feel_value *v = feel_get(&all, *name);

		if (v != NULL)
			feel_put(x->a, &out, str_of(*name),
			        strcmp(*name, "thing") == 0 && v->type == FEEL_CONTEXT ? shown_thing(x, v)
			                                                               : *v);
	}
	return out;
}

int case_form(struct store_tx *tx, struct site *s, const struct who *who, int64_t id, struct case_form *out,
        struct err *e)
{
	const struct form_def *form = NULL;
	struct case_task *t = NULL;
	struct feel_value v;
	struct stepping x;
	struct sb b = SB_INIT;
	struct jw w;
	int rc = step__load(&x, tx, s, who, id, e);

	*out = (struct case_form){.id = ""};
	if (rc == 0)
		t = step__task(&x, (uint32_t)x.c.task);
	if (t != NULL)
		form = step__form(&x, t);
	if (form != NULL) {
		v = variables_of(&x, t, form);
		jw_init(&w, &b);
		feel_write_json(&v, &w);
		*out = (struct case_form){.id = form->code,
		        .schema = form->json,
		        .variables = arena_strndup(store_arena(tx), b.p, b.n)};
		sb_fini(&b);
	}
	step__end(&x);
	return rc;
}

static void write_faults(struct sb *out, const struct form_answer *answer, bool chinese)
{
	struct jw w;

	sb_reset(out);
	jw_init(&w, out);
	jw_array(&w);
	for (int i = 0; i < answer->faults; i++) {
		const struct form_fault *f = &answer->fault[i];
		struct sb b = SB_INIT;

		form_fault_words(f, chinese, &b);
		jw_object(&w);
		jw_kstr(&w, "field", f->path);
		jw_kstr(&w, "label", f->label);
		jw_kstr(&w, "rule", form_rule_names[f->rule]);
		jw_kstr(&w, "limit", f->limit);
		jw_key(&w, "text");
		jw_str(&w, sb_str(&b));
		jw_object_end(&w);
		sb_fini(&b);
	}
	jw_array_end(&w);
}

/* The first fault as the failure; its words have both languages already. */
static int refuse(
        struct stepping *x, const struct form_answer *answer, const struct case_act *act, struct err *e)
{
	const struct form_fault *f = &answer->fault[0];
	struct sb en = SB_INIT, zh = SB_INIT;

	form_fault_words(f, false, &en);
	form_fault_words(f, true, &zh);
	if (answer->faults > 1) {
		sb_printf(&en, "; %d more values are not right", answer->faults - 1);
		sb_printf(&zh, "；另有 %d 处不符", answer->faults - 1);
	}
	err_set(e, ERR_INVALID, "%s: " STR_FMT, f->label, STR_ARG(sb_str(&en)));
	if (e != NULL)
		snprintf(e->zh, sizeof(e->zh), "%s：" STR_FMT, f->label, STR_ARG(sb_str(&zh)));
	sb_fini(&en);
	sb_fini(&zh);
	if (act->faults != NULL)
		write_faults(act->faults, answer, act->chinese);
	err_at(e, NULL, 0, 0, arena_printf(x->a, "variables.%s", f->path));
	return ERR_INVALID;
}

int step__fill_form(struct stepping *x, const struct case_task *t, const struct form_def *form,
        const char *outcome, struct feel_value *variables, const struct case_act *act, struct err *e)
{
	struct feel_value known = variables_of(x, t, form);
	const struct feel_value *org = feel_get(variables, "org");
	struct form_answer answer = {0};
	int rc;

	feel_put(x->a, &known, STR_LIT("outcome"), feel_string(str_of(outcome)));
	rc = form_fill(form->form, &known, variables, x->now, x->s->catalog->zone, x->a, &answer, e);
	if (rc < 0)
		return rc;
	if (answer.faults > 0)
		return refuse(x, &answer, act, e);
	/* To whom a task goes is told beside the form, and was checked. */
	if (org != NULL && feel_get(&answer.data, "org") == NULL)
		feel_put(x->a, &answer.data, STR_LIT("org"), *org);
	*variables = answer.data;
	return 0;
}

/*
 * A form-js schema, a line "%%", the variables, a line "%%", and what was sent, each JSON. What is taken
 * without a fault is taken again, and stays as it is.
 */
#include "form/form.h"

static struct str part(struct str *rest)
{
	size_t cut = 0;
	struct str out;

	while (cut + 4 <= rest->n && memcmp(rest->p + cut, "\n%%\n", 4) != 0)
		cut++;
	if (cut + 4 > rest->n) {
		out = *rest;
		*rest = (struct str){rest->p, 0};
		return out;
	}
	out = (struct str){rest->p, cut};
	*rest = (struct str){rest->p + cut + 4, rest->n - cut - 4};
	return out;
}

static const struct feel_value *read(struct arena *a, struct str json, struct feel_value *v)
{
	return feel_read_json(a, str_of(arena_strndup(a, json.p, json.n)), v, NULL) == 0 &&
	                       v->type == FEEL_CONTEXT
	               ? v
	               : NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = {(const char *)data, size}, schema = part(&rest), variables = part(&rest);
	struct arena *a = arena_new(0);
	struct form_answer first = {0}, second = {0};
	struct form_model *f = NULL;
	struct feel_value v, d;
	const struct feel_value *known;
	struct sb words = SB_INIT;
	struct err e = ERR_INIT;

	if (form_load(a, str_of(arena_strndup(a, schema.p, schema.n)), "x", NULL, NULL, &f, &e) < 0)
		goto out;
	known = read(a, variables, &v);
	if (form_fill(f, known, read(a, rest, &d), 0, zone_utc(), a, &first, &e) < 0)
		goto out;
	for (int i = 0; i < first.faults; i++)
		form_fault_words(&first.fault[i], i % 2 == 0, &words);
	if (first.faults == 0 && form_fill(f, known, &first.data, 0, zone_utc(), a, &second, &e) == 0)
		must(second.faults == 0 || known != NULL);
out:
	sb_fini(&words);
	arena_free(&a);
	return 0;
}

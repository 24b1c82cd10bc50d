/* Prometheus rule files of a pack: alert rules, checked by the parser that will run them. */
#include "city/pack_int.h"

#include <math.h>

static struct label *read_labels(
        struct pack_data *d, const struct pack_file *f, const struct doc *map, bool names, int *n)
{
	struct label *out = arena_array(d->a, map != NULL ? (size_t)map->count : 0, sizeof(*out));

	*n = 0;
	DOC_EACH(x, map)
	{
		if (names && (!label_name_valid(str_of(x->key)) || strcmp(x->key, LABEL_NAME) == 0))
			pack__tell(d, true, f->path, x->line, x->column, x->key,
			        "this is not a name of a label");
		else if (x->text == NULL)
			pack__tell(d, true, f->path, x->line, x->column, x->key, "a text is needed");
		else
			out[(*n)++] = (struct label){str_of(x->key), {x->text, x->text_n}};
	}
	return out;
}

static dur_us read_duration(
        struct pack_data *d, const struct pack_file *f, const struct doc *map, const char *key, dur_us dflt)
{
	const struct doc *x = doc_get(map, key);
	dur_us v;

	if (x == NULL)
		return dflt;
	if (x->text != NULL && dur_parse((struct str){x->text, x->text_n}, &v) && v >= 0)
		return v;
	pack__tell(
	        d, true, f->path, x->line, x->column, key, "a duration such as 30s, 5m or 1h30m is needed");
	return dflt;
}

static struct str label_of(const struct alert_rule *r, const char *name)
{
	for (int i = 0; i < r->labels; i++)
		if (str_is(r->label[i].name, name))
			return r->label[i].value;
	return STR_NULL;
}

static void read_rule(struct pack_data *d, const struct pack_file *f, const struct doc *x, const char *group,
        dur_us interval)
{
	static const char *const keys[] = {
	        "alert", "expr", "for", "keep_firing_for", "labels", "annotations", "record", NULL};
	struct err e = ERR_INIT;
	const struct doc *expr = doc_get(x, "expr");
	struct alert_rule r = {.group = group,
	        .pack = d->pack,
	        .file = f->path,
	        .line = x->line,
	        .interval = interval,
	        .threshold = NAN};
	struct str severity;

	if (x->type != DOC_MAP || doc_only_keys(x, f->path, keys, &e) < 0) {
		if (x->type != DOC_MAP)
			pack__tell(d, true, f->path, x->line, x->column, "rules",
			        "a rule with alert and expr is needed");
		else
			pack__tell_err(d, &e, f->path, x->line);
		return;
	}
	if (doc_get(x, "record") != NULL) {
		pack__tell(d, true, f->path, x->line, x->column, "record",
		        "recording rules are not run; write the expression where it is used");
		return;
	}
	r.name = doc_str(x, "alert", "");
	if (*r.name == '\0' || expr == NULL || expr->text == NULL) {
		pack__tell(d, true, f->path, x->line, x->column, *r.name ? "expr" : "alert",
		        "an alert needs a name and an expr");
		return;
	}
	for (int i = 0; i < d->catalog->rules; i++) {
		const struct alert_rule *old = &d->catalog->rule[i];

		if (strcmp(old->group, group) == 0 && strcmp(old->name, r.name) == 0 &&
		        pack__taken(d, f->path, x->line, "rule", r.name, old->pack))
			return;
	}
	r.expr_text = expr->text;
	if (promql_parse(d->a, (struct str){expr->text, expr->text_n}, &r.expr, &e) < 0) {
		pack__tell(d, true, f->path, expr->line, e.column, r.name,
		        "the expression cannot be read: %s", e.text);
		return;
	}
	if (promql_type(r.expr) != PROMQL_VECTOR) {
		pack__tell(
		        d, true, f->path, expr->line, 0, r.name, "an alert's expression must give a vector");
		return;
	}
	r.hold = read_duration(d, f, x, "for", 0);
	r.keep_firing = read_duration(d, f, x, "keep_firing_for", 0);
	r.label = read_labels(d, f, doc_get(x, "labels"), true, &r.labels);
	r.annotation = read_labels(d, f, doc_get(x, "annotations"), false, &r.annotations);
	r.after_gap = read_duration(d, f, doc_get(x, "annotations"), "after_gap", 0);
	severity = label_of(&r, "severity");
	if (severity.p != NULL && (severity.n != 1 || *severity.p < '1' || *severity.p > '4'))
		pack__tell(d, true, f->path, x->line, 0, "severity",
		        "a level from 1 (red) to 4 (blue) is needed");
	r.push = promql_plain_comparison(r.expr, &r.match, &r.matches, &r.op, &r.threshold);
	*PACK_PUSH(d, d->catalog->rule, d->catalog->rules, rules_cap, struct alert_rule) = r;
}

void pack__read_rules(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {"name", "interval", "rules", "limit", NULL};
	struct err e = ERR_INIT;
	struct doc *doc = NULL;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	if (doc_get(doc, "groups") == NULL)
		pack__tell(d, true, f->path, 1, 0, "groups", "a rule file is a list of groups");
	DOC_EACH(g, doc_get(doc, "groups"))
	{
		const char *name = doc_str(g, "name", "");

		if (doc_only_keys(g, f->path, keys, &e) < 0)
			pack__tell_err(d, &e, f->path, g->line);
		if (*name == '\0')
			pack__tell(d, true, f->path, g->line, 0, "name", "a group needs a name");
		DOC_EACH(x, doc_get(g, "rules"))
		read_rule(d, f, x, name, read_duration(d, f, g, "interval", 15 * US_SECOND));
	}
}

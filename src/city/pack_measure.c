/* What a pack says about numbers: indicators. */
#include "city/pack_int.h"

#include <math.h>

void pack__read_indicators(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {"code", "name", "name_en", "unit", "formula", "sql", "direction",
	        "target", "decimals", "meaning", "meaning_en", "source", NULL};
	static const char *const measures[] = {"opened", "finished", "finished_on_time", "closed",
	        "closed_on_time", "overdue", "returned", "alarms"};
	struct str name[ARRAY_LEN(measures)];
	struct feel_names names = {.name = name, .n = (int)ARRAY_LEN(measures)};
	struct catalog *c = d->catalog;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;

	for (size_t i = 0; i < ARRAY_LEN(measures); i++)
		name[i] = str_of(measures[i]);
	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	DOC_EACH(x, doc_get(doc, "indicators"))
	{
		const char *code = doc_str(x, "code", ""), *direction = doc_str(x, "direction", "up");
		const struct doc *formula = doc_get(x, "formula"), *sql = doc_get(x, "sql");
		const struct indicator *old;
		struct feel_expr *expr = NULL;

		if (doc_only_keys(x, f->path, keys, &e) < 0)
			pack__tell_err(d, &e, f->path, x->line);
		old = catalog_indicator(c, code);
		if (pack__taken(d, f->path, x->line, "indicator", code, old != NULL ? old->pack : NULL))
			continue;
		if (*code == '\0' || old != NULL) {
			pack__tell(d, true, f->path, x->line, x->column, "code",
			        "an indicator needs a code that no other has");
			continue;
		}
		if (formula != NULL && sql != NULL) {
			pack__tell(d, true, f->path, sql->line, sql->column, code,
			        "an indicator has a formula or sql, not both");
			continue;
		}
		if (formula == NULL)
			formula = sql;
		if (formula == NULL || formula->text == NULL) {
			pack__tell(d, true, f->path, x->line, x->column, code,
			        "an indicator needs a formula, or sql");
			continue;
		}
		/* Whether SQL can be read is seen when all kinds are there: pack__check_references. */
		if (sql == NULL && feel_compile(d->a, (struct str){formula->text, formula->text_n}, &names,
		                           &expr, &e) < 0) {
			pack__tell(d, true, f->path, formula->line, e.column, code,
			        "the formula cannot be read: %s", e.text);
			continue;
		}
		if (strcmp(direction, "up") != 0 && strcmp(direction, "down") != 0)
			pack__tell(d, true, f->path, x->line, x->column, "direction", "up or down is needed");
		*PACK_PUSH(d, c->indicator, c->indicators, indicators_cap, struct indicator) =
		        (struct indicator){.code = code,
		                .pack = d->pack,
		                .name = doc_str(x, "name", code),
		                .name_en = doc_str(x, "name_en", ""),
		                .unit = doc_str(x, "unit", ""),
		                .formula = formula->text,
		                .expr = expr,
		                .line = formula->line,
		                .secrecy = 1,
		                .direction = direction,
		                .meaning = doc_str(x, "meaning", ""),
		                .source = doc_str(x, "source", ""),
		                .target = doc_double(x, "target", NAN),
		                .decimals = (int)doc_int(x, "decimals", 1)};
	}
}

/* retention.yaml: how long readings are kept, by classes of series. The first class that matches decides. */
#include "city/pack_int.h"

static const char forever[] = "forever";

bool retention_span(struct str s, dur_us *out)
{
	if (str_is(s, forever)) {
		*out = SERIES_FOREVER;
		return true;
	}
	return dur_parse(s, out) && *out >= US_HOUR && *out % US_MINUTE == 0;
}

static bool read_span(struct pack_data *d, const struct pack_file *f, const struct doc *map, const char *key,
        bool must, dur_us *out)
{
	const struct doc *x = doc_get(map, key);

	*out = 0;
	if (x == NULL && !must)
		return true;
	if (x != NULL && x->text != NULL && retention_span((struct str){x->text, x->text_n}, out))
		return true;
	pack__tell(d, true, f->path, x != NULL ? x->line : map->line, x != NULL ? x->column : map->column,
	        key, "a time of an hour or more is needed, such as 90d, 26w or 10y, or forever");
	return false;
}

/* Each must be longer than the one before, or nothing would ever be in it. */
static bool check_order(struct pack_data *d, const struct pack_file *f, const struct doc *map,
        const struct retention_class *c)
{
	const char *wrong = NULL;

	if (c->five != 0 && c->five <= c->keep)
		wrong = "five_minutes";
	else if (c->hour != 0 && c->hour <= (c->five != 0 ? c->five : c->keep))
		wrong = "hours";
	if (wrong != NULL)
		pack__tell(d, true, f->path, doc_get(map, wrong)->line, doc_get(map, wrong)->column, wrong,
		        "roll-ups are kept longer than what they are made of: five_minutes longer than "
		        "readings, hours longer than both");
	return wrong == NULL;
}

static bool read_match(
        struct pack_data *d, const struct pack_file *f, const struct doc *map, struct retention_class *c)
{
	const struct doc *x = doc_get(map, "match");
	struct err e = ERR_INIT;

	if (x == NULL || x->text == NULL || x->text_n == 0) {
		pack__tell(d, true, f->path, map->line, map->column, "match",
		        "a selection of series is needed, such as '{__name__=~\"ch4_.*\"}'");
		return false;
	}
	if (selector_parse(d->a, (struct str){x->text, x->text_n}, &c->selector, &e) < 0) {
		pack__tell(d, true, f->path, x->line, e.column, "match", "the selection cannot be read: %s",
		        e.text);
		return false;
	}
	c->match = arena_strndup(d->a, x->text, x->text_n);
	return true;
}

static void read_class(struct pack_data *d, const struct pack_file *f, const struct doc *map)
{
	static const char *const keys[] = {
	        "code", "name", "name_en", "match", "readings", "five_minutes", "hours", NULL};
	struct catalog *cat = d->catalog;
	struct retention_class c = {.pack = d->pack, .file = f->path, .line = map->line};
	struct err e = ERR_INIT;

	if (map->type != DOC_MAP || doc_only_keys(map, f->path, keys, &e) < 0) {
		if (map->type != DOC_MAP)
			pack__tell(d, true, f->path, map->line, map->column, "classes",
			        "a class with code, match and readings is needed");
		else
			pack__tell_err(d, &e, f->path, map->line);
		return;
	}
	c.code = doc_str(map, "code", "");
	c.name = doc_str(map, "name", c.code);
	c.name_en = doc_str(map, "name_en", "");
	if (*c.code == '\0' || strcspn(c.code, " \t/+#%?,;") != strlen(c.code)) {
		pack__tell(d, true, f->path, map->line, map->column, "code",
		        "a class needs a code without blanks and signs");
		return;
	}
	for (int i = 0; i < cat->retentions; i++) {
		if (strcmp(cat->retention[i].code, c.code) != 0)
			continue;
		if (!pack__taken(d, f->path, map->line, "class", c.code, cat->retention[i].pack))
			pack__tell(d, true, f->path, map->line, map->column, "code",
			        "\"%s\" is there already, on line %d", c.code, cat->retention[i].line);
		return;
	}
	if (!read_match(d, f, map, &c) || !read_span(d, f, map, "readings", true, &c.keep) ||
	        !read_span(d, f, map, "five_minutes", false, &c.five) ||
	        !read_span(d, f, map, "hours", false, &c.hour) || !check_order(d, f, map, &c))
		return;
	for (int i = 0; i < cat->retentions; i++)
		if (selector_within(&c.selector, &cat->retention[i].selector)) {
			pack__tell(d, false, f->path, map->line, map->column, "match",
			        "the class %s comes before and takes all that this one selects; put the "
			        "narrower class first",
			        cat->retention[i].code);
			break;
		}
	*PACK_PUSH(d, cat->retention, cat->retentions, retentions_cap, struct retention_class) = c;
}

void pack__read_retention(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {"classes", NULL};
	struct err e = ERR_INIT;
	struct doc *doc = NULL;
	const struct doc *list;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0 ||
	        doc_only_keys(doc, f->path, keys, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	list = doc_get(doc, "classes");
	if (list == NULL || list->type != DOC_LIST) {
		pack__tell(d, true, f->path, 1, 0, "classes", "a list of classes is needed");
		return;
	}
	DOC_EACH(x, list)
	{
		read_class(d, f, x);
	}
}

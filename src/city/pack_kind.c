/* Record kinds of a pack. */
#include "base/id_code.h"
#include "base/mask.h"
#include "city/kind.h"
#include "city/pack_int.h"
#include "city/view.h"

#include <math.h>

static const struct {
	const char *name;
	enum field_type type;
} field_types[] = {{"text", FIELD_TEXT}, {"integer", FIELD_INTEGER}, {"decimal", FIELD_DECIMAL},
        {"number", FIELD_DECIMAL}, {"bool", FIELD_BOOL}, {"date", FIELD_DATE}, {"instant", FIELD_INSTANT},
        {"code", FIELD_CODE}, {"reference", FIELD_REFERENCE}, {"place", FIELD_PLACE}, {"file", FIELD_FILE}};

static struct field_option *read_options(
        struct pack_data *d, const struct pack_file *f, const struct doc *list, const char *key, int *n)
{
	static const char *const keys[] = {"code", "name", "name_en", "color", NULL};
	struct field_option *out = arena_array(d->a, list != NULL ? (size_t)list->count : 0, sizeof(*out));
	struct err e = ERR_INIT;

	*n = 0;
	DOC_EACH(x, list)
	{
		struct field_option *o = &out[(*n)++];

		if (doc_only_keys(x, f->path, keys, &e) < 0)
			pack__tell_err(d, &e, f->path, x->line);
		*o = (struct field_option){doc_str(x, "code", ""), doc_str(x, "name", ""),
		        doc_str(x, "name_en", ""), doc_str(x, "color", "")};
		if (*o->code == '\0' || *o->name == '\0')
			pack__tell(d, true, f->path, x->line, x->column, key,
			        "an option needs a code and a name");
		for (int i = 0; i < *n - 1; i++)
			if (strcmp(out[i].code, o->code) == 0)
				pack__tell(d, true, f->path, x->line, x->column, key,
				        "the code %s is there twice", o->code);
	}
	return out;
}

static enum field_type read_type(
        struct pack_data *d, const struct pack_file *f, const struct doc *x, const char *key)
{
	const char *type = doc_str(x, "type", "text");

	for (size_t i = 0; i < ARRAY_LEN(field_types); i++)
		if (strcmp(field_types[i].name, type) == 0)
			return field_types[i].type;
	pack__tell(d, true, f->path, x->line, x->column, key,
	        "\"%s\" is no type of field; there are text, integer, decimal, bool, date, instant, code, "
	        "reference, place, file",
	        type);
	return FIELD_TEXT;
}

/* What goes together within one field. */
static void check_field(struct pack_data *d, const struct pack_file *f, const struct doc *x,
        const struct kind *k, struct field *out)
{
	const char *doubt = NULL;
	struct err e = ERR_INIT;
	struct matcher m;
	struct str value;

#define BAD(...) pack__tell(d, true, f->path, x->line, x->column, out->key, __VA_ARGS__)
	for (int i = 0; i < k->fields; i++)
		if (strcmp(k->field[i].key, out->key) == 0)
			BAD("the kind has a field of that key already");
	if (kind_is_own(out->key))
		BAD("every record has \"%s\" by itself; a field needs another key", out->key);
	if (out->secrecy < 1 || out->secrecy > 4)
		BAD("secrecy goes from 1 (public) to 4");
	if (*out->mask != '\0' && !mask_rule(out->mask))
		BAD("\"%s\" is no mask; there are name, phone, id, address, number", out->mask);
	if (out->type == FIELD_CODE && out->options == 0)
		BAD("a field of type code needs options");
	if (out->type == FIELD_REFERENCE && *out->ref == '\0')
		BAD("a reference needs ref: the kind that it points to, or region, or org");
	if (out->tree && (out->type != FIELD_REFERENCE || out->many ||
	                         (strcmp(out->ref, k->code) != 0 && !(k->thing && field_of_things(out)))))
		BAD("a tree is made by one reference to the parent, of the same kind, or of things to a "
		    "thing");
	if ((*out->back != '\0' || *out->back_en != '\0') && out->type != FIELD_REFERENCE)
		BAD("back says how a reference is called from its other end");
	if (*out->check != '\0' && (out->type != FIELD_TEXT || !id_code_rule(out->check)))
		BAD("\"%s\" is no check of a text; there are uscc, citizen, division, org", out->check);
	if (out->searched && (out->secrecy > 1 || *out->mask != '\0')) {
		pack__tell(d, false, f->path, x->line, x->column, out->key,
		        "full text finds only what every reader may see: a field with secrecy or a mask is "
		        "left out");
		out->searched = false;
	}
	if (out->searched && out->type != FIELD_TEXT)
		BAD("full text is made of texts");
	if (out->type == FIELD_FILE && (out->unique || *out->mask != '\0'))
		BAD("a file is neither unique nor masked; secrecy hides it");
	if (out->many && out->unique)
		BAD("a list of values cannot be unique");
	if (*out->dflt != '\0' &&
	        kind_value(d->a, out, d->catalog->zone, str_of(out->dflt), &value, &doubt, &e) < 0)
		BAD("the default is no value of this field: %s", e.text);
	if (*out->pattern != '\0' &&
	        matcher_init(&m, d->a, MATCH_RE, STR_LIT("x"), str_of(out->pattern), &e) < 0)
		BAD("the pattern cannot be read: %s", e.text);
#undef BAD
}

/* One key or a list of them, as words. */
static const char *read_was(struct pack_data *d, const struct pack_file *f, const struct doc *x)
{
	const struct doc *was = doc_get(x, "was");
	const char *out = doc_str(x, "was", "");

	DOC_EACH(key, was != NULL && was->type == DOC_LIST ? was : NULL)
	{
		if (key->text == NULL)
			pack__tell(d, true, f->path, key->line, key->column, "was", "a key is needed");
		else
			out = arena_printf(d->a, "%s%s%s", out, *out ? " " : "", key->text);
	}
	return out;
}

static void read_match(struct pack_data *d, const struct pack_file *f, const struct doc *from,
        const struct doc *match, struct field *out)
{
	struct err e = ERR_INIT;

	out->part = (int)doc_int(from, "group", 1);
	if (*out->from == '\0' || match->text == NULL || doc_get(from, "separator") != NULL ||
	        doc_get(from, "part") != NULL)
		pack__tell(d, true, f->path, from->line, from->column, out->key,
		        "from with match needs the field that is cut and the group that is taken, and "
		        "neither "
		        "separator nor part");
	else if (pattern_compile(d->a, (struct str){match->text, match->text_n}, &out->match, &e) < 0)
		pack__tell(d, true, f->path, match->line, match->column, out->key,
		        "the match cannot be read: %s (its character %d)", e.text, e.column);
	else if (out->part < 1 || out->part > pattern_groups(out->match))
		pack__tell(d, true, f->path, match->line, match->column, out->key,
		        "the match has %d groups in brackets; group says which of them is taken, from 1",
		        pattern_groups(out->match));
}

static void read_from(struct pack_data *d, const struct pack_file *f, const struct doc *x, struct field *out)
{
	static const char *const keys[] = {"field", "separator", "part", "match", "group", NULL};
	const struct doc *from = doc_get(x, "from"), *match = doc_get(from, "match");
	struct err e = ERR_INIT;

	out->from = out->separator = "";
	if (from == NULL)
		return;
	if (doc_only_keys(from, f->path, keys, &e) < 0) {
		pack__tell_err(d, &e, f->path, from->line);
		return;
	}
	out->from = doc_str(from, "field", "");
	if (match != NULL) {
		read_match(d, f, from, match, out);
		return;
	}
	out->separator = doc_str(from, "separator", "");
	out->part = (int)doc_int(from, "part", 1);
	if (*out->from == '\0' || *out->separator == '\0' || out->part < 1 || doc_get(from, "group") != NULL)
		pack__tell(d, true, f->path, from->line, from->column, out->key,
		        "from needs the field that is cut, and the separator and which part is taken, from "
		        "1, or "
		        "match and group");
}

/* Whether a key is among words. */
bool pack__has_word(const char *words, const char *key)
{
	size_t n = strlen(key);

	for (const char *p = words; (p = strstr(p, key)) != NULL; p += n)
		if ((p == words || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
			return true;
	return false;
}

static void read_field(struct pack_data *d, const struct pack_file *f, const struct doc *x, struct kind *k)
{
	static const char *const keys[] = {"key", "name", "name_en", "type", "unit", "required", "unique",
	        "list", "search", "filter", "many", "tree", "check", "was", "from", "default", "group",
	        "group_en", "back", "back_en", "help", "help_en", "secrecy", "mask", "min", "max", "pattern",
	        "ref", "options", NULL};
	struct field *out = &k->field[k->fields];
	struct err e = ERR_INIT;

	if (doc_only_keys(x, f->path, keys, &e) < 0)
		pack__tell_err(d, &e, f->path, x->line);
	*out = (struct field){.key = doc_str(x, "key", ""),
	        .name = doc_str(x, "name", ""),
	        .name_en = doc_str(x, "name_en", ""),
	        .unit = doc_str(x, "unit", ""),
	        .ref = doc_str(x, "ref", ""),
	        .pattern = doc_str(x, "pattern", ""),
	        .group = doc_str(x, "group", ""),
	        .group_en = doc_str(x, "group_en", ""),
	        .back = doc_str(x, "back", ""),
	        .back_en = doc_str(x, "back_en", ""),
	        .help = doc_str(x, "help", ""),
	        .help_en = doc_str(x, "help_en", ""),
	        .check = doc_str(x, "check", ""),
	        .was = read_was(d, f, x),
	        .dflt = doc_str(x, "default", ""),
	        .mask = doc_str(x, "mask", ""),
	        .type = read_type(d, f, x, doc_str(x, "key", "")),
	        .required = doc_bool(x, "required", false),
	        .unique = doc_bool(x, "unique", false),
	        .in_list = doc_bool(x, "list", false),
	        .searched = doc_bool(x, "search", false),
	        .filter = doc_bool(x, "filter", false),
	        .many = doc_bool(x, "many", false),
	        .tree = doc_bool(x, "tree", false),
	        .secrecy = (int)doc_int(x, "secrecy", 1),
	        .min = doc_double(x, "min", NAN),
	        .max = doc_double(x, "max", NAN)};
	if (*out->key == '\0' || *out->name == '\0') {
		pack__tell(d, true, f->path, x->line, x->column, *out->key ? "name" : "key",
		        "a field needs a key and a name");
		return;
	}
	out->option = read_options(d, f, doc_get(x, "options"), out->key, &out->options);
	read_from(d, f, x, out);
	check_field(d, f, x, k, out);
	k->fields++;
}

static void read_quantities(
        struct pack_data *d, const struct pack_file *f, const struct doc *list, struct kind *k)
{
	k->quantity = arena_array(d->a, list != NULL ? (size_t)list->count : 0, sizeof(struct quantity));
	DOC_EACH(x, list)
	{
		struct quantity *q = &k->quantity[k->quantities++];

		*q = (struct quantity){doc_str(x, "metric", ""), doc_str(x, "name", ""),
		        doc_str(x, "name_en", ""), doc_str(x, "unit", ""), doc_double(x, "low", NAN),
		        doc_double(x, "high", NAN)};
		if (!metric_name_valid(str_of(q->metric)))
			pack__tell(d, true, f->path, x->line, x->column, "metric",
			        "\"%s\" is no name of a metric", q->metric);
	}
}

/* A text that holds for all things of the kind, or a map of it and of the field by which a thing says its
 * own. */
static const char *read_own(struct pack_data *d, const struct pack_file *f, const struct doc *doc,
        struct kind *k, const char *key, enum field_means means, const char **of_field)
{
	static const char *const keys[] = {"default", "field", NULL};
	const struct doc *x = doc_get(doc, key);
	struct field *own = NULL;
	struct err e = ERR_INIT;

	*of_field = "";
	if (x == NULL || x->type != DOC_MAP)
		return doc_str(doc, key, "");
	if (doc_only_keys(x, f->path, keys, &e) < 0)
		pack__tell_err(d, &e, f->path, x->line);
	*of_field = doc_str(x, "field", "");
	for (int i = 0; i < k->fields; i++)
		if (strcmp(k->field[i].key, *of_field) == 0)
			own = &k->field[i];
	if (own == NULL || own->many || field_veiled(own) || own->secrecy > k->secrecy || !k->thing ||
	        own->type != (means == MEANS_ZONE ? FIELD_TEXT : FIELD_INTEGER))
		pack__tell(d, true, f->path, x->line, x->column, key,
		        means == MEANS_ZONE ? "the field of a kind's zone is one of its own: of things, a "
		                              "text, one value, seen by all who see the thing"
		                            : "the field of a kind's interval is one of its own: of things, "
		                              "an integer of seconds, one value, seen by all who see the "
		                              "thing");
	else
		own->means = means;
	return doc_str(x, "default", "");
}

/* How devices of the kind are watched, and which become things of it by themselves. */
static void read_devices(
        struct pack_data *d, const struct pack_file *f, const struct doc *doc, struct kind *k)
{
	static const char *const battery_keys[] = {"metric", "low", NULL};
	static const char *const adopt_keys[] = {"code", "name", "org", "region", NULL};
	const struct doc *interval = doc_get(doc, "interval"), *battery = doc_get(doc, "battery"),
	                 *adopt = doc_get(doc, "adopt");
	const char *each = read_own(d, f, doc, k, "interval", MEANS_INTERVAL, &k->interval_field),
	           *zone = read_own(d, f, doc, k, "zone", MEANS_ZONE, &k->zone_field);
	struct err e = ERR_INIT;
	dur_us every = 0;

	k->battery = doc_str(battery, "metric", "");
	k->battery_low = doc_double(battery, "low", NAN);
	k->adopt.code = doc_str(adopt, "code", "");
	k->adopt.name = doc_str(adopt, "name", k->name);
	k->adopt.org = doc_str(adopt, "org", "");
	k->adopt.region = doc_str(adopt, "region", "");
	if (*zone != '\0' && zone_load(zone, &k->zone, &e) < 0)
		pack__tell(d, true, f->path, doc_get(doc, "zone")->line, doc_get(doc, "zone")->column, "zone",
		        "%s; a zone is named as Asia/Shanghai or +08:00", e.text);
	if ((interval != NULL && *k->interval_field == '\0' && *each == '\0') ||
	        (*each != '\0' && (!dur_parse(str_of(each), &every) || every < US_SECOND ||
	                                  every > INTERVAL_MOST_S * US_SECOND)))
		pack__tell(d, true, f->path, interval->line, interval->column, "interval",
		        "the time between two messages of a device goes from 1s to a year, such as 5m");
	else
		k->interval_s = (int)(every / US_SECOND);
	if (battery != NULL && (doc_only_keys(battery, f->path, battery_keys, &e) < 0 ||
	                               !metric_name_valid(str_of(k->battery))))
		pack__tell(d, true, f->path, battery->line, battery->column, "battery",
		        "battery needs the metric that says how full it is, and may say below what it is "
		        "low");
	if (adopt == NULL)
		return;
	if (!k->thing || *k->adopt.code == '\0' || doc_only_keys(adopt, f->path, adopt_keys, &e) < 0)
		pack__tell(d, true, f->path, adopt->line, adopt->column, "adopt",
		        "adopt needs the pattern of the codes of devices that become things of this kind; "
		        "name, org "
		        "and region may stand beside it");
	else if (pattern_compile(d->catalog->arena, str_of(k->adopt.code), &k->adopt.pattern, &e) < 0)
		pack__tell(d, true, f->path, adopt->line, adopt->column, "adopt", "the pattern: %s", e.text);
}

/* Roles by name; those of the administrator where nothing is said. */
static unsigned read_roles(struct pack_data *d, const struct pack_file *f, const struct doc *list)
{
	unsigned bits = 0;

	if (list == NULL)
		return ROLE_ADMIN;
	DOC_EACH(x, list)
	{
		unsigned bit = x->text != NULL ? roles_parse((struct str){x->text, x->text_n}) : 0;

		if (bit == 0)
			pack__tell(d, true, f->path, x->line, x->column, "write",
			        "a list of roles is needed: viewer, handler, desk, leader, admin");
		bits |= bit;
	}
	return bits;
}

static void check_kind(
        struct pack_data *d, const struct pack_file *f, const struct doc *doc, const struct kind *k)
{
	const struct field *key = *k->key != '\0' ? kind_field(k, k->key) : NULL;
	const struct doc *line = doc_get(doc, "key");

	if (*k->key != '\0' && (key == NULL || key->type != FIELD_TEXT || key->many || field_veiled(key)))
		pack__tell(d, true, f->path, line->line, line->column, "key",
		        "the key of a kind is one of its fields: a text without mask");
	else if (key != NULL && key->secrecy > k->secrecy)
		pack__tell(d, true, f->path, line->line, line->column, "key",
		        "every reader of a kind sees the codes of its records; their field cannot have more "
		        "secrecy than the kind");
	for (int i = 0; i < k->fields; i++)
		for (int n = 0; n < k->fields; n++)
			if (pack__has_word(k->field[i].was, k->field[n].key))
				pack__tell(d, true, f->path, 1, 0, k->field[i].key,
				        "was names the field %s, which the kind still has", k->field[n].key);
	if (k->secrecy < 1 || k->secrecy > 4)
		pack__tell(d, true, f->path, 1, 0, "secrecy", "secrecy goes from 1 (public) to 4");
	if (view_is_taken(k->code))
		pack__tell(d, false, f->path, 1, 0, "code",
		        "v_%s is a view of the platform's own; in SQL nobody can ask of this kind", k->code);
	if (strcmp(k->code, "region") == 0 || strcmp(k->code, "org") == 0 || strcmp(k->code, "thing") == 0 ||
	        !kind_code_valid(str_of(k->code)))
		pack__tell(d, true, f->path, 1, 0, "code",
		        "a kind needs a code of its own: not region, org or thing, no blanks and none of / + "
		        "# %% ? "
		        ", ;");
}

void pack__read_kind(struct pack_data *d, const struct pack_file *f)
{
	static const char *const keys[] = {"code", "name", "name_en", "icon", "color", "thing", "fields",
	        "quantities", "states", "key", "secrecy", "write", "description", "interval", "battery",
	        "zone", "adopt", NULL};
	struct catalog *c = d->catalog;
	const struct doc *fields;
	const struct kind *old;
	struct err e = ERR_INIT;
	struct doc *doc = NULL;
	struct kind *k;

	if (doc_parse_yaml(d->a, f->text, f->path, &doc, &e) < 0 ||
	        doc_only_keys(doc, f->path, keys, &e) < 0) {
		pack__tell_err(d, &e, f->path, 1);
		return;
	}
	if (*doc_str(doc, "code", "") == '\0' || *doc_str(doc, "name", "") == '\0') {
		pack__tell(d, true, f->path, 1, 0, "code", "a kind needs a code and a name");
		return;
	}
	old = catalog_kind(c, doc_str(doc, "code", ""));
	if (pack__taken(d, f->path, doc_get(doc, "code")->line, "kind", doc_str(doc, "code", ""),
	            old != NULL ? old->pack : NULL))
		return;
	if (old != NULL) {
		pack__tell(d, true, f->path, 1, 0, doc_str(doc, "code", ""),
		        "another file declares a kind of that code");
		return;
	}
	fields = doc_get(doc, "fields");
	k = PACK_PUSH(d, c->kind, c->kinds, kinds_cap, struct kind);
	*k = (struct kind){.code = doc_str(doc, "code", ""),
	        .name = doc_str(doc, "name", ""),
	        .name_en = doc_str(doc, "name_en", ""),
	        .icon = doc_str(doc, "icon", ""),
	        .color = doc_str(doc, "color", ""),
	        .description = doc_str(doc, "description", ""),
	        .key = doc_str(doc, "key", ""),
	        .pack = d->pack,
	        .thing = doc_bool(doc, "thing", false),
	        .secrecy = (int)doc_int(doc, "secrecy", 1),
	        .write = read_roles(d, f, doc_get(doc, "write")),
	        .field = arena_array(d->a, fields != NULL ? (size_t)fields->count : 0, sizeof(struct field))};
	DOC_EACH(x, fields)
	read_field(d, f, x, k);
	k->state = read_options(d, f, doc_get(doc, "states"), "states", &k->states);
	read_quantities(d, f, doc_get(doc, "quantities"), k);
	read_devices(d, f, doc, k);
	check_kind(d, f, doc, k);
}

#include "city/record_int.h"

#include <math.h>

/*
 * A line of a field and a text, one of a condition and its words, one of a cursor; the rest is a record's
 * attributes. What is kept is kept as it is when it is read again.
 */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static struct field_option options[] = {{"a", "甲", "First", ""}, {"b", "乙", "", ""}};
#define FIELD(k, t, of, say, to, several, least, most)                                                       \
	{                                                                                                    \
		.key = (k), .name = "名", .name_en = "", .unit = "", .ref = (to), .pattern = (of),           \
		.check = (say), .mask = "", .was = "", .from = "", .separator = "", .dflt = "", .type = (t), \
		.secrecy = 1, .min = (least), .max = (most), .many = (several), .option = options,           \
		.options = 2, .no = 1                                                                        \
	}
static struct field fields[] = {
        FIELD("t", FIELD_TEXT, "[A-Z]{2}.*", "", "", false, NAN, NAN),
        FIELD("u", FIELD_TEXT, "", "uscc", "", false, NAN, NAN),
        FIELD("m", FIELD_TEXT, "", "", "", true, NAN, NAN),
        FIELD("i", FIELD_INTEGER, "", "", "", false, -5, 1e6),
        FIELD("d", FIELD_DECIMAL, "", "", "", false, NAN, NAN),
        FIELD("l", FIELD_DECIMAL, "", "", "", true, NAN, NAN),
        FIELD("b", FIELD_BOOL, "", "", "", false, NAN, NAN),
        FIELD("y", FIELD_DATE, "", "", "", false, NAN, NAN),
        FIELD("z", FIELD_INSTANT, "", "", "", false, NAN, NAN),
        FIELD("c", FIELD_CODE, "", "", "", false, NAN, NAN),
        FIELD("r", FIELD_REFERENCE, "", "", "region", false, NAN, NAN),
        FIELD("o", FIELD_REFERENCE, "", "", "org", false, NAN, NAN),
        FIELD("p", FIELD_PLACE, "", "", "", false, NAN, NAN),
};

static const struct kind kind = {.code = "k",
        .name = "类",
        .name_en = "",
        .key = "",
        .pack = "",
        .secrecy = 1,
        .write = ROLE_DESK,
        .field = fields,
        .fields = ARRAY_LEN(fields)};

static void feed_value(struct arena *a, struct str line)
{
	struct str text = line, key = str_cut(&text, ' ');
	struct str kept = STR_NULL, again = STR_NULL;
	const char *doubt = NULL;
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	struct doc *d = NULL;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!str_is(key, fields[i].key))
			continue;
		if (kind_value(a, &fields[i], zone_utc(), text, &kept, &doubt, &e) < 0) {
			must(e.text[0] != '\0');
			return;
		}
		if (kept.p == NULL)
			return;
		must(doc_parse_json(a, kept, "kept", &d, &e) == 0);
		if (d->type == DOC_LIST || d->type == DOC_MAP)
			return;
		must(kind_value(a, &fields[i], zone_utc(), (struct str){d->text, d->text_n}, &again, &doubt,
		             &e) == 0);
		must(str_eq(kept, again));
		kind_key(&b, &fields[i], (struct str){d->text, d->text_n});
		must(b.n > 0);
		sb_fini(&b);
	}
}

static void feed_query(struct arena *a, struct str line)
{
	static const struct catalog catalog = {.kinds = 0};
	static const struct snapshot nothing;
	static const struct who who = {.roles = ROLE_VIEWER, .scope = {.clearance = 4}};
	struct str words = line, name = str_cut(&words, ' ');
	struct catalog c = catalog;
	struct record_query q = {.kind = &kind, .limit = 10};
	struct err e = ERR_INIT;

	c.zone = zone_utc();
	if (record_query_add(a, &q, &c, &nothing, &who, arena_strndup(a, name.n > 0 ? name.p : "", name.n),
	            arena_strndup(a, words.n > 0 ? words.p : "", words.n), &e) == 0)
		for (int i = 0; i < q.conds; i++)
			must(q.cond[i].ranges > 0);
	(void)!record_query_sort(&q, &who, arena_strndup(a, name.n > 0 ? name.p : "", name.n), &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct str rest = {(const char *)p, n};
	const char *attrs = NULL, *again = NULL, *doubts = NULL;
	struct err e = ERR_INIT;
	struct doc *d = NULL;

	feed_value(a, str_cut(&rest, '\n'));
	feed_query(a, str_cut(&rest, '\n'));
	if (rest.n > 0 && doc_parse_json(a, rest, "attrs", &d, &e) == 0 && d->type == DOC_MAP &&
	        kind_read(a, &kind, zone_utc(), d, NULL, &attrs, &doubts, &e) == 0) {
		must(doc_parse_json(a, str_of(attrs), "kept", &d, &e) == 0);
		must(kind_read(a, &kind, zone_utc(), d, NULL, &again, &doubts, &e) == 0);
		must(strcmp(attrs, again) == 0);
	}
	arena_free(&a);
	return 0;
}

/* Keys of the index of records: a byte for the form, then bytes in whose order the values lie. */
#include "base/collate.h"
#include "base/num.h"
#include "city/kind.h"

#define TEXT_KEY_MAX 64 /* bytes of a sort key that are kept: enough to tell long names apart */

enum { KEY_CODE = 0x10, KEY_NUMBER = 0x20, KEY_TEXT = 0x30, KEY_BLANK = 0xf0 };

const char *const record_own_names[OWN_FIELDS] = {[OWN_CODE] = "code",
        [OWN_NAME] = "name",
        [OWN_STATE] = "state",
        [OWN_ORG] = "org",
        [OWN_REGION] = "region",
        [OWN_CHANGED] = "changed"};

static void put_code(struct sb *out, struct str value)
{
	sb_putc(out, KEY_CODE);
	sb_putstr(out, value);
}

static void put_text(struct sb *out, struct str value)
{
	sb_putc(out, KEY_TEXT);
	collate_text(out, value, TEXT_KEY_MAX);
}

void kind_key_blank(struct sb *out)
{
	sb_putc(out, (char)KEY_BLANK);
}

void kind_key(struct sb *out, const struct field *f, struct str value)
{
	double v;
	time_us t;

	if (value.n == 0) {
		kind_key_blank(out);
		return;
	}
	switch (f->type) {
	case FIELD_INTEGER:
	case FIELD_DECIMAL:
		if (!num_double(value, false, &v))
			break;
		sb_putc(out, KEY_NUMBER);
		collate_number(out, v);
		return;
	case FIELD_DATE:
	case FIELD_INSTANT:
		if (!time_parse(value, zone_utc(), &t))
			break;
		sb_putc(out, KEY_NUMBER);
		collate_int(out, t);
		return;
	case FIELD_TEXT:
		if (*f->check != '\0') { /* codes are found by their bytes, and by the beginning of them */
			put_code(out, value);
			return;
		}
		put_text(out, value);
		return;
	case FIELD_BOOL:
	case FIELD_CODE:
	case FIELD_REFERENCE: put_code(out, value); return;
	case FIELD_PLACE:
	case FIELD_FILE: break;
	}
	kind_key_blank(out);
}

void kind_key_own(struct sb *out, enum record_own own, struct str value)
{
	int64_t t;

	if (value.n == 0)
		kind_key_blank(out);
	else if (own == OWN_NAME)
		put_text(out, value);
	else if (own == OWN_CHANGED && num_int(value, &t)) {
		sb_putc(out, KEY_NUMBER);
		collate_int(out, t);
	} else
		put_code(out, value);
}

const char *kind_key_form(struct arena *a, const struct field *f)
{
	if (f->type == FIELD_TEXT && *f->check == '\0')
		return arena_printf(a, "text %s", collate_version());
	if (f->type == FIELD_INTEGER || f->type == FIELD_DECIMAL)
		return "number";
	return f->type == FIELD_DATE || f->type == FIELD_INSTANT ? "time" : "code";
}

const char *kind_key_form_own(struct arena *a, enum record_own own)
{
	if (own == OWN_NAME)
		return arena_printf(a, "text %s", collate_version());
	return own == OWN_CHANGED ? "time" : "code";
}

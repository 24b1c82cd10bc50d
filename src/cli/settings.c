#include "cli/settings.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/num.h"

#define TEXT SET_TEXT_TYPE
#define INT SET_INT_TYPE
#define WORD SET_WORD_TYPE
#define PATH SET_PATH_TYPE
const struct setting_row setting_rows[SETTINGS] = {
#define X(ID, key, type, dflt, low, high, meta, help) [SET_##ID] = {key, type, dflt, low, high, meta, help},
#include "cli/config.tbl"
#undef X
};

void settings_init(struct settings *s)
{
	for (int i = 0; i < SETTINGS; i++) {
		s->value[i] = setting_rows[i].dflt;
		s->from[i] = "default";
	}
}

size_t word_distance(const char *a, const char *b)
{
	size_t n = strlen(b), row[64];

	if (n >= ARRAY_LEN(row))
		return SIZE_MAX;
	for (size_t k = 0; k <= n; k++)
		row[k] = k;
	for (size_t i = 0; a[i] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t k = 0; k < n; k++) {
			size_t change = diagonal + (a[i] != b[k]), up = row[k + 1] + 1, left = row[k] + 1;

			diagonal = row[k + 1];
			row[k + 1] = change < up ? change : up;
			if (left < row[k + 1])
				row[k + 1] = left;
		}
	}
	return row[n];
}

const char *settings_nearest(const char *key)
{
	const char *best = NULL;
	size_t least = 3;

	for (int i = 0; i < SETTINGS; i++)
		if (word_distance(key, setting_rows[i].key) < least) {
			least = word_distance(key, setting_rows[i].key);
			best = setting_rows[i].key;
		}
	return best;
}

static bool one_of(const char *words, const char *value)
{
	struct str list = {words, strcspn(words, ":")};

	while (list.p != NULL)
		if (str_is(str_cut(&list, '|'), value))
			return true;
	return false;
}

int settings_set(struct settings *s, struct arena *a, const char *key, const char *value, const char *from,
        struct err *e)
{
	int id = -1;
	int64_t n;

	for (int i = 0; i < SETTINGS; i++)
		if (strcmp(setting_rows[i].key, key) == 0)
			id = i;
	if (id < 0) {
		const char *near = settings_nearest(key);

		if (near != NULL)
			err_set(e, ERR_INVALID, "there is no setting of that name; is %s meant?", near);
		else
			err_set(e, ERR_INVALID, "there is no setting of that name; heming config lists them");
		return err_at(e, NULL, 0, 0, key);
	}
	switch (setting_rows[id].type) {
	case SET_INT_TYPE:
		if (!num_int(str_of(value), &n) || n < setting_rows[id].low || n > setting_rows[id].high) {
			err_set(e, ERR_INVALID, "a whole number from %lld to %lld is needed, not \"%s\"",
			        (long long)setting_rows[id].low, (long long)setting_rows[id].high, value);
			return err_at(e, NULL, 0, 0, key);
		}
		break;
	case SET_WORD_TYPE:
		if (!one_of(setting_rows[id].help, value)) {
			err_set(e, ERR_INVALID, "one of %.*s is needed, not \"%s\"",
			        (int)strcspn(setting_rows[id].help, ":"), setting_rows[id].help, value);
			return err_at(e, NULL, 0, 0, key);
		}
		break;
	case SET_TEXT_TYPE:
	case SET_PATH_TYPE: break;
	}
	s->value[id] = arena_strdup(a, value);
	s->from[id] = arena_strdup(a, from);
	return 0;
}

int settings_read_file(struct settings *s, struct arena *a, const char *path, struct err *e)
{
	struct doc *doc = NULL;
	struct str text;
	int rc;

	if (!file_exists(path))
		return 0;
	rc = file_read(a, path, 1 << 20, &text, e);
	if (rc == 0)
		rc = doc_parse_yaml(a, text, path, &doc, e);
	if (rc < 0)
		return rc;
	if (doc->type == DOC_NULL)
		return 0;
	if (doc->type != DOC_MAP) {
		err_set(e, ERR_INVALID, "settings are lines of the form key: value");
		return err_at(e, path, 1, 0, NULL);
	}
	DOC_EACH(x, doc)
	{
		if (x->type == DOC_MAP || x->type == DOC_LIST || x->type == DOC_NULL)
			rc = err_set(e, ERR_INVALID, "a single value is needed");
		else
			rc = settings_set(s, a, x->key, x->text, arena_printf(a, "site.yaml:%d", x->line), e);
		if (rc < 0)
			return err_at(e, path, x->line, x->column, x->key);
	}
	return 0;
}

int settings_read_env(struct settings *s, struct arena *a, struct err *e)
{
	for (int i = 0; i < SETTINGS; i++) {
		char *name = arena_printf(a, "HEMING_%s", setting_rows[i].key);
		const char *value;
		int rc;

		for (char *p = name; *p != '\0'; p++)
			*p = *p == '-' ? '_' : (*p >= 'a' && *p <= 'z') ? (char)(*p - 'a' + 'A') : *p;
		value = getenv(name);
		if (value == NULL)
			continue;
		rc = settings_set(s, a, setting_rows[i].key, value, name, e);
		if (rc < 0)
			return err_at(e, name, 0, 0, NULL);
	}
	return 0;
}

int64_t settings_int(const struct settings *s, enum setting_id id)
{
	int64_t n = 0;

	must(num_int(str_of(s->value[id]), &n)); /* settings_set has looked at it */
	return n;
}

bool settings_is(const struct settings *s, enum setting_id id, const char *word)
{
	return strcmp(s->value[id], word) == 0;
}

const char *settings_text(const struct settings *s, enum setting_id id)
{
	return *s->value[id] != '\0' ? s->value[id] : NULL;
}

void settings_write_markdown(struct sb *b)
{
	sb_puts(b, "# Settings\n\n"
	           "Each may stand in `site.yaml` in the site's folder (`key: value`), in the environment "
	           "(`HEMING_KEY`, capitals, `_` for `-`)\nor on the command line of `heming serve` (`--key "
	           "VALUE`); later ones win. "
	           "`heming config --site DIR` shows\nwhat is in force and where it comes from. This page is "
	           "made by "
	           "`heming config --markdown`.\n\n"
	           "| setting | default | what it does |\n| --- | --- | --- |\n");
	for (int i = 0; i < SETTINGS; i++) {
		const struct setting_row *r = &setting_rows[i];

		sb_printf(b, "| `%s` %s | %s%s%s | ", r->key, r->meta, *r->dflt ? "`" : "",
		        *r->dflt ? r->dflt : "—", *r->dflt ? "`" : "");
		for (const char *p = r->help; *p != '\0'; p++) {
			if (*p == '|')
				sb_puts(b, "\\|");
			else
				sb_putc(b, *p);
		}
		sb_puts(b, " |\n");
	}
}

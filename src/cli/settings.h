/*
 * settings - what can be set, from one table: site.yaml < environment < command line.
 */
#ifndef HEMING_CLI_SETTINGS_H
#define HEMING_CLI_SETTINGS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/sb.h"

enum setting_id {
#define X(ID, key, type, dflt, low, high, meta, help) SET_##ID,
#include "cli/config.tbl"
#undef X
	SETTINGS
};
enum setting_type { SET_TEXT_TYPE, SET_INT_TYPE, SET_WORD_TYPE, SET_PATH_TYPE };
struct setting_row {
	const char *key;
	enum setting_type type;
	const char *dflt;
	int64_t low, high;
	const char *meta, *help;
};
extern const struct setting_row setting_rows[SETTINGS];

struct settings {
	const char *value[SETTINGS]; /* never NULL after settings_init */
	const char *from[SETTINGS];  /* "default", "site.yaml:3", "HEMING_PORT", "--port" */
};
void settings_init(struct settings *s);
/* Checks and takes one value; text is copied. ERR_INVALID says what is taken. Unknown keys get a hint. */
MUST_USE int settings_set(struct settings *s, struct arena *a, const char *key, const char *value,
        const char *from, struct err *e);
/* All of a file (YAML map of keys); a missing file is no failure. */
MUST_USE int settings_read_file(struct settings *s, struct arena *a, const char *path, struct err *e);
MUST_USE int settings_read_env(struct settings *s, struct arena *a, struct err *e);
int64_t settings_int(const struct settings *s, enum setting_id id);
bool settings_is(const struct settings *s, enum setting_id id, const char *word);
/* "" becomes NULL. */
const char *settings_text(const struct settings *s, enum setting_id id);
/* How many letters must be put in, taken out or changed to make b of a; SIZE_MAX where b has 64 or more. */
size_t word_distance(const char *a, const char *b);
/* The known key nearest to a mistyped one, or NULL. */
const char *settings_nearest(const char *key);
void settings_write_markdown(struct sb *b);

#endif

#include "base/json.h"

/* Tokens stay inside the text; what is taken can be unescaped, written again, and read again as the
 * same tokens. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void write_token(struct jw *w, const struct json *j, enum json_type t, char *buf, size_t n)
{
	struct str s;
	char *key;

	switch (t) {
	case JSON_OBJECT: jw_object(w); break;
	case JSON_OBJECT_END: jw_object_end(w); break;
	case JSON_ARRAY: jw_array(w); break;
	case JSON_ARRAY_END: jw_array_end(w); break;
	case JSON_KEY:
		s = json_text(j, buf, n);
		key = xstrndup(s.p ? s.p : "", s.n);
		jw_key(w, key);
		free(key);
		break;
	case JSON_STRING:
		s = json_text(j, buf, n);
		must(!s.p || utf8_valid(s));
		jw_str(w, s);
		break;
	case JSON_NUMBER: jw_raw(w, j->text); break;
	case JSON_TRUE: jw_bool(w, true); break;
	case JSON_FALSE: jw_bool(w, false); break;
	case JSON_NULL: jw_null(w); break;
	default: break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct str text = {(const char *)p, n};
	struct json j, again, skip;
	struct sb b = SB_INIT;
	struct jw w;
	enum json_type t;
	char *buf = xcalloc(n + 1, 1);
	bool whole;

	json_init(&j, text);
	jw_init(&w, &b);
	do {
		t = json_next(&j);
		must(j.p >= text.p && j.p <= text.p + n);
		if (t == JSON_KEY || t == JSON_STRING || t == JSON_NUMBER)
			must(j.text.p >= text.p && j.text.p + j.text.n <= j.p);
		write_token(&w, &j, t, buf, n);
	} while (t != JSON_END && t != JSON_BAD);
	whole = t == JSON_END;
	if (!whole) {
		struct err e = ERR_INIT;
		must(json_error(&j, &e) == ERR_INVALID && e.line > 0 && e.column > 0);
	}

	json_init(&skip, text);
	must(!(whole && !(json_skip(&skip) && json_next(&skip) == JSON_END)));

	if (whole) {
		json_init(&j, text);
		json_init(&again, sb_str(&b));
		do {
			t = json_next(&j);
			must(json_next(&again) == t);
		} while (t != JSON_END);
	}
	sb_fini(&b);
	free(buf);
	return 0;
}

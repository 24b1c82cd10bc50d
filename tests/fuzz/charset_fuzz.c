#include "base/charset.h"

/* What is taken comes out as UTF-8 without zeros and is taken again as it is; what is not has a place. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct sb b = SB_INIT, again = SB_INIT;
	struct err e = ERR_INIT;
	const char *name = NULL;
	int rc = charset_to_utf8((struct str){(const char *)p, n}, &b, &name, &e);

	if (rc == 0) {
		must(name && utf8_valid(sb_str(&b)));
		must(b.n == 0 || !memchr(b.p, 0, b.n));
		/* A mark behind the mark is text. */
		if (!str_starts(sb_str(&b), "\xef\xbb\xbf")) {
			must(charset_to_utf8(sb_str(&b), &again, &name, &e) == 0);
			must(strcmp(name, "UTF-8") == 0 && str_eq(sb_str(&b), sb_str(&again)));
		}
	} else {
		must(rc == ERR_INVALID && e.line >= 1 && e.text[0]);
		must(!name && b.n == 0);
	}
	sb_fini(&b);
	sb_fini(&again);
	return 0;
}

#include "base/snappy.h"

#include <snappy-c.h>

/* No element of the format stands for more than 64 bytes, and none is shorter than two where it does. */
#define EXPANDS_MOST 32

int unsnappy(struct arena *a, struct str in, size_t max_b, struct str *out, struct err *e)
{
	size_t n = 0;
	char *p;

	if (in.n == 0 || snappy_uncompressed_length(in.p, in.n, &n) != SNAPPY_OK)
		return err_set(e, ERR_INVALID, "the body is not packed by snappy (block format)");
	if (n > max_b)
		return err_set(e, ERR_TOOBIG,
		        "the body unpacks to %zu bytes, and no more than %zu are taken; send it in parts", n,
		        max_b);
	if (n / EXPANDS_MOST > in.n)
		return err_set(e, ERR_INVALID, "the body is damaged: it cannot be as long as it says");
	p = arena_alloc(a, n + 1);
	if (p == NULL)
		return err_set(e, ERR_NOMEM, "no memory to unpack");
	if (snappy_uncompress(in.p, in.n, p, &n) != SNAPPY_OK)
		return err_set(e, ERR_INVALID, "the body is damaged, or not packed by snappy (block format)");
	*out = (struct str){p, n};
	return 0;
}

void snappy_put(struct sb *b, struct str in)
{
	size_t n = snappy_max_compressed_length(in.n);
	char *p = xcalloc(1, n);

	must(snappy_compress(in.p, in.n, p, &n) == SNAPPY_OK);
	sb_put(b, p, n);
	free(p);
}

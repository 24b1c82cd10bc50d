#include "base/pages.h"
#include "check.h"

TEST(is_zeroed_of_any_size)
{
	static const size_t size[] = {0, 1, 4096, (2u << 20) - 1, 2u << 20, (2u << 20) + 1, 9u << 20};

	for (size_t i = 0; i < ARRAY_LEN(size); i++) {
		uint8_t *p = pages_new(size[i], 1);
		uint8_t any = 0;

		for (size_t k = 0; k < size[i]; k++)
			any |= p[k];
		check_eq_u(any, 0);
		memset(p, 1, size[i]);
		pages_free(p, size[i], 1);
	}
	pages_free(NULL, 9u << 20, 1);
	pages_free(NULL, 1, 1);
}

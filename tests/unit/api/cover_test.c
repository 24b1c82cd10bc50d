/* Comes after all others, and looks at what they asked. */
#include "check.h"
#include "door.h"

TEST(every_route_was_answered_as_its_row_says)
{
	int all = 0;

	for (int i = 0; i < api_routes_n; i++) {
		const struct route *r = &api_routes[i];

		/* Readings are answered by src/ingest, and its tests; the way by a provider is gone by
		 * tests/tools/oidc_test.py. Of a few tests alone nothing is asked. */
		if (!door_covered(r, &all) && !(r->flags & ROUTE_INGEST) &&
		        strncmp(r->path, "/api/v1/oidc/", 13) != 0 && all > 200)
			check_fail("no test has had a good answer of %s %s; ask() in any of them looks at it",
			        http_method_name(r->method), r->path);
	}
	printf("# %d answers\n", all);
}

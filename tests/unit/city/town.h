/* town - a small city for the tests of city: pack files written into the test's folder, and a store to
 * install them in. */
#ifndef HEMING_TEST_TOWN_H
#define HEMING_TEST_TOWN_H

#include "city/pack.h"
#include "city/registry.h"

/* A good pack; write_file then changes one file of it. Returns its folder. */
const char *town_pack(void);
void town_write(const char *dir, const char *path, const char *text);

struct town {
	struct arena *a;
	struct clock *clock;
	struct id_source *ids;
	struct store *store;
};
/* A new store in the test's folder, its clock standing at 2026-07-14 08:00 in Shanghai. */
void town_open(struct town *t);
void town_close(struct town *t);
/* With the pack installed. */
void town_install(struct town *t);

#endif

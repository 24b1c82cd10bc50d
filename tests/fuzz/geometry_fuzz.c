#include "base/geometry.h"

#include <math.h>

/* Any GeoJSON geometry: refused with words, or an area that can be asked. */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct arena *a = arena_new(16 << 20);
	struct doc *d = NULL;
	struct geo_area area;
	struct err e = ERR_INIT;

	if (doc_parse_json(a, (struct str){(const char *)p, n}, "f", &d, &e) < 0)
		goto out;
	if (geo_area_parse(a, d, "f", &area, &e) == 0) {
		struct geo_point label = geo_area_label(&area);
		must(area.n > 0 && area.box.w <= area.box.e && area.box.s <= area.box.n);
		must(isfinite(label.lon) && isfinite(label.lat));
		geo_area_contains(&area, label);
		geo_area_contains(&area, area.ring[0].p[0]);
	} else {
		must(e.text[0]);
	}
out:
	arena_free(&a);
	return 0;
}

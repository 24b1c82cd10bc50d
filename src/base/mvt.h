/*
 * mvt - writes Mapbox vector tiles, version 2.1 of the specification: points with named values.
 *
 *   struct mvt m;  mvt_init(&m, &out);
 *   mvt_layer(&m, "things", 4096);
 *     mvt_feature(&m, 0);  mvt_text(&m, "code", STR_LIT("GAS-1"));  mvt_point(&m, 12, 4000);
 *   mvt_end(&m);
 *
 * A feature is its values and then its one point, which ends it. Names and values that were written before
 * in the layer are written once. Coordinates count from the tile's north-west corner to the east and to the
 * south, `extent` to a side; what lies outside of 0 … extent - 1 is the tile's buffer. A layer without
 * features is left out, as the specification wants it. Fails as sb does: look at the failure of `out`.
 */
#ifndef HEMING_MVT_H
#define HEMING_MVT_H

#include "base/intern.h"

#define MVT_MIME "application/vnd.mapbox-vector-tile"

struct mvt {
	struct sb *out;
	struct sb layer;            /* as it goes out */
	struct intern keys, values; /* of the layer; values as they go out */
	struct sb tags, value, feature;
	uint64_t id;
	uint32_t count; /* features of the layer */
};

void mvt_init(struct mvt *m, struct sb *out); /* tiles are appended to out */
void mvt_layer(struct mvt *m, const char *name, uint32_t extent);
void mvt_feature(struct mvt *m, uint64_t id);                    /* 0: it has none */
void mvt_text(struct mvt *m, const char *key, struct str value); /* UTF-8 */
void mvt_int(struct mvt *m, const char *key, int64_t value);
void mvt_bool(struct mvt *m, const char *key, bool value);
void mvt_point(struct mvt *m, int32_t x, int32_t y);
/* The last layer is written, and all memory let go of. */
void mvt_end(struct mvt *m);

#endif

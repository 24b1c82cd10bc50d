/*
 * mvt_text - a vector tile as text, for tests: read by the specification, apart from what writes it.
 *
 * One line a feature: "LAYER X,Y KEY=VALUE KEY=VALUE …\n", id first as "#ID" where there is one, keys in the
 * order in which they stand. A tile that breaks the specification gives "broken".
 */
#ifndef HEMING_TEST_MVT_TEXT_H
#define HEMING_TEST_MVT_TEXT_H

#include "base/sb.h"

void mvt_text_of(struct str tile, struct sb *out);

#endif

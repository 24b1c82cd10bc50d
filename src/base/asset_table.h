/* asset_table - what tools/embed.c writes and asset.c searches. */
#ifndef HEMING_ASSET_TABLE_H
#define HEMING_ASSET_TABLE_H

#include "base/asset.h"

extern const struct asset asset_table[]; /* sorted bytewise by path */
extern const size_t asset_table_n;

#endif

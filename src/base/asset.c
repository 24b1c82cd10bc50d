#include "base/asset.h"
#include "base/asset_table.h"

const struct asset *asset_find(const char *path)
{
	size_t lo = 0, hi = asset_table_n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(path, asset_table[mid].path);

		if (c == 0)
			return &asset_table[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

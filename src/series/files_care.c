/* Looking through one block file. */
#include "series/files_int.h"

/* ---- verify ---- */

int file_verify(const char *path, void (*tell)(void *ctx, const char *text), void *ctx)
{
	time_us t[CODEC_POINTS], start, last, before = INT64_MIN;
	double v[CODEC_POINTS];
	sqlite3 *db = NULL;
	sqlite3_stmt *st = NULL;
	const char *name = strrchr(path, '/');
	uint32_t generation;
	int64_t series_before = -1;
	int bad = 0, rc;
	char text[512];

	if (!file_name_parse(name ? name + 1 : path, &start, &last, &generation))
		return 0;
	rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(
		        db, "SELECT series, t0, data FROM block ORDER BY series, t0", -1, &st, NULL);
	while (rc == SQLITE_OK || rc == SQLITE_ROW) {
		const uint8_t *data;
		int64_t series;
		size_t len;
		time_us t0;
		int n;

		rc = sqlite3_step(st);
		if (rc != SQLITE_ROW)
			break;
		series = sqlite3_column_int64(st, 0);
		t0 = sqlite3_column_int64(st, 1);
		data = sqlite3_column_blob(st, 2);
		len = (size_t)sqlite3_column_bytes(st, 2);
		n = block_decode((uint32_t)series, t0, data, len, t, v);
		if (n < 0)
			snprintf(text, sizeof(text), "%s: the block of series %lld at %lld is damaged", path,
			        (long long)series, (long long)t0);
		else if (!block_summary_true((uint32_t)series, t0, data, len))
			snprintf(text, sizeof(text), "%s: the summary of series %lld at %lld is wrong", path,
			        (long long)series, (long long)t0);
		else if (t0 < start || t[n - 1] > last)
			snprintf(text, sizeof(text),
			        "%s: series %lld at %lld lies outside of the file's span", path,
			        (long long)series, (long long)t0);
		else if (series == series_before && t0 <= before)
			snprintf(text, sizeof(text), "%s: series %lld at %lld overlaps the block before",
			        path, (long long)series, (long long)t0);
		else
			text[0] = 0;
		if (text[0]) {
			tell(ctx, text);
			bad++;
		}
		before = n > 0 ? t[n - 1] : t0;
		series_before = series;
	}
	if (rc != SQLITE_DONE) {
		snprintf(text, sizeof(text), "%s: %s", path, sqlite3_errmsg(db));
		tell(ctx, text);
		bad++;
	}
	sqlite3_finalize(st);
	sqlite3_close(db);
	return bad;
}

/*
 * A database must open whatever its log or checkpoint holds, and be sound after a checkpoint.
 *
 * First byte of the input: bit 0 log or checkpoint; bit 1 the rest is the file as it is, or records,
 * each with 1 byte length before it, that are put into frames with a right checksum.
 */
#include "series/frame.h"
#include "series/series.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void quiet(void *ctx, const char *text)
{
	(void)ctx;
	(void)text;
}

static void frames(struct buf *b, const uint8_t *p, size_t n)
{
	while (n >= 2) {
		size_t len = p[0] < n - 1 ? p[0] : n - 1, at;

		if (!len)
			break;
		at = frame_begin(b, p[1]);
		memcpy(buf_room(b, len), p + 2, len - 1);
		b->n += len - 1;
		frame_end(b, at);
		p += 1 + len;
		n -= 1 + len;
	}
}

static void read_everything(struct series_db *db)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = INT64_MIN, .to = INT64_MAX};
	struct series_cursor *c = NULL;
	struct series_view s;

	must(matcher_init(&m, a, MATCH_RE, STR_LIT("__name__"), STR_LIT(".+"), NULL) == 0);
	must(series_select(db, &q, a, &c, NULL) == 0);
	while (series_next(c, &s, NULL) == 1)
		for (size_t i = 1; i < s.n; i++)
			must(s.t[i - 1] < s.t[i]);
	series_cursor_free(&c);
	arena_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	char dir[] = "/tmp/heming-fuzz-XXXXXX", path[96];
	struct clock *c = clock_new_manual(0);
	struct series_options o = {
	        .dir = dir, .clock = c, .durability = SERIES_OS, .partition = 36500 * US_DAY};
	struct series_db *db = NULL;
	struct buf b = {0};
	int fd;

	if (!n || n > 4096 || !mkdtemp(dir)) {
		clock_free(&c);
		return 0;
	}
	if (p[0] & 2)
		frames(&b, p + 1, n - 1);
	else
		b.n = (size_t)((uint8_t *)memcpy(buf_room(&b, n), p + 1, n - 1) - b.p) + n - 1;
	snprintf(path, sizeof(path), "%s/%s", dir, p[0] & 1 ? "heads-00000001" : "log-00000001");
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	must(fd >= 0 && (!b.n || write(fd, b.p, b.n) == (ssize_t)b.n));
	close(fd);
	if (series_open(&o, &db, NULL) == 0) {
		read_everything(db);
		must(series_flush(db, NULL) == 0);
		read_everything(db);
		series_close(&db);
		must(series_verify(dir, quiet, NULL, NULL) == 0);
	}
	buf_fini(&b);
	clock_free(&c);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

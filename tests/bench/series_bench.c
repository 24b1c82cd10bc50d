/*
 * series_bench [folder] - the engine alone, without any protocol, beside what the disk of the machine
 * needs for a sync. Readings: a walk with two decimals every 10 s, milliseconds of jitter.
 */
#include "series/codec.h"
#include "series/series.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define T0 (1752480000 * US_SECOND)

static uint64_t state = 88172645463325252u;
static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

static int64_t walk(int64_t x)
{
	return rnd() % 10 < 4 ? x : x + (rnd() & 1 ? 1 : -1) * (int64_t)(1 + rnd() % 5);
}

static time_us jitter(bool on)
{
	return on ? ((time_us)(rnd() % 401) - 200) * US_MS : 0;
}

static double seconds(dur_us d)
{
	return (double)d / 1e6;
}

static void bench_codec(bool with_jitter)
{
	enum { BLOCKS = 1000 };
	static time_us t[BLOCKS][CODEC_POINTS];
	static double v[BLOCKS][CODEC_POINTS];
	static uint8_t out[BLOCKS][CODEC_MAX_B];
	static size_t len[BLOCKS];
	time_us t2[CODEC_POINTS];
	double v2[CODEC_POINTS], points = (double)BLOCKS * CODEC_POINTS;
	dur_us encode, decode;
	size_t bytes = 0;

	for (int i = 0; i < BLOCKS; i++) {
		int64_t x = 2000 + (int64_t)(rnd() % 1000);

		for (int k = 0; k < CODEC_POINTS; k++) {
			x = walk(x);
			t[i][k] = T0 + k * 10 * US_SECOND + jitter(with_jitter);
			v[i][k] = (double)x / 100;
		}
	}
	encode = clock_monotonic();
	for (int i = 0; i < BLOCKS; i++)
		bytes += len[i] = codec_encode(t[i], v[i], CODEC_POINTS, out[i]);
	encode = clock_monotonic() - encode;
	decode = clock_monotonic();
	for (int i = 0; i < BLOCKS; i++)
		must(codec_decode(out[i], len[i], t2, v2) == CODEC_POINTS);
	decode = clock_monotonic() - decode;
	printf("codec, %-22s %8.2f bytes/point, encode %5.1f M/s, decode %5.1f M/s\n",
	        with_jitter ? "millisecond jitter" : "whole seconds", (double)bytes / points,
	        points / seconds(encode) / 1e6, points / seconds(decode) / 1e6);
}

static int compare_dur(const void *a, const void *b)
{
	dur_us x = *(const dur_us *)a, y = *(const dur_us *)b;

	return (x > y) - (x < y);
}

static void bench_disk(const char *dir)
{
	enum { N = 200 };
	static char page[4096];
	dur_us took[N];
	char path[256];
	int fd;

	snprintf(path, sizeof(path), "%s/sync", dir);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	must(fd >= 0);
	for (int i = 0; i < N; i++) {
		must(write(fd, page, sizeof(page)) == sizeof(page));
		took[i] = clock_monotonic();
		must(fdatasync(fd) == 0);
		took[i] = clock_monotonic() - took[i];
	}
	close(fd);
	qsort(took, N, sizeof(*took), compare_dur);
	printf("fdatasync of 4 KiB             %8.2f ms, p99 %.2f ms\n", (double)took[N / 2] / 1e3,
	        (double)took[N * 99 / 100] / 1e3);
}

static struct series_db *open_db(const char *dir, struct clock *c)
{
	struct series_options o = {.dir = dir, .clock = c};
	struct series_db *db = NULL;
	struct err e = ERR_INIT;
	char text[1024];

	if (series_open(&o, &db, &e)) {
		fprintf(stderr, "%s\n", err_str(&e, text, sizeof(text)));
		exit(1);
	}
	return db;
}

static void make_series(struct series_db *db, series_id *id, int n)
{
	char thing[32];
	struct label l[2] = {{STR_LIT("__name__"), STR_LIT("water_level_m")}, {STR_LIT("thing"), STR_NULL}};
	struct labels ls = {l, 2};

	for (int i = 0; i < n; i++) {
		snprintf(thing, sizeof(thing), "WL-%06d", i);
		l[1].value = str_of(thing);
		must(series_resolve(db, &ls, &id[i], NULL) == 0);
	}
}

/* `rounds` readings of n series, a batch for each instant. Returns the time it took. */
static dur_us ingest(struct series_db *db, const series_id *id, int n, int rounds)
{
	struct series_point *p = calloc((size_t)n, sizeof(*p));
	int64_t *x = calloc((size_t)n, sizeof(*x));
	dur_us took = 0;

	for (int i = 0; i < n; i++)
		x[i] = 2000 + (int64_t)(rnd() % 1000);
	for (int r = 0; r < rounds; r++) {
		dur_us start;

		for (int i = 0; i < n; i++) {
			x[i] = walk(x[i]);
			p[i] = (struct series_point){
			        id[i], T0 + r * 10 * US_SECOND + jitter(true), (double)x[i] / 100};
		}
		start = clock_monotonic();
		must(series_append(db, p, (size_t)n, NULL) == 0);
		took += clock_monotonic() - start;
	}
	free(x);
	free(p);
	return took;
}

static size_t query(struct series_db *db, const char *thing, enum match_op op, double *sum)
{
	struct arena *a = arena_new(0);
	struct matcher m[2];
	struct series_query q = {.m = m, .n = 2, .from = T0 - US_HOUR, .to = T0 + 25 * US_HOUR};
	struct series_cursor *c;
	struct series_view s;
	size_t n = 0;

	must(matcher_init(&m[0], a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("water_level_m"), NULL) == 0);
	must(matcher_init(&m[1], a, op, STR_LIT("thing"), str_of(thing), NULL) == 0);
	must(series_select(db, &q, a, &c, NULL) == 0);
	while (series_next(c, &s, NULL) == 1) {
		double hour[26] = {0};

		for (size_t i = 0; i < s.n; i++)
			hour[(s.t[i] - q.from) / US_HOUR] += s.v[i];
		for (int i = 0; i < 26; i++)
			*sum += hour[i];
		n += s.n;
	}
	series_cursor_free(&c);
	arena_free(&a);
	return n;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void bench_ingest(const char *root, int n, int rounds)
{
	struct clock *c = clock_new_real();
	char dir[256];
	struct series_db *db;
	series_id *id = calloc((size_t)n, sizeof(*id));
	struct series_stats st;
	dur_us took, all;

	snprintf(dir, sizeof(dir), "%s/ingest-%d", root, n);
	db = open_db(dir, c);
	make_series(db, id, n);
	all = clock_monotonic();
	took = ingest(db, id, n, rounds);
	all = clock_monotonic() - all;
	series_stats(db, &st);
	printf("durable, %7d series        %8.2f M points/s in batches of %d (%.1f M points; last sync %.2f "
	       "ms)\n",
	        n, (double)n * rounds / seconds(took) / 1e6, n, (double)n * rounds / 1e6,
	        (double)st.last_sync_us / 1e3);
	(void)all;
	series_close(&db);
	took = clock_monotonic();
	db = open_db(dir, c);
	took = clock_monotonic() - took;
	printf("reopening it                   %8.2f s\n", seconds(took));
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(id);
	clock_free(&c);
}

static void bench_queries(const char *root)
{
	enum { N = 1000, ROUNDS = 8640 };
	struct clock *c = clock_new_real();
	char dir[256];
	struct series_db *db;
	static series_id id[N];
	struct series_stats st;
	struct rusage use;
	double sum = 0;
	dur_us took;
	time_us t;
	double v;

	snprintf(dir, sizeof(dir), "%s/queries", root);
	db = open_db(dir, c);
	make_series(db, id, N);
	took = ingest(db, id, N, ROUNDS);
	printf("durable, %7d series        %8.2f M points/s in batches of %d\n", N,
	        (double)N * ROUNDS / seconds(took) / 1e6, N);
	took = clock_monotonic();
	must(series_flush(db, NULL) == 0);
	printf("flush                          %8.2f s\n", seconds(clock_monotonic() - took));
	series_stats(db, &st);
	printf("on disk                        %8.2f bytes/point (%llu blocks)\n",
	        (double)st.block_bytes / ((double)N * ROUNDS), (unsigned long long)st.blocks);
	took = clock_monotonic();
	for (int i = 0; i < N; i++)
		must(series_latest(db, id[i], &t, &v));
	printf("latest of 1,000 series         %8.3f ms\n", (double)(clock_monotonic() - took) / 1e3);
	for (int i = 0; i < 2; i++) {
		took = clock_monotonic();
		must(query(db, "WL-000500", MATCH_EQ, &sum) == ROUNDS);
		took = clock_monotonic() - took;
	}
	printf("one series, 24 h               %8.3f ms\n", (double)took / 1e3);
	took = clock_monotonic();
	must(query(db, ".+", MATCH_RE, &sum) == (size_t)N * ROUNDS);
	took = clock_monotonic() - took;
	printf("hourly sums, 1,000 x 24 h      %8.1f ms\n", (double)took / 1e3);
	getrusage(RUSAGE_SELF, &use);
	printf("greatest memory of the process %8.1f MiB\n", (double)use.ru_maxrss / 1024);
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	clock_free(&c);
}

int main(int argc, char **argv)
{
	char dir[128];

	snprintf(dir, sizeof(dir), "%s/heming-series-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
	if (!mkdtemp(dir)) {
		fprintf(stderr, "%s cannot be made\n", dir);
		return 1;
	}
	bench_codec(true);
	bench_codec(false);
	bench_disk(dir);
	bench_queries(dir);
	bench_ingest(dir, 10000, 800);
	bench_ingest(dir, 100000, 60);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

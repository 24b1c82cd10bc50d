/*
 * series_engine_bench [folder [SERIES [ROUNDS]]] - the engine alone, without any protocol, beside what the
 * disk of the machine needs for a sync. Readings: a walk with two decimals every 10 s, milliseconds of
 * jitter.
 *
 * series_engine_bench folder stalls [SECONDS [OLD]] - the worst answers at 200,000 readings a second while
 * checkpoints, snapshots, expiry, a deletion and the packing of OLD million readings go on, and what the
 * engine did then.
 */
#include "series/series_int.h"

#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
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

/* What the process has had of the processors: on a busy machine that says more than the time that passed. */
static dur_us cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * US_SECOND + t.tv_nsec / 1000;
}

static dur_us began, began_cpu;
static void start(void)
{
	began = clock_monotonic();
	began_cpu = cpu();
}
static void stop(const char *what)
{
	printf("%-40s %10.1f ms, CPU %9.1f ms\n", what, (double)(clock_monotonic() - began) / 1e3,
	        (double)(cpu() - began_cpu) / 1e3);
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

/* Blocks of n points. */
static void bench_codec(bool with_jitter, int n)
{
	enum { BLOCKS = 500 };
	static time_us t[BLOCKS][CODEC_POINTS];
	static double v[BLOCKS][CODEC_POINTS];
	static uint8_t out[BLOCKS][CODEC_MAX_B];
	static size_t len[BLOCKS];
	time_us t2[CODEC_POINTS];
	double v2[CODEC_POINTS], points = (double)BLOCKS * n;
	dur_us encode, decode;
	size_t bytes = 0;

	for (int i = 0; i < BLOCKS; i++) {
		int64_t x = 2000 + (int64_t)(rnd() % 1000);

		for (int k = 0; k < n; k++) {
			x = walk(x);
			t[i][k] = T0 + k * 10 * US_SECOND + jitter(with_jitter);
			v[i][k] = (double)x / 100;
		}
	}
	encode = clock_monotonic();
	for (int i = 0; i < BLOCKS; i++)
		bytes += len[i] = codec_encode(t[i], v[i], n, out[i]);
	encode = clock_monotonic() - encode;
	decode = clock_monotonic();
	for (int i = 0; i < BLOCKS; i++)
		must(codec_decode(out[i], len[i], t2, v2) == n);
	decode = clock_monotonic() - decode;
	printf("codec, %-18s, %4d points %5.2f bytes/point, encode %5.1f M/s, decode %5.1f M/s\n",
	        with_jitter ? "millisecond jitter" : "whole seconds", n, (double)bytes / points,
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

static struct series_db *open_aged(const char *dir, struct clock *c, dur_us head_age)
{
	struct series_options o = {.dir = dir, .clock = c, .head_age = head_age};
	struct series_db *db = NULL;
	struct err e = ERR_INIT;
	char text[1024];

	if (series_open(&o, &db, &e)) {
		fprintf(stderr, "%s\n", err_str(&e, text, sizeof(text)));
		exit(1);
	}
	return db;
}

static struct series_db *open_db(const char *dir, struct clock *c)
{
	return open_aged(dir, c, 0);
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
		dur_us at;

		for (int i = 0; i < n; i++) {
			x[i] = walk(x[i]);
			p[i] = (struct series_point){
			        id[i], T0 + r * 10 * US_SECOND + jitter(true), (double)x[i] / 100};
		}
		at = clock_monotonic();
		must(series_append(db, p, (size_t)n, NULL) == 0);
		took += clock_monotonic() - at;
	}
	free(x);
	free(p);
	return took;
}

static size_t query(struct series_db *db, time_us from, const char *thing, enum match_op op, double *sum)
{
	struct arena *a = arena_new(0);
	struct matcher m[2];
	struct series_query q = {.m = m, .n = 2, .from = from, .to = T0 + 25 * US_HOUR};
	struct series_cursor *c;
	struct series_view s;
	size_t n = 0;

	must(matcher_init(&m[0], a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("water_level_m"), NULL) == 0);
	must(matcher_init(&m[1], a, op, STR_LIT("thing"), str_of(thing), NULL) == 0);
	must(series_select(db, &q, a, &c, NULL) == 0);
	while (series_next(c, &s, NULL) == 1) {
		for (size_t i = 0; i < s.n; i++)
			*sum += s.v[i];
		n += s.n;
	}
	series_cursor_free(&c);
	arena_free(&a);
	return n;
}

/* Windows over all series; their number. */
static size_t query_windows(struct series_db *db, time_us from, time_us to, dur_us step, double *sum)
{
	struct arena *a = arena_new(0);
	struct matcher m;
	struct series_query q = {.m = &m, .n = 1, .from = from, .to = to};
	struct series_cursor *c;
	struct series_windows s;
	size_t n = 0;

	must(matcher_init(&m, a, MATCH_EQ, STR_LIT("__name__"), STR_LIT("water_level_m"), NULL) == 0);
	must(series_select_windows(db, &q, step, a, &c, NULL) == 0);
	while (series_next_windows(c, &s, NULL) == 1) {
		for (size_t i = 0; i < s.n; i++)
			*sum += s.w[i].sum / s.w[i].n;
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
		start();
		must(query(db, T0 - US_HOUR, "WL-000500", MATCH_EQ, &sum) == ROUNDS);
	}
	stop("one series, 24 h");
	start();
	must(query(db, T0 - US_HOUR, ".+", MATCH_RE, &sum) == (size_t)N * ROUNDS);
	stop("all points of 1,000 series, 24 h");
	for (int i = 0; i < 2; i++) {
		start();
		must(query_windows(db, T0, T0 + US_DAY, US_HOUR, &sum) >= (size_t)N * 24);
	}
	stop("hourly averages, 1,000 series x 24 h");
	start();
	must(query_windows(db, T0, T0 + US_DAY, 5 * US_MINUTE, &sum) >= (size_t)N * 288);
	stop("5 min averages, 1,000 series x 24 h");
	getrusage(RUSAGE_SELF, &use);
	printf("greatest memory of the process %8.1f MiB\n", (double)use.ru_maxrss / 1024);
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	clock_free(&c);
}

/* What readings take on the disk: those of tests/bench/series_bench.py. */
enum { BYTES_JITTER, BYTES_WHOLE, BYTES_SLOW, BYTES_KINDS };

/* A switch, a level in centimetres, a temperature in tenths. */
static int64_t slow(int kind, int64_t x)
{
	uint64_t dice = rnd() % 100;

	switch (kind) {
	case 0: return dice < 98 ? x : 100 - x;
	case 1: return dice < 90 ? x : x + (rnd() & 1 ? 1 : -1);
	default: return dice < 70 ? x : x + (rnd() & 1 ? 10 : -10);
	}
}

static double bytes_a_point(struct series_db *db, double points)
{
	struct series_stats st;

	series_stats(db, &st);
	return (double)st.block_bytes / points;
}

static void bench_bytes(const char *root, int kind)
{
	enum { N = 200, ROUNDS = 8640 };
	static const char *const name[] = {"jitter", "whole seconds", "slow sensors"};
	struct clock *c = clock_new_real();
	char dir[256];
	struct series_db *db;
	struct series_point *p = calloc(ROUNDS, sizeof(*p));
	series_id id[N];
	double points = (double)N * ROUNDS, written, sum = 0;

	snprintf(dir, sizeof(dir), "%s/bytes-%d", root, kind);
	db = open_db(dir, c);
	make_series(db, id, N);
	for (int i = 0; i < N; i++) {
		int64_t x = kind != BYTES_SLOW ? 2000 + i : i % 3 == 0 ? 0 : i % 3 == 1 ? 300 : 2000;

		for (int k = 0; k < ROUNDS; k++) {
			x = kind == BYTES_SLOW ? slow(i % 3, x) : walk(x);
			p[k] = (struct series_point){id[i],
			        T0 + k * 10 * US_SECOND + jitter(kind == BYTES_JITTER), (double)x / 100};
		}
		must(series_append(db, p, ROUNDS, NULL) == 0);
	}
	must(series_flush(db, NULL) == 0);
	series_close(&db); /* what lies in SQLite's log goes into the file */
	db = open_db(dir, c);
	written = bytes_a_point(db, points);
	start();
	must(series_expire(db, T0 - 30 * US_DAY, NULL) == 0); /* packs, too */
	stop("packing it");
	printf("on disk, %-16s %8.3f bytes/point as written, %.3f packed\n", name[kind], written,
	        bytes_a_point(db, points));
	series_close(&db);
	db = open_db(dir, c);
	start();
	must(query(db, T0 - US_HOUR, "WL-000050", MATCH_EQ, &sum) == ROUNDS);
	stop("one series, 24 h, packed");
	start();
	must(query(db, T0 - US_HOUR, ".+", MATCH_RE, &sum) == (size_t)points);
	stop("all points of 200 series, packed");
	start();
	must(query_windows(db, T0, T0 + US_DAY, 5 * US_MINUTE, &sum) >= (size_t)N * 288);
	stop("5 min averages, 200 series, packed");
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	clock_free(&c);
}

/* One series at one reading a minute for a year; three others beside it. */
static void bench_year(const char *root)
{
	enum { N = 525600, SERIES = 4 };
	struct clock *c = clock_new_real();
	char dir[256];
	struct series_db *db;
	series_id id[SERIES];
	struct series_point *p = calloc(N, sizeof(*p));
	struct series_stats st;
	double sum = 0;

	snprintf(dir, sizeof(dir), "%s/year", root);
	db = open_db(dir, c);
	make_series(db, id, SERIES);
	for (int k = 0; k < SERIES; k++) {
		int64_t x = 2000;

		for (int i = 0; i < N; i++) {
			x = walk(x);
			p[i] = (struct series_point){
			        id[k], T0 + (i - N) * US_MINUTE + jitter(true), (double)x / 100};
		}
		must(series_append(db, p, N, NULL) == 0);
	}
	must(series_flush(db, NULL) == 0);
	series_stats(db, &st);
	printf("a year at 1 min, on disk       %8.2f bytes/point\n", (double)st.block_bytes / SERIES / N);
	for (int i = 0; i < 2; i++) {
		start();
		must(query(db, T0 - 366 * US_DAY, "WL-000002", MATCH_EQ, &sum) == N);
	}
	stop("one series, a year at 1 min");
	start();
	must(query_windows(db, T0 - 366 * US_DAY, T0, US_HOUR, &sum) > 8000 * SERIES);
	stop("4 series, a year of hourly averages");
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(p);
	clock_free(&c);
}

/* Names as a city has them: a kind, one of 200 places, and the thing. As many at once as the doors resolve.
 */
static void resolve_city(struct series_db *db, series_id *id, int from, int n)
{
	enum { SOME = 64 };
	static struct {
		char thing[32], place[32], kind[32];
		struct label l[4];
	} x[SOME];
	struct labels ls[SOME];

	for (int at = from, some; at < from + n; at += some) {
		some = from + n - at < SOME ? from + n - at : SOME;
		for (int i = 0; i < some; i++) {
			snprintf(x[i].thing, sizeof(x[i].thing), "SN-%08d", at + i);
			snprintf(x[i].place, sizeof(x[i].place), "3209%02d", (at + i) % 200);
			snprintf(x[i].kind, sizeof(x[i].kind), "metric_%d", (at + i) % 20);
			x[i].l[0] = (struct label){STR_LIT("__name__"), str_of(x[i].kind)};
			x[i].l[1] = (struct label){STR_LIT("kind"), str_of(x[i].kind)};
			x[i].l[2] = (struct label){STR_LIT("place"), str_of(x[i].place)};
			x[i].l[3] = (struct label){STR_LIT("thing"), str_of(x[i].thing)};
			ls[i] = (struct labels){x[i].l, 4};
		}
		must(series_resolve_many(db, ls, (size_t)some, id + (at - from), NULL) == 0);
	}
}

/* ---- writing beside what else goes on ---- */

enum { PACE = 200000, PACERS = 4, PACE_BATCH = 1000, PACE_S = 8 };

struct pacer {
	struct series_db *db;
	const series_id *id;
	int number;
	dur_us took[PACE * PACE_S / PACE_BATCH / PACERS];
	pthread_t thread;
};

/* A batch each time one is due, whether or not the one before was late: what it waited counts. */
static void *pace(void *arg)
{
	struct pacer *w = arg;
	const dur_us every = US_SECOND * PACERS * PACE_BATCH / PACE;
	dur_us first = clock_monotonic() + every * w->number / PACERS;
	struct series_point p[PACE_BATCH];

	for (size_t i = 0; i < ARRAY_LEN(w->took); i++) {
		dur_us due = first + (dur_us)i * every, wait = due - clock_monotonic();

		for (int k = 0; k < PACE_BATCH; k++)
			p[k] = (struct series_point){
			        w->id[k], T0 + (time_us)i * US_SECOND + k % 400 * US_MS, (double)(i % 7) / 4};
		if (wait > 0)
			usleep((useconds_t)wait);
		must(series_append(w->db, p, PACE_BATCH, NULL) == 0);
		w->took[i] = clock_monotonic() - due;
	}
	return NULL;
}

static void bench_pace(const char *root, dur_us head_age, const char *what)
{
	struct clock *c = clock_new_real();
	char dir[256];
	struct series_db *db;
	static series_id id[PACERS * PACE_BATCH];
	static struct pacer w[PACERS];
	static dur_us all[PACE * PACE_S / PACE_BATCH];
	size_t n = 0;

	snprintf(dir, sizeof(dir), "%s/pace", root);
	db = open_aged(dir, c, head_age);
	make_series(db, id, ARRAY_LEN(id));
	for (int i = 0; i < PACERS; i++) {
		w[i] = (struct pacer){.db = db, .id = id + (size_t)i * PACE_BATCH, .number = i};
		must(pthread_create(&w[i].thread, NULL, pace, &w[i]) == 0);
	}
	for (int i = 0; i < PACERS; i++) {
		pthread_join(w[i].thread, NULL);
		memcpy(all + n, w[i].took, sizeof(w[i].took));
		n += ARRAY_LEN(w[i].took);
	}
	qsort(all, n, sizeof(*all), compare_dur);
	printf("commit at 200,000 points/s, %-22s %6.2f ms, p99 %6.2f ms, greatest %6.2f ms\n", what,
	        (double)all[n / 2] / 1e3, (double)all[n * 99 / 100] / 1e3, (double)all[n - 1] / 1e3);
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	clock_free(&c);
}

/* ---- the worst answers ---- */

enum { WORST = 12, CARE_MOST = 4096, OLD_SERIES = 10000 };

struct span {
	dur_us from, to;
	const char *what;
};
struct carer {
	struct series_db *db;
	const char *root;
	const series_id *old;
	_Atomic bool stop;
	struct span did[CARE_MOST];
	_Atomic size_t n;
	pthread_t thread;
};

static void begin(struct carer *w, const char *what)
{
	w->did[w->n] = (struct span){.from = clock_monotonic(), .to = INT64_MAX, .what = what};
	w->n++;
}
static void end(struct carer *w)
{
	w->did[w->n - 1].to = clock_monotonic();
}

/* A late reading of each old series makes their file one to be packed again. */
static void *care_on(void *arg)
{
	struct carer *w = arg;
	static struct series_point p[OLD_SERIES];
	struct arena *a = arena_new(0);
	struct matcher m;
	char dir[300];

	snprintf(dir, sizeof(dir), "%s/snapshot", w->root);
	must(matcher_init(&m, a, MATCH_EQ, STR_LIT("thing"), STR_LIT("WL-000007"), NULL) == 0);
	for (int turn = 0; !w->stop && w->n + 8 < CARE_MOST; turn++) {
		for (int i = 0; i < OLD_SERIES; i++)
			p[i] = (struct series_point){w->old[i], T0 - US_MINUTE - turn * US_MS, turn};
		begin(w, "late readings");
		must(series_append(w->db, p, OLD_SERIES, NULL) == 0);
		end(w);
		begin(w, "expiry, packing");
		must(series_expire(w->db, T0 - 30 * US_DAY, NULL) == 0);
		end(w);
		begin(w, "snapshot");
		must(series_snapshot(w->db, dir, NULL, NULL) == 0);
		end(w);
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		begin(w, "deletion");
		must(series_delete(w->db, &m, 1, T0, T0 + US_HOUR, NULL, NULL) == 0);
		end(w);
		for (int i = 0; i < 20 && !w->stop; i++)
			usleep(100000);
	}
	arena_free(&a);
	return NULL;
}

struct answer {
	dur_us due, took, sync;
};
struct long_pacer {
	struct series_db *db;
	const series_id *id;
	int number, posts;
	struct answer *answer;
	pthread_t thread;
};

static void *pace_long(void *arg)
{
	struct long_pacer *w = arg;
	const dur_us every = US_SECOND * PACERS * PACE_BATCH / PACE;
	dur_us first = clock_monotonic() + every * w->number / PACERS;
	struct series_point p[PACE_BATCH];

	for (int i = 0; i < w->posts; i++) {
		dur_us due = first + i * every, wait = due - clock_monotonic();

		for (int k = 0; k < PACE_BATCH; k++)
			p[k] = (struct series_point){w->id[k],
			        T0 + 60 * US_DAY + (time_us)i * US_SECOND + k % 400 * US_MS,
			        (double)(2000 + (i + k) % 37) / 100};
		if (wait > 0)
			usleep((useconds_t)wait);
		must(series_append(w->db, p, PACE_BATCH, NULL) == 0);
		w->answer[i] =
		        (struct answer){due, clock_monotonic() - due, atomic_load(&w->db->last_sync_us)};
	}
	return NULL;
}

/* The longest that a commit waited for the disk from when it was due to its answer. */
static dur_us longest_sync(const struct answer *all, size_t n, const struct answer *x)
{
	dur_us most = 0;

	for (size_t i = 0; i < n; i++) {
		dur_us at = all[i].due + all[i].took;

		if (at >= x->due && at <= x->due + x->took && all[i].sync > most)
			most = all[i].sync;
	}
	return most;
}

static int worse(const void *a, const void *b)
{
	const struct answer *x = a, *y = b;

	return (x->took < y->took) - (x->took > y->took);
}

static void bench_stalls(const char *root, int secs, int old_millions)
{
	struct clock *c = clock_new_real();
	char dir[256];
	struct series_db *db;
	static series_id id[PACERS * PACE_BATCH], old[OLD_SERIES];
	static struct long_pacer w[PACERS];
	static struct carer care;
	const int posts = PACE * secs / PACE_BATCH / PACERS;
	struct answer *all = calloc((size_t)posts * PACERS, sizeof(*all));
	size_t n = (size_t)posts * PACERS;

	snprintf(dir, sizeof(dir), "%s/stalls", root);
	db = open_aged(dir, c, 2 * US_SECOND);
	make_series(db, old, OLD_SERIES);
	ingest(db, old, OLD_SERIES, old_millions * 100);
	must(series_flush(db, NULL) == 0);
	resolve_city(db, id, 0, ARRAY_LEN(id));
	care = (struct carer){.db = db, .root = root, .old = old};
	must(pthread_create(&care.thread, NULL, care_on, &care) == 0);
	for (int i = 0; i < PACERS; i++) {
		w[i] = (struct long_pacer){.db = db,
		        .id = id + (size_t)i * PACE_BATCH,
		        .number = i,
		        .posts = posts,
		        .answer = all + (size_t)i * (size_t)posts};
		must(pthread_create(&w[i].thread, NULL, pace_long, &w[i]) == 0);
	}
	for (int i = 0; i < PACERS; i++)
		pthread_join(w[i].thread, NULL);
	care.stop = true;
	pthread_join(care.thread, NULL);
	qsort(all, n, sizeof(*all), worse);
	printf("%d s at 200,000 points/s beside care: median %.2f ms, p99 %.2f ms, greatest %.2f ms; %zu "
	       "things "
	       "done\n",
	        secs, (double)all[n / 2].took / 1e3, (double)all[n / 100].took / 1e3,
	        (double)all[0].took / 1e3, (size_t)care.n);
	for (size_t i = 0; i < WORST && i < n; i++) {
		printf("  %7.2f ms, longest sync %7.2f ms, while:", (double)all[i].took / 1e3,
		        (double)longest_sync(all, n, &all[i]) / 1e3);
		for (size_t k = 0; k < care.n; k++)
			if (care.did[k].from < all[i].due + all[i].took && care.did[k].to > all[i].due)
				printf(" %s (%.0f ms)", care.did[k].what,
				        (double)(care.did[k].to - care.did[k].from) / 1e3);
		printf("\n");
	}
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(all);
	clock_free(&c);
}

struct asker {
	struct series_db *db;
	_Atomic bool stop;
	int asked;
	pthread_t thread;
};

/* As a page does: hourly averages of all, one series, newest of all; twenty questions a second. */
static void *ask_on(void *arg)
{
	struct asker *w = arg;
	static series_id id[10000];
	static struct series_point p[ARRAY_LEN(id)];
	double sum = 0;

	for (uint32_t i = 0; i < ARRAY_LEN(id); i++)
		id[i].v = i + 1;
	for (; !w->stop; w->asked++) {
		switch (w->asked % 3) {
		case 0: query_windows(w->db, T0, T0 + US_DAY, US_HOUR, &sum); break;
		case 1: query(w->db, T0 - US_HOUR, "WL-000500", MATCH_EQ, &sum); break;
		case 2: series_latest_many(w->db, id, ARRAY_LEN(id), p); break;
		}
		usleep(50000);
	}
	return NULL;
}

/* The same readings taken alone and while questions are asked, three times each, in turn. */
static void bench_asked(const char *root)
{
	enum { N = 10000, ROUNDS = 200, TURNS = 3 };
	struct clock *c = clock_new_real();
	double rate[2] = {0};
	int asked = 0;

	for (int i = 0; i < 2 * TURNS; i++) {
		struct asker w = {0};
		static series_id id[N];
		char dir[256];
		dur_us took;

		snprintf(dir, sizeof(dir), "%s/asked-%d", root, i);
		w.db = open_db(dir, c);
		make_series(w.db, id, N);
		if (i % 2)
			must(pthread_create(&w.thread, NULL, ask_on, &w) == 0);
		took = ingest(w.db, id, N, ROUNDS);
		w.stop = true;
		if (i % 2)
			pthread_join(w.thread, NULL);
		asked += w.asked;
		rate[i % 2] += (double)N * ROUNDS / seconds(took) / 1e6 / TURNS;
		series_close(&w.db);
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
	printf("durable, %7d series        %8.2f M points/s alone, %.2f M (%.0f %%) while %d questions were "
	       "answered\n",
	        N, rate[0], rate[1], 100 * rate[1] / rate[0], asked);
	clock_free(&c);
}

static double resident_mib(void)
{
	long pages = 0, any;
	FILE *f = fopen("/proc/self/statm", "r");

	must(f && fscanf(f, "%ld %ld", &any, &pages) == 2);
	fclose(f);
	return (double)pages * (double)sysconf(_SC_PAGESIZE) / (1 << 20);
}

static void bench_many(const char *root, int n, int rounds)
{
	const int fresh = n < 100000 ? n : 100000;
	struct clock *c = clock_new_real();
	char dir[256], text[64];
	struct series_db *db;
	series_id *id = calloc((size_t)n, sizeof(*id));
	struct series_point *p = calloc((size_t)n, sizeof(*p));
	struct arena *a = arena_new(0);
	struct series_latest_row *row;
	struct matcher m;
	double before = resident_mib();
	size_t rows;
	dur_us took;

	snprintf(dir, sizeof(dir), "%s/many", root);
	db = open_db(dir, c);
	start();
	resolve_city(db, id, 0, n);
	snprintf(text, sizeof(text), "%d new series", n);
	stop(text);
	printf("memory, labels alone           %8.0f bytes/series\n",
	        (resident_mib() - before) * (1 << 20) / n);
	took = ingest(db, id, n, rounds);
	printf("durable                        %8.2f M points/s in batches of %d\n",
	        (double)n * rounds / seconds(took) / 1e6, n);
	printf("memory with %4d points each   %8.0f bytes/series\n", rounds,
	        (resident_mib() - before) * (1 << 20) / n);
	series_close(&db);
	start();
	db = open_db(dir, c);
	stop("reopening it, replay included");
	memset(p, 1, (size_t)n * sizeof(*p)); /* the pages are there */
	start();
	series_latest_many(db, id, (size_t)n, p);
	stop("latest of all");
	start();
	must(series_list(db, NULL, 0, 0, a, &row, &rows, NULL) == 0 && rows == (size_t)n);
	stop("latest of all with labels, in order");
	must(matcher_init(&m, a, MATCH_RE, STR_LIT("thing"), STR_LIT("SN-0000.*7"), NULL) == 0);
	start();
	must(series_list(db, &m, 1, 0, a, &row, &rows, NULL) == 0);
	stop("regular expression over things");
	must(matcher_init(&m, a, MATCH_EQ, STR_LIT("place"), STR_LIT("320907"), NULL) == 0);
	start();
	must(series_list(db, &m, 1, 0, a, &row, &rows, NULL) == 0);
	snprintf(text, sizeof(text), "one place, %zu series", rows);
	stop(text);
	start();
	resolve_city(db, id, n, fresh);
	ingest(db, id, fresh, 2);
	snprintf(text, sizeof(text), "churn: %d new series, two readings", fresh);
	stop(text);
	start();
	must(series_flush(db, NULL) == 0);
	stop("flush: a block for each series");
	series_close(&db);
	start();
	db = open_db(dir, c);
	stop("reopening it, nothing to replay");
	series_close(&db);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	arena_free(&a);
	free(p);
	free(id);
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
	if (argc > 2 && strcmp(argv[2], "stalls") == 0) {
		bench_disk(dir);
		bench_stalls(dir, argc > 3 ? (int)strtol(argv[3], NULL, 10) : 60,
		        argc > 4 ? (int)strtol(argv[4], NULL, 10) : 30);
		nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
		return 0;
	}
	if (argc > 2) {
		bench_many(
		        dir, (int)strtol(argv[2], NULL, 10), argc > 3 ? (int)strtol(argv[3], NULL, 10) : 20);
		rmdir(dir);
		return 0;
	}
	for (int k = 0; k < 4; k++)
		bench_codec(k & 1, k & 2 ? CODEC_POINTS : HEAD_POINTS);
	for (int k = 0; k < BYTES_KINDS; k++)
		bench_bytes(dir, k);
	bench_disk(dir);
	bench_queries(dir);
	bench_year(dir);
	bench_asked(dir);
	bench_pace(dir, 0, "no checkpoint");
	bench_pace(dir, US_SECOND, "a checkpoint a second");
	bench_ingest(dir, 10000, 800);
	bench_ingest(dir, 100000, 60);
	nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}

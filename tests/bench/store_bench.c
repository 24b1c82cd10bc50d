/*
 * store_bench - commits per second of the record store, beside what the disk can do.
 *
 *   store_bench [FOLDER]      SQLite in FOLDER (default: the present one); PostgreSQL too where
 *                             HEMING_TEST_POSTGRES names a server that may be written to.
 *
 * A write here is one setting and one entry of the journal. "single" waits for each commit before the next;
 * "grouped" has many waiting, as a busy server does.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "store/journal.h"
#include "store/sql.h"

#define FSYNCS 200
#define SINGLE 300
#define THREADS 32
#define PER_THREAD 200

static double seconds_since(dur_us began)
{
	return (double)(clock_monotonic() - began) / 1e6;
}

static int write_one(struct store_tx *tx, void *arg, struct err *e)
{
	struct sql_setting_put_in in = {str_of(arg), STR_LIT("value"), store_now(tx)};
	struct journal_entry j = {.at = TIME_NONE,
	        .kind = STR_LIT("bench.written"),
	        .subject = STR_LIT("bench"),
	        .subject_id = str_of(arg),
	        .secrecy = 1,
	        .payload = STR_LIT("{\"temperature\":21.5,\"note\":\"measured\"}")};
	int rc = sql_setting_put(tx, &in, NULL, e);
	return rc < 0 ? rc : journal_append(tx, &j, e);
}

static void write_or_die(struct store *st, const char *name)
{
	struct err e = ERR_INIT;
	char text[800];
	if (store_write(st, "bench", write_one, (void *)(uintptr_t)name, &e) < 0) {
		fprintf(stderr, "%s\n", err_str(&e, text, sizeof(text)));
		exit(1);
	}
}

static void *thread_main(void *arg)
{
	for (int i = 0; i < PER_THREAD; i++)
		write_or_die(arg, "bench.grouped");
	return NULL;
}

static void measure(const char *address)
{
	struct err e = ERR_INIT;
	struct clock *clock = clock_new_real();
	struct id_source *ids = id_source_new(1023, clock);
	struct store_options o = {.address = address, .clock = clock, .ids = ids, .create = true};
	struct store *st = NULL;
	pthread_t t[THREADS];
	char text[800];

	if (store_open(&o, &st, &e) < 0) {
		fprintf(stderr, "%s\n", err_str(&e, text, sizeof(text)));
		exit(1);
	}
	dur_us began = clock_monotonic();
	for (int i = 0; i < SINGLE; i++)
		write_or_die(st, "bench.single");
	printf("%-9s single   %8.0f writes/s\n", store_backend(st), SINGLE / seconds_since(began));
	began = clock_monotonic();
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, thread_main, st);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	printf("%-9s grouped  %8.0f writes/s (%d threads)\n", store_backend(st),
	        THREADS * PER_THREAD / seconds_since(began), THREADS);
	store_close(&st);
	id_source_free(&ids);
	clock_free(&clock);
}

/* Appending 4 KiB and syncing: the floor under every durable commit. */
static void measure_fsync(const char *path)
{
	static const char page[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	dur_us began = clock_monotonic();
	for (int i = 0; fd >= 0 && i < FSYNCS; i++) {
		if (write(fd, page, sizeof(page)) != sizeof(page) || fdatasync(fd) != 0) {
			perror(path);
			exit(1);
		}
	}
	printf("fdatasync of 4 KiB %6.0f /s\n", FSYNCS / seconds_since(began));
	close(fd);
	unlink(path);
}

int main(int argc, char **argv)
{
	const char *dir = argc > 1 ? argv[1] : ".";
	const char *server = getenv("HEMING_TEST_POSTGRES");
	char *probe = xasprintf("%s/store_bench.sync", dir);
	char *file = xasprintf("%s/store_bench.db", dir);
	char *address = xasprintf("sqlite:%s", file);

	if (access(file, F_OK) == 0) {
		fprintf(stderr, "%s is there already; remove it or name another folder\n", file);
		return 1;
	}
	measure_fsync(probe);
	measure(address);
	unlink(file);
	if (server) {
		char *pg = xasprintf("postgres:%s", server);
		measure(pg);
		free(pg);
	}
	free(address);
	free(file);
	free(probe);
	return 0;
}

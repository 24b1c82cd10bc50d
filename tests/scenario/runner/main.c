/*
 * scn [-j N] [--store sqlite|postgres] [--keep] [--patience 10s] [--seed N] FILE… - runs scenarios.
 *
 * Each file in a process of its own. Exit code 0, 1 if one failed, 77 if all were skipped. The program under
 * test is $HEMING or $HEMING_BIN, else src/cli/heming beside this program's build.
 */
#include "scn.h"

#include "base/file.h"
#include "base/id.h"
#include "base/num.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define SKIPPED 77
#define LIMIT (170 * US_SECOND) /* of one scenario */

static struct {
	const char *store, *binary;
	bool keep;
	dur_us patience, limit;
	uint64_t seed;
} opt = {.patience = 10 * US_SECOND, .limit = LIMIT};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
	(void)st, (void)flag, (void)at;
	return remove(path);
}

static void report(struct ctx *c)
{
	struct run *r = c->run;
	struct str rest = str_of(c->why.p);
	bool first = true;

	while (rest.p != NULL) {
		struct str line = str_cut(&rest, '\n');

		if (first)
			printf("# %s:%d: " STR_FMT "\n", c->at->file, c->at->line, STR_ARG(line));
		else
			printf("#     " STR_FMT "\n", STR_ARG(line));
		first = false;
	}
	for (const struct city *y = r->cities; y != NULL; y = y->next)
		city_report(y);
	printf("#   its files are in %s (seed %llu)\n", r->dir, (unsigned long long)opt.seed);
}

/* A scenario that hangs tells where; what it started dies with it. */
static void *watch(void *arg)
{
	struct run *r = arg;
	dur_us until = clock_monotonic() + opt.limit;

	while (!r->ending && clock_monotonic() < until)
		usleep(100000);
	if (r->ending)
		return NULL;
	printf("# %s:%d: the scenario takes longer than %lld s\n", r->now ? r->now->file : r->file,
	        r->now ? r->now->line : 0, (long long)(opt.limit / US_SECOND));
	for (const struct city *y = r->cities; y != NULL; y = y->next) {
		if (y->pid > 0)
			kill(y->pid, SIGKILL);
		city_report(y);
	}
	printf("#   its files are in %s\n", r->dir);
	if (r->database != NULL)
		database_drop(r, r->database);
	fflush(NULL);
	_exit(1);
}

static char *find_top(const char *file)
{
	char path[PATH_MAX];

	if (realpath(file, path) == NULL)
		return xstrdup(".");
	for (char *slash; (slash = strrchr(path, '/')) != NULL;) {
		char probe[PATH_MAX + 32];

		*slash = '\0';
		snprintf(probe, sizeof(probe), "%s/meson_options.txt", path);
		if (file_exists(probe))
			return xstrdup(path);
	}
	return xstrdup(".");
}

static void end_actors(struct run *r)
{
	r->ending = true;
	for (struct actor *a = r->actors, *next; a != NULL; a = next) {
		next = a->next;
		if (a->running) {
			pthread_join(a->thread, NULL);
			arena_free(&a->thread_ctx->a);
			sb_fini(&a->thread_ctx->why);
			free(a->thread_ctx);
		}
		if (a->kind->free != NULL)
			a->kind->free(a);
		free(a->name);
		free(a->city);
		free(a->as);
		free(a);
	}
}

/* A thread that was started and never waited for: its failure counts too. */
static void judge_actors(struct ctx *c)
{
	for (struct actor *a = c->run->actors; a != NULL; a = a->next) {
		if (!a->running)
			continue;
		pthread_join(a->thread, NULL);
		a->running = false;
		if (a->thread_ctx->failed && !c->failed)
			scn_fail(c, a->thread_ctx->at, "%s", a->thread_ctx->why.p);
		arena_free(&a->thread_ctx->a);
		sb_fini(&a->thread_ctx->why);
		free(a->thread_ctx);
		a->thread_ctx = NULL;
	}
}

static int run_file(const char *file)
{
	struct run r = {.file = file,
	        .binary = opt.binary,
	        .store = opt.store,
	        .patience = opt.patience,
	        .seed = opt.seed};
	struct ctx c = {.run = &r, .a = arena_new(0)};
	struct stmt *first = NULL;
	struct stmt whole = {.file = file};
	struct err e = ERR_INIT;
	char buf[800], dir[200];
	pthread_t watcher;
	int code;

	pthread_mutex_init(&r.lock, NULL);
	pthread_cond_init(&r.changed, NULL);
	r.a = c.a;
	r.top = find_top(file);
	snprintf(dir, sizeof(dir), "%s/scn-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
	if (mkdtemp(dir) == NULL) {
		printf("# no folder for the scenario's files can be made at %s: %s\n", dir, strerror(errno));
		return 1;
	}
	r.dir = xstrdup(dir);
	scn_set(&r, "store", r.store);
	scn_set(&r, "dir", r.dir);
	scn_set(&r, "top", r.top);
	scn_set(&r, "heming", r.binary);
	scn_set(&r, "file", file);
	if (strcmp(r.store, "postgres") == 0) {
		r.postgres = getenv("HEMING_TEST_POSTGRES");
		r.database = xasprintf("scn_%s", dir + strlen(dir) - 6);
		for (char *p = r.database; *p != '\0'; p++)
			*p = (char)(*p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p);
		r.database = xasprintf("%s_%d", r.database, (int)getpid());
		if (r.postgres == NULL)
			scn_fail(&c, &whole, "HEMING_TEST_POSTGRES is not set");
		else if (database_make(&r, r.database, &e) < 0)
			scn_fail(&c, &whole, "%s", e.text);
		else
			scn_set(&r, "store_address",
			        arena_printf(c.a, "postgres:%s dbname=%s", r.postgres, r.database));
	}
	pthread_create(&watcher, NULL, watch, &r);
	if (!c.failed && scn_parse(c.a, file, &first, &e) < 0)
		scn_fail(&c, &whole, "%s", err_str(&e, buf, sizeof(buf)));
	if (!c.failed)
		scn_exec_block(&c, first);
	if (!c.failed)
		judge_actors(&c);
	if (!c.failed)
		city_end_all(&c, true);
	if (c.failed && c.skip == NULL)
		report(&c);
	end_actors(&r);
	pthread_join(watcher, NULL);
	city_end_all(&c, false);
	proxy_end();
	if (r.postgres != NULL)
		database_drop(&r, r.database);
	code = c.skip != NULL ? SKIPPED : c.failed ? 1 : 0;
	if (code == SKIPPED)
		printf("# %s: %s\n", file, c.skip);
	if (code != 1 && !opt.keep)
		nftw(r.dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	else if (opt.keep)
		printf("# its files are in %s\n", r.dir);
	fflush(NULL);
	return code;
}

/* ---- many ---- */

struct job {
	const char *file;
	pid_t pid;
	char out[40];
	dur_us began;
	int code;
	bool done;
};

static void begin_job(struct job *j)
{
	int fd;

	snprintf(j->out, sizeof(j->out), "/tmp/scn-out-XXXXXX");
	fd = mkstemp(j->out);
	j->began = clock_monotonic();
	fflush(NULL);
	j->pid = fork();
	if (j->pid != 0) {
		close(fd);
		return;
	}
	dup2(fd, 1);
	dup2(fd, 2);
	close(fd);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	_exit(run_file(j->file));
}

static void tell_job(const struct job *j, int number)
{
	struct arena *a = arena_new(0);
	const char *text = scn_file(a, j->out);
	double s = (double)(clock_monotonic() - j->began) / 1e6;

	if (j->code == SKIPPED)
		printf("%sok %d - %s # SKIP\n", text, number, j->file);
	else
		printf("%s%s %d - %s (%s, %.1f s)\n", text, j->code == 0 ? "ok" : "not ok", number, j->file,
		        opt.store, s);
	fflush(stdout);
	unlink(j->out);
	arena_free(&a);
}

static int usage(void)
{
	fprintf(stderr, "usage: scn [-j N] [--store sqlite|postgres] [--keep] [--patience 10s] [--limit "
	                "170s] [--seed N] "
	                "FILE…\n");
	return 2;
}

int main(int argc, char **argv)
{
	int64_t parallel = 1, n;
	int i, files, begun = 0, ended = 0, passed = 0, failed = 0, skipped = 0;
	struct job *jobs;
	char self[PATH_MAX], probe[2 * PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	signal(SIGPIPE, SIG_IGN);
	opt.store = getenv("HEMING_TEST_STORE");
	opt.binary = getenv("HEMING") ? getenv("HEMING") : getenv("HEMING_BIN");
	random_bytes(&opt.seed, sizeof(opt.seed));
	opt.seed &= 0xffffffff;
	if (getenv("HEMING_TEST_PATIENCE") != NULL &&
	        !dur_parse(str_of(getenv("HEMING_TEST_PATIENCE")), &opt.patience))
		return usage();
	for (i = 1; i < argc && argv[i][0] == '-'; i++) {
		const char *v = i + 1 < argc ? argv[i + 1] : "";

		if (strcmp(argv[i], "--keep") == 0) {
			opt.keep = true;
			continue;
		}
		if (strcmp(argv[i], "-j") == 0 && num_int(str_of(v), &parallel) && parallel > 0)
			i++;
		else if (strcmp(argv[i], "--store") == 0)
			opt.store = argv[++i];
		else if (strcmp(argv[i], "--patience") == 0 && dur_parse(str_of(v), &opt.patience))
			i++;
		else if (strcmp(argv[i], "--limit") == 0 && dur_parse(str_of(v), &opt.limit))
			i++;
		else if (strcmp(argv[i], "--seed") == 0 && num_int(str_of(v), &n)) {
			opt.seed = (uint64_t)n;
			i++;
		} else
			return usage();
	}
	files = argc - i;
	if (opt.store == NULL)
		opt.store = "sqlite";
	if (files < 1 || (strcmp(opt.store, "sqlite") != 0 && strcmp(opt.store, "postgres") != 0))
		return usage();
	if (opt.binary == NULL && len > 0) {
		self[len] = '\0';
		for (int up = 0; up < 3 && strrchr(self, '/') != NULL; up++)
			*strrchr(self, '/') = '\0';
		snprintf(probe, sizeof(probe), "%s/src/cli/heming", self);
		opt.binary = probe;
	}
	jobs = xcalloc((size_t)files, sizeof(*jobs));
	printf("1..%d\n", files);
	while (ended < files) {
		int status;
		pid_t pid;

		while (begun < files && begun - ended < (int)parallel) {
			jobs[begun].file = argv[i + begun];
			begin_job(&jobs[begun++]);
		}
		pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR)
			break;
		for (int k = 0; k < begun; k++) {
			struct job *j = &jobs[k];

			if (j->done || j->pid != pid)
				continue;
			j->done = true;
			ended++;
			j->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
			tell_job(j, k + 1);
			passed += j->code == 0;
			skipped += j->code == SKIPPED;
			failed += j->code != 0 && j->code != SKIPPED;
		}
	}
	free(jobs);
	if (skipped > 0)
		printf("# %d skipped\n", skipped);
	printf("%d passed, %d failed\n", passed, failed);
	return failed > 0 ? 1 : passed == 0 ? SKIPPED : 0;
}

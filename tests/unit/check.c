/*
 * check - see check.h.
 *
 * The tests run one after another in one child, which writes a byte at the begin and at the end of
 * each down a pipe. When the child dies, the parent counts the test it was in as failed and starts
 * another child behind it. So a crash costs one test, and a sanitizer that looks for leaks at exit
 * is paid once.
 */
#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TEST_LIMIT_S 180 /* far more than any needs, so that a busy machine fails none */

static struct check_test *tests, **tests_end = &tests;
static atomic_int failures; /* of the running test */
static char root[256];      /* made by the parent, so that a crash leaves nothing behind */
static char dir[300];       /* of the running test, in root; "" before it is asked for */
static struct path_node {
	struct path_node *next;
	char path[];
} * paths;

void check_register(struct check_test *t)
{
	*tests_end = t;
	tests_end = &t->next;
}

bool check__fail(const char *file, int line, const char *fmt, ...)
{
	char words[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	atomic_fetch_add(&failures, 1);
	flockfile(stdout);
	printf("# %s:%d: ", file, line);
	/* TAP: every line of a remark begins with # */
	for (const char *p = words; *p; p++) {
		putchar(*p);
		if (*p == '\n')
			fputs("#   ", stdout);
	}
	putchar('\n');
	fflush(stdout);
	funlockfile(stdout);
	return false;
}

bool check__true(const char *file, int line, bool ok, const char *what)
{
	return ok || check__fail(file, line, "not true: %s", what);
}

bool check__eq_i(const char *file, int line, int64_t a, int64_t b, const char *wa, const char *wb)
{
	return a == b || check__fail(file, line, "%s is %" PRId64 ", but %s is %" PRId64, wa, a, wb, b);
}

bool check__eq_u(const char *file, int line, uint64_t a, uint64_t b, const char *wa, const char *wb)
{
	return a == b || check__fail(file, line,
	                         "%s is %" PRIu64 " (0x%" PRIx64 "), but %s is %" PRIu64 " (0x%" PRIx64 ")",
	                         wa, a, a, wb, b, b);
}

bool check__eq_d(const char *file, int line, double a, double b, const char *wa, const char *wb)
{
	bool same = (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));

	return same || check__fail(file, line, "%s is %.17g, but %s is %.17g", wa, a, wb, b);
}

bool check__near(const char *file, int line, double a, double b, double tol, const char *wa, const char *wb)
{
	return fabs(a - b) <= tol ||
	       check__fail(file, line, "%s is %.17g, but %s is %.17g: apart by %g, more than %g", wa, a, wb,
	               b, fabs(a - b), tol);
}

bool check__eq_s(const char *file, int line, const char *a, const char *b, const char *wa, const char *wb)
{
	if (a == b || (a && b && strcmp(a, b) == 0))
		return true;
	return check__fail(file, line, "%s is %s%s%s,\nbut %s is %s%s%s", wa, a ? "\"" : "", a ? a : "NULL",
	        a ? "\"" : "", wb, b ? "\"" : "", b ? b : "NULL", b ? "\"" : "");
}

bool check__eq_p(const char *file, int line, const void *a, const void *b, const char *wa, const char *wb)
{
	return a == b || check__fail(file, line, "%s is %p, but %s is %p", wa, a, wb, b);
}

bool check__eq_mem(
        const char *file, int line, const void *a, const void *b, size_t n, const char *wa, const char *wb)
{
	const uint8_t *x = a, *y = b;

	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return check__fail(file, line, "%s and %s differ at byte %zu of %zu: %02x and %02x",
			        wa, wb, i, n, x[i], y[i]);
	return true;
}

bool check__str(const char *file, int line, struct str s, const char *want, const char *what)
{
	if (!s.p)
		return check__fail(file, line, "%s is the null slice, not \"%s\"", what, want);
	if (s.n == strlen(want) && memcmp(s.p, want, s.n) == 0)
		return true;
	return check__fail(file, line, "%s is \"%.*s\" (%zu bytes),\nnot \"%s\" (%zu bytes)", what, (int)s.n,
	        s.p, s.n, want, strlen(want));
}

bool check__has(const char *file, int line, const char *s, const char *words, const char *what)
{
	if (s && strstr(s, words))
		return true;
	return check__fail(file, line, "%s is \"%s\",\nwithout \"%s\"", what, s ? s : "(NULL)", words);
}

static const char *code_name(int code)
{
	switch (code) {
	case 0: return "0";
#define X(name, code, http, text)                                                                            \
	case code:                                                                                           \
		return "ERR_" #name;
#include "base/err.tbl"
#undef X
	default: return "not a code";
	}
}

bool check__ok(const char *file, int line, int rc, const struct err *e, const char *what)
{
	if (rc == 0)
		return true;
	return check__fail(file, line, "%s gives %d (%s): %s%s%s%s%s", what, rc, code_name(rc),
	        e ? e->where : "", e && e->where[0] ? ": " : "", e ? e->field : "",
	        e && e->field[0] ? ": " : "", e ? e->text : "");
}

bool check__err(const char *file, int line, int rc, int code, const char *what)
{
	return rc == code || check__fail(file, line, "%s gives %d (%s), not %d (%s)", what, rc, code_name(rc),
	                             code, code_name(code));
}

bool check__panics(const char *file, int line, void (*f)(void *), void *arg, const char *what)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return check__fail(file, line, "no child: %s", strerror(errno));
	if (pid == 0) {
		struct rlimit none = {0, 0};
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		(void)setrlimit(RLIMIT_CORE, &none);
		(void)dup2(null, STDERR_FILENO);
		f(arg);
		_exit(0);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) ||
	       check__fail(file, line, "%s does not panic", what);
}

const char *test_dir(void)
{
	if (dir[0])
		return dir;
	snprintf(dir, sizeof(dir), "%s/XXXXXX", root);
	if (!mkdtemp(dir)) {
		fprintf(stderr, "%s: %s\n", dir, strerror(errno));
		abort();
	}
	return dir;
}

const char *test_path(const char *name)
{
	const char *d = test_dir();
	size_t n = strlen(d) + 1 + strlen(name) + 1;
	struct path_node *p = malloc(sizeof(*p) + n);

	if (!p)
		abort();
	snprintf(p->path, n, "%s/%s", d, name);
	p->next = paths;
	paths = p;
	return p->path;
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
	(void)st;
	(void)kind;
	(void)ftw;
	return remove(path);
}

static void remove_tree(const char *path)
{
	(void)nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static void leave_dir(void)
{
	struct path_node *p;

	while ((p = paths)) {
		paths = p->next;
		free(p);
	}
	if (dir[0])
		remove_tree(dir);
	dir[0] = 0;
}

/* "json_test.reads_numbers" */
static const char *full_name(const struct check_test *t, char *buf, size_t n)
{
	const char *base = strrchr(t->file, '/');
	const char *dot;

	base = base ? base + 1 : t->file;
	dot = strrchr(base, '.');
	snprintf(buf, n, "%.*s.%s", dot ? (int)(dot - base) : (int)strlen(base), base, t->name);
	return buf;
}

static bool selected(const struct check_test *t, char **words, int n)
{
	char name[512];

	full_name(t, name, sizeof(name));
	for (int i = 0; i < n; i++)
		if (strstr(name, words[i]))
			return true;
	return n == 0;
}

static void result(bool ok, int number, const struct check_test *t, const char *why)
{
	char name[512];

	printf("%s %d - %s%s%s\n", ok ? "ok" : "not ok", number, full_name(t, name, sizeof(name)),
	        *why ? " # " : "", why);
	fflush(stdout);
}

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* SplitMix64. */
static _Thread_local uint64_t random_state;

void test_seed(uint64_t seed)
{
	random_state = seed * UINT64_C(0xd1342543de82ef95);
}

uint64_t test_random(void)
{
	uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t test_below(uint64_t n)
{
	return test_random() % n;
}

static bool run_one(const struct check_test *t)
{
	atomic_store(&failures, 0);
	test_seed(0);
	t->run();
	leave_dir();
	return atomic_load(&failures) == 0;
}

struct report {
	int number;
	enum { REPORT_BEGIN, REPORT_PASS, REPORT_FAIL } what;
};

static void send_report(int fd, int number, int what)
{
	struct report r = {.number = number, .what = what};

	if (write(fd, &r, sizeof(r)) != (ssize_t)sizeof(r))
		_exit(98);
}

/* Runs the tests from number `from` on; a child's whole life. */
NORETURN static void child(struct check_test **list, int n, int from, int fd)
{
	for (int i = from; i < n; i++) {
		char took[32] = "";
		double began = seconds();
		bool ok;

		send_report(fd, i, REPORT_BEGIN);
		alarm(TEST_LIMIT_S);
		ok = run_one(list[i]);
		alarm(0);
		if (seconds() - began >= 1)
			snprintf(took, sizeof(took), "%.1f s", seconds() - began);
		result(ok, i + 1, list[i], took);
		send_report(fd, i, ok ? REPORT_PASS : REPORT_FAIL);
	}
	close(fd);
	free(list);
	exit(0); /* here the sanitizers take their last look */
}

static const char *death(int status, char *buf, size_t n)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		snprintf(buf, n, "ran for more than %d s", TEST_LIMIT_S);
	else if (WIFSIGNALED(status))
		snprintf(buf, n, "died: %s", strsignal(WTERMSIG(status)));
	else
		snprintf(buf, n, "ended the process with %d", WEXITSTATUS(status));
	return buf;
}

/* One child, from test `from` on. Returns the number of the next test to run. */
static int watch(struct check_test **list, int n, int from, int *failed, int *extra)
{
	int fd[2], status = 0, in = -1;
	char why[96];
	struct report r;
	pid_t pid;

	fflush(NULL);
	if (pipe2(fd, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		printf("Bail out! no child: %s\n", strerror(errno));
		exit(1);
	}
	if (pid == 0) {
		close(fd[0]);
		child(list, n, from, fd[1]);
	}
	close(fd[1]);
	while (read(fd[0], &r, sizeof(r)) == (ssize_t)sizeof(r)) {
		in = r.what == REPORT_BEGIN ? r.number : -1;
		*failed += r.what == REPORT_FAIL;
	}
	close(fd[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (in >= 0) {
		result(false, in + 1, list[in], death(status, why, sizeof(why)));
		*failed += 1;
		return in + 1;
	}
	if (status != 0) { /* all tests have ended: the fault is of the whole, a leak for instance */
		printf("not ok %d - after the tests # %s\n", n + 1, death(status, why, sizeof(why)));
		*failed += 1;
		*extra += 1;
	}
	return n;
}

int main(int argc, char **argv)
{
	bool list_only = false, here = false;
	struct check_test **list;
	int n = 0, failed = 0, extra = 0, opt;
	size_t cap = 0;
	const char *tmp = getenv("TMPDIR");

	while ((opt = getopt(argc, argv, "ln")) != -1) {
		switch (opt) {
		case 'l': list_only = true; break;
		case 'n': here = true; break;
		default: fprintf(stderr, "usage: %s [-l] [-n] [WORD…]\n", argv[0]); return 2;
		}
	}
	for (struct check_test *t = tests; t; t = t->next)
		cap++;
	list = calloc(cap + 1, sizeof(struct check_test *));
	if (!list)
		abort();
	for (struct check_test *t = tests; t; t = t->next)
		if (selected(t, argv + optind, argc - optind))
			list[n++] = t;
	if (list_only) {
		char name[512];

		for (int i = 0; i < n; i++)
			puts(full_name(list[i], name, sizeof(name)));
		free(list);
		return 0;
	}

	snprintf(root, sizeof(root), "%s/heming-unit-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(root)) {
		printf("Bail out! %s: %s\n", root, strerror(errno));
		free(list);
		return 1;
	}
	printf("TAP version 13\n");
	for (int i = 0; i < n;) {
		if (here) {
			bool ok = run_one(list[i]);

			failed += !ok;
			result(ok, i + 1, list[i], "");
			i++;
		} else {
			i = watch(list, n, i, &failed, &extra);
		}
	}
	printf("1..%d\n", n + extra);
	remove_tree(root);
	free(list);
	return failed > 0;
}

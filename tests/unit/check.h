/*
 * check - the harness of the unit tests.
 *
 *   #include "check.h"
 *   TEST(cuts_at_the_first_separator)
 *   {
 *           check_str(str_cut(&rest, ','), "a");
 *   }
 *
 * A check prints both values with file and line when they differ, gives true or false, and lets the
 * test go on: `if (!check(p != NULL)) return;` where going on makes no sense. A test fails when one
 * of its checks does, when it dies by a signal, or when it runs for longer than three minutes; the tests
 * after it still run. One that took more than a second says so. Works in release builds too.
 *
 * The program: one or more words select the tests whose "file.name" contains one of them; -l lists
 * them; -n runs them in this process, for a debugger. Output is TAP 13.
 *
 * Threads: checks may be made from any thread that ends before its test does.
 */
#ifndef HEMING_CHECK_H
#define HEMING_CHECK_H

#include "base/err.h"
#include "base/sb.h"

struct check_test {
	const char *file, *name;
	void (*run)(void);
	struct check_test *next;
};
void check_register(struct check_test *t);

#define TEST(name)                                                                                           \
	static void test__##name(void);                                                                      \
	__attribute__((constructor)) static void register__##name(void)                                      \
	{                                                                                                    \
		static struct check_test t = {__FILE__, #name, test__##name, NULL};                          \
		check_register(&t);                                                                          \
	}                                                                                                    \
	static void test__##name(void)

/* A long test of values in which no two threads meet that do not meet in others: left out under TSan. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define LONG_TEST(name) UNUSED static void test__##name(void)
#endif
#endif
#ifndef LONG_TEST
#define LONG_TEST(name) TEST(name)
#endif

#define CHECK_AT __FILE__, __LINE__

#define check(c) check__true(CHECK_AT, (c), #c)
#define check_eq_i(a, b) check__eq_i(CHECK_AT, (a), (b), #a, #b)
#define check_eq_u(a, b) check__eq_u(CHECK_AT, (a), (b), #a, #b)
/* The same double: NaN equals NaN, 0 does not equal -0. */
#define check_eq_d(a, b) check__eq_d(CHECK_AT, (a), (b), #a, #b)
#define check_near(a, b, tolerance) check__near(CHECK_AT, (a), (b), (tolerance), #a, #b)
/* C strings; NULL equals only NULL. */
#define check_eq_s(a, b) check__eq_s(CHECK_AT, (a), (b), #a, #b)
#define check_eq_p(a, b) check__eq_p(CHECK_AT, (a), (b), #a, #b)
#define check_eq_mem(a, b, n) check__eq_mem(CHECK_AT, (a), (b), (n), #a, #b)
/* struct str against a C string. */
#define check_str(s, want) check__str(CHECK_AT, (s), (want), #s)
/* The C string contains the words. */
#define check_has(s, words) check__has(CHECK_AT, (s), (words), #s)
/* rc is 0; e (struct err *, may be NULL) is told if not. */
#define check_ok(rc, e) check__ok(CHECK_AT, (rc), (e), #rc)
/* rc is the code ERR_*; both are told by name if not. */
#define check_err(rc, code) check__err(CHECK_AT, (rc), (code), #rc)
/* f(arg) ends its process by panic (an abort), as a broken must() does. Runs in a child. */
#define check_panics(f, arg) check__panics(CHECK_AT, (f), (arg), #f)
/* A failure with words of its own. */
#define check_fail(...) check__fail(CHECK_AT, __VA_ARGS__)

/* An empty folder of this test, made at the first call and removed with all in it after the test. */
const char *test_dir(void);
/* test_dir() and a name, in memory that lasts until the test ends. */
const char *test_path(const char *name);

/* Numbers that look random and are the same in each run: every test, and every thread of its, begins with the
 * same seed. */
uint64_t test_random(void);      /* all 64 bits */
uint64_t test_below(uint64_t n); /* 0 to n - 1; n > 0 */
void test_seed(uint64_t seed);   /* begins anew, with a seed of its own */

bool check__true(const char *file, int line, bool ok, const char *what);
bool check__eq_i(const char *file, int line, int64_t a, int64_t b, const char *wa, const char *wb);
bool check__eq_u(const char *file, int line, uint64_t a, uint64_t b, const char *wa, const char *wb);
bool check__eq_d(const char *file, int line, double a, double b, const char *wa, const char *wb);
bool check__near(const char *file, int line, double a, double b, double tol, const char *wa, const char *wb);
bool check__eq_s(const char *file, int line, const char *a, const char *b, const char *wa, const char *wb);
bool check__eq_p(const char *file, int line, const void *a, const void *b, const char *wa, const char *wb);
bool check__eq_mem(
        const char *file, int line, const void *a, const void *b, size_t n, const char *wa, const char *wb);
bool check__str(const char *file, int line, struct str s, const char *want, const char *what);
bool check__has(const char *file, int line, const char *s, const char *words, const char *what);
bool check__ok(const char *file, int line, int rc, const struct err *e, const char *what);
bool check__err(const char *file, int line, int rc, int code, const char *what);
bool check__panics(const char *file, int line, void (*f)(void *), void *arg, const char *what);
bool check__fail(const char *file, int line, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif

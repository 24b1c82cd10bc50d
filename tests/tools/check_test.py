"""The counting of tools/check.py and the harness tests/unit/check.c, which everything else relies on."""
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / 'tools'))
import check  # noqa: E402

TESTS = r'''
#include "check.h"
#include <signal.h>
#include <unistd.h>

TEST(passes)
{
	check(true);
	check_eq_i(-1, -1);
	check_eq_u(1, 1);
	check_eq_d(0.0 / 0.0, 0.0 / 0.0);
	check_near(1.0, 1.05, 0.1);
	check_eq_s("a", "a");
	check_eq_s(NULL, NULL);
	check_str(STR_LIT("ab"), "ab");
	check_has("abc", "bc");
	check_err(ERR_FULL, ERR_FULL);
	check_ok(0, NULL);
	check_eq_mem("ab", "ab", 2);
}
TEST(fails_true) { check(1 == 2); }
TEST(fails_i) { check_eq_i(1, 2); }
TEST(fails_u) { check_eq_u(1, 2); }
TEST(fails_d) { check_eq_d(0.0, -0.0); }
TEST(fails_near) { check_near(1.0, 1.2, 0.1); }
TEST(fails_s) { check_eq_s("a\nb", NULL); }
TEST(fails_str) { check_str(STR_LIT("ab"), "abc"); }
TEST(fails_null_str) { check_str(STR_NULL, ""); }
TEST(fails_has) { check_has("abc", "cb"); }
TEST(fails_err) { check_err(ERR_FULL, ERR_IO); }
TEST(fails_ok) { check_ok(ERR_FULL, &(struct err){.text = "the words"}); }
TEST(fails_mem) { check_eq_mem("ab", "ac", 2); }
static void dies(void *arg) { (void)arg; abort(); }
static void lives(void *arg) { (void)arg; }
TEST(panic_is_seen) { check_panics(dies, NULL); }
TEST(fails_panic) { check_panics(lives, NULL); }
TEST(fails_abort) { abort(); }
TEST(fails_signal) { raise(SIGKILL); }
TEST(fails_exit) { test_dir(); exit(0); }
TEST(folder)
{
	FILE *f = fopen(test_path("x"), "w");
	if (check(f != NULL))
		fclose(f);
	check_eq_i(access(test_path("x"), F_OK), 0);
}
TEST(folder_is_empty_again) { check(access(test_path("x"), F_OK) != 0); }
'''


class Harness(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.TemporaryDirectory()
        cls.program = Path(cls.dir.name) / 'some_test'
        source = Path(cls.dir.name) / 'some_test.c'
        source.write_text(TESTS)
        subprocess.run(['gcc', '-std=gnu17', '-D_GNU_SOURCE', f'-I{TOP}/src', f'-I{TOP}/tests/unit', source,
                        TOP / 'tests/unit/check.c', '-o', cls.program, '-lm'], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.dir.cleanup()

    def run_tests(self, *words):
        tmp = Path(self.dir.name) / 'tmp'
        tmp.mkdir(exist_ok=True)
        p = subprocess.run([self.program, *words], capture_output=True, text=True, env={**os.environ, 'TMPDIR': str(tmp)})
        self.assertEqual(list(tmp.iterdir()), [], 'a folder was left behind')
        return p.returncode, check.tap(p.stdout), p.stdout

    def test_every_check_can_fail(self):
        rc, found, text = self.run_tests()
        self.assertEqual(rc, 1)
        for ok, _, name, _ in found:
            self.assertEqual(ok, '.fails_' not in name, text)
        self.assertEqual(len(found), TESTS.count('TEST('))

    def test_failures_say_both_values_and_the_place(self):
        _, found, text = self.run_tests('fails_i', 'fails_ok', 'fails_err')
        said = '\n'.join(line for f in found for line in f[3])
        self.assertRegex(said, r'some_test\.c:\d+: 1 is 1, but 2 is 2')
        self.assertIn('the words', said)
        self.assertIn('ERR_FULL), not -1000 (ERR_IO)', said)

    def test_words_select(self):
        rc, found, _ = self.run_tests('some_test.passes')
        self.assertEqual((rc, [f[2] for f in found]), (0, ['some_test.passes']))
        rc, found, _ = self.run_tests('-n', 'folder')
        self.assertEqual((rc, len(found)), (0, 2))


class Counting(unittest.TestCase):
    def setUp(self):
        self.board, check.board = check.board, check.Board()
        check.board.line = lambda words: None

    def tearDown(self):
        check.board = self.board

    def counts(self):
        return check.board.passed, check.board.failed, check.board.skipped

    def test_tap_is_counted(self):
        check.tap_result('x', 1, 'TAP version 13\nok 1 - a\n# why\nnot ok 2 - b\nok 3 - c # SKIP no server\n1..3\n', '/dev/null')
        self.assertEqual(self.counts(), (1, 1, 1))

    def test_remarks_go_with_their_test(self):
        self.assertEqual(check.tap('ok 1 - a\n# one\nnot ok 2 - b\n'), [(True, False, 'a', []), (False, False, 'b', ['one'])])

    def test_a_block_behind_goes_with_its_test(self):
        text = 'not ok 1 - a\n  ---\n  error: "x"\n  ...\n# Subtest: b\nok 2 - b\n  ---\n  duration_ms: 1\n  ...\n1..2\n'
        self.assertEqual(check.tap(text)[0], (False, False, 'a', ['  error: "x"']))
        self.assertEqual(check.tap(text)[1][:3], (True, False, 'b'))

    def test_a_program_that_dies_after_good_tests_has_failed(self):
        check.tap_result('x', -6, 'ok 1 - a\n', '/dev/null')
        self.assertEqual(self.counts(), (1, 1, 0))

    def test_without_tap_the_exit_code_counts(self):
        check.tap_result('x', 0, 'all well\n', '/dev/null')
        check.tap_result('x', 3, 'not well\n', '/dev/null')
        check.tap_result('x', 77, 'cannot\n', '/dev/null')
        self.assertEqual(self.counts(), (1, 1, 1))

    def test_the_time_of_a_slow_test_is_no_part_of_its_name(self):
        self.assertEqual(check.tap('ok 1 - a # 2.5 s\n')[0][2], 'a')

    def twice(self, script, patient=True):
        """Runs a shell script by judged(), beside others that are well."""
        with tempfile.TemporaryDirectory() as d:
            check.board.patient, log, check.LOG = patient, check.LOG, Path(d)
            try:
                check.in_parallel([('x', lambda: check.judged('x', ['sh', '-c', script, d], 'x', check.by_exit_code))])
            finally:
                check.LOG = log
        return self.counts(), check.board.unstable

    def test_what_fails_once_is_told_as_unstable(self):
        self.assertEqual(self.twice('test -e $0/seen || { touch $0/seen; false; }'), ((1, 0, 0), ['x']))

    def test_what_fails_twice_has_failed(self):
        self.assertEqual(self.twice('false'), ((0, 1, 0), []))

    def test_a_part_run_alone_has_no_second_run(self):
        self.assertEqual(self.twice('test -e $0/seen || { touch $0/seen; false; }', patient=False), ((0, 1, 0), []))

    def test_a_report_of_a_sanitizer_is_never_run_again(self):
        script = 'test -e $0/seen || { touch $0/seen; echo "WARNING: ThreadSanitizer: data race"; false; }'
        self.assertEqual(self.twice(script), ((0, 1, 0), []))

    def test_comments_are_not_code(self):
        self.assertNotIn('exit(', check.without_comments('/* exit(1) */ // exit(2)\nx = "/*";'))
        self.assertIn('"/*"', check.without_comments('/* exit(1) */\nx = "/*"; y'))


if __name__ == '__main__':
    unittest.main()

/* The file of other brokers, and what it names, in copies. */
#include "city/broker_files.h"

#include "base/file.h"
#include "check.h"

#include <sys/stat.h>

static void write_text(const char *path, const char *text)
{
	struct err e = ERR_INIT;

	check_ok(file_write(path, text, strlen(text), 0640, &e), &e);
}

static struct str read_text(struct arena *a, const char *path)
{
	struct str text = STR_LIT("nothing");
	struct err e = ERR_INIT;

	(void)!file_read(a, path, 1 << 16, &text, &e);
	return text;
}

static const char FILE_OF_TWO[] = "brokers:\n"
                                  "  - name: one\n    password-file: keep/one.secret\n    ca: ca.pem\n"
                                  "  - name: two\n    certificate: two.pem\n    key: two.key\n"
                                  "    password-file: ../elsewhere\n    ca: missing.pem\n";

TEST(secrets_are_sealed_once_and_open_where_they_are_read)
{
	const struct seal_ring ring = {.n = 1, .key = {{1, 2, 3}}}, none = {0},
	                       other = {.n = 1, .key = {{9}}};
	struct arena *a = arena_new(0);
	const char *from = test_path("from"), *to = test_path("to"), *back = test_path("back");
	struct sb left_out = SB_INIT;
	struct err e = ERR_INIT;
	struct str text;
	struct stat st;

	check_ok(file_mkdirs(path_join(a, from, "keep"), &e), &e);
	check_ok(file_mkdirs(to, &e), &e);
	check_ok(file_mkdirs(back, &e), &e);
	check_ok(broker_files_copy(from, to, &ring, &left_out, &e), &e);
	check(!file_exists(path_join(a, to, BROKERS_FILE)));
	write_text(path_join(a, from, BROKERS_FILE), FILE_OF_TWO);
	write_text(path_join(a, from, "keep/one.secret"), "open sesame\n");
	write_text(path_join(a, from, "two.key"), "a key");
	write_text(path_join(a, from, "two.pem"), "a certificate");
	write_text(path_join(a, from, "ca.pem"), "an authority");
	write_text(test_path("elsewhere"), "not of this folder");

	check_ok(broker_files_copy(from, to, &ring, &left_out, &e), &e);
	check_eq_i((int64_t)left_out.n, 0);
	check(str_is(read_text(a, path_join(a, to, BROKERS_FILE)), FILE_OF_TWO));
	check(str_is(read_text(a, path_join(a, to, "ca.pem")), "an authority"));
	check(str_is(read_text(a, path_join(a, to, "two.pem")), "a certificate"));
	check(seal_is_sealed(read_text(a, path_join(a, to, "two.key"))));
	check(seal_is_sealed(read_text(a, path_join(a, to, "keep/one.secret"))));
	check(stat(path_join(a, to, "two.key"), &st) == 0 && (st.st_mode & 0777) == 0600);

	/* As it stands, and sealed no second time. */
	check_ok(broker_files_copy(to, back, NULL, NULL, &e), &e);
	check_ok(broker_files_copy(back, to, &ring, NULL, &e), &e);
	check_ok(broker_files_read(&ring, a, path_join(a, to, "keep/one.secret"), 4096, &text, &e), &e);
	check(str_is(text, "open sesame\n"));
	check_ok(broker_files_read(&none, a, path_join(a, from, "keep/one.secret"), 4096, &text, &e), &e);
	check(str_is(text, "open sesame\n"));
	check_err(broker_files_read(&other, a, path_join(a, to, "two.key"), 4096, &text, &e), ERR_STATE);
	check_err(
	        broker_files_read(&ring, a, path_join(a, from, "keep/one.secret"), 4, &text, &e), ERR_TOOBIG);
	/* One in the place of another. */
	check_ok(file_copy(path_join(a, to, "two.key"), path_join(a, to, "keep/one.secret"), 0600, &e), &e);
	check_err(broker_files_read(&ring, a, path_join(a, to, "keep/one.secret"), 4096, &text, &e),
	        ERR_CORRUPT);
	sb_fini(&left_out);
	arena_free(&a);
}

TEST(without_a_key_secrets_stay_where_they_are)
{
	const struct seal_ring none = {0};
	struct arena *a = arena_new(0);
	const char *from = test_path("from"), *to = test_path("to");
	struct sb left_out = SB_INIT;
	struct err e = ERR_INIT;

	check_ok(file_mkdirs(path_join(a, from, "keep"), &e), &e);
	check_ok(file_mkdirs(to, &e), &e);
	write_text(path_join(a, from, BROKERS_FILE), FILE_OF_TWO);
	write_text(path_join(a, from, "keep/one.secret"), "open sesame\n");
	write_text(path_join(a, from, "two.key"), "a key");
	check_ok(broker_files_copy(from, to, &none, &left_out, &e), &e);
	check_eq_s(left_out.p, "keep/one.secret, two.key");
	check(!file_exists(path_join(a, to, "two.key")));
	/* Words that are no brokers are copied all the same: somebody will want to mend them. */
	write_text(path_join(a, from, BROKERS_FILE), "brokers: [\n");
	check_ok(broker_files_copy(from, to, &none, NULL, &e), &e);
	check(str_is(read_text(a, path_join(a, to, BROKERS_FILE)), "brokers: [\n"));
	sb_fini(&left_out);
	arena_free(&a);
}

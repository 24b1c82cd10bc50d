#include "base/fault.h"
#include "base/file.h"
#include "check.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

TEST(what_was_written_is_read)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct str s;
	const char *path = test_path("x");
	check_ok(file_write(path, "a\0b", 3, 0640, &e), &e);
	check_ok(file_read(a, path, 3, &s, &e), &e);
	check_eq_u(s.n, 3);
	check_eq_mem(s.p, "a\0b", 4);
	struct stat st;
	check(stat(path, &st) == 0 && (st.st_mode & 0777) == 0640);

	check_ok(file_write(path, "", 0, 0600, &e), &e);
	check_ok(file_read(a, path, 100, &s, &e), &e);
	check_str(s, "");

	/* A file of the system says size 0 and has text all the same. */
	check_ok(file_read(a, "/proc/self/status", 100000, &s, &e), &e);
	check(s.n > 20);
	char **names;
	check_ok(file_list(a, test_dir(), &names, &e), &e);
	check_eq_s(names[0], "x");
	check(names[1] == NULL);
	arena_free(&a);
}

TEST(reading_refuses_what_it_should)
{
	struct arena *a = arena_new(2000);
	struct err e = ERR_INIT;
	struct str s = STR_LIT("untouched");
	check_err(file_read(a, test_path("none"), 10, &s, &e), ERR_NOTFOUND);
	check_has(e.where, "none");
	check_err(file_read(a, test_dir(), 10, &s, &e), ERR_INVALID);
	check_ok(file_write(test_path("x"), "0123456789a", 11, 0600, &e), &e);
	check_err(file_read(a, test_path("x"), 10, &s, &e), ERR_TOOBIG);
	check_err(file_read(a, "/proc/self/status", 10, &s, &e), ERR_TOOBIG);
	must(mkfifo(test_path("pipe"), 0600) == 0);
	check_err(file_read(a, test_path("pipe"), 10, &s, &e), ERR_INVALID);
	char big[4000] = "";
	check_ok(file_write(test_path("big"), big, sizeof(big), 0600, &e), &e);
	check_err(file_read(a, test_path("big"), 10000, &s, &e), ERR_NOMEM);
	check_str(s, "untouched");
	arena_free(&a);
}

TEST(a_failed_write_leaves_the_old_file_and_nothing_else)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct str s;
	check_ok(file_write(test_path("x"), "old", 3, 0600, &e), &e);
	check(fault_arm("FILE_WRITE:1"));
	check_err(file_write(test_path("x"), "new", 3, 0600, &e), ERR_FULL);
	check(fault_arm("FILE_WRITE:off,FILE_FSYNC:1"));
	check_err(file_write(test_path("x"), "new", 3, 0600, &e), ERR_IO);
	check(fault_arm("FILE_FSYNC:off"));
	check_err(file_write(test_path("no/x"), "new", 3, 0600, &e), ERR_NOTFOUND);
	check_ok(file_mkdirs(test_path("folder"), &e), &e);
	check(file_write(test_path("folder"), "new", 3, 0600, &e) < 0);
	check_ok(file_read(a, test_path("x"), 10, &s, &e), &e);
	check_str(s, "old");
	char **names;
	check_ok(file_list(a, test_dir(), &names, &e), &e);
	check_eq_s(names[0], "folder");
	check_eq_s(names[1], "x");
	check(names[2] == NULL);
	arena_free(&a);
}

TEST(a_full_device_is_told_as_full)
{
	struct err e = ERR_INIT;
	FILE *full = fopen("/dev/full", "we");
	if (full == NULL)
		return;
	check_err(file_write_all(fileno(full), "x", 1, &e), ERR_FULL);
	fclose(full);
	check(file_write_all(-1, "x", 1, &e) == ERR_IO);
	check_ok(file_write_all(-1, "", 0, &e), &e);
}

TEST(folders_are_made_with_their_parents)
{
	struct err e = ERR_INIT;
	check_ok(file_mkdirs(test_path("a//b/c/"), &e), &e);
	check(file_exists(test_path("a/b/c")));
	check_ok(file_mkdirs(test_path("a/b/c"), &e), &e);
	check_ok(file_mkdirs("/", &e), &e);
	check_ok(file_sync_dir(test_path("a"), &e), &e);
	check_err(file_sync_dir(test_path("zzz"), &e), ERR_NOTFOUND);
	check_ok(file_write(test_path("a/f"), "", 0, 0600, &e), &e);
	check_err(file_mkdirs(test_path("a/f"), &e), ERR_CONFLICT);
	check(file_mkdirs(test_path("a/f/g"), &e) < 0);
	check(!file_exists(test_path("q")));
	check(file_free_b(test_dir()) > 0);
	check_eq_i(file_free_b(test_path("q")), -1);
}

TEST(a_list_is_sorted_by_bytes)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	static const char *made[] = {"b", "鹤", "B", "a10", "a2", ".x", "c", "d", "e", "f"};
	static const char *want[] = {".x", "B", "a10", "a2", "b", "c", "d", "e", "f", "鹤"};
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		check_ok(file_write(test_path(made[i]), "", 0, 0600, &e), &e);
	char **names;
	check_ok(file_list(a, test_dir(), &names, &e), &e);
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		check_eq_s(names[i], want[i]);
	check(names[ARRAY_LEN(want)] == NULL);
	check_err(file_list(a, test_path("none"), &names, &e), ERR_NOTFOUND);
	check_eq_s(path_join(a, "a", "b"), "a/b");
	check_eq_s(path_join(a, "a/", "b"), "a/b");
	check_eq_s(path_join(a, "", "b"), "b");
	check_eq_s(path_join(a, "a", "/b"), "/b");
	arena_free(&a);
}

/* As gzip (wrap 16), zlib (0) would pack it. Heap; the caller frees. */
static struct str pack(const void *p, size_t n, int wrap)
{
	z_stream z = {0};
	must(deflateInit2(&z, 9, Z_DEFLATED, MAX_WBITS + wrap, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	size_t cap = deflateBound(&z, n);
	char *out = xcalloc(cap, 1);
	z.next_in = (Bytef *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	z.next_out = (Bytef *)out;
	z.avail_out = (uInt)cap;
	must(deflate(&z, Z_FINISH) == Z_STREAM_END);
	struct str s = {out, cap - z.avail_out};
	deflateEnd(&z);
	return s;
}

TEST(gunzip_unpacks_gzip_and_zlib)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct str out;
	static char text[100000];
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (char)('a' + i * i % 23);
	for (int wrap = 0; wrap <= 16; wrap += 16) {
		struct str z = pack(text, sizeof(text), wrap);
		check_ok(gunzip(a, z, sizeof(text), &out, &e), &e);
		check_eq_u(out.n, sizeof(text));
		check_eq_mem(out.p, text, sizeof(text));
		check_eq_i(out.p[out.n], 0);
		check_err(gunzip(a, z, sizeof(text) - 1, &out, &e), ERR_TOOBIG);
		for (size_t n = 0; n < z.n; n += n < 20 ? 1 : z.n / 50)
			check_err(gunzip(a, (struct str){z.p, n}, sizeof(text), &out, &e), ERR_INVALID);
		free((char *)(uintptr_t)z.p);
	}
	/* Two members, one after the other, and an empty one. */
	struct str one = pack("abc", 3, 16), none = pack("", 0, 16);
	struct sb b = SB_INIT;
	sb_putstr(&b, one);
	sb_putstr(&b, none);
	sb_putstr(&b, one);
	check_ok(gunzip(a, sb_str(&b), 6, &out, &e), &e);
	check_str(out, "abcabc");
	check_err(gunzip(a, sb_str(&b), 5, &out, &e), ERR_TOOBIG);
	check_ok(gunzip(a, none, 0, &out, &e), &e);
	check_str(out, "");
	sb_puts(&b, "rubbish");
	check_err(gunzip(a, sb_str(&b), 100, &out, &e), ERR_INVALID);
	b.p[one.n - 6] ^= 1; /* the checksum of the first */
	check_err(gunzip(a, (struct str){b.p, one.n}, 100, &out, &e), ERR_INVALID);
	sb_fini(&b);
	free((char *)(uintptr_t)one.p);
	free((char *)(uintptr_t)none.p);
	arena_free(&a);
}

TEST(a_bomb_is_stopped)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct str out;
	size_t n = 8 << 20;
	char *zeros = xcalloc(n, 1);
	struct str z = pack(zeros, n, 16);
	check(z.n < 20000);
	check_err(gunzip(a, z, 1 << 20, &out, &e), ERR_TOOBIG);
	struct arena *small = arena_new(1 << 20);
	check_err(gunzip(small, z, n, &out, &e), ERR_NOMEM);
	arena_free(&small);
	free(zeros);
	free((char *)(uintptr_t)z.p);
	arena_free(&a);
}

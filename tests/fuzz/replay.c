/*
 * replay - a fuzz target's main without a fuzzer: `./test` runs every target over what is known.
 *
 *   X_fuzz [-m N] FILE-OR-FOLDER…
 *
 * Each input is fed as it is and then in N mutations. The mutations depend on nothing but the input's bytes,
 * so that a crash comes again; the input fed last is named on standard output, and with a mutation number
 * when it was a changed one.
 */
#include "base/base.h"

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define INPUT_MAX (4u << 20)

static int mutations;

static uint64_t next_random(uint64_t *s)
{
	/* splitmix64 */
	uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static size_t below(uint64_t *s, size_t n)
{
	return n ? (size_t)(next_random(s) % n) : 0;
}

/* Changes the n bytes of p (room for 2n + 16) in one to four small ways; returns the new length. */
static size_t mutate(uint8_t *p, size_t n, uint64_t *s)
{
	static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0xff, '"', '\\', '{', '}', '[', ']', '<', '>', '(',
	        ')', ',', '\n', '-', '0', '9'};
	size_t room = 2 * n + 16;

	for (size_t times = 1 + below(s, 4); times > 0; times--) {
		size_t at = below(s, n + 1), len = below(s, n - at + 1), to;

		switch (below(s, 6)) {
		case 0: /* flip a bit */
			if (at < n)
				p[at] ^= (uint8_t)(1u << below(s, 8));
			break;
		case 1: /* set a byte that is often special */
			if (at < n)
				p[at] = edges[below(s, sizeof(edges))];
			break;
		case 2: /* cut the end off */ n = at; break;
		case 3: /* take a piece out */
			memmove(p + at, p + at + len, n - at - len);
			n -= len;
			break;
		case 4: /* say a piece twice */
			if (n + len <= room) {
				memmove(p + at + len, p + at, n - at);
				n += len;
			}
			break;
		default: /* write a piece over another place */
			to = below(s, n + 1);
			memmove(p + to, p + at, len < n - to ? len : n - to);
			break;
		}
	}
	return n;
}

/* The target gets a heap block of the exact size, so that a read past its end is seen. */
static void feed(const uint8_t *p, size_t n)
{
	uint8_t *copy = xcalloc(n ? n : 1, 1);

	memcpy(copy, p, n);
	(void)LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static int replay_file(const char *path)
{
	uint8_t *p = xcalloc(INPUT_MAX, 1), *changed = xcalloc(2 * INPUT_MAX + 16, 1);
	uint64_t seed = UINT64_C(0xcbf29ce484222325);
	FILE *f = fopen(path, "rb");
	size_t n;

	if (!f) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(p);
		free(changed);
		return -1;
	}
	n = fread(p, 1, INPUT_MAX, f);
	fclose(f);
	printf("input %s\n", path);
	fflush(stdout);
	feed(p, n);
	for (size_t i = 0; i < n; i++)
		seed = (seed ^ p[i]) * UINT64_C(0x100000001b3);
	for (int i = 0; i < mutations; i++) {
		uint64_t s = seed + (uint64_t)i;

		memcpy(changed, p, n);
		printf("input %s, mutation %d\n", path, i);
		fflush(stdout);
		feed(changed, mutate(changed, n, &s));
	}
	free(p);
	free(changed);
	return 0;
}

static int not_hidden(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

/* Returns the number of inputs, or -1. */
static int replay(const char *path)
{
	struct dirent **names = NULL;
	struct stat st;
	int n, done = 0, rc = 0;

	if (stat(path, &st) < 0) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return -1;
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path) < 0 ? -1 : 1;
	n = scandir(path, &names, not_hidden, alphasort);
	for (int i = 0; i < n; i++) {
		char *below_it = xasprintf("%s/%s", path, names[i]->d_name);
		int got = rc < 0 ? -1 : replay(below_it);

		if (got < 0)
			rc = -1;
		else
			done += got;
		free(below_it);
		free(names[i]);
	}
	free(names);
	return rc < 0 ? rc : done;
}

int main(int argc, char **argv)
{
	int inputs = 0, first = 1;

	if (argc > 2 && strcmp(argv[1], "-m") == 0) {
		mutations = (int)strtol(argv[2], NULL, 10);
		first = 3;
	}
	feed((const uint8_t *)"", 0);
	for (int i = first; i < argc; i++) {
		int n = replay(argv[i]);

		if (n < 0)
			return 1;
		inputs += n;
	}
	printf("%d inputs, each with %d mutations\n", inputs, mutations);
	return 0;
}

/*
 * embed - packs a folder of built pages into one C table.
 *
 *   embed DIST OUT.c OUT.bin OUT.d
 *
 * OUT.bin holds the gzip forms of all files one behind the other, OUT.c the table of base/asset.h, sorted by
 * path, which takes OUT.bin in by the assembler: compiling it costs nothing however large the pages are.
 * OUT.d tells ninja what was looked at. A DIST that is not there gives the empty table.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define FILES_MAX 4096
#define PATH_LEN 1024

struct file {
	char path[PATH_LEN]; /* below DIST, with the leading slash */
	uint64_t hash;
	size_t raw_n, gz_n, at; /* `at`: where its gzip form begins in OUT.bin */
};

static struct file files[FILES_MAX];
static int files_n;
static char dirs[FILES_MAX][PATH_LEN];
static int dirs_n;

static const struct {
	const char *suffix, *mime;
} mimes[] = {
        {".html", "text/html; charset=utf-8"},
        {".js", "text/javascript; charset=utf-8"},
        {".mjs", "text/javascript; charset=utf-8"},
        {".css", "text/css; charset=utf-8"},
        {".json", "application/json"},
        {".geojson", "application/geo+json"},
        {".map", "application/json"},
        {".webmanifest", "application/manifest+json"},
        {".svg", "image/svg+xml"},
        {".png", "image/png"},
        {".jpg", "image/jpeg"},
        {".webp", "image/webp"},
        {".ico", "image/x-icon"},
        {".woff2", "font/woff2"},
        {".wasm", "application/wasm"},
        {".pbf", "application/x-protobuf"},
        {".bpmn", "application/xml"},
        {".xml", "application/xml"},
        {".txt", "text/plain; charset=utf-8"},
};

static void die(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fputs("embed: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	exit(1);
}

static void join(char out[PATH_LEN], const char *a, const char *b)
{
	int n = snprintf(out, PATH_LEN, "%s/%s", a, b);

	if (n < 0 || n >= PATH_LEN)
		die("the path %s/%s is too long", a, b);
}

/* Takes in all files below root + below; `below` is "" or begins with a slash. */
static void walk(const char *root, const char *below)
{
	char here[PATH_LEN], full[PATH_LEN], path[PATH_LEN];
	struct dirent *d;
	struct stat st;
	DIR *dir;

	join(here, root, *below ? below + 1 : ".");
	dir = opendir(here);
	if (!dir)
		die("%s: %s", here, strerror(errno));
	if (dirs_n == FILES_MAX)
		die("more than %d folders below %s", FILES_MAX, root);
	memcpy(dirs[dirs_n++], here, sizeof(here));
	while ((d = readdir(dir))) {
		if (d->d_name[0] == '.')
			continue;
		join(full, here, d->d_name);
		join(path, below, d->d_name);
		if (stat(full, &st) < 0)
			die("%s: %s", full, strerror(errno));
		if (S_ISDIR(st.st_mode)) {
			walk(root, path);
		} else {
			if (files_n == FILES_MAX)
				die("more than %d files below %s", FILES_MAX, root);
			memcpy(files[files_n++].path, path, sizeof(path));
		}
	}
	closedir(dir);
}

static int by_path(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static uint8_t *read_all(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	uint8_t *p;

	if (!f || fstat(fileno(f), &st) < 0)
		die("%s: %s", path, strerror(errno));
	*n = (size_t)st.st_size;
	p = malloc(*n + 1);
	if (!p || fread(p, 1, *n, f) != *n)
		die("%s: cannot be read whole", path);
	fclose(f);
	return p;
}

static uint64_t fnv1a(const uint8_t *p, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h;
}

/* Appends the gzip form of p to `out`; returns its length. The header has no time, so that the same pages
 * always give the same bytes. */
static size_t gzip(FILE *out, uint8_t *p, size_t n)
{
	z_stream z = {0};
	uint8_t *buf;
	size_t got;

	if (deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK)
		die("zlib does not start");
	z.next_in = p;
	z.avail_in = (uInt)n;
	z.avail_out = (uInt)deflateBound(&z, n);
	buf = malloc(z.avail_out);
	if (!buf)
		die("no memory");
	z.next_out = buf;
	if (deflate(&z, Z_FINISH) != Z_STREAM_END)
		die("zlib does not finish");
	got = z.total_out;
	deflateEnd(&z);
	if (fwrite(buf, 1, got, out) != got)
		die("writing: %s", strerror(errno));
	free(buf);
	return got;
}

static const char *mime_of(const char *path)
{
	const char *dot = strrchr(path, '.');

	for (size_t i = 0; dot && i < sizeof(mimes) / sizeof(mimes[0]); i++)
		if (strcmp(dot, mimes[i].suffix) == 0)
			return mimes[i].mime;
	return "application/octet-stream";
}

/* "/assets/index-Dk3v_9aB.js": below assets/ the bundler puts eight characters of hash into each name. */
static bool immutable(const char *path)
{
	const char *dot = strrchr(path, '.');
	const char *base = strrchr(path, '/');

	return strncmp(path, "/assets/", 8) == 0 && dot && dot - base > 9 && dot[-9] == '-';
}

/* Text between the quotes of a C string. */
static void quote(FILE *f, const char *s)
{
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			fputc('\\', f);
		fputc(*s, f);
	}
}

static void write_table(const char *c_path, const char *bin_path)
{
	FILE *f = fopen(c_path, "w");

	if (!f)
		die("%s: %s", c_path, strerror(errno));
	fprintf(f, "/* Made by tools/embed.c. */\n#include \"base/asset_table.h\"\n\n");
	if (files_n > 0) {
		fprintf(f, "__asm__(\".section .rodata\\n.balign 16\\n.hidden asset_bytes\\n"
		           ".global asset_bytes\\nasset_bytes:\\n.incbin \\\"");
		quote(f, bin_path);
		fprintf(f, "\\\"\\n.byte 0\\n.text\\n\");\n");
		fprintf(f, "extern __attribute__((visibility(\"hidden\"))) const uint8_t asset_bytes[];\n\n");
	}
	fprintf(f, "const struct asset asset_table[] = {\n");
	for (int i = 0; i < files_n; i++) {
		const struct file *x = &files[i];

		fprintf(f, "\t{\"");
		quote(f, x->path);
		fprintf(f, "\", \"%s\", \"\\\"%016llx\\\"\", asset_bytes + %zu, %zu, %zu, %s},\n",
		        mime_of(x->path), (unsigned long long)x->hash, x->at, x->gz_n, x->raw_n,
		        immutable(x->path) ? "true" : "false");
	}
	if (files_n == 0)
		fprintf(f, "\t{0},\n");
	fprintf(f, "};\nconst size_t asset_table_n = %d;\n", files_n);
	if (fclose(f) != 0)
		die("%s: %s", c_path, strerror(errno));
}

static void write_deps(const char *d_path, const char *c_path, const char *dist)
{
	FILE *f = fopen(d_path, "w");
	char parent[PATH_LEN];
	char *slash;

	if (!f)
		die("%s: %s", d_path, strerror(errno));
	fprintf(f, "%s:", c_path);
	for (int i = 0; i < dirs_n; i++)
		fprintf(f, " %s", dirs[i]);
	for (int i = 0; i < files_n; i++)
		fprintf(f, " %s%s", dist, files[i].path);
	if (dirs_n == 0) { /* its coming changes the folder that it comes into */
		join(parent, dist, "");
		parent[strlen(parent) - 1] = 0;
		slash = strrchr(parent, '/');
		if (slash)
			*slash = 0;
		if (slash && access(parent, F_OK) == 0)
			fprintf(f, " %s", parent);
	}
	fputc('\n', f);
	if (fclose(f) != 0)
		die("%s: %s", d_path, strerror(errno));
}

int main(int argc, char **argv)
{
	size_t at = 0;
	struct stat st;
	FILE *bin;

	if (argc != 5)
		die("usage: embed DIST OUT.c OUT.bin OUT.d");
	if (stat(argv[1], &st) == 0 && S_ISDIR(st.st_mode))
		walk(argv[1], "");
	qsort(files, (size_t)files_n, sizeof(files[0]), by_path);

	bin = fopen(argv[3], "wb");
	if (!bin)
		die("%s: %s", argv[3], strerror(errno));
	for (int i = 0; i < files_n; i++) {
		struct file *x = &files[i];
		char full[PATH_LEN];
		uint8_t *p;

		join(full, argv[1], x->path + 1);
		p = read_all(full, &x->raw_n);
		x->hash = fnv1a(p, x->raw_n);
		x->gz_n = gzip(bin, p, x->raw_n);
		x->at = at;
		at += x->gz_n;
		free(p);
	}
	if (fclose(bin) != 0)
		die("%s: %s", argv[3], strerror(errno));
	write_table(argv[2], argv[3]);
	write_deps(argv[4], argv[2], argv[1]);
	return 0;
}

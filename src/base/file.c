#include "base/file.h"

#include "base/fault.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zlib.h>

static int over_budget(struct err *e, const char *path)
{
	err_set(e, ERR_NOMEM, "too large for the memory of this request");
	err_at(e, path, 0, 0, NULL);
	return ERR_NOMEM;
}

/* As err_errno, with the path as the place. */
static int path_errno(struct err *e, int err_no, const char *path, const char *what)
{
	int code = err_errno(e, err_no, "%s", what);
	err_at(e, path, 0, 0, NULL);
	return code;
}

static int path_err(struct err *e, int code, const char *path, const char *what)
{
	err_set(e, code, "%s", what);
	err_at(e, path, 0, 0, NULL);
	return code;
}

int file_read(struct arena *a, const char *path, size_t max_b, struct str *out, struct err *e)
{
	int rc = 0;
	/* Without O_NONBLOCK a named pipe would hold us here until somebody writes to it. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return path_errno(e, errno, path, "cannot be opened");

	struct stat st;
	if (fstat(fd, &st) < 0) {
		rc = path_errno(e, errno, path, "cannot be examined");
		goto out;
	}
	if (!S_ISREG(st.st_mode)) {
		rc = path_err(e, ERR_INVALID, path, "is not a regular file");
		goto out;
	}
	if (max_b > (size_t)SSIZE_MAX - 2)
		max_b = (size_t)SSIZE_MAX - 2;

	/* st_size is a first guess: it is 0 in /proc, and a file may grow while we read. */
	size_t cap = 0, n = 0;
	char *p = NULL;
	size_t want = st.st_size > 0 ? (size_t)st.st_size + 2 : 4096;
	if (want > max_b + 2)
		want = max_b + 2;
	if ((uintmax_t)st.st_size <= max_b) {
		for (;;) {
			p = arena_grow(a, p, &cap, n + 2 > want ? n + 2 : want, 1);
			if (p == NULL) {
				rc = over_budget(e, path);
				goto out;
			}
			ssize_t got = read(fd, p + n, cap - n - 1);
			if (got < 0 && errno == EINTR)
				continue;
			if (got < 0) {
				rc = path_errno(e, errno, path, "cannot be read");
				goto out;
			}
			n += (size_t)got;
			if (got == 0 || n > max_b)
				break;
		}
	}
	if (p == NULL || n > max_b) {
		err_set(e, ERR_TOOBIG, "is larger than the %zu bytes that are taken here", max_b);
		err_at(e, path, 0, 0, NULL);
		rc = ERR_TOOBIG;
		goto out;
	}
	p[n] = '\0';
	*out = (struct str){p, n};
out:
	close(fd);
	return rc;
}

int file_write_all(int fd, const void *p, size_t n, struct err *e)
{
	const char *at = p;
	while (n > 0) {
		ssize_t put = write(fd, at, n);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return err_errno(e, errno, "cannot be written");
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

/* The folder of a path, as a heap string. */
static char *dir_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		return xstrdup(".");
	return slash == path ? xstrdup("/") : xstrndup(path, (size_t)(slash - path));
}

int file_sync_dir(const char *path, struct err *e)
{
	int rc = 0;
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return path_errno(e, errno, path, "cannot be opened");
	/* EINVAL: a file system that cannot sync a folder has nothing to lose there. */
	if (fsync(fd) < 0 && errno != EINVAL)
		rc = path_errno(e, errno, path, "cannot be synced to disk");
	close(fd);
	return rc;
}

int file_write(const char *path, const void *p, size_t n, int mode, struct err *e)
{
	int rc = 0;
	char *dir = dir_of(path);
	char *temp = xasprintf("%s.XXXXXX", path);
	int fd = mkostemp(temp, O_CLOEXEC);
	if (fd < 0) {
		rc = path_errno(e, errno, path, "no new file can be made beside it");
		goto out;
	}
	if (fault(FAULT_FILE_WRITE)) {
		rc = path_errno(e, ENOSPC, path, "cannot be written");
		goto out;
	}
	rc = file_write_all(fd, p, n, e);
	if (rc < 0) {
		err_at(e, path, 0, 0, NULL);
		goto out;
	}
	if (fchmod(fd, (mode_t)mode) < 0) {
		rc = path_errno(e, errno, path, "cannot be given its mode");
		goto out;
	}
	if (fault(FAULT_FILE_FSYNC)) {
		rc = path_errno(e, EIO, path, "cannot be synced to disk");
		goto out;
	}
	if (fsync(fd) < 0) {
		rc = path_errno(e, errno, path, "cannot be synced to disk");
		goto out;
	}
	/* Network file systems tell of a full disk only here. */
	int closed = close(fd);
	fd = -1;
	if (closed < 0) {
		rc = path_errno(e, errno, path, "cannot be written");
		goto unlink;
	}
	if (rename(temp, path) < 0) {
		rc = path_errno(e, errno, path, "cannot be put in place");
		goto unlink;
	}
	rc = file_sync_dir(dir, e);
	goto done;
out:
	if (fd < 0)
		goto done;
	close(fd);
unlink:
	unlink(temp);
done:
	free(temp);
	free(dir);
	return rc;
}

int file_copy(const char *from, const char *to, int mode, struct err *e)
{
	static const size_t piece = 1 << 18;
	uint8_t *p = xcalloc(1, piece);
	int in = open(from, O_RDONLY | O_CLOEXEC), out = -1, rc = 0;
	ssize_t n = 1;

	if (in < 0) {
		rc = path_errno(e, errno, from, "cannot be read");
		goto out;
	}
	out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, (mode_t)mode);
	if (out < 0) {
		rc = path_errno(e, errno, to, "cannot be made");
		goto out;
	}
	while (rc == 0 && n > 0) {
		n = read(in, p, piece);
		if (n < 0)
			rc = path_errno(e, errno, from, "cannot be read");
		else if (n > 0 && (rc = file_write_all(out, p, (size_t)n, e)) < 0)
			err_at(e, to, 0, 0, NULL);
	}
	if (rc == 0 && fsync(out) < 0)
		rc = path_errno(e, errno, to, "cannot be synced to disk");
out:
	if (in >= 0)
		close(in);
	if (out >= 0)
		close(out);
	free(p);
	return rc;
}

int file_mkdirs(const char *path, struct err *e)
{
	int rc = 0;
	char *walk = xstrdup(path);
	for (char *at = walk; rc == 0; at++) {
		if (at == walk || (*at != '/' && *at != '\0'))
			continue;
		char end = *at;
		*at = '\0';
		struct stat st;
		if (mkdir(walk, 0750) < 0 && errno != EEXIST) {
			/* A folder above may be beyond our rights and yet be there. */
			int why = errno;
			if (stat(walk, &st) < 0 || !S_ISDIR(st.st_mode))
				rc = path_errno(e, why, walk, "cannot be made");
		} else if (stat(walk, &st) == 0 && !S_ISDIR(st.st_mode)) {
			rc = path_err(e, ERR_CONFLICT, walk, "is there and is not a folder");
		}
		*at = end;
		if (end == '\0')
			break;
	}
	free(walk);
	return rc;
}

bool file_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

int64_t file_free_b(const char *path)
{
	struct statvfs v;
	if (statvfs(path, &v) < 0)
		return -1;
	return (int64_t)v.f_bavail * (int64_t)v.f_frsize;
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int file_list(struct arena *a, const char *path, char ***out, struct err *e)
{
	int rc = 0;
	char **names = NULL;
	size_t n = 0, cap = 0;
	DIR *d = opendir(path);
	if (d == NULL)
		return path_errno(e, errno, path, "cannot be listed");
	for (;;) {
		errno = 0;
		struct dirent *entry = readdir(d);
		if (entry == NULL && errno != 0) {
			rc = path_errno(e, errno, path, "cannot be listed");
			goto out;
		}
		if (entry && (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0))
			continue;
		names = arena_grow(a, names, &cap, n + 1, sizeof(*names));
		char *name = entry && names ? arena_strdup(a, entry->d_name) : NULL;
		if (names == NULL || (entry && name == NULL)) {
			rc = over_budget(e, path);
			goto out;
		}
		names[n] = name;
		if (entry == NULL)
			break;
		n++;
	}
	qsort(names, n, sizeof(*names), by_bytes);
	*out = names;
out:
	closedir(d);
	return rc;
}

char *path_join(struct arena *a, const char *dir, const char *name)
{
	size_t n = strlen(dir);
	if (n == 0 || name[0] == '/')
		return arena_strdup(a, name);
	return arena_printf(a, "%s%s%s", dir, dir[n - 1] == '/' ? "" : "/", name);
}

int gunzip(struct arena *a, struct str in, size_t max_b, struct str *out, struct err *e)
{
	int rc = 0;
	size_t cap = 0, n = 0;
	char *p = NULL;
	z_stream z = {0};
	size_t left = in.n;

	if (max_b > SIZE_MAX / 4)
		max_b = SIZE_MAX / 4;
	/* 32: the header tells gzip from zlib. */
	if (inflateInit2(&z, MAX_WBITS + 32) != Z_OK)
		return err_set(e, ERR_NOMEM, "no memory to unpack");
	/* zlib takes pointers to what it only reads. */
	z.next_in = (Bytef *)(uintptr_t)in.p;
	for (;;) {
		if (z.avail_in == 0 && left > 0) {
			z.avail_in = left > UINT32_MAX / 2 ? UINT32_MAX / 2 : (uInt)left;
			left -= z.avail_in;
		}
		/* One byte past the maximum, so that "just fits" and "too big" differ. */
		if (n == cap) {
			size_t more = cap > 0               ? cap * 2
			              : in.n < 256          ? 1024
			              : in.n < SIZE_MAX / 8 ? in.n * 4
			                                    : in.n;
			cap = more > max_b + 1 ? max_b + 1 : more;
			p = xrealloc(p, cap);
		}
		size_t space = cap - n > UINT32_MAX / 2 ? UINT32_MAX / 2 : cap - n;
		z.next_out = (Bytef *)p + n;
		z.avail_out = (uInt)space;
		int got = inflate(&z, Z_NO_FLUSH);
		n += space - z.avail_out;
		if (n > max_b) {
			rc = err_set(e, ERR_TOOBIG, "unpacks to more than the %zu bytes that are taken here",
			        max_b);
			goto out;
		}
		if (got == Z_STREAM_END) {
			if (z.avail_in == 0 && left == 0)
				break;
			/* RFC 1952, 2.2: a gzip file may be several, one after the other. */
			if (inflateReset(&z) != Z_OK) {
				rc = err_set(e, ERR_BUG, "the unpacker cannot begin anew");
				goto out;
			}
			continue;
		}
		if (got == Z_MEM_ERROR) {
			rc = err_set(e, ERR_NOMEM, "no memory to unpack");
			goto out;
		}
		if (got != Z_OK && got != Z_BUF_ERROR) {
			rc = err_set(e, ERR_INVALID, "is not whole gzip or zlib data: %s",
			        z.msg                ? z.msg
			        : got == Z_NEED_DICT ? "it needs a dictionary"
			                             : zError(got));
			goto out;
		}
		if (z.avail_in == 0 && left == 0 && z.avail_out > 0) {
			rc = err_set(e, ERR_INVALID, "the compressed data ends too early; send it whole");
			goto out;
		}
	}
	char *q = arena_alloc(a, n + 1);
	if (q == NULL) {
		rc = err_set(e, ERR_NOMEM, "too large for the memory of this request");
		goto out;
	}
	if (n > 0)
		memcpy(q, p, n);
	q[n] = '\0';
	*out = (struct str){q, n};
out:
	free(p);
	inflateEnd(&z);
	return rc;
}

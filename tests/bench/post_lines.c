/*
 * post_lines PORT PATH HEADER LINES FILE... - the client of series_bench.py: the lines of each file by a
 * connection of its own, LINES a post, over loopback, each post when the one before was answered. HEADER: one
 * more line of the request, or
 * "". Prints "SECONDS CPU POSTS": the time from the first byte to the last answer, the processor time of this
 * program meanwhile, and how many posts were answered 204; ends with 1 when one was not. Files are in memory
 * before the time begins, so that the program takes little of what it shares with the server: mostly the
 * kernel's copy into the socket.
 */
#include "base/clock.h"
#include "base/num.h"
#include "base/socket.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FILES_MOST 64

struct sender {
	const char *p;
	size_t n;
	size_t *cut; /* ends of posts */
	size_t cuts;
	int fd;
	pthread_t thread;
};
static const char *path, *header;
static atomic_int failed;

static void die(const char *words)
{
	fprintf(stderr, "post_lines: %s\n", words);
	exit(1);
}

static void load(struct sender *s, const char *name, int64_t lines)
{
	struct stat st;
	size_t cap = 0;
	int64_t n = 0;
	int fd = open(name, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size == 0)
		die("a file cannot be read, or is empty");
	s->n = (size_t)st.st_size;
	s->p = mmap(NULL, s->n, PROT_READ, MAP_PRIVATE | MAP_POPULATE, fd, 0);
	if (s->p == MAP_FAILED)
		die("a file cannot be mapped");
	close(fd);
	for (const char *p = s->p, *end = p + s->n; p < end;) {
		p = memchr(p, '\n', (size_t)(end - p));
		p = p != NULL ? p + 1 : end;
		if (++n % lines == 0 || p == end) {
			s->cut = xgrow(s->cut, &cap, s->cuts + 1, sizeof(*s->cut));
			s->cut[s->cuts++] = (size_t)(p - s->p);
		}
	}
}

static bool ready(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};

	return poll(&p, 1, 60000) == 1;
}

static bool send_post(int fd, const char *body, size_t n)
{
	char head[1024];
	int k = snprintf(head, sizeof(head),
	        "POST %s HTTP/1.1\r\nHost: bench\r\n%s%sContent-Length: %zu\r\n\r\n", path, header,
	        *header != '\0' ? "\r\n" : "", n);
	size_t at = 0, head_n = (size_t)k, all = head_n + n;

	if (k < 0 || head_n >= sizeof(head))
		return false;
	while (at < all) {
		size_t skip = at > head_n ? at - head_n : 0;
		struct iovec v[2] = {{head + at, at < head_n ? head_n - at : 0},
		        {(char *)(uintptr_t)body + skip, n - skip}};
		ssize_t got;

		if (at >= head_n)
			v[0].iov_len = 0;
		got = writev(fd, at < head_n ? v : v + 1, at < head_n ? 2 : 1);
		if (got > 0)
			at += (size_t)got;
		else if (!ready(fd, POLLOUT))
			return false;
	}
	return true;
}

/* An answer of 204, which has no body. */
static bool read_answer(int fd)
{
	char buf[2048];
	size_t n = 0;

	while (n < 4 || memcmp(buf + n - 4, "\r\n\r\n", 4) != 0) {
		ssize_t got;

		if (n == sizeof(buf) || !ready(fd, POLLIN))
			return false;
		got = read(fd, buf + n, sizeof(buf) - n);
		if (got <= 0)
			return false;
		n += (size_t)got;
		if (n >= 12 && memcmp(buf + 8, " 204", 4) != 0) {
			fprintf(stderr, "%.*s\n", (int)n, buf);
			return false;
		}
	}
	return true;
}

static void *run(void *arg)
{
	struct sender *s = arg;

	for (size_t i = 0, from = 0; i < s->cuts; from = s->cut[i++])
		if (!send_post(s->fd, s->p + from, s->cut[i] - from) || !read_answer(s->fd)) {
			atomic_store(&failed, 1);
			break;
		}
	return NULL;
}

static double cpu(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
	static struct sender s[FILES_MOST];
	struct err e = ERR_INIT;
	int64_t port = 0, lines = 0;
	size_t posts = 0;
	int n = argc - 5;
	dur_us begin;
	double before;

	if (n < 1 || n > FILES_MOST || !num_int(str_of(argv[1]), &port) ||
	        !num_int(str_of(argv[4]), &lines) || lines < 1)
		die("PORT PATH HEADER LINES FILE...");
	path = argv[2];
	header = argv[3];
	for (int i = 0; i < n; i++) {
		load(&s[i], argv[5 + i], lines);
		if (socket_connect("127.0.0.1", (int)port, 10 * US_SECOND, &s[i].fd, &e) < 0)
			die(e.text);
		posts += s[i].cuts;
	}
	before = cpu();
	begin = clock_monotonic();
	for (int i = 0; i < n; i++)
		if (pthread_create(&s[i].thread, NULL, run, &s[i]) != 0)
			die("no thread");
	for (int i = 0; i < n; i++)
		pthread_join(s[i].thread, NULL);
	begin = clock_monotonic() - begin;
	printf("%.6f %.6f %zu\n", (double)begin / 1e6, cpu() - before, posts);
	return atomic_load(&failed);
}

#include "cli/control.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/json.h"
#include "base/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_MAX (64 << 10)
#define WORDS_MAX 64

struct control {
	struct site *site;
	struct api_server *api;
	struct settings settings;
	pthread_t thread;
	int fd, stop[2];
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
};

static bool address_of(const char *dir, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	return (size_t)snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/control.sock", dir) <
	       sizeof(sa->sun_path);
}

/* Sees when who asked hangs up, which stops what can be stopped. */
struct watch {
	pthread_t thread;
	int fd, end[2];
	bool gone; /* atomic */
};

static void *look_out(void *arg)
{
	struct watch *w = arg;
	struct pollfd p[2] = {{.fd = w->fd, .events = 0}, {.fd = w->end[0], .events = POLLIN}};

	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	if (p[0].revents & (POLLHUP | POLLERR))
		__atomic_store_n(&w->gone, true, __ATOMIC_RELAXED);
	return NULL;
}

/* Without descriptors nobody looks out, and nothing is stopped. */
static bool watch_begin(struct watch *w, int fd)
{
	*w = (struct watch){.fd = fd, .end = {-1, -1}};
	if (pipe2(w->end, O_CLOEXEC) < 0)
		return false;
	thread_start(&w->thread, "control", look_out, w);
	return true;
}

static void watch_end(struct watch *w)
{
	close(w->end[1]);
	pthread_join(w->thread, NULL);
	close(w->end[0]);
}

static void answer(struct control *c, int fd)
{
	struct arena *a = arena_new(16 << 20);
	char *buf = arena_alloc(a, REQUEST_MAX), *argv[WORDS_MAX + 1];
	struct doc *doc = NULL;
	struct err e = ERR_INIT;
	size_t n = 0;
	ssize_t k;
	FILE *out = NULL, *failure = NULL;
	char *why = NULL;
	size_t why_n = 0;
	int argc = 0, code;
	const struct doc *input;
	struct watch watch;
	bool watched;

	while (n < REQUEST_MAX && (n == 0 || buf[n - 1] != '\n')) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (poll(&p, 1, 5000) <= 0)
			goto out;
		k = read(fd, buf + n, REQUEST_MAX - n);
		if (k <= 0)
			goto out;
		n += (size_t)k;
	}
	out = fdopen(fd, "w");
	failure = open_memstream(&why, &why_n);
	if (out == NULL || failure == NULL ||
	        doc_parse_json(a, (struct str){buf, n}, "request", &doc, &e) < 0)
		goto out;
	DOC_EACH(x, doc_get(doc, "argv"))
	if (argc < WORDS_MAX && x->text != NULL)
		argv[argc++] = arena_strdup(a, x->text);
	argv[argc] = NULL;
	input = doc_get(doc, "input");
	watched = watch_begin(&watch, fd);
	code = cli_run_served(c->site, c->api, &c->settings, argc, argv,
	        input != NULL && input->text != NULL ? (struct str){input->text, input->text_n} : STR_NULL,
	        out, failure, &watch.gone);
	if (watched)
		watch_end(&watch);
	fflush(failure);
	fprintf(out, "%c%s%c%d", '\0', why, '\0', code);
out:
	if (failure != NULL)
		fclose(failure);
	free(why);
	if (out != NULL)
		fclose(out);
	else
		close(fd);
	arena_free(&a);
}

static void *serve(void *arg)
{
	struct control *c = arg;

	for (;;) {
		struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->stop[0], .events = POLLIN}};
		int fd;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return NULL;
		if (p[1].revents != 0)
			return NULL;
		fd = p[0].revents != 0 ? accept4(c->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
		if (fd >= 0)
			answer(c, fd);
	}
}

int control_start(struct site *s, struct api_server *api, const struct settings *set, struct control **out,
        struct err *e)
{
	struct control *c = xcalloc(1, sizeof(*c));
	struct sockaddr_un sa;
	int rc = 0;

	c->site = s;
	c->api = api;
	c->settings = *set;
	c->fd = c->stop[0] = c->stop[1] = -1;
	if (!address_of(s->dir, &sa)) {
		rc = err_set(e, ERR_INVALID,
		        "the path of the site's folder is too long for a socket in it: %s", s->dir);
		goto out;
	}
	snprintf(c->path, sizeof(c->path), "%s", sa.sun_path);
	unlink(c->path); /* of a process that was killed: the folder's lock is ours */
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd < 0 || fchmod(c->fd, 0600) < 0 || bind(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	        chmod(c->path, 0600) < 0 || listen(c->fd, 8) < 0 || pipe(c->stop) < 0) {
		err_errno(e, errno, "the control socket cannot be made");
		rc = err_at(e, c->path, 0, 0, NULL);
		goto out;
	}
	must(pthread_create(&c->thread, NULL, serve, c) == 0);
out:
	if (rc < 0) {
		if (c->fd >= 0)
			close(c->fd);
		free(c);
		c = NULL;
	}
	*out = c;
	return rc;
}

void control_stop(struct control **control)
{
	struct control *c = *control;

	if (c == NULL)
		return;
	*control = NULL;
	if (write(c->stop[1], "x", 1) != 1)
		wrong("a pipe of one's own takes a byte");
	pthread_join(c->thread, NULL);
	unlink(c->path);
	close(c->fd);
	close(c->stop[0]);
	close(c->stop[1]);
	free(c);
}

/* ---- asking ---- */

static bool send_request(int fd, int argc, char **argv, struct str input)
{
	struct sb b = SB_INIT;
	struct jw w;
	char *here = getcwd(NULL, 0);
	bool ok = true;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "cwd", here);
	jw_key(&w, "argv");
	jw_array(&w);
	for (int i = 0; i < argc; i++) {
		/* the other process stands in another folder */
		bool path = here != NULL && i >= 3 && argv[i][0] != '/' && argv[i][0] != '-' &&
		            access(argv[i], F_OK) == 0;
		char *abs = path ? xasprintf("%s/%s", here, argv[i]) : NULL;

		jw_cstr(&w, abs != NULL ? abs : argv[i]);
		free(abs);
	}
	jw_array_end(&w);
	if (input.p != NULL) {
		jw_key(&w, "input");
		jw_str(&w, input);
	}
	jw_object_end(&w);
	sb_putc(&b, '\n');
	for (size_t n = 0; ok && n < b.n;) {
		ssize_t k = send(fd, b.p + n, b.n - n, MSG_NOSIGNAL);

		ok = k > 0;
		n += ok ? (size_t)k : 0;
	}
	free(here);
	sb_fini(&b);
	return ok;
}

int control_ask(
        const char *site_dir, int argc, char **argv, struct str input, FILE *out, int *code, struct err *e)
{
	struct sockaddr_un sa;
	int fd, rc = ERR_NOTFOUND;
	enum { OUTPUT, WHY, CODE } part = OUTPUT; /* what answer() sends, with a zero between */
	bool coded = false;
	char buf[4096];
	ssize_t n;

	if (!address_of(site_dir, &sa))
		return ERR_NOTFOUND;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return ERR_NOTFOUND;
	if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 || !send_request(fd, argc, argv, input))
		goto out;
	*code = 0;
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			if (buf[i] == '\0') {
				part += part < CODE;
			} else if (part == OUTPUT) {
				fputc(buf[i], out);
			} else if (part == WHY) {
				fputc(buf[i], stderr);
			} else {
				*code = *code * 10 + (buf[i] - '0');
				coded = true;
			}
		}
		fflush(out);
	}
	rc = coded ? 0 : err_set(e, ERR_UNAVAILABLE, "the serving process ended before it had answered");
out:
	close(fd);
	return rc;
}

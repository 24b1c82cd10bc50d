/*
 * postgres -proxy | -stop | -start
 *
 * A PostgreSQL that goes away and comes back, without stopping the one that other scenarios use: the program
 * under test connects through a door of ours, which can be closed.
 */
#include "scn.h"

#include "base/num.h"

#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PAIRS 64

static struct {
	pthread_t thread;
	bool running;
	char path[108], real[108];
	_Atomic bool open, end;
	_Atomic int wanted_turns; /* the thread has seen a change of `open` */
	int listen_fd;
	int pair[PAIRS][2];
	int pairs;
} p = {.listen_fd = -1};

static int to_socket(const char *path, bool listening)
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	if (listening) {
		unlink(path);
		if (bind(fd, (const struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, 64) == 0)
			return fd;
	} else if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) == 0) {
		return fd;
	}
	close(fd);
	return -1;
}

static void cut(int i)
{
	close(p.pair[i][0]);
	close(p.pair[i][1]);
	p.pairs--;
	p.pair[i][0] = p.pair[p.pairs][0];
	p.pair[i][1] = p.pair[p.pairs][1];
}

static bool pass(int from, int to)
{
	char buf[65536];
	ssize_t n = read(from, buf, sizeof(buf));

	for (ssize_t at = 0; at < n;) {
		ssize_t w = send(to, buf + at, (size_t)(n - at), MSG_NOSIGNAL);

		if (w <= 0)
			return false;
		at += w;
	}
	return n > 0;
}

static void take_one(void)
{
	int in = accept(p.listen_fd, NULL, NULL), out;

	if (in < 0)
		return;
	out = p.pairs < PAIRS ? to_socket(p.real, false) : -1;
	if (out < 0) {
		close(in);
		return;
	}
	p.pair[p.pairs][0] = in;
	p.pair[p.pairs++][1] = out;
}

static void *run_proxy(void *arg)
{
	struct pollfd f[2 * PAIRS + 1];

	(void)arg;
	while (!p.end) {
		int pairs;

		if (p.open && p.listen_fd < 0)
			p.listen_fd = to_socket(p.path, true);
		if (!p.open && p.listen_fd >= 0) {
			close(p.listen_fd);
			unlink(p.path);
			p.listen_fd = -1;
			while (p.pairs > 0)
				cut(0);
		}
		p.wanted_turns++;
		f[0] = (struct pollfd){.fd = p.listen_fd, .events = POLLIN};
		pairs = p.pairs;
		for (int i = 0; i < pairs; i++)
			for (int k = 0; k < 2; k++)
				f[1 + 2 * i + k] = (struct pollfd){.fd = p.pair[i][k], .events = POLLIN};
		if (poll(f, (nfds_t)(1 + 2 * pairs), 20) <= 0)
			continue;
		for (int i = pairs - 1; i >= 0; i--) {
			bool ok = true;

			for (int k = 0; k < 2; k++)
				if (ok && f[1 + 2 * i + k].revents != 0)
					ok = pass(p.pair[i][k], p.pair[i][1 - k]);
			if (!ok)
				cut(i);
		}
		if (f[0].revents & POLLIN)
			take_one();
	}
	while (p.pairs > 0)
		cut(0);
	if (p.listen_fd >= 0)
		close(p.listen_fd);
	unlink(p.path);
	return NULL;
}

static void set_open(bool open)
{
	int seen;

	p.open = open;
	seen = p.wanted_turns;
	while (p.wanted_turns < seen + 2)
		usleep(2000);
}

void proxy_end(void)
{
	if (!p.running)
		return;
	p.end = true;
	pthread_join(p.thread, NULL);
	p.running = false;
}

bool proxy_statement(struct ctx *c, const struct stmt *s)
{
	PQconninfoOption *o, *k;
	const char *host = NULL, *port = "5432";

	if (c->run->postgres == NULL)
		return scn_fail(c, s, "this scenario does not run on PostgreSQL; say require postgres");
	if (scn_is(s, 1, "-stop") || scn_is(s, 1, "-start")) {
		if (!p.running)
			return scn_fail(c, s, "say postgres -proxy before the city starts");
		set_open(scn_is(s, 1, "-start"));
		return true;
	}
	if (!scn_is(s, 1, "-proxy"))
		return scn_fail(c, s, "postgres knows -proxy, -stop, -start");
	o = PQconninfoParse(c->run->postgres, NULL);
	for (k = o; k != NULL && k->keyword != NULL; k++) {
		if (strcmp(k->keyword, "host") == 0 && k->val != NULL)
			host = arena_strdup(c->a, k->val);
		if (strcmp(k->keyword, "port") == 0 && k->val != NULL)
			port = arena_strdup(c->a, k->val);
	}
	PQconninfoFree(o);
	if (host == NULL || host[0] != '/') {
		c->skip = "PostgreSQL is not reached by a socket of this machine";
		return scn_fail(c, s, "skipped");
	}
	snprintf(p.real, sizeof(p.real), "%s/.s.PGSQL.%s", host, port);
	snprintf(p.path, sizeof(p.path), "%s/.s.PGSQL.%s", c->run->dir, port);
	p.running = true;
	pthread_create(&p.thread, NULL, run_proxy, NULL);
	set_open(true);
	scn_set(c->run, "store_address",
	        arena_printf(c->a, "postgres:%s dbname=%s host=%s", c->run->postgres, c->run->database,
	                c->run->dir));
	return true;
}

/*
 * The program under test: its site, its process, its clock and fault points.
 *
 *   city s -pack P -demo -clock T -arg X -env K=V -start | -stop | -kill | -restart | -exit N | -expect
 * METRIC OP N
 */
#include "scn.h"

#include "base/file.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLOCK_START "2026-07-14T08:00:00+08:00" /* a Tuesday */

#define ARG(text) ((char *)(uintptr_t)(text)) /* execve takes no const */

/* ---- processes ---- */

pid_t scn_spawn(struct ctx *c, const struct stmt *s, char *const argv[], const char *const *env,
        const char *in, const char *out, const char *err_out)
{
	const char *keep[256];
	int n = 0, fd;
	pid_t pid;

	for (char **v = environ; *v != NULL && n < 200; v++)
		if (strncmp(*v, "HEMING", 6) != 0) /* nothing of the tester's own */
			keep[n++] = *v;
	if (c->run->postgres != NULL)
		keep[n++] = arena_printf(c->a, "HEMING_STORE=%s", scn_get(c->run, c->a, "store_address"));
	for (; env != NULL && *env != NULL && n < 255; env++)
		keep[n++] = *env;
	keep[n] = NULL;
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		scn_fail(c, s, "fork: %s", strerror(errno));
		return -1;
	}
	if (pid > 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	fd = open(in != NULL ? in : "/dev/null", O_RDONLY);
	dup2(fd, 0);
	fd = open(out, O_WRONLY | O_CREAT | O_APPEND, 0640);
	dup2(fd, 1);
	fd = open(err_out, O_WRONLY | O_CREAT | O_APPEND, 0640);
	dup2(fd, 2);
	for (fd = 3; fd < 256; fd++)
		close(fd);
	execve(argv[0], argv, (char *const *)(uintptr_t)keep);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int scn_reap(pid_t pid, dur_us wait)
{
	dur_us until = clock_monotonic() + wait;
	int status;

	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
		if (got < 0 && errno != EINTR)
			return -1;
		if (clock_monotonic() > until)
			return -1;
		usleep(2000);
	}
}

char *scn_file(struct arena *a, const char *path)
{
	struct str text;
	struct err e = ERR_INIT;

	return file_read(a, path, 64 << 20, &text, &e) < 0 ? arena_strdup(a, "")
	                                                   : arena_strndup(a, text.p, text.n);
}

/* ---- a city ---- */

struct city *city_find(struct ctx *c, const struct stmt *s, const char *name)
{
	for (struct city *y = c->run->cities; y != NULL; y = y->next)
		if (name == NULL || strcmp(y->name, name) == 0)
			return y;
	scn_fail(c, s, "there is no city %s yet", name != NULL ? name : "");
	return NULL;
}

const char *city_arg(const struct city *y, const char *name)
{
	for (int i = 0; i + 1 < y->args; i++)
		if (strcmp(y->arg[i], name) == 0)
			return y->arg[i + 1];
	return NULL;
}

static struct city *city_of(struct run *r, const char *name)
{
	struct city **at, *y;

	for (at = &r->cities; *at != NULL; at = &(*at)->next)
		if (strcmp((*at)->name, name) == 0)
			return *at;
	y = *at = xcalloc(1, sizeof(*y));
	y->run = r;
	y->name = xstrdup(name);
	y->site = xasprintf("%s/%s", r->dir, name);
	y->log = xasprintf("%s/%s.log", r->dir, name);
	y->err_file = xasprintf("%s/%s.err", r->dir, name);
	y->clock = xstrdup(CLOCK_START);
	y->demo = true;
	scn_set(r, "site", y->site);
	return y;
}

/* ${password.LOGIN} and ${secret.DEVICE} of a site made with --demo. */
static void read_logins(struct ctx *c, struct city *y)
{
	struct str rest = str_of(scn_file(c->a, arena_printf(c->a, "%s/demo-login", y->site)));

	while (rest.p != NULL) {
		struct str line = str_cut(&rest, '\n'), first = str_cut(&line, ' ');
		bool device = str_is(first, "device");

		if (device)
			first = str_cut(&line, ' ');
		if (first.n > 0 && line.n > 0)
			scn_set(c->run,
			        arena_printf(c->a, "%s.%.*s", device ? "secret" : "password", STR_ARG(first)),
			        arena_strndup(c->a, line.p, line.n));
	}
}

static bool make_site(struct ctx *c, const struct stmt *s, struct city *y)
{
	char *argv[40], *out = arena_printf(c->a, "%s/%s.init", c->run->dir, y->name);
	int n = 0, code;
	const char *env[33];
	int m = 0;
	pid_t pid;

	argv[n++] = arena_strdup(c->a, c->run->binary);
	argv[n++] = ARG("init");
	argv[n++] = ARG("--site");
	argv[n++] = y->site;
	if (y->demo)
		argv[n++] = ARG("--demo");
	for (int i = 0; i < y->packs; i++) {
		const char *name = y->pack[i];
		const char *places[] = {"tests/data/packs", "tests/scenario/pack", "packs", "."};
		char *dir = NULL;

		for (size_t k = 0; k < ARRAY_LEN(places) && (dir == NULL || !file_exists(dir)); k++)
			dir = arena_printf(c->a, "%s/%s/%s", c->run->top, places[k], name);
		argv[n++] = ARG("--pack");
		argv[n++] = dir;
	}
	argv[n] = NULL;
	for (int i = 0; i < y->envs; i++) /* faults are the server's */
		if (strncmp(y->env[i], "HEMING_FAULT", 12) != 0)
			env[m++] = y->env[i];
	env[m] = NULL;
	pid = scn_spawn(c, s, argv, env, NULL, out, out);
	if (pid < 0)
		return false;
	code = scn_reap(pid, 6 * c->run->patience);
	if (code != 0) {
		if (code < 0)
			kill(pid, SIGKILL);
		return scn_fail(c, s, "heming init: exit code %d\n%s", code, scn_file(c->a, out));
	}
	y->made = true;
	read_logins(c, y);
	return true;
}

static bool read_ready(struct ctx *c, struct city *y, const char *path)
{
	struct str rest = str_of(scn_file(c->a, path));
	int64_t n, http = 0, mqtt = 0, mqtts = 0;

	while (rest.p != NULL) {
		struct str line = str_cut(&rest, '\n'), key = str_cut(&line, ' ');

		if (line.p == NULL || !num_int(line, &n))
			continue;
		if (str_is(key, "http"))
			http = n;
		else if (str_is(key, "mqtt"))
			mqtt = n;
		else if (str_is(key, "mqtts"))
			mqtts = n;
	}
	if (http == 0)
		return false;
	pthread_mutex_lock(&c->run->lock);
	y->http = (int)http;
	y->mqtt = (int)mqtt;
	y->up = true;
	pthread_cond_broadcast(&c->run->changed);
	pthread_mutex_unlock(&c->run->lock);
	scn_set(c->run, "http", arena_printf(c->a, "%lld", (long long)http));
	scn_set(c->run, "mqtt", arena_printf(c->a, "%lld", (long long)mqtt));
	scn_set(c->run, "mqtts", arena_printf(c->a, "%lld", (long long)mqtts));
	scn_set(c->run, "pid", arena_printf(c->a, "%d", (int)y->pid));
	return true;
}

static const char *tail(struct arena *a, const char *path, int lines)
{
	char *text = scn_file(a, path), *p = text + strlen(text);

	for (; p > text && lines >= 0; p--)
		lines -= p[-1] == '\n';
	return p > text ? p + 1 : text;
}

static bool start_city(struct ctx *c, const struct stmt *s, struct city *y)
{
	char *argv[64], *ready = arena_printf(c->a, "%s/%s.ready", c->run->dir, y->name);
	const char *env[32];
	int n = 0, m = 0, code = -1;
	dur_us until;

	if (y->pid > 0)
		return scn_fail(c, s, "city %s runs already", y->name);
	if (!y->made && !make_site(c, s, y))
		return false;
	remove(ready);
	argv[n++] = arena_strdup(c->a, c->run->binary);
	argv[n++] = ARG("serve");
	argv[n++] = ARG("--site");
	argv[n++] = y->site;
	argv[n++] = ARG("--port");
	argv[n++] = ARG("0");
	argv[n++] = ARG("--mqtt-port");
	argv[n++] = ARG("0");
	argv[n++] = ARG("--mqtt-tls-port");
	argv[n++] = ARG("0");
	argv[n++] = ARG("--log");
	argv[n++] = y->log;
	argv[n++] = ARG("--ready-file");
	argv[n++] = ready;
	if (y->clock != NULL) {
		argv[n++] = ARG("--clock");
		argv[n++] = arena_printf(c->a, "manual:%s", y->clock);
	}
	for (int i = 0; i < y->args; i++)
		argv[n++] = y->arg[i];
	argv[n] = NULL;
	for (int i = 0; i < y->envs; i++)
		env[m++] = y->env[i];
	env[m] = NULL;
	y->pid = scn_spawn(c, s, argv, env, NULL, y->err_file, y->err_file);
	if (y->pid < 0)
		return false;
	y->starts++;
	until = clock_monotonic() + 3 * c->run->patience;
	while (!file_exists(ready) || !read_ready(c, y, ready)) {
		code = scn_reap(y->pid, 0);
		if (code >= 0 || clock_monotonic() > until)
			break;
		usleep(3000);
	}
	if (y->up)
		return true;
	if (code >= 0)
		y->pid = 0;
	return scn_fail(c, s,
	        code >= 0 ? "heming serve ended with exit code %d before it was ready:\n%s"
	                  : "heming serve is not ready in time (%d):\n%s",
	        code, tail(c->a, y->err_file, 30));
}

static void mark_down(struct city *y)
{
	pthread_mutex_lock(&y->run->lock);
	y->up = false;
	y->http = y->mqtt = 0;
	pthread_cond_broadcast(&y->run->changed);
	pthread_mutex_unlock(&y->run->lock);
}

/* The manual clock goes on where it stood: a restart is no leap in time. */
static void keep_clock(struct ctx *c, struct city *y)
{
	struct answer w = {0};
	const char *bad, *now;

	if (y->clock == NULL || !y->up)
		return;
	http_ask(c, y, "GET", "/api/v1/test/clock", NULL, c->run->patience, &w);
	now = w.status == 200 ? scn_json(c->a, sb_str(&w.body), "$.now", &bad) : NULL;
	if (now != NULL) {
		free(y->clock);
		y->clock = xstrdup(now);
	}
	answer_fini(&w);
}

static bool stop_city(struct ctx *c, const struct stmt *s, struct city *y)
{
	int code;

	if (y->pid <= 0)
		return scn_fail(c, s, "city %s does not run", y->name);
	keep_clock(c, y);
	kill(y->pid, SIGTERM);
	code = scn_reap(y->pid, 3 * c->run->patience);
	if (code < 0) {
		kill(y->pid, SIGABRT); /* its stack may tell */
		if (scn_reap(y->pid, c->run->patience) < 0) {
			kill(y->pid, SIGKILL);
			scn_reap(y->pid, c->run->patience);
		}
		y->pid = 0;
		mark_down(y);
		return scn_fail(c, s, "city %s did not end in time after SIGTERM", y->name);
	}
	y->pid = 0;
	mark_down(y);
	return code == 0 ||
	       scn_fail(c, s, "city %s ended with %s %d:\n%s", y->name, code >= 1000 ? "signal" : "exit code",
	               code % 1000, tail(c->a, y->err_file, 40));
}

static bool kill_city(struct ctx *c, const struct stmt *s, struct city *y, dur_us within)
{
	if (y->pid <= 0)
		return scn_fail(c, s, "city %s does not run", y->name);
	if (within > 0)
		usleep((useconds_t)scn_random(c->run, (uint64_t)within));
	kill(y->pid, SIGKILL);
	if (scn_reap(y->pid, c->run->patience) < 0)
		return scn_fail(c, s, "city %s outlives SIGKILL", y->name);
	y->pid = 0;
	mark_down(y);
	return true;
}

/* It is to end by itself, with this code (1000 + signal for a signal). */
static bool await_exit(struct ctx *c, const struct stmt *s, struct city *y, int64_t want)
{
	int code = y->pid > 0 ? scn_reap(y->pid, 3 * c->run->patience) : -1;

	if (code >= 0) {
		y->pid = 0;
		mark_down(y);
	}
	return code == want ||
	       scn_fail(c, s, "city %s: expected exit code %lld, saw %d", y->name, (long long)want, code);
}

/* `heming_x{class="2xx"}` as /metrics writes it; NULL if there is none. */
static const char *metric(struct ctx *c, struct city *y, const char *name)
{
	struct answer w = {0};
	const char *found = NULL;
	struct str rest;
	size_t n = strlen(name);

	http_ask(c, y, "GET", "/metrics", NULL, c->run->patience, &w);
	rest = sb_str(&w.body);
	while (rest.p != NULL && found == NULL) {
		struct str line = str_cut(&rest, '\n');

		if (line.n > n + 1 && memcmp(line.p, name, n) == 0 && line.p[n] == ' ')
			found = arena_strndup(c->a, line.p + n + 1, line.n - n - 1);
	}
	answer_fini(&w);
	return found;
}

static bool expect_metric(struct ctx *c, const struct stmt *s, struct city *y, int i)
{
	const char *name = scn_word(c, s, i), *op = scn_word(c, s, i + 1), *want = scn_word(c, s, i + 2);
	dur_us until = clock_monotonic() + c->run->patience;
	const char *got;

	if (name == NULL || op == NULL || want == NULL)
		return false;
	for (;;) {
		got = metric(c, y, name);
		if (got != NULL && scn_holds(got, op, want) == 1)
			return true;
		if (clock_monotonic() > until)
			break;
		scn_short_wait();
	}
	return got == NULL ? scn_fail(c, s, "there is no metric %s", name)
	                   : scn_compare(c, s, name, got, op, want);
}

/* A file system of this size under the site: a disk that fills up. */
static bool mount_small(struct ctx *c, const struct stmt *s, struct city *y, const char *size)
{
	if (mkdir(y->site, 0750) < 0 && errno != EEXIST)
		return scn_fail(c, s, "%s: %s", y->site, strerror(errno));
	if (mount("scn", y->site, "tmpfs", MS_NOSUID | MS_NODEV,
	            arena_printf(c->a, "size=%s,mode=0750", size)) < 0) {
		c->skip = arena_printf(c->a, "a tmpfs cannot be mounted here (%s)", strerror(errno));
		return scn_fail(c, s, "skipped");
	}
	y->bare = true;
	return true;
}

static bool option(struct ctx *c, const struct stmt *s, struct city *y, int *i)
{
	const char *w = s->word[*i].text, *v;
	int64_t n;

	if (strcmp(w, "-start") == 0)
		return start_city(c, s, y);
	if (strcmp(w, "-init") == 0)
		return make_site(c, s, y);
	if (strcmp(w, "-stop") == 0)
		return stop_city(c, s, y);
	if (strcmp(w, "-restart") == 0)
		return (y->pid <= 0 || stop_city(c, s, y)) && start_city(c, s, y);
	if (strcmp(w, "-no-demo") == 0)
		return !(y->demo = false);
	if (strcmp(w, "-real-clock") == 0) {
		free(y->clock);
		y->clock = NULL;
		return true;
	}
	if (strcmp(w, "-kill") == 0) {
		dur_us within = 0;

		if (scn_is(s, *i + 1, "-9"))
			++*i;
		keep_clock(c, y);
		if (scn_is(s, *i + 1, "-within") && !scn_dur(c, s, *i += 2, &within))
			return false;
		return kill_city(c, s, y, within);
	}
	if (strcmp(w, "-expect") == 0) {
		*i += 3;
		return expect_metric(c, s, y, *i - 2);
	}
	if ((v = scn_word(c, s, ++*i)) == NULL)
		return false;
	if (strcmp(w, "-pack") == 0 && y->packs < (int)ARRAY_LEN(y->pack)) {
		y->pack[y->packs++] = xstrdup(v);
	} else if (strcmp(w, "-arg") == 0 && y->args < (int)ARRAY_LEN(y->arg)) {
		y->arg[y->args++] = xstrdup(v);
	} else if (strcmp(w, "-env") == 0 && y->envs < (int)ARRAY_LEN(y->env)) {
		y->env[y->envs++] = xstrdup(v);
	} else if (strcmp(w, "-no-env") == 0) { /* all of them are forgotten */
		y->envs = 0;
		--*i;
	} else if (strcmp(w, "-clock") == 0) {
		free(y->clock);
		y->clock = xstrdup(v);
	} else if (strcmp(w, "-site") == 0) {
		free(y->site);
		y->site = xstrdup(v);
		y->made = true;
		scn_set(c->run, "site", y->site);
	} else if (strcmp(w, "-tmpfs") == 0) {
		return mount_small(c, s, y, v);
	} else if (strcmp(w, "-exit") == 0) {
		return scn_int(c, s, *i, &n) && await_exit(c, s, y, n);
	} else {
		return scn_fail(c, s, "city does not know \"%s\"", w);
	}
	return true;
}

bool city_statement(struct ctx *c, const struct stmt *s)
{
	const char *name = s->words > 1 ? scn_word(c, s, 1) : NULL;
	struct city *y;

	if (name == NULL || name[0] == '-')
		return scn_fail(c, s, "the form is: city NAME -WORD…");
	y = city_of(c->run, name);
	for (int i = 2; i < s->words; i++)
		if (!option(c, s, y, &i))
			return scn_fail(c, s, "city %s: %s failed", name, s->word[i < s->words ? i : 2].text);
	return true;
}

/* ---- its clock and its faults ---- */

static bool post_test(
        struct ctx *c, const struct stmt *s, const char *path, const char *body, const char *what)
{
	struct city *y = city_find(c, s, NULL);
	struct answer w = {0};
	bool ok;

	if (y == NULL)
		return false;
	http_ask(c, y, "POST", path, body, 6 * c->run->patience, &w);
	ok = w.status == 200 || w.status == 204 ||
	     scn_fail(c, s, "%s: status %ld %s%.500s", what, w.status, w.error, w.body.p ? w.body.p : "");
	answer_fini(&w);
	return ok;
}

/* clock set T | advance D [step D] | settle */
static bool clock_one(struct ctx *c, const struct stmt *s, int i)
{
	const char *v = i + 1 < s->words ? scn_word(c, s, i + 1) : NULL, *step;

	if (scn_is(s, i, "settle"))
		return post_test(c, s, "/api/v1/test/settle", "{}", "settle");
	if (v == NULL)
		return scn_fail(
		        c, s, "the form is: clock set TIME, clock advance 10m [step 15s], clock settle");
	if (scn_is(s, i, "set"))
		return post_test(
		        c, s, "/api/v1/test/clock", arena_printf(c->a, "{\"set\":\"%s\"}", v), "clock set");
	if (scn_is(s, i, "expect"))
		return false;
	if (!scn_is(s, i, "advance"))
		return scn_fail(c, s, "clock knows set, advance, settle");
	step = scn_is(s, i + 2, "step") ? scn_word(c, s, i + 3) : NULL;
	return post_test(c, s, "/api/v1/test/clock",
	        step != NULL ? arena_printf(c->a, "{\"advance\":\"%s\",\"step\":\"%s\"}", v, step)
	                     : arena_printf(c->a, "{\"advance\":\"%s\"}", v),
	        "clock advance");
}

bool clock_statement(struct ctx *c, const struct stmt *s)
{
	if (!s->has_block)
		return clock_one(c, s, 1);
	for (const struct stmt *k = s->block; k != NULL; k = k->next)
		if (!clock_one(c, k, 0))
			return false;
	return true;
}

bool fault_statement(struct ctx *c, const struct stmt *s)
{
	const char *spec = scn_word(c, s, scn_is(s, 1, "arm") ? 2 : 1);

	return spec != NULL &&
	       post_test(c, s, "/api/v1/test/fault", arena_printf(c->a, "{\"arm\":\"%s\"}", spec), "fault");
}

/* ---- the end ---- */

void city_kill_all(struct run *r)
{
	for (struct city *y = r->cities; y != NULL; y = y->next) {
		if (y->pid > 0) {
			kill(y->pid, SIGKILL);
			scn_reap(y->pid, r->patience);
			y->pid = 0;
		}
	}
}

/* judge: an end that is not in order is a failure of the scenario too. */
void city_end_all(struct ctx *c, bool judge)
{
	static const struct stmt end = {.file = "end of the scenario"};

	for (struct city *y = c->run->cities; judge && y != NULL; y = y->next)
		if (y->pid > 0)
			(void)stop_city(c, &end, y);
	city_kill_all(c->run);
	for (struct city *y = c->run->cities; y != NULL; y = y->next)
		if (y->bare)
			umount2(y->site, MNT_DETACH);
}

void city_report(const struct city *y)
{
	struct arena *a = arena_new(0);
	const char *files[] = {y->log, y->err_file};

	for (int i = 0; i < 2; i++) {
		struct str rest = str_of(tail(a, files[i], i == 0 ? 20 : 40));

		if (rest.n == 0)
			continue;
		printf("#   the end of %s:\n", files[i]);
		while (rest.p != NULL) {
			struct str line = str_cut(&rest, '\n');

			if (line.n > 0)
				printf("#     %.*s\n", (int)(line.n < 400 ? line.n : 400), line.p);
		}
	}
	arena_free(&a);
}

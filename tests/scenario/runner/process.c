/*
 * process NAME { input TEXT ; run WORDS… ; expect exit == 0 ; expect stdout ~ RE ; save stdout RE -> V }
 * logexpect NAME { TAG key=value … ; no TAG key=value … }
 *
 * run waits for one command of the program under test; launch lets it go on until end. scn is this program
 * itself, tool a program of the machine.
 */
#include "scn.h"

#include "base/file.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

struct process {
	char *in, *out, *err_out;
	pid_t pid;
	int code;
};

static bool launch(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct process *p = a->state;
	bool tool = scn_is(s, 0, "tool");
	char *argv[66];
	const char *env[2] = {
	        arena_printf(c->a, "TMPDIR=%s", c->run->dir), NULL}; /* what it leaves goes with ours */
	int n = 0;

	if (s->words < 2 || s->words > 64)
		return scn_fail(c, s, "the form is: run COMMAND WORDS…");
	argv[n++] = arena_strdup(c->a, scn_is(s, 0, "scn") ? "/proc/self/exe"
	                               : tool              ? "/usr/bin/env"
	                                                   : c->run->binary);
	for (int i = 1; i < s->words; i++) {
		const char *v = scn_word(c, s, i);

		if (v == NULL)
			return false;
		argv[n++] = arena_strdup(c->a, v);
	}
	argv[n] = NULL;
	unlink(p->out);
	unlink(p->err_out);
	p->pid = scn_spawn(c, s, argv, env, file_exists(p->in) ? p->in : NULL, p->out, p->err_out);
	return p->pid > 0;
}

static bool begin(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct process *p = a->state;

	if (p == NULL) {
		p = a->state = xcalloc(1, sizeof(*p));
		p->in = xasprintf("%s/process-%s.in", c->run->dir, a->name);
		p->out = xasprintf("%s/process-%s.out", c->run->dir, a->name);
		p->err_out = xasprintf("%s/process-%s.err", c->run->dir, a->name);
		p->code = -1;
	}
	(void)s;
	return true;
}

static bool command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct process *p = a->state;
	const char *v, *text;
	int i = 2;

	if (scn_is(s, 0, "input")) {
		struct err e = ERR_INIT;

		v = scn_word(c, s, 1);
		if (v == NULL)
			return false;
		return file_write(p->in, v, strlen(v), 0600, &e) == 0 || scn_fail(c, s, "%s", e.text);
	}
	if (scn_is(s, 0, "run") || scn_is(s, 0, "launch") || scn_is(s, 0, "scn") || scn_is(s, 0, "tool")) {
		if (!launch(c, a, s))
			return false;
		if (scn_is(s, 0, "launch"))
			return true;
		p->code = scn_reap(p->pid, 6 * c->run->patience);
		if (p->code < 0) {
			kill(p->pid, SIGKILL);
			scn_reap(p->pid, c->run->patience);
		}
		unlink(p->in);
		return p->code >= 0 || scn_fail(c, s, "the command did not end in time");
	}
	if (scn_is(s, 0, "end")) { /* of what was launched */
		kill(p->pid, SIGTERM);
		p->code = scn_reap(p->pid, c->run->patience);
		if (p->code < 0) {
			kill(p->pid, SIGKILL);
			scn_reap(p->pid, c->run->patience);
		}
		p->pid = 0;
		return p->code >= 0 || scn_fail(c, s, "the command did not end in time after SIGTERM");
	}
	if (!scn_is(s, 0, "expect") && !scn_is(s, 0, "save"))
		return scn_fail(c, s, "process knows input, run, launch, scn, tool, end, expect, save");
	if (scn_is(s, 1, "exit")) {
		text = arena_printf(c->a, "%d", p->code);
		if (scn_expect(c, s, 2, "exit code", text))
			return true;
		v = arena_printf(c->a, "%s; it printed: %s%s", c->why.p, scn_file(c->a, p->out),
		        scn_file(c->a, p->err_out));
		c->failed = false;
		return scn_fail(c, s, "%s", v);
	}
	if (scn_is(s, 1, "stdout"))
		text = scn_file(c->a, p->out);
	else if (scn_is(s, 1, "stderr"))
		text = scn_file(c->a, p->err_out);
	else if (scn_is(s, 1, "output"))
		text = arena_printf(c->a, "%s%s", scn_file(c->a, p->out), scn_file(c->a, p->err_out));
	else
		return scn_fail(c, s, "there are exit, stdout, stderr, output");
	if (scn_is(s, 0, "expect"))
		return scn_expect(c, s, i, s->word[1].text, text);
	v = scn_word(c, s, i);
	if (v == NULL || !scn_is(s, i + 1, "->") || i + 2 >= s->words)
		return scn_fail(c, s, "the form is: save stdout PATTERN -> NAME");
	v = scn_match(c->a, text, v);
	if (v == NULL)
		return scn_fail(c, s, "no part of the output fits: %.2000s", text);
	scn_set(c->run, s->word[i + 2].text, v);
	return true;
}

static void free_state(struct actor *a)
{
	struct process *p = a->state;

	if (p == NULL)
		return;
	if (p->pid > 0 && scn_reap(p->pid, 0) < 0) {
		kill(p->pid, SIGKILL);
		scn_reap(p->pid, US_SECOND);
	}
	free(p->in);
	free(p->out);
	free(p->err_out);
	free(p);
}

const struct actor_kind kind_process = {
        .name = "process", .begin = begin, .command = command, .free = free_state};

/* ---- the server's log ---- */

static bool line_fits(struct ctx *c, const struct stmt *s, int i, struct str line)
{
	char *text = arena_strndup(c->a, line.p, line.n);
	const char *tag = scn_word(c, s, i);

	if (tag == NULL || strstr(text, arena_printf(c->a, " %s", tag)) == NULL)
		return false;
	for (i++; i < s->words; i++) {
		const char *v = scn_word(c, s, i);

		if (v == NULL || strstr(text, v) == NULL)
			return false;
	}
	return true;
}

static bool log_command(struct ctx *c, struct actor *a, const struct stmt *s)
{
	struct city *y = city_find(c, s, a->name[0] != '\0' ? a->name : NULL);
	bool no = scn_is(s, 0, "no");
	dur_us until = clock_monotonic() + c->run->patience;

	if (y == NULL)
		return false;
	for (;;) {
		struct arena *own = c->a, *turn = arena_new(0);
		struct str rest;
		bool found = false;

		c->a = turn;
		rest = str_of(scn_file(turn, y->log));
		while (rest.p != NULL && !found && !c->failed)
			found = line_fits(c, s, no ? 1 : 0, str_cut(&rest, '\n'));
		c->a = own;
		arena_free(&turn);
		if (c->failed)
			return false;
		if (no)
			return !found || scn_fail(c, s, "the log has a line %s", s->word[1].text);
		if (found)
			return true;
		if (clock_monotonic() > until)
			return scn_fail(c, s, "the log has no line %s with all that", s->word[0].text);
		scn_short_wait();
	}
}

const struct actor_kind kind_log = {.name = "logexpect", .command = log_command};

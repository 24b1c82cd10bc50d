#include "base/thread.h"

#include <sys/resource.h>
#include <unistd.h>

#define NICENESS 8 /* a seventh of a processor that one of the others wants, too */

void thread_deafen(sigset_t *before)
{
	/* Not those that a thread's own fault raises: blocked, they end the process without a report. */
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS};
	sigset_t s;
	sigfillset(&s);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		sigdelset(&s, own[i]);
	must(pthread_sigmask(SIG_BLOCK, &s, before) == 0);
}

void thread_hear(const sigset_t *before)
{
	must(pthread_sigmask(SIG_SETMASK, before, NULL) == 0);
}

void thread_start(pthread_t *t, const char *name, void *(*f)(void *arg), void *arg)
{
	char seen[16];
	sigset_t before;
	thread_deafen(&before);
	must(pthread_create(t, NULL, f, arg) == 0);
	thread_hear(&before);
	snprintf(seen, sizeof(seen), "%s", name);
	(void)pthread_setname_np(*t, seen);
}

void thread_yield_to_others(void)
{
	id_t me = (id_t)gettid();

	/* What the process was started with counts, too. */
	(void)setpriority(PRIO_PROCESS, me, getpriority(PRIO_PROCESS, me) + NICENESS);
}

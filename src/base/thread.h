/*
 * thread - starting a thread as this house wants it: named, and deaf to signals, which are for the one
 * thread that waits for them.
 */
#ifndef HEMING_THREAD_H
#define HEMING_THREAD_H

#include "base/base.h"

#include <pthread.h>
#include <signal.h>

/* name: at most 15 bytes are seen. A process that cannot have its threads has no meaning: panics. */
void thread_start(pthread_t *t, const char *name, void *(*f)(void *arg), void *arg);
/* Called by a thread that works on what somebody waits for less eagerly than for the rest: it gets the
 * processors that others leave, and some of them (Linux has a niceness for each thread). It cannot go back.
 */
void thread_yield_to_others(void);
/* Around a library that starts threads of its own: they inherit the mask. */
void thread_deafen(sigset_t *before);
void thread_hear(const sigset_t *before);

#endif

/*
 * Room for the bodies of requests. Posts of readings are some hundred kilobytes, one after another: their
 * pages would come from the system one by one each time, and be copied while the body grows. So room is made
 * for the length that the head tells, as far as it is believed, and a few that were used wait for the next
 * request.
 */
#include "net/http_int.h"

#define BELIEVED_B ((size_t)1 << 20) /* a head costs its sender nothing */
#define WORTH_B ((size_t)32 << 10)

/* Not under the sanitizer, which would see less. */
#if defined(__SANITIZE_ADDRESS__)
#define SPARE_MOST 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SPARE_MOST 0
#endif
#endif
#ifndef SPARE_MOST
#define SPARE_MOST 8
#endif

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct sb spare[SPARE_MOST + 1]; /* all of BELIEVED_B; the last one is never used */
static int spares;

void http__body_expect(struct sb *b, size_t length)
{
	if (length < WORTH_B)
		return;
	pthread_mutex_lock(&lock);
	if (spares > 0)
		*b = spare[--spares];
	pthread_mutex_unlock(&lock);
	if (b->p == NULL) {
		b->p = xrealloc(NULL, BELIEVED_B);
		b->cap = BELIEVED_B;
		b->p[0] = '\0';
	}
}

void http__body_fini(struct sb *b)
{
	bool kept = false;

	if (b->cap == BELIEVED_B) {
		sb_reset(b);
		pthread_mutex_lock(&lock);
		kept = spares < SPARE_MOST;
		if (kept)
			spare[spares++] = *b;
		pthread_mutex_unlock(&lock);
	}
	if (kept)
		*b = (struct sb)SB_INIT;
	else
		sb_fini(b);
}

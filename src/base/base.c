#include "base/base.h"

#include <execinfo.h>
#include <stdarg.h>
#include <unistd.h>

void panic(const char *file, int line, const char *fmt, ...)
{
	/* No heap and no stdio here: either may be what broke. */
	char text[1024];
	size_t n;
	int got = snprintf(text, sizeof(text), "%s:%d: ", file, line);
	va_list ap;

	n = got < 0 ? 0 : (size_t)got < sizeof(text) ? (size_t)got : sizeof(text) - 1;
	va_start(ap, fmt);
	got = vsnprintf(text + n, sizeof(text) - n, fmt, ap);
	va_end(ap);
	n += got < 0 ? 0 : (size_t)got < sizeof(text) - n ? (size_t)got : sizeof(text) - n - 1;
	text[n++] = '\n'; /* in place of the NUL */
	ssize_t ignored = write(STDERR_FILENO, text, n);
	(void)ignored;

	void *frames[64];
	int depth = backtrace(frames, (int)ARRAY_LEN(frames));
	backtrace_symbols_fd(frames, depth, STDERR_FILENO);
	abort();
}

static NORETURN void out_of_memory(size_t n, size_t size)
{
	panic(__FILE__, __LINE__, "no memory for %zu * %zu bytes; give the process more, or lower its limits",
	        n, size);
}

void *xcalloc(size_t n, size_t size)
{
	void *p = n == 0 || size == 0 ? calloc(1, 1) : calloc(n, size);
	if (UNLIKELY(p == NULL))
		out_of_memory(n, size);
	return p;
}

void *xrealloc(void *p, size_t size)
{
	/* realloc(p, 0) is free() to some libraries and not to others; one byte is the same to all. */
	void *q = realloc(p, size > 0 ? size : 1);
	if (UNLIKELY(q == NULL))
		out_of_memory(1, size);
	return q;
}

void *xgrow(void *p, size_t *cap, size_t need, size_t size)
{
	if (LIKELY(need <= *cap))
		return p;
	size_t more = *cap > SIZE_MAX / 2 ? need : *cap * 2;
	if (more < 8)
		more = 8;
	if (more < need)
		more = need;
	size_t bytes;
	if (UNLIKELY(__builtin_mul_overflow(more, size, &bytes)))
		out_of_memory(more, size);
	p = xrealloc(p, bytes);
	*cap = more;
	return p;
}

char *xstrdup(const char *s)
{
	return xstrndup(s, strlen(s));
}

char *xstrndup(const char *s, size_t n)
{
	n = strnlen(s, n);
	char *p = xcalloc(n + 1, 1);
	memcpy(p, s, n);
	return p;
}

char *xasprintf(const char *fmt, ...)
{
	char *p = NULL;
	va_list ap;
	va_start(ap, fmt);
	int n = vasprintf(&p, fmt, ap);
	va_end(ap);
	if (UNLIKELY(n < 0))
		out_of_memory(1, strlen(fmt));
	return p;
}

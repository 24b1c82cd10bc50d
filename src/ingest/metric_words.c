#include "ingest/metric_words.h"

#include <pthread.h>

#define NAME_MAX_B 256
#define HELP_MAX_B 1024
#define UNIT_MAX_B 64

struct entry {
	char *text; /* name, help, unit, one behind the other */
	size_t name, help, unit;
	uint32_t type;
};
struct metric_words {
	pthread_mutex_t lock;
	struct entry *e; /* in order of name */
	size_t n, cap, limit;
};

struct metric_words *metric_words_new(size_t limit)
{
	struct metric_words *w = xcalloc(1, sizeof(*w));

	must(pthread_mutex_init(&w->lock, NULL) == 0);
	w->limit = limit;
	return w;
}

void metric_words_free(struct metric_words **w)
{
	if (*w == NULL)
		return;
	for (size_t i = 0; i < (*w)->n; i++)
		free((*w)->e[i].text);
	free((*w)->e);
	pthread_mutex_destroy(&(*w)->lock);
	free(*w);
	*w = NULL;
}

/* Not in the middle of a letter. */
static struct str cut(struct str s, size_t most)
{
	if (s.n <= most)
		return s;
	s.n = most;
	while (s.n > 0 && ((uint8_t)s.p[s.n] & 0xc0) == 0x80)
		s.n--;
	return s;
}

static struct str name_of(const struct entry *e)
{
	return (struct str){e->text, e->name};
}

static bool place(const struct metric_words *w, struct str name, size_t *at)
{
	size_t lo = 0, hi = w->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int c = str_cmp(name_of(&w->e[mid]), name);

		if (c == 0) {
			*at = mid;
			return true;
		}
		if (c < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*at = lo;
	return false;
}

static bool same(const struct entry *e, const struct prompb_metadata *m, struct str help, struct str unit)
{
	return e->type == m->type && str_eq((struct str){e->text + e->name, e->help}, help) &&
	       str_eq((struct str){e->text + e->name + e->help, e->unit}, unit);
}

static void fill(struct entry *e, uint32_t type, struct str name, struct str help, struct str unit)
{
	char *text = xcalloc(1, name.n + help.n + unit.n + 1);

	memcpy(text, name.p, name.n);
	if (help.n > 0)
		memcpy(text + name.n, help.p, help.n);
	if (unit.n > 0)
		memcpy(text + name.n + help.n, unit.p, unit.n);
	free(e->text);
	*e = (struct entry){text, name.n, help.n, unit.n, type};
}

void metric_words_put(struct metric_words *w, const struct prompb_metadata *m)
{
	struct str help = cut(m->help, HELP_MAX_B), unit = cut(m->unit, UNIT_MAX_B);
	size_t at;

	if (m->metric.n == 0 || m->metric.n > NAME_MAX_B || memchr(m->metric.p, 0, m->metric.n) != NULL ||
	        !utf8_valid(m->metric) || !utf8_valid(help) || !utf8_valid(unit))
		return;
	pthread_mutex_lock(&w->lock);
	if (place(w, m->metric, &at)) {
		if (!same(&w->e[at], m, help, unit))
			fill(&w->e[at], m->type, m->metric, help, unit);
	} else if (w->n < w->limit) {
		w->e = xgrow(w->e, &w->cap, w->n + 1, sizeof(*w->e));
		memmove(w->e + at + 1, w->e + at, (w->n - at) * sizeof(*w->e));
		w->e[at] = (struct entry){0};
		fill(&w->e[at], m->type, m->metric, help, unit);
		w->n++;
	}
	pthread_mutex_unlock(&w->lock);
}

size_t metric_words_list(struct metric_words *w, struct arena *a, struct prompb_metadata **out)
{
	size_t n = 0;

	pthread_mutex_lock(&w->lock);
	*out = arena_array(a, w->n, sizeof(**out));
	for (; *out != NULL && n < w->n; n++) {
		const struct entry *e = &w->e[n];
		const char *text = arena_memdup(a, e->text, e->name + e->help + e->unit);

		if (text == NULL)
			break;
		(*out)[n] = (struct prompb_metadata){{text, e->name}, {text + e->name, e->help},
		        {text + e->name + e->help, e->unit}, e->type};
	}
	pthread_mutex_unlock(&w->lock);
	return n;
}

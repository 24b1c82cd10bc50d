#include "ingest/refusal.h"

#include "base/digest.h"
#include "base/log.h"
#include "base/metric.h"

#include <inttypes.h>
#include <pthread.h>

#define SLOTS (2 * REFUSAL_DEVICES) /* a power of two */
#define DEVICE_BYTES 64
#define WORDS_BYTES 192

static const struct {
	const char *name;
	enum metric_id counter;
} reasons[REFUSALS] = {
        [REFUSED_SYNTAX] = {"syntax", METRIC_INGEST_BAD_SYNTAX},
        [REFUSED_VALUE] = {"value", METRIC_INGEST_BAD_VALUE},
        [REFUSED_STATE] = {"state", METRIC_INGEST_BAD_STATE},
        [REFUSED_FUTURE] = {"future", METRIC_INGEST_BAD_FUTURE},
        [REFUSED_PAST] = {"past", METRIC_INGEST_BAD_PAST},
        [REFUSED_NAME] = {"name", METRIC_INGEST_BAD_NAME},
        [REFUSED_UTF8] = {"utf8", METRIC_INGEST_BAD_UTF8},
        [REFUSED_RIGHT] = {"right", METRIC_INGEST_BAD_RIGHT},
        [REFUSED_KEY] = {"key", METRIC_INGEST_BAD_KEY},
        [REFUSED_BUSY] = {"busy", METRIC_INGEST_BAD_BUSY},
        [REFUSED_FLOOD] = {"flood", METRIC_INGEST_BAD_FLOOD},
        [REFUSED_BODY] = {"body", METRIC_INGEST_BAD_BODY},
        [REFUSED_HISTOGRAM] = {"histogram", METRIC_INGEST_BAD_HISTOGRAM},
        [REFUSED_LIMIT] = {"limit", METRIC_INGEST_BAD_LIMIT},
};

struct entry {
	char device[DEVICE_BYTES + 1];
	int64_t n[REFUSALS], total;
	time_us first, last;
	enum refusal why;
	int line;
	char words[WORDS_BYTES];
	int shown; /* place in `shown`, -1: among the others */
};
struct shown {
	struct entry *e;
	int64_t n[REFUSALS]; /* since it has the place */
};
struct refusals {
	pthread_mutex_t lock;
	const struct clock *clock;
	struct entry *slot[SLOTS]; /* by hash of the device */
	int devices;
	struct entry others; /* devices past the limit */
	struct shown shown[REFUSAL_SHOWN];
	int shows;
	int64_t unshown[REFUSALS];
};

const char *refusal_name(enum refusal why)
{
	return reasons[why].name;
}

struct refusals *refusals_new(const struct clock *clock)
{
	struct refusals *r = xcalloc(1, sizeof(*r));

	must(pthread_mutex_init(&r->lock, NULL) == 0);
	r->clock = clock;
	r->others.shown = -1;
	snprintf(r->others.device, sizeof(r->others.device), "%s", REFUSAL_OTHERS);
	return r;
}

void refusals_free(struct refusals **r)
{
	if (*r == NULL)
		return;
	for (int i = 0; i < SLOTS; i++)
		free((*r)->slot[i]);
	pthread_mutex_destroy(&(*r)->lock);
	free(*r);
	*r = NULL;
}

static struct entry *find(struct refusals *r, const char *device, bool make)
{
	size_t n = strnlen(device, DEVICE_BYTES), i = (size_t)hash64(device, n, 0) & (SLOTS - 1);

	if (strcmp(device, REFUSAL_OTHERS) == 0)
		return &r->others;
	for (; r->slot[i] != NULL; i = (i + 1) & (SLOTS - 1))
		if (strncmp(r->slot[i]->device, device, DEVICE_BYTES) == 0)
			return r->slot[i];
	if (!make)
		return NULL;
	if (r->devices == REFUSAL_DEVICES)
		return &r->others;
	r->devices++;
	r->slot[i] = xcalloc(1, sizeof(struct entry));
	memcpy(r->slot[i]->device, device, n);
	r->slot[i]->shown = -1;
	return r->slot[i];
}

/* A device gets lines of its own while there is room, and later when it is twice as bad as the best of those
 * that have them: whose lines change hands seldom, and what they counted goes to the others, which so never
 * lose any. */
static void show(struct refusals *r, struct entry *x)
{
	int at = 0;

	if (x == &r->others)
		return;
	if (r->shows < REFUSAL_SHOWN) {
		at = r->shows++;
	} else {
		for (int i = 1; i < REFUSAL_SHOWN; i++)
			if (r->shown[i].e->total < r->shown[at].e->total)
				at = i;
		if (x->total <= 2 * r->shown[at].e->total)
			return;
		r->shown[at].e->shown = -1;
		for (int i = 0; i < REFUSALS; i++)
			r->unshown[i] += r->shown[at].n[i];
	}
	r->shown[at] = (struct shown){.e = x};
	x->shown = at;
}

void refusals_add(struct refusals *r, const char *device, enum refusal why, int line, const char *words)
{
	time_us now = clock_now(r->clock);
	struct entry *x;

	metric_add(reasons[why].counter, 1);
	LOG(INGEST_BAD, log_s("device", device), log_s("reason", reasons[why].name), log_i("line", line),
	        log_s("why", words));
	pthread_mutex_lock(&r->lock);
	x = find(r, device, true);
	x->n[why]++;
	if (x->total++ == 0)
		x->first = now;
	x->last = now;
	x->why = why;
	x->line = line;
	snprintf(x->words, sizeof(x->words), "%s", words != NULL ? words : "");
	if (x->shown < 0)
		show(r, x);
	if (x->shown >= 0)
		r->shown[x->shown].n[why]++;
	else
		r->unshown[why]++;
	pthread_mutex_unlock(&r->lock);
}

static int worse(const void *x, const void *y)
{
	const struct refused *a = x, *b = y;

	if (a->total != b->total)
		return a->total < b->total ? 1 : -1;
	return strcmp(a->device, b->device);
}

static void copy(struct arena *a, const struct entry *x, struct refused *out)
{
	*out = (struct refused){.device = arena_strdup(a, x->device),
	        .total = x->total,
	        .first = x->first,
	        .last = x->last,
	        .why = x->why,
	        .line = x->line,
	        .words = arena_strdup(a, x->words)};
	memcpy(out->n, x->n, sizeof(out->n));
}

int refusals_list(struct refusals *r, const char *device, int limit, struct arena *a, struct refused **out)
{
	int n = 0;

	pthread_mutex_lock(&r->lock);
	*out = arena_array(a, (size_t)r->devices + 1, sizeof(**out));
	if (device != NULL) {
		const struct entry *x = find(r, device, false);

		if (x != NULL && x->total > 0)
			copy(a, x, &(*out)[n++]);
	} else {
		for (int i = 0; i < SLOTS; i++)
			if (r->slot[i] != NULL)
				copy(a, r->slot[i], &(*out)[n++]);
		if (r->others.total > 0)
			copy(a, &r->others, &(*out)[n++]);
	}
	pthread_mutex_unlock(&r->lock);
	qsort(*out, (size_t)n, sizeof(**out), worse);
	return n < limit ? n : limit;
}

/* As the exposition format has it: backslash, quote and line break. */
static void write_value(struct sb *b, const char *s)
{
	for (; *s != '\0'; s++)
		if (*s == '\n')
			sb_puts(b, "\\n");
		else
			sb_printf(b, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
}

static void write_lines(struct sb *b, const char *device, const int64_t n[REFUSALS])
{
	for (int i = 0; i < REFUSALS; i++) {
		if (n[i] == 0)
			continue;
		sb_puts(b, "heming_ingest_device_refused_total{device=\"");
		write_value(b, device);
		sb_printf(b, "\",reason=\"%s\"} %" PRId64 "\n", reasons[i].name, n[i]);
	}
}

void refusals_write(struct refusals *r, struct sb *b)
{
	sb_puts(b, "# HELP heming_ingest_device_refused_total Readings, lines or packets refused, of the "
	           "devices with "
	           "most "
	           "of them; of all other devices under \"" REFUSAL_OTHERS "\".\n"
	           "# TYPE heming_ingest_device_refused_total counter\n");
	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < r->shows; i++)
		write_lines(b, r->shown[i].e->device, r->shown[i].n);
	write_lines(b, REFUSAL_OTHERS, r->unshown);
	pthread_mutex_unlock(&r->lock);
}

#include "city/health.h"
#include "base/digest.h"

#include <math.h>
#include <pthread.h>

#define JUMP (2 * US_MINUTE)  /* of the clock, against real time */
#define LOSS_SHARE (1.0 / 32) /* of the newest message in the mean */
#define SKEW_SHARE (1.0 / 8)
#define MISSED_MOST 256           /* messages of one gap */
#define SERIES_BATTERY (1u << 31) /* of a series' slot: what it measures is some kind's battery */
#define SERIES_NOBODY (SERIES_BATTERY - 1)

struct heard {
	const char *code;
	time_us seen;
	float battery, skew_s, loss; /* NaN: not known */
	int interval_s;
};

/* Of a table by the hash of a device's code; the hash stands beside the number, so that other devices' codes
 * are not looked at, and the table grows without a look at any. */
struct place {
	uint32_t device; /* number and 1; 0: free */
	uint32_t hash;
};

const char *const health_flag_name[HEALTH_FLAGS] = {"never", "silent", "low_battery", "skewed", "lossy"};

struct health {
	struct registry *registry;
	const struct catalog *catalog;
	const struct clock *clock;
	struct series_db *series;
	pthread_mutex_t lock; /* all that follows */
	uint64_t version;     /* of the registry that the intervals come from */
	struct heard *device;
	size_t devices, cap;
	struct place *bucket;
	size_t buckets; /* a power of two */
	uint32_t *slot; /* by series id: number of its device and 1, or SERIES_NOBODY; 0: not looked yet */
	size_t slots;
	struct arena *codes, *temp;
	time_us since; /* silence counts from here */
	time_us ticked;
	dur_us ticked_real;
};

struct health *health_new(struct registry *r, const struct catalog *c, const struct clock *clock)
{
	struct health *h = xcalloc(1, sizeof(*h));

	must(pthread_mutex_init(&h->lock, NULL) == 0);
	h->registry = r;
	h->catalog = c;
	h->clock = clock;
	h->codes = arena_new(0);
	h->temp = arena_new(0);
	h->buckets = 1024;
	h->bucket = xcalloc(h->buckets, sizeof(*h->bucket));
	h->since = h->ticked = clock_now(clock);
	h->ticked_real = clock_monotonic();
	h->version = registry_version(r);
	return h;
}

void health_free(struct health **health)
{
	struct health *h = *health;

	if (h == NULL)
		return;
	free(h->device);
	free(h->bucket);
	free(h->slot);
	arena_free(&h->codes);
	arena_free(&h->temp);
	pthread_mutex_destroy(&h->lock);
	free(h);
	*health = NULL;
}

/* ---- devices ---- */

static uint32_t hash_of(struct str code)
{
	return (uint32_t)hash64(code.p, code.n, 0);
}

static struct place *place_of(struct health *h, struct str code, uint32_t hash)
{
	size_t at = hash & (h->buckets - 1);

	while (h->bucket[at].device != 0 &&
	        (h->bucket[at].hash != hash || !str_is(code, h->device[h->bucket[at].device - 1].code)))
		at = (at + 1) & (h->buckets - 1);
	return &h->bucket[at];
}

static void grow_buckets(struct health *h)
{
	struct place *old = h->bucket;
	size_t n = h->buckets;

	h->buckets *= 2;
	h->bucket = xcalloc(h->buckets, sizeof(*h->bucket));
	for (size_t i = 0; i < n; i++) {
		size_t at = old[i].hash & (h->buckets - 1);

		if (old[i].device == 0)
			continue;
		while (h->bucket[at].device != 0)
			at = (at + 1) & (h->buckets - 1);
		h->bucket[at] = old[i];
	}
	free(old);
}

static int interval_of(struct health *h, struct str code)
{
	const struct snapshot *s = registry_hold(h->registry);
	const struct thing *t = snapshot_thing(s, code);
	const struct kind *k = t != NULL ? catalog_kind(h->catalog, t->kind) : NULL;

	registry_release(h->registry, s);
	return k != NULL ? k->interval_s : 0;
}

/* Made if new. */
static uint32_t device_of(struct health *h, struct str code)
{
	uint32_t hash = hash_of(code);
	struct place *place = place_of(h, code, hash);

	if (place->device != 0)
		return place->device;
	h->device = xgrow(h->device, &h->cap, h->devices + 1, sizeof(*h->device));
	h->device[h->devices++] = (struct heard){.code = arena_strndup(h->codes, code.p, code.n),
	        .seen = TIME_NONE,
	        .battery = NAN,
	        .skew_s = NAN,
	        .loss = NAN,
	        .interval_s = interval_of(h, code)};
	*place = (struct place){(uint32_t)h->devices, hash};
	if (2 * h->devices > h->buckets)
		grow_buckets(h);
	return (uint32_t)h->devices;
}

static bool is_battery(const struct catalog *c, struct str metric)
{
	for (int i = 0; i < c->kinds; i++)
		if (*c->kind[i].battery != '\0' && str_is(metric, c->kind[i].battery))
			return true;
	return false;
}

static uint32_t slot_of(struct health *h, series_id id)
{
	uint32_t *slot;

	if (id.v >= h->slots) {
		size_t n = h->slots > 0 ? h->slots : 1024;

		while (n <= id.v)
			n *= 2;
		h->slot = xrealloc(h->slot, n * sizeof(*h->slot));
		memset(h->slot + h->slots, 0, (n - h->slots) * sizeof(*h->slot));
		h->slots = n;
	}
	slot = &h->slot[id.v];
	if (*slot == 0) {
		struct labels ls = series_labels(h->series, id, h->temp);
		struct str code = labels_get(&ls, "thing");

		*slot = code.n == 0 ? SERIES_NOBODY : device_of(h, code);
		if (code.n > 0 && is_battery(h->catalog, labels_get(&ls, LABEL_NAME)))
			*slot |= SERIES_BATTERY;
		arena_reset(h->temp);
	}
	return *slot;
}

/* ---- what arrives ---- */

static void count_loss(struct heard *d, time_us t, time_us since)
{
	dur_us each = d->interval_s * US_SECOND, gap = each;
	int missed;

	if (each == 0)
		return;
	if (d->seen != TIME_NONE && t - d->seen < each / 2)
		return; /* another part of the same message */
	if (isnan(d->loss))
		d->loss = 0;
	if (d->seen != TIME_NONE && d->seen >= since) /* before, nobody listened */
		gap = t - d->seen;
	missed = gap > MISSED_MOST * each ? MISSED_MOST : (int)llround((double)gap / (double)each) - 1;
	for (int i = 0; i < missed; i++)
		d->loss += (float)((1 - (double)d->loss) * LOSS_SHARE);
	d->loss -= (float)((double)d->loss * LOSS_SHARE);
}

static void hear(struct health *h, const struct series_point *p, time_us now)
{
	uint32_t slot = slot_of(h, p->id);
	struct heard *d;
	double ahead = (double)(p->t - now) / 1e6;

	if ((slot & ~SERIES_BATTERY) == SERIES_NOBODY)
		return;
	d = &h->device[(slot & ~SERIES_BATTERY) - 1];
	if ((slot & SERIES_BATTERY) != 0 && (d->seen == TIME_NONE || p->t >= d->seen) && !isnan(p->v))
		d->battery = (float)p->v;
	if (d->seen != TIME_NONE && p->t <= d->seen)
		return;
	d->skew_s = (float)(isnan(d->skew_s) ? ahead
	                                     : (double)d->skew_s + (ahead - (double)d->skew_s) * SKEW_SHARE);
	count_loss(d, p->t, h->since);
	d->seen = p->t;
}

/* Things became others' kinds, or known. */
static void follow_registry(struct health *h)
{
	struct arena *a = arena_new(0);
	struct registry_changes x = {0};

	if (registry_changes(h->registry, h->version, a, &x)) {
		for (int i = 0; i < x.n; i++) {
			uint32_t n = place_of(h, str_of(x.code[i]), hash_of(str_of(x.code[i])))->device;

			if (n != 0)
				h->device[n - 1].interval_s = interval_of(h, str_of(x.code[i]));
		}
	} else {
		for (size_t i = 0; i < h->devices; i++)
			h->device[i].interval_s = interval_of(h, str_of(h->device[i].code));
	}
	h->version = x.version;
	arena_free(&a);
}

void health_observe(struct health *h, const struct series_point *p, size_t n, bool replay)
{
	time_us now;

	if (replay || h->series == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	now = clock_now(h->clock);
	if (registry_version(h->registry) != h->version)
		follow_registry(h);
	for (size_t i = 0; i < n; i++)
		hear(h, &p[i], now);
	pthread_mutex_unlock(&h->lock);
}

void health_begin(struct health *h, struct series_db *db)
{
	uint32_t last = series_last_id(db);

	pthread_mutex_lock(&h->lock);
	h->series = db;
	for (uint32_t id = 1; id <= last && id != 0; id++) {
		struct heard *d;
		uint32_t slot;
		time_us t;
		double v;

		if (!series_latest(db, (series_id){id}, &t, &v))
			continue;
		slot = slot_of(h, (series_id){id});
		if ((slot & ~SERIES_BATTERY) == SERIES_NOBODY)
			continue;
		d = &h->device[(slot & ~SERIES_BATTERY) - 1];
		if (d->seen == TIME_NONE || t > d->seen)
			d->seen = t;
		if ((slot & SERIES_BATTERY) != 0 && !isnan(v))
			d->battery = (float)v;
	}
	pthread_mutex_unlock(&h->lock);
}

/* ---- silence ---- */

void health_tick(struct health *h)
{
	time_us now = clock_now(h->clock);
	dur_us real = clock_monotonic(), off;

	pthread_mutex_lock(&h->lock);
	off = (now - h->ticked) - (real - h->ticked_real);
	if (off > JUMP || off < -JUMP)
		h->since = now;
	h->ticked = now;
	h->ticked_real = real;
	pthread_mutex_unlock(&h->lock);
}

time_us health_listening(struct health *h)
{
	time_us since;

	pthread_mutex_lock(&h->lock);
	since = h->since;
	pthread_mutex_unlock(&h->lock);
	return since;
}

/* ---- asking ---- */

static unsigned judge(const struct thing_health *x, const struct kind *k, time_us since, time_us now)
{
	dur_us quiet = x->interval_s > 0 ? 3 * x->interval_s * US_SECOND : HEALTH_SILENT_AFTER;
	time_us from = x->seen > since ? x->seen : since;
	unsigned flags = 0;

	if (x->reports && x->seen == TIME_NONE)
		flags |= HEALTH_NEVER;
	else if (x->reports && now - from > quiet)
		flags |= HEALTH_SILENT;
	if (x->battery < (k != NULL && !isnan(k->battery_low) ? k->battery_low : HEALTH_BATTERY_LOW))
		flags |= HEALTH_LOW;
	if (fabs(x->skew_s) > HEALTH_SKEW_S)
		flags |= HEALTH_SKEWED;
	if (x->loss > HEALTH_LOSS)
		flags |= HEALTH_LOSSY;
	return flags;
}

/* The lock is held. */
static bool fill(struct health *h, struct str code, struct thing_health *out)
{
	uint32_t n = place_of(h, code, hash_of(code))->device;
	const struct heard *d = n != 0 ? &h->device[n - 1] : NULL;

	*out = (struct thing_health){.seen = TIME_NONE, .battery = NAN, .skew_s = NAN, .loss = NAN};
	if (d == NULL || d->seen == TIME_NONE)
		return false;
	*out = (struct thing_health){.reports = true,
	        .seen = d->seen,
	        .battery = (double)d->battery,
	        .skew_s = (double)d->skew_s,
	        .loss = (double)d->loss,
	        .interval_s = d->interval_s};
	return true;
}

void health_of(struct health *h, const struct thing *t, time_us now, struct thing_health *out)
{
	const struct kind *k = catalog_kind(h->catalog, t->kind);
	time_us since;

	pthread_mutex_lock(&h->lock);
	(void)fill(h, str_of(t->code), out);
	since = h->since;
	pthread_mutex_unlock(&h->lock);
	out->reports = out->reports || (k != NULL && k->quantities > 0);
	out->interval_s = k != NULL ? k->interval_s : 0;
	if (k == NULL || *k->battery == '\0')
		out->battery = NAN;
	out->flags = judge(out, k, since, now);
}

bool health_of_code(struct health *h, struct str code, struct thing_health *out)
{
	bool heard;
	time_us since, now = clock_now(h->clock);

	pthread_mutex_lock(&h->lock);
	heard = fill(h, code, out);
	since = h->since;
	pthread_mutex_unlock(&h->lock);
	out->flags = judge(out, NULL, since, now);
	return heard;
}

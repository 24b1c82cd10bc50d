#include "city/health.h"
#include "base/digest.h"
#include "base/intern.h"

#include <math.h>
#include <pthread.h>

#define JUMP (2 * US_MINUTE)  /* of the clock, against real time */
#define LOSS_SHARE (1.0 / 32) /* of the newest message in the mean */
#define SKEW_SHARE (1.0 / 8)
#define MISSED_MOST 256           /* messages of one gap */
#define SERIES_BATTERY (1u << 31) /* of a series' slot: what it measures is some kind's battery */
#define SERIES_NOBODY (SERIES_BATTERY - 1)
#define MET_AT_ONCE 256 /* new series */
#define NO_GROUP UINT32_MAX
#define COUNTED (1u << HEALTH_FLAGS) /* beside the flags: its group's tallies hold it */
#define CHANGES_KEPT 65536           /* devices that health_changes remembers, a power of two */
#define AHEAD 100                    /* one device of so many may have a clock that is ahead */

struct heard {
	const char *code;
	time_us seen;
	time_us due;                 /* of its entry in the queue; TIME_NONE: it has none */
	float battery, skew_s, loss; /* NaN: not known */
	int interval_s;
	uint32_t group; /* NO_GROUP: the registry does not know it */
};

struct group {
	struct health_group sum; /* first */
	const struct kind *kind; /* NULL if the catalog has none */
};
struct group_key { /* texts of the registry: the same text is the same pointer */
	const char *kind, *state, *org, *region;
};

struct due { /* a device will have been silent for too long after `t`; another one of it may hold by now */
	time_us t;
	uint32_t device;
};

/* Of a table by the hash of a device's code; the hash stands beside the number, so that other devices' codes
 * are not looked at, and the table grows without a look at any. */
struct place {
	uint32_t device; /* number and 1; 0: free */
	uint32_t hash;
};

const char *const health_flag_name[HEALTH_FLAGS] = {"never", "silent", "low_battery", "skewed", "lossy"};

unsigned health_flag_of(struct str name)
{
	for (unsigned i = 0; i < HEALTH_FLAGS; i++)
		if (str_is(name, health_flag_name[i]))
			return 1u << i;
	return 0;
}

struct health {
	struct registry *registry;
	const struct catalog *catalog;
	const struct clock *clock;
	struct series_db *series;
	pthread_mutex_t lock; /* all that follows */
	uint64_t version;     /* of the registry that groups and intervals come from */
	struct heard *device;
	uint8_t *flag; /* by number of device: its flags, and COUNTED */
	size_t devices, cap, flag_cap;
	struct place *bucket;
	size_t buckets; /* a power of two */
	uint32_t *slot; /* by series id: number of its device and 1, or SERIES_NOBODY; 0: not looked yet */
	size_t slots;
	struct arena *codes, *temp;
	struct intern keys; /* of the groups */
	struct group *group;
	size_t group_cap;
	struct due *due; /* a heap, the earliest first */
	size_t dues, due_cap;
	uint32_t *change; /* a ring of devices */
	uint64_t changes; /* that there ever were */
	time_us since;    /* silence counts from here */
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
	h->change = xcalloc(CHANGES_KEPT, sizeof(*h->change));
	h->since = h->ticked = clock_now(clock);
	h->ticked_real = clock_monotonic();
	return h;
}

void health_free(struct health **health)
{
	struct health *h = *health;

	if (h == NULL)
		return;
	free(h->device);
	free(h->flag);
	free(h->bucket);
	free(h->slot);
	free(h->group);
	free(h->due);
	free(h->change);
	intern_fini(&h->keys);
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

/* Its number, or -1. */
static int64_t find_device(struct health *h, struct str code)
{
	return (int64_t)place_of(h, code, hash_of(code))->device - 1;
}

/* Made if new; the registry is not asked. */
static uint32_t device_of(struct health *h, struct str code)
{
	uint32_t hash = hash_of(code);
	struct place *place = place_of(h, code, hash);

	if (place->device != 0)
		return place->device - 1;
	h->device = xgrow(h->device, &h->cap, h->devices + 1, sizeof(*h->device));
	h->flag = xgrow(h->flag, &h->flag_cap, h->devices + 1, sizeof(*h->flag));
	h->device[h->devices] = (struct heard){.code = arena_strndup(h->codes, code.p, code.n),
	        .seen = TIME_NONE,
	        .due = TIME_NONE,
	        .battery = NAN,
	        .skew_s = NAN,
	        .loss = NAN,
	        .group = NO_GROUP};
	h->flag[h->devices++] = 0;
	*place = (struct place){(uint32_t)h->devices, hash};
	if (2 * h->devices > h->buckets)
		grow_buckets(h);
	return (uint32_t)h->devices - 1;
}

/* ---- the queue ---- */

static void put_due(struct health *h, time_us t, uint32_t device)
{
	size_t at = h->dues++;

	h->due = xgrow(h->due, &h->due_cap, h->dues, sizeof(*h->due));
	while (at > 0 && h->due[(at - 1) / 2].t > t) {
		h->due[at] = h->due[(at - 1) / 2];
		at = (at - 1) / 2;
	}
	h->due[at] = (struct due){t, device};
	h->device[device].due = t;
}

static struct due take_due(struct health *h)
{
	struct due first = h->due[0], last = h->due[--h->dues];
	size_t at = 0, next;

	while ((next = 2 * at + 1) < h->dues) {
		next += next + 1 < h->dues && h->due[next + 1].t < h->due[next].t;
		if (h->due[next].t >= last.t)
			break;
		h->due[at] = h->due[next];
		at = next;
	}
	h->due[at] = last;
	return first;
}

/* ---- flags ---- */

static dur_us patience(const struct heard *d)
{
	return d->interval_s > 0 ? 3 * d->interval_s * US_SECOND : HEALTH_SILENT_AFTER;
}

static const struct kind *kind_of(const struct health *h, const struct heard *d)
{
	return d->group != NO_GROUP ? h->group[d->group].kind : NULL;
}

static double battery_of(const struct health *h, const struct heard *d)
{
	const struct kind *k = kind_of(h, d);

	return d->group == NO_GROUP || (k != NULL && *k->battery != '\0') ? (double)d->battery : NAN;
}

static bool reports(const struct health *h, const struct heard *d)
{
	const struct kind *k = kind_of(h, d);

	return d->seen != TIME_NONE || (k != NULL && k->quantities > 0);
}

static unsigned judge(const struct health *h, const struct heard *d, bool was_silent, time_us now)
{
	const struct kind *k = kind_of(h, d);
	double low = k != NULL && !isnan(k->battery_low) ? k->battery_low : HEALTH_BATTERY_LOW;
	time_us from = d->seen > h->since ? d->seen : h->since;
	unsigned flags = 0;

	if (!reports(h, d))
		return 0;
	if (d->group != NO_GROUP)
		flags |= COUNTED;
	if (d->seen == TIME_NONE)
		flags |= HEALTH_NEVER;
	else if (now - from > patience(d) || (was_silent && now - d->seen > patience(d)))
		flags |= HEALTH_SILENT;
	if (battery_of(h, d) < low)
		flags |= HEALTH_LOW;
	if (fabs((double)d->skew_s) > HEALTH_SKEW_S)
		flags |= HEALTH_SKEWED;
	if ((double)d->loss > HEALTH_LOSS)
		flags |= HEALTH_LOSSY;
	return flags;
}

static void tally(struct health *h, const struct heard *d, unsigned flags, int by)
{
	struct health_group *g;

	if ((flags & COUNTED) == 0)
		return;
	g = &h->group[d->group].sum;
	g->things += by;
	for (int i = 0; i < HEALTH_FLAGS; i++)
		g->flag[i] += (flags & (1u << i)) != 0 ? by : 0;
}

static void set_flags(struct health *h, uint32_t no, unsigned flags)
{
	unsigned was = h->flag[no];

	if (was == flags)
		return;
	tally(h, &h->device[no], was, -1);
	tally(h, &h->device[no], flags, 1);
	h->flag[no] = (uint8_t)flags;
	if (((was ^ flags) & ~COUNTED) != 0)
		h->change[h->changes++ & (CHANGES_KEPT - 1)] = no;
}

/* After whatever they depend on has changed. */
static void look_at(struct health *h, uint32_t no, time_us now)
{
	struct heard *d = &h->device[no];
	unsigned flags = judge(h, d, (h->flag[no] & HEALTH_SILENT) != 0, now);
	time_us end;

	set_flags(h, no, flags);
	if (d->seen == TIME_NONE || (flags & HEALTH_SILENT) != 0)
		return;
	/* An entry that comes too early is put off when its time has come: most devices speak before. */
	end = (d->seen > h->since ? d->seen : h->since) + patience(d);
	if (d->due == TIME_NONE || end < d->due)
		put_due(h, end, no);
}

/* ---- what the registry says ---- */

static uint32_t group_of(struct health *h, const struct thing *t)
{
	const struct group_key key = {t->kind, t->state, t->org, t->region};
	uint32_t known = h->keys.n, no = intern(&h->keys, (struct str){(const char *)&key, sizeof(key)});

	if (no == known) {
		h->group = xgrow(h->group, &h->group_cap, (size_t)no + 1, sizeof(*h->group));
		h->group[no] = (struct group){.sum = {.kind = t->kind,
		                                      .state = t->state,
		                                      .org = t->org,
		                                      .region = t->region,
		                                      .unit = t->unit_region},
		        .kind = catalog_kind(h->catalog, t->kind)};
	}
	return no;
}

/* A thing (NULL: none) is what the device with its code belongs to. */
static void join(struct health *h, uint32_t no, const struct thing *t)
{
	struct heard *d = &h->device[no];

	tally(h, d, h->flag[no], -1);
	h->flag[no] &= (uint8_t)~COUNTED;
	d->group = t != NULL ? group_of(h, t) : NO_GROUP;
	d->interval_s = t != NULL ? thing_interval_s(h->catalog, t) : 0;
}

/* Nobody asks about who does not and need not report: none is made for such a thing. */
static int64_t device_for(struct health *h, const struct thing *t)
{
	const struct kind *k = catalog_kind(h->catalog, t->kind);

	return k != NULL && k->quantities > 0 ? (int64_t)device_of(h, str_of(t->code))
	                                      : find_device(h, str_of(t->code));
}

static void follow_all(struct health *h, const struct snapshot *s, time_us now)
{
	struct thing_walk w = thing_map_walk(s->things, NULL);
	const struct thing *t;

	/* Groups are made anew: regions may lie in other units by now. */
	for (size_t i = 0; i < h->devices; i++)
		join(h, (uint32_t)i, NULL);
	intern_reset(&h->keys);
	while ((t = thing_next(&w)) != NULL) {
		int64_t no = device_for(h, t);

		if (no >= 0)
			join(h, (uint32_t)no, t);
	}
	for (size_t i = 0; i < h->devices; i++)
		look_at(h, (uint32_t)i, now);
}

static void follow_one(struct health *h, const struct snapshot *s, const char *code, time_us now)
{
	const struct thing *t = snapshot_thing(s, str_of(code));
	int64_t no = t != NULL ? device_for(h, t) : find_device(h, str_of(code));

	if (no < 0)
		return;
	join(h, (uint32_t)no, t);
	look_at(h, (uint32_t)no, now);
}

static void follow_registry(struct health *h, time_us now)
{
	struct arena *a = arena_new(0);
	struct registry_changes x = {0};
	bool known = registry_changes(h->registry, h->version, a, &x);
	const struct snapshot *s = registry_hold(h->registry);

	for (int i = 0; known && i < x.n; i++)
		follow_one(h, s, x.code[i], now);
	if (!known)
		follow_all(h, s, now);
	/* The snapshot may be newer than the changes: what it has beyond them comes once more. */
	h->version = x.version;
	registry_release(h->registry, s);
	arena_free(&a);
}

/* ---- what time says ---- */

/* All is as of now. */
static time_us keep_up(struct health *h)
{
	time_us now = clock_now(h->clock);
	dur_us real = clock_monotonic(), off = (now - h->ticked) - (real - h->ticked_real);

	if (off > JUMP || off < -JUMP)
		h->since = now;
	h->ticked = now;
	h->ticked_real = real;
	if (registry_version(h->registry) != h->version)
		follow_registry(h, now);
	while (h->dues > 0 && h->due[0].t < now) {
		struct due x = take_due(h);

		if (h->device[x.device].due != x.t)
			continue;
		h->device[x.device].due = TIME_NONE;
		look_at(h, x.device, now);
	}
	return now;
}

void health_tick(struct health *h)
{
	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	pthread_mutex_unlock(&h->lock);
}

time_us health_listening(struct health *h)
{
	time_us since;

	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	since = h->since;
	pthread_mutex_unlock(&h->lock);
	return since;
}

/* ---- what arrives ---- */

static bool is_battery(const struct catalog *c, struct str metric)
{
	for (int i = 0; i < c->kinds; i++)
		if (*c->kind[i].battery != '\0' && str_is(metric, c->kind[i].battery))
			return true;
	return false;
}

static uint32_t sender_of(struct health *h, struct str code)
{
	bool known = find_device(h, code) >= 0;
	uint32_t no = device_of(h, code);
	const struct snapshot *s;
	const struct thing *t;

	if (known)
		return no;
	s = registry_hold(h->registry);
	t = snapshot_thing(s, code);
	if (t != NULL)
		join(h, no, t);
	registry_release(h->registry, s);
	return no;
}

static uint32_t *slot_of(struct health *h, series_id id)
{
	if (id.v >= h->slots) {
		size_t n = h->slots > 0 ? h->slots : 1024;

		while (n <= id.v)
			n *= 2;
		h->slot = xrealloc(h->slot, n * sizeof(*h->slot));
		memset(h->slot + h->slots, 0, (n - h->slots) * sizeof(*h->slot));
		h->slots = n;
	}
	return &h->slot[id.v];
}

/* Whose series these are, which were not heard of before. */
static void meet(struct health *h, const series_id *id, size_t n)
{
	static const char *const name[] = {"thing", LABEL_NAME};
	struct str value[MET_AT_ONCE * ARRAY_LEN(name)];

	must(n <= MET_AT_ONCE);
	series_values(h->series, id, n, name, ARRAY_LEN(name), h->temp, value);
	for (size_t i = 0; i < n; i++) {
		struct str code = value[i * ARRAY_LEN(name)], metric = value[i * ARRAY_LEN(name) + 1];
		uint32_t *slot = slot_of(h, id[i]);

		*slot = code.n == 0 ? SERIES_NOBODY : sender_of(h, code) + 1;
		if (code.n > 0 && is_battery(h->catalog, metric))
			*slot |= SERIES_BATTERY;
	}
	arena_reset(h->temp);
}

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
	uint32_t slot = *slot_of(h, p->id), no = (slot & ~SERIES_BATTERY) - 1;
	struct heard *d;
	double ahead = (double)(p->t - now) / 1e6;

	if ((slot & ~SERIES_BATTERY) == SERIES_NOBODY)
		return;
	d = &h->device[no];
	if ((slot & SERIES_BATTERY) != 0 && (d->seen == TIME_NONE || p->t >= d->seen) && !isnan(p->v))
		d->battery = (float)p->v;
	if (d->seen == TIME_NONE || p->t > d->seen) {
		d->skew_s = (float)(isnan(d->skew_s)
		                            ? ahead
		                            : (double)d->skew_s + (ahead - (double)d->skew_s) * SKEW_SHARE);
		count_loss(d, p->t, h->since);
		d->seen = p->t;
	}
	look_at(h, no, now);
}

static void meet_new(struct health *h, const struct series_point *p, size_t n)
{
	series_id id[MET_AT_ONCE];
	size_t met = 0;

	for (size_t i = 0; i < n; i++) {
		if (LIKELY(*slot_of(h, p[i].id) != 0))
			continue;
		id[met++] = p[i].id;
		if (met == MET_AT_ONCE) {
			meet(h, id, met);
			met = 0;
		}
	}
	if (met > 0)
		meet(h, id, met);
}

void health_observe(struct health *h, const struct series_point *p, size_t n, bool replay)
{
	time_us now;

	if (replay || h->series == NULL)
		return;
	pthread_mutex_lock(&h->lock);
	now = keep_up(h);
	meet_new(h, p, n);
	for (size_t i = 0; i < n; i++)
		hear(h, &p[i], now);
	pthread_mutex_unlock(&h->lock);
}

/* ---- the start ---- */

static void remember_series(struct health *h, const struct series_point *p)
{
	uint32_t slot = *slot_of(h, p->id);
	struct heard *d;

	if ((slot & ~SERIES_BATTERY) == SERIES_NOBODY)
		return;
	d = &h->device[(slot & ~SERIES_BATTERY) - 1];
	if (d->seen == TIME_NONE || p->t > d->seen)
		d->seen = p->t;
	if ((slot & SERIES_BATTERY) != 0 && !isnan(p->v))
		d->battery = (float)p->v;
}

/* Series from `first` on, n of them. */
static void remember_some(struct health *h, uint32_t first, size_t n)
{
	series_id id[MET_AT_ONCE];
	struct series_point p[MET_AT_ONCE];
	size_t heard = 0;

	must(n <= MET_AT_ONCE);
	for (size_t i = 0; i < n; i++)
		id[i] = (series_id){first + (uint32_t)i};
	series_latest_many(h->series, id, n, p);
	for (size_t i = 0; i < n; i++)
		if (p[i].t != TIME_NONE)
			p[heard++] = p[i];
	meet_new(h, p, heard);
	for (size_t i = 0; i < heard; i++)
		remember_series(h, &p[i]);
}

static int newest_first(const void *a, const void *b)
{
	const time_us *x = a, *y = b;

	return (*x < *y) - (*x > *y);
}

/* When the program before this one listened last, by what came to it. */
static time_us listened_until(const struct health *h)
{
	time_us *t = xcalloc(h->devices + 1, sizeof(*t)), until = TIME_NONE;
	size_t n = 0;

	for (size_t i = 0; i < h->devices; i++)
		if (h->device[i].seen != TIME_NONE && h->device[i].seen <= h->since)
			t[n++] = h->device[i].seen;
	qsort(t, n, sizeof(*t), newest_first);
	if (n > 0)
		until = t[n / AHEAD];
	free(t);
	return until;
}

void health_begin(struct health *h, struct series_db *db)
{
	uint32_t last = series_last_id(db);
	time_us until;

	pthread_mutex_lock(&h->lock);
	h->series = db;
	(void)keep_up(h);
	for (uint32_t id = 1; id <= last; id += MET_AT_ONCE)
		remember_some(h, id, last - id < MET_AT_ONCE ? last - id + 1 : MET_AT_ONCE);
	until = listened_until(h);
	for (size_t i = 0; i < h->devices; i++) {
		const struct heard *d = &h->device[i];

		if (d->seen != TIME_NONE && until - d->seen > patience(d))
			set_flags(h, (uint32_t)i, h->flag[i] | HEALTH_SILENT);
		look_at(h, (uint32_t)i, h->ticked);
	}
	pthread_mutex_unlock(&h->lock);
}

/* ---- asking ---- */

bool health_of(struct health *h, struct str code, struct thing_health *out)
{
	int64_t no;

	*out = (struct thing_health){.seen = TIME_NONE, .battery = NAN, .skew_s = NAN, .loss = NAN};
	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	no = find_device(h, code);
	if (no >= 0) {
		const struct heard *d = &h->device[no];

		*out = (struct thing_health){.reports = reports(h, d),
		        .seen = d->seen,
		        .battery = battery_of(h, d),
		        .skew_s = (double)d->skew_s,
		        .loss = (double)d->loss,
		        .interval_s = d->interval_s,
		        .flags = h->flag[no] & ~COUNTED};
	}
	pthread_mutex_unlock(&h->lock);
	return out->reports;
}

void health_groups(struct health *h, void (*each)(void *ctx, const struct health_group *g), void *ctx)
{
	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	for (uint32_t i = 0; i < h->keys.n; i++)
		if (h->group[i].sum.things > 0)
			each(ctx, &h->group[i].sum);
	pthread_mutex_unlock(&h->lock);
}

static bool has(const struct health *h, size_t no, unsigned flags)
{
	return (h->flag[no] & COUNTED) != 0 && (h->flag[no] & flags) != 0;
}

int health_each(struct health *h, unsigned flags,
        int (*each)(void *ctx, const char *code, const struct health_group *g, unsigned has), void *ctx)
{
	int rc = 0;

	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	for (size_t i = 0; rc >= 0 && i < h->devices; i++)
		if (has(h, i, flags))
			rc = each(ctx, h->device[i].code, &h->group[h->device[i].group].sum,
			        h->flag[i] & ~COUNTED);
	pthread_mutex_unlock(&h->lock);
	return rc < 0 ? rc : 0;
}

static int by_code(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

bool health_flagged(
        struct health *h, unsigned flags, size_t most, struct arena *a, const char ***code, size_t *n)
{
	size_t all = 0;

	*n = 0;
	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	for (size_t i = 0; i < h->devices; i++)
		all += has(h, i, flags);
	*code = all <= most ? arena_array(a, all + 1, sizeof(**code)) : NULL;
	if (*code != NULL)
		for (size_t i = 0; i < h->devices; i++)
			if (has(h, i, flags))
				(*code)[(*n)++] = h->device[i].code;
	pthread_mutex_unlock(&h->lock);
	if (*n > 0)
		qsort((void *)*code, *n, sizeof(**code), by_code);
	return *code != NULL;
}

uint64_t health_version(struct health *h)
{
	uint64_t version;

	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	version = h->changes;
	pthread_mutex_unlock(&h->lock);
	return version;
}

bool health_changes(struct health *h, uint64_t since, struct arena *a, struct health_change **out, size_t *n,
        uint64_t *version)
{
	bool known;

	*n = 0;
	pthread_mutex_lock(&h->lock);
	(void)keep_up(h);
	*version = h->changes;
	known = since <= h->changes && h->changes - since <= CHANGES_KEPT;
	if (known)
		*out = arena_array(a, (size_t)(h->changes - since) + 1, sizeof(**out));
	for (; known && since < h->changes; since++) {
		uint32_t no = h->change[since & (CHANGES_KEPT - 1)];

		(*out)[(*n)++] = (struct health_change){h->device[no].code, h->flag[no] & ~COUNTED};
	}
	pthread_mutex_unlock(&h->lock);
	return known;
}

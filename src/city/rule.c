/* The rules thread: what is due, in which order, and how others wait for it. */
#include "city/rule.h"

#include "base/log.h"
#include "base/thread.h"
#include "city/flow_start.h"
#include "city/health.h"
#include "city/rule_int.h"

#define QUEUE_MAX ((size_t)1 << 18)
#define TIMERS_AT_ONCE 200
#define WAIT_MAX US_SECOND /* timers that others set are seen this soon */
#define LEASE_TTL (15 * US_SECOND)
#define LEASE_RENEW (5 * US_SECOND)

/* FNV-1a of the group: groups of one interval are spread over it, and stay where they are. */
static dur_us offset_of(const struct alert_rule *x)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (const char *p = x->file; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	for (const char *p = x->group; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
	return (dur_us)(h % (uint64_t)x->interval);
}

/* The first instant of the group's grid after `now`; missed ones are not made up for. */
static time_us next_after(const struct alert_rule *x, time_us now)
{
	time_us base = now - now % x->interval + offset_of(x);

	while (base <= now)
		base += x->interval;
	while (base - x->interval > now)
		base -= x->interval;
	return base;
}

static dur_us interval_of(const struct alert_rule *x)
{
	return x->interval > 0 ? x->interval : 15 * US_SECOND;
}

int rules_new(struct site *s, struct rules **out, struct err *e)
{
	struct rules *r = xcalloc(1, sizeof(*r));
	int rc;

	r->s = s;
	must(pthread_mutex_init(&r->lock, NULL) == 0);
	must(pthread_cond_init(&r->settled, NULL) == 0);
	r->q = queue_new(QUEUE_MAX);
	r->state = xcalloc((size_t)s->catalog->rules + 1, sizeof(*r->state));
	for (int i = 0; i < s->catalog->rules; i++) {
		s->catalog->rule[i].interval = interval_of(&s->catalog->rule[i]);
		r->state[i].next = next_after(&s->catalog->rule[i], clock_now(s->clock));
		r->state[i].last_eval = TIME_NONE;
	}
	r->push = push__new(r);
	rc = alerts__load(r, e);
	if (rc < 0)
		rules_free(&r);
	*out = r;
	return rc;
}

static void drop_messages(struct rules *r)
{
	struct queue_node *n = queue_take_all(r->q, 0);

	while (n != NULL) {
		struct queue_node *next = n->next;

		free(CONTAINER_OF(n, struct push_message, node));
		n = next;
	}
}

void rules_free(struct rules **rules)
{
	struct rules *r = *rules;

	if (r == NULL)
		return;
	*rules = NULL;
	rules_stop(r);
	push__free(&r->push);
	queue_close(r->q);
	drop_messages(r);
	queue_free(&r->q);
	alerts__free(&r->alerts);
	free(r->state);
	pthread_cond_destroy(&r->settled);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- one round ---- */

static void take_messages(struct rules *r, time_us now)
{
	struct queue_node *n = queue_take_all(r->q, 0);

	while (n != NULL) {
		struct push_message *m = CONTAINER_OF(n, struct push_message, node);

		n = n->next;
		alerts__push(r, m, now);
		free(m);
	}
}

static time_us evaluate_due(struct rules *r, time_us now)
{
	time_us next = INT64_MAX;

	for (int i = 0; i < r->s->catalog->rules; i++) {
		if (r->state[i].next <= now) {
			if (r->s->series != NULL &&
			        now - health_listening(r->s->health) >= r->s->catalog->rule[i].after_gap)
				alerts__evaluate(r, i, now);
			r->state[i].next = next_after(&r->s->catalog->rule[i], now);
		}
		if (r->state[i].next < next)
			next = r->state[i].next;
	}
	return next;
}

/* Where several copies share a store, one of them runs the timers. */
static bool leads(struct rules *r)
{
	dur_us now = clock_monotonic();
	struct err e = ERR_INIT;

	if (strcmp(store_backend(r->s->store), "postgres") != 0)
		return true;
	if (r->lease_asked != 0 && now - r->lease_asked < (r->leads ? LEASE_RENEW : US_SECOND))
		return r->leads;
	r->lease_asked = now;
	if (store_lease(r->s->store, "rules", LEASE_TTL, &r->leads, &e) < 0)
		r->leads = false;
	return r->leads;
}

static void sooner(time_us *next, time_us at)
{
	if (at != TIME_NONE && at < *next)
		*next = at;
}

/* Timers of cases and start events of flows; one may ask for the other. */
static int fire_timers(struct rules *r, time_us now, time_us *next, struct err *e)
{
	time_us at = TIME_NONE, start = TIME_NONE;
	int fired = 0, begun = 0, rc = 0;

	if (!leads(r)) {
		r->starts_set = false;
		return 0;
	}
	if (!r->starts_set)
		rc = flow_timers_set(r->s, e);
	r->starts_set = rc == 0;
	while (rc == 0) {
		rc = case_timers(r->s, now, TIMERS_AT_ONCE, &fired, &at, e);
		if (rc == 0)
			rc = flow_begin(r->s, now, TIMERS_AT_ONCE, &begun, &start, e);
		if (begun == 0 && (fired == 0 || at == TIME_NONE || at > now))
			break;
	}
	if (rc == 0) {
		sooner(next, at);
		sooner(next, start);
	}
	return rc;
}

/* Returns the instant until which nothing is due. */
static time_us turn(struct rules *r)
{
	time_us now = clock_now(r->s->clock), next;
	struct err e = ERR_INIT;
	int rc;

	health_tick(r->s->health);
	take_messages(r, now);
	next = evaluate_due(r, now);
	rc = alerts__flush(r, &e);
	if (rc == 0)
		rc = fire_timers(r, now, &next, &e);
	if (rc < 0)
		LOG(STORE_FAULT, log_s("what", "rules"), log_s("why", e.text));
	pthread_mutex_lock(&r->lock);
	r->trouble = rc < 0 ? e : (struct err)ERR_INIT;
	pthread_mutex_unlock(&r->lock);
	return next;
}

static void *run(void *arg)
{
	struct rules *r = arg;

	for (;;) {
		uint64_t ticket;
		time_us next;
		bool stop, more;

		pthread_mutex_lock(&r->lock);
		ticket = r->wanted;
		stop = r->stop;
		pthread_mutex_unlock(&r->lock);
		if (stop)
			break;
		next = turn(r);
		pthread_mutex_lock(&r->lock);
		r->done = ticket;
		more = r->wanted > ticket || r->stop;
		pthread_cond_broadcast(&r->settled);
		pthread_mutex_unlock(&r->lock);
		if (!more && queue_length(r->q) == 0)
			clock_wait(r->s->clock, next, WAIT_MAX);
	}
	pthread_mutex_lock(&r->lock);
	r->done = UINT64_MAX;
	pthread_cond_broadcast(&r->settled);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- from outside ---- */

int rules_start(struct rules *r, struct err *e)
{
	(void)e;
	if (r->started)
		return 0;
	push__replay(r->push);
	r->stop = false;
	r->done = r->wanted = 0;
	r->started = true;
	thread_start(&r->thread, "rules", run, r);
	return 0;
}

void rules_stop(struct rules *r)
{
	if (!r->started)
		return;
	pthread_mutex_lock(&r->lock);
	r->stop = true;
	pthread_mutex_unlock(&r->lock);
	clock_poke(r->s->clock);
	pthread_join(r->thread, NULL);
	r->started = false;
}

int rules_settle(struct rules *r, struct err *e)
{
	uint64_t ticket;
	int rc = 0;

	if (!r->started)
		return 0;
	pthread_mutex_lock(&r->lock);
	ticket = ++r->wanted;
	pthread_mutex_unlock(&r->lock);
	clock_poke(r->s->clock);
	pthread_mutex_lock(&r->lock);
	while (r->done < ticket)
		pthread_cond_wait(&r->settled, &r->lock);
	if (r->trouble.code != 0) {
		rc = r->trouble.code;
		if (e != NULL)
			*e = r->trouble;
	}
	pthread_mutex_unlock(&r->lock);
	return rc;
}

int rules_view(struct rules *r, struct arena *a, struct rule_view **out, int *n, struct err *e)
{
	const struct catalog *c = r->s->catalog;

	*n = c->rules;
	*out = arena_array(a, (size_t)c->rules, sizeof(**out));
	if (*out == NULL)
		return err_set(e, ERR_NOMEM, "not enough memory for the list of rules");
	pthread_mutex_lock(&r->lock);
	for (int i = 0; i < c->rules; i++) {
		const struct rule_state *s = &r->state[i];

		(*out)[i] = (struct rule_view){.rule = &c->rule[i],
		        .last_eval = s->last_eval,
		        .took = s->took,
		        .pending = s->pending,
		        .firing = s->firing};
		memcpy((*out)[i].error, s->error, sizeof(s->error));
	}
	pthread_mutex_unlock(&r->lock);
	return 0;
}

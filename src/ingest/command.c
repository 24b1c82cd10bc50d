#include "ingest/command.h"

#include "base/json.h"
#include "base/log.h"
#include "city/catalog.h"
#include "ingest/ingest_int.h"
#include "ingest/thingsboard.h"

#include <errno.h>

#define WAITERS_MOST 64

struct waiter {
	struct waiter *next;
	const char *thing, *id;
	int n; /* the same, for devices that know numbers only */
	char number[12];
	const char *broker; /* it went to that one; NULL: to who subscribes here */
	int heard;          /* devices that it was sent to */
	bool answered;
	char *payload;
	size_t payload_n;
	pthread_cond_t come;
};

void ingest__commands_init(struct ingest *in)
{
	must(pthread_mutex_init(&in->commands_lock, NULL) == 0);
	/* An answer that comes after a restart is none to another command. */
	in->numbers = (uint32_t)(clock_now(in->site->clock) / US_SECOND);
}

void ingest__commands_fini(struct ingest *in)
{
	must(in->waiters == NULL);
	pthread_mutex_destroy(&in->commands_lock);
}

void ingest__answered(struct ingest *in, struct str thing, struct str id, struct str payload)
{
	pthread_mutex_lock(&in->commands_lock);
	for (struct waiter *w = in->waiters; w != NULL; w = w->next) {
		if (w->answered || !str_is(thing, w->thing) || !(str_is(id, w->id) || str_is(id, w->number)))
			continue;
		w->answered = true;
		w->payload = xcalloc(payload.n + 1, 1);
		w->payload_n = payload.n;
		if (payload.n > 0)
			memcpy(w->payload, payload.p, payload.n);
		pthread_cond_signal(&w->come);
	}
	pthread_mutex_unlock(&in->commands_lock);
}

void ingest__command_heard(struct ingest *in, struct str thing, struct str id)
{
	pthread_mutex_lock(&in->commands_lock);
	for (struct waiter *w = in->waiters; w != NULL; w = w->next)
		w->heard += str_is(thing, w->thing) &&
		            (id.p == NULL || str_is(id, w->id) || str_is(id, w->number));
	pthread_mutex_unlock(&in->commands_lock);
}

/* ---- the journal ---- */

struct note {
	const char *kind;
	const struct device_command *command;
	int64_t secrecy;
	const char *id;
	const struct command_answer *answer; /* NULL: none came, or not yet */
	int rc;
};

static int write_note(struct store_tx *tx, void *arg, struct err *e)
{
	const struct note *n = arg;
	const struct thing *t = n->command->thing;
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kstr(&w, "id", n->id);
	if (n->answer == NULL) {
		jw_key(&w, "command");
		jw_str(&w, n->command->payload);
	} else {
		jw_key(&w, "answered");
		jw_bool(&w, n->rc == 0);
		jw_kint(&w, "ms", n->answer->took / US_MS);
	}
	jw_object_end(&w);
	rc = journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(n->kind),
	                .subject = STR_LIT("thing"),
	                .subject_id = str_of(t->code),
	                .region = str_of(t->region),
	                .org = str_of(t->org),
	                .secrecy = n->secrecy,
	                .account = str_of(n->command->by),
	                .payload = sb_str(&b)},
	        e);
	sb_fini(&b);
	return rc;
}

/* ---- sending ---- */

static int enlist(struct ingest *in, struct waiter *w, struct err *e)
{
	int n = 0;

	pthread_mutex_lock(&in->commands_lock);
	for (const struct waiter *x = in->waiters; x != NULL; x = x->next)
		n++;
	if (n < WAITERS_MOST) {
		w->n = (int)(++in->numbers & 0x7fffffff);
		snprintf(w->number, sizeof(w->number), "%d", w->n);
		w->next = in->waiters;
		in->waiters = w;
	}
	pthread_mutex_unlock(&in->commands_lock);
	return n < WAITERS_MOST
	               ? 0
	               : err_set(e, ERR_BUSY, "%d commands wait for their answers already; try again later",
	                         WAITERS_MOST);
}

static void delist(struct ingest *in, struct waiter *w)
{
	struct waiter **p = &in->waiters;

	while (*p != w)
		p = &(*p)->next;
	*p = w->next;
}

/* To the broker that the thing is behind, else to who subscribes here. */
static int publish(struct ingest *in, const struct device_command *c, struct waiter *w, struct err *e)
{
	const char *id = w->id;
	char topic[128], answers[128];
	int rc = bridges_command(in->bridges, c->thing->code, id, c->payload, c->wait, &w->broker, e);

	if (rc != ERR_NOTFOUND)
		return rc;

	snprintf(topic, sizeof(topic), "things/%s/commands/%s", c->thing->code, id);
	snprintf(answers, sizeof(answers), "things/%s/answers/%s", c->thing->code, id);
	mqtt_send(in->mqtt, &(struct mqtt_outgoing){.topic = str_of(topic),
	                            .payload = c->payload,
	                            .response_topic = str_of(answers),
	                            .correlation = str_of(id),
	                            .qos = 1,
	                            .expires = c->wait});
	thingsboard__command(in, c->thing->code, w->n, c->payload, c->wait);
	return 0;
}

static bool await(struct ingest *in, struct waiter *w, dur_us wait)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += wait / US_SECOND;
	until.tv_nsec += wait % US_SECOND * 1000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&in->commands_lock);
	while (!w->answered && pthread_cond_timedwait(&w->come, &in->commands_lock, &until) != ETIMEDOUT)
		;
	delist(in, w);
	pthread_mutex_unlock(&in->commands_lock);
	return w->answered;
}

static int no_answer(const struct device_command *c, const struct waiter *w, struct err *e)
{
	const char *code = c->thing->code;
	double s = (double)c->wait / (double)US_SECOND;

	if (w->broker != NULL)
		return err_set(e, ERR_TIMEOUT, "the broker %s has the command; %s did not answer in %g s",
		        w->broker, code, s);
	if (w->heard > 0)
		return err_set(e, ERR_TIMEOUT,
		        "%s heard the command and did not answer at things/%s/answers/%s in %g s", code, code,
		        w->id, s);
	return err_set(e, ERR_TIMEOUT,
	        "no device was there for %s in %g s; one hears commands when it is connected by MQTT, may "
	        "write %s, "
	        "and subscribes to things/%s/commands/+",
	        code, s, code, code);
}

int command_send(struct ingest *in, const struct device_command *c, struct arena *a,
        struct command_answer *out, struct err *e)
{
	const struct kind *k = catalog_kind(in->site->catalog, c->thing->kind);
	struct waiter w = {.thing = c->thing->code, .id = out->id};
	struct note n = {.kind = "thing.commanded",
	        .command = c,
	        .id = out->id,
	        .secrecy = k != NULL ? k->secrecy : 4};
	pthread_condattr_t attr;
	struct err late = ERR_INIT;
	dur_us begin = clock_monotonic();
	int rc;

	*out = (struct command_answer){.payload = STR_NULL};
	if (in->mqtt == NULL)
		return err_set(e, ERR_UNAVAILABLE, "this site has no MQTT; see the setting mqtt-address");
	snprintf(out->id, sizeof(out->id), "%lld", (long long)id_next(in->site->ids));
	rc = store_write(in->site->store, "command a thing", write_note, &n, e);
	if (rc < 0)
		return rc;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w.come, &attr);
	pthread_condattr_destroy(&attr);
	rc = enlist(in, &w, e);
	if (rc == 0) {
		rc = publish(in, c, &w, e);
		if (!await(in, &w, rc == 0 ? c->wait : 0) && rc == 0)
			rc = no_answer(c, &w, e);
	}
	pthread_cond_destroy(&w.come);
	out->took = clock_monotonic() - begin;
	if (w.payload != NULL)
		out->payload = (struct str){arena_strndup(a, w.payload, w.payload_n), w.payload_n};
	free(w.payload);
	n = (struct note){.kind = "thing.answered",
	        .command = c,
	        .id = out->id,
	        .secrecy = n.secrecy,
	        .answer = out,
	        .rc = rc};
	/* The device has done it, or not: a journal that fails now does not change that. */
	if (store_write(in->site->store, "note an answer", write_note, &n, &late) < 0)
		LOG(COMMAND_FAULT, log_s("thing", c->thing->code), log_s("why", late.text));
	return rc;
}

/*
 * The file of other brokers while the site is served: read at the start, at a reload, and when it changes.
 *
 * What cannot be used leaves the brokers of before connected. Those that were left stay in memory until the
 * end, since messages of theirs may be at work: some KB for each change of the file.
 */
#include "base/log.h"
#include "ingest/ingest_int.h"

#define LOOK_EVERY (5 * US_SECOND)

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* All zero when there is none. */
static struct stat stamp(const struct ingest *in)
{
	struct stat st;

	return stat(in->brokers, &st) == 0 ? st : (struct stat){0};
}

int ingest__brokers_read(struct ingest *in, const char *path, struct err *e)
{
	struct bridges *b = NULL;
	int rc;

	in->brokers = path;
	in->brokers_seen = stamp(in);
	rc = bridges_read(path, &b, e);
	in->bridges = b;
	return rc;
}

void ingest__brokers_start(struct ingest *in)
{
	if (in->bridges != NULL)
		bridges_start(in->bridges, in->mqtt, &in->site->seal, in, ingest__user_of_broker);
}

void ingest__brokers_free(struct ingest *in)
{
	struct bridges *b = in->bridges;

	bridges_free(&b);
	in->bridges = NULL;
	pthread_mutex_destroy(&in->brokers_lock);
}

static int take_over(struct ingest *in, struct bridges **b, struct err *e)
{
	struct bridges *before = in->bridges, *now = *b;

	if (before == NULL || bridges_same(before, now))
		return 0;
	if (in->mqtt == NULL)
		return err_set(e, ERR_STATE,
		        "MQTT is off, and there were no brokers at the start; start the server again");
	*b = NULL;
	bridges_replace(now, before);
	bridges_start(now, in->mqtt, &in->site->seal, in, ingest__user_of_broker);
	in->bridges = now;
	LOG(BROKERS, log_s("file", in->brokers), log_i("brokers", bridges_count(now)));
	return 0;
}

int ingest_reload_brokers(struct ingest *in, struct err *e)
{
	struct bridges *b = NULL;
	char words[800];
	int rc = 0;

	pthread_mutex_lock(&in->brokers_lock);
	if (in->brokers != NULL) {
		in->brokers_seen = stamp(in);
		rc = bridges_read(in->brokers, &b, e);
	}
	if (rc == 0 && b != NULL)
		rc = take_over(in, &b, e);
	bridges_free(&b);
	if (rc < 0)
		LOG(BROKERS_FAULT, log_s("file", in->brokers),
		        log_s("why", err_str(e, words, sizeof(words))));
	else
		rc = bridges_count(in->bridges);
	pthread_mutex_unlock(&in->brokers_lock);
	return rc;
}

void ingest__brokers_look(struct ingest *in)
{
	dur_us now = clock_monotonic();
	struct err e = ERR_INIT;
	struct stat is;
	bool changed;

	if (in->brokers == NULL || now - in->brokers_looked < LOOK_EVERY)
		return;
	in->brokers_looked = now;
	is = stamp(in);
	pthread_mutex_lock(&in->brokers_lock);
	changed = !same_file(&is, &in->brokers_seen);
	pthread_mutex_unlock(&in->brokers_lock);
	if (changed)
		(void)!ingest_reload_brokers(in, &e); /* it has logged why not */
}

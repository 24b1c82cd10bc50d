/*
 * heming simulate - invented readings of a site's demo things, over MQTT as devices would send them.
 *
 * What is plausible is the pack's affair (demo.yaml), since no C file knows what a gas sensor is:
 *
 *   metrics:
 *     - {metric: ch4_lel, mean: 1.5, daily: 0.5, peak_hour: 19, noise: 0.3, min: 0, max: 100, decimals: 1}
 *   events:
 *     - {name: leak, metric: ch4_lel, to: 32, rise: 1, hold: 5, fall: 2, first: 1, every: 25, things: 1}
 *   dropout: {every: 500, minutes: 6}
 *
 * Times of events are minutes. A metric that demo.yaml does not name wanders in the lower half of the range
 * that its kind declares.
 */
#include "base/doc.h"
#include "base/file.h"
#include "base/json.h"
#include "base/num.h"
#include "city/pack.h"
#include "cli/cli.h"
#include "mqtt/client.h"
#include "store/sql.h"

#include <math.h>
#include <signal.h>
#include <unistd.h>

#define CONNECTIONS 4
#define SLICES 10 /* an interval's messages leave in so many bursts */

struct metric {
	const char *name;
	double mean, daily, peak_hour, noise, min, max;
	int decimals;
};
struct event {
	const char *name, *metric;
	double to, rise, hold, fall, first, every;
	int things;
};
struct source { /* one metric of one thing */
	const struct metric *m;
	double drift;          /* a slow walk */
	const struct event *e; /* what happens to it now, or NULL */
	double since;          /* minutes at which that began */
};
struct device_of {
	const char *thing;
	struct source *s;
	int n;
	double silent_until; /* minutes */
};
struct simulation {
	struct cli *c;
	struct arena *a;
	const struct zone *zone;
	struct metric *metric;
	int metrics;
	struct event *event;
	int events;
	double *next; /* of each event, minutes */
	double dropout_every, dropout_minutes;
	struct device_of *d;
	int n;
	uint64_t random;
	const char *host, *login, *secret;
	int port;
	struct mqtt_client *mqtt[CONNECTIONS];
	int64_t sent, failed;
};

static volatile sig_atomic_t stopped;

static void on_stop(int sig)
{
	(void)sig;
	stopped = 1;
}

/* splitmix64 (Steele, Lea, Flood 2014): the same seed gives the same city. */
static double uniform(struct simulation *m)
{
	uint64_t z = (m->random += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

/* Sum of four uniforms: near enough to a bell, and bounded. */
static double bell(struct simulation *m)
{
	return (uniform(m) + uniform(m) + uniform(m) + uniform(m) - 2) * 1.7;
}

/* ---- what the pack says ---- */

static void read_demo(struct simulation *m, const struct doc *doc)
{
	const struct doc *metrics = doc_get(doc, "metrics"), *events = doc_get(doc, "events"),
	                 *drop = doc_get(doc, "dropout");

	m->metric = arena_array(m->a, metrics != NULL ? (size_t)metrics->count : 0, sizeof(*m->metric));
	m->event = arena_array(m->a, events != NULL ? (size_t)events->count : 0, sizeof(*m->event));
	m->next = arena_array(m->a, events != NULL ? (size_t)events->count : 0, sizeof(*m->next));
	DOC_EACH(x, metrics)
	m->metric[m->metrics++] = (struct metric){.name = doc_str(x, "metric", ""),
	        .mean = doc_double(x, "mean", 0),
	        .daily = doc_double(x, "daily", 0),
	        .peak_hour = doc_double(x, "peak_hour", 18),
	        .noise = doc_double(x, "noise", 0),
	        .min = doc_double(x, "min", -INFINITY),
	        .max = doc_double(x, "max", INFINITY),
	        .decimals = (int)doc_int(x, "decimals", 1)};
	DOC_EACH(x, events)
	{
		struct event *e = &m->event[m->events];

		*e = (struct event){.name = doc_str(x, "name", ""),
		        .metric = doc_str(x, "metric", ""),
		        .to = doc_double(x, "to", 0),
		        .rise = doc_double(x, "rise", 1),
		        .hold = doc_double(x, "hold", 5),
		        .fall = doc_double(x, "fall", 1),
		        .first = doc_double(x, "first", 5),
		        .every = doc_double(x, "every", 60),
		        .things = (int)doc_int(x, "things", 1)};
		m->next[m->events++] = e->first;
	}
	m->dropout_every = doc_double(drop, "every", 0);
	m->dropout_minutes = doc_double(drop, "minutes", 5);
}

static const struct metric *metric_of(struct simulation *m, const struct quantity *q)
{
	double low = isnan(q->low) ? 0 : q->low, high = isnan(q->high) ? low + 100 : q->high;
	struct metric *x;

	for (int i = 0; i < m->metrics; i++)
		if (strcmp(m->metric[i].name, q->metric) == 0)
			return &m->metric[i];
	x = arena_alloc(m->a, sizeof(*x));
	*x = (struct metric){.name = q->metric,
	        .mean = low + (high - low) / 4,
	        .daily = (high - low) / 20,
	        .peak_hour = 15,
	        .noise = (high - low) / 100,
	        .min = low,
	        .max = high,
	        .decimals = 2};
	return x;
}

static int read_pack(struct simulation *m, struct store *st, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_pack_file_all_row row;
	struct store_tx *tx = NULL;
	struct doc *doc = NULL;
	int rc = store_read_begin(st, "demo.yaml", &tx, e);

	if (rc < 0)
		return rc;
	rc = sql_pack_file_all_open(tx, &rows, e);
	while (rc == 0 && (rc = sql_pack_file_all_next(rows, &row, e)) > 0) {
		rc = 0;
		if (!str_is(row.path, "demo.yaml"))
			continue;
		rc = doc_parse_yaml(m->a,
		        (struct str){arena_strndup(m->a, row.text.p, row.text.n), row.text.n}, "demo.yaml",
		        &doc, e);
	}
	store_rows_close(&rows);
	store_read_end(&tx);
	if (rc == 0 && doc != NULL)
		read_demo(m, doc);
	return rc;
}

static int read_things(struct simulation *m, struct store *st, int most, struct err *e)
{
	struct catalog *k = NULL;
	struct registry *r = NULL;
	const struct snapshot *s;
	const struct thing *t;
	struct thing_walk walk;
	int rc = catalog_load(st, &k, e);

	if (rc == 0)
		rc = registry_new(st, k, &r, e);
	if (rc < 0)
		goto out;
	m->zone = k->zone;
	s = registry_hold(r);
	m->d = arena_array(m->a, thing_map_count(s->things), sizeof(*m->d));
	walk = thing_map_walk(s->things, NULL);
	while (m->n < most && (t = thing_next(&walk)) != NULL) {
		const struct kind *kind = catalog_kind(k, t->kind);
		struct device_of *d = &m->d[m->n];

		/* Real stations too: their invented readings are labelled like all of this site's. */
		if (kind == NULL || kind->quantities == 0)
			continue;
		d->thing = arena_strdup(m->a, t->code);
		d->s = arena_array(m->a, (size_t)kind->quantities, sizeof(*d->s));
		for (int q = 0; q < kind->quantities; q++) {
			struct quantity copy = kind->quantity[q];

			copy.metric = arena_strdup(m->a, copy.metric);
			d->s[d->n].m = metric_of(m, &copy);
			d->s[d->n++].drift = bell(m);
		}
		m->n++;
	}
	registry_release(r, s);
	if (m->n == 0)
		rc = err_set(e, ERR_NOTFOUND,
		        "the site has no things that measure anything; install a pack with demo things");
out:
	registry_free(&r);
	catalog_free(&k);
	return rc;
}

static int read_credentials(struct simulation *m, struct err *e)
{
	const char *text = cli_text(m->c, "device", NULL),
	           *path = path_join(m->a, m->c->site_dir, "demo-login");
	struct str file, login = STR_NULL, secret = STR_NULL;

	if (text != NULL) {
		secret = str_of(text);
		login = str_cut(&secret, ':');
	} else {
		if (file_read(m->a, path, 1 << 16, &file, e) < 0)
			return err_prefix(e,
			        "no device is known: say --device NAME:SECRET, or make the site with --demo");
		while (file.p != NULL) {
			struct str row = str_cut(&file, '\n');

			if (str_is(str_cut(&row, ' '), "device")) {
				login = str_cut(&row, ' ');
				secret = str_trim(row);
			}
		}
	}
	if (secret.p == NULL || login.n == 0)
		return err_set(e, ERR_INVALID, "a device looks like NAME:SECRET");
	m->login = arena_strndup(m->a, login.p, login.n);
	m->secret = arena_strndup(m->a, secret.p, secret.n);
	return 0;
}

static int read_address(struct simulation *m, struct err *e)
{
	struct str port = str_of(cli_text(m->c, "mqtt", "")), host = STR_NULL;
	int64_t n = settings_int(&m->c->settings, SET_MQTT_PORT);

	m->host = "127.0.0.1";
	if (port.n > 0) {
		host = str_cut(&port, ':');
		if (port.p == NULL || !num_int(port, &n) || n < 1 || n > 65535)
			return err_set(e, ERR_INVALID, "--mqtt looks like 127.0.0.1:1883");
		m->host = arena_strndup(m->a, host.p, host.n);
	}
	m->port = (int)n;
	return 0;
}

/* ---- values ---- */

/* How far an event has gone: 0 … 1. Negative when it is over. */
static double progress(const struct event *e, double minutes)
{
	if (minutes < e->rise)
		return minutes / e->rise;
	if (minutes < e->rise + e->hold)
		return 1;
	if (minutes < e->rise + e->hold + e->fall)
		return 1 - (minutes - e->rise - e->hold) / e->fall;
	return -1;
}

static double value_of(struct simulation *m, struct source *s, double hour, double minutes)
{
	const struct metric *x = s->m;
	double v, scale = pow(10, x->decimals);

	s->drift = s->drift * 0.98 + bell(m) * 0.2;
	v = x->mean + x->daily * cos((hour - x->peak_hour) / 24 * 2 * M_PI) + x->noise * s->drift;
	if (s->e != NULL) {
		double p = progress(s->e, minutes - s->since);

		if (p < 0)
			s->e = NULL;
		else
			v += (s->e->to - v) * p;
	}
	v = fmin(fmax(v, x->min), x->max);
	return round(v * scale) / scale;
}

static void begin_event(struct simulation *m, const struct event *e, const char *thing, double minutes)
{
	for (int i = 0, n = 0; i < m->n * 20 && n < e->things; i++) {
		struct device_of *d = &m->d[thing != NULL ? i % m->n : (int)(uniform(m) * m->n)];

		if (thing != NULL && strcmp(d->thing, thing) != 0)
			continue;
		for (int k = 0; k < d->n; k++)
			if (strcmp(d->s[k].m->name, e->metric) == 0 && d->s[k].e == NULL) {
				d->s[k].e = e;
				d->s[k].since = minutes;
				d->silent_until = 0;
				fprintf(m->c->out, "event %s at %s\n", e->name, d->thing);
				fflush(m->c->out);
				n++;
			}
		if (thing != NULL && n > 0)
			return;
	}
}

static void begin_events(struct simulation *m, double minutes)
{
	for (int i = 0; i < m->events; i++)
		if (minutes >= m->next[i]) {
			begin_event(m, &m->event[i], NULL, minutes);
			m->next[i] += m->event[i].every * (0.7 + 0.6 * uniform(m));
		}
	if (m->dropout_every > 0 && uniform(m) * m->dropout_every < m->n / (double)SLICES)
		m->d[(int)(uniform(m) * m->n)].silent_until = minutes + m->dropout_minutes;
}

/* ---- sending ---- */

static struct mqtt_client *connection(struct simulation *m, int i, struct err *e)
{
	char id[32];

	if (m->mqtt[i] != NULL)
		return m->mqtt[i];
	snprintf(id, sizeof(id), "simulate-%d-%d", (int)getpid(), i);
	if (mqtt_client_connect(m->host, m->port, id, m->login, m->secret, 10 * US_SECOND, &m->mqtt[i], e) <
	        0)
		m->mqtt[i] = NULL;
	return m->mqtt[i];
}

static int publish(
        struct simulation *m, struct device_of *d, time_us now, double hour, double minutes, struct err *e)
{
	struct mqtt_client *q = connection(m, (int)(d - m->d) % CONNECTIONS, e);
	char topic[80];
	struct sb b = SB_INIT;
	struct jw w;
	uint16_t id;
	int rc;

	if (q == NULL)
		return e->code;
	jw_init(&w, &b);
	jw_object(&w);
	for (int i = 0; i < d->n; i++)
		jw_kdouble(&w, d->s[i].m->name, value_of(m, &d->s[i], hour, minutes));
	jw_kint(&w, "ts", now / US_MS);
	jw_object_end(&w);
	snprintf(topic, sizeof(topic), "t/%s", d->thing);
	rc = mqtt_client_publish(q, topic, sb_str(&b), 1, &id, e);
	sb_fini(&b);
	return rc;
}

static void drop_connections(struct simulation *m)
{
	for (int i = 0; i < CONNECTIONS; i++)
		mqtt_client_close(&m->mqtt[i]);
}

/* One slice of the things; false when the server is away. */
static bool send_slice(struct simulation *m, int slice, double minutes)
{
	struct clock *clock = clock_new_real();
	time_us now = clock_now(clock);
	struct err e = ERR_INIT;
	struct civil local;
	int rc = 0;

	clock_free(&clock);
	zone_civil(m->zone, now, &local);
	for (int i = slice; i < m->n && rc == 0; i += SLICES)
		if (m->d[i].silent_until <= minutes) {
			rc = publish(m, &m->d[i], now, local.hour + local.minute / 60.0, minutes, &e);
			m->sent += rc == 0;
		}
	for (int i = 0; i < CONNECTIONS && rc == 0; i++)
		if (m->mqtt[i] != NULL)
			rc = mqtt_client_wait(m->mqtt[i], &e);
	if (rc == 0)
		return true;
	if (m->failed++ % 30 == 0) {
		fprintf(m->c->out, "waiting for the server at %s:%d: %s\n", m->host, m->port, e.text);
		fflush(m->c->out);
	}
	drop_connections(m);
	return false;
}

static int first_event(struct simulation *m, struct err *e)
{
	const char *text = cli_text(m->c, "event", NULL);
	struct str thing, name;

	if (text == NULL)
		return 0;
	thing = str_of(text);
	name = str_cut(&thing, '=');
	for (int i = 0; i < m->events && thing.p != NULL; i++)
		if (str_is(name, m->event[i].name)) {
			begin_event(m, &m->event[i], thing.p, 0);
			return 0;
		}
	return err_set(
	        e, ERR_INVALID, "--event looks like NAME=THING, with a name from the pack's demo.yaml");
}

static void run(struct simulation *m)
{
	int64_t rounds = cli_int(m->c, "rounds", INT64_MAX), interval = cli_int(m->c, "interval", 10);
	dur_us begin = clock_monotonic(), slice = interval * US_SECOND / SLICES;

	fprintf(m->c->out,
	        "publishing invented readings of %d things to %s:%d every %lld s; Ctrl-C ends it\n", m->n,
	        m->host, m->port, (long long)interval);
	fflush(m->c->out);
	for (int64_t i = 0; !stopped && i / SLICES < rounds; i++) {
		double minutes = (double)(clock_monotonic() - begin) / US_MINUTE;
		dur_us rest;

		begin_events(m, minutes);
		if (!send_slice(m, (int)(i % SLICES), minutes))
			usleep((useconds_t)US_SECOND);
		rest = begin + (i + 1) * slice - clock_monotonic();
		if (rest > 0)
			usleep((useconds_t)rest);
	}
	fprintf(m->c->out, "%lld messages were acknowledged\n", (long long)m->sent);
}

int cmd_simulate(struct cli *c, struct err *e)
{
	struct simulation m = {
	        .c = c, .a = arena_new(0), .random = (uint64_t)cli_int(c, "seed", 1), .zone = zone_utc()};
	const char *address = settings_text(&c->settings, SET_STORE);
	struct clock *clock = clock_new_real();
	struct id_source *ids = id_source_new(1023, clock);
	struct store_options so = {.clock = clock, .ids = ids};
	struct store *st = NULL;
	struct sigaction act = {.sa_handler = on_stop};
	int rc;

	so.address = address != NULL
	                     ? address
	                     : arena_printf(m.a, "sqlite:%s", path_join(m.a, c->site_dir, "records.db"));
	rc = store_open(&so, &st, e);
	if (rc == 0)
		rc = read_pack(&m, st, e);
	if (rc == 0)
		rc = read_things(&m, st, (int)cli_int(c, "things", 500), e);
	store_close(&st);
	if (rc == 0)
		rc = read_credentials(&m, e);
	if (rc == 0)
		rc = read_address(&m, e);
	if (rc == 0)
		rc = first_event(&m, e);
	if (rc < 0)
		goto out;
	sigaction(SIGINT, &act, NULL);
	sigaction(SIGTERM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	run(&m);
out:
	drop_connections(&m);
	id_source_free(&ids);
	clock_free(&clock);
	arena_free(&m.a);
	return rc;
}

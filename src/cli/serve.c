/* heming serve - all doors of a site, until a signal ends it. */
#include "api/server.h"
#include "base/file.h"
#include "base/log.h"
#include "base/metric.h"
#include "cli/cli.h"
#include "cli/control.h"
#include "cli/version.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#define TIDY_EVERY 60                 /* seconds */
#define SPARE_MOST ((size_t)64 << 20) /* bytes that may lie unused for the next who asks */

static int make_clock(const struct cli *c, struct clock **out, struct err *e)
{
	const char *text = settings_text(&c->settings, SET_CLOCK);
	time_us t;

	if (text == NULL) {
		*out = clock_new_real();
		return 0;
	}
	if (strncmp(text, "manual:", 7) != 0 || !time_parse(str_of(text + 7), NULL, &t)) {
		err_set(e, ERR_INVALID, "a clock looks like manual:2026-07-14T08:00:00+08:00, not \"%s\"",
		        text);
		return err_at(e, NULL, 0, 0, "clock");
	}
	*out = clock_new_manual(t);
	return 0;
}

static int open_log(const struct cli *c, const struct clock *clock, struct err *e)
{
	enum log_level least = LOG_LEVEL_INFO;

	if (!log_level_parse(c->settings.value[SET_LOG_LEVEL], &least))
		wrong("settings_set knows the levels");
	return log_open(settings_text(&c->settings, SET_LOG),
	        settings_is(&c->settings, SET_LOG_FORMAT, "json"), least, clock, e);
}

static int write_ready_file(const struct cli *c, int http, const struct ingest *in, struct err *e)
{
	const char *path = cli_text(c, "ready-file", NULL);
	char text[128];
	int n = snprintf(text, sizeof(text), "http %d\nmqtt %d\nmqtts %d\npid %d\n", http,
	        ingest_mqtt_port(in), ingest_mqtt_tls_port(in), (int)getpid());

	return path != NULL ? file_write(path, text, (size_t)n, 0640, e) : 0;
}

static void log_settings(const struct cli *c)
{
	for (int i = 0; i < SETTINGS; i++)
		if (strcmp(c->settings.value[i], setting_rows[i].dflt) != 0 &&
		        i != SET_STORE) /* it may hold a password */
			LOG(CONFIG, log_s("key", setting_rows[i].key), log_s("value", c->settings.value[i]),
			        log_s("from", c->settings.from[i]));
}

static int oidc_options(struct cli *c, struct oidc_options *o, struct err *e)
{
	const char *path = settings_text(&c->settings, SET_OIDC_CLIENT_SECRET);
	struct str text;
	int rc;

	*o = (struct oidc_options){.issuer = settings_text(&c->settings, SET_OIDC_ISSUER),
	        .client_id = settings_text(&c->settings, SET_OIDC_CLIENT_ID),
	        .claim = settings_text(&c->settings, SET_OIDC_LOGIN_CLAIM),
	        .url = settings_text(&c->settings, SET_OIDC_URL)};
	if (path == NULL)
		return 0;
	rc = file_read(c->a, path, 4096, &text, e);
	if (rc < 0)
		return rc;
	text = str_trim(text);
	o->client_secret = arena_strndup(c->a, text.p, text.n);
	return 0;
}

/* It logs what came of it. */
static void reload(struct api_server *api)
{
	struct err e = ERR_INIT;
	time_us until;
	int brokers;

	(void)!api_reload(api, &until, &brokers, &e);
}

int cmd_reload(struct cli *c, struct err *e)
{
	char text[40];
	time_us until = TIME_NONE;
	int brokers = 0, rc = api_reload(c->api, &until, &brokers, e);

	if (until != TIME_NONE)
		fprintf(c->out, "the certificate was read again; it holds until %s\n",
		        time_format(until, zone_utc(), text));
	if (brokers > 0)
		fprintf(c->out, "%d broker%s of brokers.yaml\n", brokers, brokers == 1 ? "" : "s");
	if (rc == 0 && until == TIME_NONE && brokers == 0)
		rc = err_set(e, ERR_STATE,
		        "there is nothing to read again: no certificate (setting cert), no brokers.yaml");
	return rc;
}

static int setting_time(const struct cli *c, enum setting_id id, dur_us *out, struct err *e)
{
	if (dur_parse(str_of(c->settings.value[id]), out) && *out >= 0)
		return 0;
	return err_set(e, ERR_INVALID, "\"%s\" is no span of time; write it as 10m, 30d or 1y",
	        c->settings.value[id]);
}

static int reading_times(const struct cli *c, struct ingest_options *o, struct err *e)
{
	int rc = setting_time(c, SET_READING_FUTURE, &o->future, e);

	if (rc < 0)
		return err_at(e, NULL, 0, 0, "reading-future");
	rc = setting_time(c, SET_READING_PAST, &o->past, e);
	return rc < 0 ? err_at(e, NULL, 0, 0, "reading-past") : 0;
}

/*
 * Each arena of the allocator keeps what was once used in it. Kept points are allocated by one worker and
 * freed by another: with its usual eight arenas a core they would come to lie in all, each as large as the
 * cache. A large query takes some MiB and gives them back; the next one would get them from the system page
 * by page, which takes longer than the query. What is larger, and what lies free above so much, is given
 * back.
 */
static void set_memory(void)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	mallopt(M_ARENA_MAX, cores > 1 ? (int)cores : 2);
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
	mallopt(M_TRIM_THRESHOLD, 8 << 20);
}

/* What many questions left unused goes back to the system. */
static void give_back(void)
{
	struct mallinfo2 m = mallinfo2();

	if (m.fordblks > SPARE_MOST && m.fordblks > m.uordblks / 2)
		malloc_trim(SPARE_MOST / 2);
}

/* The signal that ends the server. */
static int wait_for_end(const sigset_t *ends, struct api_server *api)
{
	const struct timespec every = {.tv_sec = TIDY_EVERY};
	int sig;

	while ((sig = sigtimedwait(ends, NULL, &every)) < 0 || sig == SIGHUP)
		if (sig == SIGHUP)
			reload(api);
		else
			give_back();
	return sig;
}

int cmd_serve(struct cli *c, struct err *e)
{
	dur_us begin = clock_monotonic();
	struct clock *clock = NULL;
	struct ingest *ingest = NULL;
	struct api_server *api = NULL;
	struct control *control = NULL;
	struct ingest_options io = {0};
	struct api_options ao = {0};
	bool mqtt = !settings_is(&c->settings, SET_MQTT, "off");
	sigset_t ends;
	int rc, sig;

	set_memory();
	/* Blocked before any thread begins, so that only this one hears them. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);

	rc = make_clock(c, &clock, e);
	if (rc < 0)
		return rc;
	rc = open_log(c, clock, e);
	if (rc < 0) {
		clock_free(&clock);
		return rc;
	}
	LOG(START, log_s("version", HEMING_VERSION), log_s("site", c->site_dir));
	metric_set(METRIC_UPTIME, clock_now(clock) / US_SECOND);
	log_settings(c);
	rc = cli_open_site(c, false, true, clock, e);
	if (rc < 0)
		goto out;
	io = (struct ingest_options){.site = c->site,
	        .mqtt_address = mqtt ? c->settings.value[SET_MQTT] : NULL,
	        .mqtt_port = (int)settings_int(&c->settings, SET_MQTT_PORT),
	        .mqtt_plain_off = settings_is(&c->settings, SET_MQTT_PLAIN, "off"),
	        .mqtt_tls_port = (int)settings_int(&c->settings, SET_MQTT_TLS),
	        .cert = settings_text(&c->settings, SET_CERT),
	        .key = settings_text(&c->settings, SET_KEY),
	        .mqtt_connections = (int)settings_int(&c->settings, SET_MQTT_CONNECTIONS),
	        .mqtt_address_connections = (int)settings_int(&c->settings, SET_MQTT_ADDRESS),
	        .mqtt_address_rate = (int)settings_int(&c->settings, SET_MQTT_ADDRESS_RATE),
	        .mqtt_rate = (int)settings_int(&c->settings, SET_MQTT_RATE),
	        .mqtt_keep_alive = (int)settings_int(&c->settings, SET_MQTT_KEEP_ALIVE),
	        .mqtt_state = path_join(c->a, c->site_dir, "mqtt.state"),
	        .brokers = path_join(c->a, c->site_dir, "brokers.yaml"),
	        .mqtt_open = settings_is(&c->settings, SET_MQTT_ANONYMOUS, "on"),
	        .mqtt_exchange = settings_text(&c->settings, SET_MQTT_EXCHANGE)};
	rc = reading_times(c, &io, e);
	if (rc == 0)
		rc = ingest_start(&io, &ingest, e);
	if (rc < 0)
		goto out;
	ao = (struct api_options){.site = c->site,
	        .ingest = ingest,
	        .address = c->settings.value[SET_ADDRESS],
	        .port = (int)settings_int(&c->settings, SET_PORT),
	        .web_dir = settings_text(&c->settings, SET_WEB_DIR),
	        .test_control = clock_is_manual(clock),
	        .rate = (int)settings_int(&c->settings, SET_RATE),
	        .query_threads = (int)settings_int(&c->settings, SET_QUERY_THREADS),
	        .cert = settings_text(&c->settings, SET_CERT),
	        .key = settings_text(&c->settings, SET_KEY),
	        .proxies = settings_text(&c->settings, SET_PROXIES),
	        .version = HEMING_VERSION};
	rc = oidc_options(c, &ao.oidc, e);
	if (rc == 0)
		rc = api_start(&ao, &api, e);
	if (rc == 0)
		rc = control_start(c->site, api, &c->settings, &control, e);
	if (rc == 0)
		rc = write_ready_file(c, api_port(api), ingest, e);
	if (rc < 0)
		goto out;
	fprintf(c->out, "heming ready http%s://%s:%d mqtt %d (%lld ms)\n", ao.cert != NULL ? "s" : "",
	        ao.address, api_port(api), ingest_mqtt_port(ingest),
	        (long long)((clock_monotonic() - begin) / US_MS));
	fflush(c->out);
	LOG(READY, log_i("ms", (clock_monotonic() - begin) / US_MS), log_i("http", api_port(api)),
	        log_i("mqtt", ingest_mqtt_port(ingest)), log_i("mqtts", ingest_mqtt_tls_port(ingest)));
	sig = wait_for_end(&ends, api);
	LOG(STOP, log_s("why", sig == SIGINT ? "Ctrl-C" : "SIGTERM"));
out:
	if (rc < 0 && e != NULL)
		LOG(STOP, log_s("why", e->text));
	control_stop(&control);
	api_stop(&api);
	ingest_stop(&ingest);
	log_close(); /* the site frees the clock that the log asks */
	if (c->site == NULL)
		clock_free(&clock);
	site_close(&c->site);
	return rc;
}

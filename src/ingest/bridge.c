#include "ingest/bridge.h"

#include "base/digest.h"
#include "base/doc.h"
#include "base/file.h"
#include "base/num.h"
#include "city/account.h"
#include "city/broker_files.h"
#include "ingest/pattern_topic.h"
#include "mqtt/topic.h"

#include <pthread.h>
#include <unistd.h>

#define FILE_MOST_B (1u << 20)
#define BROKERS_MOST 16
#define HEARD_MOST (1u << 20)

struct reading_rule {
	const struct topic_pattern *topic;
	const char *thing, *metric; /* texts with names; metric NULL: the payload says it */
};
struct bridge {
	struct mqtt_link_options o;
	struct bridges *all;
	int index;
	struct device device;
	const struct reading_rule *rule;
	int rules;
	const char *commands; /* NULL: none */
	const struct topic_pattern *answers;
	const char *answers_text;
	struct mqtt_link *link;
};
struct bridges {
	struct arena *arena;
	struct bridges *before; /* those in whose place it is */
	const struct seal_ring *seal;
	struct str text; /* of the file */
	struct bridge one[BROKERS_MOST];
	int n;
	/* Things by the broker that they were heard from last, for commands. */
	pthread_mutex_t lock;
	struct heard {
		uint64_t hash; /* 0: free */
		int index;
	} * heard;
	size_t slots, heard_n;
};

/* ---- the file ---- */

struct reader {
	struct bridges *b;
	const char *path, *dir;
};

static int bad(const struct reader *r, const struct doc *d, const char *field, struct err *e)
{
	return err_at(e, r->path, d->line, 0, field);
}

/* A file named in it, from the site's folder on. */
static const char *file_of(const struct reader *r, const struct doc *d, const char *key)
{
	const char *name = doc_str(d, key, "");
	if (name[0] == '\0')
		return NULL;
	return name[0] == '/' ? name : path_join(r->b->arena, r->dir, name);
}

static int read_url(const struct reader *r, const struct doc *d, struct mqtt_link_options *o, struct err *e)
{
	const char *url = doc_str(d, "url", "");
	struct str rest = STR_NULL, host, port = STR_NULL;
	int64_t n;
	o->tls = str_starts(str_of(url), "mqtts://");
	if (o->tls || str_starts(str_of(url), "mqtt://"))
		rest = str_of(strstr(url, "://") + 3);
	if (rest.n > 0 && rest.p[0] == '[') {
		rest.p++, rest.n--;
		host = str_cut(&rest, ']');
		if (rest.n > 0 && rest.p[0] == ':')
			port = (struct str){rest.p + 1, rest.n - 1};
	} else {
		port = rest;
		host = str_cut(&port, ':');
	}
	o->port = o->tls ? 8883 : 1883;
	if (host.n == 0 || (port.p != NULL && (!num_int(port, &n) || n < 1 || n > 65535))) {
		err_set(e, ERR_INVALID, "a broker's url is mqtt://HOST:PORT or mqtts://HOST:PORT, not \"%s\"",
		        url);
		return bad(r, d, "url", e);
	}
	if (port.p != NULL)
		o->port = (int)n;
	o->host = arena_strndup(r->b->arena, host.p, host.n);
	return 0;
}

static int read_number(const struct reader *r, const struct doc *d, const char *key, int64_t most,
        int64_t dflt, int64_t *out, struct err *e)
{
	const char *text = doc_str(d, key, NULL);
	*out = dflt;
	if (text == NULL || (num_int(str_of(text), out) && *out >= 0 && *out <= most))
		return 0;
	err_set(e, ERR_INVALID, "%s is a whole number of seconds up to %lld", key, (long long)most);
	return bad(r, d, key, e);
}

static int read_filters(const struct reader *r, const struct doc *d, struct bridge *b, struct err *e)
{
	static const char *const keys[] = {"filter", "qos", NULL};
	const struct doc *list = doc_get(d, "subscribe");
	int n = list && list->type == DOC_LIST ? list->count : 0;
	struct mqtt_link_filter *f = arena_alloc(r->b->arena, ((size_t)n + 1) * sizeof(*f));
	if (n == 0) {
		err_set(e, ERR_INVALID,
		        "a broker needs a list of what to subscribe to: subscribe: - filter: TOPICS");
		return bad(r, d, "subscribe", e);
	}
	b->o.filters = f;
	DOC_EACH(x, list)
	{
		struct str text = str_of(doc_str(x, "filter", "")), bare = text;
		int64_t qos = doc_int(x, "qos", 1);
		if (doc_only_keys(x, r->path, keys, e) < 0)
			return e->code;
		if (str_starts(text, "$share/")) {
			bare = (struct str){text.p + 7, text.n - 7};
			(void)str_cut(&bare, '/');
		}
		if (!filter_valid(bare) || qos < 0 || qos > 2) {
			err_set(e, ERR_INVALID, "\"%s\" with QoS %lld is no subscription", text.p,
			        (long long)qos);
			return bad(r, x, "subscribe", e);
		}
		*f++ = (struct mqtt_link_filter){text.p, (int)qos};
	}
	b->o.filters_n = n;
	return 0;
}

static int read_rule(const struct reader *r, const struct doc *x, struct reading_rule *rule, struct err *e)
{
	static const char *const keys[] = {"topic", "thing", "metric", NULL};
	int rc = doc_only_keys(x, r->path, keys, e);
	if (rc < 0)
		return rc;
	rc = topic_pattern_read(r->b->arena, doc_str(x, "topic", ""), &rule->topic, e);
	if (rc < 0)
		return bad(r, x, "topic", e);
	rule->thing = doc_str(x, "thing", "{thing}");
	rule->metric = doc_str(x, "metric", topic_pattern_has(rule->topic, "metric") ? "{metric}" : NULL);
	rc = topic_pattern_check(rule->topic, rule->thing, e);
	if (rc == 0 && rule->metric)
		rc = topic_pattern_check(rule->topic, rule->metric, e);
	return rc < 0 ? bad(r, x, "readings", e) : 0;
}

static int read_rules(const struct reader *r, const struct doc *d, struct bridge *b, struct err *e)
{
	const struct doc *list = doc_get(d, "readings");
	int n = list && list->type == DOC_LIST ? list->count : 0, rc = 0;
	struct reading_rule *rule = arena_alloc(r->b->arena, ((size_t)n + 1) * sizeof(*rule));
	b->rule = rule;
	b->rules = n;
	if (n == 0) {
		err_set(e, ERR_INVALID,
		        "a broker needs patterns of its topics: readings: - topic: city/{thing}/telemetry");
		return bad(r, d, "readings", e);
	}
	DOC_EACH(x, list)
	{
		rc = read_rule(r, x, rule++, e);
		if (rc < 0)
			break;
	}
	return rc;
}

static int read_commands(const struct reader *r, const struct doc *d, struct bridge *b, struct err *e)
{
	const struct topic_pattern *commands;
	const char *answers = doc_str(d, "answers", NULL);
	struct sb filter = SB_INIT;
	b->commands = doc_str(d, "commands", NULL);
	b->answers_text = answers;
	if (b->commands == NULL && answers == NULL)
		return 0;
	int rc = topic_pattern_read(r->b->arena, b->commands ? b->commands : "", &commands, e);
	if (rc == 0)
		rc = topic_pattern_read(r->b->arena, answers ? answers : "", &b->answers, e);
	if (rc < 0)
		return bad(r, d, "commands", e);
	if (!topic_pattern_has(commands, "thing") || !topic_pattern_has(commands, "id") ||
	        !topic_pattern_has(b->answers, "thing") || !topic_pattern_has(b->answers, "id")) {
		err_set(e, ERR_INVALID, "commands and answers need each other, and both {thing} and {id}");
		return bad(r, d, "commands", e);
	}
	topic_pattern_filter(b->answers, &filter);
	struct mqtt_link_filter *more =
	        arena_alloc(r->b->arena, ((size_t)b->o.filters_n + 1) * sizeof(*more));
	memcpy(more, b->o.filters, (size_t)b->o.filters_n * sizeof(*more));
	more[b->o.filters_n++] = (struct mqtt_link_filter){arena_strndup(r->b->arena, filter.p, filter.n), 1};
	b->o.filters = more;
	sb_fini(&filter);
	return 0;
}

/* Prefixes of things by blanks. */
static const char *const *prefixes(struct arena *a, const char *text)
{
	struct str rest = str_of(text);
	const char **list = NULL;
	size_t cap = 0, n = 0;
	while (rest.p != NULL && rest.n > 0) {
		struct str one = str_cut(&rest, ' ');
		if (one.n == 0)
			continue;
		list = arena_grow(a, list, &cap, n + 2, sizeof(*list));
		list[n++] = arena_strndup(a, one.p, one.n);
		list[n] = NULL;
	}
	return list;
}

static const char *client_id(struct arena *a, const char *name)
{
	char host[64] = "";
	if (gethostname(host, sizeof(host)) < 0 || host[0] == '\0')
		snprintf(host, sizeof(host), "site");
	host[sizeof(host) - 1] = '\0';
	char *id = xasprintf("heming-%s-%s", name, host);
	const char *kept = arena_strndup(a, id, strlen(id));
	free(id);
	return kept;
}

static int read_broker(const struct reader *r, const struct doc *d, struct err *e)
{
	static const char *const keys[] = {"name", "url", "username", "password-file", "ca", "certificate",
	        "key", "version", "client-id", "keep-alive", "session", "things", "subscribe", "readings",
	        "commands", "answers", NULL};
	struct bridge *b = &r->b->one[r->b->n];
	const char *version = doc_str(d, "version", "5");
	int64_t keep_alive = 0, session = 0;
	int rc = doc_only_keys(d, r->path, keys, e);
	if (rc < 0)
		return rc;
	*b = (struct bridge){.all = r->b, .index = r->b->n};
	b->o.name = doc_str(d, "name", "");
	if (b->o.name[0] == '\0' || r->b->n == BROKERS_MOST - 1) {
		err_set(e, ERR_INVALID, "each broker needs a name, and there are at most %d",
		        BROKERS_MOST - 1);
		return bad(r, d, "name", e);
	}
	if (strcmp(version, "5") != 0 && strcmp(version, "3.1.1") != 0) {
		err_set(e, ERR_INVALID, "version is 5 or 3.1.1; 5 falls back to 3.1.1 by itself");
		return bad(r, d, "version", e);
	}
	b->o.old = version[0] == '3';
	b->o.username = doc_str(d, "username", NULL);
	b->o.password_file = file_of(r, d, "password-file");
	b->o.ca = file_of(r, d, "ca");
	b->o.cert = file_of(r, d, "certificate");
	b->o.key = file_of(r, d, "key");
	b->o.client_id = doc_str(d, "client-id", client_id(r->b->arena, b->o.name));
	if ((b->o.cert == NULL) != (b->o.key == NULL) || (b->o.password_file && b->o.username == NULL)) {
		err_set(e, ERR_INVALID,
		        "certificate and key belong together, and a password needs a username");
		return bad(r, d, "certificate", e);
	}
	b->device = (struct device){
	        .login = b->o.name, .things = prefixes(r->b->arena, doc_str(d, "things", ""))};
	rc = read_url(r, d, &b->o, e);
	if (rc == 0)
		rc = read_number(r, d, "keep-alive", UINT16_MAX, 30, &keep_alive, e);
	if (rc == 0)
		rc = read_number(r, d, "session", UINT32_MAX, 3600, &session, e);
	if (rc == 0)
		rc = read_filters(r, d, b, e);
	if (rc == 0)
		rc = read_rules(r, d, b, e);
	if (rc == 0)
		rc = read_commands(r, d, b, e);
	if (rc < 0)
		return rc;
	b->o.keep_alive_s = (unsigned)keep_alive;
	b->o.session_expiry_s = (uint32_t)session;
	r->b->n++;
	return 0;
}

static int read_file(struct reader *r, struct str text, struct err *e)
{
	static const char *const keys[] = {"brokers", NULL};
	struct doc *d = NULL;
	int rc = doc_parse_yaml(r->b->arena, text, r->path, &d, e);
	if (rc == 0)
		rc = doc_only_keys(d, r->path, keys, e);
	const struct doc *list = rc == 0 ? doc_get(d, "brokers") : NULL;
	if (rc == 0 && (list == NULL || list->type != DOC_LIST)) {
		err_set(e, ERR_INVALID, "the file begins with brokers: and a list of them");
		return err_at(e, r->path, 1, 0, "brokers");
	}
	for (const struct doc *x = list ? list->child : NULL; x && rc == 0; x = x->next)
		rc = read_broker(r, x, e);
	return rc;
}

int bridges_read(const char *path, struct bridges **out, struct err *e)
{
	struct arena *a = arena_new(8 << 20);
	struct str text = STR_NULL;
	const char *slash = strrchr(path, '/');
	*out = NULL;
	int rc = file_read(a, path, FILE_MOST_B, &text, e);
	if (rc < 0 && rc != ERR_NOTFOUND) {
		arena_free(&a);
		return rc;
	}
	struct bridges *b = xcalloc(1, sizeof(*b));
	b->arena = a;
	b->text = text;
	must(pthread_mutex_init(&b->lock, NULL) == 0);
	struct reader r = {.b = b,
	        .path = arena_strndup(a, path, strlen(path)),
	        .dir = slash ? arena_strndup(a, path, (size_t)(slash - path)) : "."};
	rc = text.p != NULL ? read_file(&r, text, e) : 0;
	if (rc < 0) {
		bridges_free(&b);
		return rc;
	}
	*out = b;
	return 0;
}

void bridges_free(struct bridges **bp)
{
	struct bridges *b = *bp;
	if (b == NULL)
		return;
	*bp = NULL;
	bridges_free(&b->before);
	struct arena *a = b->arena;
	pthread_mutex_destroy(&b->lock);
	free(b->heard);
	free(b);
	arena_free(&a);
}

/* ---- things and the brokers they were heard from ---- */

static struct heard *look(const struct bridges *b, uint64_t hash)
{
	size_t i = (size_t)hash & (b->slots - 1);
	while (b->heard[i].hash != 0 && b->heard[i].hash != hash)
		i = (i + 1) & (b->slots - 1);
	return &b->heard[i];
}

static void make_room(struct bridges *b)
{
	struct heard *old = b->heard;
	size_t slots = b->slots;
	bool full = slots >= 2 * HEARD_MOST; /* forgotten: they are heard again */
	b->slots = full || slots == 0 ? 1024 : 2 * slots;
	b->heard = xcalloc(b->slots, sizeof(struct heard));
	b->heard_n = full ? 0 : b->heard_n;
	for (size_t i = 0; i < slots && !full; i++)
		if (old[i].hash != 0)
			*look(b, old[i].hash) = old[i];
	free(old);
}

static uint64_t hash_of(struct str thing)
{
	return hash64(thing.p, thing.n, 0) | 1;
}

static void remember(struct bridges *b, int index, struct str thing)
{
	uint64_t hash = hash_of(thing);
	pthread_mutex_lock(&b->lock);
	if (2 * (b->heard_n + 1) > b->slots)
		make_room(b);
	struct heard *h = look(b, hash);
	b->heard_n += h->hash == 0;
	*h = (struct heard){hash, index};
	pthread_mutex_unlock(&b->lock);
}

/* Heard since the start, or of a name that one of the brokers has for itself. */
static struct bridge *bridge_of(struct bridges *b, struct str thing)
{
	struct bridge *found = NULL;
	pthread_mutex_lock(&b->lock);
	const struct heard *h = b->slots > 0 ? look(b, hash_of(thing)) : NULL;
	if (h && h->hash != 0)
		found = &b->one[h->index];
	pthread_mutex_unlock(&b->lock);
	for (int i = 0; i < b->n && found == NULL; i++)
		if (b->one[i].commands && b->one[i].device.things && device_may(&b->one[i].device, thing))
			found = &b->one[i];
	return found;
}

/* ---- messages ---- */

static bool map_reading(
        struct bridge *b, const struct reading_rule *rule, const struct topic_taken *t, struct sb *to)
{
	sb_puts(to, "t/");
	size_t at = to->n;
	topic_taken_put(t, rule->thing, to);
	if (to->n == at)
		return false;
	if (b->commands)
		remember(b->all, b->index, (struct str){to->p + at, to->n - at});
	if (rule->metric == NULL)
		return true;
	sb_putc(to, '/');
	topic_taken_put(t, rule->metric, to);
	return true;
}

bool bridges_map(struct bridges *all, int i, struct str topic, struct sb *to)
{
	struct bridge *b = &all->one[i];
	struct topic_taken t;
	if (b->answers && topic_pattern_match(b->answers, topic, &t)) {
		topic_taken_put(&t, "things/{thing}/answers/{id}", to);
		return true;
	}
	for (int k = 0; k < b->rules; k++)
		if (topic_pattern_match(b->rule[k].topic, topic, &t))
			return map_reading(b, &b->rule[k], &t, to);
	return false;
}

static bool map(void *ctx, struct str topic, struct sb *to)
{
	struct bridge *b = ctx;
	return bridges_map(b->all, b->index, topic, to);
}

static int read_secret(
        void *ctx, struct arena *a, const char *path, size_t most_b, struct str *out, struct err *e)
{
	const struct bridge *b = ctx;
	return broker_files_read(b->all->seal, a, path, most_b, out, e);
}

bool bridges_same(const struct bridges *a, const struct bridges *b)
{
	return (a->text.p == NULL) == (b->text.p == NULL) && str_eq(a->text, b->text);
}

void bridges_replace(struct bridges *b, struct bridges *before)
{
	b->before = before;
	for (int i = 0; i < before->n; i++)
		mqtt_link_leave(before->one[i].link);
}

void bridges_start(struct bridges *b, struct mqtt_server *s, const struct seal_ring *seal, void *ctx,
        void *(*user_of)(void *ctx, struct arena *a, const struct device *d))
{
	b->seal = seal;
	for (int i = 0; i < b->n; i++) {
		struct bridge *x = &b->one[i];
		x->o.user = user_of(ctx, b->arena, &x->device);
		x->o.ctx = x;
		x->o.map = map;
		x->o.read = read_secret;
		x->link = mqtt_link_open(s, &x->o);
	}
}

int bridges_count(const struct bridges *b)
{
	return b ? b->n : 0;
}

void bridges_look(const struct bridges *b, int i, struct mqtt_link_state *out)
{
	mqtt_link_look(b->one[i].link, out);
}

int bridges_command(struct bridges *b, const char *thing, const char *id, struct str payload, dur_us wait,
        const char **broker, struct err *e)
{
	struct bridge *x = b ? bridge_of(b, str_of(thing)) : NULL;
	struct topic_taken t = {
	        .n = 2, .name = {STR_LIT("thing"), STR_LIT("id")}, .text = {str_of(thing), str_of(id)}};
	struct sb topic = SB_INIT, answers = SB_INIT;
	if (x == NULL || x->commands == NULL)
		return ERR_NOTFOUND;
	topic_taken_put(&t, x->commands, &topic);
	topic_taken_put(&t, x->answers_text, &answers);
	const struct mqtt_outgoing o = {.topic = sb_str(&topic),
	        .payload = payload,
	        .response_topic = sb_str(&answers),
	        .correlation = str_of(id),
	        .qos = 1,
	        .expires = wait};
	bool sent = mqtt_link_send(x->link, &o);
	*broker = x->o.name;
	sb_fini(&topic);
	sb_fini(&answers);
	return sent ? 0
	            : err_set(e, ERR_UNAVAILABLE, "the broker %s, behind which %s is, is not connected",
	                      x->o.name, thing);
}

#include "cli/engine.h"
#include "base/file.h"
#include "net/fetch.h"

#define PARTS_MOST 64

struct engine {
	const char *write, *read, *erase; /* URLs, without a slash at the end */
	const char *part[PARTS_MOST];
	const char *user, *password;
	struct fetch_link *link; /* the sender's */
};

static const char *address(const struct engine *g, const struct series_ask *q)
{
	switch (q->to) {
	case SERIES_WRITE: return g->write;
	case SERIES_ERASE: return g->erase;
	case SERIES_WATCH: return g->part[q->part];
	default: return g->read;
	}
}

static int ask(void *ctx, const struct series_ask *q, struct arena *a, int *status, struct str *body,
        bool *fresh, struct err *e)
{
	struct engine *g = ctx;
	bool write = q->to == SERIES_WRITE;
	char *url = xasprintf("%s%s", address(g, q), q->path);
	struct fetch f = {.url = url,
	        .body = q->body,
	        .type = q->type,
	        .packed = q->packed,
	        .version = write && q->packed != NULL ? "0.1.0" : NULL,
	        .link = write ? g->link : NULL,
	        .fresh = fresh,
	        .user = g->user,
	        .password = g->password,
	        .plain = true,
	        .max_b = q->max_b,
	        .wait = q->wait};
	int rc = fetch(&f, a, status, body, e);

	free(url);
	return rc;
}

static int check_url(const char *url, enum setting_id id, struct err *e)
{
	struct str s = str_of(url);

	if ((str_starts(s, "http://") || str_starts(s, "https://")) && memchr(s.p, '@', s.n) == NULL &&
	        memchr(s.p, '?', s.n) == NULL)
		return 0;
	err_set(e, ERR_INVALID,
	        "an engine's address looks like https://vm.example:8428, without name and password "
	        "(series-user, "
	        "series-password), not \"%s\"",
	        url);
	return err_at(e, NULL, 0, 0, setting_rows[id].key);
}

static const char *without_slash(struct arena *a, const char *url)
{
	size_t n = strlen(url);

	while (n > 0 && url[n - 1] == '/')
		n--;
	return arena_strndup(a, url, n);
}

/* http://vmselect:8481/select/0/prometheus: its readings are deleted at …/delete/0/prometheus. */
static const char *erase_of(struct arena *a, const char *read)
{
	static const char select[] = "/select/";
	const char *at = strstr(read, select);

	return at == NULL ? read
	                  : arena_printf(a, "%.*s/delete/%s", (int)(at - read), read, at + strlen(select));
}

static int read_parts(const char *text, struct arena *a, struct engine *g, int *n, struct err *e)
{
	struct str rest = str_of(text != NULL ? text : "");
	int rc = 0;

	*n = 0;
	while (rc == 0 && rest.p != NULL && rest.n > 0) {
		struct str url = str_trim(str_cut(&rest, ','));

		if (*n == PARTS_MOST) {
			err_set(e, ERR_INVALID, "an engine has at most %d parts that are watched",
			        PARTS_MOST);
			return err_at(e, NULL, 0, 0, setting_rows[SET_SERIES_PARTS].key);
		}
		g->part[*n] = without_slash(a, arena_strndup(a, url.p, url.n));
		rc = check_url(g->part[(*n)++], SET_SERIES_PARTS, e);
	}
	return rc;
}

#define LABELS_OUT 8

/* name=value, with commas between. */
static int read_labels(const char *text, struct arena *a, struct labels *out, struct err *e)
{
	struct str rest = str_of(text != NULL ? text : "");
	int rc = 0;

	*out = (struct labels){arena_array(a, LABELS_OUT, sizeof(*out->l)), 0};
	while (rc == 0 && rest.p != NULL && rest.n > 0) {
		struct str value = str_trim(str_cut(&rest, ',')), name = str_trim(str_cut(&value, '='));

		value = value.p != NULL ? str_trim(value) : STR_NULL;
		if (out->n == LABELS_OUT || !label_name_valid(name) || str_starts(name, "__") ||
		        str_is(name, "thing") || value.n == 0 || !utf8_valid(value))
			rc = err_set(e, ERR_INVALID,
			        "labels look like site=east or site=east,side=a, at most %d, and none is "
			        "called thing: "
			        "not \"%s\"",
			        LABELS_OUT, text);
		else
			out->l[out->n++] = (struct label){name, value};
	}
	if (rc == 0)
		rc = labels_sort(out, e);
	return rc == 0 ? 0 : err_at(e, NULL, 0, 0, setting_rows[SET_SERIES_LABELS].key);
}

static void end_link(void *arg)
{
	struct fetch_link *l = arg;

	fetch_link_free(&l);
}

/* Addresses of an engine; write is one. */
static int read_addresses(const struct settings *s, struct arena *a, const char *write, struct engine *g,
        int *parts, struct err *e)
{
	const char *read = settings_text(s, SET_SERIES_READ), *erase = settings_text(s, SET_SERIES_ERASE);
	int rc = check_url(write, SET_SERIES, e);

	g->write = without_slash(a, write);
	g->read = read != NULL ? without_slash(a, read) : g->write;
	g->erase = erase != NULL ? without_slash(a, erase) : erase_of(a, g->read);
	if (rc == 0)
		rc = check_url(g->read, SET_SERIES_READ, e);
	if (rc == 0)
		rc = check_url(g->erase, SET_SERIES_ERASE, e);
	return rc == 0 ? read_parts(settings_text(s, SET_SERIES_PARTS), a, g, parts, e) : rc;
}

int engine_options(
        const struct settings *s, struct arena *a, struct series_remote_options **out, struct err *e)
{
	const char *write = settings_text(s, SET_SERIES), *password = settings_text(s, SET_SERIES_PASSWORD);
	struct str text = STR_LIT("");
	struct labels labels;
	struct engine *g;
	int parts = 0, rc;

	*out = NULL;
	if (write == NULL)
		return 0;
	g = arena_alloc(a, sizeof(*g));
	rc = read_addresses(s, a, write, g, &parts, e);
	if (rc == 0)
		rc = read_labels(settings_text(s, SET_SERIES_LABELS), a, &labels, e);
	if (rc == 0 && password != NULL)
		rc = file_read(a, password, 4096, &text, e);
	if (rc < 0)
		return rc;
	text = str_trim(text);
	g->user = settings_text(s, SET_SERIES_USER);
	g->password = arena_strndup(a, text.p, text.n);
	g->link = fetch_link_new();
	arena_cleanup(a, end_link, g->link);
	*out = arena_alloc(a, sizeof(**out));
	**out = (struct series_remote_options){.engine = {.ctx = g, .parts = parts, .ask = ask},
	        .window = settings_int(s, SET_SERIES_WINDOW) * US_MINUTE,
	        .keep = settings_int(s, SET_SERIES_KEEP) * US_DAY,
	        .queue_b = (uint64_t)settings_int(s, SET_SERIES_QUEUE) << 30,
	        .labels = labels};
	return 0;
}

/* What clients of InfluxDB ask before they write. There are no databases here, so each is there already. */
#include "base/json.h"
#include "ingest/door.h"

static void head(struct http_req *r)
{
	http_set_header(r, "X-Influxdb-Version", DOOR_INFLUX_VERSION);
	http_set_header(r, "X-Influxdb-Build", "OSS");
}

void ingest_influx_ping(struct http_req *r)
{
	const char *verbose = http_query(r, "verbose");

	head(r);
	if (verbose == NULL || strcmp(verbose, "true") != 0)
		http_reply(r, 204, NULL, STR_NULL);
	else
		http_reply(r, 200, "application/json", STR_LIT("{\"version\":\"" DOOR_INFLUX_VERSION "\"}"));
}

void ingest_influx_health(struct http_req *r)
{
	head(r);
	http_reply(r, 200, "application/json",
	        STR_LIT("{\"checks\":[],\"message\":\"ready for writes; ask by "
	                "PromQL\",\"name\":\"influxdb\","
	                "\"status\":\"pass\",\"version\":\"" DOOR_INFLUX_VERSION "\"}"));
}

/* One word, quoted by " or not; STR_NULL at the end. */
static struct str word(struct str *rest)
{
	struct str w;
	size_t n = 0;

	*rest = str_trim(*rest);
	if (rest->n == 0)
		return STR_NULL;
	if (rest->p[0] == '"') {
		for (n = 1; n < rest->n && rest->p[n] != '"'; n++)
			n += rest->p[n] == '\\';
		n = n < rest->n ? n + 1 : rest->n;
	} else {
		while (n < rest->n && strchr(" \t\r\n;", rest->p[n]) == NULL)
			n++;
		n += n == 0; /* a lone ; */
	}
	w = (struct str){rest->p, n};
	*rest = (struct str){rest->p + n, rest->n - n};
	return w;
}

static bool is(struct str w, const char *keyword)
{
	return w.n == strlen(keyword) && strncasecmp(w.p, keyword, w.n) == 0;
}

enum statement { STATEMENT_DONE, STATEMENT_DATABASES, STATEMENT_UNKNOWN };

static enum statement statement_of(struct str q)
{
	struct str verb = word(&q), noun = word(&q);

	if (is(verb, "CREATE") && (is(noun, "DATABASE") || is(noun, "RETENTION")))
		return STATEMENT_DONE;
	if (is(verb, "SHOW") && is(noun, "DATABASES"))
		return STATEMENT_DATABASES;
	return STATEMENT_UNKNOWN;
}

static void write_databases(struct jw *w)
{
	jw_key(w, "series");
	jw_raw(w, STR_LIT("[{\"name\":\"databases\",\"columns\":[\"name\"],\"values\":[[\"heming\"]]}]"));
}

void ingest_influx_query(struct ingest *in, struct http_req *r, const char *q)
{
	enum statement what = statement_of(str_of(q != NULL ? q : ""));
	struct device d = {0};
	struct err e = ERR_INIT;
	struct sb b = SB_INIT;
	struct jw w;

	head(r);
	if (door__device(in, r, &d, &e) < 0) {
		door__fail(r, &e);
		return;
	}
	if (what == STATEMENT_UNKNOWN) {
		err_set(&e, ERR_INVALID,
		        "of InfluxQL there are CREATE DATABASE and SHOW DATABASES alone; ask by PromQL at "
		        "/prometheus/api/v1/query");
		door__fail(r, &e);
		return;
	}
	jw_init(&w, &b);
	jw_object(&w);
	jw_key(&w, "results");
	jw_array(&w);
	jw_object(&w);
	jw_kint(&w, "statement_id", 0);
	if (what == STATEMENT_DATABASES)
		write_databases(&w);
	jw_object_end(&w);
	jw_array_end(&w);
	jw_object_end(&w);
	http_reply_take(r, 200, "application/json", &b);
	sb_fini(&b);
}

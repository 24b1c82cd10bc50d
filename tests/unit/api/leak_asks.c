#include "leak.h"
#include "check.h"
#include "city/record.h"

#include <unistd.h>

struct asking {
	struct leak_answers *x;
	const struct city *t;
	const struct leak_ids *ids;
	const char *reader, *token;
	bool writes;
};

/* ---- what there is to ask ---- */

/* Routes that are not asked, and why. */
static const struct {
	const char *begins, *why;
} left_out[] = {
        {"/api/v1/session", "the own session"},
        {"/api/v1/me", "the own account"},
        {"/api/v1/oidc", "before anybody is known"},
        {"/api/v1/accounts", "accounts and approvals lie in no region; administrators see them all"},
        {"/api/v1/approvals", "as accounts"},
        {"/api/v1/events", "a stream: the test follows one of each reader"},
        {"/api/v1/journal/head",
                "salted hashes of all entries: of each other or of nothing, they tell nothing"},
        {"/write", "readings come in, by devices"},
        {"/api/v2/write", "readings come in, by devices"},
        {"/api/v1/write", "readings come in, by devices"},
        {"/prometheus/api/v1/write", "readings come in, by devices"},
        {"/ping", "as before /write"},
        {"/health", "the same; and the process, not the city"},
        {"/query", "as before /write"},
        {"/api/v1/readings", "readings come in, by devices"},
        {"/api/v1/{token}/", "readings come in, by devices"},
        {"/api/v1/ingest/", "devices lie in no region; administrators see them all"},
        {"/api/v1/journal/head", "a hash over all entries and their salts, and how many there are"},
        {"/healthz", "the process, not the city"},
        {"/metrics", "the process, not the city"},
        {"/api/v1/test/", "a tester's, on the own machine"},
};

/* Words for each query parameter. */
static const struct {
	const char *name, *words[16];
} asked[] = {
        {"q", {"甲", "S-", "密", "x9", "AJ-"}},
        {"kind", {"firm", "sensor", "vault", "informer", "record.", "case.opened", "record.added,case."}},
        {"region", {"1001", "1002", "1002001", "2001"}},
        {"org", {"works", "water", "centre"}},
        {"code", {"x", "f1", "d"}},
        {"state", {"open", "closed", "void", "alarm", "case", "silent,acked"}},
        {"changed", {"..2026-07-14", "2026-07-14T08:00:00+08:00..", "2026-07-14"}},
        {"box", {"120,33,121,34", "-180,-90,180,90", "0,0,1"}},
        {"sort", {"code", "-name", "state", "org", "-region", "changed", "staff", "-capital", "boss", "phone",
                         "arrears", "-grade", "watch", "founded"}},
        {"cursor", {"1", "00.1"}},
        {"limit", {"1", "2"}},
        {"after", {"0", "S-1", "3"}},
        {"before", {"20", "9007199254740993"}},
        {"as_of", {"2026-07-14T08:00:00+08:00", "2026-07-14T08:30:00+08:00", "2020-01-01"}},
        {"format", {"csv", "xlsx"}},
        {"reason", {"x"}},
        {"lang", {"en"}},
        {"verdict", {"new", "changed", "refused"}},
        {"version", {"1", "9"}},
        {"open", {"1"}},
        {"thing", {"S-1", "S-2", "X-9", "V-9"}},
        {"rule", {"Leak", "Odd"}},
        {"hours", {"2", "24"}},
        {"stage", {"claim", "handle", "verify"}},
        {"category", {"gas", "other"}},
        {"assignee", {"me", "root"}},
        {"level", {"1", "2", "4", "0", "0,1,2,3,4"}},
        {"overdue", {"1"}},
        {"unit", {"1001", "1002", "%"}},
        {"from", {"2026-07-01", "2026-07-14", "2026-07-14T08:00:00+08:00"}},
        {"to", {"2026-07-14", "2026-07-14T09:00:00+08:00"}},
        {"by", {"day", "kind", "level", "state", "x"}},
        {"of", {"things", "alarms", "x"}},
        {"bbox", {"120.2,33.5,120.2,33.5", "-180,-90,180,90", "1,2"}},
        {"account", {"root", "system", "nobody"}},
        {"n", {"0", "1"}},
        {"account", {"root", "nobody"}},
        {"subject", {"record", "case", "alarm", "account"}},
        {"subject_id", {"firm/f1", "firm/x9", "dossier/d1"}},
        {"name", {"sheet.csv"}},
        {"sheet", {"1"}},
        {"crs", {"gcj02", "wgs84"}},
        {"health", {"any", "silent", "never"}},
        {"blank", {"clear"}},
        {"time", {"2026-07-14T01:00:10Z"}},
        {"timeout", {"10s"}},
        {"lookback_delta", {"2h"}},
        {"start", {"2026-07-14T00:00:00Z"}},
        {"end", {"2026-07-14T01:00:10Z"}},
        {"step", {"600"}},
        {"match[]", {"{__name__!=\"\"}", "ch4", "{kind=\"vault\"}", "hush", "{region=~\"1002.*\"}"}},
        {"skip_head", {"true"}},
        {"metric", {"ch4", "hush"}},
        {"type", {"alert"}},
        {"stats", {"all"}},
        {"limit_per_metric", {"1"}},
        {"rule_name[]", {"Leak", "Odd"}},
        {"rule_group[]", {"mini"}},
        {"file[]", {"mini"}},
        {"exclude_alerts", {"true"}},
        {"group_limit", {"1"}},
        {"group_next_token", {"x"}},
        {"query", {"{__name__!=\"\"}", "count({__name__!=\"\"})", "absent(ch4{thing=\"X-9\"})",
                          "sum by (thing, region, org, kind) ({__name__!=\"\"})",
                          "count_over_time({thing!=\"\"}[2h])", "{kind=\"vault\"} or {region=~\"1002.*\"}",
                          "topk(3, hush)", "ch4 > on (thing) group_left () (0 * ch4)",
                          "vector(1) unless hush", "scalar(count({thing=~\"X.*\"}))",
                          "max_over_time(sum(ch4)[1h:10m])", "ch4 >", "info(ch4)"}},
};

/* What a route must be asked with to get anywhere. */
static const struct {
	const char *begins, *query;
} always[] = {
        {"/api/v1/exports/", "reason=looking"},
        {"/api/v1/map/", "bbox=119,33,121,34"},
        {"/api/v1/imports/template", "kind=firm"},
        {"/api/v1/imports", "kind=firm&name=s.csv"},
        {"/api/v1/files", "name=f.txt"},
        {"/prometheus/",
                "query=ch4&match[]={__name__!%3D\"\"}&start=2026-07-14T00:00:00Z&end=2026-07-14T01:00:"
                "10Z&step=600&time=2026-07-14T01:00:10Z&lookback_delta=2h"},
};

/* Words for bodies. */
static const struct {
	const char *schema, *body[8];
} bodies[] = {
        {"Query", {"{\"reason\":\"looking\",\"sql\":\"SELECT * FROM v_firm ORDER BY phone, code\"}",
                          "{\"reason\":\"looking\",\"sql\":\"SELECT f.*, p.* FROM v_firm f LEFT JOIN v_park "
                          "p ON "
                          "p.code = f.park OR p.code = f.watch\"}",
                          "{\"reason\":\"looking\",\"sql\":\"SELECT * FROM v_cases, v_alarms\"}",
                          "{\"reason\":\"looking\",\"sql\":\"SELECT * FROM v_things\"}",
                          "{\"reason\":\"looking\",\"sql\":\"SELECT * FROM v_measures\"}",
                          "{\"reason\":\"looking\",\"sql\":\"SELECT * FROM v_informer, v_vault, v_dossier\"}",
                          "{\"reason\":\"looking\",\"sql\":\"SELECT count(*) FROM "
                          "v_firm\",\"where\":{\"v_firm\":"
                          "{\"phone\":\"13912345678\",\"q\":\"密\"}}}"}},
        {"ThingIn", {"{\"kind\":\"valve\",\"name\":\"y\",\"region\":\"1002\",\"org\":\"water\"}"}},
        {"DeviceAdopt", {"{\"kind\":\"sensor\",\"name\":\"y\",\"region\":\"1002\"}"}},
        {"DeviceMerge", {"{\"into\":\"X-9\"}", "{\"into\":\"S-1\"}"}},
        {"CommandIn", {"{\"command\":{\"open\":true},\"timeout_s\":1}"}},
        {"RecordIn", {"{\"code\":\"new\",\"name\":\"n\",\"attrs\":{\"park\":\"x9\",\"about\":\"x9\","
                      "\"above\":\"x9\"}}",
                             "{\"code\":\"new\",\"name\":\"n\",\"region\":\"1002\",\"org\":\"water\"}"}},
        {"RecordRestore", {"{\"rev\":1}"}},
        {"RecordMerge", {"{\"into\":\"f1\"}", "{\"into\":\"x9\"}"}},
        {"RecordReveal",
                {"{\"reason\":\"looking for it\"}", "{\"reason\":\"looking\",\"fields\":[\"grade\"]}"}},
        {"CaseIn", {"{\"category\":\"gas\",\"title\":\"t\",\"thing\":\"X-9\"}",
                           "{\"category\":\"gas\",\"title\":\"t\",\"thing\":\"V-9\"}",
                           "{\"category\":\"gas\",\"title\":\"t\",\"region\":\"1002\"}"}},
        {"CaseStep", {"{\"note\":\"n\"}"}},
        {"CaseHandover", {"{\"org\":\"works\",\"note\":\"n\"}"}},
        {"CaseComplete", {"{\"outcome\":\"done\",\"note\":\"n\"}"}},
        {"CaseMessage", {"{\"name\":\"m\"}"}},
        {"FlowMessage", {"{\"name\":\"m\",\"key\":\"k\"}"}},
        {"FlowSignal", {"{\"name\":\"m\"}"}},
        {"SeriesRemovalIn", {"{\"selectors\":[\"hush\",\"{thing=\\\"X-9\\\"}\"],\"reason\":\"looking\"}",
                                    "{\"selectors\":[\"{kind=\\\"vault\\\"}\"],\"reason\":\"looking\"}",
                                    "{\"selectors\":[\"{region=~\\\"1002.*\\\"}\"],\"end\":\"2026-07-14T08:"
                                    "00:00\",\"reason\":\"looking\"}",
                                    "{\"everything\":true,\"reason\":\"looking\"}"}},
        {"FlowMigration", {"{\"look\":true}", "{\"renamed\":{\"a\":\"b\"}}"}},
};

/* Codes that both cities know, that one of them knows, and that none knows. */
static const char *const record_codes[] = {"f1", "f2", "f5", "f6", "p1", "p9", "x0", "x8", "x9", "d1", "S-1",
        "S-2", "X-9", "V-9", "nothing", NULL};
static const char *const foreign_codes[] = {"x9", "X-9", "V-9", "nothing", NULL};

/* ---- the answers ---- */

/* Numbers of the process, not of the city. */
static void without(struct sb *out, const char *s)
{
	static const struct {
		const char *name, *end;
	} parts[] = {{"\"request\":\"", "\""}, {"\"evaluationTime\":", ",}"}, {"\"next\":\"sealed:", "\""},
	        {"\"timings\":{", "}"}, {"\"estimate_s\":", ",}"}, {"\"free_bytes\":", ",}"}};

	while (*s != '\0') {
		size_t i = 0;

		while (i < ARRAY_LEN(parts) && strncmp(s, parts[i].name, strlen(parts[i].name)) != 0)
			i++;
		if (i == ARRAY_LEN(parts)) {
			sb_putc(out, *s++);
			continue;
		}
		sb_puts(out, parts[i].name);
		s += strlen(parts[i].name);
		s += strcspn(s, parts[i].end);
	}
}

static char *said(const struct answer *a)
{
	struct sb b = SB_INIT;

	sb_printf(&b, "%d %s\n", a->status, a->mime);
	sb_puts(&b, a->header);
	sb_putc(&b, '\n');
	if (strstr(a->mime, "vector-tile") == NULL)
		without(&b, a->body);
	else
		for (size_t i = 0; i < a->body_n; i++)
			sb_printf(&b, "%02x", (unsigned char)a->body[i]);
	return sb_detach(&b, NULL);
}

static void tell(struct leak_answers *x, const char *what, const char *was, const char *is)
{
	size_t i = 0, from;

	while (was[i] != '\0' && was[i] == is[i])
		i++;
	from = i > 160 ? i - 160 : 0;
	if (x->told++ < 8)
		check_fail("%s tells what its reader must not see:\n  %.400s\nor\n  %.400s", what, was + from,
		        is + from);
}

static void keep(struct leak_answers *x, const char *what, char *text)
{
	const struct leak_answer *was =
	        x->against != NULL && x->n < x->against->n ? &x->against->v[x->n] : NULL;

	if (x->n == x->cap) {
		x->cap = x->cap > 0 ? 2 * x->cap : 1024;
		x->v = xrealloc(x->v, x->cap * sizeof(*x->v));
	}
	x->v[x->n++] = (struct leak_answer){xstrdup(what), text};
	if (x->against == NULL)
		return;
	if (was == NULL || strcmp(was->what, what) != 0) {
		if (x->told++ < 8)
			check_fail("%s was not asked in the other city, but %s", what,
			        was != NULL ? was->what : "nothing");
	} else if (strcmp(was->said, text) != 0) {
		tell(x, what, was->said, text);
	}
}

void leak_note(struct leak_answers *x, const char *what, const char *words)
{
	keep(x, what, xstrdup(words));
}

void leak_free(struct leak_answers *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].what);
		free(x->v[i].said);
	}
	free(x->v);
	*x = (struct leak_answers){0};
}

/* ---- asking ---- */

/* What was taken on is carried out beside the door: the next answer tells of its end, never of its middle. */
static void wait_for_end(struct asking *k, const char *target)
{
	const char *set = text("%.*s", (int)(strrchr(target, '/') - target), target);

	for (int i = 0; i < 2000; i++) {
		struct answer a = ask("GET", set, k->token, NULL);

		if (strstr(a.body, "\"state\":\"running\"") == NULL &&
		        strstr(a.body, "\"state\":\"undoing\"") == NULL)
			return;
		usleep(5000);
	}
	check_fail("%s does not come to an end", set);
}

static struct answer ask_one(struct asking *k, const struct route *r, const char *target, const char *body)
{
	const char *method = http_method_name(r->method);
	struct answer a = ask(method, target, k->token, body);
	const char *sealed = strstr(target, "sealed:"); /* a cursor, another each time */
	int told = (int)(sealed != NULL ? (size_t)(sealed - target) : strlen(target));

	keep(k->x, text("%s: %s %.*s %s", k->reader, method, told, target, body != NULL ? body : ""),
	        said(&a));
	if (a.status == 202)
		wait_for_end(k, target);
	return a;
}

static const char *escaped(const char *words)
{
	struct sb b = SB_INIT;
	const char *out;

	url_escape(&b, words);
	out = text("%s", b.p != NULL ? b.p : "");
	sb_fini(&b);
	return out;
}

static bool has_word(const char *words, const char *name)
{
	struct str rest = str_of(words);

	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' ');

		if (str_is(str_cut(&word, ':'), name))
			return true;
	}
	return false;
}

/* Page by page, of one row each. */
static void walk(struct asking *k, const struct route *r, const char *path, const char *query)
{
	static const char *const ways[] = {"cursor", "before", "after"};
	const char *way = NULL, *next = "";

	for (size_t i = 0; i < ARRAY_LEN(ways) && way == NULL; i++)
		if (has_word(r->query, ways[i]) && strcmp(r->path, "/api/v1/journal") != 0)
			way = ways[i];
	if (way == NULL || !has_word(r->query, "limit"))
		return;
	for (int pages = 0; pages < 40; pages++) {
		struct answer a = ask_one(k, r,
		        text("%s?limit=1%s%s%s%s%s", path, *query != '\0' ? "&" : "", query,
		                *next != '\0' ? "&" : "", *next != '\0' ? way : "",
		                *next != '\0' ? text("=%s", next) : ""),
		        NULL);
		const char *p = strstr(a.body, "\"next\":");

		if (a.status != 200 || p == NULL || strncmp(p + 7, "null", 4) == 0)
			return;
		p += 7 + (p[7] == '"');
		next = text("%.*s", (int)strcspn(p, "\",}"), p);
	}
}

/* An export asks as a list does, and is an entry in the journal each time: one word of each kind is enough.
 */
static bool enough(const struct route *r, size_t asked_words)
{
	return asked_words > 0 && strncmp(r->path, "/api/v1/exports/", 16) == 0;
}

static void ask_field(struct asking *k, const struct route *r, const char *path, const char *base)
{
	static const char *const words[] = {"1", "50..150", "-", "a", "p1", "x9", "张三", "2026-01-01.."};
	const struct catalog *c = k->t->site->catalog;

	for (int i = 0; i < c->kinds; i++) {
		const struct kind *kind = &c->kind[i];

		if (strstr(path, text("/%s", kind->code)) == NULL)
			continue;
		for (int f = 0; f < kind->fields; f++)
			for (size_t w = 0; w < ARRAY_LEN(words) && !enough(r, w); w++)
				(void)ask_one(k, r,
				        text("%s?%s%sf.%s=%s", path, base, *base != '\0' ? "&" : "",
				                kind->field[f].key, escaped(words[w])),
				        NULL);
	}
}

static void ask_parameter(
        struct asking *k, const struct route *r, const char *path, const char *base, const char *name)
{
	if (strcmp(name, "f.KEY") == 0) {
		ask_field(k, r, path, base);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		if (strcmp(asked[i].name, name) != 0)
			continue;
		for (const char *const *w = asked[i].words;
		        *w != NULL && !enough(r, (size_t)(w - asked[i].words)); w++)
			(void)ask_one(k, r,
			        text("%s?%s=%s%s%s", path, escaped(name), escaped(*w),
			                *base != '\0' ? "&" : "", base),
			        NULL);
		return;
	}
	check_fail("nobody knows how to ask %s with %s: teach leak_asks.c", r->path, name);
}

static const char *base_of(const struct route *r)
{
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		if (strncmp(r->path, always[i].begins, strlen(always[i].begins)) == 0)
			return always[i].query;
	return "";
}

static void read_path(struct asking *k, const struct route *r, const char *path)
{
	const char *base = base_of(r);
	struct str rest = str_of(r->query);

	if (r->method == HTTP_POST) { /* a form */
		(void)ask_one(k, r, path, base);
		return;
	}
	(void)ask_one(k, r, text("%s%s%s", path, *base != '\0' ? "?" : "", base), NULL);
	walk(k, r, path, base);
	if (strstr(r->path, "{kind}") != NULL && has_word(r->query, "sort"))
		walk(k, r, path, "sort=-name");
	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' '), name = str_cut(&word, ':');

		ask_parameter(k, r, path, base, text(STR_FMT, STR_ARG(name)));
	}
}

/* What may be overwritten in one city and not in the other has no answer that both could give. */
static bool is_put(const struct route *r)
{
	return r->method == HTTP_PUT;
}

static void write_path(struct asking *k, const struct route *r, const char *path)
{
	if (is_put(r) && strstr(path, "9") != NULL)
		return;
	if (*r->request == '\0') {
		(void)ask_one(k, r, text("%s%s%s", path, *base_of(r) != '\0' ? "?" : "", base_of(r)),
		        r->flags & ROUTE_FILE ? "统一社会信用代码,名称\nx9,y\n" : NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		if (strcmp(bodies[i].schema, r->request) != 0)
			continue;
		for (const char *const *b = bodies[i].body; *b != NULL; b++)
			(void)ask_one(k, r, path, *b);
		return;
	}
	check_fail("nobody knows a body for %s of %s: teach leak_asks.c", r->request, r->path);
}

static void ask_path(struct asking *k, const struct route *r, const char *path);

static void fill(struct asking *k, const struct route *r, const char *path, const char *value)
{
	const char *open = strchr(path, '{'), *close = strchr(path, '}');

	ask_path(k, r, text("%.*s%s%s", (int)(open - path), path, value, close + 1));
}

/* From the whole world to one house, and none. */
static void fill_tiles(struct asking *k, const struct route *r, const char *path)
{
	static const char *const tiles[] = {"0/0/0", "6/53/25", "10/853/410", "12/3415/1643",
	        "17/109299/52578", "22/3497583/1682498", "3/9/0"};
	const char *open = strstr(path, "{z}"), *close = strstr(path, "{y}") + 3;

	for (size_t i = 0; i < ARRAY_LEN(tiles); i++)
		ask_path(k, r, text("%.*s%s%s", (int)(open - path), path, tiles[i], close));
}

static void fill_ids(struct asking *k, const struct route *r, const char *path, const char (*v)[24], int n)
{
	for (int i = 0; i < n; i++)
		fill(k, r, path, v[i]);
	fill(k, r, path, "1");
}

/* The first {…} of the path by all that it may be. */
static void ask_path(struct asking *k, const struct route *r, const char *path)
{
	const char *open = strchr(path, '{');
	const struct catalog *c = k->t->site->catalog;
	const char *const *codes = k->writes ? foreign_codes : record_codes;

	if (open == NULL) {
		if (k->writes)
			write_path(k, r, path);
		else
			read_path(k, r, path);
	} else if (strncmp(open, "{z}", 3) == 0) {
		fill_tiles(k, r, path);
	} else if (strncmp(open, "{kind}", 6) == 0) {
		for (int i = 0; i < c->kinds; i++)
			fill(k, r, path, c->kind[i].code);
	} else if (strncmp(path, "/api/v1/cases/{id}", 18) == 0) {
		for (int i = 0; i < k->ids->n_codes; i++)
			fill(k, r, path, k->ids->codes[i]);
		fill_ids(k, r, path, k->ids->cases, k->ids->n_cases);
	} else if (strncmp(path, "/api/v1/alarms/{id}", 19) == 0) {
		fill_ids(k, r, path, k->ids->alarms, k->ids->n_alarms);
	} else if (strncmp(path, "/api/v1/changesets/{id}", 23) == 0) {
		fill_ids(k, r, path, k->ids->changesets, k->ids->n_changesets);
	} else if (strncmp(path, "/api/v1/series/removals/{id}", 28) == 0) {
		fill(k, r, path, "1");
	} else if (strncmp(path, "/api/v1/indicators/{code}", 25) == 0) {
		for (int i = 0; i < c->indicators; i++)
			fill(k, r, path, c->indicator[i].code);
	} else if (strncmp(path, "/api/v1/flows/{code}", 20) == 0) {
		fill(k, r, path, "handling");
	} else if (strncmp(open, "{code}", 6) == 0) {
		for (; *codes != NULL; codes++)
			fill(k, r, path, *codes);
	} else if (strncmp(open, "{field}", 7) == 0) {
		for (int i = 0; i < c->kinds; i++)
			for (int f = 0; f < c->kind[i].fields; f++)
				if (strstr(path, text("/%s/", c->kind[i].code)) != NULL)
					fill(k, r, path, c->kind[i].field[f].key);
	} else if (strncmp(open, "{name}", 6) == 0) {
		static const char *const labels[] = {"thing", "region", "org", "kind", "__name__", "odd"};

		for (size_t i = 0; i < ARRAY_LEN(labels); i++)
			fill(k, r, path, labels[i]);
	} else {
		check_fail("nobody knows what to put into %s: teach leak_asks.c", r->path);
	}
}

static bool is_left_out(const struct route *r)
{
	for (size_t i = 0; i < ARRAY_LEN(left_out); i++)
		if (strncmp(r->path, left_out[i].begins, strlen(left_out[i].begins)) == 0)
			return true;
	return false;
}

static void ask_all(struct asking *k)
{
	for (int i = 0; i < api_routes_n; i++) {
		const struct route *r = &api_routes[i];
		bool reads = r->method == HTTP_GET || (r->flags & ROUTE_PROM && !(r->flags & ROUTE_CSRF));

		if (!is_left_out(r) && reads == !k->writes)
			ask_path(k, r, r->path);
	}
}

void leak_read(struct leak_answers *x, const struct city *t, const struct leak_ids *ids, const char *reader,
        const char *token)
{
	ask_all(&(struct asking){x, t, ids, reader, token, false});
}

void leak_write(struct leak_answers *x, const struct city *t, const struct leak_ids *ids, const char *reader,
        const char *token)
{
	ask_all(&(struct asking){x, t, ids, reader, token, true});
}

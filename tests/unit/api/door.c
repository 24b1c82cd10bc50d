#include "door.h"
#include "base/doc.h"
#include "base/file.h"
#include "check.h"
#include "city/pack.h"

#include <errno.h>
#include <sys/mman.h>
#include <strings.h>
#include <unistd.h>

#define PAIRS 32

struct pair {
	const char *name, *value;
};
struct http_req {
	enum http_method method;
	char *path;
	struct pair query[PAIRS], header[PAIRS];
	int queries, headers;
	struct str body;
	struct arena *a;
	void *data;
	struct sb reply_header;
	struct answer answer;
	bool answered, stream;
};
struct http_stream {
	struct sb text;
	bool ended, deaf;
	void (*closed)(void *ctx);
	void *ctx;
};
struct http_server {
	struct http_door door;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct http_server *the_server;
static struct http_stream *the_stream;
static bool deaf_next;
static struct arena *kept; /* texts that a test looks at, until its city is closed */

static const char *keep(const char *p, size_t n)
{
	const char *out;

	pthread_mutex_lock(&lock);
	out = arena_strndup(kept, n > 0 ? p : "", n);
	pthread_mutex_unlock(&lock);
	return out;
}

const char *text(const char *fmt, ...)
{
	struct sb b = SB_INIT;
	const char *out;
	va_list ap;

	va_start(ap, fmt);
	sb_vprintf(&b, fmt, ap);
	va_end(ap);
	out = keep(b.p, b.n);
	sb_fini(&b);
	return out;
}

/* ---- http.h ---- */

static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};

const char *http_method_name(enum http_method m)
{
	return methods[m];
}

int http_listen(
        const struct http_options *o, const struct http_door *door, struct http_server **out, struct err *e)
{
	(void)o;
	(void)e;
	*out = xcalloc(1, sizeof(**out));
	(*out)->door = *door;
	the_server = *out;
	return 0;
}

bool http_has_certificate(const struct http_server *s)
{
	(void)s;
	return true;
}

int http_reload(struct http_server *s, time_us *until, struct err *e)
{
	(void)s;
	(void)until;
	return err_set(e, ERR_STATE, "no door here has a certificate");
}

int http_port(const struct http_server *s)
{
	return s != NULL ? 1 : 0;
}

void stream_leave(void)
{
	struct http_stream *s;

	pthread_mutex_lock(&lock);
	s = the_stream;
	the_stream = NULL;
	pthread_mutex_unlock(&lock);
	if (s == NULL)
		return;
	s->closed(s->ctx);
	sb_fini(&s->text);
	free(s);
}

void http_close(struct http_server **s, dur_us grace)
{
	(void)grace;
	stream_leave();
	free(*s);
	*s = the_server = NULL;
}

enum http_method http_method(const struct http_req *r)
{
	return r->method;
}

const char *http_path(const struct http_req *r)
{
	return r->path;
}

const char *http_id(const struct http_req *r)
{
	(void)r;
	return "0123456789abcdef";
}

static const char *pair_find(const struct pair *p, int n, const char *name, bool any_case)
{
	for (int i = 0; i < n; i++)
		if ((any_case ? strcasecmp(p[i].name, name) : strcmp(p[i].name, name)) == 0)
			return p[i].value;
	return NULL;
}

const char *http_query(const struct http_req *r, const char *name)
{
	return pair_find(r->query, r->queries, name, false);
}

const char **http_query_all(const struct http_req *r, const char *name)
{
	const char **out = arena_array(r->a, PAIRS + 1, sizeof(*out));
	int n = 0;

	for (int i = 0; i < r->queries; i++)
		if (strcmp(r->query[i].name, name) == 0)
			out[n++] = r->query[i].value;
	return out;
}

const char **http_query_names(const struct http_req *r)
{
	const char **out = arena_array(r->a, PAIRS + 1, sizeof(*out));

	for (int i = 0; i < r->queries; i++)
		out[i] = r->query[i].name;
	return out;
}

const char *http_header(const struct http_req *r, const char *name)
{
	return pair_find(r->header, r->headers, name, true);
}

const char *http_cookie(const struct http_req *r, const char *name)
{
	struct str rest = str_of(http_header(r, "Cookie"));

	while (rest.p != NULL) {
		struct str value = str_trim(str_cut(&rest, ';')), n = str_cut(&value, '=');

		if (str_is(n, name))
			return arena_strndup(r->a, value.p, value.n);
	}
	return NULL;
}

struct str http_body(const struct http_req *r)
{
	return r->body;
}

const char *http_remote(const struct http_req *r)
{
	const char *s = http_header(r, "Test-Remote");

	return s != NULL ? s : "127.0.0.1";
}

bool http_proxied(const struct http_req *r)
{
	return http_header(r, "Test-Proxied") != NULL;
}

bool http_secure(const struct http_req *r)
{
	return http_header(r, "Test-Secure") != NULL;
}

struct arena *http_arena(struct http_req *r)
{
	return r->a;
}

void http_set_data(struct http_req *r, void *data)
{
	r->data = data;
}

void *http_data(const struct http_req *r)
{
	return r->data;
}

void http_set_header(struct http_req *r, const char *name, const char *value)
{
	sb_printf(&r->reply_header, "%s: %s\n", name, value);
}

const char *http_answer_header(const struct http_req *r, const char *name)
{
	struct answer a = {.header = r->reply_header.n > 0 ? r->reply_header.p : ""};

	return answer_header(&a, name);
}

void http_reply(struct http_req *r, int status, const char *mime, struct str body)
{
	struct answer a = {.status = status,
	        .mime = mime != NULL ? keep(mime, strlen(mime)) : "",
	        .body = keep(body.p, body.n),
	        .header = keep(r->reply_header.p, r->reply_header.n),
	        .body_n = body.n};

	pthread_mutex_lock(&lock);
	check(!r->answered);
	r->answer = a;
	r->answered = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

void http_reply_take(struct http_req *r, int status, const char *mime, struct sb *body)
{
	http_reply(r, status, mime, sb_str(body));
	sb_fini(body);
}

void http_reply_file(struct http_req *r, int status, const char *mime, int fd, uint64_t n)
{
	char *p = xcalloc(n + 1, 1);

	check_eq_i(pread(fd, p, n, 0), (ssize_t)n);
	close(fd);
	http_reply(r, status, mime, (struct str){p, n});
	free(p);
}

void http_reply_gzip(struct http_req *r, int status, const char *mime, const void *gz, size_t n)
{
	http_reply(r, status, mime, (struct str){gz, n});
}

struct http_stream *http_stream_begin(
        struct http_req *r, const char *mime, void (*closed)(void *ctx), void *ctx)
{
	struct http_stream *s = xcalloc(1, sizeof(*s));

	s->closed = closed;
	s->ctx = ctx;
	pthread_mutex_lock(&lock);
	must(the_stream == NULL); /* the test leaves one stream before it opens the next */
	s->deaf = deaf_next;
	the_stream = s;
	pthread_mutex_unlock(&lock);
	http_reply(r, 200, mime, STR_NULL);
	return s;
}

bool http_stream_send(struct http_stream *s, struct str text)
{
	bool ok;

	pthread_mutex_lock(&lock);
	ok = !s->deaf;
	if (ok)
		sb_putstr(&s->text, text);
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
	return ok;
}

void http_stream_end(struct http_stream *s)
{
	pthread_mutex_lock(&lock);
	s->ended = true;
	pthread_cond_broadcast(&changed);
	pthread_mutex_unlock(&lock);
}

/* ---- asking ---- */

static char *decode(struct arena *a, struct str s)
{
	struct form *f = NULL;

	form_parse(a, str_of(arena_printf(a, "x=" STR_FMT, STR_ARG(s))), &f);
	return arena_strdup(a, form_get(f, "x"));
}

static void read_target(struct http_req *r, const char *target)
{
	struct str rest = str_of(target), path = str_cut(&rest, '?');

	r->path = decode(r->a, path);
	while (rest.n > 0 && r->queries < PAIRS) {
		struct str value = str_cut(&rest, '&'), name = str_cut(&value, '=');

		r->query[r->queries++] = (struct pair){decode(r->a, name), decode(r->a, value)};
	}
}

static void read_headers(struct http_req *r, const char *text)
{
	struct str rest = str_of(text);

	while (rest.n > 0 && r->headers < PAIRS) {
		struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');

		value = str_trim(value);
		r->header[r->headers++] = (struct pair){
		        arena_strndup(r->a, name.p, name.n), arena_strndup(r->a, value.p, value.n)};
	}
}

/* Of all tests, which are processes of their own: made before the first, and shared. */
static struct {
	int all;
	bool good[512];
} * covered;

__attribute__((constructor)) static void cover(void)
{
	covered = mmap(NULL, sizeof(*covered), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	must(covered != MAP_FAILED && api_routes_n <= (int)ARRAY_LEN(covered->good));
}

bool door_covered(const struct route *r, int *all)
{
	*all = covered->all;
	return covered->good[r - api_routes];
}

static void check_json(const struct http_req *r, const char *schema)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct doc *d = NULL;

	if (check_ok(doc_parse_json(a, str_of(r->answer.body), r->path, &d, &e), &e))
		check_ok(schema_check(d, schema, r->path, &e), &e);
	arena_free(&a);
}

/* What GET /api/openapi.json promises. */
static void check_promise(const struct http_req *r)
{
	const struct api_server *s = the_server->door.ctx;
	struct route_match m;
	const struct answer *x = &r->answer;

	if (!router_find(s->router, r->method, r->path, &m) || m.route == NULL || x->status == 413)
		return;
	covered->all++;
	if (x->status == 304) {
		check_eq_s(x->body, "");
	} else if (x->status >= 400 && m.route->handle != healthz_get) {
		const char *mime, *schema = route_failure(m.route, &mime);

		check_eq_s(x->mime, mime);
		check_json(r, schema);
	} else {
		covered->good[m.route - api_routes] = true;
		if (x->status < 400 && !(x->status == 202 && m.route->flags & ROUTE_WAITS))
			check_eq_i(x->status, route_status(m.route));
		if (m.route->reply[0] == '\0')
			check_eq_s(x->body, "");
		else if (strcmp(m.route->reply, "application/octet-stream") == 0)
			check(x->mime[0] != '\0'); /* a file of one of several kinds */
		else if (strchr(m.route->reply, '/') != NULL)
			check(strncmp(x->mime, m.route->reply, strlen(m.route->reply)) == 0);
		else
			check_json(r, m.route->reply);
	}
}

struct answer ask(const char *method, const char *target, const char *headers, const char *body)
{
	struct arena *a = arena_new(0);
	struct http_req *r = arena_alloc(a, sizeof(*r));
	struct answer out;

	r->a = a;
	for (int i = 0; i < HTTP_OTHER; i++)
		if (strcmp(methods[i], method) == 0)
			r->method = (enum http_method)i;
	read_target(r, target);
	read_headers(r, headers);
	r->body = body != NULL ? str_of(arena_strdup(a, body)) : STR_NULL;
	if (r->body.n > the_server->door.admit(the_server->door.ctx, r)) {
		r->answer = (struct answer){413, "", "", "", 0};
	} else {
		the_server->door.serve(the_server->door.ctx, r);
		pthread_mutex_lock(&lock);
		while (!r->answered)
			pthread_cond_wait(&changed, &lock);
		pthread_mutex_unlock(&lock);
	}
	the_server->door.done(the_server->door.ctx, r, r->answer.status, 1);
	check_promise(r);
	out = r->answer;
	sb_fini(&r->reply_header);
	arena_free(&a);
	return out;
}

const char *answer_header(const struct answer *a, const char *name)
{
	struct str rest = str_of(a->header);

	while (rest.n > 0) {
		struct str value = str_cut(&rest, '\n'), n = str_cut(&value, ':');

		if (str_is(n, name)) {
			value = str_trim(value);
			return keep(value.p, value.n);
		}
	}
	return NULL;
}

bool stream_waits_for(const char *words)
{
	struct timespec t;
	bool there = false;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 10;
	pthread_mutex_lock(&lock);
	while (rc != ETIMEDOUT) {
		there = the_stream != NULL && the_stream->text.n > 0 &&
		        strstr(the_stream->text.p, words) != NULL;
		if (there)
			break;
		rc = pthread_cond_timedwait(&changed, &lock, &t);
	}
	pthread_mutex_unlock(&lock);
	return there;
}

const char *stream_text(void)
{
	const char *out;

	pthread_mutex_lock(&lock);
	out = the_stream != NULL && the_stream->text.n > 0
	              ? arena_strndup(kept, the_stream->text.p, the_stream->text.n)
	              : "";
	pthread_mutex_unlock(&lock);
	return out;
}

bool stream_ended(void)
{
	struct timespec t;
	bool ended;
	int rc = 0;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 10;
	pthread_mutex_lock(&lock);
	while (the_stream != NULL && !the_stream->ended && rc != ETIMEDOUT)
		rc = pthread_cond_timedwait(&changed, &lock, &t);
	ended = the_stream == NULL || the_stream->ended;
	pthread_mutex_unlock(&lock);
	return ended;
}

void stream_deaf(bool deaf)
{
	pthread_mutex_lock(&lock);
	deaf_next = deaf;
	if (the_stream != NULL)
		the_stream->deaf = deaf;
	pthread_mutex_unlock(&lock);
}

/* ---- the city ---- */

static const struct {
	const char *path, *text;
} pack_files[] = {
        {"pack.yaml",
                "code: test\nversion: 1.0.0\nname: 测试\nname_en: Test\ncity: 测试市\ncity_en: Testville\n"
                "zone: Asia/Shanghai\nregion: \"32\"\nbox: [119, 32, 121, 34]\n"},
        {"regions.csv", "code,parent,level,name,name_en,lon,lat,unit\n"
                        "32,,2,测试市,Testville,120,33,\n"
                        "3201,32,3,甲区,Jia,120.5,33.5,1\n"
                        "3202,32,3,乙区,Yi,119.5,33.5,1\n"},
        {"orgs.csv", "code,parent,kind,region,name,name_en,phone,duties\n"
                     "o1,,department,32,甲局,Bureau A,,gas\n"
                     "o2,,department,32,乙局,Bureau B,,water\n"},
        {"kinds/gas.yaml",
                "code: gas\nname: 燃气\nname_en: Gas\nicon: gas\nthing: true\n"
                "interval: 60s\nbattery: {metric: battery, low: 25}\n"
                "adopt: {code: \"AUTO-[0-9]+\", name: 自动站, region: \"3201\"}\n"
                "fields:\n"
                "  - {key: address, name: 地址, name_en: Address, type: text}\n"
                "  - {key: phone, name: 电话, name_en: Phone, type: text, secrecy: 3, mask: phone}\n"
                "quantities:\n"
                "  - {metric: ch4_lel, name: 甲烷, name_en: Methane, unit: \"%LEL\", low: 0, high: 100}\n"},
        {"kinds/firm.yaml",
                "code: firm\nname: 企业\nname_en: Firm\nkey: uscc\nwrite: [desk, admin]\n"
                "states: [{code: open, name: 存续, name_en: Open, color: green}, {code: shut, name: 注销, "
                "name_en: Shut}]\n"
                "fields:\n"
                "  - {key: uscc, name: 信用代码, name_en: Code, check: uscc, unique: true, list: true}\n"
                "  - {key: staff, name: 人数, name_en: Staff, type: integer, min: 0, list: true, filter: "
                "true}\n"
                "  - {key: trade, name: 行业, name_en: Trade, type: code, filter: true, options: [{code: a, "
                "name: 农业}, {code: b, name: 工业}]}\n"
                "  - {key: scope, name: 经营范围, name_en: Scope, search: true}\n"
                "  - {key: parent, name: 上级, name_en: Parent, type: reference, ref: firm, tree: true, "
                "list: true}\n"
                "  - {key: licence, name: 执照, type: file, many: true}\n"
                "  - {key: drawing, name: 图纸, type: file, secrecy: 3}\n"
                "  - {key: boss, name: 法人, name_en: Boss, secrecy: 2, mask: name}\n"
                "  - {key: phone, name: 电话, name_en: Phone, secrecy: 3, mask: phone, filter: true}\n"},
        {"kinds/plan.yaml", "code: plan\nname: 预案\nname_en: Plan\nsecrecy: 4\nwrite: [admin]\n"
                            "fields:\n  - {key: firm, name: 企业, type: reference, ref: firm}\n"},
        {"things/gas.csv", "code,name,name_en,org,region,lon,lat,demo,address,phone\n"
                           "G-1,一号,One,o1,3201,120.5,33.5,1,某路1号,13912345678\n"
                           "G-2,二号,Two,o1,3202,119.5,33.5,,某路2号,13987654321\n"
                           "G-3,三号,Three,o2,3202,119.5,33.5,,,\n"},
};

static void write_pack(void)
{
	struct err e = ERR_INIT;

	for (size_t i = 0; i < ARRAY_LEN(pack_files); i++) {
		const char *path = test_path(pack_files[i].path);
		char *dir = xstrdup(path);

		*strrchr(dir, '/') = '\0';
		check_ok(file_mkdirs(dir, &e), &e);
		free(dir);
		check_ok(file_write(path, pack_files[i].text, strlen(pack_files[i].text), 0640, &e), &e);
	}
}

void city_add_account(struct city *t, const char *login, const char *roles, const char *org,
        const char *regions, int clearance)
{
	struct account_in in = {.login = login,
	        .name = login,
	        .org = org,
	        .password = t->password,
	        .roles = roles,
	        .regions = regions,
	        .clearance = clearance};
	struct err e = ERR_INIT;

	check_ok(account_add(t->site->store, &t->site->accounts, &in, &who_system, NULL, &e), &e);
}

void city_open_bare(struct city *t, const char *name, const char *const *packs, bool rules)
{
	struct arena *a = arena_new(0);
	struct err e = ERR_INIT;
	struct site_options so = {.dir = test_path(name),
	        .create = true,
	        .durability = SERIES_OS,
	        .accounts = {.cost = password_cost_test}};
	struct api_options ao = {.test_control = true, .version = "1.2.3"};
	time_us now;

	memset(t, 0, sizeof(*t));
	kept = arena_new(0);
	snprintf(t->password, sizeof(t->password), "%s", "correct horse");
	must(time_parse(STR_LIT(CITY_NOW), NULL, &now));
	so.clock = clock_new_manual(now);
	if (!check_ok(site_open(&so, &t->site, &e), &e))
		return;
	for (; *packs != NULL; packs++) {
		struct pack_report report = {0};

		check_ok(pack_install(t->site->store, *packs, "system", a, &report, &e), &e);
	}
	site_close(&t->site);
	so.rules = rules;
	so.clock = clock_new_manual(now);
	if (!check_ok(site_open(&so, &t->site, &e), &e))
		return;
	ao.site = t->site;
	check_ok(api_start(&ao, &t->api, &e), &e);
	arena_free(&a);
}

void city_accounts(struct city *t, bool own)
{
	city_add_account(t, "admin", "viewer admin", "", "", 4);
	city_add_account(t, "duty", "viewer desk handler", own ? "o1" : "ycoc", "", 2);
	city_add_account(t, "worker", "viewer handler", own ? "o1" : "zhujian", "", 2);
	if (own)
		city_add_account(t, "boss", "viewer leader", "", "", 3);
	city_add_account(t, "yi", "viewer handler", own ? "o2" : "zhujian", own ? "3202" : "320903", 2);
}

void city_open_pack(struct city *t, const char *pack)
{
	bool own = pack == NULL;
	const char *const packs[] = {own ? test_dir() : pack, NULL};

	if (own)
		write_pack();
	city_open_bare(t, "site", packs, !own);
	if (t->api != NULL)
		city_accounts(t, own);
}

void city_open(struct city *t)
{
	city_open_pack(t, NULL);
}

void city_close(struct city *t)
{
	api_stop(&t->api);
	site_close(&t->site);
	arena_free(&kept);
}

void city_reading(struct city *t, const char *metric, const char *thing, double after_s, double v)
{
	struct label l[] = {{STR_LIT(LABEL_NAME), str_of(metric)}, {STR_LIT("thing"), str_of(thing)}};
	struct labels ls = {l, 2};
	struct series_point p = {.v = v};
	struct err e = ERR_INIT;

	must(time_parse(STR_LIT(CITY_NOW), NULL, &p.t));
	p.t += (dur_us)(after_s * 1e6);
	check_ok(series_resolve(t->site->series, &ls, &p.id, &e), &e);
	check_ok(series_append(t->site->series, &p, 1, &e), &e);
}

const char *sign_in(struct city *t, const char *login)
{
	struct sb b = SB_INIT;
	struct answer a;
	const char *token;

	sb_printf(&b, "{\"login\":\"%s\",\"password\":\"%s\"}", login, t->password);
	a = ask("POST", "/api/v1/session", NULL, b.p);
	sb_fini(&b);
	check_eq_i(a.status, 200);
	token = strstr(a.body, "\"token\":\"");
	if (!check(token != NULL))
		return "";
	return text("Authorization: Bearer %.64s\n", token + 9);
}

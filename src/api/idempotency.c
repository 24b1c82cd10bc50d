/*
 * A request that is sent twice is carried out once (draft-ietf-httpapi-idempotency-key-header).
 *
 * The key is taken in the store before the handler runs. The first change that the handler commits marks it
 * in the same transaction (store_also), so that after a crash it is known whether there was one; the answer
 * is kept after it. What failed and changed nothing gives the key back. A repeat that finds an attempt which
 * neither ended nor changed anything for LAPSED takes it over: should that one still go on, its change fails,
 * since the mark is no longer its own.
 */
#include "api/api_int.h"
#include "base/digest.h"
#include "base/log.h"
#include "store/sql.h"

#define KEY_MAX 255
#define ANSWER_MAX 65536
#define KEPT_FOR US_DAY
#define LAPSED US_MINUTE
#define CARRIED_OUT 1

struct once {
	int64_t account, holder;
	struct str key, request, body; /* the last two: hashes */
	struct sql_idempotency_get_row before;
	bool mine;
	int status;
	const char *mime, *headers;
	struct str answer;
	struct arena *a;
};

/* Their values belong to the answer, and are kept with it. */
static const char *const kept_headers[] = {"Location", "ETag"};

bool idempotency_takes(const struct route *r)
{
	return r->method != HTTP_GET && r->mode == MODE_WRITE && r->access != OPEN_TO_ALL &&
	       !(r->flags & (ROUTE_PROM | ROUTE_TEST));
}

static struct str hash_text(struct arena *a, struct digest_ctx *d)
{
	uint8_t raw[DIGEST_LEN];
	char *text = arena_alloc(a, 2 * DIGEST_LEN + 1);

	digest_end(&d, raw);
	hex_encode(raw, DIGEST_LEN, text);
	return str_of(text);
}

static struct str request_hash(struct call *c)
{
	struct digest_ctx *d = digest_begin(DIGEST_SHA256);
	const char *method = http_method_name(c->route->method), *path = http_path(c->r);
	struct str rest = str_of(c->route->query);

	digest_add_field(d, method, strlen(method));
	digest_add_field(d, path, strlen(path));
	while (rest.n > 0) {
		struct str word = str_cut(&rest, ' '), name = str_cut(&word, ':');
		const char *v = http_query(c->r, arena_strndup(c->a, name.p, name.n));

		if (v != NULL) {
			digest_add_field(d, name.p, name.n);
			digest_add_field(d, v, strlen(v));
		}
	}
	return hash_text(c->a, d);
}

static struct str body_hash(struct call *c)
{
	struct digest_ctx *d = digest_begin(DIGEST_SHA256);
	struct str body = http_body(c->r);

	digest_add_field(d, body.p, body.n);
	return hash_text(c->a, d);
}

/* The draft quotes it, as a string of RFC 8941; many clients do not. */
int idempotency_key(struct arena *a, const char *text, struct str *key, struct err *e)
{
	struct str s = str_trim(str_of(text));
	bool ok;

	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		s = (struct str){s.p + 1, s.n - 2};
	ok = s.n > 0 && s.n <= KEY_MAX;
	for (size_t i = 0; ok && i < s.n; i++)
		ok = s.p[i] > ' ' && s.p[i] < 0x7f && s.p[i] != '"' && s.p[i] != '\\';
	if (!ok) {
		err_set(e, ERR_INVALID, "a key is 1 to %d letters, digits or signs, best a random UUID",
		        KEY_MAX);
		return err_at(e, NULL, 0, 0, "Idempotency-Key");
	}
	*key = (struct str){arena_strndup(a, s.p, s.n), s.n};
	return 0;
}

static struct str copy(struct arena *a, struct str s)
{
	return (struct str){arena_strndup(a, s.n > 0 ? s.p : "", s.n), s.n};
}

static int begin(struct store_tx *tx, void *arg, struct err *e)
{
	struct once *o = arg;
	struct sql_idempotency_begin_in in = {.account = o->account,
	        .key = o->key,
	        .request = o->request,
	        .body = o->body,
	        .holder = o->holder,
	        .at = store_now(tx),
	        .lapsed = store_now(tx) - LAPSED};
	int64_t changed = 0;
	int rc = sql_idempotency_expire(
	        tx, &(struct sql_idempotency_expire_in){store_now(tx) - KEPT_FOR}, NULL, e);

	if (rc == 0)
		rc = sql_idempotency_begin(tx, &in, &changed, e);
	o->mine = changed > 0;
	if (rc < 0 || o->mine)
		return rc;
	rc = sql_idempotency_get(
	        tx, &(struct sql_idempotency_get_in){.account = o->account, .key = o->key}, &o->before, e);
	if (rc <= 0)
		return rc < 0 ? rc : err_set(e, ERR_BUSY, "this key is in use; try again in a moment");
	o->before.request = copy(o->a, o->before.request);
	o->before.body = copy(o->a, o->before.body);
	o->before.mime = copy(o->a, o->before.mime);
	o->before.headers = copy(o->a, o->before.headers);
	o->before.answer = copy(o->a, o->before.answer);
	return 0;
}

/* Behind every change of the handler, in its transaction. */
static int mark(struct store_tx *tx, void *arg, struct err *e)
{
	const struct once *o = arg;
	int64_t changed = 0;
	int rc = sql_idempotency_done(tx,
	        &(struct sql_idempotency_done_in){.account = o->account, .key = o->key, .holder = o->holder},
	        &changed, e);

	if (rc == 0 && changed == 0)
		rc = err_set(e, ERR_CONFLICT,
		        "this request took so long that its repeat with the same Idempotency-Key took over");
	return rc;
}

static int replay(struct call *c, const struct once *o)
{
	struct str rest = o->before.headers;

	while (rest.n > 0) {
		struct str value = str_cut(&rest, '\n'), name = str_cut(&value, ':');

		http_set_header(
		        c->r, arena_strndup(c->a, name.p, name.n), arena_strndup(c->a, value.p, value.n));
	}
	http_set_header(c->r, "Idempotency-Replayed", "true");
	c->status = (int)o->before.status;
	if (o->before.mime.n > 0)
		c->mime = arena_strndup(c->a, o->before.mime.p, o->before.mime.n);
	sb_put(&c->out, o->before.answer.p, o->before.answer.n);
	c->replayed = true;
	return 0;
}

static int met_before(struct call *c, const struct once *o, struct err *e)
{
	dur_us left = o->before.at + LAPSED - clock_now(c->site->clock);
	int rc = ERR_CONFLICT;

	if (!str_eq(o->before.request, o->request) || !str_eq(o->before.body, o->body))
		rc = err_set(e, ERR_UNPROCESSED, "this key was used for another request; take a new one");
	else if (o->before.status > CARRIED_OUT)
		return replay(c, o);
	else if (o->before.status == CARRIED_OUT)
		err_set(e, rc,
		        "this request was carried out already, but its answer was not kept; look at what it "
		        "changed");
	else
		err_set(e, rc, "this request is being carried out; try again in a moment");
	if (o->before.status == 0 && rc == ERR_CONFLICT)
		http_set_header(
		        c->r, "Retry-After", arena_printf(c->a, "%lld", left > 10 * US_SECOND ? 10LL : 1LL));
	return err_at(e, NULL, 0, 0, "Idempotency-Key");
}

int idempotency_begin(struct call *c, struct err *e)
{
	const char *text = http_header(c->r, "Idempotency-Key");
	struct once *o;
	int rc;

	if (text == NULL || c->who.account == 0 || !idempotency_takes(c->route))
		return 0;
	o = arena_alloc(c->a, sizeof(*o));
	*o = (struct once){
	        .account = c->who.account, .a = c->a, .request = request_hash(c), .body = body_hash(c)};
	random_bytes(&o->holder, sizeof(o->holder));
	o->holder &= INT64_MAX;
	rc = idempotency_key(c->a, text, &o->key, e);
	if (rc == 0)
		rc = store_write(c->site->store, "idempotency key", begin, o, e);
	if (rc < 0)
		return rc;
	if (!o->mine)
		return met_before(c, o, e);
	c->once = o;
	store_also(mark, o);
	return 0;
}

static int keep(struct store_tx *tx, void *arg, struct err *e)
{
	const struct once *o = arg;

	return sql_idempotency_keep(tx,
	        &(struct sql_idempotency_keep_in){.account = o->account,
	                .key = o->key,
	                .holder = o->holder,
	                .status = o->status,
	                .mime = str_of(o->mime),
	                .headers = str_of(o->headers),
	                .answer = o->answer},
	        NULL, e);
}

static int drop(struct store_tx *tx, void *arg, struct err *e)
{
	const struct once *o = arg;

	return sql_idempotency_drop(tx,
	        &(struct sql_idempotency_drop_in){.account = o->account, .key = o->key, .holder = o->holder},
	        NULL, e);
}

void idempotency_end(struct call *c, int rc)
{
	struct once *o = c->once;
	struct err e = ERR_INIT;

	if (o == NULL)
		return;
	store_also(NULL, NULL);
	if (rc < 0) {
		rc = store_write(c->site->store, "idempotency key", drop, o, &e);
	} else if (c->out.n <= ANSWER_MAX && !c->out.failed && !(c->route->flags & ROUTE_SECRET)) {
		o->status = c->status != 0 ? c->status : c->out.n > 0 ? 200 : 204;
		o->mime = c->mime != NULL ? c->mime : "";
		o->headers = "";
		o->answer = (struct str){c->out.n > 0 ? c->out.p : "", c->out.n};
		for (size_t i = 0; i < ARRAY_LEN(kept_headers); i++) {
			const char *v = http_answer_header(c->r, kept_headers[i]);

			if (v != NULL)
				o->headers = arena_printf(c->a, "%s%s:%s\n", o->headers, kept_headers[i], v);
		}
		rc = store_write(c->site->store, "idempotency key", keep, o, &e);
	}
	if (rc < 0) /* what was asked for is done or undone all the same */
		LOG(HTTP_FAULT, log_s("path", c->route->path), log_s("why", e.text));
}

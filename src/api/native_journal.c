/* The journal: pages of it, and the stream of what comes. */
#include "api/api_int.h"
#include "base/num.h"
#include "city/account.h"

#include <string.h>

/* Accounts of a page and what their people are called; there are few in one. */
struct people {
	struct {
		struct str login;
		const char *name;
	} * v;
	size_t n, cap;
};

static int name_of(struct call *c, struct people *p, struct str login, const char **name, struct err *e)
{
	struct account_row row = {0};
	struct err why = ERR_INIT;
	int rc;

	for (size_t i = 0; i < p->n; i++)
		if (str_eq(p->v[i].login, login)) {
			*name = p->v[i].name;
			return 0;
		}
	rc = account_get(c->tx, c->a, arena_strndup(c->a, login.p, login.n), &row, &why);
	if (rc < 0 && rc != ERR_NOTFOUND) {
		*e = why;
		return rc;
	}
	*name = rc == 0 ? row.name : ""; /* a device, the system, or somebody who is gone */
	p->v = arena_grow(c->a, p->v, &p->cap, p->n + 1, sizeof(*p->v));
	p->v[p->n].login = login;
	p->v[p->n++].name = *name;
	return 0;
}

static void write_entry(struct jw *w, const struct journal_entry *j, const char *name)
{
	jw_object(w);
	jw_kint(w, "seq", j->seq);
	jw_kid(w, "id", j->id);
	jw_ktime(w, "at", j->at);
	jw_key(w, "kind");
	jw_str(w, j->kind);
	jw_key(w, "subject");
	jw_str(w, j->subject);
	jw_key(w, "subject_id");
	jw_str(w, j->subject_id);
	jw_key(w, "region");
	jw_str(w, j->region);
	jw_key(w, "org");
	jw_str(w, j->org);
	jw_key(w, "account");
	jw_str(w, j->account);
	jw_kstr(w, "name", name);
	jw_key(w, "payload");
	if (j->payload.n > 0)
		jw_raw(w, j->payload);
	else
		jw_null(w);
	jw_object_end(w);
}

/* Kinds and groups by commas as a list; NULL where none is named. */
static const char *const *kinds_of(struct call *c)
{
	const char *text = call_text(c, "kind");
	struct str rest = str_of(text);
	const char **list = NULL;
	size_t n = 0, cap = 0;

	while (rest.n > 0) {
		struct str k = str_trim(str_cut(&rest, ','));

		list = arena_grow(c->a, list, &cap, n + 2, sizeof(*list));
		list[n++] = arena_strndup(c->a, k.p, k.n);
		list[n] = NULL;
	}
	return list;
}

/* from <= the time of an entry < to */
static int period(struct call *c, struct journal_filter *f, struct err *e)
{
	time_us from, to = TIME_NONE;
	int rc = call_time(c, "from", &from, e);

	if (rc == 0)
		rc = call_time(c, "to", &to, e);
	if (rc < 0)
		return rc;
	f->since = from == TIME_NONE ? 0 : from;
	f->until = to == TIME_NONE ? 0 : to;
	return 0;
}

int journal_get(struct call *c, struct err *e)
{
	struct journal_filter f = {.scope = &c->who.scope,
	        .subject = call_text(c, "subject"),
	        .subject_id = call_text(c, "subject_id"),
	        .kinds = kinds_of(c),
	        .account = call_text(c, "account")};
	struct journal_entry *list = NULL;
	struct people people = {0};
	const char *name = "";
	bool forward = call_text(c, "after") != NULL;
	int64_t limit = 0, after = 0, before = 0, last = 0;
	int n = 0, rc = call_int(c, "limit", 100, 1, 1000, &limit, e);

	if (rc == 0)
		rc = call_int(c, "after", 0, 0, INT64_MAX, &after, e);
	if (rc == 0)
		rc = call_int(c, "before", 0, 1, INT64_MAX, &before, e);
	if (rc == 0)
		rc = period(c, &f, e);
	if (rc == 0)
		rc = forward ? journal_read(c->tx, after, (int)limit, &f, &list, &n, &last, e)
		             : journal_page(c->tx, before, (int)limit, &f, &list, &n, e);
	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_key(&c->w, "items");
	jw_array(&c->w);
	for (int i = 0; i < n && rc == 0; i++) {
		rc = name_of(c, &people, list[i].account, &name, e);
		write_entry(&c->w, &list[i], name);
	}
	jw_array_end(&c->w);
	jw_key(&c->w, "next");
	if (n == limit)
		jw_int(&c->w, list[n - 1].seq);
	else
		jw_null(&c->w);
	jw_object_end(&c->w);
	return rc;
}

int journal_head_get(struct call *c, struct err *e)
{
	struct journal_head head;
	int rc = journal_head(c->tx, &head, e);

	if (rc < 0)
		return rc;
	jw_object(&c->w);
	jw_kint(&c->w, "seq", head.seq);
	jw_kstr(&c->w, "hash", head.hash);
	jw_ktime(&c->w, "at", head.at);
	jw_object_end(&c->w);
	return 0;
}

/* Where a stream resumes: the last event its reader saw, or ?after=; -1: from now on. */
int events_get(struct call *c, struct err *e)
{
	const char *last = http_header(c->r, "Last-Event-ID");
	int64_t after = -1;
	int rc = call_int(c, "after", -1, 0, INT64_MAX, &after, e);

	if (rc == 0 && last != NULL && *last != '\0' && (!num_int(str_of(last), &after) || after < 0)) {
		err_set(e, ERR_INVALID, "Last-Event-ID is the id of an event of this stream");
		rc = err_at(e, NULL, 0, 0, "Last-Event-ID");
	}
	return rc < 0 ? rc : streams_add(c->s->streams, c, after, e);
}

#include "city/delegation.h"
#include "base/arena.h"
#include "base/json.h"
#include "store/sql.h"

#define REASON_MOST 200

static int bad(struct err *e, const char *field, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	err_at(e, NULL, 0, 0, field);
	return ERR_INVALID;
}

struct adding {
	const struct who *who;
	const struct delegation_in *in;
	int64_t id;
};

static int check_times(const struct delegation_in *in, time_us from, time_us now, struct err *e)
{
	if (in->until <= from || in->until <= now)
		return bad(e, "until", "it would be over before it begins");
	if (from < now)
		return bad(e, "from", "nobody can have acted for you before");
	if (in->until - from > DELEGATION_DAYS * US_DAY)
		return bad(e, "until", "at most 90 days; begin another one then");
	return 0;
}

static int add(struct store_tx *tx, void *arg, struct err *e)
{
	struct adding *x = arg;
	const struct delegation_in *in = x->in;
	time_us now = store_now(tx), from = in->from != TIME_NONE ? in->from : now;
	struct account_row to;
	struct sb b = SB_INIT;
	struct jw w;
	int rc = check_times(in, from, now, e);

	if (rc == 0)
		rc = account_get(tx, store_arena(tx), in->to, &to, e);
	if (rc == ERR_NOTFOUND || (rc == 0 && to.disabled))
		return bad(e, "to", "nobody has this login");
	if (rc < 0)
		return rc;
	if (to.id == x->who->account)
		return bad(e, "to", "that is you");
	if (!(roles_parse(str_of(to.roles)) & ROLE_HANDLER))
		return bad(e, "to", "this person has not the role handler, and could not do the work");
	x->id = store_tx_id(tx);
	rc = sql_delegation_put(tx,
	        &(struct sql_delegation_put_in){.id = x->id,
	                .giver = x->who->account,
	                .taker = to.id,
	                .begins = from,
	                .ends = in->until,
	                .reason = str_of(in->reason),
	                .created = now},
	        NULL, e);
	if (rc < 0)
		return rc;
	jw_init(&w, &b);
	jw_object(&w);
	jw_kid(&w, "id", x->id);
	jw_kstr(&w, "to", in->to);
	jw_ktime(&w, "from", from);
	jw_ktime(&w, "until", in->until);
	jw_kstr(&w, "reason", in->reason);
	jw_object_end(&w);
	rc = account_journal(tx, "account.delegated", x->who->login, x->who->login, sb_str(&b), e);
	sb_fini(&b);
	return rc;
}

int delegation_add(
        struct store *st, const struct who *who, const struct delegation_in *in, int64_t *id, struct err *e)
{
	struct adding x = {.who = who, .in = in};
	int rc;

	if (!(who->roles & ROLE_HANDLER))
		return err_set(e, ERR_DENIED, "only the work of the role handler can be handed on");
	if (*in->reason == '\0' || utf8_length(str_of(in->reason)) > REASON_MOST)
		return bad(e, "reason", "say why, in 1 to 200 characters");
	rc = store_write(st, "delegate", add, &x, e);
	*id = x.id;
	return rc;
}

int delegation_list(struct store_tx *tx, struct arena *a, const struct who *who, struct delegation **out,
        int *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_delegation_of_row r;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sql_delegation_of_open(
	        tx, &(struct sql_delegation_of_in){.account = who->account, .now = store_now(tx)}, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_delegation_of_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = (struct delegation){.id = r.id,
		        .from_login = arena_strndup(a, r.from_login.p, r.from_login.n),
		        .from_name = arena_strndup(a, r.from_name.p, r.from_name.n),
		        .to_login = arena_strndup(a, r.to_login.p, r.to_login.n),
		        .to_name = arena_strndup(a, r.to_name.p, r.to_name.n),
		        .reason = arena_strndup(a, r.reason.p, r.reason.n),
		        .begins = r.begins,
		        .ends = r.ends,
		        .given = r.giver == who->account};
	}
	store_rows_close(&rows);
	return rc;
}

struct ending {
	const struct who *who;
	int64_t id;
};

static int end(struct store_tx *tx, void *arg, struct err *e)
{
	const struct ending *x = arg;
	char payload[40];
	int64_t n = 0;
	int rc = sql_delegation_end(tx,
	        &(struct sql_delegation_end_in){
	                .id = x->id, .account = x->who->account, .now = store_now(tx)},
	        &n, e);

	if (rc == 0 && n == 0)
		return err_set(e, ERR_NOTFOUND, "you have no delegation with this id that is not over");
	snprintf(payload, sizeof(payload), "{\"id\":\"%lld\"}", (long long)x->id);
	return rc < 0 ? rc
	              : account_journal(tx, "account.delegation_ended", x->who->login, x->who->login,
	                        str_of(payload), e);
}

int delegation_end(struct store *st, const struct who *who, int64_t id, struct err *e)
{
	return store_write(st, "end a delegation", end, &(struct ending){who, id}, e);
}

static size_t list_length(const char *const *list)
{
	size_t n = 0;

	while (list[n] != NULL)
		n++;
	return n;
}

/* Both lists; NULL, which is all, where one of them is. */
static const char *const *joined(const char *const *a, const char *const *b, struct arena *mem)
{
	const char **out;
	size_t n, m;

	if (a == NULL || b == NULL)
		return NULL;
	n = list_length(a);
	m = list_length(b);
	out = arena_array(mem, n + m + 1, sizeof(*out));
	memcpy(out, a, n * sizeof(*out));
	memcpy(out + n, b, (m + 1) * sizeof(*out));
	return out;
}

int delegation_load(struct store_tx *tx, struct arena *a, struct who *w, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_delegation_now_row r;
	struct who_giver *giver = NULL;
	size_t cap = 0;
	int rc = sql_delegation_now_open(
	        tx, &(struct sql_delegation_now_in){.taker = w->account, .now = store_now(tx)}, &rows, e);

	if (rc < 0)
		return rc;
	while ((rc = sql_delegation_now_next(rows, &r, e)) > 0) {
		giver = arena_grow(a, giver, &cap, (size_t)w->givers + 1, sizeof(*giver));
		giver[w->givers++] = (struct who_giver){.login = arena_strndup(a, r.login.p, r.login.n),
		        .name = arena_strndup(a, r.name.p, r.name.n),
		        .org = arena_strndup(a, r.org.p, r.org.n),
		        .roles = roles_parse(r.roles)};
		w->scope.orgs = joined(w->scope.orgs, codes_split(r.orgs, a), a);
	}
	w->giver = giver;
	store_rows_close(&rows);
	return rc;
}

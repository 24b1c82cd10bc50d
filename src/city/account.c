#include "city/account.h"
#include "base/arena.h"
#include "base/json.h"
#include "city/account_int.h"
#include "store/sql.h"

#include <sodium.h>

const struct who who_system = {.login = "system",
        .name = "",
        .org = "",
        .roles = ROLE_VIEWER | ROLE_HANDLER | ROLE_DESK | ROLE_LEADER | ROLE_ADMIN,
        .scope = {.clearance = 4},
        .own = {.clearance = 4},
        .raised = TIME_NONE,
        .csrf = ""};

/* ---- roles and scope ---- */

static const struct {
	enum role role;
	const char *name;
} roles[] = {{ROLE_VIEWER, "viewer"}, {ROLE_HANDLER, "handler"}, {ROLE_DESK, "desk"}, {ROLE_LEADER, "leader"},
        {ROLE_ADMIN, "admin"}, {ROLE_DEVICE, "device"}};

const char *role_name(enum role r)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (roles[i].role == r)
			return roles[i].name;
	return "";
}

unsigned roles_parse(struct str s)
{
	unsigned bits = 0;

	while (s.p != NULL) {
		struct str word = str_cut(&s, ' ');
		unsigned bit = 0;

		if (word.n == 0)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(roles); i++)
			if (str_is(word, roles[i].name))
				bit = roles[i].role;
		if (bit == 0)
			return 0;
		bits |= bit;
	}
	return bits;
}

void roles_format(unsigned bits, char out[ROLES_TEXT])
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (bits & roles[i].role)
			n += (size_t)snprintf(
			        out + n, ROLES_TEXT - n, "%s%s", n > 0 ? " " : "", roles[i].name);
}

static bool in_list(const char *const *list, const char *code)
{
	if (list == NULL || code == NULL || *code == '\0')
		return true;
	for (; *list != NULL; list++)
		if (strncmp(code, *list, strlen(*list)) == 0)
			return true;
	return false;
}

bool who_sees(const struct who *w, const char *region, const char *org, int64_t secrecy)
{
	return secrecy <= w->scope.clearance && in_list(w->scope.regions, region) &&
	       in_list(w->scope.orgs, org);
}

static const char *only_one(const char *const *list)
{
	return list != NULL && list[0] != NULL && list[1] == NULL ? list[0] : "*";
}

void who_reach(const struct who *w, const char **region, const char **org)
{
	*region = only_one(w->scope.regions);
	*org = only_one(w->scope.orgs);
}

static const char *const *copy_list(struct arena *a, const char *const *list)
{
	const char **out;
	size_t n = 0;

	if (list == NULL)
		return NULL;
	while (list[n] != NULL)
		n++;
	out = arena_array(a, n + 1, sizeof(*out));
	for (size_t i = 0; i < n; i++)
		out[i] = arena_strdup(a, list[i]);
	return out;
}

struct who who_copy(struct arena *a, const struct who *w)
{
	struct who out = *w;

	out.login = arena_strdup(a, w->login);
	out.name = arena_strdup(a, w->name);
	out.org = arena_strdup(a, w->org);
	out.csrf = arena_strdup(a, w->csrf != NULL ? w->csrf : "");
	out.scope.regions = copy_list(a, w->scope.regions);
	out.scope.orgs = copy_list(a, w->scope.orgs);
	out.own.regions = copy_list(a, w->own.regions);
	out.own.orgs = copy_list(a, w->own.orgs);
	out.giver = NULL; /* for whom somebody acts is asked of tasks, while the request lasts */
	out.givers = 0;
	return out;
}

static struct str list_json(const char *const *list, struct arena *a)
{
	struct sb b = SB_INIT;
	struct jw w;
	struct str out;

	if (list == NULL)
		return STR_NULL;
	jw_init(&w, &b);
	jw_array(&w);
	for (; *list != NULL; list++)
		jw_cstr(&w, *list);
	jw_array_end(&w);
	out = (struct str){arena_strndup(a, b.p, b.n), b.n};
	sb_fini(&b);
	return out;
}

struct str who_regions_json(const struct who *w, struct arena *a)
{
	return list_json(w->scope.regions, a);
}

struct str who_orgs_json(const struct who *w, struct arena *a)
{
	return list_json(w->scope.orgs, a);
}

const char *const *codes_split(struct str s, struct arena *a)
{
	const char **out = NULL;
	size_t n = 0, cap = 0;

	while (s.p != NULL) {
		struct str word = str_cut(&s, ' ');

		if (word.n == 0)
			continue;
		out = arena_grow(a, out, &cap, n + 2, sizeof(*out));
		out[n++] = arena_strndup(a, word.p, word.n);
		out[n] = NULL;
	}
	return out;
}

/* ---- secrets ---- */

void token_hash(struct str token, char out[2 * DIGEST_LEN + 1])
{
	uint8_t h[DIGEST_LEN];

	digest_once(DIGEST_SHA256, token.p, token.n, h);
	hex_encode(h, sizeof(h), out);
}

/* ---- the journal ---- */

struct payload {
	struct sb b;
	struct jw w;
};

static void payload_begin(struct payload *p)
{
	p->b = (struct sb)SB_INIT;
	jw_init(&p->w, &p->b);
	jw_object(&p->w);
}

static int append(struct store_tx *tx, const char *kind, const char *subject, const char *id, const char *by,
        struct str payload, struct err *e)
{
	return journal_append(tx,
	        &(struct journal_entry){.at = TIME_NONE,
	                .kind = str_of(kind),
	                .subject = str_of(subject),
	                .subject_id = str_of(id),
	                .region = STR_LIT(""),
	                .org = STR_LIT(""),
	                .secrecy = 2,
	                .account = str_of(by),
	                .payload = payload},
	        e);
}

static int payload_end(struct payload *p, struct store_tx *tx, const char *kind, const char *subject,
        const char *id, const char *by, struct err *e)
{
	int rc;

	jw_object_end(&p->w);
	rc = append(tx, kind, subject, id, by, sb_str(&p->b), e);
	sb_fini(&p->b);
	return rc;
}

int account_journal(struct store_tx *tx, const char *kind, const char *login, const char *by,
        struct str payload, struct err *e)
{
	return append(tx, kind, "account", login, by, payload.p != NULL ? payload : STR_LIT("{}"), e);
}

/* ---- who may give what to whom ---- */

struct rights {
	unsigned roles;
	const char *const *regions, *const *orgs;
	int64_t clearance;
};

static struct rights rights_of(const struct who *w)
{
	return (struct rights){w->roles, w->own.regions, w->own.orgs, w->own.clearance};
}

static struct rights rights_from(
        const char *words, const char *regions, const char *orgs, int64_t clearance, struct arena *a)
{
	return (struct rights){roles_parse(str_of(words)), codes_split(str_of(regions), a),
	        codes_split(str_of(orgs), a), clearance};
}

static bool list_within(const char *const *inner, const char *const *outer)
{
	if (outer == NULL)
		return true;
	if (inner == NULL)
		return false;
	for (; *inner != NULL; inner++)
		if (!in_list(outer, *inner))
			return false;
	return true;
}

/* Name of the part in which `a` goes beyond `b`, NULL if in none. */
static const char *beyond(const struct rights *a, const struct rights *b)
{
	if (a->roles & ~b->roles)
		return "roles";
	if (a->clearance > b->clearance)
		return "clearance";
	if (!list_within(a->regions, b->regions))
		return "regions";
	return list_within(a->orgs, b->orgs) ? NULL : "orgs";
}

static int check_gives(const struct rights *to, const char *org, const struct who *by, struct err *e)
{
	const struct rights mine = rights_of(by);
	const char *part = beyond(to, &mine);

	if (part == NULL && !in_list(by->own.orgs, org))
		part = "org";
	if (part == NULL)
		return 0;
	err_set(e, ERR_DENIED, "nobody can give more than they have themselves: look at %s", part);
	err_at(e, NULL, 0, 0, part);
	return ERR_DENIED;
}

/* Who could set the password of an account with more rights would have them. */
static int check_commands(const struct account_row *r, const struct who *by, struct arena *a, struct err *e)
{
	const struct rights theirs = rights_from(r->roles, r->regions, r->orgs, r->clearance, a),
	                    mine = rights_of(by);
	const char *part = beyond(&theirs, &mine);

	if (part == NULL)
		return 0;
	return err_set(e, ERR_DENIED,
	        "the account %s has more rights than yours (%s); an administrator who has them too, "
	        "or heming account on the server, can do this",
	        r->login, part);
}

/* ---- accounts ---- */

static bool login_valid(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)s[i] <= ' ' || s[i] == ':' || (unsigned char)s[i] == 0x7f)
			return false;
	return n > 0 && n <= 64 && utf8_valid(str_of(s));
}

static int bad_field(struct err *e, const char *field, const char *words)
{
	err_set(e, ERR_INVALID, "%s", words);
	err_at(e, NULL, 0, 0, field);
	return ERR_INVALID;
}

static int check_words(const char *words, int64_t clearance, struct err *e)
{
	if (roles_parse(str_of(words)) == 0)
		return bad_field(
		        e, "roles", "roles are viewer, handler, desk, leader, admin, at least one of them");
	if (clearance < 1 || clearance > 4)
		return bad_field(e, "clearance", "clearance goes from 1 to 4");
	return 0;
}

/* What one administrator alone may not give where four eyes are asked for. `from` NULL: to somebody new. */
static bool dangerous(const struct account_row *from, unsigned to, int64_t clearance)
{
	bool was = from != NULL && (roles_parse(str_of(from->roles)) & ROLE_ADMIN);

	return (!was && to & ROLE_ADMIN) || (clearance == 4 && (from == NULL || from->clearance < 4));
}

static bool four_eyes(const struct account_policy *p, const struct who *by)
{
	return p->four_eyes && by->account != 0; /* the server's own command line is 0 */
}

struct add {
	const struct account_in *in;
	const struct who *by;
	char password[PASSWORD_HASH_LEN], roles[ROLES_TEXT], later[ROLES_TEXT];
	int64_t clearance;
	bool ask;         /* for the rest: roles `later` and the clearance of `in` */
	int64_t approval; /* 0: nothing waits */
};

static const char *or_empty(const char *s)
{
	return s != NULL ? s : "";
}

static int add(struct store_tx *tx, void *arg, struct err *e)
{
	struct add *x = arg;
	const struct account_in *in = x->in;
	struct payload p;
	int rc;

	x->approval = 0;
	rc = sql_account_insert(tx,
	        &(struct sql_account_insert_in){.id = store_tx_id(tx),
	                .login = str_of(in->login),
	                .name = str_of(in->name),
	                .org = str_of(in->org),
	                .password = str_of(x->password),
	                .roles = str_of(x->roles),
	                .regions = str_of(or_empty(in->regions)),
	                .orgs = str_of(or_empty(in->orgs)),
	                .clearance = x->clearance,
	                .created = store_now(tx),
	                .must_change = in->must_change},
	        NULL, e);
	if (rc == ERR_CONFLICT)
		return err_set(e, ERR_CONFLICT, "there is an account %s already", in->login);
	if (rc < 0)
		return rc;
	payload_begin(&p);
	jw_kstr(&p.w, "name", in->name);
	jw_kstr(&p.w, "org", in->org);
	jw_kstr(&p.w, "roles", x->roles);
	jw_kstr(&p.w, "regions", or_empty(in->regions));
	jw_kstr(&p.w, "orgs", or_empty(in->orgs));
	jw_kint(&p.w, "clearance", x->clearance);
	rc = payload_end(&p, tx, "account.added", "account", in->login, x->by->login, e);
	if (rc < 0 || !x->ask)
		return rc;
	return approval__ask(tx, in->login,
	        &(struct account_change){.roles = x->later, .clearance = in->clearance, .disabled = -1},
	        x->by, &x->approval, e);
}

int account_add(struct store *st, const struct account_policy *p, const struct account_in *in,
        const struct who *by, int64_t *approval, struct err *e)
{
	struct add x = {.in = in, .by = by, .clearance = in->clearance};
	struct arena *a = arena_new(0);
	struct rights to;
	int rc;

	to = rights_from(in->roles, or_empty(in->regions), or_empty(in->orgs), in->clearance, a);
	if (!login_valid(in->login) || strchr(in->login, '/') != NULL)
		rc = bad_field(e, "login", "a login has 1 to 64 bytes, no blanks, no colon and no slash");
	else
		rc = check_words(in->roles, in->clearance, e);
	if (rc == 0)
		rc = check_gives(&to, in->org, by, e);
	if (rc == 0)
		rc = password_check(in->password, in->login, in->name, "password", e);
	arena_free(&a);
	if (rc == 0)
		rc = password_hash(&p->cost, in->password, x.password, e);
	if (rc < 0)
		return rc;
	roles_format(to.roles, x.roles);
	x.ask = four_eyes(p, by) && dangerous(NULL, to.roles, in->clearance);
	if (x.ask) {
		memcpy(x.later, x.roles, sizeof(x.later));
		roles_format((to.roles & ~(unsigned)ROLE_ADMIN) | ROLE_VIEWER, x.roles);
		x.clearance = in->clearance < 4 ? in->clearance : 3;
	}
	rc = store_write(st, "add an account", add, &x, e);
	if (rc == 0 && approval != NULL)
		*approval = x.approval;
	return rc;
}

#define ROW(a, r)                                                                                            \
	((struct account_row){.id = (r)->id,                                                                 \
	        .login = arena_strndup((a), (r)->login.p, (r)->login.n),                                     \
	        .name = arena_strndup((a), (r)->name.p, (r)->name.n),                                        \
	        .org = arena_strndup((a), (r)->org.p, (r)->org.n),                                           \
	        .roles = arena_strndup((a), (r)->roles.p, (r)->roles.n),                                     \
	        .regions = arena_strndup((a), (r)->regions.p, (r)->regions.n),                               \
	        .orgs = arena_strndup((a), (r)->orgs.p, (r)->orgs.n),                                        \
	        .clearance = (r)->clearance,                                                                 \
	        .disabled = (r)->disabled,                                                                   \
	        .must_change = (r)->must_change,                                                             \
	        .second_factor = (r)->second_factor,                                                         \
	        .created = (r)->created,                                                                     \
	        .password_at = (r)->password_at,                                                             \
	        .locked = (r)->locked > store_now(tx) ? (r)->locked : TIME_NONE})

int account_get(
        struct store_tx *tx, struct arena *a, const char *login, struct account_row *out, struct err *e)
{
	struct sql_account_get_row r;
	int rc = sql_account_get(tx, &(struct sql_account_get_in){str_of(login)}, &r, e);

	if (rc < 0)
		return rc;
	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "there is no account %s", login);
	*out = ROW(a, &r);
	return 0;
}

int account_list(struct store_tx *tx, struct arena *a, struct account_row **out, int *n, struct err *e)
{
	struct store_rows *rows = NULL;
	struct sql_account_all_row r;
	size_t cap = 0;
	int rc;

	*out = NULL;
	*n = 0;
	rc = sql_account_all_open(tx, &rows, e);
	if (rc < 0)
		return rc;
	while ((rc = sql_account_all_next(rows, &r, e)) > 0) {
		*out = arena_grow(a, *out, &cap, (size_t)*n + 1, sizeof(**out));
		(*out)[(*n)++] = ROW(a, &r);
	}
	store_rows_close(&rows);
	return rc;
}

/* ---- changes by an administrator ---- */

struct work {
	const char *login;
	const struct who *by;
	const struct account_change *change;
	const char *hash; /* of a new password */
	bool must_change, four_eyes;
	int64_t approval; /* 0: it was done at once */
};

/* The account, if `by` may do something to it. */
static int target(struct store_tx *tx, const struct work *x, struct account_row *r, struct err *e)
{
	int rc = account_get(tx, store_arena(tx), x->login, r, e);

	return rc < 0 ? rc : check_commands(r, x->by, store_arena(tx), e);
}

static int drop_sessions(struct store_tx *tx, const char *login, struct err *e)
{
	return sql_session_drop_of(tx, &(struct sql_session_drop_of_in){str_of(login)}, NULL, e);
}

static int change_password(struct store_tx *tx, void *arg, struct err *e)
{
	const struct work *x = arg;
	struct account_row r;
	int rc = target(tx, x, &r, e);

	if (rc == 0)
		rc = sql_account_password(tx,
		        &(struct sql_account_password_in){.login = str_of(x->login),
		                .password = str_of(x->hash),
		                .at = store_now(tx),
		                .must_change = x->must_change},
		        NULL, e);
	if (rc == 0)
		rc = drop_sessions(tx, x->login, e);
	return rc < 0 ? rc : account_journal(tx, "account.password_set", x->login, x->by->login, STR_NULL, e);
}

int account_set_password(struct store *st, const struct account_policy *p, const char *login,
        const char *password, bool must_change, const struct who *by, struct err *e)
{
	char hash[PASSWORD_HASH_LEN];
	struct work x = {.login = login, .by = by, .hash = hash, .must_change = must_change};
	int rc = password_check(password, login, "", "password", e);

	if (rc == 0)
		rc = password_hash(&p->cost, password, hash, e);
	return rc < 0 ? rc : store_write(st, "set a password", change_password, &x, e);
}

static void tell_change(struct payload *p, const char *key, const char *from, const char *to)
{
	if (strcmp(from, to) == 0)
		return;
	jw_key(&p->w, key);
	jw_array(&p->w);
	jw_cstr(&p->w, from);
	jw_cstr(&p->w, to);
	jw_array_end(&p->w);
}

/* What changed, each part as [before, after]. */
static int journal_change(struct store_tx *tx, const struct work *x, const struct account_row *old,
        const struct account_row *now, struct err *e)
{
	struct payload p;

	payload_begin(&p);
	tell_change(&p, "name", old->name, now->name);
	tell_change(&p, "org", old->org, now->org);
	tell_change(&p, "roles", old->roles, now->roles);
	tell_change(&p, "regions", old->regions, now->regions);
	tell_change(&p, "orgs", old->orgs, now->orgs);
	if (old->clearance != now->clearance) {
		jw_key(&p.w, "clearance");
		jw_array(&p.w);
		jw_int(&p.w, old->clearance);
		jw_int(&p.w, now->clearance);
		jw_array_end(&p.w);
	}
	if (old->disabled != now->disabled)
		jw_kbool(&p.w, "disabled", now->disabled);
	return payload_end(&p, tx, "account.changed", "account", x->login, x->by->login, e);
}

static int check_admin_remains(struct store_tx *tx, struct err *e)
{
	struct sql_account_admins_row r;
	int rc = sql_account_admins(tx, &r, e);

	if (rc < 0)
		return rc;
	return rc > 0 && r.n > 0
	               ? 0
	               : err_set(e, ERR_STATE,
	                         "this is the last administrator who can sign in; make another first");
}

static struct account_row changed(
        const struct account_row *r, const struct account_change *c, struct arena *a)
{
	struct account_row out = *r;
	char words[ROLES_TEXT];

	if (c->name != NULL)
		out.name = c->name;
	if (c->org != NULL)
		out.org = c->org;
	if (c->roles != NULL) {
		roles_format(roles_parse(str_of(c->roles)), words);
		out.roles = arena_strdup(a, words);
	}
	if (c->regions != NULL)
		out.regions = c->regions;
	if (c->orgs != NULL)
		out.orgs = c->orgs;
	if (c->clearance != 0)
		out.clearance = c->clearance;
	if (c->disabled >= 0)
		out.disabled = c->disabled > 0;
	return out;
}

/* The account as it is and would be, if `by` may do that. */
static int check_change(struct store_tx *tx, const struct work *x, struct account_row *old,
        struct account_row *now, bool *shrank, struct err *e)
{
	struct arena *a = store_arena(tx);
	struct rights before, after;
	int rc = target(tx, x, old, e);

	if (rc < 0)
		return rc;
	*now = changed(old, x->change, a);
	rc = check_words(now->roles, now->clearance, e);
	if (rc < 0)
		return rc;
	before = rights_from(old->roles, old->regions, old->orgs, old->clearance, a);
	after = rights_from(now->roles, now->regions, now->orgs, now->clearance, a);
	*shrank = beyond(&before, &after) != NULL || strcmp(old->org, now->org) != 0 || now->disabled;
	return check_gives(&after, now->org, x->by, e);
}

int account__change(struct store_tx *tx, const char *login, const struct account_change *c,
        const struct who *by, struct err *e)
{
	const struct work x = {.login = login, .by = by, .change = c};
	struct account_row old, now;
	bool shrank = false;
	int rc = check_change(tx, &x, &old, &now, &shrank, e);

	if (rc < 0)
		return rc;
	rc = sql_account_change(tx,
	        &(struct sql_account_change_in){.id = old.id,
	                .name = str_of(now.name),
	                .org = str_of(now.org),
	                .roles = str_of(now.roles),
	                .regions = str_of(now.regions),
	                .orgs = str_of(now.orgs),
	                .clearance = now.clearance,
	                .disabled = now.disabled},
	        NULL, e);
	if (rc == 0)
		rc = check_admin_remains(tx, e);
	if (rc == 0 && shrank)
		rc = drop_sessions(tx, login, e);
	if (rc == 0 && now.disabled)
		rc = sql_token_drop_of(tx, &(struct sql_token_drop_of_in){old.id}, NULL, e);
	return rc < 0 ? rc : journal_change(tx, &x, &old, &now, e);
}

static int change(struct store_tx *tx, void *arg, struct err *e)
{
	struct work *x = arg;
	struct account_row old, now;
	bool shrank;
	int rc;

	x->approval = 0;
	if (!x->four_eyes)
		return account__change(tx, x->login, x->change, x->by, e);
	rc = check_change(tx, x, &old, &now, &shrank, e);
	if (rc < 0)
		return rc;
	return dangerous(&old, roles_parse(str_of(now.roles)), now.clearance)
	               ? approval__ask(tx, x->login, x->change, x->by, &x->approval, e)
	               : account__change(tx, x->login, x->change, x->by, e);
}

int account_change(struct store *st, const struct account_policy *p, const char *login,
        const struct account_change *c, const struct who *by, int64_t *approval, struct err *e)
{
	struct work x = {.login = login, .by = by, .change = c, .four_eyes = four_eyes(p, by)};
	int rc;

	if (c->roles != NULL && roles_parse(str_of(c->roles)) == 0)
		return check_words("", 1, e);
	rc = store_write(st, "change an account", change, &x, e);
	if (approval != NULL)
		*approval = x.approval;
	return rc;
}

static int unlock(struct store_tx *tx, void *arg, struct err *e)
{
	const struct work *x = arg;
	struct account_row r;
	int rc = target(tx, x, &r, e);

	if (rc == 0)
		rc = sql_account_failures(tx,
		        &(struct sql_account_failures_in){
		                .id = r.id, .failed = TIME_NONE, .locked = TIME_NONE},
		        NULL, e);
	return rc < 0 ? rc : account_journal(tx, "account.unlocked", x->login, x->by->login, STR_NULL, e);
}

int account_unlock(struct store *st, const char *login, const struct who *by, struct err *e)
{
	return store_write(st, "unlock an account", unlock, &(struct work){.login = login, .by = by}, e);
}

static int sign_out(struct store_tx *tx, void *arg, struct err *e)
{
	const struct work *x = arg;
	struct account_row r;
	int rc = target(tx, x, &r, e);

	if (rc == 0)
		rc = drop_sessions(tx, x->login, e);
	if (rc == 0)
		rc = sql_token_drop_of(tx, &(struct sql_token_drop_of_in){r.id}, NULL, e);
	return rc < 0 ? rc : account_journal(tx, "account.signed_out", x->login, x->by->login, STR_NULL, e);
}

int account_sign_out(struct store *st, const char *login, const struct who *by, struct err *e)
{
	return store_write(st, "sign an account out", sign_out, &(struct work){.login = login, .by = by}, e);
}

static int drop_factor(struct store_tx *tx, void *arg, struct err *e)
{
	const struct work *x = arg;
	struct account_row r;
	int rc = target(tx, x, &r, e);

	if (rc == 0)
		rc = sql_factor_drop(tx, &(struct sql_factor_drop_in){r.id}, NULL, e);
	if (rc == 0)
		rc = sql_recovery_drop_of(tx, &(struct sql_recovery_drop_of_in){r.id}, NULL, e);
	if (rc == 0)
		rc = drop_sessions(tx, x->login, e);
	return rc < 0 ? rc
	              : account_journal(tx, "account.factor_removed", x->login, x->by->login, STR_NULL, e);
}

int account_drop_factor(struct store *st, const char *login, const struct who *by, struct err *e)
{
	return store_write(
	        st, "remove a second factor", drop_factor, &(struct work){.login = login, .by = by}, e);
}

/* ---- devices ---- */

struct put_device {
	const char *login, *things, *by, *hash;
};

static int journal_device(struct store_tx *tx, const struct put_device *x, struct err *e)
{
	struct payload p;

	payload_begin(&p);
	jw_kstr(&p.w, "things", x->things);
	return payload_end(&p, tx, "device.added", "device", x->login, x->by, e);
}

static int put_device(struct store_tx *tx, void *arg, struct err *e)
{
	const struct put_device *x = arg;
	int rc = sql_device_put(tx,
	        &(struct sql_device_put_in){.login = str_of(x->login),
	                .secret = str_of(x->hash),
	                .things = str_of(x->things),
	                .created = store_now(tx)},
	        NULL, e);

	return rc < 0 ? rc : journal_device(tx, x, e);
}

int device_add(struct store *st, const char *login, const char *things, const char *by, char secret[65],
        struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct put_device x = {.login = login, .things = things, .by = by, .hash = hash};

	if (!login_valid(login))
		return bad_field(e, "login", "a device's name has 1 to 64 bytes, no blanks and no colon");
	random_hex(32, secret);
	token_hash(str_of(secret), hash);
	return store_write(st, "add a device", put_device, &x, e);
}

static int find_by_secret(
        struct store_tx *tx, const char *hash, struct arena *a, struct device *out, struct err *e)
{
	struct sql_device_by_secret_row r;
	int rc = sql_device_by_secret(tx, &(struct sql_device_by_secret_in){str_of(hash)}, &r, e);

	if (rc > 0)
		*out = (struct device){arena_strndup(a, r.login.p, r.login.n), codes_split(r.things, a)};
	return rc;
}

int device_named(struct store *st, struct str login, struct arena *a, struct device *out, struct err *e)
{
	struct sql_device_by_login_row r;
	struct store_tx *tx = NULL;
	int rc = store_read_begin(st, "device", &tx, e);

	if (rc < 0)
		return rc;
	rc = sql_device_by_login(tx, &(struct sql_device_by_login_in){login}, &r, e);
	if (rc > 0)
		*out = (struct device){arena_strndup(a, login.p, login.n), codes_split(r.things, a)};
	store_read_end(&tx);
	if (rc == 0)
		return err_set(e, ERR_NOTFOUND, "the device is not there any more");
	return rc < 0 ? rc : 0;
}

int device_find(struct store *st, struct str login, struct str secret, struct arena *a, struct device *out,
        struct err *e)
{
	char hash[2 * DIGEST_LEN + 1];
	struct sql_device_by_login_row r;
	struct store_tx *tx = NULL;
	bool ok = false;
	int rc;

	token_hash(secret, hash);
	rc = store_read_begin(st, "device", &tx, e);
	if (rc < 0)
		return rc;
	*out = (struct device){0};
	if (login.p == NULL) {
		rc = find_by_secret(tx, hash, a, out, e);
		ok = rc > 0;
	} else {
		rc = sql_device_by_login(tx, &(struct sql_device_by_login_in){login}, &r, e);
		out->login = rc > 0 ? arena_strndup(a, login.p, login.n) : NULL;
	}
	if (login.p != NULL && rc > 0 && r.secret.n == 2 * DIGEST_LEN &&
	        sodium_memcmp(r.secret.p, hash, 2 * DIGEST_LEN) == 0) {
		out->things = codes_split(r.things, a);
		ok = true;
	}
	store_read_end(&tx);
	if (rc < 0)
		return rc;
	return ok ? 0 : err_set(e, ERR_UNAUTH, "the device's name or secret is not right");
}

bool device_may(const struct device *d, struct str thing)
{
	if (d->things == NULL)
		return true;
	for (const char *const *p = d->things; *p != NULL; p++)
		if (str_starts(thing, *p))
			return true;
	return false;
}

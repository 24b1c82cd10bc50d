/*
 * What was deleted, and is kept from every answer.
 *
 * DIR/queue/gone-NNNNNNNN is a deletion: a line of JSON with its time, its place in the log and what became
 * of it, and behind it, where it is one of label sets, a line for each. It goes when the engine has carried
 * it out and had time to make that durable; where the engine did not, it stays.
 */
#include "series/remote_int.h"

#include "base/file.h"
#include "base/log.h"
#include "base/num.h"

#include <unistd.h>

#define FILE_MAX_B ((size_t)1 << 30)

static const char *const op_text[] = {
        [MATCH_EQ] = "=", [MATCH_NE] = "!=", [MATCH_RE] = "=~", [MATCH_NRE] = "!~"};

/* ---- the file ---- */

static char *gone_path(const struct series_remote *r, uint32_t number)
{
	return xasprintf("%s/" QUEUE_DIR "/gone-%08u", r->db->dir, number);
}

static void write_set(struct sb *b, const struct labels *ls)
{
	struct jw w;

	jw_init(&w, b);
	jw_object(&w);
	for (int i = 0; i < ls->n; i++) {
		jw_key_str(&w, ls->l[i].name);
		jw_str(&w, ls->l[i].value);
	}
	jw_object_end(&w);
	sb_putc(b, '\n');
}

static int save(const struct series_remote *r, const struct gone *g, struct err *e)
{
	char *path = gone_path(r, g->number);
	struct sb b = SB_INIT;
	struct jw w;
	int rc;

	jw_init(&w, &b);
	jw_object(&w);
	jw_kint(&w, "from", g->from);
	jw_kint(&w, "to", g->to);
	jw_kint(&w, "log", g->place.log);
	jw_kint(&w, "at", (int64_t)g->place.at);
	jw_kbool(&w, "whole", g->whole);
	jw_kbool(&w, "aged", g->aged);
	jw_kbool(&w, "sure", g->sure);
	jw_kint(&w, "state", g->state);
	jw_kint(&w, "sets", (int64_t)g->sets);
	jw_key(&w, "match");
	jw_array(&w);
	for (int i = 0; i < g->n; i++) {
		jw_str(&w, g->m[i].name);
		jw_str(&w, str_of(op_text[g->m[i].op]));
		jw_str(&w, g->m[i].value);
	}
	jw_array_end(&w);
	jw_object_end(&w);
	sb_putc(&b, '\n');
	for (size_t i = 0; i < g->sets; i++)
		write_set(&b, &g->set[i]);
	rc = file_write(path, b.p, b.n, 0640, e);
	sb_fini(&b);
	free(path);
	return rc;
}

static bool read_op(struct str text, enum match_op *op)
{
	for (size_t i = 0; i < ARRAY_LEN(op_text); i++)
		if (str_is(text, op_text[i])) {
			*op = (enum match_op)i;
			return true;
		}
	return false;
}

static bool next_text(struct json *j, struct arena *a, struct str *out)
{
	char *buf;

	if (json_next(j) != JSON_STRING)
		return false;
	buf = arena_strndup(a, j->text.p, j->text.n);
	*out = json_text(j, buf, j->text.n + 1);
	return out->p != NULL;
}

static bool read_matchers(struct json *j, struct gone *g)
{
	struct err ignored = ERR_INIT;
	size_t cap = 0;

	if (json_next(j) != JSON_ARRAY)
		return false;
	for (;;) {
		enum json_type t = json_next(j);
		struct str name, op, value;
		enum match_op x;

		if (t != JSON_STRING)
			return t == JSON_ARRAY_END;
		name = json_text(j, arena_strndup(g->a, j->text.p, j->text.n), j->text.n + 1);
		if (name.p == NULL || !next_text(j, g->a, &op) || !next_text(j, g->a, &value) ||
		        !read_op(op, &x))
			return false;
		g->m = arena_grow(g->a, g->m, &cap, (size_t)g->n + 1, sizeof(*g->m));
		if (matcher_init(&g->m[g->n++], g->a, x, name, value, &ignored) < 0)
			return false;
	}
}

static bool read_number(struct json *j, int64_t *out)
{
	return json_next(j) == JSON_NUMBER && num_int(j->text, out);
}

static bool read_bool(struct json *j, bool *out)
{
	enum json_type t = json_next(j);

	*out = t == JSON_TRUE;
	return t == JSON_TRUE || t == JSON_FALSE;
}

static bool read_head(struct str line, struct gone *g)
{
	int64_t log = -1, at = -1, state = -1, sets = -1;
	enum json_type t;
	struct json j;

	json_init(&j, line);
	if (json_next(&j) != JSON_OBJECT)
		return false;
	while ((t = json_next(&j)) == JSON_KEY) {
		bool ok = str_is(j.text, "from")    ? read_number(&j, &g->from)
		          : str_is(j.text, "to")    ? read_number(&j, &g->to)
		          : str_is(j.text, "log")   ? read_number(&j, &log)
		          : str_is(j.text, "at")    ? read_number(&j, &at)
		          : str_is(j.text, "state") ? read_number(&j, &state)
		          : str_is(j.text, "sets")  ? read_number(&j, &sets)
		          : str_is(j.text, "whole") ? read_bool(&j, &g->whole)
		          : str_is(j.text, "aged")  ? read_bool(&j, &g->aged)
		          : str_is(j.text, "sure")  ? read_bool(&j, &g->sure)
		          : str_is(j.text, "match") ? read_matchers(&j, g)
		                                    : json_skip(&j);

		if (!ok)
			return false;
	}
	g->place = (struct place){(uint32_t)log, (uint64_t)at};
	g->state = (enum gone_state)state;
	g->sets = (size_t)sets;
	return t == JSON_OBJECT_END && log >= 0 && log <= UINT32_MAX && at >= 0 && state >= GONE_WAITS &&
	       state <= GONE_KEPT && sets >= 0 && (sets > 0) != (g->n > 0);
}

static bool read_sets(struct str *rest, struct gone *g)
{
	struct err ignored = ERR_INIT;
	size_t cap = 0, n = g->sets;

	for (size_t i = 0; i < n; i++) {
		struct json j;

		if (rest->p == NULL)
			return false;
		g->set = arena_grow(g->a, g->set, &cap, i + 1, sizeof(*g->set));
		json_init(&j, str_cut(rest, '\n'));
		if (remote_read_labels(&j, g->a, &g->set[i]) != 1 || labels_sort(&g->set[i], &ignored) < 0 ||
		        (i > 0 && labels_cmp(&g->set[i - 1], &g->set[i]) >= 0))
			return false;
	}
	return true;
}

static int load_one(const char *path, uint32_t number, struct gone **out, struct err *e)
{
	struct gone *g = remote_gone_new();
	struct str rest;
	int rc = file_read(g->a, path, FILE_MAX_B, &rest, e);

	g->number = number;
	g->sealed = true;
	if (rc == 0 && (!read_head(str_cut(&rest, '\n'), g) || !read_sets(&rest, g)))
		rc = err_set(e, ERR_CORRUPT,
		        "%s cannot be read; it says what was deleted, which the engine may still have: put "
		        "the one "
		        "of a backup or of the standby in its place; without it those readings come back",
		        path);
	if (rc < 0) {
		remote_gone_free(g);
		return rc;
	}
	*out = g;
	return 0;
}

int remote_gone_load(struct series_remote *r, struct err *e)
{
	struct arena *a = arena_new(0);
	const char *dir = arena_printf(a, "%s/" QUEUE_DIR, r->db->dir);
	struct gone **at = &r->gone;
	char **name = NULL;
	int rc = file_list(a, dir, &name, e);

	for (; rc == 0 && *name != NULL; name++) { /* sorted */
		uint32_t number;

		if (!series__numbered(*name, "gone", &number))
			continue;
		rc = load_one(path_join(a, dir, *name), number, at, e);
		if (rc == 0) {
			/* Of a backup: what the engine got behind it cannot be sent again from here. */
			(*at)->state = r->first ? GONE_KEPT : (*at)->state;
			at = &(*at)->next;
		}
		if (number > atomic_load(&r->gone_last))
			atomic_store(&r->gone_last, number);
	}
	arena_free(&a);
	if (rc == 0)
		remote_gone_again(r);
	return rc;
}

/* ---- the list ---- */

struct gone *remote_gone_new(void)
{
	struct gone *g = xcalloc(1, sizeof(*g));

	g->a = arena_new(0);
	return g;
}

void remote_gone_free(struct gone *g)
{
	arena_free(&g->a);
	free(g);
}

void remote_gone_fini(struct series_remote *r)
{
	while (r->gone != NULL) {
		struct gone *g = r->gone;

		r->gone = g->next;
		remote_gone_free(g);
	}
}

int remote_gone_add(struct series_remote *r, struct gone *g, struct err *e)
{
	struct gone **at = &r->gone;
	int rc;

	g->place = (struct place){r->db->wal.number, r->db->wal.synced};
	g->number = atomic_fetch_add(&r->gone_last, 1) + 1;
	pthread_rwlock_wrlock(&r->gone_lock);
	while (*at != NULL)
		at = &(*at)->next;
	rc = save(r, g, e);
	if (rc == 0)
		*at = g;
	pthread_rwlock_unlock(&r->gone_lock);
	return rc;
}

int remote_gone_move(struct series_remote *r, struct gone *g, struct err *e)
{
	g->place = (struct place){r->db->wal.number, r->db->wal.synced};
	g->passed = false;
	return save(r, g, e);
}

static void take_out(struct series_remote *r, struct gone *g)
{
	char *path = gone_path(r, g->number);

	for (struct gone **at = &r->gone; *at != NULL; at = &(*at)->next)
		if (*at == g) {
			*at = g->next;
			break;
		}
	(void)!unlink(path);
	free(path);
	remote_gone_free(g);
}

void remote_gone_seal(struct series_remote *r, struct gone *g, bool logged)
{
	pthread_rwlock_wrlock(&r->gone_lock);
	if (logged)
		g->sealed = true;
	else
		take_out(r, g);
	pthread_rwlock_unlock(&r->gone_lock);
}

bool remote_gone_has(const struct gone *g, const struct labels *stored)
{
	size_t a = 0, b = g->sets;

	if (g->n > 0)
		return matchers_match(g->m, g->n, stored);
	while (a < b) {
		size_t k = (a + b) / 2;
		int order = labels_cmp(&g->set[k], stored);

		if (order == 0)
			return true;
		if (order < 0)
			a = k + 1;
		else
			b = k;
	}
	return false;
}

/* ---- what is hidden ---- */

struct hidden *remote_hidden(struct series_remote *r, const struct labels *stored, struct arena *a, int *n)
{
	struct hidden *h;
	int most = 0;

	*n = 0;
	pthread_rwlock_rdlock(&r->gone_lock);
	for (const struct gone *g = r->gone; g != NULL; g = g->next)
		most++;
	h = arena_array(a, (size_t)most + 1, sizeof(*h));
	for (const struct gone *g = r->gone; g != NULL && h != NULL; g = g->next)
		if (g->sealed && remote_gone_has(g, stored))
			h[(*n)++] = (struct hidden){.from = remote_ms(g->from),
			        .to = remote_ms(g->to),
			        .number = g->number,
			        .passed = g->passed};
	pthread_rwlock_unlock(&r->gone_lock);
	return h;
}

bool remote_hide(
        struct series_remote *r, const struct labels *stored, struct remote_series *s, struct arena *a)
{
	int n;
	const struct hidden *h = remote_hidden(r, stored, a, &n);
	size_t k = 0;

	if (h == NULL)
		return false;
	for (size_t i = 0; i < s->n && n > 0; i++) {
		int64_t ms = remote_ms(s->t[i]);
		bool gone = false;

		for (int x = 0; x < n && !gone; x++)
			gone = h[x].number > s->after && ms >= h[x].from && ms <= h[x].to;
		s->t[k] = s->t[i];
		s->v[k] = s->v[i];
		k += !gone;
	}
	s->n = n > 0 ? k : s->n;
	return true;
}

/* ---- the sender's ---- */

struct gone *remote_gone_due(struct series_remote *r, struct place at)
{
	struct gone *g;

	pthread_rwlock_rdlock(&r->gone_lock);
	for (g = r->gone; g != NULL; g = g->next)
		if (g->sealed && !g->passed && remote_place_cmp(g->place, at) <= 0)
			break;
	pthread_rwlock_unlock(&r->gone_lock);
	return g;
}

uint64_t remote_gone_next(struct series_remote *r, struct place at)
{
	uint64_t next = UINT64_MAX;

	pthread_rwlock_rdlock(&r->gone_lock);
	for (const struct gone *g = r->gone; g != NULL; g = g->next)
		if (!g->passed && g->place.log == at.log && g->place.at < next)
			next = g->place.at;
	pthread_rwlock_unlock(&r->gone_lock);
	return next;
}

void remote_gone_told(struct series_remote *r, struct gone *g, enum gone_state state)
{
	struct err e = ERR_INIT;
	int rc;

	pthread_rwlock_wrlock(&r->gone_lock);
	g->passed = true;
	g->state = state;
	/* Prometheus does not delete what came out of order and is still in its memory. */
	g->sure = state == GONE_TOLD && g->whole && !atomic_load(&r->reads);
	if (g->aged && state == GONE_KEPT) { /* its class hides it */
		rc = remote_place_save(r, &e);
		if (rc == 0)
			take_out(r, g);
	} else {
		rc = save(r, g, &e);
	}
	pthread_rwlock_unlock(&r->gone_lock);
	if (rc < 0)
		LOG(SERIES_REMOTE, log_s("why", e.text)); /* after a crash it is told again */
}

void remote_gone_again(struct series_remote *r)
{
	pthread_rwlock_wrlock(&r->gone_lock);
	for (struct gone *g = r->gone; g != NULL; g = g->next)
		g->passed = remote_place_cmp(g->place, r->safe) < 0 && g->state != GONE_WAITS;
	pthread_rwlock_unlock(&r->gone_lock);
}

void remote_gone_drop(struct series_remote *r)
{
	struct gone *next;

	pthread_rwlock_wrlock(&r->gone_lock);
	for (struct gone *g = r->gone; g != NULL; g = next) {
		next = g->next;
		if (g->state == GONE_TOLD && g->passed && remote_place_cmp(g->place, r->safe) < 0 &&
		        (g->aged || g->sure))
			take_out(r, g);
	}
	pthread_rwlock_unlock(&r->gone_lock);
}

enum gone_state remote_gone_state(struct series_remote *r, uint32_t number)
{
	enum gone_state state = GONE_TOLD;

	pthread_rwlock_rdlock(&r->gone_lock);
	for (const struct gone *g = r->gone; g != NULL; g = g->next)
		if (g->number == number)
			state = g->passed ? g->state : GONE_WAITS;
	pthread_rwlock_unlock(&r->gone_lock);
	return state;
}

void remote_gone_count(struct series_remote *r, uint64_t *waits, uint64_t *kept)
{
	*waits = *kept = 0;
	pthread_rwlock_rdlock(&r->gone_lock);
	for (const struct gone *g = r->gone; g != NULL; g = g->next) {
		*waits += !g->passed;
		*kept += g->passed && g->state == GONE_KEPT;
	}
	pthread_rwlock_unlock(&r->gone_lock);
}

/*
 * The interpreter: variables, comparisons, control statements, actors and their threads.
 */
#include "scn.h"

#include "base/json.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <regex.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- failures ---- */

bool scn_fail(struct ctx *c, const struct stmt *s, const char *fmt, ...)
{
	va_list ap;

	if (c->failed)
		return false; /* the first one tells most */
	c->failed = true;
	c->at = s;
	sb_reset(&c->why);
	va_start(ap, fmt);
	sb_vprintf(&c->why, fmt, ap);
	va_end(ap);
	return false;
}

static void forgive(struct ctx *c)
{
	c->failed = false;
	c->at = NULL;
}

/* ---- words and variables ---- */

void scn_set(struct run *r, const char *name, const char *value)
{
	struct var *v;

	pthread_mutex_lock(&r->lock);
	for (v = r->vars; v != NULL && strcmp(v->name, name) != 0; v = v->next)
		;
	if (v == NULL) {
		v = xcalloc(1, sizeof(*v));
		v->name = xstrdup(name);
		v->next = r->vars;
		r->vars = v;
	} else {
		free(v->value);
	}
	v->value = xstrdup(value);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
}

const char *scn_get(struct run *r, struct arena *a, const char *name)
{
	const char *value = NULL;

	pthread_mutex_lock(&r->lock);
	for (const struct var *v = r->vars; v != NULL && value == NULL; v = v->next)
		if (strcmp(v->name, name) == 0)
			value = arena_strdup(a, v->value);
	pthread_mutex_unlock(&r->lock);
	return value;
}

const char *scn_word(struct ctx *c, const struct stmt *s, int i)
{
	struct sb b = SB_INIT;
	const char *p, *out;

	if (i >= s->words) {
		scn_fail(c, s, "a word is missing at the end");
		return NULL;
	}
	for (p = s->word[i].text; *p != '\0'; p++) {
		const char *end;

		if (p[0] == '$' && p[1] == '{' && (end = strchr(p, '}')) != NULL) {
			char *name = arena_strndup(c->a, p + 2, (size_t)(end - p - 2));
			const char *value = scn_get(c->run, c->a, name);

			if (value == NULL) {
				scn_fail(c, s, "there is no variable ${%s}", name);
				sb_fini(&b);
				return NULL;
			}
			sb_puts(&b, value);
			p = end;
		} else {
			sb_putc(&b, *p);
		}
	}
	out = arena_strndup(c->a, b.n ? b.p : "", b.n);
	sb_fini(&b);
	return out;
}

bool scn_is(const struct stmt *s, int i, const char *text)
{
	return i < s->words && !s->word[i].quoted && strcmp(s->word[i].text, text) == 0;
}

bool scn_words(struct ctx *c, const struct stmt *s, int least, int most, const char *usage)
{
	if (s->words >= least && s->words <= most)
		return true;
	return scn_fail(c, s, "the form is: %s", usage);
}

bool scn_int(struct ctx *c, const struct stmt *s, int i, int64_t *out)
{
	const char *w = scn_word(c, s, i);

	if (w == NULL)
		return false;
	return num_int(str_of(w), out) || scn_fail(c, s, "a whole number is wanted, not \"%s\"", w);
}

bool scn_dur(struct ctx *c, const struct stmt *s, int i, dur_us *out)
{
	const char *w = scn_word(c, s, i);

	if (w == NULL)
		return false;
	return dur_parse(str_of(w), out) ||
	       scn_fail(c, s, "a duration is wanted (250ms, 10s), not \"%s\"", w);
}

char *scn_match(struct arena *a, const char *text, const char *pattern)
{
	regex_t re;
	regmatch_t m[2];
	char *out = NULL;
	int g;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NEWLINE) != 0)
		return NULL;
	if (regexec(&re, text, 2, m, 0) == 0) {
		g = re.re_nsub > 0 && m[1].rm_so >= 0 ? 1 : 0;
		out = arena_strndup(a, text + m[g].rm_so, (size_t)(m[g].rm_eo - m[g].rm_so));
	}
	regfree(&re);
	return out;
}

int scn_holds(const char *got, const char *op, const char *want)
{
	double x, y;
	int cmp;

	if (strcmp(op, "~") == 0 || strcmp(op, "!~") == 0) {
		regex_t re;
		bool found;

		if (regcomp(&re, want, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
			return -1;
		found = regexec(&re, got, 0, NULL, 0) == 0;
		regfree(&re);
		return found == (op[0] == '~');
	}
	if (num_double(str_of(got), true, &x) && num_double(str_of(want), true, &y))
		cmp = x < y ? -1 : x > y;
	else
		cmp = strcmp(got, want);
	if (strcmp(op, "==") == 0)
		return cmp == 0;
	if (strcmp(op, "!=") == 0)
		return cmp != 0;
	if (strcmp(op, "<") == 0)
		return cmp < 0;
	if (strcmp(op, "<=") == 0)
		return cmp <= 0;
	if (strcmp(op, ">") == 0)
		return cmp > 0;
	if (strcmp(op, ">=") == 0)
		return cmp >= 0;
	return -1;
}

bool scn_compare(struct ctx *c, const struct stmt *s, const char *what, const char *got, const char *op,
        const char *want)
{
	int holds = scn_holds(got, op, want);

	if (holds < 0)
		return scn_fail(c, s,
		        "\"%s %s\" is no comparison; there are == != < <= > >= ~ !~ exists missing", op,
		        want);
	return holds || scn_fail(c, s, "%s: expected %s %s, saw %.2000s", what, op, want, got);
}

bool scn_expect(struct ctx *c, const struct stmt *s, int i, const char *what, const char *got)
{
	const char *op, *want;

	if (scn_is(s, i, "missing"))
		return got == NULL || scn_fail(c, s, "%s: expected none, saw %.2000s", what, got);
	if (got == NULL)
		return scn_fail(c, s, "%s: there is none", what);
	if (scn_is(s, i, "exists"))
		return true;
	op = scn_word(c, s, i);
	want = op != NULL ? scn_word(c, s, i + 1) : NULL;
	return want != NULL && scn_compare(c, s, what, got, op, want);
}

/* ---- chance and waiting ---- */

uint64_t scn_random(struct run *r, uint64_t below)
{
	uint64_t z;

	pthread_mutex_lock(&r->lock);
	z = r->seed += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	pthread_mutex_unlock(&r->lock);
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return below > 0 ? z % below : 0;
}

void scn_wait_changed(struct run *r, dur_us until)
{
	dur_us left = until - clock_monotonic();
	struct timespec t;

	if (left <= 0)
		return;
	if (left > 200 * US_MS) /* some facts are told by nobody */
		left = 200 * US_MS;
	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += left * 1000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&r->changed, &r->lock, &t);
}

void scn_short_wait(void)
{
	usleep(15000);
}

/* ---- JSON ---- */

static const struct doc *step(const struct doc *d, const char **p, bool *length)
{
	char name[128];
	size_t n = 0;
	int64_t place;

	if (**p == '.') {
		for (++*p; **p != '\0' && **p != '.' && **p != '['; ++*p)
			if (n + 1 < sizeof(name))
				name[n++] = **p;
		name[n] = '\0';
		if (d->type == DOC_LIST && strcmp(name, "length") == 0) {
			*length = true;
			return d;
		}
		return doc_get(d, name);
	}
	for (++*p; **p != '\0' && **p != ']'; ++*p)
		if (n + 1 < sizeof(name))
			name[n++] = **p;
	name[n] = '\0';
	if (**p == ']')
		++*p;
	if (num_int(str_of(name), &place)) {
		const struct doc *k = d->type == DOC_LIST ? d->child : NULL;

		for (place += place < 0 ? d->count : 0; k != NULL && place > 0; place--)
			k = k->next;
		return place == 0 ? k : NULL;
	}
	if (strchr(name, '=') != NULL) {
		char *eq = strchr(name, '=');

		*eq = '\0';
		DOC_EACH(k, d)
		{
			const char *v = doc_str(k, name, NULL);

			if (v != NULL && strcmp(v, eq + 1) == 0)
				return k;
		}
		return NULL;
	}
	return doc_get(d, name);
}

const char *scn_json(struct arena *a, struct str json, const char *path, const char **bad)
{
	struct err e = ERR_INIT;
	struct doc *root;
	const struct doc *d;
	struct sb b = SB_INIT;
	struct jw w;
	bool length = false;
	char *out;

	*bad = NULL;
	if (doc_parse_json(a, json, "answer", &root, &e) < 0) {
		*bad = arena_printf(a, "no JSON (%s): %.*s", e.text, (int)(json.n < 300 ? json.n : 300),
		        json.p ? json.p : "");
		return NULL;
	}
	d = root;
	for (const char *p = path[0] == '$' ? path + 1 : path; *p != '\0' && d != NULL;) {
		if (*p != '.' && *p != '[') {
			*bad = arena_printf(a, "a path looks like $.items[0].code, not %s", path);
			return NULL;
		}
		d = step(d, &p, &length);
	}
	if (length)
		return arena_printf(a, "%d", d->count);
	if (d == NULL)
		return NULL;
	if (d->type == DOC_STRING || d->type == DOC_NUMBER || d->type == DOC_BOOL)
		return d->text;
	jw_init(&w, &b);
	doc_write_json(d, &w);
	out = arena_strndup(a, b.n ? b.p : "null", b.n ? b.n : 4);
	sb_fini(&b);
	return out;
}

/* ---- control statements ---- */

static bool do_loop(struct ctx *c, const struct stmt *s)
{
	int64_t n;
	const char *name = s->before > 2 ? s->word[2].text : "i";
	char text[24];

	if (!scn_int(c, s, 1, &n))
		return false;
	for (int64_t i = 1; i <= n && !c->run->ending; i++) {
		snprintf(text, sizeof(text), "%lld", (long long)i);
		scn_set(c->run, name, text);
		if (!scn_exec_block(c, s->block))
			return false;
	}
	return true;
}

/* Until the variable has the value: a thread goes on as long as the main thread wants. */
static bool do_until(struct ctx *c, const struct stmt *s)
{
	const char *got;
	struct stmt test = *s;

	while (!c->run->ending) {
		const char *op = scn_word(c, &test, 2), *want = scn_word(c, &test, 3);

		if (op == NULL || want == NULL)
			return false;
		got = scn_get(c->run, c->a, test.word[1].text);
		if (got != NULL && scn_holds(got, op, want) == 1)
			return true;
		if (!scn_exec_block(c, s->block))
			return false;
	}
	return true;
}

static bool do_eventually(struct ctx *c, const struct stmt *s)
{
	dur_us wait = c->run->patience, until;

	if (scn_is(s, 1, "within") && !scn_dur(c, s, 2, &wait))
		return false;
	until = clock_monotonic() + wait;
	while (!scn_exec_block(c, s->block)) {
		if (c->skip != NULL || c->run->ending || clock_monotonic() > until)
			return false; /* with the words of the last try */
		forgive(c);
		scn_short_wait();
	}
	return true;
}

static bool do_try(struct ctx *c, const struct stmt *s)
{
	if (!scn_exec_block(c, s->block)) {
		if (c->skip != NULL)
			return false;
		forgive(c);
		scn_short_wait();
	}
	return true;
}

static bool do_fails(struct ctx *c, const struct stmt *s)
{
	const char *want = s->before > 1 ? scn_word(c, s, 1) : "";

	if (scn_exec_block(c, s->block))
		return scn_fail(c, s, "the block was to fail, and did not");
	if (scn_holds(c->why.p, "~", want) == 1) {
		forgive(c);
		return true;
	}
	want = arena_printf(c->a, "the block was to fail with ~ %s, but said: %s", want, c->why.p);
	forgive(c);
	return scn_fail(c, s, "%s", want);
}

static bool do_set(struct ctx *c, const struct stmt *s)
{
	const char *v;

	if (!scn_words(c, s, 3, 3, "set NAME VALUE") || (v = scn_word(c, s, 2)) == NULL)
		return false;
	scn_set(c->run, s->word[1].text, v);
	return true;
}

static bool do_add(struct ctx *c, const struct stmt *s)
{
	const char *v;
	double x = 0, y;
	char text[40];

	if (!scn_words(c, s, 3, 3, "add NAME NUMBER") || (v = scn_word(c, s, 2)) == NULL)
		return false;
	if (!num_double(str_of(v), false, &y))
		return scn_fail(c, s, "a number is wanted, not \"%s\"", v);
	v = scn_get(c->run, c->a, s->word[1].text);
	if (v != NULL && !num_double(str_of(v), false, &x))
		return scn_fail(c, s, "${%s} is no number: %s", s->word[1].text, v);
	num_format(x + y, text);
	scn_set(c->run, s->word[1].text, text);
	return true;
}

static bool do_append(struct ctx *c, const struct stmt *s)
{
	const char *sep, *v, *old;

	if (!scn_words(c, s, 4, 4, "append NAME SEPARATOR TEXT") || (sep = scn_word(c, s, 2)) == NULL ||
	        (v = scn_word(c, s, 3)) == NULL)
		return false;
	old = scn_get(c->run, c->a, s->word[1].text);
	if (old != NULL && *old != '\0')
		v = arena_printf(c->a, "%s%s%s", old, sep, v);
	scn_set(c->run, s->word[1].text, v);
	return true;
}

static bool do_random(struct ctx *c, const struct stmt *s)
{
	int64_t low, high;
	char text[24];

	if (!scn_words(c, s, 4, 4, "random NAME LOW HIGH") || !scn_int(c, s, 2, &low) ||
	        !scn_int(c, s, 3, &high))
		return false;
	snprintf(text, sizeof(text), "%lld",
	        (long long)(low + (int64_t)scn_random(c->run, (uint64_t)(high - low + 1))));
	scn_set(c->run, s->word[1].text, text);
	return true;
}

static bool do_check(struct ctx *c, const struct stmt *s)
{
	const char *got;

	if (!scn_words(c, s, 3, 4, "check VALUE OP VALUE") || (got = scn_word(c, s, 1)) == NULL)
		return false;
	return scn_expect(c, s, 2, s->word[1].text, got);
}

static bool do_barrier(struct ctx *c, const struct stmt *s)
{
	struct run *r = c->run;
	struct barrier *b;
	int64_t need;
	dur_us until = clock_monotonic() + r->patience;
	bool ok = true;
	int round;

	if (!scn_words(c, s, 3, 3, "barrier NAME N") || !scn_int(c, s, 2, &need))
		return false;
	pthread_mutex_lock(&r->lock);
	for (b = r->barriers; b != NULL && strcmp(b->name, s->word[1].text) != 0; b = b->next)
		;
	if (b == NULL) {
		b = xcalloc(1, sizeof(*b));
		b->name = xstrdup(s->word[1].text);
		b->next = r->barriers;
		r->barriers = b;
	}
	b->need = (int)need;
	round = b->round;
	if (++b->here >= b->need) {
		b->here = 0;
		b->round++;
		pthread_cond_broadcast(&r->changed);
	}
	while (b->round == round && ok) {
		scn_wait_changed(r, until);
		if (b->round == round && clock_monotonic() > until)
			ok = false;
	}
	pthread_mutex_unlock(&r->lock);
	return ok ||
	       scn_fail(c, s, "barrier %s: not all %lld came in time", s->word[1].text, (long long)need);
}

static bool do_print(struct ctx *c, const struct stmt *s)
{
	for (int i = 1; i < s->words; i++) {
		const char *w = scn_word(c, s, i);

		if (w == NULL)
			return false;
		printf("# %s%s", w, i + 1 < s->words ? " " : "\n");
	}
	return true;
}

static bool do_macro(struct ctx *c, const struct stmt *s)
{
	struct macro *m = arena_alloc(c->run->a, sizeof(*m));

	if (s->words < 2 || !s->has_block)
		return scn_fail(c, s, "the form is: macro NAME ARGUMENT… { … }");
	*m = (struct macro){s->word[1].text, s, c->run->macros};
	c->run->macros = m;
	return true;
}

static const struct macro *macro_of(const struct run *r, const char *name)
{
	for (const struct macro *m = r->macros; m != NULL; m = m->next)
		if (strcmp(m->name, name) == 0)
			return m;
	return NULL;
}

static bool do_call(struct ctx *c, const struct stmt *s, const struct macro *m)
{
	int want = m->at->before - 2;

	if (s->words - 1 != want)
		return scn_fail(c, s, "%s takes %d words", m->name, want);
	if (c->deep > 20)
		return scn_fail(c, s, "%s calls itself too deep", m->name);
	for (int i = 0; i < want; i++) {
		const char *v = scn_word(c, s, i + 1);

		if (v == NULL)
			return false;
		scn_set(c->run, m->at->word[i + 2].text, v);
	}
	c->deep++;
	if (!scn_exec_block(c, m->at->block)) {
		c->deep--;
		if (c->at != NULL && c->at->file != s->file) { /* where it was called tells more */
			char *why = arena_printf(c->a, "%s (%s:%d)", c->why.p, c->at->file, c->at->line);

			c->failed = false;
			scn_fail(c, s, "%s", why);
		}
		return false;
	}
	c->deep--;
	return true;
}

static bool do_include(struct ctx *c, const struct stmt *s)
{
	struct err e = ERR_INIT;
	struct stmt *first;
	const char *name = scn_word(c, s, 1), *slash = strrchr(s->file, '/');
	char buf[800], *path;

	if (name == NULL)
		return false;
	path = arena_printf(c->run->a, "%.*s%s", slash ? (int)(slash - s->file + 1) : 0, s->file, name);
	if (scn_parse(c->run->a, path, &first, &e) < 0)
		return scn_fail(c, s, "%s", err_str(&e, buf, sizeof(buf)));
	return scn_exec_block(c, first);
}

/* require sqlite | postgres | root: else the scenario is skipped. */
static bool do_require(struct ctx *c, const struct stmt *s)
{
	for (int i = 1; i < s->words; i++) {
		const char *w = scn_word(c, s, i);
		bool is_store = w != NULL && (strcmp(w, "sqlite") == 0 || strcmp(w, "postgres") == 0);

		if (w == NULL)
			return false;
		if (!is_store && strcmp(w, "root") != 0)
			return scn_fail(c, s, "require takes sqlite, postgres or root");
		if (is_store ? strcmp(w, c->run->store) != 0 : geteuid() != 0) {
			c->skip = arena_printf(c->a, "needs %s", w);
			return scn_fail(c, s, "skipped");
		}
	}
	return true;
}

/* if VALUE OP VALUE { … } */
static bool do_if(struct ctx *c, const struct stmt *s)
{
	const char *got = scn_word(c, s, 1), *op = scn_word(c, s, 2), *want = scn_word(c, s, 3);
	int holds;

	if (got == NULL || op == NULL || want == NULL)
		return false;
	holds = scn_holds(got, op, want);
	if (holds < 0)
		return scn_fail(c, s, "no comparison: %s %s", op, want);
	return holds == 0 || scn_exec_block(c, s->block);
}

/* file truncate|corrupt|write|append|remove|expect PATH …; a path may hold * and then means the last such
 * file. */
static bool do_file(struct ctx *c, const struct stmt *s)
{
	const char *path = scn_word(c, s, 2), *more = s->words > 3 ? scn_word(c, s, 3) : "";
	glob_t g;
	struct stat st;
	int64_t n = 0;
	int fd;
	bool ok = true;

	if (path == NULL || more == NULL)
		return false;
	if (scn_is(s, 1, "write") || scn_is(s, 1, "append")) {
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (scn_is(s, 1, "write") ? O_TRUNC : O_APPEND),
		        0640);
		ok = fd >= 0 && write(fd, more, strlen(more)) == (ssize_t)strlen(more);
		if (fd >= 0)
			close(fd);
		return ok || scn_fail(c, s, "%s: %s", path, strerror(errno));
	}
	if (scn_is(s, 1, "fill")) { /* until the file system is full */
		static const char zeros[4096];

		fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
		while (fd >= 0 && write(fd, zeros, sizeof(zeros)) > 0)
			;
		if (fd >= 0)
			close(fd);
		return (fd >= 0 && errno == ENOSPC) || scn_fail(c, s, "%s: %s", path, strerror(errno));
	}
	if (glob(path, 0, NULL, &g) == 0) {
		path = arena_strdup(c->a, g.gl_pathv[g.gl_pathc - 1]);
		globfree(&g);
	}
	if (scn_is(s, 1, "missing"))
		return stat(path, &st) < 0 || scn_fail(c, s, "%s is there", path);
	if (stat(path, &st) < 0)
		return scn_fail(c, s, "%s: %s", path, strerror(errno));
	if (scn_is(s, 1, "remove"))
		return remove(path) == 0 || scn_fail(c, s, "%s: %s", path, strerror(errno));
	if (scn_is(s, 1, "exists"))
		return true;
	if (scn_is(s, 1, "mode"))
		return scn_expect(c, s, 3, path, arena_printf(c->a, "%04o", st.st_mode & 07777));
	if (scn_is(s, 1, "expect"))
		return scn_expect(c, s, 3, path, scn_file(c->a, path));
	if (!scn_int(c, s, 3, &n))
		return false;
	if (scn_is(s, 1, "truncate")) /* by N bytes */
		return truncate(path, st.st_size > n ? st.st_size - n : 0) == 0 ||
		       scn_fail(c, s, "%s: %s", path, strerror(errno));
	if (scn_is(s, 1, "corrupt")) { /* one bit of the byte N before the end */
		unsigned char byte;

		fd = open(path, O_RDWR | O_CLOEXEC);
		ok = fd >= 0 && pread(fd, &byte, 1, st.st_size - n) == 1 && (byte ^= 1, true) &&
		     pwrite(fd, &byte, 1, st.st_size - n) == 1;
		if (fd >= 0)
			close(fd);
		return ok || scn_fail(c, s, "%s: %s", path, strerror(errno));
	}
	return scn_fail(
	        c, s, "file knows write append fill truncate corrupt remove exists missing mode expect");
}

/* ---- actors ---- */

static const struct actor_kind *const kinds[] = {
        &kind_http, &kind_mqtt, &kind_tcp, &kind_sse, &kind_sql, &kind_process, &kind_log};

static void *actor_thread(void *arg)
{
	struct actor *a = arg;
	struct ctx *c = a->thread_ctx;
	const struct stmt *s = a->thread_at;
	struct run *r = c->run;

	if (scn_exec_block(c, s->block) && a->kind->end != NULL)
		a->kind->end(c, a, s);
	pthread_mutex_lock(&r->lock);
	pthread_cond_broadcast(&r->changed);
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

static bool actor_wait(struct ctx *c, struct actor *a, const struct stmt *s)
{
	bool ok;

	if (!a->running)
		return scn_fail(c, s, "%s %s does not run on its own", a->kind->name, a->name);
	pthread_join(a->thread, NULL);
	a->running = false;
	ok = !a->thread_ctx->failed;
	if (!ok && !c->failed) {
		c->failed = true;
		c->at = a->thread_ctx->at;
		sb_reset(&c->why);
		sb_puts(&c->why, a->thread_ctx->why.p);
	}
	arena_free(&a->thread_ctx->a);
	sb_fini(&a->thread_ctx->why);
	free(a->thread_ctx);
	a->thread_ctx = NULL;
	return ok;
}

static struct actor *actor_of(struct run *r, const struct actor_kind *k, const char *name)
{
	struct actor *a;

	for (a = r->actors; a != NULL; a = a->next)
		if (a->kind == k && strcmp(a->name, name) == 0)
			return a;
	a = xcalloc(1, sizeof(*a));
	a->kind = k;
	a->name = xstrdup(name);
	a->next = r->actors;
	return r->actors = a;
}

static bool actor_statement(struct ctx *c, const struct stmt *s, const struct actor_kind *k)
{
	struct actor *a, *outer = c->actor;
	const char *v;
	bool start = false, wait = false, ok = true;
	int i = 1;

	if (s->words > 1 && s->word[1].text[0] != '-' && s->before > 1) {
		if ((v = scn_word(c, s, 1)) == NULL)
			return false;
		a = actor_of(c->run, k, v);
		i = 2;
	} else {
		a = actor_of(c->run, k, "");
	}
	if (a->running && s->has_block)
		return scn_fail(c, s, "%s %s still runs on its own", k->name, a->name);
	for (; i < s->words && ok; i++) {
		if (scn_is(s, i, "-start"))
			start = true;
		else if (scn_is(s, i, "-wait"))
			wait = true;
		else if (scn_is(s, i, "-run"))
			continue;
		else if (scn_is(s, i, "-stop") && k->stop != NULL)
			ok = k->stop(c, a, s);
		else if (scn_is(s, i, "-city") || scn_is(s, i, "-as")) {
			char **to = scn_is(s, i, "-as") ? &a->as : &a->city;

			v = scn_word(c, s, ++i);
			ok = v != NULL;
			if (ok && (*to == NULL || strcmp(*to, v) != 0)) {
				free(*to);
				*to = xstrdup(v);
			}
		} else if (k->option == NULL || !k->option(c, a, s, &i))
			ok = scn_fail(c, s, "%s does not know \"%s\" here", k->name, s->word[i].text);
	}
	if (ok && start && k->start != NULL) {
		ok = k->start(c, a, s);
		start = false;
	}
	if (ok && s->has_block) {
		ok = k->begin == NULL || k->begin(c, a, s);
		if (ok && start) {
			a->thread_ctx = xcalloc(1, sizeof(*a->thread_ctx));
			*a->thread_ctx = (struct ctx){.run = c->run, .a = arena_new(0), .actor = a};
			a->thread_at = s;
			a->running = true;
			pthread_create(&a->thread, NULL, actor_thread, a);
		} else if (ok) {
			c->actor = a;
			ok = scn_exec_block(c, s->block);
			c->actor = outer;
			if (ok && k->end != NULL)
				ok = k->end(c, a, s);
		}
	}
	return ok && wait ? actor_wait(c, a, s) : ok;
}

/* ---- one statement ---- */

static const struct {
	const char *word;
	bool (*run)(struct ctx *c, const struct stmt *s);
} everywhere[] = {
        {"loop", do_loop},
        {"until", do_until},
        {"eventually", do_eventually},
        {"try", do_try},
        {"fails", do_fails},
        {"if", do_if},
        {"set", do_set},
        {"add", do_add},
        {"append", do_append},
        {"random", do_random},
        {"check", do_check},
        {"barrier", do_barrier},
        {"print", do_print},
        {"macro", do_macro},
        {"include", do_include},
        {"require", do_require},
        {"file", do_file},
        {"city", city_statement},
        {"clock", clock_statement},
        {"fault", fault_statement},
        {"postgres", proxy_statement},
};

static bool exec(struct ctx *c, const struct stmt *s)
{
	const char *w;
	const struct macro *m;

	if (s->words == 0)
		return scn_fail(c, s, "a statement begins with a word");
	w = s->word[0].text;
	if (c->actor == NULL) {
		c->run->now = s;
		if (strcmp(w, "scenario") == 0) {
			c->run->title = s->words > 1 ? s->word[1].text : "";
			return true;
		}
		for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
			if (strcmp(kinds[i]->name, w) == 0)
				return actor_statement(c, s, kinds[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(everywhere); i++)
		if (strcmp(everywhere[i].word, w) == 0)
			return everywhere[i].run(c, s);
	if ((m = macro_of(c->run, w)) != NULL)
		return do_call(c, s, m);
	if (c->actor != NULL)
		return c->actor->kind->command(c, c->actor, s);
	return scn_fail(c, s, "\"%s\" is no statement", w);
}

bool scn_exec_block(struct ctx *c, const struct stmt *first)
{
	for (const struct stmt *s = first; s != NULL; s = s->next)
		if (c->run->ending || !exec(c, s) || c->failed)
			return c->run->ending && !c->failed;
	return true;
}

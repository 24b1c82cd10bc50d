/*
 * scn - the interpreter of scenarios (docs/internals/scenario.md): what its files share.
 *
 * One scenario runs in one process of its own. Its main thread runs the file from top to bottom; an actor
 * started with -start runs its block on a thread of its own until -wait. What both touch (variables,
 * barriers, events) is behind `lock`; a word about any change goes out by `changed`.
 *
 * A command gives true, or false after scn_fail() told why. The first failure of a thread is kept;
 * `eventually` and `try` take it back.
 */
#ifndef HEMING_SCN_H
#define HEMING_SCN_H

#include "base/arena.h"
#include "base/clock.h"
#include "base/doc.h"
#include "base/err.h"
#include "base/sb.h"

#include <pthread.h>
#include <sys/types.h>

/* ---- the text ---- */

struct word {
	char *text; /* variables not yet expanded */
	bool quoted;
};
struct stmt {
	const char *file;
	int line;
	struct word *word;
	int words, before;  /* before: words in front of the block */
	struct stmt *block; /* first statement of { … }; NULL when that is empty */
	bool has_block;
	struct stmt *next;
};
MUST_USE int scn_parse(struct arena *a, const char *path, struct stmt **out, struct err *e);

/* ---- what runs ---- */

struct var {
	char *name, *value;
	struct var *next;
};
struct barrier {
	char *name;
	int need, here, round;
	struct barrier *next;
};
struct macro {
	const char *name;
	const struct stmt *at;
	struct macro *next;
};
struct city; /* city.c */
struct actor;

struct run {
	struct arena *a; /* of the main thread */
	const char *file, *title;
	char *top, *dir; /* of the source; of this scenario's files */
	const char *binary, *store, *postgres;
	char *database; /* made for this scenario, to be dropped */
	bool keep;
	dur_us patience; /* longest wait of an expectation */
	uint64_t seed;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct var *vars;
	struct barrier *barriers;
	struct macro *macros;
	struct city *cities;
	struct actor *actors;
	const struct stmt *now; /* of the main thread, for the watchdog */
	bool ending;
};

struct ctx { /* one thread */
	struct run *run;
	struct arena *a;     /* lives as long as the thread */
	struct actor *actor; /* inside whose block this is, or NULL */
	bool failed;
	const struct stmt *at; /* of the failure */
	struct sb why;
	const char *skip; /* the scenario asked for what is not there */
	int deep;
};

struct actor_kind {
	const char *name;
	/* Words around the block ("-as duty"), each a flag with its value; *i is moved over what was taken.
	 */
	bool (*option)(struct ctx *c, struct actor *a, const struct stmt *s, int *i);
	bool (*begin)(struct ctx *c, struct actor *a, const struct stmt *s); /* before a block; may be NULL */
	bool (*command)(
	        struct ctx *c, struct actor *a, const struct stmt *s);     /* one statement of the block */
	bool (*end)(struct ctx *c, struct actor *a, const struct stmt *s); /* after a block; may be NULL */
	bool (*start)(
	        struct ctx *c, struct actor *a, const struct stmt *s); /* own idea of -start; may be NULL */
	bool (*stop)(struct ctx *c, struct actor *a, const struct stmt *s);
	void (*free)(struct actor *a);
};
struct actor {
	const struct actor_kind *kind;
	char *name;
	char *city; /* name of the city that it talks to; NULL: the only one */
	char *as;   /* login; NULL: nobody */
	void *state;
	bool running; /* on a thread */
	pthread_t thread;
	struct ctx *thread_ctx;
	const struct stmt *thread_at;
	struct actor *next;
};
extern const struct actor_kind kind_http, kind_mqtt, kind_tcp, kind_sse, kind_sql, kind_process, kind_log;

/* ---- interpreter (run.c) ---- */

bool scn_exec_block(struct ctx *c, const struct stmt *first);
bool scn_fail(struct ctx *c, const struct stmt *s, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The word with its variables, in the thread's arena; NULL after a failure. */
const char *scn_word(struct ctx *c, const struct stmt *s, int i);
bool scn_is(const struct stmt *s, int i, const char *text); /* an unquoted word */
/* Fails unless there are that many words. */
bool scn_words(struct ctx *c, const struct stmt *s, int least, int most, const char *usage);
bool scn_int(struct ctx *c, const struct stmt *s, int i, int64_t *out);
bool scn_dur(struct ctx *c, const struct stmt *s, int i, dur_us *out);
/* `got OP want`: == != < <= > >= ~ !~, by number if both are numbers; words of the failure name `what`. */
bool scn_compare(struct ctx *c, const struct stmt *s, const char *what, const char *got, const char *op,
        const char *want);
/* The same without a failure; -1 if the operator is not known or a pattern is wrong. */
int scn_holds(const char *got, const char *op, const char *want);
/* "OP WANT" from word i on; "exists" and "missing" need no WANT. got NULL: there is none. */
bool scn_expect(struct ctx *c, const struct stmt *s, int i, const char *what, const char *got);
void scn_set(struct run *r, const char *name, const char *value);
const char *scn_get(struct run *r, struct arena *a, const char *name); /* NULL if there is none */
/* The part of `text` that a pattern's group (or the whole) matches; NULL if it does not. */
char *scn_match(struct arena *a, const char *text, const char *pattern);
/* Waits for a word about a change, at most until the monotonic instant; with r->lock held. */
void scn_wait_changed(struct run *r, dur_us until);
uint64_t scn_random(struct run *r, uint64_t below);
/* Value at a path: $.a.b[0], [-1], [key=value] (first such element), .length; NULL if there is none. */
const char *scn_json(struct arena *a, struct str json, const char *path, const char **bad);
void scn_short_wait(void); /* between two looks at a fact that nobody tells of */

/* ---- the program under test (city.c) ---- */

struct city {
	struct run *run;
	char *name, *site, *log, *err_file;
	const char *pack[8];
	int packs;
	char *arg[24], *env[24];
	int args, envs;
	char *clock;               /* instant of the manual clock, NULL: the real one */
	bool made, demo, up, bare; /* bare: no -pack was given, and none is wanted */
	pid_t pid;
	int http, mqtt;
	int starts;
	size_t log_seen; /* start of what logexpect looks at */
	struct city *next;
};
bool city_statement(struct ctx *c, const struct stmt *s);
/* By name; NULL: the first. Fails if there is none. */
struct city *city_find(struct ctx *c, const struct stmt *s, const char *name);
/* The value behind an -arg of that name, or NULL. */
const char *city_arg(const struct city *y, const char *name);
void city_end_all(struct ctx *c, bool judge);
void city_kill_all(struct run *r);
void city_report(const struct city *y);
/* Starts a program of ours with output to files; -1 after a failure. */
pid_t scn_spawn(struct ctx *c, const struct stmt *s, char *const argv[], const char *const *env,
        const char *in, const char *out, const char *err_out);
/* Exit code, or 1000 + signal; -1 when it did not end in time. */
int scn_reap(pid_t pid, dur_us wait);
bool clock_statement(struct ctx *c, const struct stmt *s);
bool fault_statement(struct ctx *c, const struct stmt *s);
char *scn_file(struct arena *a, const char *path); /* its text, "" if it cannot be read */

/* ---- a plain request (http.c), also used for the clock and metrics ---- */

struct answer {
	long status; /* 0: none came */
	struct sb headers, body;
	char error[256];
};
void answer_fini(struct answer *w);
void http_ask(struct ctx *c, struct city *y, const char *method, const char *path, const char *body,
        dur_us wait, struct answer *out);

/* ---- PostgreSQL (sql.c, proxy.c) ---- */

MUST_USE int database_make(struct run *r, const char *name, struct err *e);
void database_drop(struct run *r, const char *name);
bool proxy_statement(struct ctx *c, const struct stmt *s); /* postgres -proxy, -stop, -start */
void proxy_end(void);

#endif

/*
 * cli - the commands of heming: one table, one file a command, and what they share.
 *
 * A command that works on a site's data runs in this process when nobody serves the site; else it is handed,
 * with its words, to the serving process through the socket in the site's folder, and runs there. Either way
 * it prints to `out`.
 */
#ifndef HEMING_CLI_H
#define HEMING_CLI_H

#include "api/server.h"
#include "cli/settings.h"

#include <stdio.h>

enum arg_kind { ARG_FLAG, ARG_TEXT, ARG_PATH, ARG_INT, ARG_LIST };
struct arg {
	const char *name; /* without -- */
	enum arg_kind kind;
	const char *meta, *help;
};
#define ARGS_MAX 12
#define LIST_MAX 16

struct cli {
	struct arena *a;
	const struct command *command;
	const char *site_dir;     /* --site */
	struct settings settings; /* read already */
	const char *word[32]; /* what is no option, in order; paths are absolute where the command says so */
	int words;
	const char *value[ARGS_MAX]; /* by place in the command's args; NULL if not given */
	const char *list[LIST_MAX];  /* of its one ARG_LIST */
	int lists;
	struct str input; /* standard input, for commands that read a secret there */
	FILE *out;
	bool terminal;          /* out is one: progress may rewrite its line */
	struct site *site;      /* for commands with CMD_DATA */
	struct api_server *api; /* of the serving process; NULL where nobody serves */
	const bool *cancel;     /* atomic: who asked has gone, or said Ctrl-C and cli_stoppable was called */
};

enum command_flags {
	CMD_SITE = 1 << 0,     /* takes --site */
	CMD_SETTINGS = 1 << 1, /* takes every setting as an option */
	CMD_DATA = 1 << 2,     /* works on the open site */
	CMD_PATHS = 1 << 3,    /* its words are paths */
	CMD_INPUT = 1 << 4,    /* reads standard input when it is no terminal */
	CMD_SERVED = 1 << 5,   /* runs in the serving process alone */
};
struct command {
	const char *name, *words; /* words: what else may follow, for the usage line */
	const char *summary;
	const char *detail; /* more for heming help NAME; "" if none */
	int (*run)(struct cli *c, struct err *e);
	unsigned flags;
	int least, most; /* of words */
	struct arg arg[ARGS_MAX];
};
extern const struct command commands[];

/* The value of an option or its default. */
const char *cli_text(const struct cli *c, const char *arg, const char *dflt);
bool cli_flag(const struct cli *c, const char *arg);
int64_t cli_int(const struct cli *c, const char *arg, int64_t dflt);

struct secret_key cli_secret_key(const struct cli *c);
/* The clock (NULL: the real one) becomes the site's if it opens. */
MUST_USE int cli_open_site(struct cli *c, bool create, bool rules, struct clock *clock, struct err *e);
/* Runs the command with these words; *code is the exit code. */
int cli_main(int argc, char **argv);
/* Parses and runs in a serving process, for the control socket; why it failed goes to `why`. Returns the exit
 * code. cancel: see struct cli. */
int cli_run_served(struct site *s, struct api_server *api, const struct settings *set, int argc, char **argv,
        struct str input, FILE *out, FILE *why, const bool *cancel);
/* From now on Ctrl-C is no end of the process, but c->cancel. */
void cli_stoppable(const struct cli *c);
/* "12,345 of 20,000 rows", rewritten on a terminal, every so often otherwise. */
void cli_progress(struct cli *c, const char *what, int64_t done, int64_t total);
void cli_progress_end(struct cli *c);

/* Both tell what they find. A pack with errors is ERR_INVALID. */
MUST_USE int cli_pack_check(struct cli *c, const char *dir, struct err *e);
MUST_USE int cli_pack_install(struct cli *c, const char *dir, struct err *e);

int cmd_init(struct cli *c, struct err *e);
int cmd_serve(struct cli *c, struct err *e);
int cmd_simulate(struct cli *c, struct err *e);
int cmd_import(struct cli *c, struct err *e);
int cmd_pack(struct cli *c, struct err *e);
int cmd_calendar(struct cli *c, struct err *e);
int cmd_flow(struct cli *c, struct err *e);
int cmd_account(struct cli *c, struct err *e);
int cmd_device(struct cli *c, struct err *e);
int cmd_thing(struct cli *c, struct err *e);
int cmd_journal(struct cli *c, struct err *e);
int cmd_backup(struct cli *c, struct err *e);
int cmd_restore(struct cli *c, struct err *e);
int cmd_standby(struct cli *c, struct err *e);
int cmd_drill(struct cli *c, struct err *e);
int cmd_key(struct cli *c, struct err *e);
int cmd_doctor(struct cli *c, struct err *e);
int cmd_series(struct cli *c, struct err *e);
int cmd_reload(struct cli *c, struct err *e);
int cmd_config(struct cli *c, struct err *e);
int cmd_version(struct cli *c, struct err *e);
int cmd_help(struct cli *c, struct err *e);

#endif

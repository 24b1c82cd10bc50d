/* heming init - a new site. */
#include "base/file.h"
#include "city/pack.h"
#include "cli/cli.h"

#include <sys/stat.h>

/* Whoever runs commands on the server may do anything to accounts. */
static struct who at_the_server(void)
{
	struct who w = who_system;

	w.login = "admin";
	return w;
}

/* ---- demo ---- */

static const struct {
	const char *login, *name, *org, *roles;
} people[] = {
        {"duty", "值班员 演示", "ycoc", "viewer desk handler"},
        {"leader", "领导 演示", "ycoc", "viewer leader"},
        {"worker", "住建处置员 演示", "zhujian", "viewer handler"},
        {"water", "水利处置员 演示", "shuiwu", "viewer handler"},
};

static int add_demo(struct cli *c, struct sb *logins, struct err *e)
{
	char password[PASSWORD_MADE], secret[65];
	int rc = 0;

	for (size_t i = 0; i < ARRAY_LEN(people) && rc == 0; i++) {
		struct account_in in = {.login = people[i].login,
		        .name = people[i].name,
		        .org = people[i].org,
		        .roles = people[i].roles,
		        .password = password,
		        .clearance = 2};

		password_make(password);
		rc = account_add(c->site->store, &c->site->accounts, &in, &who_system, NULL, e);
		sb_printf(logins, "%s %s\n", in.login, password);
	}
	if (rc == 0)
		rc = device_add(c->site->store, "demo-gw", "", "system", secret, e);
	if (rc == 0)
		sb_printf(logins, "device demo-gw %s\n", secret);
	return rc;
}

static bool empty_folder(struct arena *a, const char *dir)
{
	char **name = NULL;
	struct err ignored = ERR_INIT;

	return !file_exists(dir) || (file_list(a, dir, &name, &ignored) == 0 && *name == NULL);
}

int cmd_init(struct cli *c, struct err *e)
{
	struct account_in admin = {.login = "admin",
	        .name = "管理员",
	        .org = "",
	        .roles = "viewer handler desk leader admin",
	        .clearance = 4};
	struct sb logins = SB_INIT;
	char password[PASSWORD_MADE];
	int rc;

	if (!empty_folder(c->a, c->site_dir)) {
		err_set(e, ERR_CONFLICT,
		        "there is something in this folder already; a new site needs an empty or a new one");
		return err_at(e, c->site_dir, 0, 0, NULL);
	}
	for (int i = 0; i < c->lists; i++) {
		struct pack_report r = {0};

		rc = pack_check(c->list[i], c->a, &r, e);
		if (rc < 0)
			return rc;
		if (r.errors > 0 && cli_pack_check(c, c->list[i], e) < 0)
			return err_set(e, ERR_INVALID, "no site was made: the pack has errors");
	}
	rc = cli_open_site(c, true, false, NULL, e);
	for (int i = 0; i < c->lists && rc == 0; i++)
		rc = cli_pack_install(c, c->list[i], e);
	password_make(password);
	admin.password = password;
	if (rc == 0)
		rc = account_add(c->site->store, &c->site->accounts, &admin, &who_system, NULL, e);
	if (rc == 0 && cli_flag(c, "demo"))
		rc = add_demo(c, &logins, e);
	if (rc == 0 && cli_flag(c, "demo")) {
		sb_printf(&logins, "admin %s\n", password);
		rc = file_write(path_join(c->a, c->site_dir, "demo-login"), logins.p, logins.n, 0600, e);
	}
	site_close(&c->site);
	if (rc == 0)
		fprintf(c->out,
		        "The site is in %s. Administrator: admin, password: %s (shown this once; heming "
		        "account password admin sets another)\n",
		        c->site_dir, password);
	if (rc == 0 && getenv("HEMING_SEAL_KEY") == NULL)
		fprintf(c->out,
		        "The key of its secrets is in %s: keep a copy elsewhere, backups do not hold it.\n",
		        cli_secret_key(c).file);
	sb_fini(&logins);
	return rc;
}

/* ---- accounts and devices ---- */

static int list_accounts(struct cli *c, struct err *e)
{
	struct store_tx *tx = NULL;
	struct account_row *row = NULL;
	int n = 0, rc = store_read_begin(c->site->store, "list accounts", &tx, e);

	if (rc == 0)
		rc = account_list(tx, c->a, &row, &n, e);
	for (int i = 0; i < n; i++)
		fprintf(c->out, "%-16s %-24s %-16s %s%s%s%s\n", row[i].login, row[i].roles, row[i].org,
		        row[i].name, row[i].second_factor ? " (second factor)" : "",
		        row[i].locked != TIME_NONE ? " (locked)" : "", row[i].disabled ? " (disabled)" : "");
	store_read_end(&tx);
	return rc;
}

static int change_account(struct cli *c, const char *login, const struct who *by, struct err *e)
{
	const char *disabled = cli_text(c, "disabled", NULL);
	struct account_change change = {.name = cli_text(c, "name", NULL),
	        .org = cli_text(c, "org", NULL),
	        .roles = cli_text(c, "roles", NULL),
	        .regions = cli_text(c, "regions", NULL),
	        .orgs = cli_text(c, "orgs", NULL),
	        .clearance = cli_int(c, "clearance", 0),
	        .disabled = -1};

	if (disabled != NULL && strcmp(disabled, "yes") != 0 && strcmp(disabled, "no") != 0) {
		err_set(e, ERR_INVALID, "yes or no is needed");
		return err_at(e, NULL, 0, 0, "disabled");
	}
	if (disabled != NULL)
		change.disabled = strcmp(disabled, "yes") == 0;
	return account_change(c->site->store, &c->site->accounts, login, &change, by, NULL, e);
}

static int add_account(struct cli *c, const char *login, const char *password, bool made,
        const struct who *by, struct err *e)
{
	struct account_in in = {.login = login,
	        .name = cli_text(c, "name", login),
	        .org = cli_text(c, "org", ""),
	        .roles = cli_text(c, "roles", "viewer"),
	        .regions = cli_text(c, "regions", ""),
	        .orgs = cli_text(c, "orgs", ""),
	        .clearance = cli_int(c, "clearance", 2),
	        .password = password,
	        .must_change = made};

	return account_add(c->site->store, &c->site->accounts, &in, by, NULL, e);
}

int cmd_account(struct cli *c, struct err *e)
{
	static const char words[] =
	        "account add, password, change, unlock, sign-out, no-factor LOGIN and account list";
	const char *what = c->word[0], *login = c->word[1];
	struct store *st = c->site->store;
	struct who by = at_the_server();
	char made[PASSWORD_MADE];
	const char *password = made;
	bool with_password = true;
	int rc;

	if (strcmp(what, "list") == 0)
		return list_accounts(c, e);
	if (c->words < 2)
		return err_set(e, ERR_INVALID, "there are %s", words);
	password_make(made);
	if (c->input.n > 0)
		password = arena_strndup(c->a, c->input.p, c->input.n);
	if (strcmp(what, "password") == 0) {
		rc = account_set_password(st, &c->site->accounts, login, password, password == made, &by, e);
	} else if (strcmp(what, "add") == 0) {
		rc = add_account(c, login, password, password == made, &by, e);
	} else {
		with_password = false;
		if (strcmp(what, "change") == 0)
			rc = change_account(c, login, &by, e);
		else if (strcmp(what, "unlock") == 0)
			rc = account_unlock(st, login, &by, e);
		else if (strcmp(what, "sign-out") == 0)
			rc = account_sign_out(st, login, &by, e);
		else if (strcmp(what, "no-factor") == 0)
			rc = account_drop_factor(st, login, &by, e);
		else
			return err_set(e, ERR_INVALID, "there are %s", words);
	}
	if (rc == 0 && with_password && password == made)
		fprintf(c->out, "%s: password %s (shown this once; to be changed at the next sign-in)\n",
		        login, made);
	else if (rc == 0)
		fprintf(c->out, "%s: done\n", login);
	return rc;
}

int cmd_device(struct cli *c, struct err *e)
{
	char secret[65];
	int rc;

	if (strcmp(c->word[0], "add") != 0)
		return err_set(e, ERR_INVALID, "say heming device add LOGIN");
	rc = device_add(c->site->store, c->word[1], cli_text(c, "things", ""), "admin", secret, e);
	if (rc == 0)
		fprintf(c->out, "%s: secret %s (shown this once)\n", c->word[1], secret);
	return rc;
}

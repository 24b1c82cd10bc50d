/* heming key - the key under which secrets in the records are sealed. */
#include "cli/cli.h"

static void print_name(struct cli *c, const char *words)
{
	const struct secret_key k = cli_secret_key(c);
	char name[SEAL_NAME];

	seal_key_name(c->site->seal.key[0], name);
	fprintf(c->out, "key %s in %s, %s; %s\n", name, k.env != NULL ? "HEMING_SEAL_KEY" : k.file,
	        k.cipher == SEAL_SM4 ? "SM4-GCM" : "AES-256-GCM", words);
}

static int rotate(struct cli *c, struct err *e)
{
	const struct secret_key k = cli_secret_key(c);
	int sealed = 0, rc = secret_rotate(c->site->store, &k, &c->site->seal, &sealed, e);

	if (rc < 0)
		return rc;
	print_name(c, "keep a copy of the file elsewhere");
	fprintf(c->out, "%d secrets sealed anew\n", sealed);
	return 0;
}

int cmd_key(struct cli *c, struct err *e)
{
	bool turn = strcmp(c->word[0], "rotate") == 0;
	int rc;

	if (!turn && strcmp(c->word[0], "status") != 0)
		return err_set(e, ERR_INVALID, "there are key status and key rotate");
	/* In a process of its own: the environment and the file are those of whoever asks. */
	rc = cli_open_site(c, false, false, NULL, e);
	if (rc < 0)
		return rc;
	if (c->site->key_missing)
		rc = err_set(e, ERR_STATE,
		        "the key that sealed the store's secrets is missing; put it into %s",
		        cli_secret_key(c).file);
	else if (turn)
		rc = rotate(c, e);
	else
		print_name(c, "the store's secrets are sealed by it");
	site_close(&c->site);
	return rc;
}

/* heming thing command - a command to the device of a thing, through the serving process. */
#include "cli/cli.h"

#include "ingest/command.h"

/* "10s", "500ms", "1m", or seconds. */
static int read_wait(const char *text, dur_us *out, struct err *e)
{
	if (dur_parse(str_of(text), out) && *out >= US_MS && *out <= COMMAND_WAIT_MOST)
		return 0;
	err_set(e, ERR_INVALID, "\"%s\" is no time of up to a minute; say 10s or 500ms", text);
	return err_at(e, NULL, 0, 0, "timeout");
}

int cmd_thing(struct cli *c, struct err *e)
{
	const struct snapshot *now;
	const struct thing *t;
	struct command_answer answer;
	struct device_command command = {.by = "admin", .wait = 10 * US_SECOND};
	int rc = 0;

	if (strcmp(c->word[0], "command") != 0)
		return err_set(e, ERR_INVALID, "say heming thing command CODE TEXT");
	if (cli_text(c, "timeout", NULL) != NULL)
		rc = read_wait(cli_text(c, "timeout", NULL), &command.wait, e);
	if (rc < 0)
		return rc;
	command.payload = str_of(c->word[2]);
	if (command.payload.n > COMMAND_BYTES)
		return err_set(e, ERR_TOOBIG, "a command is at most %d bytes", COMMAND_BYTES);
	now = registry_hold(c->site->registry);
	t = snapshot_thing(now, str_of(c->word[1]));
	command.thing = t;
	rc = t == NULL ? err_set(e, ERR_NOTFOUND, "no thing has the code %s", c->word[1])
	               : command_send(api_ingest(c->api), &command, c->a, &answer, e);
	registry_release(c->site->registry, now);
	if (rc == 0)
		fprintf(c->out, STR_FMT "\n", STR_ARG(answer.payload));
	return rc;
}

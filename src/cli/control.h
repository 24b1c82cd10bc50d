/*
 * control - the socket DIR/control.sock by which commands reach the process that serves a site.
 *
 * Who may open the socket may do everything; its mode is 0600 and it lies in the site's folder. One request a
 * connection: a JSON line {"argv": […], "cwd": …, "input": …}; the answer is what the command prints, then a
 * zero byte and the exit code.
 */
#ifndef HEMING_CLI_CONTROL_H
#define HEMING_CLI_CONTROL_H

#include "cli/cli.h"

struct control;
MUST_USE int control_start(struct site *s, struct api_server *api, const struct settings *set,
        struct control **out, struct err *e);
void control_stop(struct control **c);
/* ERR_NOTFOUND when nobody serves the site. Copies the answer to out. */
MUST_USE int control_ask(
        const char *site_dir, int argc, char **argv, struct str input, FILE *out, int *code, struct err *e);

#endif

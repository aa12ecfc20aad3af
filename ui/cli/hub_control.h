/* A hub's control socket, asked one question (docs/admin.md has the protocol). */
#pragma once

#include <json-c/json.h>

#include "ui/cli/cli.h"

/* Sends @request to the hub that --state names, else to the person's own, else to that of this machine, with the
 * descriptor @pass unless it is -1. Calls @each (may be NULL) for every object of the answer but the last; what it is
 * given is borrowed. A descriptor that comes with the answer is *got, the caller's, if @got is not NULL. EXIT_OK, or
 * the error has been printed. */
int hub_control_ask(struct cli *cli, const char *request, int pass, int *got,
                    void (*each)(struct cli *cli, json_object *object, void *userdata), void *userdata);

/* Sends @request and copies the answer, which is no JSON, to standard output. EXIT_OK, or the error has been printed.
 */
int hub_control_copy(struct cli *cli, const char *request);

/* The state directory of the person's own hub: $XDG_STATE_HOME/visavis/hub, or ~/.local/state/visavis/hub. NULL if
 * neither is known; the caller's. */
char *hub_own_directory(void);

/* The parts of visavis group that are about links into it. */
#pragma once

#include "ui/cli/session.h"

/* invite GROUP [DAYS [USES]], invitations GROUP, revoke GROUP ID; @words: behind the group, NULL behind the last. */
int invitation_make(struct session *s, char *words[]);
int invitation_list(struct session *s);
int invitation_revoke(struct session *s, const char *id);

/* join: the link is read from standard input, for arguments can be seen by others. */
int invitation_join(struct cli *cli, const struct cli_account *account);

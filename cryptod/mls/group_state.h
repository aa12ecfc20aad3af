/* What a group is made of; for the files of group.h alone. */
#pragma once

#include "cryptod/mls/group.h"

struct group {
        struct signature_key *signature_key;
        struct epoch *current;
        struct epoch *pending;                 /* after our own commit; NULL: none waits */
        struct epoch *past[GROUP_PAST_EPOCHS]; /* newest first; only what opens messages is left of them */
        struct proposal_store proposals;       /* of the current epoch */
        struct resumption {
                uint64_t epoch;
                struct secret *psk;
        } resumptions[GROUP_RESUMPTION_PSKS]; /* newest first */
};

/* Makes @next (which passes over) the current epoch. */
void group_advance(struct group *g, struct epoch *next);

/* Asks the host about every leaf of @after that @before (may be NULL) does not have with the same credential and key.
 */
int group_check_credentials(const struct epoch *before, const struct epoch *after, const struct group_host *host);

/* A PSK source over the group's own past epochs and the host's. @userdata: struct group_psks. */
struct group_psks {
        const struct group *group;
        const struct group_host *host;
};
const struct secret *group_find_psk(void *userdata, const struct psk_id *id);

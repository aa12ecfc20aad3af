/* What the hub's owner asks over the control socket: one line of words between single spaces.
 *
 *     status | metrics | accounts | invitations | log | backup
 *     invite [uses=N] [seconds=N]        revoke INVITATION        remove NAME        reset-room NAME  */
#pragma once

#include <stdint.h>

#include "services/bytes.h"
#include "store/store.h"

enum control_command {
        CONTROL_STATUS,
        CONTROL_METRICS,
        CONTROL_ACCOUNTS,
        CONTROL_INVITATIONS,
        CONTROL_LOG,
        CONTROL_BACKUP,
        CONTROL_INVITE,
        CONTROL_REVOKE,
        CONTROL_REMOVE,
        CONTROL_RESET_ROOM,
};

enum {
        CONTROL_LINE_MAX = 256, /* without its newline */
        CONTROL_USES_MAX = 10000,
        CONTROL_SECONDS_DEFAULT = 7 * 24 * 3600,
        CONTROL_SECONDS_MAX = 10 * 365 * 24 * 3600,
};

struct control_request {
        enum control_command command;
        unsigned uses;                                /* INVITE: 1 to CONTROL_USES_MAX; 1 if it was not said */
        unsigned seconds;                             /* INVITE: 1 to CONTROL_SECONDS_MAX; else a week */
        uint8_t invitation[STORE_INVITATION_ID_SIZE]; /* REVOKE */
        char name[WIRE_NAME_MAX + 1];                 /* REMOVE, RESET_ROOM */
};

/* Reads @line, which is without its newline. NULL, or a sentence that says what is wrong with it. */
const char *control_request_parse(struct bytes line, struct control_request *out);

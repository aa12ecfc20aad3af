/* The ledger's rows about transfers: which files are under way. How far each has come is not in them: of an upload the
 * hub knows, of a download the spool. */
#pragma once

#include "ledger.h"

enum { TRANSFER_ID_SIZE = 16 };

/* What was decided about a transfer. */
enum transfer_course {
        TRANSFER_OPEN,
        TRANSFER_OVER,
        TRANSFER_GIVEN_UP, /* until it is resumed */
};

struct transfer_row {
        int64_t id;      /* 0: not in the ledger yet */
        int64_t account; /* ledger_account.id */
        uint8_t transfer[TRANSFER_ID_SIZE];
        bool upload, paused;
        enum transfer_course course;
        uint64_t size;                      /* in the spool; of a download, once it is over */
        struct bytes names;                 /* CHUNK_NAME_SIZE bytes for each chunk */
        char reason[WIRE_SENTENCE_MAX + 1]; /* why it was given up */
};

/* Calls @each for all transfers; the views are valid during the call. A negative value from it ends the walk. */
int transfer_rows(struct ledger *l, int (*each)(void *userdata, const struct transfer_row *row), void *userdata);

/* Adds a row and sets its id. */
int transfer_row_add(struct ledger *l, struct transfer_row *row);

/* Writes course, paused, size and reason. */
int transfer_row_update(struct ledger *l, const struct transfer_row *row);
int transfer_row_remove(struct ledger *l, int64_t id);

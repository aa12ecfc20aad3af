/* What the vault remembers of a file on its way to or from the hub: enough to go on after a restart of any process. A
 * sealed row, bound to its id:
 *
 *     struct {
 *         uint8 sends;             1: to the hub, 0: from there
 *         uint8 whole;             of one to the hub: relayd has all of it, and the size below is known
 *         opaque conversation[16];
 *         uint64 message;          of one from the hub: whose file it is; else 0
 *         opaque caption<V>;       of one to the hub: the text that goes with it
 *         FilePart part;           file_part.h; of one to the hub without its chunks
 *     } TransferRecord; */
#pragma once

#include "cryptod/conversation/file_part.h"
#include "cryptod/conversation/history.h"

enum { TRANSFER_ID_SIZE = 16 };

struct transfer_record {
        uint8_t id[TRANSFER_ID_SIZE]; /* also relayd's */
        bool sends, whole;
        uint8_t conversation[CONVERSATION_ID_SIZE];
        uint64_t message;
        struct bytes caption;  /* a view into @plain, or the caller's */
        struct file_part part; /* the same */
        struct secret *plain;
};

void transfer_record_release(struct transfer_record *t);

/* A copy whose views are of memory of its own. -EBADMSG if something in @from is not as file_part.h demands. */
int transfer_record_copy(const struct transfer_record *from, struct transfer_record *out);

/* Within a transaction. What vault_seal() and storage_run() return. */
int transfer_record_store(struct vault *v, const struct transfer_record *t);
int transfer_record_erase(struct vault *v, const uint8_t id[static TRANSFER_ID_SIZE]);

/* Calls @each with every record, which passes over. -EBADMSG if the vault is damaged; what @each returns. */
int transfer_records_load(struct vault *v, int (*each)(struct transfer_record *t, void *userdata), void *userdata);

/* Conversations that are being written to a descriptor of somebody's. The history is read in steps of the event loop,
 * goes through a pipe, and a thread copies it from there to the descriptor, which may never answer. */
#pragma once

#include "cryptod/account.h"
#include "cryptod/conversation/export.h"

struct exporting;

/* What of a conversation, and how. */
struct exporting_range {
        enum export_format format;
        bool newest_first;
        uint64_t from;  /* behind, or with @newest_first before, this message; 0: from the end of it */
        uint64_t limit; /* at most so many; 0: all */
};

/* Begins; @m's sender is told of the end by im.visavis.Crypto1.History.Exported. -EBUSY: file_job_start(); pipe2(2)'s
 * errors. */
int exporting_start(struct account *a, const struct conversation *c, sd_bus_message *m, int output,
                    const struct exporting_range *range, uint32_t *job);

/* The account locks: ends all. */
void exporting_end_all(struct account *a);

/* Conversations that are being written to a descriptor of somebody's. The history is read in steps of the event loop,
 * goes through a pipe, and a thread copies it from there to the descriptor, which may never answer. */
#pragma once

#include "cryptod/account.h"
#include "cryptod/conversation/export.h"

struct exporting;

/* Begins; @m's sender is told of the end by im.visavis.Crypto1.History.Exported. -EBUSY: file_job_start(); pipe2(2)'s
 * errors. */
int exporting_start(struct account *a, const struct conversation *c, sd_bus_message *m, int output,
                    enum export_format format, uint32_t *job);

/* The account locks: ends all. */
void exporting_end_all(struct account *a);

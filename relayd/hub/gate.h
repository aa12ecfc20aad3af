/* The gate: who may come in, how often, and how much may be asked for, by address and by account. It outlives links, so
 * that nobody gets a new allowance by coming again, and its memory does not grow with who comes.
 *
 * An address is an IPv4 address or an IPv6 network of 64 bits; local sockets share one. Times are CLOCK_BOOTTIME, µs.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "services/bytes.h"

struct gate;

/* 0 is no limit. */
struct gate_settings {
        unsigned unproven;         /* links that have not proven themselves, all in all; an eighth of one address */
        unsigned links_of_address; /* at once */
        unsigned links_per_minute; /* new ones, of one address */
        unsigned registrations_per_hour;  /* of one address */
        unsigned requests_per_second;     /* of one account */
        unsigned claims_per_minute;       /* of one account */
        unsigned claims_of_name_per_hour; /* one-time key packages that one account gets of one other */
        unsigned chunk_rate;              /* bytes a second of one account, both directions together */
        unsigned chunk_rate_of_address;   /* bytes a second of one address */
};

/* What a link takes up. */
struct gate_pass {
        uint8_t address[16];
        bool proven;
};

int gate_new(const struct gate_settings *settings, struct gate **out);

/* Other limits from now on; what was used of a rate that stays the same stays used. -ENOMEM: nothing has changed. */
int gate_configure(struct gate *g, const struct gate_settings *settings);
struct gate *gate_free(struct gate *g);

/* A newcomer: true if it may come in; then @pass is to be given back with gate_leave(). */
bool gate_enter(struct gate *g, const struct sockaddr_storage *peer, uint64_t now_usec, struct gate_pass *pass);
void gate_proven(struct gate *g, struct gate_pass *pass);
void gate_leave(struct gate *g, const struct gate_pass *pass);

/* Takes one; 0, or how long to wait (µs). */
uint64_t gate_register(struct gate *g, const struct gate_pass *pass, uint64_t now_usec);
uint64_t gate_claim(struct gate *g, int64_t mailbox, uint64_t now_usec);

/* A request, and the bytes of a chunk, that have come or go anyhow: 0, or how long to let no more of them come (µs). */
uint64_t gate_request(struct gate *g, int64_t mailbox, uint64_t now_usec);
uint64_t gate_chunk(struct gate *g, const struct gate_pass *pass, int64_t mailbox, size_t size, uint64_t now_usec);

/* True if @mailbox may have a one-time key package of @name; else it has had its share, and gets that of last resort.
 */
bool gate_one_time(struct gate *g, int64_t mailbox, struct bytes name, uint64_t now_usec);

unsigned gate_unproven(const struct gate *g);
uint64_t gate_refused(const struct gate *g);

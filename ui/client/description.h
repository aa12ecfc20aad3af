/* A conversation as Describe of im.visavis.Crypto1.Messages answers with it: what is set, and the draft. */
#pragma once

#include "ui/client/account.h"

struct description {
        const char *kind, *title, *draft, *standing, *nickname;
        uint32_t unread;
        uint64_t read; /* the last message that was read */
        uint64_t draft_replies_to;
        uint64_t disappearing; /* seconds; 0: messages stay */
        uint64_t muted_until;  /* seconds since 1970; 0: not muted */
        bool marked_unread, receipts, blocked, archived;
};

/* From Describe's answer, whose strings it borrows. A negative errno if that is none. */
int description_read(sd_bus_message *reply, struct description *out);

/* @d is borrowed during the call; NULL with an error. */
typedef void (*description_done)(const struct description *d, const sd_bus_error *error, void *userdata);

/* Returns what sd_bus_call_async(3) does; if that is an error, @done is not called. */
int description_ask(struct account *a, struct calls *c, const char *conversation, description_done done,
                    void *userdata);

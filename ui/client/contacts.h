/* Whom an account has met, and whose keys were verified: im.visavis.Crypto1.Contacts, for programs that show it. */
#pragma once

#include "ui/client/account.h"

struct contact {
        const char *address;  /* as a conversation with them has it */
        const char *nickname; /* "" for none */
        bool contact;         /* added, answered or accepted; else met in a group, or a request */
        bool verified;
        bool changed; /* another key than the known one was refused, and can be accepted */
        bool blocked;
};

/* The list is borrowed during the call; with an error it is empty. */
typedef void (*contacts_done)(const struct contact *list, size_t n, const sd_bus_error *error, void *userdata);

/* @number: 60 digits; @code: what to show as a QR code. With an error both are "". */
typedef void (*safety_number_done)(const char *number, const char *code, const sd_bus_error *error, void *userdata);

/* They return what sd_bus_call_async(3) does; if that is an error, @done is not called. @changed: of the key that was
 * refused. @number: what the person has looked at. */
int contacts_list(struct account *a, struct calls *c, contacts_done done, void *userdata);
int contacts_safety_number(struct account *a, struct calls *c, const char *address, bool changed,
                           safety_number_done done, void *userdata);
int contacts_set_verified(struct account *a, struct calls *c, const char *address, bool verified, account_done done,
                          void *userdata);
int contacts_accept_key(struct account *a, struct calls *c, const char *address, const char *number, account_done done,
                        void *userdata);

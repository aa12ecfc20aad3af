/* One contact: nickname, safety number, and the end of the acquaintance. */
#pragma once

#include "ui/client/account.h"
#include "ui/desktop/sheet.h"
#include "ui/desktop/trust_mark.h"

struct contact_page_events {
        /* Something about them is otherwise now. */
        void (*changed)(void *userdata);
        /* The conversation with them is there: for words (@safety TRUST_NONE), or for the safety number of a key that
         * is known so. The strings are valid during the call. */
        void (*opened)(const char *conversation, const char *address, enum trust safety, void *userdata);
};

/* Pushes the page of the person with this address, which is copied. @events must outlive it. */
void contact_page_push(struct sheet *s, struct account *a, const char *address,
                       const struct contact_page_events *events, void *userdata);

/* See history.h. */
#include "ui/client/history.h"

#include <errno.h>
#include <stdlib.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"

static int read_matches(sd_bus_message *m, struct match **list, size_t *n)
{
        struct match one;
        int r = sd_bus_message_enter_container(m, 'a', "(st)");

        while (r >= 0 && (r = sd_bus_message_read(m, "(st)", &one.conversation, &one.message)) > 0) {
                struct match *grown = reallocarray(*list, *n + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                *list = grown;
                grown[(*n)++] = one;
        }
        return r;
}

static void decode(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        _cleanup_free_ struct match *list = NULL;
        size_t n = 0;

        if (!error && read_matches(reply, &list, &n) < 0) {
                error = &calls_malformed;
                n = 0;
        }
        ((history_found) done)(list, n, error, userdata);
}

int history_search(struct account *a, struct calls *c, const char *words, const struct search *s, history_found done,
                   void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_HISTORY, "Search", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", words);
        if (r >= 0 && s->conversation)
                r = sd_bus_message_append(m, "a{sv}", 2, "limit", "u", s->limit, "conversation", "s", s->conversation);
        else if (r >= 0)
                r = sd_bus_message_append(m, "a{sv}", 1, "limit", "u", s->limit);
        return r < 0 ? r : calls_send_decoded(c, m, decode, (call_receiver) done, userdata);
}

/* The accounts of the person who runs the program. */
#include "ui/client/accounts.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/text.h"
#include "ui/client/client.h"

static int read_entries(sd_bus_message *reply, struct account_entry **list, size_t *n)
{
        struct account_entry e;
        const char *state;
        int r = sd_bus_message_enter_container(reply, 'a', "(ossss)");

        while (r >= 0 &&
               (r = sd_bus_message_read(reply, "(ossss)", &e.path, &e.id, &e.address, &state, &e.label)) > 0) {
                struct account_entry *grown = reallocarray(*list, *n + 1, sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                e.unlocked = strcmp(state, "unlocked") == 0;
                e.destroyed = strcmp(state, "destroyed") == 0;
                *list = grown;
                grown[(*n)++] = e;
        }
        return r;
}

static void decode(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        _cleanup_(sd_bus_error_free) sd_bus_error bad = SD_BUS_ERROR_NULL;
        _cleanup_free_ struct account_entry *list = NULL;
        size_t n = 0;
        int r = error ? 0 : read_entries(reply, &list, &n);

        if (r < 0) {
                sd_bus_error_set_errno(&bad, r);
                error = &bad;
                n = 0;
        }
        ((accounts_done) done)(list, n, error, userdata);
}

int accounts_list(sd_bus *bus, struct calls *c, accounts_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = sd_bus_message_new_method_call(bus, &m, CRYPTO_SERVICE, CRYPTO_PATH, CRYPTO_MANAGER, "ListAccounts");

        return r < 0 ? r : calls_send_decoded(c, m, decode, (call_receiver) done, userdata);
}

int account_link_path(const char *id, char out[static LINK_PATH_SIZE])
{
        uint8_t binary[16];
        int r = hex_decode(id, binary, sizeof(binary));

        if (r < 0)
                return r;
        snprintf(out, LINK_PATH_SIZE, "%s/link/%s", RELAY_PATH, id);
        return 0;
}

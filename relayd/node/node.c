/* See node.h. */
#include "node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"
#include "discovery.h"
#include "network.h"
#include "services/cleanup.h"
#include "services/log.h"
#include "services/seal.h"
#include "spool.h"
#include "transfer.h"

struct account *node_account(struct node *n, const char *account)
{
        for (struct account *a = n->accounts; a; a = a->next) {
                if (!a->removed && strcmp(a->row.account, account) == 0)
                        return a;
        }
        return NULL;
}

static void on_settled(void *userdata)
{
        struct node *n = userdata;

        for (struct account *a = n->accounts; a; a = a->next)
                account_run(a);
}

static int on_account(void *userdata, const struct ledger_account *row, struct secret *transport_key)
{
        struct account *a;
        int r = account_new(userdata, row, transport_key, &a);

        if (r < 0) {
                log_error("Account %s cannot be set up: %s.", row->account, strerror(-r));
                return r;
        }
        /* One that the hub has not agreed to waits for AddAccount to be called again. */
        if (row->registered)
                account_start(a);
        return 0;
}

static void on_network_changed(void *userdata)
{
        struct node *n = userdata;

        log_info("The network has changed, or the machine was asleep: links are tried.");
        for (struct account *a = n->accounts; a; a = a->next)
                account_network_changed(a);
}

int node_new(sd_event *event, sd_bus *bus, const char *directory, const struct node_settings *settings,
             struct node **out)
{
        _cleanup_free_ char *key = NULL;
        struct node *n = calloc(1, sizeof(*n));
        int r;

        if (!n || asprintf(&key, "%s/host.key", directory) < 0) {
                key = NULL;
                free(n);
                return -ENOMEM;
        }
        n->event = sd_event_ref(event);
        n->bus = sd_bus_ref(bus);
        n->settings = *settings;
        r = host_key_open(key, "relayd-key", &n->key);
        if (r < 0)
                log_error("The key %s that protects the transport keys cannot be opened: %s. Restore it, or give "
                          "relayd its state directory.",
                          key, strerror(-r));
        if (r >= 0)
                r = ledger_open(event, directory, n->key, on_settled, n, &n->ledger);
        if (r >= 0)
                r = ledger_accounts(n->ledger, on_account, n);
        if (r >= 0)
                r = spool_open(directory, &n->spool);
        if (r >= 0)
                r = transfers_load(n);
        if (r >= 0) {
                r = delivery_export(n);
                if (r >= 0)
                        r = transfers_export(n);
                if (r >= 0)
                        r = discovery_new(n, &n->discovery);
                if (r < 0)
                        log_error("relayd cannot export its objects on the bus: %s.", strerror(-r));
        }
        if (r >= 0)
                r = network_watch(n->event, n->bus, on_network_changed, n, &n->network);
        if (r < 0) {
                node_free(n);
                return r;
        }
        *out = n;
        return 0;
}

struct node *node_free(struct node *n)
{
        if (!n)
                return NULL;
        discovery_free(n->discovery);
        network_free(n->network);
        if (n->ledger)
                (void) ledger_commit(n->ledger);
        while (n->accounts)
                account_free(n->accounts);
        sd_bus_slot_unref(n->transfer_gate);
        sd_bus_track_unref(n->transfer_watchers);
        spool_close(n->spool);
        ledger_close(n->ledger);
        secret_free(n->key);
        sd_bus_unref(n->bus);
        sd_event_unref(n->event);
        free(n);
        return NULL;
}

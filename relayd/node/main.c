/* visavis-relayd: the one daemon that talks to the network, and sees nothing but ciphertext. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "discovery.h"
#include "node.h"
#include "relayd/link/channel.h"
#include "relayd/link/socks.h"
#include "services/daemon.h"
#include "services/log.h"

static const struct config_key keys[] = {
        { "peers", "crypto-user", "visavis-crypto" },
        { "link", "window", "256" },
        { "link", "longest-wait", "5min" },
        { "link", "patience", "1min" },
        { "link", "proxy", "" },
        { "link", "bandwidth", "0" },
        { "limits", "inbox", "100000" },
        { "limits", "inbox-bytes", "268435456" },
        { "limits", "spool", "4294967296" },
        { NULL, NULL, NULL },
};

static int on_start(struct daemon *d, void **state)
{
        struct node_settings settings = { 0 };
        struct node *n;
        struct socks_proxy proxy;
        int64_t window, inbox, inbox_bytes, bandwidth, spool;
        int r;

        if ((r = peer_configure(&settings.crypto, d->config, "crypto-user")) < 0 ||
            (r = config_integer(d->config, "link", NULL, "window", 1, WIRE_WINDOW_MAX, &window)) < 0 ||
            (r = config_duration(d->config, "link", NULL, "longest-wait", &settings.backoff_usec)) < 0 ||
            (r = config_duration(d->config, "link", NULL, "patience", &settings.patience_usec)) < 0 ||
            (r = config_integer(d->config, "limits", NULL, "inbox", 1, 100 * 1000 * 1000, &inbox)) < 0 ||
            (r = config_integer(d->config, "limits", NULL, "inbox-bytes", 1, INT64_MAX / 2, &inbox_bytes)) < 0 ||
            (r = config_integer(d->config, "link", NULL, "bandwidth", 0, INT64_MAX, &bandwidth)) < 0 ||
            (r = config_integer(d->config, "limits", NULL, "spool", 0, INT64_MAX, &spool)) < 0)
                return r;
        settings.proxy = config_string(d->config, "link", NULL, "proxy");
        if (strlen(settings.proxy) >= LEDGER_PROXY_MAX || socks_proxy_parse(settings.proxy, "", &proxy) < 0) {
                log_error("The setting proxy in section [link] of relayd.conf is \"%s\"; write socks5://host:port.",
                          settings.proxy);
                return -EINVAL;
        }
        settings.window = (uint32_t) window;
        settings.inbox_max = (uint32_t) inbox;
        settings.inbox_bytes = (uint64_t) inbox_bytes;
        settings.bandwidth = (uint64_t) bandwidth;
        settings.spool_max = (uint64_t) spool;
        r = node_new(d->event, d->bus, d->state_directory, &settings, &n);
        if (r < 0)
                return r;
        *state = n;
        return 0;
}

static void on_stop(struct daemon *d, void *state)
{
        node_free(state);
}

int main(int argc, char *argv[])
{
        static const struct daemon_type type = {
                .name = "visavis-relayd",
                .description = "Keeps the links to the hubs, and the queues of encrypted envelopes in both directions.",
                .bus_name = "im.visavis.Relay1",
                .addressed_signals = DISCOVERY_SIGNALS,
                .keys = keys,
                .start = on_start,
                .stop = on_stop,
        };

        channel_keep_buffers();
        return daemon_run(&type, argc, argv);
}

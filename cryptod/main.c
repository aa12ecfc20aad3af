/* visavis-cryptod: the one daemon that holds keys. It sees neither the network nor a camera. */
#include <errno.h>
#include <openssl/crypto.h>
#include <string.h>

#include "cryptod/cryptod.h"
#include "cryptod/mls/suite.h"
#include "services/daemon.h"
#include "services/log.h"

static const struct config_key keys[] = {
        { "peers", "relay-user", "visavis-relay" },
        { "peers", "auth-user", "visavis-auth" },
        { "accounts", "suite", "" } /* the best that this OpenSSL has */,
        { "unlock", "derivation-milliseconds", "500" },
        { "unlock", "passphrase-alone", "no" },
        { "memory", "memfd-secret", "yes" },
        { NULL, NULL, NULL },
};

/* Where OpenSSL keeps private keys that are in use: locked, and out of core dumps, as struct secret is. */
enum { OPENSSL_SECURE_HEAP = 1024 * 1024, OPENSSL_SECURE_BLOCK = 32 };

static int on_start(struct daemon *d, void **state)
{
        struct cryptod_settings settings = { .suite = config_string(d->config, "accounts", NULL, "suite") };
        struct cryptod *c;
        int64_t milliseconds;
        bool hidden;
        int r = peer_configure(&settings.relay, d->config, "relay-user");

        if (r >= 0)
                r = peer_configure(&settings.auth, d->config, "auth-user");
        if (r >= 0)
                r = config_integer(d->config, "unlock", NULL, "derivation-milliseconds", 100, 10000, &milliseconds);
        if (r >= 0)
                r = config_boolean(d->config, "unlock", NULL, "passphrase-alone", &settings.passphrase_alone);
        if (r >= 0)
                r = config_boolean(d->config, "memory", NULL, "memfd-secret", &hidden);
        if (r < 0)
                return r;
        if (hidden && (r = secret_hide()) < 0)
                log_info("The kernel does not give memory that it cannot read itself (%s); keys are in locked memory.",
                         strerror(-r));
        settings.argon2_usec = (uint64_t) milliseconds * 1000;
        if (settings.suite[0] == '\0')
                settings.suite = suite_default()->name;
        if (suite_is_missing(settings.suite)) {
                log_error(
                        "Cipher suite %s, which suite in cryptod.conf names, needs ML-KEM, which this machine's "
                        "OpenSSL "
                        "(%s) does not have. Install OpenSSL 3.5 or later (Debian 13), or take one of RFC 9420 §17.1.",
                        settings.suite, OpenSSL_version(OPENSSL_VERSION_STRING));
                return -EINVAL;
        }
        if (!suite_by_name(settings.suite)) {
                log_error("There is no cipher suite %s, which suite in cryptod.conf names. Take one of RFC 9420 "
                          "§17.1.",
                          settings.suite);
                return -EINVAL;
        }
        if (CRYPTO_secure_malloc_init(OPENSSL_SECURE_HEAP, OPENSSL_SECURE_BLOCK) != 1)
                log_warning("OpenSSL's keys cannot all be locked into memory. Raise RLIMIT_MEMLOCK (LimitMEMLOCK= of "
                            "the unit).");
        r = cryptod_new(d->event, d->bus, d->state_directory, &settings, &c);
        if (r < 0)
                return r;
        *state = c;
        return 0;
}

static void on_stop(struct daemon *d, void *state)
{
        cryptod_free(state);
}

int main(int argc, char *argv[])
{
        static const struct daemon_type type = {
                .name = "visavis-cryptod",
                .description = "Holds the vaults and all end-to-end encryption.",
                .bus_name = "im.visavis.Crypto1",
                .keys = keys,
                .start = on_start,
                .stop = on_stop,
        };

        return daemon_run(&type, argc, argv);
}

/* What both daemons' disks and the PIN together open, for tests that search memory for it:
 *
 *     secrets-on-disk AUTHD_STATE CRYPTOD_STATE ACCOUNT UID   <PIN on a pipe
 *
 * prints a line "name hex" for each secret of the account. The state directories are copies: it writes into them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/conversation/conversation.h"
#include "cryptod/conversation/device.h"
#include "face_secret.h"
#include "services/cleanup.h"
#include "services/text.h"

static void print(const char *name, const struct secret *s)
{
        _cleanup_free_ char *hex = s ? hex_encode(secret_bytes(s)) : NULL;

        if (hex)
                printf("%s %s\n", name, hex);
}

static void print_group(const struct epoch *e)
{
        const struct key_schedule *k = &e->schedule;

        print("sender-data-secret", k->sender_data_secret);
        print("exporter-secret", k->exporter_secret);
        print("external-secret", k->external_secret);
        print("confirmation-key", k->confirmation_key);
        print("membership-key", k->membership_key);
        print("resumption-psk", k->resumption_psk);
        print("epoch-authenticator", k->epoch_authenticator);
        print("init-secret", k->init_secret);
        for (uint32_t i = 0; i < e->keys.count; i++)
                print("node-key", e->keys.items[i].key);
}

static int print_vault(struct vault *v)
{
        struct conversation *conversations, *next;
        struct device *d;
        int r = device_load(v, &d);

        if (r < 0)
                return r;
        print("root-key", d->root_private_key);
        print("signature-key", d->signature_private_key);
        device_free(d);
        r = conversation_load_all(v, &conversations);
        for (struct conversation *c = r < 0 ? NULL : conversations; c; c = next) {
                next = c->next;
                for (struct membership *m = c->memberships; m; m = m->next)
                        print_group(group_epoch(m->group));
                conversation_free(c);
        }
        return r;
}

static int open_vault(const char *state, const char *account, const struct secret *face_secret,
                      const struct secret *factor)
{
        _cleanup_vault_ struct vault *v = NULL;
        _cleanup_secret_ struct secret *key = NULL;
        struct reader reader;
        struct slot slot;
        int r = vault_load(state, account, &v);

        if (r < 0)
                return r;
        reader_init(&reader, vault_slot(v, 1));
        r = slot_read(&reader, &slot);
        if (r >= 0)
                r = slot_open(&slot, BYTES_STRING(account), face_secret, factor, &key);
        if (r < 0)
                return r;
        print("vault-key", key);
        r = vault_unlock(v, TAKE(key));
        return r < 0 ? r : print_vault(v);
}

int main(int argc, char *argv[])
{
        _cleanup_secret_ struct secret *factor = NULL, *face_secret = NULL;
        int r;

        if (argc != 5) {
                fprintf(stderr, "secrets-on-disk AUTHD_STATE CRYPTOD_STATE ACCOUNT UID <PIN\n");
                return 2;
        }
        r = secret_from_fd(0, FACTOR_SIZE_MAX, true, &factor);
        if (r >= 0)
                r = face_secret_on_disk(argv[1], argv[3], (uid_t) strtoul(argv[4], NULL, 10), &face_secret);
        print("face-secret", face_secret);
        if (r >= 0)
                r = open_vault(argv[2], argv[3], face_secret, factor);
        if (r < 0)
                fprintf(stderr, "The account cannot be opened: %s.\n", strerror(-r));
        return r < 0 ? 1 : 0;
}

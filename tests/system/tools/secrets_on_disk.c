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
#include "cryptod/conversation/entrance.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/transfer_record.h"
#include "face_secret.h"
#include "services/cleanup.h"
#include "services/seal.h"
#include "services/storage.h"
#include "services/text.h"

static void print_bytes(const char *name, struct bytes b)
{
        _cleanup_free_ char *hex = b.size > 0 ? hex_encode(b) : NULL;

        if (hex)
                printf("%s %s\n", name, hex);
}

static void print(const char *name, const struct secret *s)
{
        if (s)
                print_bytes(name, secret_bytes(s));
}

/* As group_part.h says that they are stored: a leaf's ratchets, or nodes above. */
static void print_tree_part(uint32_t part, struct reader *r)
{
        while (part % 2 == 0 && reader_more(r)) {
                print_bytes("ratchet", read_vector(r));
                (void) read_u32(r);
                for (uint32_t kept = read_u32(r); kept > 0 && !r->error; kept--) {
                        (void) read_u32(r);
                        print_bytes("message-key", read_vector(r));
                        (void) read_vector(r);
                }
        }
        while (part % 2 == 1 && reader_more(r)) {
                (void) read_u32(r);
                print_bytes("tree-secret", read_vector(r));
        }
}

static void print_secret_tree(const struct secret_tree *t)
{
        for (uint32_t part = 0; part < secret_tree_parts(t); part++) {
                _cleanup_writer_ struct writer content = WRITER_INIT;
                struct reader r;

                secret_tree_write_part(t, part, &content);
                reader_init(&r, writer_bytes(&content));
                print_tree_part(part, &r);
        }
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
        print_secret_tree(e->secret_tree);
}

/* Those that cryptod uses as soon as an account is open. */
static void print_table_keys(const struct secret *vault_key)
{
        static const char *const tables[] = { "device", "conversation", "message", "membership", "group_part", "cell" };

        for (size_t i = 0; i < COUNT_OF(tables); i++) {
                _cleanup_free_ char *info = NULL;
                _cleanup_secret_ struct secret *key = NULL;

                if (asprintf(&info, "visavis vault table v1%s", tables[i]) < 0)
                        abort();
                key = hkdf_sha512(secret_bytes(vault_key), BYTES(NULL, 0), BYTES_STRING(info), SEAL_KEY_SIZE);
                print("table-key", key);
        }
}

/* Whatever stands where keys of cells do. */
static int print_cell_keys(const char *state, const char *account)
{
        enum { PLACE_SIZE = 512, KEY_SIZE = 32 };
        static const uint8_t none[KEY_SIZE];
        _cleanup_free_ char *path = NULL;
        uint8_t place[PLACE_SIZE];
        size_t n;
        FILE *f;

        if (asprintf(&path, "%s/%s/cell-keys", state, account) < 0)
                abort();
        f = fopen(path, "re");
        if (!f)
                return -errno;
        while ((n = fread(place, 1, sizeof(place), f)) >= KEY_SIZE) {
                if (memcmp(place, none, KEY_SIZE) != 0)
                        print_bytes("cell-key", BYTES(place, KEY_SIZE));
        }
        fclose(f);
        return 0;
}

static int print_key_packages(struct vault *v)
{
        _cleanup_statement_ sqlite3_stmt *s = NULL;
        int r = storage_prepare(vault_database(v), &s, "SELECT ref FROM key_package", "");

        while (r >= 0 && (r = storage_step(s)) > 0) {
                _cleanup_(held_key_package_release) struct held_key_package k = { 0 };

                r = key_packages_find(v, storage_column_bytes(s, 0), &k);
                print("key-package-init-key", k.init_key);
                print("key-package-leaf-key", k.leaf_key);
        }
        return r;
}

static int print_entrances(struct vault *v)
{
        struct entrance *entrances, *next;
        int r = entrances_load(v, &entrances);

        for (struct entrance *e = r < 0 ? NULL : entrances; e; e = next) {
                next = e->next;
                print("invitation-key", e->key);
                entrance_free(e);
        }
        return r;
}

static int print_transfer(struct transfer_record *t, void *userdata)
{
        print_bytes("file-key", t->part.key);
        transfer_record_release(t);
        return 0;
}

static int print_vault(struct vault *v)
{
        _cleanup_secret_ struct secret *sealed_files = NULL;
        struct conversation *conversations, *next;
        struct device *d;
        int r = device_load(v, &d);

        if (r < 0)
                return r;
        print("root-key", d->root_private_key);
        print("sealing-key", d->sealing_private_key);
        print("signature-key", d->signature_private_key);
        device_free(d);
        r = conversation_load_all(v, &conversations);
        for (struct conversation *c = r < 0 ? NULL : conversations; c; c = next) {
                next = c->next;
                for (struct membership *m = c->memberships; m; m = m->next)
                        print_group(group_epoch(m->group));
                conversation_free(c);
        }
        if (r >= 0)
                r = vault_purpose_key(v, "sealed files", &sealed_files);
        print("sealed-files-key", sealed_files);
        if (r >= 0)
                r = print_key_packages(v);
        if (r >= 0)
                r = print_entrances(v);
        return r < 0 ? r : transfer_records_load(v, print_transfer, NULL);
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
        print_table_keys(key);
        r = print_cell_keys(state, account);
        if (r >= 0)
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

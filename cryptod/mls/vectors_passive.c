/* Vectors of a member who only follows: passive-client. */
#include <stdio.h>
#include <stdlib.h>

#include "cryptod/mls/group.h"
#include "cryptod/mls/vectors.h"
#include "services/cleanup.h"

/* The external PSKs of a case. */
struct external_psks {
        json_object *list;
        struct secret *found; /* the last that was asked for */
};

static void external_psks_release(struct external_psks *p)
{
        secret_free(p->found);
}

static const struct secret *find_psk(void *userdata, const struct psk_id *id)
{
        struct external_psks *p = userdata;

        for (size_t i = 0; i < json_object_array_length(p->list); i++) {
                json_object *entry = json_object_array_get_idx(p->list, i);

                if (id->type == PSK_EXTERNAL && vector_equals(entry, "psk_id", id->external_id)) {
                        secret_free(p->found);
                        p->found = vector_secret(entry, "psk");
                        return p->found;
                }
        }
        return NULL;
}

static bool process(struct group *g, json_object *hex, const struct group_host *host)
{
        _cleanup_hex_ struct hex message = vector_hex_string(hex);
        _cleanup_(received_release) struct received received = { 0 };
        int r = group_process(g, hex_bytes(&message), host, &received);

        if (r < 0)
                fprintf(stderr, "group_process: error %d\n", -r);
        return r >= 0;
}

static bool follow(struct group *g, json_object *epoch, const struct group_host *host)
{
        json_object *proposals = vector_array(epoch, "proposals");

        for (size_t i = 0; i < json_object_array_length(proposals); i++)
                EXPECT(process(g, json_object_array_get_idx(proposals, i), host));
        EXPECT(process(g, vector_member(epoch, "commit"), host));
        EXPECT(vector_equals(epoch, "epoch_authenticator", secret_bytes(group_epoch(g)->schedule.epoch_authenticator)));
        return true;
}

bool vector_passive_client(json_object *o)
{
        _cleanup_hex_ struct hex package = vector_hex(o, "key_package"), welcome = vector_hex(o, "welcome");
        _cleanup_hex_ struct hex tree =
                vector_is_null(o, "ratchet_tree") ? (struct hex){ 0 } : vector_hex(o, "ratchet_tree");
        _cleanup_secret_ struct secret *init_key = vector_secret(o, "init_priv"),
                                       *leaf_key = vector_secret(o, "encryption_priv");
        _cleanup_(external_psks_release) struct external_psks psks = { vector_array(o, "external_psks"), NULL };
        struct group_host host = { .psk = find_psk, .userdata = &psks, .threads = 2 };
        _cleanup_group_ struct group *g = NULL;
        json_object *epochs = vector_array(o, "epochs");
        struct bytes encoded = hex_bytes(&package);
        struct joiner joiner = { .init_key = init_key, .leaf_key = leaf_key };
        struct reader r;

        reader_init(&r, encoded);
        EXPECT(read_u16(&r) == PROTOCOL_MLS10 && read_u16(&r) == WIRE_FORMAT_KEY_PACKAGE);
        joiner.key_package = r.rest;
        EXPECT(group_join(hex_bytes(&welcome), &joiner, hex_bytes(&tree), vector_secret(o, "signature_priv"), &host,
                          &g) == 0);
        EXPECT(vector_equals(o, "initial_epoch_authenticator",
                             secret_bytes(group_epoch(g)->schedule.epoch_authenticator)));
        for (size_t i = 0; i < json_object_array_length(epochs); i++) {
                bool good = follow(g, json_object_array_get_idx(epochs, i), &host);

                if (!good)
                        fprintf(stderr, "… in epoch %zu of suite %d\n", i, (int) vector_integer(o, "cipher_suite"));
                EXPECT(good);
        }
        return true;
}

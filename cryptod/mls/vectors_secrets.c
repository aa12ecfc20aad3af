/* Vectors of what is derived from secrets: key-schedule, psk_secret, secret-tree. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/key_schedule.h"
#include "cryptod/mls/psk.h"
#include "cryptod/mls/secret_tree.h"
#include "cryptod/mls/sender_data.h"
#include "cryptod/mls/tree_math.h"
#include "cryptod/mls/vectors.h"
#include "services/cleanup.h"

static bool epoch_secrets(const struct suite *s, json_object *e, const struct key_schedule *k)
{
        json_object *exporter = vector_member(e, "exporter");
        _cleanup_hex_ struct hex context = vector_hex(exporter, "context");
        _cleanup_secret_ struct secret *exported = key_schedule_export(
                s, k, vector_string(exporter, "label"), hex_bytes(&context), vector_size(exporter, "length"));
        _cleanup_writer_ struct writer external_public = WRITER_INIT;
        _cleanup_secret_ struct secret *external_private = key_schedule_external_key_pair(s, k, &external_public);

        EXPECT(vector_equals(e, "init_secret", secret_bytes(k->init_secret)));
        EXPECT(vector_equals(e, "sender_data_secret", secret_bytes(k->sender_data_secret)));
        EXPECT(vector_equals(e, "encryption_secret", secret_bytes(k->encryption_secret)));
        EXPECT(vector_equals(e, "exporter_secret", secret_bytes(k->exporter_secret)));
        EXPECT(vector_equals(e, "epoch_authenticator", secret_bytes(k->epoch_authenticator)));
        EXPECT(vector_equals(e, "external_secret", secret_bytes(k->external_secret)));
        EXPECT(vector_equals(e, "confirmation_key", secret_bytes(k->confirmation_key)));
        EXPECT(vector_equals(e, "membership_key", secret_bytes(k->membership_key)));
        EXPECT(vector_equals(e, "resumption_psk", secret_bytes(k->resumption_psk)));
        EXPECT(external_private);
        EXPECT(vector_equals(e, "external_pub", writer_bytes(&external_public)));
        EXPECT(vector_equals(exporter, "secret", secret_bytes(exported)));
        return true;
}

bool vector_key_schedule(json_object *o)
{
        const struct suite *s = vector_suite(o);
        json_object *epochs = vector_array(o, "epochs");
        _cleanup_hex_ struct hex group_id = vector_hex(o, "group_id");
        _cleanup_secret_ struct secret *init_secret = vector_secret(o, "initial_init_secret");

        for (size_t i = 0; i < json_object_array_length(epochs); i++) {
                json_object *e = json_object_array_get_idx(epochs, i);
                _cleanup_(key_schedule_release) struct key_schedule k = { 0 };
                _cleanup_secret_ struct secret *commit = vector_secret(e, "commit_secret"),
                                               *psk = vector_secret(e, "psk_secret");
                _cleanup_hex_ struct hex tree_hash = vector_hex(e, "tree_hash"),
                                         transcript_hash = vector_hex(e, "confirmed_transcript_hash");
                _cleanup_writer_ struct writer context = WRITER_INIT;

                vector_write_group_context(&context, s, hex_bytes(&group_id), i, hex_bytes(&tree_hash),
                                           hex_bytes(&transcript_hash));
                EXPECT(vector_equals(e, "group_context", writer_bytes(&context)));

                _cleanup_secret_ struct secret *joiner =
                        key_schedule_joiner(s, init_secret, commit, writer_bytes(&context));
                _cleanup_secret_ struct secret *welcome = key_schedule_welcome(s, joiner, psk);

                EXPECT(vector_equals(e, "joiner_secret", secret_bytes(joiner)));
                EXPECT(vector_equals(e, "welcome_secret", secret_bytes(welcome)));
                key_schedule_epoch(s, joiner, psk, writer_bytes(&context), &k);
                EXPECT(epoch_secrets(s, e, &k));
                secret_free(init_secret);
                init_secret = TAKE(k.init_secret);
        }
        return true;
}

bool vector_psk_secret(json_object *o)
{
        enum { PSKS_MAX = 64 };
        const struct suite *s = vector_suite(o);
        json_object *given = vector_array(o, "psks");
        size_t count = json_object_array_length(given);
        struct hex ids[PSKS_MAX], nonces[PSKS_MAX];
        struct psk psks[PSKS_MAX];

        EXPECT(count <= PSKS_MAX);
        for (size_t i = 0; i < count; i++) {
                json_object *p = json_object_array_get_idx(given, i);

                ids[i] = vector_hex(p, "psk_id");
                nonces[i] = vector_hex(p, "psk_nonce");
                psks[i] = (struct psk){
                        { .type = PSK_EXTERNAL, .external_id = hex_bytes(&ids[i]), .nonce = hex_bytes(&nonces[i]) },
                        vector_secret(p, "psk")
                };
        }
        _cleanup_secret_ struct secret *secret = psk_secret(s, psks, count);

        for (size_t i = 0; i < count; i++) {
                hex_release(&ids[i]);
                hex_release(&nonces[i]);
                secret_free((struct secret *) psks[i].value);
        }
        EXPECT(vector_equals(o, "psk_secret", secret_bytes(secret)));
        return true;
}

static bool sender_data_case(const struct suite *s, json_object *o)
{
        _cleanup_secret_ struct secret *secret = vector_secret(o, "sender_data_secret"), *key = NULL, *nonce = NULL;
        _cleanup_hex_ struct hex ciphertext = vector_hex(o, "ciphertext");

        sender_data_keys(s, secret, hex_bytes(&ciphertext), &key, &nonce);
        EXPECT(vector_equals(o, "key", secret_bytes(key)));
        EXPECT(vector_equals(o, "nonce", secret_bytes(nonce)));
        return true;
}

static void tree_release(struct secret_tree **t)
{
        secret_tree_free(*t);
}

/* Writes the tree part by part, reads it back, and goes on with what was read. */
static bool through_bytes(const struct suite *s, uint32_t leaves, struct secret_tree **t)
{
        _cleanup_(tree_release) struct secret_tree *before = *t;

        *t = secret_tree_empty(s, leaves);
        for (uint32_t part = 0; part < secret_tree_parts(before); part++) {
                _cleanup_writer_ struct writer w = WRITER_INIT;

                secret_tree_write_part(before, part, &w);
                if (w.size > 0 && secret_tree_read_part(*t, part, writer_bytes(&w)) < 0)
                        return false;
        }
        return secret_tree_is_whole(*t);
}

bool vector_secret_tree(json_object *o)
{
        static const struct {
                enum ratchet_type type;
                const char *key, *nonce;
        } ratchets[] = { { RATCHET_APPLICATION, "application_key", "application_nonce" },
                         { RATCHET_HANDSHAKE, "handshake_key", "handshake_nonce" } };
        const struct suite *s = vector_suite(o);
        json_object *leaves = vector_array(o, "leaves");
        uint32_t count = (uint32_t) json_object_array_length(leaves);
        _cleanup_(tree_release) struct secret_tree *t = NULL;

        EXPECT(tree_leaves_valid(count));
        t = secret_tree_new(s, vector_secret(o, "encryption_secret"), count);
        for (uint32_t leaf = 0; leaf < count; leaf++) {
                json_object *generations = json_object_array_get_idx(leaves, leaf);

                vector_expect_array(generations, "leaves");
                for (size_t i = 0; i < json_object_array_length(generations); i++) {
                        json_object *g = json_object_array_get_idx(generations, i);
                        uint32_t generation = vector_number(g, "generation");

                        for (size_t n = 0; n < COUNT_OF(ratchets); n++) {
                                const struct secret *key, *nonce;

                                EXPECT(secret_tree_peek(t, leaf, ratchets[n].type, generation, &key, &nonce) == 0);
                                EXPECT(vector_equals(g, ratchets[n].key, secret_bytes(key)));
                                EXPECT(vector_equals(g, ratchets[n].nonce, secret_bytes(nonce)));
                                secret_tree_consume(t, leaf, ratchets[n].type, generation);
                                EXPECT(secret_tree_peek(t, leaf, ratchets[n].type, generation, &key, &nonce) < 0);
                        }
                }
                EXPECT(through_bytes(s, count, &t));
        }
        return sender_data_case(s, vector_member(o, "sender_data"));
}

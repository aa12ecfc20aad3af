#include "cryptod/mls/commit.h"

enum proposal_or_ref_type proposal_or_ref_read(struct reader *r, struct proposal *out, struct bytes *ref)
{
        enum proposal_or_ref_type type = (enum proposal_or_ref_type) read_u8(r);

        if (type == PROPOSAL_BY_VALUE)
                proposal_read(r, out);
        else if (type == PROPOSAL_BY_REFERENCE)
                *ref = read_vector(r);
        else
                reader_fail(r);
        return type;
}

void hpke_ciphertext_read(struct reader *r, struct bytes *kem_output, struct bytes *ciphertext)
{
        *kem_output = read_vector(r);
        *ciphertext = read_vector(r);
}

void update_path_node_read(struct reader *r, struct bytes *encryption_key, struct bytes *encrypted_path_secrets)
{
        *encryption_key = read_vector(r);
        *encrypted_path_secrets = read_vector(r);
}

static void check_ciphertexts(struct reader *r, struct bytes ciphertexts)
{
        struct reader list;

        reader_init(&list, ciphertexts);
        while (reader_more(&list)) {
                struct bytes kem_output, ciphertext;

                hpke_ciphertext_read(&list, &kem_output, &ciphertext);
        }
        if (reader_finish(&list) < 0)
                reader_fail(r);
}

void update_path_read(struct reader *r, struct update_path *out)
{
        struct reader list;

        leaf_node_read(r, &out->leaf);
        list = read_vector_open(r);
        out->nodes = list.rest;
        while (reader_more(&list)) {
                struct bytes encryption_key, secrets;

                update_path_node_read(&list, &encryption_key, &secrets);
                check_ciphertexts(&list, secrets);
        }
        reader_close_vector(r, &list);
}

void commit_read(struct reader *r, struct commit *out)
{
        struct reader start = *r, list;

        *out = (struct commit){ 0 };
        list = read_vector_open(r);
        out->proposals = list.rest;
        while (reader_more(&list)) {
                struct proposal proposal;
                struct bytes ref;

                proposal_or_ref_read(&list, &proposal, &ref);
        }
        reader_close_vector(r, &list);
        out->has_path = read_optional(r);
        if (out->has_path)
                update_path_read(r, &out->path);
        out->encoded = reader_between(&start, r);
}

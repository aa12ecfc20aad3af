#include "cryptod/mls/leaf_node.h"

#include <errno.h>

static struct bytes read_list(struct reader *r)
{
        struct bytes list = read_vector(r);

        if (list.size % 2 != 0)
                reader_fail(r);
        return list;
}

void leaf_node_read(struct reader *r, struct leaf_node *out)
{
        struct reader start = *r;

        *out = (struct leaf_node){ 0 };
        out->encryption_key = read_vector(r);
        out->signature_key = read_vector(r);
        out->credential.type = read_u16(r);
        out->credential.content = read_vector(r);
        out->capabilities.versions = read_list(r);
        out->capabilities.cipher_suites = read_list(r);
        out->capabilities.extensions = read_list(r);
        out->capabilities.proposals = read_list(r);
        out->capabilities.credentials = read_list(r);
        out->source = (enum leaf_node_source) read_u8(r);
        switch (out->source) {
        case LEAF_NODE_KEY_PACKAGE:
                out->not_before = read_u64(r);
                out->not_after = read_u64(r);
                break;
        case LEAF_NODE_UPDATE:
                break;
        case LEAF_NODE_COMMIT:
                out->parent_hash = read_vector(r);
                break;
        default:
                reader_fail(r);
        }
        out->extensions = read_vector(r);
        if (extensions_check(out->extensions) < 0)
                reader_fail(r);
        out->content = reader_between(&start, r);
        out->signature = read_vector(r);
        out->encoded = reader_between(&start, r);
}

bool capability_listed(struct bytes list, uint16_t value)
{
        struct reader r;

        reader_init(&r, list);
        while (reader_more(&r))
                if (read_u16(&r) == value)
                        return true;
        return false;
}

bool extension_find(struct bytes extensions, uint16_t type, struct bytes *data)
{
        struct reader r;

        reader_init(&r, extensions);
        while (reader_more(&r)) {
                uint16_t this_type = read_u16(&r);
                struct bytes this_data = read_vector(&r);

                if (this_type == type && !r.error) {
                        *data = this_data;
                        return true;
                }
        }
        return false;
}

void number_set_add(struct number_set *s, uint16_t number)
{
        s->bits[number / 64] |= UINT64_C(1) << number % 64;
}

bool number_set_has(const struct number_set *s, uint16_t number)
{
        return s->bits[number / 64] >> number % 64 & 1;
}

/* So many are compared with each other; of more, each is noted. This is read before anything is authenticated. */
enum { EXTENSIONS_FEW = 16 };

int extensions_check(struct bytes extensions)
{
        struct number_set seen;
        unsigned count = 0;
        struct reader r;

        reader_init(&r, extensions);
        for (; reader_more(&r); count++) {
                uint16_t type = read_u16(&r);
                struct bytes again;

                read_vector(&r);
                if (count < EXTENSIONS_FEW && extension_find(r.rest, type, &again))
                        return -EBADMSG;
                if (count == EXTENSIONS_FEW)
                        seen = (struct number_set){ 0 };
                if (count < EXTENSIONS_FEW)
                        continue;
                if (number_set_has(&seen, type))
                        return -EBADMSG;
                number_set_add(&seen, type);
        }
        return reader_finish(&r);
}

void leaf_node_write_tbs(struct writer *w, const struct leaf_node *leaf, struct bytes group_id, uint32_t leaf_index)
{
        write_fixed(w, leaf->content);
        if (leaf->source != LEAF_NODE_KEY_PACKAGE) {
                write_vector(w, group_id);
                write_u32(w, leaf_index);
        }
}

int leaf_node_verify(const struct suite *s, const struct leaf_node *leaf, struct bytes group_id, uint32_t leaf_index)
{
        _cleanup_writer_ struct writer tbs = WRITER_INIT;
        int r;

        leaf_node_write_tbs(&tbs, leaf, group_id, leaf_index);
        r = writer_finish(&tbs);
        return r < 0 ? r
                     : suite_verify_with_label(s, leaf->signature_key, "LeafNodeTBS", writer_bytes(&tbs),
                                               leaf->signature);
}

static void write_content(struct writer *w, const struct leaf_node *leaf)
{
        write_vector(w, leaf->encryption_key);
        write_vector(w, leaf->signature_key);
        write_u16(w, leaf->credential.type);
        write_vector(w, leaf->credential.content);
        write_vector(w, leaf->capabilities.versions);
        write_vector(w, leaf->capabilities.cipher_suites);
        write_vector(w, leaf->capabilities.extensions);
        write_vector(w, leaf->capabilities.proposals);
        write_vector(w, leaf->capabilities.credentials);
        write_u8(w, (uint8_t) leaf->source);
        if (leaf->source == LEAF_NODE_KEY_PACKAGE) {
                write_u64(w, leaf->not_before);
                write_u64(w, leaf->not_after);
        } else if (leaf->source == LEAF_NODE_COMMIT) {
                write_vector(w, leaf->parent_hash);
        }
        write_vector(w, leaf->extensions);
}

int leaf_node_write(const struct leaf_node *leaf, const struct signature_key *signature_key, struct bytes group_id,
                    uint32_t leaf_index, struct writer *out)
{
        _cleanup_writer_ struct writer content = WRITER_INIT, tbs = WRITER_INIT, signature = WRITER_INIT;
        struct leaf_node signed_leaf = *leaf;
        int r;

        write_content(&content, leaf);
        signed_leaf.content = writer_bytes(&content);
        leaf_node_write_tbs(&tbs, &signed_leaf, group_id, leaf_index);
        r = writer_finish(&content) < 0 ? -EMSGSIZE : writer_finish(&tbs);
        if (r >= 0)
                r = signature_key_sign_with_label(signature_key, "LeafNodeTBS", writer_bytes(&tbs), &signature);
        if (r < 0)
                return r;
        write_fixed(out, writer_bytes(&content));
        write_vector(out, writer_bytes(&signature));
        return writer_finish(out);
}

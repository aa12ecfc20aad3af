#include "cryptod/mls/proposal.h"

static struct bytes read_extensions(struct reader *r)
{
        struct bytes extensions = read_vector(r);

        if (extensions_check(extensions) < 0)
                reader_fail(r);
        return extensions;
}

void proposal_read(struct reader *r, struct proposal *out)
{
        struct reader start = *r;

        *out = (struct proposal){ .type = (enum proposal_type) read_u16(r) };
        switch (out->type) {
        case PROPOSAL_ADD:
                key_package_read(r, &out->add);
                break;
        case PROPOSAL_UPDATE:
                leaf_node_read(r, &out->update);
                break;
        case PROPOSAL_REMOVE:
                out->removed = read_u32(r);
                break;
        case PROPOSAL_PSK:
                psk_id_read(r, &out->psk);
                break;
        case PROPOSAL_REINIT:
                out->reinit.group_id = read_vector(r);
                out->reinit.version = read_u16(r);
                out->reinit.cipher_suite = read_u16(r);
                out->reinit.extensions = read_extensions(r);
                break;
        case PROPOSAL_EXTERNAL_INIT:
                out->kem_output = read_vector(r);
                break;
        case PROPOSAL_GROUP_CONTEXT_EXTENSIONS:
                out->extensions = read_extensions(r);
                break;
        default:
                reader_unsupported(r);
        }
        out->encoded = reader_between(&start, r);
}

void proposal_write_add(struct writer *w, struct bytes key_package)
{
        write_u16(w, PROPOSAL_ADD);
        write_fixed(w, key_package);
}

void proposal_write_update(struct writer *w, struct bytes leaf_node)
{
        write_u16(w, PROPOSAL_UPDATE);
        write_fixed(w, leaf_node);
}

void proposal_write_remove(struct writer *w, uint32_t leaf)
{
        write_u16(w, PROPOSAL_REMOVE);
        write_u32(w, leaf);
}

void proposal_write_psk(struct writer *w, const struct psk_id *psk)
{
        write_u16(w, PROPOSAL_PSK);
        psk_id_write(w, psk);
}

void proposal_write_reinit(struct writer *w, struct bytes group_id, const struct suite *s, struct bytes extensions)
{
        write_u16(w, PROPOSAL_REINIT);
        write_vector(w, group_id);
        write_u16(w, PROTOCOL_MLS10);
        write_u16(w, s->id);
        write_vector(w, extensions);
}

void proposal_write_external_init(struct writer *w, struct bytes kem_output)
{
        write_u16(w, PROPOSAL_EXTERNAL_INIT);
        write_vector(w, kem_output);
}

void proposal_write_group_context_extensions(struct writer *w, struct bytes extensions)
{
        write_u16(w, PROPOSAL_GROUP_CONTEXT_EXTENSIONS);
        write_vector(w, extensions);
}

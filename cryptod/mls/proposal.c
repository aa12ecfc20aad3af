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
                reader_fail(r);
        }
        out->encoded = reader_between(&start, r);
}

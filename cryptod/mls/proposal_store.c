#include "cryptod/mls/proposal_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cryptod/mls/tree_math.h"

static void stored_release(struct stored_proposal *p)
{
        free(p->data);
        secret_free(p->leaf_key);
        secret_free(p->signature_key);
}

void proposal_store_release(struct proposal_store *s)
{
        for (size_t i = 0; i < s->count; i++)
                stored_release(&s->items[i]);
        free(s->items);
        *s = (struct proposal_store){ 0 };
}

const struct stored_proposal *proposal_store_find(const struct proposal_store *s, const struct suite *suite,
                                                  struct bytes ref)
{
        for (size_t i = 0; i < s->count; i++)
                if (bytes_equal(BYTES(s->items[i].ref, suite->hash_size), ref))
                        return &s->items[i];
        return NULL;
}

/* Appends a proposal whose content is @data. */
static struct stored_proposal *append(struct proposal_store *s, struct stored_proposal next, struct bytes data)
{
        next.size = data.size;
        next.data = malloc(data.size + 1);
        s->items = reallocarray(s->items, s->count + 1, sizeof(*s->items));
        if (!next.data || !s->items)
                abort();
        memcpy(next.data, data.data, data.size);
        s->items[s->count] = next;
        return &s->items[s->count++];
}

static int reference(const struct suite *s, const struct authenticated_content *a, uint8_t out[static SUITE_HASH_MAX])
{
        _cleanup_writer_ struct writer encoded = WRITER_INIT;

        if (a->content.content_type != CONTENT_PROPOSAL)
                return -EBADMSG;
        authenticated_content_write(&encoded, a);
        if (writer_finish(&encoded) < 0)
                return -EBADMSG;
        suite_ref_hash(s, "MLS 1.0 Proposal Reference", writer_bytes(&encoded), out);
        return 0;
}

bool proposal_store_has(const struct proposal_store *s, const struct suite *suite,
                        const struct authenticated_content *a)
{
        uint8_t ref[SUITE_HASH_MAX];

        return reference(suite, a, ref) == 0 && proposal_store_find(s, suite, BYTES(ref, suite->hash_size));
}

int proposal_store_add(struct proposal_store *s, const struct suite *suite, const struct authenticated_content *a,
                       struct stored_proposal **out)
{
        struct stored_proposal next = { .sender = NODE_NONE }, *kept;
        int r = reference(suite, a, next.ref);

        if (r < 0)
                return r;
        kept = (struct stored_proposal *) proposal_store_find(s, suite, BYTES(next.ref, suite->hash_size));
        if (!kept) {
                if (s->count >= PROPOSAL_STORE_MAX)
                        return -E2BIG;
                if (a->content.sender_type == SENDER_MEMBER)
                        next.sender = a->content.sender;
                kept = append(s, next, a->content.body);
        }
        if (out)
                *out = kept;
        return 0;
}

static void write_key(struct writer *w, const struct secret *key)
{
        write_optional(w, key != NULL);
        if (key)
                write_vector(w, secret_bytes(key));
}

static struct secret *read_key(struct reader *r)
{
        return read_optional(r) ? secret_copy(read_vector(r)) : NULL;
}

void stored_proposal_write(const struct stored_proposal *p, const struct suite *suite, struct writer *w)
{
        write_fixed(w, BYTES(p->ref, suite->hash_size));
        write_u32(w, p->sender);
        write_vector(w, BYTES(p->data, p->size));
        write_key(w, p->leaf_key);
        write_key(w, p->signature_key);
}

int proposal_store_read(struct proposal_store *s, size_t index, const struct suite *suite, struct bytes bytes)
{
        struct stored_proposal p = { 0 };
        struct bytes ref, data;
        struct proposal proposal;
        struct reader r, inner;

        reader_init(&r, bytes);
        ref = read_fixed(&r, suite->hash_size);
        p.sender = read_u32(&r);
        data = read_vector(&r);
        reader_init(&inner, data);
        proposal_read(&inner, &proposal);
        p.leaf_key = read_key(&r);
        p.signature_key = read_key(&r);
        if (reader_finish(&r) < 0 || reader_finish(&inner) < 0 || index != s->count || index >= PROPOSAL_STORE_MAX) {
                stored_release(&p);
                return -EBADMSG;
        }
        memcpy(p.ref, ref.data, ref.size);
        append(s, p, data);
        return 0;
}

/* Commits and their update paths (RFC 9420 §12.4, §7.6), as views. */
#pragma once

#include "cryptod/mls/proposal.h"

enum proposal_or_ref_type { PROPOSAL_BY_VALUE = 1, PROPOSAL_BY_REFERENCE = 2 };

struct update_path {
        struct leaf_node leaf;
        struct bytes nodes; /* the content of UpdatePathNode nodes<V> */
};

struct commit {
        struct bytes proposals; /* the content of ProposalOrRef proposals<V> */
        bool has_path;
        struct update_path path;
        struct bytes encoded;
};

/* Reads one, every element of its lists included. */
void commit_read(struct reader *r, struct commit *out);
void update_path_read(struct reader *r, struct update_path *out);

/* Elements of the lists, one by one: readers over their contents. By reference: only @ref is set. */
enum proposal_or_ref_type proposal_or_ref_read(struct reader *r, struct proposal *out, struct bytes *ref);

/* struct UpdatePathNode: the content of HPKECiphertext encrypted_path_secret<V>, which update_path_read() has looked
 * through, is read with hpke_ciphertext_read(). */
void update_path_node_read(struct reader *r, struct bytes *encryption_key, struct bytes *encrypted_path_secrets);
void hpke_ciphertext_read(struct reader *r, struct bytes *kem_output, struct bytes *ciphertext);

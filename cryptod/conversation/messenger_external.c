/* See messenger_state.h: coming into a group by an external commit (RFC 9420 §12.4.3.2), and letting others come so. */
#include <errno.h>
#include <string.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_state.h"
#include "services/cleanup.h"

static int check_credential(void *userdata, const struct leaf_node *leaf)
{
        const struct messenger *m = userdata;
        struct device_credential credential;

        return device_credential_read(m->device->suite, leaf, &credential);
}

bool messenger_same_client(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        struct device_credential a, b;

        return device_credential_peek(before, &a) >= 0 && device_credential_peek(after, &b) >= 0 &&
               bytes_equal(a.address, b.address) && bytes_equal(a.root_key, b.root_key);
}

int messenger_join_external(struct messenger *m, struct bytes group_info, struct membership *g, struct writer *commit)
{
        const struct identity self = device_identity(m->device, &m->device->places[0]);
        const struct external_join join = { .group_info = group_info, .self = &self, .resync_same_key = true };
        const struct group_host host = { .credential = check_credential,
                                         .same_client = messenger_same_client,
                                         .userdata = m,
                                         .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        struct conversation *c;
        int r = group_join_external(&join, &host, commit, &g->group);

        if (r < 0)
                return r;
        if (group_epoch(g->group)->tree.leaves > GROUP_LEAVES_MAX)
                r = -EMSGSIZE;
        else if (messenger_group(m, membership_group_id(g), &c))
                r = -EALREADY; /* an id stands for one group alone (§12.4.3.1) */
        if (r < 0)
                g->group = group_free(g->group);
        return r;
}

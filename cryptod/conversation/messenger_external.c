/* See messenger_state.h: coming into a group by an external commit (RFC 9420 §12.4.3.2), and letting others come so. */
#include <errno.h>
#include <string.h>

#include "cryptod/conversation/credential.h"
#include "cryptod/conversation/key_packages.h"
#include "cryptod/conversation/messenger_state.h"
#include "cryptod/conversation/rules.h"
#include "services/cleanup.h"

static int check_credential(void *userdata, const struct leaf_node *leaf)
{
        const struct messenger *m = userdata;
        struct device_credential credential;

        return device_credential_read(m->device->suite, leaf, &credential);
}

/* What the members will say to it. */
static int judge(void *userdata, const struct commit_view *commit)
{
        return rules_judge(commit);
}

bool messenger_same_client(void *userdata, const struct leaf_node *before, const struct leaf_node *after)
{
        struct device_credential a, b;

        return device_credential_peek(before, &a) >= 0 && device_credential_peek(after, &b) >= 0 &&
               bytes_equal(a.address, b.address) && bytes_equal(a.root_key, b.root_key);
}

int messenger_join_external(struct messenger *m, const struct external_join *join, const struct device_place *place,
                            struct membership *g, struct writer *commit)
{
        const struct identity self = device_identity(m->device, place);
        const struct external_join ours = { .group_info = join->group_info,
                                            .self = &self,
                                            .resync_same_key = true,
                                            .authenticated_data = join->authenticated_data };
        const struct group_host host = { .credential = check_credential,
                                         .commit = judge,
                                         .same_client = messenger_same_client,
                                         .userdata = m,
                                         .lifetime_max = KEY_PACKAGE_LIFETIME_MAX };
        int r = group_join_external(&ours, &host, commit, &g->group);

        if (r >= 0 && group_epoch(g->group)->tree.leaves > GROUP_LEAVES_MAX) {
                g->group = group_free(g->group);
                r = -EMSGSIZE;
        }
        return r;
}

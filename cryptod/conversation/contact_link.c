/* See contact_link.h. */
#include "cryptod/conversation/contact_link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/text.h"

void contact_link_write(const struct contact_link *l, char out[static CONTACT_LINK_MAX])
{
        _cleanup_free_ char *root = base64url_encode(BYTES_OF(l->pin));
        _cleanup_free_ char *hub = base64url_encode(BYTES_OF(l->address.key));
        char address[ADDRESS_TEXT_MAX];

        if (!root || !hub)
                abort();
        address_format(&l->address, false, address);
        (void) snprintf(out, CONTACT_LINK_MAX, CONTACT_LINK_SCHEME "%s?root=%s%s%s", address, root,
                        l->address.has_key ? "&hub=" : "", l->address.has_key ? hub : "");
}

/* One part behind the question mark: 0 also for one that is not known. */
static int read_part(const char *part, struct contact_link *l, bool *has_root)
{
        if (strncmp(part, "root=", 5) == 0) {
                *has_root = true;
                return base64url_decode(part + 5, l->pin, sizeof(l->pin));
        }
        if (strncmp(part, "hub=", 4) == 0) {
                l->address.has_key = true;
                return base64url_decode(part + 4, l->address.key, sizeof(l->address.key));
        }
        return 0;
}

int contact_link_read(const char *text, struct contact_link *out, const char **reason)
{
        char copy[CONTACT_LINK_MAX], *query, *place = NULL;
        struct contact_link l;
        bool has_root = false;

        *reason = "A link of a contact begins with visavis: and is not longer than 511 characters.";
        if (strlen(text) >= sizeof(copy) || strncmp(text, CONTACT_LINK_SCHEME, strlen(CONTACT_LINK_SCHEME)) != 0)
                return -EINVAL;
        (void) snprintf(copy, sizeof(copy), "%s", text + strlen(CONTACT_LINK_SCHEME));
        query = strchr(copy, '?');
        *reason = "The link says nothing of the key; ask for it again.";
        if (!query)
                return -EINVAL;
        *query++ = '\0';
        if (address_parse(copy, &l.address, reason) < 0)
                return -EINVAL;
        for (char *part = strtok_r(query, "&", &place); part; part = strtok_r(NULL, "&", &place)) {
                *reason = "A key in the link is damaged; ask for it again.";
                if (read_part(part, &l, &has_root) < 0)
                        return -EINVAL;
        }
        *reason = "The link says nothing of the key; ask for it again.";
        if (!has_root)
                return -EINVAL;
        *out = l;
        return 0;
}

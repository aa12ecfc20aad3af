/* See invitation_link.h. */
#include "cryptod/conversation/invitation_link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/cleanup.h"
#include "services/text.h"

void invitation_link_release(struct invitation_link *l)
{
        l->key = secret_free(l->key);
}

int invitation_link_write(const struct invitation_link *l, char out[static CONTACT_LINK_MAX])
{
        _cleanup_writer_ struct writer join = WRITER_INIT;
        _cleanup_free_ char *text = NULL;
        size_t size;
        int n;

        write_fixed(&join, BYTES_OF(l->id));
        write_fixed(&join, secret_bytes(l->key));
        text = writer_finish(&join) < 0 ? NULL : base64url_encode(writer_bytes(&join));
        if (!text)
                abort();
        contact_link_write(&l->inviter, out);
        size = strlen(out);
        n = snprintf(out + size, CONTACT_LINK_MAX - size, "&join=%s&until=%" PRIu64, text, l->expires);
        return n < 0 || (size_t) n >= CONTACT_LINK_MAX - size ? -EMSGSIZE : 0;
}

/* The value of a part behind the question mark, up to the next; NULL if it is not there. */
static char *find_part(const char *text, const char *name)
{
        const char *part = strstr(text, name);

        return part ? strndup(part + strlen(name), strcspn(part + strlen(name), "&")) : NULL;
}

static int read_join(const char *text, struct invitation_link *l)
{
        uint8_t bytes[INVITATION_ID_SIZE + INVITATION_KEY_MAX];
        size_t size = strlen(text) * 3 / 4;

        if (size <= INVITATION_ID_SIZE || size > sizeof(bytes) || base64url_decode(text, bytes, size) < 0)
                return -EINVAL;
        memcpy(l->id, bytes, sizeof(l->id));
        l->key = secret_copy(BYTES(bytes + INVITATION_ID_SIZE, size - INVITATION_ID_SIZE));
        explicit_bzero(bytes, sizeof(bytes));
        return 0;
}

int invitation_link_read(const char *text, struct invitation_link *out, const char **reason)
{
        _cleanup_free_ char *join = find_part(text, "&join="), *until = find_part(text, "&until=");
        struct invitation_link l = { 0 };
        char *end = NULL;

        if (contact_link_read(text, &l.inviter, reason) < 0) {
                if (strncmp(text, "visavis:", strlen("visavis:")) != 0)
                        *reason = "A link into a group begins with visavis: and has join= in it; paste the whole link.";
                return -EINVAL;
        }
        *reason = "The link is one of a contact and leads into no group; add the contact, or ask for an invitation.";
        if (!join || !until)
                return -EINVAL;
        *reason = "The invitation in the link is damaged; ask for it again.";
        l.expires = strtoull(until, &end, 10);
        if (*until == '\0' || *end != '\0' || read_join(join, &l) < 0)
                return -EINVAL;
        *out = l;
        return 0;
}

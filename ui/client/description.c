/* See description.h. */
#include "ui/client/description.h"

#include <errno.h>

#include "services/cleanup.h"
#include "ui/client/calls.h"
#include "ui/client/client.h"
#include "ui/client/dictionary.h"

static const struct dictionary_member members[] = {
        { "Kind", "s", offsetof(struct description, kind) },
        { "Title", "s", offsetof(struct description, title) },
        { "Draft", "s", offsetof(struct description, draft) },
        { "Standing", "s", offsetof(struct description, standing) },
        { "Nickname", "s", offsetof(struct description, nickname) },
        { "Unread", "u", offsetof(struct description, unread) },
        { "Read", "t", offsetof(struct description, read) },
        { "DraftRepliesTo", "t", offsetof(struct description, draft_replies_to) },
        { "Disappearing", "t", offsetof(struct description, disappearing) },
        { "MutedUntil", "t", offsetof(struct description, muted_until) },
        { "MarkedUnread", "b", offsetof(struct description, marked_unread) },
        { "Receipts", "b", offsetof(struct description, receipts) },
        { "Blocked", "b", offsetof(struct description, blocked) },
        { "Archived", "b", offsetof(struct description, archived) },
};

int description_read(sd_bus_message *reply, struct description *out)
{
        int r;

        *out = (struct description){ .kind = "", .title = "", .draft = "", .standing = "", .nickname = "" };
        r = dictionary_read(reply, members, COUNT_OF(members), NULL, out);
        return r > 0 ? 0 : r < 0 ? r : -EBADMSG;
}

static void decode(sd_bus_message *reply, const sd_bus_error *error, call_receiver done, void *userdata)
{
        struct description d;

        if (!error && description_read(reply, &d) < 0)
                error = &calls_malformed;
        ((description_done) done)(error ? NULL : &d, error, userdata);
}

int description_ask(struct account *a, struct calls *c, const char *conversation, description_done done, void *userdata)
{
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *m = NULL;
        int r = account_new_call(a, CRYPTO_MESSAGES, "Describe", &m);

        if (r >= 0)
                r = sd_bus_message_append(m, "s", conversation);
        return r < 0 ? r : calls_send_decoded(c, m, decode, (call_receiver) done, userdata);
}

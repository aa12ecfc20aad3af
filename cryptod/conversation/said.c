/* See said.h. */
#include "cryptod/conversation/said.h"

#include <stdlib.h>

#include "services/cleanup.h"

void said_release(struct said *s)
{
        for (size_t i = 0; i < s->reaction_count; i++)
                annotation_release(&s->reactions[i]);
        free(s->reactions);
}

static void keep_reaction(struct said *s, struct annotation *reaction)
{
        struct annotation *grown = reallocarray(s->reactions, s->reaction_count + 1, sizeof(*grown));

        if (!grown)
                abort();
        s->reactions = grown;
        s->reactions[s->reaction_count++] = *reaction;
        *reaction = (struct annotation){ 0 };
}

int said_of(struct vault *v, const struct message *message, struct said *s)
{
        _cleanup_(annotation_cursor_release) struct annotation_cursor cursor = { 0 };
        int r = message->content_id.size > 0 ? annotation_of_message(v, message, &cursor) : 0;

        while (r >= 0 && message->content_id.size > 0) {
                _cleanup_(annotation_release) struct annotation n = { 0 };

                r = annotation_read(&cursor, &n);
                if (r <= 0)
                        break;
                s->delivered += n.kind == ANNOTATION_RECEIPT;
                s->read += n.kind == ANNOTATION_RECEIPT && n.read > 0;
                s->pinned = s->pinned || (n.kind == ANNOTATION_PIN && n.content.on);
                if (n.kind == ANNOTATION_REACTION && n.content.list.size > 0)
                        keep_reaction(s, &n);
        }
        return r < 0 ? r : 0;
}

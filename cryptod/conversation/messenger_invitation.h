/* Groups that are joined by a link, and groups of ours into which we come back: who is asked, and who answers.
 *
 *     the link's holder ── Knock, in the conversation with who has made the link ──▶ that member's client
 *                       ◀── Opening: the GroupInfo ────────────────────────────────  looks whether the invitation
 * stands ── external commit, with the proof ──▶ the hub, and all members, who judge it (rules.h)
 *
 * All of it waits in mailboxes for whoever is away. knock.h, entrance.h, invitation.h */
#pragma once

#include "cryptod/conversation/entrance.h"
#include "cryptod/conversation/invitation_link.h"
#include "cryptod/conversation/messenger.h"

/* Makes a link into a group, which is good once the hub has the commit that enters the invitation. @expires: seconds
 * since 1970; @uses: how many may come by it, 0: any number. -ERANGE: it would have expired, or in more than
 * INVITATION_DAYS_MAX; -E2BIG: there are INVITATIONS_MAX; -EMSGSIZE: our address is too long; and as
 * messenger_add_members(). */
int messenger_invite(struct messenger *m, struct conversation *c, uint64_t expires, uint32_t uses,
                     char link[static CONTACT_LINK_MAX]);

/* Appends the invitations of a group as they are to be: a list (invitation.h). The errors of messenger_add_members().
 */
int messenger_invitations(struct messenger *m, struct conversation *c, struct writer *out);

/* Whose invitation it is: the address of a member, appended; nothing if they are none any more. */
void messenger_invitation_author(const struct conversation *c, struct bytes author, struct writer *out);

/* Takes one back. -ENOENT: there is none of that id; and as messenger_add_members(). */
int messenger_revoke(struct messenger *m, struct conversation *c, struct bytes id);

/* Follows a link: whoever has made it becomes a contact, and is asked. -EINVAL: it is our own; -ETIME: it has expired;
 * -EXDEV: it leads to a hub on which we have no account; -EKEYREJECTED: the member's key is known, and another; -E2BIG:
 * ENTRANCES_MAX are being looked for. */
int messenger_join_by_link(struct messenger *m, const struct invitation_link *l);

/* Does what can be done to get into groups. 1: a conversation with @address has to be started for it
 * (messenger_start()), and then this be called again; 0: nothing more now; *wait: after how many seconds there may be
 * something again, 0: when something comes. */
int messenger_seek_entrance(struct messenger *m, char address[static ADDRESS_TEXT_MAX], uint64_t *wait);

/* Whether a way back into a group is looked for. */
bool messenger_is_returning(const struct messenger *m, const struct conversation *c);

/* The commands, and what --help says of them. */
#include "ui/cli/help.h"

#include <string.h>

#include "services/cleanup.h"

#define ADDRESS_HELP                                                                                                   \
        "ADDRESS is NAME@HOST:PORT#KEY. The hub prints the part behind the @ when it\n"                                \
        "starts; the key makes sure that it is this hub and no other that answers.\n"

#define AGENT_HELP                                                                                                     \
        "After success a process stays in the background that holds the unlock, no key,\n"                             \
        "and shares it with the commands that you start later. It ends when the\n"                                     \
        "account locks: visavis lock.\n"

#define PIN_HELP                                                                                                       \
        "The PIN or passphrase (4 to 1024 bytes) is asked for on the terminal without\n"                               \
        "echo, or read from a file descriptor; it is never an argument.\n"

#define MESSAGE_HELP                                                                                                   \
        "MESSAGE is the number that visavis read --numbers shows, or last, the other's\n"                              \
        "last one, or mine, your own.\n"

const struct command commands[] = {
        { "signup", "ADDRESS", "Make an account with your face and a PIN.",
          "Enrols the face before the camera, asks for a new PIN, makes a vault that only\n"
          "both together open, and registers the name with the hub. Look into the camera\n"
          "and do what the prompts say.\n\n" ADDRESS_HELP "\n" PIN_HELP "\n" AGENT_HELP,
          OPTION_CAMERA | OPTION_SUITE | OPTION_PIN_FD | OPTION_INVITATION | OPTION_INVITATION_FD, command_signup },
        { "login", "", "Unlock an account with your face and PIN.",
          "Verifies the face before the camera: it must be yours, and alive, which the\n"
          "prompts are for. Then face and PIN together open the vault. A wrong PIN, or a\n"
          "face that is not yours, costs time before the next attempt.\n\n" PIN_HELP "\n" AGENT_HELP,
          OPTION_FACTOR, command_login },
        { "slots", "[ACTION …]", "Show or change what opens an account.",
          "Without an action: number, kind, date and label of each. Actions: add LABEL,\n"
          "add-passphrase LABEL, change NUMBER, remove NUMBER. They need an unlock, and\n"
          "your face and PIN once more; with --recovery the recovery code instead, beside\n"
          "your face for a new PIN. Labels are for you alone.\n"
          "When your face opens nothing any more, since its enrolment was removed or lost,\n"
          "log in with --recovery; then enrol LABEL --recovery enrols it anew, in place of\n"
          "all slots with the face before.\n\n" PIN_HELP,
          OPTION_FACTOR | OPTION_NEW_PIN_FD, command_slots },
        { "recovery", "[LABEL]", "Make a recovery code.",
          "Shows 15 words, once: write them on paper. They open the account when the face\n"
          "or the PIN does not (visavis login --recovery), and end a lock-out. Then type\n"
          "them back; until that is done they open nothing.\n\n" PIN_HELP,
          OPTION_FACTOR | OPTION_NEW_PIN_FD, command_recovery },
        { "add-look", "", "Be recognised with another look, too.",
          "Verifies your face with its usual look, then looks at it once more, with\n"
          "glasses for instance, from all sides. Two looks can be added; a third takes\n"
          "the place of the first.\n",
          OPTION_ACCOUNT | OPTION_CAMERA, command_add_look },
        { "looks", "[remove NUMBER]", "Show or remove the looks of your face.",
          "Without an argument: number of each look by which your face opens the account,\n"
          "whether it was enrolled or added, and how many pictures of it are remembered.\n"
          "To remove one, your face is verified; later ones move up. The only one stays.\n",
          OPTION_ACCOUNT | OPTION_CAMERA, command_looks },
        { "identify", "", "Say whose account your face opens.",
          "Looks which of your accounts the face before the camera is enrolled for, and\n"
          "prints its address. Nothing is opened. A face that is none of yours costs what\n"
          "a failed login costs, for each of your accounts.\n",
          OPTION_CAMERA, command_identify },
        { "lock", "", "Lock an account at once, for all programs.",
          "Every key of the account is zeroed. Messages go on being collected, still\n"
          "encrypted, for the next login.\n",
          OPTION_ACCOUNT, command_lock },
        { "status", "", "Show accounts, their links to the hub, and cameras.",
          "For each account: whether it is unlocked, the state of its link (disabled,\n"
          "offline, connecting, online), how many envelopes wait to be sent and how many\n"
          "wait for the next login. For each camera: its kind, whether it is virtual or\n"
          "infrared, and what is the matter with it.\n",
          0, command_status },
        { "accounts", "", "List your accounts.", "Prints the id, the state and the address of each account.\n", 0,
          command_accounts },
        { "send", "ADDRESS|GROUP [TEXT…|-]", "Send a message.",
          "Sends the words behind ADDRESS, joined by spaces, or standard input if there\n"
          "are none or a single “-”. Put “--” before a text that begins with “-”. When\n"
          "the command ends, the message is encrypted and on disk; it leaves as soon as\n"
          "the hub can be reached.\n\n" ADDRESS_HELP,
          OPTION_ACCOUNT, command_send },
        { "read", "[ADDRESS|GROUP]", "Show messages and mark them as read.",
          "Shows the last messages of the conversation with ADDRESS, or of the one with\n"
          "the newest message. Marks: … is queued here, ✓ is stored at the hub, ✓✓ has been\n"
          "delivered to everybody, and read if it says so, ✗ was not sent. --numbers shows\n"
          "the number of each, by which other commands know it. Characters that could\n"
          "deceive on a terminal are shown as U+FFFD. --since jumps to a day, or a minute\n"
          "of it: 2026-01-31, “2026-01-31 18:30”.\n",
          OPTION_ACCOUNT | OPTION_LAST | OPTION_SINCE | OPTION_FOLLOW | OPTION_NUMBERS, command_read },
        { "reply", "ADDRESS|GROUP MESSAGE [TEXT…|-]", "Answer a message.", MESSAGE_HELP, OPTION_ACCOUNT,
          command_reply },
        { "edit", "ADDRESS|GROUP MESSAGE [TEXT…|-]", "Give a message of yours another text.", MESSAGE_HELP,
          OPTION_ACCOUNT, command_edit },
        { "react", "ADDRESS|GROUP MESSAGE [EMOJI…]", "Say what you think of a message.",
          "What you say takes the place of what you said before. Without EMOJI, that is\n"
          "taken back.\n\n" MESSAGE_HELP,
          OPTION_ACCOUNT, command_react },
        { "delete", "ADDRESS|GROUP MESSAGE", "Delete a message.",
          "One of yours is erased here and by all others; a note stays. With --local it is\n"
          "erased here alone, whosever it is, and nobody learns of it.\n\n" MESSAGE_HELP,
          OPTION_ACCOUNT | OPTION_LOCAL, command_delete },
        { "forward", "ADDRESS|GROUP MESSAGE ADDRESS|GROUP", "Say a message again to others.", MESSAGE_HELP,
          OPTION_ACCOUNT, command_forward },
        { "pin", "ADDRESS|GROUP MESSAGE", "Pin a message, for all.", MESSAGE_HELP, OPTION_ACCOUNT, command_pin },
        { "unpin", "ADDRESS|GROUP MESSAGE", "Take it off again.", MESSAGE_HELP, OPTION_ACCOUNT, command_unpin },
        { "pinned", "ADDRESS|GROUP", "Show what is pinned.", "Shows the pinned messages of a conversation.\n",
          OPTION_ACCOUNT, command_pinned },
        { "draft", "ADDRESS|GROUP [TEXT…|-]", "Keep a text that is not sent yet, or show it.",
          "Other programs of yours show it, too. An empty text (“\"\"”) erases it.\n", OPTION_ACCOUNT, command_draft },
        { "disappear", "ADDRESS|GROUP [TIME|off]", "Have messages disappear, on all sides.",
          "What is said from now on is erased TIME (30m, 12h, 7d; up to 366 days) after it\n"
          "was sent, and on the other side after it came. Without TIME: says what is set.\n",
          OPTION_ACCOUNT, command_disappear },
        { "keep", "[everywhere|ADDRESS|GROUP] [LIMIT…]", "Say how much is kept, on this machine.",
          "LIMIT is a number of days (30d), a number of messages (1000), or both; forever;\n"
          "or default: as everywhere. What is older or more is erased here for good, within\n"
          "the hour and at each log-in; the others keep what they have. Without LIMIT: says\n"
          "what is set. It asks, unless --yes is given.\n",
          OPTION_ACCOUNT | OPTION_YES, command_keep },
        { "receipts", "ADDRESS|GROUP [on|off|MESSAGE]", "Say who has got and read a message, or whether you do.",
          "off: the others do not learn what you have got and read, nor that you type. With\n"
          "the number of a message of yours: who has got it, and read it, and when.\n",
          OPTION_ACCOUNT, command_receipts },
        { "typing", "ADDRESS|GROUP [stop]", "Tell the others that you type, or have stopped.",
          "It is told at most every five seconds, and forgotten after ten.\n", OPTION_ACCOUNT, command_typing },
        { "unread", "ADDRESS|GROUP", "Mark a conversation as unread.", "visavis read takes the mark away.\n",
          OPTION_ACCOUNT, command_unread },
        { "watch", "", "Say what comes, as it comes.",
          "A line for each message, as much of it as visavis notify allows; while the\n"
          "account is locked, only that something came. It goes on until it is ended.\n",
          OPTION_ACCOUNT, command_watch },
        { "notify", "[full|sender|bare]", "Choose what notices may say.",
          "full: who, where and what; sender: who and where; bare: that something came.\n"
          "It counts for all programs that show notices. Without a word says what is set.\n",
          OPTION_ACCOUNT, command_notify },
        { "mute", "ADDRESS|GROUP [TIME]", "Have no notices of a conversation.",
          "For TIME (8h, 7d), or until visavis unmute. Its messages come all the same.\n", OPTION_ACCOUNT,
          command_mute },
        { "unmute", "ADDRESS|GROUP", "Have them again.", "Undoes visavis mute.\n", OPTION_ACCOUNT, command_unmute },
        { "archive", "ADDRESS|GROUP", "Put a conversation out of sight.",
          "visavis conversations does not show it. It comes back with the next message,\n"
          "unless it is muted.\n",
          OPTION_ACCOUNT, command_archive },
        { "unarchive", "ADDRESS|GROUP", "Have it in sight again.", "Undoes visavis archive.\n", OPTION_ACCOUNT,
          command_unarchive },
        { "conversations", "", "List conversations.",
          "The newest first: time of the last message, number of unread messages, the\n"
          "other's address, the last message. Those that are archived are not shown.\n",
          OPTION_ACCOUNT | OPTION_ALL, command_conversations },
        { "update", "ADDRESS|GROUP", "Replace this device's keys in a conversation.",
          "Whoever may have copied the old keys is shut out of what follows. It is also\n"
          "done from time to time without being asked for.\n",
          OPTION_ACCOUNT, command_update },
        { "contact", "ACTION …", "Choose and verify whom you talk to.",
          "list              whom you have met, and whether their keys are verified\n"
          "add [ADDRESS]     make somebody a contact; a link of theirs (visavis:…) in the\n"
          "                  place of ADDRESS says what their key must be, and one from\n"
          "                  their screen (--scanned-fd) verifies it\n"
          "invite            your own link, also as a QR code\n"
          "remove ADDRESS    what comes from them is a request from then on\n"
          "nick ADDRESS NAME a name for them that you alone see; “” takes it away\n"
          "requests          who is no contact and wants to talk, and groups of such\n"
          "accept ADDRESS    talk with them, as an answer does; or trust the new key of\n"
          "                  somebody who has set up a new account\n"
          "decline ADDRESS   forget what came, or leave the group (its name, or its id)\n"
          "block ADDRESS     hear nothing of them any more; unblock takes it back\n"
          "verify ADDRESS    show the safety number, 60 digits, and a QR code; the other\n"
          "                  sees the same digits. Compare them where nobody can lie to\n"
          "                  both of you: in person, or on a call where you know the voice\n"
          "unverify ADDRESS  take that back\n",
          OPTION_ACCOUNT | OPTION_SCANNED_FD | OPTION_NUMBER, command_contact },
        { "group", "ACTION …", "Talk with more than one person.",
          "list                       groups that you are in, or were\n"
          "create NAME [ADDRESS …]    begin a group with these people\n"
          "members GROUP              who is in it, with roles, and who is verified\n"
          "add GROUP ADDRESS …        add people, who can read what is said from then on\n"
          "remove GROUP ADDRESS       take somebody out, who can read nothing more\n"
          "role GROUP ADDRESS ROLE    make somebody owner, admin or member: owners may do\n"
          "                           all, admins add and remove members\n"
          "picture GROUP [FILE]       give it a picture of at most 16 KiB, or write the one\n"
          "                           that it has to standard output\n"
          "policy GROUP ADD EDIT      who may add people, and who may change name and\n"
          "                           picture: all or admins\n"
          "rename GROUP NAME          give it another name\n"
          "invite GROUP [DAYS [USES]] make a link by which people come in: for 7 days, or\n"
          "                           as many, and for any number of people, or as many\n"
          "invitations GROUP          links that are good\n"
          "revoke GROUP ID            take one back\n"
          "join                       follow such a link, which is read from standard input\n"
          "leave GROUP                leave it; what you have read stays\n"
          "\n"
          "GROUP is a group's name, or the id that list --json shows. visavis send and\n"
          "visavis read take it in place of an address.\n",
          OPTION_ACCOUNT, command_group },
        { "search", "WORD…", "Find what was said.",
          "Shows the newest messages that have all of the words, whatever their case, also\n"
          "as parts of longer words: 20 of them, or as many as --last says. Files are found\n"
          "by their names. --in ADDRESS|GROUP looks in one conversation alone.\n",
          OPTION_ACCOUNT | OPTION_LAST | OPTION_IN, command_search },
        { "export", "ADDRESS|GROUP", "Write a conversation to a file.",
          "Writes it as text, or with --json as one JSON document, to standard output or\n"
          "the file that -o names. What is written is not encrypted any more.\n",
          OPTION_ACCOUNT | OPTION_OUTPUT | OPTION_YES, command_export },
        { "clear", "ADDRESS|GROUP", "Erase what was said, on this machine.",
          "For good, and here alone: the others keep what they have. It asks, unless --yes\n"
          "is given. visavis delete is for a single message.\n",
          OPTION_ACCOUNT | OPTION_YES, command_clear },
        { "file", "ACTION …", "Send and save files.",
          "send ADDRESS|GROUP FILE [TEXT…]  send a file, with a text if you like. When the\n"
          "                                 command ends, relayd has it, encrypted, and\n"
          "                                 brings it to the hub; the message follows\n"
          "save ADDRESS|GROUP MESSAGE       fetch the file of a message (visavis read shows\n"
          "                                 its number) and write it here, under its name\n"
          "list                             files on their way\n"
          "pause ID, resume ID, cancel ID   of one of those\n"
          "\n"
          "With --voice, a recording is sent as a voice message. A file that is there\n"
          "already is not replaced without --yes, and nothing is ever opened by itself.\n",
          OPTION_ACCOUNT | OPTION_OUTPUT | OPTION_YES | OPTION_VOICE, command_file },
        { "room", "ACTION …", "Join the open rooms of your hub.",
          "list           the rooms of your hub, how many are in each, and whether you are\n"
          "join ROOM      come into one; everybody there is told, and you read what is said\n"
          "               from then on\n"
          "members ROOM   who is in it\n"
          "leave ROOM     leave it; what you have read stays\n"
          "\n"
          "Anybody with an account at the hub may join. What is said is encrypted to those\n"
          "who are in it; the hub sees who they are, and not what they say. visavis send\n"
          "and visavis read take '#ROOM' in place of an address.\n",
          OPTION_ACCOUNT, command_room },
        { "hubs", "[ACTION …]", "Be at several hubs, in case that one fails.",
          "list               what the account is called, and where\n"
          "add ADDRESS        register at a further hub: you can talk to the people there,\n"
          "                   and what you and others say goes by it while another hub\n"
          "                   cannot be reached, if all who talk are there, too\n"
          "remove NUMBER      delete the account there; with --local only forget it here\n"
          "order NUMBER …     in which order they are tried, after the account's own\n\n"
          "Each hub gets a transport key of its own.\n\n" ADDRESS_HELP,
          OPTION_ACCOUNT | OPTION_INVITATION | OPTION_INVITATION_FD | OPTION_LOCAL, command_hubs },
        { "online", "", "Link an account to its hub again.", "Undoes visavis offline.\n", OPTION_ACCOUNT,
          command_online },
        { "offline", "", "Cut an account's link to its hub.",
          "Nothing is sent or received until visavis online, also after a restart.\n", OPTION_ACCOUNT,
          command_offline },
        { "unregister", "NAME", "Delete an account at its hub.",
          "Deletes the account and all that waits for it at the hub, and its link here:\n"
          "nobody can write to it any more, and the name stays taken for some time. NAME\n"
          "is the account's, said again so that no mistake deletes anything. The vault\n"
          "with the history stays on this machine.\n",
          OPTION_ACCOUNT | OPTION_LOCAL, command_unregister },
        { "rename", "LABEL", "Give an account a name of your own.",
          "LABEL is for you alone, on this machine: visavis accounts shows it, and\n"
          "--account understands it. The address cannot change: it is the account's name\n"
          "at its hub, and others know it by that. An empty LABEL takes it away.\n",
          OPTION_ACCOUNT, command_rename },
        { "idle-lock", "[SECONDS]", "Lock an account that nobody uses.",
          "After SECONDS without a call of any program that holds the unlock, the account\n"
          "locks as with visavis lock. 0: never. Without SECONDS it says what is set.\n",
          OPTION_ACCOUNT, command_idle_lock },
        { "destroy", "NAME", "Destroy an account, here and at its hub.",
          "Erases what opens the vault first, so that nothing in it can ever be read\n"
          "again; then the face, the account at its hub, and the files. NAME is the\n"
          "account's, said again so that no mistake destroys anything. It asks once more\n"
          "unless --yes is given. The account must be unlocked; for one that cannot be\n"
          "opened any more, see visavis admin.\n",
          OPTION_ACCOUNT | OPTION_LOCAL | OPTION_YES, command_destroy },
        { "admin", "[WHAT ID …]", "What an administrator of this machine decides.",
          "Without arguments: whose faces are enrolled here. forget-face ID: removes such\n"
          "an enrolment; no face opens the account then, but a recovery code still does.\n"
          "passphrase-alone ID allow|refuse: whether a passphrase may open the account\n"
          "without a face. destroy ID NAME: destroys an account that its owner has not\n"
          "opened. You are asked for an administrator's password, unless you are root.\n",
          OPTION_LOCAL | OPTION_YES, command_admin },
        { "seal", "FILE", "Seal a file for yourself, or for a contact.",
          "Writes FILE.sealed, which this account alone can open, or with --to this\n"
          "account and that of a contact: whoever opens it learns who sealed it. Nothing\n"
          "is written under that name before all is. “-” is standard input or output.\n"
          "What is sealed for somebody opens as long as they keep their account, so also\n"
          "for a thief of it: send what should be forgotten as a message.\n"
          "With --legacy-cbc it is the envelope that older chat tools read, under a\n"
          "passphrase that is asked for or comes from --pin-fd.\n",
          OPTION_ACCOUNT | OPTION_TO | OPTION_OUTPUT | OPTION_YES | OPTION_LEGACY_CBC | OPTION_PIN_FD, command_seal },
        { "open", "FILE", "Open a sealed file.",
          "Writes the content of FILE.sealed to FILE, or where -o says, when all of it\n"
          "has proved genuine. To standard output it goes piece by piece, each verified\n"
          "before: believe it is all only if the command succeeds. It says who sealed a\n"
          "file for you, and whether you have verified their key; with --from it opens\n"
          "only what that contact has sealed. With --legacy-cbc it opens an older chat\n"
          "tool's envelope, and says so if nothing shows whether that was changed.\n",
          OPTION_ACCOUNT | OPTION_FROM | OPTION_OUTPUT | OPTION_YES | OPTION_OFFSET | OPTION_LEGACY_CBC | OPTION_PIN_FD,
          command_open },
        { "hub", "ACTION …", "Run a hub of your own, or rule one.",
          "run [OPTION…]      run visavis-hub in the foreground, with its state in\n"
          "                   $XDG_STATE_HOME/visavis/hub (~/.local/state/visavis/hub).\n"
          "                   Options behind “run” are the hub's, for example --listen\n"
          "                   0.0.0.0:7843; “visavis hub run --help” lists them\n"
          "find               the hubs that announce themselves on the local network\n"
          "status             its address, which stands behind the @ in the addresses of\n"
          "                   its people, and what goes on\n"
          "accounts           who has an account, and what waits for them\n"
          "remove NAME        delete an account with all that waits for it\n"
          "reset-room ROOM    forget who is in a room and its group, so that it begins anew\n"
          "invite             print a token that lets somebody sign up where registration\n"
          "                   is by invitation (visavis signup --invitation)\n"
          "invitations        which there are, and what became of them\n"
          "revoke INVITATION  take one back\n"
          "metrics            what status says, in OpenMetrics\n"
          "log                who connected, from where and when\n"
          "backup FILE        copy its database to a new file while it goes on\n\n"
          "It is the hub of --state, else your own, else that of this machine, which\n"
          "root and the group visavis-hub rule.\n",
          OPTION_STATE | OPTION_USES | OPTION_EXPIRES | OPTION_LAST | OPTION_FOLLOW, command_hub },
        { NULL, NULL, NULL, NULL, 0, NULL },
};

static const struct {
        unsigned option; /* 0: every command has it */
        const char *text;
} options[] = {
        { OPTION_ACCOUNT, "  --account NAME   the account that is meant: its name, label, address or id;\n"
                          "                   not needed if you have only one\n" },
        { OPTION_CAMERA, "  --camera NAME    the camera to use (see visavis status); else the first\n" },
        { OPTION_SUITE, "  --suite NAME     the cipher suite (RFC 9420's name, such as\n"
                        "                   MLS_256_DHKEMP384_AES256GCM_SHA384_P384), else\n"
                        "                   cryptod's choice\n" },
        { OPTION_PIN_FD, "  --pin-fd NUMBER  read the PIN from this descriptor: a pipe, socket or memfd\n" },
        { OPTION_NEW_PIN_FD, "  --new-pin-fd N   read the new PIN, or the words typed back, from it\n" },
        { OPTION_INVITATION, "  --invitation     ask for the token of a hub that takes accounts by invitation\n" },
        { OPTION_INVITATION_FD, "  --invitation-fd N  read that token from this descriptor\n" },
        { OPTION_SCANNED_FD, "  --scanned-fd N   compare with the QR code's text, read from this descriptor\n" },
        { OPTION_NUMBER, "  --number DIGITS  the safety number as the other has it, instead of asking\n" },
        { OPTION_TO, "  --to ADDRESS     for this contact to open (and for you)\n" },
        { OPTION_FROM, "  --from ADDRESS   only if this contact has sealed it\n" },
        { OPTION_OUTPUT, "  -o, --output FILE  write to FILE; “-” is standard output\n" },
        { OPTION_OFFSET, "  --offset N       the content from byte N on\n" },
        { OPTION_LEGACY_CBC, "  --legacy-cbc     the envelope of older chat tools\n" },
        { OPTION_YES, "  --yes            do it without asking\n" },
        { OPTION_LOCAL, "  --local          only here, for a hub that will not come back\n" },
        { OPTION_RECOVERY, "  --recovery       the recovery code instead of face and PIN\n" },
        { OPTION_PASSPHRASE, "  --passphrase     a passphrase instead of face and PIN, where that is allowed\n" },
        { OPTION_STATE, "  --state DIR      the directory of the hub's state\n" },
        { OPTION_USES, "  --uses N         an invitation for N sign-ups, 1 to 10000; else 1\n" },
        { OPTION_EXPIRES, "  --expires TIME   how long it is good: 12h, 7d; else 7d\n" },
        { OPTION_LAST, "  --last N         show N messages or lines, 1 to 500; else 20\n" },
        { OPTION_SINCE, "  --since DAY      begin with what was written then: 2026-01-31, or with 18:30\n" },
        { OPTION_NUMBERS, "  --numbers        show the number of each message\n" },
        { OPTION_IN, "  --in ADDRESS|GROUP  look in this conversation alone\n" },
        { OPTION_ALL, "  --all            also those that are archived\n" },
        { OPTION_FOLLOW, "  --follow         go on, and show what comes (until the account locks)\n" },
        { 0, "  --bus ADDRESS    the bus of the daemons; else $VISAVIS_BUS or the system bus\n" },
        { 0, "  --json           print one JSON object a line, for programs\n" },
        { 0, "  --help           show this\n" },
        { 0, "  --version        show the version\n" },
};

const struct command *command_find(const char *name)
{
        for (const struct command *c = commands; c->name; c++)
                if (strcmp(c->name, name) == 0)
                        return c;
        return NULL;
}

static void print_options(FILE *f, unsigned understood)
{
        fputs("\nOptions:\n", f);
        for (unsigned i = 0; i < COUNT_OF(options); i++)
                if (options[i].option == 0 || (options[i].option & understood))
                        fputs(options[i].text, f);
}

void help_print(FILE *f, const struct command *command)
{
        if (command) {
                fprintf(f, "Usage: visavis %s%s%s%s\n\n%s\n\n%s", command->name,
                        command->run == command_hub ? "" : " [OPTION…]", *command->arguments ? " " : "",
                        command->arguments, command->summary, command->description);
                print_options(f, command->options);
        } else {
                fputs("Usage: visavis COMMAND [OPTION…] [ARGUMENT…]\n\n"
                      "Chat that your face and a second factor unlock.\n\nCommands:\n",
                      f);
                for (const struct command *c = commands; c->name; c++)
                        fprintf(f, "  %-14s %s\n", c->name, c->summary);
                print_options(f, 0);
                fputs("\nvisavis COMMAND --help says more of each command.\n", f);
        }
        fputs("\nExit codes: 0 done, 1 other failures, 2 wrong usage, 3 face refused,\n"
              "4 PIN refused, 5 locked, 6 hub unreachable or refusing, 7 not found,\n"
              "8 too many failures: wait, 9 the keys are not those that were compared.\n",
              f);
}

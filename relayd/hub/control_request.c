/* See control_request.h. */
#include "control_request.h"

#include <string.h>

#include "services/cleanup.h"
#include "services/text.h"

static struct bytes next_word(struct bytes *rest)
{
        size_t n = 0;

        while (n < rest->size && rest->data[n] != ' ')
                n++;
        struct bytes word = BYTES(rest->data, n);

        n += n < rest->size;
        *rest = BYTES(rest->data + n, rest->size - n);
        return word;
}

static bool has_prefix(struct bytes word, const char *prefix, struct bytes *value)
{
        size_t n = strlen(prefix);

        if (word.size < n || memcmp(word.data, prefix, n) != 0)
                return false;
        *value = BYTES(word.data + n, word.size - n);
        return true;
}

static bool read_number(struct bytes text, unsigned max, unsigned *out)
{
        unsigned value = 0;

        if (text.size == 0 || text.size > 9)
                return false;
        for (size_t i = 0; i < text.size; i++) {
                if (text.data[i] < '0' || text.data[i] > '9')
                        return false;
                value = 10 * value + (text.data[i] - '0');
        }
        if (value == 0 || value > max)
                return false;
        *out = value;
        return true;
}

static const char *read_invite(struct bytes rest, struct control_request *out)
{
        out->uses = 1;
        out->seconds = CONTROL_SECONDS_DEFAULT;
        while (rest.size > 0) {
                struct bytes word = next_word(&rest), value;

                if (has_prefix(word, "uses=", &value)) {
                        if (!read_number(value, CONTROL_USES_MAX, &out->uses))
                                return "An invitation is good for 1 to 10000 uses.";
                } else if (has_prefix(word, "seconds=", &value)) {
                        if (!read_number(value, CONTROL_SECONDS_MAX, &out->seconds))
                                return "An invitation is good for 1 second to 10 years.";
                } else {
                        return "To invite, say no more than uses=NUMBER and seconds=NUMBER.";
                }
        }
        return NULL;
}

static const char *read_revoke(struct bytes rest, struct control_request *out)
{
        char hex[2 * STORE_INVITATION_ID_SIZE + 1] = "";

        if (rest.size != sizeof(hex) - 1)
                return "An invitation is called by 16 hexadecimal digits; invitations lists them.";
        memcpy(hex, rest.data, rest.size);
        return hex_decode(hex, out->invitation, sizeof(out->invitation)) < 0
                       ? "An invitation is called by 16 hexadecimal digits; invitations lists them."
                       : NULL;
}

static const char *read_remove(struct bytes rest, struct control_request *out)
{
        if (!wire_name_valid(rest))
                return "That is no account's name; accounts lists them.";
        memcpy(out->name, rest.data, rest.size);
        return NULL;
}

static const char *read_room(struct bytes rest, struct control_request *out)
{
        return read_remove(rest, out) ? "That is no room's name; rooms in hub.conf lists them." : NULL;
}

static const char *read_nothing(struct bytes rest, struct control_request *out)
{
        return rest.size > 0 ? "That is a word too many." : NULL;
}

const char *control_request_parse(struct bytes line, struct control_request *out)
{
        static const struct {
                const char *word;
                enum control_command command;
                const char *(*read)(struct bytes rest, struct control_request *out);
        } commands[] = {
                { "status", CONTROL_STATUS, read_nothing },     { "metrics", CONTROL_METRICS, read_nothing },
                { "accounts", CONTROL_ACCOUNTS, read_nothing }, { "invitations", CONTROL_INVITATIONS, read_nothing },
                { "log", CONTROL_LOG, read_nothing },           { "backup", CONTROL_BACKUP, read_nothing },
                { "invite", CONTROL_INVITE, read_invite },      { "revoke", CONTROL_REVOKE, read_revoke },
                { "remove", CONTROL_REMOVE, read_remove },      { "reset-room", CONTROL_RESET_ROOM, read_room },
        };
        struct control_request request = { 0 };
        struct bytes word = next_word(&line);

        for (unsigned i = 0; i < COUNT_OF(commands); i++) {
                if (!bytes_equal(word, BYTES_STRING(commands[i].word)))
                        continue;
                request.command = commands[i].command;
                const char *fault = commands[i].read(line, &request);

                if (!fault)
                        *out = request;
                return fault;
        }
        return "There is no such request; status, metrics, accounts, invitations, log, backup, invite, revoke, remove "
               "and "
               "reset-room are known.";
}

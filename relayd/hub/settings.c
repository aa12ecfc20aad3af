/* See settings.h. */
#include "settings.h"

#include <errno.h>
#include <string.h>

#include "names.h"
#include "report.h"
#include "services/cleanup.h"
#include "services/log.h"

const struct config_key hub_config_keys[] = {
        { "hub", "listen", "127.0.0.1:7843" },
        { "hub", "name", "" },
        { "hub", "announce", "no" },
        { "hub", "registration", "open" },
        { "hub", "reserved-names",
          "admin administrator hostmaster hub postmaster root support system webmaster visavis" },
        { "hub", "rooms", "" },
        { "hub", "connections", "10000" },
        { "hub", "access-log", "yes" },
        { "hub", "metrics", "" },
        { "limits", "memory", "268435456" },
        { "limits", "payload", "1048576" },
        { "limits", "mailbox-messages", "100000" },
        { "limits", "mailbox-bytes", "268435456" },
        { "limits", "key-packages", "200" },
        { "limits", "key-packages-low", "10" },
        { "limits", "messages-per-second", "2000" },
        { "limits", "claims-per-minute", "60" },
        { "limits", "claims-of-name-per-hour", "5" },
        { "limits", "unproven-links", "1000" },
        { "limits", "links-of-address", "1000" },
        { "limits", "links-per-minute", "300" },
        { "limits", "registrations-per-hour", "30" },
        { "limits", "handshake", "10s" },
        { "limits", "idle", "2min" },
        { "limits", "chunk-bytes", "1073741824" },
        { "limits", "chunk-rate", "67108864" },
        { "limits", "chunk-rate-of-address", "268435456" },
        { "limits", "chunks", "30d" },
        { "limits", "retention", "30d" },
        { "limits", "idempotency", "7d" },
        { "limits", "groups", "365d" },
        { "limits", "names", "90d" },
        { NULL, NULL, NULL },
};

static int configure_registration(const struct config *c, struct hub_settings *s)
{
        const char *policy = config_string(c, "hub", NULL, "registration");

        s->reserved_names = config_string(c, "hub", NULL, "reserved-names");
        for (enum store_policy p = STORE_OPEN; p <= STORE_CLOSED; p++) {
                if (strcmp(policy, policy_name(p)) == 0) {
                        s->registration = p;
                        return 0;
                }
        }
        log_error("registration = %s in hub.conf is none of open, invitation and closed.", policy);
        return -EINVAL;
}

/* Appends the names of @words that @rooms does not have. */
static int add_rooms(const char *words, struct writer *rooms, unsigned *count)
{
        for (const char *word = words; *word; word += strspn(word, " ")) {
                struct bytes name = BYTES(word, strcspn(word, " "));
                _cleanup_free_ char *held = strndup(rooms->size > 0 ? (const char *) rooms->data : "", rooms->size);

                word += name.size;
                if (!wire_name_valid(name) || name_fault(name, "")) {
                        log_error("%.*s is no room's name: such a name has at most %d of a-z 0-9 . _ -, and begins and "
                                  "ends with a letter or digit. Correct rooms in hub.conf or --room.",
                                  (int) name.size, (const char *) name.data, WIRE_NAME_MAX);
                        return -EINVAL;
                }
                if (held && names_hold(held, name))
                        continue;
                if (++*count > ROOMS_MAX) {
                        log_error("A hub has at most %d rooms; name fewer in hub.conf.", ROOMS_MAX);
                        return -EINVAL;
                }
                if (rooms->size > 0)
                        write_u8(rooms, ' ');
                write_fixed(rooms, name);
        }
        return 0;
}

int hub_settings_rooms(const struct config *c, const char *more, char **out)
{
        _cleanup_writer_ struct writer rooms = WRITER_INIT;
        unsigned count = 0;
        int r = add_rooms(config_string(c, "hub", NULL, "rooms"), &rooms, &count);

        if (r >= 0 && more)
                r = add_rooms(more, &rooms, &count);
        write_u8(&rooms, 0);
        if (r >= 0)
                r = writer_finish(&rooms);
        if (r >= 0)
                *out = (char *) writer_steal(&rooms, &(size_t){ 0 });
        return r;
}

/* A frame of the largest kind has to fit in, and what it is copied to. */
enum { MEMORY_MIN = 4 * FRAME_LENGTH_MAX };

static int configure_memory(const struct config *c, struct hub_settings *s)
{
        int64_t memory;
        int r = config_integer(c, "limits", NULL, "memory", MEMORY_MIN, INT64_MAX, &memory);

        if (r >= 0)
                s->memory_max = (size_t) memory;
        return r;
}

static int configure_numbers(const struct config *c, struct hub_settings *s, struct store_limits *l)
{
        const struct {
                const char *section, *key;
                int64_t min, max;
                unsigned *out;
        } numbers[] = {
                { "hub", "connections", 1, 1000000, &s->connections_max },
                { "limits", "payload", 1024, WIRE_PAYLOAD_MAX, &s->payload_max },
                { "limits", "key-packages", 1, 100000, &l->key_packages },
                { "limits", "key-packages-low", 0, 100000, &s->key_packages_low },
                { "limits", "messages-per-second", 0, 1000000, &s->gate.requests_per_second },
                { "limits", "claims-per-minute", 0, 1000000, &s->gate.claims_per_minute },
                { "limits", "claims-of-name-per-hour", 0, 1000000, &s->gate.claims_of_name_per_hour },
                { "limits", "unproven-links", 0, 1000000, &s->gate.unproven },
                { "limits", "links-of-address", 0, 1000000, &s->gate.links_of_address },
                { "limits", "links-per-minute", 0, 1000000, &s->gate.links_per_minute },
                { "limits", "registrations-per-hour", 0, 1000000, &s->gate.registrations_per_hour },
                { "limits", "chunk-rate", 0, UINT32_MAX, &s->gate.chunk_rate },
                { "limits", "chunk-rate-of-address", 0, UINT32_MAX, &s->gate.chunk_rate_of_address },
        };

        for (unsigned i = 0; i < COUNT_OF(numbers); i++) {
                int64_t value;
                int r = config_integer(c, numbers[i].section, NULL, numbers[i].key, numbers[i].min, numbers[i].max,
                                       &value);

                if (r < 0)
                        return r;
                *numbers[i].out = (unsigned) value;
        }
        return 0;
}

int hub_settings_read(const struct config *c, struct hub_settings *s, struct store_limits *l, bool *access_log)
{
        int r;

        *s = (struct hub_settings){ 0 };
        if ((r = configure_registration(c, s)) < 0 || (r = configure_numbers(c, s, l)) < 0 ||
            (r = configure_memory(c, s)) < 0 || (r = config_boolean(c, "hub", NULL, "access-log", access_log)) < 0 ||
            (r = config_integer(c, "limits", NULL, "mailbox-messages", 1, INT64_MAX, &l->mailbox_entries)) < 0 ||
            (r = config_integer(c, "limits", NULL, "mailbox-bytes", 1, INT64_MAX / 2, &l->mailbox_bytes)) < 0 ||
            (r = config_integer(c, "limits", NULL, "chunk-bytes", 0, INT64_MAX / 2, &l->chunk_bytes)) < 0 ||
            (r = config_duration(c, "limits", NULL, "chunks", &l->chunk_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "handshake", &s->handshake_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "idle", &s->idle_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "retention", &l->retention_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "idempotency", &l->idempotency_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "names", &l->name_usec)) < 0 ||
            (r = config_duration(c, "limits", NULL, "groups", &l->group_usec)) < 0)
                return r;
        return 0;
}

/* Members of a group who are there to be many: members DIRECTORY ADDRESS TOKEN COUNT registers COUNT accounts m0, m1, …
 * at the hub with that address, by an invitation, each with keys of its own in a vault below DIRECTORY and one key
 * package, and prints their addresses. They are offline from then on. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/cryptod/person.h"
#include "relayd/link/link.h"
#include "relayd/link/transport_key.h"
#include "services/cleanup.h"
#include "services/seal.h"

/* One who registers. */
struct member {
        struct person person;
        struct address address;
        struct secret *transport_key;
        struct link *link;
        bool done;
};

static void on_published(void *userdata, const struct link_error *error, struct bytes answer)
{
        struct member *m = userdata;

        if (error)
                errx(1, "%s: %s", m->address.name, error->sentence);
        m->done = true;
}

static void on_up(struct link *l, void *userdata, const struct link_up *up)
{
        _cleanup_writer_ struct writer packages = WRITER_INIT;
        struct member *m = userdata;

        if (messenger_key_packages(m->person.messenger, 0, 1, (uint64_t) time(NULL), &packages) < 0 ||
            link_request(l, FRAME_PUBLISH_KEY_PACKAGES, writer_bytes(&packages), on_published, m) < 0)
                errx(1, "%s has no key package", m->address.name);
}

static void on_down(struct link *l, void *userdata, const struct link_error *error)
{
        errx(1, "the link is down: %s", error->sentence);
}

static void on_entry(struct link *l, void *userdata, const struct entry *entry)
{
}

static void on_low(struct link *l, void *userdata, uint32_t left)
{
}

static const struct link_handlers handlers = {
        .up = on_up, .down = on_down, .entry = on_entry, .key_packages_low = on_low
};

static void join_hub(sd_event *event, struct member *m, const char *token)
{
        struct link_parameters p = {
                .address = &m->address, .transport_key = m->transport_key, .registering = true, .token = token
        };

        if (link_open(event, &p, &handlers, m, &m->link) < 0)
                errx(1, "no link");
        while (!m->done) {
                if (sd_event_run(event, UINT64_MAX) < 0)
                        errx(1, "no loop");
        }
}

static void enter(sd_event *event, const char *directory, const char *hub, const char *token, unsigned number)
{
        struct member m = { .transport_key = secret_random(TRANSPORT_KEY_SIZE) };
        char id[ACCOUNT_ID_SIZE + 1], text[ADDRESS_TEXT_MAX], at[ADDRESS_TEXT_MAX + 8];
        const char *reason = "";

        (void) snprintf(at, sizeof(at), "m%u@%s", number, hub);
        if (address_parse(at, &m.address, &reason) < 0)
                errx(1, "%s: %s", at, reason);
        address_format(&m.address, false, text);
        (void) snprintf(id, sizeof(id), "%0*x", ACCOUNT_ID_SIZE, number);
        person_enter_at(&m.person, directory, text, id);
        join_hub(event, &m, token);
        printf("%s\n", text);
        link_free(m.link);
        person_leave(&m.person);
        secret_free(m.transport_key);
}

int main(int argc, char *argv[])
{
        sd_event *event;

        if (argc != 5)
                errx(2, "usage: members DIRECTORY ADDRESS TOKEN COUNT");
        if (sd_event_new(&event) < 0)
                errx(1, "no loop");
        for (unsigned i = 0, count = (unsigned) strtoul(argv[4], NULL, 10); i < count; i++)
                enter(event, argv[1], argv[2], argv[3], i);
        sd_event_unref(event);
        return 0;
}

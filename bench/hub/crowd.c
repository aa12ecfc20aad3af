/* See crowd.h. */
#include "bench/hub/crowd.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/hub/traffic.h"
#include "relayd/hub/store/store.h"
#include "services/cleanup.h"

enum { GROUP = 512 };

void crowd_name(unsigned i, char out[static CROWD_NAME_SIZE])
{
        (void) snprintf(out, CROWD_NAME_SIZE, "m%u", i);
}

struct bytes crowd_recipient(unsigned i, uint8_t out[static CROWD_NAME_SIZE])
{
        int size = snprintf((char *) out + 1, CROWD_NAME_SIZE - 1, "m%u", i);

        out[0] = (uint8_t) size; /* a vector's header, below 64 */
        return BYTES(out, (size_t) size + 1);
}

static void run(struct store *s, struct store_request *requests, unsigned count)
{
        struct store_request *list[GROUP] = { NULL };

        for (unsigned i = 0; i < count; i++)
                list[i] = &requests[i];
        if (store_run(s, list, count) < 0)
                errx(1, "the store could not be filled");
        for (unsigned i = 0; i < count; i++) {
                if (requests[i].result != STORE_DONE)
                        errx(1, "the store refused account or message (%d)", requests[i].result);
                store_request_release(&requests[i]);
        }
}

static void register_all(struct store *s, const uint8_t transport_key[static WIRE_TRANSPORT_KEY_SIZE], unsigned size)
{
        static struct store_request requests[GROUP];
        static char names[GROUP][CROWD_NAME_SIZE];

        for (unsigned i = 0, n; i < size; i += n) {
                n = size - i < GROUP ? size - i : GROUP;
                memset(requests, 0, sizeof(requests));
                for (unsigned j = 0; j < n; j++) {
                        crowd_name(i + j, names[j]);
                        requests[j].operation = STORE_REGISTER;
                        requests[j].name = BYTES_STRING(names[j]);
                        memcpy(requests[j].transport_key, transport_key, WIRE_TRANSPORT_KEY_SIZE);
                }
                run(s, requests, n);
        }
}

static void fill_all(struct store *s, unsigned size, unsigned messages, unsigned spared)
{
        static const uint8_t payload[MESSAGE_SIZE];
        static struct store_request requests[GROUP];
        static uint8_t names[GROUP][CROWD_NAME_SIZE];

        for (unsigned i = 0, n; i < messages; i += n) {
                n = messages - i < GROUP ? messages - i : GROUP;
                memset(requests, 0, sizeof(requests));
                for (unsigned j = 0; j < n; j++) {
                        struct send *m = &requests[j].send;

                        requests[j].operation = STORE_SEND;
                        requests[j].mailbox = 1;
                        order_id(i + j, m->id);
                        m->recipients = crowd_recipient(spared + (i + j) % (size - spared), names[j]);
                        m->recipient_count = 1;
                        m->payload = BYTES_OF(payload);
                }
                run(s, requests, n);
        }
}

void crowd_make(const char *directory, const uint8_t transport_key[static WIRE_TRANSPORT_KEY_SIZE], unsigned size,
                unsigned messages, unsigned spared)
{
        static const struct store_limits limits = { .mailbox_entries = 1LL << 40,
                                                    .mailbox_bytes = 1LL << 50,
                                                    .key_packages = 1,
                                                    .retention_usec = 1ULL << 50,
                                                    .idempotency_usec = 1ULL << 50,
                                                    .name_usec = 1ULL << 50,
                                                    .group_usec = 1ULL << 50 };
        _cleanup_free_ char *state = NULL;
        struct store *s;

        if (asprintf(&state, "%s/state", directory) < 0)
                errx(1, "out of memory");
        (void) mkdir(state, 0700);
        if (store_open(state, &limits, &s) < 0)
                errx(1, "the store in %s cannot be opened", state);
        register_all(s, transport_key, size);
        if (messages > 0)
                fill_all(s, size, messages, spared);
        store_close(s);
}

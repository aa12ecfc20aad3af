/* See upkeep.h. */
#include "cryptod/upkeep.h"

#include <string.h>

#include "cryptod/account.h"
#include "cryptod/conversation/messenger_content.h"
#include "services/log.h"
#include "services/storage.h"

enum {
        RECEIPTS_AFTER_USEC = 500 * 1000,
        AGAIN_AFTER = 60,  /* seconds, after an error */
        LOOK_AFTER = 3600, /* seconds, at most: the retention clock is kept near the time of day that it goes on from */
};

/* Has @handler called in @usec, on the clock that goes on while the machine sleeps, unless it will be by then anyway.
 */
static void call_in(struct account *a, sd_event_source **source, uint64_t usec, sd_event_time_handler_t handler)
{
        uint64_t now, before;
        int enabled = SD_EVENT_OFF, r = sd_event_now(a->cryptod->event, CLOCK_BOOTTIME, &now);

        if (r >= 0 && *source)
                r = sd_event_source_get_enabled(*source, &enabled);
        if (r >= 0 && enabled != SD_EVENT_OFF && sd_event_source_get_time(*source, &before) >= 0 &&
            before <= now + usec)
                return;
        *source = sd_event_source_disable_unref(*source);
        if (r >= 0)
                r = sd_event_add_time(a->cryptod->event, source, CLOCK_BOOTTIME, now + usec, 0, handler, a);
        if (r < 0)
                log_error("Account %s cannot wait for what is to be done later: %s.", account_id(a), strerror(-r));
}

static int on_receipts(sd_event_source *source, uint64_t usec, void *userdata)
{
        struct account *a = userdata;
        int r = messenger_send_receipts(a->messenger);

        a->receipts = sd_event_source_disable_unref(a->receipts);
        if (r < 0)
                log_warning("Receipts of account %s were not sent: %s. That is tried again.", account_id(a),
                            storage_advice(r));
        if (r != 0)
                call_in(a, &a->receipts, r > 0 ? RECEIPTS_AFTER_USEC : (uint64_t) AGAIN_AFTER * 1000000, on_receipts);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *userdata)
{
        const struct instant now = instant_now();
        struct account *a = userdata;
        uint64_t seconds = AGAIN_AFTER;
        int r = messenger_erase_expired(a->messenger, &now, &seconds);

        a->deadlines = sd_event_source_disable_unref(a->deadlines);
        if (r < 0)
                log_warning("What is to disappear was not erased in account %s: %s. That is tried again.",
                            account_id(a), storage_advice(r));
        if (seconds > 0)
                call_in(a, &a->deadlines, (seconds < LOOK_AFTER ? seconds : LOOK_AFTER) * 1000000, on_deadline);
        return 0;
}

void upkeep_start(struct account *a)
{
        (void) on_deadline(NULL, 0, a);
        upkeep_receipts(a);
}

void upkeep_receipts(struct account *a)
{
        call_in(a, &a->receipts, RECEIPTS_AFTER_USEC, on_receipts);
}

void upkeep_deadlines(struct account *a)
{
        call_in(a, &a->deadlines, 0, on_deadline);
}

void upkeep_stop(struct account *a)
{
        a->receipts = sd_event_source_disable_unref(a->receipts);
        a->deadlines = sd_event_source_disable_unref(a->deadlines);
}

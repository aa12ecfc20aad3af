/* What comes over the hub's control socket: never more than a request or a sentence, and a request is within its
 * limits. And what comes over the port of the metrics. */
#include <assert.h>
#include <string.h>

#include "relayd/hub/control_request.h"
#include "relayd/hub/metrics.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct control_request r = { 0 };

        (void) metrics_request_parse(BYTES(data, size));
        const char *fault = control_request_parse(BYTES(data, size), &r);

        if (fault) {
                assert(strlen(fault) > 10);
                return 0;
        }
        if (r.command == CONTROL_INVITE)
                assert(r.uses >= 1 && r.uses <= CONTROL_USES_MAX && r.seconds >= 1 && r.seconds <= CONTROL_SECONDS_MAX);
        if (r.command == CONTROL_REMOVE || r.command == CONTROL_RESET_ROOM)
                assert(wire_name_valid(BYTES_STRING(r.name)));
        return 0;
}

/* What cryptod's work costs beside what it cannot do without: derivations beside the memory that they fill, sealed
 * files beside the cipher, messages beside the disk and the bare primitives, commits beside the public key operations
 * in them.
 *
 *     bench-cryptod [DIRECTORY]     the vaults go to a new directory below it (default: /var/tmp) */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/cryptod/parts.h"
#include "services/cleanup.h"
#include "services/log.h"

int main(int argc, char *argv[])
{
        _cleanup_free_ char *directory = NULL;

        log_open("bench-cryptod", LOG_ERR);
        setlinebuf(stdout);
        if (asprintf(&directory, "%s/bench-cryptod-XXXXXX", argc > 1 ? argv[1] : "/var/tmp") < 0 || !mkdtemp(directory))
                err(1, "%s", directory);
        derivation_bench();
        sealing_bench();
        messages_bench(directory);
        groups_bench(suite_by_id(1));
        groups_bench(suite_by_id(7));
        remove_directory(directory);
        return 0;
}

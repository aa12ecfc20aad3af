/* What cryptod's work costs beside what it cannot do without: derivations beside the memory that they fill, sealed
 * files beside the cipher, messages beside the disk and the bare primitives, commits beside the public key operations
 * in them.
 *
 *     bench-cryptod [DIRECTORY [PART…]]     the vaults go to a new directory below it (default: /var/tmp); parts:
 *                                           derivation, sealing, opening, messages, groups (default: all) */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/cryptod/parts.h"
#include "services/cleanup.h"
#include "services/log.h"

static void derivation(const char *directory)
{
        derivation_bench();
}

static void groups(const char *directory)
{
        groups_bench(suite_by_id(1));
        groups_bench(suite_by_id(7));
}

static const struct part {
        const char *name;
        void (*run)(const char *directory);
} parts[] = {
        { "derivation", derivation },   { "sealing", sealing_bench }, { "opening", opening_bench },
        { "messages", messages_bench }, { "groups", groups },
};

static bool is_wanted(const struct part *p, int argc, char *argv[])
{
        for (int i = 2; i < argc; i++)
                if (strcmp(argv[i], p->name) == 0)
                        return true;
        return argc <= 2;
}

int main(int argc, char *argv[])
{
        _cleanup_free_ char *directory = NULL;

        log_open("bench-cryptod", LOG_ERR);
        setlinebuf(stdout);
        if (asprintf(&directory, "%s/bench-cryptod-XXXXXX", argc > 1 ? argv[1] : "/var/tmp") < 0 || !mkdtemp(directory))
                err(1, "%s", directory);
        for (size_t i = 0; i < COUNT_OF(parts); i++)
                if (is_wanted(&parts[i], argc, argv))
                        parts[i].run(directory);
        remove_directory(directory);
        return 0;
}
